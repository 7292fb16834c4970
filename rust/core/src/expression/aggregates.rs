//! Aggregates over the match so far, whose states are undone as rows go.
//!
//! Matches can be as long as tables, so states are small. What is exact is undone by taking a value away again; sums of floating
//! point numbers and best values are kept for each row that was taken in.

use std::cmp::Ordering;

use super::average::average;
use super::columns::{Stored, ValueColumn};
use super::error::EvaluationError;
use super::scalar::Scalar;
use super::types::{Physical, Type};
use super::value::{Interval, Value};
use crate::budget::{Budget, Stopped};
use crate::rows::VariableSet;

/// An aggregate's function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Of values that are not NULL, or of rows.
    Count,
    /// NULL over nothing.
    Sum,
    /// A double; NULL over nothing.
    Avg,
    /// NULL over nothing.
    Min,
    /// NULL over nothing.
    Max,
    /// NULL over nothing.
    BoolAnd,
    /// NULL over nothing.
    BoolOr,
}

impl Function {
    /// The function that `DuckDB` calls so.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "bool_and" => Self::BoolAnd,
            "bool_or" => Self::BoolOr,
            _ => return None,
        })
    }

    /// Whether it is computed here over values of a type (rows without one), with a result of another.
    pub fn is_native(self, argument: Option<Type>, result: Type) -> bool {
        let Some(argument) = argument else { return self == Self::Count && result == Type::BigInt };
        let is_whole = argument.whole_range().is_some();
        match self {
            Self::Count => result == Type::BigInt,
            Self::Min | Self::Max => result == argument,
            Self::BoolAnd | Self::BoolOr => (argument, result) == (Type::Boolean, Type::Boolean),
            Self::Sum => match argument {
                Type::Float | Type::Double => result == Type::Double,
                Type::Decimal { scale, .. } => result == Type::Decimal { width: 38, scale },
                Type::Boolean => result == Type::HugeInt,
                _ => is_whole && result == Type::HugeInt,
            },
            Self::Avg => {
                let is_number = is_whole || matches!(argument, Type::Float | Type::Double | Type::Decimal { .. });
                is_number && result == Type::Double
            }
        }
    }
}

/// An aggregate over the rows mapped to a set of variables.
#[derive(Debug, Clone, Copy)]
pub struct Aggregate {
    /// What is computed.
    pub function: Function,
    /// Over which column; rows are counted without one.
    pub column: Option<usize>,
    /// The type of the column's values.
    pub argument: Option<Type>,
    /// The variables; all without one.
    pub variables: Option<VariableSet>,
    /// The type of the value.
    pub result: Type,
}

/// An aggregate's state. It is made for a column by number, whose kind it knows.
#[derive(Debug)]
pub enum Accumulator {
    /// How many rows, or values.
    Count { column: Option<usize>, count: i64 },
    /// Whole numbers, exactly: the sum is `sum` and `carries` times two to the power of 128.
    Whole { column: usize, count: i64, sum: i128, carries: i64, output: WholeOutput },
    /// Floating point numbers, in order: the sum after each row.
    Floating { column: usize, count: i64, sums: Vec<f64>, average: bool },
    /// The row of the best value after each row; [`NO_ROW`] before there is one.
    Best { column: usize, wanted: Ordering, rows: Vec<usize> },
    /// How many values are true and how many false.
    Truths { column: usize, and: bool, trues: i64, falses: i64 },
}

/// What becomes of an exact sum.
#[derive(Debug, Clone, Copy)]
pub enum WholeOutput {
    /// A sum of at most so much, without its sign.
    Sum { most: i128 },
    /// An average, where the values are units of ten to the power of minus this, of 16 bits or more.
    Average { scale: u8, is_short: bool },
}

const NO_ROW: usize = usize::MAX;

/// The most units of a decimal of 38 digits.
const MOST_DECIMAL: i128 = 10_i128.pow(38) - 1;

impl Accumulator {
    /// Over nothing yet.
    pub fn of(aggregate: &Aggregate, columns: &[ValueColumn<'_>]) -> Self {
        let Some(column) = aggregate.column else { return Self::Count { column: None, count: 0 } };
        let physical = aggregate.argument.map(Type::physical).or_else(|| columns.get(column)?.physical());
        let floating = matches!(physical, Some(Physical::Float | Physical::Double));
        let whole = |output| Self::Whole { column, count: 0, sum: 0, carries: 0, output };
        match aggregate.function {
            Function::Count => Self::Count { column: Some(column), count: 0 },
            Function::Min => Self::Best { column, wanted: Ordering::Less, rows: Vec::new() },
            Function::Max => Self::Best { column, wanted: Ordering::Greater, rows: Vec::new() },
            Function::BoolAnd => Self::Truths { column, and: true, trues: 0, falses: 0 },
            Function::BoolOr => Self::Truths { column, and: false, trues: 0, falses: 0 },
            Function::Sum if floating => Self::Floating { column, count: 0, sums: Vec::new(), average: false },
            Function::Avg if floating => Self::Floating { column, count: 0, sums: Vec::new(), average: true },
            Function::Sum if matches!(aggregate.argument, Some(Type::Decimal { .. })) => {
                whole(WholeOutput::Sum { most: MOST_DECIMAL })
            }
            Function::Sum => whole(WholeOutput::Sum { most: i128::MAX }),
            Function::Avg => {
                let (scale, is_short) = match aggregate.argument {
                    Some(Type::Decimal { width, scale }) => (scale, width <= 4),
                    Some(Type::TinyInt | Type::SmallInt | Type::UTinyInt) => (0, true),
                    _ => (0, false),
                };
                whole(WholeOutput::Average { scale, is_short })
            }
        }
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        match self {
            Self::Count { count, .. } => *count = 0,
            Self::Whole { count, sum, carries, .. } => (*count, *sum, *carries) = (0, 0, 0),
            Self::Floating { count, sums, .. } => {
                *count = 0;
                sums.clear();
            }
            Self::Best { rows, .. } => rows.clear(),
            Self::Truths { trues, falses, .. } => (*trues, *falses) = (0, 0),
        }
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(&self, budget: &Budget) {
        match self {
            Self::Floating { sums, .. } => budget.release_vector(sums),
            Self::Best { rows, .. } => budget.release_vector(rows),
            _ => {}
        }
    }

    /// Takes a row in.
    #[inline]
    pub fn push(&mut self, row: usize, columns: &[ValueColumn<'_>], budget: &Budget) -> Result<(), Stopped> {
        match self {
            Self::Count { column, count } => *count += counted(*column, row, columns),
            Self::Whole { column, count, sum, carries, .. } => {
                if let Some(number) = whole(columns.get(*column), row) {
                    let (next, overflown) = sum.overflowing_add(number);
                    *carries += i64::from(overflown) * number.signum() as i64;
                    (*sum, *count) = (next, *count + 1);
                }
            }
            Self::Floating { column, count, sums, .. } => {
                let before = sums.last().copied().unwrap_or(0.0);
                budget.reserve(sums, 1)?;
                let number = floating(columns.get(*column), row);
                *count += i64::from(number.is_some());
                sums.push(number.map_or(before, |number| before + number));
            }
            Self::Best { column, wanted, rows } => {
                let before = rows.last().copied().unwrap_or(NO_ROW);
                budget.reserve(rows, 1)?;
                let better = columns.get(*column).is_some_and(|column| {
                    if before == NO_ROW || !column.is_valid(row) {
                        return column.is_valid(row);
                    }
                    let order = compare(column, row, before);
                    // Of intervals that are equally long DuckDB keeps the last (1 month, 30 days).
                    order == *wanted || (order.is_eq() && matches!(column, ValueColumn::Interval(_)))
                });
                rows.push(if better { row } else { before });
            }
            Self::Truths { column, trues, falses, .. } => match truth(columns.get(*column), row) {
                Some(true) => *trues += 1,
                Some(false) => *falses += 1,
                None => {}
            },
        }
        Ok(())
    }

    /// Takes back the row that was taken in last.
    #[inline]
    pub fn pop(&mut self, row: usize, columns: &[ValueColumn<'_>]) {
        match self {
            Self::Count { column, count } => *count -= counted(*column, row, columns),
            Self::Whole { column, count, sum, carries, .. } => {
                if let Some(number) = whole(columns.get(*column), row) {
                    let (next, overflown) = sum.overflowing_sub(number);
                    *carries -= i64::from(overflown) * number.signum() as i64;
                    (*sum, *count) = (next, *count - 1);
                }
            }
            Self::Floating { column, count, sums, .. } => {
                sums.pop();
                *count -= i64::from(floating(columns.get(*column), row).is_some());
            }
            Self::Best { rows, .. } => drop(rows.pop()),
            Self::Truths { column, trues, falses, .. } => match truth(columns.get(*column), row) {
                Some(true) => *trues -= 1,
                Some(false) => *falses -= 1,
                None => {}
            },
        }
    }

    /// The value now; an error where it does not fit into its type.
    #[inline]
    pub fn value<'c, K: Stored>(&self, columns: &'c [ValueColumn<'_>]) -> Result<Option<K::Item<'c>>, EvaluationError> {
        let value = match self {
            Self::Count { count, .. } => Value::Int(*count),
            Self::Whole { count: 0, .. }
            | Self::Floating { count: 0, .. }
            | Self::Truths { trues: 0, falses: 0, .. } => return Ok(None),
            Self::Whole { count, sum, carries, output, .. } => match output {
                _ if *carries != 0 => return Err(EvaluationError::Overflow),
                WholeOutput::Sum { most } if sum.checked_abs().is_none_or(|sum| sum > *most) => {
                    return Err(EvaluationError::Overflow);
                }
                WholeOutput::Sum { .. } => Value::Wide(*sum),
                WholeOutput::Average { scale, is_short } => Value::Double(average(*sum, *count, *scale, *is_short)),
            },
            Self::Floating { count, sums, average, .. } => {
                let sum = sums.last().copied().unwrap_or(0.0);
                Value::Double(if *average { sum / *count as f64 } else { sum })
            }
            Self::Best { column, rows, .. } => {
                let row = rows.last().copied().filter(|&row| row != NO_ROW);
                return Ok(row.and_then(|row| K::read(columns.get(*column)?, row)));
            }
            Self::Truths { and: true, falses, .. } => Value::Bool(*falses == 0),
            Self::Truths { and: false, trues, .. } => Value::Bool(*trues > 0),
        };
        Ok(K::take(value))
    }

    /// All that its future depends on.
    pub fn words(&self, words: &mut Vec<u64>) {
        match self {
            Self::Count { count, .. } => words.push(*count as u64),
            Self::Whole { count, sum, carries, .. } => {
                words.extend([*count as u64, *sum as u64, (*sum >> 64) as u64, *carries as u64]);
            }
            Self::Floating { count, sums, .. } => {
                words.extend([*count as u64, sums.last().copied().unwrap_or(0.0).to_bits()]);
            }
            Self::Best { rows, .. } => words.push(rows.last().copied().unwrap_or(NO_ROW) as u64),
            Self::Truths { trues, falses, .. } => words.extend([*trues as u64, *falses as u64]),
        }
    }
}

#[inline]
fn counted(column: Option<usize>, row: usize, columns: &[ValueColumn<'_>]) -> i64 {
    i64::from(column.is_none_or(|column| columns.get(column).is_some_and(|column| column.is_valid(row))))
}

#[inline]
fn whole(column: Option<&ValueColumn<'_>>, row: usize) -> Option<i128> {
    match column? {
        column @ ValueColumn::Int(_) => i64::read(column, row).map(i128::from),
        column @ ValueColumn::Wide(_) => i128::read(column, row),
        column @ ValueColumn::Bool(_) => bool::read(column, row).map(i128::from),
        _ => None,
    }
}

#[inline]
fn floating(column: Option<&ValueColumn<'_>>, row: usize) -> Option<f64> {
    match column? {
        column @ ValueColumn::Double(_) => f64::read(column, row),
        column @ ValueColumn::Float(_) => f32::read(column, row).map(f64::from),
        _ => None,
    }
}

#[inline]
fn truth(column: Option<&ValueColumn<'_>>, row: usize) -> Option<bool> {
    bool::read(column?, row)
}

/// How the values of two rows stand to each other.
fn compare(column: &ValueColumn<'_>, row: usize, other: usize) -> Ordering {
    fn of<K: Stored>(column: &ValueColumn<'_>, row: usize, other: usize) -> Ordering {
        match (K::read(column, row), K::read(column, other)) {
            (Some(one), Some(other)) => <K as Scalar>::compare(K::argument(&one), K::argument(&other)),
            (one, other) => one.is_some().cmp(&other.is_some()),
        }
    }
    match column {
        ValueColumn::Null(_) => Ordering::Equal,
        ValueColumn::Bool(_) => of::<bool>(column, row, other),
        ValueColumn::Int(_) => of::<i64>(column, row, other),
        ValueColumn::Wide(_) => of::<i128>(column, row, other),
        ValueColumn::Float(_) => of::<f32>(column, row, other),
        ValueColumn::Double(_) => of::<f64>(column, row, other),
        ValueColumn::Interval(_) => of::<Interval>(column, row, other),
        ValueColumn::Text(_) => of::<String>(column, row, other),
    }
}
