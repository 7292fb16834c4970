//! The arguments `timeout_seconds`, `memory_limit_mb` and `cancel`, and what is raised when one ends a call.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::expression::ColumnsError;
use rowpattern_core::matcher::SearchError;

use super::cancel_argument::Cancel;
use super::errors::{QueryCancelledError, QueryError, QueryLimitError, problem};
use super::signals::Signals;

const BYTES_A_MEGABYTE: f64 = (1 << 20) as f64;

/// The limits of one call, and what is left of them.
pub struct CallLimits {
    seconds: Option<f64>,
    megabytes: Option<f64>,
    begun: Instant,
    /// When the limits were made, and how many nanoseconds after that the interpreter's lock was last given up.
    made: Instant,
    released: AtomicU64,
    /// What was left of the seconds then.
    left: Option<Duration>,
    pub budget: Budget,
}

/// How often a loop that holds the interpreter's lock gives it up. A thread that waits for the lock asks for it after 5 ms
/// (`sys.setswitchinterval`), and only a thread that has asked is sure to get it. If the lock is given up more often, the loop takes it
/// back before the waiting thread has woken up, and the 5 ms begin again.
const BETWEEN_RELEASES: Duration = Duration::from_millis(6);

impl CallLimits {
    /// Reads the arguments; time is counted from now on.
    pub fn read((timeout_seconds, memory_limit_mb, account): (Option<f64>, Option<f64>, Cancel)) -> PyResult<Self> {
        let seconds = checked(timeout_seconds, "timeout_seconds")?;
        let megabytes = checked(memory_limit_mb, "memory_limit_mb")?;
        // What is longer than a clock can tell is no limit, as is more memory than there are addresses.
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let bytes = megabytes.map(|megabytes| (megabytes * BYTES_A_MEGABYTE) as usize);
        let budget = Budget::new(time, bytes).of(account);
        let now = Instant::now();
        let limits =
            Self { seconds, megabytes, begun: now, made: now, released: AtomicU64::new(0), left: time, budget };
        // Little work ends before anybody looks.
        if limits.budget.account().is_some_and(|account| account.is_cancelled()) {
            return Err(limits.error(Stopped::Cancelled));
        }
        Ok(limits)
    }

    /// What looks at signals, and makes way for other queries, while the call works.
    pub fn signals(&self) -> Signals {
        Signals::new(self.budget.account().cloned(), self.left.map(|left| self.begun + left))
    }

    /// Looks at the limits, and at signals, and lets threads that wait for the interpreter have it; for loops that hold its
    /// lock.
    pub fn check(&self, py: Python<'_>) -> PyResult<()> {
        let now = self.made.elapsed();
        let before = Duration::from_nanos(self.released.load(Ordering::Relaxed));
        if now.saturating_sub(before) >= BETWEEN_RELEASES {
            // CPython gives the lock to one that has asked for it.
            py.detach(|| ());
            self.released.store(u64::try_from(self.made.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        py.check_signals()?;
        self.budget.check().map_err(|reason| self.error(reason))
    }

    /// Counts memory that is about to be taken.
    pub fn charge(&self, bytes: usize) -> PyResult<()> {
        self.budget.charge(bytes).map_err(|reason| self.error(reason))
    }

    /// Makes room in a vector for so many items more, counted.
    pub fn reserve<T: Copy>(&self, items: &mut Vec<T>, more: usize) -> PyResult<()> {
        self.budget.reserve(items, more).map_err(|reason| self.error(reason))
    }

    /// The clock stands still until it is resumed.
    pub fn pause(&mut self) {
        self.left = self.left.map(|left| left.saturating_sub(self.begun.elapsed()));
    }

    /// The clock goes on from where it stood.
    pub fn resume(&mut self) {
        self.begun = Instant::now();
        self.budget.resume(self.left);
    }

    /// The error for a search that ended early, of a pattern with these variables; `raised` is as for [`Self::stopped`].
    pub fn search_error(&self, error: SearchError, raised: Option<PyErr>, variables: &[String]) -> PyErr {
        match error {
            SearchError::Stopped(reason) => self.stopped(reason, raised),
            SearchError::Skip(error) => QueryError::new_err(error.to_string()),
            SearchError::Evaluation(variable, error) => {
                let name = variables.get(usize::from(variable)).map_or("", String::as_str);
                QueryError::new_err(format!("DEFINE {name}: {}", problem(error)))
            }
        }
    }

    /// The error for values that could not be computed; `what` they are of, by its number.
    pub fn columns_error(&self, what: &str, error: ColumnsError) -> PyErr {
        match error {
            ColumnsError::Stopped(reason) => self.error(reason),
            ColumnsError::Evaluation(number, error) => {
                QueryError::new_err(format!("{what} {number}: {}", problem(error)))
            }
        }
    }

    /// The error for work that ended early, with what a signal handler or a caller's function raised meanwhile.
    pub fn stopped(&self, reason: Stopped, raised: Option<PyErr>) -> PyErr {
        raised.filter(|_| reason == Stopped::ByCaller).unwrap_or_else(|| self.error(reason))
    }

    /// The error for a search that ended early.
    pub fn error(&self, reason: Stopped) -> PyErr {
        match reason {
            Stopped::ByCaller => PyRuntimeError::new_err("the match was stopped"),
            Stopped::Cancelled => {
                let reason = self.budget.account().and_then(|account| account.cancellation()?.reason());
                QueryCancelledError::new_err(match reason {
                    Some(reason) => format!("the call was cancelled: {reason}"),
                    None => "the call was cancelled".to_owned(),
                })
            }
            Stopped::TimeLimit => QueryLimitError::new_err(format!(
                "the match took longer than its limit of {} s; give a larger timeout_seconds",
                Shown(self.seconds)
            )),
            Stopped::MemoryLimit => QueryLimitError::new_err(format!(
                "the match needs more memory than its limit of {} MB; give a larger memory_limit_mb",
                Shown(self.megabytes)
            )),
            Stopped::OutOfMemory => PyMemoryError::new_err("there is not enough memory for what the match takes"),
        }
    }
}

fn checked(value: Option<f64>, name: &str) -> PyResult<Option<f64>> {
    match value {
        Some(number) if number.is_nan() || number < 0.0 => {
            Err(PyValueError::new_err(format!("{name} is {number}; it must be a number of at least 0, or None")))
        }
        _ => Ok(value),
    }
}

/// A limit with three digits behind the point at most.
struct Shown(Option<f64>);

impl fmt::Display for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0.unwrap_or(f64::INFINITY);
        let rounded = (number * 1e3).round() / 1e3;
        write!(out, "{}", if rounded > 0.0 { rounded } else { number })
    }
}
