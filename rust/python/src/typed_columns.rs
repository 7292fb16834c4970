//! Arrow arrays as columns of typed values: in place where Arrow holds them as the engine does, else copied.

use std::borrow::Cow;

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer};
use arrow_schema::{DataType, TimeUnit};
use pyo3::prelude::*;
use rowpattern_core::expression::{
    Bitmap, BoolColumn, FixedColumn, Interval, Physical, TextColumn, TextOffsets, Type, ValueColumn,
};
use rowpattern_core::memory;

use super::arrow::{ArrowArray, Failure, FixedValues, Integers, Text, Values, with_integers};
use super::decoder::{Reader, ValueRows};
use super::errors::{out_of_memory, rows_error};
use super::limits::CallLimits;
use super::readers::{self, decode, innermost};

/// Reads a column of a type. Arrays without values (Arrow's null type) are of every type.
///
/// Args:
///     name: what it is, for errors.
///     limits: looked at while values are copied; these count until the caller releases them.
pub fn typed_column<'a>(
    py: Python<'_>,
    chunks: &'a [ArrowArray],
    kind: Type,
    name: &str,
    limits: Option<&CallLimits>,
) -> PyResult<ValueColumn<'a>> {
    let rows = chunks.iter().fold(0_usize, |rows, chunk| rows.saturating_add(chunk.rows));
    if chunks.iter().all(|chunk| matches!(chunk.values, Values::Null)) {
        return Ok(ValueColumn::Null(rows));
    }
    for chunk in chunks {
        let values = innermost(chunk);
        if !matches!(values, Values::Null) && conversion(values, kind).is_none() {
            let found = values.name();
            return Err(rows_error(format!(
                "{name} is of the type {kind}, which the Arrow type {found} is not read as"
            )));
        }
    }
    if let [chunk] = chunks
        && let Some(column) = in_place(chunk, kind)
    {
        return Ok(column);
    }
    if let Some(column) = joined(chunks, rows, kind, limits)? {
        return Ok(column);
    }
    let copied = Copying { kind };
    Ok(match kind.physical() {
        Physical::Bool => decode(py, chunks, readers::OptionalBooleans, name, limits)?.into_iter().collect(),
        Physical::Int => decode(py, chunks, copied.to(small), name, limits)?.into_iter().collect(),
        Physical::Wide => decode(py, chunks, copied.to(wide), name, limits)?.into_iter().collect(),
        Physical::Float => decode(py, chunks, copied.to(float), name, limits)?.into_iter().collect(),
        Physical::Double => decode(py, chunks, readers::Doubles, name, limits)?.into_iter().collect(),
        Physical::Interval => decode(py, chunks, copied.to(interval), name, limits)?.into_iter().collect(),
        Physical::Text => decode(py, chunks, readers::Texts, name, limits)?.into_iter().collect(),
    })
}

/// How whole numbers of an Arrow type become those of a type: times the first, then divided by the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Conversion {
    factor: i64,
    divisor: i64,
}

const SAME: Conversion = Conversion { factor: 1, divisor: 1 };

/// From one unit of time to another, both as parts of a second.
fn units(from: i64, to: i64) -> Conversion {
    if to >= from { Conversion { factor: to / from, divisor: 1 } } else { Conversion { factor: 1, divisor: from / to } }
}

fn parts_of_a_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// How values are read as those of a type; None where they are of another kind.
fn conversion(values: &Values, kind: Type) -> Option<Conversion> {
    match (values, kind) {
        (Values::Booleans(_), Type::Boolean)
        | (Values::Doubles(_), Type::Double)
        | (Values::Text(_), Type::Varchar)
        | (Values::Integers(_), Type::Rank) => Some(SAME),
        (Values::Integers(_), kind) if kind.whole_range().is_some() => Some(SAME),
        (Values::Fixed(found, _), kind) => match (found, kind) {
            (DataType::Float16 | DataType::Float32, Type::Float)
            | (DataType::Date32, Type::Date)
            | (DataType::Interval(_), Type::Interval) => Some(SAME),
            (DataType::Date64, Type::Date) => Some(Conversion { factor: 1, divisor: 86_400_000 }),
            (DataType::Decimal32(_, at) | DataType::Decimal64(_, at) | DataType::Decimal128(_, at), kind) => {
                let scale = match kind {
                    Type::Decimal { scale, .. } => scale,
                    Type::HugeInt => 0,
                    _ => return None,
                };
                (u8::try_from(*at) == Ok(scale)).then_some(SAME)
            }
            (DataType::Time32(unit) | DataType::Time64(unit), Type::Time) => {
                Some(units(parts_of_a_second(*unit), 1_000_000))
            }
            (DataType::Duration(unit), Type::Interval) => Some(units(parts_of_a_second(*unit), 1_000_000)),
            (DataType::Timestamp(unit, _), kind) => {
                let wanted = match kind {
                    Type::TimestampS => 1,
                    Type::TimestampMs => 1_000,
                    Type::Timestamp | Type::TimestampTz => 1_000_000,
                    Type::TimestampNs => 1_000_000_000,
                    _ => return None,
                };
                Some(units(parts_of_a_second(*unit), wanted))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The least and the greatest that values of a type are held as.
fn held_range(kind: Type) -> (i128, i128) {
    match kind {
        Type::Decimal { width, .. } => {
            // One more than its digits can show: DuckDB's `median` of decimals rounds to that.
            let most = 10_i128.saturating_pow(u32::from(width));
            (-most, most)
        }
        _ => kind.whole_range().unwrap_or((i128::from(i64::MIN), i128::from(i64::MAX))),
    }
}

fn bitmap(bits: &BooleanBuffer) -> Option<Bitmap<'_>> {
    Bitmap::new(bits.values(), bits.offset(), bits.len())
}

fn validity(valid: Option<&NullBuffer>) -> Option<Bitmap<'_>> {
    valid.and_then(|valid| bitmap(valid.inner()))
}

/// An array's values where they lie; None where they lie otherwise, or some are not what they should be, which reading row by row
/// tells by its row.
fn in_place(array: &ArrowArray, kind: Type) -> Option<ValueColumn<'_>> {
    let valid = validity(array.valid.as_ref());
    let same = conversion(&array.values, kind)? == SAME;
    let range = held_range(kind);
    match (&array.values, kind.physical()) {
        (Values::Booleans(bits), Physical::Bool) => BoolColumn::new(bitmap(bits)?, valid).map(ValueColumn::Bool),
        (Values::Doubles(numbers), Physical::Double) => FixedColumn::new(&numbers[..], valid).map(ValueColumn::Double),
        (Values::Fixed(_, FixedValues::Floats(numbers)), Physical::Float) => {
            FixedColumn::new(&numbers[..], valid).map(ValueColumn::Float)
        }
        (
            Values::Integers(Integers::I64(numbers)) | Values::Fixed(_, FixedValues::Integers(Integers::I64(numbers))),
            Physical::Int,
        ) if same && range == (i128::from(i64::MIN), i128::from(i64::MAX)) => {
            FixedColumn::new(&numbers[..], valid).map(ValueColumn::Int)
        }
        (Values::Fixed(_, FixedValues::Wide(numbers)), Physical::Wide) => {
            // What stands at NULL may be anything, and is not read.
            let fits = numbers.iter().all(|number| (range.0..=range.1).contains(number));
            if fits { FixedColumn::new(&numbers[..], valid).map(ValueColumn::Wide) } else { None }
        }
        (Values::Text(text), Physical::Text) => texts_in_place(text, array.rows, valid).map(ValueColumn::Text),
        _ => None,
    }
}

/// The chunks of a column one after another, copied as a whole, where they hold values as the engine does, but that numbers may be
/// narrower; None where values have to be looked at one by one.
fn joined(
    chunks: &[ArrowArray],
    rows: usize,
    kind: Type,
    limits: Option<&CallLimits>,
) -> PyResult<Option<ValueColumn<'static>>> {
    if chunks.iter().any(|chunk| conversion(&chunk.values, kind) != Some(SAME)) {
        return Ok(None);
    }
    let (least, most) = held_range(kind);
    macro_rules! column {
        ($variant:ident, |$chunk:ident, $found:ident| $append:expr) => {{
            let mut $found = Vec::new();
            match limits {
                Some(limits) => limits.reserve(&mut $found, rows)?,
                None => memory::try_reserve_exact(&mut $found, rows).map_err(out_of_memory)?,
            }
            for $chunk in chunks {
                let added: Option<()> = $append;
                if added.is_none() {
                    if let Some(limits) = limits {
                        limits.budget.release_vector(&$found);
                    }
                    return Ok(None);
                }
            }
            Ok(FixedColumn::new($found, joined_validity(chunks, rows)).map(ValueColumn::$variant))
        }};
    }
    match kind.physical() {
        Physical::Double => column!(Double, |chunk, found| match &chunk.values {
            Values::Doubles(numbers) => numbers.get(..chunk.rows).map(|numbers| found.extend_from_slice(numbers)),
            _ => None,
        }),
        Physical::Float => column!(Float, |chunk, found| match &chunk.values {
            Values::Fixed(_, FixedValues::Floats(numbers)) => {
                numbers.get(..chunk.rows).map(|numbers| found.extend_from_slice(numbers))
            }
            _ => None,
        }),
        Physical::Int => column!(Int, |chunk, found| match &chunk.values {
            Values::Integers(integers) | Values::Fixed(_, FixedValues::Integers(integers)) => {
                with_integers!(integers, numbers => widened(numbers, chunk.rows, (least, most), &mut found))
            }
            _ => None,
        }),
        _ => Ok(None),
    }
}

/// Adds numbers as wider ones; None, having added none, where their type has some that are out of range, or there are not so many.
fn widened<N>(numbers: &[N], rows: usize, (least, most): (i128, i128), found: &mut Vec<i64>) -> Option<()>
where
    N: Copy + Bounded + Into<i128>,
{
    if N::MIN.into() < least || N::MAX.into() > most {
        return None;
    }
    found.extend(numbers.get(..rows)?.iter().map(|&number| number.wide()));
    Some(())
}

/// The bounds of a type of whole numbers.
trait Bounded {
    const MIN: Self;
    const MAX: Self;

    /// As 64 bits, which hold it where a range of 64 bits with a sign holds the bounds.
    fn wide(self) -> i64;
}

macro_rules! bounded {
    ($($number:ident),*) => {
        $(impl Bounded for $number {
            const MIN: Self = $number::MIN;
            const MAX: Self = $number::MAX;

            #[allow(clippy::cast_lossless, reason = "one macro for all widths")]
            fn wide(self) -> i64 {
                self as i64
            }
        })*
    };
}

bounded!(i8, i16, i32, i64, u8, u16, u32, u64);

/// Which rows of chunks are there; None where all are.
fn joined_validity(chunks: &[ArrowArray], rows: usize) -> Option<Bitmap<'static>> {
    if chunks.iter().all(|chunk| chunk.valid.is_none()) {
        return None;
    }
    let mut bits = BooleanBufferBuilder::new(rows);
    for chunk in chunks {
        match &chunk.valid {
            Some(valid) => bits.append_buffer(valid.inner()),
            None => bits.append_n(chunk.rows, true),
        }
    }
    let bits = bits.finish();
    Bitmap::new(bits.values().to_vec(), bits.offset(), bits.len())
}

fn texts_in_place<'a>(text: &'a Text, rows: usize, valid: Option<Bitmap<'a>>) -> Option<TextColumn<'a>> {
    fn whole(bytes: &[u8], last: Option<usize>) -> Option<Cow<'_, str>> {
        std::str::from_utf8(bytes.get(..last?)?).ok().map(Cow::Borrowed)
    }
    match text {
        Text::Small { offsets, bytes } => {
            let offsets = offsets.get(..=rows)?;
            let text = whole(bytes, offsets.last().and_then(|&last| usize::try_from(last).ok()))?;
            TextColumn::new(text, TextOffsets::Small(Cow::Borrowed(offsets)), valid)
        }
        Text::Large { offsets, bytes } => {
            let offsets = offsets.get(..=rows)?;
            let text = whole(bytes, offsets.last().and_then(|&last| usize::try_from(last).ok()))?;
            TextColumn::new(text, TextOffsets::Large(Cow::Borrowed(offsets)), valid)
        }
        Text::Views { .. } => None,
    }
}

/// Reads values row by row.
#[derive(Debug, Clone, Copy)]
struct Copying {
    kind: Type,
}

/// Reads values row by row by a function of the values, a row, the type and the conversion; None where a value is out of range.
struct ValueReader<T> {
    kind: Type,
    read: fn(&Values, usize, Type, Conversion) -> Option<T>,
}

impl Copying {
    fn to<T>(self, read: fn(&Values, usize, Type, Conversion) -> Option<T>) -> ValueReader<T> {
        ValueReader { kind: self.kind, read }
    }
}

impl<T: Copy> Reader<'_> for ValueReader<T> {
    type Item = Option<T>;
    const NULL: Option<T> = None;
    const EXPECTED: &'static str = "values of its type";

    fn read(&mut self, rows: ValueRows<'_>, items: &mut Vec<Self::Item>) -> Option<Result<(), Failure>> {
        let ValueRows { values, valid, rows } = rows;
        let conversion = conversion(values, self.kind)?;
        for row in rows {
            if valid.is_some_and(|valid| valid.is_null(row)) {
                items.push(None);
                continue;
            }
            let Some(value) = (self.read)(values, row, self.kind, conversion) else {
                let what = format!("the value is out of the range of {}", self.kind);
                return Some(Err(Failure::at(row, what)));
            };
            items.push(Some(value));
        }
        Some(Ok(()))
    }
}

fn whole(values: &Values, row: usize) -> Option<i128> {
    match values {
        Values::Integers(integers) | Values::Fixed(_, FixedValues::Integers(integers)) => {
            with_integers!(integers, numbers => numbers.get(row).map(|&number| i128::from(number)))
        }
        Values::Fixed(_, FixedValues::Wide(numbers)) => numbers.get(row).copied(),
        _ => None,
    }
}

fn wide(values: &Values, row: usize, kind: Type, conversion: Conversion) -> Option<i128> {
    let number = whole(values, row)?.checked_mul(i128::from(conversion.factor))?;
    let number = number.div_euclid(i128::from(conversion.divisor));
    let (least, most) = held_range(kind);
    (least..=most).contains(&number).then_some(number)
}

fn small(values: &Values, row: usize, kind: Type, conversion: Conversion) -> Option<i64> {
    wide(values, row, kind, conversion)?.try_into().ok()
}

fn float(values: &Values, row: usize, _: Type, _: Conversion) -> Option<f32> {
    match values {
        Values::Fixed(_, FixedValues::Floats(numbers)) => numbers.get(row).copied(),
        Values::Fixed(_, FixedValues::Halves(numbers)) => numbers.get(row).map(|&bits| half(bits)),
        _ => None,
    }
}

/// A floating point number of 16 bits.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

fn interval(values: &Values, row: usize, _: Type, conversion: Conversion) -> Option<Interval> {
    let Values::Fixed(kind, values) = values else { return None };
    match (kind, values) {
        (DataType::Duration(_), FixedValues::Integers(integers)) => {
            let count = with_integers!(integers, numbers => i128::from(*numbers.get(row)?));
            let micros = count.checked_mul(i128::from(conversion.factor))? / i128::from(conversion.divisor);
            Some(Interval { micros: micros.try_into().ok()?, ..Interval::default() })
        }
        (_, FixedValues::Integers(Integers::I32(months))) => {
            Some(Interval { months: *months.get(row)?, ..Interval::default() })
        }
        // Days and milliseconds, of 32 bits each.
        (_, FixedValues::Integers(Integers::I64(both))) => {
            let [days, millis] = halves(both.get(row)?.to_ne_bytes());
            Some(Interval { months: 0, days, micros: i64::from(millis) * 1_000 })
        }
        (_, FixedValues::MonthsDaysNanos(all)) => {
            let bytes = all.get(row)?.to_ne_bytes();
            let [months, days] = halves(*bytes.first_chunk()?);
            let nanos = i64::from_ne_bytes(*bytes.last_chunk()?);
            Some(Interval { months, days, micros: nanos / 1_000 })
        }
        _ => None,
    }
}

/// The two numbers of 32 bits in eight bytes.
fn halves(bytes: [u8; 8]) -> [i32; 2] {
    let number = |four: Option<&[u8; 4]>| four.map_or(0, |four| i32::from_ne_bytes(*four));
    [number(bytes.first_chunk()), number(bytes.last_chunk())]
}
