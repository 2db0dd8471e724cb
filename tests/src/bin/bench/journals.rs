//! Journals of so many events, made once and kept under `target/bench/cache`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use edge_agent::config::PlantFile;
use edge_agent::enrol::machine_id;
use edge_agent::journal::{DATABASE, DiskLimits, Head, Journal, JournalSettings, WriteSet};
use edge_agent::mint::{Mark, MarkFile};

use crate::Bench;
use crate::facts::{AGENT, EVENTS, Facts, PARTS};
use crate::line::uid;

/// Raise it when [`Facts`] or the journal's format changes.
const VERSION: u32 = 2;
const SEED: u64 = 1;
/// Answers that an agent keeps.
const INPUTS_KEPT: u64 = 200_000;
/// Lots in one transaction.
const LOTS: usize = 25;

/// A journal with at least so many events, made or found.
pub struct Made {
    folder: PathBuf,
    /// Lots in it.
    pub lots: u64,
}

impl Made {
    /// Events in it.
    pub fn events(&self) -> u64 {
        self.lots * EVENTS
    }

    /// The journal in the cache; it must not be written to.
    pub fn path(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// UIDs that are at a place and in nothing, `n` from 0.
    pub fn in_stock(&self, n: u64) -> anyhow::Result<String> {
        let free = 2;
        let lot = n / free;
        anyhow::ensure!(lot < self.lots, "only {} parts are in stock", self.lots * free);
        Ok(uid("RM", lot * PARTS + PARTS - n % free)?.to_string())
    }

    /// Makes a data folder with a copy of it, as an agent of this machine left it.
    pub fn copy_to(&self, data: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(data).context("making a data folder")?;
        std::fs::copy(self.path(), data.join(DATABASE)).context("copying a journal")?;
        std::fs::copy(self.folder.join("mark"), data.join("mark")).context("copying a mark")?;
        Ok(())
    }
}

/// A journal of at least `events` events.
pub async fn of(bench: &Bench, plant: &PlantFile, events: u64) -> anyhow::Result<Made> {
    let lots = events.div_ceil(EVENTS);
    let folder = bench.folder.join("cache").join(format!("journal-v{VERSION}-{}", lots * EVENTS));
    let made = Made { folder, lots };
    if made.folder.join("done").exists() {
        return Ok(made);
    }
    if made.folder.exists() {
        std::fs::remove_dir_all(&made.folder).context("removing a journal that was not finished")?;
    }
    let (mut journal, _) = Journal::open(JournalSettings {
        dir: made.folder.clone(),
        agent_id: AGENT,
        tenant: plant.tenant,
        plant: plant.plant,
        first_epoch: 1,
        disk: DiskLimits::from(&plant.disk),
        marked: None,
    })
    .await?;
    let mut facts = Facts::new(SEED);
    let keep_inputs_from = made.events().saturating_sub(INPUTS_KEPT);
    let mut left = lots;
    while left > 0 {
        let mut set = WriteSet::default();
        for _ in 0..left.min(LOTS as u64) {
            let lot = facts.next_lot()?;
            set.records.extend(lot.records);
            if facts.head().seq > keep_inputs_from {
                set.inputs.extend(lot.inputs);
            }
            let mut labels: Vec<(i64, String)> = Vec::with_capacity(lot.labels.len());
            for (key, label) in &lot.labels {
                labels.push((*key, serde_json::to_string(label)?));
            }
            labels.sort_unstable();
            set.labels.extend(labels);
            left -= 1;
        }
        set.head = Some(facts.head());
        journal.commit(set).await?;
    }
    journal.close().await?;
    write_mark(&made.folder.join("mark"), facts.head())?;
    std::fs::write(made.folder.join("done"), "").context("finishing a journal")?;
    Ok(made)
}

/// The mark that belongs to this end, on this machine.
fn write_mark(path: &Path, head: Head) -> anyhow::Result<()> {
    let (mut file, _) = MarkFile::open(path)?;
    file.write(&Mark {
        agent_id: AGENT,
        machine_id: machine_id(),
        epoch: head.epoch,
        seq: head.seq,
        hash: head.hash,
        highest: std::collections::BTreeMap::new(),
    })?;
    Ok(())
}
