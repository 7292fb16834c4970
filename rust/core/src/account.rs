//! What all work of one query shares: its cancellation, its place among queries, and the memory of all of the process's queries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::admission::QueryPlace;
use crate::cancellation::Cancellation;

/// Memory that the queries of a process share.
#[derive(Debug)]
pub struct SharedMemory {
    limit_bytes: AtomicUsize,
    held_bytes: AtomicUsize,
}

impl SharedMemory {
    /// So many bytes.
    pub const fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes: AtomicUsize::new(limit_bytes), held_bytes: AtomicUsize::new(0) }
    }

    /// Sets the limit; what is held stays.
    pub fn set_limit(&self, bytes: usize) {
        self.limit_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The most bytes.
    pub fn limit_bytes(&self) -> usize {
        self.limit_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that queries hold now.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// Forgets what is held: a forked child has none of its parent's queries.
    pub fn forget(&self) {
        self.held_bytes.store(0, Ordering::Relaxed);
    }

    fn hold(&self, bytes: usize) -> bool {
        let before = self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit_bytes();
        if !fits {
            self.release(bytes);
        }
        fits
    }

    fn release(&self, bytes: usize) {
        // A child that forgot what its parent's queries held may end one of them.
        let less = |held: usize| Some(held.saturating_sub(bytes));
        let _ = self.held_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// One query's account. What it still holds is given back when it is dropped.
pub struct Account {
    cancellation: Option<Arc<Cancellation>>,
    place: Option<QueryPlace>,
    memory: Option<&'static SharedMemory>,
    held_bytes: AtomicUsize,
    most_bytes: AtomicUsize,
    was_refused: AtomicBool,
}

impl Account {
    /// Without a cancellation it goes on until its end, without a place it waits for nobody, and without shared memory what
    /// it holds is its own.
    pub fn new(
        cancellation: Option<Arc<Cancellation>>,
        place: Option<QueryPlace>,
        memory: Option<&'static SharedMemory>,
    ) -> Self {
        Self {
            cancellation,
            place,
            memory,
            held_bytes: AtomicUsize::new(0),
            most_bytes: AtomicUsize::new(0),
            was_refused: AtomicBool::new(false),
        }
    }

    /// Its cancellation.
    pub fn cancellation(&self) -> Option<&Arc<Cancellation>> {
        self.cancellation.as_ref()
    }

    /// Its place among queries.
    pub fn place(&self) -> Option<&QueryPlace> {
        self.place.as_ref()
    }

    /// Whether the query was cancelled.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.as_ref().is_some_and(|each| each.is_cancelled())
    }

    /// Counts memory about to be taken; where the process's queries have too much together, nothing is counted.
    pub fn hold(&self, bytes: usize) -> bool {
        if !self.memory.is_none_or(|memory| memory.hold(bytes)) {
            self.was_refused.store(true, Ordering::Relaxed);
            return false;
        }
        let held = self.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.most_bytes.fetch_max(held, Ordering::Relaxed);
        true
    }

    /// Takes back what [`Self::hold`] counted; no more than is held.
    pub fn release(&self, bytes: usize) {
        let less = |held: usize| Some(held.saturating_sub(bytes));
        let update = self.held_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        let held = update.unwrap_or_else(|held| held);
        if let Some(memory) = self.memory {
            memory.release(bytes.min(held));
        }
    }

    /// Bytes that it holds now.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// The most bytes that it held.
    pub fn most_bytes(&self) -> usize {
        self.most_bytes.load(Ordering::Relaxed)
    }

    /// Whether it got no memory because the process's queries have too much together.
    pub fn was_refused(&self) -> bool {
        self.was_refused.load(Ordering::Relaxed)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.release(self.held_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_share_memory_and_give_it_back() {
        static MEMORY: SharedMemory = SharedMemory::new(100);
        let [first, second] = [(); 2].map(|()| Account::new(None, None, Some(&MEMORY)));
        assert!(first.hold(60));
        assert!(!second.hold(50));
        assert!(second.was_refused() && !first.was_refused());
        assert!(second.hold(40));
        second.release(1000);
        assert_eq!((second.held_bytes(), second.most_bytes(), MEMORY.held_bytes()), (0, 40, 60));
        drop(first);
        assert_eq!(MEMORY.held_bytes(), 0);
        assert!(second.hold(100));
    }
}
