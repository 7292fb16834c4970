//! What the table of keys holds of a partition.

/// Keys of fewer bytes are kept in the table of keys whole.
const SHORT_KEY: usize = 16;

/// A partition's key among the others: the bytes of a short one with their number behind them, so that partitions are found without a
/// look at them; the first bytes of a long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyWord([u8; SHORT_KEY]);

impl KeyWord {
    #[inline]
    pub fn of(key: &[u8]) -> Self {
        let mut bytes = [0; SHORT_KEY];
        let count = key.len().min(SHORT_KEY - 1);
        bytes[..count].copy_from_slice(&key[..count]);
        bytes[SHORT_KEY - 1] = key.len().min(SHORT_KEY) as u8;
        Self(bytes)
    }

    /// Whether it is all of the key.
    #[inline]
    pub fn is_whole(self) -> bool {
        usize::from(self.0[SHORT_KEY - 1]) < SHORT_KEY
    }

    /// The bytes as a number, to hash.
    #[inline]
    pub fn number(self) -> u128 {
        u128::from_le_bytes(self.0)
    }
}

/// A partition's place, and its key.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyEntry {
    pub word: KeyWord,
    pub place: u32,
}

/// Bytes of a partition in the table of keys, with the room that the table has.
pub(super) const BYTES_OF_ENTRY: usize = 2 * size_of::<KeyEntry>();
