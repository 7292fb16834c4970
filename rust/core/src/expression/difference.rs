//! How far two timestamps are apart, compared with a literal: `at - PREV(at) <= INTERVAL 1 HOUR`.
//!
//! Sessions are cut by this in nearly every query. An interval for each row, of 16 bytes and compared by 128 bits, takes four times
//! as long as to subtract and compare whole numbers.

use super::batch::{Batch, Selection, Vector};
use super::elements::{AnyOperand, Element, Evaluated, Operand, element};
use super::error::EvaluationError;
use super::functions::calendar::timestamp_is_finite;
use super::functions::interval;
use super::ir::{Expression, Operation};
use super::row_context::RowContext;
use super::types::Type;
use super::value::Value;
use crate::rows::At;

/// A comparison of the difference of two columns' timestamps.
struct DifferenceWithin {
    /// The same as any comparison of intervals: for single rows, and where a timestamp is no usual one.
    general: Operand<bool>,
    left: (usize, At),
    right: (usize, At),
    /// The comparison holds where the difference is at least this, in microseconds, and less than so many above it.
    least: i64,
    range: u64,
}

/// A comparison's operand, or one that takes less time in batches.
///
/// Args:
///     name: the comparison, as SQL writes it.
///     arguments: what is compared.
///     general: what the comparison was compiled to.
pub fn specialised(name: &str, arguments: &[Expression], general: AnyOperand) -> AnyOperand {
    let found = match arguments {
        [difference, bound] => within(name, difference, bound).or_else(|| within(mirrored(name)?, bound, difference)),
        _ => None,
    };
    let Some((left, right, least, range)) = found else { return general };
    match general {
        AnyOperand::Bool(general @ Operand::Element(_)) => {
            element(DifferenceWithin { general, left, right, least, range })
        }
        other => other,
    }
}

/// The same comparison with its sides changed.
fn mirrored(name: &str) -> Option<&'static str> {
    Some(match name {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => return None,
    })
}

type Within = ((usize, At), (usize, At), i64, u64);

fn within(name: &str, difference: &Expression, bound: &Expression) -> Option<Within> {
    let Operation::Call(minus, timestamps) = &difference.operation else { return None };
    let [left, right] = timestamps.as_slice() else { return None };
    let (&Operation::Read(left_column, left_at), &Operation::Read(right_column, right_at)) =
        (&left.operation, &right.operation)
    else {
        return None;
    };
    let Operation::Literal(Value::Interval(bound)) = &bound.operation else { return None };
    let is_difference = matches!(&**minus, "-" | "subtract") && difference.result == Type::Interval;
    if !is_difference || (left.result, right.result) != (Type::Timestamp, Type::Timestamp) {
        return None;
    }
    // Larger ones are none that anybody asks for.
    let bound = i64::try_from(interval::compared(*bound)).ok().filter(|bound| bound.unsigned_abs() < 1 << 62)?;
    let (least, most) = match name {
        "<" => (i64::MIN, bound - 1),
        "<=" => (i64::MIN, bound),
        ">" => (bound + 1, i64::MAX),
        ">=" => (bound, i64::MAX),
        _ => return None,
    };
    Some(((left_column, left_at), (right_column, right_at), least, most.wrapping_sub(least) as u64))
}

impl DifferenceWithin {
    /// As [`Element::are`]; false, where nothing that counts was written, if columns do not lie in memory so, or a timestamp is
    /// infinite, or two are too far apart.
    fn are_quickly(&self, batch: &Batch<'_>, value: bool, are: &mut [bool]) -> bool {
        let slice = |(column, at): (usize, At)| batch.slice::<i64>(column, at.rows);
        let (Some((lefts, left_rows)), Some((rights, right_rows))) = (slice(self.left), slice(self.right)) else {
            return false;
        };
        let rows = left_rows.start.max(right_rows.start)..left_rows.end.min(right_rows.end);
        if rows.start >= rows.end {
            are.fill(false);
            return true;
        }
        let own = |first: usize| rows.start - first..rows.end - first;
        let (Some(lefts), Some(rights), Some(these)) =
            (lefts.get(own(left_rows.start)), rights.get(own(right_rows.start)), are.get_mut(rows.clone()))
        else {
            return false;
        };
        let mut is_unusual = false;
        for ((&left, &right), out) in lefts.iter().zip(rights).zip(these) {
            let (difference, is_too_far) = left.overflowing_sub(right);
            is_unusual |= is_too_far | !timestamp_is_finite(left) | !timestamp_is_finite(right);
            *out = (difference.wrapping_sub(self.least) as u64 <= self.range) == value;
        }
        if is_unusual {
            return false;
        }
        are[..rows.start].fill(false);
        are[rows.end..].fill(false);
        for (column, at) in [self.left, self.right] {
            batch.keep_there(column, at.rows, are);
        }
        true
    }
}

impl Element<bool> for DifferenceWithin {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
        self.general.one(context)
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, bool>, EvaluationError> {
        self.general.many(batch, rows)
    }

    fn are(&self, batch: &Batch<'_>, value: &bool, are: &mut [bool]) -> Result<(), EvaluationError> {
        if self.are_quickly(batch, *value, are) { Ok(()) } else { self.general.are(batch, value, are) }
    }

    fn may_fail(&self) -> bool {
        self.general.may_fail()
    }
}
