//! Arrays of Python's objects (numpy's dtype `object`), read without a copy of their texts.
#![allow(unsafe_code, reason = "objects stand in a buffer as pointers; the block says what it relies on")]

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyString};

use super::buffers::object_buffer;
use crate::limits::CallLimits;
use crate::signals::ITEMS_BETWEEN_LOOKS;

/// Texts of rows as places among the different ones.
pub struct PlacedTexts {
    /// [`NO_TEXT`] where there is none.
    pub places: Vec<u16>,
    pub texts: Vec<String>,
}

/// The place of None and NaN.
pub const NO_TEXT: u16 = u16::MAX;

/// More different texts are read otherwise: looking up each gains nothing then.
const MOST_TEXTS: usize = 1 << 12;

/// Places for objects, and for short texts, that were seen lately; a power of two.
const RECENT: usize = 1 << 10;

/// Reads a numpy array of texts, None and NaN as places among the different texts; None where there are other objects, half of a
/// surrogate pair, or too many different texts.
pub fn placed_texts(array: &Bound<'_, PyAny>, limits: &CallLimits) -> PyResult<Option<PlacedTexts>> {
    let py = array.py();
    let Some(buffer) = object_buffer(array)? else { return Ok(None) };
    let (rows, step) = (buffer.shape()[0], buffer.strides()[0]);
    let first = buffer.buf_ptr().cast::<*mut pyo3::ffi::PyObject>();
    let mut places: Vec<u16> = Vec::new();
    limits.reserve(&mut places, rows)?;
    let mut texts = SeenTexts::default();
    // Objects by their addresses, which are theirs as long as no Python code runs.
    let mut recent = vec![(std::ptr::null_mut(), NO_TEXT); RECENT];
    for row in 0..rows {
        if row.is_multiple_of(ITEMS_BETWEEN_LOOKS) {
            limits.check(py)?;
            recent.fill((std::ptr::null_mut(), NO_TEXT));
        }
        // SAFETY: the view is held, has one dimension of `rows` pointers, `step` bytes apart, as its format and size of items say;
        // numpy keeps pointers aligned or says so in the format, and a read that is not aligned needs nothing else.
        let object = unsafe { first.byte_offset((row as isize).wrapping_mul(step)).read_unaligned() };
        let slot = (object as usize >> 4) & (RECENT - 1);
        if let Some(&(known, place)) = recent.get(slot)
            && known == object
            && !object.is_null()
        {
            places.push(place);
            continue;
        }
        // SAFETY: an array of objects owns a reference to each, or has NULL for None. The interpreter's lock is held, and no code
        // of Python's runs, so that nobody takes the object out of the array meanwhile; this adds a reference all the same.
        let Some(item) = (unsafe { Bound::from_borrowed_ptr_or_opt(py, object) }) else {
            places.push(NO_TEXT);
            continue;
        };
        let place = if let Ok(text) = item.cast_exact::<PyString>() {
            let Some(place) = text.to_str().ok().and_then(|text| texts.place(text)) else { return Ok(None) };
            place
        } else if item.is_none() || item.cast_exact::<PyFloat>().is_ok_and(|number| number.value().is_nan()) {
            NO_TEXT
        } else {
            return Ok(None);
        };
        places.push(place);
        if let Some(slot) = recent.get_mut(slot) {
            *slot = (object, place);
        }
    }
    Ok(Some(PlacedTexts { places, texts: texts.in_order }))
}

/// Different texts, in the order in which they were seen.
struct SeenTexts {
    places: HashMap<Box<str>, u16, foldhash::fast::RandomState>,
    in_order: Vec<String>,
    /// Texts of at most eight bytes that were seen lately: their bytes, their lengths and their places.
    recent: Vec<(u64, usize, u16)>,
}

impl Default for SeenTexts {
    fn default() -> Self {
        Self { places: HashMap::default(), in_order: Vec::new(), recent: vec![(0, usize::MAX, 0); RECENT] }
    }
}

impl SeenTexts {
    /// The place of a text; None where there are too many.
    fn place(&mut self, text: &str) -> Option<u16> {
        let mut word = [0; size_of::<u64>()];
        let Some(bytes) = word.get_mut(..text.len()) else { return self.looked_up(text) };
        bytes.copy_from_slice(text.as_bytes());
        let word = u64::from_le_bytes(word);
        // The top bits of a product depend on all bits of the other number.
        let slot = (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize & (RECENT - 1);
        if let Some(&(known, length, place)) = self.recent.get(slot)
            && (known, length) == (word, text.len())
        {
            return Some(place);
        }
        let place = self.looked_up(text)?;
        if let Some(slot) = self.recent.get_mut(slot) {
            *slot = (word, text.len(), place);
        }
        Some(place)
    }

    fn looked_up(&mut self, text: &str) -> Option<u16> {
        if let Some(&place) = self.places.get(text) {
            return Some(place);
        }
        if self.in_order.len() >= MOST_TEXTS {
            return None;
        }
        let place = self.in_order.len() as u16;
        self.in_order.push(text.to_owned());
        self.places.insert(text.into(), place);
        Some(place)
    }
}
