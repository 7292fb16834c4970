//! The arguments by which another match is taken than the standard's; and how far matches may reach.

use std::borrow::Cow;

use arrow_buffer::ScalarBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rowpattern_core::budget::Stopped;
use rowpattern_core::matcher::Compiled;
use rowpattern_core::rows::{
    Choice, OrderedKeys, Prefer, latest_ends as core_latest_ends, latest_ends_within as core_latest_ends_within,
};
use rowpattern_macros::catch_panics;

use super::arguments;
use super::arrow::{ArrowArray, FixedValues, Integers, Values, with_integers};
use super::cancel_argument::{Cancel, account};
use super::errors::{compile_error, rows_error};
use super::ffi::{self, Column, Data};
use super::limits::CallLimits;
use super::numbers::{optional_number, whole};
use super::order::bits;
use super::pattern::Pattern;

/// `prefer` and `latest_ends`, read.
#[derive(Default)]
pub struct GivenChoice {
    prefer: Prefer,
    latest_ends: Option<LatestEnds>,
}

/// Numbers of rows that were read, or that a column of ours has.
enum LatestEnds {
    Read(Vec<i64>),
    Column(ScalarBuffer<i64>),
}

impl LatestEnds {
    fn read(ends: &Bound<'_, PyAny>, limits: &CallLimits) -> PyResult<Self> {
        if let Ok(column) = ends.cast::<Column>()
            && let Data::Integers(numbers) = column.get().data()
        {
            return Ok(Self::Column(numbers.clone()));
        }
        arguments::integers(ends, "latest_ends", limits).map(Self::Read)
    }

    fn rows(&self) -> &[i64] {
        match self {
            Self::Read(rows) => rows,
            Self::Column(rows) => rows,
        }
    }
}

impl GivenChoice {
    /// Reads the arguments of a search over so many rows.
    pub fn read(
        prefer: &str,
        latest_ends: Option<&Bound<'_, PyAny>>,
        rows: usize,
        limits: &CallLimits,
    ) -> PyResult<Self> {
        let prefer = match prefer {
            "first" => Prefer::First,
            "longest" => Prefer::Longest,
            other => {
                return Err(PyValueError::new_err(format!("prefer must be \"first\" or \"longest\", not {other:?}")));
            }
        };
        let latest_ends = latest_ends.map(|ends| LatestEnds::read(ends, limits)).transpose()?;
        if let Some(ends) = latest_ends.as_ref().map(LatestEnds::rows).filter(|ends| ends.len() != rows) {
            return Err(rows_error(format!("there are {rows} rows, but {} latest_ends", ends.len())));
        }
        Ok(Self { prefer, latest_ends })
    }

    /// What of a pattern is searched with.
    pub fn compiled<'p>(&self, pattern: &'p Pattern) -> PyResult<&'p Compiled> {
        match self.prefer {
            Prefer::First => Ok(&pattern.compiled),
            Prefer::Longest => pattern.compiled.with_all_ways().map_err(|error| compile_error(&error.into())),
        }
    }

    /// The rule.
    pub fn rule(&self) -> Choice<'_> {
        Choice { prefer: self.prefer, latest_ends: self.latest_ends.as_ref().map(LatestEnds::rows) }
    }
}

/// Finds for each row the row behind the last of its partition up to which all keys are at most the row's bound.
///
/// Args:
///     keys: whole numbers, in rising order within each partition.
///     bounds: a bound for each row.
///     partitions: as for `Pattern.match`.
///     timeout_seconds: the most time.
///     memory_limit_mb: the most memory, in MB of 2**20 bytes.
///     cancel: as for `Pattern.match`.
///
/// Returns a `Column` of int64, as `Pattern.match` takes it for `latest_ends`; the row itself where its own key is above its
/// bound. Takes time linear in the rows where bounds are in order.
///
/// Raises:
///     RowsError: there are not as many bounds as keys, or one of them cannot be read.
///     QueryLimitError: a limit was passed.
///
/// Example:
///     >>> from rowpattern import _core
///     >>> _core.latest_ends([1, 2, 4, 9], [3, 4, 6, 11]).to_list()
///     [2, 3, 3, 4]
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (keys, bounds, *, partitions = None, timeout_seconds = None, memory_limit_mb = None, cancel = None))]
pub fn latest_ends(
    py: Python<'_>,
    keys: &Bound<'_, PyAny>,
    bounds: &Bound<'_, PyAny>,
    partitions: Option<&Bound<'_, PyAny>>,
    #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
    #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
    #[pyo3(from_py_with = account)] cancel: Cancel,
) -> PyResult<Column> {
    let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
    let keys = arguments::integers(keys, "keys", &limits)?;
    let bounds = arguments::integers(bounds, "bounds", &limits)?;
    if keys.len() != bounds.len() {
        return Err(rows_error(format!("there are {} keys, but {} bounds", keys.len(), bounds.len())));
    }
    let partitions = arguments::partitions(partitions, keys.len(), &limits)?;
    let mut signals = limits.signals();
    let found = py.detach(|| core_latest_ends(&keys, &bounds, &partitions, &limits.budget, &mut || signals.tick()));
    match (found, signals.raised) {
        (Ok(found), _) => Ok(Column::new(Data::Integers(found.into()))),
        (Err(Stopped::ByCaller), Some(raised)) => Err(raised),
        (Err(reason), _) => Err(limits.error(reason)),
    }
}

/// The least and the largest key.
type LeastAndLargest = Option<(i64, i64)>;

/// Finds for each row the row behind the last of its partition whose key is at most a width away.
///
/// Args:
///     keys: an Arrow column of whole numbers, but uint64, or of dates, times, timestamps or durations, in its own unit; within a
///         partition in order, rows that are NULL first or last.
///     width: in the unit of the keys.
///     descending: whether keys fall within a partition.
///     order: for each row of the partitions, its row in `keys`, as `order` gives it. None where these are in order.
///     partitions: as for `Pattern.match`.
///     threads: the most threads.
///     timeout_seconds: the most time.
///     memory_limit_mb: the most memory, in MB of 2**20 bytes.
///     cancel: as for `Pattern.match`.
///
/// Returns a `Column` of int64, as `Pattern.match` takes it for `latest_ends`; the row itself where its key is NULL, or where the
/// width is negative. And the least and the largest key, None where there is none. None instead of both where keys are of
/// another type. Takes time linear in the rows, divided by the threads where there are many partitions.
///
/// Raises:
///     RowsError: the keys or the order cannot be read, or have another number of rows than the partitions.
///     QueryLimitError: a limit was passed.
///
/// Example:
///     >>> import pyarrow as pa
///     >>> from rowpattern import _core
///     >>> ends, least_and_largest = _core.latest_ends_within(pa.array([1, 2, 4, 9]), 2)
///     >>> ends.to_list(), least_and_largest
///     ([2, 3, 3, 4], (1, 9))
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (
    keys, width, *, descending = false, order = None, partitions = None, threads = 1, timeout_seconds = None,
    memory_limit_mb = None, cancel = None
))]
#[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
pub fn latest_ends_within(
    py: Python<'_>,
    keys: &Bound<'_, PyAny>,
    width: i64,
    descending: bool,
    order: Option<&Bound<'_, PyAny>>,
    partitions: Option<&Bound<'_, PyAny>>,
    #[pyo3(from_py_with = whole)] threads: usize,
    #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
    #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
    #[pyo3(from_py_with = account)] cancel: Cancel,
) -> PyResult<Option<(Column, LeastAndLargest)>> {
    let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
    let chunks = arrays(keys, "keys")?;
    let order = order.map(|order| arrays(order, "order")).transpose()?;
    let order: Option<&[u32]> = match order.as_deref() {
        None => None,
        Some([ArrowArray { values: Values::Integers(Integers::U32(rows)), valid: None, .. }]) => Some(rows),
        Some(_) => return Err(rows_error("order must be an array of uint32 without NULLs")),
    };
    let Some(numbers) = whole_numbers(&chunks, &limits)? else { return Ok(None) };
    let rows = order.map_or(numbers.len(), <[u32]>::len);
    if rows != numbers.len() {
        return Err(rows_error(format!("there are {} keys, but the order has {rows}", numbers.len())));
    }
    let partitions = arguments::partitions(partitions, rows, &limits)?;
    let valid: Vec<_> = chunks
        .iter()
        .scan(0, |first, chunk| Some((std::mem::replace(first, *first + chunk.rows), bits(chunk.valid.as_ref()))))
        .collect();
    let has_missing = valid.iter().any(|(_, valid)| valid.is_some());
    let is_missing = |row: usize| {
        let of_chunk = || valid.get(valid.partition_point(|(first, _)| *first <= row).wrapping_sub(1));
        has_missing && of_chunk().is_some_and(|(first, valid)| valid.is_some_and(|valid| !valid.get(row - first)))
    };
    let given = OrderedKeys { keys: &numbers, order, descending };
    let mut signals = limits.signals();
    let found = py.detach(|| {
        core_latest_ends_within(given, width, is_missing, &partitions, threads, &limits.budget, &mut || signals.tick())
    });
    match (found, signals.raised) {
        (Ok((found, range)), _) => Ok(Some((Column::new(Data::Integers(found.into())), range))),
        (Err(Stopped::ByCaller), Some(raised)) => Err(raised),
        (Err(reason), _) => Err(limits.error(reason)),
    }
}

fn arrays(column: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<ArrowArray>> {
    ffi::arrow_arrays(column, name, None)?.ok_or_else(|| rows_error(format!("{name} must be a column of Arrow")))
}

/// All rows of chunks as they are stored, where these are whole numbers of 64 bits with a sign, or fit into them; NULLs as anything.
#[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "one macro for all types of numbers")]
fn whole_numbers<'c>(chunks: &'c [ArrowArray], limits: &CallLimits) -> PyResult<Option<Cow<'c, [i64]>>> {
    let integers = |chunk: &'c ArrowArray| match &chunk.values {
        Values::Integers(Integers::U64(_)) => None,
        Values::Integers(numbers) | Values::Fixed(_, FixedValues::Integers(numbers)) => Some(numbers),
        _ => None,
    };
    let Some(integers) = chunks.iter().map(integers).collect::<Option<Vec<_>>>() else { return Ok(None) };
    if let [Integers::I64(numbers)] = integers.as_slice() {
        return Ok(Some(Cow::Borrowed(numbers)));
    }
    let mut found = Vec::new();
    limits.reserve(&mut found, chunks.iter().fold(0, |rows: usize, chunk| rows.saturating_add(chunk.rows)))?;
    for numbers in integers {
        with_integers!(numbers, numbers => found.extend(numbers.iter().map(|&number| number as i64)));
    }
    Ok(Some(Cow::Owned(found)))
}
