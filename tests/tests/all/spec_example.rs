//! The example of the specification: the first UID that Kolkata mints, and its
//! lifecycle in the specification's form.

use chrono::{DateTime, Utc};
use edge_agent::station::control::Verb;
use serde_json::{Value, json};

use crate::support::{Small, card, until};

const UID: &str = "UID-SAIF-KOL-RM-000001-A7";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_uid_of_kolkata_and_its_lifecycle() {
    let begun = Utc::now();
    let world = Small::start().await;
    let mut dock = world.person("DOCK1").await;
    for code in ["PO-2025-001", "RM-GEAR", "HEAT-77", &card(Verb::Qty, Some("1"))] {
        dock.take(code).await;
    }
    let received = dock.take(&card(Verb::Done, None)).await;
    let receipt = received.arg("number").expect("a receipt number").to_owned();
    assert_eq!(world.labels(1).await, [UID]);

    let mut store = world.person("STORE1").await;
    store.take("Warehouse-A-Rack-12").await;
    store.take(UID).await;
    let mut issue = world.person("ISSUE1").await;
    issue.take("PO-2025-010").await;
    issue.take(UID).await;

    let mut answer = Value::Null;
    until("the cloud knows of the issue", async || {
        let path = format!("/api/v1/trace/{UID}");
        answer = world.office.get(&path).await.unwrap_or_default();
        stages(&answer).last() == Some(&"ISSUE_TO_PRODUCTION")
    })
    .await;
    assert_eq!(answer["uid"], UID);
    assert_eq!(stages(&answer), ["PROCUREMENT", "GRN", "STORAGE", "ISSUE_TO_PRODUCTION"]);
    let entries = answer["lifecycle"].as_array().unwrap();
    for entry in entries {
        let mut keys: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["location", "reference", "stage", "timestamp"], "{entry}");
    }
    assert_eq!(
        entries[0],
        json!({
            "stage": "PROCUREMENT",
            "timestamp": "2025-01-15T10:30:00Z",
            "reference": "PO-2025-001",
            "location": "Vendor-XYZ",
        })
    );
    assert!(receipt.starts_with("GRN-"), "{receipt}");
    let of = |nth: usize| (&entries[nth]["reference"], &entries[nth]["location"]);
    assert_eq!(of(1), (&json!(receipt), &json!("Dock-1")));
    assert_eq!(of(2).1, "Warehouse-A-Rack-12");
    assert_eq!(of(3), (&json!("PO-2025-010"), &json!("Assembly-Line-1")));
    for entry in &entries[1..] {
        let text = entry["timestamp"].as_str().unwrap();
        assert!(text.len() == "2025-01-15T10:30:00Z".len() && text.ends_with('Z'), "{text}");
        let at: DateTime<Utc> = text.parse().unwrap();
        assert!(at.timestamp() >= begun.timestamp() && at <= Utc::now(), "{text}");
    }
    world.stop().await;
}

fn stages(answer: &Value) -> Vec<&str> {
    answer["lifecycle"].as_array().into_iter().flatten().filter_map(|entry| entry["stage"].as_str()).collect()
}
