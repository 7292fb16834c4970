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
}

/// Fewer rows do not pay for room made beforehand.
const MANY_ROWS: usize = 1 << 18;

/// An empty vector for one item in `rows_an_item` rows; it grows when there are more, which takes a copy.
fn room<T: Copy>(rows: usize, rows_an_item: usize, budget: &Budget) -> Vec<T> {
    if rows < MANY_ROWS { Vec::new() } else { budget.room(rows / rows_an_item) }
}

/// A column without the room that it did not need, as far as that is worth a copy.
pub fn trimmed<T: ArrowNativeType>(mut items: Vec<T>) -> ScalarBuffer<T> {
    if items.len() < items.capacity() / 2 {
        items.shrink_to_fit();
    }
    items.into()
}

fn extend<T: Copy>(items: &mut Vec<T>, more: &[T], budget: &Budget) -> Result<(), Stopped> {
    budget.reserve(items, more.len())?;
    items.extend_from_slice(more);
    Ok(())
}

impl SpansSink {
    pub fn new(rows: usize, partitions: usize, budget: &Budget) -> Self {
        Self { partitions: room(partitions, 1, budget), start: room(rows, 3, budget), end: room(rows, 3, budget) }
    }
}

impl Sink for SpansSink {
    const ROWS: bool = false;

    fn add(&mut self, block: Block<'_>, budget: &Budget) -> Result<(), Stopped> {
        extend(&mut self.start, block.starts, budget)?;
        extend(&mut self.end, block.ends, budget)
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
        let spans = SpansSink::new(rows, partitions, budget);
        Self { spans, variables: room(rows, 1, budget), excluded: Vec::new() }
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
        extend(&mut self.variables, block.variables, budget)?;
        extend(&mut self.excluded, block.excluded, budget)?;
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
