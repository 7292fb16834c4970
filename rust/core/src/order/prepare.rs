//! Keys as sources: dictionaries numbered, and numbers that are too wide for a word narrowed or halved.

use std::sync::Arc;

use super::OrderError;
use super::columns::{KeyChunk, KeyValues, SortKey};
use super::source::{Entries, PIECE_ROWS, Read, Source, SourceChunk};
use super::texts::without_texts;
use super::work::{MORSEL_ROWS, Work};
use crate::budget::Tick;

/// The keys as sources, and how many of these are of the first `partition_by` keys; None where a key's values cannot be
/// numbered.
pub fn sources<'a>(
    keys: &[SortKey<'a>],
    partition_by: usize,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Option<(Vec<Source<'a>>, usize)>, OrderError> {
    let (mut sources, mut of_partitions) = (Vec::new(), 0);
    for (at, key) in keys.iter().enumerate() {
        let Some(own) = of_key(at, key, work, tick)? else { return Ok(None) };
        of_partitions += if at < partition_by { own.len() } else { 0 };
        sources.extend(own);
    }
    Ok(Some((sources, of_partitions)))
}

fn of_key<'a>(
    at: usize,
    key: &SortKey<'a>,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Option<Vec<Source<'a>>>, OrderError> {
    let source = |read: &dyn Fn(&KeyChunk<'a>) -> Option<Read<'a>>| {
        let mut first = 0;
        let mut chunks = Vec::with_capacity(key.chunks.len());
        for chunk in key.chunks.iter().filter(|chunk| chunk.rows > 0) {
            chunks.push(SourceChunk { first, rows: chunk.rows, valid: chunk.valid, read: read(chunk)? });
            first += chunk.rows;
        }
        Some(Source { key: at, chunks, descending: key.descending, nulls_first: key.nulls_first })
    };
    let is = |kind: fn(&KeyValues<'a>) -> bool| key.chunks.iter().any(|chunk| kind(&chunk.values));
    if is(|values| matches!(values, KeyValues::Places(..))) {
        let Some(entries) = entries(at, key, work, tick)? else { return Ok(None) };
        let read = |chunk: &KeyChunk<'a>| {
            let KeyValues::Places(places, dictionary) = &chunk.values else { return None };
            let own = entries.iter().find(|(known, _)| std::ptr::eq(*known, *dictionary))?;
            Some(Read::Places((**places).clone(), Arc::clone(&own.1)))
        };
        return Ok(source(&read).map(|source| vec![source]));
    }
    if is(|values| matches!(values, KeyValues::I128(_))) {
        let (low, high) = wide_range(&key.chunks, work, tick)?.unwrap_or((0, 0));
        let halves: &[fn(&'a [i128], i128) -> Read<'a>] =
            if high.checked_sub(low).is_some_and(|span| u64::try_from(span).is_ok()) {
                &[Read::Above]
            } else {
                &[|numbers, _| Read::Upper(numbers), |numbers, _| Read::Lower(numbers)]
            };
        let read = |chunk: &KeyChunk<'a>, half: fn(&'a [i128], i128) -> Read<'a>| match chunk.values {
            KeyValues::I128(numbers) => Some(half(numbers, low)),
            _ => None,
        };
        return Ok(halves.iter().map(|&half| source(&|chunk| read(chunk, half))).collect());
    }
    let read = |chunk: &KeyChunk<'a>| match &chunk.values {
        KeyValues::Texts(texts) => Some(Read::Texts(*texts)),
        values => Some(Read::Numbers(values.clone())),
    };
    Ok(source(&read).map(|source| vec![source]))
}

/// The least and the largest number; None where there is none.
fn wide_range(
    chunks: &[KeyChunk<'_>],
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Option<(i128, i128)>, OrderError> {
    let mut range: Option<(i128, i128)> = None;
    for chunk in chunks {
        let KeyValues::I128(numbers) = chunk.values else { continue };
        for (piece, numbers) in numbers.chunks(MORSEL_ROWS).enumerate() {
            work.budget.check()?;
            tick()?;
            for (row, &number) in (piece * MORSEL_ROWS..).zip(numbers) {
                if chunk.valid.is_none_or(|valid| valid.get(row)) {
                    range = Some(range.map_or((number, number), |(low, high)| (low.min(number), high.max(number))));
                }
            }
        }
    }
    Ok(range)
}

type NumberedEntries<'a> = Vec<(&'a KeyChunk<'a>, Arc<Entries>)>;

/// The dictionaries of a key's chunks, their entries numbered as one column; None where these are no texts or numbers that fit
/// into a word.
fn entries<'a>(
    at: usize,
    key: &SortKey<'a>,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Option<NumberedEntries<'a>>, OrderError> {
    let mut dictionaries: Vec<&'a KeyChunk<'a>> = Vec::new();
    for chunk in &key.chunks {
        let KeyValues::Places(_, dictionary) = chunk.values else { return Ok(None) };
        if matches!(dictionary.values, KeyValues::Places(..)) {
            return Ok(None);
        }
        // Chunks that follow each other mostly have the same one.
        if !dictionaries.iter().rev().any(|known| std::ptr::eq(*known, dictionary)) {
            dictionaries.push(dictionary);
        }
    }
    let column = dictionaries.iter().map(|dictionary| (*dictionary).clone()).collect();
    let column = SortKey { chunks: column, descending: false, nulls_first: false };
    let Some(sources) = of_key(at, &column, work, tick)? else { return Ok(None) };
    let [source] = sources.as_slice() else { return Ok(None) };
    let source = without_texts(source, column.rows(), work, tick)?;
    let mut first = 0;
    let mut found = Vec::with_capacity(dictionaries.len());
    for dictionary in dictionaries {
        let mut numbers: Vec<u64> = work.budget.zeroed(dictionary.rows)?;
        let mut flags = [0; PIECE_ROWS];
        let mut nulls: Vec<bool> = Vec::new();
        for (piece, numbers) in numbers.chunks_mut(PIECE_ROWS).enumerate() {
            work.budget.check()?;
            tick()?;
            let begin = first + piece * PIECE_ROWS;
            source.fill(begin..begin + numbers.len(), numbers)?;
            if source.has_nulls() {
                let flags = &mut flags[..numbers.len()];
                source.fill_nulls(begin..begin + numbers.len(), flags)?;
                work.budget.reserve(&mut nulls, flags.len())?;
                nulls.extend(flags.iter().map(|&flag| flag != 0));
            }
        }
        first += dictionary.rows;
        let nulls = if nulls.contains(&true) { nulls } else { Vec::new() };
        found.push((dictionary, Arc::new(Entries { numbers, nulls })));
    }
    Ok(Some(found))
}
