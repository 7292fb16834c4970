//! What has been computed elsewhere for one partition, and what its search has asked for last.
//!
//! Requests are kept as words, one after another in one allocation, and found by a hash table of numbers: there are millions.

use std::cell::{Cell, RefCell};
use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::budget::{Budget, Stopped};
use crate::expression::{Answers, Argument, Request, Value};

/// For what an answer is computed, perhaps before anybody has asked for it.
#[derive(Debug, Clone, Copy)]
pub struct Purpose {
    /// The first row of the match.
    pub start: usize,
    /// How far behind it the last row is that goes on with the current row.
    pub depth: i64,
}

/// How far the search came with the answers of the last round.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// The furthest start; None where none was of use.
    pub start: Option<usize>,
    /// How many starts, in the order of the rows, found an answer.
    pub starts: usize,
    /// The greatest depth.
    pub depth: i64,
    /// The greatest depth at the furthest start.
    pub last_depth: i64,
    /// How many rows matches went on from their first depths to their greatest, all starts together.
    pub rows: i64,
}

impl Used {
    /// Takes note of an answer that was of use.
    fn add(self, Purpose { start, depth }: Purpose) -> Self {
        if self.start < Some(start) {
            let (starts, depth_so_far) = (self.starts + 1, self.depth.max(depth));
            return Self { start: Some(start), starts, depth: depth_so_far, last_depth: depth, ..self };
        }
        let more = if self.start == Some(start) { (depth - self.last_depth).max(0) } else { 0 };
        let (last_depth, rows) = (self.last_depth + more, self.rows + more);
        Self { depth: self.depth.max(depth), last_depth, rows, ..self }
    }
}

/// What became of a request.
#[derive(Debug)]
enum Answer {
    /// It is being computed, or could not be computed before the search asked for it.
    Unknown,
    Known(Value),
}

/// A request that was made.
#[derive(Debug, Clone, Copy)]
struct KnownRequest {
    /// Where its words begin.
    key: usize,
    purpose: Purpose,
}

/// The answers that the search in one partition reads, and the request for which it found none.
///
/// ```
/// use rowpattern_core::backtrack::{PartitionAnswers, Purpose};
/// use rowpattern_core::budget::Budget;
/// use rowpattern_core::expression::{Answers, Argument, Request, Value};
///
/// let (budget, purpose) = (Budget::unlimited(), Purpose { start: 7, depth: 0 });
/// let request = Request { expression: 0, arguments: Box::new([Argument::Row(Some(7))]) };
/// let mut answers = PartitionAnswers::default();
/// assert_eq!(answers.answer(&request), None);
/// assert_eq!(answers.take_missing(), Some(request.clone()));
///
/// let (number, is_new) = answers.ask(&request, purpose, &budget).unwrap();
/// assert!(is_new);
/// answers.put(number, Some(Value::Int(1)), &budget).unwrap();
/// assert_eq!(answers.answer(&request), Some(&Value::Int(1)));
/// ```
#[derive(Debug, Default)]
pub struct PartitionAnswers {
    /// The words of all requests, each behind their number.
    keys: Vec<u64>,
    made: Vec<KnownRequest>,
    /// Numbers of requests.
    known: HashTable<usize>,
    answers: Vec<Answer>,
    hasher: foldhash::fast::RandomState,
    /// The words of a request that is looked for.
    key: RefCell<Vec<u64>>,
    missing: RefCell<Option<Request>>,
    /// The first request of the last round.
    round: usize,
    used: Cell<Used>,
    /// What is charged for `known` and `answers`, and for texts among the answers.
    bytes: usize,
    text_bytes: usize,
}

/// What a place of the table takes, with its share of free places.
const PLACE_BYTES: usize = (size_of::<usize>() + 1) * 8 / 7;
/// How many more requests there is room for when room is made.
const LEAST_PLACES: usize = 8;

/// Marks of the kinds of arguments in the highest bits of a word.
const ROWS: u64 = 1 << 62;
const VALUE: u64 = 2 << 62;

/// Writes the words of a request; no request's words begin those of another.
fn write_key(request: &Request, key: &mut Vec<u64>) {
    key.clear();
    key.push(request.expression as u64);
    for argument in &request.arguments {
        match argument {
            Argument::Row(row) => key.push(row.map_or(0, |row| row as u64 + 1)),
            Argument::Rows(rows) => {
                key.push(ROWS | rows.len() as u64);
                key.extend(rows.iter().map(|&row| row as u64));
            }
            Argument::Value(value) => write_value(value, key),
        }
    }
}

fn write_value(value: &Value, key: &mut Vec<u64>) {
    match value {
        Value::Null => key.push(VALUE),
        Value::Bool(value) => key.extend([VALUE | 1, u64::from(*value)]),
        Value::Int(value) => key.extend([VALUE | 2, *value as u64]),
        Value::Wide(value) => key.extend([VALUE | 3, *value as u64, (*value >> 64) as u64]),
        Value::Float(value) => key.extend([VALUE | 4, u64::from(value.to_bits())]),
        Value::Double(value) => key.extend([VALUE | 5, value.to_bits()]),
        Value::Interval(value) => {
            key.extend([VALUE | 6, value.months as u64, value.days as u64, value.micros as u64]);
        }
        Value::Text(text) => {
            key.extend([VALUE | 7, text.len() as u64]);
            key.extend(text.as_bytes().chunks(8).map(|bytes| {
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                u64::from_ne_bytes(word)
            }));
        }
    }
}

fn key_at(keys: &[u64], at: usize) -> &[u64] {
    &keys[at + 1..=at + keys[at] as usize]
}

impl PartitionAnswers {
    /// Notes a request, and gives its number and whether it is new.
    pub fn ask(&mut self, request: &Request, purpose: Purpose, budget: &Budget) -> Result<(usize, bool), Stopped> {
        let Self { keys, made, known, hasher, key, .. } = &mut *self;
        let key = key.get_mut();
        write_key(request, key);
        let is_same = |&number: &usize| key_at(keys, made[number].key) == key.as_slice();
        if let Some(&number) = known.find(hasher.hash_one(key.as_slice()), is_same) {
            return Ok((number, false));
        }
        self.add(purpose, budget).map(|number| (number, true))
    }

    /// Adds the request whose words are in `key`.
    fn add(&mut self, purpose: Purpose, budget: &Budget) -> Result<usize, Stopped> {
        if self.known.len() == self.known.capacity() {
            self.make_room(budget)?;
        }
        let Self { keys, made, known, answers, hasher, key, .. } = self;
        let key = key.get_mut();
        budget.reserve(keys, key.len() + 1)?;
        budget.reserve(made, 1)?;
        let number = made.len();
        made.push(KnownRequest { key: keys.len(), purpose });
        keys.push(key.len() as u64);
        keys.extend_from_slice(key);
        answers.push(Answer::Unknown);
        let hash = |&number: &usize| hasher.hash_one(key_at(keys, made[number].key));
        known.insert_unique(hash(&number), number, hash);
        Ok(number)
    }

    /// Makes room in the table, and as much for answers.
    fn make_room(&mut self, budget: &Budget) -> Result<(), Stopped> {
        let Self { keys, made, known, answers, hasher, bytes, .. } = self;
        let more = known.len().max(LEAST_PLACES);
        let needed = more * (PLACE_BYTES + size_of::<Answer>());
        budget.charge(needed)?;
        *bytes += needed;
        let has_room = known.try_reserve(more, |&number| hasher.hash_one(key_at(keys, made[number].key))).is_ok()
            && answers.try_reserve(more).is_ok();
        if has_room { Ok(()) } else { Err(budget.stop(Stopped::OutOfMemory)) }
    }

    /// Notes what was computed for a request, by number; None where it could not be, before the search asked for it.
    pub fn put(&mut self, number: usize, value: Option<Value>, budget: &Budget) -> Result<(), Stopped> {
        let (Some(answer), Some(value)) = (self.answers.get_mut(number), value) else { return Ok(()) };
        if let Value::Text(text) = &value {
            budget.charge(text.len())?;
            self.text_bytes += text.len();
        }
        *answer = Answer::Known(value);
        Ok(())
    }

    /// The request for which the search found no answer; it is forgotten here.
    pub fn take_missing(&mut self) -> Option<Request> {
        self.missing.take()
    }

    /// Begins a round, and says how far the search came with what the one before gave.
    pub fn begin_round(&mut self) -> Used {
        self.round = self.made.len();
        self.used.take()
    }

    /// Bytes that are charged.
    pub fn charged_bytes(&self) -> usize {
        self.bytes
            + self.text_bytes
            + self.keys.capacity() * size_of::<u64>()
            + self.made.capacity() * size_of::<KnownRequest>()
    }

    /// Forgets what was computed for matches that begin before a row. Should another match ask for it, it is computed again.
    pub fn forget_before(&mut self, row: usize, budget: &Budget) -> Result<(), Stopped> {
        let mut old = std::mem::take(self);
        for (made, answer) in old.made.iter().zip(std::mem::take(&mut old.answers)) {
            if made.purpose.start >= row
                && let Answer::Known(value) = answer
            {
                let key = self.key.get_mut();
                key.clear();
                key.extend_from_slice(key_at(&old.keys, made.key));
                let number = self.add(made.purpose, budget)?;
                self.put(number, Some(value), budget)?;
            }
        }
        old.clear(budget);
        Ok(())
    }

    /// Forgets all, and keeps the room for another partition, which stays charged.
    pub fn reset(&mut self, budget: &Budget) {
        self.keys.clear();
        self.made.clear();
        self.known.clear();
        self.answers.clear();
        self.missing.take();
        self.round = 0;
        self.used.take();
        budget.release(std::mem::take(&mut self.text_bytes));
    }

    /// Forgets all.
    pub fn clear(&mut self, budget: &Budget) {
        budget.release(self.charged_bytes());
        *self = Self::default();
    }
}

impl Answers for PartitionAnswers {
    fn answer(&self, request: &Request) -> Option<&Value> {
        let mut key = self.key.borrow_mut();
        write_key(request, &mut key);
        let hash = self.hasher.hash_one(key.as_slice());
        let is_same = |&number: &usize| key_at(&self.keys, self.made[number].key) == key.as_slice();
        let number = self.known.find(hash, is_same).copied();
        let Some((number, Answer::Known(value))) = number.and_then(|number| Some((number, self.answers.get(number)?)))
        else {
            self.missing.replace(Some(request.clone()));
            return None;
        };
        if number >= self.round {
            self.used.set(self.used.get().add(self.made[number].purpose));
        }
        Some(value)
    }
}
