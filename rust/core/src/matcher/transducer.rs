//! The forward pass without branches, for the common case: matches that do not overlap.
//!
//! [`super::forward`] follows a match in one loop and [`super::scan`] looks for the next start in another; on rows where matches
//! are short, the processor cannot guess when a loop ends, and guessing wrong costs more than the look-ups. Here both loops are
//! one transducer (an automaton with outputs), which takes a group of rows a step. The state before a group and the group's
//! number give, in one look-up, the state behind it, the variables of its rows, and at which of them matches begin and end
//! ([`super::transitions`]). What a group adds to the answer is always written, and kept by moving the end of the answer on.

use super::backward::BackwardPass;
use super::collected::{Collected, ROWS_A_BLOCK};
use super::context::Context;
use super::morsels::{Morsel, StateBefore};
use super::sets::fit_states;
use super::sink::Sink;
use super::transitions::{self, outside};
use crate::automaton::{ACCEPT, Automaton};
use crate::budget::Stopped;
use crate::rows::{Partitions, Skip};

/// Both passes go over partitions of so many rows together, so that what the backward pass leaves stays in the processor's cache.
const ROWS_AT_ONCE: usize = 1 << 18;

/// Patterns that are used on fewer rows do not keep the buffer of a block.
const ROWS_TO_KEEP: usize = 1 << 15;

/// Whether this pass can do a search.
pub fn serves(automaton: &Automaton, skip: Skip) -> bool {
    skip == Skip::PastLastRow && fit_states(automaton)
}

/// Finds the matches of a morsel, skipping past the last row of each. A match that reaches over the morsel's end is
/// begun in it and ended in the next. Gives the state behind the morsel's last row.
pub fn run<S: Sink>(
    context: &mut Context<'_>,
    partitions: &Partitions,
    morsel: &Morsel,
    sink: &mut S,
) -> Result<usize, Stopped> {
    let rows = morsel.high - morsel.low;
    let kept = context.tables.scratch.collected.take();
    let keeps = kept.is_some() || rows >= ROWS_TO_KEEP;
    let state = match morsel.start {
        StateBefore::Partition => outside(context.automaton),
        StateBefore::State(state) => state,
    };
    let mut pass = TransducerPass {
        partitions,
        borders: partitions.borders(&morsel.partitions),
        morsel,
        state,
        partition: morsel.partitions.start,
        matches: 0,
        steps: 0,
        backward: BackwardPass::default(),
        collected: kept.unwrap_or_else(|| Box::new(Collected::new(rows))),
    };
    let ended = pass.run(context, sink);
    pass.backward.release(context.tables, context.budget);
    if keeps {
        context.tables.scratch.collected = Some(pass.collected);
    }
    ended.map(|()| pass.state)
}

struct TransducerPass<'p> {
    partitions: &'p Partitions,
    /// Where the morsel's partitions begin and end.
    borders: &'p [usize],
    morsel: &'p Morsel,
    /// The state before the next row.
    state: usize,
    /// The first partition that the sink does not know of, and the matches in it so far.
    partition: usize,
    matches: usize,
    /// Rows and partitions since the last look at the limits.
    steps: usize,
    backward: BackwardPass,
    collected: Box<Collected>,
}

impl TransducerPass<'_> {
    fn run<S: Sink>(&mut self, context: &mut Context<'_>, sink: &mut S) -> Result<(), Stopped> {
        let Morsel { low, high, ref set, .. } = *self.morsel;
        let mut row = low;
        while row < high {
            let enough = self.borders.partition_point(|&border| border < row + ROWS_AT_ONCE);
            let end = self.borders.get(enough).map_or(high, |&border| border.min(high));
            let end_set = if end == high { set.as_deref() } else { None };
            self.backward.prepare(context, (row, end), self.borders, end_set)?;
            while row < end {
                self.backward.reach(context, self.borders, row)?;
                let stop = self.backward.high().min(row + ROWS_A_BLOCK);
                self.follow::<S>(context, row, stop);
                self.count(context, sink, row, stop)?;
                if S::BOUNDS {
                    self.collected.find_positions(row);
                    if stop == high && set.is_none() && self.state < outside(context.automaton) {
                        self.collected.add_end(high);
                    }
                }
                sink.add(self.collected.block(context.automaton.excludes), context.budget)?;
                self.look(context, stop - row)?;
                row = stop;
            }
        }
        // Empty partitions at the end, and the partition that goes on in the next morsel.
        self.collected.clear();
        self.count(context, sink, high, high)?;
        if self.matches > 0 {
            sink.add_partition(self.partition, self.matches, context.budget)?;
        }
        Ok(())
    }

    /// Goes over the rows of a block.
    fn follow<S: Sink>(&mut self, context: &mut Context<'_>, row: usize, stop: usize) {
        let Context { automaton, ref mut tables, .. } = *context;
        let Self { backward, collected, state, .. } = self;
        collected.clear();
        let mut numbers = backward.groups(row, stop);
        loop {
            let items = tables.groups.items();
            let (done, behind) = match (S::ROWS, automaton.excludes) {
                (false, _) => collected.follow::<false, false>(items, numbers, *state),
                (true, false) => collected.follow::<true, false>(items, numbers, *state),
                (true, true) => collected.follow::<true, true>(items, numbers, *state),
            };
            *state = behind;
            numbers = &numbers[done..];
            let Some(&group) = numbers.first() else { break };
            let item = transitions::item(automaton, tables, group, behind);
            tables.groups.set_item(group, behind, item);
        }
        let finds_empty = automaton.start.iter().any(|choices| choices.last() == Some(&ACCEPT));
        match tables.rows_a_group() {
            4 => collected.gather::<4>(finds_empty),
            2 => collected.gather::<2>(finds_empty),
            _ => collected.gather::<1>(finds_empty),
        }
    }

    /// Tells the sink how many matches the partitions have that end in a block.
    fn count<S: Sink>(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut S,
        row: usize,
        stop: usize,
    ) -> Result<(), Stopped> {
        let mut counted = 0;
        while self.partition < self.morsel.partitions.end {
            let (begin, end) = self.partitions.bounds(self.partition);
            if end > stop {
                break;
            }
            if begin < end {
                let starts = self.collected.begun_before(end - row);
                sink.add_partition(self.partition, self.matches + starts - counted, context.budget)?;
                (self.matches, counted) = (0, starts);
            }
            self.partition += 1;
            self.look(context, 1)?;
        }
        self.matches += self.collected.begun_before(ROWS_A_BLOCK) - counted;
        Ok(())
    }

    fn look(&mut self, context: &mut Context<'_>, steps: usize) -> Result<(), Stopped> {
        self.steps += steps;
        if self.steps > context.tables.rows_a_look() {
            self.steps = 0;
            context.check()?;
        }
        Ok(())
    }
}
