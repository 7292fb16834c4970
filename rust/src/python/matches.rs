//! `Spans`, `Matches` and `MatchedRows`: answers as columns.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::{ArrowNativeType, ScalarBuffer};
use pyo3::exceptions::{PyIndexError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use rowpattern_macros::catch_panics;

use super::arguments::{optional_number, place, variable, whole};
use super::column::{Column, Data};
use super::errors::out_of_memory;
use super::ffi;
use super::limits::Limits;
use super::signals::Signals;
use crate::matcher::{Budget, BulkSink, Compiled, Joined, Navigation, Sink, Span, Stopped, Tick, VariableSet, append};
use crate::memory;

/// Starts and ends; numbers and partitions follow from how many matches each partition has.
pub struct SpansSink {
    /// Partitions, each with how many matches it has; those left out have none.
    partitions: Vec<(i64, i64)>,
    start: Vec<i64>,
    end: Vec<i64>,
}

/// Fewer rows do not pay for room made beforehand.
const MANY_ROWS: usize = 1 << 18;

/// An empty vector for one item in so many rows; it grows when there are more, and is trimmed in the end.
fn room<T: Copy>(rows: usize, rows_an_item: usize, budget: &Budget) -> Vec<T> {
    if rows < MANY_ROWS { Vec::new() } else { budget.room(rows / rows_an_item) }
}

fn trimmed<T: ArrowNativeType>(mut items: Vec<T>) -> ScalarBuffer<T> {
    items.shrink_to_fit();
    items.into()
}

impl SpansSink {
    pub fn new(rows: usize, partitions: usize, budget: &Budget) -> Self {
        Self { partitions: room(partitions, 1, budget), start: room(rows, 4, budget), end: room(rows, 4, budget) }
    }

    fn push(&mut self, span: Span, budget: &Budget) -> Result<(), Stopped> {
        match self.partitions.last_mut() {
            Some((partition, matches)) if *partition == span.partition as i64 => *matches += 1,
            _ => {
                budget.reserve(&mut self.partitions, 1)?;
                self.partitions.push((span.partition as i64, 1));
            }
        }
        budget.reserve(&mut self.start, 1)?;
        self.start.push(span.start as i64);
        budget.reserve(&mut self.end, 1)?;
        self.end.push(span.end as i64);
        Ok(())
    }

    pub fn into_spans(self) -> Spans {
        Spans { partitions: self.partitions, start: trimmed(self.start), end: trimmed(self.end) }
    }
}

impl Sink for SpansSink {
    const ROWS: bool = false;
    fn make_room(&mut self, _: usize, _: &Budget) -> Result<(), Stopped> {
        Ok(())
    }
    #[inline]
    fn row(&mut self, _: u8, _: u32) {}
    fn complete(&mut self, span: Span, budget: &Budget) -> Result<bool, Stopped> {
        self.push(span, budget)?;
        Ok(false)
    }
}

impl Joined for SpansSink {
    fn join(&mut self, mut next: Self, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped> {
        if let (Some((last, matches)), Some((first, more))) = (self.partitions.last_mut(), next.partitions.first_mut())
            && last == first
        {
            // The matches of a partition that both share stand in one place.
            *more += *matches;
            self.partitions.pop();
        }
        append(&mut self.partitions, next.partitions, budget, tick)?;
        append(&mut self.start, next.start, budget, tick)?;
        append(&mut self.end, next.end, budget, tick)
    }
}

impl BulkSink for SpansSink {
    fn block(&mut self, _: &[u8], starts: &[i64], ends: &[i64], budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.start, starts.len())?;
        self.start.extend_from_slice(starts);
        budget.reserve(&mut self.end, ends.len())?;
        self.end.extend_from_slice(ends);
        Ok(())
    }
    fn partition(&mut self, partition: usize, matches: usize, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.partitions, 1)?;
        self.partitions.push((partition as i64, matches as i64));
        Ok(())
    }
}

/// Spans, and the variable of each row of each match.
pub struct MatchesSink {
    spans: SpansSink,
    variables: Vec<u8>,
    /// Which positions are excluded; empty when none is.
    exclusions: Vec<bool>,
    excluded: Vec<u8>,
}

impl MatchesSink {
    pub fn new(compiled: &Compiled, rows: usize, partitions: usize, budget: &Budget) -> Self {
        let exclusions: Vec<bool> = compiled.automaton.positions.iter().map(|position| position.excluded).collect();
        Self {
            spans: SpansSink::new(rows, partitions, budget),
            variables: room(rows, 1, budget),
            exclusions: if exclusions.contains(&true) { exclusions } else { Vec::new() },
            excluded: Vec::new(),
        }
    }

    /// Whether blocks say all that it wants to know: they do not tell positions, and so not exclusions.
    pub fn takes_blocks(compiled: &Compiled) -> bool {
        compiled.automaton.positions.iter().all(|position| !position.excluded)
    }

    pub fn into_matches(self, compiled: &Compiled) -> Matches {
        Matches {
            spans: self.spans.into_spans(),
            variables: trimmed(self.variables),
            names: compiled.variables.clone().into(),
            excluded: (!self.exclusions.is_empty()).then(|| trimmed(self.excluded)),
        }
    }
}

impl Sink for MatchesSink {
    const ROWS: bool = true;
    fn make_room(&mut self, rows: usize, budget: &Budget) -> Result<(), Stopped> {
        if !self.exclusions.is_empty() {
            budget.reserve(&mut self.excluded, rows)?;
        }
        budget.reserve(&mut self.variables, rows)
    }
    #[inline]
    fn row(&mut self, variable: u8, position: u32) {
        self.variables.push(variable);
        if !self.exclusions.is_empty() {
            self.excluded.push(u8::from(self.exclusions[position as usize]));
        }
    }
    fn complete(&mut self, span: Span, budget: &Budget) -> Result<bool, Stopped> {
        self.spans.complete(span, budget)
    }
}

impl Joined for MatchesSink {
    fn join(&mut self, next: Self, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped> {
        append(&mut self.variables, next.variables, budget, tick)?;
        append(&mut self.excluded, next.excluded, budget, tick)?;
        self.spans.join(next.spans, budget, tick)
    }
}

impl BulkSink for MatchesSink {
    fn block(&mut self, variables: &[u8], starts: &[i64], ends: &[i64], budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.variables, variables.len())?;
        self.variables.extend_from_slice(variables);
        self.spans.block(variables, starts, ends, budget)
    }
    fn partition(&mut self, partition: usize, matches: usize, budget: &Budget) -> Result<(), Stopped> {
        self.spans.partition(partition, matches, budget)
    }
}

/// Where matches begin and end: one row a match, in the order in which they were found.
#[pyclass(frozen, module = "rowpattern", sequence)]
pub struct Spans {
    /// As in [`SpansSink`].
    partitions: Vec<(i64, i64)>,
    start: ScalarBuffer<i64>,
    end: ScalarBuffer<i64>,
}

impl Spans {
    fn numbers(&self) -> impl Iterator<Item = i64> {
        self.partitions.iter().flat_map(|&(_, matches)| 1..=matches)
    }

    fn partition_numbers(&self) -> impl Iterator<Item = i64> {
        self.partitions.iter().flat_map(|&(partition, matches)| std::iter::repeat_n(partition, matches as usize))
    }

    fn columns(&self) -> PyResult<[(&'static str, Column); 4]> {
        let (number, partition) = (self.number()?, self.partition()?);
        Ok([("number", number), ("partition", partition), ("start", self.start()?), ("end", self.end()?)])
    }
}

#[catch_panics]
#[pymethods]
impl Spans {
    /// The number of each match in its partition, from 1; int64.
    #[getter]
    fn number(&self) -> PyResult<Column> {
        integers(self.start.len(), |numbers| numbers.extend(self.numbers()))
    }

    /// The partition of each match, from 0; int64.
    #[getter]
    fn partition(&self) -> PyResult<Column> {
        integers(self.start.len(), |numbers| numbers.extend(self.partition_numbers()))
    }

    /// The first row of each match; int64.
    #[getter]
    fn start(&self) -> Column {
        Column::new(Data::Integers(self.start.clone()))
    }

    /// The row after the last of each match; the same as `start` for an empty match; int64.
    #[getter]
    fn end(&self) -> Column {
        Column::new(Data::Integers(self.end.clone()))
    }

    fn __len__(&self) -> usize {
        self.start.len()
    }

    fn __getitem__(&self, #[pyo3(from_py_with = place)] index: isize) -> PyResult<(i64, i64)> {
        let length = self.start.len() as isize;
        let at = if index < 0 { index + length } else { index };
        if !(0..length).contains(&at) {
            return Err(PyIndexError::new_err(format!("match {index} of {length}")));
        }
        Ok((self.start[at as usize], self.end[at as usize]))
    }

    fn __repr__(&self) -> String {
        format!("<rowpattern.Spans of {} matches>", self.start.len())
    }

    /// Arrow's PyCapsule interface: a table of the four columns.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        table_capsule(py, self.columns()?)
    }
}

/// Matches as columns: one row a match in `spans`, one row a matched row in `rows`.
#[pyclass(frozen, module = "rowpattern")]
pub struct Matches {
    spans: Spans,
    variables: ScalarBuffer<u8>,
    names: Arc<[String]>,
    /// `None`: the pattern excludes nothing.
    excluded: Option<ScalarBuffer<u8>>,
}

#[catch_panics]
#[pymethods]
impl Matches {
    /// The number of each match in its partition, from 1; int64.
    #[getter]
    fn number(&self) -> PyResult<Column> {
        self.spans.number()
    }

    /// The partition of each match, from 0; int64.
    #[getter]
    fn partition(&self) -> PyResult<Column> {
        self.spans.partition()
    }

    /// The first row of each match; int64.
    #[getter]
    fn start(&self) -> PyResult<Column> {
        self.spans.start()
    }

    /// The row after the last of each match; the same as `start` for an empty match; int64.
    #[getter]
    fn end(&self) -> PyResult<Column> {
        self.spans.end()
    }

    /// The names that the numbers of a classifier column stand for.
    #[getter]
    fn variables(&self) -> Vec<String> {
        self.names.to_vec()
    }

    /// The rows of all matches, one match after another. A row in two overlapping matches stands twice.
    #[getter]
    fn rows(slf: Bound<'_, Self>) -> MatchedRows {
        MatchedRows { matches: slf.unbind() }
    }

    /// The row that FIRST or LAST means (ISO/IEC 19075-5, section 5.6.2); int64, -1 where there is no such row.
    ///
    /// Args:
    ///     variables: rows mapped to these primary variables count; None for all rows of the match.
    ///     first: from the first such row on, instead of from the last one back.
    ///     offset: so many such rows on or back.
    ///     running: for each row of each match, among the match's rows up to it; otherwise for each match.
    ///     timeout_seconds: the most time; None is no limit.
    ///     memory_limit_mb: the most memory, in MB of 2**20 bytes; None is no limit.
    ///
    /// Raises:
    ///     UnknownVariableError: the pattern has no such primary variable.
    ///     QueryLimitError: a limit was passed.
    ///     MemoryError: the system has no more memory.
    ///
    /// Takes time linear in the rows of matches.
    #[pyo3(
        signature = (
            variables = None, *, first = false, offset = 0, running = false, timeout_seconds = None,
            memory_limit_mb = None
        )
    )]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn navigate(
        &self,
        py: Python<'_>,
        variables: Option<Vec<String>>,
        first: bool,
        #[pyo3(from_py_with = whole)] offset: usize,
        running: bool,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
    ) -> PyResult<Column> {
        let limits = Limits::read(timeout_seconds, memory_limit_mb)?;
        let number = |name: &String| variable(py, &self.names, name);
        let variables =
            variables.map(|names| names.iter().map(number).collect::<PyResult<VariableSet>>()).transpose()?;
        let navigation = Navigation { variables, first, offset };
        let mut signals = Signals::new();
        let rows = py.detach(|| {
            let budget = &limits.budget;
            let tick = &mut || signals.tick();
            let (starts, ends) = (&self.spans.start, &self.spans.end);
            let lengths = starts.iter().zip(ends.iter()).map(|(&start, &end)| (end - start) as usize);
            if running {
                navigation.of_rows(starts, lengths, &self.variables, budget, tick)
            } else {
                navigation.of_matches(starts, lengths, &self.variables, budget, tick)
            }
        });
        let rows = rows.map_err(|reason| signals.raised.unwrap_or_else(|| limits.error(reason)))?;
        Ok(Column::new(Data::Integers(rows.into())))
    }

    fn __len__(&self) -> usize {
        self.spans.start.len()
    }

    fn __repr__(&self) -> String {
        format!("<rowpattern.Matches: {} matches of {} rows>", self.spans.start.len(), self.variables.len())
    }

    /// Arrow's PyCapsule interface: a table of `number`, `partition`, `start` and `end`.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.spans.__arrow_c_stream__(py, requested_schema)
    }
}

impl Matches {
    /// A column with one item a matched row: the item of its match.
    fn spread(&self, items: impl Iterator<Item = i64>) -> PyResult<Column> {
        integers(self.variables.len(), |spread| {
            for ((&start, &end), item) in self.spans.start.iter().zip(self.spans.end.iter()).zip(items) {
                spread.extend(std::iter::repeat_n(item, (end - start) as usize));
            }
        })
    }
}

/// A column of so many integers.
fn integers(count: usize, fill: impl FnOnce(&mut Vec<i64>)) -> PyResult<Column> {
    let mut items = memory::try_with_capacity(count).map_err(out_of_memory)?;
    fill(&mut items);
    Ok(Column::new(Data::Integers(items.into())))
}

/// The rows of matches, as columns. Numbers are computed when a column is asked for.
#[pyclass(frozen, module = "rowpattern")]
pub struct MatchedRows {
    matches: Py<Matches>,
}

#[catch_panics]
#[pymethods]
impl MatchedRows {
    /// The row in the input; int64.
    #[getter]
    fn row(&self) -> PyResult<Column> {
        let Matches { spans, variables, .. } = self.matches.get();
        integers(variables.len(), |rows| {
            for (&start, &end) in spans.start.iter().zip(spans.end.iter()) {
                rows.extend(start..end);
            }
        })
    }

    /// The number of the row's match in its partition, from 1; int64.
    #[getter]
    fn number(&self) -> PyResult<Column> {
        let matches = self.matches.get();
        matches.spread(matches.spans.numbers())
    }

    /// The partition, from 0; int64.
    #[getter]
    fn partition(&self) -> PyResult<Column> {
        let matches = self.matches.get();
        matches.spread(matches.spans.partition_numbers())
    }

    /// The primary variable to which the row is mapped: uint8 places in `Matches.variables`, an Arrow dictionary.
    #[getter]
    fn classifier(&self) -> Column {
        let matches = self.matches.get();
        Column::new(Data::Variables(matches.variables.clone(), Arc::clone(&matches.names)))
    }

    /// Whether the row stands in an exclusion, `{- -}`; bool.
    #[getter]
    fn excluded(&self) -> PyResult<Column> {
        let matches = self.matches.get();
        let flags = match &matches.excluded {
            Some(flags) => flags.clone(),
            None => memory::try_zeroed(matches.variables.len()).map_err(out_of_memory)?.into(),
        };
        Ok(Column::new(Data::Flags(flags)))
    }

    fn __len__(&self) -> usize {
        self.matches.get().variables.len()
    }

    fn __repr__(&self) -> String {
        format!("<rowpattern.MatchedRows: {} rows>", self.matches.get().variables.len())
    }

    /// Arrow's PyCapsule interface: a table of all five columns.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let columns = [
            ("row", self.row()?),
            ("number", self.number()?),
            ("partition", self.partition()?),
            ("classifier", self.classifier()?),
            ("excluded", self.excluded()?),
        ];
        table_capsule(py, columns)
    }
}

fn table_capsule(
    py: Python<'_>,
    columns: impl IntoIterator<Item = (&'static str, Column)>,
) -> PyResult<Bound<'_, PyCapsule>> {
    let arrays = columns.into_iter().map(|(name, column)| (name, column.to_arrow(), false));
    let table = RecordBatch::try_from_iter_with_nullable(arrays);
    ffi::stream_capsule(py, table.map_err(|error| PyRuntimeError::new_err(error.to_string()))?)
}
