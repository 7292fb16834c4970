//! Expressions over whole columns, in batches.

use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use super::batch::{BATCH_ROWS, Batch, Selection};
use super::columns::ValueColumn;
use super::compile::{ExpressionError, Scope, compile, holds, is_over_rows};
use super::elements::{AnyOperand, Native, Operand};
use super::error::EvaluationError;
use super::ir::Expression;
use super::output::{Builder, Built};
use super::types::Type;
use super::value::Interval;
use crate::budget::{Budget, Stopped, Tick};
use crate::causes::from_causes;
use crate::rows::Partitions;

/// Batches between two looks at the limits: some tenths of a millisecond's work.
const BATCHES_A_LOOK: usize = 16;

/// The least rows for which a thread is worth its start.
const LEAST_ROWS_A_THREAD: usize = 1 << 15;

/// How long the caller's thread, out of work, sleeps between two looks at whether it shall stop the others: short beside a
/// stretch's work.
const BETWEEN_LOOKS: Duration = Duration::from_micros(50);

/// An expression that is computed over whole columns: it reads the current row, and rows at a fixed distance from it in the same
/// partition.
///
/// ```
/// use rowpattern_core::budget::Budget;
/// use rowpattern_core::expression::{Expression, RowProgram, ColumnTable, Type, Value, ValueColumn};
/// use rowpattern_core::rows::{At, Partitions};
///
/// // x > PREV(x)
/// let read = |rows| Expression::read(Type::Double, 0, At { set: None, first: false, offset: 0, rows });
/// let rises = Expression::call(Type::Boolean, ">", [read(0), read(-1)]);
/// let rises = RowProgram::new(&rises, &[Type::Double]).unwrap();
///
/// let columns = [ValueColumn::from_iter([1.0, 2.0, 1.5].map(Some))];
/// let table = ColumnTable { columns: &columns, rows: 3, partitions: &Partitions::one(3) };
/// let found = table.evaluate(&[rises], 1, &Budget::unlimited(), &mut || Ok(())).unwrap();
/// assert_eq!([0, 1, 2].map(|row| found[0].value(row)), [Value::Null, Value::Bool(true), Value::Bool(false)]);
/// ```
pub struct RowProgram {
    operand: AnyOperand,
    result: Type,
}

impl RowProgram {
    /// Compiles an expression over columns of these types.
    pub fn new(expression: &Expression, columns: &[Type]) -> Result<Self, ExpressionError> {
        if !is_over_rows(expression) {
            let what = "only rows at a fixed distance from the current one can be read here, and nothing of a match";
            return Err(ExpressionError(what.into()));
        }
        let operand = compile(expression, &Scope { columns, sets: 0, aggregates: &[] })?;
        Ok(Self { operand, result: expression.result })
    }

    /// The type of its values.
    pub fn result(&self) -> Type {
        self.result
    }
}

/// Why columns could not be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnsError {
    /// A limit was passed, or the caller stopped it.
    Stopped(Stopped),
    /// The expression of this number has no value.
    Evaluation(usize, EvaluationError),
}

from_causes!(ColumnsError { Stopped(Stopped) });

/// Columns and the partitions of their rows.
#[derive(Debug, Clone, Copy)]
pub struct ColumnTable<'a> {
    /// The columns, each with as many rows.
    pub columns: &'a [ValueColumn<'a>],
    /// How many rows.
    pub rows: usize,
    /// Where partitions begin.
    pub partitions: &'a Partitions,
}

impl ColumnTable<'_> {
    /// Whether the columns are such as programs over columns of these types read.
    pub fn fits(&self, types: &[Type]) -> bool {
        let fits = |(column, &kind)| holds(column, kind) && column.len() == self.rows;
        types.len() == self.columns.len() && self.columns.iter().zip(types).all(fits)
    }

    /// Computes columns. Each of at most so many threads takes a stretch of the rows; the caller's takes the first and ticks.
    pub fn evaluate(
        &self,
        programs: &[RowProgram],
        threads: usize,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<Vec<ValueColumn<'static>>, ColumnsError> {
        let threads = threads.min(self.rows / LEAST_ROWS_A_THREAD).max(1);
        let rows = self.rows.div_ceil(threads).next_multiple_of(BATCH_ROWS);
        let stretches: Vec<Range<usize>> =
            (0..threads).map(|number| (number * rows).min(self.rows)..((number + 1) * rows).min(self.rows)).collect();
        let Some((first, others)) = stretches.split_first() else { return Ok(Vec::new()) };
        let ended = thread::scope(|scope| {
            let running: Vec<_> = others
                .iter()
                .map(|stretch| {
                    let work = || self.stretch(programs, stretch.clone(), budget, &mut || Ok(()));
                    thread::Builder::new().name("rowpattern-rows".into()).spawn_scoped(scope, work).map_err(|_| stretch)
                })
                .collect();
            let mut pieces = vec![self.stretch(programs, first.clone(), budget, tick)];
            for thread in running {
                pieces.push(match thread {
                    Ok(thread) => {
                        while !thread.is_finished() && tick().map_err(|reason| budget.stop(reason)).is_ok() {
                            thread::sleep(BETWEEN_LOOKS);
                        }
                        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
                    }
                    // Where the system gives no more threads, the caller's does the work.
                    Err(stretch) => self.stretch(programs, stretch.clone(), budget, tick),
                });
            }
            pieces
        });
        let mut pieces = ended.into_iter();
        let mut columns = pieces.next().unwrap_or(Ok(Vec::new()))?;
        for piece in pieces {
            for (column, more) in columns.iter_mut().zip(piece?) {
                column.append(more, budget)?;
            }
        }
        let finished = columns.into_iter().map(|column| column.finish(self.rows));
        finished.collect::<Option<_>>().ok_or(ColumnsError::Stopped(Stopped::OutOfMemory))
    }

    /// Computes the columns of a stretch of rows.
    fn stretch(
        &self,
        programs: &[RowProgram],
        stretch: Range<usize>,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<Vec<AnyBuilder>, ColumnsError> {
        let mut builders: Vec<AnyBuilder> = programs.iter().map(|program| AnyBuilder::of(&program.operand)).collect();
        let mut partition = if stretch.is_empty() { 0 } else { self.partitions.of_row(stretch.start) };
        for (number, first) in stretch.clone().step_by(BATCH_ROWS).enumerate() {
            if number % BATCHES_A_LOOK == 0 {
                budget.check()?;
                tick().map_err(|reason| budget.stop(reason))?;
            }
            while partition < self.partitions.len() && self.partitions.bounds(partition).1 <= first {
                partition += 1;
            }
            let rows = BATCH_ROWS.min(stretch.end - first);
            let batch = Batch { columns: self.columns, partitions: self.partitions, partition, first, rows };
            for (program, (at, builder)) in programs.iter().zip(builders.iter_mut().enumerate()) {
                let pushed = builder.push(&program.operand, &batch, budget);
                pushed.map_err(|error| match error {
                    BatchError::Stopped(reason) => ColumnsError::Stopped(reason),
                    BatchError::Evaluation(error) => ColumnsError::Evaluation(at, error),
                })?;
            }
        }
        Ok(builders)
    }
}

enum BatchError {
    Stopped(Stopped),
    Evaluation(EvaluationError),
}

from_causes!(BatchError { Stopped(Stopped) });

macro_rules! builders {
    ($($variant:ident: $scalar:ty),*) => {
        /// What builds the column of an operand of any type.
        enum AnyBuilder {
            /// All is NULL.
            Null,
            $($variant(<$scalar as Built>::Builder),)*
        }

        impl AnyBuilder {
            fn of(operand: &AnyOperand) -> Self {
                match operand {
                    AnyOperand::Null => Self::Null,
                    $(AnyOperand::$variant(_) => Self::$variant(<$scalar as Built>::Builder::default()),)*
                }
            }

            fn push(&mut self, operand: &AnyOperand, batch: &Batch<'_>, budget: &Budget) -> Result<(), BatchError> {
                match (self, operand) {
                    $((Self::$variant(builder), AnyOperand::$variant(operand)) => {
                        pushed::<$scalar>(builder, operand, batch, budget)
                    })*
                    _ => Ok(()),
                }
            }

            fn append(&mut self, other: Self, budget: &Budget) -> Result<(), Stopped> {
                match (self, other) {
                    $((Self::$variant(builder), Self::$variant(more)) => {
                        Builder::<$scalar>::append(builder, more, budget)
                    })*
                    _ => Ok(()),
                }
            }

            fn finish(self, rows: usize) -> Option<ValueColumn<'static>> {
                match self {
                    Self::Null => Some(ValueColumn::Null(rows)),
                    $(Self::$variant(builder) => Builder::<$scalar>::finish(builder),)*
                }
            }
        }
    };
}

builders!(Bool: bool, Int: i64, Wide: i128, Float: f32, Double: f64, Interval: Interval, Text: String);

fn pushed<K: Native + Built>(
    builder: &mut K::Builder,
    operand: &Operand<K>,
    batch: &Batch<'_>,
    budget: &Budget,
) -> Result<(), BatchError> {
    let vector = operand.many(batch, Selection::All(batch.rows)).map_err(BatchError::Evaluation)?;
    Ok(builder.push(&vector, batch.rows, budget)?)
}
