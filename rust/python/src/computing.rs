//! Parts of conditions that a callable of Python computes, in rounds.

use std::collections::BTreeMap;
use std::iter::once;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, ListArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rowpattern_core::backtrack::{ArgumentColumn, Asked};
use rowpattern_core::budget::Stopped;
use rowpattern_core::expression::{Expression, Given, Operation, Physical, Type, Value, ValueColumn};
use rowpattern_core::rows::NOWHERE;

use super::computed_column::ComputedColumn;
use super::counted::counted;
use super::ffi;
use super::readers;
use super::typed_columns::typed_column;

/// What is known of an expression that is computed elsewhere.
#[derive(Clone, PartialEq, Eq)]
struct ComputedExpression {
    /// The type of its values.
    result: Type,
    /// The types of its arguments; None of rows.
    arguments: Vec<Option<Type>>,
}

/// The expressions that are computed elsewhere, by number.
#[derive(Default)]
pub struct ComputedExpressions(BTreeMap<usize, ComputedExpression>);

impl ComputedExpressions {
    /// Adds those of a condition.
    ///
    /// Raises:
    ///     ValueError: one number stands for expressions of different types.
    pub fn add(&mut self, part: &Expression) -> PyResult<()> {
        if let Operation::Computed(number, given) = &part.operation {
            let of = |given: &Given| if let Given::Value(value) = given { Some(value.result) } else { None };
            let expression = ComputedExpression { result: part.result, arguments: given.iter().map(of).collect() };
            if *self.0.entry(*number).or_insert_with(|| expression.clone()) != expression {
                return Err(PyValueError::new_err(format!("the computed expression {number} has two types")));
            }
        }
        let mut inside = Ok(());
        part.for_each_part(|part| {
            if inside.is_ok() {
                inside = self.add(part);
            }
        });
        inside
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The callable, and what it raised.
pub struct Computing<'c> {
    callable: Py<PyAny>,
    expressions: &'c ComputedExpressions,
    /// The last that it raised: of several, that for the first partitions. Ends the search, and comes out of it as it is.
    pub raised: Option<PyErr>,
}

impl<'c> Computing<'c> {
    pub fn new(callable: &Bound<'_, PyAny>, expressions: &'c ComputedExpressions) -> Self {
        Self { callable: callable.clone().unbind(), expressions, raised: None }
    }

    /// Has values computed, from a thread that is detached from the interpreter.
    pub fn compute(&mut self, asked: &Asked, values: &mut Vec<Option<Value>>) -> Result<(), Stopped> {
        // None where the interpreter has ended, as a daemon thread may work on.
        let called = Python::try_attach(|py| self.call(py, asked, values));
        called.ok_or(Stopped::ByCaller)?.map_err(|error| {
            self.raised = Some(error);
            Stopped::ByCaller
        })
    }

    fn call(&self, py: Python<'_>, asked: &Asked, values: &mut Vec<Option<Value>>) -> PyResult<()> {
        let (number, wanted) = (asked.expression, asked.wanted);
        let Some(ComputedExpression { result, arguments }) = self.expressions.0.get(&number) else {
            return Err(PyValueError::new_err(format!("there is no computed expression {number}")));
        };
        let columns = asked.arguments.iter().zip(arguments);
        let columns = columns.map(|(column, kind)| argument_column(column, *kind));
        let columns = columns.collect::<PyResult<Vec<_>>>()?;
        let given = self.callable.bind(py).call1((number, columns, wanted))?;
        let name = format!("compute({number}, ...)");
        let pair = given.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2).ok_or_else(|| {
            let kind = given.get_type();
            PyValueError::new_err(format!("{name} must give (values, known), not an object of {kind}"))
        })?;
        let (column, known) = (pair.get_item(0)?, pair.get_item(1)?);
        read_values(&column, *result, &format!("the values of {name}"), asked.requests, values)?;
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

/// An argument of all requests; of a type, where it is a value.
fn argument_column(column: &ArgumentColumn, kind: Option<Type>) -> PyResult<ComputedColumn> {
    let array: ArrayRef = match column {
        ArgumentColumn::Row(rows) => {
            Arc::new(rows.iter().map(|&row| (row != NOWHERE).then_some(row)).collect::<Int64Array>())
        }
        ArgumentColumn::Rows { rows, ends } => {
            let lengths = ends.iter().zip(once(&0).chain(ends)).map(|(end, begin)| end - begin);
            let offsets = OffsetBuffer::try_from_lengths(lengths);
            let offsets = offsets.map_err(|error| PyValueError::new_err(error.to_string()))?;
            let field = Arc::new(Field::new("item", DataType::Int64, true));
            Arc::new(ListArray::new(field, offsets, Arc::new(Int64Array::from(rows.clone())), None))
        }
        ArgumentColumn::Value(values) => {
            let kind = kind.unwrap_or(Type::Null);
            return ComputedColumn::new(value_column(values, kind), kind);
        }
    };
    Ok(ComputedColumn::of_array(array))
}

/// Values of a type, of which some may be NULL.
fn value_column(values: &[Value], kind: Type) -> ValueColumn<'static> {
    macro_rules! of {
        ($variant:ident) => {
            values.iter().map(|value| if let Value::$variant(value) = value { Some(*value) } else { None }).collect()
        };
    }
    if kind == Type::Null {
        return ValueColumn::Null(values.len());
    }
    match kind.physical() {
        Physical::Bool => of!(Bool),
        Physical::Int => of!(Int),
        Physical::Wide => of!(Wide),
        Physical::Float => of!(Float),
        Physical::Double => of!(Double),
        Physical::Interval => of!(Interval),
        Physical::Text => {
            values.iter().map(|value| if let Value::Text(text) = value { Some(&**text) } else { None }).collect()
        }
    }
}

/// Reads a column of values of a type, of a number of rows.
fn read_values(
    column: &Bound<'_, PyAny>,
    result: Type,
    name: &str,
    rows: usize,
    values: &mut Vec<Option<Value>>,
) -> PyResult<()> {
    let Some(chunks) = ffi::arrow_arrays(column, name, None)? else {
        return Err(PyValueError::new_err(format!("{name} must be an Arrow array")));
    };
    let column = typed_column(column.py(), &chunks, result, name, None)?;
    expect_rows(name, rows, column.len())?;
    values.extend((0..rows).map(|row| Some(column.value(row))));
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
    Err(PyValueError::new_err(format!("{name} have {}; asked for: {expected}", counted(rows, "row"))))
}
