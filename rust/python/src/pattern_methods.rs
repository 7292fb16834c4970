//! What can be done with a `Pattern` in Python.

use std::fmt::Write as _;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use rowpattern_core::automaton::ACCEPT;
use rowpattern_core::budget::Budget;
use rowpattern_macros::catch_panics;

use super::arguments;
use super::cancel_argument::{Cancel, account, given};
use super::counted::counted;
use super::hooks::hooks;
use super::input::Input;
use super::iterator::MatchIterator;
use super::limits::CallLimits;
use super::matches::{Matches, Spans};
use super::numbers::{optional_number, whole};
use super::pattern::{Options, Pattern};
use super::sinks::{MatchesSink, SpansSink};

/// The limits of a call as the caller gives them: seconds, MB, and what cancels it.
type GivenLimits<'a, 'py> = (Option<f64>, Option<f64>, Option<&'a Bound<'py, PyAny>>);

/// What is asked of a pattern by conditions that are written as in DEFINE, beside the arguments that all methods have.
struct ConditionsCall<'a> {
    method: &'a str,
    threads: Option<usize>,
    prefer: &'a str,
}

impl ConditionsCall<'_> {
    /// Has the package answer.
    fn by_conditions<'py>(
        &self,
        pattern: &Bound<'py, Pattern>,
        rows: &Bound<'py, PyAny>,
        conditions: &Bound<'py, PyAny>,
        partitions: Option<&Bound<'py, PyAny>>,
        skip: Option<&Bound<'py, PyAny>>,
        limits: GivenLimits<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let find = hooks(pattern.py())?.find_by_conditions.bind(pattern.py());
        let asked = (self.method, self.threads, self.prefer);
        find.call1((asked, pattern, rows, conditions, partitions, skip, limits))
    }
}

/// The spans of an answer; a search by conditions that depend on the match finds whole matches.
fn spans_of(found: &Bound<'_, PyAny>) -> PyResult<Py<Spans>> {
    if let Ok(spans) = found.cast::<Spans>() {
        return Ok(spans.clone().unbind());
    }
    Py::new(found.py(), found.cast::<Matches>()?.get().spans())
}

#[catch_panics]
#[pymethods]
impl Pattern {
    /// The text that was compiled.
    #[getter]
    fn pattern(&self) -> &str {
        self.text.as_str()
    }

    /// The primary variables, in the order in which they first stand in the pattern.
    #[getter]
    fn variables<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.compiled.variables)
    }

    /// Whether the pattern excludes rows, by `{- -}`.
    #[getter]
    fn has_exclusion(&self) -> bool {
        self.compiled.automaton.excludes
    }

    /// The union variables, each with its primary variables; a new dict each time.
    #[getter]
    fn subset<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let subset = PyDict::new(py);
        for (name, members) in &self.options.subset {
            subset.set_item(name, PyTuple::new(py, members)?)?;
        }
        Ok(subset)
    }

    /// The conditions given to `compile`, by primary variable; a new dict each time.
    #[getter]
    fn define<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let define = PyDict::new(py);
        for (name, condition) in &self.options.define {
            define.set_item(name, condition)?;
        }
        Ok(define)
    }

    /// For each primary variable the least number of rows of a match before one that is mapped to it; None where no
    /// row can be.
    fn _rows_before(&self) -> Vec<Option<usize>> {
        self.compiled.automaton.rows_before()
    }

    /// For each symbol of up to eight variables, as a byte that says whose conditions hold: 1 where rows of it can be left out and
    /// the matches are the same but for these rows, none of which are mapped to one of `used`; 0 otherwise. None where it
    /// is 0 for all.
    fn _passed_over(&self, py: Python<'_>, used: Vec<String>) -> PyResult<Option<Vec<u8>>> {
        let automaton = &self.compiled.automaton;
        let mut are_used = 0;
        for name in &used {
            let variable = arguments::variable(py, &self.compiled.variables, name)?;
            are_used |= 1_u8.checked_shl(variable.into()).unwrap_or(0);
        }
        let most = u8::MAX >> u8::BITS.saturating_sub(automaton.variable_count as u32).min(u8::BITS - 1);
        let is_passed_over =
            |symbol| symbol <= most && automaton.passed_over(symbol).is_some_and(|variables| variables & are_used == 0);
        let flags: Vec<_> = (0..=u8::MAX).map(|symbol| u8::from(is_passed_over(symbol))).collect();
        Ok(flags.contains(&1).then_some(flags))
    }

    /// The same pattern with variables of their own for each of a match's first rows, and for all further ones: `A`
    /// becomes a union variable of `"A\x010"`, `"A\x011"`, ... None where these would be too many.
    fn _layered(&self, py: Python<'_>, layers: usize) -> PyResult<Option<Self>> {
        let Some(compiled) = self.compiled.layered(layers) else { return Ok(None) };
        let each = |name: &String| (0..layers).map(|layer| format!("{name}\u{1}{layer}")).collect::<Vec<_>>();
        let primary = self.compiled.variables.iter().map(|name| (name.clone(), each(name)));
        let unions = self.options.subset.iter();
        let unions = unions.map(|(name, members)| (name.clone(), members.iter().flat_map(each).collect()));
        let options = Options { subset: primary.chain(unions).collect(), ..Options::default() };
        Self::new(py, &self.text, options, Arc::new(compiled)).map(Some)
    }

    /// Bytes that this pattern holds now: matching fills tables, up to a limit.
    #[getter]
    fn memory_bytes(&self) -> usize {
        self.total_bytes()
    }

    /// The pattern as an indented tree, and the size of its automaton, for people. O(length of the pattern).
    ///
    /// Examples:
    ///     >>> import rowpattern
    ///     >>> print(rowpattern.compile("A B+").explain())
    ///     row pattern A B+
    ///       concatenation: one after the other
    ///         variable A
    ///         repetition: 1 or more times, as many as possible
    ///           variable B
    ///     ...
    fn explain(&self) -> String {
        let automaton = &self.compiled.automaton;
        let positions = automaton.positions.len();
        let mut text = format!("row pattern {}\n", self.text);
        for line in self.compiled.root.explain(&self.compiled.variables).lines() {
            let _ = writeln!(text, "  {line}");
        }
        for (name, members) in &self.options.subset {
            let _ = writeln!(text, "union variable {name}: {}", members.join(", "));
        }
        let _ = write!(text, "automaton: {}, {} bytes", counted(positions, "position"), self.total_bytes());
        text
    }

    /// The automaton, for drawings: for each position its variable and whether it is excluded; what a match can begin with
    /// at a partition's first row, and elsewhere; what may follow each position, most preferred first; whether a match may
    /// end behind each where the partition ends. The end of a match is -1. None where there are more positions.
    fn _automaton(
        &self,
        most_positions: usize,
    ) -> Option<(Vec<(&str, bool)>, Vec<i64>, Vec<i64>, Vec<Vec<i64>>, Vec<bool>)> {
        let automaton = &self.compiled.automaton;
        if automaton.positions.len() > most_positions {
            return None;
        }
        let names = &self.compiled.variables;
        let positions = automaton.positions.iter();
        let positions = positions.map(|at| (names[usize::from(at.variable)].as_str(), at.excluded)).collect();
        let numbers = |list: &[u32]| list.iter().map(|&at| if at == ACCEPT { -1 } else { i64::from(at) }).collect();
        let followers = (0..automaton.positions.len() as u32).map(|at| numbers(automaton.followers(at))).collect();
        let [first, elsewhere] = &automaton.start;
        Some((positions, numbers(first), numbers(elsewhere), followers, automaton.accepts_at_end.clone()))
    }

    /// The automaton as a drawing; notebooks show it.
    fn _repr_svg_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        hooks(slf.py())?.display.bind(slf.py()).call1((slf, "svg"))
    }

    /// Iterates over the matches, found a few thousand rows ahead of what is asked for.
    ///
    /// Args:
    ///     rows: a mapping of primary variables to booleans (lists, numpy, pandas, Polars, Arrow; NULL is not true), where
    ///         a variable left out is true of every row; or a sequence of labels, the variable of each row.
    ///     partitions: the rows of each partition, counted, or the rows where partitions start (the first is 0);
    ///         `("counts", ...)` or `("starts", ...)` says which. None is one partition.
    ///     skip: where the search goes on: "past last row", "to next row", ("to first", variable) or
    ///         ("to last", variable).
    ///
    ///     conditions: a mapping of primary variables to conditions, written as in DEFINE ("B.price > A.price"), over named
    ///         columns; `rows` is then a table of those (as for `match_recognize`), in order. Needs the extra `sql`.
    ///     timeout_seconds: the most time that reading rows and finding matches may take together; the caller's own between
    ///         two matches does not count. None is no limit; with conditions, that of `match_recognize`.
    ///     memory_limit_mb: the most memory that it may take beyond what is given, in MB of 2**20 bytes; for matches that are
    ///         handed out it is the caller's. None as for `timeout_seconds`.
    ///     cancel: a `rowpattern.CancelToken`, by which another thread can end the call.
    ///
    /// Raises:
    ///     RowsError, UnknownVariableError: rows or partitions cannot be read as given.
    ///     SkipError: a skip has nowhere to go; raised after the matches before it.
    ///     QueryLimitError: a limit was passed.
    ///     QueryCancelledError: `cancel` was cancelled.
    ///     MemoryError: the system has no more memory.
    ///     QueryError, QuerySyntaxError, UnsupportedQueryError: as for `match_recognize`, by conditions.
    ///
    /// Time is linear in the rows, plus the rows of the matches; with conditions that depend on the match, what going back
    /// takes. Memory is at most two bytes a row of the largest partition; with conditions, all matches.
    #[pyo3(
        signature = (
            rows, *, partitions = None, skip = None, conditions = None, timeout_seconds = None, memory_limit_mb = None,
            cancel = None
        ),
        text_signature = "($self, rows, *, partitions=None, skip='past last row', conditions=None, \
                          timeout_seconds=None, memory_limit_mb=None, cancel=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn find_iter(
        slf: &Bound<'_, Self>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        conditions: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        cancel: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<MatchIterator>> {
        if let Some(conditions) = conditions {
            let limits = (timeout_seconds, memory_limit_mb, cancel);
            let asked = ConditionsCall { method: "find_iter", threads: None, prefer: "first" };
            let found = asked.by_conditions(slf, rows, conditions, partitions, skip, limits)?;
            return Ok(found.cast_into::<MatchIterator>()?.unbind());
        }
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, given(cancel)?))?;
        let mut input = Input::read(slf.get(), rows, partitions, skip, 1, limits)?;
        input.limits.pause();
        Py::new(slf.py(), MatchIterator::new(slf.clone().unbind(), input))
    }

    /// Finds all matches, as columns. Arguments, errors and cost are those of `find_iter`; limits
    /// count the whole call and what it returns.
    ///
    /// Args:
    ///     threads: the most threads that work on it, where there are some 100,000 rows for each, and no more than four for
    ///         each core (16 where there are few cores). Answers do not depend on it. Partitions are matched apart; one large partition is cut where a few hundred rows around a place say how
    ///         matches lie there, if the search goes on past the last row of each match.
    ///     prefer: "first" takes the most preferred of all possible matches at a row, as the standard has it, "longest" the
    ///         longest, and of several as long the most preferred.
    ///     latest_ends: for each row, the row behind the last that a match may have which begins there; of the possible matches at
    ///         a row only those that end by then count. None is no limit.
    ///
    /// With `prefer="longest"` or `latest_ends`, time is linear in rows times followers of the automaton, in one thread for each partition; with both,
    /// a row at which a match begins takes as long as the rows that it could have.
    #[pyo3(
        name = "match",
        signature = (
            rows, *, partitions = None, skip = None, conditions = None, threads = 1, prefer = "first",
            latest_ends = None, timeout_seconds = None, memory_limit_mb = None, cancel = None
        ),
        text_signature = "($self, rows, *, partitions=None, skip='past last row', conditions=None, threads=1, \
                          prefer='first', latest_ends=None, timeout_seconds=None, memory_limit_mb=None, cancel=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn find_all(
        slf: &Bound<'_, Self>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        conditions: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = whole)] threads: usize,
        prefer: &str,
        latest_ends: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        cancel: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Matches>> {
        if let Some(conditions) = conditions {
            if latest_ends.is_some() {
                return Err(PyValueError::new_err(
                    "latest_ends is for rows without conditions; leave out one of the two",
                ));
            }
            let limits = (timeout_seconds, memory_limit_mb, cancel);
            let asked = ConditionsCall { method: "match", threads: Some(threads), prefer };
            let found = asked.by_conditions(slf, rows, conditions, partitions, skip, limits)?;
            return Ok(found.cast_into::<Matches>()?.unbind());
        }
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, given(cancel)?))?;
        let input = Input::read(slf.get(), rows, partitions, skip, threads, limits)?;
        let mut input = input.choosing(slf.get(), prefer, latest_ends)?;
        let partitions = input.partitions.len();
        let sink = |rows, budget: &Budget| MatchesSink::new(rows, partitions, budget);
        let found = input.find(slf, |search, asked, tick| search.run_chosen(asked.skip, asked.choice, sink, tick))?;
        Py::new(slf.py(), Matches::new(found, &slf.get().compiled))
    }

    /// Finds where all matches begin and end, as columns. Arguments and errors are those of `match`; time is linear
    /// in the rows however matches overlap.
    #[pyo3(
        signature = (
            rows, *, partitions = None, skip = None, conditions = None, threads = 1, timeout_seconds = None,
            memory_limit_mb = None, cancel = None
        ),
        text_signature = "($self, rows, *, partitions=None, skip='past last row', conditions=None, threads=1, \
                          timeout_seconds=None, memory_limit_mb=None, cancel=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn spans(
        slf: &Bound<'_, Self>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        conditions: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = whole)] threads: usize,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        cancel: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Spans>> {
        if let Some(conditions) = conditions {
            let limits = (timeout_seconds, memory_limit_mb, cancel);
            let asked = ConditionsCall { method: "spans", threads: Some(threads), prefer: "first" };
            let found = asked.by_conditions(slf, rows, conditions, partitions, skip, limits)?;
            return spans_of(&found);
        }
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, given(cancel)?))?;
        let mut input = Input::read(slf.get(), rows, partitions, skip, threads, limits)?;
        let partitions = input.partitions.len();
        let sink = |rows, budget: &Budget| SpansSink::new(rows, partitions, budget);
        let found = input.find(slf, |search, asked, tick| search.run(asked.skip, sink, tick))?;
        Py::new(slf.py(), Spans::from(found))
    }

    /// Counts the matches. As `spans`, without keeping them.
    #[pyo3(
        signature = (
            rows, *, partitions = None, skip = None, conditions = None, threads = 1, timeout_seconds = None,
            memory_limit_mb = None, cancel = None
        ),
        text_signature = "($self, rows, *, partitions=None, skip='past last row', conditions=None, threads=1, \
                          timeout_seconds=None, memory_limit_mb=None, cancel=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    fn count(
        slf: &Bound<'_, Self>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        conditions: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = whole)] threads: usize,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        cancel: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        if let Some(conditions) = conditions {
            let limits = (timeout_seconds, memory_limit_mb, cancel);
            let asked = ConditionsCall { method: "count", threads: Some(threads), prefer: "first" };
            let found = asked.by_conditions(slf, rows, conditions, partitions, skip, limits)?;
            return found.extract();
        }
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, given(cancel)?))?;
        let mut input = Input::read(slf.get(), rows, partitions, skip, threads, limits)?;
        input.find(slf, |search, asked, tick| search.count(asked.skip, tick))
    }

    /// Whether there is a match; looks from the end of the rows and no further than to the first match seen. Arguments and
    /// errors are those of `match`.
    #[pyo3(signature = (rows, *, partitions = None, timeout_seconds = None, memory_limit_mb = None, cancel = None))]
    fn is_match(
        slf: &Bound<'_, Self>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
        #[pyo3(from_py_with = account)] cancel: Cancel,
    ) -> PyResult<bool> {
        let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
        let mut input = Input::read(slf.get(), rows, partitions, None, 1, limits)?;
        input.find(slf, |search, _, tick| search.is_match(tick))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut text = format!("rowpattern.compile({}", PyString::new(py, &self.text).repr()?);
        if !self.options.subset.is_empty() {
            let _ = write!(text, ", subset={}", self.subset(py)?.repr()?);
        }
        if !self.options.define.is_empty() {
            let _ = write!(text, ", define={}", self.define(py)?.repr()?);
        }
        text.push(')');
        Ok(text)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let restore = py.import("rowpattern._restore")?.getattr("restore_pattern")?;
        let subset = self.subset(py)?.into_any();
        let define = self.define(py)?.into_any();
        Ok((restore, PyTuple::new(py, [PyString::new(py, &self.text).into_any(), subset, define])?))
    }
}
