//! The forward pass without branches, for the common case: matches that do not overlap.
//!
//! [`super::forward`] follows a match in one loop and [`super::scan`] looks for the next start in another; on rows where matches
//! are short, the processor cannot guess when a loop ends, and guessing wrong costs more than the look-ups. Here both loops are
//! one transducer (an automaton with outputs). Its state is the position of the row before, or [`Transitions::outside`], or
//! [`Transitions::before`]; the state and the set of the next row give, in one look-up, the next state and whether a match ends
//! before the row, begins at it, or is empty there, and whether the row is excluded. What a row adds to the answer is always
//! written, and kept by moving the end of the answer on by 0 or 1.
//!
//! [`Transitions::outside`]: super::transitions::Transitions::outside
//! [`Transitions::before`]: super::transitions::Transitions::before

use super::backward::BackwardPass;
use super::context::Context;
use super::morsels::{Morsel, StateBefore};
use super::output::{Buffers, ENDS_A_BLOCK, Output, ROWS_A_BLOCK};
use super::sink::Sink;
use super::tables::{NOTHING, Tables, UNKNOWN};
use super::transitions::{BEGINS, EMPTY, ENDS, EXCLUDED, IN_MATCH, STATE, VARIABLE_SHIFT};
use crate::automaton::{ACCEPT, Automaton};
use crate::budget::Stopped;
use crate::rows::{Partitions, Skip};

/// The most positions: the table has a row of all states for each set.
const MAX_POSITIONS: usize = 512;

/// Whether this pass can do a search.
pub fn serves(automaton: &Automaton, skip: Skip) -> bool {
    skip == Skip::PastLastRow && automaton.positions.len() <= MAX_POSITIONS
}

/// The state behind a row of this set.
pub fn next_state(automaton: &Automaton, tables: &mut Tables, set: u32, state: usize) -> usize {
    (fill(automaton, tables, set, state) & STATE) as usize
}

/// Finds the matches of a morsel, skipping past the last row of each. A match that reaches over the morsel's end is
/// begun in it and ended in the next.
pub fn run<S: Sink>(
    context: &mut Context<'_>,
    partitions: &Partitions,
    morsel: &Morsel,
    sink: &mut S,
) -> Result<(), Stopped> {
    let mut backward = BackwardPass::default();
    let mut output = Output::new(context.automaton, sink);
    let (mut rows, mut rows_since_look) = (0, 0);
    let rows_a_look = context.tables.rows_a_look();
    let mut start = morsel.start;
    for partition in morsel.partitions.clone() {
        // An empty partition takes time too.
        rows_since_look += 1;
        if rows_since_look > rows_a_look {
            rows_since_look = 0;
            context.check()?;
        }
        let (begin, end, end_set) = morsel.rows_of(partitions, partition);
        if begin == end {
            continue;
        }
        backward.prepare(context, begin, end, end_set)?;
        let mut state = match std::mem::replace(&mut start, StateBefore::Partition) {
            StateBefore::Partition => context.tables.transitions.before(),
            StateBefore::State(state) => state,
        };
        let mut matches = 0;
        let mut row = begin;
        while row < end {
            backward.reach(context, begin, row)?;
            if rows == ROWS_A_BLOCK {
                output.hand_on(context.budget)?;
                rows = 0;
            }
            let stop = backward.high().min(row + (ROWS_A_BLOCK - rows).min(rows_a_look));
            let numbers = &backward.numbers_from(row)[..stop - row];
            let buffers = &mut output.buffers;
            let before = buffers.started;
            if context.automaton.excludes {
                follow::<true>(context.automaton, context.tables, numbers, row, &mut state, buffers);
            } else {
                follow::<false>(context.automaton, context.tables, numbers, row, &mut state, buffers);
            }
            matches += buffers.started - before;
            rows += stop - row;
            rows_since_look += stop - row;
            row = stop;
            if rows_since_look > rows_a_look {
                rows_since_look = 0;
                context.check()?;
            }
        }
        if end_set.is_none() {
            // Written in any case, as in `follow`: whether the last match reaches the end cannot be guessed.
            let Buffers { ends, ended, .. } = &mut output.buffers;
            ends[*ended] = end as i64;
            *ended += usize::from(state < context.tables.transitions.outside());
        }
        output.sink.add_partition(partition, matches, context.budget)?;
    }
    output.hand_on(context.budget)?;
    backward.release(context.budget);
    Ok(())
}

/// Goes over rows that fit into the rest of the block. `EXCLUDES`: whether the pattern has exclusions.
#[inline]
fn follow<const EXCLUDES: bool>(
    automaton: &Automaton,
    tables: &mut Tables,
    numbers: &[u16],
    first_row: usize,
    state: &mut usize,
    buffers: &mut Buffers,
) {
    let states = tables.transitions.states;
    let needed = tables.sets_len() * states;
    if tables.transitions.items.len() < needed {
        tables.transitions.items.resize(needed, UNKNOWN);
    }
    let Buffers { mut matched, mut started, mut ended, .. } = *buffers;
    let mut current = *state;
    // Slices of known lengths and masked indices let the compiler leave out bounds checks: at most one row, one start
    // and three ends a row are written, so the masks never change an index.
    let variables: &mut [u8; ROWS_A_BLOCK] = buffers.variables.first_chunk_mut().expect("allocated so");
    let excluded: &mut [u8; ROWS_A_BLOCK] = buffers.excluded.first_chunk_mut().expect("allocated so");
    let starts: &mut [i64; ROWS_A_BLOCK] = buffers.starts.first_chunk_mut().expect("allocated so");
    let ends: &mut [i64; ENDS_A_BLOCK] = buffers.ends.first_chunk_mut().expect("allocated so");
    for (offset, &set) in numbers.iter().enumerate() {
        let row = first_row + offset;
        let at = usize::from(set) * states + current;
        let mut item = tables.transitions.items[at];
        if item == UNKNOWN {
            item = fill(automaton, tables, u32::from(set), current);
            tables.transitions.items[at] = item;
        }
        current = (item & STATE) as usize;
        variables[matched & (ROWS_A_BLOCK - 1)] = (item >> VARIABLE_SHIFT) as u8;
        if EXCLUDES {
            excluded[matched & (ROWS_A_BLOCK - 1)] = u8::from(item & EXCLUDED != 0);
        }
        matched += usize::from(item & IN_MATCH != 0);
        starts[started & (ROWS_A_BLOCK - 1)] = row as i64;
        started += usize::from(item & BEGINS != 0);
        ends[ended & (ENDS_A_BLOCK - 1)] = row as i64;
        ended += usize::from(item & ENDS != 0);
        ends[ended & (ENDS_A_BLOCK - 1)] = row as i64;
        ended += usize::from(item & EMPTY != 0);
    }
    *state = current;
    (buffers.matched, buffers.started, buffers.ended) = (matched, started, ended);
}

#[cold]
#[inline(never)]
fn fill(automaton: &Automaton, tables: &mut Tables, set: u32, state: usize) -> u32 {
    let outside = tables.transitions.outside();
    let mapped = |choice: u32| {
        // Where a cut is looked for, all states are followed, also those from which nothing is viable: no position comes then.
        let excluded = automaton.positions.get((choice & STATE) as usize).is_some_and(|position| position.excluded);
        (choice & STATE) | (choice >> 24) << VARIABLE_SHIFT | IN_MATCH | if excluded { EXCLUDED } else { 0 }
    };
    let mut ends = 0;
    if state < outside {
        let choice = tables.choice(automaton, state as u32, set);
        if choice != ACCEPT {
            return mapped(choice);
        }
        ends = ENDS;
    }
    match tables.first_choice(set, state != outside && ends == 0) {
        NOTHING => outside as u32 | ends,
        ACCEPT => outside as u32 | ends | BEGINS | EMPTY,
        choice => mapped(choice) | BEGINS | ends,
    }
}
