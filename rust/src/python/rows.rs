//! Rows as Python has them, to symbols.

use std::collections::HashMap;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyMapping, PyString};

use super::arguments::variable;
use super::errors::rows_error;
use super::foreign::{self, Booleans, Labels};
use super::limits::Limits;
use crate::matcher::{Compiled, Symbols, SymbolsBuilder};

/// Rows between two looks at signals while Python objects are read.
const ROWS_BETWEEN_SIGNALS: usize = 1 << 16;

/// Reads the argument `rows`: a mapping of variables to booleans, or a sequence of labels.
pub fn symbols(compiled: &Compiled, rows: &Bound<'_, PyAny>, limits: &Limits) -> PyResult<Symbols> {
    if let Ok(text) = rows.cast::<PyString>() {
        return text_labels(compiled, text, limits);
    }
    // A pandas series has keys too; a frame has columns.
    if rows.cast::<PyMapping>().is_ok() || (rows.hasattr("keys")? && rows.hasattr("columns")?) {
        return conditions(compiled, rows, limits);
    }
    if let Some(columns) = foreign::record_columns(rows)? {
        return record_conditions(compiled, rows.py(), columns, limits);
    }
    if let Some((categories, codes)) = categorical(rows)? {
        let table: Vec<Option<u8>> = categories.iter().map(|name| variable_of(compiled, name.as_deref())).collect();
        // A missing category has code -1, which lies outside of the table.
        let place = |&code: &i64| usize::try_from(code).unwrap_or(usize::MAX);
        return labelled(compiled, &table, &codes, place, limits);
    }
    if let Some(labels) = foreign::arrow_labels(rows)? {
        return arrow_labels(compiled, &labels, limits);
    }
    object_labels(compiled, rows, limits)
}

/// Symbols of rows with one label each.
fn labelled<L>(
    compiled: &Compiled,
    table: &[Option<u8>],
    labels: &[L],
    place: impl Fn(&L) -> usize + Copy,
    limits: &Limits,
) -> PyResult<Symbols> {
    let symbols = Symbols::from_labels(compiled.variables.len(), table, labels, place, &limits.budget);
    symbols.map_err(|reason| limits.error(reason))
}

fn variable_of(compiled: &Compiled, name: Option<&str>) -> Option<u8> {
    name.and_then(|name| compiled.variable(name))
}

/// One letter a row.
fn text_labels(compiled: &Compiled, text: &Bound<'_, PyString>, limits: &Limits) -> PyResult<Symbols> {
    let text = text.to_str().map_err(|_| rows_error("labels must be valid Unicode text, without lone surrogates"))?;
    let letter = |character: char| compiled.variable(character.encode_utf8(&mut [0; 4]));
    if text.is_ascii() {
        let table: Vec<Option<u8>> = (0..128_u8).map(|byte| letter(char::from(byte))).collect();
        return labelled(compiled, &table, text.as_bytes(), |&byte| usize::from(byte), limits);
    }
    let mut numbers = HashMap::new();
    let mut table = Vec::new();
    let labels: Vec<usize> = text
        .chars()
        .map(|character| {
            *numbers.entry(character).or_insert_with(|| {
                table.push(letter(character));
                table.len() - 1
            })
        })
        .collect();
    labelled(compiled, &table, &labels, |&label| label, limits)
}

/// The categories and codes of a pandas categorical (the array, or a series of it).
#[expect(clippy::type_complexity, reason = "used once, taken apart at once")]
fn categorical(rows: &Bound<'_, PyAny>) -> PyResult<Option<(Vec<Option<String>>, Vec<i64>)>> {
    let holder = if rows.hasattr("cat")? { rows.getattr("cat")? } else { rows.clone() };
    if !(holder.hasattr("categories")? && holder.hasattr("codes")?) {
        return Ok(None);
    }
    let categories = holder.getattr("categories")?.try_iter()?;
    let categories = categories.map(|name| Ok(name?.extract::<String>().ok())).collect::<PyResult<_>>()?;
    Ok(Some((categories, foreign::integers(&holder.getattr("codes")?)?)))
}

fn arrow_labels(compiled: &Compiled, chunks: &[Labels], limits: &Limits) -> PyResult<Symbols> {
    // Chunks may number their labels differently: give them one table.
    let mut table = Vec::new();
    let mut labels = Vec::new();
    for chunk in chunks {
        let offset = table.len();
        table.extend(chunk.names.iter().map(|name| variable_of(compiled, Some(name))));
        labels.extend(chunk.codes.iter().map(|code| code.map_or(usize::MAX, |code| offset + code)));
    }
    labelled(compiled, &table, &labels, |&label| label, limits)
}

/// Any sequence of str and None.
fn object_labels(compiled: &Compiled, rows: &Bound<'_, PyAny>, limits: &Limits) -> PyResult<Symbols> {
    let py = rows.py();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut table = Vec::new();
    let mut labels = Vec::new();
    let Ok(items) = rows.try_iter() else {
        return Err(PyTypeError::new_err(format!(
            "rows must be a mapping of variables to booleans or a sequence of labels, not {}",
            rows.get_type().name()?
        )));
    };
    for (row, item) in items.enumerate() {
        let item = item?;
        if row.is_multiple_of(ROWS_BETWEEN_SIGNALS) {
            limits.check(py)?;
        }
        limits.budget.reserve(&mut labels, 1).map_err(|reason| limits.error(reason))?;
        if let Ok(label) = item.cast::<PyString>() {
            let label = label.to_str()?;
            let number = numbers.get(label).copied().unwrap_or_else(|| {
                table.push(compiled.variable(label));
                numbers.insert(label.to_owned(), table.len() - 1);
                table.len() - 1
            });
            labels.push(number);
        } else if is_missing(&item)? {
            labels.push(usize::MAX);
        } else {
            let kind = item.get_type().name()?;
            return Err(rows_error(format!("row {row} has the label {item}, a {kind}; labels are str or None")));
        }
    }
    let symbols = labelled(compiled, &table, &labels, |&label| label, limits)?;
    limits.budget.release_vector(&labels);
    Ok(symbols)
}

/// None, pandas' NA, and NaN, which pandas puts for a missing label.
fn is_missing(item: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(item.is_none() || item.get_type().name()? == "NAType" || item.extract::<f64>().is_ok_and(f64::is_nan))
}

/// Booleans by variable.
fn conditions(compiled: &Compiled, rows: &Bound<'_, PyAny>, limits: &Limits) -> PyResult<Symbols> {
    let mut columns = Vec::new();
    for key in rows.call_method0("keys")?.try_iter()? {
        let key = key?;
        let Ok(name) = key.extract::<String>() else {
            return Err(rows_error(format!("rows has the key {}; keys are names of variables", key.repr()?)));
        };
        let variable = variable(rows.py(), &compiled.variables, &name)?;
        columns.push((variable, booleans(&rows.get_item(&key)?, &name)?, name));
    }
    fill(compiled, rows.py(), columns, limits)
}

fn record_conditions(
    compiled: &Compiled,
    py: Python<'_>,
    record: Vec<(String, Booleans)>,
    limits: &Limits,
) -> PyResult<Symbols> {
    let named = record.into_iter().map(|(name, column)| Ok((variable(py, &compiled.variables, &name)?, column, name)));
    fill(compiled, py, named.collect::<PyResult<_>>()?, limits)
}

fn fill(
    compiled: &Compiled,
    py: Python<'_>,
    columns: Vec<(u8, Booleans, String)>,
    limits: &Limits,
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
            return Err(rows_error(format!("{first_name} has {rows} rows, but {name} has {length}")));
        }
        if let Some(before) = given[usize::from(*variable)].replace(name) {
            return Err(rows_error(format!("{before:?} and {name:?} are the same variable")));
        }
        limits.check(py)?;
        column.for_each_run(py, |first, run| match run {
            foreign::Run::Bytes(bytes) => builder.fill(*variable, first, bytes.iter().map(|&byte| byte != 0)),
            foreign::Run::Array(array) => {
                builder.fill(*variable, first, array.iter().map(|value| value == Some(true)));
            }
        })?;
    }
    // A variable without a condition is true of every row.
    for variable in (0..given.len()).filter(|&variable| given[variable].is_none()) {
        builder.fill_all(variable as u8);
    }
    builder.finish(&limits.budget).map_err(|reason| limits.error(reason))
}

/// A column of booleans, from the fastest form that it offers.
fn booleans(column: &Bound<'_, PyAny>, name: &str) -> PyResult<Booleans> {
    if column.is_instance_of::<PyString>() {
        return Err(rows_error(format!("the rows of {name} must be booleans, not a str")));
    }
    if let Some(read) = foreign::buffer_booleans(column, name)? {
        return Ok(read);
    }
    if let Some(read) = foreign::arrow_booleans(column, name)? {
        return Ok(read);
    }
    if column.hasattr("__array__")? {
        let array = column.call_method0("__array__")?;
        if let Some(read) = foreign::buffer_booleans(&array, name)? {
            return Ok(read);
        }
        return object_booleans(&array, name);
    }
    object_booleans(column, name)
}

fn object_booleans(column: &Bound<'_, PyAny>, name: &str) -> PyResult<Booleans> {
    let Ok(items) = column.try_iter() else {
        let kind = column.get_type().name()?;
        return Err(PyTypeError::new_err(format!("the rows of {name} must be a sequence of booleans, not {kind}")));
    };
    let mut bytes = Vec::new();
    for (row, item) in items.enumerate() {
        let item = item?;
        if row.is_multiple_of(ROWS_BETWEEN_SIGNALS) {
            column.py().check_signals()?;
        }
        let holds = if let Ok(value) = item.cast::<PyBool>() {
            value.is_true()
        } else if is_missing(&item)? {
            false
        } else if let Ok(value) = item.extract::<bool>() {
            // numpy's boolean scalars.
            value
        } else {
            let kind = item.get_type().name()?;
            return Err(rows_error(format!("row {row} of {name} is {item}, a {kind}; expected True, False or None")));
        };
        bytes.push(u8::from(holds));
    }
    Ok(Booleans::Bytes(bytes))
}
