//! Continuous matching: rows come in batches, and matches leave as soon as they are certain.
//!
//! A match is certain when it is in the answer over all rows so far and any rows that may follow. [`StreamPartitions`] keeps for each
//! partition one search, an ordered depth-first one, that waits where it needs a row that has not come. Its path is the most preferred
//! way that may still succeed: so rows are kept from the head on, the first row at which it is not decided whether a match begins,
//! and a match is certain as soon as the search reaches Accept. Every skip mode goes on from there.
//!
//! What rows alone decide is a symbol for each row, as in [`crate::matcher`]; conditions that read the match so far are evaluated by
//! the search, as in [`crate::backtrack`]. `NEXT` in a condition makes it unknown for the last rows; a length (WITHIN) makes all rows
//! to come too late, once time is past it.
//!
//! ```
//! use rowpattern_core::budget::Budget;
//! use rowpattern_core::incremental::{LiveAutomaton, RowFacts, RowLimits, StreamPartitions, StreamRules};
//! use rowpattern_core::matcher::Compiled;
//! use rowpattern_core::rows::{Skip, Symbols};
//!
//! let compiled = Compiled::new("A B+").unwrap();
//! let rules = StreamRules::new(LiveAutomaton::new(&compiled.automaton), 2, Skip::PastLastRow);
//! let mut stream = StreamPartitions::new(rules);
//! let budget = Budget::unlimited();
//! let mut ends = Vec::new();
//! // A B, then B A: only then is it certain where the first match ends.
//! for (labels, next_reference) in [([0, 1], 0), ([1, 0], 2)] {
//!     let symbols = Symbols::from_labels(2, &[Some(0), Some(1)], &labels, |&label| label, &budget).unwrap();
//!     stream.begin();
//!     stream.place(2, None, RowLimits::default(), &budget, &mut || Ok(())).unwrap();
//!     stream.take(&RowFacts { symbols: &symbols, limits: RowLimits::default() }, next_reference);
//!     stream.advance(None, 1, &budget, &mut || Ok(())).unwrap();
//!     ends.push(stream.decided().references);
//!     stream.keep();
//! }
//! assert_eq!(ends, [vec![], vec![0, 1, 2]]);
//! ```

mod advance;
mod decided;
mod decided_match;
mod decision;
mod failed_ways;
mod kept_columns;
mod kept_rows;
mod key_entry;
mod live;
mod moments;
mod new_rows;
mod partition;
mod partition_table;
mod positions;
mod rounds;
mod row_limits;
mod rules;
mod search;
mod stored;
mod stream_partitions;
mod timers;

pub use advance::DependentConditions;
pub use decided::DecidedMatches;
pub use live::LiveAutomaton;
pub use new_rows::{ReadAgain, RowFacts};
pub use row_limits::RowLimits;
pub use rules::{ConditionAhead, MeasureAhead, StreamRules, ValueAhead};
pub use stored::StoredPartition;
pub use stream_partitions::{OpenCounts, OpenMatch, StreamPartitions};
