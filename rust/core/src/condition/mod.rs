//! Conditions that depend on the match: `B.price > A.price`, `C.price < AVG(B.price)`.
//!
//! An automaton cannot decide them, so the search goes back where it must. What is decidable without the match is
//! decided before: [`search`] runs the backward pass of [`crate::matcher`] with dependent conditions taken as true, and
//! tries only starts and branches that can still succeed.
//!
//! - [`column`]: values by row, of one of four kinds.
//! - [`program`]: a condition as a tree, and its evaluation with SQL's three-valued logic.
//! - [`state`]: what the match so far has mapped: rows by set of variables, and aggregates, undone on the way back.
//! - [`failures`]: branches known to fail, so that they are tried once.
//! - [`ambiguity`]: whether a branch can be come to twice at all.

mod ambiguity;
mod column;
mod failures;
mod program;
mod search;
mod state;

pub use column::{Column, Value};
pub use program::{Arithmetic, At, Comparison, EvaluationError, Node};
pub use search::{Conditions, DependentScan, SearchError};
pub use state::{Aggregate, Function};
