//! The plain alternative to the ingest: the same rows into the same tables by
//! the owner, in bulk, one transaction per batch; read and decoded before the
//! clock starts. No chain, no cursor, no policies.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use chrono::Utc;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Postgres, Row, SqliteConnection};
use trace::ingest::decode::{Envelope, decode};
use trace::ingest::rows::{Decoded, LinkRow, LotRow, ReadingRow, ReferenceRow, SubjectRow};
use uuid::Uuid;

use crate::facts::AGENT;

/// Batches that are decoded ahead.
pub const AHEAD: usize = 16;

/// Writes every event of a journal for `tenant`; the seconds spent in Postgres.
pub async fn run(
    journal: &Path,
    owner: &mut PgConnection,
    tenant: Uuid,
    batch: usize,
) -> anyhow::Result<f64> {
    let options = SqliteConnectOptions::new().filename(journal).read_only(true).immutable(true);
    let mut conn = options.connect().await.context("opening the journal")?;
    let (mut after, mut took) = (0, 0.0);
    loop {
        let events = read(&mut conn, after, batch * AHEAD).await?;
        let Some(last) = events.last() else { break };
        after = last.seq;
        took += write(owner, tenant, &events, batch).await?;
    }
    conn.close().await?;
    Ok(took)
}

/// Writes events for `tenant`, so many in a transaction; the seconds that it took.
pub async fn write(
    owner: &mut PgConnection,
    tenant: Uuid,
    events: &[Decoded],
    batch: usize,
) -> anyhow::Result<f64> {
    let began = Instant::now();
    for events in events.chunks(batch) {
        let mut tx = owner.begin().await?;
        insert(&mut tx, tenant, events).await?;
        tx.commit().await?;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// An event as rows.
pub fn decoded(agent_id: Uuid, plant: Option<&str>, seq: i64, bytes: Vec<u8>) -> Decoded {
    decode(Envelope { agent_id, plant, epoch: 1, seq, now: Utc::now() }, bytes.into())
}

async fn read(conn: &mut SqliteConnection, after: i64, count: usize) -> anyhow::Result<Vec<Decoded>> {
    let rows = sqlx::query("select seq, bytes from records where id > (1 << 40) + ? order by id limit ?")
        .bind(after)
        .bind(i64::try_from(count)?)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok(decoded(AGENT, Some("KOL"), row.try_get(0)?, row.try_get(1)?))).collect()
}

/// A statement for rows of one stream; further binds are the columns.
fn of(sql: &'static str, tenant: Uuid) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(sql).bind(tenant).bind(AGENT).bind(1_i32)
}

/// A column of the rows.
fn col<'a, R, T>(rows: &'a [R], get: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(get).collect()
}

async fn insert(conn: &mut PgConnection, tenant: Uuid, events: &[Decoded]) -> anyhow::Result<()> {
    of(
        "insert into lifecycle_events (tenant_id, agent_id, epoch, seq, event_id, stage, action, \
         occurred_at, occurred_offset_min, recorded_at, plant, station, operator_id, shift, \
         production_date, location, operation, attempt, outcome, accepted_quantity, \
         rejected_quantity, reason, machine, overridden_by, corrects, reference_type, \
         reference_number, payload) \
         select $1, $2, $3, u.* from unnest($4::bigint[], $5::uuid[], $6::smallint[], \
         $7::smallint[], $8::timestamptz[], $9::smallint[], $10::timestamptz[], $11::text[], \
         $12::text[], $13::text[], $14::text[], $15::date[], $16::text[], $17::text[], \
         $18::integer[], $19::smallint[], $20::numeric[], $21::numeric[], $22::text[], \
         $23::text[], $24::text[], $25::uuid[], $26::text[], $27::text[], $28::bytea[]) as u",
        tenant,
    )
    .bind(col(events, |e| e.seq))
    .bind(col(events, |e| e.event.event_id))
    .bind(col(events, |e| e.event.stage))
    .bind(col(events, |e| e.event.action))
    .bind(col(events, |e| e.event.occurred_at))
    .bind(col(events, |e| e.event.occurred_offset_min))
    .bind(col(events, |e| e.event.recorded_at))
    .bind(col(events, |e| e.event.plant.as_str()))
    .bind(col(events, |e| e.event.station.as_str()))
    .bind(col(events, |e| e.event.operator_id.as_str()))
    .bind(col(events, |e| e.event.shift.as_str()))
    .bind(col(events, |e| e.event.production_date))
    .bind(col(events, |e| e.event.location.as_str()))
    .bind(col(events, |e| e.event.operation.as_str()))
    .bind(col(events, |e| e.event.attempt))
    .bind(col(events, |e| e.event.outcome))
    .bind(col(events, |e| e.event.accepted_quantity))
    .bind(col(events, |e| e.event.rejected_quantity))
    .bind(col(events, |e| e.event.reason.as_str()))
    .bind(col(events, |e| e.event.machine.as_str()))
    .bind(col(events, |e| e.event.overridden_by.as_str()))
    .bind(col(events, |e| e.event.corrects))
    .bind(col(events, |e| e.event.reference_type.as_str()))
    .bind(col(events, |e| e.event.reference_number.as_str()))
    .bind(col(events, |e| e.payload.as_ref()))
    .execute(&mut *conn)
    .await?;
    subjects(conn, tenant, events).await?;
    references(conn, tenant, events).await?;
    readings(conn, tenant, events).await?;
    births(conn, tenant, events).await?;
    links(conn, tenant, events).await
}

async fn subjects(conn: &mut PgConnection, tenant: Uuid, events: &[Decoded]) -> anyhow::Result<()> {
    let mut rows: Vec<(&Decoded, &SubjectRow)> =
        events.iter().flat_map(|e| e.subjects.iter().map(move |s| (e, s))).collect();
    rows.sort_unstable_by_key(|(e, s)| (s.key, e.seq, s.ordinal));
    of(
        "insert into event_subjects (tenant_id, agent_id, epoch, key, seq, ordinal, role, quantity, \
         unit, quantity2, unit2, count, mint, item, lot_id, occurred_at) \
         select $1, $2, $3, u.* from unnest($4::bigint[], $5::bigint[], $6::smallint[], \
         $7::smallint[], $8::numeric[], $9::text[], $10::numeric[], $11::text[], $12::integer[], \
         $13::boolean[], $14::text[], $15::uuid[], $16::timestamptz[]) as u",
        tenant,
    )
    .bind(col(&rows, |(_, s)| s.key))
    .bind(col(&rows, |(e, _)| e.seq))
    .bind(col(&rows, |(_, s)| s.ordinal))
    .bind(col(&rows, |(_, s)| s.role))
    .bind(col(&rows, |(_, s)| s.quantity))
    .bind(col(&rows, |(_, s)| s.unit.as_str()))
    .bind(col(&rows, |(_, s)| s.quantity2))
    .bind(col(&rows, |(_, s)| s.unit2.as_str()))
    .bind(col(&rows, |(_, s)| s.count))
    .bind(col(&rows, |(_, s)| s.mint))
    .bind(col(&rows, |(_, s)| s.item.as_str()))
    .bind(col(&rows, |(_, s)| s.lot_id))
    .bind(col(&rows, |(e, _)| e.event.occurred_at))
    .execute(conn)
    .await?;
    Ok(())
}

async fn references(conn: &mut PgConnection, tenant: Uuid, events: &[Decoded]) -> anyhow::Result<()> {
    let mut rows: Vec<(i64, &ReferenceRow)> =
        events.iter().flat_map(|e| e.references.iter().map(move |r| (e.seq, r))).collect();
    rows.sort_unstable_by_key(|(seq, r)| (&r.number, *seq, r.ordinal));
    of(
        "insert into event_references (tenant_id, agent_id, epoch, number, type, line, seq, ordinal) \
         select $1, $2, $3, u.* from unnest($4::text[], $5::text[], $6::integer[], $7::bigint[], \
         $8::smallint[]) as u",
        tenant,
    )
    .bind(col(&rows, |(_, r)| r.number.as_str()))
    .bind(col(&rows, |(_, r)| r.kind.as_str()))
    .bind(col(&rows, |(_, r)| r.line))
    .bind(col(&rows, |(seq, _)| *seq))
    .bind(col(&rows, |(_, r)| r.ordinal))
    .execute(conn)
    .await?;
    Ok(())
}

async fn readings(conn: &mut PgConnection, tenant: Uuid, events: &[Decoded]) -> anyhow::Result<()> {
    let rows: Vec<(i64, &ReadingRow)> =
        events.iter().flat_map(|e| e.readings.iter().map(move |r| (e.seq, r))).collect();
    of(
        "insert into event_readings (tenant_id, agent_id, epoch, seq, ordinal, name, value, unit, \
         quality, low, high, taken_at) \
         select $1, $2, $3, u.* from unnest($4::bigint[], $5::smallint[], $6::text[], \
         $7::numeric[], $8::text[], $9::smallint[], $10::numeric[], $11::numeric[], \
         $12::timestamptz[]) as u",
        tenant,
    )
    .bind(col(&rows, |(seq, _)| *seq))
    .bind(col(&rows, |(_, r)| r.ordinal))
    .bind(col(&rows, |(_, r)| r.name.as_str()))
    .bind(col(&rows, |(_, r)| r.value))
    .bind(col(&rows, |(_, r)| r.unit.as_str()))
    .bind(col(&rows, |(_, r)| r.quality))
    .bind(col(&rows, |(_, r)| r.low))
    .bind(col(&rows, |(_, r)| r.high))
    .bind(col(&rows, |(_, r)| r.taken_at))
    .execute(conn)
    .await?;
    Ok(())
}

async fn births(conn: &mut PgConnection, tenant: Uuid, events: &[Decoded]) -> anyhow::Result<()> {
    let mut rows: Vec<(&Decoded, &SubjectRow)> =
        events.iter().flat_map(|e| e.subjects.iter().filter(|s| s.mint).map(move |s| (e, s))).collect();
    rows.sort_unstable_by_key(|(_, s)| s.key);
    of(
        "insert into uid_registry (tenant_id, born_agent, born_epoch, key, item, lot_id, container, \
         quantity, unit, plant, location, born_seq, born_at, last_at, last_stage) \
         select $1, $2, $3, u.key, u.item, u.lot_id, u.container, u.quantity, u.unit, u.plant, \
         u.location, u.seq, u.at, u.at, u.stage \
         from unnest($4::bigint[], $5::text[], $6::uuid[], $7::boolean[], $8::numeric[], \
         $9::text[], $10::text[], $11::text[], $12::bigint[], $13::timestamptz[], $14::smallint[]) \
         as u(key, item, lot_id, container, quantity, unit, plant, location, seq, at, stage)",
        tenant,
    )
    .bind(col(&rows, |(_, s)| s.key))
    .bind(col(&rows, |(_, s)| s.item.as_str()))
    .bind(col(&rows, |(_, s)| s.lot_id))
    .bind(col(&rows, |(_, s)| s.container))
    .bind(col(&rows, |(_, s)| s.quantity))
    .bind(col(&rows, |(_, s)| s.unit.as_str()))
    .bind(col(&rows, |(e, _)| e.event.plant.as_str()))
    .bind(col(&rows, |(e, _)| e.event.location.as_str()))
    .bind(col(&rows, |(e, _)| e.seq))
    .bind(col(&rows, |(e, _)| e.event.occurred_at))
    .bind(col(&rows, |(e, _)| e.event.stage))
    .execute(&mut *conn)
    .await?;
    let lots: Vec<&LotRow> = events.iter().flat_map(|e| &e.lots).collect();
    sqlx::query(
        "insert into lots (tenant_id, lot_id, item, supplier, supplier_lot, made_on, expires_on, owner) \
         select $1, u.* from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::date[], \
         $7::date[], $8::text[]) as u",
    )
    .bind(tenant)
    .bind(col(&lots, |l| l.lot_id))
    .bind(col(&lots, |l| l.item.as_str()))
    .bind(col(&lots, |l| l.supplier.as_str()))
    .bind(col(&lots, |l| l.supplier_lot.as_str()))
    .bind(col(&lots, |l| l.made_on))
    .bind(col(&lots, |l| l.expires_on))
    .bind(col(&lots, |l| l.owner.as_str()))
    .execute(conn)
    .await?;
    Ok(())
}

async fn links(conn: &mut PgConnection, tenant: Uuid, events: &[Decoded]) -> anyhow::Result<()> {
    let mut rows: Vec<(&Decoded, i16, &LinkRow)> =
        events.iter().flat_map(|e| (0..).zip(&e.links).map(move |(n, link)| (e, n, link))).collect();
    rows.sort_unstable_by_key(|(e, n, l)| (l.from_key, l.to_key, e.seq, *n));
    of(
        "insert into uid_links (tenant_id, agent_id, epoch, seq, ordinal, from_key, to_key, kind, \
         effect, quantity, unit, occurred_at) \
         select $1, $2, $3, u.* from unnest($4::bigint[], $5::smallint[], $6::bigint[], \
         $7::bigint[], $8::smallint[], $9::smallint[], $10::numeric[], $11::text[], \
         $12::timestamptz[]) as u",
        tenant,
    )
    .bind(col(&rows, |(e, _, _)| e.seq))
    .bind(col(&rows, |(_, n, _)| *n))
    .bind(col(&rows, |(_, _, l)| l.from_key))
    .bind(col(&rows, |(_, _, l)| l.to_key))
    .bind(col(&rows, |(_, _, l)| l.kind))
    .bind(col(&rows, |(_, _, l)| l.effect))
    .bind(col(&rows, |(_, _, l)| l.quantity))
    .bind(col(&rows, |(_, _, l)| l.unit.as_str()))
    .bind(col(&rows, |(e, _, _)| e.event.occurred_at))
    .execute(conn)
    .await?;
    Ok(())
}
