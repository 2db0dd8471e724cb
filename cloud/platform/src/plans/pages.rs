//! The page "Plan and usage" of a tenant's administrators, and its file.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use chrono_tz::Tz;

use super::model::{Feature, Held, Limits, bytes, percent};
use super::store::{self, Usage};
use super::{PLAN_READ, service};
use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::routing::get;
use crate::web::{AppState, Caller, Problem, Shell, csv_line};

/// Months that are shown.
pub(super) const MONTHS: i64 = 13;

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/plan", get(page)).route("/plan/usage.csv", get(file))
}

/// One line of what is used.
pub(crate) struct Bar {
    /// The key of its text.
    pub text: &'static str,
    /// For people.
    pub used: String,
    /// For people; `None` without a limit.
    pub allowed: Option<String>,
    /// Percent, at most 100 for drawing.
    pub percent: Option<i64>,
}

impl Bar {
    fn of(text: &'static str, used: i64, allowed: Option<i64>, shown: impl Fn(i64) -> String) -> Self {
        Self { text, used: shown(used), allowed: allowed.map(&shown), percent: percent(used, allowed) }
    }

    /// Percent as drawn.
    pub fn drawn(&self) -> i64 {
        self.percent.unwrap_or_default().min(100)
    }

    /// The class of its state.
    pub fn class(&self) -> &'static str {
        match self.percent {
            Some(100..) => "is-bad",
            Some(80..) => "is-warn",
            _ => "is-good",
        }
    }
}

/// What is used of a plan, as it stands.
pub(crate) struct Standing {
    /// The plan.
    pub held: Held,
    /// Months, newest first.
    pub months: Vec<Usage>,
    /// People and plants now.
    pub people: i64,
    /// Plants now.
    pub plants: i64,
}

impl Standing {
    /// Lines to draw; people and plants as they are now.
    fn bars(&self, texts: &Texts) -> Vec<Bar> {
        draw(&self.held.limits, self.months.first(), (self.people, self.plants), texts)
    }
}

fn draw(limits: &Limits, latest: Option<&Usage>, (people, plants): (i64, i64), texts: &Texts) -> Vec<Bar> {
    let number = |count: i64| texts.number(count);
    let events = latest.map_or(0, |usage| usage.events);
    let stored = latest.map_or(0, |usage| usage.stored_bytes);
    vec![
        Bar::of("plan-users", people, limits.users.map(i64::from), number),
        Bar::of("plan-plants", plants, limits.plants.map(i64::from), number),
        Bar::of("plan-events", events, limits.events_month, number),
        Bar::of("plan-storage", stored, limits.storage_bytes, bytes),
    ]
}

/// Lines to draw of a tenant as it was counted last.
pub(crate) fn bars(limits: &Limits, latest: Option<&Usage>, texts: &Texts) -> Vec<Bar> {
    let counted = latest.map_or((0, 0), |usage| (i64::from(usage.people), i64::from(usage.plants)));
    draw(limits, latest, counted, texts)
}

/// How the caller's tenant stands.
pub(super) async fn standing(state: &AppState, caller: &Caller) -> Result<Standing, DbError> {
    let tenant = caller.cx.tenant;
    let held = service::sync(&state.db, tenant).await?;
    let (people, plants) = state
        .db
        .tx(&caller.cx, async |tx| Ok::<_, DbError>((store::people(tx).await?, store::plants(tx).await?)))
        .await?;
    let months = state
        .db
        .system_tx(async |system| Ok::<_, DbError>(store::usage(system, tenant, MONTHS).await?))
        .await?;
    Ok(Standing { held, months, people, plants })
}

#[derive(Template)]
#[template(path = "plans/plan.html")]
struct Page<'a> {
    texts: &'a Texts,
    zone: Tz,
    standing: &'a Standing,
    bars: Vec<Bar>,
}

/// A month for people: `Nov 2026`.
pub(crate) fn month_name(texts: &Texts, month: &chrono::NaiveDate) -> String {
    use chrono::Datelike;
    format!("{} {}", texts.t(&format!("month-{}", month.month())), month.year())
}

/// `GET /plan`
async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&PLAN_READ)?;
    let standing = standing(&state, &caller).await?;
    let bars = standing.bars(&caller.texts);
    let shell = Shell::new(&state, &caller, caller.t("plan-title"), "/plan");
    shell.page(&headers, &Page { texts: &caller.texts, zone: caller.zone, standing: &standing, bars })
}

/// `GET /plan/usage.csv`: the months that are kept.
async fn file(State(state): State<AppState>, caller: Caller) -> Result<Response, Problem> {
    caller.require(&PLAN_READ)?;
    let tenant = caller.cx.tenant;
    let months =
        state.db.system_tx(async |system| Ok::<_, DbError>(store::usage(system, tenant, 120).await?)).await?;
    let mut text = csv_line(COLUMNS);
    text.extend(months.iter().flat_map(|usage| csv_line(cells(usage))));
    Ok(csv_file(text, "usage.csv"))
}

/// Names of the cells of a month.
pub(crate) const COLUMNS: [&str; 7] =
    ["month", "events", "people", "active_people", "plants", "stored_bytes", "api_calls"];

/// A month as cells.
pub(crate) fn cells(usage: &Usage) -> [String; 7] {
    [
        usage.month.format("%Y-%m").to_string(),
        usage.events.to_string(),
        usage.people.to_string(),
        usage.active_people.to_string(),
        usage.plants.to_string(),
        usage.stored_bytes.to_string(),
        usage.api_calls.to_string(),
    ]
}

/// A CSV file to be kept.
pub(crate) fn csv_file(text: Vec<u8>, name: &str) -> Response {
    let kind = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (kind, text).into_response()
}
