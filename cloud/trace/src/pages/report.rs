//! The whole report of a unit: a page to be read and printed, and files to be kept.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::Utc;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Path, Problem, Shell};

use super::say::{self, Zones};
use super::words::{Codes, Words};
use crate::explore::api_places::{file, printed, spreadsheet};
use crate::explore::error::TraceError;
use crate::explore::model::{Walk, WalkNode};
use crate::explore::report::{Report, report_in};
use crate::genealogy::Genealogy;
use crate::rights::TRACE_READ;

/// Nodes of each direction that the page of a report shows; its files hold all.
const SHOWN: usize = 500;
/// Entries of a list where a walk ends, on that page.
const SHOWN_ENDS: usize = 500;

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage<'a> {
    texts: &'a Texts,
    zones: Zones,
    words: Words,
    report: Report,
    shown: usize,
}

impl ReportPage<'_> {
    /// Both directions.
    fn walks(&self) -> [&Walk; 2] {
        [&self.report.backward, &self.report.forward]
    }

    /// In which state one of a walk is.
    fn states(&self, node: &WalkNode) -> String {
        say::states(self.texts, (node.life, node.quality, node.custody), !node.holds.is_empty())
    }

    /// The nodes that are shown.
    fn first<'b>(&self, walk: &'b Walk) -> &'b [WalkNode] {
        walk.nodes.get(..self.shown).unwrap_or(&walk.nodes)
    }

    /// Whether there are more.
    fn more(&self, walk: &Walk) -> bool {
        walk.nodes.len() > self.shown
    }
}

async fn made(
    state: &AppState,
    genealogy: &Genealogy,
    caller: &Caller,
    uid: &str,
) -> Result<(Report, Zones), Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    state
        .db
        .tx(&caller.at(&TRACE_READ), async |tx| {
            Ok::<_, TraceError>((
                report_in(tx, genealogy, uid, Utc::now()).await?,
                Zones::read(tx, caller.zone).await?,
            ))
        })
        .await
        .map_err(|error| say::problem(&caller.texts, error))
}

/// `GET /trace/{uid}/report`: to be read and printed.
pub(super) async fn page(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    Path(uid): Path<String>,
) -> Result<Response, Problem> {
    let (mut report, zones) = made(&state, &genealogy, &caller, &uid).await?;
    // A browser gets no list of thousands: the files have them.
    if let Some(found) = &mut report.backward.sources {
        found.shorten(SHOWN_ENDS);
    }
    if let Some(found) = &mut report.forward.destinations {
        found.shorten(SHOWN_ENDS);
    }
    let title = report.trace.uid.clone();
    let words = Words::read(&state, &caller, &Codes::of_report(&report)).await?;
    let view = ReportPage { texts: &caller.texts, zones, words, report, shown: SHOWN };
    Shell::new(&state, &caller, title.clone(), "/trace")
        .under("/trace", caller.t("trace-search-title"))
        .under(format!("/trace/{title}"), title)
        .page(&headers, &view)
}

/// `GET /trace/{uid}/report.xlsx`
pub(super) async fn xlsx(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
) -> Result<Response, Problem> {
    let (report, _) = made(&state, &genealogy, &caller, &uid).await?;
    spreadsheet(&state, &caller, report).await
}

/// `GET /trace/{uid}/report.pdf`
pub(super) async fn pdf(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
) -> Result<Response, Problem> {
    let (report, zones) = made(&state, &genealogy, &caller, &uid).await?;
    printed(&state, &caller, &report, &zones).await
}

/// `GET /trace/{uid}/report.json`
pub(super) async fn json(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
) -> Result<Response, Problem> {
    let (report, _) = made(&state, &genealogy, &caller, &uid).await?;
    let bytes = serde_json::to_vec(&report).map_err(Problem::internal)?;
    Ok(file("application/json", &format!("{}.json", report.trace.uid), bytes))
}
