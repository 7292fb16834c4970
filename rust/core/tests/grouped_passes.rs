//! What passes over groups of rows find is what passes over single rows find, whatever the tables have room for.

#[path = "support/found.rs"]
mod found;
#[path = "support/random_patterns.rs"]
mod random_patterns;

use found::Found;
use proptest::prelude::*;
use random_patterns::{FEW, cases, pattern, symbols};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::matcher::{
    Compiled, Context, Count, ForwardPass, Morsel, Scan, SearchError, Sink, Tables, cut_into_morsels, run_transducer,
};
use rowpattern_core::rows::{Partitions, Skip, Symbols, VariableSet};

/// More than fit into a byte.
const MANY: [&str; 12] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];

/// Partitions of any sizes, which together have so many rows.
fn partitions(sizes: &[usize], rows: usize) -> Partitions {
    let mut left = rows;
    let mut counts: Vec<usize> = sizes
        .iter()
        .map(|&size| {
            let count = size.min(left);
            left -= count;
            count
        })
        .collect();
    counts.push(left);
    Partitions::from_counts(&counts).unwrap()
}

/// What is found, and why the search ended.
type Ended = (Found, Option<SearchError>);

fn with_tables(
    compiled: &Compiled,
    symbols: &mut Symbols,
    (bytes, rows_a_group): (usize, usize),
    search: impl Fn(&mut Context<'_>, &mut Found) -> Result<(), SearchError>,
) -> Ended {
    let budget = Budget::unlimited();
    let mut tick = || Ok::<(), Stopped>(());
    let mut tables = Tables::with_limits(&compiled.automaton, bytes, rows_a_group);
    tables.adopt(symbols);
    let mut context = Context::new(compiled, symbols, &mut tables, &budget, &mut tick);
    let mut found = Found::default();
    let error = search(&mut context, &mut found).err();
    let again = {
        // Tables that are filled find the same.
        let mut again = Found::default();
        let error = search(&mut context, &mut again).err();
        (again, error)
    };
    assert_eq!((&found, &error), (&again.0, &again.1));
    assert_eq!(budget.charged_bytes(), 0);
    (found, error)
}

fn transduced(
    partitions: &Partitions,
    morsels: usize,
) -> impl Fn(&mut Context<'_>, &mut Found) -> Result<(), SearchError> {
    move |context, found| {
        let morsels = match morsels {
            1 => vec![Morsel::whole(partitions)],
            count => cut_into_morsels(context, partitions, count, true)?,
        };
        for morsel in &morsels {
            let mut part = Found::default();
            run_transducer(context, partitions, morsel, &mut part)?;
            found.join(part, context.budget, &mut || Ok(()))?;
        }
        Ok(())
    }
}

fn scanned(partitions: &Partitions, skip: Skip) -> impl Fn(&mut Context<'_>, &mut Found) -> Result<(), SearchError> {
    move |context, found| {
        let mut scan = Scan::new(ForwardPass::new::<Found>(skip));
        let ended = scan.run(context, partitions, found, usize::MAX).map(drop);
        scan.release(context);
        ended
    }
}

/// Single rows and room enough; the answers of these are what `passes.rs`, and in Python a search by brute force, look at.
const PLAIN: (usize, usize) = (64 << 20, 1);

fn agree(
    text: &str,
    rows: &[u16],
    sizes: &[usize],
    limits: (usize, usize),
    morsels: usize,
    skip_variable: usize,
) -> Result<(), TestCaseError> {
    let compiled = Compiled::new(text).unwrap();
    let mut symbols = symbols(&compiled, rows);
    let partitions = partitions(sizes, rows.len());
    let plain = with_tables(&compiled, &mut symbols, PLAIN, scanned(&partitions, Skip::PastLastRow));
    for limits in [limits, PLAIN] {
        let grouped = with_tables(&compiled, &mut symbols, limits, transduced(&partitions, 1));
        prop_assert_eq!(&grouped, &plain);
        let cut = with_tables(&compiled, &mut symbols, limits, transduced(&partitions, morsels));
        prop_assert_eq!(&cut, &plain);
    }
    let grouped = with_tables(&compiled, &mut symbols, limits, scanned(&partitions, Skip::PastLastRow));
    prop_assert_eq!(&grouped, &plain);
    if rows.len() > 1000 {
        // All rows of overlapping matches may be too many.
        return Ok(());
    }
    let variable = VariableSet::of((skip_variable % compiled.variables.len().max(1)) as u8);
    for skip in [Skip::ToNextRow, Skip::ToFirst(variable), Skip::ToLast(variable)] {
        let plain = with_tables(&compiled, &mut symbols, PLAIN, scanned(&partitions, skip));
        let grouped = with_tables(&compiled, &mut symbols, limits, scanned(&partitions, skip));
        prop_assert_eq!(&grouped, &plain);
        let count = with_tables(&compiled, &mut symbols, limits, |context, found| {
            let mut count = Count::default();
            let mut scan = Scan::new(ForwardPass::new::<Count>(skip));
            let ended = scan.run(context, &partitions, &mut count, usize::MAX).map(drop);
            scan.release(context);
            // Only their number is compared.
            found.starts = vec![0; count.0];
            ended
        });
        prop_assert_eq!((count.0.starts.len(), count.1), (plain.0.starts.len(), plain.1));
    }
    Ok(())
}

/// How many bytes tables may have, and how many rows a group at most.
fn limits() -> impl Strategy<Value = (usize, usize)> {
    let bytes = prop_oneof![3 => Just(64_usize << 20), 2 => 0_usize..20_000, 1 => 4_000_usize..8_000];
    (bytes, prop::sample::select(vec![4_usize, 4, 2, 1]))
}

proptest! {
    #![proptest_config(cases(2500))]

    #[test]
    fn groups_find_what_rows_find(
        text in pattern(&FEW),
        rows in prop::collection::vec(0_u16..8, 0..70),
        repeat in prop_oneof![6 => Just(1_usize), 1 => Just(90)],
        sizes in prop_oneof![
            prop::collection::vec(0_usize..9, 0..12),
            prop::collection::vec(0_usize..3000, 0..4),
        ],
        limits in limits(),
        morsels in 1_usize..6,
        skip in 0_usize..3,
    ) {
        agree(&text, &rows.repeat(repeat), &sizes, limits, morsels, skip)?;
    }

    /// Rows at each of which one variable holds, or none: three to thirteen classes.
    #[test]
    fn groups_find_what_rows_find_of_many_variables(
        text in pattern(&MANY),
        letters in prop::collection::vec(0_u32..14, 0..70),
        sizes in prop::collection::vec(0_usize..30, 0..8),
        limits in limits(),
        morsels in 1_usize..4,
        skip in 0_usize..3,
    ) {
        let rows: Vec<u16> = letters.iter().map(|&letter| if letter < 12 { 1 << letter } else { 0 }).collect();
        agree(&text, &rows, &sizes, limits, morsels, skip)?;
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// More than 16 classes, and more than 256 distinct symbols.
    #[test]
    fn groups_find_what_rows_find_where_all_rows_differ(
        seed in any::<u64>(),
        text in pattern(&MANY),
        limits in limits(),
        mask in prop::sample::select(vec![31_u16, 127, 4095]),
    ) {
        let all = MANY.join("?");
        let text = format!("{text}|{all} A B");
        let mut state = seed | 1;
        let rows: Vec<u16> = (0..1500)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 48) as u16 & mask
            })
            .collect();
        agree(&text, &rows, &[7, 0, 400], limits, 3, 0)?;
    }
}

/// Whether a row ends a match depends on many rows behind it, so there are as many sets.
#[test]
fn tables_that_are_cleared_again_and_again_find_the_same() {
    let mut state = 7_u64;
    let rows: Vec<u16> = (0..30_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            1 << (state >> 63)
        })
        .collect();
    for text in ["(A|B)* A (A|B){12}", "A (A|B){9} B", "(A{1,30} B)+ A{3}"] {
        for bytes in [0, 10_000, 200_000] {
            agree(text, &rows, &[10_001, 0, 3], (bytes, 4), 4, 1).unwrap();
        }
    }
}
