//! The rows of one bucket in order, where few enough lower bits are left that numbers of 32 bits do.
//!
//! As in [`super::bucket`], rows go to groups by the highest of their lower bits, and each to its place in the group, which is how
//! many of the group are below it. With numbers of 32 bits a processor compares twice as many at once, and without AVX it compares
//! them at all, so that this takes half the time where events come in visits and groups have ten rows.

use super::OrderError;
use super::places::{Changes, FEW_GROUPED, MANY_GROUPED, MOST_GROUPED, Places, begun, lengthen, place_bits};
use super::scatter::Scattered;
use super::word::With;
use super::work::Work;

/// The most bits of a number: its sign is left out, as numbers are compared with their signs.
const MOST_BITS: u32 = 31;
const MASK: u32 = (1 << MOST_BITS) - 1;

/// Sorts buckets of few bits one after another.
pub struct NarrowSorter<'w> {
    work: Work<'w>,
    /// Where each group begins.
    begins: Vec<u32>,
    /// The bucket's rows as they come: the lower bits of their codes, their numbers, and what they carry.
    rests: Vec<u32>,
    rows: Vec<u32>,
    bytes: Vec<u8>,
    /// Group by group: the bits by which rows of a group differ, with their places in the bucket.
    grouped: Vec<u32>,
    /// The same in order.
    sorted: Vec<u32>,
}

impl Drop for NarrowSorter<'_> {
    fn drop(&mut self) {
        for numbers in [&self.begins, &self.rests, &self.rows, &self.grouped, &self.sorted] {
            self.work.budget.release_vector(numbers);
        }
        self.work.budget.release_vector(&self.bytes);
    }
}

impl<'w> NarrowSorter<'w> {
    pub fn new(work: Work<'w>) -> Self {
        let (begins, rests, rows, bytes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { work, begins, rests, rows, bytes, grouped: Vec::new(), sorted: Vec::new() }
    }

    /// Writes the rows of a bucket in order. False, having written nothing, where its codes have too many bits, or most of its rows
    /// are in few groups.
    pub fn sort<const JOINED: bool>(
        &mut self,
        scattered: &Scattered<'_, JOINED>,
        bucket: usize,
        with: With<'_>,
        places: &mut Places<'_>,
        changes: &mut Changes<'_>,
    ) -> Result<bool, OrderError> {
        let (length, bits) = (places.order.len(), scattered.buckets.bits);
        let place_bits = place_bits(length);
        let group_bits = bits.min(place_bits);
        let shift = bits - group_bits;
        // Rows of one group differ in so many of the lower bits, and in their places.
        if bits > u32::BITS || shift + place_bits > MOST_BITS {
            return Ok(false);
        }
        self.make_room(length, 1 << group_bits, places.bytes.len())?;
        let Self { begins, rests, rows, bytes, grouped, sorted, .. } = self;
        let begins = begins.as_mut_slice();
        let mut slots = rests.iter_mut().zip(rows.iter_mut());
        let mut byte_slots = bytes[..places.bytes.len()].iter_mut();
        scattered.each_row(bucket, |rest, row, byte| {
            let Some((rest_slot, row_slot)) = slots.next() else { return };
            (*rest_slot, *row_slot) = (rest as u32, row);
            begins[(rest >> shift) as usize + 1] += 1;
            if let Some(slot) = byte_slots.next() {
                *slot = byte;
            }
        });
        let largest = begun(begins);
        if largest > MOST_GROUPED {
            return Ok(false);
        }
        let group_of = |rest: u32| rest.checked_shr(shift).unwrap_or(0) as usize;
        for (place, &rest) in rests[..length].iter().enumerate() {
            let next = &mut begins[group_of(rest) + 1];
            // The bits that are lost are those of the group.
            grouped[*next as usize] = (rest.wrapping_shl(place_bits) | place as u32) & MASK;
            *next += 1;
        }
        // Behind its last row each group begins the next one.
        if largest as usize > MANY_GROUPED {
            for bounds in begins.windows(2).filter(|bounds| (bounds[1] - bounds[0]) as usize > MANY_GROUPED) {
                grouped[bounds[0] as usize..bounds[1] as usize].sort_unstable();
            }
        }
        let mask = (1_u32 << place_bits) - 1;
        let rests = &rests[..length];
        for (at, &code) in grouped[..length].iter().enumerate() {
            let group = group_of(rests[(code & mask) as usize]);
            let (begin, end) = (begins[group] as usize, begins[group + 1] as usize);
            let own = &grouped[begin..];
            let place = if end - begin <= FEW_GROUPED {
                begin + below::<FEW_GROUPED>(own, end - begin, code)
            } else if end - begin <= MANY_GROUPED {
                begin + below::<MANY_GROUPED>(own, end - begin, code)
            } else {
                at
            };
            sorted[place] = code & mask;
        }
        let sorted = &sorted[..length];
        for (slot, &place) in places.order.iter_mut().zip(sorted) {
            *slot = rows[place as usize];
        }
        for (slot, &place) in places.bytes.iter_mut().zip(sorted) {
            *slot = bytes[place as usize];
        }
        let rest = |place: u32| u64::from(rests[place as usize]);
        if let Some(key) = with.key {
            for (slot, &place) in places.keys.iter_mut().zip(sorted) {
                *slot = key.value(scattered.buckets.code(bucket, rest(place)));
            }
        }
        if !changes.of_groups(begins, shift, (rest(sorted[0]), rest(sorted[length - 1])))? {
            for (at, &place) in sorted.iter().enumerate() {
                changes.at(at, rest(place))?;
            }
        }
        Ok(true)
    }

    fn make_room(&mut self, rows: usize, groups: usize, bytes: usize) -> Result<(), OrderError> {
        self.begins.clear();
        self.work.budget.reserve(&mut self.begins, groups + 1)?;
        self.begins.resize(groups + 1, 0);
        // Some more, as so many are read at once.
        lengthen(&mut self.grouped, rows + MANY_GROUPED, self.work)?;
        for numbers in [&mut self.rests, &mut self.rows, &mut self.sorted] {
            lengthen(numbers, rows, self.work)?;
        }
        lengthen(&mut self.bytes, bytes, self.work)
    }
}

/// How many of so many first codes are below one of these. They have no signs.
#[inline]
fn below<const N: usize>(codes: &[u32], count: usize, code: u32) -> usize {
    let first = codes.first_chunk::<N>().copied().unwrap_or([0; N]);
    let (count, code) = (count as i32, code as i32);
    // Without branches, four at once.
    let flags = first.iter().zip(0_i32..).map(|(&other, at)| i32::from(at < count) & i32::from((other as i32) < code));
    flags.sum::<i32>() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_group_alone_are_counted() {
        let codes = [5, 3, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, MASK];
        for (count, code, below_it) in [(4, 5, 2), (4, 9, 3), (4, 1, 0), (3, 3, 0), (16, MASK, 15), (1, 9, 1)] {
            assert_eq!(below::<16>(&codes, count, code), below_it, "{code} among {count}");
        }
        assert_eq!(below::<4>(&codes, 4, 4), 2);
    }
}
