//! Goes over the tenants: further holds of a large recall, what became of letters,
//! returns that plants recorded.

use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, DbError, Tx};
use platform::tenancy;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::error::RecallError;
use super::{act, returns, store};
use crate::genealogy::Genealogy;
use crate::ingest::Committed;

/// How often all tenants are looked at.
const EVERY: Duration = Duration::from_secs(3);
/// Most steps of a tenant's turn, so that one with much keeps no other waiting.
const TURN: usize = 20;

/// Holds the next labels of a recall that has some to hold; answers whether there were
/// any. After a crash it goes on where the last transaction ended.
///
/// # Errors
/// [`RecallError`]; nothing more is held then.
pub async fn hold_step(
    db: &Db,
    tenant: Uuid,
    committed: &Committed,
    genealogy: &Genealogy,
    now: DateTime<Utc>,
) -> Result<bool, RecallError> {
    let batch = db
        .tx(&Cx::system(tenant), async |tx| {
            let Some((recall, number)) = store::recalls::to_hold(tx).await? else {
                return Ok(None);
            };
            act::hold_some(tx, genealogy, (recall, &number), &[], now).await
        })
        .await?;
    if let Some(batch) = batch {
        committed.announce(batch);
    }
    Ok(batch.is_some())
}

/// One turn of a tenant; answers whether there may be more.
///
/// # Errors
/// [`RecallError`]; what was done by then stays.
pub async fn turn(
    db: &Db,
    tenant: Uuid,
    committed: &Committed,
    genealogy: &Genealogy,
    now: DateTime<Utc>,
) -> Result<bool, RecallError> {
    let cx = Cx::system(tenant);
    let mut steps = 0;
    while steps < TURN && hold_step(db, tenant, committed, genealogy, now).await? {
        steps += 1;
    }
    db.tx(&cx, async |tx: &mut Tx| Ok::<_, DbError>(store::letters::follow(tx).await?)).await?;
    while steps < TURN
        && db.tx(&cx, async |tx: &mut Tx| Ok::<_, DbError>(returns::step(tx).await?)).await? > 0
    {
        steps += 1;
    }
    Ok(steps >= TURN)
}

/// Works until `stop`. Several may run at once, in one process or many.
pub async fn run(db: Db, committed: Committed, genealogy: Genealogy, stop: CancellationToken) {
    let (at, committed, genealogy) = (&db, &committed, &genealogy);
    let turn = |tenant| turn(at, tenant, committed, genealogy, Utc::now());
    tenancy::rounds(at, "recalls", EVERY, &stop, turn).await;
}
