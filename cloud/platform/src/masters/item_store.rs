//! SQL about items alone: their barcodes and variants.

use sqlx::Error;

use super::barcodes::{Coded, Scanned};
use super::conversions::Rate;
use crate::db::Tx;

/// What these codes stand for, of those that are known: barcodes, and GTINs of items.
pub(super) async fn barcodes(tx: &mut Tx, codes: &[String]) -> Result<Vec<Scanned>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Scanned,
        r#"select barcode as "barcode!", item as "item!", unit as "unit!", quantity as "quantity!" from (
             select b.barcode, b.item, coalesce(b.unit, i.base_unit) as unit,
                    trim_scale(b.quantity)::text as quantity
             from item_barcodes b
             join items i on i.tenant_id = $1 and i.item = b.item and i.deleted_at is null
             where b.tenant_id = $1 and b.barcode = any($2) and b.deleted_at is null
             union all
             select i.gtin, i.item, i.base_unit, '1'
             from items i where i.tenant_id = $1 and i.gtin = any($2) and i.deleted_at is null) found"#,
        tenant,
        codes,
    )
    .fetch_all(tx.conn())
    .await
}

/// What has these codes: barcodes, and GTINs of items.
pub(super) async fn coded(tx: &mut Tx, codes: &[String]) -> Result<Vec<Coded>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Coded,
        r#"select barcode as "code!", item as "item!", false as "own!" from item_barcodes
           where tenant_id = $1 and barcode = any($2) and deleted_at is null
           union all
           select gtin, item, true from items
           where tenant_id = $1 and gtin = any($2) and deleted_at is null"#,
        tenant,
        codes,
    )
    .fetch_all(tx.conn())
    .await
}

/// The conversions of these items; those of all are those of the item without a code.
pub(super) async fn rates(tx: &mut Tx, items: &[String]) -> Result<Vec<Rate>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Rate,
        r#"select item, from_unit as "from", to_unit as "to", factor from unit_conversions
           where tenant_id = $1 and item = any($2) and deleted_at is null
           order by item, from_unit, to_unit"#,
        tenant,
        items,
    )
    .fetch_all(tx.conn())
    .await
}

/// The attributes of items, each with its values.
pub(super) async fn attributes(tx: &mut Tx) -> Result<Vec<(String, Vec<String>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select attribute, choices from item_attributes where tenant_id = $1 and deleted_at is null",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.attribute, row.choices)).collect())
}

/// The variants of these items: the item, of which, and by what it differs.
pub(super) async fn variants(
    tx: &mut Tx,
    models: &[String],
) -> Result<Vec<(String, String, Vec<String>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select item, variant_of as "variant_of!", variant from items
           where tenant_id = $1 and variant_of = any($2) and deleted_at is null"#,
        tenant,
        models,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.item, row.variant_of, row.variant)).collect())
}

/// Those of these items that are variants themselves.
pub(super) async fn variants_among(tx: &mut Tx, items: &[String]) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select item from items where tenant_id = $1 and item = any($2) and variant_of is not null",
        tenant,
        items,
    )
    .fetch_all(tx.conn())
    .await
}
