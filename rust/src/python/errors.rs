//! Errors as Python exceptions; their classes are written in Python (`rowpattern/errors.py`).

use pyo3::import_exception;
use pyo3::prelude::*;

use crate::pattern::{CompileError, SyntaxError};

import_exception!(rowpattern.errors, PatternSyntaxError);
import_exception!(rowpattern.errors, PatternTooLargeError);
import_exception!(rowpattern.errors, QueryError);
import_exception!(rowpattern.errors, QueryLimitError);
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

/// A name that the pattern does not have, with the nearest ones that it has.
pub fn unknown_variable(py: Python<'_>, name: &str, known: &[&str], what: &str) -> PyErr {
    let near = nearest(py, name, known).unwrap_or_default();
    let hint = if near.is_empty() {
        format!("its variables are {}", known.join(", "))
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    UnknownVariableError::new_err(format!("the row pattern has no {what} {name:?}: {hint}"))
}

fn nearest(py: Python<'_>, name: &str, known: &[&str]) -> PyResult<Vec<String>> {
    py.import("difflib")?.call_method1("get_close_matches", (name.to_uppercase(), known.to_vec(), 2))?.extract()
}
