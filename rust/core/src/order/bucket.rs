//! The rows of one bucket in order: counted by the lower bits of their codes, or sorted by them.

use super::OrderError;
use super::places::{Changes, FEW_GROUPED, MANY_GROUPED, MOST_GROUPED, Places, begun, lengthen, place_bits};
use super::scatter::{BUCKET_ROWS, Scattered};
use super::word::With;
use super::work::Work;

/// What is sorted at once, some ten milliseconds' work.
const MOST_AT_ONCE: usize = 1 << 18;
/// The most lower bits by which rows are counted.
const MOST_COUNTED_BITS: u32 = 16;
/// What stands behind the last group; it is above all codes, which have a bit less.
const BEHIND: u64 = u64::MAX >> 1;

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
    /// The bucket's rows as they come, and what they carry.
    rows: Vec<u32>,
    bytes: Vec<u8>,
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
        self.work.budget.release_vector(&self.bytes);
        self.work.budget.release_vector(&self.packed);
        self.work.budget.release_vector(&self.grouped);
        self.work.budget.release_vector(&self.pairs);
    }
}

impl<'w> Sorter<'w> {
    pub fn new(work: Work<'w>) -> Self {
        let (packed, grouped, pairs) = (Vec::new(), Vec::new(), Vec::new());
        Self { work, counts: Vec::new(), rows: Vec::new(), bytes: Vec::new(), packed, grouped, pairs }
    }

    /// Writes the rows of a bucket in order; None where it has none.
    pub fn sort<const JOINED: bool>(
        &mut self,
        scattered: &Scattered<'_, JOINED>,
        bucket: usize,
        with: With<'_>,
        places: Places<'_>,
    ) -> Result<Option<Bucket>, OrderError> {
        let buckets = scattered.buckets;
        let length = places.order.len();
        if length == 0 {
            return Ok(None);
        }
        let mut changes = Changes::new(buckets, bucket, self.work);
        if buckets.bits <= MOST_COUNTED_BITS && 1 << buckets.bits <= length.max(BUCKET_ROWS) * 4 {
            self.count(scattered, bucket, with, places, &mut changes)?;
        } else if length > MOST_AT_ONCE {
            // Its ends are known when it has been sorted.
            let (mut low, mut high) = (u64::MAX, 0);
            scattered.each_row(bucket, |rest, _, _| (low, high) = (low.min(rest), high.max(rest)));
            let (first, last) = (buckets.upper(bucket, low), buckets.upper(bucket, high));
            return Ok(Some(Bucket { first, last, changes: Vec::new(), is_left: true }));
        } else if length == 1 || buckets.bits + place_bits(length) >= u64::BITS {
            self.compare(scattered, bucket, with, places, &mut changes)?;
        } else {
            self.group(scattered, bucket, with, places, &mut changes)?;
        }
        let (first, last, changes) = changes.found();
        Ok(Some(Bucket { first, last, changes, is_left: false }))
    }

    /// Counts rows by their rests, and writes each behind those before it.
    fn count<const JOINED: bool>(
        &mut self,
        scattered: &Scattered<'_, JOINED>,
        bucket: usize,
        with: With<'_>,
        places: Places<'_>,
        changes: &mut Changes<'_>,
    ) -> Result<(), OrderError> {
        self.reset_counts(1 << scattered.buckets.bits)?;
        let counts = &mut self.counts;
        scattered.each_row(bucket, |rest, _, _| counts[rest as usize] += 1);
        let mut begin = 0;
        for (rest, count) in counts.iter_mut().enumerate() {
            if *count > 0 {
                changes.at(begin as usize, rest as u64)?;
                begin += std::mem::replace(count, begin);
            }
        }
        let Places { order, bytes, keys } = places;
        scattered.each_row(bucket, |rest, row, byte| {
            let next = &mut counts[rest as usize];
            let place = *next as usize;
            order[place] = row;
            if let Some(own) = bytes.get_mut(place) {
                *own = byte;
            }
            if let (Some(own), Some(key)) = (keys.get_mut(place), with.key) {
                *own = key.value(scattered.buckets.code(bucket, rest));
            }
            *next += 1;
        });
        Ok(())
    }

    /// Sorts rests together with rows, which ascend in the bucket, so that those that are equal keep their order.
    fn compare<const JOINED: bool>(
        &mut self,
        scattered: &Scattered<'_, JOINED>,
        bucket: usize,
        with: With<'_>,
        places: Places<'_>,
        changes: &mut Changes<'_>,
    ) -> Result<(), OrderError> {
        let Places { order, bytes, keys } = places;
        self.pairs.clear();
        self.work.budget.reserve(&mut self.pairs, order.len())?;
        let pairs = &mut self.pairs;
        scattered.each_row(bucket, |rest, row, _| pairs.push((rest, row)));
        pairs.sort_unstable();
        for (place, (slot, &(rest, row))) in order.iter_mut().zip(&*pairs).enumerate() {
            *slot = row;
            changes.at(place, rest)?;
        }
        for (byte, &row) in bytes.iter_mut().zip(&*order) {
            *byte = with.bytes[row as usize];
        }
        if let Some(key) = with.key {
            for (own, &(rest, _)) in keys.iter_mut().zip(&*pairs) {
                *own = key.value(scattered.buckets.code(bucket, rest));
            }
        }
        Ok(())
    }

    /// Sorts rests with places in the bucket, which keeps the order of those that are equal: rows go to groups by their highest bits,
    /// about one to a group, and each to its place in the group, which is how many of it are below. No branch depends on that, so
    /// that groups of some rows, as events that come in visits make them, take little longer.
    fn group<const JOINED: bool>(
        &mut self,
        scattered: &Scattered<'_, JOINED>,
        bucket: usize,
        with: With<'_>,
        places: Places<'_>,
        changes: &mut Changes<'_>,
    ) -> Result<(), OrderError> {
        let Places { order, bytes, keys } = places;
        let (length, bits) = (order.len(), scattered.buckets.bits);
        let place_bits = place_bits(length);
        let group_bits = bits.min(place_bits);
        let shift = bits - group_bits;
        self.reset_counts((1 << group_bits) + 1)?;
        lengthen(&mut self.packed, length, self.work)?;
        lengthen(&mut self.grouped, length + MANY_GROUPED, self.work)?;
        lengthen(&mut self.rows, length, self.work)?;
        lengthen(&mut self.bytes, bytes.len(), self.work)?;
        let Self { counts, packed, grouped, rows, bytes: own_bytes, .. } = self;
        let (packed, grouped) = (&mut packed[..length], &mut grouped[..length + MANY_GROUPED]);
        // Group by group where it begins, behind a first one without rows.
        let counts = counts.as_mut_slice();
        let mut slots = packed.iter_mut().zip(rows.iter_mut()).enumerate();
        let mut byte_slots = own_bytes.iter_mut();
        scattered.each_row(bucket, |rest, row, byte| {
            let Some((place, (packed, slot))) = slots.next() else { return };
            *packed = rest << place_bits | place as u64;
            *slot = row;
            counts[(rest >> shift) as usize + 1] += 1;
            if let Some(own) = byte_slots.next() {
                *own = byte;
            }
        });
        let mut grouping = Grouping { low: 0, shift: place_bits + shift };
        let mut largest = begun(counts);
        let are_regrouped = largest > MOST_GROUPED;
        if are_regrouped {
            let (low, high) = packed.iter().fold((u64::MAX, 0), |(low, high), &code| (code.min(low), code.max(high)));
            grouping = Grouping { low, shift: (u64::BITS - (high - low).leading_zeros()).saturating_sub(group_bits) };
            counts.fill(0);
            for &code in &*packed {
                counts[grouping.group(code) + 1] += 1;
            }
            largest = begun(counts);
        }
        for &code in &*packed {
            let next = &mut counts[grouping.group(code) + 1];
            grouped[*next as usize] = code;
            *next += 1;
        }
        // Behind its last row each group begins the next one.
        if largest as usize > MANY_GROUPED {
            for bounds in counts.windows(2).filter(|bounds| (bounds[1] - bounds[0]) as usize > MANY_GROUPED) {
                grouped[bounds[0] as usize..bounds[1] as usize].sort_unstable();
            }
        }
        grouped[length..].fill(BEHIND);
        for (at, &code) in grouped[..length].iter().enumerate() {
            let group = grouping.group(code);
            let (begin, end) = (counts[group] as usize, counts[group + 1] as usize);
            let place = if end - begin <= FEW_GROUPED {
                begin + below::<FEW_GROUPED>(&grouped[begin..], code)
            } else if end - begin <= MANY_GROUPED {
                begin + below::<MANY_GROUPED>(&grouped[begin..], code)
            } else {
                at
            };
            packed[place] = code;
        }
        let sorted = packed;
        let mask = (1_u64 << place_bits) - 1;
        for (slot, &code) in order.iter_mut().zip(&*sorted) {
            *slot = rows[(code & mask) as usize];
        }
        for (byte, &code) in bytes.iter_mut().zip(&*sorted) {
            *byte = own_bytes[(code & mask) as usize];
        }
        if let Some(key) = with.key {
            for (own, &code) in keys.iter_mut().zip(&*sorted) {
                *own = key.value(scattered.buckets.code(bucket, code >> place_bits));
            }
        }
        let ends = (sorted[0] >> place_bits, sorted[length - 1] >> place_bits);
        if are_regrouped || !changes.of_groups(counts, shift, ends)? {
            for (place, &code) in sorted.iter().enumerate() {
                changes.at(place, code >> place_bits)?;
            }
        }
        Ok(())
    }

    /// Makes so many counts, all 0.
    fn reset_counts(&mut self, counts: usize) -> Result<(), OrderError> {
        self.counts.clear();
        self.work.budget.reserve(&mut self.counts, counts)?;
        self.counts.resize(counts, 0);
        Ok(())
    }
}

/// Which group a code goes to.
#[derive(Clone, Copy)]
struct Grouping {
    low: u64,
    shift: u32,
}

impl Grouping {
    #[inline]
    fn group(self, code: u64) -> usize {
        ((code - self.low) >> self.shift) as usize
    }
}

/// How many of the first codes are below one of these. All are of its group, or above it.
#[inline]
fn below<const N: usize>(codes: &[u64], code: u64) -> usize {
    // Codes have 63 bits, so that the sign of the difference tells: processors without AVX compare no two numbers of 64 bits at once.
    let first = codes.first_chunk::<N>().copied().unwrap_or([BEHIND; N]);
    first.iter().map(|other| other.wrapping_sub(code) >> (u64::BITS - 1)).sum::<u64>() as usize
}
