//! What a picture marks, and what a walk says of holds.

use platform::db::Tx;
use sqlx::Error;

/// Which of these UIDs a placed hold holds; not a package that its last held unit has left.
pub async fn held(tx: &mut Tx, keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select distinct m.key from hold_members m
         join holds h on h.tenant_id = $1 and h.hold_id = m.hold_id and h.status = 'placed'
         where m.tenant_id = $1 and m.key = any($2) and m.left_at is null",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Why placed holds hold these UIDs, as [`held`], each (UID, reason), the oldest hold of each first.
pub async fn holding(tx: &mut Tx, keys: &[i64]) -> Result<Vec<(i64, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select m.key, h.reason from hold_members m
         join holds h on h.tenant_id = $1 and h.hold_id = m.hold_id and h.status = 'placed'
         where m.tenant_id = $1 and m.key = any($2) and m.left_at is null
         order by m.key, h.placed_at, h.hold_id",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.reason)).collect())
}
