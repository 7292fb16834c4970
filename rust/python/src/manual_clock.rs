//! `ManualClock`: a cache's clock that tests move.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rowpattern_core::cache::Clock;
use rowpattern_macros::catch_panics;

/// A clock for tests: it stands still until it is moved.
#[pyclass(frozen, module = "rowpattern")]
pub struct ManualClock(pub Arc<Clock>);

#[catch_panics]
#[pymethods]
impl ManualClock {
    #[new]
    fn new() -> Self {
        Self(Arc::new(Clock::Manual(AtomicU64::new(0))))
    }

    /// Moves the clock on by a number of seconds.
    fn advance(&self, seconds: f64) -> PyResult<()> {
        let step = Duration::try_from_secs_f64(seconds)
            .map_err(|_| PyValueError::new_err(format!("seconds must be at least 0, not {seconds}")))?;
        self.0.advance(step.as_nanos() as u64);
        Ok(())
    }
}

/// Seconds since the epoch, by the system's clock.
pub fn epoch_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
