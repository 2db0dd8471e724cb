//! What is in work, counted by hours, is what the registry has.

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::DbError;
use proto::v1::Stage;
use rand::Rng;

use super::store::{WipRow, wip};
use crate::world::{Chance, Say, World, event};

/// A stage, all of its units, and those of each age.
type Counted = (i16, i64, i64, i64, i64, i64);

/// The same, of each unit.
async fn one_by_one(world: &World, plants: Option<&[String]>, now: DateTime<Utc>) -> Vec<WipRow> {
    let rows: Result<Vec<Counted>, DbError> = world
        .test
        .db
        .tx(&Cx::system(world.tenant), async |tx| {
            let sql = "with units as (
                           select last_stage, $1::timestamptz - last_at as age from uid_registry
                           where life = 2 and custody = 1 and ($2::text[] is null or plant = any($2))
                             and (last_stage in (15, 16, 19, 20)
                                  or last_stage in (12, 14, 17, 18) and order_number <> ''))
                       select last_stage, count(*), count(*) filter (where age < '24 hours'),
                              count(*) filter (where age >= '24 hours' and age < '72 hours'),
                              count(*) filter (where age >= '72 hours' and age < '168 hours'),
                              count(*) filter (where age >= '168 hours')
                       from units group by 1 order by 1";
            Ok(sqlx::query_as(sql).bind(now).bind(plants).fetch_all(tx.conn()).await?)
        })
        .await;
    let row =
        |(stage, total, day, three_days, week, older)| WipRow { stage, total, day, three_days, week, older };
    rows.unwrap().into_iter().map(row).collect()
}

async fn counted(world: &World, plants: Option<&[String]>, now: DateTime<Utc>) -> Vec<WipRow> {
    let rows: Result<Vec<WipRow>, DbError> =
        world.test.db.tx(&Cx::system(world.tenant), async |tx| Ok(wip(tx, plants, now).await?)).await;
    rows.unwrap()
}

/// Compares both at moments within the time of the facts, and after it; answers how many units are
/// in work.
async fn compare(world: &World, chance: &mut Chance, what: &str) -> i64 {
    let mut most = 0;
    for plants in [None, Some(vec!["KOL".to_owned()]), Some(vec!["VSK".to_owned(), "MRK".to_owned()])] {
        let plants = plants.as_deref();
        for _ in 0..4 {
            let (month, day) = (chance.rng.random_range(1..4), chance.rng.random_range(1..28));
            let (hour, minute) = (chance.rng.random_range(0..24), chance.rng.random_range(0..60));
            let now = format!("2025-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z").parse().unwrap();
            let all = one_by_one(world, plants, now).await;
            assert_eq!(counted(world, plants, now).await, all, "{what}, {plants:?} at {now}");
            most = most.max(all.iter().map(|row| row.total).sum());
        }
    }
    most
}

#[tokio::test]
async fn counts_of_what_is_in_work_equal_the_registry_whoever_writes_it() {
    let mut world = World::new().await;
    let mut chance = Chance::of(11);
    let mut most = 0;
    for round in 0..4 {
        for _ in 0..60 {
            let plant = if chance.rng.random_bool(0.5) { "KOL" } else { "VSK" };
            chance.say(&mut world, plant);
        }
        for plant in ["KOL", "VSK"] {
            world.send(plant, 16).await;
        }
        compare(&world, &mut chance, "told and not projected").await;
        trace::projection::catch_up(&world.test.db, world.tenant).await.unwrap();
        most = most.max(compare(&world, &mut chance, &format!("projected {round}")).await);
    }
    assert!(most > 5, "{most} units were in work");
    // A minute before, at, and after the end of an age.
    world
        .as_owner(
            "update uid_registry set life = 2, custody = 1, last_stage = 15,
                 last_at = timestamptz '2025-02-10 09:30Z' + key % 3 * interval '1 minute'",
        )
        .await;
    for now in ["2025-02-11T09:31:00Z", "2025-02-13T09:31:00Z", "2025-02-17T09:31:00Z"] {
        let now = now.parse().unwrap();
        assert_eq!(counted(&world, None, now).await, one_by_one(&world, None, now).await, "{now}");
    }
    world.as_owner("delete from uid_registry where key % 2 = 0").await;
    compare(&world, &mut chance, "taken away").await;
    world.as_owner("update uid_registry set life = 4").await;
    assert_eq!(compare(&world, &mut chance, "all scrapped").await, 0);
}

/// How many hours are kept, and how many notes.
async fn kept(world: &World) -> (i64, i64) {
    let rows: Result<(i64, i64), DbError> = world
        .test
        .db
        .tx(&Cx::system(world.tenant), async |tx| {
            let sql = "select (select count(*) from in_work_hours), (select count(*) from in_work_changes)";
            Ok(sqlx::query_as(sql).fetch_one(tx.conn()).await?)
        })
        .await;
    rows.unwrap()
}

/// KOL receives a unit, which is the next thing that is projected.
async fn receive(world: &mut World, number: u64) {
    let unit = world.key("KOL", "RM", number);
    world.say("KOL", event(Stage::Grn, "2025-03-30T08:00:00Z").mint(unit, "PUMP"));
    world.send("KOL", 16).await;
    trace::projection::catch_up(&world.test.db, world.tenant).await.unwrap();
}

#[tokio::test]
async fn hours_of_which_nothing_is_left_are_taken_away() {
    let mut world = World::new().await;
    let mut chance = Chance::of(12);
    for _ in 0..80 {
        chance.say(&mut world, "KOL");
    }
    world.send("KOL", 16).await;
    trace::projection::catch_up(&world.test.db, world.tenant).await.unwrap();
    receive(&mut world, 1).await;
    let (hours, notes) = kept(&world).await;
    assert!(hours > 0 && notes == 0, "all is added up: {hours} hours, {notes} notes");
    world.as_owner("update uid_registry set life = 4").await;
    let (still, noted) = kept(&world).await;
    assert!(still == hours && noted > 0, "noted and not added up: {still} hours, {noted} notes");
    receive(&mut world, 2).await;
    assert_eq!(kept(&world).await, (0, 0));
}
