//! The middle of the agent: takes what inputs read, asks the station rules what
//! it means, makes it durable, answers.
//!
//! One task owns the journal ([`writer`]). It takes all commands that wait as one
//! group: each fact is decided on what the ones before it left ([`decide`]), the
//! whole is one transaction ([`facts`]), then the mark is written, and only then
//! is anybody answered. So green means on disk, and a busy plant pays for one
//! fsync per group, not per scan.
//!
//! An input with an id that was answered before is answered as before. A fact
//! that fails leaves nothing, and the others of its group do not notice.

mod aliases;
mod build;
mod clock;
mod command;
mod control;
mod counters;
mod decide;
mod epochs;
mod expire;
mod facts;
mod group;
mod handle;
mod machines;
mod prints;
mod relabel;
mod rules;
mod settings;
mod speak;
mod start;
mod status;
mod views;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;

pub use clock::{ClockJump, Now};
pub use control::SERIES_AHEAD;
pub use handle::Handle;
pub use prints::{PrintJob, PrintState, PrintUpdate};
pub use rules::{Rules, StationRules};
pub use settings::EngineSettings;
pub use speak::{CodeSpeaker, Speaker};
pub use status::{ScanLine, StationView, Status, UplinkState, Wishes};

use crate::config::PlantFile;
use crate::inputs::IntakeError;
use crate::journal::JournalError;
use crate::mint::GrantError;

/// Why the engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal could not be opened, read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The mark could not be opened.
    #[error("mark {path}: {source}")]
    Mark {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A range must not be used.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// A range cannot be used before a new epoch.
    #[error("no range is taken: {0}")]
    Behind(String),
    /// A type code of the cloud is none.
    #[error("{0:?} is no type: {1}")]
    Type(String, String),
    /// What the cloud says of a label cannot be used.
    #[error("label {key}: {detail}")]
    Label {
        /// The label's key.
        key: i64,
        /// What is wrong.
        detail: String,
    },
    /// The engine takes nothing now.
    #[error(transparent)]
    Intake(IntakeError),
}

/// Opens the journal and starts the engine.
///
/// # Errors
/// When the journal or the mark cannot be opened. A journal that is behind its
/// mark is no error: the engine runs, and mints nothing.
pub async fn start(
    settings: EngineSettings,
    plant: Arc<PlantFile>,
    speaker: Arc<dyn Speaker>,
) -> Result<(Handle, JoinHandle<()>), EngineError> {
    start_with(settings, plant, Arc::new(StationRules), speaker).await
}

/// Starts the engine with other rules than the stations', for tests.
///
/// # Errors
/// As [`start`].
pub async fn start_with(
    settings: EngineSettings,
    plant: Arc<PlantFile>,
    rules: Arc<dyn Rules>,
    speaker: Arc<dyn Speaker>,
) -> Result<(Handle, JoinHandle<()>), EngineError> {
    start::start(settings, plant, rules, speaker).await
}
