//! Writing the values of one output and one morsel, block by block.

use std::ops::Range;

use super::block_rows::BLOCK;
use super::columns::{ChunkCursor, ChunkValues, ChunkedColumn};
use super::navigation::ABSENT;
use super::texts::{TextPiece, TextTaker};
use crate::budget::{Budget, Stopped};
use crate::expression::{Bits, Validity};

/// Takes values at rows, [`ABSENT`] where there is none.
pub enum Taker<'t> {
    W1(FixedTaker<'t, u8>),
    W2(FixedTaker<'t, u16>),
    W4(FixedTaker<'t, u32>),
    W8(FixedTaker<'t, u64>),
    W16(FixedTaker<'t, i128>),
    Bytes(FixedTaker<'t, u8>, usize),
    Numbers(NumberTaker<'t>),
    Exists(Bits),
    Bits(BitTaker<'t>),
    Small(TextTaker<'t, i32>),
    Large(TextTaker<'t, i64>),
}

/// What one morsel gave beside what stands in its part of the values.
pub enum MorselTaken {
    /// Which values are there.
    Written(Validity),
    /// Booleans, and which of them are there.
    Bits(Bits, Validity),
    Small(Vec<TextPiece<i32>>),
    Large(Vec<TextPiece<i64>>),
}

impl<'t> Taker<'t> {
    /// Takes booleans.
    pub fn bits(column: &'t ChunkedColumn<'t>) -> Self {
        Self::Bits(BitTaker { column, bits: Bits::default(), valid: Validity::default(), flags: Vec::new() })
    }

    /// Takes the values of a block.
    pub fn add(&mut self, rows: &[usize], budget: &Budget) -> Result<(), Stopped> {
        macro_rules! fixed {
            ($taker:expr, $kind:ident) => {
                $taker.add(rows, budget, |values| match values {
                    ChunkValues::$kind(values) => values,
                    _ => &[],
                })
            };
        }
        match self {
            Self::W1(taker) => fixed!(taker, W1),
            Self::W2(taker) => fixed!(taker, W2),
            Self::W4(taker) => fixed!(taker, W4),
            Self::W8(taker) => fixed!(taker, W8),
            Self::W16(taker) => fixed!(taker, W16),
            Self::Bytes(taker, width) => taker.add_bytes(rows, *width, budget),
            Self::Numbers(taker) => taker.add(rows, budget),
            Self::Exists(bits) => bits.extend(rows.iter().map(|&row| row != ABSENT), budget),
            Self::Bits(taker) => taker.add(rows, budget),
            Self::Small(taker) => taker.add(rows, budget),
            Self::Large(taker) => taker.add(rows, budget),
        }
    }

    /// As [`Self::add`], of rows that follow one another.
    pub fn add_run(&mut self, rows: Range<usize>, budget: &Budget) -> Result<(), Stopped> {
        macro_rules! copied {
            ($taker:expr, $kind:ident) => {
                $taker.copy_run(&rows, budget, |values| match values {
                    ChunkValues::$kind(values) => values,
                    _ => &[],
                })?
            };
        }
        let is_copied = match self {
            Self::W1(taker) => copied!(taker, W1),
            Self::W2(taker) => copied!(taker, W2),
            Self::W4(taker) => copied!(taker, W4),
            Self::W8(taker) => copied!(taker, W8),
            Self::W16(taker) => copied!(taker, W16),
            _ => false,
        };
        let mut numbers = Vec::new();
        for first in rows.clone().step_by(BLOCK).take_while(|_| !is_copied) {
            numbers.clear();
            numbers.extend(first..rows.end.min(first + BLOCK));
            self.add(&numbers, budget)?;
        }
        Ok(())
    }

    /// Ends the morsel.
    pub fn finish(self) -> MorselTaken {
        match self {
            Self::W1(taker) | Self::Bytes(taker, _) => MorselTaken::Written(taker.valid),
            Self::W2(taker) => MorselTaken::Written(taker.valid),
            Self::W4(taker) => MorselTaken::Written(taker.valid),
            Self::W8(taker) => MorselTaken::Written(taker.valid),
            Self::W16(taker) => MorselTaken::Written(taker.valid),
            Self::Numbers(taker) => MorselTaken::Written(taker.valid),
            Self::Exists(bits) => {
                let valid = Validity::all(bits.len());
                MorselTaken::Bits(bits, valid)
            }
            Self::Bits(taker) => MorselTaken::Bits(taker.bits, taker.valid),
            Self::Small(taker) => MorselTaken::Small(taker.finish()),
            Self::Large(taker) => MorselTaken::Large(taker.finish()),
        }
    }
}

/// Takes values that are only copied.
pub struct FixedTaker<'t, T> {
    column: &'t ChunkedColumn<'t>,
    /// What is still to be written.
    rest: &'t mut [T],
    /// What is written where there is no value.
    absent: T,
    valid: Validity,
    flags: Vec<bool>,
}

impl<'t, T: Copy> FixedTaker<'t, T> {
    pub fn new(column: &'t ChunkedColumn<'t>, part: &'t mut [T], absent: T) -> Self {
        Self { column, rest: part, absent, valid: Validity::default(), flags: Vec::new() }
    }

    /// The part for so many values more.
    fn next(&mut self, values: usize) -> &'t mut [T] {
        let rest = std::mem::take(&mut self.rest);
        let (part, rest) = rest.split_at_mut(values.min(rest.len()));
        self.rest = rest;
        part
    }

    fn add(
        &mut self,
        rows: &[usize],
        budget: &Budget,
        of: impl for<'c> Fn(&'c ChunkValues<'t>) -> &'c [T],
    ) -> Result<(), Stopped> {
        let (part, column, absent) = (self.next(rows.len()), self.column, self.absent);
        if let [chunk] = &column.chunks[..]
            && chunk.valid.is_none()
        {
            let values = of(&chunk.values);
            let taken = take_there(part, values, rows);
            if taken == rows.len() {
                return self.valid.push(&[], taken, budget);
            }
            let behind = values.len().saturating_sub(1);
            // Slices, as an iterator that skips tests in each step whether it still has to.
            let (left, rows_left) = (part.get_mut(taken..), rows.get(taken..));
            for (out, &row) in left.unwrap_or_default().iter_mut().zip(rows_left.unwrap_or_default()) {
                // Which rows are there cannot be guessed, so that some value is always read.
                let value = values.get(row.min(behind)).copied().unwrap_or(absent);
                *out = if row <= behind { value } else { absent };
            }
            let flags = rows.iter().map(|&row| row < values.len());
            return push_flags(&mut self.valid, &mut self.flags, flags, budget);
        }
        let mut cursor = ChunkCursor::new(column);
        let flags = part.iter_mut().zip(rows).map(|(out, &row)| {
            let value = cursor.find(row).and_then(|(chunk, row)| of(&chunk.values).get(row));
            *out = value.copied().unwrap_or(absent);
            value.is_some()
        });
        push_flags(&mut self.valid, &mut self.flags, flags, budget)
    }

    /// Copies rows that follow one another, where they lie so in memory and none is NULL; false where they do not.
    fn copy_run(
        &mut self,
        rows: &Range<usize>,
        budget: &Budget,
        of: impl for<'c> Fn(&'c ChunkValues<'t>) -> &'c [T],
    ) -> Result<bool, Stopped> {
        let [chunk] = &self.column.chunks[..] else { return Ok(false) };
        let Some(values) = of(&chunk.values).get(rows.clone()).filter(|_| chunk.valid.is_none()) else {
            return Ok(false);
        };
        let part = self.next(values.len());
        part.copy_from_slice(values.get(..part.len()).unwrap_or_default());
        self.valid.push(&[], rows.len(), budget)?;
        Ok(true)
    }
}

impl FixedTaker<'_, u8> {
    fn add_bytes(&mut self, rows: &[usize], width: usize, budget: &Budget) -> Result<(), Stopped> {
        let (part, mut cursor) = (self.next(rows.len() * width), ChunkCursor::new(self.column));
        let mut part = part.chunks_exact_mut(width.max(1));
        let flags = rows.iter().map(|&row| {
            let found = cursor.find(row);
            if let Some((chunk, row)) = found
                && let ChunkValues::Bytes(bytes, _) = &chunk.values
                && let Some(bytes) = bytes.get(row * width..(row + 1) * width)
                && let Some(out) = part.next()
            {
                out.copy_from_slice(bytes);
            } else {
                part.next();
            }
            found.is_some()
        });
        push_flags(&mut self.valid, &mut self.flags, flags, budget)
    }
}

/// Takes values up to the first row that is not there; gives how many. Most columns have a row for every item, where this has the
/// least to do for each.
#[inline]
fn take_there<T: Copy>(part: &mut [T], values: &[T], rows: &[usize]) -> usize {
    for (at, (out, &row)) in part.iter_mut().zip(rows).enumerate() {
        let Some(&value) = values.get(row) else { return at };
        *out = value;
    }
    rows.len()
}

fn push_flags(
    valid: &mut Validity,
    flags: &mut Vec<bool>,
    found: impl Iterator<Item = bool>,
    budget: &Budget,
) -> Result<(), Stopped> {
    flags.clear();
    flags.extend(found);
    valid.push(flags, flags.len(), budget)
}

/// Writes numbers as they are.
pub struct NumberTaker<'t> {
    rest: &'t mut [i64],
    valid: Validity,
    flags: Vec<bool>,
}

impl<'t> NumberTaker<'t> {
    pub fn new(part: &'t mut [i64]) -> Self {
        Self { rest: part, valid: Validity::default(), flags: Vec::new() }
    }

    fn add(&mut self, numbers: &[usize], budget: &Budget) -> Result<(), Stopped> {
        let rest = std::mem::take(&mut self.rest);
        let (part, rest) = rest.split_at_mut(numbers.len().min(rest.len()));
        self.rest = rest;
        let mut any = false;
        for (out, &number) in part.iter_mut().zip(numbers) {
            // No number is written as -1.
            *out = number as i64;
            any |= number == ABSENT;
        }
        if !any {
            return self.valid.push(&[], numbers.len(), budget);
        }
        push_flags(&mut self.valid, &mut self.flags, numbers.iter().map(|&number| number != ABSENT), budget)
    }
}

/// Takes booleans.
pub struct BitTaker<'t> {
    column: &'t ChunkedColumn<'t>,
    bits: Bits,
    valid: Validity,
    flags: Vec<bool>,
}

impl BitTaker<'_> {
    fn add(&mut self, rows: &[usize], budget: &Budget) -> Result<(), Stopped> {
        let mut cursor = ChunkCursor::new(self.column);
        self.flags.clear();
        let flags = &mut self.flags;
        let bits = rows.iter().map(|&row| {
            let found = cursor.find(row);
            flags.push(found.is_some());
            found.is_some_and(|(chunk, row)| match &chunk.values {
                ChunkValues::Bits(bits) => bits.get(row),
                _ => false,
            })
        });
        self.bits.extend(bits, budget)?;
        self.valid.push(&self.flags, rows.len(), budget)
    }
}
