//! What the transducer does at a group of rows, by the state before it, as one number.
//!
//! A state is the position of the row before, or, outside of matches, the number of positions.

use super::sets::{NOTHING, Sets};
use super::tables::Tables;
use crate::automaton::{ACCEPT, Automaton};

/// The most positions: for each group there is a row of all states.
const MAX_POSITIONS: usize = 512;

// The parts of an item. Bits of rows stand in the order of the rows; bits and variables of matched rows, without those between.
/// The state behind the group.
pub const STATE: u64 = 0x7FF;
/// Which of the matched rows stand in an exclusion.
pub const EXCLUDED_SHIFT: u32 = 11;
/// How many rows belong to a match.
pub const MATCHED_SHIFT: u32 = 15;
pub const MATCHED: u64 = 7;
/// At which rows a match begins.
pub const BEGINS_SHIFT: u32 = 18;
/// Before which rows a match ends.
pub const ENDS_SHIFT: u32 = 22;
/// Before which rows an empty match stands; it begins there too.
pub const EMPTIES_SHIFT: u32 = 26;
/// The variables of the matched rows, a byte each.
pub const VARIABLES_SHIFT: u32 = 32;

/// The low bits of a choice are its position, the others its variable.
const POSITION: u32 = ACCEPT;
const VARIABLE_SHIFT: u32 = 24;

/// Whether states of an automaton fit into items.
pub fn fit(automaton: &Automaton) -> bool {
    automaton.positions.len() <= MAX_POSITIONS
}

/// The state of rows that belong to no match.
pub fn outside(automaton: &Automaton) -> usize {
    automaton.positions.len()
}

/// What happens at a row.
struct Transition {
    /// A match ends before the row.
    ends: bool,
    /// A match begins at the row.
    begins: bool,
    /// What the row is mapped to, or that an empty match stands before it, or that no match is there.
    choice: u32,
}

impl Transition {
    fn state(&self, automaton: &Automaton) -> usize {
        if self.choice == ACCEPT || self.choice == NOTHING {
            outside(automaton)
        } else {
            (self.choice & POSITION) as usize
        }
    }
}

fn transition(automaton: &Automaton, sets: &mut Sets, set: u32, is_first: bool, state: usize) -> Transition {
    let in_match = state < outside(automaton);
    if in_match && !is_first {
        let choice = sets.choice(automaton, state as u32, set);
        if choice != ACCEPT {
            return Transition { ends: false, begins: false, choice };
        }
    }
    let choice = sets.first_choice(set, is_first);
    Transition { ends: in_match, begins: choice != NOTHING, choice }
}

/// The state behind a row of this set; `is_first` for a partition's first row.
pub fn next_state(automaton: &Automaton, tables: &mut Tables, set: u32, is_first: bool, state: usize) -> usize {
    transition(automaton, &mut tables.sets, set, is_first, state).state(automaton)
}

/// Computes the item of a group and the state before it.
pub fn item(automaton: &Automaton, tables: &mut Tables, group: u16, state: usize) -> u64 {
    let (row_sets, firsts) = tables.groups.row_sets(group);
    let (mut item, mut matched, mut state) = (0, 0, state);
    for (at, set) in row_sets.into_iter().enumerate().take(tables.rows_a_group()) {
        let done = transition(automaton, &mut tables.sets, u32::from(set), firsts >> at & 1 == 1, state);
        state = done.state(automaton);
        item |= u64::from(done.ends) << ENDS_SHIFT << at | u64::from(done.begins) << BEGINS_SHIFT << at;
        item |= u64::from(done.choice == ACCEPT) << EMPTIES_SHIFT << at;
        if let Some(position) = automaton.positions.get(state) {
            item |= u64::from(done.choice >> VARIABLE_SHIFT) << (VARIABLES_SHIFT + 8 * matched);
            item |= u64::from(position.excluded) << (EXCLUDED_SHIFT + matched);
            matched += 1;
        }
    }
    item | u64::from(matched) << MATCHED_SHIFT | state as u64
}
