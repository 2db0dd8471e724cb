//! What is to be done: batches, cursors, and which UIDs they concern.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use crate::projection::waits::{BIRTH, Wait};

/// A committed batch: consecutive events of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Place in the tenant's order of commits.
    pub batch_id: i64,
    /// The stream.
    pub agent_id: Uuid,
    /// Its epoch.
    pub epoch: i32,
    /// First event.
    pub from_seq: i64,
    /// Last event.
    pub to_seq: i64,
}

/// Batches as columns, for `unnest`. What they cover is read batch by batch, each by the
/// index (`cross join lateral (… offset 0)`): left to itself the planner takes a range for a
/// two-hundredth of the table, joins by agent alone and compares every event of the agent
/// with every batch: minutes, for twenty batches among ten million events.
#[derive(Debug, Default)]
pub struct Ranges {
    agents: Vec<Uuid>,
    epochs: Vec<i32>,
    froms: Vec<i64>,
    tos: Vec<i64>,
}

impl Ranges {
    /// The columns of these batches.
    #[must_use]
    pub fn of(batches: &[Batch]) -> Self {
        Self {
            agents: batches.iter().map(|batch| batch.agent_id).collect(),
            epochs: batches.iter().map(|batch| batch.epoch).collect(),
            froms: batches.iter().map(|batch| batch.from_seq).collect(),
            tos: batches.iter().map(|batch| batch.to_seq).collect(),
        }
    }

    /// Agents, epochs, first and last events.
    #[must_use]
    pub fn columns(&self) -> (&[Uuid], &[i32], &[i64], &[i64]) {
        (&self.agents, &self.epochs, &self.froms, &self.tos)
    }
}

/// Takes the cursor for this transaction, and makes it where there is none; `None` while another
/// worker has it. It waits for nobody: a process that was killed may have left its transaction
/// open, and an insert beside that, even one that does nothing on a conflict, would wait for it.
pub async fn cursor_lock(tx: &mut Tx, projection: &str) -> Result<Option<i64>, Error> {
    let tenant = tx.tenant();
    let locked = sqlx::query_scalar!(
        "select through_batch from projection_cursors where tenant_id = $1 and projection = $2 \
         for update skip locked",
        tenant,
        projection,
    )
    .fetch_optional(tx.conn())
    .await?;
    if locked.is_some() {
        return Ok(locked);
    }
    // Somebody has it, or it is not there: who makes it holds the lock beside it until the commit.
    sqlx::query_scalar!(
        "insert into projection_cursors (tenant_id, projection) \
         select $1::uuid, $2::text \
         where not exists (select from projection_cursors where tenant_id = $1 and projection = $2) \
           and pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', 'cursor', $1::uuid::text, $2::text), 0)) \
         on conflict do nothing returning through_batch",
        tenant,
        projection,
    )
    .fetch_optional(tx.conn())
    .await
}

/// How long a statement of the projection waits for a lock. It is shorter than a statement may
/// run, so that what waited is not taken for what was too much.
const LOCK_WAIT: &str = "10s";

/// Sets that for this transaction.
pub async fn lock_wait(tx: &mut Tx) -> Result<(), Error> {
    sqlx::query("select set_config('lock_timeout', $1, true)").bind(LOCK_WAIT).execute(tx.conn()).await?;
    Ok(())
}

/// Moves the cursor that [`cursor_lock`] took.
pub async fn cursor_move(tx: &mut Tx, projection: &str, through: i64) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update projection_cursors set through_batch = $3 where tenant_id = $1 and projection = $2",
        tenant,
        projection,
        through,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The next batches, oldest first.
pub async fn batches_after(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<Batch>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Batch,
        "select batch_id, agent_id, epoch, from_seq, to_seq from ingest_batches \
         where tenant_id = $1 and batch_id > $2 order by batch_id limit $3",
        tenant,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// UIDs that the batches name.
pub async fn keys_touched(tx: &mut Tx, ranges: &Ranges) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct s.key as "key!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select key from event_subjects s
               where s.tenant_id = $1 and s.agent_id = b.agent_id and s.epoch = b.epoch
                 and s.seq >= b.low and s.seq <= b.high and s.key <> 0 offset 0) s
           order by 1"#,
        tenant,
        &ranges.agents,
        &ranges.epochs,
        &ranges.froms,
        &ranges.tos,
    )
    .fetch_all(tx.conn())
    .await
}

/// UIDs that the batches move as things: subjects or children of these stages.
pub async fn movers_touched(tx: &mut Tx, ranges: &Ranges, stages: &[i16]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct s.key as "key!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select agent_id, epoch, seq from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = b.agent_id and e.epoch = b.epoch
                 and e.seq >= b.low and e.seq <= b.high and e.stage = any($6) offset 0) e
           cross join lateral (
               select key from event_subjects s
               where s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch and s.seq = e.seq
                 and s.key <> 0 and s.role in (0, 1, 5) offset 0) s"#,
        tenant,
        &ranges.agents,
        &ranges.epochs,
        &ranges.froms,
        &ranges.tos,
        stages,
    )
    .fetch_all(tx.conn())
    .await
}

/// Events that corrections in the batches name.
pub async fn corrected_by(tx: &mut Tx, ranges: &Ranges) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct e.corrects as "corrects!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select corrects from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = b.agent_id and e.epoch = b.epoch
                 and e.seq >= b.low and e.seq <= b.high and e.corrects is not null offset 0) e"#,
        tenant,
        &ranges.agents,
        &ranges.epochs,
        &ranges.froms,
        &ranges.tos,
    )
    .fetch_all(tx.conn())
    .await
}

/// A fact of a plant's agent that another agent has corrected.
pub struct Corrected {
    /// Its id.
    pub event_id: Uuid,
    /// The agent's plant.
    pub plant: String,
    /// The correction that is new.
    pub by: Uuid,
    /// The UIDs that the fact names.
    pub keys: Vec<i64>,
}

/// Facts of plants' agents that corrections of others in the batches concern: the facts that
/// they name, also by way of corrections between.
pub async fn corrected_by_others(tx: &mut Tx, ranges: &Ranges) -> Result<Vec<Corrected>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Corrected,
        r#"with recursive up as (
               select c.agent_id, c.event_id as by_id, c.corrects as named, 1 as deep
               from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
               cross join lateral (
                   select agent_id, event_id, corrects from lifecycle_events e
                   where e.tenant_id = $1 and e.agent_id = b.agent_id and e.epoch = b.epoch
                     and e.seq >= b.low and e.seq <= b.high and e.stage = 36 and e.corrects is not null
                   offset 0) c
               union all
               select u.agent_id, u.by_id, c.corrects, u.deep + 1 from up u
               join lifecycle_events c on c.tenant_id = $1 and c.event_id = u.named and c.stage = 36
                   and c.corrects is not null
               where u.deep < 16)
           select distinct on (e.event_id) e.event_id, a.plant_code as "plant!", u.by_id as "by!",
               array(select distinct s.key from event_subjects s
                     where s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch and s.seq = e.seq
                       and s.key > 0 order by 1) as "keys!"
           from up u
           join lifecycle_events e on e.tenant_id = $1 and e.event_id = u.named and e.stage <> 36
           join agents a on a.tenant_id = $1 and a.agent_id = e.agent_id and a.kind = 'plant'
               and a.plant_code is not null
           where e.agent_id <> u.agent_id
           order by e.event_id, u.by_id desc"#,
        tenant,
        &ranges.agents,
        &ranges.epochs,
        &ranges.froms,
        &ranges.tos,
    )
    .fetch_all(tx.conn())
    .await
}

/// What these events name in turn: (UIDs, events they correct).
pub async fn named_by(tx: &mut Tx, events: &[Uuid]) -> Result<(Vec<i64>, Vec<Uuid>), Error> {
    let tenant = tx.tenant();
    let keys = sqlx::query_scalar!(
        r#"select distinct s.key as "key!" from lifecycle_events e
           join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch
               and s.seq = e.seq
           where e.tenant_id = $1 and e.event_id = any($2) and s.key <> 0"#,
        tenant,
        events,
    )
    .fetch_all(tx.conn())
    .await?;
    let next = sqlx::query_scalar!(
        r#"select distinct corrects as "corrects!" from lifecycle_events
           where tenant_id = $1 and event_id = any($2) and corrects is not null"#,
        tenant,
        events,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok((keys, next))
}

/// Everything that is inside these UIDs now, at any depth.
pub async fn members_now(tx: &mut Tx, keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"with recursive inside(key) as (
               select r.key from uid_registry r where r.tenant_id = $1 and r.parent_key = any($2)
               union
               select r.key from inside i join uid_registry r on r.tenant_id = $1 and r.parent_key = i.key)
           select key as "key!" from inside order by key"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Everything that ever was inside these UIDs, at any depth.
pub async fn members_ever(tx: &mut Tx, keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"with recursive inside(key) as (
               select l.from_key from uid_links l
               where l.tenant_id = $1 and l.to_key = any($2) and l.kind in (2, 3)
               union
               select l.from_key from inside i
               join uid_links l on l.tenant_id = $1 and l.to_key = i.key and l.kind in (2, 3))
           select key as "key!" from inside order by key"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Everything that was split off these UIDs, at any depth: what got a label of
/// its own out of the same lot. At most [`MOST_SPLIT_OFF`]; a ring ends.
pub async fn split_off(tx: &mut Tx, keys: &[i64]) -> Result<Vec<i64>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"with recursive parts(key, lot_id) as (
               select r.key, r.lot_id from uid_registry r where r.tenant_id = $1 and r.key = any($2)
               union
               select t.key, t.lot_id from parts p
               join uid_links l on l.tenant_id = $1 and l.from_key = p.key and l.kind = 1
               join uid_registry t on t.tenant_id = $1 and t.key = l.to_key and t.lot_id = p.lot_id)
           select key as "key!" from parts limit $3"#,
        tenant,
        keys,
        MOST_SPLIT_OFF + 1,
    )
    .fetch_all(tx.conn())
    .await?;
    if i64::try_from(found.len()).is_ok_and(|length| length > MOST_SPLIT_OFF) {
        tracing::warn!(%tenant, "more than {MOST_SPLIT_OFF} labels were split off: the rest keep their quality");
    }
    Ok(found)
}

/// Most labels that are folded again because of news about what they were split
/// off.
pub const MOST_SPLIT_OFF: i64 = 100_000;

/// Orders of these types that the batches, or the events that they correct, name:
/// (type, number).
pub async fn orders_touched(
    tx: &mut Tx,
    ranges: &Ranges,
    corrected: &[Uuid],
    types: &[&str],
) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let types: Vec<String> = types.iter().map(|kind| (*kind).to_owned()).collect();
    let rows = sqlx::query!(
        r#"select d.type as "kind!", d.number as "number!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select type, number from event_references d
               where d.tenant_id = $1 and d.agent_id = b.agent_id and d.epoch = b.epoch
                 and d.seq >= b.low and d.seq <= b.high and d.type = any($7) offset 0) d
           union
           select d.type, d.number from lifecycle_events e
           join event_references d on d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
               and d.seq = e.seq
           where e.tenant_id = $1 and e.event_id = any($6) and d.type = any($7)"#,
        tenant,
        &ranges.agents,
        &ranges.epochs,
        &ranges.froms,
        &ranges.tos,
        corrected,
        &types,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.number)).collect())
}

/// Transfer orders by which these UIDs went to another plant.
pub async fn orders_of_ways(tx: &mut Tx, keys: &[i64]) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select distinct d.type as "kind!", d.number as "number!" from transfers t
           join event_references d on d.tenant_id = $1 and d.agent_id = t.out_agent and d.epoch = t.out_epoch
               and d.seq = t.out_seq and d.type = 'transfer'
           where t.tenant_id = $1 and t.key = any($2)"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.number)).collect())
}

/// A fact that still waits for its counterpart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Its stream.
    pub agent_id: Uuid,
    /// Its epoch.
    pub epoch: i32,
    /// Its place.
    pub seq: i64,
    /// Which UID.
    pub key: i64,
    /// Since when.
    pub parked_at: DateTime<Utc>,
    /// Its plant.
    pub plant: String,
}

/// Facts parked before `before` about which no exception stands, if every other
/// plant is current: heard of since `fresh_since`, with nothing queued.
pub async fn ripe(
    tx: &mut Tx,
    wait: Wait,
    before: DateTime<Utc>,
    fresh_since: DateTime<Utc>,
) -> Result<Vec<Parked>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Parked,
        r#"select p.agent_id, p.epoch, p.seq, p.key, p.parked_at, e.plant
           from parked_events p
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = p.agent_id and e.epoch = p.epoch
               and e.seq = p.seq
           where p.tenant_id = $1 and p.projection = $2 and p.parked_at < $3
             and not exists (select from agents a
                             where a.tenant_id = $1 and a.kind = 'plant' and a.status = 'enrolled'
                               and a.plant_code is distinct from e.plant
                               and (a.last_seen_at is null or a.last_seen_at < $4
                                    or coalesce(a.queued_events, 0) > 0))
             and not exists (select from exceptions x
                             where x.tenant_id = $1 and x.key = p.key and x.agent_id = p.agent_id
                               and x.epoch = p.epoch and x.seq = p.seq
                               and x.kind = $5
                               and not (x.status = 'resolved' and x.resolved_by = 'system'))
           order by p.key limit 500"#,
        tenant,
        wait.projection,
        before,
        fresh_since,
        wait.kind,
    )
    .fetch_all(tx.conn())
    .await
}

/// Uses of UIDs without a birth, parked before `before`, about which no exception
/// stands, if the agents of the UID's plant are current as for [`ripe`].
pub async fn ripe_births(
    tx: &mut Tx,
    before: DateTime<Utc>,
    fresh_since: DateTime<Utc>,
) -> Result<Vec<Parked>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Parked,
        r#"select p.agent_id, p.epoch, p.seq, p.key, p.parked_at, e.plant
           from parked_events p
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = p.agent_id and e.epoch = p.epoch
               and e.seq = p.seq
           where p.tenant_id = $1 and p.projection = $2 and p.parked_at < $3
             and not exists (select from agents a
                             where a.tenant_id = $1 and a.kind = 'plant' and a.status = 'enrolled'
                               and a.plant_code = app.base36(p.key / 129600000000000, 3)
                               and (a.last_seen_at is null or a.last_seen_at < $4
                                    or coalesce(a.queued_events, 0) > 0))
             and not exists (select from exceptions x
                             where x.tenant_id = $1 and x.key = p.key and x.kind = 'uid.never_born'
                               and not (x.status = 'resolved' and x.resolved_by = 'system'))
           order by p.key limit 500"#,
        tenant,
        BIRTH.projection,
        before,
        fresh_since,
    )
    .fetch_all(tx.conn())
    .await
}
