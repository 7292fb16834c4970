//! Which of the possible matches at a start row is the match, and which rows it may reach.

use super::latest_ends::NearRows;

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
/// use rowpattern_core::rows::Choice;
/// // A match that begins at row 1 may have rows 1 and 2; the partition ends behind row 3.
/// let choice = Choice { latest_ends: Some(&[2, 3, 3, 4]), ..Choice::default() };
/// assert_eq!(choice.latest_end(1, 4), 3);
/// assert_eq!(Choice::default().latest_end(1, 4), 4);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice<'a> {
    /// Which of several matches is taken.
    pub prefer: Prefer,
    /// By start row, the row behind the last that a match may have; None where the partition's end is the only limit.
    pub latest_ends: Option<&'a [i64]>,
    /// Which rows a match may reach; None where the partition's end is the only limit.
    pub near: Option<NearRows<'a>>,
}

impl Choice<'_> {
    /// Whether it is the standard's: the most preferred match, of any length.
    pub fn is_standard(&self) -> bool {
        self.prefer == Prefer::First && !self.is_limited()
    }

    /// Whether something but the partition's end limits a match.
    pub fn is_limited(&self) -> bool {
        self.latest_ends.is_some() || self.near.is_some()
    }

    /// Whether a match that begins at a row may end with the row before `end`, where one that ends earlier may.
    #[inline]
    pub fn is_in_time(&self, start: usize, end: usize) -> bool {
        let is_near = self.near.is_none_or(|near| end <= start || near.is_near(start, end - 1));
        let is_before =
            |ends: &[i64]| ends.get(start).is_none_or(|&latest| i64::try_from(end).is_ok_and(|end| end <= latest));
        is_near && self.latest_ends.is_none_or(is_before)
    }

    /// The row behind the last that a match may have which begins at a row of a partition that ends before `end`.
    #[inline]
    pub fn latest_end(&self, start: usize, end: usize) -> usize {
        let end = self.near.map_or(end, |near| near.latest_end(start, end));
        let given = self.latest_ends.and_then(|ends| ends.get(start));
        given.map_or(end, |&row| usize::try_from(row).unwrap_or(0).clamp(start, end))
    }
}
