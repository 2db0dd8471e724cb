//! What goes over an open stream.

use super::*;
use crate::ingest::tests::{event, receipt, rm};
use proto::v1::Stage;
use tonic::Code;

async fn connected(cloud: &Cloud, credentials: &Credentials, journal: &Journal) -> (Link, v1::Welcome) {
    connected_as(cloud, credentials, hello(journal)).await
}

async fn connected_as(cloud: &Cloud, credentials: &Credentials, hello: v1::Hello) -> (Link, v1::Welcome) {
    let mut link = Link::open(cloud.agent(credentials).await, hello).await.expect("a stream");
    match link.answer().await {
        Message::Welcome(welcome) => (link, welcome),
        other => panic!("{other:?}"),
    }
}

fn receipts(cloud: &Cloud, count: i64) -> Journal {
    let mut journal = cloud.world.journal();
    for n in 1..=count {
        journal.push(receipt(rm(n)));
    }
    journal
}

async fn acked(link: &mut Link) -> u64 {
    match link.answer().await {
        Message::Ack(ack) => ack.through_seq,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn batches_are_acknowledged_once_committed_and_a_stream_resumes() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 30);
    let (mut link, welcome) = connected(&cloud, &credentials, &journal).await;
    assert_eq!((welcome.epoch, welcome.through_seq, welcome.generation), (1, 0, 1));
    assert_eq!(welcome.chain_hash, genesis(cloud.world.source.agent_id, 1));
    link.say(batch(&journal, 1, 10)).await;
    link.say(batch(&journal, 11, 20)).await;
    assert_eq!((acked(&mut link).await, acked(&mut link).await), (10, 20));
    assert_eq!(cloud.world.count("select count(*) from lifecycle_events").await, 20);
    // A gap: the agent is told where the cursor is, and what was under way is dropped.
    link.say(batch(&journal, 25, 27)).await;
    link.say(batch(&journal, 28, 30)).await;
    let Message::Welcome(back) = link.answer().await else { panic!("no answer to a gap") };
    assert_eq!(back.through_seq, 20);
    drop(link);
    let (mut link, welcome) = connected(&cloud, &credentials, &journal).await;
    assert_eq!(welcome.through_seq, 20);
    link.say(batch(&journal, 21, 30)).await;
    assert_eq!(acked(&mut link).await, 30);
    assert_eq!(cloud.world.payloads(1).await, journal.events);
}

#[tokio::test]
async fn a_connection_that_is_cut_anywhere_loses_and_doubles_nothing() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 400);
    let mut cuts = 0;
    loop {
        let (mut link, welcome) = connected(&cloud, &credentials, &journal).await;
        let mut from = welcome.through_seq + 1;
        while from <= 400 {
            let to = (from + 24).min(400);
            link.say(batch(&journal, from, to)).await;
            from = to + 1;
            if cuts < 12 && from > welcome.through_seq + 60 {
                break;
            }
        }
        if cuts < 12 {
            // In the middle: nothing was awaited. Cut a little later each time.
            tokio::time::sleep(Duration::from_millis(cuts * 3)).await;
            drop(link);
            cuts += 1;
            continue;
        }
        if welcome.through_seq < 400 {
            while acked(&mut link).await < 400 {}
        }
        break;
    }
    assert_eq!(cloud.world.payloads(1).await, journal.events);
    assert_eq!(cloud.world.count("select count(*) from uid_registry").await, 400);
    assert_eq!(cloud.world.exceptions().await, vec![]);
}

#[tokio::test]
async fn a_newer_stream_takes_over() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 1);
    let (mut old, _) = connected(&cloud, &credentials, &journal).await;
    let (mut new, _) = connected(&cloud, &credentials, &journal).await;
    assert_eq!(old.end().await.code(), Code::Aborted);
    new.say(batch(&journal, 1, 1)).await;
    assert_eq!(acked(&mut new).await, 1);
}

#[tokio::test]
async fn leases_flow_and_an_epoch_raised_by_an_operator_reaches_the_stream() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut journal = receipts(&cloud, 3);
    let mut said = hello(&journal);
    said.marks = vec![v1::LeaseMark { r#type: "RM".into(), highest_used: 700, highest_granted: 1000 }];
    let (mut link, _) = connected_as(&cloud, &credentials, said).await;
    link.say(batch(&journal, 1, 3)).await;
    assert_eq!(acked(&mut link).await, 3);
    let ask = || agent_message::Message::LeaseRequest(v1::LeaseRequest { r#type: "RM".into(), count: 100 });
    link.say(ask()).await;
    let Message::LeaseGrant(grant) = link.answer().await else { panic!("no lease") };
    assert_eq!((grant.first, grant.last, grant.epoch), (1001, 1100, 1));
    link.say(agent_message::Message::LeaseRequest(v1::LeaseRequest { r#type: "rm".into(), count: 1 })).await;
    assert!(matches!(link.answer().await, Message::Problem(_)));
    cloud
        .sql(
            "insert into number_series (tenant_id, plant_code, series, prefix) \
              select tenant_id, 'KOL', 'GRN', 'GRN-2025-' from tenant_counters",
        )
        .await;
    link.say(agent_message::Message::SeriesRequest(v1::SeriesRequest { series: "GRN".into(), count: 5 }))
        .await;
    let Message::SeriesGrant(series) = link.answer().await else { panic!("no series") };
    assert_eq!((series.prefix.as_str(), series.first, series.last, series.width), ("GRN-2025-", 1, 5, 3));

    let cx = Cx::new(cloud.world.source.tenant, "user:1");
    let agent = cloud.world.source.agent_id;
    let raised = cloud.world.db.db.tx(&cx, async |tx| crate::leases::raise_epoch(tx, agent).await).await;
    assert_eq!(raised.expect("raised"), 2);
    let audited = "select count(*) from audit_log where action = 'agent.raise_epoch' and actor = 'user:1' \
                   and after->>'epoch' = '2'";
    assert_eq!(cloud.world.count(audited).await, 1);
    // Under way when it was raised; the agent hears of it with its next status.
    journal.push(receipt(rm(4)));
    link.say(batch(&journal, 4, 4)).await;
    assert_eq!(acked(&mut link).await, 4);
    link.say(agent_message::Message::Status(v1::Status { queued_events: 1, ..Default::default() })).await;
    let Message::EpochChange(change) = link.answer().await else { panic!("no epoch change") };
    assert_eq!((change.epoch, change.through_seq), (2, 4));
    // What it sends in the old one is dropped, in the new one it goes on.
    journal.push(receipt(rm(5)));
    link.say(batch(&journal, 5, 5)).await;
    let mut second = Journal::new(&cloud.world.source, 2);
    second.push(receipt(rm(5)));
    link.say(batch(&second, 1, 1)).await;
    let Message::Ack(ack) = link.answer().await else { panic!("no ack") };
    assert_eq!((ack.epoch, ack.through_seq), (2, 1));
    link.say(ask()).await;
    let Message::LeaseGrant(grant) = link.answer().await else { panic!("no lease") };
    assert_eq!((grant.first, grant.epoch), (1101, 2));
    assert_eq!(cloud.world.count("select count(*) from uid_registry").await, 5);
    assert_eq!(
        cloud.world.count("select queued_events from agents where kind = 'plant' and name = 'KOL'").await,
        1
    );
}

#[tokio::test]
async fn a_clone_of_the_disk_is_led_into_its_own_epoch() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut original = receipts(&cloud, 40);
    let mut clone = original.clone();
    for n in 41..=60 {
        original.push(receipt(rm(n)));
        clone.push(receipt(rm(1000 + n)));
    }
    clone.push(receipt(rm(2000)));
    let (mut link, _) = connected(&cloud, &credentials, &original).await;
    link.say(batch(&original, 1, 60)).await;
    assert_eq!(acked(&mut link).await, 60);

    let said = v1::Hello { machine_id: "machine-2".into(), ..hello(&clone) };
    let (mut link, welcome) = connected_as(&cloud, &credentials, said).await;
    let mut from = welcome.through_seq + 1;
    let change = loop {
        link.say(batch(&clone, from, 61)).await;
        match link.answer().await {
            Message::Welcome(back) => from = back.through_seq + 1,
            Message::EpochChange(change) => break change,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((change.epoch, change.through_seq), (2, 40));
    let mut second = Journal::new(&cloud.world.source, 2);
    for bytes in &clone.events[40..] {
        let again: v1::Event = prost::Message::decode(bytes.as_ref()).expect("an event");
        second.push(again);
    }
    link.say(batch(&second, 1, 21)).await;
    assert_eq!(acked(&mut link).await, 21);
    assert_eq!(cloud.world.exceptions().await, vec![("fork".into(), None)]);
    assert_eq!(cloud.world.count("select count(*) from uid_registry").await, 81);
}

#[tokio::test]
async fn a_disk_set_back_gets_a_new_epoch_at_once() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut journal = receipts(&cloud, 10);
    let old = journal.clone();
    for n in 11..=20 {
        journal.push(receipt(rm(n)));
    }
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 20)).await;
    assert_eq!(acked(&mut link).await, 20);
    let (mut link, welcome) = connected(&cloud, &credentials, &old).await;
    assert_eq!(welcome.through_seq, 10);
    let Message::EpochChange(change) = link.answer().await else { panic!("no epoch change") };
    assert_eq!((change.epoch, change.through_seq, change.reason.as_str()), (2, 10, "set_back"));
}

#[tokio::test]
async fn a_disk_in_another_machine_sends_what_is_new_once_and_in_the_new_epoch() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut journal = receipts(&cloud, 10);
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 10)).await;
    assert_eq!(acked(&mut link).await, 10);
    for n in 11..=14 {
        journal.push(receipt(rm(n)));
    }
    let said = v1::Hello { machine_id: "machine-2".into(), ..hello(&journal) };
    let (mut link, welcome) = connected_as(&cloud, &credentials, said).await;
    assert_eq!(welcome.through_seq, 10);
    // No numbers before it is known in which epoch they may be used.
    link.say(agent_message::Message::LeaseRequest(v1::LeaseRequest { r#type: "RM".into(), count: 9 })).await;
    link.say(batch(&journal, 11, 14)).await;
    let Message::EpochChange(change) = link.answer().await else { panic!("no epoch change") };
    assert_eq!((change.epoch, change.through_seq), (2, 10));
    assert_eq!(cloud.world.payloads(1).await.len(), 10, "it comes again in the new epoch");
}

#[tokio::test]
async fn a_restored_cloud_takes_what_is_left_and_tells_what_is_gone() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 20);
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 4)).await;
    assert_eq!(acked(&mut link).await, 4);
    drop(link);
    // The cloud forgot the rest; the agent has pruned up to 9, in epoch 1.
    let said = v1::Hello { oldest_seq: 10, ..hello(&journal) };
    let (mut link, welcome) = connected_as(&cloud, &credentials, said).await;
    assert_eq!(welcome.through_seq, 9);
    link.say(batch(&journal, 10, 20)).await;
    assert_eq!(acked(&mut link).await, 20);
    assert_eq!(cloud.world.exceptions().await, vec![("stream.gap".into(), Some(5))]);
    assert_eq!(cloud.world.count("select count(*) from lifecycle_events").await, 15);
    // An epoch that the cloud gave and forgot is taken as it is.
    let mut later = Journal::new(&cloud.world.source, 5);
    later.push(receipt(rm(30)));
    let (mut link, welcome) = connected(&cloud, &credentials, &later).await;
    assert_eq!((welcome.epoch, welcome.through_seq), (5, 0));
    link.say(batch(&later, 1, 1)).await;
    assert_eq!(acked(&mut link).await, 1);
}

#[tokio::test]
async fn a_hold_reaches_a_connected_plant_within_two_seconds_and_first() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let cx = Cx::new(cloud.world.source.tenant, "user:1");
    let publish = async |kind: &str, id: &str, plant: Option<&str>| {
        let body = serde_json::json!({ "id": id, "text": "x".repeat(300_000) });
        let done: Result<_, DbError> = cloud
            .world
            .db
            .db
            .tx(&cx, async |tx| platform::reference::publish(tx, kind, id, plant, &body, false).await)
            .await;
        done.expect("published");
    };
    for n in 0..8 {
        publish("item", &format!("I-{n}"), None).await;
    }
    publish("order", "PO-VSK", Some("VSK")).await;
    publish("hold", "H-1", None).await;

    let journal = cloud.world.journal();
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    let mut chunks = Vec::new();
    loop {
        let Message::Reference(chunk) = link.hear().await.expect("a chunk") else {
            continue;
        };
        let last = chunk.last;
        chunks.push(chunk);
        if last {
            break;
        }
    }
    assert!(chunks.len() >= 3 && chunks.iter().all(|c| c.full && c.version == 10));
    assert_eq!(chunks[0].rows[0].kind, "hold");
    let rows: Vec<&str> = chunks.iter().flat_map(|c| &c.rows).map(|r| r.id.as_str()).collect();
    assert_eq!(rows.len(), 9, "another plant's order is not sent: {rows:?}");
    let applied = v1::ReferenceApplied { version: 10 };
    link.say(agent_message::Message::ReferenceApplied(applied)).await;

    let began = std::time::Instant::now();
    publish("hold", "H-2", Some("KOL")).await;
    let Ok(Message::Reference(chunk)) = link.hear().await else { panic!("no chunk") };
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!((chunk.full, chunk.last, chunk.version), (false, true, 11));
    assert_eq!(chunk.rows.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["H-2"]);

    // One that is current is told so; one from the future gets all.
    for (version, full) in [(11, false), (99, true)] {
        let said = v1::Hello { reference_version: version, ..hello(&journal) };
        let (mut link, _) = connected_as(&cloud, &credentials, said).await;
        let Ok(Message::Reference(chunk)) = link.hear().await else { panic!("no chunk") };
        assert_eq!((chunk.full, chunk.rows.is_empty()), (full, !full));
    }
}

#[tokio::test]
async fn a_label_from_elsewhere_is_answered() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 1);
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 1)).await;
    assert_eq!(acked(&mut link).await, 1);
    link.say(agent_message::Message::LabelQuery(v1::LabelQuery { key: rm(1) })).await;
    let Message::LabelAnswer(answer) = link.answer().await else { panic!("no answer") };
    let json: serde_json::Value = serde_json::from_str(&answer.json).expect("JSON");
    assert_eq!((&json["item"], &json["quantity"]), (&"STEEL".into(), &"25.500000".into()));
    link.say(agent_message::Message::LabelQuery(v1::LabelQuery { key: rm(2) })).await;
    let Message::LabelAnswer(answer) = link.answer().await else { panic!("no answer") };
    assert!(!answer.known && answer.json.is_empty());
}

#[tokio::test]
async fn nonsense_ends_the_stream_and_nothing_else() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut journal = receipts(&cloud, 2);
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(agent_message::Message::Hello(hello(&journal))).await;
    assert_eq!(link.end().await.code(), Code::InvalidArgument);
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    let large = v1::Batch { epoch: 1, from_seq: 1, events: vec![vec![0; 6 << 20].into()], notes: vec![] };
    link.say(agent_message::Message::Batch(large)).await;
    assert_ne!(link.end().await.code(), Code::Ok);
    let before = v1::Hello { epoch: 0, ..hello(&journal) };
    let mut link = Link::open(cloud.agent(&credentials).await, before).await.expect("a stream");
    assert_eq!(link.end().await.code(), Code::InvalidArgument);
    // And a poisoned event does not even end the stream.
    journal.push_raw(vec![0xff; 9]);
    journal.push(event(Stage::Storage));
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 4)).await;
    assert_eq!(acked(&mut link).await, 4);
}

#[tokio::test]
async fn agents_may_prune_only_what_is_older_than_the_horizon() {
    let horizon = Some(chrono::Duration::zero());
    let cloud = Cloud::with(EdgeConfig { backup_horizon: horizon }).await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 10);
    let (mut link, welcome) = connected(&cloud, &credentials, &journal).await;
    assert_eq!(welcome.prune_through_seq, 0);
    link.say(batch(&journal, 1, 10)).await;
    assert_eq!(acked(&mut link).await, 10);
    drop(link);
    let (_, welcome) = connected(&cloud, &credentials, &journal).await;
    assert_eq!(welcome.prune_through_seq, 10);
}

#[tokio::test]
async fn a_stopping_cloud_ends_its_streams_and_then_itself() {
    let mut cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 100);
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 100)).await;
    assert_eq!(acked(&mut link).await, 100);
    cloud.stop.cancel();
    assert_eq!(link.end().await.code(), Code::Unavailable);
    drop(link);
    tokio::time::timeout(Duration::from_secs(5), &mut cloud.serving)
        .await
        .expect("stops soon")
        .expect("stops well");
}
