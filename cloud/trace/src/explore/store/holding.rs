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

/// Holds of one status, newest first; ids of holds are ordered by time. Of a
/// transaction for some plants those that hold something there, and the own ones.
pub async fn list(
    tx: &mut Tx,
    status: &str,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<HoldRow>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        HoldRow,
        r#"select h.hold_id, h.reason, h.scope, h.status, h.placed_by, h.placed_at, h.released_by, h.released_at,
                  h.members, h.first_key
           from holds h
           where h.tenant_id = $1 and h.status = $2 and ($3::uuid is null or h.hold_id < $3)
             and ($5::text[] is null or h.placed_by = app.actor()
                  or exists (select from hold_members m
                             join uid_registry r on r.tenant_id = $1 and r.key = m.key
                             where m.tenant_id = $1 and m.hold_id = h.hold_id and r.plant = any($5)))
           order by h.hold_id desc limit $4"#,
        tenant,
        status,
        before,
        limit,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}

/// Lots by the supplier's number, at most two: of the deliveries of one supplier's lot the first,
/// or each.
pub async fn lots_named(tx: &mut Tx, number: &str, each: bool) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select l.lot_id from lots l
         where l.tenant_id = $1 and l.supplier_lot = $2
           and ($3 or not exists (select from lots o
                                  where o.tenant_id = $1 and o.supplier_lot = $2 and o.item = l.item
                                    and o.supplier = l.supplier and o.lot_id < l.lot_id))
         order by l.lot_id limit 2",
        tenant,
        number,
        each,
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
