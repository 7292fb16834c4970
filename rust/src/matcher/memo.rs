//! Ends of matches that overlap, each stretch walked once.
//!
//! With a skip mode that lets matches overlap, walking each match to its end takes time quadratic in the rows,
//! even where only its span is asked for. From a (row, position) on, a walk is always the same; so what it found is kept
//! for each such pair, and a later walk stops where it meets an earlier one. Every pair is walked once: the time
//! is linear in rows times positions, and so is the memory.

use std::collections::HashMap;

use super::skip::Target;

/// What a walk from some row and position on finds.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    pub end: usize,
    pub target: Target,
}

/// Outcomes for one partition.
#[derive(Debug, Default)]
pub struct Memo {
    begin: usize,
    /// The first position that came by each row; most rows see one only.
    rows: Vec<Option<(u32, Outcome)>>,
    others: HashMap<(usize, u32), Outcome, foldhash::fast::RandomState>,
    /// The walk under way: position, and whether the row is mapped to a variable of the skip target.
    path: Vec<(u32, bool)>,
}

impl Memo {
    /// Forgets everything; rows will be of `begin..end`.
    pub fn reset(&mut self, begin: usize, end: usize) {
        self.begin = begin;
        self.rows.clear();
        self.rows.resize(end - begin, None);
        self.others.clear();
    }

    /// What an earlier walk found from here on.
    pub fn get(&self, row: usize, position: u32) -> Option<Outcome> {
        match self.rows[row - self.begin] {
            Some((at, outcome)) if at == position => Some(outcome),
            Some(_) => self.others.get(&(row, position)).copied(),
            None => None,
        }
    }

    /// The walk under way maps its next row to `position`.
    pub fn step(&mut self, position: u32, is_target: bool) {
        self.path.push((position, is_target));
    }

    /// The walk that began at `start` has met `outcome` behind its last step; keeps what that means for each step.
    pub fn finish(&mut self, start: usize, mut outcome: Outcome) -> Outcome {
        for (offset, (position, is_target)) in self.path.drain(..).enumerate().rev() {
            let row = start + offset;
            if is_target {
                outcome.target.first = Some(row);
                outcome.target.last.get_or_insert(row);
            }
            let slot = &mut self.rows[row - self.begin];
            if slot.is_none() {
                *slot = Some((position, outcome));
            } else {
                self.others.insert((row, position), outcome);
            }
        }
        outcome
    }
}
