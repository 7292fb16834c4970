//! What a measure reads of each item, as a number.

use super::block::{BlockItem, ItemBlock};
use super::found::FoundMatches;
use super::items::ShownItems;
use super::mapped::MappedTo;
use super::navigation::{ABSENT, Navigation, Navigator, PartitionRows};
use crate::rows::VariableSet;

/// A number for each item, which some have not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The item's own row: of a match, its first.
    OwnRow,
    /// The first row of its partition; of a row that is in no match, the row itself.
    PartitionRow,
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
    /// How many rows the match has.
    Length,
    /// The match's place among all.
    Match,
    /// The row's place among the rows of all matches; none where it is in none.
    Place,
}

impl Reference {
    /// The same numbers, read in less time: where all rows of matches are mapped to variables that are counted, they are as many as
    /// the match has. Takes time linear in these rows for such a count.
    pub(super) fn simplified(self, found: &FoundMatches<'_>, shown: ShownItems) -> Self {
        match self {
            Self::Count { variables, .. } if shown == ShownItems::Matches => {
                let last = found.variables.iter().fold(0, |last, &variable| variable.max(last));
                if (0..=last).all(|variable| variables.contains(variable)) { Self::Length } else { self }
            }
            other => other,
        }
    }

    /// Whether it needs the partitions of matches.
    pub(super) fn needs_partitions(&self) -> bool {
        matches!(self, Self::MatchNumber | Self::PartitionRow)
            || self.navigation().is_some_and(|navigation| navigation.rows != 0)
    }

    /// The navigation that it follows.
    fn navigation(&self) -> Option<&Navigation> {
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
    pub fn new(reference: Reference, found: &FoundMatches<'_>, shown: ShownItems) -> Self {
        Self {
            navigator: reference.navigation().map(|navigation| Navigator::new(*navigation, found, shown)),
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
        shown: ShownItems,
        block: &ItemBlock,
        partitions: PartitionRows<'_>,
        out: &mut Vec<usize>,
    ) {
        let is_of_rows = shown != ShownItems::Matches;
        let running = match &self.reference {
            Reference::OwnRow => return own_rows(found, shown, block, out),
            Reference::PartitionRow if is_of_rows => {
                own_rows(found, shown, block, out);
                return partition_rows(block, partitions, out);
            }
            Reference::PartitionRow => {
                out.clear();
                return out.extend(block.partitions.iter().map(|&(partition, _)| partitions.first(partition)));
            }
            Reference::Place => is_of_rows,
            Reference::Row(navigation) | Reference::Classifier(navigation) => navigation.running && is_of_rows,
            Reference::Count { running, .. } => *running && is_of_rows,
            Reference::MatchNumber | Reference::Match | Reference::Length => false,
        };
        let mut numbers = std::mem::take(&mut self.numbers);
        if running {
            self.of_rows(found, block, partitions, &mut numbers);
            spread_rows(block, &mut numbers, self.without_rows(), out);
        } else {
            self.of_matches(found, block, partitions, &mut numbers);
            if is_of_rows {
                spread_matches(block, &numbers, out);
            } else {
                std::mem::swap(out, &mut numbers);
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
        block: &ItemBlock,
        partitions: PartitionRows<'_>,
        numbers: &mut Vec<usize>,
    ) {
        let variables = found.variables.get(block.first_place..).unwrap_or_default();
        if let Some(counted) = &self.counted {
            let mut count = self.count;
            numbers.clear();
            numbers.extend(block.rows.iter().zip(variables).map(|(matched, &variable)| {
                count = if matched.row == matched.begin { 0 } else { count } + usize::from(counted.contains(variable));
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
            for (number, &of) in numbers.iter_mut().zip(block.rows.of()) {
                *number = classifier(found, block, of as usize, *number);
            }
        }
    }

    fn of_matches(
        &mut self,
        found: &FoundMatches<'_>,
        block: &ItemBlock,
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
            let mut spans = found.spans(block.matches.clone()).zip(&block.places);
            if self.last.0 == block.matches.start && spans.next().is_some() {
                numbers.push(self.last.1);
            }
            numbers.extend(spans.map(|((start, end), &place)| counted.count(found.variables, place, end - start)));
            self.last = (block.matches.end.wrapping_sub(1), numbers.last().copied().unwrap_or(0));
            return;
        }
        match self.reference {
            Reference::MatchNumber => numbers.extend(block.partitions.iter().map(|&(_, number)| number)),
            Reference::Place => numbers.extend_from_slice(&block.places),
            Reference::Length => numbers.extend(found.spans(block.matches.clone()).map(|(start, end)| end - start)),
            _ => numbers.extend(block.matches.clone()),
        }
    }
}

/// The variable of a row, where it is in a match of a block.
fn classifier(found: &FoundMatches<'_>, block: &ItemBlock, of: usize, row: usize) -> usize {
    let (start, end) = found.span(block.matches.start + of);
    if row < start || row >= end {
        return ABSENT;
    }
    let place = block.places.get(of).map_or(ABSENT, |place| place + (row - start));
    found.variables.get(place).map_or(ABSENT, |&variable| usize::from(variable))
}

fn own_rows(found: &FoundMatches<'_>, shown: ShownItems, block: &ItemBlock, out: &mut Vec<usize>) {
    out.clear();
    if shown == ShownItems::Matches {
        out.extend(found.spans(block.matches.clone()).map(|(start, _)| start));
    } else if block.items.is_empty() {
        out.extend(block.rows.rows().iter().take(block.len));
    } else {
        out.extend(block.items.iter().map(|item| match *item {
            BlockItem::Row(at) => block.rows.get(at).map_or(ABSENT, |matched| matched.row),
            BlockItem::Empty(of) => found.span(block.matches.start + of).0,
            BlockItem::Unmatched(row) => row,
        }));
    }
}

/// The first row of the partition for rows that are matched; others stay.
fn partition_rows(block: &ItemBlock, partitions: PartitionRows<'_>, out: &mut [usize]) {
    let first = |of: usize| block.partitions.get(of).map_or(ABSENT, |&(partition, _)| partitions.first(partition));
    if block.items.is_empty() {
        return out.iter_mut().zip(block.rows.of()).for_each(|(row, &of)| *row = first(of as usize));
    }
    for (row, item) in out.iter_mut().zip(&block.items) {
        match *item {
            BlockItem::Row(at) => *row = block.rows.get(at).map_or(ABSENT, |matched| first(matched.of as usize)),
            BlockItem::Empty(of) => *row = first(of),
            BlockItem::Unmatched(_) => {}
        }
    }
}

/// Numbers of matched rows to numbers of items.
fn spread_rows(block: &ItemBlock, numbers: &mut Vec<usize>, of_empty: usize, out: &mut Vec<usize>) {
    if block.items.is_empty() {
        numbers.truncate(block.len);
        return std::mem::swap(out, numbers);
    }
    out.clear();
    out.extend(block.items.iter().map(|item| match *item {
        BlockItem::Row(at) => numbers.get(at).copied().unwrap_or(ABSENT),
        BlockItem::Empty(_) => of_empty,
        BlockItem::Unmatched(_) => ABSENT,
    }));
}

/// Numbers of matches to numbers of items.
fn spread_matches(block: &ItemBlock, numbers: &[usize], out: &mut Vec<usize>) {
    out.clear();
    let number = |of: usize| numbers.get(of).copied().unwrap_or(ABSENT);
    if block.items.is_empty() {
        out.extend(block.rows.of().iter().take(block.len).map(|&of| number(of as usize)));
        return;
    }
    out.extend(block.items.iter().map(|item| match *item {
        BlockItem::Row(at) => block.rows.get(at).map_or(ABSENT, |matched| number(matched.of as usize)),
        BlockItem::Empty(of) => number(of),
        BlockItem::Unmatched(_) => ABSENT,
    }));
}
