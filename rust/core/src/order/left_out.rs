//! Rows that are left out of an order, as nothing is asked of them.

/// So many rows, from all over the table, say how many are left out.
const SAMPLED_ROWS: usize = 1 << 12;
/// To choose rows takes less time than this share of them takes to be brought in order.
const LEAST_SHARE: usize = 8;

/// By the byte that a row carries, whether it may be left out.
#[derive(Debug, Clone, Copy)]
pub struct LeftOut(pub [bool; 1 << u8::BITS]);

impl LeftOut {
    /// Whether enough of these rows would be.
    pub(super) fn is_worth_it(&self, bytes: &[u8]) -> bool {
        let sampled = bytes.iter().step_by((bytes.len() / SAMPLED_ROWS).max(1));
        let (mut looked, mut left_out) = (0, 0);
        for &byte in sampled {
            looked += 1;
            left_out += usize::from(self.0[usize::from(byte)]);
        }
        left_out > 0 && left_out * LEAST_SHARE >= looked
    }

    /// Brings rows that are kept together, by what they carry: their codes, and with each its place in the morsel with its byte. Gives
    /// how many rows are kept then.
    ///
    /// Args:
    ///     codes: of a morsel's rows; of those before `from` some are kept already.
    ///     lows: for each kept row, its place and its byte.
    ///     kept: how many are kept already.
    ///     from: the first row that is looked at.
    ///     bytes: what it and those behind it carry.
    #[inline]
    pub(super) fn keep(&self, codes: &mut [u64], lows: &mut [u32], kept: usize, from: usize, bytes: &[u8]) -> usize {
        let mut to = kept;
        // Written whether it is kept or not, so that no branch depends on it.
        for (at, &byte) in (from..).zip(bytes) {
            codes[to] = codes[at];
            lows[to] = (at as u32) << u8::BITS | u32::from(byte);
            to += usize::from(!self.0[usize::from(byte)]);
        }
        to
    }
}
