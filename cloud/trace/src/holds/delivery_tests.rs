//! A supplier's lot that comes in several deliveries, each a lot of its own.

use platform::ctx::Cx;
use proto::v1;

use super::follow_tests::{Plants, follow_up, noon, place_it};
use super::*;
use crate::explore::holding::{self, HoldingError, Wish};
use crate::ingest::tests::{World, receipt, rm};
use crate::testing::{Say, Site, event as said, uid};

/// A delivery: its lot.
fn delivery(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0100 + n)
}

/// A receipt of one label of a delivery.
fn received(key: i64, lot: Uuid, heat: &str, supplier: &str) -> v1::Event {
    let mut event = receipt(key);
    event.subjects[0].lot_id = lot.as_bytes().to_vec();
    event.lots = vec![v1::Lot {
        lot_id: lot.as_bytes().to_vec(),
        item: "STEEL".into(),
        supplier: supplier.into(),
        supplier_lot: heat.into(),
        ..v1::Lot::default()
    }];
    event
}

/// Two deliveries of one heat, one at each plant; another supplier's of that number; another heat.
async fn stocked() -> (World, Plants) {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    plants.journals[0].push(received(rm(1), delivery(1), "HEAT-77", "XYZ"));
    plants.journals[1].push(received(rm(2), delivery(2), "HEAT-77", "XYZ"));
    plants.journals[0].push(received(rm(3), delivery(3), "HEAT-77", "ABC"));
    plants.journals[0].push(received(rm(4), delivery(4), "HEAT-78", "XYZ"));
    plants.send(&world, 0).await;
    plants.send(&world, 1).await;
    follow_up(&world).await;
    (world, plants)
}

/// The labels that are held now, by the last digits of their keys, with why.
const HELD: &str = "select coalesce(string_agg(right(key::text, 2)::integer || ' ' || cause, ', ' order by key), '') \
                    from hold_members m join holds h using (hold_id) where left_at is null and h.status = 'placed'";
/// The lots that plants are told of, by their last digit.
const LOTS: &str = "select coalesce(string_agg(right(l.lot, 1), ' ' order by l.lot), '') from reference_rows r \
                    cross join lateral jsonb_array_elements_text(r.body->'lots') as l(lot) \
                    where r.kind = 'hold' and not r.deleted";

fn whole(lot: Uuid) -> Scope {
    Scope::Lot { lot, descendants: false, deliveries: true }
}

#[tokio::test]
async fn a_hold_of_a_supplier_s_lot_is_on_all_its_deliveries_and_on_later_ones() {
    let (world, mut plants) = stocked().await;
    let hold = place_it(&world, whole(delivery(2))).await;
    assert_eq!(world.text(HELD).await, "1 lot, 2 lot", "not the other supplier's, nor another heat");
    assert_eq!(world.text(LOTS).await, "1 2", "plants hold labels that are still to come");
    assert_eq!(world.text("select right(lot_id::text, 1) from holds").await, "2");

    // A third delivery, and another label of the first.
    plants.journals[1].push(received(rm(5), delivery(5), "HEAT-77", "XYZ"));
    plants.journals[1].push(received(rm(6), delivery(5), "HEAT-77", "XYZ"));
    plants.journals[1].push(received(rm(7), delivery(7), "HEAT-77", "ABC"));
    plants.journals[0].push(received(rm(8), delivery(1), "HEAT-77", "XYZ"));
    plants.send(&world, 1).await;
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.text(HELD).await, "1 lot, 2 lot, 5 lot, 6 lot, 8 lot");
    let late = "select string_agg(right(key::text, 2)::integer::text, ' ' order by key) from hold_members \
                where joined_seq is not null and via_key is null";
    assert_eq!(world.text(late).await, "5 6 8", "they are listed as late");
    assert_eq!(world.text(LOTS).await, "1 2 5");
    let keys = "select string_agg(right(k.key, 2)::integer::text, ' ' order by k.key) from reference_rows r \
                cross join lateral jsonb_array_elements_text(r.body->'keys') as k(key) \
                where r.kind = 'hold' and not r.deleted";
    assert_eq!(world.text(keys).await, "1 2 5 6 8", "plants are told of the new ones");
    assert_eq!(world.count("select members::bigint from holds").await, 5);
    // Nothing is told twice.
    follow_up(&world).await;
    assert_eq!(world.text(LOTS).await, "1 2 5");
    assert_eq!(world.count("select cardinality(more_lots)::bigint from holds").await, 2);

    let cx = Cx::new(world.source.tenant, "user:8");
    let gone = world.db.db.tx(&cx, async |tx| release(tx, hold, "sorted", noon()).await).await.unwrap();
    assert_eq!(gone.members, 5);
    assert_eq!(world.text(HELD).await, "");
    assert_eq!(world.text(LOTS).await, "", "plants are told that all of it is free");
    plants.journals[1].push(received(rm(9), delivery(9), "HEAT-77", "XYZ"));
    plants.send(&world, 1).await;
    follow_up(&world).await;
    assert_eq!(world.text(HELD).await, "", "what comes after the release is free");
}

#[tokio::test]
async fn a_hold_of_one_delivery_is_on_that_one_alone() {
    let (world, mut plants) = stocked().await;
    place_it(&world, Scope::Lot { lot: delivery(1), descendants: false, deliveries: false }).await;
    plants.journals[0].push(received(rm(5), delivery(5), "HEAT-77", "XYZ"));
    plants.journals[0].push(received(rm(6), delivery(1), "HEAT-77", "XYZ"));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.text(HELD).await, "1 lot, 6 lot");
    assert_eq!(world.text(LOTS).await, "1");
}

#[tokio::test]
async fn lots_without_a_supplier_s_number_are_no_deliveries_of_each_other() {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    plants.journals[0].push(received(rm(1), delivery(1), "", ""));
    plants.journals[0].push(received(rm(2), delivery(2), "", ""));
    plants.send(&world, 0).await;
    place_it(&world, whole(delivery(1))).await;
    plants.journals[0].push(received(rm(3), delivery(3), "", ""));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.text(HELD).await, "1 lot");
}

#[tokio::test]
async fn labels_of_a_delivery_whose_lot_is_told_late_come_in_with_it() {
    let (world, mut plants) = stocked().await;
    place_it(&world, whole(delivery(1))).await;
    // A label is divided off at the plant to which it was sent, before the receipt is told.
    let mut divided = receipt(rm(6));
    divided.subjects[0].lot_id = delivery(5).as_bytes().to_vec();
    plants.journals[1].push(divided);
    plants.send(&world, 1).await;
    follow_up(&world).await;
    assert_eq!(world.text(HELD).await, "1 lot, 2 lot", "nobody knows yet of which heat it is");
    plants.journals[0].push(received(rm(5), delivery(5), "HEAT-77", "XYZ"));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.text(HELD).await, "1 lot, 2 lot, 5 lot, 6 lot");
}

/// A label of a heat at a plant.
fn of_heat(uid: &str, lot: Uuid) -> v1::Event {
    let mut event = said(Stage::Grn, "2026-01-10T08:00:00Z").mint(uid, Role::Subject, "STEEL");
    event.subjects[0].lot_id = lot.as_bytes().to_vec();
    event.lots = vec![v1::Lot {
        lot_id: lot.as_bytes().to_vec(),
        item: "STEEL".into(),
        supplier: "XYZ".into(),
        supplier_lot: "HEAT-77".into(),
        ..v1::Lot::default()
    }];
    event
}

#[tokio::test]
async fn what_would_be_held_says_where_the_deliveries_are_and_tenants_are_apart() {
    let mut site = Site::new().await;
    site.say("KOL", of_heat(&uid("KOL", "RM", 1), delivery(1)));
    site.say("VSK", of_heat(&uid("VSK", "RM", 2), delivery(2)));
    site.settle().await;
    let mut other = Site::of(site.again(), "OTHR").await;
    other.say("KOL", of_heat(&uid("KOL", "RM", 3), delivery(3)));
    other.settle().await;

    let genealogy = site.genealogy();
    let wish = Wish { uid: uid("KOL", "RM", 1), whole_lot: true, reason: "cracks".into(), ..Wish::default() };
    let found = view::preview(&site.db.db, &site.cx(), &genealogy, &wish).await.unwrap();
    let at: Vec<(Uuid, i64, Vec<String>)> =
        found.deliveries.iter().map(|one| (one.lot_id, one.labels, one.plants.clone())).collect();
    assert_eq!(at, [(delivery(1), 1, vec!["KOL".into()]), (delivery(2), 1, vec!["VSK".into()])]);
    assert_eq!((found.members, found.all_deliveries), (2, true));
    let one = Wish { delivery_only: true, ..wish.clone() };
    let found = view::preview(&site.db.db, &site.cx(), &genealogy, &one).await.unwrap();
    assert_eq!((found.members, found.all_deliveries, found.deliveries.len()), (1, false, 2));

    // By the supplier's number, as a recall takes it.
    let numbered = |number: &str, delivery_only| {
        let lot = Some(format!(" {number} "));
        Wish { uid: String::new(), lot, delivery_only, whole_lot: false, ..wish.clone() }
    };
    let seen = async |wish: Wish, cx: Cx| view::preview(&site.db.db, &cx, &genealogy, &wish).await;
    let at = |plant: &str| site.cx().at(platform::ctx::Plants::some([plant]));
    assert_eq!(seen(numbered("HEAT-77", false), site.cx()).await.unwrap().members, 2);
    assert!(seen(numbered("HEAT-77", false), at("VSK")).await.is_ok(), "some of it came there");
    let refused = async |wish, cx| match seen(wish, cx).await {
        Err(HoldingError::Lot(key)) => key,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(numbered("HEAT-77", true), site.cx()).await, "recalls-wrong-lots");
    assert_eq!(refused(numbered("HEAT-78", false), site.cx()).await, "recalls-wrong-lot");
    assert_eq!(refused(numbered("HEAT-77", false), at("HYD")).await, "recalls-wrong-lot", "never there");
    let given: Wish = serde_json::from_str("{\"lot\":null}").unwrap();
    assert_eq!(given, Wish::default());

    let committed = crate::ingest::Committed::default();
    let office = (&committed, &genealogy);
    let held = holding::place(&site.db.db, &site.cx(), office, &wish, noon()).await.unwrap();
    assert_eq!(held.members, 2);
    let one = view::find(&site.db.db, &site.cx(), held.hold_id).await.unwrap();
    assert_eq!(one.lots, [delivery(1), delivery(2)]);
    assert_eq!(other.ask("select count(*)::text from hold_members").await, "0");
    let theirs = Wish { uid: String::new(), lot: Some(delivery(3).to_string()), ..wish.clone() };
    let found = view::preview(&other.db.db, &other.cx(), &other.genealogy(), &theirs).await.unwrap();
    assert_eq!(found.deliveries.len(), 1, "nor do they see ours");
    let foreign = Wish { uid: String::new(), lot: Some(delivery(1).to_string()), ..wish };
    assert!(view::preview(&other.db.db, &other.cx(), &other.genealogy(), &foreign).await.is_err());
}

#[tokio::test]
async fn a_held_label_in_a_carton_that_was_dispatched_is_listed_as_with_the_customer() {
    let mut site = Site::new().await;
    let (steel, carton) = (uid("KOL", "RM", 1), uid("KOL", "PK", 1));
    site.say("KOL", of_heat(&steel, delivery(1)));
    site.say(
        "KOL",
        said(Stage::Packing, "2026-01-11T08:00:00Z")
            .action(v1::Action::Add)
            .mint(&carton, Role::Parent, "BOX")
            .part(&steel, Role::Child),
    );
    site.say(
        "KOL",
        said(Stage::Dispatch, "2026-01-12T08:00:00Z")
            .part(&carton, Role::Subject)
            .document("desadv", "DA-7")
            .document("customer", "ACME"),
    );
    site.settle().await;
    let (committed, genealogy) = (crate::ingest::Committed::default(), site.genealogy());
    let wish = Wish { uid: steel.clone(), reason: "cracks".into(), ..Wish::default() };
    let office = (&committed, &genealogy);
    let looked = view::preview(&site.db.db, &site.cx(), &genealogy, &wish).await.unwrap();
    let held = holding::place(&site.db.db, &site.cx(), office, &wish, noon()).await.unwrap();
    let one = view::find(&site.db.db, &site.cx(), held.hold_id).await.unwrap();
    for states in [looked.states, one.states] {
        assert_eq!(states.iter().map(|state| state.units).sum::<i64>(), 2, "it and its carton: {states:?}");
        assert!(states.iter().all(|state| state.custody == "customer"), "{states:?}");
    }
    let listed = view::members(&site.db.db, &site.cx(), held.hold_id, false, None, 50).await.unwrap();
    let member = listed.members.iter().find(|member| member.uid == steel).unwrap();
    assert_eq!((member.custody, member.inside_of.as_deref()), ("customer", Some(carton.as_str())));
    assert_eq!((member.partner.as_str(), member.document.as_str()), ("ACME", "DA-7"));
}

#[tokio::test]
async fn what_is_too_much_for_one_hold_is_refused_with_a_way_out() {
    let site = Site::new().await;
    let id = Uuid::from_u128(9);
    site.sql(
        "insert into scopes (tenant_id, scope_id, name, criteria, members, through_batch) \
         values (app.tenant(), '00000000-0000-0000-0000-000000000009', 'wide', '{}', 100001, 0); \
         insert into scope_members (tenant_id, scope_id, key) \
         select app.tenant(), '00000000-0000-0000-0000-000000000009', n from generate_series(1, 100001) n",
    )
    .await;
    assert_eq!(site.ask("select count(*)::text from scope_members").await, (MAX_MEMBERS + 1).to_string());
    let wish = Wish { scope: Some(id), reason: "cracks".into(), ..Wish::default() };
    let genealogy = site.genealogy();
    let told = view::preview(&site.db.db, &site.cx(), &genealogy, &wish).await.unwrap_err();
    assert!(matches!(told, HoldingError::Hold(HoldError::TooMany)), "{told:?}");
    let committed = crate::ingest::Committed::default();
    let placed = holding::place(&site.db.db, &site.cx(), (&committed, &genealogy), &wish, noon()).await;
    assert!(matches!(placed, Err(HoldingError::Hold(HoldError::TooMany))));
    assert!(told.to_string().contains("recall"), "{told}");
    assert_eq!(site.ask("select count(*)::text from holds").await, "0");
}
