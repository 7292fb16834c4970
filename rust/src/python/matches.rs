//! `Spans`, `Matches` and `MatchedRows`: answers as columns.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::ScalarBuffer;
use pyo3::exceptions::{PyIndexError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use super::column::{Column, Data};
use super::foreign;
use crate::matcher::{BulkSink, Compiled, Sink, Span};

/// One number a match in each.
#[derive(Default)]
pub struct SpansSink {
    number: Vec<i64>,
    partition: Vec<i64>,
    start: Vec<i64>,
    end: Vec<i64>,
}

impl SpansSink {
    fn push(&mut self, span: Span) {
        self.number.push(span.number as i64);
        self.partition.push(span.partition as i64);
        self.start.push(span.start as i64);
        self.end.push(span.end as i64);
    }

    pub fn into_spans(self) -> Spans {
        Spans {
            number: self.number.into(),
            partition: self.partition.into(),
            start: self.start.into(),
            end: self.end.into(),
        }
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

impl BulkSink for SpansSink {
    fn block(&mut self, _: &[u8], starts: &[i64], ends: &[i64]) {
        self.start.extend_from_slice(starts);
        self.end.extend_from_slice(ends);
    }
    fn partition(&mut self, partition: usize, matches: usize) {
        self.number.extend(1..=matches as i64);
        self.partition.extend(std::iter::repeat_n(partition as i64, matches));
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
    pub fn new(compiled: &Compiled) -> Self {
        let exclusions: Vec<bool> = compiled.automaton.positions.iter().map(|position| position.excluded).collect();
        Self {
            spans: SpansSink::default(),
            variables: Vec::new(),
            exclusions: if exclusions.contains(&true) { exclusions } else { Vec::new() },
            excluded: Vec::new(),
        }
    }

    /// Whether blocks say all that it wants to know: they do not tell positions, and so not exclusions.
    pub fn takes_blocks(&self) -> bool {
        self.exclusions.is_empty()
    }

    pub fn into_matches(self, compiled: &Compiled) -> Matches {
        let rows = self.variables.len();
        let excluded = if self.exclusions.is_empty() { vec![0; rows] } else { self.excluded };
        Matches {
            spans: self.spans.into_spans(),
            variables: self.variables.into(),
            names: compiled.variables.clone().into(),
            excluded: excluded.into(),
        }
    }
}

impl Sink for MatchesSink {
    const ROWS: bool = true;
    #[inline]
    fn row(&mut self, variable: u8, position: u32) {
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

impl BulkSink for MatchesSink {
    fn block(&mut self, variables: &[u8], starts: &[i64], ends: &[i64]) {
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
    number: ScalarBuffer<i64>,
    partition: ScalarBuffer<i64>,
    start: ScalarBuffer<i64>,
    end: ScalarBuffer<i64>,
}

impl Spans {
    fn columns(&self) -> [(&'static str, Column); 4] {
        [("number", self.number()), ("partition", self.partition()), ("start", self.start()), ("end", self.end())]
    }
}

#[pymethods]
impl Spans {
    /// The number of each match in its partition, from 1; int64.
    #[getter]
    fn number(&self) -> Column {
        Column::new(Data::Integers(self.number.clone()))
    }

    /// The partition of each match, from 0; int64.
    #[getter]
    fn partition(&self) -> Column {
        Column::new(Data::Integers(self.partition.clone()))
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
        table_capsule(py, self.columns())
    }
}

/// Matches as columns: one row a match in `spans`, one row a matched row in `rows`.
#[pyclass(frozen, module = "rowpattern")]
pub struct Matches {
    spans: Spans,
    variables: ScalarBuffer<u8>,
    names: Arc<[String]>,
    excluded: ScalarBuffer<u8>,
}

#[pymethods]
impl Matches {
    /// The number of each match in its partition, from 1; int64.
    #[getter]
    fn number(&self) -> Column {
        self.spans.number()
    }

    /// The partition of each match, from 0; int64.
    #[getter]
    fn partition(&self) -> Column {
        self.spans.partition()
    }

    /// The first row of each match; int64.
    #[getter]
    fn start(&self) -> Column {
        self.spans.start()
    }

    /// The row after the last of each match; the same as `start` for an empty match; int64.
    #[getter]
    fn end(&self) -> Column {
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
    /// A column with one item a matched row, from a function of the match and the row.
    fn spread(&self, value: impl Fn(usize, i64) -> i64) -> Column {
        let mut spread = Vec::with_capacity(self.variables.len());
        for (at, (&start, &end)) in self.spans.start.iter().zip(self.spans.end.iter()).enumerate() {
            spread.extend((start..end).map(|row| value(at, row)));
        }
        Column::new(Data::Integers(spread.into()))
    }
}

/// The rows of matches, as columns. Numbers are computed when a column is asked for.
#[pyclass(frozen, module = "rowpattern")]
pub struct MatchedRows {
    matches: Py<Matches>,
}

#[pymethods]
impl MatchedRows {
    /// The row in the input; int64.
    #[getter]
    fn row(&self) -> Column {
        self.matches.get().spread(|_, row| row)
    }

    /// The number of the row's match in its partition, from 1; int64.
    #[getter]
    fn number(&self) -> Column {
        let matches = self.matches.get();
        matches.spread(|at, _| matches.spans.number[at])
    }

    /// The partition, from 0; int64.
    #[getter]
    fn partition(&self) -> Column {
        let matches = self.matches.get();
        matches.spread(|at, _| matches.spans.partition[at])
    }

    /// The primary variable to which the row is mapped: uint8 places in `Matches.variables`, an Arrow dictionary.
    #[getter]
    fn classifier(&self) -> Column {
        let matches = self.matches.get();
        Column::new(Data::Variables(matches.variables.clone(), Arc::clone(&matches.names)))
    }

    /// Whether the row stands in an exclusion, `{- -}`; bool.
    #[getter]
    fn excluded(&self) -> Column {
        Column::new(Data::Flags(self.matches.get().excluded.clone()))
    }

    fn __len__(&self) -> usize {
        self.matches.get().variables.len()
    }

    fn __repr__(&self) -> String {
        format!("<rowpattern.MatchedRows: {} rows>", self.__len__())
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
            ("row", self.row()),
            ("number", self.number()),
            ("partition", self.partition()),
            ("classifier", self.classifier()),
            ("excluded", self.excluded()),
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
    foreign::stream_capsule(py, table.map_err(|error| PyRuntimeError::new_err(error.to_string()))?)
}
