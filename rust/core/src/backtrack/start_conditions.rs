//! Conditions that only the start of the match decides: `FIRST(price) > 10` means the same row for all rows of a match.
//!
//! At a start where such a condition is not true, its variable cannot be in the match. So the search from there is one without these
//! variables: the backward pass without them says, for all starts that lack the same variables, whether a match can begin and
//! which positions can still succeed. There are few such sets of variables; each has one pass, which is made when the first
//! start needs it.

use super::answers::PartitionAnswers;
use super::rounds::Asking;
use crate::budget::{Budget, Stopped};
use crate::matcher::{Attempt, BackwardPass, Candidate, Context, MatchResult, Output, Sink, Strategy, Tables};
use crate::rows::{Skip, Symbols, VariableSet};

/// The most passes that are kept; past that the one goes that was not used for longest.
const MOST_PASSES: usize = 16;

/// A strategy, with conditions that only the start of the match decides.
///
/// Time: that of the other strategy, and for each set of variables that some start lacks, one backward pass over the rows. Memory: for each
/// such set, three bytes for each row.
pub struct StartConditions<'a, M> {
    inner: M,
    /// Each variable that has such a condition, and whether it is true of a match that begins at a row.
    conditions: Vec<(u8, &'a [bool])>,
    passes: Vec<Pass>,
    /// The rows of the partition.
    bounds: (usize, usize),
    /// What the start that was searched last lacked.
    lacked: VariableSet,
    /// How many starts were looked at.
    clock: usize,
}

/// The backward pass without some variables.
struct Pass {
    lacks: VariableSet,
    symbols: Symbols,
    tables: Tables,
    backward: BackwardPass,
    /// Whether the pass is over the rows of this partition.
    is_prepared: bool,
    /// When it was used last.
    used: usize,
    /// What is charged for symbols and tables.
    bytes: usize,
}

impl<'a, M: Strategy> StartConditions<'a, M> {
    /// Args: the strategy, and by variable, whether its condition is true of a match that begins at a row; None where it has none.
    pub fn new(inner: M, starts: &'a [Option<Vec<bool>>]) -> Self {
        let conditions =
            (0..).zip(starts).filter_map(|(variable, holds)| Some((variable, holds.as_deref()?))).collect();
        Self { inner, conditions, passes: Vec::new(), bounds: (0, 0), lacked: VariableSet::default(), clock: 0 }
    }

    /// The strategy without these conditions.
    pub fn inner(&self) -> &M {
        &self.inner
    }

    /// The variables that cannot be in a match that begins at a row.
    fn lacks(&self, start: usize) -> VariableSet {
        let fails = |holds: &[bool]| holds.get(start) != Some(&true);
        self.conditions.iter().filter(|(_, holds)| fails(holds)).map(|&(variable, _)| variable).collect()
    }

    /// The number of the pass without these variables, over the partition's rows.
    fn pass(&mut self, context: &mut Context<'_>, lacks: VariableSet) -> Result<usize, Stopped> {
        self.clock += 1;
        let number = match self.passes.iter().position(|pass| pass.lacks == lacks) {
            Some(number) => number,
            None => self.add_pass(context, lacks)?,
        };
        let (begin, end) = self.bounds;
        let pass = &mut self.passes[number];
        pass.used = self.clock;
        if !pass.is_prepared {
            pass.with(context, |context, backward| backward.prepare(context, (begin, end), &[begin, end], None))?;
            pass.is_prepared = true;
            let needed = pass.symbols.memory_bytes() + pass.tables.memory_bytes();
            context.budget.charge(needed.saturating_sub(pass.bytes))?;
            pass.bytes = needed.max(pass.bytes);
        }
        Ok(number)
    }

    fn add_pass(&mut self, context: &mut Context<'_>, lacks: VariableSet) -> Result<usize, Stopped> {
        if self.passes.len() >= MOST_PASSES {
            let oldest =
                self.passes.iter().enumerate().min_by_key(|(_, pass)| pass.used).map_or(0, |(number, _)| number);
            self.passes.swap_remove(oldest).release(context.budget);
        }
        let mut symbols = context.symbols.without(lacks, context.budget)?;
        let bytes = symbols.memory_bytes();
        let mut tables = Tables::new(context.automaton);
        tables.adopt(&mut symbols);
        let backward = BackwardPass::by_rows();
        self.passes.push(Pass { lacks, symbols, tables, backward, is_prepared: false, used: 0, bytes });
        Ok(self.passes.len() - 1)
    }
}

impl Pass {
    /// Takes back what was charged.
    fn release(mut self, budget: &Budget) {
        self.backward.release(&mut self.tables, budget);
        budget.release(self.bytes);
    }

    /// Calls with the pass in the place of the whole one.
    fn with<R>(&mut self, context: &mut Context<'_>, call: impl FnOnce(&mut Context<'_>, &mut BackwardPass) -> R) -> R {
        let Self { symbols, tables, backward, .. } = self;
        let Context { automaton, budget, tick, .. } = context;
        call(&mut Context { automaton, symbols, tables, budget, tick: &mut || tick() }, backward)
    }
}

impl<M: Strategy> Strategy for StartConditions<'_, M> {
    fn skip(&self) -> &Skip {
        self.inner.skip()
    }

    fn begin_partition(&mut self, context: &mut Context<'_>, begin: usize, end: usize) -> Result<(), Stopped> {
        self.bounds = (begin, end);
        self.passes.iter_mut().for_each(|pass| pass.is_prepared = false);
        self.inner.begin_partition(context, begin, end)
    }

    fn match_at<S: Sink>(&mut self, attempt: Attempt<'_, '_>, output: &mut Output<'_, S>) -> MatchResult {
        let Candidate { start, begin, end, .. } = attempt.candidate;
        let lacks = self.lacks(start);
        if lacks == VariableSet::default() && self.lacked == lacks {
            return self.inner.match_at(attempt, output);
        }
        if self.lacked != lacks {
            // What failed without some variables may succeed with them.
            self.lacked = lacks;
            self.inner.begin_partition(attempt.context, begin, end)?;
        }
        if lacks == VariableSet::default() {
            return self.inner.match_at(attempt, output);
        }
        let Attempt { context, candidate, .. } = attempt;
        let number = self.pass(context, lacks)?;
        let inner = &mut self.inner;
        self.passes[number].with(context, |context, backward| {
            backward.reach(context, &[begin, end], start)?;
            let set = backward.set(start);
            if !context.tables.begins(set, start == begin) {
                return Ok(None);
            }
            let choice = context.tables.first_choice(set, start == begin);
            inner.match_at(Attempt { context, backward, candidate: Candidate { choice, ..candidate } }, output)
        })
    }

    fn release(&mut self, budget: &Budget) {
        self.passes.drain(..).for_each(|pass| pass.release(budget));
        self.inner.release(budget);
    }
}

impl<M: Asking> Asking for StartConditions<'_, M> {
    fn answers(&mut self) -> &mut PartitionAnswers {
        self.inner.answers()
    }

    fn follows(&self, variable: u8, expression: usize) -> &[bool] {
        self.inner.follows(variable, expression)
    }
}
