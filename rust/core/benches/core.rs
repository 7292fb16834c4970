//! `cargo bench -p rowpattern-core`: compiling, both passes, and the cache. Python's benches (`make bench`) measure whole calls.

#[path = "../tests/support/found.rs"]
mod found;

use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box, counter::ItemsCount};
use found::Found;
use rowpattern_core::budget::Budget;
use rowpattern_core::cache::{Cache, Clock, KeyRef, Limits, Offered, Policy, Threads};
use rowpattern_core::expression::{
    ColumnTable, Condition, Expression, MatchSoFar, NoAnswers, RowContext, RowProgram, Scope, Surroundings, Type,
    Value, ValueColumn,
};
use rowpattern_core::matcher::{BackwardPass, Compiled, Context, Count, Morsel, Search, run_transducer};
use rowpattern_core::rows::{At, Partitions, Skip, Symbols, SymbolsBuilder, VariableSet};

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

/// Rows of a random walk, which goes down or up.
fn walk(compiled: &Compiled) -> Symbols {
    let mut state = 1_u64;
    let downs: Vec<bool> = (0..ROWS)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 63 == 0
        })
        .collect();
    let budget = Budget::unlimited();
    let mut builder = SymbolsBuilder::new(compiled.variables.len(), ROWS, &budget).expect("memory");
    builder.fill(0, 0, downs.iter().copied());
    builder.fill(1, 0, downs.iter().map(|down| !down));
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
        backward.prepare(&mut context, (0, ROWS), &[0, ROWS], None)
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

/// Both passes, with all that is found: in one partition, and in partitions of 25 rows.
#[divan::bench(args = ["A+ B+", "A (B|C)+ D", "DOWN+ UP+"], consts = [1, 25])]
fn all_matches<const PARTITION: usize>(bencher: Bencher<'_, '_>, text: &str) {
    let compiled = Compiled::new(text).expect(text);
    let (mut symbols, budget) =
        (if text == "DOWN+ UP+" { walk(&compiled) } else { rows(&compiled) }, Budget::unlimited());
    let partitions = if PARTITION == 1 {
        Partitions::one(ROWS)
    } else {
        Partitions::from_counts(&vec![PARTITION; ROWS / PARTITION]).expect("memory")
    };
    let morsel = Morsel::whole(&partitions);
    let mut tables = compiled.take_tables();
    tables.adopt(&mut symbols);
    let mut found = Found::default();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        found.variables.clear();
        found.starts.clear();
        found.ends.clear();
        found.matches.clear();
        let mut tick = || Ok(());
        let mut context = Context::new(&compiled, &symbols, &mut tables, &budget, &mut tick);
        run_transducer(&mut context, &partitions, &morsel, &mut found)
    });
}

const CURRENT: At = At { set: None, first: false, offset: 0, rows: 0 };
const BEFORE: At = At { rows: -1, ..CURRENT };

/// Doubles, whole numbers and texts.
fn columns() -> Vec<ValueColumn<'static>> {
    let numbers = (0..ROWS).map(|row| (row.wrapping_mul(2_654_435_761) % 1000) as i64);
    let texts = ["login", "search", "view", "buy"];
    vec![
        numbers.clone().map(|number| Some(number as f64)).collect(),
        numbers.clone().map(Some).collect(),
        numbers.map(|number| Some(texts[number as usize % 4])).collect(),
    ]
}

const TYPES: [Type; 3] = [Type::Double, Type::BigInt, Type::Varchar];

fn read(column: usize, at: At) -> Expression {
    Expression::read(TYPES[column], column, at)
}

/// `(x - PREV(x)) * 2 > A.x AND v + 1 < 500`, where A.x is at this place.
fn two_parts(of_a: At) -> Expression {
    let rise = Expression::call(Type::Double, "-", [read(0, CURRENT), read(0, BEFORE)]);
    let twice = Expression::call(Type::Double, "*", [rise, Expression::literal(Type::Double, Value::Double(2.0))]);
    let one = Expression::literal(Type::BigInt, Value::Int(1));
    let next = Expression::call(Type::BigInt, "+", [read(1, CURRENT), one]);
    let least = Expression::literal(Type::BigInt, Value::Int(500));
    let parts = [
        Expression::call(Type::Boolean, ">", [twice, read(0, of_a)]),
        Expression::call(Type::Boolean, "<", [next, least]),
    ];
    Expression::call(Type::Boolean, "and", parts)
}

/// A condition for the last row of a match so far.
#[divan::bench]
fn condition_in_a_match(bencher: Bencher<'_, '_>) {
    let (columns, sets, budget) = (columns(), [VariableSet::of(0)], Budget::unlimited());
    let expression = two_parts(At { set: Some(0), ..CURRENT });
    let condition = Condition::new(expression, &Scope { columns: &TYPES, sets: 1, aggregates: &[] }).expect("types");
    let names = ["A".to_owned(), "B".to_owned()];
    let around = Surroundings { columns: &columns, names: &names, begin: 0, end: ROWS, number: 1, answers: &NoAnswers };
    let mut so_far = MatchSoFar::new(&sets, &[], &columns);
    bencher.counter(ItemsCount::new(1000_usize)).bench_local(|| {
        so_far.begin(10);
        so_far.push(0, &budget).expect("memory");
        let mut held = 0;
        for _ in 0..1000 {
            so_far.push(1, &budget).expect("memory");
            let found = condition.evaluate(&RowContext::new(&so_far, &around));
            held += usize::from(found == Ok(Some(true)));
        }
        held
    });
}

/// Expressions over whole columns.
#[divan::bench(args = ["two parts", "two shifted comparisons", "text", "sum"])]
fn columns_of_rows(bencher: Bencher<'_, '_>, what: &str) {
    let columns = columns();
    let compare = |sign, two| Expression::call(Type::Boolean, sign, [read(0, CURRENT), two]);
    let expressions = match what {
        "two parts" => vec![two_parts(At { rows: 1, ..CURRENT })],
        "two shifted comparisons" => vec![compare("<", read(0, BEFORE)), compare(">", read(0, BEFORE))],
        "text" => {
            let view = Expression::literal(Type::Varchar, Value::Text("view".into()));
            vec![Expression::call(Type::Boolean, "=", [read(2, CURRENT), view])]
        }
        _ => vec![Expression::call(Type::BigInt, "+", [read(1, CURRENT), read(1, BEFORE)])],
    };
    let compiled = |expression| RowProgram::new(expression, &TYPES).expect("types");
    let programs: Vec<RowProgram> = expressions.iter().map(compiled).collect();
    let (partitions, budget) = (Partitions::one(ROWS), Budget::unlimited());
    let table = ColumnTable { columns: &columns, rows: ROWS, partitions: &partitions };
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| table.evaluate(&programs, 1, &budget, &mut || Ok(())));
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
