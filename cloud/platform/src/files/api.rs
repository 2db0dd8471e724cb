//! Files as a program meets them, under `/api/v1/files`.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::service::{self, Goes, Right};
use super::{Listed, content, spool};
use crate::web::{AppState, Caller, Problem, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/files", get(all).post(add))
        .route("/api/v1/files/{id}", get(one).delete(delete))
        .route("/api/v1/files/{id}/content", get(bytes).put(replace))
        .route("/api/v1/files/{id}/restore", post(restore))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    /// `items`.
    kind: String,
    /// `BOLT-M6`.
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    kind: String,
    key: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Which {
    /// A version's number; the present one when left out.
    pub version: Option<i32>,
}

fn answer(status: StatusCode, file: &Listed) -> Response {
    (status, [(header::ETAG, format!("\"{}\"", file.version))], Json(file)).into_response()
}

/// The version of the row that the caller saw, in `If-Match`.
fn seen(headers: &HeaderMap) -> Option<i32> {
    let tag = headers.get(header::IF_MATCH)?.to_str().ok()?;
    tag.trim_start_matches("W/").trim_matches('"').parse().ok()
}

async fn all(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Value>, Problem> {
    service::gate(&state.files, &caller, Right::View)?;
    let of: Of = query(&uri)?;
    service::subject(&state.files, &caller, &of.kind, Right::View)?;
    let found = state.db.tx(&caller.cx, async |tx| service::list(tx, &of.kind, &of.key).await).await;
    let found = found.map_err(|error| error.problem(&caller.texts))?;
    Ok(Json(json!({ "files": found })))
}

async fn add(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::Edit)?;
    let new: New = query(&uri)?;
    let subject = service::subject(&state.files, &caller, &new.kind, Right::Edit)?;
    let goes = Goes::To(subject, &new.key);
    taken(&state, &caller, goes, &new.name, body, StatusCode::CREATED).await
}

async fn taken(
    state: &AppState,
    caller: &Caller,
    goes: Goes<'_>,
    name: &str,
    body: Body,
    status: StatusCode,
) -> Result<Response, Problem> {
    let done = async {
        let spooled = spool(&state.files, body.into_data_stream()).await?;
        service::upload(&state.db, &caller.cx, &state.files, goes, name, spooled, Utc::now()).await
    };
    let file = done.await.map_err(|error| error.problem(&caller.texts))?;
    Ok(answer(status, &file))
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::View)?;
    let file = service::open(&state.db, &state.files, &caller, id, Right::View).await?;
    Ok(answer(StatusCode::OK, &file))
}

async fn bytes(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::View)?;
    let which: Which = query(&uri)?;
    send(&state, &caller, id, &headers, &which).await
}

/// A version's bytes, as API and pages answer them.
pub(super) async fn send(
    state: &AppState,
    caller: &Caller,
    id: Uuid,
    headers: &HeaderMap,
    which: &Which,
) -> Result<Response, Problem> {
    let file = service::open(&state.db, &state.files, caller, id, Right::View).await?;
    let sent = async {
        let sent = service::sending(&state.db, &caller.cx, &file, which.version).await?;
        content::answer(&state.files, headers, &sent).await
    };
    sent.await.map_err(|error| error.problem(&caller.texts))
}

async fn replace(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::Edit)?;
    let file = service::open(&state.db, &state.files, &caller, id, Right::Edit).await?;
    let named: Named = query(&uri)?;
    let goes = Goes::Over(file.id, seen(&headers));
    taken(&state, &caller, goes, &named.name, body, StatusCode::OK).await
}

async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    service::gate(&state.files, &caller, Right::Edit)?;
    service::open(&state.db, &state.files, &caller, id, Right::Edit).await?;
    let done = service::delete(&state.db, &caller.cx, id, seen(&headers), Utc::now()).await;
    done.map_err(|error| error.problem(&caller.texts))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restore(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::Edit)?;
    service::open(&state.db, &state.files, &caller, id, Right::Edit).await?;
    let done = service::restore(&state.db, &caller.cx, id).await;
    done.map_err(|error| error.problem(&caller.texts))?;
    let file = service::open(&state.db, &state.files, &caller, id, Right::Edit).await?;
    Ok(answer(StatusCode::OK, &file))
}
