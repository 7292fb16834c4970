//! The arguments `prefer` and `latest_ends` of a search: which of the possible matches at a row is taken, and up to which row it may
//! reach (`rowpattern_core::rows::Choice`).

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rowpattern_core::matcher::Compiled;
use rowpattern_core::rows::{Choice, Prefer, latest_ends as core_latest_ends};
use rowpattern_macros::catch_panics;

use super::arguments;
use super::cancel_argument::{Cancel, account};
use super::counted::there_are_rows;
use super::errors::{compile_error, rows_error};
use super::ffi::{Column, Data};
use super::limits::CallLimits;
use super::near_rows::{GivenKeys, GivenNearRows};
use super::numbers::optional_number;
use super::pattern::Pattern;

/// `prefer` and `latest_ends`, read.
#[derive(Default)]
pub struct GivenChoice {
    prefer: Prefer,
    latest_ends: Option<LatestEnds>,
}

/// Up to which row the match at each row may reach.
enum LatestEnds {
    /// For each row, the number of the row behind the last.
    Read(Vec<i64>),
    /// As far as keys of rows are near enough to the first row's, by `WITHIN`.
    Near(Arc<GivenKeys>),
}

impl LatestEnds {
    fn read(ends: &Bound<'_, PyAny>, limits: &CallLimits) -> PyResult<Self> {
        if let Ok(near) = ends.cast::<GivenNearRows>() {
            return Ok(Self::Near(Arc::clone(&near.get().keys)));
        }
        arguments::integers(ends, "latest_ends", limits).map(Self::Read)
    }

    fn rows(&self) -> usize {
        match self {
            Self::Read(rows) => rows.len(),
            Self::Near(keys) => keys.near().rows(),
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
        let prefer = prefer_named(prefer)?;
        let latest_ends = latest_ends.map(|ends| LatestEnds::read(ends, limits)).transpose()?;
        if let Some(ends) = latest_ends.as_ref().map(LatestEnds::rows).filter(|&ends| ends != rows) {
            return Err(rows_error(format!("{}, but latest_ends has {ends}", there_are_rows(rows))));
        }
        Ok(Self { prefer, latest_ends })
    }

    /// The compiled pattern to search with; see [`compiled_for`].
    pub fn compiled<'p>(&self, pattern: &'p Pattern) -> PyResult<&'p Compiled> {
        compiled_for(self.prefer, pattern)
    }

    /// Both as the core takes them.
    pub fn rule(&self) -> Choice<'_> {
        let (latest_ends, near): (Option<&[i64]>, _) = match &self.latest_ends {
            None => (None, None),
            Some(LatestEnds::Read(rows)) => (Some(rows), None),
            Some(LatestEnds::Near(keys)) => (None, Some(keys.near())),
        };
        Choice { prefer: self.prefer, latest_ends, near }
    }
}

/// Which of several possible matches is taken, by its name.
pub fn prefer_named(name: &str) -> PyResult<Prefer> {
    match name {
        "first" => Ok(Prefer::First),
        "longest" => Ok(Prefer::Longest),
        other => Err(PyValueError::new_err(format!("prefer must be \"first\" or \"longest\", not {other:?}"))),
    }
}

/// The compiled pattern to search with. The pattern's own automaton lacks ways that are less preferred than to end the match; one of
/// them may be the longest, so that choice has an automaton of its own.
pub fn compiled_for(prefer: Prefer, pattern: &Pattern) -> PyResult<&Compiled> {
    match prefer {
        Prefer::First => Ok(&pattern.compiled),
        Prefer::Longest => pattern.compiled.with_all_ways().map_err(|error| compile_error(&error.into())),
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
    let found = found.map_err(|reason| limits.stopped(reason, signals.raised))?;
    Ok(Column::new(Data::Integers(found.into())))
}
