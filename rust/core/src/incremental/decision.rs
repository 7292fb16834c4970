//! What decides whether a row can be mapped to a position, beside what rows alone say of it.

use super::failed_ways::FailedWays;
use super::rules::StreamRules;
use super::search::{Decision, Looks, WaitingSearch};
use crate::backtrack::{Failures, MatchConditions, PartitionAnswers, Reach};
use crate::budget::{Budget, Stopped};
use crate::expression::{MatchSoFar, Request, RowContext, Surroundings, ValueColumn};
use crate::matcher::SearchError;
use crate::rows::VariableSet;

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

    /// Conditions that rows alone decide read their own row.
    fn last_row(&self, _: VariableSet, row: u64) -> Option<u64> {
        Some(row)
    }

    fn undo(&mut self) {}

    fn note_failed(&mut self, position: u32, row: u64, start: u64, _: &mut Looks<'_, '_>) -> Result<(), SearchError> {
        self.failed.insert(row, position, start);
        Ok(())
    }
}

/// Conditions that read the match so far, and what follows from them for all partitions.
pub(super) struct MatchRules<'d> {
    pub conditions: &'d MatchConditions,
    names: &'d [String],
    /// The variable of each position.
    variables: &'d [u8],
    reach: Reach,
    /// Whether what fails from one start may succeed from another.
    is_of_start: bool,
    /// By variable, the steps that evaluating its condition takes as long as.
    costs: Vec<usize>,
}

impl<'d> MatchRules<'d> {
    /// Of conditions in a pattern of these rules.
    pub fn new(conditions: &'d MatchConditions, names: &'d [String], rules: &'d StreamRules) -> Self {
        Self {
            conditions,
            names,
            variables: rules.automaton.variables(),
            reach: conditions.reach(),
            is_of_start: rules.fails_by_start(),
            costs: conditions.costs(),
        }
    }

    /// Whether the match so far of one partition serves another, when it is emptied: aggregates are kept as their columns are.
    pub fn is_alike_everywhere(&self) -> bool {
        self.conditions.aggregates.is_empty()
    }

    fn no_failures(&self) -> Failures {
        let mut failures = Failures::new(self.reach.clone());
        if self.is_of_start {
            failures.keep_to_one_start();
        }
        failures
    }
}

/// Conditions that read the match so far decide too, in a partition, over columns in which its kept rows follow one another.
pub(super) struct MatchDecides<'d> {
    rules: &'d MatchRules<'d>,
    columns: &'d [ValueColumn<'d>],
    so_far: MatchSoFar<'d>,
    /// None as long as nothing was noted.
    failures: Option<Failures>,
    /// The rows of the columns that are the partition's.
    bounds: (usize, usize),
    /// The number in the partition of the first of them.
    first: u64,
    number: i64,
    /// What is computed elsewhere, of the partition.
    answers: PartitionAnswers,
}

impl<'d> MatchDecides<'d> {
    /// Of a partition, whose kept rows are these of the columns and begin with the row of the number `first`.
    pub fn new(rules: &'d MatchRules<'d>, columns: &'d [ValueColumn<'d>], bounds: (usize, usize), first: u64) -> Self {
        let conditions = rules.conditions;
        let so_far = MatchSoFar::new(&conditions.sets, &conditions.aggregates, columns);
        Self { rules, columns, so_far, failures: None, bounds, first, number: 1, answers: PartitionAnswers::default() }
    }

    /// Of a partition, as [`Self::new`], going on with the match so far that [`Self::into_so_far`] gave.
    pub fn going_on(
        rules: &'d MatchRules<'d>,
        columns: &'d [ValueColumn<'d>],
        bounds: (usize, usize),
        first: u64,
        so_far: MatchSoFar<'static>,
        budget: &Budget,
    ) -> Result<Self, Stopped> {
        budget.charge(so_far.memory_bytes())?;
        let so_far = so_far.over(&rules.conditions.sets, &rules.conditions.aggregates, columns);
        let answers = PartitionAnswers::default();
        Ok(Self { rules, columns, so_far, failures: None, bounds, first, number: 1, answers })
    }

    /// The match so far, without conditions and columns; nothing of it is charged any more.
    pub fn into_so_far(self, budget: &Budget) -> MatchSoFar<'static> {
        if let Some(mut failures) = self.failures {
            failures.release(budget);
        }
        self.so_far.release(budget);
        self.so_far.over(&[], &[], &[])
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
        self.failures.iter_mut().for_each(Failures::begin_match);
        Ok(())
    }

    fn resume(&mut self, search: &WaitingSearch, looks: &mut Looks<'_, '_>) -> Result<(), SearchError> {
        if self.so_far.start == self.row(search.start) && self.so_far.classifiers.len() == search.path_len() {
            return Ok(());
        }
        self.begin(search.start)?;
        for position in search.path() {
            looks.step(1)?;
            let variable = self.rules.variables.get(position as usize).copied().unwrap_or_default();
            self.so_far.push(variable, looks.budget)?;
        }
        Ok(())
    }

    fn takes(&mut self, position: u32, variable: u8, _: u64, looks: &mut Looks<'_, '_>) -> Result<bool, SearchError> {
        self.so_far.push(variable, looks.budget)?;
        if let Some(condition) = self.rules.conditions.conditions.get(usize::from(variable)).and_then(Option::as_ref) {
            looks.step(self.rules.costs.get(usize::from(variable)).copied().unwrap_or_default())?;
            let (begin, end) = self.bounds;
            let (columns, names, number) = (self.columns, self.rules.names, self.number);
            let around = Surroundings { columns, names, begin, end, number, answers: &self.answers };
            let held = condition
                .evaluate(&RowContext::new(&self.so_far, &around))
                .map_err(|error| SearchError::Evaluation(variable, error))?;
            if held != Some(true) {
                self.so_far.pop();
                return Ok(false);
            }
        }
        if let Some(failures) = &mut self.failures {
            let fails = failures.contains(position, &self.so_far);
            looks.step(failures.key_words() / PARTS_A_STEP)?;
            if fails {
                self.so_far.pop();
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn last_row(&self, variables: VariableSet, row: u64) -> Option<u64> {
        let Some(set) = self.rules.conditions.sets.iter().position(|&set| set == variables) else { return Some(row) };
        let row = *self.so_far.rows.get(set)?.last()?;
        Some(self.first + row.checked_sub(self.bounds.0)? as u64)
    }

    fn undo(&mut self) {
        self.so_far.pop();
    }

    fn note_failed(&mut self, position: u32, _: u64, _: u64, looks: &mut Looks<'_, '_>) -> Result<(), SearchError> {
        let failures = self.failures.get_or_insert_with(|| self.rules.no_failures());
        failures.insert(position, &self.so_far, looks.budget)?;
        looks.step(failures.key_words() / PARTS_A_STEP)?;
        Ok(())
    }
}
