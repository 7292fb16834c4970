//! Comparisons.

use std::ops::Range;

use super::batch::{Batch, Selection, Vector, both, negate};
use super::columns::{Stored, ValueColumn};
use super::elements::{AnyOperand, Element, Evaluated, Native, Operand, element};
use super::error::EvaluationError;
use super::row_context::RowContext;
use crate::rows::At;

/// How two values compare. Greater is less with the sides changed, and at least is not less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    kind: ComparisonKind,
    is_swapped: bool,
    is_negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ComparisonKind {
    Equal,
    Less,
    /// Where NULL is a value.
    Same,
}

impl Comparison {
    /// The comparison that SQL writes so.
    pub fn named(name: &str) -> Option<Self> {
        let (kind, is_swapped, is_negated) = match name {
            "=" => (ComparisonKind::Equal, false, false),
            "<>" => (ComparisonKind::Equal, false, true),
            "<" => (ComparisonKind::Less, false, false),
            ">=" => (ComparisonKind::Less, false, true),
            ">" => (ComparisonKind::Less, true, false),
            "<=" => (ComparisonKind::Less, true, true),
            "is not distinct from" => (ComparisonKind::Same, false, false),
            "is distinct from" => (ComparisonKind::Same, false, true),
            _ => return None,
        };
        Some(Self { kind, is_swapped, is_negated })
    }

    /// The comparison of two operands of a type.
    pub fn build<K: Native>(self, one: AnyOperand, two: AnyOperand) -> Option<AnyOperand> {
        let (one, two) = if self.is_swapped { (two, one) } else { (one, two) };
        let (one, two) = (K::unwrap(one)?, K::unwrap(two)?);
        let is_negated = self.is_negated;
        Some(match self.kind {
            ComparisonKind::Equal => element(Equal { one, two, is_negated }),
            ComparisonKind::Less => element(Less { one, two, is_negated }),
            ComparisonKind::Same => element(Same { one, two, is_negated }),
        })
    }

    /// The same of texts, of which one is often a literal.
    pub fn build_of_texts(self, one: AnyOperand, two: AnyOperand) -> Option<AnyOperand> {
        match (one, two) {
            (AnyOperand::Text(Operand::Read(column, at)), AnyOperand::Text(Operand::Literal(text)))
            | (AnyOperand::Text(Operand::Literal(text)), AnyOperand::Text(Operand::Read(column, at)))
                if self.kind == ComparisonKind::Equal =>
            {
                Some(element(EqualText { column, at, text: text.into(), is_negated: self.is_negated }))
            }
            (one, two) => self.build::<String>(one, two),
        }
    }
}

/// Compares many, several at once.
#[inline]
fn compare_each<K: Stored>(
    ones: &[K::Item<'_>],
    others: &[K::Item<'_>],
    out: &mut [bool],
    of_two: impl Fn(K::Argument<'_>, K::Argument<'_>) -> bool,
) {
    const AT_ONCE: usize = 16;
    let of = |one: &K::Item<'_>, other: &K::Item<'_>| of_two(K::argument(one), K::argument(other));
    let ((ones, last_ones), (others, last_others)) = (ones.as_chunks::<AT_ONCE>(), others.as_chunks::<AT_ONCE>());
    let (out, last) = out.as_chunks_mut::<AT_ONCE>();
    for ((one, other), out) in ones.iter().zip(others).zip(out) {
        for (at, out) in out.iter_mut().enumerate() {
            *out = of(&one[at], &other[at]);
        }
    }
    for ((one, other), out) in last_ones.iter().zip(last_others).zip(last) {
        *out = of(one, other);
    }
}

/// One side of a comparison that is true or false of a batch's rows, and only looked at there.
enum Side<'v, K: Stored> {
    /// NULL.
    Nothing,
    Same(K::Item<'v>),
    /// A column's values at a distance, as they lie in memory, and of which rows of the batch they are.
    InPlace {
        values: &'v [K::Item<'v>],
        rows: Range<usize>,
        column: usize,
        distance: i64,
    },
    Computed(Vector<'v, K>),
}

impl<'v, K: Native> Side<'v, K> {
    fn of(operand: &'v Operand<K>, batch: &Batch<'v>) -> Result<Self, EvaluationError> {
        Ok(match operand {
            Operand::Null => Self::Nothing,
            Operand::Literal(value) => Self::Same(K::borrow(value)),
            Operand::Read(column, at) => match batch.slice::<K>(*column, at.rows) {
                Some((values, rows)) => Self::InPlace { values, rows, column: *column, distance: at.rows },
                None => Self::Computed(batch.read(*column, at.rows)),
            },
            Operand::Element(element) => Self::Computed(element.many(batch, Selection::All(batch.rows))?),
        })
    }

    /// Of which rows there are values.
    fn rows(&self, batch: &Batch<'_>) -> Range<usize> {
        match self {
            Self::Nothing => 0..0,
            Self::InPlace { rows, .. } => rows.clone(),
            Self::Same(_) | Self::Computed(_) => 0..batch.rows,
        }
    }

    /// The values of these rows; None where all are the same.
    fn values(&self, of: &Range<usize>) -> Option<&[K::Item<'v>]> {
        match self {
            Self::Nothing | Self::Same(_) => None,
            Self::InPlace { values, rows, .. } => values.get(of.start.checked_sub(rows.start)?..of.end - rows.start),
            Self::Computed(vector) => vector.values().get(of.clone()),
        }
    }

    /// Makes rows false of which the value is NULL.
    fn keep_there(&self, batch: &Batch<'_>, rows: &mut [bool]) {
        match self {
            Self::Nothing | Self::Same(_) => {}
            Self::InPlace { column, distance, .. } => batch.keep_there(*column, *distance, rows),
            Self::Computed(vector) => rows.iter_mut().zip(vector.valid()).for_each(|(row, valid)| *row &= valid),
        }
    }
}

/// Says of each row of a batch whether two values that are both there compare so.
fn compare_sides<K: Native>(
    (one, two): (&Operand<K>, &Operand<K>),
    batch: &Batch<'_>,
    out: &mut [bool],
    of_two: impl Fn(K::Argument<'_>, K::Argument<'_>) -> bool,
) -> Result<(), EvaluationError> {
    let (one, two) = (Side::of(one, batch)?, Side::of(two, batch)?);
    let (ones, twos) = (one.rows(batch), two.rows(batch));
    let rows = ones.start.max(twos.start)..ones.end.min(twos.end);
    let Some((before, rest)) = out.split_at_mut_checked(rows.start).filter(|_| rows.start < rows.end) else {
        out.fill(false);
        return Ok(());
    };
    let (these, behind) = rest.split_at_mut(rows.len().min(rest.len()));
    match (one.values(&rows), two.values(&rows)) {
        (Some(ones), Some(twos)) => compare_each::<K>(ones, twos, these, of_two),
        (Some(ones), None) => {
            let Side::Same(two) = &two else { return Ok(()) };
            compare_with::<K>(ones, these, |one| of_two(one, K::argument(two)));
        }
        (None, Some(twos)) => {
            let Side::Same(one) = &one else { return Ok(()) };
            compare_with::<K>(twos, these, |two| of_two(K::argument(one), two));
        }
        (None, None) => {
            let (Side::Same(one), Side::Same(two)) = (&one, &two) else { return Ok(()) };
            these.fill(of_two(K::argument(one), K::argument(two)));
        }
    }
    before.fill(false);
    behind.fill(false);
    one.keep_there(batch, out);
    two.keep_there(batch, out);
    Ok(())
}

/// As [`compare_each`], with something that is the same for all.
#[inline]
fn compare_with<K: Stored>(values: &[K::Item<'_>], out: &mut [bool], of_one: impl Fn(K::Argument<'_>) -> bool) {
    const AT_ONCE: usize = 16;
    let (values, last_values) = values.as_chunks::<AT_ONCE>();
    let (out, last) = out.as_chunks_mut::<AT_ONCE>();
    for (values, out) in values.iter().zip(out) {
        for (value, out) in values.iter().zip(out.iter_mut()) {
            *out = of_one(K::argument(value));
        }
    }
    for (value, out) in last_values.iter().zip(last) {
        *out = of_one(K::argument(value));
    }
}

macro_rules! strict {
    ($name:ident, $of_two:ident) => {
        struct $name<K: Stored> {
            one: Operand<K>,
            two: Operand<K>,
            is_negated: bool,
        }

        impl<K: Native> Element<bool> for $name<K> {
            fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
                let (one, two) = (self.one.one(context)?, self.two.one(context)?);
                let (Some(one), Some(two)) = (one, two) else { return Ok(None) };
                Ok(Some(K::$of_two(K::argument(&one), K::argument(&two)) != self.is_negated))
            }

            fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, bool>, EvaluationError> {
                let (one, two) = (self.one.many(batch, rows)?, self.two.many(batch, rows)?);
                let mut values = vec![false; batch.rows];
                if let Selection::All(_) = rows {
                    compare_each::<K>(one.values(), two.values(), &mut values, K::$of_two);
                } else {
                    let (ones, twos) = (one.values(), two.values());
                    rows.for_each(|row| {
                        values[row] = K::$of_two(K::argument(&ones[row]), K::argument(&twos[row]));
                    });
                }
                if self.is_negated {
                    negate(&mut values);
                }
                let valid = both(one.into_valid(), two.valid());
                Ok(Vector::new(values, valid))
            }

            fn are(&self, batch: &Batch<'_>, value: &bool, are: &mut [bool]) -> Result<(), EvaluationError> {
                // The choice stands outside of the loops.
                let sides = (&self.one, &self.two);
                if *value == self.is_negated {
                    compare_sides::<K>(sides, batch, are, |one, two| !K::$of_two(one, two))
                } else {
                    compare_sides::<K>(sides, batch, are, |one, two| K::$of_two(one, two))
                }
            }

            fn may_fail(&self) -> bool {
                self.one.may_fail() || self.two.may_fail()
            }
        }
    };
}

strict!(Equal, equal);
strict!(Less, less);

/// `IS NOT DISTINCT FROM`.
struct Same<K: Stored> {
    one: Operand<K>,
    two: Operand<K>,
    is_negated: bool,
}

impl<K: Native> Element<bool> for Same<K> {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
        let same = match (self.one.one(context)?, self.two.one(context)?) {
            (Some(one), Some(two)) => K::equal(K::argument(&one), K::argument(&two)),
            (one, two) => one.is_none() && two.is_none(),
        };
        Ok(Some(same != self.is_negated))
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, bool>, EvaluationError> {
        let (one, two) = (self.one.many(batch, rows)?, self.two.many(batch, rows)?);
        let mut values = vec![false; batch.rows];
        rows.for_each(|row| {
            let same = match (one.get(row), two.get(row)) {
                (Some(one), Some(two)) => K::equal(K::argument(one), K::argument(two)),
                (one, two) => one.is_none() && two.is_none(),
            };
            values[row] = same != self.is_negated;
        });
        Ok(Vector::new(values, Vec::new()))
    }

    fn may_fail(&self) -> bool {
        self.one.may_fail() || self.two.may_fail()
    }
}

/// A column of text against a literal, without a reference to each text.
struct EqualText {
    column: usize,
    at: At,
    text: Box<str>,
    is_negated: bool,
}

impl Element<bool> for EqualText {
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<bool> {
        let Some(row) = context.row(self.at) else { return Ok(None) };
        let text = context.around.columns.get(self.column).and_then(|column| String::read(column, row));
        Ok(text.map(|text| (*text == *self.text) != self.is_negated))
    }

    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, bool>, EvaluationError> {
        let mut values = vec![false; batch.rows];
        if let (Some(ValueColumn::Text(column)), 0) = (batch.columns.get(self.column), self.at.rows) {
            column.equal_each(batch.first, &self.text, &mut values);
            if self.is_negated {
                negate(&mut values);
            }
            return Ok(Vector::new(values, batch.valid(self.column)));
        }
        let texts = batch.read::<String>(self.column, self.at.rows);
        rows.for_each(|row| values[row] = (texts.values()[row] == *self.text) != self.is_negated);
        Ok(Vector::new(values, texts.into_valid()))
    }

    fn are(&self, batch: &Batch<'_>, value: &bool, are: &mut [bool]) -> Result<(), EvaluationError> {
        are.fill(false);
        let Some(column @ ValueColumn::Text(texts)) = batch.columns.get(self.column) else { return Ok(()) };
        let (begin, rows) = batch.window(column, self.at.rows);
        let these = are.get_mut(rows).unwrap_or_default();
        texts.equal_each(begin, &self.text, these);
        if *value == self.is_negated {
            negate(these);
        }
        batch.keep_there(self.column, self.at.rows, are);
        Ok(())
    }

    fn may_fail(&self) -> bool {
        false
    }
}
