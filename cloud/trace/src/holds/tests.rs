use super::*;
use crate::ingest::tests::{World, assembly, receipt, rm};
use platform::ctx::Cx;
use proto::v1::{self, Action};

async fn placed(world: &World, scope: Scope) -> Result<Done, HoldError> {
    let cx = Cx::new(world.source.tenant, "user:7");
    world
        .db
        .db
        .tx(&cx, async |tx| place(tx, &Genealogy::default(), &scope, " cracked ", Utc::now()).await)
        .await
}

async fn released(world: &World, hold_id: Uuid) -> Result<Done, HoldError> {
    let cx = Cx::new(world.source.tenant, "user:8");
    world.db.db.tx(&cx, async |tx| release(tx, hold_id, "", Utc::now()).await).await
}

fn label(key: i64, descendants: bool) -> Scope {
    Scope::Label { key, descendants }
}

platform::in_every_placement! {
async fn a_hold_is_a_fact_and_reaches_the_plants() {
    let world = World::new().await;
    let lot = Uuid::now_v7();
    let mut journal = world.journal();
    for n in 1..=5 {
        let mut event = receipt(rm(n));
        event.subjects[0].lot_id = if n <= 3 { lot.as_bytes().to_vec() } else { vec![] };
        event.lots = vec![v1::Lot { lot_id: lot.as_bytes().to_vec(), ..v1::Lot::default() }];
        journal.push(event);
    }
    journal.push(assembly(Action::Add, rm(3), rm(4)));
    journal.push(assembly(Action::Add, rm(4), rm(5)));
    journal.push(assembly(Action::Add, rm(5), rm(3))); // a cycle
    world.send(journal.all()).await.expect("stored");

    let one = placed(&world, label(rm(1), false)).await.expect("placed");
    assert_eq!((one.members, one.batch.batch_id), (1, 2));
    let all = placed(&world, Scope::Lot { lot, descendants: true, deliveries: false }).await.expect("placed");
    assert_eq!(all.members, 5);
    assert_eq!(world.count("select count(*) from hold_members").await, 6);
    assert_eq!(
        world.count("select count(*) from lifecycle_events where stage = 22 and reason = 'office'").await,
        2
    );
    // A person's words stand beside the event, in it only their salted hash.
    let words = "select count(*) from event_notes where note = 'cracked' and length(salt) = 16";
    assert_eq!(world.count(words).await, 2);
    let inside = "select count(*) from lifecycle_events where position('cracked'::bytea in payload) > 0";
    assert_eq!(world.count(inside).await, 0);
    let hashed = "select count(*) from lifecycle_events e join event_notes n using (tenant_id, agent_id, epoch, seq) \
                  where position(sha256(n.salt || convert_to(n.note, 'UTF8')) in e.payload) > 0";
    assert_eq!(world.count(hashed).await, 2);
    let told = "select count(*) from reference_rows where kind = 'hold' and not deleted \
                and body->>'reason' = 'cracked' and (jsonb_array_length(body->'keys') = 1 \
                    or jsonb_array_length(body->'lots') = 1)";
    assert_eq!(world.count(told).await, 2);
    // Keys survive JSON exactly.
    let exact = "select count(*) from reference_rows where (body->'keys'->>0)::bigint = 3474027400000000001";
    assert_eq!(world.count(exact).await, 2);

    released(&world, one.hold_id).await.expect("released");
    assert!(matches!(released(&world, one.hold_id).await, Err(HoldError::Released)));
    assert!(matches!(released(&world, Uuid::nil()).await, Err(HoldError::NotFound)));
    assert_eq!(world.count(told).await, 1);
    assert_eq!(world.count("select count(*) from holds where released_by = 'user:8'").await, 1);
    assert_eq!(world.count("select count(*) from lifecycle_events where stage = 23").await, 1);
    assert_eq!(world.exceptions().await, vec![]);
    assert_eq!(world.count("select sum(members)::bigint from holds where first_key is not null").await, 6);
    let audited = "select count(*) from audit_log where subject like 'hold:%' and \
                   (action, actor) in (('hold.place', 'user:7'), ('hold.release', 'user:8'))";
    assert_eq!(world.count(audited).await, 3);
}
}

#[tokio::test]
async fn what_is_not_known_cannot_be_held() {
    let world = World::new().await;
    assert!(matches!(placed(&world, label(rm(1), false)).await, Err(HoldError::Unknown)));
    assert!(matches!(placed(&world, label(-1, true)).await, Err(HoldError::Unknown)));
    let lot = Scope::Lot { lot: Uuid::now_v7(), descendants: false, deliveries: false };
    assert!(matches!(placed(&world, lot).await, Err(HoldError::Unknown)));
    let cx = Cx::new(world.source.tenant, "user:7");
    let none = world
        .db
        .db
        .tx(&cx, async |tx| place(tx, &Genealogy::default(), &label(rm(1), false), " \n", Utc::now()).await)
        .await;
    assert!(matches!(none, Err(HoldError::Reason)));
    assert_eq!(world.count("select count(*) from lifecycle_events").await, 0);
}

#[tokio::test]
async fn a_large_hold_takes_several_events_and_rows() {
    let world = World::new().await;
    let lot = Uuid::now_v7();
    let cx = Cx::new(world.source.tenant, "test");
    let made: Result<(), DbError> = world
        .db
        .db
        .tx(&cx, async |tx| {
            sqlx::query(
                "insert into uid_registry (tenant_id, key, lot_id, born_agent, born_epoch, born_seq, born_at, last_at, last_stage) \
                 select app.tenant(), 3474027400000000000 + n, $1, $1, 1, n, now(), now(), 3 from generate_series(1, 45000) n",
            )
            .bind(lot)
            .execute(tx.conn())
            .await?;
            Ok(())
        })
        .await;
    made.expect("labels");
    let done =
        placed(&world, Scope::Lot { lot, descendants: false, deliveries: false }).await.expect("placed");
    assert_eq!(done.members, 45_000);
    assert_eq!(world.count("select count(*) from lifecycle_events where length(payload) <= 65536").await, 45);
    assert_eq!(
        world.count("select count(*) from reference_rows where length(body::text) < 1000000").await,
        3
    );
    released(&world, done.hold_id).await.expect("released");
    assert_eq!(world.count("select count(*) from reference_rows where deleted").await, 3);
}

#[tokio::test]
async fn a_reason_has_as_many_letters_in_every_script() {
    let world = World::new().await;
    let mut journal = world.journal();
    journal.push(receipt(rm(1)));
    world.send(journal.all()).await.expect("stored");
    let cx = Cx::new(world.source.tenant, "user:7");
    let words = "పగుళ్లు ".repeat(30).chars().take(MAX_REASON).collect::<String>();
    let words = words.trim().to_owned() + "!";
    assert!(words.len() > 2 * MAX_REASON && words.chars().count() <= MAX_REASON, "{}", words.len());
    let put = async |reason: &str| {
        let scope = label(rm(1), false);
        world
            .db
            .db
            .tx(&cx, async |tx| place(tx, &Genealogy::default(), &scope, reason, Utc::now()).await)
            .await
    };
    let done = put(&words).await.expect("placed");
    let told = "select count(*) from reference_rows where kind = 'hold' and not deleted \
                and char_length(body->>'reason') > 150";
    assert_eq!(world.count(told).await, 1, "whole at the plants");
    let long = "క".repeat(MAX_REASON + 1);
    assert!(matches!(put(&long).await, Err(HoldError::Reason)));
    let free = async |reason: &str| {
        world.db.db.tx(&cx, async |tx| release(tx, done.hold_id, reason, Utc::now()).await).await
    };
    assert!(matches!(free(&long).await, Err(HoldError::Reason)));
    free(&words).await.expect("released");
    assert_eq!(world.count("select count(*) from holds where char_length(release_reason) > 150").await, 1);
}

#[tokio::test]
async fn people_are_told_the_words_of_a_reason_and_other_systems_its_code() {
    let world = World::new().await;
    let mut journal = world.journal();
    journal.push(receipt(rm(1)));
    world.send(journal.all()).await.expect("stored");
    let cx = Cx::new(world.source.tenant, "user:7");
    let listed = "insert into reasons (tenant_id, reason, purpose, texts)
                  values (app.tenant(), 'SUSPECT_LOT', 'hold', '{\"en\": \"Suspect lot\", \"te\": \"అనుమానిత లాట్\"}')";
    let put = async |tx: &mut Tx| {
        sqlx::query(listed).execute(tx.conn()).await?;
        place(tx, &Genealogy::default(), &label(rm(1), false), "SUSPECT_LOT", Utc::now()).await
    };
    world.db.db.tx(&cx, put).await.expect("placed");
    let told = "select concat_ws('|', v->>'reason', v->>'reason@en', v->>'reason@hi', v->>'reason@te', \
                                 v->>'labels', v->>'labels@n') \
                from (select body->'values' from outbox where kind = 'hold.placed') as t(v)";
    assert_eq!(world.text(told).await, "SUSPECT_LOT|Suspect lot|Suspect lot|అనుమానిత లాట్|1|1");

    let texts = platform::i18n::I18n::new().with_all(crate::pages::TEXTS).with_all(TEXTS);
    let told = |lang, key: &str, labels: i64| {
        texts.t(lang, key, &[("reason", "Suspect lot".into()), ("labels", labels.into())])
    };
    assert_eq!(told(Lang::En, "notice-hold-placed", 1), "A hold was placed: Suspect lot (1 label).");
    let gap = "Used before the plant had the hold “Suspect lot”: ";
    assert_eq!(told(Lang::En, "notice-hold-gap", 1), format!("{gap}once."));
    assert_eq!(told(Lang::En, "notice-hold-gap", 3000), format!("{gap}3,000 times."));
    assert_ne!(told(Lang::Te, "notice-hold-gap", 1), told(Lang::Te, "notice-hold-gap", 2));
}
