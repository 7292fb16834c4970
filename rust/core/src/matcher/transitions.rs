//! What the transducer does at a group of rows, by the state before it.
//!
//! A state is the position of the row before, or, outside of matches, the number of positions.

use super::groups::GroupItem;
use super::sets::{NOTHING, Sets};
use super::tables::Tables;
use crate::automaton::{ACCEPT, Automaton};

/// The low bits of a choice are its position, the others its variable.
const POSITION: u32 = ACCEPT;
const VARIABLE_SHIFT: u32 = 24;

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
pub fn item(automaton: &Automaton, tables: &mut Tables, group: u16, state: usize) -> GroupItem {
    let (row_sets, firsts) = tables.groups.row_sets(group);
    let (mut state, mut matched) = (state, 0);
    let mut item = GroupItem { state: 0, flags: 0, variables: 0 };
    for (at, set) in row_sets.into_iter().enumerate().take(tables.rows_a_group()) {
        let done = transition(automaton, &mut tables.sets, u32::from(set), firsts >> at & 1 == 1, state);
        state = done.state(automaton);
        let flag = |is_set: bool, shift: u32, at: usize| u16::from(is_set) << shift << at;
        item.flags |= flag(done.begins, GroupItem::BEGINS, at) | flag(done.ends, GroupItem::ENDS, at);
        if let Some(position) = automaton.positions.get(state) {
            item.flags |= flag(true, GroupItem::MATCHED, at) | flag(position.excluded, GroupItem::EXCLUDED, matched);
            item.variables |= done.choice >> VARIABLE_SHIFT << (8 * matched);
            matched += 1;
        }
    }
    item.state = state as u16;
    item
}
