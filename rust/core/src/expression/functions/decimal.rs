//! Decimals as whole numbers of units: [`int`] of those that are held in 64 bits (up to 18 digits), [`wide`] of the others.
//!
//! A width is a number of digits, a scale the number of those after the point. Two decimals that are added, subtracted,
//! compared or divided with a remainder have the same scale: DuckDB inserts the casts.

use super::super::error::EvaluationError;

/// Powers of ten as doubles.
fn power_of_ten(digits: u8) -> f64 {
    const POWERS: [f64; 40] = {
        let mut powers = [1.0; 40];
        let (mut place, mut power) = (1, 1_u128);
        while place < 39 {
            power *= 10;
            powers[place] = power as f64;
            place += 1;
        }
        powers[39] = 1e39;
        powers
    };
    POWERS.get(usize::from(digits)).copied().unwrap_or(f64::INFINITY)
}

/// The functions over one physical type.
macro_rules! functions {
    ($module:ident, $number:ty, $description:literal) => {
        #[doc = $description]
        pub mod $module {
            use super::{double_to_units, power_of_ten};
            use crate::expression::error::EvaluationError;
            use crate::expression::functions::cast::Range;

            type Evaluated = Result<$number, EvaluationError>;

            const POWERS: [$number; <$number>::MAX.ilog10() as usize + 1] = {
                let mut powers = [1; <$number>::MAX.ilog10() as usize + 1];
                let mut place = 1;
                while place < powers.len() {
                    powers[place] = powers[place - 1] * 10;
                    place += 1;
                }
                powers
            };

            /// Ten to a power; None where the type does not hold it.
            #[inline]
            fn ten_to(digits: u8) -> Option<$number> {
                POWERS.get(usize::from(digits)).copied()
            }

            /// A result that has at most so many digits.
            fn fitting(value: Option<$number>, width: u8, error: EvaluationError) -> Evaluated {
                let limit = ten_to(width).ok_or(error)?;
                value.filter(|value| value.unsigned_abs() < limit.unsigned_abs()).ok_or(error)
            }

            /// Divided by a positive number, halves away from zero.
            fn rounded(value: $number, divisor: $number) -> $number {
                let (quotient, rest) = (value / divisor, value % divisor);
                let half = divisor > 1 && rest.unsigned_abs() >= (divisor / 2).unsigned_abs();
                if half { quotient + value.signum() } else { quotient }
            }

            /// `left + right`; the result has `width` digits.
            #[inline]
            pub fn add(left: $number, right: $number, width: u8) -> Evaluated {
                fitting(left.checked_add(right), width, EvaluationError::Overflow)
            }

            /// `left - right`; the result has `width` digits.
            #[inline]
            pub fn subtract(left: $number, right: $number, width: u8) -> Evaluated {
                fitting(left.checked_sub(right), width, EvaluationError::Overflow)
            }

            /// `left * right`; the result has `width` digits and the sum of the scales.
            #[inline]
            pub fn multiply(left: $number, right: $number, width: u8) -> Evaluated {
                fitting(left.checked_mul(right), width, EvaluationError::Overflow)
            }

            /// `left % right`, with the sign of the left one.
            #[inline]
            pub fn remainder(left: $number, right: $number) -> Evaluated {
                if right == 0 { Err(EvaluationError::DivisionByZero) } else { Ok(left % right) }
            }

            /// `-value`
            #[inline]
            pub fn negate(value: $number) -> $number {
                -value
            }

            /// `abs(value)`
            #[inline]
            pub fn abs(value: $number) -> $number {
                value.abs()
            }

            /// `sign(value)`: -1, 0 or 1.
            #[inline]
            pub fn sign(value: $number) -> i64 {
                value.signum() as i64
            }

            /// `round(value)` of a decimal with a scale: a whole number, halves away from zero.
            #[inline]
            pub fn round(value: $number, scale: u8) -> $number {
                ten_to(scale).map_or(0, |unit| rounded(value, unit))
            }

            /// `floor(value)` of a decimal with a scale: a whole number.
            #[inline]
            pub fn floor(value: $number, scale: u8) -> $number {
                ten_to(scale).map_or(0, |unit| value.div_euclid(unit))
            }

            /// `ceil(value)` of a decimal with a scale: a whole number.
            #[inline]
            pub fn ceil(value: $number, scale: u8) -> $number {
                ten_to(scale).map_or(0, |unit| -(-value).div_euclid(unit))
            }

            /// `trunc(value)` of a decimal with a scale: a whole number.
            #[inline]
            pub fn trunc(value: $number, scale: u8) -> $number {
                ten_to(scale).map_or(0, |unit| value / unit)
            }

            /// `round(value, digits)` of a decimal with a scale; the result has `width` digits and the scale `digits`, from
            /// 0 to that one.
            #[inline]
            pub fn round_digits(value: $number, scale: u8, digits: i64, width: u8) -> Evaluated {
                fitting(Some(at_digits(value, scale, digits, rounded)), width, EvaluationError::Overflow)
            }

            /// `trunc(value, digits)` of a decimal with a scale; the result has the scale `digits`, from 0 to that one.
            #[inline]
            pub fn trunc_digits(value: $number, scale: u8, digits: i64) -> $number {
                at_digits(value, scale, digits, |value, divisor| value / divisor)
            }

            /// Divided by the power of ten that leaves so many digits after the point; of those that it takes before the
            /// point, zeros stay.
            fn at_digits(value: $number, scale: u8, digits: i64, divide: fn($number, $number) -> $number) -> $number {
                let dropped = i64::from(scale) - digits;
                if dropped <= 0 {
                    return value;
                }
                let divisor = u8::try_from(dropped).ok().and_then(ten_to);
                let zeros = u8::try_from(-digits.min(0)).ok().and_then(ten_to);
                divisor.zip(zeros).map_or(0, |(divisor, zeros)| divide(value, divisor) * zeros)
            }

            /// The other scale of a decimal of `from` (width, scale), cast to `to`, which is held in the same bits: a smaller
            /// scale rounds, halves away from zero.
            #[inline]
            pub fn rescale(value: $number, from: (u8, u8), to: (u8, u8)) -> Evaluated {
                let scaled = if to.1 >= from.1 {
                    if value == 0 {
                        return Ok(0);
                    }
                    ten_to(to.1 - from.1).and_then(|factor| value.checked_mul(factor))
                } else {
                    Some(ten_to(from.1 - to.1).map_or(0, |divisor| rounded(value, divisor)))
                };
                fitting(scaled, to.0, EvaluationError::Conversion)
            }

            /// A decimal with a scale, cast to a type of whole numbers: halves away from zero.
            #[inline]
            pub fn to_whole(value: $number, scale: u8, (least, greatest): Range) -> Result<i128, EvaluationError> {
                let whole = i128::from(round(value, scale));
                if (least..=greatest).contains(&whole) { Ok(whole) } else { Err(EvaluationError::Conversion) }
            }

            /// A whole number, cast to a decimal of `to` (width, scale).
            #[inline]
            pub fn from_whole(value: i128, to: (u8, u8)) -> Evaluated {
                let scaled = ten_to(to.1).and_then(|unit| i128::from(unit).checked_mul(value));
                let scaled = scaled.and_then(|scaled| <$number>::try_from(scaled).ok());
                fitting(scaled, to.0, EvaluationError::Conversion)
            }

            /// A decimal with a scale, cast to `DOUBLE`: the nearest one.
            #[inline]
            pub fn to_double(value: $number, scale: u8) -> f64 {
                // Both are exact, so that their quotient is rounded once.
                if value.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS && scale <= 22 {
                    return value as f64 / power_of_ten(scale);
                }
                format!("{value}e-{scale}").parse().unwrap_or(f64::NAN)
            }

            /// A decimal with a scale, cast to `FLOAT`: the nearest one.
            #[inline]
            pub fn to_float(value: $number, scale: u8) -> f32 {
                if value.unsigned_abs() <= 1 << f32::MANTISSA_DIGITS && scale <= 10 {
                    return value as f32 / power_of_ten(scale) as f32;
                }
                format!("{value}e-{scale}").parse().unwrap_or(f32::NAN)
            }

            /// A double, cast to a decimal of `to` (width, scale).
            #[inline]
            pub fn from_double(value: f64, to: (u8, u8)) -> Evaluated {
                let units = double_to_units(value * power_of_ten(to.1), to.0)?;
                <$number>::try_from(units).map_err(|_| EvaluationError::Conversion)
            }

            /// A float, cast to a decimal of `to` (width, scale).
            #[inline]
            pub fn from_float(value: f32, to: (u8, u8)) -> Evaluated {
                from_double(f64::from(value), to)
            }

            /// A decimal, cast to `BOOLEAN`.
            #[inline]
            pub fn to_bool(value: $number) -> bool {
                value != 0
            }

            /// A boolean, cast to a decimal of `to` (width, scale).
            #[inline]
            pub fn from_bool(value: bool, to: (u8, u8)) -> Evaluated {
                from_whole(i128::from(value), to)
            }
        }
    };
}

functions!(int, i64, "Decimals of up to 18 digits.");
functions!(wide, i128, "Decimals of up to 38 digits.");

/// Scaled units, rounded, where they have at most so many digits.
fn double_to_units(scaled: f64, width: u8) -> Result<i128, EvaluationError> {
    let limit = power_of_ten(width);
    let rounded = scaled.round();
    if !(rounded > -limit && rounded < limit) {
        return Err(EvaluationError::Conversion);
    }
    Ok(rounded as i128)
}

/// A decimal of 64 bits, cast to one of 128.
pub fn int_to_wide(value: i64, from: (u8, u8), to: (u8, u8)) -> Result<i128, EvaluationError> {
    wide::rescale(i128::from(value), from, to)
}

/// A decimal of 128 bits, cast to one of 64.
pub fn wide_to_int(value: i128, from: (u8, u8), to: (u8, u8)) -> Result<i64, EvaluationError> {
    i64::try_from(wide::rescale(value, from, to)?).map_err(|_| EvaluationError::Conversion)
}
