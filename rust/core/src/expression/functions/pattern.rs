//! `LIKE`: `%` stands for any text, `_` for one code point. In time proportional to both lengths multiplied, at worst.

use super::super::error::EvaluationError;

/// `text LIKE pattern`, `~~`: no character escapes another.
pub fn like(text: &str, pattern: &str) -> bool {
    matches(text, pattern, None).unwrap_or(false)
}

/// `text NOT LIKE pattern`, `!~~`.
pub fn not_like(text: &str, pattern: &str) -> bool {
    !like(text, pattern)
}

/// `like_escape(text, pattern, escape)`: `LIKE` with a character that takes the meaning from the one after it.
pub fn like_escape(text: &str, pattern: &str, escape: &str) -> Result<bool, EvaluationError> {
    match escape.as_bytes() {
        [] => matches(text, pattern, None),
        [byte] => matches(text, pattern, Some(char::from(*byte))),
        _ => Err(EvaluationError::OutOfRange),
    }
}

/// `not_like_escape(text, pattern, escape)`.
pub fn not_like_escape(text: &str, pattern: &str, escape: &str) -> Result<bool, EvaluationError> {
    like_escape(text, pattern, escape).map(|matched| !matched)
}

/// What a pattern begins with, and the rest of it.
enum PatternElement {
    /// `%`
    Any,
    /// `_`
    One,
    /// A character for itself.
    Literal(char),
}

/// The first element of a pattern and what is after it; None where it is empty.
fn split(pattern: &str, escape: Option<char>) -> Result<Option<(PatternElement, &str)>, EvaluationError> {
    let mut characters = pattern.chars();
    let element = match characters.next() {
        None => return Ok(None),
        Some(character) if Some(character) == escape => {
            PatternElement::Literal(characters.next().ok_or(EvaluationError::OutOfRange)?)
        }
        Some('%') => PatternElement::Any,
        Some('_') => PatternElement::One,
        Some(character) => PatternElement::Literal(character),
    };
    Ok(Some((element, characters.as_str())))
}

/// Whether a pattern matches a whole text. After a mismatch, the last `%` takes one character more: the ones before it
/// need no other choice, as what is between two of them is found where it is first.
fn matches(text: &str, pattern: &str, escape: Option<char>) -> Result<bool, EvaluationError> {
    let (mut text, mut pattern) = (text, pattern);
    let mut last_any: Option<(&str, &str)> = None;
    loop {
        let mut rest = text.chars();
        let next = rest.next();
        match split(pattern, escape)? {
            Some((PatternElement::Any, after)) => {
                last_any = Some((text, after));
                pattern = after;
                continue;
            }
            Some((PatternElement::One, after)) if next.is_some() => {
                (text, pattern) = (rest.as_str(), after);
                continue;
            }
            Some((PatternElement::Literal(character), after)) if next == Some(character) => {
                (text, pattern) = (rest.as_str(), after);
                continue;
            }
            None if next.is_none() => return Ok(true),
            _ => {}
        }
        let Some((from, after)) = last_any else { return Ok(false) };
        let mut longer = from.chars();
        if longer.next().is_none() {
            return Ok(false);
        }
        last_any = Some((longer.as_str(), after));
        (text, pattern) = (longer.as_str(), after);
    }
}
