//! Aggregates over the match so far, whose states are undone as rows go.
//!
//! Matches can be as long as tables, so states are small. What is exact, and texts, is undone by taking a value away again; sums of
//! floating point numbers and best values are kept for each row that was taken in.

use super::aggregates::Aggregate;
use super::columns::{Stored, ValueColumn};
use super::error::EvaluationError;
use super::fold::{Fold, NO_ROW};
use super::seen_values::SeenValues;
use crate::budget::{Budget, Stopped};

/// An aggregate's state, which is undone as rows go.
#[derive(Debug)]
pub struct Accumulator {
    fold: Fold,
    /// Before each row that was taken in: the sum of floating point numbers; or their mean and the squares.
    sums: Vec<f64>,
    /// The same, the row of the best value.
    best: Vec<usize>,
    /// With DISTINCT: the values that were taken in.
    seen: Option<SeenValues>,
}

impl Accumulator {
    /// Over nothing yet.
    pub fn of(aggregate: &Aggregate, columns: &[ValueColumn<'_>]) -> Self {
        Self {
            fold: Fold::of(aggregate, columns),
            sums: Vec::new(),
            best: Vec::new(),
            seen: aggregate.distinct.map(SeenValues::new),
        }
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.fold.clear();
        self.sums.clear();
        self.best.clear();
        if let Some(seen) = &mut self.seen {
            seen.clear();
        }
    }

    /// Bytes on the heap that are charged.
    pub fn memory_bytes(&self) -> usize {
        let text = if let Fold::Texts { text, .. } = &self.fold { text.capacity() } else { 0 };
        let seen = self.seen.as_ref().map_or(0, SeenValues::memory_bytes);
        self.sums.capacity() * size_of::<f64>() + self.best.capacity() * size_of::<usize>() + text + seen
    }

    /// Takes a row in.
    #[inline]
    pub fn push(&mut self, row: usize, columns: &[ValueColumn<'_>], budget: &Budget) -> Result<(), Stopped> {
        if let Some(seen) = &mut self.seen
            && !seen.push(row, columns, budget)?
        {
            return Ok(());
        }
        let text_bytes = self.fold.text_bytes(row, columns);
        match &mut self.fold {
            Fold::Floating { sum, .. } => {
                budget.reserve(&mut self.sums, 1)?;
                self.sums.push(*sum);
            }
            Fold::Spread { mean, squares, .. } => {
                budget.reserve(&mut self.sums, 2)?;
                self.sums.extend([*mean, *squares]);
            }
            Fold::Texts { text, .. } => budget.reserve(text, text_bytes)?,
            Fold::Best { row, .. } => {
                budget.reserve(&mut self.best, 1)?;
                self.best.push(*row);
            }
            _ => {}
        }
        self.fold.push(row, columns);
        Ok(())
    }

    /// Takes back the row that was taken in last.
    #[inline]
    pub fn pop(&mut self, row: usize, columns: &[ValueColumn<'_>]) {
        if let Some(seen) = &mut self.seen
            && !seen.pop(row, columns)
        {
            return;
        }
        self.fold.pop(row, columns);
        match &mut self.fold {
            Fold::Floating { sum, .. } => *sum = self.sums.pop().unwrap_or(0.0),
            Fold::Spread { mean, squares, .. } => {
                *squares = self.sums.pop().unwrap_or(0.0);
                *mean = self.sums.pop().unwrap_or(0.0);
            }
            Fold::Best { row, .. } => *row = self.best.pop().unwrap_or(NO_ROW),
            _ => {}
        }
    }

    /// The value now; an error where it does not fit into its type.
    #[inline]
    pub fn value<'c, K: Stored>(&self, columns: &'c [ValueColumn<'_>]) -> Result<Option<K::Item<'c>>, EvaluationError> {
        self.fold.value::<K>(columns)
    }

    /// All that its future depends on.
    pub fn words(&self, words: &mut Vec<u64>) {
        self.fold.words(words);
        if let Some(seen) = &self.seen {
            seen.words(words);
        }
    }
}
