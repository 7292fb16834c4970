//! The cache itself.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::clock::{Clock, NEVER};
use super::entry::{Entry, KeyRef, KeyText};
use super::ghost::GhostList;
use super::limits::Limits;
use super::sketch::FrequencySketch;
use super::statistics::Statistics;
use super::table::Table;
use super::writer::{Cause, ENTRY_BYTES, Writer};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Places are numbered by 32 bits.
const MOST_ENTRIES: usize = u32::MAX as usize;

/// A value to put in.
pub struct Offered<V> {
    /// The value.
    pub value: V,
    /// Its weight, to which the entry's own is added.
    pub bytes: u64,
    /// What making it cost.
    pub cost: Duration,
}

/// What became of a value that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is in the cache.
    Kept,
    /// It is heavier than the memory limit, or the limit is no entries.
    Oversize,
    /// Its key was asked for less often than what would have had to go (the policy `TinyLFU`).
    Rejected,
}

/// How threads call a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// At once.
    Parallel,
    /// One at a time, as those that hold Python's global interpreter lock: counts need no atomic additions then, which take
    /// 7 ns each.
    Serial,
}

/// The cache. Cost: a look-up O(1), under a lock that one of 64 shares of the keys has; a put or a removal O(1) amortised, or
/// O(log entries) for each hit since, under one writer lock.
///
/// Eviction is exact. A hit only writes a tick into its entry; the writer files entries by tick, and when it needs the one
/// used longest ago, takes the first filed: if its tick has moved on, it is filed again, else it goes. Filing again is
/// paid for by the hit that moved the tick.
///
/// Values that leave are handed back, so that the caller drops them when no lock is held.
pub struct Cache<T, V> {
    table: Table<T, V>,
    writer: Mutex<Writer<T, V>>,
    clock: Arc<Clock>,
    threads: Threads,
    /// Moves on with each hit and each entry put in, so it counts hits too.
    tick: AtomicU64,
    misses: AtomicU64,
    /// What hits would have cost to make again.
    saved_nanoseconds: AtomicU64,
    ghosts: GhostList,
    /// Whether look-ups are counted in the sketch.
    is_selective: AtomicBool,
    sketch: Mutex<FrequencySketch>,
}

impl<T: KeyText, V: Send + Sync + 'static> Cache<T, V> {
    /// An empty cache.
    pub fn new(limits: Limits, clock: Arc<Clock>, threads: Threads) -> Self {
        let cache = Self {
            table: Table::new(),
            writer: Mutex::new(Writer::new(limits)),
            clock,
            threads,
            tick: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            saved_nanoseconds: AtomicU64::new(0),
            ghosts: GhostList::default(),
            is_selective: AtomicBool::new(false),
            sketch: Mutex::new(FrequencySketch::none()),
        };
        cache.change_limits(&mut Vec::new(), |_| {});
        cache
    }

    /// Looks a key up; counts a hit or a miss. `read` copies what the caller needs and `copy` the value, for the table; neither
    /// may call back. Values that expired on the way are pushed to `left`.
    #[inline]
    pub fn get<R>(
        &self,
        key: KeyRef<'_>,
        left: &mut Vec<V>,
        copy: impl Fn(&V) -> V,
        read: impl Fn(&V) -> R,
    ) -> Option<R> {
        let found = self.table.find(key, |slot| {
            // What is found for the first time has a longer way.
            if !slot.is_published || self.clock.has_passed(slot.entry.deadline.load(Ordering::Relaxed)) {
                return None;
            }
            let result = read(&slot.value);
            self.count_hit(&slot.entry, key.hash());
            Some(result)
        });
        if found.is_some() { found } else { self.get_further(key, left, copy, read) }
    }

    #[inline(never)]
    fn get_further<R>(
        &self,
        key: KeyRef<'_>,
        left: &mut Vec<V>,
        copy: impl Fn(&V) -> V,
        read: impl Fn(&V) -> R,
    ) -> Option<R> {
        let mut passed: Option<Arc<Entry<T, V>>> = None;
        while let Some(entry) = self.table.entry(key) {
            if self.clock.has_passed(entry.deadline.load(Ordering::Relaxed)) {
                self.with_writer(left, Self::expire);
                break;
            }
            if let Some(found) = self.table.promote(&entry, &copy, &read, left) {
                self.count_hit(&entry, key.hash());
                return Some(found);
            }
            // It left between the two look-ups; if it was replaced, the next one finds its successor.
            if passed.is_some_and(|before| Arc::ptr_eq(&before, &entry)) {
                break;
            }
            passed = Some(entry);
        }
        self.add(&self.misses, 1);
        self.ghosts.look_for(key.hash());
        self.sample(key.hash());
        None
    }

    #[inline]
    fn count_hit(&self, entry: &Entry<T, V>, hash: u64) {
        entry.used.store(self.add(&self.tick, 1), Ordering::Relaxed);
        self.add(&entry.hits, 1);
        let cost = entry.cost_nanoseconds.load(Ordering::Relaxed);
        if cost > 0 {
            self.add(&self.saved_nanoseconds, cost);
        }
        self.sample(hash);
    }

    /// Counts a look-up for the policy that asks how many there were.
    #[inline]
    fn sample(&self, hash: u64) {
        if self.is_selective.load(Ordering::Relaxed) {
            self.sketch().add(hash);
        }
    }

    /// Adds to a counter and gives what it was.
    #[inline]
    fn add(&self, counter: &AtomicU64, count: u64) -> u64 {
        match self.threads {
            Threads::Parallel => counter.fetch_add(count, Ordering::Relaxed),
            Threads::Serial => {
                let before = counter.load(Ordering::Relaxed);
                counter.store(before + count, Ordering::Relaxed);
                before
            }
        }
    }

    /// Reads a live entry without counting a look-up or a use.
    pub fn peek<R>(&self, key: KeyRef<'_>, read: impl FnOnce(&V) -> R) -> Option<R> {
        let entry = self.table.entry(key)?;
        if self.clock.has_passed(entry.deadline.load(Ordering::Relaxed)) { None } else { entry.read(read) }
    }

    /// Puts a value in, in place of one with the same key. `text` is the key's, owned. Values that leave are pushed to `left`,
    /// the new one too when it is not kept.
    pub fn put(&self, key: KeyRef<'_>, text: T, offered: Offered<V>, left: &mut Vec<V>, copy: impl Fn(&V) -> V) -> Put {
        let Offered { value, bytes, cost } = offered;
        self.with_writer(left, |cache, writer| {
            let now = cache.expire(writer);
            let bytes = bytes.saturating_add(entry_bytes(key));
            let before = cache.table.entry(key);
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
            if before.is_none() && writer.is_selective() && !cache.admits(writer, key, bytes) {
                writer.left.push(value);
                return Put::Rejected;
            }
            let tick = cache.add(&cache.tick, 1);
            let lifetime = writer.limits.time_to_live;
            let deadline = lifetime.map_or(NEVER, |lifetime| now.saturating_add(lifetime.as_nanos() as u64));
            let fill = |entry: &Entry<T, V>| {
                entry.used.store(tick, Ordering::Relaxed);
                entry.hits.store(0, Ordering::Relaxed);
                entry.deadline.store(deadline, Ordering::Relaxed);
                entry.cost_nanoseconds.store(cost.as_nanos() as u64, Ordering::Relaxed);
                entry.inserted.store(tick, Ordering::Relaxed);
                entry.born.store(now, Ordering::Relaxed);
            };
            writer.other_ticks += 1;
            writer.counts.insertions += 1;
            if let Some(entry) = before {
                writer.reweigh(&entry, 0);
                cache.table.replace(&entry, value, copy, &mut writer.left);
                fill(&entry);
                entry.bytes.store(bytes, Ordering::Relaxed);
                writer.file(&entry, tick);
                writer.counts.replacements += 1;
                cache.evict(writer, 0, 0);
                return Put::Kept;
            }
            cache.evict(writer, 1, bytes);
            let copied = copy(&value);
            let entry = Entry::new(key.with_text(text), value);
            fill(&entry);
            entry.bytes.store(bytes, Ordering::Relaxed);
            let entry = writer.add(entry, tick);
            cache.table.add(&entry, copied, &mut writer.left);
            Put::Kept
        })
    }

    /// Whether the policy lets a new entry in.
    fn admits(&self, writer: &mut Writer<T, V>, key: KeyRef<'_>, bytes: u64) -> bool {
        let Some(cause) = writer.exceeded(1, bytes) else { return true };
        let is_admitted = writer.admits(key, bytes, &self.sketch());
        if !is_admitted {
            writer.counts.rejections += 1;
            if cause == Cause::Entries {
                // A larger limit would have kept it.
                self.ghosts.note(key.hash());
            }
        }
        is_admitted
    }

    /// Says that a value's weight has changed; the limit is kept. `is_same` tells whether the entry is still the one
    /// that the caller means. Gives whether it is, and is still there.
    pub fn reweigh(&self, key: KeyRef<'_>, bytes: u64, left: &mut Vec<V>, is_same: impl FnOnce(&V) -> bool) -> bool {
        self.with_writer(left, |cache, writer| {
            cache.expire(writer);
            let Some(entry) = cache.table.entry(key) else { return false };
            if !entry.read(is_same).unwrap_or(false) {
                return false;
            }
            let bytes = bytes.saturating_add(entry_bytes(key));
            if bytes > writer.limits.bytes {
                // It alone is too heavy: nothing else has to go for it.
                cache.remove(writer, &entry);
                writer.counts.evictions_memory += 1;
                return false;
            }
            writer.reweigh(&entry, bytes);
            cache.evict(writer, 0, 0);
            entry.read(|_| ()).is_some()
        })
    }

    /// Removes the entries that leave next until no more than `bytes` are held; the limits stay. Gives the number of
    /// entries removed.
    pub fn shed(&self, bytes: u64, left: &mut Vec<V>) -> usize {
        let shed = self.with_writer(left, |cache, writer| {
            cache.expire(writer);
            let before = writer.len();
            while writer.bytes() > bytes && cache.evict_next(writer, Cause::Shedding) {}
            writer.shrink();
            before - writer.len()
        });
        self.table.clean();
        shed
    }

    /// Removes one entry; whether there was a live one.
    pub fn invalidate(&self, key: KeyRef<'_>, left: &mut Vec<V>) -> bool {
        self.with_writer(left, |cache, writer| {
            cache.expire(writer);
            let Some(entry) = cache.table.entry(key) else { return false };
            cache.remove(writer, &entry);
            writer.counts.invalidations += 1;
            true
        })
    }

    /// Removes every entry.
    pub fn clear(&self, left: &mut Vec<V>) {
        self.with_writer(left, |cache, writer| {
            cache.expire(writer);
            let entries: Vec<_> = writer.entries().map(Arc::clone).collect();
            for entry in entries {
                cache.remove(writer, &entry);
                writer.counts.invalidations += 1;
            }
            writer.shrink();
        });
        self.table.clean();
    }

    /// Changes the limits; what stays keeps its recency and its deadline.
    pub fn change_limits(&self, left: &mut Vec<V>, change: impl FnOnce(&mut Limits)) {
        self.with_writer(left, |cache, writer| {
            let before = writer.limits;
            change(&mut writer.limits);
            writer.limits.entries = writer.limits.entries.min(MOST_ENTRIES);
            if writer.limits.entries != before.entries {
                cache.ghosts.forget();
            }
            let is_selective = writer.is_selective();
            let was_selective = cache.is_selective.swap(is_selective, Ordering::Relaxed);
            if is_selective != was_selective || (is_selective && writer.limits.entries != before.entries) {
                *cache.sketch() =
                    if is_selective { FrequencySketch::new(writer.limits.entries) } else { FrequencySketch::none() };
            }
            cache.expire(writer);
            cache.evict(writer, 0, 0);
            writer.shrink();
        });
        self.table.clean();
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
                evicted_misses: cache.ghosts.found(),
                saved_nanoseconds: cache.saved_nanoseconds.load(Ordering::Relaxed),
                entries: writer.len(),
                bytes: writer.bytes(),
                ..writer.counts
            }
        })
    }

    /// Sets the counts to zero; entries stay.
    pub fn reset_statistics(&self) {
        let mut writer = self.lock();
        writer.counts = Statistics::default();
        // What is there counts as put in, so that counts go on adding up.
        writer.counts.insertions = writer.len() as u64;
        writer.other_ticks = self.tick.load(Ordering::Relaxed);
        self.misses.store(0, Ordering::Relaxed);
        self.saved_nanoseconds.store(0, Ordering::Relaxed);
        self.ghosts.reset();
        for entry in writer.entries() {
            entry.hits.store(0, Ordering::Relaxed);
        }
    }

    /// The most entries that there were at once since the last call.
    pub fn take_peak(&self) -> usize {
        self.lock().take_peak()
    }

    /// The live entries, in no order, and the time. O(entries).
    pub fn entries(&self, left: &mut Vec<V>) -> (Vec<Arc<Entry<T, V>>>, u64) {
        self.with_writer(left, |cache, writer| {
            let now = cache.expire(writer);
            (writer.entries().map(Arc::clone).collect(), now)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Writer<T, V>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sketch(&self) -> MutexGuard<'_, FrequencySketch> {
        self.sketch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a writer's work; hands over what left when the lock is released.
    fn with_writer<R>(&self, left: &mut Vec<V>, work: impl FnOnce(&Self, &mut Writer<T, V>) -> R) -> R {
        let mut writer = self.lock();
        let result = work(self, &mut writer);
        left.append(&mut writer.left);
        result
    }

    /// Removes what has expired and gives the time.
    fn expire(&self, writer: &mut Writer<T, V>) -> u64 {
        let now = self.clock.now();
        while let Some(entry) = writer.expired(now) {
            self.remove(writer, &entry);
            writer.counts.expirations += 1;
        }
        now
    }

    /// Evicts until `entries` and `bytes` more fit.
    fn evict(&self, writer: &mut Writer<T, V>, entries: usize, bytes: u64) {
        while let Some(cause) = writer.exceeded(entries, bytes)
            && self.evict_next(writer, cause)
        {}
    }

    /// Removes the entry that leaves next; whether there was one.
    fn evict_next(&self, writer: &mut Writer<T, V>, cause: Cause) -> bool {
        let Some(entry) = writer.pop_oldest() else { return false };
        self.remove(writer, &entry);
        match cause {
            Cause::Entries => {
                writer.counts.evictions_size += 1;
                self.ghosts.note(entry.key.hash);
            }
            Cause::Memory => writer.counts.evictions_memory += 1,
            Cause::Shedding => writer.counts.evictions_shed += 1,
        }
        true
    }

    fn remove(&self, writer: &mut Writer<T, V>, entry: &Arc<Entry<T, V>>) {
        writer.remove(entry);
        self.table.remove(entry, &mut writer.left);
    }
}

impl<T, V> Drop for Cache<T, V> {
    fn drop(&mut self) {
        // Whoever still holds an entry, as the table does for a while, shall not keep its value alive.
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        writer.drop_values();
    }
}

fn entry_bytes(key: KeyRef<'_>) -> u64 {
    ENTRY_BYTES + key.text().len() as u64
}
