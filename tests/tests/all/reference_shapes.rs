//! What the cloud publishes to plants, read by the plant's own program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use edge_agent::reference::Reference;
use platform::ctx::Cx;
use platform::db::DbError;
use platform::testing::TestDb;
use serde_json::Value;

#[tokio::test]
async fn every_row_that_the_seed_publishes_is_understood_by_the_agent() {
    let test = TestDb::new().await;
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plant-configs");
    let plants: Vec<PathBuf> = ["kolkata.toml", "visakhapatnam.toml"].map(|name| configs.join(name)).into();
    let reference = configs.join("reference/saif.toml");
    let today = chrono::NaiveDate::from_ymd_opt(2025, 1, 15).unwrap();
    platform::seed::seed(&test.db, [7; 32], &plants, Some(&reference), None, today, false).await.unwrap();

    let tenant = platform::tenancy::find_tenant(&test.db, "SAIF").await.unwrap().expect("the seeded tenant");
    let rows: Vec<(String, String, String, Value)> = test
        .db
        .tx(&Cx::new(tenant.id, "test"), async |tx| {
            let sql = "select kind, id, plant, body from reference_rows where not deleted order by version";
            Ok::<_, DbError>(sqlx::query_as(sql).fetch_all(tx.conn()).await?)
        })
        .await
        .unwrap();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, ..) in &rows {
        *kinds.entry(kind).or_default() += 1;
    }
    let published: Vec<&str> = kinds.keys().copied().collect();
    assert_eq!(published, ["bom_line", "item", "location", "operator", "order", "reason"], "{kinds:?}");

    for plant in ["KOL", "VSK"] {
        let mut reference = Reference::default();
        for (kind, id, _, body) in rows.iter().filter(|(_, _, of, _)| of.is_empty() || of == plant) {
            if let Err(error) = reference.insert(kind, &body.to_string()) {
                panic!("{plant} does not understand {kind} {id}: {error}\n{body}");
            }
        }
        reference.settle();
        let own = |kind: &str| {
            rows.iter().filter(|row| row.0 == kind && (row.2.is_empty() || row.2 == plant)).count()
        };
        assert_eq!(reference.items.len(), own("item"), "{plant}: items");
        assert_eq!(
            reference.bom.values().map(Vec::len).sum::<usize>(),
            own("bom_line"),
            "{plant}: parts lists"
        );
        assert_eq!(reference.orders.len(), own("order"), "{plant}: orders");
        assert_eq!(reference.operators.len(), own("operator"), "{plant}: people");
        assert_eq!(reference.reasons.len(), own("reason"), "{plant}: reasons");
        assert_eq!(reference.locations.len(), own("location"), "{plant}: places");
        let people = reference.operators.values();
        assert!(people.clone().all(|person| person.pin_hash.is_some()), "{plant}: everybody has a PIN");
    }
}
