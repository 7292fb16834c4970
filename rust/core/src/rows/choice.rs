//! Which of the possible matches at a start row is the match, and which rows it may reach.

/// Of several possible matches at one row, the one that is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Prefer {
    /// The most preferred one, as the standard has it.
    #[default]
    First,
    /// The longest one; of several as long, the most preferred one.
    Longest,
}

/// The rule by which the match at a start row is chosen. Rows are counted over all partitions.
///
/// ```
/// use rowpattern_core::rows::{Choice, Prefer};
/// // A match that begins at row 1 may have rows 1 and 2; the partition ends behind row 3.
/// let choice = Choice { prefer: Prefer::First, latest_ends: Some(&[2, 3, 3, 4]) };
/// assert_eq!(choice.latest_end(1, 4), 3);
/// assert_eq!(Choice::default().latest_end(1, 4), 4);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice<'a> {
    /// Which of several matches is taken.
    pub prefer: Prefer,
    /// By start row, the row behind the last that a match may have; None where the partition's end is the only limit.
    pub latest_ends: Option<&'a [i64]>,
}

impl Choice<'_> {
    /// Whether it is the standard's: the most preferred match, of any length.
    pub fn is_standard(&self) -> bool {
        self.prefer == Prefer::First && self.latest_ends.is_none()
    }

    /// The row behind the last that a match may have which begins at a row of a partition that ends before `end`.
    #[inline]
    pub fn latest_end(&self, start: usize, end: usize) -> usize {
        let given = self.latest_ends.and_then(|ends| ends.get(start));
        given.map_or(end, |&row| usize::try_from(row).unwrap_or(0).clamp(start, end))
    }
}
