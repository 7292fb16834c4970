//! A stream's partitions, and what a batch of rows does to them.

use super::partition::OpenPartition;
use super::partition_table::PartitionTable;
use super::row_limits::RowLimits;
use super::rules::StreamRules;
use super::timers::Timers;
use crate::budget::{Budget, Stopped, Tick};
use crate::order::EncodedKeys;

/// Rows between two looks at the limits.
const ROWS_A_LOOK: usize = 1 << 14;

/// A partition that is searched on: its kept rows that are read again, and its new rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepPartition {
    pub place: u32,
    /// How many kept rows are read again, before the new ones.
    pub tail: usize,
    /// Of how many of these it is said again what conditions hold, as they depend on rows behind them.
    pub again: usize,
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
pub struct StreamPartitions {
    pub(super) rules: StreamRules,
    pub(super) table: PartitionTable,
    pub(super) timers: Timers,
    pub(super) clock: Option<i64>,
    pub(super) rows: usize,
    pub(super) bytes: usize,
    pub(super) groups: Vec<StepPartition>,
    /// New rows, one partition's after the other's; None where they come so.
    pub(super) order: Option<Vec<u32>>,
    pub(super) new_rows: usize,
    /// By source, of each new row whether it has a value of it.
    pub(super) values: Vec<Vec<bool>>,
    /// By new row, the latest key up to it; nothing where rows have no keys.
    pub(super) latest_keys: Vec<i64>,
    /// Where the caller has the first new row.
    pub(super) next_reference: u64,
    /// By partition, the step in which it was searched last, and its group there.
    pub(super) group_of: Vec<(u64, u32)>,
    pub(super) step: u64,
    pub(super) clock_before: Option<i64>,
    /// The partitions that end in this step as they had no row for too long.
    pub(super) expired: Vec<u32>,
}

impl StreamPartitions {
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
            values: Vec::new(),
            latest_keys: Vec::new(),
            next_reference: 0,
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
        OpenCounts { partitions: self.table.len(), rows: self.rows, bytes: self.bytes }
    }

    /// How much is open when the step is kept. Takes time linear in the step's partitions.
    pub fn counts_after(&self) -> OpenCounts {
        let mut counts = self.counts();
        for StepPartition { place, given, .. } in &self.groups {
            let Some(partition) = self.table.get(*place) else { continue };
            if let Some(first) = partition.keep_from(&self.rules, *given) {
                let (rows, bytes) = partition.rows.counts_from(first);
                counts.rows += rows;
                counts.bytes += bytes + partition.bytes_beside_rows(*given);
            } else {
                counts.partitions -= 1;
            }
        }
        counts
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
        self.values.clear();
        self.latest_keys.clear();
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
        if let Some(partition) = self.table.get_mut(place) {
            if !partition.is_new() {
                self.bytes = self.bytes.saturating_sub(partition.memory_bytes());
                self.rows = self.rows.saturating_sub(partition.rows.len());
            }
            partition.note_before();
        }
        self.group_of[at] = (self.step, self.groups.len() as u32);
        self.groups.push(StepPartition { place, tail: 0, again: 0, first: 0, rows: 0, given: 0 });
        self.groups.len() - 1
    }

    /// Says of each new row whether it has a value of each source; before [`Self::place`].
    pub fn say_values(&mut self, values: Vec<Vec<bool>>) {
        self.values = values;
    }

    /// Finds the partitions of so many new rows, by their keys of PARTITION BY; without keys there is one partition. Takes time
    /// linear in the rows.
    ///
    /// A row that comes too long after the one before it in its partition ends this, and begins another with the same keys. That
    /// depends on these two rows alone, and not on the step in which each came.
    ///
    /// After an error the step is to be undone ([`Self::undo`]).
    pub fn place(
        &mut self,
        rows: usize,
        keys: Option<&EncodedKeys>,
        limits: RowLimits<'_>,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<(), Stopped> {
        self.new_rows = rows;
        self.latest_keys.extend(limits.keys.unwrap_or_default().iter().scan(i64::MIN, |latest, &key| {
            *latest = key.max(*latest);
            Some(*latest)
        }));
        let mut of_rows: Vec<u32> = budget.zeroed(rows)?;
        let mut last: Option<(&[u8], usize)> = None;
        // Of each group, its rows so far.
        let mut counts: Vec<u32> = Vec::new();
        let mut are_together = true;
        for (row, of_row) in of_rows.iter_mut().enumerate() {
            if row.is_multiple_of(ROWS_A_LOOK) {
                budget.check()?;
                tick()?;
            }
            let key = keys.map_or(&[][..], |keys| keys.row(row));
            let mut group = match last {
                Some((before, group)) if before == key => group,
                _ => {
                    let found = self.table.find(key);
                    let place = found.unwrap_or_else(|| self.table.add(OpenPartition::new(key, &self.rules)));
                    self.group(place)
                }
            };
            if self.rules.idle.is_some()
                && let Some(time) = limits.key(row)
            {
                group = self.group_at(group, time);
            }
            if counts.len() <= group {
                counts.resize(self.groups.len(), 0);
            }
            let count = &mut counts[group];
            are_together &= *count == 0 || last.is_some_and(|(_, before)| before == group);
            *count += 1;
            *of_row = group as u32;
            last = Some((key, group));
        }
        let mut first = 0;
        counts.resize(self.groups.len(), 0);
        for (group, &count) in self.groups.iter_mut().zip(&counts) {
            (group.first, group.rows) = (first, count as usize);
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

    /// The group of a new row with this key: that of its partition, or of one that begins, where the row comes too late for it.
    fn group_at(&mut self, number: usize, key: i64) -> usize {
        let place = self.groups[number].place;
        let Some(partition) = self.table.get_mut(place) else { return number };
        if partition.rows_until(&self.rules).is_none_or(|until| key <= until) {
            partition.last_key = partition.last_key.max(Some(key));
            return number;
        }
        partition.end_idle(&self.rules);
        self.expired.push(place);
        let mut next = OpenPartition::new(&partition.key, &self.rules);
        next.last_key = Some(key);
        let place = self.table.add_behind(next);
        self.group(place)
    }

    pub(super) fn new_row(&self, at: usize) -> usize {
        row_at(self.order.as_deref(), at)
    }

    /// Adds partitions whose time has come: no later row has a key below `clock`. Those that had no row for too long end, also where
    /// their last row is one of this step.
    pub fn add_due(&mut self, clock: i64) {
        self.clock = self.clock.max(Some(clock));
        while let Some(place) = self.timers.next_due(clock, &mut self.table, &self.rules) {
            self.group(place);
        }
        for group in &self.groups {
            let Some(partition) = self.table.get_mut(group.place) else { continue };
            if !partition.ended && partition.rows_until(&self.rules).is_some_and(|until| until < clock) {
                partition.end_idle(&self.rules);
                self.expired.push(group.place);
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

    /// Keeps what the step did, and forgets what no match needs any more.
    pub fn keep(&mut self) {
        for number in 0..self.groups.len() {
            let StepPartition { place, given, .. } = self.groups[number];
            let Some(partition) = self.table.get_mut(place) else { continue };
            partition.held.drain(..given.min(partition.held.len()));
            partition.keep();
            let Some(first) = partition.keep_from(&self.rules, 0) else {
                self.table.remove(place);
                continue;
            };
            partition.rows.forget_before(first);
            self.count_again(place);
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
            self.count_again(place);
            self.table.find_again(place);
        }
        self.groups.clear();
    }

    /// Counts a partition that was taken out of the counts for the step, and notes when it is looked at again.
    fn count_again(&mut self, place: u32) {
        let Some(partition) = self.table.get(place) else { return };
        self.bytes += partition.memory_bytes();
        self.rows += partition.rows.len();
        if self.rules.timed()
            && let Some(deadline) = partition.deadline(&self.rules, self.clock)
        {
            self.timers.add(deadline, place, &mut self.table);
        }
    }

    /// For each group of the step, its rows among those that are read.
    pub(super) fn read_bounds(&self) -> impl Iterator<Item = (usize, usize)> {
        self.groups.iter().scan(0, |next, group| {
            let begin = *next;
            *next += group.tail + group.rows;
            Some((begin, *next))
        })
    }

    /// Where the caller has a row of each partition that ended in this step as it had no row for too long; of those in which
    /// nothing was open nothing would have been kept, and they are not told.
    pub fn expired(&self) -> Vec<i64> {
        let last = |&place: &u32| {
            let partition = self.table.get(place)?;
            let rows = partition.was_open(&self.rules).then_some(&partition.rows)?;
            Some(rows.reference(rows.end().checked_sub(1)?) as i64)
        };
        self.expired.iter().filter_map(last).collect()
    }

    /// By place, how much of what the partition there holds the step gives.
    fn given(&self) -> Vec<usize> {
        let mut given = vec![0; self.table.places()];
        self.groups.iter().for_each(|group| given[group.place as usize] = group.given);
        given
    }

    /// The oldest match that is open, or, in a step, is when it is kept: the one whose first row came first. Takes time linear in
    /// the partitions.
    pub fn oldest(&self) -> Option<OpenMatch> {
        let given = self.given();
        let open = self.table.all().filter(|(_, partition)| !partition.ended).filter_map(|(place, partition)| {
            let first = partition.first_pending(given[place as usize]);
            let rows = partition.rows.end().checked_sub(first).filter(|&rows| rows > 0)?;
            Some(OpenMatch { reference: partition.rows.reference(first), rows })
        });
        open.min_by_key(|open| open.reference)
    }

    /// Where the caller has the rows that are kept, or, in a step, that are when it is kept; in order. Takes time linear in them, and
    /// sorts them.
    pub fn kept_references(&self) -> Vec<i64> {
        let mut found: Vec<i64> = Vec::with_capacity(self.rows);
        let given = self.given();
        for (place, partition) in self.table.all() {
            let Some(first) = partition.keep_from(&self.rules, given[place as usize]) else { continue };
            let skipped = first.saturating_sub(partition.rows.first()) as usize;
            found.extend(partition.rows.references().skip(skipped).map(|reference| reference as i64));
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

/// The new row at a place, where rows of a partition follow one another in `order`, or without it.
#[inline]
pub(super) fn row_at(order: Option<&[u32]>, at: usize) -> usize {
    order.map_or(at, |order| order.get(at).map_or(0, |&row| row as usize))
}
