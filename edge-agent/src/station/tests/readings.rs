//! What a machine reads while a unit is worked on, and what comes of it.

use proto::v1::{Outcome, Stage};

use super::fixture::decimal;
use super::plant::Plant;
use crate::inputs::{MachineInput, MachineReading, Quality};
use crate::station::machine::MAX_TAKEN;

/// A reading of now, with limits 11.5 and 12.5.
fn reading(plant: &Plant, name: &str, value: Option<&str>) -> MachineReading {
    MachineReading {
        name: name.to_owned(),
        value: value.map(decimal),
        unit: "N.m".to_owned(),
        quality: if value.is_some() { Quality::Good } else { Quality::Bad },
        low: Some(decimal("11.5")),
        high: Some(decimal("12.5")),
        at: plant.now.to_utc(),
    }
}

/// A cycle of the machine that ends now.
pub(super) fn trigger(plant: &mut Plant, station: &str, value: Option<&str>) -> String {
    let input = MachineInput {
        machine: "PLC1".to_owned(),
        trigger: Some("cycle".to_owned()),
        input_id: "1".to_owned(),
        at: plant.now.to_utc() + chrono::Duration::seconds(1),
        readings: vec![reading(plant, "torque", value)],
    };
    plant.machine(station, &input)
}

#[test]
fn a_cycle_out_of_limits_fails_the_operation_though_later_ones_are_fine() {
    let mut plant = Plant::built();
    plant.play("OPERATION", &[("FG1", "green operation.started OPERATION")]);
    assert_eq!(trigger(&mut plant, "OPERATION", Some("12.0")), "green machine.recorded OPERATION");
    assert_eq!(trigger(&mut plant, "OPERATION", Some("14.0")), "amber machine.out-of-limits OPERATION");
    assert_eq!(trigger(&mut plant, "OPERATION", Some("12.1")), "green machine.recorded OPERATION");
    plant.play("OPERATION", &[("FG1", "amber operation.failed OPERATION")]);
    assert_eq!(plant.label("FG1").operations.last().unwrap().passed, Some(false));
    // The next attempt begins anew; one that cannot be trusted has no result.
    plant.play("REWORK", &[("FG1", "green rework.sent REWORK")]);
    plant.play("OPERATION", &[("FG1", "green operation.started OPERATION")]);
    assert_eq!(trigger(&mut plant, "OPERATION", None), "amber machine.bad OPERATION");
    assert_eq!(trigger(&mut plant, "OPERATION", Some("12.0")), "green machine.recorded OPERATION");
    plant.play("OPERATION", &[("FG1", "amber operation.unjudged OPERATION")]);
}

#[test]
fn who_passes_it_by_hand_is_told_and_believed() {
    let mut plant = Plant::built();
    plant.play("OPERATION", &[("FG1", "green operation.started OPERATION")]);
    trigger(&mut plant, "OPERATION", Some("14.0"));
    plant.play("OPERATION", &[("PASS", "amber note.out-of-limits OPERATION")]);
    assert_eq!(plant.events.last().unwrap().outcome(), Outcome::Passed);
    assert_eq!(plant.label("FG1").operations.last().unwrap().passed, Some(true));
}

#[test]
fn an_excursion_of_the_oven_fails_the_load() {
    let mut plant = Plant::stocked();
    plant.play(
        "LOAD",
        &[("RM2", "green load.taken"), ("RM3", "green load.taken"), ("DONE", "green load.in LOAD")],
    );
    assert_eq!(trigger(&mut plant, "LOAD", Some("20")), "amber machine.out-of-limits LOAD");
    assert_eq!(trigger(&mut plant, "LOAD", Some("12")), "green machine.recorded LOAD");
    plant.play("LOAD", &[("DONE", "amber load.failed LOAD")]);
    assert_eq!(plant.label("RM3").operations[0].passed, Some(false));
}

#[test]
fn readings_before_the_label_are_on_the_unit_that_gets_it() {
    let mut plant = Plant::stocked();
    assert_eq!(trigger(&mut plant, "ASSEMBLY", Some("12.0")), "amber machine.no-unit");
    plant.play("ASSEMBLY", &[("WO-1", "green order.chosen"), ("NOLABEL", "green assembly.no-label")]);
    assert_eq!(trigger(&mut plant, "ASSEMBLY", Some("12.0")), "green machine.kept");
    // A trigger that was seen before, and comes only now.
    plant.now -= chrono::Duration::seconds(30);
    assert_eq!(trigger(&mut plant, "ASSEMBLY", Some("12.0")), "amber machine.no-unit");
    plant.now += chrono::Duration::seconds(30);
    plant.play("ASSEMBLY", &[("RM2", "green assembly.child"), ("RM3", "green assembly.child")]);
    let when = plant.now;
    assert_eq!(trigger(&mut plant, "ASSEMBLY", Some("14.0")), "amber machine.out-of-limits");
    plant.play(
        "ASSEMBLY",
        &[
            ("RM1", "green assembly.child"),
            ("DONE", "green assembly.recorded COMMISSION OPERATION OPERATION ASSEMBLY"),
        ],
    );
    let events = plant.of(Stage::Operation);
    for (event, value) in events.iter().zip(["12.0", "14.0"]) {
        assert_eq!(event.subjects[0].key, plant.key("FG1"));
        assert_eq!((event.operation.as_str(), event.attempt), ("BUILD", 1));
        assert_eq!((event.readings[0].value.as_str(), event.machine.as_str()), (value, "PLC1"));
    }
    // When it was read, not when the label was made.
    assert_eq!(events[1].occurred_at_us, (when + chrono::Duration::seconds(10)).timestamp_micros());
    assert!(plant.session("ASSEMBLY").taken.is_empty());
}

#[test]
fn no_more_readings_are_kept_than_a_session_can_hold() {
    let mut plant = Plant::stocked();
    plant.play("ASSEMBLY", &[("WO-1", "green order.chosen"), ("NOLABEL", "green assembly.no-label")]);
    for _ in 0..MAX_TAKEN {
        assert_eq!(trigger(&mut plant, "ASSEMBLY", Some("12.0")), "green machine.kept");
    }
    assert_eq!(trigger(&mut plant, "ASSEMBLY", Some("12.0")), "amber machine.too-many");
    plant.play("ASSEMBLY", &[("CANCEL", "green cancelled")]);
    assert!(plant.session("ASSEMBLY").taken.is_empty());
}

#[test]
fn a_gauge_that_holds_its_last_value_measures_one_unit_only() {
    let mut plant = Plant::stocked();
    let gap = |plant: &Plant, value| MachineInput {
        machine: "GAUGE".to_owned(),
        trigger: Some("measured".to_owned()),
        input_id: "1".to_owned(),
        at: plant.now.to_utc(),
        readings: vec![reading(plant, "gap", Some(value))],
    };
    plant.play("INSPECTION", &[("RM2", "green inspect.unit")]);
    plant.now += chrono::Duration::seconds(1);
    let measured = gap(&plant, "0.1");
    let taken_at = plant.now.timestamp_micros();
    assert_eq!(plant.machine("INSPECTION", &measured), "green machine.measured");
    plant.readings = vec![crate::station::reading(&measured.readings[0])];
    plant.play("INSPECTION", &[("PASS", "green inspect.passed INSPECTION")]);
    let event = plant.events.last().unwrap();
    assert_eq!((event.readings[0].value.as_str(), event.readings[0].at_us), ("0.1", taken_at));
    // The next unit: the gauge still shows 0.1, and even says so late.
    plant.play("INSPECTION", &[("RM3", "green inspect.unit")]);
    assert_eq!(plant.machine("INSPECTION", &measured), "amber machine.no-unit");
    plant.play("INSPECTION", &[("PASS", "red inspect.missing REFUSED"), ("0.05", "green measured")]);
    plant.play("INSPECTION", &[("PASS", "green inspect.passed INSPECTION")]);
    let event = plant.events.last().unwrap();
    let values: Vec<&str> = event.readings.iter().map(|r| r.value.as_str()).collect();
    assert_eq!(values, ["0.05"]);
}
