//! Dashboards: right → questions to the mirror and to Postgres → figures. Pages and API
//! both go through it.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use platform::audit::{self, Entry};
use platform::ctx::Plants;
use platform::db::DbError;
use platform::i18n::typed_decimal;
use platform::web::{AppState, Caller, Problem};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use trace::explore::names;
use trace::explore::service::FRESH;
use utoipa::ToSchema;

use super::ask::{self, Bars, Counts, Scope, Until};
use super::model::{Before, Board, Kpi, Span, Tile, percent};
use super::store;
use super::today::{self, Clock};
use crate::mirror::{self, Freshness, Mirrors};
use crate::rights::{DASHBOARD_READ, DASHBOARD_TARGETS};

/// What a dashboard is asked for, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = DashboardAsked)]
pub struct Asked {
    /// Code of a plant; all that one may see, when left out.
    pub plant: String,
    /// `today`, `7d`, `30d`, `90d`, `month`, `year`, or `days`; seven days when left out.
    /// `from` and `to` come before it.
    pub period: String,
    /// First day, as 2025-01-31.
    pub from: String,
    /// Last day.
    pub to: String,
}

impl Asked {
    /// The same with the days that were looked at: "today" is another day at a plant in
    /// another time zone, and after midnight.
    #[must_use]
    pub(super) fn of_days(&self, span: Span) -> Self {
        let Span { from, to } = span;
        Self { period: "days".into(), from: from.to_string(), to: to.to_string(), ..self.clone() }
    }
}

/// A day of a chart; null where nothing at all was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DashboardDay)]
#[allow(missing_docs, reason = "named as the figures are")]
pub struct DayPoint {
    pub day: NaiveDate,
    pub received: Option<i64>,
    pub operations: Option<i64>,
    pub packed: Option<i64>,
    pub dispatched: Option<i64>,
    pub rejects: Option<i64>,
    /// Percent.
    #[schema(value_type = Option<String>)]
    pub first_pass: Option<Decimal>,
}

/// A plant beside the others.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = DashboardPlant)]
pub struct PlantRow {
    /// Its code.
    pub plant: String,
    /// Its name.
    pub name: String,
    /// Its figures.
    pub tiles: Vec<Tile>,
}

/// Units in work at a stage, by the time since their last event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DashboardWip)]
pub struct Wip {
    /// Name of the stage.
    pub stage: String,
    /// All of them.
    pub total: i64,
    /// Up to a day.
    pub day: i64,
    /// Up to three days.
    pub three_days: i64,
    /// Up to a week.
    pub week: i64,
    /// Longer.
    pub older: i64,
}

/// A plant that may have recorded what has not come yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DashboardPlantBehind)]
pub struct PlantBehind {
    /// Its code.
    pub plant: String,
    /// When it was last heard of.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// A dashboard's figures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Dashboard)]
pub struct View {
    /// Which.
    pub board: Board,
    /// The days it is about.
    pub span: Span,
    /// The days that it is compared with.
    pub before: Before,
    /// Its figures.
    pub tiles: Vec<Tile>,
    /// Each day.
    pub days: Vec<DayPoint>,
    /// Each plant.
    pub plants: Vec<PlantRow>,
    /// Units in work now.
    pub wip: Vec<Wip>,
    /// Machines, by quarter hours with a record.
    pub machines: Bars,
    /// Reasons of failed results, most first.
    pub rejects: Bars,
    /// What was read beyond its limits.
    pub outside: Bars,
    /// Suppliers by failed incoming inspections.
    pub suppliers: Bars,
    /// Suppliers by units received.
    pub receipts: Bars,
    /// Up to what the figures hold.
    pub fresh: Freshness,
    /// When work in progress was counted.
    pub wip_at: DateTime<Utc>,
    /// Up to which batch, at least.
    pub wip_batch: i64,
    /// Batches that were there and not yet counted in it.
    pub wip_behind: i64,
    /// Plants that may have recorded what is not counted yet.
    pub plants_behind: Vec<PlantBehind>,
}

pub(super) fn is_code(plant: &str) -> bool {
    plant.len() == 3 && plant.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The days and plants of a question that the caller may ask, and which day it is there.
///
/// # Errors
/// 400 `dashboard.days`, or 404 for a plant that is not there for the caller.
pub(super) fn scope(
    caller: &Caller,
    asked: &Asked,
    clocks: &[Clock],
    now: DateTime<Utc>,
) -> Result<(Scope, NaiveDate), Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    let mut plants = caller.in_focus(&DASHBOARD_READ).plants.codes();
    if !asked.plant.is_empty() {
        let own = caller.plants(&DASHBOARD_READ);
        let known = clocks.iter().any(|clock| clock.plant == asked.plant);
        if !known || !is_code(&asked.plant) || !own.has(&asked.plant) {
            return Err(Problem::not_found());
        }
        plants = Some(vec![asked.plant.clone()]);
    }
    let shown = |clock: &&Clock| plants.as_ref().is_none_or(|codes| codes.contains(&clock.plant));
    let today = today::over(&clocks.iter().filter(shown).collect::<Vec<_>>(), caller.zone, now);
    let span = Span::read(&asked.period, &asked.from, &asked.to, today)
        .ok_or_else(|| Problem::bad_request("dashboard.days", ""))?;
    Ok((Scope { span, plants }, today))
}

/// What the mirror answers for a dashboard.
#[derive(Default)]
struct Mirrored {
    days: ask::Days,
    before: ask::Days,
    machines: Bars,
    rejects: Bars,
    outside: Bars,
    suppliers: Bars,
    receipts: Bars,
}

/// A dashboard.
///
/// # Errors
/// As [`scope`]; 503 `mirror.building` and others while the mirror gives no answer.
pub async fn view(
    state: &AppState,
    mirrors: &Mirrors,
    caller: &Caller,
    board: Board,
    asked: &Asked,
    now: DateTime<Utc>,
) -> Result<View, Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    let cx = caller.at(&DASHBOARD_READ);
    let (all_plants, clocks) = state
        .db
        .tx(&cx, async |tx| {
            Ok::<_, DbError>((store::plants(tx, caller.texts.lang).await?, store::clocks(tx, now).await?))
        })
        .await?;
    let (scope, today) = scope(caller, asked, &clocks, now)?;
    let by_month = asked.period == "month" && asked.from.is_empty() && asked.to.is_empty();
    let before = Before::of(&scope.span, by_month, today);
    let until = before.so_far.then(|| Until {
        plants: clocks.iter().map(|clock| (clock.plant.clone(), before.until(now, clock.zone))).collect(),
        others: before.until(now, caller.zone),
    });
    let question = scope.clone();
    let mirrored = mirrors
        .ask(caller.cx.tenant, move |conn| {
            let mut found = Mirrored {
                days: ask::days(conn, &question)?,
                before: ask::before(conn, &question.plants, &before, until.as_ref())?,
                ..Mirrored::default()
            };
            match board {
                Board::Executive => {}
                Board::Plant | Board::Production => found.machines = ask::machines(conn, &question)?,
                Board::Quality => {
                    found.rejects = ask::rejects(conn, &question)?;
                    found.outside = ask::outside(conn, &question)?;
                }
                Board::Receiving => {
                    found.suppliers = ask::suppliers(conn, &question)?;
                    found.receipts = ask::receipts(conn, &question)?;
                }
            }
            Ok(found)
        })
        .await?;
    let (targets, registry, wip, behind) = state
        .db
        .tx(&cx, async |tx| {
            let targets = store::targets(tx).await?;
            // Before what is in work, which so is of that batch or of a later one.
            let registry = mirror::standing(tx).await?;
            let wip = store::wip(tx, scope.plants.as_deref(), now).await?;
            let behind = store::behind(tx, now - FRESH).await?;
            Ok::<_, DbError>((targets, registry, wip, behind))
        })
        .await?;
    let shown = |code: &str| scope.plants.as_ref().is_none_or(|codes| codes.iter().any(|one| one == code));
    let plants: Vec<(String, String)> = all_plants.into_iter().filter(|(code, _)| shown(code)).collect();
    let codes: Vec<String> = plants.iter().map(|(code, _)| code.clone()).collect();
    let wanted = Targets::of(targets);
    let sum = |days: &ask::Days, plant: Option<&str>| {
        let of = days.iter().filter(|((_, at), _)| plant.is_none_or(|plant| plant == at));
        of.fold(Counts::default(), |sum, (_, counts)| sum.plus(counts))
    };
    let in_work: i64 = wip.iter().map(|row| row.total).sum();
    let tile = |kpi: Kpi, plant: Option<&str>| {
        let (now_counts, then) = (sum(&mirrored.value.days, plant), sum(&mirrored.value.before, plant));
        let here = plant.map_or_else(|| codes.clone(), |plant| vec![plant.to_owned()]);
        let value = if kpi == Kpi::Wip {
            (in_work > 0 || now_counts.events > 0).then(|| Decimal::from(in_work))
        } else {
            figure(kpi, &now_counts)
        };
        // What was in work is not known of any time but now.
        let then = if kpi == Kpi::Wip { None } else { figure(kpi, &then) };
        let goes_on = scope.span.has(today);
        Tile::new(kpi, value, then, wanted.over(kpi, &here), (scope.span.days(), goes_on))
    };
    let rows = plants
        .iter()
        .map(|(code, name)| PlantRow {
            plant: code.clone(),
            name: name.clone(),
            tiles: board
                .kpis()
                .iter()
                .filter(|kpi| **kpi != Kpi::Wip)
                .map(|kpi| tile(*kpi, Some(code)))
                .collect(),
        })
        .collect();
    Ok(View {
        board,
        span: scope.span,
        before,
        tiles: board.kpis().iter().map(|kpi| tile(*kpi, None)).collect(),
        days: points(&mirrored.value.days, &scope.span),
        plants: rows,
        wip: wip
            .into_iter()
            .map(|row| Wip {
                stage: names::stage(row.stage).as_str_name().to_owned(),
                total: row.total,
                day: row.day,
                three_days: row.three_days,
                week: row.week,
                older: row.older,
            })
            .collect(),
        machines: mirrored.value.machines,
        rejects: mirrored.value.rejects,
        outside: mirrored.value.outside,
        suppliers: mirrored.value.suppliers,
        receipts: mirrored.value.receipts,
        fresh: mirrored.fresh,
        wip_at: now,
        wip_batch: registry.projected,
        wip_behind: (registry.head - registry.projected).max(0),
        plants_behind: behind
            .into_iter()
            .filter(|(plant, _)| shown(plant))
            .map(|(plant, last_seen_at)| PlantBehind { plant, last_seen_at })
            .collect(),
    })
}

/// A figure of counts; `None` where nothing was recorded that it could be of.
#[must_use]
pub fn figure(kpi: Kpi, counts: &Counts) -> Option<Decimal> {
    let count = |n: i64| (counts.events > 0).then(|| Decimal::from(n));
    match kpi {
        Kpi::Received => count(counts.received),
        Kpi::Operations => count(counts.operations),
        Kpi::Packed => count(counts.packed),
        Kpi::Dispatched => count(counts.dispatched),
        Kpi::Scrapped => count(counts.scrapped),
        Kpi::Refused => count(counts.refused),
        Kpi::Rejects => (counts.results > 0).then(|| Decimal::from(counts.rejects)),
        Kpi::FirstPass => percent(counts.first_passed, counts.first),
        Kpi::Outside => percent(counts.outside, counts.limited),
        Kpi::IncomingPass => percent(counts.incoming_passed, counts.incoming),
        Kpi::Wip | Kpi::Records => None,
    }
}

/// Each day of a time, also those on which nothing was recorded.
fn points(days: &ask::Days, span: &Span) -> Vec<DayPoint> {
    let mut by_day: BTreeMap<NaiveDate, Counts> = BTreeMap::new();
    for ((day, _), counts) in days.iter().filter(|((day, _), _)| span.has(*day)) {
        let own = by_day.entry(*day).or_default();
        *own = own.plus(counts);
    }
    span.from
        .iter_days()
        .take_while(|day| *day <= span.to)
        .map(|day| {
            let counts = by_day.get(&day).filter(|counts| counts.events > 0);
            DayPoint {
                day,
                received: counts.map(|counts| counts.received),
                operations: counts.map(|counts| counts.operations),
                packed: counts.map(|counts| counts.packed),
                dispatched: counts.map(|counts| counts.dispatched),
                rejects: counts.filter(|counts| counts.results > 0).map(|counts| counts.rejects),
                first_pass: counts.and_then(|counts| percent(counts.first_passed, counts.first)),
            }
        })
        .collect()
}

/// The tenant's targets.
struct Targets(BTreeMap<(String, String), Decimal>);

impl Targets {
    fn of(rows: Vec<store::TargetRow>) -> Self {
        Self(rows.into_iter().map(|row| ((row.kpi, row.plant), row.target)).collect())
    }

    fn at(&self, kpi: Kpi, plant: &str) -> Option<Decimal> {
        let of = |plant: &str| self.0.get(&(kpi.name().to_owned(), plant.to_owned())).copied();
        of(plant).or_else(|| of(""))
    }

    /// Of plants together: of a count the sum of theirs, where each has one; of a share the
    /// one that all have.
    fn over(&self, kpi: Kpi, plants: &[String]) -> Option<Decimal> {
        let each: Option<Vec<Decimal>> = plants.iter().map(|plant| self.at(kpi, plant)).collect();
        let each = each.filter(|each| !each.is_empty())?;
        if kpi.is_share() {
            return each.iter().all(|one| Some(one) == each.first()).then(|| each.first().copied()).flatten();
        }
        Some(each.into_iter().sum())
    }
}

/// A target.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = KpiTarget)]
pub struct Target {
    /// Of which figure.
    pub kpi: Kpi,
    /// Of which plant; empty: of every plant that has none of its own.
    pub plant: String,
    /// Per day of a count; of a share, and of what is in work, as it is.
    #[schema(value_type = String)]
    pub target: Decimal,
    /// For a change that must not overwrite another's.
    pub version: i32,
}

/// All targets.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = KpiTargets)]
pub struct TargetList {
    /// By figure and plant.
    pub targets: Vec<Target>,
}

/// A target as a form or a program sends it.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TargetWish)]
pub struct Wish {
    /// Name of the figure.
    pub kpi: String,
    /// Code of a plant, or empty.
    pub plant: String,
    /// The number; empty takes the target away.
    pub target: String,
    /// The version of the target that was seen, where `If-Match` does not say it; 0: there was
    /// none.
    pub version: Option<i32>,
}

/// All targets that the caller may see.
///
/// # Errors
/// The database.
pub async fn targets(state: &AppState, caller: &Caller) -> Result<TargetList, Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    let own = caller.plants(&DASHBOARD_READ);
    let rows = state
        .db
        .tx(&caller.at(&DASHBOARD_READ), async |tx| Ok::<_, DbError>(store::targets(tx).await?))
        .await?;
    let seen = rows.into_iter().filter(|row| row.plant.is_empty() || own.has(&row.plant));
    let targets = seen
        .filter_map(|row| {
            Some(Target {
                kpi: Kpi::parse(&row.kpi)?,
                plant: row.plant,
                target: row.target,
                version: row.version,
            })
        })
        .collect();
    Ok(TargetList { targets })
}

/// Sets a target, or takes it away. One for all plants needs the right at all of them.
///
/// # Errors
/// 403; 422 `dashboard.target` with each field that is not right; 409 `conflict.stale` when
/// somebody else changed it since `seen`, which is 0 where there was none.
pub async fn set_target(
    state: &AppState,
    caller: &Caller,
    wish: &Wish,
    seen: Option<i32>,
) -> Result<(), Problem> {
    caller.require_somewhere(&DASHBOARD_TARGETS)?;
    let text = |key: &str| caller.t(key);
    let mut wrong = Problem::invalid("dashboard.target", Vec::new());
    let kpi = Kpi::parse(&wish.kpi);
    if kpi.is_none() {
        wrong = wrong.field("kpi", text("dashboard-wrong-kpi"));
    }
    let typed = wish.target.trim();
    let number = if typed.is_empty() { None } else { typed_decimal(typed) };
    let share = kpi.is_some_and(Kpi::is_share);
    let most = if share { Decimal::from(100) } else { Decimal::from(1_000_000_000) };
    let fits = number.is_some_and(|n| n >= Decimal::ZERO && n <= most && n.scale() <= 6);
    if !typed.is_empty() && !fits {
        let key = if share { "dashboard-wrong-share" } else { "dashboard-wrong-target" };
        wrong = wrong.field("target", text(key));
    }
    let plant = wish.plant.trim();
    state
        .db
        .tx(&caller.at(&DASHBOARD_TARGETS), async |tx| {
            let there = store::plants(tx, caller.texts.lang).await.map_err(DbError::from)?;
            if !plant.is_empty() && !there.iter().any(|(code, _)| code == plant) {
                wrong = wrong.clone().field("plant", text("dashboard-wrong-plant"));
            }
            let (Some(kpi), true) = (kpi, wrong.errors.is_empty()) else {
                return Err(wrong.clone());
            };
            let may = match plant {
                "" => matches!(caller.plants(&DASHBOARD_TARGETS), Plants::All),
                plant => caller.may_at(&DASHBOARD_TARGETS, plant),
            };
            if !may {
                return Err(Problem::forbidden().lacks(&DASHBOARD_TARGETS));
            }
            let before = store::target_lock(tx, kpi.name(), plant).await.map_err(DbError::from)?;
            let stands = before.as_ref().map_or(0, |row| row.version);
            let done = seen.is_none_or(|seen| seen == stands)
                && match number {
                    Some(number) => store::target_set(tx, (kpi.name(), plant), number, stands).await,
                    None => store::target_remove(tx, kpi.name(), plant).await.map(|()| true),
                }
                .map_err(DbError::from)?;
            if !done {
                return Err(Problem::conflict("conflict.stale", ""));
            }
            let told = |target: Decimal| json!({ "kpi": kpi.name(), "plant": plant, "target": target });
            let subject = format!("kpi_target:{}:{plant}", kpi.name());
            let entry = Entry {
                action: "dashboard.target",
                subject: &subject,
                before: before.map(|row| told(row.target)),
                after: number.map(told),
            };
            audit::record(tx, entry).await?;
            Ok(())
        })
        .await
}

/// Whether a problem is only that there is no mirror just now, which a page tells in its
/// place.
#[must_use]
pub fn is_waiting(problem: &Problem) -> bool {
    problem.code.starts_with("mirror.")
}
