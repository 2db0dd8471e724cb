//! What can go wrong between a command and the database.

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The server refused, or is out of reach; [`DbError::problem`] says which.
    #[error("database: {0}")]
    Sqlx(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("migrating the database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The tenant's own database cannot be used now; others are not concerned.
    #[error("the database {database}: {detail}")]
    Away {
        /// Its name.
        database: String,
        /// Why, for an operator.
        detail: String,
    },
    /// The request that this was done for is carried out by another process.
    #[error("another process carries this request out")]
    Superseded,
}

/// A failure, sorted by what a caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Out of reach or out of connections: try again later.
    Unavailable,
    /// The tenant's own database is out of reach or behind: try again later, and an
    /// operator has to look.
    Away,
    /// The tenant is being moved and may only be read: try again soon.
    Moving,
    /// Another transaction was in the way: try the whole command again.
    Contended,
    /// A row with this key exists already.
    Exists,
    /// The row is not there, or is another tenant's.
    NotFound,
    /// What was asked or sent holds what no text or time of the database can: a NUL, or a
    /// day before there was time.
    Unfit,
    /// A mistake in the program, or damaged data.
    Fault,
}

impl DbError {
    /// What a caller can do about it.
    pub fn problem(&self) -> Problem {
        let error = match self {
            Self::Sqlx(error) => error,
            Self::Away { .. } => return Problem::Away,
            Self::Superseded => return Problem::Contended,
            Self::Migrate(_) => return Problem::Fault,
        };
        match error {
            sqlx::Error::RowNotFound => Problem::NotFound,
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::WorkerCrashed => Problem::Unavailable,
            sqlx::Error::Encode(_) => Problem::Unfit,
            sqlx::Error::Database(told) => match told.code().as_deref() {
                Some("23505") => Problem::Exists,
                // no letter of the encoding, a NUL within JSON, a time out of range
                Some("22021" | "22P05" | "22008") => Problem::Unfit,
                // Transactions only read while their tenant is being moved.
                Some("25006") => Problem::Moving,
                // serialization failure, deadlock, lock not available, cancelled
                Some("40001" | "40P01" | "55P03" | "57014") => Problem::Contended,
                // shutting down, crashed, starting up, too many connections, connection lost
                Some("57P01" | "57P02" | "57P03" | "53300" | "08006" | "08003" | "08001") => {
                    Problem::Unavailable
                }
                _ => Problem::Fault,
            },
            _ => Problem::Fault,
        }
    }

    /// Whether the same work may succeed if tried again.
    pub fn is_transient(&self) -> bool {
        matches!(self.problem(), Problem::Unavailable | Problem::Away | Problem::Moving | Problem::Contended)
    }
}
