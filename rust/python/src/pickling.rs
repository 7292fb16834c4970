//! Columns and matches from pickles. What a pickle says is checked: it may come from anywhere.

use std::sync::Arc;

use arrow_buffer::ScalarBuffer;
use pyo3::prelude::*;
use rowpattern_core::rows::Span;
use rowpattern_macros::catch_panics;

use super::errors::rows_error;
use super::ffi::{Column, Data};
use super::iterator::Match;
use super::matches::{Matches, Spans};

/// Makes a column of what `Column.__reduce__` gave.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_restore_column")]
pub fn restore_column(kind: &str, values: &[u8], names: Option<Vec<String>>) -> PyResult<Column> {
    let data = match (kind, names) {
        ("int64", None) => Data::Integers(numbers(values, i64::from_le_bytes)?),
        ("uint32", None) => Data::Rows(numbers(values, u32::from_le_bytes)?),
        ("variables", Some(names)) if values.iter().all(|&value| usize::from(value) < names.len()) => {
            Data::Variables(values.to_vec().into(), names.into())
        }
        ("bool", None) if values.iter().all(|&value| value <= 1) => Data::Flags(values.to_vec().into()),
        _ => return Err(rows_error("this is no pickled column of rowpattern")),
    };
    Ok(Column::new(data))
}

fn numbers<T, const SIZE: usize>(bytes: &[u8], number: fn([u8; SIZE]) -> T) -> PyResult<ScalarBuffer<T>>
where
    T: arrow_buffer::ArrowNativeType,
{
    let (items, rest) = bytes.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(rows_error("this is no pickled column of rowpattern: its last number is cut off"));
    }
    Ok(items.iter().map(|&item| number(item)).collect::<Vec<T>>().into())
}

/// Makes spans of their columns `partition`, `start` and `end`.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_restore_spans")]
pub fn restore_spans(
    partition: &Bound<'_, Column>,
    start: &Bound<'_, Column>,
    end: &Bound<'_, Column>,
) -> PyResult<Spans> {
    let (partition, start, end) = (partition.get().data(), start.get().data(), end.get().data());
    let (Data::Integers(partition), Data::Integers(start), Data::Integers(end)) = (partition, start, end) else {
        return Err(rows_error("these are no pickled matches of rowpattern: a column is not of int64"));
    };
    let is_right = partition.len() == start.len()
        && start.len() == end.len()
        && partition.iter().all(|&number| number >= 0)
        && start.iter().zip(end.iter()).all(|(&start, &end)| 0 <= start && start <= end);
    if !is_right {
        return Err(rows_error("these are no pickled matches of rowpattern: its columns do not fit together"));
    }
    let mut partitions: Vec<(i64, i64)> = Vec::new();
    for &number in partition {
        match partitions.last_mut() {
            Some((last, matches)) if *last == number => *matches += 1,
            _ => partitions.push((number, 1)),
        }
    }
    Ok(Spans::from_columns(partitions, start.clone(), end.clone()))
}

/// Makes matches of their spans and the columns `classifier` and `excluded` of their rows; none where the pattern excludes
/// nothing.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_restore_matches", signature = (spans, classifier, excluded))]
pub fn restore_matches(
    spans: &Bound<'_, Spans>,
    classifier: &Bound<'_, Column>,
    excluded: Option<&Bound<'_, Column>>,
) -> PyResult<Matches> {
    let (variables, names, excluded) = row_columns(classifier, excluded)?;
    let spans = spans.get();
    if spans.matched_rows() != Some(variables.len()) {
        return Err(rows_error("these are no pickled matches of rowpattern: its rows do not fit its spans"));
    }
    Ok(Matches::from_columns(spans.clone(), variables, names, excluded))
}

/// Makes a match of its partition, number and first row, and the columns of its rows.
#[catch_panics]
#[pyfunction]
#[pyo3(name = "_restore_match", signature = (partition, number, start, classifier, excluded))]
pub fn restore_match(
    partition: u32,
    number: u64,
    start: u64,
    classifier: &Bound<'_, Column>,
    excluded: Option<&Bound<'_, Column>>,
) -> PyResult<Match> {
    let (variables, names, excluded) = row_columns(classifier, excluded)?;
    let end = usize::try_from(start).ok().and_then(|start| start.checked_add(variables.len()));
    let (Some(end), Ok(number)) = (end, usize::try_from(number)) else {
        return Err(rows_error("this is no pickled match of rowpattern: a number is too large"));
    };
    let span = Span { partition: partition as usize, number, start: end - variables.len(), end };
    Ok(Match::from_columns(span, &variables, excluded.as_deref().unwrap_or_default(), names))
}

type RowColumns = (ScalarBuffer<u8>, Arc<[String]>, Option<ScalarBuffer<u8>>);

/// The variable of each row, the names of variables, and whether each row is excluded.
fn row_columns(classifier: &Bound<'_, Column>, excluded: Option<&Bound<'_, Column>>) -> PyResult<RowColumns> {
    let excluded = excluded.map(|column| column.get().data());
    match (classifier.get().data(), excluded) {
        (Data::Variables(variables, names), None) => Ok((variables.clone(), Arc::clone(names), None)),
        (Data::Variables(variables, names), Some(Data::Flags(flags))) if flags.len() == variables.len() => {
            Ok((variables.clone(), Arc::clone(names), Some(flags.clone())))
        }
        _ => Err(rows_error("these are no pickled matches of rowpattern: the columns of rows do not fit together")),
    }
}
