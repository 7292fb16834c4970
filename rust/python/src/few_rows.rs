//! `FewRows`: a clause over few rows, answered in one call.
//!
//! Over many rows `order`, `RowSymbols`, `Pattern.match` and `AnswerItems` take all of the time. Over few, handing columns to each of
//! them and reading the clause again takes more than what they do.

use std::slice::from_ref;
use std::time::Instant;

use arrow_schema::DataType;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rowpattern_core::budget::{Budget, Stopped, Tick};
use rowpattern_core::expression::{
    Before, ColumnTable, RowCondition, SymbolsError, Type, ValueColumn, keep_conditions,
};
use rowpattern_core::matcher::{Ended, Search, SearchError};
use rowpattern_core::measures::{
    MatchItems, OrderedRows, PartitionRows, RowNumbers, ShownItems, TakenColumn, read_items,
};
use rowpattern_core::order::OrderError;
use rowpattern_core::rows::{Partitions, Skip, Symbols, SymbolsBuilder};
use rowpattern_macros::catch_panics;

use super::arguments::variable;
use super::arrow::ArrowArray;
use super::cancel_argument::{Cancel, account};
use super::computed_table::ComputedTable;
use super::errors::rows_error;
use super::few_columns::{array, brought_in_order, named, one_array};
use super::ffi::{Column, Data};
use super::input::read_skip;
use super::item_reads::{ItemColumn, JoinedNames};
use super::limits::CallLimits;
use super::matches::Matches;
use super::nodes;
use super::numbers::{optional_number, whole};
use super::order::{GivenKey, OrderAsked, ordered};
use super::pattern::Pattern;
use super::reweighing::reweigh;
use super::signals::Signals;
use super::sinks::MatchesSink;
use super::taken_columns::chunked;
use super::typed_columns::typed_column;

/// What a clause that shows one row a match does with a table of columns whose types are known: what `order`, `RowSymbols`,
/// `Pattern.match` and `AnswerItems.read` are given, but for the columns and the limits.
///
/// Args:
///     pattern: whose variables the conditions are of.
///     partition_by: the columns of PARTITION BY, by their numbers among those that are given.
///     order_by: those of ORDER BY, each with whether it is descending, and whether NULLs are first.
///     conditions: (variable, condition), as `RowSymbols` takes them.
///     columns: (type, number) of the columns that conditions read.
///     skip: as for `Pattern.match`.
///     answer: (name, what it reads as `AnswerItems.read` takes it) of each column of the answer.
///
/// Raises:
///     ValueError: a condition or what is read has another form, or names a column that there is not.
///     UnknownVariableError: the pattern has no such variable.
///     QueryError: a condition nests too deep.
#[pyclass(frozen, module = "rowpattern._core")]
pub struct FewRows {
    variables: Vec<String>,
    joined_names: JoinedNames,
    partition_by: Vec<usize>,
    order_by: Vec<(usize, bool, bool)>,
    conditions: Vec<RowCondition>,
    columns: Vec<(Type, usize)>,
    skip: Skip,
    names: Vec<String>,
    answer: Vec<ItemColumn>,
    /// How many columns are to be given at least.
    least_columns: usize,
}

/// The answer, whether rows had to be sorted, and the seconds that ordering rows, their conditions, matching and measures took.
type Answered = (ComputedTable, bool, Vec<f64>);

#[catch_panics]
#[pymethods]
impl FewRows {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python's arguments")]
    fn new(
        py: Python<'_>,
        pattern: &Bound<'_, Pattern>,
        partition_by: Vec<usize>,
        order_by: Vec<(usize, bool, bool)>,
        conditions: Vec<(String, Bound<'_, PyAny>)>,
        columns: Vec<(String, usize)>,
        skip: &Bound<'_, PyAny>,
        answer: Vec<(String, Bound<'_, PyTuple>)>,
    ) -> PyResult<Self> {
        let variables = pattern.get().compiled.variables.clone();
        let columns = columns.iter().map(|(kind, number)| Ok((nodes::typed(kind)?, *number)));
        let columns = columns.collect::<PyResult<Vec<_>>>()?;
        let types: Vec<_> = columns.iter().map(|&(kind, _)| kind).collect();
        let conditions = conditions.iter().map(|(name, node)| {
            let condition = RowCondition::new(variable(py, &variables, name)?, &nodes::expression(node)?, &types);
            condition.map_err(|error| PyValueError::new_err(error.to_string()))
        });
        let conditions = conditions.collect::<PyResult<_>>()?;
        let (names, reads): (Vec<_>, Vec<_>) = answer.into_iter().unzip();
        let answer = reads.iter().map(|read| ItemColumn::new(py, read, &variables)).collect::<PyResult<Vec<_>>>()?;
        let keys = partition_by.iter().copied().chain(order_by.iter().map(|&(number, ..)| number));
        let numbers = keys.chain(columns.iter().map(|&(_, number)| number));
        let least_columns = numbers.max().map_or(0, |number| number.saturating_add(1));
        Ok(Self {
            joined_names: JoinedNames::new(&variables),
            skip: read_skip(pattern.get(), Some(skip))?.0,
            variables,
            partition_by,
            order_by,
            conditions,
            columns,
            names,
            answer,
            least_columns,
        })
    }

    /// Answers the clause.
    ///
    /// Args:
    ///     pattern: the same, compiled.
    ///     columns: columns of Arrow, or buffers of numbers of pandas, of which NaN is NULL.
    ///     rows: how many rows each has.
    ///     timeout_seconds: the most time.
    ///     memory_limit_mb: the most memory, in MB of 2**20 bytes.
    ///     cancel: as for `Pattern.match`.
    ///
    /// Returns the answer's columns, whether rows had to be sorted, and the seconds that each of four steps took: order, conditions,
    /// match, measures. None where the calls whose place this takes are needed: a column has several chunks or a type that is not
    /// taken here, a condition has no value, or a skip has nowhere to go.
    ///
    /// Raises:
    ///     RowsError: a column cannot be read; the pattern has other variables.
    ///     QueryLimitError: a limit was passed.
    ///     MemoryError: there is not enough memory.
    ///
    /// Takes the time of these calls, in one thread; the interpreter is released meanwhile.
    #[pyo3(signature = (pattern, columns, rows, *, timeout_seconds = None, memory_limit_mb = None, cancel = None))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn answer(
        &self,
        py: Python<'_>,
        pattern: &Bound<'_, Pattern>,
        columns: Vec<Bound<'_, PyAny>>,
        #[pyo3(from_py_with = whole)] rows: usize,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<Option<Answered>> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        if pattern.get().compiled.variables != self.variables {
            return Err(rows_error("this was made for a pattern with other variables"));
        }
        let Some(arrays) = self.arrays(&columns, rows, &limits)? else { return Ok(None) };
        let mut signals = limits.signals();
        let found = self.found(py, pattern, &arrays, rows, &limits, &mut signals)?;
        let AnswerParts { columns, items, is_sorted, seconds } = match found {
            Ok(found) => found,
            Err(Unanswered::Stopped(reason)) => return Err(limits.stopped(reason, signals.raised)),
            Err(Unanswered::ByOthers) => return Ok(None),
        };
        Ok(self.table(columns, items)?.map(|table| (table, is_sorted, seconds)))
    }

    /// Reads the answer from matches that were found before.
    ///
    /// Args:
    ///     matches: of the same pattern.
    ///     columns: as for `answer`, of rows that are in order.
    ///     rows: how many rows each has.
    ///     starts: the first row of each partition, as row numbers.
    ///     timeout_seconds: as for `answer`.
    ///     memory_limit_mb: as for `answer`.
    ///     cancel: as for `Pattern.match`.
    ///
    /// Returns the answer's columns. None where `AnswerItems` is needed, as where `answer` returns None for a column.
    ///
    /// Raises:
    ///     What `answer` raises; and `RowsError` where `starts` are no row numbers.
    ///
    /// Takes time linear in the matches, in one thread; the interpreter is released meanwhile.
    #[pyo3(signature = (
        matches, columns, rows, starts, *, timeout_seconds = None, memory_limit_mb = None, cancel = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn of_matches(
        &self,
        py: Python<'_>,
        matches: &Bound<'_, Matches>,
        columns: Vec<Bound<'_, PyAny>>,
        #[pyo3(from_py_with = whole)] rows: usize,
        starts: &Bound<'_, Column>,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<Option<ComputedTable>> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let matches = matches.get();
        if matches.names() != self.variables {
            return Err(rows_error("this was made for a pattern with other variables"));
        }
        let Data::Integers(starts) = starts.get().data() else {
            return Err(rows_error("starts must be row numbers, as OpenPartitions.decided gives them"));
        };
        let Some(arrays) = self.arrays(&columns, rows, &limits)? else { return Ok(None) };
        let in_order = Ordered { order: None, starts: starts.to_vec(), partitions: Partitions::one(rows) };
        let mut signals = limits.signals();
        let read =
            py.detach(|| self.read(matches, &arrays, &in_order, rows, &limits.budget, &mut || signals.tick()))?;
        match read {
            Ok((columns, items)) => self.table(columns, items),
            Err(Unanswered::Stopped(reason)) => Err(limits.stopped(reason, signals.raised)),
            Err(Unanswered::ByOthers) => Ok(None),
        }
    }
}

/// Columns of an answer before they are Arrow's, and the types that they have there.
type TakenColumns = Vec<(TakenColumn, DataType)>;

/// An answer before it is Arrow's.
struct AnswerParts {
    columns: TakenColumns,
    items: usize,
    is_sorted: bool,
    seconds: Vec<f64>,
}

/// Why there is no answer.
enum Unanswered {
    Stopped(Stopped),
    /// The calls whose place this takes give it, or say what is wrong.
    ByOthers,
}

impl From<Stopped> for Unanswered {
    fn from(reason: Stopped) -> Self {
        Self::Stopped(reason)
    }
}

impl From<OrderError> for Unanswered {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Stopped(reason) => Self::Stopped(reason),
            OrderError::Unreadable { .. } => Self::ByOthers,
        }
    }
}

impl From<SymbolsError> for Unanswered {
    fn from(error: SymbolsError) -> Self {
        match error {
            SymbolsError::Stopped(reason) => Self::Stopped(reason),
            _ => Self::ByOthers,
        }
    }
}

impl From<SearchError> for Unanswered {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Stopped(reason) => Self::Stopped(reason),
            _ => Self::ByOthers,
        }
    }
}

/// Rows in order, and where their partitions begin.
struct Ordered {
    order: Option<Vec<u32>>,
    starts: Vec<i64>,
    partitions: Partitions,
}

impl FewRows {
    /// The columns that are given; None where one is not taken here.
    fn arrays(
        &self,
        columns: &[Bound<'_, PyAny>],
        rows: usize,
        limits: &CallLimits,
    ) -> PyResult<Option<Vec<ArrowArray>>> {
        let mut arrays = Vec::with_capacity(columns.len());
        for (number, column) in columns.iter().enumerate() {
            let Some(array) = one_array(column, &named(number), limits)? else { return Ok(None) };
            if array.rows != rows {
                return Ok(None);
            }
            arrays.push(array);
        }
        if arrays.len() < self.least_columns {
            return Err(PyValueError::new_err("a column is not given"));
        }
        Ok(Some(arrays))
    }

    /// The answer of its columns; None where one is not given here.
    fn table(&self, columns: TakenColumns, items: usize) -> PyResult<Option<ComputedTable>> {
        let mut shown = Vec::with_capacity(columns.len());
        for (column, kind) in columns {
            let Some(array) = array(column, &kind)? else { return Ok(None) };
            shown.push(array);
        }
        Ok(Some(ComputedTable::new(&self.names, shown, items)))
    }

    fn found(
        &self,
        py: Python<'_>,
        pattern: &Bound<'_, Pattern>,
        arrays: &[ArrowArray],
        rows: usize,
        limits: &CallLimits,
        signals: &mut Signals,
    ) -> PyResult<Result<AnswerParts, Unanswered>> {
        let (begun, budget) = (Instant::now(), &limits.budget);
        let typed = self
            .columns
            .iter()
            .map(|&(kind, number)| typed_column(py, from_ref(&arrays[number]), kind, &named(number), Some(limits)));
        let typed = typed.collect::<PyResult<Vec<_>>>()?;
        let prepared = py.detach(|| {
            let rows_in_order = self.ordered(arrays, rows, limits, signals)?;
            let ordered = Instant::now();
            let symbols = self.symbols(typed, &rows_in_order, rows, budget, &mut || signals.tick())?;
            Ok::<_, Unanswered>((rows_in_order, symbols, ordered))
        });
        let (in_order, mut symbols, ordered) = match prepared {
            Ok(prepared) => prepared,
            Err(why) => return Ok(Err(why)),
        };
        let (noted, compiled) = (Instant::now(), &pattern.get().compiled);
        // The pattern's tables are taken and given back with the interpreter's lock.
        let search = Search::new(compiled, &mut symbols, &in_order.partitions, 1, budget);
        let sink = |rows, budget: &Budget| MatchesSink::new(rows, in_order.partitions.len(), budget);
        let Ended { found, error, tables } = py.detach(|| search.run(self.skip, sink, &mut || signals.tick()));
        if compiled.give_back_all(tables) {
            reweigh(pattern);
        }
        if let Some(error) = error {
            return Ok(Err(error.into()));
        }
        let (matched, found) = (Instant::now(), Matches::new(found, compiled));
        let read = py.detach(|| self.read(&found, arrays, &in_order, rows, budget, &mut || signals.tick()))?;
        Ok(read.map(|(columns, items)| {
            let times = [begun, ordered, noted, matched, Instant::now()];
            let seconds = times.windows(2).map(|two| (two[1] - two[0]).as_secs_f64());
            AnswerParts { columns, items, is_sorted: in_order.order.is_some(), seconds: seconds.collect() }
        }))
    }

    fn ordered(
        &self,
        arrays: &[ArrowArray],
        rows: usize,
        limits: &CallLimits,
        signals: &mut Signals,
    ) -> Result<Ordered, Unanswered> {
        let partition_by = self.partition_by.iter().map(|&number| (number, false, false));
        let keys = partition_by.chain(self.order_by.iter().copied());
        let keys: Vec<_> = keys
            .map(|(number, descending, nulls_first)| GivenKey {
                chunks: from_ref(&arrays[number]),
                descending,
                nulls_first,
            })
            .collect();
        let (mut order, mut starts) = (None, vec![0]);
        if !keys.is_empty() {
            let asked = OrderAsked { of_partitions: self.partition_by.len(), keys: false, left_out: None, threads: 1 };
            let found = ordered(&keys, asked, None, limits, signals)?.ok_or(Unanswered::ByOthers)?;
            order = found.order;
            if !self.partition_by.is_empty() {
                starts = found.starts;
            }
        }
        let partitions = if starts.len() > 1 {
            let starts = starts.iter().map(|&start| start as usize).collect();
            Partitions::from_starts(starts, rows).map_err(|_| Stopped::OutOfMemory)?
        } else {
            Partitions::one(rows)
        };
        Ok(Ordered { order, starts, partitions })
    }

    fn symbols(
        &self,
        typed: Vec<ValueColumn<'_>>,
        in_order: &Ordered,
        rows: usize,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<Symbols, Unanswered> {
        let typed = match &in_order.order {
            Some(order) => typed.iter().map(|column| brought_in_order(column, order)).collect(),
            None => typed,
        };
        let mut symbols = SymbolsBuilder::new(self.variables.len(), rows, budget)?;
        let table = ColumnTable { columns: &typed, rows, partitions: &in_order.partitions };
        keep_conditions(&mut symbols, &[table], &self.conditions, Before::Nothing, 1, budget, tick)?;
        Ok(symbols.finish(budget)?)
    }

    fn read(
        &self,
        found: &Matches,
        arrays: &[ArrowArray],
        in_order: &Ordered,
        rows: usize,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> PyResult<Result<(TakenColumns, usize), Unanswered>> {
        let through_order = in_order.order.is_some();
        let mut sources = Vec::with_capacity(arrays.len());
        for (number, array) in arrays.iter().enumerate() {
            let (column, kind) = chunked(from_ref(array), &named(number))?;
            sources.push((column, kind, through_order));
        }
        let names = self.joined_names.column();
        let reads = self.answer.iter().map(|read| read.over(&sources, &names));
        let (reads, kinds): (Vec<_>, Vec<_>) = reads.collect::<PyResult<Vec<_>>>()?.into_iter().unzip();
        let found = found.found();
        let ordered_rows = OrderedRows {
            partitions: PartitionRows { starts: &in_order.starts, rows },
            order: in_order.order.as_deref().map(RowNumbers::Narrow),
        };
        let mut read = || {
            let items = MatchItems::new(&found, ShownItems::Matches, rows, budget, tick)?;
            let columns = read_items(&found, &items, &ordered_rows, &reads, 1, budget, tick)?;
            Ok::<_, Stopped>((columns.into_iter().zip(kinds.iter().cloned()).collect(), items.len()))
        };
        Ok(read().map_err(Unanswered::Stopped))
    }
}
