//! Counts that add up.

/// A snapshot. `hits + misses` is the number of look-ups; everything inserted is still there or in exactly one of
/// the evictions, `expirations`, `replacements`, `invalidations`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Look-ups that found a live entry.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Entries put in.
    pub insertions: u64,
    /// Of the misses, those of keys that the entry limit had evicted not long before.
    pub evicted_misses: u64,
    /// Entries that left to keep the entry limit.
    pub evictions_size: u64,
    /// Entries that left to keep the memory limit.
    pub evictions_memory: u64,
    /// Entries that left because the caller shed memory.
    pub evictions_shed: u64,
    /// Entries whose time to live had passed.
    pub expirations: u64,
    /// Entries whose key was put again.
    pub replacements: u64,
    /// Entries that were removed by name or by clearing.
    pub invalidations: u64,
    /// Values that were heavier than the memory limit and not kept.
    pub oversize: u64,
    /// Values that were not kept because their keys were asked for less often than what would have had to go.
    pub rejections: u64,
    /// What hits would have cost to make again.
    pub saved_nanoseconds: u64,
    /// Entries now.
    pub entries: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Statistics {
    /// Entries that left to make room, for whatever cause.
    pub fn evictions(&self) -> u64 {
        self.evictions_size + self.evictions_memory + self.evictions_shed
    }
}
