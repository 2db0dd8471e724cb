//! What two plants, or a plant and the office, tell at the same moment, when neither sees yet what
//! the other does.

use std::time::Duration;

use chrono::Utc;
use futures_util::future::BoxFuture;
use sqlx::{ConnectOptions, PgConnection};

use super::genealogy::correct;
use super::*;
use crate::ingest::{office, store};

/// What somebody tells.
type Telling = BoxFuture<'static, Result<(), IngestError>>;

/// Commits both batches so that each has written its events before either gets its number.
pub(super) async fn at_once(world: &World, batches: [(&Source, Batch); 2]) {
    both(world, batches.map(|(source, batch)| sent(world, source, batch))).await;
}

/// A plant sends a batch.
fn sent(world: &World, source: &Source, batch: Batch) -> Telling {
    let (ingest, source) = (world.ingest.clone(), source.clone());
    Box::pin(async move { ingest.commit_batch(&source, batch).await.map(|_| ()) })
}

/// The office corrects an event. Its stream is there before, so that nothing but the number is
/// waited for.
async fn corrected_by_office(world: &World, event: Uuid) -> Telling {
    let (db, cx) = (world.db.db.clone(), Cx::new(world.source.tenant, "user:1"));
    let there: Result<(Uuid, i32), IngestError> = db
        .tx(&cx, async |tx| {
            let tenant = tx.tenant();
            Ok(store::cursor::office(tx, tenant).await?)
        })
        .await;
    there.expect("the office");
    let mut draft = office::draft(Stage::Correct, Utc::now());
    draft.corrects = event.as_bytes().to_vec();
    draft.plant = "KOL".into();
    Box::pin(async move {
        db.tx(&cx, async |tx| office::append(tx, Utc::now(), vec![draft]).await.map(|_| ())).await
    })
}

/// Has both told so that each has written its events before either gets its number.
async fn both(world: &World, tellings: [Telling; 2]) {
    let tenant = world.source.tenant;
    let place = world.db.owner_of(tenant).await;
    let mut held = place.connect().await.expect("a connection");
    sqlx::query("begin").execute(&mut held).await.expect("begun");
    let lock = "insert into tenant_counters as c (tenant_id, batch_id) values ($1, 0) \
                on conflict (tenant_id) do update set batch_id = c.batch_id";
    sqlx::query(lock).bind(tenant).execute(&mut held).await.expect("the counter");
    let [one, other] = tellings.map(tokio::spawn);
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

/// A link was made and taken back once, and nothing is left open.
async fn undone_once(world: &World) {
    assert_eq!(world.exceptions().await, vec![]);
    assert_eq!(world.count("select count(*) from uid_links where effect = 3").await, 1);
    assert_eq!(world.count("select count(*) from uid_links").await, 2);
}

#[tokio::test]
async fn an_event_and_its_correction_see_each_other() {
    let world = World::new().await;
    let other = world.other().await;
    let (mut ours, mut theirs) = (world.journal(), Journal::new(&other, 1));
    let add = ours.push(assembly(Action::Add, rm(1), rm(2)));
    theirs.push(correct(add));
    at_once(&world, [(&world.source, ours.all()), (&other, theirs.all())]).await;
    undone_once(&world).await;
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
    undone_once(&world).await;
}

#[tokio::test]
async fn a_plant_and_the_office_that_correct_an_event_undo_it_once() {
    let world = World::new().await;
    let mut ours = world.journal();
    let add = ours.push(assembly(Action::Add, rm(1), rm(2)));
    world.send(ours.all()).await.expect("stored");
    ours.push(correct(add));
    let plant = sent(&world, &world.source, ours.batch(2, 2));
    both(&world, [plant, corrected_by_office(&world, add).await]).await;
    assert_eq!(world.count("select count(*) from lifecycle_events where stage = 36").await, 2);
    undone_once(&world).await;
}

#[tokio::test]
async fn an_event_and_its_correction_by_the_office_see_each_other() {
    let world = World::new().await;
    let mut ours = world.journal();
    let add = ours.push(assembly(Action::Add, rm(1), rm(2)));
    // Whichever of them gets the first number.
    let plant = sent(&world, &world.source, ours.all());
    both(&world, [plant, corrected_by_office(&world, add).await]).await;
    undone_once(&world).await;
}

#[tokio::test]
async fn what_a_plant_corrects_and_the_office_takes_back_stands() {
    let world = World::new().await;
    let mut ours = world.journal();
    let add = ours.push(assembly(Action::Add, rm(1), rm(2)));
    world.send(ours.all()).await.expect("stored");
    // The office takes back a correction that comes at that moment.
    let undo = ours.push(correct(add));
    let plant = sent(&world, &world.source, ours.batch(2, 2));
    both(&world, [plant, corrected_by_office(&world, undo).await]).await;
    assert_eq!(world.exceptions().await, vec![]);
    let counts = "select sum(case effect when 1 then 1 when 3 then -1 else 0 end)::bigint from uid_links";
    assert_eq!(world.count(counts).await, 1);
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
