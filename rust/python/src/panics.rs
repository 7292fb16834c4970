//! Panics at the boundary to Python.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;

use super::errors::InternalError;

/// Runs the body of a function that Python calls. A panic in it, or in a thread that it waits for, becomes an error.
///
/// What a panic leaves half done is not used again, or guards itself: locks are taken with their poison, tables of a pattern are
/// given back only by searches that end.
#[inline]
pub fn guard<R>(body: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "panics-for-tests")]
        for_tests::panic_if_asked();
        body()
    }));
    ended.unwrap_or_else(|panic| Err(internal_error(&*panic)))
}

#[cold]
fn internal_error(panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("a panic without a text");
    let version = env!("CARGO_PKG_VERSION");
    InternalError::new_err(format!(
        "rowpattern {version} has failed by an error of its own: {text}; please report it with this message, the row \
         pattern and, if you can, the rows"
    ))
}

/// Panics on demand, to test what becomes of them; not in a build that is distributed.
#[cfg(feature = "panics-for-tests")]
pub mod for_tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use pyo3::prelude::*;

    static ASKED: AtomicBool = AtomicBool::new(false);

    pub fn panic_if_asked() {
        assert!(!ASKED.load(Ordering::Relaxed), "asked for by a test");
    }

    /// Lets every function of this module panic from now on, or no more.
    #[pyfunction]
    #[pyo3(name = "_panic_for_tests")]
    pub fn ask(panic: bool) {
        ASKED.store(panic, Ordering::Relaxed);
    }
}
