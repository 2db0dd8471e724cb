//! What a request under a key is, and what is kept of its answer.

use axum::body::{Body, HttpBody, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{REPLAYED, kept_headers};
use crate::db::Claim;
use crate::web::{AppState, Bodies, Problem, USUAL, sent_as};

/// Longest key.
const MAX_KEY: usize = 200;
/// Largest answer that is kept.
const MAX_ANSWER: usize = 1024 * 1024;

/// The key as it is kept, if it can be one: with what it is for, the method and the
/// path. A path that has not the method answers so, whatever the key was used for.
///
/// # Errors
/// 400 `idempotency.key`.
pub(super) fn key(value: &HeaderValue, parts: &Parts) -> Result<String, Problem> {
    let text = value.to_str().unwrap_or_default();
    let fits = (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        let mut target = Sha256::new();
        target.update(parts.method.as_str());
        target.update([0]);
        target.update(parts.uri.path());
        let target: String = target.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        return Ok(format!("{text} {target}"));
    }
    let detail =
        format!("Idempotency-Key is 1 to {MAX_KEY} printable characters without spaces, such as a UUID.");
    Err(Problem::bad_request("idempotency.key", detail))
}

/// The whole body, which is part of what the request is; as large as the route of this
/// pattern takes them.
///
/// # Errors
/// 400 `idempotency.not_taken` where bodies are too large to be held, 413
/// `request.too_large`, 400 when it does not arrive.
pub(super) async fn body(state: &AppState, route: Option<&str>, body: Body) -> Result<Bytes, Problem> {
    let most = match route.and_then(|route| state.bodies.get(route)) {
        None => USUAL,
        Some(Bodies::UpTo(most)) => *most,
        Some(Bodies::Streamed) => {
            let detail = "This path takes no Idempotency-Key: send the request without it. Whether an earlier \
                          one arrived is seen by what is there.";
            return Err(Problem::bad_request("idempotency.not_taken", detail));
        }
    };
    let told = body.size_hint().lower();
    if told > most as u64 {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", ""));
    }
    to_bytes(body, most).await.map_err(|error| match is_length(&error) {
        true => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", ""),
        false => Problem::bad_request("request.invalid", ""),
    })
}

fn is_length(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// What makes a request this one.
pub(super) fn hash(parts: &Parts, body: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    for part in [parts.method.as_str(), path, sent_as(&parts.headers)] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(body);
    hash.finalize().to_vec()
}

/// What an answer is sealed for.
pub(super) fn purpose(claim: &Claim) -> String {
    format!("idempotency:{}:{}", claim.caller, claim.key)
}

/// An answer as it is kept: headers as JSON with their length before them, then the
/// body.
#[derive(Debug)]
pub(super) struct Kept {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Kept {
    /// The answer, and what is kept of it; `None` for one that is too large or is
    /// made as it is sent.
    pub(super) async fn of(answer: Response) -> (Response, Option<Vec<u8>>) {
        let size = answer.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
        if size.is_none_or(|size| size > MAX_ANSWER) {
            return (answer, None);
        }
        let (parts, body) = answer.into_parts();
        // Its exact size is known: it is there already.
        let body = to_bytes(body, MAX_ANSWER).await.unwrap_or_default();
        let headers = serde_json::to_vec(&kept_headers(&parts.headers)).unwrap_or_default();
        let length = u32::try_from(headers.len()).unwrap_or_default().to_be_bytes();
        let plain = [&length[..], &headers, &body].concat();
        (Response::from_parts(parts, Body::from(body)), Some(plain))
    }

    /// What was kept; `None` when it is not of this form.
    pub(super) fn read(plain: &[u8]) -> Option<Self> {
        let (length, rest) = plain.split_first_chunk::<4>()?;
        let (headers, body) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        Some(Self { headers: serde_json::from_slice(headers).ok()?, body: body.to_vec() })
    }

    /// The answer again.
    pub(super) fn answer(self, status: StatusCode) -> Response {
        let mut answer = Response::new(Body::from(self.body));
        *answer.status_mut() = status;
        for (name, value) in self.headers {
            let named = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value));
            if let (Ok(name), Ok(value)) = named {
                answer.headers_mut().insert(name, value);
            }
        }
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        answer
    }
}
