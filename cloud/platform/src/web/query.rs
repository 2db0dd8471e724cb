//! Query strings, forms and JSON, with their mistakes told.

use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Form, Query};
use axum::http::Uri;
use serde::de::DeserializeOwned;

use super::Problem;

/// The query string of a request. A handler calls it after it has asked who
/// calls, so that a stranger learns nothing about parameters.
///
/// # Errors
/// 400 `query.parameter`, naming what is wrong.
pub fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let Query(value) = Query::<T>::try_from_uri(uri)
        .map_err(|error| Problem::bad_request("query.parameter", error.body_text()))?;
    Ok(value)
}

/// What a form sent. A handler calls it after it has asked who calls, as [`query`].
///
/// # Errors
/// 400 `request.invalid`, naming what is wrong.
pub fn form<T>(sent: Result<Form<T>, FormRejection>) -> Result<T, Problem> {
    let Form(value) = sent.map_err(|error| Problem::bad_request("request.invalid", error.body_text()))?;
    Ok(value)
}

/// What a program sent as JSON. A handler calls it after it has asked who calls, as
/// [`query`].
///
/// # Errors
/// 400 `request.invalid`, naming what is wrong.
pub fn json<T>(sent: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    let Json(value) = sent.map_err(|error| Problem::bad_request("request.invalid", error.body_text()))?;
    Ok(value)
}
