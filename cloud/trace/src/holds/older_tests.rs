//! Holds that were placed before packages took their contents along.

use platform::ctx::Cx;
use proto::v1::Action;

use super::follow_tests::{Plants, follow_up, packed, place_it};
use super::*;
use crate::ingest::tests::{World, assembly, receipt, rm};

/// Makes holds as they were left by what came before: without contents, and with the packages
/// in which something was once.
async fn as_before(world: &World, sql: &'static str) {
    let cx = Cx::system(world.source.tenant);
    let done: Result<(), DbError> = world
        .db
        .db
        .tx(&cx, async |tx| {
            sqlx::raw_sql(sql).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    done.expect("changed");
}

const HELD: &str = "select coalesce(string_agg(right(key::text, 2)::integer || ' ' || cause, ', ' order by key), '') \
                    from hold_members where left_at is null";

/// The pallet 6 with the box 5, in that 1 and 2; 3 on the pallet. And 7, a bin in which 6 was
/// once, and 8, into which 3 was built.
async fn older() -> (World, Uuid) {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    for n in 1..=9 {
        plants.journals[0].push(receipt(rm(n)));
    }
    for (what, into) in [(1, 5), (2, 5), (5, 6), (3, 6), (6, 7)] {
        plants.journals[0].push(packed(0, rm(what), rm(into), Action::Add));
    }
    plants.journals[0].push(packed(0, rm(6), rm(7), Action::Delete));
    plants.journals[0].push(assembly(Action::Add, rm(6), rm(8)));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    let hold = place_it(&world, Scope::Label { key: rm(6), descendants: true }).await;
    follow_up(&world).await;
    assert_eq!(world.text(HELD).await, "1 content, 2 content, 3 content, 5 content, 6 scope, 8 made");
    as_before(
        &world,
        "delete from hold_members where cause = 'content';
         insert into hold_members (tenant_id, hold_id, key, cause)
             select tenant_id, hold_id, key + 1, 'made' from hold_members where cause = 'scope';
         update holds set members = 3;
         update hold_cursors set older_done_at = null",
    )
    .await;
    assert_eq!(world.text(HELD).await, "6 scope, 7 made, 8 made");
    (world, hold)
}

#[tokio::test]
async fn older_holds_take_in_what_is_in_their_packages_and_let_go_what_once_was_one() {
    let (world, hold) = older().await;
    follow_up(&world).await;
    assert_eq!(world.text(HELD).await, "1 content, 2 content, 3 content, 5 content, 6 scope, 8 made");
    assert_eq!(world.count("select members::bigint from holds").await, 6);
    let keys = "select string_agg(right(k.key, 2)::integer::text, ' ' order by k.key) from reference_rows r \
                cross join lateral jsonb_array_elements_text(r.body->'keys') as k(key) where r.kind = 'hold'";
    assert_eq!(world.text(keys).await, "1 2 3 5 6 8", "plants are told of both");
    let told = "select count(*) from lifecycle_events where stage in (22, 23)";
    assert_eq!(world.count(told).await, 3, "placed, more came in, a package went");
    assert_eq!(world.count("select count(*) from hold_members where left_version is not null").await, 1);
    // Once: it is written down as done, and a hold of today has nothing to take in.
    let done = "select count(*) from hold_cursors where older_done_at is not null and older_hold is null";
    assert_eq!(world.count(done).await, 1);
    follow_up(&world).await;
    assert_eq!(world.count(told).await, 3);
    let cx = Cx::new(world.source.tenant, "user:8");
    let gone = world.db.db.tx(&cx, async |tx| release(tx, hold, "sorted", Utc::now()).await).await;
    assert_eq!(gone.expect("released").members, 6);
}

#[tokio::test]
async fn it_goes_on_where_a_crash_left_it() {
    let (world, _) = older().await;
    as_before(&world, "update hold_members set cause = 'scope' where cause = 'made'").await;
    let cx = Cx::system(world.source.tenant);
    let place = "select coalesce(right(older_key::text, 2)::integer::text, older_hold::text, 'none') from hold_cursors";
    let mut places = Vec::new();
    loop {
        let aborted: Result<(), HoldError> = world
            .db
            .db
            .tx(&cx, async |tx| {
                older::piece(tx, &Genealogy::default(), 1, Utc::now()).await?;
                Err(HoldError::NotFound)
            })
            .await;
        assert!(aborted.is_err());
        let piece = world
            .db
            .db
            .tx(&cx, async |tx| older::piece(tx, &Genealogy::default(), 1, Utc::now()).await)
            .await
            .expect("done");
        if !piece.worked {
            break;
        }
        places.push(world.text(place).await);
        assert!(places.len() < 20, "{places:?}");
    }
    // One label at a time, those that came in meanwhile too where they lie behind.
    assert_eq!(places, ["6", "7", "8", "none"]);
    assert_eq!(
        world.text(HELD).await,
        "1 content, 2 content, 3 content, 5 content, 6 scope, 7 scope, 8 scope"
    );
}

#[tokio::test]
async fn a_tenant_whose_first_hold_is_of_today_has_nothing_to_do() {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    plants.journals[0].push(receipt(rm(1)));
    plants.send(&world, 0).await;
    place_it(&world, Scope::Label { key: rm(1), descendants: false }).await;
    assert_eq!(world.count("select count(*) from hold_cursors where older_done_at is null").await, 0);
}
