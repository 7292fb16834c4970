//! What a query asks of every partition.

use super::live::LiveAutomaton;
use crate::rows::Skip;

/// What is asked of every partition, whatever rows come.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for on its own")]
pub struct StreamRules {
    /// The pattern.
    pub automaton: LiveAutomaton,
    /// How many primary variables it has.
    pub variables: usize,
    /// Where the search goes on behind a match.
    pub skip: Skip,
    /// Whether the longest match is taken, and not the most preferred one.
    pub longest: bool,
    /// Each overlapping match is given when it alone is certain, and not in the order of the matches (`TO NEXT ROW` only).
    pub each_when_certain: bool,
    /// Rows in no match are given too.
    pub unmatched: bool,
    /// Whether an empty match stands for the row where it begins, so that this is not in no match.
    pub empty_takes_row: bool,
    /// Whether matches are numbered in their partition.
    pub numbered: bool,
    /// By variable, how many rows behind its own its condition reads (NEXT).
    pub horizons: Vec<u64>,
    /// How many rows before a row its conditions read, as far as rows alone decide them (PREV).
    pub rows_before: u64,
    /// How many rows before a match that is open, or given, are read.
    pub match_before: u64,
    /// How many rows behind a match that is given are read.
    pub match_behind: u64,
    /// Whether rows have keys by which matches are bounded (WITHIN).
    pub bounded: bool,
    /// By variable, how far behind the match's first row, in keys, its condition lets a row of it be at most; None where it does
    /// not say.
    pub widths: Vec<Option<i64>>,
    /// How long a partition may have no rows, in units of the keys; it is ended then.
    pub idle: Option<i64>,
}

impl StreamRules {
    /// Of a pattern with so many variables: the most preferred matches, in order, of conditions that read their own row.
    pub fn new(automaton: LiveAutomaton, variables: usize, skip: Skip) -> Self {
        Self {
            automaton,
            variables,
            skip,
            longest: false,
            each_when_certain: false,
            unmatched: false,
            empty_takes_row: false,
            numbered: false,
            horizons: vec![0; variables],
            rows_before: 0,
            match_before: 0,
            match_behind: 0,
            bounded: false,
            widths: vec![None; variables],
            idle: None,
        }
    }

    /// How many of the last rows are looked at again when others come behind them.
    pub fn longest_horizon(&self) -> u64 {
        self.horizons.iter().copied().max().unwrap_or_default()
    }

    /// How many rows before the first new one are read with new rows.
    pub fn tail(&self) -> u64 {
        self.longest_horizon() + self.rows_before
    }

    /// How many rows before the first new one are read with new rows for conditions that read the match so far.
    pub fn match_tail(&self) -> u64 {
        self.longest_horizon() + self.rows_before.max(self.match_before)
    }

    /// Whether something of a partition counts for rows that come, though no match is open: whether it has begun (`^`), how
    /// many matches it had, or its last rows.
    pub fn remembers(&self) -> bool {
        self.numbered || !self.automaton.starts_alike() || self.tail() > 0 || self.match_before > 0
    }

    /// Whether the keys of rows are kept.
    pub fn keyed(&self) -> bool {
        self.bounded || self.widths.iter().any(Option::is_some)
    }

    /// Whether what fails from one start may succeed from another.
    pub fn fails_by_start(&self) -> bool {
        self.longest || self.keyed()
    }

    /// Whether partitions are looked at again when time passes.
    pub fn timed(&self) -> bool {
        self.keyed() || self.idle.is_some()
    }

    /// The times at which a match that begins at a row with this key and bound may end, in no order.
    pub fn deadlines(&self, (key, bound): (i64, i64)) -> impl Iterator<Item = i64> {
        let bound = self.bounded.then_some(bound);
        bound.into_iter().chain(self.widths.iter().flatten().map(move |&width| key.saturating_add(width)))
    }
}
