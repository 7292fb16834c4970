//! Rows cut into morsels that can be matched apart, with the same result as together.
//!
//! Partitions can always be matched apart. A large partition can be cut where both passes are known without what lies
//! beyond the cut:
//!
//! - *backward*, a row's set follows from the next row's set, and never shrinks when that grows. So from some rows above, the pass is
//!   done twice: as if nothing could follow, and as if everything could. Where both give the same set, it is the true one.
//! - *forward*, from some rows below, all states are followed at once. Where they have become one state, it is the true one,
//!   whatever came before.
//!
//! Most patterns forget what lies a few rows back, so a cut is found within some hundred rows. Those that do not (`(A B)*` on
//! rows that go on so forever) are matched in one morsel.

use std::ops::Range;

use super::context::Context;
use super::group_symbols::MOST_ROWS;
use super::morsels::{Morsel, StateBefore};
use super::sets::END;
use super::tables::{Full, Tables};
use super::transitions::{next_state, outside};
use crate::automaton::Automaton;
use crate::budget::Stopped;
use crate::causes::from_causes;
use crate::rows::Partitions;

/// How many rows around the wanted place a cut is looked for in: at first, and at most.
const NEAR: usize = 1 << 9;
const FAR: usize = 1 << 12;
/// The most steps of states that are tried for a cut: patterns that count have many states that never become one.
const STEPS: usize = 1 << 17;

/// Where a morsel ends and the next begins.
struct Cut {
    row: usize,
    /// The partition that the row is of.
    partition: usize,
    start: StateBefore,
    set: Option<Box<[u64]>>,
}

/// Cuts rows into `count` morsels of about the same size, or fewer. Large partitions are cut only when `inside` says so.
pub fn cut_into_morsels(
    context: &mut Context<'_>,
    partitions: &Partitions,
    count: usize,
    inside: bool,
) -> Result<Vec<Morsel>, Stopped> {
    let rows = partitions.rows();
    let count = count.min(rows);
    let mut found = Vec::with_capacity(count);
    let mut last = Cut { row: 0, partition: 0, start: StateBefore::Partition, set: None };
    for number in 1..count {
        let wanted = rows / count * number;
        let Some(cut) = cut(context, partitions, wanted, rows / count / 4, inside.then_some(last.row))? else {
            continue;
        };
        if cut.row <= last.row {
            continue;
        }
        let beyond = cut.partition + usize::from(cut.set.is_some());
        found.push(Morsel {
            partitions: last.partition..beyond,
            low: last.row,
            high: cut.row,
            start: last.start,
            set: cut.set.clone(),
        });
        last = cut;
    }
    let Cut { row, partition, start, .. } = last;
    found.push(Morsel { partitions: partition..partitions.len(), low: row, high: rows, start, set: None });
    Ok(found)
}

fn cut(
    context: &mut Context<'_>,
    partitions: &Partitions,
    wanted: usize,
    tolerance: usize,
    inside: Option<usize>,
) -> Result<Option<Cut>, Stopped> {
    let partition = partitions.of_row(wanted);
    let (begin, end) = partitions.bounds(partition);
    let border = |row, partition| Ok(Some(Cut { row, partition, start: StateBefore::Partition, set: None }));
    let (before, behind) = (wanted - begin, end - wanted);
    let Some(last) = inside.filter(|_| before.min(behind) > tolerance) else {
        return if before <= behind { border(begin, partition) } else { border(end, partition + 1) };
    };
    let mut reach = NEAR;
    while reach <= FAR {
        // Tables that are full are cleared and tried once more.
        let mut result = cut_near(context, (begin, end), wanted, reach, last);
        if let Err(Unknown::Full(full)) = result {
            context.tables.make_room(full);
            result = cut_near(context, (begin, end), wanted, reach, last);
        }
        match result {
            Ok(Some((row, state, set))) => {
                return Ok(Some(Cut { row, partition, start: StateBefore::State(state), set: Some(set) }));
            }
            Err(Unknown::Stopped(reason)) => return Err(reason),
            Ok(None) | Err(Unknown::Full(_)) => {}
        }
        context.check()?;
        reach *= 8;
    }
    Ok(None)
}

/// A row, the state before it, and its set.
type Known = (usize, usize, Box<[u64]>);

/// Why a cut is not known.
enum Unknown {
    /// The tables have no room for the sets.
    Full(Full),
    /// The search ends.
    Stopped(Stopped),
}

from_causes!(Unknown { Full(Full), Stopped(Stopped) });

/// Looks for a row around one of a partition's where both passes are known, and that lies whole groups behind the cut before.
fn cut_near(
    context: &mut Context<'_>,
    (begin, end): (usize, usize),
    wanted: usize,
    reach: usize,
    before: usize,
) -> Result<Option<Known>, Unknown> {
    let automaton = context.automaton;
    let rows_a_look = context.tables.rows_a_look();
    let (low, high) = (begin.max(wanted - reach.min(wanted)), end.min(wanted + 2 * reach));
    let sets = known_sets(context, low..high, high == end)?;
    let is_first = low == begin;
    let mut states: Vec<usize> = if is_first { vec![outside(automaton)] } else { (0..=outside(automaton)).collect() };
    let (mut steps, mut steps_before_look) = (0, 0);
    for (at, pair) in sets.windows(2).enumerate() {
        steps += states.len();
        if steps > STEPS {
            break;
        }
        if steps - steps_before_look > rows_a_look {
            steps_before_look = steps;
            context.check()?;
        }
        for state in &mut states {
            *state = next_state(automaton, context.tables, pair[0], is_first && at == 0, *state);
        }
        states.sort_unstable();
        states.dedup();
        let row = low + at + 1;
        if let [state] = states[..]
            && row > before
            && (row - before).is_multiple_of(MOST_ROWS)
        {
            return Ok(Some((row, state, Box::from(context.tables.set(pair[1])))));
        }
    }
    Ok(None)
}

/// The sets of rows from the first of these on, as far as these rows alone say them, or that the last of them ends a partition.
fn known_sets(context: &mut Context<'_>, rows: Range<usize>, end_partition: bool) -> Result<Vec<u32>, Unknown> {
    let Context { automaton, symbols, .. } = *context;
    let rows_a_look = context.tables.rows_a_look();
    let tables = &mut *context.tables;
    let (mut least, mut most) =
        if end_partition { (END, END) } else { (nothing(automaton, tables), all(automaton, tables)) };
    let mut sets = vec![None; rows.len()];
    for row in rows.clone().rev() {
        if (rows.end - row).is_multiple_of(rows_a_look) {
            context.check()?;
        }
        let tables = &mut *context.tables;
        let same = least == most;
        most = tables.step_to(automaton, most, symbols.code(row))?;
        least = if same { most } else { tables.step_to(automaton, least, symbols.code(row))? };
        if least == most {
            sets[row - rows.start] = Some(most);
        }
    }
    // Once both are the same they stay so, going down.
    Ok(sets.into_iter().map_while(|set| set).collect())
}

/// The set of the first of these rows, which are of one partition; None where rows behind them decide about it, or tables get full.
///
/// `end_partition`: the last of them is the partition's last.
pub fn set_of_row(
    context: &mut Context<'_>,
    rows: Range<usize>,
    end_partition: bool,
) -> Result<Option<Box<[u64]>>, Stopped> {
    match known_sets(context, rows, end_partition) {
        Ok(sets) => Ok(sets.first().map(|&set| Box::from(context.tables.set(set)))),
        Err(Unknown::Full(full)) => {
            context.tables.make_room(full);
            Ok(None)
        }
        Err(Unknown::Stopped(reason)) => Err(reason),
    }
}

/// A row at which rows are cut: the row, the state before it, and its set.
pub type CutRow = (usize, StateBefore, Box<[u64]>);

/// A row around one of a partition's where both passes are known, whole groups behind row 0; None where there is none near.
///
/// Args: the partition's first row, and the one behind its last; the row; and how many rows before it are looked at.
pub fn cut_around(
    context: &mut Context<'_>,
    partition: (usize, usize),
    wanted: usize,
    reach: usize,
) -> Result<Option<CutRow>, Stopped> {
    match cut_near(context, partition, wanted, reach, 0) {
        Ok(found) => Ok(found.map(|(row, state, set)| (row, StateBefore::State(state), set))),
        Err(Unknown::Full(full)) => {
            context.tables.make_room(full);
            Ok(None)
        }
        Err(Unknown::Stopped(reason)) => Err(reason),
    }
}

/// No position.
fn nothing(automaton: &Automaton, tables: &mut Tables) -> u32 {
    tables.intern(automaton, vec![0; automaton.positions.len().div_ceil(64)].into_boxed_slice())
}

/// Every position.
fn all(automaton: &Automaton, tables: &mut Tables) -> u32 {
    let mut set = vec![0_u64; automaton.positions.len().div_ceil(64)];
    for position in 0..automaton.positions.len() {
        set[position >> 6] |= 1 << (position & 63);
    }
    tables.intern(automaton, set.into_boxed_slice())
}
