//! The places of a bucket's rows: what is written there, and where partitions begin.

use super::OrderError;
use super::scatter::{Buckets, shifted};
use super::work::Work;
use crate::memory::Zero;

/// In groups of so many rows, each row is compared with so many; larger groups are sorted by themselves.
pub const FEW_GROUPED: usize = 4;
pub const MANY_GROUPED: usize = 16;
/// Where a group has more rows, groups are made again by the range of the codes that there are.
pub const MOST_GROUPED: u32 = 1 << 7;

/// The places of a bucket's rows in order.
pub struct Places<'p> {
    /// For each the row.
    pub order: &'p mut [u32],
    /// What the row carries; empty where rows carry nothing.
    pub bytes: &'p mut [u8],
    /// The row's key; empty where keys are not wanted.
    pub keys: &'p mut [i64],
}

/// Makes a buffer at least so long.
pub fn lengthen<T: Zero + Default>(buffer: &mut Vec<T>, length: usize, work: Work<'_>) -> Result<(), OrderError> {
    if let Some(more) = length.checked_sub(buffer.len()) {
        work.budget.reserve(buffer, more)?;
        buffer.resize(length, T::default());
    }
    Ok(())
}

/// How many bits the places of a bucket take.
pub fn place_bits(length: usize) -> u32 {
    u64::BITS - (length as u64 - 1).leading_zeros()
}

/// Makes of the number of rows in each group where it begins, and gives the largest number.
pub fn begun(counts: &mut [u32]) -> u32 {
    let (mut begin, mut largest) = (0, 0);
    for count in counts {
        largest = largest.max(*count);
        begin += std::mem::replace(count, begin);
    }
    largest
}

/// Notes where the upper bits of the codes of one bucket change.
pub struct Changes<'w> {
    work: Work<'w>,
    buckets: Buckets,
    bucket: usize,
    first: Option<u64>,
    last: u64,
    places: Vec<u32>,
}

impl<'w> Changes<'w> {
    pub fn new(buckets: Buckets, bucket: usize, work: Work<'w>) -> Self {
        Self { work, buckets, bucket, first: None, last: 0, places: Vec::new() }
    }

    /// The upper bits of the first and of the last code, and the places behind the first where they change.
    pub fn found(self) -> (u64, u64, Vec<u32>) {
        (self.first.unwrap_or_default(), self.last, self.places)
    }

    /// Takes in the code at the next place, by its lower bits.
    #[inline]
    pub fn at(&mut self, place: usize, rest: u64) -> Result<(), OrderError> {
        let upper = self.buckets.upper(self.bucket, rest);
        if self.first.is_none() {
            self.first = Some(upper);
        } else if upper != self.last {
            self.work.budget.reserve(&mut self.places, 1)?;
            self.places.push(place as u32);
        }
        self.last = upper;
        Ok(())
    }

    /// Takes in all places at once, where the upper bits change between groups only, which are made by the upper bits too.
    /// False where they change within groups.
    ///
    /// Args:
    ///     begins: where each group begins, and last where the last one ends; some have no rows.
    ///     shift: how many lower bits may differ in a group.
    ///     ends: the lower bits of the first and of the last code.
    pub fn of_groups(&mut self, begins: &[u32], shift: u32, ends: (u64, u64)) -> Result<bool, OrderError> {
        let Buckets { low, same_bits, .. } = self.buckets;
        let Some(more) = same_bits.checked_sub(shift).filter(|_| low == 0) else { return Ok(false) };
        let (first, last) = (ends.0 >> shift, ends.1 >> shift);
        self.first = Some(self.buckets.upper(self.bucket, ends.0));
        self.last = self.buckets.upper(self.bucket, ends.1);
        let (first, last) = (shifted(first, more), shifted(last, more));
        let mut before = 0;
        for upper in first + 1..=last {
            let begin = begins.get((upper << more) as usize).copied().unwrap_or_default();
            if begin > before {
                self.work.budget.reserve(&mut self.places, 1)?;
                self.places.push(begin);
                before = begin;
            }
        }
        Ok(true)
    }
}
