//! Links, and what corrections do to them.

use super::*;
use crate::ingest::office;
use chrono::Utc;

/// (open, ever) of a pair, by the sums that `links` promises.
async fn pair(world: &World, from: i64, to: i64) -> (bool, bool) {
    let cx = Cx::new(world.source.tenant, "test");
    let done: Result<(i64, i64), DbError> = world
        .db
        .db
        .tx(&cx, async |tx| {
            let row = sqlx::query(
                "select coalesce(sum(case effect when 1 then 1 when 4 then 1 else -1 end), 0)::bigint, \
                        coalesce(sum(case effect when 1 then 1 when 3 then -1 else 0 end), 0)::bigint \
                 from uid_links where from_key = $1 and to_key = $2",
            )
            .bind(from)
            .bind(to)
            .fetch_one(tx.conn())
            .await?;
            Ok((row.get(0), row.get(1)))
        })
        .await;
    let (open, ever) = done.expect("a pair");
    assert!((0..=1).contains(&open), "{open}");
    (open > 0, ever > 0)
}

pub(super) fn correct(id: Uuid) -> v1::Event {
    v1::Event { corrects: id.as_bytes().to_vec(), ..event(Stage::Correct) }
}

#[tokio::test]
async fn each_stage_makes_its_links() {
    let world = World::new().await;
    let mut journal = world.journal();
    journal.push(assembly(Action::Add, rm(1), rm(2)));
    journal.push(v1::Event {
        action: Action::Add.into(),
        subjects: vec![
            subject(rm(3), Role::Parent),
            subject(rm(2), Role::Child),
            subject(rm(9), Role::Child),
        ],
        ..event(Stage::Packing)
    });
    journal.push(v1::Event {
        subjects: vec![
            v1::Subject { quantity: "2.5".into(), unit: "kg".into(), ..subject(rm(4), Role::Input) },
            subject(rm(5), Role::Input),
            subject(rm(6), Role::Output),
            subject(rm(7), Role::Output),
        ],
        ..event(Stage::Transformation)
    });
    journal.push(v1::Event {
        subjects: vec![subject(rm(4), Role::Input), subject(rm(8), Role::Subject)],
        ..event(Stage::Consume)
    });
    journal.push(v1::Event {
        subjects: vec![
            subject(rm(2), Role::Parent),
            subject(rm(1), Role::Output),
            subject(rm(10), Role::Input),
        ],
        ..event(Stage::Service)
    });
    journal.push(v1::Event {
        action: Action::Delete.into(),
        subjects: vec![subject(rm(3), Role::Parent), subject(rm(9), Role::Child)],
        ..event(Stage::Packing)
    });
    world.send(journal.all()).await.expect("stored");
    for (from, to, expected) in [
        (1, 2, (false, true)),
        (10, 2, (true, true)),
        (2, 3, (true, true)),
        (9, 3, (false, true)),
        (4, 6, (true, true)),
        (4, 7, (true, true)),
        (5, 6, (true, true)),
        (5, 7, (true, true)),
        (4, 8, (true, true)),
        (6, 4, (false, false)),
    ] {
        assert_eq!(pair(&world, rm(from), rm(to)).await, expected, "{from} → {to}");
    }
    assert_eq!(world.count("select count(*) from uid_links where quantity = 2.5 and unit = 'kg'").await, 2);
    assert_eq!(world.count("select count(*) from uid_links where kind = 3").await, 3);
}

#[tokio::test]
async fn corrections_undo_and_restore_and_are_counted_once() {
    let world = World::new().await;
    let mut journal = world.journal();
    let add = journal.push(assembly(Action::Add, rm(1), rm(2)));
    world.send(journal.all()).await.expect("stored");
    // The correction and the correction of it in one batch, and the same twice.
    let first = journal.push(correct(add));
    world.send(journal.batch(2, 2)).await.expect("stored");
    assert_eq!(pair(&world, rm(1), rm(2)).await, (false, false));
    let again = journal.push(correct(add));
    let restore = journal.push(correct(first));
    world.send(journal.batch(3, 4)).await.expect("stored");
    assert_eq!(pair(&world, rm(1), rm(2)).await, (false, false), "the second still stands");
    journal.push(correct(again));
    world.send(journal.batch(5, 5)).await.expect("stored");
    assert_eq!(pair(&world, rm(1), rm(2)).await, (true, true));
    // Taking out, and correcting that: it is in again, and always was.
    let out = journal.push(assembly(Action::Delete, rm(1), rm(2)));
    journal.push(correct(out));
    world.send(journal.batch(6, 7)).await.expect("stored");
    assert_eq!(pair(&world, rm(1), rm(2)).await, (true, true));
    journal.push(correct(restore));
    world.send(journal.batch(8, 8)).await.expect("stored");
    assert_eq!(pair(&world, rm(1), rm(2)).await, (false, false));
    assert_eq!(world.exceptions().await, vec![]);
}

#[tokio::test]
async fn a_correction_waits_for_the_event_it_names() {
    let world = World::new().await;
    let other = world.other().await;
    let mut theirs = Journal::new(&other, 1);
    let add = theirs.push(v1::Event { plant: "VSK".into(), ..assembly(Action::Add, rm(1), rm(2)) });
    let mut journal = world.journal();
    journal.push(correct(add));
    world.send(journal.all()).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![("correct.unknown".into(), Some(1))]);
    world.ingest.commit_batch(&other, theirs.all()).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![]);
    assert_eq!(pair(&world, rm(1), rm(2)).await, (false, false));
    assert_eq!(world.count("select count(*) from uid_links where effect = 3").await, 1);
}

#[tokio::test]
async fn a_correction_that_waits_does_what_it_says_though_somebody_has_put_that_aside() {
    let world = World::new().await;
    let other = world.other().await;
    let mut theirs = Journal::new(&other, 1);
    let add = theirs.push(v1::Event { plant: "VSK".into(), ..assembly(Action::Add, rm(1), rm(2)) });
    let mut journal = world.journal();
    journal.push(correct(add));
    world.send(journal.all()).await.expect("stored");
    let aside = "with aside as (update exceptions set status = 'resolved', resolved_by = 'ravi' \
                 where kind = 'correct.unknown' returning 1) select count(*) from aside";
    assert_eq!(world.count(aside).await, 1);
    world.ingest.commit_batch(&other, theirs.all()).await.expect("stored");
    assert_eq!(pair(&world, rm(1), rm(2)).await, (false, false));
    assert_eq!(world.text("select resolved_by from exceptions").await, "ravi");
}

#[tokio::test]
async fn two_corrections_that_wait_for_one_event_undo_it_once() {
    let world = World::new().await;
    let other = world.other().await;
    let mut theirs = Journal::new(&other, 1);
    let add = theirs.push(v1::Event { plant: "VSK".into(), ..assembly(Action::Add, rm(1), rm(2)) });
    let mut journal = world.journal();
    journal.push(correct(add));
    journal.push(correct(add));
    world.send(journal.all()).await.expect("stored");
    world.ingest.commit_batch(&other, theirs.all()).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![]);
    assert_eq!(pair(&world, rm(1), rm(2)).await, (false, false));
    assert_eq!(world.count("select count(*) from uid_links where effect = 3").await, 1);
}

#[tokio::test]
async fn corrections_in_a_circle_end() {
    let world = World::new().await;
    let mut journal = world.journal();
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let first = journal.sealed(a, correct(b));
    journal.push_raw(first.encode_to_vec());
    let second = journal.sealed(b, correct(a));
    journal.push_raw(second.encode_to_vec());
    let third = journal.sealed(b, correct(b));
    journal.push_raw(third.encode_to_vec());
    assert_eq!(through(&world.send(journal.all()).await.expect("stored")).0, 3);
}

#[tokio::test]
async fn too_many_links_are_bounded_and_told() {
    let world = World::new().await;
    let mut journal = world.journal();
    let subjects =
        (1..=400).map(|n| subject(rm(n), if n <= 200 { Role::Input } else { Role::Output })).collect();
    journal.push(v1::Event { subjects, ..event(Stage::Transformation) });
    world.send(journal.all()).await.expect("stored");
    assert_eq!(world.count("select count(*) from uid_links").await, 30_000);
    assert_eq!(world.exceptions().await, vec![("event.malformed".into(), Some(1))]);
}

#[tokio::test]
async fn the_office_keeps_a_chain_of_its_own() {
    let world = World::new().await;
    let cx = Cx::new(world.source.tenant, "user:1");
    for n in 1..=3 {
        let done: Result<_, IngestError> = world
            .db
            .db
            .tx(&cx, async |tx| {
                let now = Utc::now();
                let mut hold = office::draft(Stage::Hold, now);
                hold.subjects = vec![subject(rm(n), Role::Subject)];
                office::append(tx, now, vec![hold.clone(), hold]).await
            })
            .await;
        assert_eq!(done.expect("appended").from_seq, 2 * n - 1);
    }
    assert_eq!(world.count("select through_seq from ingest_cursors").await, 6);
    assert_eq!(world.count("select count(*) from ingest_batches").await, 3);
    let broken = "select count(*) from (select payload, lag(sha256(payload)) over (order by seq) as prev \
                  from lifecycle_events) e where prev is not null and position(prev in payload) = 0";
    assert_eq!(world.count(broken).await, 0);
    assert_eq!(world.exceptions().await, vec![]);
}

#[tokio::test]
async fn corrections_without_end_are_stored_and_told_and_hold_nothing_up() {
    let world = World::new().await;
    let mut journal = world.journal();
    // Forty layers of five corrections, each of a layer correcting each of the one
    // below: ids that are used again make it so.
    let id = |layer: u128, n: u128| Uuid::from_u128(1 + layer * 5 + n);
    for n in 0..5 {
        let made = journal.sealed(id(0, n), assembly(Action::Add, rm(1), rm(2)));
        journal.push_raw(made.encode_to_vec());
    }
    for layer in 1..=40 {
        for (n, of) in (0..5).flat_map(|n| (0..5).map(move |of| (n, of))) {
            let made = journal.sealed(id(layer, n), correct(id(layer - 1, of)));
            journal.push_raw(made.encode_to_vec());
        }
    }
    let began = std::time::Instant::now();
    world.send(journal.batch(1, 1005)).await.expect("stored");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert_eq!(world.payloads(1).await.len(), 1005);
    let tangled = "select count(*) from exceptions where kind = 'correct.tangled'";
    assert!(world.count(tangled).await > 0);
    // And the stream goes on.
    journal.push(receipt(rm(3)));
    assert_eq!(through(&world.send(journal.batch(1006, 1006)).await.expect("stored")), (1006, 1));
}
