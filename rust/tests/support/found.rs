//! A sink that keeps all that a search finds; integration tests and the fuzz targets use it.

use rowpattern::matcher::{BulkSink, Joined, Sink, Span};

/// What was found: the variable of each matched row, bounds of matches, and how many of them a partition has.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Found {
    pub variables: Vec<u8>,
    pub starts: Vec<i64>,
    pub ends: Vec<i64>,
    pub matches: Vec<(usize, usize)>,
    pub pause: bool,
}

impl Sink for Found {
    const ROWS: bool = true;
    fn row(&mut self, variable: u8, _: u32) {
        self.variables.push(variable);
    }
    fn complete(&mut self, span: Span) -> bool {
        self.starts.push(span.start as i64);
        self.ends.push(span.end as i64);
        match self.matches.last_mut() {
            Some((partition, matches)) if *partition == span.partition => *matches = span.number,
            _ => self.matches.push((span.partition, span.number)),
        }
        self.pause
    }
}

impl BulkSink for Found {
    fn block(&mut self, variables: &[u8], starts: &[i64], ends: &[i64]) {
        self.variables.extend_from_slice(variables);
        self.starts.extend_from_slice(starts);
        self.ends.extend_from_slice(ends);
    }
    fn partition(&mut self, partition: usize, matches: usize) {
        if matches > 0 {
            self.matches.push((partition, matches));
        }
    }
}

impl Joined for Found {
    fn join(&mut self, next: Self) {
        let mut added = next.matches.as_slice();
        if let (Some(last), Some((first, rest))) = (self.matches.last_mut(), added.split_first())
            && last.0 == first.0
        {
            last.1 += first.1;
            added = rest;
        }
        self.block(&next.variables, &next.starts, &next.ends);
        self.matches.extend_from_slice(added);
    }
}
