//! Conditions that depend on the match: what the search costs where there are exponentially many ways, and that
//! what is undone on the way back is undone whole.

use rowpattern::condition::{Aggregate, At, Column, Comparison, Conditions, DependentScan, Function, Node, Value};
use rowpattern::matcher::{Compiled, Context, Partitions, Sink, Skip, Span, SymbolsBuilder, VariableSet};

const FIRST: At = At { set: None, first: true, offset: 0, rows: 0 };
const CURRENT: At = At { set: None, first: false, offset: 0, rows: 0 };

struct Spans(Vec<(usize, usize, Vec<u8>)>, Vec<u8>);

impl Sink for Spans {
    const ROWS: bool = true;
    fn row(&mut self, variable: u8, _: u32) {
        self.1.push(variable);
    }
    fn complete(&mut self, span: Span) -> bool {
        self.0.push((span.start, span.end, std::mem::take(&mut self.1)));
        false
    }
}

/// Searches rows that all variables can take, and gives the matches and the steps.
fn search(pattern: &str, conditions: &Conditions, rows: usize) -> (Vec<(usize, usize, Vec<u8>)>, u64) {
    let compiled = Compiled::new(pattern).unwrap();
    let mut builder = SymbolsBuilder::new(compiled.variables.len(), rows);
    for variable in 0..compiled.variables.len() {
        builder.fill_all(variable as u8);
    }
    let mut symbols = builder.finish();
    let mut tables = compiled.take_tables();
    tables.adopt(&mut symbols);
    let mut tick = || Ok(());
    let mut context =
        Context { automaton: &compiled.automaton, symbols: &symbols, tables: &mut tables, tick: &mut tick };
    let mut scan = DependentScan::new(conditions, &compiled.variables, Skip::PastLastRow);
    let mut spans = Spans(Vec::new(), Vec::new());
    scan.run(&mut context, &Partitions::one(rows), 0..1, &mut spans).unwrap();
    (spans.0, scan.steps())
}

/// C is false everywhere, and its condition says so only at each row.
fn never(rows: usize, variables: usize) -> Conditions {
    let above = Node::Compare(Comparison::Greater, Box::new(Node::Read(0, CURRENT)), Box::new(Node::Read(0, FIRST)));
    let mut conditions: Vec<Option<Node>> = (0..variables).map(|_| None).collect();
    conditions[variables - 1] = Some(above);
    Conditions { columns: vec![Column::Float(vec![1.0; rows], Vec::new())], conditions, ..Conditions::default() }
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
    let columns = vec![Column::Int((0..50).map(|_| 2).collect(), Vec::new())];
    let b = VariableSet::of(1);
    let sum = Aggregate { function: Function::Sum, column: Some(0), variables: Some(b) };
    let max = Aggregate { function: Function::Max, column: Some(0), variables: Some(b) };
    let equal = |slot, value| {
        Box::new(Node::Compare(Comparison::Equal, Box::new(Node::Aggregate(slot)), Box::new(Node::Int(value))))
    };
    let conditions = Conditions {
        columns,
        sets: Vec::new(),
        aggregates: vec![sum, max],
        conditions: vec![None, None, Some(Node::And(equal(0, 6), equal(1, 2)))],
    };
    let (found, _) = search("A B+ C", &conditions, 50);
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|(start, end, variables)| end - start == 5 && variables == &[0, 1, 1, 1, 2]));
}

#[test]
fn null_is_not_true() {
    let conditions = Conditions {
        columns: vec![Column::Float(vec![1.0, 2.0], vec![true, false])],
        conditions: vec![Some(Node::Not(Box::new(Node::Compare(
            Comparison::Equal,
            Box::new(Node::Read(0, CURRENT)),
            Box::new(Node::Float(9.0)),
        ))))],
        ..Conditions::default()
    };
    assert_eq!(search("A", &conditions, 2).0, [(0, 1, vec![0])]);
    assert_eq!(conditions.columns[0].value(1), Value::Null);
}

#[test]
fn a_navigation_beyond_all_rows_is_null() {
    // An offset that no arithmetic on it can hold.
    for first in [true, false] {
        for set in [None, Some(0)] {
            let beyond = Node::Read(0, At { set, first, offset: usize::MAX, rows: 0 });
            let conditions = Conditions {
                columns: vec![Column::Int(vec![1; 5], Vec::new())],
                sets: vec![VariableSet::of(0)],
                conditions: vec![Some(Node::IsNull(Box::new(beyond)))],
                ..Conditions::default()
            };
            assert_eq!(search("A", &conditions, 5).0.len(), 5);
        }
    }
}
