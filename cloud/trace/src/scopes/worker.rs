//! The job that saves wide scopes of all tenants.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use platform::db::Db;
use platform::tenancy;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::error::ScopeError;
use super::saving::{self, CHUNK};
use crate::genealogy::Genealogy;

/// How often all tenants are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// Tenants whose scopes are saved at a time: one that asks for long keeps the others
/// waiting no longer than all but one of these.
const AT_A_TIME: usize = 2;

/// Saves until `stop`. Several may run at once, in one process or many. What is under way
/// when it stops has committed nothing by halves.
pub async fn run(db: Db, genealogy: Genealogy, stop: CancellationToken) {
    let (db, genealogy) = (&db, &genealogy);
    let turn = |tenant: Uuid| async move {
        let mut done: Result<bool, ScopeError> = Ok(true);
        while let Ok(true) = done {
            done = saving::step(db, tenant, genealogy, CHUNK).await;
        }
        (tenant, done)
    };
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut waiting, mut busy) = (VecDeque::new(), HashSet::new());
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some((tenant, done)) = under_way.next() => {
                busy.remove(&tenant);
                if let Err(error) = done {
                    tracing::warn!(%tenant, %error, "a scope will be saved later");
                }
            }
            _ = tick.tick() => if waiting.is_empty() {
                match tenancy::active_ids(db).await {
                    Ok(tenants) => waiting.extend(tenants.into_iter().filter(|tenant| !busy.contains(tenant))),
                    Err(error) => tracing::warn!(%error, "the saving of scopes cannot list tenants"),
                }
            }
        }
        while busy.len() < AT_A_TIME
            && let Some(tenant) = waiting.pop_front()
        {
            if busy.insert(tenant) {
                under_way.push(turn(tenant));
            }
        }
    }
}
