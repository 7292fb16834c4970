//! `PATTERN` text to tree.
//!
//! A row pattern is a regular expression over variables (ISO/IEC 19075-5, section 4.14). This module reads its
//! text and nothing else: [`parse`] gives a [`RowPattern`], or an error that says where the text is wrong.
//! It knows nothing of automata; see [`crate::automaton`] for what comes next.
//!
//! ```
//! let parsed = rowpattern_core::pattern::parse("start down+ \"Up\"{2,}").unwrap();
//! assert_eq!(parsed.variables, ["START", "DOWN", "Up"]);
//! ```

mod error;
mod lexer;
mod parser;
mod tree;

pub use error::{CompileError, LimitError, SyntaxError};
pub use parser::{MAX_NESTING, MAX_TEXT_BYTES, MAX_VARIABLES, RowPattern, parse};
pub use tree::{Anchor, Node};
