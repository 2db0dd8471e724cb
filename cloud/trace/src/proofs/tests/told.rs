//! Free texts beside events, and what plants are told.

use super::*;
use crate::genealogy::Genealogy;
use crate::holds::{self, Scope as Held};
use crate::testing::key;
use platform::reference;
use serde_json::json;
use sha2::{Digest, Sha256};

async fn later(site: &Site, hours: i64) {
    let later = now() + TimeDelta::hours(hours);
    while check::step_and_tell(&site.db.db, site.tenant, later).await.unwrap().more {}
}

const TOLD: &str =
    "select (d->>'column') || ':' || (d->>'stored' is not null) || '>' || (d->>'said' is not null)
                    from exceptions x cross join lateral jsonb_array_elements(x.detail->'differs') d
                    where kind = 'proof.altered' order by 1";

#[tokio::test]
async fn a_text_beside_an_event_is_the_one_that_the_event_says() {
    let mut site = Site::new().await;
    let born =
        |n| event(Stage::Commission, "2025-02-01T08:00:00Z").mint(&uid("KOL", "RM", n), Role::Subject, "X");
    for n in 1..=3 {
        let note_hash =
            Sha256::new().chain_update(b"salt").chain_update(format!("note {n}")).finalize().to_vec();
        site.say("KOL", Event { note_hash, ..born(n) });
    }
    site.say("KOL", born(4));
    site.settle().await;
    as_owner(
        &site,
        "insert into event_notes (tenant_id, agent_id, epoch, seq, salt, note)
             select tenant_id, agent_id, epoch, seq, 'salt', 'note ' || seq from lifecycle_events where seq <= 3",
    )
    .await;
    assert_eq!(altered_in(&site.db.db, site.tenant).await, "");
    as_owner(
        &site,
        "update event_notes set note = 'all was well' where seq = 2;
         delete from event_notes where seq = 3;
         insert into event_notes (tenant_id, agent_id, epoch, seq, salt, note)
             select tenant_id, agent_id, epoch, 4, 'salt', 'nobody said so' from event_notes where seq = 1;",
    )
    .await;
    later(&site, 7).await;
    // What was erased is none: people are.
    assert_eq!(site.ask(TOLD).await, "event_notes.note:true>false event_notes.note:true>true");
    assert!(!site.ask("select detail::text from exceptions").await.contains("well"), "hashes alone are told");
    as_owner(
        &site,
        "insert into event_notes (tenant_id, agent_id, epoch, seq, salt, note)
             select tenant_id, agent_id, epoch, 99, 'salt', 'of no event' from event_notes where seq = 1",
    )
    .await;
    later(&site, 14).await;
    let added = "select detail->>'tables' from exceptions where detail->>'what' = 'added'";
    assert_eq!(site.ask(added).await, "[\"event_notes\"]");
}

#[tokio::test]
async fn what_plants_are_told_is_what_was_published() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    let publish = async |id: &str, name: &str, deleted| {
        let body = json!({ "item": id, "name": name });
        site.db
            .db
            .tx(&site.cx(), async |tx| reference::publish(tx, "item", id, None, &body, deleted).await)
            .await
            .unwrap();
    };
    // More than fit a step.
    for n in 0..230 {
        publish(&format!("I-{n:03}"), "Bolt", false).await;
    }
    publish("I-001", "Nut", false).await;
    publish("I-002", "Bolt", true).await;
    assert_eq!(altered_in(&site.db.db, site.tenant).await, "");
    as_owner(
        &site,
        "update reference_rows set body = jsonb_set(body, '{name}', '\"Screw\"') where id = 'I-120';
         update reference_rows set deleted = true where id = 'I-121';
         update reference_rows set deleted = false where id = 'I-002';",
    )
    .await;
    later(&site, 7).await;
    assert_eq!(site.ask(TOLD).await, "body:true>true deleted:true>true deleted:true>true");
    let named = "select detail->'row'->>'id' from exceptions where kind = 'proof.altered' order by 1";
    assert_eq!(site.ask(named).await, "I-002 I-120 I-121");
    // Published anew it is right again, and nothing is told twice.
    publish("I-120", "Bolt", false).await;
    later(&site, 14).await;
    assert_eq!(site.ask("select count(*)::text from exceptions where kind = 'proof.altered'").await, "3");
}

#[tokio::test]
async fn a_hold_that_plants_are_not_told_of_any_more_is_found() {
    let mut site = Site::new().await;
    let unit = |n| uid("KOL", "RM", n);
    for n in 1..=3 {
        site.say("KOL", event(Stage::Commission, "2025-02-01T08:00:00Z").mint(&unit(n), Role::Subject, "X"));
    }
    site.settle().await;
    let mut held = Vec::new();
    for n in 1..=3 {
        let scope = Held::Label { key: key(&unit(n)), descendants: false };
        let placed = site
            .db
            .db
            .tx(&site.cx(), async |tx| holds::place(tx, &Genealogy::default(), &scope, "cracks", now()).await)
            .await;
        held.push(placed.unwrap().hold_id);
    }
    site.project().await;
    assert_eq!(altered_in(&site.db.db, site.tenant).await, "");
    as_owner(
        &site,
        "update reference_rows set body = jsonb_set(body, '{keys}', '[]')
             where kind = 'hold' and id = (select min(hold_id::text) from holds);
         update reference_rows set deleted = true
             where kind = 'hold' and id = (select hold_id::text from holds order by hold_id offset 1 limit 1);
         delete from reference_rows where kind = 'hold' and id = (select max(hold_id::text) from holds);",
    )
    .await;
    later(&site, 7).await;
    let told = site.ask(TOLD).await;
    assert_eq!(told, "body.keys:false>true deleted:true>true reference_rows:false>true");
    let named = "select detail->'row'->>'id' from exceptions where kind = 'proof.altered' order by 1";
    let mut ids: Vec<String> = held.iter().map(ToString::to_string).collect();
    ids.sort();
    assert_eq!(site.ask(named).await, ids.join(" "));
}
