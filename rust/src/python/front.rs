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

/// Places a thread, of 16 bytes; memory is used as places are.
const PLACES: usize = 4096;

/// A place keeps an entry that has left alive, without its value. After so many entries were put in, those are let go.
const PUTS_BETWEEN_SWEEPS: usize = 1024;

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

/// A number for a new cache.
pub fn next_number() -> u64 {
    NEXT_NUMBER.fetch_add(1, Ordering::Relaxed)
}

type Place = Option<(u64, Arc<Entry<Py<PyAny>>>)>;

struct Front {
    places: Vec<Place>,
    puts: usize,
}

impl Front {
    /// Puts an entry in, and gives the one that it replaces.
    fn put(&mut self, place: usize, number: u64, entry: Arc<Entry<Py<PyAny>>>) -> Place {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        self.puts += 1;
        if self.puts.is_multiple_of(PUTS_BETWEEN_SWEEPS) {
            // They have no value any more, so nothing of Python's is dropped here.
            for place in &mut self.places {
                place.take_if(|(_, entry)| entry.has_left());
            }
        }
        self.places[place].replace((number, entry))
    }
}

thread_local! {
    static FRONT: RefCell<Front> = const { RefCell::new(Front { places: Vec::new(), puts: 0 }) };
}

/// Looks up, in the thread's front and then in the cache.
#[inline]
pub fn look_up(py: Python<'_>, cache: &PatternCache<Py<PyAny>>, number: u64, key: KeyRef<'_>) -> Option<Py<PyAny>> {
    let read = |value: &Py<PyAny>| value.clone_ref(py);
    let place = foldhash::fast::FixedState::with_seed(number).hash_one(key) as usize % PLACES;
    let remembered = FRONT.with_borrow(|front| {
        let (owner, entry) = front.places.get(place)?.as_ref()?;
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
    let before = FRONT.with_borrow_mut(|front| front.put(place, number, entry));
    drop(before);
    Some(found)
}
