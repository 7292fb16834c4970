//! Batches of rows, and the vectors of values that are computed of them.

use std::borrow::Cow;
use std::ops::Range;

use super::bitmap::Bitmap;
use super::columns::{Stored, ValueColumn};
use super::error::EvaluationError;
use super::scalar::Scalar;
use crate::rows::Partitions;

/// Rows that are computed together: what they take stays in the processor's nearest cache.
pub const BATCH_ROWS: usize = 2048;

/// Consecutive rows of columns.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'v> {
    /// The columns.
    pub columns: &'v [ValueColumn<'v>],
    /// Where partitions begin.
    pub partitions: &'v Partitions,
    /// The partition of the first row.
    pub partition: usize,
    /// The first row.
    pub first: usize,
    /// How many rows.
    pub rows: usize,
}

/// Which rows of a batch are to be computed.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'s> {
    /// All of so many.
    All(usize),
    /// These, in order.
    Some(&'s [u16]),
}

impl Selection<'_> {
    /// Calls with each row.
    #[inline]
    pub fn for_each(self, mut call: impl FnMut(usize)) {
        match self {
            Self::All(rows) => (0..rows).for_each(call),
            Self::Some(rows) => rows.iter().for_each(|&row| call(usize::from(row))),
        }
    }

    /// Calls with each row until there is an error.
    #[inline]
    pub fn try_for_each(
        self,
        mut call: impl FnMut(usize) -> Result<(), EvaluationError>,
    ) -> Result<(), EvaluationError> {
        match self {
            Self::All(rows) => (0..rows).try_for_each(call),
            Self::Some(rows) => rows.iter().try_for_each(|&row| call(usize::from(row))),
        }
    }

    /// Those of the rows for which this holds.
    #[inline]
    pub fn filter(self, mut holds: impl FnMut(usize) -> bool) -> Vec<u16> {
        // Without branches, which no processor foresees where a condition holds now and then.
        let (mut rows, mut count) = (vec![0; self.len()], 0);
        self.for_each(|row| {
            if let Some(place) = rows.get_mut(count) {
                *place = row as u16;
            }
            count += usize::from(holds(row));
        });
        rows.truncate(count);
        rows
    }

    /// How many rows.
    pub fn len(self) -> usize {
        match self {
            Self::All(rows) => rows,
            Self::Some(rows) => rows.len(),
        }
    }
}

/// Rows that were filtered out of a batch, all of them where none fell away.
pub fn selected(rows: &[u16], batch_rows: usize) -> Selection<'_> {
    if rows.len() == batch_rows { Selection::All(batch_rows) } else { Selection::Some(rows) }
}

/// A value for each row of a batch; those of rows that were not selected may be anything.
#[derive(Debug, Clone)]
pub struct Vector<'v, K: Scalar> {
    values: Cow<'v, [K::Item<'v>]>,
    /// Which are there; all, when it is empty. What stands at NULL may be anything.
    valid: Vec<bool>,
}

impl<'v, K: Scalar> Vector<'v, K> {
    /// Values, and which of them are there (all, when it is empty).
    pub fn new(values: Vec<K::Item<'v>>, valid: Vec<bool>) -> Self {
        Self { values: Cow::Owned(values), valid }
    }

    /// The same value in all rows.
    pub fn constant(value: K::Item<'v>, rows: usize) -> Self {
        Self::new(vec![value; rows], Vec::new())
    }

    /// NULL in all rows.
    pub fn nulls(rows: usize) -> Self {
        Self::new(vec![K::Item::default(); rows], vec![false; rows])
    }

    /// The values.
    #[inline]
    pub fn values(&self) -> &[K::Item<'v>] {
        &self.values
    }

    /// Which are there; all, when it is empty.
    #[inline]
    pub fn valid(&self) -> &[bool] {
        &self.valid
    }

    /// Whether a row is there.
    #[inline]
    pub fn is_valid(&self, row: usize) -> bool {
        self.valid.get(row).copied().unwrap_or(self.valid.is_empty())
    }

    /// The value of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&K::Item<'v>> {
        if self.is_valid(row) { self.values.get(row) } else { None }
    }

    /// Says of each row whether it has this value; NULL is no value.
    pub fn are(&self, value: &K::Item<'_>, are: &mut [bool]) {
        for (is, own) in are.iter_mut().zip(self.values()) {
            *is = K::equal(K::argument(own), K::argument(value));
        }
        are.iter_mut().zip(&self.valid).for_each(|(is, valid)| *is &= valid);
    }

    /// Taken apart.
    pub fn into_parts(self) -> (Vec<K::Item<'v>>, Vec<bool>) {
        (self.values.into_owned(), self.valid)
    }

    /// Which are there.
    pub fn into_valid(self) -> Vec<bool> {
        self.valid
    }
}

/// Each of them changed.
pub fn negate(values: &mut [bool]) {
    for value in values {
        *value = !*value;
    }
}

/// Which rows of two are both there.
pub fn both(mut one: Vec<bool>, other: &[bool]) -> Vec<bool> {
    if one.is_empty() {
        return other.to_vec();
    }
    // Where the other is empty, nothing is paired.
    one.iter_mut().zip(other).for_each(|(one, other)| *one &= other);
    one
}

impl<'v> Batch<'v> {
    /// Calls with stretches of the batch's rows (from its first on) and the rows of the partition that each is in.
    fn for_each_partition(&self, mut call: impl FnMut(usize, usize, (usize, usize))) {
        let (mut row, mut partition, end) = (self.first, self.partition, self.first + self.rows);
        while row < end && partition < self.partitions.len() {
            let (begin, behind) = self.partitions.bounds(partition);
            let stop = behind.min(end);
            if row < stop {
                call(row - self.first, stop - self.first, (begin, behind));
                row = stop;
            }
            partition += 1;
        }
    }

    /// For stretches of the batch's rows, whose rows at a distance are in their partition: where they begin and end in the batch, and
    /// where the first row at the distance stands.
    fn for_each_reached(&self, distance: i64, mut call: impl FnMut(usize, usize, usize)) {
        self.for_each_partition(|from, to, (begin, behind)| {
            // Rows are below two to the power of 63.
            let place = |row: usize| (self.first + row) as i64;
            let least = (begin as i64).saturating_sub(distance).max(place(from));
            let most = (behind as i64).saturating_sub(distance).min(place(to));
            if least < most {
                let from = (least - self.first as i64) as usize;
                call(from, (most - self.first as i64) as usize, least.saturating_add(distance) as usize);
            }
        });
    }

    /// Where the rows at a distance stand in a column, whatever partition they are in, and of which of the batch's rows they are.
    pub fn window(&self, column: &ValueColumn<'_>, distance: i64) -> (usize, Range<usize>) {
        let (first, rows, count) = (self.first as i64, self.rows as i64, column.len() as i64);
        let at = first.saturating_add(distance);
        let (begin, end) = (at.clamp(0, count), at.saturating_add(rows).clamp(0, count));
        let from = begin.saturating_sub(at).clamp(0, rows);
        (begin as usize, from as usize..(from + (end - begin).max(0)) as usize)
    }

    /// The values at a distance as they lie in memory, whatever partition they are in, and of which of the batch's rows they are;
    /// None where values do not lie one after another.
    pub fn slice<K: Stored>(&self, column: usize, distance: i64) -> Option<(&'v [K::Item<'v>], Range<usize>)> {
        let column = self.columns.get(column)?;
        let (begin, rows) = self.window(column, distance);
        Some((K::slice(column, begin, rows.len())?, rows))
    }

    /// Makes those of the batch's rows false whose row at a distance is not there: in another partition, or NULL in a column.
    pub fn keep_there(&self, column: usize, distance: i64, rows: &mut [bool]) {
        if let Some(valid) = self.columns.get(column).and_then(ValueColumn::valid) {
            let at = (self.first as i64).saturating_add(distance);
            let (skipped, first) = if at < 0 { (at.unsigned_abs() as usize, 0) } else { (0, at as usize) };
            valid.keep(first, rows.get_mut(skipped..).unwrap_or_default());
        }
        if distance == 0 {
            return;
        }
        let reach = usize::try_from(distance.unsigned_abs()).unwrap_or(usize::MAX);
        self.for_each_partition(|from, to, (begin, end)| {
            let outside = if distance < 0 {
                let reached = begin.saturating_add(reach).saturating_sub(self.first);
                from..reached.clamp(from, to)
            } else {
                let reached = end.saturating_sub(reach).max(begin).saturating_sub(self.first);
                reached.clamp(from, to)..to
            };
            rows.get_mut(outside).unwrap_or_default().fill(false);
        });
    }

    /// Which rows have one at a distance in their partition.
    pub fn exists(&self, distance: i64) -> Vector<'v, bool> {
        let mut exists = vec![false; self.rows];
        self.for_each_reached(distance, |from, to, _| {
            exists.get_mut(from..to).unwrap_or_default().fill(true);
        });
        Vector::new(exists, Vec::new())
    }

    /// Which of the batch's rows are there in a column; all, when it is empty.
    pub fn valid(&self, column: usize) -> Vec<bool> {
        valid_rows(self.columns.get(column).and_then(ValueColumn::valid), self.first, self.rows)
    }

    /// The values of a column at a distance; NULL where that is in another partition.
    pub fn read<K: Stored>(&self, column: usize, distance: i64) -> Vector<'v, K> {
        let Some(column) = self.columns.get(column) else { return Vector::nulls(self.rows) };
        let mut whole = None;
        if distance == 0 {
            whole = Some(self.first);
        } else {
            self.for_each_reached(distance, |from, to, at| {
                if (from, to) == (0, self.rows) {
                    whole = Some(at);
                }
            });
        }
        let column_valid = column.valid();
        if let Some(at) = whole
            && let Some(values) = K::slice(column, at, self.rows)
        {
            return Vector { values: Cow::Borrowed(values), valid: valid_rows(column_valid, at, self.rows) };
        }
        let (mut values, mut valid) = (vec![K::Item::default(); self.rows], vec![false; self.rows]);
        let mut copy = |from: usize, to: usize, at: usize| {
            let (Some(values), Some(valid)) = (values.get_mut(from..to), valid.get_mut(from..to)) else { return };
            if let Some(slice) = K::slice(column, at, to - from) {
                values.clone_from_slice(slice);
                match column_valid {
                    Some(bits) => bits.write(at, valid),
                    None => valid.fill(true),
                }
                return;
            }
            for ((place, value), valid) in values.iter_mut().enumerate().zip(valid) {
                if let Some(read) = K::read(column, at + place) {
                    (*value, *valid) = (read, true);
                }
            }
        };
        match whole {
            Some(at) => copy(0, self.rows, at),
            None => self.for_each_reached(distance, copy),
        }
        Vector::new(values, valid)
    }
}

/// Which of these rows are there; none is named when all are.
fn valid_rows(bits: Option<&Bitmap<'_>>, first: usize, rows: usize) -> Vec<bool> {
    match bits {
        Some(bits) if !bits.all(first, rows) => {
            let mut valid = vec![false; rows];
            bits.write(first, &mut valid);
            valid
        }
        _ => Vec::new(),
    }
}
