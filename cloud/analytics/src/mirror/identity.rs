//! What a unit is and whose, told after its facts: they follow. Facts name the unit, its lot
//! and the orders; item, supplier and customer beside them are what those say now, unless the
//! event itself said the item.

use std::collections::HashMap;

use duckdb::{Connection, params};

use super::dims::{Dim, Dims, Names, rename};
use super::error::MirrorError;
use super::file::File;
use super::marks::Act;
use super::names::{Identities, UnitRow};

/// Facts of a unit, and those that have a supplier.
const OF_UNITS: [&str; 3] = ["fact_lifecycle", "fact_reading", "fact_inspection"];
const SUPPLIED: [&str; 2] = ["fact_lifecycle", "fact_inspection"];

/// The suppliers and customers that lots and orders name are numbered as well.
pub(super) fn number_partners(dims: &mut Dims, names: &Names) {
    for ((dim, _), (_, whose)) in names {
        if *dim == Dim::Lot as u8 || *dim == Dim::PurchaseOrder as u8 {
            dims.id(Dim::Supplier, 0, whose);
        } else if *dim == Dim::SalesOrder as u8 {
            dims.id(Dim::Customer, 0, whose);
        }
    }
}

/// Name and kind of a code among those that were read.
pub(super) fn named(names: &Names) -> impl Fn(Dim, &str) -> (String, String) {
    move |dim, code| names.get(&(dim as u8, code.to_owned())).cloned().unwrap_or_default()
}

/// Within a transaction: facts of these units are of what those are now. `lots` says that a
/// lot or an order may be somebody else's.
pub(super) fn follow(
    conn: &Connection,
    dims: &mut Dims,
    units: &[UnitRow],
    names: &Names,
    lots: bool,
) -> duckdb::Result<()> {
    number_partners(dims, names);
    let mut now: HashMap<i64, (i32, i32)> = HashMap::with_capacity(units.len());
    for unit in units {
        let lot = unit.lot_id.map(|lot| lot.to_string()).unwrap_or_default();
        now.insert(unit.key, (dims.id(Dim::Item, 0, &unit.item), dims.id(Dim::Lot, 0, &lot)));
    }
    dims.write(conn, named(names))?;
    let mut moved = lots && rename(conn, names)?;
    if !now.is_empty() {
        conn.execute_batch("create or replace temp table unit_now (key bigint, item integer, lot integer)")?;
        let mut rows = conn.appender("unit_now")?;
        for (key, (item, lot)) in now {
            rows.append_row(params![key, item, lot])?;
        }
        rows.flush()?;
        drop(rows);
        for table in OF_UNITS {
            conn.execute_batch(&format!(
                "update {table} set item = u.item from unit_now u \
                 where {table}.key = u.key and not {table}.item_told and {table}.item <> u.item"
            ))?;
        }
        for table in SUPPLIED {
            let sql = format!(
                "update {table} set lot = u.lot from unit_now u \
                 where {table}.key = u.key and not {table}.lot_told and {table}.lot <> u.lot"
            );
            moved |= conn.execute(&sql, [])? > 0;
        }
        conn.execute_batch("drop table unit_now")?;
    }
    if moved {
        settle(conn)?;
    }
    Ok(())
}

/// Supplier and customer of every fact are what its lot and its orders say: of a lot without
/// a supplier the order's partner.
fn settle(conn: &Connection) -> duckdb::Result<()> {
    for table in SUPPLIED {
        conn.execute_batch(&format!(
            "update {table} set supplier = r.supplier from (
                 select d.lot, d.purchase_order, case when l.kind <> '' then ls.id else ps.id end as supplier
                 from (select distinct lot, purchase_order from {table}) d
                 join dim_lot l on l.id = d.lot join dim_supplier ls on ls.code = l.kind
                 join dim_purchase_order p on p.id = d.purchase_order join dim_supplier ps on ps.code = p.kind) r
             where {table}.lot = r.lot and {table}.purchase_order = r.purchase_order
               and {table}.supplier <> r.supplier"
        ))?;
    }
    conn.execute_batch(
        "update fact_lifecycle set customer = c.id
         from dim_sales_order o join dim_customer c on c.code = o.kind
         where o.id = fact_lifecycle.sales_order and fact_lifecycle.customer <> c.id",
    )
}

/// Takes in what the registry says of units of batches that it has come past.
///
/// # Errors
/// DuckDB; then the file is as it was.
pub(super) fn identify(file: &mut File, found: &Identities) -> Result<(), MirrorError> {
    let through = found.through;
    changed(file, move |conn, dims| {
        follow(conn, dims, &found.units, &found.names, true)?;
        conn.execute("update mirror set identified = ?", params![through])?;
        Ok(())
    })?;
    file.meta.identified = through;
    Ok(())
}

/// Gives codes the names that they have now, and facts the partners of lots and orders.
///
/// # Errors
/// DuckDB; then the file is as it was.
pub(super) fn renamed(file: &mut File, names: &Names) -> Result<(), MirrorError> {
    changed(file, |conn, dims| follow(conn, dims, &[], names, true))
}

fn changed(
    file: &mut File,
    change: impl FnOnce(&Connection, &mut Dims) -> duckdb::Result<()>,
) -> Result<(), MirrorError> {
    file.under(Act::Names, file.here(), |file| {
        let File { conn, dims, .. } = file;
        conn.execute_batch("begin")?;
        let done = change(conn, dims).and_then(|()| conn.execute_batch("commit"));
        if done.is_err() {
            // The transaction ends with the connection anyway.
            let _ = conn.execute_batch("rollback");
        }
        Ok(done?)
    })
}
