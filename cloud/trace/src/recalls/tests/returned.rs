//! Answers, and returns that plants record.

use rust_decimal::Decimal;

use super::*;
use crate::recalls::model::Answer;
use crate::recalls::read::Effectiveness;
use crate::recalls::{respond, store};

async fn effect(site: &Site, id: Uuid) -> Effectiveness {
    run(site, async |tx| read::effectiveness(tx, id).await).await.unwrap()
}

async fn answer(site: &Site, id: Uuid, answer: &Answer) -> Result<Uuid, RecallError> {
    run(site, async |tx| respond::respond(tx, id, answer, |_| Ok(()), now()).await).await
}

async fn active(site: &Site) -> (Uuid, Uuid) {
    let id = begun(site, &wish()).await;
    acted(site, id, Action::Activate).await.unwrap();
    let view = run(site, async |tx| read::view(tx, id).await).await.unwrap();
    let acme = view.consignees.iter().find(|one| one.code == "ACME").unwrap().consignee_id;
    (id, acme)
}

#[tokio::test]
async fn answers_account_for_what_they_say_and_no_more() {
    let site = site().await;
    let (id, acme) = active(&site).await;
    let of = |effect: &Effectiveness| effect.totals.iter().map(|one| one.accounted).sum::<Decimal>();
    assert_eq!(of(&effect(&site, id).await), Decimal::ZERO);
    // The customer has a motor, with a bolt in it, in a box that is no goods.
    let one = Some(Decimal::ONE);
    let found = Answer { consignee: Some(acme), unit: "pcs".into(), found: one, ..Answer::default() };
    answer(&site, id, &found).await.unwrap();
    assert_eq!(of(&effect(&site, id).await), Decimal::ZERO, "found is not accounted for yet");
    let apart = Answer {
        quarantined: Some(Decimal::new(5, 1)),
        destroyed: Some(Decimal::new(5, 1)),
        ..found.clone()
    };
    answer(&site, id, &apart).await.unwrap();
    assert_eq!(of(&effect(&site, id).await), 1.into());
    let more = Answer { quarantined: Some(30.into()), ..found.clone() };
    let refused = answer(&site, id, &more).await.unwrap_err();
    assert!(
        matches!(refused, RecallError::Fields(wrong) if wrong == [("quarantined", "recalls-wrong-more")])
    );
    // One unit of stock, by its UID, with what it is replaced by.
    let one =
        Answer { uid: bolt(2), outcome: "replaced".into(), reference: "SO-9".into(), ..Answer::default() };
    answer(&site, id, &one).await.unwrap();
    assert_eq!(of(&effect(&site, id).await), 2.into());
    answer(&site, id, &Answer { outcome: "destroyed".into(), ..one.clone() }).await.unwrap();
    assert_eq!(of(&effect(&site, id).await), 2.into(), "one unit is one unit");
    let gone = Answer { uid: bolt(5), ..one };
    let refused = answer(&site, id, &gone).await.unwrap_err();
    assert!(matches!(refused, RecallError::Fields(wrong) if wrong == [("uid", "recalls-wrong-unit-gone")]));
    // Whoever answers has heard.
    let heard = "select count(*)::text from recall_consignees where state = 'acknowledged'";
    assert_eq!(site.ask(heard).await, "2");
    let page = run(&site, async |tx| read::responses(tx, id, None, 2).await).await.unwrap();
    assert_eq!((page.responses.len(), page.responses[1].reference.as_str()), (2, "SO-9"));
    assert!(page.next.is_some());
    acted(&site, id, Action::Close).await.unwrap();
    assert!(matches!(answer(&site, id, &found).await, Err(RecallError::State(_))));
}

#[tokio::test]
async fn a_return_counts_once_whoever_asks_again_and_not_once_it_is_corrected() {
    let mut site = site().await;
    let (id, acme) = active(&site).await;
    turn(&site).await;
    // The package comes back, with all that is in it.
    let back = site.say(
        "KOL",
        event(Stage::Return, "2026-02-02T09:00:00Z")
            .part(&uid("KOL", "PK", 1), Role::Subject)
            .document("recadv", "RET-1"),
    );
    site.settle().await;
    turn(&site).await;
    turn(&site).await;
    let counted = "select count(*)::text from recall_responses where event_id is not null and not void";
    assert_eq!(site.ask(counted).await, "3");
    // The cursor is set back, as a recall that is begun does: nothing counts twice.
    site.sql("update projection_cursors set through_batch = 0 where projection = 'recalls'").await;
    turn(&site).await;
    assert_eq!(site.ask(counted).await, "3");
    let found = effect(&site, id).await;
    let lines: Vec<_> = found.consignees.iter().filter(|line| line.consignee == acme).collect();
    assert!(lines.iter().all(|line| line.accounted == line.to_account), "{lines:?}");
    assert_eq!(lines.iter().map(|line| line.labels).sum::<i64>(), 1, "the motor, and not its box as well");
    // The return never was.
    site.say("KOL", event(Stage::Correct, "2026-02-03T09:00:00Z").corrects(back));
    site.settle().await;
    turn(&site).await;
    assert_eq!(site.ask(counted).await, "0");
    let found = effect(&site, id).await;
    assert!(found.totals.iter().all(|total| total.accounted.is_zero()));
}

#[tokio::test]
async fn what_was_destroyed_and_came_back_is_told_with_the_one_that_counts() {
    let mut site = site().await;
    let (id, acme) = active(&site).await;
    turn(&site).await;
    let motor = uid("KOL", "FG", 1);
    let said = async |site: &Site| -> Vec<(bool, bool, bool)> {
        let page = run(site, async |tx| read::responses(tx, id, None, 10).await).await.unwrap();
        let of = page.responses.iter().filter(|one| one.uid.as_deref() == Some(motor.as_str()));
        of.map(|one| (one.event_id.is_some(), one.counts, one.contradicts)).collect()
    };
    let found = Answer { uid: motor.clone(), outcome: "found".into(), ..Answer::default() };
    answer(&site, id, &found).await.unwrap();
    assert_eq!(said(&site).await, [(false, true, false)]);
    answer(&site, id, &Answer { outcome: "destroyed".into(), ..found.clone() }).await.unwrap();
    assert_eq!(said(&site).await, [(false, true, false), (false, false, false)], "the later one");
    let back = site.say("KOL", event(Stage::Return, "2026-02-02T09:00:00Z").part(&motor, Role::Subject));
    site.settle().await;
    turn(&site).await;
    let both = [(true, true, true), (false, false, true), (false, false, false)];
    assert_eq!(said(&site).await, both, "the scan counts, and both are told");
    let web = super::http::Web::new(&site);
    let reader = super::http::key(&site, site.tenant, platform::web::Scope::Read).await;
    let (_, page) = web.get(&reader, &format!("/recalls/{id}?tab=responses")).await;
    assert_eq!(page.matches("Both cannot be").count(), 2, "{page}");
    assert_eq!(page.matches("A later answer stands in its place").count(), 2, "{page}");
    // Of all that they have the last one counts as well; it says nothing of the motor.
    let whole = Answer { consignee: Some(acme), returned: Some(Decimal::ONE), ..Answer::default() };
    answer(&site, id, &whole).await.unwrap();
    assert_eq!(said(&site).await, both);
    // It was another one that came back.
    site.say("KOL", event(Stage::Correct, "2026-02-03T09:00:00Z").corrects(back));
    site.settle().await;
    turn(&site).await;
    assert_eq!(said(&site).await, [(false, true, false), (false, false, false)]);
}

#[tokio::test]
async fn a_part_comes_back_with_the_unit_that_it_is_in() {
    let mut site = site().await;
    let (id, acme) = active(&site).await;
    turn(&site).await;
    let of = |effect: Effectiveness| {
        let lines = effect.consignees.into_iter().filter(|line| line.consignee == acme);
        lines.map(|line| (line.labels, line.to_account, line.accounted)).collect::<Vec<_>>()
    };
    // A motor in a box; the bolt is in the motor.
    assert_eq!(of(effect(&site, id).await), [(1, Decimal::ONE, Decimal::ZERO)]);
    // Where everything was and who has it say the same quantity, beside three labels.
    let view = run(&site, async |tx| read::view(tx, id).await).await.unwrap();
    let there = view.piles.iter().filter(|pile| pile.place == "customer");
    let (labels, counted, quantity) = there.fold((0, 0, Decimal::ZERO), |sum, pile| {
        (sum.0 + pile.labels, sum.1 + pile.counted, sum.2 + pile.quantity)
    });
    assert_eq!((labels, counted, quantity), (3, 1, Decimal::ONE));
    let who = view.consignees.iter().find(|one| one.consignee_id == acme).unwrap();
    assert_eq!((who.labels, who.counted), (3, 1));
    let lines = run(&site, async |tx| Ok(store::consignees::goods(tx, id, acme).await?)).await.unwrap();
    let told: Vec<_> = lines.iter().map(|line| (line.item.as_str(), line.quantity.normalize())).collect();
    assert_eq!(told, [("MOTOR", Decimal::ONE)], "a letter names what is to come back");
    let units = run(&site, async |tx| read::units(tx, id, "customer", None, None, 10).await).await.unwrap();
    let inside: Vec<_> =
        units.units.iter().filter_map(|unit| Some((&unit.uid, unit.inside_of.as_ref()?))).collect();
    assert_eq!(inside, [(&bolt(1), &uid("KOL", "FG", 1))]);
    let own = Answer { uid: bolt(1), outcome: "returned".into(), ..Answer::default() };
    let refused = answer(&site, id, &own).await.unwrap_err();
    assert!(matches!(refused, RecallError::Fields(wrong) if wrong == [("uid", "recalls-wrong-unit-inside")]));
    // The bolt alone comes back, taken out: the motor is still there.
    site.say("KOL", event(Stage::Return, "2026-02-02T09:00:00Z").part(&bolt(1), Role::Subject));
    site.settle().await;
    turn(&site).await;
    assert_eq!(of(effect(&site, id).await), [(1, Decimal::ONE, Decimal::ZERO)]);
    // The motor comes back, and with it all that is in it.
    let motor = uid("KOL", "FG", 1);
    site.say("KOL", event(Stage::Return, "2026-02-03T09:00:00Z").part(&motor, Role::Subject));
    site.settle().await;
    turn(&site).await;
    assert_eq!(of(effect(&site, id).await), [(1, Decimal::ONE, Decimal::ONE)]);
}

#[tokio::test]
async fn packed_goods_count_once_whether_they_come_back_in_their_package_or_without_it() {
    let mut site = site().await;
    // Three more bolts of the lot, in a box of their own, sent to ACME.
    let boxed = uid("KOL", "PK", 7);
    let mut packing =
        event(Stage::Packing, "2026-01-14T09:00:00Z").action(Which::Add).mint(&boxed, Role::Parent, "BOX");
    for n in 11..=13 {
        let mut made = event(Stage::Commission, "2026-01-14T08:00:00Z").mint(&bolt(n), Role::Subject, "BOLT");
        made = made.quantity("1", "pcs");
        made.subjects[0].lot_id = lot().as_bytes().to_vec();
        site.say("KOL", made);
        packing = packing.part(&bolt(n), Role::Child);
    }
    site.say("KOL", packing);
    let sent = event(Stage::Dispatch, "2026-01-14T10:00:00Z").part(&boxed, Role::Subject);
    site.say("KOL", sent.document("desadv", "DC-8").document("customer", "ACME"));
    site.settle().await;
    let (id, acme) = active(&site).await;
    turn(&site).await;
    let of = |effect: Effectiveness| {
        let lines = effect.consignees.into_iter().filter(|line| line.consignee == acme);
        lines.map(|line| (line.labels, line.to_account, line.accounted)).collect::<Vec<_>>()
    };
    // A motor and three bolts; two boxes are no goods.
    assert_eq!(of(effect(&site, id).await), [(4, Decimal::from(4), Decimal::ZERO)]);
    let units = run(&site, async |tx| read::units(tx, id, "customer", None, None, 20).await).await.unwrap();
    let packs: Vec<_> = units.units.iter().filter(|unit| unit.packs).map(|unit| unit.uid.as_str()).collect();
    assert_eq!(packs, [uid("KOL", "PK", 1), boxed.clone()]);
    let whole = Answer { uid: boxed.clone(), outcome: "returned".into(), ..Answer::default() };
    let refused = answer(&site, id, &whole).await.unwrap_err();
    assert!(matches!(refused, RecallError::Fields(wrong) if wrong == [("uid", "recalls-wrong-unit-packs")]));
    // One comes back without the box, then the box with the others.
    site.say("KOL", event(Stage::Return, "2026-02-02T09:00:00Z").part(&bolt(11), Role::Subject));
    site.settle().await;
    turn(&site).await;
    assert_eq!(of(effect(&site, id).await), [(4, Decimal::from(4), Decimal::ONE)]);
    site.say("KOL", event(Stage::Return, "2026-02-03T09:00:00Z").part(&boxed, Role::Subject));
    site.settle().await;
    turn(&site).await;
    assert_eq!(of(effect(&site, id).await), [(4, Decimal::from(4), Decimal::from(3))]);
}

#[tokio::test]
async fn what_came_back_without_its_package_before_is_with_us_and_its_customer_not_told() {
    let mut site = site().await;
    let back = event(Stage::Return, "2026-01-20T09:00:00Z").part(&uid("KOL", "FG", 1), Role::Subject);
    site.say("VSK", back.at("Returns-Bay"));
    site.settle().await;
    let id = begun(&site, &wish()).await;
    let there = run(&site, async |tx| read::units(tx, id, "customer", None, None, 20).await).await.unwrap();
    assert_eq!(there.units.len(), 0, "neither the motor, nor the bolt in it, nor the box that it left");
    assert_eq!(site.ask("select code from recall_consignees where code = 'ACME'").await, "");
    let at = "select plant || ' ' || location || ' ' || custody from uid_registry where item = 'MOTOR'";
    assert_eq!(site.ask(at).await, "VSK Returns-Bay 1");
}

#[tokio::test]
async fn a_drill_counts_no_returns() {
    let mut site = site().await;
    begun(&site, &Wish { kind: "drill".into(), ..wish() }).await;
    site.say("KOL", event(Stage::Return, "2026-02-02T09:00:00Z").part(&uid("KOL", "PK", 1), Role::Subject));
    site.settle().await;
    turn(&site).await;
    assert_eq!(count(&site, "select count(*) from recall_responses").await, 0);
}

#[tokio::test]
async fn a_return_waits_until_what_was_sent_before_it_is_known() {
    let mut site = site().await;
    active(&site).await;
    turn(&site).await;
    let back = event(Stage::Return, "2026-02-02T09:00:00Z").part(&uid("KOL", "PK", 1), Role::Subject);
    site.say("KOL", back.document("recadv", "RET-1"));
    site.send("KOL").await;
    turn(&site).await;
    let counted = "select (count(*) > 0)::text from recall_responses";
    assert_eq!(site.ask(counted).await, "false", "nothing of that batch is projected yet");
    site.project().await;
    turn(&site).await;
    assert_eq!(site.ask(counted).await, "true");
}

#[tokio::test]
async fn a_box_that_was_on_a_pallet_comes_back_with_what_is_in_it() {
    let mut site = site().await;
    let (inner, pallet) = (uid("KOL", "PK", 50), uid("KOL", "PK", 51));
    for (minute, what, into) in [(0, bolt(2), &inner), (1, inner.clone(), &pallet)] {
        let at = format!("2026-01-14T09:{minute:02}:00Z");
        let put = event(Stage::Packing, &at).action(Which::Add).mint(into, Role::Parent, "BOX");
        site.say("KOL", put.part(&what, Role::Child));
    }
    let sent = event(Stage::Dispatch, "2026-01-15T09:00:00Z").part(&pallet, Role::Subject);
    site.say("KOL", sent.document("desadv", "DC-8").document("customer", "ACME"));
    site.settle().await;
    active(&site).await;
    turn(&site).await;
    // The plant that gets it names the box alone.
    let back = event(Stage::Return, "2026-02-02T09:00:00Z").part(&inner, Role::Subject);
    site.say("VSK", back.document("recadv", "RET-2"));
    site.settle().await;
    turn(&site).await;
    let counted = "select (key % 1000) || ' ' || returned::numeric(9, 0) || ' ' || reference \
                   from recall_responses where event_id is not null order by key % 1000";
    assert_eq!(site.ask(counted).await, "2 1 RET-2 50 1 RET-2", "and not the pallet");
}
