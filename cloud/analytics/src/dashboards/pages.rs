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
use platform::db::DbError;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, Shell, escaped, form, query};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::api::EventsAsked;
use super::ask::{Bar, Bars};
use super::model::{Board, Kpi, Standing, Tile, percent};
use super::service::{self, Age, Asked, DayPoint, Narrowed, Page, PlantBehind, Target, View, Wish};
use super::store;
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

/// Names and values as they stand in an address; empty ones are left out.
fn pairs(of: &[(&str, &str)]) -> String {
    let said = of.iter().filter(|(_, value)| !value.is_empty());
    said.map(|(name, value)| format!("{name}={}", escaped(value, b"-_"))).collect::<Vec<_>>().join("&")
}

/// The address of what one looks at, to be filtered further.
fn address(asked: &Asked) -> String {
    let Asked { plant, period, from, to } = asked;
    pairs(&[("plant", plant), ("period", period), ("from", from), ("to", to)])
}

/// Where the events behind a figure are listed, narrowed to this.
fn events_of(kpi: Kpi, asked: &Asked, narrowed: &[(&str, &str)]) -> String {
    format!("/dashboards/events/{}?{}", kpi.name(), [address(asked), pairs(narrowed)].join("&"))
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct BoardPage<'a> {
    texts: &'a Texts,
    board: Board,
    asked: &'a Asked,
    address: String,
    /// Plants that one may choose: code and name.
    plants: Vec<(String, String)>,
    figures: String,
    /// Whether new figures are asked for from time to time.
    live: bool,
}

impl BoardPage<'_> {
    fn boards(&self) -> [Board; 5] {
        Board::ALL
    }

    /// Each with the attribute that chooses it, or nothing.
    fn periods(&self) -> [(&'static str, &'static str); 7] {
        let typed = !self.asked.from.is_empty() || !self.asked.to.is_empty();
        let chosen = match self.asked.period.as_str() {
            _ if typed => "days",
            "" => "7d",
            named => named,
        };
        PERIODS.map(|one| (one, if one == chosen { " selected" } else { "" }))
    }
}

/// A cell of a table, and where it leads: the events that it counts.
struct Cell {
    text: String,
    href: String,
}

impl Cell {
    fn plain(text: String) -> Self {
        Self { text, href: String::new() }
    }
}

/// A chart, with the table behind it.
struct Chart {
    title: String,
    /// For the script: kind, labels and series, with the address of what each point counts.
    data: Value,
    head: Vec<String>,
    rows: Vec<Vec<Cell>>,
    /// What is said instead where there is nothing.
    none: String,
    /// What is to be known of it besides.
    note: String,
    /// It counts what is so now, and not what the mirror holds.
    of_now: bool,
}

/// Most bars that are drawn; the table has the others.
const DRAWN: usize = 20;

#[derive(Template)]
#[template(path = "figures.html")]
struct Figures<'a> {
    texts: &'a Texts,
    zone: Tz,
    asked: &'a Asked,
    address: &'a str,
    view: &'a View,
    charts: Vec<Chart>,
    now: DateTime<Utc>,
}

/// Said in the place of figures.
#[derive(Template)]
#[template(path = "waiting.html")]
struct Waiting<'a> {
    texts: &'a Texts,
    key: String,
    class: &'static str,
}

impl Figures<'_> {
    fn number(&self, tile: &Tile, n: &Decimal) -> String {
        number(self.texts, tile.kpi, n)
    }

    /// When what is in work was counted.
    fn counted(&self) -> String {
        self.texts.t1("dashboard-counted", "moment", self.texts.clock(&self.view.wip_at, self.zone))
    }

    /// The dashboard of one plant, of the same days.
    fn of_plant(&self, plant: &str) -> String {
        address(&Asked { plant: plant.to_owned(), ..self.asked.clone() })
    }

    /// How a tile stands, as a class, a sign that needs no colour, and a text.
    fn standing(&self, tile: &Tile) -> Option<(&'static str, &'static str, String)> {
        match tile.standing {
            Standing::Met => Some(("is-good", "✓", self.texts.t("dashboard-met"))),
            Standing::Missed => Some(("is-bad", "✗", self.texts.t("dashboard-missed"))),
            Standing::Open => Some(("is-info", "…", self.texts.t("dashboard-open"))),
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
    let mut asked = query::<Asked>(&uri)?;
    let may_see = caller.plants(&DASHBOARD_READ);
    let all = state
        .db
        .tx(&caller.at(&DASHBOARD_READ), async |tx| Ok::<_, DbError>(store::plants(tx).await?))
        .await?;
    let plants: Vec<(String, String)> =
        all.into_iter().filter(|(code, ..)| may_see.has(code)).map(|(code, name, _)| (code, name)).collect();
    if board == Board::Plant {
        one_plant_today(&mut asked, &plants);
    }
    let (status, figures) = match render(&state, &mirrors, &caller, board, &asked).await {
        Ok(figures) => (StatusCode::OK, figures),
        Err(problem) if problem.code == "dashboard.days" => {
            let told = Waiting { texts: &caller.texts, key: problem.text_key(), class: "is-bad" };
            (problem.status, told.render()?)
        }
        Err(problem) => return Err(problem),
    };
    let view = BoardPage {
        texts: &caller.texts,
        board,
        asked: &asked,
        address: address(&asked),
        plants,
        figures,
        live: status == StatusCode::OK,
    };
    let title = caller.t(&format!("board-{}", board.name()));
    let mut response = Shell::new(&state, &caller, title, HREF).page(&headers, &view)?;
    *response.status_mut() = status;
    Ok(response)
}

/// A plant's own dashboard is about one plant, today, where nothing else is asked for.
fn one_plant_today(asked: &mut Asked, plants: &[(String, String)]) {
    if asked.plant.is_empty()
        && let Some((first, _)) = plants.first()
    {
        asked.plant.clone_from(first);
    }
    if asked.period.is_empty() && asked.from.is_empty() && asked.to.is_empty() {
        asked.period = "today".into();
    }
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
            let charts = charts(texts, asked, &view);
            let address = &address(asked);
            let figures = Figures { texts, zone: caller.zone, asked, address, view: &view, charts, now };
            Ok(figures.render()?)
        }
        Err(problem) if service::is_waiting(&problem) => {
            Ok(Waiting { texts, key: problem.text_key(), class: "is-info" }.render()?)
        }
        Err(problem) => Err(problem),
    }
}

fn charts(texts: &Texts, asked: &Asked, view: &View) -> Vec<Chart> {
    let line = |kpis: &[Kpi]| line(texts, asked, view, kpis);
    let bars = |title: &str, bars: &Bars, parts, of| pareto(texts, asked, &texts.t(title), bars, parts, of);
    let mut all = Vec::new();
    match view.board {
        Board::Executive => {
            all.push(line(&[Kpi::Received, Kpi::Packed, Kpi::Dispatched]));
        }
        Board::Plant => {
            all.push(line(&[Kpi::Operations, Kpi::Packed]));
            all.push(machines(texts, asked, view));
        }
        Board::Production => {
            all.push(wip(texts, asked, view));
            all.push(line(&[Kpi::Operations, Kpi::Packed]));
            all.push(machines(texts, asked, view));
        }
        Board::Quality => {
            all.push(line(&[Kpi::FirstPass]));
            all.push(bars("dashboard-rejects", &view.rejects, true, (Kpi::Rejects, "reason")));
            all.push(bars("dashboard-outside", &view.outside, false, (Kpi::Outside, "reading")));
        }
        Board::Receiving => {
            all.push(line(&[Kpi::Received]));
            all.push(bars("dashboard-suppliers", &view.suppliers, false, (Kpi::IncomingPass, "supplier")));
            all.push(bars("dashboard-receipts", &view.receipts, true, (Kpi::Received, "supplier")));
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

fn line(texts: &Texts, asked: &Asked, view: &View, kpis: &[Kpi]) -> Chart {
    let name = |kpi: &Kpi| texts.t(&format!("kpi-{}", kpi.name()));
    let href = |kpi: Kpi, day: &NaiveDate| {
        let day = day.to_string();
        let day = Asked { period: String::new(), from: day.clone(), to: day, ..asked.clone() };
        events_of(kpi, &day, &[])
    };
    // A day without data is a gap in the line, and a word in the table.
    let number = |n: Option<Decimal>| n.map_or(Value::Null, |n| float(&n));
    let series: Vec<Value> = kpis
        .iter()
        .map(|kpi| {
            let values: Vec<Value> = view.days.iter().map(|point| number(of_day(point, *kpi))).collect();
            let links: Vec<String> = view.days.iter().map(|point| href(*kpi, &point.day)).collect();
            json!({ "name": name(kpi), "values": values, "links": links })
        })
        .collect();
    let labels: Vec<String> = view.days.iter().map(|point| texts.day(&point.day)).collect();
    let rows = view
        .days
        .iter()
        .map(|point| {
            let cells = kpis.iter().map(|kpi| match of_day(point, *kpi) {
                Some(n) => Cell { text: self::number(texts, *kpi, &n), href: href(*kpi, &point.day) },
                None => Cell::plain(texts.t("dashboard-no-data")),
            });
            std::iter::once(Cell::plain(texts.day(&point.day))).chain(cells).collect()
        })
        .collect();
    let empty = view.days.iter().all(|point| kpis.iter().all(|kpi| of_day(point, *kpi).is_none()));
    Chart {
        title: texts.t("dashboard-by-day"),
        data: if empty { Value::Null } else { json!({ "kind": "line", "labels": labels, "series": series }) },
        head: std::iter::once(texts.t("dashboard-day")).chain(kpis.iter().map(name)).collect(),
        rows: if empty { Vec::new() } else { rows },
        none: texts.t("dashboard-none-days"),
        note: String::new(),
        of_now: false,
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
/// of one whole. Each leads to the events of a figure, narrowed to its code.
fn pareto(
    texts: &Texts,
    asked: &Asked,
    title: &str,
    of: &Bars,
    parts: bool,
    (kpi, column): (Kpi, &str),
) -> Chart {
    let bars = &of.bars;
    let shown = |share: Option<Decimal>| {
        share.map_or_else(|| texts.t("dashboard-no-data"), |n| format!("{} %", texts.quantity(&n)))
    };
    let (mut labels, mut counts, mut shares, mut links, mut rows) = (vec![], vec![], vec![], vec![], vec![]);
    let mut so_far = 0;
    for bar in bars {
        so_far += bar.count;
        let share = percent(if parts { so_far } else { bar.count }, bar.of);
        let href = if bar.code.is_empty() { String::new() } else { bar_href(asked, bar, kpi, column) };
        let text = label(texts, bar);
        if labels.len() < DRAWN {
            labels.push(text.clone());
            counts.push(bar.count);
            shares.push(share.map_or(Value::Null, |n| float(&n)));
            links.push(href.clone());
        }
        let plain = [texts.number(bar.count), texts.number(bar.of), shown(share)].map(Cell::plain);
        rows.push(std::iter::once(Cell { text, href }).chain(plain).collect());
    }
    let all = i64::try_from(bars.len()).unwrap_or(i64::MAX).saturating_add(of.left_out);
    let others = |n: i64| texts.t1("dashboard-others", "count", texts.number(n));
    if of.left_out > 0 {
        let cells = [others(of.left_out), texts.number(of.left_out_count), String::new(), String::new()];
        rows.push(cells.map(Cell::plain).into());
    }
    let mut note = String::new();
    if bars.len() > DRAWN {
        let drawn = i64::try_from(DRAWN).unwrap_or(i64::MAX);
        // Parts of a whole are drawn to its end.
        if parts {
            labels.push(others(all - drawn));
            let listed: i64 = bars.iter().skip(DRAWN).map(|bar| bar.count).sum();
            counts.push(listed + of.left_out_count);
            shares.push(Value::from(100));
            links.push(String::new());
        }
        let (drawn, all) = (texts.number(drawn), texts.number(all));
        note =
            texts.with("dashboard-drawn", &[("drawn", drawn.as_str().into()), ("all", all.as_str().into())]);
    }
    let share = texts.t(if parts { "dashboard-share-together" } else { "dashboard-share" });
    let data = json!({
        "kind": "pareto", "labels": labels, "count": texts.t("dashboard-count"), "counts": counts,
        "share": share, "shares": shares, "links": links,
    });
    Chart {
        title: title.to_owned(),
        data: if bars.is_empty() { Value::Null } else { data },
        head: vec![texts.t("dashboard-what"), texts.t("dashboard-count"), texts.t("dashboard-of"), share],
        rows,
        none: texts.t("dashboard-none-bars"),
        note,
        of_now: false,
    }
}

/// Where the events of a bar are listed; codes of a plant's own at that plant.
fn bar_href(asked: &Asked, bar: &Bar, kpi: Kpi, column: &str) -> String {
    let mut asked = asked.clone();
    if !bar.plant.is_empty() {
        asked.plant.clone_from(&bar.plant);
    }
    events_of(kpi, &asked, &[(column, &bar.code)])
}

fn machines(texts: &Texts, asked: &Asked, view: &View) -> Chart {
    let title = texts.t("dashboard-machines");
    let mut chart = pareto(texts, asked, &title, &view.machines, false, (Kpi::Operations, "machine"));
    chart.none = texts.t("dashboard-none-machines");
    chart
}

fn wip(texts: &Texts, asked: &Asked, view: &View) -> Chart {
    let stage = |name: &str| texts.or(&format!("trace-stage-{name}"), name);
    let ages = [
        (Age::Day, "dashboard-age-day"),
        (Age::ThreeDays, "dashboard-age-three"),
        (Age::Week, "dashboard-age-week"),
        (Age::Older, "dashboard-age-older"),
    ];
    let of = |row: &service::Wip, age: Age| match age {
        Age::Day => row.day,
        Age::ThreeDays => row.three_days,
        Age::Week => row.week,
        Age::Older => row.older,
    };
    let href = |row: &service::Wip, age: &str| {
        events_of(Kpi::Wip, asked, &[("stage", row.stage.as_str()), ("age", age)])
    };
    let series: Vec<Value> = ages
        .iter()
        .map(|(age, key)| {
            let values: Vec<i64> = view.wip.iter().map(|row| of(row, *age)).collect();
            let links: Vec<String> = view.wip.iter().map(|row| href(row, age.name())).collect();
            json!({ "name": texts.t(key), "values": values, "links": links })
        })
        .collect();
    let labels: Vec<String> = view.wip.iter().map(|row| stage(&row.stage)).collect();
    let rows = view
        .wip
        .iter()
        .map(|row| {
            let mut cells = vec![
                Cell::plain(stage(&row.stage)),
                Cell { text: texts.number(row.total), href: href(row, "") },
            ];
            cells.extend(ages.map(|(age, _)| match of(row, age) {
                0 => Cell::plain(texts.number(0)),
                n => Cell { text: texts.number(n), href: href(row, age.name()) },
            }));
            cells
        })
        .collect();
    let mut head = vec![texts.t("dashboard-stage"), texts.t("dashboard-count")];
    head.extend(ages.map(|(_, key)| texts.t(key)));
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
        note: String::new(),
        of_now: true,
    }
}

#[derive(Template)]
#[template(path = "kpi_events.html")]
struct EventsPage<'a> {
    texts: &'a Texts,
    zone: Tz,
    kpi: Kpi,
    address: String,
    /// The address with what the list is narrowed to.
    here: String,
    /// What it is narrowed to, in words.
    narrowed: Vec<String>,
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

/// What a list is narrowed to, by the names that stand in its address.
fn said(narrowed: &Narrowed) -> Vec<(&'static str, &str)> {
    let Narrowed { by, stage, age } = narrowed;
    let all = [
        ("machine", &by.machine),
        ("reason", &by.reason),
        ("reading", &by.reading),
        ("supplier", &by.supplier),
        ("stage", stage),
        ("age", age),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
}

fn narrowed_to(texts: &Texts, of: &str, value: &str) -> String {
    let value = match of {
        "stage" => texts.or(&format!("trace-stage-{value}"), value),
        "age" if value == Age::ThreeDays.name() => texts.t("dashboard-age-three"),
        "age" => texts.or(&format!("dashboard-age-{value}"), value),
        _ => value.to_owned(),
    };
    format!("{}: {value}", texts.t(&format!("dashboard-by-{of}")))
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
    let (asked, narrowed, after) = query::<EventsAsked>(&uri)?.split();
    let now = Utc::now();
    let of = (kpi, &asked, &narrowed, Some(after.as_str()));
    let found = service::behind(&state, &mirrors, &caller, of, now).await;
    let shell = Shell::new(&state, &caller, caller.t(&format!("kpi-{}", kpi.name())), HREF);
    match found {
        Ok(page) => {
            let texts = &caller.texts;
            let said = said(&narrowed);
            let here = [address(&asked), pairs(&said)].join("&");
            let narrowed = said.iter().map(|(of, value)| narrowed_to(texts, of, value)).collect();
            let (address, zone) = (address(&asked), caller.zone);
            let view = EventsPage { texts, zone, kpi, address, here, narrowed, page, now };
            shell.page(&headers, &view)
        }
        Err(problem) if service::is_waiting(&problem) => {
            let told = Waiting { texts: &caller.texts, key: problem.text_key(), class: "is-info" };
            shell.page(&headers, &told)
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
