//! All SQL of proofs. Every statement names the tenant beside the policy.

use std::ops::Range;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::tiles::At;
use crate::explore::order::Stamp;

/// Stands for the place where the check goes on, while a round is asked for that has not
/// begun.
pub const ASKED: i64 = -1;

/// A tenant's tree, locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Batches up to this one are in it.
    pub through_batch: i64,
    /// Its leaves.
    pub size: i64,
    /// Where the check goes on; [`ASKED`] when a round is asked for.
    pub check_leaf: i64,
    /// When it last came to the end.
    pub round_at: Option<DateTime<Utc>>,
    /// The last UID that was looked at, once the round is done with the events.
    pub check_key: Option<i64>,
    /// The last of its links that was looked at, where there are more.
    pub check_link: Option<Value>,
    /// Kind and id of the last row of what plants are told that was looked at, once the round
    /// is done with the UIDs and the holds.
    pub check_row: Option<Vec<String>>,
}

impl Tree {
    /// The last UID that was looked at, if the round is done with the events.
    #[must_use]
    pub fn at_uid(&self) -> Option<i64> {
        self.check_key.filter(|_| self.check_leaf > 0)
    }
}

/// The tree, for this transaction alone; `None` while another process has it.
pub async fn tree_lock(tx: &mut Tx) -> Result<Option<Tree>, Error> {
    let tenant = tx.tenant();
    sqlx::query!("insert into proof_trees (tenant_id) values ($1) on conflict do nothing", tenant)
        .execute(tx.conn())
        .await?;
    sqlx::query_as!(
        Tree,
        "select through_batch, size, check_leaf, round_at, check_key, check_link, check_row from proof_trees where tenant_id = $1 \
         for update skip locked",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Whether batches wait to be taken into the tree.
pub async fn behind(tx: &mut Tx) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (select from ingest_batches b where b.tenant_id = $1 and b.batch_id >
               coalesce((select t.through_batch from proof_trees t where t.tenant_id = $1), 0)) as "behind!""#,
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

/// Leaves of the tree.
pub async fn size(tx: &mut Tx) -> Result<i64, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!("select size from proof_trees where tenant_id = $1", tenant)
        .fetch_optional(tx.conn())
        .await?;
    Ok(found.unwrap_or(0))
}

/// How many UIDs the events of these batches give birth to: by how many the check of UIDs
/// gets longer.
pub async fn births(tx: &mut Tx, of: &[Leaves]) -> Result<i64, Error> {
    let tenant = tx.tenant();
    let agents: Vec<Uuid> = of.iter().map(|row| row.agent_id).collect();
    let epochs: Vec<i32> = of.iter().map(|row| row.epoch).collect();
    let from: Vec<i64> = of.iter().map(|row| row.from_seq).collect();
    let to: Vec<i64> = of.iter().map(|row| row.to_seq).collect();
    sqlx::query_scalar!(
        r#"select count(*) as "births!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent, epoch, low, high)
           join event_subjects s on s.tenant_id = $1 and s.agent_id = b.agent and s.epoch = b.epoch
               and s.seq >= b.low and s.seq <= b.high and s.mint"#,
        tenant,
        &agents,
        &epochs,
        &from,
        &to,
    )
    .fetch_one(tx.conn())
    .await
}

/// Moves the tree that [`tree_lock`] took; `births` UIDs were born in what it took in.
pub async fn tree_grow(tx: &mut Tx, through_batch: i64, size: i64, births: i64) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update proof_trees set through_batch = $2, size = $3, uids = uids + $4 where tenant_id = $1",
        tenant,
        through_batch,
        size,
        births,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A batch and its first leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Leaves {
    pub batch_id: i64,
    pub agent_id: Uuid,
    pub epoch: i32,
    pub from_seq: i64,
    pub to_seq: i64,
    pub first_leaf: i64,
}

/// Writes where batches stand in the tree.
pub async fn batches_insert(tx: &mut Tx, rows: &[Leaves]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let ids: Vec<i64> = rows.iter().map(|row| row.batch_id).collect();
    let agents: Vec<Uuid> = rows.iter().map(|row| row.agent_id).collect();
    let epochs: Vec<i32> = rows.iter().map(|row| row.epoch).collect();
    let from: Vec<i64> = rows.iter().map(|row| row.from_seq).collect();
    let to: Vec<i64> = rows.iter().map(|row| row.to_seq).collect();
    let leaves: Vec<i64> = rows.iter().map(|row| row.first_leaf).collect();
    sqlx::query!(
        "insert into proof_batches (tenant_id, batch_id, agent_id, epoch, from_seq, to_seq, first_leaf) \
         select $1, u.* from unnest($2::bigint[], $3::uuid[], $4::integer[], $5::bigint[], $6::bigint[], \
             $7::bigint[]) as u",
        tenant,
        &ids,
        &agents,
        &epochs,
        &from,
        &to,
        &leaves,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Batches that hold leaves of the range, in order.
pub async fn batches_of(tx: &mut Tx, leaves: Range<i64>) -> Result<Vec<Leaves>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Leaves,
        "select batch_id, agent_id, epoch, from_seq, to_seq, first_leaf from proof_batches \
         where tenant_id = $1 and first_leaf < $3 \
           and first_leaf >= coalesce((select max(b.first_leaf) from proof_batches b \
               where b.tenant_id = $1 and b.first_leaf <= $2), 0) \
         order by first_leaf",
        tenant,
        leaves.start,
        leaves.end,
    )
    .fetch_all(tx.conn())
    .await
}

/// Hashes of the leaves that the stored events of a range are, by seq.
pub async fn leaf_hashes(tx: &mut Tx, of: &Leaves) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select seq, sha256('\x00'::bytea || payload) as "hash!" from lifecycle_events
           where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq >= $4 and seq <= $5 order by seq"#,
        tenant,
        of.agent_id,
        of.epoch,
        of.from_seq,
        of.to_seq,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.seq, row.hash)).collect())
}

/// Tiles of these places, as far as they are there.
pub async fn tiles(tx: &mut Tx, at: &[At]) -> Result<Vec<(At, Vec<u8>)>, Error> {
    let tenant = tx.tenant();
    let levels: Vec<i16> = at.iter().map(|(level, _)| *level).collect();
    let idxs: Vec<i64> = at.iter().map(|(_, idx)| *idx).collect();
    let rows = sqlx::query!(
        "select t.level, t.idx, t.hashes from unnest($2::smallint[], $3::bigint[]) as u(level, idx) \
         join proof_tiles t on t.tenant_id = $1 and t.level = u.level and t.idx = u.idx",
        tenant,
        &levels,
        &idxs,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| ((row.level, row.idx), row.hashes)).collect())
}

/// Writes tiles, new or grown.
pub async fn tiles_put(tx: &mut Tx, tiles: &[(At, Vec<u8>)]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let levels: Vec<i16> = tiles.iter().map(|((level, _), _)| *level).collect();
    let idxs: Vec<i64> = tiles.iter().map(|((_, idx), _)| *idx).collect();
    let hashes: Vec<&[u8]> = tiles.iter().map(|(_, hashes)| hashes.as_slice()).collect();
    sqlx::query!(
        "insert into proof_tiles (tenant_id, level, idx, hashes) \
         select $1, u.* from unnest($2::smallint[], $3::bigint[], $4::bytea[]) as u \
         on conflict (tenant_id, level, idx) do update set hashes = excluded.hashes",
        tenant,
        &levels,
        &idxs,
        hashes as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A key that signs or signed.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct KeyRow {
    pub key_id: String,
    pub log: String,
    pub public: Vec<u8>,
    pub sealed: Vec<u8>,
    pub made_at: DateTime<Utc>,
    pub retired_at: Option<DateTime<Utc>>,
}

/// All keys, the newest first.
pub async fn keys(tx: &mut Tx) -> Result<Vec<KeyRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        KeyRow,
        "select key_id, log, public, sealed, made_at, retired_at from proof_keys where tenant_id = $1 \
         order by made_at desc, key_id",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// Puts a key into use; one that is in use must have been retired.
pub async fn key_insert(tx: &mut Tx, key: &KeyRow) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into proof_keys (tenant_id, key_id, log, public, sealed, made_at) values ($1, $2, $3, $4, $5, $6) \
         on conflict do nothing",
        tenant,
        key.key_id,
        key.log,
        key.public,
        key.sealed,
        key.made_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Retires the key in use; answers its id.
pub async fn key_retire(tx: &mut Tx, now: DateTime<Utc>) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "update proof_keys set retired_at = $2 where tenant_id = $1 and retired_at is null returning key_id",
        tenant,
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Replaces how a key is sealed.
pub async fn key_seal(tx: &mut Tx, key_id: &str, sealed: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update proof_keys set sealed = $3 where tenant_id = $1 and key_id = $2",
        tenant,
        key_id,
        sealed,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A signed head.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct HeadRow {
    pub size: i64,
    pub key_id: String,
    pub root: Vec<u8>,
    pub note: String,
    pub signed_at: DateTime<Utc>,
}

/// Keeps a head; one of the same size and key stays as it is.
pub async fn head_insert(tx: &mut Tx, head: &HeadRow) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into proof_heads (tenant_id, size, key_id, root, note, signed_at) \
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
        tenant,
        head.size,
        head.key_id,
        head.root,
        head.note,
        head.signed_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Heads, the largest first, from below that size and key on.
pub async fn heads(tx: &mut Tx, before: (i64, &str), limit: i64) -> Result<Vec<HeadRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        HeadRow,
        "select size, key_id, root, note, signed_at from proof_heads \
         where tenant_id = $1 and (size, key_id) < ($2, $3) order by size desc, key_id desc limit $4",
        tenant,
        before.0,
        before.1,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// The head of that size under that key.
pub async fn head(tx: &mut Tx, size: i64, key_id: &str) -> Result<Option<HeadRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        HeadRow,
        "select size, key_id, root, note, signed_at from proof_heads \
         where tenant_id = $1 and size = $2 and key_id = $3",
        tenant,
        size,
        key_id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Size and time of the largest head under a key.
pub async fn newest(tx: &mut Tx, key_id: &str) -> Result<Option<(i64, DateTime<Utc>)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select size, signed_at from proof_heads where tenant_id = $1 and key_id = $2 order by size desc limit 1",
        tenant,
        key_id,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.size, row.signed_at)))
}

/// The tenant's code and the generation of its data.
pub async fn tenant(tx: &mut Tx) -> Result<(String, i64), Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!("select code, generation from control.tenants where tenant_id = $1", tenant)
        .fetch_one(tx.conn())
        .await?;
    Ok((row.code, row.generation))
}

/// An event with its leaf.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct LeafRow {
    pub leaf: i64,
    pub plant: String,
    pub payload: Vec<u8>,
}

/// Every event that names a UID and is in the tree, by leaf.
pub async fn leaves_of_key(tx: &mut Tx, key: i64, limit: i64) -> Result<Vec<LeafRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        LeafRow,
        r#"select b.first_leaf + e.seq - b.from_seq as "leaf!", e.plant, e.payload
           from (select distinct s.agent_id, s.epoch, s.seq from event_subjects s
                 where s.tenant_id = $1 and s.key = $2) as s
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
               and e.seq = s.seq
           cross join lateral (select p.first_leaf, p.from_seq, p.to_seq from proof_batches p
               where p.tenant_id = $1 and p.agent_id = s.agent_id and p.epoch = s.epoch and p.from_seq <= s.seq
               order by p.from_seq desc limit 1) as b
           where b.to_seq >= s.seq
           order by 1 limit $3"#,
        tenant,
        key,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// The event of an id that is in the tree, with its leaf.
pub async fn leaf_of_event(tx: &mut Tx, event_id: Uuid) -> Result<Option<LeafRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        LeafRow,
        r#"select b.first_leaf + e.seq - b.from_seq as "leaf!", e.plant, e.payload
           from lifecycle_events e
           cross join lateral (select p.first_leaf, p.from_seq, p.to_seq from proof_batches p
               where p.tenant_id = $1 and p.agent_id = e.agent_id and p.epoch = e.epoch and p.from_seq <= e.seq
               order by p.from_seq desc limit 1) as b
           where e.tenant_id = $1 and e.event_id = $2 and b.to_seq >= e.seq
           order by 1 limit 1"#,
        tenant,
        event_id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// One more event was found altered.
pub async fn altered_count(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("update proof_trees set altered = altered + 1 where tenant_id = $1", tenant)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Notes how far the check came with the events.
pub async fn checked(tx: &mut Tx, next: i64, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update proof_trees set check_leaf = $2, checked_at = $3, check_key = null, check_link = null \
         where tenant_id = $1",
        tenant,
        next,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The check has come to the end of the events, and goes on with the UIDs.
pub async fn uids_begin(tx: &mut Tx, leaf: i64, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update proof_trees set check_leaf = $2, checked_at = $3, check_key = 0, check_link = null, \
             check_row = null, check_uids = 0 where tenant_id = $1",
        tenant,
        leaf,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes how far the check came with the UIDs: to which one, with which of its links while
/// there are more, and how many UIDs it looked at.
pub async fn uids_checked(
    tx: &mut Tx,
    (key, link): (i64, Option<Value>),
    uids: i64,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update proof_trees set check_key = $2, check_link = $3, check_uids = check_uids + $4, checked_at = $5 \
         where tenant_id = $1",
        tenant,
        key,
        link,
        uids,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes how far the check came with what plants are told.
pub async fn rows_checked(tx: &mut Tx, last: &[String], now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update proof_trees set check_row = $2, checked_at = $3 where tenant_id = $1",
        tenant,
        last,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps UIDs that altered events name: what is found of these is told of the event, and not
/// of the UID as well. At most so many, of which those of before stay.
pub async fn touch(tx: &mut Tx, keys: &[i64], most: i32) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    sqlx::query!(
        "update proof_trees set check_keys = (array(select distinct k from unnest(check_keys || $2::bigint[]) as k \
             order by k))[1:$3] where tenant_id = $1",
        tenant,
        keys,
        most,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Those of these UIDs that altered events of this round name.
pub async fn touched(tx: &mut Tx, keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select k.key as "key!" from proof_trees t cross join lateral unnest(t.check_keys) as k(key)
           where t.tenant_id = $1 and k.key = any($2)"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// The round is done.
pub async fn round_done(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update proof_trees set check_leaf = 0, check_key = null, check_link = null, check_row = null, checked_at = $2, \
             round_at = $2, check_keys = '{}', uids = greatest(uids, check_uids) where tenant_id = $1",
        tenant,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How the check stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Standing {
    pub size: i64,
    pub check_leaf: i64,
    pub checked_at: Option<DateTime<Utc>>,
    pub round_at: Option<DateTime<Utc>>,
    pub altered: i64,
    pub check_key: Option<i64>,
    pub check_uids: i64,
    pub uids: i64,
}

impl Standing {
    /// Whether a round is under way, or asked for.
    #[must_use]
    pub fn running(&self) -> bool {
        self.check_leaf != 0
    }

    /// The round under way is done with the events, and looks at the UIDs.
    #[must_use]
    pub fn at_uids(&self) -> bool {
        self.check_leaf > 0 && self.check_key.is_some()
    }

    /// What the round under way has looked at, of how much: events, then UIDs.
    #[must_use]
    pub fn done(&self) -> (i64, i64) {
        if self.at_uids() { (self.check_uids, self.uids) } else { (self.check_leaf.max(0), self.size) }
    }

    /// The same in percent.
    #[must_use]
    pub fn percent(&self) -> i64 {
        let (done, of) = self.done();
        if of == 0 { 0 } else { (done * 100 / of).min(100) }
    }
}

/// See [`Standing`]; `None` before the tree began.
pub async fn standing(tx: &mut Tx) -> Result<Option<Standing>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Standing,
        "select size, check_leaf, checked_at, round_at, altered, check_key, check_uids, uids from proof_trees where tenant_id = $1",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Whether the ingest told that it could keep nothing of an event but its bytes.
pub async fn was_stripped(tx: &mut Tx, at: Stamp) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select exists (select from exceptions where tenant_id = $1 \
             and kind = 'event.undecodable' and fingerprint = $2) as \"known!\"",
        tenant,
        crate::ingest::findings::identity(at.agent, at.epoch, at.seq),
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether the ingest told of a free text beside an event that was another than the event said.
pub async fn note_was_another(tx: &mut Tx, at: Stamp) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select exists (select from exceptions where tenant_id = $1 \
             and kind = 'note.mismatch' and fingerprint = $2) as \"known!\"",
        tenant,
        crate::ingest::findings::identity(at.agent, at.epoch, at.seq),
    )
    .fetch_one(tx.conn())
    .await
}

/// The name of an agent.
pub async fn agent_name(tx: &mut Tx, agent: Uuid) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select name from agents where tenant_id = $1 and agent_id = $2", tenant, agent)
        .fetch_optional(tx.conn())
        .await
}

/// Has the next round begin though it is not due; `false` while one is under way.
pub async fn round_ask(tx: &mut Tx) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update proof_trees set check_leaf = $2 where tenant_id = $1 and check_leaf = 0",
        tenant,
        ASKED,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
