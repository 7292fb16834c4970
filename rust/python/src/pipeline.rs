//! `pipeline`: a clause over rows in order, answered stretch by stretch.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rowpattern_core::budget::Stopped;
use rowpattern_core::expression::ColumnTable;
use rowpattern_core::order::OrderCheck;
use rowpattern_core::pipeline::{Pipeline, PipelineOutcome, STRETCH, StepTimes};
use rowpattern_core::rows::Partitions;
use rowpattern_macros::catch_panics;

use super::cancel_argument::{Cancel, account};
use super::computed_column::ComputedColumn;
use super::errors::rows_error;
use super::ffi;
use super::input::read_skip;
use super::item_reads::{ItemColumn, JoinedNames, SourceColumn};
use super::limits::CallLimits;
use super::numbers::{optional_number, whole};
use super::order::{KeyArgument, key_error, with_keys};
use super::pattern::Pattern;
use super::reweighing::reweigh;
use super::row_symbols::{Making, OverColumns};
use super::taken_columns::{chunked, computed};

/// The columns of an answer, in chunks, and the seconds of steps.
type FoundAnswer = (Vec<Vec<ComputedColumn>>, [f64; 4]);

/// Answers a clause with one row for each match over rows that are in order and in one partition: conditions, both passes and measures
/// are done for one stretch of rows after another, which stays in the processor's cache.
///
/// Args:
///     pattern: the pattern.
///     rows: how many rows there are.
///     conditions, columns: as for `RowSymbols`.
///     order_by: as for `order`.
///     skip: as for `Pattern.match`.
///     reads: as for `AnswerItems.read`.
///     `read_columns`: the Arrow columns that these read.
///     numbers: as for `RowSymbols`.
///     threads: the most threads.
///     `timeout_seconds`: the most seconds that it may take; None is no limit.
///     `memory_limit_mb`: the most megabytes of 2**20 bytes for the answer.
///     cancel: as for `Pattern.match`.
///
/// Returns the columns of the answer as `AnswerItems.read` does, and the seconds that order, conditions, both passes and measures took
/// in all threads together. None where it has to be answered step by step: rows are not in
/// order, or their order is not known here; a condition has no value, or a column in `numbers` has NaN; rows far behind decide what
/// a row can be mapped to; or the pattern, or what is read, is not served.
///
/// Raises:
///     RowsError, UnknownVariableError, ValueError: as for these.
///     QueryLimitError: a limit was passed.
///     MemoryError: there is not enough memory.
///
/// Takes time linear in the rows; the interpreter is released meanwhile.
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (
    pattern, rows, conditions, columns, order_by, skip, reads, read_columns, *, numbers = Vec::new(), threads = 1,
    timeout_seconds = None, memory_limit_mb = None, cancel = None
))]
#[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
pub fn pipeline(
    py: Python<'_>,
    pattern: &Bound<'_, Pattern>,
    #[pyo3(from_py_with = whole)] rows: usize,
    conditions: Vec<(String, Bound<'_, PyAny>)>,
    columns: Vec<(String, Bound<'_, PyAny>)>,
    order_by: Vec<(Bound<'_, PyAny>, bool, bool)>,
    skip: &Bound<'_, PyAny>,
    reads: Vec<Bound<'_, PyTuple>>,
    read_columns: Vec<Bound<'_, PyAny>>,
    numbers: Vec<usize>,
    #[pyo3(from_py_with = whole)] threads: usize,
    #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
    #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
    #[pyo3(from_py_with = account)] cancel: Cancel,
) -> PyResult<Option<FoundAnswer>> {
    let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
    if threads == 0 {
        return Err(PyValueError::new_err("threads must be at least 1"));
    }
    let compiled = Arc::clone(&pattern.get().compiled);
    let names = &compiled.variables;
    let making = Making { py, names, rows, threads, limits: &limits };
    let mut own = OverColumns::read(&making, &conditions, &columns, "column")?;
    own.ask_for_numbers(&numbers)?;
    let values = own.columns(&making, |arrays| arrays)?;
    let keys = order_by.iter().enumerate().map(|(number, (column, descending, nulls_first))| {
        KeyArgument::read(column, number, *descending, *nulls_first)
    });
    let keys = keys.collect::<PyResult<Vec<_>>>()?;
    let keys: Vec<_> = keys.iter().map(KeyArgument::given).collect();
    let mut arrays = Vec::new();
    for (number, column) in read_columns.iter().enumerate() {
        let name = format!("column {number}");
        let found = ffi::arrow_arrays(column, &name, Some(&limits))?
            .ok_or_else(|| rows_error(format!("{name} must be a column of Arrow")))?;
        arrays.push((found, name));
    }
    let mut sources: Vec<SourceColumn<'_>> = Vec::new();
    for (found, name) in &arrays {
        let (column, kind) = chunked(found, name)?;
        making.same_rows(column.rows(), name)?;
        sources.push((column, kind, false));
    }
    let joined = JoinedNames::new(names);
    let classifiers = joined.column();
    let (mut wanted, mut kinds) = (Vec::new(), Vec::new());
    for read in &reads {
        let (read, kind) = ItemColumn::new(py, read, names)?.over(&sources, &classifiers)?;
        wanted.push(read);
        kinds.push(kind);
    }
    let (skip, _) = read_skip(pattern.get(), Some(skip))?;
    if !Pipeline::serves(&compiled, skip, &wanted) {
        return Ok(None);
    }
    let partitions = Partitions::one(rows);
    let table = ColumnTable { columns: &values, rows, partitions: &partitions };
    let mut signals = limits.signals();
    // Taken and given back while nothing can fork.
    let tables = Pipeline::tables(&compiled, rows, threads, &limits.budget);
    let mut left = Vec::new();
    let found = py.detach(|| {
        with_keys(&keys, |keys| {
            let mut tick = || signals.tick();
            let Some(order) = OrderCheck::new(keys, &limits.budget, &mut tick)? else { return Ok(None) };
            let (compiled, reads) = (&*compiled, &wanted[..]);
            let pipeline =
                Pipeline { compiled, order: &order, table, conditions: &own.programs, skip, reads, stretch: STRETCH };
            let (ended, tables) = pipeline.run(tables, &limits.budget, &mut tick);
            left = tables;
            Ok(Some(ended))
        })
    });
    if compiled.give_back_all(left) {
        reweigh(pattern);
    }
    let ended: Option<Result<PipelineOutcome, Stopped>> = match found {
        Ok(found) => found.flatten(),
        Err(error) => return Err(key_error(error, signals, &limits)),
    };
    match ended {
        None | Some(Ok(PipelineOutcome::Unsuited)) => Ok(None),
        Some(Err(reason)) => Err(limits.stopped(reason, signals.raised)),
        Some(Ok(PipelineOutcome::Answered(columns, times))) => {
            let columns = columns.into_iter().zip(&kinds).map(|(column, kind)| computed(column, kind));
            let StepTimes { order, conditions, matching, measures } = times;
            let seconds = [order, conditions, matching, measures].map(|time| time.as_secs_f64());
            Ok(Some((columns.collect::<PyResult<_>>()?, seconds)))
        }
    }
}
