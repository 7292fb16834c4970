//! What conditions that depend on the match mean, written out: each value is computed anew from the rows mapped so far.

use std::cmp::Ordering;

use rowpattern_core::backtrack::MatchConditions;
use rowpattern_core::condition::{Aggregate, Arithmetic, Comparison, Expression, Function, Value, ValueColumn};
use rowpattern_core::rows::{At, VariableSet};

/// A computation that has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAnswer;

type Evaluated<'a> = Result<Value<'a>, NoAnswer>;

/// The match so far, the row in question being its last.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub conditions: &'a MatchConditions,
    pub names: &'a [String],
    /// The rows of the partition.
    pub begin: usize,
    pub end: usize,
    /// The match's first row, the variables of its rows, and its number.
    pub start: usize,
    pub variables: &'a [u8],
    pub number: usize,
}

impl<'a> Surroundings<'a> {
    fn mapped_to(self, set: Option<&'a VariableSet>) -> impl DoubleEndedIterator<Item = usize> + 'a {
        let mapped = self.variables.iter().enumerate();
        let wanted = mapped.filter(move |(_, variable)| set.is_none_or(|set| set.contains(**variable)));
        wanted.map(move |(at, _)| self.start + at)
    }

    fn row(self, at: &'a At) -> Option<usize> {
        let mut rows = self.mapped_to(at.set.map(|number| &self.conditions.sets[number]));
        let row = if at.first { rows.nth(at.offset) } else { rows.nth_back(at.offset) }?;
        let row = i128::try_from(row).ok()? + i128::from(at.rows);
        usize::try_from(row).ok().filter(|row| (self.begin..self.end).contains(row))
    }

    /// Evaluates a condition.
    pub fn evaluate(self, node: &'a Expression) -> Evaluated<'a> {
        let of = |node: &'a Expression| self.evaluate(node);
        Ok(match node {
            Expression::Null => Value::Null,
            Expression::Bool(value) => Value::Bool(*value),
            Expression::Int(value) => Value::Int(*value),
            Expression::Float(value) => Value::Float(*value),
            Expression::Text(value) => Value::Text(value),
            Expression::Read(column, at) => {
                self.row(at).map_or(Value::Null, |row| value(&self.conditions.columns[*column], row))
            }
            Expression::Classifier(at) => {
                let place = self.row(at).and_then(|row| row.checked_sub(self.start));
                let variable = place.and_then(|place| self.variables.get(place));
                variable.map_or(Value::Null, |&variable| Value::Text(&self.names[usize::from(variable)]))
            }
            Expression::MatchNumber => Value::Int(self.number as i64),
            Expression::Aggregate(number) => self.aggregate(&self.conditions.aggregates[*number])?,
            Expression::Arithmetic(operation, left, right) => arithmetic(*operation, of(left)?, of(right)?)?,
            Expression::Compare(comparison, left, right) => from_truth(compare(*comparison, of(left)?, of(right)?)),
            Expression::And(left, right) => match truth(of(left)?) {
                Some(false) => Value::Bool(false),
                left => match (left, truth(of(right)?)) {
                    (_, Some(false)) => Value::Bool(false),
                    (left, right) => from_truth(left.and(right)),
                },
            },
            Expression::Or(left, right) => match truth(of(left)?) {
                Some(true) => Value::Bool(true),
                left => match (left, truth(of(right)?)) {
                    (_, Some(true)) => Value::Bool(true),
                    (left, right) => from_truth(left.and(right)),
                },
            },
            Expression::Not(inner) => from_truth(truth(of(inner)?).map(|value| !value)),
            Expression::IsNull(inner) => Value::Bool(is_null(of(inner)?)),
            Expression::In(inner, items) => {
                let value = of(inner)?;
                let mut answer = if is_null(value) { None } else { Some(false) };
                for item in items {
                    match compare(Comparison::Equal, value, of(item)?) {
                        Some(true) => return Ok(Value::Bool(true)),
                        Some(false) => {}
                        None => answer = None,
                    }
                }
                from_truth(answer)
            }
            Expression::Case(branches, otherwise) => {
                for (condition, value) in branches {
                    if truth(of(condition)?) == Some(true) {
                        return of(value);
                    }
                }
                of(otherwise)?
            }
            Expression::Coalesce(items) => {
                for item in items {
                    let value = of(item)?;
                    if !is_null(value) {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            Expression::Extreme(greatest, items) => {
                let wanted = if *greatest { Comparison::Greater } else { Comparison::Less };
                let mut best = Value::Null;
                for item in items {
                    let value = of(item)?;
                    if is_null(best) || compare(wanted, value, best) == Some(true) {
                        best = value;
                    }
                }
                best
            }
            Expression::Abs(inner) => match of(inner)? {
                Value::Int(i64::MIN) => return Err(NoAnswer),
                Value::Int(number) => Value::Int(number.abs()),
                Value::Float(number) => Value::Float(number.abs()),
                _ => Value::Null,
            },
            Expression::Negate(inner) => match of(inner)? {
                Value::Int(i64::MIN) => return Err(NoAnswer),
                Value::Int(number) => Value::Int(-number),
                Value::Float(number) => Value::Float(-number),
                _ => Value::Null,
            },
            Expression::Round(inner, digits) => match of(inner)? {
                Value::Float(number) => {
                    let scale = 10_f64.powi(*digits);
                    let rounded = (number * scale).round() / scale;
                    Value::Float(if rounded.is_finite() { rounded } else { number })
                }
                other => other,
            },
            Expression::ToFloat(inner) => double(of(inner)?).map_or(Value::Null, Value::Float),
        })
    }

    fn aggregate(self, aggregate: &'a Aggregate) -> Evaluated<'a> {
        let rows = self.mapped_to(aggregate.variables.as_ref());
        let Some(column) = aggregate.column.map(|number| &self.conditions.columns[number]) else {
            return Ok(Value::Int(rows.count() as i64));
        };
        let values: Vec<Value<'a>> = rows.map(|row| value(column, row)).filter(|value| !is_null(*value)).collect();
        let count = values.len();
        match aggregate.function {
            Function::Count => Ok(Value::Int(count as i64)),
            Function::Min => Ok(best(&values, Ordering::Less)),
            Function::Max => Ok(best(&values, Ordering::Greater)),
            Function::Sum | Function::Avg if count == 0 => Ok(Value::Null),
            Function::Sum | Function::Avg => {
                let mean = aggregate.function == Function::Avg;
                if let ValueColumn::Int(..) = column {
                    let mut numbers =
                        values.iter().map(|value| if let Value::Int(number) = value { *number } else { 0 });
                    let sum = numbers.try_fold(0_i64, i64::checked_add).ok_or(NoAnswer)?;
                    return Ok(if mean { Value::Float(sum as f64 / count as f64) } else { Value::Int(sum) });
                }
                let numbers: Option<Vec<f64>> = values.iter().map(|value| double(*value)).collect();
                let sum = numbers.map(|numbers| numbers.iter().fold(0.0, |sum, number| sum + number));
                Ok(sum.map_or(Value::Null, |sum| Value::Float(if mean { sum / count as f64 } else { sum })))
            }
        }
    }
}

fn best<'a>(values: &[Value<'a>], wanted: Ordering) -> Value<'a> {
    let better = |best: Value<'a>, next: &Value<'a>| if order(*next, best) == Some(wanted) { *next } else { best };
    let Some((first, others)) = values.split_first() else { return Value::Null };
    others.iter().fold(*first, better)
}

fn value(column: &ValueColumn, row: usize) -> Value<'_> {
    let valid = |valid: &[bool]| valid.get(row).copied().unwrap_or(true);
    match column {
        ValueColumn::Bool(values) => values[row].map_or(Value::Null, Value::Bool),
        ValueColumn::Text(values) => values[row].as_deref().map_or(Value::Null, Value::Text),
        ValueColumn::Int(values, given) => {
            if valid(given) {
                Value::Int(values[row])
            } else {
                Value::Null
            }
        }
        ValueColumn::Float(values, given) => {
            if valid(given) {
                Value::Float(values[row])
            } else {
                Value::Null
            }
        }
    }
}

fn is_null(value: Value<'_>) -> bool {
    matches!(value, Value::Null)
}

/// Whether a condition is true; None is unknown.
pub fn truth(value: Value<'_>) -> Option<bool> {
    if let Value::Bool(value) = value { Some(value) } else { None }
}

fn from_truth<'a>(truth: Option<bool>) -> Value<'a> {
    truth.map_or(Value::Null, Value::Bool)
}

fn double(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Int(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        _ => None,
    }
}

/// How two values stand to each other; as in `DuckDB`, NaN is equal to itself and above all else.
fn order(left: Value<'_>, right: Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(&right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(&right)),
        _ => match (double(left)?, double(right)?) {
            (left, right) if left.is_nan() || right.is_nan() => Some(left.is_nan().cmp(&right.is_nan())),
            (left, right) if left < right => Some(Ordering::Less),
            (left, right) if left > right => Some(Ordering::Greater),
            _ => Some(Ordering::Equal),
        },
    }
}

fn compare(comparison: Comparison, left: Value<'_>, right: Value<'_>) -> Option<bool> {
    let order = order(left, right)?;
    Some(match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    })
}

fn arithmetic<'a>(operation: Arithmetic, left: Value<'a>, right: Value<'a>) -> Evaluated<'a> {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        let (left, right) = (i128::from(left), i128::from(right));
        let exact = match operation {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => return Ok(Value::Float(left as f64 / right as f64)),
            Arithmetic::IntDivide | Arithmetic::Modulo if right == 0 => return Err(NoAnswer),
            Arithmetic::IntDivide => left / right,
            Arithmetic::Modulo => left % right,
        };
        return i64::try_from(exact).map(Value::Int).map_err(|_| NoAnswer);
    }
    let (Some(left), Some(right)) = (double(left), double(right)) else { return Ok(Value::Null) };
    Ok(Value::Float(match operation {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide | Arithmetic::IntDivide => left / right,
        Arithmetic::Modulo => left % right,
    }))
}
