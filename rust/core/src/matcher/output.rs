//! What was found and is not handed on yet: buffers that stay in the processor's first cache.

use super::sink::{Block, Sink};
use crate::automaton::{Automaton, Position};
use crate::budget::{Budget, Stopped};

/// Rows whose answer is collected before it is handed on; a power of two.
pub const ROWS_A_BLOCK: usize = 1024;
/// A power of two, as above, and room for three a row.
pub const ENDS_A_BLOCK: usize = 4 * ROWS_A_BLOCK;

/// Buffers of one block, and how much of them is used.
#[derive(Debug)]
pub struct Buffers {
    pub variables: Vec<u8>,
    pub excluded: Vec<u8>,
    pub starts: Vec<i64>,
    /// A match can end and another be empty at one row, and each partition's last match can end behind its last row.
    pub ends: Vec<i64>,
    pub matched: usize,
    pub started: usize,
    pub ended: usize,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            variables: vec![0; ROWS_A_BLOCK],
            excluded: vec![0; ROWS_A_BLOCK],
            starts: vec![0; ROWS_A_BLOCK],
            ends: vec![0; ENDS_A_BLOCK],
            matched: 0,
            started: 0,
            ended: 0,
        }
    }
}

/// Room for rows, none where the sink wants no rows. Apart from [`Output`], so that the compiler keeps it in registers.
pub struct FreeRows<'f> {
    variables: &'f mut [u8],
    /// Empty where the pattern excludes nothing.
    excluded: &'f mut [u8],
    positions: &'f [Position],
    used: usize,
}

impl FreeRows<'_> {
    /// Adds a row, which is mapped to a variable at a position.
    #[inline]
    pub fn push(&mut self, variable: u8, position: u32) {
        if let Some(free) = self.variables.get_mut(self.used) {
            *free = variable;
            if let Some(free) = self.excluded.get_mut(self.used) {
                *free = u8::from(self.positions[position as usize].excluded);
            }
            self.used += 1;
        }
    }

    /// How many rows were added.
    #[inline]
    pub fn used(&self) -> usize {
        self.used
    }
}

/// Collects what is found, and hands it on to a sink in blocks.
pub struct Output<'o, S> {
    pub(super) sink: &'o mut S,
    pub(super) buffers: Buffers,
    automaton: &'o Automaton,
}

impl<'o, S: Sink> Output<'o, S> {
    /// Empty buffers before a sink.
    pub fn new(automaton: &'o Automaton, sink: &'o mut S) -> Self {
        Self::with(Buffers::default(), automaton, sink)
    }

    /// As [`Self::new`], with buffers from which all was handed on.
    pub(super) fn with(buffers: Buffers, automaton: &'o Automaton, sink: &'o mut S) -> Self {
        Self { sink, buffers, automaton }
    }

    /// The buffers, to be used again.
    pub(super) fn into_buffers(self) -> Buffers {
        self.buffers
    }

    /// For how many rows there is room, at least one.
    #[inline]
    pub fn room(&mut self, budget: &Budget) -> Result<usize, Stopped> {
        if self.buffers.matched == ROWS_A_BLOCK {
            self.hand_on(budget)?;
        }
        Ok(ROWS_A_BLOCK - self.buffers.matched)
    }

    /// The room, to be filled with the next rows of the match that is being found.
    #[inline]
    pub fn free_rows(&mut self) -> FreeRows<'_> {
        let Buffers { variables, excluded, matched, .. } = &mut self.buffers;
        let from = if S::ROWS { *matched } else { variables.len() };
        let of_excluded = if self.automaton.excludes { from } else { excluded.len() };
        FreeRows {
            variables: &mut variables[from..],
            excluded: &mut excluded[of_excluded..],
            positions: &self.automaton.positions,
            used: 0,
        }
    }

    /// Counts rows that were filled in.
    #[inline]
    pub fn advance(&mut self, rows: usize) {
        self.buffers.matched += rows;
    }

    /// Adds the bounds of a match, whose rows have been added.
    #[inline]
    pub fn bounds(&mut self, start: usize, end: usize, budget: &Budget) -> Result<(), Stopped> {
        if self.buffers.started == ROWS_A_BLOCK {
            self.hand_on(budget)?;
        }
        let Buffers { starts, ends, started, ended, .. } = &mut self.buffers;
        (starts[*started], ends[*ended]) = (start as i64, end as i64);
        *started += 1;
        *ended += 1;
        Ok(())
    }

    /// Hands on what there is.
    pub fn hand_on(&mut self, budget: &Budget) -> Result<(), Stopped> {
        let Buffers { variables, excluded, starts, ends, matched, started, ended } = &mut self.buffers;
        let block = Block {
            variables: &variables[..*matched],
            excluded: if self.automaton.excludes { &excluded[..*matched] } else { &[] },
            starts: &starts[..*started],
            ends: &ends[..*ended],
        };
        (*matched, *started, *ended) = (0, 0, 0);
        self.sink.add(block, budget)
    }
}
