//! What a recall has to do with packages.

use rust_decimal::Decimal;

use super::*;
use crate::explore::graph::Direction;
use crate::explore::walk;

fn package(n: u64) -> String {
    uid("KOL", "PK", n)
}

fn put(at: &str, what: &str, into: &str) -> proto::v1::Event {
    event(Stage::Packing, at).action(Which::Add).mint(into, Role::Parent, "BOX").part(what, Role::Child)
}

fn out(at: &str, what: &str, of: &str) -> proto::v1::Event {
    event(Stage::Packing, at).action(Which::Delete).part(of, Role::Parent).part(what, Role::Child)
}

fn into(at: &str, what: &str, of: &str) -> proto::v1::Event {
    event(Stage::Packing, at).action(Which::Add).part(of, Role::Parent).part(what, Role::Child)
}

/// The recalled units with what holds them, by type and number.
async fn held(site: &Site) -> String {
    site.ask(
        "select string_agg(key % 1000 || ' ' || cause, ', ' order by key) from hold_members where left_at is null",
    )
    .await
}

/// A recall of one unit, without what was made of it.
fn of(what: &str) -> Wish {
    Wish { lot: String::new(), uid: what.to_owned(), descendants: false, ..wish() }
}

#[tokio::test]
async fn a_recall_without_descendants_holds_the_package_around_its_unit() {
    let mut site = site().await;
    site.say("KOL", put("2026-01-14T09:00:00Z", &bolt(2), &package(50)));
    site.settle().await;
    let id = begun(&site, &of(&bolt(2))).await;
    acted(&site, id, Action::Activate).await.unwrap();
    assert_eq!(held(&site).await, "50 inside, 2 scope");
    let told = "select jsonb_array_length(body->'keys')::text || (body->'inside')::text = \
                    '2[' || (select key from uid_registry where item = 'BOX' and key % 1000 = 50) || ']' \
                from reference_rows where kind = 'hold'";
    let told: &'static str = Box::leak(format!("select ({told})::text").into_boxed_str());
    assert_eq!(site.ask(told).await, "true", "the plant is told of both");
    let members = "select members::text from recalls";
    assert_eq!(site.ask(members).await, "1", "the package is none of the recalled goods");
}

#[tokio::test]
async fn a_recalled_package_takes_along_what_is_in_it() {
    let mut site = site().await;
    site.say("KOL", put("2026-01-14T09:00:00Z", &bolt(2), &package(50)));
    site.say("KOL", put("2026-01-14T10:00:00Z", &package(50), &package(51)));
    site.settle().await;
    let id = begun(&site, &of(&package(51))).await;
    assert_eq!(site.ask("select members::text from recalls").await, "3");
    acted(&site, id, Action::Activate).await.unwrap();
    assert_eq!(held(&site).await, "50 content, 51 scope, 2 content");
    // Offline another was put in: it is recalled and held once that is told.
    site.say("KOL", into("2026-01-20T09:00:00Z", &bolt(3), &package(50)));
    site.say("KOL", out("2026-01-20T10:00:00Z", &bolt(2), &package(50)));
    site.settle().await;
    turn(&site).await;
    let since =
        "select string_agg((key % 1000)::text, ' ' order by key) from recall_members where since is not null";
    assert_eq!(site.ask(since).await, "3", "the box was named, and not what it is in");
    site.say("KOL", into("2026-01-20T11:00:00Z", &bolt(4), &package(51)));
    site.settle().await;
    turn(&site).await;
    assert_eq!(site.ask(since).await, "3 4");
}

#[tokio::test]
async fn what_was_put_into_a_recalled_package_and_taken_out_unseen_is_recalled() {
    let mut site = site().await;
    site.say("KOL", put("2026-01-14T09:00:00Z", &bolt(2), &package(50)));
    site.say("KOL", put("2026-01-14T10:00:00Z", &package(50), &package(51)));
    site.settle().await;
    let id = begun(&site, &of(&package(51))).await;
    acted(&site, id, Action::Activate).await.unwrap();
    let effect = run(&site, async |tx| read::effectiveness(tx, id).await).await.unwrap();
    assert_eq!(effect.totals.iter().map(|one| one.to_account).sum::<Decimal>(), Decimal::ONE);
    // An offline plant puts one into the box, and takes it out; and a box with another onto the
    // pallet, which it takes down again, emptied.
    let other = package(52);
    site.say("KOL", into("2026-01-20T09:00:00Z", &bolt(3), &package(50)));
    site.say("KOL", out("2026-01-20T10:00:00Z", &bolt(3), &package(50)));
    site.say("KOL", put("2026-01-20T11:00:00Z", &bolt(4), &other));
    site.say("KOL", into("2026-01-20T12:00:00Z", &other, &package(51)));
    site.say("KOL", out("2026-01-20T13:00:00Z", &other, &package(51)));
    site.say("KOL", out("2026-01-20T14:00:00Z", &bolt(4), &other));
    site.settle().await;
    turn(&site).await;
    let since =
        "select string_agg((key % 1000)::text, ' ' order by key) from recall_members where since is not null";
    assert_eq!(site.ask(since).await, "52 3 4");
    assert_eq!(site.ask("select members::text from recalls").await, "6");
    let effect = run(&site, async |tx| read::effectiveness(tx, id).await).await.unwrap();
    let to_account: Decimal = effect.totals.iter().map(|one| one.to_account).sum();
    assert!(to_account > Decimal::ONE, "the bolts are to be accounted for: {to_account}");
    // They are held, by the recall or by the follower of holds.
    let free = "select count(*)::text from recall_members where since is not null and hold_id is null";
    assert_eq!(site.ask(free).await, "0");
}

#[tokio::test]
async fn what_a_package_carried_before_and_after_is_not_recalled_and_its_customers_not_told() {
    let mut site = site().await;
    site.sql(
        "insert into partners (tenant_id, partner, name, roles) values (app.tenant(), 'BETA', 'Beta', '{customer}')",
    )
    .await;
    let (bin, stranger) = (package(60), uid("KOL", "FG", 9));
    // Bolt 2 was in a bin for an hour; later the bin, built into nothing, went to BETA with a stranger.
    site.say("KOL", put("2026-01-14T09:00:00Z", &bolt(2), &bin));
    site.say("KOL", out("2026-01-14T10:00:00Z", &bolt(2), &bin));
    site.say("KOL", event(Stage::Commission, "2026-01-14T11:00:00Z").mint(&stranger, Role::Subject, "MOTOR"));
    site.say("KOL", into("2026-01-14T12:00:00Z", &stranger, &bin));
    site.say(
        "KOL",
        event(Stage::Dispatch, "2026-01-15T09:00:00Z")
            .part(&bin, Role::Subject)
            .document("desadv", "DC-60")
            .document("customer", "BETA"),
    );
    // And one in which it still is, to ACME.
    site.say("KOL", put("2026-01-16T09:00:00Z", &bolt(2), &package(61)));
    site.say(
        "KOL",
        event(Stage::Dispatch, "2026-01-16T10:00:00Z")
            .part(&package(61), Role::Subject)
            .document("desadv", "DC-61")
            .document("customer", "ACME"),
    );
    site.settle().await;
    let id = begun(&site, &Wish { descendants: true, ..of(&bolt(2)) }).await;
    let reached = "select string_agg((key % 1000)::text, ' ' order by key) from recall_members";
    assert_eq!(site.ask(reached).await, "61 2");
    let who = "select string_agg(code, ' ' order by code) from recall_consignees";
    assert_eq!(site.ask(who).await, "ACME");
    acted(&site, id, Action::Activate).await.unwrap();
    assert_eq!(held(&site).await, "61 inside, 2 scope");

    // The explorer says the same of where it went.
    let (db, cx, genealogy, now) = (&site.db.db, site.cx(), site.genealogy(), chrono::Utc::now());
    let ask = walk::Ask::default();
    let found = walk::walk(db, &cx, &genealogy, &bolt(2), Direction::Forward, &ask, now).await.unwrap();
    let ends = found.destinations.unwrap();
    let documents: Vec<&str> = ends.dispatches.iter().map(|sent| sent.document.as_str()).collect();
    assert_eq!(documents, ["DC-61"]);
    assert_eq!(ends.with_customers.iter().map(|pile| pile.labels).sum::<usize>(), 2, "it and its box");
}
