//! Matches that were found, and partitions in which they are.

use std::ops::Range;

use crate::rows::VariableSet;

/// Matches, in the order of their first rows, no two of which begin at one row.
#[derive(Debug, Clone, Copy)]
pub struct FoundMatches<'m> {
    /// The first row of each.
    pub starts: &'m [i64],
    /// The row behind the last of each; the first one where a match is empty.
    pub ends: &'m [i64],
    /// The variables of the rows of all, one match after another.
    pub variables: &'m [u8],
    /// Whether each of these rows stands in an exclusion; nothing where the pattern has none.
    pub excluded: &'m [u8],
    /// The partitions that have matches, each with how many.
    pub partitions: &'m [(i64, i64)],
    /// The number of the first match of each of these; nothing where it is 1.
    pub first_numbers: &'m [i64],
    /// The variables to one of which the first row of every match is mapped.
    pub first_variables: VariableSet,
    /// As `first_variables`, of the last row.
    pub last_variables: VariableSet,
}

impl FoundMatches<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The first row of each of these matches, and the one behind its last.
    #[inline]
    pub(super) fn spans(&self, matches: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
        let starts = self.starts.get(matches.clone()).unwrap_or_default();
        let ends = self.ends.get(matches).unwrap_or_default();
        starts.iter().zip(ends).map(|(&start, &end)| (start as usize, end.max(start) as usize))
    }

    /// How many rows these matches have together.
    pub(super) fn rows(&self, matches: Range<usize>) -> usize {
        // Several at once, which a sum of differences is not.
        let sum = |rows: &[i64]| {
            rows.get(matches.clone()).unwrap_or_default().iter().fold(0_i64, |sum, &row| sum.wrapping_add(row))
        };
        usize::try_from(sum(self.ends).wrapping_sub(sum(self.starts))).unwrap_or(0)
    }

    /// The first row of a match, and the one behind its last.
    #[inline]
    pub(super) fn span(&self, number: usize) -> (usize, usize) {
        let row = |rows: &[i64]| rows.get(number).map_or(0, |&row| row as usize);
        let start = row(self.starts);
        (start, row(self.ends).max(start))
    }
}

/// The partition of one match after another, and its number there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PartitionCursor {
    /// The partition's place among those that have matches.
    place: usize,
    /// How many of its matches are behind.
    passed: i64,
}

impl PartitionCursor {
    /// The partition of the next match, and the match's number in it, from 1.
    #[inline]
    pub fn next(&mut self, found: &FoundMatches<'_>) -> (usize, usize) {
        while let Some(&(partition, matches)) = found.partitions.get(self.place) {
            if self.passed < matches {
                let first = found.first_numbers.get(self.place).copied().unwrap_or(1);
                let number = first + self.passed;
                self.passed += 1;
                return (partition as usize, number as usize);
            }
            (self.place, self.passed) = (self.place + 1, 0);
        }
        (0, 0)
    }

    /// As [`Self::next`], of so many matches, which are added. Partition by partition, as most have several.
    pub fn add_next(&mut self, found: &FoundMatches<'_>, matches: usize, out: &mut Vec<(usize, usize)>) {
        let mut left = matches;
        while let Some(&(partition, has)) = found.partitions.get(self.place) {
            let own = left.min((has - self.passed) as usize);
            let number = found.first_numbers.get(self.place).copied().unwrap_or(1) + self.passed;
            out.extend((number as usize..number as usize + own).map(|number| (partition as usize, number)));
            self.passed += own as i64;
            left -= own;
            if left == 0 {
                return;
            }
            (self.place, self.passed) = (self.place + 1, 0);
        }
        out.extend(std::iter::repeat_n((0, 0), left));
    }

    /// Passes over matches.
    pub fn skip(&mut self, found: &FoundMatches<'_>, mut matches: usize) {
        while let Some(&(_, has)) = found.partitions.get(self.place) {
            let left = (has - self.passed) as usize;
            if matches <= left {
                self.passed += matches as i64;
                return;
            }
            matches -= left;
            (self.place, self.passed) = (self.place + 1, 0);
        }
    }
}
