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

/// A webhook hears of an event once, with all who are asked; each of them is told alone.
#[tokio::test]
async fn several_who_are_asked_are_one_event_for_other_systems() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let mut heads = Vec::new();
    for name in ["Asha", "Bela", "Chitra"] {
        heads.push(office.person(name, &["DEPT_HEAD"]).await);
    }
    office.publish(SPEC, None).await;
    let request = office.raise(starter, "purchase_requisition", "50000").await;
    let bodies = "select body::text from outbox where channel = 'notice' and kind = 'workflow.asked'";
    let bodies: Vec<serde_json::Value> =
        office.ask(bodies).await.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(bodies.len(), heads.len(), "{bodies:?}");
    let told: Vec<&serde_json::Value> = bodies.iter().filter(|body| body["inside"] == false).collect();
    let [told] = told[..] else { panic!("{bodies:?}") };
    let about = &told["about"];
    let mut asked: Vec<&str> =
        about["asked"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    asked.sort_unstable();
    assert_eq!(asked, ["Asha", "Bela", "Chitra"]);
    assert_eq!(about["document"]["id"], request.request_id.to_string());
    assert_eq!(
        (&about["document"]["kind"], &about["document"]["amount"]),
        (&"request".into(), &"50000".into())
    );
    assert!(about["stage"].as_str().is_some_and(|stage| !stage.is_empty()), "{about}");
}
