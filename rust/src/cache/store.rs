//! The cache itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::entry::{Clock, Entry, Key, KeyRef};
use super::evicted::Evicted;
use super::statistics::Statistics;

/// What an entry takes beside its value and its key's text: the table's node, its deque nodes, the order of use and
/// the order of deadlines. Measured: the growth of the process with 100,000 entries (docs/ARCHITECTURE.md).
pub const ENTRY_BYTES: u64 = 570;

/// What the cache keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At most so many entries.
    pub entries: usize,
    /// At most so many bytes.
    pub bytes: u64,
    /// Entries live so long after they are put in; `None` is for ever. A change is for entries put in later.
    pub time_to_live: Option<Duration>,
}

/// What became of a value that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is in the cache.
    Kept,
    /// It is heavier than the memory limit, or the limit is no entries.
    Oversize,
}

/// Why an entry had to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Entries,
    Memory,
    Shedding,
}

type Table<V> = moka::sync::Cache<Arc<Key>, Arc<Entry<V>>, foldhash::fast::RandomState>;

/// The cache. Cost: a look-up O(1) without a lock shared with writers; a put or a removal O(log entries) amortised,
/// under one writer lock.
///
/// Eviction is exact LRU. A hit only writes a tick into its entry; the writer files entries by tick, and when it
/// needs the one used longest ago, takes the first filed: if its tick has moved on, it is filed again, else it goes.
/// Filing again is paid for by the hit that moved the tick.
///
/// Values that leave are handed back, so that the caller drops them when no lock is held.
pub struct PatternCache<V> {
    table: Table<V>,
    writer: Mutex<Writer<V>>,
    clock: Arc<Clock>,
    /// Moves on with each hit and each entry put in, so it counts hits too.
    tick: AtomicU64,
    misses: AtomicU64,
    /// What hits would have cost to make again.
    saved_nanoseconds: AtomicU64,
    evicted: Evicted,
}

struct Writer<V> {
    limits: Limits,
    /// By the tick of their last use, as far as the writer knows.
    by_use: BTreeMap<u64, Arc<Entry<V>>>,
    /// By deadline and the tick of insertion; only entries that have one.
    by_deadline: BTreeMap<(u64, u64), Arc<Entry<V>>>,
    bytes: u64,
    counts: Statistics,
    /// Ticks that were not hits since counts began.
    other_ticks: u64,
    /// The most entries since [`PatternCache::take_peak`].
    peak: usize,
    /// Values that have left and wait for the lock's release.
    left: Vec<V>,
}

impl<V: Send + Sync + 'static> PatternCache<V> {
    /// An empty cache.
    pub fn new(limits: Limits, clock: Arc<Clock>) -> Self {
        Self {
            table: moka::sync::Cache::builder().build_with_hasher(foldhash::fast::RandomState::default()),
            writer: Mutex::new(Writer {
                limits,
                by_use: BTreeMap::new(),
                by_deadline: BTreeMap::new(),
                bytes: 0,
                counts: Statistics::default(),
                other_ticks: 0,
                peak: 0,
                left: Vec::new(),
            }),
            clock,
            tick: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            saved_nanoseconds: AtomicU64::new(0),
            evicted: Evicted::default(),
        }
    }

    /// Looks a key up; `read` copies what the caller needs and must not call back. Values that expired on the way are
    /// pushed to `left`.
    pub fn get<R>(&self, key: KeyRef<'_>, left: &mut Vec<V>, read: impl Fn(&V) -> R) -> Option<(R, Arc<Entry<V>>)> {
        let mut passed: Option<Arc<Entry<V>>> = None;
        while let Some(entry) = self.table.get(&key) {
            if let Some(found) = self.use_entry(&entry, &read) {
                return Some((found, entry));
            }
            if entry.deadline <= self.clock.now() {
                self.with_writer(left, Self::expire);
                break;
            }
            // It left between the two look-ups; if it was replaced, the next one finds its successor.
            if passed.is_some_and(|before| Arc::ptr_eq(&before, &entry)) {
                break;
            }
            passed = Some(entry);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        self.evicted.look_for(key);
        None
    }

    /// Reads an entry that an earlier look-up gave and counts a hit; None, without a count, when it has left or expired.
    #[inline]
    pub fn use_entry<R>(&self, entry: &Entry<V>, read: impl Fn(&V) -> R) -> Option<R> {
        if entry.deadline != u64::MAX && entry.deadline <= self.clock.now() {
            return None;
        }
        let found = entry.value.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(read)?;
        entry.used.store(self.tick.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        entry.hits.fetch_add(1, Ordering::Relaxed);
        if entry.cost_nanoseconds > 0 {
            self.saved_nanoseconds.fetch_add(entry.cost_nanoseconds, Ordering::Relaxed);
        }
        Some(found)
    }

    /// Reads a live entry without counting a look-up or a use.
    pub fn peek<R>(&self, key: KeyRef<'_>, read: impl Fn(&V) -> R) -> Option<R> {
        let entry = self.table.get(&key).filter(|entry| entry.deadline > self.clock.now())?;
        entry.value.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(read)
    }

    /// Puts a value in, in place of one with the same key. `bytes` is the value's weight, to which the entry's own
    /// is added. Values that leave are pushed to `left`, the new one too when it is not kept.
    pub fn put(&self, key: KeyRef<'_>, value: V, bytes: u64, cost: Duration, left: &mut Vec<V>) -> Put {
        self.with_writer(left, |cache, writer| {
            let now = cache.expire(writer);
            let bytes = bytes.saturating_add(entry_bytes(key));
            let before = cache.table.get(&key);
            if bytes > writer.limits.bytes || writer.limits.entries == 0 {
                // The value that it was to replace is stale.
                if let Some(stale) = before {
                    cache.remove(writer, &stale);
                    writer.counts.invalidations += 1;
                }
                writer.counts.oversize += 1;
                writer.left.push(value);
                return Put::Oversize;
            }
            if let Some(replaced) = &before {
                writer.unfile(replaced);
                writer.counts.replacements += 1;
            }
            cache.evict(writer, 1, bytes);
            let tick = cache.tick.fetch_add(1, Ordering::Relaxed);
            writer.other_ticks += 1;
            let lifetime = writer.limits.time_to_live;
            let entry = Arc::new(Entry {
                key: Arc::new(key.to_key()),
                value: Mutex::new(Some(value)),
                bytes: AtomicU64::new(bytes),
                cost_nanoseconds: cost.as_nanos() as u64,
                inserted: tick,
                born: now,
                deadline: lifetime.map_or(u64::MAX, |lifetime| now.saturating_add(lifetime.as_nanos() as u64)),
                used: AtomicU64::new(tick),
                filed: AtomicU64::new(tick),
                hits: AtomicU64::new(0),
            });
            writer.bytes += bytes;
            writer.counts.insertions += 1;
            writer.by_use.insert(tick, Arc::clone(&entry));
            writer.peak = writer.peak.max(writer.by_use.len());
            if entry.deadline != u64::MAX {
                writer.by_deadline.insert((entry.deadline, tick), Arc::clone(&entry));
            }
            cache.table.insert(Arc::clone(&entry.key), entry);
            if let Some(replaced) = before {
                writer.take(&replaced);
            }
            Put::Kept
        })
    }

    /// Says that a value's weight has changed; the limit is kept. `is_same` tells whether the entry is still the one
    /// that the caller means.
    pub fn reweigh(&self, key: KeyRef<'_>, bytes: u64, left: &mut Vec<V>, is_same: impl Fn(&V) -> bool) {
        self.with_writer(left, |cache, writer| {
            let Some(entry) = cache.table.get(&key) else { return };
            if !entry.value.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(is_same) {
                return;
            }
            let bytes = bytes.saturating_add(entry_bytes(key));
            writer.bytes = writer.bytes - entry.bytes.swap(bytes, Ordering::Relaxed) + bytes;
            if bytes > writer.limits.bytes {
                // It alone is too heavy: nothing else has to go for it.
                cache.remove(writer, &entry);
                writer.counts.evictions_memory += 1;
            }
            cache.evict(writer, 0, 0);
        });
    }

    /// Removes the entries used longest ago until no more than so many bytes are held; the limits stay. Gives the
    /// number of entries removed.
    pub fn shed(&self, bytes: u64, left: &mut Vec<V>) -> usize {
        self.with_writer(left, |cache, writer| {
            cache.expire(writer);
            let before = writer.by_use.len();
            while writer.bytes > bytes && cache.evict_next(writer, Cause::Shedding) {}
            before - writer.by_use.len()
        })
    }

    /// Removes one entry; whether there was a live one.
    pub fn invalidate(&self, key: KeyRef<'_>, left: &mut Vec<V>) -> bool {
        self.with_writer(left, |cache, writer| {
            cache.expire(writer);
            let Some(entry) = cache.table.get(&key) else { return false };
            cache.remove(writer, &entry);
            writer.counts.invalidations += 1;
            true
        })
    }

    /// Removes every entry.
    pub fn clear(&self, left: &mut Vec<V>) {
        self.with_writer(left, |cache, writer| {
            cache.expire(writer);
            while let Some(entry) = writer.by_use.first_entry().map(|first| Arc::clone(first.get())) {
                cache.remove(writer, &entry);
                writer.counts.invalidations += 1;
            }
        });
        self.table.run_pending_tasks();
    }

    /// Changes the limits; what stays keeps its recency and its deadline.
    pub fn change_limits(&self, left: &mut Vec<V>, change: impl FnOnce(&mut Limits)) {
        self.with_writer(left, |cache, writer| {
            let before = writer.limits.entries;
            change(&mut writer.limits);
            if writer.limits.entries != before {
                cache.evicted.forget();
            }
            cache.expire(writer);
            cache.evict(writer, 0, 0);
        });
    }

    /// The limits.
    pub fn limits(&self) -> Limits {
        self.lock().limits
    }

    /// Counts, without entries that have expired. O(entries that have expired).
    pub fn statistics(&self, left: &mut Vec<V>) -> Statistics {
        self.with_writer(left, |cache, writer| {
            cache.expire(writer);
            Statistics {
                hits: cache.tick.load(Ordering::Relaxed) - writer.other_ticks,
                misses: cache.misses.load(Ordering::Relaxed),
                evicted_misses: cache.evicted.found(),
                saved_nanoseconds: cache.saved_nanoseconds.load(Ordering::Relaxed),
                entries: writer.by_use.len(),
                bytes: writer.bytes,
                ..writer.counts
            }
        })
    }

    /// Sets the counts to zero; entries stay.
    pub fn reset_statistics(&self) {
        let mut writer = self.lock();
        writer.counts = Statistics::default();
        // What is there counts as put in, so that counts go on adding up.
        writer.counts.insertions = writer.by_use.len() as u64;
        writer.other_ticks = self.tick.load(Ordering::Relaxed);
        self.misses.store(0, Ordering::Relaxed);
        self.saved_nanoseconds.store(0, Ordering::Relaxed);
        self.evicted.reset();
        for entry in writer.by_use.values() {
            entry.hits.store(0, Ordering::Relaxed);
        }
    }

    /// The most entries that there were at once since the last call.
    pub fn take_peak(&self) -> usize {
        let mut writer = self.lock();
        let now = writer.by_use.len();
        std::mem::replace(&mut writer.peak, now)
    }

    /// The live entries, in no order, and the time. O(entries).
    pub fn entries(&self, left: &mut Vec<V>) -> (Vec<Arc<Entry<V>>>, u64) {
        self.with_writer(left, |cache, writer| {
            let now = cache.expire(writer);
            (writer.by_use.values().map(Arc::clone).collect(), now)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Writer<V>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a writer's work; hands over what left when the lock is released.
    fn with_writer<R>(&self, left: &mut Vec<V>, work: impl FnOnce(&Self, &mut Writer<V>) -> R) -> R {
        let mut writer = self.lock();
        let result = work(self, &mut writer);
        let gone = std::mem::take(&mut writer.left);
        drop(writer);
        left.extend(gone);
        result
    }

    /// Removes what has expired and gives the time.
    fn expire(&self, writer: &mut Writer<V>) -> u64 {
        let now = self.clock.now();
        while let Some(entry) = writer.by_deadline.first_entry().filter(|first| first.key().0 <= now) {
            let entry = Arc::clone(entry.get());
            self.remove(writer, &entry);
            writer.counts.expirations += 1;
        }
        now
    }

    /// Makes room for so many entries and bytes more.
    fn evict(&self, writer: &mut Writer<V>, entries: usize, bytes: u64) {
        loop {
            let cause = if writer.by_use.len() + entries > writer.limits.entries {
                Cause::Entries
            } else if writer.bytes + bytes > writer.limits.bytes {
                Cause::Memory
            } else {
                return;
            };
            if !self.evict_next(writer, cause) {
                return;
            }
        }
    }

    /// Removes the entry used longest ago, or files it again when it was used since; whether there was one.
    fn evict_next(&self, writer: &mut Writer<V>, cause: Cause) -> bool {
        let Some((filed, entry)) = writer.by_use.pop_first() else { return false };
        let used = entry.used.load(Ordering::Relaxed);
        entry.filed.store(used, Ordering::Relaxed);
        writer.by_use.insert(used, Arc::clone(&entry));
        if used == filed {
            self.remove(writer, &entry);
            match cause {
                Cause::Entries => {
                    writer.counts.evictions_size += 1;
                    self.evicted.note(Key::as_ref(&entry.key));
                }
                Cause::Memory => writer.counts.evictions_memory += 1,
                Cause::Shedding => writer.counts.evictions_shed += 1,
            }
        }
        true
    }

    fn remove(&self, writer: &mut Writer<V>, entry: &Arc<Entry<V>>) {
        self.table.invalidate(&entry.key);
        writer.unfile(entry);
        writer.take(entry);
    }
}

impl<V> Drop for PatternCache<V> {
    fn drop(&mut self) {
        // Whoever still holds an entry shall not keep its value alive.
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        let entries = std::mem::take(&mut writer.by_use);
        for entry in entries.values() {
            writer.take(entry);
        }
    }
}

impl<V> Writer<V> {
    fn unfile(&mut self, entry: &Entry<V>) {
        self.by_use.remove(&entry.filed.load(Ordering::Relaxed));
        self.by_deadline.remove(&(entry.deadline, entry.inserted));
        self.bytes -= entry.bytes.load(Ordering::Relaxed);
    }

    fn take(&mut self, entry: &Entry<V>) {
        self.left.extend(entry.value.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

fn entry_bytes(key: KeyRef<'_>) -> u64 {
    ENTRY_BYTES + key.text.len() as u64
}
