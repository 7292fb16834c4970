//! Ways that are known to fail, by row and position.

use std::collections::HashSet;

/// Entries between two looks at which of them can go.
const LEAST_ENTRIES: usize = 64;

/// Bits of a position; automata have fewer.
const POSITION_BITS: u32 = 24;

/// Rows mapped to positions from which no match can be reached.
///
/// Where rows alone decide, a row mapped to a position fails whatever came before, so that it is tried once, from all starts together.
#[derive(Debug, Default)]
pub struct FailedWays {
    known: Option<HashSet<u64, foldhash::fast::RandomState>>,
    /// How many there may be until those of rows that are passed are forgotten.
    most: usize,
    /// The start that they are of, where they are of one.
    start: u64,
}

impl FailedWays {
    #[inline]
    fn key(row: u64, position: u32) -> u64 {
        row << POSITION_BITS | u64::from(position)
    }

    /// Whether one is known.
    #[inline]
    pub fn contains(&self, row: u64, position: u32) -> bool {
        self.known.as_ref().is_some_and(|known| known.contains(&Self::key(row, position)))
    }

    /// Notes one; those before the first row that a search can still come to are forgotten now and then.
    pub fn insert(&mut self, row: u64, position: u32, first: u64) {
        let known = self.known.get_or_insert_default();
        if known.len() >= self.most.max(LEAST_ENTRIES) {
            known.retain(|&key| key >> POSITION_BITS >= first);
            self.most = 2 * known.len();
        }
        known.insert(Self::key(row, position));
    }

    /// Forgets those of another start: they may succeed from this one.
    pub fn keep_to_start(&mut self, start: u64) {
        if self.start != start {
            self.clear();
            self.start = start;
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        if self.known.is_some() {
            *self = Self::default();
        }
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.known.as_ref().map_or(0, |known| known.capacity() * (size_of::<u64>() + 1) * 8 / 7)
    }
}
