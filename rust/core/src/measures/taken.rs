//! Columns of values that were taken.

use super::columns::{ChunkValues, ChunkedColumn};
use super::takers::{FixedTaker, MorselTaken, NumberTaker, Taker};
use super::texts::{TextPiece, TextTaker};
use crate::budget::{Budget, Stopped, Tick};
use crate::expression::{Bitmap, Bits, Validity};

/// What a column of the answer is made of, where a reference gives numbers.
#[derive(Debug, Clone, Copy)]
pub enum ReadOutput<'a> {
    /// The values of a column at these rows; NULL where there is none.
    Values(&'a ChunkedColumn<'a>),
    /// The numbers themselves; NULL, and -1 there, where there is none.
    Numbers,
    /// Whether there is a number.
    Exists,
}

/// Values that were taken.
#[derive(Debug)]
pub struct TakenColumn {
    /// The values.
    pub values: TakenValues,
    /// Which of them are there; all without it. Pieces of text have their own.
    pub valid: Option<Bitmap<'static>>,
}

/// As [`ChunkValues`].
#[derive(Debug)]
pub enum TakenValues {
    /// Booleans.
    Bits(Bitmap<'static>),
    /// Of one byte each.
    W1(Vec<u8>),
    /// Of two bytes.
    W2(Vec<u16>),
    /// Of four bytes.
    W4(Vec<u32>),
    /// Of eight bytes.
    W8(Vec<u64>),
    /// Of sixteen bytes.
    W16(Vec<i128>),
    /// Numbers.
    Numbers(Vec<i64>),
    /// Of so many bytes each.
    Bytes(Vec<u8>, usize),
    /// Texts or bytes, in pieces.
    Small(Vec<TextPiece<i32>>),
    /// The same, with offsets of 64 bits.
    Large(Vec<TextPiece<i64>>),
}

impl TakenValues {
    /// Room for the values of all items; bits and texts grow.
    pub(super) fn room(output: &ReadOutput<'_>, items: usize, budget: &Budget) -> Result<Self, Stopped> {
        Ok(match output.values() {
            None if matches!(output, ReadOutput::Numbers) => Self::Numbers(budget.any(items)?),
            None | Some(ChunkValues::Bits(_)) => Self::Bits(Bits::default().finish()),
            Some(ChunkValues::W1(_)) => Self::W1(budget.any(items)?),
            Some(ChunkValues::W2(_)) => Self::W2(budget.any(items)?),
            Some(ChunkValues::W4(_)) => Self::W4(budget.any(items)?),
            Some(ChunkValues::W8(_)) => Self::W8(budget.any(items)?),
            Some(ChunkValues::W16(_)) => Self::W16(budget.any(items)?),
            Some(ChunkValues::Bytes(_, width)) => Self::Bytes(budget.any(items.saturating_mul(*width))?, *width),
            Some(ChunkValues::Small(..)) => Self::Small(Vec::new()),
            Some(ChunkValues::Large(..)) => Self::Large(Vec::new()),
        })
    }

    /// An empty column, with room for so many items where the budget has it; it grows.
    pub(super) fn empty(output: &ReadOutput<'_>, expected: usize, budget: &Budget) -> Self {
        match output.values() {
            None if matches!(output, ReadOutput::Numbers) => Self::Numbers(budget.room(expected)),
            None | Some(ChunkValues::Bits(_)) => Self::Bits(Bits::default().finish()),
            Some(ChunkValues::W1(_)) => Self::W1(budget.room(expected)),
            Some(ChunkValues::W2(_)) => Self::W2(budget.room(expected)),
            Some(ChunkValues::W4(_)) => Self::W4(budget.room(expected)),
            Some(ChunkValues::W8(_)) => Self::W8(budget.room(expected)),
            Some(ChunkValues::W16(_)) => Self::W16(budget.room(expected)),
            Some(ChunkValues::Bytes(_, width)) => Self::Bytes(budget.room(expected.saturating_mul(*width)), *width),
            Some(ChunkValues::Small(..)) => Self::Small(Vec::new()),
            Some(ChunkValues::Large(..)) => Self::Large(Vec::new()),
        }
    }

    /// Makes room for so many items more, which are to be written. Bits and texts grow when they are.
    pub(super) fn grow(&mut self, items: usize, budget: &Budget) -> Result<(), Stopped> {
        fn grow<T: Copy + Default>(values: &mut Vec<T>, items: usize, budget: &Budget) -> Result<(), Stopped> {
            budget.reserve(values, items)?;
            values.resize(values.len() + items, T::default());
            Ok(())
        }
        match self {
            Self::W1(values) => grow(values, items, budget),
            Self::W2(values) => grow(values, items, budget),
            Self::W4(values) => grow(values, items, budget),
            Self::W8(values) => grow(values, items, budget),
            Self::W16(values) => grow(values, items, budget),
            Self::Numbers(values) => grow(values, items, budget),
            Self::Bytes(values, width) => grow(values, items.saturating_mul(*width), budget),
            Self::Bits(_) | Self::Small(_) | Self::Large(_) => Ok(()),
        }
    }

    /// Adds what another part of the same column has; what is not written here comes with what its morsels gave.
    pub(super) fn append(&mut self, next: Self, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped> {
        match (self, next) {
            (Self::W1(values), Self::W1(next)) | (Self::Bytes(values, _), Self::Bytes(next, _)) => {
                budget.append(values, next, tick)
            }
            (Self::W2(values), Self::W2(next)) => budget.append(values, next, tick),
            (Self::W4(values), Self::W4(next)) => budget.append(values, next, tick),
            (Self::W8(values), Self::W8(next)) => budget.append(values, next, tick),
            (Self::W16(values), Self::W16(next)) => budget.append(values, next, tick),
            (Self::Numbers(values), Self::Numbers(next)) => budget.append(values, next, tick),
            _ => Ok(()),
        }
    }

    /// Gives room back that was not needed, where it is much.
    pub(super) fn trim(&mut self) {
        fn trim<T>(values: &mut Vec<T>) {
            if values.len() < values.capacity() - values.capacity() / 4 {
                values.shrink_to_fit();
            }
        }
        match self {
            Self::W1(values) | Self::Bytes(values, _) => trim(values),
            Self::W2(values) => trim(values),
            Self::W4(values) => trim(values),
            Self::W8(values) => trim(values),
            Self::W16(values) => trim(values),
            Self::Numbers(values) => trim(values),
            Self::Bits(_) | Self::Small(_) | Self::Large(_) => {}
        }
    }

    /// What writes the last so many values.
    pub(super) fn last_taker<'t>(&'t mut self, output: &ReadOutput<'t>, items: usize) -> Option<Taker<'t>> {
        let before = |values: usize| values.saturating_sub(items);
        let first = match self {
            Self::W1(values) => before(values.len()),
            Self::W2(values) => before(values.len()),
            Self::W4(values) => before(values.len()),
            Self::W8(values) => before(values.len()),
            Self::W16(values) => before(values.len()),
            Self::Numbers(values) => before(values.len()),
            Self::Bytes(values, width) => values.len().checked_div(*width).map_or(0, before),
            Self::Bits(_) | Self::Small(_) | Self::Large(_) => 0,
        };
        // The values before are those of a morsel whose taker writes nothing more.
        self.takers(output, [first, items].into_iter()).pop()
    }

    /// What writes the values of each morsel, which has so many items.
    pub(super) fn takers<'t>(
        &'t mut self,
        output: &ReadOutput<'t>,
        morsels: impl Iterator<Item = usize>,
    ) -> Vec<Taker<'t>> {
        macro_rules! fixed {
            ($values:expr, $kind:ident, $column:expr) => {
                fixed!($values, $kind, $column, 0)
            };
            ($values:expr, $kind:ident, $column:expr, $absent:expr) => {
                split($values, morsels).map(|part| Taker::$kind(FixedTaker::new($column, part, $absent))).collect()
            };
        }
        let ReadOutput::Values(column) = output else {
            return match self {
                Self::Numbers(numbers) => {
                    split(numbers, morsels).map(|part| Taker::Numbers(NumberTaker::new(part))).collect()
                }
                _ => morsels.map(|_| Taker::Exists(Bits::default())).collect(),
            };
        };
        match self {
            Self::W1(values) => fixed!(values, W1, column),
            Self::W2(values) => fixed!(values, W2, column),
            Self::W4(values) => fixed!(values, W4, column, if column.is_floating { f32::NAN.to_bits() } else { 0 }),
            Self::W8(values) => fixed!(values, W8, column, if column.is_floating { f64::NAN.to_bits() } else { 0 }),
            Self::W16(values) => fixed!(values, W16, column),
            Self::Bytes(values, width) => {
                let width = *width;
                split(values, morsels.map(|items| items * width))
                    .map(|part| Taker::Bytes(FixedTaker::new(column, part, 0), width))
                    .collect()
            }
            Self::Small(_) => morsels.map(|_| Taker::Small(TextTaker::new(column))).collect(),
            Self::Large(_) => morsels.map(|_| Taker::Large(TextTaker::new(column))).collect(),
            Self::Bits(_) | Self::Numbers(_) => morsels.map(|_| Taker::bits(column)).collect(),
        }
    }
}

impl TakenColumn {
    /// All values, with what morsels gave beside what they wrote.
    pub(super) fn of(
        mut values: TakenValues,
        morsels: impl Iterator<Item = MorselTaken>,
        budget: &Budget,
    ) -> Result<Self, Stopped> {
        let (mut all, mut valid) = (Bits::default(), Validity::default());
        for morsel in morsels {
            match (&mut values, morsel) {
                (TakenValues::Small(pieces), MorselTaken::Small(more)) => pieces.extend(more),
                (TakenValues::Large(pieces), MorselTaken::Large(more)) => pieces.extend(more),
                (_, MorselTaken::Bits(bits, more)) => {
                    all.append(bits, budget)?;
                    valid.append(more, budget)?;
                }
                (_, MorselTaken::Written(more)) => valid.append(more, budget)?,
                _ => {}
            }
        }
        if let TakenValues::Bits(bits) = &mut values {
            *bits = all.finish();
        }
        Ok(Self { values, valid: valid.finish() })
    }
}

impl<'a> ReadOutput<'a> {
    fn values(&self) -> Option<&ChunkValues<'a>> {
        match self {
            Self::Values(column) => column.chunks.first().map(|chunk| &chunk.values),
            _ => None,
        }
    }
}

/// The parts of all values that are of each morsel.
fn split<T>(mut rest: &mut [T], morsels: impl Iterator<Item = usize>) -> impl Iterator<Item = &mut [T]> {
    morsels.map(move |items| {
        let values = std::mem::take(&mut rest);
        let (part, others) = values.split_at_mut(items.min(values.len()));
        rest = others;
        part
    })
}
