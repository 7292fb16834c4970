//! Sorting by codes of 64 bits: rows go to buckets by the highest bits, morsel by morsel, and each bucket is sorted by itself.
//!
//! A morsel's rows are brought into the order of buckets inside of a core's cache, each as the lower bits of its code and its
//! place in the morsel. A bucket is what all morsels have for it, one after another, so rows that are equal keep their order.
//! Where few lower bits are left, rows are counted by them; otherwise they are sorted together with their places, unless they
//! are in order. A bucket that has too many rows to be sorted at once is brought into buckets again.

use std::ops::Range;

use super::OrderError;
use super::word::Codes;
use super::work::{MORSEL_ROWS, Parts, Work};
use crate::budget::Tick;
use crate::memory::Zero;

/// Rows that a bucket has on average, where codes are spread evenly.
const BUCKET_ROWS: usize = 1 << 12;
const MOST_BUCKETS: usize = 1 << 12;
/// What is sorted at once, some ten milliseconds' work.
const MOST_AT_ONCE: usize = 1 << 18;
/// The most lower bits by which rows are counted.
const MOST_COUNTED_BITS: u32 = 16;

/// Rows in order.
pub struct Sorted {
    /// For each place, its row.
    pub order: Vec<u32>,
    /// The places, behind the first, where the upper bits of codes change.
    pub changes: Vec<i64>,
}

/// Lower bits of codes.
trait Low: Zero + Send + Sync + 'static {
    fn of(code: u64) -> Self;
    fn wide(self) -> u64;
}

impl Low for u32 {
    #[inline]
    fn of(code: u64) -> Self {
        code as Self
    }

    #[inline]
    fn wide(self) -> u64 {
        self.into()
    }
}

impl Low for u64 {
    #[inline]
    fn of(code: u64) -> Self {
        code
    }

    #[inline]
    fn wide(self) -> u64 {
        self
    }
}

/// Which bucket a code goes to.
#[derive(Clone, Copy)]
struct Buckets {
    low: u64,
    /// How many lower bits are left to sort by.
    bits: u32,
    count: usize,
    /// How many of a code's lowest bits may differ where the upper ones are the same.
    same_bits: u32,
}

impl Buckets {
    fn new(rows: usize, (low, high): (u64, u64), same_bits: u32) -> Self {
        let span = high - low;
        let wanted = (rows / BUCKET_ROWS).next_power_of_two().min(MOST_BUCKETS);
        let bits = (u64::BITS - span.leading_zeros()).saturating_sub(wanted.ilog2());
        Self { low, bits, count: shifted(span, bits) as usize + 1, same_bits }
    }

    #[inline]
    fn number(&self, code: u64) -> usize {
        // Memory that changes meanwhile gives a wrong order, and no more.
        (shifted(code.wrapping_sub(self.low), self.bits) as usize).min(self.count - 1)
    }

    /// The lower bits of a code.
    #[inline]
    fn rest(&self, code: u64) -> u64 {
        code.wrapping_sub(self.low) & self.mask()
    }

    fn mask(&self) -> u64 {
        u64::MAX.checked_shr(u64::BITS - self.bits).unwrap_or(0)
    }

    /// The upper bits of the code of which a bucket has these lower bits.
    #[inline]
    fn upper(&self, bucket: usize, rest: u64) -> u64 {
        let offset = (bucket as u64).checked_shl(self.bits).unwrap_or(0) | rest;
        shifted(self.low.wrapping_add(offset), self.same_bits)
    }
}

#[inline]
fn shifted(code: u64, bits: u32) -> u64 {
    code.checked_shr(bits).unwrap_or(0)
}

/// What all morsels have in the order of buckets.
struct Scattered<'s, K> {
    rest: &'s [K],
    /// In its morsel.
    place: &'s [u16],
    /// For each morsel, where each bucket begins in it, and how many rows it has.
    begins: &'s [u32],
    buckets: Buckets,
}

/// What was found of a bucket that has rows.
struct Bucket {
    /// The upper bits of its first and last code.
    first: u64,
    last: u64,
    /// The places in it, behind the first, where these change.
    changes: Vec<u32>,
    /// Whether it has too many rows, and is still to be sorted.
    is_left: bool,
}

/// Sorts rows by their codes; those that are equal keep their order.
///
/// Args:
///     range: no code is outside of it.
///     same_bits: changes are of codes without this number of their lowest bits.
pub fn sort<C: Codes>(
    codes: &C,
    rows: usize,
    range: (u64, u64),
    same_bits: u32,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Sorted, OrderError> {
    let buckets = Buckets::new(rows, range, same_bits);
    if buckets.bits <= u32::BITS {
        sort_as::<u32, C>(codes, rows, buckets, work, tick)
    } else {
        sort_as::<u64, C>(codes, rows, buckets, work, tick)
    }
}

fn sort_as<K: Low, C: Codes>(
    codes: &C,
    rows: usize,
    buckets: Buckets,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Sorted, OrderError> {
    let budget = work.budget;
    let morsels = rows.div_ceil(MORSEL_ROWS);
    let mut rest: Vec<K> = budget.zeroed(rows)?;
    let mut place: Vec<u16> = budget.zeroed(rows)?;
    let mut begins: Vec<u32> = budget.zeroed(morsels.saturating_mul(buckets.count + 1))?;
    scatter(codes, rows, buckets, (&mut rest, &mut place, &mut begins), work, tick)?;
    let scattered = Scattered { rest: &rest, place: &place, begins: &begins, buckets };
    let lengths = scattered.lengths(work)?;
    let mut order: Vec<u32> = budget.zeroed(rows)?;
    let mut found = {
        let parts = Parts::of_lengths(&mut order, lengths.iter().copied());
        work.each(
            buckets.count,
            tick,
            || Ok(Sorter::new(work)),
            |sorter, bucket| sorter.sort(&scattered, bucket, lengths[bucket], &mut parts.get(bucket)),
        )?
    };
    let mut begin = 0;
    for (bucket, &length) in lengths.iter().enumerate() {
        if let Some(Some(own)) = found.get_mut(bucket).filter(|own| own.as_ref().is_some_and(|own| own.is_left)) {
            let (own_rows, own_codes) = scattered.gathered(bucket, length, work, tick)?;
            let range = (own_codes.iter().min().copied(), own_codes.iter().max().copied());
            let range = (range.0.unwrap_or_default(), range.1.unwrap_or_default());
            let sorted = sort(&Listed(&own_codes), length, range, buckets.same_bits, work, tick)?;
            for (place, &at) in order[begin..begin + length].iter_mut().zip(&sorted.order) {
                *place = own_rows[at as usize];
            }
            budget.reserve(&mut own.changes, sorted.changes.len())?;
            own.changes.extend(sorted.changes.iter().map(|&change| change as u32));
            budget.release_vector(&sorted.changes);
            budget.release_vector(&sorted.order);
            budget.release_vector(&own_rows);
            budget.release_vector(&own_codes);
        }
        begin += length;
    }
    budget.release_vector(&rest);
    budget.release_vector(&place);
    budget.release_vector(&begins);
    let changes = joined(&found, &lengths, work, tick)?;
    budget.release_vector(&lengths);
    Ok(Sorted { order, changes })
}

/// Writes for each morsel the rests and places of its rows in the order of buckets, and where each bucket begins.
fn scatter<K: Low, C: Codes>(
    codes: &C,
    rows: usize,
    buckets: Buckets,
    (rest, place, begins): (&mut [K], &mut [u16], &mut [u32]),
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<(), OrderError> {
    let (rests, places) = (Parts::of_length(rest, MORSEL_ROWS), Parts::of_length(place, MORSEL_ROWS));
    let begins = Parts::of_length(begins, buckets.count + 1);
    let scratch = || {
        let own: Vec<u64> = work.budget.zeroed(MORSEL_ROWS.min(rows))?;
        Ok(Scratch { codes: own, next: work.budget.zeroed(buckets.count)?, work })
    };
    work.each(rows.div_ceil(MORSEL_ROWS), tick, scratch, |scratch, morsel| {
        let first = morsel * MORSEL_ROWS;
        let last = rows.min(first + MORSEL_ROWS);
        let (own, next) = (&mut scratch.codes[..last - first], &mut scratch.next);
        codes.fill(first..last, own)?;
        next.fill(0);
        for &code in &*own {
            next[buckets.number(code)] += 1;
        }
        let mut begins = begins.get(morsel);
        let mut begin = 0;
        for (next, at) in next.iter_mut().zip(begins.iter_mut()) {
            *at = begin;
            begin += std::mem::replace(next, begin);
        }
        if let Some(end) = begins.last_mut() {
            *end = begin;
        }
        let (mut rest, mut place) = (rests.get(morsel), places.get(morsel));
        for (at, &code) in own.iter().enumerate() {
            let next = &mut next[buckets.number(code)];
            rest[*next as usize] = K::of(buckets.rest(code));
            place[*next as usize] = at as u16;
            *next += 1;
        }
        Ok(())
    })?;
    Ok(())
}

/// What a thread uses again from morsel to morsel.
struct Scratch<'w> {
    codes: Vec<u64>,
    next: Vec<u32>,
    work: Work<'w>,
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        self.work.budget.release_vector(&self.codes);
        self.work.budget.release_vector(&self.next);
    }
}

/// Codes in a list.
pub struct Listed<'l>(pub &'l [u64]);

impl Codes for Listed<'_> {
    fn fill(&self, rows: Range<usize>, codes: &mut [u64]) -> Result<(), OrderError> {
        codes.copy_from_slice(&self.0[rows]);
        Ok(())
    }
}

impl<K: Low> Scattered<'_, K> {
    /// How many rows each bucket has.
    fn lengths(&self, work: Work<'_>) -> Result<Vec<usize>, OrderError> {
        let mut lengths: Vec<usize> = work.budget.zeroed(self.buckets.count)?;
        for begins in self.begins.chunks_exact(self.buckets.count + 1) {
            for (length, ends) in lengths.iter_mut().zip(begins.windows(2)) {
                *length += (ends[1] - ends[0]) as usize;
            }
        }
        Ok(lengths)
    }

    /// Calls with the rests of a bucket's rows and the rows, morsel by morsel.
    #[inline]
    fn each_row(&self, bucket: usize, mut call: impl FnMut(u64, u32)) {
        for (morsel, begins) in self.begins.chunks_exact(self.buckets.count + 1).enumerate() {
            let first = morsel * MORSEL_ROWS;
            let own = first + begins[bucket] as usize..first + begins[bucket + 1] as usize;
            for (rest, &place) in self.rest[own.clone()].iter().zip(&self.place[own]) {
                call(rest.wide(), first as u32 + u32::from(place));
            }
        }
    }

    /// The rows of a bucket, and their codes.
    fn gathered(
        &self,
        bucket: usize,
        length: usize,
        work: Work<'_>,
        tick: &mut Tick<'_>,
    ) -> Result<(Vec<u32>, Vec<u64>), OrderError> {
        work.budget.check()?;
        tick()?;
        let (mut rows, mut codes) = (Vec::new(), Vec::new());
        work.budget.reserve(&mut rows, length)?;
        work.budget.reserve(&mut codes, length)?;
        let begin = self.buckets.low.wrapping_add((bucket as u64).checked_shl(self.buckets.bits).unwrap_or(0));
        self.each_row(bucket, |rest, row| {
            rows.push(row);
            codes.push(begin.wrapping_add(rest));
        });
        Ok((rows, codes))
    }
}

/// Sorts buckets one after another.
struct Sorter<'w> {
    work: Work<'w>,
    counts: Vec<u32>,
    rows: Vec<u32>,
    /// Rests with places in the bucket.
    packed: Vec<u64>,
    /// The same where they do not fit into one number.
    pairs: Vec<(u64, u32)>,
}

impl Drop for Sorter<'_> {
    fn drop(&mut self) {
        self.work.budget.release_vector(&self.counts);
        self.work.budget.release_vector(&self.rows);
        self.work.budget.release_vector(&self.packed);
        self.work.budget.release_vector(&self.pairs);
    }
}

impl<'w> Sorter<'w> {
    fn new(work: Work<'w>) -> Self {
        Self { work, counts: Vec::new(), rows: Vec::new(), packed: Vec::new(), pairs: Vec::new() }
    }

    /// Writes the rows of a bucket in order; None where it has none.
    fn sort<K: Low>(
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
        packed.sort_unstable();
        let mask = (1_u64 << place_bits) - 1;
        for (place, (slot, &code)) in order.iter_mut().zip(&*packed).enumerate() {
            *slot = rows[(code & mask) as usize];
            begins(place, code >> place_bits)?;
        }
        Ok(())
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

/// The changes of all buckets, and those between buckets.
fn joined(
    found: &[Option<Bucket>],
    lengths: &[usize],
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Vec<i64>, OrderError> {
    let mut changes = Vec::new();
    let mut begin = 0;
    let mut last = None;
    for (bucket, length) in found.iter().zip(lengths) {
        let Some(bucket) = bucket else { continue };
        work.budget.check()?;
        tick()?;
        work.budget.reserve(&mut changes, bucket.changes.len() + 1)?;
        if last.is_some_and(|last| last != bucket.first) {
            changes.push(begin as i64);
        }
        changes.extend(bucket.changes.iter().map(|&place| (begin + place as usize) as i64));
        work.budget.release_vector(&bucket.changes);
        last = Some(bucket.last);
        begin += length;
    }
    Ok(changes)
}
