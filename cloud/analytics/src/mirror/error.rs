//! Why a mirror gives no answer.

use axum::http::StatusCode;
use platform::db::DbError;
use platform::web::Problem;

use super::asking::During;

/// Why a mirror gives no answer. The facts in Postgres are untouched by any of it.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// This process keeps no mirrors.
    #[error("this process keeps no mirrors: it runs without the role analytics")]
    Elsewhere,
    /// Another process keeps the mirrors of this folder.
    #[error("another process keeps the mirrors in {0}")]
    Locked(std::path::PathBuf),
    /// It is being built, so that its numbers would be too small.
    #[error("the mirror is being built: batch {through} of {head}")]
    Building {
        /// Up to which batch it has come.
        through: i64,
        /// The last batch there was.
        head: i64,
    },
    /// Feeding it ended the process time and again, so it is tried once a day.
    #[error(
        "this mirror is set aside: feeding it up to batch {batch} ended the process more than once; \
         it is tried once a day, and `cloud mirror rebuild` tries at once"
    )]
    Aside {
        /// The last batch of what could not be fed.
        batch: i64,
    },
    /// Questions of it ended the process time and again, so it is not asked any more.
    #[error(
        "this mirror is set aside: questions of it ended the process more than once; \
         `cloud mirror rebuild` tries anew"
    )]
    AsideAsked {
        /// The process before did so.
        now: bool,
    },
    /// Checks of it, or exports, ended the process time and again: they are tried once a day.
    #[error(
        "{0} of this mirror are set aside: they ended the process more than once; \
         they are tried once a day, and `cloud mirror rebuild` builds it anew and tries at once"
    )]
    LeftAlone(During),
    /// It was built anew time and again, and each time was damaged.
    #[error("this mirror is damaged again and again; it is built anew within the hour")]
    Worn,
    /// The question took longer than a question may.
    #[error("the question took too long")]
    TimedOut,
    /// Too many questions wait before this one.
    #[error("too many questions wait")]
    Busy,
    /// DuckDB.
    #[error("the mirror: {0}")]
    Duck(#[from] duckdb::Error),
    /// Its thread ended in the middle.
    #[error("the mirror was closed while it was asked")]
    Closed,
    /// The disk.
    #[error("the folder of mirrors: {0}")]
    Io(#[from] std::io::Error),
    /// Postgres.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Something else, in words.
    #[error("{0}")]
    Other(String),
}

impl From<sqlx::Error> for MirrorError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl MirrorError {
    /// Whether it is set aside, for what ended the process time and again.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        matches!(self, Self::Aside { .. } | Self::AsideAsked { .. })
    }

    /// Whether the file itself may be bad, so that it is thrown away and built anew.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        let Self::Duck(error) = self else {
            return false;
        };
        if self.is_full() {
            return false;
        }
        let text = error.to_string().to_ascii_lowercase();
        ["checksum", "corrupt", "fatal", "invalidated", "serialization error", "not a valid duckdb"]
            .iter()
            .any(|word| text.contains(word))
    }
}

impl MirrorError {
    /// Whether there is no room on the disk: the file is not at fault, and making it anew
    /// would need more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io(error) => error.kind() == std::io::ErrorKind::StorageFull,
            Self::Duck(error) => {
                let text = error.to_string().to_ascii_lowercase();
                text.contains("no space left") || text.contains("max_temp_directory_size")
            }
            _ => false,
        }
    }
}

impl From<MirrorError> for Problem {
    fn from(error: MirrorError) -> Self {
        let code = match &error {
            MirrorError::Elsewhere | MirrorError::Locked(_) => "mirror.elsewhere",
            MirrorError::Building { .. } | MirrorError::Worn => "mirror.building",
            MirrorError::Aside { .. } | MirrorError::AsideAsked { .. } | MirrorError::LeftAlone(_) => {
                "mirror.aside"
            }
            MirrorError::TimedOut => "mirror.too_long",
            MirrorError::Busy | MirrorError::Closed => "mirror.busy",
            MirrorError::Db(_) | MirrorError::Duck(_) | MirrorError::Io(_) | MirrorError::Other(_) => {
                return match error {
                    MirrorError::Db(error) => error.into(),
                    error => Problem::internal(error),
                };
            }
        };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, "")
    }
}
