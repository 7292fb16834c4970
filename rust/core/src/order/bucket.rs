//! The rows of one bucket in order: counted by the lower bits of their codes, or sorted by them.

use super::OrderError;
use super::scatter::{BUCKET_ROWS, Low, Scattered};
use super::work::Work;

/// What is sorted at once, some ten milliseconds' work.
const MOST_AT_ONCE: usize = 1 << 18;
/// The most lower bits by which rows are counted.
const MOST_COUNTED_BITS: u32 = 16;
/// Fewer rows are sorted by comparing them alone.
const LEAST_GROUPED: usize = 1 << 6;
/// Larger groups are sorted by themselves, smaller ones by insertion.
const MOST_INSERTED: usize = 8;

/// What was found of a bucket that has rows.
pub struct Bucket {
    /// The upper bits of its first and last code.
    pub first: u64,
    pub last: u64,
    /// The places in it, behind the first, where these change.
    pub changes: Vec<u32>,
    /// Whether it has too many rows, and is still to be sorted.
    pub is_left: bool,
}

/// Sorts buckets one after another.
pub struct Sorter<'w> {
    work: Work<'w>,
    counts: Vec<u32>,
    rows: Vec<u32>,
    /// Rests with places in the bucket.
    packed: Vec<u64>,
    /// The same in groups.
    grouped: Vec<u64>,
    /// The same where they do not fit into one number.
    pairs: Vec<(u64, u32)>,
}

impl Drop for Sorter<'_> {
    fn drop(&mut self) {
        self.work.budget.release_vector(&self.counts);
        self.work.budget.release_vector(&self.rows);
        self.work.budget.release_vector(&self.packed);
        self.work.budget.release_vector(&self.grouped);
        self.work.budget.release_vector(&self.pairs);
    }
}

impl<'w> Sorter<'w> {
    pub fn new(work: Work<'w>) -> Self {
        let (packed, grouped, pairs) = (Vec::new(), Vec::new(), Vec::new());
        Self { work, counts: Vec::new(), rows: Vec::new(), packed, grouped, pairs }
    }

    /// Writes the rows of a bucket in order; None where it has none.
    pub fn sort<K: Low>(
        &mut self,
        scattered: &Scattered<'_, K>,
        bucket: usize,
        length: usize,
        order: &mut [u32],
    ) -> Result<Option<Bucket>, OrderError> {
        let buckets = scattered.buckets;
        if length == 0 {
            return Ok(None);
        }
        let upper = |rest| buckets.upper(bucket, rest);
        let mut changes = Changes { work: self.work, first: None, last: 0, places: Vec::new() };
        if buckets.bits == 0 {
            let mut places = order.iter_mut();
            scattered.each_row(bucket, |_, row| {
                if let Some(place) = places.next() {
                    *place = row;
                }
            });
            changes.at(0, upper(0))?;
        } else if buckets.bits <= MOST_COUNTED_BITS && 1 << buckets.bits <= length.max(BUCKET_ROWS) * 4 {
            self.count(scattered, bucket, order, |place, rest| changes.at(place, upper(rest)))?;
        } else if length > MOST_AT_ONCE {
            // Its ends are known when it has been sorted.
            let (mut low, mut high) = (u64::MAX, 0);
            scattered.each_row(bucket, |rest, _| (low, high) = (low.min(rest), high.max(rest)));
            let (first, last) = (upper(low), upper(high));
            return Ok(Some(Bucket { first, last, changes: Vec::new(), is_left: true }));
        } else {
            self.compare(scattered, bucket, length, order, |place, rest| changes.at(place, upper(rest)))?;
        }
        let Changes { first, last, places, .. } = changes;
        Ok(Some(Bucket { first: first.unwrap_or_default(), last, changes: places, is_left: false }))
    }

    /// Counts rows by their rests, and writes each behind those before it.
    fn count<K: Low>(
        &mut self,
        scattered: &Scattered<'_, K>,
        bucket: usize,
        order: &mut [u32],
        mut begins: impl FnMut(usize, u64) -> Result<(), OrderError>,
    ) -> Result<(), OrderError> {
        let counts = 1_usize << scattered.buckets.bits;
        self.counts.clear();
        self.work.budget.reserve(&mut self.counts, counts)?;
        self.counts.resize(counts, 0);
        let counts = &mut self.counts;
        scattered.each_row(bucket, |rest, _| counts[rest as usize] += 1);
        let mut begin = 0;
        for (rest, count) in counts.iter_mut().enumerate() {
            if *count > 0 {
                begins(begin as usize, rest as u64)?;
                begin += std::mem::replace(count, begin);
            }
        }
        scattered.each_row(bucket, |rest, row| {
            let next = &mut counts[rest as usize];
            order[*next as usize] = row;
            *next += 1;
        });
        Ok(())
    }

    /// Sorts rests with places in the bucket, which keeps the order of those that are equal.
    fn compare<K: Low>(
        &mut self,
        scattered: &Scattered<'_, K>,
        bucket: usize,
        length: usize,
        order: &mut [u32],
        mut begins: impl FnMut(usize, u64) -> Result<(), OrderError>,
    ) -> Result<(), OrderError> {
        let place_bits = u64::BITS - (length as u64 - 1).leading_zeros();
        self.rows.clear();
        self.work.budget.reserve(&mut self.rows, length)?;
        let rows = &mut self.rows;
        if scattered.buckets.bits + place_bits > u64::BITS {
            self.pairs.clear();
            self.work.budget.reserve(&mut self.pairs, length)?;
            let pairs = &mut self.pairs;
            scattered.each_row(bucket, |rest, row| pairs.push((rest, row)));
            // Rows ascend in the bucket, so they stand for their places.
            pairs.sort_unstable();
            for (place, (slot, &(rest, row))) in order.iter_mut().zip(&*pairs).enumerate() {
                *slot = row;
                begins(place, rest)?;
            }
            return Ok(());
        }
        self.packed.clear();
        self.work.budget.reserve(&mut self.packed, length)?;
        let packed = &mut self.packed;
        scattered.each_row(bucket, |rest, row| {
            packed.push(rest.checked_shl(place_bits).unwrap_or(0) | rows.len() as u64);
            rows.push(row);
        });
        self.sort_packed()?;
        let mask = (1_u64 << place_bits) - 1;
        for (place, (slot, &code)) in order.iter_mut().zip(&self.packed).enumerate() {
            *slot = self.rows[(code & mask) as usize];
            begins(place, code >> place_bits)?;
        }
        Ok(())
    }

    /// Sorts the packed numbers: those of many rows go to groups by their highest bits that differ, about one to a group.
    fn sort_packed(&mut self) -> Result<(), OrderError> {
        let packed = &mut self.packed;
        if packed.len() < LEAST_GROUPED {
            packed.sort_unstable();
            return Ok(());
        }
        let (low, high) = packed.iter().fold((u64::MAX, 0), |(low, high), &code| (low.min(code), high.max(code)));
        let groups = packed.len().next_power_of_two();
        let bits = (u64::BITS - (high - low).leading_zeros()).saturating_sub(groups.ilog2()).min(u64::BITS - 1);
        let group = |code: u64| ((code - low) >> bits) as usize;
        let counts = &mut self.counts;
        counts.clear();
        self.work.budget.reserve(counts, group(high) + 1)?;
        counts.resize(group(high) + 1, 0);
        for &code in &*packed {
            counts[group(code)] += 1;
        }
        let (mut begin, mut largest) = (0, 0);
        for count in &mut *counts {
            largest = largest.max(*count);
            begin += std::mem::replace(count, begin);
        }
        let grouped = &mut self.grouped;
        self.work.budget.reserve(grouped, packed.len().saturating_sub(grouped.len()))?;
        grouped.resize(packed.len(), 0);
        for &code in &*packed {
            let next = &mut counts[group(code)];
            grouped[*next as usize] = code;
            *next += 1;
        }
        if largest as usize > MOST_INSERTED {
            // Behind its last row each group begins the next one.
            let mut begin = 0;
            for &end in &*counts {
                if (end - begin) as usize > MOST_INSERTED {
                    grouped[begin as usize..end as usize].sort_unstable();
                }
                begin = end;
            }
        }
        insertion_sort(grouped);
        std::mem::swap(&mut self.packed, &mut self.grouped);
        Ok(())
    }
}

/// Sorts numbers each of which is near its place.
fn insertion_sort(numbers: &mut [u64]) {
    for at in 1..numbers.len() {
        let number = numbers[at];
        let mut place = at;
        while place > 0 && numbers[place - 1] > number {
            numbers[place] = numbers[place - 1];
            place -= 1;
        }
        numbers[place] = number;
    }
}

/// Notes where the upper bits of codes change.
struct Changes<'w> {
    work: Work<'w>,
    first: Option<u64>,
    last: u64,
    places: Vec<u32>,
}

impl Changes<'_> {
    #[inline]
    fn at(&mut self, place: usize, upper: u64) -> Result<(), OrderError> {
        if self.first.is_none() {
            self.first = Some(upper);
        } else if upper != self.last {
            self.work.budget.reserve(&mut self.places, 1)?;
            self.places.push(place as u32);
        }
        self.last = upper;
        Ok(())
    }
}
