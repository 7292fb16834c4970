//! What decides whether a row can be mapped to a position, beside what rows alone say of it.

use super::failed_ways::FailedWays;
use super::search::{Decision, Looks, WaitingSearch};
use crate::backtrack::{Failures, MatchConditions, PartitionAnswers, Reach};
use crate::budget::Budget;
use crate::expression::{Condition, Expression, MatchSoFar, Request, RowContext, Surroundings};
use crate::matcher::SearchError;

/// Parts of a condition, or words of a key, that take as long as a step.
const PARTS_A_STEP: usize = 8;

/// Rows alone decide.
pub(super) struct RowsDecide<'d> {
    pub failed: &'d mut FailedWays,
    /// Whether what fails from one start may succeed from another.
    pub is_of_start: bool,
}

impl Decision for RowsDecide<'_> {
    fn begin(&mut self, start: u64) -> Result<(), SearchError> {
        if self.is_of_start {
            self.failed.keep_to_start(start);
        }
        Ok(())
    }

    fn resume(&mut self, search: &WaitingSearch, _: &mut Looks<'_, '_>) -> Result<(), SearchError> {
        self.begin(search.start)
    }

    #[inline]
    fn takes(&mut self, position: u32, _: u8, row: u64, _: &mut Looks<'_, '_>) -> Result<bool, SearchError> {
        Ok(!self.failed.contains(row, position))
    }

    fn undo(&mut self) {}

    fn note_failed(&mut self, position: u32, row: u64, start: u64, _: &mut Looks<'_, '_>) -> Result<(), SearchError> {
        self.failed.insert(row, position, start);
        Ok(())
    }
}

/// Conditions that read the match so far decide too, over columns in which a partition's kept rows follow one another.
pub(super) struct MatchDecides<'d> {
    conditions: &'d MatchConditions,
    names: &'d [String],
    variables: Vec<u8>,
    so_far: MatchSoFar<'d>,
    failures: Failures,
    /// By variable, the steps that evaluating its condition takes as long as.
    costs: Vec<usize>,
    /// The rows of the columns that are the partition's.
    bounds: (usize, usize),
    /// The number in the partition of the first of them.
    first: u64,
    number: i64,
    /// What is computed elsewhere, of the partition.
    answers: PartitionAnswers,
}

impl<'d> MatchDecides<'d> {
    /// With conditions over columns; `variables` is the variable of each position.
    pub fn new(conditions: &'d MatchConditions, names: &'d [String], variables: Vec<u8>, is_of_start: bool) -> Self {
        let expressions = conditions.conditions.iter().map(|condition| condition.as_ref().map(Condition::expression));
        let reach = Reach::of(expressions.clone().flatten(), conditions.sets.len(), conditions.aggregates.len());
        let mut failures = Failures::new(reach);
        if is_of_start {
            failures.keep_to_one_start();
        }
        let cost = |expression: Option<&Expression>| expression.map_or(0, Expression::size) / PARTS_A_STEP;
        Self {
            conditions,
            names,
            variables,
            so_far: MatchSoFar::new(&conditions.sets, &conditions.aggregates, &conditions.columns),
            failures,
            costs: expressions.map(cost).collect(),
            bounds: (0, 0),
            first: 0,
            number: 1,
            answers: PartitionAnswers::default(),
        }
    }

    /// Turns to a partition, whose kept rows are these of the columns and begin with the row of the number `first`.
    pub fn enter(&mut self, bounds: (usize, usize), first: u64) {
        self.failures.clear();
        (self.bounds, self.first) = (bounds, first);
    }

    /// What has been computed elsewhere of the partition, which it turns to.
    pub fn with_answers(&mut self, answers: PartitionAnswers) {
        self.answers = answers;
    }

    /// Gives back what has been computed, with what was asked for and had no answer.
    pub fn take_answers(&mut self) -> (PartitionAnswers, Option<Request>) {
        let mut answers = std::mem::take(&mut self.answers);
        let missing = answers.take_missing();
        (answers, missing)
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(mut self, budget: &Budget) {
        self.failures.release(budget);
        self.so_far.release(budget);
    }

    /// The match that is searched next has this number.
    pub fn number(&mut self, number: i64) {
        self.number = number;
    }

    fn row(&self, row: u64) -> usize {
        self.bounds.0 + row.saturating_sub(self.first) as usize
    }
}

impl Decision for MatchDecides<'_> {
    fn begin(&mut self, start: u64) -> Result<(), SearchError> {
        self.so_far.begin(self.row(start));
        self.failures.begin_match();
        Ok(())
    }

    fn resume(&mut self, search: &WaitingSearch, looks: &mut Looks<'_, '_>) -> Result<(), SearchError> {
        self.begin(search.start)?;
        for position in search.path() {
            looks.step(1)?;
            let variable = self.variables.get(position as usize).copied().unwrap_or_default();
            self.so_far.push(variable, looks.budget)?;
        }
        Ok(())
    }

    fn takes(&mut self, position: u32, variable: u8, _: u64, looks: &mut Looks<'_, '_>) -> Result<bool, SearchError> {
        self.so_far.push(variable, looks.budget)?;
        if let Some(condition) = self.conditions.conditions.get(usize::from(variable)).and_then(Option::as_ref) {
            looks.step(self.costs.get(usize::from(variable)).copied().unwrap_or_default())?;
            let (begin, end) = self.bounds;
            let (columns, names, number) = (&self.conditions.columns, self.names, self.number);
            let around = Surroundings { columns, names, begin, end, number, answers: &self.answers };
            let held = condition
                .evaluate(&RowContext::new(&self.so_far, &around))
                .map_err(|error| SearchError::Evaluation(variable, error))?;
            if held != Some(true) {
                self.so_far.pop();
                return Ok(false);
            }
        }
        if !self.failures.is_empty() {
            let fails = self.failures.contains(position, &self.so_far);
            looks.step(self.failures.key_words() / PARTS_A_STEP)?;
            if fails {
                self.so_far.pop();
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn undo(&mut self) {
        self.so_far.pop();
    }

    fn note_failed(&mut self, position: u32, _: u64, _: u64, looks: &mut Looks<'_, '_>) -> Result<(), SearchError> {
        self.failures.insert(position, &self.so_far, looks.budget)?;
        looks.step(self.failures.key_words() / PARTS_A_STEP)?;
        Ok(())
    }
}
