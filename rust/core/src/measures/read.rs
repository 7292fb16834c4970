//! Reading what measures and columns of the answer are made of, in threads.

use std::sync::{Mutex, PoisonError};

use super::block::{ItemBlock, ItemBlocks};
use super::found::FoundMatches;
use super::items::MatchItems;
use super::navigation::{ABSENT, PartitionRows};
use super::reference::{Reference, ReferenceReader};
use super::taken::{ReadOutput, TakenColumn, TakenValues};
use super::takers::{MorselTaken, Taker};
use crate::budget::{Budget, Stopped, Tick};
use crate::threads;

/// A table's rows in partitions.
#[derive(Debug, Clone, Copy)]
pub struct OrderedRows<'r> {
    /// Where partitions begin.
    pub partitions: PartitionRows<'r>,
    /// For each row, the one that it is in the table; the same without it.
    pub order: Option<RowNumbers<'r>>,
}

/// Numbers of rows.
#[derive(Debug, Clone, Copy)]
pub enum RowNumbers<'r> {
    /// Of 32 bits.
    Narrow(&'r [u32]),
    /// Of 64 bits.
    Wide(&'r [i64]),
}

impl RowNumbers<'_> {
    #[inline]
    fn write(self, rows: &[usize], out: &mut Vec<usize>) {
        out.clear();
        match self {
            Self::Narrow(order) => {
                out.extend(rows.iter().map(|&row| order.get(row).map_or(ABSENT, |&row| row as usize)));
            }
            Self::Wide(order) => {
                out.extend(rows.iter().map(|&row| order.get(row).map_or(ABSENT, |&row| row as usize)));
            }
        }
    }
}

/// A column of the answer.
#[derive(Debug, Clone, Copy)]
pub struct ItemRead<'a> {
    /// What it reads.
    pub reference: Reference,
    /// Whether rows become those of the table.
    pub through_order: bool,
    /// What it makes of that.
    pub output: ReadOutput<'a>,
}

/// Reads columns of the answer, one value an item.
///
/// Takes time linear in the items and, where navigation goes by variables, in the rows of matches; and no memory that grows with
/// them but for what is returned, which stays charged.
pub fn read_items(
    found: &FoundMatches<'_>,
    items: &MatchItems,
    rows: &OrderedRows<'_>,
    reads: &[ItemRead<'_>],
    threads: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
) -> Result<Vec<TakenColumn>, Stopped> {
    let mut values =
        reads.iter().map(|read| TakenValues::room(&read.output, items.len(), budget)).collect::<Result<Vec<_>, _>>()?;
    let takers = values.iter_mut().zip(reads).map(|(values, read)| {
        values.takers(&read.output, items.morsels.iter().map(|morsel| morsel.items.len())).into_iter()
    });
    let mut takers: Vec<_> = takers.collect();
    let of_morsel = |_: &_| Mutex::new(takers.iter_mut().filter_map(Iterator::next).collect::<Vec<Taker<'_>>>());
    let of_morsels: Vec<_> = items.morsels.iter().map(of_morsel).collect();
    let (runs, mut groups) = grouped(reads, items, rows);
    for group in &mut groups {
        group.reference = group.reference.simplified(found, items.shown);
    }
    let with_partitions = groups.iter().any(|group| group.reference.needs_partitions());
    let (done, stopped) = threads::in_threads(items.morsels.len(), threads::started(threads), budget, tick, |worker| {
        let (mut block, mut scratch) = (ItemBlock::default(), BlockNumbers::default());
        worker.each(|number, tick| {
            let (Some(morsel), Some(takers)) = (items.morsels.get(number), of_morsels.get(number)) else {
                return (Vec::new(), Ok(()));
            };
            let mut takers = std::mem::take(&mut *takers.lock().unwrap_or_else(PoisonError::into_inner));
            for run in &runs {
                let Some(taker) = takers.get_mut(run.read) else { continue };
                let rows = run.first_row + morsel.items.start..run.first_row + morsel.items.end;
                let done = budget.check().and_then(|()| tick()).and_then(|()| taker.add_run(rows, budget));
                if let Err(reason) = done {
                    return (Vec::new(), Err(reason));
                }
            }
            let reader = |group: &Group| ReferenceReader::new(group.reference, found, items.shown);
            let mut readers: Vec<_> = groups.iter().map(reader).collect();
            let mut blocks = ItemBlocks::new(*found, items, morsel, with_partitions);
            while !groups.is_empty() && blocks.next(&mut block) {
                let read = budget.check().and_then(|()| tick()).and_then(|()| {
                    groups.iter().zip(&mut readers).try_for_each(|(group, reader)| {
                        reader.read(found, items.shown, &block, rows.partitions, &mut scratch.numbers);
                        group.add(&mut takers, rows.order, &mut scratch, budget)
                    })
                });
                if let Err(reason) = read {
                    return (Vec::new(), Err(reason));
                }
            }
            (takers.into_iter().map(Taker::finish).collect(), Ok(()))
        });
    });
    if let Some(reason) = stopped {
        return Err(reason);
    }
    drop(of_morsels);
    let mut done: Vec<_> = done.into_iter().map(Vec::into_iter).collect();
    let columns = values.into_iter().map(|values| {
        let morsels: Vec<MorselTaken> = done.iter_mut().filter_map(Iterator::next).collect();
        TakenColumn::of(values, morsels.into_iter(), budget)
    });
    columns.collect()
}

/// What is read of a block.
#[derive(Default)]
pub(super) struct BlockNumbers {
    pub numbers: Vec<usize>,
    /// As rows of the table.
    rows: Vec<usize>,
}

/// A column that is read at the items' own rows, which follow one another.
pub(super) struct RowRun {
    /// The number of the read.
    read: usize,
    /// The row of the first item.
    first_row: usize,
}

/// What is read of one reference.
pub(super) struct Group {
    pub reference: Reference,
    /// The numbers of reads, those of the table's rows last.
    reads: Vec<(usize, bool)>,
}

impl Group {
    pub fn add(
        &self,
        takers: &mut [Taker<'_>],
        order: Option<RowNumbers<'_>>,
        scratch: &mut BlockNumbers,
        budget: &Budget,
    ) -> Result<(), Stopped> {
        let mut is_ordered = false;
        for &(read, through_order) in &self.reads {
            let Some(taker) = takers.get_mut(read) else { continue };
            match order.filter(|_| through_order) {
                None => taker.add(&scratch.numbers, budget)?,
                Some(order) => {
                    if !is_ordered {
                        order.write(&scratch.numbers, &mut scratch.rows);
                        is_ordered = true;
                    }
                    taker.add(&scratch.rows, budget)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads of rows that follow one another, and the others by their references.
pub(super) fn grouped(reads: &[ItemRead<'_>], items: &MatchItems, rows: &OrderedRows<'_>) -> (Vec<RowRun>, Vec<Group>) {
    let (mut runs, mut groups): (Vec<RowRun>, Vec<Group>) = (Vec::new(), Vec::new());
    for (number, read) in reads.iter().enumerate() {
        let is_in_place = rows.order.is_none() || !read.through_order;
        if let Some(first_row) = items.first_row()
            && read.reference == Reference::OwnRow
            && is_in_place
        {
            runs.push(RowRun { read: number, first_row });
            continue;
        }
        let item = (number, read.through_order);
        match groups.iter_mut().find(|group| group.reference == read.reference) {
            Some(group) => group.reads.push(item),
            None => groups.push(Group { reference: read.reference, reads: vec![item] }),
        }
    }
    (runs, groups)
}
