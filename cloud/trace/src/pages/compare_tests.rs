//! Two units of serial parts compared over HTTP: what differs in the parts is told as theirs.

use axum::http::StatusCode;
use platform::web::Scope;
use proto::v1::{Action, Event, Quality, Reading, Role, Stage};
use serde_json::Value;

use super::tests::Web;
use crate::testing::{Say, Site, event, uid};

fn motor(number: u64) -> String {
    uid("KOL", "FG", number)
}

fn gear(number: u64) -> String {
    uid("KOL", "SF", number)
}

fn by(mut event: Event, machine: &str, operator: &str) -> Event {
    (event.machine, event.operator_id) = (machine.into(), operator.into());
    event
}

/// Motors of one gear each, the gears of one coil. Those of the first and the third were cured
/// alike, that of the second in another oven by somebody else.
async fn story() -> Site {
    let mut site = Site::new().await;
    let coil = uid("KOL", "RM", 1);
    let mut received = event(Stage::Grn, "2025-01-19T08:00:00Z").mint(&coil, Role::Subject, "STEEL");
    received.subjects[0].container = true;
    site.say("KOL", received.quantity("5000", "kg"));
    for (number, oven, operator) in [(1, "OVEN-W0", "op-0"), (2, "OVEN-W1", "op-5"), (3, "OVEN-W0", "op-0")] {
        let at = |minute| format!("2025-01-20T0{number}:{minute:02}:00Z");
        let pressed = event(Stage::Transformation, &at(0)).part(&coil, Role::Input).quantity("1", "kg").mint(
            &gear(number),
            Role::Output,
            "GEAR",
        );
        site.say("KOL", by(pressed, "PRESS", "op-p"));
        let mut cured =
            by(event(Stage::Operation, &at(10)).part(&gear(number), Role::Subject), oven, operator);
        cured.operation = "CURE".into();
        cured.attempt = 1;
        cured.readings = vec![Reading {
            name: "temperature".into(),
            value: if oven == "OVEN-W0" { "185" } else { "193" }.into(),
            unit: "C".into(),
            quality: Quality::Good.into(),
            low: "170".into(),
            high: "190".into(),
            at_us: cured.occurred_at_us,
        }];
        site.say("KOL", cured);
        let built = event(Stage::Assembly, &at(30))
            .action(Action::Add)
            .mint(&motor(number), Role::Parent, "MOTOR")
            .part(&gear(number), Role::Child);
        site.say("KOL", by(built, "BENCH", "op-b"));
    }
    site.settle().await;
    site
}

/// (kind, name, item of the part) of what differs.
fn differing(found: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut told = Vec::new();
    for section in found["sections"].as_array().unwrap() {
        for fact in section["facts"].as_array().unwrap().iter().filter(|fact| fact["same"] == false) {
            told.push((text(&section["kind"]), text(&fact["name"]), text(&fact["part"]["item"])));
        }
    }
    told
}

#[tokio::test]
async fn what_was_done_otherwise_with_a_part_differs_and_is_told_as_the_parts() {
    let site = story().await;
    let web = Web::new(&site, Scope::Read).await;
    let (one, two, three) = (motor(1), motor(2), motor(3));
    let found = web.json(&format!("/api/v1/trace/compare?a={one}&b={two}")).await;
    let expected = [("machines", "CURE"), ("operators", "CURE"), ("readings", "temperature")];
    let expected = expected.map(|(kind, name)| (kind.to_owned(), name.to_owned(), "GEAR".to_owned()));
    assert_eq!(differing(&found), expected, "{found}");
    assert_eq!((&found["cut"], &found["parts_left"]), (&Value::from(false), &Value::from(0)));
    let sections = found["sections"].as_array().unwrap();
    let machines = sections.iter().find(|section| section["kind"] == "machines").unwrap();
    let fact = &machines["facts"][0];
    assert_eq!((&fact["part"]["a"], &fact["part"]["b"]), (&Value::from(gear(1)), &Value::from(gear(2))));
    assert_eq!((&fact["a"][0]["text"], &fact["b"][0]["text"]), (&"OVEN-W0".into(), &"OVEN-W1".into()));
    let (status, page) = web.get(&format!("/trace/compare?a={one}&b={two}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    for text in ["3 things differ", "In its part: GEAR", "OVEN-W0", "OVEN-W1", &gear(1), &gear(2)] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("Nothing differs"), "{page}");
    // In words, where masters have them.
    site.sql(
        "insert into items (tenant_id, item, name, type_code, base_unit, tracking)
             values (app.tenant(), 'MOTOR', 'Motor', 'FG', 'pcs', 'unit'),
                    (app.tenant(), 'GEAR', 'Gear wheel', 'SF', 'pcs', 'unit');
         insert into operators (tenant_id, operator_id, name, badge_hash)
             values (app.tenant(), 'op-b', 'Ananya Sen', '')",
    )
    .await;
    let (_, page) = web.get(&format!("/trace/compare?a={one}&b={two}")).await;
    for text in ["In its part: GEAR Gear wheel", "MOTOR Motor", "Ananya Sen"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // Cured alike, nothing differs, and all of it was looked at.
    let (_, page) = web.get(&format!("/trace/compare?a={one}&b={three}")).await;
    assert!(page.contains("Nothing differs."), "{page}");
    // Two gears have the coil in common, and what was made of it is no matter of theirs.
    let found = web.json(&format!("/api/v1/trace/compare?a={}&b={}", gear(1), gear(3))).await;
    assert_eq!((differing(&found), &found["parts_left"]), (Vec::new(), &Value::from(0)), "{found}");
}

#[tokio::test]
async fn parts_of_which_not_all_was_compared_are_told() {
    let mut site = Site::new().await;
    for number in 1..=2 {
        let screws: Vec<String> = (1..=51).map(|screw| uid("KOL", "SP", number * 100 + screw)).collect();
        let mut made = by(event(Stage::Commission, "2025-01-20T08:00:00Z"), "LATHE", "op-l");
        let mut built = event(Stage::Assembly, "2025-01-20T09:00:00Z").action(Action::Add).mint(
            &motor(number),
            Role::Parent,
            "MOTOR",
        );
        for screw in &screws {
            made = made.mint(screw, Role::Subject, "SCREW");
            built = built.part(screw, Role::Child);
        }
        site.say("KOL", made);
        site.say("KOL", by(built, "BENCH", "op-b"));
    }
    site.settle().await;
    let web = Web::new(&site, Scope::Read).await;
    let asked = format!("compare?a={}&b={}", motor(1), motor(2));
    let found = web.json(&format!("/api/v1/trace/{asked}")).await;
    assert_eq!((&found["different"], &found["parts_left"]), (&Value::from(0), &Value::from(1)), "{found}");
    let (_, page) = web.get(&format!("/trace/{asked}")).await;
    for text in ["Nothing differs in what was compared.", "1 part was compared by item and lot only"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("Nothing differs.</strong>"), "{page}");
}
