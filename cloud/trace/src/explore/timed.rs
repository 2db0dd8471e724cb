//! The time of an event stands beside each UID that it names, so that a page of a long timeline
//! reads one page of it. What was taken in before it stood there is looked through once for each
//! tenant, batch by batch, and gets it: a bounded number at a time, each in a transaction with the
//! place up to which it has come, so that whoever is stopped or killed goes on there. A timeline is
//! the same before, meanwhile and after; only what it reads is less.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use platform::ctx::Cx;
use platform::db::{Db, DbError, Tx};
use platform::tenancy;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store::timed as store;
use crate::projection::PROJECTION;
use crate::projection::store::queue;

/// The cursor's name, among those of projections.
const CURSOR: &str = "times";
/// Where it stands when all is looked through: what is taken in from then on has its times.
const ALL: i64 = i64::MAX;
/// Batches that are looked through in one transaction, some thousand UIDs.
const BATCHES: i64 = 4;
/// How often it is looked who has something left.
const EVERY: Duration = Duration::from_secs(3600);
/// The least pause after a step; one that took longer is followed by as long a pause, so that at
/// most half of one connection's time goes into it.
const PAUSE: Duration = Duration::from_millis(50);
/// The pause while batches wait for the projection: what comes in goes first.
const BEHIND: Duration = Duration::from_secs(10);
/// How often the log tells how far it has come.
const LOGGED: Duration = Duration::from_secs(60);

/// One step of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Batches were looked through.
    Went {
        /// The last of them.
        through: i64,
        /// UIDs of events that got their time.
        timed: i64,
        /// Batches wait for the projection.
        behind: bool,
    },
    /// All of them are.
    All,
    /// Another worker is at it.
    Elsewhere,
}

/// How far it has come with a tenant, for the log.
struct Progress {
    timed: i64,
    logged: Instant,
}

/// Looks through what all tenants have, until `stop`. Several processes may do it at once; each
/// tenant is one's at a time.
pub(crate) async fn run(db: Db, stop: CancellationToken) {
    let mut done = HashSet::new();
    loop {
        match tenancy::active_ids(&db).await {
            Ok(tenants) => {
                let open = tenants.into_iter().filter(|tenant| !done.contains(tenant)).collect();
                done.extend(through(&db, open, &stop).await);
            }
            Err(error) => tracing::warn!(%error, "times of older events: tenants cannot be listed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// A step of each of these tenants in turn, until none has anything left; answers those that are
/// looked through. What cannot go on is left for the next time.
async fn through(db: &Db, mut open: BTreeSet<Uuid>, stop: &CancellationToken) -> Vec<Uuid> {
    let (mut done, mut progress) = (Vec::new(), HashMap::new());
    while !open.is_empty() {
        for tenant in std::mem::take(&mut open) {
            let began = Instant::now();
            let mut pause = PAUSE;
            match step(db, tenant).await {
                Ok(Step::Went { through, timed, behind }) => {
                    open.insert(tenant);
                    note(
                        progress.entry(tenant).or_insert(Progress { timed: 0, logged: began }),
                        tenant,
                        (through, timed),
                    );
                    pause = if behind { BEHIND } else { began.elapsed().max(PAUSE) };
                }
                Ok(Step::All) => {
                    if let Some(Progress { timed: timed @ 1.., .. }) = progress.remove(&tenant) {
                        tracing::info!(%tenant, timed, "all older events have their times beside their UIDs");
                    }
                    done.push(tenant);
                }
                Ok(Step::Elsewhere) => {}
                Err(error) => {
                    tracing::warn!(%tenant, %error, "times of older events: this will be tried again");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return done,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
    done
}

/// Counts what was done, and tells the log now and then.
fn note(progress: &mut Progress, tenant: Uuid, (through, timed): (i64, i64)) {
    progress.timed += timed;
    if progress.timed > 0 && progress.logged.elapsed() >= LOGGED {
        progress.logged = Instant::now();
        tracing::info!(%tenant, through, timed = progress.timed, "older events get their times beside their UIDs");
    }
}

async fn step(db: &Db, tenant: Uuid) -> Result<Step, DbError> {
    db.tx(&Cx::system(tenant), async |tx| Ok(step_in(tx, BATCHES).await?)).await
}

/// Looks through the next batches inside a transaction, at most so many.
///
/// # Errors
/// The database; what was looked through before stays so.
pub(super) async fn step_in(tx: &mut Tx, limit: i64) -> Result<Step, sqlx::Error> {
    let Some(after) = queue::cursor_lock(tx, CURSOR).await? else {
        return Ok(Step::Elsewhere);
    };
    if after == ALL {
        return Ok(Step::All);
    }
    let batches = queue::batches_after(tx, after, limit).await?;
    let Some(last) = batches.last().map(|batch| batch.batch_id) else {
        queue::cursor_move(tx, CURSOR, ALL).await?;
        return Ok(Step::All);
    };
    let mut timed = 0;
    for batch in &batches {
        timed += store::fill(tx, batch).await?;
    }
    queue::cursor_move(tx, CURSOR, last).await?;
    Ok(Step::Went { through: last, timed, behind: store::is_behind(tx, PROJECTION).await? })
}
