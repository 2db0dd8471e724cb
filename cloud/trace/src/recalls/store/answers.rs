//! What was answered.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

use crate::projection::store::queue::Ranges;
use crate::recalls::effect::Said;

/// The quantities of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    pub found: Decimal,
    pub quarantined: Decimal,
    pub returned: Decimal,
    pub replaced: Decimal,
    pub destroyed: Decimal,
    pub used_up: Decimal,
    pub not_found: Decimal,
}

/// An answer that is entered in the office.
pub struct New<'a> {
    pub response_id: Uuid,
    pub consignee_id: Uuid,
    pub key: Option<i64>,
    pub unit: &'a str,
    pub amounts: Amounts,
    pub reference: &'a str,
    pub note: &'a str,
    pub at: DateTime<Utc>,
}

/// Writes an answer.
pub async fn insert(tx: &mut Tx, recall: Uuid, new: &New<'_>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into recall_responses (tenant_id, response_id, recall_id, consignee_id, key, unit, found, quarantined,
                                       returned, replaced, destroyed, used_up, not_found, reference, note, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        tenant,
        new.response_id,
        recall,
        new.consignee_id,
        new.key,
        new.unit,
        new.amounts.found,
        new.amounts.quarantined,
        new.amounts.returned,
        new.amounts.replaced,
        new.amounts.destroyed,
        new.amounts.used_up,
        new.amounts.not_found,
        new.reference,
        new.note,
        new.at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An answer as it is listed.
pub struct Row {
    pub response_id: Uuid,
    pub consignee_id: Uuid,
    pub key: Option<i64>,
    pub unit: String,
    pub found: Decimal,
    pub quarantined: Decimal,
    pub returned: Decimal,
    pub replaced: Decimal,
    pub destroyed: Decimal,
    pub used_up: Decimal,
    pub not_found: Decimal,
    pub reference: String,
    pub note: String,
    pub at: DateTime<Utc>,
    pub event_id: Option<Uuid>,
    pub created_by: String,
    /// A later one stands in its place.
    pub later: bool,
    /// Of the same unit the office was told that it is gone, and a plant that it came back.
    pub contradicts: bool,
}

/// Answers of these consignees, the newest first, before a place.
pub async fn list(
    tx: &mut Tx,
    recall: Uuid,
    consignees: &[Uuid],
    (at, id): (DateTime<Utc>, Uuid),
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"select r.response_id, r.consignee_id, r.key, r.unit, r.found, r.quarantined, r.returned,
                  r.replaced, r.destroyed, r.used_up, r.not_found, r.reference, r.note, r.at,
                  r.event_id, r.created_by,
                  -- What plants got back of a unit in several returns is together one answer.
                  coalesce(case when r.key is null then
                      (select true from recall_responses n
                       where n.tenant_id = $1 and n.recall_id = $2 and n.key is null and not n.void
                         and n.consignee_id = r.consignee_id and n.unit = r.unit
                         and (n.at, n.response_id) > (r.at, r.response_id)
                       order by n.at desc, n.response_id desc limit 1)
                  else
                      (select n.event_id is null or r.event_id is null from recall_responses n
                       where n.tenant_id = $1 and n.recall_id = $2 and n.key = r.key and not n.void
                         and n.consignee_id = r.consignee_id and n.unit = r.unit
                         and (n.at, n.response_id) > (r.at, r.response_id)
                       order by n.at desc, n.response_id desc limit 1) end, false) as "later!",
                  r.key is not null
                  and (r.event_id is not null or r.destroyed + r.used_up > 0)
                  and coalesce((select o.destroyed + o.used_up > 0 from recall_responses o
                                where o.tenant_id = $1 and o.recall_id = $2 and o.key = r.key and not o.void
                                  and o.event_id is null
                                  -- Of what was entered the last is what the office says.
                                order by o.at desc, o.response_id desc limit 1), false)
                  and (r.event_id is not null
                       or exists (select from recall_responses e
                                  where e.tenant_id = $1 and e.recall_id = $2 and e.key = r.key and not e.void
                                    and e.event_id is not null)) as "contradicts!"
           from recall_responses r
           where r.tenant_id = $1 and r.recall_id = $2 and r.consignee_id = any($3) and not r.void
             and (r.at, r.response_id) < ($4, $5)
           order by r.at desc, r.response_id desc limit $6"#,
        tenant,
        recall,
        consignees,
        at,
        id,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// What all answers say; of one unit what it says of that unit. What is said of a part of
/// other recalled goods, or of their package, accounts for nothing that is counted.
pub async fn said(tx: &mut Tx, recall: Uuid) -> Result<Vec<Said>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Said,
        r#"select response_id as id, consignee_id as consignee, unit, key, at,
                  quarantined + replaced + destroyed + used_up
                      -- What plants got back of it in several returns is together one answer, and
                      -- no more than there was: what came by itself comes with its box again.
                      + case when event_id is null then returned
                             else least(sum(returned) filter (where event_id is not null)
                                            over (partition by consignee_id, key order by at, response_id),
                                        (select m.quantity from recall_members m
                                         where m.tenant_id = $1 and m.recall_id = $2 and m.key = r.key)) end
                      as "accounted!"
           from recall_responses r where tenant_id = $1 and recall_id = $2 and not void
             and not exists (select from recall_members m where m.tenant_id = $1 and m.recall_id = $2
                               and m.key = r.key and not m.counts)
           order by at, response_id"#,
        tenant,
        recall,
    )
    .fetch_all(tx.conn())
    .await
}

/// Counts returns that plants recorded in these batches: of each unit that was with a
/// customer or supplier, itself or what it was in. Once for each event, whoever asks
/// again. Answers how many.
pub async fn returns(tx: &mut Tx, ranges: &Ranges) -> Result<u64, Error> {
    let tenant = tx.tenant();
    let (agents, epochs, froms, tos) = ranges.columns();
    let done = sqlx::query!(
        "insert into recall_responses (tenant_id, response_id, recall_id, consignee_id, key, unit, returned, reference,
                                       at, event_id)
         select $1, gen_random_uuid(), m.recall_id, m.consignee_id, m.key, m.unit,
                -- Of a unit what came back of it; of what was in a package all.
                case when m.key = s.key then least(coalesce(s.quantity, m.quantity), m.quantity)
                     else m.quantity end,
                left(e.reference_number, 100), e.occurred_at, e.event_id
         from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
         cross join lateral (
             select agent_id, epoch, seq, event_id, occurred_at, reference_number from lifecycle_events e
             where e.tenant_id = $1 and e.agent_id = b.agent_id and e.epoch = b.epoch
               and e.seq >= b.low and e.seq <= b.high and e.stage = 34 offset 0) e
         cross join lateral (
             select key, case when bool_or(quantity is null) then null else sum(quantity) end as quantity
             from event_subjects s
             where s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch and s.seq = e.seq
               and s.key <> 0 group by key offset 0) s
         join lateral (
             select recall_id, key, unit, quantity, consignee_id, place from recall_members
             where tenant_id = $1 and key = s.key
             union
             select recall_id, key, unit, quantity, consignee_id, place from recall_members
             where tenant_id = $1 and outer_key = s.key) m on m.consignee_id is not null
         join recalls r on r.tenant_id = $1 and r.recall_id = m.recall_id and r.kind = 'recall'
             and r.status in ('draft', 'active')
         where m.place in ('customer', 'installed', 'supplier')
         on conflict (tenant_id, recall_id, key, event_id) where event_id is not null do nothing",
        tenant,
        agents,
        epochs,
        froms,
        tos,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Something that a plant said to have come back.
pub struct Back {
    pub key: i64,
    pub agent_id: Uuid,
    pub event_id: Uuid,
    pub occurred_at: DateTime<Utc>,
    pub reference_number: String,
}

/// What plants said in these batches to have come back.
pub async fn back(tx: &mut Tx, ranges: &Ranges) -> Result<Vec<Back>, Error> {
    let tenant = tx.tenant();
    let (agents, epochs, froms, tos) = ranges.columns();
    sqlx::query_as!(
        Back,
        r#"select distinct s.key as "key!", e.agent_id as "agent_id!", e.event_id as "event_id!",
                  e.occurred_at as "occurred_at!", e.reference_number as "reference_number!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select agent_id, epoch, seq, event_id, occurred_at, reference_number from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = b.agent_id and e.epoch = b.epoch
                 and e.seq >= b.low and e.seq <= b.high and e.stage = 34 offset 0) e
           join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch
               and s.seq = e.seq and s.key <> 0"#,
        tenant,
        agents,
        epochs,
        froms,
        tos,
    )
    .fetch_all(tx.conn())
    .await
}

/// What is in each of these now, in however many others; each (what it is in, unit). Ends on a
/// cycle.
pub async fn within(tx: &mut Tx, keys: &[i64]) -> Result<Vec<(i64, i64)>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"with recursive down(root, key) as (
               select key, key from unnest($2::bigint[]) as key
             union
               select down.root, r.key from down
               join uid_registry r on r.tenant_id = $1 and r.parent_key = down.key
           )
           select root as "root!", key as "key!" from down where root <> key"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.root, row.key)).collect())
}

/// Counts all of these units as returned by these events, each (event, unit), where they were
/// with a customer or supplier; what an event names itself it counts already.
pub async fn returns_inside(tx: &mut Tx, inside: &[(&Back, i64)]) -> Result<u64, Error> {
    if inside.is_empty() {
        return Ok(0);
    }
    let tenant = tx.tenant();
    let keys: Vec<i64> = inside.iter().map(|(_, key)| *key).collect();
    let events: Vec<Uuid> = inside.iter().map(|(back, _)| back.event_id).collect();
    let times: Vec<DateTime<Utc>> = inside.iter().map(|(back, _)| back.occurred_at).collect();
    let references: Vec<String> = inside.iter().map(|(back, _)| back.reference_number.clone()).collect();
    let done = sqlx::query!(
        "insert into recall_responses (tenant_id, response_id, recall_id, consignee_id, key, unit, returned, reference,
                                       at, event_id)
         select $1, gen_random_uuid(), m.recall_id, m.consignee_id, m.key, m.unit, m.quantity,
                left(i.reference, 100), i.at, i.event_id
         from unnest($2::bigint[], $3::uuid[], $4::timestamptz[], $5::text[]) as i(key, event_id, at, reference)
         join recall_members m on m.tenant_id = $1 and m.key = i.key and m.consignee_id is not null
             and m.place in ('customer', 'installed', 'supplier')
         join recalls r on r.tenant_id = $1 and r.recall_id = m.recall_id and r.kind = 'recall'
             and r.status in ('draft', 'active')
         on conflict (tenant_id, recall_id, key, event_id) where event_id is not null do nothing",
        tenant,
        &keys,
        &events,
        &times,
        &references,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Of these events, those by which something counts as returned.
pub async fn counted(tx: &mut Tx, events: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct event_id as "event_id!" from recall_responses where tenant_id = $1 and event_id = any($2)"#,
        tenant,
        events,
    )
    .fetch_all(tx.conn())
    .await
}

/// Notes whether events never were.
pub async fn void_set(tx: &mut Tx, events: &[Uuid], void: &[Uuid]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recall_responses set void = (event_id = any($3))
         where tenant_id = $1 and event_id = any($2) and void <> (event_id = any($3))",
        tenant,
        events,
        void,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Events of these batches by which something counts as returned: a correction may
/// have come before.
pub async fn counted_in(tx: &mut Tx, ranges: &Ranges) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    let (agents, epochs, froms, tos) = ranges.columns();
    sqlx::query_scalar!(
        r#"select distinct e.event_id as "event_id!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select event_id from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = b.agent_id and e.epoch = b.epoch
                 and e.seq >= b.low and e.seq <= b.high and e.stage = 34 offset 0) e
           join recall_responses r on r.tenant_id = $1 and r.event_id = e.event_id"#,
        tenant,
        agents,
        epochs,
        froms,
        tos,
    )
    .fetch_all(tx.conn())
    .await
}

/// Events by which something counts as returned in a recall that is open.
pub async fn all_counted(tx: &mut Tx) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct a.event_id as "event_id!" from recall_responses a
           join recalls r on r.tenant_id = $1 and r.recall_id = a.recall_id and r.status in ('draft', 'active')
           where a.tenant_id = $1 and a.event_id is not null"#,
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}
