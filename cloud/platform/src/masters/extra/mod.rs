//! Fields of a row that lie beside its table: those that a tenant added (custom
//! fields, `custom.colour`), and values of single plants (`lead_time_days@KOL`).
//! To the engine they are columns like others: forms, files, lists, history and the
//! API have them by themselves.
//!
//! Tables: `custom_fields` (a master), `custom_values`, `plant_values`.

mod field;
mod judge;
mod lacking;
mod sorted;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

pub(super) use field::by_range;
pub(super) use judge::judge;
pub(super) use lacking::{lacking, said};
pub(super) use sorted::{narrow, sorted};
pub(super) use store::{Bounds, users_of};

use super::kind::Kind;
use super::shape::{Column, Lies, Reference, Shape, Shapes, Target};
use super::{MastersError, Row};
use crate::db::Tx;
use crate::personal;
use crate::tenancy;

/// Before the name of a tenant's own field.
pub(super) const OWN: &str = "custom.";
/// Most own fields of a master.
pub(super) const MOST_FIELDS: usize = 40;

/// The masters, with the fields that the tenant and the transaction's plants add to one of
/// them, and the tenant's language.
///
/// # Errors
/// Those of the database.
pub(super) async fn widened(
    tx: &mut Tx,
    shapes: &Arc<Shapes>,
    name: &str,
) -> Result<Arc<Shapes>, MastersError> {
    let shape = shapes.find(name)?;
    let (language, fields) = store::fields(tx, name).await?;
    let mut columns: Vec<Column> = Vec::new();
    let mut references: Vec<Reference> = Vec::new();
    let of_people = personal::Kind::of_master(name).is_some();
    for own in fields {
        let (column, refers) = field::column(own, of_people);
        if let Some(target) = refers.and_then(|refers| target(shapes, &refers)) {
            references.push(Reference { columns: vec![column.name.clone()], target, several: false });
        }
        columns.push(column);
    }
    if shape.columns.iter().any(|column| column.field.per_plant) {
        let mut plants = tenancy::plant_codes(tx).await?;
        plants.retain(|plant| tx.plants().has(plant));
        for central in shape.columns.iter().filter(|column| column.field.per_plant) {
            for plant in &plants {
                let column = field::at_plant(central, plant);
                if let Some(table) = central.field.at_plant {
                    references.push(of_plant(shapes, table, &column.name, plant)?);
                }
                columns.push(column);
            }
        }
    }
    if columns.is_empty() && language == shape.language {
        return Ok(Arc::clone(shapes));
    }
    Ok(Arc::new(shapes.with(Shape { language, ..shape.wider(columns, references) })))
}

/// What an own field refers to.
fn target(shapes: &Shapes, refers: &str) -> Option<Target> {
    let master = shapes.find(refers).ok()?.master;
    let columns = master.key.iter().map(|key| (*key).to_owned()).collect();
    Some(Target { table: master.table.to_owned(), columns, title: master.title.to_owned() })
}

/// A value of a plant refers to a row of that plant.
fn of_plant(shapes: &Shapes, table: &str, name: &str, plant: &str) -> Result<Reference, MastersError> {
    let target = target(shapes, table).ok_or(MastersError::NotFound)?;
    Ok(Reference { columns: vec![format!("@{plant}"), name.to_owned()], target, several: false })
}

/// Adds the values beside the table to rows that were read.
///
/// # Errors
/// Those of the database.
pub(super) async fn fill(tx: &mut Tx, shape: &Shape, rows: &mut [&mut Row]) -> Result<(), sqlx::Error> {
    if !shape.is_wider() || rows.is_empty() {
        return Ok(());
    }
    let at: HashMap<String, usize> =
        rows.iter().enumerate().map(|(at, row)| (shape.key_of(row), at)).collect();
    let keys: Vec<String> = at.keys().cloned().collect();
    let mut put = |key: &str, name: String, text: String| {
        let column = shape.column(&name)?;
        // What a field does not allow any more is still shown.
        let value = column.kind.read(&text).unwrap_or_else(|_| text.into());
        rows.get_mut(*at.get(key)?)?.insert(name, value)
    };
    if shape.columns.iter().any(|column| column.lies == Lies::Own) {
        for (key, field, text) in store::own_values(tx, shape.master.name, &keys).await? {
            put(&key, format!("{OWN}{field}"), text);
        }
    }
    if shape.columns.iter().any(|column| column.lies == Lies::Plant) {
        for (key, field, plant, text) in store::plant_values(tx, shape.master.name, &keys).await? {
            put(&key, format!("{field}@{plant}"), text);
        }
    }
    Ok(())
}

/// Whether a row is as it was beside its table.
pub(super) fn same(shape: &Shape, before: &Row, after: &Row) -> bool {
    let beside = shape.columns.iter().filter(|column| column.lies != Lies::Table);
    let of = |row: &Row, name: &str| row.get(name).cloned().unwrap_or_default();
    let mut names = beside.map(|column| column.name.as_str());
    names.all(|name| of(before, name) == of(after, name))
}

/// Writes what changed beside the table: of each row, how it was and how it is.
///
/// # Errors
/// Those of the database.
pub(super) async fn write(
    tx: &mut Tx,
    shape: &Shape,
    rows: &[(Option<&Row>, &Row)],
) -> Result<(), sqlx::Error> {
    if !shape.is_wider() {
        return Ok(());
    }
    let mut changes = store::Changes::default();
    for (before, after) in rows {
        let key = shape.key_of(after);
        for column in shape.columns.iter().filter(|column| column.lies != Lies::Table) {
            let was = before.and_then(|before| before.get(&column.name)).unwrap_or(&Value::Null);
            let is = after.get(&column.name).unwrap_or(&Value::Null);
            if was == is {
                continue;
            }
            let text = (!is.is_null()).then(|| Kind::plain(is));
            match column.name.split_once('@') {
                Some((field, plant)) => changes.plant(&key, field, plant, text),
                None => {
                    let field = column.name.trim_start_matches(OWN);
                    let sorted = text.as_ref().map(|text| sorted(&column.kind, text));
                    changes.own(&key, field, text, sorted);
                }
            }
        }
    }
    changes.write(tx, shape.master.name).await
}

/// A row as it is at a plant: the plant's own values in the place of those for all.
#[must_use]
pub fn at_plant(shape: &Shape, row: &Row, plant: &str) -> Row {
    let mut there = row.clone();
    for column in shape.columns.iter().filter(|column| column.lies == Lies::Plant) {
        let value = there.remove(&column.name);
        if let (Some((field, of)), Some(value)) = (column.name.split_once('@'), value)
            && of == plant
            && !value.is_null()
        {
            there.insert(field.to_owned(), value);
        }
    }
    there
}
