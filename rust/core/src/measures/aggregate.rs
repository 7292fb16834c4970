//! Aggregates over the rows of matches, one value an item, in threads.

use super::block::{BlockItem, ItemBlock, ItemBlocks};
use super::found::FoundMatches;
use super::items::{MatchItems, ShownItems};
use super::mapped::MappedTo;
use super::navigation::ABSENT;
use super::read::{OrderedRows, RowNumbers};
use crate::budget::{Budget, Stopped, Tick};
use crate::causes::from_causes;
use crate::expression::{
    Aggregate, Builder, Built, ColumnsError, EvaluationError, Fold, Interval, Physical, Stored, ValueColumn, Vector,
};
use crate::threads;

/// Rows of a long match that are taken in between two looks at the limits.
const ROWS_A_PIECE: usize = 1 << 16;

/// An aggregate, and over which rows of the match.
#[derive(Debug, Clone)]
pub struct ItemAggregate {
    /// The aggregate; its column is one of those that are given.
    pub aggregate: Aggregate,
    /// Whether the column's rows are in the table's order, and not in that of partitions.
    pub through_order: bool,
    /// Over the rows up to the item's, where items are rows; over all rows of the match otherwise.
    pub running: bool,
}

/// Computes aggregates of items; NULL for rows that are in no match. An error of an aggregate has its number.
///
/// Takes time linear in the rows of matches, and no memory that grows with them but for what is returned, which stays charged.
pub fn aggregate_items(
    found: &FoundMatches<'_>,
    items: &MatchItems,
    rows: &OrderedRows<'_>,
    (aggregates, columns): (&[ItemAggregate], &[ValueColumn<'_>]),
    threads: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
) -> Result<Vec<ValueColumn<'static>>, ColumnsError> {
    let (done, stopped) = threads::in_threads(items.morsels.len(), threads::started(threads), budget, tick, |worker| {
        let mut block = ItemBlock::default();
        worker.each(|number, tick| {
            let Some(morsel) = items.morsels.get(number) else { return (Vec::new(), Ok(())) };
            let mut all: Vec<AnyFolder<'_>> = aggregates
                .iter()
                .map(|aggregate| AnyFolder::new(aggregate, rows.order, columns, items.shown))
                .collect();
            let mut blocks = ItemBlocks::new(*found, items, morsel, false);
            while blocks.next(&mut block) {
                for (at, folder) in all.iter_mut().enumerate() {
                    if let Err(error) = folder.add(found, &block, budget, tick) {
                        return (Vec::new(), Err(error.numbered(at)));
                    }
                }
            }
            (all, Ok(()))
        });
    });
    if let Some(error) = stopped {
        return Err(error);
    }
    let mut morsels = done.into_iter();
    let none = || aggregates.iter().map(|aggregate| AnyFolder::new(aggregate, rows.order, columns, items.shown));
    let mut all = morsels.next().unwrap_or_else(|| none().collect());
    for morsel in morsels {
        for (folder, more) in all.iter_mut().zip(morsel) {
            folder.append(more, budget)?;
        }
    }
    let columns = all.into_iter().map(AnyFolder::finish);
    columns.collect::<Option<_>>().ok_or(ColumnsError::Stopped(Stopped::OutOfMemory))
}

/// Why an aggregate could not be computed.
enum FoldError {
    Stopped(Stopped),
    Evaluation(EvaluationError),
}

impl FoldError {
    fn numbered(self, aggregate: usize) -> ColumnsError {
        match self {
            Self::Stopped(reason) => ColumnsError::Stopped(reason),
            Self::Evaluation(error) => ColumnsError::Evaluation(aggregate, error),
        }
    }
}

from_causes!(FoldError { Stopped(Stopped), Evaluation(EvaluationError) });

macro_rules! folders {
    ($($variant:ident: $scalar:ty),*) => {
        /// Computes one aggregate of any type for the items of a morsel.
        enum AnyFolder<'c> {
            $($variant(Folder<'c, $scalar>),)*
        }

        impl<'c> AnyFolder<'c> {
            fn new(
                aggregate: &ItemAggregate,
                order: Option<RowNumbers<'c>>,
                columns: &'c [ValueColumn<'c>],
                shown: ShownItems,
            ) -> Self {
                match aggregate.aggregate.result.physical() {
                    $(Physical::$variant => Self::$variant(Folder::new(aggregate, order, columns, shown)),)*
                }
            }

            fn add(
                &mut self,
                found: &FoundMatches<'_>,
                block: &ItemBlock,
                budget: &Budget,
                tick: &mut Tick<'_>,
            ) -> Result<(), FoldError> {
                match self {
                    $(Self::$variant(folder) => folder.add(found, block, budget, tick),)*
                }
            }

            fn append(&mut self, other: Self, budget: &Budget) -> Result<(), Stopped> {
                match (self, other) {
                    $((Self::$variant(folder), Self::$variant(more)) => {
                        Builder::<$scalar>::append(&mut folder.builder, more.builder, budget)
                    })*
                    _ => Ok(()),
                }
            }

            fn finish(self) -> Option<ValueColumn<'static>> {
                match self {
                    $(Self::$variant(folder) => Builder::<$scalar>::finish(folder.builder),)*
                }
            }
        }
    };
}

folders!(Bool: bool, Int: i64, Wide: i128, Float: f32, Double: f64, Interval: Interval, Text: String);

struct Folder<'c, K: Stored + Built> {
    fold: Fold,
    mapped: Option<MappedTo>,
    order: Option<RowNumbers<'c>>,
    columns: &'c [ValueColumn<'c>],
    shown: ShownItems,
    running: bool,
    builder: K::Builder,
    /// The value over no rows.
    of_nothing: Option<K::Item<'c>>,
    /// The last match of the block before, and its value.
    last: (usize, Option<K::Item<'c>>),
    /// Of the matches, or the matched rows, of a block.
    values: Vec<Option<K::Item<'c>>>,
}

impl<'c, K: Stored + Built> Folder<'c, K> {
    fn new(
        aggregate: &ItemAggregate,
        order: Option<RowNumbers<'c>>,
        columns: &'c [ValueColumn<'c>],
        shown: ShownItems,
    ) -> Self {
        let fold = Fold::of(&aggregate.aggregate, columns);
        Self {
            of_nothing: fold.value::<K>(columns).ok().flatten(),
            fold,
            mapped: aggregate.aggregate.variables.as_ref().map(MappedTo::new),
            order: order.filter(|_| aggregate.through_order),
            columns,
            shown,
            running: aggregate.running && shown != ShownItems::Matches,
            builder: K::Builder::default(),
            last: (ABSENT, None),
            values: Vec::new(),
        }
    }

    fn add(
        &mut self,
        found: &FoundMatches<'_>,
        block: &ItemBlock,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<(), FoldError> {
        budget.check()?;
        tick()?;
        self.values.clear();
        if self.running {
            self.of_rows(found, block)?;
        } else {
            self.of_matches(found, block, budget, tick)?;
        }
        let value = |at: usize| self.values.get(at).cloned().flatten();
        let of_row = |at: usize| match block.rows.get(at) {
            Some(_) if self.running => value(at),
            Some(matched) => value(matched.of as usize),
            None => None,
        };
        let values: Vec<Option<K::Item<'c>>> = if self.shown == ShownItems::Matches {
            std::mem::take(&mut self.values)
        } else if block.items.is_empty() {
            (0..block.len).map(of_row).collect()
        } else {
            let item = |item: &BlockItem| match *item {
                BlockItem::Row(at) => of_row(at),
                BlockItem::Empty(_) if self.running => self.of_nothing.clone(),
                BlockItem::Empty(of) => value(of),
                BlockItem::Unmatched(_) => None,
            };
            block.items.iter().map(item).collect()
        };
        let valid = values.iter().map(Option::is_some).collect();
        let rows = values.len();
        let vector = Vector::new(values.into_iter().map(Option::unwrap_or_default).collect(), valid);
        Ok(self.builder.push(&vector, rows, budget)?)
    }

    /// The value of each match of a block.
    fn of_matches(
        &mut self,
        found: &FoundMatches<'_>,
        block: &ItemBlock,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<(), FoldError> {
        let mut spans = found.spans(block.matches.clone()).zip(&block.places);
        if self.last.0 == block.matches.start && spans.next().is_some() {
            // A long match is in many blocks.
            self.values.push(self.last.1.clone());
        }
        for ((start, end), &place) in spans {
            self.fold.clear();
            for first in (start..end).step_by(ROWS_A_PIECE) {
                if first > start {
                    budget.check()?;
                    tick()?;
                }
                self.fold_rows(found, first, end.min(first + ROWS_A_PIECE), place + (first - start));
            }
            self.values.push(self.fold.value::<K>(self.columns)?);
        }
        if self.shown != ShownItems::Matches {
            self.last = (block.matches.end.wrapping_sub(1), self.values.last().cloned().flatten());
        }
        Ok(())
    }

    /// Takes in some rows of a match, whose variables begin at a place.
    fn fold_rows(&mut self, found: &FoundMatches<'_>, start: usize, end: usize, place: usize) {
        let Self { fold, mapped, columns, .. } = self;
        macro_rules! fold {
            ($rows:expr) => {
                match mapped {
                    None => fold.extend($rows, columns),
                    Some(mapped) => {
                        let variables = found.variables.get(place..).unwrap_or_default();
                        let rows = $rows.zip(variables).filter(|(_, variable)| mapped.contains(**variable));
                        fold.extend(rows.map(|(row, _)| row), columns);
                    }
                }
            };
        }
        match self.order {
            None => fold!(start..end),
            Some(RowNumbers::Narrow(order)) => {
                fold!(order.get(start..end).unwrap_or_default().iter().map(|&row| row as usize));
            }
            Some(RowNumbers::Wide(order)) => {
                fold!(order.get(start..end).unwrap_or_default().iter().map(|&row| row as usize));
            }
        }
    }

    /// The value for each matched row of a block, of the rows up to it.
    fn of_rows(&mut self, found: &FoundMatches<'_>, block: &ItemBlock) -> Result<(), FoldError> {
        for (at, matched) in block.rows.iter().enumerate() {
            if matched.row == matched.begin {
                self.fold.clear();
            }
            self.fold_rows(found, matched.row, matched.row + 1, block.first_place + at);
            self.values.push(self.fold.value::<K>(self.columns)?);
        }
        Ok(())
    }
}
