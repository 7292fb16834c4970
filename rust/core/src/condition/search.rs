//! Matching where conditions depend on the match: in the order of preferment, going back where a condition fails.

use std::ops::Range;

use super::ambiguity::branches_meet;
use super::failures::{Failures, Reach};
use super::program::{EvaluationError, Node, Surroundings};
use super::state::{Aggregate, State};
use super::{Column, Value};
use crate::automaton::ACCEPT;
use crate::matcher::{
    Budget, Context, Partitions, ROWS_A_LOOK, ScanError, Sink, Skip, SkipError, SkipTarget, Span, Stopped, VariableSet,
    Viability,
};

/// Steps between two looks at the limits: about a tenth of a millisecond.
const STEPS_A_LOOK: usize = 1 << 10;
/// Parts of a condition, words of a key, or rows of a match that are handed on, that take as long as a step.
const PARTS_A_STEP: usize = 8;

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
    /// As without conditions: a limit was passed, the caller stopped it, or a skip had nowhere to go.
    Scan(ScanError),
    /// The condition of this variable has no answer.
    Evaluation(u8, EvaluationError),
}

impl From<Stopped> for SearchError {
    fn from(reason: Stopped) -> Self {
        Self::Scan(reason.into())
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
    /// By variable, the steps that evaluating its condition takes as long as.
    costs: Vec<usize>,
    steps_since_look: usize,
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
            costs: conditions
                .conditions
                .iter()
                .map(|node| node.as_ref().map_or(0, Node::size) / PARTS_A_STEP)
                .collect(),
            steps_since_look: 0,
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
            // An empty partition takes time too.
            self.look(context, 1)?;
            let (begin, end) = partitions.bounds(partition);
            self.viability.prepare(context, begin, end, None)?;
            self.failures.clear();
            let mut row = begin;
            let mut number = 0;
            while row < end {
                self.step(context)?;
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
                let target = self.hand_on(context, sink)?;
                let span = Span { partition, number, start: row, end: last };
                sink.complete(span, context.budget)?;
                if last == row {
                    row += 1;
                    continue;
                }
                row = self.skip.next_start(row, last, target).map_err(|problem| {
                    let error = SkipError { problem, partition, number, start: span.start, end: last };
                    SearchError::Scan(ScanError::Skip(error))
                })?;
            }
        }
        self.release(context.budget);
        Ok(())
    }

    /// Takes back what was charged, before it is dropped.
    fn release(&mut self, budget: &Budget) {
        self.viability.release(budget);
        self.failures.release(budget);
        self.state.release(budget);
        budget.release_vector(&self.choices);
    }

    /// Hands on the rows of the match that was found, and says where the skip's variables stand in it.
    fn hand_on<S: Sink>(&mut self, context: &mut Context<'_>, sink: &mut S) -> Result<SkipTarget, Stopped> {
        let mut target = SkipTarget::default();
        let mut at = 0;
        while at < self.state.labels.len() {
            let rows = ROWS_A_LOOK.min(self.state.labels.len() - at);
            self.look(context, rows / PARTS_A_STEP)?;
            sink.make_room(rows, context.budget)?;
            for (&variable, choice) in self.state.labels[at..at + rows].iter().zip(&self.choices[at + 1..]) {
                if self.skip.variables().is_some_and(|variables| variables.contains(variable)) {
                    target.note(self.state.start + at);
                }
                sink.row(variable, choice.position);
                at += 1;
            }
        }
        Ok(target)
    }

    /// How many steps were taken: starts, and followers that were tried.
    pub fn steps(&self) -> u64 {
        self.taken
    }

    #[inline]
    fn step(&mut self, context: &mut Context<'_>) -> Result<(), Stopped> {
        self.taken += 1;
        self.look(context, 1)
    }

    /// Looks at the limits now and then, after what took as long as so many steps.
    #[inline]
    fn look(&mut self, context: &mut Context<'_>, steps: usize) -> Result<(), Stopped> {
        self.steps_since_look += steps;
        if self.steps_since_look >= STEPS_A_LOOK {
            self.steps_since_look = 0;
            context.check()?;
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
        context.budget.reserve(&mut self.choices, 1)?;
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
                    self.failures.insert(position, &self.state, context.budget)?;
                    self.look(context, self.failures.key_words() / PARTS_A_STEP)?;
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
            self.step(context)?;
            self.reach(context, around.begin, row)?;
            let set = context.tables.set(self.viability.number(row));
            if set[choice as usize / 64] >> (choice % 64) & 1 == 0 {
                continue;
            }
            let variable = automaton.positions[choice as usize].variable;
            self.state.push(variable, context.budget)?;
            if let Some(condition) = &self.conditions.conditions[usize::from(variable)] {
                self.look(context, self.costs[usize::from(variable)])?;
                let held = condition
                    .evaluate(&self.state, around)
                    .map_err(|error| SearchError::Evaluation(variable, error))?;
                if held != Value::Bool(true) {
                    self.state.pop();
                    continue;
                }
            }
            if !self.failures.is_empty() {
                let fails = self.failures.contains(choice, &self.state);
                self.look(context, self.failures.key_words() / PARTS_A_STEP)?;
                if fails {
                    self.state.pop();
                    continue;
                }
            }
            context.budget.reserve(&mut self.choices, 1)?;
            self.choices.push(Choices { position: choice, tried: 0 });
        }
    }
}
