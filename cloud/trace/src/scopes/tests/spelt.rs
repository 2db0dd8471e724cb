//! Codes that were typed otherwise than events have them.

use axum::http::StatusCode;
use platform::ctx::Plants;
use platform::web::Scope;
use proto::v1::{Role, Stage};
use serde_json::{Value, json};

use super::oven;
use super::web::Web;
use crate::testing::{Say, event, example, uid};

async fn total(web: &Web, criteria: Value) -> Value {
    hints(web, criteria).await.0
}

/// How many units fit, and what nothing is called.
async fn hints(web: &Web, criteria: Value) -> (Value, Value) {
    let asked = json!({ "criteria": criteria });
    let (status, told) = web.json("POST", "/api/v1/scopes/preview", asked).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    (told["total"].clone(), told["hints"].clone())
}

/// Paths and names of hints.
fn told(hints: &Value) -> Vec<(&str, &str)> {
    fn text<'a>(hint: &'a Value, field: &str) -> &'a str {
        hint[field].as_str().unwrap()
    }
    hints.as_array().unwrap().iter().map(|hint| (text(hint, "path"), text(hint, "value"))).collect()
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
    let asked = json!({ "criteria": { "event": { "machine": "baker" } } });
    let (_, told) = web.json("POST", "/api/v1/scopes/preview", asked).await;
    assert_eq!((&told["total"], &told["hints"]), (&json!(4), &json!([])), "{told}");
}

#[tokio::test]
async fn what_no_event_names_is_told_beside_the_answer() {
    let site = oven().await;
    let web = Web::new(&site).await;
    let either = json!({ "any": [{ "event": { "machine": "oven-1" } }, { "event": { "machine": "PLC9" } }] });
    let hint = json!([{ "path": "any[1].event.machine", "value": "PLC9" }]);
    assert_eq!(hints(&web, either).await, (json!(2), hint));
    let all = json!({ "all": [
        { "event": { "machine": "m", "station": "s", "operator": "o", "operation": "p", "plant": "XYZ", "reason": "r" } },
        { "not": { "reading": { "name": "n", "outside": true } } },
    ] });
    let (total, told) = hints(&web, all).await;
    let told: Vec<&str> =
        told.as_array().unwrap().iter().map(|hint| hint["path"].as_str().unwrap()).collect();
    let fields = ["machine", "station", "operator", "operation", "plant", "reason"];
    let mut expected: Vec<String> = fields.map(|field| format!("all[0].event.{field}")).to_vec();
    expected.push("all[1].not.reading.name".to_owned());
    assert_eq!(total, 0);
    assert_eq!(told, expected);
    // At the plants of somebody who sees no more, there is no such machine.
    let visitor = Web::of(&site.db.db, site.tenant, Scope::Write, Plants::some(["VSK"])).await;
    let hint = json!([{ "path": "event.machine", "value": "OVEN-1" }]);
    assert_eq!(hints(&visitor, json!({ "event": { "machine": "OVEN-1" } })).await, (json!(0), hint));
    let (status, page) = web.get("/suspects?machine=PLC9").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Machine “PLC9”: no event of yours names it."), "{page}");
    let (_, page) = web.get("/suspects?machine=oven-1").await;
    assert!(page.contains("2 units") && !page.contains("no event of yours"), "{page}");
}

#[tokio::test]
async fn what_no_unit_is_of_is_told_too() {
    let mut site = oven().await;
    example(&mut site);
    site.settle().await;
    site.sql(
        "insert into orders (tenant_id, type, number, plant, partner)
         values (app.tenant(), 'so', 'SO-1', 'KOL', 'ACME')",
    )
    .await;
    let web = Web::new(&site).await;
    let (lot, other) = ("01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002");
    let of = |item: &str, lot: &str, [supplier_lot, supplier]: [&str; 2], document: &str, customer: &str| {
        json!({ "any": [
            { "is": { "item": item } },
            { "contains": { "lot": lot } },
            { "contains": { "supplier_lot": supplier_lot, "supplier": supplier } },
            { "event": { "document": document } },
            { "event": { "customer": customer } },
        ] })
    };
    let all = |values: [&'static str; 6]| {
        let paths = [
            "any[0].is.item",
            "any[1].contains.lot",
            "any[2].contains.supplier_lot",
            "any[2].contains.supplier",
            "any[3].event.document",
            "any[4].event.customer",
        ];
        paths.into_iter().zip(values).collect::<Vec<_>>()
    };
    let (total, strange) = hints(&web, of("NONE", other, ["HEAT-9", "NOBODY"], "GRN-9", "STRANGER")).await;
    assert_eq!(total, 0);
    assert_eq!(told(&strange), all(["NONE", other, "HEAT-9", "NOBODY", "GRN-9", "STRANGER"]));
    let known = of("steel-10", lot, ["heat-77", "xyz"], "GRN-2025-045", "acme");
    assert_eq!(hints(&web, known.clone()).await, (json!(1), json!([])));
    // To somebody of another plant, what this one has is as what there is not, and as it was typed.
    let visitor = Web::of(&site.db.db, site.tenant, Scope::Write, Plants::some(["VSK"])).await;
    let (total, theirs) = hints(&visitor, known.clone()).await;
    assert_eq!(total, 0);
    assert_eq!(told(&theirs), all(["steel-10", lot, "heat-77", "xyz", "GRN-2025-045", "acme"]));
    let own = Web::of(&site.db.db, site.tenant, Scope::Write, Plants::some(["KOL"])).await;
    let (total, theirs) = hints(&own, known).await;
    assert_eq!((total, told(&theirs)), (json!(1), vec![("any[4].event.customer", "acme")]));
    let (_, page) = web.get("/suspects?item=NONE").await;
    assert!(page.contains("Item “NONE”: no unit of yours is of it."), "{page}");
}
