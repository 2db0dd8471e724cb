//! The live overview.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Duration, TimeZone, Utc};
use chrono_tz::Tz;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, Shell};

use super::items::Items;
use super::say::{self, Zones};
use super::store::{self, LineRow};
use crate::exceptions::store as exceptions;
use crate::explore::error::TraceError;
use crate::explore::model::AgentView;
use crate::explore::names;
use crate::explore::service::{self, FRESH};
use crate::explore::store::label;
use crate::features::PRODUCTION;
use crate::rights::TRACE_READ;

/// Lines of the stream of events.
const LINES: i64 = 20;

/// How far ahead of now an event may be dated and still be shown: a clock that runs wrong by
/// more would stand above everything that happens.
const AHEAD: Duration = Duration::days(1);

/// An event in one line.
struct Line {
    stage: &'static str,
    action: Option<&'static str>,
    at: DateTime<Utc>,
    plant: String,
    location: String,
    reference: String,
    uid: Option<String>,
    item: String,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    texts: &'a Texts,
    live: String,
    counts: String,
}

#[derive(Template)]
#[template(path = "live.html")]
struct Live<'a> {
    texts: &'a Texts,
    agents: Vec<AgentView>,
    exceptions: Vec<(String, i64)>,
    lines: Vec<Line>,
    items: Items,
    zones: Zones,
    now: DateTime<Utc>,
}

impl Live<'_> {
    /// When something happened, by its plant's clock.
    fn when(&self, line: &Line) -> String {
        when(self.texts, &line.at, &self.now, self.zones.of(&line.plant))
    }
}

/// The time of day, and of another day than today in that zone its date as well. Pure.
fn when(texts: &Texts, at: &DateTime<Utc>, now: &DateTime<Utc>, zone: Tz) -> String {
    let day = |at: &DateTime<Utc>| at.with_timezone(&zone).date_naive();
    if day(at) == day(now) { texts.clock(at, zone) } else { texts.time(at, zone) }
}

#[derive(Template)]
#[template(path = "counts.html")]
struct Counts<'a> {
    texts: &'a Texts,
    /// Plant, and its stages with their numbers.
    plants: Vec<(String, Vec<(&'static str, i64)>)>,
}

/// `GET /`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Where signing in leads: of a tenant without what is shown here, to what there is.
    if caller.without.feature(&PRODUCTION) {
        let first = state.nav.iter().find(|item| item.is_for(&caller));
        return Ok(Redirect::to(first.map_or("/account", |item| item.href)).into_response());
    }
    caller.require_somewhere(&TRACE_READ)?;
    let now = Utc::now();
    let live = render_live(&state, &caller, now).await?;
    let counts = render_counts(&state, &caller, now).await?;
    let shell = Shell::new(&state, &caller, caller.t("trace-home-title"), "/");
    shell.page(&headers, &Home { texts: &caller.texts, live, counts })
}

/// `GET /live`: the part that changes every two seconds.
pub(super) async fn live(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    Ok(Html(render_live(&state, &caller, Utc::now()).await?))
}

/// `GET /live/counts`: the part that costs more, every fifteen.
pub(super) async fn counts(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    Ok(Html(render_counts(&state, &caller, Utc::now()).await?))
}

async fn render_live(state: &AppState, caller: &Caller, now: DateTime<Utc>) -> Result<String, Problem> {
    let mut view = state
        .db
        .tx(&caller.in_focus(&TRACE_READ), async |tx| {
            let tenant = service::own_code(tx).await?;
            let mut agents = label::agents(tx, now - FRESH).await?;
            agents.retain(|agent| agent.kind == "plant");
            let exceptions = exceptions::open_counts(tx).await?;
            let zones = Zones::read(tx, caller.zone).await?;
            let lines = store::latest(tx, LINES, now + AHEAD)
                .await?
                .into_iter()
                .map(|row: LineRow| Line {
                    stage: names::stage(row.stage).as_str_name(),
                    action: names::action_name(row.action),
                    at: row.occurred_at,
                    plant: row.plant,
                    location: row.location,
                    reference: row.reference_number,
                    uid: row.key.map(|key| service::uid_text(tenant, key)),
                    item: row.item,
                })
                .collect();
            let items = Items::default();
            Ok::<_, TraceError>(Live { texts: &caller.texts, agents, exceptions, lines, items, zones, now })
        })
        .await?;
    let codes = view.lines.iter().map(|line| line.item.as_str());
    view.items = Items::read(&state.db, &caller.cx, codes).await?;
    Ok(view.render()?)
}

async fn render_counts(state: &AppState, caller: &Caller, now: DateTime<Utc>) -> Result<String, Problem> {
    let plants = state
        .db
        .tx(&caller.in_focus(&TRACE_READ), async |tx| {
            let mut plants = Vec::new();
            let own = tx.plants().clone();
            for (code, zone) in store::zones(tx).await?.into_iter().filter(|(code, _)| own.has(code)) {
                let zone = platform::i18n::zone(&zone);
                let midnight = now.with_timezone(&zone).date_naive().and_time(chrono::NaiveTime::MIN);
                // A day without a midnight (summer time) begins when it begins.
                let from =
                    zone.from_local_datetime(&midnight).earliest().map_or(now, |at| at.with_timezone(&Utc));
                let counts = store::counts(tx, &code, from).await?;
                let named =
                    counts.into_iter().map(|(stage, n)| (names::stage(stage).as_str_name(), n)).collect();
                plants.push((code, named));
            }
            Ok::<_, TraceError>(plants)
        })
        .await?;
    Ok(Counts { texts: &caller.texts, plants }.render()?)
}

#[cfg(test)]
mod tests {
    use super::super::tests::english;
    use super::*;

    #[test]
    fn what_did_not_happen_today_says_its_date() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (texts, kolkata) = (english(), chrono_tz::Asia::Kolkata);
        // 01:00 of the 21st in Kolkata.
        let now = at("2025-01-20T19:30:00Z");
        let said = |text| when(&texts, &at(text), &now, kolkata);
        assert_eq!(said("2025-01-20T18:30:00Z"), "00:00:00");
        let before = at("2025-01-20T18:29:59Z");
        assert_eq!(said("2025-01-20T18:29:59Z"), texts.time(&before, kolkata));
        assert!(said("2025-01-20T18:29:59Z").ends_with(", 23:59:59"));
        // The same moment is of today where it is still the 20th.
        assert_eq!(when(&texts, &before, &now, Tz::UTC), "18:29:59");
        let after = at("2025-01-21T18:30:00Z");
        assert_eq!(said("2025-01-21T18:30:00Z"), texts.time(&after, kolkata));
    }
}
