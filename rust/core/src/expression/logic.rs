//! What has rules of its own for NULL, or computes only what is needed: IS NULL, CASE, COALESCE, IN, BETWEEN, greatest and least.

use super::batch::{Batch, Selection, Vector, selected};
use super::columns::Stored;
use super::elements::{AnyOperand, Element, Evaluated, Native, Operand, element, operands};
use super::error::EvaluationError;
use super::row_context::RowContext;

/// `IS NULL` and `IS NOT NULL`.
struct IsNull<K: Stored> {
    operand: Operand<K>,
    is_negated: bool,
}

/// `IS NULL`, or `IS NOT NULL`.
pub fn is_null<K: Native>(operand: AnyOperand, is_negated: bool) -> Option<AnyOperand> {
    Some(element(IsNull::<K> { operand: K::unwrap(operand)?, is_negated }))
}

impl<K: Native> Element<bool> for IsNull<K> {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
        Ok(Some(self.operand.one(context)?.is_none() != self.is_negated))
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, bool>, EvaluationError> {
        let valid = self.operand.many(batch, rows)?.into_valid();
        if valid.is_empty() {
            return Ok(Vector::constant(self.is_negated, batch.rows));
        }
        Ok(Vector::new(valid.into_iter().map(|valid| valid == self.is_negated).collect(), Vec::new()))
    }

    fn may_fail(&self) -> bool {
        self.operand.may_fail()
    }
}

/// Values of rows that are found piece by piece; NULL where none is found.
struct Pieces<'v, K: Stored> {
    values: Vec<K::Item<'v>>,
    valid: Vec<bool>,
}

impl<'v, K: Stored> Pieces<'v, K> {
    fn new(rows: usize) -> Self {
        Self { values: vec![K::Item::default(); rows], valid: vec![false; rows] }
    }

    /// Takes the values of these rows, where they are there.
    fn take(&mut self, found: &Vector<'v, K>, rows: Selection<'_>) {
        rows.for_each(|row| {
            if let Some(value) = found.get(row) {
                (self.values[row], self.valid[row]) = (value.clone(), true);
            }
        });
    }

    fn finish(self) -> Vector<'v, K> {
        Vector::new(self.values, self.valid)
    }
}

/// `CASE`.
struct Case<K: Stored> {
    branches: Vec<(Operand<bool>, Operand<K>)>,
    otherwise: Operand<K>,
}

/// `CASE`: conditions and values by turns, and the value where none holds.
pub fn case<K: Native>(mut parts: Vec<AnyOperand>) -> Option<AnyOperand> {
    let otherwise = K::unwrap(parts.pop()?)?;
    let mut branches = Vec::new();
    let mut parts = parts.into_iter();
    while let Some(condition) = parts.next() {
        branches.push((bool::unwrap(condition)?, K::unwrap(parts.next()?)?));
    }
    Some(element(Case { branches, otherwise }))
}

impl<K: Native> Element<K> for Case<K> {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<K::Item<'v>> {
        for (condition, value) in &self.branches {
            if condition.one(context)? == Some(true) {
                return value.one(context);
            }
        }
        self.otherwise.one(context)
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, K>, EvaluationError> {
        let mut pieces = Pieces::new(batch.rows);
        let mut left = rows.filter(|_| true);
        for (condition, value) in &self.branches {
            if left.is_empty() {
                break;
            }
            let holds = condition.many(batch, selected(&left, batch.rows))?;
            let (chosen, others): (Vec<u16>, Vec<u16>) =
                left.into_iter().partition(|&row| holds.get(usize::from(row)) == Some(&true));
            if !chosen.is_empty() {
                let selection = selected(&chosen, batch.rows);
                pieces.take(&value.many(batch, selection)?, selection);
            }
            left = others;
        }
        if !left.is_empty() {
            let selection = selected(&left, batch.rows);
            pieces.take(&self.otherwise.many(batch, selection)?, selection);
        }
        Ok(pieces.finish())
    }

    fn may_fail(&self) -> bool {
        let branches = self.branches.iter().any(|(condition, value)| condition.may_fail() || value.may_fail());
        branches || self.otherwise.may_fail()
    }
}

/// `COALESCE`.
struct Coalesce<K: Stored>(Vec<Operand<K>>);

/// `COALESCE`.
pub fn coalesce<K: Native>(parts: Vec<AnyOperand>) -> Option<AnyOperand> {
    Some(element(Coalesce::<K>(operands(parts)?)))
}

impl<K: Native> Element<K> for Coalesce<K> {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<K::Item<'v>> {
        for operand in &self.0 {
            if let Some(value) = operand.one(context)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, K>, EvaluationError> {
        let mut pieces = Pieces::new(batch.rows);
        let mut left = rows.filter(|_| true);
        for operand in &self.0 {
            if left.is_empty() {
                break;
            }
            let selection = selected(&left, batch.rows);
            let found = operand.many(batch, selection)?;
            pieces.take(&found, selection);
            left.retain(|&row| !pieces.valid[usize::from(row)]);
        }
        Ok(pieces.finish())
    }

    fn may_fail(&self) -> bool {
        self.0.iter().any(Operand::may_fail)
    }
}

/// `greatest` and `least`, of what is not NULL.
struct Extreme<K: Stored> {
    operands: Vec<Operand<K>>,
    greatest: bool,
}

/// `greatest`, or `least`.
pub fn extreme<K: Native>(parts: Vec<AnyOperand>, greatest: bool) -> Option<AnyOperand> {
    Some(element(Extreme::<K> { operands: operands(parts)?, greatest }))
}

impl<K: Native> Extreme<K> {
    fn is_better(&self, one: &K::Item<'_>, best: &K::Item<'_>) -> bool {
        let (one, best) = (K::argument(one), K::argument(best));
        if self.greatest { K::less_of_extremes(best, one) } else { K::less_of_extremes(one, best) }
    }
}

impl<K: Native> Element<K> for Extreme<K> {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<K::Item<'v>> {
        let mut best: Option<K::Item<'v>> = None;
        for operand in &self.operands {
            if let Some(value) = operand.one(context)?
                && best.as_ref().is_none_or(|best| self.is_better(&value, best))
            {
                best = Some(value);
            }
        }
        Ok(best.map(K::found_extreme))
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, K>, EvaluationError> {
        let mut pieces = Pieces::<K>::new(batch.rows);
        for operand in &self.operands {
            let found = operand.many(batch, rows)?;
            rows.for_each(|row| {
                if let Some(value) = found.get(row)
                    && (!pieces.valid[row] || self.is_better(value, &pieces.values[row]))
                {
                    (pieces.values[row], pieces.valid[row]) = (K::found_extreme(value.clone()), true);
                }
            });
        }
        Ok(pieces.finish())
    }

    fn may_fail(&self) -> bool {
        self.operands.iter().any(Operand::may_fail)
    }
}

/// `IN`.
struct InList<K: Stored> {
    value: Operand<K>,
    items: Vec<Operand<K>>,
}

/// `IN`: the value, and what it is looked for among.
pub fn in_list<K: Native>(parts: Vec<AnyOperand>) -> Option<AnyOperand> {
    let mut parts = parts.into_iter();
    let value = K::unwrap(parts.next()?)?;
    Some(element(InList { value, items: operands(parts.collect())? }))
}

impl<K: Native> Element<bool> for InList<K> {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
        let Some(value) = self.value.one(context)? else { return Ok(None) };
        let mut unknown = false;
        for item in &self.items {
            match item.one(context)? {
                Some(item) if K::equal(K::argument(&value), K::argument(&item)) => return Ok(Some(true)),
                Some(_) => {}
                None => unknown = true,
            }
        }
        Ok((!unknown).then_some(false))
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, bool>, EvaluationError> {
        let value = self.value.many(batch, rows)?;
        let (mut values, mut known) = (vec![false; batch.rows], vec![true; batch.rows]);
        let mut left = rows.filter(|row| value.is_valid(row));
        rows.for_each(|row| known[row] = value.is_valid(row));
        for item in &self.items {
            if left.is_empty() {
                break;
            }
            if let Operand::Literal(item) = item {
                left.retain(|&row| {
                    let found = K::equal(K::argument(&value.values()[usize::from(row)]), K::argument(item));
                    values[usize::from(row)] = found;
                    !found
                });
                continue;
            }
            let found = item.many(batch, selected(&left, batch.rows))?;
            left.retain(|&row| {
                let row = usize::from(row);
                let Some(item) = found.get(row) else {
                    known[row] = false;
                    return true;
                };
                values[row] = K::equal(K::argument(&value.values()[row]), K::argument(item));
                !values[row]
            });
        }
        known.iter_mut().zip(&values).for_each(|(known, &value)| *known |= value);
        Ok(Vector::new(values, known))
    }

    fn may_fail(&self) -> bool {
        self.value.may_fail() || self.items.iter().any(Operand::may_fail)
    }
}

/// `BETWEEN`, both bounds inclusive.
struct Between<K: Stored> {
    value: Operand<K>,
    low: Operand<K>,
    high: Operand<K>,
}

/// `BETWEEN`: the value and both bounds.
pub fn between<K: Native>(parts: Vec<AnyOperand>) -> Option<AnyOperand> {
    let [value, low, high] = <[AnyOperand; 3]>::try_from(parts).ok()?;
    Some(element(Between { value: K::unwrap(value)?, low: K::unwrap(low)?, high: K::unwrap(high)? }))
}

impl<K: Native> Between<K> {
    fn of(value: &K::Item<'_>, low: Option<&K::Item<'_>>, high: Option<&K::Item<'_>>) -> Option<bool> {
        let value = K::argument(value);
        let above = low.map(|low| !K::less(value, K::argument(low)));
        let below = high.map(|high| !K::less(K::argument(high), value));
        match (above, below) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }
}

impl<K: Native> Element<bool> for Between<K> {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
        let value = self.value.one(context)?;
        let (low, high) = (self.low.one(context)?, self.high.one(context)?);
        let Some(value) = value else { return Ok(None) };
        Ok(Self::of(&value, low.as_ref(), high.as_ref()))
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, bool>, EvaluationError> {
        let value = self.value.many(batch, rows)?;
        let (low, high) = (self.low.many(batch, rows)?, self.high.many(batch, rows)?);
        let mut pieces = Pieces::<bool>::new(batch.rows);
        rows.for_each(|row| {
            if let Some(found) = value.get(row).and_then(|value| Self::of(value, low.get(row), high.get(row))) {
                (pieces.values[row], pieces.valid[row]) = (found, true);
            }
        });
        Ok(pieces.finish())
    }

    fn may_fail(&self) -> bool {
        self.value.may_fail() || self.low.may_fail() || self.high.may_fail()
    }
}
