//! Pages over all tenants: the list, one, databases, the file for bills.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use super::features::{self, Choice};
use super::tenant_store::{Asked, TenantRow};
use super::tenants::{self, Extend, Give, NewStatus, One};
use super::{AdminCaller, frame};
use crate::db::DbError;
use crate::i18n::Texts;
use crate::plans::service::{self, PlanError};
use crate::plans::store::billing;
use crate::plans::{Bar, COLUMNS, Plan, cells, csv_file};
use crate::tenancy::{self, Database};
use crate::web::list::{Action, Cell, Column, Filter, List, Row, address};
use crate::web::routing::{get, post};
use crate::web::{AppState, Path, Problem, csv_line, form, harmless, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin", get(list))
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

/// A tenant in the list.
fn row(texts: &Texts, row: &TenantRow, now: DateTime<Utc>) -> Row {
    let marked = |marked: bool, key: &str| if marked { texts.t(key) } else { String::new() };
    let trial = row.trial_ends_at.map(|ends| {
        let ends = texts.date(&ends, Tz::UTC);
        texts.t1("admin-trial-until", "date", ends)
    });
    let place = [row.region.clone(), marked(row.wants_own_database, "admin-to-move")];
    let place: Vec<String> = place.into_iter().filter(|part| !part.is_empty()).collect();
    let last = row.last_event_at.map(|at| texts.ago(&at, &now));
    Row::new([
        Cell::text(format!("{} {}", row.code, row.name)),
        Cell::state(status_text(texts, &row.status), status_class(&row.status))
            .under(marked(row.erase_after.is_some(), "admin-to-erase")),
        Cell::text(&row.plan).under(trial.unwrap_or_default()),
        Cell::code(&row.placement).under(place.join(" · ")),
        Cell::text(texts.number(row.people)),
        Cell::text(texts.number(row.plants)),
        Cell::text(texts.number(row.events)),
        Cell::text(crate::plans::bytes(row.stored_bytes)),
        Cell::text(last.unwrap_or_else(|| texts.t("people-never"))),
    ])
    .to(format!("/admin/tenants/{}", row.tenant_id))
}

/// `GET /admin`
async fn list(State(state): State<AppState>, caller: AdminCaller, uri: Uri) -> Result<Response, Problem> {
    let asked = query::<Asked>(&uri)?;
    let now = Utc::now();
    let (rows, next) = tenants::list(&state.db, &asked, now).await?;
    let plans = service::plans(&state.db).await?;
    let texts = &caller.texts;
    let flag = |on: bool| if on { "true" } else { "" };
    let at = |after: &str| {
        let Asked { q, status, plan, erase, to_move, .. } = &asked;
        let of = [("q", q.as_str()), ("status", status.as_str()), ("plan", plan.as_str())];
        let flags = [("erase", flag(*erase)), ("move", flag(*to_move)), ("after", after)];
        address("/admin", &[of, flags].concat())
    };
    let month = now.format("%Y-%m");
    let statuses = ["active", "suspended"].map(|one| (one.to_owned(), status_text(texts, one)));
    let plans = plans.into_iter().map(|plan| (plan.plan, plan.name));
    let view = List::new(texts, "/admin")
        .head(texts.t("admin-tenants"), texts.t("admin-tenants-lead"))
        .actions([Action::to("/admin/tenants/new", texts.t("admin-new")).icon("plus").main()])
        .exports([(format!("/admin/usage.csv?month={month}"), texts.t("admin-usage-file"))])
        .above(Counted { texts }.render()?)
        .search(&asked.q, texts.t("admin-search"))
        .filters([
            Filter::choice("status", texts.t("admin-status"), &asked.status, statuses),
            Filter::choice("plan", texts.t("plan-plan"), &asked.plan, plans),
            Filter::tick("erase", texts.t("admin-to-erase"), asked.erase),
            Filter::tick("move", texts.t("admin-to-move"), asked.to_move),
        ])
        .columns([
            Column::new("admin-tenant"),
            Column::new("admin-status"),
            Column::new("plan-plan"),
            Column::new("admin-placement"),
            Column::new("plan-users").number(),
            Column::new("plan-plants").number(),
            Column::new("plan-events").number(),
            Column::new("plan-storage").number(),
            Column::new("admin-last-event"),
        ])
        .rows(rows.iter().map(|one| row(texts, one, now)))
        .empty(texts.t("admin-tenants-none"))
        .first((!asked.after.is_empty()).then(|| at("")))
        .next(next.map(|after| at(&after)));
    frame::page(&caller, &caller.t("admin-tenants"), "/admin", &view)
}

/// Said above the list of tenants: since when its numbers are.
#[derive(Template)]
#[template(source = "<p class=\"form-hint\">{{ texts.t(\"admin-counted\") }}</p>", ext = "html")]
struct Counted<'a> {
    texts: &'a Texts,
}

// --- one -------------------------------------------------------------------------

/// That a tenant lives elsewhere than its plan wants, and how it is moved.
fn wants_own(texts: &Texts, plan: &str, code: &str) -> String {
    texts.with("admin-wants-own", &[("plan", plan.into()), ("code", code.into())])
}

#[derive(Template)]
#[template(path = "admin/tenant.html")]
struct OnePage<'a> {
    texts: &'a Texts,
    now: DateTime<Utc>,
    zone: Tz,
    one: &'a One,
    plans: &'a [Plan],
    bars: Vec<Bar>,
    choices: Vec<Choice>,
    /// Names of its list that no module here uses.
    unused: Vec<String>,
    error: Option<String>,
    /// Why it is to be shut out, as it was typed.
    reason: &'a str,
}

impl OnePage<'_> {
    /// Somebody said why it is suspended. That a trial has ended is said in the reader's
    /// language instead.
    fn has_reason(&self) -> bool {
        self.one.subscription.suspended_why.as_deref() == Some("admin")
            && !self.one.facts.status_reason.is_empty()
    }
}

async fn show_one(
    state: &AppState,
    caller: &AdminCaller,
    tenant: Uuid,
    error: Option<String>,
    reason: &str,
) -> Result<Response, Problem> {
    let one = tenants::one(&state.db, tenant).await?.ok_or_else(Problem::not_found)?;
    let plans = service::plans(&state.db).await?;
    let plan = plans.iter().find(|plan| plan.plan == one.subscription.plan);
    let limits = plan.map(|plan| plan.limits.clone()).unwrap_or_default();
    let bars = crate::plans::bars(&limits, one.months.first(), &caller.texts);
    let failed = error.is_some();
    let zone = crate::i18n::zone(&one.facts.time_zone);
    let (choices, unused) = features::choices(state, &one.facts.features);
    let (texts, now) = (&caller.texts, Utc::now());
    let view = OnePage { texts, now, zone, one: &one, plans: &plans, bars, choices, unused, error, reason };
    let page = frame::page(caller, &one.facts.name, "/admin", &view)?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, page).into_response() } else { page })
}

/// `GET /admin/tenants/{tenant}`
async fn one(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
) -> Result<Response, Problem> {
    show_one(&state, &caller, tenant, None, "").await
}

/// What was wrong, field by field where that is known.
fn said(caller: &AdminCaller, error: &PlanError) -> String {
    match error {
        PlanError::Invalid(wrong) if !wrong.is_empty() => {
            let told: Vec<String> = wrong.iter().map(|(_, key)| caller.t(key)).collect();
            told.join(" ")
        }
        error => caller.t(error.text_key()),
    }
}

pub(super) async fn done_or_told(
    state: &AppState,
    caller: &AdminCaller,
    tenant: Uuid,
    done: Result<(), PlanError>,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/admin/tenants/{tenant}")).into_response()),
        Err(error @ (PlanError::Db(_) | PlanError::NoTenant)) => Err(error.into()),
        Err(error) => show_one(state, caller, tenant, Some(said(caller, &error)), "").await,
    }
}

async fn give(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    sent: Result<Form<Give>, FormRejection>,
) -> Result<Response, Problem> {
    let done = form(sent)?.act(&state.db, &caller.who, tenant).await;
    done_or_told(&state, &caller, tenant, done).await
}

async fn extend(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    sent: Result<Form<Extend>, FormRejection>,
) -> Result<Response, Problem> {
    let done = form(sent)?.act(&state.db, &caller.who, tenant).await;
    done_or_told(&state, &caller, tenant, done).await
}

/// The form: nobody shuts out a whole organisation by a slip of the hand.
#[derive(Deserialize)]
struct TypedStatus {
    active: bool,
    version: i32,
    #[serde(default)]
    reason: String,
    /// The code of the tenant, typed by whoever shuts it out.
    #[serde(default)]
    confirm: String,
}

async fn set_status(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    sent: Result<Form<TypedStatus>, FormRejection>,
) -> Result<Response, Problem> {
    let TypedStatus { active, version, reason, confirm } = form(sent)?;
    if !active {
        let one = tenants::one(&state.db, tenant).await?.ok_or_else(Problem::not_found)?;
        let code = &one.facts.code;
        if !confirm.trim().eq_ignore_ascii_case(code) {
            let told = caller.texts.t1("admin-suspend-unconfirmed", "code", code);
            return show_one(&state, &caller, tenant, Some(told), &reason).await;
        }
    }
    let done = NewStatus { active, version, reason }.act(&state.db, &caller.who, tenant).await;
    done_or_told(&state, &caller, tenant, done).await
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
