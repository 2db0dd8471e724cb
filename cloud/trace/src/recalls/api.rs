//! Recalls by API.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Extension, Json, Router};
use chrono::Utc;
use platform::openapi::{Operation, group};
use platform::web::routing::{get, post, put};
use platform::web::{AppState, Caller, Path, Problem, json, json_or_default, query};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{
    Action, Answer, Change, End, KindOf, Letter, Place, RecallPage, ResponsePage, Status, UnitPage, Wish,
};
use super::read::{self, Effectiveness, View};
use super::rights::{RECALL_ACTIVATE, RECALL_MANAGE, RECALL_READ, Sight};
use super::service;
use crate::explore::api_places::{PDF, XLSX};
use crate::genealogy::Genealogy;
use crate::ingest::Committed;

/// The routes under `/api/v1/recalls`.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/recalls", get(list).merge(post(begin)))
        .route("/api/v1/recalls/{id}", get(one).merge(put(change)))
        .route("/api/v1/recalls/{id}/snapshot", post(snapshot))
        .route("/api/v1/recalls/{id}/activate", post(activate))
        .route("/api/v1/recalls/{id}/close", post(close))
        .route("/api/v1/recalls/{id}/cancel", post(cancel))
        .route("/api/v1/recalls/{id}/units", get(units))
        .route("/api/v1/recalls/{id}/units.xlsx", get(sheet))
        .route("/api/v1/recalls/{id}/letters", get(letters))
        .route("/api/v1/recalls/{id}/consignees/{consignee}", post(consignee))
        .route("/api/v1/recalls/{id}/consignees/{consignee}/letters", post(write))
        .route("/api/v1/recalls/{id}/responses", get(responses).merge(post(respond)))
        .route("/api/v1/recalls/{id}/effectiveness", get(effectiveness))
        .route("/api/v1/recalls/{id}/report.pdf", get(report))
}

/// What the routes here are, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    let root = "/api/v1/recalls";
    let at = |path: &str| format!("{root}/{{id}}{path}");
    let of = |operation: Operation| operation.uuid("id").fails(404, "not_found", "There is no such recall.");
    let state = |operation: Operation| {
        of(operation).fails(409, "recall.state", "The state that the recall is in does not allow it.")
    };
    let fields = |operation: Operation| {
        operation.fails(422, "recall.fields", "Fields that are not right; each is named.")
    };
    let fixed = |operation: Operation| {
        operation.fails(409, "recall.approval", "Its approval is asked for or given; it stays as it is.")
    };
    let names = |all: &'static [Status]| all.iter().map(|one| one.name());
    let act = |action: Action, id: &str, summary: &str| {
        let right = if action == Action::Cancel { &RECALL_MANAGE } else { &RECALL_ACTIVATE };
        state(fields(Operation::post(at(&format!("/{}", action.name())), id, summary)))
            .needs(right)
            .may_take::<End>()
            .answers::<Changed>()
    };
    group(
        "Recalls",
        [
            Operation::get(root, "listRecalls", "Recalls or drills, newest first")
                .needs(&RECALL_READ)
                .query::<ListQuery>()
                .choice("kind", KindOf::ALL.iter().map(|one| one.name()))
                .choice("status", names(Status::ALL))
                .answers::<RecallPage>(),
            fields(Operation::post(root, "beginRecall", "Begins a recall with its snapshot, or a drill"))
                .note("A recall is a draft then: nothing is held, and nobody is told. A drill's clock runs.")
                .needs(&RECALL_MANAGE)
                .takes::<Wish>()
                .creates::<Begun>()
                .fails(400, "recall.too_many", "It would have more labels than one recall may.")
                .fails(400, "recall.empty", "There is nothing in it.")
                .fails(409, "scope.unfinished", "The scope is not whole.")
                .fails(404, "recall.unknown", "There is no such lot or scope.")
                .fails(404, "uid.unknown", "Nothing is known by this code.")
                .fails(409, "uid.ambiguous", "The code stands for several UIDs.")
                .fails(409, "numbering.no_series", "The company's series of recalls was deleted."),
            of(Operation::get(at(""), "getRecall", "A recall: where everything was, who has it"))
                .needs(&RECALL_READ)
                .answers::<View>(),
            fixed(state(fields(Operation::put(at(""), "changeRecall", "Changes what is said of a recall"))))
                .needs(&RECALL_MANAGE)
                .takes::<Change>()
                .ends()
                .fails(409, "recall.stale", "Somebody else has changed it since `version`."),
            fixed(state(Operation::post(
                at("/snapshot"),
                "snapshotRecall",
                "Takes the snapshot of a draft again",
            )))
            .needs(&RECALL_MANAGE)
            .ends()
            .fails(400, "recall.too_many", "It would have more labels than one recall may.")
            .fails(400, "recall.empty", "There is nothing in it.")
            .fails(409, "scope.unfinished", "The scope is not whole."),
            fixed(act(
                Action::Activate,
                "activateRecall",
                "Puts a recall into force: holds, notices inside, letters to customers",
            ))
            .note("Where the workflow `recall` is published its approval is asked for instead, once.")
            .fails(
                422,
                "workflow.unreadable",
                "The published workflow names what is not there any more.",
            ),
            act(Action::Close, "closeRecall", "Closes a recall, or ends a drill").fails(
                422,
                "recall.unaccounted",
                "Not all is accounted for; the figures are in `detail`. Say `unaccounted`, and why in \
                 `note`, to close it all the same.",
            ),
            act(Action::Cancel, "cancelRecall", "Drops a draft, or breaks a drill off"),
            of(Operation::get(at("/units"), "listRecallUnits", "The units of a recall, and where each was"))
                .needs(&RECALL_READ)
                .query::<UnitsQuery>()
                .choice("place", Place::ALL.iter().map(|one| one.name()))
                .answers::<UnitPage>(),
            of(Operation::get(
                at("/units.xlsx"),
                "listRecallUnitsSheet",
                "All units of a recall as an Excel workbook: serial numbers, who has each, what became of it",
            ))
            .needs(&RECALL_READ)
            .answers_file(&[XLSX]),
            of(Operation::get(at("/letters"), "listRecallLetters", "What was written to whom, and when"))
                .needs(&RECALL_READ)
                .answers::<Letters>(),
            state(fields(Operation::post(
                at("/consignees/{consignee}"),
                "setRecallConsignee",
                "Notes how it stands with a consignee",
            )))
            .uuid("consignee")
            .needs(&RECALL_MANAGE)
            .takes::<Stands>()
            .ends(),
            state(Operation::post(
                at("/consignees/{consignee}/letters"),
                "writeRecallLetters",
                "Writes to contacts that were added since",
            ))
            .uuid("consignee")
            .needs(&RECALL_MANAGE)
            .answers::<Written>(),
            of(Operation::get(at("/responses"), "listRecallResponses", "What was answered, newest first"))
                .needs(&RECALL_READ)
                .query::<PageQuery>()
                .answers::<ResponsePage>(),
            state(fields(Operation::post(
                at("/responses"),
                "respondToRecall",
                "Enters what a consignee answers",
            )))
            .note(
                "Of one unit, or of all that the consignee has in one unit of measure. It stands in the \
                       place of the answer before. Returns that plants record are counted by themselves.",
            )
            .needs(&RECALL_MANAGE)
            .takes::<Answer>()
            .creates::<Entered>()
            .fails(404, "uid.unknown", "Nothing is known by this code."),
            of(Operation::get(
                at("/effectiveness"),
                "getRecallEffectiveness",
                "How much of a recall is accounted for, over time",
            ))
            .needs(&RECALL_READ)
            .answers::<Effectiveness>(),
            of(Operation::get(at("/report.pdf"), "printRecall", "The report of a recall as PDF"))
                .needs(&RECALL_READ)
                .answers_file(&[PDF]),
        ],
    )
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = RecallsAsked)]
struct ListQuery {
    /// Recalls when left out.
    kind: String,
    /// All when left out.
    status: String,
    /// Where the answer before ended: its `next`.
    after: Option<String>,
    /// Rows of one page at most.
    #[schema(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = RecallPageAsked)]
struct PageQuery {
    /// Where the answer before ended: its `next`.
    after: Option<String>,
    /// Rows of one page at most.
    #[schema(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = RecallUnitsAsked)]
struct UnitsQuery {
    /// Only those that were there.
    place: String,
    /// Only those of this consignee.
    consignee: Option<Uuid>,
    /// Where the answer before ended: its `next`.
    after: Option<String>,
    /// Rows of one page at most.
    #[schema(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

/// A recall that was begun.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecallBegun)]
struct Begun {
    /// Its id.
    recall_id: Uuid,
}

/// How a recall stands now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecallChanged)]
struct Changed {
    /// `active`, `closed`, `cancelled`; `draft` while its approval is awaited.
    status: String,
    /// The approval that it waits for, at `/api/v1/workflows/instances/{id}`; null where none
    /// is needed.
    approval: Option<Uuid>,
}

/// How it stands with a consignee.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = RecallConsigneeState)]
struct Stands {
    /// `to_notify`, `notified`, `acknowledged`, `no_answer`.
    state: String,
}

/// Letters that were written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecallWritten)]
struct Written {
    /// How many.
    letters: usize,
}

/// Letters of a recall, in the order in which they were written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecallLetters)]
struct Letters {
    letters: Vec<Letter>,
}

/// An answer that was entered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecallAnswered)]
struct Entered {
    /// Its id.
    response_id: Uuid,
}

async fn list(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<RecallPage>, Problem> {
    caller.require_somewhere(&RECALL_READ)?;
    let asked = query::<ListQuery>(&uri)?;
    let limit = asked.limit.unwrap_or(100);
    let page = service::ask(&state, &caller, async |tx| {
        read::list(tx, &asked.kind, &asked.status, asked.after.as_deref(), limit).await
    });
    Ok(Json(page.await?))
}

async fn begin(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    sent: Result<Json<Wish>, JsonRejection>,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    caller.require(&RECALL_MANAGE)?;
    let recall_id = service::begin(&state, &caller, &genealogy, &json(sent)?, Utc::now()).await?;
    Ok((StatusCode::CREATED, Json(Begun { recall_id })))
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<View>, Problem> {
    let sight = Sight::of(&caller);
    let view = service::ask(&state, &caller, async |tx| {
        let mut view = read::view(tx, id).await?;
        view.contacts = read::contacts(tx, id, &view.consignees, sight).await?;
        Ok(view)
    });
    Ok(Json(view.await?))
}

async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    sent: Result<Json<Change>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.require(&RECALL_MANAGE)?;
    service::change(&state, &caller, id, &json(sent)?, Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn snapshot(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    service::take_again(&state, &caller, &genealogy, id, Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

type Sent<T> = Result<Json<T>, JsonRejection>;

async fn activate(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Sent<End>,
) -> Result<Json<Changed>, Problem> {
    act(&state, (&committed, &genealogy), &caller, id, Action::Activate, &headers, sent).await
}

async fn close(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Sent<End>,
) -> Result<Json<Changed>, Problem> {
    act(&state, (&committed, &genealogy), &caller, id, Action::Close, &headers, sent).await
}

async fn cancel(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Sent<End>,
) -> Result<Json<Changed>, Problem> {
    act(&state, (&committed, &genealogy), &caller, id, Action::Cancel, &headers, sent).await
}

async fn act(
    state: &AppState,
    office: (&Committed, &Genealogy),
    caller: &Caller,
    id: Uuid,
    action: Action,
    headers: &HeaderMap,
    sent: Sent<End>,
) -> Result<Json<Changed>, Problem> {
    service::may_act(caller, action)?;
    let end = json_or_default(headers, sent)?;
    let done = service::act(state, caller, office, id, action, &end, Utc::now()).await?;
    Ok(Json(Changed { status: done.status.name().to_owned(), approval: done.approval }))
}

async fn units(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    uri: Uri,
) -> Result<Json<UnitPage>, Problem> {
    caller.require_somewhere(&RECALL_READ)?;
    let asked = query::<UnitsQuery>(&uri)?;
    let limit = asked.limit.unwrap_or(100);
    let page = service::ask(&state, &caller, async |tx| {
        read::units(tx, id, &asked.place, asked.consignee, asked.after.as_deref(), limit).await
    });
    Ok(Json(page.await?))
}

async fn sheet(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<axum::response::Response, Problem> {
    Ok(super::pages::xlsx(super::sheet::units(&state, &caller, id).await?))
}

async fn letters(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Letters>, Problem> {
    let letters = service::ask(&state, &caller, async |tx| read::letters(tx, id).await).await?;
    Ok(Json(Letters { letters }))
}

async fn consignee(
    State(state): State<AppState>,
    caller: Caller,
    Path((id, consignee)): Path<(Uuid, Uuid)>,
    sent: Sent<Stands>,
) -> Result<StatusCode, Problem> {
    caller.require_somewhere(&RECALL_MANAGE)?;
    service::consignee(&state, &caller, id, consignee, &json(sent)?.state, Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn write(
    State(state): State<AppState>,
    caller: Caller,
    Path((id, consignee)): Path<(Uuid, Uuid)>,
) -> Result<Json<Written>, Problem> {
    let letters = service::write(&state, &caller, id, consignee, Utc::now()).await?;
    Ok(Json(Written { letters }))
}

async fn responses(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    uri: Uri,
) -> Result<Json<ResponsePage>, Problem> {
    caller.require_somewhere(&RECALL_READ)?;
    let asked = query::<PageQuery>(&uri)?;
    let limit = asked.limit.unwrap_or(100);
    let page = service::ask(&state, &caller, async |tx| {
        read::responses(tx, id, asked.after.as_deref(), limit).await
    });
    Ok(Json(page.await?))
}

async fn respond(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    sent: Sent<Answer>,
) -> Result<(StatusCode, Json<Entered>), Problem> {
    caller.require_somewhere(&RECALL_MANAGE)?;
    let response_id = service::respond(&state, &caller, id, &json(sent)?, Utc::now()).await?;
    Ok((StatusCode::CREATED, Json(Entered { response_id })))
}

async fn effectiveness(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Effectiveness>, Problem> {
    Ok(Json(service::ask(&state, &caller, async |tx| read::effectiveness(tx, id).await).await?))
}

async fn report(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<axum::response::Response, Problem> {
    Ok(super::pages::pdf(super::report::report(&state, &caller, id, Utc::now()).await?))
}
