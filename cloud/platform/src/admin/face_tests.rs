//! What super-administrators do by pages, they do by API too: plans, databases, new tenants,
//! and those made of a configuration.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::Utc;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::KEY_PREFIX;
use super::tests::one;
use crate::ctx::Cx;
use crate::db::DbError;
use crate::tenancy;
use crate::testing::TestDb;
use crate::web::{AppState, escaped};

const EMAIL: &str = "root@cloud.example";

struct Site {
    test: TestDb,
    router: Router,
    key: String,
    /// A session of a browser.
    cookie: String,
}

impl Site {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let modules = [super::module(), crate::plans::module(), crate::people::module()];
        let state = AppState::builder(test.db.clone()).modules(&modules).build();
        let router = crate::web::app(state, super::router());
        let now = Utc::now();
        one(&test.db, EMAIL, now).await;
        let key = async |name: &str| super::key(&test.db, EMAIL, name, 1, now).await.unwrap();
        let (key, session) = (key("key").await, key("session").await);
        // A session is a key of another kind.
        let turned: Result<(), DbError> = test
            .db
            .system_tx(async |system| {
                let sql = "update control.admin_sessions set kind = 'session' where name = 'session'";
                sqlx::query(sql).execute(system.conn()).await?;
                Ok(())
            })
            .await;
        turned.unwrap();
        let cookie = format!("twa={}", session.strip_prefix(KEY_PREFIX).unwrap());
        Self { test, router, key, cookie }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn api(
        &self,
        method: &str,
        path: &str,
        seen: Option<&str>,
        body: &Value,
    ) -> (StatusCode, HeaderMap, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/admin/api/{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(seen) = seen {
            request = request.header(header::IF_MATCH, seen);
        }
        let (status, headers, text) = self.send(request.body(Body::from(body.to_string())).unwrap()).await;
        (status, headers, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn page(&self, path: &str, kind: &str, body: String) -> (StatusCode, String) {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::COOKIE, &self.cookie)
            .header(header::ACCEPT, "text/html")
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, kind);
        let (status, _, text) = self.send(request.body(Body::from(body)).unwrap()).await;
        (status, text)
    }
}

/// The fields that are told to be wrong, each with a sentence instead of a key.
fn fields(problem: &Value) -> Vec<&str> {
    let told = problem["errors"].as_array().unwrap();
    for error in told {
        let detail = error["detail"].as_str().unwrap();
        assert!(detail.contains(' '), "{detail}");
    }
    told.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn plans_are_made_and_changed_by_api() {
    let site = Site::new().await;
    let (status, _, told) = site.api("POST", "plans", None, &json!({ "plan": "x", "users": 0 })).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("plan.invalid")));
    assert_eq!(fields(&told), ["plan", "name", "users"]);
    let plan = json!({ "plan": "SMALL", "name": "Small", "users": 5, "features": ["branding"] });
    let (status, headers, made) = site.api("POST", "plans", None, &plan).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(headers[header::LOCATION], "/admin/api/plans/SMALL");
    assert_eq!((made["users"].as_i64(), made["placement"].as_str()), (Some(5), Some("shared")));
    let first = headers[header::ETAG].to_str().unwrap().to_owned();
    let (status, ..) = site.api("POST", "plans", None, &plan).await;
    assert_eq!(status, StatusCode::CONFLICT, "there is one of this code");
    // Changed by whoever says what was seen, once.
    let change = json!({ "name": "Small", "users": 7 });
    let (status, ..) = site.api("PUT", "plans/SMALL", None, &change).await;
    assert_eq!(status, StatusCode::PRECONDITION_REQUIRED);
    let (status, headers, changed) = site.api("PUT", "plans/SMALL", Some(&first), &change).await;
    assert_eq!((status, changed["users"].as_i64()), (StatusCode::OK, Some(7)), "{changed}");
    assert_ne!(headers[header::ETAG], first.as_str());
    let (status, ..) = site.api("PUT", "plans/SMALL", Some(&first), &change).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    let (status, ..) = site.api("PUT", "plans/NONE", Some("\"1\""), &change).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, headers, seen) = site.api("GET", "plans/SMALL", None, &Value::Null).await;
    assert_eq!((headers[header::ETAG].to_str().unwrap(), &seen["users"]), ("\"2\"", &json!(7)));
}

#[tokio::test]
async fn a_tenant_is_made_by_api_and_told_where_it_lives() {
    let site = Site::new().await;
    let (status, _, told) = site.api("POST", "tenants", None, &json!({ "code": "NEWT" })).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("tenant.invalid")));
    let missing = ["name", "time_zone", "language", "currency", "email", "person", "plan"];
    assert_eq!(fields(&told), missing);
    let tenant = json!({
        "code": "NEWT", "name": "Newt Works", "time_zone": "Asia/Kolkata", "language": "te",
        "currency": "EUR", "plan": "TRIAL", "email": "first@newt.example", "person": "First",
    });
    let (status, headers, made) = site.api("POST", "tenants", None, &tenant).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert!(made["invitation"].as_str().unwrap().contains("/invitation/"), "no mail is sent here");
    let id: Uuid = made["tenant_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(headers[header::LOCATION], format!("/admin/api/tenants/{id}").as_str());
    let (_, _, seen) = site.api("GET", &format!("tenants/{id}"), None, &Value::Null).await;
    let facts = &seen["tenant"];
    assert_eq!((facts["currency"].as_str(), facts["placement"].as_str()), (Some("EUR"), Some("shared")));
    assert_eq!((facts["region"].as_str(), seen["wants_own_database"].as_bool()), (Some(""), Some(false)));
    let (status, _, told) = site.api("POST", "tenants", None, &tenant).await;
    assert_eq!((status, fields(&told)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["code"]));
    // A number of days that is none, in words.
    let trial = json!({ "days": 0, "version": seen["version"] });
    let (status, _, told) = site.api("POST", &format!("tenants/{id}/trial"), None, &trial).await;
    assert_eq!((status, fields(&told)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["days"]));
    let (_, _, told) = site.api("GET", "databases", None, &Value::Null).await;
    assert_eq!(told["databases"][0]["name"], "shared");
    assert_eq!(told["schema_version"], crate::migrate::version());
}

const CONFIGURATION: &str = r#"{"tenant_id": "saif-kolkata", "name": "Saif Automations",
    "timezone": "Asia/Kolkata", "currency": "INR", "language": "en",
    "plants": [{"plant_id": "PLANT-KOL-001", "name": "Kolkata", "location": {}},
               {"plant_id": "PLANT-VSK-001", "name": "Vizag"}]}"#;

#[tokio::test]
async fn a_form_tells_every_mistake_beside_its_field_and_keeps_what_was_typed() {
    let site = Site::new().await;
    let form = "application/x-www-form-urlencoded";
    let plan = "plan=x&name=&users=many&storage_gb=0&trial_days=1%2C000&feature=&placement=shared&version=0";
    let (status, told) = site.page("/admin/plans", form, plan.to_owned()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
    for name in ["plan", "name", "users", "storage_gb", "trial_days"] {
        assert!(told.contains(&format!("id=\"err-{name}\"")), "{name} in {told}");
    }
    assert!(told.contains("value=\"many\"") && told.contains("value=\"1,000\""), "{told}");
    let tenant =
        "code=x&name=&time_zone=Mars&language=en&currency=INR&plan=STANDARD&placement=own&person=&email=a";
    let (status, told) = site.page("/admin/tenants", form, tenant.to_owned()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
    for name in ["code", "name", "time_zone", "person", "email"] {
        assert!(told.contains(&format!("id=\"err-{name}\"")), "{name} in {told}");
    }
    assert!(told.contains("value=\"Mars\"") && told.contains("<option value=\"own\" selected>"), "{told}");
    assert!(tenancy::tenants(&site.test.db).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_configuration_is_shown_before_anything_is_made() {
    let site = Site::new().await;
    let read = async |text: &str| {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n\
             --b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{text}\r\n--b--\r\n"
        );
        site.page("/admin/tenants/new", "multipart/form-data; boundary=b", body).await
    };
    let (status, told) = read(r#"{"tenant_id": "a b", "name": "", "timezone": "Mars"}"#).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for mistake in
        ["<code>/tenant_id</code>: a b is", "<code>/name</code>", "<code>/timezone</code>: Mars is"]
    {
        assert!(told.contains(mistake), "{mistake} in {told}");
    }
    let (status, _) = read(&format!("{CONFIGURATION}{}", " ".repeat(300 * 1024))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "larger than any configuration");
    let (status, told) = read(CONFIGURATION).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    for shown in ["value=\"SAIF\"", "value=\"KOL\"", "value=\"VSK\""] {
        assert!(told.contains(shown), "{shown} in {told}");
    }
    assert!(tenancy::tenants(&site.test.db).await.unwrap().is_empty(), "reading makes nothing");
    // Confirmed with another code for a plant; one that is none is told, and makes nothing.
    let confirm = async |code: &str| {
        let body = format!(
            "json={}&code=saif&plan=STANDARD&placement=&email=a%40saif.example&person=Ananya\
             &plant=PLANT-KOL-001&plant_code={code}&plant=PLANT-VSK-001&plant_code=VSK",
            escaped(CONFIGURATION, b"")
        );
        site.page("/admin/tenants/configured", "application/x-www-form-urlencoded", body).await
    };
    let (status, told) = confirm("K").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
    assert!(
        told.contains("<code>/plants/0/plant_id</code>: K is no code") && told.contains("value=\"VSK\""),
        "{told}"
    );
    assert!(tenancy::tenants(&site.test.db).await.unwrap().is_empty());
    let (status, told) = confirm("cal").await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert!(told.contains("/invitation/"), "{told}");
    let made = tenancy::find_tenant(&site.test.db, "SAIF").await.unwrap().unwrap();
    let cx = Cx::system(made.id);
    let plants = site.test.db.tx(&cx, async |tx| tenancy::plant_codes(tx).await).await.unwrap();
    assert_eq!((made.slug.as_deref(), plants), (Some("saif-kolkata"), vec!["CAL".into(), "VSK".into()]));
}

/// The certificate of an erasure is listed, shown, handed out as it was signed; and what was
/// not is told to be none.
#[tokio::test]
async fn erasures_are_listed_with_their_certificates() {
    use crate::authority::{Authority, MasterKey};

    let site = Site::new().await;
    let (db, now) = (&site.test.db, Utc::now());
    let get = async |path: &str| {
        let request = Request::builder().uri(path).header(header::COOKIE, &site.cookie);
        site.send(request.body(Body::empty()).unwrap()).await
    };
    let (status, _, told) = get("/admin/erasures").await;
    assert!(status == StatusCode::OK && told.contains("No organisation was erased"), "{told}");
    let dir = tempfile::tempdir().unwrap();
    let master = MasterKey::load_or_create(&dir.path().join("master.key")).unwrap();
    let authority = Authority::open(db, &master, now).await.unwrap();
    let mut go_on = |_: &tenancy::At| std::ops::ControlFlow::Continue(());
    let mut certificates = Vec::new();
    for code in ["AAAA", "BBBB", "CCCC"] {
        let tenant = site.test.tenant(code, &["KOL"]).await;
        tenancy::set_standing(db, tenant, tenancy::Standing::Suspended, "leaving", now).await.unwrap();
        let ordered = (code, "Ananya Sen, ticket 4711");
        let done = tenancy::erase::erase(db, &authority, tenant, ordered, None, now, &mut go_on).await;
        certificates.push(done.unwrap());
    }
    let change = async |sql: &'static str| {
        let done: Result<(), DbError> = db
            .system_tx(async |system| {
                sqlx::query(sql).execute(system.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    };
    // One is not as it was signed, and one was cut short.
    change(
        "update control.erasures set statement = replace(statement, 'Ananya', 'Anita') where code = 'BBBB'",
    )
    .await;
    change("update control.erasures set ended_at = null, signature = null where code = 'CCCC'").await;

    let (status, _, all) = site.api("GET", "erasures", None, &Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let rows = all["erasures"].as_array().unwrap();
    let codes: Vec<&str> = rows.iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!((codes, &all["next"]), (vec!["CCCC", "BBBB", "AAAA"], &Value::Null));
    let id =
        |code: &str| rows.iter().find(|row| row["code"] == code).unwrap()["id"].as_str().unwrap().to_owned();
    let (status, _, told) = get("/admin/erasures").await;
    assert!(status == StatusCode::OK && told.contains("cut short") && told.contains("ticket 4711"), "{told}");

    let (status, _, page) = get(&format!("/admin/erasures/{}", id("AAAA"))).await;
    assert_eq!(status, StatusCode::OK);
    for shown in
        ["Ananya Sen, ticket 4711", "public.plants", "control.tenants", certificates[0].signature.as_str()]
    {
        assert!(page.contains(&shown.replace('+', "&#43;")) || page.contains(shown), "{shown} in {page}");
    }
    let (status, headers, file) = get(&format!("/admin/erasures/{}/certificate.json", id("AAAA"))).await;
    assert_eq!(
        (status, &headers[header::CONTENT_TYPE]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    assert_eq!(headers[header::CONTENT_DISPOSITION], "attachment; filename=\"AAAA-erased.json\"");
    let kept: tenancy::erase::Certificate = serde_json::from_str(&file).unwrap();
    assert_eq!((&kept, kept.check().unwrap().code.as_str()), (&certificates[0], "AAAA"));
    let (status, _, one) = site.api("GET", &format!("erasures/{}", id("AAAA")), None, &Value::Null).await;
    assert_eq!((status, &one["certificate"]["signature"]), (StatusCode::OK, &json!(kept.signature)));
    assert!(one["tables"].as_array().unwrap().iter().any(|table| table["table"] == "public.plants"), "{one}");

    for (code, why) in [("BBBB", "not what was certified"), ("CCCC", "cloud tenant erase CCCC")] {
        let (status, _, page) = get(&format!("/admin/erasures/{}", id(code))).await;
        assert!(
            status == StatusCode::OK && page.contains(why) && !page.contains("certificate.json"),
            "{page}"
        );
        let (status, ..) = get(&format!("/admin/erasures/{}/certificate.json", id(code))).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "it certifies nothing");
        let (_, _, one) = site.api("GET", &format!("erasures/{}", id(code)), None, &Value::Null).await;
        assert_eq!(one["certificate"], Value::Null);
    }
    let (status, ..) = get(&format!("/admin/erasures/{}", Uuid::now_v7())).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // That all of this was looked at stands in the log.
    let (_, _, log) = site.api("GET", "audit?subject=", None, &Value::Null).await;
    assert!(log.to_string().contains("/admin/erasures/"), "{log}");
}

#[tokio::test]
async fn a_configuration_is_taken_by_api_with_its_codes_shown_first() {
    let site = Site::new().await;
    let send = async |body: Value| site.api("POST", "tenants/configured", None, &body).await;
    let mut configuration: Value = serde_json::from_str(CONFIGURATION).unwrap();
    configuration["features"] = json!(["purchase"]);
    configuration["plants"][0]["location"] = json!({ "city": "Kolkata", "street": "1 Port Road" });
    let ask = |dry_run: bool, id: &str| {
        let mut configuration = configuration.clone();
        configuration["tenant_id"] = id.into();
        json!({ "configuration": configuration, "plan": "STANDARD", "plant_codes": { "PLANT-VSK-001": "viz" },
                "email": format!("a@{id}.example"), "person": "Ananya", "dry_run": dry_run })
    };
    let (status, _, told) = send(ask(true, "saif-kolkata")).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!((&told["code"], &told["code_derived"]), (&json!("SAIF"), &json!(true)));
    assert_eq!((&told["features"], &told["clashes"]), (&json!(["purchase"]), &json!([])));
    let plant = |at: usize| {
        let plant = &told["plants"][at];
        (plant["code"].clone(), plant["code_derived"].clone(), plant["address"].clone())
    };
    assert_eq!(plant(0), (json!("KOL"), json!(true), json!("1 Port Road\nKolkata")));
    assert_eq!(plant(1), (json!("VIZ"), json!(false), Value::Null));
    assert!(tenancy::tenants(&site.test.db).await.unwrap().is_empty(), "a dry run makes nothing");
    let (status, headers, told) = send(ask(false, "saif-kolkata")).await;
    assert_eq!(status, StatusCode::CREATED, "{told}");
    let tenant = told["tenant_id"].as_str().unwrap().to_owned();
    assert_eq!(headers[header::LOCATION], format!("/admin/api/tenants/{tenant}").as_str());
    let cx = Cx::system(tenant.parse().unwrap());
    let plants = site.test.db.tx(&cx, async |tx| tenancy::plant_codes(tx).await).await.unwrap();
    assert_eq!(plants, ["KOL", "VIZ"]);
    // Another whose id comes to the same code is shown to clash, and is not made.
    let (status, _, told) = send(ask(true, "saif-vizag")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(told["clashes"][0].as_str().unwrap().contains("saif-kolkata"), "{told}");
    let (status, _, told) = send(ask(false, "saif-vizag")).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("tenant.invalid")));
    assert_eq!(fields(&told), ["configuration"]);
    // Every mistake of it at once.
    let (status, _, told) = send(json!({ "configuration": { "tenant_id": "a b", "name": "" } })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(fields(&told), ["configuration"; 2]);
}

#[tokio::test]
async fn a_tenant_is_suspended_for_a_reason_and_not_by_one_click() {
    let site = Site::new().await;
    let tenant = site.test.tenant("SAIF", &["KOL"]).await;
    let form = "application/x-www-form-urlencoded";
    let page = async |body: String| site.page(&format!("/admin/tenants/{tenant}/status"), form, body).await;
    let stands = async || {
        let (_, _, one) = site.api("GET", &format!("tenants/{tenant}"), None, &Value::Null).await;
        let (facts, version) = (&one["tenant"], one["version"].as_i64().unwrap());
        (facts["status"].clone(), facts["status_reason"].clone(), version)
    };
    let (_, _, version) = stands().await;
    for (typed, told) in [
        ("", "type SAIF to confirm"),
        ("&reason=unpaid+since+May", "type SAIF to confirm"),
        ("&reason=unpaid+since+May&confirm=KOLK", "type SAIF to confirm"),
        ("&reason=++&confirm=SAIF", "Say why it is suspended"),
        ("&confirm=SAIF", "Say why it is suspended"),
    ] {
        let (status, said) = page(format!("active=false&version={version}{typed}")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
        assert!(said.contains(told), "{typed}: {said}");
        // What was typed is not lost.
        assert_eq!(said.contains("value=\"unpaid since May\""), typed.contains("unpaid"), "{typed}: {said}");
    }
    assert_eq!(stands().await, (json!("active"), json!(""), version));
    let (status, said) =
        page(format!("active=false&version={version}&reason=unpaid+since+May&confirm=saif")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{said}");
    let (state, reason, version) = stands().await;
    assert_eq!((state, reason), (json!("suspended"), json!("unpaid since May")));
    // In again takes neither.
    let (status, said) = page(format!("active=true&version={version}")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{said}");
    let (_, _, version) = stands().await;
    // Programs say why, too.
    let path = format!("tenants/{tenant}/status");
    let without = json!({ "active": false, "version": version });
    let (status, _, told) = site.api("POST", &path, None, &without).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("plan.invalid")));
    assert_eq!(fields(&told), ["reason"]);
    let with = json!({ "active": false, "version": version, "reason": "asked for" });
    let (status, _, told) = site.api("POST", &path, None, &with).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{told}");
    let (_, _, log) = site.api("GET", "audit", None, &Value::Null).await;
    let entries = log["entries"].as_array().unwrap();
    let reasons: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["action"] == "tenant.suspend")
        .map(|entry| &entry["after"]["reason"])
        .collect();
    assert_eq!(reasons, [&json!("asked for"), &json!("unpaid since May")], "{log}");
}
