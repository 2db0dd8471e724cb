//! Both sides of an exception: each fact as it stands, with what it says of the unit. What
//! opened the exception may have known no more of it than its place in a stream.

use std::collections::HashMap;

use platform::ctx::Plants;
use platform::db::Tx;
use serde_json::{Map, Value, json};
use uid::TenantCode;

use super::kinds;
use super::store::{self, Row, SideRow};
use crate::explore::names;
use crate::explore::order::Stamp;
use crate::explore::service::uid_text;

/// Where a detail tells of a fact.
const SIDES: [&str; 4] = ["fact", "against", "first", "second"];

/// Fills in what is known of the facts on both sides; what a detail says already stays.
///
/// # Errors
/// The database.
pub(super) async fn fill(tx: &mut Tx, tenant: TenantCode, rows: &mut [Row]) -> Result<(), sqlx::Error> {
    let mut asked: Vec<(Stamp, i64)> = rows.iter().flat_map(places).map(|(_, at, key)| (at, key)).collect();
    if asked.is_empty() {
        return Ok(());
    }
    asked.sort_unstable();
    asked.dedup();
    let found: HashMap<(Stamp, i64), Value> = store::sides(tx, &asked)
        .await?
        .into_iter()
        .map(|row| {
            let at = Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq };
            ((at, row.key), said(tenant, row))
        })
        .collect();
    for row in rows {
        for (side, at, key) in places(row) {
            let Some(Value::Object(more)) = found.get(&(at, key)) else { continue };
            join(&mut row.detail, side, more);
        }
    }
    Ok(())
}

/// What other plants keep to themselves of what they did, as in the history of a unit
/// ([`crate::explore::scope`]): how, where in the plant, by whom and with which documents.
const KEPT: [&str; 5] = ["station", "operator", "overridden_by", "reason", "reference"];

/// Takes that out of the sides that were told by plants at which one has no right. What happened,
/// when, at which plant, and what it says of the unit stays: it is what disagrees. Pure.
pub(super) fn limit(rows: &mut [Row], plants: &Plants) {
    if plants.is_all() {
        return;
    }
    for row in rows {
        for side in SIDES.into_iter().chain(["event"]) {
            let Some(Value::Object(side)) = row.detail.get_mut(side) else { continue };
            if plants.has(side.get("plant").and_then(Value::as_str).unwrap_or_default()) {
                continue;
            }
            for kept in KEPT {
                if let Some(told) = side.get_mut(kept) {
                    *told = Value::String(String::new());
                }
            }
        }
    }
}

/// The facts of an exception: on which side, where, and about which unit.
fn places(row: &Row) -> Vec<(&'static str, Stamp, i64)> {
    let key = row.key.unwrap_or_default();
    let told = SIDES.into_iter().filter_map(|side| {
        let at = kinds::place(row.detail.get(side)?)?;
        Some((side, at, key))
    });
    let mut all: Vec<_> = told.collect();
    let own = row.agent_id.zip(row.epoch).zip(row.seq);
    let shown =
        ["fact", "second", "event"].iter().any(|side| row.detail.get(side).is_some_and(Value::is_object));
    if let Some(((agent, epoch), seq)) = own.filter(|_| !shown && kinds::tells_a_fact(&row.kind)) {
        all.push(("fact", Stamp { agent, epoch, seq }, key));
    }
    all
}

/// Adds what a side does not say itself. Pure.
fn join(detail: &mut Value, side: &str, more: &Map<String, Value>) {
    let Some(detail) = detail.as_object_mut() else { return };
    let entry = detail.entry(side).or_insert(Value::Null);
    if !entry.is_object() {
        *entry = json!({});
    }
    let Some(entry) = entry.as_object_mut() else { return };
    for (name, value) in more {
        entry.entry(name.clone()).or_insert_with(|| value.clone());
    }
}

fn said(tenant: TenantCode, row: SideRow) -> Value {
    json!({
        "event_id": row.event_id,
        "agent": row.agent_id,
        "epoch": row.epoch,
        "seq": row.seq.to_string(),
        "stage": names::stage(row.stage).as_str_name(),
        "plant": row.plant,
        "station": row.station,
        "operator": row.operator_id,
        "overridden_by": row.overridden_by,
        "reason": row.reason,
        "reference": row.reference_number,
        "occurred_at": names::timestamp(row.occurred_at),
        "item": row.item.unwrap_or_default(),
        "quantity": row.quantity.map(|quantity| quantity.normalize().to_string()),
        "unit": row.unit.unwrap_or_default(),
        "whole": row.whole.map(|key| uid_text(tenant, key)),
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn row(kind: &str, detail: Value) -> Row {
        Row {
            exception_id: Uuid::nil(),
            kind: kind.into(),
            status: "open".into(),
            plant: String::new(),
            agent_id: Some(Uuid::from_u128(1)),
            epoch: Some(1),
            seq: Some(7),
            key: Some(5),
            document: String::new(),
            detail,
            opened_at: DateTime::UNIX_EPOCH,
            assigned_to: None,
            resolved_at: None,
            resolved_by: None,
            choice: None,
            resolution: None,
            version: 1,
        }
    }

    #[test]
    fn a_fact_that_waits_is_told_as_what_shows_it() {
        let at = |seq| Stamp { agent: Uuid::from_u128(1), epoch: 1, seq };
        let waits = row("uid.taken_out_of_nothing", json!({ "waits_for": "joining" }));
        assert_eq!(places(&waits), [("fact", at(7), 5)]);
        // One whose sides are told keeps them; of a stream as a whole there is none.
        let side = json!({ "agent": Uuid::from_u128(1), "epoch": 1, "seq": 3 });
        let twice = row("uid.second_birth", json!({ "first": side, "second": { "agent": "x" } }));
        assert_eq!(places(&twice), [("first", at(3), 5)]);
        assert_eq!(places(&row("stream.gap", json!({ "first": 7, "last": 9 }))), []);
    }

    #[test]
    fn of_another_plants_side_stage_time_plant_and_unit_are_told() {
        let side = |plant: &str| {
            json!({
                "stage": "CONSUME", "occurred_at": "2025-01-15T10:30:00Z", "plant": plant, "item": "STEEL",
                "quantity": "2", "unit": "kg", "whole": "UID-X", "seq": "7",
                "station": "CELL-1", "operator": "P-1", "overridden_by": "P-2", "reason": "R", "reference": "PO-1",
            })
        };
        let detail = json!({ "fact": side("KOL"), "against": side("VSK"), "hold": null });
        let limited = |plants: &Plants| {
            let mut rows = [row("uid.consumed_twice", detail.clone())];
            limit(&mut rows, plants);
            let [row] = rows;
            row.detail
        };
        assert_eq!(limited(&Plants::All), detail);
        assert_eq!(limited(&Plants::some(["KOL", "VSK"])), detail);
        let told = limited(&Plants::some(["KOL"]));
        assert_eq!(told["fact"], detail["fact"]);
        assert_eq!(
            told["against"],
            json!({
                "stage": "CONSUME", "occurred_at": "2025-01-15T10:30:00Z", "plant": "VSK", "item": "STEEL",
                "quantity": "2", "unit": "kg", "whole": "UID-X", "seq": "7",
                "station": "", "operator": "", "overridden_by": "", "reason": "", "reference": "",
            })
        );
        // A side of which nothing is known has nothing to keep.
        let mut rows =
            [row("uid.second_birth", json!({ "first": { "seq": 3 }, "second": "x", "event": null }))];
        limit(&mut rows, &Plants::some(["KOL"]));
        assert_eq!(rows[0].detail, json!({ "first": { "seq": 3 }, "second": "x", "event": null }));
    }

    #[test]
    fn what_a_detail_says_stays() {
        let mut detail = json!({ "first": { "seq": 3 }, "against": null });
        let more = json!({ "seq": "3", "stage": "GRN" });
        for side in ["first", "against"] {
            join(&mut detail, side, more.as_object().unwrap());
        }
        assert_eq!(
            detail,
            json!({ "first": { "seq": 3, "stage": "GRN" }, "against": { "seq": "3", "stage": "GRN" } })
        );
    }
}
