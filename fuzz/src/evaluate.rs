//! What conditions that depend on the match mean, written out: each value is computed anew from the rows mapped so far.

use std::cmp::Ordering;

use rowpattern_core::backtrack::MatchConditions;
use rowpattern_core::expression::{Aggregate, Expression, Function, Operation, Type, Value};
use rowpattern_core::rows::{At, VariableSet};

/// A computation that has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAnswer;

type Evaluated = Result<Value, NoAnswer>;

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
    pub fn evaluate(self, node: &'a Expression) -> Evaluated {
        Ok(match &node.operation {
            Operation::Literal(value) => value.clone(),
            Operation::Read(column, at) => {
                self.row(at).map_or(Value::Null, |row| self.conditions.columns[*column].value(row))
            }
            Operation::Exists(at) => Value::Bool(self.row(at).is_some()),
            Operation::Classifier(at) => {
                let place = self.row(at).and_then(|row| row.checked_sub(self.start));
                let variable = place.and_then(|place| self.variables.get(place));
                variable.map_or(Value::Null, |&variable| Value::Text(self.names[usize::from(variable)].as_str().into()))
            }
            Operation::MatchNumber => Value::Int(self.number as i64),
            Operation::Aggregate(number) => self.aggregate(&self.conditions.aggregates[*number])?,
            Operation::Call(name, arguments) => self.call(name, arguments, node.result)?,
            Operation::Computed(..) | Operation::Combined(..) => return Err(NoAnswer),
        })
    }

    fn call(self, name: &str, arguments: &'a [Expression], result: Type) -> Evaluated {
        let of = |number: usize| self.evaluate(&arguments[number]);
        Ok(match name {
            "and" | "or" => {
                let deciding = name == "or";
                let mut answer = Some(!deciding);
                for argument in arguments {
                    match truth(&self.evaluate(argument)?) {
                        Some(value) if value == deciding => return Ok(Value::Bool(deciding)),
                        None => answer = None,
                        Some(_) => {}
                    }
                }
                from_truth(answer)
            }
            "not" => from_truth(truth(&of(0)?).map(|value| !value)),
            "is null" => Value::Bool(is_null(&of(0)?)),
            "is not null" => Value::Bool(!is_null(&of(0)?)),
            "in" => {
                let value = of(0)?;
                if is_null(&value) {
                    return Ok(Value::Null);
                }
                let mut answer = Some(false);
                for item in &arguments[1..] {
                    match order(&value, &self.evaluate(item)?) {
                        Some(Ordering::Equal) => return Ok(Value::Bool(true)),
                        Some(_) => {}
                        None => answer = None,
                    }
                }
                from_truth(answer)
            }
            "case" => {
                for branch in arguments.chunks_exact(2) {
                    if truth(&self.evaluate(&branch[0])?) == Some(true) {
                        return self.evaluate(&branch[1]);
                    }
                }
                of(arguments.len() - 1)?
            }
            "coalesce" => {
                for item in arguments {
                    let value = self.evaluate(item)?;
                    if !is_null(&value) {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            "greatest" | "least" => {
                let wanted = if name == "greatest" { Ordering::Greater } else { Ordering::Less };
                let mut best_so_far = Value::Null;
                for item in arguments {
                    let value = self.evaluate(item)?;
                    if is_null(&best_so_far) || order(&value, &best_so_far) == Some(wanted) {
                        best_so_far = value;
                    }
                }
                best_so_far
            }
            "abs" | "negate" | "cast" => {
                let value = of(0)?;
                if is_null(&value) { value } else { of_one(name, &value, result)? }
            }
            _ => {
                let (left, right) = (of(0)?, of(1)?);
                match (compare(name, &left, &right), is_null(&left) || is_null(&right)) {
                    (Some(held), _) => Value::Bool(held),
                    (None, true) => Value::Null,
                    (None, false) => arithmetic(name, &left, &right, result)?,
                }
            }
        })
    }

    fn aggregate(self, aggregate: &'a Aggregate) -> Evaluated {
        let rows = self.mapped_to(aggregate.variables.as_ref());
        let Some(column) = aggregate.column.map(|number| &self.conditions.columns[number]) else {
            return Ok(Value::Int(rows.count() as i64));
        };
        if let Some(key) = aggregate.key.map(|number| &self.conditions.columns[number]) {
            let pairs = rows.map(|row| (column.value(row), key.value(row)));
            let known = pairs.filter(|(value, key)| !is_null(value) && !is_null(key));
            let wanted = if aggregate.function == Function::ArgMin { Ordering::Less } else { Ordering::Greater };
            let better = |best: (Value, Value), next: (Value, Value)| {
                if order(&next.1, &best.1) == Some(wanted) { next } else { best }
            };
            return Ok(known.reduce(better).map_or(Value::Null, |(value, _)| value));
        }
        let values: Vec<Value> = rows.map(|row| column.value(row)).filter(|value| !is_null(value)).collect();
        let count = values.len();
        match aggregate.function {
            Function::Count => Ok(Value::Int(count as i64)),
            Function::Min => Ok(best(values, Ordering::Less)),
            Function::Max => Ok(best(values, Ordering::Greater)),
            Function::Sum | Function::Avg if count == 0 => Ok(Value::Null),
            Function::Sum | Function::Avg => {
                let mean = aggregate.function == Function::Avg;
                if let Some(Type::BigInt) = aggregate.argument {
                    let sum: i128 = values.iter().map(|value| whole(value).unwrap_or(0)).sum();
                    // Averages of large numbers are rounded in ways of their own; DuckDB is what they are compared with.
                    return match (mean, sum.unsigned_abs() <= 1 << 53) {
                        (false, _) => Ok(Value::Wide(sum)),
                        (true, true) => Ok(Value::Double(sum as f64 / count as f64)),
                        (true, false) => Err(NoAnswer),
                    };
                }
                let numbers = values.iter().map(|value| if let Value::Double(number) = value { *number } else { 0.0 });
                let sum = numbers.fold(0.0, |sum, number| sum + number);
                Ok(Value::Double(if mean { sum / count as f64 } else { sum }))
            }
            Function::AnyValue => Ok(values.into_iter().next().unwrap_or(Value::Null)),
            Function::LastNotNull => Ok(values.into_iter().next_back().unwrap_or(Value::Null)),
            Function::VarPop | Function::VarSamp | Function::StddevPop | Function::StddevSamp => {
                let is_sample = matches!(aggregate.function, Function::VarSamp | Function::StddevSamp);
                let is_root = matches!(aggregate.function, Function::StddevPop | Function::StddevSamp);
                match spread(&values, usize::from(is_sample)) {
                    None => Ok(Value::Null),
                    Some(found) if !found.is_finite() => Err(NoAnswer),
                    Some(found) => Ok(Value::Double(if is_root { found.sqrt() } else { found })),
                }
            }
            Function::StringAgg => {
                let texts = values.iter().map(|value| if let Value::Text(text) = value { text.as_ref() } else { "" });
                let joined = texts.collect::<Vec<_>>().join(aggregate.separator.as_deref().unwrap_or(","));
                Ok(if values.is_empty() { Value::Null } else { Value::Text(joined.into()) })
            }
            Function::BoolAnd | Function::BoolOr | Function::ArgMin | Function::ArgMax => Err(NoAnswer),
        }
    }
}

/// The sum of squares of the distances from the mean, over so many fewer than the numbers; None of too few.
fn spread(values: &[Value], fewer: usize) -> Option<f64> {
    let (mut mean, mut squares) = (0.0, 0.0);
    for (count, value) in (1..).map(f64::from).zip(values) {
        let Value::Double(number) = value else { continue };
        let before: f64 = mean;
        mean += (number - before) / count;
        squares += (number - mean) * (number - before);
    }
    (values.len() > fewer).then(|| squares / (values.len() - fewer) as f64)
}

fn best(values: Vec<Value>, wanted: Ordering) -> Value {
    let better = |best: Value, next: Value| if order(&next, &best) == Some(wanted) { next } else { best };
    values.into_iter().reduce(better).unwrap_or(Value::Null)
}

fn is_null(value: &Value) -> bool {
    matches!(value, Value::Null)
}

/// Whether a condition is true; None is unknown.
pub fn truth(value: &Value) -> Option<bool> {
    if let Value::Bool(value) = value { Some(*value) } else { None }
}

fn from_truth(truth: Option<bool>) -> Value {
    truth.map_or(Value::Null, Value::Bool)
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Wide(number) => Some(*number),
        Value::Bool(value) => Some(i128::from(*value)),
        _ => None,
    }
}

/// A whole number as a value of a type.
fn held(number: Option<i128>, result: Type) -> Evaluated {
    let number = number.ok_or(NoAnswer)?;
    match result {
        Type::BigInt => i64::try_from(number).map(Value::Int).map_err(|_| NoAnswer),
        _ => Ok(Value::Wide(number)),
    }
}

fn of_one(name: &str, value: &Value, result: Type) -> Evaluated {
    let is_abs = name == "abs";
    match (value, whole(value)) {
        (Value::Double(number), _) if name == "cast" => match result {
            Type::Double => Ok(Value::Double(*number)),
            Type::Boolean => Ok(Value::Bool(*number != 0.0)),
            // Rounding and range are compared with DuckDB.
            _ => Err(NoAnswer),
        },
        (Value::Double(number), _) => Ok(Value::Double(if is_abs { number.abs() } else { -number })),
        (_, Some(number)) if name == "cast" => match result {
            Type::Double => Ok(Value::Double(number as f64)),
            Type::Boolean => Ok(Value::Bool(number != 0)),
            _ => held(Some(number), result),
        },
        (_, Some(number)) => held(if is_abs { number.checked_abs() } else { number.checked_neg() }, result),
        (value, None) => Ok(value.clone()),
    }
}

/// How two values of a type stand to each other; as in `DuckDB`, NaN is equal to itself and above all else.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => Some(match (left, right) {
            (left, right) if left.is_nan() || right.is_nan() => left.is_nan().cmp(&right.is_nan()),
            (left, right) if left < right => Ordering::Less,
            (left, right) if left > right => Ordering::Greater,
            _ => Ordering::Equal,
        }),
        _ => Some(whole(left)?.cmp(&whole(right)?)),
    }
}

fn compare(sign: &str, left: &Value, right: &Value) -> Option<bool> {
    let order = order(left, right)?;
    Some(match sign {
        "=" => order == Ordering::Equal,
        "<>" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        ">=" => order != Ordering::Less,
        _ => return None,
    })
}

fn arithmetic(sign: &str, left: &Value, right: &Value, result: Type) -> Evaluated {
    if let (Some(left), Some(right)) = (whole(left), whole(right)) {
        return held(
            match sign {
                "+" => left.checked_add(right),
                "-" => left.checked_sub(right),
                "*" => left.checked_mul(right),
                "//" => left.checked_div(right),
                _ if right == 0 => None,
                _ => Some(left.wrapping_rem(right)),
            },
            result,
        );
    }
    let (Value::Double(left), Value::Double(right)) = (left, right) else { return Err(NoAnswer) };
    Ok(Value::Double(match sign {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "//" if *right == 0.0 => return Err(NoAnswer),
        "/" | "//" => left / right,
        _ => left % right,
    }))
}
