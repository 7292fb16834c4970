//! Bits as Arrow lays them out: which values are there, and booleans.

use std::borrow::Cow;
use std::ops::Range;

/// Bits, the lowest of a byte first.
#[derive(Debug, Clone, Default)]
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

    /// With bytes of its own.
    pub fn into_owned(self) -> Bitmap<'static> {
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

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        if let Cow::Owned(bytes) = &self.bytes { bytes.capacity() } else { 0 }
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

    /// Makes those rows false whose bit is not set, of consecutive rows from `first` on; also those past the last bit.
    pub fn keep(&self, first: usize, rows: &mut [bool]) {
        let there = self.len.saturating_sub(first).min(rows.len());
        let (rows, past) = rows.split_at_mut(there);
        past.fill(false);
        let at = self.offset + first;
        let bytes = self.bytes.get(at / 8..).unwrap_or_default();
        let (eights, others) = rows.as_chunks_mut::<8>();
        // Bits of eight rows are in two bytes, unless the first bit is a byte's first.
        let bits = |number: usize| {
            let byte = |number: usize| u32::from(bytes.get(number).copied().unwrap_or_default());
            (byte(number) | byte(number + 1) << 8) >> (at % 8)
        };
        let whole = eights.len();
        for (number, eight) in eights.iter_mut().enumerate() {
            let bits = bits(number);
            for (bit, row) in eight.iter_mut().enumerate() {
                *row &= bits >> bit & 1 == 1;
            }
        }
        let bits = bits(whole);
        for (bit, row) in others.iter_mut().enumerate() {
            *row &= bits >> bit & 1 == 1;
        }
    }
}

impl Bitmap<'static> {
    /// Adds a bit.
    pub fn push(&mut self, bit: bool) {
        let (at, bytes) = (self.offset + self.len, self.bytes.to_mut());
        if at / 8 >= bytes.len() {
            bytes.push(0);
        }
        if let Some(byte) = bytes.get_mut(at / 8) {
            *byte = *byte & !(1 << (at % 8)) | u8::from(bit) << (at % 8);
        }
        self.len += 1;
    }

    /// Takes away so many bits at the beginning.
    pub fn drop_first(&mut self, bits: usize) {
        let bits = bits.min(self.len);
        self.len -= bits;
        let bytes = (self.offset + bits) / 8;
        self.offset = (self.offset + bits) % 8;
        self.bytes.to_mut().drain(..bytes);
    }

    /// Takes away the bits from this one on.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        let bytes = (self.offset + self.len).div_ceil(8);
        self.bytes.to_mut().truncate(bytes);
    }
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

/// Notes which of some rows of another column are there, behind so many.
pub(super) fn append_valid_of(
    own: &mut Option<Bitmap<'static>>,
    before: usize,
    other: Option<&Bitmap<'_>>,
    rows: Range<usize>,
) {
    match other {
        Some(other) => append_valid(own, before, rows.map(|row| other.get(row))),
        None => append_valid(own, before, rows.map(|_| true)),
    }
}

/// Notes which rows are there, behind so many.
pub(super) fn append_valid(own: &mut Option<Bitmap<'static>>, before: usize, flags: impl Iterator<Item = bool>) {
    for (at, flag) in (before..).zip(flags) {
        if own.is_none() && !flag {
            *own = Some(std::iter::repeat_n(true, at).collect());
        }
        if let Some(own) = own {
            own.push(flag);
        }
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
                for rows in 0..25 {
                    let mut kept = vec![true; rows];
                    bitmap.keep(first, &mut kept);
                    let expected: Vec<bool> = (first..first + rows).map(|row| bitmap.get(row)).collect();
                    assert_eq!(kept, expected, "{offset} {first} {rows}");
                }
                for rows in 0..5 {
                    let all = bits[offset + first..offset + first + rows].iter().all(|&bit| bit);
                    assert_eq!(bitmap.all(first, rows), all, "{offset} {first} {rows}");
                }
            }
            assert!(!bitmap.get(30));
        }
        assert!(Bitmap::new(&*bytes, 10, 31).is_none());
    }
}
