//! Codes that were typed otherwise than events have them.

use axum::http::StatusCode;
use proto::v1::{Role, Stage};
use serde_json::{Value, json};

use super::oven;
use super::web::Web;
use crate::testing::{Say, event, uid};

async fn total(web: &Web, criteria: Value) -> Value {
    let asked = json!({ "criteria": criteria });
    let (status, told) = web.json("POST", "/api/v1/scopes/preview", asked).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    told["total"].clone()
}

#[tokio::test]
async fn a_code_is_found_in_whatever_case_it_was_typed() {
    let mut site = oven().await;
    let mut packed = event(Stage::Storage, "2025-01-20T15:00:00Z")
        .part(&uid("KOL", "FG", 6), Role::Subject)
        .document("recadv", "GRN-7");
    packed.machine = "Crane-2b".into();
    packed.reason = "late".into();
    site.say("KOL", packed);
    site.settle().await;
    let web = Web::new(&site).await;
    for (criteria, units) in [
        (json!({ "event": { "machine": "oven-1", "operation": "Cure" } }), 2),
        (json!({ "event": { "station": "Oven", "plant": "kol" } }), 4),
        (json!({ "event": { "operator": "OP-7" } }), 4),
        (json!({ "reading": { "name": "Temperature", "machine": "Oven-1", "outside": true } }), 2),
        (json!({ "event": { "machine": "CRANE-2B" } }), 1),
        (json!({ "event": { "reason": "LATE" } }), 1),
        (json!({ "event": { "document": "grn-7" } }), 1),
        (
            json!({ "all": [{ "is": { "item": "motor" } }, { "not": { "event": { "station": "store" } } }] }),
            5,
        ),
        (json!({ "event": { "machine": "OVEN-2" } }), 0),
    ] {
        assert_eq!(total(&web, criteria.clone()).await, units, "{criteria}");
    }
    // A scope keeps what was understood.
    let wish = json!({ "name": "Oven", "criteria": { "event": { "machine": "oven-1" } } });
    let (status, kept) = web.json("POST", "/api/v1/scopes", wish).await;
    assert_eq!((status, &kept["members"]), (StatusCode::CREATED, &json!(2)), "{kept}");
    assert_eq!(kept["criteria"], json!({ "event": { "machine": "OVEN-1" } }));
    // Where both are called something, each is what was typed.
    let mut other = event(Stage::Storage, "2025-01-20T16:00:00Z").part(&uid("KOL", "FG", 6), Role::Subject);
    other.machine = "oven-1".into();
    site.say("KOL", other);
    site.settle().await;
    assert_eq!(total(&web, json!({ "event": { "machine": "oven-1" } })).await, 1);
    assert_eq!(total(&web, json!({ "event": { "machine": "OVEN-1" } })).await, 2);
}

#[tokio::test]
async fn a_machine_that_stands_alone_at_its_station_is_found_in_any_case() {
    let site = oven().await;
    site.sql(
        "insert into stations (tenant_id, plant, station, name) values (app.tenant(), 'KOL', 'OVEN', 'Oven');
         insert into machines (tenant_id, machine, name, plant, station) values
             (app.tenant(), 'BAKER', 'Baker', 'KOL', 'OVEN');",
    )
    .await;
    let web = Web::new(&site).await;
    assert_eq!(total(&web, json!({ "event": { "machine": "baker" } })).await, 4);
}
