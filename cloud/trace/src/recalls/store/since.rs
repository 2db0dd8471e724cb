//! What comes to a recall in force.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use crate::recalls::locate::{Found, Who};
use crate::recalls::model::Holder;

/// Recalls in force, oldest first.
pub async fn active(tx: &mut Tx) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select recall_id from recalls where tenant_id = $1 and status = 'active' and kind = 'recall'
         order by recall_id",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// A unit of a recall that something was told of, or of what it is in.
pub struct Touched {
    pub key: i64,
    pub in_hand: bool,
    pub outer_key: Option<i64>,
    /// Code of who has it; empty for nobody.
    pub code: String,
}

/// The units of a recall among these, and those in one of these.
pub async fn members(tx: &mut Tx, recall: Uuid, keys: &[i64]) -> Result<Vec<Touched>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Touched,
        r#"select m.key as "key!", m.outer_key,
                  m.place not in ('customer', 'installed', 'supplier', 'consumed', 'scrapped') as "in_hand!",
                  coalesce((select c.code from recall_consignees c
                            where c.tenant_id = $1 and c.recall_id = $2 and c.consignee_id = m.consignee_id), '')
                      as "code!"
           from (select key, outer_key, place, consignee_id from recall_members
                 where tenant_id = $1 and recall_id = $2 and key = any($3)
                 union
                 select key, outer_key, place, consignee_id from recall_members
                 where tenant_id = $1 and recall_id = $2 and outer_key = any($3)) as m
           order by m.key"#,
        tenant,
        recall,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// The holds of a recall that hold some of these units.
pub async fn holds_among(tx: &mut Tx, recall: Uuid, keys: &[i64]) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select distinct m.hold_id from hold_members m
         join holds h on h.tenant_id = $1 and h.hold_id = m.hold_id
             and h.scope->>'what' = 'recall' and h.scope->>'recall' = $3
         where m.tenant_id = $1 and m.key = any($2) and m.left_at is null
         order by m.hold_id",
        tenant,
        keys,
        recall.to_string(),
    )
    .fetch_all(tx.conn())
    .await
}

/// These labels and all that is in them now, in however many packages: at most `limit`. Ends on
/// a cycle.
pub async fn with_contents(tx: &mut Tx, keys: &[i64], limit: i64) -> Result<Vec<i64>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"with recursive down(key) as (
               select key from unnest($2::bigint[]) as key
             union
               select r.key from down
               join uid_registry r on r.tenant_id = $1 and r.parent_key = down.key
           )
           select key as "key!" from down limit $3"#,
        tenant,
        keys,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Those of these labels that are of the recalled lots, and none of its units.
pub async fn born(tx: &mut Tx, recall: Uuid, lots: &[Uuid], keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select r.key from uid_registry r
         where r.tenant_id = $1 and r.key = any($4) and r.lot_id = any($3)
           and not exists (select from recall_members m
                           where m.tenant_id = $1 and m.recall_id = $2 and m.key = r.key)
         order by r.key",
        tenant,
        recall,
        lots,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Whoever has units of a recall already.
pub async fn consignees(tx: &mut Tx, recall: Uuid) -> Result<HashMap<Who, Uuid>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select consignee_id, kind, code, place from recall_consignees where tenant_id = $1 and recall_id = $2",
        tenant,
        recall,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let kind = Holder::parse(&row.kind)?;
            Some((Who { kind, code: row.code, place: row.place }, row.consignee_id))
        })
        .collect())
}

/// What a unit is in by now.
pub async fn outer_set(tx: &mut Tx, recall: Uuid, key: i64, outer: Option<i64>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recall_members set outer_key = $4 where tenant_id = $1 and recall_id = $2 and key = $3",
        tenant,
        recall,
        key,
        outer,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A unit left our hands.
pub async fn moved(
    tx: &mut Tx,
    recall: Uuid,
    found: &Found,
    whose: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recall_members
         set place = $4, plant = $5, location = $6, outer_key = $7, document = $8, left_at = $9,
             consignee_id = $10, inside_of = $11, since = $12
         where tenant_id = $1 and recall_id = $2 and key = $3",
        tenant,
        recall,
        found.key,
        found.place.name(),
        found.plant,
        found.location,
        found.outer,
        found.document,
        found.left_at,
        whose,
        found.inside_of,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// These units came to a recall: they count, and those that a hold of it has are held;
/// the others are held by its worker.
pub async fn came(tx: &mut Tx, recall: Uuid, keys: &[i64], now: DateTime<Utc>) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    sqlx::query!(
        "update recall_members m
         set since = $4,
             hold_id = (select hm.hold_id from hold_members hm
                        join holds h on h.tenant_id = $1 and h.hold_id = hm.hold_id
                            and h.scope->>'what' = 'recall' and h.scope->>'recall' = $5
                        where hm.tenant_id = $1 and hm.key = m.key and hm.left_at is null
                        order by hm.hold_id limit 1)
         where m.tenant_id = $1 and m.recall_id = $2 and m.key = any($3)",
        tenant,
        recall,
        keys,
        now,
        recall.to_string(),
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update recalls r
         set members = r.members + n.labels, to_hold = r.to_hold + n.to_hold, held = r.held + n.held,
             version = r.version + 1
         from (select count(*)::integer as labels,
                      count(*) filter (where place not in ('consumed', 'scrapped'))::integer as to_hold,
                      count(*) filter (where hold_id is not null
                                       and place not in ('consumed', 'scrapped'))::integer as held
               from recall_members where tenant_id = $1 and recall_id = $2 and key = any($3)) as n
         where r.tenant_id = $1 and r.recall_id = $2",
        tenant,
        recall,
        keys,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
