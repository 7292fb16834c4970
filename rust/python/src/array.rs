//! `Array`: values that the core has made, as Arrow has them.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rowpattern_macros::catch_panics;

use super::ffi::array_capsules;

/// A read-only array, for Arrow by the PyCapsule interface: `pyarrow.array(it)` takes it without a copy.
#[pyclass(frozen, module = "rowpattern._core")]
pub struct Array(Arc<dyn arrow_array::Array>);

impl Array {
    pub fn new(array: Arc<dyn arrow_array::Array>) -> Self {
        Self(array)
    }
}

#[catch_panics]
#[pymethods]
impl Array {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("<rowpattern._core.Array of {} {}>", self.0.len(), self.0.data_type())
    }

    /// Arrow's PyCapsule interface.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        // The interface lets a producer ignore what is requested.
        let _ = requested_schema;
        array_capsules(py, &*self.0)
    }
}
