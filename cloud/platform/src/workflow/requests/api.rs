//! Requests by API.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::Utc;
use serde::Serialize;
use uuid::Uuid;

use super::pages::{Asked, visible};
use super::service::{self, Origin, Typed};
use super::store::{self, Listed, Request};
use super::{KIND, REQUEST_RAISE};
use crate::db::DbError;
use crate::web::{AppState, Caller, Problem, query};
use crate::workflow::MANAGE;
use crate::workflow::error::WorkflowError;
use crate::workflow::run::{self, Standing};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/requests", get(list).post(raise))
        .route("/api/v1/requests/{id}", get(one).put(change))
        .route("/api/v1/requests/{id}/done", post(done))
        .route("/api/v1/requests/{id}/cancel", post(cancel))
}

/// Requests of one page.
const PAGE: i64 = 100;

#[derive(Serialize)]
struct Page {
    requests: Vec<Listed>,
    /// Pass as `before` for the next page; null on the last.
    next: Option<i64>,
}

/// `GET /api/v1/requests?whose=all&state=&before=`, newest first.
async fn list(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Page>, Problem> {
    let asked = query::<Asked>(&uri)?;
    let whose = asked.whose(&caller)?;
    let mut requests = state
        .db
        .tx(&caller.cx, async |tx| {
            Ok::<_, DbError>(store::list(tx, whose, asked.wanted(), asked.before, PAGE + 1).await?)
        })
        .await?;
    let more = i64::try_from(requests.len()).is_ok_and(|count| count > PAGE);
    if more {
        requests.pop();
    }
    let next = requests.last().filter(|_| more).map(|last| last.number);
    Ok(Json(Page { requests, next }))
}

/// A request, and where it is on its way.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    request: Request,
    standing: Option<Standing>,
}

/// `GET /api/v1/requests/{id}`
async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Whole>, Problem> {
    let whole = state
        .db
        .tx(&caller.cx, async |tx| {
            let request = visible(tx, &caller, id).await?;
            let standing = run::standing(tx, KIND, id).await?;
            Ok::<_, WorkflowError>(Whole { request, standing })
        })
        .await?;
    Ok(Json(whole))
}

fn json(sent: Result<Json<Typed>, JsonRejection>) -> Result<Typed, Problem> {
    let Json(typed) = sent.map_err(|error| Problem::bad_request("request.invalid", error.body_text()))?;
    Ok(typed)
}

/// `POST /api/v1/requests`
async fn raise(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<Typed>, JsonRejection>,
) -> Result<(StatusCode, Json<Request>), Problem> {
    caller.require(&REQUEST_RAISE)?;
    let typed = json(sent)?;
    let person = caller.person().ok();
    let now = Utc::now();
    let origin = Origin { source: if person.is_some() { "" } else { "api" }, ..Origin::default() };
    let request = state
        .db
        .tx(&caller.cx, async |tx| {
            let new = service::check(tx, &typed).await?;
            service::raise(tx, &state.subjects, &new, person, &origin, now).await
        })
        .await
        .map_err(|error| error.problem(|key| caller.t(key)))?;
    Ok((StatusCode::CREATED, Json(request)))
}

/// `PUT /api/v1/requests/{id}`: changes one that came back, and sends it once more.
async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    sent: Result<Json<Typed>, JsonRejection>,
) -> Result<Json<Request>, Problem> {
    caller.require(&REQUEST_RAISE)?;
    let typed = json(sent)?;
    let person = caller.person().ok();
    let now = Utc::now();
    let request = state
        .db
        .tx(&caller.cx, async |tx| {
            let request = visible(tx, &caller, id).await?;
            let typed = Typed { plant: request.plant.unwrap_or_default(), ..typed.clone() };
            let new = service::check(tx, &typed).await?;
            service::change(tx, &state.subjects, id, &new, typed.version, person, now).await
        })
        .await
        .map_err(|error| error.problem(|key| caller.t(key)))?;
    Ok(Json(request))
}

/// `POST /api/v1/requests/{id}/done`
async fn done(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.require(&REQUEST_RAISE)?;
    let (person, manages, now) = (caller.person().ok(), caller.may(&MANAGE), Utc::now());
    state.db.tx(&caller.cx, async |tx| service::done(tx, id, person, manages, now).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/requests/{id}/cancel`
async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.require(&REQUEST_RAISE)?;
    let (person, manages, now) = (caller.person().ok(), caller.may(&MANAGE), Utc::now());
    state
        .db
        .tx(&caller.cx, async |tx| service::cancel(tx, &state.subjects, id, person, manages, now).await)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
