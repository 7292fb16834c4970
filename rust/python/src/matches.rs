//! `Spans`, `Matches` and `MatchedRows`: answers as columns. One file, as matches give their rows and rows read their matches.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::ScalarBuffer;
use pyo3::exceptions::{PyIndexError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use rowpattern_core::automaton::Automaton;
use rowpattern_core::incremental::DecidedMatches;
use rowpattern_core::matcher::{Compiled, EndVariables};
use rowpattern_core::measures::{
    FoundMatches, ItemRead, MatchItems, Navigation, OrderedRows, PartitionRows, ReadOutput, Reference, ShownItems,
    TakenValues, read_items,
};
use rowpattern_core::memory;
use rowpattern_core::rows::VariableSet;
use rowpattern_macros::catch_panics;

use super::arguments::variables;
use super::cancel_argument::{Cancel, account};
use super::counted::counted;
use super::errors::out_of_memory;
use super::ffi::{self, Column, Data, Ignored};
use super::hooks::hooks;
use super::limits::CallLimits;
use super::numbers::{optional_number, place, whole};
use super::pattern::Pattern;
use super::reduced::{Reduced, reduced};
use super::sinks::{MatchesSink, SpansSink, trimmed};

/// Where matches begin and end: one row a match, in the order in which they were found.
///
/// Examples:
///     >>> import rowpattern
///     >>> spans = rowpattern.compile("A B+").spans(["A", "B", "B", "A", "B"])
///     >>> spans[0], spans[1], len(spans)
///     ((0, 3), (3, 5), 2)
#[pyclass(frozen, module = "rowpattern", sequence)]
#[derive(Clone)]
pub struct Spans {
    /// As in [`SpansSink`].
    partitions: Vec<(i64, i64)>,
    /// The number of the first match of each of these; empty where it is 1.
    first_numbers: Vec<i64>,
    start: ScalarBuffer<i64>,
    end: ScalarBuffer<i64>,
}

impl From<SpansSink> for Spans {
    fn from(found: SpansSink) -> Self {
        Self::from_columns(found.partitions, trimmed(found.start), trimmed(found.end))
    }
}

impl Spans {
    /// Of columns that fit together.
    pub fn from_columns(partitions: Vec<(i64, i64)>, start: ScalarBuffer<i64>, end: ScalarBuffer<i64>) -> Self {
        Self { partitions, first_numbers: Vec::new(), start, end }
    }

    /// How many rows all matches have, a row in two of them counted twice.
    pub fn matched_rows(&self) -> Option<usize> {
        let mut rows = self.start.iter().zip(self.end.iter()).map(|(&start, &end)| end - start);
        usize::try_from(rows.try_fold(0_i64, i64::checked_add)?).ok()
    }

    fn numbers(&self) -> impl Iterator<Item = i64> {
        let first = self.first_numbers.iter().copied().chain(std::iter::repeat(1));
        self.partitions.iter().zip(first).flat_map(|(&(_, matches), first)| first..first + matches)
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

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "restore_spans", (self.partition()?, self.start()?, self.end()?))
    }

    fn __repr__(&self) -> String {
        format!("<rowpattern.Spans of {}>", counted(self.start.len(), "match"))
    }

    /// Arrow's PyCapsule interface: a table of the four columns.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__(&self, py: Python<'_>, requested_schema: Option<Ignored>) -> PyResult<Py<PyCapsule>> {
        let _ = requested_schema;
        table_capsule(py, self.columns()?)
    }
}

/// Matches as columns: one item a match; in `rows`, one a matched row. Iterating over it gives a `MatchSpan` for each match.
///
/// Examples:
///     >>> import rowpattern
///     >>> matches = rowpattern.compile("A B+").match(["A", "B", "B", "A", "B"])
///     >>> matches.start.to_list(), matches.end.to_list()
///     ([0, 3], [3, 5])
///     >>> next(iter(matches))
///     MatchSpan(number=1, partition=0, start=0, end=3)
///     >>> matches.rows.classifier.to_list()
///     ['A', 'B', 'B', 'A', 'B']
///     >>> matches.navigate(["B"]).to_list(), matches.count_rows(["B"]).to_list()
///     ([2, 4], [2, 1])
#[pyclass(frozen, module = "rowpattern")]
pub struct Matches {
    spans: Spans,
    variables: ScalarBuffer<u8>,
    names: Arc<[String]>,
    /// `None`: the pattern excludes nothing.
    excluded: Option<ScalarBuffer<u8>>,
    /// As in [`Compiled`].
    ends: EndVariables,
}

#[catch_panics]
#[pymethods]
impl Matches {
    /// Matches of a pattern that `Pattern._layered` gave, as those of the pattern from which it was made.
    fn _of_layers(&self, pattern: &Pattern) -> Self {
        let compiled = &pattern.compiled;
        let names: Arc<[String]> = compiled.variables.as_slice().into();
        let own = |variable: &u8| (usize::from(*variable) % names.len().max(1)) as u8;
        let variables = self.variables.iter().map(own).collect();
        Self { spans: self.spans.clone(), variables, names, excluded: self.excluded.clone(), ends: compiled.ends }
    }

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
    ///     offset: how many such rows on or back.
    ///     running: for each row of each match, among the match's rows up to it; otherwise for each match.
    ///     timeout_seconds: the most time; None is no limit.
    ///     memory_limit_mb: the most memory, in MB of 2**20 bytes; None is no limit.
    ///     cancel: as for `Pattern.match`.
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
            memory_limit_mb = None, cancel = None
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
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<Column> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let variables = variables.map(|names| self.set(py, &names)).transpose()?;
        let navigation = Navigation { variables, first, offset, rows: 0, running };
        self.numbers_within(py, &limits, Reference::Row(navigation), running)
    }

    /// How many rows of each match are mapped to some variables; int64.
    ///
    /// Args:
    ///     variables: their names.
    ///     running: for each row of each match, among the match's rows up to it; otherwise for each match.
    ///     timeout_seconds: as for `Pattern.match`.
    ///     memory_limit_mb: as for `Pattern.match`.
    ///     cancel: as for `Pattern.match`.
    ///
    /// Raises:
    ///     UnknownVariableError: the pattern has no such primary variable.
    ///     QueryLimitError: a limit was passed.
    ///     MemoryError: the system has no more memory.
    ///
    /// Takes time linear in the rows of matches, and releases the interpreter's lock.
    #[pyo3(signature = (variables, *, running = false, timeout_seconds = None, memory_limit_mb = None,
        cancel = None))]
    fn count_rows(
        &self,
        py: Python<'_>,
        variables: Vec<String>,
        running: bool,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<Column> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let variables = self.set(py, &variables)?;
        self.numbers_within(py, &limits, Reference::Count { variables, running }, running)
    }

    fn __len__(&self) -> usize {
        self.spans.start.len()
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        hooks(slf.py())?.iterate_spans.bind(slf.py()).call1((slf,))
    }

    /// The first matches as a table; notebooks show it.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        hooks(slf.py())?.display.bind(slf.py()).call1((slf, "html"))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        let classifier = Column::new(Data::Variables(self.variables.clone(), Arc::clone(&self.names)));
        let excluded = self.excluded.clone().map(|flags| Column::new(Data::Flags(flags)));
        reduced(py, "restore_matches", (self.spans.clone(), classifier, excluded))
    }

    fn __repr__(&self) -> String {
        format!(
            "<rowpattern.Matches: {} of {}>",
            counted(self.spans.start.len(), "match"),
            counted(self.variables.len(), "row")
        )
    }

    /// Arrow's PyCapsule interface: a table of `number`, `partition`, `start` and `end`.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__(&self, py: Python<'_>, requested_schema: Option<Ignored>) -> PyResult<Py<PyCapsule>> {
        self.spans.__arrow_c_stream__(py, requested_schema)
    }
}

impl Matches {
    /// Where they begin and end.
    pub fn spans(&self) -> Spans {
        self.spans.clone()
    }

    /// Of columns that fit together.
    pub fn from_columns(
        spans: Spans,
        variables: ScalarBuffer<u8>,
        names: Arc<[String]>,
        excluded: Option<ScalarBuffer<u8>>,
    ) -> Self {
        // Of a pattern that is not known.
        Self { spans, variables, names, excluded, ends: EndVariables::ANY }
    }

    /// Computes a number for each match or row within limits, without the interpreter's lock; -1 where there is none.
    fn numbers_within(
        &self,
        py: Python<'_>,
        limits: &CallLimits,
        reference: Reference,
        per_row: bool,
    ) -> PyResult<Column> {
        let shown = if per_row {
            ShownItems::Rows { excluded: true, empty: false, unmatched: false }
        } else {
            ShownItems::Matches
        };
        let reads = [ItemRead { reference, through_order: false, output: ReadOutput::Numbers }];
        // Navigation stays in the match.
        let rows = OrderedRows { partitions: PartitionRows { starts: &[], rows: 0 }, order: None };
        let (found, mut signals) = (self.found(), limits.signals());
        let numbers = py.detach(|| {
            let mut tick = || signals.tick();
            let items = MatchItems::new(&found, shown, 0, &limits.budget, &mut tick)?;
            read_items(&found, &items, &rows, &reads, 1, &limits.budget, &mut tick)
        });
        let numbers = numbers.map_err(|reason| signals.raised.unwrap_or_else(|| limits.error(reason)))?;
        let numbers = match numbers.into_iter().next().map(|column| column.values) {
            Some(TakenValues::Numbers(numbers)) => numbers,
            _ => Vec::new(),
        };
        Ok(Column::new(Data::Integers(numbers.into())))
    }

    /// As the core has them.
    pub fn found(&self) -> FoundMatches<'_> {
        FoundMatches {
            starts: &self.spans.start,
            ends: &self.spans.end,
            variables: &self.variables,
            excluded: self.excluded.as_deref().unwrap_or_default(),
            partitions: &self.spans.partitions,
            first_numbers: &self.spans.first_numbers,
            first_variables: self.ends.first,
            last_variables: self.ends.last,
        }
    }

    /// The names of the variables.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The set of variables of these names.
    pub fn set(&self, py: Python<'_>, names: &[String]) -> PyResult<VariableSet> {
        variables(py, &self.names, names)
    }

    /// What a stream has decided, each match in a partition of its own; of this pattern, whose positions are those of `automaton`.
    pub fn decided(found: DecidedMatches, compiled: &Compiled, automaton: &Automaton) -> Self {
        let positions = || found.positions.iter().filter_map(|&position| automaton.positions.get(position as usize));
        let excluded = || positions().map(|position| u8::from(position.excluded)).collect::<Vec<u8>>();
        Self {
            variables: positions().map(|position| position.variable).collect::<Vec<u8>>().into(),
            excluded: automaton.excludes.then(|| excluded().into()),
            spans: Spans {
                partitions: found.places.iter().map(|&place| (place, 1)).collect(),
                first_numbers: found.numbers,
                start: found.match_starts.into(),
                end: found.match_ends.into(),
            },
            names: compiled.variables.clone().into(),
            ends: compiled.ends,
        }
    }

    /// What was found, of this pattern.
    pub fn new(found: MatchesSink, compiled: &Compiled) -> Self {
        Self {
            spans: found.spans.into(),
            variables: trimmed(found.variables),
            names: compiled.variables.clone().into(),
            excluded: compiled.automaton.excludes.then(|| trimmed(found.excluded)),
            ends: compiled.ends,
        }
    }

    /// A column with one item a matched row: the item of its match.
    fn spread(&self, items: impl Iterator<Item = i64>) -> PyResult<Column> {
        integers(self.variables.len(), |spread| {
            for ((&start, &end), item) in self.spans.start.iter().zip(self.spans.end.iter()).zip(items) {
                spread.extend(std::iter::repeat_n(item, (end - start) as usize));
            }
        })
    }
}

/// A column of `count` integers.
fn integers(count: usize, fill: impl FnOnce(&mut Vec<i64>)) -> PyResult<Column> {
    let mut items = memory::try_with_capacity(count).map_err(out_of_memory)?;
    fill(&mut items);
    Ok(Column::new(Data::Integers(items.into())))
}

/// The rows of matches, as columns. Numbers are computed when a column is asked for.
///
/// Examples:
///     >>> import rowpattern
///     >>> rows = rowpattern.compile("A {- B -}").match(["A", "B", "C", "A", "B"]).rows
///     >>> rows.row.to_list(), rows.number.to_list()
///     ([0, 1, 3, 4], [1, 1, 2, 2])
///     >>> rows.excluded.to_list()
///     [False, True, False, True]
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

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        reduced(py, "restore_rows", (&self.matches,))
    }

    fn __repr__(&self) -> String {
        format!("<rowpattern.MatchedRows: {}>", counted(self.matches.get().variables.len(), "row"))
    }

    /// Arrow's PyCapsule interface: a table of all five columns.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__(&self, py: Python<'_>, requested_schema: Option<Ignored>) -> PyResult<Py<PyCapsule>> {
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

fn table_capsule(py: Python<'_>, columns: impl IntoIterator<Item = (&'static str, Column)>) -> PyResult<Py<PyCapsule>> {
    let arrays = columns.into_iter().map(|(name, column)| (name, column.to_arrow(), false));
    let table = RecordBatch::try_from_iter_with_nullable(arrays);
    ffi::stream_capsule(py, table.map_err(|error| PyRuntimeError::new_err(error.to_string()))?)
}
