//! Holds, as they are listed.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

/// A hold with the number of its labels.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct HoldRow {
    pub hold_id: Uuid,
    pub reason: String,
    pub scope: Value,
    pub status: String,
    pub placed_by: String,
    pub placed_at: DateTime<Utc>,
    pub released_by: Option<String>,
    pub released_at: Option<DateTime<Utc>>,
    pub members: i32,
    pub first_key: Option<i64>,
}

/// Holds of one status, newest first; ids of holds are ordered by time.
pub async fn list(
    tx: &mut Tx,
    status: &str,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<HoldRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        HoldRow,
        r#"select h.hold_id, h.reason, h.scope, h.status, h.placed_by, h.placed_at, h.released_by, h.released_at,
                  h.members, h.first_key
           from holds h
           where h.tenant_id = $1 and h.status = $2 and ($3::uuid is null or h.hold_id < $3)
           order by h.hold_id desc limit $4"#,
        tenant,
        status,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// The lot of a UID.
pub async fn lot_of(tx: &mut Tx, key: i64) -> Result<Option<Uuid>, Error> {
    let tenant = tx.tenant();
    let lot =
        sqlx::query_scalar!("select lot_id from uid_registry where tenant_id = $1 and key = $2", tenant, key)
            .fetch_optional(tx.conn())
            .await?;
    Ok(lot.flatten())
}
