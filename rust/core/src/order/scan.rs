//! One look at rows: whether they are in order already, and where partitions begin then.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::OrderError;
use super::columns::{KeyValues, SortKey};
use super::prepare::sources;
use super::source::{PIECE_ROWS, Source};
use super::work::Work;
use crate::budget::{Budget, Tick};

/// What is known of two rows that follow each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pair {
    /// They are equal in all keys so far.
    Tied = 0,
    /// The first is below the second.
    Below = 1,
}

/// Where a key stands among all.
#[derive(Clone, Copy)]
struct Keys {
    /// No key before it was compared, so that all pairs are tied.
    are_tied: bool,
    /// No key is compared behind it.
    is_last: bool,
}

/// Says of stretches of rows whether they are in the order of ORDER BY.
pub struct OrderCheck<'k> {
    sources: Vec<Source<'k>>,
}

/// What a thread uses again from stretch to stretch.
#[derive(Default)]
pub struct OrderScratch<'k>(Comparer<'k>);

impl<'k> OrderCheck<'k> {
    /// Of these keys; None where their order is not known here.
    pub fn new(keys: &[SortKey<'k>], budget: &Budget, tick: &mut Tick<'_>) -> Result<Option<Self>, OrderError> {
        let found = sources(keys, 0, Work { threads: 1, budget }, tick)?;
        Ok(found.map(|(sources, _)| Self { sources }))
    }

    /// Whether rows, and the one before them, are in order.
    pub fn is_in_order(
        &self,
        rows: Range<usize>,
        scratch: &mut OrderScratch<'k>,
        budget: &Budget,
    ) -> Result<bool, OrderError> {
        if self.sources.is_empty() {
            return Ok(true);
        }
        let OrderScratch(comparer) = scratch;
        comparer.numbers.resize(PIECE_ROWS + 1, 0);
        for begin in (rows.start.max(1)..rows.end).step_by(PIECE_ROWS) {
            let piece = begin..rows.end.min(begin + PIECE_ROWS);
            // Without keys of PARTITION BY no partition begins anywhere.
            if !comparer.is_in_order(&self.sources, 0, piece, &mut Vec::new(), Work { threads: 1, budget })? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What a thread uses again from piece to piece.
#[derive(Default)]
struct Comparer<'a> {
    pairs: Vec<u8>,
    numbers: Vec<u64>,
    texts: Vec<&'a [u8]>,
}

/// Says where partitions begin, if rows are in order; the first, at row 0, is left out. None where they are not in order.
///
/// Args:
///     sources: the keys.
///     `partition_by`: how many of them are of PARTITION BY; these are first.
pub fn starts_in_order(
    sources: &[Source<'_>],
    partition_by: usize,
    rows: usize,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Option<Vec<i64>>, OrderError> {
    if sources.is_empty() || rows < 2 {
        return Ok(Some(Vec::new()));
    }
    let out_of_order = AtomicBool::new(false);
    let morsels = work.each_morsel(rows, tick, |_, morsel| {
        let mut starts: Vec<i64> = Vec::new();
        let numbers = vec![0; PIECE_ROWS + 1];
        let mut scratch = Comparer { pairs: Vec::new(), numbers, texts: Vec::new() };
        for begin in (morsel.start.max(1)..morsel.end).step_by(PIECE_ROWS) {
            if out_of_order.load(Ordering::Relaxed) {
                break;
            }
            let piece = begin..morsel.end.min(begin + PIECE_ROWS);
            if !scratch.is_in_order(sources, partition_by, piece, &mut starts, work)? {
                out_of_order.store(true, Ordering::Relaxed);
                break;
            }
        }
        Ok(starts)
    })?;
    if out_of_order.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let mut starts = Vec::new();
    work.budget.reserve(&mut starts, 1)?;
    for next in morsels {
        work.budget.append(&mut starts, next, tick)?;
    }
    Ok(Some(starts))
}

impl<'a> Comparer<'a> {
    /// Whether these rows and the one before them are in order; adds those that begin partitions.
    fn is_in_order(
        &mut self,
        sources: &[Source<'a>],
        partition_by: usize,
        piece: Range<usize>,
        starts: &mut Vec<i64>,
        work: Work<'_>,
    ) -> Result<bool, OrderError> {
        self.pairs.clear();
        self.pairs.resize(piece.len(), Pair::Tied as u8);
        let mut are_tied = true;
        let with_one_before = piece.start - 1..piece.end;
        for (at, source) in sources.iter().enumerate() {
            if at == partition_by && at > 0 {
                self.add_starts(piece.start, starts, work)?;
                if !self.pairs.contains(&(Pair::Tied as u8)) {
                    return Ok(true);
                }
            }
            if source.has_nulls() {
                let nulls = &mut self.numbers[..=piece.len()];
                source.fill_nulls(with_one_before.clone(), nulls)?;
                if !compare(nulls, source.nulls_first, &mut self.pairs, Keys { are_tied, is_last: false }) {
                    return Ok(false);
                }
                are_tied = false;
            }
            // Behind the last key nobody asks which pairs are tied, but where partitions begin.
            let is_last = at + 1 == sources.len() && at >= partition_by;
            let keys = Keys { are_tied, is_last };
            let is_right = if let Some(is_right) = source.compared(with_one_before.clone(), &mut self.pairs, keys) {
                is_right
            } else if source.has_texts() {
                self.texts.clear();
                source.texts(with_one_before.clone(), &mut self.texts)?;
                compare_texts(&self.texts, source.descending, &mut self.pairs)
            } else {
                let numbers = &mut self.numbers[..=piece.len()];
                source.fill(with_one_before.clone(), numbers)?;
                compare(numbers, source.descending, &mut self.pairs, keys)
            };
            are_tied = false;
            if !is_right {
                return Ok(false);
            }
        }
        if partition_by == sources.len() {
            self.add_starts(piece.start, starts, work)?;
        }
        Ok(true)
    }

    fn add_starts(&self, first: usize, starts: &mut Vec<i64>, work: Work<'_>) -> Result<(), OrderError> {
        let (eights, others) = self.pairs.as_chunks::<8>();
        let mut first = first;
        // Partitions mostly have more than eight rows.
        for pairs in eights.iter().map(<[u8; 8]>::as_slice).chain([others]) {
            if pairs.len() < 8 || pairs != [Pair::Tied as u8; 8] {
                work.budget.reserve(starts, pairs.len())?;
                let begun = (first..).zip(pairs).filter(|&(_, &pair)| pair != Pair::Tied as u8);
                starts.extend(begun.map(|(row, _)| row as i64));
            }
            first += pairs.len();
        }
        Ok(())
    }
}

impl Source<'_> {
    /// As [`compare`], where rows are whole numbers that lie in one piece of memory; None where they are not.
    fn compared(&self, rows: Range<usize>, pairs: &mut [u8], keys: Keys) -> Option<bool> {
        let (values, rows) = self.in_place(rows)?;
        macro_rules! compared {
            ($numbers:expr) => {
                Some(compare($numbers.get(rows)?, self.descending, pairs, keys))
            };
        }
        match values {
            KeyValues::I8(numbers) => compared!(numbers),
            KeyValues::I16(numbers) => compared!(numbers),
            KeyValues::I32(numbers) => compared!(numbers),
            KeyValues::I64(numbers) => compared!(numbers),
            KeyValues::U8(numbers) => compared!(numbers),
            KeyValues::U16(numbers) => compared!(numbers),
            KeyValues::U32(numbers) => compared!(numbers),
            KeyValues::U64(numbers) => compared!(numbers),
            _ => None,
        }
    }
}

/// Whether numbers are in order where those before were tied; notes which pairs are tied no more, unless it is the last time.
fn compare<T: PartialOrd + Copy>(numbers: &[T], descending: bool, pairs: &mut [u8], keys: Keys) -> bool {
    let Keys { are_tied, is_last } = keys;
    if are_tied && is_last {
        return if descending { numbers.is_sorted_by(|one, next| one >= next) } else { numbers.is_sorted() };
    }
    let others = numbers.get(1..).unwrap_or_default();
    let compared = numbers.iter().zip(others).zip(pairs);
    // The choice stands outside of the loops, which are short.
    match (descending, is_last) {
        (false, true) => compared.fold(0, |wrong, ((one, next), pair)| wrong | u8::from(one > next) & !*pair) == 0,
        (true, true) => compared.fold(0, |wrong, ((one, next), pair)| wrong | u8::from(one < next) & !*pair) == 0,
        _ => {
            let mut wrong = 0;
            for ((&one, &next), pair) in compared {
                let is_wrong = u8::from(if descending { one < next } else { one > next });
                wrong |= is_wrong & !*pair;
                *pair |= u8::from(one != next);
            }
            wrong == 0
        }
    }
}

/// As [`compare`].
fn compare_texts(texts: &[&[u8]], descending: bool, pairs: &mut [u8]) -> bool {
    let others = texts.get(1..).unwrap_or_default();
    for ((one, next), pair) in texts.iter().zip(others).zip(pairs) {
        if *pair != Pair::Tied as u8 || one == next {
            continue;
        }
        if (one > next) != descending {
            return false;
        }
        *pair = Pair::Below as u8;
    }
    true
}
