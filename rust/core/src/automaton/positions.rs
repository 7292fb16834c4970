//! Thompson NFA to position automaton.
//!
//! From the start, and from behind each consuming state, an ordered depth-first walk over the states that consume
//! nothing lists what may come next, most preferred first. A state is entered once: a second way into it would
//! only repeat, less preferred, what the first gave. Nothing behind Accept can ever be chosen, so Accept ends a
//! list; but where the longest match is asked for, which is a less preferred one perhaps, lists go on.
//!
//! "The same state" must include what the rule for empty iterations remembers: which of the loops around a state
//! began an iteration within this walk, and have consumed nothing since. Loops stand in each other, and
//! an inner iteration begins after the outer one, so the loops that have consumed nothing are always the
//! innermost ones, and their number tells which they are. The walk's state is therefore the pair (NFA state,
//! number of loops begun); pruning on that pair keeps the rule exactly, at a cost of at most depth + 1 visits a
//! state.

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;

use super::nfa::{self, Position, RowNfa};
use crate::pattern::{LimitError, Node};

/// In a list of followers: the match ends here.
pub const ACCEPT: u32 = 0x00FF_FFFF;
/// The most followers of all positions together.
pub const MAX_FOLLOWERS: usize = 2_000_000;
/// The most states that all walks together may enter.
pub const MAX_CLOSURE_STEPS: usize = 5_000_000;

/// The position automaton of one row pattern. Immutable; shared by all threads.
#[derive(Debug)]
pub struct Automaton {
    /// What each position stands for.
    pub positions: Vec<Position>,
    /// Whether any of them stands inside an exclusion.
    pub excludes: bool,
    /// How many primary variables the row pattern has.
    pub variable_count: usize,
    /// What a match can begin with at the first row of a partition, and elsewhere (`^` tells them apart).
    pub start: [Vec<u32>; 2],
    /// Whether a match may end behind a position when no row is left in the partition (where `$` holds).
    pub accepts_at_end: Vec<bool>,
    /// Positions behind which a match may end while rows are left.
    pub accepting: Vec<u32>,
    /// The most rows that a match can have; None where there is no bound.
    pub longest: Option<usize>,
    pub(super) followers: Lists,
    pub(super) predecessors: Lists,
}

/// Many lists in one allocation.
#[derive(Debug)]
pub(super) struct Lists {
    pub(super) begins: Vec<u32>,
    pub(super) items: Vec<u32>,
}

impl Lists {
    fn get(&self, number: u32) -> &[u32] {
        let number = number as usize;
        &self.items[self.begins[number] as usize..self.begins[number + 1] as usize]
    }
}

impl Automaton {
    /// Compiles a tree. Takes time linear in states and followers together, within the limits.
    pub fn new(root: &Node, variable_count: usize) -> Result<Self, LimitError> {
        Self::compile(root, variable_count, false)
    }

    /// The same with all ways to match: also those that are less preferred than to end the match. Accept may then stand anywhere in
    /// a list.
    pub fn with_all_ways(root: &Node, variable_count: usize) -> Result<Self, LimitError> {
        Self::compile(root, variable_count, true)
    }

    fn compile(root: &Node, variable_count: usize, all_ways: bool) -> Result<Self, LimitError> {
        let written = nfa::write(root)?;
        let mut walk = Closure::new(&written, all_ways)?;
        let first = walk.nfa.start_anchored();
        let start = [
            walk.followers(first, Anchors { first: true, end: false })?.to_vec(),
            walk.followers(first, Anchors { first: false, end: false })?.to_vec(),
        ];
        let behind: Vec<StateID> = walk
            .nfa
            .states()
            .iter()
            .filter_map(|state| if let State::ByteRange { trans } = state { Some(trans.next) } else { None })
            .collect();
        let mut followers = Lists { begins: vec![0], items: Vec::new() };
        let mut accepts_at_end = Vec::with_capacity(behind.len());
        let mut accepting = Vec::new();
        for (number, &state) in behind.iter().enumerate() {
            let list = walk.followers(state, Anchors { first: false, end: false })?;
            let accepts = list.contains(&ACCEPT);
            followers.items.extend_from_slice(list);
            followers.begins.push(followers.items.len() as u32);
            if followers.items.len() > MAX_FOLLOWERS {
                let hint = "fewer parts that can all be left out, one after the other";
                return Err(LimitError::new("steps between rows", MAX_FOLLOWERS, None, hint));
            }
            if accepts {
                accepting.push(number as u32);
            }
            accepts_at_end.push(accepts || (walk.has_end_anchor && walk.accepts_at_end(state)?));
        }
        let predecessors = invert(&followers, behind.len());
        Ok(Self {
            longest: longest(&followers, &predecessors),
            excludes: written.positions.iter().any(|position| position.excluded),
            positions: written.positions,
            variable_count,
            start,
            accepts_at_end,
            accepting,
            followers,
            predecessors,
        })
    }

    /// What may follow `position`, most preferred first; [`ACCEPT`], if present, is last, unless there are all ways.
    pub fn followers(&self, position: u32) -> &[u32] {
        self.followers.get(position)
    }

    /// The positions that `position` may follow.
    pub fn predecessors(&self, position: u32) -> &[u32] {
        self.predecessors.get(position)
    }

    /// For each primary variable the least number of rows that a match has before a row that is mapped to it; None
    /// where no row can be. Takes time linear in the followers.
    ///
    /// ```
    /// use rowpattern_core::automaton::Automaton;
    /// use rowpattern_core::pattern::parse;
    /// let parsed = parse("A (B | C A)* C").unwrap();
    /// let automaton = Automaton::new(&parsed.root, parsed.variables.len()).unwrap();
    /// assert_eq!(automaton.rows_before(), [Some(0), Some(1), Some(1)]);
    /// ```
    pub fn rows_before(&self) -> Vec<Option<usize>> {
        let mut found = vec![None; self.variable_count];
        let mut entered = vec![false; self.positions.len()];
        let mut these: Vec<u32> = self.start.concat();
        let mut depth = 0;
        while !these.is_empty() {
            let mut next = Vec::new();
            for position in these.into_iter().filter(|&position| position != ACCEPT) {
                if !std::mem::replace(&mut entered[position as usize], true) {
                    let variable = usize::from(self.positions[position as usize].variable);
                    found[variable].get_or_insert(depth);
                    next.extend_from_slice(self.followers(position));
                }
            }
            these = next;
            depth += 1;
        }
        found
    }

    /// How many followers all positions have together.
    pub fn followers_len(&self) -> usize {
        self.followers.items.len()
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        let numbers = [&self.start[0], &self.start[1], &self.accepting]
            .into_iter()
            .chain([&self.followers, &self.predecessors].into_iter().flat_map(|lists| [&lists.begins, &lists.items]))
            .map(Vec::capacity)
            .sum::<usize>();
        numbers * size_of::<u32>() + self.positions.capacity() * size_of::<Position>() + self.accepts_at_end.capacity()
    }
}

/// The positions on the longest way from one to another; None where one can follow itself.
fn longest(followers: &Lists, predecessors: &Lists) -> Option<usize> {
    let count = predecessors.begins.len() - 1;
    let mut before: Vec<usize> = (0..count as u32).map(|at| predecessors.get(at).len()).collect();
    let mut ready: Vec<u32> = (0..count as u32).filter(|&at| before[at as usize] == 0).collect();
    let mut rows = vec![1; count];
    let mut ordered = 0;
    while let Some(from) = ready.pop() {
        ordered += 1;
        for &to in followers.get(from).iter().filter(|&&to| to != ACCEPT) {
            let rows_to = rows[from as usize] + 1;
            rows[to as usize] = rows_to.max(rows[to as usize]);
            before[to as usize] -= 1;
            if before[to as usize] == 0 {
                ready.push(to);
            }
        }
    }
    (ordered == count).then(|| rows.into_iter().max().unwrap_or_default())
}

/// For each position those that it may follow.
pub(super) fn invert(followers: &Lists, count: usize) -> Lists {
    let targets = |from: u32| followers.get(from).iter().filter(|&&to| to != ACCEPT);
    let mut begins = vec![0_u32; count + 1];
    for from in 0..count as u32 {
        for &to in targets(from) {
            begins[to as usize + 1] += 1;
        }
    }
    for number in 0..count {
        begins[number + 1] += begins[number];
    }
    let mut free = begins.clone();
    let mut items = vec![0; begins[count] as usize];
    for from in 0..count as u32 {
        for &to in targets(from) {
            items[free[to as usize] as usize] = from;
            free[to as usize] += 1;
        }
    }
    Lists { begins, items }
}

/// Which anchors hold where a walk stands.
#[derive(Clone, Copy)]
struct Anchors {
    /// `^`: before the partition's first row.
    first: bool,
    /// `$`: behind its last.
    end: bool,
}

struct Closure<'n> {
    nfa: &'n NFA,
    has_end_anchor: bool,
    /// Whether a walk goes on behind Accept.
    all_ways: bool,
    /// Position number of each consuming state.
    numbers: Vec<u32>,
    /// For (state, loops begun): the walk that entered it last.
    entered: Vec<u32>,
    heights: usize,
    walks: u32,
    steps: usize,
    stack: Vec<(StateID, usize)>,
    list: Vec<u32>,
}

impl<'n> Closure<'n> {
    fn new(written: &'n RowNfa, all_ways: bool) -> Result<Self, LimitError> {
        let states = written.nfa.states();
        let heights = written.marked_depth + 1;
        if states.len() * heights > MAX_CLOSURE_STEPS {
            let hint = "fewer quantifiers around each other, or smaller bounds";
            return Err(LimitError::new("loop states", MAX_CLOSURE_STEPS, Some(states.len() * heights), hint));
        }
        let mut consuming = 0;
        let numbers = states
            .iter()
            .map(|state| {
                let number = consuming;
                consuming += u32::from(matches!(state, State::ByteRange { .. }));
                number
            })
            .collect();
        debug_assert_eq!(consuming as usize, written.positions.len());
        Ok(Self {
            nfa: &written.nfa,
            has_end_anchor: states.iter().any(|state| matches!(state, State::Look { look: Look::End, .. })),
            all_ways,
            numbers,
            entered: vec![0; states.len() * heights],
            heights,
            walks: 0,
            steps: 0,
            stack: Vec::new(),
            list: Vec::new(),
        })
    }

    fn accepts_at_end(&mut self, from: StateID) -> Result<bool, LimitError> {
        let list = self.followers(from, Anchors { first: false, end: true })?;
        Ok(list.contains(&ACCEPT))
    }

    fn followers(&mut self, from: StateID, anchors: Anchors) -> Result<&[u32], LimitError> {
        self.walks += 1;
        self.list.clear();
        self.stack.clear();
        self.stack.push((from, 0));
        while let Some((state, begun)) = self.stack.pop() {
            let entered = &mut self.entered[state.as_usize() * self.heights + begun];
            if *entered == self.walks {
                continue;
            }
            *entered = self.walks;
            self.steps += 1;
            if self.steps > MAX_CLOSURE_STEPS {
                let hint = "fewer parts that can all be left out, one after the other";
                return Err(LimitError::new("steps to compile", MAX_CLOSURE_STEPS, None, hint));
            }
            match self.nfa.state(state) {
                State::ByteRange { .. } => self.list.push(self.numbers[state.as_usize()]),
                State::Match { .. } => {
                    self.list.push(ACCEPT);
                    if !self.all_ways {
                        break;
                    }
                }
                State::Look { look, next } => {
                    if if *look == Look::Start { anchors.first } else { anchors.end } {
                        self.stack.push((*next, begun));
                    }
                }
                State::BinaryUnion { alt1, alt2 } => self.stack.extend([(*alt2, begun), (*alt1, begun)]),
                State::Union { alternates } => self.stack.extend(alternates.iter().rev().map(|&to| (to, begun))),
                State::Capture { next, group_index, slot, .. } => {
                    let is_start = slot.as_usize() % 2 == 0;
                    let target = match (group_index.as_usize(), is_start) {
                        (0, _) => (*next, begun),
                        (_, true) => (*next, begun + 1),
                        (_, false) => self.after_iteration(*next, begun),
                    };
                    self.stack.push(target);
                }
                State::Sparse(_) | State::Dense(_) | State::Fail => {}
            }
        }
        Ok(&self.list)
    }

    /// Behind the end mark of an iteration stands a union of two: after one that consumed rows, after one that did not.
    fn after_iteration(&self, branch: StateID, begun: usize) -> (StateID, usize) {
        match self.nfa.state(branch) {
            State::BinaryUnion { alt1, .. } if begun == 0 => (*alt1, 0),
            State::BinaryUnion { alt2, .. } => (*alt2, begun - 1),
            _ => (branch, begun),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::parse;

    #[test]
    fn the_most_rows_of_a_match() {
        for (text, rows) in [
            ("A B? C{2,3}", Some(5)),
            ("(A | B C) {- D -}", Some(3)),
            ("PERMUTE(A, B{2})", Some(3)),
            ("()", Some(0)),
            ("A B* C", None),
            ("(A | B+)", None),
        ] {
            let parsed = parse(text).unwrap();
            let automaton = Automaton::new(&parsed.root, parsed.variables.len()).unwrap();
            assert_eq!(automaton.longest, rows, "{text}");
        }
    }
}
