//! Arguments: `partitions`, `skip`, and names of variables.

use pyo3::exceptions::{PyIndexError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::errors::{out_of_memory, rows_error, unknown_variable};
use super::limits::Limits;
use super::pattern::Pattern;
use super::{ffi, readers, rows};
use crate::matcher::{Partitions, Skip, number_of};

/// Items of Python objects between two looks at signals and limits.
pub const ITEMS_BETWEEN_LOOKS: usize = 1 << 16;

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
    const LONGEST: usize = 100;
    let Ok(text) = value.repr().and_then(|text| text.extract::<String>()) else {
        return value.get_type().name().map_or_else(|_| "a value".to_owned(), |name| format!("a {name}"));
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    format!("{}...", text.chars().take(LONGEST).collect::<String>())
}

/// Reads `partitions`: row counts, or the rows where partitions start.
///
/// Counts add up to the number of rows; starts begin with 0. Where both could be meant, the caller must say which.
pub fn partitions(value: Option<&Bound<'_, PyAny>>, rows: usize, limits: &Limits) -> PyResult<Partitions> {
    let Some(value) = value else { return Ok(Partitions::one(rows)) };
    if let Ok(tagged) = value.cast::<PyTuple>()
        && tagged.len() == 2
        && let Ok(tag) = tagged.get_item(0)?.cast::<PyString>()
    {
        let numbers = row_numbers(&tagged.get_item(1)?, limits)?;
        return match tag.to_str()? {
            "counts" => from_counts(numbers, rows),
            "starts" => from_starts(numbers, rows),
            other => Err(PyValueError::new_err(format!(
                "partitions=({other:?}, ...) is not known; write (\"counts\", [...]) or (\"starts\", [...])"
            ))),
        };
    }
    let numbers = row_numbers(value, limits)?;
    if numbers.first() != Some(&0) {
        return from_counts(numbers, rows);
    }
    let could_be_counts = numbers.iter().try_fold(0_usize, |sum, &count| sum.checked_add(count)) == Some(rows);
    let could_be_starts = numbers.is_sorted() && numbers.last().is_some_and(|&last| last <= rows);
    if could_be_counts && !could_be_starts {
        return from_counts(numbers, rows);
    }
    if could_be_counts && numbers.len() > 1 && rows > 0 {
        return Err(rows_error(
            "partitions that begin with 0 and add up to the number of rows can be counts or starts; \
             write (\"counts\", [...]) or (\"starts\", [...])",
        ));
    }
    from_starts(numbers, rows)
}

fn row_numbers(value: &Bound<'_, PyAny>, limits: &Limits) -> PyResult<Vec<usize>> {
    // Collected in place: both are 64 bits wide.
    integers(value, "partitions", limits)?
        .into_iter()
        .enumerate()
        .map(|(at, number)| {
            usize::try_from(number)
                .map_err(|_| rows_error(format!("partitions[{at}] is {number}; it must be at least 0")))
        })
        .collect()
}

/// Reads whole numbers from a buffer, Arrow, or a sequence.
///
/// Args:
///     name: what they are, for errors.
///     limits: what is read counts until the caller releases it.
pub fn integers(values: &Bound<'_, PyAny>, name: &str, limits: &Limits) -> PyResult<Vec<i64>> {
    let py = values.py();
    // Arrays can be read item by item too, but slowly.
    if (values.is_instance_of::<PyList>() || values.is_instance_of::<PyTuple>())
        && let Some(list) = listed(values, limits)?
    {
        return Ok(list);
    }
    if rows::is_masked(values)? {
        if values.getattr("mask")?.call_method0("any")?.is_truthy()? {
            return Err(rows_error(format!("{name} have masked values; give each a number")));
        }
        return integers(&values.call_method0("filled")?, name, limits);
    }
    let values = if !values.hasattr("__array_interface__")? && values.hasattr("__array__")? {
        values.call_method0("__array__")?
    } else {
        values.clone()
    };
    if let Some(numbers) = ffi::buffer_integers(&values, name, limits)? {
        return Ok(numbers);
    }
    if let Some(chunks) = ffi::arrow_arrays(&values, name, Some(limits))? {
        let numbers = readers::decode(py, &chunks, readers::WholeNumbers, name, Some(limits))?;
        let null = |at: usize| rows_error(format!("{name}[{at}] is NULL; give each a number"));
        return numbers.into_iter().enumerate().map(|(at, number)| number.ok_or_else(|| null(at))).collect();
    }
    let is_sequence = values.hasattr("__getitem__")? && !values.is_instance_of::<PyDict>();
    if is_sequence
        && !values.is_instance_of::<PyString>()
        && let Some(list) = listed(&values, limits)?
    {
        return Ok(list);
    }
    let kind = values.get_type().name()?;
    Err(rows_error(format!("expected a sequence of whole numbers, not {kind}")))
}

/// Reads whole numbers item by item; None where one is none.
fn listed(values: &Bound<'_, PyAny>, limits: &Limits) -> PyResult<Option<Vec<i64>>> {
    let mut numbers = Vec::new();
    let Ok(items) = values.try_iter() else { return Ok(None) };
    for (at, item) in items.enumerate() {
        if at.is_multiple_of(ITEMS_BETWEEN_LOOKS) {
            limits.check(values.py())?;
        }
        let Some(number) = item.ok().and_then(|item| item.extract().ok()) else {
            limits.budget.release_vector(&numbers);
            return Ok(None);
        };
        limits.reserve(&mut numbers, 1)?;
        numbers.push(number);
    }
    Ok(Some(numbers))
}

fn from_counts(counts: Vec<usize>, rows: usize) -> PyResult<Partitions> {
    let sum = counts.iter().fold(0_usize, |sum, &count| sum.saturating_add(count));
    if sum != rows {
        return Err(rows_error(format!("the row counts of partitions add up to {sum}, but there are {rows} rows")));
    }
    Partitions::from_counts(&counts).map_err(out_of_memory)
}

fn from_starts(starts: Vec<usize>, rows: usize) -> PyResult<Partitions> {
    if starts.first().is_none_or(|&first| first != 0) && rows > 0 {
        return Err(rows_error("the first partition must start at row 0"));
    }
    if let Some(at) = starts.windows(2).position(|pair| pair[0] > pair[1]) {
        let (before, after) = (starts[at], starts[at + 1]);
        return Err(rows_error(format!(
            "partitions must start in order of their rows: {before} stands before {after}"
        )));
    }
    match starts.last() {
        Some(&last) if last > rows => {
            Err(rows_error(format!("a partition starts at row {last}, but there are {rows} rows")))
        }
        Some(_) => Partitions::from_starts(starts, rows).map_err(out_of_memory),
        None => Partitions::from_counts(&[]).map_err(out_of_memory),
    }
}

/// Reads the name of a primary variable as its number among these names.
pub fn variable(py: Python<'_>, names: &[String], name: &str) -> PyResult<u8> {
    number_of(names, name).ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        unknown_variable(py, name, &known, "primary variable")
    })
}

/// Reads `skip`, and the variable that it names.
pub fn skip(pattern: &Pattern, value: Option<&Bound<'_, PyAny>>) -> PyResult<(Skip, Option<String>)> {
    let Some(value) = value else { return Ok((Skip::PastLastRow, None)) };
    let forms = "skip must be \"past last row\", \"to next row\", (\"to first\", variable) or (\"to last\", variable)";
    if let Ok(text) = value.cast::<PyString>() {
        return match text.to_str()? {
            "past last row" => Ok((Skip::PastLastRow, None)),
            "to next row" => Ok((Skip::ToNextRow, None)),
            other => Err(PyValueError::new_err(format!("{forms}, not {other:?}"))),
        };
    }
    let Ok((mode, name)) = value.extract::<(String, String)>() else {
        return Err(PyTypeError::new_err(format!("{forms}, not {}", shown(value))));
    };
    let Some(variables) = pattern.variable_set(&name) else {
        let known = pattern.all_names();
        return Err(unknown_variable(value.py(), &name, &known, "variable"));
    };
    match mode.as_str() {
        "to first" => Ok((Skip::ToFirst(variables), Some(name))),
        "to last" => Ok((Skip::ToLast(variables), Some(name))),
        other => Err(PyValueError::new_err(format!("{forms}, not ({other:?}, ...)"))),
    }
}
