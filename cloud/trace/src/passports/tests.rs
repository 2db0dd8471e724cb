//! Passports over HTTP, as the office and the public meet them.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use chrono::Utc;
use platform::secrets::Secrets;
use platform::web::{AppState, Module, Scope, app, keys};
use proto::v1::{Action, Outcome, Role, Stage};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::testing::{EXAMPLE, Say, Site as Plants, event, example, uid};

struct Site {
    plants: Plants,
    router: Router,
    key: String,
    secrets: Secrets,
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn unit() -> String {
    uid("KOL", "FG", 1)
}

impl Site {
    /// A unit made of the example's steel, inspected twice.
    async fn new() -> Self {
        let mut plants = Plants::new().await;
        plants
            .sql(
                "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking, gtin)
                 values (app.tenant(), 'PUMP', 'Pump', '{\"hi\": \"पंप\"}', 'FG', 'pcs', 'unit', '4006381333931');
                 insert into partners (tenant_id, partner, name, roles)
                 values (app.tenant(), 'XYZ', 'Steel of XYZ', '{supplier}')",
            )
            .await;
        example(&mut plants);
        let mut made = event(Stage::Transformation, "2025-01-21T20:00:00Z")
            .part(EXAMPLE, Role::Input)
            .quantity("10", "kg")
            .mint(&unit(), Role::Output, "PUMP");
        made.operator_id = "OP-SECRET".into();
        plants.say("KOL", made);
        let mut looked = event(Stage::Inspection, "2025-01-22T08:00:00Z").part(&unit(), Role::Subject);
        looked.operation = "FINAL".into();
        looked.operator_id = "OP-SECRET".into();
        plants.say("KOL", looked.clone().result(Outcome::Failed));
        plants.say("KOL", looked.result(Outcome::Passed));
        plants.settle().await;
        let secrets = Secrets::passing().unwrap();
        crate::proofs::tree::catch_up(&plants.db.db, &secrets, plants.tenant, Utc::now()).await.unwrap();
        let modules = vec![super::module()];
        let state = AppState::builder(plants.db.db.clone())
            .modules(&modules)
            .secrets(secrets.clone())
            .public_url("https://tw.example")
            .build();
        let router = app(state, Module::all_routes(modules));
        let key = keys::create(&plants.db.db, plants.tenant, "passports", &[Scope::Admin], None).await;
        let key = key.unwrap().reveal().to_owned();
        Self { plants, router, key, secrets }
    }

    async fn send(&self, request: axum::http::request::Builder, body: Value) -> Answer {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Answer { status, headers, body: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    async fn office(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request, body).await
    }

    async fn public(&self, link: &str, language: &str) -> Answer {
        let path = link.strip_prefix("https://tw.example").unwrap_or(link);
        self.send(Request::builder().uri(path).header(header::ACCEPT_LANGUAGE, language), Value::Null).await
    }

    async fn made(&self) -> (String, String) {
        let made = self.office("POST", "/api/v1/passports", json!({ "uid": unit() })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let made = made.json();
        (made["passport_id"].as_str().unwrap().to_owned(), made["link"].as_str().unwrap().to_owned())
    }

    async fn shows(&self, mut settings: Value) {
        let now = self.office("GET", "/api/v1/passports/settings", Value::Null).await.json();
        settings["version"] = now["version"].clone();
        let set = self.office("PUT", "/api/v1/passports/settings", settings).await;
        assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    }
}

#[tokio::test]
async fn a_passport_is_seen_once_the_tenant_turned_it_on() {
    let site = Site::new().await;
    let (id, link) = site.made().await;
    assert!(link.starts_with("https://tw.example/01/04006381333931/21/"), "{link}");
    assert_eq!(site.made().await, (id.clone(), link.clone()), "a unit has one");
    let key = link.split_once("?k=").unwrap().1.to_owned();
    let short = format!("/p/{key}");

    // Off, never made, another unit's link: all alike.
    let off = site.public(&link, "en").await;
    assert_eq!(off.status, StatusCode::NOT_FOUND);
    let all = json!({ "shown": true, "item": true, "made_on": true, "made_at": true, "suppliers": true,
                      "inspections": true, "proof": true, "certificates": "ISO 9001", "contact": "help@saif.example" });
    site.shows(all).await;
    let never = format!("/p/SAIF{}", "A".repeat(26));
    let wrong_serial = link.replace("/21/KOLFG", "/21/KOLFX");
    let stranger = format!("/p/ZZZZ{}", &key[4..]);
    for other in [never.as_str(), "/p/nonsense", &wrong_serial, &stranger, "/01/04006381333931/21/X"] {
        let answer = site.public(other, "en").await;
        assert_eq!((answer.status, &answer.body), (StatusCode::NOT_FOUND, &off.body), "{other}");
    }

    let page = site.public(&link, "en").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for told in ["Pump", "Steel of XYZ", "FINAL", "ISO 9001", "help@saif.example", "All 3 records", &unit()] {
        assert!(page.body.contains(told), "{told} is not told: {}", page.body);
    }
    assert_eq!(page.body.matches("class=\"good\"").count(), 1, "only what it passed");
    for secret in ["OP-SECRET", "PO-2025", "GRN-2025", "HEAT-77", EXAMPLE, "SN-4711"] {
        assert!(!page.body.contains(secret), "{secret} is told");
    }
    assert!(page.headers.get(header::SET_COOKIE).is_none());
    let kept = page.headers[header::CACHE_CONTROL].to_str().unwrap();
    assert_eq!(
        (kept, page.headers[header::VARY].to_str().unwrap().contains("accept-language")),
        ("public, max-age=300", true)
    );
    let hindi = site.public(&short, "hi-IN,hi;q=0.9,en;q=0.5").await;
    assert!(hindi.body.contains("lang=\"hi\"") && hindi.body.contains("पंप"), "{}", hindi.body);

    // The proof to take along tells that everything is there, and nothing of it.
    let file = site.public(&format!("{short}/history.json"), "en").await;
    let report = verify::history::check(file.body.as_bytes(), None).unwrap();
    assert_eq!((report.uid, report.events, report.withheld), (unit(), 3, 3));

    // Nothing more than was chosen.
    site.shows(json!({ "shown": true, "made_on": true })).await;
    let little = site.public(&short, "en").await;
    for told in ["Pump", "Steel of XYZ", "FINAL", "ISO 9001", "help@saif.example", "history.json"] {
        assert!(!little.body.contains(told), "{told} is told: {}", little.body);
    }
    assert_eq!(site.public(&format!("{short}/history.json"), "en").await.status, StatusCode::NOT_FOUND);

    let end = format!("/api/v1/passports/{id}/end");
    for none in ["", "  "] {
        let refused = site.office("POST", &end, json!({ "reason": none })).await;
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("reason"))
        );
    }
    assert_eq!(site.public(&link, "en").await.status, StatusCode::OK, "nothing has ended");
    let ended = site.office("POST", &end, json!({ "reason": "the label was torn" })).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let why = site.plants.ask("select after->>'reason' from audit_log where action = 'passport.end'").await;
    assert_eq!(why, "the label was torn");
    assert_eq!(site.public(&link, "en").await.body, off.body);
    assert_ne!(site.made().await.1, link, "a new one has another key");
    let audited =
        site.plants.ask("select distinct action from audit_log where action like 'passport.%' order by 1");
    assert_eq!(audited.await, "passport.end passport.make passport.set");
    // Of the unit's plant; what passports show is for all of them.
    let plants = site.plants.ask(
        "select distinct action || '=' || coalesce(array_to_string(plants, ','), 'none')
         from audit_log where action like 'passport.%' order by 1",
    );
    assert_eq!(plants.await, "passport.end=KOL passport.make=KOL passport.set=none");
}

#[tokio::test]
async fn a_unit_that_failed_since_is_not_told_to_have_passed() {
    let mut site = Site::new().await;
    let (_, link) = site.made().await;
    site.shows(json!({ "shown": true, "inspections": true })).await;
    assert!(site.public(&link, "en").await.body.contains("FINAL"));
    let mut looked = event(Stage::Inspection, "2025-01-23T08:00:00Z").part(&unit(), Role::Subject);
    looked.operation = "FINAL".into();
    let failed = site.plants.say("KOL", looked.result(Outcome::Failed));
    site.plants.settle().await;
    let page = site.public(&link, "en").await;
    assert!(page.status == StatusCode::OK && !page.body.contains("FINAL"), "{}", page.body);
    // It was said by mistake: the one before it stands again.
    site.plants.say("KOL", event(Stage::Correct, "2025-01-23T09:00:00Z").corrects(failed));
    site.plants.settle().await;
    assert!(site.public(&link, "en").await.body.contains("FINAL"));
}

#[tokio::test]
async fn the_supplier_of_a_part_that_was_swapped_is_not_told() {
    let mut site = Site::new().await;
    site.plants
        .sql(
            "insert into partners (tenant_id, partner, name, roles) values
                 (app.tenant(), 'OLD', 'Seals of yesterday', '{supplier}'),
                 (app.tenant(), 'NEW', 'Seals of today', '{supplier}')",
        )
        .await;
    let seal = |n: u64| uid("KOL", "SP", n);
    for (n, supplier) in [(1, "OLD"), (2, "NEW")] {
        let mut born = event(Stage::Grn, "2025-01-19T08:00:00Z")
            .mint(&seal(n), Role::Subject, "SEAL")
            .quantity("1", "pcs");
        let lot = uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0050 + u128::from(n));
        born.lots.push(proto::v1::Lot {
            lot_id: lot.as_bytes().to_vec(),
            item: "SEAL".into(),
            supplier: supplier.into(),
            supplier_lot: format!("SEAL-{n}"),
            ..Default::default()
        });
        born.subjects[0].lot_id = lot.as_bytes().to_vec();
        site.plants.say("KOL", born);
    }
    let built = event(Stage::Assembly, "2025-01-22T09:00:00Z").action(Action::Add);
    site.plants.say("KOL", built.part(&unit(), Role::Parent).part(&seal(1), Role::Child));
    site.plants.settle().await;
    let (_, link) = site.made().await;
    site.shows(json!({ "shown": true, "suppliers": true })).await;
    let page = site.public(&link, "en").await;
    assert!(page.body.contains("Seals of yesterday") && page.body.contains("Steel of XYZ"), "{}", page.body);
    let swapped = event(Stage::Service, "2026-01-22T09:00:00Z").part(&unit(), Role::Parent);
    site.plants.say("KOL", swapped.part(&seal(1), Role::Output).part(&seal(2), Role::Input));
    site.plants.settle().await;
    let page = site.public(&link, "en").await;
    assert!(page.body.contains("Seals of today") && page.body.contains("Steel of XYZ"), "{}", page.body);
    assert!(!page.body.contains("Seals of yesterday"), "{}", page.body);
}

#[tokio::test]
async fn the_key_is_kept_as_a_hash_and_sealed() {
    let site = Site::new().await;
    let (_, link) = site.made().await;
    let key = link.split_once("?k=").unwrap().1.to_owned();
    let kept =
        site.plants.ask("select encode(key_hash, 'escape') || encode(sealed, 'escape') from passports").await;
    assert!(!kept.contains(&key) && !kept.contains(&key[4..12]), "{kept}");
    let cx = site.plants.cx();
    let again = site.plants.db.db.tx(&cx, async |tx| super::reseal(tx, &site.secrets).await).await;
    assert_eq!(again.unwrap(), 0);
}

#[tokio::test]
async fn what_is_not_right_is_told() {
    let site = Site::new().await;
    let container = site.office("POST", "/api/v1/passports", json!({ "uid": EXAMPLE })).await;
    assert_eq!(
        (container.status, &container.json()["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("passport.container"))
    );
    // A part, one that the items do not know, one that is used up, one that is held.
    site.plants
        .sql(
            "insert into items (tenant_id, item, name, type_code, base_unit, tracking) values
                 (app.tenant(), 'GEAR', 'Gear', 'SF', 'pcs', 'unit');
             insert into uid_registry (tenant_id, key, item, life, born_agent, born_epoch, born_seq, born_at, last_at,
                 last_stage)
             select app.tenant(), r.key + i.n, i.item, i.life, r.born_agent, 1, 1, now(), now(), 1
             from uid_registry r cross join (values (1, 'GEAR', 2), (2, 'NONE', 2), (3, 'PUMP', 3), (4, 'PUMP', 2))
                 as i(n, item, life) where r.item = 'PUMP';
             insert into holds (tenant_id, hold_id, reason, scope)
                 values (app.tenant(), '01900000-0000-7000-8000-000000000001', 'crack', '{}');
             insert into hold_members (tenant_id, hold_id, key)
                 select app.tenant(), '01900000-0000-7000-8000-000000000001', max(key) from uid_registry
                     where item = 'PUMP'",
        )
        .await;
    for (n, code) in [(2, "unfinished"), (3, "unfinished"), (4, "life"), (5, "held")] {
        let refused = site.office("POST", "/api/v1/passports", json!({ "uid": uid("KOL", "FG", n) })).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(format!("passport.{code}"))),
            "{n}"
        );
    }
    let unknown = site.office("POST", "/api/v1/passports", json!({ "uid": uid("KOL", "FG", 99) })).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{}", unknown.body);
    let long = json!({ "certificates": "x".repeat(2001), "contact": "y".repeat(501) });
    let told = site.office("PUT", "/api/v1/passports/settings", long).await;
    assert_eq!(
        (told.status, told.json()["errors"].as_array().unwrap().len()),
        (StatusCode::UNPROCESSABLE_ENTITY, 2)
    );
    site.shows(json!({ "shown": true })).await;
    let stale =
        site.office("PUT", "/api/v1/passports/settings", json!({ "shown": false, "version": 0 })).await;
    assert_eq!(stale.status, StatusCode::CONFLICT, "{}", stale.body);
}

#[tokio::test]
async fn an_address_may_look_so_often() {
    let site = Site::new().await;
    let from = |last: u8| {
        let address = std::net::SocketAddr::from(([203, 0, 113, last], 4711));
        Request::builder().uri("/p/nonsense").extension(axum::extract::ConnectInfo(address))
    };
    let mut told = Vec::new();
    for _ in 0..200 {
        told.push(site.send(from(9), Value::Null).await.status);
    }
    let granted = told.iter().filter(|status| **status == StatusCode::NOT_FOUND).count();
    let refused = told.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
    assert!(granted >= 60 && refused > 0 && granted + refused == 200, "{granted} {refused}");
    assert_eq!(site.send(from(10), Value::Null).await.status, StatusCode::NOT_FOUND, "another address");
}

#[test]
fn all_texts_are_there() {
    platform::i18n::assert_complete(super::TEXTS);
}
