//! What an engine is started with.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::clock::Now;
use crate::journal::PrunePolicy;

/// What an engine is started with, besides the plant file.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Folder of the journal.
    pub data_dir: PathBuf,
    /// The mark; `None` is `mark` in the data folder. Better on another disk.
    pub mark: Option<PathBuf>,
    /// The agent, as enrolled.
    pub agent_id: Uuid,
    /// Opaque id of the machine.
    pub machine_id: String,
    /// Epoch that the enrolment gave, for a new journal.
    pub first_epoch: u32,
    /// Commands that may wait; beyond it inputs are told to keep theirs.
    pub queue: usize,
    /// Facts in one transaction at most.
    pub group: usize,
    /// Labels that may wait for the printers.
    pub print_queue: usize,
    /// Answers remembered at most.
    pub inputs_kept: u32,
    /// Answers are remembered no longer.
    pub inputs_days: u32,
    /// Labels that left the plant are forgotten after so many days (the cloud is
    /// asked should one come back), and of prints nobody is asked any longer.
    pub labels_days: u32,
    /// Prints whose fate is known are kept no longer.
    pub prints_days: u32,
    /// And of those no more than about so many.
    pub prints_kept: u32,
    /// Damaged records and rows are kept no longer.
    pub damage_days: u32,
    /// How often pruning is looked at when no acknowledgement asks for it.
    pub prune_every: Duration,
    /// The clock.
    pub now: Now,
    /// Makes writing the mark fail while it is true.
    #[cfg(test)]
    pub broken_mark: std::sync::Arc<std::sync::atomic::AtomicBool>,
    /// Makes the disk full for the next commit.
    #[cfg(test)]
    pub full_disk: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl EngineSettings {
    /// Settings with the defaults of the product.
    #[must_use]
    pub fn new(data_dir: PathBuf, agent_id: Uuid, machine_id: String, first_epoch: u32) -> Self {
        Self {
            data_dir,
            mark: None,
            agent_id,
            machine_id,
            first_epoch,
            queue: 4096,
            group: 256,
            print_queue: 1024,
            inputs_kept: 200_000,
            inputs_days: 14,
            labels_days: 180,
            prints_days: 30,
            prints_kept: 100_000,
            damage_days: 400,
            prune_every: Duration::from_secs(600),
            now: Utc::now,
            #[cfg(test)]
            broken_mark: std::sync::Arc::default(),
            #[cfg(test)]
            full_disk: std::sync::Arc::default(),
        }
    }

    /// Where the mark is.
    #[must_use]
    pub fn mark_path(&self) -> PathBuf {
        self.mark.clone().unwrap_or_else(|| self.data_dir.join("mark"))
    }

    /// What may go now. By age only where the clock is `confirmed`: a clock that
    /// jumped ahead makes everything old.
    pub(super) fn prune_policy(
        &self,
        now: DateTime<Utc>,
        confirmed: bool,
        keep_acked_days: u32,
    ) -> PrunePolicy {
        let before = |days: u32| match confirmed {
            true => now.timestamp() - i64::from(days) * 86_400,
            false => i64::MIN,
        };
        PrunePolicy {
            records_before: before(keep_acked_days),
            inputs_before: before(self.inputs_days),
            inputs_kept: i64::from(self.inputs_kept),
        }
    }
}
