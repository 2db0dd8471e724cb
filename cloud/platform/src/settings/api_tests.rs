//! The API of settings, as a program uses it.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::ctx::Cx;
use crate::db::DbError;
use crate::people;
use crate::secrets::Secrets;
use crate::testing::{MailServer, TestDb, person, session};
use crate::web::{AppState, Scope, app, keys};

const BRAND: &str = "/api/v1/settings/brand";
const LOGO: &str = "/api/v1/settings/brand/logo";
const ADDRESSES: &str = "/api/v1/settings/addresses";
const MAIL: &str = "/api/v1/settings/mail";

struct Site {
    test: TestDb,
    tenant: Uuid,
    router: Router,
    key: String,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn tag(&self) -> &str {
        self.headers[header::ETAG].to_str().unwrap()
    }
}

impl Site {
    async fn new() -> Self {
        Self::with(false).await
    }

    /// `private`: servers beside the cloud may be reached.
    async fn with(private: bool) -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let key = keys::create(&test.db, tenant, "t", &[Scope::Admin], None).await.unwrap();
        let state = AppState::builder(test.db.clone())
            .modules(&[super::module(), people::module()])
            .secrets(Secrets::passing().unwrap())
            .private_webhooks(private)
            .build();
        let router = app(state, super::router().merge(people::router()));
        Self { test, tenant, router, key: key.reveal().to_owned() }
    }

    /// A request of the key, from 203.0.113.9.
    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Request<Body> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([203, 0, 113, 9], 50_000))));
        request
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path, &[], Vec::new())).await
    }

    async fn put(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.send(self.request("PUT", path, &headers, body.to_string().into_bytes())).await
    }

    async fn audited(&self, action: &'static str) -> i64 {
        let count: Result<i64, DbError> = self
            .test
            .db
            .tx(&Cx::system(self.tenant), async |tx| {
                let sql = "select count(*) from audit_log where action = $1";
                Ok(sqlx::query_scalar(sql).bind(action).fetch_one(tx.conn()).await?)
            })
            .await;
        count.unwrap()
    }
}

#[tokio::test]
async fn a_brand_is_set_by_its_version() {
    let site = Site::new().await;
    let first = site.get(BRAND).await;
    assert_eq!((first.status, first.tag(), &first.json()["version"]), (StatusCode::OK, "\"0\"", &json!(0)));
    let none = site.put(BRAND, &[], json!({ "primary_colour": "#7a1f5c" })).await;
    assert_eq!(none.status, StatusCode::PRECONDITION_REQUIRED);
    // Nobody saw such a version of what is not there yet.
    let never = site.put(BRAND, &[("if-match", "\"5\"")], json!({ "primary_colour": "#7a1f5c" })).await;
    assert_eq!(never.status, StatusCode::PRECONDITION_FAILED);
    let wrong = site.put(BRAND, &[("if-match", "\"0\"")], json!({ "primary_colour": "#ffcc00" })).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        (&wrong.json()["code"], &wrong.json()["errors"][0]["field"]),
        (&json!("settings.invalid"), &json!("primary_colour"))
    );
    let headers = [("if-match", "\"0\""), ("idempotency-key", "once")];
    let set = site.put(BRAND, &headers, json!({ "primary_colour": "#7A1F5C" })).await;
    assert_eq!((set.status, set.tag()), (StatusCode::OK, "\"1\""));
    assert_eq!(set.json()["primary_colour"], "#7a1f5c");
    // Again under the same key: the same answer, and nothing is done twice.
    let again = site.put(BRAND, &headers, json!({ "primary_colour": "#7A1F5C" })).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, set.json()));
    assert_eq!(site.audited("tenant.colours").await, 1);
    let known = site.send(site.request("GET", BRAND, &[("if-none-match", "\"1\"")], Vec::new())).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    let stale = site.put(BRAND, &[], json!({ "version": 0 })).await;
    assert_eq!((stale.status, &stale.json()["code"]), (StatusCode::CONFLICT, &json!("conflict.stale")));
}

#[tokio::test]
async fn a_logo_is_sent_as_it_is_and_judged_by_its_bytes() {
    let site = Site::new().await;
    assert_eq!(site.get(LOGO).await.status, StatusCode::NOT_FOUND);
    let picture = super::image::tests::png_of(300, 80);
    let put = async |kind: &str, tag: &str, bytes: &[u8]| {
        let headers = [("content-type", kind), ("if-match", tag)];
        site.send(site.request("PUT", LOGO, &headers, bytes.to_vec())).await
    };
    let named = put("application/json", "\"0\"", &picture).await;
    assert_eq!(named.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for (bytes, status) in [
        (b"nothing".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
        (super::image::tests::png_of(3000, 80), StatusCode::UNPROCESSABLE_ENTITY),
        (vec![0; super::image::MOST_BYTES + 1], StatusCode::UNPROCESSABLE_ENTITY),
        (vec![0; 2 * super::image::MOST_BYTES + 1], StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        assert_eq!(put("image/png", "\"0\"", &bytes).await.status, status, "{} bytes", bytes.len());
    }
    // Called a JPEG, it is the PNG that it is.
    let set = put("image/jpeg", "\"0\"", &picture).await;
    assert_eq!((set.status, &set.json()["logo_type"]), (StatusCode::OK, &json!("image/png")));
    let got = site.get(LOGO).await;
    assert_eq!((got.tag(), got.body == picture), ("\"1\"", true));
    assert_eq!(got.headers[header::CONTENT_TYPE], "image/png");
    // Pages show it from where browsers keep it: under the address of its tenant alone.
    for (path, status) in [
        ("/brand/SAIF/1/logo", StatusCode::OK),
        ("/brand/SAIF/1/colours.css", StatusCode::OK),
        ("/brand/OTHR/1/logo", StatusCode::NOT_FOUND),
        ("/brand/OTHR/1/colours.css", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(site.get(path).await.status, status, "{path}");
    }
    let page = String::from_utf8(site.get("/settings/brand").await.body).unwrap();
    assert_eq!(page.matches("src=\"/brand/SAIF/1/logo\"").count(), 2, "in the frame and below it: {page}");
    assert_eq!(put("image/png", "\"0\"", &picture).await.status, StatusCode::PRECONDITION_FAILED);
    let gone = site.send(site.request("DELETE", LOGO, &[("if-match", "\"1\"")], Vec::new())).await;
    assert_eq!((gone.status, &gone.json()["logo_type"]), (StatusCode::OK, &Value::Null));
    assert_eq!(site.audited("tenant.logo").await, 2);
}

#[tokio::test]
async fn whoever_sets_addresses_stays_in() {
    let site = Site::new().await;
    let put = async |addresses: &[&str], version: i32| {
        site.put(ADDRESSES, &[], json!({ "addresses": addresses, "version": version })).await
    };
    let out = put(&["10.0.0.0/8"], 0).await;
    assert_eq!(out.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(out.json()["code"], "settings.locks_out");
    assert!(out.json()["detail"].as_str().unwrap().contains("203.0.113.9"), "{}", out.json());
    let wrong = put(&["203.0.113.0/24", "x", "300.1.1.1"], 0).await;
    let rows =
        wrong.json()["errors"].as_array().unwrap().iter().map(|e| e["row"].clone()).collect::<Vec<_>>();
    assert_eq!(rows, [json!(2), json!(3)]);
    let set = put(&["203.0.113.0/24", "10.1.2.3/8"], 0).await;
    assert_eq!(set.json()["addresses"], json!(["203.0.113.0/24", "10.0.0.0/8"]));
    // It counts at once: from elsewhere nobody comes in any more.
    let mut request = site.request("GET", ADDRESSES, &[], Vec::new());
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([198, 51, 100, 1], 50_000))));
    let elsewhere = site.send(request).await;
    assert_eq!(
        (elsewhere.status, &elsewhere.json()["code"]),
        (StatusCode::FORBIDDEN, &json!("auth.address"))
    );
    assert_eq!(put(&[], 1).await.status, StatusCode::OK);
    assert_eq!(site.audited("tenant.addresses").await, 2);
}

#[tokio::test]
async fn a_password_of_a_mail_server_is_written_and_never_told() {
    let site = Site::new().await;
    let server = |more: Value| {
        let mut body = json!({
            "host": "LocalHost", "port": 587, "security": "starttls", "user": "saif",
            "from_address": "noreply@saif.example",
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let wrong = site.put(MAIL, &[], server(json!({ "port": 22, "from_address": "x", "version": 0 }))).await;
    let fields =
        wrong.json()["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect::<Vec<_>>();
    assert_eq!(fields, [json!("port"), json!("from_address")]);
    let set = site.put(MAIL, &[], server(json!({ "password": "s3cret words", "version": 0 }))).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.json());
    assert_eq!((&set.json()["host"], &set.json()["has_password"]), (&json!("localhost"), &json!(true)));
    // It was tried by the rules of what sends mail, and is saved all the same.
    let trial = &set.json()["trial"];
    assert_eq!(trial["outcome"], "private", "{trial}");
    assert!(trial["detail"].as_str().unwrap().contains("localhost is at a private address"), "{trial}");
    assert_eq!(site.get(MAIL).await.json()["trial"], Value::Null);
    let kept = site.put(MAIL, &[("if-match", "\"1\"")], server(json!({}))).await;
    assert_eq!(kept.json()["has_password"], true);
    for answer in [&set, &kept, &site.get(MAIL).await] {
        assert!(!String::from_utf8_lossy(&answer.body).contains("s3cret"));
    }
    let none = site.put(MAIL, &[("if-match", "*")], server(json!({ "password": null }))).await;
    assert_eq!(none.json()["has_password"], false);
    // Whoever keeps settings and is no administrator sets no server: its keeper reads the
    // links by which passwords are set.
    let made: Result<(), DbError> = site
        .test
        .db
        .tx(&Cx::system(site.tenant), async |tx| {
            let sql = "insert into roles (tenant_id, role, name, permissions)
                       values ($1, 'KEEPER', 'Keeper', '{tenant.manage}')";
            sqlx::query(sql).bind(tx.tenant()).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    made.unwrap();
    person(&site.test.db, site.tenant, "asha@saif.example", "Asha", &["KEEPER"]).await;
    let token = session(&site.test.db, "asha@saif.example", None).await;
    let body = server(json!({ "version": 3 })).to_string();
    let request = Request::put(MAIL)
        .header(header::HOST, "tw.test")
        .header("sec-fetch-site", "same-origin")
        .header(header::COOKIE, format!("tws={token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .unwrap();
    let refused = site.send(request).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::FORBIDDEN, &json!("rights.beyond")));
    assert_eq!(site.audited("mail.server").await, 3);
}

#[tokio::test]
async fn a_mail_server_is_tried_when_it_is_saved() {
    let site = Site::with(true).await;
    let there = MailServer::start().await;
    let port = there.address().port();
    // Whoever reads this page sets it up.
    let shown = site.get("/settings/mail").await;
    let shown = String::from_utf8_lossy(&shown.body).into_owned();
    assert!(shown.contains("Set up your own here.") && !shown.contains("Your administrator"), "{shown}");
    let page = async |security: &str, version: i32| {
        let body = format!(
            "smtp_host=127.0.0.1&smtp_port={port}&smtp_security={security}&smtp_user=&smtp_password=\
             &from_address=noreply%40saif.example&version={version}"
        );
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let answer = site.send(site.request("POST", "/settings/mail", &form, body.into_bytes())).await;
        let to = answer.headers.get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
        (answer.status, to, String::from_utf8_lossy(&answer.body).into_owned())
    };
    let trial = async |security: &str| {
        let server = json!({
            "host": "127.0.0.1", "port": port, "security": security, "from_address": "noreply@saif.example",
        });
        let set = site.put(MAIL, &[("if-match", "*")], server).await;
        (set.status, set.json()["security"].clone(), set.json()["trial"].clone())
    };
    // It speaks no TLS: that is saved, and said with what to try.
    let (status, to, body) = page("tls", 0).await;
    assert_eq!((status, to), (StatusCode::OK, None), "{body}");
    for part in ["would take no mail", "Try STARTTLS", "Connection error: "] {
        assert!(body.contains(part), "{part}: {body}");
    }
    assert!(!body.contains("Connection error: Connection error"), "{body}");
    let (status, security, told) = trial("tls").await;
    assert_eq!((status, security, &told["outcome"]), (StatusCode::OK, json!("tls"), &json!("encryption")));
    assert!(told["detail"].as_str().unwrap().contains("Try STARTTLS"), "{told}");
    assert!(!told["said"].as_str().unwrap().is_empty(), "{told}");
    // One that answers.
    let (status, to, body) = page("starttls", 2).await;
    assert_eq!(
        (status, to.as_deref()),
        (StatusCode::SEE_OTHER, Some("/settings/mail?done=answered")),
        "{body}"
    );
    let shown = site.get("/settings/mail?done=answered").await;
    assert!(String::from_utf8_lossy(&shown.body).contains("it answered as a mail server does"));
    let (_, _, told) = trial("starttls").await;
    assert_eq!(
        (&told["outcome"], &told["detail"], &told["said"]),
        (&json!("answered"), &json!(""), &json!(""))
    );
    assert!(there.got().is_empty(), "no mail was sent");
    // Servers are not tried at will, but they are saved.
    for _ in 0..5 {
        assert_eq!(trial("tls").await.2["outcome"], "encryption");
    }
    // The sixth is the last one.
    assert_eq!(trial("tls").await.2["outcome"], "encryption");
    let (status, security, told) = trial("tls").await;
    assert_eq!((status, security, &told["outcome"]), (StatusCode::OK, json!("tls"), &json!("not_tried")));
    assert!(told["detail"].as_str().unwrap().contains("was not tried. Too many tries"), "{told}");
}
