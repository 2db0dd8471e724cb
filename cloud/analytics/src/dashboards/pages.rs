//! The pages of dashboards, the events behind a figure, and targets.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Router};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use platform::ctx::Plants;
use platform::db::DbError;
use platform::i18n::Texts;
use platform::web::fields::{Fields, Input};
use platform::web::list::{Cell, Column, List, Row};
use platform::web::routing::{get, post};
use platform::web::{AppState, Caller, Path, Problem, Shell, form, query};
use rust_decimal::Decimal;
use serde::Deserialize;
use trace::pages::Reasons;

use super::api::EventsAsked;
use super::ask::NOT_SAID;
use super::charts::{Chart, address, changed, charts, number, pairs};
use super::drill::{self, Age, EventBehind, Narrowed, Page};
use super::model::{Board, Kpi, Standing, Tile};
use super::service::{self, Asked, PlantBehind, Target, View, Wish};
use super::store;
use crate::mirror::{During, Freshness, Mirrors, left_alone};
use crate::rights::{DASHBOARD_READ, DASHBOARD_TARGETS};

const HREF: &str = "/dashboards";
/// Times that one can choose by name.
const PERIODS: [&str; 7] = ["today", "7d", "30d", "90d", "month", "year", "days"];

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/dashboards", get(first))
        .route("/dashboards/targets", get(targets).merge(post(set_target)))
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
    /// Where new figures are told of; nothing where there are none to come.
    live: Option<String>,
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

#[derive(Template)]
#[template(path = "figures.html")]
struct Figures<'a> {
    texts: &'a Texts,
    zone: Tz,
    asked: &'a Asked,
    /// The days that are counted, whatever day it is where the events behind are listed.
    counted: &'a Asked,
    view: &'a View,
    charts: Vec<Chart>,
    /// Checks of the mirror are set aside.
    unchecked: bool,
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

impl<'a> Waiting<'a> {
    /// What keeps the mirror from answering; one that is set aside does not come by itself.
    fn of(texts: &'a Texts, problem: &Problem) -> Self {
        let class = if problem.code == "mirror.aside" { "is-bad" } else { "is-info" };
        Self { texts, key: problem.text_key(), class }
    }
}

impl Figures<'_> {
    fn number(&self, tile: &Tile, n: &Decimal) -> String {
        number(self.texts, tile.kpi, n)
    }

    /// When what is in work was counted, and up to which batch.
    fn counted(&self) -> String {
        let (moment, batch) =
            (self.texts.clock(&self.view.wip_at, self.zone), self.view.wip_batch.to_string());
        let text = self.texts.with(
            "dashboard-counted",
            &[("moment", moment.as_str().into()), ("batch", batch.as_str().into())],
        );
        and_behind(self.texts, text, self.view.wip_behind)
    }

    /// The dashboard of one plant, of the same days.
    fn of_plant(&self, plant: &str) -> String {
        address(&Asked { plant: plant.to_owned(), ..self.asked.clone() })
    }

    /// The events behind a figure, of all plants or of one.
    fn behind(&self, tile: &Tile, plant: Option<&str>) -> String {
        let plant = plant.map_or_else(|| self.counted.plant.clone(), str::to_owned);
        let of = address(&Asked { plant, ..self.counted.clone() });
        format!("{HREF}/events/{}?{of}", tile.kpi.name())
    }

    /// What a figure counts, where its name does not say all of it.
    fn about(&self, tile: &Tile) -> Option<String> {
        let said = matches!(tile.kpi, Kpi::FirstPass | Kpi::Wip | Kpi::Packed | Kpi::Dispatched);
        said.then(|| self.texts.t(&format!("dashboard-about-{}", tile.kpi.name())))
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
        let change = changed(self.texts, tile.kpi, tile.change()?);
        let class = match tile.improves() {
            Some(true) => "is-better",
            Some(false) => "is-worse",
            None => "",
        };
        let key = if self.view.before.so_far { "dashboard-before-so-far" } else { "dashboard-before" };
        let text = self.texts.t1(key, "before", number(self.texts, tile.kpi, &before));
        Some((class, format!("{change} · {text}")))
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

fn fresh(texts: &Texts, zone: Tz, fresh: &Freshness, now: DateTime<Utc>) -> String {
    let at = fresh.until();
    let moment = at.map_or_else(
        || texts.t("dashboard-never"),
        |at| format!("{} ({})", texts.time(&at, zone), texts.ago(&at, &now)),
    );
    let text = texts.with(
        "dashboard-fresh",
        &[("moment", moment.as_str().into()), ("batch", fresh.batch.to_string().as_str().into())],
    );
    and_behind(texts, text, fresh.behind)
}

/// With the batches that are there and not counted, if there are such.
fn and_behind(texts: &Texts, text: String, behind: i64) -> String {
    if behind > 0 { format!("{text} {}", texts.count("dashboard-batches-behind", behind)) } else { text }
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
        .tx(&caller.at(&DASHBOARD_READ), async |tx| {
            Ok::<_, DbError>(store::plants(tx, caller.texts.lang).await?)
        })
        .await?;
    let plants: Vec<(String, String)> = all.into_iter().filter(|(code, _)| may_see.has(code)).collect();
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
        live: (status == StatusCode::OK)
            .then(|| format!("/dashboards/live?{}", pairs(&[("plant", &asked.plant)]))),
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
        Ok(mut view) => {
            let codes: BTreeSet<String> = view.rejects.bars.iter().map(|bar| bar.code.clone()).collect();
            let reasons = Reasons::read(&state.db, &caller.at(&DASHBOARD_READ), &codes).await?;
            for bar in view.rejects.bars.iter_mut().filter(|bar| !bar.code.is_empty()) {
                let said = reasons.say(texts, &bar.code);
                // A code that has no words stands there once.
                bar.name = if said == bar.code { String::new() } else { said };
            }
            let counted = &asked.of_days(view.span);
            let charts = charts(texts, counted, &view);
            let unchecked = mirrors
                .settings()
                .is_ok_and(|settings| left_alone(settings, caller.cx.tenant).contains(&During::Check));
            let zone = caller.zone;
            let figures = Figures { texts, zone, asked, counted, view: &view, charts, unchecked, now };
            Ok(figures.render()?)
        }
        Err(problem) if service::is_waiting(&problem) => Ok(Waiting::of(texts, &problem).render()?),
        Err(problem) => Err(problem),
    }
}

#[derive(Template)]
#[template(path = "kpi_events.html")]
struct EventsPage<'a> {
    texts: &'a Texts,
    zone: Tz,
    kpi: Kpi,
    address: String,
    /// What it is narrowed to, in words.
    narrowed: Vec<String>,
    page: Page,
    list: List<'a>,
    now: DateTime<Utc>,
}

/// Whether what is told of the events behind a figure is a reason, and no reading.
fn tells_reasons(kpi: Kpi) -> bool {
    kpi != Kpi::Outside
}

/// The events, newest first; `here` is the address of the first page. What is told of them is
/// said in words already.
fn behind<'a>(texts: &'a Texts, zone: Tz, kpi: Kpi, page: &Page, here: &str, later: bool) -> List<'a> {
    let row = |event: &EventBehind| {
        let place = [event.station.as_str(), event.machine.as_str()].join(" ");
        let uid = event.uid.as_deref().unwrap_or_default();
        let row = Row::new([
            Cell::code(uid),
            Cell::text(texts.time(&event.at, zone)),
            Cell::text(&event.plant),
            Cell::text(texts.or(&format!("trace-stage-{}", event.stage), &event.stage)),
            Cell::text(&event.item),
            Cell::text(place.trim()),
            Cell::text(texts.number(event.adds)),
            Cell::text(&event.detail),
        ]);
        if uid.is_empty() { row } else { row.to(format!("/trace/{uid}")) }
    };
    let none = if kpi.is_share() { "dashboard-events-none-share" } else { "dashboard-events-none" };
    List::new(texts, here)
        .columns([
            Column::called("UID"),
            Column::new("dashboard-when"),
            Column::new("dashboard-plant"),
            Column::new("dashboard-stage"),
            Column::new("dashboard-item"),
            Column::new("dashboard-where"),
            Column::new("dashboard-count").number(),
            Column::new("dashboard-detail"),
        ])
        .rows(page.events.iter().map(row))
        .empty(texts.t(none))
        .first(later.then(|| here.to_owned()))
        .next(page.next.as_ref().map(|next| format!("{here}&after={next}")))
}

impl EventsPage<'_> {
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
fn said<'a>(narrowed: &'a Narrowed) -> Vec<(&'static str, &'a str)> {
    let Narrowed { by, stage, age } = narrowed;
    let all = [
        ("machine", &by.machine),
        ("reason", &by.reason),
        ("reading", &by.reading),
        ("supplier", &by.supplier),
        ("stage", stage),
        ("age", age),
    ];
    let code = |value: &'a str| if value.is_empty() { NOT_SAID } else { value };
    all.into_iter().filter_map(|(name, value)| Some((name, code(value.as_deref()?)))).collect()
}

fn narrowed_to(texts: &Texts, reasons: &Reasons, of: &str, value: &str) -> String {
    let value = match of {
        "stage" => texts.or(&format!("trace-stage-{value}"), value),
        _ if value == NOT_SAID => texts.t("dashboard-not-said"),
        "age" if value == Age::ThreeDays.name() => texts.t("dashboard-age-three"),
        "age" => texts.or(&format!("dashboard-age-{value}"), value),
        "reason" => reasons.say(texts, value),
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
    let kpi = Kpi::listed(&kpi).ok_or_else(Problem::not_found)?;
    let (asked, narrowed, after) = query::<EventsAsked>(&uri)?.split();
    let now = Utc::now();
    let of = (kpi, &asked, &narrowed, Some(after.as_str()));
    let found = drill::behind(&state, &mirrors, &caller, of, now).await;
    let shell = Shell::new(&state, &caller, caller.t(&format!("kpi-{}", kpi.name())), HREF)
        .under(format!("/dashboards/executive?{}", address(&asked)), caller.t("nav-dashboards"));
    match found {
        Ok(mut page) => {
            let texts = &caller.texts;
            let said = said(&narrowed);
            let mut codes: BTreeSet<String> = narrowed.by.reason.iter().cloned().collect();
            if tells_reasons(kpi) {
                codes.extend(page.events.iter().map(|event| event.detail.clone()));
            }
            let reasons = Reasons::read(&state.db, &caller.at(&DASHBOARD_READ), &codes).await?;
            if tells_reasons(kpi) {
                for event in page.events.iter_mut().filter(|event| !event.detail.is_empty()) {
                    event.detail = reasons.say(texts, &event.detail);
                }
            }
            let here = [address(&asked), pairs(&said)].join("&");
            let narrowed = said.iter().map(|(of, value)| narrowed_to(texts, &reasons, of, value)).collect();
            let (address, zone) = (address(&asked), caller.zone);
            let here = format!("/dashboards/events/{}?{here}", kpi.name());
            let list = behind(texts, zone, kpi, &page, &here, !after.is_empty());
            let view = EventsPage { texts, zone, kpi, address, narrowed, page, list, now };
            shell.page(&headers, &view)
        }
        Err(problem) if service::is_waiting(&problem) => {
            shell.page(&headers, &Waiting::of(&caller.texts, &problem))
        }
        Err(problem) => Err(problem),
    }
}

#[derive(Template)]
#[template(path = "kpi_targets.html")]
struct TargetsPage<'a> {
    texts: &'a Texts,
    targets: Vec<Target>,
    /// The form that sets one, for who may.
    fields: Option<Fields<'a>>,
}

/// Versions of the targets that a page shows: `packed:KOL=3,packed:=1`.
fn seen(targets: &[Target]) -> String {
    let one = |one: &Target| format!("{}:{}={}", one.kpi.name(), one.plant, one.version);
    targets.iter().map(one).collect::<Vec<_>>().join(",")
}

/// What a target of a figure is counted in.
fn unit_of(texts: &Texts, kpi: Kpi) -> String {
    texts.t(if kpi.is_share() {
        "dashboard-unit-share"
    } else if kpi.target_per_day() {
        "dashboard-unit-day"
    } else {
        "dashboard-unit-now"
    })
}

/// The form that sets a target, at these plants, or `everywhere`.
fn target_fields<'a>(
    texts: &'a Texts,
    targets: &[Target],
    (plants, everywhere): (Vec<String>, bool),
    typed: &Wish,
) -> Fields<'a> {
    let said = |kpi: Kpi| format!("{} ({})", texts.t(&format!("kpi-{}", kpi.name())), unit_of(texts, kpi));
    let kpis = Kpi::ALL.map(|kpi| (kpi.name().to_owned(), said(kpi)));
    let every = everywhere.then(|| (String::new(), texts.t("dashboard-each-plant")));
    let plants = every.into_iter().chain(plants.into_iter().map(|code| (code.clone(), code)));
    Fields::new(texts, "/dashboards/targets", texts.t("dashboard-set")).hidden("seen", seen(targets)).inputs(
        [
            Input::choice("kpi", texts.t("dashboard-figure"), kpis).value(&typed.kpi).required(),
            Input::choice("plant", texts.t("dashboard-plant"), plants)
                .value(&typed.plant)
                .is_required(!everywhere),
            Input::number("target", texts.t("dashboard-should-be")).value(&typed.target),
        ],
    )
}

impl TargetsPage<'_> {
    fn unit(&self, kpi: &Kpi) -> String {
        unit_of(self.texts, *kpi)
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
    let plants: Vec<String> = codes.into_iter().filter(|code| own.has(code)).collect();
    let everywhere = matches!(own, Plants::All);
    let fields = caller
        .may(&DASHBOARD_TARGETS)
        .then(|| target_fields(&caller.texts, &targets, (plants, everywhere), typed).problem(error));
    let view = TargetsPage { texts: &caller.texts, targets, fields };
    Shell::new(state, caller, caller.t("dashboard-targets"), HREF)
        .under(HREF, caller.t("nav-dashboards"))
        .page(headers, &view)
}

/// A target as the form sends it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Typed {
    kpi: String,
    plant: String,
    target: String,
    /// What the page showed, as [`seen`] writes it.
    seen: String,
}

impl Typed {
    /// The version of the target as the page showed it; 0 where it showed none.
    fn version(&self) -> i32 {
        let shown = |one: &str| {
            let (of, version) = one.rsplit_once('=')?;
            let (kpi, plant) = of.split_once(':')?;
            (kpi == self.kpi && plant == self.plant).then(|| version.parse().ok()).flatten()
        };
        self.seen.split(',').find_map(shown).unwrap_or(0)
    }
}

/// `POST /dashboards/targets`
async fn set_target(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&DASHBOARD_TARGETS)?;
    let typed = form(sent)?;
    let seen = typed.version();
    let wish = Wish { kpi: typed.kpi, plant: typed.plant, target: typed.target, version: Some(seen) };
    let problem = match service::set_target(&state, &caller, &wish, wish.version).await {
        Ok(()) => return Ok(Redirect::to("/dashboards/targets").into_response()),
        Err(problem) if problem.code == "dashboard.target" => problem,
        // What the other one set stands on the page, and what was typed stays.
        Err(problem) if problem.code == "conflict.stale" => {
            problem.field("target", caller.t("error-conflict-stale"))
        }
        // For a while the organisation can only be read.
        Err(problem) if problem.keeps_form() => problem,
        Err(problem) => return Err(problem),
    };
    let mut response = show_targets(&state, &caller, &headers, &wish, Some(&problem)).await?;
    *response.status_mut() = problem.status;
    Ok(response)
}
