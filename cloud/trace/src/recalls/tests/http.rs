//! Recalls over HTTP: pages, rights, plants, tenants.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use platform::web::{AppState, Scope, keys};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

pub(super) struct Web {
    router: Router,
}

impl Web {
    pub(super) fn new(site: &Site) -> Self {
        let modules = || {
            vec![
                crate::module(&Committed::default(), &crate::genealogy::Genealogy::default()),
                crate::holds::module(&crate::genealogy::Genealogy::default()),
                platform::workflow::module(),
                crate::recalls::module(&Committed::default(), &crate::genealogy::Genealogy::default()),
            ]
        };
        let state = AppState::builder(site.db.db.clone()).modules(&modules()).build();
        Self { router: platform::web::app(state, platform::web::Module::all_routes(modules())) }
    }

    async fn send(
        &self,
        key: &str,
        method: &str,
        path: &str,
        kind: &str,
        body: &str,
    ) -> (StatusCode, String) {
        let (status, bytes) = self.sent(key, method, path, kind, body).await;
        (status, String::from_utf8(bytes).unwrap())
    }

    /// A file.
    pub(super) async fn bytes(&self, key: &str, path: &str) -> (StatusCode, Vec<u8>) {
        self.sent(key, "GET", path, "", "").await
    }

    async fn sent(
        &self,
        key: &str,
        method: &str,
        path: &str,
        kind: &str,
        body: &str,
    ) -> (StatusCode, Vec<u8>) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, kind)
            .header(header::ACCEPT, if path.starts_with("/api") { "application/json" } else { "text/html" })
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
        (status, bytes.to_vec())
    }

    pub(super) async fn get(&self, key: &str, path: &str) -> (StatusCode, String) {
        self.send(key, "GET", path, "", "").await
    }

    pub(super) async fn json(&self, key: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let kind = if body.is_empty() { "" } else { "application/json" };
        let (status, text) = self.send(key, method, path, kind, &body).await;
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    pub(super) async fn form(&self, key: &str, path: &str, body: &str) -> (StatusCode, String) {
        self.send(key, "POST", path, "application/x-www-form-urlencoded", body).await
    }
}

pub(super) async fn key(site: &Site, tenant: Uuid, scope: Scope) -> String {
    keys::create(&site.db.db, tenant, "test", &[scope], None).await.unwrap().reveal().to_owned()
}

#[tokio::test]
async fn a_recall_goes_its_way_over_the_pages() {
    let site = site().await;
    let web = Web::new(&site);
    let writer = key(&site, site.tenant, Scope::Write).await;
    let (status, page) = web.get(&writer, "/recalls").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("There is no recall."), "an empty list teaches");
    let (status, page) = web.form(&writer, "/recalls", "uid=&severity=class_2&reason=").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Give the reason in one line") && page.contains("Name one thing"), "{page}");
    let late = "lot=HEAT-9&severity=class_1&reason=x&target_on=2020-01-01";
    let (status, page) = web.form(&writer, "/recalls", late).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("This day is over."), "{page}");
    let (status, _) = web.get(&writer, "/recalls/new?kind=drill").await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = web
        .form(
            &writer,
            "/recalls",
            "lot=HEAT-9&descendants=1&severity=class_1&reason=Cracked+bolts&target_on=2099-12-31",
        )
        .await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, list) = web.json(&writer, "GET", "/api/v1/recalls", Value::Null).await;
    let id = list["recalls"][0]["recall_id"].as_str().unwrap().to_owned();
    for tab in ["overview", "units", "consignees", "responses", "effectiveness", "history"] {
        let (status, page) = web.get(&writer, &format!("/recalls/{id}?tab={tab}")).await;
        assert_eq!(status, StatusCode::OK, "{tab}: {page}");
        assert!(page.contains("RCL-"), "{tab}");
    }
    let (_, page) = web.get(&writer, &format!("/recalls/{id}")).await;
    assert!(
        page.contains("7 labels are held at once (4 of them in our hands)")
            && page.contains("Put into force"),
        "{page}"
    );
    let (status, page) = web.form(&writer, &format!("/recalls/{id}/act"), "action=close").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("does not allow this"), "{page}");
    let (status, _) = web.form(&writer, &format!("/recalls/{id}/act"), "action=activate").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, page) = web.get(&writer, &format!("/recalls/{id}?tab=consignees")).await;
    assert!(page.contains("lakshmi@acme.example") && page.contains("2 of 3 are told."), "{page}");
    assert!(page.contains("No mail server is set up"), "a letter that waits for ever says why: {page}");
    assert!(!page.contains("href=\"/settings/mail\""), "who may not set one up is not sent there");
    let (_, view) = web.json(&writer, "GET", &format!("/api/v1/recalls/{id}"), Value::Null).await;
    let acme = view["consignees"][2]["consignee_id"].as_str().unwrap().to_owned();
    // The form of answers offers what may be answered for, which is no number of labels.
    let (_, page) = web.get(&writer, &format!("/recalls/{id}?tab=responses")).await;
    assert!(page.contains("(1 pcs)</option>") && !page.contains("labels)</option>"), "{page}");
    let stands = format!("/recalls/{id}/consignees/{acme}");
    assert_eq!(web.form(&writer, &stands, "state=no_answer").await.0, StatusCode::SEE_OTHER);
    let said = format!("consignee={acme}&unit=pcs&found=1&returned=1");
    let responses = format!("/recalls/{id}/responses");
    assert_eq!(web.form(&writer, &responses, &said).await.0, StatusCode::SEE_OTHER);
    let (status, page) =
        web.form(&writer, &responses, &format!("consignee={acme}&unit=pcs&returned=x")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Give a number of at least 0"), "{page}");
    for part in ["id=\"err-returned\"", "name=\"returned\" value=\"x\"", "name=\"unit\" value=\"pcs\""] {
        assert!(page.contains(part), "what was typed stays: {part}: {page}");
    }
    assert!(page.contains(&format!("<option value=\"{acme}\" selected>")), "{page}");
    let (_, page) = web.get(&writer, &format!("/recalls/{id}?tab=effectiveness")).await;
    assert!(page.contains("<polyline") && page.contains("The figures as a table"), "{page}");
    let (status, _) = web.form(&writer, &format!("/recalls/{id}/drill"), "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, page) = web.get(&writer, "/recalls?kind=drill").await;
    assert!(page.contains("DRL-"), "{page}");
    assert!(
        page.contains("Under way") && !page.contains("In force"),
        "nothing of a drill is in force: {page}"
    );
    let (_, page) = web.get(&writer, "/recalls").await;
    assert!(page.contains("In force") && !page.contains("Under way"), "{page}");
    // One of which little is accounted for asks first, and says how little.
    let (_, page) = web.get(&writer, &format!("/recalls/{id}")).await;
    assert!(page.contains("name=\"unaccounted\"") && page.contains("Accounted for: 1 / 5 pcs (20"), "{page}");
    let act = format!("/recalls/{id}/act");
    for said in ["action=close&note=Done", "action=close&unaccounted=1"] {
        let (status, page) = web.form(&writer, &act, said).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        assert!(page.contains("Not all of this recall is accounted for."), "{page}");
    }
    let api = format!("/api/v1/recalls/{id}/close");
    let (status, told) = web.json(&writer, "POST", &api, json!({ "note": "Done" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        (&told["code"], &told["errors"][0]["field"]),
        (&json!("recall.unaccounted"), &json!("unaccounted"))
    );
    assert!(told["detail"].as_str().unwrap().contains("1 of 5 pcs"), "{told}");
    let sure = "action=close&unaccounted=1&note=The+rest+was+scrapped";
    assert_eq!(web.form(&writer, &act, sure).await.0, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_may_look_may_not_begin_and_another_tenant_sees_nothing() {
    let site = site().await;
    let other = site.again().tenant("OTHR", &["KOL"]).await;
    let web = Web::new(&site);
    let reader = key(&site, site.tenant, Scope::Read).await;
    let stranger = key(&site, other, Scope::Admin).await;
    let id = begun(&site, &wish()).await;
    let root = "/api/v1/recalls";
    let one = format!("{root}/{id}");
    assert_eq!(web.json(&reader, "GET", &one, Value::Null).await.0, StatusCode::OK);
    let wish = json!({ "uid": bolt(2), "severity": "class_2", "reason": "x" });
    assert_eq!(web.json(&reader, "POST", root, wish.clone()).await.0, StatusCode::FORBIDDEN);
    for action in ["activate", "close", "cancel", "snapshot"] {
        let path = format!("{one}/{action}");
        assert_eq!(web.json(&reader, "POST", &path, Value::Null).await.0, StatusCode::FORBIDDEN, "{action}");
        assert_eq!(
            web.json(&stranger, "POST", &path, Value::Null).await.0,
            StatusCode::NOT_FOUND,
            "{action}"
        );
    }
    for part in ["", "/units", "/letters", "/responses", "/effectiveness"] {
        let (status, _) = web.json(&stranger, "GET", &format!("{one}{part}"), Value::Null).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{part}");
    }
    let (_, list) = web.json(&stranger, "GET", root, Value::Null).await;
    assert_eq!(list["recalls"], json!([]));
    let (status, told) = web.json(&stranger, "POST", root, wish).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{told}");
}

#[tokio::test]
async fn somebody_of_one_plant_sees_what_is_there_and_answers_for_it_alone() {
    let site = site().await;
    let web = Web::new(&site);
    let id = begun(&site, &wish()).await;
    acted(&site, id, Action::Activate).await.unwrap();
    let at = async |plant: &str| {
        let plants = platform::ctx::Plants::some([plant]);
        keys::create_at(&site.db.db, site.tenant, "plant", &[Scope::Write], &plants, None)
            .await
            .unwrap()
            .reveal()
            .to_owned()
    };
    let vsk = at("VSK").await;
    let one = format!("/api/v1/recalls/{id}");
    let (status, view) = web.json(&vsk, "GET", &one, Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{view}");
    let codes: Vec<&str> =
        view["consignees"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["VSK"], "customers of another plant are not shown");
    let (_, units) = web.json(&vsk, "GET", &format!("{one}/units"), Value::Null).await;
    assert!(units["units"].as_array().unwrap().iter().all(|unit| unit["plant"] == "VSK"), "{units}");
    let (_, letters) = web.json(&vsk, "GET", &format!("{one}/letters"), Value::Null).await;
    assert_eq!(letters["letters"], json!([]));
    // They answer for their own plant, and act on the whole not at all.
    let own = view["consignees"][0]["consignee_id"].clone();
    let said = json!({ "consignee": own, "unit": "pcs", "quarantined": "1" });
    assert_eq!(web.json(&vsk, "POST", &format!("{one}/responses"), said).await.0, StatusCode::CREATED);
    let plants = "select plants::text from audit_log where action = 'recall.respond'";
    assert_eq!(site.ask(plants).await, "{VSK}", "the audit of their plant has it");
    let whole = "select count(*)::text from audit_log where action = 'recall.begin' and plants is null";
    assert_eq!(site.ask(whole).await, "1", "the recall is of no plant");
    let all = run(&site, async |tx| read::view(tx, id).await).await.unwrap();
    let acme = all.consignees.iter().find(|one| one.code == "ACME").unwrap().consignee_id;
    let said = json!({ "consignee": acme, "unit": "pcs", "quarantined": "1" });
    let (status, told) = web.json(&vsk, "POST", &format!("{one}/responses"), said).await;
    assert!(status.is_client_error() && status != StatusCode::CREATED, "{told}");
    let stands = format!("{one}/consignees/{acme}");
    let (status, _) = web.json(&vsk, "POST", &stands, json!({ "state": "notified" })).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(web.json(&vsk, "POST", &format!("{one}/close"), Value::Null).await.0, StatusCode::FORBIDDEN);
    // A plant that has nothing of it sees no recall.
    let only = begun(&site, &Wish { lot: String::new(), uid: bolt(2), descendants: false, ..wish() }).await;
    let (status, _) = web.json(&vsk, "GET", &format!("/api/v1/recalls/{only}"), Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, list) = web.json(&vsk, "GET", "/api/v1/recalls", Value::Null).await;
    assert_eq!(list["recalls"].as_array().unwrap().len(), 1);
}
