//! Searches whose conditions have parts that are computed elsewhere: in rounds, of all partitions together.

use super::decision::MatchDecides;
use super::open_partitions::{DependentConditions, OpenPartitions};
use super::search::Looks;
use crate::backtrack::{Asked, Compute, PartitionAnswers, Purpose};
use crate::budget::{Budget, Tick};
use crate::expression::EvaluationError;
use crate::matcher::SearchError;

/// A partition whose conditions have parts that are computed elsewhere.
struct SearchedGroup {
    place: u32,
    /// Its rows among those that are read.
    bounds: (usize, usize),
    answers: PartitionAnswers,
}

impl OpenPartitions {
    /// As [`Self::advance`], with conditions of which parts are computed elsewhere: partitions search until they need values, all
    /// values are computed together, and these partitions go on.
    ///
    /// After an error the step is to be undone ([`Self::undo`]).
    pub fn advance_in_rounds(
        &mut self,
        dependent: DependentConditions<'_>,
        compute: &mut Compute<'_>,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<(), SearchError> {
        let is_of_start = self.rules.fails_by_start();
        let variables = self.rules.automaton.variables().to_vec();
        let mut decision = MatchDecides::new(dependent.conditions, dependent.names, variables, is_of_start);
        let mut next = 0;
        let mut searched: Vec<SearchedGroup> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let begin = next;
            next += group.tail + group.rows;
            searched.push(SearchedGroup {
                place: group.place,
                bounds: (begin, next),
                answers: PartitionAnswers::default(),
            });
        }
        let mut waiting: Vec<usize> = (0..searched.len()).collect();
        let mut values = Vec::new();
        while !waiting.is_empty() {
            let mut looks = Looks { budget, tick: &mut *tick, steps: 0 };
            let mut batches: Vec<(Asked, Vec<(usize, usize)>)> = Vec::new();
            let mut asking = Vec::new();
            for number in waiting {
                let group = &mut searched[number];
                let Some(partition) = self.table.get_mut(group.place) else { continue };
                decision.with_answers(std::mem::take(&mut group.answers));
                let found = partition.advance_with(&self.rules, self.clock, &mut decision, group.bounds, &mut looks);
                let (mut answers, missing) = decision.take_answers();
                match (found, missing) {
                    (Err(SearchError::Evaluation(_, EvaluationError::Missing)), Some(request)) => {
                        let purpose = Purpose { start: group.bounds.0, depth: 0 };
                        let (asked, _) = answers.ask(&request, purpose, budget)?;
                        let batch = batches.iter().position(|(asked, _)| asked.takes(&request)).unwrap_or_else(|| {
                            batches.push((Asked::like(&request), Vec::new()));
                            batches.len() - 1
                        });
                        batches[batch].0.push(&request, budget)?;
                        batches[batch].1.push((number, asked));
                        asking.push(number);
                    }
                    (found, _) => found?,
                }
                group.answers = answers;
            }
            for (mut asked, places) in batches {
                asked.wanted = asked.requests;
                values.clear();
                compute(&asked, &mut values)?;
                for ((number, request), value) in places.into_iter().zip(values.drain(..)) {
                    searched[number].answers.put(request, value, budget)?;
                }
                asked.release(budget);
            }
            waiting = asking;
        }
        searched.iter_mut().for_each(|group| group.answers.clear(budget));
        decision.release(budget);
        Ok(())
    }
}
