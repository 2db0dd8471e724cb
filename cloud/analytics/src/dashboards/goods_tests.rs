//! What was packed and what left are goods, each once, however they lay in packages; held
//! against a plain count in Postgres.

use chrono::Utc;
use platform::ctx::Cx;
use platform::db::DbError;
use proto::v1::{Action, Event, Role, Stage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use uuid::Uuid;

use super::tests::{ALL_DAYS, Office, tile};
use crate::mirror::check;
use crate::world::{Say, World, event};

/// As simply as it can be said in SQL: goods that went into packages, and goods that left, with
/// what they were in at that moment. `$2` are events that never were.
const TRUTH: &str = "
with recursive e as (
    select agent_id, epoch, seq, event_id, stage, action, occurred_at as at from lifecycle_events
    where tenant_id = $1 and stage in (14, 24, 28, 34) and event_id <> all($2)),
u as (
    select e.*, s.key, s.role from e
    join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch and s.seq = e.seq),
turn as (
    select c.event_id, c.key as content, p.key as package, c.at, c.stage, c.action <> 2 as goes_in
    from u c join u p on p.event_id = c.event_id and p.role = 4 where c.role = 5 and c.stage in (14, 24)),
package as (
    select package as key from turn except select to_key from uid_links where tenant_id = $1 and kind in (1, 2)),
gone(at, key) as (
    select at, key from u where stage = 28
    union
    select g.at, t.content from gone g join turn t on t.package = g.key and t.goes_in and t.at <= g.at
    where not exists (select from turn o where o.content = t.content and o.at > t.at and o.at <= g.at
                        and (o.goes_in or o.package = t.package))
      and not exists (select from u r where r.stage = 34 and r.key = t.content and r.role in (0, 1)
                        and r.at >= t.at and r.at <= g.at
                        and not exists (select from u p where p.event_id = r.event_id and p.key = t.package)))
select (select count(*) from (select distinct event_id, content from turn where stage = 24 and goes_in) p
        where content not in (select key from package)),
       (select count(*) from gone where key not in (select key from package))";

async fn truth(world: &World, void: &[Uuid]) -> (i64, i64) {
    let counted: Result<(i64, i64), DbError> = world
        .test
        .db
        .tx(&Cx::system(world.tenant), async |tx| {
            let tenant = tx.tenant();
            Ok(sqlx::query_as(TRUTH).bind(tenant).bind(void).fetch_one(tx.conn()).await?)
        })
        .await;
    counted.unwrap()
}

/// What the tiles say, of which the rows behind them and the days are the sum; and the mirror
/// equals Postgres.
async fn told(office: &Office, world: &World) -> (i64, i64) {
    office.follow(world).await;
    let view = office.json(&format!("/api/v1/dashboards/executive?{ALL_DAYS}")).await;
    let mut all = [0; 2];
    for (sum, kpi) in all.iter_mut().zip(["packed", "dispatched"]) {
        *sum = tile(&view, kpi)["value"].as_str().unwrap_or("0").parse().unwrap();
        let of_days: i64 = view["days"].as_array().unwrap().iter().filter_map(|day| day[kpi].as_i64()).sum();
        assert_eq!(of_days, *sum, "{kpi}");
        let (mut added, mut after) = (0, String::new());
        loop {
            let page = office.json(&format!("/api/v1/kpis/{kpi}/events?{ALL_DAYS}&after={after}")).await;
            assert_eq!(page["total"], json!(*sum), "{kpi}");
            for row in page["events"].as_array().unwrap() {
                let adds = row["adds"].as_i64().unwrap();
                assert!(adds > 0, "what adds nothing is not behind it: {row}");
                added += adds;
            }
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(added, *sum, "{kpi}");
    }
    let report = check::check(&office.mirrors, &world.test.db, world.tenant, Utc::now()).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
    (all[0], all[1])
}

fn pack(at: &str, package: i64, contents: &[i64], action: Action) -> Event {
    let mut event = event(Stage::Packing, at).part(package, Role::Parent);
    event.action = action.into();
    contents.iter().fold(event, |event, content| event.part(*content, Role::Child))
}

fn send(at: &str, subjects: &[i64], contents: &[i64]) -> Event {
    let event =
        subjects.iter().fold(event(Stage::Dispatch, at), |event, key| event.part(*key, Role::Subject));
    contents.iter().fold(event, |event, key| event.part(*key, Role::Child))
}

fn bring_back(at: &str, keys: &[i64]) -> Event {
    keys.iter().fold(event(Stage::Return, at), |event, key| event.part(*key, Role::Subject))
}

fn correct(at: &str, of: Uuid) -> Event {
    let mut event = event(Stage::Correct, at);
    event.corrects = of.as_bytes().to_vec();
    event
}

#[tokio::test]
async fn goods_count_once_and_packages_never() {
    let mut world = World::new().await;
    let units: Vec<i64> = (1..=8).map(|number| world.key("KOL", "FG", number)).collect();
    let boxes: Vec<i64> = (1..=5).map(|number| world.key("KOL", "PK", number)).collect();
    let gear = world.key("KOL", "SF", 1);
    for (keys, item) in [(&units[..], "PUMP"), (&[gear][..], "GEAR"), (&boxes[..], "BOX")] {
        for key in keys {
            world.say("KOL", event(Stage::Commission, "2025-01-10T04:00:00Z").mint(*key, item));
        }
    }
    // What is built in is no unit of its own that leaves; and what something was built into is
    // no package, though a manual is packed with it.
    let built = event(Stage::Assembly, "2025-01-10T04:10:00Z").part(gear, Role::Child);
    world.say("KOL", built.part(units[0], Role::Parent));
    let manual = world.key("KOL", "SP", 1);
    world.say("KOL", event(Stage::Commission, "2025-01-10T04:15:00Z").mint(manual, "MANUAL"));
    world.say("KOL", pack("2025-01-10T04:20:00Z", units[0], &[manual], Action::Add));
    // Two in each of two boxes, these on a pallet; one is taken out again.
    world.say("KOL", pack("2025-01-10T05:00:00Z", boxes[0], &units[..2], Action::Add));
    world.say("KOL", pack("2025-01-10T05:05:00Z", boxes[1], &units[2..4], Action::Add));
    world.say("KOL", pack("2025-01-10T05:10:00Z", boxes[2], &boxes[..2], Action::Add));
    world.say("KOL", pack("2025-01-10T05:15:00Z", boxes[1], &units[3..4], Action::Delete));
    world.send("KOL", 5).await;
    let office = Office::of(&world).await;
    let none: [Uuid; 0] = [];
    assert_eq!((told(&office, &world).await, truth(&world, &none).await), ((5, 0), (5, 0)));
    // The pallet and one that is loose, as an imported history says it: 1 to 3, the manual, 5.
    world.say("KOL", send("2025-01-10T06:00:00Z", &[boxes[2], units[4]], &[]));
    // As a station says it: with what is in it, in two events where the list is long.
    world.say("VSK", pack("2025-01-10T06:30:00Z", boxes[3], &units[5..6], Action::Add));
    world.say("VSK", send("2025-01-10T07:00:00Z", &[boxes[3]], &[]));
    world.say("VSK", send("2025-01-10T07:00:00Z", &[], &units[5..6]));
    for plant in ["KOL", "VSK"] {
        world.send(plant, 5).await;
    }
    assert_eq!((told(&office, &world).await, truth(&world, &none).await), ((6, 6), (6, 6)));
    // A box leaves of which nobody has told yet what is in it: one thing. Then it is told, and
    // then that was a mistake.
    world.say("VSK", send("2025-01-11T08:00:00Z", &[boxes[4]], &[]));
    world.send("VSK", 5).await;
    assert_eq!((told(&office, &world).await, truth(&world, &none).await), ((6, 7), (6, 7)));
    let packed = world.say("KOL", pack("2025-01-11T07:00:00Z", boxes[4], &units[6..8], Action::Add));
    world.send("KOL", 5).await;
    assert_eq!((told(&office, &world).await, truth(&world, &none).await), ((8, 8), (8, 8)));
    world.say("KOL", correct("2025-01-11T09:00:00Z", packed));
    world.send("KOL", 5).await;
    assert_eq!((told(&office, &world).await, truth(&world, &[packed]).await), ((6, 7), (6, 7)));
    office.mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    assert_eq!(told(&office, &world).await, (6, 7), "built anew it is the same");
    // What differs is found.
    for (change, told) in [
        (
            "update fact_lifecycle set goods = goods + 1 where stage = 28 and seq = 2",
            ["fact_lifecycle, from seq 2: 1 events", "count other goods than were in them"],
        ),
        (
            "update fact_packing set package = 7 where stage = 24 and seq = 1 and role = 5",
            ["fact_packing, seq 1 ordinal 1: ", "package \"7\" in the mirror"],
        ),
    ] {
        let done = office.mirrors.ask(world.tenant, move |conn| conn.execute(change, []));
        assert_eq!(done.await.unwrap().value, 1, "{change}");
        let report = check::check(&office.mirrors, &world.test.db, world.tenant, Utc::now()).await.unwrap();
        let named = |one: &String| told.iter().all(|part| one.contains(part));
        assert!(report.differences.iter().any(named), "{change}: {:#?}", report.differences);
        office.mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    }
}

#[tokio::test]
async fn what_came_back_without_its_package_leaves_it_here_too() {
    let mut world = World::new().await;
    let units: Vec<i64> = (1..=3).map(|number| world.key("KOL", "FG", number)).collect();
    let carton = world.key("KOL", "PK", 1);
    for key in units.iter().chain([&carton]) {
        world.say("KOL", event(Stage::Commission, "2025-01-10T04:00:00Z").mint(*key, "PUMP"));
    }
    world.say("KOL", pack("2025-01-10T05:00:00Z", carton, &units[..2], Action::Add));
    world.say("KOL", send("2025-01-10T06:00:00Z", &[carton], &[]));
    world.send("KOL", 5).await;
    let office = Office::of(&world).await;
    let none: [Uuid; 0] = [];
    assert_eq!((told(&office, &world).await, truth(&world, &none).await), ((2, 2), (2, 2)));
    // One comes back; the carton goes out once more with the other.
    world.say("VSK", bring_back("2025-01-11T06:00:00Z", &units[..1]));
    world.say("VSK", send("2025-01-12T06:00:00Z", &[carton], &[]));
    world.send("VSK", 5).await;
    assert_eq!((told(&office, &world).await, truth(&world, &none).await), ((2, 3), (2, 3)));
    // One came back of which it is told only later that it was in the carton.
    let back = world.say("VSK", bring_back("2025-01-11T07:00:00Z", &units[2..]));
    world.send("VSK", 5).await;
    told(&office, &world).await;
    world.say("KOL", pack("2025-01-10T05:30:00Z", carton, &units[2..], Action::Add));
    world.send("KOL", 5).await;
    assert_eq!((told(&office, &world).await, truth(&world, &none).await), ((3, 4), (3, 4)));
    office.mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    assert_eq!(told(&office, &world).await, (3, 4), "built anew it is the same");
    // That it came back was a mistake.
    world.say("VSK", correct("2025-01-13T06:00:00Z", back));
    world.send("VSK", 5).await;
    assert_eq!((told(&office, &world).await, truth(&world, &[back]).await), ((3, 5), (3, 5)));
}

#[tokio::test]
async fn goods_of_random_packing_are_those_of_postgres() {
    for seed in 0..4 {
        let mut world = World::new().await;
        let office = Office::of(&world).await;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let keys: Vec<i64> = (1..=14).map(|number| world.key("KOL", "FG", number)).collect();
        let (mut said, mut void) = (Vec::new(), Vec::new());
        for nth in 0..60 {
            // At any time of two days, no two at the same.
            let at = format!(
                "2025-02-{:02}T{:02}:{:02}:00.{nth:06}Z",
                rng.random_range(1..3),
                rng.random_range(0..24),
                rng.random_range(0..60)
            );
            let plant = if rng.random_bool(0.5) { "KOL" } else { "VSK" };
            let some = |rng: &mut ChaCha8Rng| keys[rng.random_range(0..keys.len())];
            let choice = rng.random_range(0..10);
            match choice {
                0..=5 => {
                    let package = keys[rng.random_range(8..keys.len())];
                    let mut contents = vec![some(&mut rng), some(&mut rng)];
                    contents.retain(|key| *key != package);
                    contents.dedup();
                    if contents.is_empty() {
                        continue;
                    }
                    let action = if rng.random_bool(0.2) { Action::Delete } else { Action::Add };
                    said.push((plant, world.say(plant, pack(&at, package, &contents, action))));
                }
                6..=7 => said.push((plant, world.say(plant, send(&at, &[some(&mut rng)], &[])))),
                8 => {
                    let mut keys = vec![some(&mut rng), some(&mut rng)];
                    keys.dedup();
                    said.push((plant, world.say(plant, bring_back(&at, &keys))));
                }
                _ if said.is_empty() => continue,
                _ => {
                    // Once each, so that it is known what never was.
                    let (plant, of) = said.swap_remove(rng.random_range(0..said.len()));
                    world.say(plant, correct(&at, of));
                    void.push(of);
                }
            }
            if rng.random_bool(0.2) {
                world.send("KOL", 4).await;
                world.send("VSK", 4).await;
                assert_eq!(told(&office, &world).await, truth(&world, &void).await, "seed {seed}, {nth}");
            }
        }
        world.send("KOL", 9).await;
        world.send("VSK", 9).await;
        let last = told(&office, &world).await;
        assert_eq!(last, truth(&world, &void).await, "seed {seed}");
        assert!(last.0 > 0 && last.1 > 0, "seed {seed}: {last:?}");
        office.mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
        assert_eq!(told(&office, &world).await, last, "seed {seed}");
    }
}
