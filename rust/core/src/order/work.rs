//! Pieces of the work on keys, in threads.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::OrderError;
use crate::budget::{Budget, Tick};
use crate::threads::{Worker, in_threads, started};

/// The rows of a morsel. Their codes, and where they go, fit into a core's cache.
pub const MORSEL_ROWS: usize = 1 << 16;

/// How many threads there are, and what all of it may take.
#[derive(Clone, Copy)]
pub struct Work<'w> {
    pub threads: usize,
    pub budget: &'w Budget,
}

impl Work<'_> {
    /// Does numbered pieces of work, in threads where there are several, and gives what each gave. Limits are looked at before
    /// each.
    ///
    /// Args:
    ///     scratch: makes what a thread uses again for one piece after another.
    pub fn each<R: Send, S>(
        self,
        pieces: usize,
        tick: &mut Tick<'_>,
        scratch: impl Fn() -> Result<S, OrderError> + Sync,
        piece: impl Fn(&mut S, usize) -> Result<R, OrderError> + Sync,
    ) -> Result<Vec<R>, OrderError> {
        let threads = started(self.threads.min(pieces));
        let work = |worker: &mut Worker<'_, Option<R>, OrderError>| {
            let mut own = None;
            worker.each(|number, tick| {
                let mut done = || {
                    self.budget.check()?;
                    tick()?;
                    let own = match &mut own {
                        Some(own) => own,
                        none => none.insert(scratch()?),
                    };
                    piece(own, number)
                };
                match done() {
                    Ok(result) => (Some(result), Ok(())),
                    Err(error) => (None, Err(error)),
                }
            });
        };
        let (results, error) = in_threads(pieces, threads, self.budget, tick, work);
        error.map_or_else(|| Ok(results.into_iter().flatten().collect()), Err)
    }

    /// As [`Self::each`], over morsels of rows, in order.
    pub fn each_morsel<R: Send>(
        self,
        rows: usize,
        tick: &mut Tick<'_>,
        morsel: impl Fn(usize, Range<usize>) -> Result<R, OrderError> + Sync,
    ) -> Result<Vec<R>, OrderError> {
        self.each(
            rows.div_ceil(MORSEL_ROWS),
            tick,
            || Ok(()),
            |(), number| morsel(number, number * MORSEL_ROWS..rows.min((number + 1) * MORSEL_ROWS)),
        )
    }
}

/// Parts of memory that one thread each takes.
pub struct Parts<'p, T>(Vec<Mutex<&'p mut [T]>>);

impl<'p, T> Parts<'p, T> {
    /// Parts of so many items, as far as there are some.
    pub fn of_lengths(mut memory: &'p mut [T], lengths: impl Iterator<Item = usize>) -> Self {
        let mut parts = Vec::new();
        for length in lengths {
            let (part, others) = memory.split_at_mut(length.min(memory.len()));
            parts.push(Mutex::new(part));
            memory = others;
        }
        Self(parts)
    }

    /// Parts of the same length, but the last.
    pub fn of_length(memory: &'p mut [T], length: usize) -> Self {
        Self(memory.chunks_mut(length).map(Mutex::new).collect())
    }

    /// One of them.
    pub fn get(&self, number: usize) -> MutexGuard<'_, &'p mut [T]> {
        self.0[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
