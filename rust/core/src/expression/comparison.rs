//! Comparisons.

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

    fn may_fail(&self) -> bool {
        false
    }
}
