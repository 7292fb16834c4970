//! Partitions that are stored, and set up again.

use super::new_rows::note_values;
use super::row_limits::RowLimits;
use super::stream_partitions::StreamPartitions;
use crate::rows::VariableSet;

/// A partition has fewer rows.
const MOST_ROWS: u64 = 1 << 39;

/// A partition as it is stored: a search that begins again from its rows comes to the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPartition {
    /// The number of its first kept row.
    pub first: u64,
    /// How many rows it has.
    pub rows: u64,
    /// The number of the first row at which it is not decided whether a match begins.
    pub head: u64,
    /// The number behind the last row that is in a match.
    pub covered: u64,
    /// How many matches it had.
    pub matches: i64,
    /// Rows before the head at which that is not decided either.
    pub waiting: Vec<u64>,
}

impl StreamPartitions {
    /// All partitions, to be stored, and what is known of their rows, one partition after the other: where the caller has each,
    /// and the variables whose conditions hold there.
    pub fn stored(&self) -> (Vec<StoredPartition>, Vec<i64>, Vec<VariableSet>) {
        let (mut partitions, mut references, mut sets) = (Vec::new(), Vec::new(), Vec::new());
        for (_, partition) in self.table.all() {
            let rows = &partition.rows;
            let (head, covered, matches, waiting) = partition.restart();
            let (first, count) = (rows.first(), rows.len() as u64);
            partitions.push(StoredPartition { first, rows: count, head, covered, matches, waiting });
            references.extend(rows.references().map(|reference| reference as i64));
            sets.extend((rows.first()..rows.end()).map(|row| rows.set(row)));
        }
        (partitions, references, sets)
    }

    /// Sets partitions up that were stored, whose rows were placed in this step: each partition's rows came together, in the order
    /// in which the partitions stand here. False where that is not so, or a number is not one that it can be; then the step is to be
    /// undone.
    pub fn resume(
        &mut self,
        stored: &[StoredPartition],
        sets: &[VariableSet],
        next_reference: u64,
        limits: RowLimits<'_>,
    ) -> bool {
        if stored.len() != self.groups.len() || sets.len() != self.new_rows || self.order.is_some() {
            return false;
        }
        for (group, stored) in self.groups.iter().zip(stored) {
            let Some(partition) = self.table.get_mut(group.place) else { return false };
            let StoredPartition { first, rows, head, covered, matches, .. } = *stored;
            let Some(end) = first.checked_add(rows).filter(|&end| end < MOST_ROWS) else { return false };
            let is_right = partition.is_new()
                && partition.rows.len() == 0
                && group.rows as u64 == rows
                && (first..=end).contains(&head)
                && covered <= end
                && matches >= 0
                && stored.waiting.is_sorted()
                && stored.waiting.iter().all(|start| (first..=head).contains(start));
            if !is_right {
                return false;
            }
            partition.rows.begin_at(first);
            for (row, &set) in sets.iter().enumerate().skip(group.first).take(group.rows) {
                let limit = limits.limit(row).filter(|_| self.rules.keyed());
                partition.rows.push(next_reference + row as u64, set, limit);
                note_values(&self.values, row, partition);
                partition.last_key = partition.last_key.max(limits.key(row));
            }
            partition.resume_from(head, covered, matches, &stored.waiting);
        }
        true
    }
}
