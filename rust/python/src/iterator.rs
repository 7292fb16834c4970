//! `MatchIterator` and `Match`: matches one at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use rowpattern_core::matcher::{Compiled, Context, ForwardPass, Scan, Tables};
use rowpattern_core::rows::Span;
use rowpattern_macros::catch_panics;

use super::ffi::{Column, Data};
use super::hooks::hooks;
use super::input::Input;
use super::pattern::Pattern;
use super::reduced::{Reduced, reduced};
use super::reweighing::reweigh;
use super::signals::INTERVAL;
use super::sinks::MatchesSink;

/// Rows of matches to find ahead: enough that releasing the interpreter's lock costs little for each match.
const ROWS_AHEAD: usize = 4096;

/// One match.
///
/// Examples:
///     >>> import rowpattern
///     >>> match = next(rowpattern.compile("A B+").find_iter(["C", "A", "B", "B"]))
///     >>> match.number, match.partition, match.start, match.end, match.labels
///     (1, 0, 1, 4, ('A', 'B', 'B'))
#[pyclass(frozen, module = "rowpattern")]
pub struct Match {
    span: Span,
    /// The variable of each row.
    variables: Box<[u8]>,
    /// Whether each row is excluded; empty where the pattern excludes nothing.
    excluded: Box<[u8]>,
    names: Names,
}

/// Where the names of variables are: with the pattern, or with the match itself, where it was restored from a pickle.
enum Names {
    Compiled(Arc<Compiled>),
    Own(Arc<[String]>),
}

impl Match {
    /// Of columns that fit together.
    pub fn from_columns(span: Span, variables: &[u8], excluded: &[u8], names: Arc<[String]>) -> Self {
        Self { span, variables: variables.into(), excluded: excluded.into(), names: Names::Own(names) }
    }

    fn names(&self) -> &[String] {
        match &self.names {
            Names::Compiled(compiled) => &compiled.variables,
            Names::Own(names) => names,
        }
    }
}

#[catch_panics]
#[pymethods]
impl Match {
    /// The number of the match in its partition, from 1.
    #[getter]
    fn number(&self) -> usize {
        self.span.number
    }

    /// The partition, from 0.
    #[getter]
    fn partition(&self) -> usize {
        self.span.partition
    }

    /// The first row, counted over all partitions.
    #[getter]
    fn start(&self) -> usize {
        self.span.start
    }

    /// The row after the last; the same as `start` in an empty match.
    #[getter]
    fn end(&self) -> usize {
        self.span.end
    }

    /// The primary variable to which each row is mapped; made anew each time.
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let names: Vec<_> = self.names().iter().map(|name| PyString::new(py, name)).collect();
        PyTuple::new(py, self.variables.iter().map(|&variable| &names[usize::from(variable)]))
    }

    /// Whether each row stands in an exclusion, `{- -}`; made anew each time.
    #[getter]
    fn excluded<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, (0..self.variables.len()).map(|at| self.excluded.get(at) == Some(&1)))
    }

    fn __len__(&self) -> usize {
        self.variables.len()
    }

    fn __bool__(&self) -> bool {
        // As in `re`: a match is true, even when it is empty.
        true
    }

    /// The match as a table; notebooks show it.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        hooks(slf.py())?.display.bind(slf.py()).call1((slf, "html"))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        let classifier = Column::new(Data::Variables(self.variables.to_vec().into(), self.names().into()));
        let excluded = (!self.excluded.is_empty()).then(|| Column::new(Data::Flags(self.excluded.to_vec().into())));
        let Span { partition, number, start, .. } = self.span;
        reduced(py, "restore_match", (partition, number, start, classifier, excluded))
    }

    fn __repr__(&self) -> String {
        let Span { partition, number, start, end } = self.span;
        let first = self.variables.iter().take(8);
        let mut labels: Vec<&str> = first.map(|&variable| self.names()[usize::from(variable)].as_str()).collect();
        if self.variables.len() > labels.len() {
            labels.push("...");
        }
        let labels = labels.join(" ");
        format!("<rowpattern.Match {number} of partition {partition}, rows {start}:{end}, labels {labels}>")
    }
}

/// Iterates over matches. Finds a few thousand rows of them ahead; an error comes after the matches before it.
///
/// Examples:
///     >>> import rowpattern
///     >>> matches = rowpattern.compile("A").find_iter(["A", "B", "A"])
///     >>> [match.start for match in matches]
///     [0, 2]
#[pyclass(frozen, module = "rowpattern")]
pub struct MatchIterator {
    pattern: Py<Pattern>,
    /// Taken out by the thread that searches.
    progress: Mutex<Option<Box<Progress>>>,
}

struct Progress {
    input: Input,
    scan: Scan<ForwardPass>,
    /// The iterator's own: a paused scan holds numbers of sets in them. `None` when the search has ended.
    tables: Option<Tables>,
    found: Found,
    failed: Option<PyErr>,
    /// When signals were looked at last between two searches, each of which may be too short to do so.
    looked: Instant,
}

impl Progress {
    /// Looks at signals now and then: whoever goes through all matches in one call, as `deque` does, looks at none.
    fn look(&mut self, py: Python<'_>) -> PyResult<()> {
        if self.looked.elapsed() < INTERVAL {
            return Ok(());
        }
        self.looked = Instant::now();
        py.check_signals()
    }
}

/// Matches that were found ahead, and how far they were handed out.
#[derive(Default)]
struct Found {
    matches: MatchesSink,
    /// The next match, its first row among those of matches, and the next item of partitions.
    next: usize,
    next_row: usize,
    next_partition: usize,
    /// Of the last match that was handed out.
    partition: usize,
    number: usize,
    /// How many more matches are of its partition.
    left: i64,
}

impl Found {
    /// Other matches, of the rows behind.
    fn refill(&mut self, matches: MatchesSink) {
        *self = Self { matches, partition: self.partition, number: self.number, ..Self::default() };
    }

    fn next(&mut self, compiled: &Arc<Compiled>) -> Option<Match> {
        let spans = &self.matches.spans;
        let (&start, &end) = spans.start.get(self.next).zip(spans.end.get(self.next))?;
        while self.left == 0 {
            let &(partition, matches) = spans.partitions.get(self.next_partition)?;
            self.next_partition += 1;
            if self.partition != partition as usize {
                (self.partition, self.number) = (partition as usize, 0);
            }
            self.left = matches;
        }
        self.left -= 1;
        self.number += 1;
        let rows = self.next_row..self.next_row + (end - start) as usize;
        (self.next, self.next_row) = (self.next + 1, rows.end);
        let (partition, number, start, end) = (self.partition, self.number, start as usize, end as usize);
        Some(Match {
            span: Span { partition, number, start, end },
            variables: Box::from(&self.matches.variables[rows.clone()]),
            excluded: self.matches.excluded.get(rows).map_or_else(Box::default, Box::from),
            names: Names::Compiled(Arc::clone(compiled)),
        })
    }
}

impl MatchIterator {
    /// Over matches that are still to be found.
    pub fn new(pattern: Py<Pattern>, mut input: Input) -> Self {
        let mut tables = pattern.get().compiled.take_tables();
        // The numbers of symbols are those of the tables from here on.
        tables.adopt(&mut input.symbols);
        Self::with(pattern, input, Some(tables), MatchesSink::default(), None)
    }

    /// Over matches that are found already, and the error that comes after them.
    pub fn of_found(pattern: Py<Pattern>, input: Input, found: MatchesSink, failed: Option<PyErr>) -> Self {
        Self::with(pattern, input, None, found, failed)
    }

    fn with(
        pattern: Py<Pattern>,
        input: Input,
        tables: Option<Tables>,
        matches: MatchesSink,
        failed: Option<PyErr>,
    ) -> Self {
        let scan = Scan::new(ForwardPass::new::<MatchesSink>(input.skip));
        let found = Found { matches, ..Found::default() };
        Self {
            pattern,
            progress: Mutex::new(Some(Box::new(Progress {
                input,
                scan,
                tables,
                found,
                failed,
                looked: Instant::now(),
            }))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Progress>>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Searches on until enough is found.
    fn refill(&self, py: Python<'_>, progress: &mut Progress, mut tables: Tables) {
        let pattern = self.pattern.bind(py);
        let compiled = &pattern.get().compiled;
        if let Err(raised) = progress.look(py) {
            progress.failed = Some(raised);
            end(pattern, tables);
            return;
        }
        let Progress { input, scan, found, .. } = progress;
        // Those that were found before are the caller's.
        found.matches.release(&input.limits.budget);
        input.limits.resume();
        let mut signals = input.limits.signals();
        let Input { symbols, partitions, limits, .. } = &*input;
        let (result, matches) = py.detach(|| {
            let tick = &mut || signals.tick();
            let (automaton, budget, tables) = (&compiled.automaton, &limits.budget, &mut tables);
            let mut context = Context { automaton, symbols, tables, budget, tick };
            let mut sink = MatchesSink::default();
            (scan.run(&mut context, partitions, &mut sink, ROWS_AHEAD), sink)
        });
        found.refill(matches);
        input.limits.pause();
        if let Ok(true) = result {
            // It paused: there are more rows.
            progress.tables = Some(tables);
            return;
        }
        progress.failed = result.err().map(|error| input.error(error, signals, compiled));
        end(pattern, tables);
    }
}

/// Gives the tables of a search that has ended back to its pattern, which may weigh more in the cache now.
fn end(pattern: &Bound<'_, Pattern>, tables: Tables) {
    if pattern.get().compiled.give_back(tables) {
        reweigh(pattern);
    }
}

#[catch_panics]
#[pymethods]
impl MatchIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Match>> {
        let Some(mut progress) = self.lock().take() else {
            return Err(PyValueError::new_err("this iterator is being advanced by another thread"));
        };
        let compiled = &self.pattern.get().compiled;
        let mut next = progress.found.next(compiled);
        if next.is_none()
            && let Some(tables) = progress.tables.take()
        {
            self.refill(py, &mut progress, tables);
            next = progress.found.next(compiled);
        }
        let failed = if next.is_none() { progress.failed.take() } else { None };
        *self.lock() = Some(progress);
        failed.map_or(Ok(next), Err)
    }
}
