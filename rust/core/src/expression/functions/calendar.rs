//! The calendar, and what dates, times and timestamps of all units are cast to. Without time zones.

use super::super::error::EvaluationError;

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;
/// Microseconds of an hour.
pub const HOUR: i64 = 3_600_000_000;
/// Microseconds of a minute.
pub const MINUTE: i64 = 60_000_000;
/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// The date `infinity`; its negative is `-infinity`.
pub const INFINITE_DATE: i64 = i32::MAX as i64;
/// The timestamp `infinity`, of every unit; its negative is `-infinity`.
pub const INFINITE_TIMESTAMP: i64 = i64::MAX;

/// Days of each month of a year that is not a leap year.
const MONTH_DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Whether a date is not an infinity.
pub fn date_is_finite(date: i64) -> bool {
    date.abs() != INFINITE_DATE
}

/// Whether a date is an infinity.
pub fn date_is_infinite(date: i64) -> bool {
    !date_is_finite(date)
}

/// Whether a timestamp of any unit is not an infinity.
pub fn timestamp_is_finite(timestamp: i64) -> bool {
    timestamp != INFINITE_TIMESTAMP && timestamp != -INFINITE_TIMESTAMP
}

/// Whether a timestamp of any unit is an infinity.
pub fn timestamp_is_infinite(timestamp: i64) -> bool {
    !timestamp_is_finite(timestamp)
}

/// Whether a year of the Gregorian calendar has a 29th of February. The year before 1 is 0.
pub fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days a month from 1 to 12 has.
pub fn month_days(year: i64, month: i64) -> i64 {
    if month == 2 && is_leap_year(year) {
        return 29;
    }
    usize::try_from(month - 1).ok().and_then(|place| MONTH_DAYS.get(place)).copied().unwrap_or(31)
}

/// Year, month and day of a date: the days are counted from 1st March, 400 years (146,097 days) at a time.
pub fn civil(date: i64) -> (i64, i64, i64) {
    let days = date + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The date of a year within ten million, a month from 1 to 12 and a day, whether or not the month has it.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a year, month and day; None where there is none.
pub fn date_from(year: i64, month: i64, day: i64) -> Option<i64> {
    let there = (1..=12).contains(&month) && year.abs() < 10_000_000 && (1..=month_days(year, month)).contains(&day);
    let date = there.then(|| days_from_civil(year, month, day))?;
    (date.abs() < INFINITE_DATE).then_some(date)
}

/// `make_date(year, month, day)`.
pub fn make_date(year: i64, month: i64, day: i64) -> Result<i64, EvaluationError> {
    for part in [year, month, day] {
        i32::try_from(part).map_err(|_| EvaluationError::Conversion)?;
    }
    date_from(year, month, day).ok_or(EvaluationError::Conversion)
}

/// From 1 for Monday to 7 for Sunday.
pub fn iso_day_of_week(date: i64) -> i64 {
    (date + 3).rem_euclid(7) + 1
}

/// The ISO year and the ISO week: those of the week's Thursday.
pub fn iso_week(date: i64) -> (i64, i64) {
    let thursday = date - iso_day_of_week(date) + 4;
    let (year, _, _) = civil(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

/// From 1 for 1st January.
pub fn day_of_year(date: i64) -> i64 {
    date - days_from_civil(civil(date).0, 1, 1) + 1
}

/// `last_day` of a date: the last one of its month.
pub fn date_last_day(date: i64) -> Result<Option<i64>, EvaluationError> {
    if !date_is_finite(date) {
        return Ok(None);
    }
    let (year, month, _) = civil(date);
    date_from(year, month, month_days(year, month)).map(Some).ok_or(EvaluationError::Conversion)
}

/// `last_day` of a timestamp: the last date of its month.
pub fn timestamp_last_day(timestamp: i64) -> Result<Option<i64>, EvaluationError> {
    date_last_day(timestamp_to_date(timestamp))
}

/// `dayname`.
pub fn day_name(date: i64) -> Option<&'static str> {
    const NAMES: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    date_is_finite(date).then(|| NAMES[(iso_day_of_week(date) % 7) as usize])
}

/// `monthname`.
pub fn month_name(date: i64) -> Option<&'static str> {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    date_is_finite(date).then(|| NAMES[(civil(date).1 - 1) as usize])
}

/// The timestamp of a finite date and microseconds since its midnight.
pub fn timestamp_at(date: i64, time: i64) -> Result<i64, EvaluationError> {
    // The first midnight that is before the first timestamp has timestamps after it.
    let timestamp = i64::try_from(i128::from(date) * i128::from(DAY) + i128::from(time)).ok();
    timestamp.filter(|&timestamp| timestamp_is_finite(timestamp)).ok_or(EvaluationError::Conversion)
}

/// A date, or an infinity, as the infinity of timestamps or what is computed for it.
fn of_date(date: i64, finite: impl Fn(i64) -> Result<i64, EvaluationError>) -> Result<i64, EvaluationError> {
    if date_is_finite(date) { finite(date) } else { Ok(INFINITE_TIMESTAMP * date.signum()) }
}

/// A timestamp, an infinity as it is.
fn of_timestamp(value: i64, finite: impl Fn(i64) -> Option<i64>) -> Result<i64, EvaluationError> {
    if timestamp_is_finite(value) { finite(value).ok_or(EvaluationError::Conversion) } else { Ok(value) }
}

/// Divided, rounded to the nearest whole number, halves away from zero.
fn rounded(value: i64, divisor: i64) -> i64 {
    let (quotient, remainder) = (value / divisor, value % divisor);
    if remainder.abs() * 2 >= divisor { quotient + value.signum() } else { quotient }
}

/// A cast of `DATE` to `TIMESTAMP`.
pub fn date_to_timestamp(date: i64) -> Result<i64, EvaluationError> {
    of_date(date, |date| timestamp_at(date, 0))
}

/// A cast of `DATE` to `TIMESTAMP_S`.
pub fn date_to_timestamp_s(date: i64) -> Result<i64, EvaluationError> {
    of_date(date, |date| Ok(timestamp_at(date, 0)? / SECOND))
}

/// A cast of `DATE` to `TIMESTAMP_MS`.
pub fn date_to_timestamp_ms(date: i64) -> Result<i64, EvaluationError> {
    of_date(date, |date| Ok(timestamp_at(date, 0)? / 1_000))
}

/// A cast of `DATE` to `TIMESTAMP_NS`.
pub fn date_to_timestamp_ns(date: i64) -> Result<i64, EvaluationError> {
    of_date(date, |date| timestamp_at(date, 0)?.checked_mul(1_000).ok_or(EvaluationError::Conversion))
}

/// A cast of `TIMESTAMP` to `DATE`.
pub fn timestamp_to_date(timestamp: i64) -> i64 {
    if timestamp_is_finite(timestamp) { timestamp.div_euclid(DAY) } else { INFINITE_DATE * timestamp.signum() }
}

/// A cast of `TIMESTAMP_S` to `DATE`.
pub fn timestamp_s_to_date(timestamp: i64) -> Result<i64, EvaluationError> {
    Ok(timestamp_to_date(timestamp_s_to_timestamp(timestamp)?))
}

/// A cast of `TIMESTAMP_MS` to `DATE`.
pub fn timestamp_ms_to_date(timestamp: i64) -> Result<i64, EvaluationError> {
    Ok(timestamp_to_date(timestamp_ms_to_timestamp(timestamp)?))
}

/// A cast of `TIMESTAMP_NS` to `DATE`: that of the nearest microsecond.
pub fn timestamp_ns_to_date(timestamp: i64) -> i64 {
    timestamp_to_date(timestamp_ns_to_timestamp(timestamp))
}

/// A cast of `TIMESTAMP` to `TIME`: the time since midnight.
pub fn timestamp_to_time(timestamp: i64) -> Result<i64, EvaluationError> {
    timestamp_is_finite(timestamp).then(|| timestamp.rem_euclid(DAY)).ok_or(EvaluationError::Conversion)
}

/// A cast of `TIMESTAMP_NS` to `TIME`: that of the nearest microsecond.
pub fn timestamp_ns_to_time(timestamp: i64) -> Result<i64, EvaluationError> {
    timestamp_to_time(timestamp_ns_to_timestamp(timestamp))
}

/// A cast of `TIMESTAMP_S` to `TIMESTAMP`.
pub fn timestamp_s_to_timestamp(timestamp: i64) -> Result<i64, EvaluationError> {
    of_timestamp(timestamp, |seconds| seconds.checked_mul(SECOND))
}

/// A cast of `TIMESTAMP_S` to `TIMESTAMP_MS`.
pub fn timestamp_s_to_timestamp_ms(timestamp: i64) -> Result<i64, EvaluationError> {
    of_timestamp(timestamp, |seconds| seconds.checked_mul(1_000))
}

/// A cast of `TIMESTAMP_S` to `TIMESTAMP_NS`.
pub fn timestamp_s_to_timestamp_ns(timestamp: i64) -> Result<i64, EvaluationError> {
    of_timestamp(timestamp, |seconds| seconds.checked_mul(1_000_000_000))
}

/// A cast of `TIMESTAMP_MS` to `TIMESTAMP`.
pub fn timestamp_ms_to_timestamp(timestamp: i64) -> Result<i64, EvaluationError> {
    of_timestamp(timestamp, |millis| millis.checked_mul(1_000))
}

/// A cast of `TIMESTAMP_MS` to `TIMESTAMP_NS`.
pub fn timestamp_ms_to_timestamp_ns(timestamp: i64) -> Result<i64, EvaluationError> {
    of_timestamp(timestamp, |millis| millis.checked_mul(1_000_000))
}

/// A cast of `TIMESTAMP` to `TIMESTAMP_S`: to the nearest second.
pub fn timestamp_to_timestamp_s(timestamp: i64) -> Result<i64, EvaluationError> {
    of_timestamp(timestamp, |micros| {
        micros.checked_add(micros.signum() * (SECOND / 2))?;
        Some(rounded(micros, SECOND))
    })
}

/// A cast of `TIMESTAMP` to `TIMESTAMP_MS`: to the nearest millisecond.
pub fn timestamp_to_timestamp_ms(timestamp: i64) -> Result<i64, EvaluationError> {
    of_timestamp(timestamp, |micros| {
        micros.checked_add(micros.signum() * 500)?;
        Some(rounded(micros, 1_000))
    })
}

/// A cast of `TIMESTAMP` to `TIMESTAMP_NS`.
pub fn timestamp_to_timestamp_ns(timestamp: i64) -> Result<i64, EvaluationError> {
    of_timestamp(timestamp, |micros| micros.checked_mul(1_000))
}

/// A cast of `TIMESTAMP_NS` to `TIMESTAMP`: to the nearest microsecond.
pub fn timestamp_ns_to_timestamp(timestamp: i64) -> i64 {
    if timestamp_is_finite(timestamp) { rounded(timestamp, 1_000) } else { timestamp }
}

/// A cast of `TIMESTAMP_NS` to `TIMESTAMP_MS`: to the nearest millisecond.
pub fn timestamp_ns_to_timestamp_ms(timestamp: i64) -> i64 {
    if timestamp_is_finite(timestamp) { rounded(timestamp, 1_000_000) } else { timestamp }
}

/// `make_timestamp` of microseconds.
pub fn make_timestamp(micros: i64) -> Result<i64, EvaluationError> {
    timestamp_is_finite(micros).then_some(micros).ok_or(EvaluationError::Conversion)
}

/// `make_timestamp_ns` of nanoseconds.
pub fn make_timestamp_ns(nanos: i64) -> Result<i64, EvaluationError> {
    make_timestamp(nanos)
}

/// `epoch_ms` and `make_timestamp_ms` of milliseconds: a timestamp of microseconds.
pub fn from_epoch_ms(millis: i64) -> Result<i64, EvaluationError> {
    millis.checked_mul(1_000).ok_or(EvaluationError::Conversion)
}
