//! The tree of a row pattern, and the questions about it that need no automaton.

use std::fmt::Write as _;

/// Where an anchor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// `^`: before the first row of the partition.
    Start,
    /// `$`: after the last row of the partition.
    End,
}

/// A part of a row pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// `()`: matches no row.
    Empty,
    /// A primary variable, by its number in the list of variables.
    Variable(u8),
    /// `^` or `$`.
    Anchor(Anchor),
    /// One after the other.
    Concatenation(Vec<Node>),
    /// The first alternative is preferred to the second, and so on.
    Alternation(Vec<Node>),
    /// All orders, in lexicographic order of the list.
    Permutation(Vec<Node>),
    /// `{- p -}`: in the match and its measures, not in the output.
    Exclusion(Box<Node>),
    /// A quantified part.
    Repetition {
        /// What is repeated.
        body: Box<Node>,
        /// The least number of iterations.
        min: u32,
        /// The most iterations; `None` is no bound.
        max: Option<u32>,
        /// More iterations are preferred to fewer.
        greedy: bool,
    },
}

impl Node {
    /// Whether it can match no row at all (anchors taken as true).
    pub fn is_nullable(&self) -> bool {
        match self {
            Self::Empty | Self::Anchor(_) => true,
            Self::Variable(_) => false,
            Self::Concatenation(parts) | Self::Permutation(parts) => parts.iter().all(Self::is_nullable),
            Self::Alternation(parts) => parts.iter().any(Self::is_nullable),
            Self::Exclusion(body) => body.is_nullable(),
            Self::Repetition { body, min, .. } => *min == 0 || body.is_nullable(),
        }
    }

    /// Whether it can match given rows in one way only: it has no choice in it.
    pub fn is_one_way(&self) -> bool {
        match self {
            Self::Empty | Self::Anchor(_) | Self::Variable(_) => true,
            Self::Concatenation(parts) => parts.iter().all(Self::is_one_way),
            Self::Alternation(parts) | Self::Permutation(parts) => {
                parts.len() < 2 && parts.iter().all(Self::is_one_way)
            }
            Self::Exclusion(body) => body.is_one_way(),
            Self::Repetition { body, min, max, .. } => *max == Some(*min) && body.is_one_way(),
        }
    }

    /// The tree as indented lines for people, one part a line.
    pub fn explain(&self, variables: &[String]) -> String {
        let mut lines = String::new();
        self.explain_into(variables, 0, &mut lines);
        lines.truncate(lines.trim_end().len());
        lines
    }

    fn explain_into(&self, variables: &[String], depth: usize, out: &mut String) {
        let (title, parts): (String, &[Node]) = match self {
            Self::Empty => ("empty: matches no row".to_owned(), &[]),
            Self::Variable(number) => (format!("variable {}", variables[usize::from(*number)]), &[]),
            Self::Anchor(Anchor::Start) => ("anchor ^: the partition's first row comes next".to_owned(), &[]),
            Self::Anchor(Anchor::End) => ("anchor $: the partition's last row came before".to_owned(), &[]),
            Self::Concatenation(parts) => ("concatenation: one after the other".to_owned(), parts),
            Self::Alternation(parts) => ("alternation: the first that matches".to_owned(), parts),
            Self::Permutation(parts) => ("permutation: every order, the list's order first".to_owned(), parts),
            Self::Exclusion(body) => ("exclusion: matched, not output".to_owned(), std::slice::from_ref(&**body)),
            Self::Repetition { body, min, max, greedy } => {
                let preferred = if *greedy { "as many as possible" } else { "as few as possible" };
                let times = match max {
                    None => format!("{min} or more times, {preferred}"),
                    Some(1) if *min == 1 => "exactly once".to_owned(),
                    Some(max) if max == min => format!("exactly {min} times"),
                    Some(max) => format!("{min} to {max} times, {preferred}"),
                };
                (format!("repetition: {times}"), std::slice::from_ref(&**body))
            }
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:indent$}{title}", "", indent = 2 * depth);
        for part in parts {
            part.explain_into(variables, depth + 1, out);
        }
    }
}
