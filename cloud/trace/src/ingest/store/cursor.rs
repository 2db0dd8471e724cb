//! Cursors, agents' epochs, batches and the hashes of what is stored.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::chain::Hash;
use sqlx::Error;
use uuid::Uuid;

use super::Stream;
use crate::ingest::chain::{Cursor, Stored};

/// What the ingest needs of an agent's row.
#[derive(Debug, Clone)]
pub struct AgentRow {
    /// The epoch in which it may mint.
    pub epoch: i32,
    /// `expected`, `enrolled` or `revoked`.
    pub status: String,
    /// Machine of the current epoch.
    pub machine_id: Option<String>,
    /// The machine before it, where the present one took its place only lately.
    pub ousted: Option<String>,
    /// Two machines seem to run under this identity; an operator has to decide.
    pub contested: bool,
    /// The tenant's generation in which the agent applied reference data.
    pub reference_generation: i64,
    /// Plant code; `None` for the office and imports.
    pub plant_code: Option<String>,
}

/// The agent's row as it is now.
pub async fn agent_get(tx: &mut Tx, tenant: Uuid, agent_id: Uuid) -> Result<Option<AgentRow>, Error> {
    sqlx::query_as!(
        AgentRow,
        "select epoch, status, machine_id, plant_code, reference_generation, \
         contested_at is not null as \"contested!\", \
         case when machine_since > now() - interval '1 day' then previous_machine_id end as ousted \
         from agents \
         where tenant_id = $1 and agent_id = $2",
        tenant,
        agent_id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The agent's row, for this transaction alone. Locks are taken in the order
/// cursor, agent, floors.
pub async fn agent_lock(tx: &mut Tx, tenant: Uuid, agent_id: Uuid) -> Result<Option<AgentRow>, Error> {
    sqlx::query_as!(
        AgentRow,
        "select epoch, status, machine_id, plant_code, reference_generation, \
         contested_at is not null as \"contested!\", \
         case when machine_since > now() - interval '1 day' then previous_machine_id end as ousted \
         from agents \
         where tenant_id = $1 and agent_id = $2 for no key update",
        tenant,
        agent_id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Sets the epoch in which the agent may mint.
pub async fn agent_set_epoch(tx: &mut Tx, tenant: Uuid, agent_id: Uuid, epoch: i32) -> Result<(), Error> {
    sqlx::query!(
        "update agents set epoch = $3 where tenant_id = $1 and agent_id = $2",
        tenant,
        agent_id,
        epoch,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The stream's cursor, locked; made at its genesis when the epoch is new.
pub async fn lock(tx: &mut Tx, stream: Stream, genesis: Hash) -> Result<Cursor, Error> {
    loop {
        let row = sqlx::query!(
            "select through_seq, chain_hash from ingest_cursors \
             where tenant_id = $1 and agent_id = $2 and epoch = $3 for update",
            stream.tenant,
            stream.agent_id,
            stream.epoch,
        )
        .fetch_optional(tx.conn())
        .await?;
        if let Some(row) = row {
            return Ok(Cursor { through_seq: row.through_seq, chain_hash: row.chain_hash.try_into().ok() });
        }
        sqlx::query!(
            "insert into ingest_cursors (tenant_id, agent_id, epoch, chain_hash) values ($1, $2, $3, $4) \
             on conflict do nothing",
            stream.tenant,
            stream.agent_id,
            stream.epoch,
            genesis.as_slice(),
        )
        .execute(tx.conn())
        .await?;
    }
}

/// Whether anything was ever committed in the epoch.
pub async fn begun(tx: &mut Tx, stream: Stream) -> Result<bool, Error> {
    sqlx::query_scalar!(
        "select exists (select from ingest_cursors where tenant_id = $1 and agent_id = $2 \
         and epoch = $3 and through_seq > 0) as \"begun!\"",
        stream.tenant,
        stream.agent_id,
        stream.epoch,
    )
    .fetch_one(tx.conn())
    .await
}

/// Moves a locked cursor. `None` lets the chain restart there.
pub async fn advance(
    tx: &mut Tx,
    stream: Stream,
    through_seq: i64,
    chain_hash: Option<Hash>,
) -> Result<(), Error> {
    sqlx::query!(
        "update ingest_cursors set through_seq = $4, chain_hash = $5 \
         where tenant_id = $1 and agent_id = $2 and epoch = $3",
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        through_seq,
        chain_hash.as_ref().map_or(&[][..], |h| &h[..]),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Hashes of the stored events of a range, both ends included.
pub async fn stored(tx: &mut Tx, stream: Stream, first: i64, last: i64) -> Result<Vec<Stored>, Error> {
    let rows = sqlx::query!(
        "select seq, sha256(payload) as \"hash!\", stage = 38 as \"lost!\" from lifecycle_events \
         where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq between $4 and $5 order by seq",
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        first,
        last,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some(Stored { seq: row.seq, hash: row.hash.try_into().ok()?, lost: row.lost }))
        .collect())
}

/// The next batch id of the tenant. Locks the tenant's counter until the transaction ends, so that
/// ids commit in order, and that what follows sees all that was committed before: call it after
/// everything that needs neither.
pub async fn batch_insert(tx: &mut Tx, stream: Stream, from_seq: i64, to_seq: i64) -> Result<i64, Error> {
    let batch_id = sqlx::query_scalar!(
        "insert into tenant_counters as c (tenant_id, batch_id) values ($1, 1) \
         on conflict (tenant_id) do update set batch_id = c.batch_id + 1 returning batch_id",
        stream.tenant,
    )
    .fetch_one(tx.conn())
    .await?;
    sqlx::query!(
        "insert into ingest_batches (tenant_id, batch_id, agent_id, epoch, from_seq, to_seq) \
         values ($1, $2, $3, $4, $5, $6)",
        stream.tenant,
        batch_id,
        stream.agent_id,
        stream.epoch,
        from_seq,
        to_seq,
    )
    .execute(tx.conn())
    .await?;
    Ok(batch_id)
}

/// The last seq, from `after` on, up to which every batch was committed before
/// `before`. Looks at a bounded number of batches; asked again it goes on.
pub async fn covered_through(
    tx: &mut Tx,
    stream: Stream,
    after: i64,
    before: DateTime<Utc>,
) -> Result<i64, Error> {
    let seq = sqlx::query_scalar!(
        "select max(to_seq) filter (where ingested_at < $5 and to_seq < coalesce(uncovered, to_seq + 1)) \
         from (select to_seq, ingested_at, min(from_seq) filter (where ingested_at >= $5) over () as uncovered \
           from (select from_seq, to_seq, ingested_at from ingest_batches \
             where tenant_id = $1 and agent_id = $2 and epoch = $3 and to_seq > $4 \
             order by to_seq limit 10000) as b) as c",
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        after,
        before,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(seq.unwrap_or(after))
}

/// The tenant's office agent and its epoch; made when there is none.
pub async fn office(tx: &mut Tx, tenant: Uuid) -> Result<(Uuid, i32), Error> {
    loop {
        let row = sqlx::query!(
            "select agent_id, epoch from agents where tenant_id = $1 and kind = 'office' \
             order by agent_id limit 1",
            tenant,
        )
        .fetch_optional(tx.conn())
        .await?;
        if let Some(row) = row {
            return Ok((row.agent_id, row.epoch));
        }
        sqlx::query!(
            "insert into agents (tenant_id, agent_id, name, kind, status) \
             values ($1, $2, 'office', 'office', 'enrolled') on conflict do nothing",
            tenant,
            Uuid::now_v7(),
        )
        .execute(tx.conn())
        .await?;
    }
}

/// The last batch of the tenant that is committed.
pub async fn last_batch(tx: &mut Tx) -> Result<i64, Error> {
    let tenant = tx.tenant();
    let batch = sqlx::query_scalar!("select batch_id from tenant_counters where tenant_id = $1", tenant)
        .fetch_optional(tx.conn())
        .await?;
    Ok(batch.unwrap_or(0))
}
