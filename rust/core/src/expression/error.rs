//! Why an expression has no value.

use std::fmt;

/// Why an expression has no value for some row: the kinds in which DuckDB reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvaluationError {
    /// The result does not fit into its type.
    Overflow,
    /// A division by zero where DuckDB does not answer NULL.
    DivisionByZero,
    /// An argument is outside the domain of the function.
    OutOfRange,
    /// A value cannot be cast to the type asked for.
    Conversion,
    /// The value is computed elsewhere and is not there yet; it has been asked for.
    Missing,
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Overflow => "a result does not fit into its type",
            Self::DivisionByZero => "a division by zero",
            Self::OutOfRange => "an argument is outside the domain of its function",
            Self::Conversion => "a value cannot be cast to the type asked for",
            Self::Missing => "a value that is computed elsewhere is not there yet",
        })
    }
}

impl std::error::Error for EvaluationError {}
