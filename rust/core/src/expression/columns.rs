//! Columns of typed values, owned or borrowed from whoever has them in Arrow's layout.

use std::borrow::Cow;

use super::scalar::Scalar;
use super::types::Physical;
use super::value::{Interval, Value};

/// Bits, the lowest of a byte first.
#[derive(Debug, Clone)]
pub struct Bitmap<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where the first of them stands.
    offset: usize,
    len: usize,
}

impl<'a> Bitmap<'a> {
    /// So many bits of these bytes from the bit `offset` on; None where there are not so many.
    pub fn new(bytes: impl Into<Cow<'a, [u8]>>, offset: usize, len: usize) -> Option<Self> {
        let bytes = bytes.into();
        (offset.checked_add(len)?.div_ceil(8) <= bytes.len()).then_some(Self { bytes, offset, len })
    }

    fn into_owned(self) -> Bitmap<'static> {
        Bitmap { bytes: Cow::Owned(self.bytes.into_owned()), offset: self.offset, len: self.len }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bit of a row; false past the last.
    #[inline]
    pub fn get(&self, row: usize) -> bool {
        let at = self.offset + row;
        row < self.len && self.bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
    }

    /// The bytes, the place of the first bit in them, and how many bits there are.
    pub fn into_parts(self) -> (Cow<'a, [u8]>, usize, usize) {
        (self.bytes, self.offset, self.len)
    }

    /// Whether all bits of these rows are set.
    pub fn all(&self, first: usize, rows: usize) -> bool {
        let (begin, end) = (self.offset + first, self.offset + first + rows);
        let bit = |at: usize| self.bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        // Whole bytes, and the bits before and behind them.
        let (from, to) = (begin.next_multiple_of(8).min(end), (end / 8 * 8).max(begin));
        let whole = if from < to { self.bytes.get(from / 8..to / 8) } else { Some(&[][..]) };
        let (from, to) = (from, to.max(from));
        first + rows <= self.len
            && whole.is_some_and(|bytes| bytes.iter().fold(u8::MAX, |all, byte| all & byte) == u8::MAX)
            && (begin..from).chain(to..end).all(bit)
    }

    /// Writes the bits of the rows from `first` on as booleans.
    pub fn write(&self, first: usize, out: &mut [bool]) {
        let begin = self.offset + first;
        for (row, out) in out.iter_mut().enumerate() {
            let at = begin + row;
            *out = self.bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        }
    }
}

/// Which values are there; None where all are.
fn validity<T>(values: &[Option<T>]) -> Option<Bitmap<'static>> {
    values.iter().any(Option::is_none).then(|| values.iter().map(Option::is_some).collect())
}

impl FromIterator<bool> for Bitmap<'static> {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let (mut bytes, mut len) = (Vec::new(), 0);
        for bit in bits {
            if len % 8 == 0 {
                bytes.push(0);
            }
            if let Some(byte) = bytes.last_mut() {
                *byte |= u8::from(bit) << (len % 8);
            }
            len += 1;
        }
        Self { bytes: Cow::Owned(bytes), offset: 0, len }
    }
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

/// Where each text begins and, last, where the last ends.
#[derive(Debug, Clone)]
pub enum TextOffsets<'a> {
    /// Of 32 bits.
    Small(Cow<'a, [i32]>),
    /// Of 64 bits.
    Large(Cow<'a, [i64]>),
}

/// Texts in one, and which of them are there.
#[derive(Debug, Clone)]
pub struct TextColumn<'a> {
    text: Cow<'a, str>,
    offsets: TextOffsets<'a>,
    valid: Option<Bitmap<'a>>,
}

impl<'a> TextColumn<'a> {
    /// Texts one behind the other; None where offsets are not in order, lie out of the text or inside of a character, or where
    /// there are not as many of what is there.
    pub fn new(text: Cow<'a, str>, offsets: TextOffsets<'a>, valid: Option<Bitmap<'a>>) -> Option<Self> {
        fn fit<T: Copy + Ord + TryInto<usize>>(offsets: &[T], text: &str) -> bool {
            !offsets.is_empty()
                && offsets.is_sorted()
                && offsets
                    .iter()
                    .all(|&offset| offset.try_into().is_ok_and(|offset: usize| text.is_char_boundary(offset)))
        }
        let fits = match &offsets {
            TextOffsets::Small(offsets) => fit(offsets, &text),
            TextOffsets::Large(offsets) => fit(offsets, &text),
        };
        let column = Self { text, offsets, valid };
        (fits && column.valid.as_ref().is_none_or(|valid| valid.len() == column.len())).then_some(column)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.offsets {
            TextOffsets::Small(offsets) => offsets.len() - 1,
            TextOffsets::Large(offsets) => offsets.len() - 1,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of a row, whether it is there or not.
    #[inline]
    pub fn text(&self, row: usize) -> &str {
        fn between<T: Copy + TryInto<usize>>(offsets: &[T], row: usize) -> Option<(usize, usize)> {
            Some(((*offsets.get(row)?).try_into().ok()?, (*offsets.get(row + 1)?).try_into().ok()?))
        }
        let bounds = match &self.offsets {
            TextOffsets::Small(offsets) => between(offsets, row),
            TextOffsets::Large(offsets) => between(offsets, row),
        };
        bounds.and_then(|(begin, end)| self.text.get(begin..end)).unwrap_or_default()
    }

    /// Whether each of the rows from `first` on is this text, whether it is there or not.
    pub fn equal_each(&self, first: usize, text: &str, equal: &mut [bool]) {
        match &self.offsets {
            TextOffsets::Small(offsets) => equal_each(offsets.get(first..), self.text.as_bytes(), text, equal),
            TextOffsets::Large(offsets) => equal_each(offsets.get(first..), self.text.as_bytes(), text, equal),
        }
    }

    /// Taken apart.
    pub fn into_parts(self) -> (Cow<'a, str>, TextOffsets<'a>, Option<Bitmap<'a>>) {
        (self.text, self.offsets, self.valid)
    }
}

fn equal_each<T: Copy + TryInto<usize>>(offsets: Option<&[T]>, bytes: &[u8], text: &str, equal: &mut [bool]) {
    const WORD: usize = 8;
    // Most texts that are compared with are short: as one number, with what stands behind them cut off.
    let mut word = [0; WORD];
    let cut = u64::MAX.checked_shr(8 * WORD.saturating_sub(text.len()) as u32).unwrap_or(0);
    let short = word.get_mut(..text.len()).map(|word| word.copy_from_slice(text.as_bytes())).map(|()| word);
    let place = |at: usize| offsets.and_then(|offsets| (*offsets.get(at)?).try_into().ok()).unwrap_or(0);
    let mut begin: usize = place(0);
    for (row, equal) in equal.iter_mut().enumerate() {
        let end = place(row + 1);
        *equal = end.wrapping_sub(begin) == text.len()
            && match (&short, bytes.get(begin..).and_then(<[u8]>::first_chunk::<WORD>)) {
                (Some(short), Some(found)) => (u64::from_le_bytes(*found) & cut) == u64::from_le_bytes(*short),
                _ => bytes.get(begin..end) == Some(text.as_bytes()),
            };
        begin = end;
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
            Self::Text(column) => ValueColumn::Text(TextColumn {
                text: Cow::Owned(column.text.into_owned()),
                offsets: match column.offsets {
                    TextOffsets::Small(offsets) => TextOffsets::Small(Cow::Owned(offsets.into_owned())),
                    TextOffsets::Large(offsets) => TextOffsets::Large(Cow::Owned(offsets.into_owned())),
                },
                valid: column.valid.map(Bitmap::into_owned),
            }),
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
            Self::Text(column) => column.valid.as_ref(),
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
            fn read<'c>(column: &'c ValueColumn<'_>, row: usize) -> Option<Self> {
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
    fn read<'c>(column: &'c ValueColumn<'_>, row: usize) -> Option<bool> {
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
        (row < column.len() && column.valid.as_ref().is_none_or(|valid| valid.get(row)))
            .then(|| Cow::Borrowed(column.text(row)))
    }

    fn slice<'c>(_: &'c ValueColumn<'_>, _: usize, _: usize) -> Option<&'c [Cow<'c, str>]> {
        None
    }
}

impl<'t> FromIterator<Option<&'t str>> for ValueColumn<'static> {
    fn from_iter<I: IntoIterator<Item = Option<&'t str>>>(values: I) -> Self {
        let values: Vec<Option<&str>> = values.into_iter().collect();
        let (mut text, mut offsets) = (String::new(), vec![0_i64]);
        for value in &values {
            text.push_str(value.unwrap_or_default());
            offsets.push(text.len() as i64);
        }
        let valid = validity(&values);
        Self::Text(TextColumn { text: Cow::Owned(text), offsets: TextOffsets::Large(Cow::Owned(offsets)), valid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_from_any_place_on() {
        let bits: Vec<bool> = (0..40).map(|bit| bit % 3 != 0).collect();
        let all: Bitmap<'_> = bits.iter().copied().collect();
        let (bytes, ..) = all.into_parts();
        for offset in 0..10 {
            let bitmap = Bitmap::new(&*bytes, offset, 30).unwrap();
            for first in 0..20 {
                let mut written = [false; 10];
                bitmap.write(first, &mut written);
                assert_eq!(written, bits[offset + first..offset + first + 10]);
                for rows in 0..5 {
                    let all = bits[offset + first..offset + first + rows].iter().all(|&bit| bit);
                    assert_eq!(bitmap.all(first, rows), all, "{offset} {first} {rows}");
                }
            }
            assert!(!bitmap.get(30));
        }
        assert!(Bitmap::new(&*bytes, 10, 31).is_none());
    }

    #[test]
    fn equal_texts() {
        let texts = ["", "a", "ab", "abcdefgh", "abcdefghi", "abcdefg", "ß", "b", "abcdefghi", ""];
        let column: ValueColumn<'_> = texts.iter().map(|&text| Some(text)).collect();
        let ValueColumn::Text(column) = column else { panic!("no text") };
        for text in texts {
            for first in 0..texts.len() {
                let mut equal = vec![false; texts.len() - first];
                column.equal_each(first, text, &mut equal);
                let expected: Vec<bool> = texts[first..].iter().map(|&other| other == text).collect();
                assert_eq!(equal, expected, "{text} from {first}");
            }
        }
    }

    #[test]
    fn texts_are_checked() {
        let text = |offsets: &[i32]| {
            TextColumn::new(Cow::Borrowed("aéb"), TextOffsets::Small(Cow::Owned(offsets.to_vec())), None).is_some()
        };
        assert!(text(&[0, 1, 3, 4]));
        assert!(text(&[0]));
        for wrong in [&[][..], &[0, 2], &[0, 5], &[-1, 4], &[3, 1]] {
            assert!(!text(wrong), "{wrong:?}");
        }
    }
}
