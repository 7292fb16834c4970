//! Which row FIRST, LAST, PREV and NEXT mean (ISO/IEC 19075-5, section 5.6): in the match so far ([`At`]), and in matches that
//! were found ([`Navigation`]).

use std::ops::Range;

use super::variables::VariableSet;
use crate::budget::{Budget, ROWS_A_LOOK, Stopped, Tick};

/// Stands for "no such row".
pub const NOWHERE: i64 = -1;

/// Of `rows` rows in order, the index of the one that is `offset` rows behind the first or before the last.
#[inline]
fn place_of(first: bool, offset: usize, rows: usize) -> Option<usize> {
    if offset >= rows {
        return None;
    }
    Some(if first { offset } else { rows - 1 - offset })
}

/// Which row to read, seen from the last row of the match so far.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// Rows mapped to this set of variables, by its number among those that conditions name; all rows of the match without one.
    pub set: Option<usize>,
    /// From the first such row on, or from the last one back.
    pub first: bool,
    /// How many such rows on or back.
    pub offset: usize,
    /// And from there, how many rows of the partition on, or back when it is negative.
    pub rows: i64,
}

/// The rows of the match so far among which logical navigation moves.
#[derive(Debug, Clone)]
pub enum MappedRows<'m> {
    /// All rows of the match.
    All(Range<usize>),
    /// Those that are mapped to a set of variables, in order.
    Of(&'m [usize]),
}

impl At {
    /// The row that is meant; None where the match or the partition has no such row.
    #[inline]
    pub fn row(self, mapped: MappedRows<'_>, partition: Range<usize>) -> Option<usize> {
        let row = match mapped {
            MappedRows::All(rows) => rows.start + place_of(self.first, self.offset, rows.len())?,
            MappedRows::Of(rows) => rows[place_of(self.first, self.offset, rows.len())?],
        };
        if self.rows == 0 {
            return Some(row);
        }
        let row = usize::try_from((row as i64).checked_add(self.rows)?).ok()?;
        partition.contains(&row).then_some(row)
    }
}

/// Which mapped row of a match that was found is meant.
#[derive(Debug, Clone, Copy)]
pub struct Navigation {
    /// Rows mapped to these variables count; all rows without it.
    pub variables: Option<VariableSet>,
    /// From the first such row on, or from the last one back.
    pub first: bool,
    /// How many such rows on or back.
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
        for_each_match(starts.iter().copied(), lengths, variables, budget, tick, |start, variables| {
            rows.push(self.within(variables).map_or(NOWHERE, |at| start + at as i64));
            Ok(())
        })?;
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
        let mut counted: Vec<i64> = Vec::new();
        for_each_match(starts.iter().copied(), lengths, variables, budget, tick, |start, variables| {
            if self.offset == 0 {
                let mut held = NOWHERE;
                rows.extend(variables.iter().zip(start..).map(|(&variable, row)| {
                    if self.counts(variable) && !(self.first && held != NOWHERE) {
                        held = row;
                    }
                    held
                }));
                return Ok(());
            }
            counted.clear();
            budget.reserve(&mut counted, variables.len())?;
            rows.extend(variables.iter().zip(start..).map(|(&variable, row)| {
                if self.counts(variable) {
                    counted.push(row);
                }
                place_of(self.first, self.offset, counted.len()).map_or(NOWHERE, |place| counted[place])
            }));
            Ok(())
        })?;
        Ok(rows)
    }
}

/// How many rows are mapped to some variables: of each match, or, running, for each row of each match among the match's rows up to
/// it. Takes time linear in the rows of matches.
///
/// `lengths` has how many rows each match has, `variables` the variables of all, in order.
pub fn mapped_counts(
    counted: VariableSet,
    running: bool,
    lengths: impl ExactSizeIterator<Item = usize>,
    variables: &[u8],
    budget: &Budget,
    tick: &mut Tick<'_>,
) -> Result<Vec<i64>, Stopped> {
    let mut counts = Vec::new();
    budget.reserve(&mut counts, if running { variables.len() } else { lengths.len() })?;
    // Looked up without a branch.
    let ones: [i64; 256] = std::array::from_fn(|variable| i64::from(counted.contains(variable as u8)));
    for_each_match(std::iter::repeat(0), lengths, variables, budget, tick, |_, variables| {
        let ones = variables.iter().map(|&variable| ones[usize::from(variable)]);
        if running {
            let mut count = 0;
            counts.extend(ones.map(|one| {
                count += one;
                count
            }));
        } else {
            counts.push(ones.sum());
        }
        Ok(())
    })?;
    Ok(counts)
}

/// Calls with the first row of each match and the variables of its rows.
fn for_each_match(
    starts: impl Iterator<Item = i64>,
    lengths: impl Iterator<Item = usize>,
    mut variables: &[u8],
    budget: &Budget,
    tick: &mut Tick<'_>,
    mut call: impl FnMut(i64, &[u8]) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let mut rows_since_look = 0;
    for (start, length) in starts.zip(lengths) {
        let (these, others) = variables.split_at(length);
        variables = others;
        rows_since_look += length + 1;
        if rows_since_look > ROWS_A_LOOK {
            rows_since_look = 0;
            budget.check()?;
            tick()?;
        }
        call(start, these)?;
    }
    Ok(())
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
    fn counts() {
        let budget = Budget::unlimited();
        let lengths = || [4, 0, 1].into_iter();
        let ones = VariableSet::of(1);
        let of = |running| mapped_counts(ones, running, lengths(), &VARIABLES, &budget, &mut || Ok(())).unwrap();
        assert_eq!(of(false), [2, 0, 1]);
        assert_eq!(of(true), [0, 1, 2, 2, 1]);
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
