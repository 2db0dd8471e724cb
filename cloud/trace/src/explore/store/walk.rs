//! Genealogy as recursive SQL. This is the reference: whatever answers faster
//! must answer the same.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use crate::explore::graph::Edge;

/// Most links that one walk reads; beyond it the answer says that it was cut.
pub const MOST_EDGES: i64 = 500_000;

/// All links within `depth` steps against their direction: what is in `key`.
/// `as_built` leaves out what was taken out again. UNION keeps each (UID,
/// level) once, so that a cycle ends at `depth`.
pub async fn backward(tx: &mut Tx, key: i64, depth: i32, as_built: bool) -> Result<Vec<Edge>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Edge,
        r#"with recursive walk(key, level) as (
               select $2::bigint, 0
               union
               select l.from_key, w.level + 1
               from walk w
               join lateral (
                   select from_key from uid_links
                   where tenant_id = $1 and to_key = w.key
                   group by from_key, kind
                   having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0
                      and (not $4 or sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0)) l on true
               where w.level < $3)
           select l.from_key as "from!", l.to_key as "to!", l.kind as "kind!", l.open as "open!",
                  l.quantity, l.unit as "unit!"
           from (select key, min(level) as level from walk group by key) n
           join lateral (
               select from_key, to_key, kind, sum(quantity) filter (where effect = 1) as quantity,
                      max(unit) as unit,
                      sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0 as open
               from uid_links
               where tenant_id = $1 and to_key = n.key
               group by from_key, to_key, kind
               having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0
                  and (not $4 or sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0)) l on true
           limit $5"#,
        tenant,
        key,
        depth,
        as_built,
        MOST_EDGES,
    )
    .fetch_all(tx.conn())
    .await
}

/// All links within `depth` steps along their direction: where `key` went.
pub async fn forward(tx: &mut Tx, key: i64, depth: i32, as_built: bool) -> Result<Vec<Edge>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Edge,
        r#"with recursive walk(key, level) as (
               select $2::bigint, 0
               union
               select l.to_key, w.level + 1
               from walk w
               join lateral (
                   select to_key from uid_links
                   where tenant_id = $1 and from_key = w.key
                   group by to_key, kind
                   having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0
                      and (not $4 or sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0)) l on true
               where w.level < $3)
           select l.from_key as "from!", l.to_key as "to!", l.kind as "kind!", l.open as "open!",
                  l.quantity, l.unit as "unit!"
           from (select key, min(level) as level from walk group by key) n
           join lateral (
               select from_key, to_key, kind, sum(quantity) filter (where effect = 1) as quantity,
                      max(unit) as unit,
                      sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0 as open
               from uid_links
               where tenant_id = $1 and from_key = n.key
               group by from_key, to_key, kind
               having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0
                  and (not $4 or sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0)) l on true
           limit $5"#,
        tenant,
        key,
        depth,
        as_built,
        MOST_EDGES,
    )
    .fetch_all(tx.conn())
    .await
}

/// Most entries of each list at the ends of a walk.
pub const MOST_ENDS: i64 = 500;

/// Lots of these UIDs, one more than [`MOST_ENDS`].
pub async fn lot_ids(tx: &mut Tx, keys: &[i64]) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct r.lot_id as "lot_id!" from uid_registry r
           where r.tenant_id = $1 and r.key = any($2) and r.lot_id is not null
           order by 1 limit $3"#,
        tenant,
        keys,
        MOST_ENDS + 1,
    )
    .fetch_all(tx.conn())
    .await
}

/// Machines and people that worked on these UIDs: (machine, operator) pairs.
pub async fn workers(tx: &mut Tx, keys: &[i64]) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select distinct e.machine, e.operator_id from event_subjects s \
         join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch \
             and e.seq = s.seq \
         where s.tenant_id = $1 and s.key = any($2) and (e.machine <> '' or e.operator_id <> '') \
         order by 1, 2 limit $3",
        tenant,
        keys,
        4 * MOST_ENDS,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.machine, row.operator_id)).collect())
}

/// An event at the end of a walk.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct EndEvent {
    pub key: i64,
    pub event_id: Uuid,
    pub reference_number: String,
    pub partner: String,
    pub location: String,
    pub outcome: i16,
    pub occurred_at: DateTime<Utc>,
}

/// Events of one of `stages` on these UIDs that no correction names, oldest
/// first, one more than [`MOST_ENDS`].
pub async fn end_events(tx: &mut Tx, keys: &[i64], stages: &[i16]) -> Result<Vec<EndEvent>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        EndEvent,
        r#"select distinct s.key, e.event_id, e.reference_number,
                  coalesce((select d.number from event_references d
                            where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                              and d.seq = e.seq and d.type = 'customer' limit 1),
                           (select o.partner from event_references d
                            join orders o on o.tenant_id = $1 and o.type = 'so' and o.number = d.number
                            where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                              and d.seq = e.seq and d.type = 'so' limit 1), '') as "partner!", e.location, e.outcome, e.occurred_at
           from event_subjects s
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
               and e.seq = s.seq
           where s.tenant_id = $1 and s.key = any($2) and e.stage = any($3)
             and not exists (select from lifecycle_events c
                             where c.tenant_id = $1 and c.corrects = e.event_id
                               and not exists (select from lifecycle_events cc
                                               where cc.tenant_id = $1 and cc.corrects = c.event_id))
           order by e.occurred_at, s.key limit $4"#,
        tenant,
        keys,
        stages,
        MOST_ENDS + 1,
    )
    .fetch_all(tx.conn())
    .await
}
