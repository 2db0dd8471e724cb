//! Who may have somebody else decide: as far as the own rights reach, and not for oneself.

use axum::body::{Body, to_bytes};
use axum::http::{Request as Asked, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::testing::{person, session};

#[tokio::test]
async fn who_manages_workflows_lends_nobody_more_and_nothing_to_themselves() {
    let office = Office::new().await;
    let db = &office.test.db;
    let manages = "update roles set permissions = '{workflow.manage,workflow.decide}'
                   where role = 'SUPERVISOR' returning role";
    assert_eq!(office.ask(manages).await, ["SUPERVISOR"]);
    let join = async |name: &str, role: &str| {
        let email = format!("{name}@saif.example");
        let user = person(db, office.tenant, &email, name, &[role]).await;
        (user, format!("tws={}", session(db, &email, None).await))
    };
    let (manager, as_manager) = join("manager", "SUPERVISOR").await;
    let (colleague, as_colleague) = join("colleague", "SUPERVISOR").await;
    let (third, _) = join("third", "SUPERVISOR").await;
    let (head, _) = join("head", "DEPT_HEAD").await;
    let (admin, as_admin) = join("admin", "ADMIN").await;
    let state = AppState::builder(db.clone()).modules(&[module()]).build();
    let router = crate::web::app(state, router());
    let lend = async |cookie: &str, person: Uuid, delegate: Uuid| {
        let now = Utc::now();
        let wish = json!({
            "person": person, "delegate": delegate, "from": now, "until": now + TimeDelta::hours(8),
        });
        let request = Asked::post("/api/v1/workflows/delegations")
            .header(header::HOST, "tw.test")
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(wish.to_string()))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let told: Value = serde_json::from_slice(&bytes).unwrap();
        (status, told["code"].as_str().map(str::to_owned))
    };
    let code = |code: &str| Some(code.to_owned());
    // The own decisions to whom one likes; another's only if one holds as much.
    assert_eq!(lend(&as_colleague, colleague, head).await, (StatusCode::CREATED, None));
    assert_eq!(lend(&as_manager, head, third).await, (StatusCode::FORBIDDEN, code("rights.beyond")));
    let own = lend(&as_manager, colleague, manager).await;
    assert_eq!(own, (StatusCode::UNPROCESSABLE_ENTITY, code("workflow.invalid")));
    assert_eq!(lend(&as_manager, colleague, third).await, (StatusCode::CREATED, None));
    assert_eq!(lend(&as_admin, head, admin).await, (StatusCode::CREATED, None));
    assert_eq!(office.count("outbox where kind = 'workflow.delegated'").await, 6, "two each time");
}
