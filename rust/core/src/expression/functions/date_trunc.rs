//! `date_trunc`: the beginning of the part that a date, a timestamp or an interval is in.

use super::super::error::EvaluationError;
use super::super::value::Interval;
use super::calendar::{
    DAY, HOUR, INFINITE_TIMESTAMP, MINUTE, SECOND, civil, date_from, date_is_finite, iso_day_of_week, iso_week,
    timestamp_at, timestamp_is_finite, timestamp_to_date,
};
use super::date_part::Part;

/// Whether `date_trunc` takes a part.
pub fn is_native(part: Part) -> bool {
    !matches!(part, Part::Era | Part::Timezone)
}

/// The first date of the part that a finite date is in; a part of the clock leaves it as it is.
fn first_date(part: Part, date: i64) -> Result<i64, EvaluationError> {
    let (year, month, _) = civil(date);
    let first = match part {
        Part::Millennium => date_from(year / 1_000 * 1_000, 1, 1),
        Part::Century => date_from(year / 100 * 100, 1, 1),
        Part::Decade => date_from(year / 10 * 10, 1, 1),
        Part::Year => date_from(year, 1, 1),
        Part::Quarter => date_from(year, (month - 1) / 3 * 3 + 1, 1),
        Part::Month => date_from(year, month, 1),
        Part::Week | Part::YearWeek => Some(date - iso_day_of_week(date) + 1),
        Part::IsoYear => {
            let monday = date - iso_day_of_week(date) + 1;
            Some(monday - (iso_week(monday).1 - 1) * 7)
        }
        _ => Some(date),
    };
    first.ok_or(EvaluationError::Conversion)
}

/// `date_trunc` of a `DATE`: a `TIMESTAMP`.
pub fn date(part: Part, date: i64) -> Result<i64, EvaluationError> {
    if date_is_finite(date) { timestamp_at(first_date(part, date)?, 0) } else { Ok(INFINITE_TIMESTAMP * date.signum()) }
}

/// `date_trunc` of a `TIMESTAMP`.
pub fn timestamp(part: Part, timestamp: i64) -> Result<i64, EvaluationError> {
    if !timestamp_is_finite(timestamp) {
        return Ok(timestamp);
    }
    let time = timestamp.rem_euclid(DAY);
    let kept = match part {
        Part::Hour => time - time % HOUR,
        Part::Minute => time - time % MINUTE,
        Part::Second | Part::Epoch => time - time % SECOND,
        Part::Millisecond => time - time % 1_000,
        Part::Microsecond => return Ok(timestamp),
        _ => 0,
    };
    timestamp_at(first_date(part, timestamp_to_date(timestamp))?, kept)
}

/// `date_trunc` of an `INTERVAL`: towards zero.
pub fn interval(part: Part, interval: Interval) -> Interval {
    let Interval { months, days, micros } = interval;
    let of_months = |unit: i32| Interval { months: months / unit * unit, days: 0, micros: 0 };
    let of_clock = |unit: i64| Interval { months, days, micros: micros / unit * unit };
    match part {
        Part::Millennium => of_months(12_000),
        Part::Century => of_months(1_200),
        Part::Decade => of_months(120),
        Part::Year | Part::IsoYear => of_months(12),
        Part::Quarter => of_months(3),
        Part::Month => of_months(1),
        Part::Week | Part::YearWeek => Interval { months, days: days / 7 * 7, micros: 0 },
        Part::Hour => of_clock(HOUR),
        Part::Minute => of_clock(MINUTE),
        Part::Second | Part::Epoch => of_clock(SECOND),
        Part::Millisecond => of_clock(1_000),
        Part::Microsecond => interval,
        _ => Interval { months, days, micros: 0 },
    }
}
