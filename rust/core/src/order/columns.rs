//! Columns of keys as their owner has them: chunks whose values are read in place.

use std::ops::Range;

use super::dictionary::{LONG, MOST_SHORT_BYTES, Short, short};

/// Bits of a buffer, as Arrow has booleans and validity: the lowest bit of a byte is the first.
#[derive(Debug, Clone, Copy)]
pub struct BitSlice<'a> {
    bytes: &'a [u8],
    first: usize,
}

impl<'a> BitSlice<'a> {
    /// The bits of these bytes from one on.
    pub fn new(bytes: &'a [u8], first: usize) -> Self {
        Self { bytes, first }
    }

    /// One of the bits; false behind the last one.
    #[inline]
    pub fn get(self, at: usize) -> bool {
        let at = self.first.wrapping_add(at);
        self.bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
    }
}

/// Texts or bytes of rows, compared byte by byte.
pub trait KeyTexts: Sync {
    /// Those of a row; None where they cannot be read.
    fn bytes_of(&self, row: usize) -> Option<&[u8]>;

    /// Adds those of some rows, and nothing for rows that are NULL, which may hold anything. An error is the first row that
    /// cannot be read.
    fn slices<'s>(
        &'s self,
        rows: Range<usize>,
        valid: Option<BitSlice<'_>>,
        found: &mut Vec<&'s [u8]>,
    ) -> Result<(), usize> {
        for row in rows {
            found.push(if valid.is_none_or(|valid| valid.get(row)) { self.bytes_of(row).ok_or(row)? } else { &[] });
        }
        Ok(())
    }

    /// As [`Self::slices`], short ones as numbers of their own and [`LONG`] for the others.
    fn shorts(&self, rows: Range<usize>, valid: Option<BitSlice<'_>>, found: &mut Vec<Short>) -> Result<(), usize> {
        for row in rows {
            let there = valid.is_none_or(|valid| valid.get(row));
            let text = if there { self.bytes_of(row).ok_or(row)? } else { &[] };
            found.push(if text.len() <= MOST_SHORT_BYTES { short(text) } else { LONG });
        }
        Ok(())
    }
}

/// Values of one type.
#[derive(Clone)]
pub enum KeyValues<'a> {
    /// All rows are NULL.
    Nulls,
    /// False is below true.
    Booleans(BitSlice<'a>),
    /// Whole numbers, as are all down to `U64`.
    I8(&'a [i8]),
    /// Of 16 bits.
    I16(&'a [i16]),
    /// Of 32 bits, dates and times too.
    I32(&'a [i32]),
    /// Of 64 bits, timestamps too.
    I64(&'a [i64]),
    /// Of 8 bits without a sign.
    U8(&'a [u8]),
    /// Of 16 bits without a sign.
    U16(&'a [u16]),
    /// Of 32 bits without a sign.
    U32(&'a [u32]),
    /// Of 64 bits without a sign.
    U64(&'a [u64]),
    /// Numbers that compare as what they are when they are divided, towards 0, by a number above 0.
    Divided(&'a [i64], i64),
    /// Floating-point numbers. NaN is above all others and equal to itself, -0.0 is equal to 0.0.
    F32(&'a [f32]),
    /// As `F32`, of 64 bits.
    F64(&'a [f64]),
    /// Whole numbers of 128 bits, decimals too.
    I128(&'a [i128]),
    /// Texts or bytes.
    Texts(&'a dyn KeyTexts),
    /// Places, which are whole numbers, in a dictionary.
    Places(Box<KeyValues<'a>>, &'a KeyChunk<'a>),
}

/// Rows of a column that lie in one piece of memory.
#[derive(Clone)]
pub struct KeyChunk<'a> {
    /// How many there are.
    pub rows: usize,
    /// Which are not NULL; all without it. Entries of a dictionary have NULLs of their own too.
    pub valid: Option<BitSlice<'a>>,
    /// What they are; of all chunks of a column of the same type.
    pub values: KeyValues<'a>,
}

/// A column that rows are partitioned or ordered by.
#[derive(Clone)]
pub struct SortKey<'a> {
    /// Its chunks, in order.
    pub chunks: Vec<KeyChunk<'a>>,
    /// From the largest value to the least.
    pub descending: bool,
    /// NULLs before all values, whether these descend or not; behind them otherwise.
    pub nulls_first: bool,
}

impl SortKey<'_> {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.rows).sum()
    }
}

/// The highest bit: with it turned, numbers with a sign are in order as numbers without.
pub(super) const SIGN: u64 = 1 << 63;

impl KeyValues<'_> {
    /// Writes some rows of whole numbers, negative ones wrapped around, and gives what to turn so that they are in order; None
    /// where these are no whole numbers of 64 bits, or not so many.
    #[inline]
    #[allow(clippy::cast_lossless, reason = "one macro for numbers with and without a sign")]
    pub(crate) fn integers(&self, rows: Range<usize>, found: &mut [u64]) -> Option<u64> {
        macro_rules! wrapped {
            ($numbers:expr, $turned:expr) => {{
                let numbers = $numbers.get(rows)?;
                found.iter_mut().zip(numbers).for_each(|(found, &number)| *found = number as u64);
                Some($turned)
            }};
        }
        match self {
            Self::I8(numbers) => wrapped!(numbers, SIGN),
            Self::I16(numbers) => wrapped!(numbers, SIGN),
            Self::I32(numbers) => wrapped!(numbers, SIGN),
            Self::I64(numbers) => wrapped!(numbers, SIGN),
            Self::U8(numbers) => wrapped!(numbers, 0),
            Self::U16(numbers) => wrapped!(numbers, 0),
            Self::U32(numbers) => wrapped!(numbers, 0),
            Self::U64(numbers) => wrapped!(numbers, 0),
            _ => None,
        }
    }

    /// The entry of a dictionary that a row of whole numbers is; None where it is none.
    #[inline]
    pub(crate) fn entry(&self, row: usize) -> Option<usize> {
        let mut entry = [0];
        self.integers(row..row.checked_add(1)?, &mut entry)?;
        usize::try_from(entry[0]).ok()
    }

    /// Writes some rows as numbers that are ordered, and equal, as the values are; None where these are none of 64 bits, or not
    /// so many.
    #[inline]
    pub(super) fn numbers(&self, rows: Range<usize>, found: &mut [u64]) -> Option<()> {
        match self {
            Self::Nulls => found.fill(0),
            Self::Booleans(bits) => found.iter_mut().zip(rows).for_each(|(found, at)| *found = bits.get(at).into()),
            Self::Divided(numbers, divisor) => {
                for (found, &number) in found.iter_mut().zip(numbers.get(rows)?) {
                    *found = number.checked_div(*divisor).unwrap_or(number) as u64 ^ SIGN;
                }
            }
            Self::F32(numbers) => {
                for (found, &number) in found.iter_mut().zip(numbers.get(rows)?) {
                    *found = ordered_double(number.into());
                }
            }
            Self::F64(numbers) => {
                for (found, &number) in found.iter_mut().zip(numbers.get(rows)?) {
                    *found = ordered_double(number);
                }
            }
            _ => {
                let turned = self.integers(rows, found)?;
                if turned != 0 {
                    for found in found.iter_mut() {
                        *found ^= turned;
                    }
                }
            }
        }
        Some(())
    }
}

/// A double as a number that is ordered as doubles are in SQL.
#[inline]
fn ordered_double(number: f64) -> u64 {
    if number.is_nan() {
        return u64::MAX;
    }
    // -0.0 + 0.0 is 0.0, and other numbers stay.
    let bits = (number + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_ordered_as_in_sql() {
        let ascending = [f64::NEG_INFINITY, -1.5, -f64::MIN_POSITIVE, -0.0, f64::MIN_POSITIVE, 1e300, f64::INFINITY];
        let codes = ascending.map(ordered_double);
        assert!(codes.is_sorted_by(|one, next| one < next), "{codes:?}");
        assert_eq!(ordered_double(0.0), ordered_double(-0.0));
        assert_eq!(ordered_double(f64::NAN), ordered_double(-f64::NAN));
        assert!(ordered_double(f64::INFINITY) < ordered_double(f64::NAN));
    }

    #[test]
    fn numbers_keep_their_order() {
        let numbers = [i64::MIN, -1, 0, 1, i64::MAX];
        let mut codes = [0; 5];
        assert_eq!(KeyValues::I64(&numbers).numbers(0..5, &mut codes), Some(()));
        assert!(codes.is_sorted_by(|one, next| one < next));
        assert_eq!(KeyValues::Divided(&[-1500, -999, 999, 1000], 1000).numbers(0..4, &mut codes), Some(()));
        assert_eq!(codes[..4].iter().map(|code| (code ^ SIGN) as i64).collect::<Vec<_>>(), [-1, 0, 0, 1]);
        assert_eq!(KeyValues::I64(&numbers).numbers(3..6, &mut codes), None);
    }
}
