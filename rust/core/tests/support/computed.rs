//! Queries whose conditions are computed at once, or by a callback of a search in rounds.
#![allow(dead_code, reason = "each test uses some of it")]

#[path = "found.rs"]
mod found;
#[path = "symbols.rs"]
mod symbols;

pub use found::Found;
use rowpattern_core::backtrack::{Asked, Backtracking, FAILURES_BEFORE_NOTES, MatchConditions, search_in_rounds};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::expression::{
    Aggregate, Argument, Condition, Expression, Function, Given, Operation, Request, Scope, Type, Value,
};
use rowpattern_core::matcher::{Compiled, Search, SearchError};
use rowpattern_core::rows::{At, Partitions, Skip, VariableSet};
use symbols::symbols_of;

pub const CURRENT: At = At { set: None, first: false, offset: 0, rows: 0 };
pub const PREVIOUS: At = At { rows: -1, ..CURRENT };
pub const NEXT: At = At { rows: 1, ..CURRENT };
pub const FIRST: At = At { first: true, ..CURRENT };
/// The last row of A, and the row before the last of B.
pub const LAST_A: At = At { set: Some(0), ..CURRENT };
pub const LAST_B: At = At { set: Some(1), offset: 1, ..CURRENT };

/// What a condition compares, by number; the last ones are not rows alone.
pub const PAIRS: [(At, At); 6] =
    [(CURRENT, LAST_A), (CURRENT, FIRST), (CURRENT, PREVIOUS), (NEXT, FIRST), (LAST_A, LAST_B), (PREVIOUS, LAST_A)];
pub const SUM: usize = PAIRS.len();
pub const SUM_OF_A: usize = SUM + 1;
pub const NUMBERED: usize = SUM + 2;
pub const NAMED: usize = SUM + 3;
pub const KINDS: usize = SUM + 4;

pub fn read(at: At) -> Expression {
    Expression::read(Type::BigInt, 0, at)
}

pub fn int(number: i64) -> Expression {
    Expression::literal(Type::BigInt, Value::Int(number))
}

pub fn sum(number: usize) -> Expression {
    Expression { result: Type::HugeInt, operation: Operation::Aggregate(number) }
}

pub fn wide(number: i128) -> Expression {
    Expression::literal(Type::HugeInt, Value::Wide(number))
}

pub fn match_number() -> Expression {
    Expression { result: Type::BigInt, operation: Operation::MatchNumber }
}

pub fn name_before() -> Expression {
    Expression { result: Type::Varchar, operation: Operation::Classifier(At { offset: 1, ..CURRENT }) }
}

pub fn boolean(sign: &str, left: Expression, right: Expression) -> Expression {
    Expression::call(Type::Boolean, sign, [left, right])
}

/// A condition that is computed at once.
pub fn direct(kind: usize) -> Expression {
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
pub fn computed(kind: usize) -> Expression {
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
pub fn answer(column: &[Option<i64>], kind: usize, request: &Request) -> Value {
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
pub struct Query {
    pub pattern: String,
    /// By variable.
    pub kinds: Vec<Option<usize>>,
    pub column: Vec<Option<i64>>,
    /// Variables divide by these; by none where they are empty.
    pub divisors: Vec<i64>,
    /// Which variables a row can be, as bits.
    pub masks: Vec<u8>,
    pub counts: Vec<usize>,
    pub skip: Skip,
    /// How many branches fail within a match before failures are noted.
    pub failures: u32,
}

pub type Outcome = (Found, Option<SearchError>);

impl Query {
    /// Rows that every variable can take, in one skip mode.
    pub fn new(pattern: &str, kinds: &[Option<usize>], column: Vec<i64>, counts: Vec<usize>) -> Self {
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
        let sum = |variables| Aggregate {
            function: Function::Sum,
            column,
            key: None,
            distinct: None,
            separator: None,
            argument,
            variables,
            result,
        };
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

    /// With conditions that are computed at once.
    pub fn at_once(&self) -> Outcome {
        let compiled = Compiled::new(&self.pattern).unwrap();
        let conditions = self.conditions(&compiled.variables, direct);
        let (mut symbols, budget) = (symbols_of(&self.masks, compiled.variables.len()), Budget::unlimited());
        let partitions = Partitions::from_counts(&self.counts).unwrap();
        let search = Search::new(&compiled, &mut symbols, &partitions, 1, &budget);
        // Without notes of failures.
        let strategy = || Backtracking::new(&conditions, &compiled.variables, self.skip).noting_after(u32::MAX);
        let ended = search.run_with(strategy, |_, _| Found::default(), &mut || Ok(()));
        (ended.found, ended.error)
    }

    /// In rounds; `compute` is handed the callback's arguments and what it should give.
    pub fn in_rounds(
        &self,
        budget: &Budget,
        compute: impl FnMut(&[Request], usize, &mut Vec<Option<Value>>) -> Result<(), Stopped>,
    ) -> Outcome {
        self.in_rounds_of(1, budget, compute)
    }

    /// As [`Self::in_rounds`], in several threads.
    pub fn in_rounds_of(
        &self,
        threads: usize,
        budget: &Budget,
        mut compute: impl FnMut(&[Request], usize, &mut Vec<Option<Value>>) -> Result<(), Stopped>,
    ) -> Outcome {
        let compiled = Compiled::new(&self.pattern).unwrap();
        let conditions = self.conditions(&compiled.variables, computed);
        let mut symbols = symbols_of(&self.masks, compiled.variables.len());
        let partitions = Partitions::from_counts(&self.counts).unwrap();
        let search = Search::new(&compiled, &mut symbols, &partitions, threads, budget);
        let strategy = || Backtracking::new(&conditions, &compiled.variables, self.skip).noting_after(self.failures);
        let mut callback = |asked: &mut Asked, values: &mut Vec<Option<Value>>| {
            assert!((1..=asked.requests).contains(&asked.wanted));
            let requests: Vec<Request> = (0..asked.requests).map(|at| asked.request(at)).collect();
            let value = |request| Some(answer(&self.column, asked.expression, request));
            values.extend(requests.iter().map(value));
            compute(&requests, asked.wanted, values)
        };
        let ended = search_in_rounds(search, strategy, &mut callback, &mut || Ok(()));
        (ended.found, ended.error)
    }
}

/// Rows of a saw: it falls at every `period`-th row.
pub fn saw(rows: usize, period: usize) -> Vec<i64> {
    (0..rows).map(|row| (row % period) as i64).collect()
}

/// The callback computes whether x is above A.x.
pub const ABOVE_A: [Option<usize>; 3] = [None, Some(0), None];
