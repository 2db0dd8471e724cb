//! SQL of codes for addresses and numbers.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;

/// Keeps a code in place of the one before; `false` when that is younger than
/// `before`.
pub(super) async fn put(
    tx: &mut Tx,
    (user, channel): (Uuid, &str),
    code: &[u8],
    (sent_at, expires_at): (DateTime<Utc>, DateTime<Utc>),
    before: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into contact_codes as c (tenant_id, user_id, channel, code_sealed, sent_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant_id, user_id, channel) do update
         set code_sealed = $4, tries = 0, sent_at = $5, expires_at = $6, version = c.version + 1
         where c.sent_at <= $7",
        tenant,
        user,
        channel,
        code,
        sent_at,
        expires_at,
        before,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The code, how often a wrong one was typed, and until when it is good; locked.
pub(super) async fn find(
    tx: &mut Tx,
    (user, channel): (Uuid, &str),
) -> Result<Option<(Vec<u8>, i32, DateTime<Utc>)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select code_sealed, tries, expires_at from contact_codes
         where tenant_id = $1 and user_id = $2 and channel = $3 for update",
        tenant,
        user,
        channel,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.code_sealed, row.tries, row.expires_at)))
}

pub(super) async fn count(tx: &mut Tx, (user, channel): (Uuid, &str)) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update contact_codes set tries = tries + 1, version = version + 1
         where tenant_id = $1 and user_id = $2 and channel = $3",
        tenant,
        user,
        channel,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut Tx, (user, channel): (Uuid, &str)) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from contact_codes where tenant_id = $1 and user_id = $2 and channel = $3",
        tenant,
        user,
        channel,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
