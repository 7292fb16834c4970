//! Which partitions are looked at again when time passes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::partition::OpenPartition;
use super::partition_table::PartitionTable;
use super::rules::StreamRules;

/// Entries of partitions that are gone, beside as many as there are partitions, before they are taken out.
const LEAST_STALE: usize = 1 << 10;

/// Partitions by the time at which they have to be looked at again. An entry that comes too early, or is of a partition that is
/// gone, does no harm; there are not many more of them than partitions.
#[derive(Debug, Default)]
pub(super) struct Timers {
    entries: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Timers {
    /// Looks at a partition again when time is past `deadline`, unless that is to be before.
    pub fn add(&mut self, deadline: i64, place: u32, table: &mut PartitionTable) {
        if self.entries.len() > 2 * table.len() + LEAST_STALE {
            let mut entries = std::mem::take(&mut self.entries).into_vec();
            entries.retain(|Reverse((_, place))| table.get(*place).is_some());
            entries.sort_unstable_by_key(|&Reverse((deadline, place))| (place, deadline));
            entries.dedup_by_key(|Reverse((_, place))| *place);
            self.entries = entries.into();
        }
        if let Some(partition) = table.get_mut(place).filter(|partition| deadline < partition.looked_at) {
            partition.looked_at = deadline;
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
            partition.looked_at = i64::MAX;
            // Its time may have grown; what is past since the entry was made is looked at.
            match partition.deadline(rules, Some(deadline)) {
                Some(deadline) if deadline < clock => return Some(place),
                Some(deadline) => self.add(deadline, place, table),
                None => {}
            }
        }
        None
    }
}

impl OpenPartition {
    /// The latest key that its next row may have: without one it ends when time is past that, and a row behind it begins another
    /// partition. None where that is not limited.
    pub fn rows_until(&self, rules: &StreamRules) -> Option<i64> {
        self.last_key.zip(rules.idle).map(|(last, idle)| last.saturating_add(idle))
    }

    /// Ends it, as no row has come for as long as it may have none.
    pub fn end_idle(&mut self, rules: &StreamRules) {
        (self.ended, self.ended_at) = (true, self.rows_until(rules));
    }
}
