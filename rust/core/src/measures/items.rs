//! Items: what gets measures, which are the rows of the answer, in its order.

use std::ops::Range;

use super::found::{FoundMatches, PartitionCursor};
use crate::budget::{Budget, Stopped, Tick};

/// What is an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownItems {
    /// Each match: ONE ROW PER MATCH.
    Matches,
    /// Each row of each match, one match after another: ALL ROWS PER MATCH.
    Rows {
        /// And rows in exclusions.
        excluded: bool,
        /// And each empty match, as the row where it begins.
        empty: bool,
        /// And rows that are in no match.
        unmatched: bool,
    },
}

/// The items of a table's matches.
#[derive(Debug)]
pub struct MatchItems {
    pub(super) shown: ShownItems,
    /// How many rows the table has.
    pub(super) rows: usize,
    pub(super) morsels: Vec<ItemMorsel>,
    first_row: Option<usize>,
}

/// Matches whose items one thread makes.
#[derive(Debug, Clone, Default)]
pub(super) struct ItemMorsel {
    pub matches: Range<usize>,
    pub items: Range<usize>,
    /// Where the variables of the first match begin.
    pub place: usize,
    /// Before the first match.
    pub partition: PartitionCursor,
    /// The row behind all matches before.
    pub covered: usize,
    /// Whether rows behind the last match follow.
    pub is_last: bool,
}

/// Rows of a morsel; some tenths of a millisecond's work.
const ROWS_A_MORSEL: usize = 1 << 16;

/// Matches of a morsel where each is an item; about as much work, as each has several rows.
const MATCHES_A_MORSEL: usize = 1 << 14;

impl MatchItems {
    /// The items of matches of a table with so many rows. Takes time linear in the matches, and in their rows where some are
    /// excluded.
    pub fn new(
        found: &FoundMatches<'_>,
        shown: ShownItems,
        rows: usize,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<Self, Stopped> {
        let mut items = Self { shown, rows, morsels: Vec::new(), first_row: None };
        let mut morsel = ItemMorsel::default();
        let ShownItems::Rows { excluded, empty, unmatched } = shown else {
            return items.of_matches(found, budget, tick);
        };
        let (mut place, mut covered, mut consecutive) = (0, 0, Consecutive::default());
        for number in 0..found.len() {
            let (start, end) = found.span(number);
            if unmatched {
                let free = start.saturating_sub(covered);
                morsel.items.end += free;
                consecutive.add(covered, free);
            }
            let all = if start == end { usize::from(empty) } else { end - start };
            let left_out = if excluded { 0 } else { count_set(found.excluded, place, end - start) };
            morsel.items.end += all - left_out;
            consecutive.add(start, all);
            consecutive.is_broken |= left_out > 0;
            covered = covered.max(if start == end && empty { start + 1 } else { end });
            place += end - start;
            if morsel.items.len() >= ROWS_A_MORSEL || number + 1 == found.len() {
                budget.check()?;
                tick()?;
                morsel.matches.end = number + 1;
                items.push(&mut morsel, found, place, covered, budget)?;
            }
        }
        if unmatched && covered < rows {
            morsel.items.end += rows - covered;
            consecutive.add(covered, rows - covered);
            items.push(&mut morsel, found, place, covered, budget)?;
        }
        if let Some(last) = items.morsels.last_mut() {
            last.is_last = true;
        }
        items.first_row = consecutive.first.filter(|_| !consecutive.is_broken);
        Ok(items)
    }

    /// Some matches, each of which is an item, of a table with so many rows; and their one morsel.
    pub(super) fn of_piece(matches: usize, rows: usize) -> (Self, ItemMorsel) {
        let all = 0..matches;
        let morsel = ItemMorsel { matches: all.clone(), items: all, ..ItemMorsel::default() };
        (Self { shown: ShownItems::Matches, rows, morsels: Vec::new(), first_row: None }, morsel)
    }

    fn of_matches(mut self, found: &FoundMatches<'_>, budget: &Budget, tick: &mut Tick<'_>) -> Result<Self, Stopped> {
        let (mut morsel, mut place) = (ItemMorsel::default(), 0);
        while morsel.matches.start < found.len() {
            budget.check()?;
            tick()?;
            morsel.matches.end = found.len().min(morsel.matches.start + MATCHES_A_MORSEL);
            morsel.items.end = morsel.matches.end;
            place += found.rows(morsel.matches.clone());
            self.push(&mut morsel, found, place, 0, budget)?;
        }
        Ok(self)
    }

    /// Adds a morsel, and makes it the next one, still empty.
    fn push(
        &mut self,
        morsel: &mut ItemMorsel,
        found: &FoundMatches<'_>,
        place: usize,
        covered: usize,
        budget: &Budget,
    ) -> Result<(), Stopped> {
        if self.morsels.len() == self.morsels.capacity() {
            budget.charge(self.morsels.capacity().max(1) * size_of::<ItemMorsel>())?;
        }
        let (matches, items) = (morsel.matches.end, morsel.items.end);
        let mut partition = morsel.partition;
        partition.skip(found, morsel.matches.len());
        let next =
            ItemMorsel { matches: matches..matches, items: items..items, place, partition, covered, is_last: false };
        self.morsels.push(std::mem::replace(morsel, next));
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.morsels.last().map_or(0, |morsel| morsel.items.end)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of the first one, where they are rows that follow one another.
    pub fn first_row(&self) -> Option<usize> {
        self.first_row
    }
}

/// Whether rows follow one another.
#[derive(Default)]
struct Consecutive {
    first: Option<usize>,
    next: usize,
    is_broken: bool,
}

impl Consecutive {
    fn add(&mut self, row: usize, rows: usize) {
        if rows == 0 {
            return;
        }
        self.is_broken |= self.first.is_some() && row != self.next;
        self.first.get_or_insert(row);
        self.next = row + rows;
    }
}

fn count_set(flags: &[u8], first: usize, rows: usize) -> usize {
    flags.get(first..first + rows).map_or(0, |flags| flags.iter().filter(|&&flag| flag != 0).count())
}
