//! The rows of a partition that a match may still need.

use std::collections::VecDeque;
use std::ops::Range;

use super::rules::ValueAhead;
use crate::rows::VariableSet;

/// Rows that follow one another, by their numbers in the partition: what is known of each.
#[derive(Debug)]
pub struct KeptRows {
    /// The number of the first one that is kept.
    first: u64,
    /// Where the caller has each of them.
    references: VecDeque<u64>,
    symbols: KeptSymbols,
    /// The key of each, and the latest key that a match which begins there may reach; nothing where no length bounds matches.
    limits: VecDeque<(i64, i64)>,
    /// By source, the numbers of the rows that have a value of it.
    values: Box<[VecDeque<u64>]>,
}

/// The variables whose conditions hold at rows.
#[derive(Debug)]
enum KeptSymbols {
    /// Up to eight variables.
    Narrow(VecDeque<u8>),
    Wide(VecDeque<VariableSet>),
}

impl KeptRows {
    /// No row yet; `narrow` says that there are no more than eight variables. Of so many sources it is kept which rows have a value.
    pub fn new(narrow: bool, value_sources: usize) -> Self {
        let symbols = if narrow { KeptSymbols::Narrow(VecDeque::new()) } else { KeptSymbols::Wide(VecDeque::new()) };
        let values = vec![VecDeque::new(); value_sources].into();
        Self { first: 0, references: VecDeque::new(), symbols, limits: VecDeque::new(), values }
    }

    /// Begins with the row of this number; there are no rows yet.
    pub fn begin_at(&mut self, first: u64) {
        self.first = first;
    }

    /// The number of the first row that is kept.
    #[inline]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number behind the last row.
    #[inline]
    pub fn end(&self) -> u64 {
        self.first + self.references.len() as u64
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.references.len()
    }

    #[inline]
    fn at(&self, row: u64) -> usize {
        row.wrapping_sub(self.first) as usize
    }

    /// Where the caller has a row; the largest number where it is not kept.
    #[inline]
    pub fn reference(&self, row: u64) -> u64 {
        self.references.get(self.at(row)).copied().unwrap_or(u64::MAX)
    }

    /// Where the caller has all rows, in order.
    pub fn references(&self) -> impl Iterator<Item = u64> {
        self.references.iter().copied()
    }

    /// Where the caller has those of some rows that are kept.
    #[inline]
    pub fn references_of(&self, rows: Range<u64>) -> impl Iterator<Item = u64> {
        let end = self.count_before(rows.end);
        self.references.range(self.count_before(rows.start).min(end)..end).copied()
    }

    /// Gives rows other places with the caller.
    pub fn move_references(&mut self, moved: impl Fn(u64) -> u64) {
        self.references.iter_mut().for_each(|reference| *reference = moved(*reference));
    }

    /// Whether the conditions of all these variables, a bit each, are known to fail at a row. False where rows alone do not say it, or
    /// where there are more than eight variables.
    #[inline]
    pub fn holds_none_of(&self, row: u64, variables: u8) -> bool {
        let KeptSymbols::Narrow(sets) = &self.symbols else { return false };
        sets.get(self.at(row)).is_some_and(|set| set & variables == 0)
    }

    /// Whether a variable's condition holds at a row, as far as rows alone say it.
    #[inline]
    pub fn holds(&self, row: u64, variable: u8) -> bool {
        let at = self.at(row);
        match &self.symbols {
            KeptSymbols::Narrow(sets) => sets.get(at).is_some_and(|set| set >> variable & 1 == 1),
            KeptSymbols::Wide(sets) => sets.get(at).is_some_and(|set| set.contains(variable)),
        }
    }

    /// The variables whose conditions hold at a row.
    pub fn set(&self, row: u64) -> VariableSet {
        let at = self.at(row);
        match &self.symbols {
            KeptSymbols::Narrow(sets) => sets.get(at).map_or(VariableSet::NONE, |&set| VariableSet::of_bits(set)),
            KeptSymbols::Wide(sets) => sets.get(at).copied().unwrap_or(VariableSet::NONE),
        }
    }

    /// The key of a row, and the latest key that a match may reach which begins there.
    #[inline]
    pub fn limit(&self, row: u64) -> Option<(i64, i64)> {
        self.limits.get(self.at(row)).copied()
    }

    /// Adds a row behind the last one.
    #[inline]
    pub fn push(&mut self, reference: u64, set: VariableSet, limit: Option<(i64, i64)>) {
        self.references.push_back(reference);
        match &mut self.symbols {
            KeptSymbols::Narrow(sets) => sets.push_back(set.first_bits()),
            KeptSymbols::Wide(sets) => sets.push_back(set),
        }
        self.limits.extend(limit);
    }

    /// Adds rows behind the last one, with the variables whose conditions hold at each, a bit a variable; no key bounds their matches.
    /// Where there are more than eight variables, nothing is added, and it gives false.
    pub fn extend(&mut self, references: impl ExactSizeIterator<Item = u64>, sets: &[u8]) -> bool {
        let KeptSymbols::Narrow(own) = &mut self.symbols else { return false };
        own.extend(sets);
        self.references.extend(references);
        true
    }

    /// Notes that the last row has a value of a source.
    pub fn note_value(&mut self, source: usize) {
        let last = self.end().saturating_sub(1);
        if let Some(values) = self.values.get_mut(source) {
            values.push_back(last);
        }
    }

    /// The number of the row that has the value that is read behind a row; None where it has not come.
    pub fn value_behind(&self, row: u64, ahead: ValueAhead) -> Option<u64> {
        let values = self.values.get(ahead.source)?;
        let next = values.partition_point(|&value| value <= row) as u64;
        let at = next.checked_add(ahead.distance)?.checked_sub(1)?;
        values.get(usize::try_from(at).ok()?).copied()
    }

    /// The number of the first row behind which the value that is read has not come.
    pub fn unknown_from(&self, ahead: ValueAhead) -> u64 {
        let values = self.values.get(ahead.source);
        let known = values.and_then(|values| {
            let at = (values.len() as u64).checked_sub(ahead.distance)?;
            values.get(usize::try_from(at).ok()?).copied()
        });
        known.unwrap_or(self.first)
    }

    /// How many kept rows have a value of a source.
    pub fn values_of(&self, source: usize) -> u64 {
        self.values.get(source).map_or(0, |values| values.len() as u64)
    }

    /// Says again of a row which conditions hold.
    pub fn set_again(&mut self, row: u64, set: VariableSet) {
        let at = self.at(row);
        match &mut self.symbols {
            KeptSymbols::Narrow(sets) => {
                if let Some(own) = sets.get_mut(at) {
                    *own = set.first_bits();
                }
            }
            KeptSymbols::Wide(sets) => {
                if let Some(own) = sets.get_mut(at) {
                    *own = set;
                }
            }
        }
    }

    /// How many rows there are before this number.
    fn count_before(&self, row: u64) -> usize {
        (row.saturating_sub(self.first) as usize).min(self.references.len())
    }

    /// Forgets the rows before this number.
    pub fn forget_before(&mut self, row: u64) {
        let count = self.count_before(row);
        if count == 0 {
            return;
        }
        self.references.drain(..count);
        match &mut self.symbols {
            KeptSymbols::Narrow(sets) => drop(sets.drain(..count)),
            KeptSymbols::Wide(sets) => drop(sets.drain(..count)),
        }
        self.limits.drain(..count.min(self.limits.len()));
        self.first += count as u64;
        for values in &mut self.values {
            let forgotten = values.partition_point(|&value| value < self.first);
            values.drain(..forgotten);
        }
        if self.is_shrunk_to(self.references.len()) {
            self.shrink_to(2 * self.references.len());
        }
    }

    /// Whether memory is given back when so many rows are left.
    fn is_shrunk_to(&self, rows: usize) -> bool {
        self.references.capacity() > 64 && rows < self.references.capacity() / 4
    }

    /// How many rows there are, and their bytes on the heap, when the rows before this number are forgotten.
    pub fn counts_from(&self, row: u64) -> (usize, usize) {
        let forgotten = self.count_before(row);
        let rows = self.references.len() - forgotten;
        if forgotten == 0 || !self.is_shrunk_to(rows) {
            return (rows, self.memory_bytes());
        }
        let set = match &self.symbols {
            KeptSymbols::Narrow(_) => 1,
            KeptSymbols::Wide(_) => size_of::<VariableSet>(),
        };
        let limit = if self.limits.capacity() > 0 { size_of::<(i64, i64)>() } else { 0 };
        let values = self.values.iter().map(|values| values.len() - values.partition_point(|&value| value < row));
        let of_values = 2 * values.sum::<usize>() * size_of::<u64>() + self.values.len() * size_of::<VecDeque<u64>>();
        (rows, 2 * rows * (size_of::<u64>() + set + limit) + of_values)
    }

    /// Takes rows from this number on away, and gives back the memory of all rows that are not there.
    pub fn truncate(&mut self, end: u64) {
        let count = end.saturating_sub(self.first) as usize;
        self.references.truncate(count);
        match &mut self.symbols {
            KeptSymbols::Narrow(sets) => sets.truncate(count),
            KeptSymbols::Wide(sets) => sets.truncate(count),
        }
        self.limits.truncate(count);
        for values in &mut self.values {
            values.truncate(values.partition_point(|&value| value < end));
        }
        self.shrink_to(count);
    }

    /// Gives back memory that is not needed for so many rows.
    fn shrink_to(&mut self, rows: usize) {
        self.references.shrink_to(rows);
        match &mut self.symbols {
            KeptSymbols::Narrow(sets) => sets.shrink_to(rows),
            KeptSymbols::Wide(sets) => sets.shrink_to(rows),
        }
        self.limits.shrink_to(rows);
        self.values.iter_mut().for_each(|values| values.shrink_to(rows.min(2 * values.len())));
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        let symbols = match &self.symbols {
            KeptSymbols::Narrow(sets) => sets.capacity(),
            KeptSymbols::Wide(sets) => sets.capacity() * size_of::<VariableSet>(),
        };
        let values = self.values.iter().map(|values| size_of::<VecDeque<u64>>() + values.capacity() * size_of::<u64>());
        self.references.capacity() * size_of::<u64>()
            + symbols
            + self.limits.capacity() * size_of::<(i64, i64)>()
            + values.sum::<usize>()
    }
}
