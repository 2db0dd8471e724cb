//! Forms that send files, part by part.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use multer::Multipart;

use super::Problem;

/// The parts of a form, as they come. A handler calls it after it has asked who calls,
/// as [`query`](super::query).
///
/// # Errors
/// 400 `request.invalid` when it is no such form.
pub(crate) fn multipart(headers: &HeaderMap, body: impl Into<Body>) -> Result<Multipart<'static>, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind)?;
    Ok(Multipart::new(body.into().into_data_stream(), boundary))
}

impl From<multer::Error> for Problem {
    fn from(error: multer::Error) -> Self {
        Self::bad_request("request.invalid", error.to_string())
    }
}
