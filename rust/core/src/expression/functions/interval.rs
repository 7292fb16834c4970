//! Intervals: their arithmetic and order, and the arithmetic of dates, times and timestamps with them.
//!
//! Not here are intervals times and divided by doubles, as they depend on how DuckDB was compiled: the microseconds are those
//! of code that multiplies and adds in one instruction.

use std::cmp::Ordering;

use super::super::error::EvaluationError;
use super::super::value::Interval;
use super::calendar::{
    DAY, INFINITE_DATE, INFINITE_TIMESTAMP, civil, date_from, date_is_finite, month_days, timestamp_at,
    timestamp_is_finite, timestamp_ms_to_timestamp, timestamp_s_to_timestamp, timestamp_to_date,
};
use super::cast;

type Checked<T> = Result<T, EvaluationError>;

/// A day number where 32 bits hold it.
fn fitting_date(date: i64) -> Checked<i64> {
    i32::try_from(date).map(i64::from).map_err(|_| EvaluationError::OutOfRange)
}

/// A day number where it is a date and no infinity.
fn finite_date(date: i64) -> Checked<i64> {
    if date.unsigned_abs() < INFINITE_DATE.unsigned_abs() { Ok(date) } else { Err(EvaluationError::OutOfRange) }
}

/// A finite date plus an interval's months, days and whole days of microseconds. A day that the month does not have is
/// its last.
fn moved_date(date: i64, interval: Interval) -> Checked<i64> {
    let mut moved = date;
    if interval.months != 0 {
        let (year, month, day) = civil(date);
        let months = year * 12 + month - 1 + i64::from(interval.months);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        moved = date_from(year, month, day.min(month_days(year, month))).ok_or(EvaluationError::Conversion)?;
    }
    moved = fitting_date(moved + i64::from(interval.days))?;
    finite_date(moved + interval.micros / DAY)
}

/// A time plus less than a day, and the days that it passes: -1, 0 or 1.
fn moved_time(time: i64, micros: i64) -> (i64, i64) {
    match time + micros {
        late if late >= DAY => (late - DAY, 1),
        early if early < 0 => (early + DAY, -1),
        same => (same, 0),
    }
}

/// `TIMESTAMP + INTERVAL`: months by the calendar, then days, then microseconds. An infinity stays.
pub fn timestamp_plus(timestamp: i64, interval: Interval) -> Checked<i64> {
    if !timestamp_is_finite(timestamp) {
        return Ok(timestamp);
    }
    let (time, passed) = moved_time(timestamp.rem_euclid(DAY), interval.micros % DAY);
    timestamp_at(moved_date(timestamp_to_date(timestamp), interval)? + passed, time)
}

/// `TIMESTAMP - INTERVAL`.
pub fn timestamp_minus(timestamp: i64, interval: Interval) -> Checked<i64> {
    timestamp_plus(timestamp, negate(interval)?)
}

/// `DATE + INTERVAL`: a `TIMESTAMP`.
pub fn date_plus(date: i64, interval: Interval) -> Checked<i64> {
    if !date_is_finite(date) {
        return Ok(INFINITE_TIMESTAMP * date.signum());
    }
    timestamp_plus(timestamp_at(date, 0)?, interval)
}

/// `DATE - INTERVAL`: a `TIMESTAMP`.
pub fn date_minus(date: i64, interval: Interval) -> Checked<i64> {
    date_plus(date, negate(interval)?)
}

/// `TIMESTAMP_S + INTERVAL`: a `TIMESTAMP`.
pub fn timestamp_s_plus(timestamp: i64, interval: Interval) -> Checked<i64> {
    timestamp_plus(timestamp_s_to_timestamp(timestamp)?, interval)
}

/// `TIMESTAMP_S - INTERVAL`: a `TIMESTAMP`.
pub fn timestamp_s_minus(timestamp: i64, interval: Interval) -> Checked<i64> {
    timestamp_s_plus(timestamp, negate(interval)?)
}

/// `TIMESTAMP_MS + INTERVAL`: a `TIMESTAMP`.
pub fn timestamp_ms_plus(timestamp: i64, interval: Interval) -> Checked<i64> {
    timestamp_plus(timestamp_ms_to_timestamp(timestamp)?, interval)
}

/// `TIMESTAMP_MS - INTERVAL`: a `TIMESTAMP`.
pub fn timestamp_ms_minus(timestamp: i64, interval: Interval) -> Checked<i64> {
    timestamp_ms_plus(timestamp, negate(interval)?)
}

/// `TIMESTAMP_NS + INTERVAL`: a `TIMESTAMP_NS`, the nanoseconds below a microsecond as they are.
pub fn timestamp_ns_plus(timestamp: i64, interval: Interval) -> Checked<i64> {
    if !timestamp_is_finite(timestamp) {
        return Ok(timestamp);
    }
    let (micros, nanos) = (timestamp.div_euclid(1_000), timestamp.rem_euclid(1_000));
    let moved = i128::from(timestamp_plus(micros, interval)?) * 1_000 + i128::from(nanos);
    let moved = i64::try_from(moved).map_err(|_| EvaluationError::OutOfRange)?;
    if timestamp_is_finite(moved) { Ok(moved) } else { Err(EvaluationError::OutOfRange) }
}

/// `TIMESTAMP_NS - INTERVAL`: a `TIMESTAMP_NS`.
pub fn timestamp_ns_minus(timestamp: i64, interval: Interval) -> Checked<i64> {
    timestamp_ns_plus(timestamp, negate(interval)?)
}

/// `TIME + INTERVAL`, modulo a day: months and days do not count.
pub fn time_plus(time: i64, interval: Interval) -> i64 {
    moved_time(time, interval.micros % DAY).0
}

/// `TIME - INTERVAL`, modulo a day.
pub fn time_minus(time: i64, interval: Interval) -> Checked<i64> {
    let micros = interval.micros.checked_neg().ok_or(EvaluationError::OutOfRange)?;
    Ok(moved_time(time, micros % DAY).0)
}

/// `TIMESTAMP - TIMESTAMP`: days and microseconds, of one sign.
pub fn timestamp_difference(left: i64, right: i64) -> Checked<Interval> {
    if !timestamp_is_finite(left) || !timestamp_is_finite(right) {
        return Err(EvaluationError::OutOfRange);
    }
    if let Some(micros) = left.checked_sub(right) {
        return Ok(Interval { months: 0, days: (micros / DAY) as i32, micros: micros % DAY });
    }
    // Division of 128 bits takes ten times as long.
    let (micros, day) = (i128::from(left) - i128::from(right), i128::from(DAY));
    Ok(Interval { months: 0, days: (micros / day) as i32, micros: (micros % day) as i64 })
}

/// `DATE - DATE`: days.
pub fn date_difference(left: i64, right: i64) -> i64 {
    left - right
}

/// `DATE + INTEGER`: days later. An infinity stays.
pub fn date_plus_days(date: i64, days: i64) -> Checked<i64> {
    if !date_is_finite(date) {
        return Ok(date);
    }
    finite_date(date.checked_add(days).ok_or(EvaluationError::Overflow)?)
}

/// `DATE - INTEGER`: days earlier. An infinity stays.
pub fn date_minus_days(date: i64, days: i64) -> Checked<i64> {
    if !date_is_finite(date) {
        return Ok(date);
    }
    date_plus_days(date, days.checked_neg().ok_or(EvaluationError::Overflow)?)
}

/// `DATE + TIME`: a `TIMESTAMP`.
pub fn date_plus_time(date: i64, time: i64) -> Checked<i64> {
    if date_is_finite(date) { timestamp_at(date, time) } else { Ok(INFINITE_TIMESTAMP * date.signum()) }
}

/// Combines two intervals part by part.
fn by_parts(
    (left, right): (Interval, Interval),
    part: fn(i32, i32) -> Option<i32>,
    micros: fn(i64, i64) -> Option<i64>,
) -> Checked<Interval> {
    let parts = || {
        Some(Interval {
            months: part(left.months, right.months)?,
            days: part(left.days, right.days)?,
            micros: micros(left.micros, right.micros)?,
        })
    };
    parts().ok_or(EvaluationError::Overflow)
}

/// `INTERVAL + INTERVAL`, part by part.
pub fn plus(left: Interval, right: Interval) -> Checked<Interval> {
    by_parts((left, right), i32::checked_add, i64::checked_add)
}

/// `INTERVAL - INTERVAL`, part by part.
pub fn minus(left: Interval, right: Interval) -> Checked<Interval> {
    by_parts((left, right), i32::checked_sub, i64::checked_sub)
}

/// `-INTERVAL`, part by part.
pub fn negate(interval: Interval) -> Checked<Interval> {
    minus(Interval::default(), interval)
}

/// `INTERVAL * BIGINT`, part by part.
pub fn times(interval: Interval, factor: i64) -> Checked<Interval> {
    let product = |short: i32| {
        Some(Interval {
            months: interval.months.checked_mul(short)?,
            days: interval.days.checked_mul(short)?,
            micros: interval.micros.checked_mul(factor)?,
        })
    };
    i32::try_from(factor).ok().and_then(product).ok_or(EvaluationError::Overflow)
}

/// What intervals are compared by: microseconds, of which a month has 30 days and a day 24 hours.
pub(crate) fn compared(interval: Interval) -> i128 {
    let days = i64::from(interval.months) * 30 + i64::from(interval.days);
    i128::from(days) * i128::from(DAY) + i128::from(interval.micros)
}

/// The order of intervals in comparisons, also what makes them equal.
pub fn compare(left: Interval, right: Interval) -> Ordering {
    compared(left).cmp(&compared(right))
}

/// The order that `greatest` and `least` have, which is another one than that of comparisons: months, then days, then
/// microseconds, as they are.
pub fn compare_parts(left: Interval, right: Interval) -> Ordering {
    (left.months, left.days, left.micros).cmp(&(right.months, right.days, right.micros))
}

/// `greatest(left, right)`
pub fn greatest(left: Interval, right: Interval) -> Interval {
    if compare_parts(right, left).is_gt() { right } else { left }
}

/// `least(left, right)`
pub fn least(left: Interval, right: Interval) -> Interval {
    if compare_parts(right, left).is_lt() { right } else { left }
}

/// `age(end, start)`: years, months and days of the calendar from one timestamp to another, and the time.
/// None for infinities.
pub fn age(end: i64, start: i64) -> Option<Interval> {
    if !timestamp_is_finite(end) || !timestamp_is_finite(start) {
        return None;
    }
    let sign = if end < start { -1 } else { 1 };
    let (later, earlier) = if end < start { (start, end) } else { (end, start) };
    let (later_year, later_month, later_day) = civil(timestamp_to_date(later));
    let (year, month, day) = civil(timestamp_to_date(earlier));
    let mut months = (later_year - year) * 12 + later_month - month;
    let mut days = later_day - day;
    let mut micros = later.rem_euclid(DAY) - earlier.rem_euclid(DAY);
    if micros < 0 {
        micros += DAY;
        days -= 1;
    }
    while days < 0 {
        // The days of the month of the earlier one.
        days += month_days(year, month);
        months -= 1;
    }
    Some(Interval { months: (sign * months) as i32, days: (sign * days) as i32, micros: sign * micros })
}

/// `count` times `unit` months.
fn of_months(count: i64, unit: i64) -> Checked<Interval> {
    let months = count.checked_mul(unit).and_then(|months| i32::try_from(months).ok());
    months.map(|months| Interval { months, days: 0, micros: 0 }).ok_or(EvaluationError::OutOfRange)
}

/// `count` times `unit` days.
fn of_days(count: i64, unit: i64) -> Checked<Interval> {
    let days = count.checked_mul(unit).and_then(|days| i32::try_from(days).ok());
    days.map(|days| Interval { months: 0, days, micros: 0 }).ok_or(EvaluationError::OutOfRange)
}

/// `count` times `unit` microseconds.
fn of_micros(count: i64, unit: i64) -> Checked<Interval> {
    let micros = count.checked_mul(unit).ok_or(EvaluationError::OutOfRange)?;
    Ok(Interval { months: 0, days: 0, micros })
}

/// `count` times `unit` microseconds, rounded.
fn of_fraction(count: f64, unit: f64) -> Checked<Interval> {
    let micros = cast::double_to_whole(count * unit, (i128::from(i64::MIN), i128::from(i64::MAX)))?;
    Ok(Interval { months: 0, days: 0, micros: micros as i64 })
}

/// `to_millennia`.
pub fn to_millennia(count: i64) -> Checked<Interval> {
    of_months(count, 12_000)
}

/// `to_centuries`.
pub fn to_centuries(count: i64) -> Checked<Interval> {
    of_months(count, 1_200)
}

/// `to_decades`.
pub fn to_decades(count: i64) -> Checked<Interval> {
    of_months(count, 120)
}

/// `to_years`.
pub fn to_years(count: i64) -> Checked<Interval> {
    of_months(count, 12)
}

/// `to_quarters`.
pub fn to_quarters(count: i64) -> Checked<Interval> {
    of_months(count, 3)
}

/// `to_months`.
pub fn to_months(count: i64) -> Checked<Interval> {
    of_months(count, 1)
}

/// `to_weeks`.
pub fn to_weeks(count: i64) -> Checked<Interval> {
    of_days(count, 7)
}

/// `to_days`.
pub fn to_days(count: i64) -> Checked<Interval> {
    of_days(count, 1)
}

/// `to_hours`.
pub fn to_hours(count: i64) -> Checked<Interval> {
    of_micros(count, 3_600_000_000)
}

/// `to_minutes`.
pub fn to_minutes(count: i64) -> Checked<Interval> {
    of_micros(count, 60_000_000)
}

/// `to_seconds`.
pub fn to_seconds(count: f64) -> Checked<Interval> {
    of_fraction(count, 1e6)
}

/// `to_milliseconds`.
pub fn to_milliseconds(count: f64) -> Checked<Interval> {
    of_fraction(count, 1e3)
}

/// `to_microseconds`.
pub fn to_microseconds(count: i64) -> Checked<Interval> {
    of_micros(count, 1)
}
