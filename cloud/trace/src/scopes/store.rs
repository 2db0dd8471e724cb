//! All SQL of scopes.

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

/// The UIDs of a scope, in order; none where there is no such scope.
pub async fn members(tx: &mut Tx, tenant: Uuid, scope: Uuid) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar!(
        "select key from scope_members where tenant_id = $1 and scope_id = $2 order by key",
        tenant,
        scope,
    )
    .fetch_all(tx.conn())
    .await
}

/// Whether there is such a scope.
pub async fn known(tx: &mut Tx, tenant: Uuid, scope: Uuid) -> Result<bool, Error> {
    sqlx::query_scalar!(
        "select exists (select from scopes where tenant_id = $1 and scope_id = $2 and deleted_at is null) \
             as \"known!\"",
        tenant,
        scope,
    )
    .fetch_one(tx.conn())
    .await
}
