//! Floating point: [`double`] and [`float`] have the same functions.
//!
//! Not here is `round(value, digits)`, as it depends on how DuckDB was compiled: the build that was asked rounds the exact
//! product with a power of ten, as code does that multiplies and adds in one instruction; other code rounds the nearest
//! double to it (2.67 and 2.68 for 2.675 at two digits).

/// The functions over one physical type.
macro_rules! functions {
    ($module:ident, $number:ty, $found:ident, $description:literal) => {
        #[doc = $description]
        pub mod $module {
            use std::cmp::Ordering;

            use crate::expression::error::EvaluationError;

            /// `left + right`
            #[inline]
            pub fn add(left: $number, right: $number) -> $number {
                left + right
            }

            /// `left - right`
            #[inline]
            pub fn subtract(left: $number, right: $number) -> $number {
                left - right
            }

            /// `left * right`
            #[inline]
            pub fn multiply(left: $number, right: $number) -> $number {
                left * right
            }

            /// `left / right`: an infinity or NaN where it is divided by zero.
            #[inline]
            pub fn divide(left: $number, right: $number) -> $number {
                left / right
            }

            /// `left // right`: with its fraction, an error where it is divided by zero.
            #[inline]
            pub fn whole_divide(left: $number, right: $number) -> Result<$number, EvaluationError> {
                if right == 0.0 { Err(EvaluationError::DivisionByZero) } else { Ok(left / right) }
            }

            /// `left % right`, with the sign of the left one.
            #[inline]
            pub fn remainder(left: $number, right: $number) -> $number {
                left % right
            }

            /// `-value`
            #[inline]
            pub fn negate(value: $number) -> $number {
                -value
            }

            /// The order of comparisons: NaN is equal to itself and greater than all others, the zeros are equal.
            #[inline]
            pub fn compare(left: $number, right: $number) -> Ordering {
                left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
            }

            /// `greatest(left, right)`: the left one of equals.
            #[inline]
            pub fn greatest(left: $number, right: $number) -> $number {
                super::$found(if compare(right, left).is_gt() { right } else { left })
            }

            /// `least(left, right)`: the left one of equals.
            #[inline]
            pub fn least(left: $number, right: $number) -> $number {
                super::$found(if compare(right, left).is_lt() { right } else { left })
            }

            /// `floor(value)`
            #[inline]
            pub fn floor(value: $number) -> $number {
                value.floor()
            }

            /// `ceil(value)`
            #[inline]
            pub fn ceil(value: $number) -> $number {
                value.ceil()
            }

            /// `trunc(value)`
            #[inline]
            pub fn trunc(value: $number) -> $number {
                value.trunc()
            }

            /// `round(value)`: halves away from zero.
            #[inline]
            pub fn round(value: $number) -> $number {
                value.round()
            }

            /// `abs(value)`
            #[inline]
            pub fn abs(value: $number) -> $number {
                value.abs()
            }

            /// `sign(value)`: -1, 0 or 1; 0 for NaN.
            #[inline]
            pub fn sign(value: $number) -> i64 {
                i64::from(value > 0.0) - i64::from(value < 0.0)
            }

            /// `isnan(value)`
            #[inline]
            pub fn is_nan(value: $number) -> bool {
                value.is_nan()
            }

            /// `isinf(value)`
            #[inline]
            pub fn is_infinite(value: $number) -> bool {
                value.is_infinite()
            }

            /// `isfinite(value)`
            #[inline]
            pub fn is_finite(value: $number) -> bool {
                value.is_finite()
            }

            /// `signbit(value)`
            #[inline]
            pub fn sign_bit(value: $number) -> bool {
                value.is_sign_negative()
            }

            /// `trunc(value, digits)`: towards zero. Computed in doubles by way of a power of ten.
            #[inline]
            pub fn trunc_digits(value: $number, digits: i64) -> $number {
                super::trunc_digits(f64::from(value), digits) as $number
            }
        }
    };
}

functions!(double, f64, same, "`DOUBLE`");
functions!(float, f32, without_negative_zero, "`FLOAT`");

/// The greatest or the least of doubles is one of them.
fn same(value: f64) -> f64 {
    value
}

/// The greatest or the least of floats is never -0: DuckDB finds it by keys in which there is one zero.
fn without_negative_zero(value: f32) -> f32 {
    value + 0.0
}

/// A value scaled by a power of ten, truncated, and scaled back; the value itself where that overflows.
fn trunc_digits(value: f64, digits: i64) -> f64 {
    let power = 10_f64.powf(digits.unsigned_abs() as f64);
    let truncated = if digits < 0 { (value / power).trunc() * power } else { (value * power).trunc() / power };
    if truncated.is_finite() { truncated } else { value }
}

/// `round(value, digits)`: halves away from zero. Computed by way of a power of ten; where that overflows, 0 with fewer digits
/// than none, else the value itself.
pub fn round_digits(value: f64, digits: i64) -> f64 {
    let power = 10_f64.powf(digits.unsigned_abs() as f64);
    let (rounded, otherwise) =
        if digits < 0 { ((value / power).round() * power, 0.0) } else { ((value * power).round() / power, value) };
    match (value.is_finite(), rounded.is_finite()) {
        (false, _) => value,
        (true, true) => rounded,
        (true, false) => otherwise,
    }
}

/// `sqrt(value)`
pub fn sqrt(value: f64) -> f64 {
    value.sqrt()
}

/// `ln(value)`
pub fn ln(value: f64) -> f64 {
    value.ln()
}

/// `log10(value)` and `log(value)`
pub fn log10(value: f64) -> f64 {
    value.log10()
}

/// `log2(value)`
pub fn log2(value: f64) -> f64 {
    value.log2()
}

/// `log(base, value)`
pub fn log(base: f64, value: f64) -> f64 {
    value.log10() / base.log10()
}

/// `exp(value)`
pub fn exp(value: f64) -> f64 {
    value.exp()
}

/// `pow(base, exponent)`, `power`, `**` and `^`
pub fn power(base: f64, exponent: f64) -> f64 {
    base.powf(exponent)
}

/// `degrees(radians)`
pub fn degrees(radians: f64) -> f64 {
    radians * (180.0 / std::f64::consts::PI)
}

/// `radians(degrees)`
pub fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}
