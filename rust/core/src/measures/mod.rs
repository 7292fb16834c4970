//! From matches to the columns of an answer: what measures read, taken in threads.
//!
//! [`MatchItems`] are what gets measures: matches, or rows. [`read_items`] goes through them in blocks that fit into the processor's
//! caches. For each [`Reference`] (a row that FIRST, LAST, PREV and NEXT mean, a classifier, a count) a block has numbers, and
//! values are taken at these rows straight into the columns of the answer ([`TakenColumn`]); so nothing is kept for each item but
//! the answer.
//!
//! ```
//! use rowpattern_core::budget::Budget;
//! use rowpattern_core::measures::{
//!     ChunkValues, ChunkedColumn, ColumnChunk, FoundMatches, MatchItems, Navigation, OrderedRows, ReadOutput, PartitionRows, ItemRead,
//!     Reference, ShownItems, TakenValues, read_items,
//! };
//! use rowpattern_core::rows::VariableSet;
//!
//! // Two matches, of the rows 0 to 2 and of the row 4, whose variables are A B B and A.
//! let found = FoundMatches {
//!     starts: &[0, 4],
//!     ends: &[3, 5],
//!     variables: &[0, 1, 1, 0],
//!     excluded: &[],
//!     partitions: &[(0, 2)],
//!     first_numbers: &[],
//!     first_variables: VariableSet::of(0),
//!     last_variables: [0, 1].into_iter().collect(),
//! };
//! let budget = Budget::unlimited();
//! let items = MatchItems::new(&found, ShownItems::Matches, 6, &budget, &mut || Ok(())).unwrap();
//! let values = ChunkValues::W8(&[10, 11, 12, 13, 14, 15]);
//! let column = ChunkedColumn::new(vec![ColumnChunk { rows: 6, valid: None, values }]);
//! let last_b = Navigation { variables: Some(VariableSet::of(1)), first: false, offset: 0, rows: 0, running: false };
//! let reads = [ItemRead { reference: Reference::Row(last_b), through_order: false, output: ReadOutput::Values(&column) }];
//! let rows = OrderedRows { partitions: PartitionRows { starts: &[0], rows: 6 }, order: None };
//! let read = read_items(&found, &items, &rows, &reads, 1, &budget, &mut || Ok(())).unwrap();
//! let TakenValues::W8(values) = &read[0].values else { panic!() };
//! assert_eq!(values[0], 12);
//! assert!(!read[0].valid.as_ref().unwrap().get(1));
//! ```

mod aggregate;
mod block;
mod block_rows;
mod columns;
mod found;
mod growing;
mod items;
mod mapped;
mod navigation;
mod read;
mod reference;
mod taken;
mod takers;
mod texts;

pub use aggregate::{ItemAggregate, aggregate_items};
pub use columns::{ChunkValues, ChunkedColumn, ColumnChunk};
pub use found::FoundMatches;
pub use growing::GrowingColumns;
pub use items::{MatchItems, ShownItems};
pub use navigation::{Navigation, PartitionRows};
pub use read::{ItemRead, OrderedRows, RowNumbers, read_items};
pub use reference::Reference;
pub use taken::{ReadOutput, TakenColumn, TakenValues};
pub use texts::TextPiece;
