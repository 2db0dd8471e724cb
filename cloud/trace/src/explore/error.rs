//! Why a trace cannot be answered.

use platform::db::DbError;
use platform::web::NOT_A_PLACE;
use uid::{Uid, UidError};

/// Why a question about UIDs has no answer.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Meant to be a UID; names the part that is wrong.
    #[error("{0}")]
    Wrong(UidError),
    /// A UID of another tenant.
    #[error("{0} is not a UID of this tenant")]
    Foreign(Uid),
    /// Nothing is known by this code.
    #[error("nothing is known of {0:?}")]
    Unknown(String),
    /// A code that several UIDs carry.
    #[error("{code:?} stands for several UIDs: {}", uids.join(", "))]
    Ambiguous {
        /// The code.
        code: String,
        /// The UIDs.
        uids: Vec<String>,
    },
    /// An empty question.
    #[error("nothing was asked for")]
    Empty,
    /// A parameter that is not what it should be.
    #[error("{field}: {problem}")]
    Parameter {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// What was told so far is not so any more.
    #[error("the genealogy changed while it was read page by page: begin again with the first page")]
    Changed,
    /// The tenant has no code or does not exist.
    #[error("the tenant is not known")]
    NoTenant,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for TraceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl TraceError {
    /// That `after` is none that an answer gave.
    #[must_use]
    pub fn no_place() -> Self {
        Self::Parameter { field: "after", problem: NOT_A_PLACE.to_owned() }
    }

    /// HTTP status of the problem.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Wrong(_) | Self::Empty | Self::Parameter { .. } => 400,
            Self::Foreign(_) | Self::Unknown(_) | Self::NoTenant => 404,
            Self::Ambiguous { .. } | Self::Changed => 409,
            Self::Db(_) => 500,
        }
    }

    /// Stable code of the problem.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Wrong(error) => error.code(),
            Self::Foreign(_) => "uid.foreign",
            Self::Unknown(_) => "uid.unknown",
            Self::Ambiguous { .. } => "uid.ambiguous",
            Self::Empty => "query.empty",
            Self::Parameter { .. } => "query.parameter",
            Self::Changed => "query.changed",
            Self::NoTenant => "tenant.unknown",
            Self::Db(_) => "internal",
        }
    }

    /// The field of the request at fault, where one is.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Wrong(error) => error.code().strip_prefix("uid."),
            Self::Parameter { field, .. } => Some(field),
            _ => None,
        }
    }
}
