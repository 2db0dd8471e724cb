//! Links that corrections made, and links with the stamp of one that it did not make.

use super::*;
use proto::v1::Action;

/// Bolt 1 in motor 2, and out of it by a correction; bolt 3 in motor 4, corrected, and that
/// corrected; bolt 5 in motor 6, by mistake twice said to be one before it was known of.
async fn world(site: &mut Site) {
    for n in 1..=6 {
        let born =
            event(Stage::Commission, "2025-02-01T08:00:00Z").mint(&uid("KOL", "FG", n), Role::Subject, "X");
        site.say("KOL", born.quantity("1", "pcs"));
    }
    let built = |into: u64, what: u64| {
        let at = format!("2025-02-01T09:0{what}:00Z");
        let said =
            event(Stage::Assembly, &at).action(Action::Add).part(&uid("KOL", "FG", into), Role::Parent);
        said.part(&uid("KOL", "FG", what), Role::Child)
    };
    let one = site.say("KOL", built(2, 1));
    site.say("KOL", event(Stage::Correct, "2025-02-01T10:00:00Z").corrects(one));
    let two = site.say("KOL", built(4, 3));
    let never = site.say("KOL", event(Stage::Correct, "2025-02-01T10:01:00Z").corrects(two));
    site.say("KOL", event(Stage::Correct, "2025-02-01T10:02:00Z").corrects(never));
    // The other plant is told of it before it is here.
    let three = site.say("KOL", built(6, 5));
    site.say("VSK", event(Stage::Correct, "2025-02-01T10:03:00Z").corrects(three));
    site.say("VSK", event(Stage::Correct, "2025-02-01T10:04:00Z").corrects(three));
    site.send("VSK").await;
    site.settle().await;
}

const TOLD: &str = "select seq || ':' || (d->>'column') || ':' || coalesce(d->>'stored', '-') || '>' ||
                        coalesce(d->>'said', '-')
                    from exceptions x cross join lateral jsonb_array_elements(x.detail->'differs') d
                    where kind = 'proof.altered' order by 1";

#[tokio::test]
async fn links_that_corrections_made_are_no_finding() {
    let mut site = Site::new().await;
    world(&mut site).await;
    assert_eq!(site.ask("select count(*)::text from uid_links where effect = 3").await, "3");
    assert_eq!(altered_in(&site.db.db, site.tenant).await, "");
}

#[tokio::test]
async fn a_link_with_the_stamp_of_a_correction_that_it_did_not_make_is_found() {
    let mut site = Site::new().await;
    world(&mut site).await;
    // The correction at 8 undid the link of 7: here it joins what it never knew of.
    as_owner(
        &site,
        "insert into uid_links (tenant_id, from_key, to_key, kind, effect, unit, occurred_at, agent_id, epoch, seq,
             ordinal)
         select tenant_id, from_key + 4, to_key + 2, kind, 1, unit, occurred_at, agent_id, epoch, seq, ordinal
         from uid_links where seq = 8",
    )
    .await;
    altered_in(&site.db.db, site.tenant).await;
    let told = site.ask(TOLD).await;
    assert!(told.starts_with("8:links[0]:") && told.ends_with(">-"), "{told}");
    assert_eq!(site.ask("select count(*)::text from exceptions where kind = 'proof.altered'").await, "1");
    // Told once, however often it is looked at.
    while check::step_and_tell(&site.db.db, site.tenant, now() + TimeDelta::hours(7)).await.unwrap().more {}
    assert_eq!(site.ask("select count(*)::text from exceptions where kind = 'proof.altered'").await, "1");
}

#[tokio::test]
async fn what_a_correction_undid_and_does_no_more_is_found() {
    let mut site = Site::new().await;
    world(&mut site).await;
    as_owner(&site, "delete from uid_links where seq = 8").await;
    altered_in(&site.db.db, site.tenant).await;
    assert_eq!(site.ask(TOLD).await, "8:links[0]:stands>undone 1");
}

#[tokio::test]
async fn what_a_correction_undoes_although_it_was_corrected_is_found() {
    let mut site = Site::new().await;
    world(&mut site).await;
    as_owner(&site, "delete from uid_links where seq = 11").await;
    altered_in(&site.db.db, site.tenant).await;
    assert_eq!(site.ask(TOLD).await, "11:links[0]:undone 1>stands");
}
