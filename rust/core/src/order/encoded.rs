//! Keys of rows as bytes: equal keys have equal bytes, and bytes are in the order of the keys.
//!
//! Rows that come one batch after another are compared by them with rows of earlier batches, of which nothing else is kept.

use super::columns::{KeyChunk, KeyValues, SortKey};
use super::error::OrderError;
use crate::budget::{Budget, Tick};

/// Rows between two looks at the limits.
const ROWS_A_LOOK: usize = 1 << 12;

/// So many numbers are read at a time.
const NUMBERS_AT_ONCE: usize = 1 << 9;

/// Of a number that is encoded: [`VALUE`] and its eight bytes.
const NUMBER_BYTES: usize = 9;

/// Before a value, and in the place of a NULL, so that NULLs come first or last.
const NULL_FIRST: u8 = 0;
const VALUE: u8 = 1;
const NULL_LAST: u8 = 2;

/// What follows a byte 0 of a text, and what ends a text: a text comes before those that it begins.
const ESCAPED: u8 = u8::MAX;
const END: [u8; 2] = [0, 0];

/// The keys of rows as bytes.
///
/// ```
/// use rowpattern_core::budget::Budget;
/// use rowpattern_core::order::{EncodedKeys, KeyChunk, KeyValues, SortKey};
/// let chunk = KeyChunk { rows: 3, valid: None, values: KeyValues::I64(&[5, -1, 5]) };
/// let key = SortKey { chunks: vec![chunk], descending: false, nulls_first: false };
/// let keys = EncodedKeys::new(&[key], 3, &Budget::unlimited(), &mut || Ok(())).unwrap();
/// assert!(keys.row(1) < keys.row(0));
/// assert_eq!(keys.row(0), keys.row(2));
/// ```
#[derive(Debug, Default)]
pub struct EncodedKeys {
    bytes: Vec<u8>,
    /// Behind the bytes of each row.
    ends: Vec<usize>,
}

impl EncodedKeys {
    /// Writes the keys of so many rows. Takes time linear in the bytes of the keys, which it charges to the budget.
    pub fn new(keys: &[SortKey<'_>], rows: usize, budget: &Budget, tick: &mut Tick<'_>) -> Result<Self, OrderError> {
        if let Some(key) = keys.iter().position(|key| key.rows() != rows) {
            return Err(OrderError::Unreadable { key, row: rows, what: "keys have different numbers of rows" });
        }
        let mut found = Self::default();
        budget.reserve(&mut found.ends, rows)?;
        if let [key] = keys
            && !key.descending
            && key.chunks.iter().all(|chunk| is_number(&chunk.values))
        {
            found.write_numbers(key, budget, tick)?;
            return Ok(found);
        }
        let mut cursors: Vec<Cursor<'_>> = keys.iter().map(|key| Cursor { key, chunk: 0, row: 0 }).collect();
        let mut row_bytes = Vec::new();
        for row in 0..rows {
            if row.is_multiple_of(ROWS_A_LOOK) {
                budget.check()?;
                tick()?;
            }
            row_bytes.clear();
            for (key, cursor) in cursors.iter_mut().enumerate() {
                let unreadable = OrderError::Unreadable { key, row, what: "the value cannot be read" };
                cursor.write_next(&mut row_bytes).ok_or(unreadable)?;
            }
            budget.reserve(&mut found.bytes, row_bytes.len())?;
            found.bytes.extend_from_slice(&row_bytes);
            found.ends.push(found.bytes.len());
        }
        Ok(found)
    }

    /// Writes a key of numbers, as it stands alone: as `write_value` would, many values at a time.
    fn write_numbers(&mut self, key: &SortKey<'_>, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), OrderError> {
        let null = if key.nulls_first { NULL_FIRST } else { NULL_LAST };
        let mut numbers = [0; NUMBERS_AT_ONCE];
        for chunk in &key.chunks {
            for begin in (0..chunk.rows).step_by(NUMBERS_AT_ONCE) {
                budget.check()?;
                tick()?;
                let rows = begin..chunk.rows.min(begin + NUMBERS_AT_ONCE);
                let row = self.ends.len();
                let unreadable = OrderError::Unreadable { key: 0, row, what: "the value cannot be read" };
                let numbers = &mut numbers[..rows.len()];
                chunk.values.numbers(rows.clone(), numbers).ok_or(unreadable)?;
                budget.reserve(&mut self.bytes, NUMBER_BYTES * rows.len())?;
                for (row, number) in rows.zip(numbers) {
                    if chunk.valid.is_some_and(|valid| !valid.get(row)) {
                        self.bytes.push(null);
                    } else {
                        self.bytes.push(VALUE);
                        self.bytes.extend_from_slice(&number.to_be_bytes());
                    }
                    self.ends.push(self.bytes.len());
                }
            }
        }
        Ok(())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of a row's keys; none where there is no such row.
    #[inline]
    pub fn row(&self, row: usize) -> &[u8] {
        let begin = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(row).and_then(|&end| self.bytes.get(begin..end)).unwrap_or_default()
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(&self, budget: &Budget) {
        budget.release_vector(&self.bytes);
        budget.release_vector(&self.ends);
    }
}

/// Whether values are numbers of 64 bits, or become such.
fn is_number(values: &KeyValues<'_>) -> bool {
    !matches!(values, KeyValues::Nulls | KeyValues::Places(..) | KeyValues::I128(_) | KeyValues::Texts(_))
}

/// A place in a key's chunks.
struct Cursor<'k> {
    key: &'k SortKey<'k>,
    chunk: usize,
    row: usize,
}

impl Cursor<'_> {
    /// Writes the next row; None where it cannot be read.
    #[inline]
    fn write_next(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        let mut chunk = self.key.chunks.get(self.chunk)?;
        while self.row >= chunk.rows {
            (self.chunk, self.row) = (self.chunk + 1, 0);
            chunk = self.key.chunks.get(self.chunk)?;
        }
        let row = self.row;
        self.row += 1;
        write_value(self.key, chunk, row, bytes)
    }
}

#[inline]
fn write_value(key: &SortKey<'_>, chunk: &KeyChunk<'_>, row: usize, bytes: &mut Vec<u8>) -> Option<()> {
    if matches!(chunk.values, KeyValues::Nulls) || chunk.valid.is_some_and(|valid| !valid.get(row)) {
        bytes.push(if key.nulls_first { NULL_FIRST } else { NULL_LAST });
        return Some(());
    }
    if let KeyValues::Places(places, entries) = &chunk.values {
        let entry = places.entry(row).filter(|&entry| entry < entries.rows)?;
        return write_value(key, entries, entry, bytes);
    }
    bytes.push(VALUE);
    let begin = bytes.len();
    match &chunk.values {
        KeyValues::I128(numbers) => {
            let ordered = numbers.get(row)? ^ i128::MIN;
            bytes.extend_from_slice(&ordered.to_be_bytes());
        }
        KeyValues::Texts(texts) => {
            for &byte in texts.bytes_of(row)? {
                bytes.push(byte);
                if byte == 0 {
                    bytes.push(ESCAPED);
                }
            }
            bytes.extend_from_slice(&END);
        }
        values => {
            let mut number = [0];
            values.numbers(row..row.checked_add(1)?, &mut number)?;
            bytes.extend_from_slice(&number[0].to_be_bytes());
        }
    }
    if key.descending {
        bytes.iter_mut().skip(begin).for_each(|byte| *byte = !*byte);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;
    use crate::order::{BitSlice, KeyTexts};

    struct Texts(Vec<Vec<u8>>);

    impl KeyTexts for Texts {
        fn bytes_of(&self, row: usize) -> Option<&[u8]> {
            self.0.get(row).map(Vec::as_slice)
        }
    }

    fn compared(a: Option<&[u8]>, b: Option<&[u8]>, descending: bool, nulls_first: bool) -> Ordering {
        match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => {
                if nulls_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (Some(_), None) => {
                if nulls_first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (Some(a), Some(b)) => {
                if descending {
                    b.cmp(a)
                } else {
                    a.cmp(b)
                }
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_are_ordered_as_keys(
            texts in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 2..8),
            numbers in prop::collection::vec(-3_i64..3, 8),
            nulls in 0_u8..=255,
            (descending, nulls_first) in (any::<bool>(), any::<bool>()),
        ) {
            let rows = texts.len();
            let valid = [nulls];
            let valid = BitSlice::new(&valid, 0);
            let texts = Texts(texts);
            let key = |values| SortKey { chunks: vec![KeyChunk { rows, valid: Some(valid), values }], descending, nulls_first };
            let keys = [key(KeyValues::Texts(&texts)), key(KeyValues::I64(&numbers[..rows]))];
            let found = EncodedKeys::new(&keys, rows, &Budget::unlimited(), &mut || Ok(())).unwrap();
            let alone = EncodedKeys::new(&keys[1..], rows, &Budget::unlimited(), &mut || Ok(())).unwrap();
            prop_assert_eq!(alone.len(), rows);
            for a in 0..rows {
                for b in 0..rows {
                    let text = |row: usize| valid.get(row).then(|| texts.0[row].as_slice());
                    let number = |row: usize| numbers[row].wrapping_sub(i64::MIN).to_be_bytes();
                    let (one, other) = (number(a), number(b));
                    let numbers = [a, b].map(|row| valid.get(row));
                    let wanted = compared(text(a), text(b), descending, nulls_first).then(compared(
                        numbers[0].then_some(&one[..]), numbers[1].then_some(&other[..]), descending, nulls_first,
                    ));
                    prop_assert_eq!(found.row(a).cmp(found.row(b)), wanted);
                    let wanted = compared(numbers[0].then_some(&one[..]), numbers[1].then_some(&other[..]), descending, nulls_first);
                    prop_assert_eq!(alone.row(a).cmp(alone.row(b)), wanted);
                }
            }
        }
    }
}
