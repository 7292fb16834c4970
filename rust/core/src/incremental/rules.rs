//! What a query asks of every partition.

use super::live::LiveAutomaton;
use crate::rows::{Skip, VariableSet};

/// A value behind a row that is not NULL: the nearest one, or one further on (NEXT with IGNORE NULLS).
#[derive(Debug, Clone, Copy)]
pub struct ValueAhead {
    /// Among the sources of values of which rows are said whether they have one.
    pub source: usize,
    /// How many values on; 1 is the nearest.
    pub distance: u64,
}

/// A value ahead that a condition reads.
#[derive(Debug, Clone, Copy)]
pub struct ConditionAhead {
    /// The value.
    pub value: ValueAhead,
    /// It is behind the last row so far that is mapped to one of these; None for the condition's own row.
    pub variables: Option<VariableSet>,
}

/// A value ahead that measures read.
#[derive(Debug, Clone)]
pub struct MeasureAhead {
    /// The value.
    pub value: ValueAhead,
    /// Behind which rows of the match it is read: all of them (None), or those that are mapped to one of these.
    pub variables: Vec<Option<VariableSet>>,
}

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
    /// By variable, what its condition reads of values ahead: it is not known before these have come.
    pub conditions_ahead: Vec<Vec<ConditionAhead>>,
    /// What measures read of values ahead, each value once: a match is not given before these have come.
    pub measures_ahead: Vec<MeasureAhead>,
    /// Of how many sources of values it is kept which rows have one.
    pub value_sources: usize,
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
            conditions_ahead: vec![Vec::new(); variables],
            measures_ahead: Vec::new(),
            value_sources: 0,
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

    /// The values ahead that conditions read.
    pub fn values_ahead(&self) -> impl Iterator<Item = ValueAhead> {
        self.conditions_ahead.iter().flatten().map(|each| each.value)
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
