//! Projections against a real database, fed through the ingest.

use chrono::{Duration, Utc};
use proto::v1::{Action, Role, Stage};
use sqlx::{ConnectOptions, Connection};

use super::worker::look_at_parked;
use super::{catch_up, step};
use crate::testing::{EXAMPLE, Say, Site, event, example, uid};

const STOCK: &str = "select plant || '/' || location || '=' || trim_scale(sum(quantity)) from stock_ledger \
     group by plant, location having sum(quantity) <> 0 order by 1";
const OPEN: &str = "select kind from exceptions where status = 'open' order by kind";

fn grn(own: &str, at: &str) -> proto::v1::Event {
    event(Stage::Grn, at).mint(own, Role::Subject, "BOLT").at("STORE")
}

platform::in_every_placement! {
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
    // A correction takes the receipt back, and a correction of it gives it again.
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

#[tokio::test]
async fn an_order_that_cannot_be_counted_stops_nothing_else() {
    let mut site = Site::new().await;
    site.sql(
        "insert into orders (tenant_id, type, number, plant) values \
             (app.tenant(), 'po', 'PO-1', 'KOL'), (app.tenant(), 'po', 'PO-2', 'KOL'); \
         insert into order_lines (tenant_id, type, number, line, item, quantity, unit) values \
             (app.tenant(), 'po', 'PO-1', 1, 'BOLT', 500, 'kg'), (app.tenant(), 'po', 'PO-2', 1, 'BOLT', 500, 'kg')",
    )
    .await;
    let receipt = |number, order: &str, quantity: &str| {
        grn(&uid("KOL", "RM", number), "2025-02-01T08:00:00Z").quantity(quantity, "kg").document("po", order)
    };
    site.say("KOL", receipt(1, "PO-1", "885909950805"));
    let second = site.say("KOL", receipt(2, "PO-1", "885909950805"));
    site.say("KOL", receipt(3, "PO-2", "7"));
    site.settle().await;
    const FAILED: &str = "select kind || ' ' || document from exceptions where status = 'open'";
    assert_eq!(site.ask(FAILED).await, "projection.failed PO-1");
    assert_eq!(site.ask("select trim_scale(done)::text from order_lines order by number").await, "0 7");
    assert_eq!(site.ask("select count(*)::text from uid_registry where quantity > 1").await, "3");
    assert_eq!(site.ask("select through_batch::text from projection_cursors").await, "1");
    // It fails again, and is told once; then it can be counted.
    site.say("KOL", receipt(4, "PO-1", "1"));
    site.settle().await;
    assert_eq!(site.ask("select count(*)::text from exceptions").await, "1");
    site.say("KOL", event(Stage::Correct, "2025-02-01T09:00:00Z").corrects(second));
    site.settle().await;
    assert_eq!(site.ask(FAILED).await, "");
    assert_eq!(
        site.ask("select trim_scale(done)::text from order_lines where number = 'PO-1'").await,
        "885909950806"
    );
}

#[tokio::test]
async fn a_label_that_can_be_written_again_is_no_exception_any_more() {
    let mut site = Site::new().await;
    let own = uid("KOL", "RM", 1);
    site.say("KOL", grn(&own, "2025-02-01T08:00:00Z").quantity("999999999999", "kg"));
    let more = event(Stage::Adjust, "2025-02-01T09:00:00Z").action(Action::Add).part(&own, Role::Subject);
    let id = site.say("KOL", more.quantity("999999999999", "kg"));
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "projection.failed");
    site.say("KOL", event(Stage::Correct, "2025-02-01T10:00:00Z").corrects(id));
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "");
    assert_eq!(site.ask("select resolved_by from exceptions").await, "system");
}

#[tokio::test]
async fn a_passing_trouble_makes_no_lasting_exception() {
    let mut site = Site::new().await;
    site.say("KOL", grn(&uid("KOL", "RM", 1), "2025-02-01T08:00:00Z"));
    site.send("KOL").await;
    let mut owner = site.db.owner_of(site.tenant).await.connect().await.unwrap();
    sqlx::raw_sql(
        "create function crossed() returns trigger language plpgsql as $$ begin \
             raise exception 'crossed' using errcode = 'deadlock_detected'; end $$; \
         create trigger crossed before update on uid_registry for each row execute function crossed()",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let tried: Result<usize, super::ProjectionError> =
        site.db.db.tx(&site.cx(), async |tx| super::step_in(tx, 1, true).await).await;
    assert!(tried.is_err());
    assert_eq!(site.ask("select kind from exceptions").await, "");
    sqlx::raw_sql("drop trigger crossed on uid_registry").execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
    site.project().await;
    assert_eq!(site.ask(STOCK).await, "KOL/STORE=1");
}

#[tokio::test]
async fn a_hold_of_a_plant_is_a_hold_everywhere() {
    let mut site = Site::new().await;
    let own = uid("KOL", "FG", 1);
    let transfer = |action, at: &str| event(Stage::Transfer, at).action(action).part(&own, Role::Subject);
    site.say("KOL", grn(&own, "2025-02-01T08:00:00Z"));
    site.say("KOL", transfer(Action::Add, "2025-02-01T09:00:00Z"));
    site.say("VSK", transfer(Action::Delete, "2025-02-01T10:00:00Z").at("DOCK"));
    site.settle().await;
    let mut placed = event(Stage::Hold, "2025-02-01T11:00:00Z").part(&own, Role::Subject);
    placed.reason = "CRACK".into();
    placed.operator_id = "op-7".into();
    let hold = site.say("KOL", placed);
    site.settle().await;
    const TOLD: &str = "select concat_ws(' ', id, body->>'reason', body->'keys', plant, deleted) \
                        from reference_rows where kind = 'hold'";
    let key = crate::testing::key(&own);
    assert_eq!(site.ask(TOLD).await, format!("{hold} CRACK [{key}]  f"));
    let trace = |site: &Site| {
        let (db, cx, own) = (site.db.db.clone(), site.cx(), own.clone());
        async move { crate::explore::service::trace(&db, &cx, &own, Utc::now()).await.unwrap() }
    };
    let holds = trace(&site).await.state.holds;
    assert_eq!((holds.len(), holds[0].hold_id, holds[0].reason.as_str()), (1, hold, "CRACK"));
    // Used at the other plant after that.
    site.say("VSK", event(Stage::IssueToProduction, "2025-02-01T12:00:00Z").part(&own, Role::Subject));
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "uid.used_while_held");
    const ROW: &str = "select concat_ws(' ', hold_id, status, placed_by, released_by, members) from holds";
    assert_eq!(site.ask(ROW).await, format!("{hold} placed op-7 1"));

    // Released, the release taken back, and that again; then the hold itself.
    let release = site.say("KOL", event(Stage::Release, "2025-02-01T13:00:00Z").part(&own, Role::Subject));
    site.settle().await;
    assert!(site.ask(TOLD).await.ends_with(" t"));
    assert!(trace(&site).await.state.holds.is_empty());
    let back = site.say("KOL", event(Stage::Correct, "2025-02-01T13:01:00Z").corrects(release));
    site.settle().await;
    assert_eq!(trace(&site).await.state.holds.len(), 1);
    assert!(site.ask(TOLD).await.ends_with(" f"));
    site.say("KOL", event(Stage::Correct, "2025-02-01T13:02:00Z").corrects(back));
    site.settle().await;
    assert!(trace(&site).await.state.holds.is_empty());
    assert_eq!(site.ask(OPEN).await, "uid.used_while_held");
    site.say("KOL", event(Stage::Correct, "2025-02-01T13:03:00Z").corrects(hold));
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "");
    let before = site.ask(ROW).await;
    site.sql("update projection_cursors set through_batch = 0").await;
    site.project().await;
    assert_eq!(site.ask(ROW).await, before);
}

#[tokio::test]
async fn the_office_releases_what_a_plant_holds() {
    let mut site = Site::new().await;
    let own = uid("KOL", "FG", 1);
    site.say("KOL", grn(&own, "2025-02-01T08:00:00Z"));
    let hold = site.say("KOL", event(Stage::Hold, "2025-02-01T11:00:00Z").part(&own, Role::Subject));
    site.settle().await;
    let done =
        site.db.db.tx(&site.cx(), async |tx| crate::holds::release(tx, hold, "", Utc::now()).await).await;
    assert_eq!(done.unwrap().members, 1);
    site.project().await;
    assert_eq!(site.ask("select status || ' ' || released_by from holds").await, "released user:test");
    assert_eq!(site.ask("select deleted::text from reference_rows where kind = 'hold'").await, "true");
}

/// All orders in which the facts of two agents may arrive, each agent's in its own.
fn interleavings(first: usize, second: usize) -> Vec<Vec<usize>> {
    if first == 0 || second == 0 {
        return vec![[vec![0; first], vec![1; second]].concat()];
    }
    let mut all = Vec::new();
    for (who, rest) in [(0, interleavings(first - 1, second)), (1, interleavings(first, second - 1))] {
        all.extend(rest.into_iter().map(|tail| [vec![who], tail].concat()));
    }
    all
}

#[tokio::test]
async fn quality_after_a_split_does_not_depend_on_arrival() {
    let [coil, bag, small] = [1, 2, 3].map(|number| uid("KOL", "RM", number));
    let lot = uuid::Uuid::from_u128(7).as_bytes().to_vec();
    let split = |from: &str, to: &str, at: &str| {
        let mut event = event(Stage::Transformation, at)
            .part(from, Role::Input)
            .quantity("2", "kg")
            .mint(to, Role::Output, "BOLT")
            .quantity("2", "kg");
        event.subjects[1].lot_id = lot.clone();
        event
    };
    let inspect = |at: &str, action, outcome| {
        event(Stage::Inspection, at).action(action).part(&coil, Role::Subject).result(outcome)
    };
    use proto::v1::Outcome::{Failed, Passed, Unspecified};
    let born = || {
        let mut event = grn(&coil, "2025-02-01T08:00:00Z").quantity("10", "kg");
        event.subjects[0].lot_id = lot.clone();
        event
    };
    // What each of two agents tells; the correction names the fact at that place.
    type Told = Vec<(proto::v1::Event, Option<usize>)>;
    let stories: Vec<[Told; 2]> = vec![
        // Waits for inspection, split, split again; the inspection never was.
        [
            vec![
                (born(), None),
                (inspect("2025-02-01T08:10:00Z", Action::Add, Unspecified), None),
                (event(Stage::Correct, "2025-02-01T12:00:00Z"), Some(1)),
            ],
            vec![
                (split(&coil, &bag, "2025-02-01T09:00:00Z"), None),
                (split(&bag, &small, "2025-02-01T10:00:00Z"), None),
            ],
        ],
        // Split before the earlier verdict has come.
        [
            vec![(born(), None), (inspect("2025-02-01T08:10:00Z", Action::Unspecified, Failed), None)],
            vec![
                (split(&coil, &bag, "2025-02-01T09:00:00Z"), None),
                (split(&bag, &small, "2025-02-01T10:00:00Z"), None),
            ],
        ],
        // Two verdicts, with the splits around them.
        [
            vec![
                (born(), None),
                (inspect("2025-02-01T08:10:00Z", Action::Unspecified, Failed), None),
                (inspect("2025-02-01T09:30:00Z", Action::Unspecified, Passed), None),
            ],
            vec![
                (split(&coil, &bag, "2025-02-01T09:00:00Z"), None),
                (split(&coil, &small, "2025-02-01T10:00:00Z"), None),
            ],
        ],
    ];
    const SNAPSHOT: &str =
        "select concat_ws('/', key, quality, life, trim_scale(quantity)) from uid_registry order by key";
    let mut database = Some(Site::new().await.db);
    let mut tenants = 0;
    for story in stories {
        let mut expected: Option<String> = None;
        for order in interleavings(story[0].len(), story[1].len()) {
            tenants += 1;
            let mut site = Site::of(database.take().unwrap(), &format!("T{tenants:03}")).await;
            let mut told = [Vec::new(), Vec::new()];
            for &who in &order {
                let (mut fact, corrects) = story[who][told[who].len()].clone();
                if let Some(at) = corrects {
                    let target: uuid::Uuid = told[who][at];
                    fact = fact.corrects(target);
                }
                let agent = ["KOL", "VSK"][who];
                told[who].push(site.say(agent, fact));
                site.send(agent).await;
                site.project().await;
            }
            let state = site.ask(SNAPSHOT).await;
            site.sql("update projection_cursors set through_batch = 0").await;
            site.project().await;
            assert_eq!(state, site.ask(SNAPSHOT).await, "from the beginning: {order:?}");
            assert_eq!(&state, expected.get_or_insert_with(|| state.clone()), "{order:?}");
            database = Some(site.db);
        }
    }
}

const ORDER: &str = "select concat_ws(' ', o.status, trim_scale(o.done), trim_scale(l.done), \
     (select bool_and(deleted) from reference_rows r where r.kind = 'order' and r.id like o.type || '/%')) \
     from orders o left join order_lines l using (tenant_id, type, number) where o.status <> 'cancelled'";

async fn ordered(site: &Site, sql: &'static str) {
    site.sql(sql).await;
    site.sql(
        "insert into reference_rows (tenant_id, kind, id, plant, version, body) \
         select app.tenant(), 'order', type || '/' || number || '@' || plant, plant, row_number() over (), '{}' from orders",
    )
    .await;
    site.sql("update tenant_counters set reference_version = 10").await;
}

#[tokio::test]
async fn a_production_order_is_done_when_all_of_it_is_made() {
    let mut site = Site::new().await;
    ordered(
        &site,
        "insert into orders (tenant_id, type, number, plant, item, quantity) values \
             (app.tenant(), 'prodorder', 'WO-1', 'KOL', 'MOTOR', 2)",
    )
    .await;
    let make = |number, at: &str| {
        event(Stage::Assembly, at)
            .action(Action::Add)
            .mint(&uid("KOL", "FG", number), Role::Parent, "MOTOR")
            .document("prodorder", "WO-1")
    };
    site.say("KOL", make(1, "2025-02-01T08:00:00Z"));
    site.settle().await;
    assert_eq!(site.ask(ORDER).await, "open 1 f");
    let wrong = site.say("KOL", make(2, "2025-02-01T09:00:00Z"));
    site.settle().await;
    assert_eq!(site.ask(ORDER).await, "done 2 t");
    site.say("KOL", event(Stage::Correct, "2025-02-01T09:01:00Z").corrects(wrong));
    site.settle().await;
    assert_eq!(site.ask(ORDER).await, "open 1 f");
    // Made by splitting: the same motors under other labels.
    let split = event(Stage::Transformation, "2025-02-01T10:00:00Z")
        .part(&uid("KOL", "FG", 1), Role::Input)
        .mint(&uid("KOL", "FG", 3), Role::Output, "MOTOR")
        .document("prodorder", "WO-1");
    site.say("KOL", split);
    site.settle().await;
    assert_eq!(site.ask(ORDER).await, "open 1 f");
}

#[tokio::test]
async fn a_transfer_order_counts_what_arrived_and_a_sales_order_what_was_sent() {
    let mut site = Site::new().await;
    ordered(
        &site,
        "insert into orders (tenant_id, type, number, plant, partner) values \
             (app.tenant(), 'transfer', 'ST-1', 'KOL', 'VSK'); \
         insert into order_lines (tenant_id, type, number, line, item, quantity, unit) values \
             (app.tenant(), 'transfer', 'ST-1', 1, 'BOLT', 1, 'pcs')",
    )
    .await;
    let (own, package) = (uid("KOL", "FG", 1), uid("KOL", "PK", 1));
    site.say("KOL", grn(&own, "2025-02-01T08:00:00Z"));
    site.say("KOL", event(Stage::Commission, "2025-02-01T08:00:00Z").mint(&package, Role::Subject, ""));
    let pack = event(Stage::Packing, "2025-02-01T08:30:00Z").action(Action::Add);
    site.say("KOL", pack.part(&package, Role::Parent).part(&own, Role::Child));
    let out = event(Stage::Transfer, "2025-02-01T09:00:00Z").action(Action::Add).document("transfer", "ST-1");
    site.say("KOL", out.part(&package, Role::Subject).part(&own, Role::Child));
    site.settle().await;
    assert_eq!(site.ask(ORDER).await, "open 0 0 f");
    // The other plant knows of the package alone, and names no order.
    let arrived = event(Stage::Transfer, "2025-02-01T10:00:00Z").action(Action::Delete);
    site.say("VSK", arrived.part(&package, Role::Subject).at("DOCK"));
    site.settle().await;
    assert_eq!(site.ask(ORDER).await, "done 0 1 t");

    site.sql("update orders set status = 'cancelled'").await;
    site.sql(
        "insert into orders (tenant_id, type, number, plant) values (app.tenant(), 'so', 'SO-1', 'VSK'); \
         insert into order_lines (tenant_id, type, number, line, item, quantity, unit) values \
             (app.tenant(), 'so', 'SO-1', 1, 'BOLT', 1, 'pcs')",
    )
    .await;
    let sent = event(Stage::Dispatch, "2025-02-01T11:00:00Z").document("so", "SO-1");
    site.say("VSK", sent.part(&package, Role::Subject).part(&own, Role::Child));
    site.settle().await;
    assert_eq!(site.ask(ORDER).await, "done 0 1");
    assert_eq!(site.ask(OPEN).await, "");
    assert_eq!(site.ask("select status from orders where type = 'transfer'").await, "cancelled");
}

#[tokio::test]
async fn content_follows_the_rack_in_which_it_was_and_no_other_of_its_ways() {
    let mut site = Site::new().await;
    let rack = uid("KOL", "BN", 1);
    site.say("KOL", event(Stage::Commission, "2025-01-01T08:00:00Z").mint(&rack, Role::Subject, ""));
    // A month of the rack before and after, and a truck that it stands on.
    let truck = uid("KOL", "BN", 2);
    site.say("KOL", event(Stage::Commission, "2025-01-01T08:00:00Z").mint(&truck, Role::Subject, ""));
    let load = event(Stage::Packing, "2025-01-01T09:00:00Z").action(Action::Add);
    site.say("KOL", load.part(&truck, Role::Parent).part(&rack, Role::Child));
    let own = uid("KOL", "FG", 1);
    for day in 1..=28 {
        let at = |hour: &str| format!("2025-02-{day:02}T{hour}:00:00Z");
        if day == 14 {
            site.say("KOL", grn(&own, &at("07")));
            let pack = event(Stage::Packing, &at("08")).action(Action::Add);
            site.say("KOL", pack.part(&rack, Role::Parent).part(&own, Role::Child));
        }
        site.say(
            "KOL",
            event(Stage::Storage, &at("10")).part(&truck, Role::Subject).at(&format!("BAY-{day}")),
        );
        if day == 15 {
            let unpack = event(Stage::Packing, &at("12")).action(Action::Delete);
            site.say("KOL", unpack.part(&rack, Role::Parent).part(&own, Role::Child).at("SHELF"));
        }
    }
    site.settle().await;
    let places =
        "select location from stock_ledger where item = 'BOLT' and quantity > 0 order by seq, ordinal";
    assert_eq!(site.ask(places).await, "STORE BAY-14 BAY-15 SHELF");
    assert_eq!(site.ask(STOCK).await, "KOL/SHELF=1");
    let key = crate::testing::key(&own);
    let read: Result<usize, super::ProjectionError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| Ok(super::store::facts::load(tx, &[key]).await?.concerning(key).len()))
        .await;
    // Its own three, those of the days around, and how the rack came onto the truck.
    assert_eq!(read.unwrap(), 3 + 4 + 1);
}
