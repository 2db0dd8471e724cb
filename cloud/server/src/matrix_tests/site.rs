//! A cloud with a tenant that has all there is, and a stranger to it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use http_body_util::BodyExt;

use super::read::text;
use super::traces::PUMP;
use super::traces::office::Office;
use super::*;

/// The cloud, the tenant that is the victim, and who calls.
pub(super) struct Site {
    pub(super) router: Router,
    pub(super) test: TestDb,
    pub(super) _folder: tempfile::TempDir,
    pub(super) victim: Uuid,
    /// What of the victim a stranger would have to know.
    pub(super) theirs: marks::Theirs,
    /// Keys of the victim tenant by scope, and the strongest key of another.
    pub(super) keys: [(Who, String); 3],
    pub(super) stranger: String,
    /// A session of somebody who administers that other tenant.
    pub(super) person: String,
}

/// By what a caller is known.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'a> {
    Key(&'a str),
    /// A session of the office, used by a program.
    Session(&'a str),
    /// A browser's cookies.
    Cookie(&'a str),
}

impl Site {
    pub(super) async fn new() -> Self {
        let test = TestDb::new().await;
        let victim = test.tenant("SAIF", &["KOL", "MRK"]).await;
        let other = test.tenant("OTHR", &["KOL"]).await;
        let office = work::record(&test, victim).await;
        let (_, person) = marks::administrator(&test, other, "boss@othr.example", "198.51.100.1").await;
        let folder = tempfile::tempdir().unwrap();
        // Whoever calls every endpoint calls often.
        let state_dir = folder.path().to_owned();
        let config = Config { state_dir, rate_caller_burst: 0, rate_address_burst: 0, ..Config::default() };
        let mirrors = analytics::mirror::Mirrors::open(config.mirrors(), None).unwrap();
        let shared = Shared { mirrors: mirrors.clone(), ..Shared::default() };
        let modules = modules::all(&shared);
        let files = config.files(Module::all_attached(&modules)).unwrap();
        // The bytes of the file among the marks.
        std::fs::write(folder.path().join("files").join(MARK), "x").unwrap();
        let state = state(&test.db, &config, &modules, Secrets::passing().unwrap(), true, files);
        let router = app(state, modules, shared, true);
        let key = async |tenant, scope| {
            keys::create(&test.db, tenant, "matrix", &[scope], None).await.unwrap().reveal().to_owned()
        };
        let keys = [
            (Reader, key(victim, Scope::Read).await),
            (Writer, key(victim, Scope::Write).await),
            (Admin, key(victim, Scope::Admin).await),
        ];
        // Before its unit is held, and before anything is there that no tree has.
        let passport = Self::passport(&router, &keys[2].1, &office).await;
        plant_marks(&test, victim).await;
        let theirs = marks::plant(&test, office, passport).await;
        for tenant in [victim, other] {
            mirrors.catch_up(&test.db, tenant, chrono::Utc::now(), |_, _| {}).await.unwrap();
        }
        let stranger = key(other, Scope::Admin).await;
        Self { router, test, _folder: folder, victim, theirs, keys, stranger, person }
    }

    /// A passport of the unit that was made; and its proofs are there.
    async fn passport(router: &Router, key: &str, office: &Office) -> String {
        let uid = format!(r#"{{"uid":"{}"}}"#, office.uid(PUMP));
        let ask = Request::builder()
            .header(header::HOST, "tw.test")
            .header(header::CONTENT_TYPE, "application/json");
        let ask = ask.header(header::AUTHORIZATION, format!("Bearer {key}"));
        let made = ask.method("POST").uri("/api/v1/passports").body(Body::from(uid)).unwrap();
        let (status, _, made) = Self::answer(router, made).await;
        assert!(status.is_success(), "{status} {}", text(&made));
        let made: serde_json::Value = serde_json::from_slice(&made).unwrap();
        let head = Request::builder().header(header::HOST, "tw.test").uri("/api/v1/proofs/heads/current");
        let head = head.header(header::AUTHORIZATION, format!("Bearer {key}")).body(Body::empty()).unwrap();
        let (status, _, head) = Self::answer(router, head).await;
        assert_eq!(status, StatusCode::OK, "{}", text(&head));
        made["passport_id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn call(
        &self,
        method: &str,
        pattern: &str,
        sends: Sends,
        key: Option<&str>,
    ) -> (StatusCode, String) {
        self.send(method, pattern, &sample(method, pattern), sends, key.map(By::Key)).await
    }

    /// As a browser with this cookie.
    pub(super) async fn as_browser(
        &self,
        method: &str,
        pattern: &str,
        sends: Sends,
        cookie: &str,
    ) -> (StatusCode, String) {
        self.send(method, pattern, &sample(method, pattern), sends, Some(By::Cookie(cookie))).await
    }

    /// At a path that names what the victim really has: the answer with its headers, which
    /// tell as well.
    pub(super) async fn at_theirs(
        &self,
        method: &str,
        pattern: &str,
        sends: Sends,
        by: By<'_>,
    ) -> (StatusCode, String) {
        let path = self.theirs.path(method, pattern);
        let (status, headers, body) = self.heard(method, pattern, &path, sends, Some(by)).await;
        let headers = headers
            .iter()
            .map(|(name, value)| format!("\n{name}: {}", String::from_utf8_lossy(value.as_bytes())));
        (status, text(&body) + &headers.collect::<String>())
    }

    pub(super) async fn send(
        &self,
        method: &str,
        pattern: &str,
        path: &str,
        sends: Sends,
        by: Option<By<'_>>,
    ) -> (StatusCode, String) {
        let (status, _, body) = self.heard(method, pattern, path, sends, by).await;
        (status, text(&body))
    }

    async fn heard(
        &self,
        method: &str,
        pattern: &str,
        path: &str,
        sends: Sends,
        by: Option<By<'_>>,
    ) -> (StatusCode, HeaderMap, Vec<u8>) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "tw.test")
            .header("sec-fetch-site", "same-origin");
        request = match by {
            Some(By::Key(key)) => request.header(header::AUTHORIZATION, format!("Bearer {key}")),
            Some(By::Session(token)) => request.header(header::COOKIE, format!("tws={token}")),
            Some(By::Cookie(cookie)) => request.header(header::COOKIE, cookie),
            None => request,
        };
        if !is_api(pattern) || matches!(by, Some(By::Cookie(_))) {
            request = request.header(header::ACCEPT, "text/html");
        }
        let (kind, body) = sends.parts();
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        Self::answer(&self.router, request.body(Body::from(body)).unwrap()).await
    }

    async fn answer(router: &Router, mut request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
        let from: IpAddr = marks::CALLER.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((from, 50_000))));
        let mut response = router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        // What is told live goes on for a while: what it says at once is enough.
        let is_live = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let bytes = if is_live {
            let said = response.body_mut().frame().await.unwrap().unwrap();
            said.into_data().unwrap().to_vec()
        } else {
            axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
        };
        (status, headers, bytes)
    }
}
