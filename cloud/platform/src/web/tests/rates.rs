//! Limits of callers and addresses, requests that take too long, and what axum
//! itself refuses.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use futures_util::future::join_all;
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

use crate::ctx::Cx;
use crate::db::DbError;
use crate::testing::TestDb;
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Network, Path, Problem, Rate, Rates, Scope, app, keys};

struct Site {
    test: TestDb,
    router: Router,
    keys: [String; 2],
}

async fn slow(
    axum::extract::State(state): axum::extract::State<AppState>,
    caller: Caller,
) -> Result<(), Problem> {
    state
        .db
        .tx(&caller.cx, async |tx| {
            sqlx::query("update plants set name = 'late' where tenant_id = $1")
                .bind(tx.tenant())
                .execute(tx.conn())
                .await?;
            std::future::pending::<()>().await;
            Ok::<_, DbError>(())
        })
        .await?;
    Ok(())
}

impl Site {
    async fn new(rates: Rates) -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let key = async || {
            keys::create(&test.db, tenant, "t", &[Scope::Write], None).await.unwrap().reveal().to_owned()
        };
        let keys = [key().await, key().await];
        let proxies: Vec<Network> = vec!["10.0.0.0/8".parse().unwrap()];
        let state = AppState::builder(test.db.clone())
            .rates(rates)
            .trusted_proxies(proxies)
            .request_timeout(Duration::from_millis(300))
            .build();
        let routes = Router::new()
            .route("/api/v1/me", get(async |caller: Caller| caller.tenant_code))
            .route("/api/v1/open", get(async || "open"))
            .route("/api/v1/things/{id}", get(async |Path(id): Path<Uuid>| id.to_string()))
            .route("/api/v1/slow", post(slow).merge(get(slow)));
        Self { router: app(state, routes), test, keys }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        key: Option<usize>,
        from: (&str, &str),
    ) -> (Response, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.keys[key]));
        }
        if !from.1.is_empty() {
            request = request.header("x-forwarded-for", from.1);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(from.0.parse().unwrap(), 1)));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        (Response::from_parts(parts, Body::empty()), json)
    }
}

const OFF: Rate = Rate { burst: 0, per_second: 0 };
const HERE: (&str, &str) = ("192.0.2.1", "");

#[tokio::test]
async fn a_caller_beyond_its_limit_is_told_to_wait_and_others_are_not() {
    let site = Site::new(Rates { caller: Rate { burst: 2, per_second: 1 }, address: OFF }).await;
    let (first, _) = site.send("GET", "/api/v1/me", Some(0), HERE).await;
    assert_eq!(first.headers()["ratelimit-policy"], "\"caller\";q=2;w=2");
    assert_eq!(first.headers()["ratelimit"], "\"caller\";r=1;t=1");
    // More at once than come back meanwhile, however slow the machine.
    let all = join_all((0..20).map(|_| site.send("GET", "/api/v1/me", Some(0), HERE))).await;
    let beyond = all.into_iter().find(|(answer, _)| answer.status() == StatusCode::TOO_MANY_REQUESTS);
    let (beyond, problem) = beyond.unwrap();
    assert_eq!(problem["code"], "limit.caller");
    assert_eq!(beyond.headers()[header::RETRY_AFTER], "1");
    assert_eq!(beyond.headers()[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(site.send("GET", "/api/v1/me", Some(1), HERE).await.0.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_address_is_that_which_a_trusted_proxy_tells() {
    let site = Site::new(Rates { caller: OFF, address: Rate { burst: 1, per_second: 1 } }).await;
    let status = async |peer, said| site.send("GET", "/api/v1/open", None, (peer, said)).await.0.status();
    assert_eq!(status("10.0.0.1", "198.51.100.1").await, StatusCode::OK);
    assert_eq!(status("10.0.0.1", "198.51.100.2").await, StatusCode::OK);
    assert_eq!(status("10.0.0.1", "198.51.100.2").await, StatusCode::TOO_MANY_REQUESTS);
    // Whoever is no proxy cannot choose an address.
    assert_eq!(status("203.0.113.9", "198.51.100.3").await, StatusCode::OK);
    assert_eq!(status("203.0.113.9", "198.51.100.4").await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn what_takes_too_long_is_given_up_and_rolled_back() {
    let site = Site::new(Rates { caller: OFF, address: OFF }).await;
    for method in ["GET", "POST"] {
        let (answer, problem) = site.send(method, "/api/v1/slow", Some(0), HERE).await;
        assert_eq!((answer.status(), &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &"timeout".into()));
    }
    let tenant: Uuid = site
        .test
        .db
        .system_tx(async |tx| {
            let id = sqlx::query_scalar("select tenant_id from control.tenants").fetch_one(tx.conn()).await;
            Ok::<_, DbError>(id?)
        })
        .await
        .unwrap();
    let name: String = site
        .test
        .db
        .tx(&Cx::system(tenant), async |tx| {
            Ok::<_, DbError>(sqlx::query_scalar("select name from plants").fetch_one(tx.conn()).await?)
        })
        .await
        .unwrap();
    assert_eq!(name, "KOL");
}

#[tokio::test]
async fn every_error_of_the_api_is_a_problem_that_says_what_is_wrong() {
    let site = Site::new(Rates { caller: OFF, address: OFF }).await;
    for (method, path, status, code, says) in [
        ("GET", "/api/v1/things/seven", 404, "not_found", "nothing here"),
        ("DELETE", "/api/v1/me", 405, "request.method", ""),
        ("GET", "/api/v1/nothing", 404, "not_found", ""),
        ("GET", "/api/nothing", 404, "not_found", ""),
        ("GET", "/api/v1/me", 401, "auth.required", ""),
    ] {
        let (answer, problem) = site.send(method, path, None, HERE).await;
        assert_eq!((answer.status().as_u16(), problem["code"].as_str()), (status, Some(code)), "{path}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json", "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{path}: {problem}");
        assert!(problem["instance"].as_str().unwrap().starts_with("urn:tracewright:request:"));
        assert_eq!(answer.headers().contains_key(header::ALLOW), status == 405);
    }
}
