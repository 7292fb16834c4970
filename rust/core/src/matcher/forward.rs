//! The forward pass: a match by the automaton alone, follower by follower.

use super::backward::BackwardPass;
use super::context::Context;
use super::error::SearchError;
use super::memo::{Ending, Memo};
use super::output::Output;
use super::sets::UNKNOWN;
use super::sink::Sink;
use super::strategy::{Attempt, Candidate, MatchResult, Strategy};
use crate::automaton::ACCEPT;
use crate::budget::{Budget, Stopped};
use crate::rows::{Skip, Target};

/// The low bits of a choice are its position, the others its variable.
pub const POSITION: u32 = ACCEPT;
const VARIABLE_SHIFT: u32 = 24;

/// Matches of up to so many rows are walked again faster than they are remembered.
const SHORT: usize = 64;

/// Walks are remembered where those before have, together, more than so many rows, and so many for each row that is behind: where
/// matches overlap a little, walking rows again takes less time than touching 48 bytes for each.
const WALKED_A_ROW: usize = 4;
const WALKED: usize = 16;

/// Finds matches where rows alone decide. Never goes back: at each row the most preferred position that can still reach Accept
/// is taken.
///
/// Time: the rows of the match, or, for a sink without rows where long matches overlap, those that no match before it has walked
/// from the same position, and a few times the partition's rows; memory is then what `memo.rs` says.
#[derive(Debug)]
pub struct ForwardPass {
    skip: Skip,
    /// Whether what a walk found may be kept for later ones.
    remembers: bool,
    memo: Memo,
    /// Whether the memo is of this partition.
    has_memo: bool,
    /// The rows of the partition's walks that were not remembered.
    walked: usize,
}

impl ForwardPass {
    /// For a kind of sink.
    pub fn new<S: Sink>(skip: Skip) -> Self {
        let remembers = !S::ROWS && skip != Skip::PastLastRow;
        Self { skip, remembers, memo: Memo::default(), has_memo: false, walked: 0 }
    }

    /// Whether what a walk from a row finds is to be kept.
    #[inline]
    fn is_worth_remembering(&self, candidate: &Candidate) -> bool {
        self.remembers && self.walked > WALKED + WALKED_A_ROW * (candidate.start - candidate.begin)
    }

    /// Follows one match and gives the row after its last.
    #[inline]
    fn follow<S: Sink>(
        context: &mut Context<'_>,
        backward: &mut BackwardPass,
        candidate: Candidate,
        output: &mut Output<'_, S>,
        mut note: impl FnMut(usize, u8),
    ) -> Result<usize, SearchError> {
        let Candidate { start: mut row, begin, end, mut choice, .. } = candidate;
        let rows_a_look = context.tables.rows_a_look();
        let mut rows_since_look = 0;
        loop {
            // Within what has numbers, what there is room for and what is due before the next look, rows need no other test.
            let stop = backward.high().min(row + output.room(context.budget)?.min(rows_a_look));
            rows_since_look += stop - row;
            let mut free = output.free_rows();
            let mut visit = |row, choice| {
                let variable = (choice >> VARIABLE_SHIFT) as u8;
                note(row, variable);
                free.push(variable, choice & POSITION);
            };
            while row + 1 < stop && choice != ACCEPT {
                // The tables are not changed in this loop, so what is read of them stays in registers.
                let tables = &*context.tables;
                let mut next = UNKNOWN;
                while row + 1 < stop {
                    next = tables.known_choice(choice & POSITION, backward.set(row + 1));
                    if next == UNKNOWN {
                        break;
                    }
                    visit(row, choice);
                    row += 1;
                    choice = next;
                    if choice == ACCEPT {
                        break;
                    }
                }
                if next == UNKNOWN {
                    visit(row, choice);
                    row += 1;
                    let set = backward.set(row);
                    choice = context.tables.choice(context.automaton, choice & POSITION, set);
                }
            }
            if choice != ACCEPT {
                visit(row, choice);
                row += 1;
            }
            let used = free.used();
            output.advance(used);
            if choice == ACCEPT || row == end {
                return Ok(row);
            }
            if rows_since_look >= rows_a_look {
                rows_since_look = 0;
                context.check()?;
            }
            backward.reach(context, &[begin, end], row)?;
            let set = backward.set(row);
            choice = context.tables.choice(context.automaton, choice & POSITION, set);
            if choice == ACCEPT {
                return Ok(row);
            }
        }
    }

    /// As [`Self::follow`], but stops where an earlier match has been.
    fn follow_remembering(
        &mut self,
        context: &mut Context<'_>,
        backward: &mut BackwardPass,
        candidate: Candidate,
    ) -> Result<Ending, SearchError> {
        let variables = self.skip.variables().copied().unwrap_or_default();
        let Candidate { start, begin, end, mut choice, .. } = candidate;
        if !self.has_memo {
            self.memo.reset(context, begin, end)?;
            self.has_memo = true;
        }
        let mut row = start;
        let rows_a_look = context.tables.rows_a_look();
        let ending = loop {
            if let Some(known) = self.memo.get(row, choice & POSITION) {
                break known;
            }
            context.budget.reserve(&mut self.memo.path, 1)?;
            self.memo.path.push((choice & POSITION, variables.contains((choice >> VARIABLE_SHIFT) as u8)));
            row += 1;
            if row == end {
                break Ending { end: row, target: Target::default() };
            }
            if (row - start).is_multiple_of(rows_a_look) {
                context.check()?;
            }
            backward.reach(context, &[begin, end], row)?;
            let set = backward.set(row);
            choice = context.tables.choice(context.automaton, choice & POSITION, set);
            if choice == ACCEPT {
                break Ending { end: row, target: Target::default() };
            }
        };
        Ok(self.memo.finish(context, start, ending)?)
    }
}

impl Strategy for ForwardPass {
    fn skip(&self) -> &Skip {
        &self.skip
    }

    fn begin_partition(&mut self, context: &mut Context<'_>, _: usize, _: usize) -> Result<(), Stopped> {
        self.remembers &= context.automaton.longest.is_none_or(|rows| rows > SHORT);
        (self.has_memo, self.walked) = (false, 0);
        Ok(())
    }

    #[inline]
    fn match_at<S: Sink>(&mut self, attempt: Attempt<'_, '_>, output: &mut Output<'_, S>) -> MatchResult {
        let Attempt { context, backward, candidate } = attempt;
        let (start, mut target) = (candidate.start, Target::default());
        if candidate.choice == ACCEPT {
            return Ok(Some(Ending { end: start, target }));
        }
        if self.is_worth_remembering(&candidate) {
            return Ok(Some(self.follow_remembering(context, backward, candidate)?));
        }
        let end = if let Some(variables) = self.skip.variables().copied() {
            Self::follow(context, backward, candidate, output, |row, variable| {
                if variables.contains(variable) {
                    target.note(row);
                }
            })?
        } else {
            Self::follow(context, backward, candidate, output, |_, _| {})?
        };
        self.walked += end - start;
        Ok(Some(Ending { end, target }))
    }

    fn release(&mut self, budget: &Budget) {
        self.memo.release(budget);
    }
}
