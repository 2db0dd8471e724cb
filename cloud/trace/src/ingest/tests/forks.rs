//! Clones, restored disks, epochs that were left.

use super::*;
use crate::ingest::{Way, epochs};

/// Sends from `from` on as an agent does, following what the cloud says.
/// Answers the outcome that ended it.
async fn send_from(world: &World, journal: &Journal, mut from: u64) -> Outcome {
    for _ in 0..50 {
        let to = (from + 9).min(journal.last());
        match world.send(journal.batch(from, to)).await.expect("an answer") {
            Outcome::Committed { through_seq, .. } if through_seq as u64 >= journal.last() => {
                return Outcome::Committed { through_seq, chain_hash: None, stored: 0, batch_id: None };
            }
            Outcome::Committed { .. } => from = to + 1,
            Outcome::Gap { through_seq, .. } | Outcome::Rewind { through_seq } => {
                from = through_seq as u64 + 1
            }
            ended @ (Outcome::Moved(_) | Outcome::Parted { .. }) => return ended,
        }
    }
    panic!("never ends");
}

fn moved(outcome: Outcome) -> (i32, i64) {
    match outcome {
        Outcome::Moved(m) => (m.epoch, m.through_seq),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_clone_is_found_where_it_parted_and_goes_on_in_a_new_epoch() {
    let world = World::new().await;
    let mut journal = world.journal();
    for n in 1..=20 {
        journal.push(receipt(rm(n)));
    }
    let mut clone = journal.clone();
    for n in 21..=50 {
        journal.push(receipt(rm(n)));
        clone.push(receipt(rm(100 + n)));
    }
    clone.push(receipt(rm(200)));
    through(&send_from(&world, &journal, 1).await);
    assert_eq!(moved(send_from(&world, &clone, 51).await), (2, 20));
    assert_eq!(world.exceptions().await, vec![("fork".into(), Some(20))]);
    assert_eq!(world.payloads(1).await, journal.events, "ours is as it was");

    // Again before it has begun the new epoch: the same answer, no further one.
    assert_eq!(moved(send_from(&world, &clone, 51).await), (2, 20));
    assert_eq!(world.exceptions().await.len(), 1);

    // Its own facts come in the new epoch.
    let mut second = Journal::new(&world.source, 2);
    for n in 21..=51 {
        second.push(receipt(rm(100 + n)));
    }
    through(&send_from(&world, &second, 1).await);
    assert_eq!(world.count("select count(*) from uid_registry").await, 81);

    // The exception lists the labels of both branches: 21 to 50 of ours, and what
    // was recorded again.
    let branches = "select count(*) from exceptions where kind = 'fork' \
                    and detail->'branches'->'here'->>'total' = '30' \
                    and detail->'branches'->'here'->'uids'->>0 like 'UID-SAIF-KOL-RM-000021-__' \
                    and detail->'branches'->'there'->>'total' = '31' \
                    and jsonb_array_length(detail->'branches'->'there'->'uids') = 31";
    assert_eq!(world.count(branches).await, 1);

    // The epoch is still the original's: what it has of it drains.
    journal.push(receipt(rm(51)));
    assert_eq!(through(&send_from(&world, &journal, 51).await), (51, 0));
    assert_eq!(world.payloads(1).await, journal.events);
}

#[tokio::test]
async fn a_branch_of_an_epoch_that_was_left_is_kept_beside_ours() {
    let world = World::new().await;
    let mut journal = world.journal();
    for n in 1..=5 {
        journal.push(receipt(rm(n)));
    }
    let mut clone = journal.clone();
    for n in 6..=8 {
        journal.push(receipt(rm(n)));
        clone.push(receipt(rm(100 + n)));
    }
    through(&send_from(&world, &journal, 1).await);
    let left = Batch { way: Way::Left, ..clone.batch(4, 8) };
    let parted = world.send(left.clone()).await.expect("an answer");
    assert_eq!(parted, Outcome::Parted { through_seq: 5 });
    let beside = Batch { way: Way::Parted(5), ..left };
    for _ in 0..2 {
        assert_eq!(through(&world.send(beside.clone()).await.expect("kept")), (8, 0));
    }
    let stray = |seq| ("event.stray".to_owned(), Some(seq));
    assert_eq!(world.exceptions().await, vec![stray(6), stray(7), stray(8)]);
    assert_eq!(world.payloads(1).await, journal.events);
    let bytes = "select count(*) from exceptions where kind = 'event.stray' \
                 and length(decode(detail->>'bytes', 'base64')) > 50";
    assert_eq!(world.count(bytes).await, 3);
}

#[tokio::test]
async fn what_fills_a_gap_is_stored_in_its_place() {
    let world = World::new().await;
    let mut journal = world.journal();
    for n in 1..=12 {
        journal.push(receipt(rm(n)));
    }
    through(&world.send(journal.batch(1, 3)).await.expect("stored"));
    // 4 to 7 are gone at one disk, and the cloud goes on after them.
    let (source, cx) = (&world.source, world.source.cx());
    let stream = crate::ingest::store::Stream { tenant: source.tenant, agent_id: source.agent_id, epoch: 1 };
    let jumped: Result<(), DbError> = world
        .db
        .db
        .ingest_tx(&cx, async |tx| Ok(crate::ingest::store::cursor::advance(tx, stream, 7, None).await?))
        .await;
    jumped.expect("a gap");
    through(&world.send(journal.batch(8, 10)).await.expect("stored"));
    // Another disk has them.
    assert_eq!(through(&world.send(journal.batch(2, 6)).await.expect("stored")), (10, 3));
    assert_eq!(through(&world.send(journal.batch(6, 12)).await.expect("stored")), (12, 3));
    assert_eq!(through(&world.send(journal.all()).await.expect("stored")), (12, 0));
    assert_eq!(world.payloads(1).await, journal.events);
    assert_eq!(world.exceptions().await, vec![]);
    // Readers follow batches: each event is in one of them, once.
    let covered = "select sum(to_seq - from_seq + 1)::bigint from ingest_batches";
    assert_eq!(world.count(covered).await, 12);
}

#[tokio::test]
async fn a_second_birth_lists_the_labels_of_both_branches() {
    let world = World::new().await;
    let mut journal = world.journal();
    for n in 1..=3 {
        journal.push(receipt(rm(n)));
    }
    world.send(journal.all()).await.expect("stored");
    let cx = world.source.cx();
    let raised: Result<i32, IngestError> = world
        .db
        .db
        .tx(&cx, async |tx| epochs::raise(tx, world.source.tenant, world.source.agent_id).await)
        .await;
    let mut second = Journal::new(&world.source, raised.expect("raised").unsigned_abs());
    for n in [2, 7, 8, 9] {
        second.push(receipt(rm(n)));
    }
    world.send(second.all()).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![("uid.second_birth".into(), Some(1))]);
    let both = "select count(*) from exceptions where detail->'branches'->'first'->>'total' = '2' \
                and detail->'branches'->'second'->>'total' = '4'";
    assert_eq!(world.count(both).await, 1);
}

#[tokio::test]
async fn a_raised_epoch_burns_leases_and_refuses_new_ones_in_the_old() {
    let world = World::new().await;
    let cx = world.source.cx();
    let db = &world.db.db;
    let grant = async |epoch: i32| {
        db.ingest_tx(&cx, async |tx| crate::leases::grant(tx, &world.source, epoch, "RM", 100).await).await
    };
    let first = grant(1).await.expect("a lease");
    assert_eq!((first.first, first.last, first.epoch), (1, 100, 1));
    let raised: Result<i32, IngestError> =
        db.tx(&cx, async |tx| epochs::raise(tx, world.source.tenant, world.source.agent_id).await).await;
    assert_eq!(raised.expect("raised"), 2);
    assert!(matches!(grant(1).await, Err(crate::leases::LeaseError::OldEpoch { current: 2 })));
    let second = grant(2).await.expect("a lease");
    assert_eq!((second.first, second.last), (101, 200), "the burnt rest is never given again");
    assert_eq!(world.count("select count(*) from uid_leases where burnt_at is not null").await, 1);
}

#[tokio::test]
async fn leases_never_overlap_and_are_lifted_past_what_agents_report() {
    use crate::leases::{self, LeaseError, Mark};
    let world = World::new().await;
    let cx = world.source.cx();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (db, source, cx) = (world.db.db.clone(), world.source.clone(), cx.clone());
        tasks.spawn(async move {
            db.ingest_tx(&cx, async |tx| leases::grant(tx, &source, 1, "RM", 50).await)
                .await
                .expect("a lease")
        });
    }
    let mut got = Vec::new();
    while let Some(lease) = tasks.join_next().await {
        let lease = lease.expect("a task");
        got.push((lease.first, lease.last));
    }
    got.sort_unstable();
    assert!(got.windows(2).all(|w| w[0].1 + 1 == w[1].0), "{got:?}");

    let db = &world.db.db;
    let marks = [
        Mark { kind: "RM".into(), highest: 5000 },
        Mark { kind: "??".into(), highest: 1 },
        Mark { kind: "FG".into(), highest: u64::MAX },
    ];
    let lifted: Result<bool, LeaseError> =
        db.ingest_tx(&cx, async |tx| leases::lift(tx, &world.source, 1, &marks).await).await;
    assert!(lifted.expect("lifted"));
    let next: Result<_, LeaseError> =
        db.ingest_tx(&cx, async |tx| leases::grant(tx, &world.source, 1, "RM", 1).await).await;
    assert_eq!(next.expect("a lease").first, 5001);
    let none: Result<_, LeaseError> =
        db.ingest_tx(&cx, async |tx| leases::grant(tx, &world.source, 1, "FG", 1).await).await;
    assert!(matches!(none, Err(LeaseError::Exhausted { .. })));
    assert_eq!(world.exceptions().await.len(), 2);
}

#[tokio::test]
async fn a_revoked_agent_stores_nothing() {
    let world = World::new().await;
    let cx = world.source.cx();
    let done: Result<(), DbError> = world
        .db
        .db
        .tx(&cx, async |tx| {
            sqlx::query("update agents set status = 'revoked' where kind = 'plant'")
                .execute(tx.conn())
                .await?;
            Ok(())
        })
        .await;
    done.expect("revoked");
    let mut journal = world.journal();
    journal.push(receipt(rm(1)));
    assert!(matches!(world.send(journal.all()).await, Err(IngestError::Revoked)));
}
