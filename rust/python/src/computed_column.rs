//! `ComputedColumn`: a column of values of any type, for Arrow.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, LargeStringArray, NullArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, Buffer, IntervalMonthDayNano, NullBuffer, OffsetBuffer, ScalarBuffer};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rowpattern_core::expression::{Bitmap, FixedColumn, Interval, TextOffsets, Type, ValueColumn};
use rowpattern_macros::catch_panics;

use super::errors::rows_error;
use super::ffi::{self, Ignored};

/// A column that was computed, for Arrow by the PyCapsule interface: `pyarrow.array` takes it.
#[pyclass(frozen, module = "rowpattern._core")]
pub struct ComputedColumn(ArrayRef);

impl ComputedColumn {
    /// The values of a type, without a copy where Arrow has them as wide.
    pub fn new(column: ValueColumn<'static>, kind: Type) -> PyResult<Self> {
        array(column, kind).map(Self).map_err(|what| rows_error(format!("a column of the type {kind}: {what}")))
    }

    /// Values as Arrow has them.
    pub fn of_array(array: ArrayRef) -> Self {
        Self(array)
    }

    /// The values as Arrow has them.
    pub fn into_array(self) -> ArrayRef {
        self.0
    }
}

#[catch_panics]
#[pymethods]
impl ComputedColumn {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("<rowpattern._core.ComputedColumn of {} {}>", self.0.len(), self.0.data_type())
    }

    /// Arrow's PyCapsule interface.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__(&self, py: Python<'_>, requested_schema: Option<Ignored>) -> PyResult<Py<PyTuple>> {
        let _ = requested_schema;
        ffi::array_capsules(py, &self.0)
    }
}

/// Bits as Arrow has them.
pub fn bits(bitmap: Bitmap<'static>) -> BooleanBuffer {
    let (bytes, offset, len) = bitmap.into_parts();
    BooleanBuffer::new(Buffer::from_vec(bytes.into_owned()), offset, len)
}

/// Which values are there, as Arrow has it.
pub fn nulls(valid: Option<Bitmap<'static>>) -> Option<NullBuffer> {
    valid.map(|valid| NullBuffer::new(bits(valid)))
}

/// Values that Arrow has of another width, or of the same.
fn primitive<A: ArrowPrimitiveType, T: Copy>(
    column: FixedColumn<'static, T>,
    value: impl Fn(T) -> Option<A::Native>,
) -> Result<PrimitiveArray<A>, String> {
    let (values, valid) = column.into_parts();
    let valid = nulls(valid);
    let mut narrowed = Vec::new();
    narrowed.try_reserve_exact(values.len()).map_err(|error| error.to_string())?;
    for (row, &number) in values.iter().enumerate() {
        let there = valid.as_ref().is_none_or(|valid| valid.is_valid(row));
        match value(number) {
            Some(number) => narrowed.push(number),
            // What stands at NULL may be anything.
            None if !there => narrowed.push(A::Native::default()),
            None => return Err(format!("the value of row {row} is out of Arrow's range")),
        }
    }
    PrimitiveArray::try_new(narrowed.into(), valid).map_err(|error| error.to_string())
}

/// Values that Arrow has as they are.
fn same<A: ArrowPrimitiveType>(column: FixedColumn<'static, A::Native>) -> Result<PrimitiveArray<A>, String> {
    let (values, valid) = column.into_parts();
    let values = ScalarBuffer::from(values.into_owned());
    PrimitiveArray::try_new(values, nulls(valid)).map_err(|error| error.to_string())
}

fn shared(array: Result<impl Array + 'static, String>) -> Result<ArrayRef, String> {
    array.map(|array| Arc::new(array) as ArrayRef)
}

fn array(column: ValueColumn<'static>, kind: Type) -> Result<ArrayRef, String> {
    match column {
        ValueColumn::Null(rows) => Ok(Arc::new(NullArray::new(rows))),
        ValueColumn::Bool(column) => {
            let (values, valid) = column.into_parts();
            Ok(Arc::new(BooleanArray::new(bits(values), nulls(valid))))
        }
        ValueColumn::Int(column) => whole(column, kind),
        ValueColumn::Wide(column) => match kind {
            Type::UBigInt => shared(primitive::<UInt64Type, _>(column, |number| number.try_into().ok())),
            Type::Decimal { width, scale } => decimal(same(column), width, scale),
            // As DuckDB gives its HUGEINT to Arrow.
            _ => decimal(same(column), 38, 0),
        },
        ValueColumn::Float(column) => shared(same::<Float32Type>(column)),
        ValueColumn::Double(column) => shared(same::<Float64Type>(column)),
        ValueColumn::Interval(column) => {
            shared(primitive::<IntervalMonthDayNanoType, _>(column, |interval: Interval| {
                let Interval { months, days, micros } = interval;
                Some(IntervalMonthDayNano::new(months, days, micros.checked_mul(1_000)?))
            }))
        }
        ValueColumn::Text(column) => {
            let (text, offsets, valid) = column.into_parts();
            let values = Buffer::from_vec(text.into_owned().into_bytes());
            match offsets {
                TextOffsets::Small(offsets) => shared(
                    StringArray::try_new(ordered(offsets), values, nulls(valid)).map_err(|error| error.to_string()),
                ),
                TextOffsets::Large(offsets) => shared(
                    LargeStringArray::try_new(ordered(offsets), values, nulls(valid))
                        .map_err(|error| error.to_string()),
                ),
            }
        }
    }
}

fn ordered<T: arrow_array::OffsetSizeTrait>(offsets: Cow<'static, [T]>) -> OffsetBuffer<T> {
    OffsetBuffer::new(ScalarBuffer::from(offsets.into_owned()))
}

fn decimal(array: Result<PrimitiveArray<Decimal128Type>, String>, width: u8, scale: u8) -> Result<ArrayRef, String> {
    let scale = i8::try_from(scale).map_err(|error| error.to_string())?;
    shared(array.and_then(|array| array.with_precision_and_scale(width, scale).map_err(|error| error.to_string())))
}

fn whole(column: FixedColumn<'static, i64>, kind: Type) -> Result<ArrayRef, String> {
    macro_rules! narrowed {
        ($arrow:ty) => {
            shared(primitive::<$arrow, _>(column, |number: i64| number.try_into().ok()))
        };
    }
    match kind {
        Type::TinyInt => narrowed!(Int8Type),
        Type::SmallInt => narrowed!(Int16Type),
        Type::Integer => narrowed!(Int32Type),
        Type::UTinyInt => narrowed!(UInt8Type),
        Type::USmallInt => narrowed!(UInt16Type),
        Type::UInteger => narrowed!(UInt32Type),
        Type::Date => narrowed!(Date32Type),
        Type::Decimal { width, scale } => {
            decimal(primitive(column, |number: i64| Some(i128::from(number))), width, scale)
        }
        Type::Time => shared(same::<Time64MicrosecondType>(column)),
        Type::TimestampS => shared(same::<TimestampSecondType>(column)),
        Type::TimestampMs => shared(same::<TimestampMillisecondType>(column)),
        Type::Timestamp => shared(same::<TimestampMicrosecondType>(column)),
        Type::TimestampNs => shared(same::<TimestampNanosecondType>(column)),
        Type::TimestampTz => shared(same::<TimestampMicrosecondType>(column).map(|array| array.with_timezone("UTC"))),
        _ => shared(same::<Int64Type>(column)),
    }
}
