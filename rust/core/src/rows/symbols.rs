//! The rows as symbols: which variables' conditions hold at each row.

use std::collections::HashMap;
use std::ops::Range;

use super::variables::VariableSet;
use crate::budget::{Budget, ROWS_A_LOOK, Stopped};

/// The most variables with which a row's symbol is its set as a byte.
pub const NARROW: usize = 8;

/// Variables in a plane of [`SymbolsBuilder`]; a table of all their sets is small.
const PLANE: usize = 16;

/// One symbol a row.
#[derive(Debug, Clone)]
pub struct Symbols {
    pub(crate) codes: Codes,
    /// The set that each code stands for; empty where the code is the set itself ([`NARROW`]).
    pub(crate) masks: Vec<VariableSet>,
}

#[derive(Debug, Clone)]
pub(crate) enum Codes {
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
    pub(crate) fn code(&self, row: usize) -> u32 {
        match &self.codes {
            Codes::Bytes(codes) => u32::from(codes[row]),
            Codes::Wide(codes) => codes[row],
        }
    }

    /// The variables whose conditions hold at a row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn set(&self, row: usize) -> VariableSet {
        let code = self.code(row);
        self.masks.get(code as usize).copied().unwrap_or(VariableSet([u64::from(code), 0, 0, 0]))
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows' sets as a byte each; None where there are more variables than a byte has bits.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.codes {
            Codes::Bytes(codes) if self.masks.is_empty() => Some(codes),
            _ => None,
        }
    }

    /// Sets of up to eight variables, a byte each.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self { codes: Codes::Bytes(bytes), masks: Vec::new() }
    }

    /// Bytes that they take.
    pub fn memory_bytes(&self) -> usize {
        let codes = match &self.codes {
            Codes::Bytes(codes) => codes.capacity(),
            Codes::Wide(codes) => codes.capacity() * size_of::<u32>(),
        };
        codes + self.masks_bytes()
    }

    /// Bytes of what codes stand for.
    pub(crate) fn masks_bytes(&self) -> usize {
        self.masks.capacity() * size_of::<VariableSet>()
    }

    /// The same rows, where the conditions of some variables hold nowhere.
    pub fn without(&self, variables: VariableSet, budget: &Budget) -> Result<Self, Stopped> {
        let mut masks = Vec::new();
        if !self.masks.is_empty() {
            budget.reserve(&mut masks, self.masks.len())?;
            masks.extend(self.masks.iter().map(|mask| mask.without(variables)));
        }
        let codes = match &self.codes {
            Codes::Bytes(codes) => {
                let kept = if masks.is_empty() { !(variables.0[0] as u8) } else { u8::MAX };
                Codes::Bytes(collected(codes, budget, |code| code & kept)?)
            }
            Codes::Wide(codes) => Codes::Wide(collected(codes, budget, |&code| code)?),
        };
        Ok(Self { codes, masks })
    }

    /// Rows with one variable each: `table` gives the variable of each label (`None`: of no variable), `labels`
    /// the label of each row, and `place` where it stands in the table. A label outside of the table is of no variable.
    pub fn from_labels<L>(
        variable_count: usize,
        table: &[Option<u8>],
        labels: &[L],
        place: impl Fn(&L) -> usize + Copy,
        budget: &Budget,
    ) -> Result<Self, Stopped> {
        if variable_count <= NARROW {
            // One slot more, for labels outside of the table.
            let mut bytes: Vec<u8> = table.iter().map(|entry| entry.map_or(0, |variable| 1 << variable)).collect();
            bytes.push(0);
            let (bytes, outside) = (bytes.as_slice(), table.len());
            let codes = collected(labels, budget, move |label| bytes[place(label).min(outside)])?;
            return Ok(Self { codes: Codes::Bytes(codes), masks: Vec::new() });
        }
        let mut interner = Interner::default();
        let none = interner.code(VariableSet::default());
        let known: Vec<u32> = table
            .iter()
            .map(|variable| variable.map_or(none, |variable| interner.code(VariableSet::of(variable))))
            .collect();
        let known = known.as_slice();
        let codes = collected(labels, budget, move |label| known.get(place(label)).copied().unwrap_or(none))?;
        interner.finish(codes, budget)
    }
}

/// A number for each item, within a budget.
fn collected<I, T: Copy>(items: &[I], budget: &Budget, number: impl Fn(&I) -> T + Copy) -> Result<Vec<T>, Stopped> {
    let mut numbers = Vec::new();
    budget.reserve(&mut numbers, items.len())?;
    for piece in items.chunks(ROWS_A_LOOK) {
        budget.check()?;
        numbers.extend(piece.iter().map(number));
    }
    Ok(numbers)
}

/// Collects conditions column by column.
#[derive(Debug)]
pub struct SymbolsBuilder {
    rows: usize,
    variable_count: usize,
    columns: Columns,
}

#[derive(Debug)]
enum Columns {
    Narrow(Vec<u8>),
    /// [`PLANE`] variables a plane; a plane of a million rows stays in the processor's cache while columns are filled in.
    Planes(Vec<Vec<u16>>),
}

impl SymbolsBuilder {
    /// For `rows` rows where no condition holds yet.
    pub fn new(variable_count: usize, rows: usize, budget: &Budget) -> Result<Self, Stopped> {
        let columns = if variable_count <= NARROW {
            Columns::Narrow(budget.zeroed(rows)?)
        } else {
            let planes = (0..variable_count.div_ceil(PLANE)).map(|_| budget.zeroed(rows));
            Columns::Planes(planes.collect::<Result<_, _>>()?)
        };
        Ok(Self { rows, variable_count, columns })
    }

    /// For rows of which this is known; None where sets are no bytes.
    pub fn of_symbols(variable_count: usize, symbols: Symbols) -> Option<Self> {
        match symbols.codes {
            Codes::Bytes(bytes) if symbols.masks.is_empty() && variable_count <= NARROW => {
                Some(Self { rows: bytes.len(), variable_count, columns: Columns::Narrow(bytes) })
            }
            _ => None,
        }
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

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All rows.
    pub fn all_rows(&mut self) -> SymbolsPiece<'_> {
        let columns = match &mut self.columns {
            Columns::Narrow(bytes) => PieceColumns::Narrow(bytes),
            Columns::Planes(planes) => PieceColumns::Planes(planes.iter_mut().map(Vec::as_mut_slice).collect()),
        };
        SymbolsPiece { variable_count: self.variable_count, columns }
    }

    /// The rows in pieces of so many, which threads can fill; those behind them are left out.
    pub fn pieces(&mut self, lengths: impl Iterator<Item = usize>) -> Vec<SymbolsPiece<'_>> {
        let variable_count = self.variable_count;
        let piece = |columns| SymbolsPiece { variable_count, columns };
        match &mut self.columns {
            Columns::Narrow(bytes) => {
                let mut rest = bytes.as_mut_slice();
                let narrow = |length| rest.split_off_mut(..rest.len().min(length)).unwrap_or_default();
                lengths.map(narrow).map(|bytes| piece(PieceColumns::Narrow(bytes))).collect()
            }
            Columns::Planes(planes) => {
                let mut rest: Vec<&mut [u16]> = planes.iter_mut().map(Vec::as_mut_slice).collect();
                let planes = |length| {
                    let own = rest.iter_mut().map(|rest| rest.split_off_mut(..rest.len().min(length)));
                    own.map(Option::unwrap_or_default).collect()
                };
                lengths.map(planes).map(|planes| piece(PieceColumns::Planes(planes))).collect()
            }
        }
    }

    /// The symbols. Interns the distinct sets when there are more than `NARROW` variables.
    pub fn finish(self, budget: &Budget) -> Result<Symbols, Stopped> {
        match self.columns {
            Columns::Narrow(bytes) => Ok(Symbols::of_bytes(bytes)),
            Columns::Planes(planes) => {
                let mut interner = Interner::default();
                let mut codes = Vec::new();
                budget.reserve(&mut codes, self.rows)?;
                if let [plane] = planes.as_slice() {
                    // A set is its own place in a table of all sets there can be: quicker than any hash.
                    let mut known = vec![u32::MAX; 1 << PLANE];
                    let mut code = |bits: u16| {
                        let known = &mut known[usize::from(bits)];
                        if *known == u32::MAX {
                            *known = interner.code(VariableSet([u64::from(bits), 0, 0, 0]));
                        }
                        *known
                    };
                    for piece in plane.chunks(ROWS_A_LOOK) {
                        budget.check()?;
                        codes.extend(piece.iter().map(|&bits| code(bits)));
                    }
                } else {
                    while codes.len() < self.rows {
                        budget.check()?;
                        let rows = codes.len()..self.rows.min(codes.len() + ROWS_A_LOOK);
                        interner.make_room(rows.len(), budget)?;
                        codes.extend(rows.map(|row| {
                            let mut mask = VariableSet::default();
                            for (number, plane) in planes.iter().enumerate() {
                                mask.0[number / 4] |= u64::from(plane[row]) << (number % 4 * PLANE);
                            }
                            interner.code(mask)
                        }));
                    }
                }
                for plane in &planes {
                    budget.release_vector(plane);
                }
                interner.finish(codes, budget)
            }
        }
    }
}

/// Consecutive rows of a [`SymbolsBuilder`]: all conditions hold until it is said that they do not.
#[derive(Debug)]
pub struct SymbolsPiece<'b> {
    variable_count: usize,
    columns: PieceColumns<'b>,
}

#[derive(Debug)]
enum PieceColumns<'b> {
    Narrow(&'b mut [u8]),
    Planes(Vec<&'b mut [u16]>),
}

impl SymbolsPiece<'_> {
    /// All conditions hold at these rows.
    pub fn fill(&mut self, rows: Range<usize>) {
        // Bits of the variables from one on.
        let set = |from: usize| {
            let count = self.variable_count.saturating_sub(from).min(PLANE) as u32;
            u32::MAX.checked_shr(u32::BITS - count).unwrap_or(0)
        };
        match &mut self.columns {
            PieceColumns::Narrow(bytes) => bytes.get_mut(rows).unwrap_or_default().fill(set(0) as u8),
            PieceColumns::Planes(planes) => {
                for (number, plane) in planes.iter_mut().enumerate() {
                    plane.get_mut(rows.clone()).unwrap_or_default().fill(set(number * PLANE) as u16);
                }
            }
        }
    }

    /// A variable's condition does not hold at those of the rows from `first` on of which this is false.
    #[inline]
    pub fn keep(&mut self, variable: u8, first: usize, holds: impl Iterator<Item = bool>) {
        match &mut self.columns {
            PieceColumns::Narrow(bytes) => {
                for (byte, holds) in bytes.get_mut(first..).unwrap_or_default().iter_mut().zip(holds) {
                    *byte &= !(u8::from(!holds) << variable);
                }
            }
            PieceColumns::Planes(planes) => {
                let (plane, bit) = (usize::from(variable) / PLANE, usize::from(variable) % PLANE);
                let Some(plane) = planes.get_mut(plane).and_then(|plane| plane.get_mut(first..)) else { return };
                for (bits, holds) in plane.iter_mut().zip(holds) {
                    *bits &= !(u16::from(!holds) << bit);
                }
            }
        }
    }

    /// The conditions of a set of variables do not hold at each row from `first` on; sets have numbers.
    pub fn without(&mut self, first: usize, numbers: &[u16], sets: &[VariableSet]) {
        const FEW_SETS: usize = 1 << 8;
        let none = VariableSet::default();
        let sets_of_rows = numbers.iter().map(|&number| sets.get(usize::from(number)).unwrap_or(&none));
        match &mut self.columns {
            PieceColumns::Narrow(bytes) => {
                let rows = bytes.get_mut(first..).unwrap_or_default().iter_mut();
                if sets.len() > FEW_SETS {
                    rows.zip(sets_of_rows).for_each(|(byte, set)| *byte &= !(set.0[0] as u8));
                    return;
                }
                let mut kept = [u8::MAX; FEW_SETS];
                kept.iter_mut().zip(sets).for_each(|(kept, set)| *kept = !(set.0[0] as u8));
                for (byte, &number) in rows.zip(numbers) {
                    *byte &= kept[usize::from(number) % FEW_SETS];
                }
            }
            PieceColumns::Planes(planes) => {
                for (number, plane) in planes.iter_mut().enumerate() {
                    let bits = |set: &VariableSet| (set.0[number / 4] >> (number % 4 * PLANE)) as u16;
                    for (own, set) in plane.get_mut(first..).unwrap_or_default().iter_mut().zip(sets_of_rows.clone()) {
                        *own &= !bits(set);
                    }
                }
            }
        }
    }

    /// What others say of these rows is said of those from `first` on; None where one of the rows is not there.
    pub fn take(&mut self, first: usize, from: &SymbolsBuilder, rows: &[u32]) -> Option<()> {
        fn taken<T: Copy>(own: Option<&mut [T]>, from: &[T], rows: &[u32]) -> Option<()> {
            for (own, &row) in own?.iter_mut().zip(rows) {
                *own = *from.get(row as usize)?;
            }
            Some(())
        }
        match (&mut self.columns, &from.columns) {
            (PieceColumns::Narrow(bytes), Columns::Narrow(from)) => taken(bytes.get_mut(first..), from, rows),
            (PieceColumns::Planes(planes), Columns::Planes(from)) => {
                planes.iter_mut().zip(from).try_for_each(|(plane, from)| taken(plane.get_mut(first..), from, rows))
            }
            _ => None,
        }
    }
}

/// Numbers distinct sets in the order of their appearance.
#[derive(Default)]
struct Interner {
    codes: HashMap<VariableSet, u32, foldhash::fast::RandomState>,
    masks: Vec<VariableSet>,
    /// What is charged for the map.
    charged_bytes: usize,
    /// Sets seen lately, at places that follow from them: most data has few, and the map's hash is slow beside this.
    recent: Vec<Option<(VariableSet, u32)>>,
}

/// Places for sets seen lately; a power of two.
const RECENT: usize = 1 << 10;

/// What a set takes in the map, with its share of free places.
const MAP_ITEM_BYTES: usize = (size_of::<(VariableSet, u32)>() + 1) * 8 / 7;

impl Interner {
    /// Makes room for `sets` more.
    fn make_room(&mut self, sets: usize, budget: &Budget) -> Result<(), Stopped> {
        let places = self.codes.capacity();
        if places - self.codes.len() < sets {
            let bytes = sets.max(places).saturating_mul(MAP_ITEM_BYTES);
            budget.charge(bytes)?;
            self.charged_bytes += bytes;
            self.codes.try_reserve(sets).map_err(|_| budget.stop(Stopped::OutOfMemory))?;
        }
        budget.reserve(&mut self.masks, sets)
    }

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

    fn finish(self, codes: Vec<u32>, budget: &Budget) -> Result<Symbols, Stopped> {
        let Self { codes: map, masks, charged_bytes, .. } = self;
        drop(map);
        budget.release(charged_bytes);
        let codes = if masks.len() <= 256 {
            let narrow = collected(&codes, budget, |&code| code as u8)?;
            budget.release_vector(&codes);
            Codes::Bytes(narrow)
        } else {
            Codes::Wide(codes)
        };
        Ok(Symbols { codes, masks })
    }
}
