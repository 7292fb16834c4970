//! Arrays of Arrow's C data interface, as arrays whose structure was checked.
//!
//! What stands in buffers (offsets, keys, views, runs, text) is checked where it is read, in `arrow.rs`: a row that nobody
//! reads costs nothing, and an error knows its row.
#![allow(unsafe_code, reason = "reads C structures; each block says what it relies on")]

use std::ptr::NonNull;
use std::sync::Arc;

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_schema::{DataType, IntervalUnit};
use rowpattern_core::memory;

use super::structures::CArray;
use crate::arrow::{
    ArrowArray, ArrowKind, Failure, FixedBytes, FixedValues, Integers, Storage, StoredValues, Text, TextKind, Values,
};

/// Takes an array over, and checks that it is one of this type.
pub fn import(array: CArray, kind: &ArrowKind) -> Result<ArrowArray, Failure> {
    let owner = Arc::new(array);
    Importer { array: &owner, owner: &owner }.import(kind, None)
}

/// An array that stands in one that was taken over.
struct Importer<'a> {
    array: &'a CArray,
    /// Keeps the memory.
    owner: &'a Arc<CArray>,
}

/// Rows of an array, its own offset left aside.
#[derive(Clone, Copy)]
struct Window {
    first: usize,
    rows: usize,
}

/// The first of an array's rows in its buffers, how many are wanted, and the number of all that buffers must hold.
struct Extent {
    first: usize,
    rows: usize,
    end: usize,
}

impl Importer<'_> {
    /// Reads all rows, or those in the window that a record cuts out of its columns.
    fn import(&self, kind: &ArrowKind, window: Option<Window>) -> Result<ArrowArray, Failure> {
        if self.array.is_released() {
            return Err(Failure::of("its array was released: a capsule can be used once"));
        }
        let extent = self.extent(window)?;
        if let ArrowKind::Other(name) = kind {
            // Never read, so not looked at either.
            return Ok(ArrowArray { rows: extent.rows, valid: None, values: Values::Other(name.clone()) });
        }
        self.expect_parts(kind)?;
        let valid = match kind {
            ArrowKind::Null | ArrowKind::Runs(..) => None,
            _ => self.validity(&extent)?,
        };
        let values = match kind {
            ArrowKind::Null | ArrowKind::Other(_) => Values::Null,
            ArrowKind::Boolean => Values::Booleans(self.bits(1, &extent)?),
            ArrowKind::Integer(kind) => Values::Integers(self.integers(*kind, &extent)?),
            ArrowKind::Double => {
                let numbers = self.items(1, &extent)?;
                Values::Doubles(numbers)
            }
            ArrowKind::Fixed(kind) => Values::Fixed(kind.clone(), self.fixed(kind, &extent)?),
            ArrowKind::Text(kind) => Values::Text(self.text(*kind, &extent)?),
            ArrowKind::Stored(storage, name) => match self.stored(*storage, &extent, valid.as_ref())? {
                Some(stored) => Values::Stored(stored, name.clone()),
                None => Values::Other(name.clone()),
            },
            ArrowKind::Dictionary(keys, of) => {
                let dictionary = self.part(self.array.dictionary, "dictionary")?;
                let values = dictionary.import(of, None).map_err(|failure| failure.within("its dictionary"))?;
                Values::Dictionary(self.integers(*keys, &extent)?, Box::new(values))
            }
            ArrowKind::Runs(ends, of) => {
                let ends_kind = ArrowKind::Integer(*ends);
                let ends = self.child(0)?.import(&ends_kind, None).map_err(|failure| failure.within("ends of runs"))?;
                let values = self.child(1)?.import(of, None).map_err(|failure| failure.within("values of runs"))?;
                if ends.rows != values.rows {
                    return Err(Failure::of(format!(
                        "there are {} ends of runs and {} values",
                        ends.rows, values.rows
                    )));
                }
                match ends {
                    ArrowArray { valid: None, values: Values::Integers(ends), .. } => {
                        Values::Runs { ends, offset: extent.first, values: Box::new(values) }
                    }
                    _ => return Err(Failure::of("the ends of its runs have NULLs")),
                }
            }
            ArrowKind::Record(fields) => {
                let window = Window { first: extent.first, rows: extent.rows };
                let column = |(number, field): (usize, &crate::arrow::Field)| {
                    let column = self.child(number).and_then(|child| child.import(&field.kind, Some(window)));
                    let mut column = column.map_err(|failure| failure.within(&format!("column {:?}", field.name)))?;
                    // Where the record is NULL, so is every column.
                    column.valid = NullBuffer::union(column.valid.as_ref(), valid.as_ref());
                    Ok((field.name.clone(), column))
                };
                let columns = fields.iter().enumerate().map(column).collect::<Result<_, Failure>>()?;
                Values::Record(columns)
            }
        };
        Ok(ArrowArray { rows: extent.rows, valid, values })
    }

    fn extent(&self, window: Option<Window>) -> Result<Extent, Failure> {
        let CArray { length, offset, null_count, .. } = *self.array;
        let invalid = || Failure::of(format!("its length is {length} and its offset {offset}"));
        let rows = usize::try_from(length).map_err(|_| invalid())?;
        let first = usize::try_from(offset).map_err(|_| invalid())?;
        // Offsets of text have one item more.
        let end = first.checked_add(rows).filter(|&end| end < isize::MAX as usize).ok_or_else(invalid)?;
        if null_count < -1 || null_count > length {
            return Err(Failure::of(format!("it has {null_count} NULLs in {length} rows")));
        }
        let Some(window) = window else { return Ok(Extent { first, rows, end }) };
        if window.first.checked_add(window.rows).is_none_or(|needed| needed > rows) {
            let (from, needed) = (window.first, window.rows);
            return Err(Failure::of(format!("it has {rows} rows; its record needs {needed} from row {from} on")));
        }
        Ok(Extent { first: first + window.first, rows: window.rows, end })
    }

    /// Checks how many buffers and children there are, and whether there is a dictionary.
    fn expect_parts(&self, kind: &ArrowKind) -> Result<(), Failure> {
        let (buffers, children) = match kind {
            ArrowKind::Null | ArrowKind::Other(_) => (0, 0),
            ArrowKind::Runs(..) => (0, 2),
            ArrowKind::Record(fields) => (1, fields.len()),
            ArrowKind::Text(TextKind::Small | TextKind::Large)
            | ArrowKind::Stored(Storage::Bytes(TextKind::Small | TextKind::Large), _) => (3, 0),
            // Views have one for each buffer of bytes too.
            ArrowKind::Text(TextKind::View) | ArrowKind::Stored(Storage::Bytes(TextKind::View), _) => {
                (self.array.n_buffers.max(3) as usize, 0)
            }
            ArrowKind::Boolean
            | ArrowKind::Integer(_)
            | ArrowKind::Double
            | ArrowKind::Stored(..)
            | ArrowKind::Fixed(_)
            | ArrowKind::Dictionary(..) => (2, 0),
        };
        let CArray { n_buffers, n_children, .. } = *self.array;
        if usize::try_from(n_buffers) != Ok(buffers) {
            return Err(Failure::of(format!("it has {n_buffers} buffers; an array of {kind} has {buffers}")));
        }
        if usize::try_from(n_children) != Ok(children) {
            return Err(Failure::of(format!("it has {n_children} children; an array of {kind} has {children}")));
        }
        if buffers > 0 && self.array.buffers.is_null() {
            return Err(Failure::of("its list of buffers is a NULL pointer"));
        }
        if children > 0 && self.array.children.is_null() {
            return Err(Failure::of("its list of children is a NULL pointer"));
        }
        if !matches!(kind, ArrowKind::Dictionary(..)) && !self.array.dictionary.is_null() {
            return Err(Failure::of(format!("it has a dictionary, but its type is {kind}")));
        }
        Ok(())
    }

    fn part<'s>(&'s self, pointer: *const CArray, what: &str) -> Result<Importer<'s>, Failure> {
        // SAFETY: children and dictionaries are NULL or point to structures that live as long as the one they stand in.
        let array = unsafe { pointer.as_ref() }.ok_or_else(|| Failure::of(format!("its {what} is a NULL pointer")))?;
        Ok(Importer { array, owner: self.owner })
    }

    fn child(&self, number: usize) -> Result<Importer<'_>, Failure> {
        // SAFETY: the list is not NULL and has `n_children` pointers, of which this is one ([`Self::expect_parts`]).
        let child = unsafe { *self.array.children.add(number) };
        self.part(child, "child")
    }

    /// A buffer of `bytes` bytes.
    fn buffer(&self, number: usize, bytes: usize) -> Result<Buffer, Failure> {
        if bytes == 0 {
            // What stands there may be anything.
            return Ok(Buffer::from_vec(Vec::<u8>::new()));
        }
        let pointer = self.pointer(number).ok_or_else(|| {
            Failure::of(format!("its buffer {number} is a NULL pointer, where {bytes} bytes are needed"))
        })?;
        if bytes > isize::MAX as usize {
            return Err(Failure::of(format!("its buffer {number} would have {bytes} bytes")));
        }
        // SAFETY: the interface says that buffers are as long as rows and type require, and live as long as their array,
        // which `owner` keeps.
        Ok(unsafe { Buffer::from_custom_allocation(pointer, bytes, Arc::clone(self.owner) as _) })
    }

    fn pointer(&self, number: usize) -> Option<NonNull<u8>> {
        // SAFETY: the list is not NULL and has `n_buffers` pointers, of which this is one ([`Self::expect_parts`]).
        NonNull::new(unsafe { *self.array.buffers.add(number) }.cast_mut().cast())
    }

    fn bits(&self, number: usize, extent: &Extent) -> Result<BooleanBuffer, Failure> {
        let buffer = self.buffer(number, extent.end.div_ceil(8))?;
        Ok(BooleanBuffer::new(buffer, extent.first, extent.rows))
    }

    /// Which rows are not NULL. The producer's number of NULLs is not relied on.
    fn validity(&self, extent: &Extent) -> Result<Option<NullBuffer>, Failure> {
        if self.pointer(0).is_none() {
            let count = self.array.null_count;
            if count > 0 {
                return Err(Failure::of(format!("it has {count} NULLs, but does not say which rows")));
            }
            return Ok(None);
        }
        let valid = NullBuffer::new(self.bits(0, extent)?);
        Ok(Some(valid).filter(|valid| valid.null_count() > 0))
    }

    /// The items of the extent's rows.
    fn items<T: Item>(&self, number: usize, extent: &Extent) -> Result<arrow_buffer::ScalarBuffer<T>, Failure> {
        let bytes = |items: usize| items.checked_mul(size_of::<T>()).ok_or_else(|| Failure::of("it is too long"));
        let buffer = self.buffer(number, bytes(extent.end)?)?;
        let buffer = buffer.slice_with_length(bytes(extent.first)?, bytes(extent.rows)?);
        if buffer.as_ptr().cast::<T>().is_aligned() {
            return Ok(arrow_buffer::ScalarBuffer::new(buffer, 0, extent.rows));
        }
        // The interface recommends that buffers are aligned, and does not require it.
        let mut items = memory::try_with_capacity(extent.rows)?;
        items.extend(buffer.chunks_exact(size_of::<T>()).map(T::read));
        Ok(items.into())
    }

    fn integers(&self, kind: crate::arrow::IntegerKind, extent: &Extent) -> Result<Integers, Failure> {
        use crate::arrow::IntegerKind as Is;
        Ok(match kind {
            Is::I8 => Integers::I8(self.items(1, extent)?),
            Is::I16 => Integers::I16(self.items(1, extent)?),
            Is::I32 => Integers::I32(self.items(1, extent)?),
            Is::I64 => Integers::I64(self.items(1, extent)?),
            Is::U8 => Integers::U8(self.items(1, extent)?),
            Is::U16 => Integers::U16(self.items(1, extent)?),
            Is::U32 => Integers::U32(self.items(1, extent)?),
            Is::U64 => Integers::U64(self.items(1, extent)?),
        })
    }

    /// Values as they are stored; None where they are wider than what is read.
    fn stored(
        &self,
        storage: Storage,
        extent: &Extent,
        valid: Option<&NullBuffer>,
    ) -> Result<Option<StoredValues>, Failure> {
        Ok(Some(match storage {
            Storage::Int256 => {
                let bytes = self.fixed_bytes(32, extent)?;
                let mut numbers = memory::try_with_capacity(extent.rows)?;
                for (row, halves) in bytes.chunks_exact(32).enumerate() {
                    let (low, high) = (i128::read(&halves[..16]), i128::read(&halves[16..]));
                    if high == low >> 127 {
                        numbers.push(low);
                    } else if valid.is_some_and(|valid| valid.is_null(row)) {
                        numbers.push(0);
                    } else {
                        return Ok(None);
                    }
                }
                StoredValues::Int128(numbers.into())
            }
            Storage::Bytes(kind) => StoredValues::Bytes(self.text(kind, extent)?),
            Storage::FixedBytes(width) => {
                StoredValues::FixedBytes(FixedBytes { bytes: self.fixed_bytes(width, extent)?, width })
            }
        }))
    }

    fn fixed_bytes(&self, width: usize, extent: &Extent) -> Result<Buffer, Failure> {
        let bytes = |items: usize| items.checked_mul(width).ok_or_else(|| Failure::of("it is too long"));
        let buffer = self.buffer(1, bytes(extent.end)?)?;
        Ok(buffer.slice_with_length(bytes(extent.first)?, bytes(extent.rows)?))
    }

    fn fixed(&self, kind: &DataType, extent: &Extent) -> Result<FixedValues, Failure> {
        use crate::arrow::IntegerKind as Is;
        let integers = |kind| self.integers(kind, extent).map(FixedValues::Integers);
        match kind {
            DataType::Float16 => Ok(FixedValues::Halves(self.items(1, extent)?)),
            DataType::Float32 => Ok(FixedValues::Floats(self.items(1, extent)?)),
            DataType::Decimal128(..) => Ok(FixedValues::Wide(self.items(1, extent)?)),
            DataType::Interval(IntervalUnit::MonthDayNano) => Ok(FixedValues::MonthsDaysNanos(self.items(1, extent)?)),
            DataType::Date32
            | DataType::Time32(_)
            | DataType::Decimal32(..)
            | DataType::Interval(IntervalUnit::YearMonth) => integers(Is::I32),
            _ => integers(Is::I64),
        }
    }

    fn text(&self, kind: TextKind, extent: &Extent) -> Result<Text, Failure> {
        if extent.rows == 0 {
            // Buffers of an array without rows may be missing.
            return Ok(Text::none());
        }
        let offsets = Extent { first: extent.first, rows: extent.rows + 1, end: extent.end + 1 };
        match kind {
            TextKind::Small => {
                let offsets = self.items::<i32>(1, &offsets)?;
                let bytes = self.text_bytes(offsets.last().copied().map_or(0, i64::from))?;
                Ok(Text::Small { offsets, bytes })
            }
            TextKind::Large => {
                let offsets = self.items::<i64>(1, &offsets)?;
                let bytes = self.text_bytes(offsets.last().copied().unwrap_or_default())?;
                Ok(Text::Large { offsets, bytes })
            }
            TextKind::View => {
                let views = self.buffer(1, extent.end.checked_mul(16).ok_or_else(|| Failure::of("it is too long"))?)?;
                let views = views.slice_with_length(extent.first * 16, extent.rows * 16);
                Ok(Text::Views { views, buffers: self.view_buffers()? })
            }
        }
    }

    /// The bytes of text up to the last offset: the interface does not say how many there are.
    fn text_bytes(&self, last: i64) -> Result<Buffer, Failure> {
        let last =
            usize::try_from(last).map_err(|_| Failure::of(format!("the offset after its last row is {last}")))?;
        self.buffer(2, last)
    }

    /// The buffers behind views; the last of all buffers has their lengths.
    fn view_buffers(&self) -> Result<Vec<Buffer>, Failure> {
        let last = self.array.n_buffers as usize - 1;
        let count = last - 2;
        let lengths = self.items::<i64>(last, &Extent { first: 0, rows: count, end: count })?;
        let buffer = |(number, &length): (usize, &i64)| {
            let invalid = |_| Failure::of(format!("its buffer {number} of text has {length} bytes"));
            self.buffer(number + 2, usize::try_from(length).map_err(invalid)?)
        };
        lengths.iter().enumerate().map(buffer).collect()
    }
}

/// Numbers as they stand in buffers.
trait Item: arrow_buffer::ArrowNativeType {
    /// Reads one from as many bytes as it has.
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! item {
    ($($number:ty),*) => {
        $(impl Item for $number {
            fn read(bytes: &[u8]) -> Self {
                bytes.try_into().map_or_else(|_| Self::default(), Self::from_ne_bytes)
            }
        })*
    };
}
item!(i8, i16, i32, i64, u8, u16, u32, u64, i128, f32, f64);
