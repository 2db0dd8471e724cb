//! The exact JSON that plants get: the shapes of `edge-agent/src/reference`.

use serde_json::{Value, json};

use super::*;

async fn rows(test: &TestDb) -> BTreeMap<String, (String, Value)> {
    let rows: Vec<(String, String, String, Value)> = test
        .db
        .tx(&saif(test).await, async |tx| {
            let sql = "select kind, id, plant, body from reference_rows where not deleted";
            Ok::<_, DbError>(sqlx::query_as(sql).fetch_all(tx.conn()).await?)
        })
        .await
        .unwrap();
    rows.into_iter().map(|(kind, id, plant, body)| (format!("{kind} {id}"), (plant, body))).collect()
}

#[tokio::test]
async fn rows_have_the_shapes_that_agents_read() {
    let test = TestDb::new().await;
    run(&test, None).await;
    let rows = rows(&test).await;
    let expect = |key: &str, plant: &str, body: Value| {
        assert_eq!(rows.get(key), Some(&(plant.to_owned(), body)), "{key}");
    };
    expect(
        "item FG-ACTUATOR",
        "",
        json!({
            "item": "FG-ACTUATOR",
            "names": {
                "en": "Linear actuator", "hi": "रैखिक एक्चुएटर", "bn": "লিনিয়ার অ্যাকচুয়েটর", "te": "లీనియర్ యాక్చుయేటర్"
            },
            "type_code": "FG", "base_unit": "pcs", "tracking": "unit",
            "gtin": "08901234567890", "shelf_life_days": null, "inspect": true,
        }),
    );
    expect(
        "bom_line SF-GEARBOX/30",
        "",
        json!({
            "parent": "SF-GEARBOX", "line": 30, "child": "RM-STEEL-COIL", "quantity": "1.25", "operation": "SHAFT",
        }),
    );
    expect(
        "order po/PO-2025-001@KOL",
        "KOL",
        json!({
            "type": "po", "number": "PO-2025-001", "partner": "VENDOR-XYZ", "partner_place": "Vendor-XYZ",
            "item": "", "quantity": null, "ordered_at": "2025-01-15T10:30:00Z", "due_on": "2025-01-20",
            "lines": [
                { "line": 1, "item": "RM-GEAR", "quantity": "400", "unit": "pcs" },
                { "line": 2, "item": "RM-HOUSING", "quantity": "200", "unit": "pcs" },
            ],
        }),
    );
    expect(
        "order prodorder/PO-2025-020@VSK",
        "VSK",
        json!({
            "type": "prodorder", "number": "PO-2025-020", "partner": "", "partner_place": "",
            "item": "FG-ACTUATOR", "quantity": "80", "ordered_at": "2025-01-20T05:00:00Z", "due_on": "2025-02-15",
            "lines": [],
        }),
    );
    for plant in ["KOL", "VSK"] {
        expect(
            &format!("order transfer/ST-2025-001@{plant}"),
            plant,
            json!({
                "type": "transfer", "number": "ST-2025-001", "partner": "VSK", "partner_place": "",
                "item": "", "quantity": null, "ordered_at": "2025-01-20T06:00:00Z", "due_on": "2025-02-07",
                "lines": [{ "line": 1, "item": "SF-GEARBOX", "quantity": "80", "unit": "pcs" }],
            }),
        );
    }
    let (_, so) = &rows["order so/SO-2025-003@KOL"];
    assert_eq!(
        (&so["type"], &so["partner"], &so["partner_place"]),
        (&json!("so"), &json!("EASTRAIL"), &json!("Bhubaneswar"))
    );
    expect("location Dock-1@VSK", "VSK", json!({ "location": "Dock-1", "name": "Receiving dock" }));
    expect(
        "reason LEAK",
        "",
        json!({
            "reason": "LEAK", "purpose": "rework",
            "texts": { "en": "Leaks", "hi": "रिसाव", "bn": "লিক", "te": "లీకేజీ" },
        }),
    );
    let (plant, operator) = &rows["operator P-1003@KOL"];
    let hash = operator["pin_hash"].as_str().unwrap().to_owned();
    assert!(hash.starts_with("$argon2id$v=19$m=4096,t=1,p=1$"), "{hash}");
    assert_eq!(plant, "KOL");
    assert_eq!(
        *operator,
        json!({
            "operator": "P-1003", "name": "Meera Das", "badge_sha256": secrets::hex(&secrets::badge_hash("BADGE-1003")),
            "pin_hash": hash, "language": "en", "supervisor": true,
        }),
    );
    let kinds: BTreeSet<&str> = rows.keys().filter_map(|key| key.split(' ').next()).collect();
    assert_eq!(kinds, BTreeSet::from(["bom_line", "item", "location", "operator", "order", "reason"]));
    // 7 items, 5 BOM lines, 10 orders of one plant and one of two, 5 people of
    // one plant and one of two, 22 locations, 11 reasons.
    assert_eq!(rows.len(), 7 + 5 + 12 + 7 + 22 + 11);
}
