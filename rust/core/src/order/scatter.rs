//! Rows brought into the order of buckets inside of each morsel, by the highest bits of their codes.

use super::OrderError;
use super::word::RowCodes;
use super::work::{MORSEL_ROWS, Parts, Work};
use crate::budget::Tick;
use crate::memory::Zero;

/// Rows that a bucket has on average, where codes are spread evenly.
pub const BUCKET_ROWS: usize = 1 << 12;
const MOST_BUCKETS: usize = 1 << 12;

/// Lower bits of codes.
pub trait Low: Zero + Send + Sync + 'static {
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
pub struct Buckets {
    pub low: u64,
    /// How many lower bits are left to sort by.
    pub bits: u32,
    pub count: usize,
    /// How many of a code's lowest bits may differ where the upper ones are the same.
    pub same_bits: u32,
}

impl Buckets {
    pub fn new(rows: usize, (low, high): (u64, u64), same_bits: u32) -> Self {
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

    /// The code of which a bucket has these lower bits.
    #[inline]
    pub fn code(&self, bucket: usize, rest: u64) -> u64 {
        self.low.wrapping_add((bucket as u64).checked_shl(self.bits).unwrap_or(0) | rest)
    }

    /// Its upper bits.
    #[inline]
    pub fn upper(&self, bucket: usize, rest: u64) -> u64 {
        shifted(self.code(bucket, rest), self.same_bits)
    }
}

#[inline]
fn shifted(code: u64, bits: u32) -> u64 {
    code.checked_shr(bits).unwrap_or(0)
}

/// What all morsels have in the order of buckets.
pub struct Scattered<'s, K> {
    pub rest: &'s [K],
    /// In its morsel.
    pub place: &'s [u16],
    /// What rows carry; empty where they carry nothing.
    pub bytes: &'s [u8],
    /// For each morsel, where each bucket begins in it, and how many rows it has.
    pub begins: &'s [u32],
    pub buckets: Buckets,
}

/// Rows of one bucket that follow one another in one morsel.
pub struct BucketRun<'s, K> {
    /// The first row of the morsel.
    pub first: u32,
    pub rest: &'s [K],
    pub place: &'s [u16],
    pub bytes: &'s [u8],
}

/// Writes for each morsel the rests and places of its rows, and what they carry, in the order of buckets, and where each bucket
/// begins.
pub fn scatter<K: Low, C: RowCodes>(
    codes: &C,
    carried: &[u8],
    rows: usize,
    buckets: Buckets,
    (rest, place, bytes, begins): (&mut [K], &mut [u16], &mut [u8], &mut [u32]),
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<(), OrderError> {
    let (rests, places) = (Parts::of_length(rest, MORSEL_ROWS), Parts::of_length(place, MORSEL_ROWS));
    let has_bytes = !bytes.is_empty();
    let bytes = Parts::of_length(bytes, MORSEL_ROWS);
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
        let mut put = |at: usize, code: u64| {
            let next = &mut next[buckets.number(code)];
            let to = *next as usize;
            rest[to] = K::of(buckets.rest(code));
            place[to] = at as u16;
            *next += 1;
            to
        };
        if has_bytes {
            let mut bytes = bytes.get(morsel);
            for (at, (&code, &byte)) in own.iter().zip(&carried[first..last]).enumerate() {
                bytes[put(at, code)] = byte;
            }
        } else {
            for (at, &code) in own.iter().enumerate() {
                put(at, code);
            }
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

impl<K: Low> Scattered<'_, K> {
    /// How many rows each bucket has.
    pub fn lengths(&self, work: Work<'_>) -> Result<Vec<usize>, OrderError> {
        let mut lengths: Vec<usize> = work.budget.zeroed(self.buckets.count)?;
        for begins in self.begins.chunks_exact(self.buckets.count + 1) {
            for (length, ends) in lengths.iter_mut().zip(begins.windows(2)) {
                *length += (ends[1] - ends[0]) as usize;
            }
        }
        Ok(lengths)
    }

    /// A bucket's rows, morsel by morsel.
    #[inline]
    pub fn runs(&self, bucket: usize) -> impl Iterator<Item = BucketRun<'_, K>> {
        self.begins.chunks_exact(self.buckets.count + 1).enumerate().map(move |(morsel, begins)| {
            let first = morsel * MORSEL_ROWS;
            let own = first + begins[bucket] as usize..first + begins[bucket + 1] as usize;
            let bytes = self.bytes.get(own.clone()).unwrap_or_default();
            BucketRun { first: first as u32, rest: &self.rest[own.clone()], place: &self.place[own], bytes }
        })
    }

    /// Calls with the rests of a bucket's rows, the rows, and what they carry, or 0, morsel by morsel.
    #[inline]
    pub fn each_row(&self, bucket: usize, mut call: impl FnMut(u64, u32, u8)) {
        for run in self.runs(bucket) {
            for (at, (rest, &place)) in run.rest.iter().zip(run.place).enumerate() {
                call(rest.wide(), run.first + u32::from(place), run.bytes.get(at).copied().unwrap_or_default());
            }
        }
    }

    /// The rows of a bucket, and their codes.
    pub fn gathered(
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
        self.each_row(bucket, |rest, row, _| {
            rows.push(row);
            codes.push(begin.wrapping_add(rest));
        });
        Ok((rows, codes))
    }
}
