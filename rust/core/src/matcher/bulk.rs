//! The forward pass without branches, for the common case: matches that do not overlap.
//!
//! [`super::scan`] follows a match in one loop and looks for the next start in another; on rows where matches are short, the
//! processor cannot guess when a loop ends, and guessing wrong costs more than the look-ups. Here both loops are one
//! automaton: its state is the position of the row before, or [`Bulk::outside`], or [`Bulk::before`]; the state and the set of the
//! next row give, in one look-up, the next state and whether a match ends before the row, begins at it, or is empty there.
//! What a row adds to the answer is always written, and kept by moving the end of the answer on by 0 or 1.

use super::budget::{Budget, Stopped};
use super::scan::Partitions;
use super::shares::Share;
use super::skip::Skip;
use super::tables::{NOTHING, Tables, UNKNOWN};
use super::viability::{Context, Viability};
use crate::automaton::{ACCEPT, Automaton};

/// Rows whose answer is collected before it is handed on; the buffers then stay in the first cache.
const ROWS_A_BLOCK: usize = 1024;
/// A power of two, as above, and room for three a row.
const ENDS_A_BLOCK: usize = 4 * ROWS_A_BLOCK;

// An item of the table: the next state, the row's variable, and what happens.
const STATE: u32 = 0xFFFF;
const VARIABLE_SHIFT: u32 = 16;
const IN_MATCH: u32 = 1 << 24;
const BEGINS: u32 = 1 << 25;
const ENDS: u32 = 1 << 26;
const EMPTY: u32 = 1 << 27;

/// Up to so many positions, the table has a row of all states for each set.
const MAX_POSITIONS: usize = 512;

/// Whether this pass can do a search.
pub fn serves(automaton: &Automaton, skip: Skip) -> bool {
    skip == Skip::PastLastRow && automaton.positions.len() <= MAX_POSITIONS
}

/// What the pass is doing before a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The row is a partition's first.
    Partition,
    /// The state of the row before, which is of the same partition.
    State(usize),
}

/// All states that there can be before a row.
pub fn states_before(automaton: &Automaton, first: bool) -> Vec<usize> {
    let positions = automaton.positions.len();
    if first { vec![positions + 1] } else { (0..=positions).collect() }
}

/// The state behind a row of this set.
pub fn next_state(automaton: &Automaton, tables: &mut Tables, set: u32, state: usize) -> usize {
    tables.bulk.states = automaton.positions.len() + 2;
    (fill(automaton, tables, set, state) & STATE) as usize
}

/// Takes what a block of rows adds.
pub trait BulkSink {
    /// `variables` of the next matched rows; `starts` of matches that begin, and `ends` of matches that end, in order:
    /// a match's end may come in a later block than its start.
    fn block(&mut self, variables: &[u8], starts: &[i64], ends: &[i64], budget: &Budget) -> Result<(), Stopped>;
    /// So many more matches are of a partition, now or at an end of the rows; their ends may still come.
    fn partition(&mut self, partition: usize, matches: usize, budget: &Budget) -> Result<(), Stopped>;
}

/// The table of the joined automaton, for one [`Tables`].
#[derive(Debug, Default)]
pub struct Bulk {
    /// At `set * states + state`.
    items: Vec<u32>,
    states: usize,
}

impl Bulk {
    /// The state of rows that belong to no match.
    fn outside(&self) -> usize {
        self.states - 2
    }

    /// The state before a partition's first row, where `^` holds.
    fn before(&self) -> usize {
        self.states - 1
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.items.capacity() * size_of::<u32>()
    }
}

/// Buffers of one block, and how much of them is used.
struct Block {
    variables: Vec<u8>,
    starts: Vec<i64>,
    /// A match can end and another be empty at one row, and each partition's last match can end behind its last row.
    ends: Vec<i64>,
    rows: usize,
    matched: usize,
    started: usize,
    ended: usize,
}

impl Block {
    fn new() -> Self {
        Self {
            variables: vec![0; ROWS_A_BLOCK],
            starts: vec![0; ROWS_A_BLOCK],
            ends: vec![0; ENDS_A_BLOCK],
            rows: 0,
            matched: 0,
            started: 0,
            ended: 0,
        }
    }

    fn hand_on(&mut self, sink: &mut impl BulkSink, budget: &Budget) -> Result<(), Stopped> {
        sink.block(&self.variables[..self.matched], &self.starts[..self.started], &self.ends[..self.ended], budget)?;
        (self.rows, self.matched, self.started, self.ended) = (0, 0, 0, 0);
        Ok(())
    }
}

/// Finds the matches of a share, skipping past the last row of each. A match that reaches over the share's end is
/// begun in it and ended in the next.
pub fn run(
    context: &mut Context<'_>,
    partitions: &Partitions,
    share: &Share,
    sink: &mut impl BulkSink,
) -> Result<(), Stopped> {
    let mut viability = Viability::default();
    let mut block = Block::new();
    let mut rows_since_look = 0;
    let rows_a_look = context.tables.rows_a_look();
    context.tables.bulk.states = context.automaton.positions.len() + 2;
    let mut start = share.start;
    for partition in share.partitions.clone() {
        // An empty partition takes time too.
        rows_since_look += 1;
        if rows_since_look > rows_a_look {
            rows_since_look = 0;
            context.check()?;
        }
        let (begin, end, end_set) = share.rows_of(partitions, partition);
        if begin == end {
            continue;
        }
        viability.prepare(context, begin, end, end_set)?;
        let mut state = match std::mem::replace(&mut start, Start::Partition) {
            Start::Partition => context.tables.bulk.before(),
            Start::State(state) => state,
        };
        let mut matches = 0;
        let mut row = begin;
        while row < end {
            if row < viability.low || row >= viability.high {
                viability.load(context, begin, row)?;
            }
            if block.rows == ROWS_A_BLOCK {
                block.hand_on(sink, context.budget)?;
            }
            let stop = viability.high.min(row + (ROWS_A_BLOCK - block.rows).min(rows_a_look));
            let numbers = &viability.numbers_from(row)[..stop - row];
            let before = block.started;
            follow(context.automaton, context.tables, numbers, row, &mut state, &mut block);
            matches += block.started - before;
            rows_since_look += stop - row;
            row = stop;
            if rows_since_look > rows_a_look {
                rows_since_look = 0;
                context.check()?;
            }
        }
        if end_set.is_none() {
            block.ends[block.ended] = end as i64;
            block.ended += usize::from(state < context.tables.bulk.outside());
        }
        sink.partition(partition, matches, context.budget)?;
    }
    block.hand_on(sink, context.budget)?;
    viability.release(context.budget);
    Ok(())
}

/// Goes over rows that fit into the rest of the block.
#[inline]
fn follow(
    automaton: &Automaton,
    tables: &mut Tables,
    numbers: &[u16],
    first_row: usize,
    state: &mut usize,
    block: &mut Block,
) {
    let needed = tables.sets_len() * tables.bulk.states;
    if tables.bulk.items.len() < needed {
        tables.bulk.items.resize(needed, UNKNOWN);
    }
    let Block { rows, mut matched, mut started, mut ended, .. } = *block;
    let mut current = *state;
    let states = tables.bulk.states;
    // Slices of known lengths and masked indices let the compiler leave out bounds checks: at most one row, one start
    // and three ends a row are written, so the masks never change an index.
    let variables: &mut [u8; ROWS_A_BLOCK] = block.variables.first_chunk_mut().expect("allocated so");
    let starts: &mut [i64; ROWS_A_BLOCK] = block.starts.first_chunk_mut().expect("allocated so");
    let ends: &mut [i64; ENDS_A_BLOCK] = block.ends.first_chunk_mut().expect("allocated so");
    for (offset, &set) in numbers.iter().enumerate() {
        let row = first_row + offset;
        let at = usize::from(set) * states + current;
        let mut item = tables.bulk.items[at];
        if item == UNKNOWN {
            item = fill(automaton, tables, u32::from(set), current);
            tables.bulk.items[at] = item;
        }
        current = (item & STATE) as usize;
        variables[matched & (ROWS_A_BLOCK - 1)] = (item >> VARIABLE_SHIFT) as u8;
        matched += usize::from(item & IN_MATCH != 0);
        starts[started & (ROWS_A_BLOCK - 1)] = row as i64;
        started += usize::from(item & BEGINS != 0);
        ends[ended & (ENDS_A_BLOCK - 1)] = row as i64;
        ended += usize::from(item & ENDS != 0);
        ends[ended & (ENDS_A_BLOCK - 1)] = row as i64;
        ended += usize::from(item & EMPTY != 0);
    }
    *state = current;
    block.rows = rows + numbers.len();
    (block.matched, block.started, block.ended) = (matched, started, ended);
}

#[cold]
#[inline(never)]
fn fill(automaton: &Automaton, tables: &mut Tables, set: u32, state: usize) -> u32 {
    let outside = tables.bulk.outside();
    let mut ends = 0;
    if state < outside {
        let choice = tables.choice(automaton, state as u32, set);
        if choice != ACCEPT {
            return (choice & STATE) | (choice >> 24) << VARIABLE_SHIFT | IN_MATCH;
        }
        ends = ENDS;
    }
    match tables.start[usize::from(state == outside || ends != 0)][set as usize] {
        NOTHING => outside as u32 | ends,
        ACCEPT => outside as u32 | ends | BEGINS | EMPTY,
        choice => (choice & STATE) | (choice >> 24) << VARIABLE_SHIFT | IN_MATCH | BEGINS | ends,
    }
}
