//! Which row FIRST, LAST, PREV and NEXT mean in the match so far (ISO/IEC 19075-5, section 5.6).

use std::ops::Range;

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
