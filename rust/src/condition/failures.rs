//! Branches known to fail.
//!
//! Whether a branch can succeed depends on the row, the position, and of the match so far on what conditions can still
//! read of it: for each set of variables the first few and the last few of its rows, and the states of aggregates.
//! Two branches that agree in that fail together, so each is tried once. The key holds all of it, not a hash of it.

use std::collections::HashSet;

use super::program::{At, Node};
use super::state::State;

/// Words of all keys together; 64 MiB. Past that nothing more is remembered: the answer stays the same.
const MOST_WORDS: usize = 8 << 20;

/// What conditions read of the match so far.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// For each set, how many of its first rows, and of its last.
    sets: Vec<(usize, usize)>,
    /// How many of the labels of the last rows; and whether those of other rows are read.
    labels: usize,
    other_labels: bool,
    aggregates: usize,
    /// Whether anything depends on where the match began.
    start: bool,
}

impl Reach {
    /// Of these conditions, over so many sets and aggregates.
    pub fn of<'a>(nodes: impl Iterator<Item = &'a Node>, sets: usize, aggregates: usize) -> Self {
        let mut reach = Self { sets: vec![(0, 0); sets], aggregates, start: aggregates > 0, ..Self::default() };
        for node in nodes {
            reach.add(node);
        }
        reach
    }

    fn add(&mut self, node: &Node) {
        match node {
            Node::Read(_, at) => self.read(*at),
            Node::Label(at) => {
                self.read(*at);
                if at.set.is_none() && !at.first && at.rows == 0 {
                    self.labels = self.labels.max(at.offset + 1);
                } else {
                    self.other_labels = true;
                }
            }
            Node::MatchNumber | Node::Aggregate(_) => self.start = true,
            Node::Null | Node::Bool(_) | Node::Int(_) | Node::Float(_) | Node::Text(_) => {}
            Node::Arithmetic(_, left, right)
            | Node::Compare(_, left, right)
            | Node::And(left, right)
            | Node::Or(left, right) => {
                self.add(left);
                self.add(right);
            }
            Node::Not(inner)
            | Node::IsNull(inner)
            | Node::Abs(inner)
            | Node::Negate(inner)
            | Node::Round(inner, _)
            | Node::ToFloat(inner) => self.add(inner),
            Node::In(inner, items) => {
                self.add(inner);
                for item in items {
                    self.add(item);
                }
            }
            Node::Case(branches, otherwise) => {
                for (condition, value) in branches {
                    self.add(condition);
                    self.add(value);
                }
                self.add(otherwise);
            }
            Node::Coalesce(items) | Node::Extreme(_, items) => {
                for item in items {
                    self.add(item);
                }
            }
        }
    }

    fn read(&mut self, at: At) {
        match at.set {
            Some(set) => {
                let (first, last) = &mut self.sets[set];
                let reached = if at.first { first } else { last };
                *reached = (*reached).max(at.offset + 1);
                self.start |= at.first;
            }
            None => self.start |= at.first || at.offset > 0,
        }
    }
}

/// The branches of a partition that failed.
#[derive(Debug)]
pub struct Failures {
    reach: Reach,
    known: HashSet<Box<[u64]>, foldhash::fast::RandomState>,
    words: usize,
    key: Vec<u64>,
}

impl Failures {
    /// None yet.
    pub fn new(reach: Reach) -> Self {
        Self { reach, known: HashSet::default(), words: 0, key: Vec::new() }
    }

    /// Forgets what does not hold for a match that begins elsewhere.
    pub fn begin_match(&mut self) {
        if self.reach.start || self.reach.other_labels {
            self.clear();
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        if !self.known.is_empty() {
            self.known.clear();
            self.words = 0;
        }
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether a branch is known to fail: the match so far, whose last row was mapped to `position`.
    pub fn contains(&mut self, position: u32, state: &State<'_>) -> bool {
        self.write(position, state);
        self.known.contains(self.key.as_slice())
    }

    /// Notes that it fails.
    pub fn insert(&mut self, position: u32, state: &State<'_>) {
        self.write(position, state);
        if self.words + self.key.len() <= MOST_WORDS {
            self.words += self.key.len();
            self.known.insert(self.key.as_slice().into());
        }
    }

    fn write(&mut self, position: u32, state: &State<'_>) {
        let key = &mut self.key;
        key.clear();
        key.extend([(state.start + state.labels.len()) as u64, u64::from(position)]);
        for (rows, &(first, last)) in state.rows.iter().zip(&self.reach.sets) {
            let first = &rows[..first.min(rows.len())];
            let last = &rows[rows.len().saturating_sub(last)..];
            key.push((first.len() as u64) << 32 | last.len() as u64);
            key.extend(first.iter().chain(last).map(|&row| row as u64));
        }
        let labels = if self.reach.other_labels { usize::MAX } else { self.reach.labels };
        let from = state.labels.len().saturating_sub(labels);
        key.push((state.labels.len() - from) as u64);
        key.extend(state.labels[from..].iter().map(|&label| u64::from(label)));
        for slot in 0..self.reach.aggregates {
            state.aggregate_words(slot, key);
        }
    }
}
