//! One UID: what it is, its events, its nearest relatives.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

use super::timeline;
use crate::explore::amounts::{Amounts, added_up};
use crate::explore::stays::Stay;

use crate::explore::model::{AgentView, CurrentTo, HoldRef, Lot, PlantBehind};
use crate::projection::PROJECTION;

/// Most events of one UID on a page of a trace, the newest ones first.
pub const MOST_EVENTS: i64 = 5_000;
/// Most births and receipts that the first page shows besides.
const MOST_BIRTHS: i64 = 50;
/// Most readings on a page of a trace, the newest ones.
pub const MOST_READINGS: i64 = 20_000;
/// Most children, and most parents, that a trace shows.
pub const MOST_CHILDREN: i64 = 1_000;

/// The tenant's code, which every UID text carries.
pub async fn tenant_code(tx: &mut Tx) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select code from control.tenants where tenant_id = $1", tenant)
        .fetch_optional(tx.conn())
        .await
}

/// Keys to which a code resolves, at most ten.
pub async fn alias_keys(tx: &mut Tx, alias: &str) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select key from uid_aliases where tenant_id = $1 and alias = $2 order by key limit 10",
        tenant,
        alias,
    )
    .fetch_all(tx.conn())
    .await
}

/// Codes that resolve to a UID.
pub async fn aliases(tx: &mut Tx, key: i64) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select alias from uid_aliases where tenant_id = $1 and key = $2 order by alias limit 100",
        tenant,
        key,
    )
    .fetch_all(tx.conn())
    .await
}

/// A registry row with its item's name.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Registered {
    pub key: i64,
    pub item: String,
    pub name: String,
    pub lot_id: Option<Uuid>,
    pub container: bool,
    pub quantity: Option<Decimal>,
    pub unit: String,
    pub life: i16,
    pub quality: i16,
    pub custody: i16,
    pub plant: String,
    pub location: String,
    pub parent_key: Option<i64>,
    pub order_number: String,
    pub last_stage: i16,
}

/// Registry rows of these keys; those that have none are left out.
pub async fn registered(tx: &mut Tx, keys: &[i64]) -> Result<Vec<Registered>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Registered,
        r#"select r.key, r.item, coalesce(i.name, '') as "name!", r.lot_id, r.container, r.quantity, r.unit,
                  r.life, r.quality, r.custody, r.plant, r.location, r.parent_key, r.order_number, r.last_stage
           from uid_registry r
           left join items i on i.tenant_id = r.tenant_id and i.item = r.item
           where r.tenant_id = $1 and r.key = any($2)
           order by r.key"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Lots of these ids.
pub async fn lots(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Lot>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Lot,
        r#"select l.lot_id, l.item, l.supplier, coalesce(p.name, '') as "supplier_name!", l.supplier_lot,
                  l.made_on, l.expires_on, l.owner
           from lots l
           left join partners p on p.tenant_id = l.tenant_id and p.partner = l.supplier
           where l.tenant_id = $1 and l.lot_id = any($2)
           order by l.lot_id"#,
        tenant,
        ids,
    )
    .fetch_all(tx.conn())
    .await
}

/// Holds that stand on a UID.
pub async fn holds(tx: &mut Tx, key: i64) -> Result<Vec<HoldRef>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        HoldRef,
        "select h.hold_id, h.reason, h.placed_at from hold_members m \
         join holds h on h.tenant_id = m.tenant_id and h.hold_id = m.hold_id \
         where m.tenant_id = $1 and m.key = $2 and m.left_at is null and h.status = 'placed' order by h.placed_at, h.hold_id",
        tenant,
        key,
    )
    .fetch_all(tx.conn())
    .await
}

/// Why these were placed.
pub async fn hold_reasons(tx: &mut Tx, holds: &[Uuid]) -> Result<Vec<(Uuid, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select hold_id, reason from holds where tenant_id = $1 and hold_id = any($2)",
        tenant,
        holds,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.hold_id, row.reason)).collect())
}

/// An event as one UID sees it.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct EventRow {
    pub agent_id: Uuid,
    pub epoch: i32,
    pub seq: i64,
    pub event_id: Uuid,
    pub stage: i16,
    pub action: i16,
    pub occurred_at: DateTime<Utc>,
    pub occurred_offset_min: i16,
    pub recorded_at: DateTime<Utc>,
    pub ingested_at: DateTime<Utc>,
    pub plant: String,
    pub station: String,
    pub operator_id: String,
    pub shift: String,
    pub location: String,
    pub operation: String,
    pub attempt: i32,
    pub outcome: i16,
    pub accepted_quantity: Option<Decimal>,
    pub rejected_quantity: Option<Decimal>,
    pub reason: String,
    pub machine: String,
    pub overridden_by: String,
    pub corrects: Option<Uuid>,
    pub reference_type: String,
    pub reference_number: String,
    /// All document numbers, of stages that send and receive.
    pub documents: Vec<String>,
    /// What the UID does in it; 0 for a correction that does not list it, and for what
    /// was measured on a package that it was in.
    pub role: i16,
    pub quantity: Option<Decimal>,
    pub unit: String,
    pub mint: bool,
    /// The whole, where the UID is a child, or the package on which it was measured.
    pub parent: Option<i64>,
}

/// An event's place in the order in which pages of events follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Place {
    pub at: DateTime<Utc>,
    pub agent: Uuid,
    pub epoch: i32,
    pub seq: i64,
}

/// The newest `most` events (at most [`MOST_EVENTS`]) of a UID before a place, and those that
/// correct them, in no order; on the first page its oldest births and receipts as
/// well. With what was measured on packages during `stays`, of the time of the page.
/// And the place of the next page, if there is one.
pub async fn events(
    tx: &mut Tx,
    key: i64,
    stays: &[Stay],
    before: Option<&Place>,
    most: i64,
) -> Result<(Vec<EventRow>, Option<Place>), Error> {
    let most = most.clamp(1, MOST_EVENTS);
    let mut rows = timeline::newest(tx, key, before, most + 1).await?;
    let mut next = None;
    if i64::try_from(rows.len()).is_ok_and(|length| length > most) {
        rows.pop();
        next = rows.last().map(|row| Place {
            at: row.occurred_at,
            agent: row.agent_id,
            epoch: row.epoch,
            seq: row.seq,
        });
        if before.is_none() {
            let known: std::collections::HashSet<_> =
                rows.iter().map(|row| (row.agent_id, row.epoch, row.seq)).collect();
            let births = timeline::births(tx, key, MOST_BIRTHS).await?;
            rows.extend(
                births.into_iter().filter(|row| !known.contains(&(row.agent_id, row.epoch, row.seq))),
            );
        }
    }
    let known: std::collections::HashSet<_> =
        rows.iter().map(|row| (row.agent_id, row.epoch, row.seq)).collect();
    let time = (next.as_ref().map(|next| next.at), before.map(|before| before.at));
    let around = super::stays::measured_around(tx, stays, time, MOST_EVENTS).await?;
    rows.extend(around.into_iter().filter(|row| !known.contains(&(row.agent_id, row.epoch, row.seq))));
    with_corrections(tx, &mut rows).await?;
    Ok((rows, next))
}

/// Adds the events that correct these, and those that correct them.
async fn with_corrections(tx: &mut Tx, rows: &mut Vec<EventRow>) -> Result<(), Error> {
    let tenant = tx.tenant();
    // A correction may be corrected; eight deep is beyond any patience.
    let mut fresh: Vec<Uuid> = rows.iter().map(|row| row.event_id).collect();
    for _ in 0..8 {
        let known: std::collections::HashSet<_> = rows.iter().map(|r| (r.agent_id, r.epoch, r.seq)).collect();
        let more: Vec<EventRow> = sqlx::query_as!(
            EventRow,
            r#"select e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.occurred_at,
                      e.occurred_offset_min, e.recorded_at, e.ingested_at, e.plant, e.station, e.operator_id,
                      e.shift, e.location, e.operation, e.attempt, e.outcome, e.accepted_quantity,
                      e.rejected_quantity, e.reason, e.machine, e.overridden_by, e.corrects,
                      e.reference_type, e.reference_number, '{}'::text[] as "documents!",
                      0::smallint as "role!", null::numeric as quantity, '' as "unit!", false as "mint!",
                      null::bigint as parent
               from lifecycle_events e
               where e.tenant_id = $1 and e.corrects = any($2)"#,
            tenant,
            &fresh,
        )
        .fetch_all(tx.conn())
        .await?
        .into_iter()
        .filter(|row| !known.contains(&(row.agent_id, row.epoch, row.seq)))
        .collect();
        if more.is_empty() {
            break;
        }
        fresh = more.iter().map(|row| row.event_id).collect();
        rows.extend(more);
    }
    Ok(())
}

/// Whether any event names a UID.
pub async fn named(tx: &mut Tx, key: i64) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (select from event_subjects where tenant_id = $1 and key = $2) as "named!""#,
        tenant,
        key,
    )
    .fetch_one(tx.conn())
    .await
}

/// A reading with its event.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct ReadingRow {
    pub agent_id: Uuid,
    pub epoch: i32,
    pub seq: i64,
    pub ordinal: i16,
    pub name: String,
    pub value: Option<Decimal>,
    pub unit: String,
    pub quality: i16,
    pub low: Option<Decimal>,
    pub high: Option<Decimal>,
    pub taken_at: DateTime<Utc>,
}

/// Readings of these events, newest first, one more than [`MOST_READINGS`].
pub async fn readings(tx: &mut Tx, events: &[EventRow]) -> Result<Vec<ReadingRow>, Error> {
    let stamps: Vec<_> = events.iter().map(|event| (event.agent_id, event.epoch, event.seq)).collect();
    readings_of(tx, &stamps).await
}

/// As [`readings`], of events by agent, epoch and seq.
pub async fn readings_of(tx: &mut Tx, events: &[(Uuid, i32, i64)]) -> Result<Vec<ReadingRow>, Error> {
    let tenant = tx.tenant();
    let agents: Vec<Uuid> = events.iter().map(|event| event.0).collect();
    let epochs: Vec<i32> = events.iter().map(|event| event.1).collect();
    let seqs: Vec<i64> = events.iter().map(|event| event.2).collect();
    sqlx::query_as!(
        ReadingRow,
        "select r.agent_id, r.epoch, r.seq, r.ordinal, r.name, r.value, r.unit, r.quality, r.low, r.high, r.taken_at \
         from unnest($2::uuid[], $3::integer[], $4::bigint[]) as e(agent_id, epoch, seq) \
         join event_readings r on r.tenant_id = $1 and r.agent_id = e.agent_id and r.epoch = e.epoch \
             and r.seq = e.seq \
         order by r.taken_at desc, r.agent_id, r.epoch, r.seq, r.ordinal limit $5",
        tenant,
        &agents,
        &epochs,
        &seqs,
        MOST_READINGS + 1,
    )
    .fetch_all(tx.conn())
    .await
}

/// An open link seen from one end.
#[derive(Debug, Clone)]
pub struct RelativeRow {
    /// The other end.
    pub key: i64,
    /// Kind of link.
    pub kind: i16,
    /// Item of the other end.
    pub item: String,
    /// How much of the part is in it.
    pub amounts: Amounts,
}

/// The relative in a row of either direction.
macro_rules! relative {
    ($row:expr) => {
        RelativeRow { key: $row.key, kind: $row.kind, item: $row.item, amounts: added_up!($row) }
    };
}

/// What a UID is in now, and what it was used up into, one more than
/// [`MOST_CHILDREN`].
pub async fn parents(tx: &mut Tx, key: i64) -> Result<Vec<RelativeRow>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select l.to_key as "key!", l.kind as "kind!", l.opened, l.closed, l.voided, l.reopened,
                  l.openings as "openings!", l.takings as "takings!", l.unsaid as "unsaid!", l.unit as "unit!",
                  l.other_unit as "other_unit!", coalesce(r.item, '') as "item!"
           from (select to_key, kind, sum(quantity) filter (where effect = 1) as opened,
                        sum(quantity) filter (where effect = 2) as closed,
                        sum(quantity) filter (where effect = 3) as voided,
                        sum(quantity) filter (where effect = 4) as reopened,
                        count(*) filter (where effect = 1) - count(*) filter (where effect = 3) as openings,
                        count(*) filter (where effect = 2) - count(*) filter (where effect = 4) as takings,
                        count(*) filter (where effect = 2 and quantity is null)
                            - count(*) filter (where effect = 4 and quantity is null) as unsaid,
                        coalesce(min(unit) filter (where quantity is not null), '') as unit, coalesce(max(unit) filter (where quantity is not null), '') as other_unit
                 from uid_links where tenant_id = $1 and from_key = $2
                 group by to_key, kind
                 having sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                     or (bool_or(effect = 2)
                         and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                  and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                         and app.link_open($1, $2, to_key, kind))
                 order by to_key limit $3) l
           left join uid_registry r on r.tenant_id = $1 and r.key = l.to_key
           order by l.to_key, l.kind"#,
        tenant,
        key,
        MOST_CHILDREN + 1,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| relative!(row)).collect())
}

/// What is in a UID now, one more than [`MOST_CHILDREN`].
pub async fn children(tx: &mut Tx, key: i64) -> Result<Vec<RelativeRow>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select l.from_key as "key!", l.kind as "kind!", l.opened, l.closed, l.voided, l.reopened,
                  l.openings as "openings!", l.takings as "takings!", l.unsaid as "unsaid!", l.unit as "unit!",
                  l.other_unit as "other_unit!", coalesce(r.item, '') as "item!"
           from (select from_key, kind, sum(quantity) filter (where effect = 1) as opened,
                        sum(quantity) filter (where effect = 2) as closed,
                        sum(quantity) filter (where effect = 3) as voided,
                        sum(quantity) filter (where effect = 4) as reopened,
                        count(*) filter (where effect = 1) - count(*) filter (where effect = 3) as openings,
                        count(*) filter (where effect = 2) - count(*) filter (where effect = 4) as takings,
                        count(*) filter (where effect = 2 and quantity is null)
                            - count(*) filter (where effect = 4 and quantity is null) as unsaid,
                        coalesce(min(unit) filter (where quantity is not null), '') as unit, coalesce(max(unit) filter (where quantity is not null), '') as other_unit
                 from uid_links where tenant_id = $1 and to_key = $2
                 group by from_key, kind
                 having sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                     or (bool_or(effect = 2)
                         and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                  and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                         and app.link_open($1, from_key, $2, kind))
                 order by from_key limit $3) l
           left join uid_registry r on r.tenant_id = $1 and r.key = l.from_key
           order by l.from_key, l.kind"#,
        tenant,
        key,
        MOST_CHILDREN + 1,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| relative!(row)).collect())
}

/// The last batch that everything told of a UID holds: events and links are there with
/// their batch, states once it is folded.
pub async fn current_to(tx: &mut Tx) -> Result<CurrentTo, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select batch_id, ingested_at from ingest_batches \
         where tenant_id = $1 \
           and batch_id <= (select c.through_batch from projection_cursors c \
                            where c.tenant_id = $1 and c.projection = $2) \
         order by batch_id desc limit 1",
        tenant,
        PROJECTION,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(match row {
        Some(row) => CurrentTo { batch_id: row.batch_id.to_string(), at: Some(row.ingested_at) },
        None => CurrentTo { batch_id: "0".into(), at: None },
    })
}

/// The last batch that a projection has folded; 0 before the first.
pub async fn projected_to(tx: &mut Tx, projection: &str) -> Result<i64, Error> {
    let tenant = tx.tenant();
    let through = sqlx::query_scalar!(
        "select through_batch from projection_cursors where tenant_id = $1 and projection = $2",
        tenant,
        projection,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(through.unwrap_or(0))
}

/// Plants whose agents were not heard of since `fresh_since`, or said that they
/// had events queued.
pub async fn plants_behind(tx: &mut Tx, fresh_since: DateTime<Utc>) -> Result<Vec<PlantBehind>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        PlantBehind,
        r#"select coalesce(plant_code, '') as "plant!", name as agent, last_seen_at,
                  coalesce(queued_events, 0) as "queued_events!"
           from agents
           where tenant_id = $1 and kind = 'plant' and status = 'enrolled'
             and (last_seen_at is null or last_seen_at < $2 or queued_events > 0)
           order by plant_code, name"#,
        tenant,
        fresh_since,
    )
    .fetch_all(tx.conn())
    .await
}

/// All streams; `fresh_since` decides who counts as connected.
pub async fn agents(tx: &mut Tx, fresh_since: DateTime<Utc>) -> Result<Vec<AgentView>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        AgentView,
        r#"select a.agent_id, a.name, a.kind, coalesce(a.plant_code, '') as "plant!", a.status,
                  coalesce(a.last_seen_at >= $2, false) as "connected!", a.last_seen_at,
                  coalesce(a.queued_events, 0) as "behind_by!", a.epoch,
                  coalesce(c.through_seq, 0) as "through_seq!", a.reference_version,
                  coalesce(a.software, '') as "software!"
           from agents a
           left join ingest_cursors c on c.tenant_id = a.tenant_id and c.agent_id = a.agent_id and c.epoch = a.epoch
           where a.tenant_id = $1 and ($3::text[] is null or a.plant_code = any($3))
           order by a.kind desc, a.name"#,
        tenant,
        fresh_since,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}
