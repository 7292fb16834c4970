//! What the match so far has mapped, kept as rows come and undone as they go.

use super::accumulator::Accumulator;
use super::aggregates::Aggregate;
use super::columns::{Stored, ValueColumn};
use super::error::EvaluationError;
use crate::budget::{Budget, Stopped};
use crate::rows::{MappedRows, VariableSet};

/// The rows of the match so far.
#[derive(Debug)]
pub struct MatchSoFar<'a> {
    /// The match's first row.
    pub start: usize,
    /// The classifier of each of its rows: the variable to which it is mapped.
    pub classifiers: Vec<u8>,
    /// For each set of variables that conditions name, the rows mapped to it.
    pub rows: Vec<Vec<usize>>,
    sets: &'a [VariableSet],
    aggregates: &'a [Aggregate],
    columns: &'a [ValueColumn<'a>],
    /// For each aggregate.
    states: Vec<Accumulator>,
}

impl<'a> MatchSoFar<'a> {
    /// Of no row yet.
    pub fn new(sets: &'a [VariableSet], aggregates: &'a [Aggregate], columns: &'a [ValueColumn<'a>]) -> Self {
        Self {
            start: 0,
            classifiers: Vec::new(),
            rows: vec![Vec::new(); sets.len()],
            sets,
            aggregates,
            columns,
            states: aggregates.iter().map(|aggregate| Accumulator::of(aggregate, columns)).collect(),
        }
    }

    /// Begins a match.
    pub fn begin(&mut self, start: usize) {
        self.start = start;
        self.classifiers.clear();
        self.rows.iter_mut().for_each(Vec::clear);
        self.states.iter_mut().for_each(Accumulator::clear);
    }

    /// The same match, whose rows stand at the same places of other columns; of the same sets and aggregates, or of none as long as
    /// it is not used.
    pub fn over<'b>(
        self,
        sets: &'b [VariableSet],
        aggregates: &'b [Aggregate],
        columns: &'b [ValueColumn<'b>],
    ) -> MatchSoFar<'b> {
        let Self { start, classifiers, rows, states, .. } = self;
        MatchSoFar { start, classifiers, rows, sets, aggregates, columns, states }
    }

    /// Bytes on the heap that are charged.
    pub fn memory_bytes(&self) -> usize {
        let rows: usize = self.rows.iter().map(|rows| rows.capacity() * size_of::<usize>()).sum();
        self.classifiers.capacity() + rows + self.states.iter().map(Accumulator::memory_bytes).sum::<usize>()
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(&self, budget: &Budget) {
        budget.release(self.memory_bytes());
    }

    /// Maps the next row to a variable. Where there is no room for it, the state is of no more use.
    #[inline]
    pub fn push(&mut self, variable: u8, budget: &Budget) -> Result<(), Stopped> {
        let row = self.start + self.classifiers.len();
        budget.reserve(&mut self.classifiers, 1)?;
        self.classifiers.push(variable);
        for (set, rows) in self.sets.iter().zip(&mut self.rows) {
            if set.contains(variable) {
                budget.reserve(rows, 1)?;
                rows.push(row);
            }
        }
        for (aggregate, states) in self.aggregates.iter().zip(&mut self.states) {
            if aggregate.variables.is_none_or(|set| set.contains(variable)) {
                states.push(row, self.columns, budget)?;
            }
        }
        Ok(())
    }

    /// Takes the last row back.
    #[inline]
    pub fn pop(&mut self) {
        let Some(variable) = self.classifiers.pop() else { return };
        let row = self.start + self.classifiers.len();
        for (set, rows) in self.sets.iter().zip(&mut self.rows) {
            if set.contains(variable) {
                rows.pop();
            }
        }
        for (aggregate, states) in self.aggregates.iter().zip(&mut self.states) {
            if aggregate.variables.is_none_or(|set| set.contains(variable)) {
                states.pop(row, self.columns);
            }
        }
    }

    /// An aggregate's value now, held as its type says; an error when it does not fit into the type.
    #[inline]
    pub fn aggregate<K: Stored>(&self, slot: usize) -> Result<Option<K::Item<'a>>, EvaluationError> {
        self.states.get(slot).map_or(Ok(None), |states| states.value::<K>(self.columns))
    }

    /// The rows among which navigation over a set of variables moves.
    #[inline]
    pub fn mapped(&self, set: Option<usize>) -> MappedRows<'_> {
        match set {
            None => MappedRows::All(self.start..self.start + self.classifiers.len()),
            Some(set) => MappedRows::Of(self.rows.get(set).map_or(&[], Vec::as_slice)),
        }
    }

    /// All that an aggregate's future depends on, as words.
    pub fn aggregate_words(&self, slot: usize, words: &mut Vec<u64>) {
        if let Some(states) = self.states.get(slot) {
            states.words(words);
        }
    }
}
