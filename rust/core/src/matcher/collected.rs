//! What the transducer finds in a block of rows, as bits, and the positions of these bits.

use super::groups::{GroupItem, GroupItems, UNKNOWN_ITEM, UNKNOWN_STATE};
use super::sink::Block;

/// The most rows of a block; a power of two.
pub const ROWS_A_BLOCK: usize = 1 << 11;
const WORDS: usize = ROWS_A_BLOCK / 64;
/// Variables are written for four rows at once, of which fewer may count.
const ROWS_AT_ONCE: usize = 4;
/// Positions are written in eights, of which fewer may count: how many bits a word has cannot be guessed.
const POSITIONS_AT_ONCE: usize = 8;
/// How many chains of groups are followed side by side, a power of two; and the least groups of a chain that are worth it.
const CHAINS: usize = 4;
const LEAST_CHAIN: usize = 32;
/// The most rows of such a chain.
const ROWS_A_CHAIN: usize = ROWS_A_BLOCK / CHAINS;

/// What a chain finds that is followed beside the first one.
#[derive(Debug, Clone, Copy)]
struct Beside {
    variables: [u8; ROWS_A_CHAIN + ROWS_AT_ONCE],
    matched: usize,
}

/// A block of rows, and what is found in it.
#[derive(Debug)]
pub struct Collected {
    /// The variables of matched rows, and whether these stand in an exclusion.
    variables: [u8; ROWS_A_BLOCK + ROWS_AT_ONCE],
    excluded: [u8; ROWS_A_BLOCK + ROWS_AT_ONCE],
    matched: usize,
    /// The first of them has no variables, as these stand in their place.
    beside: [Beside; CHAINS],
    /// Of each group's item.
    flags: [u16; ROWS_A_BLOCK],
    groups: usize,
    /// At which rows matches begin, and how many begin before each word.
    begins: [u64; WORDS],
    begun: [usize; WORDS + 1],
    /// Before which rows matches end.
    ends: [u64; WORDS],
    /// Before which rows empty matches stand.
    empties: [u64; WORDS],
    words: usize,
    /// As many as there can be, and how many count.
    start_positions: Vec<i64>,
    end_positions: Vec<i64>,
    started: usize,
    ended: usize,
}

impl Collected {
    /// For blocks of a search of so many rows.
    pub fn new(rows: usize) -> Self {
        // At each row one match can begin, and two can end: one before the row, and an empty one there. A word is written as a
        // whole.
        let rows = rows.min(ROWS_A_BLOCK).next_multiple_of(64);
        Self {
            variables: [0; ROWS_A_BLOCK + ROWS_AT_ONCE],
            excluded: [0; ROWS_A_BLOCK + ROWS_AT_ONCE],
            matched: 0,
            beside: [Beside { variables: [0; ROWS_A_CHAIN + ROWS_AT_ONCE], matched: 0 }; CHAINS],
            flags: [0; ROWS_A_BLOCK],
            groups: 0,
            begins: [0; WORDS],
            begun: [0; WORDS + 1],
            ends: [0; WORDS],
            empties: [0; WORDS],
            words: 0,
            start_positions: vec![0; rows + POSITIONS_AT_ONCE],
            end_positions: vec![0; 2 * rows + POSITIONS_AT_ONCE],
            started: 0,
            ended: 0,
        }
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        (self.start_positions.capacity() + self.end_positions.capacity()) * size_of::<i64>()
    }

    /// Forgets the block.
    pub fn clear(&mut self) {
        (self.matched, self.groups, self.words, self.started, self.ended) = (0, 0, 0, 0, 0);
    }

    /// Adds groups, by their numbers, as far as their items are known. Gives how many were added, and the state behind them.
    ///
    /// `VARIABLES`: whether matched rows are wanted; `EXCLUDED`: whether it is wanted which of them stand in an exclusion.
    ///
    /// Groups are followed in chains side by side, as a look-up waits for the one before it in its chain only. The first chain begins
    /// with the true state; the state before each other one is guessed from some groups before it. A chain whose guess was wrong is
    /// followed once more.
    pub fn follow<const VARIABLES: bool, const EXCLUDED: bool>(
        &mut self,
        items: GroupItems<'_>,
        numbers: &[u16],
        state: usize,
    ) -> (usize, usize) {
        let length = numbers.len() / CHAINS;
        if EXCLUDED || length < LEAST_CHAIN {
            return self.follow_chain::<VARIABLES, EXCLUDED>(items, numbers, state);
        }
        // What does not divide is added before.
        let (before, numbers) = numbers.split_at(numbers.len() - CHAINS * length);
        let (mut done, mut state) = self.follow_chain::<VARIABLES, EXCLUDED>(items, before, state);
        if done < before.len() {
            return (done, state);
        }
        let guesses =
            std::array::from_fn(|chain| if chain == 0 { Some(state) } else { items.guess(&numbers[..chain * length]) });
        let (followed, states) = self.follow_chains::<VARIABLES>(items, numbers, guesses);
        // The first chain has gone so far.
        (self.groups, self.matched) = (self.groups + followed, self.matched + self.beside[0].matched);
        (done, state) = (done + followed, states[0]);
        if followed < length {
            let (more, behind) = self.follow_chain::<VARIABLES, EXCLUDED>(items, &numbers[followed..], state);
            return (done + more, behind);
        }
        for (chain, numbers) in numbers.chunks_exact(length).enumerate().skip(1) {
            if guesses[chain] == Some(state) {
                let beside = &self.beside[chain];
                // Whole words are copied, of which fewer may count.
                self.variables[self.matched..self.matched + beside.matched]
                    .copy_from_slice(&beside.variables[..beside.matched]);
                (self.groups, self.matched) = (self.groups + length, self.matched + beside.matched);
                (done, state) = (done + length, states[chain]);
                continue;
            }
            let (more, behind) = self.follow_chain::<VARIABLES, EXCLUDED>(items, numbers, state);
            (done, state) = (done + more, behind);
            if more < length {
                break;
            }
        }
        (done, state)
    }

    /// Follows chains of the same length, from these states on, until an item is not known. Gives how many groups of each were
    /// followed, and the states behind them.
    fn follow_chains<const VARIABLES: bool>(
        &mut self,
        items: GroupItems<'_>,
        numbers: &[u16],
        guesses: [Option<usize>; CHAINS],
    ) -> (usize, [usize; CHAINS]) {
        let length = numbers.len() / CHAINS;
        let mut states = guesses.map(Option::unwrap_or_default);
        let mut matched = [0; CHAINS];
        let mut followed = 0;
        if guesses.contains(&None) {
            self.beside[0].matched = 0;
            return (0, states);
        }
        let flags = &mut self.flags[self.groups..self.groups + CHAINS * length];
        let (first, beside) = (&mut self.variables, &mut self.beside);
        while followed < length {
            let found: [GroupItem; CHAINS] = std::array::from_fn(|chain| {
                items.of_group(numbers[chain * length + followed]).get(states[chain]).copied().unwrap_or(UNKNOWN_ITEM)
            });
            if found.iter().any(|item| item.state == UNKNOWN_STATE) {
                break;
            }
            for (chain, item) in found.iter().enumerate() {
                states[chain] = usize::from(item.state);
                flags[chain * length + followed] = item.flags;
                if VARIABLES {
                    // The masks never change a place; they spare tests.
                    let variables = item.variables.to_le_bytes();
                    if chain == 0 {
                        let at = (self.matched + matched[0]) & (ROWS_A_BLOCK - 1);
                        first[at..at + ROWS_AT_ONCE].copy_from_slice(&variables);
                    } else {
                        let at = matched[chain] & (ROWS_A_CHAIN - 1);
                        beside[chain].variables[at..at + ROWS_AT_ONCE].copy_from_slice(&variables);
                    }
                    matched[chain] += item.matched();
                }
            }
            followed += 1;
        }
        for (beside, matched) in beside.iter_mut().zip(matched) {
            beside.matched = matched;
        }
        (followed, states)
    }

    fn follow_chain<const VARIABLES: bool, const EXCLUDED: bool>(
        &mut self,
        items: GroupItems<'_>,
        numbers: &[u16],
        mut state: usize,
    ) -> (usize, usize) {
        let (mut matched, mut done) = (self.matched, 0);
        for (&number, flags) in numbers.iter().zip(&mut self.flags[self.groups..]) {
            // The state before the group is what this waits for; nothing else should stand between two states.
            let Some(item) = items.of_group(number).get(state) else { break };
            if item.state == UNKNOWN_STATE {
                break;
            }
            state = usize::from(item.state);
            *flags = item.flags;
            if VARIABLES {
                // At most a block's rows are added, so the mask never changes a place; it spares a test.
                let at = matched & (ROWS_A_BLOCK - 1);
                self.variables[at..at + ROWS_AT_ONCE].copy_from_slice(&item.variables.to_le_bytes());
                if EXCLUDED {
                    self.excluded[at..at + ROWS_AT_ONCE].copy_from_slice(&item.excluded());
                }
                matched += item.matched();
            }
            done += 1;
        }
        self.matched = matched;
        self.groups += done;
        (done, state)
    }

    /// Finds the bits of the groups that were added, each of which has so many rows.
    pub fn gather<const ROWS: usize>(&mut self, finds_empty: bool) {
        let (mut words, mut begun) = (0, 0);
        for flags in self.flags[..self.groups].chunks(64 / ROWS) {
            let begins = bits::<ROWS>(flags, GroupItem::BEGINS);
            self.begins[words] = begins;
            self.ends[words] = bits::<ROWS>(flags, GroupItem::ENDS);
            self.empties[words] = if finds_empty { begins & !bits::<ROWS>(flags, GroupItem::MATCHED) } else { 0 };
            begun += begins.count_ones() as usize;
            words += 1;
            self.begun[words] = begun;
        }
        self.words = words;
    }

    /// How many matches begin before the block's row `at`.
    pub fn begun_before(&self, at: usize) -> usize {
        let (word, bit) = (at / 64, at % 64);
        let within = self.begins[..self.words].get(word).map_or(0, |bits| bits & ((1 << bit) - 1));
        self.begun[word.min(self.words)] + within.count_ones() as usize
    }

    /// Finds where matches begin and end; `first_row` is the block's first row.
    pub fn find_positions(&mut self, first_row: usize) {
        let (begins, ends, empties) =
            (&self.begins[..self.words], &self.ends[..self.words], &self.empties[..self.words]);
        let row_of = |word: usize| (first_row + 64 * word) as i64;
        for (word, &bits) in begins.iter().enumerate() {
            self.started += write_positions::<1>(bits, row_of(word), &mut self.start_positions[self.started..]);
        }
        for (word, (&ends, &empties)) in ends.iter().zip(empties).enumerate() {
            if empties == 0 {
                self.ended += write_positions::<1>(ends, row_of(word), &mut self.end_positions[self.ended..]);
                continue;
            }
            // The match before ends where the empty one begins: two bits for each row.
            for half in 0..2 {
                let bits = spread(ends >> (32 * half)) | spread(empties >> (32 * half)) << 1;
                let row = row_of(word) + 32 * half;
                self.ended += write_positions::<2>(bits, row, &mut self.end_positions[self.ended..]);
            }
        }
    }

    /// A match ends before a row that lies behind the block.
    pub fn add_end(&mut self, row: usize) {
        self.end_positions[self.ended] = row as i64;
        self.ended += 1;
    }

    /// What was found.
    pub fn block(&self, excludes: bool) -> Block<'_> {
        Block {
            variables: &self.variables[..self.matched],
            excluded: if excludes { &self.excluded[..self.matched] } else { &[] },
            starts: &self.start_positions[..self.started],
            ends: &self.end_positions[..self.ended],
        }
    }
}

/// The bits of groups from bit `shift` of their flags on, one after another.
#[inline]
fn bits<const ROWS: usize>(flags: &[u16], shift: u32) -> u64 {
    // Of four groups at once: the product puts their bits side by side, from bit 48 on, and nothing else there.
    let factor = (0..4).fold(0_u64, |factor, group| factor | 1 << (48 - group * (16 - ROWS)));
    let mask = 0x0001_0001_0001_0001 * ((1 << ROWS) - 1);
    let side_by_side = |four: [u16; 4]| {
        let [a, b, c, d] = four.map(u64::from);
        let four = a | b << 16 | c << 32 | d << 48;
        (four >> shift & mask).wrapping_mul(factor) >> 48
    };
    let (fours, rest) = flags.as_chunks::<4>();
    let mut bits = 0;
    for (at, &four) in fours.iter().enumerate() {
        bits |= side_by_side(four) << (4 * ROWS * at);
    }
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        bits |= side_by_side(last) << (4 * ROWS * fours.len());
    }
    bits
}

/// Writes the row of each bit, of which there are so many for a row, and gives how many bits there are. The slots behind these may
/// be written too.
#[inline]
fn write_positions<const BITS_A_ROW: u32>(bits: u64, first_row: i64, positions: &mut [i64]) -> usize {
    let count = bits.count_ones() as usize;
    let (mut rest, mut written) = (bits, 0);
    loop {
        for position in &mut positions[written..written + POSITIONS_AT_ONCE] {
            // Where no bit is left, what is written does not count.
            let at = (rest | 1 << 63).trailing_zeros() / BITS_A_ROW;
            *position = first_row + i64::from(at);
            rest &= rest.wrapping_sub(1);
        }
        written += POSITIONS_AT_ONCE;
        if written >= count {
            return count;
        }
    }
}

/// The low 32 bits, with a zero behind each.
fn spread(bits: u64) -> u64 {
    let mut spread = bits & 0xFFFF_FFFF;
    for (shift, mask) in [
        (16, 0x0000_FFFF_0000_FFFF),
        (8, 0x00FF_00FF_00FF_00FF),
        (4, 0x0F0F_0F0F_0F0F_0F0F),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        spread = (spread | spread << shift) & mask;
    }
    spread
}
