//! Rows and position automaton to matches, in time linear in the rows.
//!
//! Matching goes over each partition twice (see `docs/ARCHITECTURE.md` for the argument):
//!
//! - **backward** ([`viability`]): from the last row to the first, the set of positions that can consume the row
//!   and still reach Accept. The sets are few; they are numbered, and the step from one to the next is a table
//!   that fills as rows need it ([`tables`]).
//! - **forward** ([`scan`]): at each start the most preferred position that is in the row's set, then follower by
//!   follower. No step is ever taken back. [`bulk`] is the same for matches that do not overlap, without branches.
//!
//! [`shares`] cuts rows where they can be matched apart, and [`find`] matches the pieces in several [`threads`].
//!
//! [`navigate`] answers which rows of the matches FIRST and LAST mean.
//!
//! [`symbols`] holds the rows, [`compiled`] the unit that is cached and shared by threads. [`budget`] limits the time and
//! the memory of all of it.

mod budget;
mod bulk;
mod compiled;
mod find;
mod memo;
mod navigate;
mod scan;
mod shares;
mod skip;
mod symbols;
mod tables;
mod threads;
mod viability;

pub use budget::{Budget, Stopped};
pub use bulk::{BulkSink, Start, run as run_bulk, serves as bulk_serves};
pub use compiled::{Compiled, SharedTables, number_of};
pub use find::{Ended, Joined, Search, append};
pub use navigate::{NOWHERE, Navigation};
pub use scan::{Count, Partitions, Scan, ScanError, Sink, Span};
pub use shares::{Share, shares};
pub use skip::{Skip, SkipError, SkipProblem, Target as SkipTarget};
pub use symbols::{Symbols, SymbolsBuilder, VariableSet};
pub use tables::Tables;
pub use threads::Tick;
pub use viability::{Context, Viability};

/// The most rows between two looks at the limits: some tenths of a millisecond's work where the tables are filled, some tens
/// of milliseconds where each row fills an item. Patterns with many followers look more often ([`Tables::rows_a_look`]).
pub const ROWS_A_LOOK: usize = 1 << 16;
