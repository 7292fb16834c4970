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
}

impl<'t, O: Copy + Default + TryFrom<usize>> TextTaker<'t, O> {
    pub fn new(column: &'t ChunkedColumn<'t>) -> Self {
        let valid = Validity::default();
        Self { column, pieces: Vec::new(), offsets: Vec::new(), bytes: Vec::new(), valid }
    }

    /// Takes the texts of a block.
    pub fn add(&mut self, rows: &[usize], budget: &Budget) -> Result<(), Stopped> {
        let mut cursor = ChunkCursor::new(self.column);
        budget.reserve(&mut self.offsets, rows.len() + 1)?;
        for &row in rows {
            let found = cursor.find(row).and_then(|(chunk, row)| bytes_of(&chunk.values, row));
            let bytes = found.unwrap_or_default();
            let mut end = O::try_from(self.bytes.len() + bytes.len()).ok();
            if end.is_none() {
                self.end_piece();
                budget.reserve(&mut self.offsets, rows.len() + 1)?;
                // One text of a column fits.
                end = O::try_from(bytes.len()).ok();
            }
            if self.offsets.is_empty() {
                self.offsets.push(O::default());
            }
            budget.reserve(&mut self.bytes, bytes.len())?;
            self.bytes.extend_from_slice(bytes);
            self.offsets.push(end.unwrap_or_default());
            self.valid.push(&[found.is_some()], 1, budget)?;
        }
        Ok(())
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
