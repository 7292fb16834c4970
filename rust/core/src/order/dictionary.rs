//! Different texts, numbered in the order in which they are seen.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::budget::{Budget, Stopped};
use crate::memory::OutOfMemory;

pub type Hasher = foldhash::fast::RandomState;

/// Texts of no more bytes are compared as numbers.
pub const MOST_SHORT_BYTES: usize = 15;

/// A short text as a number of its own, zeros behind it and its length last.
pub type Short = (u64, u64);

/// What stands for longer texts, which no short one is.
pub const LONG: Short = (0, u64::MAX);

/// Different texts, numbered in the order in which they were seen.
pub struct Dictionary<'a> {
    /// Short texts stand in their table, so that looking one up reads memory in one place.
    short: HashTable<(Short, u32)>,
    long: HashTable<u32>,
    texts: Vec<(u64, &'a [u8])>,
}

impl<'a> Dictionary<'a> {
    pub fn new() -> Self {
        Self { short: HashTable::new(), long: HashTable::new(), texts: Vec::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// The texts by number, each with its hash.
    pub fn texts(&self) -> &[(u64, &'a [u8])] {
        &self.texts
    }

    /// The number of a text; that behind all others where it was not seen before.
    #[inline]
    pub fn number(&mut self, hasher: &Hasher, text: &'a [u8], budget: &Budget) -> Result<u32, Stopped> {
        if text.len() <= MOST_SHORT_BYTES {
            let key = short(text);
            let hash = hasher.hash_one(key);
            match self.short.find(hash, |(known, _)| *known == key) {
                Some((_, number)) => Ok(*number),
                None => self.add_short(hasher, hash, key, text, budget),
            }
        } else {
            let hash = hasher.hash_one(text);
            let Self { long, texts, .. } = self;
            let is_same = |&number: &u32| texts.get(number as usize) == Some(&(hash, text));
            match long.find(hash, is_same) {
                Some(number) => Ok(*number),
                None => self.add_long(hash, text, budget),
            }
        }
    }

    #[cold]
    fn add_short(
        &mut self,
        hasher: &Hasher,
        hash: u64,
        key: Short,
        text: &'a [u8],
        budget: &Budget,
    ) -> Result<u32, Stopped> {
        let hash_of = |(key, _): &(Short, u32)| hasher.hash_one(key);
        make_room(&mut self.short, hash_of, budget)?;
        let number = self.texts.len() as u32;
        budget.reserve(&mut self.texts, 1)?;
        self.texts.push((hash, text));
        self.short.insert_unique(hash, (key, number), hash_of);
        Ok(number)
    }

    #[cold]
    fn add_long(&mut self, hash: u64, text: &'a [u8], budget: &Budget) -> Result<u32, Stopped> {
        let number = self.texts.len() as u32;
        budget.reserve(&mut self.texts, 1)?;
        self.texts.push((hash, text));
        let texts = &self.texts;
        let hash_of = |&number: &u32| texts.get(number as usize).map_or(0, |&(hash, _)| hash);
        make_room(&mut self.long, hash_of, budget)?;
        self.long.insert_unique(hash, number, hash_of);
        Ok(number)
    }

    /// Takes back what was charged for it.
    pub fn release(self, budget: &Budget) {
        budget.release_vector(&self.texts);
        budget.release(self.short.capacity() * size_of::<(Short, u32)>());
        budget.release(self.long.capacity() * size_of::<u32>());
    }
}

/// Makes room for one more, at least doubling the table when there is none.
fn make_room<T>(table: &mut HashTable<T>, hash_of: impl Fn(&T) -> u64, budget: &Budget) -> Result<(), Stopped> {
    if table.len() < table.capacity() {
        return Ok(());
    }
    let more = table.len().max(64);
    // At most half of a table that has grown is free, and its places are a power of two.
    let bytes = more.saturating_mul(3 * (size_of::<T>() + 1));
    budget.charge(bytes)?;
    table.try_reserve(more, hash_of).map_err(|_| budget.stop(OutOfMemory { bytes }.into()))?;
    Ok(())
}

/// A text of at most [`MOST_SHORT_BYTES`] bytes as a number.
#[inline]
pub fn short(text: &[u8]) -> Short {
    const WORD: usize = size_of::<u64>();
    let rest = match text.last_chunk::<WORD>() {
        // The last eight bytes, without those that are among the first.
        Some(last) => u64::from_be_bytes(*last).checked_shl(8 * (2 * WORD - text.len()) as u32).unwrap_or(0),
        None => 0,
    };
    (first_bytes(text), rest | text.len() as u64)
}

/// As [`short`], of the first bytes of sixteen: so many, at most [`MOST_SHORT_BYTES`], which others follow.
#[inline]
pub fn short_of(bytes: &[u8; 16], length: usize) -> Short {
    let both = u128::from_be_bytes(*bytes);
    // Without a branch, which no processor foresees where lengths differ.
    let kept = both & !u128::MAX.checked_shr(8 * length as u32).unwrap_or(0);
    ((kept >> u64::BITS) as u64, kept as u64 | length as u64)
}

/// The first eight bytes as a number, zeros behind shorter texts.
#[inline]
pub fn first_bytes(text: &[u8]) -> u64 {
    const WORD: usize = size_of::<u64>();
    if let Some(bytes) = text.first_chunk() {
        return u64::from_be_bytes(*bytes);
    }
    // What two reads have in common is the same in both. A loop over bytes would wait for the text's length.
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let (first, last) = (u64::from(u32::from_be_bytes(*first)), u64::from(u32::from_be_bytes(*last)));
        return first << u32::BITS | last << (8 * (WORD - text.len()));
    }
    let byte = |at: usize| text.get(at).map_or(0, |&byte| u64::from(byte) << (8 * (WORD - 1 - at)));
    byte(0) | byte(1) | byte(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_numbers_of_their_own_in_their_order() {
        let mut texts: Vec<Vec<u8>> = vec![Vec::new()];
        for length in 1..=MOST_SHORT_BYTES {
            for byte in [0, 1, b'a', 255] {
                let mut text = b"common beginning"[..length].to_vec();
                text[length - 1] = byte;
                texts.push(text);
            }
        }
        texts.sort();
        texts.dedup();
        let numbers: Vec<_> = texts.iter().map(|text| short(text)).collect();
        for (text, &number) in texts.iter().zip(&numbers) {
            let mut bytes = [b'?'; 16];
            bytes[..text.len()].copy_from_slice(text);
            assert_eq!(short_of(&bytes, text.len()), number, "{text:?}");
            assert_ne!(number, LONG);
        }
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
}
