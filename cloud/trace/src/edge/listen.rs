//! Hears from other processes, by Postgres notifications, what concerns open
//! streams: revocations, and reference data that was published. Only makes it
//! quicker: both are looked up now and then as well.

use std::sync::Arc;
use std::time::Duration;

use platform::db::{Db, DbError, Told};
use platform::{authority, reference};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::reference::References;

/// Listens until `stop`; connects again when the connection is lost.
pub(super) async fn run(db: Db, revocations: Arc<Notify>, references: References, stop: CancellationToken) {
    let listening = async {
        loop {
            if let Err(error) = listen(&db, &revocations, &references).await {
                tracing::warn!(%error, "listening for notifications");
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = listening => {}
    }
}

async fn listen(db: &Db, revocations: &Notify, references: &References) -> Result<(), DbError> {
    let mut listener = db.listen(&[authority::REVOKED_CHANNEL, reference::CHANNEL]).await?;
    let mut told: Option<Told> = None;
    loop {
        match told {
            Some(told) if told.channel == reference::CHANNEL => references.poke(told.payload.parse().ok()),
            Some(_) => revocations.notify_one(),
            // What was told while nobody listened is looked up.
            None => {
                references.poke(None);
                revocations.notify_one();
            }
        }
        told = listener.recv().await?;
    }
}
