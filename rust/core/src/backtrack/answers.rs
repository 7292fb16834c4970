//! What has been computed elsewhere for one partition, and what its search has asked for last.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::budget::{Budget, Stopped};
use crate::expression::{Answers, Argument, Request, Value};

/// For what an answer was computed, perhaps before anybody had asked for it.
#[derive(Debug, Clone, Copy)]
pub struct Purpose {
    /// The first row of the match.
    pub start: usize,
    /// How far behind it the last row is that goes on with the current row.
    pub depth: i64,
    /// The number of the round, counted for each partition.
    pub round: u32,
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
}

/// None: it could not be computed before somebody had asked for it.
#[derive(Debug)]
struct Answer {
    value: Option<Value>,
    purpose: Purpose,
}

/// The answers that the search in one partition reads, and the request for which it found none.
///
/// ```
/// use rowpattern_core::backtrack::{PartitionAnswers, Purpose};
/// use rowpattern_core::budget::Budget;
/// use rowpattern_core::expression::{Answers, Argument, Request, Value};
///
/// let request = Request { expression: 0, arguments: Box::new([Argument::Row(Some(7))]) };
/// let mut answers = PartitionAnswers::default();
/// assert_eq!(answers.answer(&request), None);
/// assert_eq!(answers.take_missing(), Some(request.clone()));
/// let purpose = Purpose { start: 7, depth: 0, round: 0 };
/// answers.insert(request.clone(), Some(Value::Int(1)), purpose, &Budget::unlimited()).unwrap();
/// assert_eq!(answers.answer(&request), Some(&Value::Int(1)));
/// ```
#[derive(Debug, Default)]
pub struct PartitionAnswers {
    known: HashMap<Request, Answer, foldhash::fast::RandomState>,
    missing: RefCell<Option<Request>>,
    /// The number of the last round.
    round: u32,
    used: Cell<Used>,
    /// What is charged for `known`.
    bytes: usize,
}

/// An item of the map with its share of free places: at most seven of eight places are taken, and they double.
const ITEM_BYTES: usize = (size_of::<(Request, Answer)>() + 1) * 16 / 7;

/// Bytes that a request takes.
pub fn request_bytes(request: &Request) -> usize {
    let held = |argument: &Argument| match argument {
        Argument::Row(_) => 0,
        Argument::Rows(rows) => size_of_val::<[usize]>(rows),
        Argument::Value(value) => text_bytes(value),
    };
    let arguments: usize = request.arguments.iter().map(held).sum();
    size_of::<Request>() + size_of_val::<[Argument]>(&request.arguments) + arguments
}

fn text_bytes(value: &Value) -> usize {
    if let Value::Text(text) = value { text.len() } else { 0 }
}

impl PartitionAnswers {
    /// Adds what was computed; None where it could not be, before the search asked for it.
    pub fn insert(
        &mut self,
        request: Request,
        value: Option<Value>,
        purpose: Purpose,
        budget: &Budget,
    ) -> Result<(), Stopped> {
        let of_request = ITEM_BYTES + request_bytes(&request);
        let bytes = of_request + value.as_ref().map_or(0, text_bytes);
        budget.charge(bytes)?;
        self.bytes += bytes;
        if let Some(before) = self.known.insert(request, Answer { value, purpose }) {
            let bytes = of_request + before.value.as_ref().map_or(0, text_bytes);
            self.bytes -= bytes;
            budget.release(bytes);
        }
        Ok(())
    }

    /// Whether it was computed, or could not be.
    pub fn contains(&self, request: &Request) -> bool {
        self.known.contains_key(request)
    }

    /// The request for which the search found no answer; it is forgotten here.
    pub fn take_missing(&mut self) -> Option<Request> {
        self.missing.take()
    }

    /// Begins a round, and says how far the search came with what the one before gave.
    pub fn begin_round(&mut self) -> (u32, Used) {
        self.round += 1;
        (self.round, self.used.take())
    }

    /// Bytes that are charged.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets what was computed for matches that begin before a row. Should another match ask for it, it is computed again.
    pub fn forget_before(&mut self, row: usize, budget: &Budget) {
        let mut freed = 0;
        self.known.retain(|request, answer| {
            let stays = answer.purpose.start >= row;
            if !stays {
                freed += ITEM_BYTES + request_bytes(request) + answer.value.as_ref().map_or(0, text_bytes);
            }
            stays
        });
        self.bytes -= freed;
        budget.release(freed);
    }

    /// Forgets all.
    pub fn clear(&mut self, budget: &Budget) {
        budget.release(self.bytes);
        *self = Self::default();
    }
}

impl Answers for PartitionAnswers {
    fn answer(&self, request: &Request) -> Option<&Value> {
        let known = self.known.get(request);
        let Some(Answer { value: Some(value), purpose }) = known else {
            self.missing.replace(Some(request.clone()));
            return None;
        };
        if purpose.round == self.round {
            let Used { start, starts, depth } = self.used.get();
            let is_next = start < Some(purpose.start);
            self.used.set(Used {
                start: if is_next { Some(purpose.start) } else { start },
                starts: starts + usize::from(is_next),
                depth: depth.max(purpose.depth),
            });
        }
        Some(value)
    }
}
