//! Requests by API.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::{Json, Router};
use chrono::Utc;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::pages::{Asked, managed, owner, visible};
use super::service::{self, Origin, RequestError, Typed};
use super::store::{self, Listed, Request};
use super::{KIND, REQUEST_RAISE, REQUEST_READ};
use crate::db::DbError;
use crate::openapi::{Operation, group};
use crate::web::routing::{get, post, put};
use crate::web::{AppState, Caller, IfMatch, Path, Problem, etag, json, query};
use crate::workflow::error::WorkflowError;
use crate::workflow::run::{self, Standing};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/requests", get(list).merge(post(raise)))
        .route("/api/v1/requests/{id}", get(one).merge(put(change)))
        .route("/api/v1/requests/{id}/done", post(done))
        .route("/api/v1/requests/{id}/cancel", post(cancel))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let list = Operation::get("/api/v1/requests", "listRequests", "Requests, newest first")
        .note("The caller's own; everybody's by `whose=all` for who may see them, and for access keys.")
        .signed_in()
        .query::<Asked>()
        .answers::<Page>();
    let raise =
        Operation::post("/api/v1/requests", "raiseRequest", "Raises a request and sends it on its way")
            .needs(&REQUEST_RAISE)
            .takes::<Typed>()
            .creates::<Request>()
            .fails(422, "workflow.no_definition", "No such workflow is published for this plant.");
    let one = Operation::get("/api/v1/requests/{id}", "getRequest", "One request, and where it is")
        .uuid("id")
        .signed_in()
        .answers::<Whole>()
        .tagged();
    let change = Operation::put("/api/v1/requests/{id}", "changeRequest", "Changes a request that came back")
        .note("It is sent once more from the first stage on. Workflow and plant stay.")
        .uuid("id")
        .needs(&REQUEST_RAISE)
        .takes::<Typed>()
        .may_match()
        .fails(428, "conflict.no_version", "Neither `If-Match` nor the body says which version was seen.")
        .answers::<Request>();
    let done = Operation::post("/api/v1/requests/{id}/done", "completeRequest", "What was approved is done")
        .uuid("id")
        .needs(&REQUEST_RAISE)
        .ends();
    let cancel = Operation::post("/api/v1/requests/{id}/cancel", "cancelRequest", "Takes a request back")
        .uuid("id")
        .needs(&REQUEST_RAISE)
        .ends();
    group("Requests", [list, raise, one, change, done, cancel])
}

/// Requests of one page.
const PAGE: i64 = 100;

#[derive(Serialize, ToSchema)]
#[schema(as = RequestPage)]
struct Page {
    requests: Vec<Listed>,
    /// Pass as `before` for the next page; null on the last.
    next: Option<i64>,
}

/// `GET /api/v1/requests?whose=all&state=&before=`, newest first.
async fn list(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Page>, Problem> {
    let asked = query::<Asked>(&uri)?;
    let whose = asked.whose(&caller)?;
    // Everybody's: at the plants where the caller may see them.
    let cx = if whose.is_none() { caller.at(&REQUEST_READ) } else { caller.cx.clone() };
    let mut requests = state
        .db
        .tx(&cx, async |tx| {
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
#[derive(Serialize, ToSchema)]
#[schema(as = WholeRequest)]
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
) -> Result<([(HeaderName, HeaderValue); 1], Json<Whole>), Problem> {
    let whole = state
        .db
        .tx(&caller.cx, async |tx| {
            let request = visible(tx, &caller, id).await?;
            let standing = run::standing(tx, KIND, id).await?;
            Ok::<_, WorkflowError>(Whole { request, standing })
        })
        .await?;
    Ok(([etag(whole.request.version)], Json(whole)))
}

/// `POST /api/v1/requests`
async fn raise(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<Typed>, JsonRejection>,
) -> Result<(StatusCode, Json<Request>), Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    let typed = Typed { by_program: true, ..json(sent)? };
    let person = caller.person().ok();
    let now = Utc::now();
    let origin = Origin { source: if person.is_some() { "" } else { service::API }, ..Origin::default() };
    let request = state
        .db
        .tx(&caller.cx, async |tx| {
            let new = service::check(tx, &typed).await?;
            caller.require_maybe_at(&REQUEST_RAISE, new.plant()).map_err(RequestError::Problem)?;
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
    headers: HeaderMap,
    sent: Result<Json<Typed>, JsonRejection>,
) -> Result<Json<Request>, Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    let typed = Typed { by_program: true, ..json(sent)? };
    let seen = IfMatch::of(&headers);
    let version = seen.or(typed.version)?;
    let now = Utc::now();
    let request = state
        .db
        .tx(&caller.cx, async |tx| {
            let request = visible(tx, &caller, id).await?;
            let person = owner(&caller, &request);
            let typed = Typed { plant: request.plant.unwrap_or_default(), ..typed.clone() };
            let new = service::check(tx, &typed).await?;
            service::change(tx, &state.subjects, id, &new, version, person, now).await
        })
        .await
        .map_err(|error| match error {
            RequestError::Workflow(WorkflowError::Stale) => seen.stale(),
            error => error.problem(|key| caller.t(key)),
        })?;
    Ok(Json(request))
}

/// `POST /api/v1/requests/{id}/done`
async fn done(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    let (person, now) = (caller.person().ok(), Utc::now());
    state
        .db
        .tx(&caller.cx, async |tx| {
            let managed = managed(tx, &caller, id).await?;
            service::done(tx, id, person, managed, now).await
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/requests/{id}/cancel`
async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    let (person, now) = (caller.person().ok(), Utc::now());
    state
        .db
        .tx(&caller.cx, async |tx| {
            let managed = managed(tx, &caller, id).await?;
            service::cancel(tx, &state.subjects, id, person, managed, now).await
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
