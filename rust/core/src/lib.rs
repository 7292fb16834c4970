//! Row patterns (SQL `MATCH_RECOGNIZE`): compiled to automata, matched in linear time, cached.
//!
//! A query goes through the modules in this order; each knows only those before it (a test checks that):
//!
//! | module | what comes in | what goes out |
//! | --- | --- | --- |
//! | [`pattern`] | the text inside `PATTERN (...)` | a tree and the list of variables |
//! | [`automaton`] | the tree | the position automaton |
//! | [`rows`] | conditions by row | symbols, partitions; the rules of skipping and navigation |
//! | [`order`] | columns of PARTITION BY and ORDER BY | the order of rows, and where partitions begin |
//! | [`expression`] | typed expressions over columns | their values: for the match so far, or in batches of rows |
//! | [`matcher`] | rows as symbols, the automaton | matches |
//! | [`backtrack`] | the same, and conditions that depend on the match | matches, by going back where a condition fails |
//! | [`incremental`] | rows in batches, one after another | matches, as soon as they are certain |
//! | [`measures`] | matches, columns | the columns of an answer |
//!
//! [`budget`] limits the time and the memory of all of it, [`memory`] has large buffers. [`admission`] says which of several queries
//! work, [`cancellation`] ends one, and [`account`] is what all work of one query shares. [`cache`] holds values of any type and
//! knows none of the others. The crate `rowpattern-python` binds all of it.
//!
//! ```
//! use rowpattern_core::matcher::Compiled;
//! let compiled = Compiled::new("START DOWN+ UP+").unwrap();
//! assert_eq!(compiled.variables, ["START", "DOWN", "UP"]);
//! assert!(Compiled::new("A (B").is_err());
//! ```

pub mod account;
pub mod admission;
pub mod automaton;
pub mod backtrack;
pub mod budget;
pub mod cache;
pub mod cancellation;
mod causes;
pub mod expression;
pub mod incremental;
pub mod matcher;
pub mod measures;
pub mod memory;
pub mod order;
pub mod pattern;
pub mod pipeline;
pub mod rows;
mod sync;
mod threads;
