//! Births: registry rows, lots and aliases.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::Stream;
use crate::ingest::findings::{Labels, MOST_LABELS};
use crate::ingest::rows::{AliasRow, Decoded, LotRow, SubjectRow};

/// The event in which a UID was born.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birth {
    /// Its stream.
    pub agent_id: Uuid,
    /// Its epoch.
    pub epoch: i32,
    /// Its seq.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
}

/// A UID born twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondBirth {
    /// Which UID.
    pub key: i64,
    /// The birth that stands in the registry.
    pub first: Birth,
    /// Seq of the later one, in the stream that was being stored.
    pub seq: i64,
}

/// Writes the registry rows of all UIDs that the events mint, in key order.
/// Answers the UIDs that were there already by another event.
pub async fn births_insert(
    tx: &mut Tx,
    stream: Stream,
    events: &[Decoded],
) -> Result<Vec<SecondBirth>, Error> {
    let mut rows: Vec<(&Decoded, &SubjectRow)> =
        events.iter().flat_map(|e| e.subjects.iter().filter(|s| s.mint).map(move |s| (e, s))).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    rows.sort_unstable_by_key(|(e, s)| (s.key, e.seq, s.ordinal));
    rows.dedup_by_key(|(e, s)| (s.key, e.seq));
    let keys: Vec<i64> = rows.iter().map(|(_, s)| s.key).collect();
    let items: Vec<&str> = rows.iter().map(|(_, s)| s.item.as_str()).collect();
    let lots: Vec<_> = rows.iter().map(|(_, s)| s.lot_id).collect();
    let containers: Vec<bool> = rows.iter().map(|(_, s)| s.container).collect();
    let quantities: Vec<_> = rows.iter().map(|(_, s)| s.quantity).collect();
    let units: Vec<&str> = rows.iter().map(|(_, s)| s.unit.as_str()).collect();
    let plants: Vec<&str> = rows.iter().map(|(e, _)| e.event.plant.as_str()).collect();
    let locations: Vec<&str> = rows.iter().map(|(e, _)| e.event.location.as_str()).collect();
    let seqs: Vec<i64> = rows.iter().map(|(e, _)| e.seq).collect();
    let times: Vec<_> = rows.iter().map(|(e, _)| e.event.occurred_at).collect();
    let stages: Vec<i16> = rows.iter().map(|(e, _)| e.event.stage).collect();
    let born: HashMap<i64, i64> = sqlx::query!(
        r#"insert into uid_registry (tenant_id, born_agent, born_epoch, key, item, lot_id, container,
               quantity, unit, plant, location, born_seq, born_at, last_at, last_stage)
           select $1, $2, $3, u.key, u.item, u.lot_id, u.container, u.quantity, u.unit, u.plant,
               u.location, u.seq, u.at, u.at, u.stage
           from unnest($4::bigint[], $5::text[], $6::uuid[], $7::boolean[], $8::numeric[], $9::text[],
               $10::text[], $11::text[], $12::bigint[], $13::timestamptz[], $14::smallint[])
               as u(key, item, lot_id, container, quantity, unit, plant, location, seq, at, stage)
           on conflict (tenant_id, key) do nothing
           returning key, born_seq"#,
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        &keys,
        items as _,
        lots as _,
        &containers,
        quantities as _,
        units as _,
        plants as _,
        locations as _,
        &seqs,
        &times,
        &stages,
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| (row.key, row.born_seq))
    .collect();
    let late: Vec<(i64, i64)> =
        rows.iter().map(|(e, s)| (s.key, e.seq)).filter(|(key, seq)| born.get(key) != Some(seq)).collect();
    if late.is_empty() {
        return Ok(Vec::new());
    }
    let late_keys: Vec<i64> = late.iter().map(|(key, _)| *key).collect();
    let first: HashMap<i64, Birth> = sqlx::query!(
        "select key, born_agent, born_epoch, born_seq, born_at from uid_registry \
         where tenant_id = $1 and key = any($2)",
        stream.tenant,
        &late_keys,
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|r| {
        let birth = Birth { agent_id: r.born_agent, epoch: r.born_epoch, seq: r.born_seq, at: r.born_at };
        (r.key, birth)
    })
    .collect();
    Ok(late
        .into_iter()
        .filter_map(|(key, seq)| Some(SecondBirth { key, first: *first.get(&key)?, seq }))
        .collect())
}

/// Writes lots that are not there yet, in the order of their ids.
pub async fn lots_insert(tx: &mut Tx, stream: Stream, events: &[Decoded]) -> Result<(), Error> {
    let lots: BTreeMap<Uuid, &LotRow> =
        events.iter().flat_map(|e| &e.lots).rev().map(|lot| (lot.lot_id, lot)).collect();
    if lots.is_empty() {
        return Ok(());
    }
    let col = |get: fn(&LotRow) -> &str| -> Vec<&str> { lots.values().map(|l| get(l)).collect() };
    let ids: Vec<Uuid> = lots.keys().copied().collect();
    let made: Vec<_> = lots.values().map(|l| l.made_on).collect();
    let expires: Vec<_> = lots.values().map(|l| l.expires_on).collect();
    sqlx::query!(
        r#"insert into lots (tenant_id, lot_id, item, supplier, supplier_lot, made_on, expires_on, owner)
           select $1, u.* from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::date[],
               $7::date[], $8::text[]) as u
           on conflict (tenant_id, lot_id) do nothing"#,
        stream.tenant,
        &ids,
        col(|l| &l.item) as _,
        col(|l| &l.supplier) as _,
        col(|l| &l.supplier_lot) as _,
        made as _,
        expires as _,
        col(|l| &l.owner) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes aliases that are not there yet, in their order.
pub async fn aliases_insert(tx: &mut Tx, stream: Stream, events: &[Decoded]) -> Result<(), Error> {
    let mut first: BTreeMap<&AliasRow, i64> = BTreeMap::new();
    for event in events {
        for alias in &event.aliases {
            first.entry(alias).or_insert(event.seq);
        }
    }
    if first.is_empty() {
        return Ok(());
    }
    let aliases: Vec<&str> = first.keys().map(|a| a.alias.as_str()).collect();
    let keys: Vec<i64> = first.keys().map(|a| a.key).collect();
    let seqs: Vec<i64> = first.values().copied().collect();
    sqlx::query!(
        r#"insert into uid_aliases (tenant_id, agent_id, epoch, alias, key, seq)
           select $1, $2, $3, u.* from unnest($4::text[], $5::bigint[], $6::bigint[]) as u
           on conflict (tenant_id, alias, key) do nothing"#,
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        aliases as _,
        &keys,
        &seqs,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Labels that the events of a stream from `from_seq` on gave birth to. Looks at
/// no more than 10 000 births, however many there are.
pub async fn born_from(tx: &mut Tx, stream: Stream, from_seq: i64) -> Result<Labels, Error> {
    let rows = sqlx::query!(
        r#"select app.uid_text(t.code, b.key) as "uid!", b.total as "total!"
           from (select key, count(*) over () as total, min(seq) as first
                 from (select key, seq from event_subjects
                       where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq >= $4 and mint
                       order by seq limit 10000) as born
                 group by key order by first, key limit $5) as b
           join control.tenants t on t.tenant_id = $1
           order by b.first, b.key"#,
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        from_seq,
        MOST_LABELS,
    )
    .fetch_all(tx.conn())
    .await?;
    let total = rows.first().map_or(0, |row| row.total);
    Ok(Labels { uids: rows.into_iter().map(|row| row.uid).collect(), total })
}

/// The texts of UIDs, in the order of their keys.
pub async fn uid_texts(tx: &mut Tx, tenant: Uuid, keys: &[i64]) -> Result<Vec<String>, Error> {
    sqlx::query_scalar!(
        r#"select app.uid_text(t.code, u.key) as "uid!"
           from unnest($2::bigint[]) as u(key) join control.tenants t on t.tenant_id = $1
           order by u.key"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}
