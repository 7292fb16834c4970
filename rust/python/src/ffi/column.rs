//! `Column`: one column of an answer, without a Python object a row. Here because Python's buffer protocol is unsafe.
#![allow(unsafe_code, reason = "the buffer protocol; each block says what it relies on")]

use std::ffi::{CStr, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use arrow_array::types::UInt8Type;
use arrow_array::{Array, BooleanArray, DictionaryArray, Int64Array, StringArray, UInt8Array, UInt32Array};
use arrow_buffer::ScalarBuffer;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyBufferError, PyIndexError, PyMemoryError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple, PyType};
use rowpattern_macros::catch_panics;

use super::capsules::{Ignored, array_capsules};
use crate::numbers::place;
use crate::reduced::{Reduced, reduced};

/// What a column holds.
#[derive(Clone)]
pub enum Data {
    /// Row numbers and counts.
    Integers(ScalarBuffer<i64>),
    /// Row numbers below 2^32.
    Rows(ScalarBuffer<u32>),
    /// Variables, as places in the list of names.
    Variables(ScalarBuffer<u8>, Arc<[String]>),
    /// 0 or 1.
    Flags(ScalarBuffer<u8>),
}

/// A read-only column, for numpy by the buffer protocol and for Arrow by the PyCapsule interface.
///
/// Examples:
///     >>> import rowpattern
///     >>> column = rowpattern.compile("A").match(["A", "B", "A"]).start
///     >>> column.to_list(), column[1], len(column), memoryview(column).format
///     ([0, 2], 2, 2, 'q')
#[pyclass(frozen, module = "rowpattern", sequence)]
pub struct Column {
    data: Data,
    shape: [isize; 1],
}

impl Column {
    pub fn new(data: Data) -> Self {
        let length = match &data {
            Data::Integers(values) => values.len(),
            Data::Rows(values) => values.len(),
            Data::Variables(values, _) | Data::Flags(values) => values.len(),
        };
        Self { data, shape: [length as isize] }
    }

    /// Where the items are, the size of each, and their format in PEP 3118's letters.
    pub fn raw(&self) -> (*const u8, isize, &'static CStr) {
        match &self.data {
            Data::Integers(values) => (values.as_ptr().cast(), 8, c"q"),
            Data::Rows(values) => (values.as_ptr().cast(), 4, c"I"),
            Data::Variables(values, _) => (values.as_ptr(), 1, c"B"),
            Data::Flags(values) => (values.as_ptr(), 1, c"?"),
        }
    }

    fn rows(&self) -> usize {
        self.shape[0] as usize
    }

    /// What it holds.
    pub fn data(&self) -> &Data {
        &self.data
    }

    pub fn length(&self) -> isize {
        self.shape[0]
    }

    pub fn shape(&self) -> *const isize {
        self.shape.as_ptr()
    }

    /// The column as an Arrow array; numbers and variables share their memory.
    pub fn to_arrow(&self) -> Arc<dyn Array> {
        match &self.data {
            Data::Integers(values) => Arc::new(Int64Array::new(values.clone(), None)),
            Data::Rows(values) => Arc::new(UInt32Array::new(values.clone(), None)),
            Data::Variables(values, names) => {
                let keys = UInt8Array::new(values.clone(), None);
                let names = StringArray::from_iter_values(names.iter());
                Arc::new(DictionaryArray::<UInt8Type>::new(keys, Arc::new(names)))
            }
            Data::Flags(values) => Arc::new(values.iter().map(|&flag| Some(flag != 0)).collect::<BooleanArray>()),
        }
    }

    fn item(&self, py: Python<'_>, at: usize) -> PyResult<Py<PyAny>> {
        match &self.data {
            Data::Integers(values) => values[at].into_py_any(py),
            Data::Rows(values) => values[at].into_py_any(py),
            Data::Variables(values, names) => names[usize::from(values[at])].as_str().into_py_any(py),
            Data::Flags(values) => (values[at] != 0).into_py_any(py),
        }
    }
}

#[catch_panics]
#[pymethods]
impl Column {
    /// So that `Column[int]` may stand in annotations that Python evaluates.
    #[classmethod]
    fn __class_getitem__<'py>(cls: &Bound<'py, PyType>, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        cls.py().import("types")?.getattr("GenericAlias")?.call1((cls, item))
    }

    fn __len__(&self) -> usize {
        self.rows()
    }

    fn __getitem__(&self, py: Python<'_>, #[pyo3(from_py_with = place)] index: isize) -> PyResult<Py<PyAny>> {
        let length = self.shape[0];
        let at = if index < 0 { index + length } else { index };
        if !(0..length).contains(&at) {
            return Err(PyIndexError::new_err(format!("row {index} of a column of {length}")));
        }
        self.item(py, at as usize)
    }

    /// The column as a list: int, str of the variable, or bool.
    fn to_list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut items = Vec::new();
        items.try_reserve_exact(self.rows()).map_err(|error| PyMemoryError::new_err(error.to_string()))?;
        for at in 0..self.rows() {
            items.push(self.item(py, at)?);
        }
        PyList::new(py, items)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let builtins = slf.py().import("builtins")?;
        let rows = builtins.getattr("range")?.call1((slf.get().rows(),))?;
        builtins.getattr("map")?.call1((slf.getattr("__getitem__")?, rows))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        // Values as bytes (little-endian).
        let (kind, bytes, names) = match &self.data {
            Data::Integers(values) => ("int64", values.iter().flat_map(|value| value.to_le_bytes()).collect(), None),
            Data::Rows(values) => ("uint32", values.iter().flat_map(|value| value.to_le_bytes()).collect(), None),
            Data::Variables(values, names) => ("variables", values.to_vec(), Some(names.to_vec())),
            Data::Flags(values) => ("bool", values.to_vec(), None),
        };
        let bytes: Vec<u8> = bytes;
        reduced(py, "restore_column", (kind, PyBytes::new(py, &bytes), names))
    }

    fn __repr__(&self) -> String {
        let kind = match &self.data {
            Data::Integers(_) => "int64",
            Data::Rows(_) => "uint32",
            Data::Variables(..) => "variables, as uint8",
            Data::Flags(_) => "bool",
        };
        format!("<rowpattern.Column of {} {kind}>", self.rows())
    }

    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut pyo3::ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: Python calls this with the view that it wants filled.
        unsafe { fill_view(slf, view, flags) }
    }

    /// Arrow's PyCapsule interface.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__(&self, py: Python<'_>, requested_schema: Option<Ignored>) -> PyResult<Py<PyTuple>> {
        let _ = requested_schema;
        array_capsules(py, &self.to_arrow())
    }
}

/// Fills Python's view of a column: one dimension, read only.
///
/// # Safety
/// `view` is what Python passed to `bf_getbuffer`.
unsafe fn fill_view(slf: Bound<'_, Column>, view: *mut pyo3::ffi::Py_buffer, flags: c_int) -> PyResult<()> {
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
