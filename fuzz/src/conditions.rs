//! Conditions that depend on the match: the search finds what the rules give, and stops when it is told to.

use arbitrary::{Result, Unstructured};
use rowpattern_core::backtrack::{Backtracking, FAILURES_BEFORE_NOTES, MatchConditions};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::condition::{Aggregate, Arithmetic, Comparison, Expression, Function, ValueColumn};
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
            let held = surroundings.evaluate(condition).map_err(|_| Problem::Undecided)?;
            Ok(truth(held) == Some(true))
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
        let columns = list(bytes, 3, |bytes| column(bytes, count))?;
        let sets = list(bytes, 3, variable_set)?;
        let aggregates = list(bytes, 3, |bytes| aggregate(bytes, columns.len()))?;
        let mut reader = Reader { columns: columns.len(), sets: sets.len(), aggregates: aggregates.len(), left: 40 };
        let conditions = (0..compiled.variables.len())
            .map(|_| if bytes.ratio(2, 5)? { Ok(None) } else { reader.condition(bytes).map(Some) })
            .collect::<Result<_>>()?;
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

fn aggregate(bytes: &mut Unstructured<'_>, columns: usize) -> Result<Aggregate> {
    let functions = [Function::Count, Function::Sum, Function::Avg, Function::Min, Function::Max];
    let column = if columns > 0 { Some(bytes.choose_index(columns)?) } else { None };
    // Rows are all that can be counted without a column.
    let function = if column.is_some() { *bytes.choose(&functions)? } else { Function::Count };
    let column = if function == Function::Count && bytes.arbitrary()? { None } else { column };
    let variables = if bytes.arbitrary()? { Some(variable_set(bytes)?) } else { None };
    Ok(Aggregate { function, column, variables })
}

fn column(bytes: &mut Unstructured<'_>, rows: usize) -> Result<ValueColumn> {
    let mut valid = Vec::new();
    if bytes.arbitrary()? {
        valid = (0..rows).map(|_| bytes.ratio(3, 4)).collect::<Result<_>>()?;
    }
    Ok(match bytes.int_in_range(0..=3_u8)? {
        0 => ValueColumn::Bool(values(bytes, rows, &[Some(true), Some(false), None])?),
        1 => ValueColumn::Int((0..rows).map(|_| int(bytes)).collect::<Result<_>>()?, valid),
        2 => ValueColumn::Float((0..rows).map(|_| float(bytes)).collect::<Result<_>>()?, valid),
        _ => ValueColumn::Text(values(bytes, rows, &[Some("A".into()), Some("".into()), Some("ß".into()), None])?),
    })
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

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

const OPERATIONS: [Arithmetic; 6] = [
    Arithmetic::Add,
    Arithmetic::Subtract,
    Arithmetic::Multiply,
    Arithmetic::Divide,
    Arithmetic::IntDivide,
    Arithmetic::Modulo,
];

/// Makes conditions over so many columns, sets and aggregates, of so many parts at most.
struct Reader {
    columns: usize,
    sets: usize,
    aggregates: usize,
    left: usize,
}

impl Reader {
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
            return self.node(bytes, 4);
        }
        let left = if self.aggregates > 0 && bytes.arbitrary()? {
            Expression::Aggregate(bytes.choose_index(self.aggregates)?)
        } else {
            self.leaf(bytes)?
        };
        Ok(Expression::Compare(*bytes.choose(&COMPARISONS)?, Box::new(left), Box::new(self.node(bytes, 1)?)))
    }

    fn node(&mut self, bytes: &mut Unstructured<'_>, depth: u32) -> Result<Expression> {
        self.left = self.left.saturating_sub(1);
        if depth == 0 || self.left == 0 {
            return self.leaf(bytes);
        }
        let mut part = |bytes: &mut Unstructured<'_>| self.node(bytes, depth - 1).map(Box::new);
        Ok(match bytes.int_in_range(0..=16_u8)? {
            0..=3 => Expression::Compare(*bytes.choose(&COMPARISONS)?, part(bytes)?, part(bytes)?),
            4 | 5 => Expression::Arithmetic(*bytes.choose(&OPERATIONS)?, part(bytes)?, part(bytes)?),
            6 => Expression::And(part(bytes)?, part(bytes)?),
            7 => Expression::Or(part(bytes)?, part(bytes)?),
            8 => Expression::Not(part(bytes)?),
            9 => Expression::IsNull(part(bytes)?),
            10 => Expression::In(part(bytes)?, list(bytes, 3, |bytes| self.node(bytes, depth - 1))?),
            11 => {
                let branch =
                    |bytes: &mut Unstructured<'_>| Ok((self.node(bytes, depth - 1)?, self.node(bytes, depth - 1)?));
                let branches = list(bytes, 2, branch)?;
                Expression::Case(branches, Box::new(self.node(bytes, depth - 1)?))
            }
            12 => Expression::Coalesce(list(bytes, 3, |bytes| self.node(bytes, depth - 1))?),
            13 => Expression::Extreme(bytes.arbitrary()?, list(bytes, 3, |bytes| self.node(bytes, depth - 1))?),
            14 => {
                if bytes.arbitrary()? {
                    Expression::Abs(part(bytes)?)
                } else {
                    Expression::Negate(part(bytes)?)
                }
            }
            15 => Expression::Round(part(bytes)?, *bytes.choose(&[0, 1, -1, 400, i32::MIN, i32::MAX])?),
            _ => Expression::ToFloat(part(bytes)?),
        })
    }

    fn leaf(&self, bytes: &mut Unstructured<'_>) -> Result<Expression> {
        Ok(match bytes.int_in_range(0..=11_u8)? {
            0..=4 if self.columns > 0 => Expression::Read(bytes.choose_index(self.columns)?, self.at(bytes)?),
            5 if self.aggregates > 0 => Expression::Aggregate(bytes.choose_index(self.aggregates)?),
            6 => Expression::Classifier(self.at(bytes)?),
            7 => Expression::MatchNumber,
            8 => Expression::Bool(bytes.arbitrary()?),
            9 => Expression::Float(float(bytes)?),
            10 => {
                if bytes.arbitrary()? {
                    Expression::Null
                } else {
                    Expression::Text((*bytes.choose(&["A", "B", ""])?).into())
                }
            }
            _ => Expression::Int(int(bytes)?),
        })
    }
}
