//! What aggregates keep of the rows that they have taken in, and what they give.

use std::cmp::Ordering;

use super::aggregates::{Aggregate, Function};
use super::average::average;
use super::columns::{Stored, ValueColumn};
use super::error::EvaluationError;
use super::scalar::Scalar;
use super::types::{Physical, Type};
use super::value::{Interval, Value};

/// An aggregate's state. It is made for a column by number, whose kind it knows.
#[derive(Debug)]
pub enum Fold {
    /// How many rows, or values.
    Count { column: Option<usize>, count: i64 },
    /// Whole numbers, exactly.
    Whole { column: usize, sum: WholeSum, output: WholeOutput },
    /// Floating point numbers, in order.
    Floating { column: usize, count: i64, sum: f64, average: bool },
    /// The row of the best key, whose value is given; [`NO_ROW`] before there is one.
    Best { column: usize, key: usize, wanted: BestRule, row: usize },
    /// How far numbers lie from their mean.
    Spread { column: usize, count: i64, mean: f64, squares: f64, output: SpreadOutput },
    /// Texts, of UTF-8, one after another.
    Texts { column: usize, separator: Box<str>, count: i64, text: Vec<u8> },
    /// How many values are true and how many false.
    Truths { column: usize, and: bool, trues: i64, falses: i64 },
}

/// What becomes of the sum of squares.
#[derive(Debug, Clone, Copy)]
pub struct SpreadOutput {
    /// Whether the numbers are a sample, and the sum is divided by one less than their number.
    is_sample: bool,
    /// Whether the root is taken.
    is_root: bool,
}

/// Which value is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BestRule {
    Least,
    Greatest,
    First,
    Last,
}

impl BestRule {
    /// Whether the value of a row, which is not NULL, takes the place of that of a row before it.
    #[inline]
    fn replaces(self, column: &ValueColumn<'_>, row: usize, before: usize) -> bool {
        match self {
            Self::Least => is_better(column, row, before, Ordering::Less),
            Self::Greatest => is_better(column, row, before, Ordering::Greater),
            Self::First => false,
            Self::Last => true,
        }
    }
}

/// Of whole numbers: how many, and their sum, which is `sum` and `carries` times two to the power of 128.
#[derive(Debug, Clone, Copy, Default)]
pub struct WholeSum {
    count: i64,
    sum: i128,
    carries: i64,
}

/// What becomes of an exact sum.
#[derive(Debug, Clone, Copy)]
pub enum WholeOutput {
    /// A sum of at most so much, without its sign.
    Sum { most: i128 },
    /// An average, where the values are units of ten to the power of minus this, of 16 bits or more.
    Average { scale: u8, is_short: bool },
}

pub const NO_ROW: usize = usize::MAX;

/// The most units of a decimal of 38 digits.
const MOST_DECIMAL: i128 = 10_i128.pow(38) - 1;

impl WholeSum {
    #[inline]
    fn add(&mut self, number: i128) {
        let (next, overflown) = self.sum.overflowing_add(number);
        self.carries += i64::from(overflown) * number.signum() as i64;
        (self.sum, self.count) = (next, self.count + 1);
    }

    #[inline]
    fn subtract(&mut self, number: i128) {
        let (next, overflown) = self.sum.overflowing_sub(number);
        self.carries -= i64::from(overflown) * number.signum() as i64;
        (self.sum, self.count) = (next, self.count - 1);
    }
}

impl Fold {
    /// Over nothing yet.
    pub fn of(aggregate: &Aggregate, columns: &[ValueColumn<'_>]) -> Self {
        let Some(column) = aggregate.column else { return Self::Count { column: None, count: 0 } };
        let physical =
            aggregate.argument.map(Type::physical).or_else(|| columns.get(column).and_then(ValueColumn::physical));
        let floating = matches!(physical, Some(Physical::Float | Physical::Double));
        let whole = |output| Self::Whole { column, sum: WholeSum::default(), output };
        let best = |wanted| Self::Best { column, key: aggregate.key.unwrap_or(column), wanted, row: NO_ROW };
        let spread = |is_sample, is_root| {
            let output = SpreadOutput { is_sample, is_root };
            Self::Spread { column, count: 0, mean: 0.0, squares: 0.0, output }
        };
        match aggregate.function {
            Function::Count => Self::Count { column: Some(column), count: 0 },
            Function::Min | Function::ArgMin => best(BestRule::Least),
            Function::Max | Function::ArgMax => best(BestRule::Greatest),
            Function::AnyValue => best(BestRule::First),
            Function::LastNotNull => best(BestRule::Last),
            Function::VarPop => spread(false, false),
            Function::VarSamp => spread(true, false),
            Function::StddevPop => spread(false, true),
            Function::StddevSamp => spread(true, true),
            Function::StringAgg => {
                let separator = aggregate.separator.clone().unwrap_or_else(|| ",".into());
                Self::Texts { column, separator, count: 0, text: Vec::new() }
            }
            Function::BoolAnd => Self::Truths { column, and: true, trues: 0, falses: 0 },
            Function::BoolOr => Self::Truths { column, and: false, trues: 0, falses: 0 },
            Function::Sum if floating => Self::Floating { column, count: 0, sum: 0.0, average: false },
            Function::Avg if floating => Self::Floating { column, count: 0, sum: 0.0, average: true },
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
            Self::Whole { sum, .. } => *sum = WholeSum::default(),
            Self::Floating { count, sum, .. } => (*count, *sum) = (0, 0.0),
            Self::Best { row, .. } => *row = NO_ROW,
            Self::Spread { count, mean, squares, .. } => (*count, *mean, *squares) = (0, 0.0, 0.0),
            Self::Texts { count, text, .. } => {
                *count = 0;
                text.clear();
            }
            Self::Truths { trues, falses, .. } => (*trues, *falses) = (0, 0),
        }
    }

    /// Takes a row in.
    #[inline]
    pub fn push(&mut self, row: usize, columns: &[ValueColumn<'_>]) {
        self.extend(std::iter::once(row), columns);
    }

    /// Takes rows in, in order.
    #[inline]
    pub fn extend(&mut self, rows: impl Iterator<Item = usize>, columns: &[ValueColumn<'_>]) {
        match self {
            Self::Count { column: None, count } => *count += rows.count() as i64,
            Self::Count { column: Some(column), count } => {
                if let Some(column) = columns.get(*column) {
                    rows.for_each(|row| *count += i64::from(column.is_valid(row)));
                }
            }
            Self::Whole { column, sum, .. } => match columns.get(*column) {
                // The loop of common columns has no other kinds in it.
                Some(column @ ValueColumn::Int(_)) => {
                    rows.filter_map(|row| i64::read(column, row)).for_each(|number| sum.add(number.into()));
                }
                column => rows.filter_map(|row| whole(column, row)).for_each(|number| sum.add(number)),
            },
            Self::Floating { column, count, sum, .. } => {
                let mut add = |number: f64| (*sum, *count) = (*sum + number, *count + 1);
                match columns.get(*column) {
                    Some(column @ ValueColumn::Double(_)) => {
                        rows.filter_map(|row| f64::read(column, row)).for_each(add);
                    }
                    column => rows.filter_map(|row| floating(column, row)).for_each(&mut add),
                }
            }
            Self::Best { column, key, wanted, row: best } => {
                let (Some(values), Some(keys)) = (columns.get(*column), columns.get(*key)) else { return };
                let has_own_key = column != key;
                for row in rows.filter(|&row| values.is_valid(row) && (!has_own_key || keys.is_valid(row))) {
                    if *best == NO_ROW || wanted.replaces(keys, row, *best) {
                        *best = row;
                    }
                }
            }
            Self::Spread { column, count, mean, squares, .. } => {
                // Number by number, as DuckDB does it, so that all bits agree.
                for number in rows.filter_map(|row| floating(columns.get(*column), row)) {
                    *count += 1;
                    let before = *mean;
                    *mean += (number - before) / *count as f64;
                    *squares += (number - *mean) * (number - before);
                }
            }
            Self::Texts { column, separator, count, text } => {
                let Some(column) = columns.get(*column) else { return };
                for row in rows {
                    let Some(more) = String::read(column, row) else { continue };
                    if *count > 0 {
                        text.extend_from_slice(separator.as_bytes());
                    }
                    *count += 1;
                    text.extend_from_slice(more.as_bytes());
                }
            }
            Self::Truths { column, trues, falses, .. } => {
                let Some(column) = columns.get(*column) else { return };
                for truth in rows.filter_map(|row| bool::read(column, row)) {
                    *(if truth { &mut *trues } else { &mut *falses }) += 1;
                }
            }
        }
    }

    /// The bytes that a row adds to texts.
    pub fn text_bytes(&self, row: usize, columns: &[ValueColumn<'_>]) -> usize {
        let Self::Texts { column, separator, count, .. } = self else { return 0 };
        let more = columns.get(*column).and_then(|column| String::read(column, row));
        more.map_or(0, |more| more.len() + if *count > 0 { separator.len() } else { 0 })
    }

    /// Takes back the row that was taken in last, but for what was before it: sums of floating point numbers, a best row.
    #[inline]
    pub fn pop(&mut self, row: usize, columns: &[ValueColumn<'_>]) {
        match self {
            Self::Count { column, count } => {
                let valid = |column: usize| columns.get(column).is_some_and(|column| column.is_valid(row));
                *count -= i64::from(column.is_none_or(valid));
            }
            Self::Whole { column, sum, .. } => {
                if let Some(number) = whole(columns.get(*column), row) {
                    sum.subtract(number);
                }
            }
            Self::Floating { column, count, .. } | Self::Spread { column, count, .. } => {
                *count -= i64::from(floating(columns.get(*column), row).is_some());
            }
            Self::Best { .. } => {}
            Self::Texts { column, separator, count, text } => {
                if let Some(last) = columns.get(*column).and_then(|column| String::read(column, row)) {
                    *count -= 1;
                    let gone = last.len() + if *count > 0 { separator.len() } else { 0 };
                    text.truncate(text.len().saturating_sub(gone));
                }
            }
            Self::Truths { column, trues, falses, .. } => {
                match columns.get(*column).and_then(|column| bool::read(column, row)) {
                    Some(true) => *trues -= 1,
                    Some(false) => *falses -= 1,
                    None => {}
                }
            }
        }
    }

    /// The value now; an error where it does not fit into its type.
    #[inline]
    pub fn value<'c, K: Stored>(&self, columns: &'c [ValueColumn<'_>]) -> Result<Option<K::Item<'c>>, EvaluationError> {
        let value = match self {
            Self::Count { count, .. } => Value::Int(*count),
            Self::Whole { sum: WholeSum { count: 0, .. }, .. }
            | Self::Floating { count: 0, .. }
            | Self::Spread { count: 0, .. }
            | Self::Spread { count: 1, output: SpreadOutput { is_sample: true, .. }, .. }
            | Self::Texts { count: 0, .. }
            | Self::Truths { trues: 0, falses: 0, .. } => return Ok(None),
            Self::Whole { sum: WholeSum { count, sum, carries }, output, .. } => match output {
                _ if *carries != 0 => return Err(EvaluationError::Overflow),
                WholeOutput::Sum { most } if sum.checked_abs().is_none_or(|sum| sum > *most) => {
                    return Err(EvaluationError::Overflow);
                }
                WholeOutput::Sum { .. } => Value::Wide(*sum),
                WholeOutput::Average { scale, is_short } => Value::Double(average(*sum, *count, *scale, *is_short)),
            },
            Self::Floating { count, sum, average, .. } => {
                Value::Double(if *average { sum / *count as f64 } else { *sum })
            }
            Self::Spread { count, squares, output, .. } => {
                let variance = squares / (*count - i64::from(output.is_sample)) as f64;
                let value = if output.is_root { variance.sqrt() } else { variance };
                if !value.is_finite() {
                    return Err(EvaluationError::OutOfRange);
                }
                Value::Double(value)
            }
            Self::Texts { text, .. } => Value::Text(String::from_utf8_lossy(text).into()),
            Self::Best { column, row, .. } => {
                let row = Some(*row).filter(|&row| row != NO_ROW);
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
            Self::Whole { sum: WholeSum { count, sum, carries }, .. } => {
                words.extend([*count as u64, *sum as u64, (*sum >> 64) as u64, *carries as u64]);
            }
            Self::Floating { count, sum, .. } => words.extend([*count as u64, sum.to_bits()]),
            Self::Best { row, .. } => words.push(*row as u64),
            Self::Spread { count, mean, squares, .. } => {
                words.extend([*count as u64, mean.to_bits(), squares.to_bits()]);
            }
            Self::Texts { count, text, .. } => {
                words.extend([*count as u64, text.len() as u64]);
                words.extend(
                    text.chunks(size_of::<u64>())
                        .map(|bytes| bytes.iter().fold(0, |word, &byte| word << 8 | u64::from(byte))),
                );
            }
            Self::Truths { trues, falses, .. } => words.extend([*trues as u64, *falses as u64]),
        }
    }
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

/// Whether the value of a row is to be kept instead of that of another.
#[inline]
fn is_better(column: &ValueColumn<'_>, row: usize, other: usize, wanted: Ordering) -> bool {
    fn of<K: Stored>(column: &ValueColumn<'_>, row: usize, other: usize) -> Ordering {
        match (K::read(column, row), K::read(column, other)) {
            (Some(one), Some(other)) => <K as Scalar>::compare(K::argument(&one), K::argument(&other)),
            (one, other) => one.is_some().cmp(&other.is_some()),
        }
    }
    let order = match column {
        ValueColumn::Null(_) => Ordering::Equal,
        ValueColumn::Bool(_) => of::<bool>(column, row, other),
        ValueColumn::Int(_) => of::<i64>(column, row, other),
        ValueColumn::Wide(_) => of::<i128>(column, row, other),
        ValueColumn::Float(_) => of::<f32>(column, row, other),
        ValueColumn::Double(_) => of::<f64>(column, row, other),
        ValueColumn::Interval(_) => of::<Interval>(column, row, other),
        ValueColumn::Text(_) => of::<String>(column, row, other),
    };
    // Of intervals that are equally long DuckDB keeps the last (1 month, 30 days).
    order == wanted || (order.is_eq() && matches!(column, ValueColumn::Interval(_)))
}
