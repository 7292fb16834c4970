//! Consecutive rows that one thread matches.

use std::ops::Range;

use crate::rows::Partitions;

/// What the forward pass is doing before a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateBefore {
    /// The row is a partition's first.
    Partition,
    /// The state of the row before, which is of the same partition.
    State(usize),
}

/// Consecutive rows, matched by one thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Morsel {
    /// The partitions that it has rows of.
    pub partitions: Range<usize>,
    /// Its first row.
    pub low: usize,
    /// The row behind its last.
    pub high: usize,
    /// What the forward pass is doing before its first row.
    pub start: StateBefore,
    /// The set of the row behind its last; None where that begins a partition.
    pub set: Option<Box<[u64]>>,
}

impl Morsel {
    /// All rows.
    pub fn whole(partitions: &Partitions) -> Self {
        let (rows, start) = (partitions.rows(), StateBefore::Partition);
        Self { partitions: 0..partitions.len(), low: 0, high: rows, start, set: None }
    }

    /// The rows that it has of one of its partitions, and the set behind the last of them.
    pub fn rows_of(&self, partitions: &Partitions, partition: usize) -> (usize, usize, Option<&[u64]>) {
        let (begin, end) = partitions.bounds(partition);
        (begin.max(self.low), end.min(self.high), if end > self.high { self.set.as_deref() } else { None })
    }
}
