//! The lazily filled tables of both passes.
//!
//! A *set* is the set of positions that can consume a row and still reach Accept. Sets are numbered; number
//! [`END`] stands for "no row left in the partition". `step` (set of the next row, symbol of this row) -> set of
//! this row is what the backward pass looks up; `choice` (position, set of the next row) -> next position or
//! Accept is what the forward pass looks up. Both fill when first asked, as in a lazy DFA, and stay with the
//! compiled pattern, so that a cached pattern is warm. Memory is bounded: when [`Tables::is_full`], the caller
//! clears and goes on.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use super::transitions::Transitions;
use crate::automaton::{ACCEPT, Automaton};
use crate::budget::ROWS_A_LOOK;
use crate::rows::{Codes, NARROW, Symbols, VariableSet};

/// The set after the partition's last row.
pub const END: u32 = 0;
/// Not computed yet.
pub const UNKNOWN: u32 = u32::MAX;
/// No position of a list is viable.
pub const NOTHING: u32 = u32::MAX - 1;
/// Sets fit in 16 bits, as the backward pass keeps one number a row.
const MAX_SETS: usize = (1 << 16) - 1;
/// The bytes that tables may take.
const MAX_BYTES: usize = 4 << 20;
/// The least number of sets that are kept before the tables are cleared, however large a set is, to avoid thrashing.
const MIN_SETS: usize = 64;
/// How many sets have grouped steps.
pub const GROUPED_SETS: usize = 16;
/// A grouped step that is not computed yet. No set has its number in the lowest 16 bits.
pub const UNKNOWN_GROUP: u64 = u64::MAX;
/// The most positions with which `choice` has a row of all positions for each set.
const DENSE_POSITIONS: usize = 512;
/// What one item of a hash map takes, with its share of free places.
const HASH_ITEM_BYTES: usize = 24;
/// The sparse choices are forgotten when there are this many; some 3 MiB.
const MAX_SPARSE_CHOICES: usize = 1 << 17;
/// The most followers that are looked at between two looks at the limits: some 20 ms.
const FOLLOWERS_A_LOOK: usize = 1 << 24;
/// Filling an item costs as much as looking at this number of followers, however few there are.
const FOLLOWERS_AN_ITEM: usize = 256;

type StepMap<K> = HashMap<K, u32, foldhash::fast::FixedState>;

/// See the module.
#[derive(Debug)]
pub struct Tables {
    /// Codes are `1 << shift` at most; a dense row of `step` has that many items.
    pub(super) shift: u32,
    /// Dense steps: at `set << shift | code`, the next set's number, shifted too.
    pub(super) step: Vec<u32>,
    /// Several steps at once, for few variables: at `set << 8 | codes`, the numbers of the sets of [`Self::group`] rows,
    /// the first row's in the lowest 16 bits. Only for the first [`GROUPED_SETS`] sets, which stay in the first cache.
    pub(super) grouped_step: Vec<u64>,
    sparse_step: StepMap<(u32, u32)>,
    /// What codes stand for, beyond [`NARROW`] variables.
    masks: Vec<VariableSet>,
    wide: bool,
    sets: Vec<Box<[u64]>>,
    numbers: HashTable<u32>,
    words: usize,
    /// The first choice of a match, for each set: at the partition's first row, and elsewhere.
    start: [Vec<u32>; 2],
    /// At `set * positions + position`.
    dense_choice: Vec<u32>,
    sparse_choice: StepMap<(u32, u32)>,
    positions: usize,
    rows_a_look: usize,
    /// The transducer's table.
    pub(super) transitions: Transitions,
}

/// There is no room for another set.
#[derive(Debug)]
pub struct Full;

impl Tables {
    /// Empty tables for an automaton.
    pub fn new(automaton: &Automaton) -> Self {
        let mut tables = Self {
            shift: if automaton.variable_count <= NARROW { automaton.variable_count as u32 } else { NARROW as u32 },
            step: Vec::new(),
            grouped_step: Vec::new(),
            sparse_step: StepMap::default(),
            masks: Vec::new(),
            wide: false,
            sets: Vec::new(),
            numbers: HashTable::new(),
            words: automaton.positions.len().div_ceil(64),
            start: [Vec::new(), Vec::new()],
            dense_choice: Vec::new(),
            sparse_choice: StepMap::default(),
            positions: automaton.positions.len(),
            // Where nothing is known yet, a row's set takes a look at each follower.
            rows_a_look: (FOLLOWERS_A_LOOK / (automaton.followers_len() + FOLLOWERS_AN_ITEM)).clamp(8, ROWS_A_LOOK),
            transitions: Transitions::new(automaton.positions.len()),
        };
        tables.clear();
        tables
    }

    /// Forgets all sets but that of the end of a partition.
    pub fn clear(&mut self) {
        self.step.clear();
        self.grouped_step.clear();
        self.sparse_step.clear();
        self.sets.clear();
        self.numbers.clear();
        self.start.iter_mut().for_each(Vec::clear);
        self.dense_choice.clear();
        self.sparse_choice.clear();
        self.transitions.clear();
        self.push(vec![0; self.words].into_boxed_slice());
    }

    /// Makes codes mean what they mean in `symbols`, rewriting the codes where that keeps the tables warm.
    pub fn adopt(&mut self, symbols: &mut Symbols) {
        let wide = matches!(symbols.codes, Codes::Wide(_));
        if !wide && symbols.masks.is_empty() {
            return;
        }
        if let (false, false, Codes::Bytes(codes)) = (wide, self.wide, &mut symbols.codes) {
            let mut masks = self.masks.clone();
            let renamed: Vec<usize> = symbols
                .masks
                .iter()
                .map(|mask| {
                    masks.iter().position(|known| known == mask).unwrap_or_else(|| {
                        masks.push(*mask);
                        masks.len() - 1
                    })
                })
                .collect();
            if masks.len() <= 256 {
                if renamed.iter().enumerate().any(|(from, &to)| from != to) {
                    for code in codes.iter_mut() {
                        *code = renamed[usize::from(*code)] as u8;
                    }
                }
                symbols.masks.clone_from(&masks);
                self.masks = masks;
                return;
            }
        }
        self.wide = wide;
        self.masks.clone_from(&symbols.masks);
        self.clear();
    }

    /// As [`Self::adopt`], for symbols that other tables use too: their codes stay as they are.
    pub fn adopt_as_they_are(&mut self, symbols: &Symbols) {
        let wide = matches!(symbols.codes, Codes::Wide(_));
        if !wide && symbols.masks.is_empty() {
            return;
        }
        if wide || self.wide || !symbols.masks.starts_with(&self.masks) {
            self.wide = wide;
            self.clear();
        }
        self.masks.clone_from(&symbols.masks);
    }

    /// How many rows a pass may go on before it looks at the limits again.
    pub fn rows_a_look(&self) -> usize {
        self.rows_a_look
    }

    /// Whether a cleared table should take the place of this one before another set comes.
    fn is_full(&self) -> bool {
        // The transducer will make a row of its table for each set.
        let coming = if self.positions <= DENSE_POSITIONS {
            self.transitions.bytes_of(self.sets.len()).saturating_sub(self.transitions.memory_bytes())
        } else {
            0
        };
        self.sets.len() >= MAX_SETS || (self.sets.len() >= MIN_SETS && self.memory_bytes() + coming > MAX_BYTES)
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        let numbers = self.step.capacity()
            + self.start[0].capacity()
            + self.start[1].capacity()
            + self.dense_choice.capacity()
            + self.numbers.capacity();
        numbers * size_of::<u32>()
            + self.sets.capacity() * size_of::<Box<[u64]>>()
            + self.sets.len() * (self.words * size_of::<u64>()).next_multiple_of(32)
            + (self.sparse_step.capacity() + self.sparse_choice.capacity()) * HASH_ITEM_BYTES
            + self.masks.capacity() * size_of::<VariableSet>()
            + self.transitions.memory_bytes()
            + self.grouped_step.capacity() * size_of::<u64>()
    }

    fn push(&mut self, set: Box<[u64]>) -> u32 {
        let number = self.sets.len() as u32;
        self.sets.push(set);
        if !self.wide {
            self.step.resize(self.sets.len() << self.shift, UNKNOWN);
        }
        if self.positions <= DENSE_POSITIONS {
            self.dense_choice.resize(self.sets.len() * self.positions, UNKNOWN);
        }
        // END begins no match: there is no empty match after a partition's last row.
        self.start.iter_mut().for_each(|choices| choices.push(NOTHING));
        number
    }

    /// The number of a set, which may be new.
    pub fn intern(&mut self, automaton: &Automaton, set: Box<[u64]>) -> u32 {
        let hash = hash_of(&set);
        let sets = &self.sets;
        if let Some(&number) = self.numbers.find(hash, |&number| sets[number as usize] == set) {
            return number;
        }
        let number = self.push(set);
        let sets = &self.sets;
        self.numbers.insert_unique(hash, number, |&number| hash_of(&sets[number as usize]));
        for (choices, list) in self.start.iter_mut().zip(&automaton.start) {
            choices[number as usize] = choose(automaton, list, &self.sets[number as usize]);
        }
        number
    }

    /// How many sets have numbers.
    pub fn sets_len(&self) -> usize {
        self.sets.len()
    }

    /// The positions of a set, as bits.
    pub fn set(&self, number: u32) -> &[u64] {
        &self.sets[number as usize]
    }

    /// Whether a match can begin at a row of this set; `first` for a partition's first row.
    #[inline]
    pub fn begins(&self, number: u32, first: bool) -> bool {
        self.first_choice(number, first) != NOTHING
    }

    /// What a match begins with at a row of this set, as `choose` gives it; `first` for a partition's first row.
    #[inline]
    pub fn first_choice(&self, number: u32, first: bool) -> u32 {
        self.start[usize::from(!first)][number as usize]
    }

    /// By set, what a match begins with at a row that is not its partition's first.
    pub fn first_choices(&self) -> &[u32] {
        &self.start[1]
    }

    /// The set of a row with symbol `code` whose next row has set `next`, computed and put in the table.
    #[cold]
    #[inline(never)]
    pub fn fill_step(&mut self, automaton: &Automaton, next: u32, code: u32) -> Result<u32, Full> {
        if self.is_full() {
            return Err(Full);
        }
        let mut set = vec![0_u64; self.words].into_boxed_slice();
        let narrow = self.masks.is_empty();
        let mask = self.masks.get(code as usize).copied().unwrap_or_default();
        let mut admit = |position: u32| {
            let variable = automaton.positions[position as usize].variable;
            if if narrow { code >> variable & 1 == 1 } else { mask.contains(variable) } {
                set[position as usize >> 6] |= 1 << (position & 63);
            }
        };
        if next == END {
            (0..self.positions as u32).filter(|&at| automaton.accepts_at_end[at as usize]).for_each(&mut admit);
        } else {
            automaton.accepting.iter().copied().for_each(&mut admit);
            for follower in members(&self.sets[next as usize]) {
                automaton.predecessors(follower).iter().copied().for_each(&mut admit);
            }
        }
        let number = self.intern(automaton, set);
        if self.wide {
            self.sparse_step.insert((next, code), number);
        } else {
            self.step[(next << self.shift | code) as usize] = number << self.shift;
        }
        Ok(number)
    }

    /// The set of a row with symbol `code` whose next row has set `next`, or `UNKNOWN`.
    pub fn known_step(&self, next: u32, code: u32) -> u32 {
        if self.wide {
            return self.sparse_step.get(&(next, code)).copied().unwrap_or(UNKNOWN);
        }
        let known = self.step[(next << self.shift | code) as usize];
        if known == UNKNOWN { UNKNOWN } else { known >> self.shift }
    }

    /// As [`Self::known_step`], computed where it is not known.
    pub fn step_to(&mut self, automaton: &Automaton, next: u32, code: u32) -> Result<u32, Full> {
        match self.known_step(next, code) {
            UNKNOWN => self.fill_step(automaton, next, code),
            known => Ok(known),
        }
    }

    /// How many rows one grouped step takes, all their codes together in a byte.
    pub fn group(&self) -> usize {
        match self.shift {
            0..=2 => 4,
            3 | 4 => 2,
            _ => 1,
        }
    }

    /// Makes room for the grouped steps of all sets that have them.
    pub fn grow_groups(&mut self) {
        let items = self.sets.len().min(GROUPED_SETS) << 8;
        if self.grouped_step.len() < items {
            self.grouped_step.resize(items, UNKNOWN_GROUP);
        }
    }

    /// The sets of a group of rows, whose codes are given from the first row on; the last row comes first.
    #[cold]
    #[inline(never)]
    pub fn fill_group(&mut self, automaton: &Automaton, next: u32, codes: &[u8], at: usize) -> Result<u64, Full> {
        let mut set = next;
        let mut numbers = 0;
        for &code in codes.iter().rev() {
            set = self.step_to(automaton, set, u32::from(code))?;
            numbers = numbers << 16 | u64::from(set);
        }
        self.grow_groups();
        self.grouped_step[at] = numbers;
        Ok(numbers)
    }

    /// What follows `position` when the next row has set `next`, as `choose` gives it.
    #[inline]
    pub fn choice(&mut self, automaton: &Automaton, position: u32, next: u32) -> u32 {
        if self.positions <= DENSE_POSITIONS {
            let at = next as usize * self.positions + position as usize;
            let known = self.dense_choice[at];
            if known == UNKNOWN {
                self.dense_choice[at] = choose(automaton, automaton.followers(position), &self.sets[next as usize]);
            }
            self.dense_choice[at]
        } else {
            let set = &self.sets[next as usize];
            if self.sparse_choice.len() >= MAX_SPARSE_CHOICES {
                self.sparse_choice.clear();
            }
            *self
                .sparse_choice
                .entry((position, next))
                .or_insert_with(|| choose(automaton, automaton.followers(position), set))
        }
    }
}

/// The first of `list` that is viable: its position, with its variable in the upper eight bits; [`ACCEPT`] where
/// that comes first; [`NOTHING`] where nothing is viable.
fn choose(automaton: &Automaton, list: &[u32], viable: &[u64]) -> u32 {
    list.iter().find(|&&next| next == ACCEPT || viable[next as usize >> 6] >> (next & 63) & 1 == 1).map_or(
        NOTHING,
        |&next| {
            if next == ACCEPT { ACCEPT } else { next | u32::from(automaton.positions[next as usize].variable) << 24 }
        },
    )
}

fn members(set: &[u64]) -> impl Iterator<Item = u32> {
    set.iter().enumerate().flat_map(|(word, &bits)| {
        std::iter::successors((bits != 0).then_some(bits), |&rest| {
            let rest = rest & (rest - 1);
            (rest != 0).then_some(rest)
        })
        .map(move |rest| word as u32 * 64 + rest.trailing_zeros())
    })
}

fn hash_of(set: &[u64]) -> u64 {
    let mut hasher = foldhash::fast::FixedState::default().build_hasher();
    for &word in set {
        hasher.write_u64(word);
    }
    hasher.finish()
}
