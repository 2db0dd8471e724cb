//! Nothing that an agent sends stops its stream.

use super::*;

/// Sends good, bad, good in one batch; all three must be stored.
async fn survives(world: &World, bad: impl FnOnce(&mut Journal)) -> Journal {
    let mut journal = world.journal();
    journal.push(receipt(rm(1)));
    bad(&mut journal);
    journal.push(receipt(rm(2)));
    let last = journal.last() as i64;
    assert_eq!(through(&world.send(journal.all()).await.expect("stored")), (last, last as usize));
    assert_eq!(world.payloads(1).await, journal.events);
    assert_eq!(world.count("select count(*) from uid_registry where key % 1000 in (1, 2)").await, 2);
    journal
}

#[tokio::test]
async fn garbage_becomes_an_exception() {
    let world = World::new().await;
    survives(&world, |journal| {
        journal.push_raw(vec![0xff; 40]);
        journal.push_raw(Vec::new());
        journal.push_raw(vec![b'x'; proto::MAX_EVENT_BYTES + 1]);
    })
    .await;
    let kinds: Vec<_> = world.exceptions().await;
    assert_eq!(
        kinds,
        vec![
            ("event.malformed".into(), Some(3)),
            ("event.undecodable".into(), Some(2)),
            ("event.undecodable".into(), Some(4)),
        ]
    );
}

#[tokio::test]
async fn values_that_do_not_fit_become_neutral() {
    let world = World::new().await;
    survives(&world, |journal| {
        let mut bad = receipt(rm(3));
        bad.station = "A\0B".into();
        bad.location = "L".repeat(10_000);
        bad.references = vec![v1::Reference { number: "\u{0}".into(), line: u32::MAX, ..Default::default() }];
        bad.subjects[0].quantity = "1000000000000".into();
        bad.subjects[0].lot_id = vec![1, 2, 3];
        bad.subjects.push(subject(-7, Role::Subject));
        bad.attempt = u32::MAX;
        bad.production_date = i32::MAX;
        bad.occurred_at_us = i64::MAX;
        bad.occurred_offset_min = 100_000;
        bad.accepted_quantity = "twelve".into();
        bad.rejected_quantity = "1.0000001".into();
        bad.stage = 999;
        bad.action = -1;
        bad.outcome = i32::MIN;
        bad.corrects = vec![9; 15];
        bad.readings = vec![v1::Reading {
            name: "\u{1F600}".repeat(400),
            value: "1e400".into(),
            low: "NaN".into(),
            high: "0.12345678".into(),
            quality: 77,
            at_us: i64::MIN,
            ..Default::default()
        }];
        journal.push(bad);
    })
    .await;
    assert_eq!(world.exceptions().await, vec![("event.malformed".into(), Some(2))]);
    let row = "select count(*) from lifecycle_events where seq = 2 and stage = 0 and action = 0 and outcome = 0 \
               and station = '' and location = '' and accepted_quantity is null and rejected_quantity = 1 \
               and corrects is null and attempt = 0 and production_date is null and occurred_at = recorded_at";
    assert_eq!(world.count(row).await, 1);
    assert_eq!(
        world.count("select count(*) from event_readings where high = 0.123457 and value is null").await,
        1
    );
    assert_eq!(
        world.count("select count(*) from uid_registry where key % 1000 = 3 and quantity is null").await,
        1
    );
    let told = "select jsonb_array_length(detail->'defects')::bigint from exceptions";
    assert_eq!(world.count(told).await, 20);
}

#[tokio::test]
async fn an_event_that_claims_to_be_another_is_stored_where_it_stands() {
    let world = World::new().await;
    survives(&world, |journal| {
        let mut sealed = journal.sealed(Uuid::now_v7(), receipt(rm(3)));
        sealed.agent_id = vec![7; 16];
        sealed.epoch = 9;
        sealed.seq = 1;
        sealed.plant = "VSK".into();
        journal.push_raw(sealed.encode_to_vec());
    })
    .await;
    assert_eq!(world.exceptions().await, vec![("event.malformed".into(), Some(2))]);
    let told = "select jsonb_array_length(detail->'defects')::bigint from exceptions";
    assert_eq!(world.count(told).await, 4);
}

#[tokio::test]
async fn a_second_birth_names_both_events() {
    let world = World::new().await;
    let mut journal = survives(&world, |journal| {
        journal.push(receipt(rm(1)));
    })
    .await;
    journal.push(receipt(rm(2)));
    world.send(journal.batch(4, 4)).await.expect("stored");
    let other = world.other().await;
    let mut theirs = Journal::new(&other, 1);
    theirs.push(v1::Event { plant: "VSK".into(), ..receipt(rm(1)) });
    world.ingest.commit_batch(&other, theirs.all()).await.expect("stored");
    let found = world.exceptions().await;
    let second = |seq| ("uid.second_birth".to_owned(), Some(seq));
    assert_eq!(found, vec![("event.malformed".into(), Some(1)), second(1), second(2), second(4)]);
    let both = "select count(*) from exceptions where kind = 'uid.second_birth' \
                and detail->'first'->>'seq' in ('1', '3') and detail->'second'->>'agent' <> ''";
    assert_eq!(world.count(both).await, 3);
    assert_eq!(world.count("select count(*) from uid_registry where born_seq in (1, 3)").await, 2);
}

#[tokio::test]
async fn lost_stands_in_its_place_and_the_chain_goes_on_after_it() {
    let world = World::new().await;
    let mut whole = world.journal();
    for n in 1..=6 {
        whole.push(receipt(rm(n)));
    }
    // Record 3 cannot be read; 4 still names the hash of what 3 was.
    let mut sent = whole.clone();
    let mut lost = event(Stage::Lost);
    lost.quarantine = Some(v1::Quarantine { sha256: vec![5; 32], problem: "checksum".into() });
    let mut before = world.journal();
    before.events = whole.events[..2].to_vec();
    before.head = chain::link(&whole.events[1]);
    sent.events[2] = before.sealed(Uuid::now_v7(), lost).encode_to_vec().into();
    world.send(sent.batch(1, 3)).await.expect("up to LOST");
    assert_eq!(through(&world.send(sent.batch(4, 6)).await.expect("after LOST")), (6, 3));
    assert_eq!(world.exceptions().await, vec![("record.lost".into(), Some(3))]);
    // And when the cloud has it whole, LOST takes nothing away.
    let mut later = sent.clone();
    later.events[4] = sent.events[2].clone();
    assert_eq!(through(&world.send(later.batch(4, 6)).await.expect("a repeat")), (6, 0));
    assert_eq!(
        world.exceptions().await,
        vec![("record.lost".into(), Some(3)), ("record.lost".into(), Some(5))]
    );
    assert_eq!(world.payloads(1).await, sent.events);
}

#[tokio::test]
async fn a_broken_link_is_told_and_passed() {
    let world = World::new().await;
    survives(&world, |journal| {
        let mut sealed = journal.sealed(Uuid::now_v7(), receipt(rm(3)));
        sealed.prev_hash = vec![1; 32];
        journal.push_raw(sealed.encode_to_vec());
    })
    .await;
    assert_eq!(world.exceptions().await, vec![("chain.broken".into(), Some(2))]);
}

#[tokio::test]
async fn notes_stand_beside_and_are_checked() {
    use sha2::{Digest, Sha256};
    let world = World::new().await;
    let mut journal = world.journal();
    for text in ["fell off the truck", "altered", "a\0b"] {
        let note_hash = Sha256::new().chain_update(b"salt").chain_update(text).finalize().to_vec();
        journal.push(v1::Event { note_hash, ..receipt(rm(journal.last() as i64 + 1)) });
        let text = if text == "altered" { "another text" } else { text };
        journal.notes.push(v1::Note { seq: journal.last(), salt: b"salt".to_vec(), text: text.into() });
    }
    journal.notes.push(v1::Note { seq: 99, salt: vec![], text: "nobody's".into() });
    world.send(journal.all()).await.expect("stored");
    assert_eq!(
        world
            .count(
                "select count(*) from event_notes where note in ('fell off the truck', 'another text', 'ab')"
            )
            .await,
        3
    );
    assert_eq!(
        world.exceptions().await,
        vec![("note.mismatch".into(), Some(2)), ("note.mismatch".into(), Some(3))]
    );
    // What was erased since does not come back with a repeat.
    let cx = Cx::new(world.source.tenant, "test");
    let erased: Result<(), DbError> = world
        .db
        .db
        .tx(&cx, async |tx| {
            sqlx::query("delete from event_notes").execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    erased.expect("erased");
    world.send(journal.all()).await.expect("a repeat");
    assert_eq!(world.count("select count(*) from event_notes").await, 0);
}

#[tokio::test]
async fn a_name_that_no_master_has_is_told_once() {
    let world = World::new().await;
    let mut journal = world.journal();
    let mut said = |operator: &str, item: &str, n: i64| {
        let mut event = receipt(rm(n));
        event.operator_id = operator.into();
        event.subjects[0].item = item.into();
        journal.push(event);
    };
    said("OP-1", "STEEL", 1);
    let told = "select count(*) from exceptions where kind = 'master.unknown'";
    // A tenant that keeps no masters here knows no unknown ones.
    said("OP-9", "STEEL", 2);
    for n in [3, 4] {
        said("OP-9", "COPPER", n);
        said("OP-1", "STEEL", 10 + n);
    }
    world.send(journal.batch(1, 2)).await.expect("stored");
    assert_eq!(world.count(told).await, 0);
    let cx = Cx::new(world.source.tenant, "test");
    let seeded: Result<(), DbError> = world
        .db
        .db
        .tx(&cx, async |tx| {
            sqlx::raw_sql(
                "insert into items (tenant_id, item, name, type_code, base_unit, tracking) \
                 select tenant_id, 'STEEL', 'Steel', 'RM', 'kg', 'lot' from tenant_counters; \
                 insert into operators (tenant_id, operator_id, name, badge_hash) \
                 select tenant_id, 'OP-1', 'x', 'x' from tenant_counters",
            )
            .execute(tx.conn())
            .await?;
            Ok(())
        })
        .await;
    seeded.expect("masters");
    world.send(journal.batch(3, 6)).await.expect("stored");
    let unknown = |seq| ("master.unknown".to_owned(), Some(seq));
    assert_eq!(world.exceptions().await, vec![unknown(3), unknown(3)]);
    let both = "select count(*) from exceptions where (detail->>'master', detail->>'value') \
                in (('item', 'COPPER'), ('operator', 'OP-9'))";
    assert_eq!(world.count(both).await, 2);
}
