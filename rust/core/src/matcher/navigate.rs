//! Logical navigation in matches that were found: FIRST and LAST, with offsets (ISO/IEC 19075-5, section 5.6.2).

use super::ROWS_A_LOOK;
use super::budget::{Budget, Stopped};
use super::symbols::VariableSet;
use super::threads::Tick;

/// Stands for "no such row".
pub const NOWHERE: i64 = -1;

/// Which mapped row of a match is meant.
#[derive(Debug, Clone, Copy)]
pub struct Navigation {
    /// Rows mapped to these variables count; all rows without it.
    pub variables: Option<VariableSet>,
    /// From the first such row on, or from the last one back.
    pub first: bool,
    /// So many such rows on or back.
    pub offset: usize,
}

impl Navigation {
    fn counts(&self, variable: u8) -> bool {
        self.variables.is_none_or(|variables| variables.contains(variable))
    }

    /// The row within a match of these variables, among all its rows.
    fn within(&self, variables: &[u8]) -> Option<usize> {
        let mut counted = variables.iter().enumerate().filter(|&(_, &variable)| self.counts(variable));
        let found = if self.first { counted.nth(self.offset) } else { counted.nth_back(self.offset) };
        found.map(|(at, _)| at)
    }

    /// The row of each match, or [`NOWHERE`]. Takes time linear in the rows of matches.
    ///
    /// `starts` has the first row of each match, `lengths` how many it has, `variables` the variables of all, in order.
    pub fn of_matches(
        &self,
        starts: &[i64],
        lengths: impl Iterator<Item = usize>,
        variables: &[u8],
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<Vec<i64>, Stopped> {
        let mut rows = Vec::new();
        budget.reserve(&mut rows, starts.len())?;
        let mut rest = variables;
        let mut rows_since_look = 0;
        for (&start, length) in starts.iter().zip(lengths) {
            let (these, others) = rest.split_at(length);
            rest = others;
            rows_since_look += length + 1;
            if rows_since_look > ROWS_A_LOOK {
                rows_since_look = 0;
                budget.check()?;
                tick()?;
            }
            rows.push(self.within(these).map_or(NOWHERE, |at| start + at as i64));
        }
        Ok(rows)
    }

    /// As [`Self::of_matches`] for each row of each match, among the match's rows up to it.
    pub fn of_rows(
        &self,
        starts: &[i64],
        lengths: impl Iterator<Item = usize>,
        variables: &[u8],
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<Vec<i64>, Stopped> {
        let mut rows = Vec::new();
        budget.reserve(&mut rows, variables.len())?;
        let mut rest = variables;
        let mut counted: Vec<i64> = Vec::new();
        let mut rows_since_look = 0;
        for (&start, length) in starts.iter().zip(lengths) {
            let (these, others) = rest.split_at(length);
            rest = others;
            rows_since_look += length + 1;
            if rows_since_look > ROWS_A_LOOK {
                rows_since_look = 0;
                budget.check()?;
                tick()?;
            }
            if self.offset == 0 {
                let mut held = NOWHERE;
                rows.extend(these.iter().zip(start..).map(|(&variable, row)| {
                    if self.counts(variable) && !(self.first && held != NOWHERE) {
                        held = row;
                    }
                    held
                }));
                continue;
            }
            counted.clear();
            budget.reserve(&mut counted, length)?;
            for (at, &variable) in these.iter().enumerate() {
                if self.counts(variable) {
                    counted.push(start + at as i64);
                }
                let place = if self.first { Some(self.offset) } else { counted.len().checked_sub(self.offset + 1) };
                rows.push(place.and_then(|place| counted.get(place)).copied().unwrap_or(NOWHERE));
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLES: [u8; 5] = [0, 1, 1, 0, 1];

    fn navigation(variable: u8, first: bool, offset: usize) -> Navigation {
        Navigation { variables: Some(VariableSet::of(variable)), first, offset }
    }

    #[test]
    fn one_row_a_match() {
        let budget = Budget::unlimited();
        let lengths = || [4, 0, 1].into_iter();
        let of = |navigation: Navigation| {
            navigation.of_matches(&[10, 15, 15], lengths(), &VARIABLES, &budget, &mut || Ok(())).unwrap()
        };
        assert_eq!(of(navigation(0, true, 0)), [10, NOWHERE, NOWHERE]);
        assert_eq!(of(navigation(1, false, 0)), [12, NOWHERE, 15]);
        assert_eq!(of(navigation(1, false, 1)), [11, NOWHERE, NOWHERE]);
        assert_eq!(of(Navigation { variables: None, first: false, offset: 0 }), [13, NOWHERE, 15]);
    }

    #[test]
    fn running() {
        let budget = Budget::unlimited();
        let lengths = || [4, 1].into_iter();
        let of = |navigation: Navigation| {
            navigation.of_rows(&[10, 15], lengths(), &VARIABLES, &budget, &mut || Ok(())).unwrap()
        };
        assert_eq!(of(navigation(0, true, 1)), [NOWHERE, NOWHERE, NOWHERE, 13, NOWHERE]);
        assert_eq!(of(navigation(1, false, 0)), [NOWHERE, 11, 12, 12, 15]);
        assert_eq!(of(navigation(1, false, 1)), [NOWHERE, NOWHERE, 11, 11, NOWHERE]);
    }
}
