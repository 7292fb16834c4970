//! Where matches go as they are found.

use crate::budget::{Budget, Stopped, Tick};

/// A piece of what was found. Each list goes on where it ended in the piece before, in the order of the matches; they end at
/// different places: the rows of a match may come in an earlier piece than its bounds, and its end in a later one than its start.
#[derive(Debug, Clone, Copy)]
pub struct Block<'b> {
    /// The variables to which the next matched rows are mapped.
    pub variables: &'b [u8],
    /// Whether each of these rows stands in an exclusion (1) or not (0); empty where the pattern excludes nothing.
    pub excluded: &'b [u8],
    /// The first rows of the next matches.
    pub starts: &'b [i64],
    /// The rows behind the last rows of the next matches.
    pub ends: &'b [i64],
}

/// Takes matches of consecutive rows, and then what the next rows gave.
pub trait Sink: Send + Sized {
    /// Whether it wants the rows of matches; if not, time does not depend on how matches overlap, and blocks may have none.
    const ROWS: bool;
    /// Whether it wants the bounds of matches; if not, blocks may have none.
    const BOUNDS: bool = true;

    /// Adds a piece of what was found.
    fn add(&mut self, block: Block<'_>, budget: &Budget) -> Result<(), Stopped>;

    /// `matches` more matches, perhaps none, are of a partition; partitions come in order. The matches may come later.
    fn add_partition(&mut self, partition: usize, matches: usize, budget: &Budget) -> Result<(), Stopped>;

    /// Adds what was found in the rows behind these, and takes back what was charged for it. A partition that the two share
    /// has the matches of both.
    fn join(&mut self, next: Self, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped>;
}

/// Counts matches.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Count(pub usize);

impl Sink for Count {
    const ROWS: bool = false;
    const BOUNDS: bool = false;

    fn add(&mut self, _: Block<'_>, _: &Budget) -> Result<(), Stopped> {
        Ok(())
    }

    fn add_partition(&mut self, _: usize, matches: usize, _: &Budget) -> Result<(), Stopped> {
        self.0 += matches;
        Ok(())
    }

    fn join(&mut self, next: Self, _: &Budget, _: &mut Tick<'_>) -> Result<(), Stopped> {
        self.0 += next.0;
        Ok(())
    }
}
