//! The limits of one search: how long it may take, and how much memory, in all of its threads together.
//!
//! Whatever grows with the rows or with what is found is charged to the search's [`Budget`] before it is allocated, and every
//! loop looks at the budget, and calls the caller's [`Tick`], after a bounded number of steps. The first limit that is passed
//! is remembered, so that all threads end with the same reason.
//!
//! ```
//! use std::time::Duration;
//! use rowpattern_core::budget::{Budget, Stopped};
//! let budget = Budget::new(Some(Duration::from_secs(60)), Some(1 << 20));
//! let mut numbers = Vec::new();
//! assert_eq!(budget.reserve::<u64>(&mut numbers, 1 << 16), Ok(()));
//! assert_eq!(budget.reserve::<u64>(&mut numbers, 1 << 20), Err(Stopped::MemoryLimit));
//! assert_eq!(budget.check(), Err(Stopped::MemoryLimit));
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::memory::{self, OutOfMemory, Zero};

/// Why a search ended before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The caller asked for an end.
    ByCaller,
    /// Its query was cancelled.
    Cancelled,
    /// It took longer than its limit.
    TimeLimit,
    /// It would take more memory than its limit.
    MemoryLimit,
    /// The system has no more memory.
    OutOfMemory,
}

impl From<OutOfMemory> for Stopped {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// Called now and then in the thread that began a search; an error ends the search.
pub type Tick<'t> = dyn FnMut() -> Result<(), Stopped> + 't;

/// The most rows between two looks at the limits: some tenths of a millisecond's work where the tables are filled, some tens
/// of milliseconds where each row fills an item.
pub const ROWS_A_LOOK: usize = 1 << 16;

/// How many items are appended to others between two looks at the limits.
const ITEMS_A_LOOK: usize = 1 << 20;

/// Fewer items are not worth an allocation.
const LEAST_ITEMS: usize = 64;

/// What one search may take.
pub struct Budget {
    deadline: Option<Instant>,
    memory_bytes: usize,
    charged_bytes: AtomicUsize,
    stopped: OnceLock<Stopped>,
    /// Of the query that the search is a part of.
    account: Option<Arc<Account>>,
}

impl Budget {
    /// A time from now on, and a number of bytes; None is no limit.
    pub fn new(time: Option<Duration>, memory_bytes: Option<usize>) -> Self {
        Self {
            deadline: after(time),
            memory_bytes: memory_bytes.unwrap_or(usize::MAX),
            charged_bytes: AtomicUsize::new(0),
            stopped: OnceLock::new(),
            account: None,
        }
    }

    /// As a part of a query: it ends when the query is cancelled, and what it takes counts to the query's memory too.
    #[must_use]
    pub fn of(mut self, account: Option<Arc<Account>>) -> Self {
        self.account = account;
        self
    }

    /// The account of the query that the search is a part of.
    pub fn account(&self) -> Option<&Arc<Account>> {
        self.account.as_ref()
    }

    /// Without limits.
    pub fn unlimited() -> Self {
        Self::new(None, None)
    }

    /// Lets a search that was paused go on for so much time.
    pub fn resume(&mut self, time: Option<Duration>) {
        self.deadline = after(time);
    }

    /// Whether the search may go on; if not, why.
    pub fn check(&self) -> Result<(), Stopped> {
        if let Some(&reason) = self.stopped.get() {
            return Err(reason);
        }
        if let Some(account) = &self.account {
            if let Some(place) = account.place() {
                place.wait_while_away();
            }
            if account.is_cancelled() {
                return Err(self.stop(Stopped::Cancelled));
            }
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(self.stop(Stopped::TimeLimit)),
            _ => Ok(()),
        }
    }

    /// Ends the search in all threads. Gives the reason for which it ends: an earlier one, where there is one.
    pub fn stop(&self, reason: Stopped) -> Stopped {
        *self.stopped.get_or_init(|| reason)
    }

    /// Charges bytes that are about to be allocated.
    pub fn charge(&self, bytes: usize) -> Result<(), Stopped> {
        if self.has_charged(bytes) { Ok(()) } else { Err(self.stop(Stopped::MemoryLimit)) }
    }

    /// As [`Self::charge`], for what the search can do without: where there is no room, nothing is charged and the search
    /// goes on.
    pub fn has_charged(&self, bytes: usize) -> bool {
        if bytes > self.memory_bytes {
            return false;
        }
        let before = self.charged_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.memory_bytes
            && self.account.as_ref().is_none_or(|account| account.hold(bytes));
        if !fits {
            self.charged_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    /// Takes back what was charged for memory that is free again.
    pub fn release(&self, bytes: usize) {
        if bytes > 0 {
            self.charged_bytes.fetch_sub(bytes, Ordering::Relaxed);
            if let Some(account) = &self.account {
                account.release(bytes);
            }
        }
    }

    /// Takes back what [`Self::reserve`] charged for a vector that is about to be dropped.
    pub fn release_vector<T>(&self, vector: &Vec<T>) {
        self.release(vector.capacity() * size_of::<T>());
    }

    /// Bytes that are charged now.
    pub fn charged_bytes(&self) -> usize {
        self.charged_bytes.load(Ordering::Relaxed)
    }

    /// The most bytes.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Makes room in a vector for `items` more, at least doubling it, or by an eighth where there is no more room.
    #[inline]
    pub fn reserve<T: Copy>(&self, vector: &mut Vec<T>, items: usize) -> Result<(), Stopped> {
        if vector.capacity() - vector.len() < items { self.grow(vector, items) } else { Ok(()) }
    }

    /// As [`Self::reserve`]; where the vector has to grow and the limit has room, for so many items in all.
    pub fn reserve_expected<T: Copy>(&self, vector: &mut Vec<T>, items: usize, expected: usize) -> Result<(), Stopped> {
        let (capacity, length) = (vector.capacity(), vector.len());
        if capacity - length < items && expected > length + items {
            let bytes = (expected - capacity.min(expected)).saturating_mul(size_of::<T>());
            if self.has_charged(bytes) {
                if memory::try_reserve_exact(vector, expected - length).is_ok() {
                    return Ok(());
                }
                self.release(bytes);
            }
        }
        self.reserve(vector, items)
    }

    #[cold]
    #[inline(never)]
    fn grow<T: Copy>(&self, vector: &mut Vec<T>, items: usize) -> Result<(), Stopped> {
        match self.has_grown(vector, items) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.stop(Stopped::MemoryLimit)),
            Err(OutOfMemory { .. }) => Err(self.stop(Stopped::OutOfMemory)),
        }
    }

    /// Whether the vector has grown, and not passed the limit.
    fn has_grown<T: Copy>(&self, vector: &mut Vec<T>, items: usize) -> Result<bool, OutOfMemory> {
        let capacity = vector.capacity();
        let least = items - (capacity - vector.len());
        let mut failed = Ok(false);
        for more in [capacity.max(LEAST_ITEMS), capacity / 8] {
            let more = more.max(least);
            let bytes = more.saturating_mul(size_of::<T>());
            if !self.has_charged(bytes) {
                continue;
            }
            match memory::try_reserve_exact(vector, capacity + more - vector.len()) {
                Ok(()) => return Ok(true),
                Err(error) => {
                    self.release(bytes);
                    failed = Err(error);
                }
            }
        }
        failed
    }

    /// An empty vector with room for `items`, or without where there is no room: it grows by [`Self::reserve`].
    pub fn room<T: Copy>(&self, items: usize) -> Vec<T> {
        let bytes = items.saturating_mul(size_of::<T>());
        if !self.has_charged(bytes) {
            return Vec::new();
        }
        memory::try_with_capacity(items).unwrap_or_else(|OutOfMemory { .. }| {
            self.release(bytes);
            Vec::new()
        })
    }

    /// Adds items to those before them, and takes back what was charged for them.
    pub fn append<T: Copy>(&self, items: &mut Vec<T>, next: Vec<T>, tick: &mut Tick<'_>) -> Result<(), Stopped> {
        self.reserve(items, next.len())?;
        for piece in next.chunks(ITEMS_A_LOOK) {
            self.check()?;
            tick()?;
            items.extend_from_slice(piece);
        }
        self.release_vector(&next);
        Ok(())
    }

    /// A vector of `items` zeros.
    pub fn zeroed<T: Zero>(&self, items: usize) -> Result<Vec<T>, Stopped> {
        self.charge(items.saturating_mul(size_of::<T>()))?;
        memory::try_zeroed(items).map_err(|error| self.stop(error.into()))
    }

    /// A vector of so many items that are to be written: they may be anything.
    pub fn any<T: Zero>(&self, items: usize) -> Result<Vec<T>, Stopped> {
        self.charge(items.saturating_mul(size_of::<T>()))?;
        memory::try_any(items).map_err(|error| self.stop(error.into()))
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        // What the search found is its caller's from now on, who counts it.
        if let Some(account) = &self.account {
            account.release(self.charged_bytes());
        }
    }
}

fn after(time: Option<Duration>) -> Option<Instant> {
    // A time that the clock cannot tell never comes.
    time.and_then(|time| Instant::now().checked_add(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_is_what_is_allocated() {
        let budget = Budget::new(None, Some(1000));
        let mut bytes: Vec<u8> = Vec::new();
        let mut last = 0;
        while budget.reserve(&mut bytes, 1).is_ok() {
            assert_eq!(budget.charged_bytes(), bytes.capacity());
            last = bytes.capacity();
            bytes.resize(last, 0);
        }
        // The last steps are small, so that most of the limit can be used.
        assert!((889..=1000).contains(&last), "{last}");
        assert_eq!(budget.check(), Err(Stopped::MemoryLimit));
        budget.release_vector(&bytes);
        assert_eq!(budget.charged_bytes(), 0);
    }

    #[test]
    fn what_can_be_done_without_does_not_stop() {
        let budget = Budget::new(None, Some(1000));
        assert_eq!(budget.room::<u64>(1000).capacity(), 0);
        assert!(!budget.has_charged(usize::MAX));
        assert_eq!(budget.check(), Ok(()));
        assert_eq!(budget.charged_bytes(), 0);
        assert!(budget.room::<u64>(100).capacity() >= 100);
        assert_eq!(budget.charged_bytes(), 800);
    }

    #[test]
    fn threads_share_it() {
        let budget = Budget::new(None, Some(10_000));
        let charged = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| (0..1000).filter(|_| budget.has_charged(7)).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(budget.charged_bytes(), charged * 7);
        assert!(charged * 7 <= 10_000);
        assert!(charged * 7 > 9_900, "{charged}");
    }

    #[test]
    fn the_first_reason_stays() {
        let budget = Budget::new(Some(Duration::ZERO), Some(10));
        assert_eq!(budget.charge(11), Err(Stopped::MemoryLimit));
        assert_eq!(budget.check(), Err(Stopped::MemoryLimit));
        assert_eq!(budget.stop(Stopped::ByCaller), Stopped::MemoryLimit);
    }

    #[test]
    fn time_ends() {
        assert_eq!(Budget::new(Some(Duration::ZERO), None).check(), Err(Stopped::TimeLimit));
        assert_eq!(Budget::new(Some(Duration::MAX), None).check(), Ok(()));
        let mut paused = Budget::new(Some(Duration::from_secs(3600)), None);
        assert_eq!(paused.check(), Ok(()));
        paused.resume(Some(Duration::ZERO));
        assert_eq!(paused.check(), Err(Stopped::TimeLimit));
    }

    #[test]
    fn what_the_system_does_not_have() {
        let budget = Budget::unlimited();
        assert_eq!(budget.zeroed::<u64>(1 << 58), Err(Stopped::OutOfMemory));
        assert_eq!(Budget::unlimited().any::<u64>(1 << 58), Err(Stopped::OutOfMemory));
        let budget = Budget::unlimited();
        assert_eq!(budget.reserve(&mut vec![1_u64], 1 << 58), Err(Stopped::OutOfMemory));
        assert_eq!(budget.check(), Err(Stopped::OutOfMemory));
    }
}
