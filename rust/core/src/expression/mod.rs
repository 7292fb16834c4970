//! Typed expressions over columns.
//!
//! Types and meanings are DuckDB's ([`Type`]). What is not computed here is asked for ([`Request`]) by the search that needs it.

mod error;
pub mod functions;
mod request;
mod types;
mod value;

pub use error::EvaluationError;
pub use request::{Answers, Argument, NoAnswers, Request};
pub use types::{Physical, Type};
pub use value::{Interval, Value};
