//! Whether a mirror equals Postgres: counts and sums per plant, day and stage, at the same
//! batch.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::Connection;
use platform::db::{Db, Tx};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::Error;
use uuid::Uuid;

use super::voids::Corrections;
use super::{MirrorError, Mirrors, tx};

/// Differences that are told; more than that are one disaster.
const TOLD: usize = 100;

/// What was compared, and what differed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Both were looked at up to this batch.
    pub batch: i64,
    /// Events compared.
    pub events: i64,
    /// Each in words, at most a hundred; none when they are equal.
    pub differences: Vec<String>,
}

/// A plant, a day and a stage.
type Cell = (String, NaiveDate, i16);

/// Counts and sums of a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    events: i64,
    void: i64,
    accepted: Decimal,
    rejected: Decimal,
    readings: i64,
    values: Decimal,
    links: i64,
    linked: Decimal,
}

/// Takes in what is there, and compares.
///
/// # Errors
/// [`MirrorError`]; a difference is no error.
pub async fn check(
    mirrors: &Mirrors,
    db: &Db,
    tenant: Uuid,
    now: DateTime<Utc>,
) -> Result<Report, MirrorError> {
    mirrors.catch_up(db, tenant, now, |_, _| {}).await?;
    let here = mirrors.work(tenant, of_mirror).await?;
    let batch = here.fresh.batch;
    let there = tx(db, tenant, async |tx| Ok(of_postgres(tx, batch).await?)).await?;
    let differences = compare(&here.value, &there);
    let inner = mirrors.inner()?;
    inner.counts.differences.store(i64::try_from(differences.len()).unwrap_or(i64::MAX), Ordering::Relaxed);
    Ok(Report { batch, events: there.values().map(|sums| sums.events).sum(), differences })
}

fn compare(here: &BTreeMap<Cell, Sums>, there: &BTreeMap<Cell, Sums>) -> Vec<String> {
    let mut told = Vec::new();
    let cells: std::collections::BTreeSet<&Cell> = here.keys().chain(there.keys()).collect();
    for cell in cells {
        let (one, other) =
            (here.get(cell).copied().unwrap_or_default(), there.get(cell).copied().unwrap_or_default());
        if one != other && told.len() < TOLD {
            let (plant, day, stage) = cell;
            told.push(format!("plant {plant:?}, {day}, stage {stage}: mirror {one:?}, Postgres {other:?}"));
        }
    }
    told
}

fn of_mirror(conn: &Connection) -> duckdb::Result<BTreeMap<Cell, Sums>> {
    let mut all: BTreeMap<Cell, Sums> = BTreeMap::new();
    let mut add = |sql: &str, put: fn(&mut Sums, i64, i64, Decimal, Decimal)| -> duckdb::Result<()> {
        let mut asked = conn.prepare(sql)?;
        let mut rows = asked.query([])?;
        while let Some(row) = rows.next()? {
            let day: String = row.get(1)?;
            let cell = (row.get(0)?, day.parse().unwrap_or_default(), row.get(2)?);
            let sum = |text: String| text.parse::<Decimal>().unwrap_or_default().normalize();
            put(all.entry(cell).or_default(), row.get(3)?, row.get(4)?, sum(row.get(5)?), sum(row.get(6)?));
        }
        Ok(())
    };
    add(
        "select p.code, f.day::varchar, f.stage, count(*), count(*) filter (f.void),
                coalesce(sum(f.accepted), 0)::varchar, coalesce(sum(f.rejected), 0)::varchar
         from fact_lifecycle f join dim_plant p on p.id = f.plant group by all",
        |sums, events, void, accepted, rejected| {
            (sums.events, sums.void, sums.accepted, sums.rejected) = (events, void, accepted, rejected);
        },
    )?;
    add(
        "select p.code, f.day::varchar, f.stage, count(*), 0::bigint, coalesce(sum(f.value), 0)::varchar, '0'
         from fact_reading f join dim_plant p on p.id = f.plant group by all",
        |sums, readings, _, values, _| (sums.readings, sums.values) = (readings, values),
    )?;
    // A link knows no stage; under 0.
    add(
        "select p.code, f.day::varchar, 0::smallint, count(*), 0::bigint, coalesce(sum(f.quantity), 0)::varchar, '0'
         from fact_genealogy f join dim_plant p on p.id = f.plant group by all",
        |sums, links, _, linked, _| (sums.links, sums.linked) = (links, linked),
    )?;
    Ok(all)
}

async fn of_postgres(tx: &mut Tx, batch: i64) -> Result<BTreeMap<Cell, Sums>, Error> {
    let tenant = tx.tenant();
    let mut all: BTreeMap<Cell, Sums> = BTreeMap::new();
    // It reads all there is, which nobody waits for.
    sqlx::query_scalar!(r#"select set_config('statement_timeout', '1h', true) as "set!""#)
        .fetch_one(tx.conn())
        .await?;
    // What a stream has up to a batch is what stands up to the last seq of its batches.
    let events = sqlx::query!(
        r#"with cut as (select agent_id, epoch, max(to_seq) as top from ingest_batches
                        where tenant_id = $1 and batch_id <= $2 group by agent_id, epoch)
           select e.plant, coalesce(e.production_date,
                      (e.occurred_at at time zone 'UTC' + make_interval(mins => e.occurred_offset_min))::date)
                      as "day!", e.stage, count(*) as "events!",
                  coalesce(sum(e.accepted_quantity), 0) as "accepted!",
                  coalesce(sum(e.rejected_quantity), 0) as "rejected!"
           from cut join lifecycle_events e on e.tenant_id = $1 and e.agent_id = cut.agent_id
               and e.epoch = cut.epoch and e.seq <= cut.top
           group by 1, 2, 3"#,
        tenant,
        batch,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in events {
        let sums = all.entry((row.plant, row.day, row.stage)).or_default();
        sums.events = row.events;
        (sums.accepted, sums.rejected) = (row.accepted.normalize(), row.rejected.normalize());
    }
    let readings = sqlx::query!(
        r#"with cut as (select agent_id, epoch, max(to_seq) as top from ingest_batches
                        where tenant_id = $1 and batch_id <= $2 group by agent_id, epoch)
           select e.plant, coalesce(e.production_date,
                      (e.occurred_at at time zone 'UTC' + make_interval(mins => e.occurred_offset_min))::date)
                      as "day!", e.stage, count(*) as "readings!", coalesce(sum(r.value), 0) as "values!"
           from cut join lifecycle_events e on e.tenant_id = $1 and e.agent_id = cut.agent_id
               and e.epoch = cut.epoch and e.seq <= cut.top
           join event_readings r on r.tenant_id = $1 and r.agent_id = e.agent_id and r.epoch = e.epoch
               and r.seq = e.seq
           group by 1, 2, 3"#,
        tenant,
        batch,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in readings {
        let sums = all.entry((row.plant, row.day, row.stage)).or_default();
        (sums.readings, sums.values) = (row.readings, row.values.normalize());
    }
    let links = sqlx::query!(
        r#"with cut as (select agent_id, epoch, max(to_seq) as top from ingest_batches
                        where tenant_id = $1 and batch_id <= $2 group by agent_id, epoch)
           select e.plant, coalesce(e.production_date,
                      (e.occurred_at at time zone 'UTC' + make_interval(mins => e.occurred_offset_min))::date)
                      as "day!", count(*) as "links!", coalesce(sum(l.quantity), 0) as "linked!"
           from cut join uid_links l on l.tenant_id = $1 and l.agent_id = cut.agent_id and l.epoch = cut.epoch
               and l.seq <= cut.top
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = l.agent_id and e.epoch = l.epoch
               and e.seq = l.seq
           group by 1, 2"#,
        tenant,
        batch,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in links {
        let sums = all.entry((row.plant, row.day, 0)).or_default();
        (sums.links, sums.linked) = (row.links, row.linked.normalize());
    }
    let pairs = sqlx::query!(
        r#"with cut as (select agent_id, epoch, max(to_seq) as top from ingest_batches
                        where tenant_id = $1 and batch_id <= $2 group by agent_id, epoch)
           select e.event_id, e.corrects as "corrects!"
           from cut join lifecycle_events e on e.tenant_id = $1 and e.agent_id = cut.agent_id
               and e.epoch = cut.epoch and e.seq <= cut.top
           where e.corrects is not null"#,
        tenant,
        batch,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut corrections = Corrections::default();
    for pair in pairs {
        corrections.add(pair.event_id, pair.corrects);
    }
    let void: Vec<Uuid> = corrections.all_corrected().filter(|event| corrections.void(*event)).collect();
    let void = sqlx::query!(
        r#"with cut as (select agent_id, epoch, max(to_seq) as top from ingest_batches
                        where tenant_id = $1 and batch_id <= $2 group by agent_id, epoch)
           select e.plant, coalesce(e.production_date,
                      (e.occurred_at at time zone 'UTC' + make_interval(mins => e.occurred_offset_min))::date)
                      as "day!", e.stage, count(*) as "void!"
           from cut join lifecycle_events e on e.tenant_id = $1 and e.agent_id = cut.agent_id
               and e.epoch = cut.epoch and e.seq <= cut.top and e.event_id = any($3)
           group by 1, 2, 3"#,
        tenant,
        batch,
        &void,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in void {
        all.entry((row.plant, row.day, row.stage)).or_default().void = row.void;
    }
    Ok(all)
}
