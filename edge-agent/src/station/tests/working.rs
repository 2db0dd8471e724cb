//! Scenarios of stations where work is done on units, machines among them.

use proto::v1::{self, Outcome, Stage};

use super::fixture::decimal;
use super::plant::Plant;
use crate::inputs::{MachineInput, MachineReading, Quality};
use crate::station::types::Life;

pub(super) fn reading(name: &str, value: Option<&str>) -> MachineReading {
    MachineReading {
        name: name.to_owned(),
        value: value.map(decimal),
        unit: "C".to_owned(),
        quality: if value.is_some() { Quality::Good } else { Quality::Bad },
        low: Some(decimal("100")),
        high: Some(decimal("200")),
        at: "2025-01-18T09:00:00Z".parse().unwrap(),
    }
}

pub(super) fn trigger(readings: Vec<MachineReading>) -> MachineInput {
    MachineInput {
        machine: "PLC1".to_owned(),
        trigger: Some("cycle".to_owned()),
        input_id: "1".to_owned(),
        at: "2025-01-18T09:00:00Z".parse().unwrap(),
        readings,
    }
}

fn in_event(value: &str, quality: v1::Quality) -> v1::Reading {
    v1::Reading {
        name: "torque".to_owned(),
        value: value.to_owned(),
        quality: quality.into(),
        low: "10".to_owned(),
        high: "20".to_owned(),
        ..v1::Reading::default()
    }
}

#[test]
fn operation_starts_ends_fails_and_is_repeated() {
    let mut plant = Plant::built();
    plant.play(
        "OPERATION",
        &[
            ("PASS", "red operation.none-open"),
            ("OP-PAINT", "red operation.not-here"),
            ("FG1", "green operation.started OPERATION"),
        ],
    );
    let just_now = plant.now + chrono::Duration::seconds(1);
    let text = plant.text("FG1");
    assert_eq!(plant.scan_at("OPERATION", &text, just_now, false), "amber scan.again");
    assert_eq!(
        plant.machine("OPERATION", &trigger(vec![reading("t", Some("150"))])),
        "green machine.recorded OPERATION"
    );
    assert_eq!(
        plant.machine("OPERATION", &trigger(vec![reading("t", Some("250"))])),
        "amber machine.out-of-limits OPERATION"
    );
    plant.readings = vec![in_event("25", v1::Quality::Good)];
    plant.play(
        "OPERATION",
        &[("FG1", "amber operation.failed OPERATION"), ("FG1", "red operation.needs-rework REFUSED")],
    );
    plant.play("PACKING", &[("FG1", "red label.failed REFUSED")]);
    plant.play("REWORK", &[("FG1", "green rework.sent REWORK")]);
    plant.readings = vec![in_event("", v1::Quality::Bad)];
    plant.play(
        "OPERATION",
        &[("FG1", "green operation.started OPERATION"), ("FG1", "amber operation.unjudged OPERATION")],
    );
    assert_eq!(plant.events.last().unwrap().attempt, 2);
    plant.readings = vec![in_event("15", v1::Quality::Good)];
    plant.play(
        "OPERATION",
        &[
            ("OP-burn-in", "green operation.chosen"),
            ("FG1", "green operation.started OPERATION"),
            ("PASS", "green operation.ended OPERATION"),
            ("FG1", "red operation.done-before REFUSED"),
        ],
    );
    assert_eq!(plant.machine("OPERATION", &trigger(Vec::new())), "amber machine.no-unit");
}

#[test]
fn load_readings_reach_every_member() {
    let mut plant = Plant::stocked();
    plant.play(
        "LOAD",
        &[
            ("DONE", "amber done.nothing"),
            ("RM2", "green load.taken"),
            ("RM3", "green load.taken"),
            ("RM4", "red load.full REFUSED"),
            ("DONE", "green load.in LOAD"),
            ("RM4", "red load.running REFUSED"),
            ("RM2", "amber load.member-running"),
        ],
    );
    assert_eq!(plant.machine("LOAD", &trigger(vec![reading("t", None)])), "amber machine.bad LOAD");
    let event = plant.of(Stage::Load)[1];
    assert_eq!(event.subjects.len(), 2);
    assert_eq!(event.readings[0].value, "");
    plant.play("LOAD", &[("PASS", "green load.out LOAD"), ("RM4", "green load.taken")]);
    assert_eq!(plant.label("RM2").operations[0].passed, Some(true));
}

#[test]
fn inspection_counts_good_and_bad() {
    let mut plant = Plant::stocked();
    plant.play(
        "INSPECTION",
        &[
            ("PASS", "red inspect.none"),
            ("RM1", "green inspect.unit"),
            ("RM2", "red inspect.open REFUSED"),
            ("DONE", "red inspect.missing REFUSED"),
        ],
    );
    assert_eq!(
        plant.machine("INSPECTION", &trigger(vec![reading("gap", Some("0.1"))])),
        "green machine.measured"
    );
    plant.play(
        "INSPECTION",
        &[("QTY-5", "green quantity.kept"), ("FAIL", "amber inspect.partial INSPECTION")],
    );
    let event = plant.of(Stage::Inspection)[0];
    assert_eq!((event.accepted_quantity.as_str(), event.rejected_quantity.as_str()), ("95", "5"));
    assert_eq!(event.outcome(), Outcome::Partial);
    assert_eq!(plant.label("RM1").quantity, Some(decimal("95")));
}

#[test]
fn each_characteristic_is_asked_for_in_turn() {
    let mut plant = Plant::stocked();
    let gap = plant.station("INSPECTION").characteristics[0].clone();
    let noise =
        crate::config::Characteristic { name: "noise".to_owned(), unit: "dB".to_owned(), low: None, ..gap };
    plant.station("INSPECTION").characteristics.push(noise);
    plant.play("INSPECTION", &[("RM2", "green inspect.unit"), ("QTY-0.05", "green measured")]);
    assert_eq!((plant.arg("name").as_str(), plant.arg("measure").as_str()), ("gap", "noise"));
    assert_eq!(plant.next(), "next.measure");
}

#[test]
fn sample() {
    let mut plant = Plant::stocked();
    plant.play(
        "SAMPLE",
        &[
            ("QTY-2", "green quantity.kept"),
            ("RM1", "green sampled SAMPLE"),
            ("RM1", "amber scan.again"),
            ("RM2", "green sampled SAMPLE"),
        ],
    );
    assert_eq!(plant.label("RM1").quantity, Some(decimal("98")));
    assert_eq!(plant.label("RM2").life, Life::Active);
}

#[test]
fn rework_is_for_what_failed() {
    let mut plant = Plant::built();
    plant.play(
        "REWORK",
        &[
            ("FG1", "red rework.not-failed REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green rework.sent REWORK"),
        ],
    );
}

#[test]
fn scrap_needs_its_reason() {
    let mut plant = Plant::stocked();
    plant.play(
        "SCRAP",
        &[
            ("RM2", "green scrap.why"),
            ("RM3", "red scrap.reason REFUSED"),
            ("REASON-BROKEN", "green scrapped SCRAP"),
            ("RM2", "red label.scrapped REFUSED"),
            ("REASON-BROKEN", "green reason.set"),
            ("QTY-3", "green quantity.kept"),
            ("RM1", "green scrapped SCRAP"),
            ("RM3", "green scrap.why"),
        ],
    );
    assert_eq!(plant.label("RM1").quantity, Some(decimal("97")));
    assert_eq!(plant.label("RM2").life, Life::Scrapped);
}
