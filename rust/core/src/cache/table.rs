//! The table of entries by key: `moka`, and before it a first level of what is hot or new.
//!
//! A look-up in `moka` records the read for bounds that are not used here, and putting an entry in and taking it out again
//! makes some ten allocations; each costs more than all else in a hit or a put. So
//!
//! - an entry that is put in comes to the first level only, and to `moka` when it is found for the first time: what nobody asks
//!   for again never gets there;
//! - an entry that is found is in the first level from then on.
//!
//! The first level is bounded. When a part of it is full, an entry leaves it, for `moka` if it was not there; rather one that
//! nobody has found yet.

use std::sync::{Arc, PoisonError};

use hashbrown::HashTable;

use super::entry::{ByKey, CarriedHash, Entry, KeyRef, KeyText};
use crate::sync::{Mutex, MutexGuard};

/// The number of locks: with 64, threads that run at once seldom want the same one.
const SHARDS: usize = 64;

/// Entries of a shard; 65,536 in all, in some 5 MB.
const MOST_OF_A_SHARD: usize = 1024;

/// Entries that are looked at for one that nobody has found, when one has to leave a shard.
const LOOKS_FOR_A_VICTIM: usize = 8;

/// Every live entry is in the first level, in `moka`, or in both.
pub struct Table<T, V> {
    shards: [Shard<T, V>; SHARDS],
    moka: moka::sync::Cache<ByKey<T, V>, Arc<Entry<T, V>>, CarriedHash>,
}

/// A hash table behind a lock that is held for a few nanoseconds; a cache line of its own, so that the locks of two shards do
/// not contend.
#[repr(align(64))]
struct Shard<T, V>(Mutex<Slots<T, V>>);

/// The entries of a shard.
struct Slots<T, V> {
    table: HashTable<Slot<T, V>>,
    /// The bucket of the entry that left last: the next one is looked for behind it, so that all have the same time to be
    /// found in. (Those in the first buckets would always leave at once if each search began there.)
    hand: usize,
}

/// An entry in the first level, with a copy of its value, and of its key as much as tells most keys apart: a hit reads the
/// entry's first fields only. It takes 32 bytes, as where many keys are asked for in turn what counts is how many cache lines
/// they take together.
#[repr(align(32))]
pub struct Slot<T, V> {
    pub entry: Arc<Entry<T, V>>,
    pub value: V,
    /// Where the key's text begins.
    address: usize,
    /// The lower half of the key's hash, in which the hashes of a text in two spaces differ.
    tag: u32,
    /// Bytes of the key's text; the greatest number stands for more.
    length: u16,
    /// Whether `moka` has it too.
    pub is_published: bool,
}

impl<T: KeyText, V> Slot<T, V> {
    fn new(entry: &Arc<Entry<T, V>>, value: V, is_published: bool) -> Self {
        let (address, length) = identity(&entry.key.text);
        Self { entry: Arc::clone(entry), value, address, tag: entry.key.hash as u32, length, is_published }
    }

    /// Whether it has this key. A text that is the same object is not compared, nor read.
    #[inline]
    fn has_key(&self, key: KeyRef<'_>) -> bool {
        let (address, length) = identity(key.text());
        let is_same_object = (address, length) == (self.address, self.length) && length < u16::MAX;
        self.tag == key.hash() as u32 && (is_same_object || *self.entry.key.text == *key.text())
    }
}

/// Tells whether two texts of less than 64 KiB are one object.
fn identity(text: &str) -> (usize, u16) {
    (text.as_ptr().addr(), u16::try_from(text.len()).unwrap_or(u16::MAX))
}

impl<T: KeyText, V: Send + Sync + 'static> Table<T, V> {
    /// An empty table; takes memory for entries when there are some.
    pub fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard(Mutex::new(Slots { table: HashTable::new(), hand: 0 }))),
            moka: moka::sync::Cache::builder().build_with_hasher(CarriedHash::default()),
        }
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Slots<T, V>> {
        // The hash table itself looks at the lowest and the highest bits.
        let number = (hash >> 40) as usize % SHARDS;
        self.shards[number].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads an entry of the first level while its shard is locked.
    #[inline]
    pub fn find<R>(&self, key: KeyRef<'_>, read: impl FnOnce(&Slot<T, V>) -> Option<R>) -> Option<R> {
        let shard = self.shard(key.hash());
        read(shard.table.find(key.hash(), |slot| slot.has_key(key))?)
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
        self.insert(&mut shard, Slot::new(entry, value, false), left);
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
            if let Some(slot) = shard.table.find_mut(entry.key.hash, |slot| Arc::ptr_eq(&slot.entry, entry)) {
                slot.is_published = true;
            }
        }
        drop(content);
        if let Some(value) = value {
            self.insert(&mut shard, Slot::new(entry, value, true), left);
        }
        Some(result)
    }

    fn insert(&self, shard: &mut Slots<T, V>, slot: Slot<T, V>, left: &mut Vec<V>) {
        if shard.table.len() >= MOST_OF_A_SHARD {
            self.drop_one(shard, left);
        }
        shard.table.insert_unique(slot.entry.key.hash, slot, |slot| slot.entry.key.hash);
    }

    /// Takes an entry out of the first level.
    #[cold]
    fn drop_one(&self, shard: &mut Slots<T, V>, left: &mut Vec<V>) {
        let Some(entry) = shard.victim().map(|slot| Arc::clone(&slot.entry)) else { return };
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
        if let Some(slot) = shard.table.find_mut(entry.key.hash, |slot| Arc::ptr_eq(&slot.entry, entry)) {
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
            let len = shard.table.len();
            if shard.table.capacity() > 64 + 8 * len {
                shard.table.shrink_to(2 * len, |slot| slot.entry.key.hash);
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

impl<T, V> Slots<T, V> {
    /// The entry that is to leave: of the next few, one that nobody has found, or the last of them.
    fn victim(&mut self) -> Option<&Slot<T, V>> {
        let buckets = self.table.num_buckets();
        let (mut found, mut looked) = (None, 0);
        for step in 1..=buckets {
            let bucket = (self.hand + step) % buckets;
            let Some(slot) = self.table.get_bucket(bucket) else { continue };
            found = Some(bucket);
            looked += 1;
            if !slot.is_published || looked == LOOKS_FOR_A_VICTIM {
                break;
            }
        }
        self.hand = found?;
        self.table.get_bucket(self.hand)
    }
}

fn take_slot<T, V>(shard: &mut Slots<T, V>, entry: &Arc<Entry<T, V>>, left: &mut Vec<V>)
where
    T: KeyText,
{
    if let Ok(found) = shard.table.find_entry(entry.key.hash, |slot| Arc::ptr_eq(&slot.entry, entry)) {
        left.push(found.remove().0.value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Key;
    use super::*;

    fn key(number: usize) -> Key<Box<str>> {
        let text = format!("pattern {number}");
        KeyRef::new(0, &text).with_text(text.as_str().into())
    }

    /// Asks for entries as the cache does; gives how many of them were not in the first level.
    fn ask(table: &Table<Box<str>, usize>, keys: &[Key<Box<str>>]) -> usize {
        let mut further = 0;
        for key in keys {
            if table.find(key.as_ref(), |slot| slot.is_published.then_some(())).is_none() {
                let entry = table.entry(key.as_ref()).expect("it was put in");
                table.promote(&entry, |value| *value, |value| *value, &mut Vec::new());
                further += 1;
            }
        }
        further
    }

    /// What is asked for again and again comes to the first level and stays there, however many entries nobody asks for.
    #[test]
    fn the_first_level_keeps_what_is_asked_for() {
        let table = Table::new();
        for number in 0..3 * SHARDS * MOST_OF_A_SHARD {
            table.add(&Arc::new(Entry::new(key(number), number)), number, &mut Vec::new());
        }
        let asked: Vec<_> = (0..3 * SHARDS * MOST_OF_A_SHARD).step_by(199).map(key).collect();
        assert!(ask(&table, &asked) > 0);
        for round in 0..3 {
            assert_eq!(ask(&table, &asked), 0, "round {round}");
            // Others come meanwhile.
            for number in 0..100 {
                let number = 1_000_000 * (round + 1) + number;
                table.add(&Arc::new(Entry::new(key(number), number)), number, &mut Vec::new());
            }
        }
    }
}
