//! How far a match may reach: `WITHIN`, as the rows behind the last ones that are near enough.

use super::partitions::Partitions;
use crate::budget::{Budget, ROWS_A_LOOK, Stopped, Tick};

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
    found.resize(keys.len(), 0);
    for partition in 0..partitions.len() {
        let (begin, end) = partitions.bounds(partition);
        let (keys, bounds, ends) = (&keys[begin..end], &bounds[begin..end], &mut found[begin..end]);
        if bounds.is_sorted() {
            merge(keys, bounds, ends, begin, budget, tick)?;
            continue;
        }
        let mut last = 0;
        for (row, (&bound, found)) in bounds.iter().zip(ends).enumerate() {
            if row.is_multiple_of(ROWS_A_LOOK) {
                budget.check()?;
                tick()?;
            }
            last = if last > row && keys[last - 1] > bound {
                row + keys[row..last].partition_point(|&key| key <= bound)
            } else {
                behind(last.max(row), keys.len(), |at| keys[at] <= bound)
            };
            *found = (begin + last) as i64;
        }
    }
    Ok(found)
}

/// The ends in a partition whose bounds are in order, from the partition's first row: keys and bounds are merged. A step goes
/// on by a key or by a row and has no branch for that, as it could not be foretold.
fn merge(
    keys: &[i64],
    bounds: &[i64],
    ends: &mut [i64],
    begin: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
) -> Result<(), Stopped> {
    let (mut row, mut last) = (0, 0);
    'looks: loop {
        budget.check()?;
        tick()?;
        for _ in 0..2 * ROWS_A_LOOK {
            let (Some(key), Some(bound), Some(end)) = (keys.get(last), bounds.get(row), ends.get_mut(row)) else {
                break 'looks;
            };
            *end = (begin + last.max(row)) as i64;
            let is_near = key <= bound;
            last += usize::from(is_near);
            row += usize::from(!is_near);
        }
    }
    // Rows that reach all keys.
    ends[row..].fill((begin + keys.len()) as i64);
    Ok(())
}

/// The row behind those from `row` on, before `end`, of which something holds, and of none behind them; near rows are found fast, in
/// time of the logarithm of the rows between.
fn behind(row: usize, end: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (row, 1);
    while low + step <= end && holds(low + step - 1) {
        low += step;
        step *= 2;
    }
    let mut high = end.min(low + step);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The keys of rows in order, each a row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Rows whose keys are at most a width away from that of a match's first row. A row without a key is near no row; such rows are the
/// first or the last ones of their partition.
///
/// ```
/// use rowpattern_core::rows::{NearRows, OrderedKeys};
/// let keys = OrderedKeys { keys: &[9, 4, 1, 2], order: Some(&[2, 3, 1, 0]), descending: false };
/// let near = NearRows { keys, width: 2, missing: &[] };
/// assert_eq!([0, 1, 2, 3].map(|row| near.latest_end(row, 4)), [2, 3, 3, 4]);
/// assert!(near.is_near(1, 2) && !near.is_near(0, 2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearRows<'k> {
    /// The keys of all rows.
    pub keys: OrderedKeys<'k>,
    /// How far a key may be away.
    pub width: i64,
    /// Which of the table's rows have no key; empty where all have one.
    pub missing: &'k [bool],
}

impl NearRows<'_> {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.keys.order.map_or(self.keys.keys.len(), <[u32]>::len)
    }

    /// Whether a row is near another one, which is not behind it and in the same partition.
    #[inline]
    pub fn is_near(&self, start: usize, row: usize) -> bool {
        self.key(start).zip(self.key(row)).is_some_and(|(start, key)| key <= start.saturating_add(self.width))
    }

    /// The row behind the last that is near a row of a partition which ends before `end`; the row itself where it is near none. Takes
    /// time in the logarithm of the rows between.
    pub fn latest_end(&self, start: usize, end: usize) -> usize {
        if start >= end || !self.is_near(start, start) {
            return start;
        }
        behind(start + 1, end, |row| self.is_near(start, row))
    }

    #[inline]
    fn key(&self, row: usize) -> Option<i64> {
        let (row, key) = self.keys.get(row)?;
        (!self.missing.get(row).copied().unwrap_or_default()).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NearRows, OrderedKeys, latest_ends};
    use crate::budget::Budget;
    use crate::rows::Partitions;

    proptest! {
        #[test]
        fn rows_near_enough(
            mut keys in prop::collection::vec(-20_i64..20, 0..60),
            bounds in prop::collection::vec(-25_i64..25, 60),
            cut in 0.0..1.0_f64,
            is_rising: bool,
        ) {
            let middle = (keys.len() as f64 * cut) as usize;
            let (first, second) = keys.split_at_mut(middle);
            first.sort_unstable();
            second.sort_unstable();
            let rows = keys.len();
            let mut bounds = bounds;
            if is_rising {
                bounds[..middle].sort_unstable();
                bounds[middle..rows].sort_unstable();
            }
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
            missing_rows in 0_usize..4,
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
            let is_last = |row: usize| row + missing_rows >= rows;
            let missing: Vec<bool> = (0..rows).map(|row| is_last(if mixed { rows - 1 - row } else { row })).collect();
            let near = NearRows { keys: given, width, missing: if rows.is_multiple_of(2) || missing.contains(&true) { &missing } else { &[] } };
            prop_assert_eq!(near.rows(), rows);
            for (begin, end) in [(0, middle), (middle, rows)] {
                for row in begin..end {
                    let is_far = |&other: &usize| is_last(other) || (keys[other] - keys[row]).abs() > width;
                    let wanted = if is_last(row) { row } else { (row..end).find(is_far).unwrap_or(end) };
                    prop_assert_eq!(near.latest_end(row, end), wanted);
                    for other in row..end {
                        prop_assert_eq!(near.is_near(row, other), other < wanted);
                    }
                }
            }
        }
    }
}
