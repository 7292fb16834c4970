//! Values by row, of one of four kinds. Dates, times and intervals are integers here; what they count is the caller's.

use std::cmp::Ordering;

/// A value, or NULL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// SQL's NULL, and unknown.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A double.
    Float(f64),
    /// Text.
    Text(&'a str),
}

impl<'a> From<&'a crate::expression::Value> for Value<'a> {
    fn from(value: &'a crate::expression::Value) -> Self {
        match value {
            crate::expression::Value::Bool(value) => Self::Bool(*value),
            crate::expression::Value::Int(value) => Self::Int(*value),
            crate::expression::Value::Double(value) => Self::Float(*value),
            crate::expression::Value::Text(value) => Self::Text(value),
            _ => Self::Null,
        }
    }
}

impl From<Value<'_>> for crate::expression::Value {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => Self::Int(value),
            Value::Float(value) => Self::Double(value),
            Value::Text(value) => Self::Text(value.into()),
        }
    }
}

impl Value<'_> {
    /// The number as a double.
    pub fn as_float(self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            _ => None,
        }
    }

    /// How two values that are not NULL stand to each other; None for values of kinds that do not compare.
    /// As in `DuckDB`, NaN is equal to itself and above all else.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(&other)),
            (Self::Int(one), Self::Int(other)) => Some(one.cmp(&other)),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (one, other) => {
                let (one, other) = (one.as_float()?, other.as_float()?);
                Some(one.partial_cmp(&other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan())))
            }
        }
    }
}

/// A column; None is NULL.
#[derive(Debug)]
pub enum ValueColumn {
    /// Booleans.
    Bool(Vec<Option<bool>>),
    /// Whole numbers, and which of them are there (all, when it is empty).
    Int(Vec<i64>, Vec<bool>),
    /// Doubles, and which of them are there (all, when it is empty).
    Float(Vec<f64>, Vec<bool>),
    /// Text.
    Text(Vec<Option<Box<str>>>),
}

impl ValueColumn {
    /// How many rows it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::Int(values, _) => values.len(),
            Self::Float(values, _) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row.
    #[inline]
    pub fn value(&self, row: usize) -> Value<'_> {
        let there = |valid: &[bool]| valid.is_empty() || valid[row];
        match self {
            Self::Float(values, valid) if there(valid) => Value::Float(values[row]),
            Self::Int(values, valid) if there(valid) => Value::Int(values[row]),
            Self::Bool(values) => values[row].map_or(Value::Null, Value::Bool),
            Self::Text(values) => values[row].as_deref().map_or(Value::Null, Value::Text),
            Self::Float(..) | Self::Int(..) => Value::Null,
        }
    }
}
