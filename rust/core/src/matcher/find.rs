//! All matches of the rows, found by one or several threads.

use std::num::NonZero;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use super::budget::{Budget, Stopped};
use super::bulk::{self, BulkSink};
use super::compiled::Compiled;
use super::scan::{Count, Partitions, Scan, ScanError, Sink};
use super::shares::{Share, shares};
use super::skip::Skip;
use super::symbols::Symbols;
use super::tables::Tables;
use super::threads::{Tick, Worker, in_threads};
use super::viability::{Context, begins_any};

/// Fewer rows are not worth another thread.
const ROWS_A_SHARE: usize = 1 << 17;
/// Where partitions take different times, more shares than threads keep all of them at work.
const SHARES_A_THREAD: usize = 8;

/// More threads than cores gain nothing; so many are started at least where they are asked for.
const LEAST_MOST_THREADS: usize = 16;
/// Tables and buffers of a thread take up to so many bytes.
const BYTES_A_THREAD: usize = 8 << 20;

/// Takes matches of a share, and then what the next shares found.
pub trait Joined: Send + Sized {
    /// Adds what was found in the rows behind these, and takes back what was charged for it. A partition that the two share
    /// has the matches of both.
    fn join(&mut self, next: Self, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped>;
}

/// How many items of a piece are joined to another between two looks at the limits.
const ITEMS_A_LOOK: usize = 1 << 20;

/// Adds items to those before them, and takes back what was charged for them.
pub fn append<T: Copy>(items: &mut Vec<T>, next: Vec<T>, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped> {
    budget.reserve(items, next.len())?;
    for piece in next.chunks(ITEMS_A_LOOK) {
        budget.check()?;
        tick()?;
        items.extend_from_slice(piece);
    }
    budget.release_vector(&next);
    Ok(())
}

/// The rows of a search, and what is needed to look through them with several threads.
///
/// It is made, and its tables are given back, where nothing can fork, that is with Python's lock held: a child would find
/// the lock of the pattern's tables taken by a thread that it does not have. What comes between needs no such lock.
pub struct Search<'s> {
    compiled: &'s Compiled,
    symbols: &'s mut Symbols,
    partitions: &'s Partitions,
    budget: &'s Budget,
    /// For each thread.
    tables: Vec<Tables>,
}

/// What came of a search, and the tables that it used, to be given back.
pub type Ended<R, E> = (Result<R, E>, Vec<Tables>);

impl<'s> Search<'s> {
    /// Takes the pattern's tables.
    ///
    /// Args: the pattern, the rows, how they are laid out, the most threads, at least one, and the limits of all threads
    /// together. There are as many threads as there is work for, and no more than four for a core (16 where there are few).
    pub fn new(
        compiled: &'s Compiled,
        symbols: &'s mut Symbols,
        partitions: &'s Partitions,
        threads: usize,
        budget: &'s Budget,
    ) -> Self {
        let mut threads = threads.min(partitions.rows() / ROWS_A_SHARE).min(budget.memory_bytes() / BYTES_A_THREAD);
        if threads > LEAST_MOST_THREADS {
            let cores = available_parallelism().map_or(1, NonZero::get);
            threads = threads.min(LEAST_MOST_THREADS.max(4 * cores));
        }
        let tables = (0..threads.max(1)).map(|_| compiled.take_tables()).collect();
        Self { compiled, symbols, partitions, budget, tables }
    }

    /// Finds all matches. Time is that of [`Scan`] divided by the threads, where there are many rows; what is found does
    /// not depend on how many threads there are.
    ///
    /// Args:
    ///     skip: where to go on behind a match.
    ///     blocks: whether the sink takes blocks; faster where they serve.
    ///     sink: makes a sink for a share, with room for the matches of so many rows.
    ///     tick: called now and then in this thread.
    pub fn run<S: Sink + BulkSink + Joined>(
        self,
        skip: Skip,
        blocks: bool,
        sink: impl Fn(usize, &Budget) -> S + Sync,
        tick: &mut Tick<'_>,
    ) -> Ended<S, ScanError> {
        let blocks = blocks && bulk::serves(&self.compiled.automaton, skip);
        self.over_shares(blocks, sink, tick, |context, partitions, share, sink| {
            if blocks {
                return Ok(bulk::run(context, partitions, share, sink)?);
            }
            Scan::over(skip, share.partitions.clone()).run(context, partitions, sink).map(|_| ())
        })
    }

    /// Counts all matches; as [`Self::run`].
    pub fn count(self, skip: Skip, tick: &mut Tick<'_>) -> Ended<usize, ScanError> {
        let (counted, tables) = self.run(skip, true, |_, _| Count::default(), tick);
        (counted.map(|Count(matches)| matches), tables)
    }

    /// Whether any row begins a match. Goes backward only, in this thread, and ends at the first match that it sees.
    pub fn is_match(self, tick: &mut Tick<'_>) -> Ended<bool, ScanError> {
        let Self { compiled, symbols, partitions, budget, mut tables } = self;
        let own = &mut tables[0];
        own.adopt(symbols);
        let mut context = Context { automaton: &compiled.automaton, symbols, tables: own, budget, tick };
        let found = Self::begins_match(&mut context, partitions);
        (found.map_err(ScanError::from), tables)
    }

    fn begins_match(context: &mut Context<'_>, partitions: &Partitions) -> Result<bool, Stopped> {
        let mut rows_since_look = 0;
        for (begin, end) in (0..partitions.len()).rev().map(|number| partitions.bounds(number)) {
            if begins_any(context, begin, end)? {
                return Ok(true);
            }
            rows_since_look += end - begin + 1;
            if rows_since_look > context.tables.rows_a_look() {
                rows_since_look = 0;
                context.check()?;
            }
        }
        Ok(false)
    }

    /// Does other work on whole partitions; as [`Self::run`].
    pub fn over_partitions<S: Joined, E: Send + From<Stopped>>(
        self,
        sink: impl Fn(usize, &Budget) -> S + Sync,
        tick: &mut Tick<'_>,
        work: impl Fn(&mut Context<'_>, &Partitions, Range<usize>, &mut S) -> Result<(), E> + Sync,
    ) -> Ended<S, E> {
        self.over_shares(false, sink, tick, |context, partitions, share, sink| {
            work(context, partitions, share.partitions.clone(), sink)
        })
    }

    fn over_shares<S: Joined, E: Send + From<Stopped>>(
        self,
        inside: bool,
        sink: impl Fn(usize, &Budget) -> S + Sync,
        tick: &mut Tick<'_>,
        work: impl Fn(&mut Context<'_>, &Partitions, &Share, &mut S) -> Result<(), E> + Sync,
    ) -> Ended<S, E> {
        let Self { compiled, symbols, partitions, budget, mut tables } = self;
        let (automaton, threads) = (&compiled.automaton, tables.len());
        // Each thread's tables have what codes stand for.
        if let Err(reason) = budget.charge(symbols.masks_bytes().saturating_mul(threads)) {
            return (Err(reason.into()), tables);
        }
        tables[0].adopt(symbols);
        let symbols = &*symbols;
        tables[1..].iter_mut().for_each(|other| other.adopt_as_they_are(symbols));
        let wanted = if inside { threads } else { threads.saturating_mul(SHARES_A_THREAD) };
        let wanted = wanted.min(partitions.rows() / ROWS_A_SHARE);
        let shares = if threads > 1 {
            let mut context = Context { automaton, symbols, tables: &mut tables[0], budget, tick };
            match shares(&mut context, partitions, wanted, inside) {
                Ok(shares) => shares,
                Err(stopped) => return (Err(stopped.into()), tables),
            }
        } else {
            vec![Share::whole(partitions)]
        };
        // Handed to threads, and back; only they know this lock.
        let waiting = Mutex::new(tables);
        let used = Mutex::new(Vec::new());
        let found = in_threads(shares.len(), threads, budget, tick, |worker: &mut Worker<'_, S, E>| {
            let Some(mut tables) = locked(&waiting).pop() else { return };
            worker.each(|number, tick| {
                let share = &shares[number];
                // What the other shares find is added to the first one's.
                let rows = if number == 0 { partitions.rows() } else { share.high - share.low };
                let mut found = sink(rows, budget);
                let mut context = Context { automaton, symbols, tables: &mut tables, budget, tick };
                work(&mut context, partitions, share, &mut found)?;
                Ok(found)
            });
            locked(&used).push(tables);
        });
        let joined = found.and_then(|found| {
            let mut found = found.into_iter();
            let mut all = found.next().unwrap_or_else(|| sink(0, budget));
            for next in found {
                all.join(next, budget, tick).map_err(|reason| budget.stop(reason))?;
            }
            Ok(all)
        });
        // Those that are filled come first, so that they are the ones to rest with the pattern.
        let tables = [&used, &waiting].into_iter().flat_map(|tables| std::mem::take(&mut *locked(tables))).collect();
        (joined, tables)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Joined for Count {
    fn join(&mut self, next: Self, _: &Budget, _: &mut Tick<'_>) -> Result<(), Stopped> {
        self.0 += next.0;
        Ok(())
    }
}
