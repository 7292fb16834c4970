//! The types of expressions: DuckDB's, as far as values of them are computed here.

use std::fmt;

/// A type that values are computed in. Others stay with DuckDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// Of NULL alone.
    Null,
    /// True or false.
    Boolean,
    /// 8 bits with a sign.
    TinyInt,
    /// 16 bits with a sign.
    SmallInt,
    /// 32 bits with a sign.
    Integer,
    /// 64 bits with a sign.
    BigInt,
    /// 128 bits with a sign.
    HugeInt,
    /// 8 bits.
    UTinyInt,
    /// 16 bits.
    USmallInt,
    /// 32 bits.
    UInteger,
    /// 64 bits.
    UBigInt,
    /// 32 bits of floating point.
    Float,
    /// 64 bits of floating point.
    Double,
    /// A whole number of units of ten to the power of minus `scale`, with at most `width` digits.
    Decimal {
        /// From 1 to 38.
        width: u8,
        /// At most the width.
        scale: u8,
    },
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Seconds since 1970-01-01.
    TimestampS,
    /// Milliseconds since 1970-01-01.
    TimestampMs,
    /// Microseconds since 1970-01-01.
    Timestamp,
    /// Nanoseconds since 1970-01-01.
    TimestampNs,
    /// Microseconds since 1970-01-01 in UTC.
    TimestampTz,
    /// Months, days and microseconds.
    Interval,
    /// Text in UTF-8.
    Varchar,
    /// The place of an ordered category among those of its column, from 0.
    Rank,
}

/// What values of a type are held as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Physical {
    /// `bool`; also what NULL is held as.
    Bool,
    /// `i64`: whole numbers, dates, times and ranks that fit, decimals of up to 18 digits.
    Int,
    /// `i128`: HUGEINT, UBIGINT, decimals of more digits.
    Wide,
    /// `f32`
    Float,
    /// `f64`
    Double,
    /// [`super::Interval`]
    Interval,
    /// `str`
    Text,
}

/// All but decimals.
const NAMES: [(Type, &str); 23] = [
    (Type::Null, "NULL"),
    (Type::Boolean, "BOOLEAN"),
    (Type::TinyInt, "TINYINT"),
    (Type::SmallInt, "SMALLINT"),
    (Type::Integer, "INTEGER"),
    (Type::BigInt, "BIGINT"),
    (Type::HugeInt, "HUGEINT"),
    (Type::UTinyInt, "UTINYINT"),
    (Type::USmallInt, "USMALLINT"),
    (Type::UInteger, "UINTEGER"),
    (Type::UBigInt, "UBIGINT"),
    (Type::Float, "FLOAT"),
    (Type::Double, "DOUBLE"),
    (Type::Date, "DATE"),
    (Type::Time, "TIME"),
    (Type::TimestampS, "TIMESTAMP_S"),
    (Type::TimestampMs, "TIMESTAMP_MS"),
    (Type::Timestamp, "TIMESTAMP"),
    (Type::TimestampNs, "TIMESTAMP_NS"),
    (Type::TimestampTz, "TIMESTAMP WITH TIME ZONE"),
    (Type::Interval, "INTERVAL"),
    (Type::Varchar, "VARCHAR"),
    (Type::Rank, "RANK"),
];

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Decimal { width, scale } = self {
            return write!(formatter, "DECIMAL({width},{scale})");
        }
        let name = NAMES.iter().find(|(kind, _)| kind == self);
        formatter.write_str(name.map_or("", |(_, name)| name))
    }
}

impl Type {
    /// The type that DuckDB calls so; None for those that are not computed here. An ordered category is `RANK`.
    ///
    /// ```
    /// use rowpattern_core::expression::Type;
    /// assert_eq!(Type::named("DECIMAL(12,2)"), Some(Type::Decimal { width: 12, scale: 2 }));
    /// assert_eq!(Type::named("BLOB"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        if let Some(parts) = name.strip_prefix("DECIMAL(").and_then(|rest| rest.strip_suffix(')')) {
            let (width, scale) = parts.split_once(',')?;
            let (width, scale) = (width.trim().parse().ok()?, scale.trim().parse().ok()?);
            return ((1..=38).contains(&width) && scale <= width).then_some(Self::Decimal { width, scale });
        }
        NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// What its values are held as.
    pub fn physical(self) -> Physical {
        match self {
            Self::Null | Self::Boolean => Physical::Bool,
            Self::HugeInt | Self::UBigInt => Physical::Wide,
            Self::Decimal { width, .. } if width > 18 => Physical::Wide,
            Self::Float => Physical::Float,
            Self::Double => Physical::Double,
            Self::Interval => Physical::Interval,
            Self::Varchar => Physical::Text,
            _ => Physical::Int,
        }
    }

    /// The least and the greatest value where it is a type of whole numbers.
    pub fn whole_range(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::TinyInt => (i128::from(i8::MIN), i128::from(i8::MAX)),
            Self::SmallInt => (i128::from(i16::MIN), i128::from(i16::MAX)),
            Self::Integer => (i128::from(i32::MIN), i128::from(i32::MAX)),
            Self::BigInt => (i128::from(i64::MIN), i128::from(i64::MAX)),
            Self::HugeInt => (i128::MIN, i128::MAX),
            Self::UTinyInt => (0, i128::from(u8::MAX)),
            Self::USmallInt => (0, i128::from(u16::MAX)),
            Self::UInteger => (0, i128::from(u32::MAX)),
            Self::UBigInt => (0, i128::from(u64::MAX)),
            _ => return None,
        })
    }
}
