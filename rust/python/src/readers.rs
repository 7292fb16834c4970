//! Arrow's values as booleans, whole numbers, doubles and text.

use pyo3::prelude::*;
use rowpattern_core::memory;

use super::arrow::{ArrowArray, Failure, Text, Values, with_integers};
use super::decoder::{Decoder, Reader, ValueRows};
use super::limits::CallLimits;
use super::signals::ROWS_A_PIECE;

pub struct OptionalBooleans;

impl Reader<'_> for OptionalBooleans {
    type Item = Option<bool>;
    const NULL: Option<bool> = None;
    const EXPECTED: &'static str = "booleans";

    fn read(&mut self, rows: ValueRows<'_>, items: &mut Vec<Self::Item>) -> Option<Result<(), Failure>> {
        let ValueRows { values, valid, rows } = rows;
        let Values::Booleans(values) = values else { return None };
        match valid {
            None => items.extend(rows.map(|row| Some(values.value(row)))),
            Some(valid) => items.extend(rows.map(|row| valid.is_valid(row).then(|| values.value(row)))),
        }
        Some(Ok(()))
    }
}

pub struct WholeNumbers;

impl Reader<'_> for WholeNumbers {
    type Item = Option<i64>;
    const NULL: Option<i64> = None;
    const EXPECTED: &'static str = "whole numbers";

    fn read(&mut self, rows: ValueRows<'_>, items: &mut Vec<Self::Item>) -> Option<Result<(), Failure>> {
        let ValueRows { values, valid, rows } = rows;
        let Values::Integers(numbers) = values else { return None };
        let is_valid = |row| valid.is_none_or(|valid| valid.is_valid(row));
        with_integers!(numbers, numbers => {
            for row in rows {
                let number = is_valid(row).then(|| signed(numbers[row]));
                if number == Some(None) {
                    let number = numbers[row];
                    return Some(Err(Failure::at(row, format!("{number} is too large for a signed number of 64 bits"))));
                }
                items.push(number.flatten());
            }
        });
        Some(Ok(()))
    }
}

fn signed<N: TryInto<i64>>(number: N) -> Option<i64> {
    number.try_into().ok()
}

pub struct Doubles;

impl Reader<'_> for Doubles {
    type Item = Option<f64>;
    const NULL: Option<f64> = None;
    const EXPECTED: &'static str = "doubles";

    fn read(&mut self, rows: ValueRows<'_>, items: &mut Vec<Self::Item>) -> Option<Result<(), Failure>> {
        let ValueRows { values, valid, rows } = rows;
        let Values::Doubles(numbers) = values else { return None };
        let is_valid = |row| valid.is_none_or(|valid| valid.is_valid(row));
        items.extend(rows.map(|row| is_valid(row).then(|| numbers[row])));
        Some(Ok(()))
    }
}

pub struct Texts;

impl<'a> Reader<'a> for Texts {
    type Item = Option<&'a str>;
    const NULL: Option<&'a str> = None;
    const EXPECTED: &'static str = "text";

    fn read(&mut self, rows: ValueRows<'a>, items: &mut Vec<Self::Item>) -> Option<Result<(), Failure>> {
        let ValueRows { values, valid, rows } = rows;
        let Values::Text(text) = values else { return None };
        for row in rows {
            if valid.is_some_and(|valid| valid.is_null(row)) {
                items.push(None);
                continue;
            }
            match bytes(text, row).and_then(|bytes| utf8(row, bytes)) {
                Ok(text) => items.push(Some(text)),
                Err(failure) => return Some(Err(failure)),
            }
        }
        Some(Ok(()))
    }
}

/// The bytes of a row's text.
pub fn bytes(text: &Text, row: usize) -> Result<&[u8], Failure> {
    let what = match text {
        Text::Views { .. } => "the view of its text is out of range, or does not begin as its text does",
        _ => "the offsets of its text are out of range or order",
    };
    text.bytes(row).ok_or_else(|| Failure::at(row, what))
}

/// A row's text.
pub fn utf8(row: usize, bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|error| {
        Failure::at(row, format!("the text is not valid UTF-8 from its byte {} on", error.valid_up_to()))
    })
}

/// Reads all rows of chunks, with the interpreter's lock released; signals are looked at between pieces.
///
/// Args:
///     name: what is read, for errors.
///     limits: looked at between pieces too; what is read counts until the caller releases it.
pub fn decode<'a, R: Reader<'a> + Send>(
    py: Python<'_>,
    chunks: &'a [ArrowArray],
    reader: R,
    name: &str,
    limits: Option<&CallLimits>,
) -> PyResult<Vec<R::Item>>
where
    R::Item: Send,
{
    let rows = chunks.iter().map(|chunk| chunk.rows).try_fold(0_usize, usize::checked_add).unwrap_or(usize::MAX);
    if let Some(limits) = limits {
        let bytes = rows.saturating_mul(size_of::<R::Item>());
        limits.charge(bytes)?;
    }
    let mut items = memory::try_with_capacity(rows).map_err(super::errors::out_of_memory)?;
    let mut decoder = Decoder::new(reader);
    for chunk in chunks {
        let before = items.len();
        for first in (0..chunk.rows).step_by(ROWS_A_PIECE) {
            limits.map_or_else(|| py.check_signals(), |limits| limits.check(py))?;
            let piece = first..chunk.rows.min(first + ROWS_A_PIECE);
            let read = py.detach(|| decoder.decode(chunk, piece, &mut items));
            read.map_err(|failure| failure.behind(before).raise(name))?;
        }
    }
    Ok(items)
}

/// The values that an array encodes.
pub fn innermost(array: &ArrowArray) -> &Values {
    match &array.values {
        Values::Dictionary(_, values) | Values::Runs { values, .. } => innermost(values),
        values => values,
    }
}
