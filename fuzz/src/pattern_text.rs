//! Any text compiles or gives a typed error, within the limits.

use arbitrary::{Result, Unstructured};
use rowpattern_core::budget::Budget;
use rowpattern_core::matcher::{Compiled, Search};
use rowpattern_core::pattern::{CompileError, MAX_TEXT_BYTES, MAX_VARIABLES};
use rowpattern_core::rows::{Partitions, Skip, SymbolsBuilder};

use crate::generate;

/// No pattern is heavier: two million followers of 4 bytes, kept in both directions, and what stands beside them.
const MOST_BYTES: usize = 64 << 20;

/// Patterns of more positions are not matched here, so that most of the time goes into reading texts.
const MOST_POSITIONS_MATCHED: usize = 300;

const TOKENS: [&str; 48] = [
    "A",
    "B",
    "C",
    "\"a b\"",
    "\"\"\"\"",
    "ß",
    "ŉ",
    "Ω",
    "_",
    "x1",
    "permute",
    "PERMUTE(",
    "(",
    "(",
    ")",
    ")",
    "{-",
    "-}",
    "{",
    "}",
    ",",
    "|",
    "*",
    "+",
    "?",
    "??",
    "*?",
    "+?",
    "^",
    "$",
    "{2}",
    "{0,3}",
    "{,2}",
    "{,}",
    "{1,}?",
    "{40}",
    "{3000}",
    "{4294967295}",
    "{99999999999999999999}",
    "{0}",
    "{3,1}",
    "()",
    "--\n",
    "--",
    "/*",
    "*/",
    "\0",
    "\u{202e}",
];

/// The target.
///
/// # Panics
/// Where the promise is broken.
pub fn pattern_text(data: &[u8]) {
    let Ok(text) = text(&mut Unstructured::new(data)) else { return };
    match Compiled::new(&text) {
        Ok(compiled) => accepted(&compiled),
        Err(error) => refused(&text, &error),
    }
}

fn text(bytes: &mut Unstructured<'_>) -> Result<String> {
    Ok(match bytes.int_in_range(0..=7_u8)? {
        // The bytes as they are.
        0 => String::from_utf8_lossy(bytes.bytes(bytes.len())?).into_owned(),
        // A pattern, in which some characters are then changed.
        1 | 2 => {
            let mut text = generate::pattern(bytes, 20, 6)?.text();
            for _ in 0..bytes.int_in_range(0..=3_u8)? {
                let at = bytes.choose_index(text.len() + 1)?;
                let at = (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
                if bytes.arbitrary()? {
                    text.insert_str(at, bytes.choose(&TOKENS)?);
                } else if let Some(character) = text[at..].chars().next() {
                    text.replace_range(at..at + character.len_utf8(), "");
                }
            }
            text
        }
        // One part very often: long texts, deep nesting, many variables.
        3 => {
            let (before, after) = (*bytes.choose(&TOKENS)?, *bytes.choose(&TOKENS)?);
            let times = usize::from(bytes.arbitrary::<u16>()?) % 700;
            if bytes.arbitrary()? {
                (0..times).flat_map(|number| [before.to_owned(), format!(" v{number} ")]).collect()
            } else {
                before.repeat(times) + "A" + &after.repeat(times)
            }
        }
        // Tokens in any order.
        _ => {
            let mut text = String::new();
            while !bytes.is_empty() {
                text.push_str(bytes.choose(&TOKENS)?);
                text.push(' ');
            }
            text
        }
    })
}

fn accepted(compiled: &Compiled) {
    let variables = &compiled.variables;
    assert!(variables.len() <= MAX_VARIABLES);
    assert!(compiled.memory_bytes() < MOST_BYTES, "{} bytes", compiled.memory_bytes());
    for (number, name) in variables.iter().enumerate() {
        assert_eq!(compiled.variable(name), Some(number as u8), "{name:?}");
    }
    assert!(!compiled.root.explain(variables).is_empty());
    if compiled.automaton.positions.len() > MOST_POSITIONS_MATCHED {
        return;
    }
    let budget = Budget::unlimited();
    let mut builder = SymbolsBuilder::new(variables.len(), 5, &budget).expect("memory for five rows");
    for number in 0..variables.len() {
        builder.fill_all(number as u8);
    }
    let mut symbols = builder.finish(&budget).expect("memory for five rows");
    let partitions = Partitions::one(5);
    let search = Search::new(compiled, &mut symbols, &partitions, 1, &budget);
    let (count, tables) = search.count(Skip::PastLastRow, &mut || Ok(())).into_result();
    compiled.give_back_all(tables);
    assert!(count.is_ok_and(|count| count <= 5));
}

fn refused(text: &str, error: &CompileError) {
    let CompileError::Syntax(error) = error else {
        assert!(!error.to_string().is_empty());
        return;
    };
    assert!(text.len() <= MAX_TEXT_BYTES);
    let line = text.split('\n').nth(error.line - 1).unwrap_or_else(|| panic!("there is no line {}", error.line));
    assert!((1..=line.chars().count() + 1).contains(&error.column), "column {} of {line:?}", error.column);
    let (shown, caret) = error.excerpt.split_once('\n').unwrap_or_default();
    assert!(caret.ends_with('^') && caret.len() <= shown.chars().count() + 1, "{}", error.excerpt);
}
