//! Conditions that depend on the match: `B.price > A.price`, `C.price < AVG(B.price)`.
//!
//! A condition is an [`Expression`] over columns ([`ValueColumn`]), evaluated with SQL's three-valued logic for the last row of
//! the match so far ([`MatchSoFar`]: rows by set of variables, and aggregates, undone on the way back). Matching with them is
//! the business of [`crate::backtrack`].
//!
//! ```
//! use rowpattern_core::budget::Budget;
//! use rowpattern_core::condition::{Comparison, Expression, MatchSoFar, Surroundings, Value, ValueColumn};
//! use rowpattern_core::expression::NoAnswers;
//! use rowpattern_core::rows::At;
//!
//! // price > FIRST(price)
//! let current = At { set: None, first: false, offset: 0, rows: 0 };
//! let read = |at| Box::new(Expression::Read(0, at));
//! let rises = Expression::Compare(Comparison::Greater, read(current), read(At { first: true, ..current }));
//!
//! let columns = [ValueColumn::Float(vec![1.0, 3.0], Vec::new())];
//! let names = ["A".to_owned()];
//! let around = Surroundings { columns: &columns, names: &names, begin: 0, end: 2, number: 1, answers: &NoAnswers };
//! let mut so_far = MatchSoFar::new(&[], &[], &columns);
//! so_far.begin(0);
//! for _ in 0..2 {
//!     so_far.push(0, &Budget::unlimited()).unwrap();
//! }
//! assert_eq!(rises.evaluate(&so_far, around), Ok(Value::Bool(true)));
//! ```

mod expression;
mod match_so_far;
mod values;

pub use expression::{Arithmetic, Comparison, Expression, Given, Surroundings};
pub use match_so_far::{Aggregate, Function, MatchSoFar};
pub use values::{Value, ValueColumn};
