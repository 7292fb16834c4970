//! Conditions that depend on the match: the search finds what the rules give, and stops when it is told to.

use arbitrary::{Result, Unstructured};
use rowpattern_core::backtrack::{Backtracking, FAILURES_BEFORE_NOTES, MatchConditions};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::expression::{
    Aggregate, Condition, Expression, Function, Operation, Scope, Type, Value, ValueColumn, is_native,
};
use rowpattern_core::matcher::{Compiled, Context, Scan, SearchError};
use rowpattern_core::rows::{At, Partitions, VariableSet};

use crate::evaluate::{Surroundings, truth};
use crate::found::Found;
use crate::generate;
use crate::pattern_rows::{compile, problem, product_skip, symbols};
use crate::reference::{self, Mapped, Part, Problem};

const VARIABLES: u8 = 3;

/// The steps that the search may take between two looks at whether it is to stop.
const STEPS_A_TICK: u64 = 1 << 10;

/// More looks than any search here needs that does not go astray.
const MOST_TICKS: u64 = 2_000;

#[derive(Debug)]
struct Case {
    pattern: Part,
    skip: reference::Skip,
    /// Rows of each partition.
    counts: Vec<usize>,
    /// For each row the variables that it may be mapped to whatever the match, as bits.
    rows: Vec<u32>,
    conditions: MatchConditions,
    /// The search is stopped at this look, if it comes so far.
    stop: Option<u64>,
    /// Failures are noted behind so many in one match.
    failures_before_notes: u32,
}

/// The target.
///
/// # Panics
/// Where the promise is broken.
pub fn conditions(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let Ok((pattern, compiled)) = pattern(&mut bytes) else { return };
    let Some(compiled) = compiled else { return };
    let Ok(case) = Case::arbitrary(&mut bytes, pattern, &compiled) else { return };
    let (found, ended, ticks, steps) = search(&case, &compiled);
    assert!(steps < (ticks + 1) * STEPS_A_TICK, "{steps} steps in {ticks} ticks: {case:?}");
    assert!(ticks <= case.stop.unwrap_or(MOST_TICKS), "{ticks} ticks: {case:?}");
    if ended == Err(SearchError::Stopped(Stopped::ByCaller)) {
        assert_eq!(Some(ticks), case.stop, "{case:?}");
        return;
    }
    let Some((expected, failed)) = expected(&case, &compiled) else { return };
    match ended {
        // The search computes no more than the reference, which had an answer for all.
        Err(SearchError::Evaluation(..)) => panic!("a condition has no answer: {case:?}"),
        ended => assert_eq!(problem(ended), failed, "{case:?}"),
    }
    assert_eq!(found, expected, "{}, {case:?}", case.pattern.text());
}

fn pattern(bytes: &mut Unstructured<'_>) -> Result<(Part, Option<Compiled>)> {
    let depth = bytes.int_in_range(1..=4)?;
    let pattern = generate::pattern(bytes, VARIABLES, depth)?;
    let compiled = compile(&pattern);
    Ok((pattern, compiled))
}

fn search(case: &Case, compiled: &Compiled) -> (Found, std::result::Result<(), SearchError>, u64, u64) {
    let partitions = Partitions::from_counts(&case.counts).expect("memory for a few partitions");
    let mut symbols = symbols(compiled, case.rows.iter());
    let mut tables = compiled.take_tables();
    tables.adopt(&mut symbols);
    let mut ticks = 0;
    let mut tick = || {
        ticks += 1;
        assert!(ticks <= MOST_TICKS, "{case:?}");
        if case.stop.is_some_and(|stop| ticks >= stop) { Err(Stopped::ByCaller) } else { Ok(()) }
    };
    let budget = Budget::unlimited();
    let mut context = Context::new(compiled, &symbols, &mut tables, &budget, &mut tick);
    let skip = product_skip(compiled, case.skip);
    let strategy = Backtracking::new(&case.conditions, &compiled.variables, skip);
    let mut scan = Scan::new(strategy.noting_after(case.failures_before_notes));
    let mut found = Found::default();
    let ended = scan.run(&mut context, &partitions, &mut found, usize::MAX).map(drop);
    let steps = scan.strategy().steps();
    (found, ended, ticks, steps)
}

/// What has to be found; None where the reference cannot say.
fn expected(case: &Case, compiled: &Compiled) -> Option<(Found, Option<Problem>)> {
    let numbers: Vec<u8> = (0..VARIABLES)
        .map(|variable| compiled.variable(&char::from(b'A' + variable).to_string()).unwrap_or(u8::MAX))
        .collect();
    let mut found = Found::default();
    let mut begin = 0;
    for (partition, &rows) in case.counts.iter().enumerate() {
        let mut holds = |start: usize, mapped: &[Mapped], number: usize| {
            let variables: Vec<u8> = mapped.iter().map(|row| numbers[usize::from(row.variable)]).collect();
            let last = mapped.len() - 1;
            if case.rows[begin + start + last] >> mapped[last].variable & 1 == 0 {
                return Ok(false);
            }
            let Some(condition) = &case.conditions.conditions[usize::from(variables[last])] else { return Ok(true) };
            let surroundings = Surroundings {
                conditions: &case.conditions,
                names: &compiled.variables,
                begin,
                end: begin + rows,
                start: begin + start,
                variables: &variables,
                number,
            };
            let held = surroundings.evaluate(condition.expression()).map_err(|_| Problem::Undecided)?;
            Ok(truth(&held) == Some(true))
        };
        let (matches, problem) = reference::scan(&case.pattern, rows, case.skip, &mut holds);
        if problem == Some(Problem::Undecided) {
            return None;
        }
        for each in &matches {
            for row in &each.rows {
                found.variables.push(numbers[usize::from(row.variable)]);
                if compiled.automaton.excludes {
                    found.excluded.push(u8::from(row.excluded));
                }
            }
            let start = begin + each.start;
            found.add_match(partition, start, start + each.rows.len());
        }
        if problem.is_some() {
            return Some((found, problem));
        }
        begin += rows;
    }
    Some((found, None))
}

impl Case {
    fn arbitrary(bytes: &mut Unstructured<'_>, pattern: Part, compiled: &Compiled) -> Result<Self> {
        let skip = generate::skip(bytes, VARIABLES)?;
        let counts: Vec<usize> =
            (0..bytes.int_in_range(1..=2)?).map(|_| bytes.int_in_range(0..=10)).collect::<Result<_>>()?;
        let count = counts.iter().sum();
        let given = list(bytes, 3, |bytes| column(bytes, count))?;
        let (types, columns): (Vec<Type>, Vec<ValueColumn<'_>>) = given.into_iter().unzip();
        let sets = list(bytes, 3, variable_set)?;
        let aggregates: Vec<Aggregate> = list(bytes, 3, |bytes| aggregate(bytes, &types))?;
        let results: Vec<Type> = aggregates.iter().map(|aggregate| aggregate.result).collect();
        let mut reader = Reader { columns: &types, sets: sets.len(), aggregates: &results, left: 40 };
        let scope = Scope { columns: &types, sets: sets.len(), aggregates: &results };
        let mut conditions = Vec::new();
        for _ in &compiled.variables {
            let expression = if bytes.ratio(2, 5)? { None } else { Some(reader.condition(bytes)?) };
            conditions.push(expression.map(|each| Condition::new(each, &scope).expect("types fit")));
        }
        let stop = if bytes.ratio(1, 8)? { Some(bytes.int_in_range(1..=3)?) } else { None };
        let rows = (0..count)
            .map(|_| if bytes.ratio(7, 8)? { Ok(u32::MAX) } else { bytes.arbitrary() })
            .collect::<Result<_>>()?;
        Ok(Self {
            pattern,
            skip,
            counts,
            rows,
            conditions: MatchConditions { columns, sets, aggregates, conditions },
            stop,
            // Read last, so that all else of a stored input stays as it was.
            failures_before_notes: if bytes.ratio(3, 4)? { 0 } else { FAILURES_BEFORE_NOTES },
        })
    }
}

fn list<T>(
    bytes: &mut Unstructured<'_>,
    most: usize,
    mut item: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..bytes.int_in_range(0..=most)?).map(|_| item(bytes)).collect()
}

fn variable_set(bytes: &mut Unstructured<'_>) -> Result<VariableSet> {
    let members: u8 = bytes.arbitrary()?;
    Ok((0..VARIABLES).filter(|variable| members >> variable & 1 == 1).collect())
}

fn aggregate(bytes: &mut Unstructured<'_>, columns: &[Type]) -> Result<Aggregate> {
    let functions = [
        Function::Count,
        Function::Sum,
        Function::Avg,
        Function::Min,
        Function::Max,
        Function::VarPop,
        Function::VarSamp,
        Function::StddevPop,
        Function::StddevSamp,
        Function::ArgMin,
        Function::ArgMax,
        Function::StringAgg,
    ];
    let column = if columns.is_empty() { None } else { Some(bytes.choose_index(columns.len())?) };
    let argument = column.map(|number| columns[number]);
    let mut function = *bytes.choose(&functions)?;
    let result = match (function, argument) {
        (Function::Sum, Some(Type::BigInt)) => Type::HugeInt,
        (Function::Count, _) | (_, None) => Type::BigInt,
        (Function::Min | Function::Max | Function::ArgMin | Function::ArgMax | Function::StringAgg, Some(kind)) => kind,
        (_, Some(_)) => Type::Double,
    };
    let key = if function.has_key() && column.is_some() { Some(bytes.choose_index(columns.len())?) } else { None };
    let arguments: Vec<Type> = column.into_iter().chain(key).map(|number| columns[number]).collect();
    let key = if function.is_native(&arguments, result) {
        key
    } else {
        function = Function::Count;
        None
    };
    let separator = (function == Function::StringAgg).then(|| "-".into());
    let is_count = function == Function::Count;
    let (column, argument) = if is_count && bytes.arbitrary()? { (None, None) } else { (column, argument) };
    // Any whole numbers are numbers of values.
    let numbers = columns.iter().position(|&kind| kind == Type::BigInt);
    let takes_each_once = argument.is_some_and(|kind| function.takes_each_once(kind));
    let distinct = if takes_each_once && bytes.arbitrary()? { numbers } else { None };
    let variables = if bytes.arbitrary()? { Some(variable_set(bytes)?) } else { None };
    let result = if is_count { Type::BigInt } else { result };
    Ok(Aggregate { function, column, key, distinct, separator, argument, variables, result })
}

fn column(bytes: &mut Unstructured<'_>, rows: usize) -> Result<(Type, ValueColumn<'static>)> {
    let with_null: bool = bytes.arbitrary()?;
    let valid = |bytes: &mut Unstructured<'_>| Ok(!with_null || bytes.ratio(3, 4)?);
    let ints = |bytes: &mut Unstructured<'_>| Ok(if valid(bytes)? { Some(int(bytes)?) } else { None });
    Ok(match bytes.int_in_range(0..=3_u8)? {
        0 => (Type::Boolean, values(bytes, rows, &[Some(true), Some(false), None])?.into_iter().collect()),
        1 => (Type::BigInt, each(bytes, rows, ints)?.into_iter().collect()),
        2 => {
            let floats = |bytes: &mut Unstructured<'_>| Ok(if valid(bytes)? { Some(float(bytes)?) } else { None });
            (Type::Double, each(bytes, rows, floats)?.into_iter().collect())
        }
        _ => (Type::Varchar, values(bytes, rows, &[Some("A"), Some(""), Some("ß"), None])?.into_iter().collect()),
    })
}

fn each<T>(
    bytes: &mut Unstructured<'_>,
    rows: usize,
    mut item: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..rows).map(|_| item(bytes)).collect()
}

fn values<T: Clone>(bytes: &mut Unstructured<'_>, rows: usize, known: &[T]) -> Result<Vec<T>> {
    (0..rows).map(|_| bytes.choose(known).cloned()).collect()
}

fn int(bytes: &mut Unstructured<'_>) -> Result<i64> {
    Ok(*bytes.choose(&[0, 1, 2, 3, 1, 2, 3, -1, i64::MAX, i64::MIN])?)
}

fn float(bytes: &mut Unstructured<'_>) -> Result<f64> {
    Ok(*bytes.choose(&[0.0, -0.0, 0.5, 1.0, 2.0, 2.5, -1.0, f64::NAN, f64::INFINITY, f64::MAX])?)
}

const COMPARISONS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

const OPERATIONS: [&str; 6] = ["+", "-", "*", "/", "//", "%"];

const TYPES: [Type; 5] = [Type::Boolean, Type::BigInt, Type::HugeInt, Type::Double, Type::Varchar];

/// Makes conditions over columns and aggregates of these types and so many sets, of so many parts at most.
struct Reader<'t> {
    columns: &'t [Type],
    sets: usize,
    aggregates: &'t [Type],
    left: usize,
}

impl Reader<'_> {
    fn at(&self, bytes: &mut Unstructured<'_>) -> Result<At> {
        let set = if self.sets > 0 && bytes.arbitrary()? { Some(bytes.choose_index(self.sets)?) } else { None };
        Ok(At {
            set,
            first: bytes.arbitrary()?,
            offset: *bytes.choose(&[0, 0, 0, 0, 1, 2, 7, usize::MAX])?,
            rows: *bytes.choose(&[0, 0, 0, 0, 1, -1, 3, i64::MIN, i64::MAX])?,
        })
    }

    /// Half of them compare two values, as most conditions do; the others are of any shape.
    fn condition(&mut self, bytes: &mut Unstructured<'_>) -> Result<Expression> {
        if bytes.arbitrary()? {
            return self.node(bytes, Type::Boolean, 4);
        }
        let (kind, left) = if !self.aggregates.is_empty() && bytes.arbitrary()? {
            let number = bytes.choose_index(self.aggregates.len())?;
            let result = self.aggregates[number];
            (result, Expression { result, operation: Operation::Aggregate(number) })
        } else {
            let kind = *bytes.choose(&TYPES)?;
            (kind, self.leaf(bytes, kind)?)
        };
        let right = self.node(bytes, kind, 1)?;
        Ok(Expression::call(Type::Boolean, bytes.choose(&COMPARISONS)?, [left, right]))
    }

    fn node(&mut self, bytes: &mut Unstructured<'_>, result: Type, depth: u32) -> Result<Expression> {
        self.left = self.left.saturating_sub(1);
        if depth == 0 || self.left == 0 {
            return self.leaf(bytes, result);
        }
        let kind = *bytes.choose(&TYPES)?;
        let (name, arguments) = match bytes.int_in_range(0..=15_u8)? {
            0..=3 => (*bytes.choose(&COMPARISONS)?, vec![kind, kind]),
            4 | 5 => (*bytes.choose(&OPERATIONS)?, vec![result, result]),
            6 => ("and", vec![Type::Boolean; 2]),
            7 => ("or", vec![Type::Boolean; 3]),
            8 => ("not", vec![Type::Boolean]),
            9 => (*bytes.choose(&["is null", "is not null"])?, vec![kind]),
            10 => ("in", vec![kind; bytes.int_in_range(2..=4)?]),
            11 => {
                let branches = bytes.int_in_range(1..=2)?;
                let parts = std::iter::repeat_n([Type::Boolean, result], branches).flatten();
                ("case", parts.chain([result]).collect())
            }
            12 => ("coalesce", vec![result; bytes.int_in_range(1..=3)?]),
            13 => (*bytes.choose(&["greatest", "least"])?, vec![result; bytes.int_in_range(1..=3)?]),
            14 => (*bytes.choose(&["abs", "negate"])?, vec![result]),
            _ => ("cast", vec![kind]),
        };
        if !is_native(name, &arguments, result) {
            return self.leaf(bytes, result);
        }
        let parts = arguments.into_iter().map(|kind| self.node(bytes, kind, depth - 1)).collect::<Result<Vec<_>>>()?;
        Ok(Expression::call(result, name, parts))
    }

    /// A part of a type without others.
    fn leaf(&self, bytes: &mut Unstructured<'_>, result: Type) -> Result<Expression> {
        let of_type = |known: &[Type]| -> Vec<usize> { (0..known.len()).filter(|&at| known[at] == result).collect() };
        let (columns, aggregates) = (of_type(self.columns), of_type(self.aggregates));
        let operation = match bytes.int_in_range(0..=8_u8)? {
            0..=4 if !columns.is_empty() => Operation::Read(*bytes.choose(&columns)?, self.at(bytes)?),
            5 if !aggregates.is_empty() => Operation::Aggregate(*bytes.choose(&aggregates)?),
            6 if result == Type::Varchar => Operation::Classifier(self.at(bytes)?),
            6 if result == Type::BigInt => Operation::MatchNumber,
            6 if result == Type::Boolean => Operation::Exists(self.at(bytes)?),
            7 => Operation::Literal(Value::Null),
            _ => Operation::Literal(match result {
                Type::Boolean => Value::Bool(bytes.arbitrary()?),
                Type::Double => Value::Double(float(bytes)?),
                Type::Varchar => Value::Text((*bytes.choose(&["A", "B", ""])?).into()),
                Type::HugeInt => Value::Wide(i128::from(int(bytes)?)),
                _ => Value::Int(int(bytes)?),
            }),
        };
        Ok(Expression { result, operation })
    }
}
