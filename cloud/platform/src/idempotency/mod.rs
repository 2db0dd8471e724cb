//! Writes by API under an `Idempotency-Key`: carried out once, and answered again
//! as the first time. One layer does it for every write, present and to come.
//!
//! Table: `idempotency_keys`. The claim is committed before the work begins; each
//! transaction of the work marks it in the same commit ([`crate::db::under`]); the
//! answer is kept after. A process that dies before the first commit leaves nothing,
//! and whoever asks again takes the claim over; one that dies after it leaves
//! `applied`, and the work is not done twice. See `docs/decisions/0009`.

mod request;
mod store;
#[cfg(test)]
mod tests;

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use self::request::Kept;
use self::store::Known;
use crate::ctx::Cx;
use crate::db::{self, Claim, DbError, Tx};
use crate::web::{AppState, Caller, Problem};

/// What the caller sends.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is that of an earlier request.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long a key is known; what is older is removed within an hour or two.
pub const KEEP: TimeDelta = TimeDelta::hours(25);
/// After how long a request that is under way is taken for lost with its process.
/// Longer than requests may take; were it too short, the late one could not commit.
pub const LEASE: TimeDelta = TimeDelta::minutes(5);

/// What a request under a key finds.
#[derive(Debug)]
enum Found {
    /// It is the first, or takes over from one that was lost.
    Claimed,
    /// It was answered.
    Answered(StatusCode, Option<Kept>),
    /// It is another request than the one that the key was first used for.
    Other,
    /// It is under way.
    Running,
    /// It was carried out, and its answer is lost.
    Lost,
}

/// The layer. A request without a key, or from nobody, goes on as it is.
pub(crate) async fn once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let writes = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE);
    let Some(key) = request.headers().get(KEY).cloned() else { return next.run(request).await };
    if !writes || !request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    // Whoever is refused here is told so by the handler.
    let Ok(caller) = Caller::from_request_parts(&mut parts, &state).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    match carried_out(&state, caller, &key, parts, body, next).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    }
}

async fn carried_out(
    state: &AppState,
    caller: Caller,
    key: &HeaderValue,
    mut parts: axum::http::request::Parts,
    body: Body,
    next: Next,
) -> Result<Response, Problem> {
    let key = request::key(key, &parts)?;
    let route = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let bytes = request::body(state, route.as_deref(), body).await?;
    let hash = request::hash(&parts, &bytes);
    let claim =
        Claim { tenant: caller.cx.tenant, caller: caller.cx.actor.clone(), key, attempt: Uuid::now_v7() };
    let cx = caller.cx.clone();
    let purpose = request::purpose(&claim);
    match begin(state, &cx, &claim, &hash, &purpose, Utc::now()).await? {
        Found::Claimed => {}
        Found::Answered(status, Some(kept)) => return Ok(kept.answer(status)),
        Found::Other => {
            let detail =
                "This Idempotency-Key was used for another request. Choose a new one for each intention.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency.reused", detail));
        }
        Found::Running => {
            let detail =
                "The first request under this Idempotency-Key is still carried out. Ask again in a moment.";
            let mut answer = Problem::conflict("idempotency.running", detail).into_response();
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            return Ok(answer);
        }
        Found::Lost | Found::Answered(_, None) => {
            let detail = "This request was carried out, and its answer was not kept. Look at what it did before \
                          you send it under a new Idempotency-Key.";
            return Err(Problem::conflict("idempotency.lost", detail));
        }
    }
    // The handler need not look up again who calls.
    parts.extensions.insert(caller);
    let request = Request::from_parts(parts, Body::from(bytes));
    let answer = db::under(claim.clone(), next.run(request)).await;
    Ok(end(state, &cx, &claim, &purpose, answer).await)
}

/// Claims the key, or finds what became of it.
async fn begin(
    state: &AppState,
    cx: &Cx,
    claim: &Claim,
    hash: &[u8],
    purpose: &str,
    now: DateTime<Utc>,
) -> Result<Found, Problem> {
    let known = state.db.tx(cx, async |tx| take(tx, claim, hash, now).await).await?;
    let Some(known) = known else { return Ok(Found::Claimed) };
    if known.request != hash {
        return Ok(Found::Other);
    }
    let status = known.status.and_then(|status| u16::try_from(status).ok());
    match (known.state.as_str(), status.and_then(|status| StatusCode::from_u16(status).ok())) {
        ("answered", Some(status)) => {
            let kept =
                known.answer.and_then(|sealed| match state.secrets.open(cx.tenant, purpose, &sealed) {
                    Ok(plain) => Kept::read(&plain),
                    // Its key is gone: it is as if the answer were.
                    Err(error) => {
                        tracing::warn!(%error, "a kept answer cannot be opened");
                        None
                    }
                });
            Ok(Found::Answered(status, kept))
        }
        ("applied", _) if now - known.claimed_at >= LEASE => Ok(Found::Lost),
        _ => Ok(Found::Running),
    }
}

/// `None` when the claim was taken; else what is known of the key.
async fn take(tx: &mut Tx, claim: &Claim, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Known>, DbError> {
    if store::insert(tx, claim, hash, now, now + KEEP).await?
        || store::take_over(tx, claim, hash, now, now - LEASE, now + KEEP).await?
    {
        return Ok(None);
    }
    // It was there a moment ago; one that was given back meanwhile is running for
    // whoever asks now.
    let known = store::find(tx, claim).await?;
    Ok(Some(known.unwrap_or_else(|| Known::running(hash, now))))
}

/// Keeps the answer; or gives the key back, where nothing was done.
async fn end(state: &AppState, cx: &Cx, claim: &Claim, purpose: &str, answer: Response) -> Response {
    let status = answer.status();
    let good = status.is_success() || status.is_redirection();
    if !good {
        // What was not carried out may be tried again: it may succeed then.
        let given_back =
            state.db.tx(cx, async |tx| Ok::<_, DbError>(store::give_back(tx, claim).await?)).await;
        match given_back {
            Ok(true) => return answer,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "a key was not given back; it is free after the lease");
                return answer;
            }
        }
    }
    let (answer, kept) = Kept::of(answer).await;
    let sealed = kept.and_then(|plain| match state.secrets.seal(cx.tenant, purpose, &plain) {
        Ok(sealed) => Some(sealed),
        Err(error) => {
            tracing::warn!(%error, "an answer cannot be sealed, and is not kept");
            None
        }
    });
    let status = i32::from(status.as_u16());
    let done = state.db.tx(cx, async |tx| {
        store::answer(tx, claim, status, sealed.as_deref()).await?;
        Ok::<_, DbError>(())
    });
    if let Err(error) = done.await {
        tracing::warn!(%error, "an answer was not kept");
    }
    answer
}

/// Removes keys of the transaction's tenant that are no longer kept, at most `limit`;
/// answers how many.
///
/// # Errors
/// Those of the database.
pub async fn forget(tx: &mut Tx, limit: i64, now: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(store::forget(tx, now, limit).await?)
}

/// Whether an answer's header is kept with it.
fn is_kept(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONTENT_TYPE
            | header::ETAG
            | header::LOCATION
            | header::CONTENT_DISPOSITION
            | header::RETRY_AFTER
    )
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| is_kept(name))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}
