//! The search in rounds, where parts of conditions are computed by a callback, against the same conditions computed at once.

#[path = "support/found.rs"]
mod found;

use std::collections::HashSet;
use std::time::Duration;

use found::Found;
use proptest::prelude::*;
use rowpattern_core::backtrack::{
    Asked as AskedFor, Backtracking, FAILURES_BEFORE_NOTES, MatchConditions, REQUESTS_A_ROUND, search_in_rounds,
};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::expression::{
    Aggregate, Argument, Condition, EvaluationError, Expression, Function, Given, Operation, Request, Scope, Type,
    Value,
};
use rowpattern_core::matcher::{Compiled, Search, SearchError};
use rowpattern_core::rows::{At, Partitions, Skip, Symbols, SymbolsBuilder, VariableSet};

const CURRENT: At = At { set: None, first: false, offset: 0, rows: 0 };
const PREVIOUS: At = At { rows: -1, ..CURRENT };
const NEXT: At = At { rows: 1, ..CURRENT };
const FIRST: At = At { first: true, ..CURRENT };
/// The last row of A, and the row before the last of B.
const LAST_A: At = At { set: Some(0), ..CURRENT };
const LAST_B: At = At { set: Some(1), offset: 1, ..CURRENT };

/// What a condition compares, by number; the last ones are not rows alone.
const PAIRS: [(At, At); 6] =
    [(CURRENT, LAST_A), (CURRENT, FIRST), (CURRENT, PREVIOUS), (NEXT, FIRST), (LAST_A, LAST_B), (PREVIOUS, LAST_A)];
const SUM: usize = PAIRS.len();
const SUM_OF_A: usize = SUM + 1;
const NUMBERED: usize = SUM + 2;
const NAMED: usize = SUM + 3;
const KINDS: usize = SUM + 4;

fn read(at: At) -> Expression {
    Expression::read(Type::BigInt, 0, at)
}

fn int(number: i64) -> Expression {
    Expression::literal(Type::BigInt, Value::Int(number))
}

fn sum(number: usize) -> Expression {
    Expression { result: Type::HugeInt, operation: Operation::Aggregate(number) }
}

fn wide(number: i128) -> Expression {
    Expression::literal(Type::HugeInt, Value::Wide(number))
}

fn match_number() -> Expression {
    Expression { result: Type::BigInt, operation: Operation::MatchNumber }
}

fn name_before() -> Expression {
    Expression { result: Type::Varchar, operation: Operation::Classifier(At { offset: 1, ..CURRENT }) }
}

fn boolean(sign: &str, left: Expression, right: Expression) -> Expression {
    Expression::call(Type::Boolean, sign, [left, right])
}

/// A condition that is computed at once.
fn direct(kind: usize) -> Expression {
    match kind {
        SUM => boolean(">", wide(9), sum(0)),
        SUM_OF_A => boolean(">", wide(7), sum(1)),
        NUMBERED => boolean(">", read(CURRENT), match_number()),
        NAMED => {
            let is_b = boolean("=", name_before(), Expression::literal(Type::Varchar, Value::Text("B".into())));
            boolean("and", is_b, boolean(">", read(CURRENT), int(1)))
        }
        _ => boolean(">", read(PAIRS[kind].0), read(PAIRS[kind].1)),
    }
}

/// The same condition, computed by the callback.
fn computed(kind: usize) -> Expression {
    let given = match kind {
        SUM => vec![Given::Rows(None)],
        SUM_OF_A => vec![Given::Rows(Some(0))],
        NUMBERED => vec![Given::Row(CURRENT), Given::Value(match_number())],
        NAMED => vec![Given::Value(name_before()), Given::Row(CURRENT)],
        _ => vec![Given::Row(PAIRS[kind].0), Given::Row(PAIRS[kind].1)],
    };
    Expression { result: Type::Boolean, operation: Operation::Computed(kind, given) }
}

/// The callback: computes from the column and what it is given alone.
fn answer(column: &[Option<i64>], kind: usize, request: &Request) -> Value {
    assert_eq!(request.expression, kind);
    let number = |argument: &Argument| match argument {
        Argument::Row(row) => row.and_then(|row| column[row]),
        Argument::Rows(rows) => rows.iter().filter_map(|&row| column[row]).reduce(|sum, value| sum + value),
        Argument::Value(Value::Int(number)) => Some(*number),
        Argument::Value(_) => None,
    };
    let greater = |left: Option<i64>, right: Option<i64>| match (left, right) {
        (Some(left), Some(right)) => Value::Bool(left > right),
        _ => Value::Null,
    };
    match (kind, &*request.arguments) {
        (SUM, [rows]) => greater(Some(9), number(rows)),
        (SUM_OF_A, [rows]) => greater(Some(7), number(rows)),
        (NAMED, [Argument::Value(Value::Text(name)), _]) if &**name != "B" => Value::Bool(false),
        (NAMED, [Argument::Value(name), row]) => match (name, greater(number(row), Some(1))) {
            (Value::Null, Value::Bool(true)) => Value::Null,
            (_, above) => above,
        },
        (_, [left, right]) => greater(number(left), number(right)),
        other => panic!("{other:?}"),
    }
}

/// A query over one column of numbers and one of divisors.
#[derive(Debug, Clone)]
struct Query {
    pattern: String,
    /// By variable.
    kinds: Vec<Option<usize>>,
    column: Vec<Option<i64>>,
    /// Variables divide by these; by none where they are empty.
    divisors: Vec<i64>,
    /// Which variables a row can be, as bits.
    masks: Vec<u8>,
    counts: Vec<usize>,
    skip: Skip,
    /// How many branches fail within a match before failures are noted.
    failures: u32,
}

type Outcome = (Found, Option<SearchError>);

impl Query {
    /// Rows that every variable can take, in one skip mode.
    fn new(pattern: &str, kinds: &[Option<usize>], column: Vec<i64>, counts: Vec<usize>) -> Self {
        Self {
            pattern: pattern.into(),
            kinds: kinds.to_vec(),
            masks: vec![0xFF; column.len()],
            column: column.into_iter().map(Some).collect(),
            divisors: Vec::new(),
            counts,
            skip: Skip::PastLastRow,
            failures: FAILURES_BEFORE_NOTES,
        }
    }

    fn conditions(&self, names: &[String], make: fn(usize) -> Expression) -> MatchConditions {
        let variable = |name: &str| names.iter().position(|known| known == name).map_or(200, |number| number as u8);
        let sets = vec![VariableSet::of(variable("A")), VariableSet::of(variable("B"))];
        let (column, argument, result) = (Some(0), Some(Type::BigInt), Type::HugeInt);
        let sum = |variables| Aggregate { function: Function::Sum, column, argument, variables, result };
        let aggregates = vec![sum(None), sum(Some(sets[0]))];
        let scope = Scope { columns: &[Type::BigInt; 2], sets: 2, aggregates: &[Type::HugeInt; 2] };
        let conditions = names.iter().map(|name| {
            let condition = make(self.kinds[usize::from(name.as_bytes()[0] - b'A')]?);
            let condition = if self.divisors.is_empty() {
                condition
            } else {
                // Fails where it is divided by -1 of the least number.
                let rest =
                    Expression::call(Type::BigInt, "//", [int(i64::MIN), Expression::read(Type::BigInt, 1, CURRENT)]);
                boolean("and", condition, boolean("<", rest, int(9)))
            };
            Some(Condition::new(condition, &scope).unwrap())
        });
        let conditions = conditions.collect();
        let divisors = self.divisors.iter().copied().map(Some).collect();
        MatchConditions { columns: vec![self.column.iter().copied().collect(), divisors], sets, aggregates, conditions }
    }

    fn symbols(&self, variables: usize) -> Symbols {
        let budget = Budget::unlimited();
        let mut builder = SymbolsBuilder::new(variables, self.masks.len(), &budget).unwrap();
        for variable in 0..variables {
            builder.fill(variable as u8, 0, self.masks.iter().map(|mask| mask >> variable & 1 == 1));
        }
        builder.finish(&budget).unwrap()
    }

    /// With conditions that are computed at once.
    fn at_once(&self) -> Outcome {
        let compiled = Compiled::new(&self.pattern).unwrap();
        let conditions = self.conditions(&compiled.variables, direct);
        let (mut symbols, budget) = (self.symbols(compiled.variables.len()), Budget::unlimited());
        let partitions = Partitions::from_counts(&self.counts).unwrap();
        let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
        // Without notes of failures.
        let strategy = || Backtracking::new(&conditions, &compiled.variables, self.skip).noting_after(u32::MAX);
        let ended = search.run_with(strategy, |_, _| Found::default(), &mut || Ok(()));
        (ended.found, ended.error)
    }

    /// In rounds; `compute` is handed the callback's arguments and what it should give.
    fn in_rounds(
        &self,
        budget: &Budget,
        mut compute: impl FnMut(&[Request], usize, &mut Vec<Option<Value>>) -> Result<(), Stopped>,
    ) -> Outcome {
        let compiled = Compiled::new(&self.pattern).unwrap();
        let conditions = self.conditions(&compiled.variables, computed);
        let mut symbols = self.symbols(compiled.variables.len());
        let partitions = Partitions::from_counts(&self.counts).unwrap();
        let search = Search::new(&compiled, &mut symbols, &partitions, 1, budget);
        let strategy = Backtracking::new(&conditions, &compiled.variables, self.skip).noting_after(self.failures);
        let mut callback = |asked: &AskedFor, values: &mut Vec<Option<Value>>| {
            assert!((1..=asked.requests).contains(&asked.wanted));
            let requests: Vec<Request> = (0..asked.requests).map(|at| asked.request(at)).collect();
            let value = |request| Some(answer(&self.column, asked.expression, request));
            values.extend(requests.iter().map(value));
            compute(&requests, asked.wanted, values)
        };
        let ended = search_in_rounds(search, strategy, Found::default(), &mut callback, &mut || Ok(()));
        (ended.found, ended.error)
    }
}

/// Row patterns of three variables.
fn patterns() -> impl Strategy<Value = String> {
    let leaf =
        prop_oneof![Just("A"), Just("B"), Just("C"), Just("B+"), Just("B*?"), Just("^ A")].prop_map(String::from);
    leaf.prop_recursive(3, 8, 3, |inner| {
        let parts = |join: &'static str| prop::collection::vec(inner.clone(), 1..4).prop_map(move |all| all.join(join));
        let repeated = (inner.clone(), prop_oneof![Just("+"), Just("*"), Just("?"), Just("{1,2}"), Just("+?")]);
        prop_oneof![
            3 => parts(" "),
            1 => parts(" | ").prop_map(|all| format!("({all})")),
            2 => repeated.prop_map(|(inner, times)| format!("({inner}){times}")),
            1 => inner.prop_map(|inner| format!("{{- {inner} -}}")),
        ]
    })
}

fn queries() -> impl Strategy<Value = Query> {
    let skips = prop_oneof![
        3 => Just(Skip::PastLastRow),
        1 => Just(Skip::ToNextRow),
        1 => Just(Skip::ToLast(VariableSet::of(0))),
        1 => Just(Skip::ToFirst(VariableSet::of(1))),
    ];
    let kinds = prop::collection::vec(prop::option::weighted(0.7, 0..KINDS), 3);
    (patterns(), kinds, prop::collection::vec(0..9_usize, 1..8), skips, any::<bool>(), 0..3_u32).prop_flat_map(
        |(pattern, kinds, counts, skip, divides, failures)| {
            let rows: usize = counts.iter().sum();
            let column = prop::collection::vec(prop::option::weighted(0.9, 0..6_i64), rows);
            let divisors = prop::collection::vec(
                (0..12_i64).prop_map(|number| if number == 0 { -1 } else { 1 }),
                if divides { rows } else { 0 },
            );
            let masks = prop::collection::vec(0..16_u8, rows);
            (Just((pattern, kinds, counts, skip, failures)), column, divisors, masks).prop_map(
                |((pattern, kinds, counts, skip, failures), column, divisors, masks)| Query {
                    pattern,
                    kinds,
                    column,
                    divisors,
                    masks,
                    counts,
                    skip,
                    failures,
                },
            )
        },
    )
}

/// Whether a request tells by its rows of which partition it is.
fn has_rows(request: &Request) -> bool {
    let has = |argument: &Argument| match argument {
        Argument::Row(row) => row.is_some(),
        Argument::Rows(rows) => !rows.is_empty(),
        Argument::Value(_) => false,
    };
    request.arguments.iter().any(has)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Also where values that nobody waits for cannot be computed. Nothing is computed twice.
    #[test]
    fn rounds_give_what_is_found_at_once(query in queries(), fails in 1..4_usize) {
        let budget = Budget::unlimited();
        let mut number = 0;
        let mut known = HashSet::new();
        let in_rounds = query.in_rounds(&budget, |requests, wanted, values| {
            for (at, value) in values.iter_mut().enumerate() {
                number += 1;
                if at >= wanted && number % fails == 1 {
                    *value = None;
                } else if has_rows(&requests[at]) {
                    assert!(known.insert(requests[at].clone()), "{:?} was computed before", requests[at]);
                }
            }
            Ok(())
        });
        let at_once = query.at_once();
        prop_assert_eq!(in_rounds, at_once);
        prop_assert_eq!(budget.charged_bytes(), 0);
    }
}

/// What the callbacks of a search were.
#[derive(Debug, Default)]
struct Asked {
    callbacks: usize,
    requests: usize,
    most: usize,
    /// Milliseconds, where one takes 1.13 for up to 100 requests and 3.7 for 10,000.
    cost: f64,
}

/// Searches in rounds, compares with the search at once, and counts.
fn asked(query: &Query) -> Asked {
    let mut asked = Asked::default();
    let found = query.in_rounds(&Budget::unlimited(), |requests, _, _| {
        asked.callbacks += 1;
        asked.requests += requests.len();
        asked.most = asked.most.max(requests.len());
        asked.cost += 1.13 + (3.7 - 1.13) * requests.len().saturating_sub(100) as f64 / 9_900.0;
        Ok(())
    });
    assert_eq!(found, query.at_once());
    assert!(!found.0.starts.is_empty(), "{query:?}");
    asked
}

/// Rows of a saw: it falls at every `period`-th row.
fn saw(rows: usize, period: usize) -> Vec<i64> {
    (0..rows).map(|row| (row % period) as i64).collect()
}

/// The callback computes whether x is above A.x.
const ABOVE_A: [Option<usize>; 3] = [None, Some(0), None];

#[test]
fn one_partition_needs_few_rounds_however_long_matches_are() {
    for period in [2, 3, 10, 30, 50, 70, 100, 300, 1_000, 3_000] {
        let rows = (10 * period).max(6_000);
        let query = Query::new("A B+", &ABOVE_A, saw(rows, period), vec![rows]);
        let asked = asked(&query);
        let speed = rows as f64 / asked.cost * 1_000.0;
        println!("matches of {period} rows: {asked:?}, {speed:.0} rows/s");
        assert!(asked.most <= REQUESTS_A_ROUND);
        assert!(speed > 30_000.0, "matches of {period} rows: {asked:?}");
    }
}

#[test]
fn starts_at_which_matches_fail_are_looked_ahead_too() {
    // B fails behind each start but the last but one; A is the start.
    let rows = 6_000;
    let mut column: Vec<i64> = (0..rows).rev().collect();
    column.push(9_999);
    let query = Query::new("A B", &ABOVE_A, column, vec![rows as usize + 1]);
    let asked = asked(&query);
    assert!(asked.callbacks <= 12, "{asked:?}");
    assert!(rows as f64 / asked.cost * 1_000.0 > 30_000.0, "{asked:?}");
}

#[test]
fn rows_that_aggregates_take_are_looked_ahead() {
    let rows = 6_000;
    let query = Query::new("A B+", &[None, Some(SUM), None], vec![1; rows], vec![rows]);
    let asked = asked(&query);
    // The sum stays below 9 for 8 rows.
    assert!(asked.callbacks <= 40, "{asked:?}");
    assert!(rows as f64 / asked.cost * 1_000.0 > 30_000.0, "{asked:?}");
}

#[test]
fn many_partitions_share_rounds() {
    for (partitions, rows, period) in [(10_000, 20, 3), (10_000, 20, 10), (1_000, 200, 20)] {
        let query = Query::new("A B+", &ABOVE_A, saw(partitions * rows, period), vec![rows; partitions]);
        let asked = asked(&query);
        let speed = (partitions * rows) as f64 / asked.cost * 1_000.0;
        println!("{partitions} partitions of {rows}, matches of {period} rows: {asked:?}, {speed:.0} rows/s");
        assert!(asked.most <= REQUESTS_A_ROUND);
        assert!(speed > 500_000.0, "matches of {period} rows: {asked:?}");
    }
}

/// Three partitions of matches of three rows.
fn three_partitions() -> Query {
    Query::new("A B+", &ABOVE_A, saw(90, 3), vec![30; 3])
}

#[test]
fn the_first_error_in_the_order_of_rows_is_given_with_what_was_found_before() {
    // Overflows in the last two partitions; the last one's comes in the first round.
    let mut query = three_partitions();
    query.divisors = vec![1; 90];
    (query.divisors[58], query.divisors[62]) = (-1, -1);
    let (found, error) = query.in_rounds(&Budget::unlimited(), |_, _, _| Ok(()));
    assert_eq!(error, Some(SearchError::Evaluation(1, EvaluationError::Overflow)));
    assert_eq!((found.starts.len(), found.matches.as_slice()), (19, [(0, 10), (1, 9)].as_slice()));
    assert_eq!((found, error), query.at_once());
}

#[test]
fn a_skip_that_has_nowhere_to_go_comes_behind_the_matches_before_it() {
    let mut query = three_partitions();
    query.skip = Skip::ToLast(VariableSet::of(0));
    query.column[30] = Some(9);
    let (found, error) = query.in_rounds(&Budget::unlimited(), |_, _, _| Ok(()));
    assert!(matches!(error, Some(SearchError::Skip(_))), "{error:?}");
    assert_eq!((found, error), query.at_once());
}

#[test]
fn a_callback_that_fails_ends_the_search() {
    let query = three_partitions();
    let budget = Budget::unlimited();
    let mut callbacks = 0;
    let (_, error) = query.in_rounds(&budget, |_, _, _| {
        callbacks += 1;
        Err(Stopped::ByCaller)
    });
    assert_eq!((error, callbacks), (Some(SearchError::Stopped(Stopped::ByCaller)), 1));
}

#[test]
fn a_callback_that_leaves_out_what_is_waited_for_is_not_asked_for_ever() {
    // No value for the second partition's first request; no values at all.
    let (found, error) = three_partitions().in_rounds(&Budget::unlimited(), |_, wanted, values| {
        if wanted == 3 {
            values[1] = None;
        }
        Ok(())
    });
    assert_eq!(error, Some(SearchError::Evaluation(1, EvaluationError::Missing)));
    assert_eq!(found.matches, [(0, 10)]);
    let (found, error) = three_partitions().in_rounds(&Budget::unlimited(), |_, _, values| {
        values.clear();
        Ok(())
    });
    assert_eq!(error, Some(SearchError::Evaluation(1, EvaluationError::Missing)));
    assert_eq!(found, Found::default());
}

#[test]
fn within_a_budget_the_answer_is_whole_or_refused() {
    let query = Query::new("A B+", &ABOVE_A, saw(3_000, 30), vec![1_000; 3]);
    let whole = query.at_once();
    let mut answered = 0;
    for bytes in (8..26).map(|power| 1 << power) {
        match query.in_rounds(&Budget::new(None, Some(bytes)), |_, _, _| Ok(())) {
            (found, None) => {
                assert_eq!((found, None), whole, "{bytes} bytes");
                answered += 1;
            }
            (_, Some(error)) => assert_eq!(error, SearchError::Stopped(Stopped::MemoryLimit)),
        }
    }
    assert!((1..18).contains(&answered), "{answered} of 18 answered");
}

#[test]
fn time_ends_between_rounds() {
    // Each callback takes a while; without a limit there are many.
    let query = Query::new("A B+", &ABOVE_A, saw(100_000, 70), vec![100_000]);
    let budget = Budget::new(Some(Duration::from_millis(100)), None);
    let mut callbacks = 0;
    let (_, error) = query.in_rounds(&budget, |_, _, _| {
        callbacks += 1;
        std::thread::sleep(Duration::from_millis(30));
        Ok(())
    });
    assert_eq!(error, Some(SearchError::Stopped(Stopped::TimeLimit)));
    assert!(callbacks < 100, "{callbacks}");
}
