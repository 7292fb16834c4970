//! Arithmetic of whole numbers, decimals and floating point numbers. Results that do not fit into their type are errors.

use super::elements::{Build, binary, unary};
use super::error::EvaluationError;
use super::types::{Physical, Type};

/// The greatest number of units of a decimal of so many digits.
pub fn most_units(width: u8) -> i128 {
    10_i128.saturating_pow(u32::from(width)) - 1
}

/// The least and the greatest value of a type of whole numbers or decimals, as they are held.
pub fn held_range(kind: Type) -> Option<(i128, i128)> {
    match kind {
        Type::Decimal { width, .. } => Some((-most_units(width), most_units(width))),
        _ => kind.whole_range(),
    }
}

/// A whole number in its type's range.
macro_rules! whole {
    ($name:ident, $number:ty, $negated:ident) => {
        fn $name(sign: &str, (least, most): ($number, $number)) -> Option<Build> {
            let fit = move |number: Option<$number>| match number {
                Some(number) if (least..=most).contains(&number) => Ok(number),
                _ => Err(EvaluationError::Overflow),
            };
            match sign {
                "+" => binary::<$number, $number, $number, _>(move |one: $number, two: $number|  { fit(one.checked_add(two)) }),
                "-" => binary::<$number, $number, $number, _>(move |one: $number, two: $number|  { fit(one.checked_sub(two)) }),
                "*" => binary::<$number, $number, $number, _>(move |one: $number, two: $number|  { fit(one.checked_mul(two)) }),
                "//" => binary::<$number, $number, $number, _>(move |one: $number, two: $number| {
                    if two == 0 { Err(EvaluationError::DivisionByZero) } else { fit(one.checked_div(two)) }
                }),
                "%" => binary::<$number, $number, $number, _>(move |one: $number, two: $number| {
                    if two == 0 { Err(EvaluationError::DivisionByZero) } else { Ok(one.wrapping_rem(two)) }
                }),
                _ => None,
            }
        }

        fn $negated((least, most): ($number, $number)) -> Option<Build> {
            unary::<$number, $number, _>(move |number: $number| match number.checked_neg() {
                Some(number) if (least..=most).contains(&number) => Ok(number),
                _ => Err(EvaluationError::Overflow),
            })
        }
    };
}

whole!(whole_int, i64, negated_int);
whole!(whole_wide, i128, negated_wide);

macro_rules! floating {
    ($name:ident, $number:ty) => {
        fn $name(sign: &str) -> Option<Build> {
            match sign {
                "+" => binary::<$number, $number, $number, _>(|one: $number, two: $number| one + two),
                "-" => binary::<$number, $number, $number, _>(|one: $number, two: $number| one - two),
                "*" => binary::<$number, $number, $number, _>(|one: $number, two: $number| one * two),
                "/" => binary::<$number, $number, $number, _>(|one: $number, two: $number| one / two),
                "//" => binary::<$number, $number, $number, _>(|one: $number, two: $number| {
                    if two == 0.0 { Err(EvaluationError::DivisionByZero) } else { Ok(one / two) }
                }),
                "%" => binary::<$number, $number, $number, _>(|one: $number, two: $number| one % two),
                _ => None,
            }
        }
    };
}

floating!(floating_float, f32);
floating!(floating_double, f64);

/// An operator between two numbers of these types, with a result of that.
pub fn operator(sign: &str, one: Type, two: Type, result: Type) -> Option<Build> {
    match (one, two, result) {
        (Type::Float, Type::Float, Type::Float) => return floating_float(sign),
        (Type::Double, Type::Double, Type::Double) => return floating_double(sign),
        (
            Type::Decimal { scale: left, .. },
            Type::Decimal { scale: right, .. },
            Type::Decimal { scale: wanted, .. },
        ) => {
            let fits = match sign {
                "+" | "-" | "%" => left == right && right == wanted,
                "*" => left.checked_add(right) == Some(wanted),
                _ => false,
            };
            if !fits {
                return None;
            }
        }
        _ if one == two && two == result && one.whole_range().is_some() => {}
        _ => return None,
    }
    let (least, most) = held_range(result)?;
    if [one, two].iter().any(|kind| kind.physical() != result.physical()) {
        return None;
    }
    match (i64::try_from(least), i64::try_from(most), is_wide(result)) {
        (Ok(least), Ok(most), false) => whole_int(sign, (least, most)),
        _ => whole_wide(sign, (least, most)),
    }
}

fn is_wide(kind: Type) -> bool {
    kind.physical() == Physical::Wide
}

/// `-` before a number.
pub fn negate(argument: Type, result: Type) -> Option<Build> {
    if argument != result {
        return None;
    }
    match argument {
        Type::Float => unary::<f32, f32, _>(|number: f32| -number),
        Type::Double => unary::<f64, f64, _>(|number: f64| -number),
        _ => {
            let (least, most) = held_range(argument)?;
            match (i64::try_from(least), i64::try_from(most), is_wide(argument)) {
                (Ok(least), Ok(most), false) => negated_int((least, most)),
                _ => negated_wide((least, most)),
            }
        }
    }
}
