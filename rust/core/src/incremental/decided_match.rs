//! What is decided of a partition, a match or a row in none, and by what.

use super::kept_rows::KeptRows;
use super::positions::Positions;
use super::rules::StreamRules;
use crate::rows::{Skip, SkipError, Span, Target, VariableSet};

/// What a search has gone by so far: a match that it finds is certain from the latest of these on, and not before.
///
/// It does not depend on how rows are cut into steps: a row that is too late for a match says no more than the clock that is past
/// the match's length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DecidedBy {
    /// The number of the furthest row that was looked at.
    pub row: u64,
    /// The key behind which a row is too late.
    pub time: Option<i64>,
    /// That no row comes any more.
    pub end: bool,
}

impl DecidedBy {
    /// Of a search that has looked at no row behind this one.
    pub fn from_row(row: u64) -> Self {
        Self { row, ..Self::default() }
    }

    /// The later of both.
    pub fn max(self, other: Self) -> Self {
        Self { row: self.row.max(other.row), time: self.time.max(other.time), end: self.end | other.end }
    }
}

/// A match that is certain, or a row that is certainly in none.
#[derive(Debug)]
pub(super) struct Decided {
    /// The number of its first row.
    pub start: u64,
    /// The match's number in its partition, from 1; 0 for a row in no match.
    pub number: i64,
    /// The positions of its rows.
    pub positions: Positions,
    /// What decided it.
    pub by: DecidedBy,
    /// The number behind the last row of matches before it.
    pub covered: u64,
}

impl Decided {
    /// The number of the row behind the last.
    pub fn end(&self) -> u64 {
        self.start + self.positions.len() as u64
    }

    /// The number of the row behind the last one that is shown.
    pub fn shown_end(&self) -> u64 {
        self.end().max(self.start + 1)
    }

    /// The number of the last row that is read; None where it has not come.
    pub fn last_read(&self, rules: &StreamRules, rows: &KeptRows) -> Option<u64> {
        let behind = if self.number > 0 { rules.match_behind } else { 0 };
        let mut last = (self.shown_end() + behind).checked_sub(1).filter(|&last| last < rows.end())?;
        for ahead in &rules.measures_ahead {
            for row in ahead.variables.iter().filter_map(|variables| self.last_row(*variables, rules)) {
                last = last.max(rows.value_behind(row, ahead.value)?);
            }
        }
        Some(last)
    }

    /// The number of the last row that is mapped to one of some variables, or to any (None); None where none is.
    fn last_row(&self, variables: Option<VariableSet>, rules: &StreamRules) -> Option<u64> {
        let is_one =
            |&position: &u32| variables.is_none_or(|variables| variables.contains(rules.automaton.variable(position)));
        Some(self.start + self.positions.iter().rposition(is_one)? as u64)
    }
}

/// Where the search goes on behind a match.
pub(super) fn next_start(rules: &StreamRules, found: &Decided) -> Result<u64, SkipError> {
    let (start, end) = (found.start as usize, found.end() as usize);
    let mut target = Target::default();
    if let Skip::ToFirst(variables) | Skip::ToLast(variables) = &rules.skip {
        for (row, &position) in (start..).zip(&*found.positions) {
            if variables.contains(rules.automaton.variable(position)) {
                target.note(row);
            }
        }
    }
    let next = rules.skip.next_start(start, end, target);
    let span = Span { partition: 0, number: found.number as usize, start, end };
    next.map(|next| next as u64).map_err(|problem| SkipError { problem, span })
}
