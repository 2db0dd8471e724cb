//! Scopes that were kept, asked again.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::oven;
use super::web::Web;

/// Keeps what a condition finds; answers the path of the scope's page.
async fn kept(web: &Web, criteria: Value) -> String {
    let wish = json!({ "name": "Oven", "criteria": criteria });
    let (status, kept) = web.json("POST", "/api/v1/scopes", wish).await;
    assert_eq!(status, StatusCode::CREATED, "{kept}");
    format!("/suspects/scopes/{}", kept["scope_id"].as_str().unwrap())
}

/// What a scope's conditions find now, beside what it has.
async fn compared(web: &Web, page: &str) -> Value {
    let id = page.rsplit('/').next().unwrap();
    let (status, told) = web.json("GET", &format!("/api/v1/scopes/{id}/compare"), Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    told
}

#[tokio::test]
async fn an_event_that_says_nothing_is_any_in_what_was_kept() {
    let site = oven().await;
    let web = Web::new(&site).await;
    let page = kept(&web, json!({ "event": { "machine": "OVEN-1" } })).await;
    site.sql(
        r#"update scopes set criteria =
               '{"all": [{"event": {"machine": "OVEN-1"}}, {"event": {"without_taken": true}}]}'"#,
    )
    .await;
    let told = compared(&web, &page).await;
    assert_eq!((&told["same"], &told["new_total"], &told["gone_total"]), (&json!(2), &json!(0), &json!(0)));
    let (status, shown) = web.get(&format!("{page}?compare=1")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(shown.contains("2 units are in both") && shown.contains("Any</li>"), "{shown}");
    // Its conditions are changed from what they say.
    let again = shown.split("href=\"/suspects?").nth(1).unwrap().split('"').next().unwrap();
    let again = again.replace("&amp;", "&").replace("&#38;", "&");
    let (status, found) = web.get(&format!("/suspects?{again}")).await;
    assert!(status == StatusCode::OK && found.contains("2 units"), "{found}");
    // Who asks it now is told of it.
    let asked = json!({ "criteria": { "all": [
        { "event": { "machine": "OVEN-1" } }, { "event": { "without_taken": true } },
    ] } });
    let (status, told) = web.json("POST", "/api/v1/scopes/preview", asked).await;
    assert_eq!((status, &told["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("scope.criteria")));
}

#[tokio::test]
async fn what_nothing_is_called_is_told_where_a_scope_is_asked_again() {
    let site = oven().await;
    let web = Web::new(&site).await;
    let either = json!({ "any": [{ "event": { "machine": "OVEN-1" } }, { "event": { "machine": "PLC9" } }] });
    let page = kept(&web, either).await;
    let told = compared(&web, &page).await;
    assert_eq!(told["same"], 2);
    assert_eq!(told["hints"], json!([{ "path": "any[1].event.machine", "value": "PLC9" }]));
    let (_, shown) = web.get(&format!("{page}?compare=1")).await;
    assert!(shown.contains("Machine “PLC9”: no event of yours names it."), "{shown}");
    // What is kept says only what it is.
    let (_, shown) = web.get(&page).await;
    assert!(!shown.contains("no event of yours"), "{shown}");
    let page = kept(&web, json!({ "event": { "machine": "OVEN-1" } })).await;
    assert_eq!(compared(&web, &page).await["hints"], json!([]));
}
