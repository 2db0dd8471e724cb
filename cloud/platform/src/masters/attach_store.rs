//! SQL of what files of masters' rows ask: whether there is a row, and of which plants.

use sqlx::Error;

use super::Master;
use super::places::Place;
use super::store::{quoted, scalar};
use crate::db::Tx;

/// Whether there is a row of this key, deleted or not, that the transaction's plants
/// show.
pub(super) async fn row_stands(tx: &mut Tx, master: &Master, key: &[&str]) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let at =
        master.key.iter().enumerate().map(|(at, name)| format!("t.{}::text = ${}", quoted(name), at + 2));
    let mut conditions: Vec<String> = at.collect();
    if let Some(member) = master.member {
        conditions.push(format!("t.{}", quoted(member.column)));
    }
    let plants = tx.plants().codes();
    let number = key.len() + 2;
    let place = place_of(master).map(|place| {
        let column = quoted(place.field());
        match place {
            Place::One(_) => format!("(coalesce(t.{column}, '') = '' or t.{column} = any(${number}))"),
            Place::Several(_) => format!("(t.{column} = '{{}}' or t.{column} && ${number})"),
        }
    });
    let place = place.filter(|_| plants.is_some());
    conditions.extend(place.clone());
    let sql = format!(
        "select exists (select from {} t where t.tenant_id = $1 and {})",
        quoted(master.table),
        conditions.join(" and "),
    );
    let mut statement = scalar::<bool>(sql).bind(tenant);
    for part in key {
        statement = statement.bind((*part).to_owned());
    }
    if place.is_some() {
        statement = statement.bind(plants);
    }
    statement.fetch_one(tx.conn()).await
}

/// The plants of the row of this key, deleted or not; none where it is everybody's, and
/// where there is no such row.
pub(super) async fn row_plants(tx: &mut Tx, master: &Master, key: &[&str]) -> Result<Vec<String>, Error> {
    let plants = match place_of(master) {
        Some(Place::One(column)) => format!("array_remove(array[coalesce(t.{}, '')], '')", quoted(column)),
        Some(Place::Several(column)) => format!("coalesce(t.{}, '{{}}')", quoted(column)),
        None => return Ok(Vec::new()),
    };
    let at =
        master.key.iter().enumerate().map(|(at, name)| format!("t.{}::text = ${}", quoted(name), at + 2));
    let sql = format!(
        "select {plants} from {} t where t.tenant_id = $1 and {}",
        quoted(master.table),
        at.collect::<Vec<_>>().join(" and "),
    );
    let mut statement = scalar::<Vec<String>>(sql).bind(tx.tenant());
    for part in key {
        statement = statement.bind((*part).to_owned());
    }
    Ok(statement.fetch_optional(tx.conn()).await?.unwrap_or_default())
}

/// How rows of a master belong to plants, by its declaration alone.
pub(super) fn place_of(master: &Master) -> Option<Place> {
    let has = |name: &str| master.fields.iter().any(|field| field.name == name);
    has("plant").then_some(Place::One("plant")).or_else(|| has("plants").then_some(Place::Several("plants")))
}
