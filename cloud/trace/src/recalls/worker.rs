//! Goes over the tenants: approved recalls that come into force by themselves, what came to a
//! recall in force, further holds of a large recall, what became of letters,
//! returns that plants recorded.

use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, DbError, Tx};
use platform::notify::{self, Kind, Notice, To};
use platform::tenancy;
use platform::workflow::{State, Subjects};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::act::{By, Done};
use super::error::RecallError;
use super::model::{Action, Status};
use super::{RECALL_STARTED, RECALL_UNSTARTED, act, approval, returns, since, store};
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

/// Puts the next recall into force that is approved and waits for nobody; answers whether
/// there was any. Whoever asked for the approval is told, also where it cannot be done: it
/// waits for them then.
///
/// # Errors
/// The database; it is put into force by a later turn then.
pub async fn start_step(
    db: &Db,
    tenant: Uuid,
    (committed, genealogy, subjects): (&Committed, &Genealogy, &Subjects),
    now: DateTime<Utc>,
) -> Result<bool, RecallError> {
    let cx = Cx::system(tenant);
    let by = By { genealogy, subjects, person: None };
    let mut seen = None;
    let done = db
        .tx(&cx, async |tx| {
            let Some(next) = store::recalls::to_start(tx).await? else { return Ok(None) };
            let id = next.recall_id;
            seen = Some(next);
            // What was taken back since, or sent back, is not asked for anew.
            let approved =
                approval::standing(tx, id).await?.is_some_and(|asked| asked.state == State::Approved);
            if !approved {
                store::recalls::approved(tx, id, None).await?;
                return Ok(Some(Done { status: Status::Draft, batch: None, approval: None }));
            }
            let done = act::act(tx, &by, id, Action::Activate, "", now).await?;
            tell(tx, seen.as_ref(), &RECALL_STARTED, now).await?;
            Ok(Some(done))
        })
        .await;
    match done {
        Ok(None) => Ok(false),
        Ok(Some(done)) => {
            if let Some(batch) = done.batch {
                committed.announce(batch);
            }
            Ok(true)
        }
        Err(error @ RecallError::Db(_)) => Err(error),
        Err(error) => {
            let Some(next) = seen else { return Err(error) };
            tracing::warn!(%tenant, recall = %next.recall_id, %error, "an approved recall waits for a person");
            db.tx(&cx, async |tx: &mut Tx| {
                store::recalls::approved(tx, next.recall_id, None).await?;
                tell(tx, Some(&next), &RECALL_UNSTARTED, now).await
            })
            .await?;
            Ok(true)
        }
    }
}

/// Tells whoever asked for the approval of a recall what became of it.
async fn tell(
    tx: &mut Tx,
    of: Option<&store::recalls::Approved>,
    kind: &'static Kind,
    now: DateTime<Utc>,
) -> Result<(), RecallError> {
    let Some((of, person)) = of.and_then(|of| Some((of, of.asked_by?))) else { return Ok(()) };
    let recall = store::recalls::find(tx, of.recall_id).await?.ok_or(RecallError::NotFound)?;
    let notice = Notice::new(To::Person(person), format!("/recalls/{}", of.recall_id))
        .with("number", &recall.number)
        .with("reason", &recall.reason);
    notify::tell(tx, kind, &notice, now).await?;
    Ok(())
}

/// One turn of a tenant; answers whether there may be more.
///
/// # Errors
/// [`RecallError`]; what was done by then stays.
pub async fn turn(
    db: &Db,
    tenant: Uuid,
    (committed, genealogy, subjects): (&Committed, &Genealogy, &Subjects),
    now: DateTime<Utc>,
) -> Result<bool, RecallError> {
    let cx = Cx::system(tenant);
    let mut steps = 0;
    while steps < TURN && start_step(db, tenant, (committed, genealogy, subjects), now).await? {
        steps += 1;
    }
    // What came to it is held with the rest.
    while steps < TURN && db.tx(&cx, async |tx: &mut Tx| since::step(tx, genealogy, now).await).await? > 0 {
        steps += 1;
    }
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
pub async fn run(
    db: Db,
    (committed, genealogy, subjects): (Committed, Genealogy, Subjects),
    stop: CancellationToken,
) {
    let (at, knows) = (&db, (&committed, &genealogy, &subjects));
    let turn = |tenant| turn(at, tenant, knows, Utc::now());
    tenancy::rounds(at, "recalls", EVERY, &stop, turn).await;
}
