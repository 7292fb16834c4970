//! The search in the partitions of a step.

use std::sync::{Mutex, PoisonError};

use super::decision::{MatchDecides, MatchRules};
use super::kept_columns::ReadRows;
use super::search::{Looks, SearchRules};
use super::stream_partitions::StreamPartitions;
use crate::backtrack::MatchConditions;
use crate::budget::{Budget, Tick};
use crate::matcher::SearchError;
use crate::threads::in_threads;

/// Partitions that a thread takes at a time.
const PARTITIONS_A_MORSEL: usize = 64;

/// Fewer rows are not worth a second thread.
const ROWS_FOR_THREADS: usize = 1 << 13;

/// Conditions that read the match so far, over the rows that are read again and the new ones.
#[derive(Clone, Copy)]
pub struct DependentConditions<'c> {
    /// The conditions.
    pub conditions: &'c MatchConditions,
    /// The names of variables.
    pub names: &'c [String],
    /// Whether their columns are kept, so that they are over the rows that are read only.
    pub keeps_columns: bool,
}

impl StreamPartitions {
    /// Searches on in the partitions of the step.
    ///
    /// After an error the step is to be undone ([`Self::undo`]).
    pub fn advance(
        &mut self,
        dependent: Option<DependentConditions<'_>>,
        threads: usize,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<(), SearchError> {
        let bounds: Vec<_> = self.read_bounds().collect();
        let read_rows = bounds.last().map_or(0, |&(_, end)| end);
        let (rules, search_rules) = (&self.rules, SearchRules::new(&self.rules, self.clock));
        let mut taken = Vec::with_capacity(self.groups.len());
        for (group, (begin, end)) in self.groups.iter().zip(bounds) {
            if let Some(partition) = self.table.take(group.place) {
                taken.push((group.place, partition, ReadRows { begin, end, new: group.rows, again: group.again }));
            }
        }
        let threads = if self.new_rows.max(read_rows) < ROWS_FOR_THREADS { 1 } else { threads };
        let morsels: Vec<_> = taken.chunks_mut(PARTITIONS_A_MORSEL).map(Mutex::new).collect();
        let of_match = dependent
            .map(|dependent| (MatchRules::new(dependent.conditions, dependent.names, rules), dependent.keeps_columns));
        let (_, error) = in_threads(morsels.len(), threads, budget, tick, |worker| {
            let mut spare = None;
            worker.each(|number, tick| {
                let mut looks = Looks { budget, tick, steps: 0 };
                let mut morsel = morsels[number].lock().unwrap_or_else(PoisonError::into_inner);
                let found = morsel.iter_mut().try_for_each(|(_, partition, read)| match &of_match {
                    None => partition.advance(rules, &search_rules, &mut looks),
                    Some((of_match, true)) if partition.keeps_columns() => {
                        partition.advance_by_kept(rules, &search_rules, of_match, *read, &mut spare, &mut looks)
                    }
                    Some((of_match, _)) => {
                        let columns = &of_match.conditions.columns;
                        let first = partition.rows.first();
                        let mut decision = MatchDecides::new(of_match, columns, (read.begin, read.end), first);
                        let found = partition.advance_with(rules, &search_rules, &mut decision, &mut looks);
                        decision.into_so_far(budget);
                        found
                    }
                });
                ((), found)
            });
        });
        drop(morsels);
        for (place, partition, _) in taken {
            self.table.put_back(place, partition);
        }
        error.map_or(Ok(()), Err)
    }
}
