//! The trace API. JSON; errors are problem details.

use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use chrono::Utc;
use platform::openapi::{Operation, group};
use platform::web::routing::{get, post};
use platform::web::{AppState, Caller, Path, Problem, json, json_or_default, no_place, query};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::TraceError;
use super::graph::Direction;
use super::holding::{self, Held, HoldPage, Wish};
use super::model::{AgentView, Found, Trace, Walk};
use super::walk::Ask;
use super::{rows, search, service, walk};
use crate::genealogy::Genealogy;
use crate::ingest::Committed;
use crate::rights::{HOLD_PLACE, HOLD_READ, HOLD_RELEASE, PLANT_READ, TRACE_READ};

/// The routes under `/api/v1` that read traces.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/trace/{uid}", get(trace))
        .route("/api/v1/trace/{uid}/backward", get(backward))
        .route("/api/v1/trace/{uid}/forward", get(forward))
        .route("/api/v1/trace/{uid}/backward.ndjson", get(backward_rows))
        .route("/api/v1/trace/{uid}/forward.ndjson", get(forward_rows))
        .merge(super::api_places::router())
        .route("/api/v1/search", get(find))
        .route("/api/v1/agents", get(agents))
        .route("/api/v1/holds", get(list_holds).merge(post(place_hold)))
        .route("/api/v1/holds/{id}/release", post(release_hold))
}

/// What is not right with a hold that is to be placed.
const FIELDS: &str = "Nothing is named that is to be held, there is no reason or too long a one, the notes \
                      are too long, or `lot` is the supplier's number of no lot or of several; each is named.";

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let of_uid = |operation: Operation| {
        operation
            .needs(&TRACE_READ)
            .means("uid", "A UID, or any code that leads to one: an alias, a link, a scan.")
            .fails(400, "uid.checksum", "It is meant to be a UID, and wrong; `code` says in which part.")
            .fails(404, "uid.unknown", "Nothing is known by this code.")
            .fails(404, "uid.foreign", "A UID of another tenant.")
            .fails(409, "uid.ambiguous", "The code stands for several UIDs.")
    };
    let traces: Vec<Operation> = [
        of_uid(Operation::get(
            "/api/v1/trace/{uid}",
            "traceUnit",
            "A unit's life: states, events, relatives",
        ))
        .query::<TraceQuery>()
        .answers::<Trace>(),
        of_uid(Operation::get("/api/v1/trace/{uid}/backward", "traceBackward", "What a unit was made from"))
            .query::<WalkQuery>()
            .answers::<Walk>()
            .fails(409, "query.changed", "The genealogy changed since the page before: begin again."),
        of_uid(Operation::get("/api/v1/trace/{uid}/forward", "traceForward", "What was made from a unit"))
            .query::<WalkQuery>()
            .answers::<Walk>()
            .fails(409, "query.changed", "The genealogy changed since the page before: begin again."),
        of_uid(Operation::get(
            "/api/v1/trace/{uid}/backward.ndjson",
            "traceBackwardRows",
            "All that a unit was made from, line by line",
        ))
        .note(ROWS)
        .query::<RowsQuery>()
        .answers_file(&[NDJSON]),
        of_uid(Operation::get(
            "/api/v1/trace/{uid}/forward.ndjson",
            "traceForwardRows",
            "All that was made from a unit, line by line",
        ))
        .note(ROWS)
        .query::<RowsQuery>()
        .answers_file(&[NDJSON]),
        Operation::get("/api/v1/search", "search", "Finds units by UID, alias, supplier's lot or document")
            .needs(&TRACE_READ)
            .query::<SearchQuery>()
            .answers::<Found>()
            .fails(400, "query.empty", "Nothing was asked for."),
        Operation::get("/api/v1/agents", "listAgents", "Plants, and how current each is")
            .needs(&PLANT_READ)
            .answers::<Agents>(),
    ]
    .into_iter()
    .chain(super::api_places::operations(of_uid))
    .collect();
    let holds = [
        Operation::get("/api/v1/holds", "listHolds", "Holds, newest first")
            .needs(&HOLD_READ)
            .query::<HoldQuery>()
            .choice("status", holding::STATUSES)
            .answers::<HoldPage>(),
        Operation::post("/api/v1/holds", "placeHold", "Places a hold and tells the plants")
            .needs(&HOLD_PLACE)
            .takes::<Wish>()
            .creates::<Held>()
            .fails(400, "hold.too_many", "It would hold more units than one hold may.")
            .fails(400, "hold.unknown", "There is no such unit, lot or scope.")
            .fails(400, "hold.owner", "The owner is no person of the tenant.")
            .fails(404, "uid.unknown", "Nothing is known by this code.")
            .fails(409, "uid.ambiguous", "The code stands for several UIDs.")
            .fails(409, "scope.unfinished", "The scope is not whole.")
            .fails(422, "hold.fields", FIELDS),
        Operation::post("/api/v1/holds/{id}/release", "releaseHold", "Releases a hold and tells the plants")
            .needs(&HOLD_RELEASE)
            .uuid("id")
            .takes::<Release>()
            .answers::<Held>()
            .fails(409, "hold.released", "It is released already.")
            .fails(
                409,
                "hold.of_recall",
                "It is the hold of a recall in force, whose number is not said in `recall`: what it \
                 holds is recalled, and would be free.",
            )
            .fails(422, "hold.fields", "There is no reason, or too long a one."),
    ];
    [group("Trace", traces), group("Holds", holds)].concat()
}

impl From<TraceError> for Problem {
    fn from(error: TraceError) -> Self {
        match error {
            TraceError::Db(error) => error.into(),
            TraceError::Parameter { field: "after", .. } => no_place(),
            error => {
                let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
                let problem = Self::new(status, error.code(), error.to_string());
                let problem = match &error {
                    TraceError::Unknown(code) => {
                        let code = code.clone();
                        problem.told_by(move |texts| texts.t1("error-uid-unknown-of", "code", &code))
                    }
                    TraceError::Ambiguous { uids, .. } => {
                        let uids = uids.join(", ");
                        problem.told_by(move |texts| format!("{} {uids}", texts.t("error-uid-ambiguous")))
                    }
                    _ => problem,
                };
                match error.field() {
                    Some(field) => problem.field(field, error.to_string()),
                    None => problem,
                }
            }
        }
    }
}

/// Parameters of a walk.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct WalkQuery {
    /// Steps at most; 20 when left out.
    pub depth: Option<i32>,
    /// UIDs of one page at most.
    pub limit: Option<usize>,
    /// Only links that are open now, without what was taken out again.
    pub as_built: bool,
    /// Where the answer before ended: its `next`.
    pub after: Option<String>,
    /// Whether the first page says as well where the walk ends, `sources` or
    /// `destinations`; it does when left out. Of a long walk that is most of the work.
    pub ends: Option<bool>,
}

impl WalkQuery {
    pub(crate) fn ask(self) -> Ask {
        let usual = Ask::default();
        Ask {
            depth: self.depth.unwrap_or(usual.depth),
            limit: self.limit.unwrap_or(usual.limit),
            as_built: self.as_built,
            after: self.after,
            ..usual
        }
    }
}

async fn trace(
    State(state): State<AppState>,
    caller: Caller,
    Path(uid): Path<String>,
    uri: axum::http::Uri,
) -> Result<Json<Trace>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<TraceQuery>(&uri)?;
    let after = asked.after.as_deref();
    Ok(Json(service::trace_after(&state.db, &caller.at(&TRACE_READ), &uid, after, Utc::now()).await?))
}

/// Which page of the events.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct TraceQuery {
    /// Older events: `events_next` of the answer before.
    pub after: Option<String>,
}

async fn backward(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
    uri: axum::http::Uri,
) -> Result<Json<Walk>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    walked(&state, &caller, &genealogy, &uid, Direction::Backward, query(&uri)?).await
}

async fn forward(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
    uri: axum::http::Uri,
) -> Result<Json<Walk>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    walked(&state, &caller, &genealogy, &uid, Direction::Forward, query(&uri)?).await
}

/// Media type of JSON line by line.
const NDJSON: &str = "application/x-ndjson";
/// What the lines are.
const ROWS: &str = "Each line is a JSON object, and `line` says what. The first one is `walk`: where it \
    begins, how many UIDs there are, and to which batch the links are current. Then come `unit`, the nearest \
    first, and after each page of them the `link` lines by which they were reached, with the fields of the \
    answer in pages. The last line is `end` with the count of both: an answer without it was cut off.";

/// Parameters of a walk that is told line by line.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = WalkRowsQuery)]
pub(crate) struct RowsQuery {
    /// Steps at most; as many as there may be when left out.
    #[schema(minimum = 1, maximum = 100, default = 100)]
    pub depth: Option<i32>,
    /// Only links that are open now, without what was taken out again.
    pub as_built: bool,
}

async fn backward_rows(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
    uri: axum::http::Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    told(state, &caller, genealogy, uid, Direction::Backward, query(&uri)?).await
}

async fn forward_rows(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
    uri: axum::http::Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    told(state, &caller, genealogy, uid, Direction::Forward, query(&uri)?).await
}

async fn told(
    state: AppState,
    caller: &Caller,
    genealogy: Genealogy,
    uid: String,
    direction: Direction,
    asked: RowsQuery,
) -> Result<Response, Problem> {
    let depth = asked.depth.unwrap_or(walk::MOST_DEPTH);
    let ask = Ask { depth, as_built: asked.as_built, ..Ask::default() };
    let (db, cx) = (state.db.clone(), caller.at(&TRACE_READ));
    let lines = rows::lines(db, cx, &genealogy, &uid, direction, &ask, Utc::now()).await?;
    Ok(([(CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response())
}

async fn walked(
    state: &AppState,
    caller: &Caller,
    genealogy: &Genealogy,
    uid: &str,
    direction: Direction,
    asked: WalkQuery,
) -> Result<Json<Walk>, Problem> {
    let (cx, now, with_ends) = (caller.at(&TRACE_READ), Utc::now(), asked.ends.unwrap_or(true));
    let ask = asked.ask();
    Ok(Json(if with_ends {
        walk::walk(&state.db, &cx, genealogy, uid, direction, &ask, now).await?
    } else {
        walk::branch(&state.db, &cx, genealogy, uid, direction, &ask, now).await?
    }))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct SearchQuery {
    /// The beginning of a UID, an alias, a supplier's lot or a document's number.
    q: String,
    /// Where the answer before ended: its `next`.
    after: Option<String>,
    /// Results of one page at most.
    limit: Option<usize>,
}

async fn find(
    State(state): State<AppState>,
    caller: Caller,
    uri: axum::http::Uri,
) -> Result<Json<Found>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<SearchQuery>(&uri)?;
    let limit = asked.limit.unwrap_or(50);
    let page = (asked.after.as_deref(), limit);
    Ok(Json(search::search(&state.db, &caller.at(&TRACE_READ), &asked.q, page, Utc::now()).await?))
}

/// All streams of facts, and how current each is.
#[derive(Debug, serde::Serialize, ToSchema)]
struct Agents {
    agents: Vec<AgentView>,
}

async fn agents(State(state): State<AppState>, caller: Caller) -> Result<Json<Agents>, Problem> {
    caller.require_somewhere(&PLANT_READ)?;
    Ok(Json(Agents { agents: service::agents(&state.db, &caller.at(&PLANT_READ), Utc::now()).await? }))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct HoldQuery {
    /// The placed ones when left out.
    status: String,
    /// Where the answer before ended: its `next`.
    after: Option<String>,
    /// Rows of one page at most.
    #[schema(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

async fn list_holds(
    State(state): State<AppState>,
    caller: Caller,
    uri: axum::http::Uri,
) -> Result<Json<HoldPage>, Problem> {
    caller.require_somewhere(&HOLD_READ)?;
    let asked = query::<HoldQuery>(&uri)?;
    let limit = asked.limit.unwrap_or(100);
    Ok(Json(
        holding::list(&state.db, &caller.at(&HOLD_READ), &asked.status, asked.after.as_deref(), limit)
            .await?,
    ))
}

async fn place_hold(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    sent: Result<Json<Wish>, JsonRejection>,
) -> Result<(StatusCode, Json<Held>), Problem> {
    caller.require_somewhere(&HOLD_PLACE)?;
    let (cx, office) = (caller.at(&HOLD_PLACE), (&committed, &genealogy));
    let held = holding::place(&state.db, &cx, office, &json(sent)?, Utc::now()).await?;
    Ok((StatusCode::CREATED, Json(held)))
}

/// Why a hold is released.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = HoldRelease)]
struct Release {
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
    /// Of the hold of a recall in force the number of that recall: said expressly that what is
    /// recalled is set free. Of other holds it says nothing.
    #[schema(max_length = 100)]
    recall: String,
}

async fn release_hold(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    caller: Caller,
    Path(id): Path<uuid::Uuid>,
    headers: HeaderMap,
    sent: Result<Json<Release>, JsonRejection>,
) -> Result<Json<Held>, Problem> {
    caller.require_somewhere(&HOLD_RELEASE)?;
    let why = json_or_default(&headers, sent)?;
    let asked = holding::Release { hold_id: id, reason: &why.reason, recall: &why.recall };
    let cx = caller.at(&HOLD_RELEASE);
    Ok(Json(holding::release(&state.db, &cx, &committed, asked, Utc::now()).await?))
}
