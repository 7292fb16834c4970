//! The match at a row, of the few rows that it may have.
//!
//! Where a match must end within few rows, all that decides about it are these rows. From the last of them to the first, the positions
//! from which a way ends in time are a word of bits, which follows from that of the next row by a few look-ups; then the first
//! follower that is among them is taken, row by row.

use super::context::Context;
use crate::automaton::{ACCEPT, Automaton};

/// The most rows that are looked at. Those of overlapping matches are looked at from each of their starts.
pub const MOST_WINDOW_ROWS: usize = 64;
/// A position is a bit; one is left over, so that no set is all ones.
const MOST_POSITIONS: usize = u64::BITS as usize - 1;
const BYTES: usize = 1 << u8::BITS;
/// What stands for a set that is not known yet.
const UNKNOWN: u64 = u64::MAX;

/// A pattern of few positions, to be matched within few rows.
#[derive(Debug)]
pub struct RowWindow {
    /// By each byte of a set of positions, the positions that some of these follow.
    before: Vec<[u64; BYTES]>,
    /// The positions with which a match may end; where the partition ends, too.
    accepting: u64,
    accepting_at_end: u64,
    /// By symbol, the positions to which a row can be mapped.
    of_symbols: Box<[u64; BYTES]>,
    /// By row, the positions from which a way ends in time.
    sets: [u64; MOST_WINDOW_ROWS],
}

impl RowWindow {
    /// None where there are more positions than bits.
    pub fn new(automaton: &Automaton) -> Option<Self> {
        let positions = automaton.positions.len();
        if positions > MOST_POSITIONS {
            return None;
        }
        let set = |holds: &dyn Fn(u32) -> bool| {
            (0..positions as u32).filter(|&position| holds(position)).fold(0, |set, position| set | 1 << position)
        };
        let before_each = |next: usize| set(&|position| automaton.followers(position).contains(&(next as u32)));
        let mut before = vec![[0; BYTES]; positions.div_ceil(8)];
        for (byte, before) in before.iter_mut().enumerate() {
            for bits in 1..BYTES {
                let others = bits & (bits - 1);
                before[bits] = if others == 0 {
                    before_each(8 * byte + bits.trailing_zeros() as usize)
                } else {
                    before[others] | before[bits ^ others]
                };
            }
        }
        Some(Self {
            before,
            accepting: set(&|position| automaton.followers(position).contains(&ACCEPT)),
            accepting_at_end: set(&|position| automaton.accepts_at_end[position as usize]),
            of_symbols: Box::new([UNKNOWN; BYTES]),
            sets: [0; MOST_WINDOW_ROWS],
        })
    }

    /// Finds the positions of the most preferred match that begins at a row; false where there is none. Takes time linear in the rows.
    ///
    /// Args:
    ///     begins: what it begins with.
    ///     end: the row behind the last that it may have, at most [`MOST_WINDOW_ROWS`] behind the first.
    ///     `partition_end`: the row behind the partition's last.
    pub fn find(
        &mut self,
        context: &Context<'_>,
        (start, end, partition_end): (usize, usize, usize),
        begins: &[u32],
        path: &mut Vec<u32>,
    ) -> bool {
        let mut behind = 0;
        for (row, at) in (start..end).zip(0..MOST_WINDOW_ROWS).rev() {
            let ways =
                if row + 1 == partition_end { self.accepting_at_end } else { self.accepting | self.before_set(behind) };
            behind = self.positions_at(context, row) & ways;
            self.sets[at] = behind;
        }
        path.clear();
        let mut list = begins;
        loop {
            // Behind the rows only Accept is left.
            let set = if start + path.len() < end { self.sets[path.len()] } else { 0 };
            match list.iter().find(|&&next| next == ACCEPT || set >> next & 1 == 1) {
                None => return false,
                Some(&ACCEPT) => return true,
                Some(&position) => {
                    path.push(position);
                    if start + path.len() == partition_end {
                        return true;
                    }
                    list = context.automaton.followers(position);
                }
            }
        }
    }

    /// The positions that some of these follow.
    #[inline]
    fn before_set(&self, set: u64) -> u64 {
        self.before
            .iter()
            .enumerate()
            .fold(0, |found, (byte, before)| found | before[(set >> (8 * byte)) as usize % BYTES])
    }

    #[inline]
    fn positions_at(&mut self, context: &Context<'_>, row: usize) -> u64 {
        let code = context.symbols.code(row) as usize;
        if let Some(&known) = self.of_symbols.get(code).filter(|&&known| known != UNKNOWN) {
            return known;
        }
        let variables = context.symbols.set(row);
        let positions = (0..).zip(&context.automaton.positions);
        let found = positions
            .filter(|(_, at)| variables.contains(at.variable))
            .fold(0, |found, (position, _): (u32, _)| found | 1 << position);
        if let Some(known) = self.of_symbols.get_mut(code) {
            *known = found;
        }
        found
    }
}
