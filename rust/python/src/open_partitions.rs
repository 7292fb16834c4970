//! `OpenPartitions`: the state of a continuous query, of which rows come batch by batch. One file, as the methods of a class are one block.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rowpattern_core::backtrack::Asked;
use rowpattern_core::incremental::{
    ConditionAhead, DependentConditions, LiveAutomaton, MeasureAhead, ReadAgain, RowFacts, RowLimits, StoredPartition,
    StreamPartitions, StreamRules, ValueAhead,
};
use rowpattern_core::order::EncodedKeys;
use rowpattern_core::rows::{Prefer, VariableSet};
use rowpattern_macros::catch_panics;

use super::arguments::{integers, variable};
use super::cancel_argument::{Cancel, account};
use super::choice::{compiled_for, prefer_named};
use super::conditions::Conditions;
use super::errors::rows_error;
use super::ffi::{Column, Data};
use super::input::read_skip;
use super::limits::CallLimits;
use super::matches::Matches;
use super::numbers::{optional_number, whole};
use super::order::{KeyArgument, encoded, key_error};
use super::pattern::Pattern;
use super::row_symbols::RowSymbols;

/// A value ahead as it is given: of which source, how many values on, and behind rows that are mapped to which variables.
type GivenConditionAhead = (usize, u64, Option<Vec<String>>);
type GivenMeasureAhead = (usize, u64, Vec<Option<Vec<String>>>);

/// The partitions of a stream, and one search in each that waits for rows.
///
/// Rows are taken in a step: `place` (or `end`), `take`, `search`, `decided`, and then `keep` or `undo`. The caller has the rows, and
/// tells them by numbers: references.
///
/// Args:
///     pattern: the compiled pattern.
///     skip: as for `Pattern.match`.
///     prefer: as for `Pattern.match`.
///     each_when_certain: with skip "to next row", give each match when it alone is certain.
///     unmatched: tell rows in no match too.
///     empty_takes_row: an empty match stands for the row where it begins.
///     numbered: matches are numbered in their partition, so that this is kept.
///     horizons: by variable, how many rows behind its own its condition reads.
///     conditions_ahead: by variable, which values ahead its condition reads: of which source, how many values on, and behind the last
///         row that is mapped to which variables; None for its own row.
///     measures_ahead: which values ahead measures read: of which source, how many values on, and behind rows mapped to which variables,
///         or all rows (None), of each navigation.
///     value_sources: of how many sources of values `place` is told which rows have one.
///     rows_before: how many rows before its own a condition of rows alone reads.
///     match_before: how many rows before a match, open or given, are read.
///     match_behind: how many rows behind a match that is given are read.
///     bounded: rows have keys that bound matches.
///     widths: by variable, how far behind the match's first row, in keys, its condition lets a row of it be.
///     idle: how long a partition may have no row, in units of the keys.
///
/// Raises:
///     UnknownVariableError: the pattern has no such variable.
///     ValueError: an argument has another form.
#[pyclass(module = "rowpattern._core")]
pub struct OpenPartitions {
    pattern: Py<Pattern>,
    inner: StreamPartitions,
    prefer: Prefer,
}

#[catch_panics]
#[pymethods]
impl OpenPartitions {
    #[new]
    #[pyo3(signature = (
        pattern, skip = None, *, prefer = "first", each_when_certain = false, unmatched = false, empty_takes_row = false,
        numbered = false, horizons = None, conditions_ahead = None, measures_ahead = None, value_sources = 0, rows_before = 0, match_before = 0, match_behind = 0, bounded = false,
        widths = None, idle = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn new(
        py: Python<'_>,
        pattern: &Bound<'_, Pattern>,
        skip: Option<&Bound<'_, PyAny>>,
        prefer: &str,
        each_when_certain: bool,
        unmatched: bool,
        empty_takes_row: bool,
        numbered: bool,
        horizons: Option<&Bound<'_, PyDict>>,
        conditions_ahead: Option<&Bound<'_, PyDict>>,
        measures_ahead: Option<Vec<GivenMeasureAhead>>,
        #[pyo3(from_py_with = whole)] value_sources: usize,
        #[pyo3(from_py_with = whole)] rows_before: usize,
        #[pyo3(from_py_with = whole)] match_before: usize,
        #[pyo3(from_py_with = whole)] match_behind: usize,
        bounded: bool,
        widths: Option<&Bound<'_, PyDict>>,
        idle: Option<i64>,
    ) -> PyResult<Self> {
        let prefer = prefer_named(prefer)?;
        let owner = pattern.get();
        let (skip, _) = read_skip(owner, skip)?;
        let names = &owner.compiled.variables;
        let automaton = &compiled_for(prefer, owner)?.automaton;
        let mut of_variables = vec![0; names.len()];
        for (name, rows) in horizons.into_iter().flatten() {
            of_variables[usize::from(variable(py, names, &name.extract::<String>()?)?)] = rows.extract()?;
        }
        let set_of = |named: Option<Vec<String>>| -> PyResult<Option<VariableSet>> {
            let Some(named) = named else { return Ok(None) };
            let mut set = VariableSet::NONE;
            for name in named {
                set.insert(variable(py, names, &name)?);
            }
            Ok(Some(set))
        };
        let mut of_conditions = vec![Vec::new(); names.len()];
        for (name, ahead) in conditions_ahead.into_iter().flatten() {
            let of_condition = &mut of_conditions[usize::from(variable(py, names, &name.extract::<String>()?)?)];
            for (source, distance, named) in ahead.extract::<Vec<GivenConditionAhead>>()? {
                let value = ValueAhead { source, distance };
                of_condition.push(ConditionAhead { value, variables: set_of(named)? });
            }
        }
        let mut of_measures = Vec::new();
        for (source, distance, named) in measures_ahead.unwrap_or_default() {
            let variables = named.into_iter().map(&set_of).collect::<PyResult<_>>()?;
            of_measures.push(MeasureAhead { value: ValueAhead { source, distance }, variables });
        }
        let mut of_widths = vec![None; names.len()];
        for (name, width) in widths.into_iter().flatten() {
            of_widths[usize::from(variable(py, names, &name.extract::<String>()?)?)] = Some(width.extract()?);
        }
        let rules = StreamRules {
            longest: prefer == Prefer::Longest,
            each_when_certain,
            unmatched,
            empty_takes_row,
            numbered,
            horizons: of_variables,
            conditions_ahead: of_conditions,
            measures_ahead: of_measures,
            value_sources,
            rows_before: rows_before as u64,
            match_before: match_before as u64,
            match_behind: match_behind as u64,
            bounded,
            widths: of_widths,
            idle,
            ..StreamRules::new(LiveAutomaton::new(automaton), names.len(), skip)
        };
        Ok(Self { pattern: pattern.clone().unbind(), inner: StreamPartitions::new(rules), prefer })
    }

    /// Begins a step: finds the partitions of new rows, and those that are looked at again as time passed.
    ///
    /// Args:
    ///     rows: how many new rows there are.
    ///     partition_by: their keys, Arrow columns.
    ///     clock: no later row has a key below it; None where nothing is known.
    ///     keys: as for `take`: a row that comes too long after the one before it begins a partition.
    ///     bounds: as for `take`.
    ///     values: by source, for each new row a byte that is 1 where it has a value of it.
    ///     reads_again: which kept rows are read again before the new ones of their partition: `"rows"`, what conditions that rows
    ///         alone decide read; `"matches"`, what others read too, whose columns `search` keeps; or `"all"`.
    ///     timeout_seconds: the most time.
    ///     memory_limit_mb: the most memory, in MB of 2**20 bytes.
    ///     cancel: as for `Pattern.match`.
    ///
    /// Raises:
    ///     RowsError: a key cannot be read, or is of a type that is not compared here.
    ///     QueryLimitError: a limit was passed.
    ///
    /// After an error the step is undone. Takes time linear in the rows.
    #[pyo3(signature = (
        rows, partition_by, *, clock = None, keys = None, bounds = None, values = None, reads_again = "rows", timeout_seconds = None,
        memory_limit_mb = None, cancel = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn place(
        &mut self,
        py: Python<'_>,
        #[pyo3(from_py_with = whole)] rows: usize,
        partition_by: Vec<Bound<'_, PyAny>>,
        clock: Option<i64>,
        keys: Option<&Bound<'_, PyAny>>,
        bounds: Option<&Bound<'_, PyAny>>,
        values: Option<Vec<Vec<u8>>>,
        reads_again: &str,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<()> {
        let reads_again = read_again(reads_again)?;
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let row_limits = GivenRowLimits::read(keys, bounds, &limits)?;
        let keys = keys_of(py, partition_by, rows, &limits)?;
        let mut signals = limits.signals();
        let inner = &mut self.inner;
        let placed = py.detach(|| {
            inner.begin();
            let flags = |bytes: Vec<u8>| bytes.into_iter().map(|byte| byte == 1).collect();
            inner.say_values(values.into_iter().flatten().map(flags).collect());
            inner.place(rows, keys.as_ref(), row_limits.get(), &limits.budget, &mut || signals.tick())?;
            if let Some(clock) = clock {
                inner.add_due(clock);
            }
            inner.read_again(reads_again);
            Ok(())
        });
        placed.map_err(|reason| {
            self.inner.undo();
            limits.stopped(reason, signals.raised)
        })
    }

    /// Begins a step in which partitions end: those with these keys, or all; no row of theirs comes any more.
    ///
    /// Args:
    ///     partition_by: keys of partitions, Arrow columns of as many rows; None ends all. Keys of no open partition are passed over.
    ///     reads_again: as for `place`.
    ///
    /// Raises:
    ///     RowsError: a key cannot be read.
    #[pyo3(signature = (partition_by = None, *, reads_again = "rows"))]
    fn end(&mut self, py: Python<'_>, partition_by: Option<Vec<Bound<'_, PyAny>>>, reads_again: &str) -> PyResult<()> {
        let reads_again = read_again(reads_again)?;
        let limits = CallLimits::read((None, None, None))?;
        let keys = match partition_by {
            None => None,
            Some(columns) => {
                let rows = if let Some(column) = columns.first() { column.len()? } else { 1 };
                let found = keys_of(py, columns, rows, &limits)?;
                Some(found.unwrap_or_default())
            }
        };
        self.inner.begin();
        self.inner.end(keys.as_ref());
        self.inner.read_again(reads_again);
        Ok(())
    }

    /// Has all kept rows of the step's partitions read again, and keeps the columns of conditions no more. Before `take`.
    fn read_all(&mut self) {
        self.inner.forget_columns();
        self.inner.read_again(ReadAgain::All);
    }

    /// For the rows that conditions are computed of, one partition's after the other's, where each partition begins; int64.
    #[getter]
    fn starts(&self) -> Column {
        Column::new(Data::Integers(self.inner.read_starts().into()))
    }

    /// The order of the new rows (uint32), where these are all that conditions are computed of, and are not in order already.
    #[getter]
    fn order(&self) -> Option<Column> {
        let order = self.inner.new_order().filter(|_| self.inner.reads_new_rows_only())?;
        Some(Column::new(Data::Rows(order.to_vec().into())))
    }

    /// Whether conditions are computed of the new rows alone, and not of kept ones too.
    #[getter]
    fn reads_new_rows_only(&self) -> bool {
        self.inner.reads_new_rows_only()
    }

    /// References to the rows that conditions are computed of; int64. New rows have `next_reference` and the ones behind.
    fn references(&self, #[pyo3(from_py_with = whole)] next_reference: usize) -> Column {
        Column::new(Data::Integers(self.inner.read_references(next_reference as u64).into()))
    }

    /// Adds the new rows, with what is known of them.
    ///
    /// Args:
    ///     symbols: of the rows that conditions are computed of.
    ///     next_reference: the reference to the first new row.
    ///     keys: by new row, its key by which matches are bounded, a whole number (int64); None where nothing bounds them.
    ///     bounds: by new row, the latest key of a match that begins there; a row whose key is above it is in no match.
    ///
    /// Raises:
    ///     RowsError: symbols were made for another pattern, or were taken before.
    #[pyo3(signature = (symbols, next_reference, keys = None, bounds = None))]
    fn take(
        &mut self,
        symbols: &Bound<'_, RowSymbols>,
        #[pyo3(from_py_with = whole)] next_reference: usize,
        keys: Option<&Bound<'_, PyAny>>,
        bounds: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = symbols.py();
        let limits = CallLimits::read((None, None, None))?;
        let symbols = symbols.get().take(self.pattern.get().compiled.variables.len())?;
        let row_limits = GivenRowLimits::read(keys, bounds, &limits)?;
        let inner = &mut self.inner;
        py.detach(|| {
            let facts = RowFacts { symbols: &symbols, limits: row_limits.get() };
            inner.take(&facts, next_reference as u64);
        });
        Ok(())
    }

    /// Searches on in the partitions of the step.
    ///
    /// Args:
    ///     conditions: those that read the match so far, over the rows that conditions are computed of.
    ///     compute: as for `Conditions.match`: what computes the parts of conditions that are computed elsewhere.
    ///     keeps_columns: whether the columns of conditions are kept from step to step, so that a step reads no more than
    ///         `reads_again="matches"` says. Conditions are the same in all steps then, over as many columns, and have no such parts.
    ///     threads: the most threads; one where there are such parts.
    ///     timeout_seconds: the most time.
    ///     memory_limit_mb: the most memory, in MB of 2**20 bytes, beside what is kept.
    ///     cancel: as for `Pattern.match`.
    ///
    /// Raises:
    ///     ValueError: conditions have parts that are computed elsewhere, and there is no `compute`.
    ///     QueryError: a condition cannot be computed.
    ///     QueryLimitError: a limit was passed.
    ///     What `compute` raises.
    ///
    /// After an error the step is to be undone. Takes time linear in new rows times positions, where rows alone decide.
    #[pyo3(signature = (
        conditions = None, compute = None, *, keeps_columns = false, threads = 1, timeout_seconds = None, memory_limit_mb = None, cancel = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn search(
        &mut self,
        py: Python<'_>,
        conditions: Option<&Bound<'_, Conditions>>,
        compute: Option<&Bound<'_, PyAny>>,
        keeps_columns: bool,
        #[pyo3(from_py_with = whole)] threads: usize,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<()> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let names = &self.pattern.get().compiled.variables;
        let (mut signals, inner) = (limits.signals(), &mut self.inner);
        let (conditions, computing) = match conditions {
            Some(conditions) => {
                let (conditions, computing) = conditions.get().with_computing(compute)?;
                (Some(DependentConditions { conditions, names, keeps_columns }), computing)
            }
            None => (None, None),
        };
        let (ended, computed) = match (conditions, computing) {
            (Some(conditions), Some(mut computing)) => {
                let ended = py.detach(|| {
                    let compute = &mut |asked: &mut Asked, values: &mut Vec<_>| computing.compute(asked, values);
                    inner.advance_in_rounds(conditions, compute, &limits.budget, &mut || signals.tick())
                });
                (ended, computing.raised)
            }
            (conditions, _) => {
                let mut tick = || signals.tick();
                (py.detach(|| inner.advance(conditions, threads, &limits.budget, &mut tick)), None)
            }
        };
        ended.map_err(|error| limits.search_error(error, computed.or(signals.raised), names))
    }

    /// What is certain since the last step that was kept.
    ///
    /// Returns references to the rows of all that is decided (int64); where the rows of each match, and of each row in no match, begin
    /// among them (int64); the matches in these, each a partition of its own; and whether each row is one that is shown, and not one
    /// around it that measures read. For each of `measures_ahead` then, references to the rows of the values; -1 where there is none.
    ///
    /// What is decided stands in the order of the rows that decided it, whatever the batches in which they came.
    fn decided(&mut self) -> PyResult<(Column, Column, Matches, Column, Vec<Column>)> {
        let mut found = self.inner.decided();
        let pattern = self.pattern.get();
        let (references, starts) = (std::mem::take(&mut found.references), std::mem::take(&mut found.starts));
        let (shown, ahead) = (std::mem::take(&mut found.shown), std::mem::take(&mut found.ahead));
        let automaton = &compiled_for(self.prefer, pattern)?.automaton;
        let matches = Matches::decided(found, &pattern.compiled, automaton);
        let numbers = |values: Vec<i64>| Column::new(Data::Integers(values.into()));
        let ahead = ahead.into_iter().map(numbers).collect();
        Ok((numbers(references), numbers(starts), matches, Column::new(Data::Flags(shown.into())), ahead))
    }

    /// Why AFTER MATCH SKIP has nowhere to go in a match of the step; None where that did not happen.
    fn skip_problem(&self) -> Option<String> {
        self.inner.skip_error().map(|error| {
            let (number, rows) = (error.span.number, error.span.end - error.span.start);
            format!("{}; match {number} of its partition, of {rows} rows", error.problem)
        })
    }

    /// References to the last row of each partition that ended in the step as no row came for too long; int64.
    fn expired(&self) -> Column {
        Column::new(Data::Integers(self.inner.expired().into()))
    }

    /// Ends the step: what no match needs any more is forgotten.
    fn keep(&mut self, py: Python<'_>) {
        let inner = &mut self.inner;
        py.detach(|| inner.keep());
    }

    /// Ends the step as though it had never been.
    fn undo(&mut self, py: Python<'_>) {
        let inner = &mut self.inner;
        py.detach(|| inner.undo());
    }

    /// How many partitions something is kept of, how many rows are kept, and the bytes of both, without the rows' columns.
    #[getter]
    fn counts(&self) -> (usize, usize, usize) {
        let counts = self.inner.counts();
        (counts.partitions, counts.rows, counts.bytes)
    }

    /// As `counts`, when the step is kept. Takes time linear in the step's partitions.
    #[getter]
    fn counts_after(&self) -> (usize, usize, usize) {
        let counts = self.inner.counts_after();
        (counts.partitions, counts.rows, counts.bytes)
    }

    /// A reference to the first row of the match that is open for longest, and how many rows of its partition have come since;
    /// None where none is open. Takes time linear in the partitions.
    fn oldest(&self, py: Python<'_>) -> Option<(u64, u64)> {
        let inner = &self.inner;
        py.detach(|| inner.oldest()).map(|open| (open.reference, open.rows))
    }

    /// References to all kept rows, in order; int64. In a step, to those that are kept when it is. Takes time linear in them, and
    /// sorts them.
    fn kept_references(&self, py: Python<'_>) -> Column {
        let inner = &self.inner;
        Column::new(Data::Integers(py.detach(|| inner.kept_references()).into()))
    }

    /// The kept rows, which had these references, in order, have 0, 1, ... now.
    fn renumber(&mut self, py: Python<'_>, kept: &Bound<'_, Column>) -> PyResult<()> {
        let Data::Integers(kept) = kept.get().data() else {
            return Err(rows_error("references are whole numbers of 64 bits"));
        };
        let inner = &mut self.inner;
        py.detach(|| inner.renumber(kept));
        Ok(())
    }

    /// All partitions, to be stored.
    ///
    /// Returns for each the numbers of its first kept row, of its rows, of its head, of the row behind its matches, and of its
    /// matches, and the starts that wait; references to their rows, one partition's after the other's (int64); and which
    /// conditions hold at each row, as 32 bytes a row.
    fn stored<'py>(&self, py: Python<'py>) -> (Vec<(u64, u64, u64, u64, i64, Vec<u64>)>, Column, Bound<'py, PyBytes>) {
        let (partitions, references, sets) = self.inner.stored();
        let partitions = partitions.into_iter().map(|each| {
            let StoredPartition { first, rows, head, covered, matches, waiting } = each;
            (first, rows, head, covered, matches, waiting)
        });
        let bytes: Vec<u8> = sets.iter().flat_map(|set| set.to_bytes()).collect();
        (partitions.collect(), Column::new(Data::Integers(references.into())), PyBytes::new(py, &bytes))
    }

    /// Sets up partitions that were stored, whose rows were placed in this step, one partition's after the other's; there are no
    /// others yet.
    ///
    /// Args:
    ///     partitions: as `stored` gave them.
    ///     sets: as `stored` gave them.
    ///     next_reference: the reference to the first row.
    ///     keys: as for `take`.
    ///     bounds: as for `take`.
    ///
    /// Raises:
    ///     RowsError: what was stored does not fit together.
    #[pyo3(signature = (partitions, sets, next_reference, keys = None, bounds = None))]
    fn resume(
        &mut self,
        partitions: Vec<(u64, u64, u64, u64, i64, Vec<u64>)>,
        sets: &[u8],
        #[pyo3(from_py_with = whole)] next_reference: usize,
        keys: Option<&Bound<'_, PyAny>>,
        bounds: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let limits = CallLimits::read((None, None, None))?;
        let row_limits = GivenRowLimits::read(keys, bounds, &limits)?;
        let stored: Vec<StoredPartition> = partitions
            .into_iter()
            .map(|(first, rows, head, covered, matches, waiting)| StoredPartition {
                first,
                rows,
                head,
                covered,
                matches,
                waiting,
            })
            .collect();
        let (rows, rest) = sets.as_chunks::<{ VariableSet::BYTES }>();
        let sets: Vec<VariableSet> = rows.iter().map(|bytes| VariableSet::from_bytes(*bytes)).collect();
        let is_right = rest.is_empty() && self.inner.resume(&stored, &sets, next_reference as u64, row_limits.get());
        if is_right { Ok(()) } else { Err(rows_error("the stored partitions and their rows do not fit together")) }
    }

    /// Whether state can grow without bound: a loop of the pattern that no length ends.
    #[getter]
    fn has_loop(&self) -> bool {
        self.inner.rules().automaton.has_loop()
    }
}

fn read_again(name: &str) -> PyResult<ReadAgain> {
    match name {
        "rows" => Ok(ReadAgain::ForRows),
        "matches" => Ok(ReadAgain::ForMatches),
        "all" => Ok(ReadAgain::All),
        _ => Err(PyValueError::new_err(format!(r#"reads_again is {name:?}; allowed are "rows", "matches" and "all""#))),
    }
}

/// What bounds matches, by new row, as it was given.
struct GivenRowLimits {
    keys: Option<Vec<i64>>,
    bounds: Option<Vec<i64>>,
}

impl GivenRowLimits {
    fn read(keys: Option<&Bound<'_, PyAny>>, bounds: Option<&Bound<'_, PyAny>>, limits: &CallLimits) -> PyResult<Self> {
        let read = |column: Option<&Bound<'_, PyAny>>, name: &str| {
            column.map(|column| integers(column, name, limits)).transpose()
        };
        Ok(Self { keys: read(keys, "keys")?, bounds: read(bounds, "bounds")? })
    }

    /// As the core takes them.
    fn get(&self) -> RowLimits<'_> {
        RowLimits { keys: self.keys.as_deref(), bounds: self.bounds.as_deref() }
    }
}

/// The keys of rows as bytes; None without keys.
fn keys_of(
    py: Python<'_>,
    columns: Vec<Bound<'_, PyAny>>,
    rows: usize,
    limits: &CallLimits,
) -> PyResult<Option<EncodedKeys>> {
    let read = |(number, column): (usize, &Bound<'_, PyAny>)| KeyArgument::read(column, number, false, false);
    let given = columns.iter().enumerate().map(read).collect::<PyResult<Vec<_>>>()?;
    if given.is_empty() {
        return Ok(None);
    }
    let mut signals = limits.signals();
    let found = py.detach(|| encoded(&given, rows, limits, &mut signals));
    let found = found.map_err(|error| key_error(error, signals, limits))?;
    found.map(Some).ok_or_else(|| rows_error("a key is of a type whose values are not compared here"))
}
