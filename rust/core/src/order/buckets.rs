//! Sorting by codes of 64 bits: rows go to buckets by the highest bits, morsel by morsel, and each bucket is sorted by itself.
//!
//! A morsel's rows are brought into the order of buckets inside of a core's cache, each as the lower bits of its code and its
//! place in the morsel. A bucket is what all morsels have for it, one after another, so rows that are equal keep their order.
//! Where few lower bits are left, rows are counted by them; otherwise they are sorted together with their places, unless they
//! are in order. A bucket that has too many rows to be sorted at once is brought into buckets again.

use std::ops::Range;

use super::OrderError;
use super::bucket::{Bucket, Sorter};
use super::places::Places;
use super::scatter::{Buckets, Room, Scattered, scatter};
use super::word::{RowCodes, With};
use super::work::{MORSEL_ROWS, Parts, Work};
use crate::budget::Tick;

/// Rows in order.
pub struct Sorted {
    /// For each place, its row.
    pub order: Vec<u32>,
    /// The places, behind the first, where the upper bits of codes change.
    pub changes: Vec<i64>,
    /// For each place, what its row carries; empty where nothing is carried.
    pub bytes: Vec<u8>,
    /// For each place, the key that follows from its code; empty where none does.
    pub keys: Vec<i64>,
}

impl Sorted {
    /// The rows in order alone.
    fn release(self, work: Work<'_>) {
        work.budget.release_vector(&self.changes);
        work.budget.release_vector(&self.order);
    }
}

/// Sorts rows by their codes; those that are equal keep their order. Gives no rows where codes are not as was thought.
///
/// Args:
///     range: no code is outside of it.
///     `same_bits`: changes are of codes without this number of their lowest bits.
///     with: what else is brought in order.
pub fn sort<C: RowCodes>(
    codes: &C,
    rows: usize,
    (range, same_bits): ((u64, u64), u32),
    with: With<'_>,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Sorted, OrderError> {
    let buckets = Buckets::new(rows, range, same_bits, !with.bytes.is_empty());
    if buckets.are_joined() {
        sort_as::<true, C>(codes, rows, buckets, with, work, tick)
    } else {
        sort_as::<false, C>(codes, rows, buckets, with, work, tick)
    }
}

fn sort_as<const JOINED: bool, C: RowCodes>(
    codes: &C,
    rows: usize,
    buckets: Buckets,
    with: With<'_>,
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Sorted, OrderError> {
    let budget = work.budget;
    let morsels = rows.div_ceil(MORSEL_ROWS);
    let mut rest: Vec<u64> = budget.any(rows)?;
    let mut place: Vec<u16> = budget.any(if JOINED { 0 } else { rows })?;
    let mut bytes: Vec<u8> = budget.any(if JOINED { 0 } else { with.bytes.len() })?;
    let mut begins: Vec<u32> = budget.zeroed(morsels.saturating_mul(buckets.count + 1))?;
    let room = Room { rest: &mut rest, place: &mut place, bytes: &mut bytes, begins: &mut begins };
    scatter::<JOINED, C>(codes, with, rows, buckets, room, work, tick)?;
    if !codes.are_as_thought() {
        budget.release_vector(&rest);
        budget.release_vector(&place);
        budget.release_vector(&bytes);
        budget.release_vector(&begins);
        return Ok(Sorted { order: Vec::new(), changes: Vec::new(), bytes: Vec::new(), keys: Vec::new() });
    }
    let scattered = Scattered::<JOINED> { rest: &rest, place: &place, bytes: &bytes, begins: &begins, buckets };
    let lengths = scattered.lengths(work)?;
    let kept = lengths.iter().sum();
    let mut order: Vec<u32> = budget.any(kept)?;
    let mut own_bytes: Vec<u8> = budget.any(if with.bytes.is_empty() { 0 } else { kept })?;
    let mut keys: Vec<i64> = budget.any(if with.key.is_some() { kept } else { 0 })?;
    let mut found = {
        let order = Parts::of_lengths(&mut order, lengths.iter().copied());
        let bytes = Parts::of_lengths(&mut own_bytes, lengths.iter().copied());
        let keys = Parts::of_lengths(&mut keys, lengths.iter().copied());
        work.each(
            buckets.count,
            tick,
            || Ok(Sorter::new(work)),
            |sorter, bucket| {
                let (mut order, mut bytes, mut keys) = (order.get(bucket), bytes.get(bucket), keys.get(bucket));
                let places = Places { order: &mut order, bytes: &mut bytes, keys: &mut keys };
                sorter.sort(&scattered, bucket, with, places)
            },
        )?
    };
    let mut begin = 0;
    for (bucket, &length) in lengths.iter().enumerate() {
        if let Some(Some(own)) = found.get_mut(bucket).filter(|own| own.as_ref().is_some_and(|own| own.is_left)) {
            let (own_rows, own_codes) = scattered.gathered(bucket, length, work, tick)?;
            let range = (own_codes.iter().min().copied(), own_codes.iter().max().copied());
            let range = (range.0.unwrap_or_default(), range.1.unwrap_or_default());
            let same = (range, buckets.same_bits);
            let sorted = sort(&Listed(&own_codes), length, same, With::default(), work, tick)?;
            let own_places = begin..begin + length;
            for (place, &at) in order[own_places.clone()].iter_mut().zip(&sorted.order) {
                *place = own_rows[at as usize];
            }
            for (byte, &row) in
                own_bytes.get_mut(own_places.clone()).into_iter().flatten().zip(&order[own_places.clone()])
            {
                *byte = with.bytes[row as usize];
            }
            if let Some(key) = with.key {
                for (value, &at) in keys[own_places].iter_mut().zip(&sorted.order) {
                    *value = key.value(own_codes[at as usize]);
                }
            }
            budget.reserve(&mut own.changes, sorted.changes.len())?;
            own.changes.extend(sorted.changes.iter().map(|&change| change as u32));
            sorted.release(work);
            budget.release_vector(&own_rows);
            budget.release_vector(&own_codes);
        }
        begin += length;
    }
    budget.release_vector(&rest);
    budget.release_vector(&place);
    budget.release_vector(&bytes);
    budget.release_vector(&begins);
    let changes = joined(&found, &lengths, work, tick)?;
    budget.release_vector(&lengths);
    Ok(Sorted { order, changes, bytes: own_bytes, keys })
}

/// Codes in a list.
pub struct Listed<'l>(pub &'l [u64]);

impl RowCodes for Listed<'_> {
    fn fill(&self, rows: Range<usize>, codes: &mut [u64]) -> Result<(), OrderError> {
        codes.copy_from_slice(&self.0[rows]);
        Ok(())
    }
}

/// The changes of all buckets, and those between buckets.
fn joined(
    found: &[Option<Bucket>],
    lengths: &[usize],
    work: Work<'_>,
    tick: &mut Tick<'_>,
) -> Result<Vec<i64>, OrderError> {
    let mut changes = Vec::new();
    let mut begin = 0;
    let mut last = None;
    for (bucket, length) in found.iter().zip(lengths) {
        let Some(bucket) = bucket else { continue };
        work.budget.check()?;
        tick()?;
        work.budget.reserve(&mut changes, bucket.changes.len() + 1)?;
        if last.is_some_and(|last| last != bucket.first) {
            changes.push(begin as i64);
        }
        changes.extend(bucket.changes.iter().map(|&place| (begin + place as usize) as i64));
        work.budget.release_vector(&bucket.changes);
        last = Some(bucket.last);
        begin += length;
    }
    Ok(changes)
}
