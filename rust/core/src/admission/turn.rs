//! One query's wait for its turn.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::cancellation::Sleeper;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// One that waits.
pub struct Turn {
    pub(super) is_long: bool,
    came: Mutex<Came>,
    changed: Condvar,
}

#[derive(Default)]
struct Came {
    has_come: bool,
    was_woken: bool,
}

impl Turn {
    pub(super) fn new(is_long: bool) -> Arc<Self> {
        Arc::new(Self { is_long, came: Mutex::default(), changed: Condvar::new() })
    }

    /// Whether the query may work now.
    pub fn has_come(&self) -> bool {
        self.lock().has_come
    }

    /// Waits until the turn has come, for some time at most, or until something wakes it. Says whether it has come.
    pub fn wait(&self, time: Duration) -> bool {
        let until = Instant::now().checked_add(time);
        let mut came = self.lock();
        while !came.has_come && !came.was_woken {
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            came = if left == Duration::MAX {
                self.changed.wait(came).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.changed.wait_timeout(came, left).unwrap_or_else(PoisonError::into_inner).0
            };
        }
        came.has_come
    }

    pub(super) fn come(&self) {
        self.lock().has_come = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Came> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sleeper for Turn {
    fn wake(&self) {
        self.lock().was_woken = true;
        self.changed.notify_all();
    }
}
