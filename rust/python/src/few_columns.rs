//! Columns that `FewRows` is given, and those that it gives.

use std::sync::Arc;

use arrow_array::{ArrayRef, GenericStringArray, OffsetSizeTrait};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use pyo3::prelude::*;
use rowpattern_core::expression::ValueColumn;
use rowpattern_core::measures::{TakenColumn, TakenValues, TextPiece};

use super::arrow::{ArrowArray, Text, Values};
use super::computed_column::{ComputedColumn, nulls};
use super::ffi;
use super::limits::CallLimits;
use super::taken_columns::computed;

/// What a column is called in errors.
pub fn named(number: usize) -> String {
    format!("column {number}")
}

/// The values of a column that has one chunk, of a type whose values are taken here.
pub fn one_array(column: &Bound<'_, PyAny>, name: &str, limits: &CallLimits) -> PyResult<Option<ArrowArray>> {
    if let Some(array) = ffi::buffer_numbers(column, name, limits)? {
        return Ok(Some(array));
    }
    let Some(mut arrays) = ffi::arrow_arrays(column, name, Some(limits))? else { return Ok(None) };
    let array = if arrays.len() == 1 { arrays.pop() } else { None };
    Ok(array.filter(|array| match &array.values {
        Values::Booleans(_) | Values::Integers(_) | Values::Doubles(_) | Values::Fixed(..) => true,
        Values::Text(text) => !matches!(text, Text::Views { .. }),
        _ => false,
    }))
}

/// The values of a column in an order, which names rows of it.
pub fn brought_in_order(column: &ValueColumn<'_>, order: &[u32]) -> ValueColumn<'static> {
    let mut found = ValueColumn::Null(0);
    // Rows that follow one another are taken together.
    for run in order.chunk_by(|&one, &next| next == one.wrapping_add(1)) {
        let first = run.first().map_or(0, |&row| row as usize);
        found.append(column, first..first + run.len());
    }
    found
}

/// A column of an answer, as Arrow has it; None where it has several chunks, or is of text that is not UTF-8.
pub fn array(column: TakenColumn, kind: &DataType) -> PyResult<Option<ArrayRef>> {
    let TakenColumn { values, valid } = column;
    Ok(match values {
        TakenValues::Small(pieces) => text(pieces),
        TakenValues::Large(pieces) => text(pieces),
        values => computed(TakenColumn { values, valid }, kind)?.pop().map(ComputedColumn::into_array),
    })
}

fn text<O: OffsetSizeTrait>(mut pieces: Vec<TextPiece<O>>) -> Option<ArrayRef> {
    let TextPiece { offsets, bytes, valid } = pieces.pop().filter(|_| pieces.is_empty())?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let array = GenericStringArray::<O>::try_new(offsets, Buffer::from_vec(bytes), nulls(valid));
    array.ok().map(|array| Arc::new(array) as ArrayRef)
}
