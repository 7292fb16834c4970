//! Rows in batches give the matches of all rows at once, and each as soon as it is certain.

#[path = "support/found.rs"]
mod found;
#[path = "support/random_patterns.rs"]
mod random_patterns;

use found::Found;
use proptest::prelude::*;
use random_patterns::{cases, pattern, pattern_and_rows, symbols};
use rowpattern_core::budget::Budget;
use rowpattern_core::incremental::{
    ConditionAhead, LiveAutomaton, ReadAgain, RowFacts, RowLimits, StreamPartitions, StreamRules, ValueAhead,
};
use rowpattern_core::matcher::{Compiled, ForwardPass, Search};
use rowpattern_core::rows::{Partitions, Skip};

/// A match: its first row, the row behind its last, and the variables of its rows.
type Matched = (usize, usize, Vec<u8>);

/// The matches of rows that are all there.
fn at_once(compiled: &Compiled, rows: &[u8], skip: Skip) -> Vec<Matched> {
    let budget = Budget::unlimited();
    let mut symbols = symbols(compiled, rows);
    let partitions = Partitions::one(rows.len());
    let search = Search::new(compiled, &mut symbols, &partitions, 1, &budget);
    let strategy = || ForwardPass::new::<Found>(skip);
    let found = search.run_with(strategy, |_, _| Found::default(), &mut || Ok(())).found;
    let mut place = 0;
    let matched = found.starts.iter().zip(&found.ends).map(|(&start, &end)| {
        let (start, end) = (start as usize, end as usize);
        let variables = found.variables[place..place + end - start].to_vec();
        place += end - start;
        (start, end, variables)
    });
    matched.collect()
}

/// Rows as they come, in one partition.
struct Stream<'c> {
    compiled: &'c Compiled,
    open: StreamPartitions,
    rows: u64,
    found: Vec<Matched>,
}

impl<'c> Stream<'c> {
    fn new(compiled: &'c Compiled, skip: Skip) -> Self {
        let live = LiveAutomaton::new(&compiled.automaton);
        let rules = StreamRules::new(live, compiled.variables.len(), skip);
        Self { compiled, open: StreamPartitions::new(rules), rows: 0, found: Vec::new() }
    }

    fn push(&mut self, rows: &[u8]) {
        let budget = Budget::unlimited();
        let symbols = symbols(self.compiled, rows);
        self.open.begin();
        self.open.place(rows.len(), None, RowLimits::default(), &budget, &mut || Ok(())).unwrap();
        self.open.read_again(ReadAgain::ForRows);
        self.open.take(&RowFacts { symbols: &symbols, limits: RowLimits::default() }, self.rows);
        self.rows += rows.len() as u64;
        self.advance();
    }

    fn finish(&mut self) {
        self.open.begin();
        self.open.end(None);
        self.advance();
    }

    fn advance(&mut self) {
        self.open.advance(None, 1, &Budget::unlimited(), &mut || Ok(())).unwrap();
        let decided = self.open.decided();
        let mut place = 0;
        for (&start, &end) in decided.match_starts.iter().zip(&decided.match_ends) {
            let (start, length) = (start as usize, (end - start) as usize);
            let first = decided.references[start] as usize;
            let positions = &decided.positions[place..place + length];
            place += length;
            let variables = positions.iter().map(|&at| self.compiled.automaton.positions[at as usize].variable);
            self.found.push((first, first + length, variables.collect()));
        }
        self.open.keep();
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    /// However rows are cut, the matches are those of all rows; a step that is undone changes nothing.
    #[test]
    fn batches_give_what_all_rows_give(
        (text, rows) in pattern_and_rows(0..30), cuts in prop::collection::vec(1_usize..6, 30),
        skip in prop_oneof![Just(Skip::PastLastRow), Just(Skip::ToNextRow)],
    ) {
        let compiled = Compiled::new(&text).unwrap();
        let mut stream = Stream::new(&compiled, skip);
        let mut left = rows.as_slice();
        for cut in cuts {
            let (next, behind) = left.split_at(cut.min(left.len()));
            stream.push(next);
            left = behind;
        }
        stream.push(left);
        stream.finish();
        prop_assert_eq!(stream.open.counts().partitions, 0);
        prop_assert_eq!(&stream.found, &at_once(&compiled, &rows, skip));
    }
}

proptest! {
    #![proptest_config(cases(300))]

    /// What was given after each row begins every answer over these rows and any that follow, and nothing longer does.
    #[test]
    fn matches_leave_when_they_are_certain(
        text in pattern(&["A", "B"]),
        rows in prop::collection::vec(0_u8..4, 1..6),
        skip in prop_oneof![Just(Skip::PastLastRow), Just(Skip::ToNextRow)],
    ) {
        let compiled = Compiled::new(&text).unwrap();
        prop_assume!(compiled.automaton.positions.len() <= MOST_POSITIONS);
        let mut stream = Stream::new(&compiled, skip);
        for count in 1..=rows.len() {
            stream.push(&rows[count - 1..count]);
            let answers = continuations().map(|behind| {
                let all: Vec<u8> = rows[..count].iter().chain(&behind).copied().collect();
                at_once(&compiled, &all, skip)
            });
            let common = answers.reduce(|mut common, answer| {
                let same = common.iter().zip(&answer).take_while(|(one, other)| one == other).count();
                common.truncate(same);
                common
            });
            // An empty match needs the row where it begins.
            let of_rows = |(start, end, _): &Matched| (*end).max(start + 1) <= count;
            let certain: Vec<Matched> = common.unwrap_or_default().into_iter().take_while(of_rows).collect();
            prop_assert_eq!(&stream.found, &certain, "{} after {} rows", text, count);
        }
    }
}

/// A continuation with another answer has no more rows than the pattern has positions.
const MOST_POSITIONS: usize = 3;

/// All rows of two variables that may follow, up to so many.
fn continuations() -> impl Iterator<Item = Vec<u8>> {
    (0..=MOST_POSITIONS as u32).flat_map(|rows| {
        (0..4_u32.pow(rows)).map(move |number| (0..rows).map(|row| (number / 4_u32.pow(row) % 4) as u8).collect())
    })
}

#[test]
fn a_step_can_be_undone() {
    let compiled = Compiled::new("A B+").unwrap();
    let mut stream = Stream::new(&compiled, Skip::PastLastRow);
    stream.push(&[1, 2]);
    let budget = Budget::unlimited();
    let symbols = symbols(&compiled, &[2_u8, 1]);
    stream.open.begin();
    stream.open.place(2, None, RowLimits::default(), &budget, &mut || Ok(())).unwrap();
    stream.open.read_again(ReadAgain::ForRows);
    stream.open.take(&RowFacts { symbols: &symbols, limits: RowLimits::default() }, 2);
    stream.open.advance(None, 1, &budget, &mut || Ok(())).unwrap();
    assert_eq!(stream.open.decided().match_ends, [3]);
    stream.open.undo();
    assert_eq!(stream.open.counts().rows, 2);
    stream.push(&[1]);
    assert_eq!(stream.found, [(0, 2, vec![0, 1])]);
}

/// B is known when two rows behind its own have had a value; then it is said again whether it holds.
#[test]
fn a_condition_on_a_value_ahead_is_known_when_the_value_has_come() {
    let compiled = Compiled::new("A B").unwrap();
    let value = ValueAhead { source: 0, distance: 2 };
    let rules = StreamRules {
        conditions_ahead: vec![Vec::new(), vec![ConditionAhead { value, variables: None }]],
        value_sources: 1,
        ..StreamRules::new(LiveAutomaton::new(&compiled.automaton), 2, Skip::PastLastRow)
    };
    let mut stream = Stream { compiled: &compiled, open: StreamPartitions::new(rules), rows: 0, found: Vec::new() };
    let budget = Budget::unlimited();
    let mut read_rows = Vec::new();
    let mut found = Vec::new();
    for (number, has_value) in [true, true, false, true, false, true].into_iter().enumerate() {
        stream.open.begin();
        stream.open.say_values(vec![vec![has_value]]);
        stream.open.place(1, None, RowLimits::default(), &budget, &mut || Ok(())).unwrap();
        stream.open.read_again(ReadAgain::ForRows);
        let read = stream.open.read_references(number as u64);
        let set = |&row: &i64| match row {
            0 => 1,
            1 if number == 5 => 2,
            _ => 0,
        };
        let sets: Vec<u8> = read.iter().map(set).collect();
        let symbols = symbols(&compiled, &sets);
        stream.open.take(&RowFacts { symbols: &symbols, limits: RowLimits::default() }, number as u64);
        stream.advance();
        read_rows.push(read.len());
        found.push(stream.found.len());
    }
    assert_eq!(found, [0, 0, 0, 0, 0, 1]);
    // A value makes rows known that wait for their second one: those before the last row with a value.
    assert_eq!(read_rows, [1, 2, 1, 4, 1, 5]);
    assert_eq!(stream.open.counts().rows, 0);
}
