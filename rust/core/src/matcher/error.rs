//! Why a search ends early.

use crate::budget::Stopped;
use crate::causes::from_causes;
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

from_causes!(SearchError { Stopped(Stopped) });
