//! What a step has decided, as rows of which an answer is made.

use super::decided_match::Decided;
use super::partition::OpenPartition;
use super::rules::StreamRules;

/// Matches that are certain, and rows that are certainly in none, each with the rows around it that are read.
///
/// What is decided stands in the order of the rows that decided it. Each has rows of its own: those before it that measures
/// read, its own, and those behind it.
#[derive(Debug, Default)]
pub struct DecidedMatches {
    /// Where the caller has the rows of all.
    pub references: Vec<i64>,
    /// The first of them, for each match and each row in no match.
    pub starts: Vec<i64>,
    /// The first row of each match, among these.
    pub match_starts: Vec<i64>,
    /// The row behind the last of each match.
    pub match_ends: Vec<i64>,
    /// The number of each match in its partition, from 1.
    pub numbers: Vec<i64>,
    /// For each match, its place in `starts`.
    pub places: Vec<i64>,
    /// The positions of the rows of all matches.
    pub positions: Vec<u32>,
    /// For each value ahead that measures read, where the caller has the row of it, for each of the rows; -1 where there is none.
    pub ahead: Vec<Vec<i64>>,
    /// Whether each of the rows is of a match, or in none, and not one around it.
    pub shown: Vec<u8>,
}

impl DecidedMatches {
    /// Nothing yet, with room for so many matches of so many rows.
    pub(super) fn with_capacity(matches: usize, rows: usize) -> Self {
        let numbers = || Vec::with_capacity(matches);
        let (references, shown, positions) =
            (Vec::with_capacity(rows), Vec::with_capacity(rows), Vec::with_capacity(rows));
        let (starts, match_starts, match_ends) = (numbers(), numbers(), numbers());
        let (numbers, places, ahead) = (numbers(), numbers(), Vec::new());
        Self { references, starts, match_starts, match_ends, numbers, places, positions, ahead, shown }
    }

    /// Adds one of a partition.
    pub(super) fn add(&mut self, partition: &OpenPartition, held: &Decided, rules: &StreamRules) {
        let rows = &partition.rows;
        let (before, behind) = if held.number > 0 { (rules.match_before, rules.match_behind) } else { (0, 0) };
        let first = held.start.saturating_sub(before).max(rows.first());
        let end = rows.end().min(held.shown_end() + behind);
        let begin = self.references.len() as i64;
        if held.number > 0 {
            let start = begin + (held.start - first) as i64;
            self.places.push(self.starts.len() as i64);
            self.match_starts.push(start);
            self.match_ends.push(start + held.positions.len() as i64);
            self.numbers.push(held.number);
            self.positions.extend_from_slice(&held.positions);
        }
        self.starts.push(begin);
        self.references.extend(rows.references_of(first..end).map(|reference| reference as i64));
        let shown = held.start..held.shown_end();
        self.shown.extend((first..end).map(|row| u8::from(shown.contains(&row))));
        if self.ahead.len() < rules.measures_ahead.len() {
            self.ahead.resize(rules.measures_ahead.len(), Vec::new());
        }
        for (references, ahead) in self.ahead.iter_mut().zip(&rules.measures_ahead) {
            let of_value = |row| rows.value_behind(row, ahead.value).map_or(-1, |value| rows.reference(value) as i64);
            references.extend((first..end).map(of_value));
        }
    }
}
