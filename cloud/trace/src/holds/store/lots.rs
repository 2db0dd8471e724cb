//! Lots that came from a supplier under one number: one for each delivery.

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::WayIn;
use crate::explore::order::Stamp;
use crate::holds::members::Born;

/// The other lots of the item, the supplier and the supplier's number of a lot, in order. One
/// without a number came alone.
pub async fn others(tx: &mut Tx, lot: Uuid, limit: i64) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select l.lot_id from lots o \
         join lots l on l.tenant_id = $1 and l.supplier_lot = o.supplier_lot and l.item = o.item \
             and l.supplier = o.supplier \
         where o.tenant_id = $1 and o.lot_id = $2 and o.supplier_lot <> '' and l.lot_id <> o.lot_id \
         order by l.lot_id limit $3",
        tenant,
        lot,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Labels of these lots, in order.
pub async fn labels(tx: &mut Tx, lots: &[Uuid], limit: i64) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select r.key as "key!" from unnest($2::uuid[]) as u(lot)
           cross join lateral (
               select key from uid_registry where tenant_id = $1 and lot_id = u.lot order by key limit $3) as r
           order by 1 limit $3"#,
        tenant,
        lots,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Labels of these lots that a hold does not hold, with their births.
pub async fn unheld(tx: &mut Tx, hold_id: Uuid, lots: &[Uuid], limit: i64) -> Result<Vec<Born>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select r.key as "key!", u.lot as "lot!", r.born_agent as "born_agent!", r.born_epoch as "born_epoch!",
                  r.born_seq as "born_seq!", r.born_at as "born_at!"
           from unnest($3::uuid[]) as u(lot)
           cross join lateral (
               select key, born_agent, born_epoch, born_seq, born_at from uid_registry
               where tenant_id = $1 and lot_id = u.lot order by key limit $4) as r
           where not exists (select from hold_members m where m.tenant_id = $1 and m.key = r.key
                             and m.hold_id = $2 and m.left_at is null)
           order by 1"#,
        tenant,
        hold_id,
        lots,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let born = rows.into_iter().map(|row| {
        let stamp = Stamp { agent: row.born_agent, epoch: row.born_epoch, seq: row.born_seq };
        let way = WayIn { via: None, stamp, occurred_at: row.born_at };
        Born { key: row.key, lot: row.lot, way }
    });
    Ok(born.collect())
}

/// A hold is on these lots too.
pub async fn more(tx: &mut Tx, hold_id: Uuid, lots: &[Uuid]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update holds set more_lots = more_lots || $3 where tenant_id = $1 and hold_id = $2",
        tenant,
        hold_id,
        lots,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A lot with where its labels are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtPlants {
    /// The lot.
    pub lot_id: Uuid,
    /// How many labels of it are there, of at most [`MOST_COUNTED`].
    pub labels: i64,
    /// Plants where they are, in order.
    pub plants: Vec<String>,
}

/// Most labels of one lot that are counted.
pub const MOST_COUNTED: i64 = 20_000;

/// Where these lots are, in their order; of a transaction for some plants only there.
pub async fn at_plants(tx: &mut Tx, lots: &[Uuid]) -> Result<Vec<AtPlants>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        AtPlants,
        r#"select u.lot as "lot_id!", coalesce(r.labels, 0) as "labels!",
                  coalesce(r.plants, '{}') as "plants!: Vec<String>"
           from unnest($2::uuid[]) as u(lot)
           cross join lateral (
               select count(*) as labels,
                      array_agg(distinct f.plant order by f.plant) filter (where f.plant <> '') as plants
               from (select plant from uid_registry where tenant_id = $1 and lot_id = u.lot
                     order by key limit $3) as f
               where $4::text[] is null or f.plant = any($4)) as r
           order by u.lot"#,
        tenant,
        lots,
        MOST_COUNTED,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}
