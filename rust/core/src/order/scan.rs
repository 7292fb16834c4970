//! One look at rows: whether they are in order already, and where partitions begin then.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::OrderError;
use super::source::{PIECE_ROWS, Source};
use super::work::Work;
use crate::budget::Tick;

/// What is known of two rows that follow each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pair {
    /// They are equal in all keys so far.
    Tied = 0,
    /// The first is below the second.
    Below = 1,
}

/// What a thread uses again from piece to piece.
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
                if !compare(nulls, source.nulls_first, &mut self.pairs) {
                    return Ok(false);
                }
            }
            let is_right = if source.has_texts() {
                self.texts.clear();
                source.texts(with_one_before.clone(), &mut self.texts)?;
                compare_texts(&self.texts, source.descending, &mut self.pairs)
            } else {
                let numbers = &mut self.numbers[..=piece.len()];
                source.fill(with_one_before.clone(), numbers)?;
                compare(numbers, source.descending, &mut self.pairs)
            };
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
        let count = self.pairs.iter().filter(|&&pair| pair != Pair::Tied as u8).count();
        work.budget.reserve(starts, count)?;
        let begun = self.pairs.iter().enumerate().filter(|&(_, &pair)| pair != Pair::Tied as u8);
        starts.extend(begun.map(|(at, _)| (first + at) as i64));
        Ok(())
    }
}

/// Whether numbers are in order where those before were tied; notes which pairs are tied no more.
fn compare(numbers: &[u64], descending: bool, pairs: &mut [u8]) -> bool {
    let mut wrong = 0;
    let others = numbers.get(1..).unwrap_or_default();
    for ((&one, &next), pair) in numbers.iter().zip(others).zip(pairs) {
        let is_wrong = u8::from(if descending { one < next } else { one > next });
        wrong |= is_wrong & (*pair ^ Pair::Below as u8);
        *pair |= u8::from(one != next);
    }
    wrong == 0
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
