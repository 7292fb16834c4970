//! The limits of a cache as arguments, and how threads call it.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rowpattern_core::cache::{Policy, Threads};

pub const MEGABYTE: f64 = 1_048_576.0;

/// Whether threads call one at a time: where there is a global interpreter lock. Once there is one, it stays.
pub fn threads(py: Python<'_>) -> PyResult<Threads> {
    static THREADS: PyOnceLock<Threads> = PyOnceLock::new();
    THREADS
        .get_or_try_init(py, || {
            let sys = py.import("sys")?;
            let has_lock = match sys.getattr_opt("_is_gil_enabled")? {
                Some(is_enabled) => is_enabled.call0()?.extract()?,
                None => true,
            };
            Ok(if has_lock { Threads::Serial } else { Threads::Parallel })
        })
        .copied()
}

pub fn policy_named(name: &str) -> PyResult<Policy> {
    Policy::named(name)
        .ok_or_else(|| PyValueError::new_err(format!("policy must be \"lru\" or \"tinylfu\", not {name:?}")))
}

/// What making a value took.
pub fn cost(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| PyValueError::new_err(format!("compilation_time must be seconds of at least 0, not {seconds}")))
}

pub fn bytes(megabytes: f64) -> PyResult<u64> {
    if megabytes.is_finite() && megabytes >= 0.0 {
        return Ok((megabytes * MEGABYTE) as u64);
    }
    Err(PyValueError::new_err(format!("max_memory_mb must be a number of at least 0, not {megabytes}")))
}

pub fn lifetime(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let Some(seconds) = seconds else { return Ok(None) };
    match Duration::try_from_secs_f64(seconds) {
        Ok(life) if !life.is_zero() => Ok(Some(life)),
        _ => Err(PyValueError::new_err(format!("ttl_seconds must be above 0, or None for ever, not {seconds}"))),
    }
}
