//! Calls of functions over whole numbers, floating point numbers and decimals.

use super::elements::{AnyOperand, Build, binary, unary};
use super::functions::{decimal, float, whole};
use super::types::{Physical, Type};

/// What makes the element of a call; None where it is none of these.
pub fn lookup(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
    match arguments {
        [Type::Decimal { .. }, ..] => decimals(name, arguments, result),
        [Type::Float, ..] => floats(name, arguments, result),
        [Type::Double, ..] => doubles(name, arguments, result).or_else(|| only_doubles(name, arguments, result)),
        [kind, ..] if kind.whole_range().is_some() => match kind.physical() {
            Physical::Int => whole_ints(name, arguments, result),
            _ => whole_wides(name, arguments, result),
        },
        _ => None,
    }
}

macro_rules! whole {
    ($name:ident, $module:ident, $number:ty) => {
        fn $name(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
            use whole::$module as functions;
            type N = $number;
            let range = result.whole_range()?;
            match arguments {
                [one] if name == "sign" && result == Type::TinyInt => {
                    let _ = one;
                    unary::<N, i64, _>(functions::sign)
                }
                [one] if *one == result => match name {
                    "negate" => unary::<N, N, _>(move |value| functions::negate(value, range)),
                    "abs" | "@" => unary::<N, N, _>(move |value| functions::abs(value, range)),
                    "~" => unary::<N, N, _>(move |value| functions::not(value, range)),
                    // Of whole numbers, these are the numbers themselves.
                    "round" | "trunc" => unary::<N, N, _>(|value: N| value),
                    _ => None,
                },
                [one, Type::Integer] if *one == result && matches!(name, "round" | "trunc") => {
                    if name == "round" {
                        binary::<N, i64, N, _>(move |value, digits| functions::round_digits(value, digits, range))
                    } else {
                        binary::<N, i64, N, _>(move |value, digits| functions::trunc_digits(value, digits, range))
                    }
                }
                [one, two] if one == two && *two == result => match name {
                    "+" | "add" => binary::<N, N, N, _>(move |one, two| functions::add(one, two, range)),
                    "-" | "subtract" => binary::<N, N, N, _>(move |one, two| functions::subtract(one, two, range)),
                    "*" | "multiply" => binary::<N, N, N, _>(move |one, two| functions::multiply(one, two, range)),
                    "//" | "divide" => binary::<N, N, N, _>(move |one, two| functions::divide(one, two, range)),
                    "%" | "mod" => binary::<N, N, N, _>(functions::remainder),
                    "&" => binary::<N, N, N, _>(functions::and),
                    "|" => binary::<N, N, N, _>(functions::or),
                    "xor" => binary::<N, N, N, _>(functions::xor),
                    "<<" => binary::<N, N, N, _>(move |one, two| functions::shift_left(one, two, range)),
                    ">>" => binary::<N, N, N, _>(move |one, two| functions::shift_right(one, two, range)),
                    _ => None,
                },
                _ => None,
            }
        }
    };
}

whole!(whole_ints, int, i64);
whole!(whole_wides, wide, i128);

macro_rules! floating {
    ($name:ident, $module:ident, $number:ty, $kind:ident) => {
        fn $name(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
            use float::$module as functions;
            type N = $number;
            match (arguments, result) {
                ([_], Type::TinyInt) if name == "sign" => unary::<N, i64, _>(functions::sign),
                ([_], Type::Boolean) => match name {
                    "isnan" => unary::<N, bool, _>(functions::is_nan),
                    "isinf" => unary::<N, bool, _>(functions::is_infinite),
                    "isfinite" => unary::<N, bool, _>(functions::is_finite),
                    "signbit" => unary::<N, bool, _>(functions::sign_bit),
                    _ => None,
                },
                ([_], Type::$kind) => match name {
                    "negate" => unary::<N, N, _>(functions::negate),
                    "abs" | "@" => unary::<N, N, _>(functions::abs),
                    "floor" => unary::<N, N, _>(functions::floor),
                    "ceil" | "ceiling" => unary::<N, N, _>(functions::ceil),
                    "trunc" => unary::<N, N, _>(functions::trunc),
                    "round" => unary::<N, N, _>(functions::round),
                    _ => None,
                },
                ([_, Type::Integer], Type::$kind) if name == "trunc" => binary::<N, i64, N, _>(functions::trunc_digits),
                ([_, Type::$kind], Type::$kind) => match name {
                    "+" | "add" => binary::<N, N, N, _>(functions::add),
                    "-" | "subtract" => binary::<N, N, N, _>(functions::subtract),
                    "*" | "multiply" => binary::<N, N, N, _>(functions::multiply),
                    "/" => binary::<N, N, N, _>(functions::divide),
                    "//" | "divide" => binary::<N, N, N, _>(functions::whole_divide),
                    "%" | "mod" => binary::<N, N, N, _>(functions::remainder),
                    _ => None,
                },
                _ => None,
            }
        }
    };
}

floating!(floats, float, f32, Float);
floating!(doubles, double, f64, Double);

fn only_doubles(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
    match (arguments, result) {
        ([_], Type::Double) => match name {
            "sqrt" => unary::<f64, f64, _>(float::sqrt),
            "ln" => unary::<f64, f64, _>(float::ln),
            "log" | "log10" => unary::<f64, f64, _>(float::log10),
            "log2" => unary::<f64, f64, _>(float::log2),
            "exp" => unary::<f64, f64, _>(float::exp),
            "degrees" => unary::<f64, f64, _>(float::degrees),
            "radians" => unary::<f64, f64, _>(float::radians),
            _ => None,
        },
        ([_, Type::Integer], Type::Double) if name == "round" => binary::<f64, i64, f64, _>(float::round_digits),
        ([_, Type::Double], Type::Double) => match name {
            "pow" | "power" | "**" | "^" => binary::<f64, f64, f64, _>(float::power),
            "log" => binary::<f64, f64, f64, _>(float::log),
            _ => None,
        },
        _ => None,
    }
}

/// Decimals are computed in the bits of the result, where that is one.
fn decimals(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
    let of_two_decimals = matches!(arguments, [_, Type::Decimal { .. }]);
    let wide = if of_two_decimals { result } else { arguments.first().copied()? }.physical() == Physical::Wide;
    if !wide {
        let ints = arguments.iter().all(|kind| kind.physical() == Physical::Int);
        return if ints { decimal_ints(name, arguments, result) } else { None };
    }
    let build = decimal_wides(name, arguments, result)?;
    // The digits that a decimal is rounded to stay as they are.
    let widened = if of_two_decimals { 2 } else { 1 };
    Some(Box::new(move |operands| {
        let operands = operands.into_iter().enumerate();
        let operands = operands.map(|(at, operand)| if at < widened { to_wide(operand) } else { Some(operand) });
        build(operands.collect::<Option<_>>()?)
    }))
}

fn to_wide(operand: AnyOperand) -> Option<AnyOperand> {
    match operand {
        AnyOperand::Int(_) => unary::<i64, i128, _>(i128::from)?(vec![operand]),
        other => Some(other),
    }
}

fn shape(kind: Type) -> Option<(u8, u8)> {
    if let Type::Decimal { width, scale } = kind { Some((width, scale)) } else { None }
}

macro_rules! decimals {
    ($name:ident, $module:ident, $number:ty) => {
        fn $name(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
            use decimal::$module as functions;
            type N = $number;
            let (own_width, own) = shape(*arguments.first()?)?;
            if let ([_], "sign", Type::TinyInt) = (arguments, name, result) {
                return unary::<N, i64, _>(functions::sign);
            }
            let (width, scale) = shape(result)?;
            match arguments {
                [_] => match (name, (width, scale) == (own_width, own), scale == 0) {
                    ("negate", true, _) => unary::<N, N, _>(functions::negate),
                    ("abs" | "@", true, _) => unary::<N, N, _>(functions::abs),
                    ("round", _, true) => unary::<N, N, _>(move |value| functions::round(value, own)),
                    ("floor", _, true) => unary::<N, N, _>(move |value| functions::floor(value, own)),
                    ("ceil" | "ceiling", _, true) => unary::<N, N, _>(move |value| functions::ceil(value, own)),
                    ("trunc", _, true) => unary::<N, N, _>(move |value| functions::trunc(value, own)),
                    _ => None,
                },
                [_, Type::Integer] => match name {
                    // The result's scale says how many digits stay, but for those before the point.
                    "round" => binary::<N, i64, N, _>(move |value, digits: i64| {
                        functions::round_digits(value, own, digits.min(i64::from(own)), width)
                    }),
                    "trunc" => binary::<N, i64, N, _>(move |value, digits: i64| {
                        functions::trunc_digits(value, own, digits.min(i64::from(own)))
                    }),
                    _ => None,
                },
                [_, Type::Decimal { scale: other, .. }] => match name {
                    "*" | "multiply" if own.checked_add(*other) == Some(scale) => {
                        binary::<N, N, N, _>(move |one, two| functions::multiply(one, two, width))
                    }
                    _ if own != *other || own != scale => None,
                    "+" | "add" => binary::<N, N, N, _>(move |one, two| functions::add(one, two, width)),
                    "-" | "subtract" => binary::<N, N, N, _>(move |one, two| functions::subtract(one, two, width)),
                    "%" | "mod" => binary::<N, N, N, _>(functions::remainder),
                    _ => None,
                },
                _ => None,
            }
        }
    };
}

decimals!(decimal_ints, int, i64);
decimals!(decimal_wides, wide, i128);
