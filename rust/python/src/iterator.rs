//! `MatchIterator` and `Match`: matches one at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use rowpattern_core::matcher::{Budget, Compiled, Context, Joined, Scan, Sink, Span, Stopped, Tables, Tick};
use rowpattern_macros::catch_panics;

use super::compile::reweigh;
use super::pattern::{Input, Pattern};
use super::signals::Signals;

/// What an allocation takes beside what is asked for.
const ALLOCATION_BYTES: usize = 16;

/// Rows of matches to find ahead: enough that releasing the interpreter's lock costs little for each match.
const ROWS_AHEAD: usize = 4096;

/// One match.
#[pyclass(frozen, module = "rowpattern")]
pub struct Match {
    span: Span,
    /// The position of each row.
    positions: Box<[u32]>,
    compiled: Arc<Compiled>,
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
        let names: Vec<_> = self.compiled.variables.iter().map(|name| PyString::new(py, name)).collect();
        let positions = &self.compiled.automaton.positions;
        PyTuple::new(py, self.positions.iter().map(|&at| &names[usize::from(positions[at as usize].variable)]))
    }

    /// Whether each row stands in an exclusion, `{- -}`; made anew each time.
    #[getter]
    fn excluded<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let positions = &self.compiled.automaton.positions;
        PyTuple::new(py, self.positions.iter().map(|&at| positions[at as usize].excluded))
    }

    fn __len__(&self) -> usize {
        self.positions.len()
    }

    fn __bool__(&self) -> bool {
        // As in `re`: a match is true, even when it is empty.
        true
    }

    fn __repr__(&self) -> String {
        let Span { partition, number, start, end } = self.span;
        let positions = &self.compiled.automaton.positions;
        let mut labels: Vec<&str> = self
            .positions
            .iter()
            .take(8)
            .map(|&at| self.compiled.variables[usize::from(positions[at as usize].variable)].as_str())
            .collect();
        if self.positions.len() > labels.len() {
            labels.push("...");
        }
        let labels = labels.join(" ");
        format!("<rowpattern.Match {number} of partition {partition}, rows {start}:{end}, labels {labels}>")
    }
}

/// Iterates over matches. Finds a few thousand rows of them ahead; an error comes after the matches before it.
#[pyclass(frozen, module = "rowpattern")]
pub struct MatchIterator {
    pattern: Py<Pattern>,
    /// Taken out by the thread that searches.
    search: Mutex<Option<Box<Search>>>,
}

struct Search {
    input: Input,
    scan: Scan,
    /// The iterator's own: a paused scan holds numbers of sets in them. `None` when the search has ended.
    tables: Option<Tables>,
    found: VecDeque<Match>,
    /// What is charged for them.
    found_bytes: usize,
    failed: Option<PyErr>,
}

impl MatchIterator {
    pub fn new(pattern: Py<Pattern>, mut input: Input) -> Self {
        let mut tables = pattern.get().compiled.take_tables();
        tables.adopt(&mut input.symbols);
        let scan = Scan::new(input.skip);
        let search = Search { input, scan, tables: Some(tables), found: VecDeque::new(), found_bytes: 0, failed: None };
        Self { pattern, search: Mutex::new(Some(Box::new(search))) }
    }

    /// Over matches that are found already, and the error that comes after them.
    pub fn of_found(pattern: Py<Pattern>, input: Input, found: VecDeque<Match>, failed: Option<PyErr>) -> Self {
        let search = Search { scan: Scan::new(input.skip), input, tables: None, found, found_bytes: 0, failed };
        Self { pattern, search: Mutex::new(Some(Box::new(search))) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Search>>> {
        self.search.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Searches on until enough is found.
    fn refill(&self, py: Python<'_>, search: &mut Search, mut tables: Tables) {
        let pattern = self.pattern.bind(py);
        let compiled = &pattern.get().compiled;
        let mut signals = Signals::new();
        // Those that were found before are the caller's.
        search.input.limits.budget.release(std::mem::take(&mut search.found_bytes));
        search.input.limits.resume();
        let Search { input: Input { symbols, partitions, limits, .. }, scan, .. } = search;
        let mut sink = MatchSink::new(compiled);
        let (result, sink) = py.detach(|| {
            let tick = &mut || signals.tick();
            let (automaton, budget, tables) = (&compiled.automaton, &limits.budget, &mut tables);
            let mut context = Context { automaton, symbols, tables, budget, tick };
            let result = scan.run(&mut context, partitions, &mut sink);
            budget.release_vector(&sink.positions);
            (result, sink)
        });
        (search.found, search.found_bytes) = (sink.found, sink.charged_bytes);
        search.input.limits.pause();
        if let Ok(true) = result {
            search.tables = Some(tables);
            return;
        }
        search.failed = result.err().map(|error| search.input.error(error, signals));
        if compiled.give_back(tables) {
            reweigh(py, pattern);
        }
    }
}

#[catch_panics]
#[pymethods]
impl MatchIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Match>> {
        let Some(mut search) = self.lock().take() else {
            return Err(PyValueError::new_err("this iterator is being advanced by another thread"));
        };
        if search.found.is_empty()
            && let Some(tables) = search.tables.take()
        {
            self.refill(py, &mut search, tables);
        }
        let next = search.found.pop_front();
        let failed = if next.is_none() { search.failed.take() } else { None };
        *self.lock() = Some(search);
        failed.map_or(Ok(next), Err)
    }
}

/// Takes matches as objects.
pub struct MatchSink<'c> {
    compiled: &'c Arc<Compiled>,
    positions: Vec<u32>,
    rows: usize,
    pub found: VecDeque<Match>,
    charged_bytes: usize,
}

impl<'c> MatchSink<'c> {
    pub fn new(compiled: &'c Arc<Compiled>) -> Self {
        Self { compiled, positions: Vec::new(), rows: 0, found: VecDeque::new(), charged_bytes: 0 }
    }
}

impl Sink for MatchSink<'_> {
    const ROWS: bool = true;
    fn make_room(&mut self, rows: usize, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.positions, rows)
    }
    #[inline]
    fn row(&mut self, _: u8, position: u32) {
        self.positions.push(position);
    }
    fn complete(&mut self, span: Span, budget: &Budget) -> Result<bool, Stopped> {
        // An empty match costs memory too.
        self.rows += self.positions.len() + 1;
        let bytes = size_of_val(self.positions.as_slice());
        if self.found.len() == self.found.capacity() {
            let more = self.found.len().max(ROWS_AHEAD / 64);
            self.charge(more * size_of::<Match>(), budget)?;
            self.found.try_reserve_exact(more).map_err(|_| budget.stop(Stopped::OutOfMemory))?;
        }
        let positions = if self.positions.len() < ROWS_AHEAD {
            self.charge(bytes + ALLOCATION_BYTES, budget)?;
            let positions = Box::from(self.positions.as_slice());
            self.positions.clear();
            positions
        } else {
            // Too many to copy. What was charged for their vector is now charged for the match.
            budget.release_vector(&self.positions);
            self.charge(bytes, budget)?;
            std::mem::take(&mut self.positions).into_boxed_slice()
        };
        self.found.push_back(Match { span, positions, compiled: Arc::clone(self.compiled) });
        Ok(self.rows >= ROWS_AHEAD)
    }
}

impl MatchSink<'_> {
    fn charge(&mut self, bytes: usize, budget: &Budget) -> Result<(), Stopped> {
        budget.charge(bytes)?;
        self.charged_bytes += bytes;
        Ok(())
    }
}

impl Joined for MatchSink<'_> {
    fn join(&mut self, next: Self, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped> {
        tick()?;
        self.charge(next.found.len() * size_of::<Match>(), budget)?;
        self.found.try_reserve_exact(next.found.len()).map_err(|_| budget.stop(Stopped::OutOfMemory))?;
        self.found.extend(next.found);
        self.charged_bytes += next.charged_bytes;
        Ok(())
    }
}
