//! Exactly-once ingest: batches of chained events in, rows out.
//!
//! Pure parts: [`decode`] (bytes to rows), [`links`] (links of an event),
//! [`chain`] (a batch against its cursor), [`findings`] (exceptions). All SQL is
//! in `store`. [`Ingest::commit_batch`] is the one way in for agents;
//! [`office`] writes the cloud's own stream by the same path.

pub mod chain;
pub mod corrections;
pub mod decode;
pub mod epochs;
pub mod findings;
pub mod links;
mod masters;
pub mod notify;
pub mod office;
pub mod returned;
pub mod rows;
pub mod service;
pub mod store;

pub use notify::{Committed, Following};
pub use service::{Batch, Ingest, Outcome, Source, Way};

use platform::db::DbError;

/// Why a batch was not stored.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// It exceeds a limit of the contract.
    #[error("{0}")]
    Limit(String),
    /// Its epoch is none that the cloud gave.
    #[error("this epoch was never given to the agent")]
    Epoch,
    /// The tenant has no such agent.
    #[error("no such agent")]
    UnknownAgent,
    /// The agent may not send any more.
    #[error("this agent is revoked")]
    Revoked,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl IngestError {
    fn sql_state(&self) -> Option<String> {
        match self {
            Self::Db(DbError::Sqlx(sqlx::Error::Database(error))) => error.code().map(|c| c.into_owned()),
            _ => None,
        }
    }

    /// Two transactions got in each other's way: the same again may succeed.
    fn is_transient(&self) -> bool {
        self.sql_state().is_some_and(|code| code == "40001" || code == "40P01")
    }

    /// The database refused a value: data exception, integrity, program limit.
    fn is_about_data(&self) -> bool {
        self.sql_state().is_some_and(|code| matches!(&code[..2], "22" | "23" | "54"))
            || matches!(self, Self::Db(DbError::Sqlx(sqlx::Error::Encode(_))))
    }
}

#[cfg(test)]
pub(crate) mod tests;
