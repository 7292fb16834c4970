//! One query's place among those that work.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::queues::Admission;
use super::turn::Turn;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// How long a query works before it makes way for others that wait. Models of schedules (shuttle) have no clock: there it
/// always does.
const SLICE: Duration = Duration::from_millis(if cfg!(shuttle) { 0 } else { 250 });

/// As [`SLICE`], for one whose searches take longer than its rows explain.
const LONG_SLICE: Duration = Duration::from_millis(if cfg!(shuttle) { 0 } else { 20 });

/// How much time of the processor the searches of a query may take whatever its rows, before it counts as long. Time by the clock
/// says little where the machine has other work.
const EXPLAINED: Duration = Duration::from_millis(5);

/// And for each of its rows: several times what matching them takes.
const EXPLAINED_A_ROW: Duration = Duration::from_micros(1);

/// What entering came to.
pub enum Entrance {
    /// The query has its place.
    Entered,
    /// It has to wait for its turn.
    Queued(Arc<Turn>),
    /// As many wait as may.
    Full,
}

/// One query's place among those that work.
pub struct QueryPlace {
    admission: Arc<Admission>,
    /// A forked child has an admission of its own, and none of its parent's threads.
    process: u32,
    held: Mutex<Held>,
    /// Whether it makes way: threads of the query wait then.
    is_away: AtomicBool,
    back: Condvar,
}

#[derive(Default)]
struct Held {
    /// Since when it has its place.
    since: Option<Instant>,
    /// How long it worked before.
    worked: Duration,
    /// How much time of the processor its searches took.
    searched: Duration,
    rows: u64,
}

impl Held {
    fn worked(&self) -> Duration {
        self.worked + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Whether the query's searches have taken longer than its rows explain.
    fn is_long(&self) -> bool {
        let rows = u32::try_from(self.rows).unwrap_or(u32::MAX);
        self.searched > EXPLAINED_A_ROW.saturating_mul(rows).saturating_add(EXPLAINED)
    }

    /// Whether it has worked at a stretch as long as it should while others wait.
    fn is_due(&self) -> bool {
        let slice = if self.is_long() { LONG_SLICE } else { SLICE };
        self.since.is_some_and(|since| since.elapsed() >= slice)
    }

    /// The place is another's: how long the query worked at a stretch, and whether it is a long one.
    fn give_up(&mut self) -> Option<(Duration, bool)> {
        let is_long = self.is_long();
        let worked = self.since.take()?.elapsed();
        self.worked += worked;
        Some((worked, is_long))
    }
}

impl QueryPlace {
    /// A place that is not taken yet.
    pub fn new(admission: Arc<Admission>) -> Self {
        Self {
            admission,
            process: std::process::id(),
            held: Mutex::default(),
            is_away: AtomicBool::new(false),
            back: Condvar::new(),
        }
    }

    fn is_own(&self) -> bool {
        self.process == std::process::id()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the place, or queues up for it: then [`Self::take`] has to follow when the turn has come, and
    /// [`Self::give_up`] where nobody waits for it any more.
    pub fn enter(&self) -> Entrance {
        let is_long = {
            let held = self.held();
            held.since.is_none() && held.is_long()
        };
        let entry = self.admission.locked(|state| {
            if state.running < state.limit && state.waiting() == 0 {
                state.running += 1;
                return Entrance::Entered;
            }
            if state.waiting() >= state.most_waiting {
                state.refused += 1;
                return Entrance::Full;
            }
            Entrance::Queued(state.add(is_long))
        });
        if matches!(entry, Entrance::Entered) {
            self.take();
        }
        entry
    }

    /// As [`Self::enter`], for a query that was admitted before: it may wait whatever the queue's limit.
    pub fn enter_again(&self) -> Option<Arc<Turn>> {
        let is_long = self.held().is_long();
        let turn = self.admission.locked(|state| {
            if state.running < state.limit && state.waiting() == 0 {
                state.running += 1;
                return None;
            }
            Some(state.add(is_long))
        });
        if turn.is_none() {
            self.take();
        }
        turn
    }

    /// The turn has come: the query works from now on.
    pub fn take(&self) {
        self.held().since = Some(Instant::now());
    }

    /// Leaves the queue; a place that was given meanwhile goes to the next.
    pub fn give_up(&self, turn: &Arc<Turn>) {
        self.admission.locked(|state| {
            if turn.has_come() {
                state.running = state.running.saturating_sub(1);
                state.give();
                return;
            }
            state.remove(turn);
        });
    }

    /// Leaves the place to others. Nothing happens where it is not held. Says whether it was.
    pub fn leave(&self) -> bool {
        if !self.is_own() {
            return false;
        }
        let Some((worked, is_long)) = self.held().give_up() else { return false };
        self.admission.locked(|state| {
            state.take_back(worked, is_long);
            state.give();
        });
        true
    }

    /// Says how many rows the query works on: with more, it may work longer before it counts as long.
    pub fn set_rows(&self, rows: u64) {
        let mut held = self.held();
        held.rows = held.rows.max(rows);
    }

    /// Says how much time of the processor a search of the query has taken since this was said last.
    pub fn add_search(&self, time: Duration) {
        self.held().searched += time;
    }

    /// How long the query has worked, without the time that it waited.
    pub fn worked(&self) -> Duration {
        self.held().worked()
    }

    /// Whether it has its place.
    pub fn is_held(&self) -> bool {
        self.held().since.is_some()
    }

    /// Whether others wait for a place; read without the lock.
    #[inline]
    fn others_wait(&self) -> bool {
        self.admission.waiting.load(Ordering::Relaxed) > 0
    }

    /// Lets others work where some wait and the query has worked for long enough, and waits for its turn again.
    ///
    /// Args:
    ///     wait: waits for the turn; its error means that the query ends, and that it has no place any more.
    pub fn make_way<E>(&self, wait: impl FnOnce(&Arc<Turn>) -> Result<(), E>) -> Result<(), E> {
        if !self.others_wait() || !self.is_own() || !self.held().is_due() {
            return Ok(());
        }
        let Some((worked, is_long)) = self.held().give_up() else { return Ok(()) };
        self.is_away.store(true, Ordering::Release);
        let turn = self.admission.locked(|state| {
            state.take_back(worked, is_long);
            // Behind those who wait, so that one of them is next.
            let turn = state.add(is_long);
            state.give();
            turn
        });
        let waited = wait(&turn);
        if waited.is_ok() {
            self.take();
        } else {
            self.give_up(&turn);
        }
        let held = self.held();
        self.is_away.store(false, Ordering::Release);
        self.back.notify_all();
        drop(held);
        waited
    }

    /// Waits while another thread of the query makes way.
    #[inline]
    pub fn wait_while_away(&self) {
        if self.is_away.load(Ordering::Acquire) {
            self.wait_until_back();
        }
    }

    #[cold]
    fn wait_until_back(&self) {
        let mut held = self.held();
        while self.is_away.load(Ordering::Acquire) {
            held = self.back.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for QueryPlace {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places<const COUNT: usize>(admission: &Arc<Admission>) -> [QueryPlace; COUNT] {
        [(); COUNT].map(|()| QueryPlace::new(Arc::clone(admission)))
    }

    fn queued(place: &QueryPlace) -> Arc<Turn> {
        match place.enter() {
            Entrance::Queued(turn) => turn,
            Entrance::Entered | Entrance::Full => panic!("it has to wait"),
        }
    }

    #[test]
    fn the_first_to_come_is_the_first_to_work() {
        let admission = Arc::new(Admission::new(1, 2));
        let [first, second, third, fourth] = places(&admission);
        assert!(matches!(first.enter(), Entrance::Entered));
        let turns = [queued(&second), queued(&third)];
        assert!(matches!(fourth.enter(), Entrance::Full));
        let figures = admission.figures();
        assert_eq!((figures.running, figures.waiting, figures.refused), (1, 2, 1));
        first.leave();
        assert_eq!(turns.each_ref().map(|turn| turn.has_come()), [true, false]);
        second.take();
        second.leave();
        assert!(turns[1].has_come());
    }

    #[test]
    fn who_gives_up_passes_its_turn_on() {
        let admission = Arc::new(Admission::new(1, 9));
        let [first, second, third, fourth] = places(&admission);
        assert!(matches!(first.enter(), Entrance::Entered));
        let turns = [queued(&second), queued(&third), queued(&fourth)];
        second.give_up(&turns[0]);
        first.leave();
        assert_eq!(turns.each_ref().map(|turn| turn.has_come()), [false, true, false]);
        // It had come, and nobody takes it.
        third.give_up(&turns[1]);
        assert!(turns[2].has_come());
    }

    #[test]
    fn a_place_that_is_dropped_is_left() {
        let admission = Arc::new(Admission::new(1, 0));
        let [first, second] = places(&admission);
        assert!(matches!(first.enter(), Entrance::Entered));
        assert!(matches!(second.enter(), Entrance::Full));
        drop(first);
        assert!(matches!(second.enter(), Entrance::Entered));
        assert!(second.leave());
        assert!(!second.leave());
        assert_eq!(admission.figures().running, 0);
    }

    #[test]
    fn one_that_has_worked_long_makes_way() {
        let admission = Arc::new(Admission::new(1, 9));
        let [first, second] = places(&admission);
        assert!(matches!(first.enter(), Entrance::Entered));
        let turn = queued(&second);
        // Not yet.
        first.make_way(|_| -> Result<(), ()> { panic!("it has just begun") }).unwrap();
        first.held().since = Instant::now().checked_sub(SLICE);
        first
            .make_way(|own| -> Result<(), ()> {
                assert!(turn.has_come() && !own.has_come());
                second.take();
                second.leave();
                assert!(own.has_come());
                Ok(())
            })
            .unwrap();
        assert!(first.is_held());
    }
}
