//! `placed_texts`: Python's texts as places among the different ones.

use std::sync::Arc;

use arrow_array::types::UInt16Type;
use arrow_array::{DictionaryArray, PrimitiveArray, StringArray};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use pyo3::prelude::*;
use rowpattern_core::cache::Threads;
use rowpattern_macros::catch_panics;

use super::cache_limits::threads;
use super::cancel_argument::{Cancel, account};
use super::computed_column::ComputedColumn;
use super::errors::rows_error;
use super::ffi::{self, NO_TEXT, PlacedTexts};
use super::limits::CallLimits;
use super::numbers::optional_number;

/// Reads an array of Python's texts as places among the different ones, without a copy of each.
///
/// Args:
///     array: a numpy array of objects: exact `str`, None and NaN, of which the last two are NULL.
///     timeout_seconds: the most seconds that it may take; None is no limit.
///     memory_limit_mb: the most megabytes of 2**20 bytes for the places.
///     cancel: as for `Pattern.match`.
///
/// Returns an Arrow dictionary of texts with places of 16 bits; None where the array has other objects, no text, more than some
/// thousand different ones, or text with half of a surrogate pair; and in interpreters without a global lock, where others can change the
/// array meanwhile.
///
/// Raises:
///     QueryLimitError: a limit was passed.
///     MemoryError: there is not enough memory.
///
/// Takes time linear in the rows, with the interpreter's lock held, some milliseconds at a time.
///
/// Example:
///     >>> import numpy as np, pyarrow as pa
///     >>> from rowpattern import _core
///     >>> found = pa.array(_core.placed_texts(np.array(list("abba"), dtype=object)))
///     >>> str(found.type), found.to_pylist() == list("abba")
///     ('dictionary<values=string, indices=uint16, ordered=0>', True)
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (array, *, timeout_seconds = None, memory_limit_mb = None, cancel = None))]
pub fn placed_texts(
    array: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
    #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
    #[pyo3(from_py_with = account)] cancel: Cancel,
) -> PyResult<Option<ComputedColumn>> {
    let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
    if matches!(threads(array.py())?, Threads::Parallel) {
        return Ok(None);
    }
    let Some(PlacedTexts { places, texts }) = ffi::placed_texts(array, &limits)? else { return Ok(None) };
    if texts.is_empty() {
        return Ok(None);
    }
    let valid: NullBuffer = places.iter().map(|&place| place != NO_TEXT).collect();
    let valid = (valid.null_count() > 0).then_some(valid);
    let places = PrimitiveArray::<UInt16Type>::try_new(ScalarBuffer::from(places), valid);
    let found =
        places.and_then(|places| DictionaryArray::try_new(places, Arc::new(StringArray::from_iter_values(&texts))));
    let found = found.map_err(|error| rows_error(error.to_string()))?;
    Ok(Some(ComputedColumn::of_array(Arc::new(found))))
}
