//! The rows as symbols: which variables' conditions hold at each row.

use std::collections::HashMap;

use crate::memory;

/// A set of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct VariableSet([u64; 4]);

impl VariableSet {
    /// The set of one variable.
    pub fn of(variable: u8) -> Self {
        let mut set = Self::default();
        set.insert(variable);
        set
    }

    /// Adds a variable.
    pub fn insert(&mut self, variable: u8) {
        self.0[usize::from(variable >> 6)] |= 1 << (variable & 63);
    }

    /// Whether the variable is in the set.
    pub fn contains(&self, variable: u8) -> bool {
        self.0[usize::from(variable >> 6)] >> (variable & 63) & 1 == 1
    }
}

impl FromIterator<u8> for VariableSet {
    fn from_iter<I: IntoIterator<Item = u8>>(variables: I) -> Self {
        let mut set = Self::default();
        variables.into_iter().for_each(|variable| set.insert(variable));
        set
    }
}

/// Up to so many variables, a row's symbol is its set as a byte.
pub const NARROW: usize = 8;

/// Variables in a plane of [`SymbolsBuilder`]; of so many, all sets there can be have places in a table.
const PLANE: usize = 16;

/// One symbol a row.
#[derive(Debug, Clone)]
pub struct Symbols {
    pub(super) codes: Codes,
    /// The set that each code stands for; empty where the code is the set itself ([`NARROW`]).
    pub(super) masks: Vec<VariableSet>,
}

#[derive(Debug, Clone)]
pub(super) enum Codes {
    Bytes(Vec<u8>),
    /// More than 256 distinct sets in the data.
    Wide(Vec<u32>),
}

impl Symbols {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match &self.codes {
            Codes::Bytes(codes) => codes.len(),
            Codes::Wide(codes) => codes.len(),
        }
    }

    /// The code of one row.
    #[inline]
    pub(super) fn code(&self, row: usize) -> u32 {
        match &self.codes {
            Codes::Bytes(codes) => u32::from(codes[row]),
            Codes::Wide(codes) => codes[row],
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows with one variable each: `table` gives the variable of each label (`None`: of no variable), `labels`
    /// the label of each row. A label outside of the table is of no variable.
    pub fn from_labels(
        variable_count: usize,
        table: &[Option<u8>],
        labels: impl ExactSizeIterator<Item = usize>,
    ) -> Self {
        if variable_count <= NARROW {
            // One slot more, for labels outside of the table.
            let mut bytes: Vec<u8> = table.iter().map(|entry| entry.map_or(0, |variable| 1 << variable)).collect();
            bytes.push(0);
            let outside = table.len();
            let mut codes = memory::with_capacity(labels.len());
            codes.extend(labels.map(|label| bytes[label.min(outside)]));
            return Self { codes: Codes::Bytes(codes), masks: Vec::new() };
        }
        let mut interner = Interner::default();
        let none = interner.code(VariableSet::default());
        let known: Vec<u32> = table
            .iter()
            .map(|variable| variable.map_or(none, |variable| interner.code(VariableSet::of(variable))))
            .collect();
        let codes = labels.map(|label| known.get(label).copied().unwrap_or(none)).collect();
        interner.finish(codes)
    }
}

/// Collects conditions column by column.
#[derive(Debug)]
pub struct SymbolsBuilder {
    rows: usize,
    columns: Columns,
}

#[derive(Debug)]
enum Columns {
    Narrow(Vec<u8>),
    /// So many variables a plane; a plane of a million rows stays in the processor's cache while columns are filled in.
    Planes(Vec<Vec<u16>>),
}

impl SymbolsBuilder {
    /// For `rows` rows where no condition holds yet.
    pub fn new(variable_count: usize, rows: usize) -> Self {
        let columns = if variable_count <= NARROW {
            Columns::Narrow(memory::zeroed(rows))
        } else {
            Columns::Planes((0..variable_count.div_ceil(PLANE)).map(|_| memory::zeroed(rows)).collect())
        };
        Self { rows, columns }
    }

    /// Says of consecutive rows from `first` on whether the variable's condition holds.
    ///
    /// # Panics
    /// When there are more values than rows.
    pub fn fill(&mut self, variable: u8, first: usize, values: impl Iterator<Item = bool>) {
        match &mut self.columns {
            Columns::Narrow(bytes) => {
                for (byte, holds) in bytes[first..].iter_mut().zip(values) {
                    *byte |= u8::from(holds) << variable;
                }
            }
            Columns::Planes(planes) => {
                let (plane, bit) = (usize::from(variable) / PLANE, usize::from(variable) % PLANE);
                for (bits, holds) in planes[plane][first..].iter_mut().zip(values) {
                    *bits |= u16::from(holds) << bit;
                }
            }
        }
    }

    /// The variable's condition holds at every row.
    pub fn fill_all(&mut self, variable: u8) {
        let rows = self.rows;
        self.fill(variable, 0, std::iter::repeat_n(true, rows));
    }

    /// The symbols. Interns the distinct sets when there are more than [`NARROW`] variables.
    pub fn finish(self) -> Symbols {
        match self.columns {
            Columns::Narrow(bytes) => Symbols { codes: Codes::Bytes(bytes), masks: Vec::new() },
            Columns::Planes(planes) => {
                let mut interner = Interner::default();
                let codes = if let [plane] = planes.as_slice() {
                    // A set is its own place in a table of all sets there can be: quicker than any hash.
                    let mut known = vec![u32::MAX; 1 << PLANE];
                    let mut code = |bits: u16| {
                        let known = &mut known[usize::from(bits)];
                        if *known == u32::MAX {
                            *known = interner.code(VariableSet([u64::from(bits), 0, 0, 0]));
                        }
                        *known
                    };
                    plane.iter().map(|&bits| code(bits)).collect()
                } else {
                    let code = |row: usize| {
                        let mut mask = VariableSet::default();
                        for (number, plane) in planes.iter().enumerate() {
                            mask.0[number / 4] |= u64::from(plane[row]) << (number % 4 * PLANE);
                        }
                        interner.code(mask)
                    };
                    (0..self.rows).map(code).collect()
                };
                interner.finish(codes)
            }
        }
    }
}

/// Numbers distinct sets in the order of their appearance.
#[derive(Default)]
struct Interner {
    codes: HashMap<VariableSet, u32, foldhash::fast::RandomState>,
    masks: Vec<VariableSet>,
    /// Sets seen lately, at places that follow from them: most data has few, and the map's hash is slow beside this.
    recent: Vec<Option<(VariableSet, u32)>>,
}

/// Places for sets seen lately; a power of two.
const RECENT: usize = 1 << 10;

impl Interner {
    fn code(&mut self, mask: VariableSet) -> u32 {
        if self.recent.is_empty() {
            self.recent = vec![None; RECENT];
        }
        // The top bits of a product depend on all bits of a word.
        let mixed = mask.0.iter().fold(0_u64, |mixed, &word| (mixed ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let place = (mixed >> 54) as usize & (RECENT - 1);
        if let Some((known, code)) = self.recent[place]
            && known == mask
        {
            return code;
        }
        let code = *self.codes.entry(mask).or_insert_with(|| {
            self.masks.push(mask);
            self.masks.len() as u32 - 1
        });
        self.recent[place] = Some((mask, code));
        code
    }

    fn finish(self, codes: Vec<u32>) -> Symbols {
        let codes = if self.masks.len() <= 256 {
            Codes::Bytes(codes.into_iter().map(|code| code as u8).collect())
        } else {
            Codes::Wide(codes)
        };
        Symbols { codes, masks: self.masks }
    }
}
