//! Where partitions begin, and where matches lie in them.

use std::ops::Range;

use crate::memory::{self, OutOfMemory};

/// Partitions laid one after another, as the rows where they begin and, last, the number of rows.
#[derive(Debug, Clone)]
pub struct Partitions(Vec<usize>);

impl Partitions {
    /// All rows in one partition.
    pub fn one(rows: usize) -> Self {
        Self(vec![0, rows])
    }

    /// Partitions by their numbers of rows.
    pub fn from_counts(counts: &[usize]) -> Result<Self, OutOfMemory> {
        let mut bounds = memory::try_with_capacity(counts.len() + 1)?;
        bounds.push(0);
        let mut row = 0_usize;
        for count in counts {
            row = row.saturating_add(*count);
            bounds.push(row);
        }
        Ok(Self(bounds))
    }

    /// Partitions that begin at these rows, in order; the last one ends at `rows`.
    pub fn from_starts(mut starts: Vec<usize>, rows: usize) -> Result<Self, OutOfMemory> {
        memory::try_reserve_exact(&mut starts, 1)?;
        starts.push(rows);
        Ok(Self(starts))
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<usize>()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows they have together.
    pub fn rows(&self) -> usize {
        self.0[self.0.len() - 1]
    }

    /// The partition of a row.
    pub fn of_row(&self, row: usize) -> usize {
        self.0.partition_point(|&begin| begin <= row) - 1
    }

    /// Where some partitions begin, in order, and where the last of them ends.
    pub fn borders(&self, numbers: &Range<usize>) -> &[usize] {
        &self.0[numbers.start..=numbers.end]
    }

    /// The rows of one partition.
    pub fn bounds(&self, number: usize) -> (usize, usize) {
        (self.0[number], self.0[number + 1])
    }
}

/// A match without its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From 0.
    pub partition: usize,
    /// From 1, in its partition.
    pub number: usize,
    /// The first row.
    pub start: usize,
    /// The row after the last; the same as `start` in an empty match.
    pub end: usize,
}
