//! What two plants tell at the same moment, when neither sees yet what the other does.

use std::time::Duration;

use sqlx::{ConnectOptions, PgConnection};

use super::genealogy::correct;
use super::*;

/// Commits both batches so that each has written its events before either gets its number.
pub(super) async fn at_once(world: &World, batches: [(&Source, Batch); 2]) {
    let tenant = world.source.tenant;
    let place = world.db.owner_of(tenant).await;
    let mut held = place.connect().await.expect("a connection");
    sqlx::query("begin").execute(&mut held).await.expect("begun");
    let lock = "insert into tenant_counters as c (tenant_id, batch_id) values ($1, 0) \
                on conflict (tenant_id) do update set batch_id = c.batch_id";
    sqlx::query(lock).bind(tenant).execute(&mut held).await.expect("the counter");
    let [one, other] = batches.map(|(source, batch)| {
        let (ingest, source) = (world.ingest.clone(), source.clone());
        tokio::spawn(async move { ingest.commit_batch(&source, batch).await })
    });
    let mut looking = place.connect().await.expect("a connection");
    tokio::time::timeout(Duration::from_secs(60), both_wait(&mut looking)).await.expect("both wait");
    sqlx::query("commit").execute(&mut held).await.expect("let go");
    for task in [one, other] {
        task.await.expect("it ran").expect("stored");
    }
}

async fn both_wait(owner: &mut PgConnection) {
    let waiting = "select count(*) from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *owner).await.expect("asked") < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_event_and_its_correction_see_each_other() {
    let world = World::new().await;
    let other = world.other().await;
    let (mut ours, mut theirs) = (world.journal(), Journal::new(&other, 1));
    let add = ours.push(assembly(Action::Add, rm(1), rm(2)));
    theirs.push(correct(add));
    at_once(&world, [(&world.source, ours.all()), (&other, theirs.all())]).await;
    assert_eq!(world.exceptions().await, vec![]);
    assert_eq!(world.count("select count(*) from uid_links where effect = 3").await, 1);
    assert_eq!(world.count("select count(*) from uid_links").await, 2);
}

#[tokio::test]
async fn two_corrections_of_an_event_undo_it_once() {
    let world = World::new().await;
    let other = world.other().await;
    let (mut ours, mut theirs) = (world.journal(), Journal::new(&other, 1));
    let add = ours.push(assembly(Action::Add, rm(1), rm(2)));
    world.send(ours.all()).await.expect("stored");
    ours.push(correct(add));
    theirs.push(correct(add));
    at_once(&world, [(&world.source, ours.batch(2, 2)), (&other, theirs.all())]).await;
    assert_eq!(world.exceptions().await, vec![]);
    assert_eq!(world.count("select count(*) from uid_links where effect = 3").await, 1);
    assert_eq!(world.count("select count(*) from uid_links").await, 2);
}

#[tokio::test]
async fn what_was_packed_is_closed_by_its_return() {
    let world = World::new().await;
    let other = world.other().await;
    let (mut ours, mut theirs) = (world.journal(), Journal::new(&other, 1));
    let later = 1_750_000_600_000_000;
    ours.push(v1::Event {
        action: Action::Add.into(),
        subjects: vec![subject(rm(2), Role::Parent), subject(rm(1), Role::Child)],
        ..event(Stage::Packing)
    });
    theirs.push(v1::Event {
        occurred_at_us: later,
        subjects: vec![subject(rm(1), Role::Subject)],
        ..event(Stage::Return)
    });
    at_once(&world, [(&world.source, ours.all()), (&other, theirs.all())]).await;
    assert_eq!(world.count("select count(*) from uid_links where kind = 3 and effect = 2").await, 1);
    assert_eq!(world.count("select count(*) from uid_links").await, 2);
}
