//! What the match so far has mapped, kept as rows come and undone as they go.

use super::values::{Value, ValueColumn};
use crate::budget::{Budget, Stopped};
use crate::expression::EvaluationError;
use crate::rows::{MappedRows, VariableSet};

/// An aggregate's function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Of values that are not NULL, or of rows.
    Count,
    /// NULL over nothing.
    Sum,
    /// A double; NULL over nothing.
    Avg,
    /// NULL over nothing.
    Min,
    /// NULL over nothing.
    Max,
}

/// An aggregate over the rows mapped to a set of variables.
#[derive(Debug, Clone, Copy)]
pub struct Aggregate {
    /// What is computed.
    pub function: Function,
    /// Over which column; rows are counted without one.
    pub column: Option<usize>,
    /// The variables; all without one.
    pub variables: Option<VariableSet>,
}

/// An aggregate's states, one for each row that it has taken in. Matches can be as long as tables, so they are small.
#[derive(Debug)]
enum Accumulator {
    /// How many; a count says so when the sum has left 64 bits, by being negative.
    Ints(Vec<(i64, i64)>),
    Floats(Vec<(i64, f64)>),
    /// How many, where nothing is summed.
    Count(Vec<i64>),
    /// The row of the best value; [`NO_ROW`] before there is one.
    Best(Vec<usize>),
}

const NO_ROW: usize = usize::MAX;

/// Calls with the states, whatever they are.
macro_rules! with_states {
    ($accumulator:expr, $states:ident => $body:expr) => {
        match $accumulator {
            Accumulator::Ints($states) => $body,
            Accumulator::Floats($states) => $body,
            Accumulator::Count($states) => $body,
            Accumulator::Best($states) => $body,
        }
    };
}

impl Accumulator {
    fn of(aggregate: &Aggregate, columns: &[ValueColumn]) -> Self {
        let column = aggregate.column.map(|number| &columns[number]);
        match (aggregate.function, column) {
            (Function::Min | Function::Max, _) => Self::Best(Vec::new()),
            (Function::Sum | Function::Avg, Some(ValueColumn::Int(..))) => Self::Ints(Vec::new()),
            (Function::Sum | Function::Avg, Some(_)) => Self::Floats(Vec::new()),
            _ => Self::Count(Vec::new()),
        }
    }

    fn clear(&mut self) {
        with_states!(self, states => states.clear());
    }

    fn pop(&mut self) {
        with_states!(self, states => drop(states.pop()));
    }

    /// Takes back what was charged, before it is dropped.
    fn release(&self, budget: &Budget) {
        with_states!(self, states => budget.release_vector(states));
    }

    #[inline]
    fn push(
        &mut self,
        function: Function,
        column: Option<&ValueColumn>,
        row: usize,
        budget: &Budget,
    ) -> Result<(), Stopped> {
        let value = column.map(|column| column.value(row));
        match self {
            Self::Ints(states) => {
                let before = states.last().copied().unwrap_or((0, 0));
                push(
                    states,
                    match (before, value) {
                        ((count, sum), Some(Value::Int(number))) if count >= 0 => {
                            sum.checked_add(number).map_or((-1, 0), |sum| (count + 1, sum))
                        }
                        _ => before,
                    },
                    budget,
                )
            }
            Self::Floats(states) => {
                let before = states.last().copied().unwrap_or((0, 0.0));
                push(
                    states,
                    match value {
                        Some(Value::Float(number)) => (before.0 + 1, before.1 + number),
                        _ => before,
                    },
                    budget,
                )
            }
            Self::Count(states) => {
                let before = states.last().copied().unwrap_or(0);
                push(states, before + i64::from(value != Some(Value::Null)), budget)
            }
            Self::Best(states) => {
                let before = states.last().copied().unwrap_or(NO_ROW);
                let (Some(column), Some(value)) = (column, value) else { return push(states, before, budget) };
                let better = value != Value::Null
                    && (before == NO_ROW || {
                        let order = value.compare(column.value(before));
                        order.is_some_and(|order| if function == Function::Min { order.is_lt() } else { order.is_gt() })
                    });
                push(states, if better { row } else { before }, budget)
            }
        }
    }
}

/// Long matches make these large.
#[inline]
fn push<T: Copy>(states: &mut Vec<T>, state: T, budget: &Budget) -> Result<(), Stopped> {
    budget.reserve(states, 1)?;
    states.push(state);
    Ok(())
}

/// The rows of the match so far.
#[derive(Debug)]
pub struct MatchSoFar<'a> {
    /// The match's first row.
    pub start: usize,
    /// The classifier of each of its rows: the variable to which it is mapped.
    pub classifiers: Vec<u8>,
    /// For each set of variables that conditions name, the rows mapped to it.
    pub rows: Vec<Vec<usize>>,
    sets: &'a [VariableSet],
    aggregates: &'a [Aggregate],
    columns: &'a [ValueColumn],
    /// For each aggregate.
    states: Vec<Accumulator>,
}

impl<'a> MatchSoFar<'a> {
    /// Of no row yet.
    pub fn new(sets: &'a [VariableSet], aggregates: &'a [Aggregate], columns: &'a [ValueColumn]) -> Self {
        Self {
            start: 0,
            classifiers: Vec::new(),
            rows: vec![Vec::new(); sets.len()],
            sets,
            aggregates,
            columns,
            states: aggregates.iter().map(|aggregate| Accumulator::of(aggregate, columns)).collect(),
        }
    }

    /// Begins a match.
    pub fn begin(&mut self, start: usize) {
        self.start = start;
        self.classifiers.clear();
        self.rows.iter_mut().for_each(Vec::clear);
        self.states.iter_mut().for_each(Accumulator::clear);
    }

    /// Takes back what was charged, before it is dropped.
    pub fn release(&self, budget: &Budget) {
        budget.release_vector(&self.classifiers);
        self.rows.iter().for_each(|rows| budget.release_vector(rows));
        self.states.iter().for_each(|states| states.release(budget));
    }

    /// Maps the next row to a variable. Where there is no room for it, the state is of no more use.
    #[inline]
    pub fn push(&mut self, variable: u8, budget: &Budget) -> Result<(), Stopped> {
        let row = self.start + self.classifiers.len();
        push(&mut self.classifiers, variable, budget)?;
        for (set, rows) in self.sets.iter().zip(&mut self.rows) {
            if set.contains(variable) {
                push(rows, row, budget)?;
            }
        }
        for (aggregate, states) in self.aggregates.iter().zip(&mut self.states) {
            if aggregate.variables.is_none_or(|set| set.contains(variable)) {
                let column = aggregate.column.map(|number| &self.columns[number]);
                states.push(aggregate.function, column, row, budget)?;
            }
        }
        Ok(())
    }

    /// Takes the last row back.
    #[inline]
    pub fn pop(&mut self) {
        let Some(variable) = self.classifiers.pop() else { return };
        for (set, rows) in self.sets.iter().zip(&mut self.rows) {
            if set.contains(variable) {
                rows.pop();
            }
        }
        for (aggregate, states) in self.aggregates.iter().zip(&mut self.states) {
            if aggregate.variables.is_none_or(|set| set.contains(variable)) {
                states.pop();
            }
        }
    }

    /// An aggregate's value now; an error when a sum of integers has left 64 bits.
    pub fn aggregate(&self, slot: usize) -> Result<Value<'a>, EvaluationError> {
        let average = self.aggregates[slot].function == Function::Avg;
        Ok(match &self.states[slot] {
            Accumulator::Ints(states) => match states.last().copied().unwrap_or((0, 0)) {
                (0, _) => Value::Null,
                (..0, _) => return Err(EvaluationError::Overflow),
                (count, sum) if average => Value::Float(sum as f64 / count as f64),
                (_, sum) => Value::Int(sum),
            },
            Accumulator::Floats(states) => match states.last().copied().unwrap_or((0, 0.0)) {
                (0, _) => Value::Null,
                (count, sum) if average => Value::Float(sum / count as f64),
                (_, sum) => Value::Float(sum),
            },
            Accumulator::Count(states) => Value::Int(states.last().copied().unwrap_or(0)),
            Accumulator::Best(states) => match (states.last(), self.aggregates[slot].column) {
                (Some(&row), Some(column)) if row != NO_ROW => self.columns[column].value(row),
                _ => Value::Null,
            },
        })
    }

    /// The rows among which navigation over a set of variables moves.
    #[inline]
    pub fn mapped(&self, set: Option<usize>) -> MappedRows<'_> {
        match set {
            None => MappedRows::All(self.start..self.start + self.classifiers.len()),
            Some(set) => MappedRows::Of(&self.rows[set]),
        }
    }

    /// All that an aggregate's future depends on, as words.
    pub fn aggregate_words(&self, slot: usize, words: &mut Vec<u64>) {
        match &self.states[slot] {
            Accumulator::Ints(states) => {
                let (count, sum) = states.last().copied().unwrap_or((0, 0));
                words.extend([count as u64, sum as u64]);
            }
            Accumulator::Floats(states) => {
                let (count, sum) = states.last().copied().unwrap_or((0, 0.0));
                words.extend([count as u64, sum.to_bits()]);
            }
            Accumulator::Count(states) => words.push(states.last().copied().unwrap_or(0) as u64),
            Accumulator::Best(states) => words.push(states.last().copied().unwrap_or(NO_ROW) as u64),
        }
    }
}
