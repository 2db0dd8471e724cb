//! Labels on their way to a printer.

use proto::v1;

use super::EngineError;
use super::handle::Handle;
use crate::journal::PrintRow;

/// Why a label is printed once more when a person says that it did not come out.
pub(super) const NOT_PRINTED: &str = "not_printed";

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
    /// Nothing came out, and it is printed once more, as another copy.
    Again,
}

impl PrintState {
    /// As it stands in the journal and in a label's `print`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Printed => "printed",
            Self::Uncertain => "uncertain",
            Self::Spoiled | Self::Again => "spoiled",
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
            PrintState::Spoiled | PrintState::Again => Some(v1::Outcome::Failed),
            PrintState::Uncertain => None,
        }
    }

    /// The reason that its event carries, for people who read the history.
    pub(super) fn reason(&self) -> &'static str {
        self.state.as_str()
    }

    /// The same label as the next copy, where it is to be printed once more.
    /// `reprints` is how often that was done: of two who say so at once, one is
    /// heard.
    pub(super) fn again(&self, reprints: u32) -> Option<PrintJob> {
        let wanted = self.state == PrintState::Again && reprints < self.job.copy;
        wanted.then(|| PrintJob { copy: self.job.copy + 1, ..self.job.clone() })
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

impl Handle {
    /// The newest print of a label, as the journal knows it.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn last_print(&self, key: i64) -> Result<Option<PrintJob>, EngineError> {
        let row = self.reader().last_print(key).await?;
        Ok(row.map(|row| job(&row, self.plant().tenant)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_who_say_no_one_is_heard() {
        let job = PrintJob {
            key: 1,
            uid: String::new(),
            station: String::new(),
            printer: String::new(),
            lines: Vec::new(),
            copy: 1,
        };
        let told = |state| PrintUpdate { job: job.clone(), state };
        assert_eq!(told(PrintState::Again).again(0).map(|job| job.copy), Some(2));
        assert_eq!(told(PrintState::Again).again(1), None, "copy 2 is on its way");
        assert_eq!(told(PrintState::Spoiled).again(0), None);
    }
}
