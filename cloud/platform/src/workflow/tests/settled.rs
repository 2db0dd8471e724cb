//! What people read once somebody decided: who raised it, and who was asked beside.

use axum::http::StatusCode;

use super::files::Site;
use super::*;

const BOTH: &str = r#"{ "workflow_id": "work", "stages": [
    { "name": "Look", "approvers": [{ "role": "DEPT_HEAD" }, { "role": "ACCOUNTANT" }], "rule": "all" } ] }"#;

/// A request that is on its way, and what the site calls it.
async fn raised(site: &Site, person: Uuid) -> (Request, Uuid) {
    let request = site.office.raise(person, "work", "70000").await;
    let instance = site.office.standing(&request).await.instance_id;
    (request, instance)
}

#[tokio::test]
async fn what_came_back_or_was_rejected_says_why_and_by_whom_on_its_own_page() {
    let site = Site::new().await;
    let tenant = site.office.tenant;
    let (sita, sees) = site.join(tenant, "Sita", "BUYER").await;
    let (kiran, _) = site.join(tenant, "Kiran", "DEPT_HEAD").await;
    site.office.publish(BOTH, None).await;
    for (action, said) in
        [(Action::SendBack, "Kiran sent it back: Look"), (Action::Reject, "Kiran rejected: Look")]
    {
        let (request, _) = raised(&site, sita).await;
        let path = format!("/requests/{}", request.request_id);
        let (_, page) = site.call(&sees, "GET", &path, "").await;
        assert!(!page.contains("“because”"), "nobody said anything yet");
        site.office.decide(&request, kiran, action).await.unwrap();
        let (status, page) = site.call(&sees, "GET", &path, "").await;
        assert_eq!(status, StatusCode::OK);
        let at = page.find(said).unwrap_or_else(|| panic!("{said}: {page}"));
        let note = page.find("“because”").unwrap_or_else(|| panic!("{page}"));
        assert!(at < note && page.find("<form action=\"/requests/").is_none_or(|form| note < form), "{page}");
    }
}

#[tokio::test]
async fn who_was_asked_learns_what_another_decided_and_no_more() {
    let site = Site::new().await;
    let tenant = site.office.tenant;
    let (sita, _) = site.join(tenant, "Sita", "BUYER").await;
    let (kiran, _) = site.join(tenant, "Kiran", "DEPT_HEAD").await;
    let (_, dev) = site.join(tenant, "Dev", "ACCOUNTANT").await;
    let (_, other) = site.join(tenant, "Other", "SUPERVISOR").await;
    site.office.publish(BOTH, None).await;
    for (action, said) in [(Action::Reject, "Kiran rejected: Look"), (Action::SendBack, "Kiran sent it back")]
    {
        let (request, instance) = raised(&site, sita).await;
        let path = format!("/approvals/{instance}");
        let (status, page) = site.call(&dev, "GET", &path, "").await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("70,000"), "who is asked sees what for: {page}");
        site.office.decide(&request, kiran, action).await.unwrap();
        let (status, page) = site.call(&dev, "GET", &path, "").await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(page.contains(said) && page.contains("“because”"), "{page}");
        // What is in it, now and later, is not theirs any more.
        assert!(!page.contains("70,000") && !page.contains("/decide"), "{page}");
        let files = format!("/files/on/request/{}", request.request_id);
        assert!(!page.contains(&files), "{page}");
        let status = site.call(&dev, "GET", &files, "").await.0;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{status}");
        assert_eq!(site.call(&other, "GET", &path, "").await.0, StatusCode::NOT_FOUND, "never asked");
        let api = format!("/api/v1/workflows/instances/{instance}");
        let (status, told) = site.call(&dev, "GET", &api, "").await;
        assert_eq!(status, StatusCode::OK);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["document"], serde_json::json!({}));
        assert_eq!(told["actions"], serde_json::json!([]));
    }
}
