//! Rows as symbols, from a mask for each row.

use rowpattern_core::budget::Budget;
use rowpattern_core::rows::{Symbols, SymbolsBuilder};

/// Makes rows of which bit `v` of a row's mask says whether the condition of variable `v` holds there.
pub fn symbols_of<M: Copy + Into<u16>>(masks: &[M], variables: usize) -> Symbols {
    let budget = Budget::unlimited();
    let mut builder = SymbolsBuilder::new(variables, masks.len(), &budget).unwrap();
    for variable in 0..variables {
        builder.fill(variable as u8, 0, masks.iter().map(|&mask| mask.into() >> variable & 1 == 1));
    }
    builder.finish(&budget).unwrap()
}
