//! Counts usage and looks after trials, tenant by tenant.

use std::time::Duration;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use super::{trials, usage};
use crate::db::Db;
use crate::tenancy;
use crate::web::AppState;

/// How often each tenant is counted.
const EVERY: Duration = Duration::from_secs(300);
/// How often the requests that were counted are written down.
const FLUSH: Duration = Duration::from_secs(60);

/// Meters until `stop`. Several may run at once.
pub async fn run(db: Db, stop: CancellationToken) {
    loop {
        match tenancy::active_ids(&db).await {
            Ok(tenants) => {
                for tenant in tenants {
                    if stop.is_cancelled() {
                        return;
                    }
                    if let Err(error) = usage::meter(&db, tenant, Utc::now()).await {
                        tracing::warn!(%tenant, %error, "usage was not counted; it will be tried again");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the meter cannot list tenants"),
        }
        if let Err(error) = trials::tick(&db, Utc::now()).await {
            tracing::warn!(%error, "trials were not looked after; they will be again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Writes down the requests that pages and API of this process served, until `stop`
/// and once more then.
pub async fn count_calls(state: AppState, stop: CancellationToken) {
    loop {
        let ended = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(FLUSH) => false,
        };
        if let Err(error) = state.calls.flush(&state.db, Utc::now()).await {
            tracing::warn!(%error, "requests were not counted; it will be tried again");
        }
        if ended {
            return;
        }
    }
}
