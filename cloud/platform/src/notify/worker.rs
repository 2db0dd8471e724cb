//! Goes over the tenants and sends what is due.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Courier, KEEP_NOTICES, courier, digest, sms, store};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::idempotency;
use crate::masters;
use crate::outbox::{self, Lane, Settled};
use crate::tenancy;

/// Most messages that a tenant's turn takes on; they are sent at once.
pub const BATCH: i64 = 8;
/// Tenants whose turn it is at once. One whose receivers answer slowly has its turn as
/// long as it takes, and keeps no other waiting.
const TURNS: usize = 16;
/// How often all tenants are looked at, though nobody told of something.
const POLL: Duration = Duration::from_secs(15);
/// How often what ended long ago is removed.
const FORGET: Duration = Duration::from_secs(3600);
/// Rows that one transaction removes, so that none holds up others for long.
pub(super) const FORGOTTEN_AT_ONCE: i64 = 1000;

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
    turn_of(db, courier, tenant, &Lane::ALL, now).await
}

/// As [`turn`], of what goes by these lanes alone.
///
/// # Errors
/// As [`turn`].
pub(super) async fn turn_of(
    db: &Db,
    courier: &Courier,
    tenant: Uuid,
    lanes: &[Lane],
    now: DateTime<Utc>,
) -> Result<Turn, DbError> {
    let cx = Cx::system(tenant);
    // From before the claim, so that no message is still on its way when that runs out.
    let until = tokio::time::Instant::now() + courier.within;
    let claim = async |tx: &mut Tx| {
        // What digests make is mail.
        if lanes.contains(&Lane::People) {
            digest::write_due(tx, now).await?;
        }
        let worn = outbox::bury_worn(tx, now).await?;
        courier::tell_worn(tx, &worn, now).await?;
        let mut claimed = Vec::new();
        for lane in lanes {
            let room = BATCH - i64::try_from(claimed.len()).unwrap_or(BATCH);
            claimed.extend(outbox::claim(tx, *lane, room, now).await?);
        }
        Ok::<_, DbError>(claimed)
    };
    let claimed = db.tx(&cx, claim).await?;
    let sends =
        claimed.iter().map(|message| courier.deliver(db, tenant, message, rand::random(), until, now));
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

/// Tenants that may have something to send, in the order in which they came: each once,
/// and none while its turn is under way.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Uuid>,
    /// Waiting, or with a turn under way.
    known: BTreeSet<Uuid>,
    /// Those under way that came again meanwhile: their turn may not have seen why.
    again: BTreeSet<Uuid>,
    under_way: BTreeSet<Uuid>,
}

impl Queue {
    fn add(&mut self, tenant: Uuid) {
        if self.under_way.contains(&tenant) {
            self.again.insert(tenant);
        } else if self.known.insert(tenant) {
            self.waiting.push_back(tenant);
        }
    }

    /// Whose turn it is.
    fn next(&mut self) -> Option<Uuid> {
        let tenant = self.waiting.pop_front()?;
        self.under_way.insert(tenant);
        Some(tenant)
    }

    /// A turn is over; `more`: there may be more to send.
    fn over(&mut self, tenant: Uuid, more: bool) {
        self.under_way.remove(&tenant);
        self.known.remove(&tenant);
        if self.again.remove(&tenant) || more {
            self.add(tenant);
        }
    }
}

/// Sends until `stop`, and then ends what is under way. Several may run at once, in one
/// process or many.
pub async fn run(db: Db, courier: Courier, stop: CancellationToken) {
    let (told, mut heard) = mpsc::channel(256);
    let listening = tokio::spawn(listen(db.clone(), told, stop.clone()));
    // Beside the sending, which much that is to be removed must not hold up.
    let forgetting = tokio::spawn(forget_all(db.clone(), stop.clone()));
    // A tenant has turns of its own for each lane.
    let mut queues = Lane::ALL.map(|lane| (lane, Queue::default()));
    let mut turns = FuturesUnordered::new();
    let mut looked: Option<Instant> = None;
    while !stop.is_cancelled() {
        if looked.is_none_or(|looked| looked.elapsed() >= POLL) {
            match tenancy::active_ids(&db).await {
                Ok(tenants) => tenants.into_iter().for_each(|tenant| add(&mut queues, tenant)),
                Err(error) => tracing::warn!(%error, "the outbox cannot list tenants"),
            }
            looked = Some(Instant::now());
        }
        for (lane, queue) in &mut queues {
            while queue.under_way.len() < TURNS
                && let Some(tenant) = queue.next()
            {
                turns.push(turn_now(&db, &courier, tenant, *lane));
            }
        }
        tokio::select! {
            // First: whoever listens ends with `stop` too, which is no reason to
            // go on without.
            biased;
            () = stop.cancelled() => break,
            Some((lane, tenant, more)) = turns.next() => {
                let own = queues.iter_mut().find(|(own, _)| *own == lane);
                own.into_iter().for_each(|(_, queue)| queue.over(tenant, more));
            }
            tenant = heard.recv() => match tenant {
                Some(Some(tenant)) => add(&mut queues, tenant),
                // Something may have been missed: look at everybody.
                Some(None) => looked = None,
                None => break,
            },
            () = tokio::time::sleep(POLL) => {}
        }
    }
    while turns.next().await.is_some() {}
    let _ = listening.await;
    let _ = forgetting.await;
}

/// A tenant may have something to send, by any lane.
fn add(queues: &mut [(Lane, Queue)], tenant: Uuid) {
    queues.iter_mut().for_each(|(_, queue)| queue.add(tenant));
}

/// A turn of the tenant now; answers whether there may be more to send by that lane.
async fn turn_now(db: &Db, courier: &Courier, tenant: Uuid, lane: Lane) -> (Lane, Uuid, bool) {
    match turn_of(db, courier, tenant, &[lane], Utc::now()).await {
        Ok(turn) => (lane, tenant, turn.claimed > 0),
        Err(error) => {
            tracing::warn!(%tenant, %error, "the outbox will try again");
            (lane, tenant, false)
        }
    }
}

/// Removes what ended long ago, of one tenant after the other, until `stop`.
async fn forget_all(db: Db, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match tenancy::active_ids(&db).await {
            Ok(tenants) => {
                for tenant in tenants {
                    if let Err(error) = forget(&db, tenant, &stop, Utc::now()).await {
                        tracing::warn!(%tenant, %error, "the outbox cannot forget");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the outbox cannot list tenants"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FORGET) => {}
        }
    }
}

/// Removes what ended long ago, all of it: in as many transactions as it takes, each of
/// [`FORGOTTEN_AT_ONCE`] rows, or until `stop`.
///
/// # Errors
/// Those of the database; what was removed by then stays so.
pub(super) async fn forget(
    db: &Db,
    tenant: Uuid,
    stop: &CancellationToken,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let cx = Cx::system(tenant);
    let (limit, old) = (FORGOTTEN_AT_ONCE, now - KEEP_NOTICES);
    let more = |removed: u64| removed >= FORGOTTEN_AT_ONCE.unsigned_abs() && !stop.is_cancelled();
    while more(db.tx(&cx, async |tx| outbox::forget(tx, limit, now).await).await?) {}
    while more(db.tx(&cx, async |tx| Ok::<_, DbError>(store::forget(tx, old, limit).await?)).await?) {}
    while more(db.tx(&cx, async |tx| idempotency::forget(tx, limit, now).await).await?) {}
    // One row for each person.
    db.tx(&cx, async |tx| masters::forget_tried(tx, now).await).await?;
    // One row for each person and day.
    db.tx(&cx, async |tx| sms::forget(tx, now).await).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_has_its_turn_in_order_and_one_at_a_time() {
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        let mut queue = Queue::default();
        for tenant in [c, a, c, b] {
            queue.add(tenant);
        }
        assert_eq!([queue.next(), queue.next()], [Some(c), Some(a)]);
        // Told again in the middle of its turn: it has another one, behind the others.
        queue.add(c);
        queue.add(c);
        assert_eq!([queue.next(), queue.next()], [Some(b), None]);
        queue.over(c, false);
        queue.over(a, true);
        queue.over(b, false);
        assert_eq!([queue.next(), queue.next(), queue.next()], [Some(c), Some(a), None]);
        queue.over(c, false);
        queue.over(a, false);
        assert_eq!(queue.next(), None);
        queue.add(c);
        assert_eq!(queue.next(), Some(c));
    }
}
