//! `NearRows`: how far matches may reach, as the most that the key of their last row may be away from that of their first.

use std::sync::Arc;

use pyo3::prelude::*;
use rowpattern_core::memory;
use rowpattern_core::rows::{NearRows, OrderedKeys};
use rowpattern_macros::catch_panics;

use super::arrow::{ArrowArray, FixedValues, Integers, Values, with_integers};
use super::errors::{out_of_memory, rows_error};
use super::ffi;

/// Keys of rows in order, and how far from a match's first row the others may be: `Pattern.match` takes it as `latest_ends`.
///
/// Args:
///     keys: an Arrow column of whole numbers, but uint64, or of dates, times, timestamps or durations, in its own unit; in order within
///         each partition, rows that are NULL first or last.
///     width: the most that the key of a match's last row may be away from that of its first row, in the unit of the keys.
///     descending: whether keys fall within a partition.
///     order: for each row of the partitions, its row in `keys`, as `order` gives it. None where these are in order.
///
/// No match begins or ends at a row whose key is NULL, nor any where the width is negative.
///
/// Raises:
///     RowsError: the keys are of another type, or the order is none of uint32.
///
/// Takes time linear in the rows where keys are narrower than 64 bits, lie in several chunks, or are NULL somewhere; none otherwise.
///
/// Example:
///     >>> import pyarrow as pa
///     >>> import rowpattern
///     >>> from rowpattern import _core
///     >>> near = _core.NearRows(pa.array([1, 2, 4, 9]), 3)
///     >>> rowpattern.compile("A+").match(["A"] * 4, latest_ends=near).end.to_list()
///     [3, 4]
#[pyclass(frozen, name = "NearRows", module = "rowpattern._core")]
pub struct GivenNearRows {
    pub keys: Arc<GivenKeys>,
}

/// What was given.
pub struct GivenKeys {
    chunks: Vec<ArrowArray>,
    order: Option<Vec<ArrowArray>>,
    /// The keys, where they are not those of the one chunk.
    numbers: Option<Vec<i64>>,
    missing: Vec<bool>,
    width: i64,
    descending: bool,
}

#[catch_panics]
#[pymethods]
impl GivenNearRows {
    #[new]
    #[pyo3(signature = (keys, width, *, descending = false, order = None))]
    fn new(keys: &Bound<'_, PyAny>, width: i64, descending: bool, order: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let arrays = |column: &Bound<'_, PyAny>, name: &str| {
            ffi::arrow_arrays(column, name, None)?
                .ok_or_else(|| rows_error(format!("{name} must be a column of Arrow")))
        };
        let chunks = arrays(keys, "keys")?;
        let order = order.map(|order| arrays(order, "order")).transpose()?;
        if order.as_deref().is_some_and(|order| row_numbers(order).is_none()) {
            return Err(rows_error("order must be an array of uint32 without NULLs"));
        }
        let numbers = match &chunks[..] {
            [chunk] if matches!(integers(chunk), Some(Integers::I64(_))) => None,
            _ => Some(whole_numbers(&chunks)?),
        };
        let mut missing = Vec::new();
        if chunks.iter().any(|chunk| chunk.valid.is_some()) {
            memory::try_reserve_exact(&mut missing, rows_of(&chunks)).map_err(out_of_memory)?;
            for chunk in &chunks {
                let is_missing = |row| chunk.valid.as_ref().is_some_and(|valid| valid.is_null(row));
                missing.extend((0..chunk.rows).map(is_missing));
            }
        }
        let keys = GivenKeys { chunks, order, numbers, missing, width, descending };
        if keys.near().rows() != keys.near().keys.keys.len() {
            return Err(rows_error("the order has another number of rows than the keys"));
        }
        Ok(Self { keys: Arc::new(keys) })
    }

    fn __len__(&self) -> usize {
        self.keys.near().rows()
    }
}

impl GivenKeys {
    /// As the core takes them.
    pub fn near(&self) -> NearRows<'_> {
        let keys: &[i64] = match (&self.numbers, self.chunks.first().and_then(integers)) {
            (Some(numbers), _) => numbers,
            (None, Some(Integers::I64(numbers))) => &numbers[..],
            (None, _) => &[],
        };
        let order = self.order.as_deref().and_then(row_numbers);
        let keys = OrderedKeys { keys, order, descending: self.descending };
        NearRows { keys, width: self.width, missing: &self.missing }
    }
}

fn row_numbers(order: &[ArrowArray]) -> Option<&[u32]> {
    match order {
        [ArrowArray { values: Values::Integers(Integers::U32(rows)), valid: None, .. }] => Some(rows),
        _ => None,
    }
}

fn rows_of(chunks: &[ArrowArray]) -> usize {
    chunks.iter().fold(0, |rows, chunk| rows.saturating_add(chunk.rows))
}

/// Values that are stored as whole numbers; None where 64 bits with a sign do not hold them.
fn integers(chunk: &ArrowArray) -> Option<&Integers> {
    match &chunk.values {
        Values::Integers(Integers::U64(_)) => None,
        Values::Integers(numbers) | Values::Fixed(_, FixedValues::Integers(numbers)) => Some(numbers),
        _ => None,
    }
}

/// All rows of chunks as they are stored; NULLs as anything.
#[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "one macro for all types of numbers")]
fn whole_numbers(chunks: &[ArrowArray]) -> PyResult<Vec<i64>> {
    let mut found = Vec::new();
    memory::try_reserve_exact(&mut found, rows_of(chunks)).map_err(out_of_memory)?;
    for chunk in chunks {
        let numbers = integers(chunk).ok_or_else(|| rows_error("keys must be whole numbers of up to 64 bits"))?;
        with_integers!(numbers, numbers => found.extend(numbers.iter().map(|&number| number as i64)));
    }
    Ok(found)
}
