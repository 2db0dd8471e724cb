//! Units that leave while a recall is being prepared, and before its hold has come.

use super::*;

async fn beta(site: &Site) {
    site.sql(
        "insert into partners (tenant_id, partner, name, roles) values (app.tenant(), 'BETA', 'Beta', '{customer}'); \
         insert into contacts (tenant_id, contact, partner, name, email, language) values \
             (app.tenant(), 'K7', 'BETA', 'Ravi', 'ravi@beta.example', 'hi')",
    )
    .await;
}

fn sent(at: &str, what: &str, to: &str) -> proto::v1::Event {
    event(Stage::Dispatch, at).part(what, Role::Subject).document("desadv", "DC-9").document("customer", to)
}

async fn where_is(site: &Site, what: u64) -> String {
    let sql: &'static str = Box::leak(
        format!(
            "select concat_ws(' ', m.place, (select c.code from recall_consignees c \
                 where c.consignee_id = m.consignee_id), m.since is not null, m.hold_id is not null) \
             from recall_members m where m.key = {}",
            crate::testing::key(&bolt(what)),
        )
        .into_boxed_str(),
    );
    site.ask(sql).await
}

#[tokio::test]
async fn what_was_sent_away_while_the_draft_waited_is_written_for() {
    let mut site = site().await;
    beta(&site).await;
    let id = begun(&site, &wish()).await;
    assert_eq!(where_is(&site, 2).await, "stock KOL f f");
    site.say("KOL", sent("2026-01-20T09:00:00Z", &bolt(2), "BETA"));
    site.settle().await;
    acted(&site, id, Action::Activate).await.unwrap();
    assert_eq!(where_is(&site, 2).await, "customer BETA f t");
    let letters = "select email from recall_letters order by email";
    assert_eq!(
        site.ask(letters).await,
        "john@acme.example lakshmi@acme.example ravi@beta.example",
        "whoever has it now is written to"
    );
    turn(&site).await;
    assert_eq!(site.ask("select count(*)::text from recall_letters").await, "3");
}

#[tokio::test]
async fn what_an_offline_plant_sent_away_before_the_hold_came_is_found_and_written_for() {
    let mut site = site().await;
    beta(&site).await;
    let id = begun(&site, &wish()).await;
    acted(&site, id, Action::Activate).await.unwrap();
    turn(&site).await;
    let before = site.ask("select held || '/' || to_hold || ' ' || members from recalls").await;
    assert_eq!(before, "7/7 8");
    // It builds one into a pump, packs that, and sends it to one who knows of nothing; and
    // another to one who was written to already.
    let (pump, package) = (uid("KOL", "FG", 7), uid("KOL", "PK", 7));
    let put = |stage, at: &str, into: &str, item: &str, what: &str| {
        event(stage, at)
            .action(Which::Add)
            .mint(into, Role::Parent, item)
            .quantity("1", "pcs")
            .part(what, Role::Child)
    };
    site.say("KOL", put(Stage::Assembly, "2026-01-20T09:00:00Z", &pump, "PUMP", &bolt(2)));
    site.say("KOL", put(Stage::Packing, "2026-01-20T10:00:00Z", &package, "BOX", &pump));
    site.say("KOL", sent("2026-01-20T11:00:00Z", &package, "BETA"));
    site.say("VSK", sent("2026-01-20T12:00:00Z", &bolt(6), "ACME"));
    site.settle().await;
    turn(&site).await;
    assert_eq!(where_is(&site, 2).await, "customer BETA t t");
    assert_eq!(where_is(&site, 6).await, "customer ACME t t");
    // The pump and its package came to the recall; nothing is left to be held.
    assert_eq!(site.ask("select members::text from recalls").await, "10");
    assert_eq!(site.ask("select (held = to_hold)::text from recalls").await, "true");
    let late = "select item || '=' || place from recall_members where since is not null order by item, place";
    assert_eq!(site.ask(late).await, "BOLT=customer BOLT=customer BOX=customer PUMP=customer");
    let letters = "select email || ':' || count(*) from recall_letters group by email order by email";
    assert_eq!(site.ask(letters).await, "john@acme.example:2 lakshmi@acme.example:2 ravi@beta.example:1");
    // Once: neither the same batches nor a crash in between say it again.
    turn(&site).await;
    assert_eq!(site.ask(letters).await, "john@acme.example:2 lakshmi@acme.example:2 ravi@beta.example:1");
    let units = run(&site, async |tx| read::units(tx, id, "customer", None, None, 50).await).await.unwrap();
    assert_eq!(units.units.iter().filter(|unit| unit.since.is_some()).count(), 4);
}

#[tokio::test]
async fn what_comes_back_is_counted_by_what_came_back_of_it() {
    let mut site = site().await;
    site.sql("update uid_registry set quantity = 10 where item = 'BOLT'").await;
    let id = begun(&site, &Wish { lot: String::new(), uid: bolt(2), descendants: false, ..wish() }).await;
    site.say("KOL", sent("2026-01-20T09:00:00Z", &bolt(2), "ACME"));
    site.settle().await;
    site.sql("update uid_registry set quantity = 10 where item = 'BOLT'").await;
    acted(&site, id, Action::Activate).await.unwrap();
    for (at, quantity) in [("2026-01-21T09:00:00Z", "3"), ("2026-01-22T09:00:00Z", "4")] {
        site.say("KOL", event(Stage::Return, at).part(&bolt(2), Role::Subject).quantity(quantity, "pcs"));
        site.settle().await;
        turn(&site).await;
    }
    let said = "select returned::integer::text from recall_responses order by at";
    assert_eq!(site.ask(said).await, "3 4");
    let effect = run(&site, async |tx| read::effectiveness(tx, id).await).await.unwrap();
    assert_eq!((effect.totals[0].to_account, effect.totals[0].accounted), (10.into(), 7.into()));
}

#[tokio::test]
async fn goods_three_packages_deep_are_found_with_whoever_has_them() {
    let mut site = site().await;
    beta(&site).await;
    let package = |plant: &str, n| uid(plant, "PK", n);
    let put = |at: &str, what: &str, into: &str| {
        event(Stage::Packing, at).action(Which::Add).mint(into, Role::Parent, "BOX").part(what, Role::Child)
    };
    // One in a box, in a carton, on a pallet: sent, taken out there, and installed.
    let [small, carton, pallet] = [21, 22, 23].map(|n| package("KOL", n));
    site.say("KOL", put("2026-01-14T09:00:00Z", &bolt(2), &small));
    site.say("KOL", put("2026-01-14T10:00:00Z", &small, &carton));
    site.say("KOL", put("2026-01-14T11:00:00Z", &carton, &pallet));
    site.say("KOL", sent("2026-01-15T09:00:00Z", &pallet, "BETA"));
    site.say(
        "KOL",
        event(Stage::Packing, "2026-01-16T09:00:00Z")
            .action(Which::Delete)
            .part(&small, Role::Parent)
            .part(&bolt(2), Role::Child),
    );
    site.say(
        "KOL",
        event(Stage::Installation, "2026-01-16T10:00:00Z").part(&bolt(2), Role::Subject).at("HALL 2"),
    );
    // The box comes back empty, and goes to another.
    site.say("KOL", event(Stage::Return, "2026-01-17T09:00:00Z").part(&small, Role::Subject));
    site.say("KOL", sent("2026-01-18T09:00:00Z", &small, "ACME"));
    // Another as deep, still here.
    let [small, carton, pallet, other] = [31, 32, 33, 34].map(|n| package("VSK", n));
    site.say("VSK", put("2026-01-14T09:00:00Z", &bolt(6), &small));
    site.say("VSK", put("2026-01-14T10:00:00Z", &small, &carton));
    site.say("VSK", put("2026-01-14T11:00:00Z", &carton, &pallet));
    site.settle().await;
    let id = begun(&site, &wish()).await;
    assert_eq!(where_is(&site, 2).await, "installed BETA f f");
    assert_eq!(where_is(&site, 6).await, "stock VSK f f");
    acted(&site, id, Action::Activate).await.unwrap();
    turn(&site).await;
    let letters = "select count(*) from recall_letters where email = 'ravi@beta.example'";
    let before = count(&site, letters).await;
    // Offline, the carton goes onto another pallet, and away: no event names the bolt, nor
    // what was around all of it when the recall began.
    site.say("VSK", put("2026-01-20T09:00:00Z", &carton, &other));
    site.say("VSK", sent("2026-01-20T10:00:00Z", &other, "BETA"));
    site.settle().await;
    turn(&site).await;
    assert_eq!(where_is(&site, 6).await, "customer BETA t t");
    assert_eq!(count(&site, letters).await, before + 1, "told once more of what came since");
}

#[tokio::test]
async fn what_finds_no_room_in_a_recall_is_told_to_people() {
    let mut site = site().await;
    let id = begun(&site, &wish()).await;
    acted(&site, id, Action::Activate).await.unwrap();
    turn(&site).await;
    // As many as there may be.
    site.sql(
        "insert into recall_members (tenant_id, recall_id, key, item, quantity, unit, place, plant, location, \
             document) \
         select app.tenant(), recall_id, -g, 'BOLT', 1, 'pcs', 'scrapped', 'KOL', '', '' \
         from recalls, generate_series(1, 199992) as g",
    )
    .await;
    let whole = run(&site, async |tx| read::find(tx, id).await).await.unwrap();
    assert_eq!(whole.incomplete_at, None);
    // One more of the lot.
    let mut made = event(Stage::Commission, "2026-01-10T08:00:00Z")
        .mint(&bolt(7), Role::Subject, "BOLT")
        .quantity("1", "pcs");
    made.subjects[0].lot_id = lot().as_bytes().to_vec();
    site.say("KOL", made);
    site.settle().await;
    turn(&site).await;
    let found = run(&site, async |tx| read::find(tx, id).await).await.unwrap();
    assert!(found.incomplete_at.is_some());
    let history = run(&site, async |tx| read::history(tx, id).await).await.unwrap();
    assert_eq!(history.iter().filter(|(_, what, _)| what == "recall.incomplete").count(), 1);
    let all = std::sync::Arc::new(platform::i18n::I18n::new().with_all(crate::recalls::TEXTS));
    let texts = platform::i18n::Texts::new(all, platform::i18n::Lang::En);
    let said = crate::recalls::report::incomplete(&texts, &found, chrono_tz::UTC).unwrap();
    assert!(said.contains("Not all that belongs to this recall is in it"), "{said}");
    let web = super::http::Web::new(&site);
    let reader = super::http::key(&site, site.tenant, platform::web::Scope::Read).await;
    let (_, page) = web.get(&reader, &format!("/recalls/{id}")).await;
    assert!(page.contains("Not all that belongs to this recall is in it"), "{page}");
}
