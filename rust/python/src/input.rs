//! The arguments that all searches share, and why a search ended early as a Python exception.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use rowpattern_core::budget::Tick;
use rowpattern_core::matcher::{Compiled, Ended, Search, SearchError};
use rowpattern_core::rows::{Choice, Partitions, Skip, Symbols};

use super::choice::GivenChoice;
use super::errors::{SkipError, unknown_variable};
use super::limits::CallLimits;
use super::numbers::shown;
use super::pattern::Pattern;
use super::reweighing::reweigh;
use super::signals::Signals;
use super::{arguments, rows};

/// Which matches a search finds.
#[derive(Clone, Copy)]
pub struct SkipAndChoice<'a> {
    pub skip: Skip,
    pub choice: Choice<'a>,
}

/// The arguments, read.
pub struct Input {
    pub symbols: Symbols,
    pub partitions: Partitions,
    pub skip: Skip,
    skip_variable: Option<String>,
    pub threads: usize,
    /// The standard's unless the caller asks for another one.
    pub choice: GivenChoice,
    pub limits: CallLimits,
}

impl Input {
    pub fn read(
        pattern: &Pattern,
        rows: &Bound<'_, PyAny>,
        partitions: Option<&Bound<'_, PyAny>>,
        skip: Option<&Bound<'_, PyAny>>,
        threads: usize,
        limits: CallLimits,
    ) -> PyResult<Self> {
        if threads == 0 {
            return Err(PyValueError::new_err("threads must be at least 1"));
        }
        let (skip, skip_variable) = read_skip(pattern, skip)?;
        let symbols = rows::symbols(&pattern.compiled, rows, &limits)?;
        let partitions = arguments::partitions(partitions, symbols.len(), &limits)?;
        // The numbers that were read are free again.
        limits.budget.release(limits.budget.charged_bytes().saturating_sub(symbols.memory_bytes()));
        limits.charge(partitions.memory_bytes())?;
        Ok(Self { symbols, partitions, skip, skip_variable, threads, choice: GivenChoice::default(), limits })
    }

    /// The same, with another rule by which matches of a pattern are chosen.
    pub fn choosing(
        mut self,
        pattern: &Pattern,
        prefer: &str,
        latest_ends: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        self.choice = GivenChoice::read(prefer, latest_ends, self.symbols.len(), &self.limits)?;
        self.choice.compiled(pattern)?;
        Ok(self)
    }

    /// Searches with the interpreter's lock released. Gives what was found before an error too.
    pub fn search<R: Send>(
        &mut self,
        pattern: &Bound<'_, Pattern>,
        search: impl FnOnce(Search<'_>, SkipAndChoice<'_>, &mut Tick<'_>) -> Ended<R> + Send,
    ) -> (R, Option<PyErr>) {
        // That it can be compiled was seen when the rule was read.
        let compiled = self.choice.compiled(pattern.get()).unwrap_or(&pattern.get().compiled);
        let mut signals = self.limits.signals();
        let given = Search::new(compiled, &mut self.symbols, &self.partitions, self.threads, &self.limits.budget);
        let asked = SkipAndChoice { skip: self.skip, choice: self.choice.rule() };
        let Ended { found, error, tables } = pattern.py().detach(|| search(given, asked, &mut || signals.tick()));
        if compiled.give_back_all(tables) {
            reweigh(pattern);
        }
        (found, error.map(|error| self.error(error, signals, compiled)))
    }

    /// As [`Self::search`], for callers to whom what was found before an error is of no use.
    pub fn find<R: Send>(
        &mut self,
        pattern: &Bound<'_, Pattern>,
        search: impl FnOnce(Search<'_>, SkipAndChoice<'_>, &mut Tick<'_>) -> Ended<R> + Send,
    ) -> PyResult<R> {
        let (found, error) = self.search(pattern, search);
        error.map_or(Ok(found), Err)
    }

    /// The error for a search of a pattern that ended early.
    pub fn error(&self, error: SearchError, signals: Signals, compiled: &Compiled) -> PyErr {
        if let SearchError::Skip(error) = error {
            let variable = self.skip_variable.as_deref().unwrap_or_default();
            return SkipError::new_err(format!("AFTER MATCH SKIP has nowhere to go to {variable}: {error}"));
        }
        self.limits.search_error(error, signals.raised, &compiled.variables)
    }
}

/// Reads `skip`, and the variable that it names.
pub fn read_skip(pattern: &Pattern, value: Option<&Bound<'_, PyAny>>) -> PyResult<(Skip, Option<String>)> {
    let Some(value) = value else { return Ok((Skip::PastLastRow, None)) };
    let forms = "skip must be \"past last row\", \"to next row\", (\"to first\", variable) or (\"to last\", variable)";
    if let Ok(text) = value.cast::<PyString>() {
        return match text.to_str()? {
            "past last row" => Ok((Skip::PastLastRow, None)),
            "to next row" => Ok((Skip::ToNextRow, None)),
            other => Err(PyValueError::new_err(format!("{forms}, not {other:?}"))),
        };
    }
    let Ok((mode, name)) = value.extract::<(String, String)>() else {
        return Err(PyTypeError::new_err(format!("{forms}, not {}", shown(value))));
    };
    let Some(variables) = pattern.variable_set(&name) else {
        let known = pattern.all_names();
        return Err(unknown_variable(value.py(), &name, &known, "variable"));
    };
    match mode.as_str() {
        "to first" => Ok((Skip::ToFirst(variables), Some(name))),
        "to last" => Ok((Skip::ToLast(variables), Some(name))),
        other => Err(PyValueError::new_err(format!("{forms}, not ({other:?}, ...)"))),
    }
}
