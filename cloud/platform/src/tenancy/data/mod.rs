//! A tenant's data as a whole: which tables it lies in, taken out, put in, compared,
//! removed. Which tables those are is asked of the database's catalog, so that none can
//! be forgotten.

pub(super) mod archive;
mod aside;
pub(super) mod attached;
pub(super) mod control;
pub(super) mod rows;
pub(super) mod tables;

#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod tests;

pub(super) use rows::{clear, copy, sum};
pub(super) use tables::{Table, of_tenants};

use std::ops::ControlFlow;

use crate::db::DbError;
use crate::files::FilesError;

/// What a long command is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// A step begins, as a person reads it.
    Step(&'static str),
    /// So many bytes of a table went over.
    Bytes {
        /// The table.
        table: String,
        /// All of it until now.
        bytes: u64,
    },
    /// A table is done.
    Table {
        /// The table.
        table: String,
        /// How many rows.
        rows: u64,
    },
}

/// Told what a long command is at, and stops it by [`ControlFlow::Break`].
pub type Watch<'a> = dyn FnMut(&At) -> ControlFlow<()> + Send + 'a;

/// Why a command over a tenant's data did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It was stopped; it can be run again, or taken back.
    #[error("it was stopped")]
    Stopped,
    /// What arrived is not what was sent; nothing was switched.
    #[error("{table}: {here} at the one side and {there} at the other")]
    Differs {
        /// The table.
        table: String,
        /// Rows and checksum.
        here: String,
        /// Rows and checksum.
        there: String,
    },
    /// It does not fit how the tenant stands; says what to do.
    #[error("{0}")]
    Refused(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {detail}")]
    Form {
        /// Which one.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The store of attached files.
    #[error("attached files: {0}")]
    Files(#[from] FilesError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for DataError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

pub(super) fn tell(watch: &mut Watch<'_>, at: At) -> Result<(), DataError> {
    match watch(&at) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(DataError::Stopped),
    }
}
