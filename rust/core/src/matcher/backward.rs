//! The backward pass: for each row, the set of co-accessible positions: those that can consume it and still reach Accept.
//!
//! The pass keeps one number for each group of rows ([`super::groups`]). When the tables fill up, the numbers kept so far would
//! lose their meaning. Where groups have several rows, the pass then begins again with smaller groups, which need less room. Where
//! they have one, it notes a *checkpoint* (a row and its set, in full), clears the tables and goes on. Afterwards the rows
//! below the last checkpoint have numbers; the forward pass asks for others as it reaches them, and the
//! stretch between two checkpoints is computed once more, from the upper one. Each row is thus computed at most
//! twice by a forward pass that only moves on, in memory of one number a row and one table.
//!
//! Who reads the sets of single rows, in loops that wait for each other's answers, has them written out for a *window* of rows: a look-up
//! of a group's number and then of its rows would be two where there was one.

use super::context::Context;
use super::group_symbols::{Borders, MOST_ROWS};
use super::groups::UNKNOWN_GROUP;
use super::sets::END;
use super::tables::{Full, Tables};
use crate::automaton::Automaton;
use crate::budget::{Budget, Stopped};
use crate::rows::Codes;

/// The most rows of a block.
const ROWS_A_BLOCK: usize = 1 << 12;

/// The rows whose sets are written out at once, and how many of them lie before the one that is asked for, so that going back and forth
/// stays in the window: more where it was left backward.
const WINDOW: usize = 1 << 12;
const BEFORE: usize = 1 << 9;

/// Numbers of the groups of a stretch of rows.
#[derive(Debug, Default)]
pub struct BackwardPass {
    /// Numbers of the groups of the stretch.
    numbers: Vec<u16>,
    /// The first row of the stretch, and the one behind its last.
    stretch: (usize, usize),
    /// The rows that can be asked for: those of the stretch, or of a window in it.
    low: usize,
    high: usize,
    /// Whether the sets of single rows are asked for; and those of the window.
    by_rows: bool,
    sets: Vec<u16>,
    /// How many rows a group has, as a power of two.
    group_bits: u32,
    /// The rows that were asked for.
    begin: usize,
    end: usize,
    /// The set of row `end`; None where a partition begins there.
    end_set: Option<Box<[u64]>>,
    /// Rows in falling order, each with its set; below each, tables were cleared.
    checkpoints: Vec<(usize, Box<[u64]>)>,
    /// Bytes that are charged for them.
    checkpoint_bytes: usize,
}

impl BackwardPass {
    /// For those who ask for the sets of single rows.
    pub fn by_rows() -> Self {
        Self { by_rows: true, ..Self::default() }
    }

    /// Computes rows; afterwards the first of them have numbers.
    ///
    /// Args:
    ///     the rows: the first, and the one behind the last.
    ///     borders: where partitions begin and end, in order; what lies outside of the rows does not matter.
    ///     the set of the row behind the last, which must then be a multiple of four rows from the first; None where a partition
    ///         ends there.
    pub fn prepare(
        &mut self,
        context: &mut Context<'_>,
        (begin, end): (usize, usize),
        borders: &[usize],
        end_set: Option<&[u64]>,
    ) -> Result<(), Stopped> {
        self.forget_checkpoints(context.budget);
        (self.begin, self.end) = (begin, end);
        self.end_set = end_set.map(Box::from);
        let from = self.end_number(context);
        self.stretch(context, borders, (begin, end), from)
    }

    /// Takes back what was charged, before it is dropped, and leaves the buffer for the next search with these tables.
    pub fn release(&mut self, tables: &mut Tables, budget: &Budget) {
        self.forget_checkpoints(budget);
        budget.release_vector(&self.numbers);
        tables.scratch.numbers.put(std::mem::take(&mut self.numbers));
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

    /// The set of a row that can be asked for, of a pass [`Self::by_rows`].
    #[inline]
    pub fn set(&self, row: usize) -> u32 {
        u32::from(self.sets[row - self.low])
    }

    /// The row behind the last that can be asked for.
    #[inline]
    pub fn high(&self) -> usize {
        self.high
    }

    /// Makes sure that `row` can be asked for; `borders` are those of [`Self::prepare`].
    #[inline]
    pub fn reach(&mut self, context: &mut Context<'_>, borders: &[usize], row: usize) -> Result<(), Stopped> {
        if row < self.low || row >= self.high {
            self.move_to(context, borders, row)?;
        }
        Ok(())
    }

    #[cold]
    fn move_to(&mut self, context: &mut Context<'_>, borders: &[usize], row: usize) -> Result<(), Stopped> {
        let is_back = row < self.low;
        if row < self.stretch.0 || row >= self.stretch.1 {
            self.load(context, borders, row)?;
        }
        if self.by_rows {
            let before = if is_back { WINDOW / 2 } else { BEFORE };
            let first = row.saturating_sub(before).max(self.stretch.0);
            let groups = (first - self.stretch.0) >> self.group_bits;
            self.low = self.stretch.0 + (groups << self.group_bits);
            self.high = self.stretch.1.min(self.low + WINDOW);
            let behind = (self.high - self.stretch.0).div_ceil(1 << self.group_bits);
            let numbers = &self.numbers[groups..behind];
            self.sets.resize(numbers.len() << self.group_bits, 0);
            match self.group_bits {
                2 => context.tables.groups.write_sets::<4>(numbers, &mut self.sets),
                1 => context.tables.groups.write_sets::<2>(numbers, &mut self.sets),
                _ => context.tables.groups.write_sets::<1>(numbers, &mut self.sets),
            }
        }
        Ok(())
    }

    /// The numbers of the groups that have rows in `from..to`; the first of them begins at `from`.
    pub fn groups(&self, from: usize, to: usize) -> &[u16] {
        let groups = |rows: usize| (rows - self.stretch.0).div_ceil(1 << self.group_bits);
        &self.numbers[groups(from)..groups(to)]
    }

    /// The first row from `from` on, and before `to`, at which a match can begin; `to` where there is none.
    pub fn next_start(&self, tables: &Tables, from: usize, to: usize) -> usize {
        let begins = tables.groups.begins();
        let (first, within) =
            ((from - self.stretch.0) >> self.group_bits, (from - self.stretch.0) & ((1 << self.group_bits) - 1));
        let numbers = &self.numbers[first..(to - self.stretch.0).div_ceil(1 << self.group_bits)];
        let Some((&number, rest)) = numbers.split_first() else { return to };
        let of_first = begins[usize::from(number)] >> within;
        if of_first != 0 {
            return to.min(from + of_first.trailing_zeros() as usize);
        }
        let Some(skipped) = rest.iter().position(|&number| begins[usize::from(number)] != 0) else { return to };
        let group = self.stretch.0 + ((first + 1 + skipped) << self.group_bits);
        to.min(group + begins[usize::from(rest[skipped])].trailing_zeros() as usize)
    }

    fn load(&mut self, context: &mut Context<'_>, borders: &[usize], row: usize) -> Result<(), Stopped> {
        let above = self.checkpoints.partition_point(|&(at, _)| at > row);
        let low = self.checkpoints.get(above).map_or(self.begin, |&(at, _)| at);
        context.tables.clear();
        let (high, from) = match above.checked_sub(1).map(|at| &self.checkpoints[at]) {
            Some((at, set)) => (*at, context.tables.intern(context.automaton, set.clone())),
            None => (self.end, self.end_number(context)),
        };
        // The stretch fitted into one table before; should it not now, more checkpoints are noted.
        self.stretch(context, borders, (low, high), from)
    }

    /// Computes `begin..high` from the set of row `high`.
    fn stretch(
        &mut self,
        context: &mut Context<'_>,
        borders: &[usize],
        (begin, mut high): (usize, usize),
        mut from: u32,
    ) -> Result<(), Stopped> {
        self.make_room(context, high - begin)?;
        let mut blocks = Blocks::new(context.tables, begin, high);
        while blocks.row > begin {
            blocks.mark(context, borders)?;
            let group = (blocks.low() - begin) >> self.group_bits;
            if let Err(full) = blocks.next(context, &mut self.numbers[group..], &mut from) {
                let set = Box::from(context.tables.set(from));
                context.tables.make_room(full);
                if self.group_bits > 0 {
                    // The numbers of larger groups have lost their meaning. There are no checkpoints yet.
                    self.make_room(context, high - begin)?;
                    blocks = Blocks::new(context.tables, begin, high);
                } else if blocks.row < high {
                    self.note(context.budget, blocks.row, &set)?;
                    high = blocks.row;
                }
                from = if blocks.row == self.end {
                    self.end_number(context)
                } else {
                    context.tables.intern(context.automaton, set)
                };
            }
        }
        self.stretch = (begin, high);
        // The window is empty.
        (self.low, self.high) = if self.by_rows { (begin, begin) } else { self.stretch };
        Ok(())
    }

    /// Makes room for the groups of so many rows.
    fn make_room(&mut self, context: &mut Context<'_>, rows: usize) -> Result<(), Stopped> {
        self.group_bits = context.tables.rows_a_group().trailing_zeros();
        let groups = rows.div_ceil(1 << self.group_bits);
        if self.numbers.len() < groups {
            // What stands there is not needed, so it is not copied.
            context.budget.release_vector(&self.numbers);
            self.numbers = Vec::new();
            self.numbers = context.tables.scratch.numbers.take(groups, context.budget)?;
        }
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

/// Goes down over rows, a block at a time.
struct Blocks {
    begin: usize,
    /// The last row that is computed.
    row: usize,
    rows_a_block: usize,
    rows_since_look: usize,
    /// The borders of the groups of the block below; empty where it has none.
    borders: Vec<Borders>,
}

impl Blocks {
    fn new(tables: &Tables, begin: usize, end: usize) -> Self {
        let rows_a_block = ROWS_A_BLOCK.min(tables.rows_a_look().next_multiple_of(MOST_ROWS));
        Self { begin, row: end, rows_a_block, rows_since_look: 0, borders: Vec::new() }
    }

    /// The first row of the block below.
    fn low(&self) -> usize {
        self.begin + (self.row - 1 - self.begin) / self.rows_a_block * self.rows_a_block
    }

    /// Finds the borders of the block below, to be called before [`Self::next`], and looks at the limits where it is time to.
    fn mark(&mut self, context: &mut Context<'_>, borders: &[usize]) -> Result<(), Stopped> {
        let (low, rows_a_look) = (self.low(), context.tables.rows_a_look());
        if self.rows_since_look >= rows_a_look {
            self.rows_since_look = 0;
            context.check()?;
        }
        self.borders.clear();
        let near = &borders[borders.partition_point(|&row| row < low)..borders.partition_point(|&row| row <= self.row)];
        let rows = context.tables.rows_a_group();
        let groups = (self.row - low).div_ceil(rows);
        let missing = groups * rows - (self.row - low);
        let is_wide = matches!(context.symbols.codes, Codes::Wide(_));
        if near.is_empty() && missing == 0 && !is_wide {
            return Ok(());
        }
        self.borders.resize(groups, Borders::default());
        // Of empty partitions there can be any number.
        for borders in near.chunks(rows_a_look) {
            for &row in borders {
                let (group, at) = ((row - low) / rows, (row - low) % rows);
                if let Some(borders) = self.borders.get_mut(group) {
                    borders.add(at);
                }
                if at == 0 && group > 0 {
                    self.borders[group - 1].add(rows);
                }
            }
            if borders.len() == rows_a_look {
                context.check()?;
            }
        }
        if missing > 0
            && let Some(last) = self.borders.last_mut()
        {
            last.set_missing(missing);
        }
        Ok(())
    }

    /// Computes the block below, or its upper part where the tables get full.
    ///
    /// Args: where the numbers of its groups go, and the set of row `row`.
    fn next(&mut self, context: &mut Context<'_>, numbers: &mut [u16], set: &mut u32) -> Result<(), Full> {
        let (low, rows) = (self.low(), context.tables.rows_a_group());
        let Context { automaton, symbols, tables, .. } = context;
        let numbers = &mut numbers[..(self.row - low).div_ceil(rows)];
        self.rows_since_look += self.row - low;
        tables.groups.grow(tables.sets.len());
        let done = match (&symbols.codes, rows) {
            (Codes::Bytes(codes), 4) => {
                descend::<4>(automaton, tables, &codes[low..self.row], &self.borders, numbers, set)
            }
            (Codes::Bytes(codes), 2) => {
                descend::<2>(automaton, tables, &codes[low..self.row], &self.borders, numbers, set)
            }
            (Codes::Bytes(codes), _) => {
                descend::<1>(automaton, tables, &codes[low..self.row], &self.borders, numbers, set)
            }
            (Codes::Wide(codes), _) => {
                descend_wide(automaton, tables, &codes[low..self.row], &self.borders, numbers, set)
            }
        };
        let (left, result) = done.map_or_else(|(left, full)| (left, Err(full)), |()| (0, Ok(())));
        self.row = self.row.min(low + left * rows);
        result
    }
}

/// How many groups are left, and why.
type Left = (usize, Full);

/// Goes down over rows of which the last group may lack some.
fn descend<const ROWS: usize>(
    automaton: &Automaton,
    tables: &mut Tables,
    codes: &[u8],
    borders: &[Borders],
    numbers: &mut [u16],
    set: &mut u32,
) -> Result<(), Left> {
    let (groups, rest) = codes.as_chunks::<ROWS>();
    let (numbers, last_number) = numbers.split_at_mut(groups.len());
    let (borders, last_borders) = borders.split_at_checked(groups.len()).unwrap_or_default();
    if let Some(&code) = rest.first() {
        let mut last = [code; ROWS];
        last[..rest.len()].copy_from_slice(rest);
        let done = descend_groups(automaton, tables, &[last], last_borders, last_number, set);
        done.map_err(|(left, full)| (groups.len() + left, full))?;
    }
    descend_groups(automaton, tables, groups, borders, numbers, set)
}

fn descend_groups<const ROWS: usize>(
    automaton: &Automaton,
    tables: &mut Tables,
    groups: &[[u8; ROWS]],
    borders: &[Borders],
    numbers: &mut [u16],
    set: &mut u32,
) -> Result<(), Left> {
    let mut left = groups.len();
    loop {
        let borders_left = borders.get(..left).unwrap_or_default();
        left = tables.groups.descend(&groups[..left], borders_left, &mut numbers[..left], set);
        let Some(at) = left.checked_sub(1) else { return Ok(()) };
        let borders = borders.get(at).copied().unwrap_or_default();
        let step = tables.fill_step(automaton, *set, &groups[at], borders).map_err(|full| (left, full))?;
        (numbers[at], *set, left) = (step.group, u32::from(step.set), at);
    }
}

/// As [`descend`], for codes that are more than a byte.
fn descend_wide(
    automaton: &Automaton,
    tables: &mut Tables,
    codes: &[u32],
    borders: &[Borders],
    numbers: &mut [u16],
    set: &mut u32,
) -> Result<(), Left> {
    let mut left = codes.len();
    loop {
        left = tables.groups.descend_wide(&codes[..left], &borders[..left], &mut numbers[..left], set);
        let Some(at) = left.checked_sub(1) else { return Ok(()) };
        let step = tables.fill_step_wide(automaton, *set, codes[at], borders[at]).map_err(|full| (left, full))?;
        (numbers[at], *set, left) = (step.group, u32::from(step.set), at);
    }
}

/// Whether a match begins at any row; goes backward no further than to the first row that begins one.
pub fn begins_any(context: &mut Context<'_>, borders: &[usize]) -> Result<bool, Stopped> {
    let rows = context.symbols.len();
    let mut blocks = Blocks::new(context.tables, 0, rows);
    let mut numbers = vec![UNKNOWN_GROUP; ROWS_A_BLOCK.min(rows)];
    let mut set = END;
    while blocks.row > 0 {
        blocks.mark(context, borders)?;
        numbers.fill(UNKNOWN_GROUP);
        let done = blocks.next(context, &mut numbers, &mut set);
        let begins = context.tables.groups.begins();
        if numbers.iter().any(|&number| begins.get(usize::from(number)).is_some_and(|&rows| rows != 0)) {
            return Ok(true);
        }
        if let Err(full) = done {
            let kept = Box::from(context.tables.set(set));
            context.tables.make_room(full);
            set = if set == END { END } else { context.tables.intern(context.automaton, kept) };
        }
    }
    Ok(false)
}
