//! Entries of a cache, for `PatternCache.entries` and `PatternCache.patterns`.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyString};
use rowpattern_core::cache::{self, NEVER};

use super::keys::Kind;
use super::pattern::Pattern;

/// An entry that holds a Python object.
type CachedObject = cache::Entry<PyBackedStr, Py<PyAny>>;

fn load(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

/// Sorts entries by what a caller wants first.
pub fn sort(entries: &mut [Arc<CachedObject>], order: &str) -> PyResult<()> {
    match order {
        "recent" => entries.sort_by_cached_key(|entry| Reverse(load(&entry.used))),
        "bytes" => entries.sort_by_cached_key(|entry| Reverse(load(&entry.bytes))),
        "hits" => entries.sort_by_cached_key(|entry| Reverse(load(&entry.hits))),
        "age" => entries.sort_by_cached_key(|entry| (load(&entry.born), load(&entry.inserted))),
        "compilation_time" => entries.sort_by_cached_key(|entry| Reverse(load(&entry.cost_nanoseconds))),
        other => {
            return Err(PyValueError::new_err(format!(
                "order must be \"recent\", \"bytes\", \"hits\", \"age\" or \"compilation_time\", not {other:?}"
            )));
        }
    }
    Ok(())
}

/// The pattern that `compile` has put in.
pub fn pattern_of(py: Python<'_>, entry: &CachedObject) -> Option<Py<Pattern>> {
    let value = entry.read(|value| value.clone_ref(py))?;
    Some(value.bind(py).cast::<Pattern>().ok()?.clone().unbind())
}

/// A dict that describes an entry; `now` is on the cache's clock.
pub fn describe<'py>(py: Python<'py>, entry: &CachedObject, now: u64) -> PyResult<Bound<'py, PyDict>> {
    let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9;
    let kind = Kind::of_space(entry.key.space);
    let pattern = if kind.is_pattern() { pattern_of(py, entry) } else { None };
    let deadline = load(&entry.deadline);
    let description = PyDict::new(py);
    description.set_item("key", &*entry.key.text)?;
    description.set_item("kind", kind.name())?;
    description.set_item("pattern", pattern.as_ref().map(|pattern| PyString::new(py, &pattern.get().text)))?;
    description.set_item("size_bytes", entry.weight())?;
    description.set_item("hits", load(&entry.hits))?;
    description.set_item("age_seconds", seconds(now.saturating_sub(load(&entry.born))))?;
    let left = (deadline != NEVER).then(|| seconds(deadline.saturating_sub(now)));
    description.set_item("seconds_left", left)?;
    description.set_item("compilation_time", seconds(load(&entry.cost_nanoseconds)))?;
    Ok(description)
}
