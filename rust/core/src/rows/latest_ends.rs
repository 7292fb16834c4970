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
                behind(keys, last.max(row), bound)
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

/// The row behind those from `row` on whose keys are at most the bound; near rows are found fast.
fn behind(keys: &[i64], row: usize, bound: i64) -> usize {
    let (mut low, mut step) = (row, 1);
    while low + step <= keys.len() && keys[low + step - 1] <= bound {
        low += step;
        step *= 2;
    }
    low + keys[low..keys.len().min(low + step)].partition_point(|&key| key <= bound)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::latest_ends;
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
}
