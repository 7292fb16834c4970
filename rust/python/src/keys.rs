//! Keys of the cache: Python texts, by kind of what they stand for.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use rowpattern_core::cache::KeyRef;

/// What a key stands for. Texts of different kinds are different keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A pattern, by its text.
    Pattern,
    /// A pattern with options, by its text and them.
    PatternWithOptions,
    /// What a caller has put in.
    Object,
    /// What a caller has put in for a condition.
    Condition,
    /// What a caller has put in for a tokenised text.
    Tokens,
    /// A query as `match_recognize` has read it.
    Query,
    /// A clause of a query, bound to a table's columns.
    Clause,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Pattern,
        Self::PatternWithOptions,
        Self::Object,
        Self::Condition,
        Self::Tokens,
        Self::Query,
        Self::Clause,
    ];

    /// The kind of a key's name space.
    pub fn of_space(space: u8) -> Self {
        Self::ALL.into_iter().find(|&kind| kind as u8 == space).unwrap_or(Self::Object)
    }

    /// A kind that callers may name.
    #[inline]
    pub fn of_caller(name: &str) -> PyResult<Self> {
        match name {
            "object" => Ok(Self::Object),
            "condition" => Ok(Self::Condition),
            "tokens" => Ok(Self::Tokens),
            "query" => Ok(Self::Query),
            "clause" => Ok(Self::Clause),
            _ => Err(PyValueError::new_err(format!(
                "kind must be \"object\", \"condition\", \"tokens\", \"query\" or \"clause\", not {name:?}"
            ))),
        }
    }

    pub fn is_pattern(self) -> bool {
        matches!(self, Self::Pattern | Self::PatternWithOptions)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Pattern | Self::PatternWithOptions => "pattern",
            Self::Object => "object",
            Self::Condition => "condition",
            Self::Tokens => "tokens",
            Self::Query => "query",
            Self::Clause => "clause",
        }
    }
}

/// The key of a text that is of no subclass of `str`: those may hash as they like. Python's text carries its hash, which is
/// computed once in its life.
///
/// Raises `UnicodeEncodeError` for a text with a lone surrogate.
#[inline]
pub fn key<'a>(kind: Kind, text: &'a Bound<'_, PyString>) -> PyResult<KeyRef<'a>> {
    Ok(KeyRef::with_text_hash(kind as u8, text.to_str()?, text.hash()? as u64))
}

/// Calls with a text that is of no subclass of `str`.
#[inline]
pub fn with_exact<'py, R>(
    text: &Bound<'py, PyString>,
    call: impl FnOnce(&Bound<'py, PyString>) -> PyResult<R>,
) -> PyResult<R> {
    if text.is_exact_instance_of::<PyString>() { call(text) } else { call(&PyString::new(text.py(), text.to_str()?)) }
}
