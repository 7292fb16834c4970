//! Parts of conditions that a callable of Python computes, in rounds.

use std::collections::BTreeMap;
use std::iter::once;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, Int64Array, ListArray, NullArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rowpattern_core::backtrack::{ArgumentColumn, Asked};
use rowpattern_core::budget::Stopped;
use rowpattern_core::condition::ValueColumn;
use rowpattern_core::expression::{Physical, Type, Value};
use rowpattern_core::rows::NOWHERE;

use super::array::Array;
use super::ffi;
use super::readers::{self, condition_column};

/// The types of expressions that are computed elsewhere, by number.
pub type ResultTypes = BTreeMap<usize, Type>;

/// The callable, and what it raised.
pub struct Computing<'c> {
    callable: Py<PyAny>,
    results: &'c ResultTypes,
    /// Ends the search, and comes out of it as it is.
    pub raised: Option<PyErr>,
}

impl<'c> Computing<'c> {
    pub fn new(callable: &Bound<'_, PyAny>, results: &'c ResultTypes) -> Self {
        Self { callable: callable.clone().unbind(), results, raised: None }
    }

    /// Has values computed, from a thread that is detached from the interpreter.
    pub fn compute(&mut self, asked: &Asked, values: &mut Vec<Option<Value>>) -> Result<(), Stopped> {
        Python::attach(|py| self.call(py, asked, values)).map_err(|error| {
            self.raised = Some(error);
            Stopped::ByCaller
        })
    }

    fn call(&self, py: Python<'_>, asked: &Asked, values: &mut Vec<Option<Value>>) -> PyResult<()> {
        let (number, wanted) = (asked.expression, asked.wanted);
        let Some(&result) = self.results.get(&number) else {
            return Err(PyValueError::new_err(format!("there is no computed expression {number}")));
        };
        let columns = asked.arguments.iter().map(|column| Ok(Array::new(argument_array(column)?)));
        let columns = columns.collect::<PyResult<Vec<_>>>()?;
        let given = self.callable.bind(py).call1((number, columns, wanted))?;
        let name = format!("compute({number}, ...)");
        let pair = given.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2).ok_or_else(|| {
            let kind = given.get_type();
            PyValueError::new_err(format!("{name} must give (values, known), not an object of {kind}"))
        })?;
        let (column, known) = (pair.get_item(0)?, pair.get_item(1)?);
        read_values(&column, result, &format!("the values of {name}"), asked.requests, values)?;
        if !known.is_none() {
            let known = known_of(&known, &format!("what is known of {name}"), asked.requests)?;
            for (value, known) in values.iter_mut().zip(known) {
                if !known {
                    *value = None;
                }
            }
        }
        if let Some(at) = values.iter().take(wanted).position(Option::is_none) {
            return Err(PyValueError::new_err(format!(
                "{name} says that value {at} is not known, but the first {wanted} are needed; raise an error where one \
                 cannot be computed"
            )));
        }
        Ok(())
    }
}

/// An argument of all requests.
fn argument_array(column: &ArgumentColumn) -> PyResult<ArrayRef> {
    Ok(match column {
        ArgumentColumn::Row(rows) => {
            Arc::new(rows.iter().map(|&row| (row != NOWHERE).then_some(row)).collect::<Int64Array>())
        }
        ArgumentColumn::Rows { rows, ends } => {
            let offsets =
                OffsetBuffer::try_from_lengths(ends.iter().zip(once(&0).chain(ends)).map(|(end, begin)| end - begin));
            let offsets = offsets.map_err(|error| PyValueError::new_err(error.to_string()))?;
            let field = Arc::new(Field::new("item", DataType::Int64, true));
            Arc::new(ListArray::new(field, offsets, Arc::new(Int64Array::from(rows.clone())), None))
        }
        ArgumentColumn::Value(values) => value_array(values)?,
    })
}

/// Values of one type, of which some may be NULL.
fn value_array(values: &[Value]) -> PyResult<ArrayRef> {
    macro_rules! column {
        ($builder:ty, $kind:ident) => {{
            let mut builder = <$builder>::new();
            for value in values {
                builder.append_option(if let Value::$kind(value) = value { Some(value.clone()) } else { None });
            }
            Arc::new(builder.finish())
        }};
    }
    let kind = values.iter().find(|value| **value != Value::Null);
    Ok(match kind {
        None => Arc::new(NullArray::new(values.len())),
        Some(Value::Bool(_)) => column!(BooleanBuilder, Bool),
        Some(Value::Int(_)) => column!(Int64Builder, Int),
        Some(Value::Double(_)) => column!(Float64Builder, Double),
        Some(Value::Text(_)) => column!(StringBuilder, Text),
        Some(other) => return Err(PyValueError::new_err(format!("{other:?} cannot be an argument"))),
    })
}

/// Reads a column of values of a type, of a number of rows.
fn read_values(
    column: &Bound<'_, PyAny>,
    result: Type,
    name: &str,
    rows: usize,
    values: &mut Vec<Option<Value>>,
) -> PyResult<()> {
    let column = condition_column(column)?;
    expect_rows(name, rows, column.len())?;
    let fits = match (&column, result.physical()) {
        (ValueColumn::Bool(_), Physical::Bool)
        | (ValueColumn::Int(..), Physical::Int)
        | (ValueColumn::Float(..), Physical::Double)
        | (ValueColumn::Text(_), Physical::Text) => true,
        // An array of NULLs alone.
        (column, _) => (0..rows).all(|row| column.value(row) == rowpattern_core::condition::Value::Null),
    };
    if !fits {
        return Err(PyValueError::new_err(format!("{name} are not of the type {result:?}")));
    }
    values.extend((0..rows).map(|row| Some(column.value(row).into())));
    Ok(())
}

fn known_of(column: &Bound<'_, PyAny>, name: &str, rows: usize) -> PyResult<Vec<bool>> {
    let Some(chunks) = ffi::arrow_arrays(column, name, None)? else {
        return Err(PyValueError::new_err(format!("{name} must be an Arrow array of booleans, or None")));
    };
    let known = readers::decode(column.py(), &chunks, readers::OptionalBooleans, name, None)?;
    expect_rows(name, rows, known.len())?;
    Ok(known.into_iter().map(|known| known == Some(true)).collect())
}

fn expect_rows(name: &str, expected: usize, rows: usize) -> PyResult<()> {
    if rows == expected {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("{name} have {rows} rows, but {expected} were asked for")))
}
