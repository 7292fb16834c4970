//! The matches of a pattern in rows are those of the standard's rules, whichever pass finds them.

use arbitrary::{Result, Unstructured};
use rowpattern_core::budget::Budget;
use rowpattern_core::matcher::{Compiled, Context, ForwardPass, Scan, Search, SearchError};
use rowpattern_core::pattern::CompileError;
use rowpattern_core::rows::{Partitions, Skip, SkipProblem, Symbols, SymbolsBuilder, VariableSet};

use crate::found::Found;
use crate::generate;
use crate::reference::{self, Match, Part, Problem};

/// A pattern and partitions of rows; a row is the set of variables whose conditions hold, as bits.
#[derive(Debug)]
struct Case {
    pattern: Part,
    partitions: Vec<Vec<u32>>,
    /// The partitions come so often, one time after the other: tables are then used again.
    times: usize,
    skip: reference::Skip,
}

impl Case {
    fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Self> {
        // Up to 8 variables, up to 16 and more take different ways through the product.
        let variables = *bytes.choose(&[3, 3, 3, 9, 17])?;
        let depth = bytes.int_in_range(1..=5)?;
        let pattern = generate::pattern(bytes, variables, depth)?;
        let skip = generate::skip(bytes, variables)?;
        let times = *bytes.choose(&[1, 1, 1, 2, 60])?;
        let one_each: bool = bytes.ratio(1, 8)?;
        let partitions = (0..bytes.int_in_range(1..=3)?)
            .map(|_| {
                let rows = bytes.int_in_range(0..=10_usize)?;
                (0..rows)
                    .map(|_| {
                        let row = bytes.arbitrary::<u32>()? & ((1 << variables) - 1);
                        Ok(if one_each { row & row.wrapping_neg() } else { row })
                    })
                    .collect::<Result<Vec<_>>>()
            })
            .collect::<Result<_>>()?;
        Ok(Self { pattern, partitions, times, skip })
    }

    fn all_partitions(&self) -> impl Iterator<Item = &Vec<u32>> {
        (0..self.times).flat_map(|_| &self.partitions)
    }

    /// What has to be found; None where the reference cannot say.
    fn expected(&self, compiled: &Compiled) -> Option<Expected> {
        let answers: Vec<_> = self
            .partitions
            .iter()
            .map(|rows| {
                let mut holds = |start: usize, mapped: &[reference::Mapped], _: usize| {
                    let last = mapped.len() - 1;
                    Ok(rows[start + last] >> mapped[last].variable & 1 == 1)
                };
                reference::scan(&self.pattern, rows.len(), self.skip, &mut holds)
            })
            .collect();
        if answers.iter().any(|(_, problem)| *problem == Some(Problem::Undecided)) {
            return None;
        }
        let mut expected = Expected::default();
        let mut first = 0;
        for number in 0..self.partitions.len() * self.times {
            let (matches, problem) = &answers[number % self.partitions.len()];
            for found in matches {
                expected.add(compiled, number, first, found);
            }
            expected.problem = *problem;
            if problem.is_some() {
                break;
            }
            first += self.partitions[number % self.partitions.len()].len();
        }
        Some(expected)
    }
}

#[derive(Debug, Default)]
struct Expected {
    found: Found,
    problem: Option<Problem>,
}

impl Expected {
    fn add(&mut self, compiled: &Compiled, partition: usize, first: usize, found: &Match) {
        let start = first + found.start;
        for row in &found.rows {
            self.found.variables.push(number_of(compiled, row.variable));
            if compiled.automaton.excludes {
                self.found.excluded.push(u8::from(row.excluded));
            }
        }
        self.found.add_match(partition, start, start + found.rows.len());
    }
}

/// The product's number of a variable of ours; one that is not in the pattern has a number that no row is mapped to.
fn number_of(compiled: &Compiled, variable: u8) -> u8 {
    compiled.variable(&char::from(b'A' + variable).to_string()).unwrap_or(u8::MAX)
}

/// The product's form of a skip.
pub fn product_skip(compiled: &Compiled, skip: reference::Skip) -> Skip {
    let set = |variable| VariableSet::of(number_of(compiled, variable));
    match skip {
        reference::Skip::PastLastRow => Skip::PastLastRow,
        reference::Skip::ToNextRow => Skip::ToNextRow,
        reference::Skip::ToFirst(variable) => Skip::ToFirst(set(variable)),
        reference::Skip::ToLast(variable) => Skip::ToLast(set(variable)),
    }
}

/// Compiles what was written as a pattern; None where it passes a limit.
pub fn compile(pattern: &Part) -> Option<Compiled> {
    match Compiled::new(&pattern.text()) {
        Ok(compiled) => Some(compiled),
        Err(CompileError::Limit(_)) => None,
        Err(CompileError::Syntax(error)) => panic!("{error}"),
    }
}

/// Rows as the product takes them; a row is a set of our variables as bits.
pub fn symbols<'r>(compiled: &Compiled, rows: impl ExactSizeIterator<Item = &'r u32> + Clone) -> Symbols {
    let budget = Budget::unlimited();
    let mut builder =
        SymbolsBuilder::new(compiled.variables.len(), rows.len(), &budget).expect("memory for a few rows");
    for (number, name) in compiled.variables.iter().enumerate() {
        let bit = name.as_bytes()[0] - b'A';
        builder.fill(number as u8, 0, rows.clone().map(|row| row >> bit & 1 == 1));
    }
    builder.finish(&budget).expect("memory for a few rows")
}

/// The target.
///
/// # Panics
/// Where the promise is broken.
pub fn pattern_rows(data: &[u8]) {
    let Ok(case) = Case::arbitrary(&mut Unstructured::new(data)) else { return };
    let Some(compiled) = compile(&case.pattern) else { return };
    if let Some(expected) = case.expected(&compiled) {
        check(&case, &compiled, &expected);
    }
}

fn check(case: &Case, compiled: &Compiled, expected: &Expected) {
    let text = case.pattern.text();
    let skip = product_skip(compiled, case.skip);
    let counts: Vec<usize> = case.all_partitions().map(Vec::len).collect();
    let partitions = Partitions::from_counts(&counts).expect("memory for a few partitions");
    let rows: Vec<u32> = case.all_partitions().flatten().copied().collect();
    let of_bits = symbols(compiled, rows.iter());
    let mut ways = vec![of_bits];
    if rows.iter().all(|row| row.count_ones() <= 1) {
        ways.push(labels(compiled, &rows));
    }
    let budget = Budget::unlimited();
    for mut symbols in ways {
        for rows_ahead in [usize::MAX, 1] {
            let mut tables = compiled.take_tables();
            tables.adopt(&mut symbols);
            let mut context = Context {
                automaton: &compiled.automaton,
                symbols: &symbols,
                tables: &mut tables,
                budget: &budget,
                tick: &mut || Ok(()),
            };
            let mut scan = Scan::new(ForwardPass::new::<Found>(skip));
            let mut found = Found::default();
            let ended = loop {
                match scan.run(&mut context, &partitions, &mut found, rows_ahead) {
                    Ok(true) => {}
                    ended => break ended,
                }
            };
            // What is found before a skip that fails is the same too.
            assert_eq!(found, expected.found, "{text}, {case:?}, {rows_ahead} rows ahead");
            assert_eq!(problem(ended.map(drop)), expected.problem, "{text}, {case:?}");
            compiled.give_back(tables);
        }
        whole_searches(case, compiled, expected, &mut symbols, &partitions, skip);
    }
}

fn whole_searches(
    case: &Case,
    compiled: &Compiled,
    expected: &Expected,
    symbols: &mut Symbols,
    partitions: &Partitions,
    skip: Skip,
) {
    let matches = expected.found.starts.len();
    let budget = Budget::unlimited();
    let mut tick = || Ok(());
    for by_the_fastest_pass in [false, true] {
        let search = Search::new(compiled, symbols, partitions, 1, &budget);
        let ended = if by_the_fastest_pass {
            search.run(skip, |_, _| Found::default(), &mut tick)
        } else {
            search.run_with(|| ForwardPass::new::<Found>(skip), |_, _| Found::default(), &mut tick)
        };
        compiled.give_back_all(ended.tables);
        assert_eq!(ended.found, expected.found, "{case:?}");
        assert_eq!(problem(ended.error.map_or(Ok(()), Err)), expected.problem, "{case:?}");
    }
    let (count, tables) = Search::new(compiled, symbols, partitions, 1, &budget).count(skip, &mut tick).into_result();
    compiled.give_back_all(tables);
    match count {
        Ok(count) => assert_eq!((count, None), (matches, expected.problem), "{case:?}"),
        Err(error) => assert_eq!(problem(Err(error)), expected.problem, "{case:?}"),
    }
    let (any, tables) = Search::new(compiled, symbols, partitions, 1, &budget).is_match(&mut tick).into_result();
    compiled.give_back_all(tables);
    assert_eq!(any, Ok(matches > 0), "{case:?}");
}

/// Rows with one variable at most, as labels.
fn labels(compiled: &Compiled, rows: &[u32]) -> Symbols {
    let table: Vec<Option<u8>> = (0..32_u8).map(|bit| compiled.variable(&char::from(b'A' + bit).to_string())).collect();
    let place = |row: &u32| row.trailing_zeros() as usize;
    Symbols::from_labels(compiled.variables.len(), &table, rows, place, &Budget::unlimited())
        .expect("memory for a few rows")
}

/// How a scan ended, as the reference says it.
pub fn problem(ended: std::result::Result<(), SearchError>) -> Option<Problem> {
    match ended {
        Ok(()) => None,
        Err(SearchError::Skip(error)) => Some(match error.problem {
            SkipProblem::NotInMatch => Problem::NotInMatch,
            SkipProblem::FirstRow => Problem::FirstRow,
        }),
        Err(error) => panic!("the search has no other reason to end: {error:?}"),
    }
}
