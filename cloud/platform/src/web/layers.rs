//! What happens around every request.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;

use super::origin::is_safe;
use super::rates::Slot;
use super::request_id::{self, RequestId};
use super::slow::{self, Coming};
use super::{AppState, Client, Problem, USUAL, assets, compress, faces};
use crate::ctx::coming_from;
use crate::idempotency;

/// Only our own files; nothing written into the page runs.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// Puts around `router` what every request needs: an id, a log line, errors as
/// problems or pages, headers that protect the browser, a limit on the body; and
/// what changes something goes on to its end though its caller goes away.
pub fn wrap(router: Router<AppState>, state: AppState) -> Router {
    router
        .fallback(async || Problem::not_found())
        .layer(DefaultBodyLimit::max(USUAL))
        .layer(from_fn_with_state(state.clone(), idempotency::once))
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state)
}

async fn around(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = RequestId::of(request.headers());
    let method = request.method().clone();
    // A path can hold a secret (a sign-in code), its pattern cannot.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let span = tracing::info_span!("request", id = %id.0);
    name_host(&mut request);
    let asker = faces::Asker::of(&request);
    let takes_gzip = assets::takes_gzip(request.headers());
    let (slot, coming) = (Slot::default(), Coming::now());
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(slot.clone());
    let client = Client::of(request.extensions(), request.headers(), &state.trusted_proxies);
    let request = request.map(|body| slow::watched(body, slow::PAUSE, &coming));

    let answer = match state.rate_limits.address(client.0) {
        Ok(()) => {
            run((&state, &coming), from_where(client, &id), (&method, request), next)
                .instrument(span.clone())
                .await
        }
        Err(problem) => Ok(problem.into_response()),
    };
    let answer = match answer {
        // Whatever the handler made of a body that ended too soon.
        Ok(_) if coming.is_late() => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "request.timeout", "").into_response()
        }
        Ok(answer) => answer,
        Err(panic) => span.in_scope(|| Problem::internal(panic)).into_response(),
    };
    let mut response = faces::present(&state, &asker, &id, answer).await;
    slot.tell(response.headers_mut());
    let mut response = compress::gzip(response, takes_gzip).await;
    protect(&state, &mut response);
    let took = begun.elapsed();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(request_id::HEADER, value);
    }
    let timing = format!("total;dur={:.1}", took.as_secs_f64() * 1e3);
    if let Ok(value) = HeaderValue::from_str(&timing) {
        headers.append("server-timing", value);
    }
    tracing::info!(
        parent: &span,
        %method,
        route = route.as_deref().unwrap_or("-"),
        status = response.status().as_u16(),
        ms = took.as_millis(),
        client = client.0.map(tracing::field::display),
        "served"
    );
    response
}

/// HTTP/2 names the host in the request's own address: from here on it stands in
/// the header, as of HTTP/1.1.
fn name_host(request: &mut Request) {
    if request.headers().contains_key(header::HOST) {
        return;
    }
    let named = request.uri().authority().and_then(|at| HeaderValue::from_str(at.as_str()).ok());
    if let Some(named) = named {
        request.headers_mut().insert(header::HOST, named);
    }
}

/// Where a request came from, as the audit keeps it: the address behind the proxies that
/// are trusted, where it is known, and the request's id, which the logs have too.
fn from_where(client: Client, id: &RequestId) -> String {
    match client.0 {
        Some(address) => format!("{address} {}", id.0),
        None => id.0.clone(),
    }
}

/// Runs a request to its end. hyper drops the future of a caller that hangs up;
/// what changes something is therefore a task of its own, which nobody drops. One
/// that takes too long is given up, and what it did not commit is rolled back.
async fn run(
    (state, coming): (&AppState, &Coming),
    origin: String,
    (method, request): (&Method, Request),
    next: Next,
) -> Result<Response, String> {
    let over = coming.over(state.request_timeout);
    let work = coming_from(origin, next.run(request));
    if is_safe(method) {
        return tokio::select! {
            done = AssertUnwindSafe(work).catch_unwind() => done.map_err(told),
            () = over => Ok(too_long()),
        };
    }
    let mut work = tokio::spawn(work.in_current_span());
    tokio::select! {
        done = &mut work => match done {
            Ok(response) => Ok(response),
            Err(error) if error.is_panic() => Err(told(error.into_panic())),
            Err(error) => Err(error.to_string()),
        },
        () = over => {
            work.abort();
            Ok(too_long())
        }
    }
}

fn too_long() -> Response {
    tracing::warn!("a request took too long and was given up");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "").into_response()
}

fn told(panic: Box<dyn Any + Send>) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.as_deref().unwrap_or("without a message"))
}

/// Headers that protect the browser; what a handler set stays.
fn protect(state: &AppState, response: &mut Response) {
    let is_document = response.status() != StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(self), geolocation=(), microphone=()");
    if state.secure {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if is_document {
        // Pages and answers hold one tenant's data.
        set(header::CACHE_CONTROL, "no-store");
    }
}
