//! The two forward passes find the same matches, and pausing changes nothing.

#[path = "support/found.rs"]
mod found;

use found::Found;
use proptest::prelude::*;
use rowpattern::matcher::{
    Budget, Compiled, Context, Joined, Partitions, Scan, Search, Share, Skip, Stopped, Symbols, SymbolsBuilder,
    bulk_serves, run_bulk, shares,
};

fn pattern() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        8 => prop::sample::select(vec!["A", "B", "C"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["()", "^", "$"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        let quantifier = prop::sample::select(vec!["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0,2}?"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join("|"))),
            prop::collection::vec(inner.clone(), 2..3).prop_map(|parts| format!("PERMUTE({})", parts.join(","))),
            (inner, quantifier).prop_map(|(part, quantifier)| format!("({part}){quantifier}")),
        ]
    })
}

fn symbols(compiled: &Compiled, rows: &[u8]) -> Symbols {
    let budget = Budget::unlimited();
    let mut builder = SymbolsBuilder::new(compiled.variables.len(), rows.len(), &budget).unwrap();
    for (number, name) in compiled.variables.iter().enumerate() {
        let bit = name.as_bytes()[0] - b'A';
        builder.fill(number as u8, 0, rows.iter().map(|row| row >> bit & 1 == 1));
    }
    builder.finish(&budget).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn forward_passes_agree(
        text in pattern(),
        rows in prop::collection::vec(0_u8..8, 0..40),
        repeat in prop_oneof![4 => Just(1_usize), 1 => Just(300)],
        cut in 0.0..1.0_f64,
    ) {
        // Long inputs go through grouped steps and several blocks.
        let rows = rows.repeat(repeat);
        let compiled = Compiled::new(&text).unwrap();
        let mut symbols = symbols(&compiled, &rows);
        let middle = (rows.len() as f64 * cut) as usize;
        let partitions = Partitions::from_counts(&[middle, 0, rows.len() - middle]).unwrap();
        let mut tables = compiled.take_tables();
        tables.adopt(&mut symbols);
        let budget = Budget::unlimited();
        let tick = || Ok::<(), Stopped>(());
        let mut context =
            Context { automaton: &compiled.automaton, symbols: &symbols, tables: &mut tables, budget: &budget, tick: &mut tick.clone() };

        prop_assert!(bulk_serves(context.automaton, Skip::PastLastRow));
        let mut bulk = Found::default();
        run_bulk(&mut context, &partitions, &Share::whole(&partitions), &mut bulk).unwrap();
        let mut scanned = Found::default();
        prop_assert_eq!(Scan::new(Skip::PastLastRow).run(&mut context, &partitions, &mut scanned), Ok(false));
        prop_assert_eq!(&scanned, &bulk);

        let mut paused = Found { pause: true, ..Found::default() };
        let mut scan = Scan::new(Skip::PastLastRow);
        while scan.run(&mut context, &partitions, &mut paused).unwrap() {}
        paused.pause = false;
        prop_assert_eq!(&paused, &bulk);

        let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
        prop_assert_eq!(search.count(Skip::PastLastRow, &mut tick.clone()).0, Ok(bulk.starts.len()));
        let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
        prop_assert_eq!(search.is_match(&mut tick.clone()).0, Ok(!bulk.starts.is_empty()));
    }
}

/// Matches each share with tables of its own, and gives what they found together, and how many there were.
fn in_shares(compiled: &Compiled, symbols: &Symbols, partitions: &Partitions, count: usize) -> (Found, usize) {
    let budget = Budget::unlimited();
    let mut tick = || Ok(());
    let mut tables = compiled.take_tables();
    let mut context =
        Context { automaton: &compiled.automaton, symbols, tables: &mut tables, budget: &budget, tick: &mut tick };
    let shares = shares(&mut context, partitions, count, true).unwrap();
    let mut all = Found::default();
    for share in &shares {
        let mut tables = compiled.take_tables();
        let mut context =
            Context { automaton: &compiled.automaton, symbols, tables: &mut tables, budget: &budget, tick: &mut tick };
        let mut found = Found::default();
        run_bulk(&mut context, partitions, share, &mut found).unwrap();
        all.join(found, &budget, &mut tick).unwrap();
    }
    (all, shares.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shares_find_what_one_pass_finds(
        text in pattern(),
        rows in prop::collection::vec(0_u8..8, 1..40),
        repeat in prop_oneof![4 => Just(1_usize), 1 => Just(100)],
        cut in 0.0..1.0_f64,
        count in 2_usize..7,
    ) {
        let rows = rows.repeat(repeat);
        let compiled = Compiled::new(&text).unwrap();
        let symbols = symbols(&compiled, &rows);
        let middle = (rows.len() as f64 * cut) as usize;
        let partitions = Partitions::from_counts(&[middle, 0, rows.len() - middle]).unwrap();
        let mut tables = compiled.take_tables();
        let budget = Budget::unlimited();
    let mut tick = || Ok(());
        let mut context =
            Context { automaton: &compiled.automaton, symbols: &symbols, tables: &mut tables, budget: &budget, tick: &mut tick };
        let mut whole = Found::default();
        run_bulk(&mut context, &partitions, &Share::whole(&partitions), &mut whole).unwrap();
        prop_assert_eq!(in_shares(&compiled, &symbols, &partitions, count).0, whole);
    }
}

#[test]
fn one_partition_is_cut_where_its_rows_are_forgotten() {
    let shares_of = |pattern: &str, rows: &[u8]| {
        let compiled = Compiled::new(pattern).unwrap();
        in_shares(&compiled, &symbols(&compiled, rows), &Partitions::one(rows.len()), 4).1
    };
    let shape: Vec<u8> = [1, 3, 5, 5].repeat(100_000);
    assert_eq!(shares_of("A B+ C+", &shape), 4);
    assert_eq!(shares_of("(A|B)+ C{1,50}", &shape), 4);
    // Whether a row begins a pair or ends it depends on all rows before.
    let same: Vec<u8> = vec![3; 400_000];
    assert_eq!(shares_of("A B", &same), 1);
    // Whether A can go on to B depends on all rows behind.
    let endless: Vec<u8> = vec![1; 400_000];
    assert_eq!(shares_of("A+ B", &endless), 1);
}

#[test]
fn the_caller_can_stop() {
    let compiled = Compiled::new("A+ B").unwrap();
    let rows = vec![1_u8; 3_000_000];
    let mut symbols = symbols(&compiled, &rows);
    let mut tables = compiled.take_tables();
    tables.adopt(&mut symbols);
    let partitions = Partitions::one(rows.len());
    let budget = Budget::unlimited();
    let mut ticks = 0;
    let mut tick = || {
        ticks += 1;
        if ticks == 3 { Err(Stopped::ByCaller) } else { Ok(()) }
    };
    let mut context = Context {
        automaton: &compiled.automaton,
        symbols: &symbols,
        tables: &mut tables,
        budget: &budget,
        tick: &mut tick,
    };
    assert!(Scan::new(Skip::PastLastRow).run(&mut context, &partitions, &mut Found::default()).is_err());
    assert_eq!(ticks, 3);
}
