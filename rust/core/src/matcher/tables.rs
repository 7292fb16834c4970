//! The lazily filled tables of both passes.
//!
//! What they know stays with the compiled pattern, so that a cached pattern is warm. Memory is bounded: where there is no more
//! room ([`Full`]), the caller has room made and goes on.

use std::collections::HashMap;

use super::group_symbols::{Borders, MOST_ROWS, TooManyClasses, UNKNOWN_SYMBOL};
use super::groups::{GroupStep, Groups, UNKNOWN_GROUP};
use super::scratch::KeptBuffers;
use super::sets::{END, HASH_ITEM_BYTES, NOTHING, Sets, fit_states};
use crate::automaton::Automaton;
use crate::budget::ROWS_A_LOOK;
use crate::rows::{Codes, Symbols, VariableSet};

/// Sets fit in 16 bits, with room for those of one group more.
const MAX_SETS: usize = (1 << 16) - 1 - MOST_ROWS;
/// The bytes that tables may take.
const MAX_BYTES: usize = 4 << 20;
/// The least numbers of sets and of symbols that are kept before the tables of single rows are cleared, however large they are,
/// to avoid thrashing.
const MIN_SETS: usize = 64;
const MIN_SYMBOLS: usize = 4096;
/// The most followers that are looked at between two looks at the limits: some 20 ms.
const FOLLOWERS_A_LOOK: usize = 1 << 24;
/// Filling an item costs as much as looking at this number of followers, however few there are.
const FOLLOWERS_AN_ITEM: usize = 256;

/// See the module.
#[derive(Debug)]
pub struct Tables {
    pub(super) sets: Sets,
    pub(super) groups: Groups,
    /// The set of a row, by that of the next row and the row's code, where several rows are a group.
    row_steps: HashMap<(u32, u32), u32, foldhash::fast::FixedState>,
    /// What codes stand for, beyond the variables that fit into a byte.
    masks: Vec<VariableSet>,
    wide: bool,
    max_bytes: usize,
    rows_a_look: usize,
    /// Whether the transducer can use them.
    transduced: bool,
    /// Buffers of the search before.
    pub(super) scratch: KeptBuffers,
}

/// There is no room for what should be put into the tables.
#[derive(Debug)]
pub struct Full {
    /// With how many rows a group there may be.
    rows_a_group: usize,
}

impl Tables {
    /// Empty tables for an automaton.
    pub fn new(automaton: &Automaton) -> Self {
        Self::with_limits(automaton, MAX_BYTES, MOST_ROWS)
    }

    /// As [`Self::new`], with another limit than 4 MiB, and with 4, 2 or 1 rows a look-up at most.
    pub fn with_limits(automaton: &Automaton, max_bytes: usize, rows_a_group: usize) -> Self {
        let states = automaton.positions.len() + 1;
        Self {
            sets: Sets::new(automaton.positions.len()),
            groups: Groups::new(rows_a_group, states),
            row_steps: HashMap::default(),
            masks: Vec::new(),
            wide: false,
            max_bytes,
            // Where nothing is known yet, a row's set takes a look at each follower.
            rows_a_look: (FOLLOWERS_A_LOOK / (automaton.followers_len() + FOLLOWERS_AN_ITEM)).clamp(8, ROWS_A_LOOK),
            transduced: fit_states(automaton),
            scratch: KeptBuffers::default(),
        }
    }

    /// Forgets all sets but that of the end of a partition, and all that is numbered by them.
    pub fn clear(&mut self) {
        self.sets.clear();
        self.groups.clear();
        self.row_steps = HashMap::default();
    }

    /// Clears the tables, so that there is room again; groups may have fewer rows afterwards.
    pub fn make_room(&mut self, full: Full) {
        if full.rows_a_group < self.rows_a_group() {
            self.groups = Groups::new(full.rows_a_group, self.groups.states());
        }
        self.clear();
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
        self.forget_codes(wide);
        self.masks.clone_from(&symbols.masks);
    }

    /// As [`Self::adopt`], for symbols that other tables use too: their codes stay as they are.
    pub fn adopt_as_they_are(&mut self, symbols: &Symbols) {
        let wide = matches!(symbols.codes, Codes::Wide(_));
        if !wide && symbols.masks.is_empty() {
            return;
        }
        if wide || self.wide || !symbols.masks.starts_with(&self.masks) {
            self.forget_codes(wide);
        }
        self.masks.clone_from(&symbols.masks);
    }

    /// Codes are going to mean something else.
    fn forget_codes(&mut self, wide: bool) {
        self.wide = wide;
        self.groups = Groups::new(if wide { 1 } else { MOST_ROWS }, self.groups.states());
        self.clear();
    }

    /// How many rows one look-up is for: 4, 2 or 1.
    #[inline]
    pub fn rows_a_group(&self) -> usize {
        self.groups.symbols.rows()
    }

    /// How many rows a pass may go on before it looks at the limits again.
    pub fn rows_a_look(&self) -> usize {
        self.rows_a_look
    }

    /// Whether there is no room for another group.
    fn check_room(&self) -> Result<(), Full> {
        let (groups, symbols) = (self.groups.len(), self.groups.symbols.len());
        let at_least = self.rows_a_group() > 1 || self.sets.len() >= MIN_SETS || symbols >= MIN_SYMBOLS;
        if self.sets.len() >= MAX_SETS
            || groups + 1 >= usize::from(UNKNOWN_GROUP)
            || symbols + 1 >= UNKNOWN_SYMBOL
            || (at_least && self.table_bytes() > self.max_bytes)
        {
            return Err(Full { rows_a_group: 1 });
        }
        Ok(())
    }

    fn table_bytes(&self) -> usize {
        self.sets.memory_bytes()
            + self.groups.memory_bytes(self.transduced)
            + self.row_steps.capacity() * HASH_ITEM_BYTES
            + self.masks.capacity() * size_of::<VariableSet>()
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.table_bytes() + self.scratch.memory_bytes()
    }

    /// The number of a set, which may be new.
    pub fn intern(&mut self, automaton: &Automaton, set: Box<[u64]>) -> u32 {
        self.sets.intern(automaton, set)
    }

    /// The positions of a set, as bits.
    pub fn set(&self, number: u32) -> &[u64] {
        self.sets.get(number)
    }

    /// Whether a match can begin at a row of this set; `first` for a partition's first row.
    #[inline]
    pub fn begins(&self, number: u32, first: bool) -> bool {
        self.first_choice(number, first) != NOTHING
    }

    /// What a match begins with at a row of this set, as [`Self::choice`] gives it; `first` for a partition's first row.
    #[inline]
    pub fn first_choice(&self, number: u32, first: bool) -> u32 {
        self.sets.first_choice(number, first)
    }

    /// What follows `position` when the next row has set `next`: a position, with its variable in the upper eight bits, or that
    /// the match ends.
    #[inline]
    pub fn choice(&mut self, automaton: &Automaton, position: u32, next: u32) -> u32 {
        self.sets.choice(automaton, position, next)
    }

    /// As [`Self::choice`], or [`super::sets::UNKNOWN`] where it is not at hand.
    #[inline]
    pub(super) fn known_choice(&self, position: u32, next: u32) -> u32 {
        self.sets.known_choice(position, next)
    }

    /// The set of a row with symbol `code` whose next row has set `next`. Looked up where it was asked for before.
    pub fn step_to(&mut self, automaton: &Automaton, next: u32, code: u32) -> Result<u32, Full> {
        if let Some(&known) = self.row_steps.get(&(next, code)) {
            return Ok(known);
        }
        self.check_room()?;
        let set = self.before(automaton, next, code);
        self.row_steps.insert((next, code), set);
        Ok(set)
    }

    fn before(&mut self, automaton: &Automaton, next: u32, code: u32) -> u32 {
        if self.masks.is_empty() {
            return self.sets.before(automaton, next, |variable| code >> variable & 1 == 1);
        }
        let mask = self.masks.get(code as usize).copied().unwrap_or_default();
        self.sets.before(automaton, next, |variable| mask.contains(variable))
    }

    /// Computes the step from a set behind a group of rows, and puts it into the tables.
    ///
    /// Args: the rows' codes, of which missing ones may be any, and the partition borders in the group.
    #[cold]
    #[inline(never)]
    pub fn fill_step(
        &mut self,
        automaton: &Automaton,
        next: u32,
        codes: &[u8],
        borders: Borders,
    ) -> Result<GroupStep, Full> {
        self.check_room()?;
        let symbol = self.groups.symbols.intern(codes, borders);
        let symbol = symbol.map_err(|TooManyClasses| Full { rows_a_group: self.rows_a_group() / 2 })?;
        self.fill_symbol(automaton, next, symbol, codes.iter().map(|&code| u32::from(code)), borders)
    }

    /// As [`Self::fill_step`], for one row with a larger code.
    #[cold]
    #[inline(never)]
    pub fn fill_step_wide(
        &mut self,
        automaton: &Automaton,
        next: u32,
        code: u32,
        borders: Borders,
    ) -> Result<GroupStep, Full> {
        self.check_room()?;
        let symbol = self.groups.symbols.intern_wide(code, borders);
        self.fill_symbol(automaton, next, symbol, std::iter::once(code), borders)
    }

    fn fill_symbol(
        &mut self,
        automaton: &Automaton,
        next: u32,
        symbol: usize,
        codes: impl DoubleEndedIterator<Item = u32> + ExactSizeIterator,
        borders: Borders,
    ) -> Result<GroupStep, Full> {
        let rows = codes.len();
        let (mut sets, mut firsts, mut begins) = ([0; MOST_ROWS], 0, 0);
        let mut set = if borders.begins(rows) { END } else { next };
        for (at, code) in codes.enumerate().rev() {
            set = if at + borders.missing() >= rows {
                END
            } else if rows > 1 {
                self.step_to(automaton, set, code)?
            } else {
                self.before(automaton, set, code)
            };
            sets[at] = set as u16;
            let first = borders.begins(at);
            firsts |= u8::from(first) << at;
            begins |= u8::from(self.begins(set, first)) << at;
            if first {
                set = END;
            }
        }
        let step = GroupStep { set: sets[0], group: self.groups.intern((sets, firsts), begins) };
        self.groups.grow(self.sets.len());
        self.groups.set_step(symbol, next, step);
        Ok(step)
    }
}
