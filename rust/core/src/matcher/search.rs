//! All matches of the rows, found by one or several threads.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::backward::begins_any;
use super::chosen::ChosenPass;
use super::compiled::Compiled;
use super::context::Context;
use super::cut::cut_into_morsels;
use super::error::SearchError;
use super::forward::ForwardPass;
use super::morsels::Morsel;
use super::scan::Scan;
use super::sink::{Count, Sink};
use super::strategy::Strategy;
use super::tables::Tables;
use super::transducer;
use crate::budget::{Budget, Tick};
use crate::rows::{Choice, Partitions, Skip, Symbols};
use crate::threads::{Serve, Worker, in_other_threads, in_threads, started};

/// Fewer rows are not worth another thread.
const ROWS_A_MORSEL: usize = 1 << 17;
/// Where the caller's thread serves the others, what takes time is what it does for them.
const SERVED_ROWS_A_MORSEL: usize = 1 << 15;
/// Where partitions take different times, more morsels than threads keep all of them at work.
const MORSELS_A_THREAD: usize = 8;
/// Each has requests of its own, so that there are more rounds with more of them.
const SERVED_MORSELS_A_THREAD: usize = 2;

/// The most bytes that tables and buffers of a thread take.
const BYTES_A_THREAD: usize = 8 << 20;

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

/// Where rows are cut into morsels, and who does them.
enum Cuts<'c, 's> {
    /// In partitions too, where they are large.
    Inside,
    Between,
    /// Between partitions; the caller's thread serves those that do them.
    Served(&'c mut Serve<'s>),
}

/// What came of a search.
#[derive(Debug)]
pub struct Ended<R> {
    /// What was found; where the search ended early, some of what it had found before.
    pub found: R,
    /// Why it ended early.
    pub error: Option<SearchError>,
    /// The tables that it used, to be given back.
    pub tables: Vec<Tables>,
}

impl<R> Ended<R> {
    /// The same, with something else made of what was found.
    pub fn map<Q>(self, make: impl FnOnce(R) -> Q) -> Ended<Q> {
        Ended { found: make(self.found), error: self.error, tables: self.tables }
    }

    /// What was found, if the search did not end early; and the tables.
    pub fn into_result(self) -> (Result<R, SearchError>, Vec<Tables>) {
        (self.error.map_or(Ok(self.found), Err), self.tables)
    }
}

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
        let worth = threads.min(partitions.rows() / ROWS_A_MORSEL).min(budget.memory_bytes() / BYTES_A_THREAD);
        let tables = (0..started(worth)).map(|_| compiled.take_tables()).collect();
        Self { compiled, symbols, partitions, budget, tables }
    }

    /// Finds all matches, by the automaton alone. Time is that of [`Scan`] divided by the threads, where there are many rows;
    /// what is found does not depend on how many threads there are.
    ///
    /// Args:
    ///     skip: where to go on behind a match.
    ///     sink: makes a sink for a morsel, with room for the matches of the number of rows that it is given.
    ///     tick: called now and then in this thread.
    pub fn run<S: Sink>(self, skip: Skip, sink: impl Fn(usize, &Budget) -> S + Sync, tick: &mut Tick<'_>) -> Ended<S> {
        if transducer::serves(&self.compiled.automaton, skip) {
            return self.over_morsels(Cuts::Inside, sink, tick, |context, partitions, morsel, sink| {
                transducer::run(context, partitions, morsel, sink)?;
                Ok(())
            });
        }
        self.run_with(|| ForwardPass::new::<S>(skip), sink, tick)
    }

    /// As [`Self::run`], where matches are chosen by a rule, which may be another one than the standard's.
    pub fn run_chosen<S: Sink>(
        self,
        skip: Skip,
        choice: Choice<'_>,
        sink: impl Fn(usize, &Budget) -> S + Sync,
        tick: &mut Tick<'_>,
    ) -> Ended<S> {
        if choice.is_standard() {
            return self.run(skip, sink, tick);
        }
        self.run_with(|| ChosenPass::new(skip, choice), sink, tick)
    }

    /// As [`Self::run`], with another strategy; each thread makes its own.
    pub fn run_with<S: Sink, M: Strategy>(
        self,
        strategy: impl Fn() -> M + Sync,
        sink: impl Fn(usize, &Budget) -> S + Sync,
        tick: &mut Tick<'_>,
    ) -> Ended<S> {
        self.over_morsels(Cuts::Between, sink, tick, |context, partitions, morsel, sink| {
            Scan::over(strategy(), morsel.partitions.clone()).run(context, partitions, sink, usize::MAX).map(drop)
        })
    }

    /// Does work on the partitions of each morsel in other threads, while the caller's does what they ask of it: `serve` is called
    /// again and again, with how long it may wait. The rest is as for [`Self::run_with`].
    pub fn run_served<S: Sink>(
        self,
        sink: impl Fn(usize, &Budget) -> S + Sync,
        tick: &mut Tick<'_>,
        serve: &mut Serve<'_>,
        work: impl Fn(&mut Context<'_>, &Partitions, Range<usize>, &mut S) -> Result<(), SearchError> + Sync,
    ) -> Ended<S> {
        self.over_morsels(Cuts::Served(serve), sink, tick, |context, partitions, morsel, sink| {
            work(context, partitions, morsel.partitions.clone(), sink)
        })
    }

    /// How many threads it has tables for.
    pub fn threads(&self) -> usize {
        self.tables.len()
    }

    /// Counts all matches; as [`Self::run`].
    pub fn count(self, skip: Skip, tick: &mut Tick<'_>) -> Ended<usize> {
        self.run(skip, |_, _| Count::default(), tick).map(|Count(matches)| matches)
    }

    /// Whether any row begins a match. Goes backward only, in this thread, and ends at the first match that it sees.
    pub fn is_match(self, tick: &mut Tick<'_>) -> Ended<bool> {
        self.alone(tick, |context, partitions| match begins_any(context, partitions.borders(&(0..partitions.len()))) {
            Ok(found) => (found, None),
            Err(reason) => (false, Some(reason.into())),
        })
    }

    /// Does other work on the rows, in this thread alone, and gives what came of it.
    pub fn alone<R>(
        self,
        tick: &mut Tick<'_>,
        work: impl FnOnce(&mut Context<'_>, &Partitions) -> (R, Option<SearchError>),
    ) -> Ended<R> {
        let Self { compiled, symbols, partitions, budget, mut tables } = self;
        let own = &mut tables[0];
        own.adopt(symbols);
        let mut context = Context { automaton: &compiled.automaton, symbols, tables: own, budget, tick };
        let (found, error) = work(&mut context, partitions);
        Ended { found, error, tables }
    }

    /// Does work on morsels.
    fn over_morsels<S: Sink>(
        self,
        cuts: Cuts<'_, '_>,
        sink: impl Fn(usize, &Budget) -> S + Sync,
        tick: &mut Tick<'_>,
        work: impl Fn(&mut Context<'_>, &Partitions, &Morsel, &mut S) -> Result<(), SearchError> + Sync,
    ) -> Ended<S> {
        let Self { compiled, symbols, partitions, budget, mut tables } = self;
        let (automaton, threads) = (&compiled.automaton, tables.len());
        // Each thread's tables have what codes stand for.
        if let Err(reason) = budget.charge(symbols.masks_bytes().saturating_mul(threads)) {
            return Ended { found: sink(0, budget), error: Some(reason.into()), tables };
        }
        tables[0].adopt(symbols);
        let symbols = &*symbols;
        tables[1..].iter_mut().for_each(|other| other.adopt_as_they_are(symbols));
        let (morsels_a_thread, rows_a_morsel) = match cuts {
            Cuts::Inside => (1, ROWS_A_MORSEL),
            Cuts::Between => (MORSELS_A_THREAD, ROWS_A_MORSEL),
            Cuts::Served(_) => (SERVED_MORSELS_A_THREAD, SERVED_ROWS_A_MORSEL),
        };
        let wanted = threads.saturating_mul(morsels_a_thread).min(partitions.rows() / rows_a_morsel);
        let inside = matches!(cuts, Cuts::Inside);
        let morsels = if threads > 1 {
            let mut context = Context { automaton, symbols, tables: &mut tables[0], budget, tick };
            match cut_into_morsels(&mut context, partitions, wanted, inside) {
                Ok(morsels) => morsels,
                Err(reason) => return Ended { found: sink(0, budget), error: Some(reason.into()), tables },
            }
        } else {
            vec![Morsel::whole(partitions)]
        };
        // Handed to threads, and back; only they know this lock.
        let waiting = Mutex::new(tables);
        let used = Mutex::new(Vec::new());
        let work = |worker: &mut Worker<'_, S, SearchError>| {
            let Some(mut tables) = locked(&waiting).pop() else { return };
            worker.each(|number, tick| {
                let morsel = &morsels[number];
                // What the other morsels give is added to what the first one gives.
                let rows = if number == 0 { partitions.rows() } else { morsel.high - morsel.low };
                let mut found = sink(rows, budget);
                let mut context = Context { automaton, symbols, tables: &mut tables, budget, tick };
                let ended = work(&mut context, partitions, morsel, &mut found);
                (found, ended)
            });
            locked(&used).push(tables);
        };
        let (found, mut error) = match cuts {
            Cuts::Served(serve) => in_other_threads(morsels.len(), threads, budget, tick, work, serve),
            Cuts::Inside | Cuts::Between => in_threads(morsels.len(), threads, budget, tick, work),
        };
        let mut found = found.into_iter();
        let mut all = found.next().unwrap_or_else(|| sink(0, budget));
        for next in found {
            if let Err(reason) = all.join(next, budget, tick) {
                error = Some(error.unwrap_or(budget.stop(reason).into()));
                break;
            }
        }
        // Those that are filled come first, so that they are the ones to rest with the pattern.
        let tables = [&used, &waiting].into_iter().flat_map(|tables| std::mem::take(&mut *locked(tables))).collect();
        Ended { found: all, error, tables }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
