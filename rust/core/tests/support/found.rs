//! A sink that keeps all that a search finds; integration tests and the fuzz targets use it.

use rowpattern_core::matcher::{Budget, BulkSink, Joined, Sink, Span, Stopped, Tick};

/// What was found: the variable of each matched row, bounds of matches, and how many of them a partition has.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Found {
    pub variables: Vec<u8>,
    pub starts: Vec<i64>,
    pub ends: Vec<i64>,
    pub matches: Vec<(usize, usize)>,
    pub pause: bool,
}

impl Found {
    /// Notes a match.
    pub fn add(&mut self, span: Span) {
        self.starts.push(span.start as i64);
        self.ends.push(span.end as i64);
        match self.matches.last_mut() {
            Some((partition, matches)) if *partition == span.partition => *matches = span.number,
            _ => self.matches.push((span.partition, span.number)),
        }
    }
}

impl Sink for Found {
    const ROWS: bool = true;
    fn make_room(&mut self, _: usize, _: &Budget) -> Result<(), Stopped> {
        Ok(())
    }
    fn row(&mut self, variable: u8, _: u32) {
        self.variables.push(variable);
    }
    fn complete(&mut self, span: Span, _: &Budget) -> Result<bool, Stopped> {
        self.add(span);
        Ok(self.pause)
    }
}

impl BulkSink for Found {
    fn block(&mut self, variables: &[u8], starts: &[i64], ends: &[i64], _: &Budget) -> Result<(), Stopped> {
        self.variables.extend_from_slice(variables);
        self.starts.extend_from_slice(starts);
        self.ends.extend_from_slice(ends);
        Ok(())
    }
    fn partition(&mut self, partition: usize, matches: usize, _: &Budget) -> Result<(), Stopped> {
        if matches > 0 {
            self.matches.push((partition, matches));
        }
        Ok(())
    }
}

impl Joined for Found {
    fn join(&mut self, next: Self, budget: &Budget, _: &mut Tick<'_>) -> Result<(), Stopped> {
        let same = self.matches.last().zip(next.matches.first()).is_some_and(|(last, first)| last.0 == first.0);
        if same {
            self.matches.last_mut().unwrap().1 += next.matches[0].1;
        }
        self.matches.extend_from_slice(&next.matches[usize::from(same)..]);
        self.block(&next.variables, &next.starts, &next.ends, budget)
    }
}
