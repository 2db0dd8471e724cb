//! Suspects and scopes by API.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json, Router};
use chrono::Utc;
use platform::openapi::{Operation, group, reference};
use platform::web::routing::{self, get, post};
use platform::web::{AppState, Caller, Path, Problem, json, query};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::ScopeError;
use super::model::{Ask, Compared, MemberPage, ScopePage, ScopeView, Suspects, Wish};
use super::rights::{SCOPE_READ, SCOPE_WRITE};
use super::saving::{self, AtOnce};
use super::service;
use crate::genealogy::Genealogy;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/scopes", get(list).merge(post(keep)))
        .route("/api/v1/scopes/preview", post(preview))
        .route("/api/v1/scopes/{id}", get(one).merge(routing::delete(delete)))
        .route("/api/v1/scopes/{id}/members", get(members))
        .route("/api/v1/scopes/{id}/compare", get(compare))
        .route("/api/v1/scopes/{id}/stop", post(stop))
        .route("/api/v1/scopes/{id}/again", post(again))
}

const UNFINISHED: &str = "It is still being saved, was stopped, or failed: it has not all of its units.";

pub(super) fn operations() -> Vec<Operation> {
    let finds = |operation: Operation| {
        operation
            .fails(422, "scope.criteria", "Mistakes in the conditions; each with the path of its node.")
            .fails(422, "scope.too_many", "A condition finds more than a million units; its path is told.")
            .fails(422, "scope.too_slow", "It took too long: name a machine, a time, an item.")
    };
    let seen = |operation: Operation| {
        operation.uuid("id").fails(404, "not_found", "There is no such scope, or none that the caller sees.")
    };
    let preview = finds(
        Operation::post("/api/v1/scopes/preview", "previewScope", "Units that fit conditions")
            .needs(&SCOPE_READ)
            .takes::<Ask>()
            .answers::<Suspects>(),
    );
    let list = Operation::get("/api/v1/scopes", "listScopes", "Kept scopes, newest first")
        .needs(&SCOPE_READ)
        .query::<Asked>()
        .answers::<ScopePage>();
    let keep = finds(
        Operation::post("/api/v1/scopes", "keepScope", "Keeps the units that fit now, under a name")
            .needs(&SCOPE_WRITE)
            .takes::<Wish>()
            .creates::<ScopeView>()
            .answers_json(202, reference(&ScopeView::name())),
    )
    .note(
        "Of many units, or where the search takes long, a job goes on with it: 202, and the scope is \
         `saving`. Ask for it until it is `kept`; before that nothing can be held, recalled or listed of it.",
    )
    .fails(422, "scope.name", "No name, or one of more than 200 characters.")
    .fails(422, "scope.empty", "No unit fits.");
    let one = seen(Operation::get("/api/v1/scopes/{id}", "getScope", "A kept scope"))
        .needs(&SCOPE_READ)
        .answers::<ScopeView>();
    let delete =
        seen(Operation::delete("/api/v1/scopes/{id}", "deleteScope", "Takes a scope out of the lists"))
            .needs(&SCOPE_WRITE)
            .ends()
            .fails(403, "scope.others", "Somebody else's, and the caller's right is not at every plant.");
    let members = seen(Operation::get("/api/v1/scopes/{id}/members", "listScopeUnits", "Units of a scope"))
        .needs(&SCOPE_READ)
        .query::<Asked>()
        .answers::<MemberPage>()
        .fails(409, "scope.unfinished", UNFINISHED);
    let compare = finds(seen(Operation::get(
        "/api/v1/scopes/{id}/compare",
        "compareScope",
        "What a scope's conditions find now, beside what it has",
    )))
    .needs(&SCOPE_READ)
    .answers::<Compared>()
    .fails(403, "scope.others", "Somebody else's, and the caller's right is not at every plant.")
    .fails(409, "scope.unfinished", UNFINISHED);
    let way = |action: &str, id: &str, summary: &str| {
        seen(Operation::post(format!("/api/v1/scopes/{{id}}/{action}"), id, summary))
            .needs(&SCOPE_WRITE)
            .answers::<ScopeView>()
            .fails(403, "scope.others", "Somebody else's, and the caller's right is not at every plant.")
            .fails(409, "scope.state", "The state that the scope is in does not allow it.")
    };
    let stop = way("stop", "stopScope", "Stops the saving of a scope");
    let again =
        way("again", "saveScopeAgain", "Goes on with the saving of a scope that was stopped or failed");
    group("Scopes", [preview, list, keep, one, delete, members, compare, stop, again])
}

/// Which page.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ScopeQuery)]
pub(super) struct Asked {
    /// Where the answer before ended: its `next`.
    pub(super) after: Option<String>,
    /// Rows of one page at most; 50 when left out.
    #[schema(minimum = 1, maximum = 500)]
    pub(super) limit: Option<usize>,
}

async fn preview(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    sent: Result<Json<Ask>, JsonRejection>,
) -> Result<Json<Suspects>, Problem> {
    let cx = service::reading(&caller)?;
    let ask = json(sent)?;
    let done = service::within(&state, &caller, &cx, async |tx| {
        let node = service::parse(&ask.criteria)?;
        let page = (ask.after.as_deref(), service::size(ask.limit)?);
        service::suspects(tx, (caller.zone, &genealogy), &node, page, Utc::now()).await
    });
    Ok(Json(done.await?))
}

async fn list(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<ScopePage>, Problem> {
    let cx = service::reading(&caller)?;
    let asked = query::<Asked>(&uri)?;
    let done = service::within(&state, &caller, &cx, async |tx| {
        service::list(tx, asked.after.as_deref(), service::size(asked.limit)?).await
    });
    Ok(Json(done.await?))
}

async fn keep(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    sent: Result<Json<Wish>, JsonRejection>,
) -> Result<(StatusCode, Json<ScopeView>), Problem> {
    let cx = service::writing(&caller)?;
    let wish = json(sent)?;
    let told = |error: ScopeError| error.problem(&caller);
    let node = service::parse(&wish.criteria).map_err(told)?;
    let wish = (wish.name.as_str(), &node);
    let kept =
        saving::keep(&state.db, (&cx, caller.zone), &genealogy, wish, AtOnce::USUAL).await.map_err(told)?;
    let status = if kept.state == service::KEPT { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok((status, Json(kept)))
}

async fn stop(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<ScopeView>, Problem> {
    let cx = service::writing(&caller)?;
    let done = service::within(&state, &caller, &cx, async |tx| {
        saving::stop(tx, id).await?;
        service::get(tx, id).await
    });
    Ok(Json(done.await?))
}

async fn again(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<ScopeView>, Problem> {
    let cx = service::writing(&caller)?;
    let done = service::within(&state, &caller, &cx, async |tx| {
        saving::again(tx, id).await?;
        service::get(tx, id).await
    });
    Ok(Json(done.await?))
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<ScopeView>, Problem> {
    let cx = service::reading(&caller)?;
    Ok(Json(service::within(&state, &caller, &cx, async |tx| service::get(tx, id).await).await?))
}

async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let cx = service::writing(&caller)?;
    service::within(&state, &caller, &cx, async |tx| service::delete(tx, id, Utc::now()).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn members(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    uri: Uri,
) -> Result<Json<MemberPage>, Problem> {
    let cx = service::reading(&caller)?;
    let asked = query::<Asked>(&uri)?;
    let done = service::within(&state, &caller, &cx, async |tx| {
        service::members(tx, id, (asked.after.as_deref(), service::size(asked.limit)?)).await
    });
    Ok(Json(done.await?))
}

async fn compare(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Compared>, Problem> {
    let cx = service::reading(&caller)?;
    let done = service::within(&state, &caller, &cx, async |tx| {
        service::compare(tx, (&caller, &genealogy), id, Utc::now()).await
    });
    Ok(Json(done.await?))
}
