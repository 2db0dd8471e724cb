//! What starts workflows without a person, as programs see it, and the addresses by which
//! other systems start them: made, made anew, and ended.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::triggers::{self, Trigger};
use super::{MANAGE, READ, hooks};
use crate::db::DbError;
use crate::openapi::{Operation, group};
use crate::web::routing::{delete, get, post};
use crate::web::{AppState, Caller, Path, Problem};

/// Most that are listed.
const MOST: i64 = 1000;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/workflows/triggers", get(list))
        .route("/api/v1/workflows/triggers/{id}/token", post(make).merge(delete(end)))
}

/// What the routes here are, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    let token = "/api/v1/workflows/triggers/{id}/token";
    group(
        "Workflows",
        [
            Operation::get(
                "/api/v1/workflows/triggers",
                "listWorkflowTriggers",
                "What starts workflows without a person: events, schedules, webhooks",
            )
            .needs(&READ)
            .answers::<Triggers>(),
            Operation::post(token, "makeWorkflowAddress", "Makes the address of a webhook, or makes it anew")
                .note("It is told this once. The address before is of no use from then on.")
                .uuid("id")
                .needs(&MANAGE)
                .answers::<Address>()
                .fails(
                    404,
                    "not_found",
                    "There is no such trigger, it is no webhook, or its workflow is out of force.",
                ),
            Operation::delete(token, "endWorkflowAddress", "Ends the address of a webhook")
                .note("Whoever calls it is told that there is nothing, until one is made anew.")
                .uuid("id")
                .needs(&MANAGE)
                .ends()
                .fails(404, "not_found", "There is no such trigger, or it has no address."),
        ],
    )
}

/// What starts workflows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowTriggers)]
struct Triggers {
    triggers: Vec<One>,
}

/// One way in which a workflow starts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowTrigger)]
struct One {
    id: Uuid,
    workflow: String,
    /// Code of the plant that the workflow is for; null for every plant without one of its own.
    plant: Option<String>,
    /// `event`, `schedule`, `webhook`.
    kind: String,
    /// Its place in the definition's list, counted from 0.
    place: i16,
    /// The event that starts it.
    event: Option<String>,
    /// The times at which it starts, as cron has them.
    cron: Option<String>,
    time_zone: Option<String>,
    next_at: Option<DateTime<Utc>>,
    /// Of a webhook: whether it has an address. The address itself is told when it is made.
    has_address: bool,
    /// How often it has started something, and when last.
    fired: i64,
    fired_at: Option<DateTime<Utc>>,
    /// Why it started nothing the last time; empty when it did.
    last_error: String,
}

impl From<Trigger> for One {
    fn from(it: Trigger) -> Self {
        Self {
            id: it.trigger_id,
            workflow: it.workflow,
            plant: it.plant,
            kind: it.kind,
            place: it.place,
            event: it.event,
            cron: it.cron,
            time_zone: it.time_zone,
            next_at: it.next_at,
            has_address: it.token_hash.is_some(),
            fired: it.fired,
            fired_at: it.fired_at,
            last_error: it.last_error,
        }
    }
}

async fn list(State(state): State<AppState>, caller: Caller) -> Result<Json<Triggers>, Problem> {
    caller.require(&READ)?;
    let found = state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(triggers::all(tx, MOST).await?)).await?;
    Ok(Json(Triggers { triggers: found.into_iter().map(One::from).collect() }))
}

/// The address of a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowAddress)]
struct Address {
    /// With a secret in it; whoever has it may start the workflow.
    url: String,
}

async fn make(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Address>, Problem> {
    caller.require(&MANAGE)?;
    let made = state.db.tx(&caller.cx, async |tx| hooks::new_token(tx, id, &caller.tenant_code).await);
    let (path, _) = made.await?;
    Ok(Json(Address { url: format!("{}{path}", state.public_url) }))
}

async fn end(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.require(&MANAGE)?;
    state.db.tx(&caller.cx, async |tx| hooks::end_token(tx, id).await.map(drop)).await?;
    Ok(StatusCode::NO_CONTENT)
}
