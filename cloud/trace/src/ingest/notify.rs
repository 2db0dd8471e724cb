//! Tells readers in this process that a batch was committed. Readers in other
//! processes look at the batch table by themselves; this only makes it quicker.

use tokio::sync::broadcast;
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
