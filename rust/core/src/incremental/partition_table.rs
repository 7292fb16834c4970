//! Partitions by their keys.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::key_entry::{KeyEntry, KeyWord};
use super::partition::OpenPartition;

/// Fewer places are not given back.
const LEAST_PLACES: usize = 1 << 10;

/// The partitions of which something is kept, each at a place; a place that is free is used again.
#[derive(Debug, Default)]
pub(super) struct PartitionTable {
    places: Vec<Option<Box<OpenPartition>>>,
    free: Vec<u32>,
    by_key: HashTable<KeyEntry>,
    hasher: foldhash::fast::RandomState,
}

/// The hash of a key.
#[inline]
fn hash_of(hasher: &foldhash::fast::RandomState, word: KeyWord, key: &[u8]) -> u64 {
    if word.is_whole() { hasher.hash_one(word.number()) } else { hasher.hash_one(key) }
}

/// Whether an entry is of a key, which begins as `word` says.
#[inline]
fn is_of(entry: &KeyEntry, word: KeyWord, places: &[Option<Box<OpenPartition>>], key: &[u8]) -> bool {
    entry.word == word && (word.is_whole() || key_at(places, entry.place) == key)
}

fn key_at(places: &[Option<Box<OpenPartition>>], place: u32) -> &[u8] {
    places.get(place as usize).and_then(Option::as_deref).map_or(&[], |partition| &partition.key)
}

impl PartitionTable {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    pub fn get(&self, place: u32) -> Option<&OpenPartition> {
        self.places.get(place as usize)?.as_deref()
    }

    pub fn get_mut(&mut self, place: u32) -> Option<&mut OpenPartition> {
        self.places.get_mut(place as usize)?.as_deref_mut()
    }

    /// All, each with its place.
    pub fn all(&self) -> impl Iterator<Item = (u32, &OpenPartition)> {
        (0..).zip(&self.places).filter_map(|(place, partition)| Some((place, partition.as_deref()?)))
    }

    /// All, to be changed.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut OpenPartition> {
        self.places.iter_mut().filter_map(Option::as_deref_mut)
    }

    /// Takes a partition out, to be put back at the same place.
    pub fn take(&mut self, place: u32) -> Option<Box<OpenPartition>> {
        self.places.get_mut(place as usize)?.take()
    }

    /// Puts one back that was taken out.
    pub fn put_back(&mut self, place: u32, partition: Box<OpenPartition>) {
        if let Some(own) = self.places.get_mut(place as usize) {
            *own = Some(partition);
        }
    }

    /// The place of the partition with these keys.
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let word = KeyWord::of(key);
        let found = self.by_key.find(hash_of(&self.hasher, word, key), |entry| is_of(entry, word, &self.places, key));
        found.map(|entry| entry.place)
    }

    /// Adds a partition; there is none with its keys.
    pub fn add(&mut self, partition: OpenPartition) -> u32 {
        let word = KeyWord::of(&partition.key);
        let hash = hash_of(&self.hasher, word, &partition.key);
        let partition = Some(Box::new(partition));
        let place = if let Some(place) = self.free.pop() {
            self.places[place as usize] = partition;
            place
        } else {
            self.places.push(partition);
            self.places.len() as u32 - 1
        };
        let Self { places, by_key, hasher, .. } = self;
        by_key.insert_unique(hash, KeyEntry { word, place }, |entry| {
            hash_of(hasher, entry.word, key_at(places, entry.place))
        });
        place
    }

    /// Adds a partition with the keys of another, which is not found by them any more.
    pub fn add_behind(&mut self, partition: OpenPartition) -> u32 {
        let (key, word) = (&*partition.key, KeyWord::of(&partition.key));
        let hash = hash_of(&self.hasher, word, key);
        if let Ok(entry) = self.by_key.find_entry(hash, |entry| is_of(entry, word, &self.places, key)) {
            entry.remove();
        }
        self.add(partition)
    }

    /// Finds a partition by its keys again, and not the one that was added behind it.
    pub fn find_again(&mut self, place: u32) {
        let Self { places, by_key, hasher, .. } = self;
        let key = key_at(places, place);
        let word = KeyWord::of(key);
        if let Some(found) = by_key.find_mut(hash_of(hasher, word, key), |entry| is_of(entry, word, places, key)) {
            found.place = place;
        }
    }

    /// Removes a partition.
    pub fn remove(&mut self, place: u32) {
        let Some(key) = self.get(place).map(|partition| &*partition.key) else { return };
        let hash = hash_of(&self.hasher, KeyWord::of(key), key);
        if let Ok(entry) = self.by_key.find_entry(hash, |entry| entry.place == place) {
            entry.remove();
        }
        self.places[place as usize] = None;
        self.free.push(place);
    }

    /// Gives memory back, where few of the places are used.
    pub fn shrink(&mut self) {
        if self.places.len() < LEAST_PLACES || self.len() > self.places.len() / 8 {
            return;
        }
        while self.places.last().is_some_and(Option::is_none) {
            self.places.pop();
        }
        let count = self.places.len();
        self.free.retain(|&place| (place as usize) < count);
        self.places.shrink_to(2 * count);
        self.free.shrink_to(2 * count);
        let Self { places, by_key, hasher, .. } = self;
        by_key.shrink_to(2 * by_key.len(), |entry| hash_of(hasher, entry.word, key_at(places, entry.place)));
    }
}
