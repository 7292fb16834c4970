//! Conditions that depend on the match: what the search costs where there are exponentially many ways, and that
//! what is undone on the way back is undone whole.

#[path = "support/found.rs"]
mod found;

use found::Found;
use rowpattern_core::backtrack::{
    Asking, Backtracking, FAILURES_BEFORE_NOTES, MatchConditions, PartitionAnswers, Purpose,
};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::expression::{
    Aggregate, Argument, Condition, EvaluationError, Expression, Function, Given, Operation, Request, Scope, Type,
    Value, ValueColumn,
};
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
    let mut answers = PartitionAnswers::default();
    loop {
        let strategy = Backtracking::new(conditions, &compiled.variables, Skip::PastLastRow);
        let mut scan = Scan::new(strategy.noting_after(failures));
        std::mem::swap(scan.strategy_mut().answers(), &mut answers);
        let mut found = Found::default();
        let ended = scan.run(&mut context, &Partitions::one(rows), &mut found, usize::MAX);
        std::mem::swap(scan.strategy_mut().answers(), &mut answers);
        let Some(missing) = answers.take_missing() else {
            ended.unwrap();
            return (matches(&found), scan.strategy().steps());
        };
        assert_eq!(ended, Err(SearchError::Evaluation(2, EvaluationError::Missing)));
        let (number, _) = answers.ask(&missing, Purpose { start: 0, depth: 0 }, &budget).unwrap();
        answers.put(number, Some(computed_elsewhere(&missing)), &budget).unwrap();
    }
}

fn read(kind: Type, at: At) -> Expression {
    Expression::read(kind, 0, at)
}

fn int(number: i64) -> Expression {
    Expression::literal(Type::BigInt, Value::Int(number))
}

fn compare(sign: &str, one: Expression, two: Expression) -> Expression {
    Expression::call(Type::Boolean, sign, [one, two])
}

fn aggregate(number: usize, result: Type) -> Expression {
    Expression { result, operation: Operation::Aggregate(number) }
}

/// An aggregate over whole numbers, with DuckDB's type.
fn of_ints(function: Function, variables: Option<VariableSet>) -> Aggregate {
    let result = match function {
        Function::Sum => Type::HugeInt,
        Function::Avg => Type::Double,
        _ => Type::BigInt,
    };
    Aggregate {
        function,
        column: Some(0),
        key: None,
        distinct: None,
        separator: None,
        argument: Some(Type::BigInt),
        variables,
        result,
    }
}

/// Conditions over one column of a type.
fn conditions(
    kind: Type,
    column: ValueColumn<'static>,
    sets: Vec<VariableSet>,
    aggregates: Vec<Aggregate>,
    expressions: Vec<Option<Expression>>,
) -> MatchConditions {
    let results: Vec<Type> = aggregates.iter().map(|aggregate| aggregate.result).collect();
    let scope = Scope { columns: &[kind], sets: sets.len(), aggregates: &results };
    let compiled = |expression: Option<Expression>| expression.map(|each| Condition::new(each, &scope).unwrap());
    let conditions = expressions.into_iter().map(compiled).collect();
    MatchConditions { columns: vec![column], sets, aggregates, conditions }
}

/// What is computed elsewhere: a number that follows from all that is given.
fn computed_elsewhere(request: &Request) -> Value {
    let place = request.arguments.iter().map(|argument| match argument {
        Argument::Row(row) => row.unwrap_or(7),
        Argument::Rows(rows) => rows.iter().sum(),
        Argument::Value(Value::Text(text)) => text.len() + usize::from(&**text == "B"),
        Argument::Value(_) => 3,
    });
    Value::Int(place.sum::<usize>() as i64 % 16)
}

fn ints(numbers: impl IntoIterator<Item = i64>) -> ValueColumn<'static> {
    numbers.into_iter().map(Some).collect()
}

/// C is false everywhere, and its condition says so only at each row.
fn never(rows: usize, variables: usize) -> MatchConditions {
    let kind = Type::Double;
    let mut expressions: Vec<Option<Expression>> = (0..variables).map(|_| None).collect();
    expressions[variables - 1] = Some(compare(">", read(kind, CURRENT), read(kind, FIRST)));
    conditions(kind, (0..rows).map(|_| Some(1.0)).collect(), Vec::new(), Vec::new(), expressions)
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
    let aggregates = functions.map(|function| of_ints(function, b));
    let mut reads: Vec<Expression> = Vec::new();
    for place in [at(true, 0), at(true, 1), at(false, 0), at(false, 1), of_match(true, 2), of_match(false, 2)] {
        reads.push(read(Type::BigInt, place));
    }
    for place in [of_match(true, 1), of_match(false, 1), of_match(false, 2), at(true, 0)] {
        reads.push(Expression { result: Type::Varchar, operation: Operation::Classifier(place) });
    }
    reads.extend((0..functions.len()).map(|slot| aggregate(slot, aggregates[slot].result)));
    for given in [Given::Rows(Some(0)), Given::Rows(None), Given::Row(at(true, 1)), Given::Value(reads[7].clone())] {
        reads.push(Expression { result: Type::BigInt, operation: Operation::Computed(0, vec![given]) });
    }
    let values = |kind: Type| -> Vec<Value> {
        match kind {
            Type::Varchar => ["A", "B"].map(|name| Value::Text(name.into())).to_vec(),
            Type::Double => (0..16).map(|value| Value::Double(f64::from(value))).collect(),
            Type::HugeInt => (0..16).map(Value::Wide).collect(),
            _ => (0..16).map(Value::Int).collect(),
        }
    };
    for pattern in ["(A | B)+ C", "A? (A | B)* A? C", "(A* B*)* C"] {
        for read in &reads {
            for value in values(read.result) {
                let equal = compare("=", read.clone(), Expression::literal(read.result, value));
                let shown = format!("{pattern}: {equal:?}");
                // States of aggregates are part of what is noted, and would tell branches apart that differ in other things.
                let is_aggregate = matches!(read.operation, Operation::Aggregate(_));
                let aggregates = if is_aggregate { aggregates.to_vec() } else { Vec::new() };
                let sets = vec![VariableSet::of(1)];
                let column = ints(0..ROWS as i64);
                let conditions = conditions(Type::BigInt, column, sets, aggregates, vec![None, None, Some(equal)]);
                let found = |failures| search_noting_after(failures, pattern, &conditions, ROWS).0;
                assert_eq!(found(0), found(u32::MAX), "{shown}");
            }
        }
    }
}

#[test]
fn aggregates_are_undone_on_the_way_back() {
    // B+ takes all rows first; C wants the sum of exactly three rows of B behind it.
    let b = Some(VariableSet::of(1));
    let aggregates = vec![of_ints(Function::Sum, b), of_ints(Function::Max, b)];
    let six = Expression::literal(Type::HugeInt, Value::Wide(6));
    let enough = compare("=", aggregate(0, Type::HugeInt), six);
    let both = Expression::call(Type::Boolean, "and", [enough, compare("=", aggregate(1, Type::BigInt), int(2))]);
    let column = ints((0..50).map(|_| 2));
    let conditions = conditions(Type::BigInt, column, Vec::new(), aggregates, vec![None, None, Some(both)]);
    let (found, _) = search("A B+ C", &conditions, 50);
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|(start, end, variables)| end - start == 5 && variables == &[0, 1, 1, 1, 2]));
}

/// The longest run of B behind each start whose values vary by more than a half and less than one.
#[test]
fn variances_are_undone_on_the_way_back() {
    const ROWS: usize = 60;
    let value = |row: usize| (row * row % 7) as f64;
    let variance = |rows: std::ops::Range<usize>| {
        let count = rows.len() as f64;
        let mean = rows.clone().map(value).sum::<f64>() / count;
        rows.map(|row| (value(row) - mean).powi(2)).sum::<f64>() / count
    };
    let mut wanted = Vec::new();
    let mut start = 0;
    while start < ROWS {
        // A, then B up to `behind`, which is C's row.
        let ends = (start + 2..ROWS).rev().find(|&behind| (0.5..1.0).contains(&variance(start + 1..behind)));
        wanted.extend(ends.map(|behind| (start, behind + 1)));
        start = ends.map_or(start + 1, |behind| behind + 1);
    }
    let double = |number| Expression::literal(Type::Double, Value::Double(number));
    let spread = Aggregate {
        argument: Some(Type::Double),
        result: Type::Double,
        ..of_ints(Function::VarPop, Some(VariableSet::of(1)))
    };
    let root = Aggregate { function: Function::StddevPop, ..spread.clone() };
    let least = compare(">=", aggregate(0, Type::Double), double(0.5));
    let most = compare("<", aggregate(1, Type::Double), double(1.0));
    let both = Expression::call(Type::Boolean, "and", [least, most]);
    let column = (0..ROWS).map(|row| Some(value(row))).collect();
    let conditions = conditions(Type::Double, column, Vec::new(), vec![spread, root], vec![None, None, Some(both)]);
    let found: Vec<_> = search("A B+ C", &conditions, ROWS).0.iter().map(|&(start, end, _)| (start, end)).collect();
    assert!(wanted.len() > 3);
    assert_eq!(found, wanted);
}

#[test]
fn null_is_not_true() {
    let nine = Expression::literal(Type::Double, Value::Double(9.0));
    let equal = compare("=", read(Type::Double, CURRENT), nine);
    let other = Expression::call(Type::Boolean, "not", [equal]);
    let column = ValueColumn::from_iter([Some(1.0), None]);
    let conditions = conditions(Type::Double, column, Vec::new(), Vec::new(), vec![Some(other)]);
    assert_eq!(search("A", &conditions, 2).0, [(0, 1, vec![0])]);
    assert_eq!(conditions.columns[0].value(1), Value::Null);
}

#[test]
fn within_a_budget_the_answer_is_whole_or_refused() {
    // It goes back, notes what fails, and keeps an aggregate and a set's rows.
    let compiled = Compiled::new("A (A | B)* C").unwrap();
    let rows = 60;
    let last = At { set: Some(0), first: false, offset: 0, rows: 0 };
    let ten = Expression::literal(Type::HugeInt, Value::Wide(10));
    let enough = compare("=", aggregate(0, Type::HugeInt), ten);
    let below = compare("<", read(Type::BigInt, last), int(3));
    let conditions = conditions(
        Type::BigInt,
        ints((0..rows).map(|row| row % 3)),
        vec![VariableSet::of(1)],
        vec![of_ints(Function::Sum, None)],
        vec![None, Some(below), Some(enough)],
    );
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
            let beyond = read(Type::BigInt, At { set, first, offset: usize::MAX, rows: 0 });
            let expressions = vec![Some(Expression::call(Type::Boolean, "is null", [beyond]))];
            let sets = vec![VariableSet::of(0)];
            let conditions = conditions(Type::BigInt, ints([1; 5]), sets, Vec::new(), expressions);
            assert_eq!(search("A", &conditions, 5).0.len(), 5);
        }
    }
}
