//! Arrow columns of which the core takes values, and what it took as Arrow has it.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, GenericBinaryArray, OffsetSizeTrait, make_array};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType;
use pyo3::prelude::*;
use rowpattern_core::expression::Bitmap;
use rowpattern_core::measures::{ChunkValues, ChunkedColumn, ColumnChunk, TakenColumn, TakenValues, TextPiece};
use rowpattern_core::order::BitSlice;

use super::arrow::{ArrowArray, FixedValues, Integers, StoredValues, Text, Values};
use super::computed_column::{ComputedColumn, bits, nulls};
use super::errors::rows_error;

/// The chunks of a column to take values from, and the type that they have in Arrow; text is bytes there.
pub fn chunked<'a>(arrays: &'a [ArrowArray], name: &str) -> PyResult<(ChunkedColumn<'a>, DataType)> {
    let (mut chunks, mut kind) = (Vec::new(), DataType::UInt8);
    for array in arrays.iter().filter(|array| array.rows > 0) {
        let Some((values, of_chunk)) = chunk(&array.values) else {
            let found = array.values.name();
            return Err(rows_error(format!("{name} is of the Arrow type {found}, of which rows are not taken here")));
        };
        let valid = array.valid.as_ref().map(|valid| bit_slice(valid.inner()));
        chunks.push(ColumnChunk { rows: array.rows, valid, values });
        kind = of_chunk;
    }
    let column = ChunkedColumn::new(chunks);
    let is_floating = matches!(kind, DataType::Float32 | DataType::Float64);
    Ok((if is_floating { column.floating() } else { column }, kind))
}

fn bit_slice(bits: &BooleanBuffer) -> BitSlice<'_> {
    BitSlice::new(bits.values(), bits.offset())
}

fn chunk(values: &Values) -> Option<(ChunkValues<'_>, DataType)> {
    Some(match values {
        Values::Booleans(bits) => (ChunkValues::Bits(bit_slice(bits)), DataType::Boolean),
        Values::Doubles(numbers) => (ChunkValues::W8(same_width(numbers)), DataType::Float64),
        Values::Integers(numbers) => integers(numbers),
        Values::Fixed(kind, numbers) => (fixed(numbers), kind.clone()),
        Values::Text(text) | Values::Stored(StoredValues::Bytes(text), _) => texts(text)?,
        Values::Stored(StoredValues::FixedBytes(bytes), _) => {
            let width = i32::try_from(bytes.width).ok()?;
            (ChunkValues::Bytes(&bytes.bytes, bytes.width), DataType::FixedSizeBinary(width))
        }
        _ => return None,
    })
}

/// Numbers as others of the same width.
fn same_width<T: ArrowNativeType, U: ArrowNativeType>(numbers: &ScalarBuffer<T>) -> &[U] {
    numbers.inner().typed_data()
}

fn integers(numbers: &Integers) -> (ChunkValues<'_>, DataType) {
    match numbers {
        Integers::I8(numbers) => (ChunkValues::W1(same_width(numbers)), DataType::Int8),
        Integers::I16(numbers) => (ChunkValues::W2(same_width(numbers)), DataType::Int16),
        Integers::I32(numbers) => (ChunkValues::W4(same_width(numbers)), DataType::Int32),
        Integers::I64(numbers) => (ChunkValues::W8(same_width(numbers)), DataType::Int64),
        Integers::U8(numbers) => (ChunkValues::W1(numbers), DataType::UInt8),
        Integers::U16(numbers) => (ChunkValues::W2(numbers), DataType::UInt16),
        Integers::U32(numbers) => (ChunkValues::W4(numbers), DataType::UInt32),
        Integers::U64(numbers) => (ChunkValues::W8(numbers), DataType::UInt64),
    }
}

fn fixed(numbers: &FixedValues) -> ChunkValues<'_> {
    match numbers {
        FixedValues::Integers(numbers) => integers(numbers).0,
        FixedValues::Wide(numbers) | FixedValues::MonthsDaysNanos(numbers) => ChunkValues::W16(numbers),
        FixedValues::Floats(numbers) => ChunkValues::W4(same_width(numbers)),
        FixedValues::Halves(numbers) => ChunkValues::W2(numbers),
    }
}

fn texts(text: &Text) -> Option<(ChunkValues<'_>, DataType)> {
    match text {
        Text::Small { offsets, bytes } => Some((ChunkValues::Small(offsets, bytes), DataType::Binary)),
        Text::Large { offsets, bytes } => Some((ChunkValues::Large(offsets, bytes), DataType::LargeBinary)),
        Text::Views { .. } => None,
    }
}

/// The chunks of a column that was taken.
pub fn computed(column: TakenColumn, kind: &DataType) -> PyResult<Vec<ComputedColumn>> {
    let TakenColumn { values, valid } = column;
    let array = match values {
        TakenValues::Bits(values) => boolean(values, valid),
        TakenValues::W1(values) => buffer(kind, values, valid)?,
        TakenValues::W2(values) => buffer(kind, values, valid)?,
        TakenValues::W4(values) => buffer(kind, values, valid)?,
        TakenValues::W8(values) => buffer(kind, values, valid)?,
        TakenValues::W16(values) => buffer(kind, values, valid)?,
        TakenValues::Numbers(values) => buffer(&DataType::Int64, values, valid)?,
        TakenValues::Bytes(values, width) => {
            let rows = values.len().checked_div(width).unwrap_or(0);
            array(kind, rows, Buffer::from_vec(values), valid)?
        }
        TakenValues::Small(pieces) => return pieces.into_iter().map(piece).collect(),
        TakenValues::Large(pieces) => return pieces.into_iter().map(piece).collect(),
    };
    Ok(vec![ComputedColumn::of_array(array)])
}

fn boolean(values: Bitmap<'static>, valid: Option<Bitmap<'static>>) -> ArrayRef {
    Arc::new(BooleanArray::new(bits(values), nulls(valid)))
}

fn buffer<T: ArrowNativeType>(kind: &DataType, values: Vec<T>, valid: Option<Bitmap<'static>>) -> PyResult<ArrayRef> {
    array(kind, values.len(), Buffer::from_vec(values), valid)
}

fn array(kind: &DataType, rows: usize, values: Buffer, valid: Option<Bitmap<'static>>) -> PyResult<ArrayRef> {
    let array = ArrayData::builder(kind.clone()).len(rows).add_buffer(values).nulls(nulls(valid)).build();
    array.map(make_array).map_err(|error| rows_error(error.to_string()))
}

fn piece<O: OffsetSizeTrait>(piece: TextPiece<O>) -> PyResult<ComputedColumn> {
    let TextPiece { offsets, bytes, valid } = piece;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let array = GenericBinaryArray::<O>::try_new(offsets, Buffer::from_vec(bytes), nulls(valid));
    array.map(|array| ComputedColumn::of_array(Arc::new(array))).map_err(|error| rows_error(error.to_string()))
}
