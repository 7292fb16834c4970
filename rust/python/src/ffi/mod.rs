//! Memory that others own: Python buffers and Arrow's C interfaces, read and handed out. All `unsafe` code of the bindings
//! is in this folder.
//!
//! # What is trusted
//!
//! Data comes from strangers, through a producer (pyarrow, Polars, DuckDB, numpy, ...) that the owner of the process chose.
//! Arrow's C data interface hands over pointers without the sizes of what they point to, so some of what a producer says
//! cannot be checked by anybody:
//!
//! - that a pointer that is not NULL points to something: the structures, their children, format strings, buffers;
//! - that a buffer is as long as length, offset and type of its array require; for text, that the bytes reach to the last
//!   offset, and for views, that each buffer is as long as the producer's list of lengths says;
//! - that `children` and `buffers` have as many pointers as `n_children` and `n_buffers` say;
//! - that the callbacks (`release`, `get_next`, ...) are functions that keep the interface's rules.
//!
//! All else is checked before it is used, and refused with `RowsError`: structures released already, NULL where there
//! must be something, numbers that are negative, overflow or contradict each other or the type, unknown formats, names
//! that are not UTF-8, offsets, views, runs and dictionary keys out of range or order, text that is not UTF-8.
//! Sizes to allocate that follow from such numbers are tried, and give `MemoryError`.
//!
//! Of a buffer (PEP 3118) its shape, strides, item size and format are trusted, and that it stays where it is while
//! its view is held.

mod buffers;
mod capsules;
mod column;
pub mod exit;
mod import;
mod objects;
mod stream;
mod structures;

pub use buffers::{buffer_booleans, buffer_integers, buffer_numbers, buffer_texts};
pub use capsules::{Ignored, array_capsules, arrow_arrays, stream_capsule};
pub use column::{Column, Data};
pub use objects::{NO_TEXT, PlacedTexts, placed_texts};
