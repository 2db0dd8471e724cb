//! What a hold has to do with packages: what is in a held one, what it was in once, and what
//! is around what is held.

use platform::ctx::Cx;
use proto::v1::{self, Action, Role, Stage};

use super::follow_tests::{Plants, follow_up, late, noon, packed, place_it, version};
use super::*;
use crate::ingest::tests::{World, assembly, receipt, rm};

async fn stocked() -> (World, Plants) {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    for n in 1..=8 {
        plants.journals[0].push(receipt(rm(n)));
    }
    plants.send(&world, 0).await;
    (world, plants)
}

/// What is held now, each with why, by the last digits of the keys.
async fn held(world: &World) -> String {
    world
        .text(
            "select coalesce(string_agg(right(key::text, 2)::integer || ' ' || cause, ', ' order by key), '') \
             from hold_members where left_at is null",
        )
        .await
}

#[tokio::test]
async fn what_is_in_a_held_package_is_held_and_stays_so_outside() {
    let (world, mut plants) = stocked().await;
    // 1 and 2 in the box 5, that on the pallet 6, with the box 7, in which 3 is; 4 was in 5.
    for (what, into) in [(1, 5), (2, 5), (4, 5), (5, 6), (3, 7), (7, 6)] {
        plants.journals[0].push(packed(0, rm(what), rm(into), Action::Add));
    }
    plants.journals[0].push(packed(0, rm(4), rm(5), Action::Delete));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    place_it(&world, Scope::Label { key: rm(6), descendants: false }).await;
    let all = "1 content, 2 content, 3 content, 5 content, 6 scope, 7 content";
    assert_eq!(held(&world).await, all);
    // Plants are told that all of them are held for their own sake.
    let told = "select (body->'inside')::text from reference_rows where kind = 'hold'";
    assert_eq!(world.text(told).await, "[]");
    let now = version(&world).await;
    plants.journals[0].push(packed(now, rm(1), rm(5), Action::Delete));
    plants.journals[0].push(packed(now, rm(5), rm(6), Action::Delete));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(held(&world).await, all, "also when it is taken out");
    plants.journals[0].push(late(Stage::Dispatch, now, &[(rm(1), Role::Subject)]));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.count("select count(*) from hold_acts where class = 'violated'").await, 1);
}

#[tokio::test]
async fn what_was_in_a_held_package_when_its_hold_came_is_held_however_late_that_is_told() {
    let (world, mut plants) = stocked().await;
    plants.journals[0].push(packed(0, rm(1), rm(5), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    let before = version(&world).await;
    place_it(&world, Scope::Label { key: rm(5), descendants: false }).await;
    assert_eq!(held(&world).await, "1 content, 5 scope");
    // An offline plant has put 2 in, and taken it out again, and 3, which is still there.
    plants.journals[0].push(packed(before, rm(2), rm(5), Action::Add));
    plants.journals[0].push(packed(before, rm(2), rm(5), Action::Delete));
    plants.journals[0].push(packed(before, rm(3), rm(5), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(held(&world).await, "1 content, 2 content, 3 content, 5 scope");
    let ways = "select count(*) from hold_members where cause = 'content' and joined_seq is not null \
                and via_key = (select key from hold_members where cause = 'scope')";
    assert_eq!(world.count(ways).await, 2, "through which, and when");
}

#[tokio::test]
async fn what_a_plant_holds_takes_along_what_is_in_it_and_a_box_around_it_does_not() {
    let (world, mut plants) = stocked().await;
    for (what, into) in [(1, 5), (5, 6), (2, 6)] {
        plants.journals[0].push(packed(0, rm(what), rm(into), Action::Add));
    }
    plants.journals[0].push(late(Stage::Hold, 0, &[(rm(5), Role::Subject)]));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(held(&world).await, "1 content, 5 scope, 6 inside", "what lies beside it is free");
    let inside = "select string_agg(right(i.key::text, 2)::integer::text, ' ') from reference_rows, \
                  jsonb_array_elements(body->'inside') as i(key) where kind = 'hold'";
    assert_eq!(world.text(inside).await, "6");
    plants.journals[0].push(packed(0, rm(5), rm(6), Action::Delete));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(held(&world).await, "1 content, 5 scope");
}

#[tokio::test]
async fn a_bin_that_it_was_taken_out_of_is_free_and_so_is_what_it_held_since() {
    let (world, mut plants) = stocked().await;
    // 1 was in the bin 5, which went into the trolley 6; 1 was built into 2, that is in the box 7.
    plants.journals[0].push(packed(0, rm(1), rm(5), Action::Add));
    plants.journals[0].push(packed(0, rm(1), rm(5), Action::Delete));
    plants.journals[0].push(packed(0, rm(3), rm(5), Action::Add));
    plants.journals[0].push(packed(0, rm(5), rm(6), Action::Add));
    plants.journals[0].push(assembly(Action::Add, rm(1), rm(2)));
    plants.journals[0].push(packed(0, rm(2), rm(7), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    place_it(&world, Scope::Label { key: rm(1), descendants: true }).await;
    assert_eq!(held(&world).await, "1 scope, 2 made, 7 inside");
    // Into the bin once more, and out: it is held as long as that lasts.
    plants.journals[0].push(packed(0, rm(2), rm(7), Action::Delete));
    plants.journals[0].push(packed(0, rm(1), rm(5), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(held(&world).await, "1 scope, 2 made, 5 inside, 6 inside");
    plants.journals[0].push(packed(0, rm(1), rm(5), Action::Delete));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(held(&world).await, "1 scope, 2 made");
}

#[tokio::test]
async fn what_somebody_else_found_is_held_with_the_packages_around_it() {
    let (world, mut plants) = stocked().await;
    plants.journals[0].push(packed(0, rm(1), rm(5), Action::Add));
    plants.journals[0].push(packed(0, rm(5), rm(6), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    let cx = Cx::new(world.source.tenant, "user:7");
    let labels = [(rm(1), members::Cause::Scope)];
    let done = world.db.db.tx(&cx, async |tx| {
        let named = json!({ "what": "recall" });
        let looked_batch = cursor::last_batch(tx).await?;
        let sought =
            Sought { named, reason: "RCL-1", labels: &labels, lots: &[], deliveries: false, looked_batch };
        place_found(tx, sought, noon()).await
    });
    assert_eq!(done.await.expect("placed").members, 3);
    assert_eq!(held(&world).await, "1 scope, 5 inside, 6 inside");
    let told = "select sum(jsonb_array_length(body->'keys'))::bigint from reference_rows where kind = 'hold'";
    assert_eq!(world.count(told).await, 3, "plants are told of the packages");
}

#[tokio::test]
async fn a_box_that_comes_into_a_held_package_may_not_be_opened_any_more() {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    let lot = Uuid::now_v7();
    for n in [1, 5, 6] {
        let mut born = receipt(rm(n));
        if n != 5 {
            born.subjects[0].lot_id = lot.as_bytes().to_vec();
            born.lots = vec![v1::Lot { lot_id: lot.as_bytes().to_vec(), ..v1::Lot::default() }];
        }
        plants.journals[0].push(born);
    }
    plants.journals[0].push(packed(0, rm(1), rm(5), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    place_it(&world, Scope::Lot { lot, descendants: false, deliveries: false }).await;
    assert_eq!(held(&world).await, "1 lot, 5 inside, 6 lot");
    let open = "select jsonb_array_length(body->'inside')::bigint from reference_rows where kind = 'hold'";
    assert_eq!(world.count(open).await, 1);
    plants.journals[0].push(packed(0, rm(5), rm(6), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(held(&world).await, "1 lot, 5 content, 6 lot");
    assert_eq!(world.count(open).await, 0, "plants are told");
}
