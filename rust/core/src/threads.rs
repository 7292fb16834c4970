//! Several threads that do the morsels of one piece of work.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle, available_parallelism};
use std::time::Duration;

use crate::budget::{Budget, Stopped, Tick};

/// More threads than cores gain nothing; up to this number are started in any case where they are asked for.
const LEAST_MOST_THREADS: usize = 16;

/// How long the caller's thread, out of work, sleeps between two looks at whether it shall stop the others.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// What a morsel gave: its number, what was found in it, and why that ended early.
type Done<R, E> = (usize, Option<R>, Option<E>);

/// How many threads to start of so many that are asked for: no more than four for a core, 16 where there are few cores.
pub fn started(threads: usize) -> usize {
    if threads <= LEAST_MOST_THREADS {
        return threads.max(1);
    }
    threads.min(LEAST_MOST_THREADS.max(4 * available_parallelism().map_or(1, NonZero::get)))
}

/// Does morsels of work in several threads, and gives their results in order, up to the first one that ended early, and why it
/// did.
///
/// Args:
///     morsels: how many there are.
///     threads: the most threads; the caller's own is one.
///     budget: when it is used up, all stop.
///     tick: called in the caller's thread only; when it says so, all stop.
///     work: does the morsels that it is handed, one after another, until there is none; called once in each thread.
///
/// A morsel's error stops those behind it, and of several errors the first morsel's is given: it is the one that there would be
/// with one thread.
pub fn in_threads<R: Send, E: From<Stopped> + Send>(
    morsels: usize,
    threads: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
    work: impl Fn(&mut Worker<'_, R, E>) + Sync,
) -> (Vec<R>, Option<E>) {
    run(morsels, threads.min(morsels).saturating_sub(1), budget, tick, work, None)
}

/// As [`in_threads`], where the caller's thread does no morsel, but what the others ask of it.
///
/// Args:
///     serve: called again and again until all have ended, with how long it may wait for something to do.
pub fn in_other_threads<R: Send, E: From<Stopped> + Send>(
    morsels: usize,
    threads: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
    work: impl Fn(&mut Worker<'_, R, E>) + Sync,
    serve: &mut Serve<'_>,
) -> (Vec<R>, Option<E>) {
    run(morsels, threads.min(morsels), budget, tick, work, Some(serve))
}

/// Does what other threads ask of the caller's.
pub type Serve<'s> = dyn FnMut(Duration) + 's;

fn run<R: Send, E: From<Stopped> + Send>(
    morsels: usize,
    others: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
    work: impl Fn(&mut Worker<'_, R, E>) + Sync,
    mut serve: Option<&mut Serve<'_>>,
) -> (Vec<R>, Option<E>) {
    let common = Common { morsels, budget, next: AtomicUsize::new(0), failed: AtomicUsize::new(usize::MAX) };
    let caller = thread::current();
    let other = || {
        let mut worker = Worker { common: &common, tick: None, done: Vec::new() };
        work(&mut worker);
        caller.unpark();
        worker.done
    };
    let mut done = thread::scope(|scope| {
        let others = spawn(scope, others, &other);
        let mut own_tick = || tick();
        let mut own = Worker { common: &common, tick: Some(&mut own_tick), done: Vec::new() };
        if serve.is_none() {
            work(&mut own);
        } else if others.is_empty() && morsels > 0 {
            // The system gives no thread.
            own.done.push((0, None, Some(budget.stop(Stopped::OutOfMemory).into())));
        }
        let (mut done, mut stopped) = (own.done, false);
        while !others.iter().all(ScopedJoinHandle::is_finished) {
            if !stopped && let Err(reason) = budget.check().and_then(|()| tick()) {
                stopped = true;
                done.push((0, None, Some(budget.stop(reason).into())));
            }
            match &mut serve {
                Some(serve) => serve(BETWEEN_LOOKS),
                None => thread::park_timeout(BETWEEN_LOOKS),
            }
        }
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(morsel, _, error)| (*morsel, error.is_none()));
    let mut results = Vec::with_capacity(done.len());
    for (_, result, error) in done {
        results.extend(result);
        if error.is_some() {
            return (results, error);
        }
    }
    (results, None)
}

fn spawn<'scope, R: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    threads: usize,
    work: &'scope (impl Fn() -> R + Sync),
) -> Vec<ScopedJoinHandle<'scope, R>> {
    (0..threads)
        // Where the system gives no more threads, those that there are do the work.
        .map_while(|_| thread::Builder::new().name("rowpattern-work".into()).spawn_scoped(scope, work).ok())
        .collect()
}

/// What all threads see.
struct Common<'c> {
    morsels: usize,
    budget: &'c Budget,
    /// The first morsel that nobody does yet.
    next: AtomicUsize,
    /// The first morsel that failed.
    failed: AtomicUsize,
}

/// One of the threads, as its work sees it.
pub struct Worker<'w, R, E> {
    common: &'w Common<'w>,
    /// In the caller's thread.
    tick: Option<&'w mut Tick<'w>>,
    done: Vec<Done<R, E>>,
}

impl<R, E> Worker<'_, R, E> {
    /// Does morsels that nobody does yet, until there is none.
    pub fn each(&mut self, mut morsel: impl FnMut(usize, &mut Tick<'_>) -> (R, Result<(), E>)) {
        let common = self.common;
        loop {
            let number = common.next.fetch_add(1, Ordering::Relaxed);
            // Nobody will ask for the result of a morsel behind one that failed.
            let is_in_vain = || common.failed.load(Ordering::Relaxed) < number;
            if number >= common.morsels || is_in_vain() {
                return;
            }
            let (result, ended) = morsel(number, &mut || {
                if is_in_vain() {
                    return Err(Stopped::ByCaller);
                }
                self.tick.as_mut().map_or(Ok(()), |tick| tick().map_err(|reason| common.budget.stop(reason)))
            });
            if ended.is_err() {
                common.failed.fetch_min(number, Ordering::Relaxed);
            }
            self.done.push((number, Some(result), ended.err()));
        }
    }
}
