//! Columns of which values are taken, as their owner has them in Arrow's layout.

use crate::order::BitSlice;

/// Values of one chunk. Numbers and what is held as such are only copied, so that their width is all that counts.
#[derive(Debug, Clone)]
pub enum ChunkValues<'a> {
    /// Booleans.
    Bits(BitSlice<'a>),
    /// Of one byte each.
    W1(&'a [u8]),
    /// Of two bytes.
    W2(&'a [u16]),
    /// Of four bytes.
    W4(&'a [u32]),
    /// Of eight bytes.
    W8(&'a [u64]),
    /// Of sixteen bytes.
    W16(&'a [i128]),
    /// Of so many bytes each.
    Bytes(&'a [u8], usize),
    /// Texts or bytes, by where each begins and, last, where the last ends.
    Small(&'a [i32], &'a [u8]),
    /// The same, with offsets of 64 bits.
    Large(&'a [i64], &'a [u8]),
}

/// Rows of a column that lie in one piece of memory.
#[derive(Debug, Clone)]
pub struct ColumnChunk<'a> {
    /// How many there are.
    pub rows: usize,
    /// Which are not NULL; all without it. What stands at NULL may be anything.
    pub valid: Option<BitSlice<'a>>,
    /// What they are, of all chunks of a column the same.
    pub values: ChunkValues<'a>,
}

/// A column in chunks.
#[derive(Debug, Clone)]
pub struct ChunkedColumn<'a> {
    pub(super) chunks: Vec<ColumnChunk<'a>>,
    /// The row behind each chunk.
    ends: Vec<usize>,
    /// See [`Self::floating`].
    pub(super) is_floating: bool,
}

impl<'a> ChunkedColumn<'a> {
    /// A column of these chunks, of which there is one at least.
    pub fn new(chunks: Vec<ColumnChunk<'a>>) -> Self {
        let mut end = 0_usize;
        let ends = chunks.iter().map(|chunk| {
            end = end.saturating_add(chunk.rows);
            end
        });
        Self { ends: ends.collect(), chunks, is_floating: false }
    }

    /// Says that values are numbers with a fraction, of four or eight bytes: where a value is NULL, NaN is written then, which is
    /// what pandas has there.
    #[must_use]
    pub fn floating(self) -> Self {
        Self { is_floating: true, ..self }
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
}

/// Finds rows of a column, mostly in the chunk of the row before.
pub(super) struct ChunkCursor<'c, 'a> {
    column: &'c ChunkedColumn<'a>,
    chunk: Option<&'c ColumnChunk<'a>>,
    begin: usize,
    end: usize,
}

impl<'c, 'a> ChunkCursor<'c, 'a> {
    pub fn new(column: &'c ChunkedColumn<'a>) -> Self {
        Self { column, chunk: None, begin: 0, end: 0 }
    }

    /// The chunk of a row, and its row there; None where it is NULL or there is no such row.
    #[inline]
    pub fn find(&mut self, row: usize) -> Option<(&'c ColumnChunk<'a>, usize)> {
        if row < self.begin || row >= self.end {
            let at = self.column.ends.partition_point(|&end| end <= row);
            self.chunk = Some(self.column.chunks.get(at)?);
            self.begin = at.checked_sub(1).and_then(|before| self.column.ends.get(before)).copied().unwrap_or(0);
            self.end = self.column.ends.get(at).copied().unwrap_or(0);
        }
        let chunk = self.chunk?;
        let row = row - self.begin;
        chunk.valid.is_none_or(|valid| valid.get(row)).then_some((chunk, row))
    }
}
