//! Why keys could not be read or ordered.

use crate::budget::Stopped;
use crate::causes::from_causes;

/// Why rows could not be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderError {
    /// A limit was passed, or the caller stopped it.
    Stopped(Stopped),
    /// A value is not what its column says.
    Unreadable {
        /// The number of the key.
        key: usize,
        /// The row, or the entry of the dictionary.
        row: usize,
        /// What is wrong.
        what: &'static str,
    },
}

from_causes!(OrderError { Stopped(Stopped) });
