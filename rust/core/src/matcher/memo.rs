//! Ends of matches that overlap, each stretch walked once.
//!
//! With a skip mode that lets matches overlap, walking each match to its end takes time quadratic in the rows,
//! even where only its span is asked for. From a (row, position) on, a walk is always the same; so what it found is kept
//! for each such pair, and a later walk stops where it meets an earlier one. Every pair is walked once: the time
//! is linear in rows times positions, and so is the memory.

use std::collections::HashMap;

use super::context::Context;
use crate::budget::{Budget, ROWS_A_LOOK, Stopped};
use crate::rows::Target;

/// How a match ends that comes by some row and position.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// The row behind its last.
    pub end: usize,
    /// Where the variables of the skip stand in it, from that row on.
    pub target: Target,
}

/// Rows whose further endings are in one map. Maps stay so small that one grows within some milliseconds, between two
/// looks at the limits.
const ROWS_A_MAP: usize = 1 << 10;

type EndingMap = HashMap<(usize, u32), Ending, foldhash::fast::RandomState>;

/// What an item of a map takes, with its byte of control and its share of free places.
const MAP_ITEM_BYTES: usize = (size_of::<((usize, u32), Ending)>() + 1) * 8 / 7;

/// How matches of one partition end.
#[derive(Debug, Default)]
pub struct Memo {
    begin: usize,
    /// The first position that came by each row; most rows see one only.
    rows: Vec<Option<(u32, Ending)>>,
    /// What other positions found, by block of rows.
    others: Vec<EndingMap>,
    others_bytes: usize,
    /// The walk under way: position, and whether the row is mapped to a variable of the skip target.
    pub path: Vec<(u32, bool)>,
}

impl Memo {
    /// Forgets everything; rows will be of `begin..end`.
    pub fn reset(&mut self, context: &mut Context<'_>, begin: usize, end: usize) -> Result<(), Stopped> {
        self.begin = begin;
        self.rows.clear();
        self.forget_others(context.budget);
        let rows = end - begin;
        context.budget.reserve(&mut self.rows, rows)?;
        while self.rows.len() < rows {
            self.rows.resize(rows.min(self.rows.len() + ROWS_A_LOOK), None);
            if self.rows.len() < rows {
                context.check()?;
            }
        }
        Ok(())
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(&mut self, budget: &Budget) {
        budget.release_vector(&self.rows);
        budget.release_vector(&self.path);
        (self.rows, self.path) = (Vec::new(), Vec::new());
        self.forget_others(budget);
    }

    fn forget_others(&mut self, budget: &Budget) {
        self.others.clear();
        budget.release(std::mem::take(&mut self.others_bytes));
    }

    /// What an earlier walk found from here on.
    pub fn get(&self, row: usize, position: u32) -> Option<Ending> {
        let at = row - self.begin;
        match self.rows[at] {
            Some((known, ending)) if known == position => Some(ending),
            Some(_) => self.others.get(at / ROWS_A_MAP)?.get(&(row, position)).copied(),
            None => None,
        }
    }

    /// The walk that began at `start` has met `ending` behind its last step; keeps what that means for each step.
    pub fn finish(&mut self, context: &mut Context<'_>, start: usize, mut ending: Ending) -> Result<Ending, Stopped> {
        while let Some((position, is_target)) = self.path.pop() {
            let row = start + self.path.len();
            if is_target {
                ending.target.first = Some(row);
                ending.target.last.get_or_insert(row);
            }
            let slot = &mut self.rows[row - self.begin];
            if slot.is_none() {
                *slot = Some((position, ending));
            } else {
                self.keep_other(context.budget, row, position, ending)?;
            }
            if row.is_multiple_of(ROWS_A_LOOK) {
                context.check()?;
            }
        }
        Ok(ending)
    }

    fn keep_other(&mut self, budget: &Budget, row: usize, position: u32, ending: Ending) -> Result<(), Stopped> {
        let number = (row - self.begin) / ROWS_A_MAP;
        if number >= self.others.len() {
            let more = number + 1 - self.others.len();
            self.charge(budget, more * size_of::<EndingMap>())?;
            self.others.resize_with(number + 1, EndingMap::default);
        }
        let map = &mut self.others[number];
        if map.len() == map.capacity() {
            // It is going to have twice the places, and is copied there.
            let more = (map.capacity() + 1) * MAP_ITEM_BYTES;
            self.charge(budget, more)?;
            let map = &mut self.others[number];
            map.try_reserve(1).map_err(|_| budget.stop(Stopped::OutOfMemory))?;
        }
        self.others[number].insert((row, position), ending);
        Ok(())
    }

    fn charge(&mut self, budget: &Budget, bytes: usize) -> Result<(), Stopped> {
        budget.charge(bytes)?;
        self.others_bytes += bytes;
        Ok(())
    }
}
