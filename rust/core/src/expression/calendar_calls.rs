//! Calls of functions over dates, times, timestamps and intervals, without zones.

use super::elements::{Build, Evaluated, binary, ternary, unary};
use super::error::EvaluationError;
use super::functions::date_part::Part;
use super::functions::{calendar, date_diff, date_part, date_trunc, interval};
use super::types::Type;
use super::value::Interval;

/// What makes the element of a call; None where it is none of these.
pub fn lookup(name: &str, arguments: &[Type], result: Type) -> Option<Build> {
    match arguments {
        [one] => of_one(name, *one, result).or_else(|| part_function(name, *one, result)),
        [Type::Varchar, one] => by_part(name, *one, result),
        [one, two] => of_two(name, *one, *two, result),
        [Type::Varchar, one, two] if one == two && result == Type::BigInt => differences(name, *one),
        [Type::BigInt, Type::BigInt, Type::BigInt] if (name, result) == ("make_date", Type::Date) => {
            ternary::<i64, i64, i64, i64, _>(calendar::make_date)
        }
        _ => None,
    }
}

fn of_one(name: &str, one: Type, result: Type) -> Option<Build> {
    type I = Interval;
    match (name, one, result) {
        ("negate", Type::Interval, Type::Interval) => unary::<I, I, _>(interval::negate),
        ("isfinite", Type::Date, Type::Boolean) => unary::<i64, bool, _>(calendar::date_is_finite),
        ("isinf", Type::Date, Type::Boolean) => unary::<i64, bool, _>(calendar::date_is_infinite),
        ("isfinite", Type::Timestamp, Type::Boolean) => unary::<i64, bool, _>(calendar::timestamp_is_finite),
        ("isinf", Type::Timestamp, Type::Boolean) => unary::<i64, bool, _>(calendar::timestamp_is_infinite),
        ("last_day", Type::Date, Type::Date) => unary::<i64, i64, _>(calendar::date_last_day),
        ("last_day", Type::Timestamp, Type::Date) => unary::<i64, i64, _>(calendar::timestamp_last_day),
        ("dayname", Type::Date, Type::Varchar) => unary::<i64, String, _>(calendar::day_name),
        ("monthname", Type::Date, Type::Varchar) => unary::<i64, String, _>(calendar::month_name),
        ("make_timestamp", Type::BigInt, Type::Timestamp) => unary::<i64, i64, _>(calendar::make_timestamp),
        ("make_timestamp_ns", Type::BigInt, Type::TimestampNs) => unary::<i64, i64, _>(calendar::make_timestamp_ns),
        ("make_timestamp_ms" | "epoch_ms", Type::BigInt, Type::Timestamp) => {
            unary::<i64, i64, _>(calendar::from_epoch_ms)
        }
        (_, Type::Double, Type::Interval) => match name {
            "to_seconds" => unary::<f64, I, _>(interval::to_seconds),
            "to_milliseconds" => unary::<f64, I, _>(interval::to_milliseconds),
            _ => None,
        },
        (_, Type::Integer | Type::BigInt, Type::Interval) => match name {
            "to_millennia" => unary::<i64, I, _>(interval::to_millennia),
            "to_centuries" => unary::<i64, I, _>(interval::to_centuries),
            "to_decades" => unary::<i64, I, _>(interval::to_decades),
            "to_years" => unary::<i64, I, _>(interval::to_years),
            "to_quarters" => unary::<i64, I, _>(interval::to_quarters),
            "to_months" => unary::<i64, I, _>(interval::to_months),
            "to_weeks" => unary::<i64, I, _>(interval::to_weeks),
            "to_days" => unary::<i64, I, _>(interval::to_days),
            "to_hours" => unary::<i64, I, _>(interval::to_hours),
            "to_minutes" => unary::<i64, I, _>(interval::to_minutes),
            "to_microseconds" => unary::<i64, I, _>(interval::to_microseconds),
            _ => None,
        },
        (_, _, Type::BigInt) => epochs(name, one),
        _ => None,
    }
}

/// `epoch_ms`, `epoch_us` and `epoch_ns`.
fn epochs(name: &str, one: Type) -> Option<Build> {
    match (name, one) {
        ("epoch_ms", Type::Timestamp) => unary::<i64, i64, _>(date_part::timestamp_epoch_ms),
        ("epoch_us", Type::Timestamp) => unary::<i64, i64, _>(date_part::timestamp_epoch_us),
        ("epoch_ns", Type::Timestamp) => unary::<i64, i64, _>(date_part::timestamp_epoch_ns),
        ("epoch_us", Type::TimestampNs) => unary::<i64, i64, _>(date_part::timestamp_ns_epoch_us),
        ("epoch_ns", Type::TimestampNs) => unary::<i64, i64, _>(date_part::timestamp_ns_epoch_ns),
        ("epoch_ms", Type::Date) => unary::<i64, i64, _>(date_part::date_epoch_ms),
        ("epoch_us", Type::Date) => unary::<i64, i64, _>(date_part::date_epoch_us),
        ("epoch_ns", Type::Date) => unary::<i64, i64, _>(date_part::date_epoch_ns),
        ("epoch_ms", Type::Time) => unary::<i64, i64, _>(date_part::time_epoch_ms),
        ("epoch_us", Type::Time) => unary::<i64, i64, _>(date_part::time_epoch_us),
        ("epoch_ns", Type::Time) => unary::<i64, i64, _>(date_part::time_epoch_ns),
        ("epoch_ms", Type::Interval) => unary::<Interval, i64, _>(date_part::interval_epoch_ms),
        ("epoch_us", Type::Interval) => unary::<Interval, i64, _>(date_part::interval_epoch_us),
        ("epoch_ns", Type::Interval) => unary::<Interval, i64, _>(date_part::interval_epoch_ns),
        _ => None,
    }
}

/// The functions that are called as their part.
const PART_FUNCTIONS: [&str; 26] = [
    "year",
    "month",
    "day",
    "dayofmonth",
    "decade",
    "century",
    "millennium",
    "quarter",
    "dayofweek",
    "weekday",
    "isodow",
    "dayofyear",
    "week",
    "weekofyear",
    "isoyear",
    "yearweek",
    "era",
    "hour",
    "minute",
    "second",
    "millisecond",
    "microsecond",
    "epoch",
    "julian",
    "timezone_hour",
    "timezone_minute",
];

/// `year` and the like.
fn part_function(name: &str, of: Type, result: Type) -> Option<Build> {
    let part = Part::named(PART_FUNCTIONS.iter().find(|known| **known == name)?)?;
    match (of, result, part.is_double()) {
        (Type::Date, Type::BigInt, false) => unary::<i64, i64, _>(move |value| date_part::date(part, value)),
        (Type::Date, Type::Double, true) => unary::<i64, f64, _>(move |value| date_part::date_double(part, value)),
        (Type::Timestamp, Type::BigInt, false) => unary::<i64, i64, _>(move |value| date_part::timestamp(part, value)),
        (Type::Timestamp, Type::Double, true) => {
            unary::<i64, f64, _>(move |value| date_part::timestamp_double(part, value))
        }
        (Type::TimestampNs, Type::BigInt, false) if part.is_of_clock() => {
            unary::<i64, i64, _>(move |value| date_part::timestamp_ns(part, value))
        }
        (Type::TimestampNs, Type::Double, true) if part == Part::Epoch => {
            unary::<i64, f64, _>(date_part::timestamp_ns_epoch)
        }
        (Type::Time, Type::BigInt, false) if part.is_of_clock() => {
            unary::<i64, i64, _>(move |value| date_part::time(part, value))
        }
        (Type::Time, Type::Double, true) if part == Part::Epoch => unary::<i64, f64, _>(date_part::time_epoch),
        (Type::Interval, Type::BigInt, false) if part.is_of_interval() => {
            unary::<Interval, i64, _>(move |value| date_part::interval(part, value))
        }
        (Type::Interval, Type::Double, true) if part == Part::Epoch => {
            unary::<Interval, f64, _>(date_part::interval_epoch)
        }
        _ => None,
    }
}

/// The part that a text names, where it is one of those that a function takes.
fn named(text: &str, is_taken: impl Fn(Part) -> bool) -> Result<Part, EvaluationError> {
    Part::named(text).filter(|&part| is_taken(part)).ok_or(EvaluationError::OutOfRange)
}

/// `date_part` and `date_trunc`.
fn by_part(name: &str, of: Type, result: Type) -> Option<Build> {
    type S = String;
    let is_whole = |part: Part| !part.is_double();
    match (name, of, result) {
        ("date_part" | "datepart", Type::Date, Type::BigInt) => binary::<S, i64, i64, _>(move |part: &str, value| {
            Ok(date_part::date(named(part, is_whole)?, value)) as Evaluated<i64>
        }),
        ("date_part" | "datepart", Type::Date, Type::Double) => binary::<S, i64, f64, _>(|part: &str, value| {
            Ok(date_part::date_double(named(part, Part::is_double)?, value)) as Evaluated<f64>
        }),
        ("date_part" | "datepart", Type::Timestamp, Type::BigInt) => {
            binary::<S, i64, i64, _>(move |part: &str, value| {
                Ok(date_part::timestamp(named(part, is_whole)?, value)) as Evaluated<i64>
            })
        }
        ("date_part" | "datepart", Type::Timestamp, Type::Double) => binary::<S, i64, f64, _>(|part: &str, value| {
            Ok(date_part::timestamp_double(named(part, Part::is_double)?, value)) as Evaluated<f64>
        }),
        ("date_part" | "datepart", Type::Time, Type::BigInt) => binary::<S, i64, i64, _>(|part: &str, value| {
            Ok(Some(date_part::time(named(part, Part::is_of_clock)?, value))) as Evaluated<i64>
        }),
        ("date_part" | "datepart", Type::Interval, Type::BigInt) => {
            binary::<S, Interval, i64, _>(|part: &str, value| {
                Ok(Some(date_part::interval(named(part, Part::is_of_interval)?, value))) as Evaluated<i64>
            })
        }
        ("date_trunc" | "datetrunc", Type::Date, Type::Timestamp) => {
            binary::<S, i64, i64, _>(|part: &str, value| date_trunc::date(named(part, date_trunc::is_native)?, value))
        }
        ("date_trunc" | "datetrunc", Type::Timestamp, Type::Timestamp) => {
            binary::<S, i64, i64, _>(|part: &str, value| {
                date_trunc::timestamp(named(part, date_trunc::is_native)?, value)
            })
        }
        ("date_trunc" | "datetrunc", Type::Interval, Type::Interval) => {
            binary::<S, Interval, Interval, _>(|part: &str, value| {
                Ok(date_trunc::interval(named(part, date_trunc::is_native)?, value))
                    as Result<Interval, EvaluationError>
            })
        }
        _ => None,
    }
}

/// `date_diff` and `date_sub`.
fn differences(name: &str, of: Type) -> Option<Build> {
    type S = String;
    let moments = |difference: fn(Part, i64, i64) -> Evaluated<i64>| {
        ternary::<S, i64, i64, i64, _>(move |part: &str, start, end| {
            difference(named(part, date_diff::is_native)?, start, end)
        })
    };
    let times = |difference: fn(Part, i64, i64) -> i64| {
        ternary::<S, i64, i64, i64, _>(move |part: &str, start, end| {
            Ok(difference(named(part, date_diff::is_native_of_time)?, start, end)) as Result<i64, EvaluationError>
        })
    };
    match (name, of) {
        ("date_diff" | "datediff", Type::Date) => moments(date_diff::date),
        ("date_diff" | "datediff", Type::Timestamp) => moments(date_diff::timestamp),
        ("date_diff" | "datediff", Type::Time) => times(date_diff::time),
        ("date_sub" | "datesub", Type::Date) => moments(date_diff::date_sub),
        ("date_sub" | "datesub", Type::Timestamp) => moments(date_diff::timestamp_sub),
        ("date_sub" | "datesub", Type::Time) => times(date_diff::time_sub),
        _ => None,
    }
}

fn of_two(name: &str, one: Type, two: Type, result: Type) -> Option<Build> {
    type I = Interval;
    let moved = |function: fn(i64, I) -> Result<i64, EvaluationError>| binary::<i64, I, i64, _>(function);
    let moved_by = |function: fn(i64, I) -> Result<i64, EvaluationError>| {
        binary::<I, i64, i64, _>(move |interval, moment| function(moment, interval))
    };
    let name = match name {
        "add" => "+",
        "subtract" => "-",
        "multiply" => "*",
        other => other,
    };
    match (name, one, two, result) {
        ("+", Type::Interval, Type::Interval, Type::Interval) => binary::<I, I, I, _>(interval::plus),
        ("-", Type::Interval, Type::Interval, Type::Interval) => binary::<I, I, I, _>(interval::minus),
        ("*", Type::Interval, Type::BigInt, Type::Interval) => binary::<I, i64, I, _>(interval::times),
        ("*", Type::BigInt, Type::Interval, Type::Interval) => {
            binary::<i64, I, I, _>(|factor, value| interval::times(value, factor))
        }
        ("+", Type::Date, Type::Interval, Type::Timestamp) => moved(interval::date_plus),
        ("+", Type::Interval, Type::Date, Type::Timestamp) => moved_by(interval::date_plus),
        ("-", Type::Date, Type::Interval, Type::Timestamp) => moved(interval::date_minus),
        ("+", Type::Timestamp, Type::Interval, Type::Timestamp) => moved(interval::timestamp_plus),
        ("+", Type::Interval, Type::Timestamp, Type::Timestamp) => moved_by(interval::timestamp_plus),
        ("-", Type::Timestamp, Type::Interval, Type::Timestamp) => moved(interval::timestamp_minus),
        ("+", Type::TimestampS, Type::Interval, Type::Timestamp) => moved(interval::timestamp_s_plus),
        ("-", Type::TimestampS, Type::Interval, Type::Timestamp) => moved(interval::timestamp_s_minus),
        ("+", Type::TimestampMs, Type::Interval, Type::Timestamp) => moved(interval::timestamp_ms_plus),
        ("-", Type::TimestampMs, Type::Interval, Type::Timestamp) => moved(interval::timestamp_ms_minus),
        ("+", Type::TimestampNs, Type::Interval, Type::TimestampNs) => moved(interval::timestamp_ns_plus),
        ("+", Type::Interval, Type::TimestampNs, Type::TimestampNs) => moved_by(interval::timestamp_ns_plus),
        ("-", Type::TimestampNs, Type::Interval, Type::TimestampNs) => moved(interval::timestamp_ns_minus),
        ("+", Type::Time, Type::Interval, Type::Time) => binary::<i64, I, i64, _>(interval::time_plus),
        ("-", Type::Time, Type::Interval, Type::Time) => moved(interval::time_minus),
        ("-", Type::Timestamp, Type::Timestamp, Type::Interval) => {
            binary::<i64, i64, I, _>(interval::timestamp_difference)
        }
        ("-", Type::Date, Type::Date, Type::BigInt) => binary::<i64, i64, i64, _>(interval::date_difference),
        ("+", Type::Date, Type::Integer, Type::Date) => binary::<i64, i64, i64, _>(interval::date_plus_days),
        ("+", Type::Integer, Type::Date, Type::Date) => {
            binary::<i64, i64, i64, _>(|days, date| interval::date_plus_days(date, days))
        }
        ("-", Type::Date, Type::Integer, Type::Date) => binary::<i64, i64, i64, _>(interval::date_minus_days),
        ("+", Type::Date, Type::Time, Type::Timestamp) => binary::<i64, i64, i64, _>(interval::date_plus_time),
        ("age", Type::Timestamp, Type::Timestamp, Type::Interval) => binary::<i64, i64, I, _>(interval::age),
        _ => None,
    }
}
