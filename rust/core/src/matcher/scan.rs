//! The forward pass: matches one after another.

use std::ops::Range;

use super::ROWS_A_LOOK;
use super::budget::{Budget, Stopped};
use super::bulk::BulkSink;
use super::memo::{Memo, Outcome};
use super::skip::{Skip, SkipError, Target};
use super::tables::NOTHING;
use super::viability::{Context, Viability};
use crate::automaton::ACCEPT;
use crate::memory::{self, OutOfMemory};

/// The low bits of a choice are its position, the others its variable.
const POSITION: u32 = ACCEPT;
const VARIABLE_SHIFT: u32 = 24;

/// Partitions laid one after another, as the rows where they begin and, last, the number of rows.
#[derive(Debug, Clone)]
pub struct Partitions(Vec<usize>);

impl Partitions {
    /// All rows in one partition.
    pub fn one(rows: usize) -> Self {
        Self(vec![0, rows])
    }

    /// Partitions of so many rows each.
    pub fn from_counts(counts: &[usize]) -> Result<Self, OutOfMemory> {
        let mut bounds = memory::try_with_capacity(counts.len() + 1)?;
        bounds.push(0);
        let mut row = 0_usize;
        for count in counts {
            row = row.saturating_add(*count);
            bounds.push(row);
        }
        Ok(Self(bounds))
    }

    /// Partitions that begin at these rows, in order; the last one ends at `rows`.
    pub fn from_starts(mut starts: Vec<usize>, rows: usize) -> Result<Self, OutOfMemory> {
        memory::try_reserve_exact(&mut starts, 1)?;
        starts.push(rows);
        Ok(Self(starts))
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<usize>()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows they have together.
    pub fn rows(&self) -> usize {
        self.0[self.0.len() - 1]
    }

    /// The partition of a row.
    pub fn of_row(&self, row: usize) -> usize {
        self.0.partition_point(|&begin| begin <= row) - 1
    }

    /// The rows of one partition.
    pub fn bounds(&self, number: usize) -> (usize, usize) {
        (self.0[number], self.0[number + 1])
    }
}

/// A match without its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From 0.
    pub partition: usize,
    /// From 1, in its partition.
    pub number: usize,
    /// The first row.
    pub start: usize,
    /// The row after the last; the same as `start` in an empty match.
    pub end: usize,
}

/// Takes matches as they are found.
pub trait Sink {
    /// Whether it wants the rows of matches; if not, time does not depend on how matches overlap.
    const ROWS: bool;
    /// Makes room for so many rows of the match that is being found.
    fn make_room(&mut self, rows: usize, budget: &Budget) -> Result<(), Stopped>;
    /// The next row of the match that is being found; there is room for it.
    fn row(&mut self, variable: u8, position: u32);
    /// The match is complete. True when the scan shall pause.
    fn complete(&mut self, span: Span, budget: &Budget) -> Result<bool, Stopped>;
}

/// Why a scan ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanError {
    /// A limit was passed, or the caller stopped it.
    Stopped(Stopped),
    /// A skip had nowhere to go.
    Skip(SkipError),
}

impl From<Stopped> for ScanError {
    fn from(reason: Stopped) -> Self {
        Self::Stopped(reason)
    }
}

/// A search through partitions, which can pause behind each match.
///
/// Time: linear in rows, plus the rows of matches where the sink wants them. Memory: two bytes for each row of the
/// largest partition; without rows in overlapping skip modes, what `memo` says.
#[derive(Debug)]
pub struct Scan {
    skip: Skip,
    partition: usize,
    /// The partition at which to end.
    last: usize,
    /// Whether `viability` is of `partition`.
    prepared: bool,
    row: usize,
    number: usize,
    rows_since_look: usize,
    viability: Viability,
    memo: Memo,
}

impl Scan {
    /// Over all partitions.
    pub fn new(skip: Skip) -> Self {
        Self::over(skip, 0..usize::MAX)
    }

    /// Over some partitions.
    pub fn over(skip: Skip, partitions: Range<usize>) -> Self {
        Self {
            skip,
            partition: partitions.start,
            last: partitions.end,
            prepared: false,
            row: 0,
            number: 0,
            rows_since_look: 0,
            viability: Viability::default(),
            memo: Memo::default(),
        }
    }

    /// Searches until the sink pauses it (true) or partitions end (false). The same tables and rows each time.
    pub fn run<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        partitions: &Partitions,
        sink: &mut S,
    ) -> Result<bool, ScanError> {
        while self.partition < self.last.min(partitions.len()) {
            let (begin, end) = partitions.bounds(self.partition);
            if !self.prepared {
                // An empty partition takes time too.
                self.rows_since_look += end - begin + 1;
                self.look(context)?;
                self.viability.prepare(context, begin, end, None)?;
                if !S::ROWS && self.skip != Skip::PastLastRow {
                    self.memo.reset(context, begin, end)?;
                }
                self.row = begin;
                self.number = 0;
                self.prepared = true;
            }
            if self.partition(context, begin, end, sink)? {
                return Ok(true);
            }
            self.partition += 1;
            self.prepared = false;
        }
        self.viability.release(context.budget);
        self.memo.release(context.budget);
        Ok(false)
    }

    /// Looks at the limits after some rows.
    fn look(&mut self, context: &mut Context<'_>) -> Result<(), Stopped> {
        if self.rows_since_look > context.tables.rows_a_look() {
            self.rows_since_look = 0;
            context.check()?;
        }
        Ok(())
    }

    fn partition<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        begin: usize,
        end: usize,
        sink: &mut S,
    ) -> Result<bool, ScanError> {
        while self.row < end {
            self.rows_since_look += 1;
            self.look(context)?;
            self.reach(context, begin, self.row)?;
            let first = usize::from(self.row != begin);
            let choice = if first == 0 {
                context.tables.start[0][self.viability.number(self.row) as usize]
            } else {
                // Most rows of many inputs begin no match: pass over them without leaving this loop.
                let starts = &context.tables.start[1];
                let numbers = self.viability.numbers_from(self.row);
                let numbers = &numbers[..numbers.len().min(ROWS_A_LOOK)];
                let found = numbers.iter().position(|&set| starts[usize::from(set)] != NOTHING);
                let skipped = found.unwrap_or(numbers.len());
                self.row += skipped;
                self.rows_since_look += skipped;
                if found.is_none() {
                    continue;
                }
                starts[usize::from(numbers[skipped])]
            };
            if choice == NOTHING {
                self.row += 1;
                continue;
            }
            let start = self.row;
            self.number += 1;
            let span = |end| Span { partition: self.partition, number: self.number, start, end };
            if choice == ACCEPT {
                self.row += 1;
                if sink.complete(span(start), context.budget)? {
                    return Ok(true);
                }
                continue;
            }
            let outcome = if !S::ROWS && self.skip != Skip::PastLastRow {
                self.follow_remembering(context, begin, end, choice)?
            } else if let Some(variables) = self.skip.variables().copied() {
                let mut target = Target::default();
                let matched = self.follow(context, begin, end, choice, sink, |row, variable| {
                    if variables.contains(variable) {
                        target.note(row);
                    }
                })?;
                Outcome { end: matched, target }
            } else {
                let matched = self.follow(context, begin, end, choice, sink, |_, _| {})?;
                Outcome { end: matched, target: Target::default() }
            };
            let span = Span { partition: self.partition, number: self.number, start, end: outcome.end };
            self.rows_since_look += span.end - span.start;
            let pause = sink.complete(span, context.budget)?;
            self.row = self.skip.next_start(start, outcome.end, outcome.target).map_err(|problem| {
                let Span { partition, number, start, end } = span;
                ScanError::Skip(SkipError { problem, partition, number, start, end })
            })?;
            if pause {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes sure that `row` has a set number.
    #[inline]
    fn reach(&mut self, context: &mut Context<'_>, begin: usize, row: usize) -> Result<(), Stopped> {
        if row < self.viability.low || row >= self.viability.high {
            self.viability.load(context, begin, row)?;
        }
        Ok(())
    }

    /// Follows one match from its first choice and gives the row after its last.
    #[inline]
    fn follow<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        begin: usize,
        end: usize,
        mut choice: u32,
        sink: &mut S,
        mut note: impl FnMut(usize, u8),
    ) -> Result<usize, ScanError> {
        let mut row = self.row;
        let rows_a_look = context.tables.rows_a_look();
        let mut visit = |sink: &mut S, row, choice| {
            let variable = (choice >> VARIABLE_SHIFT) as u8;
            note(row, variable);
            sink.row(variable, choice & POSITION);
        };
        loop {
            // Within what has numbers and what is due before the next look, rows need no other test.
            let stop = self.viability.high.min(row + rows_a_look);
            sink.make_room(stop - row, context.budget)?;
            let numbers = self.viability.numbers_from(row);
            for &set in &numbers[1..stop - row] {
                visit(sink, row, choice);
                row += 1;
                choice = context.tables.choice(context.automaton, choice & POSITION, u32::from(set));
                if choice == ACCEPT {
                    return Ok(row);
                }
            }
            visit(sink, row, choice);
            row += 1;
            if row == end {
                return Ok(row);
            }
            context.check()?;
            self.reach(context, begin, row)?;
            choice = context.tables.choice(context.automaton, choice & POSITION, self.viability.number(row));
            if choice == ACCEPT {
                return Ok(row);
            }
        }
    }

    /// As [`Self::follow`], but stops where an earlier match has been.
    fn follow_remembering(
        &mut self,
        context: &mut Context<'_>,
        begin: usize,
        end: usize,
        mut choice: u32,
    ) -> Result<Outcome, ScanError> {
        let variables = self.skip.variables().copied().unwrap_or_default();
        let mut row = self.row;
        let rows_a_look = context.tables.rows_a_look();
        let outcome = loop {
            if let Some(known) = self.memo.get(row, choice & POSITION) {
                break known;
            }
            context.budget.reserve(&mut self.memo.path, 1)?;
            self.memo.path.push((choice & POSITION, variables.contains((choice >> VARIABLE_SHIFT) as u8)));
            row += 1;
            if row == end {
                break Outcome { end: row, target: Target::default() };
            }
            if (row - self.row).is_multiple_of(rows_a_look) {
                context.check()?;
            }
            self.reach(context, begin, row)?;
            choice = context.tables.choice(context.automaton, choice & POSITION, self.viability.number(row));
            if choice == ACCEPT {
                break Outcome { end: row, target: Target::default() };
            }
        };
        Ok(self.memo.finish(context, self.row, outcome)?)
    }
}

/// Counts matches.
#[derive(Debug, Default)]
pub struct Count(pub usize);

impl BulkSink for Count {
    fn block(&mut self, _: &[u8], _: &[i64], _: &[i64], _: &Budget) -> Result<(), Stopped> {
        Ok(())
    }
    fn partition(&mut self, _: usize, matches: usize, _: &Budget) -> Result<(), Stopped> {
        self.0 += matches;
        Ok(())
    }
}

impl Sink for Count {
    const ROWS: bool = false;
    fn make_room(&mut self, _: usize, _: &Budget) -> Result<(), Stopped> {
        Ok(())
    }
    #[inline]
    fn row(&mut self, _: u8, _: u32) {}
    fn complete(&mut self, _: Span, _: &Budget) -> Result<bool, Stopped> {
        self.0 += 1;
        Ok(false)
    }
}
