//! What an import's events come to is worked out by the running cloud, a moment after they are
//! in: which exceptions they open is known then.

use std::ops::ControlFlow;
use std::time::Duration;

use platform::ctx::Cx;
use platform::db::{Db, DbError};
use platform::tenancy::{At, Watch};
use tokio::time::Instant;
use uuid::Uuid;

use super::seal::EPOCH;
use super::service::{End, ImportError, Report};
use super::store;
use crate::ingest::store::Stream;

/// Batches that are waited for: what has more before it takes its own time.
const MOST: i64 = 64;
/// Longest wait in all.
const LONGEST: Duration = Duration::from_secs(30);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(250);
/// How long nothing may move before the cloud is taken not to run: it looks for batches of other
/// processes every two seconds.
pub const STILL: Duration = Duration::from_secs(5);

/// How many exceptions the import has opened, and how much is not worked out yet.
pub(super) async fn look(db: &Db, tenant: Uuid, report: &mut Report) -> Result<(), ImportError> {
    let Some(agent_id) = report.agent else { return Ok(()) };
    let stream = Stream { tenant, agent_id, epoch: EPOCH };
    (report.behind, report.exceptions) = db
        .tx(&Cx::system(tenant), async |tx| {
            // First what is worked out: what is counted then is no less.
            let behind = store::behind(tx, stream).await?;
            Ok::<_, DbError>((behind, store::exceptions(tx, agent_id).await?))
        })
        .await?;
    Ok(())
}

/// Waits until all that follows from an import's events is worked out, and counts the exceptions
/// then. Not where that takes long, nor where nothing moves for so long (no cloud runs): then
/// `report` says how much stands before it.
///
/// # Errors
/// The database.
pub async fn settle(
    db: &Db,
    tenant: Uuid,
    report: &mut Report,
    still: Duration,
    watch: &mut Watch<'_>,
) -> Result<(), ImportError> {
    if report.end != End::Done || report.behind == 0 || report.behind > MOST {
        return Ok(());
    }
    let _ = watch(&At::Step("waiting for what follows from the events"));
    let began = Instant::now();
    let mut moved = began;
    while report.behind > 0 && began.elapsed() < LONGEST && moved.elapsed() < still {
        if watch(&At::Table { table: "exceptions".into(), rows: 0 }) == ControlFlow::Break(()) {
            break;
        }
        tokio::time::sleep(LOOK).await;
        let before = report.behind;
        look(db, tenant, report).await?;
        if report.behind < before {
            moved = Instant::now();
        }
    }
    Ok(())
}
