//! Elements: the parts of compiled expressions, each of one Rust type.
//!
//! An element has one definition, from which two loops come: [`Element::one`] for a combination of rows inside a search, and
//! [`Element::many`] for a batch of rows.

use std::marker::PhantomData;

use super::batch::{Batch, Selection, Vector, both};
use super::columns::Stored;
use super::error::EvaluationError;
use super::row_context::RowContext;
use super::scalar::Scalar;
use super::value::{Interval, Value};
use crate::rows::At;

/// A value, NULL, or none at all.
pub type Evaluated<T> = Result<Option<T>, EvaluationError>;

/// A part of a compiled expression whose values are of one Rust type.
pub trait Element<K: Scalar>: Send + Sync {
    /// The value for the last row of the match so far.
    fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<K::Item<'v>>;

    /// The values of the selected rows of a batch.
    fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, K>, EvaluationError>;

    /// Says of each row of a batch whether it has this value; NULL is no value. Those whose answer needs less than their values
    /// have another definition.
    fn are(&self, batch: &Batch<'_>, value: &K::Item<'_>, are: &mut [bool]) -> Result<(), EvaluationError> {
        self.many(batch, Selection::All(batch.rows))?.are(value, are);
        Ok(())
    }

    /// Whether it may have an error; where it may not, it can be computed for rows whose value nobody needs.
    fn may_fail(&self) -> bool {
        true
    }
}

/// An element, or what is so common that it is read without a call.
pub enum Operand<K: Scalar> {
    /// NULL.
    Null,
    /// A literal.
    Literal(K::Item<'static>),
    /// A column's value at a row.
    Read(usize, At),
    /// Any other.
    Element(Box<dyn Element<K>>),
}

impl<K: Stored> Operand<K> {
    /// [`Element::one`].
    #[inline]
    pub fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<K::Item<'v>> {
        match self {
            Self::Null => Ok(None),
            Self::Literal(value) => Ok(Some(K::borrow(value))),
            Self::Read(column, at) => {
                let Some(row) = context.row(*at) else { return Ok(None) };
                Ok(context.around.columns.get(*column).and_then(|column| K::read(column, row)))
            }
            Self::Element(element) => element.one(context),
        }
    }

    /// [`Element::many`].
    pub fn many<'v>(&'v self, batch: &Batch<'v>, rows: Selection<'_>) -> Result<Vector<'v, K>, EvaluationError> {
        Ok(match self {
            Self::Null => Vector::nulls(batch.rows),
            Self::Literal(value) => Vector::constant(K::borrow(value), batch.rows),
            Self::Read(column, at) => batch.read(*column, at.rows),
            Self::Element(element) => return element.many(batch, rows),
        })
    }

    /// [`Element::are`].
    pub fn are(&self, batch: &Batch<'_>, value: &K::Item<'_>, are: &mut [bool]) -> Result<(), EvaluationError> {
        match self {
            Self::Null => are.fill(false),
            Self::Literal(literal) => are.fill(K::equal(K::argument(literal), K::argument(value))),
            Self::Read(column, at) => batch.read::<K>(*column, at.rows).are(value, are),
            Self::Element(element) => return element.are(batch, value, are),
        }
        Ok(())
    }

    /// [`Element::may_fail`].
    pub fn may_fail(&self) -> bool {
        match self {
            Self::Element(element) => element.may_fail(),
            _ => false,
        }
    }
}

/// An operand of any type.
pub enum AnyOperand {
    /// NULL, which is of every type.
    Null,
    /// Booleans.
    Bool(Operand<bool>),
    /// Whole numbers and what is held as such.
    Int(Operand<i64>),
    /// The same, of 128 bits.
    Wide(Operand<i128>),
    /// 32 bits of floating point.
    Float(Operand<f32>),
    /// 64 bits of floating point.
    Double(Operand<f64>),
    /// Intervals.
    Interval(Operand<Interval>),
    /// Texts.
    Text(Operand<String>),
}

/// A Rust type that operands have.
pub trait Native: Stored {
    /// The operand as one of any type.
    fn wrap(operand: Operand<Self>) -> AnyOperand;

    /// The operand as one of this type; None where it is of another.
    fn unwrap(operand: AnyOperand) -> Option<Operand<Self>>;
}

macro_rules! native {
    ($($scalar:ty, $variant:ident;)*) => {
        $(impl Native for $scalar {
            fn wrap(operand: Operand<Self>) -> AnyOperand {
                AnyOperand::$variant(operand)
            }

            fn unwrap(operand: AnyOperand) -> Option<Operand<Self>> {
                match operand {
                    AnyOperand::Null => Some(Operand::Null),
                    AnyOperand::$variant(operand) => Some(operand),
                    _ => None,
                }
            }
        })*
    };
}

native! {
    bool, Bool;
    i64, Int;
    i128, Wide;
    f32, Float;
    f64, Double;
    Interval, Interval;
    String, Text;
}

/// Operands of any type as operands of one.
pub fn operands<K: Native>(operands: Vec<AnyOperand>) -> Option<Vec<Operand<K>>> {
    operands.into_iter().map(K::unwrap).collect()
}

/// Calls with the Rust type that values of a physical type are held as.
macro_rules! with_scalar {
    ($physical:expr, $scalar:ident => $body:expr) => {
        match $physical {
            $crate::expression::Physical::Bool => {
                type $scalar = bool;
                $body
            }
            $crate::expression::Physical::Int => {
                type $scalar = i64;
                $body
            }
            $crate::expression::Physical::Wide => {
                type $scalar = i128;
                $body
            }
            $crate::expression::Physical::Float => {
                type $scalar = f32;
                $body
            }
            $crate::expression::Physical::Double => {
                type $scalar = f64;
                $body
            }
            $crate::expression::Physical::Interval => {
                type $scalar = $crate::expression::Interval;
                $body
            }
            $crate::expression::Physical::Text => {
                type $scalar = String;
                $body
            }
        }
    };
}
pub(super) use with_scalar;

/// What makes an element of its arguments; None where these are of other types.
pub type Build = Box<dyn FnOnce(Vec<AnyOperand>) -> Option<AnyOperand>>;

/// An element as an operand of any type.
pub fn element<K: Native>(element: impl Element<K> + 'static) -> AnyOperand {
    K::wrap(Operand::Element(Box::new(element)))
}

/// The value of a function of literals, as an operand; None where there is an error, which is one of whoever reads the value.
fn folded<K: Native>(value: Evaluated<K>) -> Option<AnyOperand> {
    Some(match value.ok()? {
        Some(value) => K::wrap(Operand::Literal(value.item())),
        None => AnyOperand::Null,
    })
}

/// What functions give: a value, or one that may be NULL, or an error instead of either.
pub trait Outcome<K> {
    /// Whether there is a value for all arguments.
    const IS_TOTAL: bool = false;

    /// In one form.
    fn outcome(self) -> Evaluated<K>;
}

impl<K: Scalar> Outcome<K> for K {
    const IS_TOTAL: bool = true;

    #[inline]
    fn outcome(self) -> Evaluated<K> {
        Ok(Some(self))
    }
}

impl<K: Scalar> Outcome<K> for Option<K> {
    #[inline]
    fn outcome(self) -> Evaluated<K> {
        Ok(self)
    }
}

impl<K: Scalar> Outcome<K> for Result<K, EvaluationError> {
    #[inline]
    fn outcome(self) -> Evaluated<K> {
        self.map(Some)
    }
}

impl<K: Scalar> Outcome<K> for Evaluated<K> {
    #[inline]
    fn outcome(self) -> Evaluated<K> {
        self
    }
}

impl Outcome<String> for Option<&str> {
    fn outcome(self) -> Evaluated<String> {
        Ok(self.map(str::to_owned))
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $build:ident, $element:ident, [$($argument:ident: $scalar:ident),*];)*) => {
        $(
            struct $element<F, O, R, $($scalar: Scalar),*> {
                function: F,
                $($argument: Operand<$scalar>,)*
                result: PhantomData<fn() -> (O, R)>,
            }

            impl<F, O: Outcome<R>, R: Native, $($scalar: Native),*> Element<R> for $element<F, O, R, $($scalar),*>
            where
                F: for<'r> Fn($($scalar::Argument<'r>),*) -> O + Send + Sync,
            {
                fn one<'v>(&'v self, context: &RowContext<'v>) -> Evaluated<R::Item<'v>> {
                    // All are computed, as in a batch and by DuckDB: an error beside NULL is one.
                    $(let $argument = self.$argument.one(context)?;)*
                    $(let Some($argument) = $argument else { return Ok(None) };)*
                    Ok((self.function)($($scalar::argument(&$argument)),*).outcome()?.map(R::item))
                }

                fn many<'v>(
                    &'v self,
                    batch: &Batch<'v>,
                    rows: Selection<'_>,
                ) -> Result<Vector<'v, R>, EvaluationError> {
                    let mut valid = Vec::new();
                    $(
                        let $argument = self.$argument.many(batch, rows)?;
                        valid = both(valid, $argument.valid());
                        let $argument = &$argument.values()[..batch.rows];
                    )*
                    let mut values = vec![R::Item::default(); batch.rows];
                    if O::IS_TOTAL {
                        // What stands at NULL is computed too: a loop without branches.
                        rows.for_each(|row| {
                            let found = (self.function)($($scalar::argument(&$argument[row])),*).outcome();
                            values[row] = found.ok().flatten().map(R::item).unwrap_or_default();
                        });
                        return Ok(Vector::new(values, valid));
                    }
                    rows.try_for_each(|row| {
                        if !valid.is_empty() && !valid[row] {
                            return Ok(());
                        }
                        match (self.function)($($scalar::argument(&$argument[row])),*).outcome()? {
                            Some(value) => values[row] = value.item(),
                            None => {
                                if valid.is_empty() {
                                    valid = vec![true; batch.rows];
                                }
                                valid[row] = false;
                            }
                        }
                        Ok(())
                    })?;
                    Ok(Vector::new(values, valid))
                }

                fn may_fail(&self) -> bool {
                    !O::IS_TOTAL || $(self.$argument.may_fail())||*
                }
            }

            $(#[$doc])*
            pub fn $build<$($scalar: Native,)* R: Native, O: Outcome<R> + 'static>(
                function: impl for<'r> Fn($($scalar::Argument<'r>),*) -> O + Send + Sync + 'static,
            ) -> Option<Build> {
                Some(Box::new(move |operands| {
                    let mut operands = operands.into_iter();
                    $(let $argument = $scalar::unwrap(operands.next()?)?;)*
                    if let ($(Operand::Literal($argument),)*) = ($(&$argument,)*)
                        && let Some(value) = folded(function($($scalar::argument($argument)),*).outcome())
                    {
                        return Some(value);
                    }
                    Some(element($element { function, $($argument,)* result: PhantomData }))
                }))
            }
        )*
    };
}

functions! {
    /// Makes a function of one argument, which is NULL where the argument is.
    unary, Unary, [one: A];
    /// Makes a function of two arguments, which is NULL where one of them is.
    binary, Binary, [one: A, two: B];
    /// Makes a function of three arguments, which is NULL where one of them is.
    ternary, Ternary, [one: A, two: B, three: C];
}

/// The value of a literal as an operand of a physical type; None where it is of another.
pub fn literal<K: Native>(value: &Value) -> Option<Operand<K>> {
    if matches!(value, Value::Null) {
        return Some(Operand::Null);
    }
    // Through an owned value: literals live as long as whatever reads them.
    K::take(value.clone()).map(Operand::Literal)
}
