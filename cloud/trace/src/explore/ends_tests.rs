//! Where a walk backward ends: at what led to the unit, not to others of the same coil.

use chrono::Utc;
use proto::v1::{Action, Event, Quality, Reading, Role, Stage};

use super::graph::Direction;
use super::model::Sources;
use super::walk::{self, Ask};
use crate::testing::{Say, Site, event, uid};

fn coil() -> String {
    uid("KOL", "RM", 1)
}

fn bolts() -> String {
    uid("KOL", "RM", 2)
}

fn gear(number: u64) -> String {
    uid("KOL", "SF", number)
}

fn motor(number: u64) -> String {
    uid("KOL", "FG", number)
}

/// Done at a machine by somebody, with what was measured there.
fn done(mut event: Event, machine: &str, operator: &str, measured: &str) -> Event {
    (event.machine, event.operator_id) = (machine.into(), operator.into());
    event.readings = vec![Reading {
        name: "temperature".into(),
        value: measured.into(),
        unit: "C".into(),
        quality: Quality::Good.into(),
        low: "170".into(),
        high: "190".into(),
        at_us: event.occurred_at_us,
    }];
    event
}

/// Two gears of one coil, pressed at two presses by two people, and built into two motors at
/// two benches, each with four bolts of one box.
async fn story() -> Site {
    let mut site = Site::new().await;
    for (label, item, minute) in [(coil(), "STEEL", 0), (bolts(), "BOLT", 1)] {
        let at = format!("2025-01-19T08:{minute:02}:00Z");
        let mut received = event(Stage::Grn, &at).mint(&label, Role::Subject, item).quantity("5000", "kg");
        received.subjects[0].container = true;
        site.say("KOL", received);
    }
    // What was measured on the coil itself counts for all that was made of it.
    let looked_at = event(Stage::Inspection, "2025-01-19T09:00:00Z").part(&coil(), Role::Subject);
    site.say("KOL", done(looked_at, "LAB", "op-lab", "195"));
    for (number, measured) in [(1, "250"), (2, "180")] {
        let at = |minute| format!("2025-01-20T0{number}:{minute:02}:00Z");
        let pressed = event(Stage::Transformation, &at(0))
            .part(&coil(), Role::Input)
            .quantity("1", "kg")
            .mint(&gear(number), Role::Output, "GEAR");
        site.say("KOL", done(pressed, &format!("PRESS-{number}"), &format!("op-{number}"), measured));
        let built = event(Stage::Assembly, &at(30))
            .action(Action::Add)
            .mint(&motor(number), Role::Parent, "MOTOR")
            .part(&gear(number), Role::Child)
            .part(&bolts(), Role::Child)
            .quantity("4", "pcs");
        site.say("KOL", done(built, &format!("BENCH-{number}"), &format!("op-b{number}"), measured));
    }
    site.settle().await;
    site
}

async fn ends(site: &Site, of: &str) -> Sources {
    let (db, cx, genealogy, ask) = (&site.db.db, site.cx(), site.genealogy(), Ask::default());
    let walk = walk::walk(db, &cx, &genealogy, of, Direction::Backward, &ask, Utc::now()).await.unwrap();
    walk.sources.unwrap()
}

#[tokio::test]
async fn a_backward_trace_tells_nothing_of_others_made_of_the_same_coil_or_box() {
    let site = story().await;
    let told = ends(&site, &motor(2)).await;
    assert_eq!(told.machines, ["BENCH-2", "LAB", "PRESS-2"]);
    assert_eq!(told.operators, ["op-2", "op-b2", "op-lab"]);
    assert_eq!((told.readings, told.readings_outside), (3, 1), "the coil's own, the gear's, the motor's");
    let outside: Vec<_> = told.outside.iter().map(|one| (one.machine.clone(), one.uid.clone())).collect();
    assert_eq!(outside, [("LAB".to_owned(), coil())]);
    assert_eq!(told.inspections.iter().map(|one| one.uid.clone()).collect::<Vec<_>>(), [coil()]);
    // The other one has its own, and what was measured in making it is told of it.
    let told = ends(&site, &gear(1)).await;
    assert_eq!(told.machines, ["BENCH-1", "LAB", "PRESS-1"], "a gear that was built in was handled there");
    let outside: Vec<_> = told.outside.iter().map(|one| (one.machine.clone(), one.uid.clone())).collect();
    let expected = [("LAB", coil()), ("PRESS-1", gear(1)), ("BENCH-1", gear(1))];
    assert_eq!(outside, expected.map(|(machine, of)| (machine.to_owned(), of)));
}

#[tokio::test]
async fn what_was_made_of_a_coil_is_no_place_that_it_comes_from() {
    let site = story().await;
    let told = ends(&site, &coil()).await;
    assert_eq!((told.machines, told.operators), (vec!["LAB".to_owned()], vec!["op-lab".to_owned()]));
    assert_eq!((told.readings, told.readings_outside), (1, 1));
    let told = ends(&site, &bolts()).await;
    assert_eq!((told.machines.len(), told.operators.len(), told.readings), (0, 0, 0));
}

#[tokio::test]
async fn a_coil_that_went_into_both_of_its_parts_counts_by_both() {
    let mut site = story().await;
    // A motor with two gears of the coil, each from another press.
    let both = event(Stage::Assembly, "2025-01-21T08:00:00Z")
        .action(Action::Add)
        .mint(&motor(3), Role::Parent, "MOTOR")
        .part(&gear(1), Role::Child)
        .part(&gear(2), Role::Child);
    site.say("KOL", both);
    site.settle().await;
    let told = ends(&site, &motor(3)).await;
    for machine in ["LAB", "PRESS-1", "PRESS-2"] {
        assert!(told.machines.iter().any(|one| one == machine), "{machine}: {:?}", told.machines);
    }
}
