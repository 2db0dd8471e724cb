//! The events behind a figure: of the mirror, or what is in work by the registry.

use chrono::{DateTime, Utc};
use platform::db::DbError;
use platform::web::{AppState, Caller, Problem, moment, no_place};
use serde::Serialize;
use trace::explore::error::TraceError;
use trace::explore::names;
use trace::explore::service::{own_code, uid_text};
use utoipa::ToSchema;

use super::ask::{self, After, Narrow, Scope};
use super::model::Kpi;
use super::service::{Asked, is_code, scope};
use super::store;
use crate::mirror::{Freshness, Mirrors};
use crate::rights::DASHBOARD_READ;

/// What a list of events is narrowed to, as it stands in the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// Codes of dimensions.
    pub by: Narrow,
    /// Name of a stage, of what is in work.
    pub stage: Option<String>,
    /// How long it has been in work: `day`, `three_days`, `week` or `older`.
    pub age: Option<String>,
}

/// A step of the time that units have been in work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Up to a day.
    Day,
    /// Up to three days.
    ThreeDays,
    /// Up to a week.
    Week,
    /// Longer.
    Older,
}

impl Age {
    /// All of them, the youngest first.
    pub const ALL: [Self; 4] = [Self::Day, Self::ThreeDays, Self::Week, Self::Older];

    /// Its name in addresses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::ThreeDays => "three_days",
            Self::Week => "week",
            Self::Older => "older",
        }
    }

    /// Last events of it are after the first moment, and not after the second.
    fn between(self, now: DateTime<Utc>) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let [day, three_days, week] = store::ages(now);
        match self {
            Self::Day => (Some(day), None),
            Self::ThreeDays => (Some(three_days), Some(day)),
            Self::Week => (Some(week), Some(three_days)),
            Self::Older => (None, Some(week)),
        }
    }
}

/// An event behind a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = KpiEvent)]
pub struct EventBehind {
    /// When, by the plant's clock.
    pub at: DateTime<Utc>,
    /// Plant.
    pub plant: String,
    /// Name of the stage.
    pub stage: String,
    /// Station.
    pub station: String,
    /// Machine.
    pub machine: String,
    /// Item.
    pub item: String,
    /// The unit; null where the event names none.
    pub uid: Option<String>,
    /// How much it adds to the figure.
    pub adds: i64,
    /// A reading with its limits, or a reason.
    pub detail: String,
}

/// Events behind a figure, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = KpiEventsPage)]
pub struct Page {
    /// The events.
    pub events: Vec<EventBehind>,
    /// What all of them, on all pages, add up to: the figure, or of a share what is missing
    /// from a whole one.
    pub total: i64,
    /// `after` of the next page; null at the end.
    pub next: Option<String>,
    /// Up to what it holds; null for what is in work, which is asked of the registry.
    pub fresh: Option<Freshness>,
}

/// Events on a page.
const PAGE: usize = 50;

/// The events behind a figure.
///
/// # Errors
/// As [`service::view`](super::service::view); 400 `query.parameter` for an `after` that no page gave, `dashboard.narrow`
/// for what the figure cannot be narrowed to.
pub async fn behind(
    state: &AppState,
    mirrors: &Mirrors,
    caller: &Caller,
    (kpi, asked, narrowed, after): (Kpi, &Asked, &Narrowed, Option<&str>),
    now: DateTime<Utc>,
) -> Result<Page, Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    let cx = caller.at(&DASHBOARD_READ);
    let (code, clocks) = state
        .db
        .tx(&cx, async |tx| {
            Ok::<_, TraceError>((own_code(tx).await?, store::clocks(tx, now).await.map_err(DbError::from)?))
        })
        .await
        .map_err(Problem::from)?;
    let (scope, _) = scope(caller, asked, &clocks, now)?;
    let after = after.filter(|after| !after.is_empty());
    if kpi == Kpi::Wip {
        let of = Narrowing::read(narrowed, now)?;
        return in_work(state, caller, (&scope, &of), after.map(wip_place).transpose()?, code).await;
    }
    if !narrowed.by.fits(kpi) || narrowed.stage.is_some() || narrowed.age.is_some() {
        return Err(Problem::bad_request("dashboard.narrow", ""));
    }
    let place = after.map(|after| place(after).ok_or_else(no_place)).transpose()?;
    let by = narrowed.by.clone();
    let found = mirrors
        .ask(caller.cx.tenant, move |conn| ask::behind(conn, kpi, (&scope, &by), place.as_ref(), PAGE + 1))
        .await?;
    let (mut rows, total) = found.value.unwrap_or_default();
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|row| format!("{}_{}_{}_{}_{}", row.at_us, row.agent, row.epoch, row.seq, row.ordinal));
    let events = rows
        .into_iter()
        .map(|row| EventBehind {
            at: DateTime::from_timestamp_micros(row.at_us).unwrap_or_default(),
            plant: row.plant,
            stage: names::stage(row.stage).as_str_name().to_owned(),
            station: row.station,
            machine: row.machine,
            item: row.item,
            uid: row.key.map(|key| uid_text(code, key)),
            adds: row.adds,
            detail: row.detail,
        })
        .collect();
    Ok(Page { events, total, next, fresh: Some(found.fresh) })
}

fn place(text: &str) -> Option<After> {
    let mut parts = text.split('_');
    let mut next = || parts.next();
    let (at_us, agent, epoch) = (next()?.parse().ok()?, next()?, next()?.parse().ok()?);
    let agent = agent.parse::<uuid::Uuid>().ok()?.to_string();
    Some(After { at_us, agent, epoch, seq: next()?.parse().ok()?, ordinal: next()?.parse().ok()? })
}

type WipPlace = (String, i16, DateTime<Utc>, i64);

fn wip_place(text: &str) -> Result<WipPlace, Problem> {
    let read = || {
        let mut parts = text.split('_');
        let plant = parts.next().filter(|code| is_code(code))?.to_owned();
        let (stage, at) = (parts.next()?.parse().ok()?, moment(parts.next()?)?);
        Some((plant, stage, at, parts.next()?.parse().ok()?))
    };
    read().ok_or_else(no_place)
}

/// What is in work, narrowed.
struct Narrowing {
    now: DateTime<Utc>,
    stage: Option<i16>,
    age: Option<Age>,
}

impl Narrowing {
    fn read(narrowed: &Narrowed, now: DateTime<Utc>) -> Result<Self, Problem> {
        let wrong = || Problem::bad_request("dashboard.narrow", "");
        if narrowed.by != Narrow::default() {
            return Err(wrong());
        }
        let stage = narrowed.stage.as_deref().map(|name| {
            let stage = proto::v1::Stage::from_str_name(name).ok_or_else(wrong)?;
            i16::try_from(i32::from(stage)).map_err(|_| wrong())
        });
        let age = narrowed
            .age
            .as_deref()
            .map(|name| Age::ALL.into_iter().find(|age| age.name() == name).ok_or_else(wrong));
        Ok(Self { now, stage: stage.transpose()?, age: age.transpose()? })
    }

    /// How many of a row are meant.
    fn of(&self, row: &store::WipRow) -> i64 {
        match (self.stage.is_none_or(|stage| stage == row.stage), self.age) {
            (false, _) => 0,
            (true, None) => row.total,
            (true, Some(Age::Day)) => row.day,
            (true, Some(Age::ThreeDays)) => row.three_days,
            (true, Some(Age::Week)) => row.week,
            (true, Some(Age::Older)) => row.older,
        }
    }
}

async fn in_work(
    state: &AppState,
    caller: &Caller,
    (scope, of): (&Scope, &Narrowing),
    after: Option<WipPlace>,
    code: uid::TenantCode,
) -> Result<Page, Problem> {
    let (mut units, total) = state
        .db
        .tx(&caller.at(&DASHBOARD_READ), async |tx| {
            let after = after.as_ref().map(|(plant, stage, at, key)| (plant.as_str(), *stage, *at, *key));
            let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
            let (younger, older) = of.age.map(|age| age.between(of.now)).unwrap_or_default();
            let only = store::WipOnly { stage: of.stage, younger, older };
            let units = store::wip_units(tx, scope.plants.as_deref(), &only, after, limit).await?;
            let wip = store::wip(tx, scope.plants.as_deref(), of.now).await?;
            Ok::<_, DbError>((units, wip.iter().map(|row| of.of(row)).sum::<i64>()))
        })
        .await?;
    let more = units.len() > PAGE;
    units.truncate(PAGE);
    let next = units.last().filter(|_| more).map(|unit| {
        format!("{}_{}_{}_{}", unit.plant, unit.stage, unit.last_at.timestamp_micros(), unit.key)
    });
    let events = units
        .into_iter()
        .map(|unit| EventBehind {
            at: unit.last_at,
            plant: unit.plant,
            stage: names::stage(unit.stage).as_str_name().to_owned(),
            station: unit.location,
            machine: String::new(),
            item: unit.item,
            uid: Some(uid_text(code, unit.key)),
            adds: 1,
            detail: String::new(),
        })
        .collect();
    Ok(Page { events, total, next, fresh: None })
}
