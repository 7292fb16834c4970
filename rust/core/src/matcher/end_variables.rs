//! The variables to which the first and the last row of matches can be mapped, as the pattern's text says: whichever of the
//! possible matches is chosen.

use crate::pattern::Node;
use crate::rows::VariableSet;

/// The variables with which the matches of a pattern, or of a part of it, begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndVariables {
    /// The variables of first rows.
    pub first: VariableSet,
    /// The variables of last rows.
    pub last: VariableSet,
    /// Whether a match can have no row.
    can_be_empty: bool,
}

impl EndVariables {
    const NONE: Self = Self { first: VariableSet::NONE, last: VariableSet::NONE, can_be_empty: true };

    /// Nothing is known: a match may begin and end with any variable.
    pub const ANY: Self = Self { first: VariableSet::ALL, last: VariableSet::ALL, can_be_empty: true };

    /// Those of the matches of a pattern's tree. Takes time linear in the tree.
    pub fn of(node: &Node) -> Self {
        match node {
            Node::Empty | Node::Anchor(_) => Self::NONE,
            Node::Variable(variable) => {
                let only = VariableSet::of(*variable);
                Self { first: only, last: only, can_be_empty: false }
            }
            Node::Concatenation(parts) => parts.iter().map(Self::of).fold(Self::NONE, |before, behind| Self {
                first: if before.can_be_empty { before.first.with(behind.first) } else { before.first },
                last: if behind.can_be_empty { before.last.with(behind.last) } else { behind.last },
                can_be_empty: before.can_be_empty && behind.can_be_empty,
            }),
            Node::Alternation(parts) => parts.iter().map(Self::of).reduce(Self::either).unwrap_or(Self::NONE),
            // In any order.
            Node::Permutation(parts) => {
                let all = parts.iter().map(Self::of);
                let can_be_empty = all.clone().all(|part| part.can_be_empty);
                Self { can_be_empty, ..all.reduce(Self::either).unwrap_or(Self::NONE) }
            }
            Node::Exclusion(body) => Self::of(body),
            Node::Repetition { body, min, .. } => {
                let body = Self::of(body);
                Self { can_be_empty: body.can_be_empty || *min == 0, ..body }
            }
        }
    }

    fn either(self, other: Self) -> Self {
        Self {
            first: self.first.with(other.first),
            last: self.last.with(other.last),
            can_be_empty: self.can_be_empty || other.can_be_empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::parse;

    #[test]
    fn of_texts() {
        for (text, first, last) in [
            ("A+ B+", "A", "B"),
            ("A?? B", "AB", "B"),
            ("A B??", "A", "AB"),
            ("^ A* (B | C D?) $", "ABC", "BCD"),
            ("PERMUTE(A, B?, C)", "ABC", "ABC"),
            ("(A B)* {- C* -}", "AC", "BC"),
            ("A? B | ()", "AB", "B"),
            ("(A | B+){2,}? (C?)+", "AB", "ABC"),
        ] {
            let parsed = parse(text).unwrap();
            let set = |letters: &str| -> VariableSet {
                let number = |letter: char| parsed.variables.iter().position(|name| *name == letter.to_string());
                letters.chars().filter_map(number).map(|number| number as u8).collect()
            };
            let found = EndVariables::of(&parsed.root);
            assert_eq!((found.first, found.last), (set(first), set(last)), "{text}");
        }
    }
}
