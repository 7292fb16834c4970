//! What stands in the cache.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A key: a text in a name space, so that texts of different kinds never collide.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// The name space.
    pub space: u8,
    /// Any text.
    pub text: Box<str>,
}

/// A key that borrows its text, for look-ups.
#[derive(Debug, Clone, Copy)]
pub struct KeyRef<'a> {
    /// The name space.
    pub space: u8,
    /// Any text.
    pub text: &'a str,
}

impl Key {
    /// The same key, borrowed.
    pub fn as_ref(&self) -> KeyRef<'_> {
        KeyRef { space: self.space, text: &self.text }
    }
}

impl KeyRef<'_> {
    /// The same key, owned.
    pub fn to_key(self) -> Key {
        Key { space: self.space, text: self.text.into() }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
        state.write_u8(self.space);
    }
}

impl equivalent::Equivalent<std::sync::Arc<Key>> for KeyRef<'_> {
    fn equivalent(&self, key: &std::sync::Arc<Key>) -> bool {
        self.text == &*key.text && self.space == key.space
    }
}

/// What time it is, in nanoseconds from some origin.
#[derive(Debug)]
pub enum Clock {
    /// The system's monotonic clock.
    System(Instant),
    /// A clock that a test moves.
    Manual(AtomicU64),
}

impl Clock {
    /// The monotonic clock, from now on.
    pub fn system() -> Self {
        Self::System(Instant::now())
    }

    /// Nanoseconds since the origin.
    pub fn now(&self) -> u64 {
        match self {
            Self::System(origin) => origin.elapsed().as_nanos() as u64,
            Self::Manual(nanoseconds) => nanoseconds.load(Ordering::Relaxed),
        }
    }

    /// Moves a manual clock on; does nothing to the system's.
    pub fn advance(&self, nanoseconds: u64) {
        if let Self::Manual(now) = self {
            now.fetch_add(nanoseconds, Ordering::Relaxed);
        }
    }
}

/// One cached thing.
pub struct Entry<V> {
    /// The key under which the table has it.
    pub key: std::sync::Arc<Key>,
    /// Taken out when the entry leaves, so that the value is dropped where the caller wants it and not inside of
    /// the table.
    pub value: Mutex<Option<V>>,
    /// Changed only by the writer.
    pub bytes: AtomicU64,
    /// What making the value cost.
    pub cost_nanoseconds: u64,
    /// The tick at which it was put in.
    pub inserted: u64,
    /// The time at which it was put in.
    pub born: u64,
    /// `u64::MAX`: never.
    pub deadline: u64,
    /// The tick of the last use; unique among entries.
    pub used: AtomicU64,
    /// The tick under which the writer has filed it.
    pub filed: AtomicU64,
    /// Look-ups that found it.
    pub hits: AtomicU64,
}

impl<V> Entry<V> {
    /// Whether it has left the table, and its value with it.
    pub fn has_left(&self) -> bool {
        self.value.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}
