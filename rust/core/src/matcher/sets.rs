//! Sets of co-accessible positions, numbered as they are met, and what a match chooses by them.
//!
//! A *set* is the set of positions that can consume a row and still reach Accept. Number [`END`] stands for "no row left in the
//! partition".

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use crate::automaton::{ACCEPT, Automaton};

/// The set after the partition's last row.
pub const END: u32 = 0;
/// No position of a list is viable.
pub const NOTHING: u32 = u32::MAX - 1;
/// Not computed yet.
pub const UNKNOWN: u32 = u32::MAX;
/// The most positions with which choices have a row of all positions for each set.
const DENSE_POSITIONS: usize = 512;
/// The sparse choices are forgotten when there are this many; some 3 MiB.
const MAX_SPARSE_CHOICES: usize = 1 << 17;
/// What one item of a hash map takes, with its share of free places.
pub const HASH_ITEM_BYTES: usize = 24;

type ChoiceMap = HashMap<(u32, u32), u32, foldhash::fast::FixedState>;

/// The most positions: for each group there is a row of all states.
const MAX_POSITIONS: usize = 512;

/// Whether an automaton has as few states as the tables can hold.
pub fn fit_states(automaton: &Automaton) -> bool {
    automaton.positions.len() <= MAX_POSITIONS
}

/// See the module.
#[derive(Debug)]
pub struct Sets {
    bits: Vec<Box<[u64]>>,
    numbers: HashTable<u32>,
    words: usize,
    positions: usize,
    /// The first choice of a match, for each set: at the partition's first row, and elsewhere.
    start: [Vec<u32>; 2],
    /// At `set * positions + position`, as far as they were asked for.
    dense_choice: Vec<u32>,
    sparse_choice: ChoiceMap,
}

impl Sets {
    /// Only [`END`], for an automaton of so many positions.
    pub fn new(positions: usize) -> Self {
        let mut sets = Self {
            bits: Vec::new(),
            numbers: HashTable::new(),
            words: positions.div_ceil(64),
            positions,
            start: [Vec::new(), Vec::new()],
            dense_choice: Vec::new(),
            sparse_choice: ChoiceMap::default(),
        };
        sets.push(vec![0; sets.words].into_boxed_slice());
        sets
    }

    fn push(&mut self, set: Box<[u64]>) -> u32 {
        self.bits.push(set);
        // END begins no match: there is no empty match after a partition's last row.
        self.start.iter_mut().for_each(|choices| choices.push(NOTHING));
        self.bits.len() as u32 - 1
    }

    /// Forgets all sets but [`END`], and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self::new(self.positions);
    }

    /// The number of a set, which may be new.
    pub fn intern(&mut self, automaton: &Automaton, set: Box<[u64]>) -> u32 {
        let hash = hash_of(&set);
        let known = &self.bits;
        if let Some(&number) = self.numbers.find(hash, |&number| known[number as usize] == set) {
            return number;
        }
        let number = self.push(set);
        let known = &self.bits;
        self.numbers.insert_unique(hash, number, |&number| hash_of(&known[number as usize]));
        for (choices, list) in self.start.iter_mut().zip(&automaton.start) {
            choices[number as usize] = choose(automaton, list, &self.bits[number as usize]);
        }
        number
    }

    /// The number of the set of a row where these variables' conditions hold and whose next row has set `next`.
    pub fn before(&mut self, automaton: &Automaton, next: u32, holds: impl Fn(u8) -> bool) -> u32 {
        let mut set = vec![0_u64; self.words].into_boxed_slice();
        let mut admit = |position: u32| {
            if holds(automaton.positions[position as usize].variable) {
                set[position as usize >> 6] |= 1 << (position & 63);
            }
        };
        if next == END {
            (0..self.positions as u32).filter(|&at| automaton.accepts_at_end[at as usize]).for_each(&mut admit);
        } else {
            automaton.accepting.iter().copied().for_each(&mut admit);
            for follower in members(&self.bits[next as usize]) {
                automaton.predecessors(follower).iter().copied().for_each(&mut admit);
            }
        }
        self.intern(automaton, set)
    }

    /// How many sets have numbers.
    pub fn len(&self) -> usize {
        self.bits.len()
    }

    /// The positions of a set, as bits.
    pub fn get(&self, number: u32) -> &[u64] {
        &self.bits[number as usize]
    }

    /// What a match begins with at a row of this set, as [`Self::choice`] gives it; `first` for a partition's first row.
    #[inline]
    pub fn first_choice(&self, number: u32, first: bool) -> u32 {
        self.start[usize::from(!first)][number as usize]
    }

    /// What follows `position` when the next row has set `next`: a position, with its variable in the upper eight bits;
    /// [`ACCEPT`] where the match ends; [`NOTHING`] where nothing is viable.
    #[inline]
    pub fn choice(&mut self, automaton: &Automaton, position: u32, next: u32) -> u32 {
        match self.known_choice(position, next) {
            UNKNOWN => self.fill_choice(automaton, position, next),
            known => known,
        }
    }

    /// As [`Self::choice`], or [`UNKNOWN`] where it is not at hand.
    #[inline]
    pub fn known_choice(&self, position: u32, next: u32) -> u32 {
        self.dense_choice.get(next as usize * self.positions + position as usize).copied().unwrap_or(UNKNOWN)
    }

    #[cold]
    #[inline(never)]
    fn fill_choice(&mut self, automaton: &Automaton, position: u32, next: u32) -> u32 {
        let set = &self.bits[next as usize];
        let choose = || choose(automaton, automaton.followers(position), set);
        if self.positions <= DENSE_POSITIONS {
            self.dense_choice.resize(self.bits.len() * self.positions, UNKNOWN);
            let chosen = choose();
            self.dense_choice[next as usize * self.positions + position as usize] = chosen;
            return chosen;
        }
        if self.sparse_choice.len() >= MAX_SPARSE_CHOICES {
            self.sparse_choice.clear();
        }
        *self.sparse_choice.entry((position, next)).or_insert_with(choose)
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        let numbers = self.start[0].capacity()
            + self.start[1].capacity()
            + self.dense_choice.capacity()
            + self.numbers.capacity();
        numbers * size_of::<u32>()
            + self.bits.capacity() * size_of::<Box<[u64]>>()
            + self.bits.len() * (self.words * size_of::<u64>()).next_multiple_of(32)
            + self.sparse_choice.capacity() * HASH_ITEM_BYTES
    }
}

/// The first of `list` that is viable, as [`Sets::choice`] says.
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
