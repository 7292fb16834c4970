//! Whether two branches of one start can meet: two ways, equally long, to one position.
//!
//! Where none can, a branch that failed is never come to again from the same start, and noting it is for nothing. The
//! question is that of ambiguity for automata over one letter, since a row can be mapped to any variable: walk through
//! the pairs of positions that two ways can stand at after as many rows.

use std::collections::HashSet;

use crate::automaton::{ACCEPT, Automaton};

/// Pairs of followers looked at, a tenth of a millisecond or so. Past that branches are taken to meet.
const MOST_LOOKS: usize = 20_000;

/// Whether they can; true too where that takes too long to say.
pub fn branches_meet(automaton: &Automaton) -> bool {
    let mut walk = PairWalk { known: HashSet::new(), waiting: Vec::new(), looks: 0 };
    let positions = 0..automaton.positions.len() as u32;
    let begins = automaton.start.iter().map(Vec::as_slice);
    for list in begins.chain(positions.map(|position| automaton.followers(position))) {
        for (at, &one) in list.iter().enumerate() {
            if walk.meets(one, &list[at + 1..]) {
                return true;
            }
        }
    }
    while let Some((one, other)) = walk.waiting.pop() {
        for &next in automaton.followers(one) {
            if walk.meets(next, automaton.followers(other)) {
                return true;
            }
        }
    }
    false
}

struct PairWalk {
    known: HashSet<(u32, u32)>,
    waiting: Vec<(u32, u32)>,
    looks: usize,
}

impl PairWalk {
    /// Whether one way and one of the others meet; notes the pairs that they stand at where they do not.
    fn meets(&mut self, one: u32, others: &[u32]) -> bool {
        if one == ACCEPT {
            return false;
        }
        self.looks += others.len();
        if self.looks > MOST_LOOKS || others.contains(&one) {
            return true;
        }
        for &other in others.iter().filter(|&&other| other != ACCEPT) {
            let pair = (one.min(other), one.max(other));
            if self.known.insert(pair) {
                self.waiting.push(pair);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::branches_meet;
    use crate::matcher::Compiled;

    #[test]
    fn ways_to_one_position() {
        let meet = |pattern: &str| branches_meet(&Compiled::new(pattern).expect(pattern).automaton);
        for pattern in ["A", "A B+ C", "A+ B", "A*? B", "A B | C B", "A{2,5} B", "(A B)+ C", "^ A+ $", "A* {- B -}"] {
            assert!(!meet(pattern), "{pattern}");
        }
        for pattern in ["(A | B) C", "A+ B+ C", "(A | B)* C", "(A+ B*)+ C", "A? B? C", "PERMUTE(A, B, C) D"] {
            assert!(meet(pattern), "{pattern}");
        }
        // No two ways meet; in the larger one there are too many pairs to say.
        assert!(!meet("A{0,9} B{9}"));
        assert!(meet("A{0,300} B{300}"));
    }
}
