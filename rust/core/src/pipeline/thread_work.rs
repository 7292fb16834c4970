//! What one thread does: stretch after stretch, from the order of its rows to what is read of its matches.

use std::ops::{AddAssign, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{BEFORE, EndsEarly, Pipeline, ThreadRows};
use crate::budget::{Budget, Stopped, Tick};
use crate::matcher::{
    Block, Context, ForwardPass, Morsel, Scan, Sink, StateBefore, Tables, run_transducer, set_of_row,
};
use crate::measures::{FoundMatches, GrowingColumns, OrderedRows, PartitionRows};
use crate::order::OrderScratch;
use crate::rows::{Codes, Partitions, Skip};

/// The rows behind a stretch that are looked at, at first and at most.
const NEAR: usize = 1 << 6;
const FAR: usize = 1 << 12;

/// How long steps took, in all threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepTimes {
    /// Whether rows are in order.
    pub order: Duration,
    /// Which conditions hold.
    pub conditions: Duration,
    /// Both passes.
    pub matching: Duration,
    /// What is read of matches.
    pub measures: Duration,
}

impl AddAssign for StepTimes {
    fn add_assign(&mut self, other: Self) {
        self.order += other.order;
        self.conditions += other.conditions;
        self.matching += other.matching;
        self.measures += other.measures;
    }
}

/// See the module.
pub(super) struct ThreadWork<'w, 'p> {
    pipeline: &'w Pipeline<'p>,
    tables: &'w mut Tables,
    budget: &'w Budget,
    order: OrderScratch<'p>,
    codes: Vec<u8>,
    found: OpenMatches,
    /// The match that reaches into the thread's rows from those before, which has not ended yet.
    reaches_in: bool,
    /// What each step took so far.
    times: StepTimes,
}

/// What a thread found.
pub(super) struct ThreadFound<'a> {
    /// What was read of the matches that begin and end in its rows.
    pub columns: GrowingColumns<'a>,
    pub times: StepTimes,
    /// Of the match that reaches into its rows: where it ends, and the variables of its rows here.
    first: Option<(i64, Vec<u8>)>,
    /// The match that reaches beyond its rows.
    last: OpenMatches,
}

/// Matches that nothing was read of yet, the last of which may not have ended.
#[derive(Default)]
struct OpenMatches {
    starts: Vec<i64>,
    ends: Vec<i64>,
    variables: Vec<u8>,
    /// The table's row that is the first of the stretch's symbols.
    first_row: i64,
}

impl<'w, 'p> ThreadWork<'w, 'p> {
    pub fn new(pipeline: &'w Pipeline<'p>, tables: &'w mut Tables, budget: &'w Budget) -> Self {
        Self {
            pipeline,
            tables,
            budget,
            order: OrderScratch::default(),
            codes: Vec::new(),
            found: OpenMatches::default(),
            reaches_in: false,
            times: StepTimes::default(),
        }
    }

    /// Goes over the rows of the thread.
    pub fn run(
        mut self,
        range: &ThreadRows,
        gives_up: &AtomicBool,
        tick: &mut Tick<'_>,
    ) -> (ThreadFound<'p>, Result<(), EndsEarly>) {
        let outside = self.pipeline.compiled.automaton.positions.len();
        self.reaches_in = matches!(range.start, StateBefore::State(state) if state < outside);
        let mut found = ThreadFound::nothing(self.pipeline);
        let done = self.all(range, &mut found, gives_up, tick);
        self.budget.release_vector(&self.codes);
        found.times = self.times;
        found.last = self.found;
        (found, done)
    }

    fn all(
        &mut self,
        range: &ThreadRows,
        into: &mut ThreadFound<'_>,
        gives_up: &AtomicBool,
        tick: &mut Tick<'_>,
    ) -> Result<(), EndsEarly> {
        let (mut begin, mut start) = (range.low, range.start);
        // What other threads read is added to what the first one reads.
        let all_rows = if begin == 0 { self.pipeline.table.rows } else { range.high - range.low };
        while begin < range.high {
            self.budget.check()?;
            tick()?;
            let end = range.high.min(begin + self.pipeline.stretch);
            if gives_up.load(Ordering::Relaxed) {
                return Err(EndsEarly::Unsuited);
            }
            let clock = Instant::now();
            if !self.pipeline.order.is_in_order(begin..end, &mut self.order, self.budget)? {
                return Err(EndsEarly::Unsuited);
            }
            self.times.order += clock.elapsed();
            start = if self.pipeline.skip == Skip::ToNextRow {
                self.overlapping(begin, end, tick)?;
                start
            } else {
                self.matches(range, (begin, end), start, tick)?
            };
            // A sixteenth more than there would be if matches were everywhere as many.
            let matches = self.found.ends.len();
            let expected = matches.saturating_mul(all_rows) / (end - begin) / 16 * 17;
            let clock = Instant::now();
            self.take_first(range.low, into);
            self.found.read(self.pipeline, &mut into.columns, expected, self.budget)?;
            self.times.measures += clock.elapsed();
            begin = end;
        }
        Ok(())
    }

    /// Finds the matches of a stretch. Gives the state behind it.
    fn matches(
        &mut self,
        range: &ThreadRows,
        (begin, end): (usize, usize),
        start: StateBefore,
        tick: &mut Tick<'_>,
    ) -> Result<StateBefore, EndsEarly> {
        let (rows, low, is_range_end) = (self.pipeline.table.rows, begin.min(BEFORE), end == range.high);
        let high = low + (end - begin);
        // One row at least, as the last of these rows is not the partition's last.
        let mut ahead = if is_range_end { 1 } else { NEAR };
        loop {
            let behind = rows.min(end + ahead);
            let codes = std::mem::take(&mut self.codes);
            let clock = Instant::now();
            let symbols = self.pipeline.symbols(codes, begin - low, behind, self.budget)?;
            self.times.conditions += clock.elapsed();
            let clock = Instant::now();
            let mut context = Context::new(self.pipeline.compiled, &symbols, self.tables, self.budget, tick);
            let set = if is_range_end {
                range.set.clone()
            } else {
                set_of_row(&mut context, high..symbols.len(), behind == rows)?
            };
            let mut state = None;
            if is_range_end || set.is_some() {
                let partitions = Partitions::one(symbols.len());
                let morsel = Morsel { partitions: 0..1, low, high, start, set };
                self.found.first_row = (begin - low) as i64;
                state = Some(run_transducer(&mut context, &partitions, &morsel, &mut self.found)?);
            }
            self.times.matching += clock.elapsed();
            if let Codes::Bytes(codes) = symbols.codes {
                self.codes = codes;
            }
            match state {
                Some(state) => return Ok(StateBefore::State(state)),
                None if ahead >= FAR => return Err(EndsEarly::Unsuited),
                None => ahead *= 8,
            }
        }
    }

    /// Finds the matches that begin in a stretch, and may overlap.
    fn overlapping(&mut self, begin: usize, end: usize, tick: &mut Tick<'_>) -> Result<(), EndsEarly> {
        let (compiled, low) = (self.pipeline.compiled, begin.min(BEFORE));
        // The last of these rows is taken for the partition's last. No match that begins in the stretch reaches it where it is not.
        let most = compiled.automaton.longest.unwrap_or(0);
        let behind = self.pipeline.table.rows.min(end + most + 1);
        let clock = Instant::now();
        let codes = std::mem::take(&mut self.codes);
        let symbols = self.pipeline.symbols(codes, begin - low, behind, self.budget)?;
        self.times.conditions += clock.elapsed();
        let clock = Instant::now();
        self.found.first_row = (begin - low) as i64;
        let partitions = Partitions::one(symbols.len());
        let mut context = Context::new(compiled, &symbols, self.tables, self.budget, tick);
        let mut scan = Scan::new(ForwardPass::new::<OpenMatches>(self.pipeline.skip));
        scan.run(&mut context, &partitions, &mut self.found, usize::MAX)?;
        if let Codes::Bytes(codes) = symbols.codes {
            self.codes = codes;
        }
        self.found.keep_begun(begin, end);
        self.times.matching += clock.elapsed();
        Ok(())
    }

    /// Takes out what was found of the match that reaches into the thread's rows, where it has ended.
    fn take_first(&mut self, low: usize, into: &mut ThreadFound<'_>) {
        if self.reaches_in && !self.found.ends.is_empty() {
            let end = self.found.ends.remove(0);
            into.first = Some((end, self.found.variables.drain(..end as usize - low).collect()));
            self.reaches_in = false;
        }
    }
}

impl<'a> ThreadFound<'a> {
    /// Of no rows.
    pub fn nothing(pipeline: &Pipeline<'a>) -> Self {
        let (columns, last) = (GrowingColumns::new(pipeline.reads), OpenMatches::default());
        Self { columns, times: StepTimes::default(), first: None, last }
    }

    /// Adds what was found in the rows behind these, and takes back what was charged for it.
    pub fn join(
        &mut self,
        pipeline: &Pipeline<'a>,
        next: Self,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<(), Stopped> {
        self.times += next.times;
        let is_open = !self.last.starts.is_empty();
        match next.first {
            Some((end, variables)) if is_open => {
                budget.reserve(&mut self.last.variables, variables.len())?;
                self.last.variables.extend_from_slice(&variables);
                self.last.ends.push(end);
                self.last.read(pipeline, &mut self.columns, 0, budget)?;
            }
            // It goes on in the rows behind.
            None if is_open => {
                budget.reserve(&mut self.last.variables, next.last.variables.len())?;
                self.last.variables.extend_from_slice(&next.last.variables);
                next.last.release(budget);
                return Ok(());
            }
            _ => {}
        }
        self.columns.join(next.columns, budget, tick)?;
        std::mem::replace(&mut self.last, next.last).release(budget);
        Ok(())
    }

    /// Takes back what was charged for matches that nothing is to be read of.
    pub fn release(&self, budget: &Budget) {
        self.last.release(budget);
    }
}

impl OpenMatches {
    /// Reads the matches that have ended, and forgets them.
    fn read(
        &mut self,
        pipeline: &Pipeline<'_>,
        columns: &mut GrowingColumns<'_>,
        expected: usize,
        budget: &Budget,
    ) -> Result<(), Stopped> {
        let Self { starts, ends, variables, .. } = self;
        let (count, of_pattern) = (ends.len(), pipeline.compiled.ends);
        let ended = &starts[..count];
        let found = FoundMatches {
            starts: ended,
            ends,
            variables,
            excluded: &[],
            partitions: &[(0, count as i64)],
            first_numbers: &[],
            first_variables: of_pattern.first,
            last_variables: of_pattern.last,
        };
        let partitions = PartitionRows { starts: &[0], rows: pipeline.table.rows };
        columns.add(&found, &OrderedRows { partitions, order: None }, expected, budget)?;
        let rows: i64 = ended.iter().zip(&*ends).map(|(start, end)| end - start).sum();
        variables.drain(..rows as usize);
        starts.drain(..count);
        ends.clear();
        Ok(())
    }

    fn release(&self, budget: &Budget) {
        budget.release_vector(&self.starts);
        budget.release_vector(&self.ends);
        budget.release_vector(&self.variables);
    }

    /// Forgets matches, all of which have ended, but those that begin in these rows.
    fn keep_begun(&mut self, begin: usize, end: usize) {
        let before = |row: usize| self.starts.partition_point(|&start| start < row as i64);
        let (first, last) = (before(begin), before(end));
        let rows = |matches: Range<usize>| -> usize {
            let spans = self.starts[matches.clone()].iter().zip(&self.ends[matches]);
            spans.map(|(start, end)| (end - start) as usize).sum()
        };
        let kept = rows(first..last);
        self.variables.drain(..rows(0..first));
        self.variables.truncate(kept);
        self.starts.truncate(last);
        self.starts.drain(..first);
        self.ends.truncate(last);
        self.ends.drain(..first);
    }
}

impl Sink for OpenMatches {
    const ROWS: bool = true;

    fn add(&mut self, block: Block<'_>, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.starts, block.starts.len())?;
        budget.reserve(&mut self.ends, block.ends.len())?;
        budget.reserve(&mut self.variables, block.variables.len())?;
        self.starts.extend(block.starts.iter().map(|row| row + self.first_row));
        self.ends.extend(block.ends.iter().map(|row| row + self.first_row));
        self.variables.extend_from_slice(block.variables);
        Ok(())
    }

    fn add_partition(&mut self, _: usize, _: usize, _: &Budget) -> Result<(), Stopped> {
        Ok(())
    }

    fn join(&mut self, _: Self, _: &Budget, _: &mut Tick<'_>) -> Result<(), Stopped> {
        Ok(())
    }
}
