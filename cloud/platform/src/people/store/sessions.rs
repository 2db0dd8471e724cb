//! SQL of sessions.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use crate::db::SystemTx;

/// A session of a person.
pub(in super::super) struct SessionRow {
    pub token_hash: Vec<u8>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub last_seen_at: Option<DateTime<Utc>>,
    pub address: String,
    pub browser: String,
}

pub(in super::super) async fn session_insert(
    tx: &mut SystemTx,
    token: &[u8],
    tenant: Uuid,
    user: Uuid,
    from: (&str, &str),
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.sessions (token_hash, tenant_id, user_id, address, browser, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        token,
        tenant,
        user,
        from.0,
        from.1,
        now,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(in super::super) async fn sessions(
    tx: &mut SystemTx,
    tenant: Uuid,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRow>, Error> {
    sqlx::query_as!(
        SessionRow,
        "select token_hash, created_at, expires_at, last_seen_at, address, browser from control.sessions
         where tenant_id = $1 and user_id = $2 and expires_at > $3 order by created_at desc limit 100",
        tenant,
        user,
        now,
    )
    .fetch_all(tx.conn())
    .await
}

/// Ends the person's session whose hash begins so, or all but `keep`.
pub(in super::super) async fn sessions_end(
    tx: &mut SystemTx,
    tenant: Uuid,
    user: Uuid,
    begins: Option<&[u8]>,
    keep: Option<&[u8]>,
) -> Result<u64, Error> {
    let done = sqlx::query!(
        "delete from control.sessions
         where tenant_id = $1 and user_id = $2
           and ($3::bytea is null or substring(token_hash from 1 for 8) = $3)
           and ($4::bytea is null or token_hash <> $4)",
        tenant,
        user,
        begins,
        keep,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Ends the sessions of all people of a tenant but these.
pub(in super::super) async fn sessions_end_but(
    tx: &mut SystemTx,
    tenant: Uuid,
    stay: &[Uuid],
) -> Result<(), Error> {
    sqlx::query!(
        "delete from control.sessions
         where tenant_id = $1 and user_id is not null and user_id <> all($2)",
        tenant,
        stay,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
