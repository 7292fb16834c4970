//! The positions of a match's rows.

use std::ops::Deref;

/// Most matches have no more rows.
const FEW: usize = 6;

/// Positions, which take memory of their own only where they are many.
#[derive(Debug)]
pub(super) enum Positions {
    /// So many of these.
    Few(u8, [u32; FEW]),
    Many(Box<[u32]>),
}

impl Positions {
    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Few(..) => 0,
            Self::Many(positions) => size_of_val(&**positions),
        }
    }
}

impl Default for Positions {
    fn default() -> Self {
        Self::Few(0, [0; FEW])
    }
}

impl Deref for Positions {
    type Target = [u32];

    #[inline]
    fn deref(&self) -> &[u32] {
        match self {
            Self::Few(count, positions) => positions.get(..usize::from(*count)).unwrap_or_default(),
            Self::Many(positions) => positions,
        }
    }
}

impl<I: ExactSizeIterator<Item = u32>> From<I> for Positions {
    fn from(given: I) -> Self {
        if given.len() > FEW {
            return Self::Many(given.collect());
        }
        let (mut positions, mut count) = ([0; FEW], 0);
        for (own, position) in positions.iter_mut().zip(given) {
            *own = position;
            count += 1;
        }
        Self::Few(count, positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_that_were_given() {
        for count in 0..2 * FEW as u32 {
            let given: Vec<u32> = (1..=count).collect();
            assert_eq!(&*Positions::from(given.iter().copied()), given);
        }
    }
}
