//! Bits that grow: booleans, and which values are there.

use super::bitmap::Bitmap;
use crate::budget::{Budget, Stopped};

/// Bits that grow; those behind the last one are 0.
#[derive(Debug, Default)]
pub struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Adds bits.
    pub fn push(&mut self, bits: &[bool], budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.bytes, bits.len().div_ceil(8))?;
        let (eights, rest) = bits.as_chunks::<8>();
        // The product gathers the lowest bits of all bytes in its highest byte.
        let packed = |eight: &[bool; 8]| {
            (u64::from_le_bytes(eight.map(u8::from)).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
        };
        if self.len.is_multiple_of(8) {
            self.bytes.extend(eights.iter().map(packed));
            self.len += 8 * eights.len();
        } else {
            for eight in eights {
                self.add(packed(eight), 8);
            }
        }
        if !rest.is_empty() {
            self.add(rest.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit)), rest.len());
        }
        Ok(())
    }

    /// Adds the bits that an iterator gives.
    pub fn extend(&mut self, bits: impl ExactSizeIterator<Item = bool>, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.bytes, bits.len().div_ceil(8))?;
        bits.for_each(|bit| self.add(u8::from(bit), 1));
        Ok(())
    }

    /// Adds the lowest bits of a byte, whose others are 0.
    #[inline]
    fn add(&mut self, byte: u8, bits: usize) {
        let used = self.len % 8;
        match self.bytes.last_mut().filter(|_| used > 0) {
            None => self.bytes.push(byte),
            Some(last) => {
                *last |= byte << used;
                if used + bits > 8 {
                    self.bytes.push(byte >> (8 - used));
                }
            }
        }
        self.len += bits;
    }

    /// Adds the bits of another one.
    pub fn append(&mut self, other: Self, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.bytes, other.bytes.len())?;
        if self.len.is_multiple_of(8) {
            self.bytes.extend_from_slice(&other.bytes);
            self.len += other.len;
        } else {
            for (at, &byte) in other.bytes.iter().enumerate() {
                self.add(byte, (other.len - 8 * at).min(8));
            }
        }
        budget.release_vector(&other.bytes);
        Ok(())
    }

    /// All of them.
    pub fn finish(self) -> Bitmap<'static> {
        let Self { bytes, len } = self;
        Bitmap::new(bytes, 0, len).unwrap_or_default()
    }
}

/// Which rows are there: no bits as long as all are.
#[derive(Debug, Default)]
pub struct Validity {
    bits: Option<Bits>,
    len: usize,
}

impl Validity {
    /// So many rows, all of which are there.
    pub fn all(len: usize) -> Self {
        Self { bits: None, len }
    }

    /// Takes in so many rows, of which these are there (all, when it is empty).
    pub fn push(&mut self, valid: &[bool], rows: usize, budget: &Budget) -> Result<(), Stopped> {
        if self.bits.is_none() && valid.iter().any(|valid| !valid) {
            self.begin(budget)?;
        }
        match &mut self.bits {
            Some(bits) if valid.is_empty() => bits.append(set(rows, budget)?, budget)?,
            Some(bits) => bits.push(valid, budget)?,
            None => {}
        }
        self.len += rows;
        Ok(())
    }

    fn begin(&mut self, budget: &Budget) -> Result<(), Stopped> {
        self.bits = Some(set(self.len, budget)?);
        Ok(())
    }

    /// Adds the rows of another one.
    pub fn append(&mut self, mut other: Self, budget: &Budget) -> Result<(), Stopped> {
        if self.bits.is_some() || other.bits.is_some() {
            for validity in [&mut *self, &mut other] {
                if validity.bits.is_none() {
                    validity.begin(budget)?;
                }
            }
        }
        if let (Some(bits), Some(more)) = (&mut self.bits, other.bits) {
            bits.append(more, budget)?;
        }
        self.len += other.len;
        Ok(())
    }

    /// The bits; None where all rows are there.
    pub fn finish(self) -> Option<Bitmap<'static>> {
        self.bits.map(Bits::finish)
    }
}

/// So many bits, all of them set.
fn set(bits: usize, budget: &Budget) -> Result<Bits, Stopped> {
    let mut bytes = Vec::new();
    budget.reserve(&mut bytes, bits.div_ceil(8))?;
    bytes.resize(bits / 8, u8::MAX);
    if !bits.is_multiple_of(8) {
        bytes.push((1 << (bits % 8)) - 1);
    }
    Ok(Bits { bytes, len: bits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_all_lengths() {
        let budget = Budget::unlimited();
        let expected: Vec<bool> = (0..200).map(|at| at % 3 == 0 || at % 7 == 1).collect();
        for first in 0..20 {
            for second in 0..20 {
                let (mut bits, mut rest, mut valid) = (Bits::default(), Bits::default(), Validity::all(first));
                bits.push(&expected[..first], &budget).unwrap();
                bits.extend(expected[first..first + second].iter().copied(), &budget).unwrap();
                rest.push(&expected[first + second..100], &budget).unwrap();
                rest.push(&expected[100..], &budget).unwrap();
                bits.append(rest, &budget).unwrap();
                valid.push(&[], second, &budget).unwrap();
                let mut more = Validity::default();
                more.push(&expected, expected.len(), &budget).unwrap();
                more.push(&[], 3, &budget).unwrap();
                valid.append(more, &budget).unwrap();
                valid.append(Validity::all(5), &budget).unwrap();
                let (bits, valid) = (bits.finish(), valid.finish().unwrap());
                assert_eq!((bits.len(), valid.len()), (200, first + second + 208));
                for (at, &bit) in expected.iter().enumerate() {
                    assert_eq!((bits.get(at), valid.get(first + second + at)), (bit, bit), "{first} {second} {at}");
                }
                assert!((0..first + second).chain(first + second + 200..valid.len()).all(|at| valid.get(at)));
            }
        }
    }
}
