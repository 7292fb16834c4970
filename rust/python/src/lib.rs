//! The Python module `rowpattern._core`: a table of contents. One file a class, named alike.

#![expect(clippy::doc_markdown, reason = "docstrings are read in Python, where back quotes mean nothing")]

mod answer_items;
mod arguments;
mod arrow;
mod booleans;
mod cache;
mod cache_entries;
mod cache_key;
mod cache_limits;
mod cancel_argument;
mod cancel_token;
mod checking;
mod choice;
mod compile;
mod computed_column;
mod computed_table;
mod computing;
mod conditions;
mod counted;
mod decoder;
mod errors;
mod evaluation;
mod few_columns;
mod few_rows;
mod ffi;
mod followed;
mod hooks;
mod input;
mod item_reads;
mod iterator;
mod key_columns;
mod keys;
mod labels;
mod limits;
mod manual_clock;
mod matches;
mod near_rows;
mod nodes;
mod numbers;
mod open_partitions;
mod order;
mod panics;
mod pattern;
mod pattern_methods;
mod pickling;
mod pipeline;
mod placed_texts;
mod process_cache;
mod query_run;
mod readers;
mod reduced;
mod reweighing;
mod row_symbols;
mod rows;
mod signals;
mod sinks;
mod taken_columns;
mod typed_columns;
mod views;
mod weight;

use pyo3::prelude::*;
use rowpattern_core::memory::RestingAllocator;

/// Large buffers rest between queries.
#[global_allocator]
static ALLOCATOR: RestingAllocator = RestingAllocator;

/// The compiled half of rowpattern; import from `rowpattern` instead.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::answer_items::AnswerItems;
    #[pymodule_export]
    use super::cache::PatternCache;
    #[pymodule_export]
    use super::cache_key::get_cache_key;
    #[pymodule_export]
    use super::cancel_token::CancelToken;
    #[pymodule_export]
    use super::checking::check_column;
    #[pymodule_export]
    use super::choice::latest_ends;
    #[pymodule_export]
    use super::compile::compile;
    #[pymodule_export]
    use super::computed_column::ComputedColumn;
    #[pymodule_export]
    use super::computed_table::ComputedTable;
    #[pymodule_export]
    use super::conditions::{Conditions, is_native};
    #[pymodule_export]
    use super::evaluation::evaluate;
    #[pymodule_export]
    use super::few_rows::FewRows;
    #[pymodule_export]
    use super::ffi::Column;
    #[pymodule_export]
    use super::ffi::exit::{close_streams, forget_streams, keep_aborting_threads};
    #[pymodule_export]
    use super::hooks::connect;
    #[pymodule_export]
    use super::iterator::{Match, MatchIterator};
    #[pymodule_export]
    use super::manual_clock::ManualClock;
    #[pymodule_export]
    use super::matches::{MatchedRows, Matches, Spans};
    #[pymodule_export]
    use super::near_rows::GivenNearRows;
    #[pymodule_export]
    use super::open_partitions::OpenPartitions;
    #[pymodule_export]
    use super::order::order;
    #[cfg(feature = "panics-for-tests")]
    #[pymodule_export]
    use super::panics::for_tests::ask;
    #[pymodule_export]
    use super::pattern::Pattern;
    #[pymodule_export]
    use super::pickling::{restore_column, restore_match, restore_matches, restore_spans};
    #[pymodule_export]
    use super::pipeline::pipeline;
    #[pymodule_export]
    use super::placed_texts::placed_texts;

    /// The version of the package, which Cargo.toml alone says.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "named as Python names it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
    #[pymodule_export]
    use super::followed::Followed;
    #[pymodule_export]
    use super::process_cache::{cache_pattern, get_cached_pattern, process_cache};
    #[pymodule_export]
    use super::query_run::{QueryRun, forget_queries, query_figures, set_query_limits};
    #[pymodule_export]
    use super::row_symbols::RowSymbols;
    #[pymodule_export]
    use super::weight::known_weight;
}
