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
        let codes = labels
            .map(|label| match table.get(label) {
                Some(Some(variable)) => interner.code(VariableSet::of(*variable)),
                _ => none,
            })
            .collect();
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
    /// `words` words a row.
    Wide {
        words: usize,
        bits: Vec<u64>,
    },
}

impl SymbolsBuilder {
    /// For `rows` rows where no condition holds yet.
    pub fn new(variable_count: usize, rows: usize) -> Self {
        let columns = if variable_count <= NARROW {
            Columns::Narrow(memory::zeroed(rows))
        } else {
            let words = variable_count.div_ceil(64);
            Columns::Wide { words, bits: vec![0; rows * words] }
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
            Columns::Wide { words, bits } => {
                let word = usize::from(variable >> 6);
                for (row, holds) in bits[first * *words..].chunks_exact_mut(*words).zip(values) {
                    row[word] |= u64::from(holds) << (variable & 63);
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
            Columns::Wide { words, bits } => {
                let mut interner = Interner::default();
                let codes = bits
                    .chunks_exact(words)
                    .map(|row| {
                        let mut mask = VariableSet::default();
                        mask.0[..words].copy_from_slice(row);
                        interner.code(mask)
                    })
                    .collect();
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
    /// Neighbouring rows are often alike.
    last: Option<(VariableSet, u32)>,
}

impl Interner {
    fn code(&mut self, mask: VariableSet) -> u32 {
        if let Some((last, code)) = self.last
            && last == mask
        {
            return code;
        }
        let code = *self.codes.entry(mask).or_insert_with(|| {
            self.masks.push(mask);
            self.masks.len() as u32 - 1
        });
        self.last = Some((mask, code));
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
