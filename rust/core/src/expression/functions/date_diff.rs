//! `date_diff`, which counts the borders of a part between two moments, and `date_sub`, which counts whole parts.

use super::super::error::EvaluationError;
use super::calendar::{
    DAY, HOUR, MINUTE, SECOND, civil, date_from, date_is_finite, iso_week, month_days, timestamp_at,
    timestamp_is_finite, timestamp_to_date,
};
use super::date_part::Part;
use super::interval::age;

/// Whether `date_diff` and `date_sub` take a part of dates and timestamps.
pub fn is_native(part: Part) -> bool {
    !matches!(part, Part::Era | Part::Timezone)
}

/// Whether they take a part of times.
pub fn is_native_of_time(part: Part) -> bool {
    part.is_of_clock() || part == Part::Epoch
}

/// The microseconds of a part of the clock, or of a second.
fn clock_unit(part: Part) -> i64 {
    match part {
        Part::Hour => HOUR,
        Part::Minute => MINUTE,
        Part::Second | Part::Epoch => SECOND,
        Part::Millisecond => 1_000,
        _ => 1,
    }
}

/// `date_diff` of finite dates by a part that is not one of the clock's.
fn dates(part: Part, start: i64, end: i64) -> i64 {
    let years = |unit: i64| civil(end).0 / unit - civil(start).0 / unit;
    let months = |unit: i64| {
        let number = |date: i64| {
            let (year, month, _) = civil(date);
            (year * 12 + month - 1) / unit
        };
        number(end) - number(start)
    };
    match part {
        Part::Year => years(1),
        Part::Decade => years(10),
        Part::Century => years(100),
        Part::Millennium => years(1_000),
        Part::Month => months(1),
        Part::Quarter => months(3),
        Part::Week | Part::YearWeek => (end - start) / 7,
        Part::IsoYear => iso_week(end).0 - iso_week(start).0,
        _ => end - start,
    }
}

/// `date_diff` of a `DATE`; None for infinities.
pub fn date(part: Part, start: i64, end: i64) -> Result<Option<i64>, EvaluationError> {
    if !date_is_finite(start) || !date_is_finite(end) {
        return Ok(None);
    }
    Ok(Some(match part {
        Part::Hour => (end - start) * 24,
        Part::Minute => (end - start) * 1_440,
        Part::Second | Part::Epoch => (end - start) * 86_400,
        Part::Millisecond | Part::Microsecond => (timestamp_at(end, 0)? / clock_unit(part))
            .checked_sub(timestamp_at(start, 0)? / clock_unit(part))
            .ok_or(EvaluationError::Overflow)?,
        part => dates(part, start, end),
    }))
}

/// `date_diff` of a `TIMESTAMP`; None for infinities.
pub fn timestamp(part: Part, start: i64, end: i64) -> Result<Option<i64>, EvaluationError> {
    if !timestamp_is_finite(start) || !timestamp_is_finite(end) {
        return Ok(None);
    }
    if part.is_of_clock() || part == Part::Epoch {
        let unit = clock_unit(part);
        return end.div_euclid(unit).checked_sub(start.div_euclid(unit)).map(Some).ok_or(EvaluationError::Overflow);
    }
    Ok(Some(dates(part, timestamp_to_date(start), timestamp_to_date(end))))
}

/// `date_diff` of a `TIME`, by a part of the clock.
pub fn time(part: Part, start: i64, end: i64) -> i64 {
    end / clock_unit(part) - start / clock_unit(part)
}

/// The whole months between two finite timestamps: at the end of a month that is shorter, the last day is enough.
fn whole_months(start: i64, end: i64) -> Result<i64, EvaluationError> {
    if start > end {
        return Ok(-whole_months(end, start)?);
    }
    let (end_year, end_month, end_day) = civil(timestamp_to_date(end));
    let last = month_days(end_year, end_month);
    let (year, month, day) = civil(timestamp_to_date(start));
    let (start_time, end_time) = (start.rem_euclid(DAY), end.rem_euclid(DAY));
    let mut from = start;
    if end_day == last && (day > last || (day == last && start_time < end_time)) {
        let date = date_from(year, month, last).ok_or(EvaluationError::Conversion)?;
        from = timestamp_at(date, start_time)?;
    }
    Ok(age(end, from).map_or(0, |between| i64::from(between.months)))
}

/// `date_sub` of a `TIMESTAMP`; None for infinities.
pub fn timestamp_sub(part: Part, start: i64, end: i64) -> Result<Option<i64>, EvaluationError> {
    if !timestamp_is_finite(start) || !timestamp_is_finite(end) {
        return Ok(None);
    }
    let months = |unit: i64| Ok(Some(whole_months(start, end)? / unit));
    let unit = match part {
        Part::Month => return months(1),
        Part::Quarter => return months(3),
        Part::Year | Part::IsoYear => return months(12),
        Part::Decade => return months(120),
        Part::Century => return months(1_200),
        Part::Millennium => return months(12_000),
        Part::Week | Part::YearWeek => 7 * DAY,
        Part::Day | Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::Julian => DAY,
        clock => clock_unit(clock),
    };
    let whole = (i128::from(end) - i128::from(start)) / i128::from(unit);
    i64::try_from(whole).map(Some).map_err(|_| EvaluationError::Overflow)
}

/// `date_sub` of a `DATE`; None for infinities.
pub fn date_sub(part: Part, start: i64, end: i64) -> Result<Option<i64>, EvaluationError> {
    if !date_is_finite(start) || !date_is_finite(end) {
        return Ok(None);
    }
    timestamp_sub(part, timestamp_at(start, 0)?, timestamp_at(end, 0)?)
}

/// `date_sub` of a `TIME`, by a part of the clock.
pub fn time_sub(part: Part, start: i64, end: i64) -> i64 {
    (end - start) / clock_unit(part)
}
