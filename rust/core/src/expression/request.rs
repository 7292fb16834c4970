//! Values that a search cannot compute by itself: it asks for them, and goes on when they are there.

use super::value::Value;

/// What an expression that is computed elsewhere is given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Argument {
    /// A row, of which the expression reads columns; None where navigation leads to none.
    Row(Option<usize>),
    /// Rows of the match so far, in order, which the expression aggregates.
    Rows(Box<[usize]>),
    /// A value that the search knows: a classifier, the match's number, an aggregate.
    Value(Value),
}

/// A value that is asked for: the same request always has the same answer within a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// The expression, by its number among those that are computed elsewhere.
    pub expression: usize,
    /// What it is given.
    pub arguments: Box<[Argument]>,
}

/// What has been computed elsewhere so far.
pub trait Answers {
    /// The value of a request; None where it has to be asked for, which the implementation notes.
    fn answer(&self, request: &Request) -> Option<&Value>;
}

/// Where nothing is computed elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAnswers;

impl Answers for NoAnswers {
    fn answer(&self, _: &Request) -> Option<&Value> {
        None
    }
}
