//! Python's buffers (PEP 3118), read.
#![allow(unsafe_code, reason = "the buffer protocol; each block says what it relies on")]

use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType;
use hashbrown::HashMap;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::prelude::*;
use rowpattern_core::memory;

use crate::arrow::{ArrowArray, FixedValues, Integers, Values};
use crate::errors::{out_of_memory, rows_error};
use crate::limits::CallLimits;
use crate::signals::{ITEMS_BETWEEN_LOOKS, ROWS_A_PIECE};

/// More distinct texts than this are read one by one, elsewhere.
const MOST_TEXTS: usize = 1 << 16;

/// What the items of a buffer are, and the order of their bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Items {
    Booleans,
    Signed {
        swapped: bool,
    },
    Unsigned {
        swapped: bool,
    },
    /// Floating-point and complex numbers.
    Fractions,
    /// Python objects, text, structures.
    Others,
}

impl Items {
    /// Reads a format as in Python's `struct`: the order of bytes, and a letter.
    fn of(buffer: &PyUntypedBuffer) -> Self {
        let format = buffer.format().to_bytes();
        let (swapped, letter) = match format {
            [b'<', letter @ ..] => (cfg!(target_endian = "big"), letter),
            [b'>' | b'!', letter @ ..] => (cfg!(target_endian = "little"), letter),
            [b'@' | b'=', letter @ ..] | letter => (false, letter),
        };
        match letter {
            b"?" => Self::Booleans,
            b"b" | b"h" | b"i" | b"l" | b"q" | b"n" => Self::Signed { swapped },
            b"B" | b"H" | b"I" | b"L" | b"Q" | b"N" => Self::Unsigned { swapped },
            b"e" | b"f" | b"d" | b"g" | b"Ze" | b"Zf" | b"Zd" | b"Zg" => Self::Fractions,
            _ => Self::Others,
        }
    }
}

/// Reads a buffer of booleans (numpy's `bool`) as bytes, of which 0 is false; None where there is no buffer, or one of
/// Python objects.
pub fn buffer_booleans(column: &Bound<'_, PyAny>, name: &str, limits: &CallLimits) -> PyResult<Option<Vec<u8>>> {
    let Some(buffer) = buffer(column, name)? else { return Ok(None) };
    match Items::of(&buffer) {
        Items::Booleans => read(column.py(), &buffer, limits, |[byte]| byte).map(Some),
        Items::Others => Ok(None),
        _ => Err(rows_error(format!(
            "the rows of {name} are numbers, not booleans; write a condition, as in {name} != 0"
        ))),
    }
}

/// Reads whole numbers from a buffer; None where there is no buffer, or one of something else.
pub fn buffer_integers(values: &Bound<'_, PyAny>, name: &str, limits: &CallLimits) -> PyResult<Option<Vec<i64>>> {
    let Some(buffer) = buffer(values, name)? else { return Ok(None) };
    let py = values.py();
    macro_rules! numbers {
        ($kind:ty, $swapped:expr) => {
            if $swapped {
                read(py, &buffer, limits, |bytes| wide(<$kind>::from_ne_bytes(bytes).swap_bytes()))
            } else {
                read(py, &buffer, limits, |bytes| wide(<$kind>::from_ne_bytes(bytes)))
            }
        };
    }
    match (Items::of(&buffer), buffer.item_size()) {
        (Items::Signed { swapped }, 1) => numbers!(i8, swapped),
        (Items::Signed { swapped }, 2) => numbers!(i16, swapped),
        (Items::Signed { swapped }, 4) => numbers!(i32, swapped),
        (Items::Signed { swapped }, 8) => numbers!(i64, swapped),
        (Items::Unsigned { swapped }, 1) => numbers!(u8, swapped),
        (Items::Unsigned { swapped }, 2) => numbers!(u16, swapped),
        (Items::Unsigned { swapped }, 4) => numbers!(u32, swapped),
        (Items::Unsigned { swapped }, 8) => numbers!(u64, swapped),
        (Items::Others, _) => return Ok(None),
        (Items::Booleans, _) => return Err(rows_error(format!("{name} are booleans; expected whole numbers"))),
        _ => return Err(rows_error(format!("{name} are not whole numbers; convert them, as with astype(\"int64\")"))),
    }
    .map(Some)
}

/// Reads numbers of 32 or 64 bits, or whole numbers of fewer, as pandas has them: NaN is NULL. None where there is no buffer, or one of
/// something else, or in another order of bytes.
pub fn buffer_numbers(values: &Bound<'_, PyAny>, name: &str, limits: &CallLimits) -> PyResult<Option<ArrowArray>> {
    let Some(buffer) = buffer(values, name)? else { return Ok(None) };
    let py = values.py();
    macro_rules! whole {
        ($variant:ident, $kind:ty) => {
            (Values::Integers(Integers::$variant(read(py, &buffer, limits, <$kind>::from_ne_bytes)?.into())), None)
        };
    }
    let format = buffer.format().to_bytes();
    let letter = if let [b'@' | b'=', letter] = format { *letter } else { *format.first().unwrap_or(&0) };
    let (values, valid) = match (Items::of(&buffer), buffer.item_size(), letter) {
        (Items::Signed { swapped: false }, 1, _) => whole!(I8, i8),
        (Items::Signed { swapped: false }, 2, _) => whole!(I16, i16),
        (Items::Signed { swapped: false }, 4, _) => whole!(I32, i32),
        (Items::Signed { swapped: false }, 8, _) => whole!(I64, i64),
        (Items::Unsigned { swapped: false }, 1, _) => whole!(U8, u8),
        (Items::Unsigned { swapped: false }, 2, _) => whole!(U16, u16),
        (Items::Unsigned { swapped: false }, 4, _) => whole!(U32, u32),
        (Items::Unsigned { swapped: false }, 8, _) => whole!(U64, u64),
        (Items::Fractions, 8, b'd') => {
            let numbers = read(py, &buffer, limits, f64::from_ne_bytes)?;
            let valid = numbers_there(numbers.len(), |row| !numbers[row].is_nan());
            (Values::Doubles(numbers.into()), valid)
        }
        (Items::Fractions, 4, b'f') => {
            let numbers = read(py, &buffer, limits, f32::from_ne_bytes)?;
            let valid = numbers_there(numbers.len(), |row| !numbers[row].is_nan());
            (Values::Fixed(DataType::Float32, FixedValues::Floats(numbers.into())), valid)
        }
        _ => return Ok(None),
    };
    Ok(Some(ArrowArray { rows: buffer.shape()[0], valid, values }))
}

/// Which numbers are there; None where all are.
fn numbers_there(rows: usize, is_there: impl Fn(usize) -> bool) -> Option<NullBuffer> {
    Some(NullBuffer::new(BooleanBuffer::collect_bool(rows, is_there))).filter(|valid| valid.null_count() > 0)
}

/// A buffer of one dimension of pointers to Python's objects; None where there is none.
pub fn object_buffer(array: &Bound<'_, PyAny>) -> PyResult<Option<PyUntypedBuffer>> {
    let found = buffer(array, "an array of objects")?;
    Ok(found.filter(|buffer| buffer.format().to_bytes() == b"O" && buffer.item_size() == size_of::<usize>()))
}

/// Reads a buffer of texts of as many characters each (numpy's `str_`): the distinct ones, and the place of each row's among
/// them. None where there is no such buffer, or where it has very many distinct texts.
pub fn buffer_texts(
    values: &Bound<'_, PyAny>,
    name: &str,
    limits: &CallLimits,
) -> PyResult<Option<(Vec<String>, Vec<u32>)>> {
    let Some(buffer) = buffer(values, name)? else { return Ok(None) };
    let width = buffer.item_size();
    let format = buffer.format().to_bytes();
    let is_text = format.ends_with(b"w") && width > 0 && width.is_multiple_of(4);
    let swapped = if cfg!(target_endian = "little") { b'>' } else { b'<' };
    if !is_text || format.first() == Some(&swapped) {
        return Ok(None);
    }
    let (rows, step) = (buffer.shape()[0], buffer.strides()[0]);
    let first = buffer.buf_ptr().cast::<u8>();
    // SAFETY: as in `read`: the view is held and has one dimension of `rows` items of `width` bytes, `step` bytes apart. A
    // slice is used up before the interpreter's lock is released, so nobody writes to it meanwhile.
    let item =
        |row: usize| unsafe { std::slice::from_raw_parts(first.byte_offset((row as isize).wrapping_mul(step)), width) };
    let mut texts = Vec::new();
    let mut known: HashMap<Box<[u8]>, u32, foldhash::fast::RandomState> = HashMap::default();
    let mut last: (Vec<u8>, u32) = (Vec::new(), 0);
    let mut places = Vec::new();
    limits.reserve(&mut places, rows)?;
    for row in 0..rows {
        if row.is_multiple_of(ITEMS_BETWEEN_LOOKS) {
            limits.check(values.py())?;
        }
        let bytes = item(row);
        if last.0 != bytes {
            let place = match known.get(bytes) {
                Some(&place) => place,
                None if texts.len() == MOST_TEXTS => {
                    limits.budget.release_vector(&places);
                    return Ok(None);
                }
                None => {
                    texts.push(text_of(bytes, row)?);
                    let place = texts.len() as u32 - 1;
                    known.insert(Box::from(bytes), place);
                    place
                }
            };
            last.0.clear();
            last.0.extend_from_slice(bytes);
            last.1 = place;
        }
        places.push(last.1);
    }
    Ok(Some((texts, places)))
}

/// Characters of 32 bits each, without the zeros behind them.
fn text_of(bytes: &[u8], row: usize) -> PyResult<String> {
    let (characters, _) = bytes.as_chunks::<4>();
    let text: Option<String> =
        characters.iter().map(|&character| char::from_u32(u32::from_ne_bytes(character))).collect();
    let text = text.ok_or_else(|| {
        rows_error(format!("row {row} has a label with half of a surrogate pair, which is no character"))
    })?;
    Ok(text.trim_end_matches('\0').to_owned())
}

/// What does not fit is more rows than there can be.
fn wide<N: TryInto<i64>>(number: N) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Reads the items of a buffer of one dimension, as bytes in the order in which they stand. Signals and limits are looked at
/// meanwhile; what is read counts until the caller releases it.
fn read<const BYTES: usize, T: Copy>(
    py: Python<'_>,
    buffer: &PyUntypedBuffer,
    limits: &CallLimits,
    convert: impl Fn([u8; BYTES]) -> T,
) -> PyResult<Vec<T>> {
    if buffer.item_size() != BYTES {
        return Err(rows_error(format!("a buffer has items of {} bytes, not {BYTES}", buffer.item_size())));
    }
    let (rows, step) = (buffer.shape()[0], buffer.strides()[0]);
    let first = buffer.buf_ptr().cast::<[u8; BYTES]>();
    // SAFETY: the view is held, has one dimension of `rows` items of `BYTES` bytes, `step` bytes apart (backwards where it is
    // negative, all in one place where it is 0), without pointers to follow; the interpreter's lock is held. Arrays
    // of bytes need no alignment. The multiplication does not overflow, since items lie in memory; a step of 0 gives 0.
    let item = |row: usize| unsafe { first.byte_offset((row as isize).wrapping_mul(step)).read() };
    limits.charge(rows.saturating_mul(size_of::<T>()))?;
    let mut items = memory::try_with_capacity(rows).map_err(out_of_memory)?;
    while items.len() < rows {
        limits.check(py)?;
        items.extend((items.len()..rows.min(items.len() + ROWS_A_PIECE)).map(|row| convert(item(row))));
    }
    Ok(items)
}

fn buffer(column: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<PyUntypedBuffer>> {
    // SAFETY: only asks the type of a live object.
    if unsafe { pyo3::ffi::PyObject_CheckBuffer(column.as_ptr()) } == 0 {
        return Ok(None);
    }
    // Kinds of numpy array that have no buffer (dates, say) are read otherwise.
    let Ok(buffer) = PyUntypedBuffer::get(column) else { return Ok(None) };
    if buffer.dimensions() != 1 {
        let dimensions = buffer.dimensions();
        return Err(rows_error(format!("{name} must have one dimension, not {dimensions}")));
    }
    if buffer.suboffsets().is_some_and(|suboffsets| suboffsets[0] >= 0) {
        return Err(rows_error(format!(
            "{name} is a buffer of pointers (suboffsets); copy it into one piece of memory"
        )));
    }
    Ok(Some(buffer))
}
