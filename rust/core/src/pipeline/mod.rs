//! Conditions, both passes and measures over one stretch of rows after another.
//!
//! Step by step, each of a query's steps goes over all rows: order reads the keys, conditions read their columns, the passes what
//! conditions say, and measures read the columns once more. Over many rows most of that is waiting for memory. Here a thread does
//! all of it for a *stretch* of rows, whose values stay in the processor's second cache, before it goes to the next.
//!
//! A stretch's backward pass begins with the set of the row behind it. Rows behind the stretch say which set that is, mostly a few
//! of them, as where rows are cut for threads ([`crate::matcher`]); a match that reaches over the end of a stretch is ended in the
//! next one. Where the rows behind do not say it, where rows are not in order, or where a condition has no value, nothing
//! comes of it ([`PipelineOutcome::Unsuited`]), and the caller goes step by step.
//!
//! Matches that overlap, skipping to the next row, are found for the stretch in which they begin, where the pattern bounds how many
//! rows they have.
//!
//! What it serves: rows in order and in one partition; conditions that read rows at a fixed distance, of up to eight variables; an
//! answer with one row for each match, made of what is read of it alone.

mod thread_work;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

pub use self::thread_work::StepTimes;
use self::thread_work::{ThreadFound, ThreadWork};

use crate::budget::{Budget, Stopped, Tick};
use crate::causes::from_causes;
use crate::expression::{ColumnTable, RowCondition, SymbolsError, conditions_of_rows};
use crate::matcher::{Compiled, Context, SearchError, StateBefore, Tables, cut_around, transducer_serves};
use crate::measures::{GrowingColumns, ItemRead, TakenColumn};
use crate::order::{OrderCheck, OrderError};
use crate::rows::{NARROW, Skip, Symbols, SymbolsBuilder};
use crate::threads::{Worker, in_threads, started};

/// The rows of a stretch: some columns of 64 bits, and what is found, fit into a core's second cache together.
pub const STRETCH: usize = 1 << 15;
/// Rows before others, so that the first of these is not the first of its symbols; a whole number of groups.
const BEFORE: usize = 4;
/// Where matches overlap, the most rows of a match: so many rows behind a stretch are looked at.
const MOST_OVERLAPPING_ROWS: usize = 1 << 6;
/// The rows around the place where threads are to be separated that are looked at.
const AROUND: usize = 1 << 9;
/// Fewer rows are not worth another thread.
const ROWS_A_THREAD: usize = 1 << 17;
/// The most bytes that a thread takes beside the answer.
const BYTES_A_THREAD: usize = 8 << 20;

/// A query that is answered so.
pub struct Pipeline<'p> {
    /// The pattern.
    pub compiled: &'p Compiled,
    /// Says whether rows are in order.
    pub order: &'p OrderCheck<'p>,
    /// The columns of conditions, of one partition.
    pub table: ColumnTable<'p>,
    /// What has to be true of variables.
    pub conditions: &'p [RowCondition],
    /// Where the search goes on behind a match.
    pub skip: Skip,
    /// The columns of the answer.
    pub reads: &'p [ItemRead<'p>],
    /// How many rows a stretch has, a multiple of four; [`STRETCH`] unless it is tested.
    pub stretch: usize,
}

/// What came of it.
#[derive(Debug)]
pub enum PipelineOutcome {
    /// The columns of the answer, and how long steps took.
    Answered(Vec<TakenColumn>, StepTimes),
    /// It has to be answered step by step.
    Unsuited,
}

/// Why a thread ends early.
enum EndsEarly {
    Stopped(Stopped),
    Unsuited,
}

from_causes!(EndsEarly { Stopped(Stopped) });

impl From<SearchError> for EndsEarly {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Stopped(reason) => Self::Stopped(reason),
            _ => Self::Unsuited,
        }
    }
}

impl From<OrderError> for EndsEarly {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Stopped(reason) => Self::Stopped(reason),
            OrderError::Unreadable { .. } => Self::Unsuited,
        }
    }
}

impl From<SymbolsError> for EndsEarly {
    fn from(error: SymbolsError) -> Self {
        match error {
            SymbolsError::Stopped(reason) => Self::Stopped(reason),
            _ => Self::Unsuited,
        }
    }
}

/// The rows of a thread.
struct ThreadRows {
    low: usize,
    high: usize,
    start: StateBefore,
    /// The set of row `high`; None behind the last row.
    set: Option<Box<[u64]>>,
}

impl<'p> Pipeline<'p> {
    /// Whether patterns, and what is read, are served.
    pub fn serves(compiled: &Compiled, skip: Skip, reads: &[ItemRead<'_>]) -> bool {
        let automaton = &compiled.automaton;
        let are_few = automaton.longest.is_some_and(|rows| rows <= MOST_OVERLAPPING_ROWS);
        let serves_pattern = transducer_serves(automaton, skip) || skip == Skip::ToNextRow && are_few;
        serves_pattern && compiled.variables.len() <= NARROW && GrowingColumns::serve(reads)
    }

    /// Takes a pattern's tables for so many threads at most, and so many rows; to be called where nothing can fork.
    pub fn tables(compiled: &Compiled, rows: usize, threads: usize, budget: &Budget) -> Vec<Tables> {
        let worth = threads.min(rows / ROWS_A_THREAD).min(budget.memory_bytes() / BYTES_A_THREAD);
        (0..started(worth)).map(|_| compiled.take_tables()).collect()
    }

    /// Answers the query, in as many threads as there are tables. Time is linear in the rows.
    ///
    /// Gives the tables back, too.
    pub fn run(
        &self,
        mut tables: Vec<Tables>,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> (Result<PipelineOutcome, Stopped>, Vec<Tables>) {
        let ranges = match self.ranges(&mut tables, budget, tick) {
            Ok(ranges) => ranges,
            Err(EndsEarly::Stopped(reason)) => return (Err(reason), tables),
            Err(EndsEarly::Unsuited) => return (Ok(PipelineOutcome::Unsuited), tables),
        };
        let (threads, gives_up) = (tables.len(), AtomicBool::new(false));
        let (waiting, used) = (Mutex::new(tables), Mutex::new(Vec::new()));
        let locked =
            |tables: &Mutex<Vec<Tables>>| std::mem::take(&mut *tables.lock().unwrap_or_else(PoisonError::into_inner));
        let work = |worker: &mut Worker<'_, ThreadFound<'p>, EndsEarly>| {
            let Some(mut tables) = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return };
            worker.each(|number, tick| {
                let Some(range) = ranges.get(number) else { return (ThreadFound::nothing(self), Ok(())) };
                let (found, done) = ThreadWork::new(self, &mut tables, budget).run(range, &gives_up, tick);
                if done.is_err() {
                    gives_up.store(true, Ordering::Relaxed);
                }
                (found, done)
            });
            used.lock().unwrap_or_else(PoisonError::into_inner).push(tables);
        };
        let (found, error) = in_threads(ranges.len(), threads, budget, tick, work);
        let tables = [&used, &waiting].into_iter().flat_map(locked).collect();
        let ended = match error {
            Some(EndsEarly::Stopped(reason)) => Err(reason),
            // A thread that gave up may have ended the one before it.
            Some(EndsEarly::Unsuited) => Ok(PipelineOutcome::Unsuited),
            None => self.joined(found, budget, tick),
        };
        (ended, tables)
    }

    /// The rows of each thread.
    fn ranges(
        &self,
        tables: &mut [Tables],
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<Vec<ThreadRows>, EndsEarly> {
        let (rows, count) = (self.table.rows, tables.len());
        let mut ranges: Vec<ThreadRows> = Vec::with_capacity(count);
        let (mut low, mut start) = (0, StateBefore::Partition);
        for number in 1..count {
            let wanted = rows / count * number;
            if self.skip == Skip::ToNextRow {
                // Whether a match begins at a row does not depend on other matches.
                let high = wanted / BEFORE * BEFORE;
                if high > low {
                    ranges.push(ThreadRows { low, high, start, set: None });
                    low = high;
                }
                continue;
            }
            let first = wanted.saturating_sub(AROUND + BEFORE) / BEFORE * BEFORE;
            let behind = rows.min(wanted + 2 * AROUND + BEFORE);
            let symbols = self.symbols(Vec::new(), first, behind, budget)?;
            // Where the first of these rows, and the last, are not those of the partition, they lie outside of what is looked at.
            let all = (0, symbols.len());
            let mut context = Context::new(self.compiled, &symbols, &mut tables[0], budget, tick);
            let found = cut_around(&mut context, all, wanted - first, AROUND)?;
            budget.release(symbols.memory_bytes());
            if let Some((row, state, set)) = found.filter(|(row, ..)| first + row > low) {
                ranges.push(ThreadRows { low, high: first + row, start, set: Some(set) });
                (low, start) = (first + row, state);
            }
        }
        ranges.push(ThreadRows { low, high: rows, start, set: None });
        Ok(ranges)
    }

    /// The symbols of rows, which are charged.
    fn symbols(&self, mut codes: Vec<u8>, first: usize, behind: usize, budget: &Budget) -> Result<Symbols, EndsEarly> {
        codes.clear();
        let rows = behind - first;
        budget.reserve(&mut codes, rows)?;
        codes.resize(rows, 0);
        let symbols = Symbols::of_bytes(codes);
        let builder = SymbolsBuilder::of_symbols(self.compiled.variables.len(), symbols);
        let mut builder = builder.ok_or(EndsEarly::Unsuited)?;
        conditions_of_rows(&self.table, first..behind, self.conditions, &mut builder.all_rows())?;
        Ok(builder.finish(budget)?)
    }

    fn joined(
        &self,
        found: Vec<ThreadFound<'p>>,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<PipelineOutcome, Stopped> {
        let mut found = found.into_iter();
        let Some(mut all) = found.next() else { return Ok(PipelineOutcome::Unsuited) };
        for next in found {
            all.join(self, next, budget, tick)?;
        }
        all.release(budget);
        Ok(PipelineOutcome::Answered(all.columns.finish(budget)?, all.times))
    }
}
