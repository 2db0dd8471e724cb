//! A cloud whose database was put back to an older backup.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulators::demo::world::TENANT;

use super::lab::{Lab, Stored};
use crate::support::until;

/// Small ranges, so that some are granted after the backup.
fn small_leases(text: &str) -> String {
    text.replacen("low_water = 2_000\nrequest = 10_000", "low_water = 24\nrequest = 32", 1)
}

/// Numbers of the goods receipts in events.
fn numbers(events: &[Stored]) -> BTreeSet<String> {
    let references = events.iter().flat_map(|stored| &stored.event.references);
    references.filter(|r| r.r#type == "recadv").map(|r| r.number.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_cloud_is_sent_everything_again_and_grants_nothing_twice() {
    let mut lab = Lab::start_with(small_leases).await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, first) = lab.agent.receive(&mut dock, 5).await;
    lab.drained().await;
    lab.stop_cloud().await;
    let backup = lab.back_up_cloud();
    lab.start_cloud().await;
    lab.agent.ready().await;

    let mut later = Vec::new();
    for _ in 0..4 {
        lab.agent.until("numbers", |h| h["leases"]["RM"].as_u64() >= Some(20)).await;
        let (answer, new) = lab.agent.receive(&mut dock, 20).await;
        assert!(answer.taken(), "{answer:?}");
        later.extend(new);
    }
    let mut store = lab.agent.person("STORE1").await;
    store.store("Warehouse-A-Rack-12", &first).await;
    let before = lab.drained().await;

    lab.stop_cloud().await;
    lab.restore_cloud(&backup);
    lab.start_cloud().await;
    lab.agent.until("out of touch and back", |h| h["uplink"]["connected"] == true).await;
    let restored = lab.drained().await;
    assert!(restored.len() >= before.len());
    lab.must_have(&before).await;
    let given = numbers(&restored);
    for uid in &first {
        assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN", "STORAGE"], "{uid}");
    }
    for uid in &later {
        assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN"], "{uid}");
    }

    // The floors are past what the agent was granted by the cloud that is gone.
    let mut fresh = Vec::new();
    for _ in 0..3 {
        lab.agent.until("numbers", |h| h["leases"]["RM"].as_u64() >= Some(20)).await;
        let (answer, new) = lab.agent.receive(&mut dock, 20).await;
        assert!(answer.taken(), "{answer:?}");
        fresh.extend(new);
    }
    let health = lab.agent.drained().await;
    assert_eq!(health["epoch"], 1, "{health}");
    lab.drained().await;
    assert_eq!(lab.born_twice().await, BTreeSet::new());
    let all: BTreeSet<&String> = first.iter().chain(&later).chain(&fresh).collect();
    assert_eq!(all.len(), 145);
    // Nor is a document's number given twice.
    let after = numbers(&lab.agent.journal().await);
    assert_eq!((given.len(), after.len()), (5, 8), "{after:?}");
    let lifted = lab.exceptions("lease.lifted").await;
    assert!(lifted.iter().any(|e| e["detail"]["type"] == "RM"), "{:?}", lab.exceptions("").await);
    assert_eq!(lab.exceptions("uid.second_birth").await.len(), 0);
    assert_eq!(lab.exceptions("stream.gap").await.len(), 0);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_restored_cloud_lacks_and_the_agent_pruned_is_a_gap_and_the_plant_goes_on() {
    // Pruned as soon as it is acknowledged.
    let prune = |text: &str| text.replacen("keep_acked_days = 30", "keep_acked_days = 0", 1);
    let mut lab = Lab::start_with(prune).await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, first) = lab.agent.receive(&mut dock, 2).await;
    lab.drained().await;
    let at_backup = lab.stored().await;
    lab.stop_cloud().await;
    let backup = lab.back_up_cloud();
    lab.start_cloud().await;
    lab.agent.ready().await;

    let (_, gone) = lab.agent.receive(&mut dock, 3).await;
    lab.agent.drained().await;
    let last = lab.stored().await.iter().map(|event| event.seq).max().unwrap();
    // It looks when the cloud's time bears its clock out, and for what is older
    // than the second at hand.
    lab.agent.stop().await;
    lab.agent.start();
    lab.agent.drained().await;
    until("the journal is pruned", async || lab.agent.journal().await.is_empty()).await;

    lab.stop_cloud().await;
    lab.restore_cloud(&backup);
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, kept) = lab.agent.receive(&mut dock, 2).await;
    lab.start_cloud().await;
    lab.agent.drained().await;

    let gaps = lab.exceptions("stream.gap").await;
    assert_eq!(gaps.len(), 1, "{:?}", lab.exceptions("").await);
    let through = at_backup.iter().map(|event| event.seq).max().unwrap();
    assert_eq!(gaps[0]["detail"]["first"], through + 1, "{gaps:?}");
    assert_eq!(gaps[0]["detail"]["last"], last, "{gaps:?}");
    lab.must_have(&at_backup).await;
    for uid in first.iter().chain(&kept) {
        assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN"], "{uid}");
    }
    // The plant goes on, and the labels of the gap are not given again.
    let (answer, more) = lab.agent.receive(&mut dock, 2).await;
    assert!(answer.taken(), "{answer:?}");
    lab.agent.drained().await;
    let used: BTreeSet<&String> = first.iter().chain(&gone).chain(&kept).collect();
    assert!(more.iter().all(|uid| !used.contains(uid)));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_cloud_is_sent_the_earlier_epochs_too() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    lab.agent.receive(&mut dock, 3).await;
    lab.drained().await;
    lab.stop_cloud().await;
    let backup = lab.back_up_cloud();
    lab.start_cloud().await;
    lab.agent.ready().await;

    // What comes after the backup lies in two epochs.
    let (answer, in_first) = lab.agent.receive(&mut dock, 2).await;
    assert!(answer.taken(), "{answer:?}");
    lab.drained().await;
    let raise = ["agent", "raise-epoch", "--tenant", TENANT, "KOL"].map(str::to_owned);
    lab.cloud().run(&raise).await.unwrap();
    lab.agent.until("the second epoch", |h| h["epoch"] == 2).await;
    lab.agent.ready().await;
    let (answer, in_second) = lab.agent.receive(&mut dock, 2).await;
    assert!(answer.taken(), "{answer:?}");
    let before = lab.drained().await;
    assert_eq!(before.iter().map(|event| event.epoch).collect::<BTreeSet<u32>>(), BTreeSet::from([1, 2]));

    lab.stop_cloud().await;
    lab.restore_cloud(&backup);
    lab.start_cloud().await;
    lab.agent.until("out of touch and back", |h| h["uplink"]["connected"] == true).await;
    until("both epochs are here", async || lab.stored().await.len() >= before.len()).await;
    lab.drained().await;
    for uid in in_first.iter().chain(&in_second) {
        assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN"], "{uid}");
    }
    for kind in ["stream.gap", "fork", "uid.second_birth"] {
        assert_eq!(lab.exceptions(kind).await, Vec::<Value>::new());
    }
    lab.stop().await;
}

/// Ids of the holds that the agent knows.
async fn holds(lab: &Lab) -> BTreeSet<String> {
    let mut db = lab.agent.journal_db().await;
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT id FROM reference WHERE kind = 'hold'").fetch_all(&mut db).await.unwrap();
    ids.into_iter().collect()
}

async fn place(lab: &Lab, uid: &str) -> String {
    let held = lab.office.post("/api/v1/holds", &json!({ "uid": uid, "reason": "TEST" })).await.unwrap();
    held["hold_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_placed_after_the_restore_reaches_an_agent_that_had_a_later_version() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, uids) = lab.agent.receive(&mut dock, 4).await;
    lab.drained().await;
    lab.stop_cloud().await;
    let backup = lab.back_up_cloud();
    lab.start_cloud().await;
    lab.agent.ready().await;
    let mut gone = BTreeSet::new();
    for uid in &uids[..2] {
        gone.insert(place(&lab, uid).await);
    }
    until("the holds are at the plant", async || holds(&lab).await.is_superset(&gone)).await;

    // The same versions are given again, to other holds, while the plant is out of
    // touch.
    lab.line.cut();
    lab.stop_cloud().await;
    lab.restore_cloud(&backup);
    lab.start_cloud().await;
    // Nothing that the plant knows proves it: only the office had gone on.
    let told = lab.cloud().run(&["restored".to_owned()]).await.unwrap();
    assert!(told.contains("agent KOL is let in: 1 certificates"), "{told}");
    let mut placed = BTreeSet::new();
    for uid in [&uids[2], &uids[3], &uids[2], &uids[3]] {
        placed.insert(place(&lab, uid).await);
    }
    lab.line.mend();
    until("these holds are at the plant, and those are not", async || {
        let known = holds(&lab).await;
        known.is_superset(&placed) && known.is_disjoint(&gone)
    })
    .await;
    lab.stop().await;
}
