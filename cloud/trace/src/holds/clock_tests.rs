//! What is held and listed whatever the clocks of plants and of the office say, and
//! whatever was asked of a hold.

use platform::ctx::Cx;
use proto::v1::{self, Action, Role, Stage};

use super::follow_tests::{Plants, follow_up, late, noon, packed, place_it, version};
use super::*;
use crate::ingest::tests::{World, assembly, receipt, rm};

/// An event decided by a version, an hour earlier or later than the office's clock says.
fn at(hours: i64, version: i64, event: v1::Event) -> v1::Event {
    v1::Event {
        occurred_at_us: (Utc::now() + chrono::Duration::hours(hours)).timestamp_micros(),
        reference_version: version.unsigned_abs(),
        reference_generation: 1,
        ..event
    }
}

fn dispatch(hours: i64, version: i64, key: i64) -> v1::Event {
    at(hours, version, late(Stage::Dispatch, version, &[(key, Role::Subject)]))
}

async fn classes(world: &World) -> String {
    world.text("select coalesce(string_agg(class, ' ' order by act), '') from hold_acts").await
}

async fn stocked() -> (World, Plants) {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    for n in 1..=7 {
        plants.journals[0].push(receipt(rm(n)));
    }
    (world, plants)
}

#[tokio::test]
async fn what_is_made_of_a_held_unit_after_the_hold_is_held_whatever_was_asked() {
    let (world, mut plants) = stocked().await;
    plants.journals[0].push(assembly(Action::Add, rm(1), rm(7)));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    let before = version(&world).await;
    place_it(&world, Scope::Label { key: rm(1), descendants: false }).await;
    // An offline plant has built it into another, and that into a third; one was taken back.
    let wrong = plants.journals[0].push(at(1, before, assembly(Action::Add, rm(1), rm(4))));
    let back =
        v1::Event { corrects: wrong.as_bytes().to_vec(), ..crate::ingest::tests::event(Stage::Correct) };
    plants.journals[0].push(at(1, before, back));
    plants.journals[0].push(at(1, before, assembly(Action::Add, rm(1), rm(2))));
    plants.journals[0].push(at(1, before, assembly(Action::Add, rm(2), rm(3))));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    let held = "select string_agg((key - (select min(key) from hold_members) + 1)::text, ' ' order by key) \
                from hold_members";
    assert_eq!(world.text(held).await, "1 2 3", "not what was made of it before, nor what was taken back");
}

#[tokio::test]
async fn an_act_at_a_plant_whose_clock_is_slow_is_told_and_not_left_out() {
    let (world, mut plants) = stocked().await;
    plants.send(&world, 0).await;
    let before = version(&world).await;
    place_it(&world, Scope::Label { key: rm(1), descendants: true }).await;
    // Built in by the clock of one plant, sent away an hour before that by the other's.
    plants.journals[0].push(at(2, before, assembly(Action::Add, rm(1), rm(2))));
    plants.journals[1].push(dispatch(1, before, rm(2)));
    plants.send(&world, 0).await;
    plants.send(&world, 1).await;
    follow_up(&world).await;
    assert_eq!(classes(&world).await.split(' ').filter(|class| *class == "earlier").count(), 1);
    // Had it been told, no clock would excuse it.
    let told = version(&world).await;
    plants.journals[1].push(dispatch(1, told, rm(2)));
    plants.send(&world, 1).await;
    follow_up(&world).await;
    assert_eq!(world.count("select count(*) from hold_acts where class = 'violated'").await, 1);
}

#[tokio::test]
async fn a_fast_clock_does_not_put_an_act_after_the_release_that_its_plant_had_not_got() {
    let (world, mut plants) = stocked().await;
    plants.send(&world, 0).await;
    let before = version(&world).await;
    let hold = place_it(&world, Scope::Label { key: rm(1), descendants: false }).await;
    let told = version(&world).await;
    let cx = Cx::new(world.source.tenant, "user:8");
    world.db.db.tx(&cx, async |tx| release(tx, hold, "ok", noon()).await).await.expect("released");
    let free = version(&world).await;
    // Its clock is an hour fast: all of it was done before the office released it.
    for version in [before, told, free] {
        plants.journals[0].push(dispatch(1, version, rm(1)));
    }
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(classes(&world).await, "earlier violated");
}

#[tokio::test]
async fn a_package_is_free_from_when_its_plant_is_told_so() {
    let (world, mut plants) = stocked().await;
    plants.journals[0].push(packed(0, rm(1), rm(2), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    place_it(&world, Scope::Label { key: rm(1), descendants: false }).await;
    let told = version(&world).await;
    // The other plant takes it out; this one, which was told that the package is held and
    // not yet that it is free, sends it away, by a clock that is an hour fast.
    plants.journals[1].push(at(0, told, packed(told, rm(1), rm(2), Action::Delete)));
    plants.send(&world, 1).await;
    follow_up(&world).await;
    let free = version(&world).await;
    assert!(free > told);
    assert_eq!(world.count("select count(*) from hold_members where left_version is not null").await, 1);
    plants.journals[0].push(dispatch(1, told, rm(2)));
    plants.journals[0].push(dispatch(1, free, rm(2)));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(classes(&world).await, "violated");
}
