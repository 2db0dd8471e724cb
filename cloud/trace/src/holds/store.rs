//! All SQL of holds.

use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::Note;
use crate::genealogy::{self, Direction, Mode};
use crate::ingest::store::Stream;

/// Writes a hold; `keys` are its labels, in order.
pub async fn insert(
    tx: &mut Tx,
    tenant: Uuid,
    hold_id: Uuid,
    reason: &str,
    scope: &Value,
    keys: &[i64],
) -> Result<(), Error> {
    sqlx::query!(
        "insert into holds (tenant_id, hold_id, reason, scope, members, first_key) values ($1, $2, $3, $4, $5, $6)",
        tenant,
        hold_id,
        reason,
        scope,
        i32::try_from(keys.len()).unwrap_or(i32::MAX),
        keys.first(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes the labels of a hold, in their order.
pub async fn members_insert(tx: &mut Tx, tenant: Uuid, hold_id: Uuid, keys: &[i64]) -> Result<(), Error> {
    sqlx::query!(
        "insert into hold_members (tenant_id, hold_id, key) \
         select $1, $2, key from unnest($3::bigint[]) as key",
        tenant,
        hold_id,
        keys,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
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
}

/// A hold, locked.
pub async fn lock(tx: &mut Tx, tenant: Uuid, hold_id: Uuid) -> Result<Option<HoldRow>, Error> {
    sqlx::query_as!(
        HoldRow,
        "select status, reason from holds where tenant_id = $1 and hold_id = $2 for update",
        tenant,
        hold_id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The labels of a hold, in their order.
pub async fn members(tx: &mut Tx, tenant: Uuid, hold_id: Uuid) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar!(
        "select key from hold_members where tenant_id = $1 and hold_id = $2 order by key",
        tenant,
        hold_id,
    )
    .fetch_all(tx.conn())
    .await
}

/// Marks a hold as released.
pub async fn release(tx: &mut Tx, tenant: Uuid, hold_id: Uuid) -> Result<(), Error> {
    sqlx::query!(
        "update holds set status = 'released', released_by = app.actor(), released_at = now() \
         where tenant_id = $1 and hold_id = $2",
        tenant,
        hold_id,
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

/// Labels of a lot.
pub async fn of_lot(tx: &mut Tx, tenant: Uuid, lot: Uuid, limit: i64) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar!(
        "select key from uid_registry where tenant_id = $1 and lot_id = $2 order by key limit $3",
        tenant,
        lot,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// These labels and everything that they ever went into; at most `limit`, in no order.
pub async fn descendants(tx: &mut Tx, keys: &[i64], limit: i64) -> Result<Vec<i64>, Error> {
    genealogy::store::reach(tx, keys, Direction::Forward, Mode::Ever, limit).await
}
