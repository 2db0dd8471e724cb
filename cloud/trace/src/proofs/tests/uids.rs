//! What follows from events, and was changed behind the application's back.

use super::*;
use proto::v1::Action;

/// A unit that was held by its plant, one that travels, one that is in another, and one of
/// which what it was made of was corrected.
async fn world(site: &mut Site) {
    made(site).await;
    let (held, whole) = (uid("KOL", "FG", 10), uid("KOL", "FG", 11));
    let at = |hour: u32| format!("2025-02-01T{hour:02}:00:00Z");
    for unit in [&held, &whole] {
        site.say(
            "KOL",
            event(Stage::Commission, &at(8)).mint(unit, Role::Subject, "UNIT").quantity("1", "pcs").at("A"),
        );
    }
    site.say("KOL", event(Stage::Hold, &at(9)).part(&held, Role::Subject));
    let into = event(Stage::Packing, &at(9)).action(Action::Add).mint(&uid("KOL", "PK", 1), Role::Parent, "");
    site.say("KOL", into.part(&whole, Role::Child));
    let way = event(Stage::Transfer, &at(10)).action(Action::Add).part(&uid("KOL", "PK", 1), Role::Subject);
    site.say("KOL", way.document("to_plant", "VSK"));
    site.settle().await;
}

/// What is told of UIDs: number, column, both sides.
async fn told(site: &Site) -> String {
    let told = "select key || ':' || (d->>'column') || ':' || coalesce(d->>'stored', '-') || '>' ||
                    coalesce(d->>'said', '-')
                from exceptions x cross join lateral jsonb_array_elements(x.detail->'differs') d
                where kind = 'proof.altered' and detail->>'what' = 'uid' and status = 'open' order by 1";
    site.ask(told).await
}

#[tokio::test]
async fn what_was_projected_and_is_changed_is_found() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    world(&mut site).await;
    grown(&site, &secrets).await;
    checked(&site, now()).await;
    assert_eq!(site.ask("select detail::text from exceptions where kind like 'proof%'").await, "");
    as_owner(
        &site,
        "update uid_registry set life = 4, location = 'B' where key % 100000000000 = 10;
         update uid_registry set parent_key = null where key % 100000000000 = 11;
         update uid_registry set quantity = quantity + 5 where item = 'STEEL-10';
         update stock_ledger set quantity = 9 where key % 100000000000 = 10;
         delete from hold_members;
         delete from transfers;
         insert into uid_registry (tenant_id, key, item, born_agent, born_epoch, born_seq, born_at, last_at, last_stage)
             select tenant_id, key + 500, item, born_agent, born_epoch, born_seq, born_at, last_at, last_stage
             from uid_registry where item = 'STEEL-10';",
    )
    .await;
    checked(&site, now() + TimeDelta::hours(7)).await;
    let found = told(&site).await;
    for one in [
        ":uid_registry.life:scrapped>active",
        ":uid_registry.location:B>A",
        ":uid_registry.parent:->UID-SAIF-KOL-PK-000001-",
        ":uid_registry.quantity:95>90",
        ":stock_ledger[",
        ":holds[",
        ":->placed",
        ":transfers[",
        ":uid_registry:",
    ] {
        assert!(found.contains(one), "{one} is not in {found}");
    }
    let notice = "select body->'values'->>'event' from outbox where kind = 'proof.altered'";
    assert!(site.ask(notice).await.contains("UID-SAIF-KOL-FG-000010-"), "a notice names the UID");
}

#[tokio::test]
async fn a_uid_that_is_resolved_while_it_is_wrong_is_opened_again_and_ends_when_it_is_mended() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    world(&mut site).await;
    grown(&site, &secrets).await;
    as_owner(&site, "update uid_registry set quality = 3 where key % 100000000000 = 10").await;
    checked(&site, now()).await;
    let open = "select count(*)::text from exceptions where kind = 'proof.altered' and status = 'open'";
    let resolve = "update exceptions set status = 'resolved', resolved_at = now(), resolved_by = 'user:x',
                   choice = 'handled', resolution = 'done' where kind = 'proof.altered'";
    assert_eq!(site.ask(open).await, "1");
    checked(&site, now() + TimeDelta::hours(7)).await;
    assert_eq!(site.ask(open).await, "1", "told once");
    site.sql(resolve).await;
    checked(&site, now() + TimeDelta::hours(14)).await;
    assert_eq!(site.ask(open).await, "1", "it is wrong still");
    // The next fact of the unit folds it anew.
    site.sql(resolve).await;
    let seen = event(Stage::Storage, "2025-02-02T08:00:00Z").part(&uid("KOL", "FG", 10), Role::Subject);
    site.say("KOL", seen.at("C"));
    site.settle().await;
    checked(&site, now() + TimeDelta::hours(21)).await;
    assert_eq!(site.ask(open).await, "0");
}

#[tokio::test]
async fn what_is_not_projected_yet_is_no_finding_and_waits() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    world(&mut site).await;
    grown(&site, &secrets).await;
    // Taken in, and not projected: the row is older than the facts.
    let seen = event(Stage::Storage, "2025-02-02T08:00:00Z").part(&uid("KOL", "FG", 10), Role::Subject);
    site.say("KOL", seen.at("C"));
    site.say(
        "KOL",
        event(Stage::Commission, "2025-02-02T08:00:00Z").mint(&uid("KOL", "FG", 12), Role::Subject, "X"),
    );
    site.send("KOL").await;
    checked(&site, now()).await;
    assert_eq!(told(&site).await, "");
    let standing = asked(&site, async |tx| Ok(store::standing(tx).await?)).await.unwrap();
    assert!(standing.running() && standing.at_uids(), "{standing:?}");
    // A round goes on where it stopped.
    site.project().await;
    checked(&site, now()).await;
    assert_eq!(told(&site).await, "");
    let standing = asked(&site, async |tx| Ok(store::standing(tx).await?)).await.unwrap();
    assert!(!standing.running() && standing.check_uids > 0 && standing.uids > 0, "{standing:?}");
}

#[tokio::test]
async fn a_forged_link_is_found_behind_any_number_of_true_ones() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    let coil = uid("KOL", "RM", 7);
    let born = event(Stage::Grn, "2025-02-01T08:00:00Z").mint(&coil, Role::Subject, "COIL");
    site.say("KOL", born.quantity("9000", "kg"));
    for n in 1..=2_300 {
        let used = event(Stage::Transformation, "2025-02-01T09:00:00Z").part(&coil, Role::Input);
        site.say("KOL", used.quantity("1", "kg").mint(&uid("KOL", "FG", n), Role::Output, "PIN"));
    }
    site.settle().await;
    grown(&site, &secrets).await;
    as_owner(
        &site,
        "insert into uid_links (tenant_id, from_key, to_key, kind, effect, unit, occurred_at, agent_id, epoch, seq,
             ordinal) select tenant_id, from_key, to_key + 5, kind, effect, unit, occurred_at, agent_id, epoch, 5,
             9 from uid_links where to_key % 100000000000 = 2300;
         update uid_links set effect = 2 where to_key % 100000000000 = 2200;",
    )
    .await;
    checked(&site, now()).await;
    let told = "select seq || (detail->>'columns') from exceptions where kind = 'proof.altered' order by seq";
    assert_eq!(site.ask(told).await, "5[\"links[9]\"] 2201[\"links[0].effect\"]");
}

/// How fast it is: `cargo test -p trace --lib -- --ignored --nocapture the_check_is_timed`.
#[tokio::test]
#[ignore = "a measurement"]
async fn the_check_is_timed() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    for n in 1..=25_000 {
        let unit = uid("KOL", "FG", n);
        let at = |minute: u64| format!("2025-02-{:02}T08:{:02}:00Z", 1 + n % 28, minute);
        site.say("KOL", event(Stage::Commission, &at(0)).mint(&unit, Role::Subject, "U").at("A"));
        for (minute, stage) in [(1, Stage::Operation), (2, Stage::Inspection), (3, Stage::Storage)] {
            site.say("KOL", event(stage, &at(minute)).part(&unit, Role::Subject).at("B"));
        }
    }
    site.settle().await;
    grown(&site, &secrets).await;
    let began = std::time::Instant::now();
    let (mut leaves, mut uids, mut longest) = (0, 0, std::time::Duration::ZERO);
    let mut half = began.elapsed();
    loop {
        let step = std::time::Instant::now();
        let looked = check::step_and_tell(&site.db.db, site.tenant, now()).await.unwrap();
        longest = longest.max(step.elapsed());
        if looked.leaves > 0 {
            half = began.elapsed();
        }
        if !looked.more {
            break;
        }
        (leaves, uids) = (leaves + looked.leaves, uids + looked.uids);
    }
    let all = began.elapsed();
    println!("{leaves} events in {half:?}, {uids} UIDs in {:?}, longest step {longest:?}", all - half);
    assert_eq!(site.ask("select count(*)::text from exceptions where kind like 'proof%'").await, "0");
}
