//! The JSON that plants are sent, as `edge-agent`'s `reference` reads it.
//! Quantities are decimal texts.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use super::model::{self, Texts};

#[derive(Serialize)]
struct Item<'a> {
    item: &'a str,
    names: &'a Texts,
    type_code: &'a str,
    base_unit: &'a str,
    tracking: &'a str,
    gtin: Option<&'a str>,
    shelf_life_days: Option<i32>,
    inspect: bool,
}

#[derive(Serialize)]
struct BomLine<'a> {
    parent: &'a str,
    line: i32,
    child: &'a str,
    quantity: Decimal,
    operation: &'a str,
}

#[derive(Serialize)]
struct Order<'a> {
    r#type: &'a str,
    number: &'a str,
    partner: &'a str,
    partner_place: &'a str,
    item: &'a str,
    quantity: Option<Decimal>,
    ordered_at: DateTime<Utc>,
    due_on: Option<NaiveDate>,
    lines: Vec<OrderLine<'a>>,
}

#[derive(Serialize)]
struct OrderLine<'a> {
    line: i32,
    item: &'a str,
    quantity: Decimal,
    unit: &'a str,
}

#[derive(Serialize)]
struct Operator<'a> {
    operator: &'a str,
    name: &'a str,
    badge_sha256: &'a str,
    pin_hash: Option<&'a str>,
    language: &'a str,
    supervisor: bool,
}

#[derive(Serialize)]
struct Reason<'a> {
    reason: &'a str,
    purpose: &'a str,
    texts: &'a Texts,
}

#[derive(Serialize)]
struct Location<'a> {
    location: &'a str,
    name: &'a str,
}

/// Plain structs of texts and numbers always have a JSON form.
fn json(row: impl Serialize) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}

pub(super) fn item(row: &model::Item) -> Value {
    json(Item {
        item: &row.item,
        names: &row.names,
        type_code: &row.type_code,
        base_unit: &row.base_unit,
        tracking: &row.tracking,
        gtin: row.gtin.as_deref(),
        shelf_life_days: row.shelf_life_days,
        inspect: row.inspect,
    })
}

pub(super) fn bom_line(row: &model::BomLine) -> Value {
    json(BomLine {
        parent: &row.parent,
        line: row.line,
        child: &row.child,
        quantity: row.quantity,
        operation: &row.operation,
    })
}

/// `place` is the partner's; `unit` names the base unit of an item.
pub(super) fn order<'a>(row: &'a model::Order, place: &'a str, unit: impl Fn(&str) -> &'a str) -> Value {
    let lines = row.lines.iter().map(|line| OrderLine {
        line: line.line,
        item: &line.item,
        quantity: line.quantity,
        unit: unit(&line.item),
    });
    json(Order {
        r#type: row.kind,
        number: &row.number,
        partner: &row.partner,
        partner_place: place,
        item: &row.item,
        quantity: row.quantity,
        ordered_at: row.ordered_at,
        due_on: row.due_on,
        lines: lines.collect(),
    })
}

pub(super) fn operator(row: &model::Operator, badge_sha256: &str, pin_hash: Option<&str>) -> Value {
    json(Operator {
        operator: &row.operator,
        name: &row.name,
        badge_sha256,
        pin_hash,
        language: &row.language,
        supervisor: row.supervisor,
    })
}

pub(super) fn reason(row: &model::Reason) -> Value {
    json(Reason { reason: &row.reason, purpose: &row.purpose, texts: &row.texts })
}

pub(super) fn location(row: &model::Location) -> Value {
    json(Location { location: &row.location, name: &row.name })
}
