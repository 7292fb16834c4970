//! The argument `cancel` of long calls.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use rowpattern_core::account::Account;

use super::cancel_token::CancelToken;
use super::numbers::shown;
use super::query_run::QueryRun;

/// What [`account`] gives.
pub type Cancel = Option<Arc<Account>>;

/// As [`account`], for an argument that may be left out.
pub fn given(value: Option<&Bound<'_, PyAny>>) -> PyResult<Cancel> {
    value.map_or(Ok(None), account)
}

/// Reads the argument `cancel`: a token, or the query of which a call is a part.
pub fn account(value: &Bound<'_, PyAny>) -> PyResult<Cancel> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(run) = value.cast::<QueryRun>() {
        return Ok(Some(Arc::clone(&run.get().account)));
    }
    let Ok(token) = value.cast::<CancelToken>() else {
        return Err(PyTypeError::new_err(format!(
            "cancel must be a rowpattern.CancelToken or None, not {}",
            shown(value)
        )));
    };
    let cancellation = Arc::clone(&token.get().cancellation);
    Ok(Some(Arc::new(Account::new(Some(cancellation), None, None))))
}
