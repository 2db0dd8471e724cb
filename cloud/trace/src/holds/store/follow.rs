//! What the follower reads and writes.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::WayIn;
use crate::explore::order::Stamp;
use crate::holds::Keys;
use crate::holds::acts::{Class, Version};
use crate::holds::members::Born;
use crate::projection::store::queue::Ranges;

/// How far batches are followed.
pub struct Cursor {
    /// Up to this one.
    pub through: i64,
    /// Holds of before packages took their contents along have still to take them in.
    pub older: bool,
}

/// Takes the cursor for this transaction; `None` while another worker has it, and
/// for a tenant that has nothing to follow.
pub async fn cursor_lock(tx: &mut Tx) -> Result<Option<Cursor>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Cursor,
        "select through_batch as through, older_done_at is null as \"older!\" from hold_cursors \
         where tenant_id = $1 for update skip locked",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Moves the cursor that [`cursor_lock`] took.
pub async fn cursor_move(tx: &mut Tx, through: i64) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("update hold_cursors set through_batch = $2 where tenant_id = $1", tenant, through)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Up to which batch a projection has come.
pub async fn applied(tx: &mut Tx, projection: &str) -> Result<Option<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select through_batch from projection_cursors where tenant_id = $1 and projection = $2",
        tenant,
        projection,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The earliest batch after which the units of a new hold were not looked up.
pub async fn unlooked(tx: &mut Tx) -> Result<Option<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select min(looked_batch) from holds where tenant_id = $1 and looked_batch is not null",
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

/// All holds are looked up through this batch; those that were committed later, and
/// those that have not come to the cursor again, are looked at on.
pub async fn looked(tx: &mut Tx, through: i64, cursor: i64) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update holds set looked_batch = case when greatest(placed_batch, $3) > $2 then $2 end \
         where tenant_id = $1 and looked_batch is not null and looked_batch < $2",
        tenant,
        through,
        cursor,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Holds that plants placed or released, and that were not looked at since; whether
/// each stands.
pub async fn of_plants(tx: &mut Tx) -> Result<Vec<(Uuid, bool)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select hold_id, status from holds \
         where tenant_id = $1 and looked_batch is not null and placed_agent is not null order by hold_id",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.hold_id, row.status == "placed")).collect())
}

/// What a hold of a plant came to hold beside the label that it named.
pub async fn others(tx: &mut Tx, hold_id: Uuid) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select key from hold_members where tenant_id = $1 and hold_id = $2 and cause <> 'scope' \
         and left_at is null order by key",
        tenant,
        hold_id,
    )
    .fetch_all(tx.conn())
    .await
}

/// There is nothing more to look at in a hold that its plant released.
pub async fn let_go(tx: &mut Tx, hold_id: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update holds set looked_batch = null where tenant_id = $1 and hold_id = $2",
        tenant,
        hold_id,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Units that the batches name, but in facts of holds themselves and in refusals.
pub async fn touched(tx: &mut Tx, ranges: &Ranges) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    let (agents, epochs, froms, tos) = ranges.columns();
    sqlx::query_scalar!(
        r#"select distinct s.key as "key!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select agent_id, epoch, seq from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = b.agent_id and e.epoch = b.epoch
                 and e.seq >= b.low and e.seq <= b.high and e.stage <> all('{22,23,37}'::smallint[]) offset 0) e
           cross join lateral (
               select key from event_subjects s
               where s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch and s.seq = e.seq
                 and s.key <> 0 offset 0) s
           order by 1"#,
        tenant,
        agents,
        epochs,
        froms,
        tos,
    )
    .fetch_all(tx.conn())
    .await
}

/// Which of these units are held, by holds that grow.
pub async fn held_among(tx: &mut Tx, keys: &[i64]) -> Result<Vec<(Uuid, i64)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select m.hold_id, m.key from hold_members m \
         join holds h on h.tenant_id = $1 and h.hold_id = m.hold_id \
         where m.tenant_id = $1 and m.key = any($2) and m.left_at is null and h.status = 'placed' \
           and h.placed_batch is not null \
         order by m.hold_id, m.key",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.hold_id, row.key)).collect())
}

/// Which of these units are of a held lot, or of a later delivery of a held supplier's lot, and
/// not yet held with it.
pub async fn born_of_held_lots(tx: &mut Tx, keys: &[i64]) -> Result<Vec<(Uuid, Born)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"with named as materialized (
               select distinct r.lot_id from uid_registry r
               where r.tenant_id = $1 and r.key = any($2) and r.lot_id is not null
           ), whole as materialized (
               select h.hold_id, o.item, o.supplier, o.supplier_lot from holds h
               join lots o on o.tenant_id = $1 and o.lot_id = h.lot_id and o.supplier_lot <> ''
               where h.tenant_id = $1 and h.deliveries and h.status = 'placed' and h.placed_batch is not null
           ), held as materialized (
               select h.hold_id, n.lot_id from named n
               join holds h on h.tenant_id = $1 and h.lot_id = n.lot_id and h.status = 'placed'
                   and h.placed_batch is not null
             union
               select w.hold_id, n.lot_id from named n
               join lots l on l.tenant_id = $1 and l.lot_id = n.lot_id
               join whole w on w.supplier_lot = l.supplier_lot and w.item = l.item and w.supplier = l.supplier
           )
           select h.hold_id as "hold_id!", r.key as "key!", h.lot_id as "lot_id!", r.born_agent as "born_agent!",
                  r.born_epoch as "born_epoch!", r.born_seq as "born_seq!", r.born_at as "born_at!"
           from uid_registry r
           join held h on h.lot_id = r.lot_id
           where r.tenant_id = $1 and r.key = any($2) and r.lot_id is not null
             and not exists (select from hold_members m where m.tenant_id = $1 and m.key = r.key
                             and m.hold_id = h.hold_id and m.left_at is null)
           order by 1, 2"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    let born = rows.into_iter().map(|row| {
        let stamp = Stamp { agent: row.born_agent, epoch: row.born_epoch, seq: row.born_seq };
        let way = WayIn { via: None, stamp, occurred_at: row.born_at };
        (row.hold_id, Born { key: row.key, lot: row.lot_id, way })
    });
    Ok(born.collect())
}

/// Packages of a hold in which no member is any more, with their parts; marks them
/// as let go.
pub async fn emptied(tx: &mut Tx, hold_id: Uuid, now: DateTime<Utc>) -> Result<Vec<(i64, i32)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"update hold_members m set left_at = $3, left_version = null, left_generation = null
           where m.tenant_id = $1 and m.hold_id = $2 and m.cause = 'inside' and m.left_at is null
             and not exists (
                 select from uid_links l
                 join hold_members c on c.tenant_id = $1 and c.key = l.from_key and c.hold_id = $2
                     and c.left_at is null
                 where l.tenant_id = $1 and l.to_key = m.key and l.kind = 3
                 group by l.from_key
                 having sum(case when l.effect in (1, 4) then 1 else -1 end) > 0
                     or (bool_or(l.effect = 2)
                         and not (count(*) = 2 and bool_and(l.effect in (1, 2)) and min(l.epoch) = max(l.epoch)
                                  and min(l.seq) filter (where l.effect = 2) > max(l.seq) filter (where l.effect = 1))
                         and app.link_open($1, l.from_key, m.key, 3::smallint)))
           returning m.key, m.part"#,
        tenant,
        hold_id,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.part)).collect())
}

/// What a part of a hold holds.
pub async fn keys_of_part(tx: &mut Tx, hold_id: Uuid, part: i32) -> Result<Keys, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select key, cause in ('inside', 'kept') as \"inside!\" from hold_members \
         where tenant_id = $1 and hold_id = $2 and part = $3 and left_at is null order by key",
        tenant,
        hold_id,
        part,
    )
    .fetch_all(tx.conn())
    .await?;
    let inside = rows.iter().filter(|row| row.inside).map(|row| row.key).collect();
    Ok(Keys { all: rows.into_iter().map(|row| row.key).collect(), inside })
}

/// Something done with a unit, in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    key: i64,
    stamp: Stamp,
    role: i16,
    batch: i64,
}

/// What these batches tell of units that are held, whether they still are or not.
pub async fn candidates(tx: &mut Tx, ranges: &Ranges, ids: &[i64]) -> Result<Vec<Candidate>, Error> {
    let tenant = tx.tenant();
    let (agents, epochs, froms, tos) = ranges.columns();
    let rows = sqlx::query!(
        r#"select s.key as "key!", s.agent_id as "agent_id!", s.epoch as "epoch!", s.seq as "seq!",
                  s.role as "role!", b.batch as "batch!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[])
                    as b(agent_id, epoch, low, high, batch)
           cross join lateral (
               select key, agent_id, epoch, seq, role from event_subjects s
               where s.tenant_id = $1 and s.agent_id = b.agent_id and s.epoch = b.epoch
                 and s.seq >= b.low and s.seq <= b.high and s.key <> 0 offset 0) s
           where exists (select from hold_members m where m.tenant_id = $1 and m.key = s.key)"#,
        tenant,
        agents,
        epochs,
        froms,
        tos,
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Candidate {
            key: row.key,
            stamp: Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq },
            role: row.role,
            batch: row.batch,
        })
        .collect())
}

/// All that batches up to `last` tell of these units: of what has just come under
/// a hold, another plant may have told before how it was used.
pub async fn candidates_of(tx: &mut Tx, keys: &[i64], last: i64) -> Result<Vec<Candidate>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select s.key as "key!", s.agent_id as "agent_id!", s.epoch as "epoch!", s.seq as "seq!",
                  s.role as "role!", b.batch_id as "batch!"
           from event_subjects s
           cross join lateral (
               select b.batch_id, b.from_seq from ingest_batches b
               where b.tenant_id = $1 and b.agent_id = s.agent_id and b.epoch = s.epoch and b.to_seq >= s.seq
               order by b.to_seq limit 1) as b
           where s.tenant_id = $1 and s.key = any($2) and b.from_seq <= s.seq and b.batch_id <= $3"#,
        tenant,
        keys,
        last,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Candidate {
            key: row.key,
            stamp: Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq },
            role: row.role,
            batch: row.batch,
        })
        .collect())
}

/// Something done with a held unit that was told after the hold was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the tables, described in the schema")]
pub struct Act {
    pub hold_id: Uuid,
    pub reason: String,
    pub placed_at: DateTime<Utc>,
    pub key: i64,
    /// How it came under the hold, where that was later.
    pub way: Option<WayIn>,
    pub part: i32,
    /// With what plants were told of it.
    pub told: Option<Version>,
    /// With what plants were told of the hold's release.
    pub released: Option<Version>,
    /// With what plants were told that it is free again, of a package that was let go.
    pub left: Option<Version>,
    /// By the clocks it was done after the hold was released, or after the package was
    /// let go; plants had not been told.
    pub over: bool,
    /// Done with the very label, in the stream of the plant that had placed the hold.
    pub own: bool,
    pub stamp: Stamp,
    pub role: i16,
    pub event_id: Uuid,
    pub stage: i16,
    pub action: i16,
    pub plant: String,
    pub station: String,
    pub operator: String,
    pub overridden_by: String,
    pub overridden: bool,
    pub document: String,
    pub occurred_at: DateTime<Utc>,
    pub payload: Vec<u8>,
}

/// Which of these, of some stages, were told by plants after a hold on the unit was
/// committed. In the stream of the plant that placed or released it their places say
/// whether that was under it, whenever they were told. Of another plant what it had been
/// told decides, and no clock.
pub async fn acts(tx: &mut Tx, found: &[Candidate], stages: &[i16]) -> Result<Vec<Act>, Error> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let keys: Vec<i64> = found.iter().map(|c| c.key).collect();
    let agents: Vec<Uuid> = found.iter().map(|c| c.stamp.agent).collect();
    let epochs: Vec<i32> = found.iter().map(|c| c.stamp.epoch).collect();
    let seqs: Vec<i64> = found.iter().map(|c| c.stamp.seq).collect();
    let roles: Vec<i16> = found.iter().map(|c| c.role).collect();
    let batches: Vec<i64> = found.iter().map(|c| c.batch).collect();
    let rows = sqlx::query!(
        r#"select h.hold_id, h.reason, h.placed_at, h.released_version, h.released_generation, case when m.left_at is not null then m.left_version end as left_version,
                  case when m.left_at is not null then m.left_generation end as left_generation,
                  coalesce(e.occurred_at >= h.released_at, false)
                      and not coalesce(u.batch < (
                          select b.batch_id from ingest_batches b
                          where b.tenant_id = $1 and b.agent_id = h.placed_agent
                            and b.epoch = h.released_epoch and b.to_seq >= h.released_seq
                          order by b.to_seq limit 1), false)
                      or coalesce(e.occurred_at >= m.left_at, false) as "over!", u.key as "key!", m.part, m.via_key, m.joined_agent,
                  m.joined_epoch, m.joined_seq, m.joined_at,
                  (select p.told_version from hold_parts p where p.tenant_id = $1 and p.hold_id = h.hold_id
                   and p.part = m.part) as told_version,
                  (select p.told_generation from hold_parts p where p.tenant_id = $1 and p.hold_id = h.hold_id
                   and p.part = m.part) as told_generation,
                  coalesce(m.cause = 'scope' and h.placed_agent = e.agent_id
                           and coalesce(h.again_epoch, h.placed_epoch) = e.epoch
                           and coalesce(h.again_seq, h.placed_seq) < e.seq, false) as "own!",
                  u.role as "role!", e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.plant,
                  e.station, e.operator_id, e.overridden_by, e.reference_number, e.occurred_at, e.payload
           from unnest($2::bigint[], $3::uuid[], $4::integer[], $5::bigint[], $6::smallint[], $7::bigint[])
                    as u(key, agent_id, epoch, seq, role, batch)
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = u.agent_id and e.epoch = u.epoch
               and e.seq = u.seq and e.stage = any($8) and e.plant <> ''
           join hold_members m on m.tenant_id = $1 and m.key = u.key
           join holds h on h.tenant_id = $1 and h.hold_id = m.hold_id
           where case when h.placed_agent = e.agent_id
                      then (h.placed_epoch, h.placed_seq) < (e.epoch, e.seq)
                           and exists (select from agents a where a.tenant_id = $1 and a.agent_id = e.agent_id
                                       and a.kind = 'plant')
                      else h.placed_batch < u.batch end
             and case when h.released_at is null then true
                      when h.placed_agent = e.agent_id and h.released_seq is not null
                      then (e.epoch, e.seq) < (h.released_epoch, h.released_seq)
                      else true end
           order by e.occurred_at, e.agent_id, e.epoch, e.seq, u.key, h.hold_id"#,
        tenant,
        &keys,
        &agents,
        &epochs,
        &seqs,
        &roles,
        &batches,
        stages,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let joined = row.joined_agent.zip(row.joined_epoch).zip(row.joined_seq).zip(row.joined_at);
            Act {
                hold_id: row.hold_id,
                reason: row.reason,
                placed_at: row.placed_at,
                key: row.key,
                way: joined.map(|(((agent, epoch), seq), occurred_at)| WayIn {
                    via: row.via_key,
                    stamp: Stamp { agent, epoch, seq },
                    occurred_at,
                }),
                part: row.part,
                told: row
                    .told_generation
                    .zip(row.told_version)
                    .map(|(generation, version)| Version { generation, version }),
                released: row
                    .released_generation
                    .zip(row.released_version)
                    .map(|(generation, version)| Version { generation, version }),
                left: row
                    .left_generation
                    .zip(row.left_version)
                    .map(|(generation, version)| Version { generation, version }),
                over: row.over,
                own: row.own,
                stamp: Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq },
                role: row.role,
                event_id: row.event_id,
                stage: row.stage,
                action: row.action,
                plant: row.plant,
                station: row.station,
                operator: row.operator_id,
                overridden: !row.overridden_by.is_empty(),
                overridden_by: row.overridden_by,
                document: row.reference_number,
                occurred_at: row.occurred_at,
                payload: row.payload,
            }
        })
        .collect())
}

/// Lists acts; answers the places of those that were not listed yet.
pub async fn list(tx: &mut Tx, acts: &[(Act, Class, Version)]) -> Result<HashSet<usize>, Error> {
    if acts.is_empty() {
        return Ok(HashSet::new());
    }
    let tenant = tx.tenant();
    let holds: Vec<Uuid> = acts.iter().map(|(act, ..)| act.hold_id).collect();
    let ids: Vec<Uuid> = acts.iter().map(|_| Uuid::now_v7()).collect();
    let keys: Vec<i64> = acts.iter().map(|(act, ..)| act.key).collect();
    let agents: Vec<Uuid> = acts.iter().map(|(act, ..)| act.stamp.agent).collect();
    let epochs: Vec<i32> = acts.iter().map(|(act, ..)| act.stamp.epoch).collect();
    let seqs: Vec<i64> = acts.iter().map(|(act, ..)| act.stamp.seq).collect();
    let stages: Vec<i16> = acts.iter().map(|(act, ..)| act.stage).collect();
    let plants: Vec<String> = acts.iter().map(|(act, ..)| act.plant.clone()).collect();
    let times: Vec<DateTime<Utc>> = acts.iter().map(|(act, ..)| act.occurred_at).collect();
    let classes: Vec<String> = acts.iter().map(|(_, class, _)| class.as_str().to_owned()).collect();
    let versions: Vec<i64> = acts.iter().map(|(.., had)| had.version).collect();
    let generations: Vec<i64> = acts.iter().map(|(.., had)| had.generation).collect();
    let rows = sqlx::query!(
        r#"insert into hold_acts (tenant_id, hold_id, key, agent_id, epoch, seq, stage, plant, occurred_at, class,
               had_version, had_generation, act)
           select $1, u.* from unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::integer[], $6::bigint[],
               $7::smallint[], $8::text[], $9::timestamptz[], $10::text[], $11::bigint[], $12::bigint[], $13::uuid[]) as u
           on conflict do nothing
           returning hold_id, key, agent_id, epoch, seq"#,
        tenant,
        &holds,
        &keys,
        &agents,
        &epochs,
        &seqs,
        &stages,
        &plants,
        &times,
        &classes,
        &versions,
        &generations,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    let fresh: HashSet<(Uuid, i64, Stamp)> = rows
        .into_iter()
        .map(|row| (row.hold_id, row.key, Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq }))
        .collect();
    // An event may name a unit twice: it is one act.
    let mut seen = HashSet::new();
    Ok(acts
        .iter()
        .enumerate()
        .filter(|(_, (act, ..))| {
            let id = (act.hold_id, act.key, act.stamp);
            fresh.contains(&id) && seen.insert(id)
        })
        .map(|(at, _)| at)
        .collect())
}
