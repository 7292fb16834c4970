//! How far a match may reach: `WITHIN`, as the rows behind the last ones that are near enough.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::partitions::Partitions;
use crate::budget::{Budget, ROWS_A_LOOK, Stopped, Tick};
use crate::threads::{Worker, in_threads, started};

/// For each row, the row behind the last of its partition up to which all keys are at most the row's bound; the row itself where its
/// own key is above its bound.
///
/// Args: the keys, in rising order within a partition; a bound for each row; the limits. Bounds need not be in order, but where they
/// are, this takes time linear in the rows; otherwise a logarithm of the rows between one and the next is added.
///
/// ```
/// use rowpattern_core::budget::Budget;
/// use rowpattern_core::rows::{Partitions, latest_ends};
/// let (keys, bounds) = ([1, 2, 4, 9], [3, 4, 6, 11]);
/// let found = latest_ends(&keys, &bounds, &Partitions::one(4), &Budget::unlimited(), &mut || Ok(()));
/// assert_eq!(found, Ok(vec![2, 3, 3, 4]));
/// ```
pub fn latest_ends(
    keys: &[i64],
    bounds: &[i64],
    partitions: &Partitions,
    budget: &Budget,
    tick: &mut Tick<'_>,
) -> Result<Vec<i64>, Stopped> {
    let mut found = Vec::new();
    budget.reserve(&mut found, keys.len())?;
    for partition in 0..partitions.len() {
        let (begin, end) = partitions.bounds(partition);
        let mut last = begin;
        for (row, &bound) in (begin..end).zip(&bounds[begin..end]) {
            if row.is_multiple_of(ROWS_A_LOOK) {
                budget.check()?;
                tick()?;
            }
            last = if last > row && keys[last - 1] > bound {
                row + keys[row..last].partition_point(|&key| key <= bound)
            } else {
                behind(keys, last.max(row), end, bound)
            };
            found.push(last as i64);
        }
    }
    Ok(found)
}

/// The row behind those from `row` on, before `end`, whose keys are at most the bound; near rows are found fast.
fn behind(keys: &[i64], row: usize, end: usize, bound: i64) -> usize {
    let (mut low, mut step) = (row, 1);
    while low + step <= end && keys[low + step - 1] <= bound {
        low += step;
        step *= 2;
    }
    low + keys[low..end.min(low + step)].partition_point(|&key| key <= bound)
}

/// The keys of rows in order, each a row of a table.
#[derive(Debug, Clone, Copy)]
pub struct OrderedKeys<'k> {
    /// The table's keys.
    pub keys: &'k [i64],
    /// For each row in order, the table's; None where the table is in order.
    pub order: Option<&'k [u32]>,
    /// Whether keys fall within a partition.
    pub descending: bool,
}

impl OrderedKeys<'_> {
    /// The row of the table, and its key turned so that keys rise; None where there is no such row.
    #[inline]
    fn get(&self, row: usize) -> Option<(usize, i64)> {
        let row = self.order.map_or(Some(row), |order| order.get(row).map(|&row| row as usize))?;
        let &key = self.keys.get(row)?;
        Some((row, if self.descending { !key } else { key }))
    }
}

/// For each row, the row behind the last of its partition whose key is at most `width` away. A row without a key is near no row, and
/// ends what is near the others: such rows are the first or the last ones of their partition. Gives too the least and the largest
/// key; None where there is none.
///
/// Takes time linear in the rows, divided by the threads where there are many partitions.
///
/// ```
/// use rowpattern_core::budget::Budget;
/// use rowpattern_core::rows::{OrderedKeys, Partitions, latest_ends_within};
/// let keys = OrderedKeys { keys: &[9, 4, 1, 2], order: Some(&[2, 3, 1, 0]), descending: false };
/// let partitions = Partitions::one(4);
/// let found = latest_ends_within(keys, 2, |_| false, &partitions, 1, &Budget::unlimited(), &mut || Ok(()));
/// assert_eq!(found, Ok((vec![2, 3, 3, 4], Some((1, 9)))));
/// ```
pub fn latest_ends_within(
    keys: OrderedKeys<'_>,
    width: i64,
    is_missing: impl Fn(usize) -> bool + Sync,
    partitions: &Partitions,
    threads: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
) -> Result<(Vec<i64>, KeyRange), Stopped> {
    let mut found: Vec<i64> = budget.zeroed(partitions.rows())?;
    let morsels = whole_partitions(partitions);
    let mut rest = found.as_mut_slice();
    let rows = morsels.iter().map(|morsel| partitions.bounds(morsel.end - 1).1 - partitions.bounds(morsel.start).0);
    let parts: Vec<_> =
        rows.map(|rows| Mutex::new(rest.split_off_mut(..rows.min(rest.len())).unwrap_or_default())).collect();
    let work = |worker: &mut Worker<'_, KeyRange, Stopped>| {
        let mut near: Vec<Option<i64>> = Vec::new();
        worker.each(|number, tick| {
            let (Some(morsel), Some(part)) = (morsels.get(number), parts.get(number)) else { return (None, Ok(())) };
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            let (mut written, mut range) = (0, None);
            let mut since_look = 0;
            for partition in morsel.clone() {
                let (begin, end) = partitions.bounds(partition);
                since_look += end - begin + 1;
                if since_look >= ROWS_A_LOOK {
                    since_look = 0;
                    if let Err(reason) = budget.check().and_then(|()| tick()) {
                        return (range, Err(reason));
                    }
                }
                near.clear();
                if let Err(reason) = budget.reserve(&mut near, end - begin) {
                    return (range, Err(reason));
                }
                near.extend(
                    (begin..end).map(|row| keys.get(row).filter(|(row, _)| !is_missing(*row)).map(|(_, key)| key)),
                );
                let Some(own) = part.get_mut(written..written + near.len()) else { break };
                write_ends(&near, begin, width, own);
                written += near.len();
                range = near.iter().flatten().fold(range, |range, &key| Some(joined(range, (key, key))));
            }
            (range, Ok(()))
        });
        budget.release_vector(&near);
    };
    let threads = started(threads.min(partitions.rows() / LEAST_ROWS_A_THREAD));
    let (ranges, error) = in_threads(morsels.len(), threads, budget, tick, work);
    drop(parts);
    if let Some(error) = error {
        return Err(error);
    }
    let range = ranges.into_iter().flatten().fold(None, |range, next| Some(joined(range, next)));
    Ok((found, range.map(|(low, high)| if keys.descending { (!high, !low) } else { (low, high) })))
}

/// The least and the largest of some keys.
type KeyRange = Option<(i64, i64)>;

/// The least rows for which a thread is worth its start.
const LEAST_ROWS_A_THREAD: usize = 1 << 17;

fn joined(range: KeyRange, (low, high): (i64, i64)) -> (i64, i64) {
    range.map_or((low, high), |(least, largest)| (least.min(low), largest.max(high)))
}

/// Partitions in pieces of the work, each of some rows at least.
fn whole_partitions(partitions: &Partitions) -> Vec<Range<usize>> {
    let mut morsels = Vec::new();
    let mut first = 0;
    for partition in 0..partitions.len() {
        let rows = partitions.bounds(partition).1 - partitions.bounds(first).0;
        if rows >= ROWS_A_LOOK || partition + 1 == partitions.len() {
            morsels.push(first..partition + 1);
            first = partition + 1;
        }
    }
    morsels
}

/// Writes for each row of a partition, which begins at a row, the row behind the last that is near enough.
fn write_ends(keys: &[Option<i64>], begin: usize, width: i64, found: &mut [i64]) {
    let mut last = 0;
    for (row, (found, key)) in found.iter_mut().zip(keys).enumerate() {
        last = last.max(row);
        let bound = key.map(|key| key.saturating_add(width));
        while keys.get(last).is_some_and(|next| next.is_some_and(|next| bound.is_some_and(|bound| next <= bound))) {
            last += 1;
        }
        *found = (begin + if bound.is_some() { last } else { row }) as i64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{OrderedKeys, latest_ends, latest_ends_within};
    use crate::budget::Budget;
    use crate::rows::Partitions;

    proptest! {
        #[test]
        fn rows_near_enough(
            mut keys in prop::collection::vec(-20_i64..20, 0..60),
            bounds in prop::collection::vec(-25_i64..25, 60),
            cut in 0.0..1.0_f64,
        ) {
            let middle = (keys.len() as f64 * cut) as usize;
            let (first, second) = keys.split_at_mut(middle);
            first.sort_unstable();
            second.sort_unstable();
            let rows = keys.len();
            let partitions = Partitions::from_counts(&[middle, rows - middle]).unwrap();
            let found = latest_ends(&keys, &bounds[..rows], &partitions, &Budget::unlimited(), &mut || Ok(()));
            let wanted = (0..rows).map(|row| {
                let end = if row < middle { middle } else { rows };
                (row..end).find(|&other| keys[other] > bounds[row]).unwrap_or(end) as i64
            });
            prop_assert_eq!(found, Ok(wanted.collect()));
        }
    }

    proptest! {
        #[test]
        fn rows_within_a_width(
            mut keys in prop::collection::vec(-20_i64..20, 0..60),
            width in -3_i64..25,
            cut in 0.0..1.0_f64,
            missing in 0_usize..4,
            descending in any::<bool>(),
            mixed in any::<bool>(),
        ) {
            let rows = keys.len();
            let middle = (rows as f64 * cut) as usize;
            let (first, second) = keys.split_at_mut(middle);
            first.sort_unstable();
            second.sort_unstable();
            if descending {
                for key in &mut keys {
                    *key = -*key;
                }
            }
            // The table has the rows the other way round.
            let reversed: Vec<i64> = keys.iter().rev().copied().collect();
            let order: Vec<u32> = (0..rows as u32).rev().collect();
            let given = OrderedKeys {
                keys: if mixed { &reversed } else { &keys },
                order: mixed.then_some(&order),
                descending,
            };
            let is_last = |row: usize| row + missing >= rows;
            let is_missing = |row: usize| is_last(if mixed { rows - 1 - row } else { row });
            let partitions = Partitions::from_counts(&[middle, rows - middle]).unwrap();
            let budget = Budget::unlimited();
            let found = latest_ends_within(given, width, is_missing, &partitions, 2, &budget, &mut || Ok(()));
            let wanted = (0..rows).map(|row| {
                let end = if row < middle { middle } else { rows };
                let is_far = |&other: &usize| is_last(other) || (keys[other] - keys[row]).abs() > width;
                if is_last(row) { row as i64 } else { (row..end).find(is_far).unwrap_or(end) as i64 }
            });
            let known = || (0..rows).filter(|&row| !is_last(row)).map(|row| keys[row]);
            prop_assert_eq!(found, Ok((wanted.collect(), known().min().zip(known().max()))));
        }
    }
}
