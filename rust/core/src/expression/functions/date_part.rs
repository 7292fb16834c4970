//! Parts of dates, times, timestamps and intervals: `date_part`, `extract`, and the functions that a part's name makes.

use super::super::error::EvaluationError;
use super::super::value::Interval;
use super::calendar::{
    DAY, HOUR, MINUTE, SECOND, civil, date_is_finite, date_to_timestamp, day_of_year, iso_day_of_week, iso_week,
    timestamp_is_finite, timestamp_to_date, timestamp_to_timestamp_ms, timestamp_to_timestamp_ns,
};

/// A part that `date_part`, `date_trunc`, `date_diff` and `date_sub` take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The year, 0 for the one before 1.
    Year,
    /// From 1 to 12.
    Month,
    /// From 1 to 31.
    Day,
    /// The year divided by 10.
    Decade,
    /// The first one begins with the year 1; there is no century 0.
    Century,
    /// As the century.
    Millennium,
    /// From 1 to 4.
    Quarter,
    /// From 0 for Sunday to 6.
    DayOfWeek,
    /// From 1 for Monday to 7.
    IsoDayOfWeek,
    /// From 1 to 366.
    DayOfYear,
    /// The week of the ISO year, from 1 to 53.
    Week,
    /// The year that a week belongs to: the one of its Thursday.
    IsoYear,
    /// The ISO year times 100, and the week.
    YearWeek,
    /// 1 after Christ, 0 before.
    Era,
    /// Of the day.
    Hour,
    /// Of the hour.
    Minute,
    /// Of the minute.
    Second,
    /// Of the minute, with its seconds.
    Millisecond,
    /// Of the minute, with its seconds.
    Microsecond,
    /// Seconds since 1970-01-01 with a fraction: a double.
    Epoch,
    /// Days since 4714-11-24 BC with a fraction: a double.
    Julian,
    /// The offset from UTC in seconds, which is 0 without a zone; its hours and its minutes too.
    Timezone,
}

impl Part {
    /// The part that DuckDB knows by a name, in letters of any case.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "year" | "yr" | "y" | "years" | "yrs" => Self::Year,
            "month" | "mon" | "months" | "mons" => Self::Month,
            "day" | "days" | "d" | "dayofmonth" => Self::Day,
            "decade" | "dec" | "decades" | "decs" => Self::Decade,
            "century" | "cent" | "centuries" | "c" => Self::Century,
            "millennium" | "mil" | "millenniums" | "millennia" | "mils" => Self::Millennium,
            "quarter" | "quarters" => Self::Quarter,
            "dow" | "dayofweek" | "weekday" => Self::DayOfWeek,
            "isodow" => Self::IsoDayOfWeek,
            "doy" | "dayofyear" => Self::DayOfYear,
            "week" | "weeks" | "w" | "weekofyear" => Self::Week,
            "isoyear" => Self::IsoYear,
            "yearweek" => Self::YearWeek,
            "era" => Self::Era,
            "hour" | "hr" | "hours" | "hrs" | "h" => Self::Hour,
            "minute" | "min" | "minutes" | "mins" | "m" => Self::Minute,
            "second" | "sec" | "seconds" | "secs" | "s" => Self::Second,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" | "msecond" | "mseconds" => Self::Millisecond,
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" | "usecond" | "useconds" => Self::Microsecond,
            "epoch" => Self::Epoch,
            "julian" | "jd" => Self::Julian,
            "timezone" | "timezone_hour" | "timezone_minute" => Self::Timezone,
            _ => return None,
        })
    }

    /// Whether the part of a value is a double; the others are whole numbers.
    pub fn is_double(self) -> bool {
        matches!(self, Self::Epoch | Self::Julian)
    }

    /// Whether it is a part of the clock: times and nanoseconds have it.
    pub fn is_of_clock(self) -> bool {
        matches!(self, Self::Hour | Self::Minute | Self::Second | Self::Millisecond | Self::Microsecond)
    }

    /// Whether intervals have it.
    pub fn is_of_interval(self) -> bool {
        self.is_of_clock()
            || matches!(
                self,
                Self::Year | Self::Month | Self::Day | Self::Decade | Self::Century | Self::Millennium | Self::Quarter
            )
    }
}

/// The number of the hundred or thousand years that a year is in.
fn period(year: i64, years: i64) -> i64 {
    if year > 0 { (year - 1) / years + 1 } else { year / years - 1 }
}

/// A part of a clock that shows microseconds: rounded towards zero, also where they are negative.
fn of_clock(part: Part, micros: i64) -> i64 {
    match part {
        Part::Hour => micros / HOUR,
        Part::Minute => micros % HOUR / MINUTE,
        Part::Second => micros % MINUTE / SECOND,
        Part::Millisecond => micros % MINUTE / 1_000,
        Part::Microsecond => micros % MINUTE,
        _ => 0,
    }
}

/// A part that is a whole number of a finite date.
fn of_date(part: Part, date: i64) -> i64 {
    match part {
        Part::Year => civil(date).0,
        Part::Month => civil(date).1,
        Part::Day => civil(date).2,
        Part::Decade => civil(date).0 / 10,
        Part::Century => period(civil(date).0, 100),
        Part::Millennium => period(civil(date).0, 1_000),
        Part::Quarter => (civil(date).1 - 1) / 3 + 1,
        Part::DayOfWeek => iso_day_of_week(date) % 7,
        Part::IsoDayOfWeek => iso_day_of_week(date),
        Part::DayOfYear => day_of_year(date),
        Part::Week => iso_week(date).1,
        Part::IsoYear => iso_week(date).0,
        Part::YearWeek => {
            let (year, week) = iso_week(date);
            year * 100 + if year > 0 { week } else { -week }
        }
        Part::Era => i64::from(civil(date).0 > 0),
        _ => 0,
    }
}

/// A part of a `DATE` that is a whole number; None for infinities.
pub fn date(part: Part, date: i64) -> Option<i64> {
    date_is_finite(date).then(|| of_date(part, date))
}

/// A part of a `DATE` that is a double; None for infinities.
pub fn date_double(part: Part, date: i64) -> Option<f64> {
    date_is_finite(date).then(|| if part == Part::Julian { (date + 2_440_588) as f64 } else { (date * 86_400) as f64 })
}

/// A part of a `TIMESTAMP` that is a whole number; None for infinities.
pub fn timestamp(part: Part, timestamp: i64) -> Option<i64> {
    let value = || match part {
        clock if clock.is_of_clock() => of_clock(clock, timestamp.rem_euclid(DAY)),
        part => of_date(part, timestamp_to_date(timestamp)),
    };
    timestamp_is_finite(timestamp).then(value)
}

/// A part of a `TIMESTAMP` that is a double; None for infinities.
pub fn timestamp_double(part: Part, timestamp: i64) -> Option<f64> {
    let value = || match part {
        Part::Julian => {
            (timestamp_to_date(timestamp) + 2_440_588) as f64 + timestamp.rem_euclid(DAY) as f64 / DAY as f64
        }
        _ => timestamp as f64 / SECOND as f64,
    };
    timestamp_is_finite(timestamp).then(value)
}

/// A part of a `TIMESTAMP_NS` that is one of the clock's; None for infinities.
pub fn timestamp_ns(part: Part, nanos: i64) -> Option<i64> {
    timestamp_is_finite(nanos).then(|| of_clock(part, nanos.div_euclid(1_000).rem_euclid(DAY)))
}

/// `epoch` of a `TIMESTAMP_NS`; None for infinities.
pub fn timestamp_ns_epoch(nanos: i64) -> Option<f64> {
    timestamp_is_finite(nanos).then(|| nanos.div_euclid(1_000) as f64 / SECOND as f64)
}

/// A part of a `TIME` that is one of the clock's.
pub fn time(part: Part, time: i64) -> i64 {
    of_clock(part, time)
}

/// `epoch` of a `TIME`.
pub fn time_epoch(time: i64) -> f64 {
    time as f64 / SECOND as f64
}

/// A part of an `INTERVAL` that is a whole number.
pub fn interval(part: Part, interval: Interval) -> i64 {
    let months = i64::from(interval.months);
    match part {
        Part::Year => months / 12,
        Part::Month => months % 12,
        Part::Day => i64::from(interval.days),
        Part::Decade => months / 120,
        Part::Century => months / 1_200,
        Part::Millennium => months / 12_000,
        Part::Quarter => months % 12 / 3 + 1,
        clock => of_clock(clock, interval.micros),
    }
}

/// `epoch` of an `INTERVAL`: a year has 365.25 days, a month 30.
pub fn interval_epoch(interval: Interval) -> f64 {
    let (years, months) = (i64::from(interval.months / 12), i64::from(interval.months % 12));
    let days = 365 * years + 30 * months + i64::from(interval.days);
    (days * 86_400 + years * 21_600) as f64 + interval.micros as f64 / SECOND as f64
}

/// `epoch_us` of a `TIMESTAMP`; None for infinities.
pub fn timestamp_epoch_us(timestamp: i64) -> Option<i64> {
    timestamp_is_finite(timestamp).then_some(timestamp)
}

/// `epoch_ms` of a `TIMESTAMP`; None for infinities.
pub fn timestamp_epoch_ms(timestamp: i64) -> Result<Option<i64>, EvaluationError> {
    timestamp_is_finite(timestamp).then(|| timestamp_to_timestamp_ms(timestamp)).transpose()
}

/// `epoch_ns` of a `TIMESTAMP`; None for infinities.
pub fn timestamp_epoch_ns(timestamp: i64) -> Result<Option<i64>, EvaluationError> {
    timestamp_is_finite(timestamp).then(|| timestamp_to_timestamp_ns(timestamp)).transpose()
}

/// `epoch_us` of a `DATE`; None for infinities.
pub fn date_epoch_us(date: i64) -> Result<Option<i64>, EvaluationError> {
    date_is_finite(date).then(|| date_to_timestamp(date)).transpose()
}

/// `epoch_ms` of a `DATE`; None for infinities.
pub fn date_epoch_ms(date: i64) -> Option<i64> {
    date_is_finite(date).then(|| date * 86_400_000)
}

/// `epoch_ns` of a `DATE`; None for infinities.
pub fn date_epoch_ns(date: i64) -> Result<Option<i64>, EvaluationError> {
    let nanos = || date.checked_mul(DAY * 1_000).ok_or(EvaluationError::Conversion);
    date_is_finite(date).then(nanos).transpose()
}

/// `epoch_us` of a `TIMESTAMP_NS`; None for infinities.
pub fn timestamp_ns_epoch_us(nanos: i64) -> Option<i64> {
    timestamp_is_finite(nanos).then(|| nanos.div_euclid(1_000))
}

/// `epoch_ns` of a `TIMESTAMP_NS`; None for infinities.
pub fn timestamp_ns_epoch_ns(nanos: i64) -> Option<i64> {
    timestamp_is_finite(nanos).then_some(nanos)
}

/// `epoch_ms` of a `TIME`.
pub fn time_epoch_ms(time: i64) -> i64 {
    time / 1_000
}

/// `epoch_us` of a `TIME`.
pub fn time_epoch_us(time: i64) -> i64 {
    time
}

/// `epoch_ns` of a `TIME`.
pub fn time_epoch_ns(time: i64) -> i64 {
    time * 1_000
}

/// `epoch_us` of an `INTERVAL`: a month has 30 days.
pub fn interval_epoch_us(interval: Interval) -> Result<i64, EvaluationError> {
    let days = i128::from(interval.months) * 30 + i128::from(interval.days);
    i64::try_from(days * i128::from(DAY) + i128::from(interval.micros)).map_err(|_| EvaluationError::Conversion)
}

/// `epoch_ms` of an `INTERVAL`: a month has 30 days.
pub fn interval_epoch_ms(interval: Interval) -> i64 {
    let days = i64::from(interval.months) * 30 + i64::from(interval.days);
    days * 86_400_000 + interval.micros / 1_000
}

/// `epoch_ns` of an `INTERVAL`: a month has 30 days.
pub fn interval_epoch_ns(interval: Interval) -> Result<i64, EvaluationError> {
    interval_epoch_us(interval)?.checked_mul(1_000).ok_or(EvaluationError::Conversion)
}
