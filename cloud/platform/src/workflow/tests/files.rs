//! Files of requests: who sees a request sees them, who raised it attaches them.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request as Asked, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::files::{self, Depot, Files, Limits};
use crate::testing::{person, session};

pub(super) struct Site {
    pub office: Office,
    router: Router,
    _folder: tempfile::TempDir,
}

impl Site {
    pub async fn new() -> Self {
        let office = Office::new().await;
        let folder = tempfile::tempdir().unwrap();
        let depot = Depot::folder(folder.path()).unwrap();
        let state = AppState::builder(office.test.db.clone())
            .modules(&[files::module(), module()])
            .files(Files::new(depot, Limits::default(), vec![requests::ATTACHED]))
            .build();
        let router = crate::web::app(state, files::router().merge(router()));
        Self { office, router, _folder: folder }
    }

    /// Somebody with this role in a tenant: id, and the cookie of a session.
    pub async fn join(&self, tenant: Uuid, name: &str, role: &str) -> (Uuid, String) {
        let db = &self.office.test.db;
        let email = format!("{}@{}.example", name.to_lowercase(), tenant.simple());
        let user = person(db, tenant, &email, name, &[role]).await;
        (user, format!("tws={}", session(db, &email, None).await))
    }

    pub async fn call(
        &self,
        cookie: &str,
        method: &str,
        path: &str,
        body: &'static str,
    ) -> (StatusCode, String) {
        let request = Asked::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::COOKIE, cookie)
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 10 << 20).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Sends a form.
    pub async fn form(&self, cookie: &str, path: &str, body: String) -> (StatusCode, String) {
        let request = Asked::builder()
            .method("POST")
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::COOKIE, cookie)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 10 << 20).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn status(&self, cookie: &str, method: &str, path: &str, body: &'static str) -> u16 {
        self.call(cookie, method, path, body).await.0.as_u16()
    }
}

#[tokio::test]
async fn a_request_takes_files_of_whoever_raised_it_for_those_who_may_see_it() {
    let site = Site::new().await;
    let tenant = site.office.tenant;
    let (owner, raised) = site.join(tenant, "Owner", "BUYER").await;
    let (head, asked) = site.join(tenant, "Head", "DEPT_HEAD").await;
    let (_, reads) = site.join(tenant, "Reader", "AUDITOR").await;
    let (_, stranger) = site.join(tenant, "Stranger", "SUPERVISOR").await;
    let (_, nobody) = site.join(tenant, "Nobody", "VIEWER").await;
    let other = site.office.test.tenant("OTHR", &["KOL"]).await;
    let (_, elsewhere) = site.join(other, "Elsewhere", "ADMIN").await;
    site.office.publish(SPEC, None).await;
    let request = site.office.raise(owner, "purchase_requisition", "10").await;

    let on = format!("kind=request&key={}", request.request_id);
    let add = format!("/api/v1/files?{on}&name=quotation.txt");
    let list = format!("/api/v1/files?{on}");
    for cookie in [&asked, &reads, &stranger, &nobody, &elsewhere] {
        let status = site.status(cookie, "POST", &add, "we offer").await;
        assert!(matches!(status, 403 | 404), "{status}");
    }
    let (status, made) = site.call(&raised, "POST", &add, "we offer").await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    let one = format!("/api/v1/files/{}", made["id"].as_str().unwrap());
    let content = format!("{one}/content");
    let part = format!("/files/on/request/{}", request.request_id);

    // Who raised it, who is asked, and who sees all requests.
    for cookie in [&raised, &asked, &reads] {
        let (status, body) = site.call(cookie, "GET", &content, "").await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "we offer"));
        assert!(site.call(cookie, "GET", &list, "").await.1.contains("quotation.txt"));
        let (status, page) = site.call(cookie, "GET", &part, "").await;
        assert!(status == StatusCode::OK && page.contains("quotation.txt"), "{page}");
        assert_eq!(page.contains("data-send"), cookie == &raised, "a form for whoever may attach");
    }
    for cookie in [&stranger, &nobody, &elsewhere] {
        for path in [&one, &content, &list, &part] {
            let (status, body) = site.call(cookie, "GET", path, "").await;
            assert!(matches!(status.as_u16(), 403 | 404), "{path}: {status} {body}");
            assert!(!body.contains("quotation.txt") && !body.contains("we offer"), "{body}");
        }
    }
    for cookie in [&asked, &reads, &stranger, &elsewhere] {
        let status = site.status(cookie, "DELETE", &one, "").await;
        assert!(matches!(status, 403 | 404), "{status}");
        let status = site.status(cookie, "PUT", &format!("{content}?name=b.txt"), "we offer more").await;
        assert!(matches!(status, 403 | 404), "{status}");
    }

    // The pages show where they are.
    let instance = site.office.standing(&request).await.instance_id;
    for (cookie, path) in [
        (&raised, format!("/requests/{}", request.request_id)),
        (&raised, format!("/approvals/{instance}")),
        (&asked, format!("/approvals/{instance}")),
    ] {
        let (status, page) = site.call(cookie, "GET", &path, "").await;
        assert!(status == StatusCode::OK && page.contains(&part), "{path}: {status} {page}");
    }

    // What was approved stays as it was, and goes on being seen.
    assert_eq!(site.status(&raised, "PUT", &format!("{content}?name=b.txt"), "we offer less").await, 200);
    site.office.decide(&request, head, Action::Approve).await.unwrap();
    assert_eq!(site.status(&raised, "PUT", &format!("{content}?name=c.txt"), "we offer nothing").await, 403);
    assert_eq!(site.status(&raised, "POST", &add, "one more").await, 403);
    for cookie in [&raised, &asked] {
        assert_eq!(site.call(cookie, "GET", &content, "").await.1, "we offer less");
    }
}

#[tokio::test]
async fn what_one_of_two_approved_is_what_the_other_sees() {
    let site = Site::new().await;
    let tenant = site.office.tenant;
    let (owner, raised) = site.join(tenant, "Owner", "BUYER").await;
    let (head, _) = site.join(tenant, "Head", "DEPT_HEAD").await;
    site.join(tenant, "Manager", "PLANT_MANAGER").await;
    site.office.publish(SPEC, None).await;
    let request = site.office.raise(owner, "purchase_requisition", "60000").await;
    let add = format!("/api/v1/files?kind=request&key={}&name=quotation.txt", request.request_id);
    let (_, made) = site.call(&raised, "POST", &add, "we offer").await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let content = format!("/api/v1/files/{}/content", made["id"].as_str().unwrap());

    // One that is still under way when the first approves.
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let (begun, begins) = tokio::sync::oneshot::channel::<()>();
    let pieces = async_pieces(begun, gone);
    let slow = Asked::builder()
        .method("PUT")
        .uri(format!("{content}?name=slow.txt"))
        .header(header::HOST, "tw.test")
        .header(header::COOKIE, &raised)
        .header("sec-fetch-site", "same-origin")
        .body(Body::from_stream(pieces))
        .unwrap();
    let sending = tokio::spawn(site.router.clone().oneshot(slow));
    begins.await.unwrap();
    site.office.decide(&request, head, Action::Approve).await.unwrap();
    go.send(()).unwrap();
    assert_eq!(sending.await.unwrap().unwrap().status(), StatusCode::FORBIDDEN);

    assert_eq!(site.office.standing(&request).await.state, State::PendingApproval, "a second is asked");
    assert_eq!(site.status(&raised, "PUT", &format!("{content}?name=b.txt"), "we offer less").await, 403);
    assert_eq!(site.status(&raised, "POST", &add, "one more").await, 403);
    assert_eq!(site.call(&raised, "GET", &content, "").await.1, "we offer");
}

/// A body in two pieces: when the first is asked for, `begun` is told; the second comes after `go`.
fn async_pieces(
    begun: tokio::sync::oneshot::Sender<()>,
    go: tokio::sync::oneshot::Receiver<()>,
) -> impl futures_util::Stream<Item = Result<&'static str, std::io::Error>> + Send {
    let first = futures_util::stream::once(async move {
        let _ = begun.send(());
        Ok("we offer ")
    });
    let second = futures_util::stream::once(async move {
        let _ = go.await;
        Ok("nothing")
    });
    futures_util::StreamExt::chain(first, second)
}
