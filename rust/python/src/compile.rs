//! `compile`: from the process's cache, or anew.

use std::sync::Arc;
use std::time::Instant;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PySlice, PyString};
use rowpattern_core::cache::{Offered, Role};
use rowpattern_core::matcher::Compiled;
use rowpattern_core::pattern::{MAX_TEXT_BYTES, SyntaxError};
use rowpattern_macros::catch_panics;

use super::cache::{Made, PatternCache};
use super::errors::{compile_error, syntax_error};
use super::keys::{self, Kind};
use super::pattern::{Options, Pattern};
use super::process_cache::the_cache;

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
///
/// Examples:
///     >>> import rowpattern
///     >>> rowpattern.compile("LOGIN FAILURE{3,} TRANSFER?").variables
///     ('LOGIN', 'FAILURE', 'TRANSFER')
///     >>> rowpattern.compile("LOGIN (")
///     Traceback (most recent call last):
///         ...
///     rowpattern.errors.PatternSyntaxError: ...
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (pattern, *, subset = None, define = None))]
pub fn compile(
    py: Python<'_>,
    pattern: &Bound<'_, PyAny>,
    subset: Option<&Bound<'_, PyAny>>,
    define: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<PyAny>> {
    let Ok(written) = pattern.cast::<PyString>() else {
        let kind = pattern.get_type().name()?;
        return Err(PyTypeError::new_err(format!("a row pattern must be a str, not {kind}")));
    };
    let text = match written.to_str() {
        Ok(text) => text,
        Err(error) => return Err(lone_surrogate(py, written, error)),
    };
    let cache = the_cache(py)?.get();
    let options = Options::read(subset, define)?;
    // A text past the limit is refused at once; looking it up first would take time.
    if !cache.is_enabled() || text.len() > MAX_TEXT_BYTES {
        let compiled = py.detach(|| Compiled::new(text)).map_err(|error| compile_error(&error))?;
        return Ok(Py::new(py, Pattern::new(py, text, options, Arc::new(compiled))?)?.into_any());
    }
    let canonical = (!options.is_empty()).then(|| PyString::new(py, &options.canonical_key(text)));
    let cached = |kind, key: &Bound<'_, PyString>| match cache.look_up(py, keys::key(kind, key)?) {
        Some(found) => Ok(found),
        None => compile_once(py, cache, kind, key, text, options),
    };
    match canonical {
        None => keys::with_exact(written, |written| cached(Kind::Pattern, written)),
        Some(canonical) => cached(Kind::PatternWithOptions, &canonical),
    }
}

/// Compiles what the cache does not have, or waits for the thread that does. Kept out of the way of a hit.
#[cold]
#[inline(never)]
fn compile_once(
    py: Python<'_>,
    cache: &PatternCache,
    kind: Kind,
    key: &Bound<'_, PyString>,
    text: &str,
    options: Options,
) -> PyResult<Py<PyAny>> {
    loop {
        match cache.compiling.join(keys::key(kind, key)?) {
            Role::Leader(lease) => {
                // Another thread may have put it in between the look-up that missed and now.
                if let Some(made) = cache.store.peek(keys::key(kind, key)?, |value| value.clone_ref(py)) {
                    return Ok(made);
                }
                let begun = Instant::now();
                let made: Made = py.detach(|| Compiled::new(text).map(Arc::new));
                let cost = begun.elapsed();
                cache.compile_times.observe(cost);
                let compiled = match made {
                    Ok(compiled) => compiled,
                    Err(error) => {
                        let raised = compile_error(&error);
                        lease.complete(Err(error));
                        return Err(raised);
                    }
                };
                let pattern = Py::new(py, Pattern::new(py, text, options, Arc::clone(&compiled))?)?;
                let bytes = pattern.get().total_bytes() as u64;
                let pattern = pattern.into_any();
                cache.insert(kind, key, Offered { value: pattern.clone_ref(py), bytes, cost })?;
                lease.complete(Ok(compiled));
                return Ok(pattern);
            }
            Role::Follower(flight) => match py.detach(|| flight.wait()) {
                Some(Ok(compiled)) => {
                    return Ok(Py::new(py, Pattern::new(py, text, options, compiled)?)?.into_any());
                }
                Some(Err(error)) => return Err(compile_error(&error)),
                // The leader gave up: perhaps this thread makes it.
                None => py.check_signals()?,
            },
        }
    }
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
