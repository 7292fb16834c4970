//! Spans by regex-automata's lazy DFA: a forward search for the end of each match, a reverse one for its start.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use regex_automata::hybrid::regex::{Cache, Regex};

/// A regular expression over ASCII letters, one a row.
#[pyclass]
struct LazyDfa {
    regex: Regex,
    cache: Cache,
}

#[pymethods]
impl LazyDfa {
    #[new]
    fn new(pattern: &str) -> PyResult<Self> {
        let regex = Regex::new(pattern).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let cache = regex.create_cache();
        Ok(Self { regex, cache })
    }

    /// Collects starts and ends of all matches in memory; returns how many there are.
    fn spans(&mut self, py: Python<'_>, rows: &str) -> usize {
        let Self { regex, cache } = self;
        let spans: (Vec<i64>, Vec<i64>) = py.detach(|| {
            regex.find_iter(cache, rows).map(|found| (found.start() as i64, found.end() as i64)).unzip()
        });
        spans.0.len()
    }
}

#[pymodule(gil_used = false)]
mod lazy_dfa_peer {
    #[pymodule_export]
    use super::LazyDfa;
}
