//! Text in UTF-8. Places and lengths count code points from 1, as DuckDB does; texts are compared by their bytes.

use super::super::error::EvaluationError;

/// `starts_with(text, start)`, `prefix` and `^@`
pub fn starts_with(text: &str, start: &str) -> bool {
    text.starts_with(start)
}

/// `ends_with(text, end)` and `suffix`
pub fn ends_with(text: &str, end: &str) -> bool {
    text.ends_with(end)
}

/// `contains(text, part)`
pub fn contains(text: &str, part: &str) -> bool {
    text.contains(part)
}

/// `instr(text, part)`, `strpos` and `position`: where the part begins first, 0 where it is not in the text.
pub fn position(text: &str, part: &str) -> i64 {
    text.find(part).and_then(|byte| text.get(..byte)).map_or(0, |before| length(before) + 1)
}

/// `length(text)`
pub fn length(text: &str) -> i64 {
    text.chars().count() as i64
}

/// `strlen(text)`: bytes.
pub fn byte_length(text: &str) -> i64 {
    text.len() as i64
}

/// `left || right`
pub fn concat(left: &str, right: &str) -> String {
    let mut joined = String::with_capacity(left.len() + right.len());
    joined.push_str(left);
    joined.push_str(right);
    joined
}

/// The text of code points from one number, counted from 0, to before another.
fn between(text: &str, start: i64, end: i64) -> &str {
    if end <= start {
        return "";
    }
    let mut bytes = text.char_indices().map(|(byte, _)| byte);
    let Some(first) = bytes.nth(start as usize) else { return "" };
    let last = bytes.nth((end - start - 1) as usize).unwrap_or(text.len());
    text.get(first..last).unwrap_or("")
}

/// Whether an offset or a count is one that DuckDB takes.
fn in_limits(number: i64) -> bool {
    u32::try_from(number.unsigned_abs()).is_ok()
}

/// `substring(text, offset, count)`: an offset below 0 counts from the end, 0 is the place before the first; a count below
/// 0 goes backwards from the offset. Places outside the text are empty.
pub fn substring(text: &str, offset: i64, count: i64) -> Result<&str, EvaluationError> {
    if !in_limits(offset) || !in_limits(count) {
        return Err(EvaluationError::OutOfRange);
    }
    let start = if offset < 0 { length(text) + offset } else { offset - 1 };
    let (start, end) = if count < 0 { (start + count, start) } else { (start, start + count) };
    Ok(between(text, start.max(0), end))
}

/// `substring(text, offset)`: to the end.
pub fn substring_from(text: &str, offset: i64) -> Result<&str, EvaluationError> {
    substring(text, offset, i64::from(u32::MAX))
}

/// `left(text, count)`; below 0, all but the last ones.
pub fn left(text: &str, count: i64) -> Result<&str, EvaluationError> {
    if count >= 0 { substring(text, 1, count) } else { Ok(between(text, 0, length(text).saturating_add(count))) }
}

/// `right(text, count)`; below 0, all but the first ones.
pub fn right(text: &str, count: i64) -> &str {
    let size = length(text);
    let start = if count >= 0 { (size - count).max(0) } else { count.checked_neg().unwrap_or(i64::MAX) };
    between(text, start, size)
}

/// Whether `trim` without a second argument takes a character away: the spaces of Unicode (Zs).
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// `trim(text)`
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `ltrim(text)`
pub fn ltrim(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

/// `rtrim(text)`
pub fn rtrim(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// `trim(text, characters)`
pub fn trim_of<'text>(text: &'text str, characters: &str) -> &'text str {
    text.trim_matches(|character| characters.contains(character))
}

/// `ltrim(text, characters)`
pub fn ltrim_of<'text>(text: &'text str, characters: &str) -> &'text str {
    text.trim_start_matches(|character| characters.contains(character))
}

/// `rtrim(text, characters)`
pub fn rtrim_of<'text>(text: &'text str, characters: &str) -> &'text str {
    text.trim_end_matches(|character| characters.contains(character))
}

/// `unicode(text)` and `ord`: the first code point, -1 for an empty text.
pub fn code_point(text: &str) -> i64 {
    text.chars().next().map_or(-1, |character| i64::from(u32::from(character)))
}

/// `ascii(text)`: the first code point, 0 for an empty text.
pub fn ascii(text: &str) -> i64 {
    code_point(text).max(0)
}

/// `chr(number)`: the text of a code point.
pub fn character(number: i64) -> Result<String, EvaluationError> {
    let character = u32::try_from(number).ok().and_then(char::from_u32);
    character.map(String::from).ok_or(EvaluationError::OutOfRange)
}

/// `greatest(left, right)`
pub fn greatest<'text>(left: &'text str, right: &'text str) -> &'text str {
    if right > left { right } else { left }
}

/// `least(left, right)`
pub fn least<'text>(left: &'text str, right: &'text str) -> &'text str {
    if right < left { right } else { left }
}
