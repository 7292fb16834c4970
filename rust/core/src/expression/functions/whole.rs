//! Arithmetic and bits of whole numbers: [`int`] of those that are held in 64 bits, [`wide`] of those in 128.
//!
//! A result is checked against the range of its type: [`super::super::Type::whole_range`].

/// The functions over one physical type.
macro_rules! functions {
    ($module:ident, $number:ty, $description:literal) => {
        #[doc = $description]
        pub mod $module {
            use crate::expression::error::EvaluationError;
            use crate::expression::functions::cast::Range;

            type Evaluated = Result<$number, EvaluationError>;

            /// A result that there is and that its type has.
            #[inline]
            fn fitting(value: Option<$number>, (least, greatest): Range) -> Evaluated {
                // The limits of a type that is held in these bits.
                let fits = |value: &$number| (least as $number..=greatest as $number).contains(value);
                value.filter(fits).ok_or(EvaluationError::Overflow)
            }

            /// `left + right`
            #[inline]
            pub fn add(left: $number, right: $number, range: Range) -> Evaluated {
                fitting(left.checked_add(right), range)
            }

            /// `left - right`
            #[inline]
            pub fn subtract(left: $number, right: $number, range: Range) -> Evaluated {
                fitting(left.checked_sub(right), range)
            }

            /// `left * right`
            #[inline]
            pub fn multiply(left: $number, right: $number, range: Range) -> Evaluated {
                fitting(left.checked_mul(right), range)
            }

            /// `left // right`, towards zero.
            #[inline]
            pub fn divide(left: $number, right: $number, range: Range) -> Evaluated {
                if right == 0 {
                    return Err(EvaluationError::DivisionByZero);
                }
                fitting(left.checked_div(right), range)
            }

            /// `left % right`, with the sign of the left one.
            #[inline]
            pub fn remainder(left: $number, right: $number) -> Evaluated {
                if right == 0 { Err(EvaluationError::DivisionByZero) } else { Ok(left.wrapping_rem(right)) }
            }

            /// `-value`
            #[inline]
            pub fn negate(value: $number, range: Range) -> Evaluated {
                fitting(value.checked_neg(), range)
            }

            /// `abs(value)`
            #[inline]
            pub fn abs(value: $number, range: Range) -> Evaluated {
                fitting(value.checked_abs(), range)
            }

            /// `sign(value)`: -1, 0 or 1.
            #[inline]
            pub fn sign(value: $number) -> i64 {
                value.signum() as i64
            }

            /// `left & right`
            #[inline]
            pub fn and(left: $number, right: $number) -> $number {
                left & right
            }

            /// `left | right`
            #[inline]
            pub fn or(left: $number, right: $number) -> $number {
                left | right
            }

            /// `xor(left, right)`
            #[inline]
            pub fn xor(left: $number, right: $number) -> $number {
                left ^ right
            }

            /// `~value`: of a type without a sign, the greatest value minus it.
            #[inline]
            pub fn not(value: $number, (least, greatest): Range) -> $number {
                if least < 0 { !value } else { (greatest - i128::from(value)) as $number }
            }

            /// `left << right`: an error where a number is negative or bits are lost.
            #[inline]
            pub fn shift_left(left: $number, right: $number, range: Range) -> Evaluated {
                if left < 0 || right < 0 {
                    return Err(EvaluationError::OutOfRange);
                }
                if left == 0 {
                    return Ok(0);
                }
                let shifted = || {
                    let bits = u32::try_from(right).ok()?;
                    let factor = (1 as $number).checked_shl(bits).filter(|&factor| factor > 0)?;
                    left.checked_mul(factor)
                };
                fitting(shifted(), range)
            }

            /// `left >> right`: 0 where the type does not have as many bits as are shifted, or their number is negative.
            #[inline]
            pub fn shift_right(left: $number, right: $number, (least, greatest): Range) -> $number {
                let sign = u32::from(least < 0);
                let bits = i128::BITS - greatest.leading_zeros() + sign;
                match u32::try_from(right) {
                    Ok(shift) if shift < bits => left >> shift,
                    _ => 0,
                }
            }

            /// `round(value, digits)`: with fewer digits than none, to tens or hundreds, halves away from zero.
            #[inline]
            pub fn round_digits(value: $number, digits: i64, range: Range) -> Evaluated {
                let Some(unit) = super::unit(digits) else { return Ok(0) };
                let value = i128::from(value);
                let rest = value % unit;
                let half = unit > 1 && rest.abs() >= unit / 2;
                let rounded = (value - rest).checked_add(if half { unit * value.signum() } else { 0 });
                fitting(rounded.and_then(|rounded| rounded.try_into().ok()), range)
            }

            /// `trunc(value, digits)`: with fewer digits than none, to tens or hundreds, towards zero.
            #[inline]
            pub fn trunc_digits(value: $number, digits: i64, (_, greatest): Range) -> $number {
                // Of 64 bits, DuckDB knows powers of ten up to 18, though UBIGINT has one more.
                if digits < -18 && greatest <= i128::from(u64::MAX) {
                    return 0;
                }
                let value = i128::from(value);
                super::unit(digits).map_or(0, |unit| value - value % unit) as $number
            }
        }
    };
}

/// The power of ten to which `digits` digits after the point round: 1 where they do not reach before it, None where it is too
/// large.
fn unit(digits: i64) -> Option<i128> {
    let zeros = u32::try_from(digits.min(0).unsigned_abs()).ok()?;
    10_i128.checked_pow(zeros)
}

functions!(int, i64, "Whole numbers that are held in 64 bits.");
functions!(wide, i128, "Whole numbers that are held in 128 bits.");
