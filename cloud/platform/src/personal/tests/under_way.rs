//! What is on its way and waits for somebody is told before that person is erased.

use axum::http::StatusCode;
use chrono::Utc;
use uuid::Uuid;

use super::super::{Kind, Person};
use super::Site;
use crate::workflow::Why;

/// An instance in this state, raised by somebody or by an event.
async fn instance(site: &Site, title: &str, state: &str, starter: Option<Uuid>) -> Uuid {
    let [definition, instance] = [Uuid::now_v7(), Uuid::now_v7()];
    site.run(&format!(
        "insert into workflow_definitions (tenant_id, definition_id, workflow, revision, name, source)
              values ($tenant, '{definition}', 'w_{}', 1, 'W', '{{}}')",
        definition.simple()
    ))
    .await;
    let starter = starter.map_or("null".to_owned(), |starter| format!("'{starter}'"));
    let ended = if matches!(state, "INITIATED" | "PENDING_APPROVAL") { "null" } else { "now()" };
    site.run(&format!(
        "insert into workflow_instances (tenant_id, instance_id, definition_id, workflow, subject_kind, subject_id,
                                         title, state, starter, started_at, ended_at)
              values ($tenant, '{instance}', '{definition}', 'w', 'request', gen_random_uuid(), '{title}',
                      '{state}', {starter}, now(), {ended})"
    ))
    .await;
    instance
}

/// A seat of the person in a stage that is open; one that was `decided` asks nobody.
async fn seat(site: &Site, instance: Uuid, person: Uuid, decided: bool) {
    site.run(&format!(
        "insert into workflow_rounds (tenant_id, instance_id, round, workflow, stage, stage_name, needed, opened_at)
              values ($tenant, '{instance}', 1, 'w', 1, 'S', 1, now())"
    ))
    .await;
    let decision =
        if decided { format!("'APPROVE', '{person}', now()") } else { "null, null, null".to_owned() };
    site.run(&format!(
        "insert into workflow_seats (tenant_id, instance_id, round, seat, person, decision, decided_by, decided_at)
              values ($tenant, '{instance}', 1, 1, '{person}', {decision})"
    ))
    .await;
}

#[tokio::test]
async fn what_waits_for_a_person_is_told_before_the_person_is_erased() {
    let site = Site::new().await;
    let other = site.person("priya@saif.example", "Priya Rao", "ADMIN").await;
    let user = site.person("ravi.teja@saif.example", "Ravi Teja", "VIEWER").await;
    let raised = instance(&site, "RQ-000001 of Ravi Teja", "PENDING_APPROVAL", Some(user)).await;
    let back = instance(&site, "RQ-000002", "INITIATED", Some(user)).await;
    instance(&site, "RQ-DONE", "COMPLETED", Some(user)).await;
    instance(&site, "RQ-OTHERS", "PENDING_APPROVAL", Some(other)).await;
    let asked = instance(&site, "PO-000007", "PENDING_APPROVAL", None).await;
    seat(&site, asked, user, false).await;
    let decided = instance(&site, "PO-DECIDED", "PENDING_APPROVAL", None).await;
    seat(&site, decided, user, true).await;

    let (status, page) = site.get("GET", &format!("/personal/of/user/{user}"), "").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let told = page.split("waits for the person").nth(1).expect("what is on its way is told");
    for (id, title, why) in [
        (raised, "RQ-000001 of Ravi Teja", "raised by this person"),
        (back, "RQ-000002", "raised by this person"),
        (asked, "PO-000007", "asks this person for approval"),
    ] {
        let line = format!("<a href=\"/approvals/{id}\">{title}</a> <span class=\"tw-soft\">{why}</span>");
        assert!(told.contains(&line), "{line} is not in {told}");
    }
    for title in ["RQ-DONE", "RQ-OTHERS", "PO-DECIDED"] {
        assert!(!told.contains(title), "{title} is in {told}");
    }
    // A program is told the same.
    let (status, told) = site.get("GET", &format!("/api/v1/personal/under-way/user/{user}"), "").await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let all = told["under_way"].as_array().unwrap();
    assert_eq!((status, all.len()), (StatusCode::OK, 3), "{told}");
    assert_eq!(
        all[2],
        serde_json::json!({ "title": "PO-000007", "href": format!("/approvals/{asked}"), "why": "asked" })
    );
    let nobody = format!("/api/v1/personal/under-way/user/{}", Uuid::now_v7());
    assert_eq!(site.get("GET", &nobody, "").await.0, StatusCode::NOT_FOUND);
    // Of somebody for whom nothing waits nothing is said.
    site.create(
        "operators",
        &[("operator_id", "OP-9"), ("name", "Raj"), ("badge", "BADGE-9"), ("plants", "KOL")],
    )
    .await;
    let (_, page) = site.get("GET", "/personal/of/operator/OP-9", "").await;
    assert!(!page.contains("waits for the person"), "{page}");

    // Erasing leaves it as it is, and says so once more, without the name.
    let person = Person { kind: Kind::User, key: user.to_string() };
    let erased = site.erase(&person, Utc::now()).await.unwrap();
    let told: Vec<(&str, Why)> = erased.under_way.iter().map(|one| (one.title.as_str(), one.why)).collect();
    assert_eq!(
        told,
        [("RQ-000001 of erased", Why::Raised), ("RQ-000002", Why::Raised), ("PO-000007", Why::Asked)]
    );
    let states =
        site.texts("select state from workflow_instances where title like 'RQ-00000%' order by instance_id");
    assert_eq!(states.await, ["PENDING_APPROVAL", "INITIATED"]);
}
