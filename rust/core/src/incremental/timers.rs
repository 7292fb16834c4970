//! Which partitions are looked at again when time passes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::partition_table::PartitionTable;
use super::rules::StreamRules;

/// Entries of partitions that are gone, beside as many as there are partitions, before they are taken out.
const LEAST_STALE: usize = 1 << 10;

/// Partitions by the time at which they have to be looked at again: no more than one entry for each that is open.
///
/// A partition's time only grows, so that an entry that comes too early is put back with the new one.
#[derive(Debug, Default)]
pub(super) struct Timers {
    entries: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Timers {
    /// Looks at a partition again when time is past `deadline`.
    pub fn add(&mut self, deadline: i64, place: u32, table: &mut PartitionTable) {
        if self.entries.len() > 2 * table.len() + LEAST_STALE {
            let mut entries = std::mem::take(&mut self.entries).into_vec();
            // Of a place that another partition has now there may be an entry of the one before, which does no harm.
            entries.retain(|Reverse((_, place))| table.get(*place).is_some_and(|partition| partition.is_timed));
            entries.sort_unstable();
            entries.dedup_by_key(|Reverse((_, place))| *place);
            self.entries = entries.into();
        }
        if let Some(partition) = table.get_mut(place) {
            partition.is_timed = true;
            self.entries.push(Reverse((deadline, place)));
        }
    }

    /// A partition whose time is past; its entry is taken out, and another put in where its time has grown.
    pub fn next_due(&mut self, clock: i64, table: &mut PartitionTable, rules: &StreamRules) -> Option<u32> {
        while let Some(&Reverse((deadline, place))) = self.entries.peek() {
            if deadline >= clock {
                return None;
            }
            self.entries.pop();
            let Some(partition) = table.get_mut(place) else { continue };
            partition.is_timed = false;
            match partition.deadline(rules) {
                Some(deadline) if deadline < clock => return Some(place),
                Some(deadline) => self.add(deadline, place, table),
                None => {}
            }
        }
        None
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(i64, u32)>()
    }
}
