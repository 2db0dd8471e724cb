//! Beginning, coming into force, ending; drills.

use super::*;
use crate::recalls::model::{Change, KindOf, Place, TRANSITIONS, transition};
use crate::recalls::store;

#[tokio::test]
async fn the_snapshot_knows_where_everything_is_and_who_has_it() {
    let site = site().await;
    let id = begun(&site, &wish()).await;
    let view = run(&site, async |tx| read::view(tx, id).await).await.unwrap();
    assert_eq!((view.recall.number.as_str(), view.recall.status.as_str()), ("RCL-2025-0001", "draft"));
    assert_eq!((view.recall.members, view.recall.scope_name.as_str()), (8, "HEAT-9"));
    assert!(view.recall.through_batch > 0);
    let found = places(&site, id).await;
    let expected: BTreeMap<String, i64> =
        [("customer", 3), ("scrapped", 1), ("stock", 2), ("transit", 1), ("work", 1)]
            .map(|(place, labels)| (place.to_owned(), labels))
            .into();
    assert_eq!(found, expected);
    let who: Vec<(&str, &str, &str, i64)> = view
        .consignees
        .iter()
        .map(|one| (one.kind.as_str(), one.code.as_str(), one.name.as_str(), one.labels))
        .collect();
    assert_eq!(
        who,
        [("plant", "KOL", "KOL", 2), ("plant", "VSK", "VSK", 2), ("customer", "ACME", "Acme Ltd", 3)]
    );
    let units = run(&site, async |tx| read::units(tx, id, "customer", None, None, 2).await).await.unwrap();
    assert_eq!((units.units.len(), units.units[0].document.as_str()), (2, "DC-7"));
    let after = units.next.expect("a third one");
    let rest =
        run(&site, async |tx| read::units(tx, id, "customer", None, Some(&after), 2).await).await.unwrap();
    assert_eq!((rest.units.len(), rest.next), (1, None));
    // Nothing is held and nobody is told of a draft.
    assert_eq!(site.ask("select count(*)::text from holds").await, "0");
    assert_eq!(site.ask("select count(*)::text from outbox where channel <> 'event'").await, "0");
}

#[tokio::test]
async fn a_unit_alone_and_a_scope_are_recalled_as_well() {
    let site = site().await;
    let one = Wish { lot: String::new(), uid: bolt(2), descendants: false, ..wish() };
    let id = begun(&site, &one).await;
    assert_eq!(places(&site, id).await, BTreeMap::from([("stock".to_owned(), 1)]));
    site.sql(
        "insert into scopes (tenant_id, scope_id, name, criteria, members, through_batch) \
         values (app.tenant(), '01900000-0000-7000-8000-000000000009', 'Oven window', '{}', 2, 1); \
         insert into scope_members (tenant_id, scope_id, key) \
         select app.tenant(), '01900000-0000-7000-8000-000000000009', key from uid_registry \
         where item = 'BOLT' and plant = 'VSK'",
    )
    .await;
    let scope = Some(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0009));
    let kept = Wish { lot: String::new(), scope, descendants: false, ..wish() };
    let id = begun(&site, &kept).await;
    let view = run(&site, async |tx| read::view(tx, id).await).await.unwrap();
    assert_eq!(view.recall.scope_name, "Oven window");
    assert!(view.recall.members >= 1);
    // All that is wrong is said at once.
    let nothing = Wish { severity: "worst".into(), ..Wish::default() };
    let refused =
        run(&site, async |tx| begin::begin(tx, &sql(), &nothing, None, now()).await).await.unwrap_err();
    let RecallError::Fields(wrong) = refused else { panic!("{refused}") };
    let fields: Vec<&str> = wrong.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, ["severity", "reason", "uid"]);
    let unknown = Wish { lot: "NOWHERE".into(), ..wish() };
    let refused =
        run(&site, async |tx| begin::begin(tx, &sql(), &unknown, None, now()).await).await.unwrap_err();
    assert!(matches!(refused, RecallError::Fields(wrong) if wrong == [("lot", "recalls-wrong-lot")]));
}

#[tokio::test]
async fn coming_into_force_holds_and_tells_in_one_transaction() {
    let site = site().await;
    site.sql(
        "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking) values \
             (app.tenant(), 'MOTOR', 'Motor', '{\"te\": \"మోటార్\"}', 'FG', 'pcs', 'unit')",
    )
    .await;
    let id = begun(&site, &wish()).await;
    // A crash in the middle: nothing of it is there.
    let crashed = run(&site, async |tx| {
        act::act(tx, &by(), id, Action::Activate, "", now()).await?;
        Err::<(), _>(RecallError::NotFound)
    });
    assert!(crashed.await.is_err());
    assert_eq!(untouched(&site).await.split(' ').next(), Some("0"));
    assert_eq!(site.ask("select count(*)::text from outbox where channel <> 'event'").await, "0");

    let done = acted(&site, id, Action::Activate).await.unwrap();
    assert_eq!(done.status, Status::Active);
    assert!(done.batch.is_some(), "plants are told at once");
    // What is in our hands: two in stock, one in work, one in transit. And what a customer
    // has, for it may come back.
    assert_eq!(site.ask("select count(*)::text from hold_members").await, "7");
    assert_eq!(site.ask("select held || '/' || to_hold from recalls").await, "7/7");
    // The number is what a scanner shows; labels of the lot still to come are held too.
    let told = "select body->>'reason' || ' ' || jsonb_array_length(body->'keys') || ' ' || \
                    jsonb_array_length(body->'lots') from reference_rows where kind = 'hold'";
    assert_eq!(site.ask(told).await, "RCL-2025-0001 7 1");
    // Each contact with an address has one letter, in its language.
    let letters = "select email || ':' || language from recall_letters order by email";
    assert_eq!(site.ask(letters).await, "john@acme.example:en lakshmi@acme.example:te");
    let same = "select count(*)::text from recall_letters l join outbox o on o.message_id = l.letter_id \
                where o.channel = 'mail' and o.target is null and o.body #>> '{to,email}' = l.email \
                  and o.body #>> '{values,number}' = 'RCL-2025-0001'";
    assert_eq!(site.ask(same).await, "2");
    // What they have is called as the items are, in that language.
    let goods = "select concat_ws('|', v->>'goods', v->>'goods@en', v->>'goods@te') from \
                 (select body->'values' from outbox where channel = 'mail' order by body #>> '{to,email}') as t(v)";
    let (english, telugu) =
        ("MOTOR 1 pcs (DC-7)|MOTOR Motor 1 pcs (DC-7)", "MOTOR 1 pcs (DC-7)|MOTOR మోటార్ 1 pcs (DC-7)");
    assert_eq!(site.ask(goods).await, format!("{english} {telugu}"));
    let inside = "select count(*)::text from outbox where channel = 'notice' and kind = 'recall.activated'";
    assert_eq!(site.ask(inside).await, "1");
    let states = "select string_agg(code || '=' || state, ' ' order by code) from recall_consignees";
    assert_eq!(site.ask(states).await, "ACME=to_notify KOL=notified VSK=notified");

    // A second time nothing happens, and the worker finds nothing left to do.
    assert!(
        matches!(acted(&site, id, Action::Activate).await, Err(RecallError::State(state)) if state == "active")
    );
    turn(&site).await;
    assert_eq!(site.ask("select count(*)::text from holds").await, "1");
    assert_eq!(site.ask("select count(*)::text from recall_letters").await, "2");

    // Once a letter is sent the customer is told, and stays so when the outbox forgets.
    site.sql("update outbox set state = 'sent', ended_at = now() where channel = 'mail'").await;
    turn(&site).await;
    site.sql("delete from outbox").await;
    turn(&site).await;
    assert_eq!(site.ask(states).await, "ACME=notified KOL=notified VSK=notified");
    assert_eq!(site.ask("select count(*)::text from recall_letters where state = 'sent'").await, "2");

    // A contact that is added later is written to, the others not again.
    site.sql(
        "insert into contacts (tenant_id, contact, partner, name, email, language) \
         values (app.tenant(), 'K4', 'ACME', 'Asha', 'asha@acme.example', 'hi')",
    )
    .await;
    let acme = run(&site, async |tx| read::view(tx, id).await).await.unwrap().consignees[2].consignee_id;
    let again = async || {
        run(&site, async |tx| crate::recalls::consignees::write_again(tx, id, acme, now()).await)
            .await
            .unwrap()
    };
    assert_eq!((again().await, again().await), (1, 0));
}

#[tokio::test]
async fn a_large_recall_is_held_in_steps_that_a_crash_does_not_repeat() {
    let site = site().await;
    site.sql(
        "insert into uid_registry (tenant_id, key, item, lot_id, plant, born_agent, born_epoch, born_seq, born_at, last_at, last_stage) \
         select app.tenant(), 3474027400000000000 + n, 'BOLT', '01900000-0000-7000-8000-000000000077', 'KOL', \
                '01900000-0000-7000-8000-000000000077', 1, n, now(), now(), 3 from generate_series(1001, 22000) n",
    )
    .await;
    let id = begun(&site, &Wish { descendants: false, ..wish() }).await;
    acted(&site, id, Action::Activate).await.unwrap();
    assert_eq!(site.ask("select held::text from recalls").await, "10000");
    // A step that does not commit leaves no hold, and no note of one.
    let committed = Committed::default();
    let lost = run(&site, async |tx| {
        let (recall, number) = store::recalls::to_hold(tx).await?.expect("more to hold");
        act::hold_some(tx, &sql(), (recall, &number), &[], now()).await?;
        Err::<(), _>(RecallError::NotFound)
    });
    assert!(lost.await.is_err());
    assert_eq!(site.ask("select held::text from recalls").await, "10000");
    let mut steps = 0;
    while worker::hold_step(&site.db.db, site.tenant, &committed, &sql(), now()).await.unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 2);
    let held = site.ask("select held || '/' || to_hold from recalls").await;
    let (held, to_hold) = held.split_once('/').unwrap();
    assert_eq!(held, to_hold);
    assert_eq!(site.ask("select count(*)::text from hold_members").await, held);
    assert_eq!(site.ask("select count(distinct key)::text from hold_members").await, held);
}

#[tokio::test]
async fn every_transition_leads_where_the_table_says_and_no_other_is_allowed() {
    let site = site().await;
    for kind in KindOf::ALL {
        for from in Status::ALL {
            for action in Action::ALL {
                let one = Wish { kind: kind.name().into(), lot: String::new(), uid: bolt(2), ..wish() };
                let id = begun(&site, &one).await;
                let sql = match from {
                    Status::Draft => "update recalls set status = 'draft' where ended_at is null",
                    Status::Active => "update recalls set status = 'active' where ended_at is null",
                    Status::Closed => {
                        "update recalls set status = 'closed', ended_at = now() where ended_at is null"
                    }
                    Status::Cancelled => {
                        "update recalls set status = 'cancelled', ended_at = now() where ended_at is null"
                    }
                };
                site.sql(sql).await;
                let done = acted(&site, id, *action).await;
                match transition(*kind, *from, *action) {
                    Some(way) => {
                        assert_eq!(done.unwrap().status, way.to, "{way:?}");
                        let found = run(&site, async |tx| read::find(tx, id).await).await.unwrap();
                        assert_eq!(found.status, way.to.name());
                        let is_over = matches!(way.to, Status::Closed | Status::Cancelled);
                        assert_eq!(found.ended_at.is_some(), is_over);
                    }
                    None => {
                        assert!(matches!(done, Err(RecallError::State(_))), "{kind:?} {from:?} {action:?}")
                    }
                }
                site.sql("update recalls set status = 'closed', ended_at = now() where ended_at is null")
                    .await;
            }
        }
    }
    let audited = "select count(*)::text from audit_log where action in \
                   ('recall.activate', 'recall.close', 'recall.cancel')";
    assert_eq!(site.ask(audited).await, TRANSITIONS.len().to_string());
}

#[tokio::test]
async fn a_draft_is_changed_and_its_snapshot_taken_again() {
    let mut site = site().await;
    let id = begun(&site, &wish()).await;
    let change = Change {
        severity: "class_2".into(),
        reason: "Cracked heads".into(),
        target_on: Some("2026-03-01".parse().unwrap()),
        version: run(&site, async |tx| read::find(tx, id).await).await.unwrap().version,
        ..Change::default()
    };
    run(&site, async |tx| begin::change(tx, id, &change).await).await.unwrap();
    let stale = run(&site, async |tx| begin::change(tx, id, &change).await).await;
    assert!(matches!(stale, Err(RecallError::Stale)));
    site.say("KOL", event(Stage::Scrap, "2026-01-20T12:00:00Z").part(&bolt(2), Role::Subject));
    site.settle().await;
    run(&site, async |tx| begin::take_again(tx, &sql(), id, now()).await).await.unwrap();
    let found = places(&site, id).await;
    assert_eq!((found["scrapped"], found["stock"]), (2, 1));
    acted(&site, id, Action::Activate).await.unwrap();
    let late = run(&site, async |tx| begin::take_again(tx, &sql(), id, now()).await).await;
    assert!(matches!(late, Err(RecallError::State(_))));
    // The reason of a recall in force stays: customers were told it.
    let version = run(&site, async |tx| read::find(tx, id).await).await.unwrap().version;
    let later = Change { reason: "Another".into(), version, ..change };
    run(&site, async |tx| begin::change(tx, id, &later).await).await.unwrap();
    assert_eq!(run(&site, async |tx| read::find(tx, id).await).await.unwrap().reason, "Cracked heads");
}

#[tokio::test]
async fn what_was_made_since_the_snapshot_is_held_too() {
    let mut site = site().await;
    let genealogy = site.genealogy();
    genealogy.warm(site.tenant).await.unwrap();
    let begin = async |what: &Wish| {
        run(&site, async |tx| begin::begin(tx, &genealogy, what, None, now()).await).await.unwrap()
    };
    let whole = begin(&wish()).await;
    let bolts = begin(&Wish { descendants: false, ..wish() }).await;
    // The draft lies there while a plant goes on; the bolt is not touched again.
    let made = uid("KOL", "FG", 77);
    site.say(
        "KOL",
        event(Stage::Assembly, "2026-01-20T12:00:00Z").action(Which::Add).part(&bolt(2), Role::Child).mint(
            &made,
            Role::Parent,
            "MOTOR",
        ),
    );
    // And a bolt of the lot comes that no label was of.
    let mut late = event(Stage::Commission, "2026-01-20T13:00:00Z").mint(&bolt(99), Role::Subject, "BOLT");
    late.subjects[0].lot_id = lot().as_bytes().to_vec();
    site.say("KOL", late);
    site.settle().await;
    let all = subjects();
    let by = act::By { genealogy: &genealogy, subjects: &all, person: None };
    let act = async |recall| {
        run(&site, async |tx| act::act(tx, &by, recall, Action::Activate, "", now()).await).await.unwrap()
    };
    act(whole).await;
    let held = "select cause || ':' || count(*) from hold_members group by cause order by cause";
    assert_eq!(site.ask(held).await, "inside:1 made:2 scope:6", "of the motors one is packed");
    assert_eq!(site.ask("select held || '/' || to_hold from recalls order by number limit 1").await, "9/9");
    // One of the lot alone holds its new bolt, and not what was made of the others.
    act(bolts).await;
    assert_eq!(site.ask(held).await, "inside:1 made:2 scope:12");
}

#[tokio::test]
async fn a_drill_finds_everything_and_touches_nothing() {
    let site = site().await;
    let recall = begun(&site, &wish()).await;
    let before = untouched(&site).await;
    let drill =
        begun(&site, &Wish { kind: "drill".into(), of: Some(recall), lot: String::new(), ..wish() }).await;
    assert_eq!(places(&site, drill).await, places(&site, recall).await);
    let view = run(&site, async |tx| read::view(tx, drill).await).await.unwrap();
    assert_eq!((view.recall.number.as_str(), view.recall.status.as_str()), ("DRL-2025-0001", "active"));
    assert_eq!((view.recall.of_recall, view.consignees.len()), (Some(recall), 3));
    assert!(matches!(acted(&site, drill, Action::Activate).await, Err(RecallError::State(_))));
    let acme = view.consignees[2].consignee_id;
    let written =
        run(&site, async |tx| crate::recalls::consignees::write_again(tx, drill, acme, now()).await).await;
    assert!(matches!(written, Err(RecallError::State(_))), "nobody is written to");
    let later = now() + Duration::minutes(42);
    run(&site, async |tx| act::act(tx, &by(), drill, Action::Close, "All found", later).await).await.unwrap();
    turn(&site).await;
    let found = run(&site, async |tx| read::find(tx, drill).await).await.unwrap();
    assert_eq!(found.took_seconds(), Some(42 * 60));
    assert_eq!(untouched(&site).await, before);
    let list = run(&site, async |tx| read::list(tx, "drill", "closed", None, 10).await).await.unwrap();
    assert_eq!(list.recalls.len(), 1);
    assert!(Place::ALL.iter().any(|place| place.is_held()));
}
