//! `ComputedTable`: the columns of an answer that were computed together.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, StructArray};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, Fields};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyTuple};
use rowpattern_macros::catch_panics;

use super::computed_column::ComputedColumn;
use super::counted::counted;
use super::errors::rows_error;
use super::ffi::{self, Ignored};

/// Columns that were computed together, for Arrow by the PyCapsule interface: `pyarrow.record_batch` and Polars take it as a whole.
#[pyclass(frozen, module = "rowpattern._core")]
pub struct ComputedTable {
    fields: Fields,
    columns: Vec<ArrayRef>,
    rows: usize,
}

impl ComputedTable {
    /// Of columns of so many rows each, with their names.
    pub fn new(names: &[String], columns: Vec<ArrayRef>, rows: usize) -> Self {
        let field = |(name, column): (&String, &ArrayRef)| Field::new(name, column.data_type().clone(), true);
        Self { fields: names.iter().zip(&columns).map(field).collect(), columns, rows }
    }
}

/// The type of a block for numpy, the places of its columns, and their values one after another.
type NumberBlock<'py> = (&'static str, Vec<usize>, Bound<'py, PyByteArray>);

#[catch_panics]
#[pymethods]
impl ComputedTable {
    fn __len__(&self) -> usize {
        self.rows
    }

    fn __repr__(&self) -> String {
        let columns = counted(self.columns.len(), "column");
        format!("<rowpattern._core.ComputedTable of {} and {columns}>", counted(self.rows, "row"))
    }

    /// The columns one by one.
    fn columns(&self) -> Vec<ComputedColumn> {
        self.columns.iter().map(|column| ComputedColumn::of_array(Arc::clone(column))).collect()
    }

    /// The columns as pandas' blocks: those of one type side by side, in memory that may be written to; NULL of a fraction is NaN.
    /// None where a column has other values, or whole numbers some of which are NULL, or where there is no row.
    fn number_blocks<'py>(&self, py: Python<'py>) -> PyResult<Option<Vec<NumberBlock<'py>>>> {
        let mut kinds: Vec<(&DataType, Vec<usize>)> = Vec::new();
        for (place, column) in self.columns.iter().enumerate() {
            match kinds.iter_mut().find(|(kind, _)| *kind == column.data_type()) {
                Some((_, places)) => places.push(place),
                None => kinds.push((column.data_type(), vec![place])),
            }
        }
        let mut blocks = Vec::with_capacity(kinds.len());
        for (kind, places) in kinds {
            let Some((name, width)) = number_type(kind) else { return Ok(None) };
            let values: Option<Vec<Buffer>> = places.iter().map(|&place| self.numbers(place, width)).collect();
            let Some(values) = values else { return Ok(None) };
            let bytes = values.iter().map(Buffer::len).sum();
            let block = PyByteArray::new_with(py, bytes, |block| {
                let mut first = 0;
                for values in &values {
                    block[first..first + values.len()].copy_from_slice(values);
                    first += values.len();
                }
                Ok(())
            })?;
            blocks.push((name, places, block));
        }
        Ok(Some(blocks))
    }

    /// Arrow's PyCapsule interface.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__(&self, py: Python<'_>, requested_schema: Option<Ignored>) -> PyResult<Py<PyTuple>> {
        let _ = requested_schema;
        let table = StructArray::try_new_with_length(self.fields.clone(), self.columns.clone(), None, self.rows);
        ffi::array_capsules(py, &table.map_err(|error| rows_error(error.to_string()))?)
    }
}

impl ComputedTable {
    /// The numbers of a column, `width` bytes each; None where NULL is none of them, or there is no row.
    fn numbers(&self, place: usize, width: usize) -> Option<Buffer> {
        let column = self.columns.get(place).filter(|column| !column.is_empty())?;
        let has_nan = matches!(column.data_type(), DataType::Float32 | DataType::Float64);
        let data = column.to_data();
        if data.null_count() > 0 && !has_nan {
            return None;
        }
        let values = data.buffers().first()?;
        let (first, bytes) = (data.offset().checked_mul(width)?, data.len().checked_mul(width)?);
        (first.checked_add(bytes)? <= values.len()).then(|| values.slice_with_length(first, bytes))
    }
}

/// What numpy calls a type of numbers, and how many bytes each has.
fn number_type(kind: &DataType) -> Option<(&'static str, usize)> {
    Some(match kind {
        DataType::Int8 => ("int8", 1),
        DataType::Int16 => ("int16", 2),
        DataType::Int32 => ("int32", 4),
        DataType::Int64 => ("int64", 8),
        DataType::UInt8 => ("uint8", 1),
        DataType::UInt16 => ("uint16", 2),
        DataType::UInt32 => ("uint32", 4),
        DataType::UInt64 => ("uint64", 8),
        DataType::Float32 => ("float32", 4),
        DataType::Float64 => ("float64", 8),
        _ => return None,
    })
}
