//! Scalar functions over single values: one definition each, meaning what DuckDB means.
//!
//! Values are in their physical form ([`super::Physical`]): decimals in units, dates in days, times and timestamps in the
//! units of their type. They are neither columns nor NULL: whoever calls them answers NULL for NULL. A result is a plain
//! value where every argument has one, `Option` where DuckDB answers NULL, `Result` where DuckDB raises an error.
//! What `rust/core/tests/data/expression/` holds was answered by DuckDB, and is compared with each of them.

pub mod calendar;
pub mod cast;
pub mod date_diff;
pub mod date_part;
pub mod date_trunc;
pub mod decimal;
pub mod float;
pub mod interval;
pub mod pattern;
pub mod text;
pub mod whole;
