//! The search in rounds, where parts of conditions are computed by a callback, against the same conditions computed at once.

#[path = "support/computed.rs"]
mod computed;

use std::collections::HashSet;
use std::time::Duration;

use computed::{ABOVE_A, Found, KINDS, Query, saw};
use proptest::prelude::*;
use rowpattern_core::backtrack::{PartitionAnswers, Purpose};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::expression::{Answers, Argument, EvaluationError, Interval, Request, Value};
use rowpattern_core::matcher::SearchError;
use rowpattern_core::rows::{Skip, VariableSet};

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

#[test]
fn partitions_behind_one_that_takes_long_come_out_in_order() {
    // More than are begun while the first one waits.
    let (first, others) = (3_000, 6_000);
    let mut counts = vec![2; others + 1];
    counts[0] = first;
    let query = Query::new("A B+", &ABOVE_A, saw(first + 2 * others, 2), counts);
    let (found, error) = query.in_rounds(&Budget::unlimited(), |_, _, _| Ok(()));
    assert_eq!(found.starts.len(), first / 2 + others);
    assert_eq!((found, error), query.at_once());
}

/// So many rows that three threads search, in partitions of 64.
fn many_partitions() -> Query {
    let partitions = 6_200;
    let mut query = Query::new("A B+", &ABOVE_A, saw(64 * partitions, 3), vec![64; partitions]);
    query.divisors = vec![1; 64 * partitions];
    query
}

#[test]
fn threads_find_what_one_finds_and_the_first_error() {
    let mut query = many_partitions();
    let in_threads = |query: &Query| query.in_rounds_of(3, &Budget::unlimited(), |_, _, _| Ok(()));
    assert_eq!(in_threads(&query), query.at_once());
    // In the middle, and in the last partitions, with which one of the threads begins.
    for row in [200_000, 64 * 6_199 + 1] {
        query.divisors[row] = -1;
    }
    let budget = Budget::unlimited();
    let (found, error) = query.in_rounds_of(3, &budget, |_, _, _| Ok(()));
    assert_eq!(error, Some(SearchError::Evaluation(1, EvaluationError::Overflow)));
    assert_eq!((found, error), query.at_once());
    assert_eq!(budget.charged_bytes(), 0);
}

#[test]
fn a_callback_that_fails_ends_all_threads() {
    let query = many_partitions();
    let caller = std::thread::current().id();
    let mut callbacks = 0;
    let (_, error) = query.in_rounds_of(3, &Budget::unlimited(), |_, _, _| {
        assert_eq!(std::thread::current().id(), caller);
        callbacks += 1;
        if callbacks < 4 { Ok(()) } else { Err(Stopped::ByCaller) }
    });
    assert_eq!(error, Some(SearchError::Stopped(Stopped::ByCaller)));
}

#[test]
#[should_panic(expected = "a callback panics")]
fn a_callback_that_panics_ends_all_threads() {
    let _ = many_partitions().in_rounds_of(3, &Budget::unlimited(), |_, _, _| panic!("a callback panics"));
}

#[test]
fn answers_for_matches_that_were_searched_can_be_forgotten() {
    let request = |row| Request { expression: 0, arguments: Box::new([Argument::Row(Some(row))]) };
    let budget = Budget::unlimited();
    let mut answers = PartitionAnswers::default();
    for row in 0..1_000 {
        let (number, _) = answers.ask(&request(row), Purpose { start: row, depth: 0 }, &budget).unwrap();
        // Those of every third row are not there yet.
        let value = Some(Value::Text(row.to_string().into())).filter(|_| row % 3 > 0);
        answers.put(number, value, &budget).unwrap();
    }
    let charged = answers.charged_bytes();
    assert_eq!(budget.charged_bytes(), charged);
    answers.forget_before(900, &budget).unwrap();
    assert!(answers.charged_bytes() < charged / 4, "{} of {charged}", answers.charged_bytes());
    assert_eq!(budget.charged_bytes(), answers.charged_bytes());
    for row in 0..1_000 {
        let known = (row >= 900 && row % 3 > 0).then(|| Value::Text(row.to_string().into()));
        assert_eq!(answers.answer(&request(row)), known.as_ref(), "{row}");
        assert_eq!(answers.ask(&request(row), Purpose { start: row, depth: 0 }, &budget).unwrap().1, known.is_none());
    }
    answers.clear(&budget);
    assert_eq!(budget.charged_bytes(), 0);
}

#[test]
fn requests_that_differ_in_anything_are_different() {
    let text = |text: &str| Argument::Value(Value::Text(text.into()));
    let value = Argument::Value;
    let rows = |rows: &[usize]| Argument::Rows(rows.into());
    let interval = |months, days, micros| value(Value::Interval(Interval { months, days, micros }));
    let arguments: Vec<Vec<Argument>> = vec![
        vec![],
        vec![Argument::Row(None)],
        vec![Argument::Row(Some(0))],
        vec![Argument::Row(Some(1))],
        vec![Argument::Row(Some(0)), Argument::Row(Some(1))],
        vec![Argument::Row(Some(1)), Argument::Row(Some(0))],
        vec![rows(&[])],
        vec![rows(&[0])],
        vec![rows(&[0, 1])],
        vec![rows(&[0]), Argument::Row(Some(0))],
        vec![rows(&[]), rows(&[0])],
        vec![value(Value::Null)],
        vec![value(Value::Bool(false))],
        vec![value(Value::Bool(true))],
        vec![value(Value::Int(0))],
        vec![value(Value::Int(-1))],
        vec![value(Value::Wide(0))],
        vec![value(Value::Wide(1 << 64))],
        vec![value(Value::Float(0.0))],
        vec![value(Value::Float(-0.0))],
        vec![value(Value::Double(0.0))],
        vec![value(Value::Double(-0.0))],
        vec![interval(1, 0, 0)],
        vec![interval(0, 1, 0)],
        vec![interval(0, 0, 1)],
        vec![text("")],
        vec![text("a")],
        vec![text("a\0")],
        vec![text("abcdefgh")],
        vec![text("abcdefghi")],
        vec![text(""), text("a")],
        vec![text("a"), text("")],
    ];
    let budget = Budget::unlimited();
    let mut answers = PartitionAnswers::default();
    let requests = (0..2).flat_map(|expression| {
        arguments.iter().map(move |arguments| Request { expression, arguments: arguments.clone().into() })
    });
    for (number, request) in requests.enumerate() {
        let asked = answers.ask(&request, Purpose { start: 0, depth: 0 }, &budget);
        assert_eq!(asked, Ok((number, true)), "{request:?}");
        assert_eq!(answers.ask(&request, Purpose { start: 0, depth: 0 }, &budget), Ok((number, false)));
    }
}
