//! Memory that others own: Python buffers and Arrow's C interfaces, read and handed out.
//!
//! The only file with `unsafe` code. What it relies on: a buffer stays where it is while its view is held (PEP
//! 3118); a capsule of the right name holds the structure that Arrow's PyCapsule interface says.
#![allow(unsafe_code, reason = "C interfaces; each block says what it relies on")]

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{self, FFI_ArrowArray};
use arrow_array::ffi_stream::{ArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchIterator, make_array};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, DataType};
use pyo3::buffer::{ElementType, PyUntypedBuffer};
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyList, PyString, PyTuple};

use super::column::Column;
use super::errors::rows_error;
use crate::memory;

/// Rows between two looks at signals: some milliseconds' work.
const ROWS_A_PIECE: usize = 1 << 22;

const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";

/// A column of booleans. Bytes are copied while the interpreter's lock is held: their owner may change them later.
pub enum Booleans {
    Bytes(Vec<u8>),
    /// Arrow's are immutable.
    Chunks(Vec<BooleanArray>),
}

/// A piece of a column.
pub enum Run<'a> {
    Bytes(&'a [u8]),
    Array(&'a BooleanArray),
}

impl Booleans {
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Chunks(chunks) => chunks.iter().map(Array::len).sum(),
        }
    }

    /// Calls with the number of a piece's first row and the piece; signals are looked at between pieces.
    pub fn for_each_run(&self, py: Python<'_>, mut each: impl FnMut(usize, Run<'_>)) -> PyResult<()> {
        match self {
            Self::Bytes(bytes) => {
                for (number, piece) in bytes.chunks(ROWS_A_PIECE).enumerate() {
                    py.check_signals()?;
                    each(number * ROWS_A_PIECE, Run::Bytes(piece));
                }
            }
            Self::Chunks(chunks) => {
                let mut first = 0;
                for chunk in chunks {
                    for offset in (0..chunk.len()).step_by(ROWS_A_PIECE) {
                        py.check_signals()?;
                        let piece = chunk.slice(offset, ROWS_A_PIECE.min(chunk.len() - offset));
                        each(first + offset, Run::Array(&piece));
                    }
                    first += chunk.len();
                }
            }
        }
        Ok(())
    }
}

/// A piece of a column of labels: the distinct names, and the place of each row's among them.
pub struct Labels {
    pub names: Vec<String>,
    pub codes: Vec<Option<usize>>,
}

/// Reads a buffer of booleans (numpy's `bool`); None where there is no buffer, or one of Python objects.
pub fn buffer_booleans(column: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<Booleans>> {
    let Some(buffer) = buffer(column, name)? else { return Ok(None) };
    match ElementType::from_format(buffer.format()) {
        ElementType::Bool => {}
        ElementType::Unknown => return Ok(None),
        _ => {
            return Err(rows_error(format!(
                "the rows of {name} are numbers, not booleans; write a condition, as in {name} != 0"
            )));
        }
    }
    let (rows, step) = (buffer.item_count(), buffer.strides()[0]);
    let first = buffer.buf_ptr().cast::<u8>();
    // SAFETY: the view is held, has one dimension of `rows` items of one byte, `step` bytes apart, and the interpreter's lock
    // is held. Bytes may be other than 0 and 1, so they are read as u8.
    let byte = |row: usize| unsafe { first.offset(row as isize * step).read() };
    let mut bytes = memory::with_capacity(rows);
    while bytes.len() < rows {
        column.py().check_signals()?;
        bytes.extend((bytes.len()..rows.min(bytes.len() + ROWS_A_PIECE)).map(byte));
    }
    Ok(Some(Booleans::Bytes(bytes)))
}

fn buffer(column: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<PyUntypedBuffer>> {
    // SAFETY: only asks the type of a live object.
    if unsafe { pyo3::ffi::PyObject_CheckBuffer(column.as_ptr()) } == 0 {
        return Ok(None);
    }
    // Kinds of numpy array that have no buffer (dates, say) are read otherwise.
    let Ok(buffer) = PyUntypedBuffer::get(column) else { return Ok(None) };
    if buffer.dimensions() != 1 {
        let dimensions = buffer.dimensions();
        return Err(rows_error(format!("{name} must have one dimension, not {dimensions}")));
    }
    Ok(Some(buffer))
}

/// Reads whole numbers from a buffer, Arrow, or a sequence.
pub fn integers(values: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let py = values.py();
    // Arrays can be read item by item too, but slowly.
    if (values.is_instance_of::<PyList>() || values.is_instance_of::<PyTuple>())
        && let Ok(list) = values.extract()
    {
        return Ok(list);
    }
    let values = if !values.hasattr("__array_interface__")? && values.hasattr("__array__")? {
        values.call_method0("__array__")?
    } else {
        values.clone()
    };
    if let Some(buffer) = buffer(&values, "partitions")? {
        let kind = ElementType::from_format(buffer.format());
        macro_rules! read {
            ($kind:ty) => {
                Ok(buffer.as_typed::<$kind>()?.to_vec(py)?.into_iter().map(i64::from).collect())
            };
        }
        match kind {
            ElementType::SignedInteger { bytes: 1 } => return read!(i8),
            ElementType::SignedInteger { bytes: 2 } => return read!(i16),
            ElementType::SignedInteger { bytes: 4 } => return read!(i32),
            ElementType::SignedInteger { bytes: 8 } => {
                let mut numbers = memory::with_capacity(buffer.item_count());
                numbers.resize(buffer.item_count(), 0);
                buffer.as_typed::<i64>()?.copy_to_slice(py, &mut numbers)?;
                return Ok(numbers);
            }
            ElementType::UnsignedInteger { bytes: 1 } => return read!(u8),
            ElementType::UnsignedInteger { bytes: 2 } => return read!(u16),
            ElementType::UnsignedInteger { bytes: 4 } => return read!(u32),
            ElementType::UnsignedInteger { bytes: 8 } => {
                let numbers = buffer.as_typed::<u64>()?.to_vec(py)?;
                // What does not fit is more rows than there can be.
                return Ok(numbers.into_iter().map(|number| i64::try_from(number).unwrap_or(i64::MAX)).collect());
            }
            _ => {}
        }
    }
    if let Some(chunks) = arrow_chunks(&values)? {
        let whole = || rows_error("partitions must be 64-bit integers without NULL");
        let mut numbers = Vec::new();
        for chunk in &chunks {
            let integers = chunk.as_primitive_opt::<Int64Type>().filter(|array| array.null_count() == 0);
            numbers.extend_from_slice(integers.ok_or_else(whole)?.values());
        }
        return Ok(numbers);
    }
    if !values.is_instance_of::<PyString>()
        && let Ok(list) = values.extract()
    {
        return Ok(list);
    }
    let kind = values.get_type().name()?;
    Err(rows_error(format!("expected a sequence of whole numbers, not {kind}")))
}

/// The arrays behind Arrow's PyCapsule interface, if the object has it.
pub fn arrow_chunks(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<ArrayRef>>> {
    if value.hasattr("__arrow_c_stream__")? {
        let capsule = value.call_method0("__arrow_c_stream__")?;
        let pointer = capsule.cast::<PyCapsule>()?.pointer_checked(Some(STREAM))?;
        // SAFETY: the capsule's name says that it holds a stream, which this takes over and releases.
        let reader = unsafe { ArrayStreamReader::from_raw(pointer.as_ptr().cast::<FFI_ArrowArrayStream>()) };
        let reader = reader.map_err(|error| arrow_error(&error))?;
        return reader.collect::<Result<_, _>>().map(Some).map_err(|error| arrow_error(&error));
    }
    if value.hasattr("__arrow_c_array__")? {
        let capsules = value.call_method0("__arrow_c_array__")?.cast_into::<PyTuple>()?;
        let schema = capsules.get_item(0)?.cast::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?;
        let array = capsules.get_item(1)?.cast::<PyCapsule>()?.pointer_checked(Some(ARRAY))?;
        // SAFETY: the capsules' names say what they hold; `from_raw` takes the array over, and the schema is only
        // borrowed while its capsule lives.
        let data = unsafe {
            let array = FFI_ArrowArray::from_raw(array.as_ptr().cast());
            ffi::from_ffi(array, schema.cast::<FFI_ArrowSchema>().as_ref())
        };
        return Ok(Some(vec![make_array(data.map_err(|error| arrow_error(&error))?)]));
    }
    Ok(None)
}

fn arrow_error(error: &ArrowError) -> PyErr {
    rows_error(format!("cannot read Arrow data: {error}"))
}

/// Reads Arrow booleans, if the object has Arrow's interface.
pub fn arrow_booleans(column: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<Booleans>> {
    let Some(chunks) = arrow_chunks(column)? else { return Ok(None) };
    chunks.iter().map(|chunk| as_booleans(chunk, name)).collect::<PyResult<_>>().map(Booleans::Chunks).map(Some)
}

fn as_booleans(chunk: &ArrayRef, name: &str) -> PyResult<BooleanArray> {
    if chunk.data_type() == &DataType::Null {
        return Ok(BooleanArray::new_null(chunk.len()));
    }
    chunk.as_boolean_opt().cloned().ok_or_else(|| {
        rows_error(format!("the rows of {name} have the Arrow type {}; expected booleans", chunk.data_type()))
    })
}

/// The columns of an Arrow table of booleans; None where the object is no table.
pub fn record_columns(rows: &Bound<'_, PyAny>) -> PyResult<Option<Vec<(String, Booleans)>>> {
    // Series and arrays have Arrow's interface too: a table has columns.
    let is_table = rows.hasattr("columns")? || rows.hasattr("column_names")?;
    if !is_table || !(rows.hasattr("__arrow_c_stream__")? || rows.hasattr("__arrow_c_array__")?) {
        return Ok(None);
    }
    let Some(chunks) = arrow_chunks(rows)? else { return Ok(None) };
    let mut columns: Vec<(String, Vec<BooleanArray>)> = Vec::new();
    for chunk in &chunks {
        let Some(record) = chunk.as_struct_opt() else { return Ok(None) };
        if columns.is_empty() {
            columns = record.fields().iter().map(|field| (field.name().clone(), Vec::new())).collect();
        }
        for ((name, pieces), column) in columns.iter_mut().zip(record.columns()) {
            pieces.push(as_booleans(column, name)?);
        }
    }
    Ok(Some(columns.into_iter().map(|(name, pieces)| (name, Booleans::Chunks(pieces))).collect()))
}

/// Reads Arrow strings or dictionaries of strings, if the object has Arrow's interface.
pub fn arrow_labels(rows: &Bound<'_, PyAny>) -> PyResult<Option<Vec<Labels>>> {
    let Some(chunks) = arrow_chunks(rows)? else { return Ok(None) };
    chunks.iter().map(labels).collect::<PyResult<_>>().map(Some)
}

fn labels(chunk: &ArrayRef) -> PyResult<Labels> {
    if let Some(dictionary) = chunk.as_any_dictionary_opt() {
        let names = strings(dictionary.values())?.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
        let keys = dictionary.keys();
        let places = if names.is_empty() { vec![0; keys.len()] } else { dictionary.normalized_keys() };
        // A key may be valid and its value NULL.
        let valid = |row: usize, place: usize| keys.is_valid(row) && dictionary.values().is_valid(place);
        let codes = places.into_iter().enumerate();
        let codes = codes.map(|(row, place)| (!names.is_empty() && valid(row, place)).then_some(place)).collect();
        return Ok(Labels { names, codes });
    }
    let mut names: Vec<String> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let codes = strings(chunk)?
        .into_iter()
        .map(|label| {
            let label = label?;
            Some(*places.entry(label).or_insert_with_key(|label| {
                names.push(label.clone());
                names.len() - 1
            }))
        })
        .collect();
    Ok(Labels { names, codes })
}

fn strings(array: &ArrayRef) -> PyResult<Vec<Option<String>>> {
    let owned = |label: Option<&str>| label.map(str::to_owned);
    match array.data_type() {
        DataType::Utf8 => Ok(array.as_string::<i32>().iter().map(owned).collect()),
        DataType::LargeUtf8 => Ok(array.as_string::<i64>().iter().map(owned).collect()),
        DataType::Utf8View => Ok(array.as_string_view().iter().map(owned).collect()),
        DataType::Null => Ok(vec![None; array.len()]),
        other => {
            Err(rows_error(format!("labels have the Arrow type {other}; expected strings or a dictionary of them")))
        }
    }
}

/// Hands an array out as Arrow's two capsules.
pub fn array_capsules<'py>(py: Python<'py>, array: &dyn Array) -> PyResult<Bound<'py, PyTuple>> {
    let (array, schema) = ffi::to_ffi(&array.to_data()).map_err(|error| arrow_error(&error))?;
    // Both release what they hold when they are dropped with their capsule and nobody has taken it over.
    let schema = PyCapsule::new_with_value(py, schema, SCHEMA)?;
    let array = PyCapsule::new_with_value(py, array, ARRAY)?;
    PyTuple::new(py, [schema, array])
}

/// Hands a table out as Arrow's stream capsule.
pub fn stream_capsule(py: Python<'_>, table: RecordBatch) -> PyResult<Bound<'_, PyCapsule>> {
    let schema = table.schema();
    let stream = FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new([Ok(table)], schema)));
    PyCapsule::new_with_value(py, stream, STREAM)
}

/// Fills Python's view of a column: one dimension, read only.
///
/// # Safety
/// `view` is what Python passed to `bf_getbuffer`.
pub unsafe fn fill_view(slf: Bound<'_, Column>, view: *mut pyo3::ffi::Py_buffer, flags: c_int) -> PyResult<()> {
    if view.is_null() {
        return Err(PyBufferError::new_err("no view was given"));
    }
    if flags & pyo3::ffi::PyBUF_WRITABLE == pyo3::ffi::PyBUF_WRITABLE {
        // SAFETY: `view` is not null; PEP 3118 wants `obj` NULL on an error.
        unsafe { (*view).obj = ptr::null_mut() };
        return Err(PyBufferError::new_err("a column of matches is read only"));
    }
    let column = slf.get();
    let (data, item_size, format) = column.raw();
    // SAFETY: `view` is not null. What it points to belongs to the column, which `obj` keeps alive: the data and
    // `shape` do not move while it lives, and the format is static.
    unsafe {
        (*view).buf = data.cast_mut().cast::<c_void>();
        (*view).len = column.length() * item_size;
        (*view).readonly = 1;
        (*view).itemsize = item_size;
        (*view).ndim = 1;
        (*view).format = if flags & pyo3::ffi::PyBUF_FORMAT == pyo3::ffi::PyBUF_FORMAT {
            format.as_ptr().cast_mut()
        } else {
            ptr::null_mut()
        };
        let with_shape = flags & pyo3::ffi::PyBUF_ND == pyo3::ffi::PyBUF_ND;
        (*view).shape = if with_shape { column.shape().cast_mut() } else { ptr::null_mut() };
        let with_strides = flags & pyo3::ffi::PyBUF_STRIDES == pyo3::ffi::PyBUF_STRIDES;
        // In one dimension the only stride is the item size.
        (*view).strides = if with_strides { &raw mut (*view).itemsize } else { ptr::null_mut() };
        (*view).suboffsets = ptr::null_mut();
        (*view).internal = ptr::null_mut();
        (*view).obj = slf.into_any().into_ptr();
    }
    Ok(())
}
