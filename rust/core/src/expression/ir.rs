//! Expressions as trees, with the types that `DuckDB`'s binder gave them.

use std::sync::Arc;

use super::columns::ValueColumn;
use super::types::Type;
use super::value::Value;
use crate::rows::At;

/// An expression and the type of its values.
#[derive(Debug, Clone)]
pub struct Expression {
    /// The type of its values.
    pub result: Type,
    /// What it computes.
    pub operation: Operation,
}

/// What an expression computes.
#[derive(Debug, Clone)]
pub enum Operation {
    /// A value.
    Literal(Value),
    /// A column's value at a row; NULL where there is no such row.
    Read(usize, At),
    /// Whether there is such a row.
    Exists(At),
    /// `CLASSIFIER()` of a row; NULL where the match has no such row.
    Classifier(At),
    /// `MATCH_NUMBER()`.
    MatchNumber,
    /// An aggregate over the match so far, by its number among the aggregates.
    Aggregate(usize),
    /// A function, an operator or a part of the language by its name.
    Call(Box<str>, Vec<Expression>),
    /// An expression that is computed elsewhere, by its number there, and what it is given.
    Computed(usize, Vec<Given>),
    /// An expression of rows that was computed elsewhere for each combination of what the rows may have.
    Combined(Arc<ValueColumn<'static>>, Vec<NumberedRow>),
}

/// A row of a combination. Combinations are numbered by the numbers of their rows, of which the last one changes first.
#[derive(Debug, Clone, Copy)]
pub struct NumberedRow {
    /// Which row.
    pub at: At,
    /// The column with the number of what each row has, from 0 on.
    pub column: usize,
    /// How many numbers there are. The last one is that of no row.
    pub count: usize,
}

/// What an expression that is computed elsewhere is given.
#[derive(Debug, Clone)]
pub enum Given {
    /// A row.
    Row(At),
    /// The rows of the match so far that are mapped to a set of variables, by its number; all of them without one.
    Rows(Option<usize>),
    /// The value of an expression.
    Value(Expression),
}

impl Expression {
    /// A value of a type.
    pub fn literal(result: Type, value: Value) -> Self {
        Self { result, operation: Operation::Literal(value) }
    }

    /// A column's value at a row.
    pub fn read(result: Type, column: usize, at: At) -> Self {
        Self { result, operation: Operation::Read(column, at) }
    }

    /// A function of other expressions.
    pub fn call(result: Type, name: &str, arguments: impl Into<Vec<Self>>) -> Self {
        Self { result, operation: Operation::Call(name.into(), arguments.into()) }
    }

    /// Calls with the expressions that it is made of.
    pub fn for_each_part<'e>(&'e self, mut call: impl FnMut(&'e Self)) {
        match &self.operation {
            Operation::Call(_, arguments) => arguments.iter().for_each(call),
            Operation::Computed(_, given) => given.iter().for_each(|given| {
                if let Given::Value(expression) = given {
                    call(expression);
                }
            }),
            _ => {}
        }
    }

    /// How many expressions it has, itself and all below.
    pub fn size(&self) -> usize {
        let mut size = 1;
        self.for_each_part(|part| size += part.size());
        size
    }
}
