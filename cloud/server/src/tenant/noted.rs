//! What reaches all of a tenant, with its beginning and end in the log of super-administrators.

use std::path::Path;

use platform::admin::log::{self, Who};
use platform::db::{Db, DbError};
use platform::tenancy::Tenant;
use serde_json::json;

/// Something that reaches all of a tenant.
pub(super) struct Act {
    pub(super) action: &'static str,
    pub(super) tenant: uuid::Uuid,
    /// What the log says of it beside.
    pub(super) about: serde_json::Value,
}

impl Act {
    pub(super) fn of_file(action: &'static str, tenant: &Tenant, file: &Path) -> Self {
        let about = json!({ "code": tenant.code, "file": file.display().to_string() });
        Self { action, tenant: tenant.id, about }
    }
}

/// What a command could not do, with all of why, as the log is to have it.
struct Failed(anyhow::Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl From<DbError> for Failed {
    fn from(error: DbError) -> Self {
        Self(error.into())
    }
}

/// Does it, with its beginning and its end in the log of super-administrators.
pub(super) async fn noted<T>(
    db: &Db,
    who: &Who,
    act: Act,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let done =
        log::around(db, who, (act.action, act.tenant, &act.about), async { work.await.map_err(Failed) });
    done.await.map_err(|Failed(error)| error)
}
