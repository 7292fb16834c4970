//! Logic of three values: AND, OR and NOT.

use super::batch::{Batch, Selection, Vector, negate, selected};
use super::elements::{AnyOperand, Element, Evaluated, Native, Operand, element, operands};
use super::error::EvaluationError;
use super::row_context::RowContext;

/// `AND` (decided by false) and `OR` (decided by true).
struct Junction {
    parts: Vec<Operand<bool>>,
    /// The value of a part that decides.
    deciding: bool,
}

/// `AND` or `OR`.
pub fn junction(parts: Vec<AnyOperand>, deciding: bool) -> Option<AnyOperand> {
    Some(element(Junction { parts: operands(parts)?, deciding }))
}

impl Element<bool> for Junction {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
        let mut unknown = false;
        for part in &self.parts {
            match part.one(context)? {
                Some(value) if value == self.deciding => return Ok(Some(value)),
                Some(_) => {}
                None => unknown = true,
            }
        }
        Ok((!unknown).then_some(!self.deciding))
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, bool>, EvaluationError> {
        let mut values = vec![!self.deciding; batch.rows];
        let mut known: Vec<bool> = Vec::new();
        let mut undecided: Option<Vec<u16>> = None;
        for part in &self.parts {
            if !part.may_fail() {
                // Computing it for all costs less than finding out for which it is needed.
                let found = part.many(batch, rows)?;
                combine(&mut values, &mut known, &found, self.deciding);
                continue;
            }
            let needed = undecided.as_deref().map_or(rows, Selection::Some).filter(|row| values[row] != self.deciding);
            if needed.is_empty() {
                break;
            }
            let selection = selected(&needed, batch.rows);
            let found = part.many(batch, selection)?;
            selection.for_each(|row| match found.get(row) {
                Some(&value) if value == self.deciding => values[row] = value,
                Some(_) => {}
                None => {
                    if known.is_empty() {
                        known = vec![true; batch.rows];
                    }
                    known[row] = false;
                }
            });
            undecided = Some(needed);
        }
        // What is decided is known whatever else is not.
        if !known.is_empty() {
            known.iter_mut().zip(&values).for_each(|(known, &value)| *known |= value == self.deciding);
        }
        Ok(Vector::new(values, known))
    }

    fn are(&self, batch: &Batch<'_>, value: &bool, are: &mut [bool]) -> Result<(), EvaluationError> {
        if self.may_fail() {
            self.many(batch, Selection::All(batch.rows))?.are(value, are);
            return Ok(());
        }
        // One part that decides is enough; for the other value all parts must have it.
        let one_is_enough = *value == self.deciding;
        are.fill(!one_is_enough);
        let mut own = vec![false; are.len()];
        for part in &self.parts {
            part.are(batch, value, &mut own)?;
            let each = are.iter_mut().zip(&own);
            if one_is_enough {
                each.for_each(|(are, own)| *are |= own);
            } else {
                each.for_each(|(are, own)| *are &= own);
            }
        }
        Ok(())
    }

    fn may_fail(&self) -> bool {
        self.parts.iter().any(Operand::may_fail)
    }
}

/// Takes in a part that was computed for all rows.
fn combine(values: &mut [bool], known: &mut Vec<bool>, found: &Vector<'_, bool>, deciding: bool) {
    let each = values.iter_mut().zip(found.values());
    if found.valid().is_empty() {
        if deciding {
            each.for_each(|(value, found)| *value |= found);
        } else {
            each.for_each(|(value, found)| *value &= found);
        }
        return;
    }
    if known.is_empty() {
        known.resize(values.len(), true);
    }
    for (((value, known), &found), &valid) in values.iter_mut().zip(known).zip(found.values()).zip(found.valid()) {
        let decides = valid && found == deciding;
        *value = if decides { deciding } else { *value };
        *known &= valid;
    }
}

/// `NOT`.
struct Not(Operand<bool>);

/// `NOT`.
pub fn not(operand: AnyOperand) -> Option<AnyOperand> {
    Some(element(Not(bool::unwrap(operand)?)))
}

impl Element<bool> for Not {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
        Ok(self.0.one(context)?.map(|value| !value))
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, bool>, EvaluationError> {
        let (mut values, valid) = self.0.many(batch, rows)?.into_parts();
        negate(&mut values);
        Ok(Vector::new(values, valid))
    }

    fn are(&self, batch: &Batch<'_>, value: &bool, are: &mut [bool]) -> Result<(), EvaluationError> {
        self.0.are(batch, &!value, are)
    }

    fn may_fail(&self) -> bool {
        self.0.may_fail()
    }
}
