//! Fuzz targets of the core, each a plain function of bytes that panics where a promise is broken.
//!
//! - [`pattern_text`]: any text compiles or gives a typed error, within the limits.
//! - [`pattern_rows`]: the matches of a pattern in rows are those that the standard's rules of preferment give
//!   ([`reference`]), whichever pass finds them.
//! - [`conditions`]: the same where conditions depend on the match ([`evaluate`]); a search that is stopped stops.
//!
//! `tests/replay.rs` runs them on the stored corpus and on random bytes; the programs in `fuzz_targets/` give them to
//! libFuzzer (`make fuzz`).

mod conditions;
mod evaluate;
#[path = "../../rust/core/tests/support/found.rs"]
mod found;
mod generate;
mod pattern_rows;
mod pattern_text;
mod reference;

pub use conditions::conditions;
pub use pattern_rows::pattern_rows;
pub use pattern_text::pattern_text;

/// A target.
pub type Target = fn(&[u8]);

/// All targets by name; each name is a folder of `corpus/` and a program in `fuzz_targets/`.
pub const TARGETS: [(&str, Target); 3] =
    [("pattern_text", pattern_text), ("pattern_rows", pattern_rows), ("conditions", conditions)];
