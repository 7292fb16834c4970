//! What `__reduce__` returns: how an object is made again of a pickle.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// What `__reduce__` returns: a function of `rowpattern._restore` and its arguments.
pub type Reduced<'py> = (Bound<'py, PyAny>, Bound<'py, PyTuple>);

/// What `__reduce__` returns for these arguments of a function of `rowpattern._restore`.
pub fn reduced<'py>(
    py: Python<'py>,
    function: &str,
    arguments: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
) -> PyResult<Reduced<'py>> {
    Ok((py.import("rowpattern._restore")?.getattr(function)?, arguments.into_pyobject(py)?))
}
