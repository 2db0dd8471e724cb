//! The trace API. JSON; errors are problem details.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use chrono::Utc;
use platform::web::{AppState, Caller, Problem, query};
use serde::Deserialize;

use super::error::TraceError;
use super::graph::Direction;
use super::holding::{self, Held, HoldPage, Wish};
use super::model::{AgentView, Found, Trace, Walk};
use super::walk::Ask;
use super::{search, service, walk};
use crate::exceptions::model::ExceptionPage;
use crate::exceptions::service as exceptions;
use crate::ingest::Committed;
use crate::rights::{EXCEPTION_READ, HOLD_PLACE, HOLD_READ, HOLD_RELEASE, PLANT_READ, TRACE_READ};

/// The routes under `/api/v1` that read traces.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/trace/{uid}", get(trace))
        .route("/api/v1/trace/{uid}/backward", get(backward))
        .route("/api/v1/trace/{uid}/forward", get(forward))
        .route("/api/v1/search", get(find))
        .route("/api/v1/exceptions", get(list_exceptions))
        .route("/api/v1/agents", get(agents))
        .route("/api/v1/holds", get(list_holds).post(place_hold))
        .route("/api/v1/holds/{id}/release", post(release_hold))
}

impl From<TraceError> for Problem {
    fn from(error: TraceError) -> Self {
        match error {
            TraceError::Db(error) => error.into(),
            error => {
                let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
                let problem = Self::new(status, error.code(), error.to_string());
                match error.field() {
                    Some(field) => problem.field(field, error.to_string()),
                    None => problem,
                }
            }
        }
    }
}

/// Parameters of a walk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WalkQuery {
    pub depth: Option<i32>,
    pub limit: Option<usize>,
    pub as_built: bool,
    pub after: Option<String>,
}

impl WalkQuery {
    pub(crate) fn ask(self) -> Ask {
        let usual = Ask::default();
        Ask {
            depth: self.depth.unwrap_or(usual.depth),
            limit: self.limit.unwrap_or(usual.limit),
            as_built: self.as_built,
            after: self.after,
        }
    }
}

async fn trace(
    State(state): State<AppState>,
    caller: Caller,
    Path(uid): Path<String>,
    uri: axum::http::Uri,
) -> Result<Json<Trace>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<TraceQuery>(&uri)?;
    let after = asked.after.as_deref();
    Ok(Json(service::trace_after(&state.db, &caller.at(&TRACE_READ), &uid, after, Utc::now()).await?))
}

/// Which page of the events.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TraceQuery {
    pub after: Option<String>,
}

async fn backward(
    State(state): State<AppState>,
    caller: Caller,
    Path(uid): Path<String>,
    uri: axum::http::Uri,
) -> Result<Json<Walk>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let ask = query::<WalkQuery>(&uri)?.ask();
    Ok(Json(
        walk::walk(&state.db, &caller.at(&TRACE_READ), &uid, Direction::Backward, &ask, Utc::now()).await?,
    ))
}

async fn forward(
    State(state): State<AppState>,
    caller: Caller,
    Path(uid): Path<String>,
    uri: axum::http::Uri,
) -> Result<Json<Walk>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let ask = query::<WalkQuery>(&uri)?.ask();
    Ok(Json(
        walk::walk(&state.db, &caller.at(&TRACE_READ), &uid, Direction::Forward, &ask, Utc::now()).await?,
    ))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SearchQuery {
    q: String,
    after: Option<String>,
    limit: Option<usize>,
}

async fn find(
    State(state): State<AppState>,
    caller: Caller,
    uri: axum::http::Uri,
) -> Result<Json<Found>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<SearchQuery>(&uri)?;
    let limit = asked.limit.unwrap_or(50);
    Ok(Json(
        search::search(&state.db, &caller.at(&TRACE_READ), &asked.q, asked.after.as_deref(), limit).await?,
    ))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ExceptionQuery {
    status: String,
    kind: String,
    plant: String,
    after: Option<String>,
    limit: Option<usize>,
}

async fn list_exceptions(
    State(state): State<AppState>,
    caller: Caller,
    uri: axum::http::Uri,
) -> Result<Json<ExceptionPage>, Problem> {
    caller.require_somewhere(&EXCEPTION_READ)?;
    let asked = query::<ExceptionQuery>(&uri)?;
    let filter = exceptions::Filter { status: asked.status, kind: asked.kind, plant: asked.plant };
    let limit = asked.limit.unwrap_or(100);
    Ok(Json(
        exceptions::list(&state.db, &caller.at(&EXCEPTION_READ), filter, asked.after.as_deref(), limit)
            .await?,
    ))
}

/// All streams of facts, and how current each is.
#[derive(Debug, serde::Serialize)]
struct Agents {
    agents: Vec<AgentView>,
}

async fn agents(State(state): State<AppState>, caller: Caller) -> Result<Json<Agents>, Problem> {
    caller.require_somewhere(&PLANT_READ)?;
    Ok(Json(Agents { agents: service::agents(&state.db, &caller.at(&PLANT_READ), Utc::now()).await? }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HoldQuery {
    status: String,
    after: Option<String>,
    limit: Option<usize>,
}

async fn list_holds(
    State(state): State<AppState>,
    caller: Caller,
    uri: axum::http::Uri,
) -> Result<Json<HoldPage>, Problem> {
    caller.require_somewhere(&HOLD_READ)?;
    let asked = query::<HoldQuery>(&uri)?;
    let limit = asked.limit.unwrap_or(100);
    Ok(Json(
        holding::list(&state.db, &caller.at(&HOLD_READ), &asked.status, asked.after.as_deref(), limit)
            .await?,
    ))
}

/// A JSON body, or the problem with it.
fn body<T>(sent: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    let Json(value) = sent.map_err(|error| Problem::bad_request("request.invalid", error.body_text()))?;
    Ok(value)
}

async fn place_hold(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    caller: Caller,
    sent: Result<Json<Wish>, JsonRejection>,
) -> Result<(StatusCode, Json<Held>), Problem> {
    caller.require_somewhere(&HOLD_PLACE)?;
    let held =
        holding::place(&state.db, &caller.at(&HOLD_PLACE), &committed, &body(sent)?, Utc::now()).await?;
    Ok((StatusCode::CREATED, Json(held)))
}

/// Why a hold is released; may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Release {
    reason: String,
}

async fn release_hold(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    caller: Caller,
    Path(id): Path<uuid::Uuid>,
    sent: Option<Json<Release>>,
) -> Result<Json<Held>, Problem> {
    caller.require_somewhere(&HOLD_RELEASE)?;
    let Json(why) = sent.unwrap_or_default();
    Ok(Json(
        holding::release(&state.db, &caller.at(&HOLD_RELEASE), &committed, id, &why.reason, Utc::now())
            .await?,
    ))
}
