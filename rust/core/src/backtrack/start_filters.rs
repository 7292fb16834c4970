//! Which parts of conditions the match's first row alone decides, and where they are true.
//!
//! `FIRST(price) > 10 AND price > 12` can only be true in a match that begins at a row with a price above 10. Such conjuncts are
//! computed once for all rows; [`super::StartConditions`] then passes over starts where no match is possible. The condition stays
//! as it is, so a conjunct that cannot be computed for some row takes nothing away.

use crate::budget::{Budget, Stopped, Tick};
use crate::expression::{ColumnsError, Condition, Expression, Operation, RowProgram, Table, Type, Value};
use crate::rows::At;

/// Conjuncts that the match's first row alone decides, by variable.
#[derive(Default)]
pub struct StartFilters(Vec<(u8, RowProgram)>);

impl StartFilters {
    /// Of the conditions of variables, by number, over columns of these types.
    pub fn of_conditions(conditions: &[Option<Condition>], columns: &[Type]) -> Self {
        let mut filters = Vec::new();
        for (variable, condition) in (0..).zip(conditions) {
            for_each_conjunct(condition.as_ref().map(Condition::expression), &mut |conjunct| {
                if let Some(Ok(program)) = at_start(conjunct).map(|conjunct| RowProgram::new(&conjunct, columns)) {
                    filters.push((variable, program));
                }
            });
        }
        Self(filters)
    }

    /// Adds, by variable, whether its conjuncts are true of a match that begins at a row.
    pub fn add_to(
        &self,
        starts: &mut [Option<Vec<bool>>],
        table: &Table<'_>,
        budget: &Budget,
        tick: &mut Tick<'_>,
    ) -> Result<(), Stopped> {
        for (variable, program) in &self.0 {
            let charged = budget.charged_bytes();
            let computed = match table.evaluate(std::slice::from_ref(program), 1, budget, tick) {
                Ok(computed) => computed,
                Err(ColumnsError::Stopped(reason)) => return Err(reason),
                // It may never be computed at that row: the search tells.
                Err(ColumnsError::Evaluation(..)) => continue,
            };
            let (Some(column), Some(start)) = (computed.first(), starts.get_mut(usize::from(*variable))) else {
                continue;
            };
            let holds = |row: usize| column.value(row) == Value::Bool(true);
            match start {
                Some(start) => start.iter_mut().enumerate().for_each(|(row, start)| *start = *start && holds(row)),
                None => *start = Some((0..table.rows).map(holds).collect()),
            }
            // The column is dropped; what is kept is a byte a row.
            budget.release(budget.charged_bytes().saturating_sub(charged));
        }
        let kept = starts.iter().flatten().map(Vec::capacity).sum();
        if self.0.is_empty() { Ok(()) } else { budget.charge(kept) }
    }
}

fn for_each_conjunct(expression: Option<&Expression>, call: &mut impl FnMut(&Expression)) {
    let Some(expression) = expression else { return };
    match &expression.operation {
        Operation::Call(name, parts) if &**name == "and" => {
            for part in parts {
                for_each_conjunct(Some(part), call);
            }
        }
        _ => call(expression),
    }
}

/// An expression over the match's first row as one over the current row; None where it reads something else, or nothing.
fn at_start(expression: &Expression) -> Option<Expression> {
    let mut moved = expression.clone();
    let mut reads = 0;
    has_moved(&mut moved, &mut reads).then_some(moved).filter(|_| reads > 0)
}

fn has_moved(expression: &mut Expression, reads: &mut usize) -> bool {
    match &mut expression.operation {
        Operation::Read(_, at) | Operation::Exists(at) => {
            let At { set, first, offset, .. } = *at;
            at.first = false;
            *reads += 1;
            (set, first, offset) == (None, true, 0)
        }
        Operation::Literal(_) => true,
        Operation::Call(_, parts) => parts.iter_mut().all(|part| has_moved(part, reads)),
        Operation::Classifier(_) | Operation::MatchNumber | Operation::Aggregate(_) | Operation::Computed(..) => false,
    }
}
