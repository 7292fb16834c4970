//! The search in the partitions of a step, with conditions of which parts are computed elsewhere, many values at a time.

use super::advance::DependentConditions;
use super::decision::{MatchDecides, MatchRules};
use super::search::{Looks, SearchRules};
use super::stream_partitions::StreamPartitions;
use crate::backtrack::{
    Compute, Follows, LastGuess, LookAhead, MOST_LISTED, PartitionAnswers, Purpose, REQUESTS_A_ROUND, RequestBatch,
    Used, Wanted,
};
use crate::budget::{Budget, Stopped, Tick};
use crate::expression::{EvaluationError, Request};
use crate::matcher::SearchError;

/// A partition of the step.
struct SearchedPartition {
    place: u32,
    /// Its rows among those that are read.
    bounds: (usize, usize),
    answers: PartitionAnswers,
    given: LastGuess,
}

/// A partition that needs a value.
struct AskingPartition {
    /// Its number among those of the step.
    number: usize,
    /// Whose condition needs it, and what it asks for.
    variable: u8,
    request: Request,
    /// The first row that is searched, among those that are read.
    start: usize,
    /// Its batch, and how far the search came with what was computed before.
    batch: usize,
    used: Used,
}

impl AskingPartition {
    fn wanted<'w>(&'w self, partition: &SearchedPartition, follows: &'w Follows) -> Wanted<'w> {
        let (variable, (begin, end)) = (self.variable, partition.bounds);
        let follows = follows.of(variable, self.request.expression);
        Wanted { variable, request: &self.request, follows, start: self.start, rows: begin..end }
    }
}

impl StreamPartitions {
    /// As [`Self::advance`], with conditions of which parts are computed elsewhere: partitions search until they need values, all
    /// values are computed together, with those that the searches are expected to need next, and these partitions go on.
    ///
    /// After an error the step is to be undone ([`Self::undo`]).
    pub fn advance_in_rounds(
        &mut self,
        dependent: DependentConditions<'_>,
        compute: &mut Compute<'_>,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<(), SearchError> {
        let of_match = MatchRules::new(dependent.conditions, dependent.names, &self.rules);
        let follows = Follows::of_conditions(&dependent.conditions.conditions, &dependent.conditions.sets);
        let mut look_ahead = LookAhead::default();
        let searched = self.groups.iter().zip(self.read_bounds()).map(|(group, bounds)| SearchedPartition {
            place: group.place,
            bounds,
            answers: PartitionAnswers::default(),
            given: LastGuess::default(),
        });
        let mut searched: Vec<SearchedPartition> = searched.collect();
        let mut waiting: Vec<usize> = (0..searched.len()).collect();
        let search_rules = SearchRules::new(&self.rules, self.clock);
        let mut values = Vec::new();
        loop {
            let mut looks = Looks { budget, tick: &mut *tick, steps: 0 };
            let mut asking: Vec<AskingPartition> = Vec::new();
            for number in waiting {
                let partition = &mut searched[number];
                let Some(open) = self.table.get_mut(partition.place) else { continue };
                let columns = &dependent.conditions.columns;
                let mut decision = MatchDecides::new(&of_match, columns, partition.bounds, open.rows.first());
                decision.with_answers(std::mem::take(&mut partition.answers));
                let found = open.advance_with(&self.rules, &search_rules, &mut decision, &mut looks);
                let (answers, missing) = decision.take_answers();
                partition.answers = answers;
                decision.into_so_far(budget);
                let (Err(SearchError::Evaluation(variable, EvaluationError::Missing)), Some(request)) =
                    (found, missing)
                else {
                    found?;
                    continue;
                };
                let start = partition.bounds.0 + open.searched().saturating_sub(open.rows.first()) as usize;
                asking.push(AskingPartition { number, variable, request, start, batch: 0, used: Used::default() });
            }
            if asking.is_empty() {
                break;
            }
            waiting = asking.iter().map(|partition| partition.number).collect();
            for mut batch in batches_of(&mut asking, &mut searched, &follows, &mut look_ahead, budget)? {
                budget.check()?;
                tick()?;
                values.clear();
                compute(&mut batch.asked, &mut values)?;
                for (at, (&(number, request), value)) in batch.places.iter().zip(values.drain(..)).enumerate() {
                    if value.is_none()
                        && at < batch.asked.wanted
                        && let Some(partition) = asking.iter().find(|partition| partition.number == number)
                    {
                        return Err(SearchError::Evaluation(partition.variable, EvaluationError::Missing));
                    }
                    searched[number].answers.put(request, value, budget)?;
                }
                batch.release(budget);
            }
        }
        for partition in &mut searched {
            partition.answers.clear(budget);
        }
        Ok(())
    }
}

/// What partitions need, and what they are expected to need next.
fn batches_of(
    asking: &mut [AskingPartition],
    searched: &mut [SearchedPartition],
    follows: &Follows,
    look_ahead: &mut LookAhead,
    budget: &Budget,
) -> Result<Vec<RequestBatch>, Stopped> {
    let mut batches: Vec<RequestBatch> = Vec::new();
    for each in &mut *asking {
        let partition = &mut searched[each.number];
        let purpose = Purpose { start: each.start, depth: each.wanted(partition, follows).depth() };
        each.used = partition.answers.begin_round();
        let (asked, _) = partition.answers.ask(&each.request, purpose, budget)?;
        each.batch = RequestBatch::number_for(&each.request, &mut batches);
        batches[each.batch].add(&each.request, (each.number, asked), budget)?;
    }
    for batch in &mut batches {
        batch.asked.wanted = batch.asked.requests;
    }
    let most = (REQUESTS_A_ROUND / asking.len().max(1)).saturating_sub(1);
    let most_listed = MOST_LISTED / asking.len().max(1);
    for each in &*asking {
        let partition = &mut searched[each.number];
        let wanted = each.wanted(partition, follows);
        let SearchedPartition { answers, given, .. } = partition;
        look_ahead.guess(&wanted, given, each.used, (most, most_listed), |request, purpose| {
            let (asked, is_new) = answers.ask(request, purpose, budget)?;
            if is_new {
                batches[each.batch].add(request, (each.number, asked), budget)?;
            }
            Ok(is_new)
        })?;
    }
    Ok(batches)
}
