//! What stands in the cache.

use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::PoisonError;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// The text of a key, owned: a `Box<str>`, say.
pub trait KeyText: Deref<Target = str> + Send + Sync + 'static {}

impl<T: Deref<Target = str> + Send + Sync + 'static> KeyText for T {}

/// A key: a text in a name space, so that texts of different kinds never collide.
///
/// What a comparison reads stands first.
#[derive(Debug)]
#[repr(C)]
pub struct Key<T> {
    /// Any text.
    pub text: T,
    /// The hash of space and text.
    pub hash: u64,
    /// The name space.
    pub space: u8,
}

/// A key that borrows its text, for look-ups.
#[derive(Debug, Clone, Copy)]
pub struct KeyRef<'a> {
    hash: u64,
    space: u8,
    text: &'a str,
}

impl<'a> KeyRef<'a> {
    /// A key, hashed.
    pub fn new(space: u8, text: &'a str) -> Self {
        Self::with_text_hash(space, text, foldhash::fast::FixedState::with_seed(0).hash_one(text))
    }

    /// A key whose text was hashed before. All keys of one cache must get the hashes of their texts from one function.
    #[inline]
    pub fn with_text_hash(space: u8, text: &'a str, text_hash: u64) -> Self {
        // Equal texts of different spaces shall not meet in one bucket.
        let hash = text_hash ^ u64::from(space).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { hash, space, text }
    }

    /// The hash of space and text.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The same key, owned; `text` is an owned copy of its text.
    pub fn with_text<T: KeyText>(&self, text: T) -> Key<T> {
        debug_assert_eq!(&*text, self.text);
        Key { text, hash: self.hash, space: self.space }
    }

    /// The name space.
    pub fn space(&self) -> u8 {
        self.space
    }

    /// The text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Whether it is the key of an entry. A text that is the same object is not compared.
    #[inline]
    pub fn is_key_of<T: KeyText>(&self, key: &Key<T>) -> bool {
        let text = &*key.text;
        // Where the text and the hash are the same, the space is, as the hash of a text differs from space to space.
        self.hash == key.hash && (std::ptr::eq(self.text, text) || self.text == text)
    }
}

impl<T: KeyText> Key<T> {
    /// The same key, borrowed.
    pub fn as_ref(&self) -> KeyRef<'_> {
        KeyRef { hash: self.hash, space: self.space, text: &self.text }
    }
}

/// One cached thing. Only the writer changes what is in it, but for `used` and `hits`.
///
/// A hit reads and writes the fields that stand first, up to the key's text.
#[repr(C)]
pub struct Entry<T, V> {
    /// The tick of the last use; unique among entries.
    pub used: AtomicU64,
    /// Look-ups that found it.
    pub hits: AtomicU64,
    /// [`super::NEVER`] for entries that do not expire.
    pub deadline: AtomicU64,
    /// What making the value cost.
    pub cost_nanoseconds: AtomicU64,
    /// The key under which the table has it.
    pub key: Key<T>,
    /// Its place with the writer.
    pub place: AtomicU64,
    /// The tick at which its value was put in.
    pub inserted: AtomicU64,
    /// The time at which its value was put in.
    pub born: AtomicU64,
    /// What it weighs, with what the cache itself needs for it.
    pub bytes: AtomicU64,
    content: Mutex<Content<V>>,
}

/// What leaves an entry when the entry leaves the cache.
pub struct Content<V> {
    /// Taken out when the entry leaves, so that the value is dropped where the caller wants it and not inside of the table.
    pub value: Option<V>,
    /// Whether the table's first level has a copy of the value.
    pub is_in_first_level: bool,
    /// Whether `moka` has the entry.
    pub is_published: bool,
}

impl<T, V> Entry<T, V> {
    /// Drops the value.
    pub fn drop_value(&self) {
        let value = self.content.lock().unwrap_or_else(PoisonError::into_inner).value.take();
        drop(value);
    }
}

impl<T: KeyText, V> Entry<T, V> {
    /// An entry that is nowhere yet.
    pub fn new(key: Key<T>, value: V) -> Self {
        Self {
            used: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            deadline: AtomicU64::new(super::NEVER),
            cost_nanoseconds: AtomicU64::new(0),
            key,
            place: AtomicU64::new(0),
            inserted: AtomicU64::new(0),
            born: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            content: Mutex::new(Content { value: Some(value), is_in_first_level: false, is_published: false }),
        }
    }

    /// The value; where a lock of the table's first level is taken too, that one comes first.
    pub fn content(&self) -> MutexGuard<'_, Content<V>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies the value, or gives None when the entry has left.
    pub fn read<R>(&self, read: impl FnOnce(&V) -> R) -> Option<R> {
        self.content().value.as_ref().map(read)
    }

    /// Its weight.
    pub fn weight(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// An entry as the table's key, so that the key's text is held once. The hash stands here too: the table asks for it when it
/// grows and when it passes other keys, and need not read the entry for that.
pub struct ByKey<T, V> {
    hash: u64,
    entry: Arc<Entry<T, V>>,
}

impl<T: KeyText, V> ByKey<T, V> {
    /// The key of an entry.
    pub fn new(entry: Arc<Entry<T, V>>) -> Self {
        Self { hash: entry.key.hash, entry }
    }
}

impl<T: KeyText, V> PartialEq for ByKey<T, V> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.entry.key.as_ref().is_key_of(&other.entry.key)
    }
}

impl<T: KeyText, V> Eq for ByKey<T, V> {}

impl<T: KeyText, V> Hash for ByKey<T, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<T: KeyText, V> equivalent::Equivalent<ByKey<T, V>> for KeyRef<'_> {
    fn equivalent(&self, key: &ByKey<T, V>) -> bool {
        self.hash == key.hash && self.is_key_of(&key.entry.key)
    }
}

/// Takes the hash that a key carries.
#[derive(Clone, Default)]
pub struct CarriedHash(u64);

impl BuildHasher for CarriedHash {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl Hasher for CarriedHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
