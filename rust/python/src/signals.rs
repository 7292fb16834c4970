//! Ctrl-C in long matches.

use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rowpattern_core::budget::Stopped;

/// How often signals are looked at: often enough to stop within a tenth of a second, and seldom enough that taking
/// the interpreter's lock costs nothing.
const INTERVAL: Duration = Duration::from_millis(30);

/// Rows that are read between two looks: some milliseconds' work.
pub const ROWS_A_PIECE: usize = 1 << 20;

/// Items of Python objects between two looks at signals and limits.
pub const ITEMS_BETWEEN_LOOKS: usize = 1 << 16;

/// Looks at pending signals now and then, from a thread that is detached from the interpreter.
pub struct Signals {
    last: Instant,
    /// The exception that a signal handler raised.
    pub raised: Option<PyErr>,
}

impl Signals {
    pub fn new() -> Self {
        Self { last: Instant::now(), raised: None }
    }

    pub fn tick(&mut self) -> Result<(), Stopped> {
        if self.last.elapsed() < INTERVAL {
            return Ok(());
        }
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method is not general enough in its lifetime"
        )]
        let checked = Python::attach(|py| py.check_signals());
        self.last = Instant::now();
        checked.map_err(|error| {
            self.raised = Some(error);
            Stopped::ByCaller
        })
    }
}
