//! Standing in for others by API, and how stages kept their times.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, Uri};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::DbError;
use crate::i18n::Texts;
use crate::openapi::Operation;
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, FieldError, Path, Problem, json, query};
use crate::workflow::delegations::{self, New};
use crate::workflow::error::WorkflowError;
use crate::workflow::lending;
use crate::workflow::pages::Range;
use crate::workflow::store::people::{self, Delegation};
use crate::workflow::store::report::{self, Kept};
use crate::workflow::{MANAGE, READ, manages};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/workflows/delegations", get(delegations_list).merge(post(delegate)))
        .route("/api/v1/workflows/delegations/{delegation}", crate::web::routing::delete(delegation_end))
        .route("/api/v1/workflows/report", get(times))
}

/// The operations of these routes, in the order in which they are described.
pub(super) fn operations() -> Vec<Operation> {
    let root = "/api/v1/workflows";
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
    vec![lent, lend, end, times]
}

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
        .tx(&caller.cx, async |tx| Ok::<_, DbError>(people::delegations(tx, person, None, 500).await?))
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
