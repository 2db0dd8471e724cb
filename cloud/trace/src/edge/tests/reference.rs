//! What a plant is told: reference data, holds first, and what is known of a label.

use futures_util::TryStreamExt;

use super::*;
use crate::ingest::tests::{event, receipt, rm, subject};
use proto::v1::{Role, Stage};

#[tokio::test]
async fn a_hold_reaches_a_connected_plant_first_and_as_it_is_placed() {
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
        let chunk = next_chunk(&mut link).await;
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

    // How soon it comes is measured by `hold.office_to_scanner_p95`.
    publish("hold", "H-2", Some("KOL")).await;
    let chunk = next_chunk(&mut link).await;
    assert_eq!((chunk.full, chunk.last, chunk.version), (false, true, 11));
    assert_eq!(chunk.rows.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["H-2"]);

    // One that is current is told so; one of another generation gets all, and so
    // does one from the future, by which the cloud sees that it was restored.
    for (version, generation, full) in [(11, 1, false), (99, 1, true), (11, 7, true)] {
        let said = v1::Hello { reference_version: version, generation, ..hello(&journal) };
        let (mut link, _) = connected_as(&cloud, &credentials, said).await;
        let chunk = next_chunk(&mut link).await;
        assert_eq!((chunk.full, chunk.rows.is_empty()), (full, !full));
    }
}

/// The next chunk of reference data.
async fn next_chunk(link: &mut Link) -> v1::ReferenceChunk {
    loop {
        if let Message::Reference(chunk) = link.hear().await.expect("a chunk") {
            return chunk;
        }
    }
}

/// All rows of the next version that is told.
async fn rows(link: &mut Link) -> (bool, Vec<v1::ReferenceRow>) {
    let mut rows = Vec::new();
    loop {
        let chunk = next_chunk(link).await;
        rows.extend(chunk.rows);
        if chunk.last {
            return (chunk.full, rows);
        }
    }
}

/// A plant has a hold that it placed on its label as well: that the row is not in a full
/// set could also mean that the office has not heard of it.
#[tokio::test]
async fn a_full_set_tells_a_plant_which_of_its_holds_the_office_released() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut journal = receipts(&cloud, 3);
    let mut held = Vec::new();
    for n in 1..=3 {
        let hold = v1::Event { subjects: vec![subject(rm(n), Role::Subject)], ..event(Stage::Hold) };
        held.push(journal.push(hold));
    }
    let release = v1::Event { subjects: vec![subject(rm(2), Role::Subject)], ..event(Stage::Release) };
    journal.push(release);
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 7)).await;
    assert_eq!(acked(&mut link).await, 7);
    drop(link);
    let (db, tenant) = (&cloud.world.db.db, cloud.world.source.tenant);
    crate::projection::catch_up(db, tenant).await.expect("projected");
    let cx = Cx::new(tenant, "user:1");
    let hold = held[0];
    let free = async |tx: &mut platform::db::Tx| crate::holds::release(tx, hold, "sorted", Utc::now()).await;
    db.tx(&cx, free).await.expect("released");

    // The first was released by the office, the second by the plant, the third stands.
    let said = v1::Hello { generation: 7, reference_version: 1, ..hello(&journal) };
    let (mut link, _) = connected_as(&cloud, &credentials, said).await;
    let (full, told) = rows(&mut link).await;
    assert!(full);
    let of = |id: Uuid| told.iter().find(|row| row.id == id.to_string());
    let gone = of(held[0]).expect("it is told");
    let body: serde_json::Value = serde_json::from_str(&gone.json).expect("JSON");
    assert_eq!((gone.deleted, &body["lifted"], &body["keys"]), (true, &true.into(), &[rm(1)][..].into()));
    assert!(of(held[1]).is_none(), "the plant knows");
    assert!(of(held[2]).is_some_and(|row| !row.deleted));
    // No other plant has it on a label: a full set to it is no longer for what is over, but
    // who was told of it before is told of its end.
    let theirs = async |after: i64| {
        let read = async |tx: &mut platform::db::Tx| {
            let rows = crate::edge::store::reference_rows(tx, tenant, "VSK", after);
            Ok::<_, DbError>(rows.map_ok(|row| row.id).try_collect::<Vec<_>>().await?)
        };
        db.ingest_tx(&cx, read).await.expect("rows")
    };
    let all = theirs(0).await;
    assert!(!all.contains(&held[0].to_string()) && all.contains(&held[2].to_string()), "{all:?}");
    assert!(theirs(1).await.contains(&held[0].to_string()), "what changed");
}

/// What the cloud answers of a label that it knows.
async fn told(link: &mut Link, key: i64) -> serde_json::Value {
    link.say(agent_message::Message::LabelQuery(v1::LabelQuery { key })).await;
    let Message::LabelAnswer(answer) = link.answer().await else { panic!("no answer") };
    assert!(answer.known && answer.key == key);
    serde_json::from_str(&answer.json).expect("JSON")
}

#[tokio::test]
async fn a_label_from_elsewhere_is_answered() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 1);
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 1)).await;
    assert_eq!(acked(&mut link).await, 1);
    let json = told(&mut link, rm(1)).await;
    assert_eq!((&json["item"], &json["quantity"]), (&"STEEL".into(), &"25.500000".into()));
    link.say(agent_message::Message::LabelQuery(v1::LabelQuery { key: rm(2) })).await;
    let Message::LabelAnswer(answer) = link.answer().await else { panic!("no answer") };
    assert!(!answer.known && answer.json.is_empty());
}

/// The first two things that were received, in the third, a carton.
fn two_packed() -> v1::Event {
    let subjects =
        vec![subject(rm(3), Role::Parent), subject(rm(1), Role::Child), subject(rm(2), Role::Child)];
    v1::Event { action: v1::Action::Add.into(), subjects, ..event(Stage::Packing) }
}

/// A carton of another plant, whose content the office may hold.
#[tokio::test]
async fn a_package_is_answered_with_what_is_in_it_and_when_it_expires() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut journal = receipts(&cloud, 2);
    let lot = Uuid::from_u128(5);
    let mut carton = receipt(rm(3));
    carton.subjects[0].lot_id = lot.as_bytes().to_vec();
    carton.lots.push(v1::Lot {
        lot_id: lot.as_bytes().to_vec(),
        item: "STEEL".into(),
        expires_on: 20_849,
        ..v1::Lot::default()
    });
    journal.push(carton);
    journal.push(two_packed());
    let failed = journal.push(v1::Event {
        operation: "CURE".into(),
        action: v1::Action::Delete.into(),
        outcome: v1::Outcome::Failed.into(),
        attempt: 1,
        subjects: vec![subject(rm(1), Role::Subject)],
        ..event(Stage::Load)
    });
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    link.say(batch(&journal, 1, 5)).await;
    assert_eq!(acked(&mut link).await, 5);
    let (db, tenant) = (&cloud.world.db.db, cloud.world.source.tenant);
    crate::projection::catch_up(db, tenant).await.expect("projected");
    let json = told(&mut link, rm(3)).await;
    assert_eq!((&json["package"], &json["children"]), (&true.into(), &serde_json::json!([rm(1), rm(2)])));
    assert_eq!(json["expires_on"], "2027-01-31");
    let content = told(&mut link, rm(1)).await;
    assert_eq!((&content["package"], &content["operations"][0]["passed"]), (&false.into(), &false.into()));
    // It had not failed after all.
    journal.push(v1::Event {
        corrects: failed.as_bytes().to_vec(),
        subjects: vec![subject(rm(1), Role::Subject)],
        ..event(Stage::Correct)
    });
    link.say(batch(&journal, 6, 6)).await;
    assert_eq!(acked(&mut link).await, 6);
    assert_eq!(told(&mut link, rm(1)).await["operations"], serde_json::json!([]));
}

/// The next answer about a hold that a plant kept, and the rows of the next version, in
/// whichever order they come.
async fn kept_and_told(link: &mut Link, rows: bool) -> (v1::KeptHoldAnswer, Vec<v1::ReferenceRow>) {
    let (mut answer, mut told, mut whole) = (None, Vec::new(), !rows);
    while answer.is_none() || !whole {
        match link.hear().await.expect("an answer") {
            Message::KeptHoldAnswer(said) => answer = Some(said),
            Message::Reference(chunk) => {
                told.extend(chunk.rows);
                whole = chunk.last;
            }
            _ => {}
        }
    }
    (answer.expect("an answer"), told)
}

/// A backup is from before a hold that the plants still have.
#[tokio::test]
async fn a_hold_that_only_a_plant_still_has_is_placed_again_and_waits_for_a_person() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = receipts(&cloud, 3);
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    rows(&mut link).await;
    link.say(batch(&journal, 1, 3)).await;
    assert_eq!(acked(&mut link).await, 3);
    let world = &cloud.world;
    let hold = uuid::Uuid::now_v7();
    let kept = |part: &str, keys: &[i64]| {
        let kept = v1::KeptHold {
            hold: format!("{hold}{part}"),
            reason: "CRACK".into(),
            keys: keys.to_vec(),
            lots: Vec::new(),
        };
        agent_message::Message::KeptHold(kept)
    };
    link.say(kept("", &[rm(1)])).await;
    let (answer, told) = kept_and_told(&mut link, true).await;
    assert_eq!(answer, v1::KeptHoldAnswer { hold: hold.to_string(), released: false });
    assert_eq!((told.len(), told[0].id.as_str()), (1, hold.to_string().as_str()));
    assert!(told[0].json.contains(&rm(1).to_string()));
    let standing = "select concat_ws(' ', status, reason, members, scope->>'what') from holds";
    assert_eq!(world.text(standing).await, "placed CRACK 1 recovered");
    let opened = "select count(*) from exceptions where kind = 'hold.recovered' and status = 'open'";
    assert_eq!(world.count(opened).await, 1);

    // Said again, nothing is new; a further part of it comes in.
    link.say(kept("", &[rm(1)])).await;
    assert!(!kept_and_told(&mut link, false).await.0.released);
    link.say(kept("/1", &[rm(1), rm(2)])).await;
    let (answer, told) = kept_and_told(&mut link, true).await;
    assert!(!answer.released);
    assert!(told.iter().any(|row| row.json.contains(&rm(2).to_string())));
    assert_eq!(world.text(standing).await, "placed CRACK 2 recovered");
    assert_eq!(world.count("select count(*) from hold_members").await, 2);
    assert_eq!(world.count(opened).await, 1, "one exception for the hold");

    // A person lets it go: whoever comes with it later is told.
    let (db, cx) = (&world.db.db, Cx::new(world.source.tenant, "user:1"));
    let free = async |tx: &mut platform::db::Tx| crate::holds::release(tx, hold, "sorted", Utc::now()).await;
    db.tx(&cx, free).await.expect("released");
    let (_, told) = rows(&mut link).await;
    assert!(told.iter().all(|row| row.deleted) && told.len() >= 2);
    link.say(kept("", &[rm(1)])).await;
    assert!(kept_and_told(&mut link, false).await.0.released);
}

/// The office corrects what a plant has recorded: the plant's own agent has it on its labels.
#[tokio::test]
async fn a_plant_is_told_that_its_own_fact_was_corrected() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let mut journal = receipts(&cloud, 3);
    let packed = journal.push(two_packed());
    let (mut link, _) = connected(&cloud, &credentials, &journal).await;
    rows(&mut link).await;
    link.say(batch(&journal, 1, 4)).await;
    assert_eq!(acked(&mut link).await, 4);
    let world = &cloud.world;
    let (db, tenant) = (&world.db.db, world.source.tenant);
    crate::projection::catch_up(db, tenant).await.expect("projected");
    let before = told(&mut link, rm(1)).await;
    assert_eq!((&before["custody"]["at"], &before["seen"]), (&"parent".into(), &serde_json::Value::Null));

    let correct = async |what: Uuid| {
        let cx = Cx::new(tenant, "user:1");
        let mut draft = crate::ingest::office::draft(Stage::Correct, Utc::now());
        draft.corrects = what.as_bytes().to_vec();
        draft.subjects = (1..=3).map(|n| subject(rm(n), Role::Subject)).collect();
        let append = async |tx: &mut platform::db::Tx| {
            let told = crate::ingest::office::append(tx, Utc::now(), vec![draft.clone()]).await;
            Ok::<_, DbError>(told.expect("appended").event_ids[0])
        };
        db.tx(&cx, append).await.expect("corrected")
    };
    let correction = correct(packed).await;
    // Of a label that does not show it yet nothing is said.
    assert_eq!(told(&mut link, rm(1)).await["behind"], true);
    crate::projection::catch_up(db, tenant).await.expect("projected");
    let (_, news) = rows(&mut link).await;
    let [news] = news.as_slice() else { panic!("{news:?}") };
    let body: serde_json::Value = serde_json::from_str(&news.json).expect("JSON");
    assert_eq!((news.kind.as_str(), news.deleted), ("correction", false));
    assert_eq!(body["correction"], serde_json::json!(packed));
    assert_eq!(body["keys"], serde_json::json!([rm(1), rm(2), rm(3)]));
    assert_eq!(world.text("select plant from reference_rows where kind = 'correction'").await, "KOL");
    let after = told(&mut link, rm(1)).await;
    assert_eq!(after["custody"]["at"], "location");
    assert_eq!((&after["seen"], &after["void"]), (&serde_json::json!(packed), &serde_json::json!([packed])));

    // What the plant told since is counted in, once the label shows it.
    let moved =
        journal.push(v1::Event { subjects: vec![subject(rm(1), Role::Subject)], ..event(Stage::Storage) });
    link.say(batch(&journal, 5, 5)).await;
    assert_eq!(acked(&mut link).await, 5);
    let behind = told(&mut link, rm(1)).await;
    assert_eq!((&behind["behind"], &behind["seen"]), (&true.into(), &serde_json::Value::Null));
    crate::projection::catch_up(db, tenant).await.expect("projected");
    // A refusal changes nothing: the scan that asks may have made it.
    journal.push(v1::Event { subjects: vec![subject(rm(1), Role::Subject)], ..event(Stage::Refused) });
    link.say(batch(&journal, 6, 6)).await;
    assert_eq!(acked(&mut link).await, 6);
    assert_eq!(told(&mut link, rm(1)).await["seen"], serde_json::json!(moved));

    // The correction is taken back: told again, and the fact counts.
    correct(correction).await;
    crate::projection::catch_up(db, tenant).await.expect("projected");
    let (_, news) = rows(&mut link).await;
    assert_eq!(news.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(), ["correction"]);
    assert_eq!(told(&mut link, rm(2)).await["void"], serde_json::json!([]));
    assert_eq!(told(&mut link, rm(2)).await["custody"]["at"], "parent");
}
