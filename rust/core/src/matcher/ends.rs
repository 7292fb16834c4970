//! Where a way to match ends at the earliest, or at the latest, from each row and position on.
//!
//! The backward pass says of a position only whether Accept can still be reached. Where a match must end by some row, or is to be
//! the longest, it matters when. A row's ends follow from those of the next row, so they are computed from the last
//! row to the first, in time linear in rows times followers. They are kept for a stretch of rows; of the rest, the ends of
//! the first row of each stretch are kept, from which a stretch is computed again when it is needed.
//!
//! A row's positions are those of variables in its symbol. Which these are, and what may follow each, is written down once for a
//! symbol, so that a row costs what its own positions have to look at.

use super::context::Context;
use crate::automaton::{ACCEPT, Automaton};
use crate::budget::{Budget, Stopped};
use crate::rows::VariableSet;

/// Items of a stretch; 8 MiB.
const MOST_ITEMS: usize = 1 << 20;
/// Followers that are looked at between two looks at the limits.
const STEPS_A_LOOK: usize = 1 << 18;

/// Symbols whose positions are kept, and the most followers of an automaton for that; 4 MiB together.
const MOST_SYMBOLS: usize = 1 << 8;
const MOST_FOLLOWERS: usize = 1 << 11;

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
    /// The ends of the rows from `low` on, before `high`: those of a row's positions one after another, and last the row itself, which
    /// is where a match ends that the row before was the last of.
    at_hand: Vec<usize>,
    low: usize,
    high: usize,
    /// The ends of the first row of each stretch.
    firsts: Vec<usize>,
    /// By symbol, its positions, each as its number, how many followers it has, and these; Accept is the number behind the positions.
    /// None for symbols not seen yet.
    steps: Vec<Option<Vec<u32>>>,
}

impl Ends {
    pub fn new(which: Which) -> Self {
        let (at_hand, firsts, steps) = (Vec::new(), Vec::new(), Vec::new());
        Self { which, begin: 0, end: 0, stretch_rows: 1, at_hand, low: 0, high: 0, firsts, steps }
    }

    /// Computes those of a partition.
    pub fn prepare(&mut self, context: &mut Context<'_>, begin: usize, end: usize) -> Result<(), Stopped> {
        let width = width(context.automaton);
        (self.begin, self.end) = (begin, end);
        self.stretch_rows = (MOST_ITEMS / width).clamp(1, (end - begin).max(1));
        let stretches = (end - begin).div_ceil(self.stretch_rows);
        make_room(&mut self.at_hand, self.stretch_rows * width, context)?;
        make_room(&mut self.firsts, stretches * width, context)?;
        for stretch in (0..stretches).rev() {
            self.compute(context, stretch)?;
            self.firsts[stretch * width..][..width].copy_from_slice(&self.at_hand[..width]);
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
        let end = self.at_hand[(row - self.low) * width(automaton) + position as usize];
        (end != self.never()).then_some(end)
    }

    pub fn release(&mut self, budget: &Budget) {
        budget.release_vector(&self.at_hand);
        budget.release_vector(&self.firsts);
        self.steps.iter().flatten().for_each(|steps| budget.release_vector(steps));
        (self.at_hand, self.firsts, self.steps) = (Vec::new(), Vec::new(), Vec::new());
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
        let (positions, width) = (automaton.positions.len(), width(automaton));
        self.low = self.begin + stretch * self.stretch_rows;
        self.high = self.end.min(self.low + self.stretch_rows);
        let mut since_look = 0;
        for row in (self.low..self.high).rev() {
            let code = context.symbols.code(row) as usize;
            let own;
            let steps = match self.steps.get(code) {
                Some(Some(steps)) => steps,
                _ if code < MOST_SYMBOLS && automaton.followers_len() <= MOST_FOLLOWERS => {
                    self.steps.resize(self.steps.len().max(code + 1), None);
                    let steps = steps_of(automaton, context.symbols.set(row));
                    context.budget.charge(steps.capacity() * size_of::<u32>())?;
                    self.steps[code].insert(steps)
                }
                _ => {
                    own = steps_of(automaton, context.symbols.set(row));
                    &own
                }
            };
            let at = (row - self.low) * width;
            let (before, behind) = self.at_hand.split_at_mut(at + width);
            let next =
                if row + 1 < self.high { &*behind } else { self.firsts.get((stretch + 1) * width..).unwrap_or(&[]) };
            let ends = &mut before[at..];
            ends[..positions].fill(never);
            ends[positions] = row;
            let mut left = steps.as_slice();
            while let [position, count, others @ ..] = left {
                let (followers, others) = others.split_at(*count as usize);
                left = others;
                let end = &mut ends[*position as usize];
                if row + 1 == self.end {
                    if automaton.accepts_at_end[*position as usize] {
                        *end = row + 1;
                    }
                    continue;
                }
                let ways = followers.iter().map(|&follower| next[follower as usize]);
                *end = match which {
                    Which::Earliest => ways.fold(never, usize::min),
                    Which::Latest => ways.fold(never, usize::max),
                };
            }
            since_look += steps.len() + width;
            if since_look >= STEPS_A_LOOK {
                since_look = 0;
                context.check()?;
            }
        }
        Ok(())
    }
}

/// How many ends are kept for a row.
fn width(automaton: &Automaton) -> usize {
    automaton.positions.len() + 1
}

/// The positions of some variables, as [`Ends`] keeps them.
fn steps_of(automaton: &Automaton, variables: VariableSet) -> Vec<u32> {
    let behind = automaton.positions.len() as u32;
    let mut steps = Vec::new();
    for (position, _) in (0..).zip(&automaton.positions).filter(|(_, at)| variables.contains(at.variable)) {
        let followers = automaton.followers(position);
        steps.extend([position, followers.len() as u32]);
        steps.extend(followers.iter().map(|&follower| if follower == ACCEPT { behind } else { follower }));
    }
    steps
}

/// Makes a buffer at least this long.
fn make_room(buffer: &mut Vec<usize>, items: usize, context: &mut Context<'_>) -> Result<(), Stopped> {
    if let Some(more) = items.checked_sub(buffer.len()) {
        context.budget.reserve(buffer, more)?;
        buffer.resize(items, 0);
    }
    Ok(())
}
