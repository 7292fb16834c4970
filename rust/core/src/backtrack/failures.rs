//! Branches known to fail.
//!
//! Whether a branch can succeed depends on the row, the position, and of the match so far on what conditions can still
//! read of it: for each set of variables the first few and the last few of its rows, and the states of aggregates.
//! Two branches that agree in that fail together, so each is tried once. The key holds all of it, not a hash of it.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::budget::{Budget, Stopped};
use crate::expression::{Expression, Given, MatchSoFar, Operation};
use crate::rows::At;

/// Words of all keys together; 64 MiB. Past that nothing more is remembered: the answer stays the same.
const MOST_WORDS: usize = 8 << 20;
/// Words of one key. Longer ones, of matches that are read as a whole, would take longer to write than they save.
const MOST_KEY_WORDS: usize = 1 << 16;

/// What conditions read of the match so far.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// For each set, how many of its first rows, and of its last.
    sets: Vec<(usize, usize)>,
    /// How many of the classifiers of the last rows; and whether those of other rows are read.
    classifiers: usize,
    other_classifiers: bool,
    aggregates: usize,
    /// Whether anything depends on where the match began.
    start: bool,
}

impl Reach {
    /// Of these conditions, over numbers of sets and aggregates.
    pub fn of<'a>(expressions: impl Iterator<Item = &'a Expression>, sets: usize, aggregates: usize) -> Self {
        let mut reach = Self { sets: vec![(0, 0); sets], aggregates, start: aggregates > 0, ..Self::default() };
        for expression in expressions {
            reach.add(expression);
        }
        reach
    }

    fn add(&mut self, expression: &Expression) {
        match &expression.operation {
            Operation::Read(_, at) | Operation::Exists(at) => self.read(*at),
            Operation::Classifier(at) => {
                self.read(*at);
                if at.set.is_none() && !at.first && at.rows == 0 {
                    self.classifiers = self.classifiers.max(at.offset.saturating_add(1));
                } else {
                    self.other_classifiers = true;
                }
            }
            Operation::MatchNumber | Operation::Aggregate(_) => self.start = true,
            Operation::Computed(_, given) => given.iter().for_each(|given| match given {
                Given::Row(at) => self.read(*at),
                Given::Rows(set) => self.read_all(*set),
                Given::Value(expression) => self.add(expression),
            }),
            Operation::Combined(_, rows) => rows.iter().for_each(|row| self.read(row.at)),
            Operation::Literal(_) => {}
            Operation::Call(..) => expression.for_each_part(|part| self.add(part)),
        }
    }

    /// Whether keys grow with the match.
    fn reads_whole_matches(&self) -> bool {
        self.other_classifiers || self.sets.iter().any(|&(first, _)| first == usize::MAX)
    }

    /// All rows that are mapped to a set, or all rows of the match.
    fn read_all(&mut self, set: Option<usize>) {
        self.start = true;
        if let Some((first, _)) = set.and_then(|set| self.sets.get_mut(set)) {
            *first = usize::MAX;
        }
    }

    fn read(&mut self, at: At) {
        match at.set {
            Some(set) => {
                let Some((first, last)) = self.sets.get_mut(set) else { return };
                let reached = if at.first { first } else { last };
                *reached = (*reached).max(at.offset.saturating_add(1));
                self.start |= at.first;
            }
            None => self.start |= at.first || at.offset > 0,
        }
    }
}

/// How many more keys the hash table has room for when it grows.
const LEAST_PLACES: usize = 64;
/// What a place takes, with its share of free places.
const PLACE_BYTES: usize = (size_of::<u32>() + 1) * 8 / 7;

/// The branches of a partition that failed.
#[derive(Debug)]
pub struct Failures {
    reach: Reach,
    /// Keys one after another, each behind its length: one allocation, so that forgetting millions takes no time.
    keys: Vec<u64>,
    /// Where each key begins.
    known: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    key: Vec<u64>,
    /// What is charged for `known`.
    known_bytes: usize,
}

/// The key that begins somewhere.
fn key_at(keys: &[u64], at: u32) -> &[u64] {
    let at = at as usize;
    &keys[at + 1..=at + keys[at] as usize]
}

impl Failures {
    /// None yet.
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            keys: Vec::new(),
            known: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            key: Vec::new(),
            known_bytes: 0,
        }
    }

    /// Notes are of one start only: a branch that fails from there may succeed from another.
    pub fn keep_to_one_start(&mut self) {
        self.reach.start = true;
    }

    /// Whether what fails from one start fails from another.
    pub fn outlive_starts(&self) -> bool {
        !self.reach.start && !self.reach.other_classifiers
    }

    /// Forgets what does not hold for a match that begins elsewhere.
    pub fn begin_match(&mut self) {
        if !self.outlive_starts() {
            self.clear();
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        if !self.known.is_empty() {
            self.known.clear();
            self.keys.clear();
        }
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(&mut self, budget: &Budget) {
        budget.release_vector(&self.keys);
        budget.release(self.known_bytes);
        (self.keys, self.known, self.known_bytes) = (Vec::new(), HashTable::new(), 0);
    }

    /// How many words were written and compared for the last branch.
    pub fn key_words(&self) -> usize {
        self.key.len()
    }

    /// Whether a branch is known to fail: the match so far, whose last row was mapped to `position`.
    pub fn contains(&mut self, position: u32, state: &MatchSoFar<'_>) -> bool {
        if !self.has_written(position, state) {
            return false;
        }
        let Self { keys, known, hasher, key, .. } = self;
        known.find(hasher.hash_one(key.as_slice()), |&at| key_at(keys, at) == key.as_slice()).is_some()
    }

    /// Notes that it fails; it was not known. Past [`MOST_WORDS`] nothing more is noted; a budget that is used up before
    /// ends the search, which could take exponential time without notes.
    pub fn insert(&mut self, position: u32, state: &MatchSoFar<'_>, budget: &Budget) -> Result<(), Stopped> {
        if !self.has_written(position, state) || self.keys.len() + self.key.len() >= MOST_WORDS {
            return Ok(());
        }
        self.make_room(budget)?;
        let Self { keys, known, hasher, key, .. } = self;
        let at = keys.len() as u32;
        keys.push(key.len() as u64);
        keys.extend_from_slice(key);
        known.insert_unique(hasher.hash_one(key.as_slice()), at, |&at| hasher.hash_one(key_at(keys, at)));
        Ok(())
    }

    /// Makes room for the key.
    fn make_room(&mut self, budget: &Budget) -> Result<(), Stopped> {
        let Self { keys, known, hasher, key, known_bytes, .. } = self;
        budget.reserve(keys, key.len() + 1)?;
        if known.len() < known.capacity() {
            return Ok(());
        }
        // It is going to have twice the places.
        let bytes = (known.capacity() + LEAST_PLACES) * PLACE_BYTES;
        budget.charge(bytes)?;
        *known_bytes += bytes;
        let keys = keys.as_slice();
        let reserved = known.try_reserve(LEAST_PLACES, |&at| hasher.hash_one(key_at(keys, at)));
        reserved.map_err(|_| budget.stop(Stopped::OutOfMemory))
    }

    /// Writes the key of a branch, where that is worth it.
    fn has_written(&mut self, position: u32, state: &MatchSoFar<'_>) -> bool {
        let key = &mut self.key;
        key.clear();
        // Rows of a set are at most those of the match.
        if self.reach.reads_whole_matches() && state.classifiers.len() > MOST_KEY_WORDS {
            return false;
        }
        key.extend([(state.start + state.classifiers.len()) as u64, u64::from(position)]);
        for (rows, &(first, last)) in state.rows.iter().zip(&self.reach.sets) {
            let first = &rows[..first.min(rows.len())];
            let last = &rows[rows.len().saturating_sub(last)..];
            key.push((first.len() as u64) << 32 | last.len() as u64);
            key.extend(first.iter().chain(last).map(|&row| row as u64));
        }
        let classifiers = if self.reach.other_classifiers { usize::MAX } else { self.reach.classifiers };
        let from = state.classifiers.len().saturating_sub(classifiers);
        key.push((state.classifiers.len() - from) as u64);
        key.extend(state.classifiers[from..].iter().map(|&variable| u64::from(variable)));
        for slot in 0..self.reach.aggregates {
            state.aggregate_words(slot, key);
        }
        key.len() <= MOST_KEY_WORDS
    }
}
