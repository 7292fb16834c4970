//! What the extension calls in the Python package. The package hands these functions over when it is imported, so that the
//! extension imports nothing of it (but its exceptions, and the function by which pickles are read).

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rowpattern_macros::catch_panics;

/// Functions of the package.
pub struct Hooks {
    /// Makes the process's cache, by the settings.
    pub make_process_cache: Py<PyAny>,
    /// Weighs an object of a class that is not known here.
    pub weigh: Py<PyAny>,
    /// Logs what could not be done, for callers who are not told: what, with what, and the error.
    pub log_failure: Py<PyAny>,
    /// Makes the key of a pattern and options of any kind.
    pub general_key: Py<PyAny>,
    /// Finds matches by conditions that are written as in DEFINE.
    pub find_by_conditions: Py<PyAny>,
    /// Writes an object for notebooks, as "html" or "svg".
    pub display: Py<PyAny>,
    /// Iterates over the spans of matches.
    pub iterate_spans: Py<PyAny>,
}

static HOOKS: PyOnceLock<Hooks> = PyOnceLock::new();

/// Takes the functions over; the first call counts.
#[expect(clippy::too_many_arguments, reason = "each is called elsewhere")]
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_connect", signature = (make_process_cache, weigh, log_failure, general_key, find_by_conditions, display,
    iterate_spans))]
pub fn connect(
    py: Python<'_>,
    make_process_cache: Py<PyAny>,
    weigh: Py<PyAny>,
    log_failure: Py<PyAny>,
    general_key: Py<PyAny>,
    find_by_conditions: Py<PyAny>,
    display: Py<PyAny>,
    iterate_spans: Py<PyAny>,
) {
    let hooks =
        Hooks { make_process_cache, weigh, log_failure, general_key, find_by_conditions, display, iterate_spans };
    HOOKS.get_or_init(py, || hooks);
}

/// The functions that the package handed over.
pub fn hooks(py: Python<'_>) -> PyResult<&Hooks> {
    HOOKS.get(py).ok_or_else(|| PyRuntimeError::new_err("rowpattern._core is part of rowpattern; import rowpattern"))
}
