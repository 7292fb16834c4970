//! Arguments: `partitions`, other sequences of whole numbers, and names of variables.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use rowpattern_core::matcher::number_of;
use rowpattern_core::rows::{Partitions, VariableSet};

use super::counted::there_are_rows;
use super::errors::{out_of_memory, rows_error, unknown_variable};
use super::limits::CallLimits;
use super::signals::ITEMS_BETWEEN_LOOKS;
use super::{ffi, readers};

/// Reads `partitions`: row counts, or the rows where partitions start.
///
/// Counts add up to the number of rows; starts begin with 0. Where both could be meant, the caller must say which.
pub fn partitions(value: Option<&Bound<'_, PyAny>>, rows: usize, limits: &CallLimits) -> PyResult<Partitions> {
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

fn row_numbers(value: &Bound<'_, PyAny>, limits: &CallLimits) -> PyResult<Vec<usize>> {
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
pub fn integers(values: &Bound<'_, PyAny>, name: &str, limits: &CallLimits) -> PyResult<Vec<i64>> {
    let py = values.py();
    // Arrays can be read item by item too, but slowly.
    if (values.is_instance_of::<PyList>() || values.is_instance_of::<PyTuple>())
        && let Some(list) = listed(values, limits)?
    {
        return Ok(list);
    }
    if is_masked(values)? {
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

/// Whether it is one of numpy's masked arrays. As buffers they show what they hide.
pub fn is_masked(array: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(array.hasattr("filled")? && array.hasattr("fill_value")? && array.hasattr("mask")?)
}

/// Reads whole numbers item by item; None where one is none.
fn listed(values: &Bound<'_, PyAny>, limits: &CallLimits) -> PyResult<Option<Vec<i64>>> {
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
        return Err(rows_error(format!("the row counts of partitions add up to {sum}, but {}", there_are_rows(rows))));
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
            Err(rows_error(format!("a partition starts at row {last}, but {}", there_are_rows(rows))))
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

/// Reads names of primary variables as the set of them.
pub fn variables(py: Python<'_>, names: &[String], wanted: &[String]) -> PyResult<VariableSet> {
    wanted.iter().map(|name| variable(py, names, name)).collect()
}
