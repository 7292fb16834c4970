//! The two forward passes find the same matches, and pausing changes nothing.

#[path = "support/found.rs"]
mod found;
#[path = "support/random_patterns.rs"]
mod random_patterns;

use found::Found;
use proptest::prelude::*;
use random_patterns::{cases, pattern_and_rows, symbols};
use rowpattern_core::budget::{Budget, Stopped, Tick};
use rowpattern_core::matcher::{
    Block, Compiled, Context, ForwardPass, Morsel, Scan, Search, SearchError, Sink, cut_into_morsels, run_transducer,
    transducer_serves,
};
use rowpattern_core::rows::{Partitions, Skip, Symbols};

/// Each match by the automaton, follower by follower.
fn forward(skip: Skip) -> Scan<ForwardPass> {
    Scan::new(ForwardPass::new::<Found>(skip))
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn forward_passes_agree(
        (text, rows) in pattern_and_rows(0..40), repeat in prop_oneof![4 => Just(1_usize), 1 => Just(300)],
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

        prop_assert!(transducer_serves(context.automaton, Skip::PastLastRow));
        let mut transduced = Found::default();
        run_transducer(&mut context, &partitions, &Morsel::whole(&partitions), &mut transduced).unwrap();
        let mut scanned = Found::default();
        prop_assert_eq!(forward(Skip::PastLastRow).run(&mut context, &partitions, &mut scanned, usize::MAX), Ok(false));
        prop_assert_eq!(&scanned, &transduced);

        let mut paused = Found::default();
        let mut scan = forward(Skip::PastLastRow);
        while scan.run(&mut context, &partitions, &mut paused, 1).unwrap() {}
        prop_assert_eq!(&paused, &transduced);

        let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
        let counted = search.count(Skip::PastLastRow, &mut tick.clone()).into_result().0;
        prop_assert_eq!(counted, Ok(transduced.starts.len()));
        let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
        prop_assert_eq!(search.is_match(&mut tick.clone()).into_result().0, Ok(!transduced.starts.is_empty()));
    }
}

/// Matches each morsel with tables of its own, and gives what they found together, and how many there were.
fn in_morsels(compiled: &Compiled, symbols: &Symbols, partitions: &Partitions, count: usize) -> (Found, usize) {
    let budget = Budget::unlimited();
    let mut tick = || Ok(());
    let mut tables = compiled.take_tables();
    let mut context =
        Context { automaton: &compiled.automaton, symbols, tables: &mut tables, budget: &budget, tick: &mut tick };
    let morsels = cut_into_morsels(&mut context, partitions, count, true).unwrap();
    let mut all = Found::default();
    for morsel in &morsels {
        let mut tables = compiled.take_tables();
        let mut context =
            Context { automaton: &compiled.automaton, symbols, tables: &mut tables, budget: &budget, tick: &mut tick };
        let mut found = Found::default();
        run_transducer(&mut context, partitions, morsel, &mut found).unwrap();
        all.join(found, &budget, &mut tick).unwrap();
    }
    (all, morsels.len())
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn morsels_find_what_one_pass_finds(
        (text, rows) in pattern_and_rows(1..40), repeat in prop_oneof![4 => Just(1_usize), 1 => Just(100)],
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
        run_transducer(&mut context, &partitions, &Morsel::whole(&partitions), &mut whole).unwrap();
        prop_assert_eq!(in_morsels(&compiled, &symbols, &partitions, count).0, whole);
    }
}

#[test]
fn one_partition_is_cut_where_its_rows_are_forgotten() {
    let morsels_of = |pattern: &str, rows: &[u8]| {
        let compiled = Compiled::new(pattern).unwrap();
        in_morsels(&compiled, &symbols(&compiled, rows), &Partitions::one(rows.len()), 4).1
    };
    let shape: Vec<u8> = [1, 3, 5, 5].repeat(100_000);
    assert_eq!(morsels_of("A B+ C+", &shape), 4);
    assert_eq!(morsels_of("(A|B)+ C{1,50}", &shape), 4);
    // Whether a row begins a pair or ends it depends on all rows before.
    let same: Vec<u8> = vec![3; 400_000];
    assert_eq!(morsels_of("A B", &same), 1);
    // Whether A can go on to B depends on all rows behind.
    let endless: Vec<u8> = vec![1; 400_000];
    assert_eq!(morsels_of("A+ B", &endless), 1);
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
    let mut context = Context::new(&compiled, &symbols, &mut tables, &budget, &mut tick);
    assert!(forward(Skip::PastLastRow).run(&mut context, &partitions, &mut Found::default(), usize::MAX).is_err());
    assert_eq!(ticks, 3);
}

/// Takes so many bytes a row and a partition, and charges for them.
#[derive(Default, Debug, PartialEq)]
struct Charged {
    variables: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Sink for Charged {
    const ROWS: bool = true;

    fn add(&mut self, block: Block<'_>, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.variables, block.variables.len())?;
        self.variables.extend_from_slice(block.variables);
        Ok(())
    }

    fn add_partition(&mut self, partition: usize, matches: usize, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.spans, 1)?;
        self.spans.push((partition, matches));
        Ok(())
    }

    fn join(&mut self, next: Self, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped> {
        budget.append(&mut self.variables, next.variables, tick)?;
        budget.append(&mut self.spans, next.spans, tick)
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn within_a_budget_the_answer_is_whole_or_refused(
        (text, rows) in pattern_and_rows(0..40), repeat in prop_oneof![4 => Just(1_usize), 2 => Just(50)],
        cut in 0.0..1.0_f64,
        bytes in 0_usize..60_000,
        ticks in prop_oneof![2 => Just(u32::MAX), 1 => 0_u32..4],
        skip in prop_oneof![Just(Skip::PastLastRow), Just(Skip::ToNextRow)],
        transduced in any::<bool>(),
    ) {
        let rows = rows.repeat(repeat);
        let compiled = Compiled::new(&text).unwrap();
        let mut symbols = symbols(&compiled, &rows);
        let middle = (rows.len() as f64 * cut) as usize;
        let partitions = Partitions::from_counts(&[middle, 0, rows.len() - middle]).unwrap();
        // One after another with the same pattern, whose tables are given back whatever comes of a search.
        let mut search = |budget: &Budget, ticks: u32| {
            let mut left = ticks;
            let mut tick = || {
                left = left.saturating_sub(1);
                if left == 0 { Err(Stopped::ByCaller) } else { Ok(()) }
            };
            let search = Search::new(&compiled, &mut symbols, &partitions, 1, budget);
            let sink = |_, _: &Budget| Charged::default();
            let ended = if transduced {
                search.run(skip, sink, &mut tick)
            } else {
                search.run_with(|| ForwardPass::new::<Charged>(skip), sink, &mut tick)
            };
            let (found, tables) = ended.into_result();
            compiled.give_back_all(tables);
            let search = Search::new(&compiled, &mut symbols, &partitions, 1, budget);
            let (counted, tables) = search.count(skip, &mut tick).into_result();
            compiled.give_back_all(tables);
            (found, counted)
        };
        let within = Budget::new(None, Some(bytes));
        let limited = search(&within, ticks);
        let whole = search(&Budget::unlimited(), u32::MAX);
        prop_assert!(whole.0.is_ok() && whole.1.is_ok());
        match limited {
            (Ok(found), Ok(counted)) => {
                prop_assert_eq!(Ok(&found), whole.0.as_ref());
                prop_assert_eq!(Ok(counted), whole.1);
                // What was charged for the passes themselves is given back: left is what was found.
                let variables = found.variables.capacity();
                let spans = found.spans.capacity() * size_of::<(usize, usize)>();
                prop_assert_eq!(within.charged_bytes(), variables + spans);
            }
            (found, counted) => {
                let reason = found.map(|_| ()).and(counted.map(|_| ()));
                let stopped = [Stopped::MemoryLimit, Stopped::ByCaller].map(|reason| Err(SearchError::Stopped(reason)));
                prop_assert!(stopped.contains(&reason), "{:?}", reason);
            }
        }
        // Nothing was left behind that changes an answer.
        prop_assert_eq!(search(&Budget::unlimited(), u32::MAX), whole);
    }
}

#[test]
fn all_threads_count_into_one_budget() {
    let compiled = Compiled::new("A+").unwrap();
    let rows = vec![1_u8; 600_000];
    let mut symbols = symbols(&compiled, &rows);
    let partitions = Partitions::from_counts(&[150_000; 4]).unwrap();
    let mut run = |threads, bytes| {
        let budget = Budget::new(None, bytes);
        let search = Search::new(&compiled, &mut symbols, &partitions, threads, &budget);
        search.run(Skip::PastLastRow, |_, _| Charged::default(), &mut || Ok(())).into_result().0
    };
    let whole = run(1, None).unwrap();
    assert_eq!(run(3, None).as_ref(), Ok(&whole));
    // Each of the threads could do its share.
    assert_eq!(run(1, Some(700_000)), Err(SearchError::Stopped(Stopped::MemoryLimit)));
    assert_eq!(run(3, Some(25 << 20)).as_ref(), Ok(&whole));
}

#[test]
fn empty_partitions_and_empty_matches_take_time_too() {
    for (text, counts) in [("A", vec![0_usize; 3_000_000]), ("A?", vec![3_000_000])] {
        let compiled = Compiled::new(text).unwrap();
        let rows = vec![0_u8; counts.iter().sum()];
        let mut symbols = symbols(&compiled, &rows);
        let partitions = Partitions::from_counts(&counts).unwrap();
        for (skip, transduced) in [(Skip::PastLastRow, true), (Skip::PastLastRow, false), (Skip::ToNextRow, false)] {
            let budget = Budget::unlimited();
            let mut looks = 0;
            let mut tick = || {
                looks += 1;
                Ok(())
            };
            let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
            let sink = |_, _: &Budget| Charged::default();
            let ended = if transduced {
                search.run(skip, sink, &mut tick)
            } else {
                search.run_with(|| ForwardPass::new::<Charged>(skip), sink, &mut tick)
            };
            ended.into_result().0.unwrap();
            assert!(looks > 20, "{text}: {looks}");
        }
    }
}
