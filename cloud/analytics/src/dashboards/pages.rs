//! The pages of dashboards, the events behind a figure, and targets.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use platform::ctx::Plants;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, Shell, escaped, form, query};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::api::EventsAsked;
use super::ask::Bar;
use super::model::{Board, Kpi, Standing, Tile, percent};
use super::service::{self, Asked, DayPoint, Page, PlantBehind, Target, View, Wish};
use crate::mirror::{Freshness, Mirrors};
use crate::rights::{DASHBOARD_READ, DASHBOARD_TARGETS};

const HREF: &str = "/dashboards";
/// Times that one can choose by name.
const PERIODS: [&str; 7] = ["today", "7d", "30d", "90d", "month", "year", "days"];

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/dashboards", get(first))
        .route("/dashboards/targets", get(targets).post(set_target))
        .route("/dashboards/events/{kpi}", get(events))
        .route("/dashboards/{board}", get(page))
        .route("/dashboards/{board}/figures", get(figures))
        .route("/dashboards.css", get(style))
        .route("/dashboards.js", get(script))
}

async fn first(caller: Caller) -> Result<Redirect, Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    Ok(Redirect::to("/dashboards/executive"))
}

async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("dashboards.css"))
}

async fn script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("dashboards.js"))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=600")], text)
}

/// The address of what one looks at, to be filtered further.
fn address(asked: &Asked) -> String {
    let pairs =
        [("plant", &asked.plant), ("period", &asked.period), ("from", &asked.from), ("to", &asked.to)];
    let said = pairs.iter().filter(|(_, value)| !value.is_empty());
    said.map(|(name, value)| format!("{name}={}", escaped(value, b"-"))).collect::<Vec<_>>().join("&")
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct BoardPage<'a> {
    texts: &'a Texts,
    board: Board,
    asked: &'a Asked,
    address: String,
    /// Plants that one may choose.
    plants: Vec<String>,
    figures: String,
}

impl BoardPage<'_> {
    fn boards(&self) -> [Board; 5] {
        Board::ALL
    }

    /// Each with the attribute that chooses it, or nothing.
    fn periods(&self) -> [(&'static str, &'static str); 7] {
        let chosen = if self.asked.period.is_empty() { "7d" } else { &self.asked.period };
        PERIODS.map(|one| (one, if one == chosen { " selected" } else { "" }))
    }
}

/// A chart, with the table behind it.
struct Chart {
    title: String,
    /// For the script: kind, labels and series.
    data: Value,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// What is said instead where there is nothing.
    none: String,
}

#[derive(Template)]
#[template(path = "figures.html")]
struct Figures<'a> {
    texts: &'a Texts,
    zone: Tz,
    address: &'a str,
    view: &'a View,
    charts: Vec<Chart>,
    now: DateTime<Utc>,
}

#[derive(Template)]
#[template(path = "waiting.html")]
struct Waiting<'a> {
    texts: &'a Texts,
    key: String,
}

impl Figures<'_> {
    fn number(&self, tile: &Tile, n: &Decimal) -> String {
        number(self.texts, tile.kpi, n)
    }

    /// How a tile stands, as a class, a sign that needs no colour, and a text.
    fn standing(&self, tile: &Tile) -> Option<(&'static str, &'static str, String)> {
        match tile.standing {
            Standing::Met => Some(("is-good", "✓", self.texts.t("dashboard-met"))),
            Standing::Missed => Some(("is-bad", "✗", self.texts.t("dashboard-missed"))),
            Standing::None => None,
        }
    }

    /// The change against the time before: class and text with an arrow.
    fn trend(&self, tile: &Tile) -> Option<(&'static str, String)> {
        let before = tile.before?;
        let change = tile.change()?;
        let arrow = match change.cmp(&Decimal::ZERO) {
            std::cmp::Ordering::Greater => "▲",
            std::cmp::Ordering::Less => "▼",
            std::cmp::Ordering::Equal => "=",
        };
        let class = match tile.improves() {
            Some(true) => "is-better",
            Some(false) => "is-worse",
            None => "",
        };
        let change = self.texts.quantity(&change.abs());
        let text = self.texts.t1("dashboard-before", "before", number(self.texts, tile.kpi, &before));
        Some((class, format!("{arrow} {change} % · {text}")))
    }

    /// Up to what the figures hold.
    fn told(&self) -> String {
        fresh(self.texts, self.zone, &self.view.fresh, self.now)
    }

    fn plants_behind(&self) -> String {
        let told = self.view.plants_behind.iter().map(|behind: &PlantBehind| match behind.last_seen_at {
            Some(at) => format!("{} ({})", behind.plant, self.texts.ago(&at, &self.now)),
            None => format!("{} ({})", behind.plant, self.texts.t("dashboard-never")),
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

fn number(texts: &Texts, kpi: Kpi, n: &Decimal) -> String {
    let shown = texts.quantity(n);
    if kpi.is_share() { format!("{shown} %") } else { shown }
}

/// For a chart, which is no ledger.
fn float(n: &Decimal) -> Value {
    n.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn fresh(texts: &Texts, zone: Tz, fresh: &Freshness, now: DateTime<Utc>) -> String {
    let at = fresh.current_at.or(fresh.batch_at);
    let moment = at.map_or_else(
        || texts.t("dashboard-never"),
        |at| format!("{} ({})", texts.time(&at, zone), texts.ago(&at, &now)),
    );
    let mut text = texts.with(
        "dashboard-fresh",
        &[("moment", moment.as_str().into()), ("batch", fresh.batch.to_string().as_str().into())],
    );
    if fresh.behind > 0 {
        text.push(' ');
        text.push_str(&texts.count("dashboard-batches-behind", fresh.behind));
    }
    text
}

/// `GET /dashboards/{board}`
async fn page(
    State(state): State<AppState>,
    Extension(mirrors): Extension<Mirrors>,
    caller: Caller,
    headers: HeaderMap,
    Path(board): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    let board = Board::parse(&board).ok_or_else(Problem::not_found)?;
    let asked = query::<Asked>(&uri)?;
    let figures = render(&state, &mirrors, &caller, board, &asked).await?;
    let may_see = caller.plants(&DASHBOARD_READ);
    let all: Vec<String> =
        state.db.tx(&caller.at(&DASHBOARD_READ), async |tx| platform::tenancy::plant_codes(tx).await).await?;
    let view = BoardPage {
        texts: &caller.texts,
        board,
        asked: &asked,
        address: address(&asked),
        plants: all.into_iter().filter(|code| may_see.has(code)).collect(),
        figures,
    };
    let title = caller.t(&format!("board-{}", board.name()));
    Shell::new(&state, &caller, title, HREF).page(&headers, &view)
}

/// `GET /dashboards/{board}/figures`: the part that changes.
async fn figures(
    State(state): State<AppState>,
    Extension(mirrors): Extension<Mirrors>,
    caller: Caller,
    Path(board): Path<String>,
    uri: Uri,
) -> Result<Html<String>, Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    let board = Board::parse(&board).ok_or_else(Problem::not_found)?;
    let asked = query::<Asked>(&uri)?;
    Ok(Html(render(&state, &mirrors, &caller, board, &asked).await?))
}

async fn render(
    state: &AppState,
    mirrors: &Mirrors,
    caller: &Caller,
    board: Board,
    asked: &Asked,
) -> Result<String, Problem> {
    let now = Utc::now();
    let texts = &caller.texts;
    match service::view(state, mirrors, caller, board, asked, now).await {
        Ok(view) => {
            let charts = charts(texts, &view);
            let address = address(asked);
            let figures = Figures { texts, zone: caller.zone, address: &address, view: &view, charts, now };
            Ok(figures.render()?)
        }
        Err(problem) if service::is_waiting(&problem) => {
            Ok(Waiting { texts, key: problem.text_key() }.render()?)
        }
        Err(problem) => Err(problem),
    }
}

fn charts(texts: &Texts, view: &View) -> Vec<Chart> {
    let t = |key: &str| texts.t(key);
    let mut all = Vec::new();
    match view.board {
        Board::Executive => {
            all.push(line(texts, view, &[Kpi::Received, Kpi::Packed, Kpi::Dispatched]));
        }
        Board::Plant => {
            all.push(line(texts, view, &[Kpi::Operations, Kpi::Packed]));
            all.push(machines(texts, view));
        }
        Board::Production => {
            all.push(wip(texts, view));
            all.push(line(texts, view, &[Kpi::Operations, Kpi::Packed]));
            all.push(machines(texts, view));
        }
        Board::Quality => {
            all.push(line(texts, view, &[Kpi::FirstPass]));
            all.push(pareto(texts, &t("dashboard-rejects"), &view.rejects, true));
            all.push(pareto(texts, &t("dashboard-outside"), &view.outside, false));
        }
        Board::Receiving => {
            all.push(line(texts, view, &[Kpi::Received]));
            all.push(pareto(texts, &t("dashboard-suppliers"), &view.suppliers, false));
            all.push(pareto(texts, &t("dashboard-receipts"), &view.receipts, true));
        }
    }
    all
}

fn of_day(point: &DayPoint, kpi: Kpi) -> Option<Decimal> {
    match kpi {
        Kpi::Received => point.received.map(Decimal::from),
        Kpi::Operations => point.operations.map(Decimal::from),
        Kpi::Packed => point.packed.map(Decimal::from),
        Kpi::Dispatched => point.dispatched.map(Decimal::from),
        Kpi::Rejects => point.rejects.map(Decimal::from),
        Kpi::FirstPass => point.first_pass,
        _ => None,
    }
}

fn line(texts: &Texts, view: &View, kpis: &[Kpi]) -> Chart {
    let name = |kpi: &Kpi| texts.t(&format!("kpi-{}", kpi.name()));
    let day = |day: &NaiveDate| texts.day(day);
    // A day without data is a gap in the line, and a word in the table.
    let number = |n: Option<Decimal>| n.map_or(Value::Null, |n| float(&n));
    let series: Vec<Value> = kpis
        .iter()
        .map(|kpi| {
            let values: Vec<Value> = view.days.iter().map(|point| number(of_day(point, *kpi))).collect();
            json!({ "name": name(kpi), "values": values })
        })
        .collect();
    let labels: Vec<String> = view.days.iter().map(|point| day(&point.day)).collect();
    let rows = view
        .days
        .iter()
        .map(|point| {
            let cells = kpis.iter().map(|kpi| {
                of_day(point, *kpi)
                    .map_or_else(|| texts.t("dashboard-no-data"), |n| self::number(texts, *kpi, &n))
            });
            std::iter::once(day(&point.day)).chain(cells).collect()
        })
        .collect();
    let empty = view.days.iter().all(|point| kpis.iter().all(|kpi| of_day(point, *kpi).is_none()));
    Chart {
        title: texts.t("dashboard-by-day"),
        data: if empty { Value::Null } else { json!({ "kind": "line", "labels": labels, "series": series }) },
        head: std::iter::once(texts.t("dashboard-day")).chain(kpis.iter().map(name)).collect(),
        rows: if empty { Vec::new() } else { rows },
        none: texts.t("dashboard-none-days"),
    }
}

fn label(texts: &Texts, bar: &Bar) -> String {
    let mut text = match (bar.code.is_empty(), bar.name.is_empty()) {
        (true, _) => texts.t("dashboard-not-said"),
        (false, true) => bar.code.clone(),
        (false, false) => format!("{} {}", bar.code, bar.name),
    };
    if !bar.plant.is_empty() {
        text = format!("{} {text}", bar.plant);
    }
    text
}

/// Bars; with the share that they and those before them have together, where they are parts
/// of one whole.
fn pareto(texts: &Texts, title: &str, bars: &[Bar], parts: bool) -> Chart {
    let mut so_far = 0;
    let mut shares = Vec::new();
    let mut rows = Vec::new();
    for bar in bars {
        so_far += bar.count;
        let share = percent(if parts { so_far } else { bar.count }, bar.of);
        let shown =
            share.map_or_else(|| texts.t("dashboard-no-data"), |n| format!("{} %", texts.quantity(&n)));
        shares.push(share.map_or(Value::Null, |n| float(&n)));
        rows.push(vec![label(texts, bar), texts.number(bar.count), texts.number(bar.of), shown]);
    }
    let labels: Vec<String> = bars.iter().map(|bar| label(texts, bar)).collect();
    let counts: Vec<i64> = bars.iter().map(|bar| bar.count).collect();
    let share = texts.t(if parts { "dashboard-share-together" } else { "dashboard-share" });
    let data = json!({
        "kind": "pareto", "labels": labels, "count": texts.t("dashboard-count"), "counts": counts,
        "share": share, "shares": shares,
    });
    Chart {
        title: title.to_owned(),
        data: if bars.is_empty() { Value::Null } else { data },
        head: vec![texts.t("dashboard-what"), texts.t("dashboard-count"), texts.t("dashboard-of"), share],
        rows,
        none: texts.t("dashboard-none-bars"),
    }
}

fn machines(texts: &Texts, view: &View) -> Chart {
    let mut chart = pareto(texts, &texts.t("dashboard-machines"), &view.machines, false);
    chart.none = texts.t("dashboard-none-machines");
    chart
}

fn wip(texts: &Texts, view: &View) -> Chart {
    let stage = |name: &str| texts.or(&format!("trace-stage-{name}"), name);
    let ages = ["dashboard-age-day", "dashboard-age-three", "dashboard-age-week", "dashboard-age-older"];
    let of = |row: &service::Wip| [row.day, row.three_days, row.week, row.older];
    let series: Vec<Value> = ages
        .iter()
        .enumerate()
        .map(|(at, key)| {
            let values: Vec<i64> = view.wip.iter().map(|row| of(row)[at]).collect();
            json!({ "name": texts.t(key), "values": values })
        })
        .collect();
    let labels: Vec<String> = view.wip.iter().map(|row| stage(&row.stage)).collect();
    let rows = view
        .wip
        .iter()
        .map(|row| {
            let mut cells = vec![stage(&row.stage), texts.number(row.total)];
            cells.extend(of(row).map(|n| texts.number(n)));
            cells
        })
        .collect();
    let mut head = vec![texts.t("dashboard-stage"), texts.t("dashboard-count")];
    head.extend(ages.map(|key| texts.t(key)));
    Chart {
        title: texts.t("dashboard-wip"),
        data: if view.wip.is_empty() {
            Value::Null
        } else {
            json!({ "kind": "stack", "labels": labels, "series": series })
        },
        head,
        rows,
        none: texts.t("dashboard-none-wip"),
    }
}

#[derive(Template)]
#[template(path = "kpi_events.html")]
struct EventsPage<'a> {
    texts: &'a Texts,
    zone: Tz,
    kpi: Kpi,
    address: String,
    page: Page,
    now: DateTime<Utc>,
}

impl EventsPage<'_> {
    fn stage(&self, stage: &str) -> String {
        self.texts.or(&format!("trace-stage-{stage}"), stage)
    }

    fn count(&self, n: &i64) -> String {
        self.texts.number(*n)
    }

    /// Up to what the list holds; nothing for what is asked of the registry.
    fn told(&self) -> String {
        self.page.fresh.as_ref().map_or_else(String::new, |of| fresh(self.texts, self.zone, of, self.now))
    }

    fn is_share(&self) -> bool {
        self.kpi.is_share()
    }
}

/// `GET /dashboards/events/{kpi}`
async fn events(
    State(state): State<AppState>,
    Extension(mirrors): Extension<Mirrors>,
    caller: Caller,
    headers: HeaderMap,
    Path(kpi): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    let kpi = Kpi::parse(&kpi).ok_or_else(Problem::not_found)?;
    let (asked, after) = query::<EventsAsked>(&uri)?.split();
    let now = Utc::now();
    let found = service::behind(&state, &mirrors, &caller, (kpi, &asked, Some(&after)), now).await;
    let shell = Shell::new(&state, &caller, caller.t(&format!("kpi-{}", kpi.name())), HREF);
    match found {
        Ok(page) => {
            let address = address(&asked);
            let view = EventsPage { texts: &caller.texts, zone: caller.zone, kpi, address, page, now };
            shell.page(&headers, &view)
        }
        Err(problem) if service::is_waiting(&problem) => {
            shell.page(&headers, &Waiting { texts: &caller.texts, key: problem.text_key() })
        }
        Err(problem) => Err(problem),
    }
}

#[derive(Template)]
#[template(path = "kpi_targets.html")]
struct TargetsPage<'a> {
    texts: &'a Texts,
    targets: Vec<Target>,
    plants: Vec<String>,
    /// Whether one may set those for all plants.
    everywhere: bool,
    may_set: bool,
    typed: &'a Wish,
    error: Option<&'a Problem>,
}

impl TargetsPage<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        let errors = &self.error?.errors;
        errors.iter().find(|error| error.field == field).map(|error| error.detail.as_str())
    }

    fn kpis(&self) -> [Kpi; 11] {
        Kpi::ALL
    }

    fn unit(&self, kpi: &Kpi) -> String {
        let key = if kpi.is_share() {
            "dashboard-unit-share"
        } else if kpi.target_per_day() {
            "dashboard-unit-day"
        } else {
            "dashboard-unit-now"
        };
        self.texts.t(key)
    }
}

/// `GET /dashboards/targets`
async fn targets(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show_targets(&state, &caller, &headers, &Wish::default(), None).await
}

async fn show_targets(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: &Wish,
    error: Option<&Problem>,
) -> Result<Response, Problem> {
    let targets = service::targets(state, caller).await?.targets;
    let own = caller.plants(&DASHBOARD_TARGETS);
    let codes: Vec<String> =
        state.db.tx(&caller.at(&DASHBOARD_READ), async |tx| platform::tenancy::plant_codes(tx).await).await?;
    let view = TargetsPage {
        texts: &caller.texts,
        targets,
        plants: codes.into_iter().filter(|code| own.has(code)).collect(),
        everywhere: matches!(own, Plants::All),
        may_set: caller.may(&DASHBOARD_TARGETS),
        typed,
        error,
    };
    Shell::new(state, caller, caller.t("dashboard-targets"), HREF).page(headers, &view)
}

/// `POST /dashboards/targets`
async fn set_target(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Wish>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&DASHBOARD_TARGETS)?;
    let wish = form(sent)?;
    match service::set_target(&state, &caller, &wish).await {
        Ok(()) => Ok(Redirect::to("/dashboards/targets").into_response()),
        Err(problem) if problem.code == "dashboard.target" => {
            let mut response = show_targets(&state, &caller, &headers, &wish, Some(&problem)).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}
