//! Texts of rows as ranks among those that are different.
//!
//! Where texts cannot be numbered by their bytes ([`super::short_texts`]), each thread numbers those of its morsels by a hash table;
//! the tables are joined, and what is in them is sorted. Many different texts are sorted by eight bytes at a time, as numbers; few by
//! comparing them.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::OrderError;
use super::buckets::{Listed, sort};
use super::dictionary::{Dictionary, Hasher, first_bytes};
use super::short_texts::numbered;
use super::source::{PIECE_ROWS, Ranked, Read, Source, SourceChunk};
use super::word::With;
use super::work::{MORSEL_ROWS, Parts, Work};
use crate::budget::{Stopped, Tick};

/// So many texts are sorted by comparing them, between two looks at the limits.
const MOST_COMPARED: usize = 1 << 14;
/// The source, its texts as their ranks; itself where it has none.
pub fn without_texts<'a>(
    source: &Source<'a>,
    rows: usize,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Source<'a>, OrderError> {
    if !source.has_texts() {
        return Ok(source.clone());
    }
    let ranked = match numbered(source, rows, work, tick)? {
        Some(numbered) => numbered,
        None => ranked(source, rows, work, tick)?,
    };
    let ranked = Arc::new(ranked);
    let chunks = source.chunks.iter().map(|chunk| {
        let read = Read::Ranked(Arc::clone(&ranked), chunk.first);
        SourceChunk { first: chunk.first, rows: chunk.rows, valid: chunk.valid, read }
    });
    Ok(Source { chunks: chunks.collect(), ..source.clone() })
}

fn ranked(source: &Source<'_>, rows: usize, work: Work<'_>, tick: &mut Tick<'_>) -> Result<Ranked, OrderError> {
    let mut places: Vec<u32> = work.budget.zeroed(rows)?;
    let hasher = Hasher::default();
    let nulls = source.has_nulls();
    // Dictionaries that no thread uses now, with their numbers; there are no more than threads.
    let resting = Mutex::new(Vec::new());
    let made = Mutex::new(0_usize);
    let lists = {
        let parts = Parts::of_length(&mut places, MORSEL_ROWS);
        work.each_morsel(rows, tick, |number, morsel| {
            let rested = resting.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let (list, mut dictionary) = rested.unwrap_or_else(|| {
                let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
                *made += 1;
                (*made - 1, Dictionary::new())
            });
            number_texts(source, nulls, morsel, &hasher, &mut dictionary, &mut parts.get(number), work)?;
            resting.lock().unwrap_or_else(PoisonError::into_inner).push((list, dictionary));
            Ok(list)
        })?
    };
    let mut dictionaries = resting.into_inner().unwrap_or_else(PoisonError::into_inner);
    dictionaries.sort_by_key(|&(list, _)| list);
    let mut dictionaries: Vec<_> = dictionaries.into_iter().map(|(_, dictionary)| dictionary).collect();
    let (count, ranks) = if let [only] = dictionaries.as_slice() {
        (only.len(), vec![ranks(only.texts(), work, tick)?])
    } else {
        let mut all = Dictionary::new();
        let mut numbers = Vec::new();
        for own in &dictionaries {
            let mut of_own: Vec<u32> = Vec::new();
            work.budget.reserve(&mut of_own, own.len())?;
            for piece in own.texts().chunks(MORSEL_ROWS) {
                work.budget.check()?;
                tick()?;
                for &(_, text) in piece {
                    of_own.push(all.number(&hasher, text, work.budget)?);
                }
            }
            numbers.push(of_own);
        }
        let (count, ranks) = (all.len(), ranks(all.texts(), work, tick)?);
        all.release(work.budget);
        for number in numbers.iter_mut().flatten() {
            *number = ranks.get(*number as usize).copied().unwrap_or_default();
        }
        work.budget.release_vector(&ranks);
        (count, numbers)
    };
    dictionaries.drain(..).for_each(|dictionary| dictionary.release(work.budget));
    Ok(Ranked { places, ranks, lists, morsel_rows: MORSEL_ROWS, count })
}

/// Writes the numbers of a morsel's texts; 0 for those that are NULL.
fn number_texts<'a>(
    source: &Source<'a>,
    nulls: bool,
    morsel: Range<usize>,
    hasher: &Hasher,
    dictionary: &mut Dictionary<'a>,
    found: &mut [u32],
    work: Work<'_>,
) -> Result<(), OrderError> {
    let mut texts: Vec<&[u8]> = Vec::with_capacity(PIECE_ROWS);
    let mut flags = [0; PIECE_ROWS];
    let mut last: Option<(&[u8], u32)> = None;
    for (begin, found) in morsel.clone().step_by(PIECE_ROWS).zip(found.chunks_mut(PIECE_ROWS)) {
        let piece = begin..morsel.end.min(begin + PIECE_ROWS);
        texts.clear();
        source.texts(piece.clone(), &mut texts)?;
        if nulls {
            source.fill_nulls(piece.clone(), &mut flags[..piece.len()])?;
        }
        for ((found, &text), flag) in found.iter_mut().zip(&texts).zip(&flags) {
            if *flag != 0 {
                continue;
            }
            *found = match last {
                Some((same, number)) if same == text => number,
                _ => dictionary.number(hasher, text, work.budget)?,
            };
            last = Some((text, *found));
        }
    }
    Ok(())
}

/// For each of different texts, how many others are below it.
fn ranks(texts: &[(u64, &[u8])], work: Work<'_>, tick: &mut Tick<'_>) -> Result<Vec<u32>, OrderError> {
    let order = order_of(texts, work, tick)?;
    let mut ranks: Vec<u32> = work.budget.zeroed(texts.len())?;
    for (rank, &number) in order.iter().enumerate() {
        ranks[number as usize] = rank as u32;
    }
    work.budget.release_vector(&order);
    Ok(ranks)
}

/// The numbers of different texts in their order.
fn order_of(texts: &[(u64, &[u8])], work: Work<'_>, tick: &mut Tick<'_>) -> Result<Vec<u32>, OrderError> {
    let mut order: Vec<u32> = Vec::new();
    work.budget.reserve(&mut order, texts.len())?;
    order.extend(0..texts.len() as u32);
    // From this byte on a text that has it.
    let rest = |number: u32, depth: usize| texts[number as usize].1.get(depth..).unwrap_or_default();
    // Places whose texts are still to be sorted, with how many bytes they have in common.
    let mut left = vec![(0..texts.len(), 0)];
    while let Some((places, depth)) = left.pop() {
        look(work, tick)?;
        let own = &mut order[places.clone()];
        if own.len() <= MOST_COMPARED {
            own.sort_unstable_by(|&one, &other| rest(one, depth).cmp(rest(other, depth)));
            continue;
        }
        let depth = depth + common_bytes(own, |number| rest(number, depth), work, tick)?;
        let mut words: Vec<u64> = Vec::new();
        work.budget.reserve(&mut words, own.len())?;
        words.extend(own.iter().map(|&number| first_bytes(rest(number, depth))));
        let range = words.iter().fold((u64::MAX, 0), |(low, high), &word| (low.min(word), high.max(word)));
        let sorted = sort(&Listed(&words), words.len(), (range, 0), With::default(), work, tick)?;
        work.budget.release_vector(&words);
        let mut before: Vec<u32> = Vec::new();
        work.budget.reserve(&mut before, own.len())?;
        before.extend_from_slice(own);
        for (slot, &place) in own.iter_mut().zip(&sorted.order) {
            *slot = before[place as usize];
        }
        work.budget.release_vector(&before);
        let ends = sorted.changes.iter().map(|&change| change as usize).chain([own.len()]);
        let mut begin = 0;
        for end in ends {
            let mut same = begin..end;
            begin = end;
            if same.len() > MOST_COMPARED {
                // Texts that end within the eight bytes are below those that go on, and the shorter ones below the longer.
                let length = |number: u32| rest(number, depth).len().min(size_of::<u64>() + 1);
                let these = &mut own[same.clone()];
                these.sort_unstable_by_key(|&number| length(number));
                same.start += these.partition_point(|&number| length(number) <= size_of::<u64>());
                left.push((places.start + same.start..places.start + same.end, depth + size_of::<u64>()));
            } else if same.len() > 1 {
                left.push((places.start + same.start..places.start + same.end, depth));
            }
        }
        work.budget.release_vector(&sorted.order);
        work.budget.release_vector(&sorted.changes);
    }
    Ok(order)
}

fn look(work: Work<'_>, tick: &mut Tick<'_>) -> Result<(), Stopped> {
    work.budget.check()?;
    tick()
}

/// How many bytes all texts begin with.
fn common_bytes<'t>(
    numbers: &[u32],
    text: impl Fn(u32) -> &'t [u8],
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<usize, OrderError> {
    let first = numbers.first().map_or(&[][..], |&number| text(number));
    let mut common = first.len();
    for piece in numbers.chunks(MORSEL_ROWS) {
        look(work, tick)?;
        for &number in piece {
            let other = text(number);
            if other.get(..common) != first.get(..common) {
                common = first.iter().zip(other).take_while(|(one, other)| one == other).count();
            }
        }
    }
    Ok(common)
}
