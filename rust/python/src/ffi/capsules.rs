//! Arrow's PyCapsule interface: arrays and tables from Python, and to it.
#![allow(unsafe_code, reason = "takes structures out of capsules; each block says what it relies on")]

use std::ffi::CStr;

use arrow_array::ffi::to_ffi;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, RecordBatch, RecordBatchIterator};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyTuple};

use super::import::import;
use super::stream;
use super::structures::{CArray, CSchema, CStream};
use crate::arrow::{ArrowArray, Failure};
use crate::errors::{producer_error, rows_error};
use crate::limits::CallLimits;

const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";

/// The schema that a consumer asks for, which the interface lets a producer ignore.
#[derive(Clone, Copy)]
pub struct Ignored;

impl<'a, 'py> FromPyObject<'a, 'py> for Ignored {
    type Error = PyErr;

    fn extract(_: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self)
    }
}

/// Reads the arrays behind the PyCapsule interface, if the object has it: one, or those of a stream.
///
/// Args:
///     name: what is read, for errors.
///     limits: looked at while a stream is waited for; its arrays count until the caller releases them.
pub fn arrow_arrays(
    value: &Bound<'_, PyAny>,
    name: &str,
    limits: Option<&CallLimits>,
) -> PyResult<Option<Vec<ArrowArray>>> {
    let py = value.py();
    let export = |method: &str| {
        value.call_method0(method).map_err(|error| producer_error(py, error, &format!("cannot read {name} from Arrow")))
    };
    if value.hasattr("__arrow_c_stream__")? {
        let capsule = export("__arrow_c_stream__")?;
        let pointer = capsule.cast::<PyCapsule>()?.pointer_checked(Some(STREAM))?;
        // SAFETY: the capsule's name says that it holds a stream, which this takes over and releases.
        let stream = unsafe { CStream::take(pointer.as_ptr().cast()) };
        return stream::drain(py, stream, name, !is_in_memory(value)?, limits).map(Some);
    }
    if value.hasattr("__arrow_c_array__")? {
        let exported = export("__arrow_c_array__")?;
        let capsules = exported.cast::<PyTuple>()?;
        if capsules.len() != 2 {
            let count = capsules.len();
            return Err(rows_error(format!("{name}: __arrow_c_array__ gave {count} objects, not two capsules")));
        }
        let schema = capsules.get_item(0)?.cast::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?;
        let array = capsules.get_item(1)?.cast::<PyCapsule>()?.pointer_checked(Some(ARRAY))?;
        // SAFETY: the capsules' names say what they hold, which this takes over and releases.
        let (schema, array) = unsafe { (CSchema::take(schema.as_ptr().cast()), CArray::take(array.as_ptr().cast())) };
        let read = schema.field().map_err(Failure::of).and_then(|field| import(array, &field.kind));
        return read.map(|array| Some(vec![array])).map_err(|failure| failure.raise(name));
    }
    Ok(None)
}

/// Whether it is of a library whose objects with a length have their rows in memory.
fn is_in_memory(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let module = value.get_type().module().and_then(|module| module.extract::<String>()).unwrap_or_default();
    let library = module.split('.').next().unwrap_or_default();
    Ok(["pyarrow", "polars", "pandas"].contains(&library) && value.hasattr("__len__")?)
}

/// Hands an array out as Arrow's two capsules.
pub fn array_capsules(py: Python<'_>, array: &dyn Array) -> PyResult<Py<PyTuple>> {
    let (array, schema) = to_ffi(&array.to_data()).map_err(|error| rows_error(error.to_string()))?;
    // Both release what they hold when they are dropped with their capsule and nobody has taken it over.
    let schema = PyCapsule::new_with_value(py, schema, SCHEMA)?;
    let array = PyCapsule::new_with_value(py, array, ARRAY)?;
    PyTuple::new(py, [schema, array]).map(Bound::unbind)
}

/// Hands a table out as Arrow's stream capsule.
pub fn stream_capsule(py: Python<'_>, table: RecordBatch) -> PyResult<Py<PyCapsule>> {
    let schema = table.schema();
    let stream = FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new([Ok(table)], schema)));
    PyCapsule::new_with_value(py, stream, STREAM).map(Bound::unbind)
}
