//! Which values an aggregate with DISTINCT has taken in, undone as rows go.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::columns::{Stored, ValueColumn};
use crate::budget::{Budget, Stopped};

/// The values of the rows that were taken in, each with how many of them have it.
#[derive(Debug)]
pub struct SeenValues {
    /// The column of the values' numbers: equal values have one number.
    numbers: usize,
    rows: HashMap<i64, u32>,
    charged: usize,
}

/// What a value takes, with the room that a table leaves free.
const ENTRY_BYTES: usize = 2 * size_of::<(i64, u32)>();

/// Room for so many values is made at first.
const FIRST_ROOM: usize = 4;

impl SeenValues {
    /// Of no row yet.
    pub fn new(numbers: usize) -> Self {
        Self { numbers, rows: HashMap::new(), charged: 0 }
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// Bytes on the heap that are charged.
    pub fn memory_bytes(&self) -> usize {
        self.charged
    }

    /// Takes a row in, and says whether it is the first one with its value.
    pub fn push(&mut self, row: usize, columns: &[ValueColumn<'_>], budget: &Budget) -> Result<bool, Stopped> {
        let number = self.number(row, columns);
        if self.rows.len() == self.rows.capacity() {
            let more = self.rows.capacity().max(FIRST_ROOM);
            budget.charge(more * ENTRY_BYTES)?;
            self.charged += more * ENTRY_BYTES;
            self.rows.try_reserve(more).map_err(|_| budget.stop(Stopped::OutOfMemory))?;
        }
        let rows = self.rows.entry(number).or_insert(0);
        *rows += 1;
        Ok(*rows == 1)
    }

    /// Takes back the row that was taken in last, and says whether it was the only one with its value.
    pub fn pop(&mut self, row: usize, columns: &[ValueColumn<'_>]) -> bool {
        let Entry::Occupied(mut rows) = self.rows.entry(self.number(row, columns)) else { return false };
        *rows.get_mut() -= 1;
        if *rows.get() > 0 {
            return false;
        }
        rows.remove();
        true
    }

    /// All that the future depends on: the values, but not how many rows have each.
    pub fn words(&self, words: &mut Vec<u64>) {
        let begin = words.len();
        words.push(self.rows.len() as u64);
        words.extend(self.rows.keys().map(|&number| number as u64));
        if let Some(numbers) = words.get_mut(begin + 1..) {
            numbers.sort_unstable();
        }
    }

    fn number(&self, row: usize, columns: &[ValueColumn<'_>]) -> i64 {
        columns.get(self.numbers).and_then(|column| i64::read(column, row)).unwrap_or(-1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_of_a_value_comes_first_and_goes_last() {
        let columns = [ValueColumn::from_iter([0_i64, 1, 0, 2, 1].map(Some))];
        let (budget, mut seen) = (Budget::unlimited(), SeenValues::new(0));
        let firsts: Vec<bool> = (0..5).map(|row| seen.push(row, &columns, &budget).unwrap()).collect();
        assert_eq!(firsts, [true, true, false, true, false]);
        let mut words = Vec::new();
        seen.words(&mut words);
        assert_eq!(words, [3, 0, 1, 2]);
        let lasts: Vec<bool> = (0..5).rev().map(|row| seen.pop(row, &columns)).collect();
        assert_eq!(lasts, [false, true, false, true, true]);
        budget.release(seen.memory_bytes());
        assert_eq!(budget.charged_bytes(), 0);
    }
}
