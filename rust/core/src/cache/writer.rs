//! What is done under the writer's lock: who stays within the limits.

use std::sync::Arc;

use super::clock::NEVER;
use super::entry::{Entry, KeyRef, KeyText};
use super::limits::{Limits, Policy};
use super::order::Order;
use super::sketch::FrequencySketch;
use super::statistics::Statistics;
use crate::sync::atomic::Ordering;

/// What an entry takes beside its value and its key's text, when it was found once: nodes of the table and of its deque, the
/// first level, the orders of use and of deadlines. Measured: the growth of the process with 10,000 entries
/// (`tests/slow/test_weights.py`).
pub const ENTRY_BYTES: u64 = 520;

/// Orders are cleaned of items out of date when those outnumber the others by this number.
const SPARE_ITEMS: usize = 64;

/// Why an entry had to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Entries,
    Memory,
    Shedding,
}

/// Entries by place, in the orders of use and of deadlines, and what they weigh together.
pub struct Writer<T, V> {
    pub limits: Limits,
    pub counts: Statistics,
    /// Ticks that were not hits since counts began.
    pub other_ticks: u64,
    /// Values that have left and wait for the lock's release.
    pub left: Vec<V>,
    places: Vec<Place<T, V>>,
    free: Vec<u32>,
    /// By the tick of their last use, as far as the writer knows.
    by_use: Order,
    /// Only entries that have a deadline.
    by_deadline: Order,
    live: usize,
    bytes: u64,
    peak: usize,
}

struct Place<T, V> {
    entry: Option<Arc<Entry<T, V>>>,
    /// The tick under which it stands in the order of use.
    filed: u64,
    deadline: u64,
}

impl<T: KeyText, V> Writer<T, V> {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            counts: Statistics::default(),
            other_ticks: 0,
            left: Vec::new(),
            places: Vec::new(),
            free: Vec::new(),
            by_use: Order::default(),
            by_deadline: Order::default(),
            live: 0,
            bytes: 0,
            peak: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.live
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The live entries, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry<T, V>>> {
        self.places.iter().filter_map(|place| place.entry.as_ref())
    }

    /// The most entries since the last call.
    pub fn take_peak(&mut self) -> usize {
        std::mem::replace(&mut self.peak, self.live)
    }

    /// Gives a new entry a place; `tick` is that of its use.
    pub fn add(&mut self, entry: Entry<T, V>, tick: u64) -> Arc<Entry<T, V>> {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { entry: None, filed: 0, deadline: NEVER });
            (self.places.len() - 1) as u32
        });
        entry.place.store(u64::from(place), Ordering::Relaxed);
        let entry = Arc::new(entry);
        self.live += 1;
        self.peak = self.peak.max(self.live);
        self.places[place as usize].entry = Some(Arc::clone(&entry));
        self.file(&entry, tick);
        entry
    }

    /// Files an entry whose value is new: it is used last, it has a new deadline and a new weight.
    pub fn file(&mut self, entry: &Entry<T, V>, tick: u64) {
        let number = entry.place.load(Ordering::Relaxed) as u32;
        let place = &mut self.places[number as usize];
        place.filed = tick;
        place.deadline = entry.deadline.load(Ordering::Relaxed);
        self.by_use.push(tick, number);
        if place.deadline != NEVER {
            self.by_deadline.push(place.deadline, number);
        }
        self.bytes += entry.weight();
        self.clean();
    }

    /// Takes note of another weight.
    pub fn reweigh(&mut self, entry: &Entry<T, V>, bytes: u64) {
        self.bytes = self.bytes - entry.bytes.swap(bytes, Ordering::Relaxed) + bytes;
    }

    /// Frees an entry's place.
    pub fn remove(&mut self, entry: &Entry<T, V>) {
        let number = entry.place.load(Ordering::Relaxed) as u32;
        let place = &mut self.places[number as usize];
        if place.entry.take().is_some() {
            place.deadline = NEVER;
            self.free.push(number);
            self.live -= 1;
            self.bytes -= entry.weight();
            self.clean();
        }
    }

    /// The entry with the first deadline, if that has passed.
    pub fn expired(&mut self, now: u64) -> Option<Arc<Entry<T, V>>> {
        loop {
            let (deadline, number) = self.by_deadline.first().filter(|&(deadline, _)| deadline <= now)?;
            let place = &self.places[number as usize];
            if place.deadline == deadline
                && let Some(entry) = &place.entry
            {
                return Some(Arc::clone(entry));
            }
            self.by_deadline.pop();
        }
    }

    /// The entry that leaves next, the one used longest ago: out of the order of use, while its place stays.
    pub fn pop_oldest(&mut self) -> Option<Arc<Entry<T, V>>> {
        loop {
            let (filed, number) = self.by_use.pop()?;
            let place = &mut self.places[number as usize];
            let Some(entry) = place.entry.as_ref().filter(|_| place.filed == filed) else { continue };
            let used = entry.used.load(Ordering::Relaxed);
            if used == filed {
                return Some(Arc::clone(entry));
            }
            // It was used since it was filed.
            place.filed = used;
            self.by_use.push(used, number);
        }
    }

    /// Puts an entry that [`Self::pop_oldest`] gave back.
    fn unpop(&mut self, entry: &Entry<T, V>) {
        let number = entry.place.load(Ordering::Relaxed) as u32;
        self.by_use.push(self.places[number as usize].filed, number);
    }

    /// Which limit `entries` and `bytes` more would pass.
    pub fn exceeded(&self, entries: usize, bytes: u64) -> Option<Cause> {
        if self.live + entries > self.limits.entries {
            Some(Cause::Entries)
        } else if self.bytes + bytes > self.limits.bytes {
            Some(Cause::Memory)
        } else {
            None
        }
    }

    /// Whether a new entry may take the places of those that would have to leave for it: under the policy `TinyLFU`, its key
    /// must have been asked for more often than their keys together.
    pub fn admits(&mut self, key: KeyRef<'_>, bytes: u64, sketch: &FrequencySketch) -> bool {
        let own = sketch.frequency(key.hash());
        let (mut leaving, mut theirs) = (Vec::new(), 0);
        let (mut entries, mut weight) = (0, 0);
        // What is left when those that are taken out have left.
        while theirs < own
            && (self.live + 1 - entries > self.limits.entries || self.bytes + bytes - weight > self.limits.bytes)
        {
            let Some(entry) = self.pop_oldest() else { break };
            theirs += sketch.frequency(entry.key.hash);
            entries += 1;
            weight += entry.weight();
            leaving.push(entry);
        }
        for entry in leaving.iter().rev() {
            self.unpop(entry);
        }
        theirs < own
    }

    /// Drops items that are out of date when they are as many as the others, so that it takes O(1) for each of them.
    fn clean(&mut self) {
        let most = 2 * self.live + SPARE_ITEMS;
        let places = &self.places;
        if self.by_use.len() > most {
            self.by_use.retain(|filed, number| {
                let place = &places[number as usize];
                place.entry.is_some() && place.filed == filed
            });
        }
        if self.by_deadline.len() > most {
            self.by_deadline.retain(|deadline, number| {
                let place = &places[number as usize];
                place.entry.is_some() && place.deadline == deadline
            });
        }
    }

    /// Gives back the memory of places that are free, where most are.
    pub fn shrink(&mut self) {
        if self.places.len() <= 4 * self.live + SPARE_ITEMS {
            return;
        }
        self.by_use = Order::default();
        self.by_deadline = Order::default();
        self.free = Vec::new();
        self.places.retain(|place| place.entry.is_some());
        self.places.sort_unstable_by_key(|place| place.filed);
        self.places.shrink_to_fit();
        for (number, place) in self.places.iter().enumerate() {
            let Some(entry) = &place.entry else { continue };
            entry.place.store(number as u64, Ordering::Relaxed);
            self.by_use.push(place.filed, number as u32);
            if place.deadline != NEVER {
                self.by_deadline.push(place.deadline, number as u32);
            }
        }
    }

    /// Whether the sketch is needed.
    pub fn is_selective(&self) -> bool {
        self.limits.policy == Policy::TinyLfu
    }
}

impl<T, V> Writer<T, V> {
    /// Drops all values, where no lock is held.
    pub fn drop_values(&mut self) {
        for place in &mut self.places {
            if let Some(entry) = place.entry.take() {
                entry.drop_value();
            }
        }
    }
}
