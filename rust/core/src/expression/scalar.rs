//! The Rust types that values of expressions are held as, and how they compare.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::functions::interval;
use super::value::{Interval, Value};

/// A Rust type that values are held as, one for each [`super::Physical`]: elements of expressions are generic over it.
pub trait Scalar: Clone + fmt::Debug + Send + Sync + 'static {
    /// A value in an evaluation: text is borrowed where it can be.
    type Item<'v>: Clone + Default + fmt::Debug + Send + Sync;
    /// What functions take.
    type Argument<'r>: Copy;

    /// A value as functions take it.
    fn argument<'r>(item: &'r Self::Item<'_>) -> Self::Argument<'r>;

    /// What a function gave as a value.
    fn item<'v>(self) -> Self::Item<'v>;

    /// A literal as a value.
    fn borrow<'v>(literal: &'v Self::Item<'static>) -> Self::Item<'v>;

    /// A value that is held so; None for NULL, and for others.
    fn of_value(value: &Value) -> Option<Self::Item<'_>>;

    /// The same of a value that nobody else needs.
    fn take<'v>(value: Value) -> Option<Self::Item<'v>>;

    /// The value as it crosses to others.
    fn into_value(item: Self::Item<'_>) -> Value;

    /// How two values stand to each other, as `DuckDB` orders them.
    fn compare(one: Self::Argument<'_>, other: Self::Argument<'_>) -> Ordering;

    /// Whether the first is below the second.
    #[inline]
    fn less(one: Self::Argument<'_>, other: Self::Argument<'_>) -> bool {
        Self::compare(one, other).is_lt()
    }

    /// Whether the first is below the second for `greatest` and `least`.
    #[inline]
    fn less_of_extremes(one: Self::Argument<'_>, other: Self::Argument<'_>) -> bool {
        Self::less(one, other)
    }

    /// A value that `greatest` or `least` has found.
    #[inline]
    fn found_extreme(item: Self::Item<'_>) -> Self::Item<'_> {
        item
    }

    /// Whether they are equal.
    #[inline]
    fn equal(one: Self::Argument<'_>, other: Self::Argument<'_>) -> bool {
        Self::compare(one, other).is_eq()
    }
}

/// What is the same for all values that are copied.
macro_rules! copied {
    ($value:ident) => {
        type Item<'v> = Self;
        type Argument<'r> = Self;

        #[inline]
        fn argument<'r>(item: &'r Self::Item<'_>) -> Self::Argument<'r> {
            *item
        }

        #[inline]
        fn item<'v>(self) -> Self::Item<'v> {
            self
        }

        #[inline]
        fn borrow<'v>(literal: &'v Self::Item<'static>) -> Self::Item<'v> {
            *literal
        }

        #[inline]
        fn of_value(value: &Value) -> Option<Self::Item<'_>> {
            if let Value::$value(value) = value { Some(*value) } else { None }
        }

        #[inline]
        fn take<'v>(value: Value) -> Option<Self::Item<'v>> {
            if let Value::$value(value) = value { Some(value) } else { None }
        }

        #[inline]
        fn into_value(item: Self::Item<'_>) -> Value {
            Value::$value(item)
        }
    };
}

macro_rules! ordered {
    ($($scalar:ty, $value:ident;)*) => {
        $(impl Scalar for $scalar {
            copied!($value);

            #[inline]
            fn compare(one: Self, other: Self) -> Ordering {
                one.cmp(&other)
            }

            #[inline]
            fn less(one: Self, other: Self) -> bool {
                one < other
            }

            #[inline]
            fn equal(one: Self, other: Self) -> bool {
                one == other
            }
        })*
    };
}

ordered! {
    bool, Bool;
    i64, Int;
    i128, Wide;
}

/// NaN is equal to itself and above all else; -0.0 is equal to 0.0.
macro_rules! floating {
    ($($scalar:ty, $value:ident, $zero:expr;)*) => {
        $(#[expect(clippy::float_cmp, clippy::neg_cmp_op_on_partial_ord, reason = "SQL's comparison is exact, and has NaN")]
        impl Scalar for $scalar {
            copied!($value);

            #[inline]
            fn compare(one: Self, other: Self) -> Ordering {
                one.partial_cmp(&other).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
            }

            // Without branches, so that loops over many take several at once.
            #[inline]
            fn less(one: Self, other: Self) -> bool {
                // No comparison with NaN is true, so that NaN is not below anything, and all others are below it.
                !(one >= other) & !one.is_nan()
            }

            #[inline]
            fn found_extreme(item: Self::Item<'_>) -> Self::Item<'_> {
                item + $zero
            }

            #[inline]
            fn equal(one: Self, other: Self) -> bool {
                (one == other) | (one.is_nan() & other.is_nan())
            }
        })*
    };
}

// `greatest` and `least` of FLOAT are never -0.0 in DuckDB, which adding 0.0 makes 0.0; adding -0.0 leaves all as it is.
floating! {
    f32, Float, 0.0;
    f64, Double, -0.0;
}

impl Scalar for Interval {
    copied!(Interval);

    fn compare(one: Self, other: Self) -> Ordering {
        interval::compare(one, other)
    }

    fn less_of_extremes(one: Self, other: Self) -> bool {
        interval::compare_parts(one, other).is_lt()
    }
}

impl Scalar for String {
    type Item<'v> = Cow<'v, str>;
    type Argument<'r> = &'r str;

    #[inline]
    fn argument<'r>(item: &'r Self::Item<'_>) -> &'r str {
        item
    }

    fn item<'v>(self) -> Self::Item<'v> {
        Cow::Owned(self)
    }

    #[inline]
    fn borrow<'v>(literal: &'v Self::Item<'static>) -> Self::Item<'v> {
        Cow::Borrowed(literal)
    }

    #[inline]
    fn of_value(value: &Value) -> Option<Self::Item<'_>> {
        if let Value::Text(text) = value { Some(Cow::Borrowed(text)) } else { None }
    }

    fn take<'v>(value: Value) -> Option<Self::Item<'v>> {
        if let Value::Text(text) = value { Some(Cow::Owned(text.into())) } else { None }
    }

    fn into_value(item: Self::Item<'_>) -> Value {
        Value::Text(item.into())
    }

    #[inline]
    fn compare(one: &str, other: &str) -> Ordering {
        one.cmp(other)
    }

    #[inline]
    fn equal(one: &str, other: &str) -> bool {
        one == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_above_all_else() {
        let values = [f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1.0, f64::INFINITY, f64::NAN, -f64::NAN];
        for (at, &one) in values.iter().enumerate() {
            for (place, &other) in values.iter().enumerate() {
                let same = at == place || matches!((at, place), (2 | 3, 2 | 3) | (6 | 7, 6 | 7));
                let expected = if same { Ordering::Equal } else { at.cmp(&place) };
                assert_eq!(f64::compare(one, other), expected, "{one} {other}");
                assert_eq!(f64::less(one, other), expected.is_lt(), "{one} {other}");
                assert_eq!(f64::equal(one, other), expected.is_eq(), "{one} {other}");
            }
        }
    }
}
