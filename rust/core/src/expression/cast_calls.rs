//! Casts between types of numbers, booleans, dates and timestamps: `CAST` and `TRY_CAST`.

use super::columns::Stored;
use super::elements::{Build, Native, unary};
use super::error::EvaluationError;
use super::functions::{calendar, cast, decimal};
use super::types::{Physical, Type};

/// A cast that may fail; `TRY_CAST` gives NULL then.
fn checked<A: Native, R: Native>(
    is_try: bool,
    function: impl for<'r> Fn(A::Argument<'r>) -> Result<R, EvaluationError> + Send + Sync + 'static,
) -> Option<Build> {
    if is_try { unary::<A, R, _>(move |value| function(value).ok()) } else { unary::<A, R, _>(function) }
}

/// What makes the element of a cast; None where it is not computed here.
pub fn lookup(name: &str, from: Type, to: Type) -> Option<Build> {
    let is_try = match name {
        "cast" => false,
        "try_cast" => true,
        _ => return None,
    };
    if from == to {
        return Some(Box::new(|operands| operands.into_iter().next()));
    }
    match (from, to) {
        (Type::Decimal { .. }, _) | (_, Type::Decimal { .. }) => decimals(is_try, from, to),
        _ => numbers(is_try, from, to).or_else(|| moments(is_try, from, to)),
    }
}

fn is_number(kind: Type) -> bool {
    kind.whole_range().is_some() || matches!(kind, Type::Boolean | Type::Float | Type::Double)
}

fn numbers(is_try: bool, from: Type, to: Type) -> Option<Build> {
    if !is_number(from) || !is_number(to) {
        return None;
    }
    let range = to.whole_range().unwrap_or_default();
    match (from.physical(), to.physical()) {
        (Physical::Int, Physical::Int) => checked::<i64, i64>(is_try, move |value| cast::int_to_int(value, range)),
        (Physical::Int, Physical::Wide) => checked::<i64, i128>(is_try, move |value| cast::int_to_wide(value, range)),
        (Physical::Wide, Physical::Int) => checked::<i128, i64>(is_try, move |value| cast::wide_to_int(value, range)),
        (Physical::Wide, Physical::Wide) => {
            checked::<i128, i128>(is_try, move |value| cast::wide_to_wide(value, range))
        }
        (Physical::Double, Physical::Int) => {
            checked::<f64, i64>(is_try, move |value| cast::double_to_int(value, range))
        }
        (Physical::Double, Physical::Wide) => {
            checked::<f64, i128>(is_try, move |value| cast::double_to_whole(value, range))
        }
        (Physical::Float, Physical::Int) => checked::<f32, i64>(is_try, move |value| cast::float_to_int(value, range)),
        (Physical::Float, Physical::Wide) => {
            checked::<f32, i128>(is_try, move |value| cast::float_to_whole(value, range))
        }
        (Physical::Int, Physical::Double) => unary::<i64, f64, _>(cast::int_to_double),
        (Physical::Int, Physical::Float) => unary::<i64, f32, _>(cast::int_to_float),
        (Physical::Wide, Physical::Double) => unary::<i128, f64, _>(cast::wide_to_double),
        (Physical::Wide, Physical::Float) => unary::<i128, f32, _>(cast::wide_to_float),
        (Physical::Double, Physical::Float) => checked::<f64, f32>(is_try, cast::double_to_float),
        (Physical::Float, Physical::Double) => unary::<f32, f64, _>(cast::float_to_double),
        (Physical::Int, Physical::Bool) => unary::<i64, bool, _>(cast::int_to_bool),
        (Physical::Wide, Physical::Bool) => unary::<i128, bool, _>(cast::wide_to_bool),
        (Physical::Double, Physical::Bool) => unary::<f64, bool, _>(cast::double_to_bool),
        (Physical::Float, Physical::Bool) => unary::<f32, bool, _>(cast::float_to_bool),
        (Physical::Bool, Physical::Int) => unary::<bool, i64, _>(cast::bool_to_int),
        (Physical::Bool, Physical::Wide) => unary::<bool, i128, _>(cast::bool_to_wide),
        (Physical::Bool, Physical::Double) => unary::<bool, f64, _>(cast::bool_to_double),
        (Physical::Bool, Physical::Float) => unary::<bool, f32, _>(cast::bool_to_float),
        _ => None,
    }
}

fn decimals(is_try: bool, from: Type, to: Type) -> Option<Build> {
    match (from, to) {
        (Type::Decimal { width, scale }, Type::Decimal { width: wanted, scale: digits }) => {
            let (before, after) = ((width, scale), (wanted, digits));
            match (from.physical(), to.physical()) {
                (Physical::Int, Physical::Int) => {
                    checked::<i64, i64>(is_try, move |value| decimal::int::rescale(value, before, after))
                }
                (Physical::Int, _) => {
                    checked::<i64, i128>(is_try, move |value| decimal::int_to_wide(value, before, after))
                }
                (_, Physical::Int) => {
                    checked::<i128, i64>(is_try, move |value| decimal::wide_to_int(value, before, after))
                }
                _ => checked::<i128, i128>(is_try, move |value| decimal::wide::rescale(value, before, after)),
            }
        }
        (Type::Decimal { scale, .. }, _) if from.physical() == Physical::Int => from_decimal_int(is_try, scale, to),
        (Type::Decimal { scale, .. }, _) => from_decimal_wide(is_try, scale, to),
        (_, Type::Decimal { width, scale }) if to.physical() == Physical::Int => {
            to_decimal_int(is_try, from, (width, scale))
        }
        (_, Type::Decimal { width, scale }) => to_decimal_wide(is_try, from, (width, scale)),
        _ => None,
    }
}

macro_rules! decimals {
    ($from:ident, $to:ident, $module:ident, $number:ty) => {
        fn $from(is_try: bool, scale: u8, to: Type) -> Option<Build> {
            use decimal::$module as functions;
            type N = $number;
            match to {
                Type::Boolean => unary::<N, bool, _>(functions::to_bool),
                Type::Double => unary::<N, f64, _>(move |value| functions::to_double(value, scale)),
                Type::Float => unary::<N, f32, _>(move |value| functions::to_float(value, scale)),
                _ => {
                    let range = to.whole_range()?;
                    if to.physical() == Physical::Int {
                        return checked::<N, i64>(is_try, move |value| {
                            let whole = functions::to_whole(value, scale, range)?;
                            i64::try_from(whole).map_err(|_| EvaluationError::Conversion)
                        });
                    }
                    checked::<N, i128>(is_try, move |value| functions::to_whole(value, scale, range))
                }
            }
        }

        fn $to(is_try: bool, from: Type, to: (u8, u8)) -> Option<Build> {
            use decimal::$module as functions;
            type N = $number;
            match from {
                Type::Boolean => checked::<bool, N>(is_try, move |value| functions::from_bool(value, to)),
                Type::Double => checked::<f64, N>(is_try, move |value| functions::from_double(value, to)),
                Type::Float => checked::<f32, N>(is_try, move |value| functions::from_float(value, to)),
                _ => {
                    from.whole_range()?;
                    if from.physical() == <i64 as Stored>::PHYSICAL {
                        return checked::<i64, N>(is_try, move |value| functions::from_whole(i128::from(value), to));
                    }
                    checked::<i128, N>(is_try, move |value| functions::from_whole(value, to))
                }
            }
        }
    };
}

decimals!(from_decimal_int, to_decimal_int, int, i64);
decimals!(from_decimal_wide, to_decimal_wide, wide, i128);

/// Dates and timestamps, without zones.
fn moments(is_try: bool, from: Type, to: Type) -> Option<Build> {
    let fallible = |function: fn(i64) -> Result<i64, EvaluationError>| checked::<i64, i64>(is_try, function);
    match (from, to) {
        (Type::Date, Type::Timestamp) => fallible(calendar::date_to_timestamp),
        (Type::Date, Type::TimestampS) => fallible(calendar::date_to_timestamp_s),
        (Type::Date, Type::TimestampMs) => fallible(calendar::date_to_timestamp_ms),
        (Type::Date, Type::TimestampNs) => fallible(calendar::date_to_timestamp_ns),
        (Type::Timestamp, Type::Date) => unary::<i64, i64, _>(calendar::timestamp_to_date),
        (Type::Timestamp, Type::Time) => fallible(calendar::timestamp_to_time),
        (Type::Timestamp, Type::TimestampS) => fallible(calendar::timestamp_to_timestamp_s),
        (Type::Timestamp, Type::TimestampMs) => fallible(calendar::timestamp_to_timestamp_ms),
        (Type::Timestamp, Type::TimestampNs) => fallible(calendar::timestamp_to_timestamp_ns),
        (Type::TimestampS, Type::Date) => fallible(calendar::timestamp_s_to_date),
        (Type::TimestampS, Type::Timestamp) => fallible(calendar::timestamp_s_to_timestamp),
        (Type::TimestampS, Type::TimestampMs) => fallible(calendar::timestamp_s_to_timestamp_ms),
        (Type::TimestampS, Type::TimestampNs) => fallible(calendar::timestamp_s_to_timestamp_ns),
        (Type::TimestampMs, Type::Date) => fallible(calendar::timestamp_ms_to_date),
        (Type::TimestampMs, Type::Timestamp) => fallible(calendar::timestamp_ms_to_timestamp),
        (Type::TimestampMs, Type::TimestampNs) => fallible(calendar::timestamp_ms_to_timestamp_ns),
        (Type::TimestampNs, Type::Date) => unary::<i64, i64, _>(calendar::timestamp_ns_to_date),
        (Type::TimestampNs, Type::Time) => fallible(calendar::timestamp_ns_to_time),
        (Type::TimestampNs, Type::Timestamp) => unary::<i64, i64, _>(calendar::timestamp_ns_to_timestamp),
        (Type::TimestampNs, Type::TimestampMs) => unary::<i64, i64, _>(calendar::timestamp_ns_to_timestamp_ms),
        _ => None,
    }
}
