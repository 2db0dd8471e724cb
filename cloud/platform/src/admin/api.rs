//! The API of super-administrators, for keys that `cloud admin key` makes.

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{NaiveDate, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::audit_pages::{self, Asked as AskedLog};
use super::store::Asked;
use super::{AdminCaller, tenants};
use crate::db::DbError;
use crate::plans::service::{self, Aimed};
use crate::plans::store::billing;
use crate::web::{AppState, Problem, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin/api/tenants", get(list))
        .route("/admin/api/tenants/{tenant}", get(one))
        .route("/admin/api/tenants/{tenant}/plan", post(give))
        .route("/admin/api/tenants/{tenant}/trial", post(extend))
        .route("/admin/api/tenants/{tenant}/status", post(set_status))
        .route("/admin/api/plans", get(plans))
        .route("/admin/api/usage", get(usage))
        .route("/admin/api/audit", get(log))
}

/// `GET /admin/api/tenants?q=&status=&plan=&erase=&after=`
async fn list(State(state): State<AppState>, _caller: AdminCaller, uri: Uri) -> Result<Json<Value>, Problem> {
    let asked = query::<Asked>(&uri)?;
    let (rows, next) = tenants::list(&state.db, &asked, Utc::now()).await?;
    Ok(Json(json!({ "tenants": rows, "next": next })))
}

/// `GET /admin/api/tenants/{tenant}`
async fn one(
    State(state): State<AppState>,
    _caller: AdminCaller,
    Path(tenant): Path<Uuid>,
) -> Result<Json<Value>, Problem> {
    let one = tenants::one(&state.db, tenant).await?.ok_or_else(Problem::not_found)?;
    let it = &one.subscription;
    Ok(Json(json!({
        "tenant": one.facts,
        "plan": it.plan,
        "trial_ends_at": it.trial_ends_at,
        "suspended_at": it.suspended_at,
        "suspended_why": it.suspended_why,
        "erase_after": it.erase_after,
        "version": it.version,
        "usage": one.months,
        "agents": one.agents,
    })))
}

fn body<T>(sent: Result<Json<T>, axum::extract::rejection::JsonRejection>) -> Result<T, Problem> {
    let Json(value) = sent.map_err(|error| Problem::bad_request("request.invalid", error.body_text()))?;
    Ok(value)
}

#[derive(Deserialize)]
struct Give {
    plan: String,
    version: i32,
}

async fn give(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    sent: Result<Json<Give>, axum::extract::rejection::JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Give { plan, version } = body(sent)?;
    service::plan_give(&state.db, &caller.who, Aimed { tenant, version }, &plan, Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Extend {
    days: i64,
    version: i32,
}

async fn extend(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    sent: Result<Json<Extend>, axum::extract::rejection::JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Extend { days, version } = body(sent)?;
    service::trial_extend(&state.db, &caller.who, Aimed { tenant, version }, days, Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct NewStatus {
    active: bool,
    version: i32,
}

async fn set_status(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    sent: Result<Json<NewStatus>, axum::extract::rejection::JsonRejection>,
) -> Result<StatusCode, Problem> {
    let NewStatus { active, version } = body(sent)?;
    let why = (!active).then_some("admin");
    service::suspend(&state.db, &caller.who, Aimed { tenant, version }, why, Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /admin/api/plans`
async fn plans(State(state): State<AppState>, _caller: AdminCaller) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "plans": service::plans(&state.db).await? })))
}

#[derive(Deserialize)]
struct Month {
    month: String,
}

/// `GET /admin/api/usage?month=2026-11`
async fn usage(
    State(state): State<AppState>,
    _caller: AdminCaller,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let Month { month } = query(&uri)?;
    let first = format!("{month}-01").parse::<NaiveDate>().map_err(|_| {
        let detail = "a month such as 2026-11 is expected";
        Problem::bad_request("query.parameter", detail).field("month", detail)
    })?;
    let lines = state.db.system_tx(async |system| Ok::<_, DbError>(billing(system, first).await?)).await?;
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| json!({ "tenant": line.code, "name": line.tenant, "plan": line.plan, "usage": line.usage }))
        .collect();
    Ok(Json(json!({ "month": month, "tenants": lines })))
}

/// `GET /admin/api/audit?actor=&subject=&acts=&before=`
async fn log(State(state): State<AppState>, _caller: AdminCaller, uri: Uri) -> Result<Json<Value>, Problem> {
    let asked = query::<AskedLog>(&uri)?;
    let (rows, next) = audit_pages::rows(&state, &asked).await?;
    Ok(Json(json!({ "entries": rows, "next": next })))
}
