//! Columns of typed values, owned or borrowed from whoever has them in Arrow's layout.

mod growing;

use std::borrow::Cow;

use super::bitmap::Bitmap;
use super::scalar::Scalar;
use super::text_column::TextColumn;
use super::types::Physical;
use super::value::{Interval, Value};

/// Which values are there; None where all are.
fn validity<T>(values: &[Option<T>]) -> Option<Bitmap<'static>> {
    values.iter().any(Option::is_none).then(|| values.iter().map(Option::is_some).collect())
}

/// Values that are copied, and which of them are there.
#[derive(Debug, Clone)]
pub struct FixedColumn<'a, T: Clone> {
    values: Cow<'a, [T]>,
    valid: Option<Bitmap<'a>>,
}

impl<'a, T: Clone> FixedColumn<'a, T> {
    /// Values, and which of them are there (all without it); None where these are not as many.
    pub fn new(values: impl Into<Cow<'a, [T]>>, valid: Option<Bitmap<'a>>) -> Option<Self> {
        let values = values.into();
        valid.as_ref().is_none_or(|valid| valid.len() == values.len()).then_some(Self { values, valid })
    }

    fn into_owned(self) -> FixedColumn<'static, T> {
        FixedColumn { values: Cow::Owned(self.values.into_owned()), valid: self.valid.map(Bitmap::into_owned) }
    }

    /// All values; what stands at NULL may be anything.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Taken apart.
    pub fn into_parts(self) -> (Cow<'a, [T]>, Option<Bitmap<'a>>) {
        (self.values, self.valid)
    }
}

/// Booleans, and which of them are there.
#[derive(Debug, Clone)]
pub struct BoolColumn<'a> {
    values: Bitmap<'a>,
    valid: Option<Bitmap<'a>>,
}

impl<'a> BoolColumn<'a> {
    /// Booleans, and which of them are there (all without it); None where these are not as many.
    pub fn new(values: Bitmap<'a>, valid: Option<Bitmap<'a>>) -> Option<Self> {
        valid.as_ref().is_none_or(|valid| valid.len() == values.len()).then_some(Self { values, valid })
    }

    /// Taken apart.
    pub fn into_parts(self) -> (Bitmap<'a>, Option<Bitmap<'a>>) {
        (self.values, self.valid)
    }
}

/// A column of values of one type.
///
/// ```
/// use rowpattern_core::expression::{Value, ValueColumn};
/// let column = ValueColumn::from_iter([Some(1.5), None]);
/// assert_eq!((column.value(0), column.value(1)), (Value::Double(1.5), Value::Null));
/// ```
#[derive(Debug, Clone)]
pub enum ValueColumn<'a> {
    /// So many NULLs, of any type.
    Null(usize),
    /// Booleans.
    Bool(BoolColumn<'a>),
    /// Whole numbers and what is held as such.
    Int(FixedColumn<'a, i64>),
    /// The same, of 128 bits.
    Wide(FixedColumn<'a, i128>),
    /// 32 bits of floating point.
    Float(FixedColumn<'a, f32>),
    /// 64 bits of floating point.
    Double(FixedColumn<'a, f64>),
    /// Intervals.
    Interval(FixedColumn<'a, Interval>),
    /// Texts.
    Text(TextColumn<'a>),
}

impl ValueColumn<'_> {
    /// The column with values of its own.
    pub fn into_owned(self) -> ValueColumn<'static> {
        match self {
            Self::Null(rows) => ValueColumn::Null(rows),
            Self::Bool(column) => ValueColumn::Bool(BoolColumn {
                values: column.values.into_owned(),
                valid: column.valid.map(Bitmap::into_owned),
            }),
            Self::Int(column) => ValueColumn::Int(column.into_owned()),
            Self::Wide(column) => ValueColumn::Wide(column.into_owned()),
            Self::Float(column) => ValueColumn::Float(column.into_owned()),
            Self::Double(column) => ValueColumn::Double(column.into_owned()),
            Self::Interval(column) => ValueColumn::Interval(column.into_owned()),
            Self::Text(column) => ValueColumn::Text(column.into_owned()),
        }
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Null(rows) => *rows,
            Self::Bool(column) => column.values.len(),
            Self::Int(column) => column.values.len(),
            Self::Wide(column) => column.values.len(),
            Self::Float(column) => column.values.len(),
            Self::Double(column) => column.values.len(),
            Self::Interval(column) => column.values.len(),
            Self::Text(column) => column.len(),
        }
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What its values are held as; None where all are NULL.
    pub fn physical(&self) -> Option<Physical> {
        Some(match self {
            Self::Null(_) => return None,
            Self::Bool(_) => Physical::Bool,
            Self::Int(_) => Physical::Int,
            Self::Wide(_) => Physical::Wide,
            Self::Float(_) => Physical::Float,
            Self::Double(_) => Physical::Double,
            Self::Interval(_) => Physical::Interval,
            Self::Text(_) => Physical::Text,
        })
    }

    /// Which rows are there; all without it.
    pub fn valid(&self) -> Option<&Bitmap<'_>> {
        match self {
            Self::Null(_) => None,
            Self::Bool(column) => column.valid.as_ref(),
            Self::Int(column) => column.valid.as_ref(),
            Self::Wide(column) => column.valid.as_ref(),
            Self::Float(column) => column.valid.as_ref(),
            Self::Double(column) => column.valid.as_ref(),
            Self::Interval(column) => column.valid.as_ref(),
            Self::Text(column) => column.valid(),
        }
    }

    /// Whether a row is there.
    #[inline]
    pub fn is_valid(&self, row: usize) -> bool {
        !matches!(self, Self::Null(_)) && self.valid().is_none_or(|valid| valid.get(row))
    }

    /// The value of a row, on its own.
    pub fn value(&self, row: usize) -> Value {
        fn of<K: Stored>(column: &ValueColumn<'_>, row: usize) -> Value {
            K::read(column, row).map_or(Value::Null, K::into_value)
        }
        match self {
            Self::Null(_) => Value::Null,
            Self::Bool(_) => of::<bool>(self, row),
            Self::Int(_) => of::<i64>(self, row),
            Self::Wide(_) => of::<i128>(self, row),
            Self::Float(_) => of::<f32>(self, row),
            Self::Double(_) => of::<f64>(self, row),
            Self::Interval(_) => of::<Interval>(self, row),
            Self::Text(_) => of::<String>(self, row),
        }
    }
}

/// How a column holds values of a Rust type.
pub trait Stored: Scalar {
    /// What they are.
    const PHYSICAL: Physical;

    /// The value of a row; None where it is NULL, and past the last.
    fn read<'c>(column: &'c ValueColumn<'_>, row: usize) -> Option<Self::Item<'c>>;

    /// The values of these rows as they lie in memory, where they do.
    fn slice<'c>(column: &'c ValueColumn<'_>, first: usize, rows: usize) -> Option<&'c [Self::Item<'c>]>;
}

macro_rules! fixed {
    ($($scalar:ty, $column:ident;)*) => {
        $(impl Stored for $scalar {
            const PHYSICAL: Physical = Physical::$column;

            #[inline]
            fn read(column: &ValueColumn<'_>, row: usize) -> Option<Self> {
                let ValueColumn::$column(FixedColumn { values, valid }) = column else { return None };
                if valid.as_ref().is_some_and(|valid| !valid.get(row)) {
                    return None;
                }
                values.get(row).copied()
            }

            #[inline]
            fn slice<'c>(column: &'c ValueColumn<'_>, first: usize, rows: usize) -> Option<&'c [Self]> {
                let ValueColumn::$column(column) = column else { return None };
                column.values.get(first..first.checked_add(rows)?)
            }
        }

        impl FromIterator<Option<$scalar>> for ValueColumn<'static> {
            fn from_iter<I: IntoIterator<Item = Option<$scalar>>>(values: I) -> Self {
                let values: Vec<Option<$scalar>> = values.into_iter().collect();
                let valid = validity(&values);
                let values = values.into_iter().map(Option::unwrap_or_default).collect();
                Self::$column(FixedColumn { values: Cow::Owned(values), valid })
            }
        })*
    };
}

fixed! {
    i64, Int;
    i128, Wide;
    f32, Float;
    f64, Double;
    Interval, Interval;
}

impl Stored for bool {
    const PHYSICAL: Physical = Physical::Bool;

    #[inline]
    fn read(column: &ValueColumn<'_>, row: usize) -> Option<bool> {
        let ValueColumn::Bool(BoolColumn { values, valid }) = column else { return None };
        (row < values.len() && valid.as_ref().is_none_or(|valid| valid.get(row))).then(|| values.get(row))
    }

    fn slice<'c>(_: &'c ValueColumn<'_>, _: usize, _: usize) -> Option<&'c [bool]> {
        None
    }
}

impl FromIterator<Option<bool>> for ValueColumn<'static> {
    fn from_iter<I: IntoIterator<Item = Option<bool>>>(values: I) -> Self {
        let values: Vec<Option<bool>> = values.into_iter().collect();
        let valid = validity(&values);
        Self::Bool(BoolColumn { values: values.into_iter().map(Option::unwrap_or_default).collect(), valid })
    }
}

impl Stored for String {
    const PHYSICAL: Physical = Physical::Text;

    #[inline]
    fn read<'c>(column: &'c ValueColumn<'_>, row: usize) -> Option<Cow<'c, str>> {
        let ValueColumn::Text(column) = column else { return None };
        (row < column.len() && column.valid().is_none_or(|valid| valid.get(row)))
            .then(|| Cow::Borrowed(column.text(row)))
    }

    fn slice<'c>(_: &'c ValueColumn<'_>, _: usize, _: usize) -> Option<&'c [Cow<'c, str>]> {
        None
    }
}

impl<'t> FromIterator<Option<&'t str>> for ValueColumn<'static> {
    fn from_iter<I: IntoIterator<Item = Option<&'t str>>>(values: I) -> Self {
        Self::Text(values.into_iter().collect())
    }
}
