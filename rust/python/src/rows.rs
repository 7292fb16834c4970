//! Rows as Python has them, to symbols.

use std::collections::HashMap;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyIterator, PyMapping, PyString};
use rowpattern_core::matcher::Compiled;
use rowpattern_core::rows::{Symbols, SymbolsBuilder};

use super::arguments::{integers, is_masked, variable};
use super::arrow::{ArrowArray, Values};
use super::booleans::{Booleans, Run};
use super::counted::counted;
use super::errors::rows_error;
use super::limits::CallLimits;
use super::numbers::{shown, shown_with_type};
use super::row_symbols::RowSymbols;
use super::signals::ITEMS_BETWEEN_LOOKS;
use super::{ffi, labels};

/// Reads the argument `rows`: a mapping of variables to booleans, or a sequence of labels. Nothing may be charged before.
pub fn symbols(compiled: &Compiled, rows: &Bound<'_, PyAny>, limits: &CallLimits) -> PyResult<Symbols> {
    let symbols = read(compiled, rows, limits)?;
    // Columns and labels that were read are free again.
    limits.budget.release(limits.budget.charged_bytes().saturating_sub(symbols.memory_bytes()));
    Ok(symbols)
}

fn read(compiled: &Compiled, rows: &Bound<'_, PyAny>, limits: &CallLimits) -> PyResult<Symbols> {
    if let Ok(made) = rows.cast::<RowSymbols>() {
        let symbols = made.get().take(compiled.variables.len())?;
        limits.charge(symbols.memory_bytes())?;
        return Ok(symbols);
    }
    if let Ok(text) = rows.cast::<PyString>() {
        return text_labels(compiled, text, limits);
    }
    // A pandas series has keys too; a frame has columns.
    if rows.cast::<PyMapping>().is_ok() || (rows.hasattr("keys")? && rows.hasattr("columns")?) {
        return conditions(compiled, rows, limits);
    }
    if let Some((categories, codes)) = categorical(rows, limits)? {
        let table: Vec<Option<u8>> = categories.iter().map(|name| variable_of(compiled, name.as_deref())).collect();
        // A missing category has code -1, which lies outside of the table.
        let place = |&code: &i64| usize::try_from(code).unwrap_or(usize::MAX);
        return labelled(compiled, &table, &codes, place, limits);
    }
    if let Some(objects) = objects_of_series(rows)? {
        return object_labels(compiled, &objects, limits);
    }
    if let Some(chunks) = ffi::arrow_arrays(rows, "rows", Some(limits))? {
        return match record_columns(chunks) {
            Ok(columns) => record_conditions(compiled, rows.py(), columns, limits),
            Err(chunks) => labels::symbols(rows.py(), compiled, &chunks, limits),
        };
    }
    if let Some((texts, places)) = ffi::buffer_texts(rows, "rows", limits)? {
        let table: Vec<Option<u8>> = texts.iter().map(|text| compiled.variable(text)).collect();
        let place = |&place: &u32| place as usize;
        return rows.py().detach(|| labelled(compiled, &table, &places, place, limits));
    }
    object_labels(compiled, rows, limits)
}

/// Symbols of rows with one label each.
fn labelled<L>(
    compiled: &Compiled,
    table: &[Option<u8>],
    labels: &[L],
    place: impl Fn(&L) -> usize + Copy,
    limits: &CallLimits,
) -> PyResult<Symbols> {
    let symbols = Symbols::from_labels(compiled.variables.len(), table, labels, place, &limits.budget);
    symbols.map_err(|reason| limits.error(reason))
}

fn variable_of(compiled: &Compiled, name: Option<&str>) -> Option<u8> {
    name.and_then(|name| compiled.variable(name))
}

/// One letter a row.
fn text_labels(compiled: &Compiled, text: &Bound<'_, PyString>, limits: &CallLimits) -> PyResult<Symbols> {
    let py = text.py();
    let count = text.len()?;
    let text = text.to_str().map_err(|_| rows_error("labels must be valid Unicode text, without lone surrogates"))?;
    let letter = |character: char| compiled.variable(character.encode_utf8(&mut [0; 4]));
    // Each character is one byte of UTF-8.
    if count == text.len() {
        let table: Vec<Option<u8>> = (0..128_u8).map(|byte| letter(char::from(byte))).collect();
        let letters = text.as_bytes();
        let symbols = Symbols::from_letters(compiled.variables.len(), &table, letters, &limits.budget);
        return symbols.map_err(|reason| limits.error(reason));
    }
    let mut numbers = HashMap::new();
    let mut table = Vec::new();
    let mut labels = Vec::new();
    limits.reserve(&mut labels, count)?;
    for (row, character) in text.chars().enumerate() {
        if row.is_multiple_of(ITEMS_BETWEEN_LOOKS) {
            limits.check(py)?;
        }
        labels.push(*numbers.entry(character).or_insert_with(|| {
            table.push(letter(character));
            table.len() - 1
        }));
    }
    labelled(compiled, &table, &labels, |&label| label, limits)
}

/// The categories and codes of a pandas categorical (the array, or a series of it).
#[expect(clippy::type_complexity, reason = "used once, taken apart at once")]
fn categorical(rows: &Bound<'_, PyAny>, limits: &CallLimits) -> PyResult<Option<(Vec<Option<String>>, Vec<i64>)>> {
    let holder = if rows.hasattr("cat")? { rows.getattr("cat")? } else { rows.clone() };
    if !(holder.hasattr("categories")? && holder.hasattr("codes")?) {
        return Ok(None);
    }
    let categories = holder.getattr("categories")?.try_iter()?;
    let categories = categories.map(|name| Ok(name?.extract::<String>().ok())).collect::<PyResult<_>>()?;
    Ok(Some((categories, integers(&holder.getattr("codes")?, "codes", limits)?)))
}

/// The array of a pandas series of objects. The series converts itself to Arrow, too, but in one call, in which no other thread has the
/// interpreter.
fn objects_of_series<'py>(rows: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if !(rows.hasattr("to_numpy")? && rows.hasattr("dtype")?) {
        return Ok(None);
    }
    let kind = rows.getattr("dtype")?;
    if !kind.hasattr("hasobject")? || !kind.getattr("hasobject")?.is_truthy()? {
        return Ok(None);
    }
    rows.call_method0("to_numpy").map(Some)
}

/// The columns of records; or, where arrays are something else, the arrays.
fn record_columns(chunks: Vec<ArrowArray>) -> Result<Vec<(String, Booleans)>, Vec<ArrowArray>> {
    if !chunks.first().is_some_and(|chunk| matches!(chunk.values, Values::Record(_))) {
        return Err(chunks);
    }
    let mut columns: Vec<(String, Vec<ArrowArray>)> = Vec::new();
    for chunk in chunks {
        let Values::Record(record) = chunk.values else { continue };
        if columns.is_empty() {
            columns = record.iter().map(|(name, _)| (name.clone(), Vec::new())).collect();
        }
        for ((_, pieces), (_, column)) in columns.iter_mut().zip(record) {
            pieces.push(column);
        }
    }
    Ok(columns.into_iter().map(|(name, pieces)| (name, Booleans::Arrow(pieces))).collect())
}

/// Any sequence of str and None.
fn object_labels(compiled: &Compiled, rows: &Bound<'_, PyAny>, limits: &CallLimits) -> PyResult<Symbols> {
    let py = rows.py();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut table = Vec::new();
    let mut labels = Vec::new();
    let items = items(rows, "rows must be a mapping of variables to booleans or a sequence of labels")?;
    for (row, item) in items.enumerate() {
        let item = item?;
        if row.is_multiple_of(ITEMS_BETWEEN_LOOKS) {
            limits.check(py)?;
        }
        limits.reserve(&mut labels, 1)?;
        if let Ok(label) = item.cast::<PyString>() {
            let label = label.to_str().map_err(|_| {
                rows_error(format!("row {row} has a label with half of a surrogate pair, which is no character"))
            })?;
            let number = numbers.get(label).copied().unwrap_or_else(|| {
                table.push(compiled.variable(label));
                numbers.insert(label.to_owned(), table.len() - 1);
                table.len() - 1
            });
            labels.push(number);
        } else if is_missing(&item)? {
            labels.push(usize::MAX);
        } else {
            let given = shown_with_type(&item);
            return Err(rows_error(format!("row {row} has the label {given}; labels are str or None")));
        }
    }
    py.detach(|| labelled(compiled, &table, &labels, |&label| label, limits))
}

/// Iterates; where an object has no items, the error says what it must be.
fn items<'py>(sequence: &Bound<'py, PyAny>, must_be: &str) -> PyResult<Bound<'py, PyIterator>> {
    let py = sequence.py();
    sequence.try_iter().map_err(|error| {
        let kind = sequence.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
        let is_ours = error.is_instance_of::<PyTypeError>(py);
        if is_ours { PyTypeError::new_err(format!("{must_be}, not {kind}")) } else { error }
    })
}

/// None, pandas' NA, what numpy's masked arrays hide, and NaN, which pandas puts for a missing label.
fn is_missing(item: &Bound<'_, PyAny>) -> PyResult<bool> {
    if item.is_none() {
        return Ok(true);
    }
    let kind = item.get_type().name()?;
    Ok(kind == "NAType" || kind == "MaskedConstant" || item.extract::<f64>().is_ok_and(f64::is_nan))
}

/// Booleans by variable.
fn conditions(compiled: &Compiled, rows: &Bound<'_, PyAny>, limits: &CallLimits) -> PyResult<Symbols> {
    let mut columns = Vec::new();
    for key in rows.call_method0("keys")?.try_iter()? {
        let key = key?;
        let Ok(name) = key.extract::<String>() else {
            return Err(rows_error(format!("rows has the key {}; keys are names of variables", shown(&key))));
        };
        let variable = variable(rows.py(), &compiled.variables, &name)?;
        columns.push((variable, booleans(&rows.get_item(&key)?, &name, limits)?, name));
    }
    fill(compiled, rows.py(), columns, limits)
}

fn record_conditions(
    compiled: &Compiled,
    py: Python<'_>,
    record: Vec<(String, Booleans)>,
    limits: &CallLimits,
) -> PyResult<Symbols> {
    let named = record.into_iter().map(|(name, column)| Ok((variable(py, &compiled.variables, &name)?, column, name)));
    fill(compiled, py, named.collect::<PyResult<_>>()?, limits)
}

fn fill(
    compiled: &Compiled,
    py: Python<'_>,
    columns: Vec<(u8, Booleans, String)>,
    limits: &CallLimits,
) -> PyResult<Symbols> {
    let Some((_, first, first_name)) = columns.first() else {
        return Err(rows_error(
            "rows has no column, so the number of rows is not known; give the booleans of at least one variable",
        ));
    };
    let rows = first.len();
    let builder = SymbolsBuilder::new(compiled.variables.len(), rows, &limits.budget);
    let mut builder = builder.map_err(|reason| limits.error(reason))?;
    let mut given = vec![None; compiled.variables.len()];
    for (variable, column, name) in &columns {
        if column.len() != rows {
            let length = column.len();
            return Err(rows_error(format!("{first_name} has {}, but {name} has {length}", counted(rows, "row"))));
        }
        if let Some(before) = given[usize::from(*variable)].replace(name) {
            return Err(rows_error(format!("{before:?} and {name:?} are the same variable")));
        }
        column.for_each_run(py, name, limits, |first, run| match run {
            Run::Bytes(bytes) => builder.fill(*variable, first, bytes.iter().map(|&byte| byte != 0)),
            Run::Bits(bits) => builder.fill(*variable, first, bits.iter()),
            Run::Values(values) => builder.fill(*variable, first, values.iter().map(|&value| value == Some(true))),
        })?;
    }
    // A variable without a condition is true of every row.
    for variable in (0..given.len()).filter(|&variable| given[variable].is_none()) {
        builder.fill_all(variable as u8);
    }
    builder.finish(&limits.budget).map_err(|reason| limits.error(reason))
}

/// A column of booleans, from the fastest form that it offers.
fn booleans(column: &Bound<'_, PyAny>, name: &str, limits: &CallLimits) -> PyResult<Booleans> {
    if column.is_instance_of::<PyString>() {
        return Err(rows_error(format!("the rows of {name} must be booleans, not a str")));
    }
    if is_masked(column)? {
        // What is masked is unknown, and so not true.
        return booleans(&column.call_method1("filled", (false,))?, name, limits);
    }
    if let Some(bytes) = ffi::buffer_booleans(column, name, limits)? {
        return Ok(Booleans::Bytes(bytes));
    }
    if let Some(chunks) = ffi::arrow_arrays(column, &format!("the rows of {name}"), Some(limits))? {
        return Ok(Booleans::Arrow(chunks));
    }
    if column.hasattr("__array__")? {
        let array = column.call_method0("__array__")?;
        if let Some(bytes) = ffi::buffer_booleans(&array, name, limits)? {
            return Ok(Booleans::Bytes(bytes));
        }
        return object_booleans(&array, name, limits);
    }
    object_booleans(column, name, limits)
}

fn object_booleans(column: &Bound<'_, PyAny>, name: &str, limits: &CallLimits) -> PyResult<Booleans> {
    let items = items(column, &format!("the rows of {name} must be a sequence of booleans"))?;
    let mut bytes = Vec::new();
    for (row, item) in items.enumerate() {
        let item = item?;
        if row.is_multiple_of(ITEMS_BETWEEN_LOOKS) {
            limits.check(column.py())?;
        }
        let holds = if let Ok(value) = item.cast::<PyBool>() {
            value.is_true()
        } else if is_missing(&item)? {
            false
        } else if let Ok(value) = item.extract::<bool>() {
            // numpy's boolean scalars.
            value
        } else {
            let given = shown_with_type(&item);
            return Err(rows_error(format!("row {row} of {name} is {given}; expected True, False or None")));
        };
        limits.reserve(&mut bytes, 1)?;
        bytes.push(u8::from(holds));
    }
    Ok(Booleans::Bytes(bytes))
}
