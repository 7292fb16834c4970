//! The two loops that come of one definition agree: for a combination of rows, and for a batch; on random trees over random
//! columns of all types.

use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::expression::{
    ColumnTable, ColumnsError, Condition, EvaluationError, Expression, Interval, MatchSoFar, NoAnswers, Operation,
    Physical, RowContext, RowProgram, Scope, Surroundings, Type, Value, ValueColumn, is_native,
};
use rowpattern_core::rows::{At, Partitions};

const CURRENT: At = At { set: None, first: false, offset: 0, rows: 0 };

const TYPES: [Type; 16] = [
    Type::Boolean,
    Type::TinyInt,
    Type::Integer,
    Type::BigInt,
    Type::HugeInt,
    Type::UBigInt,
    Type::Float,
    Type::Double,
    Type::Decimal { width: 5, scale: 2 },
    Type::Decimal { width: 38, scale: 2 },
    Type::Date,
    Type::Time,
    Type::Timestamp,
    Type::TimestampNs,
    Type::Interval,
    Type::Varchar,
];

/// Random numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }

    fn one_of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    fn whole(&mut self, (least, most): (i128, i128)) -> i128 {
        match self.below(8) {
            0 => least,
            1 => most,
            2 => 0_i128.clamp(least, most),
            _ => (self.below(21) as i128 - 10).clamp(least, most),
        }
    }

    /// A value of a type, NULL now and then.
    fn value(&mut self, kind: Type) -> Value {
        if self.below(5) == 0 {
            return Value::Null;
        }
        let range = match kind {
            Type::Decimal { width, .. } => (1 - 10_i128.pow(u32::from(width)), 10_i128.pow(u32::from(width)) - 1),
            Type::Date => (i128::from(-i32::MAX), i128::from(i32::MAX)),
            Type::Time => (0, 86_400_000_000 - 1),
            _ => kind.whole_range().unwrap_or((i128::from(-i64::MAX), i128::from(i64::MAX))),
        };
        let floats = [0.0, -0.0, 0.5, -1.5, 2.0, 1e30, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX];
        match kind.physical() {
            Physical::Bool => Value::Bool(self.below(2) == 0),
            Physical::Int => Value::Int(self.whole(range) as i64),
            Physical::Wide => Value::Wide(self.whole(range)),
            Physical::Float => Value::Float(self.one_of(&floats) as f32),
            Physical::Double => Value::Double(self.one_of(&floats)),
            Physical::Interval => {
                let numbers = [0, 1, -1, 30, -31, i32::MAX, i32::MIN];
                let micros = self.one_of(&[0, 1, -86_400_000_000, i64::MAX, i64::MIN]);
                Value::Interval(Interval { months: self.one_of(&numbers), days: self.one_of(&numbers), micros })
            }
            Physical::Text => Value::Text(self.one_of(&["", "a", "ab", "ß", "é🦆", "%", "year"]).into()),
        }
    }

    fn column(&mut self, kind: Type, rows: usize) -> ValueColumn<'static> {
        let values: Vec<Value> = (0..rows).map(|_| self.value(kind)).collect();
        macro_rules! column {
            ($variant:ident) => {
                values
                    .iter()
                    .map(|value| if let Value::$variant(value) = value { Some(*value) } else { None })
                    .collect()
            };
        }
        match kind.physical() {
            Physical::Bool => column!(Bool),
            Physical::Int => column!(Int),
            Physical::Wide => column!(Wide),
            Physical::Float => column!(Float),
            Physical::Double => column!(Double),
            Physical::Interval => column!(Interval),
            Physical::Text => {
                values.iter().map(|value| if let Value::Text(text) = value { Some(&**text) } else { None }).collect()
            }
        }
    }

    /// An expression with values of a type.
    fn expression(&mut self, result: Type, depth: usize) -> Expression {
        let column = TYPES.iter().position(|&kind| kind == result).unwrap();
        if depth == 0 || self.below(6) == 0 {
            let at = At { rows: self.one_of(&[0, 0, -1, 1, 3, i64::MIN, i64::MAX]), ..CURRENT };
            return match self.below(6) {
                0 => Expression::literal(result, self.value(result)),
                1 if result == Type::Boolean => Expression { result, operation: Operation::Exists(at) },
                _ => Expression::read(result, column, at),
            };
        }
        for _ in 0..200 {
            let (name, arguments) = self.call(result);
            if is_native(name, &arguments, result) {
                let parts: Vec<Expression> = arguments.iter().map(|&kind| self.expression(kind, depth - 1)).collect();
                return Expression::call(result, name, parts);
            }
        }
        Expression::read(result, column, CURRENT)
    }

    /// A name and types, which may be a call that there is.
    fn call(&mut self, result: Type) -> (&'static str, Vec<Type>) {
        const OF_ONE_TYPE: [&str; 12] =
            ["=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from", "in", "between", "in", "="];
        const OPERATORS: [&str; 14] =
            ["+", "-", "*", "/", "//", "%", "&", "<<", "||", "like", "contains", "pow", "xor", ">>"];
        const OF_ONE: [&str; 20] = [
            "negate",
            "abs",
            "sign",
            "floor",
            "ceil",
            "round",
            "sqrt",
            "isnan",
            "is null",
            "is not null",
            "not",
            "year",
            "month",
            "epoch",
            "hour",
            "length",
            "trim",
            "last_day",
            "cast",
            "try_cast",
        ];
        let any = self.one_of(&TYPES);
        match self.below(8) {
            0 => (self.one_of(&OF_ONE_TYPE), vec![any; 2 + self.below(2)]),
            1 => (self.one_of(&["and", "or"]), vec![Type::Boolean; 1 + self.below(3)]),
            2 => {
                let branches = 1 + self.below(2);
                let parts = std::iter::repeat_n([Type::Boolean, result], branches).flatten();
                ("case", parts.chain([result]).collect())
            }
            3 => (self.one_of(&["coalesce", "greatest", "least"]), vec![result; 1 + self.below(3)]),
            4 | 5 => (self.one_of(&OF_ONE), vec![any]),
            6 => (self.one_of(&OPERATORS), vec![any, any]),
            _ => (self.one_of(&OPERATORS), vec![any, self.one_of(&TYPES)]),
        }
    }
}

/// The condition that an expression has the value that stands in one more column.
fn has_value(expression: &Expression) -> Condition {
    let types = [&TYPES[..], &[expression.result]].concat();
    let parts = [expression.clone(), Expression::read(expression.result, TYPES.len(), CURRENT)];
    let scope = Scope { columns: &types, sets: 0, aggregates: &[] };
    Condition::new(Expression::call(Type::Boolean, "is not distinct from", parts), &scope).unwrap()
}

fn partitions(random: &mut Random, rows: usize) -> Partitions {
    let mut starts = vec![0];
    while random.below(3) > 0 {
        let last = starts[starts.len() - 1];
        starts.push(last + random.below(rows - last + 1));
    }
    Partitions::from_starts(starts, rows).unwrap()
}

/// Compares both for all rows; gives whether there was a value, and not an error.
fn agree(seed: u64, rows: usize) -> bool {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..10 {
        random.below(2);
    }
    let mut columns: Vec<ValueColumn<'_>> = TYPES.iter().map(|&kind| random.column(kind, rows)).collect();
    let partitions = partitions(&mut random, rows);
    let result = random.one_of(&TYPES);
    let expression = random.expression(result, 4);
    let shown = || format!("seed {seed}: {expression:?}");
    let program = RowProgram::new(&expression, &TYPES).unwrap_or_else(|error| panic!("{error}: {}", shown()));
    let table = ColumnTable { columns: &columns, rows, partitions: &partitions };
    assert!(table.fits(&TYPES));
    let budget = Budget::unlimited();
    let many = table.evaluate(&[program], 1, &budget, &mut || Ok(()));
    // What was found is compared with; where nothing was, any value is.
    let found = many.as_ref().ok().map(|found| found[0].clone());
    columns.push(found.unwrap_or_else(|| random.column(result, rows)));
    let condition = has_value(&expression);
    let mut so_far = MatchSoFar::new(&[], &[], &columns);
    let mut one = |row: usize| {
        let (begin, end) = partitions.bounds(partitions.of_row(row));
        let around = Surroundings { columns: &columns, names: &[], begin, end, number: 1, answers: &NoAnswers };
        so_far.begin(row);
        so_far.push(0, &budget).unwrap();
        condition.evaluate(&RowContext::new(&so_far, &around))
    };
    match many {
        Ok(found) => {
            for row in 0..rows {
                assert_eq!(one(row), Ok(Some(true)), "row {row}, {:?}: {}", found[0].value(row), shown());
            }
            true
        }
        Err(ColumnsError::Evaluation(0, error)) => {
            // One that is met first in a batch may stand behind another in a row.
            assert!((0..rows).any(|row| one(row).is_err()), "{error}: {}", shown());
            assert_ne!(error, EvaluationError::Missing, "{}", shown());
            false
        }
        Err(error) => panic!("{error:?}: {}", shown()),
    }
}

#[test]
fn one_and_many_agree() {
    let answered = (0..3_000).filter(|&seed| agree(seed, 1 + seed as usize % 23)).count();
    assert!((1_000..2_990).contains(&answered), "{answered} of 3,000 have a value");
}

#[test]
fn they_agree_over_several_batches() {
    let answered = (10_000..10_040).filter(|&seed| agree(seed, 2_100)).count();
    assert!(answered > 5, "{answered}");
}

#[test]
fn threads_and_limits_change_no_answer() {
    let rows = 200_000;
    let numbers: ValueColumn<'_> = (0..rows as i64).map(|number| (number % 7 != 0).then_some(number)).collect();
    let texts: ValueColumn<'_> = (0..rows).map(|row| Some(["a", "bc", ""][row % 3])).collect();
    let columns = [numbers, texts];
    let read = |kind, column, rows| Expression::read(kind, column, At { rows, ..CURRENT });
    let expressions = [
        Expression::call(Type::BigInt, "+", [read(Type::BigInt, 0, 0), read(Type::BigInt, 0, -1)]),
        Expression::call(Type::Varchar, "||", [read(Type::Varchar, 1, 0), read(Type::Varchar, 1, 2)]),
        Expression::call(Type::Boolean, "<", [read(Type::BigInt, 0, 0), read(Type::BigInt, 0, 1)]),
    ];
    let programs: Vec<RowProgram> =
        expressions.iter().map(|each| RowProgram::new(each, &[Type::BigInt, Type::Varchar]).unwrap()).collect();
    let partitions = Partitions::from_starts((0..rows).step_by(1000).collect(), rows).unwrap();
    let table = ColumnTable { columns: &columns, rows, partitions: &partitions };
    let run = |threads, budget: &Budget| table.evaluate(&programs, threads, budget, &mut || Ok(()));
    let one = run(1, &Budget::unlimited()).unwrap();
    let several = run(4, &Budget::unlimited()).unwrap();
    for (one, other) in one.iter().zip(&several) {
        assert_eq!(one.len(), rows);
        assert!((0..rows).all(|row| one.value(row) == other.value(row)));
    }
    let error = run(2, &Budget::new(None, Some(1 << 20))).err();
    assert_eq!(error, Some(ColumnsError::Stopped(Stopped::MemoryLimit)));
    let mut ticks = 0;
    let mut stop = || {
        ticks += 1;
        if ticks > 3 { Err(Stopped::ByCaller) } else { Ok(()) }
    };
    let stopped = table.evaluate(&programs, 1, &Budget::unlimited(), &mut stop).err();
    assert_eq!(stopped, Some(ColumnsError::Stopped(Stopped::ByCaller)));
}

#[test]
fn what_does_not_fit_is_refused() {
    let number = || Expression::read(Type::BigInt, 0, CURRENT);
    let of_set = Expression::read(Type::BigInt, 0, At { set: Some(0), ..CURRENT });
    let refused = [
        Expression::read(Type::Double, 0, CURRENT),
        Expression::read(Type::BigInt, 1, CURRENT),
        Expression::call(Type::BigInt, "+", [number()]),
        Expression::call(Type::BigInt, "nothing", [number()]),
        Expression::call(Type::Boolean, "case", [number(), number()]),
        Expression::literal(Type::BigInt, Value::Double(1.0)),
        of_set,
        Expression { result: Type::BigInt, operation: Operation::MatchNumber },
    ];
    for expression in refused {
        assert!(RowProgram::new(&expression, &[Type::BigInt]).is_err(), "{expression:?}");
    }
}
