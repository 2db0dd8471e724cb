//! SQL of exceptions.

use chrono::{DateTime, NaiveDate, Utc};
use platform::db::Tx;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::model::{ExceptionCount, ExceptionResolved, ExceptionStep};
use crate::explore::order::Stamp;

/// A row, with the UID as its key.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Row {
    pub exception_id: Uuid,
    pub kind: String,
    pub status: String,
    pub plant: String,
    pub agent_id: Option<Uuid>,
    pub epoch: Option<i32>,
    pub seq: Option<i64>,
    pub key: Option<i64>,
    pub document: String,
    pub detail: Value,
    pub opened_at: DateTime<Utc>,
    pub assigned_to: Option<String>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolved_by: Option<String>,
    pub choice: Option<String>,
    pub resolution: Option<String>,
    pub version: i32,
}

/// Which exceptions; empty texts mean all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Status.
    pub status: String,
    /// Kind.
    pub kind: String,
    /// Plant.
    pub plant: String,
    /// The person who is at them.
    pub assigned_to: String,
}

/// Exceptions of one status, newest first, after a place.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let tenant = tx.tenant();
    let (at, id) = after.unzip();
    sqlx::query_as!(
        Row,
        r#"select exception_id, kind, status, plant, agent_id, epoch, seq, key, document, detail, opened_at,
                  assigned_to, resolved_at, resolved_by, choice, resolution, version
           from exceptions
           where tenant_id = $1 and status = $2
             and ($3 = '' or kind = $3) and ($4 = '' or plant = $4) and ($8 = '' or assigned_to = $8)
             and ($5::timestamptz is null or opened_at < $5 or (opened_at = $5 and exception_id > $6))
           order by opened_at desc, exception_id
           limit $7"#,
        tenant,
        filter.status,
        filter.kind,
        filter.plant,
        at,
        id,
        limit,
        filter.assigned_to,
    )
    .fetch_all(tx.conn())
    .await
}

/// One exception.
pub async fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Row>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"select exception_id, kind, status, plant, agent_id, epoch, seq, key, document, detail, opened_at,
                  assigned_to, resolved_at, resolved_by, choice, resolution, version
           from exceptions where tenant_id = $1 and exception_id = $2"#,
        tenant,
        id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// One exception, locked.
pub async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Row>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"select exception_id, kind, status, plant, agent_id, epoch, seq, key, document, detail, opened_at,
                  assigned_to, resolved_at, resolved_by, choice, resolution, version
           from exceptions where tenant_id = $1 and exception_id = $2 for update"#,
        tenant,
        id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Resolves what was found of this kind and fingerprint, if it is still open: it is gone, as
/// `how` says.
pub async fn gone(tx: &mut Tx, kind: &str, fingerprint: &str, how: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"update exceptions
           set status = 'resolved', resolved_at = now(), resolved_by = 'system', resolution = $4
           where tenant_id = $1 and kind = $2 and fingerprint = $3 and status <> 'resolved'"#,
        tenant,
        kind,
        fingerprint,
        how,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Numbers of unresolved exceptions by plant and kind, most first.
pub async fn counts(tx: &mut Tx) -> Result<Vec<ExceptionCount>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        ExceptionCount,
        r#"select plant, kind, count(*) filter (where status = 'open') as "open!",
                  count(*) filter (where status = 'assigned') as "assigned!", min(opened_at) as "oldest!"
           from exceptions
           where tenant_id = $1 and status <> 'resolved' group by plant, kind order by 3 desc, 4 desc, 1, 2"#,
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// Kinds and numbers of open exceptions, most first.
pub async fn open_counts(tx: &mut Tx) -> Result<Vec<(String, i64)>, Error> {
    let mut kinds: Vec<(String, i64)> = Vec::new();
    for count in counts(tx).await?.into_iter().filter(|count| count.open > 0) {
        match kinds.iter_mut().find(|(kind, _)| *kind == count.kind) {
            Some((_, sum)) => *sum += count.open,
            None => kinds.push((count.kind, count.open)),
        }
    }
    kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(kinds)
}

/// Marks one as resolved by whoever acts.
pub async fn resolve(
    tx: &mut Tx,
    id: Uuid,
    choice: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update exceptions set status = 'resolved', resolved_at = $5, resolved_by = app.actor(), choice = $3, \
         resolution = $4 where tenant_id = $1 and exception_id = $2",
        tenant,
        id,
        choice,
        reason,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Opens a resolved one again; whoever was at it still is.
pub async fn reopen(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update exceptions set status = case when assigned_to is null then 'open' else 'assigned' end, \
         resolved_at = null, resolved_by = null, choice = null, resolution = null \
         where tenant_id = $1 and exception_id = $2",
        tenant,
        id,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Says who is at one; `None`: nobody.
pub async fn assign(tx: &mut Tx, id: Uuid, to: Option<Uuid>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update exceptions set status = case when $3::text is null then 'open' else 'assigned' end, \
         assigned_to = $3 where tenant_id = $1 and exception_id = $2",
        tenant,
        id,
        to.map(|to| to.to_string()),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes what a person did.
pub async fn step_insert(
    tx: &mut Tx,
    id: Uuid,
    what: &str,
    person: Option<Uuid>,
    choice: Option<&str>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into exception_steps (tenant_id, exception_id, step_id, at, what, person, choice, reason) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant,
        id,
        Uuid::now_v7(),
        now,
        what,
        person,
        choice,
        reason,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What people did with one, in order: the last thousand.
pub async fn steps(tx: &mut Tx, id: Uuid) -> Result<Vec<ExceptionStep>, Error> {
    let tenant = tx.tenant();
    let mut steps = sqlx::query_as!(
        ExceptionStep,
        "select at, actor, what, person, choice, reason from exception_steps \
         where tenant_id = $1 and exception_id = $2 order by step_id desc limit 1000",
        tenant,
        id,
    )
    .fetch_all(tx.conn())
    .await?;
    steps.reverse();
    Ok(steps)
}

/// A hold that a fact disagrees with, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct HoldRow {
    pub hold_id: Uuid,
    pub reason: String,
    pub status: String,
    /// Who is responsible for it; an opaque id.
    pub owner: String,
    pub placed_by: String,
    pub placed_at: DateTime<Utc>,
    pub released_by: Option<String>,
    pub released_at: Option<DateTime<Utc>>,
}

/// Holds of these ids.
pub async fn holds(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<HoldRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        HoldRow,
        r#"select hold_id, reason, status, case when owner = '' then placed_by else owner end as "owner!",
                  placed_by, placed_at, released_by, released_at
           from holds where tenant_id = $1 and hold_id = any($2)"#,
        tenant,
        ids,
    )
    .fetch_all(tx.conn())
    .await
}

/// Codes of all plants that there are or were, for the transaction's eyes.
pub async fn plants(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    let seen = tx.plants().codes();
    sqlx::query_scalar!(
        "select code from plants where tenant_id = $1 and ($2::text[] is null or code = any($2)) order by code",
        tenant,
        seen.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}

/// A fact as one side of an exception, with what it says of the unit.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the columns of the tables, described in the schema")]
pub struct SideRow {
    pub agent_id: Uuid,
    pub epoch: i32,
    pub seq: i64,
    pub key: i64,
    pub event_id: Uuid,
    pub stage: i16,
    pub occurred_at: DateTime<Utc>,
    pub plant: String,
    pub station: String,
    pub operator_id: String,
    pub overridden_by: String,
    pub reason: String,
    pub reference_number: String,
    pub item: Option<String>,
    pub quantity: Option<Decimal>,
    pub unit: Option<String>,
    /// What the unit went into or came out of.
    pub whole: Option<i64>,
}

/// The facts at these places, each with what it says of a unit (0 for none).
pub async fn sides(tx: &mut Tx, asked: &[(Stamp, i64)]) -> Result<Vec<SideRow>, Error> {
    let tenant = tx.tenant();
    let agents: Vec<Uuid> = asked.iter().map(|(at, _)| at.agent).collect();
    let epochs: Vec<i32> = asked.iter().map(|(at, _)| at.epoch).collect();
    let seqs: Vec<i64> = asked.iter().map(|(at, _)| at.seq).collect();
    let keys: Vec<i64> = asked.iter().map(|(_, key)| *key).collect();
    sqlx::query_as!(
        SideRow,
        r#"select u.agent_id as "agent_id!", u.epoch as "epoch!", u.seq as "seq!", u.key as "key!",
                  e.event_id as "event_id!", e.stage as "stage!", e.occurred_at as "occurred_at!",
                  e.plant as "plant!", e.station as "station!", e.operator_id as "operator_id!",
                  e.overridden_by as "overridden_by!", e.reason as "reason!",
                  e.reference_number as "reference_number!", s.item as "item?", s.quantity as "quantity?", s.unit as "unit?",
                  w.key as "whole?"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as u(agent_id, epoch, seq, key)
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = u.agent_id and e.epoch = u.epoch
               and e.seq = u.seq
           left join lateral (
               select s.item, s.quantity, s.unit, s.role from event_subjects s
               where s.tenant_id = $1 and s.key = u.key and s.agent_id = u.agent_id and s.epoch = u.epoch
                 and s.seq = u.seq
               order by s.ordinal limit 1) s on true
           left join lateral (
               select p.key from event_subjects p
               where s.role = 5 and p.tenant_id = $1 and p.agent_id = u.agent_id and p.epoch = u.epoch
                 and p.seq = u.seq and p.role = 4
               order by p.ordinal limit 1) w on true"#,
        tenant,
        &agents,
        &epochs,
        &seqs,
        &keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// An event that may be corrected.
#[derive(Debug, Clone)]
pub struct FactRow {
    /// Its id; nil where it could not be read.
    pub event_id: Uuid,
    /// Where it happened.
    pub plant: String,
    /// The stage of what was done: of a correction, of what that corrects in the end.
    pub root: i16,
    /// How many corrections stand between the two.
    pub corrections: i64,
}

/// The event at a place.
pub async fn fact(tx: &mut Tx, at: Stamp) -> Result<Option<FactRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        FactRow,
        r#"with recursive up(steps, stage, corrects) as (
               select 0::bigint, e.stage, e.corrects from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = $2 and e.epoch = $3 and e.seq = $4
             union
               select up.steps + 1, e.stage, e.corrects from up
               join lifecycle_events e on e.tenant_id = $1 and e.event_id = up.corrects
               where up.steps < 1000
           )
           select f.event_id, f.plant, r.stage as "root!", r.steps as "corrections!"
           from lifecycle_events f
           cross join lateral (select stage, steps from up order by steps desc limit 1) r
           where f.tenant_id = $1 and f.agent_id = $2 and f.epoch = $3 and f.seq = $4"#,
        tenant,
        at.agent,
        at.epoch,
        at.seq,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The holds that stand by an event of a plant.
pub async fn standing_holds(tx: &mut Tx, at: Stamp) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct h.hold_id as "hold_id!"
           from event_subjects s
           join hold_members m on m.tenant_id = $1 and m.key = s.key
           join holds h on h.tenant_id = $1 and h.hold_id = m.hold_id
           where s.tenant_id = $1 and s.agent_id = $2 and s.epoch = $3 and s.seq = $4 and s.key <> 0
             and h.status = 'placed' and h.placed_agent = $2 and h.placed_epoch = $3 and h.placed_seq = $4
           order by 1"#,
        tenant,
        at.agent,
        at.epoch,
        at.seq,
    )
    .fetch_all(tx.conn())
    .await
}

/// The plants where the labels of a hold are.
pub async fn hold_plants(tx: &mut Tx, hold: Uuid) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select distinct r.plant from hold_members m \
         join uid_registry r on r.tenant_id = $1 and r.key = m.key \
         where m.tenant_id = $1 and m.hold_id = $2 and m.left_at is null and r.plant <> '' order by r.plant",
        tenant,
        hold,
    )
    .fetch_all(tx.conn())
    .await
}

/// Exceptions that corrections resolved, each with the reason that stands beside the
/// correction; of those that the transaction sees.
pub async fn resolved_by(
    tx: &mut Tx,
    asked: &[(Stamp, Uuid)],
) -> Result<Vec<(Stamp, ExceptionResolved)>, Error> {
    let tenant = tx.tenant();
    let agents: Vec<Uuid> = asked.iter().map(|(at, _)| at.agent).collect();
    let epochs: Vec<i32> = asked.iter().map(|(at, _)| at.epoch).collect();
    let seqs: Vec<i64> = asked.iter().map(|(at, _)| at.seq).collect();
    let ids: Vec<Uuid> = asked.iter().map(|(_, id)| *id).collect();
    let rows = sqlx::query!(
        r#"select u.agent_id as "agent!", u.epoch as "epoch!", u.seq as "seq!", x.exception_id, x.kind,
                  (select n.note from event_notes n where n.tenant_id = $1 and n.agent_id = u.agent_id
                       and n.epoch = u.epoch and n.seq = u.seq) as note
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::uuid[]) as u(agent_id, epoch, seq, id)
           join exceptions x on x.tenant_id = $1 and x.exception_id = u.id"#,
        tenant,
        &agents,
        &epochs,
        &seqs,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (exception_id, kind, reason) = (row.exception_id, row.kind, row.note.unwrap_or_default());
            let stamp = Stamp { agent: row.agent, epoch: row.epoch, seq: row.seq };
            (stamp, ExceptionResolved { exception_id, kind, reason })
        })
        .collect())
}

/// The units of an event, the first thousand.
pub async fn fact_units(tx: &mut Tx, at: Stamp) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select key from event_subjects \
         where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq = $4 and key <> 0 \
         order by ordinal limit 1000",
        tenant,
        at.agent,
        at.epoch,
        at.seq,
    )
    .fetch_all(tx.conn())
    .await
}

/// Plants with exceptions older than `before`, and how many, a thousand in all at most;
/// marked as told on that day. Plants that were told on it already are left out.
pub async fn old_told(
    tx: &mut Tx,
    before: DateTime<Utc>,
    today: NaiveDate,
) -> Result<Vec<(String, i64)>, Error> {
    let tenant = tx.tenant();
    let old: Vec<(String, i64)> = sqlx::query!(
        r#"select plant as "plant!", count(*) as "count!"
           from (select plant from exceptions
                 where tenant_id = $1 and status = any(array['open', 'assigned']) and opened_at < $2
                 limit 1000) as old
           group by plant order by plant"#,
        tenant,
        before,
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| (row.plant, row.count))
    .collect();
    let plants: Vec<String> = old.iter().map(|(plant, _)| plant.clone()).collect();
    let told: Vec<String> = sqlx::query_scalar!(
        "insert into exception_digests as d (tenant_id, plant, told_on) \
         select $1, plant, $3 from unnest($2::text[]) as plant \
         on conflict (tenant_id, plant) do update set told_on = $3 where d.told_on < $3 \
         returning plant",
        tenant,
        &plants,
        today,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(old.into_iter().filter(|(plant, _)| told.contains(plant)).collect())
}
