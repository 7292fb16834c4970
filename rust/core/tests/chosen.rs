//! Matches that must end by some row, or are the longest: as found by trying all ways in the order of preferment.

#[path = "support/found.rs"]
mod found;
#[path = "support/random_patterns.rs"]
mod random_patterns;

use found::Found;
use proptest::prelude::*;
use random_patterns::{cases, pattern_and_rows, symbols};
use rowpattern_core::automaton::{ACCEPT, Automaton};
use rowpattern_core::backtrack::{Backtracking, MatchConditions};
use rowpattern_core::budget::{Budget, Stopped};
use rowpattern_core::matcher::{ChosenPass, Compiled, Search};
use rowpattern_core::rows::{Choice, NearRows, OrderedKeys, Partitions, Prefer, Skip, Symbols};

/// All ways to match from a row on: the positions of each, most preferred first. None where there are too many.
struct Ways<'a> {
    automaton: &'a Automaton,
    symbols: &'a Symbols,
    end: usize,
    found: Vec<Vec<u32>>,
    steps: usize,
}

impl Ways<'_> {
    fn go_on(&mut self, row: usize, list: &[u32], path: &mut Vec<u32>) -> Option<()> {
        self.steps += 1;
        if self.steps > 20_000 {
            return None;
        }
        if row == self.end {
            if path.last().is_some_and(|&last| self.automaton.accepts_at_end[last as usize]) {
                self.found.push(path.clone());
            }
            return Some(());
        }
        for &next in list {
            if next == ACCEPT {
                self.found.push(path.clone());
            } else if self.symbols.set(row).contains(self.automaton.positions[next as usize].variable) {
                path.push(next);
                let automaton = self.automaton;
                self.go_on(row + 1, automaton.followers(next), path)?;
                path.pop();
            }
        }
        Some(())
    }
}

/// All matches, by trying all ways; None where there are too many.
fn by_all_ways(
    compiled: &Compiled,
    symbols: &Symbols,
    partitions: &Partitions,
    skip: Skip,
    choice: Choice<'_>,
) -> Option<Found> {
    let automaton = &compiled.automaton;
    let mut found = Found::default();
    for partition in 0..partitions.len() {
        let (begin, end) = partitions.bounds(partition);
        let mut row = begin;
        while row < end {
            let mut ways = Ways { automaton, symbols, end, found: Vec::new(), steps: 0 };
            ways.go_on(row, &automaton.start[usize::from(row != begin)], &mut Vec::new())?;
            let latest = choice.latest_ends.map_or(end, |ends| ends[row] as usize);
            // Keys are the numbers of rows.
            let latest = choice.near.map_or(latest, |near| latest.min(end).min(row + near.width as usize + 1));
            let mut fitting = ways.found.into_iter().filter(|path| row + path.len() <= latest);
            let path = match choice.prefer {
                Prefer::First => fitting.next(),
                Prefer::Longest => fitting.reduce(|best, next| if next.len() > best.len() { next } else { best }),
            };
            let Some(path) = path else {
                row += 1;
                continue;
            };
            found.add_match(partition, row, row + path.len());
            for &position in &path {
                found.variables.push(automaton.positions[position as usize].variable);
                if automaton.excludes {
                    found.excluded.push(u8::from(automaton.positions[position as usize].excluded));
                }
            }
            row = if skip == Skip::ToNextRow { row + 1 } else { row + path.len().max(1) };
        }
    }
    Some(found)
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn chosen_matches_are_those_of_all_ways(
        (text, rows) in pattern_and_rows(0..14), reach in prop::collection::vec(0_usize..6, 14),
        limited in any::<bool>(),
        width in proptest::option::of(0_i64..6),
        longest in any::<bool>(),
        next_row in any::<bool>(),
        cut in 0.0..1.0_f64,
        failures in 0_u32..4,
        window_rows in prop_oneof![Just(0_usize), Just(3), Just(64)],
    ) {
        let standard = Compiled::new(&text).unwrap();
        let all_ways = standard.with_all_ways().unwrap();
        let compiled = if longest { all_ways } else { &standard };
        let mut symbols = symbols(compiled, &rows);
        let middle = (rows.len() as f64 * cut) as usize;
        let partitions = Partitions::from_counts(&[middle, 0, rows.len() - middle]).unwrap();
        let bound = |row: usize| if row < middle { middle } else { rows.len() };
        let latest_ends: Vec<i64> = (0..rows.len()).map(|row| (row + reach[row]).min(bound(row)) as i64).collect();
        let numbers: Vec<i64> = (0..rows.len() as i64).collect();
        let keys = OrderedKeys { keys: &numbers, order: None, descending: false };
        let choice = Choice {
            prefer: if longest { Prefer::Longest } else { Prefer::First },
            latest_ends: limited.then_some(&latest_ends),
            near: width.map(|width| NearRows { keys, width, missing: &[] }),
        };
        let skip = if next_row { Skip::ToNextRow } else { Skip::PastLastRow };
        let budget = Budget::unlimited();
        let Some(wanted) = by_all_ways(all_ways, &symbols, &partitions, skip, choice) else { return Ok(()) };

        let tick = || Ok::<(), Stopped>(());
        let search = Search::new(compiled, &mut symbols, &partitions, 1, &budget);
        let found = search.run_chosen(skip, choice, |_, _| Found::default(), &mut tick.clone()).into_result().0;
        prop_assert_eq!(found.as_ref(), Ok(&wanted));

        let strategy = || ChosenPass::new(skip, choice).with_window_rows(window_rows);
        let search = Search::new(compiled, &mut symbols, &partitions, 1, &budget);
        let found = search.run_with(strategy, |_, _| Found::default(), &mut tick.clone()).into_result().0;
        prop_assert_eq!(found.as_ref(), Ok(&wanted));

        let conditions = MatchConditions { conditions: compiled.variables.iter().map(|_| None).collect(), ..MatchConditions::default() };
        let strategy = || Backtracking::new(&conditions, &compiled.variables, skip).noting_after(failures).choosing(choice);
        let search = Search::new(compiled, &mut symbols, &partitions, 1, &budget);
        let found = search.run_with(strategy, |_, _| Found::default(), &mut tick.clone()).into_result().0;
        prop_assert_eq!(found.as_ref(), Ok(&wanted));
    }
}

/// Stretches of rows whose ends are computed again, and matches that reach from one into the next.
#[test]
fn long_partitions() {
    let rows = 1 << 16;
    let optional = "B? ".repeat(30);
    let compiled = Compiled::new(&format!("A {optional} C")).unwrap();
    let pattern_rows: Vec<u8> = (0..rows)
        .map(|row| match row % 20 {
            0 => 1,
            9 => 6,
            15 => 4,
            _ => 2,
        })
        .collect();
    let mut symbols = symbols(&compiled, &pattern_rows);
    let partitions = Partitions::one(rows);
    let budget = Budget::unlimited();
    let latest_ends: Vec<i64> = (0..rows).map(|row| rows.min(row + 12) as i64).collect();
    let mut ends_of = |choice: Choice<'_>| {
        let search = Search::new(
            if choice.prefer == Prefer::Longest { compiled.with_all_ways().unwrap() } else { &compiled },
            &mut symbols,
            &partitions,
            1,
            &budget,
        );
        search.run_chosen(Skip::PastLastRow, choice, |_, _| Found::default(), &mut || Ok(())).found
    };
    for (prefer, limited, length) in
        [(Prefer::First, true, 10), (Prefer::Longest, true, 10), (Prefer::Longest, false, 16)]
    {
        let found = ends_of(Choice { prefer, latest_ends: limited.then_some(&latest_ends), near: None });
        assert_eq!(found.starts, (0..=rows as i64 - length).step_by(20).collect::<Vec<_>>(), "{prefer:?} {limited}");
        assert!(found.starts.iter().zip(&found.ends).all(|(start, end)| end - start == length), "{prefer:?} {limited}");
    }
}
