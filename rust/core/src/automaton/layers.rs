//! An automaton that counts a match's first rows.
//!
//! Conditions may see less near the beginning of a match: in a window nothing before a match's first row exists. So
//! each of the first rows gets positions, and variables, of its own. Layer `n` has those for the row with `n` rows of
//! the match before it, the last layer those for all further rows. The order of followers stays, and so preferment.

use super::nfa::Position;
use super::positions::{ACCEPT, Automaton, Lists, MAX_FOLLOWERS, invert};
use crate::pattern::MAX_VARIABLES;

impl Automaton {
    /// The same automaton in layers. Variable `v` is `n * variable_count + v` in layer `n`.
    ///
    /// None where there would be more variables or followers than an automaton may have. Takes time linear in the
    /// followers of all layers.
    ///
    /// ```
    /// use rowpattern_core::automaton::{ACCEPT, Automaton};
    /// use rowpattern_core::pattern::parse;
    /// let parsed = parse("A+").unwrap();
    /// let automaton = Automaton::new(&parsed.root, 1).unwrap().layered(3).unwrap();
    /// let variables: Vec<u8> = automaton.positions.iter().map(|position| position.variable).collect();
    /// assert_eq!(variables, [0, 1, 2]);
    /// // A match begins in the first layer, and stays in the last one.
    /// assert_eq!(automaton.start[0], [0]);
    /// assert_eq!([0, 1, 2].map(|position| automaton.followers(position)), [[1, ACCEPT], [2, ACCEPT], [2, ACCEPT]]);
    /// ```
    pub fn layered(&self, layers: usize) -> Option<Self> {
        let count = self.positions.len();
        let variable_count = self.variable_count.checked_mul(layers)?;
        let followers = self.followers.items.len().checked_mul(layers)?;
        let last = layers.checked_sub(1)?;
        if variable_count > MAX_VARIABLES || followers > MAX_FOLLOWERS || count.checked_mul(layers)? >= ACCEPT as usize
        {
            return None;
        }
        let mut positions = Vec::with_capacity(count * layers);
        let mut lists = Lists { begins: vec![0], items: Vec::with_capacity(followers) };
        for layer in 0..layers {
            let moved = ((layer + 1).min(last) * count) as u32;
            for (position, at) in self.positions.iter().zip(0..) {
                let variable = layer * self.variable_count + usize::from(position.variable);
                positions.push(Position { variable: variable as u8, excluded: position.excluded });
                let behind = self.followers(at).iter();
                lists.items.extend(behind.map(|&to| if to == ACCEPT { ACCEPT } else { to + moved }));
                lists.begins.push(lists.items.len() as u32);
            }
        }
        let in_layers = |numbers: &[u32]| {
            let layers = (0..layers).map(|layer| (layer * count) as u32);
            layers.flat_map(|moved| numbers.iter().map(move |&number| number + moved)).collect()
        };
        let predecessors = invert(&lists, positions.len());
        Some(Self {
            positions,
            excludes: self.excludes,
            variable_count,
            start: self.start.clone(),
            accepts_at_end: self.accepts_at_end.repeat(layers),
            accepting: in_layers(&self.accepting),
            longest: self.longest,
            followers: lists,
            predecessors,
        })
    }
}
