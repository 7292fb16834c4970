//! Numbers as arguments, and values as errors show them.

use pyo3::exceptions::{PyIndexError, PyOverflowError, PyValueError};
use pyo3::prelude::*;

use super::counted::with_article;

/// Reads a whole number of at least 0, or None where the type allows it. Given to `from_py_with`, so that a number that does
/// not fit is a ValueError as other wrong values are, not Python's OverflowError.
pub fn whole<'py, T>(value: &Bound<'py, PyAny>) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            return PyValueError::new_err("a whole number here must be at least 0 and below 2**64");
        }
        error
    })
}

/// Reads a number. One that no double holds is infinite, not Python's OverflowError.
pub fn number(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    value.extract().or_else(|error: PyErr| {
        if !error.is_instance_of::<PyOverflowError>(value.py()) {
            return Err(error);
        }
        Ok(if value.lt(0)? { f64::NEG_INFINITY } else { f64::INFINITY })
    })
}

/// As [`number`], or None.
pub fn optional_number(value: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    if value.is_none() { Ok(None) } else { number(value).map(Some) }
}

/// Reads a place in a sequence. A number that no sequence reaches is an IndexError, not Python's OverflowError.
pub fn place(value: &Bound<'_, PyAny>) -> PyResult<isize> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            return PyIndexError::new_err("the index is out of range");
        }
        error
    })
}

/// A value as an error shows it: cut where it is long, and by its type where it cannot be shown.
pub fn shown(value: &Bound<'_, PyAny>) -> String {
    text(value).unwrap_or_else(|| type_of(value))
}

/// A value and its type as an error shows them: "5, an int".
pub fn shown_with_type(value: &Bound<'_, PyAny>) -> String {
    text(value).map_or_else(|| type_of(value), |text| format!("{text}, {}", type_of(value)))
}

fn text(value: &Bound<'_, PyAny>) -> Option<String> {
    const LONGEST: usize = 100;
    let text = value.repr().and_then(|text| text.extract::<String>()).ok()?;
    if text.chars().count() <= LONGEST {
        return Some(text);
    }
    Some(format!("{}...", text.chars().take(LONGEST).collect::<String>()))
}

fn type_of(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "a value".to_owned(), |name| with_article(&name.to_string()))
}
