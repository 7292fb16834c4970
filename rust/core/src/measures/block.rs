//! Some matches or rows that are worked on together.

use std::ops::Range;

use super::block_rows::{BLOCK, BlockRows, MatchedRow};
use super::found::{FoundMatches, PartitionCursor};
use super::items::{ItemMorsel, MatchItems, ShownItems};

/// An item that is not one match.
#[derive(Debug, Clone, Copy)]
pub enum BlockItem {
    /// A matched row, by its place in the block.
    Row(usize),
    /// An empty match, by its place in the block.
    Empty(usize),
    /// A row of the table that is in no match.
    Unmatched(usize),
}

/// Items that follow one another. A match of many rows can be in several blocks.
#[derive(Debug, Default)]
pub struct ItemBlock {
    /// Its matches, or those of its rows.
    pub matches: Range<usize>,
    /// Where the variables of each match begin.
    pub places: Vec<usize>,
    /// The partition of each match, and its number there; nothing where nobody asks for it.
    pub partitions: Vec<(usize, usize)>,
    /// The matched rows; nothing where items are matches.
    pub rows: BlockRows,
    /// Where the variables of the first of these rows stand.
    pub first_place: usize,
    /// The items, where they are not all rows, or all matches.
    pub items: Vec<BlockItem>,
    /// How many items there are.
    pub len: usize,
}

/// Goes through the items of a morsel.
pub struct ItemBlocks<'m> {
    found: FoundMatches<'m>,
    shown: ShownItems,
    /// Whether the partitions of matches are asked for.
    with_partitions: bool,
    /// How many rows the table has, where those behind the last match are items.
    end_row: Option<usize>,
    next_match: usize,
    end_match: usize,
    place: usize,
    partition: PartitionCursor,
    /// The partition and number of the match that is not at its end.
    begun: (usize, usize),
    covered: usize,
    /// How many rows of the next match were in blocks before.
    within: usize,
}

impl<'m> ItemBlocks<'m> {
    pub fn new(found: FoundMatches<'m>, items: &MatchItems, morsel: &ItemMorsel, with_partitions: bool) -> Self {
        let is_unmatched_shown = matches!(items.shown, ShownItems::Rows { unmatched: true, .. });
        Self {
            found,
            shown: items.shown,
            with_partitions,
            end_row: (is_unmatched_shown && morsel.is_last).then_some(items.rows),
            next_match: morsel.matches.start,
            end_match: morsel.matches.end,
            place: morsel.place,
            partition: morsel.partition,
            begun: (0, 0),
            covered: morsel.covered,
            within: 0,
        }
    }

    /// Makes the next block; false where there is none.
    pub fn next(&mut self, block: &mut ItemBlock) -> bool {
        let ItemBlock { places, partitions, rows, items, .. } = block;
        places.clear();
        partitions.clear();
        rows.clear();
        items.clear();
        block.matches = self.next_match..self.next_match;
        block.first_place = self.place + self.within;
        match self.shown {
            ShownItems::Matches => self.add_matches(block),
            ShownItems::Rows { excluded, empty, unmatched } => {
                block.len = 0;
                self.add_rows(block, excluded || self.found.excluded.is_empty(), empty, unmatched);
            }
        }
        block.len > 0 || !block.matches.is_empty()
    }

    fn add_matches(&mut self, block: &mut ItemBlock) {
        let matches = self.next_match..self.end_match.min(self.next_match + BLOCK);
        let place = &mut self.place;
        block.places.extend(self.found.spans(matches.clone()).map(|(start, end)| {
            let before = *place;
            *place += end - start;
            before
        }));
        if self.with_partitions {
            self.partition.add_next(&self.found, matches.len(), &mut block.partitions);
        }
        self.next_match = matches.end;
        block.len = matches.len();
        block.matches = matches;
    }

    /// Adds matches of which all rows have room, and are shown, up to an empty one.
    fn add_whole_matches(&mut self, block: &mut ItemBlock) {
        for (start, end) in self.found.spans(self.next_match..self.end_match) {
            let rows = end - start;
            if rows == 0 || rows > BLOCK - block.rows.len() {
                break;
            }
            block.rows.extend(MatchedRow { row: start, begin: start, of: block.places.len() as u32 }, rows);
            block.places.push(self.place);
            self.place += rows;
        }
        self.next_match += block.places.len();
        block.matches.end = self.next_match;
        block.len = block.rows.len();
    }

    fn add_rows(
        &mut self,
        block: &mut ItemBlock,
        are_all_shown: bool,
        are_empty_shown: bool,
        are_unmatched_shown: bool,
    ) {
        let mut is_plain = are_all_shown;
        if is_plain && !are_unmatched_shown && self.within == 0 && !self.with_partitions {
            self.add_whole_matches(block);
        }
        while block.rows.len() < BLOCK && block.len < BLOCK {
            let next = (self.next_match < self.end_match).then(|| self.found.span(self.next_match));
            if are_unmatched_shown && let Some(end) = next.map(|(start, _)| start).or(self.end_row) {
                let free = end.saturating_sub(self.covered).min(BLOCK - block.len);
                if free > 0 {
                    block.list_rows(&mut is_plain);
                    block.items.extend((self.covered..self.covered + free).map(BlockItem::Unmatched));
                    block.len += free;
                    self.covered += free;
                    continue;
                }
            }
            let Some((start, end)) = next else { return };
            let number = block.places.len();
            block.places.push(self.place);
            if self.with_partitions {
                if self.within == 0 {
                    self.begun = self.partition.next(&self.found);
                }
                block.partitions.push(self.begun);
            }
            block.matches.end = self.next_match + 1;
            let from = start + self.within;
            let rows = (end - from).min(BLOCK - block.rows.len());
            if start == end && are_empty_shown {
                block.list_rows(&mut is_plain);
                block.items.push(BlockItem::Empty(number));
                block.len += 1;
                self.covered = self.covered.max(start + 1);
            }
            let before = block.rows.len();
            block.rows.extend(MatchedRow { row: from, begin: start, of: number as u32 }, rows);
            if is_plain {
                block.len += rows;
            } else {
                let place = self.place + self.within;
                let flags = if are_all_shown { None } else { self.found.excluded.get(place..place + rows) };
                let items = block.items.len();
                block.items.extend(
                    (before..before + rows)
                        .filter(|row| flags.is_none_or(|flags| flags.get(row - before) == Some(&0)))
                        .map(BlockItem::Row),
                );
                block.len += block.items.len() - items;
            }
            self.within += rows;
            if from + rows == end {
                self.next_match += 1;
                self.place += end - start;
                self.within = 0;
                self.covered = self.covered.max(end);
            }
        }
    }
}

impl ItemBlock {
    /// Lists the rows so far as items, as something else follows.
    fn list_rows(&mut self, is_plain: &mut bool) {
        if *is_plain {
            self.items.extend((0..self.rows.len()).map(BlockItem::Row));
            *is_plain = false;
        }
    }
}
