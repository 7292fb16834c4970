//! `Spans`, `Matches` and `MatchedRows`: answers as columns.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::{ArrowNativeType, ScalarBuffer};
use pyo3::exceptions::{PyIndexError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use rowpattern_macros::catch_panics;

use super::arguments::variable;
use super::column::{Column, Data};
use super::errors::out_of_memory;
use super::ffi;
use crate::matcher::{BulkSink, Compiled, Joined, Navigation, Sink, Span, VariableSet};
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
fn room<T: Copy>(rows: usize, rows_an_item: usize) -> Vec<T> {
    if rows < MANY_ROWS { Vec::new() } else { memory::with_capacity(rows / rows_an_item) }
}

fn trimmed<T: ArrowNativeType>(mut items: Vec<T>) -> ScalarBuffer<T> {
    items.shrink_to_fit();
    items.into()
}

impl SpansSink {
    pub fn new(rows: usize, partitions: usize) -> Self {
        Self { partitions: room(partitions, 1), start: room(rows, 4), end: room(rows, 4) }
    }

    fn push(&mut self, span: Span) {
        match self.partitions.last_mut() {
            Some((partition, matches)) if *partition == span.partition as i64 => *matches += 1,
            _ => self.partitions.push((span.partition as i64, 1)),
        }
        memory::reserve(&mut self.start, 1);
        self.start.push(span.start as i64);
        memory::reserve(&mut self.end, 1);
        self.end.push(span.end as i64);
    }

    pub fn into_spans(self) -> Spans {
        Spans { partitions: self.partitions, start: trimmed(self.start), end: trimmed(self.end) }
    }
}

impl Sink for SpansSink {
    const ROWS: bool = false;
    #[inline]
    fn row(&mut self, _: u8, _: u32) {}
    fn complete(&mut self, span: Span) -> bool {
        self.push(span);
        false
    }
}

impl Joined for SpansSink {
    fn join(&mut self, next: Self) {
        let mut partitions = next.partitions.as_slice();
        if let (Some((last, matches)), Some(&(first, more))) = (self.partitions.last_mut(), partitions.first())
            && *last == first
        {
            *matches += more;
            partitions = &partitions[1..];
        }
        memory::reserve(&mut self.partitions, partitions.len());
        self.partitions.extend_from_slice(partitions);
        self.block(&[], &next.start, &next.end);
    }
}

impl BulkSink for SpansSink {
    fn block(&mut self, _: &[u8], starts: &[i64], ends: &[i64]) {
        memory::reserve(&mut self.start, starts.len());
        self.start.extend_from_slice(starts);
        memory::reserve(&mut self.end, ends.len());
        self.end.extend_from_slice(ends);
    }
    fn partition(&mut self, partition: usize, matches: usize) {
        memory::reserve(&mut self.partitions, 1);
        self.partitions.push((partition as i64, matches as i64));
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
    pub fn new(compiled: &Compiled, rows: usize, partitions: usize) -> Self {
        let exclusions: Vec<bool> = compiled.automaton.positions.iter().map(|position| position.excluded).collect();
        Self {
            spans: SpansSink::new(rows, partitions),
            variables: room(rows, 1),
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
            excluded: (!self.exclusions.is_empty()).then(|| self.excluded.into()),
        }
    }
}

impl Sink for MatchesSink {
    const ROWS: bool = true;
    #[inline]
    fn row(&mut self, variable: u8, position: u32) {
        memory::reserve(&mut self.variables, 1);
        self.variables.push(variable);
        if !self.exclusions.is_empty() {
            self.excluded.push(u8::from(self.exclusions[position as usize]));
        }
    }
    fn complete(&mut self, span: Span) -> bool {
        self.spans.push(span);
        false
    }
}

impl Joined for MatchesSink {
    fn join(&mut self, next: Self) {
        memory::reserve(&mut self.variables, next.variables.len());
        self.variables.extend_from_slice(&next.variables);
        self.excluded.extend_from_slice(&next.excluded);
        self.spans.join(next.spans);
    }
}

impl BulkSink for MatchesSink {
    fn block(&mut self, variables: &[u8], starts: &[i64], ends: &[i64]) {
        memory::reserve(&mut self.variables, variables.len());
        self.variables.extend_from_slice(variables);
        self.spans.block(variables, starts, ends);
    }
    fn partition(&mut self, partition: usize, matches: usize) {
        self.spans.partition(partition, matches);
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
        integers(self.start.len(), self.numbers())
    }

    /// The partition of each match, from 0; int64.
    #[getter]
    fn partition(&self) -> PyResult<Column> {
        integers(self.start.len(), self.partition_numbers())
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

    fn __getitem__(&self, index: isize) -> PyResult<(i64, i64)> {
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
    ///
    /// Raises:
    ///     UnknownVariableError: the pattern has no such primary variable.
    ///
    /// Takes time linear in the rows of matches.
    #[pyo3(signature = (variables = None, *, first = false, offset = 0, running = false))]
    fn navigate(
        &self,
        py: Python<'_>,
        variables: Option<Vec<String>>,
        first: bool,
        offset: usize,
        running: bool,
    ) -> PyResult<Column> {
        let number = |name: &String| variable(py, &self.names, name);
        let variables =
            variables.map(|names| names.iter().map(number).collect::<PyResult<VariableSet>>()).transpose()?;
        let navigation = Navigation { variables, first, offset };
        let rows = py.detach(|| {
            let (starts, ends) = (&self.spans.start, &self.spans.end);
            let lengths = starts.iter().zip(ends.iter()).map(|(&start, &end)| (end - start) as usize);
            if running {
                navigation.of_rows(starts, lengths, &self.variables)
            } else {
                navigation.of_matches(starts, lengths, &self.variables)
            }
        });
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
        let matches = self.spans.start.iter().zip(self.spans.end.iter()).zip(items);
        let spread = matches.flat_map(|((&start, &end), item)| std::iter::repeat_n(item, (end - start) as usize));
        integers(self.variables.len(), spread)
    }
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
        let mut rows = memory::try_with_capacity(variables.len()).map_err(out_of_memory)?;
        for (&start, &end) in spans.start.iter().zip(spans.end.iter()) {
            rows.extend(start..end);
        }
        Ok(Column::new(Data::Integers(rows.into())))
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
        let excluded = match &matches.excluded {
            Some(excluded) => excluded.clone(),
            None => memory::try_zeroed::<u8>(matches.variables.len()).map_err(out_of_memory)?.into(),
        };
        Ok(Column::new(Data::Flags(excluded)))
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

fn integers(rows: usize, items: impl Iterator<Item = i64>) -> PyResult<Column> {
    let mut integers = memory::try_with_capacity(rows).map_err(out_of_memory)?;
    integers.extend(items);
    Ok(Column::new(Data::Integers(integers.into())))
}

fn table_capsule(
    py: Python<'_>,
    columns: impl IntoIterator<Item = (&'static str, Column)>,
) -> PyResult<Bound<'_, PyCapsule>> {
    let arrays = columns.into_iter().map(|(name, column)| (name, column.to_arrow(), false));
    let table = RecordBatch::try_from_iter_with_nullable(arrays);
    ffi::stream_capsule(py, table.map_err(|error| PyRuntimeError::new_err(error.to_string()))?)
}
