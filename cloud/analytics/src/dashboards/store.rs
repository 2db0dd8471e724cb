//! SQL of the dashboards on Postgres: targets, work in progress, and how current plants are.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, NaiveDate, NaiveTime, TimeDelta, Utc};
use platform::db::Tx;
use platform::i18n::Lang;
use rust_decimal::Decimal;
use sqlx::Error;

use super::today::Clock;

/// A target as it is stored.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct TargetRow {
    pub kpi: String,
    pub plant: String,
    pub target: Decimal,
    pub version: i32,
}

/// All targets.
pub async fn targets(tx: &mut Tx) -> Result<Vec<TargetRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        TargetRow,
        "select kpi, plant, target, version from kpi_targets where tenant_id = $1 order by kpi, plant",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// A target, locked until the transaction ends.
pub async fn target_lock(tx: &mut Tx, kpi: &str, plant: &str) -> Result<Option<TargetRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        TargetRow,
        "select kpi, plant, target, version from kpi_targets \
         where tenant_id = $1 and kpi = $2 and plant = $3 for update",
        tenant,
        kpi,
        plant,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Sets the target of a figure at a plant; `false` when there is another than that of
/// `version`, of which 0 is none.
pub async fn target_set(
    tx: &mut Tx,
    (kpi, plant): (&str, &str),
    target: Decimal,
    version: i32,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into kpi_targets (tenant_id, kpi, plant, target) values ($1, $2, $3, $4) \
         on conflict (tenant_id, kpi, plant) \
         do update set target = excluded.target, version = kpi_targets.version + 1 \
         where kpi_targets.version = $5",
        tenant,
        kpi,
        plant,
        target,
        version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes a target away.
pub async fn target_remove(tx: &mut Tx, kpi: &str, plant: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from kpi_targets where tenant_id = $1 and kpi = $2 and plant = $3",
        tenant,
        kpi,
        plant,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Units in work at a stage, by how long they have been there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as they are shown")]
pub struct WipRow {
    pub stage: i16,
    pub total: i64,
    pub day: i64,
    pub three_days: i64,
    pub week: i64,
    pub older: i64,
}

/// The moments at which units in work pass from one age to the next: a day, three days and a week
/// ago.
pub(super) fn ages(now: DateTime<Utc>) -> [DateTime<Utc>; 3] {
    [1, 3, 7].map(|days| now - TimeDelta::days(days))
}

/// Units in work now (`trace::projection::state::in_work`) by stage: within a day, three days,
/// a week, or longer since they last went on. What is inside of another unit is counted with it,
/// wherever that went. They are counted by hours; of the hours in which an age ends each unit is
/// looked at.
pub async fn wip(tx: &mut Tx, plants: Option<&[String]>, now: DateTime<Utc>) -> Result<Vec<WipRow>, Error> {
    let tenant = tx.tenant();
    let [day, three_days, week] = ages(now);
    let split = [day, three_days, week].map(hour);
    let until = split.map(|hour| hour + TimeDelta::hours(1));
    sqlx::query_as!(
        WipRow,
        r#"with noted as (
               select plant, stage, hour, units from in_work_hours
               where tenant_id = $1 and ($2::text[] is null or plant = any($2))
               union all
               select plant, stage, hour, units from in_work_changes
               where tenant_id = $1 and ($2::text[] is null or plant = any($2))),
           counted as (
               select stage, hour as at, units from noted where hour <> all($6::timestamptz[])
               union all
               select r.last_stage, r.last_at, 1
               from (select distinct plant, stage, hour, until
                     from noted join unnest($6, $7::timestamptz[]) as split(hour, until) using (hour)) split
               join uid_registry r on r.tenant_id = $1 and r.plant = split.plant and r.last_stage = split.stage
                   and r.last_at >= split.hour and r.last_at < split.until
               where r.life = 2 and r.custody = 1
                 and (r.last_stage in (15, 16, 19, 20) or r.last_stage in (12, 14, 17, 18) and r.order_number <> ''))
           select stage as "stage!", sum(units)::bigint as "total!",
                  coalesce(sum(units) filter (where at > $3::timestamptz), 0)::bigint as "day!",
                  coalesce(sum(units) filter (where at <= $3 and at > $4::timestamptz), 0)::bigint as "three_days!",
                  coalesce(sum(units) filter (where at <= $4 and at > $5::timestamptz), 0)::bigint as "week!",
                  coalesce(sum(units) filter (where at <= $5), 0)::bigint as "older!"
           from counted group by stage having sum(units) <> 0 order by stage"#,
        tenant,
        plants,
        day,
        three_days,
        week,
        &split,
        &until,
    )
    .fetch_all(tx.conn())
    .await
}

/// The beginning of the hour of UTC in which a moment lies, by which the registry's counts go.
fn hour(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

/// A unit in work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct WipUnit {
    pub key: i64,
    pub plant: String,
    pub stage: i16,
    pub item: String,
    pub location: String,
    pub last_at: DateTime<Utc>,
}

/// Which units in work: of one stage, and with the last event after one moment and not after
/// another, where those are given.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "described above")]
pub struct WipOnly {
    pub stage: Option<i16>,
    pub younger: Option<DateTime<Utc>>,
    pub older: Option<DateTime<Utc>>,
}

/// Units in work, in the order of the index; after the one named.
pub async fn wip_units(
    tx: &mut Tx,
    plants: Option<&[String]>,
    only: &WipOnly,
    after: Option<(&str, i16, DateTime<Utc>, i64)>,
    limit: i64,
) -> Result<Vec<WipUnit>, Error> {
    let tenant = tx.tenant();
    let (plant, stage, at, key) = after.unwrap_or(("", 0, DateTime::UNIX_EPOCH, 0));
    sqlx::query_as!(
        WipUnit,
        r#"select key, plant, last_stage as stage, item, location, last_at from uid_registry
           where tenant_id = $1 and life = 2 and custody = 1
             and (last_stage in (15, 16, 19, 20) or last_stage in (12, 14, 17, 18) and order_number <> '')
             and ($2::text[] is null or plant = any($2))
             and (plant, last_stage, last_at, key) > ($3, $4, $5, $6)
             and ($8::smallint is null or last_stage = $8)
             and ($9::timestamptz is null or last_at > $9) and ($10::timestamptz is null or last_at <= $10)
           order by plant, last_stage, last_at, key limit $7"#,
        tenant,
        plants,
        plant,
        stage,
        at,
        key,
        limit,
        only.stage,
        only.younger,
        only.older,
    )
    .fetch_all(tx.conn())
    .await
}

/// Codes of plants, and their names for a reader of this language.
pub async fn plants(tx: &mut Tx, lang: Lang) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select code, coalesce(names ->> $2, name) as "name!" from plants
           where tenant_id = $1 and deleted_at is null order by code"#,
        tenant,
        lang.code(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.name)).collect())
}

/// What is known of the days of each plant at this moment.
pub async fn clocks(tx: &mut Tx, now: DateTime<Utc>) -> Result<Vec<Clock>, Error> {
    let tenant = tx.tenant();
    let shifts = sqlx::query!(
        "select plant, starts, ends from shifts where tenant_id = $1 and deleted_at is null \
         order by plant, starts, shift",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut of_plant: BTreeMap<String, Vec<(NaiveTime, NaiveTime)>> = BTreeMap::new();
    for row in shifts {
        of_plant.entry(row.plant).or_default().push((row.starts, row.ends));
    }
    let told = sqlx::query!(
        "select p.code, e.occurred_at, e.production_date \
         from plants p \
         cross join lateral ( \
             select occurred_at, production_date from lifecycle_events e \
             where e.tenant_id = $1 and e.plant = p.code and e.production_date is not null \
               and e.occurred_at > $2::timestamptz - interval '2 hours' and e.occurred_at <= $2 \
             order by e.occurred_at desc limit 1) e \
         where p.tenant_id = $1 and p.deleted_at is null \
           and not exists (select from shifts s \
                           where s.tenant_id = $1 and s.plant = p.code and s.deleted_at is null)",
        tenant,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut told: BTreeMap<String, (DateTime<Utc>, NaiveDate)> = told
        .into_iter()
        .filter_map(|row| Some((row.code, (row.occurred_at, row.production_date?))))
        .collect();
    let plants = sqlx::query!(
        "select code, time_zone from plants where tenant_id = $1 and deleted_at is null",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(plants
        .into_iter()
        .map(|row| Clock {
            zone: platform::i18n::zone(&row.time_zone),
            shifts: of_plant.remove(&row.code).unwrap_or_default(),
            told: told.remove(&row.code),
            plant: row.code,
        })
        .collect())
}

/// Plants that may have recorded what has not come yet: not heard of since `since`, or with
/// events waiting; and when they were last heard of. Where few wait, and what the plant recorded
/// in the ten seconds before it told so or later has come, they are on their way.
pub async fn behind(
    tx: &mut Tx,
    since: DateTime<Utc>,
) -> Result<Vec<(String, Option<DateTime<Utc>>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select coalesce(a.plant_code, '') as "plant!", min(a.last_seen_at) as "last?" from agents a
           where a.tenant_id = $1 and a.kind = 'plant' and a.status <> 'revoked'
             and (a.last_seen_at is null or a.last_seen_at < $2
                  or a.queued_events > 100
                  or a.queued_events > 0
                     and not exists (select from lifecycle_events e
                                     where e.tenant_id = $1 and e.plant = a.plant_code
                                       and e.occurred_at >= a.last_seen_at - interval '10 seconds'))
           group by a.plant_code order by a.plant_code"#,
        tenant,
        since,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.plant, row.last)).collect())
}
