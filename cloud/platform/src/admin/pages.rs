//! Pages over all tenants: the list, one, a new one, databases, the file for bills.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use super::store::{Asked, TenantRow};
use super::tenants::{self, Made, MakeError, One, Typed};
use super::{AdminCaller, frame};
use crate::db::DbError;
use crate::i18n::{Lang, Texts};
use crate::plans::service::{self, Aimed, PlanError};
use crate::plans::store::billing;
use crate::plans::{Bar, COLUMNS, Plan, cells, csv_file};
use crate::tenancy::{self, Database};
use crate::web::{AppState, Problem, csv_line, escaped, form, harmless, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin", get(list))
        .route("/admin/tenants", post(make))
        .route("/admin/tenants/new", get(new))
        .route("/admin/tenants/{tenant}", get(one))
        .route("/admin/tenants/{tenant}/plan", post(give))
        .route("/admin/tenants/{tenant}/trial", post(extend))
        .route("/admin/tenants/{tenant}/status", post(set_status))
        .route("/admin/databases", get(databases))
        .route("/admin/usage.csv", get(usage_file))
}

/// The class of a status.
fn status_class(status: &str) -> &'static str {
    match status {
        "active" => "is-good",
        "suspended" => "is-bad",
        _ => "is-warn",
    }
}

/// The text of a status; other parts add statuses of their own.
fn status_text(texts: &Texts, status: &str) -> String {
    texts.or(&format!("admin-status-{status}"), status)
}

#[derive(Template)]
#[template(path = "admin/tenants.html")]
struct List<'a> {
    texts: &'a Texts,
    now: DateTime<Utc>,
    asked: &'a Asked,
    rows: Vec<TenantRow>,
    plans: Vec<Plan>,
    next: Option<String>,
    month: String,
}

/// `GET /admin`
async fn list(State(state): State<AppState>, caller: AdminCaller, uri: Uri) -> Result<Response, Problem> {
    let asked = query::<Asked>(&uri)?;
    let now = Utc::now();
    let (rows, next) = tenants::list(&state.db, &asked, now).await?;
    let plans = service::plans(&state.db).await?;
    let next = next.map(|after| {
        format!(
            "/admin?q={}&status={}&plan={}&erase={}&after={after}",
            escaped(&asked.q, b""),
            escaped(&asked.status, b""),
            escaped(&asked.plan, b""),
            asked.erase
        )
    });
    let month = now.format("%Y-%m").to_string();
    let view = List { texts: &caller.texts, now, asked: &asked, rows, plans, next, month };
    frame::page(&caller, &caller.t("admin-tenants"), "/admin", &view)
}

// --- one -------------------------------------------------------------------------

#[derive(Template)]
#[template(path = "admin/tenant.html")]
struct OnePage<'a> {
    texts: &'a Texts,
    now: DateTime<Utc>,
    zone: Tz,
    one: &'a One,
    plans: &'a [Plan],
    bars: Vec<Bar>,
    error: Option<String>,
}

async fn show_one(
    state: &AppState,
    caller: &AdminCaller,
    tenant: Uuid,
    error: Option<String>,
) -> Result<Response, Problem> {
    let one = tenants::one(&state.db, tenant).await?.ok_or_else(Problem::not_found)?;
    let plans = service::plans(&state.db).await?;
    let plan = plans.iter().find(|plan| plan.plan == one.subscription.plan);
    let limits = plan.map(|plan| plan.limits.clone()).unwrap_or_default();
    let bars = crate::plans::bars(&limits, one.months.first(), &caller.texts);
    let failed = error.is_some();
    let zone = crate::i18n::zone(&one.facts.time_zone);
    let view = OnePage { texts: &caller.texts, now: Utc::now(), zone, one: &one, plans: &plans, bars, error };
    let page = frame::page(caller, &one.facts.name, "/admin", &view)?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, page).into_response() } else { page })
}

/// `GET /admin/tenants/{tenant}`
async fn one(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
) -> Result<Response, Problem> {
    show_one(&state, &caller, tenant, None).await
}

async fn done_or_told(
    state: &AppState,
    caller: &AdminCaller,
    tenant: Uuid,
    done: Result<(), PlanError>,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/admin/tenants/{tenant}")).into_response()),
        Err(error @ (PlanError::Db(_) | PlanError::NoTenant)) => Err(error.into()),
        Err(error) => show_one(state, caller, tenant, Some(caller.t(error.text_key()))).await,
    }
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
    sent: Result<Form<Give>, FormRejection>,
) -> Result<Response, Problem> {
    let Give { plan, version } = form(sent)?;
    let aimed = Aimed { tenant, version };
    let done = service::plan_give(&state.db, &caller.who, aimed, &plan, Utc::now()).await;
    done_or_told(&state, &caller, tenant, done).await
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
    sent: Result<Form<Extend>, FormRejection>,
) -> Result<Response, Problem> {
    let Extend { days, version } = form(sent)?;
    let aimed = Aimed { tenant, version };
    let done = service::trial_extend(&state.db, &caller.who, aimed, days, Utc::now()).await;
    done_or_told(&state, &caller, tenant, done).await
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
    sent: Result<Form<NewStatus>, FormRejection>,
) -> Result<Response, Problem> {
    let NewStatus { active, version } = form(sent)?;
    let why = (!active).then_some("admin");
    let aimed = Aimed { tenant, version };
    let done = service::suspend(&state.db, &caller.who, aimed, why, Utc::now()).await;
    done_or_told(&state, &caller, tenant, done).await
}

// --- a new one -------------------------------------------------------------------

#[derive(Template)]
#[template(path = "admin/new.html")]
struct NewPage<'a> {
    texts: &'a Texts,
    typed: &'a Typed,
    plans: &'a [Plan],
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
    mails: bool,
    made: Option<(Uuid, Option<String>)>,
}

impl NewPage<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        self.wrong.iter().find(|(name, _)| *name == field).map(|(_, told)| told.as_str())
    }
}

async fn show_new(
    state: &AppState,
    caller: &AdminCaller,
    typed: &Typed,
    (wrong, error): (Vec<(&'static str, String)>, Option<String>),
    made: Option<(Uuid, Option<String>)>,
) -> Result<Response, Problem> {
    let plans: Vec<Plan> =
        service::plans(&state.db).await?.into_iter().filter(|plan| plan.retired_at.is_none()).collect();
    let failed = error.is_some() || !wrong.is_empty();
    let mails = state.mails;
    let view = NewPage { texts: &caller.texts, typed, plans: &plans, wrong, error, mails, made };
    let page = frame::page(caller, &caller.t("admin-new"), "/admin", &view)?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, page).into_response() } else { page })
}

/// `GET /admin/tenants/new`
async fn new(State(state): State<AppState>, caller: AdminCaller) -> Result<Response, Problem> {
    let typed =
        Typed { time_zone: "Asia/Kolkata".into(), language: Lang::En.code().into(), ..Typed::default() };
    show_new(&state, &caller, &typed, (Vec::new(), None), None).await
}

async fn make(
    State(state): State<AppState>,
    caller: AdminCaller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let typed = form(sent)?;
    let done = tenants::make(&state.db, &caller.who, &typed, state.by_mail(), Utc::now()).await;
    match done {
        Ok(Made { tenant, link }) => {
            let shown = (!state.mails).then(|| here(&state, &headers, link.reveal()));
            show_new(&state, &caller, &typed, (Vec::new(), None), Some((tenant, shown))).await
        }
        Err(MakeError::Invalid(wrong)) => {
            let wrong = wrong.into_iter().map(|(field, key)| (field, caller.t(key))).collect();
            show_new(&state, &caller, &typed, (wrong, None), None).await
        }
        Err(MakeError::Db(error) | MakeError::Plan(PlanError::Db(error))) => Err(error.into()),
        Err(MakeError::Plan(error)) => {
            let told = caller.t(error.text_key());
            show_new(&state, &caller, &typed, (Vec::new(), Some(told)), None).await
        }
        Err(MakeError::People(error)) => Err(error.into()),
    }
}

/// The address of a link, as this browser reaches the server.
fn here(state: &AppState, headers: &HeaderMap, link: &str) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if state.secure { "https" } else { "http" };
    format!("{scheme}://{host}/invitation/{link}")
}

// --- databases -------------------------------------------------------------------

#[derive(Template)]
#[template(path = "admin/databases.html")]
struct DatabasesPage<'a> {
    texts: &'a Texts,
    now: DateTime<Utc>,
    rows: Vec<Database>,
    /// The migration that this cloud has.
    newest: i64,
}

/// The class of a database's state.
fn database_class(state: &str) -> &'static str {
    match state {
        "ready" => "is-good",
        "behind" | "away" => "is-bad",
        _ => "is-warn",
    }
}

/// `GET /admin/databases`
async fn databases(State(state): State<AppState>, caller: AdminCaller) -> Result<Response, Problem> {
    let rows = tenancy::databases(&state.db).await?;
    let newest = crate::migrate::version();
    let view = DatabasesPage { texts: &caller.texts, now: Utc::now(), rows, newest };
    frame::page(&caller, &caller.t("admin-databases"), "/admin/databases", &view)
}

// --- bills -----------------------------------------------------------------------

#[derive(Deserialize)]
struct Month {
    month: String,
}

/// `GET /admin/usage.csv?month=2026-11`: what every tenant used.
async fn usage_file(
    State(state): State<AppState>,
    _caller: AdminCaller,
    uri: Uri,
) -> Result<Response, Problem> {
    let Month { month } = query(&uri)?;
    let first = format!("{month}-01").parse::<NaiveDate>().ok().filter(|day| day.year() > 2000);
    let first = first.ok_or_else(|| {
        let detail = "a month such as 2026-11 is expected";
        Problem::bad_request("query.parameter", detail).field("month", detail)
    })?;
    let lines = state.db.system_tx(async |system| Ok::<_, DbError>(billing(system, first).await?)).await?;
    let mut text = csv_line(["tenant", "name", "plan"].into_iter().chain(COLUMNS));
    for line in lines {
        let whose = [line.code, harmless(line.tenant), line.plan];
        text.extend(csv_line(whose.into_iter().chain(cells(&line.usage))));
    }
    Ok(csv_file(text, &format!("usage-{month}.csv")))
}
