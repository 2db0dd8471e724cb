//! All SQL of holds.

pub mod contents;
pub mod follow;
pub mod lots;
pub mod older;
pub mod one;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::Note;
use super::acts::Version;
use super::members::Member;
use crate::explore::order::Stamp;
use crate::ingest::store::Stream;

/// A hold as it is placed.
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct NewHold<'a> {
    pub hold_id: Uuid,
    pub reason: &'a str,
    pub scope: &'a Value,
    pub owner: &'a str,
    pub notes: &'a str,
    /// The one that was named first.
    pub lots: &'a [Uuid],
    pub deliveries: bool,
    pub descendants: bool,
    pub members: usize,
    pub first_key: Option<i64>,
    pub looked_batch: i64,
    pub parts: usize,
}

/// Writes a hold.
pub async fn insert(tx: &mut Tx, hold: &NewHold<'_>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into holds (tenant_id, hold_id, reason, scope, owner, notes, lot_id, descendants, members, \
             first_key, looked_batch, parts, deliveries, more_lots) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tenant,
        hold.hold_id,
        hold.reason,
        hold.scope,
        hold.owner,
        hold.notes,
        hold.lots.first().copied(),
        hold.descendants,
        i32::try_from(hold.members).unwrap_or(i32::MAX),
        hold.first_key,
        hold.looked_batch,
        i32::try_from(hold.parts).unwrap_or(i32::MAX),
        hold.deliveries,
        hold.lots.get(1..).unwrap_or_default(),
    )
    .execute(tx.conn())
    .await?;
    // Looked for first: an insert beside one that is just being moved would wait for that.
    sqlx::query!(
        "insert into hold_cursors (tenant_id, through_batch) select $1::uuid, $2::bigint \
         where not exists (select from hold_cursors where tenant_id = $1) on conflict do nothing",
        tenant,
        hold.looked_batch,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes with which batch a hold was committed.
pub async fn placed_with(tx: &mut Tx, hold_id: Uuid, batch: i64) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update holds set placed_batch = $3 where tenant_id = $1 and hold_id = $2",
        tenant,
        hold_id,
        batch,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes with which version plants were told of these parts of holds; `again` of
/// what was told and taken back before.
pub async fn parts_told(tx: &mut Tx, parts: &[(Uuid, i32)], told: Version, again: bool) -> Result<(), Error> {
    if parts.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let holds: Vec<Uuid> = parts.iter().map(|(hold, _)| *hold).collect();
    let numbers: Vec<i32> = parts.iter().map(|(_, part)| *part).collect();
    sqlx::query!(
        "insert into hold_parts (tenant_id, hold_id, part, told_version, told_generation) \
         select $1, u.hold_id, u.part, $4, $5 from unnest($2::uuid[], $3::integer[]) as u(hold_id, part) \
         on conflict (tenant_id, hold_id, part) do update \
         set told_version = excluded.told_version, told_generation = excluded.told_generation where $6",
        tenant,
        &holds,
        &numbers,
        told.version,
        told.generation,
        again,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes members of a hold, of one part of it; one that was let go is held again.
pub async fn members_insert(tx: &mut Tx, hold_id: Uuid, members: &[Member], part: i32) -> Result<(), Error> {
    let tenant = tx.tenant();
    let keys: Vec<i64> = members.iter().map(|m| m.key).collect();
    let causes: Vec<String> = members.iter().map(|m| m.cause.as_str().to_owned()).collect();
    let vias: Vec<Option<i64>> = members.iter().map(|m| m.way.as_ref().and_then(|way| way.via)).collect();
    let stamps: Vec<Option<Stamp>> = members.iter().map(|m| m.way.as_ref().map(|way| way.stamp)).collect();
    let agents: Vec<Option<Uuid>> = stamps.iter().map(|stamp| stamp.map(|s| s.agent)).collect();
    let epochs: Vec<Option<i32>> = stamps.iter().map(|stamp| stamp.map(|s| s.epoch)).collect();
    let seqs: Vec<Option<i64>> = stamps.iter().map(|stamp| stamp.map(|s| s.seq)).collect();
    let times: Vec<Option<DateTime<Utc>>> =
        members.iter().map(|m| m.way.as_ref().map(|way| way.occurred_at)).collect();
    sqlx::query!(
        r#"insert into hold_members (tenant_id, hold_id, key, cause, via_key, joined_agent, joined_epoch,
               joined_seq, joined_at, part)
           select $1, $2, u.*, $10 from unnest($3::bigint[], $4::text[], $5::bigint[], $6::uuid[], $7::integer[],
               $8::bigint[], $9::timestamptz[]) as u
           on conflict (tenant_id, key, hold_id) do update
           set cause = excluded.cause, via_key = excluded.via_key, joined_agent = excluded.joined_agent,
               joined_epoch = excluded.joined_epoch, joined_seq = excluded.joined_seq,
               joined_at = excluded.joined_at, part = excluded.part, added_at = now(), left_at = null,
               left_version = null, left_generation = null
           where hold_members.left_at is not null"#,
        tenant,
        hold_id,
        &keys,
        &causes,
        vias as _,
        agents as _,
        epochs as _,
        seqs as _,
        times as _,
        part,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes with what plants were told that these packages are free again.
pub async fn left_told(tx: &mut Tx, left: &[(Uuid, i64)], told: Version) -> Result<(), Error> {
    if left.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let holds: Vec<Uuid> = left.iter().map(|(hold, _)| *hold).collect();
    let keys: Vec<i64> = left.iter().map(|(_, key)| *key).collect();
    sqlx::query!(
        "update hold_members m set left_version = $4, left_generation = $5 \
         from unnest($2::uuid[], $3::bigint[]) as u(hold_id, key) \
         where m.tenant_id = $1 and m.hold_id = u.hold_id and m.key = u.key and m.left_at is not null",
        tenant,
        &holds,
        &keys,
        told.version,
        told.generation,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Counts what came and went, and the rows that carry the hold now.
pub async fn grew(tx: &mut Tx, hold_id: Uuid, by: i32, parts: i32) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update holds set members = members + $3, parts = $4 where tenant_id = $1 and hold_id = $2",
        tenant,
        hold_id,
        by,
        parts,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How a unit came under a hold after it was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayIn {
    /// The member through which; `None` for a label of the lot itself.
    pub via: Option<i64>,
    /// The event.
    pub stamp: Stamp,
    /// When, by its plant's clock.
    pub occurred_at: DateTime<Utc>,
}

/// By which members and events these units are in what is held: the newest link
/// from a member, or from one that comes in with them. Of a plant's hold only what was
/// told after it: in a package that held it before a unit did not come in later.
pub async fn ways_in(
    tx: &mut Tx,
    hold_id: Uuid,
    fresh: &[i64],
    joining: &[i64],
) -> Result<HashMap<i64, WayIn>, Error> {
    if fresh.is_empty() {
        return Ok(HashMap::new());
    }
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select u.key as "key!", l.from_key as "from_key!", l.agent_id as "agent_id!", l.epoch as "epoch!",
                  l.seq as "seq!", l.occurred_at as "occurred_at!"
           from unnest($3::bigint[]) as u(key)
           join holds h on h.tenant_id = $1 and h.hold_id = $2
           cross join lateral (
               select from_key, agent_id, epoch, seq, occurred_at from uid_links
               where tenant_id = $1 and to_key = u.key and effect in (1, 4)
                 and (from_key = any($4)
                      or exists (select from hold_members m where m.tenant_id = $1 and m.key = uid_links.from_key
                                 and m.hold_id = $2 and m.left_at is null))
               order by occurred_at desc, agent_id, epoch, seq desc limit 1) as l
           where case when h.placed_agent is null then true
                      when l.agent_id = h.placed_agent and l.epoch = h.placed_epoch then l.seq > h.placed_seq
                      else h.placed_batch < (
                          select b.batch_id from ingest_batches b
                          where b.tenant_id = $1 and b.agent_id = l.agent_id and b.epoch = l.epoch
                            and b.to_seq >= l.seq
                          order by b.to_seq limit 1) end"#,
        tenant,
        hold_id,
        fresh,
        joining,
    )
    .fetch_all(tx.conn())
    .await?;
    let way = |row: (i64, Stamp, DateTime<Utc>)| WayIn { via: Some(row.0), stamp: row.1, occurred_at: row.2 };
    Ok(rows
        .into_iter()
        .map(|row| {
            let stamp = Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq };
            (row.key, way((row.from_key, stamp, row.occurred_at)))
        })
        .collect())
}

/// The packages in which these units are now, and those in which these are.
pub async fn packages(tx: &mut Tx, keys: &[i64], limit: i64) -> Result<Vec<i64>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"with recursive up(key) as (
               select key from unnest($2::bigint[]) as key
             union
               select l.to_key from up
               cross join lateral (
                   select to_key from uid_links
                   where tenant_id = $1 and from_key = up.key and kind = 3
                   group by to_key
                   having sum(case when effect in (1, 4) then 1 else -1 end) > 0
                       or (bool_or(effect = 2)
                           and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                    and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                           and app.link_open($1, up.key, to_key, 3::smallint))) as l
           )
           select key as "key!" from up where key <> all($2) limit $3"#,
        tenant,
        keys,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// What was made of these units after this hold was placed: by links that were told after
/// it, in the stream of the plant that placed it by their place, and all that was made of
/// those whenever. Packages are no matter of this, nor links that a correction took back.
pub async fn made_since(tx: &mut Tx, hold_id: Uuid, keys: &[i64], limit: i64) -> Result<Vec<i64>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"with recursive up(key) as (
               select l.to_key from holds h
               cross join unnest($3::bigint[]) as u(key)
               cross join lateral (
                   select l.to_key from uid_links l
                   where l.tenant_id = $1 and l.from_key = u.key and l.kind <> 3
                   group by l.to_key, l.kind
                   having sum(case l.effect when 1 then 1 when 3 then -1 else 0 end) > 0
                      and bool_or(l.effect in (1, 4)
                          and case when l.agent_id = h.placed_agent and l.epoch = h.placed_epoch
                                   then l.seq > h.placed_seq
                                   else h.placed_batch < (
                                       select b.batch_id from ingest_batches b
                                       where b.tenant_id = $1 and b.agent_id = l.agent_id and b.epoch = l.epoch
                                         and b.to_seq >= l.seq
                                       order by b.to_seq limit 1) end)) as l
               where h.tenant_id = $1 and h.hold_id = $2
             union
               select l.to_key from up
               cross join lateral (
                   select to_key from uid_links
                   where tenant_id = $1 and from_key = up.key and kind <> 3
                   group by to_key, kind
                   having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0) as l
           )
           select key as "key!" from up limit $4"#,
        tenant,
        hold_id,
        keys,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Those of these units that a hold does not hold now.
pub async fn not_held_by(tx: &mut Tx, hold_id: Uuid, keys: &[i64]) -> Result<Vec<i64>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select key as "key!" from unnest($3::bigint[]) as key
           where not exists (select from hold_members m where m.tenant_id = $1 and m.key = key.key
                             and m.hold_id = $2 and m.left_at is null)
           order by 1"#,
        tenant,
        hold_id,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// The plants where these labels are.
pub async fn plants(tx: &mut Tx, tenant: Uuid, keys: &[i64]) -> Result<Vec<String>, Error> {
    sqlx::query_scalar!(
        "select distinct plant from uid_registry where tenant_id = $1 and key = any($2) and plant <> '' \
         order by plant",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Whether a text is one of the tenant's reason codes.
pub async fn reason_known(tx: &mut Tx, tenant: Uuid, reason: &str) -> Result<bool, Error> {
    sqlx::query_scalar!(
        "select exists (select from reasons where tenant_id = $1 and reason = $2) as \"known!\"",
        tenant,
        reason,
    )
    .fetch_one(tx.conn())
    .await
}

/// Writes the same free text beside each of these events.
pub async fn notes_insert(tx: &mut Tx, stream: Stream, seqs: &[i64], note: &Note<'_>) -> Result<(), Error> {
    sqlx::query!(
        "insert into event_notes (tenant_id, agent_id, epoch, seq, salt, note) \
         select $1, $2, $3, seq, $5, $6 from unnest($4::bigint[]) as seq",
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        seqs,
        note.salt.as_slice(),
        note.text,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A hold's row.
pub struct HoldRow {
    /// `placed` or `released`.
    pub status: String,
    /// Why it was placed.
    pub reason: String,
    /// Rows that carry it; 0 of one from before they were counted.
    pub parts: i32,
    /// The lots that it holds, the one that was named first.
    pub lots: Vec<Uuid>,
    /// It holds what is made of its members as well.
    pub descendants: bool,
    /// The first label; of a plant's hold the one that it named.
    pub first_key: Option<i64>,
    /// The event of a plant that placed it.
    pub placed: Option<Stamp>,
}

/// A hold, locked.
pub async fn lock(tx: &mut Tx, tenant: Uuid, hold_id: Uuid) -> Result<Option<HoldRow>, Error> {
    let row = sqlx::query!(
        "select status, reason, parts, lot_id, more_lots, descendants, first_key, placed_agent, placed_epoch, placed_seq \
         from holds \
         where tenant_id = $1 and hold_id = $2 for update",
        tenant,
        hold_id,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| HoldRow {
        status: row.status,
        reason: row.reason,
        parts: row.parts,
        lots: row.lot_id.into_iter().chain(row.more_lots).collect(),
        descendants: row.descendants,
        first_key: row.first_key,
        placed: row
            .placed_agent
            .zip(row.placed_epoch)
            .zip(row.placed_seq)
            .map(|((agent, epoch), seq)| Stamp { agent, epoch, seq }),
    }))
}

/// The labels of a hold, in their order.
pub async fn members(tx: &mut Tx, tenant: Uuid, hold_id: Uuid) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar!(
        "select key from hold_members where tenant_id = $1 and hold_id = $2 and left_at is null order by key",
        tenant,
        hold_id,
    )
    .fetch_all(tx.conn())
    .await
}

/// Marks a hold as released.
pub async fn release(tx: &mut Tx, tenant: Uuid, hold_id: Uuid, reason: &str) -> Result<(), Error> {
    sqlx::query!(
        "update holds set status = 'released', released_by = app.actor(), released_at = now(), \
         release_reason = nullif($3, ''), \
         looked_batch = case when placed_agent is null then looked_batch end \
         where tenant_id = $1 and hold_id = $2",
        tenant,
        hold_id,
        reason,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes with what plants were told of a release.
pub async fn release_told(tx: &mut Tx, hold_id: Uuid, told: Version) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update holds set released_version = $3, released_generation = $4 \
         where tenant_id = $1 and hold_id = $2",
        tenant,
        hold_id,
        told.version,
        told.generation,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether anything is known of a UID: it was born, or some event names it.
pub async fn known(tx: &mut Tx, tenant: Uuid, key: i64) -> Result<bool, Error> {
    sqlx::query_scalar!(
        "select exists (select from uid_registry where tenant_id = $1 and key = $2) \
             or exists (select from event_subjects where tenant_id = $1 and key = $2) as \"known!\"",
        tenant,
        key,
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether a lot is known.
pub async fn lot_known(tx: &mut Tx, tenant: Uuid, lot: Uuid) -> Result<bool, Error> {
    sqlx::query_scalar!(
        "select exists (select from lots where tenant_id = $1 and lot_id = $2) as \"known!\"",
        tenant,
        lot,
    )
    .fetch_one(tx.conn())
    .await
}
