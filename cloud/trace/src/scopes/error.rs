//! Why suspects cannot be told, or a scope not be kept.

use axum::http::StatusCode;
use platform::db::DbError;
use platform::web::{Caller, FieldError, Problem, no_place};

use super::criteria::Mistake;
use super::evaluate::MOST_KEYS;
use crate::explore::error::TraceError;

/// Why suspects cannot be told, or a scope not be kept.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// Mistakes in the conditions, all of them.
    #[error("the conditions are not right: {0:?}")]
    Criteria(Vec<Mistake>),
    /// The condition at this path finds more units than can be told.
    #[error("too many units fit {0:?}")]
    TooMany(String),
    /// It took too long.
    #[error("it took too long")]
    TooSlow,
    /// A scope needs a name of at most 200 characters.
    #[error("no name, or too long a one")]
    Name,
    /// Nothing to keep.
    #[error("no unit fits")]
    Empty,
    /// There is no such scope, or the caller sees none.
    #[error("there is no such scope")]
    NotFound,
    /// Only who made it, or who has the right at every plant, may do that.
    #[error("somebody else's scope")]
    Others,
    /// It is still being saved, or was stopped: it has not all of its units.
    #[error("the scope is not whole")]
    Unfinished,
    /// The state that the scope is in does not allow it.
    #[error("the scope is not in a state for that")]
    State,
    /// Somebody stopped it while it was saved.
    #[error("it was stopped")]
    Stopped,
    /// A parameter is not what it should be.
    #[error("{0}")]
    Parameter(&'static str),
    /// The tenant, a code, the database.
    #[error(transparent)]
    Trace(TraceError),
}

impl From<TraceError> for ScopeError {
    fn from(error: TraceError) -> Self {
        match error {
            TraceError::Db(DbError::Sqlx(error)) => error.into(),
            error => Self::Trace(error),
        }
    }
}

impl From<DbError> for ScopeError {
    fn from(error: DbError) -> Self {
        TraceError::from(error).into()
    }
}

impl From<sqlx::Error> for ScopeError {
    fn from(error: sqlx::Error) -> Self {
        // Cancelled by the limit of time.
        let cancelled = error.as_database_error().is_some_and(|told| told.code().as_deref() == Some("57014"));
        if cancelled { Self::TooSlow } else { Self::Trace(TraceError::Db(error.into())) }
    }
}

impl ScopeError {
    /// Where nothing but another question helps: the code, and the path of the condition.
    #[must_use]
    pub fn failure(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Criteria(mistakes) => {
                Some(("scope.criteria", mistakes.first().map(|one| one.path.clone()).unwrap_or_default()))
            }
            Self::TooMany(path) => Some(("scope.too_many", path.clone())),
            Self::TooSlow => Some(("scope.too_slow", String::new())),
            Self::Empty => Some(("scope.empty", String::new())),
            _ => None,
        }
    }

    /// As it is answered, in the caller's language.
    #[must_use]
    pub fn problem(self, caller: &Caller) -> Problem {
        let unprocessable = |code: &'static str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, "");
        match self {
            Self::Criteria(mistakes) => {
                let errors = mistakes
                    .iter()
                    .map(|mistake| FieldError {
                        field: mistake.path.clone(),
                        row: None,
                        detail: said(caller, mistake),
                    })
                    .collect();
                Problem { errors, ..unprocessable("scope.criteria") }
            }
            Self::TooMany(path) => {
                let most = caller.texts.number(i64::try_from(MOST_KEYS).unwrap_or(i64::MAX));
                let told = caller.texts.t1("scope-too-many", "most", most);
                Problem { detail: told.clone(), ..unprocessable("scope.too_many") }.field(path, told)
            }
            Self::TooSlow => unprocessable("scope.too_slow"),
            Self::Name => unprocessable("scope.name").field("name", caller.t("error-scope-name")),
            Self::Empty => unprocessable("scope.empty"),
            Self::NotFound => Problem::not_found(),
            Self::Unfinished => Problem::conflict("scope.unfinished", ""),
            Self::State | Self::Stopped => Problem::conflict("scope.state", ""),
            Self::Others => Problem::new(StatusCode::FORBIDDEN, "scope.others", ""),
            Self::Parameter("after") => no_place(),
            Self::Parameter(field) => {
                Problem::bad_request("query.parameter", caller.t("error-query-parameter"))
                    .field(field, caller.t("error-query-parameter"))
            }
            Self::Trace(error) => error.into(),
        }
    }
}

/// What is wrong, in the caller's language.
#[must_use]
pub fn said(caller: &Caller, mistake: &Mistake) -> String {
    caller.texts.t1(&format!("scope-wrong-{}", mistake.key), "value", &mistake.value)
}
