//! The inbox of exceptions by API.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use chrono::Utc;
use platform::openapi::Operation;
use platform::web::routing::{get, post};
use platform::web::{AppState, Caller, IfMatch, Path, Problem, etag, json, query};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{
    ExceptionAssign, ExceptionCounts, ExceptionDetail, ExceptionPage, ExceptionReopen, ExceptionResolve,
};
use super::service::{self, Filter};
use crate::ingest::Committed;
use crate::rights::{EXCEPTION_ASSIGN, EXCEPTION_READ, EXCEPTION_RESOLVE};

pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/exceptions", get(list))
        .route("/api/v1/exceptions/counts", get(counts))
        .route("/api/v1/exceptions/{id}", get(find))
        .route("/api/v1/exceptions/{id}/resolve", post(resolve))
        .route("/api/v1/exceptions/{id}/assign", post(assign))
        .route("/api/v1/exceptions/{id}/reopen", post(reopen))
}

/// What the routes here are, for the description of the API.
pub(crate) fn operations() -> Vec<Operation> {
    let changes = |operation: Operation| {
        operation
            .uuid("id")
            .tagged()
            .must_match()
            .fails(404, "not_found", "There is no such exception.")
            .fails(409, "conflict.stale", "Somebody else changed it since `version`.")
    };
    vec![
        Operation::get("/api/v1/exceptions", "listExceptions", "Facts that disagree, newest first")
            .needs(&EXCEPTION_READ)
            .query::<Asked>()
            .choice("status", service::STATUSES)
            .answers::<ExceptionPage>()
            .fails(
                422,
                "exception.filter",
                "A kind or a plant that there is not; those that there are are named.",
            ),
        Operation::get(
            "/api/v1/exceptions/counts",
            "countExceptions",
            "How many exceptions nobody has resolved, by plant and kind",
        )
        .needs(&EXCEPTION_READ)
        .answers::<ExceptionCounts>(),
        Operation::get(
            "/api/v1/exceptions/{id}",
            "getException",
            "An exception: both sides, what resolves it, and what was done with it",
        )
        .needs(&EXCEPTION_READ)
        .uuid("id")
        .answers::<ExceptionDetail>()
        .tagged()
        .fails(404, "not_found", "There is no such exception."),
        changes(
            Operation::post(
                "/api/v1/exceptions/{id}/resolve",
                "resolveException",
                "Resolves an exception by one of its choices, with the reason",
            )
            .needs(&EXCEPTION_RESOLVE)
            .takes::<ExceptionResolve>()
            .answers::<ExceptionDetail>(),
        )
        .fails(409, "exception.resolved", "It is resolved already.")
        .fails(409, "exception.corrected", "What was to be corrected is corrected already.")
        .fails(409, "exception.no_fact", "The fact to be corrected cannot be read.")
        .fails(409, "exception.still_unknown", "The masters still do not know the name.")
        .fails(422, "exception.fields", "Fields that are not right; each is named."),
        changes(
            Operation::post(
                "/api/v1/exceptions/{id}/assign",
                "assignException",
                "Says who is to resolve an exception; `me` takes it",
            )
            .needs(&EXCEPTION_ASSIGN)
            .note("To take it (`me`), `exception.resolve` is enough.")
            .takes::<ExceptionAssign>()
            .answers::<ExceptionDetail>(),
        )
        .fails(409, "exception.resolved", "It is resolved already.")
        .fails(422, "exception.person", "Nobody by this id may resolve it."),
        changes(
            Operation::post(
                "/api/v1/exceptions/{id}/reopen",
                "reopenException",
                "Opens a resolved or withdrawn exception again; what its choice did stays done",
            )
            .needs(&EXCEPTION_RESOLVE)
            .takes::<ExceptionReopen>()
            .answers::<ExceptionDetail>(),
        )
        .fails(409, "exception.open", "It is not resolved.")
        .fails(422, "exception.fields", "There is no reason."),
    ]
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ExceptionQuery)]
struct Asked {
    /// The open ones when left out.
    status: String,
    /// Such as `uid.consumed_twice`.
    kind: String,
    /// A plant's code.
    plant: String,
    /// The id of the person who is at them.
    assigned_to: String,
    /// Where the answer before ended: its `next`.
    after: Option<String>,
    /// Rows of one page at most.
    #[schema(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<ExceptionPage>, Problem> {
    caller.require_somewhere(&EXCEPTION_READ)?;
    let Asked { status, kind, plant, assigned_to, after, limit } = query::<Asked>(&uri)?;
    let filter = Filter { status, kind, plant, assigned_to };
    let cx = caller.at(&EXCEPTION_READ);
    service::asked_for(&state.db, &cx, &caller.texts, &filter).await?;
    let may = caller.plants(&EXCEPTION_READ);
    Ok(Json(service::list(&state.db, &cx, &may, filter, after.as_deref(), limit.unwrap_or(100)).await?))
}

async fn counts(State(state): State<AppState>, caller: Caller) -> Result<Json<ExceptionCounts>, Problem> {
    caller.require_somewhere(&EXCEPTION_READ)?;
    Ok(Json(ExceptionCounts { counts: service::counts(&state.db, &caller.at(&EXCEPTION_READ)).await? }))
}

fn answer(detail: ExceptionDetail) -> Response {
    ([etag(detail.exception.version)], Json(detail)).into_response()
}

async fn find(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    Ok(answer(service::find(&state, &caller, id).await?))
}

async fn resolve(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<ExceptionResolve>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&EXCEPTION_RESOLVE)?;
    let wish = json(sent)?;
    let seen = IfMatch::of(&headers);
    Ok(answer(service::resolve(&state, &caller, &committed, id, &wish, seen, Utc::now()).await?))
}

async fn assign(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<ExceptionAssign>, JsonRejection>,
) -> Result<Response, Problem> {
    // Whoever may neither take nor give one away need not be understood.
    if !caller.may(&EXCEPTION_RESOLVE) {
        caller.require_somewhere(&EXCEPTION_ASSIGN)?;
    }
    let wish = json(sent)?;
    Ok(answer(service::assign(&state, &caller, id, &wish, IfMatch::of(&headers), Utc::now()).await?))
}

async fn reopen(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<ExceptionReopen>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&EXCEPTION_RESOLVE)?;
    let wish = json(sent)?;
    Ok(answer(service::reopen(&state, &caller, id, &wish, IfMatch::of(&headers), Utc::now()).await?))
}
