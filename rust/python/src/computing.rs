//! Parts of conditions that a callable of Python computes, in rounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Int64Array, NullArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rowpattern_core::budget::Stopped;
use rowpattern_core::condition::ValueColumn;
use rowpattern_core::expression::{Argument, Physical, Request, Type, Value};

use super::array::Array;
use super::ffi;
use super::readers::{self, condition_column};

/// What is known of an expression that is computed elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ComputedExpression {
    /// The type of its values.
    pub result: Type,
    /// How many arguments it has.
    pub arguments: usize,
}

/// By number.
pub type ComputedExpressions = BTreeMap<usize, ComputedExpression>;

/// The callable, and what it raised.
pub struct Computing<'c> {
    callable: Py<PyAny>,
    expressions: &'c ComputedExpressions,
    /// Ends the search, and comes out of it as it is.
    pub raised: Option<PyErr>,
}

impl<'c> Computing<'c> {
    pub fn new(callable: &Bound<'_, PyAny>, expressions: &'c ComputedExpressions) -> Self {
        Self { callable: callable.clone().unbind(), expressions, raised: None }
    }

    /// Has values computed, from a thread that is detached from the interpreter.
    pub fn compute(
        &mut self,
        number: usize,
        requests: &[Request],
        wanted: usize,
    ) -> Result<Vec<Option<Value>>, Stopped> {
        let computed = Python::attach(|py| self.call(py, number, requests, wanted));
        computed.map_err(|error| {
            self.raised = Some(error);
            Stopped::ByCaller
        })
    }

    fn call(&self, py: Python<'_>, number: usize, requests: &[Request], wanted: usize) -> PyResult<Vec<Option<Value>>> {
        let Some(&ComputedExpression { result, arguments }) = self.expressions.get(&number) else {
            return Err(PyValueError::new_err(format!("there is no computed expression {number}")));
        };
        let columns = (0..arguments).map(|at| Ok(Array::new(argument_column(requests, at)?)));
        let columns = columns.collect::<PyResult<Vec<_>>>()?;
        let given = self.callable.bind(py).call1((number, columns, wanted))?;
        let name = format!("compute({number}, ...)");
        let pair = given.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2).ok_or_else(|| {
            let kind = given.get_type();
            PyValueError::new_err(format!("{name} must give (values, known), not an object of {kind}"))
        })?;
        let (values, known) = (pair.get_item(0)?, pair.get_item(1)?);
        let mut values = values_of(&values, result, &format!("the values of {name}"), requests.len())?;
        if !known.is_none() {
            let known = known_of(&known, &format!("what is known of {name}"), requests.len())?;
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
        Ok(values)
    }
}

/// An argument of all requests.
fn argument_column(requests: &[Request], at: usize) -> PyResult<ArrayRef> {
    let arguments = || requests.iter().filter_map(|request| request.arguments.get(at));
    match arguments().next() {
        Some(Argument::Rows(_)) => {
            let mut lists = ListBuilder::new(Int64Builder::new());
            for argument in arguments() {
                if let Argument::Rows(rows) = argument {
                    rows.iter().for_each(|&row| lists.values().append_value(row as i64));
                }
                lists.append(true);
            }
            Ok(Arc::new(lists.finish()))
        }
        Some(Argument::Value(_)) => value_column(arguments()),
        _ => {
            let row = |argument: &Argument| if let Argument::Row(row) = argument { *row } else { None };
            Ok(Arc::new(arguments().map(|argument| row(argument).map(|row| row as i64)).collect::<Int64Array>()))
        }
    }
}

/// Values of one type, of which some may be NULL.
fn value_column<'a>(arguments: impl Iterator<Item = &'a Argument> + Clone) -> PyResult<ArrayRef> {
    let values =
        arguments.filter_map(|argument| if let Argument::Value(value) = argument { Some(value) } else { None });
    macro_rules! column {
        ($builder:ty, $kind:ident) => {{
            let mut builder = <$builder>::new();
            for value in values {
                builder.append_option(if let Value::$kind(value) = value { Some(value.clone()) } else { None });
            }
            Arc::new(builder.finish())
        }};
    }
    let kind = values.clone().find(|value| **value != Value::Null);
    Ok(match kind {
        None => Arc::new(NullArray::new(values.count())),
        Some(Value::Bool(_)) => column!(BooleanBuilder, Bool),
        Some(Value::Int(_)) => column!(Int64Builder, Int),
        Some(Value::Double(_)) => column!(Float64Builder, Double),
        Some(Value::Text(_)) => column!(StringBuilder, Text),
        Some(other) => return Err(PyValueError::new_err(format!("{other:?} cannot be an argument"))),
    })
}

/// Reads a column of values of a type, of a number of rows.
fn values_of(column: &Bound<'_, PyAny>, result: Type, name: &str, rows: usize) -> PyResult<Vec<Option<Value>>> {
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
    Ok((0..rows).map(|row| Some(column.value(row).into())).collect())
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
