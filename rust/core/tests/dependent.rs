//! Conditions that depend on the match: what the search costs where there are exponentially many ways, and that
//! what is undone on the way back is undone whole.

#[path = "support/found.rs"]
mod found;

use found::Found;
use rowpattern_core::backtrack::{Backtracking, FAILURES_BEFORE_NOTES, MatchConditions};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::condition::{Aggregate, Comparison, Expression, Function, Value, ValueColumn};
use rowpattern_core::matcher::{Compiled, Context, Scan, SearchError};
use rowpattern_core::rows::{At, Partitions, Skip, SymbolsBuilder, VariableSet};

const FIRST: At = At { set: None, first: true, offset: 0, rows: 0 };
const CURRENT: At = At { set: None, first: false, offset: 0, rows: 0 };

/// The matches, each with the variables of its rows.
fn matches(found: &Found) -> Vec<(usize, usize, Vec<u8>)> {
    let mut rest = found.variables.as_slice();
    let bounds = found.starts.iter().zip(&found.ends).map(|(&start, &end)| (start as usize, end as usize));
    let each = bounds.map(|(start, end)| {
        let (these, others) = rest.split_at(end - start);
        rest = others;
        (start, end, these.to_vec())
    });
    each.collect()
}

/// Searches rows that all variables can take, and gives the matches and the steps.
fn search(pattern: &str, conditions: &MatchConditions, rows: usize) -> (Vec<(usize, usize, Vec<u8>)>, u64) {
    search_noting_after(FAILURES_BEFORE_NOTES, pattern, conditions, rows)
}

/// The same, where failures are noted behind so many in a match.
fn search_noting_after(
    failures: u32,
    pattern: &str,
    conditions: &MatchConditions,
    rows: usize,
) -> (Vec<(usize, usize, Vec<u8>)>, u64) {
    let compiled = Compiled::new(pattern).unwrap();
    let budget = Budget::unlimited();
    let mut builder = SymbolsBuilder::new(compiled.variables.len(), rows, &budget).unwrap();
    for variable in 0..compiled.variables.len() {
        builder.fill_all(variable as u8);
    }
    let mut symbols = builder.finish(&budget).unwrap();
    let mut tables = compiled.take_tables();
    tables.adopt(&mut symbols);
    let mut tick = || Ok(());
    let mut context = Context::new(&compiled, &symbols, &mut tables, &budget, &mut tick);
    let strategy = Backtracking::new(conditions, &compiled.variables, Skip::PastLastRow);
    let mut scan = Scan::new(strategy.noting_after(failures));
    let mut found = Found::default();
    scan.run(&mut context, &Partitions::one(rows), &mut found, usize::MAX).unwrap();
    (matches(&found), scan.strategy().steps())
}

/// C is false everywhere, and its condition says so only at each row.
fn never(rows: usize, variables: usize) -> MatchConditions {
    let above = Expression::Compare(
        Comparison::Greater,
        Box::new(Expression::Read(0, CURRENT)),
        Box::new(Expression::Read(0, FIRST)),
    );
    let mut conditions: Vec<Option<Expression>> = (0..variables).map(|_| None).collect();
    conditions[variables - 1] = Some(above);
    MatchConditions {
        columns: vec![ValueColumn::Float(vec![1.0; rows], Vec::new())],
        conditions,
        ..MatchConditions::default()
    }
}

#[test]
fn from_one_start_steps_are_linear_in_the_rows() {
    // Conditions that read the current row and the first: what they read of a branch is the same for all branches.
    for pattern in ["^((A | B)*)* C", "^(((A | B)*)*)* C", "^(A+ B*)+ C", "^(A* B* A*)* C"] {
        let steps = |rows| search(pattern, &never(rows, 3), rows).1;
        let (some, twice) = (steps(2_000), steps(4_000));
        assert!(twice < some * 21 / 10, "{pattern}: {some} steps, then {twice}");
        assert!(some < 2_000 * 40, "{pattern}: {some} steps for 2,000 rows");
    }
}

/// Two branches fail together only if they agree in all that conditions can still read: the answer is the same with and without
/// notes of failures, whatever one condition reads.
#[test]
fn notes_of_failures_change_no_answer() {
    const ROWS: usize = 6;
    let at = |first, offset| At { set: Some(0), first, offset, rows: 0 };
    let of_match = |first, offset| At { set: None, first, offset, rows: 0 };
    let b = Some(VariableSet::of(1));
    let functions = [Function::Count, Function::Sum, Function::Avg, Function::Min, Function::Max];
    let aggregates = functions.map(|function| Aggregate { function, column: Some(0), variables: b });
    let read = |at| move || Expression::Read(0, at);
    let classifier = |at| move || Expression::Classifier(at);
    let aggregate = |slot| move || Expression::Aggregate(slot);
    let mut reads: Vec<Box<dyn Fn() -> Expression>> = Vec::new();
    for place in [at(true, 0), at(true, 1), at(false, 0), at(false, 1), of_match(true, 2), of_match(false, 2)] {
        reads.push(Box::new(read(place)));
    }
    for place in [of_match(true, 1), of_match(false, 1), of_match(false, 2), at(true, 0)] {
        reads.push(Box::new(classifier(place)));
    }
    (0..functions.len()).for_each(|slot| reads.push(Box::new(aggregate(slot))));
    let number = |number| move || Expression::Int(number);
    let text = |text: &'static str| move || Expression::Text(text.into());
    let mut values: Vec<Box<dyn Fn() -> Expression>> = Vec::new();
    (0..16).for_each(|value| values.push(Box::new(number(value))));
    for name in ["A", "B"] {
        values.push(Box::new(text(name)));
    }
    for pattern in ["(A | B)+ C", "A? (A | B)* A? C", "(A* B*)* C"] {
        for read in &reads {
            for value in &values {
                let equal = Expression::Compare(Comparison::Equal, Box::new(read()), Box::new(value()));
                let shown = format!("{pattern}: {equal:?}");
                let conditions = MatchConditions {
                    columns: vec![ValueColumn::Int((0..ROWS as i64).collect(), Vec::new())],
                    sets: vec![VariableSet::of(1)],
                    // Their states are part of what is noted, and would tell branches apart that differ in other things.
                    aggregates: if matches!(read(), Expression::Aggregate(_)) {
                        aggregates.to_vec()
                    } else {
                        Vec::new()
                    },
                    conditions: vec![None, None, Some(equal)],
                };
                let found = |failures| search_noting_after(failures, pattern, &conditions, ROWS).0;
                assert_eq!(found(0), found(u32::MAX), "{shown}");
            }
        }
    }
}

#[test]
fn aggregates_are_undone_on_the_way_back() {
    // B+ takes all rows first; C wants the sum of exactly three rows of B behind it.
    let columns = vec![ValueColumn::Int((0..50).map(|_| 2).collect(), Vec::new())];
    let b = VariableSet::of(1);
    let sum = Aggregate { function: Function::Sum, column: Some(0), variables: Some(b) };
    let max = Aggregate { function: Function::Max, column: Some(0), variables: Some(b) };
    let equal = |slot, value| {
        Box::new(Expression::Compare(
            Comparison::Equal,
            Box::new(Expression::Aggregate(slot)),
            Box::new(Expression::Int(value)),
        ))
    };
    let conditions = MatchConditions {
        columns,
        sets: Vec::new(),
        aggregates: vec![sum, max],
        conditions: vec![None, None, Some(Expression::And(equal(0, 6), equal(1, 2)))],
    };
    let (found, _) = search("A B+ C", &conditions, 50);
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|(start, end, variables)| end - start == 5 && variables == &[0, 1, 1, 1, 2]));
}

#[test]
fn null_is_not_true() {
    let conditions = MatchConditions {
        columns: vec![ValueColumn::Float(vec![1.0, 2.0], vec![true, false])],
        conditions: vec![Some(Expression::Not(Box::new(Expression::Compare(
            Comparison::Equal,
            Box::new(Expression::Read(0, CURRENT)),
            Box::new(Expression::Float(9.0)),
        ))))],
        ..MatchConditions::default()
    };
    assert_eq!(search("A", &conditions, 2).0, [(0, 1, vec![0])]);
    assert_eq!(conditions.columns[0].value(1), Value::Null);
}

#[test]
fn within_a_budget_the_answer_is_whole_or_refused() {
    // It goes back, notes what fails, and keeps an aggregate and a set's rows.
    let compiled = Compiled::new("A (A | B)* C").unwrap();
    let rows = 60;
    let sum = Aggregate { function: Function::Sum, column: Some(0), variables: None };
    let last = At { set: Some(0), first: false, offset: 0, rows: 0 };
    let enough =
        Expression::Compare(Comparison::Equal, Box::new(Expression::Aggregate(0)), Box::new(Expression::Int(10)));
    let below =
        Expression::Compare(Comparison::Less, Box::new(Expression::Read(0, last)), Box::new(Expression::Int(3)));
    let conditions = MatchConditions {
        columns: vec![ValueColumn::Int((0..rows).map(|row| row % 3).collect(), Vec::new())],
        sets: vec![VariableSet::of(1)],
        aggregates: vec![sum],
        conditions: vec![None, Some(below), Some(enough)],
    };
    let rows = rows as usize;
    let unlimited = Budget::unlimited();
    let mut builder = SymbolsBuilder::new(3, rows, &unlimited).unwrap();
    (0..3).for_each(|variable| builder.fill_all(variable));
    let mut symbols = builder.finish(&unlimited).unwrap();
    let run = |symbols: &mut _, bytes| {
        let mut tables = compiled.take_tables();
        tables.adopt(symbols);
        let budget = Budget::new(None, bytes);
        let mut tick = || Ok(());
        let mut context =
            Context { automaton: &compiled.automaton, symbols, tables: &mut tables, budget: &budget, tick: &mut tick };
        let mut scan = Scan::new(Backtracking::new(&conditions, &compiled.variables, Skip::ToNextRow));
        let mut found = Found::default();
        let ended = scan.run(&mut context, &Partitions::one(rows), &mut found, usize::MAX);
        compiled.give_back(tables);
        (ended.map(|_| matches(&found)), budget.charged_bytes())
    };
    let (whole, charged) = run(&mut symbols, None);
    let whole = whole.unwrap();
    assert!(whole.len() > 10, "{}", whole.len());
    assert_eq!(charged, 0, "all is given back");
    let mut answered = 0;
    for bytes in (0..24).map(|number| 2_usize.pow(number)) {
        match run(&mut symbols, Some(bytes)).0 {
            Ok(found) => {
                assert_eq!(found, whole, "{bytes} bytes");
                answered += 1;
            }
            Err(error) => assert_eq!(error, SearchError::Stopped(Stopped::MemoryLimit)),
        }
    }
    assert!((1..24).contains(&answered), "{answered} of 24 answered");
    assert_eq!(run(&mut symbols, None).0.unwrap(), whole);
}

#[test]
fn a_navigation_beyond_all_rows_is_null() {
    // An offset that no arithmetic on it can hold.
    for first in [true, false] {
        for set in [None, Some(0)] {
            let beyond = Expression::Read(0, At { set, first, offset: usize::MAX, rows: 0 });
            let conditions = MatchConditions {
                columns: vec![ValueColumn::Int(vec![1; 5], Vec::new())],
                sets: vec![VariableSet::of(0)],
                conditions: vec![Some(Expression::IsNull(Box::new(beyond)))],
                ..MatchConditions::default()
            };
            assert_eq!(search("A", &conditions, 5).0.len(), 5);
        }
    }
}
