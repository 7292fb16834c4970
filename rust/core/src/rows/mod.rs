//! Rows as the matcher reads them, and the rules of the standard about rows of a match.
//!
//! A row is a symbol: the set of variables whose conditions hold there ([`Symbols`], made by [`SymbolsBuilder`]). Rows are laid
//! out in [`Partitions`]. [`Skip`] says where the search goes on behind a match, [`At`] which row FIRST, LAST, PREV and
//! NEXT mean.
//!
//! ```
//! use rowpattern_core::budget::Budget;
//! use rowpattern_core::rows::{Partitions, SymbolsBuilder};
//! // Five rows; the condition of the first of two variables holds at the first row, that of the second wherever it is left out.
//! let budget = Budget::unlimited();
//! let mut builder = SymbolsBuilder::new(2, 5, &budget).unwrap();
//! builder.fill(0, 0, [true, false, false, false, false].into_iter());
//! builder.fill_all(1);
//! assert_eq!(builder.finish(&budget).unwrap().len(), 5);
//! assert_eq!(Partitions::from_counts(&[2, 3]).unwrap().bounds(1), (2, 5));
//! ```

mod choice;
mod latest_ends;
mod letters;
mod navigation;
mod partitions;
mod skip;
mod symbols;
mod variables;

pub use choice::{Choice, Prefer};
pub use latest_ends::{NearRows, OrderedKeys, latest_ends};
pub use navigation::{At, MappedRows, NOWHERE};
pub use partitions::{Partitions, Span};
pub use skip::{Skip, SkipError, SkipProblem, Target};
pub(crate) use symbols::Codes;
pub use symbols::{NARROW, Symbols, SymbolsBuilder, SymbolsPiece};
pub use variables::VariableSet;
