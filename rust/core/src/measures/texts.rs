//! Taking texts and bytes of different lengths.

use super::columns::{ChunkCursor, ChunkValues, ChunkedColumn};
use crate::budget::{Budget, Stopped};
use crate::expression::{Bitmap, Validity};

/// Texts or bytes one behind the other.
#[derive(Debug)]
pub struct TextPiece<O> {
    /// Where each begins and, last, where the last ends.
    pub offsets: Vec<O>,
    /// All of them.
    pub bytes: Vec<u8>,
    /// Which are there; all without it.
    pub valid: Option<Bitmap<'static>>,
}

/// Takes texts or bytes; where they are too long for offsets, in several pieces.
pub struct TextTaker<'t, O> {
    column: &'t ChunkedColumn<'t>,
    pieces: Vec<TextPiece<O>>,
    offsets: Vec<O>,
    bytes: Vec<u8>,
    valid: Validity,
    /// Of the block.
    found: Vec<Option<FoundText<'t>>>,
    flags: Vec<bool>,
}

/// A text, and what follows it in memory.
#[derive(Clone, Copy)]
struct FoundText<'t> {
    following: &'t [u8],
    length: usize,
}

impl<'t> FoundText<'t> {
    fn bytes(self) -> &'t [u8] {
        self.following.get(..self.length).unwrap_or_default()
    }
}

/// Short texts are copied as so many bytes, of which those behind the text are written over.
const AT_ONCE: usize = 16;

impl<'t, O: Copy + Default + TryFrom<usize>> TextTaker<'t, O> {
    pub fn new(column: &'t ChunkedColumn<'t>) -> Self {
        Self {
            column,
            pieces: Vec::new(),
            offsets: Vec::new(),
            bytes: Vec::new(),
            valid: Validity::default(),
            found: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// Takes the texts of a block.
    pub fn add(&mut self, rows: &[usize], budget: &Budget) -> Result<(), Stopped> {
        // Found first, so that rows that are far from each other are read from memory at once.
        let mut cursor = ChunkCursor::new(self.column);
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        found.extend(rows.iter().map(|&row| cursor.find(row).and_then(|(chunk, row)| text_of(&chunk.values, row))));
        let length = |text: Option<FoundText<'_>>| text.map_or(0, |text| text.length);
        let all: usize = found.iter().copied().map(length).sum();
        if O::try_from(self.bytes.len() + all).is_ok() {
            self.extend(&found, all, budget)?;
        } else {
            for text in &found {
                if O::try_from(self.bytes.len() + length(*text)).is_err() {
                    self.end_piece();
                }
                self.extend(std::slice::from_ref(text), length(*text), budget)?;
            }
        }
        self.found = found;
        Ok(())
    }

    /// Adds texts that fit into the piece, of so many bytes together.
    fn extend(&mut self, found: &[Option<FoundText<'_>>], bytes: usize, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.offsets, found.len() + 1)?;
        budget.reserve(&mut self.bytes, bytes + AT_ONCE)?;
        if self.offsets.is_empty() {
            self.offsets.push(O::default());
        }
        let mut at = self.bytes.len();
        let end = at + bytes;
        self.bytes.resize(end + AT_ONCE, 0);
        let mut is_any_absent = false;
        let out = self.bytes.as_mut_slice();
        self.offsets.extend(found.iter().map(|text| {
            if let Some(text) = text {
                if text.length <= AT_ONCE
                    && let Some(bytes) = text.following.first_chunk::<AT_ONCE>()
                    && let Some(out) = out.get_mut(at..at + AT_ONCE)
                {
                    out.copy_from_slice(bytes);
                } else if let Some(out) = out.get_mut(at..at + text.length) {
                    out.copy_from_slice(text.bytes());
                }
                at += text.length;
            } else {
                is_any_absent = true;
            }
            O::try_from(at).unwrap_or_default()
        }));
        self.bytes.truncate(end);
        self.flags.clear();
        if is_any_absent {
            self.flags.extend(found.iter().map(Option::is_some));
        }
        self.valid.push(&self.flags, found.len(), budget)
    }

    fn end_piece(&mut self) {
        let valid = std::mem::take(&mut self.valid).finish();
        let (offsets, bytes) = (std::mem::take(&mut self.offsets), std::mem::take(&mut self.bytes));
        self.pieces.push(TextPiece { offsets, bytes, valid });
    }

    /// All pieces.
    pub fn finish(mut self) -> Vec<TextPiece<O>> {
        if !self.offsets.is_empty() {
            self.end_piece();
        }
        self.pieces
    }
}

/// The text of a row; None where it is out of range or order.
fn text_of<'c>(values: &'c ChunkValues<'_>, row: usize) -> Option<FoundText<'c>> {
    fn between<'c, T: Copy + TryInto<usize>>(offsets: &[T], bytes: &'c [u8], row: usize) -> Option<FoundText<'c>> {
        let (begin, end): (usize, usize) =
            ((*offsets.get(row)?).try_into().ok()?, (*offsets.get(row + 1)?).try_into().ok()?);
        let (following, length) = (bytes.get(begin..)?, end.checked_sub(begin)?);
        (length <= following.len()).then_some(FoundText { following, length })
    }
    match values {
        ChunkValues::Small(offsets, bytes) => between(offsets, bytes, row),
        ChunkValues::Large(offsets, bytes) => between(offsets, bytes, row),
        _ => None,
    }
}
