//! A write under a key, through crashes, twins and hang-ups.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::Request;
use axum::{Extension, Json};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use tower::ServiceExt;

use super::*;
use crate::secrets::Secrets;
use crate::testing::TestDb;
use crate::web::routing::post;
use crate::web::{Bodies, Module, Scope, app, keys};

/// What the handlers of the test wait for, and how often they ran.
#[derive(Default)]
struct Gate {
    runs: AtomicUsize,
    begun: Notify,
    go_on: Option<Semaphore>,
}

/// The largest body that the larger route takes.
const LARGE: usize = 2 * 1024 * 1024;

struct Site {
    test: TestDb,
    tenant: Uuid,
    key: String,
    router: Router,
    gate: Arc<Gate>,
}

#[derive(serde::Deserialize)]
struct Change {
    name: String,
}

/// Adds to the name of the plant, and answers with a secret of its own.
async fn change(
    State(state): State<AppState>,
    Extension(gate): Extension<Arc<Gate>>,
    caller: Caller,
    sent: Json<Change>,
) -> Result<Response, Problem> {
    let run = gate.runs.fetch_add(1, Ordering::SeqCst) + 1;
    // A read before the write commits nothing.
    state.db.tx(&caller.cx, async |tx| plant(tx).await).await?;
    gate.begun.notify_one();
    if let Some(go_on) = &gate.go_on {
        go_on.acquire().await.map_err(Problem::internal)?.forget();
    }
    match sent.name.as_str() {
        "refused" => return Err(Problem::conflict("plant.refused", "No.")),
        "panics" => panic!("as it may"),
        _ => {}
    }
    state.db.tx(&caller.cx, async |tx| add(tx, &sent.name).await).await?;
    if sent.name == "fails after" {
        return Err(Problem::internal("as it may"));
    }
    let body = Json(json!({ "run": run, "secret": Uuid::new_v4() }));
    Ok((StatusCode::CREATED, [(header::ETAG, "\"1\"")], body).into_response())
}

/// The same by the control schema's role.
async fn control(
    State(state): State<AppState>,
    Extension(gate): Extension<Arc<Gate>>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    gate.runs.fetch_add(1, Ordering::SeqCst);
    let cx = caller.cx.clone();
    state.db.system_tx(async |system| system.enter(&cx, async |tx| add(tx, "control").await).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn plant(tx: &mut Tx) -> Result<String, DbError> {
    let tenant = tx.tenant();
    let name = sqlx::query_scalar("select name from plants where tenant_id = $1").bind(tenant);
    Ok(name.fetch_one(tx.conn()).await?)
}

async fn add(tx: &mut Tx, name: &str) -> Result<(), DbError> {
    let tenant = tx.tenant();
    let update = sqlx::query("update plants set name = name || '+' || $2 where tenant_id = $1");
    update.bind(tenant).bind(name).execute(tx.conn()).await?;
    Ok(())
}

impl Site {
    async fn new(waits: bool) -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let key =
            keys::create(&test.db, tenant, "t", &[Scope::Write], None).await.unwrap().reveal().to_owned();
        let gate = Arc::new(Gate { go_on: waits.then(|| Semaphore::new(0)), ..Gate::default() });
        let bodies = [("/api/v1/large", Bodies::UpTo(LARGE)), ("/api/v1/file/{id}", Bodies::Streamed)];
        let state = AppState::builder(test.db.clone())
            .modules(&[Module::new("tests").bodies(bodies)])
            .secrets(Secrets::passing().unwrap())
            .build();
        let routes = Router::new()
            .route("/api/v1/change", post(change))
            .route("/api/v1/control", post(control))
            .route("/api/v1/large", post(change).layer(DefaultBodyLimit::max(LARGE)))
            .route("/api/v1/file/{id}", post(control))
            .layer(Extension(Arc::clone(&gate)));
        Self { router: app(state, routes), test, tenant, key, gate }
    }

    fn request(&self, path: &str, key: Option<&str>, body: &str) -> Request<Body> {
        let mut request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header(KEY, key);
        }
        request.body(Body::from(body.to_owned())).unwrap()
    }

    async fn send(&self, key: Option<&str>, name: &str) -> (StatusCode, HeaderMap, Value) {
        let request = self.request("/api/v1/change", key, &json!({ "name": name }).to_string());
        read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn name(&self) -> String {
        self.test.db.tx(&Cx::system(self.tenant), async |tx| plant(tx).await).await.unwrap()
    }

    /// Changes the kept row, as time or a crash would.
    async fn make(&self, set: &str) {
        let set = format!("update idempotency_keys set {set}");
        let done: Result<(), DbError> = self
            .test
            .db
            .tx(&Cx::system(self.tenant), async |tx| {
                sqlx::query(sqlx::AssertSqlSafe(set.clone())).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    }

    fn runs(&self) -> usize {
        self.gate.runs.load(Ordering::SeqCst)
    }
}

async fn read(answer: Response) -> (StatusCode, HeaderMap, Value) {
    let (parts, body) = answer.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or_default())
}

crate::in_every_placement! {
async fn the_same_request_is_carried_out_once_and_answered_as_before() {
    let site = Site::new(false).await;
    let (status, headers, first) = site.send(Some("k-1"), "a").await;
    assert_eq!((status, headers.get(REPLAYED)), (StatusCode::CREATED, None));
    let (status, headers, again) = site.send(Some("k-1"), "a").await;
    assert_eq!((status, &again), (StatusCode::CREATED, &first));
    assert!(headers[REPLAYED] == "true" && headers[header::ETAG] == "\"1\"");
    assert_eq!((site.runs(), site.name().await.as_str()), (1, "KOL+a"));
    // Another request under the key, another key, and none.
    let (status, _, problem) = site.send(Some("k-1"), "b").await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (422, Some("idempotency.reused")));
    assert_eq!(site.send(Some("k-2"), "a").await.0, StatusCode::CREATED);
    assert_eq!(site.send(None, "a").await.0, StatusCode::CREATED);
    assert_eq!((site.runs(), site.name().await.as_str()), (3, "KOL+a+a+a"));
    for wrong in ["", "a b", &"x".repeat(201)] {
        assert_eq!(site.send(Some(wrong), "a").await.0, StatusCode::BAD_REQUEST, "{wrong:?}");
    }
    // What was answered is not to be read in the database.
    let kept: Vec<u8> = site
        .test
        .db
        .tx(&Cx::system(site.tenant), async |tx| {
            let answer = sqlx::query_scalar("select answer from idempotency_keys where key like 'k-1 %'");
            Ok::<_, DbError>(answer.fetch_one(tx.conn()).await?)
        })
        .await
        .unwrap();
    let secret = first["secret"].as_str().unwrap().as_bytes();
    assert!(!kept.windows(secret.len()).any(|part| part == secret));
}
}

#[tokio::test]
async fn under_a_key_a_body_is_as_large_as_its_route_takes_it() {
    let site = Site::new(false).await;
    let mib = 1024 * 1024;
    // Spaces around JSON are no matter.
    let body = |size: usize| {
        let bare = r#"{"name":"a"}"#;
        format!("{bare}{}", " ".repeat(size - bare.len()))
    };
    let send = async |path: &str, key: Option<&str>, size: usize| {
        read(site.router.clone().oneshot(site.request(path, key, &body(size))).await.unwrap()).await
    };
    for key in [Some("k"), None] {
        assert_eq!(send("/api/v1/change", key, mib + 1).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(send("/api/v1/large", key, LARGE + 1).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert_eq!(site.runs(), 0);
    for replayed in [false, true] {
        let (status, headers, _) = send("/api/v1/large", Some("k"), LARGE).await;
        assert_eq!((status, headers.contains_key(REPLAYED)), (StatusCode::CREATED, replayed));
    }
    assert_eq!(send("/api/v1/change", Some("k"), mib).await.0, StatusCode::CREATED);
    assert_eq!((site.runs(), site.name().await.as_str()), (2, "KOL+a+a"));

    // Where bodies are too large to be held, a key is refused, and nothing is done.
    let (status, _, problem) = send("/api/v1/file/7", Some("k"), 20).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &"idempotency.not_taken".into()));
    assert_eq!(site.runs(), 2);
    assert_eq!(send("/api/v1/file/7", None, 20).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_key_is_one_callers_alone() {
    let site = Site::new(false).await;
    site.send(Some("k"), "a").await;
    let other = site.test.tenant("OTHR", &["HYD"]).await;
    for tenant in [site.tenant, other] {
        let key = keys::create(&site.test.db, tenant, "o", &[Scope::Write], None).await.unwrap();
        let mut request = site.request("/api/v1/change", Some("k"), r#"{"name":"a"}"#);
        let bearer = format!("Bearer {}", key.reveal()).parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let (status, headers, _) = read(site.router.clone().oneshot(request).await.unwrap()).await;
        assert_eq!((status, headers.get(REPLAYED)), (StatusCode::CREATED, None));
    }
    assert_eq!(site.runs(), 3);
}

#[tokio::test]
async fn a_twin_is_told_to_wait() {
    let site = Site::new(true).await;
    let first = site.router.clone().oneshot(site.request("/api/v1/change", Some("k"), r#"{"name":"a"}"#));
    let first = tokio::spawn(first);
    site.gate.begun.notified().await;
    let (status, headers, problem) = site.send(Some("k"), "a").await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (409, Some("idempotency.running")));
    assert_eq!(headers[header::RETRY_AFTER], "2");
    site.gate.go_on.as_ref().unwrap().add_permits(1);
    let (_, _, answer) = read(first.await.unwrap().unwrap()).await;
    assert_eq!(site.send(Some("k"), "a").await.2, answer);
    assert_eq!((site.runs(), site.name().await.as_str()), (1, "KOL+a"));
}

#[tokio::test]
async fn whoever_hangs_up_finds_the_answer() {
    let site = Site::new(true).await;
    let first = site.router.clone().oneshot(site.request("/api/v1/change", Some("k"), r#"{"name":"a"}"#));
    let first = tokio::spawn(first);
    site.gate.begun.notified().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    site.gate.go_on.as_ref().unwrap().add_permits(1);
    let answer = loop {
        let (status, _, answer) = site.send(Some("k"), "a").await;
        if status != StatusCode::CONFLICT {
            break (status, answer);
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((answer.0, answer.1["run"].as_i64()), (StatusCode::CREATED, Some(1)));
    assert_eq!(site.name().await, "KOL+a");
}

crate::in_every_placement! {
async fn what_was_refused_may_be_tried_again_and_what_was_done_may_not() {
    let site = Site::new(false).await;
    for run in 1..=2 {
        assert_eq!(site.send(Some("r"), "refused").await.0, StatusCode::CONFLICT);
        assert_eq!(site.runs(), run, "nothing was committed");
    }
    // It failed after its commit: that is its answer.
    let (status, _, first) = site.send(Some("f"), "fails after").await;
    let (again, headers, second) = site.send(Some("f"), "fails after").await;
    assert_eq!((status, again), (StatusCode::INTERNAL_SERVER_ERROR, StatusCode::INTERNAL_SERVER_ERROR));
    assert_eq!((headers[REPLAYED].to_str().unwrap(), &second["code"]), ("true", &first["code"]));
    assert_eq!((site.runs(), site.name().await.as_str()), (3, "KOL+fails after"));
    // A transaction of the control schema counts as well.
    for replayed in [None, Some("true")] {
        let request = site.request("/api/v1/control", Some("c"), "");
        let (status, headers, _) = read(site.router.clone().oneshot(request).await.unwrap()).await;
        let said = headers.get(REPLAYED).map(|value| value.to_str().unwrap());
        assert_eq!((status, said), (StatusCode::NO_CONTENT, replayed));
    }
    assert_eq!(site.name().await, "KOL+fails after+control");
}
}

#[tokio::test]
async fn a_process_that_dies_leaves_nothing_half_done() {
    let site = Site::new(false).await;
    // Before anything was committed: the next one takes over, once the lease is over.
    assert_eq!(site.send(Some("p"), "panics").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(site.send(Some("p"), "panics").await.2["code"], "idempotency.running");
    site.make("claimed_at = now() - interval '6 minutes'").await;
    assert_eq!(site.send(Some("p"), "panics").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(site.runs(), 2);
    // After its commit, before its answer: it is not done again.
    assert_eq!(site.send(Some("d"), "a").await.0, StatusCode::CREATED);
    site.make("state = 'applied', status = null, answer = null where key like 'd %'").await;
    assert_eq!(site.send(Some("d"), "a").await.2["code"], "idempotency.running");
    site.make("claimed_at = now() - interval '6 minutes'").await;
    let (status, _, problem) = site.send(Some("d"), "a").await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (409, Some("idempotency.lost")));
    assert_eq!((site.runs(), site.name().await.as_str()), (3, "KOL+a"));
}

#[tokio::test]
async fn one_that_was_taken_for_lost_cannot_commit() {
    let site = Site::new(true).await;
    let late = site.router.clone().oneshot(site.request("/api/v1/change", Some("k"), r#"{"name":"a"}"#));
    let late = tokio::spawn(late);
    site.gate.begun.notified().await;
    site.make("claimed_at = now() - interval '6 minutes'").await;
    let next = site.router.clone().oneshot(site.request("/api/v1/change", Some("k"), r#"{"name":"a"}"#));
    let next = tokio::spawn(next);
    site.gate.begun.notified().await;
    site.gate.go_on.as_ref().unwrap().add_permits(2);
    let (late, next) = (late.await.unwrap().unwrap(), next.await.unwrap().unwrap());
    assert_eq!((late.status(), next.status()), (StatusCode::SERVICE_UNAVAILABLE, StatusCode::CREATED));
    assert_eq!(site.name().await, "KOL+a", "it is done once");
}

#[tokio::test]
async fn keys_are_forgotten_after_their_time() {
    let site = Site::new(false).await;
    site.send(Some("k"), "a").await;
    let forget = async |now: DateTime<Utc>| {
        site.test.db.tx(&Cx::system(site.tenant), async |tx| forget(tx, 1000, now).await).await.unwrap()
    };
    assert_eq!(forget(Utc::now() + TimeDelta::hours(24)).await, 0);
    assert_eq!(forget(Utc::now() + KEEP).await, 1);
    assert_eq!(site.send(Some("k"), "a").await.1.get(REPLAYED), None);
    // One that is still there, though its time is over, is a new one too.
    site.make("expires_at = now() - interval '1 minute'").await;
    assert_eq!(site.send(Some("k"), "b").await.1.get(REPLAYED), None);
    assert_eq!(site.name().await, "KOL+a+a+b");
}
