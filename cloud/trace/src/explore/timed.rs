//! The time of an event stands beside each UID that it names, so that a page of a long timeline
//! reads one page of it. What was taken in before it stood there is looked through once for each
//! tenant, batch by batch, and gets it: a bounded number at a time, each in a transaction with the
//! place up to which it has come, so that whoever is stopped or killed goes on there. A timeline is
//! the same before, meanwhile and after; only what it reads is less.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
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
    let progress = Mutex::new(HashMap::new());
    let (at, told, until) = (&db, &progress, &stop);
    let turn = |tenant| turn(at, tenant, told, until);
    tenancy::rounds(at, "times of older events", EVERY, until, turn).await;
}

/// A step of a tenant and the pause after it; answers whether there may be more.
async fn turn(
    db: &Db,
    tenant: Uuid,
    progress: &Mutex<HashMap<Uuid, Progress>>,
    stop: &CancellationToken,
) -> Result<bool, DbError> {
    let began = Instant::now();
    let step = step(db, tenant).await?;
    note(&mut progress.lock().unwrap_or_else(PoisonError::into_inner), tenant, step);
    let Step::Went { behind, .. } = step else { return Ok(false) };
    let pause = if behind { BEHIND } else { began.elapsed().max(PAUSE) };
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(pause) => {}
    }
    Ok(true)
}

/// Counts what a step did, and tells the log now and then, and at the end.
fn note(progress: &mut HashMap<Uuid, Progress>, tenant: Uuid, step: Step) {
    match step {
        Step::Went { through, timed, .. } => {
            let so_far = progress.entry(tenant).or_insert(Progress { timed: 0, logged: Instant::now() });
            so_far.timed += timed;
            if so_far.timed > 0 && so_far.logged.elapsed() >= LOGGED {
                so_far.logged = Instant::now();
                let timed = so_far.timed;
                tracing::info!(%tenant, through, timed, "older events get their times beside their UIDs");
            }
        }
        Step::All => {
            if let Some(Progress { timed: timed @ 1.., .. }) = progress.remove(&tenant) {
                tracing::info!(%tenant, timed, "all older events have their times beside their UIDs");
            }
        }
        Step::Elsewhere => {}
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
