//! Tree to automata.
//!
//! [`Automaton::new`] goes two steps. `nfa.rs` writes the tree as a Thompson NFA with `regex_automata`'s builder,
//! over an alphabet of variables: byte `k` stands for "the row was mapped to variable `k`". `positions.rs` takes
//! from it the *position automaton* (Glushkov, 1961; McNaughton and Yamada, 1960): one position for each place
//! where a variable stands, and for each the list of what may come next, in the order of preference. Matching
//! ([`crate::matcher`]) uses the position automaton only.
//!
//! Limits are checked before memory is spent: [`MAX_STATES`], [`MAX_FOLLOWERS`], [`MAX_CLOSURE_STEPS`].
//!
//! ```
//! use rowpattern_core::automaton::{ACCEPT, Automaton};
//! use rowpattern_core::pattern::parse;
//! let parsed = parse("A B*").unwrap();
//! let automaton = Automaton::new(&parsed.root, parsed.variables.len()).unwrap();
//! let position = |variable| automaton.positions.iter().position(|at| at.variable == variable).unwrap() as u32;
//! let (a, b) = (position(0), position(1));
//! // Behind A, another row of B is preferred to the match's end.
//! assert_eq!(automaton.followers(a), [b, ACCEPT]);
//! ```

mod layers;
mod nfa;
mod passed_over;
mod positions;

pub use nfa::{MAX_STATES, Position};
pub use positions::{ACCEPT, Automaton, MAX_CLOSURE_STEPS, MAX_FOLLOWERS};
