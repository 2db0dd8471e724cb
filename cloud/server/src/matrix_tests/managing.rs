//! Who manages the workflows of one plant, and has other rights at all: what belongs to
//! another plant, or to none, is not theirs to take back, and nobody's stand-ins are.

use platform::ctx::Plants;
use platform::people::Given;

use super::rights::Office;
use super::*;

/// Documents on their way: of KOL, of VSK, of no plant.
const PLACES: [(&str, &str); 3] = [("1", "'KOL'"), ("2", "'VSK'"), ("3", "null")];
/// Somebody else's stand-in.
const LENT: &str = "01900000-0000-7000-8000-0000000000d1";

fn request(one: &str) -> String {
    format!("01900000-0000-7000-8000-0000000000a{one}")
}

fn instance(one: &str) -> String {
    format!("01900000-0000-7000-8000-0000000000b{one}")
}

async fn documents(office: &Office) {
    let tenant = office.cx.tenant;
    let definition = "01900000-0000-7000-8000-0000000000c1";
    let mut rows = vec![
        format!(
            "insert into roles (tenant_id, role, name, permissions) values
                 ('{tenant}', 'MANAGES', 'Manages', '{{workflow.manage}}'),
                 ('{tenant}', 'LOOKS', 'Looks', '{{workflow.read,request.read,request.raise}}')"
        ),
        format!(
            "insert into workflow_definitions (tenant_id, definition_id, workflow, revision, state, name, source)
             values ('{tenant}', '{definition}', 'bearings', 1, 'published', 'Bearings', '{{}}')"
        ),
        format!(
            "insert into users (tenant_id, user_id, email, name, status)
             values ('{tenant}', '01900000-0000-7000-8000-0000000000e1', 'c@saif.example', 'Chandra',
                 'active')"
        ),
        format!(
            "insert into workflow_delegations (tenant_id, delegation_id, person, delegate, from_at, until_at)
             select '{tenant}', '{LENT}', a.user_id, b.user_id, now(), now() + interval '9 days'
             from users a, users b where a.email = 'boss@saif.example' and b.email = 'c@saif.example'"
        ),
    ];
    for (one, plant) in PLACES {
        let (request, instance) = (request(one), instance(one));
        rows.push(format!(
            "insert into requests (tenant_id, request_id, number, workflow, subject, plant, source)
             values ('{tenant}', '{request}', {one}, 'bearings', 'Bearings', {plant}, 'schedule')"
        ));
        rows.push(format!(
            "insert into workflow_instances (tenant_id, instance_id, definition_id, workflow, subject_kind,
                 subject_id, title, href, plant, state, stage, round, started_at)
             values ('{tenant}', '{instance}', '{definition}', 'bearings', 'request', '{request}', 'Bearings',
                 '/requests/{request}', {plant}, 'PENDING_APPROVAL', 1, 1, now())"
        ));
    }
    let done: Result<(), DbError> = office
        .test
        .db
        .tx(&Cx::system(tenant), async |tx| {
            for row in &rows {
                sqlx::query(sqlx::AssertSqlSafe(row.clone())).execute(tx.conn()).await?;
            }
            Ok(())
        })
        .await;
    done.unwrap();
}

#[tokio::test]
async fn who_manages_workflows_at_a_plant_leaves_those_of_others_alone() {
    let office = Office::new().await;
    documents(&office).await;
    let looks = || Given { role: "LOOKS".into(), plants: Plants::All };
    let manages = |plants| Given { role: "MANAGES".into(), plants };
    let token = office.signed_in(&[looks(), manages(Plants::some(["KOL"]))]).await;

    // What the pages offer is what is allowed.
    for (one, plant) in PLACES {
        for page in [format!("/approvals/{}", instance(one)), format!("/requests/{}", request(one))] {
            let (status, body) = office.call(&token, "GET", &page, Nothing).await;
            assert_eq!(status, StatusCode::OK, "{page}: {body}");
            let offered = body.contains(&format!("action=\"{page}/cancel\""));
            assert_eq!(offered, plant == "'KOL'", "{page} of {plant}");
        }
    }
    for (one, plant) in &PLACES[1..] {
        let path = format!("/api/v1/workflows/instances/{}/cancel", instance(one));
        let (status, body) = office.call(&token, "POST", &path, Json("{}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path} of {plant}: {body}");
        for what in ["cancel", "done"] {
            let path = format!("/api/v1/requests/{}/{what}", request(one));
            let (status, body) = office.call(&token, "POST", &path, Nothing).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path} of {plant}: {body}");
            assert!(body.contains("workflow.not_yours"), "{path} of {plant}: {body}");
        }
        let path = format!("/api/v1/requests/{}", request(one));
        let (status, body) =
            office.call(&token, "PUT", &path, Json(r#"{"subject":"Mine","version":1}"#)).await;
        assert!(!status.is_success(), "{path} of {plant}: {body}");
    }
    // A delegation is for every plant, so theirs alone are shown and ended.
    let path = "/api/v1/workflows/delegations";
    let (status, body) = office.call(&token, "GET", path, Nothing).await;
    assert!(status == StatusCode::OK && !body.contains(LENT), "{status} {body}");
    let (_, body) = office.call(&token, "GET", "/approvals/away", Nothing).await;
    assert!(!body.contains(LENT), "{body}");
    let ended = format!("{path}/{LENT}");
    let (status, body) = office.call(&token, "DELETE", &ended, Nothing).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");

    // At their own plant they may.
    let path = format!("/api/v1/requests/{}/cancel", request("1"));
    let (status, body) = office.call(&token, "POST", &path, Nothing).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{body}");

    // And whoever manages everywhere, what is of no plant.
    let token = office.signed_in(&[looks(), manages(Plants::All)]).await;
    let path = format!("/api/v1/workflows/instances/{}/cancel", instance("3"));
    let (status, body) = office.call(&token, "POST", &path, Json("{}")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, body) = office.call(&token, "DELETE", &ended, Nothing).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
}

#[tokio::test]
async fn who_reads_workflows_at_a_plant_reads_no_document_of_another() {
    let office = Office::new().await;
    documents(&office).await;
    let reads = Given { role: "LOOKS".into(), plants: Plants::some(["KOL"]) };
    // Some other right at VSK, so that its rows are not out of sight altogether.
    let token = office.signed_in(&[reads, Given { role: "MANAGES".into(), plants: Plants::All }]).await;
    for (one, expected) in [("1", StatusCode::OK), ("2", StatusCode::NOT_FOUND), ("3", StatusCode::OK)] {
        let path = format!("/api/v1/workflows/instances/{}", instance(one));
        let (status, body) = office.call(&token, "GET", &path, Nothing).await;
        assert_eq!(status, expected, "{path}: {body}");
    }
}
