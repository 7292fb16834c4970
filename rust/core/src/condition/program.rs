//! A condition as a tree, evaluated with SQL's three-valued logic.

use super::column::{Column, Value};
use super::state::State;

/// Which row to read (ISO/IEC 19075-5, section 5.6), seen from the last row of the match so far.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// Rows mapped to this set, by its number in the state; all rows of the match without one.
    pub set: Option<usize>,
    /// From the first such row on, or from the last one back.
    pub first: bool,
    /// So many such rows on or back.
    pub offset: usize,
    /// And from there so many rows of the partition on, or back when it is negative.
    pub rows: i64,
}

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

/// A part of a condition. Kinds fit: whoever makes one has seen to that.
#[derive(Debug)]
pub enum Node {
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
    /// The classifier of a row; NULL where the match has no such row.
    Label(At),
    /// `MATCH_NUMBER()`.
    MatchNumber,
    /// A running aggregate, by its number in the state.
    Aggregate(usize),
    /// Two numbers to one.
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    /// A comparison.
    Compare(Comparison, Box<Node>, Box<Node>),
    /// `AND`.
    And(Box<Node>, Box<Node>),
    /// `OR`.
    Or(Box<Node>, Box<Node>),
    /// `NOT`.
    Not(Box<Node>),
    /// `IS NULL`.
    IsNull(Box<Node>),
    /// `IN (...)`.
    In(Box<Node>, Vec<Node>),
    /// `CASE WHEN ... THEN ... ELSE ... END`.
    Case(Vec<(Node, Node)>, Box<Node>),
    /// The first that is not NULL.
    Coalesce(Vec<Node>),
    /// The least (false) or greatest (true) of those that are not NULL.
    Extreme(bool, Vec<Node>),
    /// The absolute value.
    Abs(Box<Node>),
    /// The number with its sign changed.
    Negate(Box<Node>),
    /// Rounded to so many digits behind the point, halves away from zero.
    Round(Box<Node>, i32),
    /// The number as a double.
    ToFloat(Box<Node>),
}

/// A computation that has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluationError {
    /// A whole number left 64 bits.
    Overflow,
    /// `//` or `%` of whole numbers by zero.
    DivisionByZero,
}

/// What evaluation reads beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Columns by number.
    pub columns: &'a [Column],
    /// Names of variables by number.
    pub names: &'a [String],
    /// The partition's first row.
    pub begin: usize,
    /// The row behind the partition's last.
    pub end: usize,
    /// The number that the match will have.
    pub number: i64,
}

impl At {
    /// The row that is meant, before physical navigation.
    fn logical(self, state: &State<'_>) -> Option<usize> {
        match self.set {
            None => {
                let length = state.labels.len();
                if self.offset >= length {
                    return None;
                }
                Some(if self.first { state.start + self.offset } else { state.start + length - 1 - self.offset })
            }
            Some(set) => {
                let rows = &state.rows[set];
                let place =
                    if self.first { self.offset } else { rows.len().checked_sub(self.offset.checked_add(1)?)? };
                rows.get(place).copied()
            }
        }
    }

    #[inline]
    fn row(self, state: &State<'_>, around: Surroundings<'_>) -> Option<usize> {
        let row = self.logical(state)?;
        if self.rows == 0 {
            return Some(row);
        }
        let row = (row as i64).checked_add(self.rows)?;
        (row >= around.begin as i64 && row < around.end as i64).then_some(row as usize)
    }
}

impl Node {
    /// How many parts it has, itself and all below.
    pub fn size(&self) -> usize {
        let of = |nodes: &[Self]| nodes.iter().map(Self::size).sum::<usize>();
        1 + match self {
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Read(..)
            | Self::Label(_)
            | Self::MatchNumber
            | Self::Aggregate(_) => 0,
            Self::Arithmetic(_, left, right)
            | Self::Compare(_, left, right)
            | Self::And(left, right)
            | Self::Or(left, right) => left.size() + right.size(),
            Self::Not(inner)
            | Self::IsNull(inner)
            | Self::Abs(inner)
            | Self::Negate(inner)
            | Self::Round(inner, _)
            | Self::ToFloat(inner) => inner.size(),
            Self::In(inner, items) => inner.size() + of(items),
            Self::Case(branches, otherwise) => {
                branches.iter().map(|(condition, value)| condition.size() + value.size()).sum::<usize>()
                    + otherwise.size()
            }
            Self::Coalesce(items) | Self::Extreme(_, items) => of(items),
        }
    }

    /// Evaluates; takes time linear in the tree.
    pub fn evaluate<'a>(&'a self, state: &State<'a>, around: Surroundings<'a>) -> Result<Value<'a>, EvaluationError> {
        let of = |node: &'a Self| node.evaluate(state, around);
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Text(value) => Value::Text(value),
            Self::Read(column, at) => {
                at.row(state, around).map_or(Value::Null, |row| around.columns[*column].value(row))
            }
            Self::Label(at) => {
                let row = at.row(state, around).and_then(|row| row.checked_sub(state.start));
                row.and_then(|row| state.labels.get(row))
                    .map_or(Value::Null, |&variable| Value::Text(&around.names[usize::from(variable)]))
            }
            Self::MatchNumber => Value::Int(around.number),
            Self::Aggregate(slot) => state.aggregate(*slot).map_err(|()| EvaluationError::Overflow)?,
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
        })
    }
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
