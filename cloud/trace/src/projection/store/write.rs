//! What the projections write.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use crate::exceptions::{TOLD_AS_GAP, WITHDRAWN};
use crate::explore::order::Stamp;
use crate::projection::contradiction::WHILE_HELD;
use crate::projection::state::State;
use crate::projection::stock::Entry;

/// Writes the states of UIDs that have been born; in key order. A UID without a
/// birth has no row yet: its birth makes it, and touches it again.
pub async fn registry(tx: &mut Tx, states: &[(i64, &State)]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let col = |get: fn(&State) -> String| -> Vec<String> { states.iter().map(|(_, s)| get(s)).collect() };
    let small = |get: fn(&State) -> i16| -> Vec<i16> { states.iter().map(|(_, s)| get(s)).collect() };
    let keys: Vec<i64> = states.iter().map(|(key, _)| *key).collect();
    let lots: Vec<Option<Uuid>> = states.iter().map(|(_, s)| s.lot).collect();
    let quantities: Vec<Option<Decimal>> = states.iter().map(|(_, s)| s.quantity).collect();
    let parents: Vec<Option<i64>> = states.iter().map(|(_, s)| s.parent).collect();
    let last: Vec<Option<DateTime<Utc>>> = states.iter().map(|(_, s)| s.last_at).collect();
    let counts: Vec<i32> = states.iter().map(|(_, s)| s.events).collect();
    sqlx::query!(
        r#"update uid_registry r
           set item = case when u.item = '' then r.item else u.item end,
               lot_id = coalesce(u.lot_id, r.lot_id),
               quantity = u.quantity,
               unit = case when u.unit = '' then r.unit else u.unit end,
               life = u.life, quality = u.quality, custody = u.custody,
               plant = u.plant, location = u.location, parent_key = u.parent_key,
               order_number = u.order_number,
               last_at = coalesce(u.last_at, r.last_at), last_stage = u.last_stage, events = u.events
           from unnest($2::bigint[], $3::text[], $4::uuid[], $5::numeric[], $6::text[], $7::smallint[],
                       $8::smallint[], $9::smallint[], $10::text[], $11::text[], $12::bigint[], $13::text[],
                       $14::timestamptz[], $15::smallint[], $16::integer[])
                as u(key, item, lot_id, quantity, unit, life, quality, custody, plant, location, parent_key,
                     order_number, last_at, last_stage, events)
           where r.tenant_id = $1 and r.key = u.key"#,
        tenant,
        &keys,
        &col(|s| s.item.clone()),
        lots as _,
        quantities as _,
        &col(|s| s.unit.clone()),
        &small(|s| s.life.number()),
        &small(|s| s.quality.number()),
        &small(|s| s.custody.number()),
        &col(|s| s.plant.clone()),
        &col(|s| s.location.clone()),
        parents as _,
        &col(|s| s.order.clone()),
        last as _,
        &small(|s| s.last_stage as i16),
        &counts,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The entries that the ledger holds for these UIDs.
pub async fn ledger_of(tx: &mut Tx, keys: &[i64]) -> Result<Vec<(i64, Entry)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select key, agent_id, epoch, seq, ordinal, plant, location, item, lot_id, quantity, unit, occurred_at, \
         stage from stock_ledger where tenant_id = $1 and key = any($2) \
         order by key, agent_id, epoch, seq, ordinal",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let entry = Entry {
                stamp: Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq },
                ordinal: row.ordinal,
                plant: row.plant,
                location: row.location,
                item: row.item,
                lot: row.lot_id,
                quantity: row.quantity,
                unit: row.unit,
                occurred_at: row.occurred_at,
                stage: row.stage,
            };
            (row.key, entry)
        })
        .collect())
}

/// Writes entries; one with the same key is replaced, which happens only when
/// a fact that came late changed what a later one moved.
pub async fn ledger_upsert(tx: &mut Tx, entries: &[(i64, &Entry)]) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let text = |get: fn(&Entry) -> String| -> Vec<String> { entries.iter().map(|(_, e)| get(e)).collect() };
    let keys: Vec<i64> = entries.iter().map(|(key, _)| *key).collect();
    let agents: Vec<Uuid> = entries.iter().map(|(_, e)| e.stamp.agent).collect();
    let epochs: Vec<i32> = entries.iter().map(|(_, e)| e.stamp.epoch).collect();
    let seqs: Vec<i64> = entries.iter().map(|(_, e)| e.stamp.seq).collect();
    let ordinals: Vec<i16> = entries.iter().map(|(_, e)| e.ordinal).collect();
    let lots: Vec<Option<Uuid>> = entries.iter().map(|(_, e)| e.lot).collect();
    let quantities: Vec<Decimal> = entries.iter().map(|(_, e)| e.quantity).collect();
    let times: Vec<DateTime<Utc>> = entries.iter().map(|(_, e)| e.occurred_at).collect();
    let stages: Vec<i16> = entries.iter().map(|(_, e)| e.stage).collect();
    sqlx::query!(
        r#"insert into stock_ledger (tenant_id, key, agent_id, epoch, seq, ordinal, plant, location, item, lot_id,
               quantity, unit, occurred_at, stage)
           select $1, u.* from unnest($2::bigint[], $3::uuid[], $4::integer[], $5::bigint[], $6::smallint[],
               $7::text[], $8::text[], $9::text[], $10::uuid[], $11::numeric[], $12::text[],
               $13::timestamptz[], $14::smallint[]) as u
           on conflict (tenant_id, key, agent_id, epoch, seq, ordinal) do update
           set plant = excluded.plant, location = excluded.location, item = excluded.item,
               lot_id = excluded.lot_id, quantity = excluded.quantity, unit = excluded.unit,
               occurred_at = excluded.occurred_at, stage = excluded.stage"#,
        tenant,
        &keys,
        &agents,
        &epochs,
        &seqs,
        &ordinals,
        &text(|e| e.plant.clone()),
        &text(|e| e.location.clone()),
        &text(|e| e.item.clone()),
        lots as _,
        &quantities,
        &text(|e| e.unit.clone()),
        &times,
        &stages,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes entries that no longer follow from any fact.
pub async fn ledger_delete(tx: &mut Tx, entries: &[(i64, &Entry)]) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let keys: Vec<i64> = entries.iter().map(|(key, _)| *key).collect();
    let agents: Vec<Uuid> = entries.iter().map(|(_, e)| e.stamp.agent).collect();
    let epochs: Vec<i32> = entries.iter().map(|(_, e)| e.stamp.epoch).collect();
    let seqs: Vec<i64> = entries.iter().map(|(_, e)| e.stamp.seq).collect();
    let ordinals: Vec<i16> = entries.iter().map(|(_, e)| e.ordinal).collect();
    sqlx::query!(
        r#"delete from stock_ledger s
           using unnest($2::bigint[], $3::uuid[], $4::integer[], $5::bigint[], $6::smallint[])
               as u(key, agent_id, epoch, seq, ordinal)
           where s.tenant_id = $1 and s.key = u.key and s.agent_id = u.agent_id and s.epoch = u.epoch
             and s.seq = u.seq and s.ordinal = u.ordinal"#,
        tenant,
        &keys,
        &agents,
        &epochs,
        &seqs,
        &ordinals,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A way between plants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Which UID.
    pub key: i64,
    /// The departure.
    pub out: Stamp,
    /// Plant that it left.
    pub from_plant: String,
    /// Plant that it goes to; empty while not known.
    pub to_plant: String,
    /// Document of the departure.
    pub document: String,
    /// When it left.
    pub left_at: DateTime<Utc>,
    /// The arrival, once told.
    pub arrival: Option<(Stamp, DateTime<Utc>)>,
}

/// The ways of these UIDs that stand.
pub async fn transfers_of(tx: &mut Tx, keys: &[i64]) -> Result<Vec<Transfer>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select key, out_agent, out_epoch, out_seq, from_plant, to_plant, document, left_at, in_agent, in_epoch, \
             in_seq, arrived_at from transfers where tenant_id = $1 and key = any($2) \
         order by key, out_agent, out_epoch, out_seq",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Transfer {
            key: row.key,
            out: Stamp { agent: row.out_agent, epoch: row.out_epoch, seq: row.out_seq },
            from_plant: row.from_plant,
            to_plant: row.to_plant,
            document: row.document,
            left_at: row.left_at,
            arrival: match (row.in_agent, row.in_epoch, row.in_seq, row.arrived_at) {
                (Some(agent), Some(epoch), Some(seq), Some(at)) => Some((Stamp { agent, epoch, seq }, at)),
                _ => None,
            },
        })
        .collect())
}

/// Of these UIDs, those of which an exception says that they could not be written, unless
/// they could be since.
pub async fn failed_among(tx: &mut Tx, keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct key as "key!" from exceptions
           where tenant_id = $1 and key = any($2) and kind = $3
             and not (status = 'resolved' and resolved_by = 'system')"#,
        tenant,
        keys,
        crate::projection::tell::FAILED,
    )
    .fetch_all(tx.conn())
    .await
}

/// Replaces the ways of these UIDs.
pub async fn transfers(tx: &mut Tx, keys: &[i64], transfers: &[Transfer]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let t_keys: Vec<i64> = transfers.iter().map(|t| t.key).collect();
    let agents: Vec<Uuid> = transfers.iter().map(|t| t.out.agent).collect();
    let epochs: Vec<i32> = transfers.iter().map(|t| t.out.epoch).collect();
    let seqs: Vec<i64> = transfers.iter().map(|t| t.out.seq).collect();
    sqlx::query!(
        r#"delete from transfers t
           where t.tenant_id = $1 and t.key = any($2)
             and not exists (select from unnest($3::bigint[], $4::uuid[], $5::integer[], $6::bigint[])
                                 as u(key, agent_id, epoch, seq)
                             where u.key = t.key and u.agent_id = t.out_agent and u.epoch = t.out_epoch
                               and u.seq = t.out_seq)"#,
        tenant,
        keys,
        &t_keys,
        &agents,
        &epochs,
        &seqs,
    )
    .execute(tx.conn())
    .await?;
    if transfers.is_empty() {
        return Ok(());
    }
    let text = |get: fn(&Transfer) -> String| -> Vec<String> { transfers.iter().map(get).collect() };
    let left: Vec<DateTime<Utc>> = transfers.iter().map(|t| t.left_at).collect();
    let in_agents: Vec<Option<Uuid>> = transfers.iter().map(|t| t.arrival.map(|(s, _)| s.agent)).collect();
    let in_epochs: Vec<Option<i32>> = transfers.iter().map(|t| t.arrival.map(|(s, _)| s.epoch)).collect();
    let in_seqs: Vec<Option<i64>> = transfers.iter().map(|t| t.arrival.map(|(s, _)| s.seq)).collect();
    let arrived: Vec<Option<DateTime<Utc>>> = transfers.iter().map(|t| t.arrival.map(|(_, at)| at)).collect();
    sqlx::query!(
        r#"insert into transfers (tenant_id, key, out_agent, out_epoch, out_seq, from_plant, to_plant, document,
               left_at, in_agent, in_epoch, in_seq, arrived_at)
           select $1, u.* from unnest($2::bigint[], $3::uuid[], $4::integer[], $5::bigint[], $6::text[],
               $7::text[], $8::text[], $9::timestamptz[], $10::uuid[], $11::integer[], $12::bigint[],
               $13::timestamptz[]) as u
           on conflict (tenant_id, key, out_agent, out_epoch, out_seq) do update
           set from_plant = excluded.from_plant, to_plant = excluded.to_plant, document = excluded.document,
               left_at = excluded.left_at, in_agent = excluded.in_agent, in_epoch = excluded.in_epoch,
               in_seq = excluded.in_seq, arrived_at = excluded.arrived_at"#,
        tenant,
        &t_keys,
        &agents,
        &epochs,
        &seqs,
        &text(|t| t.from_plant.clone()),
        &text(|t| t.to_plant.clone()),
        &text(|t| t.document.clone()),
        &left,
        in_agents as _,
        in_epochs as _,
        in_seqs as _,
        arrived as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Replaces what is parked about these UIDs; what stays keeps its time.
pub async fn parked(
    tx: &mut Tx,
    projection: &str,
    waits_for: &str,
    keys: &[i64],
    waiting: &[(i64, Stamp)],
) -> Result<(), Error> {
    let tenant = tx.tenant();
    let p_keys: Vec<i64> = waiting.iter().map(|(key, _)| *key).collect();
    let agents: Vec<Uuid> = waiting.iter().map(|(_, stamp)| stamp.agent).collect();
    let epochs: Vec<i32> = waiting.iter().map(|(_, stamp)| stamp.epoch).collect();
    let seqs: Vec<i64> = waiting.iter().map(|(_, stamp)| stamp.seq).collect();
    sqlx::query!(
        r#"delete from parked_events p
           where p.tenant_id = $1 and p.projection = $7 and p.key = any($2)
             and not exists (select from unnest($3::bigint[], $4::uuid[], $5::integer[], $6::bigint[])
                                 as u(key, agent_id, epoch, seq)
                             where u.key = p.key and u.agent_id = p.agent_id and u.epoch = p.epoch
                               and u.seq = p.seq)"#,
        tenant,
        keys,
        &p_keys,
        &agents,
        &epochs,
        &seqs,
        projection,
    )
    .execute(tx.conn())
    .await?;
    if !waiting.is_empty() {
        sqlx::query!(
            r#"insert into parked_events (tenant_id, projection, key, agent_id, epoch, seq, waits_for)
               select $1, $6, u.key, u.agent_id, u.epoch, u.seq, $7
               from unnest($2::bigint[], $3::uuid[], $4::integer[], $5::bigint[]) as u(key, agent_id, epoch, seq)
               on conflict do nothing"#,
            tenant,
            &p_keys,
            &agents,
            &epochs,
            &seqs,
            projection,
            waits_for,
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// An exception about to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// Kind.
    pub kind: String,
    /// With the kind: told once.
    pub fingerprint: String,
    /// Plant concerned.
    pub plant: String,
    /// The fact that shows it.
    pub at: Option<Stamp>,
    /// UID concerned.
    pub key: Option<i64>,
    /// Document concerned; empty for none.
    pub document: String,
    /// Both sides.
    pub detail: Value,
}

/// Opens exceptions. One that stands, or that a person resolved, stays as it
/// is; one that the system withdrew opens again.
pub async fn exceptions_open(tx: &mut Tx, mut openings: Vec<Opening>) -> Result<(), Error> {
    if openings.is_empty() {
        return Ok(());
    }
    debug_assert!(openings.iter().all(|opening| crate::exceptions::kinds::is_known(&opening.kind)));
    let tenant = tx.tenant();
    openings.sort_by(|a, b| (&a.kind, &a.fingerprint).cmp(&(&b.kind, &b.fingerprint)));
    openings.dedup_by(|a, b| a.kind == b.kind && a.fingerprint == b.fingerprint);
    let text = |get: fn(&Opening) -> String| -> Vec<String> { openings.iter().map(get).collect() };
    let ids: Vec<Uuid> = openings.iter().map(|_| Uuid::now_v7()).collect();
    let agents: Vec<Option<Uuid>> = openings.iter().map(|o| o.at.map(|s| s.agent)).collect();
    let epochs: Vec<Option<i32>> = openings.iter().map(|o| o.at.map(|s| s.epoch)).collect();
    let seqs: Vec<Option<i64>> = openings.iter().map(|o| o.at.map(|s| s.seq)).collect();
    let keys: Vec<Option<i64>> = openings.iter().map(|o| o.key).collect();
    let details: Vec<Value> = openings.iter().map(|o| o.detail.clone()).collect();
    sqlx::query!(
        r#"insert into exceptions (tenant_id, exception_id, kind, fingerprint, plant, agent_id, epoch, seq, key,
               document, detail)
           select $1, u.* from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::integer[],
               $8::bigint[], $9::bigint[], $10::text[], $11::jsonb[]) as u
           on conflict (tenant_id, kind, fingerprint) do update
           set status = 'open', opened_at = now(), resolved_at = null, resolved_by = null, resolution = null,
               assigned_to = null, detail = excluded.detail
           where exceptions.status = 'resolved' and exceptions.resolved_by = 'system'"#,
        tenant,
        &ids,
        &text(|o| o.kind.clone()),
        &text(|o| o.fingerprint.clone()),
        &text(|o| o.plant.clone()),
        agents as _,
        epochs as _,
        seqs as _,
        keys as _,
        &text(|o| o.document.clone()),
        &details,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Withdraws the exceptions of these kinds and UIDs that are not among those
/// that still hold (kind and fingerprint). One that a person opened again is theirs to
/// resolve.
pub async fn exceptions_withdraw(
    tx: &mut Tx,
    keys: &[i64],
    kinds: &[&str],
    standing: &[(&str, String)],
) -> Result<(), Error> {
    let tenant = tx.tenant();
    let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let s_kinds: Vec<String> = standing.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    let s_prints: Vec<String> = standing.iter().map(|(_, print)| print.clone()).collect();
    sqlx::query!(
        r#"update exceptions x
           set status = 'resolved', resolved_at = now(), resolved_by = 'system',
               resolution = $6
           where x.tenant_id = $1 and x.key = any($2) and x.kind = any($3) and x.status <> 'resolved'
             and not exists (select from unnest($4::text[], $5::text[]) as u(kind, fingerprint)
                             where u.kind = x.kind and u.fingerprint = x.fingerprint)
             and not exists (select from exception_steps s
                             where s.tenant_id = $1 and s.exception_id = x.exception_id
                               and s.what = 'reopened' and s.actor <> 'system')"#,
        tenant,
        keys,
        &kinds,
        &s_kinds,
        &s_prints,
        WITHDRAWN,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Withdraws what is told of these acts as gaps now: of each the hold and the event. One that a
/// person opened again is theirs to resolve.
pub async fn exceptions_joined(tx: &mut Tx, acts: &[(Uuid, Stamp)]) -> Result<(), Error> {
    if acts.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let holds: Vec<String> = acts.iter().map(|(hold, _)| hold.to_string()).collect();
    let agents: Vec<Uuid> = acts.iter().map(|(_, at)| at.agent).collect();
    let epochs: Vec<i32> = acts.iter().map(|(_, at)| at.epoch).collect();
    let seqs: Vec<i64> = acts.iter().map(|(_, at)| at.seq).collect();
    let kinds = WHILE_HELD.map(str::to_owned);
    sqlx::query!(
        r#"update exceptions x
           set status = 'resolved', resolved_at = now(), resolved_by = 'system', resolution = $7
           from unnest($2::text[], $3::uuid[], $4::integer[], $5::bigint[]) as u(hold, agent_id, epoch, seq)
           where x.tenant_id = $1 and x.agent_id = u.agent_id and x.epoch = u.epoch and x.seq = u.seq
             and x.kind = any($6) and x.detail->>'hold' = u.hold and x.status <> 'resolved'
             and not exists (select from exception_steps s
                             where s.tenant_id = $1 and s.exception_id = x.exception_id
                               and s.what = 'reopened' and s.actor <> 'system')"#,
        tenant,
        &holds,
        &agents,
        &epochs,
        &seqs,
        kinds.as_slice(),
        TOLD_AS_GAP,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Begins a part that may fail alone.
pub async fn savepoint(tx: &mut Tx) -> Result<(), Error> {
    sqlx::raw_sql("savepoint part").execute(tx.conn()).await.map(|_| ())
}

/// Ends it well.
pub async fn savepoint_release(tx: &mut Tx) -> Result<(), Error> {
    sqlx::raw_sql("release savepoint part").execute(tx.conn()).await.map(|_| ())
}

/// Undoes it: the transaction goes on as it was before, with its limits of time.
pub async fn savepoint_undo(tx: &mut Tx) -> Result<(), Error> {
    sqlx::raw_sql("rollback to savepoint part; release savepoint part").execute(tx.conn()).await.map(|_| ())
}
