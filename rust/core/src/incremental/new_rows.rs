//! The rows of a step: which are read again, and what is known of the new ones.

use super::partition::OpenPartition;
use super::row_limits::RowLimits;
use super::stream_partitions::{StreamPartitions, row_at};
use crate::rows::{Symbols, VariableSet};

/// Which kept rows are read again before the new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadAgain {
    /// What conditions of new rows read, as rows alone decide these.
    ForRows,
    /// The same for conditions that read the match so far, whose columns are kept; all rows of partitions that have none.
    ForMatches,
    /// All rows.
    All,
}

/// What is known of each new row: what rows alone decide, and what bounds matches.
#[derive(Clone, Copy)]
pub struct RowFacts<'f> {
    /// Of the rows that are read again and the new ones, one partition after the other.
    pub symbols: &'f Symbols,
    /// What bounds matches, as it was given to [`StreamPartitions::place`].
    pub limits: RowLimits<'f>,
}

impl StreamPartitions {
    /// Says which kept rows are read again before the new ones. Of partitions without new rows none, unless it is all.
    pub fn read_again(&mut self, reads: ReadAgain) {
        let horizon = self.rules.longest_horizon();
        let tail = if reads == ReadAgain::ForRows { self.rules.tail() } else { self.rules.match_tail() };
        for number in 0..self.groups.len() {
            let again = horizon.max(self.known_now(number));
            let group = &mut self.groups[number];
            let Some(partition) = self.table.get(group.place) else { continue };
            let rows = &partition.rows;
            // Rows are read as far before those of which something is said again as before new ones.
            let tail = (tail - horizon).saturating_add(again) as usize;
            let is_all = match reads {
                ReadAgain::ForRows => false,
                ReadAgain::ForMatches => !partition.has_columns(),
                ReadAgain::All => true,
            };
            group.again = rows.len().min(again as usize);
            group.tail = if is_all {
                rows.len()
            } else if group.rows > 0 {
                rows.len().min(tail)
            } else {
                0
            };
        }
    }

    /// How far back, in rows of a group's partition, values that come with its new rows decide conditions that were not known.
    fn known_now(&self, number: usize) -> u64 {
        let group = self.groups[number];
        let Some(partition) = self.table.get(group.place).filter(|_| group.rows > 0) else { return 0 };
        let rows = &partition.rows;
        let came = |source: usize| {
            let of_source = self.values.get(source);
            let has_value = |&at: &usize| of_source.is_some_and(|values| values.get(self.new_row(at)) == Some(&true));
            (group.first..group.first + group.rows).filter(has_value).count() as u64
        };
        let newly_known = self.rules.values_ahead().filter_map(|ahead| {
            let came = came(ahead.source);
            let is_enough = came > 0 && rows.values_of(ahead.source) + came >= ahead.distance;
            is_enough.then(|| rows.end().saturating_sub(rows.unknown_from(ahead).max(partition.searched())))
        });
        newly_known.max().unwrap_or_default()
    }

    /// Forgets the columns of conditions that read the match so far: they are kept no more.
    pub fn forget_columns(&mut self) {
        let mut bytes = 0;
        for partition in self.table.all_mut() {
            // Those of the step's partitions are not counted now.
            bytes += if partition.is_in_step() { 0 } else { partition.columns_bytes() };
            partition.columns = None;
        }
        self.bytes = self.bytes.saturating_sub(bytes);
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
        self.read_bounds().filter(|(begin, end)| begin < end).map(|(begin, _)| begin as i64).collect()
    }

    /// Where the caller has the rows that are read; new ones from `next_reference` on, in the order in which they came.
    pub fn read_references(&self, next_reference: u64) -> Vec<i64> {
        let mut found = Vec::with_capacity(self.new_rows + self.groups.iter().map(|group| group.tail).sum::<usize>());
        for group in &self.groups {
            if let Some(partition) = self.table.get(group.place) {
                let end = partition.rows.end();
                let again = end - (group.tail as u64).min(end)..end;
                found.extend(partition.rows.references_of(again).map(|reference| reference as i64));
            }
            let new = group.first..group.first + group.rows;
            let reference = |row: usize| (next_reference + row as u64) as i64;
            match self.order.as_ref().map(|order| order.get(new.clone()).unwrap_or_default()) {
                Some(order) => found.extend(order.iter().map(|&row| reference(row as usize))),
                None => found.extend(new.map(reference)),
            }
        }
        found
    }

    /// Adds the new rows, with what is known of them; the caller has them from `next_reference` on.
    pub fn take(&mut self, facts: &RowFacts<'_>, next_reference: u64) {
        self.next_reference = next_reference;
        let keyed = self.rules.keyed();
        // Many rows of a partition are added at once where there is nothing more to say of them.
        let plain = facts.symbols.bytes().filter(|_| facts.limits.keys.is_none() && self.values.is_empty());
        let Self { groups, table, order, values, .. } = self;
        let new_row = |at| row_at(order.as_deref(), at);
        let mut read = 0;
        for group in groups {
            let Some(partition) = table.get_mut(group.place) else { continue };
            let end = partition.rows.end();
            let again = group.tail.min(group.again) as u64;
            if group.rows > 0 && again > 0 {
                partition.note_sets(again);
                for (row, at) in (end - again..end).zip(read + group.tail - again as usize..) {
                    let limit = partition.rows.limit(row);
                    partition.rows.set_again(row, known_set(facts, at, limit));
                }
            }
            let new = group.first..group.first + group.rows;
            read += group.tail + group.rows;
            let sets = plain.and_then(|sets| sets.get(read - group.rows..read));
            let references = new.clone().map(|at| next_reference + new_row(at) as u64);
            if sets.is_some_and(|sets| partition.rows.extend(references, sets)) {
                continue;
            }
            for (at, row) in (read - group.rows..).zip(new.map(new_row)) {
                let limit = facts.limits.limit(row);
                let set = known_set(facts, at, limit);
                partition.rows.push(next_reference + row as u64, set, limit.filter(|_| keyed));
                note_values(values, row, partition);
            }
        }
    }
}

/// Notes of which sources the last row of a partition, the new row of this number, has a value.
pub(super) fn note_values(values: &[Vec<bool>], row: usize, partition: &mut OpenPartition) {
    for (source, values) in values.iter().enumerate() {
        if values.get(row) == Some(&true) {
            partition.rows.note_value(source);
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
