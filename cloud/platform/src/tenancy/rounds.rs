//! Work that is done for every tenant, round after round.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::active_ids;
use crate::db::Db;

/// Does one turn of some work for every active tenant, again for those that have more to
/// do, so that one with much to do keeps no other waiting; then rests for `every`, until
/// `stop`. A turn answers whether there may be more; one that fails comes again in the
/// next round. `what` names the work in the log.
pub async fn rounds<E, Turn>(
    db: &Db,
    what: &str,
    every: Duration,
    stop: &CancellationToken,
    mut turn: impl FnMut(Uuid) -> Turn,
) where
    E: std::fmt::Display,
    Turn: Future<Output = Result<bool, E>>,
{
    while !stop.is_cancelled() {
        let mut busy = active_ids(db).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "{what} cannot list tenants");
            Vec::new()
        });
        while !busy.is_empty() && !stop.is_cancelled() {
            let mut more = Vec::new();
            for tenant in busy {
                if stop.is_cancelled() {
                    return;
                }
                match turn(tenant).await {
                    Ok(true) => more.push(tenant),
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%tenant, %error, "{what} will be looked at again"),
                }
            }
            busy = more;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}
