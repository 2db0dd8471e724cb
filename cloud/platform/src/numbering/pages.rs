//! Pages of document numbers: what was given out, a series with its periods and
//! leases, and the preview beside a series' form.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::{Datelike, NaiveDate, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::lease::{self, Closing};
use super::list::{self, Asked};
use super::store::{self, Issued, Lease, Overview, Period};
use super::{
    NUMBERING_LEASE, NUMBERING_READ, NUMBERING_VOID, Need, NumberingError, judge, period, skip, void,
};
use crate::i18n::Texts;
use crate::masters::Row;
use crate::web::{AppState, Caller, Path, Permission, Problem, Shell, escaped, form, query};

/// The right to see the master of series; see `masters`.
const SERIES_VIEW: Permission = Permission::read("masters.document_series.view");
/// Most series that the page shows.
const MOST_SERIES: i64 = 500;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/numbering", get(page))
        .route("/numbering/preview", get(preview))
        .route("/numbering/series/{*code}", get(series))
        .route("/numbering/lend/{*code}", post(lend))
        .route("/numbering/skip/{*code}", post(skip_one))
        .route("/numbering/leases/{id}", post(close))
        .route("/numbering/void", post(make_void))
}

fn url(code: &str) -> String {
    escaped(code, b"-_./")
}

/// A kind of document, in the reader's language.
fn said(texts: &Texts, kind: &str) -> String {
    texts.or(&format!("choice-{kind}"), kind)
}

/// Today, where the tenant is.
fn today(caller: &Caller) -> NaiveDate {
    Utc::now().with_timezone(&caller.zone).date_naive()
}

#[derive(Template)]
#[template(path = "numbering/list.html")]
struct ListPage<'a> {
    texts: &'a Texts,
    zone: chrono_tz::Tz,
    asked: &'a Asked,
    series: Vec<(Overview, Option<String>)>,
    numbers: Vec<Issued>,
    next: Option<String>,
    may_void: bool,
    may_define: bool,
}

/// `GET /numbering`
async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&NUMBERING_READ)?;
    let asked = query::<Asked>(&uri)?;
    let today = today(&caller);
    let (series, page) = state
        .db
        .tx(&caller.at(&NUMBERING_READ), async |tx| {
            let mut series = Vec::new();
            for one in store::overview(tx, MOST_SERIES, caller.texts.lang).await? {
                let need = Need::new(&one.kind, &one.company, today).series(&one.series);
                let next = match super::preview(tx, &need).await {
                    Ok(taken) => Some(taken.number),
                    Err(NumberingError::Db(error)) => return Err(error.into()),
                    Err(_) => None,
                };
                series.push((one, next));
            }
            Ok::<_, NumberingError>((series, list::page(tx, &asked).await?))
        })
        .await?;
    let kept = [("series", &asked.series), ("status", &asked.status), ("q", &asked.q)];
    let kept = serde_urlencoded::to_string(kept).unwrap_or_default();
    let next = page.next.map(|next| format!("/numbering?{kept}&after={}", escaped(&next, b"-~")));
    let view = ListPage {
        texts: &caller.texts,
        zone: caller.zone,
        asked: &asked,
        series,
        numbers: page.numbers,
        next,
        may_void: caller.may(&NUMBERING_VOID),
        may_define: caller.may(&Permission::write("masters.document_series.edit")),
    };
    Shell::new(&state, &caller, caller.t("numbering-title"), "/masters")
        .under("/masters", caller.t("masters-title"))
        .page(&headers, &view)
}

#[derive(Template)]
#[template(path = "numbering/series.html")]
struct SeriesPage<'a> {
    texts: &'a Texts,
    zone: chrono_tz::Tz,
    one: Overview,
    next: Option<String>,
    today: NaiveDate,
    periods: Vec<Period>,
    leases: Vec<Lease>,
    may_lend: bool,
    may_void: bool,
}

/// `GET /numbering/series/{code}`
async fn series(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&NUMBERING_READ)?;
    let today = today(&caller);
    let (one, next, periods, leases) = state
        .db
        .tx(&caller.at(&NUMBERING_READ), async |tx| {
            let one =
                store::overview_of(tx, &code, caller.texts.lang).await?.ok_or(NumberingError::NotFound)?;
            let need = Need::new(&one.kind, &one.company, today).series(&one.series);
            let next = super::preview(tx, &need).await.ok().map(|taken| taken.number);
            let periods = store::periods(tx, &code, 24).await?;
            Ok::<_, NumberingError>((one, next, periods, store::leases(tx, &code, 200).await?))
        })
        .await?;
    let view = SeriesPage {
        texts: &caller.texts,
        zone: caller.zone,
        next,
        today,
        periods,
        leases,
        may_lend: caller.may(&NUMBERING_LEASE) && !one.closed,
        may_void: caller.may(&NUMBERING_VOID) && !one.closed,
        one,
    };
    let title = format!("{} · {}", view.one.name, caller.t("numbering-title"));
    Shell::new(&state, &caller, title, "/masters")
        .under("/masters", caller.t("masters-title"))
        .under("/numbering", caller.t("numbering-title"))
        .page(&headers, &view)
}

#[derive(Template)]
#[template(path = "numbering/preview.html")]
struct Preview<'a> {
    texts: &'a Texts,
    /// Numbers, each with what it is.
    numbers: Vec<(String, String)>,
    /// Characters of the longest, and how many are allowed.
    long: usize,
    most: usize,
    wrong: Option<(String, String)>,
}

/// `GET /numbering/preview`: what the series that is being typed would give out.
async fn preview(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    caller.require(&SERIES_VIEW)?;
    let pairs = query::<Vec<(String, String)>>(&uri)?;
    let texts = &caller.texts;
    let row = typed(&pairs);
    let empty = Preview { texts, numbers: Vec::new(), long: 0, most: 0, wrong: None };
    if row.get("pattern").is_none() {
        return Ok(Html(empty.render()?).into_response());
    }
    let pattern = match judge::pattern(&row) {
        Ok(pattern) => pattern,
        Err((_, wrong)) => {
            let wrong = Some((wrong.what(texts), wrong.fix(texts)));
            return Ok(Html(Preview { wrong, ..empty }.render()?).into_response());
        }
    };
    let of = |name: &str| row.get(name).and_then(serde_json::Value::as_i64);
    let starts = u32::try_from(of("year_starts").unwrap_or(4)).unwrap_or(4).clamp(1, 12);
    let reset = period::Reset::parse(row.get("reset").and_then(serde_json::Value::as_str).unwrap_or("year"));
    let today = today(&caller);
    let code = row.get("series").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let from = period::period_from(today, reset, starts);
    let next = state
        .db
        .tx(&caller.at(&SERIES_VIEW), async |tx| match store::series_named(tx, &code, true).await? {
            Some(series) => Ok::<_, NumberingError>(Some(store::upcoming(tx, &series, from).await?)),
            None => Ok(None),
        })
        .await?;
    let first = of("starts_at").unwrap_or(1);
    let mut numbers = Vec::new();
    if let Some(number) = pattern.number(next.unwrap_or(first), today, starts) {
        numbers.push((texts.t("numbering-next"), number));
    }
    let begins = period::year_from(today, starts);
    let later = begins.with_year(begins.year() + 1).unwrap_or(begins);
    let again = if reset == period::Reset::Never { next.unwrap_or(first) + 1 } else { first };
    if let Some(number) = pattern.number(again, later, starts) {
        numbers.push((texts.t("numbering-next-year"), number));
    }
    let long = numbers.iter().map(|(_, number)| number.len()).max().unwrap_or_default();
    let most = pattern.longest();
    Ok(Html(Preview { numbers, long, most, ..empty }.render()?).into_response())
}

/// The row that the inputs of the form say so far.
fn typed(pairs: &[(String, String)]) -> Row {
    let mut row = Row::new();
    for (name, value) in pairs {
        let value = value.trim();
        if value.is_empty() || value.len() > 200 {
            continue;
        }
        let value = match name.as_str() {
            "width" | "starts_at" | "year_starts" => value.parse::<i64>().map(Into::into).unwrap_or_default(),
            "gap_free" | "gst_rule" | "automatic" => (value == "true").into(),
            _ => value.into(),
        };
        row.insert(name.clone(), value);
    }
    row
}

fn to_series(code: &str) -> Response {
    Redirect::to(&format!("/numbering/series/{}", url(code))).into_response()
}

#[derive(Debug, Deserialize)]
struct Lend {
    date: NaiveDate,
    count: i64,
    holder: String,
}

/// `POST /numbering/lend/{code}`
async fn lend(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    body: Result<Form<Lend>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&NUMBERING_LEASE)?;
    let Lend { date, count, holder } = form(body)?;
    let now = Utc::now();
    state.db.tx(&caller.cx, async |tx| lease::lease(tx, &code, date, count, &holder, now).await).await?;
    Ok(to_series(&code))
}

#[derive(Debug, Deserialize)]
struct Skip {
    date: NaiveDate,
    reason: String,
}

/// `POST /numbering/skip/{code}`
async fn skip_one(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    body: Result<Form<Skip>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&NUMBERING_VOID)?;
    let Skip { date, reason } = form(body)?;
    state
        .db
        .tx(&caller.cx, async |tx| {
            let one =
                store::overview_of(tx, &code, caller.texts.lang).await?.ok_or(NumberingError::NotFound)?;
            skip(tx, &Need::new(&one.kind, &one.company, date).series(&code), &reason).await
        })
        .await?;
    Ok(to_series(&code))
}

#[derive(Debug, Deserialize)]
struct Close {
    outcome: String,
    reason: String,
}

/// `POST /numbering/leases/{id}`
async fn close(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    body: Result<Form<Close>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&NUMBERING_LEASE)?;
    let Close { outcome, reason } = form(body)?;
    let closing = if outcome == "burn" { Closing::Burn } else { Closing::Return };
    let code = state
        .db
        .tx(&caller.cx, async |tx| {
            let lease = store::lease_find(tx, id).await?.ok_or(NumberingError::NotFound)?;
            lease::close(tx, id, closing, &reason).await?;
            Ok::<_, NumberingError>(lease.series)
        })
        .await?;
    Ok(to_series(&code))
}

#[derive(Debug, Deserialize)]
struct Void {
    company: String,
    kind: String,
    number: String,
    reason: String,
}

/// `POST /numbering/void`
async fn make_void(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<Form<Void>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&NUMBERING_VOID)?;
    let Void { company, kind, number, reason } = form(body)?;
    state.db.tx(&caller.cx, async |tx| void(tx, &company, &kind, &number, "", &reason).await).await?;
    Ok(Redirect::to(&format!("/numbering?q={}", escaped(&number, b""))).into_response())
}
