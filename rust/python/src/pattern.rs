//! `Pattern`: a compiled row pattern as a Python class.

use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyMapping, PyString};
use rowpattern_core::matcher::Compiled;
use rowpattern_core::rows::VariableSet;

use super::arguments;
use super::numbers::shown;

/// What `compile` takes beside the text, in a canonical order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Options {
    pub subset: Vec<(String, Vec<String>)>,
    pub define: Vec<(String, String)>,
}

impl Options {
    /// Reads the arguments of `compile`.
    pub fn read(subset: Option<&Bound<'_, PyAny>>, define: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let mut options = Self::default();
        if subset.is_none() && define.is_none() {
            return Ok(options);
        }
        for (name, members) in items(subset, "subset", "{\"U\": [\"A\", \"B\"]}")? {
            if members.is_instance_of::<PyString>() {
                let members = shown(&members);
                return Err(PyTypeError::new_err(format!(
                    "subset[{name:?}] must be a list of variables, not {members}; write [{members}]"
                )));
            }
            let mut members: Vec<String> =
                members.try_iter()?.map(|member| member?.extract()).collect::<PyResult<_>>()?;
            if members.is_empty() {
                return Err(PyValueError::new_err(format!("subset[{name:?}] must have at least one variable")));
            }
            members.sort_unstable();
            members.dedup();
            options.subset.push((name, members));
        }
        for (name, condition) in items(define, "define", "{\"A\": \"price > 10\"}")? {
            options.define.push((name, condition.extract()?));
        }
        options.subset.sort_unstable();
        options.define.sort_unstable();
        Ok(options)
    }

    pub fn is_empty(&self) -> bool {
        self.subset.is_empty() && self.define.is_empty()
    }

    /// A text that no other pattern with options has: every part is preceded by its length.
    pub fn canonical_key(&self, text: &str) -> String {
        let mut key = String::with_capacity(text.len() + 64);
        let mut part = |part: &str| {
            // Writing to a String cannot fail.
            let _ = write!(key, "{}:{part}", part.len());
        };
        part(text);
        part(&self.subset.len().to_string());
        for (name, members) in &self.subset {
            part(name);
            part(&members.len().to_string());
            for member in members {
                part(member);
            }
        }
        for (name, condition) in &self.define {
            part(name);
            part(condition);
        }
        key
    }

    fn bytes(&self) -> usize {
        let subset = self
            .subset
            .iter()
            .map(|(name, members)| name.len() + 72 + members.iter().map(|member| member.len() + 40).sum::<usize>());
        let define = self.define.iter().map(|(name, condition)| name.len() + condition.len() + 64);
        subset.chain(define).sum()
    }
}

fn items<'py>(
    value: Option<&Bound<'py, PyAny>>,
    what: &str,
    example: &str,
) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let Ok(mapping) = value.cast::<PyMapping>() else {
        return Err(PyTypeError::new_err(format!("{what} must be a mapping like {example}, not {}", shown(value))));
    };
    mapping.items()?.iter().map(|item| item.extract::<(String, Bound<'py, PyAny>)>()).collect()
}

/// A compiled row pattern. Made by `rowpattern.compile`; immutable; threads may share it.
///
/// Examples:
///     >>> import rowpattern
///     >>> pattern = rowpattern.compile("START DOWN+ UP+")
///     >>> pattern.variables
///     ('START', 'DOWN', 'UP')
///     >>> rows = {"DOWN": [False, True, True, False], "UP": [False, False, False, True]}
///     >>> [match.labels for match in pattern.find_iter(rows)]
///     [('START', 'DOWN', 'DOWN', 'UP')]
///     >>> pattern.match(rows).end.to_list(), pattern.count(rows), pattern.is_match(rows)
///     ([4], 1, True)
///     >>> pattern.spans(rows)[0]
///     (0, 4)
#[pyclass(frozen, module = "rowpattern", eq, hash)]
pub struct Pattern {
    pub text: String,
    pub options: Options,
    pub compiled: Arc<Compiled>,
    /// Union variables with their primary variables.
    unions: Vec<(String, VariableSet)>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.options == other.options
    }
}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
        self.options.hash(state);
    }
}

impl Pattern {
    pub fn new(py: Python<'_>, text: &str, options: Options, compiled: Arc<Compiled>) -> PyResult<Self> {
        let number = |name: &str| arguments::variable(py, &compiled.variables, name);
        let mut unions = Vec::new();
        for (name, members) in &options.subset {
            if compiled.variable(name).is_some() {
                return Err(PyValueError::new_err(format!(
                    "subset names {name:?}, which is a primary variable of the row pattern; choose another name"
                )));
            }
            unions.push((name.clone(), members.iter().map(|member| number(member)).collect::<PyResult<_>>()?));
        }
        for (name, _) in &options.define {
            number(name)?;
        }
        Ok(Self { text: text.to_owned(), options, compiled, unions })
    }

    /// The primary variables that a name stands for.
    pub fn variable_set(&self, name: &str) -> Option<VariableSet> {
        if let Some(variable) = self.compiled.variable(name) {
            return Some(VariableSet::of(variable));
        }
        let exact = self.unions.iter().find(|(union, _)| union == name);
        let folded = || self.unions.iter().find(|(union, _)| union.to_uppercase() == name.to_uppercase());
        exact.or_else(folded).map(|&(_, set)| set)
    }

    /// Primary and union variables.
    pub fn all_names(&self) -> Vec<&str> {
        self.compiled.variables.iter().chain(self.unions.iter().map(|(name, _)| name)).map(String::as_str).collect()
    }

    /// Bytes that this pattern holds, its Python object included.
    pub fn total_bytes(&self) -> usize {
        let unions: usize = self.unions.iter().map(|(name, _)| name.len() + size_of::<(String, VariableSet)>()).sum();
        size_of::<Self>() + 16 + self.text.len() + self.options.bytes() + unions + self.compiled.memory_bytes()
    }
}
