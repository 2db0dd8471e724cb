//! Questions and checks that end the process, against a real Postgres.

use std::os::unix::process::ExitStatusExt;

use chrono::Utc;
use platform::testing::child;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{During, MirrorError, Mirrors, Settings, check, left_alone};
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

/// A tenant of 60 events, and what a process is told that keeps its mirror in a folder.
async fn told_of(seed: u64, dir: &std::path::Path) -> (World, Chance, Work) {
    let mut world = World::new().await;
    let mut chance = Chance::of(seed);
    (0..60).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 20).await;
    let work = Work { database: world.test.url(), tenant: world.tenant, dir: dir.to_owned() };
    (world, chance, work)
}

/// The signal that ended a process of this test, if one did.
async fn ended_by(test: &str, work: &Work) -> Option<i32> {
    child::start(test, work).wait().await.unwrap().signal()
}

#[tokio::test]
async fn a_question_that_ends_the_process_again_and_again_is_no_loop() {
    let dir = tempfile::tempdir().unwrap();
    let (world, _, work) = told_of(7, dir.path()).await;
    let asks = || ended_by("mirror::asked_tests::the_question_that_aborts", &work);
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

/// Does nothing unless the test below starts it.
#[tokio::test]
async fn the_check_that_aborts() {
    let Some(work) = child::told::<Work>() else { return };
    let db = child::database(&work.database);
    let mirrors = Mirrors::open(settings(&work.dir), None).unwrap();
    mirrors.catch_up(&db, work.tenant, Utc::now(), |_, _| {}).await.unwrap();
    let looked = mirrors.read::<(), _>(work.tenant, During::Check, |_| std::process::abort()).await;
    assert!(matches!(looked, Err(MirrorError::LeftAlone(During::Check))), "{looked:?}");
    mirrors.close_all().await;
}

#[tokio::test]
async fn a_check_that_ends_the_process_again_and_again_is_left_alone_and_its_mirror_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut world, mut chance, work) = told_of(9, dir.path()).await;
    let looks = || ended_by("mirror::asked_tests::the_check_that_aborts", &work);
    let settings = settings(dir.path());
    for time in 1..=4 {
        assert_eq!(looks().await, Some(6), "{time}");
        assert_eq!(std::fs::read(settings.asking(world.tenant)).unwrap(), b"c", "{time}");
    }
    assert_eq!(looks().await, None, "it runs");
    assert_eq!(left_alone(&settings, world.tenant), [During::Check]);
    // It is fed, asked and exported as ever; who checks is told what can be done.
    let mirrors = Mirrors::open(settings.clone(), None).unwrap();
    (0..20).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 20).await;
    let checked = check::check(&mirrors, &world.test.db, world.tenant, Utc::now()).await.unwrap_err();
    assert!(checked.to_string().contains("cloud mirror rebuild"), "{checked}");
    let count = "select count(*) from fact_lifecycle";
    let asked = mirrors.ask(world.tenant, move |conn| conn.query_row(count, [], |row| row.get::<_, i64>(0)));
    assert_eq!(asked.await.unwrap().value, 80);
    mirrors.read(world.tenant, During::Export, |conn| conn.execute_batch("select 1")).await.unwrap();
    let metrics = mirrors.metrics();
    assert!(metrics.contains("tracewright_mirror_work_set_aside 1"), "{metrics}");
    assert!(metrics.contains("tracewright_mirror_set_aside 0"), "{metrics}");
    // A day later it is tried, and one that comes to its end leaves nothing.
    let noted = settings.ended_checks(world.tenant);
    let mut ends: serde_json::Value = serde_json::from_slice(&std::fs::read(&noted).unwrap()).unwrap();
    assert_eq!(ends["times"], 4);
    ends["at"] = (Utc::now() - chrono::TimeDelta::days(1)).to_rfc3339().into();
    std::fs::write(&noted, ends.to_string()).unwrap();
    let report = check::check(&mirrors, &world.test.db, world.tenant, Utc::now()).await.unwrap();
    assert!(report.differences.is_empty() && report.events == 80, "{report:?}");
    assert!(!noted.exists() && left_alone(&settings, world.tenant).is_empty());
    assert!(mirrors.metrics().contains("tracewright_mirror_work_set_aside 0"));
}
