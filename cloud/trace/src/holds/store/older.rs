//! What is read and written while older holds take in what is in their packages.

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

/// How far a tenant has come with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The hold that is being looked at, and the last of its labels; `None` before the first.
    pub hold: Option<(Uuid, Option<i64>)>,
    /// Up to here batches were followed.
    pub through: i64,
}

/// Takes it for this transaction; `None` where it is done, or another worker has it.
pub async fn lock(tx: &mut Tx) -> Result<Option<At>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select through_batch, older_hold, older_key from hold_cursors \
         where tenant_id = $1 and older_done_at is null for update skip locked",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row
        .map(|row| At { hold: row.older_hold.map(|hold| (hold, row.older_key)), through: row.through_batch }))
}

/// Notes how far it has come; `None`: all is done.
pub async fn go_on(tx: &mut Tx, at: Option<(Uuid, Option<i64>)>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update hold_cursors set older_hold = $2, older_key = $3, \
             older_done_at = case when $2::uuid is null then now() end \
         where tenant_id = $1",
        tenant,
        at.map(|(hold, _)| hold),
        at.and_then(|(_, key)| key),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The next hold that stands, and grows.
pub async fn next(tx: &mut Tx, after: Uuid) -> Result<Option<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select hold_id from holds \
         where tenant_id = $1 and status = 'placed' and hold_id > $2 and placed_batch is not null \
         order by hold_id limit 1",
        tenant,
        after,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The next labels of a hold whose contents are held with them.
pub async fn wholly(tx: &mut Tx, hold_id: Uuid, after: i64, limit: i64) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select key from hold_members \
         where tenant_id = $1 and hold_id = $2 and key > $3 and left_at is null \
           and cause in ('scope', 'lot', 'content') \
         order by key limit $4",
        tenant,
        hold_id,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Packages that a hold holds as if they had been made of what was once packed into them are
/// packages from now on, and free once nothing held is in them. Answers the parts that have them.
/// Of a recall's hold none: what its units were made of may be in another hold, or used up.
pub async fn packed_once(tx: &mut Tx, hold_id: Uuid) -> Result<Vec<i32>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"update hold_members m set cause = 'inside'
           from holds h
           where h.tenant_id = $1 and h.hold_id = $2 and h.scope->>'what' is distinct from 'recall'
             and m.tenant_id = $1 and m.hold_id = $2 and m.cause = 'made' and m.left_at is null
             and exists (select from uid_links l
                         join hold_members c on c.tenant_id = $1 and c.key = l.from_key and c.hold_id = $2
                         where l.tenant_id = $1 and l.to_key = m.key and l.kind = 3)
             and not exists (select from uid_links l
                             join hold_members c on c.tenant_id = $1 and c.key = l.from_key and c.hold_id = $2
                             where l.tenant_id = $1 and l.to_key = m.key and l.kind <> 3)
           returning m.part"#,
        tenant,
        hold_id,
    )
    .fetch_all(tx.conn())
    .await
}
