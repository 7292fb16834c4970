//! The matched rows of a block, as columns.

/// The most matches, or matched rows, of a block: what is kept of each fits into the processor's second cache.
pub const BLOCK: usize = 1 << 11;

/// Rows are written in eights, of which fewer may count: how many rows a match has cannot be guessed.
const AT_ONCE: usize = 8;

/// A row of a match.
#[derive(Debug, Clone, Copy)]
pub struct MatchedRow {
    pub row: usize,
    /// The first row of its match.
    pub begin: usize,
    /// The match, by its place in the block.
    pub of: u32,
}

/// The matched rows of a block. Excluded rows are there too.
#[derive(Debug, Default)]
pub struct BlockRows {
    rows: Vec<usize>,
    begins: Vec<usize>,
    of: Vec<u32>,
    len: usize,
}

impl BlockRows {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// How many there are, at most [`BLOCK`].
    pub fn len(&self) -> usize {
        self.len
    }

    /// The rows.
    #[inline]
    pub fn rows(&self) -> &[usize] {
        self.rows.get(..self.len).unwrap_or_default()
    }

    /// The first row of the match of each.
    #[inline]
    pub fn begins(&self) -> &[usize] {
        self.begins.get(..self.len).unwrap_or_default()
    }

    /// The match of each, by its place in the block.
    #[inline]
    pub fn of(&self) -> &[u32] {
        self.of.get(..self.len).unwrap_or_default()
    }

    /// The row at a place.
    pub fn get(&self, at: usize) -> Option<MatchedRow> {
        Some(MatchedRow { row: *self.rows().get(at)?, begin: *self.begins().get(at)?, of: *self.of().get(at)? })
    }

    /// Each row.
    pub fn iter(&self) -> impl Iterator<Item = MatchedRow> {
        let all = self.rows().iter().zip(self.begins()).zip(self.of());
        all.map(|((&row, &begin), &of)| MatchedRow { row, begin, of })
    }

    /// Adds rows of a match from `first.row` on, for which there must be room.
    #[inline]
    pub fn extend(&mut self, first: MatchedRow, count: usize) {
        if self.rows.is_empty() {
            self.rows.resize(BLOCK + AT_ONCE, 0);
            self.begins.resize(BLOCK + AT_ONCE, 0);
            self.of.resize(BLOCK + AT_ONCE, 0);
        }
        let mut done = 0;
        while done < count {
            let at = self.len + done;
            if let Some(rows) = self.rows.get_mut(at..at + AT_ONCE)
                && let Some(begins) = self.begins.get_mut(at..at + AT_ONCE)
                && let Some(of) = self.of.get_mut(at..at + AT_ONCE)
            {
                for (at, row) in rows.iter_mut().enumerate() {
                    *row = first.row + done + at;
                }
                begins.fill(first.begin);
                of.fill(first.of);
            }
            done += AT_ONCE;
        }
        self.len = (self.len + count).min(BLOCK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_of_all_lengths() {
        let mut rows = BlockRows::default();
        for _ in 0..2 {
            rows.clear();
            let (mut expected, mut begin) = (Vec::new(), 0);
            for of in 0..60 {
                let count = of as usize % 30;
                rows.extend(MatchedRow { row: begin + 3, begin, of }, count);
                expected.extend((begin + 3..begin + 3 + count).map(|row| (row, begin, of)));
                begin += count + 5;
            }
            let count = BLOCK - rows.len();
            rows.extend(MatchedRow { row: begin, begin, of: 60 }, count);
            expected.extend((begin..begin + count).map(|row| (row, begin, 60)));
            assert_eq!(rows.len(), BLOCK);
            let found: Vec<_> = rows.iter().map(|MatchedRow { row, begin, of }| (row, begin, of)).collect();
            assert_eq!(found, expected);
            assert!(rows.get(7).is_some_and(|found| (found.row, found.begin, found.of) == expected[7]));
            assert!(rows.get(BLOCK).is_none());
        }
    }
}
