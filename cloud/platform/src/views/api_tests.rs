//! The API of views, as two people use it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::ctx::Cx;
use crate::db::DbError;
use crate::testing::{TestDb, person, session};
use crate::web::{AppState, Module, app};

const ALL: &str = "/api/v1/views";

/// A tenant with somebody who may keep views for all, and somebody who may not.
struct Site {
    test: TestDb,
    tenant: Uuid,
    router: Router,
    asha: String,
    ravi: String,
}

impl Site {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let made: Result<(), DbError> = test
            .db
            .tx(&Cx::system(tenant), async |tx| {
                let sql = "insert into roles (tenant_id, role, name, permissions)
                           values ($1, 'SHARER', 'Sharer', '{views.share}')";
                sqlx::query(sql).bind(tx.tenant()).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        made.unwrap();
        for (email, roles) in [("asha@saif.example", &["SHARER"][..]), ("ravi@saif.example", &[])] {
            person(&test.db, tenant, email, "Somebody", roles).await;
        }
        let asha = session(&test.db, "asha@saif.example", None).await;
        let ravi = session(&test.db, "ravi@saif.example", None).await;
        let visits = Module::new("visits").views(&["visits"]);
        let state = AppState::builder(test.db.clone()).modules(&[super::module(), visits]).build();
        Self { router: app(state, super::router()), test, tenant, asha, ravi }
    }

    async fn send(
        &self,
        token: &str,
        method: &str,
        path: &str,
        tag: Option<&str>,
        body: Value,
    ) -> (StatusCode, HeaderMap, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "tw.test")
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, format!("tws={token}"));
        if let Some(tag) = tag {
            request = request.header(header::IF_MATCH, tag);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        };
        let (parts, body) =
            self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn names(&self, token: &str, query: &str) -> (Vec<String>, Value) {
        let (status, _, page) = self.send(token, "GET", &format!("{ALL}?{query}"), None, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let name = |view: &Value| view["name"].as_str().unwrap().to_owned();
        (page["views"].as_array().unwrap().iter().map(name).collect(), page["next"].clone())
    }
}

fn view(name: &str, shared: bool) -> Value {
    json!({ "list": "items", "name": name, "query": "tracking=lot", "columns": ["item"], "shared": shared })
}

#[tokio::test]
async fn views_are_kept_named_anew_and_taken_away_by_their_version() {
    let site = Site::new().await;
    let asha = site.asha.as_str();
    let (status, headers, made) = site.send(asha, "POST", ALL, None, view(" Lots ", false)).await;
    assert_eq!((status, &made["name"], &made["own"]), (StatusCode::CREATED, &json!("Lots"), &json!(true)));
    let at = headers[header::LOCATION].to_str().unwrap().to_owned();
    assert_eq!(
        (at.as_str(), &headers[header::ETAG]),
        (&*format!("{ALL}/{}", made["id"].as_str().unwrap()), &"\"1\"".parse().unwrap())
    );
    let (status, _, told) = site.send(asha, "POST", ALL, None, view("Lots", false)).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("views.name_taken")));
    let (status, _, told) = site.send(asha, "POST", ALL, None, json!({ "list": "", "name": "" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(told["errors"].as_array().unwrap().len(), 2, "both are told: {told}");
    let none = json!({ "list": "nonsense", "name": "Mine" });
    let (status, _, told) = site.send(asha, "POST", ALL, None, none).await;
    assert_eq!((status, &told["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("list")));
    let there = told["errors"][0]["detail"].as_str().unwrap();
    assert!(there.contains("items, ") && there.ends_with(", visits."), "{there}");
    let own = json!({ "list": "visits", "name": "Of a module" });
    assert_eq!(site.send(asha, "POST", ALL, None, own).await.0, StatusCode::CREATED);
    let (_, _, other) = site.send(asha, "POST", ALL, None, view("Other", false)).await;
    let new = |name: &str| json!({ "name": name, "query": "", "first": true });
    let (status, ..) = site.send(asha, "PUT", &at, None, new("Mine")).await;
    assert_eq!(status, StatusCode::PRECONDITION_REQUIRED);
    let (status, headers, named) = site.send(asha, "PUT", &at, Some("\"1\""), new("Mine")).await;
    assert_eq!((status, &headers[header::ETAG]), (StatusCode::OK, &"\"2\"".parse().unwrap()));
    assert_eq!(
        (&named["name"], &named["first"], &named["list"]),
        (&json!("Mine"), &json!(true), &json!("items"))
    );
    let (status, ..) = site.send(asha, "PUT", &at, Some("\"1\""), new("Late")).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    // Another becomes the first one, by a name that no other has.
    let second = format!("{ALL}/{}", other["id"].as_str().unwrap());
    let (status, _, told) = site.send(asha, "PUT", &second, Some("*"), new("Mine")).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("views.name_taken")));
    let (status, ..) = site.send(asha, "PUT", &second, Some("*"), new("Other")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(site.send(asha, "GET", &at, None, Value::Null).await.2["first"], false);
    assert_eq!(site.names(asha, "list=items").await, (vec!["Mine".into(), "Other".into()], Value::Null));
    let (first, next) = site.names(asha, "list=items&limit=1").await;
    let rest = site.names(asha, &format!("list=items&limit=1&after={}", next.as_str().unwrap())).await;
    assert_eq!((first, rest), (vec!["Mine".to_owned()], (vec!["Other".to_owned()], Value::Null)));
    let (status, _, told) =
        site.send(asha, "GET", &format!("{ALL}?list=items&after=junk"), None, Value::Null).await;
    assert_eq!((status, &told["code"]), (StatusCode::BAD_REQUEST, &json!("query.parameter")));
    assert_eq!(told["errors"][0]["field"], "after");
    assert_eq!((&told["english"], &told["errors"][0]["detail"]), (&Value::Null, &told["detail"]), "{told}");
    assert_eq!(
        site.send(asha, "DELETE", &at, Some("\"1\""), Value::Null).await.0,
        StatusCode::PRECONDITION_FAILED
    );
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        assert_eq!(site.send(asha, "DELETE", &at, None, Value::Null).await.0, status);
    }
}

#[tokio::test]
async fn what_is_for_all_is_changed_by_right_and_the_rest_is_nobody_elses() {
    let site = Site::new().await;
    let (asha, ravi) = (site.asha.as_str(), site.ravi.as_str());
    let (status, _, refused) = site.send(ravi, "POST", ALL, None, view("Ours", true)).await;
    assert_eq!((status, &refused["permission"]), (StatusCode::FORBIDDEN, &json!("views.share")));
    let (_, _, ours) = site.send(asha, "POST", ALL, None, view("Ours", true)).await;
    let (_, _, mine) = site.send(asha, "POST", ALL, None, view("Mine", false)).await;
    let (_, _, his) = site.send(ravi, "POST", ALL, None, view("His", false)).await;
    let path = |of: &Value| format!("{ALL}/{}", of["id"].as_str().unwrap());
    assert_eq!(site.names(ravi, "list=items").await.0, ["His", "Ours"]);
    let new = json!({ "name": "New", "version": 1 });
    for (of, status) in [(&ours, StatusCode::FORBIDDEN), (&mine, StatusCode::NOT_FOUND)] {
        assert_eq!(site.send(ravi, "PUT", &path(of), None, new.clone()).await.0, status);
        assert_eq!(site.send(ravi, "DELETE", &path(of), None, Value::Null).await.0, status);
    }
    // Not even by the right is somebody's own another's.
    assert_eq!(site.send(asha, "GET", &path(&his), None, Value::Null).await.0, StatusCode::NOT_FOUND);
    // One that is for all stays its owner's, and stays as they want to see it first.
    let wish = json!({ "name": "His, for all", "query": "", "shared": true, "first": true, "version": 1 });
    let (status, ..) = site.send(ravi, "PUT", &path(&his), None, wish.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "he may not share it");
    let (status, _, told) = site.send(asha, "PUT", &path(&ours), None, wish).await;
    assert_eq!((status, &told["first"], &told["own"]), (StatusCode::OK, &json!(true), &json!(true)));
    let audited: Result<i64, DbError> = site
        .test
        .db
        .tx(&Cx::system(site.tenant), async |tx| {
            let sql = "select count(*) from audit_log where action = 'view.share'";
            Ok(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)
        })
        .await;
    assert_eq!(audited.unwrap(), 2, "when it was shared, and when it was changed");
}
