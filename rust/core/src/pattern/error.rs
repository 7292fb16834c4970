//! What can be wrong with the text of a row pattern.

use std::fmt;

use crate::causes::from_causes;

/// The text is not a row pattern. `line` and `column` count from 1, in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong, and what would be right.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The offending line with a caret under the column.
    pub excerpt: String,
}

/// The row pattern passes a limit; nothing large was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitError {
    /// Which limit, its value, and what was asked for.
    pub message: String,
}

/// Either way in which compiling can fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileError {
    /// The text is wrong.
    Syntax(SyntaxError),
    /// The text is right but asks for too much.
    Limit(LimitError),
}

/// The excerpt shows at most this many characters on each side of the caret.
const CONTEXT: usize = 40;

impl SyntaxError {
    /// An error at byte `offset` of `text`.
    pub fn new(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let offset = offset.min(text.len());
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
        let column = text[line_start..offset].chars().count() + 1;
        let skipped = column.saturating_sub(CONTEXT + 1);
        let mut shown = String::new();
        let mut caret = 0;
        if skipped > 0 {
            shown.push_str("...");
            caret = 3;
        }
        let line = text[line_start..line_end].chars();
        for (at, character) in line.enumerate().skip(skipped).take(2 * CONTEXT) {
            // Control characters would move the caret away from its column.
            let printed = if character.is_control() { '\u{b7}' } else { character };
            shown.push(printed);
            if at + 1 < column {
                caret += 1;
            }
        }
        Self {
            message: message.into(),
            line: before.matches('\n').count() + 1,
            column,
            excerpt: format!("{shown}\n{}^", " ".repeat(caret)),
        }
    }
}

impl LimitError {
    /// `what` names the thing, `limit` its bound, `asked` what the pattern needs, `hint` what would be right.
    pub fn new(what: &str, limit: usize, asked: Option<usize>, hint: &str) -> Self {
        let asked = asked.map_or_else(|| "more".to_owned(), |n| n.to_string());
        Self { message: format!("the row pattern needs {asked} {what}; the limit is {limit}: {hint}") }
    }

    /// As [`Self::new`], where `estimate` is a bound of what the pattern needs, if that can be written as a number.
    pub fn estimated(what: &str, limit: usize, estimate: Option<usize>, hint: &str) -> Self {
        let Some(estimate) = estimate else { return Self::new(what, limit, None, hint) };
        Self { message: format!("the row pattern may need up to {estimate} {what}; the limit is {limit}: {hint}") }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})\n{}", self.message, self.line, self.column, self.excerpt)
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::Limit(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SyntaxError {}
impl std::error::Error for LimitError {}
impl std::error::Error for CompileError {}

from_causes!(CompileError { Syntax(SyntaxError), Limit(LimitError) });
