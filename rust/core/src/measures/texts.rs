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
    found: Vec<Option<&'t [u8]>>,
    flags: Vec<bool>,
}

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
        found.extend(rows.iter().map(|&row| cursor.find(row).and_then(|(chunk, row)| bytes_of(&chunk.values, row))));
        let length = |text: Option<&[u8]>| text.map_or(0, <[u8]>::len);
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
    fn extend(&mut self, found: &[Option<&[u8]>], bytes: usize, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.offsets, found.len() + 1)?;
        budget.reserve(&mut self.bytes, bytes)?;
        if self.offsets.is_empty() {
            self.offsets.push(O::default());
        }
        for text in found {
            self.bytes.extend_from_slice(text.unwrap_or_default());
            self.offsets.push(O::try_from(self.bytes.len()).unwrap_or_default());
        }
        self.flags.clear();
        self.flags.extend(found.iter().map(Option::is_some));
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

/// The bytes of a row; None where they are out of range or order.
fn bytes_of<'c>(values: &'c ChunkValues<'_>, row: usize) -> Option<&'c [u8]> {
    fn between<'c, T: Copy + TryInto<usize>>(offsets: &[T], bytes: &'c [u8], row: usize) -> Option<&'c [u8]> {
        let (begin, end) = (*offsets.get(row)?, *offsets.get(row + 1)?);
        bytes.get(begin.try_into().ok()?..end.try_into().ok()?)
    }
    match values {
        ChunkValues::Small(offsets, bytes) => between(offsets, bytes, row),
        ChunkValues::Large(offsets, bytes) => between(offsets, bytes, row),
        _ => None,
    }
}
