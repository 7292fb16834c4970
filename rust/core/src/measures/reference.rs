//! What a measure reads of each item, as a number.

use super::block::{Block, Item};
use super::found::FoundMatches;
use super::items::Shown;
use super::mapped::MappedTo;
use super::navigation::{ABSENT, Navigation, Navigator, PartitionRows};
use crate::rows::VariableSet;

/// A number for each item, which some have not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The item's own row: of a match, its first.
    OwnRow,
    /// The row to which navigation leads.
    Row(Navigation),
    /// The variable of the row to which navigation leads; none where it is not in the match.
    Classifier(Navigation),
    /// The match's number in its partition, from 1.
    MatchNumber,
    /// How many rows of the match are mapped to variables; up to the item's row, where it is running and items are rows.
    Count {
        /// The variables.
        variables: VariableSet,
        /// As of navigation.
        running: bool,
    },
    /// The match's place among all.
    Match,
    /// The row's place among the rows of all matches; none where it is in none.
    Place,
}

impl Reference {
    /// The navigation that it follows.
    pub fn navigation(&self) -> Option<&Navigation> {
        match self {
            Self::Row(navigation) | Self::Classifier(navigation) => Some(navigation),
            _ => None,
        }
    }
}

/// Reads one reference of the items of a morsel, in order.
#[derive(Debug)]
pub struct ReferenceReader {
    reference: Reference,
    navigator: Option<Navigator>,
    counted: Option<MappedTo>,
    /// The last match of the block before, and its count.
    last: (usize, usize),
    /// How many rows of the match that is not at its end are mapped so far.
    count: usize,
    numbers: Vec<usize>,
}

impl ReferenceReader {
    pub fn new(reference: Reference) -> Self {
        Self {
            navigator: reference.navigation().copied().map(Navigator::new),
            counted: match &reference {
                Reference::Count { variables, .. } => Some(MappedTo::new(variables)),
                _ => None,
            },
            reference,
            last: (ABSENT, 0),
            count: 0,
            numbers: Vec::new(),
        }
    }

    /// Writes the number of each item of a block; [`ABSENT`] where it has none.
    pub fn read(
        &mut self,
        found: &FoundMatches<'_>,
        shown: Shown,
        block: &Block,
        partitions: PartitionRows<'_>,
        out: &mut Vec<usize>,
    ) {
        let is_of_rows = shown != Shown::Matches;
        let running = match &self.reference {
            Reference::OwnRow => return own_rows(found, shown, block, out),
            Reference::Place => is_of_rows,
            Reference::Row(navigation) | Reference::Classifier(navigation) => navigation.running && is_of_rows,
            Reference::Count { running, .. } => *running && is_of_rows,
            Reference::MatchNumber | Reference::Match => false,
        };
        let mut numbers = std::mem::take(&mut self.numbers);
        if running {
            self.of_rows(found, block, partitions, &mut numbers);
            spread_rows(block, &numbers, self.without_rows(), out);
        } else {
            self.of_matches(found, block, partitions, &mut numbers);
            if is_of_rows {
                spread_matches(block, &numbers, out);
            } else {
                out.clear();
                out.extend_from_slice(&numbers);
            }
        }
        self.numbers = numbers;
    }

    /// The number of an empty match.
    fn without_rows(&self) -> usize {
        if self.counted.is_some() { 0 } else { ABSENT }
    }

    fn of_rows(
        &mut self,
        found: &FoundMatches<'_>,
        block: &Block,
        partitions: PartitionRows<'_>,
        numbers: &mut Vec<usize>,
    ) {
        let variables = found.variables.get(block.first_place..).unwrap_or_default();
        if let Some(counted) = &self.counted {
            let rows = block.rows.iter().zip(&block.begins).zip(variables);
            let mut count = self.count;
            numbers.clear();
            numbers.extend(rows.map(|((row, begin), &variable)| {
                count = if row == begin { 0 } else { count } + usize::from(counted.contains(variable));
                count
            }));
            self.count = count;
            return;
        }
        let Some(navigator) = &mut self.navigator else {
            // Places.
            numbers.clear();
            return numbers.extend(block.first_place..block.first_place + block.rows.len());
        };
        navigator.of_rows(found, block, partitions, numbers);
        if matches!(self.reference, Reference::Classifier(_)) {
            for (number, &of) in numbers.iter_mut().zip(&block.of) {
                *number = classifier(found, block, of as usize, *number);
            }
        }
    }

    fn of_matches(
        &mut self,
        found: &FoundMatches<'_>,
        block: &Block,
        partitions: PartitionRows<'_>,
        numbers: &mut Vec<usize>,
    ) {
        if let Some(navigator) = &mut self.navigator {
            navigator.of_matches(found, block, partitions, numbers);
            if matches!(self.reference, Reference::Classifier(_)) {
                for (of, number) in numbers.iter_mut().enumerate() {
                    *number = classifier(found, block, of, *number);
                }
            }
            return;
        }
        numbers.clear();
        if let Some(counted) = &self.counted {
            let mut spans = block.matches.clone().zip(&block.places);
            if self.last.0 == block.matches.start && spans.next().is_some() {
                numbers.push(self.last.1);
            }
            numbers.extend(spans.map(|(number, &place)| {
                let (start, end) = found.span(number);
                counted.count(found.variables, place, end - start)
            }));
            self.last = (block.matches.end.wrapping_sub(1), numbers.last().copied().unwrap_or(0));
            return;
        }
        match self.reference {
            Reference::MatchNumber => numbers.extend(block.partitions.iter().map(|&(_, number)| number)),
            Reference::Place => numbers.extend_from_slice(&block.places),
            _ => numbers.extend(block.matches.clone()),
        }
    }
}

/// The variable of a row, where it is in a match of a block.
fn classifier(found: &FoundMatches<'_>, block: &Block, of: usize, row: usize) -> usize {
    let (start, end) = found.span(block.matches.start + of);
    if row < start || row >= end {
        return ABSENT;
    }
    let place = block.places.get(of).map_or(ABSENT, |place| place + (row - start));
    found.variables.get(place).map_or(ABSENT, |&variable| usize::from(variable))
}

fn own_rows(found: &FoundMatches<'_>, shown: Shown, block: &Block, out: &mut Vec<usize>) {
    out.clear();
    if shown == Shown::Matches {
        out.extend(block.matches.clone().map(|number| found.span(number).0));
    } else if block.items.is_empty() {
        out.extend(block.rows.iter().take(block.len));
    } else {
        out.extend(block.items.iter().map(|item| match *item {
            Item::Row(at) => block.rows.get(at).copied().unwrap_or(ABSENT),
            Item::Empty(of) => found.span(block.matches.start + of).0,
            Item::Unmatched(row) => row,
        }));
    }
}

/// Numbers of matched rows to numbers of items.
fn spread_rows(block: &Block, numbers: &[usize], of_empty: usize, out: &mut Vec<usize>) {
    out.clear();
    if block.items.is_empty() {
        out.extend(numbers.iter().take(block.len));
        return;
    }
    out.extend(block.items.iter().map(|item| match *item {
        Item::Row(at) => numbers.get(at).copied().unwrap_or(ABSENT),
        Item::Empty(_) => of_empty,
        Item::Unmatched(_) => ABSENT,
    }));
}

/// Numbers of matches to numbers of items.
fn spread_matches(block: &Block, numbers: &[usize], out: &mut Vec<usize>) {
    out.clear();
    let number = |of: usize| numbers.get(of).copied().unwrap_or(ABSENT);
    if block.items.is_empty() {
        out.extend(block.of.iter().take(block.len).map(|&of| number(of as usize)));
        return;
    }
    out.extend(block.items.iter().map(|item| match *item {
        Item::Row(at) => block.of.get(at).map_or(ABSENT, |&of| number(of as usize)),
        Item::Empty(of) => number(of),
        Item::Unmatched(_) => ABSENT,
    }));
}
