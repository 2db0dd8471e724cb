//! Workflows by API.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::definitions::{self, Tried, Unwritten};
use super::delegations::{self, New};
use super::error::WorkflowError;
use super::inbox::{self, Page};
use super::lending;
use super::model::{Action, State as Stand};
use super::pages::Range;
use super::run::{self, Decision, Standing};
use super::show;
use super::store::definitions::{self as store, Revision, Written};
use super::store::instances;
use super::store::people::{self, Delegation};
use super::store::report::{self, Kept};
use super::{DEFINITION_EDIT, DEFINITION_PUBLISH, MANAGE, READ, manages, reads, view};
use crate::db::DbError;
use crate::i18n::{Names, Texts};
use crate::openapi::{Operation, group};
use crate::web::{AppState, Caller, FieldError, IfMatch, Path, Problem, etag, json, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/workflows/inbox", get(waiting))
        .route("/api/v1/workflows/definitions", get(list).post(create))
        .route("/api/v1/workflows/definitions/{id}", get(one).put(change).delete(discard))
        .route("/api/v1/workflows/definitions/{id}/publish", post(publish))
        .route("/api/v1/workflows/definitions/{id}/retire", post(retire))
        .route("/api/v1/workflows/definitions/{id}/clone", post(clone))
        .route("/api/v1/workflows/simulate", post(simulate))
        .route("/api/v1/workflows/instances", get(all))
        .route("/api/v1/workflows/instances/{instance}", get(instance))
        .route("/api/v1/workflows/instances/{instance}/approve", post(approve))
        .route("/api/v1/workflows/instances/{instance}/reject", post(reject))
        .route("/api/v1/workflows/instances/{instance}/send-back", post(send_back))
        .route("/api/v1/workflows/instances/{instance}/cancel", post(cancel))
        .route("/api/v1/workflows/delegations", get(delegations_list).post(delegate))
        .route("/api/v1/workflows/delegations/{delegation}", axum::routing::delete(delegation_end))
        .route("/api/v1/workflows/report", get(times))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let root = "/api/v1/workflows";
    let inbox = Operation::get(
        format!("{root}/inbox"),
        "listApprovals",
        "What waits for the caller, the most urgent first",
    )
    .person()
    .query::<After>()
    .answers::<Page>();
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
    let lent = Operation::get(format!("{root}/delegations"), "listDelegations", "Who stands in for whom")
        .note("The caller's; everybody's for who manages workflows at all plants.")
        .person()
        .answers::<Delegations>();
    let lend = Operation::post(
        format!("{root}/delegations"),
        "delegate",
        "Lets somebody decide while another is away",
    )
    .person()
    .takes::<Lend>()
    .creates::<Delegation>()
    .fails(403, "rights.beyond", "The person who is away has more rights than the caller.");
    let end =
        Operation::delete(format!("{root}/delegations/{{delegation}}"), "endDelegation", "Ends one early")
            .uuid("delegation")
            .person()
            .ends();
    let times = Operation::get(format!("{root}/report"), "approvalTimes", "How stages kept their times")
        .needs(&READ)
        .query::<Range>()
        .answers::<Times>();
    group(
        "Workflows",
        [
            inbox, list, create, one, change, discard, publish, retire, clone, simulate, all, instance,
            approve, reject, send_back, cancel, lent, lend, end, times,
        ],
    )
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

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = InboxAsked)]
struct After {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/v1/workflows/inbox`
async fn waiting(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Page>, Problem> {
    let person = caller.person()?;
    let asked = query::<After>(&uri)?;
    let limit = asked.limit.unwrap_or(50).clamp(1, 200);
    let (after, now) = (inbox::after(asked.after.as_deref())?, Utc::now());
    let page = state
        .db
        .tx(&caller.cx, async |tx| inbox::page(tx, &state.subjects, person, after, limit, now).await)
        .await?;
    Ok(Json(page))
}

// --- definitions ---------------------------------------------------------------

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
        .tx(&caller.cx, async |tx| definitions::publish(tx, &state.subjects, id, version, now).await)
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
            super::asked::money(&trial.example)?;
            let tried = definitions::simulate(tx, &definition, &trial.example, trial.starter, now).await?;
            Ok::<_, Unwritten>(tried)
        })
        .await
        .map_err(|error: Unwritten| unwritten(&caller.texts, error))?;
    Ok(Json(Simulated { stages }))
}

// --- instances -----------------------------------------------------------------

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = InstancesAsked)]
struct Wanted {
    state: String,
    before: Option<Uuid>,
    limit: Option<i64>,
}

/// An instance in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = InstanceRow)]
struct Row {
    instance_id: Uuid,
    workflow: String,
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
    let limit = wanted.limit.unwrap_or(50).clamp(1, 500);
    let stand = match wanted.state.as_str() {
        "" => None,
        name => Some(Stand::parse(name).ok_or_else(|| {
            let known = Stand::ALL.map(Stand::name).join(", ");
            Problem::bad_request("query.parameter", format!("{name} is no state; there are {known}"))
        })?),
    };
    let mut rows = state
        .db
        .tx(&caller.at(&READ), async |tx| {
            Ok::<_, DbError>(instances::list(tx, stand.map(Stand::name), wanted.before, limit + 1).await?)
        })
        .await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count > limit);
    if more {
        rows.pop();
    }
    let next = rows.last().filter(|_| more).map(|last| last.instance_id);
    let instances = rows
        .into_iter()
        .map(|row| Row {
            instance_id: row.instance_id,
            workflow: row.workflow,
            subject_kind: row.subject_kind,
            title: row.title,
            plant: row.plant,
            state: row.state,
            stage: row.stage,
            starter: row.starter,
            started_at: row.started_at,
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
}

/// An instance with what happened and who is asked.
#[derive(Serialize, ToSchema)]
#[schema(as = WholeInstance)]
struct Whole {
    instance_id: Uuid,
    definition_id: Uuid,
    workflow: String,
    subject_kind: String,
    subject_id: Uuid,
    title: String,
    plant: Option<String>,
    #[schema(value_type = Object)]
    document: Value,
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
    asked: Vec<super::asked::Asked>,
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
        .map(|one| Past {
            at: one.at,
            what: one.what,
            stage: one.stage_name,
            stage_names: one.stage_names,
            person: one.person,
            on_behalf_of: one.on_behalf_of,
            note: one.note,
        })
        .collect();
    let instance = shown.instance;
    Ok(Json(Whole {
        instance_id: instance.instance_id,
        definition_id: instance.definition_id,
        workflow: instance.workflow,
        subject_kind: instance.subject_kind,
        subject_id: instance.subject_id,
        title: instance.title,
        plant: instance.plant,
        document: instance.document,
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

// --- standing in, and times ------------------------------------------------------

#[derive(Serialize, ToSchema)]
struct Delegations {
    delegations: Vec<Delegation>,
}

/// `GET /api/v1/workflows/delegations`: the caller's, or everybody's for who manages
/// workflows at all plants.
async fn delegations_list(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Delegations>, Problem> {
    let person = Some(caller.person()?).filter(|_| !manages(&caller, None));
    let delegations = state
        .db
        .tx(&caller.cx, async |tx| Ok::<_, DbError>(people::delegations(tx, person, 500).await?))
        .await?;
    Ok(Json(Delegations { delegations }))
}

/// Who stands in for whom.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = DelegationWish)]
struct Lend {
    /// Who is away; left out: the caller.
    #[serde(default)]
    person: Option<Uuid>,
    delegate: Uuid,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    #[serde(default)]
    reason: String,
}

/// `POST /api/v1/workflows/delegations`
async fn delegate(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<Lend>, JsonRejection>,
) -> Result<(StatusCode, Json<Delegation>), Problem> {
    let own = caller.person()?;
    let lend = json(sent)?;
    let person = lend.person.unwrap_or(own);
    if person != own {
        caller.require(&MANAGE)?;
    }
    let new =
        New { person, delegate: lend.delegate, from: lend.from, until: lend.until, reason: &lend.reason };
    let made = lending::create(&state, &caller, &new, Utc::now()).await?;
    let made = made.map_err(|error| said(&caller.texts, error))?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// A problem whose field's mistake is told in words.
fn said(texts: &Texts, error: WorkflowError) -> Problem {
    match error {
        WorkflowError::Field(field, key) => {
            let errors = vec![FieldError::from((field, texts.t(key)))];
            Problem::invalid("workflow.invalid", errors)
        }
        other => other.into(),
    }
}

/// `DELETE /api/v1/workflows/delegations/{delegation}`
async fn delegation_end(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let person = Some(caller.person()?).filter(|_| !manages(&caller, None));
    state.db.tx(&caller.cx, async |tx| delegations::revoke(tx, id, person, Utc::now()).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize, ToSchema)]
#[schema(as = ApprovalTimes)]
struct Times {
    stages: Vec<Kept>,
}

/// `GET /api/v1/workflows/report?from=&to=`
async fn times(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Times>, Problem> {
    caller.require(&READ)?;
    let now = Utc::now();
    let (.., begin, end) = query::<Range>(&uri)?.days(caller.zone, now)?;
    let stages = state
        .db
        .tx(&caller.at(&READ), async |tx| Ok::<_, DbError>(report::kept(tx, begin, end, now).await?))
        .await?;
    Ok(Json(Times { stages }))
}
