//! Nested tuples as typed expressions.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rowpattern_core::expression::{Expression, Given, Interval, NumberedRow, Operation, Physical, Type, Value};
use rowpattern_core::rows::At;

use super::errors::QueryError;
use super::ffi;
use super::numbers::shown;
use super::typed_columns::typed_column;

/// Expressions are read, compiled, evaluated and dropped by recursion; deeper ones could leave a thread's stack.
const DEEPEST: usize = 1_000;

/// Reads the name of a type.
pub fn typed(name: &str) -> PyResult<Type> {
    Type::named(name).ok_or_else(|| PyValueError::new_err(format!("values of the type {name:?} are not computed here")))
}

/// Reads an expression.
///
/// Raises:
///     ValueError: it is not one, or a part is of another form.
///     QueryError: it nests too deep.
pub fn expression(item: &Bound<'_, PyAny>) -> PyResult<Expression> {
    node(item, 0).map_err(|error| {
        let py = item.py();
        if error.is_instance_of::<QueryError>(py) || error.is_instance_of::<PyValueError>(py) {
            return error;
        }
        PyValueError::new_err(format!("an expression has another form: {error}"))
    })
}

/// Reads a part that stands below `depth` others.
fn node(item: &Bound<'_, PyAny>, depth: usize) -> PyResult<Expression> {
    if depth >= DEEPEST {
        return Err(QueryError::new_err(format!("an expression nests more than {DEEPEST} deep")));
    }
    let item = item.cast::<PyTuple>()?;
    let kind: String = item.get_item(0)?.extract()?;
    if kind == "match number" {
        return Ok(Expression { result: Type::BigInt, operation: Operation::MatchNumber });
    }
    let result = typed(&item.get_item(1)?.extract::<String>()?)?;
    let parts = |number: usize| item.get_item(number)?.try_iter();
    let operation = match kind.as_str() {
        "literal" => Operation::Literal(literal(&item.get_item(2)?, result)?),
        "read" => Operation::Read(item.get_item(2)?.extract()?, at(item, 3)?),
        "exists" => Operation::Exists(at(item, 2)?),
        "classifier" => Operation::Classifier(at(item, 2)?),
        "aggregate" => Operation::Aggregate(item.get_item(2)?.extract()?),
        "call" => {
            let arguments = parts(3)?.map(|part| node(&part?, depth + 1)).collect::<PyResult<Vec<_>>>()?;
            Operation::Call(item.get_item(2)?.extract::<String>()?.into(), arguments)
        }
        "computed" => {
            let given = parts(3)?.map(|part| given(&part?, depth + 1)).collect::<PyResult<Vec<_>>>()?;
            Operation::Computed(item.get_item(2)?.extract()?, given)
        }
        "combined" => {
            let values = item.get_item(2)?;
            let name = "the values of combinations";
            let Some(chunks) = ffi::arrow_arrays(&values, name, None)? else {
                return Err(PyValueError::new_err(format!("{name} must be an Arrow array")));
            };
            let values = typed_column(item.py(), &chunks, result, name, None)?.into_owned();
            let rows = parts(3)?.map(|row| numbered_row(&row?)).collect::<PyResult<Vec<_>>>()?;
            Operation::Combined(Arc::new(values), rows)
        }
        other => return Err(PyValueError::new_err(format!("expressions have no part {other:?}"))),
    };
    Ok(Expression { result, operation })
}

fn given(item: &Bound<'_, PyAny>, depth: usize) -> PyResult<Given> {
    let parts = item.cast::<PyTuple>()?;
    Ok(match parts.get_item(0)?.extract::<String>()?.as_str() {
        "row" => Given::Row(at(parts, 1)?),
        "rows" => Given::Rows(parts.get_item(1)?.extract()?),
        _ => Given::Value(node(item, depth)?),
    })
}

fn numbered_row(item: &Bound<'_, PyAny>) -> PyResult<NumberedRow> {
    let parts = item.cast::<PyTuple>()?;
    Ok(NumberedRow { column: parts.get_item(0)?.extract()?, count: parts.get_item(1)?.extract()?, at: at(parts, 2)? })
}

/// Reads the row that is meant, which begins at this place.
fn at(item: &Bound<'_, PyTuple>, from: usize) -> PyResult<At> {
    Ok(At {
        set: item.get_item(from)?.extract()?,
        first: item.get_item(from + 1)?.extract()?,
        offset: item.get_item(from + 2)?.extract()?,
        rows: item.get_item(from + 3)?.extract()?,
    })
}

/// Reads a literal of a type.
fn literal(value: &Bound<'_, PyAny>, kind: Type) -> PyResult<Value> {
    if value.is_none() {
        return Ok(Value::Null);
    }
    let read = || {
        Ok::<_, PyErr>(match kind.physical() {
            Physical::Bool => Value::Bool(value.extract()?),
            Physical::Int => Value::Int(value.extract()?),
            Physical::Wide => Value::Wide(value.extract()?),
            Physical::Float => Value::Float(value.extract::<f64>()? as f32),
            Physical::Double => Value::Double(value.extract()?),
            Physical::Interval => {
                let (months, days, micros) = value.extract()?;
                Value::Interval(Interval { months, days, micros })
            }
            Physical::Text => Value::Text(value.extract::<String>()?.into()),
        })
    };
    read().map_err(|_| PyValueError::new_err(format!("{} is no literal of the type {kind}", shown(value))))
}
