//! What can go wrong with the journal, as its callers must tell it apart.

use std::path::PathBuf;

/// A journal that could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder cannot be made or used.
    #[error("journal folder {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has this journal open.
    #[error("the journal in {0} is in use by another agent")]
    InUse(PathBuf),
    /// The journal belongs to another agent, tenant or plant.
    #[error("the journal belongs to {found}, this agent is {expected}")]
    Foreign {
        /// Whose it is.
        found: String,
        /// Who we are.
        expected: String,
    },
    /// The journal was written by a newer program.
    #[error("the journal has format {found}, this program knows up to {known}")]
    Newer {
        /// Its `user_version`.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The journal has reached its size limit; nothing was written.
    #[error("the journal is full: {used} of {limit} bytes used")]
    Full {
        /// Bytes that it holds.
        used: u64,
        /// Bytes that it may hold.
        limit: u64,
    },
    /// The file system is nearly full; nothing was written.
    #[error("only {free} bytes are free on the journal's file system, {limit} must stay free")]
    DiskLow {
        /// Bytes free.
        free: u64,
        /// Bytes that must stay free.
        limit: u64,
    },
    /// An event is longer than the contract allows; nothing was written.
    #[error("an event of {0} bytes is too long for the journal")]
    TooLong(usize),
    /// Epoch or sequence beyond what a record id can hold.
    #[error("epoch {epoch} seq {seq} is out of range")]
    OutOfRange {
        /// Epoch.
        epoch: u32,
        /// Sequence number.
        seq: u64,
    },
    /// Something that the journal itself wrote does not read back.
    #[error("the journal's {what} cannot be read: {detail}")]
    Damaged {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// SQLite failed; the transaction was rolled back.
    #[error("journal database: {0}")]
    Database(#[from] sqlx::Error),
    /// A file beside the database failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl JournalError {
    /// Stable code of the message shown to an operator.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "journal.full",
            Self::DiskLow { .. } => "journal.disk-low",
            Self::TooLong(_) => "journal.too-long",
            Self::Database(error) if is_disk_full(error) => "journal.disk-low",
            _ => "journal.failed",
        }
    }

    /// Whether SQLite cannot follow its own file any more.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        // Every column is STRICT: a value of another type is damage.
        matches!(self, Self::Database(sqlx::Error::ColumnDecode { .. }))
            || matches!(self, Self::Database(error) if is_corrupt(error))
            || matches!(self, Self::Damaged { what: "database", .. })
    }

    /// Whether a single command can be the cause, so that the rest of its group
    /// is worth trying again without it. A full or broken disk is nobody's fault.
    #[must_use]
    pub fn may_be_one_commands_fault(&self) -> bool {
        match self {
            Self::TooLong(_) | Self::OutOfRange { .. } => true,
            Self::Database(sqlx::Error::Database(error)) => {
                // 19 CONSTRAINT, 18 TOOBIG, 20 MISMATCH, 25 RANGE; the rest are
                // the disk's, the file's or the program's.
                matches!(primary_code(error.code().as_deref()), Some(18 | 19 | 20 | 25))
            }
            Self::Database(sqlx::Error::Encode(_)) => true,
            _ => false,
        }
    }
}

fn primary_code(code: Option<&str>) -> Option<i32> {
    code.and_then(|c| c.parse::<i32>().ok()).map(|c| c & 0xff)
}

/// Whether SQLite reported SQLITE_FULL.
pub(crate) fn is_disk_full(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(e) => primary_code(e.code().as_deref()) == Some(13),
        _ => false,
    }
}

/// Whether SQLite found its own file damaged: CORRUPT, NOTADB, or TOOBIG, which is
/// a length read from a damaged page, since nothing that long is ever written.
pub(crate) fn is_corrupt(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(e) => matches!(primary_code(e.code().as_deref()), Some(11 | 18 | 26)),
        _ => false,
    }
}
