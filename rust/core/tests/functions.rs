//! Every scalar function against what DuckDB answered: `tests/data/expression/`, or the directory that the environment
//! variable `EXPRESSION_VALUES` names, which `fuzz/python/expression_values.py` fills with as many cases as wanted. One file, as it is mostly one list of functions.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rowpattern_core::expression::functions::cast::Range;
use rowpattern_core::expression::functions::date_part::Part;
use rowpattern_core::expression::functions::{
    calendar, cast, date_diff, date_part, date_trunc, decimal, float, interval, pattern, text, whole,
};
use rowpattern_core::expression::{EvaluationError, Interval, Physical, Type};

/// A value as the data files have it.
trait Read<'given>: Sized {
    fn read(text: &'given str) -> Self;
}

macro_rules! read_by_parsing {
    ($($number:ty),*) => {
        $(impl Read<'_> for $number {
            fn read(text: &str) -> Self {
                text.parse().unwrap_or_else(|_| panic!("no {}: {text}", stringify!($number)))
            }
        })*
    };
}

read_by_parsing!(i64, i128, f32, f64, bool);

impl Read<'_> for Interval {
    fn read(text: &str) -> Self {
        let parts: Vec<&str> = text.split(' ').collect();
        let [months, days, micros] = parts[..] else { panic!("no interval: {text}") };
        Self { months: i64::read(months) as i32, days: i64::read(days) as i32, micros: i64::read(micros) }
    }
}

impl<'given> Read<'given> for &'given str {
    fn read(text: &'given str) -> Self {
        text
    }
}

/// A result in the form in which results are compared.
trait Show {
    fn show(self) -> String;
}

macro_rules! show_by_printing {
    ($($value:ty),*) => {
        $(impl Show for $value {
            fn show(self) -> String {
                format!("{self:?}")
            }
        })*
    };
}

show_by_printing!(i64, i128, f32, f64, bool, Interval, &str, String);

impl<T: Show> Show for Option<T> {
    fn show(self) -> String {
        self.map_or_else(|| "NULL".to_owned(), Show::show)
    }
}

impl<T: Show> Show for Result<T, EvaluationError> {
    fn show(self) -> String {
        self.map_or_else(|_| "error".to_owned(), Show::show)
    }
}

fn one<'given, A: Read<'given>, R: Show>(given: &'given [String], function: impl Fn(A) -> R) -> String {
    function(A::read(&given[0])).show()
}

fn two<'given, A, B, R>(given: &'given [String], function: impl Fn(A, B) -> R) -> String
where
    A: Read<'given>,
    B: Read<'given>,
    R: Show,
{
    function(A::read(&given[0]), B::read(&given[1])).show()
}

fn three<'given, A, B, C, R>(given: &'given [String], function: impl Fn(A, B, C) -> R) -> String
where
    A: Read<'given>,
    B: Read<'given>,
    C: Read<'given>,
    R: Show,
{
    function(A::read(&given[0]), B::read(&given[1]), C::read(&given[2])).show()
}

/// A call of the data: what is after the function's name, and the types.
struct Call {
    name: String,
    detail: String,
    arguments: Vec<Type>,
    result: Type,
}

impl Call {
    /// The call that a line with `=` describes.
    fn new(line: &str) -> Self {
        let parts: Vec<&str> = line.split('\t').collect();
        let [name, _, arguments, result] = parts[..] else { panic!("no call: {line}") };
        let (name, detail) = name.split_once(' ').unwrap_or((name, ""));
        let named = |name: &str| Type::named(name).unwrap_or_else(|| panic!("no type: {name}"));
        Self {
            name: name.to_owned(),
            detail: detail.to_owned(),
            arguments: arguments.split(", ").map(named).collect(),
            result: named(result),
        }
    }

    fn part(&self) -> Part {
        Part::named(&self.detail).unwrap_or_else(|| panic!("no part: {}", self.detail))
    }

    fn range(&self) -> Range {
        self.result.whole_range().unwrap_or_else(|| panic!("no whole numbers: {:?}", self.result))
    }

    fn digits(&self) -> i64 {
        self.detail.parse().unwrap_or_else(|_| panic!("no digits: {}", self.detail))
    }

    /// Width and scale of the result, or of the first argument.
    fn shape(&self, of_result: bool) -> (u8, u8) {
        match if of_result { self.result } else { self.arguments[0] } {
            Type::Decimal { width, scale } => (width, scale),
            other => panic!("no decimal: {other:?}"),
        }
    }

    /// The answer of the function; None where the test has no function of the name.
    fn answer(&self, given: &[String]) -> Option<String> {
        let (family, name) = self.name.split_once("::")?;
        match family {
            "interval" => Self::interval(name, given),
            "calendar" => Self::calendar(name, given),
            "date_part" => self.date_part(name, given),
            "date_trunc" | "date_diff" => self.by_part(family, name, given),
            "text" => Self::text(name, given),
            "pattern" => Self::pattern(name, given),
            "cast" => self.cast(given),
            "whole" => self.whole(name, given),
            "float" => self.float(name, given),
            "decimal" => self.decimal(name, given),
            _ => None,
        }
    }

    fn interval(name: &str, given: &[String]) -> Option<String> {
        Some(match name {
            "timestamp_plus" => two(given, interval::timestamp_plus),
            "timestamp_minus" => two(given, interval::timestamp_minus),
            "date_plus" => two(given, interval::date_plus),
            "date_minus" => two(given, interval::date_minus),
            "timestamp_s_plus" => two(given, interval::timestamp_s_plus),
            "timestamp_s_minus" => two(given, interval::timestamp_s_minus),
            "timestamp_ms_plus" => two(given, interval::timestamp_ms_plus),
            "timestamp_ms_minus" => two(given, interval::timestamp_ms_minus),
            "timestamp_ns_plus" => two(given, interval::timestamp_ns_plus),
            "timestamp_ns_minus" => two(given, interval::timestamp_ns_minus),
            "time_plus" => two(given, interval::time_plus),
            "time_minus" => two(given, interval::time_minus),
            "timestamp_difference" => two(given, interval::timestamp_difference),
            "date_difference" => two(given, interval::date_difference),
            "date_plus_days" => two(given, interval::date_plus_days),
            "date_minus_days" => two(given, interval::date_minus_days),
            "date_plus_time" => two(given, interval::date_plus_time),
            "plus" => two(given, interval::plus),
            "minus" => two(given, interval::minus),
            "negate" => one(given, interval::negate),
            "times" => two(given, interval::times),
            "less" => two(given, |left, right| interval::compare(left, right) == Ordering::Less),
            "equal" => two(given, |left, right| interval::compare(left, right) == Ordering::Equal),
            "greatest" => two(given, interval::greatest),
            "least" => two(given, interval::least),
            "age" => two(given, interval::age),
            "to_millennia" => one(given, interval::to_millennia),
            "to_centuries" => one(given, interval::to_centuries),
            "to_decades" => one(given, interval::to_decades),
            "to_years" => one(given, interval::to_years),
            "to_quarters" => one(given, interval::to_quarters),
            "to_months" => one(given, interval::to_months),
            "to_weeks" => one(given, interval::to_weeks),
            "to_days" => one(given, interval::to_days),
            "to_hours" => one(given, interval::to_hours),
            "to_minutes" => one(given, interval::to_minutes),
            "to_seconds" => one(given, interval::to_seconds),
            "to_milliseconds" => one(given, interval::to_milliseconds),
            "to_microseconds" => one(given, interval::to_microseconds),
            _ => return None,
        })
    }

    fn calendar(name: &str, given: &[String]) -> Option<String> {
        Some(match name {
            "date_to_timestamp" => one(given, calendar::date_to_timestamp),
            "date_to_timestamp_s" => one(given, calendar::date_to_timestamp_s),
            "date_to_timestamp_ms" => one(given, calendar::date_to_timestamp_ms),
            "date_to_timestamp_ns" => one(given, calendar::date_to_timestamp_ns),
            "timestamp_to_date" => one(given, calendar::timestamp_to_date),
            "timestamp_s_to_date" => one(given, calendar::timestamp_s_to_date),
            "timestamp_ms_to_date" => one(given, calendar::timestamp_ms_to_date),
            "timestamp_ns_to_date" => one(given, calendar::timestamp_ns_to_date),
            "timestamp_to_time" => one(given, calendar::timestamp_to_time),
            "timestamp_ns_to_time" => one(given, calendar::timestamp_ns_to_time),
            "timestamp_s_to_timestamp" => one(given, calendar::timestamp_s_to_timestamp),
            "timestamp_s_to_timestamp_ms" => one(given, calendar::timestamp_s_to_timestamp_ms),
            "timestamp_s_to_timestamp_ns" => one(given, calendar::timestamp_s_to_timestamp_ns),
            "timestamp_ms_to_timestamp" => one(given, calendar::timestamp_ms_to_timestamp),
            "timestamp_ms_to_timestamp_ns" => one(given, calendar::timestamp_ms_to_timestamp_ns),
            "timestamp_to_timestamp_s" => one(given, calendar::timestamp_to_timestamp_s),
            "timestamp_to_timestamp_ms" => one(given, calendar::timestamp_to_timestamp_ms),
            "timestamp_to_timestamp_ns" => one(given, calendar::timestamp_to_timestamp_ns),
            "timestamp_ns_to_timestamp" => one(given, calendar::timestamp_ns_to_timestamp),
            "timestamp_ns_to_timestamp_ms" => one(given, calendar::timestamp_ns_to_timestamp_ms),
            "make_date" => three(given, calendar::make_date),
            "make_timestamp" => one(given, calendar::make_timestamp),
            "make_timestamp_ns" => one(given, calendar::make_timestamp_ns),
            "from_epoch_ms" => one(given, calendar::from_epoch_ms),
            "date_last_day" => one(given, calendar::date_last_day),
            "timestamp_last_day" => one(given, calendar::timestamp_last_day),
            "date_is_finite" => one(given, calendar::date_is_finite),
            "date_is_infinite" => one(given, calendar::date_is_infinite),
            "timestamp_is_finite" => one(given, calendar::timestamp_is_finite),
            "timestamp_is_infinite" => one(given, calendar::timestamp_is_infinite),
            "day_name" => one(given, calendar::day_name),
            "month_name" => one(given, calendar::month_name),
            _ => return None,
        })
    }

    fn date_part(&self, name: &str, given: &[String]) -> Option<String> {
        Some(match name {
            "timestamp_epoch_ms" => one(given, date_part::timestamp_epoch_ms),
            "timestamp_epoch_us" => one(given, date_part::timestamp_epoch_us),
            "timestamp_epoch_ns" => one(given, date_part::timestamp_epoch_ns),
            "timestamp_ns_epoch_us" => one(given, date_part::timestamp_ns_epoch_us),
            "timestamp_ns_epoch_ns" => one(given, date_part::timestamp_ns_epoch_ns),
            "date_epoch_ms" => one(given, date_part::date_epoch_ms),
            "date_epoch_us" => one(given, date_part::date_epoch_us),
            "date_epoch_ns" => one(given, date_part::date_epoch_ns),
            "time_epoch_ms" => one(given, date_part::time_epoch_ms),
            "time_epoch_us" => one(given, date_part::time_epoch_us),
            "time_epoch_ns" => one(given, date_part::time_epoch_ns),
            "interval_epoch_ms" => one(given, date_part::interval_epoch_ms),
            "interval_epoch_us" => one(given, date_part::interval_epoch_us),
            "interval_epoch_ns" => one(given, date_part::interval_epoch_ns),
            _ => {
                let part = self.part();
                match (name, part.is_double()) {
                    ("timestamp", false) => one(given, |value| date_part::timestamp(part, value)),
                    ("timestamp", true) => one(given, |value| date_part::timestamp_double(part, value)),
                    ("date", false) => one(given, |value| date_part::date(part, value)),
                    ("date", true) => one(given, |value| date_part::date_double(part, value)),
                    ("interval", false) => one(given, |value| date_part::interval(part, value)),
                    ("interval", true) => one(given, date_part::interval_epoch),
                    ("time", false) => one(given, |value| date_part::time(part, value)),
                    ("time", true) => one(given, date_part::time_epoch),
                    ("timestamp_ns", false) => one(given, |value| date_part::timestamp_ns(part, value)),
                    ("timestamp_ns", true) => one(given, date_part::timestamp_ns_epoch),
                    _ => return None,
                }
            }
        })
    }

    fn by_part(&self, family: &str, name: &str, given: &[String]) -> Option<String> {
        let part = self.part();
        Some(match (family, name) {
            ("date_trunc", "timestamp") => one(given, |value| date_trunc::timestamp(part, value)),
            ("date_trunc", "date") => one(given, |value| date_trunc::date(part, value)),
            ("date_trunc", "interval") => one(given, |value| date_trunc::interval(part, value)),
            ("date_diff", "timestamp") => two(given, |start, end| date_diff::timestamp(part, start, end)),
            ("date_diff", "timestamp_sub") => two(given, |start, end| date_diff::timestamp_sub(part, start, end)),
            ("date_diff", "date") => two(given, |start, end| date_diff::date(part, start, end)),
            ("date_diff", "date_sub") => two(given, |start, end| date_diff::date_sub(part, start, end)),
            ("date_diff", "time") => two(given, |start, end| date_diff::time(part, start, end)),
            ("date_diff", "time_sub") => two(given, |start, end| date_diff::time_sub(part, start, end)),
            _ => return None,
        })
    }

    fn text(name: &str, given: &[String]) -> Option<String> {
        Some(match name {
            "starts_with" => two(given, text::starts_with),
            "ends_with" => two(given, text::ends_with),
            "contains" => two(given, text::contains),
            "position" => two(given, text::position),
            "concat" => two(given, text::concat),
            "length" => one(given, text::length),
            "byte_length" => one(given, text::byte_length),
            "substring" => three(given, text::substring),
            "substring_from" => two(given, text::substring_from),
            "left" => two(given, text::left),
            "right" => two(given, text::right),
            "trim" => one(given, text::trim),
            "ltrim" => one(given, text::ltrim),
            "rtrim" => one(given, text::rtrim),
            "trim_of" => two(given, text::trim_of),
            "ltrim_of" => two(given, text::ltrim_of),
            "rtrim_of" => two(given, text::rtrim_of),
            "code_point" => one(given, text::code_point),
            "ascii" => one(given, text::ascii),
            "character" => one(given, text::character),
            "less" => two(given, |left: &str, right: &str| left < right),
            "greatest" => two(given, text::greatest),
            "least" => two(given, text::least),
            _ => return None,
        })
    }

    fn pattern(name: &str, given: &[String]) -> Option<String> {
        Some(match name {
            "like" => two(given, pattern::like),
            "like_escape" => three(given, pattern::like_escape),
            "not_like_escape" => three(given, pattern::not_like_escape),
            _ => return None,
        })
    }

    fn cast(&self, given: &[String]) -> Option<String> {
        Some(match (self.arguments[0].physical(), self.result.physical()) {
            (Physical::Int, Physical::Int) => one(given, |value| cast::int_to_int(value, self.range())),
            (Physical::Int, Physical::Wide) => one(given, |value| cast::int_to_wide(value, self.range())),
            (Physical::Wide, Physical::Int) => one(given, |value| cast::wide_to_int(value, self.range())),
            (Physical::Wide, Physical::Wide) => one(given, |value| cast::wide_to_wide(value, self.range())),
            (Physical::Double, Physical::Wide) => one(given, |value| cast::double_to_whole(value, self.range())),
            (Physical::Double, Physical::Int) => one(given, |value| cast::double_to_int(value, self.range())),
            (Physical::Float, Physical::Wide) => one(given, |value| cast::float_to_whole(value, self.range())),
            (Physical::Float, Physical::Int) => one(given, |value| cast::float_to_int(value, self.range())),
            (Physical::Int, Physical::Double) => one(given, cast::int_to_double),
            (Physical::Int, Physical::Float) => one(given, cast::int_to_float),
            (Physical::Wide, Physical::Double) => one(given, cast::wide_to_double),
            (Physical::Wide, Physical::Float) => one(given, cast::wide_to_float),
            (Physical::Double, Physical::Float) => one(given, cast::double_to_float),
            (Physical::Float, Physical::Double) => one(given, cast::float_to_double),
            (Physical::Int, Physical::Bool) => one(given, cast::int_to_bool),
            (Physical::Wide, Physical::Bool) => one(given, cast::wide_to_bool),
            (Physical::Double, Physical::Bool) => one(given, cast::double_to_bool),
            (Physical::Float, Physical::Bool) => one(given, cast::float_to_bool),
            (Physical::Bool, Physical::Int) => one(given, cast::bool_to_int),
            (Physical::Bool, Physical::Wide) => one(given, cast::bool_to_wide),
            (Physical::Bool, Physical::Double) => one(given, cast::bool_to_double),
            (Physical::Bool, Physical::Float) => one(given, cast::bool_to_float),
            _ => return None,
        })
    }

    fn whole(&self, name: &str, given: &[String]) -> Option<String> {
        macro_rules! of {
            ($module:ident, $number:ty) => {{
                use whole::$module as functions;
                let range = self.range();
                match name {
                    "add" => two(given, |left, right| functions::add(left, right, range)),
                    "subtract" => two(given, |left, right| functions::subtract(left, right, range)),
                    "multiply" => two(given, |left, right| functions::multiply(left, right, range)),
                    "divide" => two(given, |left, right| functions::divide(left, right, range)),
                    "remainder" => two(given, functions::remainder),
                    "and" => two(given, functions::and),
                    "or" => two(given, functions::or),
                    "xor" => two(given, functions::xor),
                    "not" => one(given, |value| functions::not(value, range)),
                    "shift_left" => two(given, |left, right| functions::shift_left(left, right, range)),
                    "shift_right" => two(given, |left, right| functions::shift_right(left, right, range)),
                    "negate" => one(given, |value| functions::negate(value, range)),
                    "abs" => one(given, |value| functions::abs(value, range)),
                    "sign" => one(given, functions::sign),
                    "round_digits" => {
                        two(given, |value: $number, digits| functions::round_digits(value, digits, range))
                    }
                    "trunc_digits" => {
                        two(given, |value: $number, digits| functions::trunc_digits(value, digits, range))
                    }
                    _ => return None,
                }
            }};
        }
        Some(if self.arguments[0].physical() == Physical::Int { of!(int, i64) } else { of!(wide, i128) })
    }

    fn float(&self, name: &str, given: &[String]) -> Option<String> {
        macro_rules! of {
            ($module:ident) => {{
                use float::$module as functions;
                match name {
                    "add" => two(given, functions::add),
                    "subtract" => two(given, functions::subtract),
                    "multiply" => two(given, functions::multiply),
                    "divide" => two(given, functions::divide),
                    "whole_divide" => two(given, functions::whole_divide),
                    "remainder" => two(given, functions::remainder),
                    "negate" => one(given, functions::negate),
                    "less" => two(given, |left, right| functions::compare(left, right).is_lt()),
                    "equal" => two(given, |left, right| functions::compare(left, right).is_eq()),
                    "greatest" => two(given, functions::greatest),
                    "least" => two(given, functions::least),
                    "floor" => one(given, functions::floor),
                    "ceil" => one(given, functions::ceil),
                    "trunc" => one(given, functions::trunc),
                    "round" => one(given, functions::round),
                    "abs" => one(given, functions::abs),
                    "sign" => one(given, functions::sign),
                    "isnan" => one(given, functions::is_nan),
                    "isinf" => one(given, functions::is_infinite),
                    "isfinite" => one(given, functions::is_finite),
                    "signbit" => one(given, functions::sign_bit),
                    "trunc_digits" => two(given, functions::trunc_digits),
                    _ => return None,
                }
            }};
        }
        Some(match name {
            "sqrt" => one(given, float::sqrt),
            "ln" => one(given, float::ln),
            "log10" => one(given, float::log10),
            "log2" => one(given, float::log2),
            "log" => two(given, float::log),
            "exp" => one(given, float::exp),
            "power" => two(given, float::power),
            "degrees" => one(given, float::degrees),
            "radians" => one(given, float::radians),
            _ if self.arguments[0] == Type::Float => of!(float),
            _ => of!(double),
        })
    }

    fn decimal(&self, name: &str, given: &[String]) -> Option<String> {
        macro_rules! of {
            ($module:ident, $number:ty) => {{
                use decimal::$module as functions;
                match name {
                    "add" => two(given, |left, right| functions::add(left, right, self.shape(true).0)),
                    "subtract" => two(given, |left, right| functions::subtract(left, right, self.shape(true).0)),
                    "multiply" => two(given, |left, right| functions::multiply(left, right, self.shape(true).0)),
                    "remainder" => two(given, functions::remainder),
                    "greatest" => two(given, |left: $number, right: $number| left.max(right)),
                    "negate" => one(given, functions::negate),
                    "abs" => one(given, functions::abs),
                    "sign" => one(given, functions::sign),
                    "round" => one(given, |value| functions::round(value, self.shape(false).1)),
                    "floor" => one(given, |value| functions::floor(value, self.shape(false).1)),
                    "ceil" => one(given, |value| functions::ceil(value, self.shape(false).1)),
                    "trunc" => one(given, |value| functions::trunc(value, self.shape(false).1)),
                    "round_digits" => one(given, |value| {
                        functions::round_digits(value, self.shape(false).1, self.digits(), self.shape(true).0)
                    }),
                    "trunc_digits" => {
                        one(given, |value| functions::trunc_digits(value, self.shape(false).1, self.digits()))
                    }
                    "cast_to_decimal" => {
                        one(given, |value| functions::rescale(value, self.shape(false), self.shape(true)))
                    }
                    "cast_to_whole" => {
                        one(given, |value| functions::to_whole(value, self.shape(false).1, self.range()))
                    }
                    "cast_from_whole" => one(given, |value| functions::from_whole(value, self.shape(true))),
                    "cast_to_double" => one(given, |value| functions::to_double(value, self.shape(false).1)),
                    "cast_to_float" => one(given, |value| functions::to_float(value, self.shape(false).1)),
                    "cast_from_double" => one(given, |value| functions::from_double(value, self.shape(true))),
                    "cast_from_float" => one(given, |value| functions::from_float(value, self.shape(true))),
                    "cast_to_boolean" => one(given, functions::to_bool),
                    "cast_from_boolean" => one(given, |value| functions::from_bool(value, self.shape(true))),
                    _ => return None,
                }
            }};
        }
        let decimal = |kind: Type| matches!(kind, Type::Decimal { .. });
        let [from, to] = [self.arguments[0], self.result].map(Type::physical);
        if name == "cast_to_decimal" && from != to {
            let (before, after) = (self.shape(false), self.shape(true));
            return Some(if from == Physical::Int {
                one(given, |value| decimal::int_to_wide(value, before, after))
            } else {
                one(given, |value| decimal::wide_to_int(value, before, after))
            });
        }
        // The bits of the decimal that is computed: where both are decimals, those of the result.
        let bits = if decimal(self.result) { to } else { from };
        Some(if bits == Physical::Int { of!(int, i64) } else { of!(wide, i128) })
    }

    /// What the data says in the form of [`Show`].
    fn expected(&self, text: &str) -> String {
        if matches!(text, "NULL" | "error") {
            return text.to_owned();
        }
        match self.result.physical() {
            Physical::Bool | Physical::Int | Physical::Wide => text.to_owned(),
            Physical::Float => f32::read(if text == "-nan" { "nan" } else { text }).show(),
            Physical::Double => f64::read(text).show(),
            Physical::Interval => Interval::read(text).show(),
            Physical::Text => unescaped(text).show(),
        }
    }
}

/// The text that a field holds: after an apostrophe, with `\u{...}` for some characters.
fn unescaped(field: &str) -> String {
    let mut parts = field.strip_prefix('\'').unwrap_or(field).split("\\u{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('}').unwrap_or_else(|| panic!("no text: {field}"));
        text.extend(u32::from_str_radix(number, 16).ok().and_then(char::from_u32));
        text.push_str(rest);
    }
    text
}

/// The directory of the data.
fn directory() -> PathBuf {
    std::env::var_os("EXPRESSION_VALUES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/expression"), PathBuf::from)
}

/// What a line of the data is.
enum Line<'data> {
    Call(Call),
    /// Fields: the arguments and the result.
    Case(Vec<&'data str>),
}

/// The lines of a family's data.
fn lines(data: &str) -> impl Iterator<Item = Line<'_>> {
    data.lines().filter(|line| !line.starts_with('#')).map(|line| match line.strip_prefix("= ") {
        Some(described) => Line::Call(Call::new(described)),
        None => Line::Case(line.split('\t').collect()),
    })
}

/// The data of a family.
fn read(family: &str) -> String {
    let path = directory().join(format!("{family}.tsv"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Compares every case of a family, and says what differs.
fn check(family: &str) {
    let data = read(family);
    let mut current: Option<Call> = None;
    let (mut cases, mut differences) = (0, BTreeMap::<String, Vec<String>>::new());
    for line in lines(&data) {
        let mut fields = match line {
            Line::Call(call) => {
                current = Some(call);
                continue;
            }
            Line::Case(fields) => fields,
        };
        let call = current.as_ref().unwrap_or_else(|| panic!("{family}: no call before {fields:?}"));
        let expected = call.expected(fields.pop().unwrap_or_default());
        let given: Vec<String> = fields.into_iter().map(unescaped).collect();
        let answer = call.answer(&given).unwrap_or_else(|| panic!("no function {} {}", call.name, call.detail));
        cases += 1;
        if answer != expected {
            let title = format!("{} {} {:?} -> {:?}", call.name, call.detail, call.arguments, call.result);
            differences.entry(title).or_default().push(format!("{given:?}: {answer}, DuckDB {expected}"));
        }
    }
    assert!(cases > 100, "{family} has {cases} cases");
    let report: Vec<String> = differences
        .iter()
        .map(|(title, found)| {
            let some = found.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n    ");
            format!("{title}: {} differ\n    {some}", found.len())
        })
        .collect();
    assert!(report.is_empty(), "{}", report.join("\n"));
}

/// A value of a type, in the data's form: the limits of what holds it, and near them, where one in two is taken.
fn any_value(kind: Type, next: &mut impl FnMut() -> u64) -> String {
    let whole = |(least, greatest): (i128, i128), next: &mut dyn FnMut() -> u64| match next() % 8 {
        0 => least,
        1 => greatest,
        2 => (least + 1 + i128::from(next() % 3)).min(greatest),
        3 => (greatest - 1 - i128::from(next() % 3)).max(least),
        _ => {
            let bits = (i128::from(next()) << 64 | i128::from(next())) >> (next() % 128);
            bits.clamp(least, greatest)
        }
    };
    let all = (i128::from(i64::MIN), i128::from(i64::MAX));
    let days = (i128::from(i32::MIN), i128::from(i32::MAX));
    match kind {
        Type::Decimal { width, .. } => {
            let limit = 10_i128.pow(u32::from(width)) - 1;
            whole((-limit, limit), next).to_string()
        }
        Type::Date => whole(days, next).to_string(),
        Type::Time => whole((0, i128::from(calendar::DAY)), next).to_string(),
        Type::Interval => format!("{} {} {}", whole(days, next), whole(days, next), whole(all, next)),
        Type::Double => f64::from_bits(next()).to_string(),
        Type::Float => f32::from_bits(next() as u32).to_string(),
        Type::Boolean => next().is_multiple_of(2).to_string(),
        Type::Varchar => (0..next() % 6).map(|_| ['a', '%', '_', '\\', 'é', '🦆'][(next() % 6) as usize]).collect(),
        kind => whole(kind.whole_range().unwrap_or(all), next).to_string(),
    }
}

/// Whatever values a column holds, there is an answer or an error; arithmetic that overflows panics in tests.
#[test]
fn no_value_makes_a_function_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for family in FAMILIES {
        let data = read(family);
        for line in lines(&data) {
            let Line::Call(call) = line else { continue };
            for _ in 0..200 {
                let given: Vec<String> = call.arguments.iter().map(|&kind| any_value(kind, &mut next)).collect();
                assert!(call.answer(&given).is_some(), "no function {}", call.name);
            }
        }
    }
}

macro_rules! families {
    ($($name:ident: $family:literal),* $(,)?) => {
        /// The files of the data.
        const FAMILIES: &[&str] = &[$($family),*];

        $(#[test]
        fn $name() {
            check($family);
        })*
    };
}

families! {
    intervals_and_moments_that_they_move: "interval",
    casts_of_dates_and_timestamps: "calendar",
    parts_of_dates: "date_part",
    truncated_dates: "date_trunc",
    differences_of_dates: "date_diff",
    texts: "text",
    patterns_of_text: "pattern",
    casts_of_numbers: "cast",
    whole_numbers: "whole",
    floating_point: "float",
    decimals: "decimal",
}
