//! Short texts as numbers in their order, without a look-up.
//!
//! Names such as `user-000123` differ in few places, and have few characters there. With the bytes that stand at each place
//! numbered in their order, a text is a number whose digits they are, each place with as many digits as it has bytes. Where these
//! numbers are about as dense as the rows, they serve as ranks: nothing is hashed, joined or sorted.
//!
//! Texts of one length are numbered at once with the bytes of the first few thousand. Where another byte stands at some place, and where
//! lengths differ, all texts are looked at before.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::OrderError;
use super::dictionary::{LONG, Short};
use super::source::{PIECE_ROWS, Ranked, Source};
use super::work::{MORSEL_ROWS, Parts, Work};
use crate::budget::Tick;

/// Bytes of a short text, the last of which is its length.
const PLACES: usize = size_of::<Short>();
const LENGTH: usize = PLACES - 1;
const BYTES: usize = 1 << u8::BITS;
/// So many rows are looked at before all of them are.
const SAMPLED_ROWS: usize = 1 << 12;
/// Numbers are dense where there are at most so many for each row.
const MOST_A_ROW: u64 = 4;
/// What a byte adds that was not seen at its place; numbers are less.
const UNSEEN: u32 = 1 << 31;

/// The texts of a key as numbers in their order; None where there are longer ones, or where the numbers would not be dense.
pub fn numbered(
    source: &Source<'_>,
    rows: usize,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Option<Ranked>, OrderError> {
    let most = (rows as u64).saturating_mul(MOST_A_ROW).min(u64::from(UNSEEN) - 1);
    let mut sample = Alphabets::default();
    let mut shorts = Vec::with_capacity(PIECE_ROWS);
    for begin in (0..rows.min(SAMPLED_ROWS)).step_by(PIECE_ROWS) {
        shorts.clear();
        source.shorts(begin..rows.min(begin + PIECE_ROWS), &mut shorts)?;
        sample.add(&shorts);
    }
    let Some(digits) = sample.digits(most) else { return Ok(None) };
    if sample.have_one_length()
        && let Some(found) = written(source, rows, &digits, &sample, work, tick)?
    {
        return Ok(Some(found));
    }
    let all = Mutex::new(sample);
    work.each_morsel(rows, tick, |_, morsel| {
        let mut own = Alphabets::default();
        let mut shorts = Vec::with_capacity(PIECE_ROWS);
        for begin in morsel.clone().step_by(PIECE_ROWS) {
            shorts.clear();
            source.shorts(begin..morsel.end.min(begin + PIECE_ROWS), &mut shorts)?;
            own.add(&shorts);
            if own.has_long {
                break;
            }
        }
        all.lock().unwrap_or_else(PoisonError::into_inner).join(&own);
        Ok(())
    })?;
    let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Some(digits) = all.digits(most) else { return Ok(None) };
    written(source, rows, &digits, &all, work, tick)
}

/// The numbers of texts; None where one has a byte that was not seen at its place.
fn written(
    source: &Source<'_>,
    rows: usize,
    digits: &Digits,
    alphabets: &Alphabets,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Option<Ranked>, OrderError> {
    let mut numbers: Vec<u32> = work.budget.zeroed(rows)?;
    let parts = Parts::of_length(&mut numbers, MORSEL_ROWS);
    let has_others = AtomicBool::new(false);
    work.each_morsel(rows, tick, |number, morsel| {
        let mut part = parts.get(number);
        let mut shorts = Vec::with_capacity(PIECE_ROWS);
        for (begin, found) in morsel.clone().step_by(PIECE_ROWS).zip(part.chunks_mut(PIECE_ROWS)) {
            if has_others.load(Ordering::Relaxed) {
                break;
            }
            shorts.clear();
            source.shorts(begin..morsel.end.min(begin + PIECE_ROWS), &mut shorts)?;
            if !alphabets.are_same_elsewhere(&shorts) || !digits.write(&shorts, found) {
                has_others.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    })?;
    drop(parts);
    if has_others.into_inner() {
        work.budget.release_vector(&numbers);
        return Ok(None);
    }
    Ok(Some(Ranked {
        places: numbers,
        ranks: Vec::new(),
        lists: Vec::new(),
        morsel_rows: MORSEL_ROWS,
        count: digits.count as usize,
    }))
}

/// A text's bytes as one number.
fn joined(short: Short) -> u128 {
    u128::from(short.0) << u64::BITS | u128::from(short.1)
}

/// One of its bytes.
#[inline]
fn byte(text: u128, place: usize) -> usize {
    (text >> (8 * (LENGTH - place))) as usize % BYTES
}

/// Which bytes stand at each place of texts.
struct Alphabets {
    /// One of the texts; None where there are none.
    first: Option<u128>,
    /// Bits that are not the same in all.
    differing: u128,
    /// For places that are not the same in all.
    bytes: Box<[[bool; BYTES]; PLACES]>,
    /// Whether a text ends with a zero, so that it differs from a shorter one in its length alone.
    ends_with_zero: bool,
    has_long: bool,
}

impl Default for Alphabets {
    fn default() -> Self {
        let bytes = Box::new([[false; BYTES]; PLACES]);
        Self { first: None, differing: 0, bytes, ends_with_zero: false, has_long: false }
    }
}

impl Alphabets {
    fn add(&mut self, shorts: &[Short]) {
        let Some(&one) = shorts.first() else { return };
        let first = *self.first.get_or_insert(joined(one));
        let mut differing = 0;
        for &short in shorts {
            let text = joined(short);
            differing |= text ^ first;
            self.has_long |= short == LONG;
            let length = byte(text, LENGTH).min(LENGTH);
            self.ends_with_zero |= length > 0 && byte(text, length - 1) == 0;
        }
        self.differing |= differing;
        for place in places(self.differing) {
            let seen = &mut self.bytes[place];
            seen[byte(first, place)] = true;
            for &short in shorts {
                seen[byte(joined(short), place)] = true;
            }
        }
    }

    fn join(&mut self, other: &Self) {
        let Some(other_first) = other.first else { return };
        let first = *self.first.get_or_insert(other_first);
        let differing = self.differing | other.differing | first ^ other_first;
        for place in places(differing) {
            let seen = &mut self.bytes[place];
            seen[byte(first, place)] = true;
            seen[byte(other_first, place)] = true;
            seen.iter_mut().zip(&other.bytes[place]).for_each(|(seen, other)| *seen |= other);
        }
        self.differing = differing;
        self.ends_with_zero |= other.ends_with_zero;
        self.has_long |= other.has_long;
    }

    fn have_one_length(&self) -> bool {
        byte(self.differing, LENGTH) == 0
    }

    /// Whether texts have the bytes of all others at the places where those are the same.
    fn are_same_elsewhere(&self, shorts: &[Short]) -> bool {
        let first = self.first.unwrap_or_default();
        let differing = places(self.differing).fold(0, |bits, place| bits | 0xff << (8 * (LENGTH - place)));
        shorts.iter().fold(0, |others, &short| others | (joined(short) ^ first) & !differing) == 0
    }

    /// How texts are numbered; None where some are long, or there would be more numbers than so many.
    fn digits(&self, most: u64) -> Option<Digits> {
        if self.has_long {
            return None;
        }
        let mut count = 1_u64;
        let mut of_places = Vec::new();
        let mut differing: Vec<_> = places(self.differing).collect();
        differing.reverse();
        for place in differing.into_iter().filter(|&place| place != LENGTH || self.ends_with_zero) {
            let mut digits = Box::new([UNSEEN; BYTES]);
            let mut digit = 0_u64;
            for (number, _) in digits.iter_mut().zip(&self.bytes[place]).filter(|(_, seen)| **seen) {
                *number = u32::try_from(digit.checked_mul(count)?).ok()?;
                digit += 1;
            }
            count = count.checked_mul(digit).filter(|&count| count <= most)?;
            of_places.push((place, digits));
        }
        Some(Digits { of_places, count })
    }
}

/// The places of bytes of which some bits are set.
fn places(bits: u128) -> impl Iterator<Item = usize> {
    (0..PLACES).filter(move |&place| byte(bits, place) != 0)
}

/// What each byte at each place adds to a text's number.
struct Digits {
    of_places: Vec<(usize, Box<[u32; BYTES]>)>,
    /// No number is as large.
    count: u64,
}

impl Digits {
    /// Writes the numbers of texts; false where one has a byte that was not seen at its place.
    fn write(&self, shorts: &[Short], found: &mut [u32]) -> bool {
        // Place by place, so that a loop has one table and one shift.
        found.fill(0);
        let mut all = 0;
        for (place, digits) in &self.of_places {
            let shift = 8 * (PLACES / 2 - 1 - place % (PLACES / 2));
            let mut add = |found: &mut u32, half: u64| {
                let digit = digits[(half >> shift) as usize % BYTES];
                all |= digit;
                *found = found.wrapping_add(digit);
            };
            if *place < PLACES / 2 {
                found.iter_mut().zip(shorts).for_each(|(found, short)| add(found, short.0));
            } else {
                found.iter_mut().zip(shorts).for_each(|(found, short)| add(found, short.1));
            }
        }
        all & UNSEEN == 0
    }
}
