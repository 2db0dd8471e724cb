//! Pages and API over HTTP, with the real router and database.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use platform::i18n::{Lang, Texts, assert_complete};
use platform::web::{AppState, Module, Scope, keys};
use proto::v1::{Action, Outcome, Quality, Reading, Role, Stage};
use tower::ServiceExt;

use crate::ingest::Committed;
use crate::testing::{EXAMPLE, Say, Site, event, example, uid};

pub(super) struct Web {
    router: Router,
    key: String,
}

impl Web {
    pub(super) async fn new(site: &Site, scope: Scope) -> Self {
        Self::beside(site, scope, Vec::new()).await
    }

    /// With other parts beside.
    pub(super) async fn beside(site: &Site, scope: Scope, others: Vec<Module>) -> Self {
        let genealogy = site.genealogy();
        let mut modules =
            vec![crate::module(&Committed::default(), &genealogy), crate::holds::module(&genealogy)];
        modules.extend(others);
        let state = AppState::builder(site.db.db.clone()).modules(&modules).build();
        let key = keys::create(&site.db.db, site.tenant, "test", &[scope], None).await.unwrap();
        Self {
            router: platform::web::app(state, platform::web::Module::all_routes(modules)),
            key: key.reveal().to_owned(),
        }
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &str,
    ) -> (StatusCode, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, kind)
            .header(header::ACCEPT, if path.starts_with("/api") { "application/json" } else { "text/html" })
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// A file.
    pub(super) async fn bytes(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .body(Body::empty())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), 10_000_000).await.unwrap().to_vec())
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, String) {
        self.send("GET", path, "", "").await
    }

    /// A page for a reader of another language.
    pub(super) async fn get_in(&self, lang: Lang, path: &str) -> String {
        let request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, format!("twl={}", lang.code()))
            .body(Body::empty())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
        let page = String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        page
    }

    pub(super) async fn json(&self, path: &str) -> serde_json::Value {
        let (status, text) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// The texts in English.
pub(super) fn english() -> Texts {
    words(Lang::En)
}

/// The texts in a language.
pub(super) fn words(lang: Lang) -> Texts {
    let all = std::sync::Arc::new(platform::i18n::I18n::new().with_all(super::TEXTS));
    Texts::new(all, lang)
}

#[test]
fn texts_are_complete_in_every_language() {
    assert_complete(super::TEXTS);
}

#[test]
fn every_text_of_a_template_exists() {
    let all = std::sync::Arc::new(platform::i18n::I18n::new().with_all(super::TEXTS));
    let templates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut seen = 0;
    let files = std::fs::read_dir(templates).unwrap();
    for file in files.filter(|file| file.as_ref().unwrap().path().is_file()) {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for piece in source.split("\"trace-").skip(1) {
            let key = format!("trace-{}", piece.split('"').next().unwrap());
            assert!(all.has(&key), "{key}");
            seen += 1;
        }
    }
    assert!(seen > 40);
    let texts = Texts::new(all.clone(), Lang::En);
    for number in 1..=38_i16 {
        let stage = crate::explore::names::stage(number).as_str_name();
        assert!(all.has(&format!("trace-stage-{stage}")), "{stage}");
        assert_ne!(super::say::stage(&texts, stage), stage);
    }
    // Parts that open exceptions name them.
    let all = platform::i18n::I18n::new()
        .with_all(super::TEXTS)
        .with_all(crate::holds::TEXTS)
        .with_all(crate::proofs::TEXTS);
    for (kind, _) in crate::exceptions::kinds::KINDS {
        assert!(all.has(&format!("trace-exception-{}", kind.replace('.', "-"))), "{kind}");
    }
    for item in super::NAV {
        assert!(all.has(item.label_key));
    }
}

/// A motor from a bolt, tested, packed and sent; with a refused scan beside.
async fn story() -> Site {
    let mut site = Site::new().await;
    example(&mut site);
    let (motor, package) = (uid("KOL", "FG", 1), uid("KOL", "PK", 1));
    site.say(
        "KOL",
        event(Stage::Assembly, "2025-01-21T09:00:00Z")
            .action(Action::Add)
            .mint(&motor, Role::Parent, "MOTOR")
            .part(EXAMPLE, Role::Child)
            .document("prodorder", "PO-2025-010"),
    );
    let mut tested =
        event(Stage::Operation, "2025-01-21T10:00:00Z").part(&motor, Role::Subject).result(Outcome::Passed);
    tested.operation = "TORQUE".into();
    tested.attempt = 1;
    tested.machine = "BENCH-1".into();
    tested.operator_id = "op-7".into();
    tested.readings = vec![Reading {
        name: "torque".into(),
        value: "12.5".into(),
        unit: "Nm".into(),
        quality: Quality::Good.into(),
        low: "10".into(),
        high: "12".into(),
        at_us: tested.occurred_at_us,
    }];
    site.say("KOL", tested);
    site.say(
        "KOL",
        event(Stage::Inspection, "2025-01-21T10:30:00Z").part(&motor, Role::Subject).result(Outcome::Passed),
    );
    site.say("KOL", event(Stage::Refused, "2025-01-21T10:40:00Z").part(&motor, Role::Subject));
    site.say("KOL", event(Stage::Commission, "2025-01-21T11:00:00Z").mint(&package, Role::Subject, ""));
    site.say(
        "KOL",
        event(Stage::Packing, "2025-01-21T11:01:00Z")
            .action(Action::Add)
            .part(&package, Role::Parent)
            .part(&motor, Role::Child),
    );
    site.settle().await;
    site
}

#[tokio::test]
async fn the_api_answers_over_http() {
    let site = story().await;
    let web = Web::new(&site, Scope::Write).await;
    let trace = web.json(&format!("/api/v1/trace/{EXAMPLE}")).await;
    let stages: Vec<_> =
        trace["lifecycle"].as_array().unwrap().iter().map(|entry| entry["stage"].clone()).collect();
    assert_eq!(stages, ["PROCUREMENT", "GRN", "ISSUE_TO_PRODUCTION", "ASSEMBLY"]);
    assert_eq!(trace["parents"][0]["uid"], uid("KOL", "FG", 1));
    // The keys of a lifecycle entry are the specification's, no more and no fewer.
    let mut keys: Vec<_> = trace["lifecycle"][0].as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["location", "reference", "stage", "timestamp"]);
    let motor = web.json(&format!("/api/v1/trace/{}", uid("KOL", "FG", 1))).await;
    let stages: Vec<_> =
        motor["lifecycle"].as_array().unwrap().iter().map(|entry| entry["stage"].clone()).collect();
    assert_eq!(stages, ["ASSEMBLY", "OPERATION", "INSPECTION", "PACKING"]);
    assert_eq!(motor["events"][1]["readings"][0]["outside"], true);

    let forward = web.json(&format!("/api/v1/trace/{EXAMPLE}/forward?depth=50&limit=10000")).await;
    assert_eq!(forward["mode"], "ever", "not what a recall reaches");
    let uids: Vec<_> = forward["nodes"].as_array().unwrap().iter().map(|node| node["uid"].clone()).collect();
    assert_eq!(uids, [uid("KOL", "FG", 1), uid("KOL", "PK", 1)]);
    let backward = web.json(&format!("/api/v1/trace/{}/backward", uid("KOL", "PK", 1))).await;
    assert_eq!(backward["sources"]["lots"][0]["supplier_lot"], "HEAT-77");
    assert_eq!(backward["sources"]["suppliers"][0], "XYZ");
    assert_eq!(backward["sources"]["machines"][0], "BENCH-1");
    assert_eq!(backward["sources"]["operators"][0], "op-7");
    assert_eq!(backward["sources"]["inspections"][0]["outcome"], "passed");
    assert_eq!(web.json("/api/v1/search?q=HEAT-77").await["hits"][0]["uid"], EXAMPLE);
    assert_eq!(web.json("/api/v1/agents").await["agents"].as_array().unwrap().len(), 3);
    assert_eq!(web.json("/api/v1/exceptions").await["exceptions"], serde_json::json!([]));

    for (path, status, code) in [
        ("/api/v1/trace/UID-SAIF-KOL-RM-000001-A8", 400, "uid.checksum"),
        ("/api/v1/trace/UID-SAIF-KOL-RM-000002-AE", 404, "uid.unknown"),
        ("/api/v1/trace/UID-SAIF-KOL-RM-000001-A7/forward?depth=0", 400, "query.parameter"),
        ("/api/v1/trace/UID-SAIF-KOL-RM-000001-A7/forward?depth=x", 400, "query.parameter"),
        ("/api/v1/search?q=", 400, "query.empty"),
        ("/api/v1/exceptions?status=gone", 400, "query.parameter"),
    ] {
        let (got, text) = web.get(path).await;
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((got.as_u16(), problem["code"].as_str()), (status, Some(code)), "{path}: {text}");
    }
}

#[tokio::test]
async fn a_hold_is_placed_seen_and_released() {
    let site = story().await;
    let web = Web::new(&site, Scope::Write).await;
    let json = "application/json";
    // All that is missing is told at once.
    for (path, fields) in [("/api/v1/holds", vec!["uid", "reason"]), ("/api/v1/holds/preview", vec!["uid"])] {
        let (status, text) = web.send("POST", path, json, "{}").await;
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        let wrong = told["errors"].as_array().unwrap();
        assert_eq!(
            (
                status,
                &told["code"],
                wrong.iter().map(|one| one["field"].as_str().unwrap()).collect::<Vec<_>>()
            ),
            (StatusCode::UNPROCESSABLE_ENTITY, &"hold.fields".into(), fields),
            "{path}"
        );
        assert_eq!(wrong[0]["detail"], "Say what is to be held: a UID, a lot or a scope.");
    }
    let wish = format!(r#"{{"uid":"{EXAMPLE}","descendants":true,"reason":"crack"}}"#);
    let (status, text) = web.send("POST", "/api/v1/holds", json, &wish).await;
    assert_eq!(status, StatusCode::CREATED, "{text}");
    let held: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(held["members"], 3);
    let id = held["hold_id"].as_str().unwrap();
    let trace = web.json(&format!("/api/v1/trace/{EXAMPLE}")).await;
    assert_eq!(trace["state"]["holds"][0]["reason"], "crack");
    assert_eq!(web.json("/api/v1/holds").await["holds"][0]["members"], 3);
    let (_, page) = web.get("/holds").await;
    assert!(page.contains("crack") && page.contains(EXAMPLE), "{page}");
    // Shown before it is placed, and whole once it is.
    let (status, page) = web.get(&format!("/holds/look?uid={EXAMPLE}&reason=crack&descendants=1")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("3 units") && page.contains("action=\"/holds\""), "{page}");
    // To which moment that is known, and which plants may know more.
    let fresh = |page: &str| page.contains("tr-fresh") && page.contains("Current to batch");
    assert!(fresh(&page), "{page}");
    let (status, page) = web.get(&format!("/holds/look?uid={EXAMPLE}")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "no reason: {page}");
    let (status, page) = web.get(&format!("/holds/{id}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains(EXAMPLE) && page.contains("Before the plant had the hold"), "{page}");
    assert!(fresh(&page), "{page}");
    // Whoever reads it at night sees that it is held, and what was asked for.
    assert!(page.contains("Held") && !page.contains("Free to use"), "{page}");
    assert!(page.contains("With everything made of it"), "{page}");
    let one = web.json(&format!("/api/v1/holds/{id}")).await;
    assert!(one["current_to"]["batch_id"].is_string() && one["plants_behind"].is_array(), "{one}");
    let asked = &one["asked"];
    assert_eq!((asked["what"].as_str(), asked["uid"].as_str()), (Some("label"), Some(EXAMPLE)));
    assert_eq!(asked["descendants"], true);
    assert_eq!(
        (one["members"].as_i64(), one["history"][0]["action"].as_str()),
        (Some(3), Some("hold.place"))
    );
    let members = web.json(&format!("/api/v1/holds/{id}/members?limit=2")).await;
    assert_eq!(members["members"].as_array().unwrap().len(), 2);
    let next = members["next"].as_str().unwrap();
    let rest = web.json(&format!("/api/v1/holds/{id}/members?limit=2&after={next}")).await;
    assert_eq!((rest["members"].as_array().unwrap().len(), &rest["next"]), (1, &serde_json::Value::Null));
    for list in [format!("/api/v1/holds/{id}/members"), "/api/v1/holds".to_owned()] {
        let (status, told) = web.get(&format!("{list}?after=junk")).await;
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(
            (status, &told["code"], &told["errors"][0]["field"]),
            (StatusCode::BAD_REQUEST, &"query.parameter".into(), &"after".into()),
            "{list}"
        );
    }
    assert_eq!(web.json(&format!("/api/v1/holds/{id}/acts")).await["acts"], serde_json::json!([]));
    let (status, told) = web.send("POST", &format!("/api/v1/holds/{id}/release"), json, "{}").await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (status, &told["code"], &told["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &"hold.fields".into(), &"reason".into()),
        "a reason is needed"
    );
    let why = r#"{"reason":"checked"}"#;
    let (status, _) = web.send("POST", &format!("/api/v1/holds/{id}/release"), json, why).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = web.send("POST", &format!("/api/v1/holds/{id}/release"), json, why).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(web.json("/api/v1/holds").await["holds"], serde_json::json!([]));
    let (status, _) =
        web.send("POST", "/api/v1/holds", json, r#"{"uid":"UID-SAIF-KOL-RM-000009-9F","reason":"x"}"#).await;
    assert!(status.is_client_error());
    let form = "application/x-www-form-urlencoded";
    let (status, page) = web.send("POST", "/holds", form, "uid=nonsense&reason=x").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("role=\"alert\"") && page.contains("nonsense"));
    let (status, _) = web.send("POST", "/holds", form, &format!("uid={EXAMPLE}&reason=x&whole_lot=1")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);

    let reader = Web::new(&site, Scope::Read).await;
    let (status, _) = reader.send("POST", "/api/v1/holds", json, &wish).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (_, page) = reader.get("/holds").await;
    assert!(!page.contains("action=\"/holds/look\""));
}

#[test]
fn nothing_that_is_held_or_gone_is_called_free_to_use() {
    let texts = english();
    let said = |life, quality, held| super::say::states(&texts, (life, quality, "location"), held);
    assert_eq!(said("active", "unrestricted", true), "Active · Held · At a location");
    assert_eq!(said("active", "rejected", true), "Active · Rejected · Held · At a location");
    assert_eq!(said("scrapped", "unrestricted", false), "Scrapped · At a location");
    assert_eq!(said("active", "unrestricted", false), "Active · Free to use · At a location");
}

#[tokio::test]
async fn a_lot_that_came_in_two_deliveries_says_so_wherever_it_may_be_held() {
    let mut site = story().await;
    let second = "01900000-0000-7000-8000-000000000002".parse::<uuid::Uuid>().unwrap();
    let mut grn =
        event(Stage::Grn, "2025-01-19T08:00:00Z").mint(&uid("VSK", "RM", 7), Role::Subject, "STEEL-10");
    grn.lots.push(proto::v1::Lot {
        lot_id: second.as_bytes().to_vec(),
        item: "STEEL-10".into(),
        supplier: "XYZ".into(),
        supplier_lot: "HEAT-77".into(),
        ..Default::default()
    });
    grn.subjects[0].lot_id = second.as_bytes().to_vec();
    site.say("VSK", grn);
    site.settle().await;
    let web = Web::new(&site, Scope::Write).await;
    let first = "01900000-0000-7000-8000-000000000001";
    let lot = web.json(&format!("/api/v1/trace/lot/{first}")).await;
    assert_eq!(lot["deliveries"].as_array().unwrap().len(), 2, "{lot}");
    let (_, page) = web.get(&format!("/trace/lot/{first}")).await;
    assert!(page.contains("2 deliveries") && page.contains("VSK 1"), "{page}");
    assert!(page.contains(&format!("/holds?lot={first}")), "{page}");
    let (_, page) = web.get(&format!("/holds?lot={first}")).await;
    for said in ["2 deliveries", "HEAT-77", "name=\"delivery_only\""] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let (status, page) = web.get(&format!("/holds/look?lot={first}&reason=crack")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("All of them are held") && page.contains(first), "{page}");
    let (_, page) = web.get(&format!("/holds/look?lot={first}&reason=crack&delivery_only=1")).await;
    assert!(page.contains("the named one alone"), "{page}");
    let form = "application/x-www-form-urlencoded";
    let (status, _) = web.send("POST", "/holds", form, &format!("lot={first}&reason=crack")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let id = web.json("/api/v1/holds").await["holds"][0]["hold_id"].as_str().unwrap().to_owned();
    assert_eq!(web.json(&format!("/api/v1/holds/{id}")).await["lots"], serde_json::json!([first, second]));
    let (_, page) = web.get(&format!("/holds/{id}")).await;
    assert!(page.contains(&second.to_string()) && page.contains("still to come"), "{page}");
    for said in ["the lot", "HEAT-77", "2 deliveries", "Without what is made of it"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let asked = web.json(&format!("/api/v1/holds/{id}")).await["asked"].clone();
    assert_eq!((asked["name"].as_str(), asked["deliveries"].as_i64()), (Some("HEAT-77"), Some(2)));
    let (status, _) = web.get("/holds/look?lot=nonsense&reason=x").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn pages_are_served() {
    let mut site = story().await;
    let web = Web::new(&site, Scope::Write).await;
    let (status, page) = web.get(&format!("/trace/{EXAMPLE}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    for text in [
        "HEAT-77",
        "GRN-2025-045",
        "Vendor-XYZ",
        "Active",
        "SN-4711",
        "hx-get=\"/trace/UID-SAIF-KOL-RM-000001-A7/tree/forward\"",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // Nothing written into the page runs or colours it: the policy forbids it.
    for forbidden in ["<script>", "onclick", "style=\"", "javascript:"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let (_, page) = web.get(&format!("/trace/{}", uid("KOL", "FG", 1))).await;
    assert!(page.contains("12.5") && page.contains("out of limits"), "{page}");
    let (_, tree) = web.get(&format!("/trace/{EXAMPLE}/tree/forward")).await;
    assert!(tree.contains(&uid("KOL", "FG", 1)) && tree.contains("<details"), "{tree}");
    let (_, tree) = web.get(&format!("/trace/{}/tree/backward", uid("KOL", "FG", 1))).await;
    assert!(tree.contains(EXAMPLE) && tree.contains("HEAT-77") && !tree.contains("<details"), "{tree}");
    let (_, ends) = web.get(&format!("/trace/{}/ends/backward", uid("KOL", "PK", 1))).await;
    assert!(ends.contains("BENCH-1"), "{ends}");
    let (_, ends) = web.get(&format!("/trace/{EXAMPLE}/ends/forward")).await;
    assert!(ends.contains("MOTOR"), "{ends}");

    let (status, _) = web.get("/trace?q=SN-4711").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, page) = web.get("/trace?q=GRN-2025").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains(EXAMPLE), "{page}");
    let (status, page) = web.get("/trace?q=UID-SAIF-KOL-RM-000001-A8").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.contains("last two characters"), "{page}");
    // A link with a mistake in it says which, and the code stands in the box to be mended.
    for (code, expected, told) in [
        ("UID-SAIF-KOL-RM-000001-A8", StatusCode::BAD_REQUEST, "last two characters"),
        (
            "UID-SAIF-KOL-RM-000002-AE",
            StatusCode::NOT_FOUND,
            "Nothing is known of “UID-SAIF-KOL-RM-000002-AE”",
        ),
        ("BADUID", StatusCode::NOT_FOUND, "Nothing is known of “BADUID”"),
    ] {
        let (status, page) = web.get(&format!("/trace/{code}")).await;
        assert_eq!(status, expected, "{code}");
        assert!(page.contains(told) && page.contains("action=\"/trace\""), "{page}");
        assert!(page.contains(&format!("name=\"q\" value=\"{code}\"")), "{page}");
    }

    for (path, text) in [
        ("/", "Live overview"),
        ("/live", "Connected"),
        ("/live/counts", "KOL"),
        ("/exceptions", "None."),
        ("/plants", "KOL"),
        ("/holds", "No holds."),
    ] {
        if path == "/live" {
            site.sql("update agents set last_seen_at = now()").await;
        }
        let (status, page) = web.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        assert!(page.contains(text), "{path}: {page}");
    }
    let (_, page) = web.get("/").await;
    assert!(page.contains(EXAMPLE) || page.contains(&uid("KOL", "PK", 1)), "{page}");

    let mut overridden = event(Stage::Storage, "2025-01-22T09:00:00Z").part(EXAMPLE, Role::Subject);
    overridden.overridden_by = "boss-1".into();
    site.say("KOL", overridden);
    site.settle().await;
    let (_, page) = web.get("/exceptions").await;
    assert!(page.contains("overridden") && page.contains("boss-1"), "{page}");
}

#[tokio::test]
async fn the_latest_events_of_a_plant_are_its_own_however_much_others_record() {
    let mut site = Site::new().await;
    let own = uid("VSK", "FG", 1);
    site.say("VSK", event(Stage::Commission, "2025-01-20T08:00:00Z").mint(&own, Role::Subject, "PUMP"));
    site.settle().await;
    for number in 1..=25 {
        let other = uid("KOL", "FG", number);
        let at = format!("2025-01-21T08:{number:02}:00Z");
        site.say("KOL", event(Stage::Commission, &at).mint(&other, Role::Subject, "MOTOR"));
        site.send("KOL").await;
    }
    // Told last, and older than all but what the other plant did.
    site.say("KOL", event(Stage::Storage, "2025-01-21T07:00:00Z").part(&uid("KOL", "FG", 1), Role::Subject));
    site.settle().await;
    // A clock that runs wrong.
    site.say("VSK", event(Stage::Storage, "2199-01-01T07:00:00Z").part(&own, Role::Subject));
    site.settle().await;
    let until: chrono::DateTime<chrono::Utc> = "2025-01-22T00:00:00Z".parse().unwrap();
    let latest = async |cx: platform::ctx::Cx, most| {
        let found: Result<_, crate::explore::error::TraceError> =
            site.db.db.tx(&cx, async |tx| Ok(super::store::latest(tx, most, until).await?)).await;
        found.unwrap()
    };
    let focus = latest(site.cx().at(platform::ctx::Plants::some(["VSK"])), 20).await;
    assert_eq!(focus.len(), 1, "{focus:?}");
    assert_eq!((focus[0].plant.as_str(), focus[0].key), ("VSK", Some(crate::testing::key(&own))));
    let all = latest(site.cx(), 20).await;
    assert_eq!(all.len(), 20);
    assert!(all.iter().all(|line| line.plant == "KOL" && line.item == "MOTOR"), "{all:?}");
    assert!(all.is_sorted_by(|one, next| one.occurred_at >= next.occurred_at), "{all:?}");
    let whole = latest(site.cx(), 100).await;
    assert_eq!(whole.len(), 27, "{whole:?}");
    assert_eq!(whole.last().unwrap().plant, "VSK", "by when it happened: {whole:?}");
    let web = Web::new(&site, Scope::Read).await;
    let (_, page) = web.get("/live").await;
    assert!(page.contains("<td class=\"text-nowrap\">21 Jan 2025, "), "{page}");
    assert!(!page.contains("2199"), "{page}");
}

#[tokio::test]
async fn a_tree_marks_what_was_opened_before() {
    let mut site = Site::new().await;
    let ring = [1, 2, 3].map(|number| uid("KOL", "SF", number));
    for (at, own) in ring.iter().enumerate() {
        site.say("KOL", event(Stage::Commission, "2025-03-01T08:00:00Z").mint(own, Role::Subject, "PART"));
        let tie = event(Stage::Assembly, "2025-03-01T09:00:00Z").action(Action::Add);
        site.say("KOL", tie.part(&ring[(at + 1) % 3], Role::Parent).part(own, Role::Child));
    }
    site.settle().await;
    let web = Web::new(&site, Scope::Read).await;
    let mut at = format!("/trace/{}/tree/forward", ring[0]);
    for (step, own) in ring.iter().enumerate() {
        let (status, tree) = web.get(&at).await;
        assert_eq!(status, StatusCode::OK, "{tree}");
        let last = step == 2;
        assert_eq!(tree.contains("cycle: bad data"), last, "{step}: {tree}");
        assert_eq!(tree.contains("<details"), !last, "{step}: {tree}");
        if !last {
            let address = tree.split("hx-get=\"").nth(1).unwrap().split('"').next().unwrap();
            assert!(address.contains(own), "{address}");
            at = address.replace("&#38;", "&").replace("&amp;", "&");
        }
    }
}

#[tokio::test]
async fn the_list_of_exceptions_keeps_what_was_asked_for() {
    let site = Site::new().await;
    site.sql(
        "insert into exceptions (tenant_id, exception_id, kind, fingerprint, plant, detail, status, resolved_by, resolution) \
         select app.tenant(), gen_random_uuid(), 'uid.overdrawn', g::text, 'KOL', '{}', 'resolved', 'system', \
             'withdrawn: facts that came later agree' from generate_series(1, 60) g",
    )
    .await;
    let web = Web::new(&site, Scope::Read).await;
    let (_, page) = web.get("/exceptions?status=resolved&kind=uid.overdrawn&plant=KOL").await;
    assert!(page.contains("Withdrawn: facts"), "{page}");
    let next = page.split("class=\"btn\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    for part in ["status=resolved", "kind=uid.overdrawn", "plant=KOL", "after="] {
        assert!(next.contains(part), "{next}");
    }
    let next = next.replace("&#38;", "&").replace("&amp;", "&");
    let (_, page) = web.get(&next).await;
    assert_eq!(page.matches("More used than was there</a></td>").count(), 10, "{page}");
}

#[tokio::test]
async fn a_wrong_uid_is_said_in_the_readers_language() {
    let site = Site::new().await;
    let web = Web::new(&site, Scope::Read).await;
    let request = Request::builder()
        .uri("/trace/UID-SAIF-KOL-RM-000001-A8/tree/forward")
        .header(header::AUTHORIZATION, format!("Bearer {}", web.key))
        .header(header::ACCEPT, "text/html")
        .header(header::ACCEPT_LANGUAGE, "hi")
        .body(Body::empty())
        .unwrap();
    let response = web.router.clone().oneshot(request).await.unwrap();
    let bytes = to_bytes(response.into_body(), 1_000_000).await.unwrap();
    let page = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(page.contains("अंतिम दो अक्षर") && !page.contains("expected"), "{page}");
    // A program is told what was expected.
    let (_, text) = web.get("/api/v1/trace/UID-SAIF-KOL-RM-000001-A8").await;
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(!problem["detail"].as_str().unwrap().is_empty(), "{text}");
}
