//! Tells readers in this process that a batch was committed. Readers in other
//! processes look at the batch table by themselves; this only makes it quicker.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A committed batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Whose.
    pub tenant: Uuid,
    /// Its id in the tenant's order.
    pub batch_id: i64,
}

/// Where commits are announced. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Committed(broadcast::Sender<Batch>);

impl Default for Committed {
    fn default() -> Self {
        Self(broadcast::channel(1024).0)
    }
}

impl Committed {
    /// Announces a batch. Call it after the commit.
    pub fn announce(&self, batch: Batch) {
        let _ = self.0.send(batch);
    }

    /// Every batch from now on. A reader that lags is told so, and then reads
    /// the batch table.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Batch> {
        self.0.subscribe()
    }
}

/// Which tenants a follower of batches has to look at: those whose batches are announced,
/// and from time to time everybody, so that batches that another process took in are
/// seen as well.
#[derive(Debug)]
pub struct Following {
    announced: broadcast::Receiver<Batch>,
    every: Duration,
    look: Instant,
    busy: BTreeSet<Uuid>,
}

impl Following {
    /// Follows what is announced from now on; everybody is to be looked at first, and
    /// then after each `every`.
    #[must_use]
    pub fn new(committed: &Committed, every: Duration) -> Self {
        Self { announced: committed.subscribe(), every, look: Instant::now(), busy: BTreeSet::new() }
    }

    /// Whether everybody is to be looked at now. Said once: the next time comes after
    /// `every`, or when announcements were missed.
    pub fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = now >= self.look;
        if due {
            self.look = now + self.every;
        }
        due
    }

    /// These may have something to do.
    pub fn extend(&mut self, tenants: impl IntoIterator<Item = Uuid>) {
        self.busy.extend(tenants);
    }

    /// Takes those that may have something to do, what was announced meanwhile among
    /// them: several announcements at once need one look.
    pub fn take(&mut self) -> BTreeSet<Uuid> {
        loop {
            match self.announced.try_recv() {
                Ok(batch) => drop(self.busy.insert(batch.tenant)),
                // Some were missed: look at everybody.
                Err(TryRecvError::Lagged(_)) => self.look = Instant::now(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        std::mem::take(&mut self.busy)
    }

    /// Waits until somebody may have something to do, everybody is to be looked at, or
    /// `stop`; answers whether it was an announcement that came.
    pub async fn wait(&mut self, stop: &CancellationToken) -> bool {
        if !self.busy.is_empty() {
            return false;
        }
        let look = self.look;
        let due = async {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(look) => {}
            }
        };
        tokio::pin!(due);
        tokio::select! {
            () = &mut due => return false,
            came = self.announced.recv() => match came {
                Ok(batch) => {
                    self.busy.insert(batch.tenant);
                    return true;
                }
                Err(RecvError::Lagged(_)) => {
                    self.look = Instant::now();
                    return false;
                }
                Err(RecvError::Closed) => {}
            },
        }
        due.await;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(3600);

    fn batch(tenant: u128) -> Batch {
        Batch { tenant: Uuid::from_u128(tenant), batch_id: 1 }
    }

    #[tokio::test]
    async fn everybody_first_then_whoever_is_announced() {
        let (committed, stop) = (Committed::default(), CancellationToken::new());
        let mut following = Following::new(&committed, EVERY);
        assert!(following.is_due() && !following.is_due());
        for tenant in [2, 1, 2] {
            committed.announce(batch(tenant));
        }
        assert!(following.wait(&stop).await);
        assert_eq!(following.take(), [Uuid::from_u128(1), Uuid::from_u128(2)].into());
        assert_eq!(following.take(), BTreeSet::new());
        following.extend([Uuid::from_u128(3)]);
        assert!(!following.wait(&stop).await, "somebody is busy: there is nothing to wait for");
    }

    #[tokio::test]
    async fn who_missed_announcements_looks_at_everybody() {
        let (committed, stop) = (Committed::default(), CancellationToken::new());
        let mut following = Following::new(&committed, EVERY);
        assert!(following.is_due());
        for tenant in 0..2_000 {
            committed.announce(batch(tenant));
        }
        assert!(!following.wait(&stop).await);
        assert!(following.is_due());
    }

    #[tokio::test]
    async fn a_stop_ends_the_waiting_also_when_nobody_announces_any_more() {
        let (committed, stop) = (Committed::default(), CancellationToken::new());
        let mut following = Following::new(&committed, EVERY);
        assert!(following.is_due());
        drop(committed);
        stop.cancel();
        assert!(!following.wait(&stop).await);
    }
}
