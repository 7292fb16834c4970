//! A small front of each thread's own before the shared cache.
//!
//! A look-up in `moka` reads a clock and records the read for its own bounds, which this project does not use; that
//! costs more than all else in a hit. So each thread remembers the entries that it found last, by hash of their
//! key. An entry knows itself whether it has left or expired, so a remembered one is never stale: the look-up then goes on
//! to the shared table. Counts and recency are kept by the entry either way.

use std::cell::RefCell;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

use crate::cache::{Entry, KeyRef, PatternCache};

/// Places a thread, of 16 bytes; memory is used as places are. Each may keep an entry that has left alive, without its
/// value.
const PLACES: usize = 4096;

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

/// A number for a new cache.
pub fn next_number() -> u64 {
    NEXT_NUMBER.fetch_add(1, Ordering::Relaxed)
}

type Place = Option<(u64, Arc<Entry<Py<PyAny>>>)>;

thread_local! {
    static FRONT: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

/// Looks up, in the thread's front and then in the cache.
#[inline]
pub fn look_up(py: Python<'_>, cache: &PatternCache<Py<PyAny>>, number: u64, key: KeyRef<'_>) -> Option<Py<PyAny>> {
    let read = |value: &Py<PyAny>| value.clone_ref(py);
    let place = foldhash::fast::FixedState::with_seed(number).hash_one(key) as usize % PLACES;
    let remembered = FRONT.with_borrow(|front| {
        let (owner, entry) = front.get(place)?.as_ref()?;
        (*owner == number && *entry.key.text == *key.text && entry.key.space == key.space)
            .then(|| cache.use_entry(entry, read))
            .flatten()
    });
    if remembered.is_some() {
        return remembered;
    }
    // Values that expired are dropped with this list, when nothing is locked or borrowed.
    let mut left = Vec::new();
    let (found, entry) = cache.get(key, &mut left, read)?;
    let before = FRONT.with_borrow_mut(|front| {
        if front.is_empty() {
            front.resize_with(PLACES, || None);
        }
        front[place].replace((number, entry))
    });
    drop(before);
    Some(found)
}
