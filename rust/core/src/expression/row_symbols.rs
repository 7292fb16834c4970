//! Conditions of rows straight to symbols: which variables' conditions hold at each row, without a column of booleans between.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::batch::{BATCH_ROWS, Batch};
use super::compile::{ExpressionError, Scope, compile, is_over_rows};
use super::elements::{Native, Operand};
use super::error::EvaluationError;
use super::evaluate::ColumnTable;
use super::ir::{Expression, Operation};
use super::types::Type;
use crate::budget::{Budget, Stopped, Tick};
use crate::causes::from_causes;
use crate::rows::{SymbolsBuilder, SymbolsPiece};
use crate::threads::{Worker, in_threads, started};

/// The rows of a morsel: some tenths of a millisecond's work for a few conditions.
const MORSEL_ROWS: usize = 1 << 16;

/// The least rows for which a thread is worth its start.
pub(super) const LEAST_ROWS_A_THREAD: usize = 1 << 17;

/// A condition of a variable that reads the current row and rows at a fixed distance. A variable may have several, all of which
/// have to be true.
pub struct RowCondition {
    says: Says,
    /// Whether it reads no other row than its own.
    is_of_one_row: bool,
    /// The columns that it reads.
    columns: Vec<usize>,
}

/// What a condition says of a row.
enum Says {
    /// This has to be true where the row is mapped to the variable.
    Holds(u8, Operand<bool>),
    /// Nothing, and there is no symbol of any row where the column has NaN.
    HasNumbers(usize),
}

impl RowCondition {
    /// Asks for [`SymbolsError::NotANumber`] where a column of doubles has NaN. To be told of it here costs less than to look before: the
    /// values are in the processor's cache. None where the column is another.
    pub fn without_nan(column: usize, columns: &[Type]) -> Option<Self> {
        let is_double = columns.get(column) == Some(&Type::Double);
        is_double.then(|| Self { says: Says::HasNumbers(column), is_of_one_row: true, columns: vec![column] })
    }

    /// Compiles a condition over columns of these types.
    pub fn new(variable: u8, expression: &Expression, columns: &[Type]) -> Result<Self, ExpressionError> {
        if !is_over_rows(expression) {
            let what = "only rows at a fixed distance from the current one can be read here, and nothing of a match";
            return Err(ExpressionError(what.into()));
        }
        if !matches!(expression.result, Type::Boolean | Type::Null) {
            let kind = expression.result;
            return Err(ExpressionError(format!("a condition has values of the type {kind}; they must be BOOLEAN")));
        }
        let program = bool::unwrap(compile(expression, &Scope { columns, sets: 0, aggregates: &[] })?);
        let program = program.ok_or_else(|| ExpressionError("a condition is no boolean".into()))?;
        let mut columns = Vec::new();
        let is_of_one_row = reads_one_row(expression, &mut columns);
        columns.sort_unstable();
        columns.dedup();
        Ok(Self { says: Says::Holds(variable, program), is_of_one_row, columns })
    }

    /// The columns that it reads, in order.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Whether it is true of the rows of a batch, and of which variable; None where it says nothing of any.
    pub(super) fn holds(&self, batch: &Batch<'_>, holds: &mut [bool]) -> Result<Option<u8>, EvaluationError> {
        let Says::Holds(variable, program) = &self.says else { return Ok(None) };
        program.are(batch, &true, holds)?;
        Ok(Some(*variable))
    }

    /// Whether a number is missing that it asks for.
    fn finds_nan(&self, batch: &Batch<'_>) -> bool {
        let Says::HasNumbers(column) = self.says else { return false };
        // The loop has no early exit, so that the compiler compares several values at once.
        let Some((values, _)) = batch.slice::<f64>(column, 0) else { return true };
        values.iter().fold(false, |found, value| found | value.is_nan())
    }

    /// Whether it reads no other row than its own.
    pub fn is_of_one_row(&self) -> bool {
        self.is_of_one_row
    }
}

/// Whether an expression reads no other row than its own; adds the columns that it reads.
fn reads_one_row(expression: &Expression, columns: &mut Vec<usize>) -> bool {
    let own = match &expression.operation {
        Operation::Read(column, at) => {
            columns.push(*column);
            at.rows == 0
        }
        Operation::Exists(at) => at.rows == 0,
        _ => true,
    };
    let mut parts = own;
    expression.for_each_part(|part| parts = reads_one_row(part, columns) && parts);
    parts
}

/// What of the conditions of rows was known before.
#[derive(Clone, Copy)]
pub enum Before<'b> {
    /// All hold.
    Nothing,
    /// What the symbols say.
    Noted,
    /// What other symbols say of these rows, of which there is one for each.
    OfRows(&'b SymbolsBuilder, &'b [u32]),
}

/// Why symbols could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolsError {
    /// A limit was passed, or the caller stopped it.
    Stopped(Stopped),
    /// The condition of this number has no value.
    Evaluation(usize, EvaluationError),
    /// Tables have another number of rows than the symbols, or rows are named that are not there.
    Rows,
    /// A text cannot be read.
    Text,
    /// There is NaN where [`RowCondition::without_nan`] asks for numbers.
    NotANumber,
}

from_causes!(SymbolsError { Stopped(Stopped) });

/// Rows of a table that are done together.
pub(super) struct TableRows {
    pub table: usize,
    /// In the table.
    pub rows: Range<usize>,
    /// Where the first of them stands among the rows of all tables.
    place: usize,
}

/// The rows of tables, each of so many, in pieces of the work.
pub(super) fn table_rows(tables: impl Iterator<Item = usize>) -> Vec<TableRows> {
    let (mut pieces, mut place) = (Vec::new(), 0);
    for (table, count) in tables.enumerate() {
        for first in (0..count).step_by(MORSEL_ROWS) {
            let rows = first..count.min(first + MORSEL_ROWS);
            pieces.push(TableRows { table, place, rows: rows.clone() });
            place += rows.len();
        }
    }
    pieces
}

/// Notes which rows' conditions do not hold. Takes time linear in the rows, divided by the threads where there are many.
///
/// Args:
///     symbols: of as many rows as the tables have together.
///     tables: one after another; rows at a distance are those of the same table.
///     conditions: what is to be true.
///     before: what is known before.
///     threads: the most threads.
///     budget: the limits.
///     tick: called now and then in this thread.
///
/// ```
/// use rowpattern_core::budget::Budget;
/// use rowpattern_core::expression::{Before, ColumnTable, Expression, RowCondition, Type, ValueColumn, keep_conditions};
/// use rowpattern_core::rows::{At, Partitions, SymbolsBuilder};
///
/// // The condition of the first of two variables: x > PREV(x)
/// let read = |rows| Expression::read(Type::Double, 0, At { set: None, first: false, offset: 0, rows });
/// let rises = Expression::call(Type::Boolean, ">", [read(0), read(-1)]);
/// let rises = RowCondition::new(0, &rises, &[Type::Double]).unwrap();
///
/// let columns = [ValueColumn::from_iter([1.0, 2.0, 1.5].map(Some))];
/// let table = ColumnTable { columns: &columns, rows: 3, partitions: &Partitions::one(3) };
/// let budget = Budget::unlimited();
/// let mut symbols = SymbolsBuilder::new(2, 3, &budget).unwrap();
/// keep_conditions(&mut symbols, &[table], &[rises], Before::Nothing, 1, &budget, &mut || Ok(())).unwrap();
/// let symbols = symbols.finish(&budget).unwrap();
/// assert_eq!([0, 1, 2].map(|row| symbols.set(row).contains(0)), [false, true, false]);
/// assert_eq!([0, 1, 2].map(|row| symbols.set(row).contains(1)), [true; 3]);
/// ```
pub fn keep_conditions(
    symbols: &mut SymbolsBuilder,
    tables: &[ColumnTable<'_>],
    conditions: &[RowCondition],
    before: Before<'_>,
    threads: usize,
    budget: &Budget,
    tick: &mut Tick<'_>,
) -> Result<(), SymbolsError> {
    let rows = tables.iter().map(|table| table.rows).sum();
    let is_right = match before {
        Before::OfRows(_, order) => order.len() == rows,
        Before::Nothing | Before::Noted => true,
    };
    if symbols.rows() != rows || !is_right {
        return Err(SymbolsError::Rows);
    }
    let morsels = table_rows(tables.iter().map(|table| table.rows));
    let pieces = symbols.pieces(morsels.iter().map(|morsel| morsel.rows.len()));
    let pieces: Vec<_> = pieces.into_iter().map(Mutex::new).collect();
    let work = |worker: &mut Worker<'_, (), SymbolsError>| {
        let mut holds = [false; BATCH_ROWS];
        worker.each(|number, tick| {
            let mut done = || {
                budget.check()?;
                tick()?;
                let (Some(morsel), Some(piece)) = (morsels.get(number), pieces.get(number)) else { return Ok(()) };
                let mut piece = piece.lock().unwrap_or_else(PoisonError::into_inner);
                morsel.keep(&tables[morsel.table], conditions, before, &mut piece, &mut holds)
            };
            ((), done())
        });
    };
    let threads = started(threads.min(rows / LEAST_ROWS_A_THREAD));
    let (_, error) = in_threads(morsels.len(), threads, budget, tick, work);
    error.map_or(Ok(()), Err)
}

/// Says of some rows of a table which conditions hold there; the piece has as many rows.
pub(crate) fn conditions_of_rows(
    table: &ColumnTable<'_>,
    rows: Range<usize>,
    conditions: &[RowCondition],
    piece: &mut SymbolsPiece<'_>,
) -> Result<(), SymbolsError> {
    TableRows { table: 0, rows, place: 0 }.keep(table, conditions, Before::Nothing, piece, &mut [false; BATCH_ROWS])
}

impl TableRows {
    fn keep(
        &self,
        table: &ColumnTable<'_>,
        conditions: &[RowCondition],
        before: Before<'_>,
        symbols: &mut SymbolsPiece<'_>,
        holds: &mut [bool; BATCH_ROWS],
    ) -> Result<(), SymbolsError> {
        let mut partition = table.partitions.of_row(self.rows.start);
        for first in self.rows.clone().step_by(BATCH_ROWS) {
            let rows = BATCH_ROWS.min(self.rows.end - first);
            let own = first - self.rows.start..first - self.rows.start + rows;
            match before {
                Before::Nothing => symbols.fill(own.clone()),
                Before::Noted => {}
                Before::OfRows(others, order) => {
                    let order = order.get(self.place + own.start..self.place + own.end);
                    order.and_then(|order| symbols.take(own.start, others, order)).ok_or(SymbolsError::Rows)?;
                }
            }
            while partition < table.partitions.len() && table.partitions.bounds(partition).1 <= first {
                partition += 1;
            }
            let batch = Batch { columns: table.columns, partitions: table.partitions, partition, first, rows };
            for (number, condition) in conditions.iter().enumerate() {
                if condition.finds_nan(&batch) {
                    return Err(SymbolsError::NotANumber);
                }
                let holds = &mut holds[..rows];
                let variable = condition.holds(&batch, holds);
                let variable = variable.map_err(|error| SymbolsError::Evaluation(number, error))?;
                let Some(variable) = variable else { continue };
                symbols.keep(variable, own.start, holds.iter().copied());
            }
        }
        Ok(())
    }
}
