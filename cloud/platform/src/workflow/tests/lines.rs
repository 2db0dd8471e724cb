//! Requests with lines, as a form sends them.

use super::files::Site;
use super::*;

#[tokio::test]
async fn a_request_keeps_its_lines_and_tells_what_is_wrong_with_each() {
    let site = Site::new().await;
    let (_, cookie) = site.join(site.office.tenant, "Owner", "BUYER").await;
    site.join(site.office.tenant, "Head", "DEPT_HEAD").await;
    site.office.publish(SPEC, None).await;
    let form = "workflow=purchase_requisition&subject=Bearings&amount=48%2C000&r.0.item=GEAR&r.0.quantity=";
    let wrong = format!("{form}none&r.1.item=&r.1.quantity=2&r.2.item=&r.2.quantity=");
    let (status, page) = site.form(&cookie, "/requests", wrong).await;
    assert_eq!(status.as_u16(), 422, "{page}");
    for part in [
        "id=\"wrong-r.0.quantity\"",
        "id=\"wrong-r.1.item\"",
        "data-count=\"quantity\"",
        "name=\"r.0.quantity\" value=\"none\"",
        "data-wrong",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("id=\"wrong-r.2"), "an empty line is none: {page}");
    let (status, told) = site.form(&cookie, "/requests", format!("{form}1%2C200")).await;
    assert_eq!(status.as_u16(), 303, "{told}");
    let (_, list) = site.call(&cookie, "GET", "/api/v1/requests", "").await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let id = list["requests"][0]["request_id"].as_str().unwrap();
    let (_, one) = site.call(&cookie, "GET", &format!("/api/v1/requests/{id}"), "").await;
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    let lines = serde_json::json!([{ "item": "GEAR", "quantity": "1200", "note": "" }]);
    assert_eq!(one["details"]["lines"], lines, "{one}");
    let (_, page) = site.call(&cookie, "GET", &format!("/requests/{id}"), "").await;
    assert!(page.contains("GEAR") && page.contains("1,200"), "{page}");
}
