//! The table of the transducer: what the forward pass does at a row, by the state before it and the row's set.

/// An item: the next state, the row's variable, and what happens.
pub const STATE: u32 = 0xFFFF;
pub const VARIABLE_SHIFT: u32 = 16;
pub const IN_MATCH: u32 = 1 << 24;
pub const BEGINS: u32 = 1 << 25;
pub const ENDS: u32 = 1 << 26;
pub const EMPTY: u32 = 1 << 27;
/// The row stands in an exclusion.
pub const EXCLUDED: u32 = 1 << 28;

/// Items for all sets and states that were met.
#[derive(Debug, Default)]
pub struct Transitions {
    /// At `set * states + state`.
    pub items: Vec<u32>,
    /// The positions, the state outside of matches, and the state before a partition's first row.
    pub states: usize,
}

impl Transitions {
    /// For an automaton of this number of positions.
    pub fn new(positions: usize) -> Self {
        Self { items: Vec::new(), states: positions + 2 }
    }

    /// The state of rows that belong to no match.
    pub fn outside(&self) -> usize {
        self.states - 2
    }

    /// The state before a partition's first row, where `^` holds.
    pub fn before(&self) -> usize {
        self.states - 1
    }

    /// All states that there can be before a row.
    pub fn before_a_row(&self, is_first: bool) -> Vec<usize> {
        if is_first { vec![self.before()] } else { (0..=self.outside()).collect() }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.items.capacity() * size_of::<u32>()
    }

    /// Bytes on the heap with items of this number of sets.
    pub fn bytes_of(&self, sets: usize) -> usize {
        sets * self.states * size_of::<u32>()
    }
}
