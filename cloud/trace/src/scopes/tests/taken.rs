//! A coil from which parts were cut at a machine: is it a suspect, too?

use std::time::Duration;

use axum::http::StatusCode;
use chrono::Utc;
use chrono_tz::Tz;
use proto::v1::{Action, Quality, Reading, Role, Stage};
use serde_json::{Value, json};

use super::super::asked::Patience;
use super::super::criteria::Node;
use super::super::service::suspects_beside;
use super::web::Web;
use crate::genealogy::Genealogy;
use crate::testing::{Say, Site, event, uid};

fn coil() -> String {
    uid("KOL", "RM", 1)
}

fn gear(number: u64) -> String {
    uid("KOL", "FG", number)
}

fn too_much_force(at_us: i64) -> Reading {
    Reading {
        name: "force".into(),
        value: "92".into(),
        unit: "kN".into(),
        quality: Quality::Good.into(),
        low: "60".into(),
        high: "80".into(),
        at_us,
    }
}

/// Two gears pressed at a machine, each with 1.5 kg of a coil, and a pin used up whole; both
/// with too much force.
async fn press() -> Site {
    let mut site = Site::new().await;
    let mut received = event(Stage::Grn, "2025-01-19T08:00:00Z").mint(&coil(), Role::Subject, "STEEL");
    received = received.quantity("5000", "kg");
    received.subjects[0].container = true;
    site.say("KOL", received);
    let pin = uid("KOL", "RM", 2);
    site.say("KOL", event(Stage::Grn, "2025-01-19T08:01:00Z").mint(&pin, Role::Subject, "PIN"));
    for number in 1..=2 {
        let at = format!("2025-01-20T0{number}:00:00Z");
        site.say("KOL", event(Stage::Commission, &at).mint(&gear(number), Role::Subject, "GEAR"));
        let mut pressed = event(Stage::Operation, &format!("2025-01-20T0{number}:30:00Z"))
            .part(&gear(number), Role::Subject)
            .part(&coil(), Role::Input)
            .quantity("1.5", "kg");
        if number == 1 {
            pressed = pressed.part(&pin, Role::Input);
        }
        (pressed.machine, pressed.operator_id) = ("PRESS-1".into(), "op-7".into());
        pressed.operation = "PRESS".into();
        pressed.attempt = 1;
        pressed.readings.push(too_much_force(pressed.occurred_at_us));
        site.say("KOL", pressed);
    }
    site.settle().await;
    site
}

fn units(told: &Value, of: &str) -> Vec<String> {
    let units = told[of].as_array().unwrap().iter();
    let mut units: Vec<String> = units.map(|unit| unit["uid"].as_str().unwrap().to_owned()).collect();
    units.sort();
    units
}

#[tokio::test]
async fn what_something_was_only_taken_from_is_told_apart_and_counts_when_asked() {
    let site = press().await;
    let web = Web::new(&site).await;
    let ask = async |criteria: Value| {
        web.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await.1
    };
    let pin = uid("KOL", "RM", 2);
    for place in [json!({ "machine": "PRESS-1" }), json!({ "operator": "op-7" })] {
        // All that took part, as ever.
        let told = ask(json!({ "event": place })).await;
        assert_eq!((&told["total"], &told["taken_total"]), (&json!(4), &json!(0)), "{told}");
        let mut without = place.clone();
        without["without_taken"] = json!(true);
        let told = ask(json!({ "event": without })).await;
        assert_eq!(units(&told, "units"), [gear(1), gear(2), pin.clone()], "what was used up whole counts");
        assert_eq!((&told["taken_total"], units(&told, "taken")), (&json!(1), vec![coil()]), "{told}");
        // Something else happened to it there: it is a suspect after all.
        let either = json!({ "any": [{ "event": without }, { "contains": { "uid": coil() } }] });
        let told = ask(either).await;
        assert_eq!((&told["total"], &told["taken_total"]), (&json!(4), &json!(0)), "{told}");
    }
    let wrong = ask(json!({ "event": { "machine": "PRESS-1", "without_taken": "yes" } })).await;
    assert_eq!(wrong["errors"][0]["field"], "event.without_taken", "{wrong}");

    // The builder leaves it out until it is ticked, and says so; what is kept is what is counted.
    let (_, page) = web.get("/suspects?machine=PRESS-1").await;
    assert!(page.contains("3 units") && page.contains("1 label from which"), "{page}");
    let (_, page) = web.get("/suspects?0.kind=passed&0.machine=PRESS-1&0.taken=1&ask=1").await;
    assert!(page.contains("4 units") && !page.contains("1 label from which"), "{page}");
    let criteria = json!({ "all": [{ "event": { "machine": "PRESS-1", "without_taken": true } }] });
    let wish = json!({ "name": "Pressed", "criteria": criteria });
    let (status, kept) = web.json("POST", "/api/v1/scopes", wish).await;
    assert_eq!((status, &kept["members"]), (StatusCode::CREATED, &json!(3)), "{kept}");
    let hold = json!({ "scope": kept["scope_id"], "descendants": true, "reason": "crack" });
    let (status, told) = web.json("POST", "/api/v1/holds", hold).await;
    assert_eq!(status, StatusCode::CREATED, "{told}");
    let coil = crate::testing::key(&coil());
    let held = format!("select count(*)::text from hold_members where key = {coil}");
    assert_eq!(site.ask(Box::leak(held.into_boxed_str())).await, "0", "nor is the coil held");
}

#[tokio::test]
async fn what_was_measured_of_a_part_was_not_measured_of_the_coil_it_was_cut_of() {
    let mut site = press().await;
    let web = Web::new(&site).await;
    let ask = async |criteria: Value| {
        web.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await.1
    };
    let pin = uid("KOL", "RM", 2);
    let own = json!({ "name": "force", "operation": "PRESS", "outside": true });
    let limits = json!({ "name": "force", "low": "90", "high": "95" });
    for reading in [own, limits] {
        let told = ask(json!({ "reading": reading })).await;
        assert_eq!((&told["total"], &told["taken_total"]), (&json!(4), &json!(0)), "{told}");
        let mut without = reading.clone();
        without["without_taken"] = json!(true);
        let told = ask(json!({ "reading": without })).await;
        assert_eq!(units(&told, "units"), [gear(1), gear(2), pin.clone()], "{told}");
        assert_eq!((&told["taken_total"], units(&told, "taken")), (&json!(1), vec![coil()]), "{told}");
        // Beside another condition, where it is asked among what that finds; and what is saved.
        let beside = json!({ "all": [{ "event": { "machine": "PRESS-1" } }, { "reading": without }] });
        let told = ask(beside.clone()).await;
        assert_eq!((&told["total"], &told["taken_total"]), (&json!(3), &json!(1)), "{told}");
        let wish = json!({ "name": "Pressed", "criteria": beside });
        let (status, kept) = web.json("POST", "/api/v1/scopes", wish).await;
        assert_eq!((status, &kept["members"]), (StatusCode::CREATED, &json!(3)), "{kept}");
    }
    let (_, page) = web.get("/suspects?operation=PRESS&reading=force&outside=1").await;
    assert!(page.contains("3 units") && page.contains("1 label from which"), "{page}");
    let (_, page) = web.get("/suspects?operation=PRESS&reading=force&outside=1&taken=1").await;
    assert!(page.contains("4 units") && !page.contains("1 label from which"), "{page}");

    // Measured itself, it is one of them.
    let mut tested = event(Stage::Operation, "2025-01-20T09:00:00Z").part(&coil(), Role::Subject);
    tested.operation = "PRESS".into();
    tested.readings.push(too_much_force(tested.occurred_at_us));
    site.say("KOL", tested);
    site.settle().await;
    let own = json!({ "name": "force", "outside": true, "without_taken": true });
    let told = ask(json!({ "reading": own })).await;
    assert_eq!((&told["total"], &told["taken_total"]), (&json!(4), &json!(0)), "{told}");
}

#[tokio::test]
async fn a_box_of_which_some_was_built_in_is_told_apart_and_a_part_built_in_whole_is_not() {
    let mut site = press().await;
    let (bolts, motor) = (uid("KOL", "RM", 3), uid("KOL", "FG", 9));
    let mut received = event(Stage::Grn, "2025-01-19T08:02:00Z").mint(&bolts, Role::Subject, "BOLT");
    received = received.quantity("500", "pcs");
    received.subjects[0].container = true;
    site.say("KOL", received);
    // A gear with its quantity, which is all of it, beside four bolts of a box.
    let mut built = event(Stage::Assembly, "2025-01-20T05:00:00Z")
        .action(Action::Add)
        .mint(&motor, Role::Parent, "MOTOR")
        .part(&gear(1), Role::Child)
        .quantity("1", "pcs")
        .part(&bolts, Role::Child)
        .quantity("4", "pcs");
    (built.machine, built.operator_id) = ("BENCH-1".into(), "op-b".into());
    built.readings.push(too_much_force(built.occurred_at_us));
    site.say("KOL", built);
    site.settle().await;
    let web = Web::new(&site).await;
    let ask = async |criteria: Value| {
        web.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await.1
    };
    let mut whole = vec![gear(1), motor];
    whole.sort();
    for (kind, mut condition) in [
        ("event", json!({ "machine": "BENCH-1" })),
        ("event", json!({ "operator": "op-b", "stage": "ASSEMBLY" })),
        ("reading", json!({ "name": "force", "outside": true, "machine": "BENCH-1" })),
    ] {
        let told = ask(json!({ kind: condition })).await;
        assert_eq!((&told["total"], &told["taken_total"]), (&json!(3), &json!(0)), "{told}");
        condition["without_taken"] = json!(true);
        let told = ask(json!({ kind: condition })).await;
        assert_eq!(units(&told, "units"), whole, "{told}");
        assert_eq!((&told["taken_total"], units(&told, "taken")), (&json!(1), vec![bolts.clone()]), "{told}");
        let wish = json!({ "name": "Built", "criteria": { kind: condition } });
        let (status, kept) = web.json("POST", "/api/v1/scopes", wish).await;
        assert_eq!((status, &kept["members"]), (StatusCode::CREATED, &json!(2)), "{kept}");
    }
    // Packed whole, or dispatched, the box itself is what it happened to.
    let mut sent = event(Stage::Dispatch, "2025-01-21T05:00:00Z").part(&bolts, Role::Subject);
    sent.machine = "BENCH-1".into();
    site.say("KOL", sent);
    site.settle().await;
    let told = ask(json!({ "event": { "machine": "BENCH-1", "without_taken": true } })).await;
    assert_eq!((&told["total"], &told["taken_total"]), (&json!(3), &json!(0)), "{told}");
}

#[tokio::test]
async fn what_is_left_out_is_told_as_not_known_where_it_takes_too_long() {
    let site = press().await;
    let node = json!({ "event": { "machine": "PRESS-1", "without_taken": true } });
    let node = Node::parse(&node).unwrap();
    let none = Patience { each: Duration::ZERO, all: Duration::ZERO };
    for (patience, known) in [(none, None), (Patience::BESIDE, Some(1))] {
        let told = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                let genealogy = Genealogy::default();
                suspects_beside(tx, (Tz::UTC, &genealogy), &node, (None, 50), patience, Utc::now()).await
            })
            .await
            .unwrap();
        // The answer itself stands, and 0 is not said of what was not counted.
        assert_eq!((told.total, told.units.len()), (3, 3));
        assert_eq!((told.taken_total, told.taken.len()), (known, known.unwrap_or_default()));
    }
}

#[tokio::test]
async fn units_in_a_carton_that_was_dispatched_are_listed_as_with_the_customer() {
    let mut site = press().await;
    let carton = uid("KOL", "PK", 1);
    site.say(
        "KOL",
        event(Stage::Packing, "2025-01-21T08:00:00Z")
            .action(Action::Add)
            .mint(&carton, Role::Parent, "BOX")
            .part(&gear(1), Role::Child),
    );
    site.say(
        "KOL",
        event(Stage::Dispatch, "2025-01-22T08:00:00Z")
            .part(&carton, Role::Subject)
            .document("desadv", "DA-7")
            .document("customer", "ACME"),
    );
    site.settle().await;
    let web = Web::new(&site).await;
    let criteria = json!({ "is": { "item": "GEAR" } });
    let (_, told) = web.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await;
    let of = |told: &Value, uid: &str| {
        let unit = told["units"].as_array().unwrap().iter().find(|unit| unit["uid"] == uid).unwrap();
        ["custody", "inside_of", "partner", "document"].map(|field| unit[field].clone())
    };
    let mut groups: Vec<(&str, i64)> = told["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["custody"].as_str().unwrap(), group["units"].as_i64().unwrap()))
        .collect();
    groups.sort_unstable();
    assert_eq!(groups, [("customer", 1), ("location", 1)], "{told}");
    let gone = [json!("customer"), json!(carton), json!("ACME"), json!("DA-7")];
    assert_eq!(of(&told, &gear(1)), gone, "{told}");
    assert_eq!(of(&told, &gear(2)), [json!("location"), Value::Null, json!(""), json!("")], "{told}");
    for (custody, fits) in [("customer", gear(1)), ("location", gear(2)), ("parent", gear(1))] {
        let criteria = json!({ "is": { "item": "GEAR", "custody": custody } });
        let (_, told) = web.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await;
        let units = told["units"].as_array().unwrap();
        assert_eq!((units.len(), &units[0]["uid"]), (1, &json!(fits)), "{custody}: {told}");
    }
    let wish = json!({ "name": "Gears", "criteria": criteria });
    let (status, kept) = web.json("POST", "/api/v1/scopes", wish).await;
    assert_eq!(status, StatusCode::CREATED, "{kept}");
    let id = kept["scope_id"].as_str().unwrap();
    let (_, page) = web.get(&format!("/suspects/scopes/{id}")).await;
    assert!(page.contains("With a customer") && page.contains(&carton), "{page}");
    assert!(page.contains("/trace/customer/ACME") && page.contains("DA-7"), "{page}");
    assert!(!page.contains("In another label"), "{page}");
}
