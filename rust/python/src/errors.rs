//! Errors as Python exceptions; their classes are written in Python (`rowpattern/errors.py`).

use pyo3::exceptions::{PyException, PyMemoryError};
use pyo3::import_exception;
use pyo3::prelude::*;
use rowpattern_core::expression::EvaluationError;
use rowpattern_core::memory::OutOfMemory;
use rowpattern_core::pattern::{CompileError, SyntaxError};

import_exception!(rowpattern.errors, InternalError);
import_exception!(rowpattern.errors, PatternSyntaxError);
import_exception!(rowpattern.errors, PatternTooLargeError);
import_exception!(rowpattern.errors, QueryCancelledError);
import_exception!(rowpattern.errors, QueryError);
import_exception!(rowpattern.errors, QueryLimitError);
import_exception!(rowpattern.errors, RowPatternError);
import_exception!(rowpattern.errors, SkipError);
import_exception!(rowpattern.errors, RowsError);
import_exception!(rowpattern.errors, UnknownVariableError);

/// A failed compilation, with its line and column as arguments.
pub fn compile_error(error: &CompileError) -> PyErr {
    match error {
        CompileError::Syntax(error) => syntax_error(error),
        CompileError::Limit(error) => PatternTooLargeError::new_err(error.message.clone()),
    }
}

/// A text that is not a row pattern, with its line and column as arguments.
pub fn syntax_error(error: &SyntaxError) -> PyErr {
    PatternSyntaxError::new_err((error.to_string(), error.line, error.column))
}

/// Rows that cannot be read.
pub fn rows_error(message: impl Into<String>) -> PyErr {
    RowsError::new_err(message.into())
}

/// Memory that cannot be had.
pub fn out_of_memory(error: OutOfMemory) -> PyErr {
    PyMemoryError::new_err(error.to_string())
}

/// An error of a library that produces Arrow data, as one of rows, with the error as its cause. Errors of memory and of this package,
/// and what is no error (Ctrl-C, an exit), stay as they are.
pub fn producer_error(py: Python<'_>, error: PyErr, context: &str) -> PyErr {
    let is_error = error.is_instance_of::<PyException>(py) || is_panic(py, &error);
    if !is_error || error.is_instance_of::<RowPatternError>(py) || error.is_instance_of::<PyMemoryError>(py) {
        return error;
    }
    let raised = rows_error(format!("{context}: {error}"));
    raised.set_cause(py, Some(error));
    raised
}

/// Whether another library that is built with `PyO3` (Polars, say) has panicked: no subclass of `Exception`.
fn is_panic(py: Python<'_>, error: &PyErr) -> bool {
    error.get_type(py).name().is_ok_and(|name| name == "PanicException")
}

/// A name that the pattern does not have, with the nearest ones that it has.
pub fn unknown_variable(py: Python<'_>, name: &str, known: &[&str], what: &str) -> PyErr {
    let near = nearest(py, name, known).unwrap_or_default();
    let hint = if near.is_empty() {
        let there = if known.len() == 1 { "its only variable is" } else { "its variables are" };
        format!("{there} {}", known.join(", "))
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    UnknownVariableError::new_err(format!("the row pattern has no {what} {name:?}: {hint}"))
}

fn nearest(py: Python<'_>, name: &str, known: &[&str]) -> PyResult<Vec<String>> {
    py.import("difflib")?.call_method1("get_close_matches", (name.to_uppercase(), known.to_vec(), 2))?.extract()
}

/// What is wrong with a value, and what to write instead.
pub fn problem(error: EvaluationError) -> &'static str {
    match error {
        EvaluationError::Overflow => "a result does not fit into its type; cast to a wider one",
        EvaluationError::DivisionByZero => "a number is divided by zero; use CASE to pass over it",
        EvaluationError::OutOfRange => "an argument is outside the domain of its function",
        EvaluationError::Conversion => "a value cannot be cast to the type asked for; try TRY_CAST",
        EvaluationError::Missing => "a value that is computed elsewhere is not there",
    }
}
