//! Which rows of a match are mapped to some variables, eight rows at a time.

use crate::rows::VariableSet;

const ROWS_A_WORD: usize = 8;
const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// A set of variables to find among the variables of rows.
#[derive(Debug, Clone)]
pub struct MappedTo {
    /// The first variable, eight times, and each other one; most sets have one.
    word: u64,
    more_words: Vec<u64>,
    /// No bit where the set is empty.
    kept: u64,
    contains: [bool; 256],
}

impl MappedTo {
    pub fn new(variables: &VariableSet) -> Self {
        let contains: [bool; 256] = std::array::from_fn(|variable| variables.contains(variable as u8));
        let all = (0..=u8::MAX).filter(|variable| variables.contains(*variable));
        let mut words = all.map(|variable| u64::from_ne_bytes([variable; ROWS_A_WORD]));
        let (kept, word) = words.next().map_or((0, 0), |word| (u64::MAX, word));
        Self { word, more_words: words.collect(), kept, contains }
    }

    /// Whether a variable is in the set.
    #[inline]
    pub fn contains(&self, variable: u8) -> bool {
        self.contains[usize::from(variable)]
    }

    /// The highest bit of each byte that is one of the variables, for at most eight rows from a place on.
    #[inline]
    fn marks(&self, all: &[u8], place: usize, rows: usize) -> u64 {
        let rest = all.get(place..).unwrap_or_default();
        let bytes = rest.first_chunk::<ROWS_A_WORD>().copied().unwrap_or_else(|| {
            let mut bytes = [0; ROWS_A_WORD];
            bytes.iter_mut().zip(rest).for_each(|(byte, &other)| *byte = other);
            bytes
        });
        // Rows of other matches follow.
        self.marks_of::<false>(bytes) & u64::MAX.checked_shr(8 * ROWS_A_WORD.saturating_sub(rows) as u32).unwrap_or(0)
    }

    /// Whether the set has one variable, or none.
    pub fn is_small(&self) -> bool {
        self.more_words.is_empty()
    }

    /// As [`Self::marks`], of these rows; `SMALL`: where [`Self::is_small`].
    #[inline]
    fn marks_of<const SMALL: bool>(&self, bytes: [u8; ROWS_A_WORD]) -> u64 {
        let bytes = u64::from_le_bytes(bytes);
        // The highest bit of each byte that is 0.
        let zeros = |differs: u64| !((differs & LOW).wrapping_add(LOW) | differs | LOW);
        let mut marks = zeros(bytes ^ self.word) & self.kept;
        if !SMALL {
            for word in &self.more_words {
                marks |= zeros(bytes ^ word);
            }
        }
        marks
    }

    /// The place of the first row that is mapped, among `rows` rows whose variables begin at `place`; `SMALL`: where
    /// [`Self::is_small`].
    #[inline]
    pub fn first<const SMALL: bool>(&self, all: &[u8], place: usize, rows: usize) -> Option<usize> {
        // Of most matches it is among the first eight rows.
        if let Some(bytes) = all.get(place..).and_then(|rest| rest.first_chunk()) {
            let marks = self.marks_of::<SMALL>(*bytes);
            // The highest bit spares the processor a test for no bits, and does not change where the first mark is.
            let before = (marks | 1 << 63).trailing_zeros() as usize / 8;
            if marks != 0 && before < rows {
                return Some(before);
            }
        }
        self.first_from_on(all, place, rows)
    }

    #[cold]
    fn first_from_on(&self, all: &[u8], place: usize, rows: usize) -> Option<usize> {
        let mut from = 0;
        while from < rows {
            let marks = self.marks(all, place + from, rows - from);
            if marks != 0 {
                return Some(from + marks.trailing_zeros() as usize / 8);
            }
            from += ROWS_A_WORD;
        }
        None
    }

    /// As [`Self::first`], of the last one.
    #[inline]
    pub fn last<const SMALL: bool>(&self, all: &[u8], place: usize, rows: usize) -> Option<usize> {
        // Of most matches it is among the last eight rows.
        if let Some(bytes) = all.get(..place + rows).and_then(|before| before.last_chunk()) {
            let marks = self.marks_of::<SMALL>(*bytes);
            let behind = (marks | 1).leading_zeros() as usize / 8;
            if marks != 0 && behind < rows {
                return Some(rows - 1 - behind);
            }
        }
        self.last_from_back(all, place, rows)
    }

    #[cold]
    fn last_from_back(&self, all: &[u8], place: usize, rows: usize) -> Option<usize> {
        let mut to = rows;
        while to > 0 {
            let from = to.saturating_sub(ROWS_A_WORD);
            let marks = self.marks(all, place + from, to - from);
            if marks != 0 {
                return Some(from + marks.checked_ilog2().unwrap_or(0) as usize / 8);
            }
            to = from;
        }
        None
    }

    /// The place of the row that is `offset` mapped rows behind the first one, among `rows` rows whose variables begin at `place`.
    #[inline]
    pub fn nth(&self, all: &[u8], place: usize, rows: usize, mut offset: usize) -> Option<usize> {
        let mut from = 0;
        while from < rows {
            let mut marks = self.marks(all, place + from, rows - from);
            let found = marks.count_ones() as usize;
            if found > offset {
                for _ in 0..offset {
                    marks &= marks - 1;
                }
                return Some(from + marks.trailing_zeros() as usize / 8);
            }
            offset -= found;
            from += ROWS_A_WORD;
        }
        None
    }

    /// As [`Self::nth`], of the row that is `offset` mapped rows before the last one.
    #[inline]
    pub fn nth_back(&self, all: &[u8], place: usize, rows: usize, mut offset: usize) -> Option<usize> {
        let mut to = rows;
        while to > 0 {
            let from = to.saturating_sub(ROWS_A_WORD);
            let mut marks = self.marks(all, place + from, to - from);
            let found = marks.count_ones() as usize;
            if found > offset {
                for _ in 0..offset {
                    marks &= !(1 << marks.checked_ilog2().unwrap_or(0));
                }
                return Some(from + marks.checked_ilog2().unwrap_or(0) as usize / 8);
            }
            offset -= found;
            to = from;
        }
        None
    }

    /// How many of these rows are mapped.
    #[inline]
    pub fn count(&self, all: &[u8], place: usize, rows: usize) -> usize {
        let words = (0..rows).step_by(ROWS_A_WORD);
        words.map(|from| self.marks(all, place + from, rows - from).count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_and_offset() {
        // Variables that differ in one bit, and the highest.
        let all: Vec<u8> = (0..60_usize).map(|at| [0, 1, 255, 128, 1, 1, 0, 127][at * at % 8]).collect();
        for set in [&[1][..], &[0, 255], &[128], &[127, 1, 0], &[7], &[]] {
            let mapped = MappedTo::new(&set.iter().copied().collect());
            for place in 0..all.len() {
                for rows in 0..=(all.len() - place).min(30) {
                    let places: Vec<usize> = (0..rows).filter(|at| set.contains(&all[place + at])).collect();
                    assert_eq!(mapped.count(&all, place, rows), places.len());
                    assert_eq!(mapped.first::<false>(&all, place, rows), places.first().copied());
                    assert_eq!(mapped.last::<false>(&all, place, rows), places.last().copied());
                    if mapped.is_small() {
                        assert_eq!(mapped.first::<true>(&all, place, rows), places.first().copied());
                        assert_eq!(mapped.last::<true>(&all, place, rows), places.last().copied());
                    }
                    for offset in 0..=places.len() {
                        assert_eq!(mapped.nth(&all, place, rows, offset), places.get(offset).copied());
                        let back = places.iter().nth_back(offset).copied();
                        assert_eq!(mapped.nth_back(&all, place, rows, offset), back, "{set:?} {place} {rows}");
                    }
                }
            }
        }
    }
}
