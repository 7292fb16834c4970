//! What a search is going to ask for next, guessed from what it asks for now: so that fewer rounds are needed.
//!
//! A request names rows. Some go on with the current row of the search, the others (the anchor, most often rows near the match's
//! start) stay while the match grows. The match at hand goes on with the same anchor and later rows; the matches behind it have the
//! whole combination moved on. How deep matches are looked into, and how many starts, is learned from what was of use before.

use std::collections::HashMap;
use std::iter::repeat;
use std::ops::Range;

use super::answers::{Purpose, Used};
use crate::budget::Stopped;
use crate::expression::{Argument, Request};

/// The requests of a partition when it asks for the first time; four times as many each time after that.
const FIRST_SIZE: usize = 64;
const GROWTH: usize = 4;
/// How deep into a match is looked at first, and how many times as deep where that was not deep enough.
const FIRST_DEPTHS: i64 = 8;
const DEEPER: i64 = 4;
/// A request is worth making where the chance that it is of use is at least this part of the requests that the partition gets in a
/// round: a partition that has to wait for the next round takes, with its part of what a round costs, as long as a fifth of them.
const WORTH: f64 = 5.0;
/// Of what was learned of chances, what is kept each time that a partition asks.
const KEPT: f64 = 0.99;
/// Fewer starts than this say nothing of chances.
const LEAST_STARTS: f64 = 16.0;
/// Starts behind are worth their requests where some matches fit into them: one, and one more for so many requests, since a round of
/// 10,000 takes, with what it costs here, as long as six of few.
const SIZE_A_MATCH: usize = 1 << 11;

/// A request that a search waits for.
pub struct Wanted<'w> {
    /// Whose condition asks.
    pub variable: u8,
    /// What it asks for.
    pub request: &'w Request,
    /// For each argument, whether it goes on with the current row.
    pub follows: &'w [bool],
    /// The first row of the match that is searched.
    pub start: usize,
    /// The rows of the partition.
    pub rows: Range<usize>,
}

/// What a partition was given last.
#[derive(Debug, Default)]
pub struct LastGuess {
    size: usize,
    start: Option<usize>,
    /// The greatest depth at that start, and whether more were left out there.
    depth: i64,
    cut: bool,
}

/// How matches of one condition asked so far.
#[derive(Debug)]
struct Habit {
    /// The least and the greatest depth that are worth asking for.
    least: i64,
    greatest: i64,
    /// How many rows lie between two starts.
    stride: usize,
    /// How many starts were left, and how many rows matches went on there, of late.
    starts: f64,
    rows: f64,
}

/// Guesses for all partitions of a search.
#[derive(Debug, Default)]
pub struct LookAhead {
    /// By variable and expression.
    habits: HashMap<(u8, usize), Habit>,
}

/// How many rows the starts behind are on, and how many the current row.
#[derive(Clone, Copy)]
struct Step {
    starts: usize,
    rows: i64,
}

impl Wanted<'_> {
    /// The arguments, and whether each goes on with the current row.
    fn arguments(&self) -> impl Iterator<Item = (&Argument, bool)> {
        self.request.arguments.iter().zip(self.follows.iter().copied().chain(repeat(false)))
    }

    /// How far the last row that follows lies behind the start.
    pub fn depth(&self) -> i64 {
        let rows = self.arguments().filter(|&(_, follows)| follows);
        let last = rows.filter_map(|(argument, _)| match argument {
            Argument::Row(row) => *row,
            Argument::Rows(rows) => rows.last().copied(),
            Argument::Value(_) => None,
        });
        last.max().map_or(0, |row| row as i64 - self.start as i64)
    }

    /// Whether rows stay where the current row goes on, and whether some go on with it.
    fn kinds(&self) -> (bool, bool) {
        let (mut stays, mut goes_on) = (false, false);
        for (argument, follows) in self.arguments() {
            match argument {
                Argument::Row(Some(_)) => {
                    stays |= !follows;
                    goes_on |= follows;
                }
                // The first of them stays.
                Argument::Rows(rows) if !rows.is_empty() => {
                    stays = true;
                    goes_on |= follows;
                }
                _ => {}
            }
        }
        (stays, goes_on)
    }

    /// Writes the request some rows on; false where the partition has no such rows.
    fn has_moved(&self, step: Step, moved: &mut Request) -> bool {
        let inside = |row: i64| usize::try_from(row).ok().filter(|row| self.rows.contains(row));
        for ((argument, follows), moved) in self.arguments().zip(&mut moved.arguments) {
            let more = if follows { step.rows } else { 0 };
            match argument {
                Argument::Row(Some(row)) => {
                    let row = inside((row + step.starts) as i64 + more);
                    if row.is_none() {
                        return false;
                    }
                    *moved = Argument::Row(row);
                }
                Argument::Rows(rows) => {
                    let Some(&last) = rows.last() else { continue };
                    // What follows has lost its last rows, or got those behind them.
                    let length = rows.len() as i64 + more.min(0);
                    let behind = last + step.starts + 1..last + step.starts + 1 + more.max(0) as usize;
                    if length < 1 || inside(behind.end as i64 - 1).is_none() {
                        return false;
                    }
                    let before = rows.iter().take(length as usize).map(|row| row + step.starts);
                    *moved = Argument::Rows(before.chain(behind).collect());
                }
                Argument::Row(None) | Argument::Value(_) => {}
            }
        }
        true
    }

    /// Rows of lists that the request has.
    fn listed(request: &Request) -> usize {
        let length = |argument: &Argument| if let Argument::Rows(rows) = argument { rows.len() } else { 0 };
        request.arguments.iter().map(length).sum()
    }
}

impl LookAhead {
    /// Calls with what may be asked for next, and for what.
    ///
    /// Args:
    ///     wanted: what the search waits for.
    ///     given: what its partition was given before; noted anew.
    ///     used: how much of that was of use.
    ///     most: the most requests, and the most rows in lists of rows, of all requests together.
    ///     call: says whether the request is new.
    pub fn guess(
        &mut self,
        wanted: &Wanted<'_>,
        given: &mut LastGuess,
        used: Used,
        (most, mut most_listed): (usize, usize),
        mut call: impl FnMut(&Request, Purpose) -> Result<bool, Stopped>,
    ) -> Result<(), Stopped> {
        let (stays, goes_on) = wanted.kinds();
        let depth = wanted.depth();
        let size = (given.size * GROWTH).clamp(FIRST_SIZE, usize::MAX / GROWTH);
        given.size = size;
        let size = size.min(most);
        let mut moved = wanted.request.clone();
        // False where nothing more may be asked for.
        let mut ask = |step: Step, purpose: Purpose| -> Result<bool, Stopped> {
            if !wanted.has_moved(step, &mut moved) {
                return Ok(true);
            }
            let listed = Wanted::listed(&moved);
            if listed > most_listed {
                return Ok(false);
            }
            if call(&moved, purpose)? {
                most_listed -= listed;
            }
            Ok(true)
        };
        let purpose = |starts: usize, depth: i64| Purpose { start: wanted.start + starts, depth };
        if !stays {
            // It is the same for all starts.
            for rows in 1..=if goes_on { size.min(wanted.rows.len()) } else { 0 } {
                if !ask(Step { starts: 0, rows: rows as i64 }, purpose(rows, 0))? {
                    break;
                }
            }
            return Ok(());
        }
        let key = (wanted.variable, wanted.request.expression);
        let habit = self.habits.entry(key).or_insert_with(|| Habit::new(depth));
        habit.learn(given, wanted.start, depth, used);
        if !goes_on {
            (habit.least, habit.greatest) = (depth, depth);
        }
        let least_chance = WORTH / most.max(1) as f64;
        let left = (habit.greatest - depth).min(habit.likely(least_chance));
        let here = left.min(size as i64).max(0);
        for rows in 1..=here {
            if !ask(Step { starts: 0, rows }, purpose(0, depth + rows))? {
                return Ok(());
            }
        }
        (given.start, given.depth, given.cut) = (Some(wanted.start), depth + here, here < left);
        // A start behind is of use itself by one chance in so many rows.
        let least_chance = least_chance * habit.stride as f64;
        let (least, greatest) =
            (habit.least, habit.greatest.min(habit.least.saturating_add(habit.likely(least_chance))));
        let depths = greatest - least + 1;
        let starts = (size - here as usize) / depths.max(1) as usize;
        if starts < habit.stride.saturating_mul(1 + size / SIZE_A_MATCH) {
            return Ok(());
        }
        for starts in 1..=starts.min(wanted.rows.end - wanted.start) {
            for at in least..=greatest {
                if !ask(Step { starts, rows: at - depth }, purpose(starts, at))? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Habit {
    /// Of a condition that asks for the first time.
    fn new(depth: i64) -> Self {
        Self { least: depth, greatest: depth + FIRST_DEPTHS - 1, stride: 1, starts: 0.0, rows: 0.0 }
    }

    /// How many rows further a match goes on by at least this chance, where each row is as likely to be its last.
    fn likely(&self, least_chance: f64) -> i64 {
        if self.starts < LEAST_STARTS {
            return i64::MAX;
        }
        let goes_on = self.rows / (self.rows + self.starts);
        // Whole numbers of any size are left out by `as`.
        if least_chance >= 1.0 { 0 } else { (least_chance.ln() / goes_on.ln()) as i64 }
    }

    /// Learns from what a partition asks for after what it was given.
    fn learn(&mut self, given: &LastGuess, start: usize, depth: i64, used: Used) {
        self.least = self.least.min(depth);
        let left = if used.start < Some(start) { used.starts } else { used.starts.saturating_sub(1) };
        self.starts = KEPT * self.starts + left as f64;
        self.rows = KEPT * self.rows + used.rows as f64;
        let Some(before) = given.start else { return };
        if start > before {
            let depths = used.depth.max(depth) - self.least + 1;
            let enough = self.least + depths + depths / 4;
            self.greatest = enough.max(self.greatest - (self.greatest - self.least) / 2);
            // What was wanted at the start before was of use, so that it is among those that are counted.
            self.stride = (start - before) / used.starts.max(1);
        } else if depth > given.depth && !given.cut {
            self.greatest = self.greatest.max(self.least + (depth - self.least + 1) * DEEPER);
        } else {
            self.greatest = self.greatest.max(depth + (depth - self.least) / 4);
        }
    }
}
