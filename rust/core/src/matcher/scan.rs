//! The search through partitions, whatever finds the match at a row: starts, numbers, skipping, and pausing.

use std::ops::Range;

use super::backward::BackwardPass;
use super::context::Context;
use super::error::SearchError;
use super::output::{Buffers, Output};
use super::sink::Sink;
use super::strategy::{Candidate, Strategy};
use super::tables::NOTHING;
use crate::budget::{Budget, ROWS_A_LOOK, Stopped};
use crate::rows::{Partitions, SkipError, Span, Target};

/// Where the search in a partition has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanPlace {
    /// The partition.
    pub partition: usize,
    /// The next row at which a match may begin.
    pub row: usize,
    /// How many matches the partition has so far.
    pub matches: usize,
}

impl ScanPlace {
    /// Before the first row of a partition.
    pub fn before(partitions: &Partitions, partition: usize) -> Self {
        Self { partition, row: partitions.bounds(partition).0, matches: 0 }
    }
}

/// A search through partitions, which can pause behind each match.
///
/// Time: linear in rows, plus what the strategy takes. Memory: two bytes for each row of the largest partition.
#[derive(Debug)]
pub struct Scan<M> {
    strategy: M,
    partition: usize,
    /// The partition at which to end.
    last: usize,
    /// Whether the passes have begun `partition`.
    has_begun: bool,
    row: usize,
    /// Matches of the partition so far, and those of them that the sink was told of.
    number: usize,
    told: usize,
    rows_since_look: usize,
    backward: BackwardPass,
    /// Kept between the runs of [`Self::run_from`].
    buffers: Option<Buffers>,
}

impl<M: Strategy> Scan<M> {
    /// Over all partitions.
    pub fn new(strategy: M) -> Self {
        Self::over(strategy, 0..usize::MAX)
    }

    /// Over some partitions.
    pub fn over(strategy: M, partitions: Range<usize>) -> Self {
        Self {
            strategy,
            partition: partitions.start,
            last: partitions.end,
            has_begun: false,
            row: 0,
            number: 0,
            told: 0,
            rows_since_look: 0,
            backward: BackwardPass::default(),
            buffers: None,
        }
    }

    /// What finds the match at a row.
    pub fn strategy(&self) -> &M {
        &self.strategy
    }

    /// The same, to be changed between runs.
    pub fn strategy_mut(&mut self) -> &mut M {
        &mut self.strategy
    }

    /// Searches until matches of `rows_ahead` rows are found (true; each match counts as one row more, and none is cut) or
    /// partitions end (false). The same tables and rows each time. What was found before an error is handed on too.
    pub fn run<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        partitions: &Partitions,
        sink: &mut S,
        rows_ahead: usize,
    ) -> Result<bool, SearchError> {
        let mut output = Output::new(context.automaton, sink);
        let paused = self.search(context, partitions, &mut output, rows_ahead);
        let handed_on = self.tell(&mut output, context).and_then(|()| output.hand_on(context.budget));
        let paused = paused?;
        handed_on?;
        if !paused {
            self.release(context.budget);
        }
        Ok(paused)
    }

    /// Searches one partition from a place on, to its end or to an error, and says where it has come to: it can go on from there,
    /// also when other partitions were searched in between. What was found before an error is handed on too; how many matches the
    /// partition has is the caller's to tell the sink, once.
    pub fn run_from<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        partitions: &Partitions,
        place: &mut ScanPlace,
        sink: &mut S,
    ) -> Result<(), SearchError> {
        let (begin, end) = partitions.bounds(place.partition);
        if !self.has_begun || self.partition != place.partition {
            self.begin(context, begin, end, *place)?;
        }
        let mut output = Output::with(self.buffers.take().unwrap_or_default(), context.automaton, sink);
        let mut rows_left = usize::MAX;
        let ended = self.search_partition(context, begin, end, &mut output, &mut rows_left).map(drop);
        let handed_on = output.hand_on(context.budget);
        self.buffers = Some(output.into_buffers());
        (place.row, place.matches) = (self.row, self.number);
        ended.and(handed_on.map_err(SearchError::from))
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(&mut self, budget: &Budget) {
        self.backward.release(budget);
        self.strategy.release(budget);
    }

    fn search<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        partitions: &Partitions,
        output: &mut Output<'_, S>,
        rows_ahead: usize,
    ) -> Result<bool, SearchError> {
        let mut rows_left = rows_ahead;
        while self.partition < self.last.min(partitions.len()) {
            let (begin, end) = partitions.bounds(self.partition);
            if !self.has_begun {
                self.begin(context, begin, end, ScanPlace::before(partitions, self.partition))?;
            }
            if self.search_partition(context, begin, end, output, &mut rows_left)? {
                return Ok(true);
            }
            self.tell(output, context)?;
            self.partition += 1;
            self.has_begun = false;
        }
        Ok(false)
    }

    /// Begins the passes of a partition, whose rows are given; the search goes on from a place in it.
    fn begin(&mut self, context: &mut Context<'_>, begin: usize, end: usize, place: ScanPlace) -> Result<(), Stopped> {
        self.has_begun = false;
        // An empty partition takes time too.
        self.rows_since_look += end - begin + 1;
        self.look(context)?;
        self.backward.prepare(context, begin, end, None)?;
        self.strategy.begin_partition(context, begin, end)?;
        let ScanPlace { partition, row, matches } = place;
        (self.partition, self.row, self.number, self.told) = (partition, row, matches, matches);
        self.has_begun = true;
        Ok(())
    }

    /// Tells the sink of the matches of this partition that it does not know of.
    fn tell<S: Sink>(&mut self, output: &mut Output<'_, S>, context: &Context<'_>) -> Result<(), Stopped> {
        let matches = self.number - self.told;
        self.told = self.number;
        if matches > 0 { output.sink.add_partition(self.partition, matches, context.budget) } else { Ok(()) }
    }

    /// Looks at the limits after some rows.
    #[inline]
    fn look(&mut self, context: &mut Context<'_>) -> Result<(), Stopped> {
        if self.rows_since_look > context.tables.rows_a_look() {
            self.rows_since_look = 0;
            context.check()?;
        }
        Ok(())
    }

    fn search_partition<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        begin: usize,
        end: usize,
        output: &mut Output<'_, S>,
        rows_left: &mut usize,
    ) -> Result<bool, SearchError> {
        while self.row < end {
            self.rows_since_look += 1;
            self.look(context)?;
            self.backward.reach(context, begin, self.row)?;
            let choice = if self.row == begin {
                let choice = context.tables.first_choice(self.backward.number(begin), true);
                if choice == NOTHING {
                    self.row += 1;
                    continue;
                }
                choice
            } else {
                // Most rows of many inputs begin no match: pass over them without leaving this loop.
                let starts = context.tables.first_choices();
                let numbers = self.backward.numbers_from(self.row);
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
            let start = self.row;
            let candidate = Candidate { start, begin, end, number: self.number + 1, choice };
            let mut target = Target::default();
            let found = self.strategy.match_at(context, &mut self.backward, candidate, output, &mut target)?;
            let Some(last) = found else {
                self.row += 1;
                continue;
            };
            self.number += 1;
            let rows = last - start;
            self.rows_since_look += rows;
            output.bounds(start, last, context.budget)?;
            self.row = if rows == 0 {
                start + 1
            } else {
                let span = Span { partition: self.partition, number: self.number, start, end: last };
                let next = self.strategy.skip().next_start(start, last, target);
                next.map_err(|problem| SearchError::Skip(SkipError { problem, span }))?
            };
            *rows_left = rows_left.saturating_sub(rows + 1);
            if *rows_left == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
