//! Columns of Arrow as the core reads keys of rows, and texts.

use std::ops::Range;

use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use rowpattern_core::expression::TextRows;
use rowpattern_core::order::{BitSlice, KeyChunk, KeyTexts, KeyValues, LONG, MOST_SHORT_BYTES, Short, short, short_of};

use super::arrow::{ArrowArray, FixedBytes, FixedValues, Integers, StoredValues, Text, Values, index};
use super::views::{MOST_INLINE_BYTES, VIEW_BYTES};

const DAY_MILLISECONDS: i64 = 86_400_000;

impl KeyTexts for Text {
    fn bytes_of(&self, row: usize) -> Option<&[u8]> {
        self.bytes(row)
    }

    fn shorts(&self, rows: Range<usize>, valid: Option<BitSlice<'_>>, found: &mut Vec<Short>) -> Result<(), usize> {
        let each = |row: usize, bounds: Option<(usize, usize)>, bytes: &[u8]| {
            let is_null = || valid.is_some_and(|valid| !valid.get(row));
            let Some((begin, end)) = bounds.filter(|(begin, end)| begin <= end) else {
                return if is_null() { Ok(LONG) } else { Err(row) };
            };
            let length = end - begin;
            if length > MOST_SHORT_BYTES {
                return Ok(LONG);
            }
            if let Some(following) = bytes.get(begin..).and_then(<[u8]>::first_chunk) {
                return Ok(short_of(following, length));
            }
            let mut last = [0; 16];
            match (bytes.get(begin..end), last.get_mut(..length)) {
                (Some(text), Some(last)) => last.copy_from_slice(text),
                _ if is_null() => {}
                _ => return Err(row),
            }
            Ok(short_of(&last, length))
        };
        macro_rules! shorts {
            ($offsets:expr, $bytes:expr) => {{
                let offset = |row: usize| $offsets.get(row).and_then(|&offset| index(offset));
                let mut begin = offset(rows.start);
                for row in rows {
                    let end = offset(row + 1);
                    found.push(each(row, begin.zip(end), $bytes)?);
                    begin = end;
                }
            }};
        }
        match self {
            Self::Small { offsets, bytes } => shorts!(offsets, bytes),
            Self::Large { offsets, bytes } => shorts!(offsets, bytes),
            Self::Views { views, .. } => {
                let begin = rows.start.checked_mul(VIEW_BYTES).ok_or(rows.start)?;
                let (views, _) = views.get(begin..).unwrap_or_default().as_chunks::<VIEW_BYTES>();
                let (first, before) = (rows.start, found.len());
                let mut longest = 0;
                if valid.is_none() {
                    // Mostly all texts stand in their views, behind their lengths.
                    found.extend(views.iter().take(rows.len()).map(|view| {
                        let view = u128::from_le_bytes(*view);
                        let length = view as u32 as usize;
                        longest = longest.max(length);
                        short_of(&(view >> u32::BITS).to_le_bytes(), length.min(MOST_INLINE_BYTES))
                    }));
                }
                if valid.is_some() || longest > MOST_INLINE_BYTES {
                    found.truncate(before);
                    for (row, view) in rows.clone().zip(views) {
                        let view = u128::from_le_bytes(*view);
                        let length = view as u32 as usize;
                        found.push(if valid.is_some_and(|valid| !valid.get(row)) {
                            short_of(&[0; 16], 0)
                        } else if length <= MOST_INLINE_BYTES {
                            short_of(&(view >> u32::BITS).to_le_bytes(), length)
                        } else if length > MOST_SHORT_BYTES {
                            LONG
                        } else {
                            short(self.bytes(row).ok_or(row)?)
                        });
                    }
                }
                if rows.len() > views.len() {
                    return Err(first + views.len());
                }
            }
        }
        Ok(())
    }
}

impl KeyTexts for FixedBytes {
    fn bytes_of(&self, row: usize) -> Option<&[u8]> {
        let begin = row.checked_mul(self.width)?;
        self.bytes.get(begin..begin.checked_add(self.width)?)
    }
}

/// A chunk that is not encoded; None where its values are of a type that does not order rows here.
pub fn plain_chunk(array: &ArrowArray) -> Option<KeyChunk<'_>> {
    let values = match &array.values {
        Values::Null => KeyValues::Nulls,
        Values::Booleans(values) => KeyValues::Booleans(BitSlice::new(values.values(), values.offset())),
        Values::Integers(numbers) => integers(numbers),
        Values::Doubles(numbers) => KeyValues::F64(numbers),
        Values::Fixed(kind, values) => match (kind, values) {
            // DuckDB, whose order this is, has days of these.
            (DataType::Date64, FixedValues::Integers(Integers::I64(numbers))) => {
                KeyValues::Divided(numbers, DAY_MILLISECONDS)
            }
            (DataType::Interval(_), _) | (_, FixedValues::Halves(_) | FixedValues::MonthsDaysNanos(_)) => return None,
            (_, FixedValues::Integers(numbers)) => integers(numbers),
            (_, FixedValues::Wide(numbers)) => KeyValues::I128(numbers),
            (_, FixedValues::Floats(numbers)) => KeyValues::F32(numbers),
        },
        Values::Text(text) => KeyValues::Texts(text),
        Values::Stored(stored, _) => match stored {
            StoredValues::Int128(numbers) => KeyValues::I128(numbers),
            StoredValues::Bytes(bytes) => KeyValues::Texts(bytes),
            StoredValues::FixedBytes(bytes) => KeyValues::Texts(bytes),
        },
        Values::Dictionary(..) | Values::Runs { .. } | Values::Record(_) | Values::Other(_) => return None,
    };
    Some(KeyChunk { rows: array.rows, valid: bits(array.valid.as_ref()), values })
}

/// Which rows are there.
pub fn bits(valid: Option<&NullBuffer>) -> Option<BitSlice<'_>> {
    valid.map(|valid| BitSlice::new(valid.inner().values(), valid.offset()))
}

/// Whole numbers as keys have them.
pub fn integers(numbers: &Integers) -> KeyValues<'_> {
    match numbers {
        Integers::I8(numbers) => KeyValues::I8(numbers),
        Integers::I16(numbers) => KeyValues::I16(numbers),
        Integers::I32(numbers) => KeyValues::I32(numbers),
        Integers::I64(numbers) => KeyValues::I64(numbers),
        Integers::U8(numbers) => KeyValues::U8(numbers),
        Integers::U16(numbers) => KeyValues::U16(numbers),
        Integers::U32(numbers) => KeyValues::U32(numbers),
        Integers::U64(numbers) => KeyValues::U64(numbers),
    }
}

/// The texts of a chunk.
pub enum ChunkTexts<'a> {
    Nulls,
    Plain(&'a Text),
    /// Places in a dictionary, and how many entries it has.
    Placed(&'a Integers, &'a Text, usize),
}

impl<'a> ChunkTexts<'a> {
    /// None where there are others than texts, or NULLs in a dictionary.
    pub fn of(values: &'a Values) -> Option<Self> {
        Some(match values {
            Values::Null => Self::Nulls,
            Values::Text(text) => Self::Plain(text),
            Values::Dictionary(places, entries) => match (&entries.values, &entries.valid) {
                (Values::Text(text), None) => Self::Placed(places, text, entries.rows),
                _ => return None,
            },
            _ => return None,
        })
    }

    pub fn rows(&self, chunk: &'a ArrowArray) -> TextRows<'_> {
        let (texts, places): (Option<&dyn KeyTexts>, _) = match self {
            Self::Nulls => (None, None),
            Self::Plain(text) => (Some(*text), None),
            Self::Placed(places, texts, entries) => (Some(*texts), Some((integers(places), *entries))),
        };
        TextRows { rows: chunk.rows, valid: bits(chunk.valid.as_ref()), texts, places }
    }
}
