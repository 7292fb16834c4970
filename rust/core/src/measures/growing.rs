//! Columns of an answer whose matches come piece by piece, each match an item.

use super::block::{ItemBlock, ItemBlocks};
use super::found::FoundMatches;
use super::items::MatchItems;
use super::read::{BlockNumbers, ItemRead, OrderedRows, grouped};
use super::reference::{Reference, ReferenceReader};
use super::taken::{TakenColumn, TakenValues};
use super::takers::{MorselTaken, Taker};
use crate::budget::{Budget, Stopped, Tick};

/// What is read of the matches so far.
pub struct GrowingColumns<'a> {
    reads: &'a [ItemRead<'a>],
    /// Nothing before the first piece, which says how much room there is to be.
    values: Vec<TakenValues>,
    /// What pieces gave beside what stands in the values.
    taken: Vec<Vec<MorselTaken>>,
    block: ItemBlock,
    numbers: BlockNumbers,
}

impl<'a> GrowingColumns<'a> {
    /// Whether these can be read of some of the matches alone: numbers of matches cannot.
    pub fn serve(reads: &[ItemRead<'_>]) -> bool {
        let of_all = |read: &ItemRead<'_>| {
            matches!(
                read.reference,
                Reference::MatchNumber | Reference::Match | Reference::Place | Reference::PartitionRow
            )
        };
        !reads.iter().any(of_all)
    }

    /// Of no match yet.
    pub fn new(reads: &'a [ItemRead<'a>]) -> Self {
        let taken = reads.iter().map(|_| Vec::new()).collect();
        Self { reads, values: Vec::new(), taken, block: ItemBlock::default(), numbers: BlockNumbers::default() }
    }

    /// Reads some matches more.
    ///
    /// Args:
    ///     found: the matches; their rows are those of the table.
    ///     rows: the table's rows, in order and in one partition.
    ///     expected: how many items there may be in the end.
    pub fn add(
        &mut self,
        found: &FoundMatches<'_>,
        rows: &OrderedRows<'_>,
        expected: usize,
        budget: &Budget,
    ) -> Result<(), Stopped> {
        let (items, morsel) = MatchItems::of_piece(found.len(), rows.partitions.rows);
        if self.values.is_empty() {
            self.values = self.reads.iter().map(|read| TakenValues::empty(&read.output, expected, budget)).collect();
        }
        let mut takers: Vec<Taker<'_>> = Vec::with_capacity(self.reads.len());
        for (values, read) in self.values.iter_mut().zip(self.reads) {
            values.grow(found.len(), budget)?;
            takers.extend(values.last_taker(&read.output, found.len()));
        }
        let (_, groups) = grouped(self.reads, &items, rows);
        let with_partitions = groups.iter().any(|group| group.reference.needs_partitions());
        let mut readers: Vec<_> =
            groups.iter().map(|group| ReferenceReader::new(group.reference, found, items.shown)).collect();
        let mut blocks = ItemBlocks::new(*found, &items, &morsel, with_partitions);
        while blocks.next(&mut self.block) {
            for (group, reader) in groups.iter().zip(&mut readers) {
                reader.read(found, items.shown, &self.block, rows.partitions, &mut self.numbers.numbers);
                group.add(&mut takers, rows.order, &mut self.numbers, budget)?;
            }
        }
        for (taken, taker) in self.taken.iter_mut().zip(takers) {
            taken.push(taker.finish());
        }
        Ok(())
    }

    /// Adds what was read of the matches behind these.
    pub fn join(&mut self, next: Self, budget: &Budget, tick: &mut Tick<'_>) -> Result<(), Stopped> {
        if self.values.is_empty() {
            *self = next;
            return Ok(());
        }
        for (values, next) in self.values.iter_mut().zip(next.values) {
            values.append(next, budget, tick)?;
        }
        for (taken, next) in self.taken.iter_mut().zip(next.taken) {
            taken.extend(next);
        }
        Ok(())
    }

    /// The columns.
    pub fn finish(self, budget: &Budget) -> Result<Vec<TakenColumn>, Stopped> {
        let Self { reads, mut values, taken, .. } = self;
        if values.is_empty() {
            values = reads.iter().map(|read| TakenValues::empty(&read.output, 0, budget)).collect();
        }
        let columns = values.into_iter().zip(taken).map(|(mut values, taken)| {
            values.trim();
            TakenColumn::of(values, taken.into_iter(), budget)
        });
        columns.collect()
    }
}
