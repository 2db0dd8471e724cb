//! How stages kept their times.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::READ;
use super::super::store::report::{self, Kept};
use super::super::view::{self, Titles};
use crate::db::DbError;
use crate::i18n::{Texts, begins};
use crate::web::{AppState, Caller, Problem, Shell, query};

#[derive(Template)]
#[template(path = "workflow/report.html")]
struct Page<'a> {
    texts: &'a Texts,
    from: NaiveDate,
    to: NaiveDate,
    rows: Vec<Kept>,
    titles: Titles,
}

impl Page<'_> {
    /// Of a hundred that were decided or are overdue, how many were in time.
    fn share(&self, row: &Kept) -> Option<i64> {
        share(row)
    }

    fn workflow(&self, row: &Kept) -> String {
        view::title(self.texts, &self.titles, &row.workflow).to_owned()
    }

    fn stage(&self, row: &Kept) -> String {
        row.stage_names.say(self.texts.lang, &row.stage_name).to_owned()
    }

    fn hours(&self, seconds: &Option<i64>) -> String {
        match seconds {
            None => "–".to_owned(),
            Some(seconds) if *seconds < 3600 => self.texts.count("workflow-minutes", (seconds + 59) / 60),
            Some(seconds) => self.texts.count("workflow-hours", (seconds + 1800) / 3600),
        }
    }
}

/// Of a hundred that were decided or are overdue, how many were in time.
pub(super) fn share(row: &Kept) -> Option<i64> {
    let judged = row.in_time + row.late + row.overdue;
    (judged > 0).then(|| row.in_time * 100 / judged)
}

/// Days of a report; empty for the last thirty.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ReportDays)]
pub(in crate::workflow) struct Range {
    /// First day, in the tenant's time zone; left out: thirty days before the last.
    from: String,
    /// Last day, included; left out: today.
    to: String,
}

impl Range {
    /// The first and last day, and the moments at which they begin and end in `zone`.
    ///
    /// # Errors
    /// 400 `query.parameter`.
    pub fn days(
        &self,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<(NaiveDate, NaiveDate, DateTime<Utc>, DateTime<Utc>), Problem> {
        let day = |text: &str| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| {
                let text = text.to_owned();
                Problem::bad_request("query.parameter", format!("{text} is no day such as 2026-11-26"))
                    .told_by(move |texts| texts.t1("error-no-day", "text", &text))
            })
        };
        let to = if self.to.is_empty() { now.with_timezone(&zone).date_naive() } else { day(&self.to)? };
        let from = if self.from.is_empty() {
            to.checked_sub_days(Days::new(30)).unwrap_or(to)
        } else {
            day(&self.from)?
        };
        let after = to.checked_add_days(Days::new(1)).and_then(|day| begins(day, zone));
        let (Some(begin), Some(end)) = (begins(from, zone), after) else {
            return Err(Problem::bad_request("query.parameter", "the day is out of range")
                .told_by(|texts| texts.t("error-day-range")));
        };
        Ok((from, to, begin, end))
    }
}

/// `GET /approvals/report`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&READ)?;
    let now = Utc::now();
    let (from, to, begin, end) = query::<Range>(&uri)?.days(caller.zone, now)?;
    let (rows, titles) = state
        .db
        .tx(&caller.at(&READ), async |tx| {
            let rows = report::kept(tx, begin, end, now).await?;
            let titles = view::titles(tx, rows.iter().map(|row| &row.workflow)).await?;
            Ok::<_, DbError>((rows, titles))
        })
        .await?;
    let view = Page { texts: &caller.texts, from, to, rows, titles };
    Shell::new(&state, &caller, caller.t("workflow-report-title"), "/approvals")
        .under("/approvals", caller.t("workflow-inbox-title"))
        .page(&headers, &view)
}
