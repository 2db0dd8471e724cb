//! Chains every tenant's log, a little after the commits.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::chain;
use crate::db::{Db, DbError};
use crate::tenancy;

/// How long a row may wait to be chained, unless there are many.
const EVERY: Duration = Duration::from_secs(10);

/// Chains until `stop`, one step per tenant in turn, so that one that imports a
/// great deal keeps no other waiting.
pub async fn run(db: Db, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let mut busy = match tenancy::ids(&db).await {
            Ok(tenants) => tenants,
            Err(error) => {
                tracing::warn!(%error, "the audit's worker cannot list tenants");
                Vec::new()
            }
        };
        while !busy.is_empty() && !stop.is_cancelled() {
            busy = round(&db, busy).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// One step of each; answers who may have more.
async fn round(db: &Db, tenants: Vec<Uuid>) -> Vec<Uuid> {
    let mut more = Vec::new();
    for tenant in tenants {
        match chain::extend(db, tenant).await {
            Ok(0) => {}
            Ok(_) => more.push(tenant),
            Err(error) => told(tenant, &error),
        }
    }
    more
}

fn told(tenant: Uuid, error: &DbError) {
    tracing::warn!(%tenant, %error, "the audit log was not chained; it will be tried again");
}
