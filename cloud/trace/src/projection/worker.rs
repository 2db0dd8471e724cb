//! The worker: takes the cursor, applies batches, moves it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, DbError, Tx};
use platform::tenancy;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store::in_work;
use super::store::queue::{self, Ranges};
use super::{PROJECTION, apply, tell, waits};
use crate::explore::service::FRESH;
use crate::genealogy::Genealogy;
use crate::holds;
use crate::ingest::{Committed, Following};

/// Most batches in one transaction.
const BATCHES: i64 = 32;
/// How often all tenants are looked at, whoever announced what.
const POLL: Duration = Duration::from_secs(2);
/// A fact waits at least this long for its counterpart.
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

/// How much a tenant's next step takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    /// Most batches.
    limit: i64,
    /// UID by UID and order by order.
    apart: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { limit: BATCHES, apart: false }
    }
}

impl Pace {
    fn faster(&mut self) {
        let limit = if self.apart { 1 } else { (self.limit * 2).min(BATCHES) };
        *self = Self { limit, apart: false };
    }

    /// Takes on less because of an error; `false` where that would not help, as where a lock was
    /// waited for too long ([`queue::lock_wait`]): that is tried again as it is.
    fn slower(&mut self, error: &DbError) -> bool {
        if self.apart {
            return false;
        }
        if apply::timed_out(error) && self.limit > 1 {
            self.limit /= 2;
        } else if apply::timed_out(error) || !error.is_transient() {
            *self = Self { limit: 1, apart: true };
        } else {
            return false;
        }
        true
    }
}

/// What the worker keeps in mind between rounds.
#[derive(Debug, Default)]
struct Work {
    /// Tenants that may have something to do.
    busy: BTreeSet<Uuid>,
    paces: HashMap<Uuid, Pace>,
}

impl Work {
    /// One step of each busy tenant, so that one tenant's backlog of days keeps no
    /// other waiting. Those that have nothing more to do, or cannot go on, are busy
    /// no longer. Ends between two steps when `stop` is called.
    async fn round(
        &mut self,
        db: &Db,
        committed: &Committed,
        genealogy: &Genealogy,
        stop: &CancellationToken,
    ) {
        for tenant in std::mem::take(&mut self.busy) {
            if stop.is_cancelled() {
                return;
            }
            let pace = self.paces.entry(tenant).or_default();
            match paced(db, tenant, pace).await {
                Ok(Some(0)) => {
                    if let Err(error) = look_at_parked(db, tenant, Utc::now()).await {
                        tracing::warn!(%tenant, %error, "parked events could not be looked at");
                    }
                }
                Ok(_) => {
                    self.busy.insert(tenant);
                }
                Err(error) => tracing::warn!(%tenant, %error, "the projection will try again"),
            }
            // What is projected may be under a hold now.
            if let Err(error) = holds::follow::catch_up(db, committed, genealogy, tenant).await {
                tracing::warn!(%tenant, %error, "holds will be followed again");
            }
        }
    }
}

/// Follows the batches of all tenants until `stop`. Woken by `committed`, and
/// by itself every two seconds, so that batches that another process took in
/// are seen as well.
pub async fn run(db: Db, committed: Committed, genealogy: Genealogy, stop: CancellationToken) {
    let mut following = Following::new(&committed, POLL);
    let mut work = Work::default();
    while !stop.is_cancelled() {
        if following.is_due() {
            match tenancy::active_ids(&db).await {
                Ok(tenants) => work.busy.extend(tenants),
                Err(error) => tracing::warn!(%error, "the projection cannot list tenants"),
            }
        }
        work.busy.extend(following.take());
        work.round(&db, &committed, &genealogy, &stop).await;
        if work.busy.is_empty() {
            following.wait(&stop).await;
        }
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
/// also while another worker is at it. If they take too long together, fewer are
/// tried; if they cannot be applied, the next one is applied UID by UID, and one
/// that fails becomes an exception.
///
/// # Errors
/// The database.
pub async fn step(db: &Db, tenant: Uuid) -> Result<usize, ProjectionError> {
    let mut pace = Pace::default();
    loop {
        if let Some(done) = paced(db, tenant, &mut pace).await? {
            return Ok(done);
        }
    }
}

/// One attempt at a pace; `None` when the next one has to take on less.
async fn paced(db: &Db, tenant: Uuid, pace: &mut Pace) -> Result<Option<usize>, ProjectionError> {
    match attempt(db, tenant, pace.limit, pace.apart).await {
        Ok(done) => {
            pace.faster();
            Ok(Some(done))
        }
        Err(ProjectionError::Db(error)) if pace.slower(&error) => {
            tracing::warn!(%tenant, %error, limit = pace.limit, apart = pace.apart, "the projection takes on less");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn attempt(db: &Db, tenant: Uuid, limit: i64, apart: bool) -> Result<usize, ProjectionError> {
    let cx = Cx::system(tenant);
    db.tx(&cx, async |tx| {
        queue::lock_wait(tx).await?;
        step_in(tx, limit, apart).await
    })
    .await
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
    in_work::add_up(tx).await?;
    apply::apply(tx, &Ranges::of(&batches), &batches, apart).await?;
    queue::cursor_move(tx, PROJECTION, last).await?;
    Ok(batches.len())
}

/// Opens an exception for each fact whose counterpart has not come although
/// everybody who might tell it is current.
///
/// # Errors
/// The database.
pub async fn look_at_parked(db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<usize, ProjectionError> {
    let cx = Cx::system(tenant);
    db.tx(&cx, async |tx| {
        let mut opened = 0;
        for wait in waits::ALL {
            // Of a birth its own plant knows, of anything else all the others.
            let ripe = match wait {
                waits::BIRTH => queue::ripe_births(tx, now - GRACE, now - FRESH).await?,
                _ => queue::ripe(tx, wait, now - GRACE, now - FRESH).await?,
            };
            tell::open_ripe(tx, wait, &ripe).await?;
            opened += ripe.len();
        }
        Ok(opened)
    })
    .await
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
