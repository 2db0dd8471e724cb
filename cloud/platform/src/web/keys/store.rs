//! Statements on control.access_keys, sessions and signin_codes.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::SecretHash;
use crate::db::{DbError, SystemTx};

/// A valid key and its tenant.
pub(super) struct KeyRow {
    pub key_hash: Vec<u8>,
    pub name: String,
    pub scopes: Vec<String>,
    pub plants: Option<Vec<String>>,
    pub tenant_id: Uuid,
    pub tenant_code: String,
    pub tenant_name: String,
    pub tenant_language: String,
    pub tenant_time_zone: String,
    pub tenant_status: String,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A code that was just used up.
pub(super) struct CodeRow {
    pub tenant_id: Uuid,
    pub name: String,
    pub scopes: Vec<String>,
}

pub(super) async fn key_insert(
    tx: &mut SystemTx,
    hash: SecretHash,
    tenant: Uuid,
    name: &str,
    (scopes, plants): (&[String], Option<&[String]>),
    expires_at: Option<DateTime<Utc>>,
    by: &str,
) -> Result<(), DbError> {
    sqlx::query!(
        "insert into control.access_keys (key_hash, tenant_id, name, scopes, plants, expires_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7)",
        &hash.0[..],
        tenant,
        name,
        scopes,
        plants,
        expires_at,
        by,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that a key opened something.
pub(super) async fn key_used(tx: &mut SystemTx, hash: SecretHash, now: DateTime<Utc>) -> Result<(), DbError> {
    sqlx::query!("update control.access_keys set last_used_at = $2 where key_hash = $1", &hash.0[..], now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Ends the tenant's key whose hash begins with these bytes; answers its name.
pub(super) async fn key_revoke(
    tx: &mut SystemTx,
    tenant: Uuid,
    begins: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<String>, DbError> {
    Ok(sqlx::query_scalar!(
        "update control.access_keys set revoked_at = $3
         where tenant_id = $1 and substring(key_hash from 1 for 8) = $2 and revoked_at is null
         returning name",
        tenant,
        begins,
        now,
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// A key that somebody made, and what it may.
pub(super) struct MadeRow {
    pub key_hash: Vec<u8>,
    pub scopes: Vec<String>,
    pub plants: Option<Vec<String>>,
}

/// The valid keys that somebody made, those that were made by one of them, and so on: also by
/// one that is over.
pub(super) async fn keys_of(
    tx: &mut SystemTx,
    tenant: Uuid,
    maker: &str,
    now: DateTime<Utc>,
) -> Result<Vec<MadeRow>, DbError> {
    Ok(sqlx::query_as!(
        MadeRow,
        r#"with recursive made as (
               select key_hash, scopes, plants, expires_at, revoked_at from control.access_keys
               where tenant_id = $1 and created_by = $2
               union
               select k.key_hash, k.scopes, k.plants, k.expires_at, k.revoked_at
               from made m join control.access_keys k
                 on k.tenant_id = $1
                and k.created_by = 'key:' || encode(substring(m.key_hash from 1 for 8), 'hex'))
           select key_hash as "key_hash!", scopes as "scopes!", plants from made
           where revoked_at is null and (expires_at is null or expires_at > $3)
           order by key_hash"#,
        tenant,
        maker,
        now,
    )
    .fetch_all(tx.conn())
    .await?)
}

/// A key that ends soon and of which nobody was told.
pub(super) struct EndingRow {
    pub key_hash: Vec<u8>,
    pub tenant_id: Uuid,
    pub name: String,
    pub expires_at: Option<DateTime<Utc>>,
    pub time_zone: String,
}

/// Keys that end until then and were made for longer than `before` days; those that carry a
/// session alone are nobody's to renew.
pub(super) async fn keys_ending(
    tx: &mut SystemTx,
    (now, until): (DateTime<Utc>, DateTime<Utc>),
    before: i32,
    limit: i64,
) -> Result<Vec<EndingRow>, DbError> {
    Ok(sqlx::query_as!(
        EndingRow,
        "select k.key_hash, k.tenant_id, k.name, k.expires_at, t.time_zone
         from control.access_keys k join control.tenants t using (tenant_id)
         where k.revoked_at is null and k.end_told_at is null and k.expires_at > $1 and k.expires_at <= $2
           and k.expires_at - k.created_at > make_interval(days => $3) and k.created_by not like 'code:%'
         order by k.expires_at limit $4",
        now,
        until,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await?)
}

/// Notes that people are told of a key's end; `false` when they were.
pub(super) async fn key_end_told(tx: &mut SystemTx, key: &[u8], now: DateTime<Utc>) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "update control.access_keys set end_told_at = $2 where key_hash = $1 and end_told_at is null",
        key,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// A key as an administrator sees it.
pub(super) struct ListedRow {
    pub key_hash: Vec<u8>,
    pub name: String,
    pub scopes: Vec<String>,
    pub plants: Option<Vec<String>>,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
    pub last_used_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The tenant's keys, newest first.
pub(super) async fn key_list(tx: &mut SystemTx, tenant: Uuid) -> Result<Vec<ListedRow>, DbError> {
    Ok(sqlx::query_as!(
        ListedRow,
        "select key_hash, name, scopes, plants, created_at, created_by, last_used_at, expires_at, revoked_at
         from control.access_keys
         where tenant_id = $1 order by created_at desc, key_hash limit 1000",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?)
}

pub(super) async fn key_find(
    tx: &mut SystemTx,
    hash: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<KeyRow>, DbError> {
    Ok(sqlx::query_as!(
        KeyRow,
        "select k.key_hash, k.name, k.scopes, k.plants, t.tenant_id, t.code as tenant_code,
                t.name as tenant_name, t.language as tenant_language, t.time_zone as tenant_time_zone,
                t.status as tenant_status, k.last_used_at
         from control.access_keys k join control.tenants t using (tenant_id)
         where k.key_hash = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > $2)",
        &hash.0[..],
        now,
    )
    .fetch_optional(tx.conn())
    .await?)
}

pub(super) async fn session_insert(
    tx: &mut SystemTx,
    token: SecretHash,
    tenant: Uuid,
    key: SecretHash,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query!(
        "insert into control.sessions (token_hash, tenant_id, key_hash, created_at, expires_at)
         values ($1, $2, $3, $4, $5)",
        &token.0[..],
        tenant,
        &key.0[..],
        now,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A session that is not over: its tenant, and the key or the person that it
/// stands on.
pub(super) struct SessionRow {
    pub tenant_id: Uuid,
    pub tenant_code: String,
    pub tenant_name: String,
    pub tenant_language: String,
    pub tenant_time_zone: String,
    pub tenant_status: String,
    pub user_id: Option<Uuid>,
    pub key_hash: Option<Vec<u8>>,
    pub last_seen_at: Option<DateTime<Utc>>,
}

pub(super) async fn session_find(
    tx: &mut SystemTx,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<SessionRow>, DbError> {
    Ok(sqlx::query_as!(
        SessionRow,
        "select t.tenant_id, t.code as tenant_code, t.name as tenant_name, t.language as tenant_language,
                t.time_zone as tenant_time_zone, t.status as tenant_status, s.user_id, s.key_hash,
                s.last_seen_at
         from control.sessions s join control.tenants t using (tenant_id)
         where s.token_hash = $1 and s.expires_at > $2",
        &token.0[..],
        now,
    )
    .fetch_optional(tx.conn())
    .await?)
}

pub(super) async fn session_seen(
    tx: &mut SystemTx,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query!("update control.sessions set last_seen_at = $2 where token_hash = $1", &token.0[..], now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A session that was ended: whose it was.
pub(super) struct EndedRow {
    pub tenant_id: Uuid,
    pub user_id: Option<Uuid>,
    pub key_hash: Option<Vec<u8>>,
}

/// Ends a session; `None` when there was none, or it was over.
pub(super) async fn session_delete(
    tx: &mut SystemTx,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<EndedRow>, DbError> {
    Ok(sqlx::query_as!(
        EndedRow,
        "delete from control.sessions where token_hash = $1 and expires_at > $2
         returning tenant_id, user_id, key_hash",
        &token.0[..],
        now,
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// The tenant whose key this is or was.
pub(super) async fn key_tenant(tx: &mut SystemTx, hash: SecretHash) -> Result<Option<Uuid>, DbError> {
    Ok(sqlx::query_scalar!("select tenant_id from control.access_keys where key_hash = $1", &hash.0[..])
        .fetch_optional(tx.conn())
        .await?)
}

/// Removes what has long been over, some at a time: a sign-in waits for it. Keys stay: the audit
/// names them.
pub(crate) async fn delete_stale(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<(), DbError> {
    sqlx::query!(
        "delete from control.sessions where token_hash in (
             select token_hash from control.sessions where expires_at < $1
             order by expires_at limit 500 for update skip locked)",
        before,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("delete from control.signin_codes where expires_at < $1", before).execute(tx.conn()).await?;
    Ok(())
}

pub(super) async fn code_insert(
    tx: &mut SystemTx,
    code: SecretHash,
    tenant: Uuid,
    name: &str,
    scopes: &[String],
    expires_at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query!(
        "insert into control.signin_codes (code_hash, tenant_id, name, scopes, expires_at)
         values ($1, $2, $3, $4, $5)",
        &code.0[..],
        tenant,
        name,
        scopes,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Uses the code up; of two at once, one gets it.
pub(super) async fn code_use(
    tx: &mut SystemTx,
    code: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<CodeRow>, DbError> {
    Ok(sqlx::query_as!(
        CodeRow,
        "update control.signin_codes set used_at = $2
         where code_hash = $1 and used_at is null and expires_at > $2
         returning tenant_id, name, scopes",
        &code.0[..],
        now,
    )
    .fetch_optional(tx.conn())
    .await?)
}
