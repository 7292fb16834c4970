//! A stream's partitions, and what a batch of rows does to them.

use std::sync::{Mutex, PoisonError};

use super::decided::DecidedMatches;
use super::decision::MatchDecides;
use super::partition::OpenPartition;
use super::partition_table::PartitionTable;
use super::rules::StreamRules;
use super::search::Looks;
use super::timers::Timers;
use crate::backtrack::MatchConditions;
use crate::budget::{Budget, Stopped, Tick};
use crate::matcher::SearchError;
use crate::order::EncodedKeys;
use crate::rows::{SkipError, Symbols, VariableSet};
use crate::threads::in_threads;

/// Rows between two looks at the limits.
const ROWS_A_LOOK: usize = 1 << 14;

/// Partitions that a thread takes at a time.
const PARTITIONS_A_MORSEL: usize = 64;

/// Fewer rows are not worth a second thread.
const ROWS_FOR_THREADS: usize = 1 << 13;

/// What is known of each new row: what rows alone decide, and what bounds matches.
#[derive(Clone, Copy)]
pub struct RowFacts<'f> {
    /// Of the rows that are read again and the new ones, one partition after the other.
    pub symbols: &'f Symbols,
    /// By new row, in the order in which they came: the key by which matches are bounded. The row of which it is above its bound is in
    /// no match.
    pub keys: Option<&'f [i64]>,
    /// By new row, the latest key that a match may reach which begins there.
    pub bounds: Option<&'f [i64]>,
}

/// Conditions that read the match so far, over the rows that are read again and the new ones.
#[derive(Clone, Copy)]
pub struct DependentConditions<'c> {
    /// The conditions.
    pub conditions: &'c MatchConditions,
    /// The names of variables.
    pub names: &'c [String],
}

/// A partition that is searched on: its kept rows that are read again, and its new rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub place: u32,
    /// How many kept rows are read again, before the new ones.
    pub tail: usize,
    /// Its first new row in the step's order, and how many it has.
    pub first: usize,
    pub rows: usize,
    /// How many of what it holds are given.
    pub given: usize,
}

/// What is open, of all partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenCounts {
    /// Partitions of which something is kept.
    pub partitions: usize,
    /// Rows that are kept.
    pub rows: usize,
    /// Bytes of both, without the rows' columns.
    pub bytes: usize,
}

/// A match that may still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenMatch {
    /// Where the caller has its first row.
    pub reference: u64,
    /// How many rows of its partition have come since, that one included.
    pub rows: u64,
}

/// A stream's partitions.
///
/// Rows are taken in a step: [`Self::begin`], [`Self::place`] finds their partitions, [`Self::take`] adds them with what they alone
/// decide, [`Self::advance`] searches, and [`Self::decided`] tells what is certain. [`Self::keep`] ends the step; [`Self::undo`] does
/// too, as though the rows had never come. Partitions whose time has come are added by [`Self::add_due`], those that end by
/// [`Self::end`].
#[derive(Debug)]
pub struct OpenPartitions {
    pub(super) rules: StreamRules,
    pub(super) table: PartitionTable,
    pub(super) timers: Timers,
    pub(super) clock: Option<i64>,
    pub(super) rows: usize,
    pub(super) bytes: usize,
    pub(super) groups: Vec<Group>,
    /// New rows, one partition's after the other's; None where they come so.
    pub(super) order: Option<Vec<u32>>,
    pub(super) new_rows: usize,
    /// By partition, the step in which it was searched last, and its group there.
    pub(super) group_of: Vec<(u64, u32)>,
    pub(super) step: u64,
    pub(super) clock_before: Option<i64>,
    /// How many partitions were ended as no rows came.
    pub(super) expired: Vec<u32>,
}

impl OpenPartitions {
    /// Of no rows yet.
    pub fn new(rules: StreamRules) -> Self {
        Self {
            rules,
            table: PartitionTable::default(),
            timers: Timers::default(),
            clock: None,
            rows: 0,
            bytes: 0,
            groups: Vec::new(),
            order: None,
            new_rows: 0,
            group_of: Vec::new(),
            step: 0,
            clock_before: None,
            expired: Vec::new(),
        }
    }

    /// What is asked of every partition.
    pub fn rules(&self) -> &StreamRules {
        &self.rules
    }

    /// How much is open.
    pub fn counts(&self) -> OpenCounts {
        let own = self.table.memory_bytes() + self.timers.memory_bytes();
        OpenCounts { partitions: self.table.len(), rows: self.rows, bytes: self.bytes + own }
    }

    /// No later row has a key below this.
    pub fn clock(&self) -> Option<i64> {
        self.clock
    }

    /// Begins a step.
    pub fn begin(&mut self) {
        self.step += 1;
        self.groups.clear();
        self.order = None;
        self.new_rows = 0;
        self.clock_before = self.clock;
        self.expired.clear();
    }

    /// The group of a partition in this step; it is made where there is none.
    fn group(&mut self, place: u32) -> usize {
        let at = place as usize;
        if self.group_of.len() <= at {
            self.group_of.resize(at + 1, (0, 0));
        }
        let (step, number) = self.group_of[at];
        if step == self.step {
            return number as usize;
        }
        let horizon = self.rules.longest_horizon();
        if let Some(partition) = self.table.get_mut(place) {
            if !partition.is_new() {
                self.bytes = self.bytes.saturating_sub(partition.memory_bytes());
                self.rows = self.rows.saturating_sub(partition.rows.len());
            }
            partition.note_before(horizon);
        }
        self.group_of[at] = (self.step, self.groups.len() as u32);
        self.groups.push(Group { place, tail: 0, first: 0, rows: 0, given: 0 });
        self.groups.len() - 1
    }

    /// Finds the partitions of so many new rows, by their keys of PARTITION BY; without keys there is one partition. Takes time
    /// linear in the rows.
    ///
    /// After an error the step is to be undone ([`Self::undo`]).
    pub fn place(
        &mut self,
        rows: usize,
        keys: Option<&EncodedKeys>,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<(), Stopped> {
        self.new_rows = rows;
        let mut of_rows: Vec<u32> = budget.zeroed(rows)?;
        let mut last: Option<(&[u8], u32)> = None;
        let mut are_together = true;
        for (row, of_row) in of_rows.iter_mut().enumerate() {
            if row.is_multiple_of(ROWS_A_LOOK) {
                budget.check()?;
                tick()?;
            }
            let key = keys.map_or(&[][..], |keys| keys.row(row));
            let group = match last {
                Some((before, group)) if before == key => group as usize,
                _ => {
                    let found = self.table.find(key);
                    let place = found.unwrap_or_else(|| self.table.add(OpenPartition::new(key, &self.rules)));
                    let group = self.group(place);
                    are_together &= self.groups[group].rows == 0;
                    group
                }
            };
            self.groups[group].rows += 1;
            *of_row = group as u32;
            last = Some((key, group as u32));
        }
        let mut first = 0;
        for group in &mut self.groups {
            group.first = first;
            first += group.rows;
        }
        if !are_together {
            let mut next: Vec<usize> = self.groups.iter().map(|group| group.first).collect();
            let mut order: Vec<u32> = budget.zeroed(rows)?;
            for (row, &group) in (0..).zip(&of_rows) {
                let next = &mut next[group as usize];
                order[*next] = row;
                *next += 1;
            }
            self.order = Some(order);
        }
        budget.release_vector(&of_rows);
        Ok(())
    }

    fn new_row(&self, at: usize) -> usize {
        self.order.as_ref().map_or(at, |order| order.get(at).map_or(0, |&row| row as usize))
    }

    /// Adds partitions whose time has come: no later row has a key below `clock`. Partitions that had no row for too long end.
    pub fn add_due(&mut self, clock: i64) {
        self.clock = self.clock.max(Some(clock));
        while let Some(place) = self.timers.next_due(clock, &mut self.table, &self.rules) {
            self.group(place);
            let idle = self.rules.idle;
            let Some(partition) = self.table.get_mut(place) else { continue };
            if idle.is_some_and(|idle| partition.last_key.saturating_add(idle) < clock) {
                partition.ended = true;
                self.expired.push(place);
            }
        }
    }

    /// Adds the partitions that end, as no row of theirs comes any more: those with these keys, or all.
    pub fn end(&mut self, keys: Option<&EncodedKeys>) {
        let places: Vec<u32> = match keys {
            Some(keys) => (0..keys.len()).filter_map(|row| self.table.find(keys.row(row))).collect(),
            None => self.table.all().map(|(place, _)| place).collect(),
        };
        for place in places {
            self.group(place);
            if let Some(partition) = self.table.get_mut(place) {
                partition.ended = true;
            }
        }
    }

    /// Says which kept rows are read again before the new ones: all of those, or what conditions of new rows read. Of partitions
    /// without new rows none, unless it is all.
    pub fn read_again(&mut self, all: bool) {
        let tail = self.rules.tail() as usize;
        for group in &mut self.groups {
            let kept = self.table.get(group.place).map_or(0, |partition| partition.rows.len());
            group.tail = if all {
                kept
            } else if group.rows > 0 {
                kept.min(tail)
            } else {
                0
            };
        }
    }

    /// Whether the rows that are read are the new ones, and no others.
    pub fn reads_new_rows_only(&self) -> bool {
        self.groups.iter().all(|group| group.tail == 0)
    }

    /// The order of new rows, one partition's after the other's; None where they come so.
    pub fn new_order(&self) -> Option<&[u32]> {
        self.order.as_deref()
    }

    /// Where the rows that are read begin, for each partition of the step that has any.
    pub fn read_starts(&self) -> Vec<i64> {
        let mut next = 0;
        let counts = self.groups.iter().map(|group| group.tail + group.rows).filter(|&rows| rows > 0);
        counts.map(|rows| (next as i64, next += rows).0).collect()
    }

    /// Where the caller has the rows that are read; new ones from `next_reference` on, in the order in which they came.
    pub fn read_references(&self, next_reference: u64) -> Vec<i64> {
        let mut found = Vec::new();
        for group in &self.groups {
            if let Some(partition) = self.table.get(group.place) {
                let skipped = partition.rows.len().saturating_sub(group.tail);
                found.extend(partition.rows.references().skip(skipped).map(|reference| reference as i64));
            }
            let new = (group.first..group.first + group.rows).map(|at| self.new_row(at));
            found.extend(new.map(|row| (next_reference + row as u64) as i64));
        }
        found
    }

    /// Adds the new rows, with what is known of them; the caller has them from `next_reference` on.
    pub fn take(&mut self, facts: &RowFacts<'_>, next_reference: u64) {
        let horizon = self.rules.longest_horizon();
        let mut read = 0;
        for number in 0..self.groups.len() {
            let group = self.groups[number];
            let rows: Vec<usize> = (group.first..group.first + group.rows).map(|at| self.new_row(at)).collect();
            let Some(partition) = self.table.get_mut(group.place) else { continue };
            let end = partition.rows.end();
            if group.rows > 0 {
                let again = (group.tail as u64).min(horizon);
                for (row, at) in (end - again..end).zip(read + group.tail - again as usize..) {
                    partition.rows.set_again(row, known_set(facts, at, None));
                }
            }
            for (at, row) in (read + group.tail..).zip(rows) {
                let key = facts.keys.and_then(|keys| keys.get(row)).copied();
                let bound = facts.bounds.and_then(|bounds| bounds.get(row)).copied();
                let limit = key.zip(bound);
                let set = known_set(facts, at, limit);
                partition.rows.push(next_reference + row as u64, set, limit.filter(|_| self.rules.keyed()));
                if let Some(key) = key.filter(|&key| bound.is_none_or(|bound| key <= bound)) {
                    partition.last_key = partition.last_key.max(key);
                }
            }
            read += group.tail + group.rows;
        }
    }

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
        let (rules, clock) = (&self.rules, self.clock);
        let mut taken = Vec::with_capacity(self.groups.len());
        let mut next = 0;
        for group in &self.groups {
            let rows = group.tail + group.rows;
            if let Some(partition) = self.table.take(group.place) {
                taken.push((group.place, partition, (next, next + rows)));
            }
            next += rows;
        }
        let threads = if self.new_rows.max(next) < ROWS_FOR_THREADS { 1 } else { threads };
        let morsels: Vec<_> = taken.chunks_mut(PARTITIONS_A_MORSEL).map(Mutex::new).collect();
        let is_of_start = rules.fails_by_start();
        let variables = || rules.automaton.variables().to_vec();
        let (_, error) = in_threads(morsels.len(), threads, budget, tick, |worker| {
            let mut decision = dependent
                .map(|dependent| MatchDecides::new(dependent.conditions, dependent.names, variables(), is_of_start));
            worker.each(|number, tick| {
                let mut looks = Looks { budget, tick, steps: 0 };
                let mut morsel = morsels[number].lock().unwrap_or_else(PoisonError::into_inner);
                let found = morsel.iter_mut().try_for_each(|(_, partition, bounds)| match &mut decision {
                    None => partition.advance(rules, clock, &mut looks),
                    Some(decision) => partition.advance_with(rules, clock, decision, *bounds, &mut looks),
                });
                ((), found)
            });
            if let Some(decision) = decision {
                decision.release(budget);
            }
        });
        drop(morsels);
        for (place, partition, _) in taken {
            self.table.put_back(place, partition);
        }
        error.map_or(Ok(()), Err)
    }

    /// The match of the step that had nowhere to skip to: the one that was decided first.
    pub fn skip_error(&self) -> Option<SkipError> {
        let failed = |group: &Group| self.table.get(group.place)?.failed.map(|error| (group.place, error));
        self.groups.iter().filter_map(failed).map(|(_, error)| error).next()
    }

    /// What is certain since the last step.
    pub fn decided(&mut self) -> DecidedMatches {
        let mut events: Vec<(u64, u64, u32, usize)> = Vec::new();
        let behind = self.rules.match_behind;
        for group in &mut self.groups {
            let Some(partition) = self.table.get(group.place) else { continue };
            let end = partition.rows.end();
            for (at, held) in partition.held.iter().enumerate() {
                let last = held.shown_end() + if held.number > 0 { behind } else { 0 };
                if last > end && !partition.ended {
                    break;
                }
                let decided_by = held.decided_by.max(last.saturating_sub(1));
                // What no row decided comes last.
                let decided_by = if partition.ended { u64::MAX } else { partition.rows.reference(decided_by) };
                events.push((decided_by, partition.rows.reference(held.start), group.place, at));
                group.given = at + 1;
            }
        }
        events.sort_unstable();
        let mut found = DecidedMatches::default();
        for (_, _, place, at) in events {
            if let Some(partition) = self.table.get(place)
                && let Some(held) = partition.held.get(at)
            {
                found.add(partition, held, &self.rules);
            }
        }
        found
    }

    /// Keeps what the step did, and forgets what no match needs any more.
    pub fn keep(&mut self) {
        for number in 0..self.groups.len() {
            let Group { place, given, .. } = self.groups[number];
            let Some(partition) = self.table.get_mut(place) else { continue };
            partition.held.drain(..given.min(partition.held.len()));
            partition.keep();
            if partition.ended || (partition.is_idle() && !self.rules.remembers()) {
                self.table.remove(place);
                continue;
            }
            partition.rows.forget_before(partition.keep_from(&self.rules));
            self.bytes += partition.memory_bytes();
            self.rows += partition.rows.len();
            if self.rules.timed()
                && let Some(deadline) = partition.deadline(&self.rules, self.clock)
            {
                self.timers.add(deadline, place, &mut self.table);
            }
        }
        self.groups.clear();
        self.clock_before = self.clock;
        self.table.shrink();
        self.group_of.truncate(self.table.places());
    }

    /// Gives back all that the step did.
    pub fn undo(&mut self) {
        self.clock = self.clock_before;
        for number in 0..self.groups.len() {
            let place = self.groups[number].place;
            let Some(partition) = self.table.get_mut(place) else { continue };
            if !partition.undo() {
                self.table.remove(place);
                continue;
            }
            self.bytes += partition.memory_bytes();
            self.rows += partition.rows.len();
            if self.rules.timed()
                && let Some(deadline) = partition.deadline(&self.rules, self.clock)
            {
                self.timers.add(deadline, place, &mut self.table);
            }
        }
        self.groups.clear();
    }

    /// Where the caller has a row of each partition that ended in this step as it had no row for too long.
    pub fn expired(&self) -> Vec<i64> {
        let last = |&place: &u32| {
            let rows = &self.table.get(place)?.rows;
            Some(rows.reference(rows.end().checked_sub(1)?) as i64)
        };
        self.expired.iter().filter_map(last).collect()
    }

    /// The oldest match that is open: the one whose first row came first. Takes time linear in the partitions.
    pub fn oldest(&self) -> Option<OpenMatch> {
        let open = self.table.all().filter(|(_, partition)| !partition.is_idle()).map(|(_, partition)| {
            let first = partition.first_pending();
            OpenMatch { reference: partition.rows.reference(first), rows: partition.rows.end() - first }
        });
        open.min_by_key(|open| open.reference)
    }

    /// Where the caller has the rows that are kept, in order. Takes time linear in them, and sorts them.
    pub fn kept_references(&self) -> Vec<i64> {
        let mut found: Vec<i64> = Vec::with_capacity(self.rows);
        for (_, partition) in self.table.all() {
            found.extend(partition.rows.references().map(|reference| reference as i64));
        }
        found.sort_unstable();
        found
    }

    /// The caller has the kept rows, which were at `kept`, in order, at 0, 1, ... now.
    pub fn renumber(&mut self, kept: &[i64]) {
        for partition in self.table.all_mut() {
            partition.rows.move_references(|reference| {
                kept.binary_search(&(reference as i64)).map_or(u64::MAX, |place| place as u64)
            });
        }
    }
}

/// The variables whose conditions hold at a row: none where no match may have it.
fn known_set(facts: &RowFacts<'_>, at: usize, limit: Option<(i64, i64)>) -> VariableSet {
    if at >= facts.symbols.len() || limit.is_some_and(|(key, bound)| key > bound) {
        return VariableSet::NONE;
    }
    facts.symbols.set(at)
}
