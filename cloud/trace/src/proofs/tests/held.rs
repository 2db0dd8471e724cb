//! Holds as rows, and who is under them.

use super::*;
use crate::genealogy::Genealogy;
use crate::holds::{self, Scope as Held, follow};
use crate::ingest::Committed;
use crate::testing::key;
use proto::v1::Action;
use uuid::Uuid;

const LOT: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0042);

async fn placed(site: &Site, scope: Held) -> Uuid {
    let placed = site
        .db
        .db
        .tx(&site.cx(), async |tx| holds::place(tx, &Genealogy::default(), &scope, "cracks", now()).await)
        .await;
    placed.unwrap().hold_id
}

async fn released(site: &Site, hold: Uuid) {
    site.db.db.tx(&site.cx(), async |tx| holds::release(tx, hold, "looked at", now()).await).await.unwrap();
}

async fn followed(site: &Site) {
    site.project().await;
    follow::catch_up(&site.db.db, &Committed::default(), &Genealogy::default(), site.tenant).await.unwrap();
    site.project().await;
}

fn of_lot(n: u64, at: &str) -> Event {
    let mut born = event(Stage::Commission, at).mint(&uid("KOL", "RM", n), Role::Subject, "BOLT");
    born = born.quantity("1", "pcs");
    born.lots.push(proto::v1::Lot {
        lot_id: LOT.as_bytes().to_vec(),
        item: "BOLT".into(),
        supplier: "XYZ".into(),
        supplier_lot: "HEAT-42".into(),
        ..Default::default()
    });
    born.subjects[0].lot_id = LOT.as_bytes().to_vec();
    born
}

/// A held lot with a label that was born later; a held unit whose box was let go and held
/// again; one that was released; a hold of a plant with a box around, released and held again.
/// Answers the hold of the lot and that of the unit.
async fn world(site: &mut Site) -> (Uuid, Uuid) {
    let bolt = |n: u64| uid("KOL", "RM", n);
    for n in 1..=4 {
        site.say("KOL", of_lot(n, "2025-02-01T08:00:00Z"));
    }
    for n in 10..=14 {
        let born = event(Stage::Commission, "2025-02-01T08:00:00Z").mint(&bolt(n), Role::Subject, "NUT");
        site.say("KOL", born.quantity("1", "pcs"));
    }
    site.settle().await;
    let lot = placed(site, Held::Lot { lot: LOT, descendants: true, deliveries: false }).await;
    let unit = placed(site, Held::Label { key: key(&bolt(10)), descendants: false }).await;
    let over = placed(site, Held::Label { key: key(&bolt(11)), descendants: false }).await;
    released(site, over).await;
    let (boxed, other) = (uid("KOL", "PK", 1), uid("KOL", "PK", 2));
    let pack = |which: &str, what: u64, action: Action, at: &str| {
        event(Stage::Packing, at).action(action).part(which, Role::Parent).part(&bolt(what), Role::Child)
    };
    for which in [&boxed, &other] {
        site.say("KOL", event(Stage::Commission, "2025-03-01T08:00:00Z").mint(which, Role::Subject, "BOX"));
    }
    site.say("KOL", pack(&boxed, 10, Action::Add, "2025-03-01T09:00:00Z"));
    site.say("KOL", of_lot(5, "2025-03-01T09:00:00Z"));
    let hold = site.say("KOL", event(Stage::Hold, "2025-03-01T09:00:00Z").part(&bolt(12), Role::Subject));
    site.say("KOL", pack(&other, 12, Action::Add, "2025-03-01T10:00:00Z"));
    site.settle().await;
    followed(site).await;
    site.say("KOL", pack(&boxed, 10, Action::Delete, "2025-03-02T09:00:00Z"));
    let free = site.say("KOL", event(Stage::Release, "2025-03-02T09:00:00Z").part(&bolt(12), Role::Subject));
    site.settle().await;
    followed(site).await;
    assert_eq!(site.ask("select count(*)::text from hold_members where left_at is not null").await, "1");
    assert_eq!(altered_in(&site.db.db, site.tenant).await, "", "with a box that was let go");
    site.say("KOL", pack(&boxed, 10, Action::Add, "2025-03-03T09:00:00Z"));
    site.say("KOL", event(Stage::Correct, "2025-03-03T09:00:00Z").corrects(free));
    site.settle().await;
    followed(site).await;
    assert_ne!(hold, Uuid::nil());
    (lot, unit)
}

/// Another round of the check: the world has had its first.
async fn checked_later(site: &Site) {
    let later = now() + TimeDelta::hours(7);
    while check::step_and_tell(&site.db.db, site.tenant, later).await.unwrap().more {}
}

const TOLD: &str = "select coalesce(key % 100000000000, 0) || ':' || (d->>'column') || ':' ||
                        coalesce(d->>'stored', '-') || '>' || coalesce(d->>'said', '-')
                    from exceptions x cross join lateral jsonb_array_elements(x.detail->'differs') d
                    where kind = 'proof.altered' order by 1";

#[tokio::test]
async fn holds_that_grew_were_let_go_and_released_are_no_finding() {
    let mut site = Site::new().await;
    world(&mut site).await;
    checked_later(&site).await;
    assert_eq!(site.ask(TOLD).await, "");
}

#[tokio::test]
async fn who_was_taken_out_of_a_hold_or_put_into_one_is_found() {
    let mut site = Site::new().await;
    let (lot, unit) = world(&mut site).await;
    as_owner(
        &site,
        "delete from hold_members where key % 100000000000 = 5;
         delete from hold_members where cause = 'inside' and key % 100000000000 = 1;
         insert into hold_members (tenant_id, hold_id, key)
             select h.tenant_id, h.hold_id, r.key from holds h, uid_registry r
             where h.lot_id is not null and r.key % 100000000000 = 14;",
    )
    .await;
    checked_later(&site).await;
    let told = site.ask(TOLD).await;
    for one in [
        format!("5:holds[{lot}]:->placed"),
        format!("1:holds[{unit}]:->placed"),
        format!("14:holds[{lot}]:placed>-"),
    ] {
        assert!(told.contains(&one), "{one} is not in {told}");
    }
    assert_eq!(told.split(' ').count(), 3, "{told}");
}

#[tokio::test]
async fn a_hold_of_a_lot_that_is_one_no_more_is_found_and_so_is_one_that_nobody_placed() {
    let mut site = Site::new().await;
    let (lot, unit) = world(&mut site).await;
    // One without any label.
    let empty = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0043);
    site.sql(
        "insert into lots (tenant_id, lot_id, item, supplier, supplier_lot, owner)
         values (app.tenant(), '01900000-0000-7000-8000-000000000043', 'BOLT', 'XYZ', 'HEAT-43', '')",
    )
    .await;
    let none = placed(&site, Held::Lot { lot: empty, descendants: false, deliveries: false }).await;
    followed(&site).await;
    as_owner(
        &site,
        "update holds set lot_id = null where members = 0;
         update holds set lot_id = '01900000-0000-7000-8000-000000000043'
             where lot_id = '01900000-0000-7000-8000-000000000042';
         insert into holds (tenant_id, hold_id, reason, scope, lot_id, descendants)
             select tenant_id, '01900000-0000-7000-8000-000000000099', 'x', '{}', lot_id, true from holds
             where lot_id is not null;",
    )
    .await;
    checked_later(&site).await;
    let told = site.ask(TOLD).await;
    let forged = "01900000-0000-7000-8000-000000000099";
    let all = format!("0:holds.lot_id:->{empty} 0:holds.lot_id:{empty}>{LOT} 0:holds:{forged}>-");
    assert_eq!(told, all);
    let named = "select string_agg(detail->'hold'->>'hold_id', ' ' order by detail->'hold'->>'hold_id')
                 from exceptions where kind = 'proof.altered'";
    let named = site.ask(named).await;
    assert!(named.contains(&lot.to_string()) && named.contains(&none.to_string()), "{named}");
    assert!(!named.contains(&unit.to_string()), "{named}");
}

#[tokio::test]
async fn a_hold_that_was_released_behind_the_back_is_found() {
    let mut site = Site::new().await;
    let empty = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0043);
    example(&mut site);
    site.settle().await;
    site.sql(
        "insert into lots (tenant_id, lot_id, item, supplier, supplier_lot, owner)
         values (app.tenant(), '01900000-0000-7000-8000-000000000043', 'BOLT', 'XYZ', 'HEAT-43', '')",
    )
    .await;
    placed(&site, Held::Lot { lot: empty, descendants: false, deliveries: false }).await;
    followed(&site).await;
    assert_eq!(altered_in(&site.db.db, site.tenant).await, "");
    as_owner(&site, "update holds set status = 'released', released_at = now(), released_by = 'user:x'")
        .await;
    while check::step_and_tell(&site.db.db, site.tenant, now() + TimeDelta::hours(7)).await.unwrap().more {}
    assert_eq!(site.ask(TOLD).await, "0:holds.status:released>placed");
}

#[tokio::test]
async fn an_altered_event_is_one_finding_whatever_follows_from_it() {
    let mut site = Site::new().await;
    world(&mut site).await;
    // Who was minted there is another unit now, and what stands follows from what was.
    as_owner(
        &site,
        "update lifecycle_events set stage = 21 where plant = 'KOL' and seq = 5;
         update event_subjects set quantity = 7 where seq = 6 and mint;",
    )
    .await;
    checked_later(&site).await;
    let told = "select detail->>'what' from exceptions where kind = 'proof.altered' order by 1";
    assert_eq!(site.ask(told).await, "columns columns");
    // The UID's own row besides: told once the event is right again.
    as_owner(
        &site,
        "update event_subjects set quantity = 1 where seq = 6 and mint;
         update uid_registry set owner = 'ACME' where key % 100000000000 = 13;",
    )
    .await;
    while check::step_and_tell(&site.db.db, site.tenant, now() + TimeDelta::hours(14)).await.unwrap().more {}
    let uids =
        "select key % 100000000000 || (detail->>'columns') from exceptions where detail->>'what' = 'uid'";
    assert_eq!(site.ask(uids).await, "13[\"uid_registry.owner\"]");
}
