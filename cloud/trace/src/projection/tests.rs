//! Projections against a real database, fed through the ingest.

use chrono::{Duration, Utc};
use proto::v1::{Action, Role, Stage};

use super::worker::look_at_parked;
use super::{catch_up, step};
use crate::testing::{EXAMPLE, Say, Site, event, example, uid};

const STOCK: &str = "select plant || '/' || location || '=' || trim_scale(sum(quantity)) from stock_ledger \
     group by plant, location having sum(quantity) <> 0 order by 1";
const OPEN: &str = "select kind from exceptions where status = 'open' order by kind";

fn grn(own: &str, at: &str) -> proto::v1::Event {
    event(Stage::Grn, at).mint(own, Role::Subject, "BOLT").at("STORE")
}

#[tokio::test]
async fn receipts_move_stock_states_and_orders() {
    let mut site = Site::new().await;
    site.sql(
        "insert into orders (tenant_id, type, number, plant, partner) \
             values (app.tenant(), 'po', 'PO-2025-001', 'KOL', 'XYZ'); \
         insert into order_lines (tenant_id, type, number, line, item, quantity, unit) \
             values (app.tenant(), 'po', 'PO-2025-001', 1, 'STEEL-10', 500, 'kg')",
    )
    .await;
    example(&mut site);
    site.settle().await;
    assert_eq!(site.ask(STOCK).await, "KOL/Assembly-Line-1=100");
    assert_eq!(site.ask("select trim_scale(done)::text from order_lines").await, "100");
    assert_eq!(site.ask("select through_batch::text from projection_cursors").await, "1");
    // From the beginning again: nothing changes.
    let before = site
        .ask("select key || ':' || seq || ':' || ordinal || ':' || quantity from stock_ledger order by 1")
        .await;
    site.sql("update projection_cursors set through_batch = 0").await;
    site.project().await;
    let after = site
        .ask("select key || ':' || seq || ':' || ordinal || ':' || quantity from stock_ledger order by 1")
        .await;
    assert_eq!(before, after);
    assert_eq!(site.ask("select trim_scale(done)::text from order_lines").await, "100");
    // A correction takes the receipt back.
    let wrong = uid("KOL", "RM", 2);
    let id = site
        .say("KOL", grn(&wrong, "2025-01-19T08:00:00Z").quantity("7", "kg").document("po", "PO-2025-001"));
    site.settle().await;
    assert_eq!(site.ask(STOCK).await, "KOL/Assembly-Line-1=100 KOL/STORE=7");
    site.say("KOL", event(Stage::Correct, "2025-01-19T08:01:00Z").part(&wrong, Role::Subject).corrects(id));
    site.settle().await;
    assert_eq!(site.ask(STOCK).await, "KOL/Assembly-Line-1=100");
    assert_eq!(site.ask(OPEN).await, "");
    assert!(!site.ask("select quantity::text from stock_ledger where stage = 36").await.is_empty());
    let _ = EXAMPLE;
}

#[tokio::test]
async fn an_arrival_waits_for_its_departure() {
    let mut site = Site::new().await;
    let own = uid("KOL", "FG", 1);
    site.say("KOL", grn(&own, "2025-02-01T08:00:00Z"));
    site.send("KOL").await;
    site.say(
        "KOL",
        event(Stage::Transfer, "2025-02-01T09:00:00Z")
            .action(Action::Add)
            .part(&own, Role::Subject)
            .document("challan", "TR-1"),
    );
    site.say(
        "VSK",
        event(Stage::Transfer, "2025-02-02T09:00:00Z")
            .action(Action::Delete)
            .part(&own, Role::Subject)
            .document("challan", "TR-1")
            .at("DOCK"),
    );
    site.send("VSK").await;
    site.project().await;
    assert_eq!(site.ask("select waits_for from parked_events").await, "departure");
    // KOL is not connected: nobody can say that it did not send it.
    let later = Utc::now() + Duration::seconds(60);
    assert_eq!(look_at_parked(&site.db.db, site.tenant, later).await.unwrap(), 0);
    site.sql("update agents set last_seen_at = now() + interval '60 seconds', queued_events = 3").await;
    assert_eq!(look_at_parked(&site.db.db, site.tenant, later).await.unwrap(), 0);
    site.sql("update agents set queued_events = 0").await;
    assert_eq!(look_at_parked(&site.db.db, site.tenant, later).await.unwrap(), 1);
    assert_eq!(look_at_parked(&site.db.db, site.tenant, later).await.unwrap(), 0);
    assert_eq!(site.ask(OPEN).await, "transfer.arrival_without_departure");
    // The departure comes after all.
    site.settle().await;
    assert_eq!(site.ask("select waits_for from parked_events").await, "");
    assert_eq!(site.ask(OPEN).await, "");
    assert_eq!(site.ask("select from_plant || '>' || to_plant || ' ' || document from transfers where arrived_at is not null").await, "KOL>VSK TR-1");
    assert_eq!(site.ask(STOCK).await, "VSK/DOCK=1");
    assert_eq!(site.ask("select plant || ' ' || custody from uid_registry").await, "VSK 1");
}

#[tokio::test]
async fn a_use_waits_for_the_birth() {
    let mut site = Site::new().await;
    let (own, ordered) = (uid("KOL", "FG", 1), uid("KOL", "RM", 9));
    site.say("KOL", grn(&own, "2025-02-01T08:00:00Z"));
    site.say("VSK", event(Stage::Storage, "2025-02-02T09:00:00Z").part(&own, Role::Subject).at("DOCK"));
    // What is only ordered is not born yet, and nothing is wrong.
    site.say("VSK", event(Stage::Procurement, "2025-02-02T09:00:00Z").part(&ordered, Role::Subject));
    site.send("VSK").await;
    site.project().await;
    assert_eq!(site.ask("select waits_for from parked_events").await, "birth");
    let later = Utc::now() + Duration::seconds(60);
    assert_eq!(look_at_parked(&site.db.db, site.tenant, later).await.unwrap(), 0);
    site.sql("update agents set last_seen_at = now() + interval '60 seconds', queued_events = 0").await;
    assert_eq!(look_at_parked(&site.db.db, site.tenant, later).await.unwrap(), 1);
    assert_eq!(look_at_parked(&site.db.db, site.tenant, later).await.unwrap(), 0);
    assert_eq!(site.ask(OPEN).await, "uid.never_born");
    // The birth comes after all.
    site.settle().await;
    assert_eq!(site.ask("select waits_for from parked_events").await, "");
    assert_eq!(site.ask(OPEN).await, "");
    assert_eq!(site.ask("select resolved_by from exceptions").await, "system");
}

#[tokio::test]
async fn a_scan_that_came_late_is_told_with_its_session() {
    let mut site = Site::new().await;
    let own = uid("KOL", "FG", 1);
    site.say("KOL", grn(&own, "2025-02-01T08:00:00Z"));
    for (reason, operator) in [("late.no-session", ""), ("late.taken", "op-1"), ("label.held", "op-1")] {
        let mut scan = event(Stage::Refused, "2025-02-01T09:00:00Z").part(&own, Role::Subject);
        scan.reason = reason.into();
        scan.operator_id = operator.into();
        site.say("KOL", scan);
    }
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "scan.late scan.late");
    let told = "select concat_ws('/', detail->>'reason', detail->'session'->>'operator', detail->>'claimed_at') \
                from exceptions where key is not null order by seq";
    let told = site.ask(told).await;
    assert_eq!(told, "late.no-session/2025-02-01T09:00:00Z late.taken/op-1/2025-02-01T09:00:00Z");
}

#[tokio::test]
async fn a_package_told_late_still_moves_what_has_left_it() {
    let mut site = Site::new().await;
    let (own, pallet) = (uid("KOL", "FG", 1), uid("KOL", "PK", 1));
    let pack = |action, at: &str| {
        event(Stage::Packing, at).action(action).part(&pallet, Role::Parent).part(&own, Role::Child)
    };
    let transfer = |action, at: &str| event(Stage::Transfer, at).action(action).part(&pallet, Role::Subject);
    site.say("KOL", grn(&own, "2025-02-01T08:00:00Z"));
    site.say("KOL", event(Stage::Commission, "2025-02-01T08:00:00Z").mint(&pallet, Role::Subject, ""));
    site.say("KOL", pack(Action::Add, "2025-02-01T08:30:00Z").at("STORE"));
    site.send("KOL").await;
    site.project().await;
    site.say("VSK", transfer(Action::Delete, "2025-02-02T09:00:00Z").at("DOCK"));
    site.say("VSK", pack(Action::Delete, "2025-02-02T10:00:00Z").at("RACK"));
    site.send("VSK").await;
    site.project().await;
    site.say("KOL", transfer(Action::Add, "2025-02-01T09:00:00Z"));
    site.settle().await;
    assert_eq!(site.ask(STOCK).await, "VSK/RACK=1");
    assert_eq!(
        site.ask("select quantity::text from stock_ledger where plant = 'KOL' order by seq").await,
        "1.000000 -1.000000"
    );
    assert_eq!(site.ask(OPEN).await, "");
}

#[tokio::test]
async fn what_is_in_a_package_goes_where_it_goes() {
    let mut site = Site::new().await;
    let (own, pallet) = (uid("KOL", "FG", 1), uid("KOL", "PK", 1));
    site.say("KOL", grn(&own, "2025-02-01T08:00:00Z"));
    site.say("KOL", event(Stage::Commission, "2025-02-01T08:00:00Z").mint(&pallet, Role::Subject, ""));
    site.say(
        "KOL",
        event(Stage::Packing, "2025-02-01T08:30:00Z")
            .action(Action::Add)
            .part(&pallet, Role::Parent)
            .part(&own, Role::Child),
    );
    site.settle().await;
    site.say("KOL", event(Stage::Storage, "2025-02-01T09:00:00Z").part(&pallet, Role::Subject).at("YARD"));
    site.settle().await;
    assert_eq!(site.ask(STOCK).await, "KOL/YARD=1");
    assert_eq!(site.ask("select location || custody from uid_registry order by key").await, "YARD2 YARD1");
}

#[tokio::test]
async fn a_part_used_at_two_agents_is_an_exception_with_both_sides() {
    let mut site = Site::new().await;
    let (own, one, two) = (uid("KOL", "SP", 1), uid("KOL", "FG", 1), uid("VSK", "FG", 1));
    site.say("KOL", grn(&own, "2025-02-01T08:00:00Z"));
    let build = |whole: &str, at: &str| {
        event(Stage::Assembly, at)
            .action(Action::Add)
            .mint(whole, Role::Parent, "MOTOR")
            .part(&own, Role::Child)
    };
    let first = site.say("KOL", build(&one, "2025-02-01T09:00:00Z"));
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "");
    let second = site.say("VSK", build(&two, "2025-02-01T10:00:00Z"));
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "uid.consumed_twice");
    let detail = site.ask("select detail::text from exceptions").await;
    assert!(detail.contains(&first.to_string()) && detail.contains(&second.to_string()), "{detail}");
    // One of them was a mistake: nothing disagrees any more.
    site.say("VSK", event(Stage::Correct, "2025-02-01T10:05:00Z").part(&own, Role::Subject).corrects(second));
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "");
    assert_eq!(site.ask("select resolved_by from exceptions").await, "system");
}

#[tokio::test]
async fn what_cannot_be_written_stops_nothing_else() {
    let mut site = Site::new().await;
    let (bad, good) = (uid("KOL", "RM", 1), uid("KOL", "RM", 2));
    site.say("KOL", grn(&bad, "2025-02-01T08:00:00Z").quantity("999999999999", "kg"));
    for _ in 0..2 {
        // Twice as much as a column holds.
        site.say(
            "KOL",
            event(Stage::Adjust, "2025-02-01T09:00:00Z")
                .action(Action::Add)
                .part(&bad, Role::Subject)
                .quantity("999999999999", "kg"),
        );
    }
    site.say("KOL", grn(&good, "2025-02-01T10:00:00Z"));
    site.say("KOL", event(Stage::Scrap, "2025-02-01T11:00:00Z").part(&good, Role::Subject));
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "projection.failed");
    assert_eq!(site.ask("select life::text from uid_registry order by key desc limit 1").await, "4");
    assert_eq!(site.ask("select through_batch::text from projection_cursors").await, "1");
}

#[tokio::test]
async fn two_workers_apply_a_batch_once() {
    let mut site = Site::new().await;
    for number in 1..=40 {
        site.say("KOL", grn(&uid("KOL", "RM", number), "2025-02-01T08:00:00Z"));
        site.send("KOL").await;
    }
    let (one, two) = tokio::join!(catch_up(&site.db.db, site.tenant), catch_up(&site.db.db, site.tenant));
    let rest = catch_up(&site.db.db, site.tenant).await.unwrap();
    assert_eq!(one.unwrap() + two.unwrap() + rest, 40);
    assert_eq!(step(&site.db.db, site.tenant).await.unwrap(), 0);
    assert_eq!(site.ask(STOCK).await, "KOL/STORE=40");
}

#[tokio::test]
async fn a_split_keeps_the_quality_of_its_source() {
    let mut site = Site::new().await;
    let [coil, bag, small] = [1, 2, 3].map(|number| uid("KOL", "RM", number));
    let lot = uuid::Uuid::from_u128(7).as_bytes().to_vec();
    let mut received = grn(&coil, "2025-02-01T08:00:00Z").quantity("10", "kg");
    received.subjects[0].lot_id = lot.clone();
    site.say("KOL", received);
    site.say(
        "KOL",
        event(Stage::Inspection, "2025-02-01T08:10:00Z").action(Action::Add).part(&coil, Role::Subject),
    );
    let split = |from: &str, to: &str, at: &str| {
        let mut event = event(Stage::Transformation, at)
            .part(from, Role::Input)
            .quantity("2", "kg")
            .mint(to, Role::Output, "BOLT")
            .quantity("2", "kg");
        event.subjects[1].lot_id = lot.clone();
        event.at("STORE")
    };
    site.say("KOL", split(&coil, &bag, "2025-02-01T09:00:00Z"));
    site.settle().await;
    site.say("KOL", split(&bag, &small, "2025-02-01T10:00:00Z"));
    let passed = event(Stage::Inspection, "2025-02-01T11:00:00Z").part(&coil, Role::Subject);
    site.say("KOL", passed.result(proto::v1::Outcome::Passed));
    site.settle().await;
    assert_eq!(
        site.ask(
            "select quality || '/' || life || '/' || trim_scale(quantity) from uid_registry order by key"
        )
        .await,
        "1/2/8 2/3/0 2/2/2"
    );
    assert_eq!(site.ask(STOCK).await, "KOL/STORE=10");
}
