//! `cargo bench -p rowpattern-core`: compiling, both passes, and the cache. Python's benches (`make bench`) measure whole calls.

use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box, counter::ItemsCount};
use rowpattern_core::budget::Budget;
use rowpattern_core::cache::{Cache, Clock, KeyRef, Limits, Offered, Policy, Threads};
use rowpattern_core::matcher::{BackwardPass, Compiled, Context, Count, Search};
use rowpattern_core::rows::{Partitions, Skip, Symbols, SymbolsBuilder};

const PATTERNS: [&str; 4] = ["A+ B+", "(A|B)* C", "A (B|C)+ D", "A{1,50} B"];
const ROWS: usize = 1_000_000;

fn main() {
    divan::main();
}

/// Rows of one variable of A to D each, at random but always the same.
fn rows(compiled: &Compiled) -> Symbols {
    let mut state = 1_u64;
    let letters: Vec<u8> = (0..ROWS)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            b'A' + (state >> 62) as u8
        })
        .collect();
    let budget = Budget::unlimited();
    let mut builder = SymbolsBuilder::new(compiled.variables.len(), ROWS, &budget).expect("memory");
    for (number, name) in compiled.variables.iter().enumerate() {
        builder.fill(number as u8, 0, letters.iter().map(|letter| name.as_bytes() == [*letter]));
    }
    builder.finish(&budget).expect("memory")
}

#[divan::bench(args = PATTERNS)]
fn compile(text: &str) -> Compiled {
    Compiled::new(black_box(text)).expect(text)
}

#[divan::bench(args = PATTERNS)]
fn backward_pass(bencher: Bencher<'_, '_>, text: &str) {
    let compiled = Compiled::new(text).expect(text);
    let (mut symbols, budget, mut tables) = (rows(&compiled), Budget::unlimited(), compiled.take_tables());
    tables.adopt(&mut symbols);
    let mut backward = BackwardPass::default();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let mut tick = || Ok(());
        let (automaton, symbols) = (&compiled.automaton, &symbols);
        let mut context = Context { automaton, symbols, tables: &mut tables, budget: &budget, tick: &mut tick };
        backward.prepare(&mut context, 0, ROWS, None)
    });
}

/// Both passes, by the transducer and follower by follower.
#[divan::bench(args = PATTERNS, consts = [true, false])]
fn both_passes<const PAST_LAST_ROW: bool>(bencher: Bencher<'_, '_>, text: &str) {
    let compiled = Compiled::new(text).expect(text);
    let (mut symbols, partitions, budget) = (rows(&compiled), Partitions::one(ROWS), Budget::unlimited());
    let skip = if PAST_LAST_ROW { Skip::PastLastRow } else { Skip::ToNextRow };
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
        let ended = search.run(skip, |_, _| Count::default(), &mut || Ok(()));
        compiled.give_back_all(ended.tables);
        ended.found
    });
}

type Numbers = Cache<Box<str>, Arc<u64>>;

fn full_cache(entries: usize) -> (Numbers, Vec<String>) {
    let limits = Limits { entries, bytes: u64::MAX / 2, time_to_live: None, policy: Policy::Lru };
    let cache = Cache::new(limits, Arc::new(Clock::system()), Threads::Serial);
    let keys: Vec<String> = (0..entries).map(|number| format!("A{number} B+ C")).collect();
    for key in &keys {
        put(&cache, key);
    }
    (cache, keys)
}

fn put(cache: &Numbers, key: &str) {
    let offered = Offered { value: Arc::new(1), bytes: 100, cost: Duration::ZERO };
    cache.put(KeyRef::new(0, key), key.into(), offered, &mut Vec::new(), Arc::clone);
}

#[divan::bench(args = [1, 1_000, 8_000])]
fn cache_hit(bencher: Bencher<'_, '_>, entries: usize) {
    let (cache, keys) = full_cache(entries);
    let mut next = keys.iter().cycle();
    bencher.bench_local(|| {
        let key = next.next().map_or("", String::as_str);
        cache.get(KeyRef::new(0, key), &mut Vec::new(), Arc::clone, |value| **value)
    });
}

#[divan::bench(args = [1_000, 10_000])]
fn cache_put_when_full(bencher: Bencher<'_, '_>, entries: usize) {
    let (cache, _) = full_cache(entries);
    let mut number = 0_u64;
    bencher.bench_local(|| {
        number += 1;
        put(&cache, &format!("B{number} B+ C"));
    });
}
