//! Rows of a key as numbers without a sign that are ordered, and equal, as its values are.

use std::ops::Range;
use std::sync::Arc;

use super::OrderError;
use super::columns::{BitSlice, KeyTexts, KeyValues};
use super::dictionary::Short;

/// Rows that are read at a time.
pub const PIECE_ROWS: usize = 1 << 10;

const UNREADABLE_TEXT: &str = "its offsets or view are out of range or order";

/// What a chunk's rows are read from.
#[derive(Clone)]
pub enum Read<'a> {
    /// Numbers of 64 bits at most.
    Numbers(KeyValues<'a>),
    /// Numbers of 128 bits, as how far they are above the least.
    Above(&'a [i128], i128),
    /// The upper halves of numbers of 128 bits.
    Upper(&'a [i128]),
    /// The lower halves.
    Lower(&'a [i128]),
    /// Places in a dictionary, whose entries are numbered.
    Places(KeyValues<'a>, Arc<Entries>),
    /// Texts, which are compared and not numbered yet.
    Texts(&'a dyn KeyTexts),
    /// Texts, numbered by rows of all chunks; the chunk's first row is this one.
    Ranked(Arc<Ranked>, usize),
}

/// The entries of a dictionary as numbers; 0 where they are NULL.
pub struct Entries {
    pub numbers: Vec<u64>,
    /// Which are NULL; none where it is empty.
    pub nulls: Vec<bool>,
}

/// Texts of rows as places in lists of their ranks.
pub struct Ranked {
    pub places: Vec<u32>,
    /// One list for each thread that read texts; none where places are in the order of the texts themselves.
    pub ranks: Vec<Vec<u32>>,
    /// For each morsel, whose list its places are in.
    pub lists: Vec<usize>,
    /// The rows of a morsel.
    pub morsel_rows: usize,
    /// No rank is as large; most are that of some row.
    pub count: usize,
}

impl Ranked {
    fn fill(&self, rows: Range<usize>, found: &mut [u64]) -> Option<()> {
        if self.ranks.is_empty() {
            for (found, &place) in found.iter_mut().zip(self.places.get(rows)?) {
                *found = place.into();
            }
            return Some(());
        }
        let mut begin = rows.start;
        let mut found = found;
        while begin < rows.end {
            let morsel = begin / self.morsel_rows;
            let end = rows.end.min((morsel + 1) * self.morsel_rows);
            let ranks = self.ranks.get(*self.lists.get(morsel)?)?;
            let (here, behind) = found.split_at_mut_checked(end - begin)?;
            for (found, &place) in here.iter_mut().zip(self.places.get(begin..end)?) {
                // A NULL has the place 0, which there need not be.
                *found = ranks.get(place as usize).copied().unwrap_or_default().into();
            }
            (found, begin) = (behind, end);
        }
        Some(())
    }
}

/// A chunk, and the first of its rows among those of all.
#[derive(Clone)]
pub struct SourceChunk<'a> {
    pub first: usize,
    pub rows: usize,
    pub valid: Option<BitSlice<'a>>,
    pub read: Read<'a>,
}

impl SourceChunk<'_> {
    pub fn has_nulls(&self) -> bool {
        let all = matches!(self.read, Read::Numbers(KeyValues::Nulls));
        let entries = matches!(&self.read, Read::Places(_, entries) if !entries.nulls.is_empty());
        self.rows > 0 && (all || entries || self.valid.is_some())
    }

    /// Writes numbers of some of its rows; 0 where they are NULL. An error is the row that cannot be read, and why.
    fn fill(&self, rows: Range<usize>, found: &mut [u64]) -> Result<(), (usize, &'static str)> {
        let too_few = (rows.start, "its values are fewer than its rows");
        match &self.read {
            Read::Numbers(values) => values.numbers(rows.clone(), found).ok_or(too_few)?,
            Read::Above(numbers, least) => {
                for (found, number) in found.iter_mut().zip(numbers.get(rows.clone()).ok_or(too_few)?) {
                    *found = number.wrapping_sub(*least) as u64;
                }
            }
            Read::Upper(numbers) => {
                for (found, number) in found.iter_mut().zip(numbers.get(rows.clone()).ok_or(too_few)?) {
                    *found = (number >> 64) as u64 ^ 1 << 63;
                }
            }
            Read::Lower(numbers) => {
                for (found, &number) in found.iter_mut().zip(numbers.get(rows.clone()).ok_or(too_few)?) {
                    *found = number as u64;
                }
            }
            Read::Places(places, entries) => {
                places.integers(rows.clone(), found).ok_or(too_few)?;
                for (at, found) in found.iter_mut().enumerate() {
                    let entry = usize::try_from(*found).ok().and_then(|place| entries.numbers.get(place));
                    *found = match entry {
                        Some(&number) => number,
                        None if self.is_null(rows.start + at) => 0,
                        None => return Err((rows.start + at, "its key is out of the dictionary's range")),
                    };
                }
            }
            Read::Ranked(ranked, first) => {
                let rows = first + rows.start..first + rows.end;
                ranked.fill(rows, found).ok_or(too_few)?;
            }
            // Compared as they are.
            Read::Texts(_) => found.fill(0),
        }
        if let Some(valid) = self.valid {
            found.iter_mut().zip(rows).filter(|(_, row)| !valid.get(*row)).for_each(|(found, _)| *found = 0);
        }
        Ok(())
    }

    fn is_null(&self, row: usize) -> bool {
        self.valid.is_some_and(|valid| !valid.get(row))
    }

    /// Writes 1 for each NULL and 0 for each value.
    fn fill_nulls(&self, rows: Range<usize>, found: &mut [u64]) {
        match &self.read {
            Read::Numbers(KeyValues::Nulls) => return found.fill(1),
            Read::Places(places, entries) if !entries.nulls.is_empty() => {
                if places.integers(rows.clone(), found).is_none() {
                    return found.fill(0);
                }
                for found in found.iter_mut() {
                    let place = usize::try_from(*found).ok();
                    *found = place.and_then(|place| entries.nulls.get(place)).copied().unwrap_or_default().into();
                }
            }
            _ => found.fill(0),
        }
        if let Some(valid) = self.valid {
            found.iter_mut().zip(rows).filter(|(_, row)| !valid.get(*row)).for_each(|(found, _)| *found = 1);
        }
    }
}

/// A key, or half of one whose numbers are too wide.
#[derive(Clone)]
pub struct Source<'a> {
    /// Its number among the keys, for errors.
    pub key: usize,
    pub chunks: Vec<SourceChunk<'a>>,
    pub descending: bool,
    pub nulls_first: bool,
}

impl<'a> Source<'a> {
    pub fn has_nulls(&self) -> bool {
        self.chunks.iter().any(SourceChunk::has_nulls)
    }

    pub fn has_texts(&self) -> bool {
        self.chunks.iter().any(|chunk| matches!(chunk.read, Read::Texts(_)))
    }

    /// How many ranks there are, where rows are texts that were numbered.
    pub fn ranks(&self) -> Option<usize> {
        match self.chunks.first().map(|chunk| &chunk.read) {
            Some(Read::Ranked(ranked, _)) => Some(ranked.count),
            _ => None,
        }
    }

    /// Whether all rows are whole numbers of 64 bits with a sign.
    pub fn are_signed_words(&self) -> bool {
        self.chunks.iter().all(|chunk| matches!(chunk.read, Read::Numbers(KeyValues::I64(_))))
    }

    /// Numbers of which some are these rows, and which; None where they are in several chunks, or may be NULL, or are no numbers.
    pub fn in_place(&self, rows: Range<usize>) -> Option<(&KeyValues<'a>, Range<usize>)> {
        let at = self.chunks.partition_point(|chunk| chunk.first + chunk.rows <= rows.start);
        let chunk = self.chunks.get(at).filter(|chunk| rows.end <= chunk.first + chunk.rows && !chunk.has_nulls())?;
        let Read::Numbers(values) = &chunk.read else { return None };
        Some((values, rows.start - chunk.first..rows.end - chunk.first))
    }

    /// Calls with each chunk that has some of the rows, with which of its own, and how many others are before those.
    fn over(
        &self,
        rows: Range<usize>,
        mut call: impl FnMut(&SourceChunk<'a>, Range<usize>, usize) -> Result<(), OrderError>,
    ) -> Result<(), OrderError> {
        let mut begin = rows.start;
        let from = self.chunks.partition_point(|chunk| chunk.first + chunk.rows <= begin);
        for chunk in &self.chunks[from..] {
            if begin >= rows.end {
                break;
            }
            let end = rows.end.min(chunk.first + chunk.rows);
            call(chunk, begin - chunk.first..end - chunk.first, begin - rows.start)?;
            begin = end;
        }
        Ok(())
    }

    /// Writes the numbers of some rows; 0 where they are NULL.
    pub fn fill(&self, rows: Range<usize>, found: &mut [u64]) -> Result<(), OrderError> {
        self.over(rows, |chunk, rows, before| {
            let found = &mut found[before..before + rows.len()];
            chunk.fill(rows, found).map_err(|(row, what)| self.unreadable(chunk.first + row, what))
        })
    }

    /// As [`Self::fill`], without turning bits that are to be turned in all of them, and gives these.
    #[inline]
    pub fn fill_turned(&self, rows: Range<usize>, found: &mut [u64]) -> Result<u64, OrderError> {
        let in_place = self.in_place(rows.clone()).and_then(|(values, own)| values.integers(own, found));
        in_place.map_or_else(|| self.fill(rows, found).map(|()| 0), Ok)
    }

    /// Writes 1 for each NULL among some rows and 0 for each value.
    pub fn fill_nulls(&self, rows: Range<usize>, found: &mut [u64]) -> Result<(), OrderError> {
        self.over(rows, |chunk, rows, before| {
            let found = &mut found[before..before + rows.len()];
            chunk.fill_nulls(rows, found);
            Ok(())
        })
    }

    /// Adds the texts of some rows; empty ones where they are NULL.
    pub fn texts(&self, rows: Range<usize>, found: &mut Vec<&'a [u8]>) -> Result<(), OrderError> {
        self.over(rows, |chunk, rows, _| {
            let Read::Texts(texts) = chunk.read else { return Ok(()) };
            let read = texts.slices(rows, chunk.valid, found);
            read.map_err(|row| self.unreadable(chunk.first + row, UNREADABLE_TEXT))
        })
    }

    /// Adds the texts of some rows, short ones as numbers of their own.
    pub fn shorts(&self, rows: Range<usize>, found: &mut Vec<Short>) -> Result<(), OrderError> {
        self.over(rows, |chunk, rows, _| {
            let Read::Texts(texts) = chunk.read else { return Ok(()) };
            let read = texts.shorts(rows, chunk.valid, found);
            read.map_err(|row| self.unreadable(chunk.first + row, UNREADABLE_TEXT))
        })
    }

    fn unreadable(&self, row: usize, what: &'static str) -> OrderError {
        OrderError::Unreadable { key: self.key, row, what }
    }
}
