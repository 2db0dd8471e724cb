//! Statements on control.signing_keys, token_families and refresh_tokens.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::db::{DbError, SystemTx};

/// A key that signs, or signed.
pub(super) struct KeyRow {
    pub kid: String,
    pub public_key: Vec<u8>,
    pub sealed_seed: Vec<u8>,
    pub created_at: DateTime<Utc>,
}

/// Keys made since, the newest first.
pub(super) async fn keys(tx: &mut SystemTx, since: DateTime<Utc>) -> Result<Vec<KeyRow>, DbError> {
    Ok(sqlx::query_as!(
        KeyRow,
        "select kid, public_key, sealed_seed, created_at from control.signing_keys
         where created_at >= $1 order by created_at desc, kid limit 100",
        since,
    )
    .fetch_all(tx.conn())
    .await?)
}

/// The public key of this name, if it was made since.
pub(super) async fn public_key(
    tx: &mut SystemTx,
    kid: &str,
    since: DateTime<Utc>,
) -> Result<Option<Vec<u8>>, DbError> {
    Ok(sqlx::query_scalar!(
        "select public_key from control.signing_keys where kid = $1 and created_at >= $2",
        kid,
        since,
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// One process at a time makes a new key.
pub(super) async fn keys_lock(tx: &mut SystemTx) -> Result<(), DbError> {
    sqlx::query!("select pg_advisory_xact_lock(hashtext('control.signing_keys'))")
        .fetch_one(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn key_insert(tx: &mut SystemTx, row: &KeyRow) -> Result<(), DbError> {
    sqlx::query!(
        "insert into control.signing_keys (kid, public_key, sealed_seed, created_at) values ($1, $2, $3, $4)",
        row.kid,
        row.public_key,
        row.sealed_seed,
        row.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn key_seal(tx: &mut SystemTx, kid: &str, sealed: &[u8]) -> Result<(), DbError> {
    sqlx::query!("update control.signing_keys set sealed_seed = $2 where kid = $1", kid, sealed)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Removes what has long been over.
pub(super) async fn delete_stale(
    tx: &mut SystemTx,
    keys: DateTime<Utc>,
    families: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query!("delete from control.signing_keys where created_at < $1", keys).execute(tx.conn()).await?;
    sqlx::query!("delete from control.token_families where expires_at < $1", families)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn family_insert(
    tx: &mut SystemTx,
    (family, tenant): (Uuid, Uuid),
    key: &[u8],
    address: &str,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query!(
        "insert into control.token_families (family_id, tenant_id, key_hash, address, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
        family,
        tenant,
        key,
        address,
        now,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The key behind a family that stands: its hash.
pub(super) async fn family_key(
    tx: &mut SystemTx,
    family: Uuid,
    tenant: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Vec<u8>>, DbError> {
    Ok(sqlx::query_scalar!(
        "select key_hash from control.token_families
         where family_id = $1 and tenant_id = $2 and ended_at is null and expires_at > $3",
        family,
        tenant,
        now,
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Ends a family that stands; answers its tenant and the hash of its key.
pub(super) async fn family_end(
    tx: &mut SystemTx,
    family: Uuid,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Option<(Uuid, Vec<u8>)>, DbError> {
    let row = sqlx::query!(
        "update control.token_families set ended_at = $3, ended_why = $2
         where family_id = $1 and ended_at is null returning tenant_id, key_hash",
        family,
        why,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.tenant_id, row.key_hash)))
}

pub(super) async fn refresh_insert(
    tx: &mut SystemTx,
    token: &[u8],
    family: Uuid,
    expires_at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query!(
        "insert into control.refresh_tokens (token_hash, family_id, expires_at) values ($1, $2, $3)",
        token,
        family,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A refresh token, locked until the commit, with its family.
pub(super) struct RefreshRow {
    pub family_id: Uuid,
    pub tenant_id: Uuid,
    pub key_hash: Vec<u8>,
    pub used: bool,
    pub over: bool,
    pub ended: bool,
    pub family_expires_at: DateTime<Utc>,
}

pub(super) async fn refresh_lock(
    tx: &mut SystemTx,
    token: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<RefreshRow>, DbError> {
    Ok(sqlx::query_as!(
        RefreshRow,
        r#"select r.family_id, f.tenant_id, f.key_hash, r.used_at is not null as "used!",
                  (r.expires_at <= $2 or f.expires_at <= $2) as "over!", f.ended_at is not null as "ended!",
                  f.expires_at as family_expires_at
           from control.refresh_tokens r join control.token_families f using (family_id)
           where r.token_hash = $1 for update of r"#,
        token,
        now,
    )
    .fetch_optional(tx.conn())
    .await?)
}

pub(super) async fn refresh_use(tx: &mut SystemTx, token: &[u8], now: DateTime<Utc>) -> Result<(), DbError> {
    sqlx::query!("update control.refresh_tokens set used_at = $2 where token_hash = $1", token, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}
