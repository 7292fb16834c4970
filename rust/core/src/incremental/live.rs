//! The position automaton without positions behind which no match can end.
//!
//! A search that has come to the last row waits at the most preferred way that may still succeed. A way through a position from
//! which Accept cannot be reached never succeeds, and would be waited for in vain: `(A B ^ | A)` after an A.

use crate::automaton::{ACCEPT, Automaton};

/// What an incremental search follows.
#[derive(Debug)]
pub struct LiveAutomaton {
    /// What a match can begin with at a partition's first row, and elsewhere.
    start: [Vec<u32>; 2],
    begins: Vec<u32>,
    followers: Vec<u32>,
    /// The variables that a match can begin with.
    begins_with: Option<u8>,
    /// Of each position, its variable.
    variables: Vec<u8>,
    /// Whether a match may end behind each where the partition ends, and not elsewhere.
    only_at_end: Vec<bool>,
}

impl LiveAutomaton {
    /// Keeps the positions of an automaton from which Accept can be reached. Takes time linear in the followers.
    ///
    /// ```
    /// use rowpattern_core::incremental::LiveAutomaton;
    /// use rowpattern_core::matcher::Compiled;
    /// let compiled = Compiled::new("A B ^ | A C").unwrap();
    /// let live = LiveAutomaton::new(&compiled.automaton);
    /// assert_eq!(live.start(false).len(), 1);
    /// ```
    pub fn new(automaton: &Automaton) -> Self {
        let count = automaton.positions.len();
        let mut live = vec![false; count];
        let mut next: Vec<u32> =
            (0..count as u32).filter(|&position| automaton.accepts_at_end[position as usize]).collect();
        while let Some(position) = next.pop() {
            if !std::mem::replace(&mut live[position as usize], true) {
                let before = automaton.predecessors(position).iter().copied();
                next.extend(before.filter(|&before| !live[before as usize]));
            }
        }
        let kept = |list: &[u32]| -> Vec<u32> {
            list.iter().copied().filter(|&next| next == ACCEPT || live[next as usize]).collect()
        };
        let (mut begins, mut followers) = (vec![0], Vec::new());
        let mut only_at_end = Vec::with_capacity(count);
        for position in 0..count as u32 {
            let list = automaton.followers(position);
            followers.extend(kept(list));
            begins.push(followers.len() as u32);
            only_at_end.push(automaton.accepts_at_end[position as usize] && !list.contains(&ACCEPT));
        }
        let bit = |&next: &u32| {
            let variable = automaton.positions.get(next as usize)?.variable;
            1_u8.checked_shl(u32::from(variable))
        };
        let begins_with = automaton.start.iter().flatten().try_fold(0, |found, next| Some(found | bit(next)?));
        Self {
            start: [kept(&automaton.start[0]), kept(&automaton.start[1])],
            begins_with,
            begins,
            followers,
            variables: automaton.positions.iter().map(|position| position.variable).collect(),
            only_at_end,
        }
    }

    /// What a match can begin with, most preferred first; a partition's first row may have others than the rest (`^`).
    pub fn start(&self, is_first: bool) -> &[u32] {
        &self.start[usize::from(!is_first)]
    }

    /// Whether a partition's first row is like all others.
    pub fn starts_alike(&self) -> bool {
        self.start[0] == self.start[1]
    }

    /// The variables that a match can begin with, a bit each; None where one is not among the first eight, or a match may be empty.
    pub fn begins_with(&self) -> Option<u8> {
        self.begins_with
    }

    /// What may follow a position, most preferred first.
    #[inline]
    pub fn followers(&self, position: u32) -> &[u32] {
        let bounds = self.begins.get(position as usize).zip(self.begins.get(position as usize + 1));
        bounds.and_then(|(&begin, &end)| self.followers.get(begin as usize..end as usize)).unwrap_or_default()
    }

    /// The variable of a position.
    #[inline]
    pub fn variable(&self, position: u32) -> u8 {
        self.variables.get(position as usize).copied().unwrap_or_default()
    }

    /// The variable of each position.
    pub fn variables(&self) -> &[u8] {
        &self.variables
    }

    /// Whether a match may end behind a position where the partition ends, and only there (`$`).
    #[inline]
    pub fn ends_only_there(&self, position: u32) -> bool {
        self.only_at_end.get(position as usize).copied().unwrap_or_default()
    }

    /// Whether a path from a position can go on for ever.
    pub fn has_loop(&self) -> bool {
        // Positions that no live position has before it, taken away one after another.
        let count = self.variables.len();
        let mut before = vec![0_usize; count];
        let targets = |position: u32| self.followers(position).iter().copied().filter(|&next| next != ACCEPT);
        (0..count as u32).flat_map(targets).for_each(|next| before[next as usize] += 1);
        let mut ready: Vec<u32> = (0..count as u32).filter(|&position| before[position as usize] == 0).collect();
        let mut ordered = 0;
        while let Some(position) = ready.pop() {
            ordered += 1;
            for next in targets(position) {
                before[next as usize] -= 1;
                if before[next as usize] == 0 {
                    ready.push(next);
                }
            }
        }
        ordered < count
    }
}
