//! All SQL of the ingest, one file per subject. Every statement says the tenant
//! beside the policy, so that it touches one partition.

pub(crate) mod corrections;
pub(crate) mod cursor;
pub(crate) mod events;
pub(crate) mod findings;
pub(crate) mod masters;
pub(crate) mod registry;
pub(crate) mod returned;

use platform::db::Tx;
use uuid::Uuid;

/// Which stream a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// The tenant.
    pub tenant: Uuid,
    /// The agent.
    pub agent_id: Uuid,
    /// The epoch.
    pub epoch: i32,
}

/// Marks a point to which [`savepoint_rollback`] goes back.
pub(super) async fn savepoint(tx: &mut Tx) -> Result<(), sqlx::Error> {
    sqlx::query!("savepoint event").execute(tx.conn()).await?;
    Ok(())
}

/// Keeps what was done since [`savepoint`].
pub(super) async fn savepoint_release(tx: &mut Tx) -> Result<(), sqlx::Error> {
    sqlx::query!("release savepoint event").execute(tx.conn()).await?;
    Ok(())
}

/// Undoes what was done since [`savepoint`].
pub(super) async fn savepoint_rollback(tx: &mut Tx) -> Result<(), sqlx::Error> {
    sqlx::query!("rollback to savepoint event").execute(tx.conn()).await?;
    Ok(())
}
