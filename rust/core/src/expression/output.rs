//! Columns that grow batch by batch.

use std::borrow::Cow;

use super::batch::Vector;
use super::bitmap::Bitmap;
use super::columns::{BoolColumn, FixedColumn, ValueColumn};
use super::scalar::Scalar;
use super::text_column::{TextColumn, TextOffsets};
use super::value::Interval;
use crate::budget::{Budget, Stopped};

/// Bits that grow by whole bytes until the last rows come.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    fn push(&mut self, bits: &[bool], budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.bytes, bits.len().div_ceil(8))?;
        let (eights, rest) = bits.as_chunks::<8>();
        // The product gathers the lowest bits of all bytes in its highest byte.
        let packed = |eight: &[bool; 8]| {
            (u64::from_le_bytes(eight.map(u8::from)).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
        };
        self.bytes.extend(eights.iter().map(packed));
        if !rest.is_empty() {
            self.bytes.push(rest.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit)));
        }
        self.len += bits.len();
        Ok(())
    }

    fn append(&mut self, other: Self, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.bytes, other.bytes.len())?;
        self.bytes.extend_from_slice(&other.bytes);
        self.len += other.len;
        budget.release_vector(&other.bytes);
        Ok(())
    }

    fn finish(self) -> Option<Bitmap<'static>> {
        let Self { bytes, len } = self;
        Bitmap::new(bytes, 0, len)
    }
}

/// Which rows are there: no bits as long as all are.
#[derive(Debug, Default)]
struct Validity {
    bits: Option<Bits>,
    len: usize,
}

impl Validity {
    /// Takes in so many rows, of which these are there (all, when it is empty).
    fn push(&mut self, valid: &[bool], rows: usize, budget: &Budget) -> Result<(), Stopped> {
        if self.bits.is_none() && valid.iter().any(|valid| !valid) {
            self.begin(budget)?;
        }
        match &mut self.bits {
            Some(bits) if valid.is_empty() => bits.push(&vec![true; rows], budget)?,
            Some(bits) => bits.push(valid, budget)?,
            None => {}
        }
        self.len += rows;
        Ok(())
    }

    fn begin(&mut self, budget: &Budget) -> Result<(), Stopped> {
        let mut bits = Bits::default();
        budget.reserve(&mut bits.bytes, self.len.div_ceil(8))?;
        // Rows before the last batch are whole bytes.
        bits.bytes.resize(self.len.div_ceil(8), u8::MAX);
        bits.len = self.len;
        self.bits = Some(bits);
        Ok(())
    }

    fn append(&mut self, mut other: Self, budget: &Budget) -> Result<(), Stopped> {
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

    fn finish(self) -> Option<Bitmap<'static>> {
        self.bits.and_then(Bits::finish)
    }
}

/// A column of results of one type that grows.
pub trait Builder<K: Scalar>: Default + Send {
    /// Takes in the first rows of a vector.
    fn push(&mut self, vector: &Vector<'_, K>, rows: usize, budget: &Budget) -> Result<(), Stopped>;

    /// Takes in another one, whose rows follow; this one's are a multiple of eight.
    fn append(&mut self, other: Self, budget: &Budget) -> Result<(), Stopped>;

    /// The column; None where it has become inconsistent, which nothing makes it.
    fn finish(self) -> Option<ValueColumn<'static>>;
}

/// A type that results are built of.
pub trait Built: Scalar {
    /// What builds them.
    type Builder: Builder<Self>;
}

#[derive(Debug)]
pub struct FixedBuilder<T> {
    values: Vec<T>,
    valid: Validity,
}

impl<T> Default for FixedBuilder<T> {
    fn default() -> Self {
        Self { values: Vec::new(), valid: Validity::default() }
    }
}

macro_rules! fixed {
    ($($scalar:ty, $column:ident;)*) => {
        $(
            impl Built for $scalar {
                type Builder = FixedBuilder<Self>;
            }

            impl Builder<$scalar> for FixedBuilder<$scalar> {
                fn push(
                    &mut self,
                    vector: &Vector<'_, $scalar>,
                    rows: usize,
                    budget: &Budget,
                ) -> Result<(), Stopped> {
                    budget.reserve(&mut self.values, rows)?;
                    self.values.extend_from_slice(vector.values().get(..rows).unwrap_or_default());
                    self.valid.push(vector.valid(), rows, budget)
                }

                fn append(&mut self, other: Self, budget: &Budget) -> Result<(), Stopped> {
                    budget.reserve(&mut self.values, other.values.len())?;
                    self.values.extend_from_slice(&other.values);
                    budget.release_vector(&other.values);
                    self.valid.append(other.valid, budget)
                }

                fn finish(self) -> Option<ValueColumn<'static>> {
                    FixedColumn::new(self.values, self.valid.finish()).map(ValueColumn::$column)
                }
            }
        )*
    };
}

fixed! {
    i64, Int;
    i128, Wide;
    f32, Float;
    f64, Double;
    Interval, Interval;
}

#[derive(Debug, Default)]
pub struct BoolBuilder {
    values: Bits,
    valid: Validity,
}

impl Built for bool {
    type Builder = BoolBuilder;
}

impl Builder<bool> for BoolBuilder {
    fn push(&mut self, vector: &Vector<'_, bool>, rows: usize, budget: &Budget) -> Result<(), Stopped> {
        self.values.push(vector.values().get(..rows).unwrap_or_default(), budget)?;
        self.valid.push(vector.valid(), rows, budget)
    }

    fn append(&mut self, other: Self, budget: &Budget) -> Result<(), Stopped> {
        self.values.append(other.values, budget)?;
        self.valid.append(other.valid, budget)
    }

    fn finish(self) -> Option<ValueColumn<'static>> {
        BoolColumn::new(self.values.finish()?, self.valid.finish()).map(ValueColumn::Bool)
    }
}

#[derive(Debug)]
pub struct TextBuilder {
    text: Vec<u8>,
    offsets: Vec<i64>,
    valid: Validity,
}

impl Default for TextBuilder {
    fn default() -> Self {
        Self { text: Vec::new(), offsets: vec![0], valid: Validity::default() }
    }
}

impl Built for String {
    type Builder = TextBuilder;
}

impl Builder<String> for TextBuilder {
    fn push(&mut self, vector: &Vector<'_, String>, rows: usize, budget: &Budget) -> Result<(), Stopped> {
        budget.reserve(&mut self.offsets, rows)?;
        for row in 0..rows {
            if let Some(text) = vector.get(row) {
                budget.reserve(&mut self.text, text.len())?;
                self.text.extend_from_slice(text.as_bytes());
            }
            self.offsets.push(self.text.len() as i64);
        }
        self.valid.push(vector.valid(), rows, budget)
    }

    fn append(&mut self, other: Self, budget: &Budget) -> Result<(), Stopped> {
        let before = self.text.len() as i64;
        budget.reserve(&mut self.text, other.text.len())?;
        self.text.extend_from_slice(&other.text);
        budget.reserve(&mut self.offsets, other.offsets.len())?;
        self.offsets.extend(other.offsets.iter().skip(1).map(|offset| before + offset));
        budget.release_vector(&other.text);
        budget.release_vector(&other.offsets);
        self.valid.append(other.valid, budget)
    }

    fn finish(self) -> Option<ValueColumn<'static>> {
        let text = String::from_utf8(self.text).ok()?;
        // Most readers prefer offsets of 32 bits.
        let offsets = if i32::try_from(text.len()).is_ok() {
            TextOffsets::Small(Cow::Owned(self.offsets.into_iter().map(|offset| offset as i32).collect()))
        } else {
            TextOffsets::Large(Cow::Owned(self.offsets))
        };
        TextColumn::new(Cow::Owned(text), offsets, self.valid.finish()).map(ValueColumn::Text)
    }
}
