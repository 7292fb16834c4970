//! The process's cache, and the functions of `rowpattern.pattern_cache` that must be fast: no Python frame is made for them.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};
use rowpattern_core::cache::Offered;
use rowpattern_macros::catch_panics;

use super::cache::PatternCache;
use super::cache_limits::cost;
use super::hooks::hooks;
use super::keys::{self, Kind};
use super::weight;

static PROCESS_CACHE: PyOnceLock<Py<PatternCache>> = PyOnceLock::new();

/// Returns the cache that `compile` uses. Made at first use, with the limits that `MR_` variables give.
///
/// Raises:
///     rowpattern.ConfigurationError: a variable cannot be read. The next call tries again.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_process_cache")]
pub fn process_cache(py: Python<'_>) -> PyResult<Py<PatternCache>> {
    Ok(the_cache(py)?.clone_ref(py))
}

/// The process's cache, made at first use.
#[inline]
pub fn the_cache(py: Python<'_>) -> PyResult<&Py<PatternCache>> {
    PROCESS_CACHE.get_or_try_init(py, || {
        let made = hooks(py)?.make_process_cache.bind(py).call0()?;
        Ok(made.cast_into::<PatternCache>()?.unbind())
    })
}

/// The process's cache, if it was used.
pub fn the_cache_if_made(py: Python<'_>) -> Option<&PatternCache> {
    PROCESS_CACHE.get(py).map(Py::get)
}

/// Returns what `cache_pattern` put in under a key, `(dfa, nfa, compilation_time)`, or None. O(1).
///
/// Examples:
///     >>> from rowpattern import pattern_cache
///     >>> pattern_cache.cache_pattern("my key", "dfa", "nfa", 0.25)
///     True
///     >>> pattern_cache.get_cached_pattern("my key"), pattern_cache.get_cached_pattern("another key")
///     (('dfa', 'nfa', 0.25), None)
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (key))]
pub fn get_cached_pattern(py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
    let cache = the_cache(py)?.get();
    if !cache.answers_callers() {
        return cache.get_elsewhere(py, key);
    }
    let Ok(key) = key.cast::<PyString>() else { return Ok(None) };
    // What is not a valid text was never put in.
    let found = keys::with_exact(key, |key| Ok(cache.look_up(py, keys::key(Kind::Object, key)?)));
    Ok(found.unwrap_or(None))
}

/// Keeps two objects under a key, to be returned as `(dfa, nfa, compilation_time)`. O(1) for texts, numbers, tuples of them
/// and patterns.
///
/// Args:
///     key: any text; see `get_cache_key`.
///     dfa: any object, held by reference.
///     nfa: any object, held by reference.
///     compilation_time: what a hit saves, in seconds.
///     pattern_metadata: `{"size_bytes": n}` says what the objects weigh; otherwise see `rowpattern.cache.weighing.weigh`.
///
/// Returns:
///     True when it is cached; False when caching is disabled, it is heavier than the memory limit, the policy does not admit
///     it, or it cannot be cached, which is logged.
///
/// Examples:
///     >>> from rowpattern import pattern_cache
///     >>> pattern_cache.cache_pattern("my key", "dfa", "nfa", 0.25, {"size_bytes": 1_000})
///     True
///     >>> pattern_cache.get_cached_pattern("my key")
///     ('dfa', 'nfa', 0.25)
#[catch_panics]
#[pyfunction]
#[pyo3(
    signature = (key, dfa, nfa, compilation_time = None, pattern_metadata = None),
    text_signature = "(key, dfa, nfa, compilation_time=0.0, pattern_metadata=None)"
)]
pub fn cache_pattern<'py>(
    py: Python<'py>,
    key: &Bound<'py, PyAny>,
    dfa: Bound<'py, PyAny>,
    nfa: Bound<'py, PyAny>,
    compilation_time: Option<Bound<'py, PyAny>>,
    pattern_metadata: Option<Bound<'py, PyAny>>,
) -> PyResult<bool> {
    let keep = || {
        let seconds = compilation_time.as_ref().map_or(Ok(0.0), PyAnyMethods::extract::<f64>)?;
        let compilation_time = compilation_time.map_or_else(|| 0.0.into_pyobject(py).map(Bound::into_any), Ok)?;
        let value = PyTuple::new(py, [dfa, nfa, compilation_time])?.into_any();
        let cache = the_cache(py)?.get();
        if !cache.answers_callers() {
            return cache.put_elsewhere(py, key, value, pattern_metadata);
        }
        let stated = match pattern_metadata {
            Some(metadata) => size_in(&metadata)?,
            None => None,
        };
        let key = key.cast::<PyString>()?;
        let bytes = stated.map_or_else(|| weight::of(&value), Ok)?;
        cache.keep(Kind::Object, key, Offered { value: value.unbind(), bytes, cost: cost(seconds)? })
    };
    keep().or_else(|error: PyErr| {
        hooks(py)?.log_failure.call1(py, ("cache", key, error))?;
        Ok(false)
    })
}

/// What a caller says that its objects weigh.
fn size_in(metadata: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    let Ok(metadata) = metadata.cast::<PyDict>() else { return Ok(None) };
    let Some(size) = metadata.get_item(pyo3::intern!(metadata.py(), "size_bytes"))?.filter(|size| !size.is_none())
    else {
        return Ok(None);
    };
    let int = metadata.py().get_type::<pyo3::types::PyInt>();
    int.call1((size,))?.extract().map(Some)
}
