//! `compile` and the process-wide cache.

use std::sync::Arc;
use std::time::Instant;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PySlice, PyString};
use rowpattern_macros::catch_panics;

use super::cache::{CALLER_KEYS, Made, OPTION_KEYS, PATTERN_KEYS, PatternCache};
use super::errors::{compile_error, syntax_error};
use super::pattern::{Options, Pattern};
use crate::cache::{KeyRef, Role};
use crate::matcher::Compiled;
use crate::pattern::{MAX_TEXT_BYTES, SyntaxError};

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

fn the_cache(py: Python<'_>) -> PyResult<&Py<PatternCache>> {
    PROCESS_CACHE.get_or_try_init(py, || {
        let configured = py.import("rowpattern.pattern_cache")?.call_method0("_configured_cache")?;
        Ok(configured.cast::<PatternCache>()?.clone().unbind())
    })
}

/// Returns what `cache_pattern` put in under a key, `(dfa, nfa, compilation_time)`, or None. O(1).
///
/// Where the module's `get_pattern_cache` was replaced, the cache that the replacement returns is asked.
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (key))]
pub fn get_cached_pattern<'py>(py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let door = DOOR.get_or_try_init(py, || Door::find(py))?;
    if let Some(replacement) = door.replacement(py)? {
        return replacement.call0()?.call_method1("get", (key,)).map(Some);
    }
    let cache = the_cache(py)?.get();
    // What is not a text was never put in.
    let Ok(key) = key.cast::<PyString>().map_err(PyErr::from).and_then(|key| key.to_str()) else { return Ok(None) };
    if !cache.is_enabled() {
        return Ok(None);
    }
    Ok(cache.look_up(py, KeyRef { space: CALLER_KEYS, text: key }).map(|found| found.into_bound(py)))
}

static DOOR: PyOnceLock<Door> = PyOnceLock::new();

/// The place where callers replace the cache: the function `get_pattern_cache` of the Python module.
struct Door {
    names: Py<PyDict>,
    original: Py<PyAny>,
}

impl Door {
    fn find(py: Python<'_>) -> PyResult<Self> {
        let module = py.import("rowpattern.pattern_cache")?;
        let original = module.getattr("_original_door")?.unbind();
        Ok(Self { names: module.dict().unbind(), original })
    }

    fn replacement<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let now = self.names.bind(py).get_item(pyo3::intern!(py, "get_pattern_cache"))?;
        Ok(now.filter(|now| !now.is(&self.original)))
    }
}

/// Compiles a row pattern, or returns it from the process-wide cache.
///
/// Args:
///     pattern: the text inside `PATTERN (...)`.
///     subset: union variables, each with the primary variables it is made of (SQL's SUBSET).
///     define: conditions by primary variable, as text. They are kept with the pattern and part of what it equals;
///         rows are matched by the booleans given to `match`.
///
/// Raises:
///     PatternSyntaxError: the text is not a row pattern.
///     PatternTooLargeError: it passes a limit; nothing large was built.
///     UnknownVariableError: `subset` or `define` name a variable that the pattern lacks.
///
/// A cached pattern costs one look-up. A new one takes time linear in its automaton. When several threads ask for one
/// missing pattern, one of them compiles it.
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (pattern, *, subset = None, define = None))]
pub fn compile(
    py: Python<'_>,
    pattern: &Bound<'_, PyAny>,
    subset: Option<&Bound<'_, PyAny>>,
    define: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<PyAny>> {
    let Ok(text) = pattern.cast::<PyString>() else {
        let kind = pattern.get_type().name()?;
        return Err(PyTypeError::new_err(format!("a row pattern is a str, not {kind}")));
    };
    let text = match text.to_str() {
        Ok(text) => text,
        Err(error) => return Err(lone_surrogate(py, text, error)),
    };
    let cache = the_cache(py)?.get();
    let options = Options::read(subset, define)?;
    // A text past the limit is refused at once; looking it up first would take time.
    if !cache.is_enabled() || text.len() > MAX_TEXT_BYTES {
        let compiled = py.detach(|| Compiled::new(text)).map_err(|error| compile_error(&error))?;
        return Ok(Py::new(py, Pattern::new(py, text, options, Arc::new(compiled))?)?.into_any());
    }
    let mut canonical = String::new();
    let key = cache_key(text, &options, &mut canonical);
    if let Some(found) = cache.look_up(py, key) {
        return Ok(found);
    }
    compile_once(py, cache, key, text, options)
}

/// The key of a pattern; `canonical` holds its text where the pattern's own will not do.
#[inline]
fn cache_key<'k>(text: &'k str, options: &Options, canonical: &'k mut String) -> KeyRef<'k> {
    if options.is_empty() {
        return KeyRef { space: PATTERN_KEYS, text };
    }
    *canonical = options.canonical_key(text);
    KeyRef { space: OPTION_KEYS, text: canonical }
}

/// Compiles what the cache does not have, or waits for the thread that does. Kept out of the way of a hit.
#[cold]
#[inline(never)]
fn compile_once(
    py: Python<'_>,
    cache: &PatternCache,
    key: KeyRef<'_>,
    text: &str,
    options: Options,
) -> PyResult<Py<PyAny>> {
    loop {
        match cache.compiling.join(key) {
            Role::Maker(lease) => {
                // Another thread may have landed between the look-up that missed and now.
                if let Some(landed) = cache.store.peek(key, |value| value.clone_ref(py)) {
                    return Ok(landed);
                }
                let begun = Instant::now();
                let made: Made = py.detach(|| Compiled::new(text).map(Arc::new));
                let cost = begun.elapsed();
                cache.compile_times.observe(cost);
                let compiled = match made {
                    Ok(compiled) => compiled,
                    Err(error) => {
                        let raised = compile_error(&error);
                        lease.land(Err(error));
                        return Err(raised);
                    }
                };
                let pattern = Py::new(py, Pattern::new(py, text, options, Arc::clone(&compiled))?)?;
                let bytes = pattern.get().total_bytes() as u64;
                let pattern = pattern.into_any();
                // Values that leave are dropped at the end, when no lock is held.
                let mut left = Vec::new();
                cache.store.put(key, pattern.clone_ref(py), bytes, cost, &mut left);
                lease.land(Ok(compiled));
                return Ok(pattern);
            }
            Role::Waiter(flight) => match py.detach(|| flight.wait()) {
                Some(Ok(compiled)) => {
                    return Ok(Py::new(py, Pattern::new(py, text, options, compiled)?)?.into_any());
                }
                Some(Err(error)) => return Err(compile_error(&error)),
                // The maker gave up: perhaps this thread makes it.
                None => py.check_signals()?,
            },
        }
    }
}

/// Tells the cache that a pattern's tables have grown.
pub fn reweigh(py: Python<'_>, pattern: &Bound<'_, Pattern>) {
    let Some(cache) = PROCESS_CACHE.get(py).map(Py::get) else { return };
    let this = pattern.get();
    let mut canonical = String::new();
    let key = cache_key(&this.text, &this.options, &mut canonical);
    // Patterns that were made side by side share what they compiled.
    cache.store.reweigh(key, this.total_bytes() as u64, &mut Vec::new(), |value| value.is(pattern));
}

/// Python's own error for a lone surrogate names a byte offset of a copy; ours names line and column.
fn lone_surrogate(py: Python<'_>, text: &Bound<'_, PyString>, error: PyErr) -> PyErr {
    let before = || -> PyResult<String> {
        let at: isize = error.value(py).getattr("start")?.extract()?;
        text.get_item(PySlice::new(py, 0, at, 1))?.extract()
    };
    let what = "a lone surrogate is not a character; a row pattern must be valid Unicode text";
    match before() {
        Ok(before) => syntax_error(&SyntaxError::new(&format!("{before}\u{fffd}"), before.len(), what)),
        Err(_) => error,
    }
}
