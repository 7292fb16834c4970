//! Where searches put what they find: columns that grow.

use arrow_buffer::{ArrowNativeType, ScalarBuffer};
use rowpattern_core::budget::{Budget, Stopped, Tick};
use rowpattern_core::matcher::{Block, Sink};

/// Starts and ends; numbers and partitions follow from how many matches each partition has.
#[derive(Default)]
pub struct SpansSink {
    /// Partitions, each with how many matches it has; those left out have none.
    pub partitions: Vec<(i64, i64)>,
    pub start: Vec<i64>,
    pub end: Vec<i64>,
    /// How many rows the search has.
    rows: usize,
}

/// Fewer rows do not pay for an estimate of what is found in them.
const MANY_ROWS: usize = 1 << 18;

/// So many rows say how much is found in all, in most cases.
const ROWS_TO_ESTIMATE: i64 = 1 << 14;

/// A column without the room that it did not need, as far as that is worth a copy.
pub fn trimmed<T: ArrowNativeType>(mut items: Vec<T>) -> ScalarBuffer<T> {
    if items.len() < items.capacity() / 2 {
        items.shrink_to_fit();
    }
    items.into()
}

fn extend<T: Copy>(items: &mut Vec<T>, more: &[T], estimate: Estimate, budget: &Budget) -> Result<(), Stopped> {
    if items.capacity() - items.len() < more.len() {
        budget.reserve_expected(items, more.len(), estimate.of(items.len()))?;
    }
    items.extend_from_slice(more);
    Ok(())
}

/// How much is found in all rows, by what was found so far. Columns that grow to that have no room that they do not need, which would
/// be given back by a copy.
#[derive(Clone, Copy)]
struct Estimate {
    /// All rows, and those that are passed; none of them where too few are.
    rows: usize,
    passed: usize,
}

impl Estimate {
    /// How many items, where there are so many so far: a sixteenth more than if they were everywhere as many.
    fn of(self, items: usize) -> usize {
        let all = items.saturating_mul(self.rows).checked_div(self.passed).unwrap_or(0);
        all.saturating_add(all / 16)
    }
}

impl SpansSink {
    pub fn new(rows: usize, partitions: usize, budget: &Budget) -> Self {
        let partitions = if partitions < MANY_ROWS { Vec::new() } else { budget.room(partitions) };
        Self { partitions, start: Vec::new(), end: Vec::new(), rows }
    }

    fn estimate(&self) -> Estimate {
        let passed = match (self.start.first(), self.start.last()) {
            (Some(first), Some(last)) if self.rows >= MANY_ROWS => last - first,
            _ => 0,
        };
        Estimate { rows: self.rows, passed: if passed < ROWS_TO_ESTIMATE { 0 } else { passed as usize } }
    }
}

impl Sink for SpansSink {
    const ROWS: bool = false;

    fn add(&mut self, block: Block<'_>, budget: &Budget) -> Result<(), Stopped> {
        let estimate = self.estimate();
        extend(&mut self.start, block.starts, estimate, budget)?;
        extend(&mut self.end, block.ends, estimate, budget)
    }

    fn add_partition(&mut self, partition: usize, matches: usize, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.partitions, 1)?;
        self.partitions.push((partition as i64, matches as i64));
        Ok(())
    }

    fn join(&mut self, mut next: Self, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped> {
        if let (Some((last, matches)), Some((first, more))) = (self.partitions.last_mut(), next.partitions.first_mut())
            && last == first
        {
            // The matches of a partition that both share stand in one place.
            *more += *matches;
            self.partitions.pop();
        }
        budget.append(&mut self.partitions, next.partitions, tick)?;
        budget.append(&mut self.start, next.start, tick)?;
        budget.append(&mut self.end, next.end, tick)
    }
}

/// Spans, and the variable of each row of each match.
#[derive(Default)]
pub struct MatchesSink {
    pub spans: SpansSink,
    pub variables: Vec<u8>,
    /// Whether each row is excluded; empty where the pattern excludes nothing.
    pub excluded: Vec<u8>,
}

impl MatchesSink {
    pub fn new(rows: usize, partitions: usize, budget: &Budget) -> Self {
        Self { spans: SpansSink::new(rows, partitions, budget), variables: Vec::new(), excluded: Vec::new() }
    }

    /// Takes back what was charged.
    pub fn release(&self, budget: &Budget) {
        budget.release_vector(&self.spans.partitions);
        budget.release_vector(&self.spans.start);
        budget.release_vector(&self.spans.end);
        budget.release_vector(&self.variables);
        budget.release_vector(&self.excluded);
    }
}

impl Sink for MatchesSink {
    const ROWS: bool = true;

    fn add(&mut self, block: Block<'_>, budget: &Budget) -> Result<(), Stopped> {
        let estimate = self.spans.estimate();
        extend(&mut self.variables, block.variables, estimate, budget)?;
        extend(&mut self.excluded, block.excluded, estimate, budget)?;
        self.spans.add(block, budget)
    }

    fn add_partition(&mut self, partition: usize, matches: usize, budget: &Budget) -> Result<(), Stopped> {
        self.spans.add_partition(partition, matches, budget)
    }

    fn join(&mut self, next: Self, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped> {
        budget.append(&mut self.variables, next.variables, tick)?;
        budget.append(&mut self.excluded, next.excluded, tick)?;
        self.spans.join(next.spans, budget, tick)
    }
}
