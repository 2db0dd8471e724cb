//! The request of a webhook: its headers and its signature.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use chrono::{DateTime, Utc};
use ring::hmac;
use uuid::Uuid;

use crate::outbound::{self, HttpClient};
use crate::outbox::Failure;

/// A request to be sent.
pub(in crate::notify) struct Call<'a> {
    pub id: Uuid,
    pub kind: &'a str,
    pub url: &'a str,
    pub secret: &'a [u8],
    pub body: String,
    pub now: DateTime<Utc>,
}

/// What signs a body at a moment.
pub(super) fn signature(secret: &[u8], body: &str, now: DateTime<Utc>) -> String {
    let at = now.timestamp();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

/// Sends a request. An answer of 2xx is success; a redirect is not followed.
pub(in crate::notify) async fn send(client: &HttpClient, call: &Call<'_>) -> Result<(), Failure> {
    let text = |text: &str| HeaderValue::from_str(text).map_err(|error| Failure::Never(error.to_string()));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HeaderName::from_static("tracewright-event"), text(call.kind)?);
    headers.insert(HeaderName::from_static("tracewright-delivery"), text(&call.id.to_string())?);
    let signed = signature(call.secret, &call.body, call.now);
    headers.insert(HeaderName::from_static("tracewright-signature"), text(&signed)?);
    let request = outbound::Call {
        method: Method::POST,
        url: call.url.to_owned(),
        headers,
        body: Bytes::from(call.body.clone()),
        read: 0,
    };
    match client.call(&request).await?.status {
        status if status.is_success() => Ok(()),
        // What is there says that it will not be there again.
        StatusCode::GONE => Err(Failure::Never("it answered 410".to_owned())),
        status => Err(Failure::Again(format!("it answered {}", status.as_u16()))),
    }
}
