//! Rows brought into the order of buckets inside of each morsel, by the highest bits of their codes.
//!
//! Mostly the lower bits of a row's code, its place in the morsel and what it carries fit into one number together, so that a
//! row is written to one place in memory: each bucket is another cache line, and there are more than the first cache holds.

use super::OrderError;
use super::word::{RowCodes, With};
use super::work::{MORSEL_ROWS, Parts, Work};
use crate::budget::Tick;

/// Rows that a bucket has on average, where codes are spread evenly.
pub const BUCKET_ROWS: usize = 1 << 12;
const MOST_BUCKETS: usize = 1 << 12;
/// More buckets than there would be otherwise, so that rows fit into one number each, have so many rows at least.
const LEAST_BUCKET_ROWS: usize = 1 << 9;
/// What a row's place in its morsel takes.
const PLACE_BITS: u32 = MORSEL_ROWS.ilog2();
/// Codes are made so many at a time, to be counted while they are in the first cache.
const FILLED_ROWS: usize = 1 << 12;

/// Which bucket a code goes to.
#[derive(Clone, Copy)]
pub struct Buckets {
    pub low: u64,
    /// How many lower bits are left to sort by.
    pub bits: u32,
    pub count: usize,
    /// How many of a code's lowest bits may differ where the upper ones are the same.
    pub same_bits: u32,
    /// What rows carry takes.
    byte_bits: u32,
}

impl Buckets {
    /// Buckets for so many rows.
    ///
    /// Args:
    ///     `same_bits`: as of `Self`.
    ///     `has_bytes`: whether each row carries a byte.
    pub fn new(rows: usize, (low, high): (u64, u64), same_bits: u32, has_bytes: bool) -> Self {
        let span = high - low;
        let all_bits = u64::BITS - span.leading_zeros();
        let byte_bits = if has_bytes { u8::BITS } else { 0 };
        let wanted = (rows / BUCKET_ROWS).next_power_of_two().min(MOST_BUCKETS).ilog2();
        // So many bits have to be those of buckets for rows to be one number each.
        let joined = all_bits.saturating_sub(u64::BITS - PLACE_BITS - byte_bits);
        let is_worth_it = joined <= MOST_BUCKETS.ilog2() && rows >> joined >= LEAST_BUCKET_ROWS;
        let bits = all_bits.saturating_sub(if is_worth_it { wanted.max(joined) } else { wanted });
        Self { low, bits, count: shifted(span, bits) as usize + 1, same_bits, byte_bits }
    }

    /// Whether a row's lower bits, its place in the morsel and what it carries fit into one number.
    pub fn are_joined(&self) -> bool {
        self.bits + PLACE_BITS + self.byte_bits <= u64::BITS
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

/// A code without so many of its lower bits.
#[inline]
pub fn shifted(code: u64, bits: u32) -> u64 {
    code.checked_shr(bits).unwrap_or(0)
}

/// What all morsels have in the order of buckets.
///
/// Where rows are `JOINED`, each is one number: the lower bits of its code, its place in the morsel, and what it carries.
pub struct Scattered<'s, const JOINED: bool> {
    /// The lower bits of codes, or joined rows.
    pub rest: &'s [u64],
    /// Places in the morsel; empty where rows are joined.
    pub place: &'s [u16],
    /// What rows carry; empty where they carry nothing, or are joined.
    pub bytes: &'s [u8],
    /// For each morsel, where each bucket begins in it, and how many rows it has.
    pub begins: &'s [u32],
    pub buckets: Buckets,
}

/// Memory for what [`scatter`] writes, as [`Scattered`] has it.
pub struct Room<'r> {
    pub rest: &'r mut [u64],
    pub place: &'r mut [u16],
    pub bytes: &'r mut [u8],
    pub begins: &'r mut [u32],
}

/// Writes for each morsel the rests and places of its rows, and what they carry, in the order of buckets, and where each bucket
/// begins. Where rows are joined, those to be left out are. Ends early where codes turn out to be others than was thought.
pub fn scatter<const JOINED: bool, C: RowCodes>(
    codes: &C,
    with: With<'_>,
    rows: usize,
    buckets: Buckets,
    room: Room<'_>,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<(), OrderError> {
    let (rests, places) = (Parts::of_length(room.rest, MORSEL_ROWS), Parts::of_length(room.place, MORSEL_ROWS));
    let bytes = Parts::of_length(room.bytes, MORSEL_ROWS);
    let begins = Parts::of_length(room.begins, buckets.count + 1);
    let left_out = with.left_out.filter(|_| JOINED);
    let scratch = || {
        let own: Vec<u64> = work.budget.zeroed(MORSEL_ROWS.min(rows))?;
        let lows = work.budget.zeroed(if left_out.is_some() { own.len() } else { 0 })?;
        Ok(Scratch { codes: own, lows, next: work.budget.zeroed(buckets.count)?, work })
    };
    work.each(rows.div_ceil(MORSEL_ROWS), tick, scratch, |scratch, morsel| {
        let first = morsel * MORSEL_ROWS;
        let last = rows.min(first + MORSEL_ROWS);
        if !codes.are_as_thought() {
            return Ok(());
        }
        let (own, next) = (&mut scratch.codes[..last - first], &mut scratch.next);
        let carried = with.bytes.get(first..last).unwrap_or_default();
        next.fill(0);
        let mut kept = 0;
        for from in (0..own.len()).step_by(FILLED_ROWS) {
            let end = own.len().min(from + FILLED_ROWS);
            codes.fill(first + from..first + end, &mut own[from..end])?;
            let before = kept;
            kept = match left_out {
                Some(left_out) => left_out.keep(own, &mut scratch.lows, kept, from, &carried[from..end]),
                None => end,
            };
            for &code in &own[before..kept] {
                next[buckets.number(code)] += 1;
            }
        }
        if !codes.are_as_thought() {
            return Ok(());
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
        let mut rest = rests.get(morsel);
        let mut next_of = |code: u64| {
            let next = &mut next[buckets.number(code)];
            *next += 1;
            *next as usize - 1
        };
        if left_out.is_some() {
            for (&code, &low) in own[..kept].iter().zip(&scratch.lows) {
                rest[next_of(code)] = buckets.rest(code) << (PLACE_BITS + u8::BITS) | u64::from(low);
            }
            return Ok(());
        }
        let with_places = own.iter().enumerate();
        match (JOINED, carried.is_empty()) {
            (true, true) => {
                for (at, &code) in with_places {
                    rest[next_of(code)] = buckets.rest(code) << PLACE_BITS | at as u64;
                }
            }
            (true, false) => {
                for ((at, &code), &byte) in with_places.zip(carried) {
                    let joined = buckets.rest(code) << PLACE_BITS | at as u64;
                    rest[next_of(code)] = joined << u8::BITS | u64::from(byte);
                }
            }
            (false, _) => {
                let mut place = places.get(morsel);
                let mut carried_bytes = (!carried.is_empty()).then(|| bytes.get(morsel));
                for (at, &code) in with_places {
                    let to = next_of(code);
                    rest[to] = buckets.rest(code);
                    place[to] = at as u16;
                    if let Some(bytes) = &mut carried_bytes {
                        bytes[to] = carried[at];
                    }
                }
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// What a thread uses again from morsel to morsel.
struct Scratch<'w> {
    codes: Vec<u64>,
    /// For each row that is kept, its place and its byte; empty where all are.
    lows: Vec<u32>,
    next: Vec<u32>,
    work: Work<'w>,
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        self.work.budget.release_vector(&self.codes);
        self.work.budget.release_vector(&self.lows);
        self.work.budget.release_vector(&self.next);
    }
}

impl<const JOINED: bool> Scattered<'_, JOINED> {
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

    /// Calls with the rests of a bucket's rows, the rows, and what they carry, or 0, morsel by morsel.
    #[inline]
    pub fn each_row(&self, bucket: usize, mut call: impl FnMut(u64, u32, u8)) {
        let byte_bits = self.buckets.byte_bits;
        let byte_mask = (1 << byte_bits) - 1;
        for (morsel, begins) in self.begins.chunks_exact(self.buckets.count + 1).enumerate() {
            let first = morsel * MORSEL_ROWS;
            let own = first + begins[bucket] as usize..first + begins[bucket + 1] as usize;
            if JOINED {
                for &row in &self.rest[own] {
                    let place = (row >> byte_bits) as u16;
                    call(row >> PLACE_BITS >> byte_bits, first as u32 + u32::from(place), (row & byte_mask) as u8);
                }
            } else {
                let bytes = self.bytes.get(own.clone()).unwrap_or_default();
                for (at, (&rest, &place)) in self.rest[own.clone()].iter().zip(&self.place[own]).enumerate() {
                    call(rest, first as u32 + u32::from(place), bytes.get(at).copied().unwrap_or_default());
                }
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
