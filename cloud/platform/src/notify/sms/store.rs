//! SQL of text messages: providers of tenants, numbers of people, and what was sent
//! in a day.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;

/// A tenant's own provider, as kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// [`super::Provider`] without its token.
    pub config: Value,
    pub token: Option<Vec<u8>>,
    pub active: bool,
    pub version: i32,
}

pub(super) async fn provider(tx: &mut Tx) -> Result<Option<Kept>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Kept,
        "select config, token_sealed as token, active, version from sms_settings where tenant_id = $1",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await
}

/// `false` when it was changed since `version`.
pub(super) async fn provider_set(tx: &mut Tx, new: &Kept) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into sms_settings as s (tenant_id, config, token_sealed, active) values ($1, $2, $3, $4)
         on conflict (tenant_id) do update
         set config = $2, token_sealed = $3, active = $4, version = s.version + 1 where s.version = $5",
        tenant,
        new.config,
        new.token.as_deref(),
        new.active,
        new.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn token_set(tx: &mut Tx, token: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("update sms_settings set token_sealed = $2 where tenant_id = $1", tenant, token)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A person's number.
#[derive(Debug, Clone)]
pub(super) struct Phone {
    /// Sealed.
    pub number: Vec<u8>,
    pub ending: String,
    pub verified_at: Option<DateTime<Utc>>,
}

pub(super) async fn phone(tx: &mut Tx, user: Uuid) -> Result<Option<Phone>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Phone,
        "select number_sealed as number, ending, verified_at from user_phones where tenant_id = $1 and user_id = $2",
        tenant,
        user,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Keeps a number that is to be verified, in place of the one before.
pub(super) async fn phone_set(tx: &mut Tx, user: Uuid, number: &[u8], ending: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into user_phones as p (tenant_id, user_id, number_sealed, ending) values ($1, $2, $3, $4)
         on conflict (tenant_id, user_id) do update
         set number_sealed = $3, ending = $4, verified_at = null, version = p.version + 1",
        tenant,
        user,
        number,
        ending,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn phone_verified(tx: &mut Tx, user: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update user_phones set verified_at = $3, version = version + 1
         where tenant_id = $1 and user_id = $2 and verified_at is null",
        tenant,
        user,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn phone_delete(tx: &mut Tx, user: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from user_phones where tenant_id = $1 and user_id = $2", tenant, user)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Those of these people whose number is verified.
pub(super) async fn verified(tx: &mut Tx, users: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select user_id from user_phones
         where tenant_id = $1 and user_id = any($2) and verified_at is not null",
        tenant,
        users,
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn phones(tx: &mut Tx) -> Result<Vec<(Uuid, Vec<u8>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select user_id, number_sealed from user_phones where tenant_id = $1 for update",
        tenant
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.number_sealed)).collect())
}

pub(super) async fn number_set(tx: &mut Tx, user: Uuid, number: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update user_phones set number_sealed = $3 where tenant_id = $1 and user_id = $2",
        tenant,
        user,
        number,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Counts parts for a person, or for the tenant by its own id, if that stays within
/// the bound; `false` when it would not.
pub(super) async fn count(
    tx: &mut Tx,
    (day, subject): (NaiveDate, Uuid),
    parts: i32,
    bound: i32,
) -> Result<bool, Error> {
    if parts > bound {
        return Ok(false);
    }
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into sms_counts as c (tenant_id, day, subject, parts) values ($1, $2, $3, $4)
         on conflict (tenant_id, day, subject) do update
         set parts = c.parts + $4, version = c.version + 1 where c.parts + $4 <= $5",
        tenant,
        day,
        subject,
        parts,
        bound,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes back what was counted for a message that was not sent after all.
pub(super) async fn uncount(tx: &mut Tx, (day, subject): (NaiveDate, Uuid), parts: i32) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update sms_counts set parts = greatest(0, parts - $4), version = version + 1
         where tenant_id = $1 and day = $2 and subject = $3",
        tenant,
        day,
        subject,
        parts,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Parts that were counted.
pub(super) async fn counted(tx: &mut Tx, (day, subject): (NaiveDate, Uuid)) -> Result<i32, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        "select parts from sms_counts where tenant_id = $1 and day = $2 and subject = $3",
        tenant,
        day,
        subject,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.unwrap_or(0))
}

/// Notes that administrators are told of the day's bound; `false` when they were.
pub(super) async fn tell_once(tx: &mut Tx, day: NaiveDate) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into sms_counts as c (tenant_id, day, subject, parts, told) values ($1, $2, $1, 0, true)
         on conflict (tenant_id, day, subject) do update set told = true, version = c.version + 1
         where not c.told",
        tenant,
        day,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes counts of days before.
pub(super) async fn forget(tx: &mut Tx, before: NaiveDate) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("delete from sms_counts where tenant_id = $1 and day < $2", tenant, before)
        .execute(tx.conn())
        .await?;
    Ok(())
}
