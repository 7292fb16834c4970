//! Conditions that depend on the match: what the search costs where there are exponentially many ways, and that
//! what is undone on the way back is undone whole.

#[path = "support/found.rs"]
mod found;

use found::Found;
use rowpattern_core::backtrack::{Backtracking, MatchConditions};
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
    let mut context = Context {
        automaton: &compiled.automaton,
        symbols: &symbols,
        tables: &mut tables,
        budget: &budget,
        tick: &mut tick,
    };
    let mut scan = Scan::new(Backtracking::new(conditions, &compiled.variables, Skip::PastLastRow));
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
