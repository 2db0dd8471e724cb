//! SQL of webhooks.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;

/// A webhook.
#[derive(Debug, Clone)]
pub(in crate::notify) struct Webhook {
    pub id: Uuid,
    pub name: String,
    pub url: String,
    pub form: String,
    pub kinds: Vec<String>,
    pub secret: Vec<u8>,
    pub active: bool,
    pub version: i32,
}

/// The tenant's webhooks, by name.
pub(in crate::notify) async fn all(tx: &mut Tx) -> Result<Vec<Webhook>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Webhook,
        "select webhook_id as id, name, url, form, kinds, secret, active, version from webhooks
         where tenant_id = $1 and deleted_at is null order by name, webhook_id limit 100",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// One webhook.
pub(in crate::notify) async fn find(tx: &mut Tx, id: Uuid) -> Result<Option<Webhook>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Webhook,
        "select webhook_id as id, name, url, form, kinds, secret, active, version from webhooks
         where tenant_id = $1 and webhook_id = $2 and deleted_at is null",
        tenant,
        id,
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn insert(tx: &mut Tx, new: &Webhook) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into webhooks (tenant_id, webhook_id, name, url, form, kinds, secret)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant,
        new.id,
        new.name,
        new.url,
        new.form,
        &new.kinds,
        new.secret,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// `false` when somebody else changed it since `version`.
pub(super) async fn active_set(tx: &mut Tx, id: Uuid, version: i32, active: bool) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update webhooks set active = $4, version = version + 1
         where tenant_id = $1 and webhook_id = $2 and version = $3 and deleted_at is null",
        tenant,
        id,
        version,
        active,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets its secret with it; `false` when somebody else changed it since `version`.
pub(super) async fn delete(tx: &mut Tx, id: Uuid, version: i32, now: DateTime<Utc>) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update webhooks set deleted_at = $4, active = false, secret = '', version = version + 1
         where tenant_id = $1 and webhook_id = $2 and version = $3 and deleted_at is null",
        tenant,
        id,
        version,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn secrets(tx: &mut Tx) -> Result<Vec<(Uuid, Vec<u8>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select webhook_id, secret from webhooks where tenant_id = $1 and deleted_at is null for update",
        tenant
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.webhook_id, row.secret)).collect())
}

pub(super) async fn secret_set(tx: &mut Tx, id: Uuid, secret: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update webhooks set secret = $3 where tenant_id = $1 and webhook_id = $2",
        tenant,
        id,
        secret,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
