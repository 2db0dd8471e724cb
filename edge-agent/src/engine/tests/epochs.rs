//! New epochs, acknowledgement, pruning.

use super::support::*;
use proto::v1;

#[tokio::test(flavor = "multi_thread")]
async fn events_above_the_clouds_cursor_are_recorded_again() {
    let mut agent = Agent::ready(1000).await;
    for n in 0..10 {
        agent.green("MINT", &format!("r{n}")).await;
    }
    agent.green("NOTE blue", "note").await;
    let old = agent.checked().await;
    let change =
        v1::EpochChange { epoch: 5, reason: "operator".into(), through_seq: 4, ..Default::default() };
    agent.handle().epoch_changed(change).await.unwrap();
    let new = agent.checked().await;
    assert_eq!(new.len(), 7);
    for (again, then) in new.iter().zip(&old[4..]) {
        assert_eq!(again.event_id, then.event_id);
        let moved = v1::Event {
            epoch: again.epoch,
            seq: again.seq,
            prev_hash: again.prev_hash.clone(),
            ..then.clone()
        };
        assert_eq!(again, &moved);
    }
    let notes = agent.handle().notes(5, 1, 100).await.unwrap();
    assert_eq!((notes.len(), notes[0].seq), (1, 7));
    // What the cloud has of the old epoch is still there, the rest is not twice.
    let left = agent.handle().read_batch(1, 1, 100, 1 << 20).await.unwrap();
    assert_eq!(left.len(), 4);
    agent.stop().await;
    agent.start().await;
    assert_eq!(agent.checked().await.len(), 7);
    assert!(!agent.handle().status().behind_mark);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_epoch_changes_nothing_and_its_leases_are_void() {
    let mut agent = Agent::ready(1000).await;
    agent.green("MINT", "r1").await;
    let change =
        |epoch| v1::EpochChange { epoch, reason: String::new(), through_seq: 1, ..Default::default() };
    agent.handle().epoch_changed(change(1)).await.unwrap();
    assert_eq!(agent.checked().await.len(), 1);
    agent.handle().epoch_changed(change(2)).await.unwrap();
    let late = v1::LeaseGrant { r#type: "RM".into(), first: 2000, last: 2999, epoch: 1 };
    assert!(agent.handle().lease_granted(&late).await.is_err());
    let reused = v1::LeaseGrant { first: 500, epoch: 2, ..late };
    assert!(agent.handle().lease_granted(&reused).await.is_err());
    agent.stop().await;
}

/// Waits until the writer's upkeep has pruned up to `seq`, by its own tick.
async fn pruned_to(agent: &Agent, seq: u64) {
    let handle = agent.handle();
    let mut status = handle.watch_status();
    while handle.hello("test").await.unwrap().oldest_seq <= seq {
        status.changed().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_acknowledged_and_backed_up_goes() {
    let mut agent = Agent::ready(1000).await;
    for n in 0..50 {
        agent.green("NOTE x", &format!("r{n}")).await;
    }
    let before = agent.checked().await;
    // A backup that covers more than was acknowledged covers nothing of the rest.
    agent.handle().acked(1, 30, 40).await;
    pruned_to(&agent, 30).await;
    let batch = agent.handle().read_batch(1, 1, 100, 1 << 20).await.unwrap();
    assert_eq!((batch[0].0, batch.len()), (31, 20));
    assert_eq!(agent.handle().notes(1, 1, 50).await.unwrap().len(), 20);
    let status = agent.handle().status();
    assert_eq!((status.acked_through, status.queued), (30, 20));
    // A restored cloud has less than it said; what is gone is gone, the rest comes.
    agent.handle().welcomed(1, 10, 0).await.unwrap();
    agent.green("FACT", "after").await;
    assert_eq!(agent.handle().status().queued, 41);
    let batch = agent.handle().read_batch(1, 11, 100, 1 << 20).await.unwrap();
    assert_eq!((batch[0].0, batch.len()), (31, 21));
    // After a restart a LOST record still names its predecessor, though pruned.
    agent.stop().await;
    agent.start().await;
    assert_eq!(agent.handle().hello("test").await.unwrap().oldest_seq, 31);
    let first = agent.handle().read_batch(1, 31, 1, 1 << 20).await.unwrap();
    use prost::Message;
    let event = v1::Event::decode(first[0].1.clone()).unwrap();
    assert_eq!(event, before[30]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_and_old_goes_without_a_backup() {
    let mut agent = Agent::ready(1000).await;
    agent.plant.disk.keep_acked_days = 0;
    agent.stop().await;
    agent.start().await;
    for n in 0..5 {
        agent.green("FACT", &format!("r{n}")).await;
    }
    agent.handle().acked(1, 3, 0).await;
    agent.green("FACT", "r5").await;
    pruned_to(&agent, 3).await;
    assert_eq!(agent.handle().hello("test").await.unwrap().oldest_seq, 4);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_keep_their_limits() {
    let mut agent = Agent::ready(1000).await;
    for n in 0..20 {
        agent.green("FACT", &format!("r{n}")).await;
    }
    let handle = agent.handle();
    assert_eq!(handle.read_batch(1, 1, 7, 1 << 20).await.unwrap().len(), 7);
    assert_eq!(handle.read_batch(1, 1, 100, 1).await.unwrap().len(), 1);
    let size = handle.read_batch(1, 1, 1, 1 << 20).await.unwrap()[0].1.len();
    assert_eq!(handle.read_batch(1, 1, 100, 3 * size + 1).await.unwrap().len(), 3);
    assert!(handle.read_batch(1, 21, 100, 1 << 20).await.unwrap().is_empty());
    assert!(handle.read_batch(9, 1, 100, 1 << 20).await.unwrap().is_empty());
    drop(handle);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cloud_knows_of_a_uid_is_taken_where_nothing_is_known_here() {
    use crate::station::types::{Custody, Label};
    let mut agent = Agent::ready(1000).await;
    agent.green("UID-SAIF-VSK-RM-000001-AD", "r1").await;
    let handle = agent.handle();
    let key = "UID-SAIF-VSK-RM-000001-AD".parse::<uid::Uid>().unwrap().key().get();
    assert_eq!(handle.status().wishes.labels, [key]);
    let mut label = Label::new(key);
    label.item = "STEEL".into();
    label.count = 7;
    label.custody = Custody::Customer;
    let answer =
        |label: &Label| v1::LabelAnswer { key, known: true, json: serde_json::to_string(label).unwrap() };
    handle.label_answered(answer(&label)).await.unwrap();
    assert!(handle.status().wishes.labels.is_empty());
    let stored = |labels: std::collections::HashMap<i64, String>| {
        serde_json::from_str::<Label>(&labels[&key]).unwrap()
    };
    let known = stored(handle.reader().labels(&[key]).await.unwrap());
    assert_eq!((known.item.as_str(), known.count), ("STEEL", 1));
    // From here on what happens here counts.
    label.item = "OTHER".into();
    handle.label_answered(answer(&label)).await.unwrap();
    assert_eq!(stored(handle.reader().labels(&[key]).await.unwrap()).item, "STEEL");
    let other = v1::LabelAnswer { key: key + 1, ..answer(&label) };
    assert!(handle.label_answered(other).await.is_err());
    drop(handle);
    agent.stop().await;
}
