//! What all values of a key are multiples of, counted from one of them: timestamps of whole seconds are kept in microseconds.
//!
//! Counted in steps, keys need fewer bits, so that less memory is moved where rows are brought into buckets.

use super::OrderError;
use super::source::{PIECE_ROWS, Source};

/// A smaller step saves too few bits for the multiplication that it takes.
const LEAST_STEP: u64 = 1 << 3;

/// Division of multiples of a number, by a multiplication with the inverse of its odd part (Hacker's Delight, 10-16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStep {
    pub size: u64,
    inverse: u64,
    /// How often `size` is halved until it is odd.
    halves: u32,
}

impl KeyStep {
    fn of(size: u64) -> Self {
        let halves = size.trailing_zeros();
        let odd = size >> halves;
        // Newton's method: each round doubles the bits that are right, of which an odd number has three at first.
        let inverse =
            (0..5).fold(odd, |inverse: u64, _| inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse))));
        Self { size, inverse, halves }
    }

    /// How many steps a multiple is; more than any multiple is for other numbers.
    #[inline]
    pub fn count(self, multiple: u64) -> u64 {
        multiple.wrapping_mul(self.inverse).rotate_right(self.halves)
    }

    /// Whether a number is a multiple.
    #[inline]
    fn divides(self, number: u64) -> bool {
        self.count(number) <= u64::MAX / self.size
    }
}

/// What the first rows say: the first value, and what the others are multiples of, counted from it.
#[derive(Clone, Copy)]
pub struct Multiples {
    first: u64,
    pub step: KeyStep,
}

impl Multiples {
    /// Looks at the first rows of a key; None where its values have no step that is worth it.
    pub fn of_first_rows(source: &Source<'_>, rows: usize) -> Result<Option<Self>, OrderError> {
        let (mut numbers, mut flags) = ([0; PIECE_ROWS], [0; PIECE_ROWS]);
        let count = rows.min(PIECE_ROWS);
        source.fill(0..count, &mut numbers[..count])?;
        if source.has_nulls() {
            source.fill_nulls(0..count, &mut flags[..count])?;
        }
        let values = numbers[..count].iter().zip(&flags).filter(|(_, flag)| **flag == 0).map(|(&number, _)| number);
        Ok(Self::of(values))
    }

    /// What these are; None where they have no step that is worth it.
    pub fn of(mut values: impl Iterator<Item = u64>) -> Option<Self> {
        let first = values.next()?;
        let size = values.fold(0, |size, value| greatest_divisor(size, value.abs_diff(first)));
        (size >= LEAST_STEP).then(|| Self { first, step: KeyStep::of(size) })
    }

    /// Whether a value is one of them.
    #[inline]
    pub fn contain(self, value: u64) -> bool {
        self.step.divides(value.abs_diff(self.first))
    }
}

/// The largest number of which both are multiples; the other one where one is 0.
fn greatest_divisor(one: u64, other: u64) -> u64 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_are_known_and_counted() {
        for size in [1, 2, 3, 8, 10, 24, 1_000_000, 86_400_000_000, 1 << 63, u64::MAX] {
            let step = KeyStep::of(size);
            for count in [0, 1, 2, 5, 1000, u64::MAX / size] {
                let Some(multiple) = size.checked_mul(count) else { continue };
                assert!(step.divides(multiple), "{multiple} of {size}");
                assert_eq!(step.count(multiple), count, "{multiple} of {size}");
                for near in [multiple.wrapping_sub(1), multiple.wrapping_add(1), multiple ^ 1 << 62] {
                    assert_eq!(step.divides(near), near % size == 0, "{near} of {size}");
                    assert_eq!(step.count(near) <= u64::MAX / size, near % size == 0, "{near} of {size}");
                }
            }
        }
        assert_eq!([(0, 7), (7, 0), (12, 18), (5, 9)].map(|(one, other)| greatest_divisor(one, other)), [7, 7, 6, 1]);
    }
}
