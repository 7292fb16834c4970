//! The loop over partitions and start rows. A [`Strategy`] finds the match at a row; this file passes over rows that
//! begin no match, numbers matches, applies the skip mode, and can pause after a match.

use std::ops::Range;

use super::backward::BackwardPass;
use super::context::Context;
use super::error::SearchError;
use super::memo::Ending;
use super::output::{Buffers, Output};
use super::sink::Sink;
use super::strategy::{Attempt, Candidate, Strategy};
use crate::budget::{ROWS_A_LOOK, Stopped};
use crate::rows::{Partitions, SkipError, Span};

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

/// A search through partitions, which can pause after each match.
///
/// Time: linear in rows, plus what the strategy takes. Memory: at most two bytes for each row of the largest partition.
#[derive(Debug)]
pub struct Scan<M> {
    strategy: M,
    /// The partition that is being searched.
    partition: usize,
    /// One past the last partition to search.
    partition_end: usize,
    /// Whether the backward pass and the strategy are prepared for `partition`; they stay so over a pause.
    has_begun: bool,
    /// Where the next match may begin.
    row: usize,
    /// Matches found in the partition so far.
    match_count: usize,
    /// How many of these were reported to the sink.
    reported: usize,
    /// Rows since the limits were last checked.
    rows_since_look: usize,
    backward: BackwardPass,
    /// Kept between the runs of [`Self::run_from`].
    buffers: Option<Buffers>,
}

impl<M: Strategy> Scan<M> {
    /// Searches all partitions.
    pub fn new(strategy: M) -> Self {
        Self::over(strategy, 0..usize::MAX)
    }

    /// Searches some partitions.
    pub fn over(strategy: M, partitions: Range<usize>) -> Self {
        Self {
            strategy,
            partition: partitions.start,
            partition_end: partitions.end,
            has_begun: false,
            row: 0,
            match_count: 0,
            reported: 0,
            rows_since_look: 0,
            backward: BackwardPass::by_rows(),
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

    /// Searches until the matches found have `rows_ahead` rows together (true: paused) or the partitions end (false).
    /// Each match counts as one row more than it has, so that empty matches count too; no match is cut.
    ///
    /// Call it again to go on after a pause, with the same tables and rows: what the backward pass keeps are numbers in
    /// these tables. Matches found before an error reach the sink too.
    pub fn run<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        partitions: &Partitions,
        sink: &mut S,
        rows_ahead: usize,
    ) -> Result<bool, SearchError> {
        let mut output = Output::new(context.automaton, sink);
        let paused = self.search(context, partitions, &mut output, rows_ahead);
        // Before an error is returned.
        let handed_on = self.report(&mut output, context).and_then(|()| output.hand_on(context.budget));
        let paused = paused?;
        handed_on?;
        if !paused {
            self.release(context);
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
        (place.row, place.matches) = (self.row, self.match_count);
        ended.and(handed_on.map_err(SearchError::from))
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(&mut self, context: &mut Context<'_>) {
        self.backward.release(context.tables, context.budget);
        self.strategy.release(context.budget);
    }

    fn search<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        partitions: &Partitions,
        output: &mut Output<'_, S>,
        rows_ahead: usize,
    ) -> Result<bool, SearchError> {
        let mut rows_left = rows_ahead;
        while self.partition < self.partition_end.min(partitions.len()) {
            let (begin, end) = partitions.bounds(self.partition);
            if !self.has_begun {
                self.begin(context, begin, end, ScanPlace::before(partitions, self.partition))?;
            }
            if self.search_partition(context, begin, end, output, &mut rows_left)? {
                return Ok(true);
            }
            self.report(output, context)?;
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
        self.check_limits(context)?;
        self.backward.prepare(context, (begin, end), &[begin, end], None)?;
        self.strategy.begin_partition(context, begin, end)?;
        let ScanPlace { partition, row, matches } = place;
        (self.partition, self.row, self.match_count, self.reported) = (partition, row, matches, matches);
        self.has_begun = true;
        Ok(())
    }

    /// Reports to the sink how many more matches of this partition there are.
    fn report<S: Sink>(&mut self, output: &mut Output<'_, S>, context: &Context<'_>) -> Result<(), Stopped> {
        let matches = self.match_count - self.reported;
        self.reported = self.match_count;
        if matches > 0 { output.sink.add_partition(self.partition, matches, context.budget) } else { Ok(()) }
    }

    /// Checks the limits if enough rows have passed since the last time; checking at each row would cost too much.
    #[inline]
    fn check_limits(&mut self, context: &mut Context<'_>) -> Result<(), Stopped> {
        if self.rows_since_look > context.tables.rows_a_look() {
            self.rows_since_look = 0;
            context.check()?;
        }
        Ok(())
    }

    /// Searches the rest of a partition; true where the search pauses.
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
            self.check_limits(context)?;
            self.backward.reach(context, &[begin, end], self.row)?;
            // In many inputs most rows begin no match: one tight loop passes over them, up to the next check.
            let stop = self.backward.high().min(self.row + ROWS_A_LOOK);
            let start = self.backward.next_start(context.tables, self.row, stop);
            self.rows_since_look += start - self.row;
            self.row = start;
            if start == stop {
                continue;
            }
            let choice = context.tables.first_choice(self.backward.set(start), start == begin);
            let candidate = Candidate { start, begin, end, number: self.match_count + 1, choice };
            let attempt = Attempt { context, backward: &mut self.backward, candidate };
            let Some(Ending { end: match_end, target }) = self.strategy.match_at(attempt, output)? else {
                self.row += 1;
                continue;
            };
            self.match_count += 1;
            let rows = match_end - start;
            self.rows_since_look += rows;
            output.bounds(start, match_end, context.budget)?;
            self.row = if rows == 0 {
                // After an empty match the search goes on at the next row, whatever the skip mode.
                start + 1
            } else {
                let span = Span { partition: self.partition, number: self.match_count, start, end: match_end };
                let next = self.strategy.skip().next_start(start, match_end, target);
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
