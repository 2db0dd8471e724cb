//! The times that are put beside UIDs of older events, and how far that has come.

use platform::db::Tx;
use sqlx::Error;

use crate::projection::store::queue::Batch;

/// Puts the times of a batch's events beside the UIDs that they name, where none stands; answers
/// how many it put there.
pub async fn fill(tx: &mut Tx, batch: &Batch) -> Result<i64, Error> {
    sqlx::query_scalar!(
        r#"select app.time_subjects($1, $2, $3, $4) as "timed!""#,
        batch.agent_id,
        batch.epoch,
        batch.from_seq,
        batch.to_seq,
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether batches wait for a projection.
pub async fn is_behind(tx: &mut Tx, projection: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select coalesce((select max(batch_id) from ingest_batches where tenant_id = $1), 0)
                > coalesce((select through_batch from projection_cursors
                            where tenant_id = $1 and projection = $2), 0) as "behind!""#,
        tenant,
        projection,
    )
    .fetch_one(tx.conn())
    .await
}
