//! The table of entries by key: `moka`, and before it a first level of what is hot or new.
//!
//! A look-up in `moka` records the read for bounds that are not used here, and putting an entry in and taking it out again
//! makes some ten allocations; each costs more than all else in a hit or a put. So
//!
//! - an entry that is put in comes to the first level only, and to `moka` when it is found for the first time: what nobody asks
//!   for again never gets there;
//! - an entry that is found is in the first level from then on.
//!
//! The first level is bounded. When a part of it is full, some entry leaves it, for `moka` if it was not there.

use std::sync::{Arc, PoisonError};

use hashbrown::HashTable;

use super::entry::{ByKey, CarriedHash, Entry, KeyRef, KeyText};
use crate::sync::{Mutex, MutexGuard};

/// The number of locks: with 64, threads that run at once seldom want the same one.
const SHARDS: usize = 64;

/// Entries of a shard; 65,536 in all, in some 3 MB.
const MOST_OF_A_SHARD: usize = 1024;

/// Every live entry is in the first level, in `moka`, or in both.
pub struct Table<T, V> {
    shards: [Shard<T, V>; SHARDS],
    moka: moka::sync::Cache<ByKey<T, V>, Arc<Entry<T, V>>, CarriedHash>,
}

/// A hash table behind a lock that is held for a few nanoseconds; a cache line of its own, so that the locks of two shards do
/// not contend.
#[repr(align(64))]
struct Shard<T, V>(Mutex<HashTable<Slot<T, V>>>);

/// An entry in the first level, with a copy of its value.
pub struct Slot<T, V> {
    pub entry: Arc<Entry<T, V>>,
    pub value: V,
    /// Whether `moka` has it too.
    pub is_published: bool,
}

impl<T: KeyText, V: Send + Sync + 'static> Table<T, V> {
    /// An empty table; takes memory for entries when there are some.
    pub fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard(Mutex::new(HashTable::new()))),
            moka: moka::sync::Cache::builder().build_with_hasher(CarriedHash::default()),
        }
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, HashTable<Slot<T, V>>> {
        // The hash table itself looks at the lowest and the highest bits.
        let number = (hash >> 40) as usize % SHARDS;
        self.shards[number].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads an entry of the first level while its shard is locked.
    #[inline]
    pub fn find<R>(&self, key: KeyRef<'_>, read: impl FnOnce(&Slot<T, V>) -> Option<R>) -> Option<R> {
        let shard = self.shard(key.hash());
        read(shard.find(key.hash(), |slot| key.is_key_of(&slot.entry.key))?)
    }

    /// Finds an entry that is not in the first level. It may have left the cache.
    pub fn find_in_moka(&self, key: KeyRef<'_>) -> Option<Arc<Entry<T, V>>> {
        // `get` records misses too, which costs more than the look-up.
        if self.moka.contains_key(&key) { self.moka.get(&key) } else { None }
    }

    /// Finds an entry in either level.
    pub fn entry(&self, key: KeyRef<'_>) -> Option<Arc<Entry<T, V>>> {
        self.find(key, |slot| Some(Arc::clone(&slot.entry))).or_else(|| self.find_in_moka(key))
    }

    /// Puts a new entry in; `value` is a copy of its value.
    pub fn add(&self, entry: &Arc<Entry<T, V>>, value: V, left: &mut Vec<V>) {
        let mut shard = self.shard(entry.key.hash);
        entry.content().is_in_first_level = true;
        self.insert(&mut shard, Slot { entry: Arc::clone(entry), value, is_published: false }, left);
    }

    /// Brings an entry that was found to the levels where it is not, unless it has left the cache; gives what `read` makes of
    /// its value. A value that leaves the first level is pushed to `left`.
    pub fn promote<R>(
        &self,
        entry: &Arc<Entry<T, V>>,
        copy: impl FnOnce(&V) -> V,
        read: impl FnOnce(&V) -> R,
        left: &mut Vec<V>,
    ) -> Option<R> {
        let mut shard = self.shard(entry.key.hash);
        let mut content = entry.content();
        let value = content.value.as_ref()?;
        let result = read(value);
        let value = (!content.is_in_first_level).then(|| copy(value));
        content.is_in_first_level = true;
        if !std::mem::replace(&mut content.is_published, true) {
            self.moka.insert(ByKey::new(Arc::clone(entry)), Arc::clone(entry));
            if let Some(slot) = shard.find_mut(entry.key.hash, |slot| Arc::ptr_eq(&slot.entry, entry)) {
                slot.is_published = true;
            }
        }
        drop(content);
        if let Some(value) = value {
            self.insert(&mut shard, Slot { entry: Arc::clone(entry), value, is_published: true }, left);
        }
        Some(result)
    }

    fn insert(&self, shard: &mut HashTable<Slot<T, V>>, slot: Slot<T, V>, left: &mut Vec<V>) {
        if shard.len() >= MOST_OF_A_SHARD {
            self.drop_one(shard, left);
        }
        shard.insert_unique(slot.entry.key.hash, slot, |slot| slot.entry.key.hash);
    }

    /// Takes an entry out of the first level: whichever comes first, which is as good as any where all are hot.
    #[cold]
    fn drop_one(&self, shard: &mut HashTable<Slot<T, V>>, left: &mut Vec<V>) {
        let Some(entry) = shard.iter().next().map(|slot| Arc::clone(&slot.entry)) else { return };
        let mut content = entry.content();
        content.is_in_first_level = false;
        if content.value.is_some() && !std::mem::replace(&mut content.is_published, true) {
            self.moka.insert(ByKey::new(Arc::clone(&entry)), Arc::clone(&entry));
        }
        drop(content);
        take_slot(shard, &entry, left);
    }

    /// Puts another value into an entry. The value that was there is pushed to `left`.
    pub fn replace(&self, entry: &Arc<Entry<T, V>>, value: V, copy: impl FnOnce(&V) -> V, left: &mut Vec<V>) {
        let mut shard = self.shard(entry.key.hash);
        let mut content = entry.content();
        if let Some(slot) = shard.find_mut(entry.key.hash, |slot| Arc::ptr_eq(&slot.entry, entry)) {
            left.push(std::mem::replace(&mut slot.value, copy(&value)));
        }
        left.extend(content.value.replace(value));
    }

    /// Takes an entry out of both levels, and its value out of the entry. Values are pushed to `left`.
    pub fn remove(&self, entry: &Arc<Entry<T, V>>, left: &mut Vec<V>) {
        let mut shard = self.shard(entry.key.hash);
        let mut content = entry.content();
        left.extend(content.value.take());
        let is_published = content.is_published;
        if std::mem::replace(&mut content.is_in_first_level, false) {
            drop(content);
            take_slot(&mut shard, entry, left);
            let len = shard.len();
            if shard.capacity() > 64 + 8 * len {
                shard.shrink_to(2 * len, |slot| slot.entry.key.hash);
            }
        }
        drop(shard);
        // Not before it has no value any more: nobody brings it back from then on.
        if is_published {
            self.moka.invalidate(&entry.key.as_ref());
        }
    }

    /// Frees what `moka` holds of entries that have left.
    pub fn clean(&self) {
        self.moka.run_pending_tasks();
    }
}

fn take_slot<T, V>(shard: &mut HashTable<Slot<T, V>>, entry: &Arc<Entry<T, V>>, left: &mut Vec<V>)
where
    T: KeyText,
{
    if let Ok(found) = shard.find_entry(entry.key.hash, |slot| Arc::ptr_eq(&slot.entry, entry)) {
        left.push(found.remove().0.value);
    }
}
