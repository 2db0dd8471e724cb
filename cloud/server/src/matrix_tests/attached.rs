//! Files of documents: whoever sees the document sees them, whoever changes it changes
//! them, and nobody else. Of what a module registers, each kind is here.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use platform::ctx::Plants;
use platform::db::DbError;
use platform::people::Given;
use platform::web::{Scope, keys};
use sqlx::AssertSqlSafe;
use tower::ServiceExt;

use super::rights::{HOLD_OF_KOL, KEY_OF_KOL, OF_KOL, Office, UID_OF_KOL};
use super::{Csv, Nothing};
use crate::modules;

/// A kind of document, the one of the plant KOL, and what somebody who may do everything at
/// KOL alone is answered when they look, and when they delete.
const DOCUMENTS: [(&str, &str, StatusCode, StatusCode); 5] = [
    ("holds", HOLD_OF_KOL, StatusCode::OK, StatusCode::NO_CONTENT),
    ("exceptions", HOLD_OF_KOL, StatusCode::OK, StatusCode::NO_CONTENT),
    // It is no plant's: whoever changes it has the right at all of them.
    ("recalls", HOLD_OF_KOL, StatusCode::OK, StatusCode::FORBIDDEN),
    // Somebody else made it.
    ("scopes", HOLD_OF_KOL, StatusCode::OK, StatusCode::FORBIDDEN),
    ("plants", "KOL", StatusCode::FORBIDDEN, StatusCode::FORBIDDEN),
];

/// Kinds that the test of workflows has.
const ELSEWHERE: [&str; 1] = ["request"];

fn file(kind: &str) -> String {
    let place = DOCUMENTS.iter().position(|(name, ..)| *name == kind).unwrap();
    format!("01900000-0000-7000-8000-0000000001{place:02}")
}

/// Where the files of one are looked at.
fn looks(kind: &str, key: &str) -> [String; 4] {
    let file = file(kind);
    [
        format!("/files/on/{kind}/{key}"),
        format!("/api/v1/files?kind={kind}&key={key}"),
        format!("/api/v1/files/{file}"),
        format!("/files/{file}/content"),
    ]
}

async fn run(office: &Office, rows: &[String]) {
    let done: Result<(), DbError> = office
        .test
        .db
        .tx(&office.cx, async |tx| {
            for row in rows {
                let done = sqlx::query(AssertSqlSafe(row.clone())).execute(tx.conn()).await?;
                assert!(done.rows_affected() > 0, "nothing was changed by {row}");
            }
            Ok(())
        })
        .await;
    done.unwrap();
}

/// An office whose documents of KOL have a file each.
async fn office() -> Office {
    let office = Office::new().await;
    let tenant = office.cx.tenant;
    let key = UID_OF_KOL.parse::<uid::Uid>().unwrap().key().get();
    let mut rows = vec![
        format!(
            "insert into recalls (tenant_id, recall_id, kind, status, company, number, severity, reason, scope,
                 scope_name, through_batch, snapshot_at, snapshot_ms, members)
             values ('{tenant}', '{HOLD_OF_KOL}', 'recall', 'draft', 'C1', 'R-1', 'class_2', 'cracks', '{{}}',
                 'cracks', 0, now(), 0, 1)"
        ),
        format!(
            "insert into recall_members (tenant_id, recall_id, key, item, quantity, unit, place, plant, location,
                 document)
             values ('{tenant}', '{HOLD_OF_KOL}', {key}, 'PUMP', 1, 'pcs', 'stock', 'KOL', '', '')"
        ),
        // Sees all of these, and changes none.
        format!(
            "insert into roles (tenant_id, role, name, permissions) values ('{tenant}', 'LOOKS', 'Looks',
                 '{{hold.read,exception.read,recall.read,scope.read,trace.read}}')"
        ),
        format!(
            "insert into roles (tenant_id, role, name, permissions)
             values ('{tenant}', 'PLANTS', 'Plants', '{{plant.read}}')"
        ),
    ];
    for (kind, key, ..) in DOCUMENTS {
        let file = file(kind);
        rows.push(format!(
            "insert into files (tenant_id, file_id, subject_kind, subject_key)
             values ('{tenant}', '{file}', '{kind}', '{key}')"
        ));
        rows.push(format!(
            "insert into file_versions (tenant_id, file_id, number, name, media_type, sha256)
             values ('{tenant}', '{file}', 1, '{OF_KOL}', 'text/plain', sha256('x'))"
        ));
    }
    run(&office, &rows).await;
    office
}

fn given(role: &str, plants: Plants) -> Given {
    Given { role: role.to_owned(), plants }
}

#[test]
fn every_kind_that_files_are_attached_to_is_tried() {
    let masters: Vec<&str> = platform::masters::subjects().iter().map(|subject| subject.kind).collect();
    let mut tried: Vec<&str> = DOCUMENTS.iter().map(|(kind, ..)| *kind).chain(ELSEWHERE).collect();
    let mut kinds: Vec<&str> = modules::attached().iter().map(|subject| subject.kind).collect();
    let all = kinds.len();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), all, "two modules have the same kind");
    kinds.retain(|kind| !masters.contains(kind));
    tried.sort_unstable();
    assert_eq!(kinds, tried, "a kind is missing here");
}

#[tokio::test]
async fn files_of_documents_are_for_whoever_the_documents_are_for() {
    let office = office().await;
    let everything = |plants| [given("EVERYTHING", plants)];

    // Without a right, with one at another plant, and with none but another at this plant.
    let nobodies = [
        vec![],
        everything(Plants::some(["VSK"])).to_vec(),
        vec![given("LOOKS", Plants::some(["VSK"])), given("PLANTS", Plants::some(["KOL"]))],
    ];
    for roles in nobodies {
        let token = office.signed_in(&roles).await;
        for (kind, key, ..) in DOCUMENTS {
            for path in looks(kind, key) {
                let (status, body) = office.call(&token, "GET", &path, Nothing).await;
                let refused = matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN);
                assert!(refused && !body.contains(OF_KOL), "{path} as {roles:?}: {status} {body}");
            }
            let add = format!("/api/v1/files?kind={kind}&key={key}&name=a.csv");
            for (method, path) in [("DELETE", format!("/api/v1/files/{}", file(kind))), ("POST", add)] {
                let (status, body) = office.call(&token, method, &path, Csv("a,b\n1,2\n")).await;
                let refused = matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN);
                assert!(refused, "{method} {path} as {roles:?}: {status} {body}");
            }
        }
    }

    // Who looks, and who may more.
    for (role, plants) in [("LOOKS", Plants::All), ("EVERYTHING", Plants::some(["KOL"]))] {
        let everything = role == "EVERYTHING";
        let token = office.signed_in(&[given(role, plants)]).await;
        for (kind, key, seen, deleted) in DOCUMENTS {
            for path in looks(kind, key) {
                let (status, body) = office.call(&token, "GET", &path, Nothing).await;
                let there = status != StatusCode::OK || path.ends_with("/content") || body.contains(OF_KOL);
                assert!(status == seen && there, "{path} as {role}: {status} {body}");
            }
            let path = format!("/api/v1/files/{}", file(kind));
            let (status, body) = office.call(&token, "DELETE", &path, Nothing).await;
            let expected = if everything { deleted } else { StatusCode::FORBIDDEN };
            assert_eq!(status, expected, "DELETE {path} as {role}: {body}");
            if status == StatusCode::NO_CONTENT {
                let (status, body) = office.call(&token, "POST", &format!("{path}/restore"), Nothing).await;
                assert_eq!(status, StatusCode::OK, "{path}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_over_keeps_its_files_as_they_are_and_pages_show_them() {
    let office = office().await;
    let token = office.signed_in(&[given("EVERYTHING", Plants::All)]).await;
    for (kind, key, ..) in DOCUMENTS {
        let page = match kind {
            "scopes" => format!("/suspects/scopes/{key}"),
            "plants" => format!("/organisation/{key}"),
            kind => format!("/{kind}/{key}"),
        };
        let (status, body) = office.call(&token, "GET", &page, Nothing).await;
        assert_eq!(status, StatusCode::OK, "{page}: {body}");
        assert!(body.contains(&format!("hx-get=\"/files/on/{kind}/{key}\"")), "{page}: {body}");
        let add = format!("/api/v1/files?kind={kind}&key={key}&name=count.csv");
        let (status, body) = office.call(&token, "POST", &add, Csv("part,count\nPUMP,3\n")).await;
        assert_eq!(status, StatusCode::CREATED, "{add}: {body}");
        // Of nothing there are no files: not of another key, nor of another spelling of this one.
        for other in [HOLD_OF_KOL.replace("0002", "0009"), HOLD_OF_KOL.replace('-', ""), "NIL".to_owned()] {
            let add = format!("/api/v1/files?kind={kind}&key={other}&name=count.csv");
            let (status, body) = office.call(&token, "POST", &add, Csv("part,count\nPUMP,4\n")).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{add}: {body}");
        }
    }
    let tenant = office.cx.tenant;
    let over = [
        format!(
            "update holds set status = 'released', released_at = now(), released_by = 'x' where tenant_id = '{tenant}'"
        ),
        format!("update exceptions set status = 'resolved' where tenant_id = '{tenant}'"),
        format!("update recalls set status = 'cancelled', ended_at = now() where tenant_id = '{tenant}'"),
    ];
    run(&office, &over).await;
    for (kind, key, ..) in DOCUMENTS.iter().filter(|(kind, ..)| !matches!(*kind, "scopes" | "plants")) {
        for path in looks(kind, key) {
            let (status, body) = office.call(&token, "GET", &path, Nothing).await;
            assert_eq!(status, StatusCode::OK, "{path}: {body}");
            assert!(!body.contains("data-send"), "{path} offers to add: {body}");
        }
        let add = format!("/api/v1/files?kind={kind}&key={key}&name=count.csv");
        for (method, path) in [("DELETE", format!("/api/v1/files/{}", file(kind))), ("POST", add)] {
            let (status, body) = office.call(&token, method, &path, Csv("a,b\n1,2\n")).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}: {body}");
        }
    }
}

/// A row of a master that is a plant's has files of those who may change it there.
#[tokio::test]
async fn files_of_a_plants_row_are_changed_by_whoever_changes_the_row() {
    let office = office().await;
    let tenant = office.cx.tenant;
    let both = format!(
        "insert into operators (tenant_id, operator_id, name, badge_hash, plants)
         values ('{tenant}', 'BOTH', 'Ravi', '\\x02', '{{KOL,VSK}}')"
    );
    run(&office, &[both]).await;
    // The file of the marks, which is of the warehouse.
    let file = format!("/api/v1/files/{HOLD_OF_KOL}");
    let add = |kind: &str, key: &str| format!("/api/v1/files?kind={kind}&key={key}&name=count.csv");
    let (added, gone, refused) = (StatusCode::CREATED, StatusCode::NOT_FOUND, StatusCode::FORBIDDEN);
    for (plant, of_kol, of_both) in [("KOL", added, refused), ("VSK", gone, refused)] {
        let token = office.signed_in(&[given("EVERYTHING", Plants::some([plant]))]).await;
        for (path, expected) in [
            (add("warehouses", KEY_OF_KOL), of_kol),
            (add("warehouses", "NIL"), gone),
            (add("operators", "BOTH"), of_both),
            // It is everybody's.
            (add("units", "kg"), refused),
        ] {
            let (status, body) = office.call(&token, "POST", &path, Csv("part,count\nPUMP,3\n")).await;
            assert_eq!(status, expected, "POST {path} at {plant}: {body}");
        }
        for (path, offers) in [("warehouses/", KEY_OF_KOL), ("operators/", "BOTH"), ("units/", "kg")]
            .map(|(kind, key)| (format!("/files/on/{kind}{key}"), kind == "warehouses/" && plant == "KOL"))
        {
            let (_, body) = office.call(&token, "GET", &path, Nothing).await;
            assert_eq!(body.contains("data-send"), offers, "{path} at {plant}: {body}");
        }
        let (status, body) = office.call(&token, "DELETE", &file, Nothing).await;
        let expected = if plant == "KOL" { StatusCode::NO_CONTENT } else { gone };
        assert_eq!(status, expected, "DELETE {file} at {plant}: {body}");
    }
    let token = office.signed_in(&[given("EVERYTHING", Plants::All)]).await;
    let (status, body) = office.call(&token, "POST", &format!("{file}/restore"), Nothing).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    for (kind, key) in [("operators", "BOTH"), ("units", "kg")] {
        let (status, body) = office.call(&token, "POST", &add(kind, key), Csv("part,count\nPUMP,3\n")).await;
        assert_eq!(status, added, "{kind}: {body}");
    }
}

#[tokio::test]
async fn another_tenant_meets_no_files_of_documents() {
    let office = office().await;
    let other = office.test.tenant("OTHR", &["VSK"]).await;
    let key = keys::create(&office.test.db, other, "tests", &[Scope::Admin], None).await.unwrap();
    let call = async |method: &str, path: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::AUTHORIZATION, format!("Bearer {}", key.reveal()))
            .body(Body::from("a,b\n1,2\n"))
            .unwrap();
        let response = office.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    };
    for (kind, key, ..) in DOCUMENTS {
        let mut asked: Vec<(&str, String)> = looks(kind, key).into_iter().map(|path| ("GET", path)).collect();
        asked.push(("POST", format!("/api/v1/files?kind={kind}&key={key}&name=a.csv")));
        asked.push(("DELETE", format!("/api/v1/files/{}", file(kind))));
        for (method, path) in asked {
            let (status, body) = call(method, &path).await;
            // Of rows of the organisation a list says that there is nothing.
            let empty = method == "GET" && path.starts_with("/api/v1/files?") && body == r#"{"files":[]}"#;
            assert!(status == StatusCode::NOT_FOUND || empty, "{method} {path}: {status} {body}");
        }
    }
}
