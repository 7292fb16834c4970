//! `PatternCache`: the cache as a Python class. Its methods stand in one file, as PyO3 takes one block of them; a third of it is
//! their docstrings.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyString};
use rowpattern_core::cache::{self, Clock, Histogram, KeyRef, Limits, Offered, Put, SingleFlight};
use rowpattern_core::matcher::Compiled;
use rowpattern_core::memory;
use rowpattern_core::pattern::CompileError;
use rowpattern_macros::catch_panics;

use super::cache_entries::{describe, pattern_of, sort};
use super::cache_limits::{MEGABYTE, bytes, cost, lifetime, policy_named, threads};
use super::counted::counted;
use super::keys::{self, Kind};
use super::manual_clock::{ManualClock, epoch_seconds};
use super::numbers::{number, optional_number, whole};
use super::pattern::Pattern;

/// From this number of bytes on, what was freed is given back to the system.
const WORTH_GIVING_BACK: u64 = 1 << 20;

/// Bits of a cache's state: look-ups and puts do nothing; another object answers callers.
const DISABLED: u8 = 1;
const ELSEWHERE: u8 = 2;

/// What threads that wait for one compilation are handed.
pub type Made = Result<Arc<Compiled>, CompileError>;

/// A thread-safe cache with an entry limit, a memory limit and a time to live.
///
/// `policy` says which entries stay when there are too many: "lru", those used most recently, or "tinylfu", where the entry
/// used longest ago makes room only for a key that was asked for more often than it lately.
///
/// Examples:
///     >>> import rowpattern
///     >>> cache = rowpattern.PatternCache(max_size=1, max_memory_mb=10, ttl_seconds=None)
///     >>> cache.put("first", 1, size_bytes=8), cache.put("second", 2, size_bytes=8)
///     (True, True)
///     >>> cache.get("first"), cache.get("second"), len(cache)
///     (None, 2, 1)
///     >>> cache.resize(1_000, max_memory_mb=1)
///     >>> cache.set_ttl(60)
///     >>> cache.reweigh("second", size_bytes=600_000)
///     True
///     >>> [entry["key"] for entry in cache.entries(order="bytes")]
///     ['second']
///     >>> cache.shed(0.5), cache.take_peak_size(), cache.patterns()
///     (1, 1, [])
///     >>> cache.put("third", 3, size_bytes=8), cache.invalidate("third")
///     (True, True)
///     >>> cache.statistics()["insertions"], len(cache.compile_seconds()[0]) > 0
///     (3, True)
///     >>> cache.reset_statistics()
///     >>> cache.set_enabled(False)
///     >>> cache.clear()
#[pyclass(frozen, subclass, module = "rowpattern")]
pub struct PatternCache {
    /// Apart: parts of it begin at lines of the processor's cache, where Python's allocator puts no object.
    pub store: Box<cache::Cache<PyBackedStr, Py<PyAny>>>,
    pub compiling: SingleFlight<Made>,
    /// How long making what was put in took.
    pub compile_times: Histogram,
    /// [`DISABLED`], [`ELSEWHERE`], or both.
    state: AtomicU8,
    /// Answers callers in this cache's place.
    elsewhere: Mutex<Option<Py<PyAny>>>,
    created: Instant,
    last_reset: Mutex<f64>,
}

// Python's allocator aligns objects so.
const _: () = assert!(align_of::<PatternCache>() <= 16);

#[catch_panics]
#[pymethods]
impl PatternCache {
    #[new]
    #[pyo3(
        signature = (max_size = 10_000, max_memory_mb = 500.0, ttl_seconds = Some(3600.0), *, policy = "lru", clock = None),
        text_signature = "(max_size=10_000, max_memory_mb=500.0, ttl_seconds=3600.0, *, policy='lru', clock=None)"
    )]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = whole)] max_size: usize,
        #[pyo3(from_py_with = number)] max_memory_mb: f64,
        #[pyo3(from_py_with = optional_number)] ttl_seconds: Option<f64>,
        policy: &str,
        clock: Option<&ManualClock>,
    ) -> PyResult<Self> {
        let limits = Limits {
            entries: max_size,
            bytes: bytes(max_memory_mb)?,
            time_to_live: lifetime(ttl_seconds)?,
            policy: policy_named(policy)?,
        };
        let clock = clock.map_or_else(|| Arc::new(Clock::system()), |clock| Arc::clone(&clock.0));
        Ok(Self {
            store: Box::new(cache::Cache::new(limits, clock, threads(py)?)),
            compiling: SingleFlight::default(),
            compile_times: Histogram::default(),
            state: AtomicU8::new(0),
            elsewhere: Mutex::new(None),
            created: Instant::now(),
            last_reset: Mutex::new(epoch_seconds()),
        })
    }

    /// Returns the value of a key, or None. O(1).
    ///
    /// Values of different kinds ("object", "condition", "tokens", "query", "clause") have keys of their own.
    ///
    /// Raises:
    ///     ValueError: there is no such kind.
    #[inline]
    #[pyo3(signature = (key, *, kind = "object"))]
    fn get(&self, key: &Bound<'_, PyString>, kind: &str) -> PyResult<Option<Py<PyAny>>> {
        let kind = Kind::of_caller(kind)?;
        if !self.is_enabled() {
            return Ok(None);
        }
        keys::with_exact(key, |key| Ok(self.look_up(key.py(), keys::key(kind, key)?)))
    }

    /// Puts a value in; False when it is heavier than the memory limit, the policy does not admit it, or the cache is
    /// disabled. O(1), and the entries that it evicts.
    ///
    /// Args:
    ///     key: any text.
    ///     value: any object, held by reference.
    ///     size_bytes: what the value weighs, from 0 on.
    ///     compilation_time: what a hit saves, in seconds.
    ///     kind: as for `get`.
    #[pyo3(signature = (key, value, *, size_bytes, compilation_time = 0.0, kind = "object"))]
    fn put(
        &self,
        key: &Bound<'_, PyString>,
        value: Py<PyAny>,
        #[pyo3(from_py_with = whole)] size_bytes: u64,
        compilation_time: f64,
        kind: &str,
    ) -> PyResult<bool> {
        self.keep(Kind::of_caller(kind)?, key, Offered { value, bytes: size_bytes, cost: cost(compilation_time)? })
    }

    /// Sets what a key's value weighs now; the memory limit is kept at once. O(1), and the entries that it evicts.
    ///
    /// Returns whether the key has a value after that.
    #[pyo3(signature = (key, *, size_bytes, kind = "object"))]
    fn reweigh(&self, key: &Bound<'_, PyString>, size_bytes: u64, kind: &str) -> PyResult<bool> {
        let kind = Kind::of_caller(kind)?;
        let mut left = Vec::new();
        keys::with_exact(key, |key| Ok(self.store.reweigh(keys::key(kind, key)?, size_bytes, &mut left, |_| true)))
    }

    /// Removes what has a key: an object that was put in under it, a pattern whose text it is, or a pattern with options
    /// whose key `entries` shows. O(1).
    ///
    /// Returns whether there was any.
    fn invalidate(&self, key: &Bound<'_, PyString>) -> PyResult<bool> {
        let mut left = Vec::new();
        keys::with_exact(key, |key| {
            let mut found = false;
            // All of them, not only the first that is there.
            for kind in Kind::ALL {
                found |= self.store.invalidate(keys::key(kind, key)?, &mut left);
            }
            Ok(found)
        })
    }

    /// Removes all entries, and gives their memory back to the system. O(entries).
    fn clear(&self, py: Python<'_>) {
        self.giving_back(py, |left| self.store.clear(left));
    }

    /// Changes the limits that are given; entries that stay keep their recency and their remaining life. Memory that is
    /// freed is given back to the system.
    ///
    /// Args:
    ///     max_size: the most entries.
    ///     max_memory_mb: the most memory, in MB of 2**20 bytes.
    ///     policy: which entries stay when there are too many: "lru" or "tinylfu".
    ///
    /// Raises:
    ///     ValueError: a limit is below 0, or there is no such policy; nothing has changed then.
    #[pyo3(signature = (max_size = None, *, max_memory_mb = None, policy = None))]
    fn resize(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = whole)] max_size: Option<usize>,
        #[pyo3(from_py_with = optional_number)] max_memory_mb: Option<f64>,
        policy: Option<&str>,
    ) -> PyResult<()> {
        let memory = max_memory_mb.map(bytes).transpose()?;
        let policy = policy.map(policy_named).transpose()?;
        self.giving_back(py, |left| {
            self.store.change_limits(left, |limits| {
                limits.entries = max_size.unwrap_or(limits.entries);
                limits.bytes = memory.unwrap_or(limits.bytes);
                limits.policy = policy.unwrap_or(limits.policy);
            });
        });
        Ok(())
    }

    /// Removes the entries used longest ago until no more than `memory_mb` MB (of 2**20 bytes) are used; the limits stay.
    /// Memory that is freed is given back to the system.
    ///
    /// Returns how many entries were removed.
    fn shed(&self, py: Python<'_>, #[pyo3(from_py_with = number)] memory_mb: f64) -> PyResult<usize> {
        let bytes = bytes(memory_mb)?;
        Ok(self.giving_back(py, |left| self.store.shed(bytes, left)))
    }

    /// Sets how long entries put in from now on live, in seconds; None is for ever.
    ///
    /// Raises:
    ///     ValueError: it is not above 0.
    #[pyo3(signature = (ttl_seconds))]
    fn set_ttl(&self, #[pyo3(from_py_with = optional_number)] ttl_seconds: Option<f64>) -> PyResult<()> {
        let time_to_live = lifetime(ttl_seconds)?;
        self.store.change_limits(&mut Vec::new(), |limits| limits.time_to_live = time_to_live);
        Ok(())
    }

    /// Whether look-ups and puts do anything.
    #[getter]
    fn enabled(&self) -> bool {
        self.is_enabled()
    }

    /// Turns look-ups and puts on or off; entries stay.
    fn set_enabled(&self, enabled: bool) {
        self.set_state(DISABLED, !enabled);
    }

    /// Has another object answer what callers ask of `get_cached_pattern` and `cache_pattern`: by its methods `get(key)` and
    /// `put(key, value, metadata)`. None ends that.
    #[pyo3(name = "_redirect", signature = (elsewhere))]
    fn redirect(&self, elsewhere: Option<Py<PyAny>>) {
        self.set_state(ELSEWHERE, elsewhere.is_some());
        let before = std::mem::replace(&mut *self.elsewhere(), elsewhere);
        drop(before);
    }

    /// Returns the statistics (`rowpattern.pattern_cache.CacheStatistics`). O(entries that have expired).
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.store.statistics(&mut Vec::new());
        let limits = self.store.limits();
        let look_ups = counts.hits + counts.misses;
        let efficiency = if look_ups == 0 { 0.0 } else { 100.0 * counts.hits as f64 / look_ups as f64 };
        let last_reset = *self.last_reset.lock().unwrap_or_else(PoisonError::into_inner);
        let statistics = PyDict::new(py);
        statistics.set_item("hits", counts.hits)?;
        statistics.set_item("misses", counts.misses)?;
        statistics.set_item("evictions", counts.evictions())?;
        statistics.set_item("size", counts.entries)?;
        statistics.set_item("max_size", limits.entries)?;
        statistics.set_item("memory_used_mb", counts.bytes as f64 / MEGABYTE)?;
        statistics.set_item("max_memory_used_mb", limits.bytes as f64 / MEGABYTE)?;
        statistics.set_item("cache_efficiency", efficiency)?;
        statistics.set_item("compilation_time_saved", counts.saved_nanoseconds as f64 / 1e9)?;
        statistics.set_item("cache_age_seconds", self.created.elapsed().as_secs_f64())?;
        statistics.set_item("last_reset", last_reset)?;
        statistics.set_item("evictions_size", counts.evictions_size)?;
        statistics.set_item("evictions_memory", counts.evictions_memory)?;
        statistics.set_item("evictions_shed", counts.evictions_shed)?;
        statistics.set_item("evicted_misses", counts.evicted_misses)?;
        statistics.set_item("insertions", counts.insertions)?;
        statistics.set_item("expirations", counts.expirations)?;
        statistics.set_item("replacements", counts.replacements)?;
        statistics.set_item("invalidations", counts.invalidations)?;
        statistics.set_item("oversize", counts.oversize)?;
        statistics.set_item("rejections", counts.rejections)?;
        statistics.set_item("policy", limits.policy.name())?;
        statistics.set_item("ttl_seconds", limits.time_to_live.map(|life| life.as_secs_f64()))?;
        statistics.set_item("enabled", self.is_enabled())?;
        Ok(statistics)
    }

    /// Sets the counts to zero; entries stay.
    fn reset_statistics(&self) {
        self.store.reset_statistics();
        self.compile_times.reset();
        *self.last_reset.lock().unwrap_or_else(PoisonError::into_inner) = epoch_seconds();
    }

    /// Returns the most entries that there were at once since the last call.
    fn take_peak_size(&self) -> usize {
        self.store.take_peak()
    }

    /// Returns how long making what was put in took: each bucket's upper bound in seconds with the count up to it, and
    /// the sum in seconds.
    fn compile_seconds(&self) -> (Vec<(f64, u64)>, f64) {
        self.compile_times.cumulative()
    }

    /// Returns what is in the cache, a dict for each entry (`rowpattern.pattern_cache.CacheEntry`). O(n log n) for n entries.
    ///
    /// Args:
    ///     limit: the most entries; all by default.
    ///     order: what comes first: "recent" (used last), "bytes" (heaviest), "hits" (most), "age" (oldest) or
    ///         "compilation_time" (longest).
    ///
    /// Raises:
    ///     ValueError: there is no such order.
    #[pyo3(signature = (*, limit = None, order = "recent"))]
    fn entries<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = whole)] limit: Option<usize>,
        order: &str,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let mut left = Vec::new();
        let (mut entries, now) = self.store.entries(&mut left);
        sort(&mut entries, order)?;
        entries.truncate(limit.unwrap_or(usize::MAX));
        entries.iter().map(|entry| describe(py, entry, now)).collect()
    }

    /// Returns the patterns that `compile` has put in, the one used last first.
    fn patterns(&self, py: Python<'_>) -> Vec<Py<Pattern>> {
        let mut left = Vec::new();
        let (mut entries, _) = self.store.entries(&mut left);
        entries.retain(|entry| Kind::of_space(entry.key.space).is_pattern());
        entries.sort_by_cached_key(|entry| std::cmp::Reverse(entry.used.load(Ordering::Relaxed)));
        entries.iter().filter_map(|entry| pattern_of(py, entry)).collect()
    }

    fn __len__(&self) -> usize {
        self.len()
    }

    fn __repr__(&self) -> String {
        let (entries, limits) = (self.len(), self.store.limits());
        let megabytes = limits.bytes as f64 / MEGABYTE;
        let entries = counted(entries, "entry");
        format!("<rowpattern.PatternCache of {entries}, at most {} and {megabytes} MB>", limits.entries)
    }
}

impl PatternCache {
    fn len(&self) -> usize {
        self.store.statistics(&mut Vec::new()).entries
    }

    pub fn is_enabled(&self) -> bool {
        self.state.load(Ordering::Relaxed) & DISABLED == 0
    }

    /// Whether callers are answered here: it is enabled, and nothing else answers in its place.
    #[inline]
    pub fn answers_callers(&self) -> bool {
        self.state.load(Ordering::Relaxed) == 0
    }

    fn set_state(&self, bit: u8, on: bool) {
        if on {
            self.state.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.state.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    fn elsewhere(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a caller's look-up where this cache does not: from elsewhere, or by nothing.
    #[cold]
    pub fn get_elsewhere(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let elsewhere = self.elsewhere().as_ref().map(|object| object.clone_ref(py));
        elsewhere.map(|object| object.call_method1(py, pyo3::intern!(py, "get"), (key,))).transpose()
    }

    /// As [`Self::get_elsewhere`], for what a caller puts in.
    #[cold]
    pub fn put_elsewhere(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        value: Bound<'_, PyAny>,
        metadata: Option<Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let elsewhere = self.elsewhere().as_ref().map(|object| object.clone_ref(py));
        let Some(object) = elsewhere else { return Ok(false) };
        object.call_method1(py, pyo3::intern!(py, "put"), (key, value, metadata))?.extract(py)
    }

    /// Looks up without asking whether the cache is enabled.
    #[inline]
    pub fn look_up(&self, py: Python<'_>, key: KeyRef<'_>) -> Option<Py<PyAny>> {
        // Values that expired are dropped with this list, when nothing is locked.
        let mut left = Vec::new();
        self.store.get(key, &mut left, |value| value.clone_ref(py), |value| value.clone_ref(py))
    }

    /// Puts a value in, unless the cache is disabled; whether it is kept.
    pub fn keep(&self, kind: Kind, key: &Bound<'_, PyString>, offered: Offered<Py<PyAny>>) -> PyResult<bool> {
        if !self.is_enabled() {
            return Ok(false);
        }
        if !offered.cost.is_zero() {
            self.compile_times.observe(offered.cost);
        }
        keys::with_exact(key, |key| self.insert(kind, key, offered))
    }

    /// Puts a value in under a text that is of no subclass; whether it is kept.
    pub fn insert(&self, kind: Kind, key: &Bound<'_, PyString>, offered: Offered<Py<PyAny>>) -> PyResult<bool> {
        let py = key.py();
        let mut left = Vec::new();
        let (text, key) = (PyBackedStr::try_from(key.clone())?, keys::key(kind, key)?);
        let put = self.store.put(key, text, offered, &mut left, |value| value.clone_ref(py));
        Ok(put == Put::Kept)
    }

    /// Does what frees memory, drops the values that left, and gives what was freed back to the system, while other threads
    /// may run.
    fn giving_back<R>(&self, py: Python<'_>, free: impl FnOnce(&mut Vec<Py<PyAny>>) -> R) -> R {
        let before = self.store.statistics(&mut Vec::new()).bytes;
        let mut left = Vec::new();
        let result = free(&mut left);
        drop(left);
        let freed = before.saturating_sub(self.store.statistics(&mut Vec::new()).bytes);
        if freed + memory::resting_bytes() as u64 >= WORTH_GIVING_BACK {
            py.detach(memory::give_back);
        }
        result
    }
}
