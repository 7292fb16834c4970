//! `evaluate`: typed expressions over whole columns.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rowpattern_core::expression::{ColumnTable, RowProgram, Type, ValueColumn};
use rowpattern_macros::catch_panics;

use super::arrow::ArrowArray;
use super::cancel_argument::{Cancel, account};
use super::computed_column::ComputedColumn;
use super::counted::there_are_rows;
use super::errors::rows_error;
use super::limits::CallLimits;
use super::numbers::{optional_number, whole};
use super::typed_columns::typed_column;
use super::{arguments, ffi, nodes};

/// Computes expressions over whole columns, in batches.
///
/// Args:
///     nodes: expressions as nested tuples, as `Conditions` takes them; `read` and `exists` are of the current row and rows at a
///         fixed distance: (None, False, 0, distance). Where that is in another partition, the value is NULL.
///     columns: (type, Arrow column), each with as many rows. Values are read where they lie, where Arrow holds them as the engine
///         does: BIGINT, timestamps, doubles and floats, wide decimals, booleans, and text of one chunk.
///     rows: how many rows there are.
///     partitions: as for `Pattern.match`.
///     threads: the most threads; where there are many rows, each takes a stretch of them.
///     timeout_seconds: the most seconds that it may take; None is no limit.
///     memory_limit_mb: the most megabytes of 2**20 bytes for what is computed, and for columns that are copied.
///     cancel: as for `Pattern.match`.
///
/// Returns a list with a `ComputedColumn` for each expression: of the Arrow type of its type, as DuckDB gives it, but that RANK is
/// int64 and instants are in UTC.
///
/// Raises:
///     RowsError: a column cannot be read as its type, or has another number of rows.
///     ValueError: an expression names what there is not, or has parts whose types do not fit.
///     QueryError: a value does not fit into its type, or there is another error of that kind; or an expression nests too deep.
///     QueryLimitError: a limit was passed.
///     MemoryError: there is not enough memory.
///
/// Takes time linear in the rows; the interpreter is released meanwhile. What AND, OR, CASE, COALESCE and IN do not need is not
/// computed, and so has no error.
///
/// Example:
///     >>> import pyarrow as pa
///     >>> from rowpattern import _core
///     >>> x, before = (("read", "BIGINT", 0, None, False, 0, distance) for distance in (0, -1))
///     >>> rises = ("call", "BOOLEAN", ">", (x, before))
///     >>> pa.array(_core.evaluate([rises], [("BIGINT", pa.array([1, 3, 2]))], 3)[0]).to_pylist()
///     [None, True, False]
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (
    nodes, columns, rows, *, partitions = None, threads = 1, timeout_seconds = None, memory_limit_mb = None,
    cancel = None
))]
#[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
pub fn evaluate(
    py: Python<'_>,
    nodes: Vec<Bound<'_, PyAny>>,
    columns: Vec<(String, Bound<'_, PyAny>)>,
    #[pyo3(from_py_with = whole)] rows: usize,
    partitions: Option<&Bound<'_, PyAny>>,
    #[pyo3(from_py_with = whole)] threads: usize,
    #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
    #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
    #[pyo3(from_py_with = account)] cancel: Cancel,
) -> PyResult<Vec<ComputedColumn>> {
    let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
    if threads == 0 {
        return Err(PyValueError::new_err("threads must be at least 1"));
    }
    let types = columns.iter().map(|(kind, _)| nodes::typed(kind)).collect::<PyResult<Vec<_>>>()?;
    let programs = nodes
        .iter()
        .map(|node| {
            let program = RowProgram::new(&nodes::expression(node)?, &types);
            program.map_err(|error| PyValueError::new_err(error.to_string()))
        })
        .collect::<PyResult<Vec<_>>>()?;
    let partitions = arguments::partitions(partitions, rows, &limits)?;
    let mut arrays = Vec::new();
    for (number, (_, column)) in columns.iter().enumerate() {
        let Some(chunks) = ffi::arrow_arrays(column, &name(number), Some(&limits))? else {
            return Err(rows_error(format!("{} must be Arrow's", name(number))));
        };
        arrays.push(chunks);
    }
    let columns = read(py, &arrays, &types, rows, &limits)?;
    let table = ColumnTable { columns: &columns, rows, partitions: &partitions };
    let mut signals = limits.signals();
    let found = py.detach(|| table.evaluate(&programs, threads, &limits.budget, &mut || signals.tick()));
    if let Some(raised) = signals.raised {
        return Err(raised);
    }
    let found = found.map_err(|error| limits.columns_error("expression", error))?;
    found.into_iter().zip(&programs).map(|(column, program)| ComputedColumn::new(column, program.result())).collect()
}

fn name(number: usize) -> String {
    format!("column {number}")
}

fn read<'a>(
    py: Python<'_>,
    arrays: &'a [Vec<ArrowArray>],
    types: &[Type],
    rows: usize,
    limits: &CallLimits,
) -> PyResult<Vec<ValueColumn<'a>>> {
    let each = arrays.iter().zip(types).enumerate().map(|(number, (chunks, &kind))| {
        let column = typed_column(py, chunks, kind, &name(number), Some(limits))?;
        if column.len() != rows {
            let found = column.len();
            return Err(rows_error(format!("{}, but {} has {found}", there_are_rows(rows), name(number))));
        }
        Ok(column)
    });
    each.collect()
}
