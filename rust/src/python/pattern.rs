//! `Pattern`: a compiled row pattern as a Python class.

use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString, PyTuple};
use rowpattern_macros::catch_panics;

use super::arguments;
use super::compile::reweigh;
use super::errors::SkipError;
use super::iterator::MatchIterator;
use super::limits::Limits;
use super::matches::{Matches, MatchesSink, Spans, SpansSink};
use super::rows;
use super::signals::Signals;
use crate::matcher::{
    Budget, Compiled, Ended, Partitions, ScanError, Search, Skip, Stopped, Symbols, Tick, VariableSet,
};

/// What `compile` takes beside the text, in a canonical order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Options {
    subset: Vec<(String, Vec<String>)>,
    define: Vec<(String, String)>,
}

impl Options {
    /// Reads the arguments of `compile`.
    pub fn read(subset: Option<&Bound<'_, PyAny>>, define: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let mut options = Self::default();
        if subset.is_none() && define.is_none() {
            return Ok(options);
        }
        for (name, members) in items(subset, "subset", "{\"U\": [\"A\", \"B\"]}")? {
            if members.is_instance_of::<PyString>() {
                let shown = arguments::shown(&members);
                return Err(PyTypeError::new_err(format!(
                    "subset[{name:?}] must be a list of variables, not {shown}; write [{shown}]"
                )));
            }
            let mut members: Vec<String> =
                members.try_iter()?.map(|member| member?.extract()).collect::<PyResult<_>>()?;
            if members.is_empty() {
                return Err(PyValueError::new_err(format!("subset[{name:?}] must have at least one variable")));
            }
            members.sort_unstable();
            members.dedup();
            options.subset.push((name, members));
        }
        for (name, condition) in items(define, "define", "{\"A\": \"price > 10\"}")? {
            options.define.push((name, condition.extract()?));
        }
        options.subset.sort_unstable();
        options.define.sort_unstable();
        Ok(options)
    }

    pub fn is_empty(&self) -> bool {
        self.subset.is_empty() && self.define.is_empty()
    }

    /// A text that no other pattern with options has: every part is preceded by its length.
    pub fn canonical_key(&self, text: &str) -> String {
        let mut key = String::with_capacity(text.len() + 64);
        let mut part = |part: &str| {
            // Writing to a String cannot fail.
            let _ = write!(key, "{}:{part}", part.len());
        };
        part(text);
        part(&self.subset.len().to_string());
        for (name, members) in &self.subset {
            part(name);
            part(&members.len().to_string());
            for member in members {
                part(member);
            }
        }
        for (name, condition) in &self.define {
            part(name);
            part(condition);
        }
        key
    }

    fn bytes(&self) -> usize {
        let subset = self
            .subset
            .iter()
            .map(|(name, members)| name.len() + 72 + members.iter().map(|member| member.len() + 40).sum::<usize>());
        let define = self.define.iter().map(|(name, condition)| name.len() + condition.len() + 64);
        subset.chain(define).sum()
    }
}

fn items<'py>(
    value: Option<&Bound<'py, PyAny>>,
    what: &str,
    example: &str,
) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let Ok(mapping) = value.cast::<PyMapping>() else {
        return Err(PyTypeError::new_err(format!(
            "{what} must be a mapping like {example}, not {}",
            arguments::shown(value)
        )));
    };
    mapping.items()?.iter().map(|item| item.extract::<(String, Bound<'py, PyAny>)>()).collect()
}

/// A compiled row pattern. Made by `rowpattern.compile`; immutable; threads may share it.
#[pyclass(frozen, module = "rowpattern", eq, hash)]
pub struct Pattern {
    pub text: String,
    pub options: Options,
    pub compiled: Arc<Compiled>,
    /// Union variables with their primary variables.
    unions: Vec<(String, VariableSet)>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.options == other.options
    }
}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
        self.options.hash(state);
    }
}

impl Pattern {
    pub fn new(py: Python<'_>, text: &str, options: Options, compiled: Arc<Compiled>) -> PyResult<Self> {
        let number = |name: &str| arguments::variable(py, &compiled.variables, name);
        let mut unions = Vec::new();
        for (name, members) in &options.subset {
            if compiled.variable(name).is_some() {
                return Err(PyValueError::new_err(format!(
                    "subset names {name:?}, which is a primary variable of the row pattern; choose another name"
                )));
            }
            unions.push((name.clone(), members.iter().map(|member| number(member)).collect::<PyResult<_>>()?));
        }
        for (name, _) in &options.define {
            number(name)?;
        }
        Ok(Self { text: text.to_owned(), options, compiled, unions })
    }

    /// The primary variables that a name stands for.
    pub fn variable_set(&self, name: &str) -> Option<VariableSet> {
        if let Some(variable) = self.compiled.variable(name) {
            return Some(VariableSet::of(variable));
        }
        let exact = self.unions.iter().find(|(union, _)| union == name);
        let folded = || self.unions.iter().find(|(union, _)| union.to_uppercase() == name.to_uppercase());
        exact.or_else(folded).map(|&(_, set)| set)
    }

    /// Primary and union variables.
    pub fn all_names(&self) -> Vec<&str> {
        self.compiled.variables.iter().chain(self.unions.iter().map(|(name, _)| name)).map(String::as_str).collect()
    }

    /// Bytes that this pattern holds, its Python object included.
    pub fn total_bytes(&self) -> usize {
        let unions: usize = self.unions.iter().map(|(name, _)| name.len() + size_of::<(String, VariableSet)>()).sum();
        size_of::<Self>() + 16 + self.text.len() + self.options.bytes() + unions + self.compiled.memory_bytes()
    }

    /// Searches with the interpreter's lock released.
    fn search<R: Send>(
        slf: &Bound<'_, Self>,
        input: &mut Input,
        search: impl FnOnce(Search<'_>, Skip, &mut Tick<'_>) -> Ended<R, ScanError> + Send,
    ) -> PyResult<R> {
        let py = slf.py();
        let compiled = &slf.get().compiled;
        let Input { symbols, partitions, skip, threads, limits, .. } = input;
        let (skip, threads) = (*skip, *threads);
        let mut signals = Signals::new();
        let given = Search::new(compiled, symbols, partitions, threads, &limits.budget);
        let (result, tables) = py.detach(|| search(given, skip, &mut || signals.tick()));
        if compiled.give_back_all(tables) {
            reweigh(py, slf);
        }
        result.map_err(|error| input.error(error, signals))
    }
}

/// The arguments that all searches share, read.
pub struct Input {
    pub symbols: Symbols,
    pub partitions: Partitions,
    pub skip: Skip,
    pub skip_variable: Option<String>,
    pub threads: usize,
    pub limits: Limits,
}

impl Input {
    pub fn read(
        pattern: &Pattern,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        threads: usize,
        limits: Limits,
    ) -> PyResult<Self> {
        if threads == 0 {
            return Err(PyValueError::new_err("threads must be at least 1"));
        }
        let (skip, skip_variable) = arguments::skip(pattern, skip)?;
        let symbols = rows::symbols(&pattern.compiled, rows, &limits)?;
        let partitions = arguments::partitions(partitions, symbols.len(), &limits)?;
        // The numbers that were read are free again.
        limits.budget.release(limits.budget.charged_bytes().saturating_sub(symbols.memory_bytes()));
        limits.charge(partitions.memory_bytes())?;
        Ok(Self { symbols, partitions, skip, skip_variable, threads, limits })
    }

    /// The error for a search that ended early.
    pub fn error(&self, error: ScanError, signals: Signals) -> PyErr {
        match (error, signals.raised) {
            (ScanError::Skip(error), _) => {
                let variable = self.skip_variable.as_deref().unwrap_or_default();
                SkipError::new_err(format!("AFTER MATCH SKIP has nowhere to go to {variable}: {error}"))
            }
            (ScanError::Stopped(Stopped::ByCaller), Some(raised)) => raised,
            (ScanError::Stopped(reason), _) => self.limits.error(reason),
        }
    }
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
        self.compiled.automaton.positions.iter().any(|position| position.excluded)
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

    /// Bytes that this pattern holds now: matching fills tables, up to a limit.
    #[getter]
    fn memory_bytes(&self) -> usize {
        self.total_bytes()
    }

    /// The pattern as an indented tree, for people.
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
        let plural = if positions == 1 { "" } else { "s" };
        let _ = write!(text, "automaton: {positions} position{plural}, {} bytes", self.total_bytes());
        text
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
    ///
    /// Raises:
    ///     RowsError, UnknownVariableError: rows or partitions cannot be read as given.
    ///     SkipError: a skip has nowhere to go; raised after the matches before it.
    ///     QueryLimitError: a limit was passed.
    ///     MemoryError: the system has no more memory.
    ///     QueryError, QuerySyntaxError, UnsupportedQueryError: as for `match_recognize`, by conditions.
    ///
    /// Time is linear in the rows, plus the rows of the matches; with conditions that depend on the match, what going back
    /// takes. Memory is two bytes a row of the largest partition; with conditions, all matches.
    #[pyo3(
        signature = (
            rows, *, partitions = None, skip = None, conditions = None, timeout_seconds = None, memory_limit_mb = None
        ),
        text_signature = "($self, rows, *, partitions=None, skip='past last row', conditions=None, \
                          timeout_seconds=None, memory_limit_mb=None)"
    )]
    fn find_iter(
        slf: &Bound<'_, Self>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        conditions: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = arguments::optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = arguments::optional_number)] memory_limit_mb: Option<f64>,
    ) -> PyResult<Py<MatchIterator>> {
        if let Some(conditions) = conditions {
            let find = slf.py().import("rowpattern.sql")?.getattr("find_by_conditions")?;
            let found = find.call1((slf, rows, conditions, partitions, skip, timeout_seconds, memory_limit_mb))?;
            return Ok(found.cast_into::<MatchIterator>()?.unbind());
        }
        let limits = Limits::read(timeout_seconds, memory_limit_mb)?;
        let mut input = Input::read(slf.get(), rows, partitions, skip, 1, limits)?;
        input.limits.pause();
        Py::new(slf.py(), MatchIterator::new(slf.clone().unbind(), input))
    }

    /// Finds all matches, as columns. Arguments, errors and cost are those of `find_iter` without conditions; limits
    /// count the whole call and what it returns. And:
    ///
    /// Args:
    ///     threads: the most threads that work on it, where there are some 100,000 rows for each, and no more than four for
    ///         each core (16 where there are few cores). Answers do not depend on it. Partitions are matched apart; one large partition is cut where a few hundred rows around a place say how
    ///         matches lie there, if the search goes on past the last row of each match.
    #[pyo3(
        name = "match",
        signature = (
            rows, *, partitions = None, skip = None, threads = 1, timeout_seconds = None, memory_limit_mb = None
        ),
        text_signature = "($self, rows, *, partitions=None, skip='past last row', threads=1, timeout_seconds=None, \
                          memory_limit_mb=None)"
    )]
    fn find_all(
        slf: &Bound<'_, Self>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = arguments::whole)] threads: usize,
        #[pyo3(from_py_with = arguments::optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = arguments::optional_number)] memory_limit_mb: Option<f64>,
    ) -> PyResult<Matches> {
        let limits = Limits::read(timeout_seconds, memory_limit_mb)?;
        let mut input = Input::read(slf.get(), rows, partitions, skip, threads, limits)?;
        let compiled = Arc::clone(&slf.get().compiled);
        let blocks = MatchesSink::takes_blocks(&compiled);
        let partitions = input.partitions.len();
        let sink = |rows, budget: &Budget| MatchesSink::new(&compiled, rows, partitions, budget);
        let found = Self::search(slf, &mut input, |search, skip, tick| search.run(skip, blocks, sink, tick))?;
        Ok(found.into_matches(&compiled))
    }

    /// Finds where all matches begin and end, as columns. Arguments and errors are those of `match`; time is linear
    /// in the rows however matches overlap.
    #[pyo3(
        signature = (
            rows, *, partitions = None, skip = None, threads = 1, timeout_seconds = None, memory_limit_mb = None
        ),
        text_signature = "($self, rows, *, partitions=None, skip='past last row', threads=1, timeout_seconds=None, \
                          memory_limit_mb=None)"
    )]
    fn spans(
        slf: &Bound<'_, Self>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = arguments::whole)] threads: usize,
        #[pyo3(from_py_with = arguments::optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = arguments::optional_number)] memory_limit_mb: Option<f64>,
    ) -> PyResult<Spans> {
        let limits = Limits::read(timeout_seconds, memory_limit_mb)?;
        let mut input = Input::read(slf.get(), rows, partitions, skip, threads, limits)?;
        let partitions = input.partitions.len();
        let sink = |rows, budget: &Budget| SpansSink::new(rows, partitions, budget);
        let found = Self::search(slf, &mut input, |search, skip, tick| search.run(skip, true, sink, tick))?;
        Ok(found.into_spans())
    }

    /// Counts the matches. As `spans`, without keeping them.
    #[pyo3(
        signature = (
            rows, *, partitions = None, skip = None, threads = 1, timeout_seconds = None, memory_limit_mb = None
        ),
        text_signature = "($self, rows, *, partitions=None, skip='past last row', threads=1, timeout_seconds=None, \
                          memory_limit_mb=None)"
    )]
    fn count(
        slf: &Bound<'_, Self>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = arguments::whole)] threads: usize,
        #[pyo3(from_py_with = arguments::optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = arguments::optional_number)] memory_limit_mb: Option<f64>,
    ) -> PyResult<usize> {
        let limits = Limits::read(timeout_seconds, memory_limit_mb)?;
        let mut input = Input::read(slf.get(), rows, partitions, skip, threads, limits)?;
        Self::search(slf, &mut input, |search, skip, tick| search.count(skip, tick))
    }

    /// Whether there is a match; looks from the end of the rows and no further than to the first match seen. Arguments and
    /// errors are those of `match`.
    #[pyo3(signature = (rows, *, partitions = None, timeout_seconds = None, memory_limit_mb = None))]
    fn is_match(
        slf: &Bound<'_, Self>,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = arguments::optional_number)] timeout_seconds: Option<f64>,
        #[pyo3(from_py_with = arguments::optional_number)] memory_limit_mb: Option<f64>,
    ) -> PyResult<bool> {
        let limits = Limits::read(timeout_seconds, memory_limit_mb)?;
        let mut input = Input::read(slf.get(), rows, partitions, None, 1, limits)?;
        Self::search(slf, &mut input, |search, _, tick| search.is_match(tick))
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
