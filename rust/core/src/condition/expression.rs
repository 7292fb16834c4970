//! The expression of a condition as a tree, evaluated with SQL's three-valued logic.

use super::match_so_far::MatchSoFar;
use super::values::{Value, ValueColumn};
use crate::expression::{Answers, Argument, EvaluationError, Request};
use crate::rows::{At, MappedRows};

/// How two numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`, always of doubles.
    Divide,
    /// `//`, toward zero for whole numbers; as `/` for doubles.
    IntDivide,
    /// `%`, with the sign of the left.
    Modulo,
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A part of an expression. Kinds fit: whoever makes one has seen to that.
#[derive(Debug)]
pub enum Expression {
    /// NULL.
    Null,
    /// A literal.
    Bool(bool),
    /// A literal.
    Int(i64),
    /// A literal.
    Float(f64),
    /// A literal.
    Text(Box<str>),
    /// A column's value at a row; NULL where there is no such row.
    Read(usize, At),
    /// `CLASSIFIER()` of a row; NULL where the match has no such row.
    Classifier(At),
    /// `MATCH_NUMBER()`.
    MatchNumber,
    /// An aggregate over the match so far, by its number among the aggregates.
    Aggregate(usize),
    /// Two numbers to one.
    Arithmetic(Arithmetic, Box<Expression>, Box<Expression>),
    /// A comparison.
    Compare(Comparison, Box<Expression>, Box<Expression>),
    /// `AND`.
    And(Box<Expression>, Box<Expression>),
    /// `OR`.
    Or(Box<Expression>, Box<Expression>),
    /// `NOT`.
    Not(Box<Expression>),
    /// `IS NULL`.
    IsNull(Box<Expression>),
    /// `IN (...)`.
    In(Box<Expression>, Vec<Expression>),
    /// `CASE WHEN ... THEN ... ELSE ... END`.
    Case(Vec<(Expression, Expression)>, Box<Expression>),
    /// The first that is not NULL.
    Coalesce(Vec<Expression>),
    /// The least (false) or greatest (true) of those that are not NULL.
    Extreme(bool, Vec<Expression>),
    /// The absolute value.
    Abs(Box<Expression>),
    /// The number with its sign changed.
    Negate(Box<Expression>),
    /// Rounded to this number of digits behind the point, halves away from zero.
    Round(Box<Expression>, i32),
    /// The number as a double.
    ToFloat(Box<Expression>),
    /// What is computed elsewhere: the expression's number there, and what it is given.
    Computed(usize, Vec<Given>),
}

/// What an expression that is computed elsewhere is given.
#[derive(Debug)]
pub enum Given {
    /// A row.
    Row(At),
    /// The rows of the match so far that are mapped to a set of variables, or all.
    Rows(Option<usize>),
    /// A value.
    Value(Expression),
}

/// What evaluation reads beside the match so far.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Columns by number.
    pub columns: &'a [ValueColumn],
    /// Names of variables by number.
    pub names: &'a [String],
    /// The partition's first row.
    pub begin: usize,
    /// The row behind the partition's last.
    pub end: usize,
    /// The number that the match will have.
    pub number: i64,
    /// What has been computed elsewhere.
    pub answers: &'a dyn Answers,
}

impl Expression {
    /// Calls with the expressions that it is made of.
    pub fn for_each_part<'e>(&'e self, mut call: impl FnMut(&'e Self)) {
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Read(..)
            | Self::Classifier(_)
            | Self::MatchNumber
            | Self::Aggregate(_) => {}
            Self::Arithmetic(_, left, right)
            | Self::Compare(_, left, right)
            | Self::And(left, right)
            | Self::Or(left, right) => [left, right].into_iter().for_each(|part| call(part)),
            Self::Not(inner)
            | Self::IsNull(inner)
            | Self::Abs(inner)
            | Self::Negate(inner)
            | Self::Round(inner, _)
            | Self::ToFloat(inner) => call(inner),
            Self::In(inner, items) => std::iter::once(&**inner).chain(items).for_each(call),
            Self::Case(branches, otherwise) => {
                branches.iter().flat_map(|(condition, value)| [condition, value]).for_each(&mut call);
                call(otherwise);
            }
            Self::Coalesce(items) | Self::Extreme(_, items) => items.iter().for_each(call),
            Self::Computed(_, given) => {
                for given in given {
                    if let Given::Value(part) = given {
                        call(part);
                    }
                }
            }
        }
    }

    /// How many expressions it has, itself and all below.
    pub fn size(&self) -> usize {
        let mut size = 1;
        self.for_each_part(|part| size += part.size());
        size
    }

    /// Evaluates; takes time linear in the tree.
    #[expect(clippy::too_many_lines, reason = "a case for each kind of expression")]
    pub fn evaluate<'a>(
        &'a self,
        so_far: &MatchSoFar<'a>,
        around: Surroundings<'a>,
    ) -> Result<Value<'a>, EvaluationError> {
        let of = |node: &'a Self| node.evaluate(so_far, around);
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Text(value) => Value::Text(value),
            Self::Read(column, at) => {
                row_at(*at, so_far, around).map_or(Value::Null, |row| around.columns[*column].value(row))
            }
            Self::Classifier(at) => {
                let row = row_at(*at, so_far, around).and_then(|row| row.checked_sub(so_far.start));
                row.and_then(|row| so_far.classifiers.get(row))
                    .map_or(Value::Null, |&variable| Value::Text(&around.names[usize::from(variable)]))
            }
            Self::MatchNumber => Value::Int(around.number),
            Self::Aggregate(slot) => so_far.aggregate(*slot)?,
            Self::Arithmetic(operation, left, right) => arithmetic(*operation, of(left)?, of(right)?)?,
            Self::Compare(comparison, left, right) => compare(*comparison, of(left)?, of(right)?),
            Self::And(left, right) => match of(left)? {
                Value::Bool(false) => Value::Bool(false),
                left => match (left, of(right)?) {
                    (_, Value::Bool(false)) => Value::Bool(false),
                    (Value::Bool(true), Value::Bool(true)) => Value::Bool(true),
                    _ => Value::Null,
                },
            },
            Self::Or(left, right) => match of(left)? {
                Value::Bool(true) => Value::Bool(true),
                left => match (left, of(right)?) {
                    (_, Value::Bool(true)) => Value::Bool(true),
                    (Value::Bool(false), Value::Bool(false)) => Value::Bool(false),
                    _ => Value::Null,
                },
            },
            Self::Not(inner) => match of(inner)? {
                Value::Bool(value) => Value::Bool(!value),
                _ => Value::Null,
            },
            Self::IsNull(inner) => Value::Bool(of(inner)? == Value::Null),
            Self::In(inner, items) => {
                let value = of(inner)?;
                let mut unknown = value == Value::Null;
                for item in items {
                    match compare(Comparison::Equal, value, of(item)?) {
                        Value::Bool(true) => return Ok(Value::Bool(true)),
                        Value::Null => unknown = true,
                        _ => {}
                    }
                }
                if unknown { Value::Null } else { Value::Bool(false) }
            }
            Self::Case(branches, otherwise) => {
                for (condition, value) in branches {
                    if of(condition)? == Value::Bool(true) {
                        return of(value);
                    }
                }
                of(otherwise)?
            }
            Self::Coalesce(items) => {
                for item in items {
                    let value = of(item)?;
                    if value != Value::Null {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            Self::Extreme(greatest, items) => {
                let mut best = Value::Null;
                for item in items {
                    let value = of(item)?;
                    let better = if *greatest { Comparison::Greater } else { Comparison::Less };
                    if best == Value::Null || compare(better, value, best) == Value::Bool(true) {
                        best = value;
                    }
                }
                best
            }
            Self::Abs(inner) => match of(inner)? {
                Value::Int(number) => Value::Int(number.checked_abs().ok_or(EvaluationError::Overflow)?),
                Value::Float(number) => Value::Float(number.abs()),
                _ => Value::Null,
            },
            Self::Negate(inner) => match of(inner)? {
                Value::Int(number) => Value::Int(number.checked_neg().ok_or(EvaluationError::Overflow)?),
                Value::Float(number) => Value::Float(-number),
                _ => Value::Null,
            },
            Self::Round(inner, digits) => match of(inner)? {
                Value::Float(number) => {
                    let scale = 10_f64.powi(*digits);
                    let rounded = (number * scale).round() / scale;
                    Value::Float(if rounded.is_finite() { rounded } else { number })
                }
                whole => whole,
            },
            Self::ToFloat(inner) => of(inner)?.as_float().map_or(Value::Null, Value::Float),
            Self::Computed(expression, given) => computed(*expression, given, so_far, around)?,
        })
    }
}

fn computed<'a>(
    expression: usize,
    given: &'a [Given],
    so_far: &MatchSoFar<'a>,
    around: Surroundings<'a>,
) -> Result<Value<'a>, EvaluationError> {
    let argument = |given: &'a Given| {
        Ok(match given {
            Given::Row(at) => Argument::Row(row_at(*at, so_far, around)),
            Given::Rows(set) => Argument::Rows(match so_far.mapped(*set) {
                MappedRows::All(rows) => rows.collect(),
                MappedRows::Of(rows) => Box::from(rows),
            }),
            Given::Value(part) => Argument::Value(part.evaluate(so_far, around)?.into()),
        })
    };
    let arguments = given.iter().map(argument).collect::<Result<_, _>>()?;
    let answer = around.answers.answer(&Request { expression, arguments });
    Ok(answer.ok_or(EvaluationError::Missing)?.into())
}

#[inline]
fn row_at(at: At, so_far: &MatchSoFar<'_>, around: Surroundings<'_>) -> Option<usize> {
    at.row(so_far.mapped(at.set), around.begin..around.end)
}

fn compare<'a>(comparison: Comparison, left: Value<'a>, right: Value<'a>) -> Value<'a> {
    if left == Value::Null || right == Value::Null {
        return Value::Null;
    }
    let Some(order) = left.compare(right) else { return Value::Null };
    Value::Bool(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    })
}

fn arithmetic<'a>(operation: Arithmetic, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, EvaluationError> {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        let checked = match operation {
            Arithmetic::Add => left.checked_add(right),
            Arithmetic::Subtract => left.checked_sub(right),
            Arithmetic::Multiply => left.checked_mul(right),
            Arithmetic::Divide => return Ok(Value::Float(left as f64 / right as f64)),
            Arithmetic::IntDivide | Arithmetic::Modulo if right == 0 => {
                return Err(EvaluationError::DivisionByZero);
            }
            Arithmetic::IntDivide => left.checked_div(right),
            Arithmetic::Modulo => Some(left.checked_rem(right).unwrap_or(0)),
        };
        return checked.map(Value::Int).ok_or(EvaluationError::Overflow);
    }
    let (Some(left), Some(right)) = (left.as_float(), right.as_float()) else { return Ok(Value::Null) };
    Ok(Value::Float(match operation {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide | Arithmetic::IntDivide => left / right,
        Arithmetic::Modulo => left % right,
    }))
}
