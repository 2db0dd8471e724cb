//! What truly happened in the simulated plants, written down as people did it,
//! and the comparisons with what agents and cloud say happened.

pub mod act;
pub mod story;

mod ask;
mod events;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use serde::Serialize;

use self::act::Act;
use self::story::Stories;

pub use self::ask::Difference;
pub use self::events::unlike;

/// Everything done so far, shared by the people of all plants.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    inner: Arc<Mutex<Record>>,
}

#[derive(Debug, Default, Serialize)]
struct Record {
    /// In the order in which it happened; of two plants, the cause first.
    acts: Vec<Act>,
    /// (plant, register, value) that a machine showed.
    shown: BTreeSet<(String, String, String)>,
    /// Kinds of exceptions that the people's acts must cause, one for each.
    exceptions: Vec<String>,
    /// UIDs that a fault may have kept from the printer's good word.
    unsure_prints: BTreeSet<String>,
    refused: u64,
    repeats: u64,
}

/// How much happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// UIDs born.
    pub uids: usize,
    /// Stages over all UIDs.
    pub stages: usize,
    /// Links between UIDs.
    pub links: usize,
    /// Scans refused.
    pub refused: u64,
    /// Scans that repeated another.
    pub repeats: u64,
}

impl Truth {
    /// Writes down an act.
    pub fn happened(&self, act: Act) {
        self.lock().acts.push(act.sorted());
    }

    /// A machine of the plant showed this value of a register.
    pub fn shown(&self, plant: &str, register: &str, value: &str) {
        self.lock().shown.insert((plant.to_owned(), register.to_owned(), value.to_owned()));
    }

    /// An act that somebody must look at: an exception of this kind.
    pub fn exception(&self, kind: &str) {
        self.lock().exceptions.push(kind.to_owned());
    }

    /// The agent died before it could know whether these labels came out.
    pub fn unsure_prints(&self, uids: &[String]) {
        self.lock().unsure_prints.extend(uids.iter().cloned());
    }

    /// Whether nobody can know if the label of `uid` came out.
    #[must_use]
    pub fn is_unsure(&self, uid: &str) -> bool {
        self.lock().unsure_prints.contains(uid)
    }

    /// A scan was refused, as it should have been.
    pub fn refused(&self) {
        self.lock().refused += 1;
    }

    /// A scan was recognised as the same scan again.
    pub fn repeated(&self) {
        self.lock().repeats += 1;
    }

    /// The last act, so that a correction can name it.
    #[must_use]
    pub fn last(&self, plant: &str) -> Option<Act> {
        self.lock().acts.iter().rev().find(|act| act.plant == plant).cloned()
    }

    /// What happened at one plant, in its order.
    #[must_use]
    pub fn acts_of(&self, plant: &str) -> Vec<Act> {
        self.lock().acts.iter().filter(|act| act.plant == plant).cloned().collect()
    }

    /// The life of every UID, as it follows from the acts.
    #[must_use]
    pub fn stories(&self) -> Stories {
        Stories::tell(&self.lock().acts)
    }

    /// Kinds of the exceptions that must be open, sorted.
    #[must_use]
    pub fn exceptions(&self) -> Vec<String> {
        let mut kinds = self.lock().exceptions.clone();
        kinds.sort();
        kinds
    }

    /// Whether a machine of the plant showed this value at some time.
    #[must_use]
    pub fn was_shown(&self, plant: &str, register: &str, value: &str) -> bool {
        let key = (plant.to_owned(), register.to_owned(), value.to_owned());
        self.lock().shown.contains(&key)
    }

    /// How much happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let stories = self.stories();
        let record = self.lock();
        Counts {
            uids: stories.lives.len(),
            stages: stories.lives.values().map(|life| life.lifecycle().count()).sum(),
            links: stories.links.len(),
            refused: record.refused,
            repeats: record.repeats,
        }
    }

    /// Writes everything down as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(&*self.lock()).context("encoding the truth")?;
        std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
