//! The forward pass for matches that must end by some row, or are to be the longest.
//!
//! As [`super::ForwardPass`] it never goes back: at each row it takes the first follower from which the match can still end where it
//! must. [`Ends`] says so: a match ends in time if its earliest end does, and it is the longest if it ends at the latest end of
//! all that begin at its first row. Where both are asked for, the latest end may lie too far; then the positions that
//! can be reached are followed from the first row on, up to the last row at which one of them ends a match.
//!
//! Where few rows may be in a match, these alone are looked at ([`RowWindow`]). Otherwise most matches end in time anyway. So the most
//! preferred match is followed first, and the ends are asked for where it goes too far; no longer where rows were followed in vain
//! more often than once each.

use std::cell::Cell;

use super::context::{Context, SinceLook};
use super::ends::{Ends, Which};
use super::forward::POSITION;
use super::memo::Ending;
use super::output::Output;
use super::sink::Sink;
use super::strategy::{Attempt, Candidate, MatchResult, Strategy};
use super::window::{MOST_WINDOW_ROWS, RowWindow};
use crate::automaton::{ACCEPT, Automaton};
use crate::budget::{Budget, Stopped};
use crate::rows::{Choice, Prefer, Skip, Target};

/// Rows between two looks at the limits.
const ROWS_A_LOOK: usize = 1 << 12;

/// So many rows may be followed in vain in any partition.
const LEAST_IN_VAIN: usize = 1 << 10;

/// Finds matches where rows alone decide, by a rule that is not the standard's. For the longest match the automaton must have all
/// ways to match ([`super::Compiled::with_all_ways`]).
///
/// Time: linear in rows times followers of the automaton, plus the rows of the matches. For the longest match with limits, those rows
/// times followers that a match could have at each row where one begins. Memory: 8 MiB, and eight bytes for each position and
/// some 100,000 rows.
#[derive(Debug)]
pub struct ChosenPass<'a> {
    skip: Skip,
    choice: Choice<'a>,
    earliest: Option<Ends>,
    latest: Option<Ends>,
    /// None where it was not needed yet, or does not serve.
    window: Option<RowWindow>,
    most_window_rows: usize,
    bounds: (usize, usize),
    /// Whether the ends are of this partition.
    is_prepared: bool,
    /// For each row of a match that is looked for, the positions that it can be mapped to, as bits.
    reached: Vec<u64>,
    /// The positions of the match.
    path: Vec<u32>,
    since_look: SinceLook,
    /// Rows of the partition that were followed and then were no match in time.
    rows_in_vain: usize,
}

impl<'a> ChosenPass<'a> {
    /// A pass that chooses matches by a rule.
    pub fn new(skip: Skip, choice: Choice<'a>) -> Self {
        Self {
            skip,
            choice,
            earliest: choice.is_limited().then(|| Ends::new(Which::Earliest)),
            latest: (choice.prefer == Prefer::Longest).then(|| Ends::new(Which::Latest)),
            window: None,
            most_window_rows: if choice.is_limited() && choice.prefer == Prefer::First { MOST_WINDOW_ROWS } else { 0 },
            bounds: (0, 0),
            is_prepared: false,
            reached: Vec::new(),
            path: Vec::new(),
            since_look: SinceLook::default(),
            rows_in_vain: 0,
        }
    }

    /// The same, where matches that may have more rows than these are not looked for by their rows alone.
    #[must_use]
    pub fn with_window_rows(mut self, most: usize) -> Self {
        self.most_window_rows = self.most_window_rows.min(most);
        self
    }

    fn look(&mut self, context: &mut Context<'_>, rows: usize) -> Result<(), Stopped> {
        self.since_look.add(context, rows, ROWS_A_LOOK)
    }

    /// Has the ends of a row at hand.
    fn reach(&mut self, context: &mut Context<'_>, row: usize) -> Result<(), Stopped> {
        let (begin, end) = self.bounds;
        for ends in [&mut self.earliest, &mut self.latest].into_iter().flatten() {
            if !self.is_prepared {
                ends.prepare(context, begin, end)?;
            }
            ends.reach(context, row)?;
        }
        self.is_prepared = true;
        Ok(())
    }

    /// Finds the positions of the match at a row by the rows that it may have; None where these are too many.
    fn find_in_window(&mut self, context: &mut Context<'_>, candidate: Candidate) -> Result<Option<bool>, Stopped> {
        let Candidate { start, begin, end, .. } = candidate;
        if self.most_window_rows == 0 {
            return Ok(None);
        }
        // One row more shows that they are too many.
        let latest_end = self.choice.latest_end(start, end.min(start + self.most_window_rows + 1));
        if latest_end - start > self.most_window_rows {
            return Ok(None);
        }
        if self.window.is_none() {
            self.window = RowWindow::new(context.automaton);
        }
        let Some(window) = &mut self.window else {
            self.most_window_rows = 0;
            return Ok(None);
        };
        self.path.clear();
        context.budget.reserve(&mut self.path, MOST_WINDOW_ROWS)?;
        let begins = &context.automaton.start[usize::from(start != begin)];
        let found = window.find(context, (start, latest_end, end), begins, &mut self.path);
        self.look(context, latest_end - start + 1)?;
        Ok(Some(found))
    }

    /// Follows the most preferred match at a row; false where it does not end in time, or that is not worth a try.
    fn follow_preferred(&mut self, attempt: &mut Attempt<'_, '_>) -> Result<bool, Stopped> {
        let Attempt { context, backward, candidate } = attempt;
        let Candidate { start, begin, end, mut choice, .. } = *candidate;
        if self.choice.prefer != Prefer::First || self.rows_in_vain > LEAST_IN_VAIN + (start - begin) {
            return Ok(false);
        }
        // Keys are read where they lie, so that they are asked at a few rows only.
        let latest_end = if self.choice.near.is_some() { end } else { self.choice.latest_end(start, end) };
        let mut asked = start + 1;
        self.path.clear();
        for row in start..latest_end {
            if choice == ACCEPT {
                break;
            }
            if row == asked {
                if !self.choice.is_in_time(start, row + 1) {
                    break;
                }
                asked += row - start;
            }
            context.budget.reserve(&mut self.path, 1)?;
            self.path.push(choice & POSITION);
            if row + 1 == end {
                choice = ACCEPT;
                break;
            }
            self.look(context, 1)?;
            backward.reach(context, &[begin, end], row + 1)?;
            let set = backward.set(row + 1);
            choice = context.tables.choice(context.automaton, choice & POSITION, set);
        }
        let is_found = choice == ACCEPT && self.choice.is_in_time(start, start + self.path.len());
        if !is_found {
            self.rows_in_vain += self.path.len() + 1;
        }
        Ok(is_found)
    }

    /// Finds the positions of the match at a row; false where there is none.
    fn find(&mut self, context: &mut Context<'_>, start: usize) -> Result<bool, Stopped> {
        let (begin, end) = self.bounds;
        let automaton = context.automaton;
        let starting = automaton.start[usize::from(start != begin)].as_slice();
        self.path.clear();
        self.reach(context, start)?;
        if self.choice.prefer == Prefer::First {
            // The latest end of which is known that it is in time, and the earliest of which the contrary is known.
            let (in_time, late) = (Cell::new(start), Cell::new(usize::MAX));
            return self.follow(context, start, starting, |pass, row, position| {
                let Some(earliest) = &pass.earliest else { return true };
                if position == ACCEPT {
                    return true;
                }
                let Some(end) = earliest.get(automaton, row, position) else { return false };
                if end > in_time.get() && end < late.get() {
                    if pass.choice.is_in_time(start, end) { in_time.set(end) } else { late.set(end) }
                }
                end <= in_time.get()
            });
        }
        let latest_end = self.choice.latest_end(start, end);
        let positions = starting.iter().copied().filter(|&position| position != ACCEPT);
        let Some(latest) = &self.latest else { return Ok(false) };
        let longest = positions.filter_map(|position| latest.get(automaton, start, position)).max();
        if longest.is_none_or(|longest| longest <= latest_end) {
            return self.follow(context, start, starting, |pass, row, position| {
                if position == ACCEPT {
                    return longest.is_none_or(|longest| longest == row);
                }
                let latest = pass.latest.as_ref().and_then(|latest| latest.get(automaton, row, position));
                latest.is_some() && latest == longest
            });
        }
        let Some(last) = self.reach_forward(context, start, latest_end, starting)? else {
            return Ok(starting.contains(&ACCEPT));
        };
        self.keep_co_accessible(context, start, last)?;
        let words = automaton.positions.len().div_ceil(64);
        self.follow(context, start, starting, |pass, row, position| {
            if position == ACCEPT || row > last {
                return position == ACCEPT && row > last;
            }
            pass.reached[(row - start) * words + position as usize / 64] >> (position % 64) & 1 == 1
        })
    }

    /// Takes the first position, or Accept, that is allowed, row by row; false where the match could not begin.
    fn follow(
        &mut self,
        context: &mut Context<'_>,
        start: usize,
        begins: &[u32],
        is_allowed: impl Fn(&Self, usize, u32) -> bool,
    ) -> Result<bool, Stopped> {
        let automaton = context.automaton;
        let mut list = begins;
        loop {
            let row = start + self.path.len();
            if row == self.bounds.1 {
                return Ok(!self.path.is_empty());
            }
            self.look(context, 1)?;
            self.reach(context, row)?;
            let next = list.iter().copied().find(|&next| is_allowed(self, row, next));
            match next {
                None => return Ok(!self.path.is_empty()),
                Some(ACCEPT) => return Ok(true),
                Some(position) => {
                    context.budget.reserve(&mut self.path, 1)?;
                    self.path.push(position);
                    list = automaton.followers(position);
                }
            }
        }
    }

    /// Follows all ways from a start; gives the last row, before `latest_end`, that ends one.
    fn reach_forward(
        &mut self,
        context: &mut Context<'_>,
        start: usize,
        latest_end: usize,
        begins: &[u32],
    ) -> Result<Option<usize>, Stopped> {
        let automaton = context.automaton;
        let words = automaton.positions.len().div_ceil(64);
        self.reached.clear();
        let mut last = None;
        for row in start..latest_end {
            self.look(context, 1 + automaton.followers_len() / 64)?;
            context.budget.reserve(&mut self.reached, words)?;
            let at = self.reached.len();
            self.reached.resize(at + words, 0);
            let (before, here) = self.reached.split_at_mut(at);
            let variables = context.symbols.set(row);
            let mut admit = |position: u32| {
                if position != ACCEPT && variables.contains(automaton.positions[position as usize].variable) {
                    here[position as usize / 64] |= 1 << (position % 64);
                }
            };
            if row == start {
                begins.iter().copied().for_each(&mut admit);
            } else {
                for position in members(&before[at - words..]) {
                    automaton.followers(position).iter().copied().for_each(&mut admit);
                }
            }
            if members(here).any(|position| accepts(automaton, position, row + 1 == self.bounds.1)) {
                last = Some(row);
            }
            if here.iter().all(|&word| word == 0) {
                break;
            }
        }
        Ok(last)
    }

    /// Keeps of what was reached the positions from which a way ends with the row `last`.
    fn keep_co_accessible(&mut self, context: &mut Context<'_>, start: usize, last: usize) -> Result<(), Stopped> {
        let automaton = context.automaton;
        let words = automaton.positions.len().div_ceil(64);
        for row in (start..=last).rev() {
            self.look(context, 1 + automaton.followers_len() / 64)?;
            let at = (row - start) * words;
            let (here, behind) = self.reached[at..].split_at_mut(words);
            let is_left = |position: u32| {
                if row == last {
                    return accepts(automaton, position, row + 1 == self.bounds.1);
                }
                let is_behind = |next: u32| next != ACCEPT && behind[next as usize / 64] >> (next % 64) & 1 == 1;
                automaton.followers(position).iter().any(|&next| is_behind(next))
            };
            for (word, bits) in here.iter_mut().enumerate() {
                for position in members(&[*bits]).map(|bit| word as u32 * 64 + bit) {
                    if !is_left(position) {
                        *bits &= !(1 << (position % 64));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether a match may end behind a position; `at_end` where no row is left.
fn accepts(automaton: &Automaton, position: u32, at_end: bool) -> bool {
    if at_end { automaton.accepts_at_end[position as usize] } else { automaton.followers(position).contains(&ACCEPT) }
}

/// The positions of a set of bits.
fn members(set: &[u64]) -> impl Iterator<Item = u32> {
    (0..)
        .zip(set)
        .flat_map(|(word, &bits)| (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit))
}

impl Strategy for ChosenPass<'_> {
    fn skip(&self) -> &Skip {
        &self.skip
    }

    fn begin_partition(&mut self, _: &mut Context<'_>, begin: usize, end: usize) -> Result<(), Stopped> {
        (self.bounds, self.is_prepared, self.rows_in_vain) = ((begin, end), false, 0);
        Ok(())
    }

    fn match_at<S: Sink>(&mut self, mut attempt: Attempt<'_, '_>, output: &mut Output<'_, S>) -> MatchResult {
        let start = attempt.candidate.start;
        let is_found = match self.find_in_window(attempt.context, attempt.candidate)? {
            Some(is_found) => is_found,
            None => self.follow_preferred(&mut attempt)? || self.find(attempt.context, start)?,
        };
        if !is_found {
            return Ok(None);
        }
        let context = attempt.context;
        let variables = self.skip.variables().copied();
        let (mut row, mut target) = (start, Target::default());
        while row - start < self.path.len() {
            let rows = output.room(context.budget)?.min(self.path.len() - (row - start));
            let mut free = output.free_rows();
            for &position in &self.path[row - start..][..rows] {
                let variable = context.automaton.positions[position as usize].variable;
                if variables.is_some_and(|variables| variables.contains(variable)) {
                    target.note(row);
                }
                free.push(variable, position);
                row += 1;
            }
            let used = free.used();
            output.advance(used);
        }
        Ok(Some(Ending { end: row, target }))
    }

    fn release(&mut self, budget: &Budget) {
        [&mut self.earliest, &mut self.latest].into_iter().flatten().for_each(|ends| ends.release(budget));
        budget.release_vector(&self.reached);
        budget.release_vector(&self.path);
        (self.reached, self.path) = (Vec::new(), Vec::new());
    }
}
