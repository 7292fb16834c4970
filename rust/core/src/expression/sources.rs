//! Elements that read the match and what is computed elsewhere, beside columns.

use std::borrow::Cow;
use std::sync::Arc;

use super::batch::{Batch, Selection, Vector};
use super::columns::{Stored, ValueColumn};
use super::elements::{AnyOperand, Element, Evaluated, Native, element, with_scalar};
use super::error::EvaluationError;
use super::ir::NumberedRow;
use super::request::{Argument, Request};
use super::row_context::RowContext;
use super::types::Physical;
use super::value::Value;
use crate::rows::At;

/// What [`Element::many`] gives for elements that read the match: only expressions without them are computed so.
fn only_in_a_match<T>() -> Result<T, EvaluationError> {
    Err(EvaluationError::Missing)
}

/// Whether there is a row.
pub struct Exists(pub At);

impl Element<bool> for Exists {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
        Ok(Some(context.row(self.0).is_some()))
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, _: Selection<'_>) -> Result<Vector<'v, bool>, EvaluationError> {
        Ok(batch.exists(self.0.rows))
    }

    fn may_fail(&self) -> bool {
        false
    }
}

/// `CLASSIFIER()` of a row.
pub struct Classifier(pub At);

impl Element<String> for Classifier {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<Cow<'v, str>> {
        Ok(context.row(self.0).and_then(|row| context.classifier(row)).map(Cow::Borrowed))
    }

    fn many<'v>(&'v self, _: &Batch<'v>, _: Selection<'_>) -> Result<Vector<'v, String>, EvaluationError> {
        only_in_a_match()
    }
}

/// `MATCH_NUMBER()`.
pub struct MatchNumber;

impl Element<i64> for MatchNumber {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<i64> {
        Ok(Some(context.around.number))
    }

    fn many<'v>(&'v self, _: &Batch<'v>, _: Selection<'_>) -> Result<Vector<'v, i64>, EvaluationError> {
        only_in_a_match()
    }
}

/// The value of an aggregate, by its number.
pub struct AggregateValue(pub usize);

impl<K: Native> Element<K> for AggregateValue {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<K::Item<'v>> {
        context.so_far.aggregate::<K>(self.0)
    }

    fn many<'v>(&'v self, _: &Batch<'v>, _: Selection<'_>) -> Result<Vector<'v, K>, EvaluationError> {
        only_in_a_match()
    }
}

/// What [`ComputedValue`] is given.
pub enum GivenOperand {
    /// A row.
    Row(At),
    /// The rows mapped to a set of variables; all without one.
    Rows(Option<usize>),
    /// A value.
    Value(AnyOperand),
}

impl GivenOperand {
    fn argument(&self, context: &RowContext<'_>) -> Result<Argument, EvaluationError> {
        Ok(match self {
            Self::Row(at) => Argument::Row(context.row(*at)),
            Self::Rows(Some(set)) => {
                let rows = context.so_far.rows.get(*set);
                Argument::Rows(rows.map(|rows| rows.as_slice().into()).unwrap_or_default())
            }
            Self::Rows(None) => {
                let start = context.so_far.start;
                Argument::Rows((start..start + context.so_far.classifiers.len()).collect())
            }
            Self::Value(operand) => Argument::Value(operand.value(context)?),
        })
    }
}

impl AnyOperand {
    /// The value for the last row of the match so far, on its own.
    pub fn value(&self, context: &RowContext<'_>) -> Result<Value, EvaluationError> {
        macro_rules! of {
            ($($variant:ident: $scalar:ty),*) => {
                match self {
                    Self::Null => Value::Null,
                    $(Self::$variant(operand) => {
                        operand.one(context)?.map_or(Value::Null, <$scalar as super::scalar::Scalar>::into_value)
                    })*
                }
            };
        }
        Ok(
            of!(Bool: bool, Int: i64, Wide: i128, Float: f32, Double: f64, Interval: super::value::Interval, Text: String),
        )
    }
}

/// An expression that is computed elsewhere.
pub struct ComputedValue {
    /// Its number there.
    pub expression: usize,
    /// What it is given.
    pub given: Vec<GivenOperand>,
}

impl<K: Native> Element<K> for ComputedValue {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<K::Item<'v>> {
        let arguments = self.given.iter().map(|given| given.argument(context)).collect::<Result<_, _>>()?;
        let request = Request { expression: self.expression, arguments };
        let answer = context.around.answers.answer(&request).ok_or(EvaluationError::Missing)?;
        Ok(K::of_value(answer))
    }

    fn many<'v>(&'v self, _: &Batch<'v>, _: Selection<'_>) -> Result<Vector<'v, K>, EvaluationError> {
        only_in_a_match()
    }
}

/// The value of a combination of rows, which was computed before.
pub struct CombinedValue {
    /// The values, by the numbers of combinations.
    pub values: Arc<ValueColumn<'static>>,
    /// The rows of a combination.
    pub rows: Vec<NumberedRow>,
}

impl CombinedValue {
    /// The number of a combination; None where a column has no number for one of the rows.
    #[inline]
    fn number(&self, context: &RowContext<'_>) -> Option<usize> {
        self.rows.iter().try_fold(0_usize, |number, &NumberedRow { at, column, count }| {
            let own = match context.row(at) {
                Some(row) => usize::try_from(i64::read(context.around.columns.get(column)?, row)?).ok()?,
                None => count.checked_sub(1)?,
            };
            number.checked_mul(count)?.checked_add(own)
        })
    }
}

impl<K: Native> Element<K> for CombinedValue {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<K::Item<'v>> {
        Ok(self.number(context).and_then(|number| K::read(&self.values, number)))
    }

    fn many<'v>(&'v self, _: &Batch<'v>, _: Selection<'_>) -> Result<Vector<'v, K>, EvaluationError> {
        only_in_a_match()
    }

    fn may_fail(&self) -> bool {
        false
    }
}

/// The value of a combination of rows as an operand of a physical type.
pub fn combined_value(value: CombinedValue, physical: Physical) -> AnyOperand {
    with_scalar!(physical, K => element::<K>(value))
}

/// An aggregate's value as an operand of a physical type.
pub fn aggregate_value(number: usize, physical: Physical) -> AnyOperand {
    with_scalar!(physical, K => element::<K>(AggregateValue(number)))
}

/// The value of an expression that is computed elsewhere as an operand of a physical type.
pub fn computed_value(value: ComputedValue, physical: Physical) -> AnyOperand {
    with_scalar!(physical, K => element::<K>(value))
}
