//! Random patterns, and rows in which their variables hold.
#![allow(dead_code, reason = "each test uses some of it")]

use std::ops::Range;

use proptest::prelude::*;
use rowpattern_core::budget::Budget;
use rowpattern_core::matcher::Compiled;
use rowpattern_core::rows::{Symbols, SymbolsBuilder};

/// So many cases of a test. Those that fail are printed, not kept in a file.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Variables of patterns that have few.
pub const FEW: [&str; 3] = ["A", "B", "C"];

/// Patterns over some variables, with every construct.
pub fn pattern(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        8 => prop::sample::select(names).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["()", "^", "$"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let quantifier = prop::sample::select(vec!["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0,2}?", "{3,}"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..5).prop_map(|parts| format!("({})", parts.join(" "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join("|"))),
            prop::collection::vec(inner.clone(), 2..3).prop_map(|parts| format!("PERMUTE({})", parts.join(","))),
            inner.clone().prop_map(|part| format!("{{- {part} -}}")),
            (inner, quantifier).prop_map(|(part, quantifier)| format!("({part}){quantifier}")),
        ]
    })
}

/// A pattern over [`FEW`], and as many rows as the range says; a bit of a row says that a variable holds there.
pub fn pattern_and_rows(rows: Range<usize>) -> impl Strategy<Value = (String, Vec<u8>)> {
    (pattern(&FEW), prop::collection::vec(0_u8..8, rows))
}

/// Rows as symbols: each variable holds where the bit of its letter is set.
pub fn symbols<M: Copy + Into<u16>>(compiled: &Compiled, rows: &[M]) -> Symbols {
    let budget = Budget::unlimited();
    let mut builder = SymbolsBuilder::new(compiled.variables.len(), rows.len(), &budget).unwrap();
    for (number, name) in compiled.variables.iter().enumerate() {
        let bit = name.as_bytes()[0] - b'A';
        builder.fill(number as u8, 0, rows.iter().map(|&row| row.into() >> bit & 1 == 1));
    }
    builder.finish(&budget).unwrap()
}
