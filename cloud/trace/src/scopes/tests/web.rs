//! Over HTTP, with the real router.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use platform::ctx::Plants;
use platform::db::Db;
use platform::i18n::{I18n, assert_complete};
use platform::web::{AppState, Scope, keys};
use proto::v1::{Action, Role, Stage};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::super::criteria::Node;
use super::super::form::KINDS;
use super::super::pages::{NAV, TEXTS};
use super::oven;
use crate::ingest::Committed;
use crate::testing::{Say, Site, event, uid};

pub(super) struct Web {
    router: Router,
    key: String,
}

impl Web {
    pub(super) async fn of(db: &Db, tenant: Uuid, scope: Scope, plants: Plants) -> Self {
        let modules = [
            crate::module(&Committed::default(), &crate::genealogy::Genealogy::default()),
            super::super::module(&crate::genealogy::Genealogy::default()),
            crate::holds::module(&crate::genealogy::Genealogy::default()),
            crate::recalls::module(&Committed::default(), &crate::genealogy::Genealogy::default()),
        ];
        let state = AppState::builder(db.clone()).modules(&modules).build();
        let key = keys::create_at(db, tenant, "test", &[scope], &plants, None).await.unwrap();
        let routes = platform::web::Module::all_routes(modules.into());
        Self { router: platform::web::app(state, routes), key: key.reveal().to_owned() }
    }

    pub(super) async fn new(site: &Site) -> Self {
        Self::of(&site.db.db, site.tenant, Scope::Write, Plants::All).await
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: String,
    ) -> (StatusCode, String, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, kind)
            .header(header::ACCEPT, if path.starts_with("/api") { "application/json" } else { "text/html" })
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let to = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
        let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap(), to.unwrap_or_default())
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, String) {
        let (status, text, _) = self.send("GET", path, "", String::new()).await;
        (status, text)
    }

    pub(super) async fn json(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text, _) = self.send(method, path, "application/json", body).await;
        (status, serde_json::from_str(&text).unwrap_or_default())
    }
}

#[test]
fn all_texts_are_there() {
    assert_complete(TEXTS);
    let all = I18n::new().with_all(TEXTS).with_all(crate::pages::TEXTS);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/scopes");
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for start in ["\"scope-", "\"trace-"] {
            for piece in source.split(start).skip(1) {
                let key = format!("{}{}", &start[1..], piece.split('"').next().unwrap());
                assert!(key.contains('{') || all.has(&key), "{key}");
            }
        }
    }
    for kind in KINDS {
        assert!(
            all.has(&format!("scope-kind-{}", kind.name)) && all.has(&format!("scope-hint-{}", kind.name))
        );
        for field in kind.fields {
            assert!(all.has(&format!("scope-field-{field}")), "{field}");
        }
    }
    assert!(NAV.iter().all(|item| all.has(item.label_key)));
    // Every mistake has its text.
    let source = [include_str!("../criteria/mod.rs"), include_str!("../criteria/read.rs")].concat();
    for key in [
        "nodes",
        "deep",
        "node",
        "kind",
        "list",
        "fields",
        "text",
        "long",
        "choice",
        "moment",
        "date",
        "number",
        "flag",
        "turned",
        "limits-turned",
        "unknown",
        "empty",
        "name",
        "limits",
        "lot",
        "one-of",
        "beside-document",
        "document-or-customer",
        "beside-supplier-lot",
        "not-alone",
        "event-alone",
        "is-alone",
    ] {
        assert!(source.contains(&format!("\"{key}\"")) && all.has(&format!("scope-wrong-{key}")), "{key}");
    }
}

#[tokio::test]
async fn a_scope_is_previewed_kept_compared_and_deleted() {
    let mut site = oven().await;
    let web = Web::new(&site).await;
    let criteria = json!({ "event": { "station": "OVEN", "from": "2025-01-20T08:30:00Z", "to": "2025-01-20T13:00:00Z" } });
    let (status, told) =
        web.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria, "limit": 2 })).await;
    assert_eq!((status, &told["total"]), (StatusCode::OK, &json!(3)), "{told}");
    assert_eq!(told["groups"][0]["units"], 3);
    assert_eq!(told["groups"][0]["item"], "MOTOR");
    assert_eq!(told["units"][0]["uid"], uid("KOL", "FG", 1));
    assert_eq!(told["current_to"]["batch_id"], "1");
    let (_, next) = web
        .json(
            "POST",
            "/api/v1/scopes/preview",
            json!({ "criteria": criteria, "limit": 2, "after": told["next"] }),
        )
        .await;
    assert_eq!(
        (next["units"][0]["uid"].as_str(), &next["next"]),
        (Some(uid("KOL", "FG", 4).as_str()), &Value::Null)
    );

    let wish = json!({ "name": " Oven on Monday ", "criteria": criteria });
    let (status, kept) = web.json("POST", "/api/v1/scopes", wish).await;
    assert_eq!(
        (status, &kept["name"], &kept["members"]),
        (StatusCode::CREATED, &json!("Oven on Monday"), &json!(3)),
        "{kept}"
    );
    let path = format!("/api/v1/scopes/{}", kept["scope_id"].as_str().unwrap());
    let (_, members) = web.json("GET", &format!("{path}/members?limit=2"), Value::Null).await;
    assert_eq!(members["units"].as_array().unwrap().len(), 2);
    assert!(members["next"].is_string());

    // 6 was in the oven too, as a plant tells late.
    let mut late = event(Stage::Load, "2025-01-20T12:30:00Z")
        .action(Action::Add)
        .part(&uid("KOL", "FG", 6), Role::Subject);
    late.station = "OVEN".into();
    site.say("KOL", late);
    site.settle().await;
    let (_, compared) = web.json("GET", &format!("{path}/compare"), Value::Null).await;
    assert_eq!(
        (&compared["same"], &compared["new_total"], &compared["gone_total"]),
        (&json!(3), &json!(1), &json!(0)),
        "{compared}"
    );
    assert_eq!(compared["new"][0]["uid"], uid("KOL", "FG", 6));
    let (_, list) = web.json("GET", "/api/v1/scopes", Value::Null).await;
    assert_eq!(list["scopes"].as_array().unwrap().len(), 1);
    let audit =
        site.ask("select action || (after->>'members') from audit_log where action like 'scope.%'").await;
    assert_eq!(audit, "scope.keep3");

    let other = Site::of(site.again(), "OTHR").await;
    let theirs = Web::new(&other).await;
    for path in [path.clone(), format!("{path}/members"), format!("{path}/compare")] {
        assert_eq!(theirs.json("GET", &path, Value::Null).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let (_, none) = theirs.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await;
    assert_eq!(none["total"], 0);
    assert_eq!(theirs.json("DELETE", &path, Value::Null).await.0, StatusCode::NOT_FOUND);

    assert_eq!(web.json("DELETE", &path, Value::Null).await.0, StatusCode::NO_CONTENT);
    assert_eq!(web.json("GET", &path, Value::Null).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_path_in_words() {
    let site = oven().await;
    let web = Web::new(&site).await;
    let criteria =
        json!({ "all": [{ "reading": { "low": "x" } }, { "event": { "from": "noon", "machine": "M" } }] });
    let (status, told) = web.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await;
    assert_eq!((status, &told["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("scope.criteria")));
    let fields: Vec<&str> =
        told["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["all[0].reading.low", "all[0].reading.name", "all[1].event.from"], "{told}");
    // Deeper than JSON is read elsewhere.
    let far = (0..200).fold(json!({ "is": { "item": "MOTOR" } }), |inner, _| json!({ "not": inner }));
    for (path, wish) in [
        ("/api/v1/scopes/preview", json!({ "criteria": far })),
        ("/api/v1/scopes", json!({ "name": "x", "criteria": far })),
    ] {
        let (status, told) = web.json("POST", path, wish).await;
        assert_eq!((status, &told["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("scope.criteria")));
        let error = &told["errors"][0];
        assert_eq!(error["field"], "not.not.not.not.not.not", "{told}");
        assert_eq!(error["detail"], "Conditions are nested deeper than 6 levels.", "{told}");
    }
    let wish = json!({ "name": "", "criteria": { "is": { "item": "MOTOR" } } });
    assert_eq!(web.json("POST", "/api/v1/scopes", wish).await.1["code"], "scope.name");
    let wish = json!({ "name": "x", "criteria": { "is": { "item": "NONE" } } });
    assert_eq!(web.json("POST", "/api/v1/scopes", wish).await.1["code"], "scope.empty");
    let (status, _) = web.json("GET", "/api/v1/scopes?after=x", Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn somebody_of_one_plant_sees_no_more_than_the_explorer_shows() {
    let site = oven().await;
    let visitor = Web::of(&site.db.db, site.tenant, Scope::Write, Plants::some(["VSK"])).await;
    for criteria in [
        json!({ "event": { "machine": "OVEN-1" } }),
        json!({ "is": { "item": "MOTOR" } }),
        json!({ "event": { "operator": "op-7" } }),
        json!({ "reading": { "name": "temperature", "outside": true } }),
    ] {
        let (_, told) = visitor.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await;
        assert_eq!(told["total"], 0, "{criteria}");
    }
    let (_, page) = visitor.get("/suspects").await;
    assert!(!page.contains("OVEN-1") && !page.contains("op-7"), "{page}");
    // What somebody else found is not theirs to see, nor to delete.
    let office = Web::new(&site).await;
    let wish = json!({ "name": "Oven", "criteria": { "is": { "item": "MOTOR" } } });
    let (_, kept) = office.json("POST", "/api/v1/scopes", wish).await;
    let path = format!("/api/v1/scopes/{}", kept["scope_id"].as_str().unwrap());
    assert_eq!(visitor.json("GET", &path, Value::Null).await.0, StatusCode::NOT_FOUND);
    let plant = Web::of(&site.db.db, site.tenant, Scope::Write, Plants::some(["KOL"])).await;
    let (_, seen) = plant.json("GET", &path, Value::Null).await;
    assert_eq!((&seen["criteria"], &seen["may_change"]), (&Value::Null, &json!(false)), "{seen}");
    assert_eq!(plant.json("DELETE", &path, Value::Null).await.1["code"], "scope.others");
    assert_eq!(plant.json("GET", &format!("{path}/compare"), Value::Null).await.1["code"], "scope.others");
    let reader = Web::of(&site.db.db, site.tenant, Scope::Read, Plants::All).await;
    let wish = json!({ "name": "Oven", "criteria": { "is": { "item": "MOTOR" } } });
    assert_eq!(reader.json("POST", "/api/v1/scopes", wish).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_builder_goes_from_a_link_to_a_scope_that_is_held() {
    let site = oven().await;
    let web = Web::new(&site).await;
    let (status, page) = web.get("/suspects").await;
    assert_eq!(status, StatusCode::OK);
    // What there is to choose from.
    for known in [
        "<option value=\"OVEN-1\">",
        "<option value=\"op-7\">",
        "<option value=\"temperature\">",
        "<option value=\"OVEN\">",
    ] {
        assert!(page.contains(known), "{known}: {page}");
    }
    let (_, page) = web.get("/suspects?machine=OVEN-1&from=2025-01-20T13:00&to=2025-01-20T14:00").await;
    assert!(page.contains("2 units") && page.contains(&format!("/trace/{}", uid("KOL", "FG", 1))), "{page}");
    let (_, page) = web.get("/suspects?operation=CURE&reading=temperature&outside=1").await;
    assert!(page.contains("2 units"), "{page}");
    let (_, page) = web.get("/suspects?operator=op-7").await;
    assert!(page.contains("4 units"), "{page}");
    let (status, page) = web.get("/suspects?0.kind=passed&0.machine=M&0.from=noon&ask=1").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("is not a time") && page.contains("aria-invalid"), "{page}");
    let criteria = json!({ "event": { "machine": "OVEN-1" } }).to_string();
    let body = format!("name=Oven&criteria={}&then=hold", platform::web::escaped(&criteria, b""));
    let (status, _, to) = web.send("POST", "/suspects", "application/x-www-form-urlencoded", body).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let id = to.strip_prefix("/holds?scope=").unwrap().to_owned();
    let (_, page) = web.get(&format!("/suspects/scopes/{id}?compare=1")).await;
    assert!(
        page.contains("Oven") && page.contains("2 units are in both") && page.contains("/recalls/new?scope="),
        "{page}"
    );
    assert!(
        page.contains("/suspects?mode=all&amp;0.kind=passed")
            || page.contains("/suspects?mode=all&#38;0.kind=passed"),
        "{page}"
    );
    let (_, page) = web.get("/suspects/scopes").await;
    assert!(page.contains(&id), "{page}");
    // What was asked by API opens in groups, and is answered.
    let deep = json!({ "all": [{ "is": { "item": "MOTOR" } }, { "any": [{ "event": { "machine": "OVEN-1" } }, { "event": { "operator": "x" } }] }] });
    assert!(Node::parse(&deep).is_ok());
    let (status, page) =
        web.get(&format!("/suspects?criteria={}", platform::web::escaped(&deep.to_string(), b""))).await;
    assert!(status == StatusCode::OK && page.contains("2 units"), "{page}");
    for said in ["name=\"0.kind\" value=\"item\"", "name=\"1.group\"", "name=\"1-1.kind\" value=\"handled\""]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("<script>") && !page.contains("onclick"), "a policy lets no such script run");
    // It is kept, opened again as it is, and said in words.
    let body = format!("name=Deep&criteria={}", platform::web::escaped(&deep.to_string(), b""));
    let (status, _, to) = web.send("POST", "/suspects", "application/x-www-form-urlencoded", body).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, page) = web.get(&to).await;
    let again = page.split("href=\"/suspects?").nth(1).unwrap().split('"').next().unwrap();
    let again = again.replace("&amp;", "&").replace("&#38;", "&");
    assert!(again.contains("1.group=any&1-0.kind=passed") && page.contains("one condition holds"), "{page}");
    let (status, page) = web.get(&format!("/suspects?{again}")).await;
    assert!(status == StatusCode::OK && page.contains("2 units"), "{page}");
    // A group is added by a button of the form, and its first field is where one goes on.
    let (_, page) = web.get(&format!("/suspects?{again}&add=1:group")).await;
    assert!(page.contains("name=\"1-2.group\"") && page.contains("name=\"1-2-0.kind\""), "{page}");
    assert_eq!(page.matches(" autofocus").count(), 1, "{page}");
}
