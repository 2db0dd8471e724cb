//! Holds, as lists, answers and files of a trace tell them.

use axum::http::StatusCode;
use platform::web::Scope;

use super::explore_tests::{motor, story};
use super::tests::Web;
use super::words::Words;
use crate::explore::{error::TraceError, report};
use crate::genealogy::Genealogy;
use crate::testing::EXAMPLE;

/// What is held is said to be so wherever a walk lists it, and nowhere called free to use.
#[tokio::test]
async fn a_hold_is_told_in_lists_answers_and_files() {
    use crate::explore::report_paper;
    let site = story().await;
    let web = Web::new(&site, Scope::Write).await;
    for uid in [motor(2), EXAMPLE.to_owned()] {
        let hold = format!(r#"{{"uid":"{uid}","reason":"crack"}}"#);
        let (status, text) = web.send("POST", "/api/v1/holds", "application/json", &hold).await;
        assert_eq!(status, StatusCode::CREATED, "{text}");
    }
    let walk = web.json(&format!("/api/v1/trace/{EXAMPLE}/forward")).await;
    let held = |uid: &str| {
        let mut nodes = walk["nodes"].as_array().unwrap().iter();
        nodes.find(|node| node["uid"] == uid).unwrap()["holds"].clone()
    };
    assert_eq!(held(&motor(2)), serde_json::json!(["crack"]));
    assert_eq!(held(&motor(1)), serde_json::json!([]));
    let back = web.json(&format!("/api/v1/trace/{}/backward", motor(1))).await;
    assert_eq!(back["nodes"][0]["holds"], serde_json::json!(["crack"]));
    let (_, branch) = web.get(&format!("/trace/{EXAMPLE}/tree/forward")).await;
    assert_eq!(branch.matches("■ Held").count(), 1, "{branch}");
    let (_, page) = web.get(&format!("/trace/{EXAMPLE}/report")).await;
    assert!(page.contains("Active · Held") && page.contains("■ crack"), "{page}");

    let report: Result<report::Report, TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            report::report_in(tx, &Genealogy::default(), EXAMPLE, chrono::Utc::now()).await
        })
        .await;
    let mut report = report.unwrap();
    let texts = super::tests::english();
    let sheets = crate::explore::report_sheets::sheets(&report, &texts, &Words::default(), chrono_tz::UTC);
    let what = format!("{:?}", sheets[0].rows);
    assert!(what.contains("crack") && !what.contains("Free to use"), "{what}");
    let went = &sheets[4];
    let column = |name: &str| went.heads.iter().position(|head| head == name).unwrap();
    let (uid, quality, held) = (column("UID"), column("Quality"), column("Held"));
    let row = |of: &str| went.rows.iter().find(|row| row[uid] == of).unwrap();
    assert!(row(&motor(2))[quality].is_null(), "{:?}", row(&motor(2)));
    assert_eq!(row(&motor(2))[held], "■ crack");
    assert_eq!(row(&motor(1))[quality], "Free to use");
    assert!(row(&motor(1))[held].is_null(), "{:?}", row(&motor(1)));

    let zones = super::say::Zones::new(Vec::new(), chrono_tz::UTC);
    let paper =
        |report: &report::Report| report_paper::data(report, &texts, (&zones, &Words::default()), "Saif Ltd");
    let facts = paper(&report)["facts"].to_string();
    assert!(facts.contains("· Held ·") && !facts.contains("Free to use"), "{facts}");
    let few = paper(&report)["sections"].to_string();
    assert!(few.contains("Active, ■ Held: crack"), "{few}");
    // In groups there is a column of how many are held.
    let held = report.forward.nodes.iter().find(|node| node.uid == motor(2)).unwrap().clone();
    report.forward.nodes = vec![held; 300];
    let grouped = paper(&report);
    let group =
        grouped["sections"].as_array().unwrap().iter().find(|one| one["rows"][0][3] == "300").unwrap();
    assert_eq!(group["head"][4], "Held");
    assert_eq!(group["rows"][0][4], "300");

    // Of a unit that was never at a plant of the reader's no hold is told.
    let elsewhere = platform::ctx::Plants::some(["VSK"]);
    let nobody = std::collections::HashSet::new();
    crate::explore::scope::limit_nodes(&mut report.forward.nodes, &elsewhere, &nobody);
    assert!(report.forward.nodes.iter().all(|node| node.holds.is_empty()));
}
