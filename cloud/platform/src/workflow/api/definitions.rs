//! Definitions of workflows by API: drafts, publishing, trying.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::{Json, Router};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::DbError;
use crate::i18n::Texts;
use crate::openapi::Operation;
use crate::web::routing::{delete, get, post, put};
use crate::web::{AppState, Caller, FieldError, IfMatch, Path, Problem, etag, json, query};
use crate::workflow::definitions::{self, Tried, Unwritten};
use crate::workflow::error::WorkflowError;
use crate::workflow::store::definitions::{self as store, Revision, Written};
use crate::workflow::view;
use crate::workflow::{DEFINITION_EDIT, DEFINITION_PUBLISH, READ};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/workflows/definitions", get(list).merge(post(create)))
        .route("/api/v1/workflows/definitions/{id}", get(one).merge(put(change)).merge(delete(discard)))
        .route("/api/v1/workflows/definitions/{id}/publish", post(publish))
        .route("/api/v1/workflows/definitions/{id}/retire", post(retire))
        .route("/api/v1/workflows/definitions/{id}/clone", post(clone))
        .route("/api/v1/workflows/simulate", post(simulate))
}

/// The operations of these routes, in the order in which they are described.
pub(super) fn operations() -> Vec<Operation> {
    let root = "/api/v1/workflows";
    let list = Operation::get(format!("{root}/definitions"), "listWorkflows", "Drafts, and what is in force")
        .needs(&READ)
        .answers::<Definitions>();
    let create = Operation::post(format!("{root}/definitions"), "draftWorkflow", "Begins a draft")
        .needs(&DEFINITION_EDIT)
        .takes::<Draft>()
        .creates::<Made>()
        .fails(
            422,
            "workflow.definition",
            "Mistakes: `field` is the place as a JSON pointer, `row` the line.",
        )
        .fails(409, "workflow.draft_exists", "There is a draft of this workflow and plant.");
    let of = format!("{root}/definitions/{{id}}");
    let one = Operation::get(of.clone(), "getWorkflow", "One revision with its text")
        .uuid("id")
        .needs(&READ)
        .answers::<Written>()
        .tagged();
    let change = Operation::put(of.clone(), "changeWorkflow", "Changes a draft")
        .uuid("id")
        .needs(&DEFINITION_EDIT)
        .takes::<Draft>()
        .may_match()
        .fails(428, "conflict.no_version", "Neither `If-Match` nor the body says which version was seen.")
        .ends();
    let discard = Operation::delete(of.clone(), "discardWorkflow", "Throws a draft away")
        .uuid("id")
        .needs(&DEFINITION_EDIT)
        .query::<Seen>()
        .may_match()
        .fails(428, "conflict.no_version", "Neither `If-Match` nor the body says which version was seen.")
        .ends();
    let publish = Operation::post(format!("{of}/publish"), "publishWorkflow", "Puts a draft into force")
        .note("What runs goes on by the revision that it began with.")
        .uuid("id")
        .needs(&DEFINITION_PUBLISH)
        .takes::<Seen>()
        .may_match()
        .fails(428, "conflict.no_version", "Neither `If-Match` nor the body says which version was seen.")
        .ends();
    let retire = Operation::post(format!("{of}/retire"), "retireWorkflow", "Takes a workflow out of force")
        .uuid("id")
        .needs(&DEFINITION_PUBLISH)
        .takes::<Seen>()
        .must_match()
        .ends();
    let clone = Operation::post(format!("{of}/clone"), "copyWorkflow", "Begins a draft from a revision")
        .uuid("id")
        .needs(&DEFINITION_EDIT)
        .takes::<Copy>()
        .creates::<Made>();
    let simulate = Operation::post(
        format!("{root}/simulate"),
        "simulateWorkflow",
        "What would become of an example; nothing is kept",
    )
    .needs(&DEFINITION_EDIT)
    .takes::<Trial>()
    .answers::<Simulated>();
    vec![list, create, one, change, discard, publish, retire, clone, simulate]
}

/// Mistakes of a definition: each with its place, as a JSON pointer, and its line.
fn unwritten(texts: &Texts, error: Unwritten) -> Problem {
    match error {
        Unwritten::Error(error) => error.into(),
        Unwritten::Mistakes(mistakes) => {
            let errors = mistakes
                .iter()
                .map(|one| FieldError {
                    field: one.pointer.clone(),
                    row: Some(one.line),
                    detail: view::mistake(texts, one),
                })
                .collect();
            Problem::invalid("workflow.definition", errors)
        }
    }
}

/// A problem of a change, with the status that belongs to how its version was said.
fn stale(seen: IfMatch, texts: &Texts, error: Unwritten) -> Problem {
    match error {
        Unwritten::Error(WorkflowError::Stale) => seen.stale(),
        other => unwritten(texts, other),
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = WorkflowDefinitions)]
struct Definitions {
    definitions: Vec<Revision>,
}

/// `GET /api/v1/workflows/definitions`: drafts and what is in force.
async fn list(State(state): State<AppState>, caller: Caller) -> Result<Json<Definitions>, Problem> {
    caller.require(&READ)?;
    let definitions =
        state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::current(tx, 1000).await?)).await?;
    Ok(Json(Definitions { definitions }))
}

/// A draft as a program sends it.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = WorkflowDraft)]
struct Draft {
    /// Code of the plant that it is for; null for every plant without one of its own.
    #[serde(default)]
    plant: Option<String>,
    /// The definition: JSON, or its text.
    #[schema(value_type = Object)]
    definition: Value,
    /// For a change: the version that was seen.
    #[serde(default)]
    version: Option<i32>,
}

impl Draft {
    /// The text: as it was sent, or JSON written out.
    fn source(&self) -> String {
        match &self.definition {
            Value::String(text) => text.clone(),
            json => serde_json::to_string_pretty(json).unwrap_or_default(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = MadeWorkflow)]
struct Made {
    definition_id: Uuid,
}

/// `POST /api/v1/workflows/definitions`
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<Draft>, JsonRejection>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let draft = json(sent)?;
    let definition_id = state
        .db
        .tx(&caller.cx, async |tx| {
            definitions::create(tx, &state.subjects, draft.plant.as_deref(), &draft.source()).await
        })
        .await
        .map_err(|error| unwritten(&caller.texts, error))?;
    Ok((StatusCode::CREATED, Json(Made { definition_id })))
}

/// `GET /api/v1/workflows/definitions/{id}`
async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<Written>), Problem> {
    caller.require(&READ)?;
    let found =
        state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::find(tx, id, false).await?)).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(([etag(found.revision.version)], Json(found)))
}

/// `PUT /api/v1/workflows/definitions/{id}`
async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<Draft>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let draft = json(sent)?;
    let seen = IfMatch::of(&headers);
    let version = seen.or(draft.version)?;
    state
        .db
        .tx(&caller.cx, async |tx| {
            definitions::change(tx, &state.subjects, id, version, &draft.source()).await
        })
        .await
        .map_err(|error| stale(seen, &caller.texts, error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which version somebody saw.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = WorkflowSeen)]
struct Seen {
    version: Option<i32>,
}

/// `DELETE /api/v1/workflows/definitions/{id}?version=`
async fn discard(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let seen = IfMatch::of(&headers);
    let version = seen.or(query::<Seen>(&uri)?.version)?;
    state
        .db
        .tx(&caller.cx, async |tx| definitions::discard(tx, id, version).await)
        .await
        .map_err(|error| stale(seen, &caller.texts, error.into()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/workflows/definitions/{id}/publish`
async fn publish(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<Seen>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.require(&DEFINITION_PUBLISH)?;
    let seen = IfMatch::of(&headers);
    let version = seen.or(json(sent)?.version)?;
    let now = Utc::now();
    state
        .db
        .tx(&caller.cx, async |tx| definitions::publish(tx, &state.subjects, id, version, true, now).await)
        .await
        .map_err(|error| stale(seen, &caller.texts, error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/workflows/definitions/{id}/retire`
async fn retire(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<Seen>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.require(&DEFINITION_PUBLISH)?;
    let seen = IfMatch::of(&headers);
    let version = seen.or(json(sent)?.version)?;
    state
        .db
        .tx(&caller.cx, async |tx| definitions::retire(tx, id, version).await)
        .await
        .map_err(|error| stale(seen, &caller.texts, error.into()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Under which name and for which plant a copy is made.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = WorkflowCopy)]
struct Copy {
    workflow_id: Option<String>,
    plant: Option<String>,
}

/// `POST /api/v1/workflows/definitions/{id}/clone`
async fn clone(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    sent: Result<Json<Copy>, JsonRejection>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let copy = json(sent)?;
    let definition_id = state
        .db
        .tx(&caller.cx, async |tx| {
            let (workflow, plant) = (copy.workflow_id.as_deref(), copy.plant.as_deref());
            definitions::clone(tx, &state.subjects, id, workflow, plant).await
        })
        .await
        .map_err(|error| unwritten(&caller.texts, error))?;
    Ok((StatusCode::CREATED, Json(Made { definition_id })))
}

/// A definition and a document to try it on.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = WorkflowTrial)]
struct Trial {
    /// The definition: JSON, or its text.
    #[schema(value_type = Object)]
    definition: Value,
    /// Fields as conditions know them; numbers as strings.
    #[serde(default)]
    #[schema(value_type = Object)]
    example: Value,
    /// Who would start it.
    #[serde(default)]
    starter: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SimulatedWorkflow)]
struct Simulated {
    stages: Vec<Tried>,
}

/// `POST /api/v1/workflows/simulate`
async fn simulate(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<Trial>, JsonRejection>,
) -> Result<Json<Simulated>, Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let trial = json(sent)?;
    let now = Utc::now();
    let draft = Draft { plant: None, definition: trial.definition, version: None };
    let stages = state
        .db
        .tx(&caller.cx, async |tx| {
            let read = definitions::check(tx, &state.subjects, &draft.source()).await?;
            let definition = read.map_err(Unwritten::Mistakes)?;
            crate::workflow::asked::money(&trial.example)?;
            let tried = definitions::simulate(tx, &definition, &trial.example, trial.starter, now).await?;
            Ok::<_, Unwritten>(tried)
        })
        .await
        .map_err(|error: Unwritten| unwritten(&caller.texts, error))?;
    Ok(Json(Simulated { stages }))
}
