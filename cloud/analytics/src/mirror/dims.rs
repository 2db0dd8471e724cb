//! Codes as numbers: each code of a dimension is a small number in the facts, so that
//! questions read little.

use std::collections::{BTreeSet, HashMap};

use chrono::{Datelike, NaiveDate};
use duckdb::{Connection, params};
use uuid::Uuid;

use super::schema::DIMENSIONS;
use super::value::days;

/// A list of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after their tables")]
pub enum Dim {
    Agent,
    Plant,
    Item,
    Station,
    Machine,
    Operator,
    Shift,
    Operation,
    Reason,
    Supplier,
    Customer,
    Reading,
    Lot,
    PurchaseOrder,
    SalesOrder,
}

/// All codes of a mirror, and those that its file has not yet.
#[derive(Debug, Default)]
pub struct Dims {
    lists: [HashMap<(i32, String), i32>; DIMENSIONS.len()],
    fresh: Vec<(usize, i32, i32, String)>,
    days: BTreeSet<i32>,
    fresh_days: Vec<NaiveDate>,
}

impl Dims {
    /// Those of a file.
    pub fn read(conn: &Connection) -> duckdb::Result<Self> {
        let mut all = Self::default();
        for (list, name) in all.lists.iter_mut().zip(DIMENSIONS) {
            let mut asked = conn.prepare(&format!("select plant, code, id from dim_{name}"))?;
            let mut rows = asked.query([])?;
            while let Some(row) = rows.next()? {
                list.insert((row.get(0)?, row.get(1)?), row.get(2)?);
            }
        }
        let mut asked = conn.prepare("select datediff('day', date '1970-01-01', day) from dim_date")?;
        let mut rows = asked.query([])?;
        while let Some(row) = rows.next()? {
            let day: i64 = row.get(0)?;
            all.days.insert(i32::try_from(day).unwrap_or_default());
        }
        Ok(all)
    }

    /// The number of a code, of a plant's own list where `plant` is not 0. The empty code
    /// is 0.
    pub fn id(&mut self, dim: Dim, plant: i32, code: &str) -> i32 {
        if code.is_empty() {
            return 0;
        }
        let at = dim as usize;
        let Some(list) = self.lists.get_mut(at) else {
            return 0;
        };
        // DuckDB takes no NUL within a text, and Postgres has none.
        if let Some(id) = list.get(&(plant, code.to_owned())) {
            return *id;
        }
        let id = i32::try_from(list.len()).unwrap_or(i32::MAX);
        list.insert((plant, code.to_owned()), id);
        self.fresh.push((at, id, plant, code.to_owned()));
        id
    }

    /// Codes of which Postgres knows more than the code.
    #[must_use]
    pub fn named(&self) -> Codes {
        let codes = |dim: Dim| self.lists[dim as usize].keys().map(|(_, code)| code.clone());
        Codes {
            items: codes(Dim::Item).collect(),
            partners: codes(Dim::Supplier).chain(codes(Dim::Customer)).collect(),
            lots: codes(Dim::Lot).filter_map(|lot| lot.parse().ok()).collect(),
            purchase_orders: codes(Dim::PurchaseOrder).collect(),
            sales_orders: codes(Dim::SalesOrder).collect(),
        }
    }

    /// Notes a day for the dimension of dates.
    pub fn day(&mut self, day: NaiveDate) {
        if self.days.insert(days(day)) {
            self.fresh_days.push(day);
        }
    }

    /// Writes what is new, in the transaction of the facts that need it. `name` gives a
    /// code's name and kind.
    pub fn write(
        &mut self,
        conn: &Connection,
        name: impl Fn(Dim, &str) -> (String, String),
    ) -> duckdb::Result<()> {
        // Those of a table after each other: a step may bring thousands of lots.
        self.fresh.sort_by_key(|(at, ..)| *at);
        for of_table in self.fresh.chunk_by(|one, next| one.0 == next.0) {
            let Some((at, ..)) = of_table.first() else { continue };
            let mut rows = conn.appender(&format!("dim_{}", DIMENSIONS[*at]))?;
            for (at, id, plant, code) in of_table {
                let (name, kind) = name(ALL[*at], code);
                rows.append_row(params![id, plant, code, name, kind])?;
            }
            rows.flush()?;
        }
        self.fresh.clear();
        for day in self.fresh_days.drain(..) {
            let (week, weekday) = (day.iso_week().week() as i32, day.weekday().number_from_monday() as i32);
            conn.execute(
                "insert into dim_date values (date '1970-01-01' + ?::integer, ?, ?, ?, ?)",
                params![days(day), day.year(), day.month() as i32, week, weekday],
            )?;
        }
        Ok(())
    }
}

/// Gives codes the names and kinds that they have now, within a transaction. Answers whether
/// a lot or an order is somebody else's than it was.
pub fn rename(conn: &Connection, names: &Names) -> duckdb::Result<bool> {
    conn.execute_batch(
        "create or replace temp table named (dim integer, code varchar, name varchar, kind varchar)",
    )?;
    let mut rows = conn.appender("named")?;
    for ((dim, code), (name, kind)) in names {
        rows.append_row(params![i32::from(*dim), code, name, kind])?;
    }
    rows.flush()?;
    drop(rows);
    let mut moved = false;
    for dim in
        [Dim::Item, Dim::Supplier, Dim::Customer, Dim::Plant, Dim::Lot, Dim::PurchaseOrder, Dim::SalesOrder]
    {
        let table = DIMENSIONS[dim as usize];
        let changed = conn.execute(
            &format!(
                "update dim_{table} set name = n.name, kind = n.kind from named n \
                 where n.dim = ? and n.code = dim_{table}.code \
                   and (n.name <> dim_{table}.name or n.kind <> dim_{table}.kind)"
            ),
            params![dim as i32],
        )?;
        moved |= changed > 0 && matches!(dim, Dim::Lot | Dim::PurchaseOrder | Dim::SalesOrder);
    }
    conn.execute_batch("drop table named")?;
    Ok(moved)
}

/// Codes of which Postgres knows more than the code.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "named as the dimensions are")]
pub struct Codes {
    pub items: Vec<String>,
    pub partners: Vec<String>,
    pub lots: Vec<Uuid>,
    pub purchase_orders: Vec<String>,
    pub sales_orders: Vec<String>,
}

/// Name and kind of codes, by dimension and code.
pub type Names = HashMap<(u8, String), (String, String)>;

/// In the order of [`DIMENSIONS`].
pub const ALL: [Dim; DIMENSIONS.len()] = [
    Dim::Agent,
    Dim::Plant,
    Dim::Item,
    Dim::Station,
    Dim::Machine,
    Dim::Operator,
    Dim::Shift,
    Dim::Operation,
    Dim::Reason,
    Dim::Supplier,
    Dim::Customer,
    Dim::Reading,
    Dim::Lot,
    Dim::PurchaseOrder,
    Dim::SalesOrder,
];
