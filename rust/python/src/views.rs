//! Texts that stand in their views: Arrow's views of sixteen bytes have a text's length, and the text itself where it is short.

use std::ops::Range;

/// The bytes of a view.
pub const VIEW_BYTES: usize = 16;
/// The longest text that stands in its view.
pub const MOST_INLINE_BYTES: usize = 12;

const VIEWS_AT_ONCE: usize = 64;

/// Whether the texts of these rows are ASCII.
///
/// Args:
///     views: of all rows.
///     `is_ascii`: says so of one row, whose text need not stand in its view.
pub fn all_ascii(views: &[u8], rows: Range<usize>, is_ascii: impl Fn(usize) -> bool) -> bool {
    let bounds = rows.start.checked_mul(VIEW_BYTES).zip(rows.end.checked_mul(VIEW_BYTES));
    let Some(own) = bounds.and_then(|(begin, end)| views.get(begin..end)) else { return false };
    let (own, _) = own.as_chunks::<VIEW_BYTES>();
    // Some together without a branch, and one by one where there are others among them.
    own.chunks(VIEWS_AT_ONCE).zip(rows.step_by(VIEWS_AT_ONCE)).all(|(some, first)| {
        some.iter().fold(true, |all, view| all & is_short_ascii(view)) || (first..first + some.len()).all(&is_ascii)
    })
}

/// Whether a text stands in its view, and is ASCII.
#[inline]
fn is_short_ascii(view: &[u8; VIEW_BYTES]) -> bool {
    const NONE_ASCII: u32 = 0x8080_8080;
    let word = |at: usize| view[at..].first_chunk().map_or(u32::MAX, |word| u32::from_ne_bytes(*word));
    (word(0) <= MOST_INLINE_BYTES as u32) & ((word(4) | word(8) | word(12)) & NONE_ASCII == 0)
}
