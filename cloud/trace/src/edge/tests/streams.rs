//! What goes over an open stream.

use super::*;
use crate::ingest::tests::{event, receipt, rm};
use proto::v1::Stage;
use tonic::Code;

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
    link.say(agent_message::Message::SeriesRequest(v1::SeriesRequest {
        series: "GRN".into(),
        count: 5,
        for_us: 0,
    }))
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
    assert_eq!((change.epoch, change.through_seq, change.drain), (2, 4, true));
    // What it has left of the old one drains, in the new one it goes on.
    journal.push(receipt(rm(5)));
    link.say(batch(&journal, 5, 5)).await;
    let Message::Ack(ack) = link.answer().await else { panic!("no ack") };
    assert_eq!((ack.epoch, ack.through_seq), (1, 5));
    let mut second = Journal::new(&cloud.world.source, 2);
    second.push(receipt(rm(6)));
    link.say(batch(&second, 1, 1)).await;
    let Message::Ack(ack) = link.answer().await else { panic!("no ack") };
    assert_eq!((ack.epoch, ack.through_seq), (2, 1));
    link.say(ask()).await;
    let Message::LeaseGrant(grant) = link.answer().await else { panic!("no lease") };
    assert_eq!((grant.first, grant.epoch), (1101, 2));
    assert_eq!(cloud.world.count("select count(*) from uid_registry").await, 6);
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
async fn a_disk_in_another_machine_drains_before_it_begins_a_new_epoch() {
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
    assert_eq!(acked(&mut link).await, 14);
    let Message::EpochChange(change) = link.answer().await else { panic!("no epoch change") };
    assert_eq!((change.epoch, change.through_seq, change.drain), (2, 14, true));
    assert_eq!(cloud.world.payloads(1).await, journal.events);
}

/// The change that ends a wait for one, acknowledgements aside.
async fn moved(link: &mut Link) -> v1::EpochChange {
    loop {
        match link.answer().await {
            Message::Ack(_) => {}
            Message::EpochChange(change) => return change,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn of_two_disks_with_the_same_unsent_facts_each_fact_comes_once() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut original = receipts(&cloud, 20);
    let (mut link, _) = connected(&cloud, &credentials, &original).await;
    link.say(batch(&original, 1, 10)).await;
    assert_eq!(acked(&mut link).await, 10);
    // The disk is copied while 11 to 20 are unsent; the copy is in touch first.
    let clone = original.clone();
    let second = |journal: &Journal| v1::Hello { machine_id: "machine-2".into(), ..hello(journal) };
    let (mut link, welcome) = connected_as(&cloud, &credentials, second(&clone)).await;
    assert_eq!(welcome.through_seq, 10);
    link.say(batch(&clone, 11, 20)).await;
    let change = moved(&mut link).await;
    assert_eq!((change.epoch, change.through_seq, change.drain), (2, 20, true));
    // The original has gone on meanwhile; what both have is a repeat.
    original.push(receipt(rm(21)));
    let (mut link, welcome) = connected(&cloud, &credentials, &original).await;
    assert_eq!(welcome.through_seq, 20);
    link.say(batch(&original, 11, 21)).await;
    loop {
        match link.answer().await {
            Message::Problem(_) => {}
            Message::Ack(ack) => break assert_eq!(ack.through_seq, 21),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(cloud.world.payloads(1).await, original.events);
    assert_eq!(cloud.world.count("select count(*) from uid_registry").await, 21);
    let found: Vec<String> = cloud.world.exceptions().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(found, ["agent.contested", "fork"]);
}

#[tokio::test]
async fn two_machines_at_once_are_given_no_numbers_until_an_operator_decides() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 3);
    let ask = || agent_message::Message::LeaseRequest(v1::LeaseRequest { r#type: "RM".into(), count: 100 });
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 3)).await;
    assert_eq!(acked(&mut link).await, 3);
    let clone = v1::Hello { machine_id: "machine-2".into(), ..hello(&journal) };
    let (mut link, _) = connected_as(&cloud, &credentials, clone.clone()).await;
    assert_eq!(moved(&mut link).await.epoch, 2);
    // However often they take the place from each other, no further epoch begins.
    let second = Journal::new(&cloud.world.source, 2);
    let moved_clone = v1::Hello { machine_id: "machine-2".into(), ..hello(&second) };
    for _ in 0..3 {
        for said in [hello(&journal), moved_clone.clone()] {
            let (mut link, _) = connected_as(&cloud, &credentials, said).await;
            let Message::Problem(problem) = link.answer().await else { panic!("not told") };
            assert_eq!(problem.code, "agent.contested");
            assert!(problem.detail.contains("cloud agent raise-epoch"), "{}", problem.detail);
            link.say(ask()).await;
            let Message::Problem(problem) = link.answer().await else { panic!("a lease") };
            assert_eq!(problem.code, "lease.refused");
        }
    }
    assert_eq!(cloud.world.count("select epoch::bigint from agents where name = 'KOL'").await, 2);
    let contested = cloud.world.exceptions().await.into_iter().filter(|(kind, _)| kind == "agent.contested");
    assert_eq!(contested.count(), 1);

    // The clone is switched off, and the operator says so.
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    assert!(matches!(link.answer().await, Message::Problem(_)));
    let cx = Cx::new(cloud.world.source.tenant, "user:1");
    let agent = cloud.world.source.agent_id;
    let raised = cloud.world.db.db.tx(&cx, async |tx| crate::leases::raise_epoch(tx, agent).await).await;
    assert_eq!(raised.expect("raised"), 3);
    link.say(agent_message::Message::Status(v1::Status::default())).await;
    assert_eq!(link.end().await.code(), Code::Aborted);
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    let change = moved(&mut link).await;
    assert_eq!((change.epoch, change.drain), (3, true));
    link.say(ask()).await;
    let Message::LeaseGrant(grant) = link.answer().await else { panic!("no lease") };
    assert_eq!(grant.epoch, 3);
}

#[tokio::test]
async fn a_machine_that_took_over_long_ago_may_be_replaced_again() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 1);
    for (machine, epoch) in [("machine-1", 1), ("machine-2", 2), ("machine-1", 3)] {
        let said = v1::Hello { machine_id: machine.into(), ..hello(&journal) };
        let (mut link, _) = connected_as(&cloud, &credentials, said).await;
        link.say(batch(&journal, 1, 1)).await;
        if epoch > 1 {
            assert_eq!(moved(&mut link).await.epoch, epoch);
        } else {
            assert_eq!(acked(&mut link).await, 1);
        }
        cloud.sql("update agents set machine_since = machine_since - interval '2 days'").await;
    }
}

fn ends(journal: &Journal, oldest_seq: u64) -> v1::EpochHead {
    let (head_seq, head_hash) = (journal.last(), journal.head.to_vec());
    v1::EpochHead { epoch: journal.epoch, oldest_seq, head_seq, head_hash }
}

#[tokio::test]
async fn a_restored_cloud_is_sent_the_earlier_epochs_too() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut first = receipts(&cloud, 30);
    let (mut link, _) = connected(&cloud, &credentials, &first).await;
    link.say(batch(&first, 1, 12)).await;
    assert_eq!(acked(&mut link).await, 12);
    drop(link);
    // What the cloud had after that is gone: epoch 1 went on, 2 began and ended, 3
    // is the current one.
    let mut second = Journal::new(&cloud.world.source, 2);
    for n in 31..=40 {
        second.push(receipt(rm(n)));
    }
    let mut third = Journal::new(&cloud.world.source, 3);
    third.push(receipt(rm(41)));
    let said = v1::Hello { older_epochs: vec![ends(&first, 5), ends(&second, 4)], ..hello(&third) };
    let (mut link, welcome) = connected_as(&cloud, &credentials, said.clone()).await;
    assert_eq!((welcome.epoch, welcome.through_seq), (3, 0));
    let here: Vec<(u32, u64)> = welcome.older_epochs.iter().map(|e| (e.epoch, e.through_seq)).collect();
    assert_eq!(here, [(1, 12), (2, 3)]);
    assert!(welcome.generation > 1, "that it was restored shows");
    let generation = welcome.generation;
    link.say(batch(&first, 13, 20)).await;
    // A gap is answered in its epoch.
    link.say(batch(&first, 25, 30)).await;
    assert_eq!(acked(&mut link).await, 20);
    let Message::Welcome(back) = link.answer().await else { panic!("no answer to a gap") };
    assert_eq!((back.epoch, back.through_seq), (1, 20));
    link.say(batch(&first, 21, 30)).await;
    link.say(batch(&second, 4, 10)).await;
    link.say(batch(&third, 1, 1)).await;
    for expected in [(1, 30), (2, 10), (3, 1)] {
        let Message::Ack(ack) = link.answer().await else { panic!("no ack") };
        assert_eq!((ack.epoch, ack.through_seq), expected);
    }
    assert_eq!(cloud.world.payloads(1).await, first.events);
    assert_eq!(cloud.world.payloads(2).await.len(), 7);
    assert_eq!(cloud.world.exceptions().await, vec![("stream.gap".into(), Some(1))]);
    // Another plant's agent tells of the same restore; it counts once.
    let (_link, welcome) = connected_as(&cloud, &credentials, said).await;
    assert_eq!(welcome.generation, generation);
    assert!(welcome.older_epochs.iter().map(|e| e.through_seq).eq([30, 10]));
    // Nonsense is refused.
    first.push(receipt(rm(99)));
    for older in [v1::EpochHead { oldest_seq: 33, ..ends(&first, 1) }, ends(&third, 1)] {
        let said = v1::Hello { older_epochs: vec![older], ..hello(&third) };
        let mut link = Link::open(cloud.agent(&credentials).await, said).await.expect("a stream");
        assert_eq!(link.end().await.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn another_history_of_an_earlier_epoch_is_kept_and_not_asked_for_again() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut journal = receipts(&cloud, 20);
    let mut clone = journal.clone();
    for n in 21..=30 {
        journal.push(receipt(rm(n)));
        clone.push(receipt(rm(100 + n)));
    }
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 30)).await;
    assert_eq!(acked(&mut link).await, 30);
    let second = Journal::new(&cloud.world.source, 2);
    let said = v1::Hello { older_epochs: vec![ends(&clone, 1)], ..hello(&second) };
    let (mut link, welcome) = connected_as(&cloud, &credentials, said.clone()).await;
    let mut from = welcome.older_epochs[0].through_seq + 1;
    while from <= 30 {
        link.say(batch(&clone, from, (from + 4).min(30))).await;
        match link.answer().await {
            Message::Welcome(back) => from = back.through_seq + 1,
            Message::Ack(ack) => from = ack.through_seq + 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(cloud.world.payloads(1).await, journal.events);
    let strays = "select count(*) from exceptions where kind = 'event.stray'";
    assert_eq!(cloud.world.count(strays).await, 10);
    let (_link, welcome) = connected_as(&cloud, &credentials, said).await;
    assert_eq!(welcome.older_epochs[0].through_seq, 30);
}

#[tokio::test]
async fn document_numbers_are_of_the_master_s_series_where_the_plant_has_one() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    for sql in [
        // What the plant's file made gives way.
        "insert into number_series (tenant_id, plant_code, series, prefix) \
         select tenant_id, 'KOL', 'GRN', 'GRN-2025-' from tenant_counters",
        "insert into document_series (tenant_id, series, name, kind, company, plant, pattern, width, gap_free, \
             gst_rule, station_series, station_block) \
         select tenant_id, 'GRN-KOL', 'Receipts', 'goods_receipt', 'C1', 'KOL', 'GRN/{YYYY}/{SEQ}', 3, false, \
             false, 'GRN', 10 from tenant_counters",
    ] {
        cloud.sql(sql).await;
    }
    let mut journal = receipts(&cloud, 1);
    // All of a series, over the years, says nothing of one of them.
    let mark = v1::SeriesMark { series: "GRN".into(), highest_granted: 900, prefix: String::new() };
    let said = v1::Hello { series_marks: vec![mark], ..hello(&journal) };
    let (mut link, welcome) = connected_as(&cloud, &credentials, said).await;
    assert_eq!(welcome.generation, 1);
    link.say(batch(&journal, 1, 1)).await;
    assert_eq!(acked(&mut link).await, 1);
    let ask = |for_us| {
        let series = v1::SeriesRequest { series: "GRN".into(), count: 500, for_us };
        agent_message::Message::SeriesRequest(series)
    };
    link.say(ask(0)).await;
    let Message::SeriesGrant(grant) = link.answer().await else { panic!("no numbers") };
    assert!(grant.prefix.starts_with("GRN/20"), "{}", grant.prefix);
    assert_eq!((grant.first, grant.last, grant.width, grant.epoch), (1, 10, 3, 1));
    let now = chrono::Utc::now().timestamp_micros();
    assert!(grant.from_us <= now && now < grant.until_us, "{grant:?}");
    // A clock that is years off is given none, and told why.
    link.say(ask(now + 800 * 86_400_000_000)).await;
    let Message::Problem(problem) = link.answer().await else { panic!("no problem") };
    assert_eq!(problem.code, "series.refused");

    // What it gives out is kept; what is left when its epoch ends is void.
    let mut given = receipt(rm(2));
    given.references =
        vec![v1::Reference { r#type: "grn".into(), number: format!("{}001", grant.prefix), line: 1 }];
    journal.push(given);
    link.say(batch(&journal, 2, 2)).await;
    assert_eq!(acked(&mut link).await, 2);
    let numbers = "select count(*) from document_numbers where status = 'issued' and document like 'event:%'";
    assert_eq!(cloud.world.count(numbers).await, 1);
    let cx = Cx::new(cloud.world.source.tenant, "user:1");
    let agent = cloud.world.source.agent_id;
    let raised = cloud.world.db.db.tx(&cx, async |tx| crate::leases::raise_epoch(tx, agent).await).await;
    assert_eq!(raised.expect("raised"), 2);
    let void = "select count(*) from document_numbers where status = 'void' and reason <> ''";
    assert_eq!(cloud.world.count(void).await, 9);
    assert_eq!(cloud.world.count("select next from number_series where series = 'GRN'").await, 1);
}

#[tokio::test]
async fn document_numbers_are_not_given_twice_after_a_restore() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    cloud
        .sql(
            "insert into number_series (tenant_id, plant_code, series, prefix) \
              select tenant_id, 'KOL', 'GRN', 'GRN-2025-' from tenant_counters",
        )
        .await;
    let journal = cloud.world.journal();
    let mark =
        |series: &str| v1::SeriesMark { series: series.into(), highest_granted: 45, prefix: String::new() };
    let said = v1::Hello { series_marks: vec![mark("GRN"), mark("NONE"), mark("\0")], ..hello(&journal) };
    let (mut link, welcome) = connected_as(&cloud, &credentials, said).await;
    assert!(welcome.generation > 1);
    link.say(agent_message::Message::SeriesRequest(v1::SeriesRequest {
        series: "GRN".into(),
        count: 5,
        for_us: 0,
    }))
    .await;
    let Message::SeriesGrant(series) = link.answer().await else { panic!("no series") };
    assert_eq!((series.first, series.last), (46, 50));
    assert_eq!(cloud.world.exceptions().await, vec![("lease.lifted".into(), None)]);
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
