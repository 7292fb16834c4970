//! Keys side by side in words of 64 bits, in as few bits as the range of their values allows.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::OrderError;
use super::columns::SIGN;
use super::left_out::LeftOut;
use super::source::{PIECE_ROWS, Source};
use super::step::{KeyStep, Multiples};
use super::work::Work;
use crate::budget::Tick;

/// Codes of rows, which are sorted.
pub trait RowCodes: Sync {
    /// Writes the codes of some rows.
    fn fill(&self, rows: Range<usize>, codes: &mut [u64]) -> Result<(), OrderError>;

    /// Whether all codes that were written so far are in the range that was said.
    fn are_as_thought(&self) -> bool {
        true
    }
}

/// The range of a key's values.
#[derive(Clone, Copy, Default)]
struct KeyRange {
    low: u64,
    high: u64,
    /// All are so far apart, or several times as far.
    step: Option<KeyStep>,
}

/// How ranges of keys are found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ranges {
    /// By a look at all rows.
    Known,
    /// By some rows, and somewhat wider than these say. Whether all rows are in them is looked at where codes are written, which
    /// takes less time than to read all rows before.
    Guessed,
}

/// So many stretches of so many rows are looked at for a guess.
const GUESSED_PIECES: usize = 16;
const GUESSED_PIECE_ROWS: usize = 256;
/// A guessed range is wider by its own width divided by this, on both sides. Of 4,096 rows that are spread evenly, one in e^16 times
/// some row lies outside.
const GUESSED_SHARE: u64 = 256;

impl KeyRange {
    /// The range of some rows of a key, somewhat wider; None where they are NULL.
    fn guessed(source: &Source<'_>, rows: usize, nulls: bool) -> Result<Option<Self>, OrderError> {
        let (mut numbers, mut flags) = ([0; GUESSED_PIECE_ROWS], [0; GUESSED_PIECE_ROWS]);
        let mut values = Vec::with_capacity(GUESSED_PIECES * GUESSED_PIECE_ROWS);
        for piece in 0..GUESSED_PIECES {
            let begin = rows / GUESSED_PIECES * piece;
            let own = begin..rows.min(begin + GUESSED_PIECE_ROWS);
            source.fill(own.clone(), &mut numbers[..own.len()])?;
            if nulls {
                source.fill_nulls(own.clone(), &mut flags[..own.len()])?;
            }
            let own = numbers.iter().zip(&flags).take(own.len());
            values.extend(own.filter(|(_, flag)| **flag == 0).map(|(&number, _)| number));
        }
        let (Some(&low), Some(&high)) = (values.iter().min(), values.iter().max()) else { return Ok(None) };
        let step = Multiples::of(values.into_iter()).map(|multiples| multiples.step);
        let size = step.map_or(1, |step| step.size);
        let more = (high - low) / size / GUESSED_SHARE + 1;
        let (low, high) = (low - more.min(low / size) * size, high + more.min((u64::MAX - high) / size) * size);
        Ok(Some(Self { low, high, step }))
    }

    /// How many steps the highest value is above the lowest one.
    fn steps(self) -> u64 {
        let span = self.high - self.low;
        self.step.map_or(span, |step| step.count(span))
    }
}

/// What one key, or a part of it, is in a word.
struct Code<'s> {
    source: &'s Source<'s>,
    /// The range of the values; None for whether the key is NULL.
    range: Option<KeyRange>,
    /// Whether the range may not be that of all rows.
    is_guessed: bool,
    /// Where NULLs are numbered with the values: before or behind them.
    nulls_first: Option<bool>,
    bits: u32,
}

/// What the value of a key of whole numbers of 64 bits follows from: `base + ((code >> shift) & mask) * step`, wrapped around.
#[derive(Clone, Copy)]
pub struct KeyOfCode {
    shift: u32,
    mask: u64,
    base: u64,
    step: u64,
}

impl KeyOfCode {
    #[inline]
    pub fn value(self, code: u64) -> i64 {
        let own = code.checked_shr(self.shift).unwrap_or(0) & self.mask;
        self.base.wrapping_add(own.wrapping_mul(self.step)) as i64
    }
}

/// What is brought in order with rows.
#[derive(Clone, Copy, Default)]
pub struct With<'c> {
    /// A byte of each row; none where it is empty.
    pub bytes: &'c [u8],
    pub key: Option<KeyOfCode>,
    /// Which rows are left out, by their bytes, where rows are one number each while they are sorted.
    pub left_out: Option<&'c LeftOut>,
}

/// Codes of several keys, side by side.
pub struct Word<'s> {
    codes: Vec<Code<'s>>,
    /// How many bits they take together.
    pub bits: u32,
    /// How many of the lowest bits are of keys of ORDER BY.
    pub order_bits: u32,
    /// Whether some row is outside of a guessed range.
    has_others: AtomicBool,
}

/// Lays keys out in words, the first ones highest; none where all rows are equal in all keys.
///
/// Args:
///     `partition_by`: how many of the sources are of PARTITION BY; these are first.
///     ranges: how ranges are found; where they are guessed, [`RowCodes::are_as_thought`] says in the end whether that was right.
pub fn words<'s>(
    sources: &'s [Source<'s>],
    partition_by: usize,
    rows: usize,
    ranges: Ranges,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Vec<Word<'s>>, OrderError> {
    let mut words: Vec<Word<'s>> = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        for code in codes_of(source, rows, ranges, work, tick)? {
            let bits = code.bits;
            if words.last().is_none_or(|word| word.bits + bits > u64::BITS) {
                words.push(Word { codes: Vec::new(), bits: 0, order_bits: 0, has_others: AtomicBool::new(false) });
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
    ranges: Ranges,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Vec<Code<'s>>, OrderError> {
    let nulls = source.has_nulls();
    let guessed = match ranges {
        // The first row that cannot be read is found where all are.
        Ranges::Guessed if source.ranks().is_none() => KeyRange::guessed(source, rows, nulls).unwrap_or_default(),
        _ => None,
    };
    let is_guessed = guessed.is_some();
    let range = match guessed {
        Some(range) => range,
        None => range(source, rows, nulls, work, tick)?.unwrap_or_default(),
    };
    let nulls_first = nulls.then_some(source.nulls_first);
    let code = |range: Option<KeyRange>, nulls_first, highest: u64| Code {
        source,
        range,
        is_guessed,
        nulls_first,
        bits: u64::BITS - highest.leading_zeros(),
    };
    let codes = match range.steps().checked_add(nulls.into()) {
        Some(highest) => vec![code(Some(range), nulls_first, highest)],
        // One number more than a word has.
        None => vec![code(None, nulls_first, 1), code(Some(range), None, u64::MAX)],
    };
    Ok(codes.into_iter().filter(|code| code.bits > 0).collect())
}

/// The least and the largest number of a key, and their step; None where it has none.
fn range(
    source: &Source<'_>,
    rows: usize,
    nulls: bool,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Option<KeyRange>, OrderError> {
    if let Some(ranks) = source.ranks() {
        return Ok((ranks as u64).checked_sub(1).map(|high| KeyRange { low: 0, high, step: None }));
    }
    let multiples = Multiples::of_first_rows(source, rows)?;
    let has_others = AtomicBool::new(multiples.is_none());
    let of_morsels = work.each_morsel(rows, tick, |_, morsel| {
        let (mut numbers, mut flags) = ([0; PIECE_ROWS], [0; PIECE_ROWS]);
        let mut range: Option<(u64, u64)> = None;
        for begin in morsel.clone().step_by(PIECE_ROWS) {
            let piece = begin..morsel.end.min(begin + PIECE_ROWS);
            let (mut numbers, flags) = (&mut numbers[..piece.len()], &mut flags[..piece.len()]);
            source.fill(piece.clone(), numbers)?;
            if nulls {
                source.fill_nulls(piece, flags)?;
                let mut kept = 0;
                for at in 0..numbers.len() {
                    numbers[kept] = numbers[at];
                    kept += usize::from(flags[at] == 0);
                }
                numbers = &mut numbers[..kept];
            }
            let (low, high) =
                numbers.iter().fold((u64::MAX, 0), |(low, high), &number| (number.min(low), number.max(high)));
            if low <= high {
                range = Some(joined(range, (low, high)));
            }
            if let Some(multiples) = multiples.filter(|_| !has_others.load(Ordering::Relaxed))
                && !numbers.iter().fold(true, |all, &number| all & multiples.contain(number))
            {
                has_others.store(true, Ordering::Relaxed);
            }
        }
        Ok(range)
    })?;
    let step = multiples.filter(|_| !has_others.into_inner()).map(|multiples| multiples.step);
    let range = of_morsels.into_iter().flatten().fold(None, |range, next| Some(joined(range, next)));
    Ok(range.map(|(low, high)| KeyRange { low, high, step }))
}

fn joined(range: Option<(u64, u64)>, next: (u64, u64)) -> (u64, u64) {
    range.map_or(next, |(low, high)| (low.min(next.0), high.max(next.1)))
}

impl Code<'_> {
    /// Writes codes of at most [`PIECE_ROWS`] rows; `flags` are used again from piece to piece. False where some are outside of a
    /// guessed range.
    fn fill(&self, rows: Range<usize>, codes: &mut [u64], flags: &mut [u64; PIECE_ROWS]) -> Result<bool, OrderError> {
        let flags = &mut flags[..rows.len()];
        if self.nulls_first.is_some() {
            self.source.fill_nulls(rows.clone(), flags)?;
        }
        let Some(range) = self.range else {
            let first = self.nulls_first.unwrap_or_default();
            codes.iter_mut().zip(flags).for_each(|(code, flag)| *code = *flag ^ u64::from(first));
            return Ok(true);
        };
        let KeyRange { low, high, step } = range;
        let turned = self.source.fill_turned(rows, codes)?;
        // To turn the highest bit of all is the same as to turn that of the end of the range.
        if self.source.descending {
            let high = high ^ turned;
            for code in codes.iter_mut() {
                *code = high.wrapping_sub(*code);
            }
        } else if low ^ turned != 0 {
            let low = low ^ turned;
            for code in codes.iter_mut() {
                *code = code.wrapping_sub(low);
            }
        }
        if let Some(step) = step {
            for code in codes.iter_mut() {
                *code = step.count(*code);
            }
        }
        // Those outside are above all others: numbers wrap around, and no multiple has so many steps as what is none.
        // They are counted, as a search for the first one would look at them one by one.
        let most = range.steps();
        let outside: usize = match self.nulls_first {
            _ if !self.is_guessed => 0,
            None => codes.iter().map(|&code| usize::from(code > most)).sum(),
            Some(_) => {
                codes.iter().zip(&*flags).map(|(&code, &flag)| usize::from(code > most) * usize::from(flag == 0)).sum()
            }
        };
        match self.nulls_first {
            None => {}
            Some(true) => {
                let numbered = codes.iter_mut().zip(flags);
                numbered.for_each(|(code, flag)| *code = if *flag == 0 { code.wrapping_add(1) } else { 0 });
            }
            Some(false) => {
                let behind = range.steps() + 1;
                let numbered = codes.iter_mut().zip(flags);
                numbered.filter(|(_, flag)| **flag != 0).for_each(|(code, _)| *code = behind);
            }
        }
        Ok(outside == 0)
    }
}

impl Word<'_> {
    /// The largest code that it can have.
    pub fn highest(&self) -> u64 {
        highest(self.bits)
    }

    /// What the values of a key follow from; None where they are no whole numbers of 64 bits with a sign, or some are NULL.
    pub fn key(&self, source: &Source<'_>) -> Option<KeyOfCode> {
        let at = self.codes.iter().position(|code| std::ptr::eq(code.source, source))?;
        let Code { range: Some(KeyRange { low, high, step }), nulls_first: None, bits, .. } = self.codes[at] else {
            return None;
        };
        let step = step.map_or(1, |step| step.size);
        let (base, step) = if source.descending { (high, step.wrapping_neg()) } else { (low, step) };
        let shift = self.codes[at + 1..].iter().map(|code| code.bits).sum();
        source.are_signed_words().then(|| KeyOfCode { shift, mask: highest(bits), base: base ^ SIGN, step })
    }
}

/// The largest number of so many bits.
fn highest(bits: u32) -> u64 {
    u64::MAX.checked_shr(u64::BITS - bits).unwrap_or(0)
}

impl RowCodes for Word<'_> {
    fn fill(&self, rows: Range<usize>, codes: &mut [u64]) -> Result<(), OrderError> {
        let (mut piece, mut flags) = ([0; PIECE_ROWS], [0; PIECE_ROWS]);
        for begin in rows.clone().step_by(PIECE_ROWS) {
            let these = begin..rows.end.min(begin + PIECE_ROWS);
            let codes = &mut codes[begin - rows.start..these.end - rows.start];
            for (at, code) in self.codes.iter().enumerate() {
                if at == 0 {
                    if !code.fill(these.clone(), codes, &mut flags)? {
                        self.has_others.store(true, Ordering::Relaxed);
                    }
                    continue;
                }
                let piece = &mut piece[..these.len()];
                if !code.fill(these.clone(), piece, &mut flags)? {
                    self.has_others.store(true, Ordering::Relaxed);
                }
                // The first of several codes leaves bits to the others.
                codes.iter_mut().zip(piece).for_each(|(code, part)| *code = *code << self.codes[at].bits | *part);
            }
        }
        Ok(())
    }

    fn are_as_thought(&self) -> bool {
        !self.has_others.load(Ordering::Relaxed)
    }
}
