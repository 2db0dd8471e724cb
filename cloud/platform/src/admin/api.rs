//! The API of super-administrators, for keys that `cloud admin key` makes.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use chrono::{NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::AdminCaller;
use super::answers::{
    Billed, Databases, Erasures, Log, MadeTenant, Month, OneErasure, OneTenant, Plans, Tenants,
};
use super::audit_pages::{self, Asked as AskedLog};
use super::configured_api;
use super::erasure_pages::{self, Asked as AskedErasures};
use super::making::{self, Made, MakeError, Typed};
use super::tenant_store::Asked;
use super::tenants::{self, Extend, Give, NewStatus};
use crate::db::DbError;
use crate::plans::service::{self, PlanError};
use crate::plans::store::billing;
use crate::plans::{Limits, Plan};
use crate::tenancy;
use crate::web::routing::{get, post, put};
use crate::web::{AppState, FieldError, IfMatch, Path, Problem, etag, json, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin/api/tenants", get(list).merge(post(make)))
        .route("/admin/api/tenants/configured", post(configured_api::make))
        .route("/admin/api/tenants/{tenant}", get(one))
        .route("/admin/api/tenants/{tenant}/plan", post(give))
        .route("/admin/api/tenants/{tenant}/trial", post(extend))
        .route("/admin/api/tenants/{tenant}/status", post(set_status))
        .route("/admin/api/plans", get(plans).merge(post(make_plan)))
        .route("/admin/api/plans/{plan}", get(plan).merge(put(change_plan)))
        .route("/admin/api/databases", get(databases))
        .route("/admin/api/erasures", get(erasures))
        .route("/admin/api/erasures/{erasure}", get(erasure))
        .route("/admin/api/usage", get(usage))
        .route("/admin/api/audit", get(log))
}

/// `GET /admin/api/tenants?q=&status=&plan=&erase=&move=&after=`
async fn list(
    State(state): State<AppState>,
    _caller: AdminCaller,
    uri: Uri,
) -> Result<Json<Tenants>, Problem> {
    let asked = query::<Asked>(&uri)?;
    let (tenants, next) = tenants::list(&state.db, &asked, Utc::now()).await?;
    Ok(Json(Tenants { tenants, next }))
}

/// `GET /admin/api/tenants/{tenant}`
async fn one(
    State(state): State<AppState>,
    _caller: AdminCaller,
    Path(tenant): Path<Uuid>,
) -> Result<Json<OneTenant>, Problem> {
    let one = tenants::one(&state.db, tenant).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(one.into()))
}

/// Every field that is not right, in the language that the program asks for.
fn invalid(caller: &AdminCaller, code: &'static str, wrong: Vec<(&'static str, &'static str)>) -> Problem {
    let told = |(field, key): (&'static str, &'static str)| FieldError::from((field, caller.t(key)));
    Problem::invalid(code, wrong.into_iter().map(told).collect())
}

fn refused(caller: &AdminCaller, error: PlanError) -> Problem {
    match error {
        PlanError::Invalid(wrong) => invalid(caller, "plan.invalid", wrong),
        error => error.into(),
    }
}

/// `POST /admin/api/tenants`: makes one, with its first administrator. `invitation` is the
/// link for that person where no mail can be sent, told this once.
async fn make(
    State(state): State<AppState>,
    caller: AdminCaller,
    sent: Result<Json<Typed>, JsonRejection>,
) -> Result<Response, Problem> {
    let typed = json(sent)?;
    let done = making::make(&state.db, &caller.who, &typed, None, state.by_mail(), Utc::now()).await;
    made(&state, &caller, done)
}

/// The answer about a tenant that was to be made.
pub(super) fn made(
    state: &AppState,
    caller: &AdminCaller,
    done: Result<Made, MakeError>,
) -> Result<Response, Problem> {
    let Made { tenant, link } = done.map_err(|error| match error {
        MakeError::Invalid(wrong) => invalid(caller, "tenant.invalid", wrong),
        MakeError::Plan(error) => refused(caller, error),
        MakeError::People(error) => error.into(),
        MakeError::Db(error) => error.into(),
    })?;
    let invitation = (!state.mails).then(|| format!("{}/invitation/{}", state.public_url, link.reveal()));
    let at = [(header::LOCATION, format!("/admin/api/tenants/{tenant}"))];
    Ok((StatusCode::CREATED, at, Json(MadeTenant { tenant_id: tenant, invitation })).into_response())
}

async fn give(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    sent: Result<Json<Give>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let done = json(sent)?.act(&state.db, &caller.who, tenant).await;
    done.map_err(|error| refused(&caller, error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn extend(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    sent: Result<Json<Extend>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let done = json(sent)?.act(&state.db, &caller.who, tenant).await;
    done.map_err(|error| refused(&caller, error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_status(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    sent: Result<Json<NewStatus>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let done = json(sent)?.act(&state.db, &caller.who, tenant).await;
    done.map_err(|error| refused(&caller, error))?;
    Ok(StatusCode::NO_CONTENT)
}

// --- plans -----------------------------------------------------------------------

/// A plan as it is to be: the whole of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AdminNewPlan)]
pub(super) struct NewPlan {
    plan: String,
    name: String,
    users: Option<i32>,
    plants: Option<i32>,
    events_month: Option<i64>,
    storage_bytes: Option<i64>,
    trial_days: Option<i32>,
    features: Vec<String>,
    /// The shared database, when left out.
    placement: Option<String>,
    /// Administrators of its tenants must have a second step of sign-in; when left out, they
    /// must by a new plan, and as before by one that is there.
    admins_second_step: Option<bool>,
    contact: String,
    is_default: bool,
    retired: bool,
    /// That was seen; or in `If-Match`.
    version: Option<i32>,
}

impl NewPlan {
    fn plan(self, version: i32, known: Option<&Plan>) -> Plan {
        let usual = known.is_none_or(|known| known.admins_second_step);
        Plan {
            plan: self.plan,
            name: self.name,
            limits: Limits {
                users: self.users,
                plants: self.plants,
                events_month: self.events_month,
                storage_bytes: self.storage_bytes,
            },
            trial_days: self.trial_days,
            features: self.features,
            placement: self.placement.unwrap_or_else(|| "shared".to_owned()),
            admins_second_step: self.admins_second_step.unwrap_or(usual),
            contact: self.contact,
            is_default: self.is_default,
            retired_at: self.retired.then(Utc::now),
            version,
        }
    }
}

/// `GET /admin/api/plans`
async fn plans(State(state): State<AppState>, _caller: AdminCaller) -> Result<Json<Plans>, Problem> {
    Ok(Json(Plans { plans: service::plans(&state.db).await? }))
}

async fn find_plan(state: &AppState, code: &str) -> Result<Plan, Problem> {
    let plans = service::plans(&state.db).await?;
    plans.into_iter().find(|plan| plan.plan == code).ok_or_else(Problem::not_found)
}

/// `GET /admin/api/plans/{plan}`
async fn plan(
    State(state): State<AppState>,
    _caller: AdminCaller,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let plan = find_plan(&state, &code).await?;
    Ok(([etag(plan.version)], Json(plan)).into_response())
}

/// `POST /admin/api/plans`
async fn make_plan(
    State(state): State<AppState>,
    caller: AdminCaller,
    sent: Result<Json<NewPlan>, JsonRejection>,
) -> Result<Response, Problem> {
    let plan = json(sent)?.plan(0, None);
    let done = service::plan_save(&state.db, &caller.who, &plan, Utc::now()).await;
    done.map_err(|error| refused(&caller, error))?;
    let made = find_plan(&state, &plan.plan).await?;
    let at = [(header::LOCATION, format!("/admin/api/plans/{}", made.plan))];
    Ok((StatusCode::CREATED, at, [etag(made.version)], Json(made)).into_response())
}

/// `PUT /admin/api/plans/{plan}`: it holds at once for every tenant of the plan.
async fn change_plan(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(code): Path<String>,
    headers: HeaderMap,
    sent: Result<Json<NewPlan>, JsonRejection>,
) -> Result<Response, Problem> {
    let sent = json(sent)?;
    let match_ = IfMatch::of(&headers);
    let seen = match_.or(sent.version)?;
    let known = find_plan(&state, &code).await?;
    // A plan that is there has a version; 0 would make one.
    let version = seen.unwrap_or(known.version).max(1);
    let plan = Plan { plan: code.clone(), ..sent.plan(version, Some(&known)) };
    match service::plan_save(&state.db, &caller.who, &plan, Utc::now()).await {
        Err(PlanError::Stale) => return Err(match_.stale()),
        done => done.map_err(|error| refused(&caller, error))?,
    }
    let saved = find_plan(&state, &code).await?;
    Ok(([etag(saved.version)], Json(saved)).into_response())
}

/// `GET /admin/api/databases`
async fn databases(State(state): State<AppState>, _caller: AdminCaller) -> Result<Json<Databases>, Problem> {
    let databases = tenancy::databases(&state.db).await?;
    Ok(Json(Databases { schema_version: crate::migrate::version(), databases }))
}

#[derive(Deserialize)]
struct AskedMonth {
    month: String,
}

/// `GET /admin/api/usage?month=2026-11`
async fn usage(
    State(state): State<AppState>,
    _caller: AdminCaller,
    uri: Uri,
) -> Result<Json<Month>, Problem> {
    let AskedMonth { month } = query(&uri)?;
    let first = format!("{month}-01").parse::<NaiveDate>().map_err(|_| {
        let detail = "a month such as 2026-11 is expected";
        Problem::bad_request("query.parameter", detail).field("month", detail)
    })?;
    let lines = state.db.system_tx(async |system| Ok::<_, DbError>(billing(system, first).await?)).await?;
    let tenants = lines
        .into_iter()
        .map(|line| Billed { tenant: line.code, name: line.tenant, plan: line.plan, usage: line.usage })
        .collect();
    Ok(Json(Month { month, tenants }))
}

/// `GET /admin/api/audit?actor=&subject=&acts=&before=`
async fn log(State(state): State<AppState>, _caller: AdminCaller, uri: Uri) -> Result<Json<Log>, Problem> {
    let asked = query::<AskedLog>(&uri)?;
    let (entries, next) = audit_pages::rows(&state, &asked).await?;
    Ok(Json(Log { entries, next }))
}

/// `GET /admin/api/erasures?before=`
async fn erasures(
    State(state): State<AppState>,
    _caller: AdminCaller,
    uri: Uri,
) -> Result<Json<Erasures>, Problem> {
    let (erasures, next) = erasure_pages::rows(&state.db, &query::<AskedErasures>(&uri)?).await?;
    Ok(Json(Erasures { erasures, next }))
}

/// `GET /admin/api/erasures/{erasure}`
async fn erasure(
    State(state): State<AppState>,
    _caller: AdminCaller,
    Path(id): Path<Uuid>,
) -> Result<Json<OneErasure>, Problem> {
    let (found, certificate) = erasure_pages::find(&state.db, id).await?;
    let tables = found.stated().map(|stated| stated.tables).unwrap_or_default();
    Ok(Json(OneErasure { erasure: (&found).into(), tables, certificate }))
}
