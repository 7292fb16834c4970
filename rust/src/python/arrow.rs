//! Arrow arrays as they were imported, and their values row by row, whatever encodes them.
//!
//! Offsets, views, dictionary keys, runs and text come from outside. They are checked here, where a row is read, so that an
//! error names the row and a check costs little beside reading. Places that are NULL may hold anything.

use std::fmt;
use std::ops::Range;

use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use pyo3::prelude::*;

use super::errors::{out_of_memory, rows_error};
use crate::memory::{self, OutOfMemory};

/// A type with the name that it has in a record or schema.
pub struct Field {
    pub name: String,
    pub kind: Kind,
}

/// The types whose values are read.
pub enum Kind {
    Null,
    Boolean,
    Integer(IntegerKind),
    Double,
    Text(TextKind),
    Dictionary(IntegerKind, Box<Kind>),
    /// Run-end encoding.
    Runs(IntegerKind, Box<Kind>),
    Record(Vec<Field>),
    /// Any other, by name.
    Other(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntegerKind {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// With offsets of 32 bits.
    Small,
    /// With offsets of 64 bits.
    Large,
    View,
}

impl fmt::Display for IntegerKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::I8 => "Int8",
            Self::I16 => "Int16",
            Self::I32 => "Int32",
            Self::I64 => "Int64",
            Self::U8 => "UInt8",
            Self::U16 => "UInt16",
            Self::U32 => "UInt32",
            Self::U64 => "UInt64",
        })
    }
}

impl fmt::Display for Kind {
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
            Self::Other(name) => out.write_str(name),
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
    pub fn empty(kind: &Kind) -> Self {
        let values = match kind {
            Kind::Null => Values::Null,
            Kind::Boolean => Values::Booleans(BooleanBuffer::new_unset(0)),
            Kind::Integer(_) => Values::Integers(Integers::I64(ScalarBuffer::default())),
            Kind::Double => Values::Doubles(ScalarBuffer::default()),
            Kind::Text(_) => Values::Text(Text::none()),
            // Nothing is encoded.
            Kind::Dictionary(_, values) | Kind::Runs(_, values) => return Self::empty(values),
            Kind::Record(fields) => {
                Values::Record(fields.iter().map(|field| (field.name.clone(), Self::empty(&field.kind))).collect())
            }
            Kind::Other(name) => Values::Other(name.clone()),
        };
        Self { rows: 0, valid: None, values }
    }

    /// Bytes that its rows take; dictionaries and views share what stands behind them, which is not counted.
    pub fn least_bytes(&self) -> usize {
        match &self.values {
            Values::Null | Values::Other(_) => 0,
            Values::Booleans(_) => self.rows / 8,
            Values::Doubles(bits) => bits.inner().len(),
            Values::Integers(integers) | Values::Dictionary(integers, _) => integers.bytes(),
            Values::Runs { ends, values, .. } => ends.bytes().saturating_add(values.least_bytes()),
            Values::Text(text) => text.least_bytes(),
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
    /// As bits.
    Doubles(ScalarBuffer<u64>),
    Text(Text),
    Dictionary(Integers, Box<ArrowArray>),
    Runs {
        /// The row after each run, where rows are counted from `offset` rows before the first one.
        ends: Integers,
        offset: usize,
        values: Box<ArrowArray>,
    },
    Record(Vec<(String, ArrowArray)>),
    /// Of a type of this name, which is not read.
    Other(String),
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
            Self::Other(name) => name.clone(),
        }
    }
}

/// Calls with the numbers, whatever their type.
macro_rules! with_integers {
    ($integers:expr, $numbers:ident => $body:expr) => {
        match $integers {
            $crate::python::arrow::Integers::I8($numbers) => $body,
            $crate::python::arrow::Integers::I16($numbers) => $body,
            $crate::python::arrow::Integers::I32($numbers) => $body,
            $crate::python::arrow::Integers::I64($numbers) => $body,
            $crate::python::arrow::Integers::U8($numbers) => $body,
            $crate::python::arrow::Integers::U16($numbers) => $body,
            $crate::python::arrow::Integers::U32($numbers) => $body,
            $crate::python::arrow::Integers::U64($numbers) => $body,
        }
    };
}
pub(super) use with_integers;

/// Integers of any width.
pub enum Integers {
    I8(ScalarBuffer<i8>),
    I16(ScalarBuffer<i16>),
    I32(ScalarBuffer<i32>),
    I64(ScalarBuffer<i64>),
    U8(ScalarBuffer<u8>),
    U16(ScalarBuffer<u16>),
    U32(ScalarBuffer<u32>),
    U64(ScalarBuffer<u64>),
}

impl Integers {
    fn kind(&self) -> IntegerKind {
        match self {
            Self::I8(_) => IntegerKind::I8,
            Self::I16(_) => IntegerKind::I16,
            Self::I32(_) => IntegerKind::I32,
            Self::I64(_) => IntegerKind::I64,
            Self::U8(_) => IntegerKind::U8,
            Self::U16(_) => IntegerKind::U16,
            Self::U32(_) => IntegerKind::U32,
            Self::U64(_) => IntegerKind::U64,
        }
    }

    fn bytes(&self) -> usize {
        with_integers!(self, numbers => numbers.inner().len())
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
                let view = views.get(row.checked_mul(16)?..)?.first_chunk::<16>()?;
                let number = |at: usize| view[at..].first_chunk().map(|four| i32::from_ne_bytes(*four));
                let length = usize::try_from(number(0)?).ok()?;
                if length <= 12 {
                    return view.get(4..4 + length);
                }
                let (buffer, from) = (usize::try_from(number(8)?).ok()?, usize::try_from(number(12)?).ok()?);
                let bytes = buffers.get(buffer)?.get(from..from.checked_add(length)?)?;
                bytes.starts_with(&view[4..8]).then_some(bytes)
            }
        }
    }
}

impl Text {
    /// Whether the text of all these rows is in order and UTF-8, found for all of them together; false also where that cannot be
    /// found so.
    pub fn is_utf8_throughout(&self, rows: Range<usize>) -> bool {
        match self {
            Self::Small { offsets, bytes } => throughout(offsets, bytes, rows),
            Self::Large { offsets, bytes } => throughout(offsets, bytes, rows),
            Self::Views { .. } => false,
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
fn index<N: TryInto<usize>>(number: N) -> Option<usize> {
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
    Kind {
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

    /// The failure of rows that stand behind so many others.
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
            Self::Kind { found, expected } => {
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

/// Reads the values of a type that encodes nothing else.
pub trait Reader<'a> {
    /// What a row is read as.
    type Item: Copy;
    /// What it is read as where it is NULL.
    const NULL: Self::Item;
    /// What values must be, for errors.
    const EXPECTED: &'static str;

    /// Adds an item for each of the rows, all of which are there; or gives None, having added nothing, where values are of
    /// another type. Rows that are NULL may be added as anything where `valid` says so.
    fn read(
        &mut self,
        values: &'a Values,
        valid: Option<&'a NullBuffer>,
        rows: Range<usize>,
        items: &mut Vec<Self::Item>,
    ) -> Option<Result<(), Failure>>;
}

/// Reads arrays row by row, dictionaries and runs decoded.
pub struct Decoder<'a, R: Reader<'a>> {
    reader: R,
    /// The dictionary that was read last, and its items: parts of an array share it.
    dictionary: Option<(&'a ArrowArray, Vec<R::Item>)>,
    /// Address and number of the ends of runs that were found in order last: parts of an array share them too.
    ordered: (usize, usize),
}

impl<'a, R: Reader<'a>> Decoder<'a, R> {
    pub fn new(reader: R) -> Self {
        Self { reader, dictionary: None, ordered: (0, 0) }
    }

    /// Adds an item for each of these rows. The rows of failures are the array's.
    pub fn decode(
        &mut self,
        array: &'a ArrowArray,
        rows: Range<usize>,
        items: &mut Vec<R::Item>,
    ) -> Result<(), Failure> {
        memory::try_reserve(items, rows.len())?;
        match &array.values {
            Values::Null => items.extend(std::iter::repeat_n(R::NULL, rows.len())),
            Values::Dictionary(keys, dictionary) => self.by_keys(array, keys, dictionary, rows, items)?,
            Values::Runs { ends, offset, values } => {
                let begin = items.len();
                self.by_runs(ends, *offset, values, rows.clone(), items)?;
                // The record that the array stands in may be NULL.
                if let Some(valid) = &array.valid {
                    let items = items[begin..].iter_mut().zip(rows);
                    items.filter(|(_, row)| valid.is_null(*row)).for_each(|(item, _)| *item = R::NULL);
                }
            }
            values => {
                let read = self.reader.read(values, array.valid.as_ref(), rows, items);
                let other = || Failure::Kind { found: values.name(), expected: R::EXPECTED };
                read.unwrap_or_else(|| Err(other()))?;
            }
        }
        Ok(())
    }

    fn by_keys(
        &mut self,
        array: &'a ArrowArray,
        keys: &Integers,
        dictionary: &'a ArrowArray,
        rows: Range<usize>,
        items: &mut Vec<R::Item>,
    ) -> Result<(), Failure> {
        let known = match self.dictionary.take() {
            Some((known, items)) if same_memory(known, dictionary) => items,
            _ => {
                let mut items = Vec::new();
                let read = self.decode(dictionary, 0..dictionary.rows, &mut items);
                read.map_err(|failure| failure.within("its dictionary"))?;
                items
            }
        };
        let item = |row: usize, key: Option<usize>| {
            let invalid = || {
                let count = known.len();
                Failure::at(row, format!("the dictionary has {count} values, but the key is {}", shown(keys, row)))
            };
            key.and_then(|key| known.get(key)).copied().ok_or_else(invalid)
        };
        with_integers!(keys, keys => {
            if let Some(valid) = &array.valid {
                for row in rows {
                    items.push(if valid.is_valid(row) { item(row, index(keys[row]))? } else { R::NULL });
                }
            } else {
                for row in rows {
                    items.push(item(row, index(keys[row]))?);
                }
            }
        });
        self.dictionary = Some((dictionary, known));
        Ok(())
    }

    fn by_runs(
        &mut self,
        ends: &Integers,
        offset: usize,
        values: &'a ArrowArray,
        rows: Range<usize>,
        items: &mut Vec<R::Item>,
    ) -> Result<(), Failure> {
        self.check_order(ends)?;
        let (first, last) = (offset + rows.start, offset + rows.end);
        let mut row = first;
        let mut run =
            with_integers!(ends, ends => ends.partition_point(|&end| index(end).is_some_and(|end| end <= first)));
        let mut lengths = Vec::new();
        let begin = run;
        while row < last {
            let Some(end) = with_integers!(ends, ends => ends.get(run).and_then(|&end| index(end))) else {
                return Err(Failure::at(row - offset, "the runs end before the rows do"));
            };
            memory::try_reserve(&mut lengths, 1)?;
            lengths.push(end.min(last) - row);
            row = end.min(last);
            run += 1;
        }
        let mut of_runs = Vec::new();
        let read = self.decode(values, begin..run, &mut of_runs);
        read.map_err(|failure| failure.within("values of runs"))?;
        for (item, length) in of_runs.into_iter().zip(lengths) {
            items.extend(std::iter::repeat_n(item, length));
        }
        Ok(())
    }

    /// Checks that ends of runs grow from above 0 on, in one array and all its parts once.
    fn check_order(&mut self, ends: &Integers) -> Result<(), Failure> {
        let place = with_integers!(ends, ends => (ends.as_ptr() as usize, ends.len()));
        if self.ordered != place {
            let wrong = with_integers!(ends, ends => {
                let first = ends.first().filter(|&&end| end < 1).map(|_| 0);
                first.or_else(|| ends.windows(2).position(|pair| pair[0] >= pair[1]).map(|run| run + 1))
            });
            if let Some(run) = wrong {
                return Err(Failure::of(format!("the end of run {run} is not behind the end of the run before it")));
            }
            self.ordered = place;
        }
        Ok(())
    }
}

fn shown(keys: &Integers, row: usize) -> String {
    with_integers!(keys, keys => keys[row].to_string())
}

/// Whether two arrays of text are views of the same memory.
fn same_memory(one: &ArrowArray, other: &ArrowArray) -> bool {
    if std::ptr::eq(one, other) {
        return true;
    }
    let (Values::Text(first), Values::Text(second)) = (&one.values, &other.values) else { return false };
    let same = |one: &Buffer, other: &Buffer| one.as_ptr() == other.as_ptr() && one.len() == other.len();
    let valid = match (&one.valid, &other.valid) {
        (None, None) => true,
        (Some(one), Some(other)) => same(one.buffer(), other.buffer()) && one.offset() == other.offset(),
        _ => false,
    };
    let text = match (first, second) {
        (Text::Small { offsets, bytes }, Text::Small { offsets: others, bytes: other }) => {
            same(offsets.inner(), others.inner()) && same(bytes, other)
        }
        (Text::Large { offsets, bytes }, Text::Large { offsets: others, bytes: other }) => {
            same(offsets.inner(), others.inner()) && same(bytes, other)
        }
        (Text::Views { views, buffers }, Text::Views { views: others, buffers: other }) => {
            same(views, others) && buffers.len() == other.len() && buffers.iter().zip(other).all(|(a, b)| same(a, b))
        }
        _ => false,
    };
    one.rows == other.rows && valid && text
}
