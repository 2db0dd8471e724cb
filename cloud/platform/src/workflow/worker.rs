//! Goes over the tenants: deadlines and schedules whose time has come, and what waits for
//! people who left.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::error::WorkflowError;
use super::{Subjects, deadlines, triggers, vacancy};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::tenancy;

/// How late a deadline may be noticed.
const EVERY: Duration = Duration::from_secs(15);
/// Most of a tenant's turn, so that one with much keeps no other waiting.
const TURN: usize = 50;

/// One turn of a tenant: up to fifty deadlines and schedules that are due, and documents
/// that waited for somebody who left, each in a transaction of its own. Answers how many
/// there were.
///
/// # Errors
/// The database; what was not done is due still.
pub async fn turn(db: &Db, subjects: &Subjects, tenant: Uuid, now: DateTime<Utc>) -> Result<usize, DbError> {
    let cx = Cx::system(tenant);
    let mut done = 0;
    while done < TURN && db.tx(&cx, async |tx| deadlines::step(tx, subjects, now).await).await? {
        done += 1;
    }
    while done < TURN && db.tx(&cx, async |tx| triggers::step(tx, subjects, now).await).await? {
        done += 1;
    }
    // One that cannot be looked at now keeps none behind it waiting.
    let mut failed: Vec<Uuid> = Vec::new();
    while done + failed.len() < TURN {
        let mut at = None;
        let look = async |tx: &mut Tx| vacancy::step(tx, subjects, &failed, &mut at, now).await;
        let looked = db.tx(&cx, look).await;
        match (looked, at) {
            (Ok(true), _) => done += 1,
            (Ok(false), _) => break,
            (Err(WorkflowError::Db(error)), None) => return Err(error),
            (Err(WorkflowError::Db(error)), _) if error.is_transient() => return Err(error),
            (Err(error), at) => {
                tracing::warn!(%tenant, instance = ?at, %error, "what waits for people who left will be looked at again");
                let Some(at) = at else { break };
                failed.push(at);
            }
        }
    }
    Ok(done)
}

/// Works until `stop`. Several may run at once, in one process or many.
pub async fn run(db: Db, subjects: Subjects, stop: CancellationToken) {
    let (at, subjects) = (&db, &subjects);
    tenancy::rounds(at, "deadlines", EVERY, &stop, |tenant| async move {
        Ok::<_, DbError>(turn(at, subjects, tenant, Utc::now()).await? >= TURN)
    })
    .await;
}
