//! A small browser: keeps its cookie, reads what comes back.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use chrono::Utc;
use tower::ServiceExt;
use uuid::Uuid;

use crate::testing::TestDb;
use crate::web::routing::{get, post};
use crate::web::{
    AppState, Caller, Module, NavGroup, NavItem, Permission, Problem, Scope, Seen, Shell, app, keys,
};

/// A site with a page and a call, and a tenant with a key that may write.
pub struct Site {
    pub db: TestDb,
    pub tenant: Uuid,
    pub key: String,
    pub router: Router,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The session's cookie as a browser sends it back.
    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

async fn home(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Shell::new(&state, &caller, "Units", "/units").page_html(&headers, "<h1>Units</h1>")
}

const CHANGE: Permission = Permission::write("unit.change");

async fn change(caller: Caller) -> Result<String, Problem> {
    caller.require(&CHANGE)?;
    Ok(caller.cx.origin.unwrap_or_default())
}

async fn panics() -> String {
    panic!("as it may")
}

impl Site {
    pub async fn new() -> Self {
        let db = TestDb::new().await;
        let tenant = db.tenant("AAAA", &["KOL"]).await;
        let key = keys::create(&db.db, tenant, "tests", &[Scope::Write], None).await.unwrap();
        let nav = |href, permission| NavItem {
            group: NavGroup::Setup,
            href,
            label_key: "shell-search",
            icon: "unit",
            seen: Seen::With(permission),
        };
        let nav = [nav("/units", Permission::read("unit.read")), nav("/admin", Permission::admin("admin"))];
        let state = AppState::builder(db.db.clone()).modules(&[Module::new("tests").nav(nav)]).build();
        let pages = Router::new()
            .route("/units", get(home))
            .route("/change", post(change))
            .route("/api/change", post(change))
            .route("/panics", get(panics).merge(post(panics)));
        Self { tenant, key: key.reveal().to_owned(), router: app(state, pages), db }
    }

    /// Sends a request; headers as pairs, and a form's body.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "tw.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A browser's look at a page.
    pub async fn look(&self, path: &str, cookie: &str) -> Answer {
        self.send("GET", path, &[("accept", "text/html,*/*"), ("cookie", cookie)], "").await
    }

    /// A form sent from one of our own pages.
    pub async fn post(&self, path: &str, cookie: &str, body: &str) -> Answer {
        let headers = [("accept", "text/html"), ("cookie", cookie), ("sec-fetch-site", "same-origin")];
        self.send("POST", path, &headers, body).await
    }

    /// A call with a key.
    pub async fn call(&self, path: &str, key: &str) -> Answer {
        let key = format!("Bearer {key}");
        self.send("POST", path, &[("authorization", &key)], "").await
    }

    /// A session of the site's key.
    pub async fn signed_in(&self) -> String {
        let answer = self.post("/signin", "", &format!("key={}", self.key)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        answer.cookie()
    }

    pub async fn code(&self, now: chrono::DateTime<Utc>) -> String {
        let made = keys::create_code(&self.db.db, self.tenant, "Asha", &[Scope::Read], now).await;
        made.unwrap().reveal().to_owned()
    }
}
