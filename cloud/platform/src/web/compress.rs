//! Compresses pages and JSON, which are text and cross slow networks. Nothing
//! secret is told beside what a caller sends, so lengths give nothing away.

use std::io::Write;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Shorter answers fit into a packet or two as they are.
const FROM: u64 = 1024;
/// Longer ones (exports) are streams, and not held in memory here.
const UP_TO: u64 = 2 * 1024 * 1024;

/// The answer, compressed if that is worth it and the other side can read it.
pub(super) async fn gzip(response: Response, accepted: bool) -> Response {
    if !accepted || !worth_it(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(plain) = axum::body::to_bytes(body, UP_TO as usize).await else {
        // It was told to be short, and in memory: it cannot fail.
        return Response::new(Body::empty());
    };
    let packed = pack(&plain).unwrap_or_default();
    if packed.is_empty() || packed.len() >= plain.len() {
        return Response::from_parts(parts, Body::from(plain));
    }
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(packed))
}

fn worth_it(response: &Response) -> bool {
    let headers = response.headers();
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_text = kind.starts_with(b"text/")
        || [&b"application/json"[..], b"application/problem+json", b"image/svg+xml"]
            .iter()
            .any(|text| kind.starts_with(text));
    // Only what is in memory already has a known length; a live stream has none.
    let fits = response.body().size_hint().exact().is_some_and(|n| (FROM..=UP_TO).contains(&n));
    is_text
        && fits
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::CONTENT_RANGE)
}

fn pack(plain: &Bytes) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 3), Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish()
}
