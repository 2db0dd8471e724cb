//! Why something cannot be done with a recall.

use axum::http::StatusCode;
use platform::db::DbError;
use platform::numbering::NumberingError;
use platform::web::{FieldError, Problem};
use platform::workflow::WorkflowError;

use super::model::MAX_MEMBERS;
use crate::explore::error::TraceError;
use crate::holds::HoldError;

/// Why something cannot be done with a recall.
#[derive(Debug, thiserror::Error)]
pub enum RecallError {
    /// There is no such recall, or the caller does not see it.
    #[error("there is no such recall")]
    NotFound,
    /// It does not lead from the state in which the recall is.
    #[error("a recall that is {0} does not allow it")]
    State(String),
    /// Its approval is asked for, or given.
    #[error("its approval is asked for or given")]
    Approval,
    /// Somebody else changed it since.
    #[error("somebody else has changed it")]
    Stale,
    /// What is to be recalled is not known.
    #[error("nothing is known of what is to be recalled")]
    Unknown,
    /// The kept scope is still being saved, or was stopped: it is not whole.
    #[error("the scope is not whole")]
    Unfinished,
    /// More than [`MAX_MEMBERS`] labels.
    #[error("the scope has more than {MAX_MEMBERS} labels")]
    TooMany,
    /// It has no unit that could be called back.
    #[error("the scope has no units")]
    Empty,
    /// Fields that are not right, with the key of the text that says why.
    #[error("some fields are not right")]
    Fields(Vec<(&'static str, &'static str)>),
    /// Not all is accounted for, and it is not said that it is closed all the same, or not why.
    #[error("not all is accounted for: {open}")]
    Unaccounted {
        /// How much is.
        open: String,
        /// What has to be said, with the key of the text that asks for it.
        wrong: Vec<(&'static str, &'static str)>,
    },
    /// The caller may do it, but not at all plants.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A code that cannot be found.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// What it holds.
    #[error(transparent)]
    Hold(HoldError),
    /// Its number.
    #[error(transparent)]
    Numbering(#[from] NumberingError),
    /// Its approval.
    #[error(transparent)]
    Workflow(#[from] WorkflowError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A refusal that the caller's rights gave.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub Problem);

impl From<sqlx::Error> for RecallError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<HoldError> for RecallError {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Db(error) => Self::Db(error),
            HoldError::TooMany => Self::TooMany,
            error => Self::Hold(error),
        }
    }
}

impl RecallError {
    /// One field that is not right.
    #[must_use]
    pub fn field(field: &'static str, key: &'static str) -> Self {
        Self::Fields(vec![(field, key)])
    }

    /// As it is answered; `say` is the text of a key in the caller's language.
    #[must_use]
    pub fn told(self, say: impl Fn(&str) -> String) -> Problem {
        let told = self.to_string();
        let named = |wrong: Vec<(&'static str, &'static str)>| {
            wrong.into_iter().map(|(field, key)| FieldError::from((field, say(key)))).collect::<Vec<_>>()
        };
        match self {
            Self::Fields(wrong) => Problem::invalid("recall.fields", named(wrong)),
            Self::Unaccounted { wrong, .. } => {
                Problem { detail: told, ..Problem::invalid("recall.unaccounted", named(wrong)) }
            }
            Self::NotFound => Problem::not_found(),
            Self::State(_) => Problem::conflict("recall.state", ""),
            Self::Approval => Problem::conflict("recall.approval", ""),
            Self::Workflow(error) => error.into(),
            Self::Stale => Problem::conflict("recall.stale", ""),
            Self::Unknown => Problem::new(StatusCode::NOT_FOUND, "recall.unknown", ""),
            Self::Unfinished => Problem::conflict("scope.unfinished", ""),
            Self::TooMany => Problem::bad_request("recall.too_many", ""),
            Self::Empty => Problem::bad_request("recall.empty", ""),
            Self::Refused(Refused(problem)) => problem,
            Self::Trace(error) => error.into(),
            Self::Hold(error) => Problem::internal(error),
            Self::Numbering(error) => error.into(),
            Self::Db(error) => error.into(),
        }
    }
}
