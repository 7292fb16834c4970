//! Labels from Arrow: the variable of each row, by name.

use hashbrown::HashMap;
use pyo3::prelude::*;
use rowpattern_core::matcher::Compiled;
use rowpattern_core::rows::Symbols;

use super::arrow::{ArrowArray, Failure, Text, Values};
use super::decoder::{Reader, ValueRows};
use super::limits::CallLimits;
use super::readers;

/// Stands for labels that are no variable's, and for NULL: no variable has this number.
const NONE: u16 = u16::MAX;

/// Remember this many distinct labels. Of data with more, most are no variable's, and are looked up again.
const REMEMBERED: usize = 1 << 16;

/// Reads labels as numbers of variables.
struct Labels<'a, 'c> {
    compiled: &'c Compiled,
    /// Each distinct label is checked and looked up once.
    known: HashMap<&'a [u8], u16, foldhash::fast::RandomState>,
    last: Option<(&'a [u8], u16)>,
}

impl<'a> Labels<'a, '_> {
    #[inline]
    fn variable(&mut self, text: &'a Text, row: usize) -> Result<u16, Failure> {
        let bytes = readers::bytes(text, row)?;
        if let Some((last, variable)) = self.last
            && last == bytes
        {
            return Ok(variable);
        }
        let known = self.known.get(bytes).copied();
        let variable = known.map_or_else(|| self.look_up(row, bytes), Ok)?;
        self.last = Some((bytes, variable));
        Ok(variable)
    }

    #[cold]
    fn look_up(&mut self, row: usize, bytes: &'a [u8]) -> Result<u16, Failure> {
        let variable = self.compiled.variable(readers::utf8(row, bytes)?).map_or(NONE, u16::from);
        if self.known.len() < REMEMBERED {
            self.known.insert(bytes, variable);
        }
        Ok(variable)
    }
}

impl<'a> Reader<'a> for Labels<'a, '_> {
    type Item = u16;
    const NULL: u16 = NONE;
    const EXPECTED: &'static str = "strings or a dictionary of them";

    fn read(&mut self, rows: ValueRows<'a>, items: &mut Vec<Self::Item>) -> Option<Result<(), Failure>> {
        let ValueRows { values, valid, rows } = rows;
        let Values::Text(text) = values else { return None };
        for row in rows {
            let is_null = valid.is_some_and(|valid| valid.is_null(row));
            match if is_null { Ok(NONE) } else { self.variable(text, row) } {
                Ok(variable) => items.push(variable),
                Err(failure) => return Some(Err(failure)),
            }
        }
        Some(Ok(()))
    }
}

/// Reads labels: strings, or dictionaries and runs of strings.
pub fn symbols(py: Python<'_>, compiled: &Compiled, chunks: &[ArrowArray], limits: &CallLimits) -> PyResult<Symbols> {
    let reader = Labels { compiled, known: HashMap::default(), last: None };
    let labels = readers::decode(py, chunks, reader, "labels", Some(limits))?;
    let count = compiled.variables.len();
    let table: Vec<Option<u8>> = (0..count).map(|number| Some(number as u8)).collect();
    let place = |&label: &u16| usize::from(label);
    let symbols = py.detach(|| Symbols::from_labels(count, &table, &labels, place, &limits.budget));
    limits.budget.release(size_of_val(labels.as_slice()));
    symbols.map_err(|reason| limits.error(reason))
}
