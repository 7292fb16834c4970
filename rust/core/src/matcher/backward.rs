//! The backward pass: for each row, the set of co-accessible positions: those that can consume it and still reach Accept.
//!
//! The pass keeps one set number a row. When the tables fill up, the numbers kept so far would lose their meaning,
//! so the pass notes a *checkpoint* (a row and its set, in full), clears the tables and goes on. Afterwards the rows
//! below the last checkpoint have numbers; the forward pass asks for others as it reaches them, and the
//! stretch between two checkpoints is computed once more, from the upper one. Each row is thus computed at most
//! twice by a forward pass that only moves on, in memory of one number a row and one table.

use super::context::Context;
use super::tables::{END, Full, GROUPED_SETS, Tables, UNKNOWN, UNKNOWN_GROUP};
use crate::automaton::Automaton;
use crate::budget::{Budget, Stopped};
use crate::rows::Codes;

/// Numbers of the sets of a stretch of rows of one partition.
#[derive(Debug, Default)]
pub struct BackwardPass {
    /// Numbers of the rows `low..high`.
    numbers: Vec<u16>,
    low: usize,
    high: usize,
    /// The row behind the last that was asked for, and its set; None where the partition ends there.
    end: usize,
    end_set: Option<Box<[u64]>>,
    /// Rows in falling order, each with its set; below each, tables were cleared.
    checkpoints: Vec<(usize, Box<[u64]>)>,
    /// Bytes that are charged for them.
    checkpoint_bytes: usize,
}

impl BackwardPass {
    /// Computes rows of a partition; afterwards the first of them has a number.
    ///
    /// Args: the rows, and the set of row `end`; None where the partition ends there.
    pub fn prepare(
        &mut self,
        context: &mut Context<'_>,
        begin: usize,
        end: usize,
        end_set: Option<&[u64]>,
    ) -> Result<(), Stopped> {
        self.forget_checkpoints(context.budget);
        self.end = end;
        self.end_set = end_set.map(Box::from);
        let from = self.end_number(context);
        self.stretch(context, begin, end, from)
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(&mut self, budget: &Budget) {
        budget.release_vector(&self.numbers);
        self.numbers = Vec::new();
        self.forget_checkpoints(budget);
    }

    fn forget_checkpoints(&mut self, budget: &Budget) {
        if self.checkpoint_bytes > 0 {
            self.checkpoints.clear();
            budget.release(std::mem::take(&mut self.checkpoint_bytes));
        }
    }

    /// The number of the set behind the last row.
    fn end_number(&self, context: &mut Context<'_>) -> u32 {
        self.end_set.as_ref().map_or(END, |set| context.tables.intern(context.automaton, set.clone()))
    }

    /// The set number of a row that lies in `low..high`.
    #[inline]
    pub fn number(&self, row: usize) -> u32 {
        u32::from(self.numbers[row - self.low])
    }

    /// The row behind the last that has a number.
    #[inline]
    pub fn high(&self) -> usize {
        self.high
    }

    /// Makes sure that `row`, of the same partition, has a number.
    #[inline]
    pub fn reach(&mut self, context: &mut Context<'_>, begin: usize, row: usize) -> Result<(), Stopped> {
        if row < self.low || row >= self.high {
            self.load(context, begin, row)?;
        }
        Ok(())
    }

    /// The numbers of the rows `from..high`.
    pub fn numbers_from(&self, from: usize) -> &[u16] {
        &self.numbers[from - self.low..self.high - self.low]
    }

    #[cold]
    fn load(&mut self, context: &mut Context<'_>, begin: usize, row: usize) -> Result<(), Stopped> {
        let above = self.checkpoints.partition_point(|&(at, _)| at > row);
        let low = self.checkpoints.get(above).map_or(begin, |&(at, _)| at);
        context.tables.clear();
        let (high, from) = match above.checked_sub(1).map(|at| &self.checkpoints[at]) {
            Some((at, set)) => (*at, context.tables.intern(context.automaton, set.clone())),
            None => (self.end, self.end_number(context)),
        };
        // The stretch fitted into one table before; should it not now, more checkpoints are noted.
        self.stretch(context, low, high, from)
    }

    /// Computes `begin..high` from the set of row `high`.
    #[inline]
    fn stretch(
        &mut self,
        context: &mut Context<'_>,
        begin: usize,
        mut high: usize,
        mut from: u32,
    ) -> Result<(), Stopped> {
        let mut row = high;
        if self.numbers.len() < high - begin {
            // What stands there is not needed, so it is not copied.
            context.budget.release_vector(&self.numbers);
            self.numbers = Vec::new();
            self.numbers = context.budget.zeroed(high - begin)?;
        }
        let rows_a_look = context.tables.rows_a_look();
        while row > begin {
            let low = begin.max(row.saturating_sub(rows_a_look));
            let numbers = &mut self.numbers[low - begin..row - begin];
            match &context.symbols.codes {
                Codes::Bytes(codes) => {
                    let (automaton, tables, codes) = (context.automaton, &mut *context.tables, &codes[low..row]);
                    match tables.group() {
                        _ if context.symbols.len() < GROUPED_ROWS => {}
                        4 => grouped_pass::<4>(automaton, tables, codes, numbers, &mut row, &mut from),
                        2 => grouped_pass::<2>(automaton, tables, codes, numbers, &mut row, &mut from),
                        _ => {}
                    }
                    if row > low {
                        // What is left, be it all.
                        let (codes, numbers) = (&codes[..row - low], &mut numbers[..row - low]);
                        narrow_pass(automaton, tables, codes, numbers, &mut row, &mut from);
                    }
                }
                Codes::Wide(codes) => {
                    wide_pass(context.automaton, context.tables, &codes[low..row], numbers, &mut row, &mut from);
                }
            }
            if row > low {
                let set = Box::from(context.tables.set(from));
                context.tables.clear();
                if row < high {
                    self.note(context.budget, row, &set)?;
                    high = row;
                }
                from = if row == self.end {
                    self.end_number(context)
                } else {
                    context.tables.intern(context.automaton, set)
                };
            }
            if row > begin {
                context.check()?;
            }
        }
        self.low = begin;
        self.high = high;
        Ok(())
    }

    fn note(&mut self, budget: &Budget, row: usize, set: &[u64]) -> Result<(), Stopped> {
        let bytes = size_of::<(usize, Box<[u64]>)>() * 2 + size_of_val(set).next_multiple_of(32);
        budget.charge(bytes)?;
        self.checkpoint_bytes += bytes;
        let at = self.checkpoints.partition_point(|&(other, _)| other > row);
        self.checkpoints.insert(at, (row, Box::from(set)));
        Ok(())
    }
}

/// Inputs of fewer rows do not pay for filling the table of grouped steps.
const GROUPED_ROWS: usize = 4096;

/// As [`narrow_pass`], `N` rows a look-up: the pass waits for one look-up to end before the next can begin, so
/// fewer look-ups are less waiting. Leaves less than `N` rows, more when the tables are full.
fn grouped_pass<const N: usize>(
    automaton: &Automaton,
    tables: &mut Tables,
    codes: &[u8],
    numbers: &mut [u16],
    row: &mut usize,
    from: &mut u32,
) {
    let shift = tables.shift;
    let mut set = *from;
    tables.grow_groups();
    for (codes, numbers) in codes.rchunks_exact(N).zip(numbers.rchunks_exact_mut(N)) {
        let group = codes.iter().fold(0, |group, &code| group << shift | usize::from(code));
        let at = (set as usize) << 8 | group;
        let mut sets = tables.grouped_step.get(at).copied().unwrap_or(UNKNOWN_GROUP);
        if sets == UNKNOWN_GROUP {
            if (set as usize) < GROUPED_SETS {
                match tables.fill_group(automaton, set, codes, at) {
                    Ok(filled) => sets = filled,
                    Err(Full) => break,
                }
            } else {
                let (mut left, mut last) = (N, set);
                narrow_pass(automaton, tables, codes, numbers, &mut left, &mut last);
                if left > 0 {
                    break;
                }
                set = last;
                *row -= N;
                continue;
            }
        }
        for (at, number) in numbers.iter_mut().enumerate() {
            *number = (sets >> (16 * at)) as u16;
        }
        set = u32::from(sets as u16);
        *row -= N;
    }
    *from = set;
}

/// Goes down over `codes`; stops early, with `row` and `from` at the last row computed, when the tables are full.
fn narrow_pass(
    automaton: &Automaton,
    tables: &mut Tables,
    codes: &[u8],
    numbers: &mut [u16],
    row: &mut usize,
    from: &mut u32,
) {
    let shift = tables.shift;
    let mut state = *from << shift;
    for (code, number) in codes.iter().zip(numbers.iter_mut()).rev() {
        let mut next = tables.step[state as usize | usize::from(*code)];
        if next == UNKNOWN {
            match tables.fill_step(automaton, state >> shift, u32::from(*code)) {
                Ok(set) => next = set << shift,
                Err(Full) => break,
            }
        }
        *number = (next >> shift) as u16;
        state = next;
        *row -= 1;
    }
    *from = state >> shift;
}

/// As [`narrow_pass`], for symbols that are more than a byte.
fn wide_pass(
    automaton: &Automaton,
    tables: &mut Tables,
    codes: &[u32],
    numbers: &mut [u16],
    row: &mut usize,
    from: &mut u32,
) {
    for (&code, number) in codes.iter().zip(numbers.iter_mut()).rev() {
        let mut next = tables.known_step(*from, code);
        if next == UNKNOWN {
            match tables.fill_step(automaton, *from, code) {
                Ok(set) => next = set,
                Err(Full) => break,
            }
        }
        *number = next as u16;
        *from = next;
        *row -= 1;
    }
}

/// Whether a match begins in the partition; goes backward no further than to the first row that begins one.
pub fn begins_any(context: &mut Context<'_>, begin: usize, end: usize) -> Result<bool, Stopped> {
    let mut set = END;
    let mut row = end;
    while row > begin {
        let low = begin.max(row.saturating_sub(context.tables.rows_a_look()));
        let Context { automaton, symbols, tables, .. } = context;
        for row in (low..row).rev() {
            set = loop {
                if let Ok(next) = tables.step_to(automaton, set, symbols.code(row)) {
                    break next;
                }
                let kept = Box::from(tables.set(set));
                tables.clear();
                set = if set == END { END } else { tables.intern(automaton, kept) };
            };
            if tables.begins(set, row == begin) {
                return Ok(true);
            }
        }
        row = low;
        if row > begin {
            context.check()?;
        }
    }
    Ok(false)
}
