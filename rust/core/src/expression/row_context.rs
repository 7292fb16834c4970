//! What an expression reads when it is evaluated for the last row of the match so far.

use super::columns::ValueColumn;
use super::match_so_far::MatchSoFar;
use super::request::Answers;
use crate::rows::At;

/// What evaluation reads beside the match so far.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Columns by number.
    pub columns: &'a [ValueColumn<'a>],
    /// Names of variables by number.
    pub names: &'a [String],
    /// The partition's first row.
    pub begin: usize,
    /// The row behind the partition's last.
    pub end: usize,
    /// The number that the match will have.
    pub number: i64,
    /// What has been computed elsewhere.
    pub answers: &'a dyn Answers,
}

/// The match so far, whose last row is the current one, and all around it.
#[derive(Clone, Copy)]
pub struct RowContext<'v> {
    /// The match so far.
    pub so_far: &'v MatchSoFar<'v>,
    /// All else.
    pub around: &'v Surroundings<'v>,
    /// The current row; None before the match has one.
    current: Option<usize>,
}

impl<'v> RowContext<'v> {
    /// Of the last row of a match so far.
    #[inline]
    pub fn new(so_far: &'v MatchSoFar<'v>, around: &'v Surroundings<'v>) -> Self {
        let current = so_far.classifiers.len().checked_sub(1).map(|last| so_far.start + last);
        Self { so_far, around, current }
    }

    /// The row that is meant; None where the match or the partition has no such row.
    #[inline]
    pub fn row(&self, at: At) -> Option<usize> {
        if at.set.is_none() && at.offset == 0 && !at.first {
            return self.shifted(self.current?, at.rows);
        }
        at.row(self.so_far.mapped(at.set), self.around.begin..self.around.end)
    }

    #[inline]
    fn shifted(&self, row: usize, rows: i64) -> Option<usize> {
        if rows == 0 {
            return Some(row);
        }
        let row = usize::try_from((row as i64).checked_add(rows)?).ok()?;
        (self.around.begin..self.around.end).contains(&row).then_some(row)
    }

    /// The variable that a row of the match is mapped to, by name.
    pub fn classifier(&self, row: usize) -> Option<&'v str> {
        let variable = self.so_far.classifiers.get(row.checked_sub(self.so_far.start)?)?;
        self.around.names.get(usize::from(*variable)).map(String::as_str)
    }
}
