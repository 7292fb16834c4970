//! All matches of the rows, found by one or several threads.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Stopped;
use super::bulk::{self, BulkSink};
use super::compiled::Compiled;
use super::scan::{Count, Partitions, Scan, ScanError, Sink};
use super::shares::{Share, shares};
use super::skip::Skip;
use super::symbols::Symbols;
use super::threads::{Tick, Worker, in_threads};
use super::viability::{Context, begins_any};

/// Fewer rows are not worth another thread.
const ROWS_A_SHARE: usize = 1 << 17;
/// Where partitions take different times, more shares than threads keep all of them at work.
const SHARES_A_THREAD: usize = 8;

/// Takes matches of a share, and then what the next shares found.
pub trait Joined: Send {
    /// Adds what was found in the rows behind these. A partition that the two share has the matches of both.
    fn join(&mut self, next: Self);
}

/// The rows of a search, and how many threads may work on them.
pub struct Search<'s> {
    /// The compiled pattern.
    pub compiled: &'s Compiled,
    /// The rows.
    pub symbols: &'s mut Symbols,
    /// How they are laid out.
    pub partitions: &'s Partitions,
    /// At least one.
    pub threads: usize,
}

impl Search<'_> {
    /// Finds all matches. Time is that of [`Scan`] divided by the threads, where there are many rows; what is found does
    /// not depend on how many threads there are.
    ///
    /// Args:
    ///     skip: where to go on behind a match.
    ///     blocks: whether the sink takes blocks; faster where they serve.
    ///     sink: makes a sink for a share, with room for the matches of so many rows.
    ///     tick: called now and then in this thread.
    ///
    /// Gives what was found, and whether the pattern's memory changed by that.
    pub fn run<S: Sink + BulkSink + Joined>(
        self,
        skip: Skip,
        blocks: bool,
        sink: impl Fn(usize) -> S + Sync,
        tick: &mut Tick<'_>,
    ) -> (Result<S, ScanError>, bool) {
        let blocks = blocks && bulk::serves(&self.compiled.automaton, skip);
        self.over_shares(blocks, sink, tick, |context, partitions, share, sink| {
            if blocks {
                return Ok(bulk::run(context, partitions, share, sink)?);
            }
            Scan::over(skip, share.partitions.clone()).run(context, partitions, sink).map(|_| ())
        })
    }

    /// Counts all matches; as [`Self::run`].
    pub fn count(self, skip: Skip, tick: &mut Tick<'_>) -> (Result<usize, ScanError>, bool) {
        let (counted, grown) = self.run(skip, true, |_| Count::default(), tick);
        (counted.map(|Count(matches)| matches), grown)
    }

    /// Whether any row begins a match. Goes backward only, in this thread, and ends at the first match that it sees.
    pub fn is_match(self, tick: &mut Tick<'_>) -> (Result<bool, ScanError>, bool) {
        let Self { compiled, symbols, partitions, .. } = self;
        let mut tables = compiled.take_tables();
        tables.adopt(symbols);
        let mut context = Context { automaton: &compiled.automaton, symbols, tables: &mut tables, tick };
        let mut found = Ok(false);
        for (begin, end) in (0..partitions.len()).rev().map(|number| partitions.bounds(number)) {
            found = begins_any(&mut context, begin, end);
            if found != Ok(false) {
                break;
            }
        }
        (found.map_err(ScanError::from), compiled.give_back(tables))
    }

    /// Does other work on whole partitions; as [`Self::run`].
    pub fn over_partitions<S: Joined, E: Send + From<Stopped>>(
        self,
        sink: impl Fn(usize) -> S + Sync,
        tick: &mut Tick<'_>,
        work: impl Fn(&mut Context<'_>, &Partitions, Range<usize>, &mut S) -> Result<(), E> + Sync,
    ) -> (Result<S, E>, bool) {
        self.over_shares(false, sink, tick, |context, partitions, share, sink| {
            work(context, partitions, share.partitions.clone(), sink)
        })
    }

    fn over_shares<S: Joined, E: Send + From<Stopped>>(
        self,
        inside: bool,
        sink: impl Fn(usize) -> S + Sync,
        tick: &mut Tick<'_>,
        work: impl Fn(&mut Context<'_>, &Partitions, &Share, &mut S) -> Result<(), E> + Sync,
    ) -> (Result<S, E>, bool) {
        let Self { compiled, symbols, partitions, threads } = self;
        let automaton = &compiled.automaton;
        let mut tables = compiled.take_tables();
        tables.adopt(symbols);
        let symbols = &*symbols;
        let wanted = if inside { threads } else { threads.saturating_mul(SHARES_A_THREAD) };
        let wanted = wanted.min(partitions.rows() / ROWS_A_SHARE);
        let shares = if threads > 1 && wanted > 1 {
            let mut context = Context { automaton, symbols, tables: &mut tables, tick };
            match shares(&mut context, partitions, wanted, inside) {
                Ok(shares) => shares,
                Err(stopped) => return (Err(stopped.into()), compiled.give_back(tables)),
            }
        } else {
            vec![Share::whole(partitions)]
        };
        let grown = AtomicBool::new(false);
        let first = Mutex::new(Some(tables));
        let found = in_threads(shares.len(), threads, tick, |worker: &mut Worker<'_, S, E>| {
            let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut tables = first.unwrap_or_else(|| {
                let mut tables = compiled.take_tables();
                tables.adopt_as_they_are(symbols);
                tables
            });
            worker.each(|number, tick| {
                let share = &shares[number];
                // What the other shares find is added to the first one's.
                let mut found = sink(if number == 0 { partitions.rows() } else { share.high - share.low });
                work(&mut Context { automaton, symbols, tables: &mut tables, tick }, partitions, share, &mut found)?;
                Ok(found)
            });
            if compiled.give_back(tables) {
                grown.store(true, Ordering::Relaxed);
            }
        });
        let joined = found.map(|found| {
            let mut found = found.into_iter();
            let mut all = found.next().unwrap_or_else(|| sink(0));
            found.for_each(|next| all.join(next));
            all
        });
        (joined, grown.into_inner())
    }
}

impl Joined for Count {
    fn join(&mut self, next: Self) {
        self.0 += next.0;
    }
}
