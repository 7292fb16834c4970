//! Tree to Thompson NFA.
//!
//! Parts are written from the back: each is given the state that comes after it and returns the state that
//! enters it. Two things are written that a regular expression would not have:
//!
//! - **Loop marks.** The rule for empty iterations says: once the minimum is met, an iteration that consumed
//!   nothing ends its loop. Where the body of a loop can consume nothing, each optional iteration stands between
//!   a capture start and a capture end; after the end stands a union of exactly two: what comes after an
//!   iteration that consumed rows, and what comes after one that did not. `positions` reads them so.
//! - **`PERMUTE`** shares states between orders where that keeps the order of preference (see [`Compiler::permute`]).

use std::collections::HashMap;

use regex_automata::nfa::thompson::{BuildError, Builder, NFA, Transition};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;

use crate::pattern::{Anchor, LimitError, Node};

/// The most NFA states; a bound computed from the tree is compared with it before any state is made.
pub const MAX_STATES: usize = 120_000;
/// The most bytes that the NFA may take while it is built.
const MAX_NFA_BYTES: usize = 32 << 20;
/// The one capture group whose start and end mark the iterations of loops.
const LOOP_GROUP: u32 = 1;

/// A place of the row pattern that consumes a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The variable to which it maps the row.
    pub variable: u8,
    /// Whether it stands inside an exclusion.
    pub excluded: bool,
}

/// The NFA and what the builder's alphabet cannot carry.
pub struct RowNfa {
    pub nfa: NFA,
    /// What each consuming state stands for, in the order of state numbers.
    pub positions: Vec<Position>,
    /// How many marked loops stand in each other at most.
    pub marked_depth: usize,
}

/// Writes `root`. Takes time linear in the number of states.
pub fn write(root: &Node) -> Result<RowNfa, LimitError> {
    let size = size_bound(root);
    if size > MAX_STATES as f64 {
        let estimate = (size < 1e15).then_some(size as usize);
        let hint = "use smaller bounds in its quantifiers, or fewer elements in its PERMUTE";
        return Err(LimitError::estimated("automaton states", MAX_STATES, estimate, hint));
    }
    let compiler =
        Compiler { builder: Builder::new(), positions: Vec::new(), exclusions: 0, marked: 0, marked_depth: 0 };
    compiler.whole(root).map_err(|_| {
        let hint = "use smaller bounds in its quantifiers";
        LimitError::new("bytes for its automaton", MAX_NFA_BYTES, None, hint)
    })
}

struct Compiler {
    builder: Builder,
    positions: Vec<Position>,
    /// How many exclusions enclose the part being written.
    exclusions: usize,
    /// How many marked loops enclose the part being written.
    marked: usize,
    marked_depth: usize,
}

impl Compiler {
    fn whole(mut self, root: &Node) -> Result<RowNfa, BuildError> {
        self.builder.set_size_limit(Some(MAX_NFA_BYTES))?;
        self.builder.start_pattern()?;
        let matched = self.builder.add_match()?;
        // The builder wants group 0, the whole match, before any other.
        let end = self.builder.add_capture_end(matched, 0)?;
        let placeholder = self.builder.add_capture_start(end, 0, None)?;
        let entry = self.part(root, end)?;
        self.builder.patch(placeholder, entry)?;
        self.builder.finish_pattern(placeholder)?;
        let nfa = self.builder.build(placeholder, placeholder)?;
        Ok(RowNfa { nfa, positions: self.positions, marked_depth: self.marked_depth })
    }

    fn part(&mut self, node: &Node, next: StateID) -> Result<StateID, BuildError> {
        match node {
            Node::Empty => Ok(next),
            Node::Variable(variable) => {
                self.positions.push(Position { variable: *variable, excluded: self.exclusions > 0 });
                self.builder.add_range(Transition { start: *variable, end: *variable, next })
            }
            Node::Anchor(Anchor::Start) => self.builder.add_look(next, Look::Start),
            Node::Anchor(Anchor::End) => self.builder.add_look(next, Look::End),
            Node::Concatenation(parts) => parts.iter().rev().try_fold(next, |after, part| self.part(part, after)),
            Node::Alternation(parts) => {
                let entries = parts.iter().map(|part| self.part(part, next)).collect::<Result<Vec<_>, _>>()?;
                self.builder.add_union(entries)
            }
            Node::Permutation(parts) => self.permute(parts, next),
            Node::Exclusion(body) => {
                self.exclusions += 1;
                let entry = self.part(body, next);
                self.exclusions -= 1;
                entry
            }
            Node::Repetition { body, .. } if is_void(body) => Ok(next),
            Node::Repetition { body, min, max, greedy } => self.repeat(body, *min, *max, *greedy, next),
        }
    }

    fn repeat(
        &mut self,
        body: &Node,
        min: u32,
        max: Option<u32>,
        greedy: bool,
        next: StateID,
    ) -> Result<StateID, BuildError> {
        let nullable = body.is_nullable();
        let mut entry = next;
        let mut mandatory = min;
        if let Some(max) = max {
            for _ in min..max {
                let choice = self.builder.add_union(vec![])?;
                let iteration = self.optional_iteration(body, nullable, entry, next)?;
                self.choose(choice, iteration, next, greedy)?;
                entry = choice;
            }
        } else {
            let choice = self.builder.add_union(vec![])?;
            let iteration = self.optional_iteration(body, nullable, choice, next)?;
            self.choose(choice, iteration, next, greedy)?;
            // A body that always consumes can be the last mandatory iteration too: x+ needs one copy of x.
            entry = if nullable || min == 0 { choice } else { iteration };
            mandatory -= u32::from(!nullable && min > 0);
        }
        (0..mandatory).try_fold(entry, |after, _| self.part(body, after))
    }

    /// An iteration past the minimum: `again` follows it when it consumed rows, `done` when it did not.
    fn optional_iteration(
        &mut self,
        body: &Node,
        nullable: bool,
        again: StateID,
        done: StateID,
    ) -> Result<StateID, BuildError> {
        if !nullable {
            return self.part(body, again);
        }
        self.marked += 1;
        self.marked_depth = self.marked_depth.max(self.marked);
        let after = self.builder.add_union(vec![again, done])?;
        let end = self.builder.add_capture_end(after, LOOP_GROUP)?;
        let entry = self.part(body, end)?;
        self.marked -= 1;
        self.builder.add_capture_start(entry, LOOP_GROUP, None)
    }

    fn choose(&mut self, choice: StateID, more: StateID, less: StateID, greedy: bool) -> Result<(), BuildError> {
        let (first, second) = if greedy { (more, less) } else { (less, more) };
        self.builder.patch(choice, first)?;
        self.builder.patch(choice, second)
    }

    /// `PERMUTE`: the alternation of all orders, in lexicographic order of the list.
    ///
    /// While every element taken so far can match in one way only, what is preferred next depends on the *set*
    /// taken, not on its order, so one state serves all orders of that set: n * 2^(n-1) copies instead of n * n!.
    /// An element with a choice in it (`A+`, `A|B`) ends that: all ways of matching one order are preferred to
    /// any way of matching a later order, so the rest of the order must be decided before the element begins.
    /// From there on, orders share what is left to come.
    fn permute(&mut self, parts: &[Node], next: StateID) -> Result<StateID, BuildError> {
        let mut tails = HashMap::from([(Vec::new(), next)]);
        // `size_bound` has refused lists too long for a table of all subsets.
        let everything = (1_usize << parts.len()) - 1;
        let mut by_taken = vec![next; everything + 1];
        for taken in (0..everything).rev() {
            let mut alternatives = Vec::new();
            for (number, part) in parts.iter().enumerate().filter(|(number, _)| taken & (1 << number) == 0) {
                let after = taken | 1 << number;
                if part.is_one_way() {
                    alternatives.push(self.part(part, by_taken[after])?);
                } else {
                    let mut order = vec![number];
                    order.extend((0..parts.len()).filter(|other| after & (1 << other) == 0));
                    loop {
                        alternatives.push(self.tail(parts, &order, &mut tails)?);
                        if !next_order(&mut order[1..]) {
                            break;
                        }
                    }
                }
            }
            by_taken[taken] = self.builder.add_union(alternatives)?;
        }
        Ok(by_taken[0])
    }

    /// The elements `order`, one after the other, then what follows the permutation.
    fn tail(
        &mut self,
        parts: &[Node],
        order: &[usize],
        tails: &mut HashMap<Vec<usize>, StateID>,
    ) -> Result<StateID, BuildError> {
        if let Some(&entry) = tails.get(order) {
            return Ok(entry);
        }
        let after = self.tail(parts, &order[1..], tails)?;
        let entry = self.part(&parts[order[0]], after)?;
        tails.insert(order.to_vec(), entry);
        Ok(entry)
    }
}

/// Steps to the next order in lexicographic order; false after the last.
fn next_order(order: &mut [usize]) -> bool {
    let Some(pivot) = order.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    // Everything behind the pivot falls, so the last larger one is the smallest larger one.
    let Some(successor) = order.iter().rposition(|&other| other > order[pivot]) else { return false };
    order.swap(pivot, successor);
    order[pivot + 1..].reverse();
    true
}

/// Whether a part consumes nothing and tests nothing: repeating it changes nothing.
fn is_void(node: &Node) -> bool {
    match node {
        Node::Empty => true,
        Node::Variable(_) | Node::Anchor(_) => false,
        Node::Concatenation(parts) | Node::Alternation(parts) | Node::Permutation(parts) => parts.iter().all(is_void),
        Node::Exclusion(body) | Node::Repetition { body, .. } => is_void(body),
    }
}

/// An upper bound of the states that a part needs; a float, since it can pass any integer.
fn size_bound(node: &Node) -> f64 {
    match node {
        Node::Empty | Node::Variable(_) | Node::Anchor(_) => 1.0,
        Node::Concatenation(parts) | Node::Alternation(parts) => 1.0 + parts.iter().map(size_bound).sum::<f64>(),
        Node::Exclusion(body) => size_bound(body),
        Node::Repetition { body, .. } if is_void(body) => 1.0,
        Node::Repetition { body, min, max, .. } => {
            let copies = max.map_or(f64::from(*min) + 1.0, f64::from);
            copies * (size_bound(body) + 4.0)
        }
        Node::Permutation(parts) => {
            let subsets = (parts.len() as f64).exp2();
            let elements = parts.iter().map(size_bound).sum::<f64>();
            if parts.iter().all(Node::is_one_way) {
                subsets + elements * subsets / 2.0
            } else {
                // Ordered choices of k of n, for every k; each begins with each element equally often.
                let count = parts.len();
                let mut arrangements = 1.0;
                let mut tails = 0.0;
                for taken in 0..count {
                    arrangements *= (count - taken) as f64;
                    tails += arrangements;
                }
                2.0 * subsets + elements * tails / count as f64 + tails + elements * subsets / 2.0
            }
        }
    }
}
