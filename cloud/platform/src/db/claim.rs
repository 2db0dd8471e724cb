//! A request that is carried out once: whatever it commits says so in the same
//! transaction, or is not committed.

use std::future::Future;
use std::sync::Arc;

use uuid::Uuid;

use super::{DbError, Tx};

tokio::task_local! {
    static CLAIM: Arc<Claim>;
}

/// A request under an `Idempotency-Key`, as one process carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The tenant.
    pub tenant: Uuid,
    /// Who asks, as the audit names it.
    pub caller: String,
    /// The caller's key.
    pub key: String,
    /// Of this process; another that took over has another.
    pub attempt: Uuid,
}

/// Runs `work` under the claim: every transaction that it commits, of whichever
/// role, marks the claim as applied, and is refused when another process has taken
/// the claim over.
pub async fn under<F: Future>(claim: Claim, work: F) -> F::Output {
    CLAIM.scope(Arc::new(claim), work).await
}

/// The claim of this task, if it has one.
pub(super) fn current() -> Option<Arc<Claim>> {
    CLAIM.try_with(Arc::clone).ok()
}

/// Marks the claim of this task, if it has one and the transaction of its tenant wrote
/// something.
///
/// # Errors
/// [`DbError::Superseded`]; the transaction must not be committed then.
pub(super) async fn mark(tx: &mut Tx) -> Result<(), DbError> {
    match current() {
        Some(claim) if wrote(tx).await? => apply(tx, &claim).await,
        _ => Ok(()),
    }
}

/// Whether the transaction wrote something.
pub(super) async fn wrote(tx: &mut Tx) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar!(r#"select pg_current_xact_id_if_assigned() is not null as "wrote!""#)
        .fetch_one(&mut *tx.inner)
        .await?)
}

/// Marks a claim, in the database of its tenant.
///
/// # Errors
/// As [`mark`].
pub(super) async fn apply(tx: &mut Tx, claim: &Claim) -> Result<(), DbError> {
    sqlx::query!(r#"select set_config('app.tenant_id', $1, true) as "set""#, claim.tenant.to_string())
        .fetch_one(&mut *tx.inner)
        .await?;
    let done = sqlx::query!(
        "update idempotency_keys set state = 'applied', version = version + 1
         where tenant_id = $1 and caller = $2 and key = $3 and attempt = $4 and state <> 'answered'",
        claim.tenant,
        claim.caller,
        claim.key,
        claim.attempt,
    )
    .execute(&mut *tx.inner)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::Superseded) }
}
