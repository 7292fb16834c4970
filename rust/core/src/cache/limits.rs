//! What the cache keeps to.

use std::time::Duration;

/// Limits, and which entries stay within them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most entries.
    pub entries: usize,
    /// The most bytes.
    pub bytes: u64,
    /// How long entries live after they were inserted; `None` is for ever. A change applies to entries inserted later.
    pub time_to_live: Option<Duration>,
    /// Which entries stay when there are too many.
    pub policy: Policy,
}

/// Which entries stay when there are too many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Those used most recently. What is put in is there afterwards.
    #[default]
    Lru,
    /// `TinyLFU`: the entry used longest ago makes room only for a key that was asked for more often than it lately.
    TinyLfu,
}

impl Policy {
    /// The policy of a name, as settings write it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "lru" => Some(Self::Lru),
            "tinylfu" => Some(Self::TinyLfu),
            _ => None,
        }
    }

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::TinyLfu => "tinylfu",
        }
    }
}
