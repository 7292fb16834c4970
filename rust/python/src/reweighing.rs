//! The weight of a pattern in the cache, after matching.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::keys::{self, Kind};
use super::pattern::Pattern;
use super::process_cache::the_cache_if_made;

/// Tells the cache that a pattern's tables have grown.
pub fn reweigh(pattern: &Bound<'_, Pattern>) {
    let py = pattern.py();
    let Some(cache) = the_cache_if_made(py) else { return };
    let this = pattern.get();
    let (kind, key) = if this.options.is_empty() {
        (Kind::Pattern, PyString::new(py, &this.text))
    } else {
        (Kind::PatternWithOptions, PyString::new(py, &this.options.canonical_key(&this.text)))
    };
    // Its text was the key when it was compiled, so it still is one.
    let Ok(key) = keys::key(kind, &key) else { return };
    // Patterns that were made side by side share what they compiled.
    let is_same = |value: &Py<PyAny>| value.is(pattern);
    // What leaves is dropped at the end, when no lock is held.
    let mut left = Vec::new();
    cache.store.reweigh(key, this.total_bytes() as u64, &mut left, is_same);
}
