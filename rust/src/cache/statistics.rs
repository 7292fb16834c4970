//! Counts that add up.

/// A snapshot. `hits + misses` is the number of look-ups; everything inserted is still there or in exactly one of
/// `evictions`, `expirations`, `replacements`, `invalidations`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Look-ups that found a live entry.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Entries put in.
    pub insertions: u64,
    /// Entries that left to keep a limit.
    pub evictions: u64,
    /// Entries whose time to live had passed.
    pub expirations: u64,
    /// Entries whose key was put again.
    pub replacements: u64,
    /// Entries that were removed by name or by clearing.
    pub invalidations: u64,
    /// Values that were heavier than the memory limit and not kept.
    pub oversize: u64,
    /// What hits would have cost to make again.
    pub saved_nanoseconds: u64,
    /// Entries now.
    pub entries: usize,
    /// Their bytes.
    pub bytes: u64,
}
