//! Several approved at once: which of them were not, and why.

use axum::body::{Body, to_bytes};
use axum::http::{Request as Asked, StatusCode, header};
use tower::ServiceExt;

use super::*;
use crate::testing::{person, session};

#[tokio::test]
async fn what_is_not_approved_with_others_is_named_and_holds_up_none() {
    let office = Office::new().await;
    let db = &office.test.db;
    let starter = office.person("Starter", &["BUYER"]).await;
    let other = office.person("Other", &["DEPT_HEAD"]).await;
    person(db, office.tenant, "head@saif.example", "Head", &["DEPT_HEAD"]).await;
    let cookie = format!("tws={}", session(db, "head@saif.example", None).await);
    office.publish(r#"{ "workflow_id": "work", "stages": [{ "approver_role": "DEPT_HEAD" }] }"#, None).await;
    let settled = office.raise(starter, "work", "").await;
    let open = office.raise(starter, "work", "").await;
    let (first, last) = (office.standing(&settled).await, office.standing(&open).await);
    office.decide(&settled, other, Action::Approve).await.unwrap();
    let nowhere = Uuid::now_v7();
    let state = AppState::builder(db.clone()).modules(&[module()]).build();
    let router = crate::web::app(state, router());
    let form = format!(
        "after=&chosen={}%3A{}&title.{}=The+first+%26+settled&chosen={nowhere}%3A1&chosen={}%3A{}",
        first.instance_id, first.round, first.instance_id, last.instance_id, last.round
    );
    let request = Asked::post("/approvals/bulk")
        .header(header::HOST, "tw.test")
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .body(Body::from(form))
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let page = to_bytes(response.into_body(), 10 << 20).await.unwrap();
    let page = String::from_utf8_lossy(&page);
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("Approved: 1.") && page.contains("Not approved: 2."), "{page}");
    let link = format!("<a href=\"/approvals/{}\">The first", first.instance_id);
    assert!(page.contains(&link), "{page}");
    assert!(page.contains(&format!("{nowhere}</a>: There is nothing here")), "{page}");
    assert_eq!(office.standing(&open).await.state, State::Approved);
}
