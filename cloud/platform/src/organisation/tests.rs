//! Plants against a database.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, Request, StatusCode, header};
use chrono::Utc;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::service::{PlantError, save};
use super::store::{self, Plant};
use crate::ctx::Cx;
use crate::db::DbError;
use crate::i18n::{LONGEST_NAME, Names};
use crate::tenancy;
use crate::testing::TestDb;
use crate::web::{AppState, Scope, keys};

fn plant(code: &str) -> Plant {
    Plant {
        code: code.into(),
        name: "Vizag works".into(),
        names: Names::default(),
        company: "C1".into(),
        time_zone: "Asia/Kolkata".into(),
        languages: vec!["te".into(), "en".into()],
        address: "1 Port Road\r\nVisakhapatnam".into(),
        version: 0,
    }
}

crate::in_every_placement! {
async fn a_plant_comes_with_its_agent_and_keeps_its_code() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, cx) = (&test.db, Cx::new(tenant, "user:1"));
    save(db, &cx, &plant("VIZ"), None).await.unwrap();
    let found = async |code: &str| {
        let done: Result<_, DbError> = db.tx(&cx, async |tx| Ok(store::plant(tx, code).await?)).await;
        done.unwrap().unwrap()
    };
    let known = found("VIZ").await;
    assert_eq!((known.company.as_str(), known.address.as_str()), ("C1", "1 Port Road\nVisakhapatnam"));
    let agents: Result<Vec<_>, DbError> = db.tx(&cx, async |tx| tenancy::agents(tx).await).await;
    assert!(agents.unwrap().iter().any(|agent| agent.name == "VIZ" && agent.status == "expected"));
    // Changed by its own code alone, and by who saw it as it is.
    let stale = save(db, &cx, &plant("VIZ"), Some("VIZ")).await;
    assert!(matches!(stale, Err(PlantError::Stale)), "{stale:?}");
    let moved = Plant { code: "NEW".into(), version: known.version, ..plant("VIZ") };
    let Err(PlantError::Invalid(wrong)) = save(db, &cx, &moved, Some("VIZ")).await else { panic!("moved") };
    assert_eq!(wrong, [("code", "organisation-code-fixed")]);
    let renamed = Plant { name: "Port works".into(), version: known.version, ..plant("VIZ") };
    save(db, &cx, &renamed, Some("VIZ")).await.unwrap();
    let known = found("VIZ").await;
    assert_eq!((known.name.as_str(), known.names.is_empty()), ("Port works", true));
    // It may be named in languages, of which none is longer than a name.
    let telugu = |name: &str| Names::from(json!({ "te": name }));
    let named = |name: &str| Plant { names: telugu(name), version: known.version, ..plant("VIZ") };
    let long = save(db, &cx, &named(&"వ".repeat(LONGEST_NAME + 1)), Some("VIZ")).await;
    assert!(matches!(long, Err(PlantError::Invalid(wrong)) if wrong == [("names", "organisation-wrong-name")]));
    save(db, &cx, &named(" వైజాగ్ కర్మాగారం "), Some("VIZ")).await.unwrap();
    assert_eq!(found("VIZ").await.names, telugu("వైజాగ్ కర్మాగారం"));
    // On the page and by JSON a name has as many characters as one that a configuration gives.
    let version = found("VIZ").await.version;
    let called = |most: usize| Plant { name: "వ".repeat(most), version, ..plant("VIZ") };
    let long = save(db, &cx, &called(LONGEST_NAME + 1), Some("VIZ")).await;
    assert!(matches!(long, Err(PlantError::Invalid(wrong)) if wrong == [("name", "organisation-wrong-name")]));
    save(db, &cx, &called(LONGEST_NAME), Some("VIZ")).await.unwrap();
}
}

#[tokio::test]
async fn every_mistake_is_told_and_a_plan_is_kept_to() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, cx) = (&test.db, Cx::new(tenant, "user:1"));
    let wrong = Plant {
        code: "KOL".into(),
        name: " ".into(),
        names: Names::default(),
        company: "NONE".into(),
        time_zone: "Mars".into(),
        languages: vec!["xx".into()],
        address: "x".repeat(501),
        version: 0,
    };
    let Err(PlantError::Invalid(told)) = save(db, &cx, &wrong, None).await else { panic!("it was taken") };
    let fields: Vec<&str> = told.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, ["name", "company", "time_zone", "languages", "address", "code"]);
    crate::plans::give_for_test(db, tenant, "TRIAL", Utc::now()).await;
    save(db, &cx, &plant("VIZ"), None).await.unwrap();
    let full = save(db, &cx, &plant("PUN"), None).await;
    let Err(PlantError::Limit(reached)) = full else { panic!("{full:?}") };
    assert_eq!((reached.allowed, reached.used), (2, 2));
}

#[tokio::test]
async fn programs_keep_plants_as_people_do() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let state = AppState::builder(test.db.clone())
        .modules(&[super::module(), crate::people::module(), crate::admin::module()])
        .build();
    let router = crate::web::app(state, super::router());
    let key = async |scope| {
        keys::create(&test.db, tenant, "tests", &[scope], None).await.unwrap().reveal().to_owned()
    };
    let (key, reader) = (key(Scope::Admin).await, key(Scope::Read).await);
    let call = async |key: &str, method: &str, path: &str, said: Option<(HeaderName, &str)>, body: Value| {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/plants{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some((name, value)) = said {
            request = request.header(name, value);
        }
        let response =
            router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        let told: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        (parts.status, parts.headers, told)
    };
    let (status, _, told) = call(&key, "POST", "", None, json!({ "code": "x" })).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("plant.invalid")));
    let told: Vec<(&str, bool)> = told["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["field"].as_str().unwrap(), error["detail"].as_str().unwrap().contains(' ')))
        .collect();
    assert_eq!(told, ["code", "name", "company", "time_zone", "languages"].map(|field| (field, true)));
    let new = json!({ "code": "viz", "name": "Vizag works", "company": "C1", "time_zone": "Asia/Kolkata",
                      "languages": ["te"], "address": "1 Port Road", "names": { "te": "వైజాగ్" } });
    let (status, ..) = call(&reader, "POST", "", None, new.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, headers, made) = call(&key, "POST", "", None, new.clone()).await;
    assert_eq!((status, made["code"].as_str()), (StatusCode::CREATED, Some("VIZ")), "{made}");
    assert_eq!(headers[header::LOCATION], "/api/v1/plants/VIZ");
    assert_eq!(made["names"], json!({ "te": "వైజాగ్" }));
    let mut strange = new.clone();
    strange["names"] = json!({ "fr": "Usine" });
    assert_eq!(call(&key, "POST", "", None, strange).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let first = headers[header::ETAG].to_str().unwrap().to_owned();
    // Page by page.
    let (_, _, page) = call(&key, "GET", "?limit=1", None, Value::Null).await;
    assert_eq!((&page["plants"][0]["code"], &page["next"]), (&json!("KOL"), &json!("KOL")));
    let (_, _, page) = call(&key, "GET", "?limit=1&after=KOL", None, Value::Null).await;
    assert_eq!((&page["plants"][0]["code"], &page["next"]), (&json!("VIZ"), &Value::Null));
    let (status, ..) = call(&key, "GET", "?limit=0", None, Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    // What is known is not sent again; what was not seen is not changed.
    let known = Some((header::IF_NONE_MATCH, first.as_str()));
    assert_eq!(call(&key, "GET", "/VIZ", known, Value::Null).await.0, StatusCode::NOT_MODIFIED);
    assert_eq!(call(&key, "GET", "/NON", None, Value::Null).await.0, StatusCode::NOT_FOUND);
    let mut changed = new.clone();
    changed["name"] = json!("Port works");
    let put = async |path: &str, said: Option<&str>, body: Value| {
        call(&key, "PUT", path, said.map(|said| (header::IF_MATCH, said)), body).await
    };
    assert_eq!(put("/VIZ", None, changed.clone()).await.0, StatusCode::PRECONDITION_REQUIRED);
    let (status, headers, now) = put("/VIZ", Some(&first), changed.clone()).await;
    assert_eq!((status, now["name"].as_str()), (StatusCode::OK, Some("Port works")), "{now}");
    assert_ne!(headers[header::ETAG], first.as_str());
    assert_eq!(put("/VIZ", Some(&first), changed.clone()).await.0, StatusCode::PRECONDITION_FAILED);
    changed["version"] = json!(0);
    assert_eq!(put("/VIZ", None, changed.clone()).await.0, StatusCode::CONFLICT);
    changed["code"] = json!("NEW");
    let (status, _, told) = put("/VIZ", Some("*"), changed).await;
    assert_eq!((status, &told["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("code")));
    // What no code can be is nothing that breaks.
    assert_eq!(call(&key, "GET", "/%00%00%00", None, Value::Null).await.0, StatusCode::NOT_FOUND);
    let (status, ..) = call(&key, "POST", "", None, json!({ "code": "A\u{0}B" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn texts_are_complete() {
    crate::i18n::assert_complete(super::TEXTS);
}

/// The events of the month are used up: what runs goes on, a further plant waits.
#[tokio::test]
async fn no_plant_is_added_when_the_events_of_the_month_are_used_up() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, cx) = (&test.db, Cx::new(tenant, "user:1"));
    crate::plans::give_for_test(db, tenant, "TRIAL", Utc::now()).await;
    let used = async |events: i64| {
        let done: Result<(), DbError> = db
            .system_tx(async |system| {
                let sql = "update control.plans set events_month = 10 where plan = 'TRIAL'";
                sqlx::query(sql).execute(system.conn()).await?;
                let sql = "insert into control.usage (tenant_id, month, events, metered_at)
                           select tenant_id, date_trunc('month', now() at time zone time_zone)::date, $2, now()
                           from control.tenants where tenant_id = $1
                           on conflict (tenant_id, month) do update set events = $2";
                sqlx::query(sql).bind(tenant).bind(events).execute(system.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    };
    used(10).await;
    let full = save(db, &cx, &plant("VIZ"), None).await;
    let Err(PlantError::Limit(reached)) = full else { panic!("{full:?}") };
    assert_eq!((reached.limit, reached.used), (crate::plans::Limit::Events, 10));
    for lang in crate::i18n::Lang::ALL {
        let state = crate::web::AppState::builder(db.clone()).modules(&[crate::plans::module()]).build();
        let told = reached.say(&state.texts(lang));
        assert!(told.contains("10") && !told.contains("plan-reached"), "{told}");
    }
    // What is there is changed all the same.
    let look = async |tx: &mut crate::db::Tx| Ok::<_, DbError>(super::store::plant_seen(tx, "KOL").await?);
    let known = db.tx(&cx, look).await.unwrap().unwrap();
    let changed = Plant { version: known.version, ..plant("KOL") };
    save(db, &cx, &changed, Some("KOL")).await.unwrap();
    used(9).await;
    save(db, &cx, &plant("VIZ"), None).await.unwrap();
}
