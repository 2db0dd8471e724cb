//! Sign-ins over HTTP as the audit tells of them: those that failed, and from where.

use axum::extract::ConnectInfo;
use serde_json::Value;

use super::*;
use crate::secrets::Secrets;

const PHONE: &str = "Mozilla/5.0 (Android 15) Firefox/140.0";

struct Site {
    office: Office,
    router: Router,
}

impl Site {
    /// Behind a proxy of the network 10.0.0.0/8.
    async fn new() -> Self {
        let office = Office::new().await;
        let state = AppState::builder(office.test.db.clone())
            .modules(&[crate::people::module(), crate::audit::module()])
            .secrets(Secrets::passing().unwrap())
            .trusted_proxies(vec!["10.0.0.0/8".parse().unwrap()])
            .build();
        let routes = crate::people::router().merge(crate::audit::router());
        let router = crate::web::app(state, routes);
        let proxy = std::net::SocketAddr::from(([10, 0, 0, 1], 1));
        Self { office, router: router.layer(axum::Extension(ConnectInfo(proxy))) }
    }

    /// Sends a form or asks for a page, from this address behind the proxy; answers the
    /// status, the cookie that was set and the page.
    async fn send(
        &self,
        from: &str,
        path: &str,
        form: Option<&str>,
        cookie: &str,
    ) -> (StatusCode, String, String) {
        let request = Request::builder()
            .method(if form.is_some() { "POST" } else { "GET" })
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .header(header::USER_AGENT, PHONE)
            .header("x-forwarded-for", from)
            .header("x-request-id", "request-of-tests")
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = form.unwrap_or_default().replace('@', "%40").replace(' ', "+");
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let cookies = parts.headers.get_all(header::SET_COOKIE).iter();
        let pairs = cookies.filter_map(|set| set.to_str().unwrap().split(';').next());
        let kept: Vec<&str> = pairs.filter(|pair| !pair.ends_with('=')).collect();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, kept.join("; "), String::from_utf8_lossy(&body).into_owned())
    }

    async fn signs_in(&self, from: &str, email: &str, password: &str) -> (StatusCode, String, String) {
        self.send(from, "/signin", Some(&format!("email={email}&password={password}")), "").await
    }

    /// Rows about signing in: act, who, to whom, from where, what.
    async fn rows(&self) -> Vec<(String, String, String, Option<String>, Value)> {
        let done: Result<_, DbError> = self
            .office
            .test
            .db
            .tx(&self.office.cx, async |tx| {
                let sql = "select action, actor, subject, origin, after from audit_log
                           where action like 's%in.%' or action = 'session.start' order by audit_id";
                Ok(sqlx::query_as(sql).fetch_all(tx.conn()).await?)
            })
            .await;
        done.unwrap()
    }
}

crate::in_every_placement! {
async fn a_wrong_password_is_in_the_audit_with_where_it_came_from() {
    let site = Site::new().await;
    let user = site.office.active("a@saif.example", &[ADMIN]).await;
    let (status, ..) = site.signs_in("203.0.113.9", "a@saif.example", "wrong wrong wrong").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let rows = site.rows().await;
    let [(action, actor, subject, origin, after)] = &rows[..] else { panic!("{rows:?}") };
    let who = format!("user:{user}");
    assert_eq!((action.as_str(), actor.as_str(), subject), ("signin.failed", "visitor", &who));
    assert_eq!(origin.as_deref(), Some("203.0.113.9 request-of-tests"));
    assert_eq!(*after, serde_json::json!({ "by": "password", "browser": "Firefox, Android" }));

    // Five are free, the sixth locks: that is told once, and what is not judged is not written.
    for _ in 0..9 {
        site.signs_in("203.0.113.9", "a@saif.example", "wrong wrong wrong").await;
    }
    let rows = site.rows().await;
    let of = |named: &str| rows.iter().filter(|row| row.0 == named).count();
    assert_eq!((of("signin.failed"), of("signin.locked"), rows.len()), (6, 1, 7));
    assert!(rows.iter().all(|row| !row.4.to_string().contains("wrong")), "no password: {rows:?}");
}
}

#[tokio::test]
async fn an_email_that_nobody_has_is_in_no_audit() {
    let site = Site::new().await;
    site.office.active("a@saif.example", &[ADMIN]).await;
    let (status, ..) = site.signs_in("203.0.113.9", "nobody@saif.example", PASSWORD).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.rows().await, []);
    let log: Result<i64, DbError> = site
        .office
        .test
        .db
        .system_tx(async |system| {
            let sql = "select count(*) from control.admin_audit where action like 'signin.%'";
            Ok(sqlx::query_scalar(sql).fetch_one(system.conn()).await?)
        })
        .await;
    assert_eq!(log.unwrap(), 0);
}

#[tokio::test]
async fn who_comes_in_is_told_with_address_and_browser_on_page_api_and_file() {
    let site = Site::new().await;
    site.office.active("a@saif.example", &[ADMIN]).await;
    let (status, cookie, page) = site.signs_in("2001:db8::7", "a@saif.example", PASSWORD).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let rows = site.rows().await;
    let [(action, _, _, origin, after)] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((action.as_str(), origin.as_deref()), ("session.start", Some("2001:db8::7 request-of-tests")));
    assert_eq!(*after, serde_json::json!({ "by": "password", "browser": "Firefox, Android" }));
    for path in ["/audit", "/audit.csv", "/api/v1/audit"] {
        let (status, _, told) = site.send("2001:db8::7", path, None, &cookie).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(told.contains("2001:db8::7 request-of-tests"), "{path}: {told}");
        assert!(told.contains("Firefox, Android"), "{path}: {told}");
    }
    // What is done in a session says it too, whoever writes the row.
    let (status, ..) = site.send("203.0.113.9", "/audit.csv", None, &cookie).await;
    assert_eq!(status, StatusCode::OK);
    let (_, _, told) = site.send("203.0.113.9", "/audit.csv?action=audit.export", None, &cookie).await;
    assert!(told.contains("203.0.113.9 request-of-tests"), "{told}");
}

#[tokio::test]
async fn a_wrong_code_of_the_second_step_is_in_the_audit() {
    let site = Site::new().await;
    let user = site.office.active("a@saif.example", &[ADMIN]).await;
    let (db, cx) = (&site.office.test.db, &site.office.cx);
    let roles = service::roles(db, cx).await.unwrap();
    let version = roles.iter().find(|role| role.code == ADMIN).unwrap().version;
    crate::people::second_step::require(db, &By::operator(cx), ADMIN, version, true).await.unwrap();
    let (status, cookie, page) = site.signs_in("203.0.113.9", "a@saif.example", PASSWORD).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let (_, _, page) = site.send("203.0.113.9", "/signin/step", None, &cookie).await;
    assert!(page.contains("tw-mono"), "codes are set up: {page}");
    site.send("203.0.113.9", "/signin/step", Some("code=000000"), &cookie).await;
    let rows = site.rows().await;
    let [(action, actor, subject, origin, after)] = &rows[..] else { panic!("{rows:?}") };
    let who = format!("user:{user}");
    assert_eq!((action.as_str(), actor.as_str(), subject), ("signin.failed", "visitor", &who));
    assert_eq!(origin.as_deref(), Some("203.0.113.9 request-of-tests"));
    assert_eq!(*after, serde_json::json!({ "by": "code", "browser": "Firefox, Android" }));
}
