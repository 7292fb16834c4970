//! A sink that keeps all that a search finds; integration tests and the fuzz targets use it.

use rowpattern_core::budget::{Budget, Stopped, Tick};
use rowpattern_core::matcher::{Block, Sink};

/// What was found: the variable of each matched row and whether it is excluded, bounds of matches, and how many of them a
/// partition has.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Found {
    pub variables: Vec<u8>,
    /// Empty where the pattern excludes nothing.
    pub excluded: Vec<u8>,
    pub starts: Vec<i64>,
    pub ends: Vec<i64>,
    pub matches: Vec<(usize, usize)>,
}

impl Found {
    /// Notes the bounds of a match.
    #[allow(dead_code, reason = "not every test has matches to compare with")]
    pub fn add_match(&mut self, partition: usize, start: usize, end: usize) {
        self.starts.push(start as i64);
        self.ends.push(end as i64);
        self.count(partition, 1);
    }

    fn count(&mut self, partition: usize, more: usize) {
        match self.matches.last_mut() {
            Some((last, matches)) if *last == partition => *matches += more,
            _ => self.matches.push((partition, more)),
        }
    }
}

impl Sink for Found {
    const ROWS: bool = true;

    fn add(&mut self, block: Block<'_>, _: &Budget) -> Result<(), Stopped> {
        self.variables.extend_from_slice(block.variables);
        self.excluded.extend_from_slice(block.excluded);
        self.starts.extend_from_slice(block.starts);
        self.ends.extend_from_slice(block.ends);
        Ok(())
    }

    fn add_partition(&mut self, partition: usize, matches: usize, _: &Budget) -> Result<(), Stopped> {
        if matches > 0 {
            self.count(partition, matches);
        }
        Ok(())
    }

    fn join(&mut self, next: Self, budget: &Budget, _: &mut Tick<'_>) -> Result<(), Stopped> {
        for (partition, matches) in &next.matches {
            self.count(*partition, *matches);
        }
        let Self { variables, excluded, starts, ends, .. } = &next;
        self.add(Block { variables, excluded, starts, ends }, budget)
    }
}
