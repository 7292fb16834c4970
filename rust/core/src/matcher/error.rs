//! Why a search ends early.

use crate::budget::Stopped;
use crate::expression::EvaluationError;
use crate::rows::SkipError;

/// Why a search ended before the rows did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchError {
    /// A limit was passed, or the caller stopped it.
    Stopped(Stopped),
    /// A skip had nowhere to go.
    Skip(SkipError),
    /// The condition of this variable has no answer.
    Evaluation(u8, EvaluationError),
}

impl From<Stopped> for SearchError {
    fn from(reason: Stopped) -> Self {
        Self::Stopped(reason)
    }
}
