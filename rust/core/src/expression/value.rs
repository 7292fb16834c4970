//! Single values: literals, and what crosses between a search and whoever computes for it.

use std::hash::{Hash, Hasher};

/// A span of time in three parts that the calendar does not let exchange for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// A value of some [`super::Type`], held as its [`super::Physical`] form says. Equal where the same bits are held.
#[derive(Debug, Clone)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number, a decimal's units, days, microseconds, or a rank.
    Int(i64),
    /// The same, where 64 bits do not hold each.
    Wide(i128),
    /// 32 bits of floating point.
    Float(f32),
    /// 64 bits of floating point.
    Double(f64),
    /// An interval.
    Interval(Interval),
    /// Text.
    Text(Box<str>),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Int(one), Self::Int(other)) => one == other,
            (Self::Wide(one), Self::Wide(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => one.to_bits() == other.to_bits(),
            (Self::Double(one), Self::Double(other)) => one.to_bits() == other.to_bits(),
            (Self::Interval(one), Self::Interval(other)) => one == other,
            (Self::Text(one), Self::Text(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Wide(value) => value.hash(state),
            Self::Float(value) => value.to_bits().hash(state),
            Self::Double(value) => value.to_bits().hash(state),
            Self::Interval(value) => value.hash(state),
            Self::Text(value) => value.hash(state),
        }
    }
}
