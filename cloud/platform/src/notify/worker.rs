//! Goes over the tenants and sends what is due.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Courier, KEEP_NOTICES, digest, sms, store};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::idempotency;
use crate::outbox::{self, Settled};
use crate::tenancy;

/// Most messages that a tenant's turn takes on; they are sent at once.
pub const BATCH: i64 = 8;
/// Tenants whose turn it is at once, so that one whose receivers answer slowly
/// keeps no other waiting.
const TURNS: usize = 4;
/// How often all tenants are looked at, though nobody told of something.
const POLL: Duration = Duration::from_secs(15);
/// How often what ended long ago is removed.
const FORGET: Duration = Duration::from_secs(3600);

/// What became of a tenant's turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// Messages that were claimed.
    pub claimed: usize,
    /// Of these, sent.
    pub sent: usize,
    /// Of these, given up.
    pub dead: usize,
}

/// One turn of a tenant: claims what is due, sends it, and notes what became of it.
///
/// # Errors
/// The database. What was sent by then may be sent again when its claim runs out.
pub async fn turn(db: &Db, courier: &Courier, tenant: Uuid, now: DateTime<Utc>) -> Result<Turn, DbError> {
    let cx = Cx::system(tenant);
    let claim = async |tx: &mut Tx| {
        digest::write_due(tx, now).await?;
        outbox::claim(tx, BATCH, now).await
    };
    let claimed = db.tx(&cx, claim).await?;
    let sends = claimed.iter().map(|message| courier.deliver(db, tenant, message, rand::random(), now));
    let mut turn = Turn { claimed: claimed.len(), ..Turn::default() };
    for settled in join_all(sends).await {
        match settled? {
            Settled::Sent => turn.sent += 1,
            Settled::Dead => turn.dead += 1,
            Settled::Waits | Settled::Void => {}
            Settled::Lost => tracing::warn!(%tenant, "a claim ran out while a message was being sent"),
        }
    }
    Ok(turn)
}

/// Sends until `stop`. Several may run at once, in one process or many.
pub async fn run(db: Db, courier: Courier, stop: CancellationToken) {
    let (told, mut heard) = mpsc::channel(256);
    let listening = tokio::spawn(listen(db.clone(), told, stop.clone()));
    let mut busy: BTreeSet<Uuid> = BTreeSet::new();
    let mut looked: Option<Instant> = None;
    let mut forgot: Option<Instant> = None;
    while !stop.is_cancelled() {
        if looked.is_none_or(|looked| looked.elapsed() >= POLL) {
            match tenancy::active_ids(&db).await {
                Ok(tenants) => {
                    if forgot.is_none_or(|forgot| forgot.elapsed() >= FORGET) {
                        forget(&db, &tenants, Utc::now()).await;
                        forgot = Some(Instant::now());
                    }
                    busy.extend(tenants);
                }
                Err(error) => tracing::warn!(%error, "the outbox cannot list tenants"),
            }
            looked = Some(Instant::now());
        }
        busy = round(&db, &courier, std::mem::take(&mut busy), &stop).await;
        if busy.is_empty() {
            tokio::select! {
                // First: whoever listens ends with `stop` too, which is no reason to
                // go on without.
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep(POLL) => {}
                tenant = heard.recv() => match tenant {
                    Some(Some(tenant)) => drop(busy.insert(tenant)),
                    // Something may have been missed: look at everybody.
                    Some(None) => looked = None,
                    None => break,
                },
            }
        }
        while let Ok(tenant) = heard.try_recv() {
            match tenant {
                Some(tenant) => drop(busy.insert(tenant)),
                None => looked = None,
            }
        }
    }
    let _ = listening.await;
}

/// One turn of each tenant; answers those that may have more.
async fn round(
    db: &Db,
    courier: &Courier,
    tenants: BTreeSet<Uuid>,
    stop: &CancellationToken,
) -> BTreeSet<Uuid> {
    let turns = stream::iter(tenants).map(|tenant| async move {
        if stop.is_cancelled() {
            return None;
        }
        match turn(db, courier, tenant, Utc::now()).await {
            Ok(turn) => (turn.claimed > 0).then_some(tenant),
            Err(error) => {
                tracing::warn!(%tenant, %error, "the outbox will try again");
                None
            }
        }
    });
    turns.buffer_unordered(TURNS).filter_map(std::future::ready).collect().await
}

async fn forget(db: &Db, tenants: &[Uuid], now: DateTime<Utc>) {
    for tenant in tenants {
        let done: Result<(), DbError> = db
            .tx(&Cx::system(*tenant), async |tx| {
                outbox::forget(tx, now).await?;
                store::forget(tx, now - KEEP_NOTICES).await?;
                idempotency::forget(tx, now).await?;
                sms::forget(tx, now).await?;
                Ok(())
            })
            .await;
        if let Err(error) = done {
            tracing::warn!(%tenant, %error, "the outbox cannot forget");
        }
    }
}

/// Hears which tenants have something new; `None` when something may have been
/// missed.
async fn listen(db: Db, told: mpsc::Sender<Option<Uuid>>, stop: CancellationToken) {
    let mut ears = db.ears(&[outbox::WAKE]);
    let hear = async {
        loop {
            let tenant = ears.next().await.and_then(|told| told.payload.parse().ok());
            if told.send(tenant).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = hear => {}
    }
}
