//! Row patterns (SQL `MATCH_RECOGNIZE`): compiled to automata, cached, and matched in linear time.
//!
//! A query goes through the modules in this order, and each knows only those before it:
//! [`pattern`] reads the text, [`automaton`] compiles the tree, [`matcher`] finds matches in rows,
//! [`condition`] where conditions depend on the match.
//! [`cache`] holds what they make and knows none of them. The crate `rowpattern-python` binds all of it.

pub mod automaton;
pub mod cache;
pub mod condition;
pub mod matcher;
pub mod memory;
pub mod pattern;
mod sync;
