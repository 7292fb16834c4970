//! Aggregates: their functions, and over what.

use super::types::Type;
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
    /// The first value that is not NULL; NULL over nothing.
    AnyValue,
    /// The last value that is not NULL; NULL over nothing.
    LastNotNull,
}

impl Function {
    /// The function that `DuckDB` calls so; `last_not_null` is a name of our own.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "bool_and" => Self::BoolAnd,
            "bool_or" => Self::BoolOr,
            "any_value" => Self::AnyValue,
            "last_not_null" => Self::LastNotNull,
            _ => return None,
        })
    }

    /// Whether it is computed here over values of a type (rows without one), with a result of another.
    pub fn is_native(self, argument: Option<Type>, result: Type) -> bool {
        let Some(argument) = argument else { return self == Self::Count && result == Type::BigInt };
        let is_whole = argument.whole_range().is_some();
        match self {
            Self::Count => result == Type::BigInt,
            Self::Min | Self::Max | Self::AnyValue | Self::LastNotNull => result == argument,
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
