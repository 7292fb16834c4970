//! What conditions that read the match so far go by in a partition, kept from step to step.

use std::ops::Range;

use super::kept_rows::KeptRows;
use crate::expression::{MatchSoFar, ValueColumn};

/// So few rows are not worth copying the others.
const FEW_ROWS: usize = 64;

/// The columns of a partition's kept rows that conditions read, and the match so far of its search.
///
/// So a step takes time for its own rows, and not for all that an open match has.
#[derive(Debug, Default)]
pub(super) struct KeptColumns {
    /// The number of the first row in the partition.
    first: u64,
    rows: usize,
    columns: Vec<ValueColumn<'static>>,
    /// Of the search that waits; none where it has no rows, or where its conditions have to be told of them again.
    pub so_far: Option<MatchSoFar<'static>>,
}

/// The rows of a partition that a step has read, among those of all partitions, and how many of them are new.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadRows {
    pub begin: usize,
    pub end: usize,
    pub new: usize,
    /// How many of the rows before the new ones have other values than before, as these depend on rows behind them.
    pub again: usize,
}

impl KeptColumns {
    /// The number of the first row.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// The columns.
    pub fn columns(&self) -> &[ValueColumn<'static>] {
        &self.columns
    }

    /// Whether they have the partition's rows up to this one, as far as a search reads them.
    pub fn reach_to(&self, end: u64) -> bool {
        self.first + self.rows as u64 == end
    }

    /// Adds the new rows of a step, which the partition has already; rows before them whose values depend on rows behind them
    /// are said again. Where these columns do not have the rows before, all of the partition's rows were read.
    pub fn add(&mut self, columns: &[ValueColumn<'_>], read: ReadRows, rows: &KeptRows) {
        let mut begin = read.begin;
        if self.reach_to(rows.end() - read.new as u64) {
            if read.new == 0 {
                return;
            }
            let again = (read.end - read.begin - read.new).min(read.again).min(self.rows);
            begin = read.end - read.new - again;
            self.truncate(self.rows - again);
        } else {
            *self = Self { first: rows.first(), ..Self::default() };
        }
        if self.columns.is_empty() {
            self.columns = columns.iter().map(|_| ValueColumn::Null(self.rows)).collect();
        }
        self.append(columns, begin..read.end);
    }

    fn truncate(&mut self, rows: usize) {
        self.rows = rows;
        self.columns.iter_mut().for_each(|column| column.truncate(rows));
    }

    fn append(&mut self, columns: &[ValueColumn<'_>], rows: Range<usize>) {
        self.rows += rows.len();
        for (own, column) in self.columns.iter_mut().zip(columns) {
            if own.append(column, rows.clone()) {
                // Aggregates are kept as their columns are.
                self.so_far = None;
            }
        }
    }

    /// Forgets rows before this one, where they are most of all: so each row is moved a few times at most on average.
    pub fn forget_before(&mut self, row: u64) {
        let count = (row.saturating_sub(self.first) as usize).min(self.rows);
        if count < FEW_ROWS.max(self.rows - count) {
            return;
        }
        self.columns.iter_mut().for_each(|column| column.drop_first(count));
        self.first += count as u64;
        self.rows -= count;
        // Its rows have other places.
        self.so_far = None;
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        let columns = self.columns.iter().map(|column| size_of::<ValueColumn<'static>>() + column.memory_bytes());
        size_of::<Self>() + columns.sum::<usize>() + self.so_far.as_ref().map_or(0, MatchSoFar::memory_bytes)
    }
}
