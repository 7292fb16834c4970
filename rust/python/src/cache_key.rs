//! `get_cache_key`: one text for a pattern and its options, the same in every process and version.
//!
//! The key is the SHA-256 of a JSON text in ASCII, as Python's `json.dumps(parts, separators=(",", ":"), sort_keys=True)` writes
//! it. What is rare is left to that: values that are no texts, and lone surrogates.

use std::fmt::Write as _;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rowpattern_macros::catch_panics;
use sha2::{Digest, Sha256};

use super::hooks::hooks;

/// Returns a key for a pattern and its options: 64 hexadecimal digits.
///
/// The order of mappings and of a subset's members does not matter; different inputs have different keys (up to
/// collisions of SHA-256); a key is the same in every process. Time is linear in the texts.
///
/// Raises:
///     TypeError: `data_characteristics` holds what JSON cannot say.
///
/// Examples:
///     >>> from rowpattern import pattern_cache
///     >>> key = pattern_cache.get_cache_key("A B+", {"A": "x > 1", "B": "x < 1"})
///     >>> len(key), key == pattern_cache.get_cache_key("A B+", {"B": "x < 1", "A": "x > 1"})
///     (64, True)
#[catch_panics]
#[pyfunction]
#[pyo3(signature = (pattern_text, define = None, subsets = None, data_characteristics = None))]
pub fn get_cache_key<'py>(
    py: Python<'py>,
    pattern_text: &Bound<'py, PyAny>,
    define: Option<&Bound<'py, PyAny>>,
    subsets: Option<&Bound<'py, PyAny>>,
    data_characteristics: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let has_no_characteristics = match data_characteristics {
        Some(given) => !given.is_truthy()?,
        None => true,
    };
    if has_no_characteristics && let Some(json) = plain_json(pattern_text, define, subsets) {
        return Ok(PyString::new(py, &hexadecimal(&Sha256::digest(json.as_bytes()))).into_any());
    }
    hooks(py)?.general_key.bind(py).call1((pattern_text, define, subsets, data_characteristics))
}

fn hexadecimal(digest: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[digit as usize] as char).collect()
}

/// The JSON text, where all is plain: texts, dicts of texts, and dicts of iterables of texts.
fn plain_json(
    pattern: &Bound<'_, PyAny>,
    define: Option<&Bound<'_, PyAny>>,
    subsets: Option<&Bound<'_, PyAny>>,
) -> Option<String> {
    let pattern = pattern.cast::<PyString>().ok()?;
    let mut json = String::with_capacity(256);
    json.push('[');
    write_text(&mut json, pattern.to_str().ok()?);
    json.push_str(",[");
    if let Some(define) = define {
        let mut conditions = Vec::new();
        for (name, condition) in dict(define)?.iter() {
            conditions.push((name.cast_into::<PyString>().ok()?, condition.cast_into::<PyString>().ok()?));
        }
        let mut conditions: Vec<(&str, &str)> = conditions
            .iter()
            .map(|(name, condition)| Some((name.to_str().ok()?, condition.to_str().ok()?)))
            .collect::<Option<_>>()?;
        conditions.sort_unstable();
        write_list(&mut json, &conditions, |json, (name, condition)| {
            json.push('[');
            write_text(json, name);
            json.push(',');
            write_text(json, condition);
            json.push(']');
        });
    }
    json.push_str("],[");
    if let Some(subsets) = subsets {
        let mut unions: Vec<(String, Vec<String>)> = Vec::new();
        for (name, members) in dict(subsets)?.iter() {
            let mut texts = Vec::new();
            for member in members.try_iter().ok()? {
                texts.push(member.ok()?.cast::<PyString>().ok()?.to_str().ok()?.to_owned());
            }
            texts.sort_unstable();
            texts.dedup();
            unions.push((name.cast::<PyString>().ok()?.to_str().ok()?.to_owned(), texts));
        }
        unions.sort_unstable();
        write_list(&mut json, &unions, |json, (name, members)| {
            json.push('[');
            write_text(json, name);
            json.push_str(",[");
            write_list(json, members, |json, member| write_text(json, member));
            json.push_str("]]");
        });
    }
    json.push_str("],[]]");
    Some(json)
}

/// A dict; other mappings are left to Python.
fn dict<'a, 'py>(value: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, PyDict>> {
    value.cast_exact::<PyDict>().ok()
}

fn write_list<T>(json: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        write(json, item);
    }
}

/// Writes a text as JSON in ASCII.
fn write_text(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            ' '..='~' => json.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
        }
    }
    json.push('"');
}
