//! Rows and position automaton to matches, in time linear in the rows.
//!
//! Matching goes over each partition twice, as greedy regular expression matching does (Frisch and Cardelli, 2004); see
//! `docs/ARCHITECTURE.md` for the argument:
//!
//! - **backward** ([`BackwardPass`]): from the last row to the first, the set of positions that can consume the row
//!   and still reach Accept. The sets are few; they are numbered, and the step from one to the next is a table
//!   that fills as rows need it ([`Tables`]).
//! - **forward** ([`ForwardPass`]): at each start the most preferred position that is in the row's set, then follower by
//!   follower. No step is ever taken back. The transducer pass is the same for matches that do not overlap, without branches.
//!
//! Where matches must end by some row or are to be the longest, [`ChosenPass`] takes the place of the forward pass.
//!
//! A [`Scan`] goes through partitions and starts, whatever [`Strategy`] finds the match at a row, and hands what is found to a
//! [`Sink`]. A [`Search`] does that for all rows, cut into [`Morsel`]s for several threads. [`Compiled`] is what is cached and
//! shared.
//!
//! ```
//! use rowpattern_core::budget::Budget;
//! use rowpattern_core::matcher::{Compiled, Search};
//! use rowpattern_core::rows::{Partitions, Skip, SymbolsBuilder};
//!
//! let compiled = Compiled::new("A B+").unwrap();
//! let budget = Budget::unlimited();
//! let mut builder = SymbolsBuilder::new(2, 6, &budget).unwrap();
//! let labels = "ABBXAB";
//! for (variable, letter) in (0..).zip(['A', 'B']) {
//!     builder.fill(variable, 0, labels.chars().map(|label| label == letter));
//! }
//! let mut symbols = builder.finish(&budget).unwrap();
//! let partitions = Partitions::one(6);
//! let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
//! let ended = search.count(Skip::PastLastRow, &mut || Ok(()));
//! assert_eq!((ended.found, ended.error), (2, None));
//! // Filled tables make the next search faster.
//! compiled.give_back_all(ended.tables);
//! ```

mod backward;
mod chosen;
mod collected;
mod compiled;
mod context;
mod cut;
mod end_variables;
mod ends;
mod error;
mod forward;
mod group_symbols;
mod groups;
mod memo;
mod morsels;
mod output;
mod scan;
mod scratch;
mod search;
mod sets;
mod sink;
mod strategy;
mod tables;
mod transducer;
mod transitions;
mod window;

pub use backward::BackwardPass;
pub use chosen::ChosenPass;
pub use compiled::{Compiled, number_of};
pub use context::{Context, SinceLook};
pub use cut::{cut_around, cut_into_morsels, set_of_row};
pub use end_variables::EndVariables;
pub use error::SearchError;
pub use forward::ForwardPass;
pub use memo::Ending;
pub use morsels::{Morsel, StateBefore};
pub use output::{FreeRows, Output};
pub use scan::{Scan, ScanPlace};
pub use search::{Ended, Search};
pub use sink::{Block, Count, Sink};
pub use strategy::{Attempt, Candidate, MatchResult, Strategy};
pub use tables::Tables;
pub use transducer::{run as run_transducer, serves as transducer_serves};
