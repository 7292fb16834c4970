//! Columns that grow at their end.

use std::borrow::Cow;
use std::ops::Range;

use super::{BoolColumn, FixedColumn, ValueColumn};
use crate::expression::bitmap::{Bitmap, append_valid, append_valid_of};
use crate::expression::text_column::TextColumn;

/// What is done with a column whatever the type of its values, and what where they are so many NULLs.
macro_rules! of_any_type {
    ($values:expr, $rows:ident => $of_nulls:expr, $column:ident => $of_column:expr) => {
        match $values {
            ValueColumn::Null($rows) => $of_nulls,
            ValueColumn::Bool($column) => $of_column,
            ValueColumn::Int($column) => $of_column,
            ValueColumn::Wide($column) => $of_column,
            ValueColumn::Float($column) => $of_column,
            ValueColumn::Double($column) => $of_column,
            ValueColumn::Interval($column) => $of_column,
            ValueColumn::Text($column) => $of_column,
        }
    };
}

impl ValueColumn<'static> {
    /// Adds values of another column of the same type; says whether the values are held in another way than before, as they are
    /// when the first ones come that are not NULL.
    pub fn append(&mut self, other: &ValueColumn<'_>, rows: Range<usize>) -> bool {
        if matches!(other, ValueColumn::Null(_)) {
            self.append_nulls(rows.len());
            return false;
        }
        let nulls = if let Self::Null(nulls) = self { Some(*nulls) } else { None };
        if let Some(nulls) = nulls {
            *self = Self::nothing_like(other);
            self.append_nulls(nulls);
        }
        match (self, other) {
            (Self::Bool(own), ValueColumn::Bool(other)) => own.append(other, rows),
            (Self::Int(own), ValueColumn::Int(other)) => own.append(other, rows),
            (Self::Wide(own), ValueColumn::Wide(other)) => own.append(other, rows),
            (Self::Float(own), ValueColumn::Float(other)) => own.append(other, rows),
            (Self::Double(own), ValueColumn::Double(other)) => own.append(other, rows),
            (Self::Interval(own), ValueColumn::Interval(other)) => own.append(other, rows),
            (Self::Text(own), ValueColumn::Text(other)) => own.append(other, rows),
            (own, _) => own.append_nulls(rows.len()),
        }
        nulls.is_some()
    }

    fn nothing_like(other: &ValueColumn<'_>) -> Self {
        match other {
            ValueColumn::Null(_) => Self::Null(0),
            ValueColumn::Bool(_) => Self::Bool(BoolColumn { values: Bitmap::default(), valid: None }),
            ValueColumn::Int(_) => Self::Int(FixedColumn::nothing()),
            ValueColumn::Wide(_) => Self::Wide(FixedColumn::nothing()),
            ValueColumn::Float(_) => Self::Float(FixedColumn::nothing()),
            ValueColumn::Double(_) => Self::Double(FixedColumn::nothing()),
            ValueColumn::Interval(_) => Self::Interval(FixedColumn::nothing()),
            ValueColumn::Text(_) => Self::Text([].into_iter().collect::<TextColumn<'static>>()),
        }
    }

    fn append_nulls(&mut self, rows: usize) {
        of_any_type!(self, own => *own += rows, own => own.append_nulls(rows));
    }

    /// Takes away the rows from this one on.
    pub fn truncate(&mut self, rows: usize) {
        of_any_type!(self, own => *own = rows.min(*own), own => own.truncate(rows));
    }

    /// Takes away so many rows at the beginning.
    pub fn drop_first(&mut self, rows: usize) {
        of_any_type!(self, own => *own = own.saturating_sub(rows), own => own.drop_first(rows));
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        of_any_type!(self, _rows => 0, own => own.memory_bytes())
    }
}

impl BoolColumn<'static> {
    fn append(&mut self, other: &BoolColumn<'_>, rows: Range<usize>) {
        append_valid_of(&mut self.valid, self.values.len(), other.valid.as_ref(), rows.clone());
        rows.for_each(|row| self.values.push(other.values.get(row)));
    }

    fn append_nulls(&mut self, rows: usize) {
        append_valid(&mut self.valid, self.values.len(), std::iter::repeat_n(false, rows));
        (0..rows).for_each(|_| self.values.push(false));
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.valid.iter_mut().for_each(|valid| valid.truncate(rows));
    }

    fn drop_first(&mut self, rows: usize) {
        self.values.drop_first(rows);
        self.valid.iter_mut().for_each(|valid| valid.drop_first(rows));
    }

    fn memory_bytes(&self) -> usize {
        self.values.memory_bytes() + self.valid.as_ref().map_or(0, Bitmap::memory_bytes)
    }
}

impl<T: Clone + Default> FixedColumn<'static, T> {
    fn nothing() -> Self {
        Self { values: Cow::Owned(Vec::new()), valid: None }
    }

    fn append(&mut self, other: &FixedColumn<'_, T>, rows: Range<usize>) {
        append_valid_of(&mut self.valid, self.values.len(), other.valid.as_ref(), rows.clone());
        self.values.to_mut().extend_from_slice(other.values.get(rows).unwrap_or_default());
    }

    fn append_nulls(&mut self, rows: usize) {
        append_valid(&mut self.valid, self.values.len(), std::iter::repeat_n(false, rows));
        let count = self.values.len() + rows;
        self.values.to_mut().resize_with(count, T::default);
    }

    fn truncate(&mut self, rows: usize) {
        self.values.to_mut().truncate(rows);
        self.valid.iter_mut().for_each(|valid| valid.truncate(rows));
    }

    fn drop_first(&mut self, rows: usize) {
        let count = rows.min(self.values.len());
        self.values.to_mut().drain(..count);
        self.valid.iter_mut().for_each(|valid| valid.drop_first(count));
    }

    fn memory_bytes(&self) -> usize {
        let own = if let Cow::Owned(values) = &self.values { values.capacity() } else { 0 };
        own * size_of::<T>() + self.valid.as_ref().map_or(0, Bitmap::memory_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Value;

    #[test]
    fn what_is_appended_and_taken_away_is_what_a_list_has() {
        fn check(pieces: &[ValueColumn<'static>]) {
            let (mut column, mut list, mut longest) = (ValueColumn::Null(0), Vec::new(), 0);
            for (step, piece) in pieces.iter().cycle().take(200).enumerate() {
                let (begin, kept) = (step % 3, list.len() - list.len().min(step % 3));
                column.truncate(kept);
                list.truncate(kept);
                let dropped = list.len().min(step % 2);
                column.drop_first(dropped);
                list.drain(..dropped);
                column.append(piece, begin..piece.len());
                list.extend((begin..piece.len()).map(|row| piece.value(row)));
                let found: Vec<Value> = (0..column.len()).map(|row| column.value(row)).collect();
                assert_eq!(found, list);
                longest = longest.max(list.len());
            }
            assert!(longest > 100, "{longest}");
        }
        check(&[ValueColumn::Null(5), ValueColumn::from_iter([1_i64, 2, 3, 4].map(Some)), ValueColumn::Null(3)]);
        check(&[[Some(true), None, Some(false), None, Some(true)].into_iter().collect()]);
        check(&[ValueColumn::from_iter([Some("a"), None, Some("bcd"), Some(""), Some("e")]), ValueColumn::Null(4)]);
        check(&[ValueColumn::from_iter([None, Some(1.5), Some(2.5), None, None])]);
    }
}
