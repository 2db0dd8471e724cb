//! Labels on their way to a printer.

use proto::v1;

use crate::journal::PrintRow;

/// A label to print, recorded before it is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintJob {
    /// Key of the UID.
    pub key: i64,
    /// The UID as text.
    pub uid: String,
    /// Station that asked.
    pub station: String,
    /// Printer code of the plant file.
    pub printer: String,
    /// Lines below the code.
    pub lines: Vec<String>,
    /// 1 for the first print, 2 and more for a reprint.
    pub copy: u32,
}

/// What became of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrintState {
    /// The printer took it, or a person says that it came out.
    Printed,
    /// Nobody knows whether it came out; a person is asked.
    Uncertain,
    /// Nothing came out.
    Spoiled,
}

impl PrintState {
    /// As it stands in the journal and in a label's `print`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Printed => "printed",
            Self::Uncertain => "uncertain",
            Self::Spoiled => "spoiled",
        }
    }
}

/// Tells the engine what became of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintUpdate {
    /// The job, as it was handed out.
    pub job: PrintJob,
    /// What became of it.
    pub state: PrintState,
}

impl PrintUpdate {
    /// The outcome of the LABEL event that tells of it (none while it is
    /// uncertain): FAILED is spoiled, no outcome is printed. PASSED is for a
    /// label confirmed by a scan, which a station records.
    pub(super) fn outcome(&self) -> Option<v1::Outcome> {
        match self.state {
            PrintState::Printed => Some(v1::Outcome::Unspecified),
            PrintState::Spoiled => Some(v1::Outcome::Failed),
            PrintState::Uncertain => None,
        }
    }

    pub(super) fn row(&self, at: i64) -> PrintRow {
        row(&self.job, self.state.as_str(), at)
    }
}

/// The row of a job in the journal.
pub(super) fn row(job: &PrintJob, state: &str, at: i64) -> PrintRow {
    PrintRow {
        key: job.key,
        copy: job.copy,
        station: job.station.clone(),
        printer: job.printer.clone(),
        lines: serde_json::Value::from(job.lines.clone()).to_string(),
        state: state.to_owned(),
        at,
    }
}

/// The job of a row in the journal.
pub(super) fn job(row: &PrintRow, tenant: uid::TenantCode) -> PrintJob {
    let uid =
        uid::Key::new(row.key).map(|key| uid::Uid::from_key(tenant, key).to_string()).unwrap_or_default();
    PrintJob {
        key: row.key,
        uid,
        station: row.station.clone(),
        printer: row.printer.clone(),
        lines: serde_json::from_str(&row.lines).unwrap_or_default(),
        copy: row.copy,
    }
}
