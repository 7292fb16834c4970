//! Matching where conditions depend on the match: in the order of preferment, going back where a condition fails.

use std::ops::Range;

use super::ambiguity::branches_meet;
use super::failures::{Failures, Reach};
use super::program::{EvaluationError, Node, Surroundings};
use super::state::{Aggregate, State};
use super::{Column, Value};
use crate::automaton::ACCEPT;
use crate::matcher::{Context, Partitions, Sink, Skip, SkipError, SkipTarget, Span, Stopped, VariableSet, Viability};
use crate::memory;

/// Steps between two looks at whether the caller wants to stop: about a tenth of a millisecond.
const STEPS_BETWEEN_TICKS: u32 = 1 << 10;

/// A branch must fail so often within a match before failures are noted: most matches never go back.
const FAILURES_BEFORE_NOTES: u32 = 32;

/// Conditions of a row pattern over columns.
#[derive(Debug, Default)]
pub struct Conditions {
    /// What they read.
    pub columns: Vec<Column>,
    /// Sets of variables that they name.
    pub sets: Vec<VariableSet>,
    /// Aggregates that they read.
    pub aggregates: Vec<Aggregate>,
    /// By variable; None where rows alone decide.
    pub conditions: Vec<Option<Node>>,
}

/// Why a search ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchError {
    /// The caller stopped it.
    Stopped,
    /// A skip had nowhere to go.
    Skip(SkipError),
    /// The condition of this variable has no answer.
    Evaluation(u8, EvaluationError),
}

impl From<Stopped> for SearchError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// A place in the search: what the match may go on with follows from the position. Small, as there is one a row.
#[derive(Clone, Copy)]
struct Choices {
    /// The position of the row before; [`ACCEPT`] at the match's start.
    position: u32,
    /// How many of its followers were tried.
    tried: u32,
}

/// A search through partitions.
pub struct DependentScan<'a> {
    conditions: &'a Conditions,
    names: &'a [String],
    skip: Skip,
    viability: Viability,
    state: State<'a>,
    failures: Failures,
    /// Whether a branch that failed can be come to again.
    notes: bool,
    choices: Vec<Choices>,
    steps: u32,
    taken: u64,
}

impl<'a> DependentScan<'a> {
    /// Over these conditions of a pattern with variables of these names.
    pub fn new(conditions: &'a Conditions, names: &'a [String], skip: Skip) -> Self {
        let nodes = conditions.conditions.iter().flatten();
        let reach = Reach::of(nodes, conditions.sets.len(), conditions.aggregates.len());
        Self {
            conditions,
            names,
            skip,
            viability: Viability::default(),
            state: State::new(&conditions.sets, &conditions.aggregates, &conditions.columns),
            failures: Failures::new(reach),
            notes: true,
            choices: Vec::new(),
            steps: 0,
            taken: 0,
        }
    }

    /// Searches some partitions.
    pub fn run<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        partitions: &Partitions,
        numbers: Range<usize>,
        sink: &mut S,
    ) -> Result<(), SearchError> {
        self.notes = self.failures.outlive_starts() || branches_meet(context.automaton);
        for partition in numbers {
            let (begin, end) = partitions.bounds(partition);
            self.viability.prepare(context, begin, end, None)?;
            self.failures.clear();
            let mut row = begin;
            let mut number = 0;
            while row < end {
                self.tick(context)?;
                self.reach(context, begin, row)?;
                if !context.tables.begins(self.viability.number(row), row == begin) {
                    row += 1;
                    continue;
                }
                let around = Surroundings {
                    columns: &self.conditions.columns,
                    names: self.names,
                    begin,
                    end,
                    number: number as i64 + 1,
                };
                let Some(last) = self.match_at(context, row, around)? else {
                    row += 1;
                    continue;
                };
                number += 1;
                let mut target = SkipTarget::default();
                for (at, &variable) in self.state.labels.iter().enumerate() {
                    if self.skip.variables().is_some_and(|variables| variables.contains(variable)) {
                        target.note(row + at);
                    }
                    sink.row(variable, self.choices[at + 1].position);
                }
                let span = Span { partition, number, start: row, end: last };
                sink.complete(span);
                if last == row {
                    row += 1;
                    continue;
                }
                row = self.skip.next_start(row, last, target).map_err(|problem| {
                    SearchError::Skip(SkipError { problem, partition, number, start: span.start, end: last })
                })?;
            }
        }
        Ok(())
    }

    /// How many steps were taken: starts, and followers that were tried.
    pub fn steps(&self) -> u64 {
        self.taken
    }

    #[inline]
    fn tick(&mut self, context: &mut Context<'_>) -> Result<(), Stopped> {
        self.steps += 1;
        self.taken += 1;
        if self.steps >= STEPS_BETWEEN_TICKS {
            self.steps = 0;
            (context.tick)()?;
        }
        Ok(())
    }

    #[inline]
    fn reach(&mut self, context: &mut Context<'_>, begin: usize, row: usize) -> Result<(), Stopped> {
        if row < self.viability.low || row >= self.viability.high {
            self.viability.load(context, begin, row)?;
        }
        Ok(())
    }

    /// Finds the preferred match that begins at a row, and gives the row behind it. Afterwards the state and the choices
    /// are those of the match.
    fn match_at(
        &mut self,
        context: &mut Context<'_>,
        start: usize,
        around: Surroundings<'a>,
    ) -> Result<Option<usize>, SearchError> {
        let automaton = context.automaton;
        self.state.begin(start);
        self.failures.begin_match();
        self.choices.clear();
        let begins = automaton.start[usize::from(start != around.begin)].as_slice();
        self.choices.push(Choices { position: ACCEPT, tried: 0 });
        let mut failed = 0_u32;
        loop {
            let row = start + self.choices.len() - 1;
            let Some(here) = self.choices.last_mut() else { return Ok(None) };
            let list = if here.position == ACCEPT { begins } else { automaton.followers(here.position) };
            if row == around.end && here.position != ACCEPT {
                // No row is left; whether the match may end here is all there is to ask.
                if automaton.accepts_at_end[here.position as usize] {
                    return Ok(Some(row));
                }
                here.tried = list.len() as u32;
            }
            let Some(&choice) = list.get(here.tried as usize) else {
                let position = here.position;
                failed += 1;
                if self.notes && failed > FAILURES_BEFORE_NOTES && position != ACCEPT {
                    self.failures.insert(position, &self.state);
                }
                self.choices.pop();
                if self.choices.is_empty() {
                    return Ok(None);
                }
                self.state.pop();
                continue;
            };
            here.tried += 1;
            if choice == ACCEPT {
                return Ok(Some(row));
            }
            self.tick(context)?;
            self.reach(context, around.begin, row)?;
            let set = context.tables.set(self.viability.number(row));
            if set[choice as usize / 64] >> (choice % 64) & 1 == 0 {
                continue;
            }
            let variable = automaton.positions[choice as usize].variable;
            self.state.push(variable);
            if let Some(condition) = &self.conditions.conditions[usize::from(variable)] {
                let held = condition
                    .evaluate(&self.state, around)
                    .map_err(|error| SearchError::Evaluation(variable, error))?;
                if held != Value::Bool(true) {
                    self.state.pop();
                    continue;
                }
            }
            if !self.failures.is_empty() && self.failures.contains(choice, &self.state) {
                self.state.pop();
                continue;
            }
            memory::reserve(&mut self.choices, 1);
            self.choices.push(Choices { position: choice, tried: 0 });
        }
    }
}
