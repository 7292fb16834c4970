//! Keys side by side in words of 64 bits, in as few bits as the range of their values allows.

use std::ops::Range;

use super::OrderError;
use super::source::{PIECE_ROWS, Source};
use super::work::Work;
use crate::budget::Tick;

/// Codes of rows, which are sorted.
pub trait RowCodes: Sync {
    /// Writes the codes of some rows.
    fn fill(&self, rows: Range<usize>, codes: &mut [u64]) -> Result<(), OrderError>;
}

/// What one key, or a part of it, is in a word.
struct Code<'s> {
    source: &'s Source<'s>,
    /// The range of the values; None for whether the key is NULL.
    range: Option<(u64, u64)>,
    /// Where NULLs are numbered with the values: before or behind them.
    nulls_first: Option<bool>,
    bits: u32,
}

/// Codes of several keys, side by side.
pub struct Word<'s> {
    codes: Vec<Code<'s>>,
    /// How many bits they take together.
    pub bits: u32,
    /// How many of the lowest bits are of keys of ORDER BY.
    pub order_bits: u32,
}

/// Lays keys out in words, the first ones highest; none where all rows are equal in all keys.
///
/// Args:
///     `partition_by`: how many of the sources are of PARTITION BY; these are first.
pub fn words<'s>(
    sources: &'s [Source<'s>],
    partition_by: usize,
    rows: usize,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Vec<Word<'s>>, OrderError> {
    let mut words: Vec<Word<'s>> = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        for code in codes_of(source, rows, work, tick)? {
            let bits = code.bits;
            if words.last().is_none_or(|word| word.bits + bits > u64::BITS) {
                words.push(Word { codes: Vec::new(), bits: 0, order_bits: 0 });
            }
            if let Some(word) = words.last_mut() {
                word.bits += bits;
                word.order_bits += if at < partition_by { 0 } else { bits };
                word.codes.push(code);
            }
        }
    }
    Ok(words)
}

/// What a key is in words; none where all rows are equal.
fn codes_of<'s>(
    source: &'s Source<'s>,
    rows: usize,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Vec<Code<'s>>, OrderError> {
    let nulls = source.has_nulls();
    let (low, high) = range(source, rows, nulls, work, tick)?.unwrap_or((0, 0));
    let nulls_first = nulls.then_some(source.nulls_first);
    let code = |range: Option<(u64, u64)>, nulls_first, highest: u64| Code {
        source,
        range,
        nulls_first,
        bits: u64::BITS - highest.leading_zeros(),
    };
    let codes = match (high - low).checked_add(nulls.into()) {
        Some(highest) => vec![code(Some((low, high)), nulls_first, highest)],
        // One number more than a word has.
        None => vec![code(None, nulls_first, 1), code(Some((low, high)), None, u64::MAX)],
    };
    Ok(codes.into_iter().filter(|code| code.bits > 0).collect())
}

/// The least and the largest number of a key; None where it has none.
fn range(
    source: &Source<'_>,
    rows: usize,
    nulls: bool,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Option<(u64, u64)>, OrderError> {
    if let Some(ranks) = source.ranks() {
        return Ok((ranks as u64).checked_sub(1).map(|last| (0, last)));
    }
    let of_morsels = work.each_morsel(rows, tick, |_, morsel| {
        let (mut numbers, mut flags) = ([0; PIECE_ROWS], [0; PIECE_ROWS]);
        let mut range: Option<(u64, u64)> = None;
        for begin in morsel.clone().step_by(PIECE_ROWS) {
            let piece = begin..morsel.end.min(begin + PIECE_ROWS);
            let numbers = &mut numbers[..piece.len()];
            source.fill(piece.clone(), numbers)?;
            let (mut low, mut high) = (u64::MAX, 0);
            if nulls {
                let flags = &mut flags[..piece.len()];
                source.fill_nulls(piece, flags)?;
                for (&number, _) in numbers.iter().zip(flags).filter(|(_, is_null)| **is_null == 0) {
                    (low, high) = (low.min(number), high.max(number));
                }
            } else {
                for &number in &*numbers {
                    (low, high) = (low.min(number), high.max(number));
                }
            }
            if low <= high {
                range = Some(joined(range, (low, high)));
            }
        }
        Ok(range)
    })?;
    Ok(of_morsels.into_iter().flatten().fold(None, |range, next| Some(joined(range, next))))
}

fn joined(range: Option<(u64, u64)>, next: (u64, u64)) -> (u64, u64) {
    range.map_or(next, |(low, high)| (low.min(next.0), high.max(next.1)))
}

impl Code<'_> {
    /// Writes codes of at most [`PIECE_ROWS`] rows.
    fn fill(&self, rows: Range<usize>, codes: &mut [u64]) -> Result<(), OrderError> {
        let mut flags = [0; PIECE_ROWS];
        let flags = &mut flags[..rows.len()];
        if self.nulls_first.is_some() {
            self.source.fill_nulls(rows.clone(), flags)?;
        }
        let Some((low, high)) = self.range else {
            let first = self.nulls_first.unwrap_or_default();
            codes.iter_mut().zip(flags).for_each(|(code, flag)| *code = *flag ^ u64::from(first));
            return Ok(());
        };
        self.source.fill(rows, codes)?;
        if self.source.descending {
            for code in codes.iter_mut() {
                *code = high.wrapping_sub(*code);
            }
        } else {
            for code in codes.iter_mut() {
                *code = code.wrapping_sub(low);
            }
        }
        match self.nulls_first {
            None => {}
            Some(true) => {
                let numbered = codes.iter_mut().zip(flags);
                numbered.for_each(|(code, flag)| *code = if *flag == 0 { code.wrapping_add(1) } else { 0 });
            }
            Some(false) => {
                let behind = high - low + 1;
                let numbered = codes.iter_mut().zip(flags);
                numbered.filter(|(_, flag)| **flag != 0).for_each(|(code, _)| *code = behind);
            }
        }
        Ok(())
    }
}

impl Word<'_> {
    /// The largest code that it can have.
    pub fn highest(&self) -> u64 {
        u64::MAX.checked_shr(u64::BITS - self.bits).unwrap_or(0)
    }
}

impl RowCodes for Word<'_> {
    fn fill(&self, rows: Range<usize>, codes: &mut [u64]) -> Result<(), OrderError> {
        let mut piece = [0; PIECE_ROWS];
        for begin in rows.clone().step_by(PIECE_ROWS) {
            let these = begin..rows.end.min(begin + PIECE_ROWS);
            let codes = &mut codes[begin - rows.start..these.end - rows.start];
            for (at, code) in self.codes.iter().enumerate() {
                if at == 0 {
                    code.fill(these.clone(), codes)?;
                    continue;
                }
                let piece = &mut piece[..these.len()];
                code.fill(these.clone(), piece)?;
                // The first of several codes leaves bits to the others.
                codes.iter_mut().zip(piece).for_each(|(code, part)| *code = *code << self.codes[at].bits | *part);
            }
        }
        Ok(())
    }
}
