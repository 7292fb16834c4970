//! What the transducer finds in a block of rows, as bits, and the positions of these bits.

use super::groups::UNKNOWN_ITEM;
use super::sink::Block;
use super::transitions::{
    BEGINS_SHIFT, EMPTIES_SHIFT, ENDS_SHIFT, EXCLUDED_SHIFT, MATCHED, MATCHED_SHIFT, STATE, VARIABLES_SHIFT,
};

/// The most rows of a block; a power of two.
pub const ROWS_A_BLOCK: usize = 1 << 11;
const WORDS: usize = ROWS_A_BLOCK / 64;
/// Variables are written for four rows at once, of which fewer may count.
const ROWS_AT_ONCE: usize = 4;
/// Positions are written in fours too, of which fewer may count.
const POSITIONS_AT_ONCE: usize = 4;
/// A byte of each bit.
const SPREAD: u32 = 0x0020_4081;
const LOWEST_BITS: u32 = 0x0101_0101;

/// A block of rows, and what is found in it.
#[derive(Debug)]
pub struct Collected {
    /// The variables of matched rows, and whether these stand in an exclusion.
    variables: [u8; ROWS_A_BLOCK + ROWS_AT_ONCE],
    excluded: [u8; ROWS_A_BLOCK + ROWS_AT_ONCE],
    matched: usize,
    /// For each group, at which of its rows matches begin and end, as in its item.
    flags: [u16; ROWS_A_BLOCK],
    groups: usize,
    /// At which rows matches begin, and how many begin before each word.
    begins: [u64; WORDS],
    begun: [usize; WORDS + 1],
    /// Before which rows matches end, and empty ones stand.
    ends: [u64; WORDS],
    empties: [u64; WORDS],
    words: usize,
    start_positions: Vec<i64>,
    end_positions: Vec<i64>,
}

impl Default for Collected {
    fn default() -> Self {
        Self {
            variables: [0; ROWS_A_BLOCK + ROWS_AT_ONCE],
            excluded: [0; ROWS_A_BLOCK + ROWS_AT_ONCE],
            matched: 0,
            flags: [0; ROWS_A_BLOCK],
            groups: 0,
            begins: [0; WORDS],
            begun: [0; WORDS + 1],
            ends: [0; WORDS],
            empties: [0; WORDS],
            words: 0,
            start_positions: Vec::new(),
            end_positions: Vec::new(),
        }
    }
}

impl Collected {
    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        (self.start_positions.capacity() + self.end_positions.capacity()) * size_of::<i64>()
    }

    /// Forgets the block.
    pub fn clear(&mut self) {
        (self.matched, self.groups, self.words) = (0, 0, 0);
        self.start_positions.clear();
        self.end_positions.clear();
    }

    /// Adds groups, by their numbers, as far as their items are known. Gives how many were added, and the state behind them.
    ///
    /// `VARIABLES`: whether matched rows are wanted; `EXCLUDED`: whether it is wanted which of them stand in an exclusion.
    pub fn follow<const VARIABLES: bool, const EXCLUDED: bool>(
        &mut self,
        (items, states): (&[u64], usize),
        numbers: &[u16],
        state: usize,
    ) -> (usize, usize) {
        let (mut matched, mut state, mut done) = (self.matched, state, 0);
        for (&number, flags) in numbers.iter().zip(&mut self.flags[self.groups..]) {
            let item = items.get(usize::from(number) * states + state).copied().unwrap_or(UNKNOWN_ITEM);
            if item == UNKNOWN_ITEM {
                break;
            }
            state = (item & STATE) as usize;
            *flags = (item >> BEGINS_SHIFT) as u16;
            if VARIABLES {
                // At most a block's rows are added, so the mask never changes a place; it spares a test.
                let at = matched & (ROWS_A_BLOCK - 1);
                let variables = (item >> VARIABLES_SHIFT) as u32;
                self.variables[at..at + ROWS_AT_ONCE].copy_from_slice(&variables.to_le_bytes());
                if EXCLUDED {
                    let excluded = ((item >> EXCLUDED_SHIFT) as u32 & 15).wrapping_mul(SPREAD) & LOWEST_BITS;
                    self.excluded[at..at + ROWS_AT_ONCE].copy_from_slice(&excluded.to_le_bytes());
                }
                matched += (item >> MATCHED_SHIFT & MATCHED) as usize;
            }
            done += 1;
        }
        self.matched = matched;
        self.groups += done;
        (done, state)
    }

    /// Finds the bits of the groups that were added, each of which has so many rows.
    pub fn gather<const ROWS: usize>(&mut self) {
        let bits = |flags: u16, shift: u32| u64::from(flags) >> (shift - BEGINS_SHIFT) & ((1 << ROWS) - 1);
        let (mut words, mut begun) = (0, 0);
        for groups in self.flags[..self.groups].chunks(64 / ROWS) {
            let (mut begins, mut ends, mut empties) = (0, 0, 0);
            for (group, &flags) in groups.iter().enumerate() {
                begins |= bits(flags, BEGINS_SHIFT) << (group * ROWS);
                ends |= bits(flags, ENDS_SHIFT) << (group * ROWS);
                empties |= bits(flags, EMPTIES_SHIFT) << (group * ROWS);
            }
            (self.begins[words], self.ends[words], self.empties[words]) = (begins, ends, empties);
            begun += begins.count_ones() as usize;
            words += 1;
            self.begun[words] = begun;
        }
        self.words = words;
    }

    /// How many matches begin before the block's row `at`.
    pub fn begun_before(&self, at: usize) -> usize {
        let (word, bit) = (at / 64, at % 64);
        let within = self.begins.get(word).filter(|_| word < self.words).map_or(0, |bits| bits & ((1 << bit) - 1));
        self.begun[word.min(self.words)] + within.count_ones() as usize
    }

    /// Finds where matches begin and end; `first_row` is the block's first row.
    pub fn find_positions(&mut self, first_row: usize) {
        let words = self.words;
        append_positions(&self.begins[..words], first_row, &mut self.start_positions);
        if self.empties[..words].iter().all(|&bits| bits == 0) {
            append_positions(&self.ends[..words], first_row, &mut self.end_positions);
            return;
        }
        for word in 0..words {
            let (ends, empties) = (self.ends[word], self.empties[word]);
            let mut bits = ends | empties;
            while bits != 0 {
                let at = bits.trailing_zeros();
                let row = (first_row + word * 64) as i64 + i64::from(at);
                // The match before ends where the empty one begins.
                let count = (ends >> at & 1) + (empties >> at & 1);
                self.end_positions.extend((0..count).map(|_| row));
                bits &= bits - 1;
            }
        }
    }

    /// A match ends before a row that lies behind the block.
    pub fn add_end(&mut self, row: usize) {
        self.end_positions.push(row as i64);
    }

    /// What was found.
    pub fn block(&self, excludes: bool) -> Block<'_> {
        Block {
            variables: &self.variables[..self.matched],
            excluded: if excludes { &self.excluded[..self.matched] } else { &[] },
            starts: &self.start_positions,
            ends: &self.end_positions,
        }
    }
}

/// Appends the places of the bits of words, counted from a row.
fn append_positions(words: &[u64], first_row: usize, positions: &mut Vec<i64>) {
    let mut len = positions.len();
    positions.resize(len + words.len() * 64 + POSITIONS_AT_ONCE, 0);
    for (word, &bits) in words.iter().enumerate() {
        let row = (first_row + word * 64) as i64;
        let (mut rest, mut at) = (bits, len);
        // How many bits a word has cannot be guessed; how many fours of them, more often.
        while rest != 0 {
            for position in &mut positions[at..at + POSITIONS_AT_ONCE] {
                *position = row + i64::from(rest.trailing_zeros());
                rest &= rest.wrapping_sub(1);
            }
            at += POSITIONS_AT_ONCE;
        }
        len += bits.count_ones() as usize;
    }
    positions.truncate(len);
}
