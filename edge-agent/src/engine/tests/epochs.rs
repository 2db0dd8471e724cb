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
    let change = |epoch| v1::EpochChange { epoch, through_seq: 1, ..Default::default() };
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
    agent.handle().welcomed(welcome(1, 10)).await.unwrap();
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
    // A clock that nobody bears out makes nothing old.
    let mut status = agent.handle().watch_status();
    for _ in 0..3 {
        status.changed().await.unwrap();
    }
    assert_eq!(agent.handle().hello("test").await.unwrap().oldest_seq, 1);
    let wrong = v1::Welcome { cloud_time_us: 1, ..welcome(1, 3) };
    agent.handle().welcomed(wrong).await.unwrap();
    for _ in 0..3 {
        status.changed().await.unwrap();
    }
    assert_eq!(agent.handle().hello("test").await.unwrap().oldest_seq, 1);
    agent.handle().welcomed(welcome(1, 3)).await.unwrap();
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
    // A later answer takes the place of the first, but for what happened here.
    label.item = "OTHER".into();
    handle.label_answered(answer(&label)).await.unwrap();
    let known = stored(handle.reader().labels(&[key]).await.unwrap());
    assert_eq!(
        (known.item.as_str(), known.count, known.life),
        ("OTHER", 1, crate::station::types::Life::Active)
    );
    let other = v1::LabelAnswer { key: key + 1, ..answer(&label) };
    assert!(handle.label_answered(other).await.is_err());
    drop(handle);
    agent.stop().await;
}

/// Everything of an epoch that is on disk.
async fn all_of(agent: &Agent, epoch: u32) -> Vec<v1::Event> {
    use prost::Message;
    let batch = agent.handle().read_batch(epoch, 1, 1000, 1 << 24).await.unwrap();
    batch.into_iter().map(|(_, bytes)| v1::Event::decode(bytes).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_that_stays_open_is_kept_as_it_is_and_named_in_hello() {
    let mut agent = Agent::ready(1000).await;
    for n in 0..10 {
        agent.green("MINT", &format!("r{n}")).await;
    }
    let old = agent.checked().await;
    let head = *agent.handle().head().borrow();
    let change = v1::EpochChange { epoch: 2, through_seq: 4, drain: true, ..Default::default() };
    agent.handle().epoch_changed(change).await.unwrap();
    assert_eq!(agent.checked().await, []);
    assert_eq!(all_of(&agent, 1).await, old);
    assert_eq!(agent.handle().status().queued, 6);
    agent.grant(2001, 3000).await;
    agent.green("MINT", "after").await;
    for restart in [false, true] {
        if restart {
            agent.stop().await;
            agent.start().await;
        }
        let hello = agent.handle().hello("test").await.unwrap();
        assert_eq!((hello.epoch, hello.head_seq, hello.oldest_seq), (2, 1, 1));
        assert_eq!(
            hello.older_epochs,
            [v1::EpochHead { epoch: 1, oldest_seq: 1, head_seq: 10, head_hash: head.hash.to_vec() }]
        );
        assert_eq!(agent.handle().status().queued, 7);
    }
    // A cloud that has less counts, and one that has all of it and a backup of it.
    let cursor = |through_seq| v1::EpochCursor { epoch: 1, through_seq };
    let told = v1::Welcome { older_epochs: vec![cursor(2)], ..welcome(2, 0) };
    agent.handle().welcomed(told).await.unwrap();
    assert_eq!(agent.handle().status().queued, 9);
    agent.handle().acked(1, 10, 10).await;
    let mut status = agent.handle().watch_status();
    while !agent.handle().hello("test").await.unwrap().older_epochs.is_empty() {
        status.changed().await.unwrap();
    }
    assert_eq!(agent.handle().status().queued, 1);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_generation_is_kept_with_the_full_set_that_came_of_it() {
    let mut agent = Agent::ready(10).await;
    let generation = async |agent: &Agent| agent.handle().hello("test").await.unwrap().generation;
    assert_eq!(generation(&agent).await, 0);
    let told = v1::Welcome { generation: 7, ..welcome(1, 0) };
    agent.handle().welcomed(told).await.unwrap();
    // Not before the set is here.
    assert_eq!(generation(&agent).await, 0);
    let chunk = |version, full| v1::ReferenceChunk { version, full, last: true, rows: Vec::new() };
    agent.handle().reference_chunk(chunk(3, true)).await.unwrap();
    assert_eq!(generation(&agent).await, 7);
    // A rewind tells none, and a difference is of the same generation.
    agent.handle().welcomed(welcome(1, 0)).await.unwrap();
    agent.handle().reference_chunk(chunk(4, false)).await.unwrap();
    agent.stop().await;
    agent.start().await;
    assert_eq!(generation(&agent).await, 7);
    assert_eq!(agent.handle().hello("test").await.unwrap().reference_version, 4);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_highest_document_number_is_told_in_every_epoch() {
    let mut agent = Agent::ready(10).await;
    assert!(agent.handle().status().warnings().contains(&"series.low"));
    let grant = |first, last, epoch| v1::SeriesGrant {
        series: "GRN".into(),
        prefix: "GRN-".into(),
        first,
        last,
        width: 4,
        epoch,
        ..v1::SeriesGrant::default()
    };
    agent.handle().series_granted(grant(1, 400, 1)).await.unwrap();
    assert!(!agent.handle().status().series_low.contains(&"GRN".to_owned()));
    let change = v1::EpochChange { epoch: 2, drain: true, ..Default::default() };
    agent.handle().epoch_changed(change).await.unwrap();
    agent.stop().await;
    agent.start().await;
    let marks = agent.handle().hello("test").await.unwrap().series_marks;
    let mark = |prefix: &str| v1::SeriesMark {
        series: "GRN".into(),
        highest_granted: 400,
        prefix: prefix.to_owned(),
    };
    assert_eq!(marks, [mark(""), mark("GRN-")]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_the_coming_year_are_asked_for_before_it_begins() {
    let mut agent = Agent::ready(10).await;
    let now = chrono::Utc::now();
    let turn = now + chrono::TimeDelta::days(10);
    let year = |prefix: &str, from: chrono::DateTime<chrono::Utc>, until: chrono::DateTime<chrono::Utc>| {
        v1::SeriesGrant {
            series: "GRN".into(),
            prefix: prefix.to_owned(),
            first: 1,
            last: 400,
            width: 3,
            epoch: 1,
            from_us: from.timestamp_micros(),
            until_us: until.timestamp_micros(),
        }
    };
    let wishes = |agent: &Agent| {
        let status = agent.handle().status();
        let of_grn = status.wishes.series.iter().filter(|wish| wish.series == "GRN");
        of_grn.map(|wish| wish.ahead).collect::<Vec<_>>()
    };
    assert_eq!(wishes(&agent), [false], "of today there are none");
    let days = chrono::TimeDelta::days;
    agent.handle().series_granted(year("GRN/25/", now - days(355), turn)).await.unwrap();
    assert_eq!(wishes(&agent), [true], "of the year that begins in ten days");
    assert!(!agent.handle().status().series_low.contains(&"GRN".to_owned()));
    agent.handle().series_granted(year("GRN/26/", turn, turn + days(365))).await.unwrap();
    assert!(wishes(&agent).is_empty());
    // Both are there after a restart, and only today's are for today.
    agent.stop().await;
    agent.start().await;
    assert!(wishes(&agent).is_empty());
    let level = agent.handle().status().series.iter().find(|level| level.series == "GRN").map(|l| l.left);
    assert_eq!(level, Some(400));
    agent.stop().await;
}
