//! Several threads that do the shares of one piece of work.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use super::budget::{Budget, Stopped};

/// How long the caller's thread, out of work, sleeps between two looks at whether it shall stop the others.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Looks whether to stop.
pub type Tick<'t> = dyn FnMut() -> Result<(), Stopped> + 't;

/// Does shares of work in several threads, and gives their results in order.
///
/// Args:
///     shares: how many there are.
///     threads: the most threads; the caller's own is one.
///     budget: when it is used up, all stop.
///     tick: called in the caller's thread only; when it says so, all stop.
///     work: does the shares that it is handed, one after another, until there is none; called once in each thread.
///
/// A share's error stops those behind it, and of several errors the first share's is given: it is the one that there would be
/// with one thread.
pub fn in_threads<R: Send, E: Send + From<Stopped>>(
    shares: usize,
    threads: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
    work: impl Fn(&mut Worker<'_, R, E>) + Sync,
) -> Result<Vec<R>, E> {
    let common = Common { shares, budget, next: AtomicUsize::new(0), failed: AtomicUsize::new(usize::MAX) };
    let caller = thread::current();
    let other = || {
        let mut worker = Worker { common: &common, tick: None, done: Vec::new() };
        work(&mut worker);
        caller.unpark();
        worker.done
    };
    let mut done = thread::scope(|scope| {
        let others = spawn(scope, threads.min(shares).saturating_sub(1), &other);
        let mut own_tick = || tick();
        let mut own = Worker { common: &common, tick: Some(&mut own_tick), done: Vec::new() };
        work(&mut own);
        let (mut done, mut stopped) = (own.done, false);
        while !others.iter().all(ScopedJoinHandle::is_finished) {
            if !stopped && let Err(reason) = budget.check().and_then(|()| tick()) {
                stopped = true;
                done.push((0, Err(budget.stop(reason).into())));
            }
            thread::park_timeout(BETWEEN_LOOKS);
        }
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(share, result)| (*share, result.is_ok()));
    done.into_iter().map(|(_, result)| result).collect()
}

fn spawn<'scope, R: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    threads: usize,
    work: &'scope (impl Fn() -> R + Sync),
) -> Vec<ScopedJoinHandle<'scope, R>> {
    (0..threads)
        // Where the system gives no more threads, those that there are do the work.
        .map_while(|_| thread::Builder::new().name("rowpattern-match".into()).spawn_scoped(scope, work).ok())
        .collect()
}

/// What all threads see.
struct Common<'c> {
    shares: usize,
    budget: &'c Budget,
    /// The first share that nobody does yet.
    next: AtomicUsize,
    /// The first share that failed.
    failed: AtomicUsize,
}

/// One of the threads, as its work sees it.
pub struct Worker<'w, R, E> {
    common: &'w Common<'w>,
    /// In the caller's thread.
    tick: Option<&'w mut Tick<'w>>,
    done: Vec<(usize, Result<R, E>)>,
}

impl<R, E: From<Stopped>> Worker<'_, R, E> {
    /// Does shares that nobody does yet, until there is none.
    pub fn each(&mut self, mut share: impl FnMut(usize, &mut Tick<'_>) -> Result<R, E>) {
        let common = self.common;
        loop {
            let number = common.next.fetch_add(1, Ordering::Relaxed);
            // Nobody will ask for the result of a share behind one that failed.
            let is_in_vain = || common.failed.load(Ordering::Relaxed) < number;
            if number >= common.shares || is_in_vain() {
                return;
            }
            let result = share(number, &mut || {
                if is_in_vain() {
                    return Err(Stopped::ByCaller);
                }
                self.tick.as_mut().map_or(Ok(()), |tick| tick().map_err(|reason| common.budget.stop(reason)))
            });
            if result.is_err() {
                common.failed.fetch_min(number, Ordering::Relaxed);
            }
            self.done.push((number, result));
        }
    }
}
