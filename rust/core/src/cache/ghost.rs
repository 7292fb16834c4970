//! Which keys were evicted not long ago (a ghost list), so that it can be told what evictions cost.

use std::sync::OnceLock;

use crate::sync::atomic::{AtomicU64, Ordering};

/// Places of 8 bytes. A later key takes the place of an earlier one, so about the last `PLACES` evictions are known.
const PLACES: usize = 16_384;

/// Hashes of evicted keys, each in the place that it chooses. Takes no memory before the first eviction, and no lock.
#[derive(Default)]
pub struct GhostList {
    places: OnceLock<Box<[AtomicU64]>>,
    found: AtomicU64,
}

impl GhostList {
    /// Notes that the key of this hash was evicted.
    pub fn note(&self, hash: u64) {
        let places = self.places.get_or_init(|| (0..PLACES).map(|_| AtomicU64::new(0)).collect());
        places[hash as usize % PLACES].store(hash, Ordering::Relaxed);
    }

    /// Counts a look-up that missed, when its key was evicted; once for each eviction.
    pub fn look_for(&self, hash: u64) {
        let Some(places) = self.places.get() else { return };
        let place = &places[hash as usize % PLACES];
        if place.load(Ordering::Relaxed) == hash
            && place.compare_exchange(hash, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.found.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many look-ups missed a key that had been evicted.
    pub fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    /// Forgets what was evicted: another limit might have kept it.
    pub fn forget(&self) {
        for place in self.places.get().into_iter().flatten() {
            place.store(0, Ordering::Relaxed);
        }
    }

    /// Sets the count to zero; what was evicted stays known.
    pub fn reset(&self) {
        self.found.store(0, Ordering::Relaxed);
    }
}
