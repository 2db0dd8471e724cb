//! Sends a file's bytes: as they come from the store, all or a range of them, in
//! a way that no browser runs them.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::kind::Kind;
use super::model::{disposition, hex};
use super::store::Sent;
use super::{Files, FilesError};
use crate::web::not_modified;

/// Nothing in a file runs, and it is shown as no page of ours.
const POLICY: &str = "default-src 'none'; sandbox";

/// Which part is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    All,
    Some(Range<u64>),
    /// A range that is not in the file.
    Outside,
}

/// The one range of a `Range` header. What cannot be read, and several ranges,
/// mean all (RFC 9110, 14.2).
fn part(headers: &HeaderMap, size: u64, tag: &str) -> Part {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // Of another content nobody wants a part.
    if text(header::IF_RANGE).is_some_and(|seen| seen != tag) {
        return Part::All;
    }
    let asked = text(header::RANGE).and_then(|range| range.strip_prefix("bytes="));
    let Some((from, to)) = asked.and_then(|range| range.trim().split_once('-')) else { return Part::All };
    let read = |text: &str| text.trim().parse::<u64>();
    let range = match (from.trim(), to.trim()) {
        ("", "") => return Part::All,
        ("", last) => match read(last) {
            Ok(0) => return Part::Outside,
            Ok(last) => size.saturating_sub(last)..size,
            Err(_) => return Part::All,
        },
        (from, to) => match (read(from), read(to)) {
            (Ok(from), _) if to.is_empty() => from..size,
            (Ok(from), Ok(to)) if to >= from => from..to.saturating_add(1).min(size),
            _ => return Part::All,
        },
    };
    if range.start < size && range.start < range.end { Part::Some(range) } else { Part::Outside }
}

/// The answer to a request for a version's bytes.
pub(super) async fn answer(files: &Files, headers: &HeaderMap, sent: &Sent) -> Result<Response, FilesError> {
    let size = sent.size.unsigned_abs();
    let tag = format!("\"{}\"", hex(&sent.sha256));
    let known = HeaderValue::from_str(&tag).is_ok_and(|tag| not_modified(headers, &tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match part(headers, size, &tag) {
            Part::Outside => {
                let mut refused = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
                set(&mut refused, header::CONTENT_RANGE, &format!("bytes */{size}"));
                refused
            }
            part => {
                let range = if let Part::Some(range) = &part { Some(range.clone()) } else { None };
                let length = range.as_ref().map_or(size, |range| range.end - range.start);
                let bytes = files.depot()?.read(&sent.object, range.clone()).await?;
                let mut response = Body::from_stream(bytes).into_response();
                set(&mut response, header::CONTENT_TYPE, &sent.media_type);
                set(&mut response, header::CONTENT_LENGTH, &length.to_string());
                if let Some(range) = range {
                    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                    let told = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                    set(&mut response, header::CONTENT_RANGE, &told);
                }
                response
            }
        }
    };
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::CACHE_CONTROL, "private, no-cache");
    set(&mut response, header::CONTENT_SECURITY_POLICY, POLICY);
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let told = disposition(&sent.name, Kind::is_picture(&sent.media_type));
    set(&mut response, header::CONTENT_DISPOSITION, &told);
    Ok(response)
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let of = |range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            part(&headers, 10, "\"a\"")
        };
        assert_eq!(of("bytes=0-3"), Part::Some(0..4));
        assert_eq!(of("bytes=4-"), Part::Some(4..10));
        assert_eq!(of("bytes=-4"), Part::Some(6..10));
        assert_eq!(of("bytes=-40"), Part::Some(0..10));
        assert_eq!(of("bytes=8-99"), Part::Some(8..10));
        assert_eq!(of("bytes=10-"), Part::Outside);
        assert_eq!(of("bytes=-0"), Part::Outside);
        for all in ["bytes=0-1,3-4", "bytes=3-1", "bytes=x-", "items=0-1", "bytes=-"] {
            assert_eq!(of(all), Part::All, "{all}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=0-3".parse().unwrap());
        headers.insert(header::IF_RANGE, "\"b\"".parse().unwrap());
        assert_eq!(part(&headers, 10, "\"a\""), Part::All);
    }
}
