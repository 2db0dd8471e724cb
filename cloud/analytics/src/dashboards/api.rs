//! Dashboards by API.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Extension, Json, Router};
use chrono::Utc;
use platform::openapi::{Operation, group};
use platform::web::routing::{get, put};
use platform::web::{AppState, Caller, IfMatch, Path, Problem, json, query};
use serde::Deserialize;
use utoipa::ToSchema;

use super::ask::{NOT_SAID, Narrow};
use super::drill::{self, Narrowed, Page};
use super::model::{Board, Kpi};
use super::service::{self, Asked, TargetList, View, Wish};
use crate::mirror::Mirrors;
use crate::rights::{DASHBOARD_READ, DASHBOARD_TARGETS};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/dashboards/{board}", get(board))
        .route("/api/v1/kpis/{kpi}/events", get(events))
        .route("/api/v1/kpi-targets", get(targets).merge(put(set_target)))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let waits = |operation: Operation| {
        operation
            .needs(&DASHBOARD_READ)
            .fails(400, "dashboard.days", "The days are not right, or more than ten years.")
            .fails(404, "not_found", "There is no such dashboard, figure or plant.")
            .fails(503, "mirror.building", "The mirror behind the figures is being built; try again.")
            .fails(503, "mirror.aside", "The mirror cannot be built; its operator has to see to it.")
            .fails(503, "mirror.too_long", "The question took too long; ask for fewer days.")
            .fails(503, "mirror.busy", "Too many ask at once; try again.")
            .fails(503, "mirror.elsewhere", "Another process keeps the mirrors.")
    };
    let all = [
        waits(Operation::get("/api/v1/dashboards/{board}", "getDashboard", "A dashboard's figures"))
            .means("board", "executive, plant, production, quality or receiving.")
            .query::<Asked>()
            .answers::<View>(),
        waits(Operation::get("/api/v1/kpis/{kpi}/events", "listKpiEvents", "The events behind a figure"))
            .means("kpi", "A figure, as a dashboard names it; or `records`, of machines.")
            .query::<EventsAsked>()
            .answers::<Page>()
            .fails(400, "query.parameter", "`after` is not the `next` of a page.")
            .fails(400, "dashboard.narrow", "The figure cannot be narrowed by that."),
        Operation::get("/api/v1/kpi-targets", "listKpiTargets", "What figures should be")
            .needs(&DASHBOARD_READ)
            .answers::<TargetList>(),
        Operation::put("/api/v1/kpi-targets", "setKpiTarget", "Sets a target, or takes it away")
            .needs(&DASHBOARD_TARGETS)
            .takes::<Wish>()
            .must_match()
            .ends()
            .fails(422, "dashboard.target", "Fields that are not right; each is named."),
    ];
    group("Dashboards", all)
}

/// Where the list of events begins, besides days and plant.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = KpiEventsAsked)]
pub(super) struct EventsAsked {
    /// Code of a plant; all that one may see, when left out.
    pub plant: String,
    /// As of a dashboard.
    pub period: String,
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
    /// Code of a machine; `-` where none is said.
    pub machine: Option<String>,
    /// Code of a reason, where the figure has reasons; `-` where none is said.
    pub reason: Option<String>,
    /// Name of a reading, of readings beyond limits.
    pub reading: Option<String>,
    /// Code of a supplier, where the figure has suppliers; `-` where none is said.
    pub supplier: Option<String>,
    /// Name of a stage, of what is in work.
    pub stage: Option<String>,
    /// How long it has been in work: `day`, `three_days`, `week` or `older`.
    pub age: Option<String>,
    /// `next` of the page before.
    pub after: String,
}

impl EventsAsked {
    /// Days and plant, what it is narrowed to, and where the page begins. A filter left empty
    /// is none.
    pub fn split(self) -> (Asked, Narrowed, String) {
        let said = |code: Option<String>| code.filter(|code| !code.is_empty());
        let code =
            |code: Option<String>| said(code).map(|code| if code == NOT_SAID { String::new() } else { code });
        let by = Narrow {
            machine: code(self.machine),
            reason: code(self.reason),
            reading: code(self.reading),
            supplier: code(self.supplier),
        };
        (
            Asked { plant: self.plant, period: self.period, from: self.from, to: self.to },
            Narrowed { by, stage: said(self.stage), age: said(self.age) },
            self.after,
        )
    }
}

async fn board(
    State(state): State<AppState>,
    Extension(mirrors): Extension<Mirrors>,
    caller: Caller,
    Path(board): Path<String>,
    uri: Uri,
) -> Result<Json<View>, Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    let board = Board::parse(&board).ok_or_else(Problem::not_found)?;
    let asked = query::<Asked>(&uri)?;
    Ok(Json(service::view(&state, &mirrors, &caller, board, &asked, Utc::now()).await?))
}

async fn events(
    State(state): State<AppState>,
    Extension(mirrors): Extension<Mirrors>,
    caller: Caller,
    Path(kpi): Path<String>,
    uri: Uri,
) -> Result<Json<Page>, Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    let kpi = Kpi::listed(&kpi).ok_or_else(Problem::not_found)?;
    let (asked, narrowed, after) = query::<EventsAsked>(&uri)?.split();
    let of = (kpi, &asked, &narrowed, Some(after.as_str()));
    let page = drill::behind(&state, &mirrors, &caller, of, Utc::now()).await?;
    Ok(Json(page))
}

async fn targets(State(state): State<AppState>, caller: Caller) -> Result<Json<TargetList>, Problem> {
    Ok(Json(service::targets(&state, &caller).await?))
}

async fn set_target(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Json<Wish>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.require_somewhere(&DASHBOARD_TARGETS)?;
    let wish = json(sent)?;
    let if_match = IfMatch::of(&headers);
    match service::set_target(&state, &caller, &wish, if_match.or(wish.version)?).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(problem) if problem.code == "conflict.stale" => Err(if_match.stale()),
        Err(problem) => Err(problem),
    }
}
