//! The strategy that tries ways to match one after another, and goes back.

use super::ambiguity::branches_meet;
use super::answers::PartitionAnswers;
use super::failures::{Failures, Reach};
use super::follows::Follows;
use super::rounds::Asking;
use crate::automaton::ACCEPT;
use crate::budget::{Budget, Stopped};
use crate::expression::{Aggregate, Condition, Expression, MatchSoFar, RowContext, Surroundings, ValueColumn};
use crate::matcher::{
    Attempt, BackwardPass, Candidate, Context, Ending, MatchResult, Output, SearchError, SinceLook, Sink, Strategy,
};
use crate::rows::{Choice, Prefer, Skip, Target, VariableSet};

/// Steps between two looks at the limits: about a tenth of a millisecond.
const STEPS_A_LOOK: usize = 1 << 10;
/// Parts of a condition, words of a key, or rows of a match that are handed on, that take as long as a step.
const PARTS_A_STEP: usize = 8;

/// How many branches must fail within a match before failures are noted: most matches never go back.
pub const FAILURES_BEFORE_NOTES: u32 = 32;

/// Conditions of a row pattern over columns.
#[derive(Debug, Default)]
pub struct MatchConditions {
    /// What they read.
    pub columns: Vec<ValueColumn<'static>>,
    /// Sets of variables that they name.
    pub sets: Vec<VariableSet>,
    /// Aggregates that they read.
    pub aggregates: Vec<Aggregate>,
    /// By variable; None where rows alone decide.
    pub conditions: Vec<Option<Condition>>,
}

impl MatchConditions {
    fn expressions(&self) -> impl Iterator<Item = Option<&Expression>> + Clone {
        self.conditions.iter().map(|condition| condition.as_ref().map(Condition::expression))
    }

    /// What they read of the match so far.
    pub(crate) fn reach(&self) -> Reach {
        Reach::of(self.expressions().flatten(), self.sets.len(), self.aggregates.len())
    }

    /// By variable, the steps that evaluating its condition takes as long as.
    pub(crate) fn costs(&self) -> Vec<usize> {
        self.expressions().map(|expression| expression.map_or(0, Expression::size) / PARTS_A_STEP).collect()
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

/// Finds matches whose conditions depend on the match, in the order of preferment, going back where a condition fails.
pub struct Backtracking<'a> {
    conditions: &'a MatchConditions,
    names: &'a [String],
    /// What is computed elsewhere; none unless the search goes in rounds.
    answers: PartitionAnswers,
    skip: Skip,
    so_far: MatchSoFar<'a>,
    follows: Follows,
    failures: Failures,
    /// Whether a branch that failed can be come to again; None before the first partition.
    notes: Option<bool>,
    failures_before_notes: u32,
    choices: Vec<Choices>,
    choice: Choice<'a>,
    /// The longest match that was found: for each of its rows, the variable and the position. The first one is in `so_far` and `choices`.
    found: Vec<(u8, u32)>,
    /// By variable, the steps that evaluating its condition takes as long as.
    costs: Vec<usize>,
    since_look: SinceLook,
    taken: u64,
}

impl<'a> Backtracking<'a> {
    /// With these conditions of a pattern with variables of these names.
    pub fn new(conditions: &'a MatchConditions, names: &'a [String], skip: Skip) -> Self {
        Self {
            conditions,
            names,
            answers: PartitionAnswers::default(),
            skip,
            so_far: MatchSoFar::new(&conditions.sets, &conditions.aggregates, &conditions.columns),
            follows: Follows::of_conditions(&conditions.conditions, &conditions.sets),
            failures: Failures::new(conditions.reach()),
            notes: None,
            failures_before_notes: FAILURES_BEFORE_NOTES,
            choices: Vec::new(),
            choice: Choice::default(),
            found: Vec::new(),
            costs: conditions.costs(),
            since_look: SinceLook::default(),
            taken: 0,
        }
    }

    /// Notes failures only behind so many in one match; [`FAILURES_BEFORE_NOTES`] unless this is called. The answer is the same
    /// with any number.
    #[must_use]
    pub fn noting_after(mut self, failures: u32) -> Self {
        self.failures_before_notes = failures;
        self
    }

    /// Takes another match than the standard's, by a rule. For the longest match all ways are tried, each branch once; the automaton
    /// must have them ([`crate::matcher::Compiled::with_all_ways`]).
    #[must_use]
    pub fn choosing(mut self, choice: Choice<'a>) -> Self {
        if !choice.is_standard() {
            self.failures.keep_to_one_start();
        }
        self.choice = choice;
        self
    }

    /// How many steps were taken: followers that were tried.
    pub fn steps(&self) -> u64 {
        self.taken
    }

    /// Looks at the limits now and then, after what took as long as `steps` steps.
    #[inline]
    fn look(&mut self, context: &mut Context<'_>, steps: usize) -> Result<(), Stopped> {
        self.since_look.add(context, steps, STEPS_A_LOOK)
    }

    /// Finds the match that begins at a row, and gives the row behind it. [`Self::hand_on`] has its rows until the next search.
    fn search(
        &mut self,
        context: &mut Context<'_>,
        backward: &mut BackwardPass,
        start: usize,
        around: Surroundings<'_>,
    ) -> Result<Option<usize>, SearchError> {
        let automaton = context.automaton;
        let notes = self.notes.unwrap_or(true);
        let latest_end = self.choice.latest_end(start, around.end);
        let mut longest = None;
        self.so_far.begin(start);
        self.failures.begin_match();
        self.choices.clear();
        context.budget.reserve(&mut self.choices, 1)?;
        let begins = automaton.start[usize::from(start != around.begin)].as_slice();
        self.choices.push(Choices { position: ACCEPT, tried: 0 });
        let mut failed = 0_u32;
        loop {
            let row = start + self.choices.len() - 1;
            let Some(here) = self.choices.last_mut() else { return Ok(longest) };
            let list = if here.position == ACCEPT { begins } else { automaton.followers(here.position) };
            if row == around.end && here.position != ACCEPT {
                // No row is left; whether the match may end here is all there is to ask.
                here.tried = list.len() as u32;
                if automaton.accepts_at_end[here.position as usize] {
                    self.keep(context)?;
                    return Ok(Some(row));
                }
            }
            let Some(&choice) = list.get(here.tried as usize) else {
                let position = here.position;
                failed += 1;
                if notes && failed > self.failures_before_notes && position != ACCEPT {
                    self.failures.insert(position, &self.so_far, context.budget)?;
                    self.look(context, self.failures.key_words() / PARTS_A_STEP)?;
                }
                self.choices.pop();
                if self.choices.is_empty() {
                    return Ok(longest);
                }
                self.so_far.pop();
                continue;
            };
            here.tried += 1;
            if choice == ACCEPT {
                if longest.is_none_or(|longest| longest < row) {
                    self.keep(context)?;
                    longest = Some(row);
                }
                if self.choice.prefer == Prefer::First || row == latest_end {
                    return Ok(longest);
                }
                continue;
            }
            self.taken += 1;
            self.look(context, 1)?;
            if row == latest_end {
                continue;
            }
            backward.reach(context, &[around.begin, around.end], row)?;
            let set = context.tables.set(backward.set(row));
            if set[choice as usize / 64] >> (choice % 64) & 1 == 0 {
                continue;
            }
            let variable = automaton.positions[choice as usize].variable;
            self.so_far.push(variable, context.budget)?;
            if let Some(condition) = &self.conditions.conditions[usize::from(variable)] {
                self.look(context, self.costs[usize::from(variable)])?;
                let held = condition
                    .evaluate(&RowContext::new(&self.so_far, &around))
                    .map_err(|error| SearchError::Evaluation(variable, error))?;
                if held != Some(true) {
                    self.so_far.pop();
                    continue;
                }
            }
            if !self.failures.is_empty() {
                let fails = self.failures.contains(choice, &self.so_far);
                self.look(context, self.failures.key_words() / PARTS_A_STEP)?;
                if fails {
                    self.so_far.pop();
                    continue;
                }
            }
            context.budget.reserve(&mut self.choices, 1)?;
            self.choices.push(Choices { position: choice, tried: 0 });
        }
    }

    /// Keeps the match so far as the one that was found. Where the first is taken nothing comes after it, and it stays where it is.
    fn keep(&mut self, context: &mut Context<'_>) -> Result<(), Stopped> {
        if self.choice.prefer == Prefer::First {
            return Ok(());
        }
        let rows = self.so_far.classifiers.len();
        self.found.clear();
        context.budget.reserve(&mut self.found, rows)?;
        let positions = self.choices.iter().skip(1).map(|choice| choice.position);
        self.found.extend(self.so_far.classifiers.iter().copied().zip(positions));
        self.look(context, rows / PARTS_A_STEP)
    }

    /// Hands on the rows of the match that was found, and says where the skip's variables stand in it.
    fn hand_on<S: Sink>(&mut self, context: &mut Context<'_>, output: &mut Output<'_, S>) -> Result<Target, Stopped> {
        let mut target = Target::default();
        let first = self.choice.prefer == Prefer::First;
        let length = if first { self.so_far.classifiers.len() } else { self.found.len() };
        let mut at = 0;
        while at < length {
            let rows = output.room(context.budget)?.min(length - at);
            self.look(context, rows / PARTS_A_STEP)?;
            let mut free = output.free_rows();
            for _ in 0..rows {
                let (variable, position) =
                    if first { (self.so_far.classifiers[at], self.choices[at + 1].position) } else { self.found[at] };
                if self.skip.variables().is_some_and(|variables| variables.contains(variable)) {
                    target.note(self.so_far.start + at);
                }
                free.push(variable, position);
                at += 1;
            }
            let used = free.used();
            output.advance(used);
        }
        Ok(target)
    }
}

impl Strategy for Backtracking<'_> {
    fn skip(&self) -> &Skip {
        &self.skip
    }

    fn begin_partition(&mut self, context: &mut Context<'_>, _: usize, _: usize) -> Result<(), Stopped> {
        let failures = &self.failures;
        self.notes.get_or_insert_with(|| failures.outlive_starts() || branches_meet(context.automaton));
        self.failures.clear();
        Ok(())
    }

    fn match_at<S: Sink>(&mut self, attempt: Attempt<'_, '_>, output: &mut Output<'_, S>) -> MatchResult {
        let Attempt { context, backward, candidate: Candidate { start, begin, end, number, .. } } = attempt;
        let (columns, names) = (&self.conditions.columns, self.names);
        let answers = std::mem::take(&mut self.answers);
        let around = Surroundings { columns, names, begin, end, number: number as i64, answers: &answers };
        let found = self.search(context, backward, start, around);
        self.answers = answers;
        let Some(end) = found? else { return Ok(None) };
        let target = self.hand_on(context, output)?;
        Ok(Some(Ending { end, target }))
    }

    fn release(&mut self, budget: &Budget) {
        self.failures.release(budget);
        self.so_far.release(budget);
        budget.release_vector(&self.choices);
        budget.release_vector(&self.found);
        (self.choices, self.found) = (Vec::new(), Vec::new());
    }
}

impl Asking for Backtracking<'_> {
    fn answers(&mut self) -> &mut PartitionAnswers {
        &mut self.answers
    }

    fn follows(&self, variable: u8, expression: usize) -> &[bool] {
        self.follows.of(variable, expression)
    }
}
