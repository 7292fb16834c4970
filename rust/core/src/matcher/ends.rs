//! Where a way to match ends at the earliest, or at the latest, from each row and position on.
//!
//! The backward pass says of a position only whether Accept can still be reached. Where a match must end by some row, or is to be
//! the longest, it matters when. A row's ends follow from those of the next row, so they are computed from the last
//! row to the first, in time linear in rows times followers. They are kept for a stretch of rows; of the rest, the ends of
//! the first row of each stretch are kept, from which a stretch is computed again when it is needed.

use super::context::Context;
use crate::automaton::{ACCEPT, Automaton};
use crate::budget::{Budget, Stopped};

/// Items of a stretch; 8 MiB.
const MOST_ITEMS: usize = 1 << 20;
/// Followers that are looked at between two looks at the limits.
const STEPS_A_LOOK: usize = 1 << 18;

/// No way from here ends a match.
const NEVER_EARLY: usize = usize::MAX;
const NEVER_LATE: usize = 0;

/// Which ends are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Earliest,
    Latest,
}

/// For each row and position, where a way to match ends: the row after the last row of the match.
#[derive(Debug)]
pub struct Ends {
    which: Which,
    /// The rows of the partition, and how many rows a stretch has.
    begin: usize,
    end: usize,
    stretch_rows: usize,
    /// The ends of the rows from `low` on, before `high`: those of a row's positions one after another.
    at_hand: Vec<usize>,
    low: usize,
    high: usize,
    /// The ends of the first row of each stretch.
    firsts: Vec<usize>,
}

impl Ends {
    pub fn new(which: Which) -> Self {
        Self { which, begin: 0, end: 0, stretch_rows: 1, at_hand: Vec::new(), low: 0, high: 0, firsts: Vec::new() }
    }

    /// Computes those of a partition.
    pub fn prepare(&mut self, context: &mut Context<'_>, begin: usize, end: usize) -> Result<(), Stopped> {
        let positions = context.automaton.positions.len();
        (self.begin, self.end) = (begin, end);
        self.stretch_rows = (MOST_ITEMS / positions.max(1)).clamp(1, (end - begin).max(1));
        let stretches = (end - begin).div_ceil(self.stretch_rows);
        make_room(&mut self.at_hand, self.stretch_rows * positions, context)?;
        make_room(&mut self.firsts, stretches * positions, context)?;
        for stretch in (0..stretches).rev() {
            self.compute(context, stretch)?;
            let positions = context.automaton.positions.len();
            self.firsts[stretch * positions..][..positions].copy_from_slice(&self.at_hand[..positions]);
        }
        Ok(())
    }

    /// Makes sure that a row of the partition has its ends at hand.
    #[inline]
    pub fn reach(&mut self, context: &mut Context<'_>, row: usize) -> Result<(), Stopped> {
        if row < self.low || row >= self.high {
            self.compute(context, (row - self.begin) / self.stretch_rows)?;
        }
        Ok(())
    }

    /// Where a way ends that maps a row, which is at hand, to a position; None where none does.
    #[inline]
    pub fn get(&self, automaton: &Automaton, row: usize, position: u32) -> Option<usize> {
        let end = self.at_hand[(row - self.low) * automaton.positions.len() + position as usize];
        (end != self.never()).then_some(end)
    }

    pub fn release(&mut self, budget: &Budget) {
        budget.release_vector(&self.at_hand);
        budget.release_vector(&self.firsts);
        (self.at_hand, self.firsts) = (Vec::new(), Vec::new());
    }

    fn never(&self) -> usize {
        match self.which {
            Which::Earliest => NEVER_EARLY,
            Which::Latest => NEVER_LATE,
        }
    }

    /// Computes a stretch from the ends of the row behind it.
    fn compute(&mut self, context: &mut Context<'_>, stretch: usize) -> Result<(), Stopped> {
        let (automaton, never, which) = (context.automaton, self.never(), self.which);
        let positions = automaton.positions.len();
        self.low = self.begin + stretch * self.stretch_rows;
        self.high = self.end.min(self.low + self.stretch_rows);
        let mut steps = 0;
        for row in (self.low..self.high).rev() {
            let at = (row - self.low) * positions;
            let (before, behind) = self.at_hand.split_at_mut(at + positions);
            let next = if row + 1 < self.high {
                &*behind
            } else {
                self.firsts.get((stretch + 1) * positions..).unwrap_or(&[])
            };
            let variables = context.symbols.set(row);
            for (position, end) in (0..).zip(&mut before[at..]) {
                *end = never;
                if !variables.contains(automaton.positions[position as usize].variable) {
                    continue;
                }
                if row + 1 == self.end {
                    if automaton.accepts_at_end[position as usize] {
                        *end = row + 1;
                    }
                    continue;
                }
                let followers = automaton.followers(position);
                steps += followers.len();
                let ways = followers.iter().map(|&next_position| match next.get(next_position as usize) {
                    _ if next_position == ACCEPT => row + 1,
                    found => found.copied().unwrap_or(never),
                });
                *end = match which {
                    Which::Earliest => ways.min(),
                    Which::Latest => ways.max(),
                }
                .unwrap_or(never);
            }
            steps += positions;
            if steps >= STEPS_A_LOOK {
                steps = 0;
                context.check()?;
            }
        }
        Ok(())
    }
}

/// Makes a buffer at least this long.
fn make_room(buffer: &mut Vec<usize>, items: usize, context: &mut Context<'_>) -> Result<(), Stopped> {
    if let Some(more) = items.checked_sub(buffer.len()) {
        context.budget.reserve(buffer, more)?;
        buffer.resize(items, 0);
    }
    Ok(())
}
