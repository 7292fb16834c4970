//! `CancelToken`, by which another thread ends a call.

use std::sync::Arc;

use pyo3::prelude::*;
use rowpattern_core::cancellation::Cancellation;
use rowpattern_macros::catch_panics;

/// Ends calls that it was given to, from any thread: `match_recognize(..., cancel=token)`, `pattern.match(..., cancel=token)`.
///
/// A call ends with `QueryCancelledError` within a tenth of a second, where it reads, computes, or waits for its turn, and
/// gives back its memory. A token may be given to several calls, and is of no use once it is cancelled: a call that is given
/// such a token ends at once.
///
/// Args:
///     parent: another token, with which this one is cancelled too.
///
/// >>> import rowpattern
/// >>> token = rowpattern.CancelToken()
/// >>> token.cancel("the client has gone")
/// True
/// >>> rowpattern.compile("A+").count({"A": [True]}, cancel=token)
/// Traceback (most recent call last):
///     ...
/// rowpattern.errors.QueryCancelledError: the call was cancelled: the client has gone
#[pyclass(frozen, module = "rowpattern")]
pub struct CancelToken {
    pub cancellation: Arc<Cancellation>,
}

#[catch_panics]
#[pymethods]
impl CancelToken {
    #[new]
    #[pyo3(signature = (parent = None))]
    fn new(parent: Option<PyRef<'_, Self>>) -> Self {
        let cancellation = parent
            .map_or_else(Cancellation::default, |parent| Cancellation::with_parent(Arc::clone(&parent.cancellation)));
        Self { cancellation: Arc::new(cancellation) }
    }

    /// Cancels, from any thread or signal handler. O(calls that wait for their turn).
    ///
    /// Args:
    ///     reason: stands in the errors of the calls that end.
    ///
    /// Returns whether this call cancelled: the first one's reason counts.
    #[pyo3(signature = (reason = None))]
    fn cancel(&self, reason: Option<String>) -> bool {
        self.cancellation.cancel(reason.map(String::into_boxed_str))
    }

    /// Whether it was cancelled.
    #[getter]
    fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// What `cancel` was given; None before, or where it was given nothing.
    #[getter]
    fn reason(&self) -> Option<String> {
        self.cancellation.reason().map(String::from)
    }

    fn __repr__(&self) -> String {
        let state = if self.cancellation.is_cancelled() { "cancelled" } else { "not cancelled" };
        format!("<rowpattern.CancelToken: {state}>")
    }
}
