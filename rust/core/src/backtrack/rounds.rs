//! The search in rounds: for conditions of which parts are computed elsewhere, many values at a time.
//!
//! Whoever computes them (a database, say) takes about as long for one value as for a thousand. So a search that needs a value that
//! is not there pauses, and that of another partition goes on. When all are paused, what they need is asked for together, and with
//! it what they are going to need next ([`LookAhead`]); then all go on. A search that goes on does so at the start of the match
//! at hand, with all answers that its partition got so far ([`PartitionAnswers`]). Matches, numbers and errors are those of a search
//! whose conditions are computed at once.

use std::collections::VecDeque;
use std::ops::Range;

use super::answers::{PartitionAnswers, Purpose};
use super::asked::Asked;
use super::look_ahead::{LastGuess, LookAhead, Wanted};
use crate::budget::{Budget, Stopped};
use crate::expression::{EvaluationError, Request, Value};
use crate::matcher::{Context, Scan, ScanPlace, SearchError, Sink, Strategy};
use crate::rows::Partitions;

/// The most requests of a round, unless more partitions wait.
pub const REQUESTS_A_ROUND: usize = 10_000;
/// The most partitions that wait: few enough that each gets some forty requests a round, since going on with a match takes as long as
/// some requests, and that their answers fit into the processor's caches. And the most that are begun while one before them waits.
const MOST_WAITING: usize = 1 << 8;
const MOST_BEGUN: usize = 16 * MOST_WAITING;
/// The most rows in lists of rows that a round asks for beyond what is needed; 2 MiB.
pub const MOST_LISTED: usize = 1 << 18;
/// Bytes of answers, of all partitions together, past which those for matches that were searched are forgotten.
const MANY_BYTES: usize = 64 << 20;
/// The most bytes of a partition's answers whose room is kept for another one.
const MOST_SPARE_BYTES: usize = 1 << 15;
/// Partitions or requests between two looks at the limits.
const ITEMS_A_LOOK: usize = 1 << 8;

/// Computes values, and adds one for each request: None for those that nobody waits for and that could not be computed. An error
/// ends the search.
pub type Compute<'c> = dyn FnMut(&mut Asked, &mut Vec<Option<Value>>) -> Result<(), Stopped> + 'c;

/// A strategy with conditions that read answers.
pub trait Asking: Strategy {
    /// Those that its conditions read: of the partition that it searches.
    fn answers(&mut self) -> &mut PartitionAnswers;

    /// For each argument of what a variable's condition asks for, whether it is a row that goes on with the current row (or rows
    /// to which the current row is added).
    fn follows(&self, variable: u8, expression: usize) -> &[bool];
}

/// Searches some partitions, in rounds of their own.
pub fn search_partitions<S: Sink + Default, M: Asking>(
    context: &mut Context<'_>,
    partitions: &Partitions,
    own: Range<usize>,
    strategy: M,
    found: &mut S,
    compute: &mut Compute<'_>,
) -> Result<(), SearchError> {
    let mut rounds = Rounds {
        partitions,
        scan: Scan::new(strategy),
        found,
        begun: VecDeque::new(),
        next: own.start,
        last: own.end,
        waiting: 0,
        look_ahead: LookAhead::default(),
        batches: Vec::new(),
        values: Vec::new(),
        spare: Vec::new(),
        items: 0,
    };
    let ended = rounds.run(context, compute);
    rounds.end(context);
    ended
}

/// Searches of partitions.
struct Rounds<'r, S, M> {
    partitions: &'r Partitions,
    scan: Scan<M>,
    /// What was found in the partitions before those that are begun.
    found: &'r mut S,
    /// Partitions one after another, of which the first one waits.
    begun: VecDeque<Partition<S>>,
    /// The partition to begin next, and the one at which to end.
    next: usize,
    last: usize,
    /// How many of those that are begun wait.
    waiting: usize,
    look_ahead: LookAhead,
    /// What is asked for in a round, each of one expression, and the values of one; their room is used again.
    batches: Vec<RequestBatch>,
    values: Vec<Option<Value>>,
    /// The room for answers of partitions that have ended, so that it need not grow anew for others.
    spare: Vec<PartitionAnswers>,
    /// Since the last look at the limits.
    items: usize,
}

/// The search of one partition.
struct Partition<S> {
    place: ScanPlace,
    found: S,
    answers: PartitionAnswers,
    /// The bytes of answers at which some are forgotten.
    many_bytes: usize,
    given: LastGuess,
    state: PartitionState,
}

impl<S> Partition<S> {
    /// Takes back what was charged, but for what was found, which it gives.
    fn release(mut self, budget: &Budget) -> S {
        self.answers.clear(budget);
        budget.release(size_of::<Self>());
        self.found
    }
}

enum PartitionState {
    /// The condition of this variable needs a value.
    Waits(u8, Request),
    Ended(Result<(), SearchError>),
}

impl<S: Sink + Default, M: Asking> Rounds<'_, S, M> {
    fn run(&mut self, context: &mut Context<'_>, compute: &mut Compute<'_>) -> Result<(), SearchError> {
        loop {
            self.begin_more(context)?;
            if self.waiting == 0 {
                return Ok(());
            }
            self.ask(context, compute)?;
            let mut number = 0;
            // An error takes those behind it out.
            while let Some(partition) = self.begun.get(number) {
                if matches!(partition.state, PartitionState::Waits(..)) {
                    self.search(context, number)?;
                }
                number += 1;
            }
            self.hand_on(context)?;
        }
    }

    /// Begins partitions until enough of them wait or there are no more.
    fn begin_more(&mut self, context: &mut Context<'_>) -> Result<(), SearchError> {
        // Half of the memory is for answers and what is found.
        let has_room = |budget: &Budget| budget.charged_bytes() <= budget.memory_bytes() / 2;
        while self.next < self.last
            && self.waiting < MOST_WAITING
            && self.begun.len() < MOST_BEGUN
            && (self.waiting == 0 || has_room(context.budget))
        {
            context.budget.charge(size_of::<Partition<S>>())?;
            self.begun.push_back(Partition {
                place: ScanPlace::before(self.partitions, self.next),
                found: S::default(),
                answers: self.spare.pop().unwrap_or_default(),
                many_bytes: 0,
                given: LastGuess::default(),
                state: PartitionState::Ended(Ok(())),
            });
            self.next += 1;
            self.waiting += 1;
            self.search(context, self.begun.len() - 1)?;
            self.hand_on(context)?;
        }
        Ok(())
    }

    /// Searches on in a partition that is counted as waiting, until it needs a value or ends.
    fn search(&mut self, context: &mut Context<'_>, number: usize) -> Result<(), Stopped> {
        self.look(context)?;
        let Partition { place, found, answers, state, .. } = &mut self.begun[number];
        std::mem::swap(self.scan.strategy_mut().answers(), answers);
        let ended = self.scan.run_from(context, self.partitions, place, found);
        std::mem::swap(self.scan.strategy_mut().answers(), answers);
        if let Err(SearchError::Evaluation(variable, EvaluationError::Missing)) = ended
            && let Some(request) = answers.take_missing()
        {
            *state = PartitionState::Waits(variable, request);
            return Ok(());
        }
        self.end_partition(number, ended, context.budget);
        match ended {
            Err(SearchError::Stopped(reason)) => Err(reason),
            _ => Ok(()),
        }
    }

    /// Notes how a partition that waited ended. What lies behind an error is of no interest.
    fn end_partition(&mut self, number: usize, ended: Result<(), SearchError>, budget: &Budget) {
        self.begun[number].state = PartitionState::Ended(ended);
        let mut answers = std::mem::take(&mut self.begun[number].answers);
        if answers.charged_bytes() <= MOST_SPARE_BYTES && budget.charged_bytes() <= budget.memory_bytes() / 4 {
            answers.reset(budget);
            self.spare.push(answers);
        } else {
            answers.clear(budget);
        }
        self.waiting -= 1;
        if ended.is_err() {
            self.last = 0;
            for partition in self.begun.drain(number + 1..) {
                self.waiting -= usize::from(matches!(partition.state, PartitionState::Waits(..)));
                partition.release(budget);
            }
        }
    }

    /// Hands on what was found in the first partitions, up to the first that waits.
    fn hand_on(&mut self, context: &mut Context<'_>) -> Result<(), SearchError> {
        while let Some(Partition { state: PartitionState::Ended(ended), .. }) = self.begun.front() {
            let ended = *ended;
            self.hand_on_first(context)?;
            ended?;
        }
        Ok(())
    }

    fn hand_on_first(&mut self, context: &mut Context<'_>) -> Result<(), Stopped> {
        let Some(partition) = self.begun.pop_front() else { return Ok(()) };
        let (budget, place) = (context.budget, partition.place);
        let mut found = partition.release(budget);
        if place.matches > 0 {
            found.add_partition(place.partition, place.matches, budget)?;
        }
        self.found.join(found, budget, context.tick)
    }

    /// Hands on what was found before an error, and takes back what was charged.
    fn end(&mut self, context: &mut Context<'_>) {
        let mut is_whole = true;
        while is_whole && let Some(first) = self.begun.front() {
            is_whole = matches!(first.state, PartitionState::Ended(Ok(())));
            // Where there is no room for it, the search has ended for want of it.
            is_whole &= self.hand_on_first(context).is_ok();
        }
        for partition in self.begun.drain(..) {
            partition.release(context.budget);
        }
        self.batches.drain(..).for_each(|batch| batch.release(context.budget));
        self.spare.drain(..).for_each(|mut answers| answers.clear(context.budget));
        self.scan.release(context);
    }

    /// Has all computed that partitions wait for, and what they are going to need next.
    fn ask(&mut self, context: &mut Context<'_>, compute: &mut Compute<'_>) -> Result<(), SearchError> {
        self.fill_batches(context)?;
        for batch in 0..self.batches.len() {
            context.check()?;
            self.values.clear();
            let asked = &mut self.batches[batch].asked;
            let wanted = asked.wanted;
            if asked.requests > 0 {
                compute(asked, &mut self.values)?;
            }
            for at in 0..self.batches[batch].places.len() {
                self.look(context)?;
                let (number, place) = self.batches[batch].places[at];
                let value = self.values.get_mut(at).and_then(Option::take);
                // Those behind an error are gone.
                let Some(partition) = self.begun.get_mut(number) else { continue };
                match &partition.state {
                    PartitionState::Waits(variable, _) if value.is_none() && at < wanted => {
                        let missing = SearchError::Evaluation(*variable, EvaluationError::Missing);
                        self.end_partition(number, Err(missing), context.budget);
                    }
                    PartitionState::Waits(..) => partition.answers.put(place, value, context.budget)?,
                    PartitionState::Ended(_) => {}
                }
            }
            self.batches[batch].clear(context.budget);
        }
        Ok(())
    }

    /// Collects what is asked for in this round.
    fn fill_batches(&mut self, context: &mut Context<'_>) -> Result<(), Stopped> {
        let mut waiting = Vec::with_capacity(self.waiting);
        let many_bytes = MANY_BYTES / self.waiting.max(1);
        for number in 0..self.begun.len() {
            self.look(context)?;
            let Self { begun, scan, partitions, batches, .. } = &mut *self;
            let Partition { place, answers, many_bytes: noted, state, .. } = &mut begun[number];
            let PartitionState::Waits(variable, request) = state else { continue };
            if answers.charged_bytes() > many_bytes.max(*noted) {
                answers.forget_before(place.row, context.budget)?;
                *noted = 2 * answers.charged_bytes();
            }
            let wanted = wanted(scan, partitions, *place, *variable, request);
            let used = answers.begin_round();
            let purpose = Purpose { start: place.row, depth: wanted.depth() };
            let (asked, _) = answers.ask(request, purpose, context.budget)?;
            let batch = RequestBatch::number_for(request, batches);
            batches[batch].add(request, (number, asked), context.budget)?;
            waiting.push((number, batch, used));
        }
        for batch in &mut self.batches {
            batch.asked.wanted = batch.asked.requests;
        }
        let most = (REQUESTS_A_ROUND / waiting.len().max(1)).saturating_sub(1);
        let most_listed = MOST_LISTED / waiting.len().max(1);
        for (number, batch, used) in waiting {
            self.look(context)?;
            let Self { begun, scan, partitions, batches, look_ahead, .. } = &mut *self;
            let Partition { place, answers, given, state, .. } = &mut begun[number];
            let PartitionState::Waits(variable, request) = state else { continue };
            let wanted = wanted(scan, partitions, *place, *variable, request);
            look_ahead.guess(&wanted, given, used, (most, most_listed), |request, purpose| {
                let (asked, is_new) = answers.ask(request, purpose, context.budget)?;
                if is_new {
                    batches[batch].add(request, (number, asked), context.budget)?;
                }
                Ok(is_new)
            })?;
        }
        Ok(())
    }

    /// Looks at the limits now and then.
    fn look(&mut self, context: &mut Context<'_>) -> Result<(), Stopped> {
        self.items += 1;
        if self.items >= ITEMS_A_LOOK {
            self.items = 0;
            context.check()?;
        }
        Ok(())
    }
}

/// What a partition waits for, as the look-ahead sees it.
fn wanted<'w, M: Asking>(
    scan: &'w Scan<M>,
    partitions: &Partitions,
    place: ScanPlace,
    variable: u8,
    request: &'w Request,
) -> Wanted<'w> {
    let follows = scan.strategy().follows(variable, request.expression);
    let (begin, end) = partitions.bounds(place.partition);
    Wanted { variable, request, follows, start: place.row, rows: begin..end }
}

/// What is asked for of one expression in a round.
pub struct RequestBatch {
    pub asked: Asked,
    /// For each request, the partition's place among those that are begun, and the request's number there.
    pub places: Vec<(usize, usize)>,
}

impl RequestBatch {
    /// The number of the batch that a request belongs to, which is added where there is none.
    pub fn number_for(request: &Request, batches: &mut Vec<Self>) -> usize {
        batches.iter().position(|batch| batch.asked.takes(request)).unwrap_or_else(|| {
            batches.push(Self { asked: Asked::like(request), places: Vec::new() });
            batches.len() - 1
        })
    }

    /// Adds a request of a partition.
    pub fn add(&mut self, request: &Request, place: (usize, usize), budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.places, 1)?;
        self.places.push(place);
        self.asked.push(request, budget)
    }

    fn clear(&mut self, budget: &Budget) {
        self.places.clear();
        self.asked.clear(budget);
    }

    /// Takes back what was charged.
    pub fn release(self, budget: &Budget) {
        budget.release_vector(&self.places);
        self.asked.release(budget);
    }
}
