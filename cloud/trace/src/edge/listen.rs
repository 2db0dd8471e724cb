//! Hears from other processes, by Postgres notifications, what concerns open
//! streams: revocations, and reference data that was published. Only makes it
//! quicker: both are looked up now and then as well.

use std::sync::Arc;

use platform::db::Db;
use platform::{authority, reference};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::reference::References;

/// Listens until `stop`.
pub(super) async fn run(db: Db, revocations: Arc<Notify>, references: References, stop: CancellationToken) {
    let mut ears = db.ears(&[authority::REVOKED_CHANNEL, reference::CHANNEL]);
    let hear = async {
        loop {
            match ears.next().await {
                Some(told) if told.channel == reference::CHANNEL => {
                    references.poke(told.payload.parse().ok());
                }
                Some(_) => revocations.notify_one(),
                // What was told while nobody listened is looked up.
                None => {
                    references.poke(None);
                    revocations.notify_one();
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = hear => {}
    }
}
