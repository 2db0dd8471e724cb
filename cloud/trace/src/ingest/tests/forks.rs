//! Clones, restored disks, closed epochs.

use super::*;
use crate::ingest::epochs;

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
            moved @ Outcome::Moved(_) => return moved,
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

    // The original learns that its epoch is closed, and gets one of its own.
    journal.push(receipt(rm(51)));
    assert_eq!(moved(send_from(&world, &journal, 51).await), (3, 50));
    assert_eq!(world.payloads(1).await.len(), 50);
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
    let lifted: Result<(), LeaseError> =
        db.ingest_tx(&cx, async |tx| leases::lift(tx, &world.source, 1, &marks).await).await;
    lifted.expect("lifted");
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
