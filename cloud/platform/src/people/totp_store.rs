//! SQL of the second step: codes by time, backup codes, and sign-ins under way.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use crate::db::{SystemTx, Tx};
use crate::tenancy::Standing;

/// What a person's codes are made from.
pub(super) struct TotpRow {
    pub secret: Vec<u8>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub last_step: i64,
}

pub(super) async fn totp(tx: &mut Tx, user: Uuid) -> Result<Option<TotpRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        TotpRow,
        "select secret, confirmed_at, last_step from user_totp where tenant_id = $1 and user_id = $2 for update",
        tenant,
        user,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Keeps a secret that the person has not shown a code of yet. One that is there
/// already stays.
pub(super) async fn totp_insert(tx: &mut Tx, user: Uuid, secret: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into user_totp (tenant_id, user_id, secret) values ($1, $2, $3) on conflict do nothing",
        tenant,
        user,
        secret,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn totp_confirm(
    tx: &mut Tx,
    user: Uuid,
    step: i64,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update user_totp set confirmed_at = $4, last_step = $3, version = version + 1
         where tenant_id = $1 and user_id = $2 and confirmed_at is null",
        tenant,
        user,
        step,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Uses a step up; of two at once, one gets it.
pub(super) async fn step_use(tx: &mut Tx, user: Uuid, step: i64) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update user_totp set last_step = $3
         where tenant_id = $1 and user_id = $2 and confirmed_at is not null and last_step < $3",
        tenant,
        user,
        step,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets a person's codes and backup codes; `false` when there were none.
pub(super) async fn totp_delete(tx: &mut Tx, user: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from user_totp where tenant_id = $1 and user_id = $2", tenant, user)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives a person these backup codes and no others.
pub(super) async fn backup_codes_set(tx: &mut Tx, user: Uuid, hashes: &[Vec<u8>]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("delete from user_backup_codes where tenant_id = $1 and user_id = $2", tenant, user)
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "insert into user_backup_codes (tenant_id, user_id, code_hash)
         select $1, $2, hash from unnest($3::bytea[]) as hash",
        tenant,
        user,
        hashes,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Uses a backup code up; of two at once, one gets it.
pub(super) async fn backup_code_use(
    tx: &mut Tx,
    user: Uuid,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update user_backup_codes set used_at = $4
         where tenant_id = $1 and user_id = $2 and code_hash = $3 and used_at is null",
        tenant,
        user,
        hash,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn backup_codes_left(tx: &mut Tx, user: Uuid) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from user_backup_codes
           where tenant_id = $1 and user_id = $2 and used_at is null"#,
        tenant,
        user,
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether a role of the person asks for the second step, or, of an administrator, the plan.
pub(super) async fn required(tx: &mut Tx, user: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (
               select 1 from user_roles ur join roles r on r.tenant_id = $1 and r.role = ur.role
               where ur.tenant_id = $1 and ur.user_id = $2 and r.require_totp and r.deleted_at is null
               union all
               select 1 from user_roles ur join plan_limits l on l.tenant_id = $1
               where ur.tenant_id = $1 and ur.user_id = $2 and ur.role = 'ADMIN' and l.admins_second_step)
           as "required!""#,
        tenant,
        user,
    )
    .fetch_one(tx.conn())
    .await
}

/// Secrets of the tenant's people, to be sealed anew.
pub(super) async fn secrets(tx: &mut Tx) -> Result<Vec<(Uuid, Vec<u8>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!("select user_id, secret from user_totp where tenant_id = $1 for update", tenant)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.secret)).collect())
}

pub(super) async fn secret_set(tx: &mut Tx, user: Uuid, secret: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update user_totp set secret = $3 where tenant_id = $1 and user_id = $2",
        tenant,
        user,
        secret,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

// --- sign-ins under way ------------------------------------------------------------

/// A sign-in whose first step was right.
#[derive(Debug, Clone)]
pub(super) struct StepRow {
    pub tenants: Vec<Uuid>,
    pub users: Vec<Uuid>,
    pub first_step: String,
    pub address: String,
    pub browser: String,
}

pub(super) async fn step_insert(
    tx: &mut SystemTx,
    token: &[u8],
    step: &StepRow,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!("delete from control.signin_steps where expires_at < $1", now).execute(tx.conn()).await?;
    sqlx::query!(
        "insert into control.signin_steps
             (token_hash, tenants, users, first_step, address, browser, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        token,
        &step.tenants,
        &step.users,
        step.first_step,
        step.address,
        step.browser,
        now,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A sign-in under way that is not too old; locked, so that two answers at once
/// are judged one after the other.
pub(super) async fn step_find(
    tx: &mut SystemTx,
    token: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<StepRow>, Error> {
    sqlx::query_as!(
        StepRow,
        "select tenants, users, first_step, address, browser from control.signin_steps
         where token_hash = $1 and expires_at > $2 for update",
        token,
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Narrows it to one tenant.
pub(super) async fn step_choose(
    tx: &mut SystemTx,
    token: &[u8],
    tenant: Uuid,
    user: Uuid,
) -> Result<(), Error> {
    sqlx::query!(
        "update control.signin_steps set tenants = array[$2::uuid], users = array[$3::uuid]
         where token_hash = $1",
        token,
        tenant,
        user,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn step_delete(tx: &mut SystemTx, token: &[u8]) -> Result<(), Error> {
    sqlx::query!("delete from control.signin_steps where token_hash = $1", token).execute(tx.conn()).await?;
    Ok(())
}

/// Ends every sign-in of the person under way.
pub(super) async fn steps_end(tx: &mut SystemTx, tenant: Uuid, user: Uuid) -> Result<(), Error> {
    sqlx::query!(
        "delete from control.signin_steps where $1 = any(tenants) and $2 = any(users)",
        tenant,
        user,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Names of these tenants that are let in.
pub(super) async fn tenant_names(tx: &mut SystemTx, tenants: &[Uuid]) -> Result<Vec<(Uuid, String)>, Error> {
    let rows = sqlx::query!(
        "select tenant_id, name, status from control.tenants where tenant_id = any($1)
         order by name, tenant_id",
        tenants,
    )
    .fetch_all(tx.conn())
    .await?;
    let admitted = rows.into_iter().filter(|row| Standing::of(&row.status).admits());
    Ok(admitted.map(|row| (row.tenant_id, row.name)).collect())
}
