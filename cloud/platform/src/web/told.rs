//! A form that is shown again with what is wrong in it, and a page that says it is done.

use axum::http::StatusCode;
use serde::Deserialize;

/// The query of a page that follows a form: it is said that all is done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Done {
    pub done: Option<String>,
}

/// With what a form is shown: 422 where it failed, else 200.
pub(crate) fn status_of(failed: bool) -> StatusCode {
    if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
}
