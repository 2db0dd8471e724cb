//! Every event exactly once: repeats, overlaps, wrong order, many at a time.

use super::*;

platform::in_every_placement! {
async fn repeats_and_overlaps_store_nothing_twice() {
    let world = World::new().await;
    let mut journal = world.journal();
    for n in 1..=10 {
        journal.push(receipt(rm(n)));
    }
    let mut told = world.ingest.committed().subscribe();
    assert_eq!(through(&world.send(journal.batch(1, 4)).await.expect("1-4")), (4, 4));
    assert_eq!(through(&world.send(journal.batch(1, 4)).await.expect("again")), (4, 0));
    assert_eq!(through(&world.send(journal.batch(3, 7)).await.expect("3-7")), (7, 3));
    assert_eq!(through(&world.send(journal.batch(2, 6)).await.expect("2-6")), (7, 0));
    assert!(matches!(
        world.send(journal.batch(9, 10)).await.expect("9-10"),
        Outcome::Gap { through_seq: 7, .. }
    ));
    assert_eq!(through(&world.send(journal.batch(8, 10)).await.expect("8-10")), (10, 3));
    assert_eq!(
        through(&world.send(Batch { events: vec![], ..journal.batch(10, 10) }).await.expect("none")),
        (10, 0)
    );

    assert_eq!(world.payloads(1).await, journal.events);
    assert_eq!(world.count("select count(*) from uid_registry").await, 10);
    assert_eq!(world.count("select count(*) from event_subjects").await, 10);
    assert_eq!(world.count("select count(*) from event_references").await, 10);
    assert_eq!(
        world.count("select count(*) from uid_registry where quantity = 25.5 and container").await,
        10
    );
    assert_eq!(world.exceptions().await, vec![]);
    // Three batches, without a hole in their ids.
    let ids: Vec<i64> = std::iter::from_fn(|| told.try_recv().ok()).map(|b| b.batch_id).collect();
    assert_eq!(ids, vec![1, 2, 3]);
    assert_eq!(world.count("select sum(to_seq - from_seq + 1)::bigint from ingest_batches").await, 10);
}
}

#[tokio::test]
async fn many_streams_and_many_connections_at_once() {
    let world = World::new().await;
    let other = world.other().await;
    let mut ours = world.journal();
    let mut theirs = Journal::new(&other, 1);
    for n in 1..=60 {
        ours.push(receipt(rm(n)));
        // The same lots and aliases from both sides.
        let lot = v1::Lot {
            lot_id: Uuid::from_u128(n as u128 % 7 + 1).as_bytes().to_vec(),
            item: "STEEL".into(),
            ..v1::Lot::default()
        };
        let mut moved = event(Stage::Storage);
        moved.lots = vec![lot];
        moved.subjects =
            vec![v1::Subject { alias: format!("SER-{}", n % 9), ..subject(rm(61 - n), Role::Subject) }];
        theirs.push(moved);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (source, journal) in [(&world.source, &ours), (&other, &theirs)] {
        for _ in 0..3 {
            let (ingest, source, journal) = (world.ingest.clone(), source.clone(), journal.clone());
            tasks.spawn(async move {
                let mut from = 1;
                while from <= journal.last() {
                    let to = (from + 6).min(journal.last());
                    match ingest.commit_batch(&source, journal.batch(from, to)).await.expect("committed") {
                        Outcome::Committed { through_seq, .. } | Outcome::Gap { through_seq, .. } => {
                            from = through_seq as u64 + 1;
                        }
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("a sender");
    }
    assert_eq!(world.count("select count(*) from lifecycle_events").await, 120);
    assert_eq!(world.payloads(1).await, ours.events);
    assert_eq!(world.count("select count(*) from lots").await, 7);
    assert_eq!(world.exceptions().await, vec![]);
    let holes = "select count(*) from (select batch_id - lag(batch_id, 1, 0) over (order by batch_id) as step \
                 from ingest_batches) s where step <> 1";
    assert_eq!(world.count(holes).await, 0);
}

platform::in_every_placement! {
async fn limits_epochs_and_strangers_are_refused() {
    let world = World::new().await;
    let mut journal = world.journal();
    journal.push(event(Stage::Storage));
    let many =
        Batch { events: vec![journal.events[0].clone(); proto::MAX_BATCH_EVENTS + 1], ..journal.all() };
    assert!(matches!(world.send(many).await, Err(IngestError::Limit(_))));
    let large = Batch { events: vec![vec![0; proto::MAX_BATCH_BYTES + 1].into()], ..journal.all() };
    assert!(matches!(world.send(large).await, Err(IngestError::Limit(_))));
    assert!(matches!(world.send(Batch { epoch: 0, ..journal.all() }).await, Err(IngestError::Epoch)));
    assert!(matches!(world.send(Batch { epoch: 2, ..journal.all() }).await, Err(IngestError::Epoch)));
    assert!(matches!(world.send(Batch { from_seq: 0, ..journal.all() }).await, Err(IngestError::Limit(_))));
    assert!(matches!(
        world.send(Batch { from_seq: u64::MAX, ..journal.all() }).await,
        Err(IngestError::Limit(_))
    ));
    let stranger = Source { agent_id: Uuid::nil(), ..world.source.clone() };
    let refused = world.ingest.commit_batch(&stranger, journal.all()).await;
    assert!(matches!(refused, Err(IngestError::UnknownAgent)));
    assert_eq!(world.count("select count(*) from lifecycle_events").await, 0);
}
}

#[tokio::test]
async fn a_sender_that_vanishes_half_way_leaves_all_or_nothing() {
    let world = World::new().await;
    let mut journal = world.journal();
    for n in 1..=200 {
        journal.push(receipt(rm(n)));
    }
    for micros in [0, 200, 1000, 3000, 8000, 15000, 30000] {
        let (ingest, source, batch) = (world.ingest.clone(), world.source.clone(), journal.all());
        let task = tokio::spawn(async move { ingest.commit_batch(&source, batch).await });
        tokio::time::sleep(std::time::Duration::from_micros(micros)).await;
        task.abort();
        let _ = task.await;
        let stored = world.count("select count(*) from lifecycle_events").await;
        assert!(stored == 0 || stored == 200, "{stored}");
    }
    assert_eq!(through(&world.send(journal.all()).await.expect("at last")).0, 200);
    assert_eq!(world.payloads(1).await, journal.events);
    assert_eq!(world.count("select count(*) from uid_registry").await, 200);
}
