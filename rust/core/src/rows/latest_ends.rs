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

/// Rows that are looked at one by one: where bounds are in order, most often the last row is the same or one of the next.
const NEAR: usize = 8;

/// The row behind those from `row` on, before `end`, whose keys are at most the bound; near rows are found fast.
#[inline]
fn behind(keys: &[i64], row: usize, end: usize, bound: i64) -> usize {
    let near = &keys[row..end.min(row + NEAR)];
    let (mut low, mut step) = match near.iter().position(|&key| key > bound) {
        Some(at) => return row + at,
        None => (row + near.len(), 1),
    };
    while low + step <= end && keys[low + step - 1] <= bound {
        low += step;
        step *= 2;
    }
    low + keys[low..end.min(low + step)].partition_point(|&key| key <= bound)
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
}
