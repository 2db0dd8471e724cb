//! The worker: takes the cursor, applies batches, moves it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, DbError, Tx};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store::queue::{self, Ranges};
use super::{PROJECTION, apply};
use crate::explore::service::FRESH;
use crate::ingest::notify::Committed;

/// Most batches in one transaction.
const BATCHES: i64 = 32;
/// How long the worker sleeps when nobody announces a batch.
const POLL: Duration = Duration::from_secs(2);
/// An arrival waits at least this long for its departure.
const GRACE: chrono::Duration = chrono::Duration::seconds(10);

/// Why a projection stopped. The worker tries again; nothing is lost.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for ProjectionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Follows the batches of all tenants until `stop`. Woken by `committed`, and
/// by itself every two seconds, so that batches that another process took in
/// are seen as well.
pub async fn run(db: Db, committed: Committed, stop: CancellationToken) {
    let mut announced = committed.subscribe();
    loop {
        all_tenants(&db).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(POLL) => {}
            // Several announcements at once need one look.
            first = announced.recv() => {
                if matches!(first, Err(RecvError::Closed)) {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(POLL) => {}
                    }
                }
                while announced.try_recv().is_ok() {}
            }
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

async fn all_tenants(db: &Db) {
    let tenants: Result<Vec<Uuid>, ProjectionError> =
        db.system_tx(async |tx| Ok(queue::tenants(tx).await?)).await;
    match tenants {
        Ok(tenants) => {
            for tenant in tenants {
                if let Err(error) = catch_up(db, tenant).await {
                    tracing::warn!(%tenant, %error, "the projection will try again");
                }
                if let Err(error) = look_at_parked(db, tenant, Utc::now()).await {
                    tracing::warn!(%tenant, %error, "parked events could not be looked at");
                }
            }
        }
        Err(error) => tracing::warn!(%error, "the projection cannot list tenants"),
    }
}

/// Applies all batches of a tenant that are committed; answers how many.
///
/// # Errors
/// The database; what was applied before stays applied.
pub async fn catch_up(db: &Db, tenant: Uuid) -> Result<usize, ProjectionError> {
    let mut total = 0;
    loop {
        let done = step(db, tenant).await?;
        if done == 0 {
            return Ok(total);
        }
        total += done;
    }
}

/// Applies the next batches of a tenant in one transaction; answers how many, 0
/// also while another worker is at it. If they cannot be applied together, the
/// next one is applied UID by UID, and one that fails becomes an exception.
///
/// # Errors
/// The database.
pub async fn step(db: &Db, tenant: Uuid) -> Result<usize, ProjectionError> {
    match attempt(db, tenant, BATCHES, false).await {
        Err(ProjectionError::Db(error)) if !error.is_transient() => {
            tracing::warn!(%tenant, %error, "a batch is applied UID by UID");
            attempt(db, tenant, 1, true).await
        }
        result => result,
    }
}

async fn attempt(db: &Db, tenant: Uuid, limit: i64, apart: bool) -> Result<usize, ProjectionError> {
    let cx = Cx::system(tenant);
    db.tx(&cx, async |tx| step_in(tx, limit, apart).await).await
}

/// Applies at most `limit` batches inside a transaction; `apart` as for a batch
/// that failed before.
///
/// # Errors
/// The database.
pub async fn step_in(tx: &mut Tx, limit: i64, apart: bool) -> Result<usize, ProjectionError> {
    let Some(after) = queue::cursor_lock(tx, PROJECTION).await? else {
        return Ok(0);
    };
    let batches = queue::batches_after(tx, after, limit).await?;
    let Some(last) = batches.last().map(|batch| batch.batch_id) else {
        return Ok(0);
    };
    apply::apply(tx, &Ranges::of(&batches), &batches, apart).await?;
    queue::cursor_move(tx, PROJECTION, last).await?;
    Ok(batches.len())
}

/// Opens an exception for each arrival that nobody's departure explains,
/// although every other plant is current, and for each UID that is used and was
/// never born, although its own plant is.
///
/// # Errors
/// The database.
pub async fn look_at_parked(db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<usize, ProjectionError> {
    let cx = Cx::system(tenant);
    db.tx(&cx, async |tx| {
        let ripe = queue::ripe(tx, PROJECTION, now - GRACE, now - FRESH).await?;
        apply::open_ripe(tx, &ripe).await?;
        let unborn = queue::ripe_births(tx, apply::BIRTHS, now - GRACE, now - FRESH).await?;
        apply::open_unborn(tx, &unborn).await?;
        Ok(ripe.len() + unborn.len())
    })
    .await
}
