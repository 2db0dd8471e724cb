//! A cloud with a tenant that has all there is, and a stranger to it.

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
        plant_marks(&test, victim).await;
        let theirs = marks::plant(&test, victim).await;
        let (_, person) = marks::administrator(&test, other, "boss@othr.example", "198.51.100.1").await;
        let folder = tempfile::tempdir().unwrap();
        // Whoever calls every endpoint calls often.
        let state_dir = folder.path().to_owned();
        let config = Config { state_dir, rate_caller_burst: 0, ..Config::default() };
        let mirrors = analytics::mirror::Mirrors::open(config.mirrors(), None).unwrap();
        let shared = Shared { mirrors: mirrors.clone(), ..Shared::default() };
        let modules = modules::all(&shared);
        let files = config.files(Module::all_attached(&modules)).unwrap();
        // The bytes of the file among the marks.
        std::fs::write(folder.path().join("files").join(MARK), "x").unwrap();
        let state = state(&test.db, &config, &modules, Secrets::passing().unwrap(), true, files);
        for tenant in [victim, other] {
            mirrors.catch_up(&test.db, tenant, chrono::Utc::now(), |_, _| {}).await.unwrap();
        }
        let router = app(state, modules, shared, true);
        let key = async |tenant, scope| {
            keys::create(&test.db, tenant, "matrix", &[scope], None).await.unwrap().reveal().to_owned()
        };
        let keys = [
            (Reader, key(victim, Scope::Read).await),
            (Writer, key(victim, Scope::Write).await),
            (Admin, key(victim, Scope::Admin).await),
        ];
        let stranger = key(other, Scope::Admin).await;
        Self { router, test, _folder: folder, victim, theirs, keys, stranger, person }
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

    /// At a path that names what the victim really has.
    pub(super) async fn at_theirs(
        &self,
        method: &str,
        pattern: &str,
        sends: Sends,
        by: By<'_>,
    ) -> (StatusCode, String) {
        self.send(method, pattern, &self.theirs.path(method, pattern), sends, Some(by)).await
    }

    pub(super) async fn send(
        &self,
        method: &str,
        pattern: &str,
        path: &str,
        sends: Sends,
        by: Option<By<'_>>,
    ) -> (StatusCode, String) {
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
        self.answer(pattern, request.body(Body::from(body)).unwrap()).await
    }

    pub(super) async fn answer(&self, pattern: &str, request: Request<Body>) -> (StatusCode, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        // What is told live goes on for a while; that it begins is enough.
        if matches!(pattern, "/live" | "/notices/live" | "/dashboards/live") && status.is_success() {
            return (status, String::new());
        }
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }
}
