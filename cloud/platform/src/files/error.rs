//! Why something about a file failed.

use axum::http::StatusCode;

use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::Problem;

/// Why nothing was kept or given.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// This process has nowhere to keep files.
    #[error("files are not configured")]
    Off,
    /// There is no such file, version or subject.
    #[error("not found")]
    NotFound,
    /// Somebody else changed it meanwhile.
    #[error("changed meanwhile")]
    Stale,
    /// It has nothing in it.
    #[error("empty")]
    Empty,
    /// It has no name, or one that cannot be.
    #[error("name")]
    Name,
    /// It is larger than this many bytes.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// The tenant's files would be more than this many bytes.
    #[error("more than {0} bytes in all")]
    Quota(u64),
    /// It is of a kind that is not taken; says which.
    #[error("kind {0}")]
    Kind(&'static str),
    /// The sender stopped, or sent what is no file.
    #[error("sending: {0}")]
    Sending(String),
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] object_store::Error),
    /// The disk failed.
    #[error("disk: {0}")]
    Io(#[from] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for FilesError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Megabytes, as a person reads them.
pub(super) fn megabytes(bytes: u64) -> String {
    let mb = bytes >> 20;
    if mb == 0 { format!("{} kB", bytes >> 10) } else { format!("{mb} MB") }
}

impl FilesError {
    /// What is wrong and what to do, in the reader's language; `None` when it is
    /// not about what was sent.
    #[must_use]
    pub fn say(&self, texts: &Texts) -> Option<String> {
        Some(match self {
            Self::Empty => texts.t("files-wrong-empty"),
            Self::Name => texts.t("files-wrong-name"),
            Self::TooLarge(most) => texts.t1("files-wrong-large", "most", megabytes(*most)),
            Self::Quota(most) => texts.t1("files-wrong-quota", "most", megabytes(*most)),
            Self::Kind(kind) => texts.t1("files-wrong-kind", "kind", kind),
            Self::Sending(_) => texts.t("files-wrong-sending"),
            _ => return None,
        })
    }

    /// As it is answered, in the caller's language.
    #[must_use]
    pub fn problem(self, texts: &Texts) -> Problem {
        let said = self.say(texts).unwrap_or_default();
        match self {
            Self::Off => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "files.off", ""),
            Self::NotFound => Problem::not_found(),
            Self::Stale => Problem::conflict("conflict.stale", ""),
            Self::Empty => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "files.empty", said),
            Self::Name => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "files.name", said),
            Self::TooLarge(_) => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "files.too_large", said),
            Self::Quota(_) => Problem::new(StatusCode::INSUFFICIENT_STORAGE, "files.quota", said),
            Self::Kind(_) => Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "files.kind", said),
            Self::Sending(_) => Problem::bad_request("files.sending", said),
            Self::Store(error) => {
                tracing::error!(%error, "the store of files");
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "files.store", "")
            }
            Self::Io(error) => Problem::internal(error),
            Self::Db(error) => error.into(),
        }
    }
}
