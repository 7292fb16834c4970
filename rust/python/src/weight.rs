//! What Python objects weigh: the common ones here, all others in Python, by what the package hands over (`hooks.rs`).

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyNone, PyString, PyTuple};
use rowpattern_macros::catch_panics;

use super::hooks::hooks;
use super::pattern::Pattern;

/// Tuples of more objects, one in another, are weighed in Python, where an object that is met twice counts once.
const MOST_OBJECTS: usize = 16;

/// Sizes without what is inside, as the allocator rounds them: of a tuple with what the collector of garbage keeps before it,
/// of a float or an int of 64 bits, of bytes.
const TUPLE_BYTES: u64 = 48;
const NUMBER_BYTES: u64 = 32;
const BYTES_BYTES: u64 = 33;

/// Returns the bytes of an object whose class is known here, with what it refers to; None for others.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_known_weight")]
pub fn known_weight(value: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    of_known(value, &mut { MOST_OBJECTS })
}

/// Bytes that a value keeps alive.
pub fn of(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    match known_weight(value)? {
        Some(bytes) => Ok(bytes),
        None => hooks(value.py())?.weigh.bind(value.py()).call1((value,))?.extract(),
    }
}

/// Bytes of a value, if it is of a known class and so is all that it refers to.
fn of_known(value: &Bound<'_, PyAny>, budget: &mut usize) -> PyResult<Option<u64>> {
    let Some(rest) = budget.checked_sub(1) else { return Ok(None) };
    *budget = rest;
    if value.is_exact_instance_of::<PyNone>() || value.is_exact_instance_of::<PyBool>() {
        return Ok(Some(0));
    }
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        let mut total = TUPLE_BYTES + 8 * tuple.len() as u64;
        for item in tuple.iter_borrowed() {
            let Some(bytes) = of_known(&item, budget)? else { return Ok(None) };
            total += bytes;
        }
        return Ok(Some(total));
    }
    if value.is_exact_instance_of::<PyFloat>() {
        return Ok(Some(NUMBER_BYTES));
    }
    if value.is_exact_instance_of::<PyInt>() {
        return Ok(Some(if value.extract::<i64>().is_ok() { NUMBER_BYTES } else { own(value)? }));
    }
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        return Ok(Some(BYTES_BYTES + bytes.as_bytes().len() as u64));
    }
    if value.is_exact_instance_of::<PyString>() {
        return own(value).map(Some);
    }
    if let Ok(pattern) = value.cast::<Pattern>() {
        return Ok(Some(pattern.get().total_bytes() as u64));
    }
    Ok(None)
}

/// What an object says of itself, without what it refers to.
fn own(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.call_method0(pyo3::intern!(value.py(), "__sizeof__"))?.extract()
}
