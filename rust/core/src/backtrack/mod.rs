//! Matching with conditions that depend on the match: in the order of preferment, going back where a condition fails.
//!
//! An automaton cannot decide such conditions. What is decidable without the match is decided before: the backward pass of
//! [`crate::matcher`] takes dependent conditions as true, and only starts and branches that can still succeed are tried. A
//! branch that agrees with one known to fail in all that conditions can still read is not tried again. Use
//! [`crate::matcher::ForwardPass`], which never goes back, where rows alone decide.
//!
//! ```
//! use rowpattern_core::backtrack::{Backtracking, MatchConditions};
//! use rowpattern_core::budget::Budget;
//! use rowpattern_core::expression::{Condition, Expression, Scope, Type, ValueColumn};
//! use rowpattern_core::matcher::{Compiled, Count, Search};
//! use rowpattern_core::rows::{At, Partitions, Skip, SymbolsBuilder};
//!
//! // A B+ where B is above A: B.price > FIRST(price).
//! let compiled = Compiled::new("A B+").unwrap();
//! let current = At { set: None, first: false, offset: 0, rows: 0 };
//! let read = |at| Expression::read(Type::Double, 0, at);
//! let above = Expression::call(Type::Boolean, ">", [read(current), read(At { first: true, ..current })]);
//! let scope = Scope { columns: &[Type::Double], sets: 0, aggregates: &[] };
//! let conditions = MatchConditions {
//!     columns: vec![ValueColumn::from_iter([5.0, 6.0, 7.0, 4.0, 3.0].map(Some))],
//!     conditions: vec![None, Some(Condition::new(above, &scope).unwrap())],
//!     ..MatchConditions::default()
//! };
//!
//! let budget = Budget::unlimited();
//! let mut builder = SymbolsBuilder::new(2, 5, &budget).unwrap();
//! (0..2).for_each(|variable| builder.fill_all(variable));
//! let mut symbols = builder.finish(&budget).unwrap();
//! let partitions = Partitions::one(5);
//! let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
//! let strategy = || Backtracking::new(&conditions, &compiled.variables, Skip::PastLastRow);
//! let ended = search.run_with(strategy, |_, _| Count::default(), &mut || Ok(()));
//! assert_eq!((ended.found, ended.error), (Count(1), None));
//! ```

mod ambiguity;
mod answers;
mod asked;
mod backtracking;
mod failures;
mod follows;
mod look_ahead;
mod round_threads;
mod rounds;
mod start_conditions;

pub use answers::{PartitionAnswers, Purpose, Used};
pub use asked::{ArgumentColumn, Asked};
pub use backtracking::{Backtracking, FAILURES_BEFORE_NOTES, MatchConditions};
pub(crate) use failures::{Failures, Reach};
pub(crate) use follows::Follows;
pub(crate) use look_ahead::{LastGuess, LookAhead, Wanted};
pub use round_threads::search_in_rounds;
pub use rounds::{Asking, Compute, REQUESTS_A_ROUND};
pub(crate) use rounds::{MOST_LISTED, RequestBatch};
pub use start_conditions::StartConditions;
