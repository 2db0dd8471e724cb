//! Holds that are placed while a plant is out of touch: nothing is green between its
//! contact with the cloud and the holds, and what it did before is listed.

use edge_agent::station::control::Verb;
use serde_json::{Value, json};

use super::lab::Lab;
use crate::support::{card, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plant_that_is_back_takes_nothing_held_and_its_gap_is_listed() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, uids) = lab.agent.receive(&mut dock, 2).await;
    lab.drained().await;
    let undo = card(Verb::Undo, None);
    let mut ship = lab.agent.person("SHIP1").await;
    let mut issue = lab.agent.person("ISSUE1").await;
    issue.take("PO-2025-010").await;
    lab.drained().await;

    lab.line.cut();
    lab.agent.until("out of touch", |h| h["uplink"]["connected"] == false).await;
    let mut holds = Vec::new();
    for uid in &uids {
        let held = lab.office.post("/api/v1/holds", &json!({ "uid": uid, "reason": "TEST" })).await.unwrap();
        holds.push(held["hold_id"].as_str().unwrap().to_owned());
    }
    // The plant cannot know.
    let answer = issue.scan(&uids[0]).await;
    assert!(answer.taken(), "{answer:?}");
    assert!(ship.scan(&uids[1]).await.taken());
    ship.take(&undo).await;

    lab.line.mend();
    loop {
        // Asked before the scan: what is scanned after the contact is refused.
        let connected = lab.agent.health().await.is_ok_and(|h| h["uplink"]["connected"] == true);
        let answer = ship.scan(&uids[1]).await;
        if answer.taken() {
            assert!(!connected, "green after the contact: {answer:?}");
            ship.take(&undo).await;
        } else if answer.code == "label.held" {
            break;
        }
    }
    lab.drained().await;
    until("the gap is listed", async || lab.exceptions("hold.gap").await.len() == 1).await;
    assert_eq!(lab.exceptions("hold.violated").await, Vec::<Value>::new());
    let acts = lab.office.get(&format!("/api/v1/holds/{}/acts", holds[0])).await.unwrap();
    assert_eq!((&acts["acts"][0]["uid"], &acts["acts"][0]["class"]), (&json!(uids[0]), &json!("gap")));
    let one = lab.office.get(&format!("/api/v1/holds/{}", holds[0])).await.unwrap();
    assert_eq!(one["plants"][0]["has"], true, "{one}");

    // Nothing is dispatched after the plant has the hold, its restart included.
    lab.agent.kill().await;
    lab.agent.start();
    lab.agent.ready().await;
    let mut ship = lab.agent.person("SHIP1").await;
    assert_eq!(ship.scan(&uids[1]).await.code, "label.held");
    lab.stop().await;
}
