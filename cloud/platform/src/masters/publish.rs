//! What plants are told of masters, in the shapes that `edge-agent`'s `reference`
//! reads; the same as `cloud seed` tells them.

use serde_json::{Value, json};

use super::declare::Told;
use super::{Row, text_of as text};
use crate::reference::{self, row_id};

/// Items: every plant has all, and what is other there besides.
pub(super) const ITEM: Told = Told { kind: "item", rows: item, subjects: item_subjects };
/// Operators: the plants where they work.
pub(super) const OPERATOR: Told = Told { kind: "operator", rows: operator, subjects: operator_subjects };
/// Reasons: every plant has all.
pub(super) const REASON: Told = Told { kind: "reason", rows: reason, subjects: reason_subjects };
/// Bins: the locations of one plant.
pub(super) const BIN: Told = Told { kind: "location", rows: bin, subjects: bin_subjects };

fn of(row: &Row, name: &str) -> Value {
    row.get(name).cloned().unwrap_or_default()
}

/// Texts by language. Stations fall back to the English one: where there is none, the
/// name in the tenant's language stands there.
fn in_languages(row: &Row, column: &str) -> Value {
    let mut texts = row.get(column).and_then(Value::as_object).cloned().unwrap_or_default();
    texts.entry("en").or_insert_with(|| of(row, "name"));
    Value::Object(texts)
}

fn everywhere(kind: &str, id: &str, body: Value, deleted: bool) -> Vec<reference::Row> {
    vec![reference::Row { kind: kind.to_owned(), id: row_id(id, None), plant: None, body, deleted }]
}

fn item(row: &Row, deleted: bool, plants: &[String]) -> Vec<reference::Row> {
    let body = json!({
        "item": of(row, "item"),
        "names": in_languages(row, "names"),
        "type_code": of(row, "type_code"),
        "base_unit": of(row, "base_unit"),
        "tracking": of(row, "tracking"),
        "gtin": of(row, "gtin"),
        "shelf_life_days": of(row, "shelf_life_days"),
        "inspect": of(row, "inspect"),
    });
    let mut told = everywhere("item", text(row, "item"), body, deleted);
    told.extend(plants.iter().filter_map(|plant| item_here(row, deleted, plant)));
    told
}

/// What plants are told of an item that is other there.
const HERE: [&str; 2] = ["shelf_life_days", "inspect"];

/// What is other at a plant; withdrawn where nothing is. `None` of a row that was read
/// without the values of plants.
fn item_here(row: &Row, deleted: bool, plant: &str) -> Option<reference::Row> {
    let at = |name: &str| row.get(&format!("{name}@{plant}"));
    if HERE.iter().all(|name| at(name).is_none()) {
        return None;
    }
    let mut body = Row::new();
    body.insert("item".to_owned(), of(row, "item"));
    for name in HERE {
        if let Some(value) = at(name).filter(|value| !value.is_null()) {
            body.insert(name.to_owned(), value.clone());
        }
    }
    Some(reference::Row {
        kind: "item_here".to_owned(),
        id: row_id(text(row, "item"), Some(plant)),
        plant: Some(plant.to_owned()),
        deleted: deleted || body.len() == 1,
        body: body.into(),
    })
}

fn item_subjects(row: &Row) -> Vec<String> {
    vec![format!("item:{}", text(row, "item"))]
}

fn reason(row: &Row, deleted: bool, _: &[String]) -> Vec<reference::Row> {
    let body = json!({ "reason": of(row, "reason"), "purpose": of(row, "purpose"), "texts": in_languages(row, "texts") });
    everywhere("reason", text(row, "reason"), body, deleted)
}

fn reason_subjects(row: &Row) -> Vec<String> {
    vec![format!("reason:{}", text(row, "reason"))]
}

/// For the plants of the operator and no other; for all when there are none.
fn operator(row: &Row, deleted: bool, plants: &[String]) -> Vec<reference::Row> {
    let works = row.get("plants").and_then(Value::as_array).cloned().unwrap_or_default();
    let badge = text(row, "badge_hash");
    let body = json!({
        "operator": of(row, "operator_id"),
        "name": of(row, "name"),
        "badge_sha256": badge.strip_prefix("\\x").unwrap_or(badge),
        "pin_hash": of(row, "pin_hash"),
        "language": of(row, "language"),
        "supervisor": of(row, "supervisor"),
    });
    let each = std::iter::once(None).chain(plants.iter().map(|plant| Some(plant.as_str())));
    each.map(|plant| {
        let here = plant.map_or(works.is_empty(), |plant| works.iter().any(|works| works == plant));
        reference::Row {
            kind: "operator".to_owned(),
            id: row_id(text(row, "operator_id"), plant),
            plant: plant.map(str::to_owned),
            body: body.clone(),
            deleted: deleted || !here,
        }
    })
    .collect()
}

fn operator_subjects(row: &Row) -> Vec<String> {
    let id = text(row, "operator_id");
    let works = row.get("plants").and_then(Value::as_array).cloned().unwrap_or_default();
    let plants =
        works.iter().filter_map(Value::as_str).map(|plant| format!("operator:{}", row_id(id, Some(plant))));
    plants.chain([format!("operator:{id}")]).collect()
}

fn bin(row: &Row, deleted: bool, _: &[String]) -> Vec<reference::Row> {
    let plant = text(row, "plant");
    vec![reference::Row {
        kind: "location".to_owned(),
        id: row_id(text(row, "bin"), Some(plant)),
        plant: Some(plant.to_owned()),
        body: json!({ "location": of(row, "bin"), "name": of(row, "name") }),
        deleted,
    }]
}

fn bin_subjects(row: &Row) -> Vec<String> {
    vec![format!("location:{}", row_id(text(row, "bin"), Some(text(row, "plant"))))]
}
