//! SQL of idempotency keys.

use chrono::{DateTime, Utc};
use sqlx::Error;

use crate::db::{Claim, Tx};

/// What is known of a key.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub request: Vec<u8>,
    pub state: String,
    pub claimed_at: DateTime<Utc>,
    pub status: Option<i32>,
    pub answer: Option<Vec<u8>>,
}

impl Known {
    /// One that is under way.
    pub(super) fn running(request: &[u8], now: DateTime<Utc>) -> Self {
        let state = "claimed".to_owned();
        Self { request: request.to_vec(), state, claimed_at: now, status: None, answer: None }
    }
}

/// `false` when the key is known already.
pub(super) async fn insert(
    tx: &mut Tx,
    claim: &Claim,
    request: &[u8],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into idempotency_keys (tenant_id, caller, key, request, attempt, claimed_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (tenant_id, caller, key) do nothing",
        tenant,
        claim.caller,
        claim.key,
        request,
        claim.attempt,
        now,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes over a key that is not kept any more, or the same request where nothing of
/// it was committed since before `lost`. `false` when neither is so.
pub(super) async fn take_over(
    tx: &mut Tx,
    claim: &Claim,
    request: &[u8],
    now: DateTime<Utc>,
    lost: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update idempotency_keys
         set request = $4, attempt = $5, claimed_at = $6, expires_at = $7, state = 'claimed', status = null,
             answer = null, version = version + 1
         where tenant_id = $1 and caller = $2 and key = $3
           and (expires_at <= $6 or (state = 'claimed' and request = $4 and claimed_at <= $8))",
        tenant,
        claim.caller,
        claim.key,
        request,
        claim.attempt,
        now,
        expires_at,
        lost,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn find(tx: &mut Tx, claim: &Claim) -> Result<Option<Known>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Known,
        "select request, state, claimed_at, status, answer from idempotency_keys
         where tenant_id = $1 and caller = $2 and key = $3",
        tenant,
        claim.caller,
        claim.key,
    )
    .fetch_optional(tx.conn())
    .await
}

/// `false` when something of it was committed, or another has it.
pub(super) async fn give_back(tx: &mut Tx, claim: &Claim) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from idempotency_keys
         where tenant_id = $1 and caller = $2 and key = $3 and attempt = $4 and state = 'claimed'",
        tenant,
        claim.caller,
        claim.key,
        claim.attempt,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn answer(
    tx: &mut Tx,
    claim: &Claim,
    status: i32,
    answer: Option<&[u8]>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update idempotency_keys set state = 'answered', status = $5, answer = $6, version = version + 1
         where tenant_id = $1 and caller = $2 and key = $3 and attempt = $4",
        tenant,
        claim.caller,
        claim.key,
        claim.attempt,
        status,
        answer,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn forget(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from idempotency_keys where tenant_id = $1 and (caller, key) in (
             select caller, key from idempotency_keys where tenant_id = $1 and expires_at <= $2 limit $3)",
        tenant,
        now,
        limit,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
