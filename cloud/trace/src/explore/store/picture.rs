//! What a picture marks.

use platform::db::Tx;
use sqlx::Error;

/// Which of these UIDs a placed hold holds.
pub async fn held(tx: &mut Tx, keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select distinct m.key from hold_members m
         join holds h on h.tenant_id = $1 and h.hold_id = m.hold_id and h.status = 'placed'
         where m.tenant_id = $1 and m.key = any($2)",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}
