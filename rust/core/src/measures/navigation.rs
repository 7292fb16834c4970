//! Which row FIRST, LAST, PREV and NEXT mean in matches that were found (ISO/IEC 19075-5, section 5.6).

use super::block::ItemBlock;
use super::block_rows::MatchedRow;
use super::found::FoundMatches;
use super::items::ShownItems;
use super::mapped::MappedTo;
use crate::rows::VariableSet;

/// Stands for a row that is not there, and for numbers of items that have none.
pub const ABSENT: usize = usize::MAX;

/// Which row to read, seen from an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Navigation {
    /// Rows mapped to these variables count; all rows of the match without it.
    pub variables: Option<VariableSet>,
    /// From the first such row on, or from the last one back.
    pub first: bool,
    /// How many such rows on or back.
    pub offset: usize,
    /// And from there, how many rows of the partition on, or back when it is negative.
    pub rows: i64,
    /// Among the rows of the match up to the item's, where items are rows; among all rows of the match otherwise.
    pub running: bool,
}

impl Navigation {
    /// The same rows without a look at variables, where these are those of the first row, or the last, of every match.
    fn simplified(mut self, found: &FoundMatches<'_>, shown: ShownItems) -> Self {
        let is_of_all = !self.running || shown == ShownItems::Matches;
        let of_bound = if self.first { found.first_variables } else { found.last_variables };
        if self.offset == 0 && (self.first || is_of_all) && self.variables.is_some_and(|set| of_bound.is_within(set)) {
            self.variables = None;
        }
        self
    }
}

/// Rows of partitions.
#[derive(Debug, Clone, Copy)]
pub struct PartitionRows<'p> {
    /// Where each partition begins.
    pub starts: &'p [i64],
    /// How many rows there are.
    pub rows: usize,
}

impl PartitionRows<'_> {
    /// The first row of a partition.
    #[inline]
    pub(super) fn first(&self, partition: usize) -> usize {
        self.starts.get(partition).map_or(0, |&row| row as usize)
    }

    /// The first row of a partition, and the one behind its last.
    pub(super) fn bounds(&self, partition: usize) -> (usize, usize) {
        let behind = self.starts.get(partition + 1).map_or(self.rows, |&row| row as usize);
        (self.first(partition), behind)
    }
}

/// Follows one navigation from each item of a morsel, in order.
#[derive(Debug)]
pub struct Navigator {
    navigation: Navigation,
    mapped: Option<MappedTo>,
    /// The last match of the block before, and its row.
    last: (usize, usize),
    running: Running,
}

/// What the rows so far of a match that is not at its end lead to.
#[derive(Debug, Default)]
struct Running {
    /// How many rows are mapped.
    count: usize,
    /// Where the row that was meant last stands among the variables.
    place: usize,
    /// That row.
    held: usize,
}

impl Navigator {
    pub fn new(navigation: Navigation, found: &FoundMatches<'_>, shown: ShownItems) -> Self {
        let navigation = navigation.simplified(found, shown);
        Self {
            navigation,
            mapped: navigation.variables.as_ref().map(MappedTo::new),
            last: (ABSENT, ABSENT),
            running: Running::default(),
        }
    }

    /// The row for each match of a block.
    #[inline(never)]
    pub fn of_matches(
        &mut self,
        found: &FoundMatches<'_>,
        block: &ItemBlock,
        partitions: PartitionRows<'_>,
        rows: &mut Vec<usize>,
    ) {
        rows.clear();
        let Navigation { first, offset, .. } = self.navigation;
        let spans = found.spans(block.matches.clone());
        match &self.mapped {
            None if first => rows.extend(spans.map(|(start, end)| between(start.saturating_add(offset), start, end))),
            // Before the start it wraps around, and is behind the end.
            None => {
                rows.extend(spans.map(|(start, end)| between(end.wrapping_sub(offset).wrapping_sub(1), start, end)));
            }
            Some(mapped) => {
                let mut spans = spans.zip(&block.places);
                if self.last.0 == block.matches.start && spans.next().is_some() {
                    // A long match is in many blocks.
                    rows.push(self.last.1);
                }
                // The choice stands outside of the loops, which are short.
                macro_rules! extend {
                    ($within:expr) => {
                        rows.extend(spans.map(|((start, end), &place)| {
                            $within(place, end - start).map_or(ABSENT, |within| start + within)
                        }))
                    };
                }
                let all = found.variables;
                match (first, offset, mapped.is_small()) {
                    (true, 0, true) => extend!(|place, length| mapped.first::<true>(all, place, length)),
                    (false, 0, true) => extend!(|place, length| mapped.last::<true>(all, place, length)),
                    (true, 0, false) => extend!(|place, length| mapped.first::<false>(all, place, length)),
                    (false, 0, false) => extend!(|place, length| mapped.last::<false>(all, place, length)),
                    (true, ..) => extend!(|place, length| mapped.nth(all, place, length, offset)),
                    (false, ..) => extend!(|place, length| mapped.nth_back(all, place, length, offset)),
                }
                self.last = (block.matches.end.wrapping_sub(1), rows.last().copied().unwrap_or(ABSENT));
            }
        }
        if self.navigation.rows != 0 {
            for (row, &(partition, _)) in rows.iter_mut().zip(&block.partitions) {
                *row = self.moved(*row, partitions.bounds(partition));
            }
        }
    }

    /// The row for each matched row of a block, among the rows of its match up to it.
    #[inline(never)]
    pub fn of_rows(
        &mut self,
        found: &FoundMatches<'_>,
        block: &ItemBlock,
        partitions: PartitionRows<'_>,
        rows: &mut Vec<usize>,
    ) {
        rows.clear();
        let Navigation { first, offset, .. } = self.navigation;
        let (own, begins) = (block.rows.rows(), block.rows.begins());
        let pairs = own.iter().zip(begins);
        match &self.mapped {
            None if offset == 0 => rows.extend_from_slice(if first { begins } else { own }),
            None => rows.extend(pairs.map(|(&row, &begin)| match row - begin {
                before if before < offset => ABSENT,
                _ if first => begin + offset,
                _ => row - offset,
            })),
            Some(mapped) if offset == 0 => {
                let mut held = self.running.held;
                let variables = found.variables.get(block.first_place..).unwrap_or_default();
                let all = pairs.zip(variables);
                // The choice stands outside of the loops.
                if first {
                    rows.extend(all.map(|((&row, &begin), &variable)| {
                        let before = if row == begin { ABSENT } else { held };
                        held = if before == ABSENT && mapped.contains(variable) { row } else { before };
                        held
                    }));
                } else {
                    rows.extend(all.map(|((&row, &begin), &variable)| {
                        let before = if row == begin { ABSENT } else { held };
                        held = if mapped.contains(variable) { row } else { before };
                        held
                    }));
                }
                self.running.held = held;
            }
            Some(mapped) => rows.extend(block.rows.iter().enumerate().map(|(at, row)| {
                self.running.next(mapped, found.variables, (first, offset), block.first_place + at, row)
            })),
        }
        if self.navigation.rows != 0 {
            for (row, &of) in rows.iter_mut().zip(block.rows.of()) {
                let partition = block.partitions.get(of as usize).map_or(0, |&(partition, _)| partition);
                *row = self.moved(*row, partitions.bounds(partition));
            }
        }
    }

    /// A row of the partition from another one on.
    fn moved(&self, row: usize, (low, high): (usize, usize)) -> usize {
        if row == ABSENT {
            return ABSENT;
        }
        let moved = (row as i64).checked_add(self.navigation.rows).and_then(|row| usize::try_from(row).ok());
        moved.filter(|row| (low..high).contains(row)).unwrap_or(ABSENT)
    }
}

/// The row, where it lies between these.
#[inline]
fn between(row: usize, start: usize, end: usize) -> usize {
    if row >= start && row < end { row } else { ABSENT }
}

impl Running {
    /// Takes in the variable at a place, of a row of a match that begins at another; gives the row that is meant now.
    fn next(
        &mut self,
        mapped: &MappedTo,
        variables: &[u8],
        (first, offset): (bool, usize),
        place: usize,
        MatchedRow { row, begin, .. }: MatchedRow,
    ) -> usize {
        if row == begin {
            *self = Self { held: ABSENT, ..Self::default() };
        }
        let is_mapped = |place: usize| variables.get(place).is_some_and(|&variable| mapped.contains(variable));
        if !is_mapped(place) {
            return self.held;
        }
        self.count += 1;
        if self.count <= offset || (first && self.count > offset + 1) {
            return self.held;
        }
        if first {
            self.held = row;
            return row;
        }
        // The mapped row behind the one that was meant before; the match's first one at first.
        let first_place = place - (row - begin);
        let mut at = if self.held == ABSENT { first_place } else { self.place + 1 };
        while !is_mapped(at) && at < place {
            at += 1;
        }
        (self.place, self.held) = (at, begin + (at - first_place));
        self.held
    }
}
