//! The check of a column that others will read: DuckDB takes text and keys as they are.

use pyo3::prelude::*;
use rowpattern_macros::catch_panics;

use super::arrow::{ArrowArray, Failure, Values};
use super::decoder::{Reader, ValueRows};
use super::{ffi, readers};

/// Checks rows, and keeps nothing of them.
struct Check;

impl Reader<'_> for Check {
    type Item = ();
    const NULL: () = ();
    const EXPECTED: &'static str = "text, numbers or booleans";

    fn read(&mut self, rows: ValueRows<'_>, items: &mut Vec<Self::Item>) -> Option<Result<(), Failure>> {
        let ValueRows { values, valid, rows } = rows;
        let count = rows.len();
        if let Values::Text(text) = values
            && !text.is_utf8_throughout(rows.clone())
        {
            for row in rows.filter(|&row| valid.is_none_or(|valid| valid.is_valid(row))) {
                if let Err(failure) = readers::bytes(text, row).and_then(|bytes| readers::utf8(row, bytes)) {
                    return Some(Err(failure));
                }
            }
        }
        items.extend(std::iter::repeat_n((), count));
        Some(Ok(()))
    }
}

/// Checks that the rows of an Arrow column can be read: offsets, views, keys of dictionaries, ends of runs, UTF-8.
///
/// Args:
///     column: has Arrow's PyCapsule interface.
///     name: what to call it in errors.
///
/// Returns whether all of its values were looked at, which those of types like lists, structs and times are not.
///
/// Raises:
///     RowsError: a row cannot be read; the message names it.
///
/// Takes time linear in the rows, and no memory.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_check_column")]
pub fn check_column(column: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    let Some(chunks) = ffi::arrow_arrays(column, name, None)? else { return Ok(false) };
    readers::decode(column.py(), &chunks, Check, name, None)?;
    Ok(chunks.iter().all(|chunk: &ArrowArray| {
        !matches!(
            readers::innermost(chunk),
            Values::Other(_) | Values::Record(_) | Values::Fixed(..) | Values::Stored(..)
        )
    }))
}
