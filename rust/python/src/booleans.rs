//! Columns of booleans, piece by piece.

use std::ops::Range;

use arrow_buffer::BooleanBuffer;
use pyo3::prelude::*;

use super::arrow::{ArrowArray, Failure, Values};
use super::decoder::Decoder;
use super::limits::CallLimits;
use super::readers;
use super::signals::ROWS_A_PIECE;

/// A column of booleans.
pub enum Booleans {
    /// Bytes are copied while the interpreter's lock is held: their owner may change them later.
    Bytes(Vec<u8>),
    /// Arrow's arrays are immutable.
    Arrow(Vec<ArrowArray>),
}

/// A piece of a column.
pub enum Run<'a> {
    /// Others than 0 are true.
    Bytes(&'a [u8]),
    Bits(BooleanBuffer),
    Values(&'a [Option<bool>]),
}

impl Booleans {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Arrow(chunks) => chunks.iter().fold(0, |rows, chunk| rows.saturating_add(chunk.rows)),
        }
    }

    /// Calls with the number of a piece's first row and the piece, with the interpreter's lock released; signals are looked at
    /// between pieces.
    ///
    /// Args:
    ///     name: the column's, for errors.
    pub fn for_each_run(
        &self,
        py: Python<'_>,
        name: &str,
        limits: &CallLimits,
        mut each: impl FnMut(usize, Run<'_>) + Send,
    ) -> PyResult<()> {
        match self {
            Self::Bytes(bytes) => {
                for (number, piece) in bytes.chunks(ROWS_A_PIECE).enumerate() {
                    limits.check(py)?;
                    py.detach(|| each(number * ROWS_A_PIECE, Run::Bytes(piece)));
                }
            }
            Self::Arrow(chunks) => {
                let mut before = 0;
                let mut decoder = Decoder::new(readers::OptionalBooleans);
                for chunk in chunks {
                    for first in (0..chunk.rows).step_by(ROWS_A_PIECE) {
                        limits.check(py)?;
                        let rows = first..chunk.rows.min(first + ROWS_A_PIECE);
                        let done = py.detach(|| piece(chunk, rows, &mut decoder, |run| each(before + first, run)));
                        done.map_err(|failure| failure.behind(before).raise(&format!("the rows of {name}")))?;
                    }
                    before += chunk.rows;
                }
            }
        }
        Ok(())
    }
}

fn piece<'a>(
    array: &'a ArrowArray,
    rows: Range<usize>,
    decoder: &mut Decoder<'a, readers::OptionalBooleans>,
    each: impl FnOnce(Run<'_>),
) -> Result<(), Failure> {
    if let Values::Booleans(values) = &array.values {
        let values = values.slice(rows.start, rows.len());
        each(Run::Bits(match &array.valid {
            None => values,
            Some(valid) => &values & valid.slice(rows.start, rows.len()).inner(),
        }));
        return Ok(());
    }
    let mut items = Vec::new();
    decoder.decode(array, rows, &mut items)?;
    each(Run::Values(&items));
    Ok(())
}
