//! Questions that end the process, against a real Postgres.

use std::os::unix::process::ExitStatusExt;

use chrono::Utc;
use platform::testing::child;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{MirrorError, Mirrors, Settings, check};
use crate::world::{Chance, World};

#[derive(Serialize, Deserialize)]
struct Work {
    database: String,
    tenant: Uuid,
    dir: std::path::PathBuf,
}

fn settings(dir: &std::path::Path) -> Settings {
    Settings { memory_mb: 128, threads: 1, ..Settings::new(dir) }
}

/// Does nothing unless the test below starts it.
#[tokio::test]
async fn the_question_that_aborts() {
    let Some(work) = child::told::<Work>() else { return };
    let db = child::database(&work.database);
    let mirrors = Mirrors::open(settings(&work.dir), None).unwrap();
    match mirrors.catch_up(&db, work.tenant, Utc::now(), |_, _| {}).await {
        Ok(()) => {}
        Err(error) => panic!("{error}"),
    }
    let _ = mirrors.ask::<(), _>(work.tenant, |_| std::process::abort()).await;
}

#[tokio::test]
async fn a_question_that_ends_the_process_again_and_again_is_no_loop() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new().await;
    let mut chance = Chance::of(7);
    (0..60).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 20).await;
    let work = Work { database: world.test.url(), tenant: world.tenant, dir: dir.path().to_owned() };
    let asks = async || {
        let mut asker = child::start("mirror::asked_tests::the_question_that_aborts", &work);
        asker.wait().await.unwrap().signal()
    };
    let aborted = Some(6);
    assert_eq!(asks().await, aborted);
    let settings = settings(dir.path());
    assert_eq!(std::fs::read(settings.asking(world.tenant)).unwrap(), b"?");
    // Once: the file is asked again. Twice in a row: it is built anew, and asked again.
    for time in 2..=3 {
        assert_eq!(asks().await, aborted, "{time}");
    }
    // Three times: nobody asks it any more, and it ends nothing.
    let mirrors = Mirrors::open(settings.clone(), None).unwrap();
    for now in [true, false] {
        let fed = mirrors.step(&world.test.db, world.tenant, Utc::now()).await;
        assert!(matches!(fed, Err(MirrorError::AsideAsked { now: found }) if found == now), "{fed:?}");
    }
    let asked = mirrors.ask(world.tenant, |conn| conn.execute_batch("select 1")).await;
    assert!(matches!(asked, Err(MirrorError::AsideAsked { .. })), "{asked:?}");
    let metrics = mirrors.metrics();
    assert!(metrics.contains("tracewright_mirror_set_aside 1"), "{metrics}");
    assert!(metrics.contains("tracewright_mirror_questions_ended_total 1"), "{metrics}");
    // The command tries anew, and questions that end in order leave nothing.
    mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    let report = check::check(&mirrors, &world.test.db, world.tenant, Utc::now()).await.unwrap();
    assert!(report.differences.is_empty() && report.events == 60, "{report:?}");
    mirrors.ask(world.tenant, |conn| conn.execute_batch("select 1")).await.unwrap();
    mirrors.close_all().await;
    assert_eq!(std::fs::read(settings.asking(world.tenant)).unwrap(), b"-");
    assert!(!settings.asked(world.tenant).exists());
    assert!(mirrors.metrics().contains("tracewright_mirror_set_aside 0"));
}
