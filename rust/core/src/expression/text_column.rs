//! Columns of text, one text behind the other.

use std::borrow::Cow;
use std::ops::Range;

use super::bitmap::{Bitmap, append_valid, append_valid_of};

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

    /// The column with a text of its own.
    pub fn into_owned(self) -> TextColumn<'static> {
        TextColumn {
            text: Cow::Owned(self.text.into_owned()),
            offsets: match self.offsets {
                TextOffsets::Small(offsets) => TextOffsets::Small(Cow::Owned(offsets.into_owned())),
                TextOffsets::Large(offsets) => TextOffsets::Large(Cow::Owned(offsets.into_owned())),
            },
            valid: self.valid.map(Bitmap::into_owned),
        }
    }

    /// Which are there; all without it.
    #[inline]
    pub fn valid(&self) -> Option<&Bitmap<'a>> {
        self.valid.as_ref()
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

impl TextColumn<'static> {
    /// Adds texts of another column.
    pub(super) fn append(&mut self, other: &TextColumn<'_>, rows: Range<usize>) {
        let before = self.len();
        append_valid_of(&mut self.valid, before, other.valid(), rows.clone());
        for row in rows {
            self.text.to_mut().push_str(other.text(row));
            self.end_text();
        }
    }

    /// Adds rows that are not there.
    pub(super) fn append_nulls(&mut self, rows: usize) {
        let before = self.len();
        append_valid(&mut self.valid, before, std::iter::repeat_n(false, rows));
        (0..rows).for_each(|_| self.end_text());
    }

    fn end_text(&mut self) {
        let end = self.text.len();
        if let TextOffsets::Small(offsets) = &self.offsets {
            self.offsets = TextOffsets::Large(offsets.iter().map(|&offset| i64::from(offset)).collect());
        }
        if let TextOffsets::Large(offsets) = &mut self.offsets {
            offsets.to_mut().push(end as i64);
        }
    }

    /// Takes away so many texts at the beginning.
    pub(super) fn drop_first(&mut self, rows: usize) {
        let mut left = [].into_iter().collect::<Self>();
        left.append(self, rows.min(self.len())..self.len());
        *self = left;
    }

    /// Takes away the texts from this one on.
    pub(super) fn truncate(&mut self, rows: usize) {
        match &mut self.offsets {
            TextOffsets::Small(offsets) => offsets.to_mut().truncate(rows + 1),
            TextOffsets::Large(offsets) => offsets.to_mut().truncate(rows + 1),
        }
        let end = match &self.offsets {
            TextOffsets::Small(offsets) => offsets.last().map_or(0, |&end| end as usize),
            TextOffsets::Large(offsets) => offsets.last().map_or(0, |&end| end as usize),
        };
        self.text.to_mut().truncate(end);
        self.valid.iter_mut().for_each(|valid| valid.truncate(rows));
    }

    /// Bytes on the heap.
    pub(super) fn memory_bytes(&self) -> usize {
        let offsets = match &self.offsets {
            TextOffsets::Small(offsets) => offsets.len() * size_of::<i32>(),
            TextOffsets::Large(offsets) => offsets.len() * size_of::<i64>(),
        };
        self.text.len() + offsets + self.valid.as_ref().map_or(0, Bitmap::memory_bytes)
    }
}

impl<'t> FromIterator<Option<&'t str>> for TextColumn<'static> {
    fn from_iter<I: IntoIterator<Item = Option<&'t str>>>(values: I) -> Self {
        let (mut text, mut offsets, mut valid) = (String::new(), vec![0_i64], Vec::new());
        for value in values {
            text.push_str(value.unwrap_or_default());
            offsets.push(text.len() as i64);
            valid.push(value.is_some());
        }
        let all = valid.iter().all(|&valid| valid);
        let valid = if all { None } else { Some(valid.into_iter().collect()) };
        Self { text: Cow::Owned(text), offsets: TextOffsets::Large(Cow::Owned(offsets)), valid }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts() {
        let texts = ["", "a", "ab", "abcdefgh", "abcdefghi", "abcdefg", "ß", "b", "abcdefghi", ""];
        let mut offsets = vec![0];
        for text in texts {
            offsets.push(offsets[offsets.len() - 1] + text.len() as i32);
        }
        let offsets = TextOffsets::Small(Cow::Owned(offsets));
        let column = TextColumn::new(Cow::Owned(texts.concat()), offsets, None).unwrap();
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
