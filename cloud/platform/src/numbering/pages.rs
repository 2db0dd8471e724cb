//! Pages of document numbers: what was given out, a series with its periods and
//! leases, and the preview beside a series' form.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{Datelike, NaiveDate, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::lease::{self, Closing, MOST_LENT};
use super::list::{self, Asked};
use super::lists::{self, said, url};
use super::store::{self, Overview};
use super::{
    NUMBERING_LEASE, NUMBERING_READ, NUMBERING_VOID, Need, NumberingError, judge, period, skip, void,
};
use crate::i18n::{Texts, plain_number};
use crate::masters::Row;
use crate::web::fields::{Fields, Input};
use crate::web::list::{List, address};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Permission, Problem, Shell, escaped, form, kept, query};

/// The right to see the master of series; see `masters`.
const SERIES_VIEW: Permission = Permission::read("masters.document_series.view");
/// Where it is.
pub(super) const PATH: &str = "/numbering";
/// Most series that there are for the page.
const MOST_SERIES: i64 = 2000;
/// Series of one page.
const SERIES: usize = 50;
/// Leases of one page.
const LEASES: usize = 50;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(PATH, get(page))
        .route("/numbering/preview", get(preview))
        .route("/numbering/series/{*code}", get(series))
        .route("/numbering/lend/{*code}", post(lend))
        .route("/numbering/skip/{*code}", post(skip_one))
        .route("/numbering/leases/{id}", post(close))
        .route("/numbering/void", post(make_void))
}

/// Today, where the tenant is.
fn today(caller: &Caller) -> NaiveDate {
    Utc::now().with_timezone(&caller.zone).date_naive()
}

#[derive(Template)]
#[template(path = "numbering/list.html")]
struct ListPage<'a> {
    texts: &'a Texts,
    series: List<'a>,
    numbers: List<'a>,
}

/// Where one is in the list of series, beside that of numbers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shown {
    /// The code behind which it begins.
    from: String,
}

/// `GET /numbering`
async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&NUMBERING_READ)?;
    let (asked, Shown { from }) = (query::<Asked>(&uri)?, query::<Shown>(&uri)?);
    let today = today(&caller);
    let (all, shown, more, page) = state
        .db
        .tx(&caller.at(&NUMBERING_READ), async |tx| {
            let all = store::overview(tx, MOST_SERIES, caller.texts.lang).await?;
            // By its place: how the database sorts codes is its own affair.
            let begins = all.iter().position(|one| one.series == from).map_or(0, |at| at + 1);
            let here = all.iter().skip(begins).take(SERIES);
            let codes: Vec<String> = here.clone().map(|one| one.series.clone()).collect();
            let standing = store::series_standing(tx, &codes).await?.into_iter();
            let mut standing: HashMap<_, _> = standing.map(|one| (one.series.clone(), one)).collect();
            let mut shown = Vec::new();
            for one in here {
                let next = match standing.remove(&one.series) {
                    Some(series) => match super::upcoming(tx, series, today).await {
                        Ok(taken) => Some(taken.number),
                        Err(NumberingError::Db(error)) => return Err(error.into()),
                        Err(_) => None,
                    },
                    None => None,
                };
                shown.push((one.clone(), next));
            }
            let more = all.len() > begins + SERIES;
            Ok::<_, NumberingError>((all, shown, more, list::page(tx, &asked).await?))
        })
        .await?;
    let texts = &caller.texts;
    let may_define = caller.may(&Permission::write("masters.document_series.edit"));
    let codes: Vec<String> = all.into_iter().map(|one| one.series).collect();
    let view = ListPage {
        texts,
        series: lists::series(texts, &shown, may_define)
            .first((!from.is_empty()).then(|| PATH.to_owned()))
            .next(shown.last().filter(|_| more).map(|(last, _)| address(PATH, &[("from", &last.series)]))),
        numbers: lists::numbers(&caller, &asked, &page, codes)?,
    };
    Shell::new(&state, &caller, caller.t("numbering-title"), "/masters")
        .under("/masters", caller.t("masters-title"))
        .page(&headers, &view)
}

#[derive(Template)]
#[template(path = "numbering/series.html")]
struct SeriesPage<'a> {
    texts: &'a Texts,
    one: Overview,
    next: Option<String>,
    today: NaiveDate,
    periods: List<'a>,
    leases: List<'a>,
    may_void: bool,
    /// The form that lends numbers, for who may.
    lend: Option<Fields<'a>>,
}

/// Where one is in the list of a series' leases.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Behind {
    after: String,
}

impl Behind {
    fn place(&self) -> Result<Option<store::Place>, Problem> {
        if self.after.is_empty() {
            return Ok(None);
        }
        let mut parts = self.after.splitn(3, '~');
        let mut part = || parts.next().unwrap_or_default();
        let (from, first, id) = (part(), part(), part());
        let place = from.parse().ok().zip(first.parse().ok()).zip(id.parse().ok());
        let place = place.map(|((from, first), id)| (from, first, id));
        place.map(Some).ok_or_else(|| NumberingError::Parameter("after").into())
    }
}

/// `GET /numbering/series/{code}`
async fn series(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&NUMBERING_READ)?;
    let behind = query::<Behind>(&uri)?;
    show_series(&state, &caller, &headers, (&code, &behind), None).await
}

/// A form that was not taken: what was typed, and the fields with what is wrong.
type NotLent = Option<(Lend, Vec<(&'static str, String)>)>;

async fn show_series(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    (code, behind): (&str, &Behind),
    not_lent: NotLent,
) -> Result<Response, Problem> {
    let place = behind.place()?;
    let today = today(caller);
    let (one, next, periods, mut leases) = state
        .db
        .tx(&caller.at(&NUMBERING_READ), async |tx| {
            let one =
                store::overview_of(tx, code, caller.texts.lang).await?.ok_or(NumberingError::NotFound)?;
            let need = Need::new(&one.kind, &one.company, today).series(&one.series);
            let next = super::preview(tx, &need).await.ok().map(|taken| taken.number);
            let periods = store::periods(tx, code, 24).await?;
            let leases = store::leases(tx, code, place, LEASES as i64 + 1).await?;
            Ok::<_, NumberingError>((one, next, periods, leases))
        })
        .await?;
    let more = leases.len() > LEASES;
    leases.truncate(LEASES);
    let path = format!("{PATH}/series/{}", url(&one.series));
    let last = leases
        .last()
        .filter(|_| more)
        .map(|last| format!("{}~{}~{}", last.period_from, last.first, last.lease_id));
    let may_lend = caller.may(&NUMBERING_LEASE) && !one.closed;
    let (typed, wrong) = not_lent.unwrap_or_else(|| (Lend::blank(today), Vec::new()));
    let lend = may_lend.then(|| typed.fields(&caller.texts, code).wrong(wrong));
    let view = SeriesPage {
        texts: &caller.texts,
        next,
        today,
        periods: lists::periods(&caller.texts, &periods),
        leases: lists::leases(caller, &leases, may_lend)?
            .first((!behind.after.is_empty()).then(|| path.clone()))
            .next(last.map(|last| address(&path, &[("after", &last)]))),
        may_void: caller.may(&NUMBERING_VOID) && !one.closed,
        lend,
        one,
    };
    let title = format!("{} · {}", view.one.name, caller.t("numbering-title"));
    Shell::new(state, caller, title, "/masters")
        .under("/masters", caller.t("masters-title"))
        .under(PATH, caller.t("numbering-title"))
        .page(headers, &view)
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

/// The form that lends numbers, as it was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Lend {
    date: String,
    count: String,
    holder: String,
}

impl Lend {
    fn blank(today: NaiveDate) -> Self {
        Self { date: today.to_string(), count: "100".to_owned(), holder: String::new() }
    }

    fn fields<'a>(&self, texts: &'a Texts, code: &str) -> Fields<'a> {
        Fields::new(texts, format!("/numbering/lend/{}", url(code)), texts.t("numbering-lend")).inputs([
            Input::text("holder", texts.t("numbering-holder"))
                .value(&self.holder)
                .required()
                .longest(120)
                .placeholder("agent:KOL"),
            Input::number("count", texts.t("numbering-count")).value(&self.count).required(),
            Input::date("date", texts.t("numbering-for-day")).value(&self.date).required(),
        ])
    }

    /// The day and the count, or the fields that are not right.
    fn read(&self, texts: &Texts) -> Result<(NaiveDate, i64), Vec<(&'static str, String)>> {
        let date = self.date.trim().parse::<NaiveDate>().ok();
        let count =
            plain_number(&self.count).parse::<i64>().ok().filter(|count| (1..=MOST_LENT).contains(count));
        let mut wrong = Vec::new();
        if self.holder.trim().is_empty() || self.holder.trim().chars().count() > 120 {
            wrong.push(("holder", texts.t("numbering-wrong-holder")));
        }
        if count.is_none() {
            wrong.push(("count", texts.t1("numbering-wrong-count", "most", texts.number(MOST_LENT))));
        }
        if date.is_none() {
            wrong.push(("date", texts.t("numbering-wrong-day")));
        }
        match (date, count) {
            (Some(date), Some(count)) if wrong.is_empty() => Ok((date, count)),
            _ => Err(wrong),
        }
    }
}

/// `POST /numbering/lend/{code}`
async fn lend(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
    body: Result<Form<Lend>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&NUMBERING_LEASE)?;
    let typed = form(body)?;
    let now = Utc::now();
    let (status, wrong) = match typed.read(&caller.texts) {
        Err(wrong) => (StatusCode::UNPROCESSABLE_ENTITY, wrong),
        Ok((date, count)) => {
            let lent = state
                .db
                .tx(&caller.cx, async |tx| lease::lease(tx, &code, date, count, &typed.holder, now).await)
                .await;
            let problem = match lent {
                Ok(_) => return Ok(to_series(&code)),
                Err(error) => Problem::from(error),
            };
            if problem.status == StatusCode::CONFLICT {
                let told = caller.texts.or(&problem.text_key(), &problem.detail);
                (problem.status, vec![("", told)])
            } else {
                (StatusCode::UNPROCESSABLE_ENTITY, vec![("", kept(&caller.texts, problem)?)])
            }
        }
    };
    caller.require(&NUMBERING_READ)?;
    let page =
        show_series(&state, &caller, &headers, (&code, &Behind::default()), Some((typed, wrong))).await?;
    Ok((status, page).into_response())
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
