//! The search in rounds in one thread or several, while the caller's thread computes the values that they ask for.
//!
//! Whoever computes values may be bound to the caller's thread, and does one thing at a time. So a thread that needs values hands its
//! requests over and waits; those that have theirs go on meanwhile.

use std::any::Any;
use std::cell::Cell;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use super::asked::Asked;
use super::rounds::{Asking, Compute, search_partitions};
use crate::budget::{Stopped, Tick};
use crate::expression::Value;
use crate::matcher::{Ended, Search, Sink};

/// Requests of a thread, and what is computed for them.
struct Round {
    /// The first partition of those that the thread searches.
    first: usize,
    asked: Asked,
    values: Vec<Option<Value>>,
}

/// A round that waits for its values, and where they are handed back.
type WaitingRound = (Round, Sender<(Round, Result<(), Stopped>)>);

/// Finds all matches, in rounds. Values are computed in this thread, which other threads search beside where there are many rows: so
/// some partitions are searched while values of others are computed.
///
/// Args:
///     search: the rows.
///     strategy: makes what finds the match at a row, for each thread.
///     compute: computes values. After an error it is called for partitions before the one with the error only.
///     tick: called now and then.
pub fn search_in_rounds<S: Sink + Default, M: Asking>(
    search: Search<'_>,
    strategy: impl Fn() -> M + Sync,
    compute: &mut Compute<'_>,
    tick: &mut Tick<'_>,
) -> Ended<S> {
    if search.threads() > 1 {
        return search_in_threads(search, strategy, compute, tick);
    }
    search.alone(tick, |context, partitions| {
        let mut found = S::default();
        let ended = search_partitions(context, partitions, 0..partitions.len(), strategy(), &mut found, compute);
        (found, ended.err())
    })
}

/// As [`search_in_rounds`], in several threads.
fn search_in_threads<S: Sink + Default, M: Asking>(
    search: Search<'_>,
    strategy: impl Fn() -> M + Sync,
    compute: &mut Compute<'_>,
    tick: &mut Tick<'_>,
) -> Ended<S> {
    let (hand_over, waiting) = channel::<WaitingRound>();
    // The first partition of those among which one has an error; the first of all where the caller asks for an end.
    let failed = Cell::new(usize::MAX);
    let mut tick = || tick().inspect_err(|_| failed.set(0));
    let mut panic = None;
    let serve = &mut |wait: Duration| {
        let Ok((mut round, hand_back)) = waiting.recv_timeout(wait) else { return };
        // What lies behind an error is of no interest.
        let is_in_vain = round.first >= failed.get();
        let mut computed = || compute(&mut round.asked, &mut round.values);
        let ended = if is_in_vain { Err(Stopped::ByCaller) } else { caught(&mut computed, &mut panic) };
        if ended.is_err() {
            failed.set(failed.get().min(round.first));
        }
        // Whoever asked waits for it.
        let _ = hand_back.send((round, ended));
    };
    let ended = search.run_served(
        |_, _| S::default(),
        &mut tick,
        serve,
        |context, partitions, own, found| {
            let first = own.start;
            let compute = &mut |asked: &mut Asked, values: &mut Vec<Option<Value>>| {
                let (hand_back, handed_back) = channel();
                let round = Round { first, asked: take(asked), values: take(values) };
                hand_over.send((round, hand_back)).map_err(|_| Stopped::ByCaller)?;
                let (round, ended) = handed_back.recv().map_err(|_| Stopped::ByCaller)?;
                (*asked, *values) = (round.asked, round.values);
                ended
            };
            search_partitions(context, partitions, own, strategy(), found, compute)
        },
    );
    panic.map_or(ended, |panic| resume_unwind(panic))
}

/// Calls; a panic is kept, as other threads wait for an answer.
fn caught(
    call: &mut dyn FnMut() -> Result<(), Stopped>,
    panic: &mut Option<Box<dyn Any + Send>>,
) -> Result<(), Stopped> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|found| {
        *panic = Some(found);
        Err(Stopped::ByCaller)
    })
}
