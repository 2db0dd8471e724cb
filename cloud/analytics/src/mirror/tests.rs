//! Mirrors against real Postgres: equal after whatever happens, and never a loop of crashes.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use chrono::Utc;
use platform::testing::child;
use proto::v1::{Outcome, Role, Stage};
use rand::Rng;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use trace::ingest::Committed;
use uuid::Uuid;

use super::requests::{self, Came, Request, Wanted};
use super::{Freshness, MirrorError, Mirrors, Settings, check, export, feed};
use crate::world::{Chance, Say, World, event, mirrors};

async fn one(mirrors: &Mirrors, tenant: Uuid, sql: &'static str) -> i64 {
    mirrors.ask(tenant, move |conn| conn.query_row(sql, [], |row| row.get(0))).await.unwrap().value
}

async fn follow(mirrors: &Mirrors, world: &World) {
    mirrors.catch_up(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
}

/// Fails with what differs.
async fn equal(mirrors: &Mirrors, world: &World) -> i64 {
    let report = check::check(mirrors, &world.test.db, world.tenant, Utc::now()).await.unwrap();
    assert!(report.differences.is_empty(), "{:#?}", report.differences);
    report.events
}

/// Whether an event counts for nothing, told as simply as it can be: some correction of it
/// counts.
fn void(event: Uuid, corrections: &[(Uuid, Uuid)]) -> bool {
    corrections.iter().any(|(by, of)| *of == event && !void(*by, corrections))
}

#[tokio::test]
async fn a_mirror_equals_postgres_after_random_histories() {
    for seed in 0..6 {
        let (mirrors, _dir) = mirrors();
        let mut world = World::new().await;
        let mut chance = Chance::of(seed);
        for _ in 0..12 {
            for _ in 0..chance.rng.random_range(5..40) {
                let plant = if chance.rng.random_bool(0.5) { "KOL" } else { "VSK" };
                chance.say(&mut world, plant);
            }
            // Now one plant alone is heard, so that corrections come before what they correct.
            if chance.rng.random_bool(0.7) {
                world.send("KOL", chance.rng.random_range(1..30)).await;
            }
            if chance.rng.random_bool(0.4) {
                world.send("VSK", chance.rng.random_range(1..30)).await;
            }
            equal(&mirrors, &world).await;
        }
        world.send("KOL", 7).await;
        world.send("VSK", 11).await;
        let events = equal(&mirrors, &world).await;
        assert_eq!(events, chance.said.len() as i64, "seed {seed}");
        let counted = chance.said.iter().filter(|event| !void(**event, &chance.corrections)).count();
        let there = one(&mirrors, world.tenant, "select count(*) from fact_lifecycle where not void").await;
        assert_eq!(there, counted as i64, "seed {seed}");
        // Made anew it is the same.
        let sql = "select hash(list(f order by f.agent, f.epoch, f.seq, f.from_key, f.to_key, f.ordinal)::varchar)::hugeint % 1000000007 \
                   from (select * exclude (plant, day, happened_at) from fact_genealogy) f";
        let links =
            mirrors.ask(world.tenant, move |conn| conn.query_row(sql, [], |row| row.get::<_, i128>(0)));
        let before = links.await.unwrap().value;
        mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
        let links =
            mirrors.ask(world.tenant, move |conn| conn.query_row(sql, [], |row| row.get::<_, i128>(0)));
        assert_eq!(links.await.unwrap().value, before, "seed {seed}");
        equal(&mirrors, &world).await;
    }
}

#[tokio::test]
async fn facts_carry_their_dimensions() {
    let (mirrors, _dir) = mirrors();
    let mut world = World::new().await;
    world
        .sql("insert into items (tenant_id, item, name, type_code, base_unit, tracking)
                   select tenant_id, 'PUMP', 'Pump 40', 'FG', 'pcs', 'unit' from control.tenants
                   where tenant_id = app.tenant();
              insert into orders (tenant_id, type, number, plant, partner)
                   select tenant_id, 'po', 'PO-1', 'KOL', 'XYZ' from control.tenants where tenant_id = app.tenant()")
        .await;
    let key = world.key("KOL", "FG", 1);
    let mut grn = event(Stage::Grn, "2025-01-20T20:00:00Z").mint(key, "PUMP");
    grn.references.push(proto::v1::Reference { r#type: "po".into(), number: "PO-1".into(), line: 1 });
    (grn.station, grn.operator_id) = ("GATE".into(), "op-7".into());
    world.say("KOL", grn);
    let hot = event(Stage::Operation, "2025-01-21T04:00:00Z")
        .part(key, Role::Subject)
        .reading("temperature", "230", "180", "220")
        .reading("speed", "12", "", "")
        .result(Outcome::Failed);
    world.say("KOL", hot);
    world.send("KOL", 10).await;
    follow(&mirrors, &world).await;
    let row = mirrors.ask(world.tenant, |conn| {
        conn.query_row(
            "select p.code, i.code || '/' || i.name || '/' || i.kind, s.code, o.code, st.code, f.day::varchar, f.units
             from fact_lifecycle f join dim_plant p on p.id = f.plant join dim_item i on i.id = f.item
             join dim_supplier s on s.id = f.supplier join dim_operator o on o.id = f.operator
             join dim_station st on st.id = f.station where f.seq = 1",
            [],
            |row| {
                let text = |at: usize| row.get::<_, String>(at);
                Ok((text(0)?, text(1)?, text(2)?, text(3)?, text(4)?, text(5)?, row.get::<_, i32>(6)?))
            },
        )
    });
    let row = row.await.unwrap();
    let is = |text: &str| text.to_owned();
    assert_eq!(
        row.value,
        (is("KOL"), is("PUMP/Pump 40/FG"), is("XYZ"), is("op-7"), is("GATE"), is("2025-01-21"), 1),
        "the day is the plant's"
    );
    assert!(row.fresh.batch > 0 && row.fresh.behind == 0 && row.fresh.current_at.is_some());
    let outside =
        "select count(*) filter (outside) * 10 + count(*) filter (outside is null) from fact_reading";
    assert_eq!(one(&mirrors, world.tenant, outside).await, 11);
    assert_eq!(
        one(&mirrors, world.tenant, "select count(*) from fact_inspection where outcome = 2").await,
        1
    );
    // A name that changes is followed.
    world.sql("update items set name = 'Pump 41' where item = 'PUMP'").await;
    mirrors.rename(&world.test.db, world.tenant).await.unwrap();
    assert_eq!(one(&mirrors, world.tenant, "select count(*) from dim_item where name = 'Pump 41'").await, 1);
}

#[tokio::test]
async fn a_damaged_file_or_one_left_while_opening_is_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { memory_mb: 128, threads: 1, ..Settings::new(dir.path()) };
    let mut world = World::new().await;
    let mut chance = Chance::of(7);
    (0..200).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 50).await;
    let open = || Mirrors::open(settings.clone(), None).unwrap();
    let first = open();
    assert_eq!(equal(&first, &world).await, 200);
    first.close_all().await;
    drop(first);
    let path = settings.path(world.tenant);
    for what in ["header", "middle", "text", "wal", "mark"] {
        let mut bytes = std::fs::read(&path).unwrap();
        let size = bytes.len();
        match what {
            "header" => bytes[..4096].fill(0xA5),
            "middle" => bytes[12_288..size / 2].fill(0x5A),
            "text" => bytes = b"no database at all".to_vec(),
            "wal" => {
                std::fs::write(path.with_extension("duckdb.wal"), [0x77; 9_000]).unwrap();
            }
            _ => std::fs::write(settings.mark(world.tenant), "").unwrap(),
        }
        std::fs::write(&path, bytes).unwrap();
        let again = open();
        // What shows only when it is read is found by the first question, and mended by the
        // next step of the worker.
        if check::check(&again, &world.test.db, world.tenant, Utc::now()).await.is_err() {
            follow(&again, &world).await;
        }
        assert_eq!(equal(&again, &world).await, 200, "{what}");
        // DuckDB passes over a log that is none.
        let rebuilt = u8::from(what != "wal");
        assert!(
            again.metrics().contains(&format!("tracewright_mirror_rebuilds_total {rebuilt}")),
            "{what}: {}",
            again.metrics()
        );
        assert!(!settings.mark(world.tenant).exists(), "{what}");
        again.close_all().await;
    }
}

#[tokio::test]
async fn what_is_damaged_each_time_is_not_built_for_ever() {
    let (mirrors, _dir) = mirrors();
    let mut world = World::new().await;
    let mut chance = Chance::of(8);
    (0..20).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 50).await;
    follow(&mirrors, &world).await;
    for _ in 0..3 {
        mirrors.damaged(world.tenant);
        assert_eq!(equal(&mirrors, &world).await, 20);
    }
    for _ in 0..2 {
        mirrors.damaged(world.tenant);
        let fed = mirrors.step(&world.test.db, world.tenant, Utc::now()).await;
        assert!(matches!(fed, Err(MirrorError::Worn)), "{fed:?}");
    }
    assert!(mirrors.metrics().contains("tracewright_mirror_rebuilds_total 3"), "{}", mirrors.metrics());
    // The command is a person's wish.
    mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    assert_eq!(equal(&mirrors, &world).await, 20);
}

#[tokio::test]
async fn tenants_have_their_own_files_and_who_is_not_active_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { memory_mb: 128, threads: 1, open: 1, ..Settings::new(dir.path()) };
    let mirrors = Mirrors::open(settings.clone(), None).unwrap();
    let mut own = World::new().await;
    let mut other = World::of(own.test.clone(), "OTHR").await;
    for (world, count) in [(&mut own, 30), (&mut other, 20)] {
        let mut chance = Chance::of(count);
        (0..count).for_each(|_| chance.say(world, "KOL"));
        world.send("KOL", 10).await;
        follow(&mirrors, world).await;
    }
    // One may be open at a time: each is opened when it is asked.
    for _ in 0..3 {
        assert_eq!(one(&mirrors, own.tenant, "select count(*) from fact_lifecycle").await, 30);
        assert_eq!(one(&mirrors, other.tenant, "select count(*) from fact_lifecycle").await, 20);
    }
    assert_eq!(settings.tenants().unwrap().len(), 2);
    let done = sqlx::query("update control.tenants set status = 'suspended' where tenant_id = $1")
        .bind(other.tenant)
        .execute(&mut sqlx::ConnectOptions::connect(&own.test.owner).await.unwrap())
        .await;
    assert_eq!(done.unwrap().rows_affected(), 1);
    let stop = CancellationToken::new();
    let worker =
        tokio::spawn(super::run(mirrors.clone(), own.test.db.clone(), Committed::default(), stop.clone()));
    let gone = async {
        while settings.path(other.tenant).exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the file of the suspended tenant goes");
    // A command is answered by whoever keeps the mirrors.
    let request = |tenant, wanted| Request { tenant, wanted };
    let came = requests::ask(&settings, &request(own.tenant, Wanted::Rebuild), |_, _| {}).await.unwrap();
    assert!(matches!(came, Came::Rebuilt(batch) if batch > 0), "{came:?}");
    let came = requests::ask(&settings, &request(own.tenant, Wanted::Check), |_, _| {}).await.unwrap();
    assert!(matches!(came, Came::Checked(report) if report.events == 30 && report.differences.is_empty()));
    let came = requests::ask(&settings, &request(other.tenant, Wanted::Check), |_, _| {}).await.unwrap();
    assert!(matches!(came, Came::Failed(_)), "{came:?}");
    assert!(matches!(Mirrors::open(settings.clone(), None).map(drop), Err(super::MirrorError::Locked(_))));
    stop.cancel();
    worker.await.unwrap();
}

/// How often files were built anew, or found as a process leaves them that ended.
fn accidents(mirrors: &Mirrors) -> Vec<String> {
    let metrics = mirrors.metrics();
    let of = ["rebuilds_total ", "questions_ended_total ", "work_ended_total ", "set_aside "];
    let lines = metrics.lines().filter(|line| {
        let name = line.strip_prefix("tracewright_mirror_");
        name.is_some_and(|name| of.iter().any(|of| name.starts_with(of)) && !name.ends_with(" 0"))
    });
    lines.map(str::to_owned).collect()
}

#[test]
fn what_is_counted_is_told_by_the_last_batch_while_more_comes_than_is_taken_in() {
    let at = |minute: u32| {
        let text = format!("2025-01-10T14:{minute:02}:00Z");
        Some(text.parse::<chrono::DateTime<Utc>>().unwrap())
    };
    let of = |batch_at, current_at| Freshness { batch: 7, batch_at, current_at, behind: 1 }.until();
    assert_eq!(of(at(25), at(0)), at(25), "a plant drains a day");
    assert_eq!((of(at(0), at(25)), of(at(3), None), of(None, at(3))), (at(25), at(3), at(3)));
    assert_eq!(of(None, None), None);
}

#[tokio::test]
async fn a_file_that_is_being_closed_is_not_opened_a_second_time() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { memory_mb: 128, threads: 1, open: 1, ..Settings::new(dir.path()) };
    let mirrors = Mirrors::open(settings, None).unwrap();
    let own = World::new().await;
    let other = World::of(own.test.clone(), "OTHR").await;
    follow(&mirrors, &own).await;
    follow(&mirrors, &other).await;
    let ask = |tenant: Uuid| {
        let mirrors = mirrors.clone();
        tokio::spawn(async move { one(&mirrors, tenant, "select count(*) from fact_lifecycle").await })
    };
    // Whoever wanted it closed waits for that, or has gone meanwhile.
    for goes in [false, true] {
        mirrors.close_all().await;
        let (began, begun) = tokio::sync::oneshot::channel();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let running = tokio::spawn({
            let (mirrors, tenant) = (mirrors.clone(), own.tenant);
            async move {
                let question = move |_: &duckdb::Connection| {
                    let _ = began.send(());
                    Ok(wait.recv().is_ok())
                };
                mirrors.ask(tenant, question).await.unwrap().value
            }
        });
        begun.await.unwrap();
        let closing = ask(other.tenant);
        let slot = mirrors.slot(own.tenant).unwrap();
        while slot.owner.try_lock().is_ok_and(|owner| owner.is_some()) {
            tokio::task::yield_now().await;
        }
        if goes {
            closing.abort();
        }
        let mut second = ask(own.tenant);
        let early = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
        assert!(early.is_err(), "it is answered by a file opened beside the one that is asked");
        go.send(()).unwrap();
        assert!(running.await.unwrap());
        assert_eq!(second.await.unwrap(), 0);
        assert_eq!(closing.await.is_err(), goes);
        assert_eq!(accidents(&mirrors), Vec::<String>::new());
    }
}

#[tokio::test]
async fn more_tenants_than_may_be_open_are_fed_and_asked_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { memory_mb: 128, threads: 1, open: 1, ..Settings::new(dir.path()) };
    let mirrors = Mirrors::open(settings.clone(), None).unwrap();
    let first = World::new().await;
    let second = World::of(first.test.clone(), "OTHR").await;
    let third = World::of(first.test.clone(), "THRD").await;
    let mut worlds = [first, second, third];
    let mut chances = [41, 42, 43].map(Chance::of);
    for (world, chance) in worlds.iter_mut().zip(&mut chances) {
        (0..20).for_each(|_| chance.say(world, "KOL"));
        world.send("KOL", 10).await;
        follow(&mirrors, world).await;
    }
    let mut readers = tokio::task::JoinSet::new();
    for tenant in worlds.iter().map(|world| world.tenant) {
        for _ in 0..2 {
            let mirrors = mirrors.clone();
            readers.spawn(async move {
                for _ in 0..15 {
                    assert!(one(&mirrors, tenant, "select count(*) from fact_lifecycle").await >= 20);
                }
            });
        }
    }
    for _ in 0..8 {
        for (world, chance) in worlds.iter_mut().zip(&mut chances) {
            (0..5).for_each(|_| chance.say(world, "KOL"));
            world.send("KOL", 5).await;
        }
        let [first, second, third] = &worlds;
        tokio::join!(follow(&mirrors, first), follow(&mirrors, second), follow(&mirrors, third));
    }
    while let Some(done) = readers.join_next().await {
        done.unwrap();
    }
    for world in &worlds {
        assert_eq!(equal(&mirrors, world).await, 60);
        assert!(!settings.crashed(world.tenant).exists() && !settings.asked(world.tenant).exists());
    }
    assert_eq!(accidents(&mirrors), Vec::<String>::new());
    // Nothing is new: nothing is opened for that, and no more are open than may be.
    for _ in 0..2 {
        for world in worlds.iter().rev() {
            follow(&mirrors, world).await;
        }
    }
    let open = |world: &World| mirrors.slot(world.tenant).unwrap().owner.try_lock().unwrap().is_some();
    assert_eq!(worlds.iter().map(open).collect::<Vec<_>>(), [false, false, true], "the one asked last");
}

#[tokio::test]
async fn a_tenant_that_takes_long_holds_up_no_other() {
    let (mirrors, _dir) = mirrors();
    let mut own = World::new().await;
    let mut other = World::of(own.test.clone(), "OTHR").await;
    for (world, count) in [(&mut own, 30), (&mut other, 20)] {
        let mut chance = Chance::of(count);
        (0..count).for_each(|_| chance.say(world, "KOL"));
        world.send("KOL", 10).await;
    }
    let slot = mirrors.slot(own.tenant).unwrap();
    let held = slot.feeding.lock().await;
    let stop = CancellationToken::new();
    let worker =
        tokio::spawn(super::run(mirrors.clone(), own.test.db.clone(), Committed::default(), stop.clone()));
    let compared = async |tenant: Uuid| {
        let done = async {
            loop {
                match mirrors.last_check(tenant) {
                    Some(checked) => return checked.report,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), done).await.expect("it is fed and compared")
    };
    let report = compared(other.tenant).await;
    assert_eq!((report.events, report.differences), (20, vec![]), "it was never compared, so it was due");
    assert_eq!(mirrors.last_check(own.tenant), None);
    drop(held);
    let report = compared(own.tenant).await;
    assert_eq!((report.events, report.differences), (30, vec![]));
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn data_that_were_put_back_are_mirrored_anew() {
    let (mirrors, _dir) = mirrors();
    let mut world = World::new().await;
    let mut chance = Chance::of(3);
    (0..40).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 10).await;
    assert_eq!(equal(&mirrors, &world).await, 40);
    let sql = "update control.tenants set generation = generation + 1 where tenant_id = $1";
    let mut owner = sqlx::ConnectOptions::connect(&world.test.owner_of(world.tenant).await).await.unwrap();
    sqlx::query(sql).bind(world.tenant).execute(&mut owner).await.unwrap();
    assert_eq!(equal(&mirrors, &world).await, 40);
    assert!(mirrors.metrics().contains("tracewright_mirror_rebuilds_total 1"), "{}", mirrors.metrics());
}

#[tokio::test]
async fn a_question_has_an_end_and_touches_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let within = Duration::from_millis(300);
    let settings = Settings { memory_mb: 64, threads: 1, answer_within: within, ..Settings::new(dir.path()) };
    let mirrors = Mirrors::open(settings, None).unwrap();
    let world = World::new().await;
    follow(&mirrors, &world).await;
    let endless =
        "select count(*) from range(100000000) a, range(100000) b where (a.range * b.range) % 7 = 3";
    for _ in 0..2 {
        let asked =
            mirrors.ask(world.tenant, move |conn| conn.query_row(endless, [], |row| row.get::<_, i64>(0)));
        let error = asked.await.unwrap_err();
        assert!(matches!(error, super::MirrorError::TimedOut), "{error}");
        assert_eq!(
            one(&mirrors, world.tenant, "select count(*) from fact_lifecycle").await,
            0,
            "the next one is answered"
        );
    }
    for forbidden in [
        "copy (select 1) to '/tmp/tracewright-escaped.csv'",
        "select * from read_csv('/etc/passwd')",
        "set memory_limit = '10GB'",
        "attach '/tmp/tracewright-escaped.duckdb'",
    ] {
        let asked = mirrors.ask(world.tenant, move |conn| conn.execute_batch(forbidden)).await;
        assert!(asked.is_err(), "{forbidden}");
    }
    // An interrupt between two statements of a question hits neither, and the next one ends
    // all the same.
    let asked = mirrors.ask(world.tenant, move |conn| {
        let began = std::time::Instant::now();
        while began.elapsed() < within + Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        conn.query_row(endless, [], |row| row.get::<_, i64>(0))
    });
    assert!(matches!(asked.await.unwrap_err(), super::MirrorError::TimedOut));
    assert_eq!(one(&mirrors, world.tenant, "select count(*) from fact_lifecycle").await, 0);
    // More than its memory goes to disk or fails, and the process goes on.
    let large = "select count(distinct a.range::varchar || 'x') from range(3000000) a";
    let _ =
        mirrors.ask(world.tenant, move |conn| conn.query_row(large, [], |row| row.get::<_, i64>(0))).await;
    assert_eq!(one(&mirrors, world.tenant, "select count(*) from fact_lifecycle").await, 0);
}

#[tokio::test]
async fn months_are_exported_as_parquet() {
    let (mirrors, _dir) = mirrors();
    let mut world = World::new().await;
    let mut chance = Chance::of(11);
    (0..300).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 100).await;
    let to = tempfile::tempdir().unwrap();
    let depot = platform::files::Depot::folder(to.path()).unwrap();
    let all = export::Months::default();
    let done = export::export(&mirrors, &world.test.db, world.tenant, all, &depot, Utc::now()).await.unwrap();
    let mut rows = 0;
    for file in &done.files {
        let at = to.path().join(&file.path);
        assert_eq!(export::count(&at).unwrap(), file.rows, "{}", file.path);
        if file.path.contains("/fact_lifecycle/") {
            rows += file.rows;
        }
    }
    assert_eq!(rows, 300);
    assert!(done.files.iter().any(|file| file.path.ends_with("fact_reading/month=2025-02/part.parquet")));
    assert!(to.path().join(format!("{}/manifest.json", world.tenant)).is_file());
    let all = std::fs::read(to.path().join(format!("{}/manifest.json", world.tenant))).unwrap();
    let february = export::Months::between("2025-02-01".parse().ok(), "2025-02-28".parse().ok()).unwrap();
    assert_eq!(export::Months::between("2025-03-01".parse().ok(), "2025-02-28".parse().ok()), None);
    let done =
        export::export(&mirrors, &world.test.db, world.tenant, february, &depot, Utc::now()).await.unwrap();
    let facts = done.files.iter().filter(|file| file.path.contains("/month="));
    assert!(facts.clone().count() > 0 && facts.clone().all(|file| file.path.contains("month=2025-02")));
    let still = std::fs::read(to.path().join(format!("{}/manifest.json", world.tenant))).unwrap();
    assert_eq!(still, all, "the list of all files is that of the export of all");
    let own = format!("{}/manifest_2025-02_2025-02.json", world.tenant);
    assert!(to.path().join(own).is_file());
}

#[tokio::test]
async fn months_of_another_build_are_never_left_beside_those_that_are_exported() {
    let (mirrors, _dir) = mirrors();
    let mut world = World::new().await;
    let mut chance = Chance::of(12);
    (0..200).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 100).await;
    let to = tempfile::tempdir().unwrap();
    let depot = platform::files::Depot::folder(to.path()).unwrap();
    let months = |done: &export::Exported| {
        let of = done.files.iter().filter_map(|file| file.path.split("/month=").nth(1)?.get(..7));
        of.map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    };
    let february = export::Months::between("2025-02-01".parse().ok(), "2025-02-28".parse().ok()).unwrap();
    let export = async |of| {
        export::export(&mirrors, &world.test.db, world.tenant, of, &depot, Utc::now()).await.unwrap()
    };
    // A place that has nothing takes the months that are asked for.
    let first = export(february).await;
    assert_eq!(months(&first).len(), 1);
    assert_eq!(months(&export(export::Months::default()).await).len(), 3);
    assert_eq!(months(&export(february).await).len(), 1);
    mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    let anew = export(february).await;
    assert_ne!(anew.build, first.build);
    assert_eq!(months(&anew).len(), 3, "numbers of dimensions are others now");
    let manifest = std::fs::read(to.path().join(format!("{}/manifest.json", world.tenant))).unwrap();
    assert_eq!(serde_json::from_slice::<export::Exported>(&manifest).unwrap(), anew);
    assert_eq!(months(&export(february).await).len(), 1);
    // A file thrown away by itself is another build as well.
    mirrors.discard(world.tenant).await.unwrap();
    assert_eq!(months(&export(february).await).len(), 3);
}

#[derive(Serialize, Deserialize)]
struct Work {
    database: String,
    tenant: Uuid,
    dir: std::path::PathBuf,
}

/// Does nothing unless the test below starts it.
#[tokio::test]
async fn the_feeder_that_is_killed() {
    let Some(work) = child::told::<Work>() else { return };
    let db = child::database(&work.database);
    let settings = Settings { memory_mb: 128, threads: 1, ..Settings::new(work.dir) };
    let mirrors = Mirrors::open(settings, None).unwrap();
    loop {
        mirrors.rebuild(&db, work.tenant, Utc::now(), |_, _| {}).await.unwrap();
    }
}

#[tokio::test]
async fn a_feeder_that_is_killed_leaves_a_mirror_that_becomes_equal() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new().await;
    let mut chance = Chance::of(5);
    (0..1500).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 3).await;
    let settings = Settings { memory_mb: 128, threads: 1, ..Settings::new(dir.path()) };
    let work = Work { database: world.test.url(), tenant: world.tenant, dir: dir.path().to_owned() };
    for kill in 0..5 {
        let mut feeder = child::start("mirror::tests::the_feeder_that_is_killed", &work);
        let begun = async {
            while !settings.path(world.tenant).exists() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(chance.rng.random_range(0..200))).await;
        };
        tokio::time::timeout(Duration::from_secs(60), begun).await.expect("the feeder begins");
        feeder.kill().await.unwrap();
        let mirrors = Mirrors::open(settings.clone(), None).unwrap();
        assert_eq!(equal(&mirrors, &world).await, 1500, "kill {kill}");
        mirrors.close_all().await;
        drop(mirrors);
    }
}

#[derive(Serialize, Deserialize)]
struct Aborts {
    database: String,
    tenants: Vec<Uuid>,
    dir: std::path::PathBuf,
    at: i64,
}

/// Does nothing unless the test below starts it.
#[tokio::test]
async fn the_feeder_that_aborts() {
    let Some(work) = child::told::<Aborts>() else { return };
    let db = child::database(&work.database);
    let settings = Settings { memory_mb: 128, threads: 1, ..Settings::new(work.dir) };
    let mirrors = Mirrors::open(settings, None).unwrap();
    feed::ABORTS_AT.store(work.at, std::sync::atomic::Ordering::Relaxed);
    for tenant in work.tenants {
        match mirrors.catch_up(&db, tenant, Utc::now(), |_, _| {}).await {
            Ok(()) | Err(MirrorError::Aside { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    mirrors.close_all().await;
}

#[tokio::test]
async fn a_batch_that_ends_the_process_sets_its_mirror_aside_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { memory_mb: 128, threads: 1, ..Settings::new(dir.path()) };
    let mut own = World::new().await;
    let mut other = World::of(own.test.clone(), "OTHR").await;
    for (world, count) in [(&mut own, 120), (&mut other, 40)] {
        let mut chance = Chance::of(count);
        (0..count).for_each(|_| chance.say(world, "KOL"));
        world.send("KOL", 20).await;
    }
    let open = || Mirrors::open(settings.clone(), None).unwrap();
    let mirrors = open();
    assert_eq!(equal(&mirrors, &own).await, 120);
    mirrors.close_all().await;
    drop(mirrors);
    let mut chance = Chance::of(31);
    (0..120).for_each(|_| chance.say(&mut own, "KOL"));
    own.send("KOL", 20).await;
    let work = Aborts {
        database: own.test.url(),
        tenants: vec![own.tenant, other.tenant],
        dir: dir.path().to_owned(),
        at: 9,
    };
    let feeds = async || {
        let mut feeder = child::start("mirror::tests::the_feeder_that_aborts", &work);
        feeder.wait().await.unwrap().signal()
    };
    let aborted = Some(6);
    // Once alone: it is built anew, and that it happened is forgotten when it is over.
    assert_eq!(feeds().await, aborted);
    assert!(settings.feeding(own.tenant).exists());
    let mirrors = open();
    assert_eq!(equal(&mirrors, &own).await, 240);
    assert!(mirrors.metrics().contains("tracewright_mirror_rebuilds_total 1"), "{}", mirrors.metrics());
    assert!(!settings.crashed(own.tenant).exists() && !settings.feeding(own.tenant).exists());
    mirrors.forget(own.tenant).await.unwrap();
    drop(mirrors);
    // Again and again: which of the batches it is shows at the second time, and the fifth is
    // the last.
    for time in 1..=5 {
        assert_eq!(feeds().await, aborted, "{time}");
        assert!(!settings.path(other.tenant).exists(), "the others have not had their turn");
    }
    assert_eq!(feeds().await, None, "it runs");
    let mirrors = open();
    assert_eq!(equal(&mirrors, &other).await, 40);
    for _ in 0..2 {
        let fed = mirrors.step(&own.test.db, own.tenant, Utc::now()).await;
        assert!(matches!(fed, Err(MirrorError::Aside { batch: 9 })), "{fed:?}");
    }
    let asked = mirrors.ask(own.tenant, |conn| conn.execute_batch("select 1")).await;
    assert!(matches!(asked, Err(MirrorError::Aside { .. })));
    let checked = check::check(&mirrors, &own.test.db, own.tenant, Utc::now()).await.unwrap_err();
    assert!(checked.to_string().contains("cloud mirror rebuild"), "{checked}");
    assert!(mirrors.metrics().contains("tracewright_mirror_set_aside 1"), "{}", mirrors.metrics());
    // The worker leaves it alone, and the command tries anew.
    let stop = CancellationToken::new();
    let worker =
        tokio::spawn(super::run(mirrors.clone(), own.test.db.clone(), Committed::default(), stop.clone()));
    let request = |tenant, wanted| Request { tenant, wanted };
    let came = requests::ask(&settings, &request(other.tenant, Wanted::Check), |_, _| {}).await.unwrap();
    assert!(matches!(came, Came::Checked(report) if report.events == 40));
    assert!(settings.crashed(own.tenant).exists(), "it is still set aside");
    let came = requests::ask(&settings, &request(own.tenant, Wanted::Rebuild), |_, _| {}).await.unwrap();
    assert!(matches!(came, Came::Rebuilt(12)), "{came:?}");
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(equal(&mirrors, &own).await, 240);
    assert!(mirrors.metrics().contains("tracewright_mirror_set_aside 0"), "{}", mirrors.metrics());
}
