//! Documents on their way by API, and decisions.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::Uri;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::DbError;
use crate::i18n::{Names, Value as Said};
use crate::openapi::Operation;
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, json, query};
use crate::workflow::detail::{Change, Detail};
use crate::workflow::model::Action;
use crate::workflow::model::State as Stand;
use crate::workflow::run::{self, Decision, Standing};
use crate::workflow::show;
use crate::workflow::store::instances;
use crate::workflow::{READ, reads, view};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/workflows/instances", get(all))
        .route("/api/v1/workflows/instances/{instance}", get(instance))
        .route("/api/v1/workflows/instances/{instance}/approve", post(approve))
        .route("/api/v1/workflows/instances/{instance}/reject", post(reject))
        .route("/api/v1/workflows/instances/{instance}/send-back", post(send_back))
        .route("/api/v1/workflows/instances/{instance}/cancel", post(cancel))
}

/// The operations of these routes, in the order in which they are described.
pub(super) fn operations() -> Vec<Operation> {
    let root = "/api/v1/workflows";
    let all = Operation::get(
        format!("{root}/instances"),
        "listInstances",
        "Everybody's documents on their way, newest first",
    )
    .needs(&READ)
    .query::<Wanted>()
    .answers::<Rows>();
    let instance = Operation::get(
        format!("{root}/instances/{{instance}}"),
        "getInstance",
        "One document on its way, with its history",
    )
    .uuid("instance")
    .signed_in()
    .answers::<Whole>();
    let decision = |action: &str, id: &str, summary: &str| {
        Operation::post(format!("{root}/instances/{{instance}}/{action}"), id, summary)
            .uuid("instance")
            .person()
            .takes::<Decided>()
            .answers::<Standing>()
            .fails(409, "workflow.settled", "The round is over: somebody else settled it.")
    };
    let approve = decision("approve", "approveInstance", "Approves the stage that is open");
    let reject = decision("reject", "rejectInstance", "Rejects it; a comment is needed");
    let send_back =
        decision("send-back", "sendInstanceBack", "Sends it back to the starter or an earlier stage");
    let cancel = decision(
        "cancel",
        "cancelInstance",
        "Takes it back: its starter, or who manages workflows at its plant",
    );
    vec![all, instance, approve, reject, send_back, cancel]
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = InstancesAsked)]
struct Wanted {
    state: String,
    before: Option<Uuid>,
    #[schema(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// An instance in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = InstanceRow)]
struct Row {
    instance_id: Uuid,
    workflow: String,
    /// What the workflow is called.
    workflow_name: String,
    /// What it is called, by language.
    workflow_names: Names,
    subject_kind: String,
    title: String,
    plant: Option<String>,
    state: String,
    stage: i16,
    starter: Option<Uuid>,
    started_at: DateTime<Utc>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InstanceRows)]
struct Rows {
    instances: Vec<Row>,
    /// Pass as `before` for the next page; null on the last.
    next: Option<Uuid>,
}

/// `GET /api/v1/workflows/instances?state=&before=&limit=`, newest first.
async fn all(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Rows>, Problem> {
    caller.require(&READ)?;
    let wanted = query::<Wanted>(&uri)?;
    let limit = crate::web::rows(wanted.limit, 50, 500)?;
    let want = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let stand = match wanted.state.as_str() {
        "" => None,
        name => Some(Stand::parse(name).ok_or_else(|| {
            let known = Stand::ALL.map(Stand::name).join(", ");
            let what = format!("{name} is no state; there are {known}");
            let name = name.to_owned();
            Problem::bad_request("query.parameter", what).both_told_by("state", move |texts| {
                let values = [("field", "state"), ("value", name.as_str()), ("known", known.as_str())];
                texts.with("error-read-none-of", &values.map(|(key, value)| (key, Said::from(value))))
            })
        })?),
    };
    let (mut rows, titles) = state
        .db
        .tx(&caller.at(&READ), async |tx| {
            let rows = instances::list(tx, stand.map(Stand::name), wanted.before, want).await?;
            let titles = view::titles(tx, rows.iter().map(|row| &row.workflow)).await?;
            Ok::<_, DbError>((rows, titles))
        })
        .await?;
    let more = rows.len() > limit;
    if more {
        rows.pop();
    }
    let next = rows.last().filter(|_| more).map(|last| last.instance_id);
    let instances = rows
        .into_iter()
        .map(|row| {
            let (workflow_name, workflow_names) = view::names_of(&titles, &row.workflow);
            Row {
                instance_id: row.instance_id,
                workflow: row.workflow,
                workflow_name,
                workflow_names,
                subject_kind: row.subject_kind,
                title: row.title,
                plant: row.plant,
                state: row.state,
                stage: row.stage,
                starter: row.starter,
                started_at: row.started_at,
            }
        })
        .collect();
    Ok(Json(Rows { instances, next }))
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
#[schema(as = InstanceEvent)]
struct Past {
    at: DateTime<Utc>,
    what: String,
    stage: String,
    /// The stage's name, by language.
    stage_names: Names,
    person: Option<Uuid>,
    on_behalf_of: Option<Uuid>,
    note: String,
    /// Where it came once more: what of the document was another than before.
    changes: Vec<Change>,
}

/// An instance with what happened and who is asked.
#[derive(Serialize, ToSchema)]
#[schema(as = WholeInstance)]
struct Whole {
    instance_id: Uuid,
    definition_id: Uuid,
    workflow: String,
    /// What the workflow is called in the revision by which it goes.
    workflow_name: String,
    /// What it is called there, by language.
    workflow_names: Names,
    subject_kind: String,
    subject_id: Uuid,
    title: String,
    plant: Option<String>,
    #[schema(value_type = Object)]
    document: Value,
    /// What is asked for, in full, as whoever decides sees it.
    detail: Detail,
    state: String,
    stage: i16,
    stage_name: Option<String>,
    /// The name of the stage that is open, by language.
    stage_names: Names,
    round: i32,
    due_at: Option<DateTime<Utc>>,
    escalated_at: Option<DateTime<Utc>>,
    starter: Option<Uuid>,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    asked: Vec<crate::workflow::asked::Asked>,
    /// What the caller may do now.
    actions: Vec<Action>,
    history: Vec<Past>,
}

/// `GET /api/v1/workflows/instances/{instance}`
async fn instance(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Whole>, Problem> {
    let (person, now) = (caller.person().ok(), Utc::now());
    let all = |plant: Option<&str>| reads(&caller, plant);
    let shown = state
        .db
        .tx(&caller.cx, async |tx| show::instance(tx, &state.subjects, id, person, &all, now).await)
        .await?;
    let history = shown
        .history
        .into_iter()
        .map(|one| (one.changes(), one))
        .map(|(changes, one)| Past {
            note: if changes.is_some() { String::new() } else { one.note },
            changes: changes.unwrap_or_default(),
            at: one.at,
            what: one.what,
            stage: one.stage_name,
            stage_names: one.stage_names,
            person: one.person,
            on_behalf_of: one.on_behalf_of,
        })
        .collect();
    let instance = shown.instance;
    let (workflow_name, workflow_names) = match &shown.definition {
        Some(definition) => (definition.name.clone(), definition.names.clone()),
        None => (instance.workflow.clone(), Names::default()),
    };
    Ok(Json(Whole {
        instance_id: instance.instance_id,
        definition_id: instance.definition_id,
        workflow: instance.workflow,
        workflow_name,
        workflow_names,
        subject_kind: instance.subject_kind,
        subject_id: instance.subject_id,
        title: instance.title,
        plant: instance.plant,
        document: instance.document,
        detail: shown.detail,
        state: instance.state,
        stage: instance.stage,
        stage_name: shown.round.as_ref().map(|round| round.stage_name.clone()),
        stage_names: shown.round.as_ref().map(|round| round.stage_names.clone()).unwrap_or_default(),
        round: instance.round,
        due_at: shown.round.as_ref().and_then(|round| round.due_at),
        escalated_at: shown.round.as_ref().and_then(|round| round.escalated_at),
        starter: instance.starter,
        started_at: instance.started_at,
        ended_at: instance.ended_at,
        asked: shown.asked,
        actions: shown.offer.map(|(actions, _)| actions).unwrap_or_default(),
        history,
    }))
}

/// A decision as a program sends it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ApprovalDecision)]
struct Decided {
    /// The round that was seen.
    round: i32,
    comment: String,
    /// For sending back: an earlier stage, counted from 1; null for the starter.
    to_stage: Option<i16>,
}

async fn decide(
    state: &AppState,
    caller: &Caller,
    id: Uuid,
    action: Action,
    sent: Result<Json<Decided>, JsonRejection>,
) -> Result<Json<Standing>, Problem> {
    let person = caller.person()?;
    let decided = json(sent)?;
    let to_stage = decided.to_stage.filter(|_| action == Action::SendBack);
    let decision = Decision { round: decided.round, action, comment: &decided.comment, to_stage };
    let now = Utc::now();
    let standing = state
        .db
        .tx(&caller.cx, async |tx| run::decide(tx, &state.subjects, id, person, &decision, now).await)
        .await?;
    Ok(Json(standing))
}

/// `POST /api/v1/workflows/instances/{instance}/approve`
async fn approve(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    sent: Result<Json<Decided>, JsonRejection>,
) -> Result<Json<Standing>, Problem> {
    decide(&state, &caller, id, Action::Approve, sent).await
}

/// `POST /api/v1/workflows/instances/{instance}/reject`
async fn reject(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    sent: Result<Json<Decided>, JsonRejection>,
) -> Result<Json<Standing>, Problem> {
    decide(&state, &caller, id, Action::Reject, sent).await
}

/// `POST /api/v1/workflows/instances/{instance}/send-back`
async fn send_back(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    sent: Result<Json<Decided>, JsonRejection>,
) -> Result<Json<Standing>, Problem> {
    decide(&state, &caller, id, Action::SendBack, sent).await
}

/// `POST /api/v1/workflows/instances/{instance}/cancel`
async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    sent: Result<Json<Decided>, JsonRejection>,
) -> Result<Json<Standing>, Problem> {
    let person = Some(caller.person()?);
    let said = json(sent)?;
    let now = Utc::now();
    let standing = state
        .db
        .tx(&caller.cx, async |tx| {
            let managed = show::managed(tx, &caller, id).await?;
            run::cancel(tx, &state.subjects, id, person, managed, &said.comment, now).await
        })
        .await?;
    Ok(Json(standing))
}
