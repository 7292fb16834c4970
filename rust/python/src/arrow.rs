//! Arrow arrays as they were imported.
//!
//! Offsets, views, dictionary keys, runs and text come from outside. They are checked here, where a row is read, so that an
//! error names the row and a check costs little beside reading. Places that are NULL may hold anything.

use std::fmt;
use std::ops::Range;

use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::DataType;
use pyo3::prelude::*;
use rowpattern_core::memory::OutOfMemory;

use super::errors::{out_of_memory, rows_error};
use super::views::{self, MOST_INLINE_BYTES, VIEW_BYTES};

/// A type with the name that it has in a record or schema.
pub struct Field {
    pub name: String,
    pub kind: ArrowKind,
}

/// The types whose values are read.
pub enum ArrowKind {
    Null,
    Boolean,
    Integer(IntegerKind),
    Double,
    Text(TextKind),
    Dictionary(IntegerKind, Box<ArrowKind>),
    /// Run-end encoding.
    Runs(IntegerKind, Box<ArrowKind>),
    Record(Vec<Field>),
    /// A type of this name, whose values are read as what they are stored as.
    Stored(Storage, String),
    /// Values of as many bytes each: numbers of other kinds, dates, times and intervals.
    Fixed(DataType),
    /// Any other, by name.
    Other(String),
}

/// What values of types are stored as that are not read but to order rows by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Numbers of 256 bits, which are read where 128 are enough for all of them.
    Int256,
    Bytes(TextKind),
    /// So many bytes each.
    FixedBytes(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// With offsets of 32 bits.
    Small,
    /// With offsets of 64 bits.
    Large,
    View,
}

impl fmt::Display for ArrowKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => out.write_str("Null"),
            Self::Boolean => out.write_str("Boolean"),
            Self::Integer(kind) => kind.fmt(out),
            Self::Double => out.write_str("Float64"),
            Self::Text(TextKind::Small) => out.write_str("Utf8"),
            Self::Text(TextKind::Large) => out.write_str("LargeUtf8"),
            Self::Text(TextKind::View) => out.write_str("Utf8View"),
            Self::Dictionary(keys, values) => write!(out, "Dictionary({keys}, {values})"),
            Self::Runs(ends, values) => write!(out, "RunEndEncoded({ends}, {values})"),
            Self::Record(fields) => write!(out, "Struct of {} fields", fields.len()),
            Self::Stored(_, name) | Self::Other(name) => out.write_str(name),
            Self::Fixed(kind) => kind.fmt(out),
        }
    }
}

/// An array whose structure was checked.
pub struct ArrowArray {
    pub rows: usize,
    /// Which rows are not NULL; all of them without it. [`Values`] have NULLs of their own too.
    pub valid: Option<NullBuffer>,
    pub values: Values,
}

impl ArrowArray {
    /// An array without rows.
    pub fn empty(kind: &ArrowKind) -> Self {
        let values = match kind {
            ArrowKind::Null => Values::Null,
            ArrowKind::Boolean => Values::Booleans(BooleanBuffer::new_unset(0)),
            ArrowKind::Integer(_) => Values::Integers(Integers::I64(ScalarBuffer::default())),
            ArrowKind::Double => Values::Doubles(ScalarBuffer::default()),
            ArrowKind::Text(_) => Values::Text(Text::none()),
            // Nothing is encoded.
            ArrowKind::Dictionary(_, values) | ArrowKind::Runs(_, values) => return Self::empty(values),
            ArrowKind::Record(fields) => {
                Values::Record(fields.iter().map(|field| (field.name.clone(), Self::empty(&field.kind))).collect())
            }
            ArrowKind::Fixed(kind) => Values::Fixed(kind.clone(), FixedValues::Floats(ScalarBuffer::default())),
            ArrowKind::Stored(_, name) | ArrowKind::Other(name) => Values::Other(name.clone()),
        };
        Self { rows: 0, valid: None, values }
    }

    /// Bytes that its rows take; dictionaries and views share what stands behind them, which is not counted.
    pub fn least_bytes(&self) -> usize {
        match &self.values {
            Values::Null | Values::Other(_) => 0,
            Values::Booleans(_) => self.rows / 8,
            Values::Doubles(numbers) => numbers.inner().len(),
            Values::Fixed(_, values) => values.bytes(),
            Values::Integers(integers) | Values::Dictionary(integers, _) => integers.bytes(),
            Values::Runs { ends, values, .. } => ends.bytes().saturating_add(values.least_bytes()),
            Values::Text(text) => text.least_bytes(),
            Values::Stored(stored, _) => stored.least_bytes(),
            Values::Record(columns) => {
                columns.iter().fold(0, |bytes, (_, column)| bytes.saturating_add(column.least_bytes()))
            }
        }
    }
}

pub enum Values {
    Null,
    Booleans(BooleanBuffer),
    Integers(Integers),
    Doubles(ScalarBuffer<f64>),
    Text(Text),
    Dictionary(Integers, Box<ArrowArray>),
    Runs {
        /// The row after each run, where rows are counted from `offset` rows before the first one.
        ends: Integers,
        offset: usize,
        values: Box<ArrowArray>,
    },
    Record(Vec<(String, ArrowArray)>),
    /// Of a type of this name.
    Stored(StoredValues, String),
    /// Of this type.
    Fixed(DataType, FixedValues),
    /// Of a type of this name, which is not read.
    Other(String),
}

/// Values as they are stored: see [`Storage`].
pub enum StoredValues {
    Int128(ScalarBuffer<i128>),
    Bytes(Text),
    FixedBytes(FixedBytes),
}

impl StoredValues {
    fn least_bytes(&self) -> usize {
        match self {
            Self::Int128(numbers) => numbers.inner().len(),
            Self::Bytes(bytes) => bytes.least_bytes(),
            Self::FixedBytes(bytes) => bytes.bytes.len(),
        }
    }
}

/// Rows of the same number of bytes.
pub struct FixedBytes {
    pub bytes: Buffer,
    pub width: usize,
}

impl Values {
    /// Their type.
    pub fn name(&self) -> String {
        match self {
            Self::Null => "Null".into(),
            Self::Booleans(_) => "Boolean".into(),
            Self::Integers(integers) => integers.kind().to_string(),
            Self::Doubles(_) => "Float64".into(),
            Self::Text(Text::Small { .. }) => "Utf8".into(),
            Self::Text(Text::Large { .. }) => "LargeUtf8".into(),
            Self::Text(Text::Views { .. }) => "Utf8View".into(),
            Self::Dictionary(keys, values) => format!("Dictionary({}, {})", keys.kind(), values.values.name()),
            Self::Runs { ends, values, .. } => format!("RunEndEncoded({}, {})", ends.kind(), values.values.name()),
            Self::Record(columns) => format!("Struct of {} fields", columns.len()),
            Self::Stored(_, name) | Self::Other(name) => name.clone(),
            Self::Fixed(kind, _) => kind.to_string(),
        }
    }
}

macro_rules! integers {
    ($($kind:ident: $number:ty, $name:literal;)*) => {
        /// The types of integers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum IntegerKind {
            $($kind,)*
        }

        /// Integers of any width.
        pub enum Integers {
            $($kind(ScalarBuffer<$number>),)*
        }

        impl fmt::Display for IntegerKind {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(match self {
                    $(Self::$kind => $name,)*
                })
            }
        }

        impl Integers {
            fn kind(&self) -> IntegerKind {
                match self {
                    $(Self::$kind(_) => IntegerKind::$kind,)*
                }
            }

            fn bytes(&self) -> usize {
                match self {
                    $(Self::$kind(numbers) => numbers.inner().len(),)*
                }
            }
        }
    };
}

integers! {
    I8: i8, "Int8";
    I16: i16, "Int16";
    I32: i32, "Int32";
    I64: i64, "Int64";
    U8: u8, "UInt8";
    U16: u16, "UInt16";
    U32: u32, "UInt32";
    U64: u64, "UInt64";
}

/// Calls with the numbers, whatever their type.
macro_rules! with_integers {
    ($integers:expr, $numbers:ident => $body:expr) => {
        match $integers {
            $crate::arrow::Integers::I8($numbers) => $body,
            $crate::arrow::Integers::I16($numbers) => $body,
            $crate::arrow::Integers::I32($numbers) => $body,
            $crate::arrow::Integers::I64($numbers) => $body,
            $crate::arrow::Integers::U8($numbers) => $body,
            $crate::arrow::Integers::U16($numbers) => $body,
            $crate::arrow::Integers::U32($numbers) => $body,
            $crate::arrow::Integers::U64($numbers) => $body,
        }
    };
}
pub(super) use with_integers;

/// Values of as many bytes each, whose type says what they mean.
pub enum FixedValues {
    Integers(Integers),
    /// Decimals of 128 bits.
    Wide(ScalarBuffer<i128>),
    Floats(ScalarBuffer<f32>),
    /// Floating point numbers of 16 bits, as bits.
    Halves(ScalarBuffer<u16>),
    /// Intervals, of 16 bytes as Arrow lays them out: months and days of 32 bits, nanoseconds of 64.
    MonthsDaysNanos(ScalarBuffer<i128>),
}

impl FixedValues {
    fn bytes(&self) -> usize {
        match self {
            Self::Integers(integers) => integers.bytes(),
            Self::Wide(numbers) | Self::MonthsDaysNanos(numbers) => numbers.inner().len(),
            Self::Floats(numbers) => numbers.inner().len(),
            Self::Halves(numbers) => numbers.inner().len(),
        }
    }
}

/// Text as bytes that are not known to be UTF-8.
pub enum Text {
    Small {
        offsets: ScalarBuffer<i32>,
        bytes: Buffer,
    },
    Large {
        offsets: ScalarBuffer<i64>,
        bytes: Buffer,
    },
    /// Of 16 bytes each.
    Views {
        views: Buffer,
        buffers: Vec<Buffer>,
    },
}

impl Text {
    /// Bytes of offsets and text, or of views.
    fn least_bytes(&self) -> usize {
        match self {
            Self::Small { offsets, .. } => offsets.inner().len().saturating_add(spanned(offsets)),
            Self::Large { offsets, .. } => offsets.inner().len().saturating_add(spanned(offsets)),
            Self::Views { views, .. } => views.len(),
        }
    }

    /// No rows.
    pub fn none() -> Self {
        Self::Views { views: Buffer::from_vec(Vec::<u8>::new()), buffers: Vec::new() }
    }

    /// The bytes of a row; None where they lie out of range or order.
    #[inline]
    pub fn bytes(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Small { offsets, bytes } => between(offsets, bytes, row),
            Self::Large { offsets, bytes } => between(offsets, bytes, row),
            Self::Views { views, buffers } => {
                let view = views.get(row.checked_mul(VIEW_BYTES)?..)?.first_chunk::<VIEW_BYTES>()?;
                let number = |at: usize| view[at..].first_chunk().map(|four| i32::from_ne_bytes(*four));
                let length = usize::try_from(number(0)?).ok()?;
                if length <= MOST_INLINE_BYTES {
                    return view.get(4..4 + length);
                }
                let (buffer, from) = (usize::try_from(number(8)?).ok()?, usize::try_from(number(12)?).ok()?);
                let bytes = buffers.get(buffer)?.get(from..from.checked_add(length)?)?;
                bytes.starts_with(&view[4..8]).then_some(bytes)
            }
        }
    }

    /// Whether the text of all these rows is in order and UTF-8, found for all of them together; false also where that cannot be
    /// found so.
    pub fn is_utf8_throughout(&self, rows: Range<usize>) -> bool {
        match self {
            Self::Small { offsets, bytes } => throughout(offsets, bytes, rows),
            Self::Large { offsets, bytes } => throughout(offsets, bytes, rows),
            Self::Views { views, .. } => {
                views::all_ascii(views, rows, |row| self.bytes(row).is_some_and(<[u8]>::is_ascii))
            }
        }
    }
}

/// How far the last offset is behind the first.
fn spanned<T: ArrowNativeType + TryInto<usize>>(offsets: &[T]) -> usize {
    let place = |offset: Option<&T>| offset.copied().and_then(index).unwrap_or_default();
    place(offsets.last()).saturating_sub(place(offsets.first()))
}

fn throughout<T: ArrowNativeType + TryInto<usize>>(offsets: &[T], bytes: &[u8], rows: Range<usize>) -> bool {
    let Some(offsets) = offsets.get(rows.start..=rows.end) else { return false };
    let (Some(first), Some(last)) = (offsets.first().copied().and_then(index), offsets.last().copied().and_then(index))
    else {
        return false;
    };
    if !offsets.is_sorted() {
        return false;
    }
    let text = bytes.get(first..last).and_then(|bytes| std::str::from_utf8(bytes).ok());
    // No row begins inside of a character.
    text.is_some_and(|text| {
        text.is_ascii()
            || offsets.iter().all(|&offset| index(offset).is_some_and(|offset| text.is_char_boundary(offset - first)))
    })
}

#[inline]
fn between<'a, T: ArrowNativeType + TryInto<usize>>(offsets: &[T], bytes: &'a [u8], row: usize) -> Option<&'a [u8]> {
    let (begin, end) = (*offsets.get(row)?, *offsets.get(row + 1)?);
    bytes.get(index(begin)?..index(end)?)
}

/// A number as a place in memory; None where it is negative.
#[inline]
pub fn index<N: TryInto<usize>>(number: N) -> Option<usize> {
    number.try_into().ok()
}

/// Why an array cannot be read.
#[derive(Debug)]
pub enum Failure {
    /// What is wrong, and where it is known in which row.
    Malformed {
        row: Option<usize>,
        what: String,
    },
    /// Values are of this type, and were expected to be others.
    OtherType {
        found: String,
        expected: &'static str,
    },
    OutOfMemory(OutOfMemory),
}

impl Failure {
    pub fn of(what: impl Into<String>) -> Self {
        Self::Malformed { row: None, what: what.into() }
    }

    pub fn at(row: usize, what: impl Into<String>) -> Self {
        Self::Malformed { row: Some(row), what: what.into() }
    }

    /// The failure as one of a part of an array, whose rows are not the array's.
    pub fn within(self, part: &str) -> Self {
        match self {
            Self::Malformed { row: None, what } => Self::of(format!("{part}: {what}")),
            Self::Malformed { row: Some(row), what } => Self::of(format!("{part}, place {row}: {what}")),
            _ => self,
        }
    }

    /// The failure of rows that stand behind `rows` others.
    pub fn behind(self, rows: usize) -> Self {
        match self {
            Self::Malformed { row: Some(row), what } => Self::at(row + rows, what),
            _ => self,
        }
    }

    /// An error that says what was read.
    pub fn raise(self, name: &str) -> PyErr {
        match self {
            Self::Malformed { row: None, what } => rows_error(format!("cannot read {name} from Arrow: {what}")),
            Self::Malformed { row: Some(row), what } => {
                rows_error(format!("cannot read {name} from Arrow, row {row}: {what}"))
            }
            Self::OtherType { found, expected } => {
                rows_error(format!("{name} have the Arrow type {found}; expected {expected}"))
            }
            Self::OutOfMemory(error) => out_of_memory(error),
        }
    }
}

impl From<OutOfMemory> for Failure {
    fn from(error: OutOfMemory) -> Self {
        Self::OutOfMemory(error)
    }
}
