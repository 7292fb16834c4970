//! Rows that a pattern passes over: without them it finds the same matches, but for these rows.

use super::positions::{ACCEPT, Automaton};

/// Of larger automata nothing is known here: each symbol takes time by the positions times their followers.
const MOST_POSITIONS: usize = 64;

impl Automaton {
    /// Whether rows of a symbol, at which the conditions of these of the first eight variables hold, are passed over, and the variables
    /// (as bits) to which such rows are mapped in matches; None where they count, or where it is not known.
    ///
    /// Rows are passed over where no match begins with one, and where behind each position the row is either behind the match's end, or
    /// there is one way to take it, to a position behind which the same ways are open, in the same order, none of which ends the
    /// match. So, whatever rows stand around it, the same ways lead to the same ends with the row and without it, and a match's first
    /// and last rows are others. Anchors tell rows by how many stand before or behind them.
    ///
    /// Takes time linear in the positions times their followers.
    ///
    /// ```
    /// use rowpattern_core::automaton::Automaton;
    /// use rowpattern_core::pattern::parse;
    /// let parsed = parse("A B*? C").unwrap();
    /// let automaton = Automaton::new(&parsed.root, 3).unwrap();
    /// // A row of B alone stands before a match, behind it, or between A and C; one of C may end a match.
    /// assert_eq!(automaton.passed_over(0b010), Some(0b010));
    /// assert_eq!([0b000, 0b011, 0b110].map(|symbol| automaton.passed_over(symbol)), [None; 3]);
    /// ```
    pub fn passed_over(&self, symbol: u8) -> Option<u8> {
        let [first, elsewhere] = &self.start;
        if self.positions.len() > MOST_POSITIONS || self.variable_count > u8::BITS as usize || first != elsewhere {
            return None;
        }
        let bit = |position: u32| self.positions.get(position as usize).map_or(0, |position| 1 << position.variable);
        let takes = |position: &&u32| bit(**position) & symbol != 0;
        if first.iter().any(|position| *position == ACCEPT || takes(&position)) {
            return None;
        }
        let mut variables = 0;
        for (position, &accepts_at_end) in (0..).zip(&self.accepts_at_end) {
            let behind = self.followers(position);
            let accepts = behind.contains(&ACCEPT);
            if accepts != accepts_at_end {
                return None;
            }
            let mut ways = behind.iter().filter(takes);
            match (ways.next(), ways.next()) {
                (None, _) if behind == [ACCEPT] => {}
                (Some(&over), None) if !accepts && self.followers(over) == behind => variables |= bit(over),
                _ => return None,
            }
        }
        Some(variables)
    }
}
