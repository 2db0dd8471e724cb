//! The jobs: one takes the batches of all tenants into their trees, the other checks what
//! is in them.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use platform::tenancy;
use platform::web::AppState;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{check, tree};
use crate::ingest::{Committed, Following};

/// How often all tenants are looked at, whoever announced what.
const POLL: Duration = Duration::from_secs(5);
/// How long the check rests between looks at all tenants, and between two steps: it is
/// not to be felt.
const REST: Duration = Duration::from_secs(60);
const BREATH: Duration = Duration::from_millis(200);

/// Tells the check of this process that somebody waits for it. What is to be done stands in
/// the database, where that of any other process finds it as well.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked(Arc<Notify>);

impl Asked {
    /// Wakes the check.
    pub(super) fn wake(&self) {
        self.0.notify_one();
    }
}

/// Follows the batches of all tenants until `stop`. Several processes may do so: a
/// tenant's tree is grown by one of them at a time.
pub(super) async fn run(state: AppState, committed: Committed, stop: CancellationToken) {
    let mut following = Following::new(&committed, POLL);
    while !stop.is_cancelled() {
        if following.is_due() {
            match tenancy::active_ids(&state.db).await {
                Ok(tenants) => following.extend(tenants),
                Err(error) => tracing::warn!(%error, "the proofs cannot list tenants"),
            }
        }
        // A step of each, so that nobody's backlog keeps the others waiting.
        for tenant in following.take() {
            if stop.is_cancelled() {
                return;
            }
            match tree::step(&state.db, &state.secrets, tenant, Utc::now()).await {
                Ok(0) => {}
                Ok(_) => following.extend([tenant]),
                Err(error) => tracing::warn!(%tenant, %error, "the tree will be grown later"),
            }
        }
        following.wait(&stop).await;
    }
}

/// Checks the events of all tenants against their trees, round after round, until `stop`.
pub(super) async fn check(state: AppState, asked: Asked, stop: CancellationToken) {
    loop {
        let tenants = match tenancy::active_ids(&state.db).await {
            Ok(tenants) => tenants,
            Err(error) => {
                tracing::warn!(%error, "the check of proofs cannot list tenants");
                Vec::new()
            }
        };
        for tenant in tenants {
            loop {
                match check::step_and_tell(&state.db, tenant, Utc::now()).await {
                    Ok(looked) if !looked.more => break,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%tenant, %error, "the proofs will be checked again");
                        break;
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(BREATH) => {}
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = asked.0.notified() => {}
            () = tokio::time::sleep(REST) => {}
        }
    }
}
