//! `AnswerItems`: what gets measures, and columns of the answer that are read from matches.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rowpattern_core::expression::{Aggregate, FixedColumn, Function, Type, ValueColumn};
use rowpattern_core::measures::{
    ItemAggregate, MatchItems, OrderedRows, PartitionRows, RowNumbers, ShownItems, aggregate_items, read_items,
};
use rowpattern_macros::catch_panics;

use super::arrow::{ArrowArray, Integers, Values};
use super::cancel_argument::{Cancel, account};
use super::computed_column::ComputedColumn;
use super::errors::rows_error;
use super::ffi;
use super::item_reads::{ItemColumn, JoinedNames};
use super::limits::CallLimits;
use super::matches::Matches;
use super::nodes;
use super::numbers::{optional_number, whole};
use super::taken_columns::{chunked, computed};
use super::typed_columns::typed_column;

/// What gets measures: the rows of an answer, in its order.
///
/// Args:
///     matches: those that were found.
///     rows: how many rows the table has.
///     starts: the first row of each partition; an Arrow column of int64.
///     order: for each row of the partitions, the one that it is in the table; an Arrow column of uint32 or int64. None where
///         both are the same.
///     per_row: each row of each match is an item, instead of each match.
///     excluded: with `per_row`, rows in exclusions are items too.
///     empty: with `per_row`, each empty match is an item.
///     unmatched: with `per_row`, rows that are in no match are items.
///     timeout_seconds: as for `Pattern.match`.
///     memory_limit_mb: as for `Pattern.match`.
///     cancel: as for `Pattern.match`.
///
/// Raises:
///     RowsError: `starts` or `order` are of another type.
///     QueryLimitError: a limit was passed.
///
/// Takes time linear in the matches; in their rows where some are excluded.
#[pyclass(frozen, module = "rowpattern._core")]
pub struct AnswerItems {
    matches: Py<Matches>,
    items: MatchItems,
    rows: usize,
    starts: Vec<ArrowArray>,
    order: Vec<ArrowArray>,
}

#[catch_panics]
#[pymethods]
impl AnswerItems {
    #[new]
    #[pyo3(signature = (
        matches, rows, starts, order = None, *, per_row = false, excluded = false, empty = false, unmatched = false,
        timeout_seconds = None, memory_limit_mb = None, cancel = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn new(
        py: Python<'_>,
        matches: Py<Matches>,
        #[pyo3(from_py_with = whole)] rows: usize,
        starts: &Bound<'_, PyAny>,
        order: Option<&Bound<'_, PyAny>>,
        per_row: bool,
        excluded: bool,
        empty: bool,
        unmatched: bool,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<Self> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let shown = if per_row { ShownItems::Rows { excluded, empty, unmatched } } else { ShownItems::Matches };
        let arrays = |column: &Bound<'_, PyAny>, name: &str| {
            let found = ffi::arrow_arrays(column, name, None)?;
            let found = found.filter(|arrays| arrays.len() == 1 && arrays.iter().all(|array| array.valid.is_none()));
            found.ok_or_else(|| rows_error(format!("{name} must be an array of Arrow without NULLs")))
        };
        let starts = arrays(starts, "starts")?;
        let order = order.map_or(Ok(Vec::new()), |order| arrays(order, "order"))?;
        if !matches!(starts[..], [ArrowArray { values: Values::Integers(Integers::I64(_)), .. }]) {
            return Err(rows_error("starts must be int64".to_owned()));
        }
        if row_numbers(&order).is_none() && !order.is_empty() {
            return Err(rows_error("order must be uint32 or int64".to_owned()));
        }
        let mut signals = limits.signals();
        let found = matches.get().found();
        let items = py.detach(|| MatchItems::new(&found, shown, rows, &limits.budget, &mut || signals.tick()));
        let items = items.map_err(|reason| signals.raised.unwrap_or_else(|| limits.error(reason)))?;
        Ok(Self { matches, items, rows, starts, order })
    }

    fn __len__(&self) -> usize {
        self.items.len()
    }

    /// The row of the first item, where items are rows that follow one another in the table; None otherwise.
    #[getter]
    fn first_row(&self) -> Option<usize> {
        self.items.first_row().filter(|_| self.order.is_empty())
    }

    /// Reads columns of the answer, one value an item.
    ///
    /// Args:
    ///     reads: what is read, as tuples. A row is None, the item's own (of a match its first one), "partition", the first of its
    ///         partition (of a row in no match, that row), or what navigation leads to:
    ///         (names of variables or None, first, offset, rows, running), as in `rowpattern.sql.bind.references.Navigation`.
    ///         ("value", row, the number of a column): the value there, NULL where there is no row.
    ///         ("exists", row): whether there is a row.
    ///         ("classifier", row): its classifier, as bytes; NULL where it is not in the match.
    ///         ("row", row, in_table): its number, in the table or in the order of partitions; NULL where there is none.
    ///         ("number",): the match's number. ("match",): its place among all.
    ///         ("count", names of variables, running): how many rows are mapped to them.
    ///         ("place",): the row's place among the rows of all matches.
    ///         Where the item is a row in no match, there is no row but its own, and other things are NULL.
    ///     columns: (Arrow column, whether its rows are in the table's order and not in that of partitions).
    ///     threads: the most threads.
    ///     timeout_seconds: as for `Pattern.match`.
    ///     memory_limit_mb: as for `Pattern.match`.
    ///     cancel: as for `Pattern.match`.
    ///
    /// Returns a list with the chunks of each: one, or several of text. Texts are bytes.
    ///
    /// Raises:
    ///     ValueError: a read has another form.
    ///     UnknownVariableError: the pattern has no such primary variable.
    ///     RowsError: a column is of a type whose values are not taken here, as a nested one.
    ///     QueryLimitError: a limit was passed.
    ///     MemoryError: there is not enough memory.
    ///
    /// Takes time linear in the items, and, where navigation names variables, in the rows of matches; the interpreter is
    /// released meanwhile.
    #[pyo3(signature = (reads, columns, *, threads = 1, timeout_seconds = None, memory_limit_mb = None, cancel = None))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn read(
        &self,
        py: Python<'_>,
        reads: Vec<Bound<'_, PyTuple>>,
        columns: Vec<(Bound<'_, PyAny>, bool)>,
        #[pyo3(from_py_with = whole)] threads: usize,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<Vec<Vec<ComputedColumn>>> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let matches = self.matches.get();
        let mut arrays = Vec::new();
        for (number, (column, through_order)) in columns.iter().enumerate() {
            let name = format!("column {number}");
            let found = ffi::arrow_arrays(column, &name, Some(&limits))?
                .ok_or_else(|| rows_error(format!("{name} must be a column of Arrow")))?;
            arrays.push((found, *through_order, name));
        }
        let mut sources = Vec::new();
        for (found, through_order, name) in &arrays {
            let (column, kind) = chunked(found, name)?;
            sources.push((column, kind, *through_order));
        }
        let names = JoinedNames::new(matches.names());
        let names = names.column();
        let (mut wanted, mut kinds) = (Vec::new(), Vec::new());
        for read in &reads {
            let (read, kind) = ItemColumn::new(py, read, matches.names())?.over(&sources, &names)?;
            wanted.push(read);
            kinds.push(kind);
        }
        let rows = self.ordered_rows();
        let (found, mut signals) = (matches.found(), limits.signals());
        let taken = py.detach(|| {
            read_items(&found, &self.items, &rows, &wanted, threads, &limits.budget, &mut || signals.tick())
        });
        let taken = taken.map_err(|reason| signals.raised.unwrap_or_else(|| limits.error(reason)))?;
        taken.into_iter().zip(&kinds).map(|(column, kind)| computed(column, kind)).collect()
    }

    /// Computes aggregates over the rows of matches, one value an item.
    ///
    /// Args:
    ///     aggregates: (function, the number of a column or None, names of variables or None, running, type of the result), as
    ///         `Conditions` takes them; over the rows of the match up to the item's where it is running and items are rows.
    ///     columns: (type, Arrow column, whether its rows are in the table's order and not in that of partitions).
    ///     threads: the most threads.
    ///     timeout_seconds: as for `Pattern.match`.
    ///     memory_limit_mb: as for `Pattern.match`.
    ///     cancel: as for `Pattern.match`.
    ///
    /// Returns a list with a `ComputedColumn` for each, as `evaluate`; NULL where the item is a row in no match. Sums of whole
    /// numbers are int64 where all of them fit.
    ///
    /// Raises:
    ///     ValueError: an aggregate is none that is computed here.
    ///     UnknownVariableError: the pattern has no such primary variable.
    ///     RowsError: a column cannot be read as its type.
    ///     QueryError: a value does not fit into its type.
    ///     QueryLimitError: a limit was passed.
    ///     MemoryError: there is not enough memory.
    ///
    /// Takes time linear in the rows of matches; the interpreter is released meanwhile. Sums of floating point numbers are
    /// added in the order of rows.
    #[pyo3(signature = (aggregates, columns, *, threads = 1, timeout_seconds = None, memory_limit_mb = None, cancel = None))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn aggregate(
        &self,
        py: Python<'_>,
        aggregates: Vec<AggregateArguments>,
        columns: Vec<(String, Bound<'_, PyAny>, bool)>,
        #[pyo3(from_py_with = whole)] threads: usize,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<Vec<ComputedColumn>> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let matches = self.matches.get();
        let mut arrays = Vec::new();
        for (number, (kind, column, _)) in columns.iter().enumerate() {
            let name = format!("column {number}");
            let found = ffi::arrow_arrays(column, &name, Some(&limits))?
                .ok_or_else(|| rows_error(format!("{name} must be a column of Arrow")))?;
            arrays.push((nodes::typed(kind)?, found, name));
        }
        let read = arrays.iter().map(|(kind, found, name)| typed_column(py, found, *kind, name, Some(&limits)));
        let values = read.collect::<PyResult<Vec<_>>>()?;
        let mut wanted = Vec::new();
        for (name, number, variables, running, result) in aggregates {
            let argument = number.map(|number| arrays.get(number).map(|(kind, ..)| *kind).ok_or(number)).transpose();
            let argument = argument.map_err(|number| PyValueError::new_err(format!("there is no column {number}")))?;
            let result = nodes::typed(&result)?;
            // Texts grow with the matches, and are not counted here.
            let is_here = |function: &Function| {
                *function != Function::StringAgg && function.is_native(argument.as_slice(), result)
            };
            let function = Function::named(&name).filter(is_here);
            let Some(function) = function else {
                return Err(PyValueError::new_err(format!("the aggregate {name} is not computed here")));
            };
            let variables = variables.map(|names| matches.set(py, &names)).transpose()?;
            let (key, distinct, separator) = (None, None, None);
            let aggregate =
                Aggregate { function, column: number, key, distinct, separator, argument, variables, result };
            let through_order = number.and_then(|number| columns.get(number)).is_some_and(|(.., through)| *through);
            wanted.push(ItemAggregate { aggregate, through_order, running });
        }
        let (rows, found, mut signals) = (self.ordered_rows(), matches.found(), limits.signals());
        let computed = py.detach(|| {
            let mut tick = || signals.tick();
            aggregate_items(&found, &self.items, &rows, (&wanted, &values), threads, &limits.budget, &mut tick)
        });
        if let Some(raised) = signals.raised {
            return Err(raised);
        }
        let computed = computed.map_err(|error| limits.columns_error("aggregate", error))?;
        computed
            .into_iter()
            .zip(&wanted)
            .map(|(column, wanted)| {
                let (column, kind) = narrowed(column, wanted.aggregate.result);
                ComputedColumn::new(column, kind)
            })
            .collect()
    }
}

impl AnswerItems {
    fn ordered_rows(&self) -> OrderedRows<'_> {
        let starts = match &self.starts[..] {
            [ArrowArray { values: Values::Integers(Integers::I64(starts)), .. }] => &starts[..],
            _ => &[],
        };
        OrderedRows { partitions: PartitionRows { starts, rows: self.rows }, order: row_numbers(&self.order) }
    }
}

fn row_numbers(order: &[ArrowArray]) -> Option<RowNumbers<'_>> {
    match order {
        [ArrowArray { values: Values::Integers(Integers::U32(rows)), .. }] => Some(RowNumbers::Narrow(rows)),
        [ArrowArray { values: Values::Integers(Integers::I64(rows)), .. }] => Some(RowNumbers::Wide(rows)),
        _ => None,
    }
}

/// Sums as numbers of 64 bits, where these are enough for all of them.
fn narrowed(column: ValueColumn<'static>, kind: Type) -> (ValueColumn<'static>, Type) {
    match column {
        ValueColumn::Wide(column) if kind == Type::HugeInt => {
            let (values, valid) = column.into_parts();
            // What stands at NULL is 0.
            let narrow: Option<Vec<i64>> = values.iter().map(|&number| i64::try_from(number).ok()).collect();
            let narrow = narrow.and_then(|values| FixedColumn::new(values, valid.clone()));
            match narrow {
                Some(narrow) => (ValueColumn::Int(narrow), Type::BigInt),
                None => (FixedColumn::new(values, valid).map_or(ValueColumn::Null(0), ValueColumn::Wide), kind),
            }
        }
        column => (column, kind),
    }
}

/// Function, number of a column, variables, running, type of the result.
type AggregateArguments = (String, Option<usize>, Option<Vec<String>>, bool, String);
