//! Columns that grow batch by batch.

use std::borrow::Cow;

use super::batch::Vector;
use super::bits::{Bits, Validity};
use super::columns::{BoolColumn, FixedColumn, ValueColumn};
use super::scalar::Scalar;
use super::text_column::{TextColumn, TextOffsets};
use super::value::Interval;
use crate::budget::{Budget, Stopped};

/// A column of results of one type that grows.
pub trait Builder<K: Scalar>: Default + Send {
    /// Takes in the first rows of a vector.
    fn push(&mut self, vector: &Vector<'_, K>, rows: usize, budget: &Budget) -> Result<(), Stopped>;

    /// Takes in another one, whose rows follow.
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
        BoolColumn::new(self.values.finish(), self.valid.finish()).map(ValueColumn::Bool)
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
