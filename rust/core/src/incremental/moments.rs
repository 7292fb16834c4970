//! When matches became certain: what a step has decided, in that order.

use super::decided::DecidedMatches;
use super::decided_match::Decided;
use super::partition::OpenPartition;
use super::stream_partitions::StreamPartitions;
use crate::rows::SkipError;

/// A moment among a step's rows: where the caller has the first row behind it, or, as true says, the row itself; and a key, which
/// tells moments before one row apart.
type Moment = (u64, bool, i64);

impl StreamPartitions {
    /// The match of the step that had nowhere to skip to; of several, the one that is decided first.
    pub fn skip_error(&self) -> Option<SkipError> {
        self.first_failure().map(|(_, error)| error)
    }

    fn first_failure(&self) -> Option<((Moment, u64), SkipError)> {
        let failures = self.groups.iter().filter_map(|group| {
            let partition = self.table.get(group.place)?;
            let (error, decided) = partition.failed.as_ref()?;
            let read = decided.last_read(&self.rules, &partition.rows);
            Some(((self.moment(partition, decided, read), partition.rows.reference(decided.start)), *error))
        });
        failures.min_by_key(|&(place, _)| place)
    }

    /// What is certain since the last step; where a match had nowhere to skip to, what is decided before it. What is decided behind
    /// it is never given.
    pub fn decided(&mut self) -> DecidedMatches {
        let mut events: Vec<(Moment, u64, usize, usize)> = Vec::with_capacity(self.groups.len());
        let mut rows = 0;
        for number in 0..self.groups.len() {
            let Some(partition) = self.table.get(self.groups[number].place) else { continue };
            // No match is given before an earlier one.
            let mut latest = (0, false, 0);
            for (at, held) in partition.held.iter().enumerate() {
                let read = held.last_read(&self.rules, &partition.rows);
                if read.is_none() && !partition.ended {
                    break;
                }
                latest = latest.max(self.moment(partition, held, read));
                events.push((latest, partition.rows.reference(held.start), number, at));
                rows += held.positions.len();
                self.groups[number].given = at + 1;
            }
        }
        if let Some((failed, _)) = self.first_failure() {
            events.retain(|&(moment, start, ..)| (moment, start) < failed);
        }
        events.sort_unstable();
        let mut found = DecidedMatches::with_capacity(events.len(), rows);
        for (_, _, number, at) in events {
            if let Some(partition) = self.table.get(self.groups[number].place)
                && let Some(held) = partition.held.get(at)
            {
                found.add(partition, held, &self.rules);
            }
        }
        found
    }

    /// The moment at which a match is given, or a row in no match, whose last row that is read is this one.
    fn moment(&self, partition: &OpenPartition, held: &Decided, read: Option<u64>) -> Moment {
        let last = partition.rows.end().saturating_sub(1);
        let row = held.by.row.max(read.unwrap_or(last)).min(last);
        let by_row = (partition.rows.reference(row), true, 0);
        // Where measures read rows that have not come, the end gives it too.
        let by_end = held.by.end || read.is_none();
        let ended = by_end.then_some(partition.ended_at.unwrap_or(i64::MAX));
        let by_time = held.by.time.max(ended).map(|time| (self.first_row_behind(time), false, time));
        by_time.map_or(by_row, |by_time| by_row.max(by_time))
    }

    /// Where the caller has the first row of the step with a key above this; the largest number where there is none.
    fn first_row_behind(&self, key: i64) -> u64 {
        let row = self.latest_keys.partition_point(|&latest| latest <= key);
        if row < self.latest_keys.len() { self.next_reference + row as u64 } else { u64::MAX }
    }
}
