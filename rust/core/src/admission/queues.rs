//! The queues of those that wait, and who is next.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::turn::Turn;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Long queries get one part in so many of the time, while others wait.
pub const LONG_PART: i64 = 8;

/// The most time, in microseconds, that long queries can owe to others.
const MOST_DEBT: i64 = 1_000_000;

/// Who works, and who waits.
pub struct Admission {
    /// How many wait, for a look without the lock.
    pub(super) waiting: AtomicUsize,
    /// The limits, for a forked child: a thread that it does not have may hold the lock.
    limits: [AtomicUsize; 2],
    state: Mutex<Queues>,
}

pub(super) struct Queues {
    pub(super) limit: usize,
    pub(super) most_waiting: usize,
    pub(super) running: usize,
    queue: VecDeque<Arc<Turn>>,
    long_queue: VecDeque<Arc<Turn>>,
    /// How much time long queries may take, in microseconds; below 0 where they had more than their part.
    long_credit: i64,
    pub(super) refused: u64,
}

/// What the queries of a process do, and the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// How many work.
    pub running: usize,
    /// How many wait.
    pub waiting: usize,
    /// The most that work at once.
    pub limit: usize,
    /// The most that wait.
    pub most_waiting: usize,
    /// How many found so many waiting.
    pub refused: u64,
}

impl Queues {
    pub(super) fn waiting(&self) -> usize {
        self.queue.len() + self.long_queue.len()
    }

    /// Adds one that waits, behind the others.
    pub(super) fn add(&mut self, is_long: bool) -> Arc<Turn> {
        let turn = Turn::new(is_long);
        self.queue_of(is_long).push_back(Arc::clone(&turn));
        turn
    }

    /// Removes one that waits.
    pub(super) fn remove(&mut self, turn: &Arc<Turn>) {
        self.queue_of(turn.is_long).retain(|each| !Arc::ptr_eq(each, turn));
    }

    fn queue_of(&mut self, is_long: bool) -> &mut VecDeque<Arc<Turn>> {
        if is_long { &mut self.long_queue } else { &mut self.queue }
    }

    /// Whose turn it is.
    fn next(&mut self) -> Option<Arc<Turn>> {
        if self.queue.is_empty() || (self.long_credit >= 0 && !self.long_queue.is_empty()) {
            self.long_queue.pop_front()
        } else {
            self.queue.pop_front()
        }
    }

    /// Gives places that are free to those who wait.
    pub(super) fn give(&mut self) {
        while self.running < self.limit
            && let Some(turn) = self.next()
        {
            self.running += 1;
            turn.come();
        }
    }

    /// Takes a place back after a query worked for some time.
    pub(super) fn take_back(&mut self, worked: Duration, is_long: bool) {
        self.running = self.running.saturating_sub(1);
        let worked = i64::try_from(worked.as_micros()).unwrap_or(MOST_DEBT);
        self.long_credit = if !is_long {
            self.long_credit.saturating_add(worked / (LONG_PART - 1) + 1).min(0)
        } else if self.queue.is_empty() {
            // Nobody else wanted the time.
            self.long_credit
        } else {
            self.long_credit.saturating_sub(worked).max(-MOST_DEBT)
        };
    }
}

impl Admission {
    /// So many queries work at once, and so many more may wait.
    pub fn new(limit: usize, most_waiting: usize) -> Self {
        let (queue, long_queue) = (VecDeque::new(), VecDeque::new());
        let state =
            Queues { limit: limit.max(1), most_waiting, running: 0, queue, long_queue, long_credit: 0, refused: 0 };
        let limits = [limit, most_waiting].map(AtomicUsize::new);
        Self { waiting: AtomicUsize::new(0), limits, state: Mutex::new(state) }
    }

    pub(super) fn locked<R>(&self, act: impl FnOnce(&mut Queues) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = act(&mut state);
        self.waiting.store(state.waiting(), Ordering::Relaxed);
        found
    }

    /// Sets both limits. Queries that work go on; more of those that wait begin where there is room now.
    pub fn set_limits(&self, limit: usize, most_waiting: usize) {
        for (held, given) in self.limits.iter().zip([limit, most_waiting]) {
            held.store(given, Ordering::Relaxed);
        }
        self.locked(|state| {
            (state.limit, state.most_waiting) = (limit.max(1), most_waiting);
            state.give();
        });
    }

    /// Both limits, without a look at who works and waits.
    pub fn limits(&self) -> (usize, usize) {
        let [limit, most_waiting] = &self.limits;
        (limit.load(Ordering::Relaxed), most_waiting.load(Ordering::Relaxed))
    }

    /// How many work and wait.
    pub fn figures(&self) -> Figures {
        self.locked(|state| Figures {
            running: state.running,
            waiting: state.waiting(),
            limit: state.limit,
            most_waiting: state.most_waiting,
            refused: state.refused,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_queries_get_a_part_of_the_time() {
        let mut state = Queues {
            limit: 1,
            most_waiting: 100,
            running: 0,
            queue: VecDeque::new(),
            long_queue: VecDeque::new(),
            long_credit: 0,
            refused: 0,
        };
        let mut worked = [0, 0];
        for _ in 0..800 {
            // There is always one of each.
            for is_long in [false, true] {
                let waits = if is_long { state.long_queue.len() } else { state.queue.len() };
                if waits < 2 {
                    state.add(is_long);
                }
            }
            let turn = state.next().unwrap();
            state.running += 1;
            state.take_back(Duration::from_millis(10), turn.is_long);
            worked[usize::from(turn.is_long)] += 10;
        }
        assert_eq!(worked[1] * LONG_PART, worked.iter().sum::<i64>());
        // And all of it where nobody else waits.
        state.queue.clear();
        assert!(state.next().unwrap().is_long);
    }
}
