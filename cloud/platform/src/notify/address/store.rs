//! SQL of addresses that mail does not reach.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;

/// An address that mail does not reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable {
    /// Whose it is.
    pub user_id: Uuid,
    /// The person's name.
    pub name: String,
    /// The address.
    pub email: String,
    /// What the mail server or service said.
    pub reason: String,
    /// `refused` at once, or `bounced` afterwards.
    pub source: String,
    /// The mail that did not reach it.
    pub message_id: Uuid,
    /// Since when it is known.
    pub since: DateTime<Utc>,
}

/// Marks the address; `false` when it is marked already, or not the person's.
pub(super) async fn mark(tx: &mut Tx, down: &Unreachable) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into unreachable_addresses as a (tenant_id, user_id, email, reason, source, message_id, since)
         select $1, u.user_id, u.email, $4, $5, $6, $7 from users u
         where u.tenant_id = $1 and u.user_id = $2 and u.email = $3 and u.deleted_at is null
         on conflict (tenant_id, user_id) do update
         set email = excluded.email, reason = $4, source = $5, message_id = $6, since = $7,
             version = a.version + 1
         where a.email <> excluded.email",
        tenant,
        down.user_id,
        down.email,
        down.reason,
        down.source,
        down.message_id,
        down.since,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn lift(tx: &mut Tx, user: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from unreachable_addresses where tenant_id = $1 and user_id = $2",
        tenant,
        user,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The person's address, if mail does not reach it.
pub(in crate::notify) async fn of_person(tx: &mut Tx, user: Uuid) -> Result<Option<Unreachable>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Unreachable,
        "select u.user_id, u.name, u.email, a.reason, a.source, a.message_id, a.since
         from unreachable_addresses a
         join users u on u.tenant_id = $1 and u.user_id = a.user_id and u.email = a.email
         where a.tenant_id = $1 and a.user_id = $2",
        tenant,
        user,
    )
    .fetch_optional(tx.conn())
    .await
}

/// All of the tenant that are in use, newest first.
pub(super) async fn all(tx: &mut Tx, limit: i64) -> Result<Vec<Unreachable>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Unreachable,
        "select u.user_id, u.name, u.email, a.reason, a.source, a.message_id, a.since
         from unreachable_addresses a
         join users u on u.tenant_id = $1 and u.user_id = a.user_id and u.email = a.email
         where a.tenant_id = $1 and u.deleted_at is null
         order by a.since desc, u.user_id limit $2",
        tenant,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn token_set(tx: &mut Tx, hash: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into mail_settings as m (tenant_id, bounce_token_hash) values ($1, $2)
         on conflict (tenant_id) do update set bounce_token_hash = $2, version = m.version + 1",
        tenant,
        hash,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn token_hash(tx: &mut Tx) -> Result<Option<Vec<u8>>, Error> {
    let tenant = tx.tenant();
    let found =
        sqlx::query_scalar!("select bounce_token_hash from mail_settings where tenant_id = $1", tenant)
            .fetch_optional(tx.conn())
            .await?;
    Ok(found.flatten())
}

/// Whom a mail was for.
pub(super) struct SentTo {
    pub user_id: Uuid,
    pub name: String,
    pub email: String,
}

pub(super) async fn sent_to(tx: &mut Tx, message: Uuid) -> Result<Option<SentTo>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        SentTo,
        "select u.user_id, u.name, u.email from outbox o
         join users u on u.tenant_id = $1 and u.user_id = o.target and u.deleted_at is null
         where o.tenant_id = $1 and o.message_id = $2 and o.channel = 'mail'",
        tenant,
        message,
    )
    .fetch_optional(tx.conn())
    .await
}
