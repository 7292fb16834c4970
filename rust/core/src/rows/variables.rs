//! Sets of primary variables.

/// A set of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct VariableSet(pub(super) [u64; 4]);

impl VariableSet {
    /// No variable.
    pub const NONE: Self = Self([0; 4]);

    /// All that there can be.
    pub const ALL: Self = Self([u64::MAX; 4]);

    /// The set of one variable.
    pub fn of(variable: u8) -> Self {
        let mut set = Self::default();
        set.insert(variable);
        set
    }

    /// How many bytes a set has.
    pub const BYTES: usize = 32;

    /// The set as bytes.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The set that [`Self::to_bytes`] gave.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self(words)
    }

    /// The set of those of the first eight variables whose bits are set.
    pub(crate) fn of_bits(bits: u8) -> Self {
        Self([u64::from(bits), 0, 0, 0])
    }

    /// Which of the first eight variables are in it, as bits.
    pub(crate) fn first_bits(self) -> u8 {
        self.0[0] as u8
    }

    /// Adds a variable.
    pub fn insert(&mut self, variable: u8) {
        self.0[usize::from(variable >> 6)] |= 1 << (variable & 63);
    }

    /// Those that are not in another set.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        let mut words = self.0;
        words.iter_mut().zip(others.0).for_each(|(word, others)| *word &= !others);
        Self(words)
    }

    /// And those of another set.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        let mut words = self.0;
        words.iter_mut().zip(others.0).for_each(|(word, others)| *word |= others);
        Self(words)
    }

    /// Whether all of them are in another set.
    pub fn is_within(self, others: Self) -> bool {
        self.without(others) == Self::default()
    }

    /// Whether the variable is in the set.
    pub fn contains(&self, variable: u8) -> bool {
        self.0[usize::from(variable >> 6)] >> (variable & 63) & 1 == 1
    }
}

impl FromIterator<u8> for VariableSet {
    fn from_iter<I: IntoIterator<Item = u8>>(variables: I) -> Self {
        let mut set = Self::default();
        variables.into_iter().for_each(|variable| set.insert(variable));
        set
    }
}
