//! One hold, as it is looked at.

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

/// Whether there is such an active person; `owner` is as actors are written.
pub async fn person_known(tx: &mut Tx, owner: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let Some(user) = owner.strip_prefix("user:").and_then(|id| id.parse::<Uuid>().ok()) else {
        return Ok(false);
    };
    sqlx::query_scalar!(
        "select exists (select from users where tenant_id = $1 and user_id = $2 and status <> 'disabled' \
                        and deleted_at is null) as \"known!\"",
        tenant,
        user,
    )
    .fetch_one(tx.conn())
    .await
}
