//! `PatternCache`: the cache as a Python class.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rowpattern_macros::catch_panics;

use super::arguments::whole;
use super::front;
use super::pattern::Pattern;
use crate::cache::{self, Clock, Entry, Flights, Histogram, KeyRef, Limits, Put};
use crate::matcher::Compiled;
use crate::pattern::CompileError;

/// Keys of `compile` without and with its options, and keys that callers chose.
pub const PATTERN_KEYS: u8 = 0;
pub const OPTION_KEYS: u8 = 1;
pub const CALLER_KEYS: u8 = 2;

const MEGABYTE: f64 = 1_048_576.0;

/// What threads that wait for one compilation are handed.
pub type Made = Result<Arc<Compiled>, CompileError>;

/// A clock for tests: it stands still until it is moved.
#[pyclass(frozen, module = "rowpattern")]
pub struct ManualClock(Arc<Clock>);

#[catch_panics]
#[pymethods]
impl ManualClock {
    #[new]
    fn new() -> Self {
        Self(Arc::new(Clock::Manual(std::sync::atomic::AtomicU64::new(0))))
    }

    /// Moves the clock on by so many seconds.
    fn advance(&self, seconds: f64) -> PyResult<()> {
        let step = Duration::try_from_secs_f64(seconds)
            .map_err(|_| PyValueError::new_err(format!("seconds must be at least 0, not {seconds}")))?;
        self.0.advance(step.as_nanos() as u64);
        Ok(())
    }
}

/// A thread-safe cache with an entry limit, a memory limit and a time to live.
#[pyclass(frozen, subclass, module = "rowpattern")]
pub struct PatternCache {
    pub store: cache::PatternCache<Py<PyAny>>,
    pub compiling: Flights<Made>,
    /// How long making what was put in took.
    pub compile_times: Histogram,
    /// Tells caches apart in the front.
    number: u64,
    enabled: AtomicBool,
    created: Instant,
    last_reset: Mutex<f64>,
}

#[catch_panics]
#[pymethods]
impl PatternCache {
    #[new]
    #[pyo3(
        signature = (max_size = 10_000, max_memory_mb = 500.0, ttl_seconds = Some(3600.0), *, clock = None),
        text_signature = "(max_size=10_000, max_memory_mb=500.0, ttl_seconds=3600.0, *, clock=None)"
    )]
    fn new(
        #[pyo3(from_py_with = whole)] max_size: usize,
        max_memory_mb: f64,
        ttl_seconds: Option<f64>,
        clock: Option<&ManualClock>,
    ) -> PyResult<Self> {
        let limits = Limits { entries: max_size, bytes: bytes(max_memory_mb)?, time_to_live: lifetime(ttl_seconds)? };
        let clock = clock.map_or_else(|| Arc::new(Clock::system()), |clock| Arc::clone(&clock.0));
        Ok(Self {
            store: cache::PatternCache::new(limits, clock),
            compiling: Flights::default(),
            compile_times: Histogram::default(),
            number: front::next_number(),
            enabled: AtomicBool::new(true),
            created: Instant::now(),
            last_reset: Mutex::new(epoch_seconds()),
        })
    }

    /// Returns the value of a key, or None. O(1).
    #[inline]
    fn get(&self, py: Python<'_>, key: &str) -> Option<Py<PyAny>> {
        if !self.is_enabled() {
            return None;
        }
        self.look_up(py, KeyRef { space: CALLER_KEYS, text: key })
    }

    /// Puts a value in; False when it is heavier than the memory limit or the cache is disabled.
    #[pyo3(signature = (key, value, *, size_bytes, compilation_time = 0.0))]
    fn put(
        &self,
        key: &str,
        value: Py<PyAny>,
        #[pyo3(from_py_with = whole)] size_bytes: u64,
        compilation_time: f64,
    ) -> PyResult<bool> {
        let cost = Duration::try_from_secs_f64(compilation_time).map_err(|_| {
            PyValueError::new_err(format!("compilation_time must be seconds of at least 0, not {compilation_time}"))
        })?;
        if !self.is_enabled() {
            return Ok(false);
        }
        if !cost.is_zero() {
            self.compile_times.observe(cost);
        }
        let mut left = Vec::new();
        let put = self.store.put(KeyRef { space: CALLER_KEYS, text: key }, value, size_bytes, cost, &mut left);
        Ok(put == Put::Kept)
    }

    /// Removes what has a key: an object that was put in under it, a pattern whose text it is, a pattern with options
    /// whose key `entries` shows. Whether there was any.
    fn invalidate(&self, key: &str) -> bool {
        let mut left = Vec::new();
        let mut invalidate = |space| self.store.invalidate(KeyRef { space, text: key }, &mut left);
        // All of them, not only the first that is there.
        [PATTERN_KEYS, OPTION_KEYS, CALLER_KEYS].map(&mut invalidate).contains(&true)
    }

    /// Removes all entries.
    fn clear(&self) {
        self.store.clear(&mut Vec::new());
    }

    /// Changes the limits that are given; what stays keeps its recency and its remaining life.
    #[pyo3(signature = (max_size = None, *, max_memory_mb = None))]
    fn resize(
        &self,
        #[pyo3(from_py_with = whole)] max_size: Option<usize>,
        max_memory_mb: Option<f64>,
    ) -> PyResult<()> {
        let memory = max_memory_mb.map(bytes).transpose()?;
        self.store.change_limits(&mut Vec::new(), |limits| {
            limits.entries = max_size.unwrap_or(limits.entries);
            limits.bytes = memory.unwrap_or(limits.bytes);
        });
        Ok(())
    }

    /// Removes the entries used longest ago until no more memory than this is used; the limits stay. How many went.
    fn shed(&self, memory_mb: f64) -> PyResult<usize> {
        Ok(self.store.shed(bytes(memory_mb)?, &mut Vec::new()))
    }

    /// Sets how long entries put in from now on live, in seconds; None is for ever.
    #[pyo3(signature = (ttl_seconds))]
    fn set_ttl(&self, ttl_seconds: Option<f64>) -> PyResult<()> {
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
        self.enabled.store(enabled, Ordering::Relaxed);
    }

    /// The documented statistics, and more.
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

    /// Returns what is in the cache, one dict an entry. O(entries * log(entries)).
    #[pyo3(signature = (*, limit = None, order = "recent"))]
    fn entries<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = whole)] limit: Option<usize>,
        order: &str,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let mut left = Vec::new();
        let (mut entries, now) = self.store.entries(&mut left);
        let load = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
        match order {
            "recent" => entries.sort_by_cached_key(|entry| std::cmp::Reverse(load(&entry.used))),
            "bytes" => entries.sort_by_cached_key(|entry| std::cmp::Reverse(load(&entry.bytes))),
            "hits" => entries.sort_by_cached_key(|entry| std::cmp::Reverse(load(&entry.hits))),
            "age" => entries.sort_by_key(|entry| (entry.born, entry.inserted)),
            "compilation_time" => entries.sort_by_key(|entry| std::cmp::Reverse(entry.cost_nanoseconds)),
            other => {
                return Err(PyValueError::new_err(format!(
                    "order must be \"recent\", \"bytes\", \"hits\", \"age\" or \"compilation_time\", not {other:?}"
                )));
            }
        }
        entries.truncate(limit.unwrap_or(usize::MAX));
        entries.iter().map(|entry| describe(py, entry, now)).collect()
    }

    /// Returns the patterns that `compile` has put in, the one used last first.
    fn patterns(&self, py: Python<'_>) -> Vec<Py<Pattern>> {
        let mut left = Vec::new();
        let (mut entries, _) = self.store.entries(&mut left);
        entries.retain(|entry| entry.key.space != CALLER_KEYS);
        entries.sort_by_cached_key(|entry| std::cmp::Reverse(entry.used.load(Ordering::Relaxed)));
        entries.iter().filter_map(|entry| pattern_of(py, entry)).collect()
    }

    fn __len__(&self) -> usize {
        self.len()
    }

    fn __repr__(&self) -> String {
        let (entries, limits) = (self.len(), self.store.limits());
        let megabytes = limits.bytes as f64 / MEGABYTE;
        format!("<rowpattern.PatternCache of {entries} entries, at most {} and {megabytes} MB>", limits.entries)
    }
}

impl PatternCache {
    fn len(&self) -> usize {
        self.store.statistics(&mut Vec::new()).entries
    }

    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Looks up without asking whether the cache is enabled.
    #[inline]
    pub fn look_up(&self, py: Python<'_>, key: KeyRef<'_>) -> Option<Py<PyAny>> {
        front::look_up(py, &self.store, self.number, key)
    }
}

/// The pattern that `compile` has put in.
fn pattern_of(py: Python<'_>, entry: &Entry<Py<PyAny>>) -> Option<Py<Pattern>> {
    let value = entry.value.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|value| value.clone_ref(py));
    Some(value?.bind(py).cast::<Pattern>().ok()?.clone().unbind())
}

fn describe<'py>(py: Python<'py>, entry: &Entry<Py<PyAny>>, now: u64) -> PyResult<Bound<'py, PyDict>> {
    let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9;
    let pattern = if entry.key.space == CALLER_KEYS { None } else { pattern_of(py, entry) };
    let description = PyDict::new(py);
    description.set_item("key", &*entry.key.text)?;
    description.set_item("kind", if entry.key.space == CALLER_KEYS { "object" } else { "pattern" })?;
    description.set_item("pattern", pattern.as_ref().map(|pattern| PyString::new(py, &pattern.get().text)))?;
    description.set_item("size_bytes", entry.bytes.load(Ordering::Relaxed))?;
    description.set_item("hits", entry.hits.load(Ordering::Relaxed))?;
    description.set_item("age_seconds", seconds(now.saturating_sub(entry.born)))?;
    let left = (entry.deadline != u64::MAX).then(|| seconds(entry.deadline.saturating_sub(now)));
    description.set_item("seconds_left", left)?;
    description.set_item("compilation_time", seconds(entry.cost_nanoseconds))?;
    Ok(description)
}

fn bytes(megabytes: f64) -> PyResult<u64> {
    if megabytes.is_finite() && megabytes >= 0.0 {
        return Ok((megabytes * MEGABYTE) as u64);
    }
    Err(PyValueError::new_err(format!("max_memory_mb must be a number of at least 0, not {megabytes}")))
}

fn lifetime(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let Some(seconds) = seconds else { return Ok(None) };
    match Duration::try_from_secs_f64(seconds) {
        Ok(life) if !life.is_zero() => Ok(Some(life)),
        _ => Err(PyValueError::new_err(format!("ttl_seconds must be above 0, or None for ever, not {seconds}"))),
    }
}

fn epoch_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
