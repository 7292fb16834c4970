//! Conditions that only the start of the match decides, against the same conditions evaluated at each row of the match.

#[path = "support/found.rs"]
mod found;
#[path = "support/symbols.rs"]
mod symbols;

use found::Found;
use proptest::prelude::*;
use rowpattern_core::backtrack::{Backtracking, MatchConditions, StartConditions};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::expression::{Condition, Expression, Scope, Type};
use rowpattern_core::matcher::{Compiled, Context, ForwardPass, Scan, Search, SearchError};
use rowpattern_core::rows::{At, Partitions, Skip, VariableSet};
use symbols::symbols_of;

const CURRENT: At = At { set: None, first: false, offset: 0, rows: 0 };
const FIRST: At = At { first: true, ..CURRENT };

/// Rows of some variables.
#[derive(Debug, Clone)]
struct Query {
    pattern: &'static str,
    /// By row, which variables it can be, as bits.
    masks: Vec<u16>,
    /// By row, which variables' start conditions hold, as bits; and which variables have one.
    starts: Vec<u16>,
    with_start: u16,
    column: Vec<i64>,
    /// Variables that want a value above that of the row before.
    rising: u16,
    counts: Vec<usize>,
    skip: Skip,
}

impl Query {
    fn has_start(&self, variable: usize) -> bool {
        self.with_start >> variable & 1 == 1
    }

    /// What is true of starts, by variable.
    fn starts(&self, variables: usize) -> Vec<Option<Vec<bool>>> {
        let holds = |variable: usize| self.starts.iter().map(|starts| starts >> variable & 1 == 1).collect();
        (0..variables).map(|variable| self.has_start(variable).then(|| holds(variable))).collect()
    }

    /// Conditions, with those of starts (read at the match's first row) or without.
    fn conditions(&self, variables: usize, with_starts: bool) -> MatchConditions {
        let mut columns = vec![self.column.iter().copied().map(Some).collect()];
        let mut types = vec![Type::BigInt];
        let mut expressions = Vec::new();
        for variable in 0..variables {
            let rises = (self.rising >> variable & 1 == 1).then(|| {
                let read = |offset| Expression::read(Type::BigInt, 0, At { offset, ..CURRENT });
                Expression::call(Type::Boolean, ">", [read(0), read(1)])
            });
            let start = (with_starts && self.has_start(variable)).then(|| {
                columns.push(self.starts.iter().map(|starts| Some(starts >> variable & 1 == 1)).collect());
                types.push(Type::Boolean);
                Expression::read(Type::Boolean, columns.len() - 1, FIRST)
            });
            expressions.push(match (start, rises) {
                (Some(start), Some(rises)) => Some(Expression::call(Type::Boolean, "and", [start, rises])),
                (start, rises) => start.or(rises),
            });
        }
        let scope = Scope { columns: &types, sets: 0, aggregates: &[] };
        let compiled = |each: Option<Expression>| each.map(|each| Condition::new(each, &scope).unwrap());
        let conditions = expressions.into_iter().map(compiled).collect();
        MatchConditions { columns, conditions, ..MatchConditions::default() }
    }

    fn at_each_row(&self, budget: &Budget) -> (Found, Option<SearchError>) {
        let compiled = Compiled::new(self.pattern).unwrap();
        let variables = compiled.variables.len();
        let (conditions, mut symbols) = (self.conditions(variables, true), symbols_of(&self.masks, variables));
        let partitions = Partitions::from_counts(&self.counts).unwrap();
        let search = Search::new(&compiled, &mut symbols, &partitions, 1, budget);
        let strategy = || Backtracking::new(&conditions, &compiled.variables, self.skip);
        let ended = search.run_with(strategy, |_, _| Found::default(), &mut || Ok(()));
        (ended.found, ended.error)
    }

    fn by_start(&self, budget: &Budget, failures: u32) -> (Found, Option<SearchError>) {
        let compiled = Compiled::new(self.pattern).unwrap();
        let variables = compiled.variables.len();
        let (conditions, mut symbols) = (self.conditions(variables, false), symbols_of(&self.masks, variables));
        let (partitions, starts) = (Partitions::from_counts(&self.counts).unwrap(), self.starts(variables));
        let search = Search::new(&compiled, &mut symbols, &partitions, 1, budget);
        let strategy = || {
            let inner = Backtracking::new(&conditions, &compiled.variables, self.skip).noting_after(failures);
            StartConditions::new(inner, &starts)
        };
        let ended = search.run_with(strategy, |_, _| Found::default(), &mut || Ok(()));
        (ended.found, ended.error)
    }
}

/// With more variables than fit into a byte, and with more sets of variables than passes are kept, too.
const PATTERNS: [&str; 10] = [
    "A+ B",
    "A B+ C?",
    "(A | B)+ C",
    "A (B | C)* A",
    "^ A* B",
    "(A B)+? C",
    "PERMUTE(A, B, C)",
    "(A | B | C | D | E)+ F?",
    "(A | B | C | D | E | F | G | H | I)+ J",
    "A B? C? D? E? F? G? H? I? J",
];

fn queries() -> impl Strategy<Value = Query> {
    let skips = prop::sample::select(vec![
        Skip::PastLastRow,
        Skip::ToNextRow,
        Skip::ToLast(VariableSet::of(1)),
        Skip::ToFirst(VariableSet::of(0)),
    ]);
    let sets = (any::<u16>(), prop_oneof![Just(0_u16), any::<u16>()]);
    (prop::sample::select(&PATTERNS[..]), prop::collection::vec(0..20_usize, 1..5), skips, sets).prop_flat_map(
        |(pattern, counts, skip, (with_start, rising))| {
            let rows: usize = counts.iter().sum();
            // Most conditions hold, so that matches are found.
            let some = || prop_oneof![2 => any::<u16>(), 1 => Just(u16::MAX)];
            let columns = (
                prop::collection::vec(some(), rows),
                prop::collection::vec(some(), rows),
                prop::collection::vec(0..9_i64, rows),
            );
            (columns, Just(counts)).prop_map(move |((masks, starts, column), counts)| Query {
                pattern,
                masks,
                starts,
                with_start,
                column,
                rising,
                counts,
                skip,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn starts_decide_what_rows_decide(query in queries(), failures in 0..3_u32) {
        let (budget, other) = (Budget::unlimited(), Budget::unlimited());
        let (found, error) = query.by_start(&budget, failures);
        prop_assert_eq!((found, error), query.at_each_row(&other));
        if error.is_none() {
            // What passes took is given back.
            prop_assert_eq!(budget.charged_bytes(), other.charged_bytes());
        }
    }
}

/// The matches of `A+ B`, where B's start condition holds at some starts, and the steps of the search.
fn steps(rows: usize, holds: impl Fn(usize) -> bool) -> (usize, u64) {
    let compiled = Compiled::new("A+ B").unwrap();
    let query = Query {
        pattern: "A+ B",
        masks: vec![3; rows],
        starts: (0..rows).map(|row| u16::from(holds(row)) << 1).collect(),
        with_start: 2,
        column: vec![0; rows],
        rising: 0,
        counts: vec![rows],
        skip: Skip::PastLastRow,
    };
    let (conditions, starts, mut symbols) = (query.conditions(2, false), query.starts(2), symbols_of(&query.masks, 2));
    let budget = Budget::unlimited();
    let mut tables = compiled.take_tables();
    tables.adopt(&mut symbols);
    let mut tick = || Ok(());
    let mut context = Context::new(&compiled, &symbols, &mut tables, &budget, &mut tick);
    let inner = Backtracking::new(&conditions, &compiled.variables, query.skip);
    let mut scan = Scan::new(StartConditions::new(inner, &starts));
    let mut found = Found::default();
    scan.run(&mut context, &Partitions::one(rows), &mut found, usize::MAX).unwrap();
    (found.starts.len(), scan.strategy().inner().steps())
}

#[test]
fn starts_where_no_match_is_possible_take_no_step() {
    assert_eq!(steps(100_000, |_| false), (0, 0));
    // The last start whose condition holds, and no row behind it that B could be.
    assert_eq!(steps(100_000, |row| row == 99_999).0, 0);
    let (found, steps) = steps(100_000, |row| row == 50_000);
    assert_eq!(found, 1);
    assert!(steps < 200_000, "{steps} steps");
}

#[test]
fn the_forward_pass_can_be_inside() {
    // No condition but that of starts: B is true of rows 2 and 5, and its start condition of row 3.
    let compiled = Compiled::new("A+ B").unwrap();
    let query = Query {
        pattern: "A+ B",
        masks: vec![1, 1, 3, 1, 1, 3],
        starts: vec![0, 0, 0, 2, 0, 0],
        with_start: 2,
        column: vec![0; 6],
        rising: 0,
        counts: vec![6],
        skip: Skip::ToNextRow,
    };
    let (mut symbols, starts, budget) = (symbols_of(&query.masks, 2), query.starts(2), Budget::unlimited());
    let partitions = Partitions::one(6);
    let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
    let strategy = || StartConditions::new(ForwardPass::new::<Found>(query.skip), &starts);
    let ended = search.run_with(strategy, |_, _| Found::default(), &mut || Ok(()));
    assert_eq!((ended.found.starts, ended.found.ends, ended.error), (vec![3], vec![6], None));
}

#[test]
fn within_a_budget_the_answer_is_whole_or_refused() {
    let query = Query {
        pattern: "(A | B | C | D | E | F | G | H | I)+ J",
        masks: (0..600_u16).map(|row| row.wrapping_mul(0x9E37) | 3).collect(),
        starts: (0..600_u16).map(|row| row.wrapping_mul(0x85EB)).collect(),
        with_start: 0x3FC,
        column: vec![0; 600],
        rising: 0,
        counts: vec![200; 3],
        skip: Skip::ToNextRow,
    };
    let whole = query.by_start(&Budget::unlimited(), 32);
    assert!(whole.0.starts.len() > 10, "{}", whole.0.starts.len());
    let mut answered = 0;
    for bytes in (8..28).map(|power| 1 << power) {
        match query.by_start(&Budget::new(None, Some(bytes)), 32) {
            (found, None) => {
                assert_eq!((found, None), whole, "{bytes} bytes");
                answered += 1;
            }
            (_, Some(error)) => assert_eq!(error, SearchError::Stopped(Stopped::MemoryLimit)),
        }
    }
    assert!((1..20).contains(&answered), "{answered} of 20 answered");
}
