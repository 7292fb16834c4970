//! Conditions that read one number of their row, of eight bits, and nothing else: computed once for each of the 256 numbers.
//!
//! Categories are such numbers, as their ranks. A look in a table takes less time than several comparisons, and no column is made of
//! numbers of 64 bits, with which conditions are computed otherwise.

use super::batch::{BATCH_ROWS, Batch};
use super::columns::ValueColumn;
use super::row_symbols::{RowCondition, SymbolsError, TableRows, each_morsel};
use crate::budget::{Budget, Tick};
use crate::order::BitSlice;
use crate::rows::{Partitions, SymbolsBuilder, SymbolsPiece, VariableSet};

/// Numbers of consecutive rows.
#[derive(Clone, Copy)]
pub struct ByteRows<'a> {
    /// Which are not NULL; all without it.
    pub valid: Option<BitSlice<'a>>,
    /// What they are, as they are stored.
    pub numbers: &'a [u8],
    /// Whether they have signs.
    pub are_signed: bool,
}

const NUMBERS: usize = 1 << u8::BITS;
/// The number of NULL.
const NULL: u16 = NUMBERS as u16;

/// Notes which rows' conditions do not hold; the others are left as they are. False, where nothing was noted, if a condition cannot
/// be computed of some number, which may be that of no row. Takes time linear in the rows, divided by the threads where there
/// are many.
///
/// Args:
///     symbols: of as many rows as the chunks have together.
///     chunks: the numbers, one chunk after another.
///     conditions: all read this column, of `columns`, of their own row and nothing else.
///     threads: the most threads.
///     budget: the limits.
///     tick: called now and then in this thread.
pub fn keep_byte_conditions(
    symbols: &mut SymbolsBuilder,
    chunks: &[ByteRows<'_>],
    conditions: &[&RowCondition],
    (column, columns): (usize, usize),
    threads: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
) -> Result<bool, SymbolsError> {
    let are_signed = chunks.first().is_some_and(|chunk| chunk.are_signed);
    if chunks.iter().any(|chunk| chunk.are_signed != are_signed) {
        return Ok(false);
    }
    let Some(failing) = failing(conditions, (column, columns), are_signed) else { return Ok(false) };
    // Rows without NULL have as many sets as there are numbers.
    let of_numbers = failing.get(..NUMBERS).unwrap_or_default();
    let keep = |codes: &mut Vec<u16>, morsel: &TableRows, symbols: &mut SymbolsPiece<'_>| {
        let Some(chunk) = chunks.get(morsel.table) else { return Ok(()) };
        for (rows, first) in morsel.batches() {
            let numbers = chunk.numbers.get(rows.clone()).unwrap_or_default();
            codes.clear();
            codes.extend(numbers.iter().map(|&number| u16::from(number)));
            let sets = match chunk.valid {
                None => of_numbers,
                Some(valid) => {
                    let nulls = codes.iter_mut().zip(rows).filter(|(_, row)| !valid.get(*row));
                    nulls.for_each(|(code, _)| *code = NULL);
                    &failing
                }
            };
            symbols.without(first, codes, sets);
        }
        Ok(())
    };
    let rows = chunks.iter().map(|chunk| chunk.numbers.len());
    each_morsel(symbols, rows, (threads, budget, tick), || Vec::with_capacity(BATCH_ROWS), keep, drop)?;
    Ok(true)
}

/// The variables whose conditions do not hold of each number, in the order of their bits, and last of NULL; None where that cannot be
/// computed.
fn failing(
    conditions: &[&RowCondition],
    (column, columns): (usize, usize),
    are_signed: bool,
) -> Option<Vec<VariableSet>> {
    let number = |byte: u8| if are_signed { i64::from(byte.cast_signed()) } else { i64::from(byte) };
    let numbers = (0..=u8::MAX).map(|byte| Some(number(byte))).chain([None]);
    let rows = NUMBERS + 1;
    let mut all = vec![ValueColumn::Null(rows); columns];
    *all.get_mut(column)? = numbers.collect();
    let partitions = Partitions::one(rows);
    let batch = Batch { columns: &all, partitions: &partitions, partition: 0, first: 0, rows };
    let mut failing = vec![VariableSet::default(); rows];
    let mut holds = vec![false; rows];
    for condition in conditions {
        if let Some(variable) = condition.holds(&batch, &mut holds).ok()? {
            for (set, _) in failing.iter_mut().zip(&holds).filter(|(_, holds)| !**holds) {
                set.insert(variable);
            }
        }
    }
    Some(failing)
}
