//! `AFTER MATCH SKIP`: where the search goes on (ISO/IEC 19075-5, section 4.15).

use std::fmt;

use super::partitions::Span;
use super::variables::VariableSet;

/// Where the search for the next match begins. After an empty match it is the next row, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// `PAST LAST ROW`, the default.
    PastLastRow,
    /// `TO NEXT ROW`.
    ToNextRow,
    /// `TO FIRST v`; several variables where `v` is a union variable.
    ToFirst(VariableSet),
    /// `TO LAST v`.
    ToLast(VariableSet),
}

/// Why a skip has nowhere to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipProblem {
    /// No row of the match is mapped to the variable.
    NotInMatch,
    /// The target is the first row of the match: the same match would be found for ever.
    FirstRow,
}

/// A skip that fails, and the match after which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkipError {
    /// What is wrong.
    pub problem: SkipProblem,
    /// The match.
    pub span: Span,
}

impl fmt::Display for SkipProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInMatch => "no row of the match is mapped to it",
            Self::FirstRow => "it is at the first row of the match, which would be found again for ever",
        })
    }
}

impl fmt::Display for SkipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = self.problem;
        let Span { partition, number, start, end } = self.span;
        write!(f, "{problem} (match {number} of partition {partition}, rows {start} to {})", end.saturating_sub(1))
    }
}

/// Where a skip target stands in a match.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target {
    /// Its first row.
    pub first: Option<usize>,
    /// Its last row.
    pub last: Option<usize>,
}

impl Target {
    /// Notes a row that is mapped to one of its variables, after those before it.
    #[inline]
    pub fn note(&mut self, row: usize) {
        self.first.get_or_insert(row);
        self.last = Some(row);
    }
}

impl Skip {
    /// The variables to look for in each match, if any.
    pub fn variables(&self) -> Option<&VariableSet> {
        match self {
            Self::ToFirst(variables) | Self::ToLast(variables) => Some(variables),
            Self::PastLastRow | Self::ToNextRow => None,
        }
    }

    /// The row where the search goes on after a match of at least one row.
    pub fn next_start(&self, start: usize, end: usize, target: Target) -> Result<usize, SkipProblem> {
        let row = match self {
            Self::PastLastRow => return Ok(end),
            Self::ToNextRow => return Ok(start + 1),
            Self::ToFirst(_) => target.first,
            Self::ToLast(_) => target.last,
        };
        match row {
            None => Err(SkipProblem::NotInMatch),
            Some(row) if row == start => Err(SkipProblem::FirstRow),
            Some(row) => Ok(row),
        }
    }
}
