//! SQL by which a mirror reads what codes and units are: names, whose lots and orders are, and
//! what the registry says of a unit.

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::LIVE_STEP;
use super::dims::{Codes, Dim, Names};
use super::source::batches;

/// What the registry says of a unit.
#[derive(Debug)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct UnitRow {
    pub key: i64,
    pub item: String,
    pub lot_id: Option<Uuid>,
}

/// What units are, of batches that the registry has taken in.
#[derive(Debug, Default)]
pub struct Identities {
    /// The last of these batches.
    pub through: i64,
    /// How many.
    pub batches: usize,
    /// The units in them.
    pub units: Vec<UnitRow>,
    /// Their lots, and who supplied them.
    pub names: Names,
}

/// What units are of which something was told after one batch and up to another; `None` where
/// there is no such batch. The registry is a fold that follows the batches, so that what it
/// says of a unit is read again when it has come past them.
pub async fn identities(tx: &mut Tx, after: i64, until: i64) -> Result<Option<Identities>, Error> {
    let tenant = tx.tenant();
    let mut batches = batches(tx, after).await?;
    let mut room = LIVE_STEP;
    let fits = batches.iter().take_while(|batch| {
        let free = room > 0 && batch.batch_id <= until;
        room -= batch.to_seq - batch.from_seq + 1;
        free
    });
    let fits = fits.count();
    batches.truncate(fits);
    let Some(last) = batches.last() else {
        return Ok(None);
    };
    let through = last.batch_id;
    let agents: Vec<Uuid> = batches.iter().map(|batch| batch.agent_id).collect();
    let epochs: Vec<i32> = batches.iter().map(|batch| batch.epoch).collect();
    let lows: Vec<i64> = batches.iter().map(|batch| batch.from_seq).collect();
    let highs: Vec<i64> = batches.iter().map(|batch| batch.to_seq).collect();
    let units = sqlx::query_as!(
        UnitRow,
        r#"select r.key as "key!", r.item as "item!", r.lot_id as "lot_id?"
           from (select distinct s.key
                 from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[])
                     as b(agent_id, epoch, low, high)
                 cross join lateral (
                     select key from event_subjects s
                     where s.tenant_id = $1 and s.agent_id = b.agent_id and s.epoch = b.epoch
                       and s.seq >= b.low and s.seq <= b.high and s.key <> 0 offset 0) s) k
           cross join lateral (
               select key, item, lot_id from uid_registry r where r.tenant_id = $1 and r.key = k.key offset 0) r"#,
        tenant,
        &agents,
        &epochs,
        &lows,
        &highs,
    )
    .fetch_all(tx.conn())
    .await?;
    let codes = Codes {
        items: units.iter().map(|unit| unit.item.clone()).collect(),
        lots: units.iter().filter_map(|unit| unit.lot_id).collect(),
        ..Codes::default()
    };
    let names = names(tx, codes).await?;
    Ok(Some(Identities { through, batches: batches.len(), units, names }))
}

/// Names and kinds of these codes, and of all plants: of a lot its supplier's lot and its
/// supplier, of an order its partner; and the names of those.
pub async fn names(tx: &mut Tx, mut codes: Codes) -> Result<Names, Error> {
    let tenant = tx.tenant();
    let mut all = Names::new();
    codes.lots.sort_unstable();
    codes.lots.dedup();
    let rows = sqlx::query!(
        "select lot_id, supplier, supplier_lot from lots where tenant_id = $1 and lot_id = any($2)",
        tenant,
        &codes.lots,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        codes.partners.push(row.supplier.clone());
        all.insert((Dim::Lot as u8, row.lot_id.to_string()), (row.supplier_lot, row.supplier));
    }
    for (dim, kind, numbers) in [
        (Dim::PurchaseOrder, "po", std::mem::take(&mut codes.purchase_orders)),
        (Dim::SalesOrder, "so", std::mem::take(&mut codes.sales_orders)),
    ] {
        let rows = sqlx::query!(
            "select number, partner from orders where tenant_id = $1 and type = $2 and number = any($3)",
            tenant,
            kind,
            &unique(numbers),
        )
        .fetch_all(tx.conn())
        .await?;
        for row in rows {
            codes.partners.push(row.partner.clone());
            all.insert((dim as u8, row.number), (String::new(), row.partner));
        }
    }
    let rows = sqlx::query!(
        "select item, name, type_code from items where tenant_id = $1 and item = any($2)",
        tenant,
        &unique(codes.items),
    )
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        all.insert((Dim::Item as u8, row.item), (row.name, row.type_code));
    }
    let rows = sqlx::query!(
        "select partner, name, place from partners where tenant_id = $1 and partner = any($2)",
        tenant,
        &unique(codes.partners),
    )
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        for dim in [Dim::Supplier, Dim::Customer] {
            all.insert((dim as u8, row.partner.clone()), (row.name.clone(), row.place.clone()));
        }
    }
    let rows = sqlx::query!("select code, name, time_zone from plants where tenant_id = $1", tenant)
        .fetch_all(tx.conn())
        .await?;
    for row in rows {
        all.insert((Dim::Plant as u8, row.code), (row.name, row.time_zone));
    }
    Ok(all)
}

fn unique(mut codes: Vec<String>) -> Vec<String> {
    codes.sort_unstable();
    codes.dedup();
    codes
}
