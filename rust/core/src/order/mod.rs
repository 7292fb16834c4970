//! The order of rows by the keys of PARTITION BY and ORDER BY, and where partitions begin in it.
//!
//! One look ([`scan`]) says whether rows are in order already, and whether they are by ORDER BY alone: then they are only
//! brought to their partitions. Otherwise each key becomes a number without a sign of as few bits as the range of its values
//! needs, texts and dictionaries by the ranks of their different values; numbers of several keys stand side by side in words of
//! 64 bits, by which rows are sorted ([`buckets`]), the last word first. Rows that are equal keep their order.
//!
//! The order is that of SQL as `DuckDB` has it: NaN is above all numbers and equal to itself, -0.0 is equal to 0.0, texts are
//! compared byte by byte, and NULLs, which are equal to each other, come first or last as each key says.
//!
//! ```
//! use rowpattern_core::budget::Budget;
//! use rowpattern_core::order::{Carried, SortKey, KeyChunk, KeyValues, order};
//! let key = |values| SortKey { chunks: vec![KeyChunk { rows: 4, valid: None, values }], descending: false, nulls_first: false };
//! let (users, times) = ([7, 5, 7, 5], [4_i64, 3, 2, 1]);
//! let keys = [key(KeyValues::I32(&users)), key(KeyValues::I64(&times))];
//! let carried = Carried { bytes: Some(b"abcd"), keys: true, left_out: None };
//! let found = order(&keys, 1, (4, carried), 1, &Budget::unlimited(), &mut || Ok(())).unwrap().unwrap();
//! assert_eq!(found.order, Some(vec![3, 1, 2, 0]));
//! assert_eq!(found.starts, [0, 2]);
//! assert_eq!(found.bytes.as_deref(), Some(&b"dbca"[..]));
//! assert_eq!(found.keys, Some(vec![1, 3, 2, 4]));
//! ```

mod bucket;
mod buckets;
mod columns;
mod dictionary;
mod encoded;
mod error;
mod left_out;
mod places;
mod prepare;
mod scan;
mod scatter;
mod short_texts;
mod source;
mod step;
mod texts;
mod word;
mod work;

use std::ops::Range;

pub use columns::{BitSlice, KeyChunk, KeyTexts, KeyValues, SortKey};
pub use dictionary::{LONG, MOST_SHORT_BYTES, Short, short, short_of};
pub use encoded::EncodedKeys;
pub use error::OrderError;
pub use left_out::LeftOut;
pub use scan::{OrderCheck, OrderScratch};

use self::buckets::{Sorted, sort};
pub(crate) use self::dictionary::{Dictionary, Hasher};
use self::scan::starts_in_order;
use self::source::Source;
use self::word::{Ranges, RowCodes, With, Word, words};
use self::work::{MORSEL_ROWS, Parts, Work};
use crate::budget::{Budget, Tick};

/// Rows in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowOrder {
    /// For each place, the row; None where rows are in order already. Rows may have been left out where that was asked for.
    pub order: Option<Vec<u32>>,
    /// The places where partitions begin; the first is 0.
    pub starts: Vec<i64>,
    /// For each place, the byte that its row carries; None where rows carry nothing, or are in order already.
    pub bytes: Option<Vec<u8>>,
    /// For each place, the value of its row in the first key of ORDER BY. None where that is not wanted or not known:
    /// rows are in order already, or keys did not have to be sorted by it, or it has others than whole numbers of 64 bits
    /// with a sign, or NULLs, or keys do not fit into one word.
    pub keys: Option<Vec<i64>>,
}

/// What is brought in order with rows, which takes less time than reading it in their order afterwards.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carried<'c> {
    /// A byte of each row.
    pub bytes: Option<&'c [u8]>,
    /// The first key of ORDER BY.
    pub keys: bool,
    /// By their bytes, rows that may be left out of the order. They are where that saves time.
    pub left_out: Option<&'c LeftOut>,
}

/// Orders rows. None where that is left to others: there are more than 2^32 rows, or a dictionary's entries are dictionaries, or
/// numbers of 128 bits too far apart.
///
/// Args:
///     keys: of PARTITION BY, then of ORDER BY.
///     `partition_by`: how many are of PARTITION BY.
///     rows: how many rows each has, and what these carry.
///     threads: the most threads.
///     budget: the limits.
///     tick: called now and then in this thread.
///
/// Takes time linear in rows that are in order, or whose ORDER BY is, where keys of PARTITION BY are dense; O(n log n)
/// otherwise. Takes 4 bytes a row for the order, and up to 10 more while it works; for each further word of keys 12, and for
/// texts 4 and 48 for each different one; for what is carried, 2 for a byte and 8 for a key.
pub fn order(
    keys: &[SortKey<'_>],
    partition_by: usize,
    (rows, carried): (usize, Carried<'_>),
    threads: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
) -> Result<Option<RowOrder>, OrderError> {
    let work = Work { threads: threads.max(1), budget };
    if u32::try_from(rows).is_err() {
        return Ok(None);
    }
    if let Some(key) = keys.iter().position(|key| key.rows() != rows) {
        return Err(OrderError::Unreadable { key, row: rows, what: "keys have different numbers of rows" });
    }
    if let Some(bytes) = carried.bytes.filter(|bytes| bytes.len() != rows) {
        return Err(OrderError::Unreadable { key: 0, row: bytes.len(), what: "another number of rows carries bytes" });
    }
    let Some((sources, of_partitions)) = prepare::sources(keys, partition_by, work, tick)? else { return Ok(None) };
    if let Some(starts) = starts_in_order(&sources, of_partitions, rows, work, tick)? {
        return Ok(Some(RowOrder { order: None, starts: with_first(starts, rows, work)?, bytes: None, keys: None }));
    }
    // Where rows are in the order of ORDER BY as a whole, they are in every partition.
    let is_ordered = of_partitions > 0 && starts_in_order(&sources[of_partitions..], 0, rows, work, tick)?.is_some();
    let needed = if is_ordered { &sources[..of_partitions] } else { &sources[..] };
    let mut numbered = Vec::with_capacity(needed.len());
    for source in needed {
        numbered.push(texts::without_texts(source, rows, work, tick)?);
    }
    let keys = NumberedKeys { sources: &numbered, of_partitions, rows };
    if rows >= MANY_ROWS
        && let Some(found) = keys.in_order(carried, Ranges::Guessed, work, tick)?
    {
        return Ok(Some(found));
    }
    keys.in_order(carried, Ranges::Known, work, tick)
}

/// Fewer rows are looked at in less time than it may take to look at them twice.
const MANY_ROWS: usize = 1 << 17;

/// Keys as numbers.
#[derive(Clone, Copy)]
struct NumberedKeys<'n> {
    sources: &'n [Source<'n>],
    /// How many of the sources are of PARTITION BY; these are first.
    of_partitions: usize,
    rows: usize,
}

impl NumberedKeys<'_> {
    /// Orders rows that are not in order; None where ranges are guessed and turn out to be others, or take more than one word.
    fn in_order(
        self,
        carried: Carried<'_>,
        ranges: Ranges,
        work: Work<'_>,
        tick: &mut Tick<'_>,
    ) -> Result<Option<RowOrder>, OrderError> {
        let Self { sources, of_partitions, rows } = self;
        let words = words(sources, of_partitions, rows, ranges, work, tick)?;
        if ranges == Ranges::Guessed && words.len() > 1 {
            return Ok(None);
        }
        let mut with = With::default();
        if let [only] = words.as_slice() {
            with.bytes = carried.bytes.unwrap_or_default();
            with.key = sources.get(of_partitions).filter(|_| carried.keys).and_then(|source| only.key(source));
            with.left_out = carried.left_out.filter(|left_out| left_out.is_worth_it(with.bytes));
        }
        let Sorted { order, changes, mut bytes, keys } = by_words(&words, rows, with, work, tick)?;
        if !words.iter().all(RowCodes::are_as_thought) {
            return Ok(None);
        }
        if let Some(carried) = carried.bytes.filter(|_| bytes.len() < order.len()) {
            bytes = in_order(carried, &order, work, tick)?;
        }
        let starts = if words.iter().skip(1).all(|word| word.bits == word.order_bits) {
            changes
        } else {
            starts_of(&order, &words, work, tick)?
        };
        Ok(Some(RowOrder {
            starts: with_first(starts, order.len(), work)?,
            order: Some(order),
            bytes: carried.bytes.map(|_| bytes),
            keys: with.key.map(|_| keys),
        }))
    }
}

/// What rows carry, in their order.
fn in_order(bytes: &[u8], order: &[u32], work: Work<'_>, tick: &mut Tick<'_>) -> Result<Vec<u8>, OrderError> {
    let mut found: Vec<u8> = work.budget.zeroed(order.len())?;
    let parts = Parts::of_length(&mut found, MORSEL_ROWS);
    work.each_morsel(order.len(), tick, |number, morsel| {
        for (byte, &row) in parts.get(number).iter_mut().zip(&order[morsel]) {
            *byte = bytes[row as usize];
        }
        Ok(())
    })?;
    drop(parts);
    Ok(found)
}

fn with_first(mut starts: Vec<i64>, rows: usize, work: Work<'_>) -> Result<Vec<i64>, OrderError> {
    if rows > 0 {
        work.budget.reserve(&mut starts, 1)?;
        starts.insert(0, 0);
    }
    Ok(starts)
}

/// Sorts by the last word, then by the one before it, and so on: each time, rows that are equal keep their order.
///
/// Args:
///     with: what is brought in order, where there is one word.
fn by_words(
    words: &[Word<'_>],
    rows: usize,
    with: With<'_>,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Sorted, OrderError> {
    let mut sorted: Option<Sorted> = None;
    for word in words.iter().rev() {
        let range = ((0, word.highest()), word.order_bits);
        let Some(before) = sorted.take() else {
            sorted = Some(sort(word, rows, range, with, work, tick)?);
            continue;
        };
        let codes = codes_of_rows(word, rows, work, tick)?;
        let permuted = Permuted { codes: &codes, order: &before.order };
        let mut next = sort(&permuted, rows, range, With::default(), work, tick)?;
        work.budget.release_vector(&codes);
        for (piece, places) in next.order.chunks_mut(MORSEL_ROWS).enumerate() {
            if piece.is_multiple_of(16) {
                work.budget.check()?;
                tick()?;
            }
            for place in places {
                *place = before.order[*place as usize];
            }
        }
        work.budget.release_vector(&before.order);
        work.budget.release_vector(&before.changes);
        sorted = Some(next);
    }
    // Without a word all rows are equal.
    sorted.map_or_else(
        || {
            let mut order: Vec<u32> = work.budget.zeroed(rows)?;
            order.iter_mut().zip(0..).for_each(|(place, row)| *place = row);
            Ok(Sorted { order, changes: Vec::new(), bytes: Vec::new(), keys: Vec::new() })
        },
        Ok,
    )
}

/// The codes of rows that are in another order.
struct Permuted<'p> {
    codes: &'p [u64],
    order: &'p [u32],
}

impl RowCodes for Permuted<'_> {
    fn fill(&self, rows: Range<usize>, codes: &mut [u64]) -> Result<(), OrderError> {
        codes.iter_mut().zip(&self.order[rows]).for_each(|(code, &row)| *code = self.codes[row as usize]);
        Ok(())
    }
}

/// The codes of all rows.
fn codes_of_rows(keys: &Word<'_>, rows: usize, work: Work<'_>, tick: &mut Tick<'_>) -> Result<Vec<u64>, OrderError> {
    let mut codes: Vec<u64> = work.budget.zeroed(rows)?;
    let parts = Parts::of_length(&mut codes, MORSEL_ROWS);
    work.each_morsel(rows, tick, |number, morsel| keys.fill(morsel, &mut parts.get(number)))?;
    drop(parts);
    Ok(codes)
}

/// The places, behind the first, where partitions begin, whose keys are in several words.
fn starts_of(order: &[u32], words: &[Word<'_>], work: Work<'_>, tick: &mut Tick<'_>) -> Result<Vec<i64>, OrderError> {
    let rows = order.len();
    let mut begins: Vec<u8> = work.budget.zeroed(rows)?;
    for word in words.iter().filter(|word| word.bits > word.order_bits) {
        let codes = codes_of_rows(word, rows, work, tick)?;
        let parts = Parts::of_length(&mut begins, MORSEL_ROWS);
        let upper = |place: usize| codes[order[place] as usize].checked_shr(word.order_bits).unwrap_or(0);
        work.each_morsel(rows, tick, |number, morsel| {
            for (begins, place) in parts.get(number).iter_mut().zip(morsel).filter(|(_, place)| *place > 0) {
                *begins |= u8::from(upper(place) != upper(place - 1));
            }
            Ok(())
        })?;
        work.budget.release_vector(&codes);
    }
    let mut starts = Vec::new();
    for (piece, begins) in begins.chunks(MORSEL_ROWS).enumerate() {
        work.budget.check()?;
        tick()?;
        for (place, _) in begins.iter().enumerate().filter(|(_, begins)| **begins != 0) {
            work.budget.reserve(&mut starts, 1)?;
            starts.push((piece * MORSEL_ROWS + place) as i64);
        }
    }
    work.budget.release_vector(&begins);
    Ok(starts)
}
