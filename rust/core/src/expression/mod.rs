//! Typed expressions over columns.
//!
//! Types and meanings are DuckDB's ([`Type`]). An [`Expression`] is a tree with the types that DuckDB's binder gave it. Each of its
//! functions has one definition, from which two loops come: one for the last row of the match so far ([`Condition`] with
//! [`MatchSoFar`]: rows by set of variables, and aggregates, undone on the way back), and one for batches of rows. What is not
//! computed here ([`is_native`]) is asked for ([`Request`]) by the search that needs it.
//!
//! ```
//! use rowpattern_core::budget::Budget;
//! use rowpattern_core::expression::{
//!     Condition, Expression, MatchSoFar, NoAnswers, RowContext, Scope, Surroundings, Type, ValueColumn,
//! };
//! use rowpattern_core::rows::At;
//!
//! // price > FIRST(price)
//! let current = At { set: None, first: false, offset: 0, rows: 0 };
//! let read = |at| Expression::read(Type::Double, 0, at);
//! let rises = Expression::call(Type::Boolean, ">", [read(current), read(At { first: true, ..current })]);
//! let scope = Scope { columns: &[Type::Double], sets: 0, aggregates: &[] };
//! let rises = Condition::new(rises, &scope).unwrap();
//!
//! let columns = [ValueColumn::from_iter([Some(1.0), Some(3.0)])];
//! let names = ["A".to_owned()];
//! let around = Surroundings { columns: &columns, names: &names, begin: 0, end: 2, number: 1, answers: &NoAnswers };
//! let mut so_far = MatchSoFar::new(&[], &[], &columns);
//! so_far.begin(0);
//! for _ in 0..2 {
//!     so_far.push(0, &Budget::unlimited()).unwrap();
//! }
//! assert_eq!(rises.evaluate(&RowContext::new(&so_far, &around)), Ok(Some(true)));
//! ```

mod accumulator;
mod aggregates;
mod average;
mod batch;
mod bitmap;
mod bits;
mod byte_symbols;
mod calendar_calls;
mod cast_calls;
mod columns;
mod comparison;
mod compile;
mod difference;
mod elements;
mod error;
mod evaluate;
mod fold;
pub mod functions;
mod ir;
mod junction;
mod logic;
mod match_so_far;
mod number_calls;
mod output;
mod registry;
mod request;
mod row_context;
mod row_symbols;
mod scalar;
mod seen_values;
mod sources;
mod text_calls;
mod text_column;
mod text_symbols;
mod types;
mod value;

pub use aggregates::{Aggregate, Function};
pub(crate) use batch::Vector;
pub use bitmap::Bitmap;
pub(crate) use bits::{Bits, Validity};
pub use byte_symbols::{ByteRows, keep_byte_conditions};
pub(crate) use columns::Stored;
pub use columns::{BoolColumn, FixedColumn, ValueColumn};
pub use compile::{Condition, ExpressionError, Scope};
pub use error::EvaluationError;
pub use evaluate::{ColumnTable, ColumnsError, RowProgram};
pub(crate) use fold::Fold;
pub use ir::{Expression, Given, NumberedRow, Operation};
pub use match_so_far::MatchSoFar;
pub(crate) use output::{Builder, Built};
pub use registry::is_native;
pub use request::{Answers, Argument, NoAnswers, Request};
pub use row_context::{RowContext, Surroundings};
pub(crate) use row_symbols::conditions_of_rows;
pub use row_symbols::{Before, RowCondition, SymbolsError, keep_conditions};
pub use text_column::{TextColumn, TextOffsets};
pub use text_symbols::{TextRows, keep_text_conditions};
pub use types::{Physical, Type};
pub use value::{Interval, Value};
