//! Why a stream ends, and what the agent is told of that.

use platform::db::Problem;
use tonic::Status;

use crate::edge::live::Close;
use crate::edge::open::OpenError;
use crate::ingest::IngestError;
use crate::leases::LeaseError;

/// Why a stream ends.
pub(super) enum End {
    /// The agent went away.
    Gone,
    /// We end it.
    Close(Close),
    /// It cannot go on like this.
    Refused(Status),
}

impl From<IngestError> for End {
    fn from(error: IngestError) -> Self {
        Self::Refused(match error {
            IngestError::Limit(what) => Status::invalid_argument(what),
            IngestError::Epoch => Status::failed_precondition(error.to_string()),
            IngestError::UnknownAgent | IngestError::Revoked => Status::permission_denied(error.to_string()),
            IngestError::Db(error) if error.problem() == Problem::Moving => {
                Status::unavailable("the tenant is being moved; try again soon")
            }
            IngestError::Db(error) => {
                tracing::error!(%error, "storing a batch");
                Status::unavailable("the cloud's database does not answer; try again")
            }
        })
    }
}

impl From<platform::db::DbError> for End {
    fn from(error: platform::db::DbError) -> Self {
        IngestError::Db(error).into()
    }
}

impl From<sqlx::Error> for End {
    fn from(error: sqlx::Error) -> Self {
        IngestError::from(error).into()
    }
}

impl From<OpenError> for End {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Hello(what) => Self::Refused(Status::invalid_argument(what)),
            OpenError::UnknownTenant => Self::Refused(Status::permission_denied(error.to_string())),
            OpenError::Ingest(error) => error.into(),
            OpenError::Lease(LeaseError::Db(error)) | OpenError::Db(error) => error.into(),
            OpenError::Lease(error) => Self::Refused(Status::failed_precondition(error.to_string())),
        }
    }
}
