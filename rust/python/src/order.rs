//! The order of rows by columns of Arrow.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rowpattern_core::order::{
    Carried, EncodedKeys, KeyChunk, KeyValues, LeftOut, OrderError, RowOrder, SortKey, order as order_rows,
};
use rowpattern_macros::catch_panics;

use super::arrow::{ArrowArray, Failure, Values};
use super::cancel_argument::{Cancel, account};
use super::decoder::same_memory;
use super::errors::rows_error;
use super::ffi::{self, Column, Data};
use super::key_columns::{bits, integers, plain_chunk};
use super::limits::CallLimits;
use super::numbers::{optional_number, whole};
use super::row_symbols::RowSymbols;
use super::signals::Signals;

/// A column that rows are partitioned or ordered by, as it was given.
pub struct KeyArgument {
    chunks: Vec<ArrowArray>,
    descending: bool,
    nulls_first: bool,
}

impl KeyArgument {
    pub fn read(column: &Bound<'_, PyAny>, number: usize, descending: bool, nulls_first: bool) -> PyResult<Self> {
        let name = name_of(number);
        let chunks = ffi::arrow_arrays(column, &name, None)?
            .ok_or_else(|| rows_error(format!("{name} must be a column of Arrow, with its PyCapsule interface")))?;
        Ok(Self { chunks, descending, nulls_first })
    }

    pub fn given(&self) -> GivenKey<'_> {
        GivenKey { chunks: &self.chunks, descending: self.descending, nulls_first: self.nulls_first }
    }
}

/// A column that rows are partitioned or ordered by.
#[derive(Clone, Copy)]
pub struct GivenKey<'a> {
    pub chunks: &'a [ArrowArray],
    pub descending: bool,
    pub nulls_first: bool,
}

/// The error for keys that could not be read.
pub fn key_error(error: OrderError, signals: Signals, limits: &CallLimits) -> PyErr {
    match error {
        OrderError::Stopped(reason) => limits.stopped(reason, signals.raised),
        OrderError::Unreadable { key, row, what } => Failure::at(row, what).raise(&name_of(key)),
    }
}

fn name_of(number: usize) -> String {
    format!("key {}", number + 1)
}

/// The rows in order, where partitions begin, and the first key of ORDER BY.
type FoundOrder = (Option<Column>, Column, Option<Column>);

/// Finds the order of rows by PARTITION BY and ORDER BY, and where partitions begin in it.
///
/// Args:
///     partition_by: Arrow columns; partitions are in the order of their values, NULLs last.
///     order_by: Arrow columns, each with whether it is descending, and whether NULLs are first.
///     symbols: what was made of the rows as they are, for up to eight variables; it is of the rows in order afterwards, unless
///         None is returned.
///     keys: whether the values of the first key of ORDER BY are wanted.
///     left_out: for each byte that `symbols` may be, 1 where such rows may be left out of the order, and 0 otherwise, as
///         `Pattern._passed_over` gives it; None where all rows are needed. They are left out where that saves time.
///     threads: the most threads.
///     timeout_seconds: the most time.
///     memory_limit_mb: the most memory, in MB of 2**20 bytes; the columns do not count.
///     cancel: as for `Pattern.match`.
///
/// Returns for each place its row (a `Column` of uint32), or None where rows are in order already; the places where
/// partitions begin (a `Column` of int64), the first of which is 0; and the values of the first key of ORDER BY in order (a
/// `Column` of int64), where these are wanted, are whole numbers of 64 bits with a sign without NULLs, and were found while
/// sorting, None otherwise. Rows that are equal keep their order. None instead of all where values are of a type whose order is not known here: lists and other nested types, intervals with months,
/// run-end encoding, numbers of 16 bits with a fraction, dictionaries of such; and where there are 2**32 rows or more.
///
/// The order is DuckDB's: NaN is above all numbers and equal to itself, -0.0 is equal to 0.0, texts are compared byte by
/// byte, dictionaries by their values, dates in milliseconds by the day, durations by the microsecond. Extension types
/// are ordered as their storage.
///
/// Raises:
///     RowsError: columns have different numbers of rows, or a row cannot be read.
///     QueryLimitError: a limit was passed.
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (partition_by, order_by = Vec::new(), *, symbols = None, keys = false, left_out = None, threads = 1,
    timeout_seconds = None, memory_limit_mb = None, cancel = None))]
#[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
pub fn order(
    py: Python<'_>,
    partition_by: Vec<Bound<'_, PyAny>>,
    order_by: Vec<(Bound<'_, PyAny>, bool, bool)>,
    symbols: Option<&Bound<'_, RowSymbols>>,
    keys: bool,
    left_out: Option<Vec<u8>>,
    #[pyo3(from_py_with = whole)] threads: usize,
    #[pyo3(from_py_with = optional_number)] timeout_seconds: Option<f64>,
    #[pyo3(from_py_with = optional_number)] memory_limit_mb: Option<f64>,
    #[pyo3(from_py_with = account)] cancel: Cancel,
) -> PyResult<Option<FoundOrder>> {
    let limits = CallLimits::read((timeout_seconds, memory_limit_mb, cancel))?;
    let of_partitions = partition_by.len();
    let partition_by = partition_by.into_iter().map(|column| (column, false, false));
    let given = partition_by.chain(order_by).enumerate();
    let given = given
        .map(|(number, (column, descending, nulls_first))| KeyArgument::read(&column, number, descending, nulls_first));
    let given = given.collect::<PyResult<Vec<_>>>()?;
    let given: Vec<_> = given.iter().map(KeyArgument::given).collect();
    let mut signals = limits.signals();
    let left_out = left_out.map(|flags| {
        let flags: Result<[u8; 1 << u8::BITS], _> = flags.try_into();
        flags.map(|flags| LeftOut(flags.map(|flag| flag != 0)))
    });
    let left_out = left_out.transpose().map_err(|flags| {
        PyValueError::new_err(format!("left_out must have 256 bytes, one for each symbol, not {}", flags.len()))
    })?;
    let asked = OrderAsked { of_partitions, keys, left_out: left_out.as_ref(), threads };
    let mut order = |bytes: Option<&[u8]>| {
        let mut found = ordered(&given, asked, bytes, &limits, &mut signals)?;
        let bytes = found.as_mut().and_then(|found| found.bytes.take());
        Ok((found, bytes))
    };
    let symbols = symbols.map(Bound::get);
    let found = py.detach(|| match symbols {
        Some(symbols) => symbols.bring_in_order(&mut order),
        None => order(None).map(|(found, _)| found),
    });
    let found = found.map_err(|error| key_error(error, signals, &limits))?;
    let integers = |numbers: Vec<i64>| Column::new(Data::Integers(numbers.into()));
    Ok(found.map(|RowOrder { order, starts, keys, .. }| {
        let order = order.map(|order| Column::new(Data::Rows(order.into())));
        (order, integers(starts), keys.map(integers))
    }))
}

/// What is asked about the order of keys.
#[derive(Clone, Copy)]
pub struct OrderAsked<'a> {
    pub of_partitions: usize,
    pub keys: bool,
    pub left_out: Option<&'a LeftOut>,
    pub threads: usize,
}

/// Orders rows, with a byte of each where there are some; None as for [`order`].
pub fn ordered(
    given: &[GivenKey<'_>],
    asked: OrderAsked<'_>,
    bytes: Option<&[u8]>,
    limits: &CallLimits,
    signals: &mut Signals,
) -> Result<Option<RowOrder>, OrderError> {
    let OrderAsked { of_partitions, keys: wants_keys, left_out, threads } = asked;
    let found = with_keys(given, |keys| {
        let carried = (keys.first().map_or(0, SortKey::rows), Carried { bytes, keys: wants_keys, left_out });
        order_rows(keys, of_partitions, carried, threads, &limits.budget, &mut || signals.tick())
    });
    found.map(Option::flatten)
}

/// Writes the keys of rows as bytes that are equal, and ordered, as the keys are; None where values are of a type that is not
/// ordered here.
pub fn encoded(
    given: &[KeyArgument],
    rows: usize,
    limits: &CallLimits,
    signals: &mut Signals,
) -> Result<Option<EncodedKeys>, OrderError> {
    let given: Vec<_> = given.iter().map(KeyArgument::given).collect();
    with_keys(&given, |keys| EncodedKeys::new(keys, rows, &limits.budget, &mut || signals.tick()))
}

/// Calls with keys as the core has them; None where values are of a type that is not ordered here.
pub fn with_keys<R>(
    given: &[GivenKey<'_>],
    call: impl FnOnce(&[SortKey<'_>]) -> Result<R, OrderError>,
) -> Result<Option<R>, OrderError> {
    // Dictionaries of all columns, and which of them the chunks of each have.
    let (mut dictionaries, mut of_keys) = (Vec::new(), Vec::new());
    for key in given {
        let mut of_chunks = Vec::new();
        let mut last: Option<&ArrowArray> = None;
        for chunk in key.chunks {
            if let Values::Dictionary(_, values) = &chunk.values
                && last.is_none_or(|last| !same_memory(last, values))
            {
                let Some(dictionary) = plain_chunk(values) else { return Ok(None) };
                dictionaries.push(dictionary);
                last = Some(values);
            }
            of_chunks.push(dictionaries.len().saturating_sub(1));
        }
        of_keys.push(of_chunks);
    }
    let mut keys = Vec::new();
    for (key, of_chunks) in given.iter().zip(of_keys) {
        let chunks = key.chunks.iter().zip(of_chunks).map(|(chunk, dictionary)| match &chunk.values {
            Values::Dictionary(places, _) => {
                let values = KeyValues::Places(Box::new(integers(places)), dictionaries.get(dictionary)?);
                Some(KeyChunk { rows: chunk.rows, valid: bits(chunk.valid.as_ref()), values })
            }
            // A column without rows has a chunk that may be of any type.
            _ if chunk.rows == 0 => Some(KeyChunk { rows: 0, valid: None, values: KeyValues::Nulls }),
            _ => plain_chunk(chunk),
        });
        let Some(chunks) = chunks.collect() else { return Ok(None) };
        keys.push(SortKey { chunks, descending: key.descending, nulls_first: key.nulls_first });
    }
    call(&keys).map(Some)
}
