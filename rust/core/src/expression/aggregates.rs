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
    /// The variance of all values; NULL over nothing.
    VarPop,
    /// The variance of a sample; NULL over fewer than two values.
    VarSamp,
    /// The root of [`Self::VarPop`].
    StddevPop,
    /// The root of [`Self::VarSamp`].
    StddevSamp,
    /// The value of the first row with the least key, of those with a value and a key; NULL over nothing.
    ArgMin,
    /// The same, with the greatest key.
    ArgMax,
    /// Texts one after another, with a separator between two; NULL over nothing.
    StringAgg,
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
            "var_pop" => Self::VarPop,
            "var_samp" | "variance" => Self::VarSamp,
            "stddev_pop" => Self::StddevPop,
            "stddev_samp" | "stddev" => Self::StddevSamp,
            "arg_min" | "argmin" | "min_by" => Self::ArgMin,
            "arg_max" | "argmax" | "max_by" => Self::ArgMax,
            "string_agg" | "group_concat" | "listagg" => Self::StringAgg,
            _ => return None,
        })
    }

    /// Whether it takes a key beside its values.
    pub fn has_key(self) -> bool {
        matches!(self, Self::ArgMin | Self::ArgMax)
    }

    /// Whether it can take each value once (DISTINCT): its value must not depend on which of the rows comes first.
    pub fn takes_each_once(self, argument: Type) -> bool {
        match self {
            Self::Count => true,
            Self::Sum | Self::Avg => !matches!(argument, Type::Float | Type::Double),
            _ => false,
        }
    }

    /// Whether it is computed here over values of these types (rows without one), with a result of another. The second type is
    /// that of a key.
    pub fn is_native(self, arguments: &[Type], result: Type) -> bool {
        let (argument, key) = match *arguments {
            [] => return self == Self::Count && result == Type::BigInt,
            [argument] => (argument, None),
            [argument, key] => (argument, Some(key)),
            _ => return false,
        };
        if self.has_key() != key.is_some() {
            return false;
        }
        let is_whole = argument.whole_range().is_some();
        match self {
            Self::Count => result == Type::BigInt,
            Self::Min | Self::Max | Self::AnyValue | Self::LastNotNull => result == argument,
            // Of intervals that are equally long DuckDB chooses in a way of its own.
            Self::ArgMin | Self::ArgMax => result == argument && key != Some(Type::Interval),
            Self::VarPop | Self::VarSamp | Self::StddevPop | Self::StddevSamp => {
                matches!(argument, Type::Float | Type::Double) && result == Type::Double
            }
            Self::StringAgg => (argument, result) == (Type::Varchar, Type::Varchar),
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
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// What is computed.
    pub function: Function,
    /// Over which column; rows are counted without one.
    pub column: Option<usize>,
    /// The column of keys, where the function has one.
    pub key: Option<usize>,
    /// With DISTINCT, the column of numbers of its values, of which equal ones have the same.
    pub distinct: Option<usize>,
    /// What stands between two texts.
    pub separator: Option<Box<str>>,
    /// The type of the column's values.
    pub argument: Option<Type>,
    /// The variables; all without one.
    pub variables: Option<VariableSet>,
    /// The type of the value.
    pub result: Type,
}
